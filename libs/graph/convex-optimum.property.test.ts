import { fc, test } from "@fast-check/vitest";
import { expect } from "vitest";
import type { RangeCurve, SmoothCurve } from "#libs/dex/family.ts";
import { arbitrageOptimum, type GasCosts, gasAwareOptimum, type MarketTrade, optimumOf, routeOptimum } from "#libs/graph/convex-optimum.ts";
import { SmoothPool, WeightedPool } from "#libs/graph/convex-pools.ts";
import { type Edge, type Market, marginalRate } from "#libs/graph/market.ts";
import {
  allCycles,
  bestByGoldenSection,
  marketOf,
  normal,
  type PoolSpec,
  randomFrom,
  randomPool,
  randomTokens,
  roundingOf,
  smoothPool,
  type TestMarket,
  type TestToken,
} from "#libs/graph/testing.ts";

const LARGEST = 1e21;
/** Of a token whose smallest unit is worth one. */
const NEGLIGIBLE = 1e3;
const markets = fc.record({
  seed: fc.integer(),
  tokens: fc.integer({ min: 2, max: 5 }),
  pools: fc.integer({ min: 2, max: 8 }),
});

/** Constant products and ranges with gaps, some of them far off the price, and curves between tokens that are worth the same. */
function drawn({ seed, tokens: count, pools }: { readonly seed: number; readonly tokens: number; readonly pools: number }) {
  const random = randomFrom(seed);
  const tokens = randomTokens(random, count).map((token, index) => (index % 2 === 0 ? { ...token, value: index === 2 ? 1e12 : 1 } : token));
  const pairFrom = (some: readonly TestToken[]) => random.shuffled(some).slice(0, 2) as [TestToken, TestToken];
  const stable = tokens.filter((_, index) => index % 2 === 0);
  const specs = Array.from({ length: pools }, (_, index) => {
    if (stable.length > 1 && random.unit() < 0.25) return smoothPool(random, index, pairFrom(stable));
    return randomPool(random, index, pairFrom(tokens), normal(random) * (random.unit() < 0.1 ? 0.5 : 0.01));
  });
  return { tokens, pools: specs, random };
}

/** What is open between plan and bound, beyond what is negligible. */
const isClose = ({ value, bound }: { readonly value: number; readonly bound: number }) => bound - value < 1e-6 * bound + 10 * NEGLIGIBLE;

const homeOf = ({ tokens }: TestMarket) => tokens[0]?.address as string;
const poolsIn = (market: Market) => [...market.pools()].filter(({ live }) => live);

/** The most liquidity anywhere along the ranges. */
function deepestOf({ liquidity, liquidityNet, ticksBelow }: RangeCurve): number {
  let [deepest, up, down] = [liquidity, liquidity, liquidity];
  for (const net of liquidityNet.subarray(ticksBelow)) {
    up += net;
    deepest = Math.max(deepest, up);
  }
  for (const net of liquidityNet.subarray(0, ticksBelow).toReversed()) {
    down -= net;
    deepest = Math.max(deepest, down);
  }
  return deepest;
}

/** A market of pools far off the price that end one after the other is more than the method can always bring to a close: how often it may say so. */
test("plan and bound meet in all but a few markets", () => {
  let open = 0;
  const count = 1_000;
  for (let seed = 0; seed < count; seed++) {
    const described = drawn({ seed, tokens: 2 + (seed % 4), pools: 2 + (seed % 7) });
    const optimum = arbitrageOptimum(marketOf(described.pools), homeOf(described), { negligible: NEGLIGIBLE });
    if (!isClose(optimum)) open++;
  }
  expect(open / count).toBeLessThan(0.01);
}, 60_000);

test.prop([markets], { numRuns: 300 })("the plan is below the bound, and no more than the contracts pay", (drawing) => {
  const described = drawn(drawing);
  const market = marketOf(described.pools);
  const { value, bound, prices, trades } = arbitrageOptimum(market, homeOf(described), { negligible: NEGLIGIBLE });
  expect(value).toBeLessThanOrEqual(bound * (1 + 1e-9));
  const left = new Map<string, number>();
  const passing = new Map<string, number>();
  const add = (token: string, amount: number) => {
    left.set(token, (left.get(token) ?? 0) + amount);
    passing.set(token, (passing.get(token) ?? 0) + Math.abs(amount));
  };
  for (const { edge, amountIn, amountOut } of trades) {
    const { pool, indexIn, indexOut, from, to } = edge;
    add(from, -amountIn);
    add(to, amountOut);
    // A trade that a pool's last tick ends is quoted a millionth short of it: one unit too much is refused whole.
    const share = 1 - 1e-6;
    const paid = pool.family.quoteExactIn(pool.info, pool.state, { amountIn: BigInt(Math.floor(share * amountIn)), indexIn, indexOut });
    const [unitIn, unitOut] = [prices[market.tokenId(from)] as number, prices[market.tokenId(to)] as number];
    const { relative, units } = pool.family.curveError;
    // Doubles tell how far a price has moved to some 1e-15 of all that the pool has there.
    const [price0, price1] = pool.info.tokens.map((token) => prices[market.tokenId(token)]) as [number, number];
    const depth =
      pool.curve?.kind === "ranges" ? deepestOf(pool.curve) * Math.max(price0 / pool.curve.sqrtPrice, price1 * pool.curve.sqrtPrice) : 0;
    const resolution = 1e-14 * depth;
    const slack = (1e-6 + relative) * amountIn * unitIn + units * (unitIn + unitOut) + roundingOf([edge], described.tokens) + resolution;
    // A stable pair refuses an amount here and there that its contract's iteration does not find the answer of.
    if (pool.family.id === "solidly" && paid === 0n) continue;
    // Of a trade that has been cut back the pool pays more than its share.
    expect(unitOut * (share * amountOut - Number(paid))).toBeLessThanOrEqual(slack);
  }
  const home = homeOf(described);
  // Less than a unit of a token is nothing.
  for (const [token, amount] of left) expect(amount).toBeGreaterThanOrEqual(-1e-7 * (passing.get(token) as number) - 1);
  const slack =
    10 * NEGLIGIBLE + trades.reduce((sum, { edge, amountIn }) => sum + 2e-7 * amountIn * (prices[market.tokenId(edge.from)] as number), 0);
  expect(Math.abs((left.get(home) ?? 0) - value)).toBeLessThanOrEqual(slack);
});

/** As far as the curve describes the pool. */
const largestIn = (edge: Edge): number => {
  const { curve } = edge.pool;
  return curve?.kind === "smooth" ? curve.largestIn(edge) : Number.POSITIVE_INFINITY;
};

test.prop([markets], { numRuns: 300 })("at its prices no pool has anything better to do", (drawing) => {
  const described = drawn(drawing);
  const market = marketOf(described.pools);
  const optimum = arbitrageOptimum(market, homeOf(described), { negligible: NEGLIGIBLE });
  fc.pre(isClose(optimum));
  const { bound, value, prices, trades } = optimum;
  // The bound is what all pools earn at these prices at best, the value what the trades earn: what one pool could do better is at most what lies between, which is told
  // to a millionth of the bound.
  const open = Math.max(0, bound - value) + 1e-6 * bound;
  const earned = (trade: { readonly edge: MarketTrade["edge"] }, amountIn: bigint) => {
    const { pool, indexIn, indexOut, from, to } = trade.edge;
    const paid = pool.family.quoteExactIn(pool.info, pool.state, { amountIn, indexIn, indexOut });
    return (prices[market.tokenId(to)] as number) * Number(paid) - (prices[market.tokenId(from)] as number) * Number(amountIn);
  };
  let total = 0;
  for (const trade of trades) {
    total += trade.worth;
    // Exact quotes of less and more earn no more, as far as the curve describes the pool.
    const rounding = roundingOf([trade.edge], described.tokens);
    const turnover = trade.amountIn * (prices[market.tokenId(trade.edge.from)] as number);
    for (const factor of [0.5, 0.9, 0.99, 1.01, 1.1, 2]) {
      const amountIn = Math.min(factor * trade.amountIn, largestIn(trade.edge));
      expect(earned(trade, BigInt(Math.floor(amountIn)))).toBeLessThanOrEqual(trade.worth + open + 1e-8 * turnover + rounding);
    }
  }
  expect(total).toBeLessThanOrEqual(bound * (1 + 1e-9) + NEGLIGIBLE);
  const traded = new Set(trades.map(({ edge }) => edge.pool));
  for (const pool of poolsIn(market)) {
    if (traded.has(pool) || pool.curve === null) continue;
    for (const edge of pool.edges) {
      const [priceIn, priceOut] = [prices[market.tokenId(edge.from)] as number, prices[market.tokenId(edge.to)] as number];
      if (!(priceIn > 0 && priceOut > 0)) continue;
      // At rest, or moving for less than the solver cares about.
      if (marginalRate(pool.curve, edge) * priceOut <= priceIn) continue;
      for (const size of [1e9, 1e12, 1e15, 1e18, 1e20])
        expect(earned({ edge }, BigInt(Math.floor(Math.min(size / priceIn, largestIn(edge)))))).toBeLessThanOrEqual(
          1e-6 * bound + 10 * NEGLIGIBLE + roundingOf([edge], described.tokens),
        );
    }
  }
});

test.prop([markets], { numRuns: 100 })(
  "no single cycle earns more",
  (drawing) => {
    const described = drawn(drawing);
    const market = marketOf(described.pools);
    const optimum = arbitrageOptimum(market, homeOf(described), { negligible: NEGLIGIBLE });
    const { value, bound } = optimum;
    for (const edges of allCycles(market, homeOf(described), 4)) {
      const best = bestByGoldenSection(edges, LARGEST).profit;
      const rounding = roundingOf(edges, described.tokens);
      expect(bound).toBeGreaterThanOrEqual(best * (1 - 1e-8) - rounding);
      if (isClose(optimum)) expect(value).toBeGreaterThanOrEqual(best * (1 - 1e-6) - 10 * NEGLIGIBLE - rounding);
    }
  },
  120_000,
);

test.prop([markets, fc.integer({ min: 15, max: 20 })], { numRuns: 200 })("no single path pays more for an order", (drawing, digits) => {
  const described = drawn(drawing);
  const market = marketOf(described.pools);
  const [tokenIn, tokenOut] = described.tokens.slice(0, 2).map(({ address }) => address) as [string, string];
  const amountIn = 10 ** digits;
  /** Rounding, in units of the token that is wanted. */
  const units = (edges: readonly Edge[]) => roundingOf(edges, described.tokens) / (described.tokens[1] as TestToken).value + 1;
  const { value, bound } = routeOptimum(market, { tokenIn, tokenOut, amountIn });
  expect(value).toBeLessThanOrEqual(bound * (1 + 1e-9));
  for (const first of poolsIn(market).flatMap(({ edges }) => edges)) {
    if (first.from !== tokenIn) continue;
    for (const second of [null, ...poolsIn(market).flatMap(({ edges }) => edges)]) {
      if (second === null ? first.to !== tokenOut : second.from !== first.to || second.to !== tokenOut || second.pool === first.pool)
        continue;
      let amount = BigInt(amountIn);
      for (const edge of second === null ? [first] : [first, second]) {
        const { pool, indexIn, indexOut } = edge;
        // The curve says nothing of more than this, where the pool may take it.
        const isDescribed = pool.curve?.kind !== "smooth" || Number(amount) <= pool.curve.largestIn(edge);
        amount = amount > 0n && isDescribed ? pool.family.quoteExactIn(pool.info, pool.state, { amountIn: amount, indexIn, indexOut }) : 0n;
      }
      const rounding = units(second === null ? [first] : [first, second]);
      expect(bound).toBeGreaterThanOrEqual(Number(amount) * (1 - 1e-8) - rounding);
    }
  }
});

test.prop([markets], { numRuns: 200 })(
  "wherever it starts from and in whatever order pools come, bounds hold for each other's plans",
  (drawing) => {
    const described = drawn(drawing);
    const market = marketOf(described.pools);
    const [home, negligible] = [homeOf(described), NEGLIGIBLE];
    const first = arbitrageOptimum(market, home, { negligible });
    const start = first.prices.map((price) => price * Math.exp(described.random.between(-0.1, 0.1)));
    const others = [
      arbitrageOptimum(market, home, { negligible, start }),
      arbitrageOptimum(marketOf(described.random.shuffled(described.pools)), home, { negligible }),
    ];
    for (const { value, bound } of others) {
      expect(bound).toBeGreaterThanOrEqual(first.value * (1 - 1e-9));
      expect(first.bound).toBeGreaterThanOrEqual(value * (1 - 1e-9));
    }
  },
);

/** Every choice of pools, solved: the best of them after gas lies between these, which are apart where a solution has not closed. */
function bestChoice(pools: readonly PoolSpec[], home: string, { of, base }: GasCosts): { readonly least: number; readonly most: number } {
  let [least, most] = [0, 0];
  for (let choice = 1; choice < 2 ** pools.length; choice++) {
    const market = marketOf(pools.filter((_, index) => (choice >> index) & 1));
    const { value, bound, trades } = arbitrageOptimum(market, home, { negligible: NEGLIGIBLE });
    least = Math.max(least, value - trades.reduce((sum, { edge }) => sum + of(edge.pool), 0) - base);
    // Of the best plan that uses every pool of the choice.
    most = Math.max(most, bound - [...market.pools()].reduce((sum, pool) => sum + of(pool), 0) - base);
  }
  return { least, most };
}

test.prop([markets, fc.integer({ min: 12, max: 18 })], { numRuns: 60 })(
  "after gas the best choice of pools lies between plan and bound",
  (drawing, digits) => {
    const described = drawn(drawing);
    const pools = described.pools.slice(-7);
    const home = homeOf(described);
    const costs: GasCosts = { of: ({ info }) => 10 ** digits * (1 + (Number(info.pool.at(-1)) || 0) / 5), base: 10 ** digits };
    const { value, bound, trades, gross } = gasAwareOptimum(marketOf(pools), home, costs, { negligible: NEGLIGIBLE });
    const { least, most } = bestChoice(pools, home, costs);
    expect(bound).toBeGreaterThanOrEqual(least * (1 - 1e-6) - NEGLIGIBLE);
    expect(value).toBeLessThanOrEqual(most * (1 + 1e-6) + 10 * NEGLIGIBLE);
    expect(value).toBeLessThanOrEqual(bound);
    expect(bound).toBeLessThanOrEqual(gross.bound * (1 + 1e-9));
    if (trades.length > 0) expect(value).toBeGreaterThan(0);
  },
  120_000,
);

/** One pair of a weighted pool by itself, as Balancer's curve gives it. */
function weightedCurve(reserves: readonly number[], weights: readonly number[], gamma: number): SmoothCurve {
  const left = (amountIn: number, indexIn: number) => (reserves[indexIn] as number) / ((reserves[indexIn] as number) + gamma * amountIn);
  const power = (indexIn: number, indexOut: number) => (weights[indexIn] as number) / (weights[indexOut] as number);
  return {
    kind: "smooth",
    amountOut: (amountIn, { indexIn, indexOut }) =>
      -(reserves[indexOut] as number) * Math.expm1(power(indexIn, indexOut) * Math.log(left(amountIn, indexIn))),
    rate: (amountIn, { indexIn, indexOut }) =>
      ((reserves[indexOut] as number) * power(indexIn, indexOut) * gamma * left(amountIn, indexIn) ** (power(indexIn, indexOut) + 1)) /
      (reserves[indexIn] as number),
    largestIn: ({ indexIn }) => 1e3 * (reserves[indexIn] as number),
  };
}

const weightedPools = fc.array(
  fc.record({
    reserves: fc.array(fc.double({ min: 1, max: 100, noNaN: true }), { minLength: 3, maxLength: 3 }),
    weights: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 3, maxLength: 3 }),
    gamma: fc.constantFrom(0.99, 0.997, 0.9999),
  }),
  { minLength: 1, maxLength: 3 },
);

test.prop([weightedPools, fc.boolean()], { numRuns: 200 })(
  "a pool of several tokens taken pair by pair bounds what it does as a whole",
  (specs, isSold) => {
    const problem = { tokenCount: 3, worth: isSold ? Float64Array.of(1, 0, 0) : Float64Array.of(1, 1, 1) };
    const whole = optimumOf({
      ...problem,
      pools: specs.map(({ reserves, weights, gamma }) => new WeightedPool([0, 1, 2], reserves, weights, gamma)),
    });
    const pairs = specs.flatMap(({ reserves, weights, gamma }) => {
      const curve = weightedCurve(reserves, weights, gamma);
      return [0, 1, 2].flatMap((indexIn) =>
        [0, 1, 2].flatMap((indexOut) => (indexIn === indexOut ? [] : [new SmoothPool([indexIn, indexOut], curve, { indexIn, indexOut })])),
      );
    });
    const apart = optimumOf({ ...problem, pools: pairs });
    expect(whole.bound).toBeGreaterThanOrEqual(whole.value * (1 - 1e-9));
    expect(apart.bound).toBeGreaterThanOrEqual(whole.value * (1 - 1e-9) - 1e-12);
  },
);
