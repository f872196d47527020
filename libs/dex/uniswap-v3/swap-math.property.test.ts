import { fc, test } from "@fast-check/vitest";
import { Interface } from "ethers";
import { expect } from "vitest";
import { type RangesState, sortTicks } from "#libs/dex/concentrated/ranges.ts";
import { swapExactIn, swapExactOut } from "#libs/dex/concentrated/swap-math.ts";
import { getSqrtRatioAtTick, MAX_TICK, MIN_TICK } from "#libs/dex/concentrated/tick-math.ts";
import { towards } from "#libs/dex/testing.ts";
import { uniswapV3 } from "#libs/dex/uniswap-v3/index.ts";
import { asAddress } from "#libs/units/brand.ts";
import type { LogRow } from "#proto/block/v1/observed.ts";

const Q96 = 2n ** 96n;
const OWNER = `0x${"0a".repeat(20)}`;
const EVENTS = new Interface([
  "event Initialize(uint160 sqrtPriceX96, int24 tick)",
  "event Swap(address indexed sender, address indexed recipient, int256 amount0, int256 amount1, uint160 sqrtPriceX96, uint128 liquidity, int24 tick)",
  "event Mint(address sender, address indexed owner, int24 indexed tickLower, int24 indexed tickUpper, uint128 amount, uint256 amount0, uint256 amount1)",
  "event Burn(address indexed owner, int24 indexed tickLower, int24 indexed tickUpper, uint128 amount, uint256 amount0, uint256 amount1)",
]);

const log = (name: string, values: readonly unknown[]): LogRow => {
  const { topics, data } = EVENTS.encodeEventLog(name, values);
  return [`0x${"aa".repeat(20)}`, topics, data, 0, 0, `0x${"00".repeat(32)}`];
};

interface Position {
  readonly lower: number;
  readonly upper: number;
  readonly liquidity: bigint;
}

interface Pool {
  readonly info: ReturnType<typeof infoOf>;
  readonly state: RangesState;
  readonly positions: readonly Position[];
}

const infoOf = (tickSpacing: number) => ({
  pool: asAddress(`0x${"aa".repeat(20)}`),
  tokens: [asAddress(`0x${"01".repeat(20)}`), asAddress(`0x${"02".repeat(20)}`)],
  facts: { tickSpacing },
});

const mint = ({ lower, upper, liquidity }: Position) => log("Mint", [OWNER, OWNER, lower, upper, liquidity, 0n, 0n]);

/** Somewhere in the price range, exactly on a tick or between two. */
const price = fc.record({
  tick: fc.oneof(fc.integer({ min: -3_000, max: 3_000 }), fc.integer({ min: MIN_TICK + 1, max: MAX_TICK - 2 })),
  part: fc.oneof(fc.constant(0n), fc.bigInt({ min: 0n, max: 999n })),
});
const positionsNear = (tick: number, spacing: number, max: number) => {
  const end = Math.floor(MAX_TICK / spacing);
  const within = (index: number) => Math.max(-end, Math.min(end - 1, index));
  const one = fc
    .record({
      from: fc.oneof(fc.integer({ min: -10, max: 10 }), fc.integer({ min: -600, max: 600 }), fc.constant(-2 * end)),
      width: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 900 }), fc.constant(4 * end)),
      liquidity: fc.oneof(fc.bigInt({ min: 1n, max: 2n ** 90n }), fc.bigInt({ min: 1n, max: 1_000n })),
    })
    .map(({ from, width, liquidity }): Position => {
      const lower = within(Math.floor(tick / spacing) + from);
      return { lower: lower * spacing, upper: Math.min(end, lower + width) * spacing, liquidity };
    });
  return fc.array(one, { minLength: 1, maxLength: max });
};

const pool: fc.Arbitrary<Pool> = fc
  .record({
    price,
    tier: fc.constantFrom([100, 1], [500, 10], [3_000, 60], [10_000, 200], [0, 60], [999_999, 60] as const),
  })
  .chain(({ price: { tick, part }, tier: [feePips, tickSpacing] }) =>
    positionsNear(tick, tickSpacing as number, 8).map((positions) => {
      const info = infoOf(tickSpacing as number);
      const state = uniswapV3.created();
      state.feePips = [feePips as number, feePips as number];
      const low = getSqrtRatioAtTick(tick);
      uniswapV3.applyLog(info, state, log("Initialize", [low + ((getSqrtRatioAtTick(tick + 1) - low) * part) / 1_000n, tick]));
      for (const position of positions) uniswapV3.applyLog(info, state, mint(position));
      sortTicks(state);
      return { info, state, positions };
    }),
  );
const amountIn = fc.oneof(
  fc.bigInt({ min: 1n, max: 1_000n }),
  fc.integer({ min: 0, max: 130 }).chain((bits) => fc.bigInt({ min: 1n, max: 2n ** BigInt(bits) })),
);

const swap = ({ info, state }: Pick<Pool, "info" | "state">, amount: bigint, zeroForOne: boolean) =>
  swapExactIn(state, { amountIn: amount, zeroForOne, feePips: state.feePips[0], tickSpacing: info.facts.tickSpacing });

/** What the positions are worth at the price, rounded up as UniswapV3Pool.mint asks for it: the least that the pool holds, fees aside. */
function holdings({ state, positions }: Pool): { amount0: bigint; amount1: bigint } {
  let amount0 = 0n;
  let amount1 = 0n;
  const roundUp = (numerator: bigint, denominator: bigint) => (numerator + denominator - 1n) / denominator;
  for (const { lower, upper, liquidity } of positions) {
    const [low, high] = [getSqrtRatioAtTick(lower), getSqrtRatioAtTick(upper)];
    let at = state.sqrtPriceX96;
    if (at < low) at = low;
    if (at > high) at = high;
    amount0 += roundUp(roundUp(liquidity * Q96 * (high - at), high), at);
    amount1 += roundUp(liquidity * (at - low), Q96);
  }
  return { amount0, amount1 };
}

test.prop([pool, amountIn, fc.boolean()])(
  "takes no more than it is given, pays no more than the positions hold",
  (each, amount, zeroForOne) => {
    const { amountInUsed, amountOut } = swap(each, amount, zeroForOne);
    const { amount0, amount1 } = holdings(each);
    expect(amountInUsed >= 0n && amountInUsed <= amount && amountOut >= 0n).toBe(true);
    expect(amountOut <= (zeroForOne ? amount1 : amount0)).toBe(true);
  },
);

test.prop([pool, fc.boolean()])("a pool sold to its end pays out all that lies on that side, but for rounding", (each, zeroForOne) => {
  const { amountOut, ticksCrossed, steps, liquidity } = swap(each, 2n ** 250n, zeroForOne);
  const { amount0, amount1 } = holdings(each);
  const held = zeroForOne ? amount1 : amount0;
  // Each step rounds down by less than a unit, each position was rounded up by less than two.
  expect(held - amountOut <= BigInt(2 * steps + 2 * each.positions.length)).toBe(true);
  const { tick, sortedTicks } = each.state;
  expect(ticksCrossed).toBeLessThanOrEqual(sortedTicks.filter((one) => (zeroForOne ? one <= tick : one > tick)).length);
  expect(liquidity >= 0n).toBe(true);
});

const swapOut = ({ info, state }: Pick<Pool, "info" | "state">, amount: bigint, zeroForOne: boolean) =>
  swapExactOut(state, { amountOut: amount, zeroForOne, feePips: state.feePips[0], tickSpacing: info.facts.tickSpacing });

test.prop([pool, amountIn, amountIn, fc.boolean()])(
  "more out never costs less, and no more is paid than asked for or held",
  (each, amount, more, zeroForOne) => {
    const first = swapOut(each, amount, zeroForOne);
    const second = swapOut(each, amount + more, zeroForOne);
    expect(second.amountIn >= first.amountIn && second.amountOutPaid >= first.amountOutPaid).toBe(true);
    const { amount0, amount1 } = holdings(each);
    expect(first.amountOutPaid <= amount && first.amountOutPaid <= (zeroForOne ? amount1 : amount0)).toBe(true);
    expect(uniswapV3.quoteExactOut?.(each.info, each.state, { amountOut: amount, ...towards(zeroForOne) })).toBe(
      first.amountOutPaid === amount ? first.amountIn : 0n,
    );
  },
);

/** Logs that a pool could write: burns take back what was minted, swaps leave the liquidity that the ticks add up to. */
const logs: fc.Arbitrary<LogRow[]> = fc
  .array(
    fc.record({
      kind: fc.constantFrom("mint", "mint", "burn", "swap"),
      lower: fc.integer({ min: -6, max: 5 }),
      width: fc.integer({ min: 1, max: 4 }),
      amount: fc.bigInt({ min: 1n, max: 2n ** 100n }),
      which: fc.nat(),
      part: fc.constantFrom(0n, 1n, 2n, 3n),
      tick: fc.integer({ min: -400, max: 400 }),
    }),
    { minLength: 2, maxLength: 14 },
  )
  .map((steps) => {
    const written = [log("Initialize", [Q96, 0])];
    const positions: Position[] = [];
    for (const { kind, lower, width, amount, which, part, tick } of steps) {
      const position = positions[which % Math.max(1, positions.length)];
      if (kind === "mint") {
        positions.push({ lower: lower * 60, upper: (lower + width) * 60, liquidity: amount });
        written.push(mint(positions.at(-1) as Position));
      } else if (kind === "burn" && position !== undefined) {
        // Nothing, a third, two thirds, or all of it: then the ticks go.
        const burnt = (position.liquidity * part) / 3n;
        positions[positions.indexOf(position)] = { ...position, liquidity: position.liquidity - burnt };
        written.push(log("Burn", [OWNER, position.lower, position.upper, burnt, 0n, 0n]));
      } else if (kind === "swap") {
        let liquidity = 0n;
        for (const each of positions) if (each.lower <= tick && tick < each.upper) liquidity += each.liquidity;
        written.push(log("Swap", [OWNER, OWNER, 1n, -1n, getSqrtRatioAtTick(tick), liquidity, tick]));
      }
    }
    return written;
  });

const INFO = infoOf(60);

test.prop([logs])("active liquidity is what the ticks at and below the price add up to, and all ticks add up to nothing", (written) => {
  const state = uniswapV3.created();
  for (const each of written) uniswapV3.applyLog(INFO, state, each);
  sortTicks(state);
  const sum = (nets: readonly bigint[]) => nets.reduce((total, net) => total + net, 0n);
  expect(sum(state.liquidityNet.filter((_, index) => (state.sortedTicks[index] as number) <= state.tick))).toBe(state.liquidity);
  expect(sum(state.liquidityNet)).toBe(0n);
});
