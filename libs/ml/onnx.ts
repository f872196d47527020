import ort from "onnxruntime-node";

/**
 * One thread: `run` computes synchronously on the caller's, and more of them that spin for each other were slower. Whoever wants two cores takes two
 * workers.
 */
const OPTIONS = {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: "sequential",
  graphOptimizationLevel: "all",
  logSeverityLevel: 3,
} as const;

export type Session = Awaited<ReturnType<typeof openSession>>;

export function openSession(model: Uint8Array) {
  return ort.InferenceSession.create(model, OPTIONS);
}

export function tensor(values: Float32Array, shape: readonly number[]) {
  return new ort.Tensor("float32", values, shape);
}
