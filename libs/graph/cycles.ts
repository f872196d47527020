import { BUCKETS, type Buckets, HOT } from "#libs/graph/buckets.ts";
import { type Edge, type MarketPool, NONE } from "#libs/graph/market.ts";
import { measure } from "#libs/graph/size.ts";

/** A cycle with its best size in the float search. */
export interface Sized {
  readonly edges: readonly Edge[];
  /** Raw units of the token it starts from. */
  readonly amountIn: number;
  /** In the numeraire. */
  readonly profit: number;
  /** Of the smallest unit of the token it starts from, in the numeraire. */
  readonly worth: number;
}

export const MAX_HOPS = 5;
/** Edges of a token that are simply tried. */
const FEW = 16;
/** Products of five gains are good to better than this. */
const ROUNDING = 1e-9;

export const keyOf = (edges: readonly Edge[]): string =>
  edges.map(({ pool, indexIn, indexOut }) => `${pool.info.pool}:${indexIn}>${indexOut}`).join("");

/** Best first; equal ones by their pools, so that no order of the input matters. */
export const byProfit = (left: Sized, right: Sized): number =>
  right.profit - left.profit || (keyOf(left.edges) < keyOf(right.edges) ? -1 : 1);

export interface CycleOptions {
  /** Tokens a cycle may start from, the first of them that it passes. */
  readonly starts: readonly string[];
  readonly maxHops: number;
  /** Cycles that earn less are none, in units of the numeraire. */
  readonly minimum: number;
  /** So many are kept, the best. */
  readonly capacity: number;
  /** No input of a larger worth. */
  readonly largest: number;
}

/**
 * Finds the best cycles of 2 to 5 hops through given pools: each token and pool once in a cycle, each cycle once.
 *
 * Let a cycle start with worth v and earn P at its best. Of the worths that enter its hops let m be the least, in a bucket [s, t). Each hop is given at least s, and
 * gains at most its k at s; so ∏k ≥ 1 + P/v, and v is at most m·∏max(1, k) < t·M. Hence no cycle that earns P is lost by looking, bucket by bucket, only at those
 * with ∏k ≥ 1 + P/(t·M), whatever the prices in which worth is counted. In small buckets that asks for a large gain, in large ones slippage has taken shallow
 * pools out: few edges are left of a market, and lists sorted by gain are left as soon as the best completion does not suffice.
 *
 * From a changed edge the path grows at whichever end has fewer edges, until one hop is missing, which the table of pairs gives. Edges that have been dealt with
 * are left out, so that a cycle comes up under one of its changed edges only. Nothing is allocated for a cycle that is not among the best.
 */
export class CycleFinder {
  readonly #buckets: Buckets;
  #best = new Best(0);
  /** The edge is left out while this is not below the stamp, which rises with each bucket of each search. */
  #done = new Float64Array(0);
  #stamp = 0;
  /** Place of the token among the starts, from 1 on; 0 for any other. */
  #rank = new Int32Array(0);

  // The path: hops in order from `head` to `tail`, both ends growing away from the middle.
  readonly #path = new Int32Array(2 * MAX_HOPS + 1);
  #head = 0;
  #tail = 0;
  /** Tokens at which it begins and ends. */
  #begin = 0;
  #end = 0;
  #bucket = 0;
  #needed = 0;
  readonly #edges: Edge[][] = Array.from({ length: MAX_HOPS + 1 }, () => []);

  #minimum = 0;
  #largest = 0;
  #maxHops = 0;
  /** Gain of the changed edge whose cycles are being looked for: those of more gain have been dealt with. */
  #own = 0;
  /** Gain that no changed edge of the cycle exceeds: that one's, if all that have changed are being dealt with. */
  #bound = 0;
  #isBounded = true;
  /** Gain that no edge of the cycle exceeds. */
  #top = 0;

  constructor(buckets: Buckets) {
    this.#buckets = buckets;
  }

  /** `without`: pools that no cycle may use. */
  find(changed: Iterable<MarketPool>, without: Iterable<MarketPool>, options: CycleOptions): Sized[] {
    const { market } = this.#buckets;
    if (this.#done.length < market.from.length) this.#done = new Float64Array(market.from.length);
    if (this.#rank.length < market.rowStart.length) this.#rank = new Int32Array(market.rowStart.length);
    this.#minimum = options.minimum;
    this.#largest = options.largest;
    this.#maxHops = options.maxHops;
    this.#best = new Best(options.capacity);
    const first = this.#stamp + 1;
    for (const pool of without) for (const { id } of pool.edges) this.#done[id] = first + BUCKETS;
    const starts = options.starts.map((token) => market.tokenId(token)).filter((token) => token !== NONE);
    for (const [index, token] of starts.entries()) this.#rank[token] = index + 1;
    const edges: number[] = [];
    for (const pool of changed) if (pool.live) for (const { id } of pool.edges) if ((this.#done[id] as number) < first) edges.push(id);
    const seeds = new Set(edges);
    this.#isBounded = this.#buckets.changedEdges.every(
      (id) => seeds.has(id) || (this.#done[id] as number) >= first || this.#gainsNothing(id),
    );
    for (let bucket = BUCKETS - 1; bucket >= 0; bucket--) {
      this.#stamp++;
      this.#findInBucket(edges, bucket);
    }
    this.#stamp++;
    for (const token of starts) this.#rank[token] = 0;
    return this.#best.take();
  }

  #findInBucket(edges: readonly number[], bucket: number): void {
    const { gain, market } = this.#buckets;
    this.#bucket = bucket;
    const promising = edges.filter((id) => this.#isPromising(id));
    promising.sort((left, right) => (gain[right * BUCKETS + bucket] as number) - (gain[left * BUCKETS + bucket] as number) || left - right);
    for (const id of promising) {
      if (this.#isPromising(id)) {
        this.#head = MAX_HOPS;
        this.#tail = MAX_HOPS;
        this.#path[MAX_HOPS] = id;
        this.#begin = market.from[id] as number;
        this.#end = market.to[id] as number;
        for (let left = 1; left < this.#maxHops; left++) this.#complete(this.#own, left);
      }
      this.#done[id] = this.#stamp;
    }
  }

  /** Whether a cycle through the edge, and through no changed edge of more gain, can earn the minimum in this bucket. Sets what it needs to gain, and bounds. */
  #isPromising(id: number): boolean {
    const { gain, sizes, market, highest } = this.#buckets;
    const bucket = this.#bucket;
    const own = gain[id * BUCKETS + bucket] as number;
    if (own === 0) return false;
    this.#own = own;
    this.#bound = this.#isBounded ? own : Number.POSITIVE_INFINITY;
    this.#top = Math.max(highest[bucket] as number, own, this.#isBounded ? 0 : this.#highestChanged());
    const out = this.#mostOut(market.to[id] as number);
    const back = this.#mostIn(market.from[id] as number);
    const between = Math.max(1, this.#top) ** Math.max(0, this.#maxHops - 3);
    const rest = Math.max(Math.min(out, back), this.#maxHops > 2 ? out * back * between : 0);
    const swell = Math.max(1, own) * Math.max(1, out) * Math.max(1, back) * between;
    const mostWorth = (bucket + 1 < BUCKETS ? (sizes[bucket + 1] as number) : Number.POSITIVE_INFINITY) * swell;
    this.#needed = (1 + this.#minimum / mostWorth) * (1 - ROUNDING);
    return own * rest >= this.#needed;
  }

  #highestChanged(): number {
    const { gain, changedEdges } = this.#buckets;
    return changedEdges.reduce((most, id) => Math.max(most, gain[id * BUCKETS + this.#bucket] as number), 0);
  }

  #gainsNothing(id: number): boolean {
    const { gain } = this.#buckets;
    for (let bucket = 0; bucket < BUCKETS; bucket++) if ((gain[id * BUCKETS + bucket] as number) > 0) return false;
    return true;
  }

  /** Largest gain of an edge out of a token that the cycle may use. */
  #mostOut(token: number): number {
    const { bestOut, changedOut } = this.#buckets;
    const at = token * BUCKETS + this.#bucket;
    return Math.max(bestOut[at] as number, Math.min(changedOut[at] as number, this.#bound));
  }

  #mostIn(token: number): number {
    const { bestIn, changedIn } = this.#buckets;
    const at = token * BUCKETS + this.#bucket;
    return Math.max(bestIn[at] as number, Math.min(changedIn[at] as number, this.#bound));
  }

  /**
   * Closes the path, whose gain is given, with so many more hops. From an end with few edges by trying them all. Between two hubs, one of the hops must gain at
   * least the root of what is lacking: those are looked for at either end, and in the middle of three.
   */
  #complete(gained: number, left: number): void {
    if (left === 1) {
      this.#close(gained);
      return;
    }
    const { rowLength } = this.#buckets.market;
    const [out, back] = [rowLength[this.#end] as number, rowLength[this.#begin] as number];
    const lacking = this.#needed / gained;
    const root = left === 2 ? Math.sqrt(lacking) : Math.cbrt(lacking);
    if (Math.min(out, back) > FEW && left <= 3 && root > HOT) {
      this.#grow(gained, left, true, root);
      this.#grow(gained, left, false, root);
      if (left === 3) this.#bridge(gained, lacking, root);
    } else this.#grow(gained, left, out <= back, 0);
  }

  /** Adds each hop at one end that gains so much. */
  #grow(gained: number, left: number, forwards: boolean, least: number): void {
    const { gain, list, listStart, listRoom, changed, firstOut, firstIn, nextOut, nextIn } = this.#buckets;
    const token = forwards ? this.#end : this.#begin;
    const which = forwards ? this.#bucket : BUCKETS + this.#bucket;
    if ((listRoom[token] as number) > 0) {
      for (let at = (listStart[token] as number) + which * (listRoom[token] as number); ; at++) {
        const id = list[at] as number;
        if (id === NONE) break;
        if (changed[id] === 1) continue;
        if ((gain[id * BUCKETS + this.#bucket] as number) < least || !this.#extend(id, gained, left, forwards)) break;
      }
    }
    const next = forwards ? nextOut : nextIn;
    for (let id = (forwards ? firstOut : firstIn)[token] as number; id !== NONE; id = next[id] as number)
      if ((gain[id * BUCKETS + this.#bucket] as number) >= least) this.#extend(id, gained, left, forwards);
  }

  /** Closes the path with three hops of which the middle one gains more than the root, and the others no more. */
  #bridge(gained: number, lacking: number, root: number): void {
    const { hot, changed, changedEdges } = this.#buckets;
    const least = lacking / (Math.min(root, this.#mostOut(this.#end)) * Math.min(root, this.#mostIn(this.#begin)));
    for (const id of hot[this.#bucket] as number[]) if (changed[id] === 0) this.#bridgeOver(id, gained, least);
    for (const id of changedEdges) this.#bridgeOver(id, gained, least);
  }

  #bridgeOver(middle: number, gained: number, least: number): void {
    const { market, gain } = this.#buckets;
    const own = gain[middle * BUCKETS + this.#bucket] as number;
    if (own < least || (this.#done[middle] as number) >= this.#stamp) return;
    const [from, to] = [market.from[middle] as number, market.to[middle] as number];
    let first = market.firstBetween(this.#end, from);
    if (first === NONE || market.firstBetween(to, this.#begin) === NONE || !this.#isNew(from, middle) || !this.#isNew(to, middle)) return;
    const end = this.#end;
    for (; first !== NONE; first = market.parallel[first] as number) {
      const now = gained * own * (gain[first * BUCKETS + this.#bucket] as number);
      if (now * this.#mostIn(this.#begin) < this.#needed || (this.#done[first] as number) >= this.#stamp) continue;
      if (market.poolOf[first] === market.poolOf[middle] || !this.#isNew(from, first)) continue;
      this.#path[++this.#tail] = first;
      this.#path[++this.#tail] = middle;
      this.#end = to;
      this.#close(now);
      this.#tail -= 2;
      this.#end = end;
    }
  }

  /** Adds a hop at one end and goes on. False when no edge of less gain can do either. */
  #extend(id: number, gained: number, left: number, forwards: boolean): boolean {
    const { market, gain } = this.#buckets;
    const now = gained * (gain[id * BUCKETS + this.#bucket] as number);
    const fixed = forwards ? this.#mostIn(this.#begin) : this.#mostOut(this.#end);
    const between = left > 3 ? this.#top ** (left - 3) : 1;
    if (now * fixed * (left > 2 ? this.#top * between : 1) < this.#needed) return false;
    const token = (forwards ? market.to[id] : market.from[id]) as number;
    const onwards = forwards ? this.#mostOut(token) : this.#mostIn(token);
    if (now * (left > 2 ? onwards * fixed * between : Math.min(onwards, fixed)) < this.#needed) return true;
    if ((this.#done[id] as number) >= this.#stamp || !this.#isNew(token, id)) return true;
    if (forwards) {
      const before = this.#end;
      this.#path[++this.#tail] = id;
      this.#end = token;
      this.#complete(now, left - 1);
      this.#tail--;
      this.#end = before;
    } else {
      const before = this.#begin;
      this.#path[--this.#head] = id;
      this.#begin = token;
      this.#complete(now, left - 1);
      this.#head++;
      this.#begin = before;
    }
    return true;
  }

  /** Neither the token nor the edge's pool is on the path. */
  #isNew(token: number, id: number): boolean {
    const { from, poolOf } = this.#buckets.market;
    if (token === this.#end) return false;
    for (let at = this.#head; at <= this.#tail; at++) {
      const hop = this.#path[at] as number;
      if (from[hop] === token || poolOf[hop] === poolOf[id]) return false;
    }
    return true;
  }

  #close(gained: number): void {
    const { market, gain } = this.#buckets;
    const { poolOf, parallel } = market;
    for (let id = market.firstBetween(this.#end, this.#begin); id !== NONE; id = parallel[id] as number) {
      if (gained * (gain[id * BUCKETS + this.#bucket] as number) < this.#needed || (this.#done[id] as number) >= this.#stamp) continue;
      let isNew = true;
      for (let at = this.#head; at <= this.#tail; at++) if (poolOf[this.#path[at] as number] === poolOf[id]) isNew = false;
      if (!isNew) continue;
      this.#path[++this.#tail] = id;
      this.#consider();
      this.#tail--;
    }
  }

  /** Whether the path, a whole cycle, can earn the minimum with its least amount in this bucket. A cycle that can in the bucket above has come up there. */
  #isWorth(bucket: number): boolean {
    const { gain, sizes } = this.#buckets;
    let product = 1;
    let swell = 1;
    for (let at = this.#head; at <= this.#tail; at++) {
      const own = gain[(this.#path[at] as number) * BUCKETS + bucket] as number;
      product *= own;
      if (own > 1) swell *= own;
    }
    const mostWorth = (bucket + 1 < BUCKETS ? (sizes[bucket + 1] as number) : Number.POSITIVE_INFINITY) * swell;
    return product >= (1 + this.#minimum / mostWorth) * (1 - ROUNDING / 2);
  }

  /** Sizes the cycle from the token it is to start from, and keeps it if it is among the best. */
  #consider(): void {
    const { market, price } = this.#buckets;
    const hops = this.#tail - this.#head + 1;
    let start = NONE;
    let rank = Number.POSITIVE_INFINITY;
    for (let at = this.#head; at <= this.#tail; at++) {
      const found = this.#rank[market.from[this.#path[at] as number] as number] as number;
      if (found > 0 && found < rank) {
        rank = found;
        start = at;
      }
    }
    if (start === NONE || !this.#isWorth(this.#bucket) || (this.#bucket + 1 < BUCKETS && this.#isWorth(this.#bucket + 1))) return;
    const edges = this.#edges[hops] as Edge[];
    for (let index = 0; index < hops; index++) {
      const at = start + index;
      edges[index] = market.edges[this.#path[at > this.#tail ? at - hops : at] as number] as Edge;
    }
    const worth = price[market.from[this.#path[start] as number] as number] as number;
    const size = measure(edges, this.#largest / worth);
    if (size === null || size.profit * worth < this.#minimum) return;
    this.#best.offer(edges, size.amountIn, size.profit * worth, worth);
    if (this.#best.worst > this.#minimum) this.#minimum = this.#best.worst;
  }
}

/** The best cycles so far, in order. */
class Best {
  #cycles: Sized[] = [];
  readonly #capacity: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Profit below which nothing is taken any more: nothing, while there is room. */
  get worst(): number {
    return this.#cycles.length < this.#capacity ? 0 : (this.#cycles[this.#capacity - 1] as Sized).profit;
  }

  /** Keeps a cycle if it is one of the best and not here already: one comes up in each bucket whose bound it meets. */
  offer(edges: readonly Edge[], amountIn: number, profit: number, worth: number): void {
    if (profit < this.worst) return;
    const cycle: Sized = { edges: [...edges], amountIn, profit, worth };
    let low = 0;
    let high = this.#cycles.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (byProfit(this.#cycles[middle] as Sized, cycle) < 0) low = middle + 1;
      else high = middle;
    }
    const same = this.#cycles[low];
    if (same !== undefined && same.profit === profit && keyOf(same.edges) === keyOf(edges)) return;
    this.#cycles.splice(low, 0, cycle);
    if (this.#cycles.length > this.#capacity) this.#cycles.pop();
  }

  take(): Sized[] {
    return this.#cycles;
  }
}
