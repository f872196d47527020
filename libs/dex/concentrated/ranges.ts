import { lastAtOrBelow, type SwapResult, swapExactIn, swapExactOut } from "#libs/dex/concentrated/swap-math.ts";
import { getTickAtSqrtRatio, sqrtPriceAtTick } from "#libs/dex/concentrated/tick-math.ts";
import type { Direction, RangeCurve, SwapExactIn, SwapExactOut } from "#libs/dex/family.ts";
import { int24Of, uintAt, wordAt } from "#libs/evm/hex.ts";
import { invariant } from "#libs/units/invariant.ts";
import type { LogRow } from "#proto/block/v1/observed.ts";
import type { RangesStateRow, TickRow } from "#proto/pool/v1/state.ts";

/** What all families have in common whose price moves along ranges of liquidity: the state, its rows, and the events that Uniswap V3 gave them. */

interface RangesInfo {
  readonly pool: string;
  readonly facts: { readonly tickSpacing: number };
}

interface Tick {
  net: bigint;
  gross: bigint;
}

export interface RangesState {
  sqrtPriceX96: bigint;
  tick: number;
  liquidity: bigint;
  /** Fee in 1e-6, by the index of the token that comes in. */
  feePips: [number, number];
  readonly ticks: Map<number, Tick>;
  /** Ticks ascending and their liquidityNet, rebuilt when a tick has come, gone or changed. */
  sortedTicks: number[];
  liquidityNet: bigint[];
  ticksChanged: boolean;
  readonly curve: RangeCurve;
  curveTicks: readonly number[];
}

const Q96 = 2 ** 96;
const NO_TICKS = new Float64Array(0);

export const emptyCurve = (): RangeCurve => ({
  kind: "ranges",
  liquidity: 0,
  sqrtPrice: 0,
  gamma: [1, 1],
  sqrtTicks: NO_TICKS,
  liquidityNet: NO_TICKS,
  ticksBelow: 0,
  endless: false,
});

function setTick(state: RangesState, tick: number, net: bigint, gross: bigint): void {
  if (gross === 0n) state.ticks.delete(tick);
  else state.ticks.set(tick, { net, gross });
  state.ticksChanged = true;
}

function tickRow(state: RangesState, tick: number): TickRow {
  const found = state.ticks.get(tick);
  return [tick, (found?.net ?? 0n).toString(), (found?.gross ?? 0n).toString()];
}

/** The state without its ticks, as a row. */
const headRow = ({ pool }: RangesInfo, { sqrtPriceX96, tick, liquidity, feePips }: RangesState): RangesStateRow => [
  pool,
  sqrtPriceX96.toString(),
  tick,
  liquidity.toString(),
  feePips[0],
  feePips[1],
  [],
];

export function sortTicks(state: RangesState): void {
  if (!state.ticksChanged) return;
  const sortedTicks: number[] = [];
  const liquidityNet: bigint[] = [];
  let last = Number.NEGATIVE_INFINITY;
  // Rows bring them in order.
  let inOrder = true;
  for (const [tick, { net }] of state.ticks) {
    inOrder &&= tick > last;
    last = tick;
    sortedTicks.push(tick);
    liquidityNet.push(net);
  }
  if (!inOrder) {
    sortedTicks.sort((left, right) => left - right);
    for (const [index, tick] of sortedTicks.entries()) liquidityNet[index] = (state.ticks.get(tick) as Tick).net;
  }
  state.sortedTicks = sortedTicks;
  state.liquidityNet = liquidityNet;
  state.ticksChanged = false;
}

/** Undo of a log that leaves the ticks alone; to be asked for before the change. */
export const undoOf: (info: RangesInfo, state: RangesState) => RangesStateRow = headRow;

/** `Initialize(uint160 sqrtPriceX96, int24 tick)` */
export function applyInitialize(info: RangesInfo, state: RangesState, [, , data]: LogRow): RangesStateRow {
  const before = headRow(info, state);
  state.sqrtPriceX96 = uintAt(data, 0);
  state.tick = int24Of(wordAt(data, 1));
  return before;
}

/** `Swap(…, int256 amount0, int256 amount1, uint160 sqrtPriceX96, uint128 liquidity, int24 tick, …)`: whatever follows is not state. */
export function applySwap(info: RangesInfo, state: RangesState, [, , data]: LogRow): RangesStateRow {
  const before = headRow(info, state);
  state.sqrtPriceX96 = uintAt(data, 2);
  state.liquidity = uintAt(data, 3);
  state.tick = int24Of(wordAt(data, 4));
  return before;
}

/** Liquidity that comes between two ticks, or goes when negative. Throws `InvariantError` when more goes than was there: a log is missing. */
export function applyLiquidity(
  info: RangesInfo,
  state: RangesState,
  { lower, upper, amount }: { readonly lower: number; readonly upper: number; readonly amount: bigint },
): RangesStateRow {
  const before = headRow(info, state);
  before[6] = [tickRow(state, lower), tickRow(state, upper)];
  // A burn of nothing collects fees.
  if (amount === 0n) return before;
  const low = state.ticks.get(lower) ?? { net: 0n, gross: 0n };
  const high = state.ticks.get(upper) ?? { net: 0n, gross: 0n };
  invariant(low.gross + amount >= 0n && high.gross + amount >= 0n, `ticks ${lower}, ${upper} of ${info.pool}: more burnt than was there`);
  setTick(state, lower, low.net + amount, low.gross + amount);
  setTick(state, upper, high.net - amount, high.gross + amount);
  if (state.tick >= lower && state.tick < upper) state.liquidity += amount;
  return before;
}

/** `Mint(address sender, address indexed owner, int24 indexed tickLower, int24 indexed tickUpper, uint128 amount, …)` */
export const applyMint = (info: RangesInfo, state: RangesState, [, topics, data]: LogRow): RangesStateRow =>
  applyLiquidity(info, state, { lower: int24Of(topics[2] as string), upper: int24Of(topics[3] as string), amount: uintAt(data, 1) });

/** `Burn(address indexed owner, int24 indexed tickLower, int24 indexed tickUpper, uint128 amount, …)` */
export const applyBurn = (info: RangesInfo, state: RangesState, [, topics, data]: LogRow): RangesStateRow =>
  applyLiquidity(info, state, { lower: int24Of(topics[2] as string), upper: int24Of(topics[3] as string), amount: -uintAt(data, 0) });

/** The state without its ticks, as a row, where a swap has left it at this price. Fees stay: no swap decides its own. */
export const rowAfter = (
  { pool }: RangesInfo,
  { feePips }: RangesState,
  { sqrtPriceX96, tick, liquidity }: Pick<SwapResult, "sqrtPriceX96" | "tick" | "liquidity">,
): RangesStateRow => [
  pool,
  sqrtPriceX96.toString(),
  tick ?? getTickAtSqrtRatio(sqrtPriceX96),
  liquidity.toString(),
  feePips[0],
  feePips[1],
  [],
];

function swapOf(info: RangesInfo, state: RangesState, { amountIn, indexIn }: SwapExactIn): SwapResult {
  sortTicks(state);
  const feePips = state.feePips[indexIn as 0 | 1];
  for (const asked of RECENT) if (isSame(asked, state, amountIn, indexIn, feePips)) return asked.result as SwapResult;
  const result = swapExactIn(state, { amountIn, zeroForOne: indexIn === 0, feePips, tickSpacing: info.facts.tickSpacing });
  const asked = RECENT[next] as Asked;
  next = (next + 1) % RECENT.length;
  asked.state = state;
  asked.amountIn = amountIn;
  asked.indexIn = indexIn;
  asked.feePips = feePips;
  asked.sqrtPriceX96 = state.sqrtPriceX96;
  asked.tick = state.tick;
  asked.liquidity = state.liquidity;
  asked.sortedTicks = state.sortedTicks;
  asked.result = result;
  return result;
}

/** A swap with all that its result depends on: a state is changed in place, its list of ticks is not. */
interface Asked {
  state: RangesState | null;
  amountIn: bigint;
  indexIn: number;
  feePips: number;
  sqrtPriceX96: bigint;
  tick: number;
  liquidity: bigint;
  sortedTicks: readonly number[];
  result: SwapResult | null;
}

/** The last few swaps: whoever quotes a cycle asks for the gas of the same swaps next, and they are as long to walk. As many as a cycle has hops, and some. */
const RECENT = Array.from(
  { length: 8 },
  (): Asked => ({
    state: null,
    amountIn: 0n,
    indexIn: 0,
    feePips: 0,
    sqrtPriceX96: 0n,
    tick: 0,
    liquidity: 0n,
    sortedTicks: [],
    result: null,
  }),
);
let next = 0;

const isSame = (asked: Asked, state: RangesState, amountIn: bigint, indexIn: number, feePips: number): boolean =>
  asked.state === state &&
  asked.amountIn === amountIn &&
  asked.indexIn === indexIn &&
  asked.feePips === feePips &&
  asked.sqrtPriceX96 === state.sqrtPriceX96 &&
  asked.tick === state.tick &&
  asked.liquidity === state.liquidity &&
  asked.sortedTicks === state.sortedTicks;

/** Null where the pool does not take it all, or pays nothing for it. */
function wholeSwapOf(info: RangesInfo, state: RangesState, swap: SwapExactIn): SwapResult | null {
  if (swap.amountIn <= 0n || state.sqrtPriceX96 === 0n) return null;
  const result = swapOf(info, state, swap);
  return result.amountInUsed === swap.amountIn && result.amountOut > 0n ? result : null;
}

/**
 * A swap within one tick takes about 64,000 (measured: V3→V3 204,500, libs/contracts/README.md). A step reads a cold word of the bitmap (2,100) and
 * computes; crossing writes a tick's four slots, two of them warm afterwards. Checked against eth_estimateGas in runs on the local chain.
 */
const GAS_OF_SWAP = 58_000;
const GAS_OF_STEP = 6_000;
const GAS_OF_CROSSING = 26_000;

/** The parts of a `Family` that do not depend on whose pools they are. */
export const rangesFamily = {
  created: (): RangesState => ({
    sqrtPriceX96: 0n,
    tick: 0,
    liquidity: 0n,
    feePips: [0, 0],
    ticks: new Map(),
    sortedTicks: [],
    liquidityNet: [],
    ticksChanged: false,
    curve: emptyCurve(),
    curveTicks: [],
  }),
  isLive: (state: RangesState): boolean => state.sqrtPriceX96 > 0n && state.ticks.size > 0,
  applyRow(state: RangesState, [, sqrtPriceX96, tick, liquidity, feePips0, feePips1, ticks]: RangesStateRow): void {
    state.sqrtPriceX96 = BigInt(sqrtPriceX96);
    state.tick = tick;
    state.liquidity = BigInt(liquidity);
    state.feePips[0] = feePips0;
    state.feePips[1] = feePips1;
    for (const [index, net, gross] of ticks) setTick(state, index, BigInt(net), BigInt(gross));
  },
  toRow(info: RangesInfo, state: RangesState): RangesStateRow {
    sortTicks(state);
    const row = headRow(info, state);
    row[6] = state.sortedTicks.map((tick) => tickRow(state, tick));
    return row;
  },
  toChangeRow(info: RangesInfo, state: RangesState, like: RangesStateRow): RangesStateRow {
    const row = headRow(info, state);
    row[6] = like[6].map(([tick]) => tickRow(state, tick));
    return row;
  },
  mergeUndo(earlier: RangesStateRow, later: RangesStateRow): RangesStateRow {
    const known = new Set(earlier[6].map(([tick]) => tick));
    const [pool, sqrtPriceX96, tick, liquidity, feePips0, feePips1, ticks] = earlier;
    return [pool, sqrtPriceX96, tick, liquidity, feePips0, feePips1, [...ticks, ...later[6].filter(([each]) => !known.has(each))]];
  },
  curve(_: RangesInfo, state: RangesState): RangeCurve {
    const { curve } = state;
    sortTicks(state);
    if (state.curveTicks !== state.sortedTicks) {
      state.curveTicks = state.sortedTicks;
      const { sortedTicks, liquidityNet } = state;
      const { length } = sortedTicks;
      curve.sqrtTicks = new Float64Array(length);
      curve.liquidityNet = new Float64Array(length);
      for (let index = 0; index < length; index++) {
        curve.sqrtTicks[index] = sqrtPriceAtTick(sortedTicks[index] as number);
        curve.liquidityNet[index] = Number(liquidityNet[index]);
      }
    }
    curve.liquidity = Number(state.liquidity);
    curve.sqrtPrice = Number(state.sqrtPriceX96) / Q96;
    curve.gamma[0] = 1 - state.feePips[0] / 1e6;
    curve.gamma[1] = 1 - state.feePips[1] / 1e6;
    curve.ticksBelow = lastAtOrBelow(state.sortedTicks, state.tick) + 1;
    return curve;
  },
  holdings(info: RangesInfo, state: RangesState): readonly bigint[] {
    const { sqrtPrice, sqrtTicks, ticksBelow } = this.curve(info, state);
    let amount0 = 0;
    let amount1 = 0;
    // Summed exactly: a position may be too small to be seen beside another one.
    let sum = 0n;
    for (let index = 0; index + 1 < sqrtTicks.length; index++) {
      sum += state.liquidityNet[index] as bigint;
      const liquidity = Number(sum);
      const [low, high] = [sqrtTicks[index] as number, sqrtTicks[index + 1] as number];
      const at = index + 1 === ticksBelow ? Math.min(high, Math.max(low, sqrtPrice)) : index + 1 < ticksBelow ? high : low;
      amount0 += liquidity * (1 / at - 1 / high);
      amount1 += liquidity * (at - low);
    }
    return [BigInt(Math.floor(amount0)), BigInt(Math.floor(amount1))];
  },
  /** Rounding of the contract costs a unit or two at each step of its loop, of which a large swap takes a hundred where each tick counts; the rest is float64. */
  curveError: { relative: 1e-9, units: 256 },
  quoteExactIn: (info: RangesInfo, state: RangesState, swap: SwapExactIn): bigint => wholeSwapOf(info, state, swap)?.amountOut ?? 0n,
  afterSwap(info: RangesInfo, state: RangesState, swap: SwapExactIn): RangesStateRow | null {
    const result = wholeSwapOf(info, state, swap);
    return result === null ? null : rowAfter(info, state, result);
  },
  quotableAgain: (): boolean => true,
  quoteExactOut(info: RangesInfo, state: RangesState, { amountOut, indexIn }: SwapExactOut): bigint {
    if (amountOut <= 0n || state.sqrtPriceX96 === 0n) return 0n;
    sortTicks(state);
    const { amountIn, amountOutPaid } = swapExactOut(state, {
      amountOut,
      zeroForOne: indexIn === 0,
      feePips: state.feePips[indexIn as 0 | 1],
      tickSpacing: info.facts.tickSpacing,
    });
    return amountOutPaid === amountOut ? amountIn : 0n;
  },
  swapCall: (_: RangesInfo, { indexIn }: Direction) => ({ form: "v3" as const, zeroForOne: indexIn === 0 }),
  swapGas(info: RangesInfo, state: RangesState, swap: SwapExactIn): number {
    const { steps, ticksCrossed } = swapOf(info, state, swap);
    return GAS_OF_SWAP + steps * GAS_OF_STEP + ticksCrossed * GAS_OF_CROSSING;
  },
  gasOfRanges: { within: GAS_OF_SWAP + GAS_OF_STEP, tick: GAS_OF_STEP + GAS_OF_CROSSING },
};
