import { workerData } from "piscina";
import { FEATURE_COUNT } from "#libs/ml/features.ts";
import { openModel } from "#libs/ml/model-folder.ts";
import { scoreInBatches } from "#libs/ml/parity.ts";
import type { ScoreTask } from "#libs/ml/score-pool.ts";

/** A thread with a model of its own, opened (and so proven) before its first task. */
const { folder, capacity } = workerData as { readonly folder: string; readonly capacity: number };
const opened = await openModel(folder, { capacity });

export default async function score({ evaluator, rows }: ScoreTask): Promise<Float32Array> {
  if (!opened.ok) throw new Error(`no model to score with: ${opened.error.code}`, { cause: opened.error });
  const { kernel, reference } = opened.value;
  return evaluator === "kernel" ? scoreInBatches(kernel, rows, FEATURE_COUNT) : reference.score(rows);
}
