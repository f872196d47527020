import Type, { type Static, type TProperties } from "typebox";
import { Candidate } from "#proto/cycle/v1/found.ts";
import { AddressText, Count, HashText, HexData, Int, messageSchema, Token, Uint } from "#proto/scalars.ts";

/** Each execution is one attempt at one opportunity in one target block; its events tell its whole life. */
function executionSchema<Kind extends string, Properties extends TProperties>(kind: Kind, properties: Properties) {
  return messageSchema(kind, { executionId: HashText, cycleId: Type.String(), wallet: AddressText, ...properties });
}

export const Mode = Type.Union([Type.Literal("paper"), Type.Literal("simulate"), Type.Literal("live")]);
export type Mode = Static<typeof Mode>;

/** The very transaction that will be simulated and sent. */
export const ExecutionPlanned = executionSchema("execution-planned", {
  mode: Mode,
  /** Fencing epoch of the lease under which this was planned. */
  leaseEpoch: Count,
  targetBlock: Count,
  contract: AddressText,
  calldata: HexData,
  nonce: Count,
  gasLimit: Count,
  maxFeePerGas: Uint,
  maxPriorityFeePerGas: Uint,
  expectedNetProfit: Int,
  candidate: Candidate,
});
export type ExecutionPlanned = Static<typeof ExecutionPlanned>;

/** The transaction's bytes ran to success with eth_call on the state of `blockHash`. From here on the signed transaction may exist outside. */
export const ExecutionSimulated = executionSchema("execution-simulated", {
  targetBlock: Count,
  nonce: Count,
  gasUsed: Count,
  /** Hash of the signed transaction; null in paper mode, which signs nothing. */
  transactionHash: Type.Union([HashText, Type.Null()]),
});
export type ExecutionSimulated = Static<typeof ExecutionSimulated>;

export const ExecutionSubmitted = executionSchema("execution-submitted", {
  targetBlock: Count,
  transactionHash: HashText,
  relay: Token,
  bundleHash: HashText,
  submittedAtMs: Count,
});
export type ExecutionSubmitted = Static<typeof ExecutionSubmitted>;

/** The transaction is in a block (`blockNumber`, `blockHash`). `status` 0 = mined but reverted. */
export const ExecutionLanded = executionSchema("execution-landed", {
  transactionHash: HashText,
  transactionIndex: Count,
  status: Type.Union([Type.Literal(0), Type.Literal(1)]),
  gasUsed: Count,
  effectiveGasPrice: Uint,
});
export type ExecutionLanded = Static<typeof ExecutionLanded>;

/** Stopped before or at sending. */
export const ExecutionFailed = executionSchema("execution-failed", {
  code: Type.Union([
    Type.Literal("simulation-reverted"),
    Type.Literal("unprofitable-after-simulation"),
    Type.Literal("relay-rejected"),
    Type.Literal("stale"),
  ]),
  detail: Type.String(),
});
export type ExecutionFailed = Static<typeof ExecutionFailed>;

/** Its target block came (`blockNumber`, `blockHash`) without it. In paper mode: the end of every execution that simulated well. */
export const ExecutionExpired = executionSchema("execution-expired", { targetBlock: Count });
export type ExecutionExpired = Static<typeof ExecutionExpired>;

/** The block it landed in was dropped: what it settled is void until it lands again. `blockNumber`, `blockHash` name the dropped block. */
export const ExecutionReorged = executionSchema("execution-reorged", { transactionHash: HashText, epoch: Count });
export type ExecutionReorged = Static<typeof ExecutionReorged>;
