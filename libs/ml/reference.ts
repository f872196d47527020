import { HEADS } from "#libs/ml/ensemble.ts";
import { openSession, type Session, tensor } from "#libs/ml/onnx.ts";
import { invariant } from "#libs/units/invariant.ts";

/** The model's ONNX file in onnxruntime: what every other evaluator must agree with. It blocks its thread while it computes: batches belong into workers. */
export interface Reference {
  /** Scores of `rows`, HEADS by row. The result is the caller's. */
  score(rows: Float32Array): Promise<Float32Array>;
  readonly featureCount: number;
  close(): Promise<void>;
}

/** Rows to a call: above 512 the rate hardly grows, and the next caller waits no longer than some 20 ms. */
const BATCH = 4_096;

export async function openReference(model: Uint8Array, featureCount: number): Promise<Reference> {
  const session: Session = await openSession(model);
  return {
    featureCount,
    async score(rows) {
      const count = rows.length / featureCount;
      invariant(Number.isInteger(count), "whole rows");
      const scores = new Float32Array(count * HEADS.length);
      for (let first = 0; first < count; first += BATCH) {
        const own = Math.min(BATCH, count - first);
        const features = tensor(rows.subarray(first * featureCount, (first + own) * featureCount), [own, featureCount]);
        const { scores: answer } = await session.run({ features });
        invariant(answer !== undefined && answer.data.length === own * HEADS.length, "a score for each row and head");
        scores.set(answer.data as Float32Array, first * HEADS.length);
      }
      return scores;
    },
    close: () => session.release(),
  };
}
