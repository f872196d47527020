import type { FamilyId, RowOf } from "#libs/dex/family.ts";
import type { Market } from "#libs/graph/market.ts";
import { type SearchOptions, type Sized, searchCycles } from "#libs/graph/search.ts";
import { marketOf, type PoolSpec, type Random, randomFrom } from "#libs/graph/testing.ts";
import { type Bench, type Measurement, time } from "#libs/testkit/bench.ts";
import { recordedPools } from "#libs/testkit/recorded-pools.ts";

const BLOCKS = 1_000;
const WARM_UP = 300;
const CHANGED = 20;
/** Blocks whose cycles are counted one by one. */
const SAMPLES = 20;

/** The pool's row with its price moved by a factor: reserves against each other; a concentrated pool with the liquidity that it has there. */
function moved({ family, row }: PoolSpec, factor: number): RowOf<FamilyId> {
  const root = BigInt(Math.round(Math.sqrt(factor) * 2 ** 40));
  if (family === "uniswap-v2") {
    const [pool, reserve0, reserve1, ...fees] = row as RowOf<"uniswap-v2">;
    return [pool, ((BigInt(reserve0) << 40n) / root).toString(), ((BigInt(reserve1) * root) >> 40n).toString(), ...fees];
  }
  const [pool, sqrtPriceX96, , , feePips0, feePips1, ticks] = row as RowOf<"uniswap-v3">;
  const next = (BigInt(sqrtPriceX96) * root) >> 40n;
  const tick = Math.floor((2 * Math.log(Number(next) / 2 ** 96)) / Math.log(1.0001));
  const liquidity = ticks.reduce((sum, [at, net]) => (at <= tick ? sum + BigInt(net) : sum), 0n);
  return [pool, next.toString(), tick, liquidity.toString(), feePips0, feePips1, []];
}

/** Cycles of at most so many hops that use none of these pools. */
function countCycles(market: Market, { startToken: start, maxHops }: SearchOptions, without: ReadonlySet<string>): number {
  const usable = (edges: readonly { readonly pool: { readonly info: { readonly pool: string } }; readonly rate: number }[]) =>
    edges.filter(({ pool, rate }) => rate > 0 && !without.has(pool.info.pool));
  let cycles = 0;
  for (const [token, firsts] of market.neighbours(start)) {
    const out = usable(firsts).length;
    const backs = usable(market.between(token, start));
    // Each pool once: there and back through the same one is no cycle.
    cycles += out * backs.length - backs.length;
    if (maxHops < 3) continue;
    for (const [next, middles] of market.neighbours(token))
      if (next !== start) cycles += out * usable(middles).length * usable(market.between(next, start)).length;
  }
  return cycles;
}

interface Scenario {
  readonly name: string;
  readonly options: SearchOptions;
  /** Blocks move half as many pools, and put those of the block before back where they were: as a market does in which arbitrage is taken. */
  readonly taken: boolean;
}

function searchBench({ name, options, taken }: Scenario, pools: readonly PoolSpec[]): Measurement {
  const random: Random = randomFrom(1);
  const market = marketOf(pools);
  const pick = () =>
    random
      .shuffled(pools)
      .slice(0, taken ? CHANGED / 2 : CHANGED)
      .map((spec) => ({ spec, row: moved(spec, Math.exp(random.between(-0.008, 0.008))) }));
  let last = taken ? pick() : [];
  let standing: readonly Sized[] = [];
  const sum = { found: 0, candidates: 0, considered: 0 };
  return time(
    name,
    {
      warmUp: WARM_UP,
      rounds: BLOCKS,
      prepare: (round) => {
        const back = taken ? last.map(({ spec }) => ({ spec, row: moved(spec, 1) })) : [];
        last = pick();
        const rows = [...back, ...last].map(({ row }) => row);
        if (round < SAMPLES) {
          const changed = new Set(rows.map(([pool]) => pool));
          sum.considered += (countCycles(market, options, new Set()) - countCycles(market, options, changed)) / SAMPLES;
        }
        if (round === WARM_UP) Object.assign(sum, { found: 0, candidates: 0 });
        return rows;
      },
      facts: () => ({
        "cycles considered": Math.round(sum.considered),
        "profitable before gas": Math.round(sum.found / BLOCKS),
        candidates: Math.round(sum.candidates / BLOCKS),
      }),
    },
    (rows) => {
      for (const row of rows) market.apply(row);
      const changed = rows.map(([pool]) => pool);
      const result = searchCycles(market, changed, options, standing);
      standing = result.standing;
      sum.found += result.cyclesFound;
      sum.candidates += result.candidates.length;
      return result;
    },
  );
}

export const bench: Bench = {
  title: "search",
  about:
    `One block: ${CHANGED} changed pools of the recorded Ethereum market taken in (row to float curve), cycles through them found and sized in float64, ` +
    "the 16 best confirmed by exact quotes, the best 4 of them refined. Price moves of up to 0.8 %.",
  run() {
    const { startToken, pools } = recordedPools();
    const options: SearchOptions = { startToken, maxHops: 3, maxCandidates: 16, minGrossProfit: 1e12, maxAmountIn: 10n ** 21n };
    const name = (hops: number, how: string) => `${pools.length} pools, ≤ ${hops} hops, ${how}`;
    return [
      searchBench({ name: name(2, "moves undone"), options: { ...options, maxHops: 2 }, taken: true }, pools),
      searchBench({ name: name(3, "moves undone"), options, taken: true }, pools),
      searchBench({ name: name(3, "moves stay"), options, taken: false }, pools),
    ];
  },
};
