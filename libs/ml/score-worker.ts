import { workerData } from "piscina";
import { HEADS } from "#libs/ml/ensemble.ts";
import { FEATURE_COUNT } from "#libs/ml/features.ts";
import { openModel } from "#libs/ml/model-folder.ts";
import type { ScoreTask } from "#libs/ml/score-pool.ts";

/** A thread with a model of its own, opened (and so proven) before its first task. */
const { folder, capacity } = workerData as { readonly folder: string; readonly capacity: number };
const opened = await openModel(folder, { capacity });

export default async function score({ evaluator, rows, scores, first, count }: ScoreTask): Promise<void> {
  if (!opened.ok) throw new Error(`no model to score with: ${opened.error.code}`, { cause: opened.error });
  const { kernel, reference } = opened.value;
  const own = rows.subarray(first * FEATURE_COUNT, (first + count) * FEATURE_COUNT);
  // onnxruntime takes no shared memory: a copy for it.
  scores.set(evaluator === "kernel" ? kernel.score(own, count) : await reference.score(new Float32Array(own)), first * HEADS.length);
}
