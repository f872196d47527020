import { hopOf } from "#libs/graph/hop.ts";
import type { Edge, Market, MarketPool } from "#libs/graph/market.ts";
import { bestRoute, type RouteHop } from "#libs/graph/routes.ts";
import { cycleIdOf, restsOnAny } from "#libs/graph/search.ts";
import type { Candidate } from "#proto/cycle/v1/found.ts";

export interface SaleOptions {
  /** What surpluses are sold for: the wrapped native coin, in which gas is paid. */
  readonly profitToken: string;
  /** Wei per gas: of two paths the one that leaves more after the gas of its swaps. */
  readonly gasPrice: bigint;
  /** Pools that no sale may use. */
  readonly without?: ReadonlySet<MarketPool>;
}

/** Swaps of a sale, at most: what a cycle leaves is little, and a third swap's gas is seldom in it. */
const SALE_HOPS = 2;

/**
 * The candidates with their profits in one token: of those that start from another, what the cycle leaves is sold for it along the best single path through pools
 * that the cycle does not use. Their amounts stay exact: the path is quoted on the states of the block, and no swap before it moves what it quotes. Those of which
 * nothing is left to sell, or that nothing is paid for, are dropped. Best gross profit first; equal ones by their ids.
 *
 * Of a cycle sized for the most of its own token: more in never gives less out, so what it is sold for is the most as well.
 */
export function sold(market: Market, candidates: readonly Candidate[], options: SaleOptions): Candidate[] {
  return candidates
    .flatMap((candidate) => {
      const inToken = candidate.token === options.profitToken ? candidate : withSale(market, candidate, options);
      return inToken === null ? [] : [{ candidate: inToken, profit: BigInt(inToken.grossProfit) }];
    })
    .sort((one, other) =>
      one.profit === other.profit ? (one.candidate.cycleId < other.candidate.cycleId ? -1 : 1) : one.profit > other.profit ? -1 : 1,
    )
    .map(({ candidate }) => candidate);
}

function withSale(market: Market, candidate: Candidate, { profitToken, gasPrice, without }: SaleOptions): Candidate | null {
  const edges = candidate.hops.map(({ pool, tokenIn, tokenOut }) => edgeOf(market.pool(pool) as MarketPool, tokenIn, tokenOut));
  const used = new Set([...(without ?? []), ...edges.map(({ pool }) => pool)]);
  const order = { tokenIn: candidate.token, tokenOut: profitToken, amountIn: BigInt(candidate.grossProfit) };
  for (;;) {
    const route = bestRoute(market, order, { maxHops: SALE_HOPS, maxLegs: 1, without: used, gas: { price: gasPrice, token: profitToken } });
    const [leg] = route?.legs ?? [];
    if (leg === undefined) return null;
    const moved = leg.hops.find(({ edge }) => restsOnAny(edge.pool, edges));
    if (moved !== undefined) used.add(moved.edge.pool);
    else return soldAlong(candidate, edges, leg, profitToken);
  }
}

const edgeOf = ({ edges }: MarketPool, from: string, to: string): Edge =>
  edges.find((edge) => edge.from === from && edge.to === to) as Edge;

function soldAlong(
  candidate: Candidate,
  edges: readonly Edge[],
  { hops, amountOut, gas }: { readonly hops: readonly RouteHop[]; readonly amountOut: bigint; readonly gas: number },
  profitToken: string,
): Candidate {
  return {
    ...candidate,
    cycleId: cycleIdOf([...edges, ...hops.map(({ edge }) => edge)]),
    profitToken,
    grossProfit: amountOut.toString(),
    gasEstimate: candidate.gasEstimate + gas,
    hops: [...candidate.hops, ...hops.map((hop) => hopOf(hop.edge, hop.amountIn, hop.amountOut))],
  };
}
