import type { DexDeployment } from "#libs/chains/chain.ts";
import { DEPLOYMENTS as uniswapV2 } from "#libs/dex/uniswap-v2/deployments.ts";
import { DEPLOYMENTS as uniswapV3 } from "#libs/dex/uniswap-v3/deployments.ts";

/** Every deployment that is known on a built-in chain, verified or not. */
export function deploymentsOn(chain: string): readonly DexDeployment[] {
  return [uniswapV2, uniswapV3].flatMap((deployments) => deployments[chain] ?? []);
}
