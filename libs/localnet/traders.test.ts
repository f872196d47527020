import { fc, test } from "@fast-check/vitest";
import { describe, expect, it } from "vitest";
import { asAddress } from "#libs/units/brand.ts";
import { venueKey } from "./market.ts";
import { randomFor } from "./random.ts";
import { choosePools, encodeNewPool, openVenues, pairReserves, planNewPool, planTrade, type TradedPool } from "./traders.ts";

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
      "pancake-v3 500",
      "pancake-v3 2500",
      "pancake-v3 10000",
      "algebra 500",
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
    if (opened === undefined) throw new Error("a pool of these reserves is opened");
    const price = Number(opened.reserve1) / Number(opened.reserve0);
    expect(Math.abs(price / 2 - 1)).toBeLessThan(0.0151);
    expect(opened.reserve0 < state.reserve0 / 3n).toBe(true);
    const v2Factories = { "uniswap-v2": address(1), "pancake-v2": address(2), swapr: address(3) };
    const v3Factories = { "uniswap-v3": address(4), "pancake-v3": address(5), algebra: address(6) };
    expect(encodeNewPool(opened, { v2Factories, v3Factories })).toMatch(/^0x/);
  });

  it("open no pool like one that has nothing left at its price", () => {
    const like = pool(1, 100);
    const venues = openVenues(like, () => false);
    for (const state of [
      { reserve0: 0n, reserve1: 0n, sqrtPriceX96: 1n << 96n },
      { reserve0: 10n ** 18n, reserve1: 900n },
    ]) {
      expect(planNewPool(randomFor(1), like, state, venues)).toBeUndefined();
    }
  });

  test.prop([fc.integer({ min: 1, max: 99 }), fc.double({ min: 1e-4, max: 1e-2, noNaN: true })])(
    "see a weighted pool as a pair with its price, and for small swaps its change of price",
    (percent, share) => {
      const [balance0, balance1] = [3e24, 7e21];
      const weight0 = percent / 100;
      const { reserve0, reserve1 } = pairReserves({
        balance0: BigInt(balance0),
        balance1: BigInt(balance1),
        weight0Wad: BigInt(percent) * 10n ** 16n,
        weight1Wad: BigInt(100 - percent) * 10n ** 16n,
      });
      const [spot, pairSpot] = [balance1 / (1 - weight0) / (balance0 / weight0), Number(reserve1) / Number(reserve0)];
      expect(Math.abs(pairSpot / spot - 1)).toBeLessThan(1e-12);
      // Weighted: out = B1 (1 - (B0 / (B0 + in)) ^ (w0 / w1)). What is small is small for both sides.
      const amountIn = share * Math.min(Number(reserve0), balance0) * Math.min(weight0, 1 - weight0);
      const weightedOut = balance1 * -Math.expm1(-(weight0 / (1 - weight0)) * Math.log1p(amountIn / balance0));
      const pairOut = (Number(reserve1) * amountIn) / (Number(reserve0) + amountIn);
      // Both fall short of the spot price, by the same to second order.
      const [shortfall, pairShortfall] = [1 - weightedOut / (amountIn * spot), 1 - pairOut / (amountIn * spot)];
      expect(Math.abs(pairShortfall / shortfall - 1)).toBeLessThan(0.02);
    },
  );
});
