import Type, { type Static } from "typebox";
import { PoolStates } from "#proto/pool/v1/state.ts";
import { Count, messageSchema, Token } from "#proto/scalars.ts";

/**
 * What one block, or one undone branch, did to the pools of one DEX: absolute states, so that applying it twice changes nothing.
 * Published for every block, with no rows where nothing changed: that is how a solver knows that the block is complete.
 */
export const PoolChanged = messageSchema("pool-changed", {
  dex: Token,
  epoch: Count,
  /** `block`: the logs of this block. `reorg`: states put back to what they were at this block, the common ancestor. `reread`: read from the chain at this block. */
  reason: Type.Union([Type.Literal("block"), Type.Literal("reorg"), Type.Literal("reread")]),
  /** Stream sequence of the block message this answers. */
  causeSequence: Count,
  states: PoolStates,
  /** Pools that exist no longer on this branch (created in a dropped block). */
  removed: Type.Array(Type.String()),
});
export type PoolChanged = Static<typeof PoolChanged>;
