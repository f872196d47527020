import Type, { type Static } from "typebox";
import { Hop } from "#proto/cycle/v1/found.ts";
import { AddressText, Count, HashText, Uint } from "#proto/scalars.ts";

/** How much of `tokenOut` is `amountIn` of `tokenIn`, sold along the best route through the pools of a chain? */
export const QuoteRequest = Type.Object({
  kind: Type.Literal("quote-request"),
  v: Type.Literal(1),
  tokenIn: AddressText,
  tokenOut: AddressText,
  /** Raw units. */
  amountIn: Uint,
  /** Swaps of a leg, at most. */
  maxHops: Type.Integer({ minimum: 1, maximum: 4 }),
  /** Legs, at most; 1 for a single path. */
  maxLegs: Type.Integer({ minimum: 1, maximum: 8 }),
  /** Wei per gas: with it a leg has to earn more than its swaps cost. Null where gas does not count. */
  gasPrice: Type.Union([Uint, Type.Null()]),
});
export type QuoteRequest = Static<typeof QuoteRequest>;

export const QuoteLeg = Type.Object({
  amountIn: Uint,
  amountOut: Uint,
  /** By the families' estimates. */
  gas: Count,
  hops: Type.Array(Hop, { minItems: 1 }),
});

/**
 * Why there is no quote.
 * - `not-ready`: the solver has not taken a block in yet
 * - `busy`: it has as many questions as it takes at once; blocks come first
 * - `unknown-token`: no pool that may trade holds it
 * - `no-route`: no route of so many hops and legs takes the whole amount
 */
export const QUOTE_REFUSALS = ["not-ready", "busy", "unknown-token", "no-route"] as const;

export const QuoteReply = Type.Object({
  kind: Type.Literal("quote-reply"),
  v: Type.Literal(1),
  answer: Type.Union([
    Type.Object({
      ok: Type.Literal(true),
      /** The block whose states were quoted. */
      blockNumber: Count,
      blockHash: HashText,
      /** To the unit, where the legs are executed in this order on those states, with nothing in between. */
      amountOut: Uint,
      legs: Type.Array(QuoteLeg, { minItems: 1 }),
      /** Of all swaps, by estimate; what a transaction costs by itself is not in it. */
      gas: Count,
      /** What that gas costs in raw units of the token bought, about. Null without a price of gas, and where no path leads from the native coin to it. */
      gasCost: Type.Union([Type.Number({ minimum: 0 }), Type.Null()]),
      /** Share of the output that size costs, beside the rates of each pool's first unit, fees taken. */
      priceImpact: Type.Number(),
    }),
    Type.Object({ ok: Type.Literal(false), reason: Type.Enum([...QUOTE_REFUSALS]) }),
  ]),
});
export type QuoteReply = Static<typeof QuoteReply>;
export type Quote = Extract<QuoteReply["answer"], { ok: true }>;
