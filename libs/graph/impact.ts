import { type Market, marginalRate } from "#libs/graph/market.ts";
import { asAddress } from "#libs/units/brand.ts";
import type { Candidate } from "#proto/cycle/v1/found.ts";

/** The candidate with its price impact: the share that its own size costs, against the marginal rates of the market as it stands. Without it where a pool says no rate. */
export function withPriceImpact(market: Market, candidate: Candidate): Candidate {
  let kept = 1;
  for (const { pool: address, tokenIn, tokenOut, amountIn, amountOut } of candidate.hops) {
    const pool = market.pool(address);
    if (pool === undefined || pool.curve === null) return candidate;
    const { tokens } = pool.info;
    const rate = marginalRate(pool.curve, { indexIn: tokens.indexOf(asAddress(tokenIn)), indexOut: tokens.indexOf(asAddress(tokenOut)) });
    if (!(rate > 0 && Number.isFinite(rate))) return candidate;
    kept *= Number(amountOut) / Number(amountIn) / rate;
  }
  return { ...candidate, priceImpact: 1 - kept };
}
