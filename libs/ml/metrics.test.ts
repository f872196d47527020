import { fc, test as property } from "@fast-check/vitest";
import { describe, expect, test } from "vitest";
import { auc, calibrationBins, ece, logLoss, pairedBootstrap, profitLift } from "#libs/ml/metrics.ts";
import { randomFrom } from "#libs/ml/random.ts";

const cases = fc.array(fc.record({ score: fc.integer({ min: 0, max: 5 }), label: fc.integer({ min: 0, max: 1 }) }), {
  minLength: 2,
  maxLength: 30,
});

property.prop([cases])("AUC is the share of pairs in order, ties counting half", (all) => {
  const [positives, negatives] = [all.filter(({ label }) => label === 1), all.filter(({ label }) => label === 0)];
  const pairs = positives.flatMap((one) => negatives.map((other) => (one.score > other.score ? 1 : one.score === other.score ? 0.5 : 0)));
  const computed = auc(
    all.map(({ score }) => score),
    all.map(({ label }) => label),
  );
  if (pairs.length === 0) expect(computed).toBeNaN();
  else expect(computed).toBeCloseTo(pairs.reduce<number>((sum, pair) => sum + pair, 0) / pairs.length, 10);
});

property.prop([cases])("every row is in one bin, and equal predictions are in the same", (all) => {
  const bins = calibrationBins(
    all.map(({ score }) => score / 5),
    all.map(({ label }) => label),
    4,
  );
  expect(bins.reduce((sum, { count }) => sum + count, 0)).toBe(all.length);
  for (const [place, { predicted }] of bins.entries())
    if (place > 0) expect(predicted).toBeGreaterThan(bins[place - 1]?.predicted as number);
});

test("log-loss of a coin is ln 2, and one certain mistake leaves it finite", () => {
  expect(logLoss([0.5, 0.5], [0, 1])).toBeCloseTo(Math.LN2, 12);
  expect(logLoss([0.9, 0.2], [1, 0])).toBeCloseTo(-(Math.log(0.9) + Math.log(0.8)) / 2, 12);
  expect(logLoss([0, 1], [1, 1])).toBeCloseTo(-Math.log(1e-7) / 2, 6);
});

test("calibration error is how far predictions are off", () => {
  const random = randomFrom(1);
  const chances = Array.from({ length: 20_000 }, () => random.unit());
  const labels = chances.map((chance) => (random.unit() < chance ? 1 : 0));
  expect(ece(chances, labels)).toBeLessThan(0.015);
  expect(
    ece(
      chances.map((chance) => Math.min(1, chance + 0.2)),
      labels,
    ),
  ).toBeCloseTo(0.18, 1);
});

describe("the paired bootstrap", () => {
  const random = randomFrom(3);
  const noise = Array.from({ length: 400 }, () => random.normal());

  test("sees a small difference under much noise that both sides share", () => {
    const { mean, low, high } = pairedBootstrap(
      noise.map((value, index) => value + 0.1 + 0.2 * Math.sin(index)),
      noise,
      { seed: 1 },
    );
    expect(mean).toBeCloseTo(0.1, 1);
    expect(low).toBeGreaterThan(0);
    // The interval of a mean: 1.96 standard errors either side.
    expect(high - low).toBeCloseTo((2 * 1.96 * 0.2 * Math.SQRT1_2) / Math.sqrt(400), 2);
  });

  test("sees none where there is none, and the same each time", () => {
    const other = noise.map(() => random.normal());
    const interval = pairedBootstrap(noise, other, { seed: 1 });
    expect(interval.low).toBeLessThan(0);
    expect(interval.high).toBeGreaterThan(0);
    expect(pairedBootstrap(noise, other, { seed: 1 })).toEqual(interval);
    expect(pairedBootstrap(noise, other, { seed: 2 })).not.toEqual(interval);
  });
});

test("each order picks the first of a block, and none where no score is above zero", () => {
  const lift = profitLift({
    blocks: [1, 1, 2, 3, 3],
    gains: [5, 9, -2, 4, 1],
    scores: [1, 2, -1, 0.5, 3],
    baseline: [2, 1, 3, 4, 1],
    seed: 1,
  });
  expect(lift).toMatchObject({ blocks: 3, ours: 9 + 0 + 1, baseline: 5 - 2 + 4, lift: 10 / 7 - 1 });
  expect(lift.perBlock.mean).toBeCloseTo(1, 12);
});
