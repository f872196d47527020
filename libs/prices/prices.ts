import { PriceGraph, type PriceOptions } from "#libs/prices/price-graph.ts";

export interface Stable {
  readonly token: string;
  readonly decimals: number;
}

export interface PricesOptions extends PriceOptions {
  /** The wrapped native coin: 18 decimals on every chain. */
  readonly native: string;
  /** Tokens that mean to be worth one US dollar. None: there are no dollar prices. */
  readonly stables: readonly Stable[];
  /** Depth at which a price that nobody contradicts deserves half of its trust. Dollars; whole native coins where there is no dollar price. */
  readonly halfTrustUsd: number;
  readonly halfTrustNative: number;
}

const NATIVE_DECIMALS = 18;
const POWERS_OF_TEN = Array.from({ length: 78 }, (_, power) => Number(`1e${power}`));

/** 10^power, correctly rounded: `**` is not the same on every engine. */
export function powerOfTen(power: number): number {
  return power < 0 ? 1 / (POWERS_OF_TEN[-power] ?? Number.POSITIVE_INFINITY) : (POWERS_OF_TEN[power] ?? Number.POSITIVE_INFINITY);
}

/** The lower weighted median of values ≥ 0; 0 where nothing weighs anything. */
export function weightedMedian(votes: readonly { readonly value: number; readonly weight: number }[]): number {
  const sorted = votes.filter(({ weight }) => weight > 0).sort((left, right) => left.value - right.value);
  const total = sorted.reduce((sum, { weight }) => sum + weight, 0);
  let sum = 0;
  for (const { value, weight } of sorted) {
    sum += weight;
    if (2 * sum >= total) return value;
  }
  return 0;
}

/**
 * What a PriceGraph says, in whole coins and dollars, and how far to trust it.
 *
 * The dollar is what the chain's stable coins agree on: each says how many of it a native coin is worth, with the width of its price as weight; the weighted
 * median is the dollar. A stable coin is then priced like any other token, so one that has left its peg shows it. With a single one the dollar is that coin.
 *
 * Confidence of a token = confidence of its parent × agreed / (voted + depth at half trust), in [0, 1]: the share of depth that stands within 1 % of the price, with
 * doubt added that only depth overcomes. The native coin has 1.
 */
export class Prices {
  readonly graph: PriceGraph;
  readonly #options: PricesOptions;
  /** Dollars for a whole native coin; 0 where no stable coin has a price. */
  usdPerNative = 0;
  /** Depth, raw units of the native coin, at which an undisputed price deserves half of its trust. */
  #doubt = 0;

  constructor(options: PricesOptions) {
    this.#options = options;
    this.graph = new PriceGraph([...new Set([options.native, ...options.stables.map(({ token }) => token)])], options);
  }

  /** Renews what follows from the graph's prices, after its `update` or `rebuild`. */
  refresh(): void {
    const { graph } = this;
    const priced = this.#options.stables.flatMap(({ token, decimals }) => {
      const id = graph.idOf(token);
      return id === undefined || graph.priceOf(id) === 0
        ? []
        : [{ value: 1 / this.native(id, decimals), weight: graph.width[id] as number }];
    });
    // A native coin that is itself a stable coin has no width of its own: it weighs as much as the heaviest of the others.
    const heaviest = priced.reduce((most, { weight }) => (weight < Number.POSITIVE_INFINITY && weight > most ? weight : most), 1);
    this.usdPerNative = weightedMedian(priced.map(({ value, weight }) => ({ value, weight: Math.min(weight, heaviest) })));
    const { halfTrustNative, halfTrustUsd } = this.#options;
    this.#doubt = (this.usdPerNative > 0 ? halfTrustUsd / this.usdPerNative : halfTrustNative) * powerOfTen(NATIVE_DECIMALS);
  }

  /** Native coins for one whole token; 0: no price. */
  native(token: number, decimals: number): number {
    return this.graph.priceOf(token) * powerOfTen(decimals - NATIVE_DECIMALS);
  }

  /** See the class. 0 for a token without a price. */
  confidence(token: number): number {
    const { parent, agreed, voted } = this.graph;
    let confidence = this.graph.priceOf(token) === 0 ? 0 : 1;
    for (let at = token; confidence > 0 && (parent[at] as number) >= 0; at = parent[at] as number)
      confidence *= (agreed[at] as number) / ((voted[at] as number) + this.#doubt);
    return confidence;
  }
}
