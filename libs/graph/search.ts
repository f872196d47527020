import { hash } from "node:crypto";
import { type BucketOptions, Buckets } from "#libs/graph/buckets.ts";
import { byProfit, CycleFinder, keyOf, type Shard, type Sized } from "#libs/graph/cycles.ts";
import { confirm, refine } from "#libs/graph/exact.ts";
import { hopOf } from "#libs/graph/hop.ts";
import type { Edge, Market, MarketPool } from "#libs/graph/market.ts";
import type { Visits } from "#libs/graph/visits.ts";
import type { Candidate } from "#proto/cycle/v1/found.ts";

export type { Shard, Sized } from "#libs/graph/cycles.ts";

export interface SearchOptions {
  /** Cycles start and end here, and profits are counted in it. */
  readonly startToken: string;
  /** Where a cycle may start that does not pass the start token, in order of preference. Profit is then worth what the deepest pools say. */
  readonly otherStarts?: readonly string[];
  /** Of other starts, the largest input in raw units of the token, for those of which a lender has less than `maxAmountIn` is worth. */
  readonly maxAmountsIn?: Readonly<Record<string, bigint>>;
  /** 2 to 5. */
  readonly maxHops: number;
  /** Candidates returned at most. */
  readonly maxCandidates: number;
  /** Cycles that earn less than this, in units of the start token, before gas, are not looked for. */
  readonly minGrossProfit: number;
  /** No input of more worth: what a lender can lend. */
  readonly maxAmountIn: bigint;
  /** One of several searches of the same market, which together find what one would. */
  readonly shard?: Shard;
  /** Edges looked at in one search, at most: what has been found by then is the answer, and `isCutShort` says so. Some ten million a second. */
  readonly maxVisits?: number;
  /** What may end the searches of a block sooner, all together. No data: it comes in where they run. */
  readonly visits?: Visits;
}

export interface SearchResult {
  /** Cycles that earn the minimum in the float search: those that stood, and of the new ones as many as the answer needs (`LEAST_FOUND`). */
  readonly cyclesFound: number;
  /** The search ended at `maxVisits`, or was ended: there may be better cycles. */
  readonly isCutShort: boolean;
  readonly candidates: Candidate[];
}

/** What a search leaves to the next: every cycle of the market that earns more than `floor`, and maybe some that earn less. */
export interface Standing {
  readonly cycles: readonly Sized[];
  readonly floor: number;
  /** A search on the way to it ended at its bound of visits: some may be missing after all. */
  readonly isCutShort: boolean;
  /** What would lower the floor: the cycles through these pools have been looked for only as far as a block's answer needs them. Null where nothing is owed. */
  readonly owed: Owed | null;
}

interface Owed {
  readonly changed: ReadonlySet<string>;
  /** The standing's, once they have been looked for. */
  readonly floor: number;
}

const NO_POOLS: ReadonlySet<MarketPool> = new Set();

export const NOTHING_STANDING: Standing = { cycles: [], floor: 0, isCutShort: false, owed: null };

export interface Search extends SearchResult {
  readonly standing: Standing;
}

/** Gas of a transaction beside its swaps: base cost, flash loan, bookkeeping. Measured through the executor contract (libs/contracts/README.md). */
export const GAS_BASE = 78_000;

/** Between blocks a search of everything may take so many times what a block's may. */
const WHOLE_MARKET = 5;
/** Edges that a search finds in chains rather than in the sorted lists: some blocks' worth. */
const MOST_WAITING = 2_000;
/** Of a block's candidates so many are refined to the unit: each takes some hundred exact quotes. What the others could gain by it is a billionth. */
const REFINED = 1;

/** Cycles kept from search to search: some dozen blocks' worth of candidates. A storm has millions; the more are kept, the less can be pruned. */
const KEPT = 512;
/** With fewer left, everything is searched in the time between blocks. */
const REPLENISHED = 128;
/**
 * A block's search ends with so many times the candidates wanted, or with `LEAST_FOUND`: the fewer, the sooner its bound of profit rises. Those beyond are
 * looked for between blocks. Not just the candidates, because a plan takes the best ones away and goes on with the others.
 */
const SPARE = 2;
const LEAST_FOUND = 64;

interface Tools {
  readonly buckets: Buckets;
  readonly finder: CycleFinder;
}

const toolsOfMarket = new WeakMap<Market, Tools>();

function toolsFor(market: Market, { startToken, minGrossProfit, maxAmountIn }: BucketOptions): Tools {
  const known = toolsOfMarket.get(market);
  if (known !== undefined) {
    const { options } = known.buckets;
    if (options.startToken === startToken && options.minGrossProfit === minGrossProfit && options.maxAmountIn === maxAmountIn) return known;
  }
  const buckets = new Buckets(market, { startToken, minGrossProfit, maxAmountIn });
  const tools = { buckets, finder: new CycleFinder(buckets) };
  toolsOfMarket.set(market, tools);
  return tools;
}

/** For the time between blocks: sorts in what has changed, so that the next search finds it in place. */
export function rest(market: Market): void {
  toolsOfMarket.get(market)?.buckets.absorb();
}

/** Prices and lists anew, from the market as it is: for when many pools have come, or prices have moved far. */
export function rebuild(market: Market): void {
  toolsOfMarket.get(market)?.buckets.rebuild();
}

/** Bytes of the search's tables on shared memory, and of the market's. */
export const bytesOf = (market: Market): number => market.bytes + (toolsOfMarket.get(market)?.buckets.bytes ?? 0);

/**
 * The best cycles through at least one of the changed pools, each token and pool once, in float64: what `searchCycles` does before anything is confirmed.
 * `without`: DEXes whose pools no cycle may use.
 */
export function findCycles(
  market: Market,
  changed: Iterable<string>,
  options: SearchOptions,
  { floor, capacity, without }: { readonly floor: number; readonly capacity: number; readonly without: Iterable<MarketPool> },
): { readonly cycles: Sized[]; readonly isCutShort: boolean } {
  const { buckets, finder } = toolsFor(market, options);
  // Of a caller that does not rest: its searches are longer, not wrong.
  if (buckets.waiting > MOST_WAITING) buckets.absorb();
  buckets.refresh();
  const { startToken, otherStarts = [], maxAmountsIn = {}, maxHops, minGrossProfit, maxAmountIn, shard, maxVisits, visits } = options;
  const starts = [startToken, ...otherStarts];
  const cycles = finder.find([...poolsOf(market, changed)], without, {
    starts,
    limits: starts.map((token) => Number(maxAmountsIn[token] ?? Number.POSITIVE_INFINITY)),
    maxHops,
    minimum: Math.max(floor, minGrossProfit),
    capacity,
    largest: Number(maxAmountIn),
    ...(shard === undefined ? {} : { shard }),
    ...(maxVisits === undefined ? {} : { maxVisits }),
    ...(visits === undefined ? {} : { visits }),
  });
  return { cycles, isCutShort: finder.isCutShort };
}

function* poolsOf(market: Market, addresses: Iterable<string>): Generator<MarketPool> {
  for (const address of addresses) {
    const pool = market.pool(address);
    if (pool !== undefined) yield pool;
  }
}

/**
 * Cycles through at least one of the changed pools, at most `maxHops` long, sized in float64; the best are then confirmed and refined with the exact integer
 * quotes. Best gross profit first.
 *
 * `without`: pools that no cycle may use. `standing` are cycles found before: those through no changed pool are as they were, and compete with the new ones; those through a pool that cannot trade
 * now are forgotten. A caller that hands each search what the last one left standing gets in each block what a search of the whole market would find: where
 * what is kept has been used up, the whole market is searched.
 *
 * The order and the result depend on nothing but the market's state and the arguments.
 */
export function searchCycles(
  market: Market,
  changed: Iterable<string>,
  options: SearchOptions,
  standing: Standing = NOTHING_STANDING,
  without: ReadonlySet<MarketPool> = NO_POOLS,
): Search {
  const changes = new Set(changed);
  const stands = ({ edges }: Sized) => edges.every(({ pool }) => pool.live && !changes.has(pool.info.pool) && !without.has(pool));
  const capacity = Math.min(KEPT, Math.max(LEAST_FOUND, SPARE * options.maxCandidates));
  const found = findCycles(market, changes, options, { floor: standing.floor, capacity, without });
  const isFull = found.cycles.length === capacity;
  const owes = standing.owed !== null || isFull;
  const kept = best(
    [...standing.cycles.filter(stands), ...found.cycles].sort(byProfit),
    isFull ? (found.cycles[capacity - 1] as Sized).profit : standing.floor,
    standing.isCutShort || found.isCutShort,
    owes ? { changed: joined(standing.owed?.changed, changes), floor: standing.owed?.floor ?? standing.floor } : null,
  );
  const isEnough = (known: Standing) => !isUsedUp(known, options, options.maxCandidates);
  const settled = isEnough(kept) ? kept : settle(market, options, kept, without);
  const standingNow = isEnough(settled) ? settled : findAll(market, options, without, settled);
  const confirmed = standingNow.cycles.slice(0, options.maxCandidates).flatMap((cycle, index) => {
    const candidate = candidateOf(cycle, options, index < REFINED);
    return candidate === null
      ? []
      : [{ candidate, grossProfit: BigInt(candidate.grossProfit), worth: Number(candidate.grossProfit) * cycle.worth }];
  });
  confirmed.sort(
    (left, right) =>
      right.worth - left.worth ||
      compare(right.grossProfit, left.grossProfit) ||
      (left.candidate.cycleId < right.candidate.cycleId ? -1 : 1),
  );
  return {
    cyclesFound: standingNow.cycles.length,
    isCutShort: standingNow.isCutShort,
    candidates: confirmed.map(({ candidate }) => candidate),
    standing: standingNow,
  };
}

/** The first so many of a list in order, and the profit above which none is missing, where none was above `floor` before. */
function best(cycles: readonly Sized[], floor: number, isCutShort: boolean, owed: Owed | null): Standing {
  if (cycles.length < KEPT) return { cycles, floor, isCutShort, owed };
  return { cycles: cycles.slice(0, KEPT), floor: Math.max(floor, (cycles[KEPT - 1] as Sized).profit), isCutShort, owed };
}

const joined = (one: ReadonlySet<string> | undefined, other: ReadonlySet<string>): ReadonlySet<string> =>
  one === undefined ? other : new Set([...one, ...other]);

/** Looks for the cycles that blocks have left out for the time being. Of a market all of whose changes have been searched. */
export function settle(market: Market, options: SearchOptions, standing: Standing, without: ReadonlySet<MarketPool> = NO_POOLS): Standing {
  const { owed } = standing;
  if (owed === null) return standing;
  const found = findCycles(market, owed.changed, options, { floor: owed.floor, capacity: KEPT, without });
  // A search that is cut short, and a shard's, may miss what an earlier one has found.
  const known = standing.cycles.filter(newTo(found.cycles));
  return best([...known, ...found.cycles].sort(byProfit), owed.floor, standing.isCutShort || found.isCutShort, null);
}

function newTo(cycles: readonly Sized[]): (cycle: Sized) => boolean {
  const keys = new Set(cycles.map(({ edges }) => keyOf(edges)));
  return ({ edges }) => !keys.has(keyOf(edges));
}

/** Whether fewer than so many are known to be the best there are. */
const isUsedUp = ({ cycles, floor }: Standing, { minGrossProfit }: SearchOptions, enough: number): boolean =>
  floor > minGrossProfit && cycles.filter(({ profit }) => profit > floor).length < enough;

/** Everything, and what was known before: a search that is cut short does not come to all of it, and a shard's no more to what other shards would find by now. */
function findAll(market: Market, options: SearchOptions, without: Iterable<MarketPool>, known: Standing): Standing {
  const { cycles, isCutShort } = findCycles(market, addressesOf(market), options, { floor: 0, capacity: KEPT, without });
  const more = known.cycles.filter(newTo(cycles));
  return best(more.length === 0 ? cycles : [...cycles, ...more].sort(byProfit), 0, isCutShort, null);
}

/** For the time between blocks: where much of what stands has been used up, or a search was cut short, searches everything, so that no block has to. Of a market all of whose changes have been searched. */
export function replenish(
  market: Market,
  options: SearchOptions,
  standing: Standing,
  without: ReadonlySet<MarketPool> = NO_POOLS,
): Standing {
  if (!standing.isCutShort && !isUsedUp(standing, options, REPLENISHED)) return standing;
  const { maxVisits } = options;
  const whole = maxVisits === undefined ? options : { ...options, maxVisits: WHOLE_MARKET * maxVisits };
  return findAll(market, whole, without, standing);
}

export const poolsOfDexes = (market: Market, dexes: readonly string[]): ReadonlySet<MarketPool> =>
  dexes.length === 0 ? NO_POOLS : new Set([...market.pools()].filter(({ dex }) => dexes.includes(dex)));

function* addressesOf(market: Market): Generator<string> {
  for (const { info } of market.pools()) yield info.pool;
}

const compare = (left: bigint, right: bigint): number => (left < right ? -1 : left > right ? 1 : 0);

/** Whether a swap on the way moves what this pool quotes: then its quote on the block's state is not what it pays. */
export const restsOnAny = ({ family, info }: MarketPool, before: readonly Edge[]): boolean =>
  family.restsOn?.(info).some((address) => before.some(({ pool }) => pool.info.pool === address)) ?? false;

/** The same cycle has the same id in every block. */
export const cycleIdOf = (edges: readonly Edge[]): string => hash("sha256", keyOf(edges), "hex").slice(0, 16);

/** The cycle as a candidate, at its exact best near the float optimum; refined only for the best few, as each try costs a full exact quote. Null when nothing is left of the profit. */
function candidateOf({ edges, amountIn, worth }: Sized, options: SearchOptions, isRefined: boolean): Candidate | null {
  const { from: token } = edges[0] as Edge;
  const worthy = worth === 1 ? options.maxAmountIn : BigInt(Math.floor(Number(options.maxAmountIn) / worth));
  const lent = options.maxAmountsIn?.[token] ?? worthy;
  const largest = lent < worthy ? lent : worthy;
  const exact = isRefined ? refine(edges, amountIn, largest) : confirm(edges, amountIn, largest);
  if (exact === null || edges.some(({ pool }, hop) => restsOnAny(pool, edges.slice(0, hop)))) return null;
  const { amounts, profit } = exact;
  return {
    cycleId: cycleIdOf(edges),
    token,
    amountIn: `${amounts[0]}`,
    amountOut: `${amounts[amounts.length - 1]}`,
    grossProfit: profit.toString(),
    gasEstimate: edges.reduce(
      (gas, { pool, indexIn, indexOut }, index) =>
        gas + pool.family.swapGas(pool.info, pool.state, { amountIn: amounts[index] as bigint, indexIn, indexOut }),
      GAS_BASE,
    ),
    hops: edges.map((edge, index) => hopOf(edge, amounts[index] as bigint, amounts[index + 1] as bigint)),
  };
}
