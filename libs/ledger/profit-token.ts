import type { Candidate, Hop } from "#proto/cycle/v1/found.ts";

type Tokens = Pick<Candidate, "token" | "profitToken">;

/** What its profit is counted in: the token it borrows, or the one that the cycle's surplus is sold for. */
export const profitTokenOf = ({ token, profitToken }: Tokens): string => profitToken ?? token;

const sellsItsSurplus = (candidate: Tokens): boolean => profitTokenOf(candidate) !== candidate.token;

/** Where the sale of the surplus begins, among the hops: a cycle passes its token at its start only, and the sale's path at its own. As many as there are where nothing is sold. */
export function saleStart(candidate: Tokens & Pick<Candidate, "hops">): number {
  return sellsItsSurplus(candidate) ? candidate.hops.findLastIndex(({ tokenIn }) => tokenIn === candidate.token) : candidate.hops.length;
}

/** The hops without the sale of what they leave. */
export const cycleHops = (candidate: Tokens & Pick<Candidate, "hops">): readonly Hop[] => candidate.hops.slice(0, saleStart(candidate));

/**
 * An amount of the candidate's token in units of its profit token: the same where they are one, else at the rate at which the surplus is sold, rounded down. That is
 * what the candidate itself knows of its token's worth: near it for as little as a surplus is, less the fees of the sale.
 */
export function inProfitToken(candidate: Omit<Candidate, "hops">, amount: bigint): bigint {
  if (!sellsItsSurplus(candidate)) return amount;
  return (amount * BigInt(candidate.grossProfit)) / (BigInt(candidate.amountOut) - BigInt(candidate.amountIn));
}
