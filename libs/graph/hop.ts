import type { Edge } from "#libs/graph/market.ts";
import type { Hop } from "#proto/cycle/v1/found.ts";

/** A swap as messages say it. Raw units. */
export function hopOf({ pool, indexIn, indexOut, from, to }: Edge, amountIn: bigint, amountOut: bigint): Hop {
  return {
    dex: pool.dex,
    family: pool.family.id,
    pool: pool.info.pool,
    call: pool.family.swapCall(pool.info, { indexIn, indexOut }),
    tokenIn: from,
    tokenOut: to,
    amountIn: amountIn.toString(),
    amountOut: amountOut.toString(),
  };
}
