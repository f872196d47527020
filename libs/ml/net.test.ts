import { expect, test } from "vitest";
import { CEILING, forward, GRID, LIMIT, type Net, onNetGrid, standardisation, standardise } from "#libs/ml/net.ts";
import { gradientGraph, type HeadKind, losses, trainNet } from "#libs/ml/net-trainer.ts";
import { openSession, tensor } from "#libs/ml/onnx.ts";
import { randomFrom, shuffle } from "#libs/ml/random.ts";
import { randomEnsemble } from "#libs/ml/testing.ts";

const KINDS: readonly HeadKind[] = ["logistic", "number", "number"];

test("missing becomes the mean, outliers and infinity the limit, and a constant column nothing", () => {
  const rows = Float32Array.of(1, 5, 3, 5, Number.NaN, 5);
  const scale = standardisation(rows, 2);
  expect([...scale.mean]).toEqual([2, 5]);
  expect([...scale.inverse]).toEqual([1, 1]);
  const { POSITIVE_INFINITY, NEGATIVE_INFINITY, NaN: missing } = Number;
  const standardised = standardise(scale, Float32Array.of(missing, 5, 3.3, missing, POSITIVE_INFINITY, 1e30, NEGATIVE_INFINITY, 4));
  expect([...standardised]).toEqual([0, 0, Math.round(1.3 / GRID) * GRID, 0, LIMIT, LIMIT, -LIMIT, -1]);
});

test("every sum of a layer is exact in float32, whatever the order", () => {
  const random = randomFrom(1);
  const { net } = randomEnsemble(2);
  const [{ weights, bias }] = net.layers;
  const [inputs, outputs] = net.sizes;
  for (let round = 0; round < 200; round++) {
    const values = Float32Array.from({ length: inputs }, () => Math.round((LIMIT * (2 * random.unit() - 1)) / GRID) * GRID);
    // Now and then all at their limits: the largest sum that can be.
    if (round % 10 === 0)
      for (let input = 0; input < inputs; input++) values[input] = LIMIT * Math.sign(weights[input * outputs] as number);
    const terms = [...values].map((value, input) => value * (weights[input * outputs] as number));
    const exact = terms.reduce((sum, term) => sum + term, bias[0] as number);
    for (let order = 0; order < 5; order++)
      expect(shuffle([...terms, bias[0] as number], random).reduce((sum, term) => Math.fround(sum + Math.fround(term)), 0)).toBe(exact);
  }
});

test("the gradient graph computes the slope of the loss", async () => {
  const random = randomFrom(3);
  const sizes = [4, 5, 3, 3] as const;
  const count = 6;
  const layers = [0, 1, 2].map((layer) => ({
    weights: Float32Array.from({ length: (sizes[layer] as number) * (sizes[layer + 1] as number) }, () => random.normal()),
    bias: Float32Array.from({ length: sizes[layer + 1] as number }, () => random.normal() * 0.1 + 0.3),
  })) as unknown as Net["layers"];
  // Wide enough for some hidden units to be at their ceiling.
  const x = Float32Array.from({ length: count * 4 }, () => 4 * random.normal());
  const target = Float32Array.from({ length: count * 3 }, (_, at) => (at % 3 === 0 ? random.below(2) : random.normal()));
  // One that says nothing about its head.
  const weight = Float32Array.from(target, (_, at) => (at === 4 ? 0 : 1 / count));
  const session = await openSession(gradientGraph(sizes, KINDS));
  const inputs = Object.fromEntries(
    layers.flatMap(({ weights, bias }, layer) => [
      [`w${layer + 1}`, tensor(weights, [sizes[layer] as number, sizes[layer + 1] as number])],
      [`b${layer + 1}`, tensor(bias, [sizes[layer + 1] as number])],
    ]),
  );
  const gradients = await session.run({
    x: tensor(x, [count, 4]),
    target: tensor(target, [count, 3]),
    weight: tensor(weight, [count, 3]),
    ...inputs,
  });
  await session.release();
  /** The loss in double precision, by its definition, without the grid. */
  const lossOf = (own: Net["layers"]) => {
    let sum = 0;
    for (let row = 0; row < count; row++) {
      let values = [...x.subarray(row * 4, row * 4 + 4)];
      for (const [index, { weights, bias }] of own.entries()) {
        const outputs = bias.length;
        values = [...bias].map((start, output) =>
          values.reduce((total, value, input) => total + value * (weights[input * outputs + output] as number), start),
        );
        if (index < 2) values = values.map((value) => Math.min(CEILING, Math.max(0, value)));
      }
      for (const [head, raw] of values.entries()) {
        const wanted = target[row * 3 + head] as number;
        sum += (weight[row * 3 + head] as number) * (head === 0 ? Math.log1p(Math.exp(raw)) - raw * wanted : (raw - wanted) ** 2 / 2);
      }
    }
    return sum;
  };
  const step = 1e-4;
  let checked = 0;
  for (const layer of [0, 1, 2] as const) {
    for (const part of ["weights", "bias"] as const) {
      const name = `d${part === "weights" ? "w" : "b"}${layer + 1}`;
      const slope = gradients[name]?.data as Float32Array;
      for (let at = 0; at < slope.length; at++) {
        const moved = (by: number) =>
          layers.map((own, index) => ({
            weights: Float64Array.from(
              own.weights,
              (value, place) => value + (index === layer && part === "weights" && place === at ? by : 0),
            ),
            bias: Float64Array.from(own.bias, (value, place) => value + (index === layer && part === "bias" && place === at ? by : 0)),
          })) as unknown as Net["layers"];
        const expected = (lossOf(moved(step)) - lossOf(moved(-step))) / (2 * step);
        expect(Math.abs((slope[at] as number) - expected), `${name}[${at}]`).toBeLessThan(1e-3 * Math.max(1, Math.abs(expected)));
        checked++;
      }
    }
  }
  expect(checked).toBe(4 * 5 + 5 + 5 * 3 + 3 + 3 * 3 + 3);
});

test("it learns what a straight line cannot say, from the rows that know, and the same way each time", async () => {
  const random = randomFrom(11);
  const make = (count: number) => {
    const rows = Float32Array.from({ length: count * 2 }, () => random.normal());
    const targets = new Float32Array(count * 3);
    for (let row = 0; row < count; row++) {
      const [left, right] = [rows[row * 2] as number, rows[row * 2 + 1] as number];
      targets.set([left * right > 0 ? 1 : 0, row % 2 === 0 ? Math.abs(left) - 1 : Number.NaN, right / 2], row * 3);
    }
    return { featureCount: 2, rows, targets };
  };
  const [fit, validation] = [make(6_000), make(1_000)];
  const options = { hidden: [32, 16], epochs: 12, batch: 128, learningRate: 1e-2, seed: 4 } as const;
  const { net, validationLosses } = await trainNet(fit, validation, KINDS, options);
  const [landing, magnitude, line] = losses(net, KINDS, standardise(net, validation.rows), validation.targets) as [number, number, number];
  expect(landing).toBeLessThan(0.2);
  expect(magnitude).toBeLessThan(0.02);
  expect(line).toBeLessThan(0.02);
  expect(validationLosses).toHaveLength(options.epochs);
  const again = await trainNet(fit, validation, KINDS, options);
  expect(again.net).toEqual(net);
  expect((await trainNet(fit, validation, KINDS, { ...options, seed: 5 })).net).not.toEqual(net);
  expect(onNetGrid(net)).toEqual(net);
  expect(forward(net, standardise(net, validation.rows))).toHaveLength(validation.targets.length);
}, 30_000);
