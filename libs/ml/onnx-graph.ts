import { ProtobufWriter } from "#libs/ml/protobuf.ts";

/** ONNX graphs, as far as we write any. Field numbers: onnx/onnx.proto; versions: what onnxruntime has read since 1.14. */
const IR_VERSION = 8;
const OPSET = 17;
const ML_OPSET = 3;
const FLOAT = 1;
const INT64 = 7;
const ATTRIBUTE = { float: 1, integer: 2, text: 3, floats: 6, integers: 7, texts: 8 } as const;

export type Attribute =
  | { readonly float: number }
  | { readonly integer: number }
  | { readonly text: string }
  | { readonly floats: Float32Array }
  | { readonly integers: readonly number[] }
  | { readonly texts: readonly string[] };

/** A number, or the name of a size that is known when the graph runs. */
type Dimension = number | string;

export class OnnxGraph {
  readonly #name: string;
  readonly #graph = new ProtobufWriter();
  #values = 0;

  constructor(name: string) {
    this.#name = name;
  }

  #declare(field: number, name: string, shape: readonly Dimension[]): void {
    this.#graph.message(field, (value) =>
      value.text(1, name).message(2, (type) =>
        type.message(1, (tensor) =>
          tensor.integer(1, FLOAT).message(2, (dimensions) => {
            for (const size of shape)
              dimensions.message(1, (dimension) => (typeof size === "number" ? dimension.integer(1, size) : dimension.text(2, size)));
          }),
        ),
      ),
    );
  }

  input(name: string, shape: readonly Dimension[]): string {
    this.#declare(11, name, shape);
    return name;
  }

  output(name: string, shape: readonly Dimension[]): void {
    this.#declare(12, name, shape);
  }

  /** A constant. No shape: a scalar. */
  constant(name: string, values: Float32Array | readonly number[], shape: readonly number[] = []): string {
    const isFloat = values instanceof Float32Array;
    const bytes = isFloat ? new Uint8Array(values.slice().buffer) : new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
    this.#graph.message(5, (tensor) =>
      tensor
        .integers(1, shape)
        .integer(2, isFloat ? FLOAT : INT64)
        .text(8, name)
        .bytes(9, bytes),
    );
    return name;
  }

  /** One operator; gives the name of its first output. */
  node(
    operator: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
    outputs: readonly string[] = [`v${this.#values++}`],
  ): string {
    this.#graph.message(1, (node) => {
      for (const name of inputs) node.text(1, name);
      for (const name of outputs) node.text(2, name);
      node.text(4, operator);
      for (const [name, attribute] of Object.entries(attributes)) {
        node.message(5, (written) => {
          written.text(1, name);
          if ("float" in attribute) written.float(2, attribute.float).integer(20, ATTRIBUTE.float);
          else if ("integer" in attribute) written.integer(3, attribute.integer).integer(20, ATTRIBUTE.integer);
          else if ("text" in attribute) written.text(4, attribute.text).integer(20, ATTRIBUTE.text);
          else if ("floats" in attribute) written.floats(7, attribute.floats).integer(20, ATTRIBUTE.floats);
          else if ("integers" in attribute) written.integers(8, attribute.integers).integer(20, ATTRIBUTE.integers);
          else {
            for (const text of attribute.texts) written.text(9, text);
            written.integer(20, ATTRIBUTE.texts);
          }
        });
      }
      if (operator.startsWith("TreeEnsemble")) node.text(7, "ai.onnx.ml");
    });
    return outputs[0] as string;
  }

  /** The model's file. `metadata` comes out of it again as strings. */
  finish(metadata: Readonly<Record<string, string>> = {}): Uint8Array {
    const model = new ProtobufWriter().integer(1, IR_VERSION).text(2, "hyperspeed");
    // Fields may come in any order, and parts of a message add up: the name goes last.
    model.bytes(7, Buffer.concat([this.#graph.finish(), new ProtobufWriter().text(2, this.#name).finish()]));
    for (const [domain, version] of [
      ["", OPSET],
      ["ai.onnx.ml", ML_OPSET],
    ] as const)
      model.message(8, (opset) => opset.text(1, domain).integer(2, version));
    for (const [key, value] of Object.entries(metadata)) model.message(14, (entry) => entry.text(1, key).text(2, value));
    return model.finish();
  }
}
