import { createHash } from "node:crypto";
import type { FamilyId, RowOf } from "#libs/dex/family.ts";
import type { Market, MarketPool } from "#libs/graph/market.ts";
import { GAS_BASE, type SearchOptions, type Standing, searchCycles } from "#libs/graph/search.ts";
import { asAddress } from "#libs/units/brand.ts";
import type { Candidate } from "#proto/cycle/v1/found.ts";

export interface PlanOptions {
  /** Cycles in a plan, at most: each costs a search, and all share one transaction's gas limit. */
  readonly maxCycles: number;
  /** Wei per gas: a cycle is added while it earns more than its own gas costs. Profits are in wei of the wrapped native coin. */
  readonly gasPrice: bigint;
  /** Tokens that its swaps pay with, at most: what the executor contract can name. */
  readonly maxTokens: number;
  /** By estimate, of the whole transaction: a further cycle that would make it more ends the plan. */
  readonly maxGas: number;
}

/** Of each search in a plan so many are sized exactly: the float order is right but for near ties. */
const TRIED = 2;

const ownGas = ({ gasEstimate }: Candidate): bigint => BigInt(gasEstimate - GAS_BASE);

/**
 * The cycles that one transaction can take one after another: the best candidate, then the best of the market that it leaves, and so on while one earns its own gas.
 * Amounts are exact on the state that the cycles before have left, so the same pool may be used again where its quotes still hold, and parallel pools come to share
 * a flow. The market is as before when this returns.
 *
 * `first` and `standing`: what the block's search found and left. All candidates start from the same token.
 */
export function planCycles(
  market: Market,
  { candidates: [first], standing }: { readonly candidates: readonly Candidate[]; readonly standing: Standing },
  options: SearchOptions,
  { maxCycles, gasPrice, maxTokens, maxGas }: PlanOptions,
  without: ReadonlySet<MarketPool> = new Set(),
): Candidate[] {
  const planned: Candidate[] = [];
  const undo: RowOf<FamilyId>[] = [];
  let next = first;
  let left = standing;
  const tokens = new Set<string>();
  let gas = GAS_BASE;
  const unusable = new Set(without);
  while (next !== undefined && BigInt(next.grossProfit) > ownGas(next) * gasPrice) {
    for (const { tokenIn } of next.hops) tokens.add(tokenIn);
    gas += next.gasEstimate - GAS_BASE;
    if (tokens.size > maxTokens || gas > maxGas) break;
    planned.push(next);
    if (planned.length === maxCycles) break;
    const touched = execute(market, next, undo);
    if (touched === null) break;
    for (const pool of touched) for (const other of notQuotableAfter(market, pool)) unusable.add(other);
    const names = touched.map(({ info }) => info.pool);
    const search = searchCycles(market, names, { ...options, maxCandidates: TRIED }, left, unusable);
    left = search.standing;
    next = search.candidates[0];
  }
  for (const row of undo.reverse()) market.apply(row);
  return planned;
}

/** Pools whose quotes are not to be relied on in the same block once this one has been swapped in. */
function* notQuotableAfter(market: Market, { family, info }: MarketPool): Generator<MarketPool> {
  if (!family.quotableAgain(info)) yield market.pool(info.pool) as MarketPool;
  if (family.restsOn === undefined) return;
  for (const other of market.pools()) if (other.family === family && family.restsOn(other.info).includes(info.pool)) yield other;
}

/** Brings the pools of a candidate to where its swaps leave them, and says which they are; null where some pool's state after a swap is not known. */
function execute(market: Market, { hops }: Candidate, undo: RowOf<FamilyId>[]): MarketPool[] | null {
  for (const { pool: address, tokenIn, tokenOut, amountIn } of hops) {
    const pool = market.pool(address) as MarketPool;
    const { family, info, state } = pool;
    const [indexIn, indexOut] = [tokenIn, tokenOut].map((token) => info.tokens.indexOf(asAddress(token))) as [number, number];
    const row = family.afterSwap(info, state, { amountIn: BigInt(amountIn), indexIn, indexOut });
    if (row === null) return null;
    undo.push(family.toChangeRow(info, state, row));
    market.apply(row);
  }
  return hops.map(({ pool }) => market.pool(pool) as MarketPool);
}

/** Cycles that execute in sequence, as one candidate: one loan that is large enough for each, one transaction. */
export function joinCycles(cycles: readonly Candidate[]): Candidate {
  const [first] = cycles as readonly [Candidate, ...Candidate[]];
  if (cycles.length === 1) return first;
  const amountIn = cycles.reduce((most, each) => (BigInt(each.amountIn) > most ? BigInt(each.amountIn) : most), 0n);
  const grossProfit = cycles.reduce((sum, each) => sum + BigInt(each.grossProfit), 0n);
  return {
    cycleId: createHash("sha256")
      .update(cycles.map(({ cycleId }) => cycleId).join())
      .digest("hex")
      .slice(0, 16),
    token: first.token,
    amountIn: amountIn.toString(),
    amountOut: (amountIn + grossProfit).toString(),
    grossProfit: grossProfit.toString(),
    gasEstimate: cycles.reduce((gas, each) => gas + Number(ownGas(each)), GAS_BASE),
    hops: cycles.flatMap(({ hops }) => hops),
  };
}
