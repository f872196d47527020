import { type Booster, baseMargin, depthOf, type Tree } from "#libs/ml/booster.ts";
import { type Ensemble, factorsOf, HEADS } from "#libs/ml/ensemble.ts";
import { CEILING, GRID, LIMIT } from "#libs/ml/net.ts";
import { type Code, F32, I32, V128, wasm, wasmModule } from "#libs/ml/wasm.ts";
import { invariant } from "#libs/units/invariant.ts";

/**
 * The ensemble as a WebAssembly function that is made for it: the scorer's hot path. Who loads a model checks it against onnxruntime before the first
 * use (model-folder.ts).
 *
 * Trees: each is filled up to a complete heap, so that a step down is arithmetic and no branch: i ← 2i + (x ≥ threshold). A missing feature is there
 * twice, as −∞ for the nodes that send it left and as +∞ for the others. TOGETHER trees of a row are walked at a time, for their loads do not wait for
 * each other. Net: four outputs to a vector.
 */
export interface Kernel {
  /** Rows that fit into one call. */
  readonly capacity: number;
  /** Scores of the first `count` rows, HEADS by row. The result is the kernel's own and stands until the next call. */
  score(rows: Float32Array, count: number): Float32Array;
  readonly bytes: { readonly code: number; readonly model: number };
}

/** More find no registers, fewer leave the processor waiting. */
const TOGETHER = 8;
/** Outputs of a layer that are summed at a time, in vectors: two passes of eight leave registers for input and weights. */
const VECTORS = 8;
const NODE_BYTES = 8;
const FLOAT = 4;
const PAGE = 65_536;
const roundUp = (value: number, step: number) => Math.ceil(value / step) * step;

/** Memory, filled from the start. */
class Image {
  readonly #parts: { readonly at: number; readonly bytes: Uint8Array }[] = [];
  size = 0;

  reserve(bytes: number): number {
    const at = this.size;
    this.size = roundUp(at + bytes, 16);
    return at;
  }

  put(values: Float32Array | Uint8Array): number {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const at = this.reserve(bytes.length);
    this.#parts.push({ at, bytes });
    return at;
  }

  writeTo(memory: WebAssembly.Memory): void {
    const all = new Uint8Array(memory.buffer);
    for (const { at, bytes } of this.#parts) all.set(bytes, at);
  }
}

/** Nodes 1 … 2^depth − 1 of (float32 threshold, int32 byte offset of the feature), then 2^depth leaves. */
function heapOf(tree: Tree | undefined, depth: number, offsetOf: (feature: number, missingLeft: boolean) => number): Uint8Array {
  const first = 2 ** depth;
  const bytes = new Uint8Array(first * (NODE_BYTES + FLOAT));
  const view = new DataView(bytes.buffer);
  const fill = (place: number, node: number) => {
    if (tree === undefined) return;
    const isLeaf = tree.left[node] === -1;
    const value = tree.value[node] as number;
    if (place >= first) {
      invariant(isLeaf, "a tree no deeper than its heap");
      view.setFloat32(first * NODE_BYTES + (place - first) * FLOAT, value, true);
      return;
    }
    // Below a leaf both ways lead to its value.
    view.setFloat32(place * NODE_BYTES, isLeaf ? 0 : value, true);
    view.setInt32(
      place * NODE_BYTES + FLOAT,
      isLeaf ? offsetOf(0, true) : offsetOf(tree.feature[node] as number, tree.defaultLeft[node] === 1),
      true,
    );
    fill(2 * place, isLeaf ? node : (tree.left[node] as number));
    fill(2 * place + 1, isLeaf ? node : (tree.right[node] as number));
  };
  if (tree === undefined) for (let place = 1; place < first; place++) view.setInt32(place * NODE_BYTES + FLOAT, offsetOf(0, true), true);
  fill(1, 0);
  return bytes;
}

const { get, set, tee, i32, f32, f64, f32x4 } = wasm;

/** Whole numbers of GRID go into a layer. */
const gridded: Code = [...f32x4.const(1 / GRID), ...f32x4.mul, ...f32x4.nearest];

/** Locals of `run`. */
const ROW = 0;
const COUNT = 1;
const OUT = 2;
const PARAMETERS = [I32, I32, I32];
const AT = 3;
const TREE_END = 4;
const PLACE = 5;
const SUM = PLACE + TOGETHER;

const WIDE = SUM + HEADS.length;
const LOCALS = [I32, I32, ...Array<number>(TOGETHER).fill(I32), ...HEADS.map(() => F32), ...Array<number>(VECTORS + 2).fill(V128)];

/** Sums the leaves that the row ends in, of all trees of a head, into the head's local. */
function walk(booster: Booster, head: number, image: Image, offsetOf: (feature: number, missingLeft: boolean) => number): Code {
  const depth = Math.max(1, ...booster.trees.map((tree) => depthOf(tree)));
  invariant(depth <= 10, "heaps of at most ten levels");
  const stride = 2 ** depth * (NODE_BYTES + FLOAT);
  const count = Math.max(TOGETHER, roundUp(booster.trees.length, TOGETHER));
  const heaps = new Uint8Array(count * stride);
  for (let index = 0; index < count; index++) heaps.set(heapOf(booster.trees[index], depth, offsetOf), index * stride);
  const begin = image.put(heaps);
  const all = Array.from({ length: TOGETHER }, (_, index) => index);
  const body: number[] = [];
  for (let level = 0; level < depth; level++) {
    for (const tree of all) {
      // The place is kept times NODE_BYTES: it is the node's address within its heap.
      const first = level === 0;
      const offset = tree * stride + (first ? NODE_BYTES : 0);
      const address = first ? get(AT) : [...get(AT), ...get(PLACE + tree), ...i32.add];
      const doubled = first ? i32.const(2 * NODE_BYTES) : [...get(PLACE + tree), ...i32.const(1), ...i32.shl];
      const goesRight = [...address, ...i32.load(offset + FLOAT), ...f32.load(0), ...address, ...f32.load(offset), ...f32.ge];
      body.push(...doubled, ...goesRight, ...i32.const(3), ...i32.shl, ...i32.add, ...set(PLACE + tree));
    }
  }
  // Leaves are half as wide as nodes and begin at node 2^depth.
  const leaf = (tree: number): number[] => [
    ...get(AT),
    ...get(PLACE + tree),
    ...i32.const(1),
    ...i32.shrU,
    ...i32.add,
    ...f32.load(tree * stride + 2 ** depth * (NODE_BYTES - FLOAT)),
  ];
  const sum = (from: number, to: number): number[] =>
    to - from === 1 ? leaf(from) : [...sum(from, (from + to) / 2), ...sum((from + to) / 2, to), ...f32.add];
  body.push(...get(SUM + head), ...sum(0, TOGETHER), ...f32.add, ...set(SUM + head));
  return [
    ...f32.const(0),
    ...set(SUM + head),
    ...i32.const(begin),
    ...set(AT),
    ...i32.const(begin + count * stride),
    ...set(TREE_END),
    ...wasm.repeat([...body, ...get(AT), ...i32.const(TOGETHER * stride), ...i32.add, ...tee(AT), ...get(TREE_END), ...i32.ltU]),
    ...get(SUM + head),
    ...f32.const(baseMargin(booster)),
    ...f32.add,
    ...set(SUM + head),
  ];
}

/** A dense layer: outputs in vectors at `to`, from `inputs` floats at `from`. */
function dense(
  layer: { weights: Float32Array; bias: Float32Array; inputs: number; outputs: number; hidden: boolean },
  from: number,
  to: number,
  image: Image,
): Code {
  const { inputs, outputs, hidden } = layer;
  const width = roundUp(outputs, 4);
  const perGrid = layer.weights.map((weight) => weight * GRID);
  const padded = new Float32Array(inputs * width);
  for (let input = 0; input < inputs; input++) padded.set(perGrid.subarray(input * outputs, (input + 1) * outputs), input * width);
  const bias = new Float32Array(width);
  bias.set(layer.bias);
  const [weightsAt, biasAt] = [image.put(padded), image.put(bias)];
  const code: number[] = [];
  for (let first = 0; first < width; first += VECTORS * 4) {
    const vectors = Math.min(VECTORS, (width - first) / 4);
    const each = Array.from({ length: vectors }, (_, index) => index);
    for (const vector of each) code.push(...i32.const(0), ...f32x4.load(biasAt + (first + vector * 4) * FLOAT), ...set(WIDE + vector));
    for (let input = 0; input < inputs; input++) {
      code.push(...i32.const(0), ...f32x4.loadSplat(from + input * FLOAT), ...set(WIDE + VECTORS));
      for (const vector of each) {
        const weights = weightsAt + (input * width + first + vector * 4) * FLOAT;
        code.push(
          ...get(WIDE + vector),
          ...get(WIDE + VECTORS),
          ...i32.const(0),
          ...f32x4.load(weights),
          ...f32x4.mul,
          ...f32x4.add,
          ...set(WIDE + vector),
        );
      }
    }
    for (const vector of each) {
      code.push(...i32.const(0), ...get(WIDE + vector));
      if (hidden) code.push(...f32x4.const(0), ...f32x4.max, ...f32x4.const(CEILING), ...f32x4.min, ...gridded);
      code.push(...f32x4.store(to + (first + vector * 4) * FLOAT));
    }
  }
  return code;
}

export function buildKernel({ featureCount, boosters, net, mixes }: Ensemble, options: { readonly capacity: number }): Kernel {
  const { capacity } = options;
  const image = new Image();
  // Address 0 is the base of everything that has a fixed place.
  image.reserve(16);
  const width = roundUp(featureCount, 4);
  const low = image.reserve(width * FLOAT);
  const high = image.reserve(width * FLOAT);
  const standard = image.reserve(width * FLOAT);
  const [, first, second, heads] = net.sizes;
  invariant(heads === HEADS.length && net.sizes[0] === featureCount, "a net of these features and heads");
  const hidden1 = image.reserve(roundUp(first, 4) * FLOAT);
  const hidden2 = image.reserve(roundUp(second, 4) * FLOAT);
  const raw = image.reserve(roundUp(heads, 4) * FLOAT);
  const widened = (values: Float32Array) => {
    const wide = new Float32Array(width);
    wide.set(values);
    return image.put(wide);
  };
  const [meanAt, inverseAt] = [widened(net.mean), widened(net.inverse)];
  const offsetOf = (feature: number, missingLeft: boolean) => (missingLeft ? low : high) + feature * FLOAT;

  const row: number[] = [];
  const [value, known] = [WIDE, WIDE + 1];
  for (let at = 0; at < width * FLOAT; at += 4 * FLOAT) {
    row.push(...get(ROW), ...f32x4.load(at), ...tee(value), ...get(value), ...f32x4.eq, ...set(known));
    for (const [place, missing] of [
      [low, f32x4.const(Number.NEGATIVE_INFINITY)],
      [high, f32x4.const(Number.POSITIVE_INFINITY)],
    ] as const)
      row.push(...i32.const(0), ...get(value), ...missing, ...get(known), ...f32x4.select, ...f32x4.store(place + at));
    const mean = [...i32.const(0), ...f32x4.load(meanAt + at)];
    row.push(...i32.const(0), ...get(value), ...mean, ...get(known), ...f32x4.select, ...mean, ...f32x4.sub);
    row.push(...i32.const(0), ...f32x4.load(inverseAt + at), ...f32x4.mul, ...f32x4.const(LIMIT), ...f32x4.min);
    row.push(...f32x4.const(-LIMIT), ...f32x4.max, ...gridded, ...f32x4.store(standard + at));
  }
  const [one, two, three] = net.layers;
  row.push(...dense({ ...one, inputs: featureCount, outputs: first, hidden: true }, standard, hidden1, image));
  row.push(...dense({ ...two, inputs: first, outputs: second, hidden: true }, hidden1, hidden2, image));
  row.push(...dense({ ...three, inputs: second, outputs: heads, hidden: false }, hidden2, raw, image));
  for (const [index, head] of HEADS.entries()) row.push(...walk(boosters[head], index, image, offsetOf));
  for (const [index, head] of HEADS.entries()) {
    const [trees, nets, offset] = factorsOf(mixes[head]);
    const tree = [...get(SUM + index), ...f32.const(trees), ...f32.mul];
    const other = [...i32.const(0), ...f32.load(raw + index * FLOAT), ...f32.const(nets), ...f32.mul, ...f32.const(offset), ...f32.add];
    const margin = [...tree, ...other, ...f32.add];
    const answer: Readonly<Record<typeof head, Code>> = {
      landing: [
        ...f64.const(1),
        ...f64.const(1),
        ...margin,
        ...f64.promote,
        ...f64.neg,
        ...wasm.call(0),
        ...f64.add,
        ...f64.div,
        ...f32.demote,
      ],
      profit: margin,
      spread: [...margin, ...f32.const(0), ...f32.max],
    };
    row.push(...get(OUT), ...answer[head], ...f32.store(index * FLOAT));
  }
  row.push(...get(OUT), ...i32.const(HEADS.length * FLOAT), ...i32.add, ...set(OUT));
  row.push(...get(ROW), ...i32.const(featureCount * FLOAT), ...i32.add, ...tee(ROW), ...get(COUNT), ...i32.ltU);

  const model = image.size;
  // The last vector of the last row may reach beyond it.
  const rowsAt = image.reserve(capacity * featureCount * FLOAT + 16);
  const outAt = image.reserve(capacity * HEADS.length * FLOAT);
  const pages = Math.ceil(image.size / PAGE);
  const code = wasmModule({ parameters: PARAMETERS, locals: LOCALS, body: wasm.repeat(row), pages });
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  image.writeTo(memory);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(code), { env: { memory, exp: Math.exp } });
  const run = exports.run as (begin: number, end: number, out: number) => void;
  const rowsIn = new Float32Array(memory.buffer, rowsAt, capacity * featureCount);
  const scores = new Float32Array(memory.buffer, outAt, capacity * HEADS.length);
  return {
    capacity,
    bytes: { code: code.length, model },
    score(rows, count) {
      invariant(count > 0 && count <= capacity && count * featureCount <= rows.length, "between one row and as many as fit");
      rowsIn.set(rows.length === count * featureCount ? rows : rows.subarray(0, count * featureCount));
      run(rowsAt, rowsAt + count * featureCount * FLOAT, outAt);
      return count === capacity ? scores : scores.subarray(0, count * HEADS.length);
    },
  };
}
