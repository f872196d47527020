import Type, { type Static } from "typebox";
import { Count, HashText, messageSchema } from "#proto/scalars.ts";

/** The head was replaced. `blockNumber`, `blockHash` name the common ancestor; the blocks of the new branch follow as BlockObserved with this epoch. */
export const BlockReorged = messageSchema("block-reorged", {
  epoch: Count,
  /** Oldest first. */
  dropped: Type.Array(Type.Tuple([Count, HashText]), { minItems: 1 }),
});
export type BlockReorged = Static<typeof BlockReorged>;
