import type { PoolCurve, RangeCurve, SmoothCurve } from "#libs/dex/family.ts";
import { type Edge, type Market, type MarketPool, marginalRate, NONE } from "#libs/graph/market.ts";
import { grown, grownFloats, sharedFloats, sharedInts } from "#libs/graph/shared.ts";
import { invariant } from "#libs/units/invariant.ts";

/** What the sizes are made for: another numeraire or other bounds need other buckets. */
export interface BucketOptions {
  /** The numeraire: profits and sizes are counted in its smallest unit. */
  readonly startToken: string;
  readonly minGrossProfit: number;
  readonly maxAmountIn: bigint;
}

/** Finer buckets prune more and cost more to keep: 16 make a factor of 2 to 3 each. */
export const BUCKETS = 16;
/**
 * Where the first bucket begins, in minimum profits. A cycle whose amounts shrink to less on their way, by the prices of these tables, is not found: its tokens
 * would have to be mispriced sixteenfold. Not zero, so that the many pools that hold less than the profit wanted are worth nothing in any bucket.
 */
const FIRST_START = 1 / 16;
/** The last begins at this share of the largest input. */
const LAST_START = 1 / 32;
/** Prices inside fees leave few edges above this. */
export const HOT = 1.003;
/** Float64 places an amount to better than this: an input this close to where a pool ends is taken as inside. */
const CLOSE = 1e-8;

/**
 * The market as the search sees it: per directed edge and size bucket its *gain*, worth out per worth in at the bucket's smallest size, and per token and bucket
 * its edges by gain. All worth is by one fixed price per token, in the numeraire, read off the deepest pools; whatever the prices, the search is exact
 * (cycles.ts says why), and with good ones no edge at rest gains.
 *
 * An input of the average rate falls with its size (curves are concave), so an edge's gain at a bucket's smallest size bounds what any amount in the bucket gains.
 *
 * Changes are taken in two steps. `refresh` computes the gains of the pools that changed, at once, and hangs their edges in short lists of their own; `absorb`
 * merges those into the sorted ones and is for the time between blocks.
 */
export class Buckets {
  readonly market: Market;
  readonly options: BucketOptions;
  /** Where each bucket begins, in units of the numeraire; the last has no end. */
  readonly sizes = new Float64Array(BUCKETS);

  /** Worth of a token's smallest unit; 0 where no pool connects it to the numeraire. */
  price = sharedFloats(64);
  /** By edge and bucket. */
  gain = sharedFloats(64 * BUCKETS);
  /** Largest gain of the edges out of (into) a token in the sorted lists, by token and bucket; and of all of them, by bucket. */
  bestOut = sharedFloats(64 * BUCKETS);
  bestIn = sharedFloats(64 * BUCKETS);
  readonly highest = new Float64Array(BUCKETS);
  /** Edges in the sorted lists that gain more than HOT, by bucket: few in a market at rest. */
  readonly hot: number[][] = Array.from({ length: BUCKETS }, () => []);
  /** As `bestOut` and `bestIn`, of changed edges, or more. */
  changedOut = sharedFloats(64 * BUCKETS);
  changedIn = sharedFloats(64 * BUCKETS);

  /** Per token 2 · BUCKETS lists of edges (out of it, into it) by falling gain, each ended by NONE, `listRoom` apart, from `listStart` on. */
  list = sharedInts(1024, NONE);
  listStart = sharedInts(64);
  listRoom = sharedInts(64);
  #listEnd = 0;

  /** 1 for edges whose place in the sorted lists is not to be relied on: they are in the chains instead. */
  changed = sharedInts(64);
  firstOut = sharedInts(64, NONE);
  firstIn = sharedInts(64, NONE);
  nextOut = sharedInts(64, NONE);
  nextIn = sharedInts(64, NONE);
  readonly changedEdges: number[] = [];

  constructor(market: Market, options: BucketOptions) {
    this.market = market;
    this.options = options;
    const first = FIRST_START * options.minGrossProfit;
    const last = Math.max(LAST_START * Number(options.maxAmountIn), 2 * first);
    for (let bucket = 0; bucket < BUCKETS; bucket++) this.sizes[bucket] = first * (last / first) ** (bucket / (BUCKETS - 1));
    this.rebuild();
  }

  /** Edges that wait to be absorbed. */
  get waiting(): number {
    return this.changedEdges.length;
  }

  /** Bytes in shared memory, the market's own not counted. */
  get bytes(): number {
    const ofTokens = [
      this.price,
      this.bestOut,
      this.bestIn,
      this.changedOut,
      this.changedIn,
      this.listStart,
      this.listRoom,
      this.firstOut,
      this.firstIn,
    ];
    return [...ofTokens, this.gain, this.list, this.changed, this.nextOut, this.nextIn].reduce(
      (sum, { byteLength }) => sum + byteLength,
      0,
    );
  }

  /** Everything anew: prices, gains, lists. */
  rebuild(): void {
    const { market } = this;
    market.takeAwaited();
    this.#makeRoom();
    this.#priceTokens();
    for (const edge of market.edges) if (edge !== null) this.#setGains(edge);
    this.#listEnd = 0;
    for (let token = 0; token < market.tokenCount; token++) this.#layOut(token);
    this.#forgetChanges();
    market.recycle();
    this.#renewSummary();
  }

  /** Takes in what has changed in the market, so that the search sees it. */
  refresh(): void {
    const { market } = this;
    for (let pools = market.takeAwaited(); pools.length > 0; pools = market.takeAwaited()) {
      this.#makeRoom();
      for (const pool of pools) {
        this.#priceNewTokens(pool);
        for (const edge of pool.edges) {
          this.#setGains(edge);
          this.#hang(edge.id);
        }
      }
    }
  }

  /** Merges the changed edges into the sorted lists. */
  absorb(): void {
    const { market } = this;
    if (this.changedEdges.length === 0) return;
    const tokens = new Set<number>();
    for (const id of this.changedEdges) {
      tokens.add(market.from[id] as number);
      tokens.add(market.to[id] as number);
    }
    for (const token of tokens) this.#merge(token);
    this.#forgetChanges();
    market.recycle();
    this.#renewSummary();
  }

  #makeRoom(): void {
    const edges = this.market.from.length;
    if (this.changed.length < edges) {
      this.changed = grown(this.changed, edges);
      this.nextOut = grown(this.nextOut, edges, NONE);
      this.nextIn = grown(this.nextIn, edges, NONE);
      this.gain = grownFloats(this.gain, edges * BUCKETS);
    }
    const tokens = this.market.rowStart.length;
    if (this.price.length < tokens) {
      this.price = grownFloats(this.price, tokens);
      this.bestOut = grownFloats(this.bestOut, tokens * BUCKETS);
      this.bestIn = grownFloats(this.bestIn, tokens * BUCKETS);
      this.changedOut = grownFloats(this.changedOut, tokens * BUCKETS);
      this.changedIn = grownFloats(this.changedIn, tokens * BUCKETS);
      this.listStart = grown(this.listStart, tokens);
      this.listRoom = grown(this.listRoom, tokens);
      this.firstOut = grown(this.firstOut, tokens, NONE);
      this.firstIn = grown(this.firstIn, tokens, NONE);
    }
  }

  // ---- prices

  /** From the numeraire outwards, each token by the pool through which it is connected most deeply: a pool is as deep as what it holds of the side already priced. */
  #priceTokens(): void {
    const { market, price } = this;
    price.fill(0);
    const numeraire = market.tokenId(this.options.startToken);
    if (numeraire === NONE) return;
    const depth = new Float64Array(market.tokenCount);
    const done = new Uint8Array(market.tokenCount);
    const queue = new DeepestFirst();
    price[numeraire] = 1;
    depth[numeraire] = Number.POSITIVE_INFINITY;
    queue.push(numeraire, Number.POSITIVE_INFINITY);
    for (let token = queue.pop(); token !== NONE; token = queue.pop()) {
      if (done[token] === 1) continue;
      done[token] = 1;
      const start = market.rowStart[token] as number;
      for (let index = start; index < start + (market.rowLength[token] as number); index++) {
        const edge = market.edges[market.row[index] as number] as Edge;
        const to = market.to[edge.id] as number;
        if (done[to] === 1 || !canTrade(edge.pool)) continue;
        const mid = midRate(edge);
        if (!(mid > 0 && mid < Number.POSITIVE_INFINITY)) continue;
        const held = Number(edge.pool.family.holdings(edge.pool.info, edge.pool.state)[edge.indexIn]) * (price[token] as number);
        const reached = Math.min(depth[token] as number, held);
        if (reached <= (depth[to] as number)) continue;
        depth[to] = reached;
        price[to] = (price[token] as number) / mid;
        queue.push(to, reached);
      }
    }
  }

  /** A token that came later is worth what the first pool says that connects it; the other pools of it are looked at again. */
  #priceNewTokens(pool: MarketPool): void {
    if (!canTrade(pool)) return;
    const { market, price } = this;
    for (const edge of pool.edges) {
      const to = market.to[edge.id] as number;
      if (price[to] !== 0) continue;
      const from = market.from[edge.id] as number;
      const mid = midRate(edge);
      if ((price[from] as number) > 0 && mid > 0 && mid < Number.POSITIVE_INFINITY) price[to] = (price[from] as number) / mid;
      else if (to === market.tokenId(this.options.startToken)) price[to] = 1;
      if (price[to] !== 0) market.awaitPoolsOf(to);
    }
  }

  // ---- gains

  #setGains(edge: Edge): void {
    const { market, gain } = this;
    const { id, pool } = edge;
    const at = id * BUCKETS;
    const [from, to] = [market.from[id] as number, market.to[id] as number];
    const worthIn = this.price[from] as number;
    const worth = (this.price[to] as number) / worthIn;
    gain.fill(0, at, at + BUCKETS);
    if (!canTrade(pool) || !(worth > 0 && worth < Number.POSITIVE_INFINITY) || !market.isShared(from) || !market.isShared(to)) return;
    const curve = pool.curve as PoolCurve;
    if (curve.kind === "ranges") gainsAlongRanges(curve, edge, this.sizes, worthIn, worth, gain, at);
    else gainsOfSmooth(curve, edge, this.sizes, worthIn, worth, gain, at);
  }

  #hang(id: number): void {
    const { market, gain, changedOut, changedIn } = this;
    const [from, to] = [market.from[id] as number, market.to[id] as number];
    if (this.changed[id] === 0) {
      this.changed[id] = 1;
      this.changedEdges.push(id);
      this.nextOut[id] = this.firstOut[from] as number;
      this.firstOut[from] = id;
      this.nextIn[id] = this.firstIn[to] as number;
      this.firstIn[to] = id;
    }
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      const value = gain[id * BUCKETS + bucket] as number;
      if (value > (changedOut[from * BUCKETS + bucket] as number)) changedOut[from * BUCKETS + bucket] = value;
      if (value > (changedIn[to * BUCKETS + bucket] as number)) changedIn[to * BUCKETS + bucket] = value;
    }
  }

  // ---- lists

  #forgetChanges(): void {
    const { market } = this;
    for (const id of this.changedEdges.splice(0)) {
      this.changed[id] = 0;
      const [from, to] = [market.from[id] as number, market.to[id] as number];
      this.firstOut[from] = NONE;
      this.firstIn[to] = NONE;
      this.changedOut.fill(0, from * BUCKETS, (from + 1) * BUCKETS);
      this.changedIn.fill(0, to * BUCKETS, (to + 1) * BUCKETS);
    }
  }

  /** What is known of all edges of a bucket, read off the heads of the lists. */
  #renewSummary(): void {
    const { market, bestOut, highest, gain, list, listStart, listRoom, hot } = this;
    highest.fill(0);
    for (const edges of hot) edges.length = 0;
    for (let token = 0; token < market.tokenCount; token++) {
      for (let bucket = 0; bucket < BUCKETS; bucket++) {
        const best = bestOut[token * BUCKETS + bucket] as number;
        if (best > (highest[bucket] as number)) highest[bucket] = best;
        if (best <= HOT) continue;
        for (let at = (listStart[token] as number) + bucket * (listRoom[token] as number); ; at++) {
          const id = list[at] as number;
          if (id === NONE || (gain[id * BUCKETS + bucket] as number) <= HOT) break;
          (hot[bucket] as number[]).push(id);
        }
      }
    }
  }

  /** Room for the token's lists, as much as its row in the market has and one for the end. */
  #place(token: number): void {
    const room = (this.market.rowRoom[token] as number) + 1;
    this.listStart[token] = this.#listEnd;
    this.listRoom[token] = room;
    this.#listEnd += 2 * BUCKETS * room;
    while (this.#listEnd > this.list.length) this.list = grown(this.list, 2 * this.list.length, NONE);
  }

  #layOut(token: number): void {
    const { market } = this;
    this.#place(token);
    const start = market.rowStart[token] as number;
    const ids = market.row.subarray(start, start + (market.rowLength[token] as number));
    makeScratch(ids.length);
    for (let which = 0; which < 2 * BUCKETS; which++) {
      let count = 0;
      for (const id of ids) {
        const edge = which < BUCKETS ? id : (market.back[id] as number);
        if ((this.gain[edge * BUCKETS + (which % BUCKETS)] as number) > 0) scratch[count++] = edge;
      }
      this.#write(token, which, sortByGain(count, this.gain, which % BUCKETS), count);
    }
  }

  /** The unchanged edges of each list are in order: the changed ones are sorted and woven in. */
  #merge(token: number): void {
    const { market, gain, changed } = this;
    const [start, room] = [this.listStart[token] as number, this.listRoom[token] as number];
    const isNew = room === 0;
    const outgrown = isNew || (market.rowRoom[token] as number) + 1 > room;
    if (outgrown) this.#place(token);
    makeScratch(market.rowRoom[token] as number);
    for (let which = 0; which < 2 * BUCKETS; which++) {
      const bucket = which % BUCKETS;
      let fresh = 0;
      for (
        let id = (which < BUCKETS ? this.firstOut : this.firstIn)[token] as number;
        id !== NONE;
        id = (which < BUCKETS ? this.nextOut : this.nextIn)[id] as number
      )
        if ((gain[id * BUCKETS + bucket] as number) > 0) scratch[fresh++] = id;
      const sorted = sortByGain(fresh, gain, bucket);
      const woven = sorted === scratch ? spare : scratch;
      let count = 0;
      let taken = 0;
      for (let at = start + which * room; !isNew; at++) {
        const id = this.list[at] as number;
        if (id === NONE) break;
        if (changed[id] === 1) continue;
        while (taken < fresh && (gain[(sorted[taken] as number) * BUCKETS + bucket] as number) > (gain[id * BUCKETS + bucket] as number))
          woven[count++] = sorted[taken++] as number;
        woven[count++] = id;
      }
      while (taken < fresh) woven[count++] = sorted[taken++] as number;
      this.#write(token, which, woven, count);
    }
  }

  #write(token: number, which: number, ids: Int32Array, count: number): void {
    const at = (this.listStart[token] as number) + which * (this.listRoom[token] as number);
    for (let index = 0; index < count; index++) this.list[at + index] = ids[index] as number;
    this.list[at + count] = NONE;
    const bucket = which % BUCKETS;
    const best = count === 0 ? 0 : (this.gain[(ids[0] as number) * BUCKETS + bucket] as number);
    (which < BUCKETS ? this.bestOut : this.bestIn)[token * BUCKETS + bucket] = best;
  }
}

const canTrade = ({ live, curve }: MarketPool): boolean => live && curve !== null;

/** Between the rates of both directions, which are apart by the fees. */
function midRate(edge: Edge): number {
  const { curve } = edge.pool;
  invariant(curve !== null, "a pool that trades has a curve");
  const there = marginalRate(curve, edge);
  const back = marginalRate(curve, edge.pool.reverse(edge));
  return back > 0 && there > 0 ? Math.sqrt(there / back) : there;
}

/** Bounds of the average rate at each bucket's smallest size and above, for a curve of ranges: the rate there itself. */
function gainsAlongRanges(
  curve: RangeCurve,
  { indexIn }: Edge,
  sizes: Float64Array,
  worthIn: number,
  worth: number,
  gain: Float64Array,
  at: number,
): void {
  const zeroForOne = indexIn === 0;
  const gamma = curve.gamma[indexIn as 0 | 1];
  const { sqrtTicks, liquidityNet, endless } = curve;
  let { liquidity, sqrtPrice } = curve;
  let next = zeroForOne ? curve.ticksBelow - 1 : curve.ticksBelow;
  let taken = 0;
  let paid = 0;
  let bucket = 0;
  while (bucket < BUCKETS) {
    const inside = next >= 0 && next < sqrtTicks.length;
    const target = inside ? (sqrtTicks[next] as number) : endless ? (zeroForOne ? 0 : Number.POSITIVE_INFINITY) : sqrtPrice;
    const cap = liquidity > 0 ? (zeroForOne ? liquidity * (1 / target - 1 / sqrtPrice) : liquidity * (target - sqrtPrice)) / gamma : 0;
    for (; bucket < BUCKETS; bucket++) {
      const size = (sizes[bucket] as number) / worthIn;
      if (size > taken + cap) break;
      const moved = (gamma * (size - taken)) / liquidity;
      // L·(√P − √P′) with 1/√P′ = 1/√P + moved, and L·(1/√P − 1/√P′) with √P′ = √P + moved, without differences of near-equal numbers.
      const out = zeroForOne
        ? (liquidity * moved * sqrtPrice * sqrtPrice) / (1 + moved * sqrtPrice)
        : (liquidity * moved) / (sqrtPrice * (sqrtPrice + moved));
      gain[at + bucket] = ((paid + out) / size) * worth;
    }
    if (bucket === BUCKETS) return;
    if (liquidity > 0) paid += zeroForOne ? liquidity * (sqrtPrice - target) : liquidity * (1 / sqrtPrice - 1 / target);
    taken += Math.max(0, cap);
    if (!inside) break;
    liquidity = Math.max(0, liquidity + (liquidityNet[next] as number) * (zeroForOne ? -1 : 1));
    sqrtPrice = target;
    next += zeroForOne ? -1 : 1;
  }
  const size = (sizes[bucket] as number) / worthIn;
  if (size * (1 - CLOSE) <= taken) gain[at + bucket] = (paid / size) * worth;
}

/**
 * The same for any other curve. Beyond s, out(d) ≤ out(s) + rate(s)·(d − s), so out(d)/d is at most the larger of out(s)/s and rate(s): the second is the larger
 * where a pool keeps a fixed amount of each swap.
 */
function gainsOfSmooth(
  curve: SmoothCurve,
  edge: Edge,
  sizes: Float64Array,
  worthIn: number,
  worth: number,
  gain: Float64Array,
  at: number,
): void {
  const largest = curve.largestIn(edge);
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    const size = (sizes[bucket] as number) / worthIn;
    if (size * (1 - CLOSE) > largest) return;
    const inside = Math.min(size, largest);
    gain[at + bucket] = Math.max(curve.amountOut(inside, edge) / inside, curve.rate(inside, edge)) * worth;
  }
}

let scratch = new Int32Array(1024);
let spare = new Int32Array(1024);

function makeScratch(length: number): void {
  if (scratch.length >= length) return;
  scratch = new Int32Array(2 * length);
  spare = new Int32Array(2 * length);
}

/** Sorts the first `count` of `scratch` by falling gain, by merging runs. Returns whichever of the two holds the result. */
function sortByGain(count: number, gain: Float64Array, bucket: number): Int32Array {
  let [source, target] = [scratch, spare];
  for (let run = 1; run < count; run *= 2) {
    for (let start = 0; start < count; start += 2 * run) {
      const [middle, end] = [Math.min(start + run, count), Math.min(start + 2 * run, count)];
      let [left, right] = [start, middle];
      for (let at = start; at < end; at++) {
        const fromLeft =
          left < middle &&
          (right >= end ||
            (gain[(source[left] as number) * BUCKETS + bucket] as number) >=
              (gain[(source[right] as number) * BUCKETS + bucket] as number));
        target[at] = source[fromLeft ? left++ : right++] as number;
      }
    }
    [source, target] = [target, source];
  }
  return source;
}

/** A heap of tokens, the deepest on top. */
class DeepestFirst {
  readonly #tokens: number[] = [];
  readonly #depths: number[] = [];

  push(token: number, depth: number): void {
    const [tokens, depths] = [this.#tokens, this.#depths];
    let at = tokens.length;
    tokens.push(token);
    depths.push(depth);
    while (at > 0) {
      const above = (at - 1) >> 1;
      if ((depths[above] as number) >= depth) break;
      tokens[at] = tokens[above] as number;
      depths[at] = depths[above] as number;
      at = above;
    }
    tokens[at] = token;
    depths[at] = depth;
  }

  /** NONE when empty. */
  pop(): number {
    const [tokens, depths] = [this.#tokens, this.#depths];
    const top = tokens[0] ?? NONE;
    const [token, depth] = [tokens.pop(), depths.pop()];
    if (tokens.length === 0 || token === undefined || depth === undefined) return top;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= tokens.length) break;
      if (below + 1 < tokens.length && (depths[below + 1] as number) > (depths[below] as number)) below++;
      if ((depths[below] as number) <= depth) break;
      tokens[at] = tokens[below] as number;
      depths[at] = depths[below] as number;
      at = below;
    }
    tokens[at] = token;
    depths[at] = depth;
    return top;
  }
}
