import { expect, test } from "vitest";
import { BUCKETS, GAIN, sortByGain } from "#libs/graph/buckets.ts";
import { findCycles, rebuild, rest, type SearchOptions } from "#libs/graph/search.ts";
import { sizeCycle } from "#libs/graph/size.ts";
import {
  allCycles,
  marketOf,
  type PoolSpec,
  randomFrom,
  randomMarket,
  randomPool,
  randomTokens,
  type TestToken,
} from "#libs/graph/testing.ts";
import { type Address, asAddress } from "#libs/units/brand.ts";

const TOKENS = 60;
const random = randomFrom(3);
const tokens = randomTokens(random, TOKENS);
const pools = Array.from({ length: 1_300 }, (_, index) => {
  const first = random.integer(0, TOKENS - 1);
  const pair: [TestToken, TestToken] = [tokens[first] as TestToken, tokens[(first + random.integer(1, TOKENS - 1)) % TOKENS] as TestToken];
  return randomPool(random, index, pair, random.between(-0.004, 0.004));
});
const addresses = pools.map(({ info }) => info.pool);
const options: SearchOptions = {
  startToken: tokens[0]?.address as string,
  maxHops: 3,
  maxCandidates: 1,
  minGrossProfit: 1e17,
  maxAmountIn: 10n ** 21n,
};

/** Pools and directions of what is found through any of these. */
function found(market: ReturnType<typeof marketOf>, changed: readonly string[], by: SearchOptions = options): string[] {
  const { cycles } = findCycles(market, changed, by, { floor: 0, capacity: 1e6, without: [] });
  expect(cycles.every(({ edges }) => edges.every(({ to }, hop) => edges[(hop + 1) % edges.length]?.from === to))).toBe(true);
  return cycles.map(({ edges }) => edges.map(({ pool, from }) => `${pool.info.pool} ${from}`).join()).sort();
}

/** The same pool at another address. */
const elsewhere = (spec: PoolSpec): PoolSpec => {
  const pool = asAddress(spec.info.pool.replace("0xb", "0xd"));
  return { ...spec, info: { ...spec.info, pool }, row: [pool, ...spec.row.slice(1)] as unknown as PoolSpec["row"] };
};

test("edges are sorted by falling gain, many and few, and those of equal gain stay in their order", () => {
  const values = [0, Number.MIN_VALUE, 1e-40, 0.5, 0.997, 1, 1 + 2 ** -23, 1.003, 255, 3e38, Number.POSITIVE_INFINITY];
  for (const [count, share] of [0, 1, 2, 24, 25, 300, 5_000].flatMap((each) => [0, 0.5].map((special) => [each, special] as const))) {
    const any = () => (random.unit() < share ? random.pick(values) : Math.round(1e4 * random.between(0.9, 1.1)) / 1e4);
    const gain = Float32Array.from({ length: count * GAIN.width }, any);
    const ids = Array.from({ length: count }, (_, index) => (index * 7_919) % Math.max(1, count));
    for (const bucket of [0, BUCKETS - 1]) {
      const of = (id: number) => gain[id * GAIN.width + bucket] as number;
      const sorted = Int32Array.from([...ids, -1]);
      sortByGain(sorted, count, gain, bucket);
      expect([...sorted]).toEqual([...ids.toSorted((one, other) => (of(one) === of(other) ? 0 : of(other) - of(one))), -1]);
    }
  }
});

test("pools that go while thousands of edges wait to be sorted in leave their numbers clean to those that come", () => {
  const market = marketOf(pools);
  found(market, []);
  for (const { row } of pools) market.apply(row);
  found(market, addresses);
  const gone = pools.slice(0, 200);
  for (const { info } of gone) market.remove(info.pool);
  found(market, []);
  const come = gone.map(elsewhere);
  for (const { dex, family, info, row } of come) {
    market.add(dex, family, info);
    market.apply(row);
  }
  const now = [...pools.slice(200), ...come];
  const all = now.map(({ info }) => info.pool);
  const wanted = found(marketOf(now), all);
  expect(wanted.length).toBeGreaterThan(20);
  expect(found(market, all)).toEqual(wanted);
});

test("a market that is searched with another minimum has nothing of the first one's tables", () => {
  const market = marketOf(pools);
  const other = { ...options, minGrossProfit: 2e17 };
  found(market, []);
  for (const { row } of pools.slice(0, 300)) market.apply(row);
  found(market, addresses);
  const wanted = found(marketOf(pools), addresses, other);
  expect(wanted.length).toBeGreaterThan(10);
  expect(found(market, addresses, other)).toEqual(wanted);
  for (const { row } of pools.slice(100, 500)) market.apply(row);
  rest(market);
  for (const { row } of pools.slice(100, 150)) market.apply(row);
  rest(market);
  expect(found(market, addresses, other)).toEqual(wanted);
});

test("a token that comes later is not priced by the first stray pool of it", () => {
  const ether = 10n ** 18n;
  const [start, other, late] = ["1", "2", "3"].map((digit) => asAddress(`0x${digit.repeat(40)}`)) as [Address, Address, Address];
  const pair = (digit: string, token: Address, reserve0: bigint, reserve1: bigint): PoolSpec => {
    const pool = asAddress(`0x${digit.repeat(40)}`);
    const row: PoolSpec["row"] = [pool, reserve0.toString(), reserve1.toString(), 3_000, 3_000];
    return { dex: "v2", family: "uniswap-v2", info: { pool, tokens: [start, token], facts: {} }, row };
  };
  const market = marketOf([pair("a", other, 100n * ether, 100n * ether), pair("b", other, 100n * ether, 100n * ether)]);
  const small = { ...options, startToken: start, minGrossProfit: 1e12 };
  found(market, [], small);
  const come = [
    // A thousand units against as many whole tokens; then the market of it, of two pools a per cent apart.
    pair("c", late, 1_000n, 1_000n * ether),
    pair("d", late, 10n * ether, 10n * ether),
    pair("e", late, 10n * ether, (10n * ether * 1_009n) / 1_000n),
  ];
  for (const { dex, family, info, row } of come) {
    market.add(dex, family, info);
    market.apply(row);
  }
  const changed = come.map(({ info }) => info.pool);
  const cycles = found(market, changed, small);
  rebuild(market);
  expect(cycles).toEqual(found(market, changed, small));
  expect(cycles.some((each) => !each.includes("cccc"))).toBe(true);
});

test("a cycle past a token that its pools sell or buy, and none does both, is found", () => {
  // Of its two pools of ranges each stands beyond its last tick: one only sells it, the other only buys it.
  const described = randomMarket(randomFrom(1_973_145_583), { tokens: 5, pools: 4 });
  const market = marketOf(described.pools);
  const by = { ...options, startToken: described.tokens[0]?.address as string, minGrossProfit: 1e14 };
  const changed = described.pools.map(({ info }) => info.pool);
  const pays = [...allCycles(market, by.startToken)].filter((edges) => (sizeCycle(edges, 1e21)?.profit ?? 0) > 1e14);
  expect(pays).toHaveLength(1);
  const [edges] = pays as [(typeof pays)[number]];
  const [before, ...after] = edges.map(({ pool }) => described.pools.find(({ info }) => info.pool === pool.info.pool) as PoolSpec) as [
    PoolSpec,
    ...PoolSpec[],
  ];
  expect(found(market, changed, by)).toHaveLength(1);
  // Likewise where its pools come later, whichever first.
  for (const order of [
    [before, ...after],
    [...after, before],
  ]) {
    const later = marketOf([]);
    found(later, [], by);
    for (const { dex, family, info, row } of order) {
      later.add(dex, family, info);
      later.apply(row);
      found(later, [], by);
    }
    expect(found(later, changed, by)).toHaveLength(1);
  }
});
