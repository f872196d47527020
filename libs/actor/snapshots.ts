import { Compile } from "typebox/compile";
import type { Bus } from "#libs/actor/bus.ts";
import { InvariantError } from "#libs/units/invariant.ts";
import { packValue, unpackValue } from "#proto/codec.ts";
import { PoolSnapshot } from "#proto/pool/v1/snapshotted.ts";

const check = Compile(PoolSnapshot);

/** Snapshots of a DEX that are kept: the newest, and one that a reader may be in the middle of. */
const KEPT = 2;

/** Stores a snapshot under a name of its own and lets go of old ones of the same DEX. */
export async function saveSnapshot(
  bus: Bus,
  chain: string,
  snapshot: PoolSnapshot,
): Promise<{ readonly name: string; readonly bytes: number }> {
  const store = await bus.openSnapshots(chain);
  const prefix = `${snapshot.dex}.`;
  const name = `${prefix}${snapshot.causeSequence.toString().padStart(16, "0")}`;
  const payload = packValue(snapshot);
  await store.putBlob({ name }, payload);
  const names = (await store.list()).filter((entry) => !entry.deleted && entry.name.startsWith(prefix)).map((entry) => entry.name);
  for (const old of names.sort().slice(0, -KEPT)) await store.delete(old);
  return { name, bytes: payload.length };
}

/** The snapshot of that name, or null when it is no longer there. Throws `InvariantError` for an object that is not a snapshot. */
export async function loadSnapshot(bus: Bus, chain: string, name: string): Promise<PoolSnapshot | null> {
  const store = await bus.openSnapshots(chain);
  const payload = await store.getBlob(name);
  if (payload === null) return null;
  const value = unpackValue(payload);
  if (!check.Check(value)) throw new InvariantError(`object ${name} is no pool snapshot: ${check.Errors(value)[0]?.message}`);
  return value;
}
