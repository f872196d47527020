import { expect, test } from "vitest";
import type { SmoothCurve } from "#libs/dex/family.ts";
import { arbitrageOptimum, gasAwareOptimum, optimumOf, type PoolTrade, routeOptimum } from "#libs/graph/convex-optimum.ts";
import { type ConvexPool, RangesPool, SmoothPool, WeightedPool } from "#libs/graph/convex-pools.ts";
import { marketOf, type PoolSpec } from "#libs/graph/testing.ts";
import { asAddress } from "#libs/units/brand.ts";

type Pair = readonly [number, number];

function product(tokens: Pair, [reserve0, reserve1]: Pair, gamma: number): RangesPool {
  return new RangesPool([...tokens], {
    kind: "ranges",
    liquidity: Math.sqrt(reserve0 * reserve1),
    sqrtPrice: Math.sqrt(reserve1 / reserve0),
    gamma: [gamma, gamma],
    sqrtTicks: new Float64Array(),
    liquidityNet: new Float64Array(),
    ticksBelow: 0,
    endless: true,
  });
}

/** One for one, less the fee, as long as the other token lasts. */
function sum([one, other]: Pair, reserves: Pair, gamma: number): SmoothPool[] {
  const curve: SmoothCurve = {
    kind: "smooth",
    amountOut: (amountIn) => gamma * amountIn,
    rate: () => gamma,
    largestIn: ({ indexOut }) => (reserves[indexOut as 0 | 1] as number) / gamma,
  };
  return [
    new SmoothPool([one, other], curve, { indexIn: 0, indexOut: 1 }),
    new SmoothPool([other, one], curve, { indexIn: 1, indexOut: 0 }),
  ];
}

const netOf = (trades: readonly PoolTrade[], pool: ConvexPool) => [...(trades.find((trade) => trade.pool === pool)?.net ?? [])];
const rounded = (amounts: readonly number[]) => amounts.map((amount) => Math.round(amount) + 0);

// Pools and results of the next four: test/arb.jl, examples/arbitrage.jl and examples/liquidate.jl of bcc-research/CFMMRouter.jl at 3566d8e with the output in
// its documentation (MIT, © 2021 Guillermo Angeris, Theo Diamandis). Printed there in whole units.
test("the published trade of a single pool at given prices", () => {
  const pool = product([0, 1], [1, 1], 1);
  expect(pool.arbitrage(Float64Array.of(2, 1))).toBeCloseTo(3 - 2 * Math.SQRT2, 12);
  expect(pool.net[0]).toBeCloseTo(1 - Math.SQRT1_2, 12);
  expect(pool.net[1]).toBeCloseTo(1 - Math.SQRT2, 12);
  expect(pool.arbitrage(Float64Array.of(2, 2))).toBe(0);
  expect([...pool.net]).toEqual([0, 0]);
});

test("the published arbitrage over three pools without fees, one of them weighted", () => {
  const pools = [
    product([0, 1], [1e6, 1e6], 1),
    product([0, 1], [1e3, 2e3], 1),
    new WeightedPool([0, 1], [1e4, 2e4], [0.4, 0.6], 1),
  ] as const;
  const { value, gap, trades } = optimumOf({ tokenCount: 2, pools, worth: Float64Array.of(1, 1) });
  expect(Math.round(value)).toBe(456);
  expect(gap).toBeLessThan(1e-6);
  expect(pools.map((pool) => rounded(netOf(trades, pool)))).toEqual([
    [2263, -2268],
    [-411, 583],
    [-1852, 2142],
  ]);
});

const triangle = () =>
  [product([0, 1], [1e3, 1e4], 0.997), product([1, 2], [1e3, 1e2], 0.997), product([0, 2], [1e3, 2e4], 0.997)] as const;

test("the published sale of two tokens for a third", () => {
  const pools = triangle();
  const { value, gap, trades } = optimumOf({
    tokenCount: 3,
    pools,
    worth: Float64Array.of(1, 0, 0),
    endowment: Float64Array.of(0, 10, 100),
  });
  expect(Math.round(value)).toBe(60);
  expect(gap).toBeLessThan(1e-6);
  expect(pools.map((pool) => rounded(netOf(trades, pool)))).toEqual([
    [71, -766],
    [756, -310],
    [-11, 210],
  ]);
});

test("the published sale of one token for another", () => {
  const pools = triangle();
  const { value, gap, trades } = optimumOf({ tokenCount: 3, pools, worth: Float64Array.of(0, 1, 0), endowment: Float64Array.of(10, 0, 0) });
  expect(Math.round(value)).toBe(698);
  expect(gap).toBeLessThan(1e-6);
  expect(pools.map((pool) => rounded(netOf(trades, pool)))).toEqual([
    [7, -72],
    [770, -336],
    [-17, 336],
  ]);
});

test("weighted, product and sum pools together, as another method has it", () => {
  const pools = [
    new WeightedPool([0, 1, 2, 3], [10, 6, 30, 5], [2, 3, 1, 2], 0.997),
    product([0, 1], [20, 9], 0.997),
    product([1, 2], [3, 14], 0.997),
    product([2, 3], [50, 15], 0.995),
    ...sum([1, 3], [8, 8], 0.999),
  ];
  const { value, bound, gap } = optimumOf({ tokenCount: 4, pools, worth: Float64Array.of(2, 5, 1, 4) });
  // Primal by sequential quadratic programming: SLSQP of scipy 1.17.1, ftol 1e-15, the best of 40 starts, its constraints held to 1.2e-12.
  const expected = 9.919298220515;
  expect(Math.abs(value / expected - 1)).toBeLessThan(1e-9);
  expect(Math.abs(bound / expected - 1)).toBeLessThan(1e-9);
  expect(gap).toBeLessThan(1e-9);
});

const ETHER = 1e18;
const named = (tail: string) => asAddress(`0x${tail.padStart(40, "0")}`);
const [home, other, third, fourth] = [named("a1"), named("a2"), named("a3"), named("a4")];

function pair(index: number, tokens: readonly [string, string], reserves: Pair): PoolSpec {
  const pool = asAddress(`0x${`b${index}`.padStart(40, "0")}`);
  const amounts = reserves.map((reserve) => BigInt(reserve).toString()) as [string, string];
  return {
    dex: "v2",
    family: "uniswap-v2",
    info: { pool, tokens: tokens.map(asAddress), facts: {} },
    row: [pool, ...amounts, 3_000, 3_000],
  };
}

/** (√a − 1)²/c for one pool after the other. */
function cycleProfit([x1, y1]: Pair, [y2, x2]: Pair): number {
  const gamma = 0.997;
  const a = (gamma * gamma * y1 * x2) / (x1 * y2);
  const c = gamma / x1 + (gamma * (gamma * y1)) / (x1 * y2);
  return (Math.sqrt(a) - 1) ** 2 / c;
}

test("between two constant products it is the closed form of the cycle", () => {
  const market = marketOf([pair(1, [home, other], [10 * ETHER, 30 * ETHER]), pair(2, [home, other], [7 * ETHER, 20 * ETHER])]);
  const { value, gap, trades } = arbitrageOptimum(market, home);
  const expected = cycleProfit([10 * ETHER, 30 * ETHER], [20 * ETHER, 7 * ETHER]);
  expect(Math.abs(value / expected - 1)).toBeLessThan(1e-9);
  expect(gap).toBeLessThan(1e-9);
  expect(trades.map(({ edge }) => [edge.pool.info.pool.at(-1), edge.from]).sort()).toEqual([
    ["1", home],
    ["2", other],
  ]);
});

test("prices within the fee give nothing, and two pools alike share an order", () => {
  const reserves = [10 * ETHER, 30 * ETHER] as const;
  const market = marketOf([pair(1, [home, other], reserves), pair(2, [home, other], reserves)]);
  expect(arbitrageOptimum(market, home)).toMatchObject({ value: 0, bound: 0, trades: [] });
  const { value, gap, trades } = routeOptimum(market, { tokenIn: home, tokenOut: other, amountIn: ETHER });
  const half = 0.997 * 0.5 * ETHER;
  expect(value / ((2 * half * reserves[1]) / (reserves[0] + half))).toBeCloseTo(1, 9);
  expect(gap).toBeLessThan(1e-9);
  expect(trades.map(({ amountIn }) => amountIn / ETHER)).toEqual([expect.closeTo(0.5, 6), expect.closeTo(0.5, 6)]);
});

test("what does not pay for its gas is left out, and the bound knows it", () => {
  const rich = [10 * ETHER, 30 * ETHER] as const;
  const poor = [0.01 * ETHER, 0.03 * ETHER] as const;
  const market = marketOf([
    pair(1, [home, other], rich),
    pair(2, [home, other], [rich[0], 0.8 * rich[1]]),
    pair(3, [home, third], poor),
    pair(4, [home, third], [poor[0], 0.8 * poor[1]]),
    pair(5, [home, fourth], rich),
  ]);
  const [much, little] = [rich, poor].map(([x, y]) => cycleProfit([x, y], [0.8 * y, x])) as [number, number];
  const cost = little;
  const { value, bound, trades, gross } = gasAwareOptimum(market, home, { of: () => cost, base: cost / 2 });
  expect(gross.value / (much + little)).toBeCloseTo(1, 9);
  expect(trades.map(({ edge }) => edge.pool.info.pool.at(-1)).sort()).toEqual(["1", "2"]);
  expect(value / (much - 2.5 * cost)).toBeCloseTo(1, 9);
  expect(bound / value).toBeGreaterThan(1 - 1e-12);
  expect(bound / value).toBeLessThan(1.001);
  const dear = gasAwareOptimum(market, home, { of: () => much, base: 0 });
  expect(dear).toMatchObject({ value: 0, trades: [] });
});
