import type { FamilyId, PoolInfo, RowOf } from "#libs/dex/family.ts";
import { type AnyFamily, familyOf } from "#libs/dex/registry.ts";
import type { V2State } from "#libs/dex/uniswap-v2/index.ts";
import { sortTicks, type V3State } from "#libs/dex/uniswap-v3/index.ts";
import { lastAtOrBelow } from "#libs/dex/uniswap-v3/swap-math.ts";
import { getSqrtRatioAtTick } from "#libs/dex/uniswap-v3/tick-math.ts";

const Q96 = 2 ** 96;

/**
 * A pool in float64, as the search sees it: liquidity and √price of the present range, and the initialised ticks around it. A uniswap-v2 pool is one range
 * without end (L = √(x·y), √P = √(y/x)).
 */
export interface Curve {
  liquidity: number;
  sqrtPrice: number;
  /** 1 − fee. */
  gamma: number;
  /** √price at each initialised tick, ascending; empty for uniswap-v2. */
  sqrtTicks: Float64Array;
  liquidityNet: Float64Array;
  /** Number of ticks at or below the present one. */
  ticksBelow: number;
  /** Price moves without end (uniswap-v2), rather than up to the last tick. */
  endless: boolean;
}

/** One direction of a pool. */
export interface Edge {
  readonly pool: MarketPool;
  readonly zeroForOne: boolean;
  readonly from: string;
  readonly to: string;
  /** Out per in at the margin, after fee; 0 for a pool that cannot trade. */
  rate: number;
}

const NO_TICKS = new Float64Array(0);
const unpriced = (feePips: number): Curve => ({
  liquidity: 0,
  sqrtPrice: 0,
  gamma: 1 - feePips / 1e6,
  sqrtTicks: NO_TICKS,
  liquidityNet: NO_TICKS,
  ticksBelow: 0,
  endless: false,
});

export class MarketPool {
  readonly dex: string;
  readonly family: AnyFamily;
  readonly info: PoolInfo;
  readonly state: object;
  readonly edges: readonly [Edge, Edge];
  readonly curve: Curve;
  live = false;
  /** The last search that has dealt with every cycle through this pool: a number is compared in a tenth of the time that a set is asked in. */
  doneInSearch = 0;

  constructor(dex: string, family: AnyFamily, info: PoolInfo) {
    const { token0, token1 } = info;
    this.dex = dex;
    this.family = family;
    this.info = info;
    this.state = family.created();
    this.curve = unpriced(info.feePips);
    this.edges = [
      { pool: this, zeroForOne: true, from: token0, to: token1, rate: 0 },
      { pool: this, zeroForOne: false, from: token1, to: token0, rate: 0 },
    ];
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
    if (pool.live) priceCurve(pool);
    for (const edge of pool.edges) edge.rate = pool.live ? marginalRate(edge) : 0;
    return true;
  }
}

const NO_NEIGHBOURS: ReadonlyMap<string, readonly Edge[]> = new Map();
const NO_EDGES: readonly Edge[] = [];

function priceCurve({ family, state, curve }: MarketPool): void {
  if (family.id === "uniswap-v2") {
    const { reserve0, reserve1 } = state as V2State;
    const [x, y] = [Number(reserve0), Number(reserve1)];
    curve.liquidity = Math.sqrt(x) * Math.sqrt(y);
    curve.sqrtPrice = Math.sqrt(y / x);
    curve.endless = true;
    return;
  }
  const v3 = state as V3State;
  if (v3.ticksChanged || curve.sqrtTicks.length !== v3.sortedTicks.length) {
    sortTicks(v3);
    curve.sqrtTicks = Float64Array.from(v3.sortedTicks, (tick) => Number(getSqrtRatioAtTick(tick)) / Q96);
    curve.liquidityNet = Float64Array.from(v3.liquidityNet, Number);
  }
  curve.liquidity = Number(v3.liquidity);
  curve.sqrtPrice = Number(v3.sqrtPriceX96) / Q96;
  curve.ticksBelow = lastAtOrBelow(v3.sortedTicks, v3.tick) + 1;
}

/** Out per in of the first unit, after fee. A price that stands where no liquidity is (between two positions) moves on to the next at no cost. */
function marginalRate({ pool: { curve }, zeroForOne }: Edge): number {
  let { liquidity, sqrtPrice } = curve;
  let next = zeroForOne ? curve.ticksBelow - 1 : curve.ticksBelow;
  while (liquidity <= 0) {
    if (next < 0 || next >= curve.sqrtTicks.length) return 0;
    sqrtPrice = curve.sqrtTicks[next] as number;
    liquidity += (curve.liquidityNet[next] as number) * (zeroForOne ? -1 : 1);
    next += zeroForOne ? -1 : 1;
  }
  return curve.gamma * (zeroForOne ? sqrtPrice * sqrtPrice : 1 / (sqrtPrice * sqrtPrice));
}
