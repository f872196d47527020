import { fc, test } from "@fast-check/vitest";
import { describe, expect, it } from "vitest";
import { asAddress } from "#libs/units/brand.ts";
import { randomFor } from "./random.ts";
import { choosePools, encodeNewPool, openVenues, planNewPool, planTrade, type TradedPool, venueKey } from "./traders.ts";

const address = (index: number) => asAddress(`0x${index.toString(16).padStart(40, "0")}`);

const pool = (index: number, depthEth: number): TradedPool => ({
  kind: "v2",
  address: address(index),
  token0: address(1000),
  token1: address(1001),
  feePips: 3_000,
  depthWeiApprox: depthEth * 1e18,
  logPriceAtStart: 0,
});

describe("traders", () => {
  it("choose the same pools for the same seed and block, and others for another block", () => {
    const pools = Array.from({ length: 50 }, (_, index) => pool(index, 10 + index));
    const chosen = (block: number) => choosePools(randomFor(7, "trades", block, 0), pools).map((p) => p.address);
    expect(chosen(5)).toEqual(chosen(5));
    expect(chosen(5)).not.toEqual(chosen(6));
  });

  it("trade deep pools more often, but do not forget the others", () => {
    const pools = [pool(1, 10), pool(2, 1_000)];
    const counts = [0, 0];
    for (let block = 0; block < 300; block++) {
      for (const chosen of choosePools(randomFor(block), pools))
        counts[chosen === pools[0] ? 0 : 1] = (counts[chosen === pools[0] ? 0 : 1] ?? 0) + 1;
    }
    expect((counts[1] ?? 0) / (counts[0] ?? 1)).toBeGreaterThan(7);
    expect((counts[1] ?? 0) / (counts[0] ?? 1)).toBeLessThan(14);
  });

  test.prop([fc.integer(), fc.bigInt({ min: 1_000n, max: 1n << 100n }), fc.bigInt({ min: 1_000n, max: 1n << 100n })])(
    "never sell more than the largest share of a pool",
    (seed, reserve0, reserve1) => {
      const trade = planTrade(randomFor(seed), pool(1, 100), { reserve0, reserve1 });
      if (trade === undefined) return;
      const reserveIn = trade.zeroForOne ? reserve0 : reserve1;
      expect(trade.amountIn > 0n && trade.amountIn * 50n <= reserveIn).toBe(true);
    },
  );

  it("mostly sell a displaced price back", () => {
    // token0 is worth 3 % more than at the start: selling token0 brings it down.
    const state = { reserve0: 10n ** 20n, reserve1: 103n * 10n ** 18n };
    const sales = Array.from({ length: 400 }, (_, seed) => planTrade(randomFor(seed), pool(1, 100), state)?.zeroForOne);
    expect(sales.filter((zeroForOne) => zeroForOne).length).toBeGreaterThan(340);
  });

  it("open a pool only where there is none", () => {
    const like = pool(1, 100);
    const taken = new Set(["uniswap-v2", "pancake-v2"].map((dex) => venueKey(dex as "uniswap-v2", like.token0, like.token1, 0)));
    const venues = openVenues(like, (venue) => taken.has(venue));
    expect(venues.map(({ dex, feePips }) => `${dex} ${feePips}`)).toEqual([
      "swapr 2500",
      "uniswap-v3 500",
      "uniswap-v3 3000",
      "uniswap-v3 10000",
    ]);
  });

  test.prop([fc.integer()])("open a pool at a price within 1.5 % of the one it imitates", (seed) => {
    const state = { reserve0: 10n ** 21n, reserve1: 2n * 10n ** 21n };
    const like = pool(1, 100);
    const opened = planNewPool(
      randomFor(seed),
      like,
      state,
      openVenues(like, () => false),
    );
    const price = Number(opened.reserve1) / Number(opened.reserve0);
    expect(Math.abs(price / 2 - 1)).toBeLessThan(0.0151);
    expect(opened.reserve0 < state.reserve0 / 3n).toBe(true);
    const factories = { v2Factories: { "uniswap-v2": address(1), "pancake-v2": address(2), swapr: address(3) }, v3Factory: address(4) };
    expect(
      encodeNewPool(opened, { ...factories, vault: address(5), weightedPoolFactory: address(6), market: address(7), executor: undefined }),
    ).toMatch(/^0x/);
  });
});
