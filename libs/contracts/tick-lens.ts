/**
 * Whole tick-based pools (Uniswap V3 and its kin, Algebra), every initialised tick included, through the deployless lens (src/V3TickLens.sol).
 *
 * An answer holds at most some 690 ticks and stops early when the node grants little gas, so reading is paged; `readTicks` does the paging. Fixed-layout
 * decoding: a general ABI decoder takes seconds for what takes this one milliseconds.
 */

import { type Address, asAddress } from "#libs/units/brand.ts";
import { invariant } from "#libs/units/invariant.ts";
import { artifact, type Hex } from "./artifact.ts";

export interface InitialisedTick {
  readonly tick: number;
  /** Added to active liquidity when the price crosses upwards, taken from it downwards. */
  readonly liquidityNet: bigint;
  readonly liquidityGross: bigint;
}

/**
 * Where a pool keeps its price and its ticks.
 *
 * - `slot0`: `slot0` and `tickBitmap`. Uniswap V3, PancakeSwap V3, Slipstream, Solidly V3, Ramses.
 * - `globalState`: `globalState` and `tickTable`, a bit for each multiple of the spacing. Algebra up to 1.0.
 * - `globalState-every-tick`: the same with a bit for each tick, which takes some 18 million gas a pool.
 * - `globalState-list`: `ticks` says which ticks come before and after. Algebra Integral.
 */
export type TickLayout = "slot0" | "globalState" | "globalState-every-tick" | "globalState-list";

/** In the order of V3TickLens.sol. */
const LAYOUTS: readonly TickLayout[] = ["slot0", "globalState", "globalState-every-tick", "globalState-list"];

export interface V3PoolTicks {
  readonly pool: Address;
  readonly token0: Address;
  readonly token1: Address;
  /** currentFee(), of a pool without it fee(); null for a pool without either. */
  readonly feePips: number | null;
  readonly tickSpacing: number;
  /** Zero when the pool is not initialised, and when the address is no pool of this layout; then everything else is zero and empty as well. */
  readonly sqrtPriceX96: bigint;
  readonly tick: number;
  readonly liquidity: bigint;
  /** The third and fourth word of slot0() or globalState(), their low 24 bits, and how many words it has: fees, in some pools. */
  readonly slot: { readonly third: number; readonly fourth: number; readonly words: number };
  /** Ascending. */
  readonly ticks: readonly InitialisedTick[];
}

/** Where the next call continues: the list's pools from `pool` on, the first of them from `slot` on: a bit of its table, or a tick of its list. */
export interface TickLensCursor {
  readonly pool: number;
  readonly slot: number;
}

export interface TickLensAnswer {
  readonly pools: V3PoolTicks[];
  /** Null when the last pool reported is complete. Otherwise from where it continues. */
  readonly nextSlot: number | null;
}

/** type(int24).min: below every tick, so the lens begins at the start of the range. */
const FROM_START = -(2 ** 23);

const VERSION = 2;
const HEAD_BYTES = 7;
const POOL_BYTES = 114;
const NO_FEE = 0xffffff;
const TICK_BYTES = 35;

/**
 * Creation code is limited to 49,152 bytes (EIP-3860), which the lens and 32 bytes a pool share. Far fewer fit an answer: it holds about 690 ticks, and a
 * pool has at least two.
 */
export const MAX_POOLS_PER_CALL = 300;

/** One page a pool is the usual case; a pool of spacing 1 with ticks all over, under a node's gas cap, needs the most. */
const MAX_PAGES_PER_POOL = 3_000;

const word = (value: bigint): string => BigInt.asUintN(256, value).toString(16).padStart(64, "0");

/** Data of an `eth_call` without `to`. The lens reads as many of the pools as fit, in order; see `decodeTickLensAnswer`. */
export function encodeTickLensCall(pools: readonly Address[], layout: TickLayout = "slot0", firstSlot: number = FROM_START): Hex {
  invariant(pools.length > 0 && pools.length <= MAX_POOLS_PER_CALL, `${pools.length} pools in a call, allowed 1 to ${MAX_POOLS_PER_CALL}`);
  invariant(Number.isInteger(firstSlot) && firstSlot >= FROM_START && firstSlot < -FROM_START, `not an int24: ${firstSlot}`);
  let args = word(0x60n) + word(BigInt(firstSlot)) + word(BigInt(LAYOUTS.indexOf(layout))) + word(BigInt(pools.length));
  for (const pool of pools) args += pool.slice(2).padStart(64, "0");
  return `${artifact("V3TickLens").bytecode}${args}`;
}

const readUint128 = (view: DataView, at: number): bigint => (view.getBigUint64(at) << 64n) | view.getBigUint64(at + 8);
const readInt128 = (view: DataView, at: number): bigint => (view.getBigInt64(at) << 64n) | view.getBigUint64(at + 8);
const readUint160 = (view: DataView, at: number): bigint => (readUint128(view, at) << 32n) | BigInt(view.getUint32(at + 16));
const readUint24 = (view: DataView, at: number): number => (view.getUint16(at) << 8) | view.getUint8(at + 2);
const readInt24 = (view: DataView, at: number): number => (view.getInt16(at) << 8) | view.getUint8(at + 2);

/** One answer with its continuation. Throws `InvariantError` when the bytes are not exactly what the lens writes. */
export function decodeTickLensAnswer(hex: string): TickLensAnswer {
  const bytes = Buffer.from(hex.slice(2), "hex");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = view.byteLength;
  invariant(hex.startsWith("0x") && size === (hex.length - 2) / 2, "tick lens: not hex");
  invariant(size >= HEAD_BYTES && view.getUint8(0) === VERSION, `tick lens: no answer of version ${VERSION} (${size} bytes)`);

  const address = (at: number): Address => asAddress(`0x${hex.slice(2 + at * 2, 42 + at * 2)}`);
  const count = view.getUint16(1);
  const pools: V3PoolTicks[] = [];
  let at = HEAD_BYTES;
  for (let i = 0; i < count; i++) {
    invariant(at + POOL_BYTES <= size, "tick lens: truncated in a pool");
    const tickCount = view.getUint16(at + 112);
    const end = at + POOL_BYTES + tickCount * TICK_BYTES;
    invariant(end <= size, "tick lens: truncated in ticks");
    const feePips = readUint24(view, at + 60);
    const ticks: InitialisedTick[] = [];
    for (let tickAt = at + POOL_BYTES; tickAt < end; tickAt += TICK_BYTES) {
      ticks.push({
        tick: readInt24(view, tickAt),
        liquidityNet: readInt128(view, tickAt + 3),
        liquidityGross: readUint128(view, tickAt + 19),
      });
    }
    pools.push({
      pool: address(at),
      token0: address(at + 20),
      token1: address(at + 40),
      feePips: feePips === NO_FEE ? null : feePips,
      tickSpacing: readInt24(view, at + 63),
      sqrtPriceX96: readUint160(view, at + 66),
      tick: readInt24(view, at + 86),
      liquidity: readUint128(view, at + 89),
      slot: { third: readUint24(view, at + 105), fourth: readUint24(view, at + 108), words: view.getUint8(at + 111) },
      ticks,
    });
    at = end;
  }
  invariant(at === size, `tick lens: ${size - at} bytes too many`);
  return { pools, nextSlot: view.getUint8(3) === 1 ? null : readInt24(view, 4) };
}

/** An answer that is known to be whole: throws `InvariantError` when it ends within a pool. Otherwise use `readTicks`. */
export function decodeTickLensResult(hex: string): V3PoolTicks[] {
  const { pools, nextSlot } = decodeTickLensAnswer(hex);
  invariant(nextSlot === null, "tick lens: the answer ends within a pool; read it in pages (readTicks)");
  return pools;
}

/**
 * All pools with all their ticks, in as many calls as it takes, in the order given, all of one layout.
 *
 * `call` performs an `eth_call` without `to`. It must name one block, the same for every page: pages of different blocks would make a pool that never was.
 * (A pool that changed between two pages is recognised and refused, but a block hash in `call` is what prevents it.)
 */
export async function readTicks(
  pools: readonly Address[],
  call: (data: Hex) => Promise<string>,
  layout: TickLayout = "slot0",
): Promise<V3PoolTicks[]> {
  const complete: V3PoolTicks[] = [];
  let partial: V3PoolTicks | null = null;
  let cursor: TickLensCursor = { pool: 0, slot: FROM_START };
  const mostPages = pools.length * MAX_PAGES_PER_POOL;
  for (let page = 0; cursor.pool < pools.length; page++) {
    invariant(page < mostPages, `tick lens: no end after ${page} pages`);
    const asked = pools.slice(cursor.pool, cursor.pool + MAX_POOLS_PER_CALL);
    const answer = decodeTickLensAnswer(await call(encodeTickLensCall(asked, layout, cursor.slot)));
    invariant(answer.pools.length > 0, "tick lens: no pool read, the node grants too little gas");
    for (const [i, read] of answer.pools.entries()) {
      invariant(read.pool === asked[i], `tick lens: asked for ${asked[i]}, answered ${read.pool}`);
      const whole: V3PoolTicks = i === 0 && partial !== null ? joinPages(partial, read) : read;
      if (i === answer.pools.length - 1 && answer.nextSlot !== null) partial = whole;
      else complete.push(whole);
    }
    const next: TickLensCursor =
      answer.nextSlot === null
        ? { pool: cursor.pool + answer.pools.length, slot: FROM_START }
        : { pool: cursor.pool + answer.pools.length - 1, slot: answer.nextSlot };
    invariant(next.pool > cursor.pool || next.slot > cursor.slot, "tick lens: no tick read, the node grants too little gas");
    if (answer.nextSlot === null) partial = null;
    cursor = next;
  }
  return complete;
}

function joinPages(earlier: V3PoolTicks, later: V3PoolTicks): V3PoolTicks {
  invariant(
    earlier.sqrtPriceX96 === later.sqrtPriceX96 && earlier.liquidity === later.liquidity,
    `tick lens: ${earlier.pool} changed between two pages: they must read one block`,
  );
  return { ...earlier, ticks: [...earlier.ticks, ...later.ticks] };
}

/**
 * What contradicts itself in a pool's state, or null. A pool that fails is a fork with other rules, a broken or hostile contract, or was read wrongly: in
 * every case its quotes would be wrong.
 *
 * Source: UniswapV3Pool._updatePosition and Tick.cross (v3-core): active liquidity is the sum of liquidityNet at and below the current tick, and each
 * position adds at its lower what it takes at its upper tick.
 */
export function tickStateProblem(state: V3PoolTicks): string | null {
  if (state.sqrtPriceX96 === 0n) return "not an initialised pool";
  let active = 0n;
  let total = 0n;
  let previous = Number.NEGATIVE_INFINITY;
  for (const { tick, liquidityNet, liquidityGross } of state.ticks) {
    if (tick <= previous) return `tick ${tick} out of order`;
    if (tick % state.tickSpacing !== 0) return `tick ${tick} off its spacing`;
    if (liquidityGross === 0n) return `tick ${tick} marked as initialised, but empty`;
    if ((liquidityNet < 0n ? -liquidityNet : liquidityNet) > liquidityGross) return `tick ${tick}: net liquidity exceeds gross`;
    total += liquidityNet;
    if (tick <= state.tick) active += liquidityNet;
    previous = tick;
  }
  if (total !== 0n) return `liquidityNet sums to ${total}, not to zero`;
  if (active !== state.liquidity) return `ticks say ${active} is active, the pool says ${state.liquidity}`;
  return null;
}
