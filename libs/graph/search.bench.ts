import type { FamilyId, RowOf } from "#libs/dex/family.ts";
import { bytesOf, findCycles, rebuild, rest, type SearchOptions, type Standing, searchCycles } from "#libs/graph/search.ts";
import { largeMarket, marketOf, normal, type PoolSpec, type Random, randomFrom } from "#libs/graph/testing.ts";
import { type Bench, type Measurement, time } from "#libs/testkit/bench.ts";
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
function blocksOf(pools: readonly PoolSpec[], weather: Weather, apply: (row: RowOf<FamilyId>) => void): () => Block {
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
}

/** Apply, find, size in float64: the part of a block that grows with the market. */
function findBench({ name, pools, options, weather, rounds }: Scenario): Measurement {
  const market = marketOf(pools);
  const next = blocksOf(pools, weather, (row) => market.apply(row));
  const settings = { floor: 0, capacity: options.maxCandidates, without: [] };
  findCycles(market, [], options, settings);
  let found = 0;
  let rested = 0;
  const start = performance.now();
  rebuild(market);
  const rebuilt = performance.now() - start;
  return time(
    name,
    {
      warmUp: WARM_UP,
      rounds,
      prepare: () => {
        const block = next();
        findCycles(market, [], options, settings);
        const before = performance.now();
        rest(market);
        rested += performance.now() - before;
        return block;
      },
      facts: () => ({
        "cycles found": Math.round((10 * found) / (rounds + WARM_UP)) / 10,
        "sorted in between blocks, µs": Math.round((1_000 * rested) / (rounds + WARM_UP)),
        "rebuilt, ms": Math.round(rebuilt),
        "tables, MB": Math.round(bytesOf(market) / 1e5) / 10,
      }),
    },
    ({ rows, changed }) => {
      for (const row of rows) market.apply(row);
      const cycles = findCycles(market, changed, options, settings);
      found += cycles.length;
      return cycles;
    },
  );
}

/** The whole of a kernel's block: as before, merged with what stands, the best confirmed and refined by exact quotes. */
function blockBench({ name, pools, options, weather, rounds }: Scenario): Measurement {
  const market = marketOf(pools);
  const next = blocksOf(pools, weather, (row) => market.apply(row));
  let standing: Standing | undefined;
  let candidates = 0;
  return time(
    name,
    {
      warmUp: WARM_UP,
      rounds,
      prepare: () => {
        const block = next();
        rest(market);
        return block;
      },
      facts: () => ({ candidates: Math.round(candidates / (rounds + WARM_UP)) }),
    },
    ({ rows, changed }) => {
      for (const row of rows) market.apply(row);
      const result = searchCycles(market, changed, options, standing);
      standing = result.standing;
      candidates += result.candidates.length;
      return result;
    },
  );
}

const SIZES = [1_000, 10_000, 100_000];
const ROUNDS: Readonly<Record<number, number>> = { 1000: 1_000, 10000: 600, 100000: 150 };

export const bench: Bench = {
  title: "search",
  about:
    `One block: ${CHANGED} changed pools taken in (row to float curve and gains), the 32 best cycles through them that earn 0.001 of the native coin found and ` +
    "sized in float64. Made markets with degrees by a power law, four fifths constant product, prices within fees at rest; then the recorded Ethereum market, with the 16 best confirmed by exact quotes and 8 of them refined.",
  run() {
    const measurements: Measurement[] = [];
    for (const size of SIZES) {
      const { tokens, pools } = largeMarket(randomFrom(size), size);
      const [numeraire, ...others] = tokens.slice(0, 20).map(({ address }) => address);
      const options = (maxHops: number): SearchOptions => ({
        startToken: numeraire as string,
        otherStarts: others,
        maxHops,
        maxCandidates: 32,
        minGrossProfit: MIN_PROFIT,
        maxAmountIn: 1_000n * ETHER,
      });
      for (const maxHops of [3, 4])
        for (const weather of ["calm", "storm"] as const)
          measurements.push(
            findBench({
              name: `${size} pools, ≤ ${maxHops} hops, ${weather}`,
              pools,
              options: options(maxHops),
              weather,
              rounds: ROUNDS[size] as number,
            }),
          );
      if (size !== 10_000) continue;
      const dusty = largeMarket(randomFrom(size), size, { share: 0.05, profit: MIN_PROFIT }).pools;
      for (const maxHops of [3, 4])
        measurements.push(
          findBench({
            name: `${size} pools and dust, ≤ ${maxHops} hops, calm`,
            pools: dusty,
            options: options(maxHops),
            weather: "calm",
            rounds: 100,
          }),
        );
    }
    const { startToken, pools } = recordedPools();
    for (const maxHops of [3, 4]) {
      const options = { startToken, maxHops, maxCandidates: 16, minGrossProfit: MIN_PROFIT, maxAmountIn: 1_000n * ETHER };
      measurements.push(
        blockBench({
          name: `${pools.length} recorded pools, ≤ ${maxHops} hops, storm, confirmed`,
          pools,
          options,
          weather: "storm",
          rounds: 1_000,
        }),
      );
    }
    return measurements;
  },
};
