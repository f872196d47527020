import type { DexDeployment } from "#libs/chains/chain.ts";
import { DEPLOYMENTS as algebra } from "#libs/dex/algebra/deployments.ts";
import { DEPLOYMENTS as balancerV2 } from "#libs/dex/balancer-v2/deployments.ts";
import { DEPLOYMENTS as curveStableSwap } from "#libs/dex/curve-stableswap/deployments.ts";
import { DEPLOYMENTS as pancakeV3 } from "#libs/dex/pancake-v3/deployments.ts";
import { DEPLOYMENTS as slipstream } from "#libs/dex/slipstream/deployments.ts";
import { DEPLOYMENTS as solidly } from "#libs/dex/solidly/deployments.ts";
import { DEPLOYMENTS as uniswapV2 } from "#libs/dex/uniswap-v2/deployments.ts";
import { DEPLOYMENTS as uniswapV3 } from "#libs/dex/uniswap-v3/deployments.ts";

/** A line per family. */
const BY_FAMILY = [uniswapV2, solidly, uniswapV3, pancakeV3, slipstream, algebra, balancerV2, curveStableSwap];

/** Every deployment that is known on a built-in chain, verified or not. */
export const deploymentsOn = (chain: string): readonly DexDeployment[] => BY_FAMILY.flatMap((deployments) => deployments[chain] ?? []);
