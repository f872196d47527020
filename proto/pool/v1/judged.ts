import Type, { type Static } from "typebox";
import { AddressText, Count, messageSchema, Token } from "#proto/scalars.ts";

/**
 * Pools that are not traded, and why. `refused`: never taken up (a token that taxes or refuses transfers, quotes that differ from the pool's own, …).
 * `quarantined`: taken up, and no longer what we hold of it or pays what we say: out until an operator releases it (`chains.<key>.admission.release`).
 */
export const PoolJudged = messageSchema("pool-judged", {
  dex: Token,
  epoch: Count,
  verdict: Type.Union([Type.Literal("refused"), Type.Literal("quarantined")]),
  /** pool, code, detail. */
  rows: Type.Array(Type.Tuple([AddressText, Token, Type.String()]), { minItems: 1, maxItems: 500 }),
});
export type PoolJudged = Static<typeof PoolJudged>;
