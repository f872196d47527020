import { fc, test } from "@fast-check/vitest";
import { expect } from "vitest";
import { swapExactIn, type TickedPool } from "#libs/dex/concentrated/swap-math.ts";
import { getSqrtRatioAtTick } from "#libs/dex/concentrated/tick-math.ts";

const SPACING = 60;

/** Positions around tick 0, the price somewhere among them; now and then far apart, with words without a tick between. */
const pool = fc
  .record({
    positions: fc.array(
      fc.record({
        lower: fc.integer({ min: -700, max: 40 }),
        width: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 900 })),
        liquidity: fc.bigInt({ min: 1n, max: 2n ** 90n }),
      }),
      { minLength: 1, maxLength: 8 },
    ),
    tick: fc.integer({ min: -3_000, max: 3_000 }),
  })
  .map(({ positions, tick }): TickedPool => {
    const nets = new Map<number, bigint>();
    for (const { lower, width, liquidity } of positions) {
      nets.set(lower * SPACING, (nets.get(lower * SPACING) ?? 0n) + liquidity);
      nets.set((lower + width) * SPACING, (nets.get((lower + width) * SPACING) ?? 0n) - liquidity);
    }
    const ticks = [...nets].filter(([, net]) => net !== 0n).sort(([left], [right]) => left - right);
    const liquidity = ticks.reduce((sum, [at, net]) => (at <= tick ? sum + net : sum), 0n);
    return {
      sqrtPriceX96: getSqrtRatioAtTick(tick),
      tick,
      liquidity,
      sortedTicks: ticks.map(([at]) => at),
      liquidityNet: ticks.map(([, net]) => net),
    };
  });

const swap = fc.record({ bits: fc.integer({ min: 1, max: 130 }), zeroForOne: fc.boolean(), feePips: fc.constantFrom(500, 3_000) });

test.prop([pool, fc.array(swap, { minLength: 2, maxLength: 12 })])(
  "a quote is the same whatever was asked of the ticks before",
  (each, swaps) => {
    let at: TickedPool = each;
    for (const { bits, zeroForOne, feePips } of swaps) {
      const input = { amountIn: (1n << BigInt(bits)) - 1n, zeroForOne, feePips, tickSpacing: SPACING };
      const fresh = { ...at, sortedTicks: [...at.sortedTicks] };
      const said = swapExactIn(at, input);
      expect(said).toEqual(swapExactIn(fresh, input));
      // To the unit where it ends at a tick, and just short of it.
      for (const amountIn of [said.amountInUsed, said.amountInUsed - 1n])
        if (amountIn > 0n)
          expect(swapExactIn(at, { ...input, amountIn })).toEqual(
            swapExactIn({ ...at, sortedTicks: [...at.sortedTicks] }, { ...input, amountIn }),
          );
      // A recording may have liquidity that is not what its ticks add up to.
      const more = { ...at, liquidity: at.liquidity + 7n };
      expect(swapExactIn(more, input)).toEqual(swapExactIn({ ...more, sortedTicks: [...at.sortedTicks] }, input));
      // The price moves with every other swap, the ticks stay.
      if (bits % 2 === 0 && said.liquidity > 0n) {
        let tick = at.tick;
        while (getSqrtRatioAtTick(tick) > said.sqrtPriceX96) tick--;
        while (getSqrtRatioAtTick(tick + 1) <= said.sqrtPriceX96) tick++;
        at = {
          ...at,
          sqrtPriceX96: said.sqrtPriceX96,
          tick,
          liquidity: each.sortedTicks.reduce((sum, one, index) => (one <= tick ? sum + (each.liquidityNet[index] as bigint) : sum), 0n),
        };
      }
    }
  },
);
