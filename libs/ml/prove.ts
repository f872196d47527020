import { Piscina } from "piscina";
import type { OpenFailure } from "#libs/ml/model-folder.ts";

/** Opens the model with onnxruntime and the kernel on a thread of its own, and lets go of it: null where both give the golden scores. The caller's thread goes on. */
export async function proveModel(folder: string): Promise<OpenFailure | null> {
  const pool = new Piscina<string, OpenFailure | null>({ filename: new URL("./prove-worker.ts", import.meta.url).href, maxThreads: 1 });
  try {
    return await pool.run(folder);
  } finally {
    await pool.destroy();
  }
}
