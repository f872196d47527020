import { invariant } from "#libs/units/invariant.ts";

/** Writes protocol buffers (the encoding of protobuf.dev): what ONNX files are made of. Fields come out in the order in which they are put. */
export class ProtobufWriter {
  readonly #parts: Uint8Array[] = [];

  #varint(value: number): void {
    invariant(Number.isSafeInteger(value) && value >= 0, "a varint is a whole number");
    const bytes: number[] = [];
    let rest = value;
    while (rest > 127) {
      bytes.push((rest % 128) | 128);
      rest = Math.floor(rest / 128);
    }
    bytes.push(rest);
    this.#parts.push(Uint8Array.from(bytes));
  }

  /** int32, int64, bool and enum; no negative ones. */
  integer(field: number, value: number): this {
    this.#varint(field * 8);
    this.#varint(value);
    return this;
  }

  float(field: number, value: number): this {
    this.#varint(field * 8 + 5);
    this.#parts.push(new Uint8Array(Float32Array.of(value).buffer));
    return this;
  }

  bytes(field: number, value: Uint8Array): this {
    this.#varint(field * 8 + 2);
    this.#varint(value.length);
    this.#parts.push(value);
    return this;
  }

  text(field: number, value: string): this {
    return this.bytes(field, new TextEncoder().encode(value));
  }

  message(field: number, write: (inner: ProtobufWriter) => void): this {
    const inner = new ProtobufWriter();
    write(inner);
    return this.bytes(field, inner.finish());
  }

  /** Packed. */
  integers(field: number, values: readonly number[]): this {
    const inner = new ProtobufWriter();
    for (const value of values) inner.#varint(value);
    return this.bytes(field, inner.finish());
  }

  /** Packed. */
  floats(field: number, values: Float32Array): this {
    return this.bytes(field, new Uint8Array(values.slice().buffer));
  }

  finish(): Uint8Array {
    return Buffer.concat(this.#parts);
  }
}
