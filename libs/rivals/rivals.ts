import { keyOf } from "#libs/graph/cycles.ts";
import { confirm, type Exact } from "#libs/graph/exact.ts";
import type { Market, MarketPool } from "#libs/graph/market.ts";
import { GAS_BASE, NOTHING_STANDING, rest, type SearchOptions, type Sized, type Standing, searchCycles } from "#libs/graph/search.ts";
import { drawsOf, hashOf, quantileOf, type Random } from "#libs/ml/random.ts";
import type { Delays, RivalRule } from "./rules.ts";

interface Rival extends RivalRule {
  readonly index: number;
  readonly offset: number;
  readonly tokens: ReadonlySet<string>;
}

/** What a rival sends for: a cycle with its exact amounts, and what it pays to come first. */
export interface RivalChoice {
  /** Of the rival among the rules, and of this choice among its own of the block. */
  readonly rival: number;
  readonly place: number;
  /** Blocks from the one that opened the gap to this one. */
  readonly stood: number;
  readonly cycle: Sized;
  readonly amounts: Exact["amounts"];
  /** What it is expected to use. */
  readonly gas: number;
  /** Wei. */
  readonly tip: number;
  readonly priorityFeePerGas: bigint;
  /** Of the start token, raw: less than this is left, and it has been for nothing. */
  readonly minProfit: bigint;
}

/** Cycles that a rival looks at, best first. */
const LOOKED_AT = 96;
/** What bundles use of the gas that is estimated for them. */
export const GAS_SHARE = 0.95;
/** Of those whose payment is drawn, wei per gas: as much as the scorer's, so that whoever wants the same as we do comes first here too. */
const LEAST_TIP = 1e8;
/** Tells the transactions at the end of a block from those at its top. */
const BACKRUNS = 128;

interface Next {
  readonly block: number;
  readonly baseFeePerGas: bigint;
  /** Pools that do not pay what they show, which whoever trades there often knows. */
  readonly isShunned?: (pool: MarketPool) => boolean;
}

/** Cycles that a rival may take, and since which block each has stood. */
interface Seen {
  readonly cycles: readonly Sized[];
  readonly since: (key: string) => number;
  readonly place: number;
}

/** As they were counted; infinity where the record found no opening. `share`: in [0, 1). */
export function delayOf({ none, counts }: Delays, share: number): number {
  let left = share * counts.reduce((sum, [, times]) => sum + times, none);
  for (const [blocks, times] of counts) {
    left -= times;
    if (left < 0) return blocks;
  }
  return Number.POSITIVE_INFINITY;
}

/**
 * All rivals of a chain. They search the real market with the real search, each for what it can reach: what they choose follows from the seed, the block and the states
 * they have been shown, and from nothing else.
 */
export class Rivals {
  readonly #seed: number;
  readonly #rivals: readonly Rival[];
  readonly #options: SearchOptions;
  #standing: Standing = NOTHING_STANDING;
  #hasLooked = false;
  /** Block since which a cycle has stood. */
  #since = new Map<string, number>();

  constructor(
    seed: number,
    rules: readonly RivalRule[],
    at: { readonly hubs: readonly string[]; readonly others: readonly string[]; readonly search: SearchOptions },
  ) {
    this.#seed = seed;
    this.#options = { ...at.search, maxCandidates: 0 };
    this.#rivals = rules.map((rule, index): Rival => {
      const random = drawsOf(seed, 20, index);
      const followed = at.others.filter(() => random.unit() < rule.follows);
      return { ...rule, index, offset: random.below(rule.period), tokens: new Set([...at.hubs, ...followed]) };
    });
  }

  /** Looks at a block: what stands after it, and since when. `changed`: pools that it has changed; the first look is at all of them. */
  look(market: Market, { number, changed }: { readonly number: number; readonly changed: Iterable<string> }): void {
    const all = this.#hasLooked ? changed : [...market.pools()].map(({ info }) => info.pool);
    this.#hasLooked = true;
    this.#standing = searchCycles(market, all, this.#options, this.#standing).standing;
    rest(market);
    const since = new Map<string, number>();
    for (const { edges } of this.#standing.cycles.slice(0, LOOKED_AT)) {
      const key = keyOf(edges);
      since.set(key, this.#since.get(key) ?? number);
    }
    this.#since = since;
  }

  /** What they send for this block. */
  choices(next: Next): readonly RivalChoice[] {
    const seen = { cycles: this.#standing.cycles.slice(0, LOOKED_AT), since: (key: string) => this.#since.get(key) as number, place: 0 };
    return this.#rivals.flatMap((rival) => this.#of(rival, next, seen));
  }

  /**
   * What they send behind the trades of the block that is being built, for gaps that it has opened: those whose recorded delay is no block at all. They see transactions before
   * they are in a block, which nobody else does. `touched`: pools that the block has changed so far.
   */
  backruns(market: Market, touched: Iterable<string>, next: Next): readonly RivalChoice[] {
    if (this.#rivals.every(({ habits }) => habits === undefined)) return [];
    const { cycles } = searchCycles(market, touched, this.#options, this.#standing).standing;
    const opened = cycles.slice(0, LOOKED_AT).filter(({ edges }) => !this.#since.has(keyOf(edges)));
    const seen = { cycles: opened, since: () => next.block, place: BACKRUNS };
    return this.#rivals.flatMap((rival) => (rival.habits === undefined ? [] : this.#of(rival, next, seen)));
  }

  /** Blocks that a gap must have stood for a rival's bundle. */
  #delayOf({ index, latency, habits }: Rival, cycle: Sized, key: string, since: number): number {
    if (habits === undefined) return latency + 1;
    const random = drawsOf(this.#seed, 50, hashOf(key), since);
    if (habits.seen !== null && this.#drawn(cycle, random) !== index) return Number.POSITIVE_INFINITY;
    return delayOf(habits.delays, random.unit());
  }

  /** Who takes a gap, of those whose own delays are known. */
  #drawn(cycle: Sized, random: Random): number | null {
    const able = this.#rivals.flatMap((rival) => (reaches(rival, cycle) ? [{ index: rival.index, seen: rival.habits?.seen ?? 0 }] : []));
    let left = random.unit() * able.reduce((sum, { seen }) => sum + seen, 0);
    for (const { index, seen } of able) {
      left -= seen;
      if (left < 0) return index;
    }
    return null;
  }

  #of(rival: Rival, { block, baseFeePerGas, isShunned = () => false }: Next, seen: Seen): RivalChoice[] {
    const { index, duty, period, offset, minNetProfit, tipShare, reliability, habits } = rival;
    if ((block + offset) % period >= duty * period) return [];
    const random = drawsOf(this.#seed, 30 + index, block, ...(seen.place === 0 ? [] : [seen.place]));
    const baseFee = Number(baseFeePerGas);
    const used = new Set<MarketPool>();
    const choices: RivalChoice[] = [];
    for (const cycle of seen.cycles) {
      if (choices.length === rival.bundles) break;
      // In the order of gross profit: what comes after this one earns less.
      if (cycle.profit < minNetProfit) break;
      if (!reaches(rival, cycle)) continue;
      const key = keyOf(cycle.edges);
      const stood = block - seen.since(key);
      if (stood < this.#delayOf(rival, cycle, key, block - stood)) continue;
      if (cycle.edges.some(({ pool }) => used.has(pool) || isShunned(pool))) continue;
      const gas = Math.round(GAS_SHARE * gasOf(cycle));
      const net = cycle.profit - gas * baseFee;
      if (net < minNetProfit || (habits !== undefined && cycle.profit < habits.leastGainToCost * gas * baseFee)) continue;
      if (random.unit() >= reliability) continue;
      const exact = confirm(cycle.edges, cycle.amountIn, this.#options.maxAmountIn);
      if (exact === null) continue;
      for (const { pool } of cycle.edges) used.add(pool);
      const paid = habits === undefined ? 0 : quantileOf(habits.paidShares, random.unit()) * cycle.profit;
      const tip = habits === undefined ? tipShare * net : Math.max(LEAST_TIP * gas, paid - gas * baseFee);
      const priorityFeePerGas = BigInt(Math.floor(tip / gas));
      const minProfit = BigInt(gas) * (baseFeePerGas + priorityFeePerGas);
      const place = seen.place + choices.length;
      choices.push({ rival: index, place, stood, cycle, amounts: exact.amounts, gas, tip, priorityFeePerGas, minProfit });
    }
    return choices;
  }
}

const reaches = ({ families, maxHops, tokens }: Rival, { edges }: Sized): boolean =>
  edges.length <= maxHops && edges.every(({ pool, from }) => families.includes(pool.family.id) && tokens.has(from));

const gasOf = ({ edges, amountIn }: Sized): number =>
  edges.reduce(
    (gas, { pool, indexIn, indexOut }) =>
      gas + pool.family.swapGas(pool.info, pool.state, { amountIn: BigInt(Math.floor(amountIn)), indexIn, indexOut }),
    GAS_BASE,
  );
