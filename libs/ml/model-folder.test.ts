import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { writeBooster } from "#libs/ml/booster.ts";
import { largestDistance } from "#libs/ml/ensemble.ts";
import { toOnnx } from "#libs/ml/export.ts";
import { FEATURE_COUNT, featuresJson, SCHEMA_HASH } from "#libs/ml/features.ts";
import { type Manifest, openModel, publishModel } from "#libs/ml/model-folder.ts";
import { scoreInBatches } from "#libs/ml/parity.ts";
import { syntheticMarket, trained, withOneLeafMoved } from "#libs/ml/testing.ts";
import { DEFAULT_OPTIONS, type TrainedModel } from "#libs/ml/train.ts";

const market = syntheticMarket(12_000, 2);
let root: string;
let model: TrainedModel;
let folder: string;
let manifest: Manifest;
const about = { name: "local", parent: null, origin: "An invented market, seed 2", limits: "It knows no Sunday." };

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "hyperspeed-models-"));
  model = await trained(market, { rounds: { landing: 24, profit: 12, spread: 12 }, net: { ...DEFAULT_OPTIONS.net, epochs: 3 } });
  const published = await publishModel(model, market, { root, ...about });
  if (!published.ok) throw new Error(published.error.code);
  ({ folder, manifest } = published.value);
});
afterAll(() => rm(root, { recursive: true, force: true }));

const sha256 = (content: string | Uint8Array) => createHash("sha256").update(content).digest("hex");

/** Another folder of the same model with some files replaced; `hashed`: and the manifest made to fit, as who replaces files on purpose would. */
async function tampered(files: Readonly<Record<string, string | Uint8Array>>, { hashed }: { readonly hashed: boolean }): Promise<string> {
  const other = await mkdtemp(join(root, "tampered-"));
  for (const file of await readdir(folder)) await writeFile(join(other, file), files[file] ?? (await readFile(join(folder, file))));
  const hashes = Object.fromEntries(Object.entries(files).map(([file, content]) => [file, sha256(content)]));
  if (hashed) await writeFile(join(other, "manifest.json"), JSON.stringify({ ...manifest, files: { ...manifest.files, ...hashes } }));
  return other;
}

test("a published model opens, and scores as it was trained", async () => {
  const opened = await openModel(folder, { capacity: 256 });
  if (!opened.ok) throw new Error(opened.error.code);
  const { kernel, reference, ensemble } = opened.value;
  const rows = market.rows.subarray(0, 2_000 * FEATURE_COUNT);
  expect(largestDistance(scoreInBatches(kernel, rows, FEATURE_COUNT), await reference.score(rows))).toBeLessThanOrEqual(1e-6);
  await reference.close();
  expect(ensemble.mixes).toEqual(model.ensemble.mixes);
  expect(ensemble.net).toEqual(model.ensemble.net);
});

test("the manifest says what a later reader needs, and every file has its hash", async () => {
  expect(manifest).toMatchObject({
    name: "local",
    parent: null,
    engine: { trees: "built-in" },
    schemaHash: SCHEMA_HASH,
    data: { rows: 12_000, firstBlock: market.blocks[0], lastBlock: market.blocks.at(-1), origin: about.origin, limits: about.limits },
    metrics: model.metrics,
    parity: { rows: 100_000, tolerance: 1e-6 },
  });
  expect(folder).toBe(join(root, "local", manifest.version));
  const files = (await readdir(folder)).filter((file) => file !== "manifest.json");
  expect(files.sort()).toEqual(Object.keys(manifest.files).sort());
  for (const file of files) expect(sha256(await readFile(join(folder, file))), file).toBe(manifest.files[file]);
  const card = await readFile(join(folder, "card.md"), "utf8");
  expect(card).toContain(manifest.version);
  expect(card).toContain("not XGBoost");
  expect(card).toContain(`## Limits\n\n${about.limits}\n`);
  for (const [, plot] of card.matchAll(/\((\w+\.svg)\)/g))
    expect(await readFile(join(folder, plot as string), "utf8")).toMatch(/^<svg[\s\S]*<\/svg>\n$/);
});

test("the same model again is the same version, and what is there stays", async () => {
  const again = await publishModel(model, market, { root, ...about, parent: "0000000000000000" });
  expect(again).toMatchObject({ ok: true, value: { folder } });
  expect(JSON.parse(await readFile(join(folder, "manifest.json"), "utf8"))).toEqual(manifest);
  expect(await readdir(join(root, "local"))).toEqual([manifest.version]);
});

test("a model that was changed under way is refused by its hashes", async () => {
  const onnx = Uint8Array.from(await readFile(join(folder, "model.onnx")));
  onnx[onnx.length >> 1] = (onnx[onnx.length >> 1] as number) ^ 1;
  expect(await openModel(await tampered({ "model.onnx": onnx }, { hashed: false }), { capacity: 8 })).toEqual({
    ok: false,
    error: { code: "corrupted-file", file: "model.onnx" },
  });
});

test("golden vectors catch what the hashes do not: either evaluator off by a thousandth on one tree", async () => {
  const other = withOneLeafMoved(model.ensemble, 1e-3);
  const onnx = await openModel(await tampered({ "model.onnx": toOnnx(other, {}) }, { hashed: true }), { capacity: 64 });
  expect(onnx).toMatchObject({ ok: false, error: { code: "golden-mismatch", evaluator: "onnxruntime" } });
  const trees = await openModel(await tampered({ "landing.xgb.json": writeBooster(other.boosters.landing) }, { hashed: true }), {
    capacity: 64,
  });
  expect(trees).toMatchObject({ ok: false, error: { code: "golden-mismatch", evaluator: "kernel" } });
});

test("a model of another schema, and one that cannot be read, are refused", async () => {
  const otherSchema = await tampered({ "manifest.json": JSON.stringify({ ...manifest, schemaHash: "f".repeat(64) }) }, { hashed: false });
  expect(await openModel(otherSchema, { capacity: 8 })).toMatchObject({ ok: false, error: { code: "other-schema" } });
  expect(await openModel(join(root, "none"), { capacity: 8 })).toMatchObject({
    ok: false,
    error: { code: "unreadable", file: "manifest.json" },
  });
  const noModel = await tampered({ "model.onnx": "not a model" }, { hashed: true });
  expect(await openModel(noModel, { capacity: 8 })).toMatchObject({ ok: false, error: { code: "unreadable", file: "model.onnx" } });
  expect(await readFile(join(folder, "features.json"), "utf8")).toBe(featuresJson());
});

test("a model whose evaluators part is not published", async () => {
  // The trees in its file are not those it was trained to.
  const broken: TrainedModel = { ...model, ensemble: withOneLeafMoved(model.ensemble, 1e-3) };
  const published = await publishModel(broken, market, { root, ...about, name: "broken" });
  expect(published).toMatchObject({ ok: false, error: { code: "no-parity" } });
  await expect(readdir(join(root, "broken"))).rejects.toThrow();
});
