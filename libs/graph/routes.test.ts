import { expect, test } from "vitest";
import type { MarketPool } from "#libs/graph/market.ts";
import { bestRoute } from "#libs/graph/routes.ts";
import { marketOf, type PoolSpec } from "#libs/graph/testing.ts";
import { asAddress } from "#libs/units/brand.ts";

const [A, B, C] = [asAddress(`0x${"a".repeat(40)}`), asAddress(`0x${"b".repeat(40)}`), asAddress(`0x${"c".repeat(40)}`)];

/** A constant product of 0.3 %, whose address ends in its number. */
function product(number: number, [token0, token1]: readonly [string, string], [reserve0, reserve1]: readonly [bigint, bigint]): PoolSpec {
  const pool = asAddress(`0x${number.toString(16).padStart(40, "d")}`);
  const info = { pool, tokens: [asAddress(token0), asAddress(token1)], facts: {} };
  return { dex: "v2", family: "uniswap-v2", info, row: [pool, reserve0.toString(), reserve1.toString(), 3_000, 3_000] };
}

const E18 = 10n ** 18n;

test("two equal pools take half each, and pay more than one", () => {
  const market = marketOf([1, 2].map((number) => product(number, [A, B], [1_000n * E18, 1_000n * E18])));
  const route = bestRoute(market, { tokenIn: A, tokenOut: B, amountIn: 100n * E18 });
  expect(route?.legs.length).toBe(2);
  // UniswapV2Library.getAmountOut of 50 in each: 50·997·1000 / (1000·1000 + 50·997), rounded down.
  const each = (50n * E18 * 997n * 1_000n * E18) / (1_000n * E18 * 1_000n + 50n * E18 * 997n);
  expect(Math.abs(Number((route?.amountOut ?? 0n) - 2n * each))).toBeLessThan(1e4);
  for (const { amountIn } of route?.legs ?? []) expect(Number(amountIn) / 5e19).toBeCloseTo(1, 6);
  expect(route?.priceImpact).toBeCloseTo(1 - 1 / (1 + 0.05 * 0.997), 9);
});

test("a second leg that does not earn its gas is left out", () => {
  const market = marketOf([product(1, [A, B], [1_000n * E18, 1_000n * E18]), product(2, [A, B], [10n * E18, 10n * E18])]);
  const order = { tokenIn: A, tokenOut: B, amountIn: 10n * E18 };
  expect(bestRoute(market, order)?.legs.length).toBe(2);
  const dear = bestRoute(market, order, { gas: { price: 10n ** 13n, token: B } });
  expect(dear?.legs.length).toBe(1);
  expect(dear?.gasCost).toBe((dear?.gas ?? 0) * 1e13);
});

test("gas is worth what the native coin brings of the token bought", () => {
  const market = marketOf([product(1, [A, B], [1_000n * E18, 1_000n * E18]), product(2, [B, C], [1_000_000n * E18, 2_000_000n * E18])]);
  const route = bestRoute(market, { tokenIn: A, tokenOut: C, amountIn: E18 }, { gas: { price: 10n ** 9n, token: B } });
  expect((route?.gasCost ?? 0) / ((route?.gas ?? 0) * 1e9)).toBeCloseTo(2 * 0.997, 6);
  const unpriced = bestRoute(market, { tokenIn: A, tokenOut: B, amountIn: E18 }, { gas: { price: 1n, token: `0x${"f".repeat(40)}` } });
  expect(unpriced?.gasCost).toBeNull();
});

test("where no route leads, or none takes so much, there is none", () => {
  const market = marketOf([product(1, [A, B], [1_000n * E18, 1_000n * E18])]);
  const order = { tokenIn: A, tokenOut: B, amountIn: E18 };
  expect(bestRoute(market, order)).not.toBeNull();
  expect(bestRoute(market, { ...order, tokenOut: C })).toBeNull();
  expect(bestRoute(market, { ...order, tokenOut: A })).toBeNull();
  expect(bestRoute(market, { ...order, amountIn: 0n })).toBeNull();
  expect(bestRoute(market, { ...order, amountIn: 1n })).toBeNull();
  // A pair's reserves are 112 bits wide.
  expect(bestRoute(market, { ...order, amountIn: 2n ** 112n })).toBeNull();
  expect(bestRoute(market, order, { without: [...market.pools()] })).toBeNull();
});

test("a pool whose fee may differ at a second swap is swapped in once", () => {
  // Two ways to B come together in the last pool.
  const specs = [
    product(1, [A, B], [1_000n * E18, 1_000n * E18]),
    product(2, [A, B], [1_000n * E18, 1_000n * E18]),
    product(3, [B, C], [1_000n * E18, 1_000n * E18]),
  ];
  const order = { tokenIn: A, tokenOut: C, amountIn: 100n * E18 };
  const usesOf = (market: ReturnType<typeof marketOf>) => {
    const used = bestRoute(market, order)?.legs.flatMap(({ hops }) => hops.map(({ edge }) => edge.pool.info.pool)) ?? [];
    return used.filter((pool) => pool === specs[2]?.info.pool).length;
  };
  expect(usesOf(marketOf(specs))).toBe(2);
  const market = marketOf(specs);
  const last = market.pool(specs[2]?.info.pool as string) as MarketPool;
  Object.assign(last, { family: { ...last.family, quotableAgain: () => false } });
  expect(usesOf(market)).toBe(1);
});
