import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { type Booster, readBooster } from "#libs/ml/booster.ts";
import type { BoosterOptions, TrainingRows } from "#libs/ml/histogram.ts";
import { InvariantError, invariant } from "#libs/units/invariant.ts";

/** Where Debian's and Ubuntu's package libxgboost0 puts it; elsewhere it is found by name or not at all. */
const PATHS = [
  "/usr/lib/x86_64-linux-gnu/libxgboost.so.0",
  "/usr/lib/aarch64-linux-gnu/libxgboost.so.0",
  "/usr/lib/libxgboost.so",
  "/usr/local/lib/libxgboost.so",
];

/** XGBoost itself, through its C interface. Source: include/xgboost/c_api.h, release 1.7. */
export interface Xgboost {
  /** major.minor.patch */
  readonly version: string;
  /** On one thread: two that spin for each other on a busy machine took 5 to 20 times as long. */
  train(rows: TrainingRows, options: BoosterOptions, onRound?: () => void): { readonly booster: Booster; readonly json: string };
  /** Margins of rows by the model in `json`. */
  margins(json: string, rows: Float32Array, featureCount: number): Float32Array;
}

type Native = (...values: readonly unknown[]) => number;

/** Null where the library, or koffi that calls it, is not installed. */
export function findXgboost(paths: readonly string[] = PATHS): Xgboost | null {
  const path = paths.find((each) => existsSync(each));
  if (path === undefined) return null;
  let koffi: typeof import("koffi");
  try {
    koffi = createRequire(import.meta.url)("koffi") as typeof import("koffi");
  } catch {
    return null;
  }
  const library = koffi.load(path);
  const declared = (signature: string) => library.func(signature) as unknown as Native;
  const lastError = library.func("const char *XGBGetLastError()") as unknown as () => string;
  const functions = {
    version: library.func("void XGBoostVersion(_Out_ int *major, _Out_ int *minor, _Out_ int *patch)") as unknown as (
      ...out: readonly [number[], number[], number[]]
    ) => void,
    matrix: declared("int XGDMatrixCreateFromMat(const float *data, uint64_t rows, uint64_t columns, float missing, _Out_ void **out)"),
    info: declared("int XGDMatrixSetFloatInfo(void *matrix, const char *field, const float *values, uint64_t count)"),
    freeMatrix: declared("int XGDMatrixFree(void *matrix)"),
    create: declared("int XGBoosterCreate(void **matrices, uint64_t count, _Out_ void **out)"),
    free: declared("int XGBoosterFree(void *booster)"),
    set: declared("int XGBoosterSetParam(void *booster, const char *name, const char *value)"),
    update: declared("int XGBoosterUpdateOneIter(void *booster, int round, void *matrix)"),
    save: declared("int XGBoosterSaveModelToBuffer(void *booster, const char *config, _Out_ uint64_t *length, _Out_ void **bytes)"),
    load: declared("int XGBoosterLoadModelFromBuffer(void *booster, const void *bytes, uint64_t length)"),
    predict: declared(
      "int XGBoosterPredict(void *booster, void *matrix, int options, unsigned int trees, int training, _Out_ uint64_t *length, _Out_ void **values)",
    ),
  };
  const checked = (name: keyof typeof functions, ...values: readonly unknown[]) => {
    if ((functions[name] as Native)(...values) !== 0) throw new InvariantError(`libxgboost ${name}: ${lastError()}`);
  };
  const created = (name: "matrix" | "create", ...values: readonly unknown[]): unknown => {
    const out: unknown[] = [null];
    checked(name, ...values, out);
    return out[0];
  };
  const withMatrix = <Value>(rows: Float32Array, columns: number, use: (matrix: unknown) => Value): Value => {
    const matrix = created("matrix", rows, rows.length / columns, columns, Number.NaN);
    try {
      return use(matrix);
    } finally {
      checked("freeMatrix", matrix);
    }
  };
  const withBooster = <Value>(matrices: readonly unknown[], use: (booster: unknown) => Value): Value => {
    const booster = created("create", matrices, matrices.length);
    try {
      checked("set", booster, "nthread", "1");
      checked("set", booster, "verbosity", "0");
      return use(booster);
    } finally {
      checked("free", booster);
    }
  };
  const version: [number[], number[], number[]] = [[0], [0], [0]];
  functions.version(...version);

  return {
    version: version.flat().join("."),
    train({ featureCount, rows, targets }, options, onRound = () => {}) {
      return withMatrix(rows, featureCount, (matrix) => {
        checked("info", matrix, "label", targets, targets.length);
        return withBooster([matrix], (booster) => {
          const parameters = {
            tree_method: "hist",
            objective: options.objective,
            max_depth: options.depth,
            eta: options.eta,
            lambda: options.lambda,
            min_child_weight: options.minChildWeight,
            base_score: options.baseScore,
            seed: 0,
          };
          for (const [name, value] of Object.entries(parameters)) checked("set", booster, name, String(value));
          for (let round = 0; round < options.rounds; round++) {
            checked("update", booster, round, matrix);
            onRound();
          }
          const length = [0];
          const bytes: unknown[] = [null];
          checked("save", booster, '{"format":"json"}', length, bytes);
          const json = Buffer.from(koffi.decode(bytes[0], "uint8_t", Number(length[0])) as number[]).toString("utf8");
          return { booster: readBooster(json), json };
        });
      });
    },
    margins(json, rows, featureCount) {
      invariant(rows.length % featureCount === 0, "whole rows");
      return withMatrix(rows, featureCount, (matrix) =>
        withBooster([], (booster) => {
          const bytes = Buffer.from(json);
          checked("load", booster, bytes, bytes.length);
          const length = [0];
          const values: unknown[] = [null];
          /** 1: margins, without the objective's transformation. */
          checked("predict", booster, matrix, 1, 0, 0, length, values);
          return Float32Array.from(koffi.decode(values[0], "float", Number(length[0])) as number[]);
        }),
      );
    },
  };
}
