import { grownFlags, grownFloats, grownInts } from "#libs/prices/columns.ts";
import type { PriceGraph } from "#libs/prices/price-graph.ts";
import { invariant } from "#libs/units/invariant.ts";

/**
 * A balance counts for at most so many times the depth (to a move of 2 %) that its token's price rests on. A constant product holds 100 times that depth on
 * each side, so this takes off nothing real; without it a billion units of a token that some shallow pool prices would be the largest pool of the chain.
 */
const MOST_PER_DEPTH = 1_000;
const NONE = -1;

/**
 * What the pools of a chain hold and what that is worth (TVL), by pool and by DEX, in raw units of the native coin.
 *
 * Each balance is valued in the anchor that its token's price hangs on, and anchors are multiplied in when a value is read. So a block costs what has changed in
 * it: balances that are new, and those of tokens whose relative price, anchor or width is another (`PriceGraph.moved`). Owned and changed in place by one actor.
 * Float64: a pool's value has a relative error of some 1e-15; a DEX's sum, kept by differences, is summed anew by `resum`.
 */
export class Holdings {
  readonly #graph: PriceGraph;
  readonly #dexes: readonly string[];
  readonly #groups: number;
  readonly #slots = new Map<string, number>();
  readonly pools: string[] = [];
  #dexOf: Int32Array = new Int32Array(0);
  /** Balances of pool i are entries #starts[i] … #starts[i + 1] − 1. */
  #starts: Int32Array = new Int32Array(1);

  #entries = 0;
  #token: Int32Array = new Int32Array(0);
  #poolOf: Int32Array = new Int32Array(0);
  #balance: Float64Array = new Float64Array(0);
  /** In raw units of the anchor #group, as last valued. */
  #worth: Float64Array = new Float64Array(0);
  #group: Int32Array = new Int32Array(0);
  /** Entries of a token: a chain from #first through #next. */
  #first: Int32Array = new Int32Array(0);
  #next: Int32Array = new Int32Array(0);

  /** By DEX and anchor: the sum of #worth. */
  readonly #sums: Float64Array;
  /** Pools whose balances or values are new since `takeTouched`. */
  readonly #touched: number[] = [];
  #isTouched: Uint8Array = new Uint8Array(0);
  readonly #changed: number[] = [];

  constructor(graph: PriceGraph, dexes: readonly string[]) {
    this.#graph = graph;
    this.#dexes = dexes;
    this.#groups = graph.anchorPrice.length;
    this.#sums = new Float64Array(dexes.length * this.#groups);
  }

  /** Adds a pool with its tokens' numbers in the graph. One that is known stays as it is. */
  add(pool: string, dex: string, tokens: readonly number[]): void {
    if (this.#slots.has(pool)) return;
    const dexIndex = this.#dexes.indexOf(dex);
    invariant(dexIndex !== NONE, `holdings of ${dex}, which is none of the DEXes`);
    const slot = this.pools.length;
    this.#slots.set(pool, slot);
    this.pools.push(pool);
    this.#dexOf = grownInts(this.#dexOf, slot + 1);
    this.#starts = grownInts(this.#starts, slot + 2);
    this.#isTouched = grownFlags(this.#isTouched, slot + 1);
    this.#dexOf[slot] = dexIndex;
    for (const token of tokens) {
      const entry = this.#entries++;
      this.#token = grownInts(this.#token, this.#entries);
      this.#poolOf = grownInts(this.#poolOf, this.#entries);
      this.#balance = grownFloats(this.#balance, this.#entries);
      this.#worth = grownFloats(this.#worth, this.#entries);
      this.#group = grownInts(this.#group, this.#entries);
      this.#next = grownInts(this.#next, this.#entries);
      this.#token[entry] = token;
      this.#poolOf[entry] = slot;
      this.#chain(entry);
    }
    this.#starts[slot + 1] = this.#entries;
  }

  #chain(entry: number): void {
    const token = this.#token[entry] as number;
    if (token >= this.#first.length) {
      const length = this.#first.length;
      this.#first = grownInts(this.#first, token + 1);
      this.#first.fill(NONE, length);
    }
    this.#next[entry] = this.#first[token] as number;
    this.#first[token] = entry;
  }

  /** Raw token units, in the order of the pool's tokens. Valued by the next `revalue`. Balances of a pool that was never added are ignored. */
  set(pool: string, balances: ArrayLike<number>): void {
    const slot = this.#slots.get(pool);
    if (slot === undefined) return;
    const start = this.#starts[slot] as number;
    for (let index = 0; index < balances.length; index++) this.#balance[start + index] = balances[index] as number;
    this.#changed.push(slot);
  }

  /** Values what has changed, after `PriceGraph.update`. */
  revalue(): void {
    for (const slot of this.#changed) {
      for (let entry = this.#starts[slot] as number; entry < (this.#starts[slot + 1] as number); entry++) this.#value(entry);
      this.#touch(slot);
    }
    this.#changed.length = 0;
    for (const token of this.#graph.moved) {
      for (let entry = this.#first[token] ?? NONE; entry !== NONE; entry = this.#next[entry] as number) {
        this.#value(entry);
        this.#touch(this.#poolOf[entry] as number);
      }
    }
  }

  #touch(slot: number): void {
    if (this.#isTouched[slot] === 1) return;
    this.#isTouched[slot] = 1;
    this.#touched.push(slot);
  }

  #value(entry: number): void {
    const token = this.#token[entry] as number;
    const group = this.#graph.group[token] as number;
    const anchor = this.#graph.anchorPrice[group] as number;
    const sums = (this.#dexOf[this.#poolOf[entry] as number] as number) * this.#groups;
    (this.#sums[sums + (this.#group[entry] as number)] as number) -= this.#worth[entry] as number;
    const worth = (this.#balance[entry] as number) * (this.#graph.relative[token] as number);
    const most = anchor > 0 ? (MOST_PER_DEPTH * (this.#graph.width[token] as number)) / anchor : 0;
    this.#worth[entry] = Math.min(worth, most);
    this.#group[entry] = group;
    (this.#sums[sums + group] as number) += this.#worth[entry] as number;
  }

  /** Follows `PriceGraph.rebuild`: the tokens' new numbers, every balance valued, every sum added up anew. */
  resum(renumbered: Int32Array): void {
    this.#first.fill(NONE);
    for (let entry = 0; entry < this.#entries; entry++) {
      this.#token[entry] = renumbered[this.#token[entry] as number] as number;
      this.#chain(entry);
      this.#worth[entry] = 0;
    }
    this.#changed.length = 0;
    this.#sums.fill(0);
    for (let entry = 0; entry < this.#entries; entry++) this.#value(entry);
    for (let slot = 0; slot < this.pools.length; slot++) this.#touch(slot);
  }

  dexOf(slot: number): string {
    return this.#dexes[this.#dexOf[slot] as number] as string;
  }

  slotOf(pool: string): number | undefined {
    return this.#slots.get(pool);
  }

  /** Raw units of the native coin. */
  valueOf(slot: number): number {
    let value = 0;
    for (let entry = this.#starts[slot] as number; entry < (this.#starts[slot + 1] as number); entry++)
      value += (this.#worth[entry] as number) * (this.#graph.anchorPrice[this.#group[entry] as number] as number);
    return value;
  }

  /** Raw units of the native coin, by DEX in the order given at the start. */
  totals(): number[] {
    return this.#dexes.map((_, dex) => {
      let total = 0;
      // The difference of sums may come out a hair below nothing.
      for (let group = 0; group < this.#groups; group++)
        total += Math.max(0, this.#sums[dex * this.#groups + group] as number) * (this.#graph.anchorPrice[group] as number);
      return total;
    });
  }

  /** The pools that were touched since this was last asked, in that order. */
  takeTouched(): number[] {
    const touched = this.#touched.splice(0);
    for (const slot of touched) this.#isTouched[slot] = 0;
    return touched;
  }
}
