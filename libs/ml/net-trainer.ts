import { CEILING, forward, type Layer, type Net, onNetGrid, standardisation, standardise } from "#libs/ml/net.ts";
import { openSession, tensor } from "#libs/ml/onnx.ts";
import { OnnxGraph } from "#libs/ml/onnx-graph.ts";
import { type Random, randomFrom, shuffle } from "#libs/ml/random.ts";
import { invariant } from "#libs/units/invariant.ts";

/**
 * Trains the net. The gradient of the loss is an ONNX graph that onnxruntime computes; the steps (Adam: Kingma and Ba 2015, algorithm 1) are taken
 * here. Repeatable on a machine: one thread, seeded. Another processor's vector units may add in another order, so the bytes may differ there.
 */
export interface NetOptions {
  readonly hidden: readonly [number, number];
  readonly epochs: number;
  readonly batch: number;
  readonly learningRate: number;
  readonly seed: number;
}

export interface NetRows {
  readonly featureCount: number;
  readonly rows: Float32Array;
  /** A column for each head, row by row; NaN where the row says nothing about that head. */
  readonly targets: Float32Array;
}

/** By head: a probability's log-odds (targets 0 and 1), or a number of about unit scale. */
export type HeadKind = "logistic" | "number";

const PARAMETERS = ["w1", "b1", "w2", "b2", "w3", "b3"] as const;

/** Loss: mean over the batch of log-loss or half the squared error, each head over the rows that it knows. */
export function gradientGraph(sizes: Net["sizes"], kinds: readonly HeadKind[]): Uint8Array {
  const [inputs, first, second, heads] = sizes;
  const graph = new OnnxGraph("gradient");
  graph.input("x", ["rows", inputs]);
  graph.input("target", ["rows", heads]);
  graph.input("weight", ["rows", heads]);
  const shapes = { w1: [inputs, first], b1: [first], w2: [first, second], b2: [second], w3: [second, heads], b3: [heads] };
  for (const name of PARAMETERS) {
    graph.input(name, shapes[name]);
    graph.output(`d${name}`, shapes[name]);
  }
  graph.constant("zero", Float32Array.of(0));
  graph.constant("axis", [0], [1]);
  graph.constant(
    "logistic",
    Float32Array.from(kinds, (kind) => (kind === "logistic" ? 1 : 0)),
    [1, heads],
  );
  graph.constant(
    "number",
    Float32Array.from(kinds, (kind) => (kind === "number" ? 1 : 0)),
    [1, heads],
  );
  graph.constant("ceiling", Float32Array.of(CEILING));
  const hidden1 = graph.node("Clip", [graph.node("Gemm", ["x", "w1", "b1"]), "zero", "ceiling"]);
  const hidden2 = graph.node("Clip", [graph.node("Gemm", [hidden1, "w2", "b2"]), "zero", "ceiling"]);
  const raw = graph.node("Gemm", [hidden2, "w3", "b3"]);
  const answer = graph.node("Add", [graph.node("Mul", [graph.node("Sigmoid", [raw]), "logistic"]), graph.node("Mul", [raw, "number"])]);
  const backwards = (delta: string, before: string, layer: 1 | 2 | 3) => {
    graph.node("Gemm", [before, delta], { transA: { integer: 1 } }, [`dw${layer}`]);
    graph.node("ReduceSum", [delta, "axis"], { keepdims: { integer: 0 } }, [`db${layer}`]);
    if (layer === 1) return delta;
    const within = graph.node("And", [graph.node("Greater", [before, "zero"]), graph.node("Less", [before, "ceiling"])]);
    const open = graph.node("Cast", [within], { to: { integer: 1 } });
    return graph.node("Mul", [graph.node("Gemm", [delta, `w${layer}`], { transB: { integer: 1 } }), open]);
  };
  let delta = graph.node("Mul", [graph.node("Sub", [answer, "target"]), "weight"]);
  delta = backwards(delta, hidden2, 3);
  delta = backwards(delta, hidden1, 2);
  backwards(delta, "x", 1);
  return graph.finish();
}

/** He's initialisation: normal with variance 2 ÷ inputs. */
function initial(inputs: number, outputs: number, random: Random): Layer {
  const scale = Math.sqrt(2 / inputs);
  return { weights: Float32Array.from({ length: inputs * outputs }, () => random.normal() * scale), bias: new Float32Array(outputs) };
}

/** Mean loss of each head on rows that are standardised already. */
export function losses(
  net: Pick<Net, "sizes" | "layers">,
  kinds: readonly HeadKind[],
  standardised: Float32Array,
  targets: Float32Array,
): number[] {
  const outputs = forward(net, standardised);
  return kinds.map((kind, head) => {
    let sum = 0;
    let count = 0;
    for (let at = head; at < outputs.length; at += kinds.length) {
      const target = targets[at] as number;
      if (Number.isNaN(target)) continue;
      const raw = outputs[at] as number;
      count++;
      sum += kind === "logistic" ? Math.max(raw, 0) - raw * target + Math.log1p(Math.exp(-Math.abs(raw))) : (raw - target) ** 2 / 2;
    }
    return count === 0 ? 0 : sum / count;
  });
}

export interface TrainedNet {
  readonly net: Net;
  /** Sum of the heads' mean losses on the validation rows, by epoch; the net is that of the least. */
  readonly validationLosses: readonly number[];
}

export async function trainNet(
  fit: NetRows,
  validation: NetRows,
  kinds: readonly HeadKind[],
  options: NetOptions,
  onEpoch: (done: number) => void = () => {},
): Promise<TrainedNet> {
  const { featureCount, rows, targets } = fit;
  const heads = kinds.length;
  const count = rows.length / featureCount;
  const { hidden, epochs, batch, learningRate, seed } = options;
  invariant(targets.length === count * heads && count >= batch, "targets of every row, and rows for a batch");
  const random = randomFrom(seed);
  const sizes = [featureCount, ...hidden, heads] as const;
  const scale = standardisation(rows, featureCount);
  const inputs = standardise(scale, rows);
  const validationInputs = standardise(scale, validation.rows);
  const layers: Net["layers"] = [
    initial(sizes[0], sizes[1], random),
    initial(sizes[1], sizes[2], random),
    initial(sizes[2], sizes[3], random),
  ];
  const session = await openSession(gradientGraph(sizes, kinds));
  const parameters = layers.flatMap(({ weights, bias }) => [weights, bias]);
  const shapes = [0, 1, 2].flatMap((layer) => [[sizes[layer] as number, sizes[layer + 1] as number], [sizes[layer + 1] as number]]);
  const moments = parameters.map(({ length }) => ({ first: new Float64Array(length), second: new Float64Array(length) }));
  const order = Uint32Array.from({ length: count }, (_, index) => index);
  const x = new Float32Array(batch * featureCount);
  const target = new Float32Array(batch * heads);
  const weight = new Float32Array(batch * heads);
  const perEpoch = Math.floor(count / batch);
  const steps = epochs * perEpoch;
  const validationLosses: number[] = [];
  let best: Float32Array[] = [];
  try {
    for (let step = 0; step < steps; step++) {
      const place = step % perEpoch;
      if (place === 0) shuffle(order, random);
      for (let row = 0; row < batch; row++) {
        const from = order[place * batch + row] as number;
        x.set(inputs.subarray(from * featureCount, (from + 1) * featureCount), row * featureCount);
        for (let head = 0; head < heads; head++) {
          const known = targets[from * heads + head] as number;
          target[row * heads + head] = Number.isNaN(known) ? 0 : known;
          weight[row * heads + head] = Number.isNaN(known) ? 0 : 1;
        }
      }
      for (let head = 0; head < heads; head++) {
        let known = 0;
        for (let at = head; at < weight.length; at += heads) known += weight[at] as number;
        if (known > 0) for (let at = head; at < weight.length; at += heads) weight[at] = (weight[at] as number) / known;
      }
      const gradients = await session.run({
        x: tensor(x, [batch, featureCount]),
        target: tensor(target, [batch, heads]),
        weight: tensor(weight, [batch, heads]),
        ...Object.fromEntries(
          PARAMETERS.map((name, index) => [name, tensor(parameters[index] as Float32Array, shapes[index] as number[])]),
        ),
      });
      // Falls to zero along half a cosine (Loshchilov and Hutter 2017).
      const rate = (learningRate * (1 + Math.cos((Math.PI * step) / steps))) / 2;
      const firstBias = 1 - 0.9 ** (step + 1);
      const secondBias = 1 - 0.999 ** (step + 1);
      for (const [index, name] of PARAMETERS.entries()) {
        const values = parameters[index] as Float32Array;
        const { first, second } = moments[index] as (typeof moments)[number];
        const gradient = (gradients[`d${name}`] as { data: unknown }).data as Float32Array;
        for (let at = 0; at < values.length; at++) {
          const own = gradient[at] as number;
          first[at] = 0.9 * (first[at] as number) + 0.1 * own;
          second[at] = 0.999 * (second[at] as number) + 0.001 * own * own;
          values[at] =
            (values[at] as number) - (rate * ((first[at] as number) / firstBias)) / (Math.sqrt((second[at] as number) / secondBias) + 1e-8);
        }
      }
      if (place < perEpoch - 1) continue;
      const loss = losses({ sizes, layers }, kinds, validationInputs, validation.targets).reduce((sum, each) => sum + each, 0);
      if (loss < Math.min(Number.POSITIVE_INFINITY, ...validationLosses)) best = parameters.map((values) => values.slice());
      validationLosses.push(loss);
      onEpoch(validationLosses.length);
    }
  } finally {
    await session.release();
  }
  invariant(best.length === PARAMETERS.length, "a net whose loss is a number");
  const kept = (layer: number): Layer => ({ weights: best[2 * layer] as Float32Array, bias: best[2 * layer + 1] as Float32Array });
  return { net: onNetGrid({ sizes, ...scale, layers: [kept(0), kept(1), kept(2)] }), validationLosses };
}
