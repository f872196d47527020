import { fc, test } from "@fast-check/vitest";
import { expect } from "vitest";
import { feeExplaining } from "#libs/dex/algebra/fees.ts";
import { calculateSwap } from "#libs/dex/algebra/price-movement-math.ts";
import { swapExactIn, type TickedPool } from "#libs/dex/concentrated/swap-math.ts";
import { getSqrtRatioAtTick } from "#libs/dex/concentrated/tick-math.ts";

/** Positions around the price, at any ticks: what spacing they keep matters to nobody but the pool that takes them. */
const pool: fc.Arbitrary<TickedPool> = fc
  .record({
    tick: fc.oneof(fc.integer({ min: -3_000, max: 3_000 }), fc.integer({ min: -600_000, max: 600_000 })),
    part: fc.oneof(fc.constant(0n), fc.bigInt({ min: 0n, max: 999n })),
    positions: fc.array(
      fc.record({
        from: fc.integer({ min: -800, max: 800 }),
        width: fc.integer({ min: 1, max: 900 }),
        liquidity: fc.oneof(fc.bigInt({ min: 1n, max: 2n ** 90n }), fc.bigInt({ min: 1n, max: 1_000n })),
      }),
      { minLength: 1, maxLength: 8 },
    ),
  })
  .map(({ tick, part, positions }) => {
    const nets = new Map<number, bigint>();
    let liquidity = 0n;
    for (const { from, width, liquidity: amount } of positions) {
      // Multiples of 60, so that a table of that spacing can hold them.
      const bottom = (Math.floor(tick / 60) + from) * 60;
      const top = bottom + width * 60;
      nets.set(bottom, (nets.get(bottom) ?? 0n) + amount);
      nets.set(top, (nets.get(top) ?? 0n) - amount);
      if (bottom <= tick && tick < top) liquidity += amount;
    }
    const sortedTicks = [...nets.keys()].sort((left, right) => left - right);
    const low = getSqrtRatioAtTick(tick);
    return {
      sqrtPriceX96: low + ((getSqrtRatioAtTick(tick + 1) - low) * part) / 1_000n,
      tick,
      liquidity,
      sortedTicks,
      liquidityNet: sortedTicks.map((each) => nets.get(each) as bigint),
    };
  });
const amount = fc.oneof(fc.bigInt({ min: 1n, max: 1_000n }), fc.bigInt({ min: 1n, max: 2n ** 110n }));
const fee = fc.oneof(fc.constantFrom(0, 100, 3_000, 65_535), fc.integer({ min: 0, max: 999_999 }));
/** Of v1, of v1.9, of Integral. */
const tickSpacing = fc.constantFrom(60, 1, 0);
const direction = fc.boolean();
const RUNS = { numRuns: 300 };

test.prop([pool, amount, fee, direction, fc.constantFrom(60, 1)], RUNS)(
  "with a tick table an exact input does what one of Uniswap V3 does, whose mathematics are compared with its contracts",
  (state, amountIn, feePips, zeroToOne, spacing) => {
    const ours = calculateSwap(state, { amountRequired: amountIn, zeroToOne, fee: feePips, tickSpacing: spacing });
    const theirs = swapExactIn(state, { amountIn, zeroForOne: zeroToOne, feePips, tickSpacing: spacing });
    expect([ours.amountIn, ours.amountOut, ours.price, ours.liquidity]).toEqual([
      theirs.amountInUsed,
      theirs.amountOut,
      theirs.sqrtPriceX96,
      theirs.liquidity,
    ]);
  },
);

test.prop([pool, amount, fee, direction, tickSpacing], RUNS)(
  "what an exact output costs buys that output, but for the fee that each step rounds up for itself",
  (state, amountOut, feePips, zeroToOne, spacing) => {
    const common = { zeroToOne, fee: feePips, tickSpacing: spacing };
    const wanted = calculateSwap(state, { ...common, amountRequired: -amountOut });
    if (!wanted.whole || wanted.amountIn === 0n) return;
    expect(wanted.amountOut).toBe(amountOut);
    const slack = BigInt(wanted.steps);
    const bought = calculateSwap(state, { ...common, amountRequired: wanted.amountIn + slack });
    expect(bought.amountOut >= amountOut).toBe(true);
  },
);

test.prop([pool, fc.integer({ min: 0, max: 900_000 }), direction], RUNS)(
  "the fee of a pool is found again in what it does",
  (state, feePips, zeroToOne) => {
    const swaps = [2n ** 24n, 2n ** 40n, 2n ** 56n, 2n ** 90n].map((amountRequired) => {
      const { amountIn, amountOut, price } = calculateSwap(state, { amountRequired, zeroToOne, fee: feePips, tickSpacing: 0 });
      const [amount0, amount1] = zeroToOne ? [amountIn, -amountOut] : [-amountOut, amountIn];
      return {
        zeroToOne,
        amountRequired,
        answer: { kind: "called-back" as const, amount0, amount1, after: { price, third: 0, fourth: 0 } },
      };
    });
    const found = feeExplaining(state, swaps);
    expect(found).toBeGreaterThanOrEqual(feePips);
    for (const { amountRequired, answer } of swaps) {
      expect(calculateSwap(state, { amountRequired, zeroToOne, fee: found, tickSpacing: 0 }).price).toBe(answer.after.price);
    }
  },
);
