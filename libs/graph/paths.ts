import type { Direction, PoolCurve } from "#libs/dex/family.ts";
import { EDGE, type Edge, type Market, type MarketPool, marginalRate, NONE, TOKEN } from "#libs/graph/market.ts";
import { longer } from "#libs/graph/shared.ts";

/** A path is found in layers: the most that can be had of each token with one hop, with two, and so on. So long at most. */
export const MOST_HOPS = 4;

/** A walk along a curve, in float64. What it meets stands in module-level variables until the next: nothing is allocated. */
let rateThere = 0;
let isFull = false;
let excess = 0;
let [liquidityThere, rootThere, tickThere] = [0, 0, 0];

/** This near to its end a pool counts as full: floats place it to about 1e-12 of an amount, and of one unit too much the whole is refused. */
const BACK_OFF = 1e-9;
/** Raw units that shares of an amount, and the contracts' rounding up of what comes in, may be off by. */
const ROUNDING = 4;

/** d(out)/d(in) at the end of the last `amountOutOf`; 0 where the pool was full. */
export const lastRate = (): number => rateThere;
/** Whether the last `amountOutOf` met the end of what the pool takes. */
export const wasFull = (): boolean => isFull;
/** What came in beyond that. */
export const lastExcess = (): number => excess;

/**
 * Amount out, raw units, not rounded. Of more than the pool takes, what it pays for all that it takes: so that more in never gives less out, which the search in
 * layers rests on.
 */
export function amountOutOf(curve: PoolCurve, direction: Direction, amountIn: number): number {
  if (curve.kind === "smooth") {
    const largest = curve.largestIn(direction);
    isFull = amountIn > largest;
    excess = isFull ? amountIn - largest : 0;
    rateThere = isFull ? 0 : curve.rate(amountIn, direction);
    const out = curve.amountOut(isFull ? largest : amountIn, direction);
    return Math.max(out, 0);
  }
  const isDown = direction.indexIn === 0;
  const { sqrtTicks, liquidityNet, endless } = curve;
  const gamma = curve.gamma[isDown ? 0 : 1];
  let { liquidity, sqrtPrice: root } = curve;
  let left = amountIn * gamma;
  let out = 0;
  isFull = false;
  excess = 0;
  for (let tick = isDown ? curve.ticksBelow - 1 : curve.ticksBelow; ; tick += isDown ? -1 : 1) {
    const isTick = tick >= 0 && tick < sqrtTicks.length;
    const end = isTick ? (sqrtTicks[tick] as number) : endless ? (isDown ? 0 : Number.POSITIVE_INFINITY) : root;
    if (liquidity > 0) {
      const reached = isDown ? 1 / (1 / root + left / liquidity) : root + left / liquidity;
      const isLast = isDown ? reached >= end : reached <= end;
      const stop = isLast ? reached : end;
      out += isDown ? liquidity * (root - stop) : liquidity * (1 / root - 1 / stop);
      if (isLast) {
        [liquidityThere, rootThere, tickThere] = [liquidity, reached, tick];
        if (!endless && tick === (isDown ? 0 : sqrtTicks.length - 1)) {
          const room = isDown ? liquidity * (1 / end - 1 / reached) : liquidity * (end - reached);
          isFull = room < BACK_OFF * amountIn + ROUNDING;
        }
        rateThere = isFull ? 0 : gamma * (isDown ? reached * reached : 1 / (reached * reached));
        return out;
      }
      left -= isDown ? liquidity * (1 / stop - 1 / root) : liquidity * (stop - root);
    }
    if (!isTick) {
      isFull = true;
      excess = left / gamma;
      rateThere = 0;
      return out;
    }
    root = end;
    liquidity = Math.max(0, liquidity + (liquidityNet[tick] as number) * (isDown ? -1 : 1));
  }
}

/** What has been put through an edge already, in a route that is being made. */
interface Flow {
  readonly amountIn: number;
  readonly amountOut: number;
}

/** Three numbers an edge and way: amount out of x is rate·x/(1 + slope·x) up to the input `cap`, where the next tick or another curve begins. */
const [RATE, SLOPE, CAP, WAY] = [0, 1, 2, 3];
/** Both ways side by side, because paths are looked for from either end. */
const WIDTH = 2 * WAY;
const IN = WAY;

/** Bounds by marginal rates are as good as the floats that they are made of. */
const ROUNDED = 1 + 1e-7;
/** What a curve may be off by, of what goes out: as all families state it (`curveError`). */
const FLOAT_ERROR = 1e-9;
/** Two tokens' pools are found in the market's table of pairs; which takes about as long as so many edges of a row. */
const LOOKUP = 8;

/** Edges looked at for paths past full pools: some milliseconds. */
const DEEPER = 50_000;
/** So many of them are then quoted. */
const QUOTED = 8;

export interface FoundPath {
  readonly edges: readonly Edge[];
  /** Float64, raw units. */
  readonly amountOut: number;
}

/** A number of each token that has one; 0 of the others. */
class Bounds {
  readonly amount: Float64Array;
  /** Those that have one: the first `count`. */
  tokens = new Int32Array(256);
  count = 0;

  constructor(size: number) {
    this.amount = new Float64Array(size);
  }

  touch(token: number): void {
    if (this.count === this.tokens.length) this.tokens = longer(this.tokens, 2 * this.count);
    this.tokens[this.count++] = token;
  }

  touched(): Int32Array {
    return this.tokens.subarray(0, this.count);
  }
}

/** What can be had of each token with so many hops, and the edges that bring it: all that may be the best once rounded as the contracts do. */
class Layer extends Bounds {
  /** What the best of a token's edges brings at least, all errors counted against it. */
  readonly least: Float64Array;
  readonly best: Int32Array;
  readonly last: Int32Array;

  constructor(size: number) {
    super(size);
    this.least = new Float64Array(size);
    this.best = new Int32Array(size).fill(NONE);
    this.last = new Int32Array(size).fill(NONE);
  }

  clear(): void {
    for (const token of this.touched()) {
      this.amount[token] = this.least[token] = 0;
      this.last[token] = this.best[token] = NONE;
    }
    this.count = 0;
  }
}

/** Entries of the layers' lists: a path's best edges are few, but of amounts of a few units everything is as good as anything. Those beyond are not kept. */
const ENTRIES = 1 << 16;

/** An exact amount in a layer, with the edge that brings it. */
interface Exactly {
  readonly amount: bigint;
  readonly edge: Edge | null;
}

const NOWHERE: Exactly = { amount: 0n, edge: null };

/**
 * The path that pays most for an amount, of at most four hops, each pool once. By layers in float64; what is within the floats' error of the best is then decided by
 * the exact quotes, which need be asked of a handful of edges only.
 *
 * What a layer forgets is no loss: a path that comes to a token with less than another one ends with less, and where the other one cannot go on because it has been
 * through that pool, a shorter path is better than both. Where pools are full that is no longer so: `isFullAlong` says it of a path.
 *
 * One for a market, which it follows by itself; its tables take 52 bytes an edge.
 */
export class PathFinder {
  readonly market: Market;
  #seen = -1;
  /** By place in the market's rows. */
  #records = new Float64Array(0);
  #to = new Int32Array(0);
  /** By edge: its place; the pool that was there when it was written; what its quotes may be off by. */
  #place = new Int32Array(0);
  #owner: (MarketPool | null)[] = [];
  #units = new Float64Array(0);
  /** 1 for a token that only one pool has: paths end there or do not come there. */
  #isLeaf = new Uint8Array(0);
  #layers: Layer[] = [];
  readonly #entryEdge = new Int32Array(ENTRIES);
  readonly #entryNext = new Int32Array(ENTRIES);
  readonly #entryMost = new Float64Array(ENTRIES);
  #entries = 0;
  /** The token that is looked for, and what the best path to it pays at least. */
  #goal = NONE;
  #floor = 0;
  /** What a unit of each token brings at best of the goal, in one hop and in two; and the edges of the tokens that one hop leads from. */
  #one = new Bounds(0);
  #two = new Bounds(0);
  #breadth = 0;
  #isNear = new Uint8Array(0);
  readonly #flows = new Map<number, Flow>();
  readonly #altered = new Set<MarketPool>();

  constructor(market: Market) {
    this.market = market;
  }

  /** Takes in what has changed in the market since the last time. What had been put aside is back. */
  follow(): void {
    const { market } = this;
    this.reset();
    if (this.#seen === market.changes) return;
    const changed = this.#seen < 0 ? null : market.changedSince(this.#seen);
    this.#seen = market.changes;
    this.#grow();
    if (changed === null) {
      this.#owner.fill(null);
      for (let token = 0; token < market.tokenCount; token++) this.#fill(token);
      return;
    }
    const moved = new Set<number>();
    for (const pool of changed) {
      const first = (pool.edges[0] as Edge).id;
      const isThere = market.pool(pool.info.pool) === pool;
      if (isThere && this.#owner[first] === pool) continue;
      for (const token of pool.info.tokens) moved.add(market.tokenId(token));
      for (const { id } of pool.edges) if (this.#owner[id] === pool) this.#owner[id] = null;
    }
    for (const token of moved) this.#fill(token);
    for (const pool of changed) if (this.#owner[(pool.edges[0] as Edge).id] === pool) this.#restore(pool);
  }

  #grow(): void {
    const { row, tokenCount, edges } = this.market;
    if (this.#to.length < row.length) {
      const [records, to] = [new Float64Array(WIDTH * row.length), new Int32Array(row.length)];
      records.set(this.#records);
      to.set(this.#to);
      [this.#records, this.#to] = [records, to];
    }
    if (this.#place.length < edges.length) {
      const [place, units] = [new Int32Array(2 * edges.length), new Float64Array(2 * edges.length)];
      place.set(this.#place);
      units.set(this.#units);
      [this.#place, this.#units] = [place, units];
    }
    if (this.#isLeaf.length < tokenCount) {
      const room = Math.ceil(1.25 * tokenCount);
      const isLeaf = new Uint8Array(room);
      isLeaf.set(this.#isLeaf);
      this.#isLeaf = isLeaf;
      this.#layers = Array.from({ length: MOST_HOPS }, () => new Layer(room));
      [this.#one, this.#two, this.#isNear] = [new Bounds(room), new Bounds(room), new Uint8Array(room)];
    }
  }

  /** A token's row anew: places move when pools come and go. */
  #fill(token: number): void {
    const { tokenTable, edgeTable, row, edges } = this.market;
    const at = token * TOKEN.width;
    this.#isLeaf[token] = tokenTable[at + TOKEN.shared] === 1 ? 0 : 1;
    const start = tokenTable[at + TOKEN.rowStart] as number;
    const end = start + (tokenTable[at + TOKEN.rowLength] as number);
    for (let place = start; place < end; place++) {
      const id = row[place] as number;
      const edge = edges[id] as Edge;
      this.#place[id] = place;
      this.#owner[id] = edge.pool;
      this.#units[id] = edge.pool.family.curveError.units;
      this.#to[place] = edgeTable[id * EDGE.width + EDGE.to] as number;
      write(this.#records, WIDTH * place, edge, 0);
      write(this.#records, WIDTH * place + IN, edges[edgeTable[id * EDGE.width + EDGE.back] as number] as Edge, 0);
    }
  }

  #backOf(id: number): number {
    return this.market.edgeTable[id * EDGE.width + EDGE.back] as number;
  }

  #restore(pool: MarketPool): void {
    for (const edge of pool.edges) this.#write(edge, 0);
  }

  #write(edge: Edge, flow: number): void {
    const out = WIDTH * (this.#place[edge.id] as number);
    write(this.#records, out, edge, flow);
    const back = WIDTH * (this.#place[this.#backOf(edge.id)] as number) + IN;
    for (let column = 0; column < WAY; column++) this.#records[back + column] = this.#records[out + column] as number;
  }

  /** All pools as they are, none put aside. */
  reset(): void {
    for (const pool of this.#altered) if (this.#owner[(pool.edges[0] as Edge).id] === pool) this.#restore(pool);
    this.#altered.clear();
    this.#flows.clear();
  }

  /** No path goes through this pool, until `reset`. */
  putAside(pool: MarketPool): void {
    if (this.#owner[(pool.edges[0] as Edge).id] !== pool) return;
    this.#altered.add(pool);
    for (const { id } of pool.edges) {
      const [out, back] = [WIDTH * (this.#place[id] as number), WIDTH * (this.#place[this.#backOf(id)] as number) + IN];
      for (let column = 0; column < WAY; column++) this.#records[out + column] = this.#records[back + column] = 0;
    }
  }

  /** So much goes through this edge: paths find what it pays beyond that, and do not go through the pool any other way. Until `reset`. */
  put(edge: Edge, amountIn: number): void {
    this.putAside(edge.pool);
    this.#flows.set(edge.id, { amountIn, amountOut: amountOutOf(edge.pool.curve as PoolCurve, edge, amountIn) });
    this.#write(edge, amountIn);
  }

  /** Amount out of an edge beyond what flows through it. */
  #beyond(id: number, amountIn: number): number {
    const edge = this.market.edges[id] as Edge;
    const { curve } = edge.pool;
    if (curve === null) return 0;
    const flow = this.#flows.get(id);
    return flow === undefined ? amountOutOf(curve, edge, amountIn) : amountOutOf(curve, edge, flow.amountIn + amountIn) - flow.amountOut;
  }

  #startOf(token: number): number {
    return this.market.tokenTable[token * TOKEN.width + TOKEN.rowStart] as number;
  }

  #degreeOf(token: number): number {
    return this.market.tokenTable[token * TOKEN.width + TOKEN.rowLength] as number;
  }

  /**
   * What a unit of a token brings at best in one hop to the goal, and in two, where so much of the goal is wanted that a path pays at least `floor`: slippage on the
   * way to that much is counted.
   */
  #bound(from: number, to: number, floor: number, hops: 1 | 2): void {
    const [one, two] = [this.#one, this.#two];
    for (const token of one.touched()) one.amount[token] = 0;
    for (const token of two.touched()) two.amount[token] = 0;
    one.count = two.count = this.#breadth = 0;
    this.#boundRow(one, to, 1, floor);
    for (const source of one.touched()) this.#breadth += this.#isLeaf[source] === 1 || source === from ? 0 : this.#degreeOf(source);
    if (hops === 1) return;
    for (const source of one.touched()) {
      const onward = one.amount[source] as number;
      if (this.#isLeaf[source] === 0 && source !== from && onward > 0) this.#boundRow(two, source, onward, floor / onward);
    }
  }

  /** By all edges into a token of which `wanted` is needed, a unit being worth `onward`. */
  #boundRow(bounds: Bounds, token: number, onward: number, wanted: number): void {
    const records = this.#records;
    const start = this.#startOf(token);
    const end = start + this.#degreeOf(token);
    for (let place = start; place < end; place++) {
      const at = WIDTH * place + IN;
      const rate = records[at + RATE] as number;
      if (rate === 0) continue;
      const [slope, cap] = [records[at + SLOPE] as number, records[at + CAP] as number];
      // When y comes out of rate·x/(1 + slope·x), it is (rate − slope·y)·x. Past the cap it is no better than at it.
      const most = cap < Number.POSITIVE_INFINITY ? Math.min(wanted, (rate * cap) / (1 + slope * cap)) : wanted;
      const bound = (rate - slope * most) * onward;
      const from = this.#to[place] as number;
      const known = bounds.amount[from] as number;
      if (!(bound > known)) continue;
      if (known === 0) bounds.touch(from);
      bounds.amount[from] = bound;
    }
  }

  /**
   * Enters what the edge brings for `amountIn` of the token before, if that can lead to more than the best path so far: `onward` is what a unit brings at best from
   * there on. `at` is the record of the edge's way.
   */
  #try(layer: number, token: number, at: number, id: number, amountIn: number, onward: number): void {
    const records = this.#records;
    const rate = records[at + RATE] as number;
    if (rate === 0) return;
    const cap = records[at + CAP] as number;
    // Beyond the cap a pool pays no better than up to it.
    const most = (rate * amountIn) / (1 + (records[at + SLOPE] as number) * Math.min(amountIn, cap));
    if (most * onward * ROUNDED <= this.#floor) return;
    if (amountIn <= cap) {
      this.#offer(layer, token, id, amountIn, most);
      return;
    }
    const unit = (this.#units[id] as number) * (1 + most / amountIn);
    if (most * ROUNDED + unit < ((this.#layers[layer] as Layer).least[token] as number)) return;
    const out = this.#beyond(id, amountIn);
    // A few units are less than what a double can tell two balances apart by.
    this.#offer(layer, token, id, amountIn, out > 0 || isFull ? out : rate * amountIn);
  }

  /** All pools from one token to another. */
  #between(layer: number, from: number, token: number, onward: number): void {
    const { market } = this;
    const amountIn = (this.#layers[layer - 1] as Layer).amount[from] as number;
    for (let id = market.firstBetween(from, token); id !== NONE; id = market.edgeTable[id * EDGE.width + EDGE.parallel] as number)
      this.#try(layer, token, WIDTH * (this.#place[id] as number), id, amountIn, onward);
  }

  /** From all tokens of a layer to this one in the next, by whichever is shorter: its row, or the tokens. */
  #pull(layer: number, token: number, onward: number, to: number): void {
    const before = this.#layers[layer - 1] as Layer;
    const degree = this.#degreeOf(token);
    if (LOOKUP * before.count < degree) {
      for (const from of before.touched()) if (from !== to && from !== token) this.#between(layer, from, token, onward);
      return;
    }
    const { amount } = before;
    const start = this.#startOf(token);
    for (let place = start; place < start + degree; place++) {
      const from = this.#to[place] as number;
      const available = amount[from] as number;
      if (available === 0 || from === to) continue;
      this.#try(layer, token, WIDTH * place + IN, this.#backOf(this.market.row[place] as number), available, onward);
    }
  }

  /** From all tokens of a layer to those that one more hop leads from, by whichever side has fewer edges. `two` where two more may follow. */
  #pullToSources(layer: number, from: number, to: number, two: Bounds | null): void {
    const one = this.#one;
    const onwardOf = (source: number) =>
      two === null ? (one.amount[source] as number) : Math.max(one.amount[source] as number, two.amount[source] as number);
    const before = this.#layers[layer - 1] as Layer;
    let reach = 0;
    for (let index = 0; index < before.count && reach < this.#breadth; index++)
      reach += Math.min(this.#degreeOf(before.tokens[index] as number), LOOKUP * one.count);
    const isUseful = (source: number) => source !== from && source !== to && this.#isLeaf[source] === 0;
    if (reach >= this.#breadth) {
      for (const source of one.touched()) if (isUseful(source)) this.#pull(layer, source, onwardOf(source), to);
      return;
    }
    for (const token of before.touched()) {
      if (token === to) continue;
      const degree = this.#degreeOf(token);
      if (LOOKUP * one.count < degree) {
        for (const source of one.touched()) if (source !== token && isUseful(source)) this.#between(layer, token, source, onwardOf(source));
        continue;
      }
      this.#push(layer, token, from, to, one, two);
    }
  }

  /** From a token of a layer along all its edges, to where `bounds` says that something can be had from; by `more` perhaps more. */
  #push(layer: number, token: number, from: number, to: number, bounds: Bounds, more: Bounds | null): void {
    const amountIn = (this.#layers[layer - 1] as Layer).amount[token] as number;
    const start = this.#startOf(token);
    const end = start + this.#degreeOf(token);
    for (let place = start; place < end; place++) {
      const next = this.#to[place] as number;
      const onward = bounds.amount[next] as number;
      if (onward === 0 || next === from || next === to || this.#isLeaf[next] === 1) continue;
      const most = more === null ? onward : Math.max(onward, more.amount[next] as number);
      this.#try(layer, next, WIDTH * place, this.market.row[place] as number, amountIn, most);
    }
  }

  /** Enters what an edge brings of its token in a layer, unless something else certainly brings more. */
  #offer(layer: number, token: number, id: number, amountIn: number, amountOut: number): void {
    const list = this.#layers[layer] as Layer;
    const from = this.market.edgeTable[id * EDGE.width + EDGE.from] as number;
    const average = amountOut / amountIn;
    const before = layer === 0 ? null : (this.#layers[layer - 1] as Layer);
    const error =
      FLOAT_ERROR * amountOut +
      (this.#units[id] as number) * (1 + average) +
      (before === null ? 0 : Math.max(0, amountIn - (before.least[from] as number)) * average);
    if (!(amountOut > 0) || amountOut + error < (list.least[token] as number)) return;
    if (before !== null && this.#isUsed(layer - 1, from, id)) return;
    const entry = this.#entries;
    if (entry < ENTRIES) {
      this.#entries++;
      this.#entryEdge[entry] = id;
      this.#entryMost[entry] = amountOut + error;
      this.#entryNext[entry] = list.last[token] as number;
      if (list.last[token] === NONE) list.touch(token);
      list.last[token] = entry;
    }
    list.least[token] = Math.max(list.least[token] as number, amountOut - error);
    const best = list.amount[token] as number;
    if (amountOut < best || (amountOut === best && !this.#isBefore(id, list.best[token] as number))) return;
    list.amount[token] = amountOut;
    list.best[token] = id;
    if (token === this.#goal && (list.least[token] as number) > this.#floor) this.#floor = list.least[token] as number;
  }

  /** Of equals the one whose pool has the lower address: which came first must not matter. */
  #isBefore(id: number, other: number): boolean {
    const { edges } = this.market;
    return other === NONE || (edges[id] as Edge).pool.info.pool < (edges[other] as Edge).pool.info.pool;
  }

  /** Whether the best way to a token of a layer goes through the edge's pool, or through one whose swaps move what it quotes. */
  #isUsed(layer: number, token: number, id: number): boolean {
    const { edgeTable, edges } = this.market;
    const pool = edgeTable[id * EDGE.width + EDGE.pool] as number;
    const restsOn = (edges[id] as Edge).pool.family.restsOn !== undefined;
    for (let [index, at] = [layer, token]; index >= 0; index--) {
      const used = (this.#layers[index] as Layer).best[at] as number;
      if (edgeTable[used * EDGE.width + EDGE.pool] === pool) return true;
      if (restsOn && areEntangled((edges[id] as Edge).pool, (edges[used] as Edge).pool)) return true;
      at = edgeTable[used * EDGE.width + EDGE.from] as number;
    }
    return false;
  }

  /**
   * The best path of each number of hops, in float64: of none where there is none, and of those that are longer than another and pay less, not always. Paths neither
   * come back to where they start nor pass where they end. What the pools pay where they are full counts. Paths that pay no more than `floor` are not looked for.
   */
  search(from: number, to: number, amountIn: number, maxHops: number, floor = 0): FoundPath[] {
    const { row } = this.market;
    const [one, two] = [this.#one, this.#two];
    for (const layer of this.#layers) layer.clear();
    this.#entries = 0;
    this.#goal = to;
    this.#floor = floor;
    this.#bound(from, to, floor, 1);
    const first = this.#startOf(from);
    const degree = this.#degreeOf(from);
    // Direct, and by one token: what that pays is a bound for all that is longer.
    for (let place = first; place < first + degree; place++) {
      const token = this.#to[place] as number;
      const isNear = maxHops > 1 && this.#isLeaf[token] === 0 && one.amount[token] !== 0;
      const onward = token === to ? 1 : isNear ? (maxHops === 2 ? (one.amount[token] as number) : Number.POSITIVE_INFINITY) : 0;
      if (onward > 0) this.#try(0, token, WIDTH * place, row[place] as number, amountIn, onward);
    }
    if (maxHops > 1) this.#pull(1, to, 1, to);
    if (maxHops > 2) {
      const near = one.touched().slice();
      for (const token of near) this.#isNear[token] = 1;
      // Of a start with fewer edges than the sources have, trying them all is less than finding out which can matter.
      const isBounded = maxHops === 3 && this.#breadth < LOOKUP * degree;
      this.#bound(from, to, this.#floor, isBounded || maxHops > 3 ? 2 : 1);
      for (let place = first; place < first + degree; place++) {
        const token = this.#to[place] as number;
        if (token === to || this.#isLeaf[token] === 1 || this.#isNear[token] === 1) continue;
        const onward = isBounded ? (two.amount[token] as number) : Number.POSITIVE_INFINITY;
        if (onward > 0) this.#try(0, token, WIDTH * place, row[place] as number, amountIn, onward);
      }
      for (const token of near) this.#isNear[token] = 0;
      this.#pullToSources(1, from, to, maxHops > 3 ? two : null);
      this.#pull(2, to, 1, to);
    }
    if (maxHops > 3) {
      for (const token of one.touched()) two.amount[token] = 0;
      for (const token of (this.#layers[0] as Layer).touched()) if (token !== to) this.#push(1, token, from, to, two, null);
      this.#bound(from, to, this.#floor, 1);
      this.#pullToSources(2, from, to, null);
      this.#pull(3, to, 1, to);
    }
    return this.#layers.slice(0, maxHops).flatMap(({ amount }, layer) => {
      const amountOut = amount[to] as number;
      return amountOut > 0 ? [{ edges: this.#trace(layer, to), amountOut }] : [];
    });
  }

  #trace(layer: number, token: number): Edge[] {
    const edges: Edge[] = [];
    for (let [index, at] = [layer, token]; index >= 0; index--) {
      const edge = this.market.edges[(this.#layers[index] as Layer).best[at] as number] as Edge;
      edges.unshift(edge);
      at = this.market.tokenId(edge.from);
    }
    return edges;
  }

  /**
   * The best paths that take the amount whole, best first, in float64: depth first, which goes past full pools as layers do not. Cut short after so many edges
   * (`DEEPER`).
   */
  takers(from: number, to: number, amountIn: number, maxHops: number): readonly (readonly Edge[])[] {
    const { edges: all, row } = this.market;
    this.#bound(from, to, 0, 2);
    const [one, two] = [this.#one.amount, this.#two.amount];
    const best: FoundPath[] = [];
    let left = DEEPER;
    const extend = (token: number, amount: number, path: readonly Edge[]): void => {
      const more = maxHops - path.length - 1;
      const start = this.#startOf(token);
      for (let place = start; place < start + this.#degreeOf(token) && left > 0; place++) {
        left--;
        const next = this.#to[place] as number;
        const rate = this.#records[WIDTH * place + RATE] as number;
        if (next === from || rate === 0 || (next !== to && (more === 0 || this.#isLeaf[next] === 1))) continue;
        const near = one[next] as number;
        const onward = next === to ? 1 : more === 1 ? near : more === 2 ? Math.max(near, two[next] as number) : Number.POSITIVE_INFINITY;
        const worst = best.length === QUOTED ? (best[QUOTED - 1] as FoundPath).amountOut : 0;
        if (onward === 0 || rate * amount * onward * ROUNDED < worst) continue;
        const edge = all[row[place] as number] as Edge;
        const curve = edge.pool.curve as PoolCurve;
        const out = amountOutOf(curve, edge, amount);
        // Past what a smooth curve describes the pool may still take it: the quote says.
        if ((isFull && curve.kind === "ranges") || !(out > 0) || isAlong(path, edge.pool)) continue;
        const edges = [...path, edge];
        if (next !== to) extend(next, out, edges);
        else if (best.length < QUOTED || out > worst) {
          best.push({ edges, amountOut: out });
          best.sort((one, other) => other.amountOut - one.amountOut);
          best.length = Math.min(best.length, QUOTED);
        }
      }
    };
    extend(from, amountIn, []);
    return best.map(({ edges }) => edges);
  }

  /**
   * Of the last `search`, the exact best of each number of hops: every edge that the floats leave in question is quoted. `isBestOnly`: not of numbers of
   * hops that bring less than another. Valid with no flows put. Empty where pools
   * refuse what the floats say they take.
   */
  exactly(
    to: number,
    amountIn: bigint,
    maxHops: number,
    isBestOnly: boolean,
  ): { readonly edges: readonly Edge[]; readonly amountOut: bigint }[] {
    const known: Map<number, Exactly>[] = Array.from({ length: maxHops }, () => new Map());
    const { edges, edgeTable } = this.market;
    const amountAt = (layer: number, token: number): Exactly => {
      const found = known[layer]?.get(token);
      if (found !== undefined) return found;
      const list = this.#layers[layer] as Layer;
      let best = NOWHERE;
      for (let entry = list.last[token] as number; entry !== NONE; entry = this.#entryNext[entry] as number) {
        const id = this.#entryEdge[entry] as number;
        const least = token === to && isBestOnly ? this.#floor : (list.least[token] as number);
        if ((this.#entryMost[entry] as number) < least) continue;
        const edge = edges[id] as Edge;
        const source = edgeTable[id * EDGE.width + EDGE.from] as number;
        const available = layer === 0 ? amountIn : amountAt(layer - 1, source).amount;
        if (available === 0n || (layer > 0 && isAlong(chainOf(layer - 1, source), edge.pool))) continue;
        const { pool, indexIn, indexOut } = edge;
        const amount = pool.family.quoteExactIn(pool.info, pool.state, { amountIn: available, indexIn, indexOut });
        const isBetter = amount > best.amount || (amount === best.amount && best.edge !== null && this.#isBefore(id, best.edge.id));
        if (amount > 0n && isBetter) best = { amount, edge };
      }
      known[layer]?.set(token, best);
      return best;
    };
    const chainOf = (layer: number, token: number): Edge[] => {
      const chain: Edge[] = [];
      for (let [index, at] = [layer, token]; index >= 0; index--) {
        const { edge } = amountAt(index, at);
        if (edge === null) break;
        chain.unshift(edge);
        at = this.market.tokenId(edge.from);
      }
      return chain;
    };
    return Array.from({ length: maxHops }, (_, layer) => layer).flatMap((layer) => {
      const { amount } = amountAt(layer, to);
      return amount === 0n ? [] : [{ edges: chainOf(layer, to), amountOut: amount }];
    });
  }
}

/** Whether a swap in one of the pools moves what the other one quotes. */
export const areEntangled = (one: MarketPool, other: MarketPool): boolean =>
  one === other ||
  (one.family.restsOn?.(one.info).includes(other.info.pool) ?? false) ||
  (other.family.restsOn?.(other.info).includes(one.info.pool) ?? false);

const isAlong = (edges: readonly Edge[], pool: MarketPool): boolean => edges.some((edge) => areEntangled(edge.pool, pool));

/** The edge's three numbers once `flow` has gone through it. */
function write(records: Float64Array, at: number, edge: Edge, flow: number): void {
  const { curve } = edge.pool;
  records[at + RATE] = records[at + SLOPE] = records[at + CAP] = 0;
  if (curve === null) return;
  if (curve.kind === "smooth" || (flow === 0 && curve.liquidity <= 0)) {
    if (flow > 0) amountOutOf(curve, edge, flow);
    records[at + RATE] = flow > 0 ? rateThere : marginalRate(curve, edge);
    return;
  }
  const isDown = edge.indexIn === 0;
  if (flow > 0) {
    amountOutOf(curve, edge, flow);
    if (isFull) return;
  } else [liquidityThere, rootThere, tickThere] = [curve.liquidity, curve.sqrtPrice, isDown ? curve.ticksBelow - 1 : curve.ticksBelow];
  const gamma = curve.gamma[isDown ? 0 : 1];
  const [depth, root] = [liquidityThere, rootThere];
  const isTick = tickThere >= 0 && tickThere < curve.sqrtTicks.length;
  const end = isTick ? (curve.sqrtTicks[tickThere] as number) : curve.endless ? (isDown ? 0 : Number.POSITIVE_INFINITY) : root;
  const net = isDown ? depth * (1 / end - 1 / root) : depth * (end - root);
  records[at + RATE] = gamma * (isDown ? root * root : 1 / (root * root));
  records[at + SLOPE] = isDown ? (gamma * root) / depth : gamma / (root * depth);
  records[at + CAP] = Math.max(0, net) / gamma;
}

/** Whether some pool along the path takes less than comes to it. */
export function isFullAlong(edges: readonly Edge[], amountIn: number): boolean {
  let amount = amountIn;
  for (const edge of edges) {
    if (edge.pool.curve === null) return true;
    amount = amountOutOf(edge.pool.curve, edge, amount);
    if (isFull) return true;
  }
  return false;
}
