import { type Ensemble, HEADS, largestDistance, scoreByDefinition, TOLERANCE } from "#libs/ml/ensemble.ts";
import type { Kernel } from "#libs/ml/kernel.ts";
import { randomFrom } from "#libs/ml/random.ts";
import type { Reference } from "#libs/ml/reference.ts";

/** Rows that a model is proven on before it is published, at least. */
export const PARITY_ROWS = 100_000;

/** The float32 next to this one, upwards or downwards. */
export function nextFloat(value: number, { up }: { readonly up: boolean }): number {
  const floats = Float32Array.of(value);
  const bits = new Int32Array(floats.buffer);
  if (value === 0) return up ? 2 ** -149 : -(2 ** -149);
  bits[0] = (bits[0] as number) + (value > 0 === up ? 1 : -1);
  return floats[0] as number;
}

/**
 * Rows where evaluators part if they ever do: at the thresholds of the trees and one float either side, missing, zero of both signs, infinite, enormous,
 * tiny.
 */
export function adversarialRows({ featureCount, boosters, net }: Ensemble, seed: number): Float32Array {
  const random = randomFrom(seed);
  const values: number[][] = Array.from({ length: featureCount }, () => [
    Number.NaN,
    0,
    -0,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    3.4028234663852886e38,
    -3.4028234663852886e38,
    2 ** -149,
    -(2 ** -149),
    1e-20,
  ]);
  for (const head of HEADS) {
    for (const tree of boosters[head].trees) {
      for (const [node, child] of tree.left.entries()) {
        if (child === -1) continue;
        const threshold = tree.value[node] as number;
        const own = values[tree.feature[node] as number] as number[];
        own.push(threshold, nextFloat(threshold, { up: true }), nextFloat(threshold, { up: false }));
      }
    }
  }
  const rows: number[][] = [];
  const ordinary = () => Array.from(net.mean, (mean, column) => mean + random.normal() / (net.inverse[column] as number));
  // Each value once in an ordinary row, once among its like.
  for (const [column, own] of values.entries()) {
    for (const value of own) {
      const one = ordinary();
      one[column] = value;
      const all = values.map((others) => others[random.below(others.length)] as number);
      all[column] = value;
      rows.push(one, all);
    }
  }
  for (const value of [Number.NaN, 0, -0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) rows.push(Array(featureCount).fill(value));
  return Float32Array.from(rows.flat());
}

/** As many rows as asked for: those given, and rows whose columns are drawn from them one by one, so that combinations occur that nobody has seen. */
export function resampledRows(rows: Float32Array, featureCount: number, count: number, seed: number): Float32Array {
  const given = rows.length / featureCount;
  if (given >= count) return rows.subarray(0, count * featureCount);
  const random = randomFrom(seed);
  const all = new Float32Array(count * featureCount);
  all.set(rows);
  for (let at = rows.length; at < all.length; at++) all[at] = rows[random.below(given) * featureCount + (at % featureCount)] as number;
  return all;
}

export function scoreInBatches(kernel: Kernel, rows: Float32Array, featureCount: number): Float32Array {
  const count = rows.length / featureCount;
  const scores = new Float32Array(count * HEADS.length);
  for (let first = 0; first < count; first += kernel.capacity) {
    const own = Math.min(kernel.capacity, count - first);
    scores.set(kernel.score(rows.subarray(first * featureCount, (first + own) * featureCount), own), first * HEADS.length);
  }
  return scores;
}

export interface Parity {
  readonly rows: number;
  readonly adversarialRows: number;
  readonly tolerance: number;
  /** Largest distances (ensemble.ts) over all rows. */
  readonly trainerToOnnx: number;
  readonly trainerToKernel: number;
  readonly onnxToKernel: number;
}

/** The three evaluators side by side: the trained model by its definition, its ONNX file in onnxruntime, its kernel. */
export async function measureParity(
  ensemble: Ensemble,
  evaluators: { readonly reference: Reference; readonly kernel: Kernel },
  rows: Float32Array,
  seed: number,
): Promise<Parity> {
  const { featureCount } = ensemble;
  const ordinary = resampledRows(rows, featureCount, PARITY_ROWS, seed);
  const adversarial = adversarialRows(ensemble, seed);
  let [trainerToOnnx, trainerToKernel, onnxToKernel] = [0, 0, 0];
  for (const each of [ordinary, adversarial]) {
    const definition = scoreByDefinition(ensemble, each);
    const onnx = await evaluators.reference.score(each);
    const kernel = scoreInBatches(evaluators.kernel, each, featureCount);
    trainerToOnnx = Math.max(trainerToOnnx, largestDistance(definition, onnx));
    trainerToKernel = Math.max(trainerToKernel, largestDistance(definition, kernel));
    onnxToKernel = Math.max(onnxToKernel, largestDistance(onnx, kernel));
  }
  const rowsOf = (floats: Float32Array) => floats.length / featureCount;
  return {
    rows: rowsOf(ordinary),
    adversarialRows: rowsOf(adversarial),
    tolerance: TOLERANCE,
    trainerToOnnx,
    trainerToKernel,
    onnxToKernel,
  };
}

export const holds = ({ trainerToOnnx, trainerToKernel, onnxToKernel, tolerance }: Parity): boolean =>
  Math.max(trainerToOnnx, trainerToKernel, onnxToKernel) <= tolerance;
