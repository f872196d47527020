import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Bus } from "#libs/actor/bus.ts";
import { InvariantError } from "#libs/units/invariant.ts";
import { packValue, unpackValue } from "#proto/codec.ts";

/** Stores a model's folder under its version, the folder's name. A version that is there already stays: it is the same. Resolves to its size. */
export async function saveModel(bus: Bus, chain: string, folder: string): Promise<number> {
  const files: [name: string, content: Uint8Array][] = [];
  for (const name of (await readdir(folder)).sort()) files.push([name, await readFile(join(folder, name))]);
  const payload = packValue(files);
  const store = await bus.openModels(chain);
  const name = basename(folder);
  if ((await store.info(name)) === null) await store.putBlob({ name }, payload);
  return payload.length;
}

/** What the store holds under a model's version, by file name. Throws `InvariantError` for what is no folder of files. */
function filesOf(version: string, payload: Uint8Array): readonly (readonly [name: string, content: Uint8Array])[] {
  let files: unknown;
  try {
    files = unpackValue(payload);
  } catch (cause) {
    throw new InvariantError(`object ${version} is no model`, { cause });
  }
  const isFile = (file: unknown): file is [string, Uint8Array] =>
    Array.isArray(file) && typeof file[0] === "string" && basename(file[0]) === file[0] && file[1] instanceof Uint8Array;
  if (!Array.isArray(files) || !files.every(isFile)) throw new InvariantError(`object ${version} is no model`);
  return files;
}

/**
 * Writes a model below `directory`, in a folder named by its version, and says where; null when the store does not have it. What the files hold is for whoever opens it
 * to check. Throws `InvariantError` for an object that is no model: nothing is written then.
 */
export async function fetchModel(bus: Bus, chain: string, version: string, directory: string): Promise<string | null> {
  const payload = await (await bus.openModels(chain)).getBlob(version);
  if (payload === null) return null;
  const files = filesOf(version, payload);
  const folder = join(directory, version);
  await mkdir(folder, { recursive: true });
  for (const [name, content] of files) await writeFile(join(folder, name), content);
  return folder;
}
