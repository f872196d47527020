import type { RangesState } from "#libs/dex/concentrated/ranges.ts";
import { swapExactIn } from "#libs/dex/concentrated/swap-math.ts";
import type { PoolInfo } from "#libs/dex/family.ts";
import type { MarketPool } from "#libs/graph/market.ts";
import { marketOf } from "#libs/graph/testing.ts";
import { type Bench, type Measurement, time } from "#libs/testkit/bench.ts";
import { recordedPools } from "#libs/testkit/recorded-pools.ts";

const ROUNDS = 2_000;
const PER_ROUND = 100;

/** Raw units of token0 that are so much of the pool's depth at its price: reserve0, or L/√P. */
function depth0({ curve }: MarketPool): number {
  return curve?.kind === "ranges" ? curve.liquidity / curve.sqrtPrice : 0;
}

/** A quote for each pool that can take its input whole. */
function askedOf(pools: readonly MarketPool[], share: number): { readonly pool: MarketPool; readonly amountIn: bigint }[] {
  return pools
    .map((pool) => ({ pool, amountIn: BigInt(Math.max(1, Math.floor(depth0(pool) * share))) }))
    .filter(({ pool, amountIn }) => pool.family.quoteExactIn(pool.info, pool.state, { amountIn, indexIn: 0, indexOut: 1 }) > 0n);
}

function quotesBench(name: string, pools: readonly MarketPool[], share: number, facts?: () => Record<string, number>): Measurement {
  const asked = askedOf(pools, share);
  let next = 0;
  return time(
    name,
    { warmUp: 200, rounds: ROUNDS, perRound: { count: PER_ROUND, unit: "quotes" }, ...(facts === undefined ? {} : { facts }) },
    () => {
      let answered = 0n;
      for (let index = 0; index < PER_ROUND; index++) {
        const { pool, amountIn } = asked[next++ % asked.length] as (typeof asked)[number];
        answered += pool.family.quoteExactIn(pool.info, pool.state, { amountIn, indexIn: 0, indexOut: 1 });
      }
      return answered;
    },
  );
}

/** Steps and initialised ticks of the contract's loop, over all pools. */
function stepsOf(pools: readonly MarketPool[], share: number): Record<string, number> {
  const asked = askedOf(pools, share);
  const results = asked.map(({ pool: { info, state: held }, amountIn }) => {
    const state = held as RangesState;
    const { tickSpacing } = (info as PoolInfo<"uniswap-v3">).facts;
    return swapExactIn(state, { amountIn, zeroForOne: true, feePips: state.feePips[0], tickSpacing });
  });
  const mean = (values: readonly number[]) => Math.round((10 * values.reduce((sum, value) => sum + value, 0)) / results.length) / 10;
  return {
    pools: asked.length,
    "steps a quote": mean(results.map(({ steps }) => steps)),
    "ticks crossed": mean(results.map(({ ticksCrossed }) => ticksCrossed)),
  };
}

export const bench: Bench = {
  title: "quotes",
  about: `Exact integer quotes as the contracts compute them, over the pools of the recorded Ethereum market; a round is ${PER_ROUND} of them. Inputs are a share of the pool's depth at its price.`,
  run() {
    const pools = [...marketOf(recordedPools().pools).pools()].filter((pool) => depth0(pool) > 0);
    const pairs = pools.filter(({ family }) => family.id === "uniswap-v2");
    const concentrated = pools.filter(({ family }) => family.id === "uniswap-v3");
    return [
      quotesBench("uniswap-v2, 0.1 %", pairs, 1e-3),
      quotesBench("uniswap-v3, 0.01 %", concentrated, 1e-4, () => stepsOf(concentrated, 1e-4)),
      quotesBench("uniswap-v3, 0.1 %", concentrated, 1e-3, () => stepsOf(concentrated, 1e-3)),
      quotesBench("uniswap-v3, 1 %", concentrated, 1e-2, () => stepsOf(concentrated, 1e-2)),
    ];
  },
};
