import { fc, test } from "@fast-check/vitest";
import { expect } from "vitest";
import { shardOf } from "#libs/graph/cycles.ts";
import { type Edge, type Market, marginalRate } from "#libs/graph/market.ts";
import { cycleIdOf, findCycles, rebuild, replenish, rest, type SearchOptions, type Standing, searchCycles } from "#libs/graph/search.ts";
import { sizeCycle } from "#libs/graph/size.ts";
import {
  allCycles,
  bestByGoldenSection,
  exactAmounts,
  exactProfit,
  marketOf,
  type PoolSpec,
  type Random,
  randomFrom,
  randomMarket,
  randomPool,
  randomTokens,
  roundingOf,
  smoothPool,
  type TestMarket,
  type TestToken,
} from "#libs/graph/testing.ts";
import { Visits } from "#libs/graph/visits.ts";
import { asAddress } from "#libs/units/brand.ts";

const MIN_PROFIT = 1e14;
const LARGEST = 10n ** 21n;
const HOPS = 4;
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
  maxHops: HOPS,
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
  for (const edges of allCycles(market, described.tokens[0]?.address as string, HOPS)) {
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
    return { ...result, standing: standing.cycles.map(({ edges }) => cycleIdOf(edges)) };
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

test.prop([markets], { numRuns: 100 })("cycles past other tokens are found, each once, from the first start that they pass", (drawing) => {
  const described = drawn(drawing);
  const market = marketOf(described.pools);
  const [startToken, ...otherStarts] = described.tokens.map(({ address }) => address) as [string, ...string[]];
  const addresses = described.pools.map(({ info }) => info.pool);
  const { candidates } = searchCycles(market, addresses, optionsFor(described, { otherStarts }));
  const found = new Map(candidates.map((candidate) => [candidate.cycleId, candidate]));
  expect(found.size).toBe(candidates.length);
  const starts = [startToken, ...otherStarts];
  // A token that no pool connects to the start token is worth nothing that could be known.
  const edgesOfAll = [...market.pools()].filter(({ live }) => live).flatMap(({ edges }) => edges);
  const connected = new Set([startToken]);
  for (const _ of starts) for (const { from, to } of edgesOfAll) if (connected.has(from)) connected.add(to);
  for (const [index, start] of starts.entries()) {
    if (!connected.has(start)) continue;
    const earlier = starts.slice(0, index);
    const value = described.tokens[index]?.value as number;
    for (const edges of allCycles(market, start, HOPS)) {
      const candidate = found.get(cycleIdOf(edges));
      if (edges.some(({ from }) => earlier.includes(from))) expect(candidate).toBeUndefined();
      else if (candidate !== undefined) {
        expect(candidate.token).toBe(start);
        // What the tables hold a token to be worth is off by what its deepest pool is, some per cent.
        expect(Number(candidate.grossProfit) * value).toBeGreaterThan(0.8 * MIN_PROFIT);
      } else if (PROBES.some((worth) => (exactProfit(edges, worth / BigInt(Math.ceil(value))) ?? 0n) > 0n)) {
        const rounding = roundingOf(edges, described.tokens);
        expect(bestByGoldenSection(edges, Number(LARGEST) / value).profit * value).toBeLessThan(1.2 * MIN_PROFIT + rounding);
      }
    }
  }
});

test.prop([markets], { numRuns: 100 })(
  "of the best one, a unit more or less of the input earns no more, beyond what rounding in tokens of few decimals leaves",
  (drawing) => {
    const described = drawn(drawing);
    const market = marketOf(described.pools);
    const { candidates } = searchCycles(
      market,
      described.pools.map(({ info }) => info.pool),
      optionsFor(described, { maxCandidates: 1 }),
    );
    for (const { hops, amountIn, grossProfit } of candidates) {
      const edges = hops.map(({ pool, tokenIn }) => market.pool(pool)?.edges.find(({ from }) => from === tokenIn) as Edge);
      for (const other of [BigInt(amountIn) - 1n, BigInt(amountIn) + 1n]) {
        if (other > LARGEST) continue;
        const more = (exactProfit(edges, other) ?? -1n) - BigInt(grossProfit);
        expect(Number(more)).toBeLessThanOrEqual(
          described.tokens.every(({ value }) => value <= 1) ? 0 : roundingOf(edges, described.tokens),
        );
      }
    }
  },
);

test.prop([markets, fc.integer({ min: 2, max: 5 })], { numRuns: 100 })("shards together find what one search finds", (drawing, count) => {
  const described = drawn(drawing);
  const options = optionsFor(described);
  const addresses = described.pools.map(({ info }) => info.pool);
  const idsOf = (more: Partial<SearchOptions>) =>
    searchCycles(marketOf(described.pools), addresses, { ...options, ...more }).candidates.map(({ cycleId }) => cycleId);
  const shards = Array.from({ length: count }, (_, index) => idsOf({ shard: { index, count } }));
  expect([...new Set(shards.flat())].sort()).toEqual(idsOf({}).sort());
});

test.prop([markets, fc.integer({ min: 0, max: 50 })], { numRuns: 100 })(
  "searching everything again forgets no cycle that stands, neither a shard nor a search that is cut short",
  (drawing, maxVisits) => {
    const described = drawn(drawing);
    const options = optionsFor(described);
    const market = marketOf(described.pools);
    const own = described.pools.map(({ info }) => info.pool).filter((pool) => shardOf(pool, 2) === 0);
    for (const more of [{ shard: { index: 0, count: 2 } }, { maxVisits: Math.ceil(maxVisits / 50) }]) {
      const { standing } = searchCycles(market, own, { ...options, ...(more.shard === undefined ? {} : more) });
      const again = replenish(market, { ...options, ...more }, { ...standing, isCutShort: true });
      const idsOf = ({ cycles }: Standing) => cycles.map(({ edges }) => cycleIdOf(edges));
      expect(idsOf(again)).toEqual(expect.arrayContaining(idsOf(standing)));
      expect(idsOf(again).length).toBe(new Set(idsOf(again)).size);
    }
  },
);

test.prop([markets, fc.integer({ min: 0, max: 200 })], { numRuns: 100 })(
  "a search that is cut short says so, and finds cycles that are there; one that is not finds all",
  (drawing, maxVisits) => {
    const described = drawn(drawing);
    const options = optionsFor(described);
    const addresses = described.pools.map(({ info }) => info.pool);
    const whole = searchCycles(marketOf(described.pools), addresses, options);
    const bounded = searchCycles(marketOf(described.pools), addresses, { ...options, maxVisits });
    const ids = whole.candidates.map(({ cycleId }) => cycleId);
    expect(whole.isCutShort).toBe(false);
    if (bounded.isCutShort) for (const { cycleId } of bounded.candidates) expect(ids).toContain(cycleId);
    else expect(bounded.candidates).toEqual(whole.candidates);
  },
);

test.prop([markets, fc.nat({ max: 100 })], { numRuns: 200 })(
  "searches that a clock ends, one after the other, end at the same edge when they are told after how many",
  (drawing, ticks) => {
    const described = drawn(drawing);
    const options = optionsFor(described);
    const market = marketOf(described.pools);
    const addresses = described.pools.map(({ info }) => info.pool);
    const searched = (visits: Visits) =>
      [addresses, addresses.slice(1), addresses].map((changed) => {
        const { cycles, isCutShort } = findCycles(market, changed, { ...options, visits }, { floor: 0, capacity: 1e6, without: [] });
        return { isCutShort, cycles: cycles.map(({ edges, profit }) => [cycleIdOf(edges), profit]) };
      });
    let ticked = 0;
    const clock = new Visits(() => (ticked++ >= ticks ? "deadline" : null), 5);
    const first = searched(clock);
    const whole = searched(new Visits(() => null));
    if (clock.ended === null) expect(first).toEqual(whole);
    else {
      expect(searched(new Visits(clock.ended))).toEqual(first);
      expect(searched(new Visits(clock.ended, 3))).toEqual(first);
      for (const [index, { isCutShort }] of first.entries()) if (!isCutShort) expect(first[index]).toEqual(whole[index]);
    }
  },
);

/** Tokens with some twenty pools each, a few of which are far off: between such hubs the search takes other ways than from a token with few pools. */
test.each([1, 2, 3, 4])("between hubs, with shallow pools far off the price, nothing is lost either (%i)", (seed) => {
  const random = randomFrom(seed);
  const tokens = randomTokens(random, 8);
  const pools = Array.from({ length: 70 }, (_, index) => {
    const first = random.integer(0, 7);
    const pair: [TestToken, TestToken] = [tokens[first] as TestToken, tokens[(first + random.integer(1, 7)) % 8] as TestToken];
    return randomPool(random, index, pair, random.unit() < 0.1 ? random.between(-0.3, 0.3) : random.between(-0.004, 0.004));
  });
  const market = marketOf(pools);
  const options = { ...optionsFor({ tokens, pools }), minGrossProfit: 3e17 };
  const settings = { floor: 0, capacity: 1e6, without: [] };
  const pays = new Map<string, readonly Edge[]>();
  for (const edges of allCycles(market, options.startToken, HOPS)) {
    if (!edges.every(({ pool }) => pool.live)) continue;
    if (edges.reduce((rate, edge) => rate * marginalRate(edge.pool.curve as NonNullable<typeof edge.pool.curve>, edge), 1) <= 1) continue;
    if ((sizeCycle(edges, Number(LARGEST))?.profit ?? 0) >= options.minGrossProfit) pays.set(cycleIdOf(edges), edges);
  }
  const idsOf = (changed: readonly string[]) => findCycles(market, changed, options, settings).cycles.map(({ edges }) => cycleIdOf(edges));
  const everything = pools.map(({ info }) => info.pool);
  expect(idsOf(everything).sort()).toEqual([...pays.keys()].sort());
  expect(pays.size).toBeGreaterThan(20);
  // In the chains of changed edges, sorted in, and priced anew.
  for (const between of [(_: Market) => {}, rest, rebuild]) {
    const changed = pools.filter(() => random.unit() < 0.15);
    for (const { row } of changed) market.apply(row);
    const names = new Set(changed.map(({ info }) => info.pool));
    between(market);
    const wanted = [...pays].filter(([, edges]) => edges.some(({ pool }) => names.has(pool.info.pool))).map(([id]) => id);
    expect(idsOf([...names]).sort()).toEqual(wanted.sort());
  }
});

/** Found is what brute force says pays, where everything has changed and where some pools have. */
function expectEveryCycle({ tokens, pools }: TestMarket, maxHops: number, random: Random): void {
  const market = marketOf(pools);
  const options = optionsFor({ tokens, pools }, { maxHops });
  const pays = [...allCycles(market, options.startToken, maxHops)].filter(
    (edges) => edges.every(({ pool }) => pool.live) && (sizeCycle(edges, Number(LARGEST))?.profit ?? 0) >= MIN_PROFIT,
  );
  const everything = pools.map(({ info }) => info.pool);
  for (const changed of [everything, everything.filter(() => random.unit() < 0.3)]) {
    const { cycles } = findCycles(market, changed, options, { floor: 0, capacity: 1e6, without: [] });
    const wanted = pays.filter((edges) => edges.some(({ pool }) => changed.includes(pool.info.pool))).map(cycleIdOf);
    expect(cycles.map(({ edges }) => cycleIdOf(edges)).sort()).toEqual(wanted.sort());
  }
}

test.prop([fc.integer()], { numRuns: 150 })("nothing is lost in cycles of five hops, nor of pools whose curves have no ranges", (seed) => {
  const random = randomFrom(seed);
  const tokens = randomTokens(random, 5);
  const pools = Array.from({ length: 9 }, (_, index) => {
    const first = random.integer(0, 4);
    const pair: [TestToken, TestToken] = [tokens[first] as TestToken, tokens[(first + random.integer(1, 4)) % 5] as TestToken];
    return random.unit() < 0.5 ? smoothPool(random, index, pair) : randomPool(random, index, pair, random.between(-0.03, 0.03));
  });
  expectEveryCycle({ tokens, pools }, 5, random);
});

/**
 * Pools from a thousandth of the minimum's worth to far more, one in three of them off the price by up to a factor of a hundred thousand: cycles that shrink to next
 * to nothing on their way and grow again.
 */
test.prop([fc.integer(), fc.integer({ min: 2, max: 5 })], { numRuns: 300 })(
  "nothing is lost where pools and tokens are mispriced manyfold, however little the cycle passes on its way",
  (seed, maxHops) => {
    const random = randomFrom(seed);
    const tokens = randomTokens(random, 5);
    const pools = Array.from({ length: 9 }, (_, index) => {
      const first = random.integer(0, 4);
      const pair: [TestToken, TestToken] = [tokens[first] as TestToken, tokens[(first + random.integer(1, 4)) % 5] as TestToken];
      const dislocation = random.unit() < 0.33 ? random.between(-12, 12) : random.between(-0.01, 0.01);
      const depth = 10 ** random.between(11, 20);
      // Smooth curves round fees up to whole units: of tokens whose unit is worth much they are no curves any more.
      const isSmooth = random.unit() < 0.3 && pair.every(({ value }) => value < 1e6);
      return isSmooth ? smoothPool(random, index, pair, depth) : randomPool(random, index, pair, dislocation, depth);
    });
    expectEveryCycle({ tokens, pools }, maxHops, random);
  },
  120_000,
);
