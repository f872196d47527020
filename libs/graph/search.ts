import { createHash } from "node:crypto";
import type { Edge, Market } from "#libs/graph/market.ts";
import { sizeCycle } from "#libs/graph/size.ts";
import type { Candidate } from "#proto/cycle/v1/found.ts";

export interface SearchOptions {
  /** Every cycle starts and ends here. */
  readonly startToken: string;
  readonly maxHops: number;
  /** Candidates returned at most. */
  readonly maxCandidates: number;
  /** Cycles that earn less than this, in units of the start token, before gas, are dropped before they are sized exactly. */
  readonly minGrossProfit: number;
  /** No input above this: what a lender can lend. */
  readonly maxAmountIn: bigint;
}

export interface SearchResult {
  /** Cycles whose profit at their best size was positive in the float search. */
  readonly cyclesFound: number;
  readonly candidates: Candidate[];
}

/** A cycle with its best size in the float search. */
export interface Sized {
  readonly edges: readonly Edge[];
  readonly amountIn: number;
  readonly profit: number;
}

/** A search's result, and all cycles that it found to earn the minimum: what the next search of the same market is given as `standing`. */
export interface Search extends SearchResult {
  readonly standing: readonly Sized[];
}

/** Gas of a transaction beside its swaps: base cost, flash loan, bookkeeping. Measured through the executor contract (libs/contracts/README.md). */
const GAS_BASE = 78_000;

/** Cycles remembered for the next search, best first: some 2 ms to look through. A storm has millions that pay at the margin, and the best are enough. */
const MAX_STANDING = 20_000;

/** The float curves may be off by less than this: a cycle must beat it at the margin to be looked at. */
const MARGIN = 1e-9;

/** Searches so far, of any market: tells one search's marks on pools from another's. */
let searches = 0;

/**
 * Cycles from the start token through at least one of the changed pools, at most `maxHops` long, each pool once. Each is sized by a walk over the ticks
 * in float64 (size.ts); the best are then confirmed and refined with the exact integer quotes. Best gross profit first.
 *
 * `standing` are cycles found before: those through no changed pool are as they were, and compete with the new ones; those through a pool that cannot trade
 * now are forgotten. A caller that hands each search what the last one left standing gets in each block what a search of the whole market would find.
 *
 * The order and the result depend on nothing but the market's state and the arguments.
 */
export function searchCycles(market: Market, changed: Iterable<string>, options: SearchOptions, standing: readonly Sized[] = []): Search {
  const sized: Sized[] = [];
  let cyclesFound = 0;
  const consider: Consider = (...edges) => {
    const size = sizeCycle(edges, Number(options.maxAmountIn));
    if (size === null) return;
    cyclesFound++;
    if (size.profit >= options.minGrossProfit) sized.push({ edges, ...size });
  };
  const search = ++searches;
  for (const address of changed) {
    const pool = market.pool(address);
    if (pool === undefined || pool.doneInSearch === search) continue;
    if (pool.live) for (const edge of pool.edges) cyclesThrough(market, edge, search, options, consider);
    pool.doneInSearch = search;
  }
  sized.sort(byProfit);
  const unchanged = standing.filter(({ edges }) => !edges.some(({ pool, rate }) => rate <= 0 || pool.doneInSearch === search));
  cyclesFound += unchanged.length;
  const all = merge(sized, unchanged);
  const candidates: Candidate[] = [];
  for (const [index, each] of all.slice(0, options.maxCandidates).entries()) {
    const candidate = confirm(each, options, index < REFINED);
    if (candidate !== null) candidates.push(candidate);
  }
  candidates.sort((left, right) => compare(BigInt(right.grossProfit), BigInt(left.grossProfit)) || (left.cycleId < right.cycleId ? -1 : 1));
  return { cyclesFound, candidates, standing: all.slice(0, MAX_STANDING) };
}

const byProfit = (left: Sized, right: Sized): number => right.profit - left.profit || (keyOf(left.edges) < keyOf(right.edges) ? -1 : 1);

/** Both lists in order, as one in order: most of a block's cycles stand from the block before. */
function merge(left: readonly Sized[], right: readonly Sized[]): readonly Sized[] {
  if (left.length === 0) return right;
  const merged: Sized[] = [];
  let taken = 0;
  for (const cycle of right) {
    while (taken < left.length && byProfit(left[taken] as Sized, cycle) < 0) merged.push(left[taken++] as Sized);
    merged.push(cycle);
  }
  while (taken < left.length) merged.push(left[taken++] as Sized);
  return merged;
}

const compare = (left: bigint, right: bigint): number => (left < right ? -1 : left > right ? 1 : 0);
const keyOf = (edges: readonly Edge[]): string =>
  edges.map(({ pool, indexIn, indexOut }) => `${pool.info.pool}:${indexIn}>${indexOut}`).join("");

/** The same cycle has the same id in every block. */
export const cycleIdOf = (edges: readonly Edge[]): string => createHash("sha256").update(keyOf(edges)).digest("hex").slice(0, 16);

type Consider = (...edges: readonly Edge[]) => void;

/**
 * All cycles that contain `edge`, no pool that this search is done with, and more than pay at the margin: that way each cycle comes up
 * once, under the first of its changed pools. The hot loop: it allocates nothing for a cycle that does not pay.
 */
function cyclesThrough(market: Market, edge: Edge, search: number, options: SearchOptions, consider: Consider): void {
  const { startToken: start, maxHops } = options;
  if (edge.rate <= 0) return;
  const usable = (other: Edge) => other.rate > 0 && other.pool !== edge.pool && other.pool.doneInSearch !== search;
  /** A cycle pays at the margin when the rates of its other hops multiply to more than this. */
  const needed = (1 + MARGIN) / edge.rate;

  if (edge.from === start) {
    for (const back of market.between(edge.to, start)) if (back.rate > needed && usable(back)) consider(edge, back);
    if (maxHops < 3) return;
    for (const [token, middles] of market.neighbours(edge.to)) {
      const backs = token === start ? [] : market.between(token, start);
      if (backs.length === 0) continue;
      for (const middle of middles) {
        if (!usable(middle)) continue;
        for (const back of backs)
          if (middle.rate * back.rate > needed && back.pool !== middle.pool && usable(back)) consider(edge, middle, back);
      }
    }
  } else if (edge.to === start) {
    for (const out of market.between(start, edge.from)) if (out.rate > needed && usable(out)) consider(out, edge);
    if (maxHops < 3) return;
    for (const [token, reverses] of market.neighbours(edge.from)) {
      const outs = token === start ? [] : market.between(start, token);
      if (outs.length === 0) continue;
      for (const reverse of reverses) {
        const middle = reverse.pool.reverse(reverse);
        if (!usable(middle)) continue;
        for (const out of outs) if (out.rate * middle.rate > needed && out.pool !== middle.pool && usable(out)) consider(out, middle, edge);
      }
    }
  } else if (maxHops >= 3) {
    const backs = market.between(edge.to, start);
    if (backs.length === 0) return;
    for (const out of market.between(start, edge.from)) {
      if (!usable(out)) continue;
      for (const back of backs) if (out.rate * back.rate > needed && back.pool !== out.pool && usable(back)) consider(out, edge, back);
    }
  }
}

function quoteAlong(edges: readonly Edge[], first: bigint): bigint[] | null {
  const amounts = [first];
  for (const { pool, indexIn, indexOut } of edges) {
    const amountIn = amounts[amounts.length - 1] as bigint;
    const amountOut = pool.family.quoteExactIn(pool.info, pool.state, { amountIn, indexIn, indexOut });
    if (amountOut === 0n) return null;
    amounts.push(amountOut);
  }
  return amounts;
}

/**
 * The float optimum is within about 1e-9 of the integer one, where profit is flat: a step of 2^-26 of the amount moves profit by less than 1e-15 of it.
 * Steps go from there to 2^-44, by sixteenths; only for the best few, as each try costs a full exact quote.
 */
const REFINE_FROM = 26n;
const REFINE_TO = 44n;
const REFINED = 4;

/** Exact amounts, refined on integers by steps that halve: each try is a full exact quote of all hops. Null when nothing is left of the profit. */
function confirm({ edges, amountIn: guess }: Sized, options: SearchOptions, refine: boolean): Candidate | null {
  let amountIn = BigInt(Math.floor(guess));
  if (amountIn <= 0n) return null;
  if (amountIn > options.maxAmountIn) amountIn = options.maxAmountIn;
  let amounts = quoteAlong(edges, amountIn);
  const profitOf = (quoted: bigint[] | null) => (quoted === null ? -1n : (quoted[quoted.length - 1] as bigint) - (quoted[0] as bigint));
  let profit = profitOf(amounts);
  const smallest = refine ? amountIn >> REFINE_TO : amountIn;
  for (let step = amountIn >> REFINE_FROM; step > smallest; step >>= 4n) {
    for (const trial of [amountIn + step, amountIn - step]) {
      if (trial <= 0n || trial > options.maxAmountIn) continue;
      const quoted = quoteAlong(edges, trial);
      if (profitOf(quoted) > profit) {
        amounts = quoted;
        profit = profitOf(quoted);
        amountIn = trial;
        break;
      }
    }
  }
  if (amounts === null || profit <= 0n) return null;
  const quoted = amounts;
  return {
    cycleId: cycleIdOf(edges),
    token: options.startToken,
    amountIn: amountIn.toString(),
    amountOut: (quoted[quoted.length - 1] as bigint).toString(),
    grossProfit: profit.toString(),
    gasEstimate: edges.reduce(
      (gas, { pool, indexIn, indexOut }, index) =>
        gas + pool.family.swapGas(pool.info, pool.state, { amountIn: quoted[index] as bigint, indexIn, indexOut }),
      GAS_BASE,
    ),
    hops: edges.map(({ pool, indexIn, indexOut, from, to }, index) => ({
      dex: pool.dex,
      family: pool.family.id,
      pool: pool.info.pool,
      call: pool.family.swapCall(pool.info, { indexIn, indexOut }),
      tokenIn: from,
      tokenOut: to,
      amountIn: (quoted[index] as bigint).toString(),
      amountOut: (quoted[index + 1] as bigint).toString(),
    })),
  };
}
