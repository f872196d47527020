import { keyOf } from "#libs/graph/cycles.ts";
import { confirm } from "#libs/graph/exact.ts";
import type { MarketPool } from "#libs/graph/market.ts";
import { GAS_BASE, NOTHING_STANDING, rest, type SearchOptions, type Sized, type Standing, searchCycles } from "#libs/graph/search.ts";
import type { Random } from "#libs/ml/random.ts";
import { type Address, asAddress } from "#libs/units/brand.ts";
import type { Bundle, Chain, Step } from "./chain.ts";
import { drawsOf, hashOf, quantileOf } from "./random.ts";
import { type Delays, delayOf } from "./records.ts";

/** A kind of searcher. What it sees and wants is fixed here and drawn from the seed: nobody else is told. */
export interface RivalRule {
  readonly name: string;
  readonly families: readonly string[];
  readonly maxHops: number;
  /** Share of the tokens that it follows beside the hubs. */
  readonly follows: number;
  /** Blocks that a gap must have stood before its bundle for it comes. */
  readonly latency: number;
  /** After gas, before its tip: wei. */
  readonly minNetProfit: number;
  /** Of the net profit, to the builder. */
  readonly tipShare: number;
  /** Chance that it sends what it has found. */
  readonly reliability: number;
  /** Bundles in a block, at most. */
  readonly bundles: number;
  /** It works `duty` of each `period` blocks, from an offset of its own; a duty of 1 never rests. */
  readonly duty: number;
  readonly period: number;
  /** Instead of `latency` and `tipShare`, where they are drawn from records. */
  readonly habits?: Habits;
}

/** What has been recorded of searchers (records.ts). */
export interface Habits {
  readonly delays: Delays;
  /**
   * How often it was seen, where `delays` are its own: of those that could take a gap, one is drawn by this and comes after its delay. A record is of whoever was first, so that several
   * that came each after its own would be faster than what has been recorded. Null where `delays` are of whoever was first: all come after the same.
   */
  readonly seen: number | null;
  /** Quantiles of what is paid for gas and tip, as a share of the gain. */
  readonly paidShares: readonly number[];
  /** Nothing is sent that gains less than so many times its gas at the base fee. */
  readonly leastGainToCost: number;
}

interface Rival extends RivalRule {
  readonly index: number;
  readonly contract: Address;
  readonly sender: Address;
  readonly offset: number;
  readonly tokens: ReadonlySet<string>;
}

/** Cycles that a rival looks at, best first. */
const LOOKED_AT = 96;
/** What bundles use of the gas that is estimated for them. */
export const GAS_SHARE = 0.95;
/** Of those whose payment is drawn, wei per gas: as much as the scorer's, so that whoever wants the same as we do comes first here too. */
const LEAST_TIP = 1e8;
/** Tells the transactions at the end of a block from those at its top. */
const BACKRUNS = 128;

export const rivalContract = (index: number): Address => asAddress(`0x${"51".repeat(19)}${(index + 16).toString(16)}`);

export interface Sent {
  /** Wei, all of it. */
  readonly tip: number;
  /** Blocks from the one that opened the gap to this one. */
  readonly stood: number;
  readonly bundle: Bundle;
}

/** All rivals of a chain. They search the real market with the real search, each for what it can reach. */
export class Rivals {
  readonly #seed: number;
  readonly #rivals: readonly Rival[];
  readonly #options: SearchOptions;
  #standing: Standing = NOTHING_STANDING;
  #changed: Iterable<string> | null = null;
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
      return {
        ...rule,
        index,
        contract: rivalContract(index),
        sender: asAddress(`0x${"52".repeat(19)}${(index + 16).toString(16)}`),
        offset: random.below(rule.period),
        tokens: new Set([...at.hubs, ...followed]),
      };
    });
  }

  /** Looks at the head: what stands there, and since when. */
  look(chain: Chain): void {
    const { number, changed } = chain.head;
    const pools = [...changed.values()].flatMap((rows) => rows.map(([pool]) => pool));
    const all = this.#changed === null ? [...chain.market.pools()].map(({ info }) => info.pool) : pools;
    this.#changed = all;
    this.#standing = searchCycles(chain.market, all, this.#options, this.#standing).standing;
    rest(chain.market);
    const since = new Map<string, number>();
    for (const { edges } of this.#standing.cycles.slice(0, LOOKED_AT)) {
      const key = keyOf(edges);
      since.set(key, this.#since.get(key) ?? number);
    }
    this.#since = since;
  }

  /**
   * Bundles behind the trades of the block that is being built, for gaps that it has opened: of rivals whose recorded delay is no block at all. They see transactions before they are
   * in a block, which nobody else here does.
   */
  backruns(chain: Chain, isShunned: (pool: MarketPool) => boolean): readonly Sent[] {
    if (this.#rivals.every(({ habits }) => habits === undefined)) return [];
    const { cycles } = searchCycles(chain.market, chain.touched, this.#options, this.#standing).standing;
    const opened = cycles.slice(0, LOOKED_AT).filter(({ edges }) => !this.#since.has(keyOf(edges)));
    const block = chain.head.number + 1;
    return this.#rivals.flatMap((rival) =>
      rival.habits === undefined ? [] : this.#of(rival, block, chain, isShunned, { cycles: opened, since: () => block, place: BACKRUNS }),
    );
  }

  /** Bundles for the next block. `isShunned`: pools that do not pay what they show, which whoever trades there often knows. */
  bundles(chain: Chain, isShunned: (pool: MarketPool) => boolean): readonly Sent[] {
    const block = chain.head.number + 1;
    const seen = { cycles: this.#standing.cycles.slice(0, LOOKED_AT), since: (key: string) => this.#since.get(key) as number, place: 0 };
    return this.#rivals.flatMap((rival) => this.#of(rival, block, chain, isShunned, seen));
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

  #of(
    rival: Rival,
    block: number,
    chain: Chain,
    isShunned: (pool: MarketPool) => boolean,
    seen: { readonly cycles: readonly Sized[]; readonly since: (key: string) => number; readonly place: number },
  ): Sent[] {
    const { index, duty, period, offset, minNetProfit, tipShare, reliability, contract, sender, habits } = rival;
    if ((block + offset) % period >= duty * period) return [];
    const random = drawsOf(this.#seed, 30 + index, block, ...(seen.place === 0 ? [] : [seen.place]));
    const baseFee = Number(chain.baseFeePerGas);
    const used = new Set<MarketPool>();
    const bundles: Sent[] = [];
    for (const cycle of seen.cycles) {
      if (bundles.length === rival.bundles) break;
      // In the order of gross profit: what comes after this one earns less.
      if (cycle.profit < minNetProfit) break;
      if (!reaches(rival, cycle)) continue;
      const key = keyOf(cycle.edges);
      const since = seen.since(key);
      if (block - since < this.#delayOf(rival, cycle, key, since)) continue;
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
      const steps = cycle.edges.map(
        ({ pool, indexIn }, hop): Step => ({
          pool: pool.info.pool,
          zeroForOne: indexIn === 0,
          amountIn: exact.amounts[hop] as bigint,
          amountOut: exact.amounts[hop + 1] as bigint,
          forwards: false,
        }),
      );
      const transactionHash = `0x${block.toString(16).padStart(56, "0")}${(0x51_0000 + index * 256 + seen.place + bundles.length).toString(16).padStart(8, "0")}`;
      const minProfit = BigInt(gas) * (chain.baseFeePerGas + priorityFeePerGas);
      bundles.push({
        tip,
        stood: block - since,
        bundle: { contract, sender, loanToken: this.#options.startToken, minProfit, steps, gas, priorityFeePerGas, transactionHash },
      });
    }
    return bundles;
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
