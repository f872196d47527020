import { keyOf } from "#libs/graph/cycles.ts";
import { confirm, type Exact } from "#libs/graph/exact.ts";
import type { Market, MarketPool } from "#libs/graph/market.ts";
import { GAS_BASE, NOTHING_STANDING, rest, type SearchOptions, type Sized, type Standing, searchCycles } from "#libs/graph/search.ts";
import { drawsOf } from "#libs/ml/random.ts";
import type { RivalRule } from "./rules.ts";

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

  /** What they send for this block. `isShunned`: pools that do not pay what they show, which whoever trades there often knows. */
  choices(at: {
    readonly block: number;
    readonly baseFeePerGas: bigint;
    readonly isShunned?: (pool: MarketPool) => boolean;
  }): readonly RivalChoice[] {
    return this.#rivals.flatMap((rival) => this.#of(rival, at));
  }

  #of(rival: Rival, { block, baseFeePerGas, isShunned = () => false }: Parameters<Rivals["choices"]>[0]): RivalChoice[] {
    const { index, duty, period, offset, latency, minNetProfit, tipShare, reliability } = rival;
    if ((block + offset) % period >= duty * period) return [];
    const random = drawsOf(this.#seed, 30 + index, block);
    const baseFee = Number(baseFeePerGas);
    const used = new Set<MarketPool>();
    const choices: RivalChoice[] = [];
    for (const cycle of this.#standing.cycles.slice(0, LOOKED_AT)) {
      if (choices.length === rival.bundles) break;
      // In the order of gross profit: what comes after this one earns less.
      if (cycle.profit < minNetProfit) break;
      if (!reaches(rival, cycle) || block - (this.#since.get(keyOf(cycle.edges)) as number) <= latency) continue;
      if (cycle.edges.some(({ pool }) => used.has(pool) || isShunned(pool))) continue;
      const gas = Math.round(GAS_SHARE * gasOf(cycle));
      const net = cycle.profit - gas * baseFee;
      if (net < minNetProfit) continue;
      if (random.unit() >= reliability) continue;
      const exact = confirm(cycle.edges, cycle.amountIn, this.#options.maxAmountIn);
      if (exact === null) continue;
      for (const { pool } of cycle.edges) used.add(pool);
      const tip = tipShare * net;
      const priorityFeePerGas = BigInt(Math.floor(tip / gas));
      const minProfit = BigInt(gas) * (baseFeePerGas + priorityFeePerGas);
      choices.push({ rival: index, place: choices.length, cycle, amounts: exact.amounts, gas, tip, priorityFeePerGas, minProfit });
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
