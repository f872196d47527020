import { fc, test } from "@fast-check/vitest";
import { expect } from "vitest";
import type { Edge, Market } from "#libs/graph/market.ts";
import { cycleIdOf, type SearchOptions, searchCycles } from "#libs/graph/search.ts";
import { sizeCycle } from "#libs/graph/size.ts";
import {
  allCycles,
  bestByGoldenSection,
  exactAmounts,
  exactProfit,
  marketOf,
  type PoolSpec,
  randomFrom,
  randomMarket,
  roundingOf,
  type TestMarket,
} from "#libs/graph/testing.ts";
import { asAddress } from "#libs/units/brand.ts";

const MIN_PROFIT = 1e14;
const LARGEST = 10n ** 21n;
/** More than one, because a small one rounds to nothing in tokens of few decimals. */
const PROBES = [10n ** 12n, 10n ** 14n, 10n ** 15n, 10n ** 16n, 10n ** 17n];
const markets = fc.record({
  seed: fc.integer(),
  tokens: fc.integer({ min: 2, max: 5 }),
  pools: fc.integer({ min: 2, max: 9 }),
});
const drawn = ({ seed, ...size }: { seed: number; tokens: number; pools: number }) => randomMarket(randomFrom(seed), size);

/** Every pool once more at another address: equal profits, which only names can put in order. */
const withTwins = ({ tokens, pools }: TestMarket): TestMarket => ({
  tokens,
  pools: pools.flatMap((spec) => {
    const pool = asAddress(spec.info.pool.replace("0xb", "0xc"));
    return [spec, { ...spec, info: { ...spec.info, pool }, row: [pool, ...spec.row.slice(1)] as unknown as PoolSpec["row"] }];
  }),
});

const optionsFor = ({ tokens }: TestMarket, more: Partial<SearchOptions> = {}): SearchOptions => ({
  startToken: tokens[0]?.address as string,
  maxHops: 3,
  maxCandidates: 10_000,
  minGrossProfit: MIN_PROFIT,
  maxAmountIn: LARGEST,
  ...more,
});

/** Cycles that earn more than the minimum by brute force, and those that rounding puts on either side of it. */
function profitableCycles(
  market: Market,
  described: TestMarket,
): { readonly sure: Map<string, readonly Edge[]>; readonly close: Set<string> } {
  const sure = new Map<string, readonly Edge[]>();
  const close = new Set<string>();
  for (const edges of allCycles(market, described.tokens[0]?.address as string)) {
    // Profit is concave and starts at nothing: what earns nothing at any of these sizes earns nothing much at all.
    if (PROBES.every((amountIn) => (exactProfit(edges, amountIn) ?? 0n) <= 0n)) continue;
    const { profit } = bestByGoldenSection(edges, Number(LARGEST));
    const band = MIN_PROFIT * 1e-6 + roundingOf(edges, described.tokens);
    if (profit > MIN_PROFIT + band) sure.set(cycleIdOf(edges), edges);
    else if (profit > MIN_PROFIT - band) close.add(cycleIdOf(edges));
  }
  return { sure, close };
}

test.prop([markets, fc.infiniteStream(fc.boolean())], { numRuns: 200 })(
  "exactly the profitable cycles through changed pools are found, each once",
  (drawing, draws) => {
    const described = drawn(drawing);
    const market = marketOf(described.pools);
    const options = optionsFor(described);
    const { sure, close } = profitableCycles(market, described);
    const addresses = described.pools.map(({ info }) => info.pool);
    const subsets = [addresses, addresses.filter(() => draws.next().value), addresses.slice(0, 1), []];
    for (const changed of subsets) {
      const { candidates } = searchCycles(market, changed, options);
      const found = candidates.map(({ cycleId }) => cycleId);
      expect(new Set(found).size).toBe(found.length);
      const touches = (edges: readonly Edge[]) => edges.some(({ pool }) => changed.includes(pool.info.pool));
      const wanted = [...sure].filter(([, edges]) => touches(edges)).map(([cycleId]) => cycleId);
      expect(found.filter((cycleId) => !close.has(cycleId)).sort()).toEqual(wanted.sort());
    }
  },
  120_000,
);

test.prop([markets], { numRuns: 200 })("neither the order in which pools came nor that of the changes matters", (drawing) => {
  const random = randomFrom(drawing.seed + 1);
  const described = withTwins(drawn(drawing));
  const options = optionsFor(described, { maxCandidates: 5 });
  const addresses = described.pools.map(({ info }) => info.pool);
  const searched = (pools: readonly PoolSpec[], changed: readonly string[]) => {
    const { standing, ...result } = searchCycles(marketOf(pools), changed, options);
    return { ...result, standing: standing.map(({ edges }) => cycleIdOf(edges)) };
  };
  const first = searched(described.pools, addresses);
  expect(searched(described.pools, addresses)).toEqual(first);
  expect(searched(random.shuffled(described.pools), random.shuffled(addresses))).toEqual(first);
});

test.prop([markets], { numRuns: 200 })("amounts chain exactly, and refining never earns less than the float size", (drawing) => {
  const described = drawn(drawing);
  const market = marketOf(described.pools);
  const options = optionsFor(described);
  const addresses = described.pools.map(({ info }) => info.pool);
  const { candidates } = searchCycles(market, addresses, options);
  const profits = candidates.map(({ grossProfit }) => BigInt(grossProfit));
  expect(profits).toEqual([...profits].sort((left, right) => (left > right ? -1 : left < right ? 1 : 0)));
  for (const candidate of candidates) {
    const edges = candidate.hops.map(({ pool, tokenIn }) => market.pool(pool)?.edges.find(({ from }) => from === tokenIn) as Edge);
    const amounts = exactAmounts(edges, BigInt(candidate.amountIn)) as bigint[];
    expect(candidate.hops.map(({ amountIn }) => BigInt(amountIn))).toEqual(amounts.slice(0, -1));
    expect(candidate.hops.map(({ amountOut }) => BigInt(amountOut))).toEqual(amounts.slice(1));
    expect(candidate.hops.map(({ tokenIn, tokenOut }) => [tokenIn, tokenOut])).toEqual(edges.map(({ from, to }) => [from, to]));
    expect(candidate.token).toBe(options.startToken);
    expect([edges[0]?.from, edges.at(-1)?.to]).toEqual([options.startToken, options.startToken]);
    expect(BigInt(candidate.amountOut) - BigInt(candidate.amountIn)).toBe(BigInt(candidate.grossProfit));
    expect(candidate.amountOut).toBe(amounts.at(-1)?.toString());
    expect(BigInt(candidate.amountIn)).toBeLessThanOrEqual(options.maxAmountIn);
    const guess = sizeCycle(edges, Number(options.maxAmountIn))?.amountIn ?? 0;
    expect(BigInt(candidate.grossProfit)).toBeGreaterThanOrEqual(exactProfit(edges, BigInt(Math.floor(guess))) ?? 0n);
  }
});

test.prop([markets], { numRuns: 100 })("of more cycles than candidates are wanted the best are kept", (drawing) => {
  const described = drawn(drawing);
  const market = marketOf(described.pools);
  const addresses = described.pools.map(({ info }) => info.pool);
  const all = searchCycles(market, addresses, optionsFor(described)).candidates;
  const few = searchCycles(market, addresses, optionsFor(described, { maxCandidates: 3 })).candidates;
  expect(few.length).toBe(Math.min(3, all.length));
  // The float order decides which: it may differ from the exact one where profits are equal to many digits.
  for (const [index, { grossProfit }] of few.entries()) expect(Number(grossProfit) / Number(all[index]?.grossProfit)).toBeCloseTo(1, 6);
});
