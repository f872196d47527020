import Type, { type Static } from "typebox";
import { PoolRow } from "#proto/pool/v1/state.ts";
import { Count, messageSchema, Token } from "#proto/scalars.ts";

/** Pools that a DEX has come to hold: found in its factory's events. Their state follows in PoolSnapshotted or PoolChanged. */
export const PoolDiscovered = messageSchema("pool-discovered", {
  dex: Token,
  family: Type.Union([Type.Literal("uniswap-v2"), Type.Literal("uniswap-v3")]),
  epoch: Count,
  rows: Type.Array(PoolRow, { minItems: 1, maxItems: 500 }),
});
export type PoolDiscovered = Static<typeof PoolDiscovered>;
