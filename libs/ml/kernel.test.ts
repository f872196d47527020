import { fc, test as property } from "@fast-check/vitest";
import { expect, test } from "vitest";
import { type Ensemble, HEADS, largestDistance, scoreByDefinition, TOLERANCE } from "#libs/ml/ensemble.ts";
import { toOnnx } from "#libs/ml/export.ts";
import { buildKernel } from "#libs/ml/kernel.ts";
import { adversarialRows, holds, measureParity, nextFloat, PARITY_ROWS, scoreInBatches } from "#libs/ml/parity.ts";
import { openReference } from "#libs/ml/reference.ts";
import { randomEnsemble, syntheticMarket, trained } from "#libs/ml/testing.ts";

const market = syntheticMarket(20_000, 5);

async function scores(ensemble: Ensemble, rows: Float32Array) {
  const reference = await openReference(toOnnx(ensemble, {}), ensemble.featureCount);
  const onnx = await reference.score(rows);
  await reference.close();
  return {
    onnx,
    kernel: scoreInBatches(buildKernel(ensemble, { capacity: 1_000 }), rows, ensemble.featureCount),
    definition: scoreByDefinition(ensemble, rows),
  };
}

const heads = (all: ArrayLike<number>, ...wanted: readonly number[]) =>
  Array.from(all).filter((_, at) => wanted.includes(at % HEADS.length));

test("a trained ensemble, its ONNX file and its kernel agree on a hundred thousand rows and on hard ones", async () => {
  const { ensemble } = await trained(market);
  const reference = await openReference(toOnnx(ensemble, {}), ensemble.featureCount);
  const kernel = buildKernel(ensemble, { capacity: 4_096 });
  const parity = await measureParity(ensemble, { reference, kernel }, market.rows, 1);
  await reference.close();
  expect(parity.rows).toBeGreaterThanOrEqual(PARITY_ROWS);
  expect(parity.adversarialRows).toBeGreaterThan(5_000);
  expect(parity.tolerance).toBe(1e-6);
  expect(parity).toSatisfy(holds);
});

property.prop(
  [fc.integer({ min: 1, max: 1e6 }), fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 20 }), fc.integer({ min: 0, max: 7 })],
  { numRuns: 25 },
)(
  "any shape of trees and any number of features: profit and spread to the bit, the probability within tolerance",
  async (seed, featureCount, trees, depth) => {
    const ensemble = randomEnsemble(seed, { featureCount, trees, depth });
    const { onnx, kernel, definition } = await scores(ensemble, adversarialRows(ensemble, seed));
    expect(heads(kernel, 1, 2)).toEqual(heads(onnx, 1, 2));
    expect(heads(definition, 1, 2)).toEqual(heads(onnx, 1, 2));
    expect(largestDistance(kernel, onnx)).toBeLessThanOrEqual(TOLERANCE);
    expect(largestDistance(definition, onnx)).toBeLessThanOrEqual(TOLERANCE);
  },
);

test("at a threshold a row goes right, one float below it left, and missing to the default side", async () => {
  const ensemble = randomEnsemble(1, { featureCount: 1, trees: 1, depth: 1 });
  for (const defaultLeft of [0, 1]) {
    const tree = {
      left: Int32Array.of(1, -1, -1),
      right: Int32Array.of(2, -1, -1),
      feature: new Int32Array(3),
      value: Float32Array.of(0.1, -1, 1),
      defaultLeft: Uint8Array.of(defaultLeft, 0, 0),
      gain: new Float32Array(3),
      hessian: new Float32Array(3),
    };
    const profit = { ...ensemble.boosters.profit, baseScore: 0, trees: [tree] };
    const onlyTrees = { treeShare: 1, scale: 1, offset: 0 };
    const single: Ensemble = { ...ensemble, boosters: { ...ensemble.boosters, profit }, mixes: { ...ensemble.mixes, profit: onlyTrees } };
    const threshold = Math.fround(0.1);
    const rows = Float32Array.of(
      threshold,
      nextFloat(threshold, { up: false }),
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      -0,
    );
    const expected = [1, -1, defaultLeft === 1 ? -1 : 1, 1, -1, -1];
    for (const all of Object.values(await scores(single, rows))) expect(heads(all, 1)).toEqual(expected);
  }
});

test("one row alone scores as it does among others, and a kernel refuses more than it holds", () => {
  const ensemble = randomEnsemble(9);
  const { featureCount } = ensemble;
  const rows = market.rows.subarray(0, 100 * featureCount);
  const together = scoreInBatches(buildKernel(ensemble, { capacity: 64 }), rows, featureCount);
  const kernel = buildKernel(ensemble, { capacity: 1 });
  for (let row = 0; row < 100; row++) {
    const one = kernel.score(rows.subarray(row * featureCount, (row + 1) * featureCount), 1);
    expect([...one]).toEqual([...together.subarray(row * HEADS.length, (row + 1) * HEADS.length)]);
  }
  expect(() => kernel.score(rows, 2)).toThrow("as many as fit");
});

test("a leaf that is off by a thousandth shows", async () => {
  const ensemble = randomEnsemble(4);
  const rows = adversarialRows(ensemble, 2);
  const [tree, ...others] = ensemble.boosters.profit.trees;
  if (tree === undefined) throw new Error("a tree");
  const moved = { ...tree, value: tree.value.map((value, node) => (tree.left[node] === -1 ? value + 1e-3 : value)) };
  const other: Ensemble = {
    ...ensemble,
    boosters: { ...ensemble.boosters, profit: { ...ensemble.boosters.profit, trees: [moved, ...others] } },
  };
  expect(largestDistance((await scores(other, rows)).kernel, (await scores(ensemble, rows)).onnx)).toBeGreaterThan(TOLERANCE);
});
