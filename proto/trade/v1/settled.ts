import Type, { type Static } from "typebox";
import { Candidate } from "#proto/cycle/v1/found.ts";
import { AddressText, Count, HashText, Int, messageSchema, Uint } from "#proto/scalars.ts";

/**
 * What a landed transaction earned, read from its receipt: `profit` is what the Transfer logs left in our contract, in units of `token`.
 * Void when an ExecutionReorged for the same execution and block follows.
 */
export const TradeSettled = messageSchema("trade-settled", {
  executionId: HashText,
  cycleId: Type.String(),
  wallet: AddressText,
  contract: AddressText,
  transactionHash: HashText,
  /** The candidate's profit token. */
  token: AddressText,
  /** In units of the candidate's own token. */
  loanAmount: Uint,
  profit: Int,
  gasUsed: Count,
  effectiveGasPrice: Uint,
  gasCost: Uint,
  /** Wei paid to the block's builder out of this trade, beside the priority fee. */
  builderPayment: Uint,
  /** Wei: profit where `token` is the wrapped native coin, less gas. */
  netProfit: Int,
  /** Balance change of our contract by token, from the Transfer logs. */
  transfers: Type.Array(Type.Tuple([AddressText, Int])),
  candidate: Candidate,
});
export type TradeSettled = Static<typeof TradeSettled>;
