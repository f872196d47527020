import type { FamilyId, RowOf } from "#libs/dex/family.ts";
import { bytesOf, rebuild, rest, type SearchOptions, searchCycles } from "#libs/graph/search.ts";
import { largeMarket, marketOf, normal, type PoolSpec, type Random, randomFrom } from "#libs/graph/testing.ts";
import { type Bench, type Goals, held, type Measurement, time } from "#libs/testkit/bench.ts";
import { recordedPools } from "#libs/testkit/recorded-pools.ts";

const WARM_UP = 150;
const CHANGED = 50;
/** What a cycle must earn: some 300,000 gas at 3 gwei. */
const MIN_PROFIT = 1e15;
const ETHER = 10n ** 18n;

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

type Weather = "calm" | "storm";

/** Logarithm of a price move. Calm: half of them below 5 basis points, with a heavy tail; storm: 0.5 %, and every tenth pool 3 %. */
const MOVES: Readonly<Record<Weather, (random: Random) => number>> = {
  calm: (random) => 5e-4 * Math.exp(1.2 * normal(random)) * (random.unit() < 0.5 ? -1 : 1),
  storm: (random) => (random.unit() < 0.1 ? 0.03 : 0.005) * normal(random),
};

interface Block {
  readonly rows: readonly RowOf<FamilyId>[];
  readonly changed: readonly string[];
}

/** Blocks of pools that move away from where they rest; those of the block before are back by then. */
export function blocksOf(pools: readonly PoolSpec[], weather: Weather, apply: (row: RowOf<FamilyId>) => void): () => Block {
  const random = randomFrom(1);
  let last: readonly PoolSpec[] = [];
  return () => {
    for (const spec of last) apply(moved(spec, 1));
    const chosen = new Set<PoolSpec>();
    while (chosen.size < CHANGED) chosen.add(random.pick(pools));
    last = [...chosen];
    const rows = last.map((spec) => moved(spec, Math.exp(MOVES[weather](random))));
    return { rows, changed: rows.map(([pool]) => pool) };
  };
}

interface Scenario {
  readonly name: string;
  readonly pools: readonly PoolSpec[];
  readonly options: SearchOptions;
  readonly weather: Weather;
  readonly rounds: number;
  readonly goals?: Goals;
}

/** From pools whose states have been taken in to candidates: curves to gains, cycles found and sized, the best confirmed. Taking in is told beside it. */
function searchBench({ name, pools, options, weather, rounds, goals = {} }: Scenario): Measurement {
  const market = marketOf(pools);
  const next = blocksOf(pools, weather, (row) => market.apply(row));
  const sum = { found: 0, taken: 0, rested: 0 };
  const clock = (work: () => void): number => {
    const before = performance.now();
    work();
    return performance.now() - before;
  };
  searchCycles(market, [], options);
  const rebuilt = clock(() => rebuild(market));
  const all = rounds + WARM_UP;
  const measured = time(
    name,
    {
      warmUp: WARM_UP,
      rounds,
      prepare: () => {
        const { rows, changed } = next();
        sum.rested += clock(() => rest(market));
        sum.taken += clock(() => {
          for (const row of rows) market.apply(row);
        });
        return changed;
      },
      facts: () => ({
        candidates: Math.round((10 * sum.found) / all) / 10,
        "taken in, µs": Math.round((1_000 * sum.taken) / all),
        "sorted in between blocks, µs": Math.round((1_000 * sum.rested) / all),
        "rebuilt, ms": Math.round(rebuilt),
        "tables, MB": Math.round(bytesOf(market) / 1e5) / 10,
      }),
    },
    (changed: readonly string[]) => {
      const result = searchCycles(market, changed, options);
      sum.found += result.candidates.length;
      return result;
    },
  );
  return held(measured, goals);
}

const ROUNDS: Readonly<Record<number, number>> = { 1000: 10_000, 10000: 10_000, 100000: 1_000 };
const QUICK_ROUNDS = 20;

type Row = readonly [pools: number, maxHops: number, weather: Weather, goals: Goals];
const TABLE: readonly Row[] = [
  [1_000, 4, "calm", {}],
  [10_000, 3, "calm", { msMost: 0.05, msMostP99: 0.15 }],
  [10_000, 4, "calm", { msMost: 0.1, msMostP99: 0.7 }],
  [10_000, 4, "storm", { msMostP99: 1.5 }],
  [100_000, 3, "calm", { msMost: 0.15, msMostP99: 1 }],
  [100_000, 4, "calm", { msMostP99: 10 }],
];
const DUST = { share: 0.02, profit: MIN_PROFIT };
const DUST_RATIO = 1.2;

function optionsOf(tokens: readonly { readonly address: string }[], maxHops: number): SearchOptions {
  const [startToken, ...otherStarts] = tokens.slice(0, 20).map(({ address }) => address);
  return {
    startToken: startToken as string,
    otherStarts,
    maxHops,
    maxCandidates: 32,
    minGrossProfit: MIN_PROFIT,
    maxAmountIn: 1_000n * ETHER,
  };
}

/** The market, and the same with dust. */
function dustBench(rounds: number, size: number): Measurement[] {
  const scenario = { options: optionsOf(largeMarket(randomFrom(size), size).tokens, 3), weather: "calm" as const, rounds };
  const clean = searchBench({
    ...scenario,
    name: `${size} pools, ≤ 3 hops, calm, again`,
    pools: largeMarket(randomFrom(size), size).pools,
  });
  const dusty = searchBench({
    ...scenario,
    name: `${size} pools and 2 % dust, ≤ 3 hops, calm`,
    pools: largeMarket(randomFrom(size), size, DUST).pools,
  });
  const ratio = dusty.usP50 / clean.usP50;
  return [clean, { ...dusty, facts: { ...dusty.facts, "times that without": Math.round(100 * ratio) / 100, "at most": DUST_RATIO } }];
}

export const bench: Bench = {
  title: "search",
  about:
    `One block: ${CHANGED} changed pools, whose states have been taken in, to the 32 best cycles through them that earn 0.001 of the native coin: found, sized and ` +
    "confirmed by exact quotes, the best refined to the unit. Made markets: degrees by a power law, four fifths constant product, prices within fees at rest.",
  run({ quick }) {
    const measurements: Measurement[] = [];
    const roundsFor = (size: number) => (quick ? QUICK_ROUNDS : (ROUNDS[size] as number));
    for (const [size, maxHops, weather, goals] of TABLE) {
      if (quick && size > 10_000) continue;
      const { tokens, pools } = largeMarket(randomFrom(size), size);
      const name = `${size} pools, ≤ ${maxHops} hops, ${weather}`;
      measurements.push(searchBench({ name, pools, options: optionsOf(tokens, maxHops), weather, rounds: roundsFor(size), goals }));
    }
    measurements.push(...dustBench(roundsFor(10_000), 10_000));
    const { startToken, pools } = recordedPools();
    for (const maxHops of [3, 4]) {
      const options = { startToken, maxHops, maxCandidates: 16, minGrossProfit: MIN_PROFIT, maxAmountIn: 1_000n * ETHER };
      measurements.push(
        searchBench({
          name: `${pools.length} recorded pools, ≤ ${maxHops} hops, storm`,
          pools,
          options,
          weather: "storm",
          rounds: quick ? QUICK_ROUNDS : 2_000,
        }),
      );
    }
    return measurements;
  },
};
