import type { Static } from "typebox";
import Type from "typebox";
import { FoundPools, PoolStates } from "#proto/pool/v1/state.ts";
import { AddressText, Count, messageSchema, Token } from "#proto/scalars.ts";

/** The complete state of a DEX as of this block lies in the object store. Starting points for whoever has no state: load it, then follow PoolChanged. */
export const PoolSnapshotted = messageSchema("pool-snapshotted", {
  dex: Token,
  epoch: Count,
  object: Type.String({ minLength: 1 }),
  pools: Count,
  bytes: Count,
  /** The snapshot contains the effect of every block message up to this stream sequence. */
  causeSequence: Count,
});
export type PoolSnapshotted = Static<typeof PoolSnapshotted>;

/** The content of the snapshot object. `journal` is private to the fetcher that wrote it. */
export const PoolSnapshot = Type.Object({
  v: Type.Literal(1),
  dex: Token,
  chainId: Count,
  blockNumber: Count,
  blockHash: Type.String(),
  epoch: Count,
  causeSequence: Count,
  pools: FoundPools,
  states: PoolStates,
  /** Held, but not announced yet. */
  arrivals: Type.Array(AddressText),
  /** Announced by logs, not decided on yet; null: one that only the factory's list names. */
  candidates: Type.Array(Type.Union([AddressText, Type.Null()])),
  /** Known, but with too little in them to be followed: looked at again from time to time. */
  small: Type.Array(AddressText),
  /** pool, code, detail. */
  quarantined: Type.Array(Type.Tuple([AddressText, Token, Type.String()])),
  journal: Type.Array(Type.Object({ number: Count, hash: Type.String(), states: PoolStates, created: Type.Array(Type.String()) })),
});
export type PoolSnapshot = Static<typeof PoolSnapshot>;
