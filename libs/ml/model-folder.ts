import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readBooster } from "#libs/ml/booster.ts";
import { modelCard, plots } from "#libs/ml/card.ts";
import { DISTRIBUTION_FILE, modelDistribution } from "#libs/ml/distribution.ts";
import { type Ensemble, HEADS, type Head, largestDistance, type Mix, TOLERANCE } from "#libs/ml/ensemble.ts";
import { toOnnx } from "#libs/ml/export.ts";
import { FEATURE_COUNT, featuresJson, SCHEMA_HASH } from "#libs/ml/features.ts";
import { buildKernel, type Kernel } from "#libs/ml/kernel.ts";
import type { Net } from "#libs/ml/net.ts";
import { adversarialRows, holds, measureParity, type Parity, resampledRows, scoreInBatches } from "#libs/ml/parity.ts";
import { openReference, type Reference } from "#libs/ml/reference.ts";
import type { Dataset, TestMetrics, TrainedModel, TrainingProgress } from "#libs/ml/train.ts";
import { invariant } from "#libs/units/invariant.ts";
import { fail, ok, type Result } from "#libs/units/result.ts";

/**
 * A model is a folder, `<root>/<name>/<version>`, that never changes; the version is the first 16 digits of the hash of what it computes:
 *
 * - `model.onnx`: the whole ensemble, for onnxruntime, which is the reference;
 * - `<head>.xgb.json`: its trees, as XGBoost reads them; `net.json`: the net and the mixes. The kernel is made of these;
 * - `golden.json`: rows, hard ones among them, with the scores that onnxruntime gave;
 * - `features.json`: the schema; `manifest.json`; `card.md` with its plots;
 * - `distribution.json`: how features and probabilities were spread, which drift is measured against.
 */
export interface Manifest {
  readonly format: 1;
  readonly name: string;
  readonly version: string;
  /** Version that this one was to improve on; null for the first. */
  readonly parent: string | null;
  readonly engine: TrainedModel["engine"];
  readonly schemaHash: string;
  readonly options: TrainedModel["options"];
  readonly data: {
    readonly rows: number;
    readonly landed: number;
    readonly firstBlock: number;
    readonly lastBlock: number;
    /** Where they come from, in words. */
    readonly origin: string;
    /** What they cannot teach, in Markdown. */
    readonly limits?: string;
    /** SHA-256 of rows, blocks and outcomes. */
    readonly hash: string;
    readonly windows: TrainedModel["windows"];
  };
  readonly metrics: TestMetrics;
  readonly parity: Parity;
  /** SHA-256 by file. */
  readonly files: Readonly<Record<string, string>>;
}

export type PublishFailure = { readonly code: "no-parity"; readonly parity: Parity };

export type OpenFailure =
  | { readonly code: "unreadable"; readonly file: string; readonly cause: unknown }
  | { readonly code: "corrupted-file"; readonly file: string }
  | { readonly code: "other-schema"; readonly found: string; readonly expected: string }
  | { readonly code: "golden-mismatch"; readonly evaluator: Evaluator; readonly distance: number };

const boosterFile = (head: Head) => `${head}.xgb.json`;
/** What decides on scores: its hash is the version. */
const COMPUTING = ["model.onnx", ...HEADS.map(boosterFile), "net.json", "features.json"];

const sha256 = (...parts: readonly (string | Uint8Array)[]): string => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
};

const bytesOf = (values: Float32Array | Float64Array | Uint8Array) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
/** JSON has no NaN and no infinity, and golden rows have both. */
const base64 = (values: Float32Array) => Buffer.from(bytesOf(values)).toString("base64");
function floatsFrom(text: string): Float32Array {
  const bytes = Uint8Array.from(Buffer.from(text, "base64"));
  return new Float32Array(bytes.buffer, 0, bytes.length / 4);
}

interface LayerFile {
  readonly weights: readonly number[];
  readonly bias: readonly number[];
}

interface NetFile {
  readonly sizes: Net["sizes"];
  readonly mean: readonly number[];
  readonly inverse: readonly number[];
  readonly layers: readonly [LayerFile, LayerFile, LayerFile];
  readonly mixes: Readonly<Record<Head, Mix>>;
}

const layerFile = ({ weights, bias }: Net["layers"][0]): LayerFile => ({ weights: [...weights], bias: [...bias] });

function netJson({ net, mixes }: Ensemble): string {
  const file: NetFile = {
    sizes: net.sizes,
    mean: [...net.mean],
    inverse: [...net.inverse],
    layers: [layerFile(net.layers[0]), layerFile(net.layers[1]), layerFile(net.layers[2])],
    mixes,
  };
  return `${JSON.stringify(file)}\n`;
}

function readEnsemble(boosterJson: Readonly<Record<Head, string>>, json: string): Ensemble {
  const { sizes, mean, inverse, layers, mixes } = JSON.parse(json) as NetFile;
  const boosters = Object.fromEntries(HEADS.map((head) => [head, readBooster(boosterJson[head])])) as Ensemble["boosters"];
  const featureCount = sizes[0];
  for (const [index, { weights, bias }] of layers.entries())
    invariant(weights.length === (sizes[index] as number) * bias.length && bias.length === sizes[index + 1], "a layer of its size");
  invariant(
    HEADS.every((head) => boosters[head].featureCount === featureCount),
    "trees and net of the same features",
  );
  const read = ({ weights, bias }: LayerFile) => ({ weights: Float32Array.from(weights), bias: Float32Array.from(bias) });
  const net: Net = {
    sizes,
    mean: Float32Array.from(mean),
    inverse: Float32Array.from(inverse),
    layers: [read(layers[0]), read(layers[1]), read(layers[2])],
  };
  return { featureCount, boosters, net, mixes };
}

/** Ordinary rows and hard ones to keep beside a model. */
const GOLDEN_ROWS = 256;

interface Golden {
  readonly rows: Float32Array;
  readonly scores: Float32Array;
}

type Evaluator = "onnxruntime" | "kernel";

/** Whether an evaluator gives the golden scores; null where it does. */
function goldenMismatch({ scores }: Golden, evaluator: Evaluator, answers: Float32Array): OpenFailure | null {
  const distance = largestDistance(answers, scores);
  return distance <= TOLERANCE ? null : { code: "golden-mismatch", evaluator, distance };
}

export interface Published {
  readonly folder: string;
  readonly manifest: Manifest;
  /** What a row takes in the kernel here and now: of the machine, so not part of the folder. */
  readonly microsPerRow: number;
}

/** Microseconds a row in batches of a block's size, the best of some rounds: what others do to the machine meanwhile only adds. */
function timeKernel(kernel: Kernel, rows: Float32Array, featureCount: number): number {
  const batch = Math.min(64, rows.length / featureCount);
  const batches = Math.max(1, Math.min(64, Math.floor(rows.length / featureCount / batch)));
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 20; round++) {
    const startMs = performance.now();
    for (let at = 0; at < batches; at++) kernel.score(rows.subarray(at * batch * featureCount, (at + 1) * batch * featureCount), batch);
    best = Math.min(best, ((performance.now() - startMs) * 1_000) / (batches * batch));
  }
  return best;
}

/** Proves the model, writes its folder in one step, and says where it is. A model whose evaluators part is not written. */
export async function publishModel(
  trained: TrainedModel,
  dataset: Dataset,
  about: {
    readonly root: string;
    readonly name: string;
    readonly parent: string | null;
    readonly origin: string;
    readonly limits?: string;
  },
  onProgress: TrainingProgress = () => {},
): Promise<Result<Published, PublishFailure>> {
  const { ensemble, options } = trained;
  const { featureCount } = ensemble;
  invariant(featureCount === FEATURE_COUNT, "a model of today's features");
  const { root, name, parent, origin, limits } = about;
  const onnx = toOnnx(ensemble, { schemaHash: SCHEMA_HASH, engine: `${trained.engine.trees} ${trained.engine.version}` });
  const files = new Map<string, string | Uint8Array>([["model.onnx", onnx]]);
  for (const head of HEADS) files.set(boosterFile(head), trained.boosterJson[head]);
  files.set("net.json", netJson(ensemble));
  files.set("features.json", featuresJson());

  // Proven is what was written: the kernel's model is read back from its files.
  const written = readEnsemble(trained.boosterJson, files.get("net.json") as string);
  const reference = await openReference(onnx, featureCount);
  let parity: Parity;
  let microsPerRow: number;
  try {
    const kernel = buildKernel(written, { capacity: 4_096 });
    microsPerRow = timeKernel(kernel, dataset.rows, featureCount);
    onProgress("proof", 0, 1);
    parity = await measureParity(ensemble, { reference, kernel }, dataset.rows, options.seed);
    onProgress("proof", 1, 1);
    if (!holds(parity)) return fail({ code: "no-parity", parity });
    const test = trained.windows.test.begin * featureCount;
    const tested = dataset.rows.subarray(test, trained.windows.test.end * featureCount);
    const distribution = modelDistribution(tested, featureCount, scoreInBatches(kernel, tested, featureCount));
    files.set(DISTRIBUTION_FILE, `${JSON.stringify(distribution)}\n`);
    const hard = adversarialRows(ensemble, options.seed);
    const rows = new Float32Array(2 * GOLDEN_ROWS * featureCount);
    rows.set(resampledRows(dataset.rows.subarray(test), featureCount, GOLDEN_ROWS, options.seed));
    // Every so many of the hard rows, so that all features are among them.
    const step = Math.max(1, Math.floor(hard.length / featureCount / GOLDEN_ROWS));
    for (let row = 0; row < GOLDEN_ROWS; row++)
      rows.set(hard.subarray(row * step * featureCount, (row * step + 1) * featureCount), (GOLDEN_ROWS + row) * featureCount);
    const golden = { format: 1, encoding: "float32, little-endian, base64", features: featureCount, heads: HEADS, rows: base64(rows) };
    files.set("golden.json", `${JSON.stringify({ ...golden, scores: base64(await reference.score(rows)) })}\n`);
  } finally {
    await reference.close();
  }

  const version = sha256(...COMPUTING.map((file) => files.get(file) as string | Uint8Array)).slice(0, 16);
  const { blocks, landed, profitWei, promisedWei } = dataset;
  const stated: Omit<Manifest, "files"> = {
    format: 1,
    name,
    version,
    parent,
    engine: trained.engine,
    schemaHash: SCHEMA_HASH,
    options,
    data: {
      rows: blocks.length,
      landed: landed.reduce((sum, each) => sum + each, 0),
      firstBlock: blocks[0] as number,
      lastBlock: blocks.at(-1) as number,
      origin,
      ...(limits === undefined ? {} : { limits }),
      hash: sha256(bytesOf(dataset.rows), bytesOf(blocks), bytesOf(landed), bytesOf(profitWei), bytesOf(promisedWei)),
      windows: trained.windows,
    },
    metrics: trained.metrics,
    parity,
  };
  for (const [file, svg] of Object.entries(plots(trained))) files.set(file, svg);
  files.set("card.md", modelCard(stated, trained));
  const hashes = Object.fromEntries([...files].map(([file, content]) => [file, sha256(content)]));
  const manifest: Manifest = { ...stated, files: hashes };
  files.set("manifest.json", `${JSON.stringify(manifest, null, 2)}\n`);

  const folder = join(root, name, version);
  await mkdir(join(root, name), { recursive: true });
  const draft = await mkdtemp(join(root, name, ".draft-"));
  await chmod(draft, 0o755);
  try {
    for (const [file, content] of files) await writeFile(join(draft, file), content);
    // The same model twice is the same folder: what is there already stays.
    await rename(draft, folder).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return ok({ folder, manifest, microsPerRow });
}

interface ModelFiles {
  readonly manifest: Manifest;
  readonly ensemble: Ensemble;
  readonly golden: Golden;
  readonly onnx: Uint8Array;
}

/** Reads a model's files: every one must have the hash that the manifest states, and the schema must be today's. */
async function readModel(folder: string): Promise<Result<ModelFiles, OpenFailure>> {
  const contents = new Map<string, Buffer>();
  let file = "manifest.json";
  try {
    const manifest = JSON.parse(await readFile(join(folder, file), "utf8")) as Manifest;
    if (manifest.schemaHash !== SCHEMA_HASH) return fail({ code: "other-schema", found: manifest.schemaHash, expected: SCHEMA_HASH });
    for (const needed of [...COMPUTING, "golden.json"]) {
      file = needed;
      const content = await readFile(join(folder, file));
      if (sha256(content) !== manifest.files[file]) return fail({ code: "corrupted-file", file });
      contents.set(file, content);
    }
    const textOf = (name: string) => (contents.get(name) as Buffer).toString("utf8");
    file = "net.json";
    const ensemble = readEnsemble(
      Object.fromEntries(HEADS.map((head) => [head, textOf(boosterFile(head))])) as Record<Head, string>,
      textOf("net.json"),
    );
    file = "golden.json";
    const { rows, scores } = JSON.parse(textOf(file)) as { readonly rows: string; readonly scores: string };
    const golden = { rows: floatsFrom(rows), scores: floatsFrom(scores) };
    return ok({ manifest, ensemble, golden, onnx: contents.get("model.onnx") as Buffer });
  } catch (cause) {
    return fail({ code: "unreadable", file, cause });
  }
}

/** A model that has been found to be what it says. */
export interface OpenModel {
  readonly manifest: Manifest;
  readonly ensemble: Ensemble;
  readonly kernel: Kernel;
  /** To be closed by whoever opened the model. */
  readonly reference: Reference;
}

/**
 * Opens a model: its files must be what its manifest says, and both onnxruntime and the kernel must give the golden scores. Anything else is a failure, and a
 * failure means: do not trade on this model. onnxruntime blocks the thread for some 50 ms.
 */
export async function openModel(folder: string, options: { readonly capacity: number }): Promise<Result<OpenModel, OpenFailure>> {
  const read = await readModel(folder);
  if (!read.ok) return read;
  const { manifest, ensemble, golden, onnx } = read.value;
  let reference: Reference;
  try {
    reference = await openReference(onnx, ensemble.featureCount);
  } catch (cause) {
    return fail({ code: "unreadable", file: "model.onnx", cause });
  }
  const kernel = buildKernel(ensemble, options);
  const mismatch =
    goldenMismatch(golden, "onnxruntime", await reference.score(golden.rows)) ??
    goldenMismatch(golden, "kernel", scoreInBatches(kernel, golden.rows, ensemble.featureCount));
  if (mismatch === null) return ok({ manifest, ensemble, kernel, reference });
  await reference.close();
  return fail(mismatch);
}

/** A model for the hot path alone: as `openModel`, without onnxruntime, which has proven it on another thread (prove.ts). */
export async function openKernel(
  folder: string,
  options: { readonly capacity: number },
): Promise<Result<{ readonly manifest: Manifest; readonly kernel: Kernel }, OpenFailure>> {
  const read = await readModel(folder);
  if (!read.ok) return read;
  const { manifest, ensemble, golden } = read.value;
  const kernel = buildKernel(ensemble, options);
  const mismatch = goldenMismatch(golden, "kernel", scoreInBatches(kernel, golden.rows, ensemble.featureCount));
  return mismatch === null ? ok({ manifest, kernel }) : fail(mismatch);
}

/** In words: for logs and alerts. */
export function describeFailure(failure: OpenFailure): string {
  switch (failure.code) {
    case "unreadable":
      return `${failure.file} cannot be read: ${(failure.cause as Error).message}`;
    case "corrupted-file":
      return `${failure.file} is not what the manifest says`;
    case "other-schema":
      return `its features are ${failure.found.slice(0, 16)}, this version has ${failure.expected.slice(0, 16)}`;
    case "golden-mismatch":
      return `${failure.evaluator} is ${failure.distance} off the golden scores`;
  }
}
