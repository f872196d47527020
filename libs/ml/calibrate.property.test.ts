import { fc, test as property } from "@fast-check/vitest";
import { expect, test } from "vitest";
import { platt, spreadFactor, straightLine } from "#libs/ml/calibrate.ts";
import { ece } from "#libs/ml/metrics.ts";
import { randomFrom } from "#libs/ml/random.ts";

property.prop([fc.double({ min: 0.3, max: 3, noNaN: true }), fc.double({ min: -2, max: 2, noNaN: true }), fc.integer()], { numRuns: 20 })(
  "Platt's calibration finds the line that outcomes were drawn by",
  (scale, offset, seed) => {
    const random = randomFrom(seed);
    const margins = Array.from({ length: 4_000 }, () => 1.5 * random.normal());
    const labels = margins.map((margin) => (random.unit() < 1 / (1 + Math.exp(-(scale * margin + offset))) ? 1 : 0));
    const found = platt(margins, labels);
    // Five standard errors and more.
    expect(Math.abs(found.scale - scale)).toBeLessThan(0.15 + 0.15 * scale);
    expect(Math.abs(found.offset - offset)).toBeLessThan(0.4);
    expect(
      ece(
        margins.map((margin) => 1 / (1 + Math.exp(-(found.scale * margin + found.offset)))),
        labels,
      ),
    ).toBeLessThan(0.05);
  },
);

test("separable outcomes give a finite line, and margins that point the wrong way are not turned round", () => {
  const apart = platt([-2, -1, 1, 2], [0, 0, 1, 1]);
  expect(Number.isFinite(apart.scale) && apart.scale > 0).toBe(true);
  const random = randomFrom(1);
  const margins = Array.from({ length: 500 }, () => random.normal());
  const wrong = platt(
    margins,
    margins.map((margin) => (margin < 0 ? 1 : 0)),
  );
  expect(wrong.scale).toBe(1);
});

test("a straight line is that of least squares; without one to find the mean is right", () => {
  const line = straightLine([1, 2, 3, 4], [3, 5, 7, 9]);
  expect(line.scale).toBeCloseTo(2, 12);
  expect(line.offset).toBeCloseTo(1, 12);
  expect(straightLine([1, 1, 1], [2, 3, 4])).toEqual({ scale: 1, offset: 2 });
  expect(straightLine([1, 2, 3], [3, 2, 1]).scale).toBe(1);
});

property.prop([fc.integer(), fc.constantFrom(0.5, 0.8, 0.95)], { numRuns: 30 })(
  "spreads come to hold the share of errors that they should, of new ones too",
  (seed, share) => {
    const random = randomFrom(seed);
    const draw = (count: number) => {
      const spreads = Array.from({ length: count }, () => 0.5 + random.unit());
      return { spreads, errors: spreads.map((spread) => Math.abs(spread * random.normal())) };
    };
    const seen = draw(1_000);
    const factor = spreadFactor(seen.errors, seen.spreads, share) as number;
    const fresh = draw(4_000);
    const held = fresh.errors.filter((error, row) => error <= factor * (fresh.spreads[row] as number)).length / 4_000;
    expect(Math.abs(held - share)).toBeLessThan(0.09);
  },
);

test("spreads of zero have no factor", () => {
  expect(spreadFactor([1, 1, 1], [0, 0, 0], 0.8)).toBeNull();
});
