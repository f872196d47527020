import type { PoolSpec } from "#libs/graph/testing.ts";
import { planMarket, recordedMarket, type V2Dex } from "#libs/localnet/market.ts";
import { asAddress } from "#libs/units/brand.ts";
import type { TickRow } from "#proto/pool/v1/state.ts";

/** Fees of the forks that the local chain loads the recorded pairs into (libs/localnet/README.md). */
const FEE_PIPS: Readonly<Record<V2Dex, number>> = { "uniswap-v2": 3_000, "pancake-v2": 2_000, swapr: 2_500 };
/** Source: UniswapV3Factory's constructor (v3-core), and its owner's later 0.01 %. */
const TICK_SPACING: Readonly<Record<number, number>> = { 100: 1, 500: 10, 3000: 60, 10000: 200 };

/** The market that the local chain is loaded with, without a chain: some 600 pools of Ethereum as they stood in one block. */
export function recordedPools(): { readonly startToken: string; readonly pools: PoolSpec[] } {
  const plan = planMarket(recordedMarket());
  const pairs = plan.pairs.map(({ recorded, dex, token0, token1, reserve0, reserve1 }): PoolSpec => {
    const pool = asAddress(recorded.address);
    const feePips = FEE_PIPS[dex];
    const info = { pool, tokens: [token0, token1], facts: {} };
    return { dex, family: "uniswap-v2", info, row: [pool, reserve0.toString(), reserve1.toString(), feePips, feePips] };
  });
  const concentrated = plan.pools.map(({ recorded, token0, token1, feePips, sqrtPriceX96, liquidity, ladder }): PoolSpec => {
    const pool = asAddress(recorded.address);
    const info = { pool, tokens: [token0, token1], facts: { tickSpacing: TICK_SPACING[feePips] as number } };
    const ticks = ladder.ticks.map(([tick, net]): TickRow => [tick, net.toString(), (net < 0n ? -net : net).toString()]);
    return {
      dex: "uniswap-v3",
      family: "uniswap-v3",
      info,
      row: [pool, sqrtPriceX96.toString(), recorded.tick, liquidity.toString(), feePips, feePips, ticks],
    };
  });
  return { startToken: recordedMarket().nativeToken, pools: [...pairs, ...concentrated] };
}
