import type { FamilyId, PoolInfo, RowOf } from "#libs/dex/family.ts";
import { type AnyFamily, familyOf } from "#libs/dex/registry.ts";
import { grownFloats, grownInts } from "#libs/prices/columns.ts";
import { Holdings } from "#libs/prices/holdings.ts";
import { pairView } from "#libs/prices/pair.ts";
import { Prices, type PricesOptions } from "#libs/prices/prices.ts";
import { asAddress } from "#libs/units/brand.ts";
import type { PoolRow } from "#proto/pool/v1/state.ts";

/** Of a pool with more tokens only the pairs with an anchor vote: all pairs of 50 tokens would be 1,225. */
const MOST_TOKENS_FOR_ALL_PAIRS = 8;

interface Pair {
  readonly indexA: number;
  readonly indexB: number;
  readonly edge: number;
}

interface Pool {
  readonly family: AnyFamily;
  readonly info: PoolInfo;
  readonly dex: string;
  readonly state: object;
  readonly pairs: readonly Pair[];
}

/** A price as it is published: whole native coins and dollars for one whole token. */
export interface TokenPrice {
  readonly token: string;
  readonly native: number;
  readonly usd: number;
  readonly holds: "native" | "usd";
  readonly confidence: number;
}

export interface Taking {
  /** Least relative change that is worth a row. */
  readonly share: number;
  readonly most: number;
}

/**
 * The pools of a chain as the analyst holds them: exact states by family, their prices and their holdings. Changed in place by its single owner. What was `taken` is
 * remembered, so that each block gives only what has moved since, and what does not fit comes next time.
 */
export class AnalystMarket {
  readonly prices: Prices;
  readonly holdings: Holdings;
  readonly #anchors: ReadonlySet<string>;
  readonly #pools = new Map<string, Pool>();
  readonly #poolsByDex = new Map<string, number>();
  /** Pools with new rows since the last `settle`. */
  readonly #changed = new Set<Pool>();
  /** Null: the token does not say. */
  readonly #decimals: Map<string, number | null>;
  #asking = false;
  /** By token: the number that its row holds (`holds`), as last taken; 0: no row. */
  #taken: Float64Array = new Float64Array(0);
  /** By token: 1 + group under which it was taken. */
  #takenGroup: Int32Array = new Int32Array(0);
  /** By pool slot: value as last taken, raw native units. */
  #takenValue: Float64Array = new Float64Array(0);
  /** Pools whose value may have moved, oldest first. */
  #touched: number[] = [];

  /** `decimals`: of the tokens that are known beforehand. */
  constructor(options: PricesOptions, dexes: readonly string[], decimals: ReadonlyMap<string, number>) {
    this.prices = new Prices(options);
    this.holdings = new Holdings(this.prices.graph, dexes);
    this.#anchors = new Set([options.native, ...options.stables.map(({ token }) => token)]);
    this.#decimals = new Map(decimals);
  }

  tokensOf(pool: string): readonly string[] | undefined {
    return this.#pools.get(pool)?.info.tokens;
  }

  dexOf(pool: string): string | null {
    return this.#pools.get(pool)?.dex ?? null;
  }

  poolsOf(dex: string): number {
    return this.#poolsByDex.get(dex) ?? 0;
  }

  add(dex: string, family: FamilyId, rows: readonly PoolRow[]): void {
    const { graph } = this.prices;
    for (const [pool, names, facts] of rows) {
      if (this.#pools.has(pool)) continue;
      const info: PoolInfo = { pool: asAddress(pool), tokens: names.map(asAddress), facts };
      const tokens = info.tokens.map((token) => graph.tokenId(token));
      const all = tokens.length <= MOST_TOKENS_FOR_ALL_PAIRS;
      const pairs: Pair[] = [];
      for (let indexA = 0; indexA < tokens.length; indexA++) {
        for (let indexB = indexA + 1; indexB < tokens.length; indexB++) {
          const votes = all || this.#anchors.has(info.tokens[indexA] as string) || this.#anchors.has(info.tokens[indexB] as string);
          if (votes) pairs.push({ indexA, indexB, edge: graph.addEdge(tokens[indexA] as number, tokens[indexB] as number) });
        }
      }
      this.holdings.add(pool, dex, tokens);
      const of = familyOf(family);
      this.#pools.set(pool, { family: of, info, dex, state: of.created(), pairs });
      this.#poolsByDex.set(dex, this.poolsOf(dex) + 1);
    }
  }

  /** Takes rows in. Those of pools that were never added are left out. */
  apply(rows: readonly RowOf<FamilyId>[]): void {
    for (const row of rows) {
      const pool = this.#pools.get(row[0]);
      if (pool === undefined) continue;
      pool.family.applyRow(pool.state, row);
      this.#changed.add(pool);
    }
  }

  /** Forgets pools that exist no longer. Their places in the columns stay, empty. */
  remove(addresses: readonly string[]): void {
    for (const address of addresses) {
      const pool = this.#pools.get(address);
      if (pool === undefined) continue;
      this.#pools.delete(address);
      this.#poolsByDex.set(pool.dex, this.poolsOf(pool.dex) - 1);
      this.#changed.delete(pool);
      this.#silence(pool);
    }
  }

  #silence({ info, pairs }: Pool): void {
    for (const { edge } of pairs) this.prices.graph.setEdge(edge, 0, 0, 0);
    this.holdings.set(
      info.pool,
      info.tokens.map(() => 0),
    );
  }

  /** Renews prices and values after a block's rows. `anew`: from nothing, so that what follows depends on the present pools alone; every row is due again. */
  settle(anew: boolean): void {
    const { graph } = this.prices;
    for (const pool of this.#changed) {
      const { family, info, state, pairs } = pool;
      if (!family.isLive(state)) {
        this.#silence(pool);
        continue;
      }
      const curve = family.curve(info, state);
      for (const { indexA, indexB, edge } of pairs) {
        const { rate, depthA, depthB } = pairView(curve, indexA, indexB);
        graph.setEdge(edge, rate, depthA, depthB);
      }
      this.holdings.set(info.pool, family.holdings(info, state).map(Number));
    }
    this.#changed.clear();
    if (anew) {
      this.holdings.resum(graph.rebuild());
      this.#taken.fill(0);
      this.#takenGroup.fill(0);
      this.#takenValue.fill(0);
      this.#touched = [];
    } else {
      graph.update();
      this.holdings.revalue();
    }
    this.prices.refresh();
    for (const slot of this.holdings.takeTouched()) this.#touched.push(slot);
  }

  /** The answer to `askDecimals`. A token that is not in it will be asked again. */
  setDecimals(decimals: ReadonlyMap<string, number | null>): void {
    for (const [token, value] of decimals) this.#decimals.set(token, value);
    this.#asking = false;
  }

  decimalsOf(token: string): number | null | undefined {
    return this.#decimals.get(token);
  }

  /** Tokens that have a price and of which nobody knows yet how many decimals they have, at most so many; none while an answer is awaited. */
  askDecimals(most: number): string[] {
    const { graph } = this.prices;
    const unknown: string[] = [];
    for (let place = 0; place < graph.placed && unknown.length < most && !this.#asking; place++) {
      const token = graph.tokens[graph.tokenAt(place)] as string;
      if (!this.#decimals.has(token)) unknown.push(token);
    }
    if (unknown.length > 0) this.#asking = true;
    return unknown;
  }

  /** The price of a token now; null where it has none, or its decimals are not known. */
  priceOf(token: string): TokenPrice | null {
    const { graph, usdPerNative } = this.prices;
    const id = graph.idOf(token);
    const decimals = this.#decimals.get(token);
    if (id === undefined || decimals === undefined || decimals === null || graph.priceOf(id) === 0) return null;
    const native = this.prices.native(id, decimals);
    const holds = graph.group[id] === 0 || usdPerNative === 0 ? "native" : "usd";
    return { token, native, usd: native * usdPerNative, holds, confidence: this.prices.confidence(id) };
  }

  /** Dollars for so many raw units of a token; null where either is not known. */
  usdOf(token: string, amount: bigint): number | null {
    const native = this.nativeOf(token, amount);
    return native === null || this.prices.usdPerNative === 0 ? null : (native / 1e18) * this.prices.usdPerNative;
  }

  /** Raw native units for so many raw units of a token; null where it has no price. */
  nativeOf(token: string, amount: bigint): number | null {
    const id = this.prices.graph.idOf(token);
    const price = id === undefined ? 0 : this.prices.graph.priceOf(id);
    return price === 0 ? null : Number(amount) * price;
  }

  /** Rows that are due, and tokens whose rows are void. Whatever is given counts as taken. */
  takePrices({ share, most }: Taking): { readonly prices: readonly TokenPrice[]; readonly gone: readonly string[] } {
    const { graph, usdPerNative } = this.prices;
    const prices: TokenPrice[] = [];
    const gone: string[] = [];
    this.#taken = grownFloats(this.#taken, graph.size);
    this.#takenGroup = grownInts(this.#takenGroup, graph.size);
    for (let place = 0; place < graph.placed && prices.length < most; place++) {
      const id = graph.tokenAt(place);
      const group = graph.group[id] as number;
      const now = graph.priceOf(id) * (group === 0 || usdPerNative === 0 ? 1 : usdPerNative);
      const before = this.#taken[id] as number;
      if (now === 0 && before === 0) continue;
      if (this.#takenGroup[id] === group + 1 && Math.abs(now - before) <= share * before) continue;
      const price = this.priceOf(graph.tokens[id] as string);
      if (price !== null) prices.push(price);
      else if (before > 0) gone.push(graph.tokens[id] as string);
      else continue;
      this.#taken[id] = now;
      this.#takenGroup[id] = group + 1;
    }
    return { prices, gone };
  }

  /** Pools whose values are due, raw native units, those worth at least `least` or listed as such before. Whatever is given counts as taken. */
  takeValues({ share, most, least }: Taking & { readonly least: number }): { readonly slot: number; readonly value: number }[] {
    const { holdings } = this;
    this.#takenValue = grownFloats(this.#takenValue, holdings.pools.length);
    const taken: { slot: number; value: number }[] = [];
    let looked = 0;
    for (; looked < this.#touched.length && taken.length < most; looked++) {
      const slot = this.#touched[looked] as number;
      const value = holdings.valueOf(slot);
      const before = this.#takenValue[slot] as number;
      if (Math.abs(value - before) <= share * before || (value < least && before < least)) continue;
      this.#takenValue[slot] = value;
      taken.push({ slot, value });
    }
    this.#touched = this.#touched.slice(looked);
    return taken;
  }
}
