import Type, { type Static } from "typebox";
import { Mode } from "#proto/execution/v1/events.ts";
import { Evaluation, Ranking } from "#proto/opportunity/v1/scored.ts";
import { Count, HashText, Int, messageSchema, Token, Uint } from "#proto/scalars.ts";

const nullable = <Schema extends Type.TSchema>(schema: Schema) => Type.Union([schema, Type.Null()]);

/** A transaction of ours in a block, by the branch that stood when the label was made. */
export const LabelledLanding = Type.Object({
  blockNumber: Count,
  transactionHash: HashText,
  /** False: mined, but reverted. */
  succeeded: Type.Boolean(),
  gasUsed: Count,
  /** gasUsed × effectiveGasPrice, wei. */
  gasCost: Uint,
  /** gasUsed × (effectiveGasPrice − base fee), wei; what was paid to the builder beside it is `builderPayment`. Null where the block's base fee is not known. */
  tip: nullable(Int),
  /** What it left in our contract, in units of the candidate's token, and in wei after gas; null while nothing has been settled. */
  profit: nullable(Int),
  netProfit: nullable(Int),
  builderPayment: nullable(Uint),
});
export type LabelledLanding = Static<typeof LabelledLanding>;

/** What a wallet of ours did about a candidate. */
export const LabelledExecution = Type.Object({
  executionId: HashText,
  /** Only in live mode does anybody else get to see it: in the others `expired` is the end of every one that simulated well. */
  mode: Mode,
  /** `open`: no end was in the stream when the label was made. */
  end: Type.Enum(["landed", "reverted", "expired", "failed", "open"]),
  /** Of a failed one: the code of its ExecutionFailed. */
  code: nullable(Token),
  landing: nullable(LabelledLanding),
});
export type LabelledExecution = Static<typeof LabelledExecution>;

/** An arbitrage of somebody else in the next block that swapped in every pool of the cycle, in its direction. */
export const LabelledRival = Type.Object({
  transactionHash: HashText,
  token: Type.String(),
  /** Raw units of `token`, before gas and what it paid the builder. */
  grossProfit: Uint,
  /** Wei. */
  gasCost: Uint,
  tip: Int,
});
export type LabelledRival = Static<typeof LabelledRival>;

/** Why it is not known what became of a cycle. */
export const UNKNOWN_BECAUSE = ["reorged", "no-block", "dex-late", "own-trade", "not-watched"] as const;

/**
 * What became of the cycle by itself: its swaps with the amounts that were to go in, quoted exactly once more on the states that the next block of the branch left
 * which stood when the label was made.
 *
 * `there`: it would still have paid its gas. `gone`: it would not. `unknown`: `because`
 * - `reorged`: the candidate's own block was dropped
 * - `no-block`: there is no next one
 * - `dex-late`: a DEX of it had not reported that block when the one after it came
 * - `own-trade`: gone, but a trade of ours went through its pools, so that nobody can tell what would have become of it
 * - `not-watched`: gone, and nobody looked for arbitrages in that block, so that it may have been taken or not
 */
export const LabelledNext = Type.Object({
  state: Type.Enum(["there", "gone", "unknown"]),
  because: nullable(Type.Enum([...UNKNOWN_BECAUSE])),
  /** What it would have earned one block later; null where a pool refused, or it is not known. `netProfit`: less gas at that block's price, wei. */
  grossProfit: nullable(Int),
  netProfit: nullable(Int),
  /** Arbitrages of others in that block through any of its pools, in its direction. */
  rivals: Count,
  rival: nullable(LabelledRival),
});
export type LabelledNext = Static<typeof LabelledNext>;

/**
 * In this order, the first that holds:
 * - `landed`, `reverted`: a transaction of ours is in a block
 * - `failed`: our simulation said that it does not pay what was quoted, or not enough
 * - `outbid`: somebody else took (one of) its cycle(s) in the next block, whether we had sent ours or not
 * - `expired`: ours was sent, and its block came without it
 * - `still-there`; `vanished`; `unknown`: what became of the cycle by itself
 */
export const OUTCOMES = ["landed", "reverted", "failed", "outbid", "expired", "still-there", "vanished", "unknown"] as const;
export type Outcome = (typeof OUTCOMES)[number];

export const Label = Type.Object({
  cycleId: Type.String({ pattern: "^[0-9a-f]{16}$" }),
  /** Of how many cycles it consists (proto/cycle/v1/found.ts). */
  cycles: Type.Integer({ minimum: 1 }),
  /** Place among the block's candidates in the order of the ranking, 0 is best; the rejected ones come after those that passed. */
  rank: Count,
  /** Null for one that passed, otherwise the gate that stopped it. */
  rejected: nullable(Token),
  /** As ranked: wei. */
  grossProfit: Uint,
  netProfit: Int,
  /** As ranked: what had been seen of it, and what the models said. */
  evaluation: Evaluation,
  executions: Type.Array(LabelledExecution),
  next: LabelledNext,
  outcome: Type.Enum([...OUTCOMES]),
});
export type Label = Static<typeof Label>;

/**
 * What became of each candidate of one ranking, those that passed and those that did not: `blockNumber`, `blockHash` and `epoch` are the ranking's. Said once for
 * each OpportunityScored, when the chain has gone on for as many blocks as an execution may take to come to its end. What a later reorganisation changes is not said again.
 */
export const OutcomeLabelled = messageSchema("outcome-labelled", {
  epoch: Count,
  /** SHA-256 of the feature schema (libs/ml/features.ts). */
  featureSchema: Type.String({ pattern: "^[0-9a-f]{64}$" }),
  /** As ranked: versions of the models, who made the order, and whether the first place was drawn. */
  champion: nullable(Type.String()),
  challenger: nullable(Type.String()),
  ranking: Ranking,
  explored: Type.Boolean(),
  /** Head of the chain when the labels were made: what is known is what the streams held before that block. */
  labelledAtBlock: Count,
  labels: Type.Array(Label),
});
export type OutcomeLabelled = Static<typeof OutcomeLabelled>;
