import Type, { type Static } from "typebox";
import { AddressText, Count, Decimal, HashText, Int, messageSchema, Token, Uint } from "#proto/scalars.ts";

/** One swap of a cycle, with the amounts of its log in raw token units. `dex`: null for a pool that nobody here follows. */
export const ObservedHop = Type.Object({
  /** Its address, or of a pool inside a singleton its id. */
  pool: Type.String(),
  dex: Type.Union([Token, Type.Null()]),
  tokenIn: AddressText,
  tokenOut: AddressText,
  amountIn: Uint,
  amountOut: Uint,
  logIndex: Count,
});
export type ObservedHop = Static<typeof ObservedHop>;

/** A landed transaction, or a part of one, whose swaps leave no token short and `token` over. */
export const ObservedArbitrage = Type.Object({
  transactionHash: HashText,
  /** Place in the block, from 0. */
  transactionIndex: Count,
  from: AddressText,
  /** Null for a transaction that creates a contract. */
  to: Type.Union([AddressText, Type.Null()]),
  /** Whether `to` is our executor contract. */
  ours: Type.Boolean(),
  token: AddressText,
  amountIn: Uint,
  /** Out above in, raw units of `token`: before gas, payments to the builder and lending fees. */
  grossProfit: Uint,
  /** The same in dollars at our prices; null where `token` has none. */
  grossProfitUsd: Type.Union([Decimal, Type.Null()]),
  /** Everything that came out above what went in, by token. */
  gains: Type.Array(Type.Tuple([AddressText, Uint])),
  hops: Type.Array(ObservedHop),
  gasUsed: Count,
  /** Wei per gas. */
  effectiveGasPrice: Uint,
  /** gasUsed × effectiveGasPrice, and the fee of the underlying chain where the receipt states one: wei. */
  gasCost: Uint,
  /** gasUsed × (effectiveGasPrice − base fee), wei. What a contract pays the builder itself leaves no log and is not in it. */
  tip: Int,
});
export type ObservedArbitrage = Static<typeof ObservedArbitrage>;

/**
 * The atomic arbitrages that somebody landed in a block, by its logs; no message where there was none. Void when a BlockReorged drops the block: the same
 * transactions may come again in another, under a later epoch.
 */
export const ArbitrageObserved = messageSchema("arbitrage-observed", {
  epoch: Count,
  arbitrages: Type.Array(ObservedArbitrage, { minItems: 1 }),
  /** Transactions with swaps in two pools or more that were not judged, because the tokens of a pool are not known. */
  notJudged: Count,
});
export type ArbitrageObserved = Static<typeof ArbitrageObserved>;
