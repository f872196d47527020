import { Piscina } from "piscina";
import { HEADS } from "#libs/ml/ensemble.ts";
import { FEATURE_COUNT } from "#libs/ml/features.ts";

/**
 * Batches on threads of their own: for what is large and may wait (a backtest, a challenger on yesterday's rows, a check of the kernel by the reference). onnxruntime
 * blocks its thread while it computes, so it has no place on an actor's. A block's few candidates are scored by the kernel where they are: a microsecond each.
 */
export interface ScorePool {
  /** Scores of any number of rows, HEADS by row. */
  score(evaluator: ScoreTask["evaluator"], rows: Float32Array): Promise<Float32Array>;
  close(): Promise<void>;
}

export interface ScoreTask {
  readonly evaluator: "kernel" | "onnxruntime";
  readonly rows: Float32Array;
}

/** Rows to a task: some milliseconds of work, beside which the copy to the thread counts for nothing. */
const TASK_ROWS = 4_096;

/** `threads`: one for each core that may be used. A thread that cannot open the model fails its tasks. */
export function openScorePool(folder: string, { threads }: { readonly threads: number }): ScorePool {
  const pool = new Piscina<ScoreTask, Float32Array>({
    filename: new URL("./score-worker.ts", import.meta.url).href,
    minThreads: threads,
    maxThreads: threads,
    idleTimeout: Number.POSITIVE_INFINITY,
    workerData: { folder, capacity: TASK_ROWS },
  });
  return {
    async score(evaluator, rows) {
      const count = rows.length / FEATURE_COUNT;
      const scores = new Float32Array(count * HEADS.length);
      const firsts = Array.from({ length: Math.ceil(count / TASK_ROWS) }, (_, task) => task * TASK_ROWS);
      await Promise.all(
        firsts.map(async (first) => {
          // A slice of its own: a view would take the whole buffer along.
          const own = rows.slice(first * FEATURE_COUNT, (first + TASK_ROWS) * FEATURE_COUNT);
          scores.set(await pool.run({ evaluator, rows: own }), first * HEADS.length);
        }),
      );
      return scores;
    },
    close: () => pool.destroy(),
  };
}
