import type { Direction, FamilyId, PoolCurve, PoolInfo, RowOf } from "#libs/dex/family.ts";
import { type AnyFamily, familyOf } from "#libs/dex/registry.ts";
import { grown, sharedFloats, sharedInts } from "#libs/graph/shared.ts";

/** One direction of a pool. */
export interface Edge extends Direction {
  /** Its place in the market's tables. */
  readonly id: number;
  readonly pool: MarketPool;
  readonly from: string;
  readonly to: string;
}

export class MarketPool {
  readonly dex: string;
  readonly family: AnyFamily;
  readonly info: PoolInfo;
  readonly state: object;
  readonly edges: readonly Edge[];
  /** Null until the pool can trade. */
  curve: PoolCurve | null = null;
  live = false;
  /** Is among the pools that the market's tables have not been told of yet. */
  awaited = false;

  constructor(dex: string, family: AnyFamily, info: PoolInfo, nextId: () => number) {
    const { tokens } = info;
    this.dex = dex;
    this.family = family;
    this.info = info;
    this.state = family.created();
    const edges: Edge[] = [];
    for (let indexIn = 0; indexIn < tokens.length; indexIn++) {
      for (let indexOut = 0; indexOut < tokens.length; indexOut++) {
        if (indexIn === indexOut) continue;
        edges.push({ id: nextId(), pool: this, indexIn, indexOut, from: tokens[indexIn] as string, to: tokens[indexOut] as string });
      }
    }
    this.edges = edges;
  }

  /** The same pool the other way round. */
  reverse({ indexIn, indexOut }: Direction): Edge {
    const { length } = this.info.tokens;
    return this.edges[indexOut * (length - 1) + (indexIn > indexOut ? indexIn - 1 : indexIn)] as Edge;
  }
}

/** Changes of pools that are remembered: some blocks' worth. Who has missed more looks at everything anew. */
const CHANGES_KEPT = 4_096;

/** No edge, no token: the end of a list. */
export const NONE = -1;

/** Columns of an edge's record in `edgeTable`; the last three are the search's (buckets.ts). */
export const EDGE = { width: 8, from: 0, to: 1, back: 2, pool: 3, parallel: 4, changed: 5, nextOut: 6, nextIn: 7 } as const;
/** Columns of a token's record in `tokenTable`; `list…`, `first…` and `changes` are the search's, and so is the price, which stands at `price` of the same record as a float. */
export const TOKEN = {
  width: 16,
  rowStart: 0,
  rowLength: 1,
  rowRoom: 2,
  shared: 3,
  listStart: 4,
  listRoom: 5,
  firstOut: 6,
  firstIn: 7,
  /** In floats of eight bytes: half as many a record. */
  floats: 8,
  price: 4,
  changes: 10,
} as const;

/**
 * The pools of a chain as a graph: tokens are nodes, each pair of a pool's tokens an edge in both directions. Exact states (bigint) and float curves stand with
 * the pools; the topology stands in typed arrays on shared memory, by number: 28 bytes an edge, and 16 for each pair of tokens that trade. Pools and tokens come
 * and go in place; what is outgrown is copied to twice the room. Changed by its single owner.
 */
export class Market {
  readonly #pools = new Map<string, MarketPool>();
  readonly #tokenIds = new Map<string, number>();
  /** Edges by number; what is removed leaves a hole that the next pool fills. */
  readonly edges: (Edge | null)[] = [];
  readonly #free: number[] = [];
  readonly #retired: number[] = [];

  /**
   * A record an edge: tokens it goes from and to; the edge the other way through the same pool; the pool, by its first edge; the next edge between the same tokens.
   * What is read together lies together, because in a large market each first look at a record waits for memory.
   */
  edgeTable = sharedInts(64 * EDGE.width);

  /** A record a token: where its edges out are in `row` (those into it are their `back`), and 1 in `shared` where more than one pool trades it. */
  tokenTable = sharedInts(64 * TOKEN.width);
  tokenFloats = new Float64Array(this.tokenTable.buffer);
  /** Edges out of each token. A row that is full moves to the end, with twice the room. */
  row = sharedInts(256);
  #rowEnd = 0;

  /** Pairs of tokens by open addressing: key and first of the parallel edges. A pair without pools keeps its place. */
  pairKey = sharedFloats(64, NONE);
  pairFirst = sharedInts(64, NONE);
  #pairs = 0;

  /** Pools whose state or neighbourhood has changed since they were last handed out. */
  #awaited: MarketPool[] = [];

  /** How often a pool has come, gone or changed its state. Equal numbers: the market is the same. */
  changes = 0;
  /** The latest of them, in a ring. */
  readonly #changed: MarketPool[] = [];

  get size(): number {
    return this.#pools.size;
  }

  /** Tokens that have been seen: their numbers are below this. */
  get tokenCount(): number {
    return this.#tokenIds.size;
  }

  pool(address: string): MarketPool | undefined {
    return this.#pools.get(address);
  }

  pools(): IterableIterator<MarketPool> {
    return this.#pools.values();
  }

  /** The token's number; NONE for one that no pool has. */
  tokenId(token: string): number {
    return this.#tokenIds.get(token) ?? NONE;
  }

  /** Bytes in shared memory. */
  get bytes(): number {
    return [this.edgeTable, this.tokenTable, this.row, this.pairKey, this.pairFirst].reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  add(dex: string, family: FamilyId, info: PoolInfo): MarketPool {
    const existing = this.#pools.get(info.pool);
    if (existing !== undefined) return existing;
    const pool = new MarketPool(dex, familyOf(family), info, () => this.#free.pop() ?? this.#nextEdge());
    this.#pools.set(info.pool, pool);
    for (const edge of pool.edges) {
      this.edges[edge.id] = edge;
      const from = this.#enter(edge.from);
      const to = this.#enter(edge.to);
      const at = edge.id * EDGE.width;
      this.edgeTable[at + EDGE.from] = from;
      this.edgeTable[at + EDGE.to] = to;
      this.edgeTable[at + EDGE.pool] = (pool.edges[0] as Edge).id;
      this.edgeTable[at + EDGE.back] = pool.reverse(edge).id;
      this.#link(edge.id);
    }
    this.#note(pool);
    for (const token of info.tokens) this.#countPools(token, pool);
    return pool;
  }

  remove(address: string): void {
    const pool = this.#pools.get(address);
    if (pool === undefined) return;
    this.#pools.delete(address);
    pool.live = false;
    this.#note(pool);
    for (const edge of pool.edges) {
      this.#unlink(edge.id);
      this.#retired.push(edge.id);
    }
    for (const token of pool.info.tokens) this.#countPools(token, pool);
  }

  /** Sets a pool's state from a row and renews its curve. Rows of pools that were never added are refused with false. */
  apply(row: RowOf<FamilyId>): boolean {
    const pool = this.#pools.get(row[0]);
    if (pool === undefined) return false;
    pool.family.applyRow(pool.state, row);
    pool.live = pool.family.isLive(pool.state);
    pool.curve = pool.live ? pool.family.curve(pool.info, pool.state) : null;
    this.#note(pool);
    return true;
  }

  /** Hands out the pools that have changed since the last call, removed ones too, each once. */
  takeAwaited(): readonly MarketPool[] {
    const taken = this.#awaited;
    this.#awaited = [];
    for (const pool of taken) pool.awaited = false;
    return taken;
  }

  /** Pools that have come, gone or changed since there were so many changes, some of them more than once; null where not all of them are remembered. For readers beside the one that takes the awaited. */
  changedSince(changes: number): readonly MarketPool[] | null {
    const count = this.changes - changes;
    if (count > CHANGES_KEPT) return null;
    return Array.from({ length: count }, (_, index) => this.#changed[(changes + index) % CHANGES_KEPT] as MarketPool);
  }

  #note(pool: MarketPool): void {
    this.#changed[this.changes++ % CHANGES_KEPT] = pool;
    this.#await(pool);
  }

  /** Edges of removed pools may be numbered anew: nobody holds their numbers any more. */
  recycle(): void {
    for (const id of this.#retired.splice(0)) {
      this.edges[id] = null;
      this.#free.push(id);
    }
  }

  /** First of the edges from one token to another, by numbers; the others follow in `parallel`. */
  firstBetween(from: number, to: number): number {
    const { pairKey, pairFirst } = this;
    const mask = pairKey.length - 1;
    const key = keyOfPair(from, to);
    for (let slot = slotOfPair(from, to) & mask; ; slot = (slot + 1) & mask) {
      const found = pairKey[slot] as number;
      if (found === key) return pairFirst[slot] as number;
      if (found === NONE) return NONE;
    }
  }

  #nextEdge(): number {
    const id = this.edges.length;
    this.edges.push(null);
    if (id * EDGE.width === this.edgeTable.length) this.edgeTable = grown(this.edgeTable, 2 * this.edgeTable.length);
    return id;
  }

  #enter(token: string): number {
    const known = this.#tokenIds.get(token);
    if (known !== undefined) return known;
    const id = this.#tokenIds.size;
    this.#tokenIds.set(token, id);
    if (id * TOKEN.width === this.tokenTable.length) {
      this.tokenTable = grown(this.tokenTable, 2 * this.tokenTable.length);
      this.tokenFloats = new Float64Array(this.tokenTable.buffer);
    }
    this.tokenTable[id * TOKEN.width + TOKEN.firstOut] = NONE;
    this.tokenTable[id * TOKEN.width + TOKEN.firstIn] = NONE;
    return id;
  }

  #await(pool: MarketPool): void {
    if (pool.awaited) return;
    pool.awaited = true;
    this.#awaited.push(pool);
  }

  /** Hands out the token's pools again: its worth has become known. */
  awaitPoolsOf(token: number): void {
    for (const id of this.edgesOut(token)) this.#await((this.edges[id] as Edge).pool);
  }

  /** Numbers of the edges out of a token. */
  edgesOut(token: number): Int32Array {
    const at = token * TOKEN.width;
    const start = this.tokenTable[at + TOKEN.rowStart] as number;
    return this.row.subarray(start, start + (this.tokenTable[at + TOKEN.rowLength] as number));
  }

  /** A token's only pool is no part of any cycle: when a second one comes or goes, that changes, and the other one is handed out again. */
  #countPools(token: string, pool: MarketPool): void {
    const id = this.tokenId(token);
    let other: MarketPool | null = null;
    let others = 0;
    const start = this.tokenTable[id * TOKEN.width + TOKEN.rowStart] as number;
    const end = start + (this.tokenTable[id * TOKEN.width + TOKEN.rowLength] as number);
    for (let at = start; at < end; at++) {
      const found = (this.edges[this.row[at] as number] as Edge).pool;
      if (found === pool || found === other) continue;
      other = found;
      if (++others > 1) break;
    }
    const isThere = this.#pools.get(pool.info.pool) === pool;
    this.tokenTable[id * TOKEN.width + TOKEN.shared] = others + (isThere ? 1 : 0) > 1 ? 1 : 0;
    if (others === 1) this.#await(other as MarketPool);
  }

  #link(id: number): void {
    const { edgeTable, tokenTable } = this;
    const from = edgeTable[id * EDGE.width + EDGE.from] as number;
    const at = from * TOKEN.width;
    const length = tokenTable[at + TOKEN.rowLength] as number;
    if (length === tokenTable[at + TOKEN.rowRoom]) {
      const room = Math.max(2, 2 * length);
      while (this.#rowEnd + room > this.row.length) this.row = grown(this.row, 2 * this.row.length);
      const start = tokenTable[at + TOKEN.rowStart] as number;
      this.row.copyWithin(this.#rowEnd, start, start + length);
      tokenTable[at + TOKEN.rowStart] = this.#rowEnd;
      tokenTable[at + TOKEN.rowRoom] = room;
      this.#rowEnd += room;
    }
    this.row[(tokenTable[at + TOKEN.rowStart] as number) + length] = id;
    tokenTable[at + TOKEN.rowLength] = length + 1;
    const slot = this.#slotOf(from, edgeTable[id * EDGE.width + EDGE.to] as number);
    edgeTable[id * EDGE.width + EDGE.parallel] = this.pairFirst[slot] as number;
    this.pairFirst[slot] = id;
  }

  #unlink(id: number): void {
    const { edgeTable, tokenTable } = this;
    const from = edgeTable[id * EDGE.width + EDGE.from] as number;
    const at = from * TOKEN.width;
    const start = tokenTable[at + TOKEN.rowStart] as number;
    const last = (tokenTable[at + TOKEN.rowLength] as number) - 1;
    this.row[this.row.indexOf(id, start)] = this.row[start + last] as number;
    tokenTable[at + TOKEN.rowLength] = last;
    const slot = this.#slotOf(from, edgeTable[id * EDGE.width + EDGE.to] as number);
    const next = edgeTable[id * EDGE.width + EDGE.parallel] as number;
    if (this.pairFirst[slot] === id) this.pairFirst[slot] = next;
    else {
      let before = this.pairFirst[slot] as number;
      while (edgeTable[before * EDGE.width + EDGE.parallel] !== id) before = edgeTable[before * EDGE.width + EDGE.parallel] as number;
      edgeTable[before * EDGE.width + EDGE.parallel] = next;
    }
  }

  /** The pair's place in the table, made where there is none. */
  #slotOf(from: number, to: number): number {
    if (2 * (this.#pairs + 1) > this.pairKey.length) this.#rehash();
    const mask = this.pairKey.length - 1;
    const key = keyOfPair(from, to);
    let slot = slotOfPair(from, to) & mask;
    while (this.pairKey[slot] !== key) {
      if (this.pairKey[slot] === NONE) {
        this.pairKey[slot] = key;
        this.#pairs++;
        break;
      }
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  #rehash(): void {
    const [keys, firsts] = [this.pairKey, this.pairFirst];
    this.pairKey = sharedFloats(2 * keys.length, NONE);
    this.pairFirst = sharedInts(2 * keys.length, NONE);
    const mask = this.pairKey.length - 1;
    for (let index = 0; index < keys.length; index++) {
      const key = keys[index] as number;
      if (key === NONE) continue;
      let slot = slotOfPair(Math.floor(key / TOKENS_MAX), key % TOKENS_MAX) & mask;
      while (this.pairKey[slot] !== NONE) slot = (slot + 1) & mask;
      this.pairKey[slot] = key;
      this.pairFirst[slot] = firsts[index] as number;
    }
  }
}

/** A pair's key is exact in a double up to so many tokens. */
const TOKENS_MAX = 2 ** 26;
const keyOfPair = (from: number, to: number): number => from * TOKENS_MAX + to;
const slotOfPair = (from: number, to: number): number => (Math.imul(from, 0x9e3779b1) ^ Math.imul(to + 0x7f4a7c15, 0x85ebca6b)) >>> 3;

/** Out per in of the first unit, after fee. A price that stands where no liquidity is (between two positions) moves on to the next at no cost. */
export function marginalRate(curve: PoolCurve, direction: Direction): number {
  if (curve.kind === "smooth") return curve.rate(0, direction);
  const zeroForOne = direction.indexIn === 0;
  let { liquidity, sqrtPrice } = curve;
  let next = zeroForOne ? curve.ticksBelow - 1 : curve.ticksBelow;
  while (liquidity <= 0) {
    if (next < 0 || next >= curve.sqrtTicks.length) return 0;
    sqrtPrice = curve.sqrtTicks[next] as number;
    liquidity += (curve.liquidityNet[next] as number) * (zeroForOne ? -1 : 1);
    next += zeroForOne ? -1 : 1;
  }
  const gamma = curve.gamma[zeroForOne ? 0 : 1];
  return gamma * (zeroForOne ? sqrtPrice * sqrtPrice : 1 / (sqrtPrice * sqrtPrice));
}
