import type { DexDeployment } from "#libs/chains/chain.ts";
import { algebra } from "#libs/dex/algebra/index.ts";
import { balancerV2 } from "#libs/dex/balancer-v2/index.ts";
import { curveStableSwap } from "#libs/dex/curve-stableswap/index.ts";
import type { Family, FamilyId } from "#libs/dex/family.ts";
import { pancakeV3 } from "#libs/dex/pancake-v3/index.ts";
import { slipstream } from "#libs/dex/slipstream/index.ts";
import { solidly } from "#libs/dex/solidly/index.ts";
import { uniswapV2 } from "#libs/dex/uniswap-v2/index.ts";
import { uniswapV3 } from "#libs/dex/uniswap-v3/index.ts";

/** A line per family. */
export const FAMILIES = {
  algebra,
  "balancer-v2": balancerV2,
  "curve-stableswap": curveStableSwap,
  "pancake-v3": pancakeV3,
  slipstream,
  solidly,
  "uniswap-v2": uniswapV2,
  "uniswap-v3": uniswapV3,
} as const satisfies { readonly [Id in FamilyId]: { readonly id: Id } };

/** A family whose kind is only known at run time. Its states, facts and rows must come from the same family: callers keep them together per DEX or pool. */
export type AnyFamily = Family<FamilyId, object>;

export function familyOf(id: FamilyId): AnyFamily {
  return FAMILIES[id] as unknown as AnyFamily;
}

/** The topics whose logs a watcher asks for: every event that creates a pool or moves one. */
export function followedTopics(deployments: readonly DexDeployment[]): string[] {
  return [
    ...new Set(
      deployments.flatMap((deployment) => {
        const { created, state } = familyOf(deployment.family).topics(deployment);
        return [...created, ...state];
      }),
    ),
  ];
}
