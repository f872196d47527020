import type { FamilyId, RowOf } from "#libs/dex/family.ts";
import { hopOf } from "#libs/graph/hop.ts";
import { withPriceImpact } from "#libs/graph/impact.ts";
import { Market, type MarketPool } from "#libs/graph/market.ts";
import { type PlanOptions, planSwaps } from "#libs/graph/plan.ts";
import { bestRoute } from "#libs/graph/routes.ts";
import { sold } from "#libs/graph/sale.ts";
import {
  NOTHING_STANDING,
  poolsOfDexes,
  rebuild,
  replenish,
  rest,
  type SearchOptions,
  type SearchResult,
  type Standing,
  searchCycles,
  settle,
} from "#libs/graph/search.ts";
import { type Ended, Visits } from "#libs/graph/visits.ts";
import { asAddress } from "#libs/units/brand.ts";
import type { PoolRow } from "#proto/pool/v1/state.ts";
import type { QuoteReply, QuoteRequest } from "#proto/quote/v1/quote.ts";

/** What happened to the pools of a DEX since the last search, in order. Plain data: it crosses a thread. */
export interface Update {
  readonly dex: string;
  readonly family: FamilyId;
  readonly added: readonly PoolRow[];
  readonly rows: readonly RowOf<FamilyId>[];
  readonly removed: readonly string[];
}

/** A block whose changes are in the market. */
export interface SearchedBlock {
  readonly blockNumber: number;
  readonly blockHash: string;
}

/** What is found in a block. */
export interface BlockResult extends SearchResult {
  /** The search was ended before it was done, or its plan was left out because it was time. */
  readonly ended?: Ended;
}

/** The engine optimises after some thousand calls; each round sizes a thousand cycles and more. */
const PRACTICE_ROUNDS = 3;
/** Of a larger market only the first round searches all: the others find the code compiled. */
const PRACTICE_POOLS = 10_000;
/** What has changed, as plans in practice are told: a plan looks around each of them, and a block has some dozen. */
const PRACTICE_CHANGES = 64;
/** A market too large to be searched whole is not tried again behind each block: that would hold up the next. */
const SKIPPED_RESTS = 64;

/**
 * The solver's state and hot loop, for a worker thread. Searches through the pools that changed since the last search, and keeps every cycle that was
 * worth something: an opportunity that nobody took is still there although none of its pools has changed. So each block gets what a search of the whole
 * market would find, and a solver that has just come back finds the same as one that was there all along.
 */
export class Kernel {
  readonly #market = new Market();
  #changed = new Set<string>();
  #standing: Standing = NOTHING_STANDING;
  /** Pools that the last search went without: what lay in them was not looked at, so they count as changed once they are back. */
  #leftOut: ReadonlySet<MarketPool> = new Set();
  #restsToSkip = 0;
  /** A newer block was waiting when the last search was ended. */
  #isAwaited = false;
  /** Whose states the market holds, once a block has been searched. */
  #at: SearchedBlock | null = null;

  update(updates: readonly Update[]): void {
    for (const { dex, family, added, rows, removed } of updates) {
      for (const [pool, tokens, facts] of added) {
        this.#market.add(dex, family, { pool: asAddress(pool), tokens: tokens.map(asAddress), facts });
      }
      for (const row of rows) if (this.#market.apply(row)) this.#changed.add(row[0]);
      for (const address of removed) {
        this.#market.remove(address);
        this.#changed.delete(address);
      }
    }
  }

  /** As `update`, before it practises: until then the states are of a block that has not been searched. */
  takeIn(updates: readonly Update[]): void {
    this.#at = null;
    this.update(updates);
  }

  /** Searches every pool before the first block comes: it finds compiled code, warm caches and the cycles that stand, and is searched as quickly as any other. */
  practise(options: SearchOptions, plan: PlanOptions | null = null): void {
    // What came is of a block that has not been searched.
    this.#at = null;
    // Prices by all pools there are: those of the DEXes that came first may be strays of the tokens of those that come now.
    rebuild(this.#market);
    for (const { info } of this.#market.pools()) this.#changed.add(info.pool);
    const some = everySo(this.#changed, PRACTICE_CHANGES);
    const search = searchCycles(this.#market, this.#changed, options);
    this.#standing = search.standing;
    const many = everySo(this.#changed, PRACTICE_POOLS);
    for (let round = 0; round < PRACTICE_ROUNDS; round++) {
      if (round > 0) searchCycles(this.#market, many, options);
      if (plan !== null) planSwaps(this.#market, search, some, options, plan);
      sold(this.#market, search.candidates, { profitToken: options.startToken, gasPrice: 0n });
    }
    // Sales have tables of their own, which the first makes; a market need not have any in it now.
    for (const tokenIn of options.otherStarts ?? [])
      bestRoute(this.#market, { tokenIn, tokenOut: options.startToken, amountIn: options.maxAmountsIn?.[tokenIn] ?? 1n }, { maxLegs: 1 });
    rest(this.#market);
    this.#changed.clear();
  }

  /**
   * Pools of DEXes that are late are left out: their states are of an earlier block, and a quote from them is wrong. So are those whose quotes were never kept.
   * Where `visits` ends the search, what has been found by then is the answer. `gasPrice`: wei per gas that a swap of a sale has to earn.
   */
  search(
    options: SearchOptions,
    {
      lateDexes = [],
      gatedPools = [],
      gasPrice = 0n,
    }: {
      readonly lateDexes?: readonly string[] | undefined;
      readonly gatedPools?: readonly string[] | undefined;
      readonly gasPrice?: bigint | undefined;
    } = {},
    plan: PlanOptions | null = null,
    at: SearchedBlock | null = null,
    visits = new Visits(() => null),
  ): BlockResult {
    this.#at = at;
    const gated = gatedPools.flatMap((address) => this.#market.pool(address) ?? []);
    const without = new Set([...poolsOfDexes(this.#market, lateDexes), ...gated]);
    const returned = [...this.#leftOut].filter((pool) => !without.has(pool) && this.#market.pool(pool.info.pool) === pool);
    // Whether a late report came before the search that went without it or after, which no stream tells, must not show in the order.
    if (returned.length > 0) this.#changed = new Set([...this.#changed, ...returned.map(({ info }) => info.pool)].sort());
    const search = searchCycles(this.#market, this.#changed, { ...options, visits }, this.#standing, without);
    const planned = plan === null || visits.isOver ? null : planSwaps(this.#market, search, this.#changed, options, plan, without);
    this.#changed.clear();
    this.#standing = search.standing;
    this.#leftOut = without;
    const { ended } = visits;
    this.#isAwaited = ended?.by === "newer-block";
    const { cyclesFound, isCutShort } = search;
    const candidates = sold(this.#market, search.candidates, { profitToken: options.startToken, gasPrice, without });
    const all = planned === null ? candidates : [planned, ...candidates];
    return {
      ...{ cyclesFound, isCutShort, candidates: all.map((candidate) => withPriceImpact(this.#market, candidate)) },
      ...(ended === null ? {} : { ended }),
    };
  }

  /** The best route for an amount on the states of the block searched last, through the pools that its search could use. Changes nothing. `native`: the wrapped native coin. */
  quote({ tokenIn, tokenOut, amountIn, maxHops, maxLegs, gasPrice }: QuoteRequest, native: string): QuoteReply["answer"] {
    const at = this.#at;
    if (at === null) return { ok: false, reason: "not-ready" };
    if ([tokenIn, tokenOut].some((token) => this.#market.tokenId(token) < 0)) return { ok: false, reason: "unknown-token" };
    const route = bestRoute(
      this.#market,
      { tokenIn, tokenOut, amountIn: BigInt(amountIn) },
      { maxHops, maxLegs, without: this.#leftOut, ...(gasPrice === null ? {} : { gas: { price: BigInt(gasPrice), token: native } }) },
    );
    if (route === null) return { ok: false, reason: "no-route" };
    const { amountOut, legs, gas, gasCost, priceImpact } = route;
    return {
      ok: true,
      ...at,
      amountOut: amountOut.toString(),
      legs: legs.map((leg) => ({
        amountIn: leg.amountIn.toString(),
        amountOut: leg.amountOut.toString(),
        gas: leg.gas,
        hops: leg.hops.map((hop) => hopOf(hop.edge, hop.amountIn, hop.amountOut)),
      })),
      gas,
      gasCost,
      priceImpact,
    };
  }

  /**
   * For the time between blocks: what has changed is sorted in, what the last block's answer did not need is looked for, and what stands is replenished, so that the
   * next search finds all in place. Not where that one waits already.
   */
  rest(options: SearchOptions): void {
    rest(this.#market);
    if (this.#changed.size > 0 || this.#isAwaited) return;
    this.#standing = settle(this.#market, options, this.#standing, this.#leftOut);
    if (--this.#restsToSkip > 0) return;
    this.#standing = replenish(this.#market, options, this.#standing, this.#leftOut);
    this.#restsToSkip = this.#standing.isCutShort ? SKIPPED_RESTS : 0;
  }
}

/** So many of them, or all, from the first on at equal distances. */
const everySo = (all: ReadonlySet<string>, count: number): string[] => {
  const step = Math.max(1, Math.floor(all.size / count));
  return [...all].filter((_, index) => index % step === 0).slice(0, count);
};
