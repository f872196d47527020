import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { HEADS, largestDistance, scoreByDefinition } from "#libs/ml/ensemble.ts";
import { FEATURE_COUNT } from "#libs/ml/features.ts";
import { publishModel } from "#libs/ml/model-folder.ts";
import { openScorePool } from "#libs/ml/score-pool.ts";
import { syntheticMarket, trained } from "#libs/ml/testing.ts";
import { DEFAULT_OPTIONS, type TrainedModel } from "#libs/ml/train.ts";

const market = syntheticMarket(10_000, 4);
let root: string;
let model: TrainedModel;
let folder: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "hyperspeed-pool-"));
  model = await trained(market, { rounds: { landing: 8, profit: 4, spread: 4 }, net: { ...DEFAULT_OPTIONS.net, epochs: 1 } });
  const published = await publishModel(model, market, { root, name: "pool", parent: null, origin: "An invented market, seed 4" });
  if (!published.ok) throw new Error(published.error.code);
  folder = published.value.folder;
});
afterAll(() => rm(root, { recursive: true, force: true }));

test.each(["kernel", "onnxruntime"] as const)("%s on two threads gives every row its own score", async (evaluator) => {
  const pool = openScorePool(folder, { threads: 2 });
  try {
    // Not a whole number of tasks.
    const rows = market.rows.subarray(0, 9_001 * FEATURE_COUNT);
    const scores = await pool.score(evaluator, rows);
    expect(scores).toHaveLength(9_001 * HEADS.length);
    expect(largestDistance(scores, scoreByDefinition(model.ensemble, rows))).toBeLessThanOrEqual(1e-6);
  } finally {
    await pool.close();
  }
});

test("without a model there are no scores", async () => {
  const pool = openScorePool(join(root, "none"), { threads: 1 });
  await expect(pool.score("kernel", market.rows.subarray(0, FEATURE_COUNT))).rejects.toThrow("unreadable");
  await pool.close();
});
