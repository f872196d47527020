import { Piscina } from "piscina";
import { HEADS } from "#libs/ml/ensemble.ts";
import { FEATURE_COUNT } from "#libs/ml/features.ts";

/**
 * Batches on threads of their own: for what is large and may wait (a backtest, a challenger on yesterday's rows, a check of the kernel by the
 * reference). onnxruntime blocks its thread while it computes, so it has no place on an actor's. A block's few candidates are scored by the kernel
 * where they are: a microsecond each.
 */
export interface ScorePool {
  /** Scores of any number of rows, HEADS by row. */
  score(evaluator: ScoreTask["evaluator"], rows: Float32Array): Promise<Float32Array>;
  close(): Promise<void>;
}

/** Rows and scores lie in memory that the threads share: a task only says which of them. */
export interface ScoreTask {
  readonly evaluator: "kernel" | "onnxruntime";
  readonly rows: Float32Array<SharedArrayBuffer>;
  readonly scores: Float32Array<SharedArrayBuffer>;
  readonly first: number;
  readonly count: number;
}

/** Rows to a task: some milliseconds of work, beside which dealing it out counts for nothing. */
const TASK_ROWS = 4_096;

/** `threads`: one for each core that may be used. A thread that cannot open the model fails its tasks. */
export function openScorePool(folder: string, { threads }: { readonly threads: number }): ScorePool {
  const pool = new Piscina<ScoreTask, void>({
    filename: new URL("./score-worker.ts", import.meta.url).href,
    minThreads: threads,
    maxThreads: threads,
    idleTimeout: Number.POSITIVE_INFINITY,
    workerData: { folder, capacity: TASK_ROWS },
  });
  return {
    async score(evaluator, rows) {
      const all = rows.length / FEATURE_COUNT;
      const shared = new Float32Array(new SharedArrayBuffer(rows.byteLength));
      shared.set(rows);
      const scores = new Float32Array(new SharedArrayBuffer(all * HEADS.length * Float32Array.BYTES_PER_ELEMENT));
      const tasks: Promise<void>[] = [];
      for (let first = 0; first < all; first += TASK_ROWS)
        tasks.push(pool.run({ evaluator, rows: shared, scores, first, count: Math.min(TASK_ROWS, all - first) }));
      await Promise.all(tasks);
      return scores.slice();
    },
    close: () => pool.destroy(),
  };
}
