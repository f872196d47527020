import { BUCKETS, type Buckets, GAIN, HOT, sortByGain } from "#libs/graph/buckets.ts";
import { EDGE, type Edge, type MarketPool, NONE, TOKEN } from "#libs/graph/market.ts";
import { longer } from "#libs/graph/shared.ts";
import { measure } from "#libs/graph/size.ts";
import type { Visits } from "#libs/graph/visits.ts";

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
  /** Of each of them, the largest input in raw units of the token. */
  readonly limits?: readonly number[];
  readonly maxHops: number;
  /** Cycles that earn less are none, in units of the numeraire. */
  readonly minimum: number;
  /** So many are kept, the best. */
  readonly capacity: number;
  /** No input of a larger worth. */
  readonly largest: number;
  /** Of the changed edges only those of this shard's pools are looked through: shards find disjoint parts of what one search finds, up to cycles that come up in two buckets. */
  readonly shard?: Shard;
  /** Edges looked at, at most; then what has been found so far is the answer. In edges, not in time, so that the same input gives the same answer everywhere. */
  readonly maxVisits?: number;
  /** Of all searches of a block; may end this one sooner. */
  readonly visits?: Visits;
}

export interface Shard {
  readonly index: number;
  readonly count: number;
}

/** The shard that looks through what changed in a pool: by its address, so that all replicas agree. */
export const shardOf = (pool: string, count: number): number => Number.parseInt(pool.slice(-8), 16) % count;

/**
 * Finds the best cycles of 2 to 5 hops through given pools: each token and pool once in a cycle, each cycle once.
 *
 * Let a cycle start with worth v and earn P at its best. Of the worths that enter its hops let m be the least, in a bucket [s, t). Each hop is given at least s, and
 * gains at most its k at s; so ∏k ≥ 1 + P/v, and v is at most m·∏max(1, k) < t·M. Hence no cycle that earns P is lost by looking, bucket by bucket, only at those
 * with ∏k ≥ 1 + P/(t·M), whatever the prices in which worth is counted. In small buckets that asks for a large gain, in large ones slippage has taken shallow
 * pools out: few edges are left of a market, and lists sorted by gain are left as soon as the best completion does not suffice.
 *
 * Left are the cycles that pass less than s, where the first bucket begins: *leaps*. An amount of worth w there, or s if that is more, becomes at most max(1, k) times
 * as much by a hop with gain k at s: a hop pays for less than s no more than for s, and for more at no better rate. From where the cycle passes less than s to its end,
 * worth P at least, ∏max(1, k) ≥ P/s, sixteen times: so they are looked for once more in the first bucket, no hop counting as losing. Prices that agree have none.
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
  #seeds = new Int32Array(256);
  /** Buckets in which each of them is promising, as bits. */
  #promisingIn = new Int32Array(256);
  #promising = new Int32Array(256);
  /** By bucket, the highest gain of an edge in it. */
  readonly #highestIn = new Float64Array(BUCKETS);
  /** Place of the token among the starts, from 1 on; 0 for any other. */
  #rank = new Int32Array(0);
  #starts: readonly string[] = [];

  // The path: hops in order from `head` to `tail`, both ends growing away from the middle.
  readonly #path = new Int32Array(2 * MAX_HOPS + 1);
  #head = 0;
  #tail = 0;
  /** Tokens at which it begins and ends. */
  #begin = 0;
  #end = 0;
  #bucket = 0;
  /** Where the bucket ends, and the highest gain of an edge in it. */
  #bucketEnd = 0;
  #highest = 0;
  #needed = 0;
  #swell = 1;
  /** What an edge that can trade counts as gaining at least: 1 when leaps are looked for, otherwise nothing. */
  #floor = 0;
  /** What the last composition gave. */
  #a = 1;
  #c = 0;
  readonly #edges: Edge[][] = Array.from({ length: MAX_HOPS + 1 }, () => []);

  #minimum = 0;
  #largest = 0;
  #limits: readonly number[] = [];
  #shard: Shard = { index: 0, count: 1 };
  /** Edges that may be looked at: before the next question, after it, and whether that was answered with none. */
  #visitsLeft = 0;
  #budget = 0;
  #visits: Visits | null = null;
  #isCutShort = false;
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
  find(changed: readonly MarketPool[], without: Iterable<MarketPool>, options: CycleOptions): Sized[] {
    const { market } = this.#buckets;
    const [edges, tokens] = [market.edgeTable.length / EDGE.width, market.tokenTable.length / TOKEN.width];
    if (this.#done.length < edges) this.#done = new Float64Array(edges);
    if (this.#rank.length < tokens) {
      this.#rank = new Int32Array(tokens);
      this.#starts = [];
    }
    this.#minimum = options.minimum;
    this.#largest = options.largest;
    this.#limits = options.limits ?? [];
    this.#maxHops = options.maxHops;
    this.#shard = options.shard ?? { index: 0, count: 1 };
    this.#visitsLeft = 0;
    this.#budget = options.maxVisits ?? Number.MAX_SAFE_INTEGER;
    this.#visits = options.visits ?? null;
    this.#isCutShort = false;
    this.#best = new Best(options.capacity);
    const first = this.#stamp + 1;
    for (const pool of without) for (const { id } of pool.edges) this.#done[id] = first + BUCKETS;
    this.#takeStarts(options.starts);
    this.#isBounded = this.#areAllTheChanges(changed, first);
    const seeds = this.#takeSeeds(changed, first + BUCKETS);
    for (let bucket = BUCKETS - 1; bucket >= 0; bucket--) {
      this.#stamp++;
      if (seeds > 0) this.#findInBucket(seeds, bucket);
    }
    this.#stamp++;
    if (this.#canLeap()) {
      this.#floor = 1;
      const leaping = this.#takeSeeds(changed, first + BUCKETS);
      if (leaping > 0) this.#findInBucket(leaping, 0);
      this.#floor = 0;
    }
    this.#stamp++;
    if (!this.#isCutShort) this.#visits?.giveBack(this.#visitsLeft);
    return this.#best.take();
  }

  /** Ranks the tokens to start from, unless they are the last search's: each is looked for by its name. */
  #takeStarts(starts: readonly string[]): void {
    const known = this.#starts;
    if (starts.length === known.length && starts.every((token, index) => token === known[index])) return;
    const { market } = this.#buckets;
    this.#rank.fill(0);
    const ids = starts.map((token) => market.tokenId(token));
    for (const [index, id] of ids.entries()) if (id !== NONE) this.#rank[id] = index + 1;
    // One that is not there yet may come.
    this.#starts = ids.includes(NONE) ? [] : starts;
  }

  /** Whether the last search was cut short by its bound of visits. */
  get isCutShort(): boolean {
    return this.#isCutShort;
  }

  /** Whether one more edge may be looked at. */
  #mayVisit(): boolean {
    return --this.#visitsLeft >= 0 || this.#mayGoOn();
  }

  #mayGoOn(): boolean {
    if (this.#isCutShort) return false;
    const taken = this.#visits === null ? this.#budget : this.#visits.take(this.#budget);
    this.#isCutShort = taken <= 0;
    this.#budget -= taken;
    this.#visitsLeft = taken - 1;
    return !this.#isCutShort;
  }

  /**
   * Lists the changed edges through which any cycle can gain: gains fall from bucket to bucket, so those that do not in the first do in none. Edges of pools to go
   * without bear the stamp `without`. Of each, the buckets in which it is promising are found at once, while what is to be read of it is at hand.
   */
  #takeSeeds(changed: readonly MarketPool[], without: number): number {
    let count = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) this.#highestIn[bucket] = this.#highestOf(bucket);
    this.#setBucket(0);
    for (const pool of changed) {
      if (!pool.live) continue;
      for (const { id } of pool.edges) {
        if ((this.#done[id] as number) >= without) continue;
        if (this.#mostThrough(id) < 1 - ROUNDING) continue;
        if (count === this.#seeds.length) this.#seeds = longer(this.#seeds, 2 * count);
        this.#seeds[count++] = id;
      }
    }
    if (this.#promising.length < count) {
      this.#promising = new Int32Array(this.#seeds.length);
      this.#promisingIn = new Int32Array(this.#seeds.length);
    }
    // Edges of equal gain come in the order of their numbers, however the changes came.
    this.#seeds.subarray(0, count).sort();
    // Leaps are looked for in the first bucket only.
    const buckets = this.#floor > 0 ? 1 : BUCKETS;
    let kept = 0;
    for (let index = 0; index < count; index++) {
      const id = this.#seeds[index] as number;
      let bits = 0;
      for (let bucket = 0; bucket < buckets; bucket++) {
        this.#setBucket(bucket);
        if (this.#isPromising(id)) bits |= 1 << bucket;
      }
      if (bits === 0) continue;
      this.#seeds[kept] = id;
      this.#promisingIn[kept++] = bits;
    }
    return kept;
  }

  /** Whether no other edges than theirs have changed, of those that gain anything. */
  #areAllTheChanges(pools: readonly MarketPool[], first: number): boolean {
    const { gain, changedEdges, market } = this.#buckets;
    const counts = (id: number) => (gain[id * GAIN.width] as number) > 0 && (this.#done[id] as number) < first;
    let others = 0;
    for (const id of changedEdges) if (counts(id)) others++;
    for (const { live, edges } of pools)
      if (live) for (const { id } of edges) if (market.edgeTable[id * EDGE.width + EDGE.changed] === 1 && counts(id)) others--;
    return others === 0;
  }

  #highestOf(bucket: number): number {
    const known = this.#buckets.highest[bucket] as number;
    return this.#isBounded ? known : Math.max(known, this.#highestChanged(bucket));
  }

  #setBucket(bucket: number): void {
    const { sizes } = this.#buckets;
    this.#bucket = bucket;
    this.#highest = this.#highestIn[bucket] as number;
    this.#bucketEnd = bucket + 1 < BUCKETS ? (sizes[bucket + 1] as number) : Number.POSITIVE_INFINITY;
  }

  #findInBucket(seeds: number, bucket: number): void {
    const { gain, market } = this.#buckets;
    const promising = this.#promising;
    let count = 0;
    for (let index = 0; index < seeds; index++)
      if (((this.#promisingIn[index] as number) & (1 << bucket)) !== 0) promising[count++] = this.#seeds[index] as number;
    if (count === 0) return;
    this.#setBucket(bucket);
    sortByGain(promising, count, gain, bucket);
    for (let index = 0; index < count && !this.#isCutShort; index++) {
      const id = promising[index] as number;
      if (this.#isOwn(id) && this.#isPromising(id)) {
        this.#head = MAX_HOPS;
        this.#tail = MAX_HOPS;
        this.#path[MAX_HOPS] = id;
        this.#begin = market.edgeTable[id * EDGE.width + EDGE.from] as number;
        this.#end = market.edgeTable[id * EDGE.width + EDGE.to] as number;
        for (let left = 1; left < this.#maxHops; left++) this.#complete(this.#own, left);
      }
      this.#done[id] = this.#stamp;
    }
  }

  #isOwn(id: number): boolean {
    const { index, count } = this.#shard;
    return count === 1 || shardOf((this.#buckets.market.edges[id] as Edge).pool.info.pool, count) === index;
  }

  /** The most that a cycle through the edge, and through no changed edge of more gain, can gain in this bucket. Sets the bounds that hold for it. */
  #mostThrough(id: number): number {
    const { gain, market } = this.#buckets;
    const own = this.#raised(gain[id * GAIN.width + this.#bucket] as number);
    this.#own = own;
    if (own === 0) return 0;
    this.#bound = this.#isBounded ? own : Number.POSITIVE_INFINITY;
    this.#top = Math.max(this.#highest, own);
    const out = this.#mostOut(market.edgeTable[id * EDGE.width + EDGE.to] as number);
    const back = this.#mostIn(market.edgeTable[id * EDGE.width + EDGE.from] as number);
    let between = 1;
    if (this.#top > 1) for (let hops = this.#maxHops; hops > 3; hops--) between *= this.#top;
    this.#swell = Math.max(1, own) * Math.max(1, out) * Math.max(1, back) * between;
    return own * Math.max(Math.min(out, back), this.#maxHops > 2 ? out * back * between : 0);
  }

  /** Whether a cycle through the edge can earn the minimum in this bucket. Sets what it needs to gain. */
  #isPromising(id: number): boolean {
    const most = this.#mostThrough(id);
    this.#needed = this.#floor > 0 ? this.#leap() : (1 + this.#minimum / (this.#bucketEnd * this.#swell)) * (1 - ROUNDING);
    return most >= this.#needed;
  }

  /** What a cycle has to gain whose worth passes below the first bucket, where no hop counts as losing. */
  #leap(): number {
    return (this.#minimum / (this.#buckets.sizes[0] as number)) * (1 - ROUNDING);
  }

  /** Whether as many hops as a cycle may have could gain so much, of the highest that there are: in a market whose prices agree they cannot. */
  #canLeap(): boolean {
    return Math.max(1, this.#buckets.highest[0] as number, this.#highestChanged(0)) ** this.#maxHops >= this.#leap();
  }

  /** What an edge of this gain is taken to gain; none that cannot trade. */
  #raised(gain: number): number {
    return gain < this.#floor && gain > 0 ? this.#floor : gain;
  }

  #highestChanged(bucket: number): number {
    const { gain, changedEdges } = this.#buckets;
    let most = 0;
    for (const id of changedEdges) most = Math.max(most, gain[id * GAIN.width + bucket] as number);
    return most;
  }

  /** Largest gain of an edge out of a token that the cycle may use. */
  #mostOut(token: number): number {
    const { bestOut, changedOut, market } = this.#buckets;
    const changed = changedOut[(market.tokenTable[token * TOKEN.width + TOKEN.changes] as number) * BUCKETS + this.#bucket] as number;
    const most = Math.max(bestOut[token * BUCKETS + this.#bucket] as number, Math.min(changed, this.#bound));
    return Math.max(most, this.#floor);
  }

  #mostIn(token: number): number {
    const { bestIn, changedIn, market } = this.#buckets;
    const changed = changedIn[(market.tokenTable[token * TOKEN.width + TOKEN.changes] as number) * BUCKETS + this.#bucket] as number;
    const most = Math.max(bestIn[token * BUCKETS + this.#bucket] as number, Math.min(changed, this.#bound));
    return Math.max(most, this.#floor);
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
    const { tokenTable } = this.#buckets.market;
    const out = tokenTable[this.#end * TOKEN.width + TOKEN.rowLength] as number;
    const back = tokenTable[this.#begin * TOKEN.width + TOKEN.rowLength] as number;
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
    const { gain, list, market } = this.#buckets;
    const { edgeTable, tokenTable } = market;
    const token = (forwards ? this.#end : this.#begin) * TOKEN.width;
    // The most that the last hop at the other end can gain, and those between.
    const fixed = forwards ? this.#mostIn(this.#begin) : this.#mostOut(this.#end);
    const between = left > 3 ? this.#top ** (left - 3) : 1;
    const room = tokenTable[token + TOKEN.listRoom] as number;
    if (room > 0) {
      for (let at = (tokenTable[token + TOKEN.listStart] as number) + (forwards ? this.#bucket : BUCKETS + this.#bucket) * room; ; at++) {
        const id = list[at] as number;
        if (id === NONE) break;
        if (edgeTable[id * EDGE.width + EDGE.changed] === 1) continue;
        if ((gain[id * GAIN.width + this.#bucket] as number) < least || !this.#extend(id, gained, left, forwards, fixed, between)) break;
      }
    }
    const next = forwards ? EDGE.nextOut : EDGE.nextIn;
    for (let id = tokenTable[token + (forwards ? TOKEN.firstOut : TOKEN.firstIn)] as number; id !== NONE; ) {
      if ((gain[id * GAIN.width + this.#bucket] as number) >= least) this.#extend(id, gained, left, forwards, fixed, between);
      id = edgeTable[id * EDGE.width + next] as number;
    }
  }

  /** Closes the path with three hops of which the middle one gains more than the root, and the others no more. */
  #bridge(gained: number, lacking: number, root: number): void {
    const { hot, changedEdges, market } = this.#buckets;
    const least = lacking / (Math.min(root, this.#mostOut(this.#end)) * Math.min(root, this.#mostIn(this.#begin)));
    for (const id of hot[this.#bucket] as number[]) {
      if (this.#isCutShort) return;
      if (market.edgeTable[id * EDGE.width + EDGE.changed] === 0) this.#bridgeOver(id, gained, least);
    }
    for (const id of changedEdges) {
      if (this.#isCutShort) return;
      this.#bridgeOver(id, gained, least);
    }
  }

  #bridgeOver(middle: number, gained: number, least: number): void {
    if (!this.#mayVisit()) return;
    const { market, gain } = this.#buckets;
    const own = gain[middle * GAIN.width + this.#bucket] as number;
    if (own < least || (this.#done[middle] as number) >= this.#stamp) return;
    const { edgeTable } = market;
    const from = edgeTable[middle * EDGE.width + EDGE.from] as number;
    const to = edgeTable[middle * EDGE.width + EDGE.to] as number;
    let first = market.firstBetween(this.#end, from);
    if (first === NONE || market.firstBetween(to, this.#begin) === NONE || !this.#isNew(from, middle) || !this.#isNew(to, middle)) return;
    const end = this.#end;
    for (; first !== NONE; first = edgeTable[first * EDGE.width + EDGE.parallel] as number) {
      const now = gained * own * this.#raised(gain[first * GAIN.width + this.#bucket] as number);
      if (now * this.#mostIn(this.#begin) < this.#needed || (this.#done[first] as number) >= this.#stamp) continue;
      if (edgeTable[first * EDGE.width + EDGE.pool] === edgeTable[middle * EDGE.width + EDGE.pool] || !this.#isNew(from, first)) continue;
      this.#path[++this.#tail] = first;
      this.#path[++this.#tail] = middle;
      this.#end = to;
      this.#close(now);
      this.#tail -= 2;
      this.#end = end;
    }
  }

  /** Adds a hop at one end and goes on. False when no edge of less gain can do either. */
  #extend(id: number, gained: number, left: number, forwards: boolean, fixed: number, between: number): boolean {
    if (!this.#mayVisit()) return false;
    const { market, gain } = this.#buckets;
    const now = gained * this.#raised(gain[id * GAIN.width + this.#bucket] as number);
    if (now * fixed * (left > 2 ? this.#top * between : 1) < this.#needed) return false;
    const token = market.edgeTable[id * EDGE.width + (forwards ? EDGE.to : EDGE.from)] as number;
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
    const { edgeTable } = this.#buckets.market;
    if (token === this.#end) return false;
    const pool = edgeTable[id * EDGE.width + EDGE.pool];
    for (let at = this.#head; at <= this.#tail; at++) {
      const hop = (this.#path[at] as number) * EDGE.width;
      if (edgeTable[hop + EDGE.from] === token || edgeTable[hop + EDGE.pool] === pool) return false;
    }
    return true;
  }

  /**
   * Considers each edge that closes the path. First by the bounds of the hops' curves, whose composition earns (√a − 1)²/c at its best: those of the path's hops before
   * and after the closing one are composed once for all.
   */
  #close(gained: number): void {
    const { market, gain } = this.#buckets;
    const { edgeTable } = market;
    let id = market.firstBetween(this.#end, this.#begin);
    if (id === NONE) return;
    const start = this.#startOf();
    if (start === NONE) return;
    this.#compose(start, this.#tail);
    const [before, slowing] = [this.#a, this.#c];
    this.#compose(this.#head, start - 1);
    const [after, slowingAfter] = [this.#a, this.#c];
    for (; id !== NONE; id = edgeTable[id * EDGE.width + EDGE.parallel] as number) {
      if (!this.#mayVisit()) return;
      const at = id * GAIN.width;
      if (gained * this.#raised(gain[at + this.#bucket] as number) < this.#needed || (this.#done[id] as number) >= this.#stamp) continue;
      const margin = before * (gain[at + GAIN.margin] as number);
      const a = margin * after;
      if (a <= 1) continue;
      const c = slowing + before * (gain[at + GAIN.slowing] as number) + margin * slowingAfter;
      const root = Math.sqrt(a) - 1;
      if (root * root < this.#minimum * c * (1 - ROUNDING)) continue;
      const pool = edgeTable[id * EDGE.width + EDGE.pool];
      let isNew = true;
      for (let hop = this.#head; hop <= this.#tail; hop++)
        if (edgeTable[(this.#path[hop] as number) * EDGE.width + EDGE.pool] === pool) isNew = false;
      if (!isNew) continue;
      this.#path[++this.#tail] = id;
      this.#consider(start);
      this.#tail--;
    }
  }

  /** Composes the bounds of these hops of the path: worth v in gives at most a·v / (1 + c·v). */
  #compose(first: number, last: number): void {
    const { gain } = this.#buckets;
    let a = 1;
    let c = 0;
    for (let hop = first; hop <= last; hop++) {
      const at = (this.#path[hop] as number) * GAIN.width;
      c += a * (gain[at + GAIN.slowing] as number);
      a *= gain[at + GAIN.margin] as number;
    }
    this.#a = a;
    this.#c = c;
  }

  /** The hop of the path at whose token the cycle is to start; NONE where no such token is passed. The closing hop begins at the path's end. */
  #startOf(): number {
    const { edgeTable } = this.#buckets.market;
    let start = NONE;
    let rank = Number.POSITIVE_INFINITY;
    for (let at = this.#head; at <= this.#tail; at++) {
      const found = this.#rank[edgeTable[(this.#path[at] as number) * EDGE.width + EDGE.from] as number] as number;
      if (found > 0 && found < rank) {
        rank = found;
        start = at;
      }
    }
    const found = this.#rank[this.#end] as number;
    return found > 0 && found < rank ? this.#tail + 1 : start;
  }

  /** Whether the path, a whole cycle, can earn the minimum with its least amount in this bucket. A cycle that can in the bucket above has come up there. */
  #isWorth(bucket: number): boolean {
    const { gain, sizes } = this.#buckets;
    let product = 1;
    let swell = 1;
    for (let at = this.#head; at <= this.#tail; at++) {
      const own = gain[(this.#path[at] as number) * GAIN.width + bucket] as number;
      product *= own;
      if (own > 1) swell *= own;
    }
    const mostWorth = (bucket + 1 < BUCKETS ? (sizes[bucket + 1] as number) : Number.POSITIVE_INFINITY) * swell;
    return product >= (1 + this.#minimum / mostWorth) * (1 - ROUNDING / 2);
  }

  /** No more times the least worth that enters a hop of the path, a whole cycle, enters any, in this bucket or one below. */
  #mostSwell(): number {
    const { gain } = this.#buckets;
    let swell = 1;
    for (let at = this.#head; at <= this.#tail; at++) swell *= Math.max(1, gain[(this.#path[at] as number) * GAIN.width] as number);
    return swell;
  }

  /** Sizes the path, a whole cycle, from this hop on, and keeps it if it is among the best. */
  #consider(start: number): void {
    const isLeap = this.#floor > 0;
    if (!isLeap && (!this.#isWorth(this.#bucket) || (this.#bucket + 1 < BUCKETS && this.#isWorth(this.#bucket + 1)))) return;
    const { market } = this.#buckets;
    const { edgeTable } = market;
    const hops = this.#tail - this.#head + 1;
    const edges = this.#edges[hops] as Edge[];
    for (let index = 0; index < hops; index++) {
      const at = start + index;
      edges[index] = market.edges[this.#path[at > this.#tail ? at - hops : at] as number] as Edge;
    }
    const token = edgeTable[(this.#path[start] as number) * EDGE.width + EDGE.from] as number;
    const worth = this.#buckets.price(token);
    const largest = Math.min(this.#largest / worth, this.#limits[(this.#rank[token] as number) - 1] ?? Number.POSITIVE_INFINITY);
    const least = (this.#minimum / worth) * (1 - ROUNDING);
    const most = isLeap ? Number.POSITIVE_INFINITY : (this.#bucketEnd / worth) * this.#mostSwell() * (1 + ROUNDING);
    const size = measure(edges, largest, least, most);
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
