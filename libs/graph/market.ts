import type { Direction, FamilyId, PoolCurve, PoolInfo, RowOf } from "#libs/dex/family.ts";
import { type AnyFamily, familyOf } from "#libs/dex/registry.ts";

/** One direction of a pool. */
export interface Edge extends Direction {
  readonly pool: MarketPool;
  readonly from: string;
  readonly to: string;
  /** Out per in at the margin, after fee; 0 for a pool that cannot trade. */
  rate: number;
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
  /** The last search that has dealt with every cycle through this pool: a number is compared in a tenth of the time that a set is asked in. */
  doneInSearch = 0;

  constructor(dex: string, family: AnyFamily, info: PoolInfo) {
    const { tokens } = info;
    this.dex = dex;
    this.family = family;
    this.info = info;
    this.state = family.created();
    this.edges = tokens.flatMap((from, indexIn) =>
      tokens.flatMap((to, indexOut) => (indexIn === indexOut ? [] : [{ pool: this, indexIn, indexOut, from, to, rate: 0 }])),
    );
  }

  /** The same pool the other way round. */
  reverse({ indexIn, indexOut }: Direction): Edge {
    const { length } = this.info.tokens;
    return this.edges[indexOut * (length - 1) + (indexIn > indexOut ? indexIn - 1 : indexIn)] as Edge;
  }
}

/**
 * The pools of a chain as a graph: tokens are nodes, each pool an edge in both directions. Holds exact states (bigint) beside the float curves that the
 * search prunes with. Changed in place by its single owner.
 */
export class Market {
  readonly #pools = new Map<string, MarketPool>();
  readonly #neighbours = new Map<string, Map<string, Edge[]>>();

  get size(): number {
    return this.#pools.size;
  }

  pool(address: string): MarketPool | undefined {
    return this.#pools.get(address);
  }

  pools(): IterableIterator<MarketPool> {
    return this.#pools.values();
  }

  /** Edges that lead out of a token, by the token they lead to. */
  neighbours(token: string): ReadonlyMap<string, readonly Edge[]> {
    return this.#neighbours.get(token) ?? NO_NEIGHBOURS;
  }

  /** Edges from one token to another: parallel pools. */
  between(from: string, to: string): readonly Edge[] {
    return this.#neighbours.get(from)?.get(to) ?? NO_EDGES;
  }

  add(dex: string, family: FamilyId, info: PoolInfo): MarketPool {
    const existing = this.#pools.get(info.pool);
    if (existing !== undefined) return existing;
    const pool = new MarketPool(dex, familyOf(family), info);
    this.#pools.set(info.pool, pool);
    for (const edge of pool.edges) {
      let towards = this.#neighbours.get(edge.from);
      if (towards === undefined) {
        towards = new Map();
        this.#neighbours.set(edge.from, towards);
      }
      const parallel = towards.get(edge.to);
      if (parallel === undefined) towards.set(edge.to, [edge]);
      else parallel.push(edge);
    }
    return pool;
  }

  remove(address: string): void {
    const pool = this.#pools.get(address);
    if (pool === undefined) return;
    this.#pools.delete(address);
    pool.live = false;
    for (const edge of pool.edges) {
      edge.rate = 0;
      const towards = this.#neighbours.get(edge.from);
      const left = towards?.get(edge.to)?.filter((parallel) => parallel !== edge) ?? [];
      if (left.length > 0) towards?.set(edge.to, left);
      else towards?.delete(edge.to);
    }
  }

  /** Sets a pool's state from a row and renews its curves. Rows of pools that were never added are refused with false. */
  apply(row: RowOf<FamilyId>): boolean {
    const pool = this.#pools.get(row[0]);
    if (pool === undefined) return false;
    pool.family.applyRow(pool.state, row);
    pool.live = pool.family.isLive(pool.state);
    pool.curve = pool.live ? pool.family.curve(pool.info, pool.state) : null;
    for (const edge of pool.edges) edge.rate = pool.curve === null ? 0 : marginalRate(pool.curve, edge);
    return true;
  }
}

const NO_NEIGHBOURS: ReadonlyMap<string, readonly Edge[]> = new Map();
const NO_EDGES: readonly Edge[] = [];

/** Out per in of the first unit, after fee. A price that stands where no liquidity is (between two positions) moves on to the next at no cost. */
function marginalRate(curve: PoolCurve, direction: Direction): number {
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
