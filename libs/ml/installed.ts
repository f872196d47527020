import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { invariant } from "#libs/units/invariant.ts";

const ROOT = fileURLToPath(new URL("../../models", import.meta.url));
/** The model that ranks until a chain has one of its own. */
const NAME = "first";

/** The model that this installation brings: models/first has one version, trained before any outcome of the chain is known. */
export function ownModel(): { readonly version: string; readonly folder: string } {
  const versions = readdirSync(join(ROOT, NAME)).filter((name) => /^[0-9a-f]{16}$/.test(name));
  invariant(versions.length === 1, `models/${NAME} holds one version`);
  const [version] = versions as [string];
  return { version, folder: join(ROOT, NAME, version) };
}
