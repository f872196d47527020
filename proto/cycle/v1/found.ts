import Type, { type Static } from "typebox";
import { AddressText, Count, messageSchema, Token, Uint } from "#proto/scalars.ts";

/** One swap of a cycle with its exact amounts (raw token units), as the contract will compute them on the state of this block. */
export const Hop = Type.Object({
  dex: Token,
  family: Type.Union([Type.Literal("uniswap-v2"), Type.Literal("uniswap-v3")]),
  pool: AddressText,
  zeroForOne: Type.Boolean(),
  tokenIn: AddressText,
  tokenOut: AddressText,
  amountIn: Uint,
  amountOut: Uint,
});
export type Hop = Static<typeof Hop>;

/** A cycle sized exactly: start with `amountIn` of `token`, end with `amountOut` of it. */
export const Candidate = Type.Object({
  /** Hash of the hops' pools and directions from the start token on: the same cycle has the same id in every block. */
  cycleId: Type.String({ pattern: "^[0-9a-f]{16}$" }),
  token: AddressText,
  amountIn: Uint,
  amountOut: Uint,
  grossProfit: Uint,
  /** Gas of the whole transaction, estimated from the families of the hops. */
  gasEstimate: Count,
  hops: Type.Array(Hop, { minItems: 2, maxItems: 5 }),
});
export type Candidate = Static<typeof Candidate>;

/** All sized candidates of one block, best gross profit first. Published for every block, also with none. */
export const CycleFound = messageSchema("cycle-found", {
  epoch: Count,
  timestamp: Count,
  baseFeePerGas: Uint,
  /** DEXes whose state of this block was in, and those whose was late: a replay takes the same decision from the same list. */
  dexes: Type.Array(Token),
  lateDexes: Type.Array(Token),
  /** Cycles whose profit in the float search was positive, before sizing and ranking cut them to the candidates. */
  cyclesFound: Count,
  candidates: Type.Array(Candidate),
});
export type CycleFound = Static<typeof CycleFound>;
