import { invariant } from "#libs/units/invariant.ts";

/**
 * A small net: standardise → dense → dense → dense, one output a head. Float32. What goes into a layer is held within bounds and rounded to a grid (GRID);
 * with weights on a grid of their own (`onNetGrid`) every product and every sum is then exact in float32, in whatever order and with or without fused
 * multiplication: evaluators do not agree nearly but to the bit, on any processor.
 */
export interface Net {
  /** Inputs, hidden, hidden, heads. */
  readonly sizes: readonly [number, number, number, number];
  /** Put where a feature is missing, and taken off. */
  readonly mean: Float32Array;
  /** What is left is multiplied by this (one over the standard deviation), and held within ± LIMIT. */
  readonly inverse: Float32Array;
  /** Row by row: a row for each input, a column for each output. */
  readonly layers: readonly [Layer, Layer, Layer];
}

export interface Layer {
  readonly weights: Float32Array;
  readonly bias: Float32Array;
}

/** What goes into a layer is a multiple of this. */
export const GRID = 2 ** -7;
/** Hidden units answer from zero to this: a ReLU with a ceiling, far above what ordinary rows reach. */
export const CEILING = 8;
/** Standard deviations beyond which an input counts no further: an outlier, or an infinite feature, must not run away with the score. */
export const LIMIT = 5;

/** To the nearest whole number, halves to even, as ONNX's Round and WebAssembly's nearest do: at this size a double has no bits left for fractions. */
const roundEven = (value: number): number => value + 1.5 * 2 ** 52 - 1.5 * 2 ** 52;

/** The net with its weights so rounded that sums are exact: to 2^-23 of the largest sum that a layer can come to, over GRID; some thousandths of a weight. */
export function onNetGrid(net: Net): Net {
  const onGrid = ({ weights, bias }: Layer, bound: number): Layer => {
    const outputs = bias.length;
    const sums = Float64Array.from(bias, Math.abs);
    for (const [at, weight] of weights.entries()) sums[at % outputs] = (sums[at % outputs] as number) + bound * Math.abs(weight);
    // Twice that: the rounding itself may add to the sums.
    const product = 2 ** (Math.ceil(Math.log2(Math.max(...sums, 2 ** -10))) + 1 - 24);
    const grid = product / GRID;
    return {
      weights: weights.map((weight) => Math.round(weight / grid) * grid + 0),
      bias: bias.map((each) => Math.round(each / product) * product + 0),
    };
  };
  const [first, second, third] = net.layers;
  return { ...net, layers: [onGrid(first, LIMIT), onGrid(second, CEILING), onGrid(third, CEILING)] };
}

/** Mean, and one over the standard deviation, of each column of the rows, missing values left out. One for a column that never varies. */
export function standardisation(rows: Float32Array, columns: number): Pick<Net, "mean" | "inverse"> {
  const mean = new Float32Array(columns);
  const inverse = new Float32Array(columns).fill(1);
  for (let column = 0; column < columns; column++) {
    let count = 0;
    let sum = 0;
    for (let at = column; at < rows.length; at += columns) {
      const value = rows[at] as number;
      if (Number.isNaN(value)) continue;
      count++;
      sum += value;
    }
    if (count === 0) continue;
    const centre = sum / count;
    let squares = 0;
    for (let at = column; at < rows.length; at += columns) {
      const value = rows[at] as number;
      if (!Number.isNaN(value)) squares += (value - centre) ** 2;
    }
    const deviation = Math.sqrt(squares / count);
    mean[column] = centre;
    if (deviation > 1e-6 * Math.max(1, Math.abs(centre))) inverse[column] = 1 / deviation;
  }
  return { mean, inverse };
}

/** The rows as the first layer sees them. */
export function standardise({ mean, inverse }: Pick<Net, "mean" | "inverse">, rows: Float32Array): Float32Array {
  const columns = mean.length;
  const result = new Float32Array(rows.length);
  for (let at = 0; at < rows.length; at++) {
    const value = rows[at] as number;
    const column = at % columns;
    const centre = mean[column] as number;
    const scaled = Math.fround(Math.fround((Number.isNaN(value) ? centre : value) - centre) * (inverse[column] as number));
    result[at] = roundEven(Math.min(LIMIT, Math.max(-LIMIT, scaled)) / GRID) * GRID;
  }
  return result;
}

/** Outputs of standardised rows, row by row, each sum in double precision. */
export function forward({ sizes, layers }: Pick<Net, "sizes" | "layers">, standardised: Float32Array): Float64Array {
  const count = standardised.length / sizes[0];
  invariant(Number.isInteger(count), "whole rows");
  let values: Float32Array | Float64Array = standardised;
  for (const [index, { weights, bias }] of layers.entries()) {
    const [inputs, outputs] = [sizes[index] as number, sizes[index + 1] as number];
    const next = new Float64Array(count * outputs);
    for (let row = 0; row < count; row++) {
      const to = row * outputs;
      for (let output = 0; output < outputs; output++) next[to + output] = bias[output] as number;
      for (let input = 0; input < inputs; input++) {
        const value = values[row * inputs + input] as number;
        if (value === 0) continue;
        const from = input * outputs;
        for (let output = 0; output < outputs; output++)
          next[to + output] = (next[to + output] as number) + value * (weights[from + output] as number);
      }
      if (index < layers.length - 1)
        for (let output = 0; output < outputs; output++)
          next[to + output] = roundEven(Math.min(CEILING, Math.max(0, Math.fround(next[to + output] as number))) / GRID) * GRID;
    }
    values = next;
  }
  return values as Float64Array;
}
