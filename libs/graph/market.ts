import type { FamilyId, PoolInfo, RowOf } from "#libs/dex/family.ts";
import { type AnyFamily, familyOf } from "#libs/dex/registry.ts";
import type { V2State } from "#libs/dex/uniswap-v2/index.ts";
import { sortTicks, type V3State } from "#libs/dex/uniswap-v3/index.ts";

const Q96 = 2 ** 96;

/** One direction of a pool, in float64: what the search walks over. */
export interface Edge {
  readonly pool: MarketPool;
  readonly zeroForOne: boolean;
  readonly from: string;
  readonly to: string;
  /**
   * The stretch around the present price as a constant-product curve f(δ) = R·δ / (1 + q·δ), input before fee. Exact for uniswap-v2 up to rounding;
   * for uniswap-v3 valid up to `cap`, where the next tick lies.
   */
  marginal: { readonly rate: number; readonly slope: number; readonly cap: number };
}

export interface MarketPool {
  readonly dex: string;
  readonly family: AnyFamily;
  readonly info: PoolInfo;
  readonly state: object;
  readonly edges: readonly [Edge, Edge];
  live: boolean;
}

const DEAD = { rate: 0, slope: 0, cap: 0 } as const;

/**
 * The pools of a chain as a graph: tokens are nodes, each pool an edge in both directions. Holds exact states (bigint) beside the float curves that the
 * search prunes with. Changed in place by its single owner.
 */
export class Market {
  readonly #pools = new Map<string, MarketPool>();
  readonly #outgoing = new Map<string, Set<Edge>>();

  get size(): number {
    return this.#pools.size;
  }

  pool(address: string): MarketPool | undefined {
    return this.#pools.get(address);
  }

  pools(): IterableIterator<MarketPool> {
    return this.#pools.values();
  }

  /** Edges that lead out of a token. */
  outgoing(token: string): ReadonlySet<Edge> {
    return this.#outgoing.get(token) ?? NONE;
  }

  add(dex: string, family: FamilyId, info: PoolInfo): MarketPool {
    const existing = this.#pools.get(info.pool);
    if (existing !== undefined) return existing;
    const known = familyOf(family);
    const pool: MarketPool = { dex, family: known, info, state: known.created(), edges: [] as unknown as [Edge, Edge], live: false };
    const edges: [Edge, Edge] = [
      { pool, zeroForOne: true, from: info.token0, to: info.token1, marginal: DEAD },
      { pool, zeroForOne: false, from: info.token1, to: info.token0, marginal: DEAD },
    ];
    Object.assign(pool, { edges });
    this.#pools.set(info.pool, pool);
    for (const edge of edges) {
      let edgesOut = this.#outgoing.get(edge.from);
      if (edgesOut === undefined) {
        edgesOut = new Set();
        this.#outgoing.set(edge.from, edgesOut);
      }
      edgesOut.add(edge);
    }
    return pool;
  }

  remove(address: string): void {
    const pool = this.#pools.get(address);
    if (pool === undefined) return;
    this.#pools.delete(address);
    for (const edge of pool.edges) this.#outgoing.get(edge.from)?.delete(edge);
  }

  /** Sets a pool's state from a row and renews its curves. Rows of pools that were never added are refused with false. */
  apply(row: RowOf<FamilyId>): boolean {
    const pool = this.#pools.get(row[0]);
    if (pool === undefined) return false;
    pool.family.applyRow(pool.state, row);
    pool.live = pool.family.isLive(pool.state);
    for (const edge of pool.edges) edge.marginal = pool.live ? marginalOf(pool, edge.zeroForOne) : DEAD;
    return true;
  }
}

const NONE: ReadonlySet<Edge> = new Set();

function marginalOf(pool: MarketPool, zeroForOne: boolean): Edge["marginal"] {
  const gamma = 1 - pool.info.feePips / 1e6;
  if (pool.family.id === "uniswap-v2") {
    const { reserve0, reserve1 } = pool.state as V2State;
    const [x, y] = zeroForOne ? [Number(reserve0), Number(reserve1)] : [Number(reserve1), Number(reserve0)];
    return { rate: (gamma * y) / x, slope: gamma / x, cap: Number.POSITIVE_INFINITY };
  }
  const state = pool.state as V3State;
  sortTicks(state);
  const sqrtPrice = Number(state.sqrtPriceX96) / Q96;
  const liquidity = Number(state.liquidity);
  if (liquidity === 0) return DEAD;
  // Virtual reserves of the active range: x = L/√P, y = L·√P.
  const [x, y] = zeroForOne ? [liquidity / sqrtPrice, liquidity * sqrtPrice] : [liquidity * sqrtPrice, liquidity / sqrtPrice];
  return { rate: (gamma * y) / x, slope: gamma / x, cap: inputToNextTick(state, sqrtPrice, liquidity, zeroForOne) / gamma };
}

/** Input, after fee, that moves the price to the next initialised tick. */
function inputToNextTick(state: V3State, sqrtPrice: number, liquidity: number, zeroForOne: boolean): number {
  const ticks = state.sortedTicks;
  if (zeroForOne) {
    const next = ticks.findLast((tick) => tick <= state.tick);
    if (next === undefined) return 0;
    return liquidity * (1 / sqrtPriceAt(next) - 1 / sqrtPrice);
  }
  const next = ticks.find((tick) => tick > state.tick);
  return next === undefined ? 0 : liquidity * (sqrtPriceAt(next) - sqrtPrice);
}

const sqrtPriceAt = (tick: number): number => 1.0001 ** (tick / 2);

/**
 * Amount out in float64 for an input of any size, walking from tick to tick for uniswap-v3. Off the exact quote by less than 1e-6 of it, for amounts well
 * above the tokens' smallest unit. 0 when the pool cannot take the input whole.
 */
export function amountOutApprox(edge: Edge, amountIn: number): number {
  const { rate, slope, cap } = edge.marginal;
  if (amountIn <= cap) return (rate * amountIn) / (1 + slope * amountIn);
  if (edge.pool.family.id !== "uniswap-v3") return 0;
  return walkTicks(edge.pool.state as V3State, amountIn * (1 - edge.pool.info.feePips / 1e6), edge.zeroForOne);
}

function walkTicks(state: V3State, amountInLessFee: number, zeroForOne: boolean): number {
  const { sortedTicks, liquidityNet } = state;
  let sqrtPrice = Number(state.sqrtPriceX96) / Q96;
  let liquidity = Number(state.liquidity);
  let left = amountInLessFee;
  let out = 0;
  let index = zeroForOne ? sortedTicks.findLastIndex((tick) => tick <= state.tick) : sortedTicks.findIndex((tick) => tick > state.tick);
  while (left > 0 && index >= 0 && index < sortedTicks.length) {
    const target = sqrtPriceAt(sortedTicks[index] as number);
    const toTarget = zeroForOne ? liquidity * (1 / target - 1 / sqrtPrice) : liquidity * (target - sqrtPrice);
    if (left <= toTarget) {
      const reached = zeroForOne ? 1 / (1 / sqrtPrice + left / liquidity) : sqrtPrice + left / liquidity;
      return out + (zeroForOne ? liquidity * (sqrtPrice - reached) : liquidity * (1 / sqrtPrice - 1 / reached));
    }
    out += zeroForOne ? liquidity * (sqrtPrice - target) : liquidity * (1 / sqrtPrice - 1 / target);
    left -= toTarget;
    sqrtPrice = target;
    liquidity += Number(zeroForOne ? -(liquidityNet[index] as bigint) : (liquidityNet[index] as bigint));
    index += zeroForOne ? -1 : 1;
  }
  return left > 0 ? 0 : out;
}
