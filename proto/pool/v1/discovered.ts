import type { Static } from "typebox";
import { FoundPools } from "#proto/pool/v1/state.ts";
import { Count, messageSchema, Token } from "#proto/scalars.ts";

/** Pools that a DEX has come to hold: found in its factory's events. Their state follows in PoolSnapshotted or PoolChanged. */
export const PoolDiscovered = messageSchema("pool-discovered", {
  dex: Token,
  epoch: Count,
  pools: FoundPools,
});
export type PoolDiscovered = Static<typeof PoolDiscovered>;
