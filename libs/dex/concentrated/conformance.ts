import { Interface } from "ethers";
import fc from "fast-check";
import { type RangesState, sortTicks } from "#libs/dex/concentrated/ranges.ts";
import { type SwapResult, swapExactIn } from "#libs/dex/concentrated/swap-math.ts";
import { getSqrtRatioAtTick, MAX_TICK, MIN_TICK } from "#libs/dex/concentrated/tick-math.ts";
import { type Fraction, magnitudes, POOL, type Slack, type Subject, tokensOf } from "#libs/dex/conformance.ts";
import type { SwapExactIn } from "#libs/dex/family.ts";
import type { LogRow } from "#proto/block/v1/observed.ts";
import type { RangesStateRow, TickRow } from "#proto/pool/v1/state.ts";

/** What the specifications of all families with ranges have in common: pools, logs, and what a pool owes to its positions. */

type RangesId = "uniswap-v3" | "pancake-v3" | "slipstream" | "algebra";

const Q96 = 1n << 96n;
const OWNER = `0x${"0a".repeat(20)}`;
const SWAP =
  "Swap(address indexed sender, address indexed recipient, int256 amount0, int256 amount1, uint160 price, uint128 liquidity, int24 tick";
const EVENTS = new Interface([
  "event Initialize(uint160 price, int24 tick)",
  "event Mint(address sender, address indexed owner, int24 indexed lower, int24 indexed upper, uint128 amount, uint256 amount0, uint256 amount1)",
  "event Burn(address indexed owner, int24 indexed lower, int24 indexed upper, uint128 amount, uint256 amount0, uint256 amount1)",
]);
/** By what comes after the words that all have. */
const SWAPS = {
  uniswap: { event: new Interface([`event ${SWAP})`]), more: [] },
  pancake: { event: new Interface([`event ${SWAP}, uint128 protocolFees0, uint128 protocolFees1)`]), more: [1n, 2n] },
} as const;

/** State events of Uniswap V3's pools, and of those that keep them. */
export const RANGES_SIGNATURES = {
  initialize: "Initialize(uint160,int24)",
  swap: "Swap(address,address,int256,int256,uint160,uint128,int24)",
  mint: "Mint(address,address,int24,int24,uint128,uint256,uint256)",
  burn: "Burn(address,int24,int24,uint128,uint256,uint256)",
} as const;

export const emit = (events: Interface, name: string, values: readonly unknown[], emitter: string = POOL): LogRow => {
  const { topics, data } = events.encodeEventLog(name, values);
  return [emitter, topics, data, 0, 0, "0x"];
};

interface Tier {
  readonly tickSpacing: number;
  readonly fees: readonly [number, number];
  /** Ticks between those that positions keep to, where it is not what `tickSpacing` says. */
  readonly grid?: number;
}

interface Position {
  readonly lower: number;
  readonly upper: number;
  readonly liquidity: bigint;
}

/** Somewhere in the range of prices: mostly where tokens trade, else anywhere up to its ends; on a tick or between two. */
const price = fc.record({
  tick: fc.oneof(
    { weight: 3, arbitrary: fc.integer({ min: -3_000, max: 3_000 }) },
    { weight: 3, arbitrary: fc.integer({ min: -350_000, max: 350_000 }) },
    { weight: 1, arbitrary: fc.integer({ min: MIN_TICK + 1, max: MAX_TICK - 2 }) },
  ),
  part: fc.oneof({ weight: 1, arbitrary: fc.constant(0n) }, { weight: 4, arbitrary: fc.bigInt({ min: 1n, max: 999n }) }),
  /** Left there by a swap that came from above: the tick is the one below, its liquidity not counted. */
  fromAbove: fc.boolean(),
});

const anyLiquidity = fc.oneof({ weight: 5, arbitrary: magnitudes(40, 100) }, { weight: 1, arbitrary: fc.bigInt({ min: 1n, max: 1_000n }) });
/** Of pools with a market: no position so small that float64 loses it beside another, none that each step of a swap rounds off a part of that shows. */
const marketLiquidity = magnitudes(60, 80);

function positionsNear(tick: number, grid: number, liquidity: fc.Arbitrary<bigint>): fc.Arbitrary<Position[]> {
  const end = Math.floor(MAX_TICK / grid);
  const within = (index: number) => Math.max(-end, Math.min(end - 1, index));
  const around = Math.floor(tick / grid);
  const one = (from: fc.Arbitrary<number>) =>
    fc
      .record({ from, width: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 900 }), fc.constant(4 * end)), liquidity })
      .map(({ from: offset, width, liquidity: amount }): Position => {
        const lower = within(around + offset);
        return { lower: lower * grid, upper: Math.min(end, lower + width) * grid, liquidity: amount };
      });
  // One at least around the price: a pool that has nothing there is one of the others' edges, not a market.
  const home = one(fc.oneof(fc.integer({ min: -2, max: 0 }), fc.constant(-2 * end))).map((each) => ({
    ...each,
    upper: Math.max(each.upper, Math.min(end, around + 1) * grid),
  }));
  const others = fc.array(one(fc.oneof(fc.integer({ min: -10, max: 10 }), fc.integer({ min: -600, max: 600 }))), { maxLength: 6 });
  return fc.tuple(fc.array(home, { minLength: 0, maxLength: 1 }), others, home).map(([first, more, last]) => {
    const all = [...first, ...more];
    return all.length === 0 ? [last] : all;
  });
}

function ticksOf(positions: readonly Position[]): TickRow[] {
  const ticks = new Map<number, { net: bigint; gross: bigint }>();
  const add = (tick: number, net: bigint, gross: bigint) => {
    const { net: before, gross: grossBefore } = ticks.get(tick) ?? { net: 0n, gross: 0n };
    ticks.set(tick, { net: before + net, gross: grossBefore + gross });
  };
  for (const { lower, upper, liquidity } of positions) {
    add(lower, liquidity, liquidity);
    add(upper, -liquidity, liquidity);
  }
  return [...ticks].sort(([left], [right]) => left - right).map(([tick, { net, gross }]) => [tick, `${net}`, `${gross}`]);
}

export function rangesPools<Id extends RangesId>(
  tiers: readonly Tier[],
): { pools: fc.Arbitrary<Subject<Id>>; markets: fc.Arbitrary<Subject<Id>>; idle: fc.Arbitrary<Subject<Id>> } {
  const infoOf = (tickSpacing: number) => ({ pool: POOL, tokens: tokensOf(2), facts: { tickSpacing } }) as unknown as Subject<Id>["info"];
  const tier = fc.constantFrom(...tiers);
  const poolsWith = (amounts: fc.Arbitrary<bigint>) =>
    fc.record({ price, tier }).chain(({ price: { tick, part, fromAbove }, tier: { tickSpacing, fees, grid = tickSpacing } }) =>
      positionsNear(tick, grid, amounts).map((positions): Subject<Id> => {
        const low = getSqrtRatioAtTick(tick);
        const sqrtPriceX96 = low + ((getSqrtRatioAtTick(tick + 1) - low) * part) / 1_000n;
        const initialised = positions.some(({ lower, upper }) => lower === tick || upper === tick);
        const at = fromAbove && sqrtPriceX96 === low && initialised ? tick - 1 : tick;
        let liquidity = 0n;
        for (const each of positions) if (each.lower <= at && at < each.upper) liquidity += each.liquidity;
        const row: RangesStateRow = [POOL, `${sqrtPriceX96}`, at, `${liquidity}`, fees[0], fees[1], ticksOf(positions)];
        return { info: infoOf(tickSpacing), row: row as Subject<Id>["row"] };
      }),
    );
  const idle = fc.record({ tier, fees: fc.boolean() }).map(({ tier: { tickSpacing, fees } }): Subject<Id> => {
    const row: RangesStateRow = [POOL, "0", 0, "0", fees[0], fees[1], []];
    return { info: infoOf(tickSpacing), row: row as Subject<Id>["row"] };
  });
  return { pools: poolsWith(anyLiquidity), markets: poolsWith(marketLiquidity), idle };
}

/** Source: TickMath.getTickAtSqrtRatio, by bisection. */
function tickAt(sqrtPriceX96: bigint): number {
  let [low, high] = [MIN_TICK, MAX_TICK];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (getSqrtRatioAtTick(middle) <= sqrtPriceX96) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Σ net of the ticks at or below this one. */
function liquidityAt(ticks: readonly TickRow[], tick: number): bigint {
  let sum = 0n;
  for (const [index, net] of ticks) if (index <= tick) sum += BigInt(net);
  return sum;
}

type SwapKind = keyof typeof SWAPS;

/**
 * The log of a swap that ends at a price. Where a step ends there (at an initialised tick, or at the border of a word of the bitmap, which is of 256 spacings;
 * of 0 there is none) and the swap came from above, the tick is the one below it. Source: UniswapV3Pool.swap.
 */
export function swapLogAt(
  kind: SwapKind,
  { facts: { tickSpacing } }: { readonly facts: { readonly tickSpacing: number } },
  state: RangesState,
  { amountIn, indexIn }: SwapExactIn,
  amountOut: bigint,
  sqrtPriceX96: bigint,
): LogRow {
  const reached = tickAt(sqrtPriceX96);
  const stops = state.ticks.has(reached) || (tickSpacing > 0 && reached % (256 * tickSpacing) === 0);
  const crossed = indexIn === 0 && getSqrtRatioAtTick(reached) === sqrtPriceX96 && stops;
  const tick = sqrtPriceX96 === state.sqrtPriceX96 ? state.tick : crossed ? reached - 1 : reached;
  const liquidity = [...state.ticks].reduce((sum, [index, { net }]) => (index <= tick ? sum + net : sum), 0n);
  const amounts = indexIn === 0 ? [amountIn, -amountOut] : [-amountOut, amountIn];
  const { event, more } = SWAPS[kind];
  return emit(event, "Swap", [OWNER, OWNER, ...amounts, sqrtPriceX96, liquidity, tick, ...more]);
}

/** Logs that a pool could write: mints, burns that take back what was minted, swaps that leave the liquidity that the ticks add up to, and what else it emits. */
export function rangesLogs<Id extends RangesId>(
  kind: SwapKind,
  { info, row }: Subject<Id>,
  other: fc.Arbitrary<LogRow> | null,
): fc.Arbitrary<readonly LogRow[]> {
  const [, sqrtPriceX96, tick, , , , ticks] = row as RangesStateRow;
  const grid = Math.max(1, info.facts.tickSpacing);
  const end = Math.floor(MAX_TICK / grid);
  const step = fc.record({
    kind: fc.constantFrom("mint", "mint", "burn", "swap", ...(other === null ? [] : ["other"])),
    lower: fc.integer({ min: -6, max: 5 }),
    width: fc.integer({ min: 1, max: 4 }),
    amount: magnitudes(1, 100),
    which: fc.nat(),
    part: fc.constantFrom(0n, 1n, 2n, 3n),
    to: fc.integer({ min: -400, max: 400 }),
    other: other ?? fc.constant(null),
  });
  return fc.array(step, { minLength: 2, maxLength: 12 }).map((steps) => {
    const written = sqrtPriceX96 === "0" ? [emit(EVENTS, "Initialize", [Q96, 0])] : [];
    const mine: Position[] = [];
    for (const { kind: what, lower, width, amount, which, part, to, other: more } of steps) {
      const index = which % Math.max(1, mine.length);
      const position = mine[index];
      if (what === "mint") {
        const at = Math.max(-end, Math.min(end - 4, Math.floor(tick / grid) + lower));
        mine.push({ lower: at * grid, upper: (at + width) * grid, liquidity: amount });
        written.push(emit(EVENTS, "Mint", [OWNER, OWNER, at * grid, (at + width) * grid, amount, 1n, 2n]));
      } else if (what === "burn" && position !== undefined) {
        // Nothing, a third, two thirds, or all of it: then the ticks go.
        const burnt = (position.liquidity * part) / 3n;
        mine[index] = { ...position, liquidity: position.liquidity - burnt };
        written.push(emit(EVENTS, "Burn", [OWNER, position.lower, position.upper, burnt, 0n, 0n]));
      } else if (what === "swap") {
        const at = Math.max(MIN_TICK, Math.min(MAX_TICK - 1, tick + to));
        const liquidity = liquidityAt([...ticks, ...ticksOf(mine)], at);
        const { event, more: rest } = SWAPS[kind];
        written.push(emit(event, "Swap", [OWNER, OWNER, 1n, -1n, getSqrtRatioAtTick(at), liquidity, at, ...rest]));
      } else if (more !== null) written.push(more);
    }
    return written;
  });
}

/**
 * What a pool has beyond what its positions are worth at its price, in each token, exactly. Of token1 that is Σ L·(√P − √low); of token0 Σ L·(1/√P − 1/√high), which
 * is L/√P + Σ net/√tick of the ticks above. Fees are on top.
 */
export function rangesSurplus(_: unknown, state: RangesState, moved: readonly bigint[]): readonly Fraction[] {
  const { sqrtPriceX96, liquidity } = state;
  const ticks = [...state.ticks].map(([tick, { net }]) => ({ above: tick > state.tick, root: getSqrtRatioAtTick(tick), net }));
  const all = ticks.reduce((product, { root }) => product * root, 1n);
  let owed0 = liquidity * all;
  let owed1 = liquidity * sqrtPriceX96;
  for (const { above, root, net } of ticks) {
    if (above) owed0 += net * (all / root) * sqrtPriceX96;
    else owed1 -= net * root;
  }
  return [
    [(moved[0] as bigint) * all * sqrtPriceX96 - owed0 * Q96, all * sqrtPriceX96],
    [(moved[1] as bigint) * Q96 - owed1, Q96],
  ];
}

/**
 * An exact output that is all that a step has, rounded down, takes the price to the end of that step: with part of another unit behind it, which it pays for.
 * And of two equal swaps the first may pay less, by what its steps have rounded off: each a unit of the output, and one each of input and fee.
 * Source: SwapMath.computeSwapStep (v3-core), PriceMovementMath.movePriceTowardsTarget (Algebra).
 */
export function rangesSlack({ sqrtPriceX96 }: RangesState, { indexIn }: SwapExactIn, { steps }: { readonly steps: number }): Slack {
  const [price, unit] = indexIn === 0 ? [sqrtPriceX96 ** 2n, Q96 ** 2n] : [Q96 ** 2n, sqrtPriceX96 ** 2n];
  return { short: 1n, again: BigInt(steps) * (1n + 2n * (1n + price / unit)) };
}

type Spaced = { readonly facts: { readonly tickSpacing: number } };

function walked({ facts: { tickSpacing } }: Spaced, state: RangesState, { amountIn, indexIn }: SwapExactIn): SwapResult {
  sortTicks(state);
  return swapExactIn(state, { amountIn, zeroForOne: indexIn === 0, feePips: state.feePips[indexIn as 0 | 1], tickSpacing });
}

/** What is the same of all whose swaps are Uniswap V3's, by the `Swap` that they write. */
export const v3Conformance = (
  kind: SwapKind,
): {
  swapLog(info: Spaced, state: RangesState, swap: SwapExactIn, amountOut: bigint): LogRow;
  invariantOf: typeof rangesSurplus;
  slack(info: Spaced, state: RangesState, swap: SwapExactIn): Slack;
} => ({
  swapLog: (info, state, swap, amountOut) => swapLogAt(kind, info, state, swap, amountOut, walked(info, state, swap).sqrtPriceX96),
  invariantOf: rangesSurplus,
  slack: (info, state, swap) => rangesSlack(state, swap, walked(info, state, swap)),
});
