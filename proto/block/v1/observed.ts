import Type, { type Static } from "typebox";
import { AddressText, Count, HashText, HexData, messageSchema, Uint } from "#proto/scalars.ts";

export const LOG_COLUMNS = ["address", "topics", "data", "logIndex", "transactionIndex", "transactionHash"] as const;

/** One log, positional under LOG_COLUMNS. */
export const LogRow = Type.Tuple([AddressText, Type.Array(HashText, { maxItems: 4 }), HexData, Count, Count, HashText]);
export type LogRow = Static<typeof LogRow>;

/**
 * A block with all its logs that any pool family or factory follows, read by block hash, so header and logs are one fact.
 * `epoch` counts the reorganisations this stream has seen: the same block observed again after a reorg is a new fact.
 */
export const BlockObserved = messageSchema("block-observed", {
  parentHash: HashText,
  epoch: Count,
  /** Seconds, as in the header. */
  timestamp: Count,
  /** Wei per gas; "0" before EIP-1559. */
  baseFeePerGas: Uint,
  gasUsed: Count,
  gasLimit: Count,
  logColumns: Type.Tuple([
    Type.Literal("address"),
    Type.Literal("topics"),
    Type.Literal("data"),
    Type.Literal("logIndex"),
    Type.Literal("transactionIndex"),
    Type.Literal("transactionHash"),
  ]),
  logs: Type.Array(LogRow),
});
export type BlockObserved = Static<typeof BlockObserved>;
