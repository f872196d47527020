import Type, { type Static } from "typebox";
import { AddressText, Count, Decimal, messageSchema, Token } from "#proto/scalars.ts";

const Value = { native: Decimal, usd: Type.Union([Decimal, Type.Null()]) };

/**
 * What liquidity providers have in the pools of a chain after a block, in whole native coins and dollars, at the prices of the same block. Uncollected fees are
 * not in it, and a balance counts for no more than 1,000 times the depth that its token's price rests on (libs/prices/holdings.ts).
 *
 * Totals of the chain and of every DEX are in each message; of pools those whose balances or prices moved their value, in the order
 * in which they were touched. `all`: every row before is void; what does not fit follows in the next messages.
 */
export const TvlChanged = messageSchema("tvl-changed", {
  scope: Type.Union([Type.Literal("all"), Type.Literal("moved")]),
  epoch: Count,
  ...Value,
  dexes: Type.Array(Type.Object({ dex: Token, pools: Count, ...Value })),
  /** Pool, DEX, value in native coins, in dollars. */
  pools: Type.Array(Type.Tuple([AddressText, Token, Decimal, Type.Union([Decimal, Type.Null()])])),
  lateDexes: Type.Array(Token),
});
export type TvlChanged = Static<typeof TvlChanged>;
