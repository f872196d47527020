import { expect, test } from "vitest";
import { distributionOf, modelDistribution, psiAgainst } from "#libs/ml/distribution.ts";
import { randomFrom } from "#libs/ml/random.ts";

const drawn = (seed: number, count: number, shift = 0) => {
  const random = randomFrom(seed);
  return Array.from({ length: count }, () => shift + random.normal());
};

test("bins of equal shares, and one for what is missing", () => {
  const { edges, shares } = distributionOf([...Array.from({ length: 90 }, (_, index) => index), ...Array(10).fill(Number.NaN)]);
  expect(edges).toEqual([9, 18, 27, 36, 45, 54, 63, 72, 81]);
  expect(shares).toEqual([...Array(10).fill(0.09), 0.1]);
});

test("by hand: halves that become 0.8 and 0.2; the bin for missing values holds half a row both times", () => {
  const half = (share: number) => Array.from({ length: 1_000 }, (_, index) => (index < share * 1_000 ? 0 : 1));
  expect(psiAgainst(distributionOf(half(0.5)), half(0.8))).toBeCloseTo(0.3 * Math.log(1.6) - 0.3 * Math.log(0.4), 12);
});

test("next to nothing for the same, much for what has moved or gone missing", () => {
  const then = distributionOf(drawn(1, 5_000));
  expect(psiAgainst(then, drawn(2, 5_000))).toBeLessThan(0.02);
  expect(psiAgainst(then, drawn(2, 5_000, 0.3))).toBeGreaterThan(0.05);
  expect(psiAgainst(then, drawn(2, 5_000, 1))).toBeGreaterThan(0.5);
  expect(
    psiAgainst(
      then,
      drawn(2, 5_000).map((value, row) => (row % 5 === 0 ? Number.NaN : value)),
    ),
  ).toBeGreaterThan(0.25);
  expect(psiAgainst(then, Array(100).fill(Number.NaN))).toBeGreaterThan(1);
});

test("a constant feature has one bin, and another value of it is seen", () => {
  const then = distributionOf(Array(100).fill(3));
  expect(then).toEqual({ edges: [], shares: [1, 0] });
  expect(psiAgainst(then, Array(50).fill(3))).toBe(0);
});

test("a value above an otherwise constant feature is in a bin of its own", () => {
  const then = distributionOf([...Array(50).fill(0), ...Array(50).fill(1)]);
  expect(then).toEqual({ edges: [1], shares: [0.5, 0.5, 0] });
  expect(psiAgainst(then, Array(50).fill(1))).toBeGreaterThan(0.25);
});

test("of a model: features by column, and the probability of landing", () => {
  const { rows, features, landing } = modelDistribution(Float32Array.of(1, 10, 2, 20), 2, [0.1, 5, 5, 0.9, 5, 5]);
  expect(rows).toBe(2);
  expect(features.map(({ edges }) => edges)).toEqual([[2], [20]]);
  expect(landing.edges).toEqual([0.9]);
});
