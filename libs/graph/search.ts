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

interface Sized {
  readonly edges: readonly Edge[];
  readonly amountIn: number;
  readonly profit: number;
}

/** Gas of a transaction beside its swaps: base cost, flash loan, bookkeeping. Measured through the executor contract (libs/contracts/README.md). */
const GAS_BASE = 78_000;

/** The float curves may be off by less than this: a cycle must beat it at the margin to be looked at. */
const MARGIN = 1e-9;

/**
 * Cycles from the start token through at least one of the changed pools, at most `maxHops` long, each pool once. Each is sized: by a walk over
 * the ticks in float64 (size.ts); the best are then confirmed and refined with the exact integer quotes. Best gross profit first.
 * The order and the result depend on nothing but the market's state and the arguments.
 */
export function searchCycles(market: Market, changed: Iterable<string>, options: SearchOptions): SearchResult {
  const sized: Sized[] = [];
  const done = new Set<string>();
  let cyclesFound = 0;
  const consider = (edges: readonly Edge[]) => {
    const size = sizeCycle(edges, Number(options.maxAmountIn));
    if (size === null || size.profit <= 0) return;
    cyclesFound++;
    if (size.profit >= options.minGrossProfit) sized.push({ edges, ...size });
  };
  for (const address of [...changed].sort()) {
    const pool = market.pool(address);
    if (pool?.live === true && !done.has(address)) {
      for (const edge of pool.edges) cyclesThrough(market, edge, done, options, consider);
    }
    done.add(address);
  }
  sized.sort((left, right) => right.profit - left.profit || (keyOf(left.edges) < keyOf(right.edges) ? -1 : 1));
  const candidates: Candidate[] = [];
  for (const [index, each] of sized.slice(0, options.maxCandidates).entries()) {
    const candidate = confirm(each, options, index < REFINED);
    if (candidate !== null) candidates.push(candidate);
  }
  candidates.sort((left, right) => compare(BigInt(right.grossProfit), BigInt(left.grossProfit)) || (left.cycleId < right.cycleId ? -1 : 1));
  return { cyclesFound, candidates };
}

const compare = (left: bigint, right: bigint): number => (left < right ? -1 : left > right ? 1 : 0);
const keyOf = (edges: readonly Edge[]): string =>
  edges.map(({ pool, zeroForOne }) => `${pool.info.pool}${zeroForOne ? ">" : "<"}`).join("");

/** The same cycle has the same id in every block. */
export const cycleIdOf = (edges: readonly Edge[]): string => createHash("sha256").update(keyOf(edges)).digest("hex").slice(0, 16);

/** All cycles that contain `edge` and none of the pools in `excluded`: that way each cycle comes up once, under the first of its changed pools. */
function cyclesThrough(
  market: Market,
  edge: Edge,
  excluded: ReadonlySet<string>,
  options: SearchOptions,
  consider: (edges: readonly Edge[]) => void,
): void {
  const start = options.startToken;
  const usable = (candidate: Edge) => candidate.pool.live && candidate.rate > 0 && !excluded.has(candidate.pool.info.pool);
  const distinct = (left: Edge, right: Edge) => left.pool !== right.pool;
  const profitable = (edges: readonly Edge[]) => edges.reduce((product, { rate }) => product * rate, 1) > 1 + MARGIN;
  const offer = (...edges: readonly Edge[]) => {
    if (profitable(edges)) consider(edges);
  };
  if (edge.rate <= 0) return;
  const between = (from: string, to: string) =>
    [...market.outgoing(from)].filter((candidate) => candidate.to === to && usable(candidate) && distinct(candidate, edge));

  if (edge.from === start) {
    for (const back of between(edge.to, start)) offer(edge, back);
    if (options.maxHops < 3) return;
    for (const middle of market.outgoing(edge.to)) {
      if (middle.to === start || !usable(middle) || !distinct(middle, edge)) continue;
      for (const back of between(middle.to, start)) if (distinct(back, middle)) offer(edge, middle, back);
    }
  } else if (edge.to === start) {
    for (const out of between(start, edge.from)) offer(out, edge);
    if (options.maxHops < 3) return;
    for (const reverse of market.outgoing(edge.from)) {
      const middle = reverse.pool.edges[reverse.zeroForOne ? 1 : 0];
      if (middle.from === start || !usable(middle) || !distinct(middle, edge)) continue;
      for (const out of between(start, middle.from)) if (distinct(out, middle)) offer(out, middle, edge);
    }
  } else if (options.maxHops >= 3) {
    for (const out of between(start, edge.from)) {
      for (const back of between(edge.to, start)) if (distinct(out, back)) offer(out, edge, back);
    }
  }
}

function quoteAlong(edges: readonly Edge[], amountIn: bigint): bigint[] | null {
  const amounts = [amountIn];
  for (const { pool, zeroForOne } of edges) {
    const amountOut = pool.family.quoteExactIn(pool.info, pool.state, { amountIn: amounts[amounts.length - 1] as bigint, zeroForOne });
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
      (gas, { pool, zeroForOne }, index) =>
        gas + pool.family.swapGas(pool.info, pool.state, { amountIn: quoted[index] as bigint, zeroForOne }),
      GAS_BASE,
    ),
    hops: edges.map(({ pool, zeroForOne, from, to }, index) => ({
      dex: pool.dex,
      family: pool.family.id,
      pool: pool.info.pool,
      zeroForOne,
      tokenIn: from,
      tokenOut: to,
      amountIn: (quoted[index] as bigint).toString(),
      amountOut: (quoted[index + 1] as bigint).toString(),
    })),
  };
}
