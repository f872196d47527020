import { existsSync } from "node:fs";
import { join } from "node:path";

/** Path of a recorded set that is not ours to copy, from the folder that HYPERSPEED_VECTORS names; null where there is none, and the tests that want it skip. */
export function vectorsFile(name: string): string | null {
  const folder = process.env.HYPERSPEED_VECTORS;
  if (folder === undefined || folder === "") return null;
  const file = join(folder, name);
  return existsSync(file) ? file : null;
}
