/** The recorded market: what the data file holds, and how it is turned into what the contracts need. */

import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { type Address, asAddress } from "#libs/units/brand.ts";
import { invariant } from "#libs/units/invariant.ts";

/** Where a recorded constant-product pair was, decided by its CREATE2 address. */
export type V2Venue = "uniswap-v2" | "sushiswap" | "other";

/** How many of the recorded weighted pools the data file holds: the largest by known value. Enough depth to lend from, few enough to join in one block. */
export const WEIGHTED_POOLS_KEPT = 12;

export interface RecordedToken {
  readonly address: string;
  readonly symbol: string | null;
  readonly decimals: number;
  /** Wei of the native coin per smallest unit of the token. Null: the auction had no price for it. */
  readonly priceInNative: number | null;
}

export interface RecordedPair {
  readonly address: string;
  readonly venue: V2Venue;
  readonly feeBps: number;
  readonly token0: string;
  readonly token1: string;
  readonly reserve0: string;
  readonly reserve1: string;
}

export interface RecordedConcentratedPool {
  readonly address: string;
  readonly token0: string;
  readonly token1: string;
  readonly feePips: number;
  readonly sqrtPriceX96: string;
  /** Active liquidity as recorded. In six pools it was read at another block than the ticks and differs from their sum. */
  readonly liquidity: string;
  readonly tick: number;
  /** `[tick, liquidityNet]`, ascending. */
  readonly ticks: readonly (readonly [number, string])[];
}

export interface RecordedWeightedPool {
  readonly address: string;
  readonly swapFeePips: number;
  /** Ascending by token. Weights sum to 1e18. */
  readonly tokens: readonly { readonly token: string; readonly balance: string; readonly weightWad: string }[];
}

export interface RecordedMarket {
  readonly origin: string;
  readonly auctionId: number;
  readonly gasPriceWei: string;
  readonly nativeToken: string;
  readonly tokens: readonly RecordedToken[];
  readonly constantProduct: readonly RecordedPair[];
  readonly concentrated: readonly RecordedConcentratedPool[];
  readonly weighted: readonly RecordedWeightedPool[];
}

export const MARKET_FILE_URL = new URL("data/ethereum-auction-7400681.json.gz", import.meta.url);

let recorded: RecordedMarket | undefined;

/** The recorded market, decoded once per process. */
export function recordedMarket(): RecordedMarket {
  recorded ??= JSON.parse(gunzipSync(readFileSync(MARKET_FILE_URL)).toString("utf8")) as RecordedMarket;
  return recorded;
}

export interface Position {
  readonly tickLower: number;
  readonly tickUpper: number;
  readonly liquidity: bigint;
}

export interface Ladder {
  /** Ascending, without ticks whose net is zero. Sums to zero and never has a negative running sum. */
  readonly ticks: readonly (readonly [tick: number, liquidityNet: bigint])[];
  /** Ticks whose recorded net liquidity had to be changed, because the running sum fell below zero there. Zero for all but one of the recorded pools. */
  readonly repairedTicks: number;
}

/**
 * Net liquidity by tick as positions can produce it. Where a recording's running sum is negative (its ticks were read at different blocks), the sum is
 * taken as zero and the ticks around it change accordingly.
 */
export function ladderOf(recordedTicks: readonly (readonly [number, string | bigint])[]): Ladder {
  const ticks: [number, bigint][] = [];
  let sum = 0n;
  let clamped = 0n;
  let repairedTicks = 0;
  let previousTick = Number.NEGATIVE_INFINITY;
  for (const [tick, recordedNet] of recordedTicks) {
    invariant(tick > previousTick, "ticks are ascending");
    previousTick = tick;
    sum += BigInt(recordedNet);
    const target = sum < 0n ? 0n : sum;
    const net = target - clamped;
    clamped = target;
    if (net !== BigInt(recordedNet)) repairedTicks += 1;
    if (net !== 0n) ticks.push([tick, net]);
  }
  invariant(sum === 0n, `net liquidity sums to ${sum}, not to zero`);
  return { ticks, repairedTicks };
}

/**
 * Positions that give exactly these net liquidities, at most one fewer than there are ticks: what opens first closes first. Gross liquidity of a tick is then
 * the magnitude of its net, the least it can be.
 */
export function positionsOf(ladder: Ladder): Position[] {
  const positions: Position[] = [];
  const open: { tickLower: number; liquidity: bigint }[] = [];
  let first = 0;
  for (const [tick, net] of ladder.ticks) {
    if (net > 0n) {
      open.push({ tickLower: tick, liquidity: net });
      continue;
    }
    let closing = -net;
    while (closing > 0n) {
      const oldest = open[first];
      invariant(oldest, "a closing tick has open liquidity before it");
      // biome-ignore lint/complexity/useMathMinMax: Math.min does not take bigint
      const liquidity = closing < oldest.liquidity ? closing : oldest.liquidity;
      positions.push({ tickLower: oldest.tickLower, tickUpper: tick, liquidity });
      oldest.liquidity -= liquidity;
      closing -= liquidity;
      if (oldest.liquidity === 0n) first += 1;
    }
  }
  invariant(first === open.length, "all liquidity is closed by the last tick");
  return positions;
}

/** Liquidity in range at a tick: the sum of net liquidity up to and including it. */
export function activeLiquidity(ladder: Ladder, tick: number): bigint {
  let sum = 0n;
  for (const [at, net] of ladder.ticks) if (at <= tick) sum += net;
  return sum;
}

/**
 * Reserves at which a constant-product pool would have the depth that this one has at its price: L/√P and L·√P. Raw token units, rounded down.
 */
export function virtualReserves(pool: { sqrtPriceX96: bigint; liquidity: bigint }): { reserve0: bigint; reserve1: bigint } {
  return { reserve0: (pool.liquidity << 96n) / pool.sqrtPriceX96, reserve1: (pool.liquidity * pool.sqrtPriceX96) >> 96n };
}

/** A pool reduced to its two sides, for whatever only asks how deep it is and at what price. */
export interface TwoSides {
  readonly token0: Address;
  readonly token1: Address;
  readonly reserve0: number;
  readonly reserve1: number;
}

/**
 * Wei of native coin per smallest unit, approximately, for every token that a chain of pools connects with the native coin: always through the deepest pool
 * next, so that no dust pool decides a price.
 */
export function nativePricesApprox(native: Address, pools: readonly TwoSides[]): ReadonlyMap<Address, number> {
  const prices = new Map<Address, number>([[native, 1]]);
  const remaining = new Set(pools);
  for (;;) {
    let best: { token: Address; price: number; depth: number } | undefined;
    for (const pool of remaining) {
      const price0 = prices.get(pool.token0);
      const price1 = prices.get(pool.token1);
      if (price0 !== undefined && price1 !== undefined) {
        remaining.delete(pool);
        continue;
      }
      const depth = price0 !== undefined ? price0 * pool.reserve0 : (price1 ?? 0) * pool.reserve1;
      if (depth <= (best?.depth ?? 0)) continue;
      if (price0 !== undefined) best = { token: pool.token1, price: depth / pool.reserve1, depth };
      else if (price1 !== undefined) best = { token: pool.token0, price: depth / pool.reserve0, depth };
    }
    if (best === undefined || !Number.isFinite(best.price)) return prices;
    prices.set(best.token, best.price);
  }
}

export type LeftOutReason = "reserve-below-1000-units" | "sqrt-price-out-of-range" | "no-liquidity" | "pair-exists";

/** What the chain is loaded with, in load order, and what is not and why. */
export interface MarketPlan {
  readonly tokens: readonly RecordedToken[];
  readonly pairs: readonly PlannedPair[];
  readonly pools: readonly PlannedPool[];
  readonly weighted: readonly RecordedWeightedPool[];
  readonly leftOut: readonly { readonly address: string; readonly reason: LeftOutReason }[];
}

/** The local fork that a recorded pair is loaded into. */
export type V2Dex = "uniswap-v2" | "pancake-v2" | "swapr";

export interface PlannedPair {
  readonly recorded: RecordedPair;
  readonly dex: V2Dex;
  readonly token0: Address;
  readonly token1: Address;
  readonly reserve0: bigint;
  readonly reserve1: bigint;
}

/** Where a recorded concentrated pool is loaded. */
export type ConcentratedDex = "uniswap-v3" | "pancake-v3" | "algebra";

/** Names a place at which there can be one pool only. */
export function venueKey(dex: V2Dex | ConcentratedDex, token0: Address, token1: Address, feePips: number): string {
  return dex === "uniswap-v3" || dex === "pancake-v3" ? `${dex} ${token0} ${token1} ${feePips}` : `${dex} ${token0} ${token1}`;
}

export interface PlannedPool {
  readonly recorded: RecordedConcentratedPool;
  readonly dex: ConcentratedDex;
  readonly token0: Address;
  readonly token1: Address;
  /** As recorded, and as charged by all but Algebra, which sets its own. */
  readonly feePips: number;
  /** As recorded, or one unit (2^-96) less: see `loadableSqrtPrice`. */
  readonly sqrtPriceX96: bigint;
  /** Active liquidity by the ticks, which is what the loaded pool has. */
  readonly liquidity: bigint;
  readonly ladder: Ladder;
  readonly positions: readonly Position[];
}

/**
 * Uniswap's pairs stay where they were. SushiSwap's go into the fork with the lowest fee and all others into the remaining one: three fees on three venues,
 * as a market has, though not the fees these pairs had.
 */
const FORK_OF_VENUE: Readonly<Record<V2Venue, V2Dex>> = { "uniswap-v2": "uniswap-v2", sushiswap: "pancake-v2", other: "swapr" };

/**
 * Concentrated pools go where their ticks are allowed as they are: PancakeSwap V3 has Uniswap's tiers but the one of 0.30 %, and that one's spacing is what
 * Algebra's pools have. One in so many of each tier, in the order of the recording; all others stay with Uniswap.
 */
const MOVED_POOLS: Readonly<Record<number, { readonly dex: ConcentratedDex; readonly oneIn: number }>> = {
  100: { dex: "pancake-v3", oneIn: 3 },
  500: { dex: "pancake-v3", oneIn: 3 },
  3000: { dex: "algebra", oneIn: 4 },
  10000: { dex: "pancake-v3", oneIn: 3 },
};

/** Below this a reserve cannot be traded in steps finer than 0.1 %, and the first 1000 units of liquidity are burnt (MINIMUM_LIQUIDITY). */
const RESERVE_MIN = 1_000n;

/** TickMath.MIN_SQRT_RATIO and MAX_SQRT_RATIO (v3-core). */
const MIN_SQRT_RATIO = 4_295_128_739n;
const MAX_SQRT_RATIO = 1_461_446_703_485_210_103_287_273_052_203_988_822_378_723_970_342n;

/**
 * Decides what is loaded. With a pool limit the deepest pools are kept, half of them pairs and half concentrated, so that a small market still has several
 * venues for a token.
 */
export function planMarket(market: RecordedMarket, options: { poolLimit?: number } = {}): MarketPlan {
  const leftOut: { address: string; reason: LeftOutReason }[] = [];
  const pairs: PlannedPair[] = [];
  const seen = new Set<string>();
  for (const recorded of market.constantProduct) {
    const dex = FORK_OF_VENUE[recorded.venue];
    const reserve0 = BigInt(recorded.reserve0);
    const reserve1 = BigInt(recorded.reserve1);
    const key = `${dex} ${recorded.token0} ${recorded.token1}`;
    if (reserve0 < RESERVE_MIN || reserve1 < RESERVE_MIN) leftOut.push({ address: recorded.address, reason: "reserve-below-1000-units" });
    else if (seen.has(key)) leftOut.push({ address: recorded.address, reason: "pair-exists" });
    else pairs.push({ recorded, dex, token0: asAddress(recorded.token0), token1: asAddress(recorded.token1), reserve0, reserve1 });
    seen.add(key);
  }

  const pools: PlannedPool[] = [];
  const seenOfTier = new Map<number, number>();
  for (const recorded of market.concentrated) {
    const { feePips } = recorded;
    const index = seenOfTier.get(feePips) ?? 0;
    seenOfTier.set(feePips, index + 1);
    const moved = MOVED_POOLS[feePips];
    const dex = moved !== undefined && index % moved.oneIn === 0 ? moved.dex : "uniswap-v3";
    const sqrtPriceX96 = loadableSqrtPrice(recorded);
    const ladder = ladderOf(recorded.ticks);
    const liquidity = activeLiquidity(ladder, recorded.tick);
    if (sqrtPriceX96 < MIN_SQRT_RATIO || sqrtPriceX96 >= MAX_SQRT_RATIO)
      leftOut.push({ address: recorded.address, reason: "sqrt-price-out-of-range" });
    else if (ladder.ticks.length === 0) leftOut.push({ address: recorded.address, reason: "no-liquidity" });
    else {
      const sides = { token0: asAddress(recorded.token0), token1: asAddress(recorded.token1) };
      pools.push({ recorded, dex, ...sides, feePips, sqrtPriceX96, liquidity, ladder, positions: positionsOf(ladder) });
    }
  }

  const plan = { tokens: market.tokens, pairs, pools, weighted: market.weighted, leftOut };
  return options.poolLimit === undefined ? plan : deepest(plan, asAddress(market.nativeToken), options.poolLimit);
}

/**
 * The square-root price to initialise with so that the pool is at its recorded tick. A swap that stops exactly on an initialised tick leaves a real pool one
 * tick below its price (UniswapV3Pool.swap), which `initialize` cannot: one unit less gives the same tick and the same active liquidity. True of one recorded
 * pool.
 */
function loadableSqrtPrice(pool: RecordedConcentratedPool): bigint {
  const sqrtPriceX96 = BigInt(pool.sqrtPriceX96);
  const nextTickRatio = 1.0001 ** ((pool.tick + 1) / 2) * 2 ** 96;
  const isOnBoundary = Math.abs(Number(sqrtPriceX96) / nextTickRatio - 1) < 1e-11;
  return isOnBoundary ? sqrtPriceX96 - 1n : sqrtPriceX96;
}

function deepest(plan: MarketPlan, native: Address, poolLimit: number): MarketPlan {
  const prices = nativePricesApprox(native, sidesOf(plan));
  const deepestOf = <Pool extends PlannedPair | PlannedPool>(pools: readonly Pool[], count: number): Pool[] => {
    const ranked = pools.map((pool) => ({ pool, depth: depthApprox(pool, prices) })).sort((a, b) => b.depth - a.depth);
    const kept = new Set(ranked.slice(0, count).map(({ pool }) => pool));
    return pools.filter((pool) => kept.has(pool));
  };
  const pairs = deepestOf(plan.pairs, Math.ceil(poolLimit / 2));
  return { ...plan, pairs, pools: deepestOf(plan.pools, poolLimit - pairs.length) };
}

export function sidesOf(plan: Pick<MarketPlan, "pairs" | "pools">): TwoSides[] {
  const sides = (pool: PlannedPair | PlannedPool): TwoSides => {
    const { reserve0, reserve1 } = "reserve0" in pool ? pool : virtualReserves(pool);
    return { token0: pool.token0, token1: pool.token1, reserve0: Number(reserve0), reserve1: Number(reserve1) };
  };
  return [...plan.pairs, ...plan.pools].map(sides);
}

/** Value of one side in wei. Zero where no chain of pools leads to the native coin. */
function depthApprox(pool: PlannedPair | PlannedPool, prices: ReadonlyMap<Address, number>): number {
  const { reserve0, reserve1 } = "reserve0" in pool ? pool : virtualReserves(pool);
  return Math.min(Number(reserve0) * (prices.get(pool.token0) ?? 0), Number(reserve1) * (prices.get(pool.token1) ?? 0));
}
