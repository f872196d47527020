import type { PoolCurve, RangeCurve, SmoothCurve } from "#libs/dex/family.ts";
import { EDGE, type Edge, type Market, type MarketPool, marginalRate, NONE, TOKEN } from "#libs/graph/market.ts";
import { grown, grownBounds, longer, roundedDown, roundedUp, sharedBounds, sharedInts } from "#libs/graph/shared.ts";
import { invariant } from "#libs/units/invariant.ts";

/** What the sizes are made for: another numeraire or other bounds need other buckets. */
export interface BucketOptions {
  /** The numeraire: profits and sizes are counted in its smallest unit. */
  readonly startToken: string;
  /** > 0: it is what sizes are made of. */
  readonly minGrossProfit: number;
  readonly maxAmountIn: bigint;
}

/** Finer buckets prune more and cost more to keep: 14 make a factor of 2 to 3 each. */
export const BUCKETS = 14;
/** Columns of an edge's record in `gain`: its gain in each bucket; at the margin; and what slows it. A record is a line of the processor's cache. */
export const GAIN = { width: 16, margin: BUCKETS, slowing: BUCKETS + 1 } as const;
/**
 * Where the first bucket begins, in minimum profits. A cycle whose amounts shrink to less on their way, by the prices of these tables, must gain sixteenfold from
 * there on and is looked for as a leap (cycles.ts). Not zero, so that the many pools that hold less than the profit wanted are worth nothing in any bucket.
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

  /**
   * A record an edge (`GAIN`). Beside the gains, a bound of the whole curve: worth v in gives at most margin · v / (1 + slowing · v). A constant product gives just
   * that; ranges, what they would with the most liquidity that lies ahead.
   */
  gain = sharedBounds(64 * GAIN.width);
  /** Largest gain of the edges out of (into) a token in the sorted lists, by token and bucket; and of all of them, by bucket. */
  bestOut = sharedBounds(64 * BUCKETS);
  bestIn = sharedBounds(64 * BUCKETS);
  readonly highest = new Float64Array(BUCKETS);
  /** Edges in the sorted lists that gain more than HOT, by bucket: few in a market at rest. */
  readonly hot: number[][] = Array.from({ length: BUCKETS }, () => []);
  /**
   * As `bestOut` and `bestIn`, of changed edges, or more. Not by token but by its `TOKEN.changes`: few tokens have any, and those lie together. At 0 stand the zeros
   * of all others.
   */
  changedOut = sharedBounds(64 * BUCKETS);
  changedIn = sharedBounds(64 * BUCKETS);
  #changedTokens = 1;

  /**
   * Per token 2 · BUCKETS lists of edges (out of it, into it) by falling gain, each ended by NONE, `TOKEN.listRoom` apart, from `TOKEN.listStart` on. Edges with 1 in
   * `EDGE.changed` have no place there that could be relied on: they hang in chains, from `TOKEN.firstOut` and `TOKEN.firstIn` on.
   */
  list = sharedInts(1024, NONE);
  #listEnd = 0;
  readonly changedEdges: number[] = [];

  constructor(market: Market, options: BucketOptions) {
    this.market = market;
    this.options = options;
    invariant(options.minGrossProfit > 0, "a minimum of nothing gives buckets without sizes");
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
    const { gain, bestOut, bestIn, changedOut, changedIn, list } = this;
    return [gain, bestOut, bestIn, changedOut, changedIn, list].reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  /** Everything anew: prices, gains, lists. */
  rebuild(): void {
    const { market } = this;
    market.takeAwaited();
    this.#makeRoom();
    this.#priceTokens();
    for (const edge of market.edges) if (edge !== null) this.#setGains(edge);
    this.#listEnd = 0;
    this.#makeRoomForLists();
    for (let token = 0; token < market.tokenCount; token++) this.#layOut(token);
    this.#forgetEverything();
    market.recycle();
    this.#renewSummary();
  }

  /** Takes in what has changed in the market, so that the search sees it. */
  refresh(): void {
    const { market } = this;
    for (let pools = market.takeAwaited(); pools.length > 0; pools = market.takeAwaited()) {
      this.#makeRoom();
      this.#fetch(pools);
      for (const pool of pools) {
        this.#priceNewTokens(pool);
        for (const edge of pool.edges) {
          this.#setGains(edge);
          this.#hang(edge.id);
        }
      }
    }
  }

  /**
   * Looks at every record that the changed pools will need, and does nothing with them. In a large market each first look waits for memory; these do not depend on
   * each other, so the processor waits for many at once, where the work below would wait for one after another.
   */
  #fetch(pools: readonly MarketPool[]): void {
    const { market, gain, bestOut, bestIn } = this;
    const { edgeTable, tokenTable } = market;
    let count = 0;
    let seen = 0;
    for (const { edges } of pools) {
      if (fetched.length < 2 * (count + edges.length)) fetched = longer(fetched, 4 * (count + edges.length));
      for (const { id } of edges) {
        fetched[2 * count] = edgeTable[id * EDGE.width + EDGE.from] as number;
        fetched[2 * count + 1] = edgeTable[id * EDGE.width + EDGE.to] as number;
        seen += gain[id * GAIN.width] as number;
        count++;
      }
    }
    for (let at = 0; at < count; at++) {
      const from = fetched[2 * at] as number;
      const to = fetched[2 * at + 1] as number;
      seen += tokenTable[from * TOKEN.width] as number;
      seen += bestOut[to * BUCKETS] as number;
      seen += bestIn[from * BUCKETS] as number;
    }
    lastSeen = seen;
  }

  /**
   * Merges the changed edges into the sorted lists. First what is new in the market is taken in: edges of a pool that has just gone must hang nowhere when they
   * are numbered anew.
   */
  absorb(): void {
    const { market } = this;
    this.refresh();
    if (this.changedEdges.length === 0) return;
    const tokens = new Set<number>();
    for (const id of this.changedEdges) {
      tokens.add(market.edgeTable[id * EDGE.width + EDGE.from] as number);
      tokens.add(market.edgeTable[id * EDGE.width + EDGE.to] as number);
    }
    for (const token of tokens) this.#merge(token);
    this.#forgetChanges();
    market.recycle();
    this.#renewSummary();
  }

  #makeRoom(): void {
    const edges = this.market.edgeTable.length / EDGE.width;
    if (this.gain.length < edges * GAIN.width) this.gain = grownBounds(this.gain, edges * GAIN.width);
    const tokens = this.market.tokenTable.length / TOKEN.width;
    if (this.bestOut.length < tokens * BUCKETS) {
      this.bestOut = grownBounds(this.bestOut, tokens * BUCKETS);
      this.bestIn = grownBounds(this.bestIn, tokens * BUCKETS);
    }
  }

  /** Worth of a token's smallest unit in the numeraire; 0 where no pool connects it to that. */
  price(token: number): number {
    return this.market.tokenFloats[token * TOKEN.floats + TOKEN.price] as number;
  }

  #setPrice(token: number, price: number): void {
    this.market.tokenFloats[token * TOKEN.floats + TOKEN.price] = price;
  }

  // ---- prices

  /** From the numeraire outwards, each token by the pool through which it is connected most deeply: a pool is as deep as what it holds of the side already priced. */
  #priceTokens(): void {
    const { market } = this;
    const { edgeTable, tokenCount } = market;
    for (let token = 0; token < tokenCount; token++) this.#setPrice(token, 0);
    const numeraire = market.tokenId(this.options.startToken);
    if (numeraire === NONE) return;
    // Below that of a pool whose holding rounds to nothing: it connects all the same.
    const depth = new Float64Array(tokenCount).fill(-1);
    const done = new Uint8Array(tokenCount);
    const queue = new DeepestFirst();
    this.#setPrice(numeraire, 1);
    depth[numeraire] = Number.POSITIVE_INFINITY;
    queue.push(numeraire, Number.POSITIVE_INFINITY);
    for (let token = queue.pop(); token !== NONE; token = queue.pop()) {
      if (done[token] === 1) continue;
      done[token] = 1;
      const price = this.price(token);
      for (const id of market.edgesOut(token)) {
        const edge = market.edges[id] as Edge;
        const to = edgeTable[id * EDGE.width + EDGE.to] as number;
        if (done[to] === 1 || !canTrade(edge.pool)) continue;
        const mid = midRate(edge);
        if (!(mid > 0 && mid < Number.POSITIVE_INFINITY)) continue;
        const held = Number(edge.pool.family.holdings(edge.pool.info, edge.pool.state)[edge.indexIn]) * price;
        const reached = Math.min(depth[token] as number, held);
        if (reached <= (depth[to] as number)) continue;
        depth[to] = reached;
        this.#setPrice(to, price / mid);
        queue.push(to, reached);
      }
    }
  }

  /** A token that came later is worth what its deepest pool says that connects it; its other pools are looked at again. */
  #priceNewTokens(pool: MarketPool): void {
    if (!canTrade(pool)) return;
    const { market } = this;
    for (const { id } of pool.edges) {
      const token = market.edgeTable[id * EDGE.width + EDGE.to] as number;
      if (this.price(token) !== 0) continue;
      const price = token === market.tokenId(this.options.startToken) ? 1 : this.#priceByDeepest(token);
      if (price === 0) continue;
      this.#setPrice(token, price);
      market.awaitPoolsOf(token);
    }
  }

  /** 0 where none of its pools connects it to a token with a price. */
  #priceByDeepest(token: number): number {
    const { market } = this;
    let price = 0;
    let deepest = -1;
    for (const id of market.edgesOut(token)) {
      const edge = market.edges[id] as Edge;
      const worth = this.price(market.edgeTable[id * EDGE.width + EDGE.to] as number);
      if (worth === 0 || !canTrade(edge.pool)) continue;
      const mid = midRate(edge);
      if (!(mid > 0 && mid < Number.POSITIVE_INFINITY)) continue;
      const held = Number(edge.pool.family.holdings(edge.pool.info, edge.pool.state)[edge.indexOut]) * worth;
      if (held <= deepest) continue;
      deepest = held;
      price = worth * mid;
    }
    return price;
  }

  // ---- gains

  #setGains(edge: Edge): void {
    const { market, gain } = this;
    const { id, pool } = edge;
    const at = id * GAIN.width;
    const from = market.edgeTable[id * EDGE.width + EDGE.from] as number;
    const to = market.edgeTable[id * EDGE.width + EDGE.to] as number;
    const worthIn = this.price(from);
    const worth = this.price(to) / worthIn;
    const isShared = market.tokenTable[from * TOKEN.width + TOKEN.shared] === 1 && market.tokenTable[to * TOKEN.width + TOKEN.shared] === 1;
    if (!isShared || !canTrade(pool) || !(worth > 0 && worth < Number.POSITIVE_INFINITY)) {
      gain.fill(0, at, at + GAIN.width);
      return;
    }
    const curve = pool.curve as PoolCurve;
    if (curve.kind === "smooth") gainsOfSmooth(curve, edge, this.sizes, worthIn, worth, gain, at);
    else if (curve.endless && curve.sqrtTicks.length === 0) gainsOfProduct(curve, edge, this.sizes, worthIn, worth, gain, at);
    else gainsAlongRanges(curve, edge, this.sizes, worthIn, worth, gain, at);
  }

  #hang(id: number): void {
    const { market, gain } = this;
    const { edgeTable, tokenTable } = market;
    const at = id * EDGE.width;
    const from = edgeTable[at + EDGE.from] as number;
    const to = edgeTable[at + EDGE.to] as number;
    if (edgeTable[at + EDGE.changed] === 0) {
      edgeTable[at + EDGE.changed] = 1;
      this.changedEdges.push(id);
      edgeTable[at + EDGE.nextOut] = tokenTable[from * TOKEN.width + TOKEN.firstOut] as number;
      tokenTable[from * TOKEN.width + TOKEN.firstOut] = id;
      edgeTable[at + EDGE.nextIn] = tokenTable[to * TOKEN.width + TOKEN.firstIn] as number;
      tokenTable[to * TOKEN.width + TOKEN.firstIn] = id;
    }
    const out = this.#changesOf(from) * BUCKETS;
    const back = this.#changesOf(to) * BUCKETS;
    const { changedOut, changedIn } = this;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      const value = gain[id * GAIN.width + bucket] as number;
      if (value > (changedOut[out + bucket] as number)) changedOut[out + bucket] = value;
      if (value > (changedIn[back + bucket] as number)) changedIn[back + bucket] = value;
    }
  }

  #changesOf(token: number): number {
    const { tokenTable } = this.market;
    const at = token * TOKEN.width + TOKEN.changes;
    const known = tokenTable[at] as number;
    if (known > 0) return known;
    const place = this.#changedTokens++;
    if (this.changedOut.length < this.#changedTokens * BUCKETS) {
      this.changedOut = grownBounds(this.changedOut, 2 * this.changedOut.length);
      this.changedIn = grownBounds(this.changedIn, 2 * this.changedIn.length);
    }
    tokenTable[at] = place;
    return place;
  }

  #forgetChangedTokens(): void {
    this.changedOut.fill(0, 0, this.#changedTokens * BUCKETS);
    this.changedIn.fill(0, 0, this.#changedTokens * BUCKETS);
    this.#changedTokens = 1;
  }

  // ---- lists

  #forgetChanges(): void {
    const { edgeTable, tokenTable } = this.market;
    for (const id of this.changedEdges.splice(0)) {
      edgeTable[id * EDGE.width + EDGE.changed] = 0;
      const from = edgeTable[id * EDGE.width + EDGE.from] as number;
      const to = edgeTable[id * EDGE.width + EDGE.to] as number;
      tokenTable[from * TOKEN.width + TOKEN.firstOut] = NONE;
      tokenTable[to * TOKEN.width + TOKEN.firstIn] = NONE;
      tokenTable[from * TOKEN.width + TOKEN.changes] = 0;
      tokenTable[to * TOKEN.width + TOKEN.changes] = 0;
    }
    this.#forgetChangedTokens();
  }

  /** The chains of all tokens: those that buckets of other sizes have left in the market's tables are nobody's any more. */
  #forgetEverything(): void {
    const { edgeTable, tokenTable } = this.market;
    for (let at = 0; at < edgeTable.length; at += EDGE.width) edgeTable[at + EDGE.changed] = 0;
    for (let at = 0; at < tokenTable.length; at += TOKEN.width) {
      tokenTable[at + TOKEN.firstOut] = NONE;
      tokenTable[at + TOKEN.firstIn] = NONE;
      tokenTable[at + TOKEN.changes] = 0;
    }
    this.#forgetChangedTokens();
    this.changedEdges.length = 0;
  }

  /** What is known of all edges of a bucket, read off the heads of the lists. */
  #renewSummary(): void {
    const { market, bestOut, highest, gain, list, hot } = this;
    highest.fill(0);
    for (const edges of hot) edges.length = 0;
    for (let token = 0; token < market.tokenCount; token++) {
      for (let bucket = 0; bucket < BUCKETS; bucket++) {
        const best = bestOut[token * BUCKETS + bucket] as number;
        if (best > (highest[bucket] as number)) highest[bucket] = best;
        if (best <= HOT) continue;
        for (let at = this.#listOf(token, bucket); ; at++) {
          const id = list[at] as number;
          if (id === NONE || (gain[id * GAIN.width + bucket] as number) <= HOT) break;
          (hot[bucket] as number[]).push(id);
        }
      }
    }
  }

  /** Room for the token's lists, as much as its row in the market has and one for the end. */
  #place(token: number): void {
    const { tokenTable } = this.market;
    const at = token * TOKEN.width;
    const room = (tokenTable[at + TOKEN.rowRoom] as number) + 1;
    tokenTable[at + TOKEN.listStart] = this.#listEnd;
    tokenTable[at + TOKEN.listRoom] = room;
    this.#listEnd += 2 * BUCKETS * room;
    while (this.#listEnd > this.list.length) this.list = grown(this.list, 2 * this.list.length, NONE);
  }

  /** For all lists at once: growing by steps would copy what is to be written anew. */
  #makeRoomForLists(): void {
    const { tokenTable, tokenCount } = this.market;
    let needed = 0;
    for (let token = 0; token < tokenCount; token++)
      needed += 2 * BUCKETS * ((tokenTable[token * TOKEN.width + TOKEN.rowRoom] as number) + 1);
    let { length } = this.list;
    while (length < needed) length *= 2;
    if (length > this.list.length) this.list = sharedInts(length);
  }

  /** Where a list begins: of the edges out of a token for `which` below BUCKETS, of those into it from there on. */
  #listOf(token: number, which: number): number {
    const { tokenTable } = this.market;
    const at = token * TOKEN.width;
    return (tokenTable[at + TOKEN.listStart] as number) + which * (tokenTable[at + TOKEN.listRoom] as number);
  }

  #layOut(token: number): void {
    const { market } = this;
    this.#place(token);
    const ids = market.edgesOut(token);
    makeScratch(ids.length);
    for (let which = 0; which < 2 * BUCKETS; which++) {
      let count = 0;
      for (const id of ids) {
        const edge = which < BUCKETS ? id : (market.edgeTable[id * EDGE.width + EDGE.back] as number);
        if ((this.gain[edge * GAIN.width + (which % BUCKETS)] as number) > 0) scratch[count++] = edge;
      }
      this.#write(token, which, sortScratch(count, this.gain, which % BUCKETS), count);
    }
  }

  /** The unchanged edges of each list are in order: the changed ones are sorted and woven in. */
  #merge(token: number): void {
    const { gain } = this;
    const { edgeTable, tokenTable } = this.market;
    const at = token * TOKEN.width;
    const [start, room] = [tokenTable[at + TOKEN.listStart] as number, tokenTable[at + TOKEN.listRoom] as number];
    const isNew = room === 0;
    if (isNew || (tokenTable[at + TOKEN.rowRoom] as number) + 1 > room) this.#place(token);
    makeScratch(tokenTable[at + TOKEN.rowRoom] as number);
    for (let which = 0; which < 2 * BUCKETS; which++) {
      const bucket = which % BUCKETS;
      const [first, next] = which < BUCKETS ? [TOKEN.firstOut, EDGE.nextOut] : [TOKEN.firstIn, EDGE.nextIn];
      let fresh = 0;
      for (let id = tokenTable[at + first] as number; id !== NONE; id = edgeTable[id * EDGE.width + next] as number)
        if ((gain[id * GAIN.width + bucket] as number) > 0) scratch[fresh++] = id;
      const sorted = sortScratch(fresh, gain, bucket);
      const woven = sorted === scratch ? spare : scratch;
      let count = 0;
      let taken = 0;
      for (let place = start + which * room; !isNew; place++) {
        const id = this.list[place] as number;
        if (id === NONE) break;
        if (edgeTable[id * EDGE.width + EDGE.changed] === 1) continue;
        if (taken < fresh) {
          const own = gain[id * GAIN.width + bucket] as number;
          while (taken < fresh && (gain[(sorted[taken] as number) * GAIN.width + bucket] as number) > own)
            woven[count++] = sorted[taken++] as number;
        }
        woven[count++] = id;
      }
      while (taken < fresh) woven[count++] = sorted[taken++] as number;
      this.#write(token, which, woven, count);
    }
  }

  #write(token: number, which: number, ids: Int32Array, count: number): void {
    const at = this.#listOf(token, which);
    const { list } = this;
    // A view of the ids would cost more than the few that most tokens have.
    if (count > FEW) list.set(ids.subarray(0, count), at);
    else for (let index = 0; index < count; index++) list[at + index] = ids[index] as number;
    list[at + count] = NONE;
    const bucket = which % BUCKETS;
    const best = count === 0 ? 0 : (this.gain[(ids[0] as number) * GAIN.width + bucket] as number);
    (which < BUCKETS ? this.bestOut : this.bestIn)[token * BUCKETS + bucket] = best;
  }
}

const canTrade = ({ live, curve }: MarketPool): boolean => live && curve !== null;

/**
 * Between the rates of both directions, which are apart by the fees; where one has nothing to sell, that of the other. So each token of a cycle gets a price, from its
 * end backwards: the pool that takes the token in holds what it pays for it.
 */
function midRate(edge: Edge): number {
  const { curve } = edge.pool;
  invariant(curve !== null, "a pool that trades has a curve");
  const there = marginalRate(curve, edge);
  const back = marginalRate(curve, edge.pool.reverse(edge));
  return back > 0 ? (there > 0 ? Math.sqrt(there / back) : 1 / back) : there;
}

/** The average rate at each bucket's smallest size, for a constant product: its rate at the margin over 1 + q·size. */
function gainsOfProduct(
  { gamma, sqrtPrice, liquidity }: RangeCurve,
  { indexIn }: Edge,
  sizes: Float64Array,
  worthIn: number,
  worth: number,
  gain: Float32Array,
  at: number,
): void {
  const ratio = indexIn === 0 ? sqrtPrice : 1 / sqrtPrice;
  const kept = gamma[indexIn as 0 | 1];
  const first = kept * ratio * ratio * worth;
  const q = (kept * ratio) / (liquidity * worthIn);
  for (let bucket = 0; bucket < BUCKETS; bucket++) gain[at + bucket] = roundedUp(first / (1 + q * (sizes[bucket] as number)));
  gain[at + GAIN.margin] = roundedUp(first);
  gain[at + GAIN.slowing] = roundedDown(q);
}

/**
 * Bounds of the average rate at each bucket's smallest size and above, for a curve of ranges: the rate there itself. In the first bucket a pool that ends before
 * counts with all that it pays: it may be part of a leap.
 */
function gainsAlongRanges(
  curve: RangeCurve,
  { indexIn }: Edge,
  sizes: Float64Array,
  worthIn: number,
  worth: number,
  gain: Float32Array,
  at: number,
): void {
  const zeroForOne = indexIn === 0;
  const gamma = curve.gamma[indexIn as 0 | 1];
  const { sqrtTicks, liquidityNet, endless } = curve;
  let { liquidity, sqrtPrice } = curve;
  let most = liquidity;
  const ratio = zeroForOne ? sqrtPrice : 1 / sqrtPrice;
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
      gain[at + bucket] = roundedUp(((paid + out) / size) * worth);
    }
    if (bucket === BUCKETS) break;
    if (liquidity > 0) paid += zeroForOne ? liquidity * (sqrtPrice - target) : liquidity * (1 / sqrtPrice - 1 / target);
    taken += Math.max(0, cap);
    if (!inside) break;
    liquidity = Math.max(0, liquidity + (liquidityNet[next] as number) * (zeroForOne ? -1 : 1));
    if (liquidity > most) most = liquidity;
    sqrtPrice = target;
    next += zeroForOne ? -1 : 1;
  }
  if (bucket < BUCKETS) {
    const size = (sizes[bucket] as number) / worthIn;
    if (size * (1 - CLOSE) <= taken || bucket === 0) gain[at + bucket++] = roundedUp((paid / size) * worth);
    while (bucket < BUCKETS) gain[at + bucket++] = 0;
  }
  // Of the liquidity that lies beyond the largest size's end only the bound has to know.
  else
    for (; next >= 0 && next < sqrtTicks.length; next += zeroForOne ? -1 : 1) {
      liquidity += (liquidityNet[next] as number) * (zeroForOne ? -1 : 1);
      if (liquidity > most) most = liquidity;
    }
  gain[at + GAIN.margin] = roundedUp(gamma * ratio * ratio * worth);
  gain[at + GAIN.slowing] = roundedDown((gamma * ratio) / (most * worthIn));
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
  gain: Float32Array,
  at: number,
): void {
  const largest = curve.largestIn(edge);
  gain[at + GAIN.margin] = Number.POSITIVE_INFINITY;
  gain[at + GAIN.slowing] = 0;
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    const size = (sizes[bucket] as number) / worthIn;
    const isEnded = size * (1 - CLOSE) > largest;
    if (isEnded && (bucket > 0 || !(largest > 0))) {
      gain[at + bucket] = 0;
      continue;
    }
    const inside = Math.min(size, largest);
    const out = curve.amountOut(inside, edge);
    gain[at + bucket] = roundedUp((isEnded ? out / size : Math.max(out / inside, curve.rate(inside, edge))) * worth);
  }
}

let fetched = new Int32Array(1024);
/** Kept so that the looks are not optimised away. */
export let lastSeen = 0;

let scratch = new Int32Array(1024);
let spare = new Int32Array(1024);
/** Gains of what stands in them, and the same as bits. */
let keys = new Float32Array(1024);
let keyBits = new Uint32Array(keys.buffer);
let spareBits = new Uint32Array(1024);

function makeScratch(length: number): void {
  if (scratch.length >= length) return;
  scratch = new Int32Array(2 * length);
  spare = new Int32Array(2 * length);
  keys = new Float32Array(2 * length);
  keyBits = new Uint32Array(keys.buffer);
  spareBits = new Uint32Array(2 * length);
}

/** Sorts the first so many by falling gain; those of equal gain stay in their order. */
export function sortByGain(edges: Int32Array, count: number, gain: Float32Array, bucket: number): void {
  // Few, and mostly none: a view of them would cost more than they do.
  if (count < 2) return;
  makeScratch(count);
  for (let at = 0; at < count; at++) scratch[at] = edges[at] as number;
  const sorted = sortScratch(count, gain, bucket);
  for (let at = 0; at < count; at++) edges[at] = sorted[at] as number;
}

/** So few are inserted one by one, and copied one by one. */
const FEW = 24;
const DIGITS = 256;
const digitCounts = new Int32Array(4 * DIGITS);

/** Sorts the first `count` of `scratch` by falling gain, none of which is below 0; those of equal gain stay in their order. Returns whichever of the two holds the result. */
function sortScratch(count: number, gain: Float32Array, bucket: number): Int32Array {
  // Side by side: each look at a gain in the table may have to wait for memory.
  for (let at = 0; at < count; at++) keys[at] = gain[(scratch[at] as number) * GAIN.width + bucket] as number;
  if (count > FEW) return sortedByDigits(count);
  for (let at = 1; at < count; at++) {
    const [id, key] = [scratch[at] as number, keys[at] as number];
    let place = at;
    for (; place > 0 && (keys[place - 1] as number) < key; place--) {
      scratch[place] = scratch[place - 1] as number;
      keys[place] = keys[place - 1] as number;
    }
    scratch[place] = id;
    keys[place] = key;
  }
  return scratch;
}

/** By the digits of the keys, the last one first: bits of floats that are not negative are in the order of the floats. */
function sortedByDigits(count: number): Int32Array {
  digitCounts.fill(0);
  for (let at = 0; at < count; at++) {
    const bits = ~(keyBits[at] as number);
    for (let digit = 0; digit < 4; digit++) {
      const slot = digit * DIGITS + ((bits >>> (8 * digit)) & 0xff);
      digitCounts[slot] = (digitCounts[slot] as number) + 1;
    }
  }
  let [ids, otherIds, bits, otherBits] = [scratch, spare, keyBits, spareBits];
  for (let digit = 0; digit < 4; digit++) {
    const first = digit * DIGITS;
    const shift = 8 * digit;
    // All the same in this digit: most are in the first.
    if (digitCounts[first + ((~(bits[0] as number) >>> shift) & 0xff)] === count) continue;
    for (let slot = first, before = 0; slot < first + DIGITS; slot++) {
      const own = digitCounts[slot] as number;
      digitCounts[slot] = before;
      before += own;
    }
    for (let at = 0; at < count; at++) {
      const key = bits[at] as number;
      const slot = first + ((~key >>> shift) & 0xff);
      const place = digitCounts[slot] as number;
      digitCounts[slot] = place + 1;
      otherIds[place] = ids[at] as number;
      otherBits[place] = key;
    }
    [ids, otherIds, bits, otherBits] = [otherIds, ids, otherBits, bits];
  }
  return ids;
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
