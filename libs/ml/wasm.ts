/**
 * A small assembler for WebAssembly (core specification 2.0, binary format): enough of it for code that is made from a model. Our own, because that
 * code is a page of straight-line instructions with constants of the model in them: a compiler would be a dependency many times its size, and every
 * engine validates what comes out.
 */
export type Code = readonly number[];

export function leb(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 127) {
    bytes.push((rest & 127) | 128);
    rest >>>= 7;
  }
  bytes.push(rest);
  return bytes;
}

/** Signed, as constants are written. */
function signedLeb(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (;;) {
    const byte = rest & 127;
    rest >>= 7;
    if ((rest === 0 && (byte & 64) === 0) || (rest === -1 && (byte & 64) !== 0)) return [...bytes, byte];
    bytes.push(byte | 128);
  }
}

const bytesOf = (value: Float32Array | Float64Array): number[] => Array.from(new Uint8Array(value.buffer));
const text = (value: string): number[] => [...leb(value.length), ...Buffer.from(value)];
const vector = (items: readonly Code[]): number[] => [...leb(items.length), ...items.flat()];
const section = (id: number, body: Code): number[] => [id, ...leb(body.length), ...body];

export const I32 = 0x7f;
export const F32 = 0x7d;
export const F64 = 0x7c;
export const V128 = 0x7b;

const memory =
  (opcode: Code, alignment: number) =>
  (offset: number): number[] => [...opcode, alignment, ...leb(offset)];
const simd = (opcode: number): number[] => [0xfd, ...leb(opcode)];

/** Instructions by their names in the specification; those that touch memory take an offset. */
export const wasm = {
  get: (local: number): number[] => [0x20, ...leb(local)],
  set: (local: number): number[] => [0x21, ...leb(local)],
  tee: (local: number): number[] => [0x22, ...leb(local)],
  call: (index: number): number[] => [0x10, ...leb(index)],
  /** Runs the body again while the condition, left by its end, is not zero. */
  repeat: (body: Code): number[] => [0x03, 0x40, ...body, 0x0d, 0, 0x0b],
  i32: {
    const: (value: number): number[] => [0x41, ...signedLeb(value)],
    load: memory([0x28], 2),
    add: [0x6a],
    shl: [0x74],
    shrU: [0x76],
    ltU: [0x49],
  },
  f32: {
    const: (value: number): number[] => [0x43, ...bytesOf(Float32Array.of(value))],
    load: memory([0x2a], 2),
    store: memory([0x38], 2),
    ge: [0x60],
    add: [0x92],
    mul: [0x94],
    max: [0x97],
    demote: [0xb6],
  },
  f64: {
    const: (value: number): number[] => [0x44, ...bytesOf(Float64Array.of(value))],
    promote: [0xbb],
    neg: [0x9a],
    add: [0xa0],
    div: [0xa3],
  },
  /** Four float32 at a time. */
  f32x4: {
    load: memory(simd(0x00), 2),
    loadSplat: memory(simd(0x09), 2),
    store: memory(simd(0x0b), 2),
    const: (value: number): number[] => [...simd(0x0c), ...bytesOf(new Float32Array(4).fill(value))],
    lane: (index: number): number[] => [...simd(0x1f), index],
    eq: simd(0x41),
    /** Halves to even. */
    nearest: simd(0x6a),
    /** Bits of the first where the third has them, else of the second. */
    select: simd(0x52),
    add: simd(0xe4),
    sub: simd(0xe5),
    mul: simd(0xe6),
    min: simd(0xe8),
    max: simd(0xe9),
  },
};

/** A module that imports `env.memory` and `env.exp` (function 0: f64 → f64) and exports one function, `run`. */
export function wasmModule({
  parameters,
  locals,
  body,
  pages,
}: {
  readonly parameters: readonly number[];
  readonly locals: readonly number[];
  readonly body: Code;
  readonly pages: number;
}): Uint8Array<ArrayBuffer> {
  const types = vector([
    [0x60, ...vector([[F64]]), ...vector([[F64]])],
    [0x60, ...vector(parameters.map((type) => [type])), 0],
  ]);
  const imports = vector([
    [...text("env"), ...text("memory"), 2, 0, ...leb(pages)],
    [...text("env"), ...text("exp"), 0, 0],
  ]);
  const code = [...vector(locals.map((type) => [1, type])), ...body, 0x0b];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, types),
    ...section(2, imports),
    ...section(3, vector([[1]])),
    ...section(7, vector([[...text("run"), 0, 1]])),
    ...section(10, vector([[...leb(code.length), ...code]])),
  ]);
}
