import Type, { type Static } from "typebox";
import { AddressText, Count, Decimal, messageSchema, Token } from "#proto/scalars.ts";

export const PRICE_COLUMNS = ["token", "decimals", "native", "usd", "holds", "confidence"] as const;

/**
 * The price of one whole token, positional under PRICE_COLUMNS, in native coins and in US dollars (null while no stable coin has a price). `holds`: which of the two
 * stays good between rows. A token that hangs on the native coin keeps its price in it, and dollars follow with `usdPerNative` of any later message; one that hangs
 * on a stable coin keeps its dollars. `confidence` in [0, 1] (libs/prices/README.md).
 */
export const PriceRow = Type.Tuple([
  AddressText,
  Count,
  Decimal,
  Type.Union([Decimal, Type.Null()]),
  Type.Union([Type.Literal("native"), Type.Literal("usd")]),
  Type.Number({ minimum: 0, maximum: 1 }),
]);
export type PriceRow = Static<typeof PriceRow>;

/**
 * Prices after a block: one message per block, with the rows that have moved. A row stands until the next one of its token.
 * `all`: every row before is void; what does not fit follows in the next messages. The last message under `all` and those after it are a whole set.
 */
export const PriceChanged = messageSchema("price-changed", {
  scope: Type.Union([Type.Literal("all"), Type.Literal("moved")]),
  epoch: Count,
  usdPerNative: Type.Union([Decimal, Type.Null()]),
  columns: Type.Tuple([
    Type.Literal("token"),
    Type.Literal("decimals"),
    Type.Literal("native"),
    Type.Literal("usd"),
    Type.Literal("holds"),
    Type.Literal("confidence"),
  ]),
  rows: Type.Array(PriceRow),
  /** Tokens whose rows are void: no pool prices them any more. */
  gone: Type.Array(AddressText),
  /** Stable coins more than half a per cent off a dollar, and what they are worth. */
  depegged: Type.Array(Type.Tuple([AddressText, Decimal])),
  /** What price feeds said when last read: token, dollars, block they were read at, (ours − feed) ÷ feed. */
  feeds: Type.Array(Type.Tuple([AddressText, Decimal, Count, Type.Number()])),
  /** DEXes whose pools had not been reported for this block: their last states stand. */
  lateDexes: Type.Array(Token),
});
export type PriceChanged = Static<typeof PriceChanged>;
