import { fc, test } from "@fast-check/vitest";
import { expect } from "vitest";
import type { FamilyId, RowOf } from "#libs/dex/family.ts";
import { routeOptimum } from "#libs/graph/convex-optimum.ts";
import type { Edge, Market, MarketPool } from "#libs/graph/market.ts";
import { bestRoute, type Route, type RouteOptions, type SellOrder } from "#libs/graph/routes.ts";
import {
  exactAmounts,
  marketOf,
  type PoolSpec,
  type Random,
  randomFrom,
  randomPool,
  randomTokens,
  smoothPool,
  type TestMarket,
  type TestToken,
} from "#libs/graph/testing.ts";

const markets = fc.record({
  seed: fc.integer(),
  tokens: fc.integer({ min: 2, max: 6 }),
  pools: fc.integer({ min: 2, max: 14 }),
});
/** From a unit to more than all pools hold, in worth of the first token. */
const sizes = fc.double({ min: 0, max: 25, noNaN: true });

const pairFrom = (random: Random, tokens: readonly TestToken[]) => random.shuffled(tokens).slice(0, 2) as [TestToken, TestToken];

/** Constant products, ranges with gaps and ends, and curves between tokens of one worth. */
function drawn({ seed, tokens: count, pools }: { readonly seed: number; readonly tokens: number; readonly pools: number }): TestMarket {
  const random = randomFrom(seed);
  const tokens = randomTokens(random, count).map((token, index) => (index % 2 === 0 ? { ...token, value: index === 2 ? 1e12 : 1 } : token));
  const alike = tokens.filter((_, index) => index % 2 === 0);
  const specs = Array.from({ length: pools }, (_, index) =>
    alike.length > 1 && random.unit() < 0.2
      ? smoothPool(random, index, pairFrom(random, alike))
      : randomPool(random, index, pairFrom(random, tokens), 0.01 * (random.unit() - 0.5)),
  );
  return { tokens, pools: specs };
}

const orderIn = ({ tokens }: TestMarket, size: number): SellOrder => {
  const [first, second] = tokens as readonly [TestToken, TestToken];
  return { tokenIn: second.address, tokenOut: first.address, amountIn: BigInt(Math.max(1, Math.floor(10 ** size / second.value))) };
};

/** Every path of at most so many hops: each pool once, neither end passed on the way. */
function* allPaths(market: Market, { tokenIn, tokenOut }: SellOrder, maxHops: number): Generator<readonly Edge[]> {
  const from = Map.groupBy(
    [...market.pools()].flatMap((pool) => pool.edges),
    (edge) => edge.from,
  );
  function* extend(path: readonly Edge[]): Generator<readonly Edge[]> {
    for (const edge of from.get(path.at(-1)?.to ?? tokenIn) ?? []) {
      if (edge.to === tokenIn || path.some(({ pool }) => pool === edge.pool)) continue;
      if (edge.to === tokenOut) yield [...path, edge];
      else if (path.length + 1 < maxHops) yield* extend([...path, edge]);
    }
  }
  yield* extend([]);
}

function bestByBruteForce(market: Market, order: SellOrder, maxHops: number): bigint {
  let best = 0n;
  for (const path of allPaths(market, order, maxHops)) {
    const paid = exactAmounts(path, order.amountIn)?.at(-1) ?? 0n;
    if (paid > best) best = paid;
  }
  return best;
}

const paidBy = (route: Route | null): bigint => route?.amountOut ?? 0n;

for (const maxHops of [1, 2, 3, 4]) {
  test.prop([markets, sizes], { numRuns: 300 })(`one path pays what the best of all of at most ${maxHops} hops pays`, (drawing, size) => {
    const described = drawn(drawing);
    const market = marketOf(described.pools);
    const order = orderIn(described, size);
    expect(paidBy(bestRoute(market, order, { maxHops, maxLegs: 1 }))).toBe(bestByBruteForce(market, order, maxHops));
  });
}

test.prop([markets, sizes], { numRuns: 300 })(
  "a route never pays less than the best of all paths of at most four hops",
  (drawing, size) => {
    const described = drawn(drawing);
    const market = marketOf(described.pools);
    const order = orderIn(described, size);
    expect(paidBy(bestRoute(market, order, { maxHops: 4 }))).toBeGreaterThanOrEqual(bestByBruteForce(market, order, 4));
  },
);

/** Executes a route's legs on a market of its own, as a chain would: each swap changes its pool. */
function paidInSequence(pools: readonly PoolSpec[], { legs }: Route): bigint {
  const market = marketOf(pools);
  let total = 0n;
  for (const { hops, amountIn } of legs) {
    let amount = amountIn;
    for (const { edge } of hops) {
      const pool = market.pool(edge.pool.info.pool) as typeof edge.pool;
      const { indexIn, indexOut } = edge;
      const swap = { amountIn: amount, indexIn, indexOut };
      const amountOut = pool.family.quoteExactIn(pool.info, pool.state, swap);
      market.apply(pool.family.afterSwap(pool.info, pool.state, swap) as RowOf<FamilyId>);
      amount = amountOut;
    }
    total += amount;
  }
  return total;
}

test.prop([markets, sizes], { numRuns: 300 })("legs executed one after another pay what was promised, to the unit", (drawing, size) => {
  const described = drawn(drawing);
  const market = marketOf(described.pools);
  const order = orderIn(described, size);
  const before = [...market.pools()].map(({ family, info, state }) => family.toRow(info, state));
  const options: RouteOptions = { maxLegs: 6, maxHops: 4 };
  const route = bestRoute(market, order, options);
  expect([...market.pools()].map(({ family, info, state }) => family.toRow(info, state))).toEqual(before);
  fc.pre(route !== null);
  if (route === null) return;
  expect(paidInSequence(described.pools, route)).toBe(route.amountOut);
  expect(route.legs.length).toBeLessThanOrEqual(6);
  expect(route.legs.reduce((sum, { amountIn }) => sum + amountIn, 0n)).toBe(order.amountIn);
  expect(route.amountIn).toBe(order.amountIn);
  for (const { hops, amountIn, amountOut } of route.legs) {
    expect(hops.length).toBeLessThanOrEqual(4);
    expect([hops[0]?.edge.from, hops.at(-1)?.edge.to]).toEqual([order.tokenIn, order.tokenOut]);
    expect([hops[0]?.amountIn, hops.at(-1)?.amountOut]).toEqual([amountIn, amountOut]);
    for (const [index, hop] of hops.slice(1).entries()) {
      expect(hop.amountIn).toBe(hops[index]?.amountOut);
      expect(hop.edge.from).toBe(hops[index]?.edge.to);
    }
  }
  expect(new Set(route.legs.map(({ hops }) => hops.map(({ edge }) => edge.id).join())).size).toBe(route.legs.length);
  expect(bestRoute(market, order, options)).toEqual(route);
  expect(paidBy(bestRoute(marketOf(described.pools), order, options))).toBe(route.amountOut);
});

/** Constant products and ranges at one price each, but for a few that stand on one of their ticks. */
function atRest({ seed, tokens: count, pools }: { readonly seed: number; readonly tokens: number; readonly pools: number }): TestMarket {
  const random = randomFrom(seed);
  const tokens = randomTokens(random, count);
  return { tokens, pools: Array.from({ length: pools }, (_, index) => randomPool(random, index, pairFrom(random, tokens), 0)) };
}

/** Orders that fill up several pools at once are more than exchanges between two legs can always bring to a close: how often they may fail to. */
test("with legs enough a route pays 99.9 % of the convex optimum in all but one market of a hundred", () => {
  let judged = 0;
  let short = 0;
  for (let seed = 0; seed < 500; seed++) {
    const described = atRest({ seed, tokens: 2 + (seed % 4), pools: 2 + (seed % 9) });
    const market = marketOf(described.pools);
    const order = orderIn(described, 18 + (seed % 20) / 10);
    const route = bestRoute(market, order, { maxHops: 4, maxLegs: 24 });
    // The optimum may leave some unsold; a route sells all or is none.
    if (route === null) continue;
    const { bound } = routeOptimum(market, { ...order, amountIn: Number(order.amountIn) });
    // What going in circles earns is in it, too.
    if (routeOptimum(market, { ...order, amountIn: 0 }).bound > 1e-4 * bound) continue;
    judged++;
    const share = Number(route.amountOut) / bound;
    expect(share).toBeLessThanOrEqual(1 + 1e-4);
    if (share < 0.999) short++;
  }
  expect(judged).toBeGreaterThan(250);
  expect(short / judged).toBeLessThan(0.01);
}, 120_000);

test.prop([markets, fc.double({ min: 14, max: 21, noNaN: true }), fc.integer({ min: 0, max: 500 })], { numRuns: 200 })(
  "with a price of gas no leg could be spared for more than its swaps cost",
  (drawing, size, gwei) => {
    const described = drawn(drawing);
    const market = marketOf(described.pools);
    const order = orderIn(described, size);
    const gas = { price: BigInt(gwei) * 10n ** 9n, token: order.tokenOut };
    const route = bestRoute(market, order, { gas });
    const single = bestRoute(market, order, { gas, maxLegs: 1 });
    fc.pre(route !== null && single !== null);
    if (route === null || single === null) return;
    expect(route.gasCost).toBe(route.gas * Number(gas.price));
    const netOf = ({ amountOut, gas: used }: Route) => amountOut - BigInt(used) * gas.price;
    expect(netOf(route)).toBeGreaterThanOrEqual(netOf(single));
    // Of every number of hops the best path is known: none of them is better after gas.
    for (const maxHops of [1, 2, 3]) {
      const other = bestRoute(market, order, { maxHops, maxLegs: 1 });
      if (other !== null) expect(netOf(single)).toBeGreaterThanOrEqual(netOf(other));
    }
  },
);

test.prop([markets, sizes, fc.infiniteStream(fc.integer({ min: 0, max: 13 }))], { numRuns: 200 })(
  "pools that come, go, change or are left out are followed",
  (drawing, size, draws) => {
    const described = drawn(drawing);
    const order = orderIn(described, size);
    const market = marketOf(described.pools.slice(0, 2));
    bestRoute(market, order);
    let present = described.pools.slice(0, 2);
    const agree = (): void => {
      const fresh = bestRoute(marketOf(present), order);
      expect(paidBy(bestRoute(market, order))).toBe(paidBy(fresh));
    };
    for (const spec of described.pools.slice(2)) {
      market.add(spec.dex, spec.family, spec.info);
      market.apply(spec.row);
      present = [...present, spec];
      agree();
      // What a trade leaves is a change of state.
      const edge = (market.pool(present[(draws.next().value as number) % present.length]?.info.pool as string) as MarketPool)
        .edges[0] as Edge;
      const { pool, indexIn, indexOut } = edge;
      const after = pool.family.afterSwap(pool.info, pool.state, { amountIn: 10n ** 12n, indexIn, indexOut });
      if (after !== null) {
        market.apply(after);
        const row = pool.family.toRow(pool.info, pool.state);
        present = present.map((each) => (each.info.pool === pool.info.pool ? { ...each, row } : each));
        agree();
      }
    }
    const [gone, ...left] = present as [PoolSpec, ...PoolSpec[]];
    const without = [market.pool(gone.info.pool) as MarketPool];
    const expected = paidBy(bestRoute(marketOf(left), order));
    expect(paidBy(bestRoute(market, order, { without }))).toBe(expected);
    market.remove(gone.info.pool);
    market.recycle();
    expect(paidBy(bestRoute(market, order))).toBe(expected);
    market.add(gone.dex, gone.family, gone.info);
    market.apply(gone.row);
    present = [...left, gone];
    agree();
  },
);
