import { expect, test } from "vitest";
import { findCycles, rest, type SearchOptions } from "#libs/graph/search.ts";
import { marketOf, type PoolSpec, randomFrom, randomPool, randomTokens, type TestToken } from "#libs/graph/testing.ts";
import { asAddress } from "#libs/units/brand.ts";

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
