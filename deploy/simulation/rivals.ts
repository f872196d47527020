import { keyOf } from "#libs/graph/cycles.ts";
import { confirm } from "#libs/graph/exact.ts";
import type { MarketPool } from "#libs/graph/market.ts";
import { GAS_BASE, NOTHING_STANDING, rest, type SearchOptions, type Sized, type Standing, searchCycles } from "#libs/graph/search.ts";
import { type Address, asAddress } from "#libs/units/brand.ts";
import type { Bundle, Chain, Step } from "./chain.ts";
import { drawsOf } from "./random.ts";

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

export const rivalContract = (index: number): Address => asAddress(`0x${"51".repeat(19)}${(index + 16).toString(16)}`);

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

  /** Bundles for the next block. `isShunned`: pools that do not pay what they show, which whoever trades there often knows. */
  bundles(chain: Chain, isShunned: (pool: MarketPool) => boolean): readonly { readonly tip: number; readonly bundle: Bundle }[] {
    const block = chain.head.number + 1;
    return this.#rivals.flatMap((rival) => this.#of(rival, block, chain, isShunned));
  }

  #of(
    rival: Rival,
    block: number,
    chain: Chain,
    isShunned: (pool: MarketPool) => boolean,
  ): { readonly tip: number; readonly bundle: Bundle }[] {
    const { index, duty, period, offset, latency, minNetProfit, tipShare, reliability, contract, sender } = rival;
    if ((block + offset) % period >= duty * period) return [];
    const random = drawsOf(this.#seed, 30 + index, block);
    const baseFee = Number(chain.baseFeePerGas);
    const used = new Set<MarketPool>();
    const bundles: { tip: number; bundle: Bundle }[] = [];
    for (const cycle of this.#standing.cycles.slice(0, LOOKED_AT)) {
      if (bundles.length === rival.bundles) break;
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
      const steps = cycle.edges.map(
        ({ pool, indexIn }, hop): Step => ({
          pool: pool.info.pool,
          zeroForOne: indexIn === 0,
          amountIn: exact.amounts[hop] as bigint,
          amountOut: exact.amounts[hop + 1] as bigint,
          forwards: false,
        }),
      );
      const transactionHash = `0x${block.toString(16).padStart(56, "0")}${(0x51_0000 + index * 256 + bundles.length).toString(16).padStart(8, "0")}`;
      const minProfit = BigInt(gas) * (chain.baseFeePerGas + priorityFeePerGas);
      bundles.push({
        tip,
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
