import { fc, test } from "@fast-check/vitest";
import { expect } from "vitest";
import { _k, amountOutExactIn, type Curve, getAmountOut, pays, REVERTED, type Reserves, type Swap } from "#libs/dex/solidly/math.ts";

const variant = fc.constantFrom("solidly-v1", "velodrome-v2", "ramses-v3-legacy", "mute");
const decimals = fc.constantFrom(0, 2, 6, 8, 18);
const curve: fc.Arbitrary<Curve> = fc.record({ variant, stable: fc.boolean(), decimals0: decimals, decimals1: decimals });
const feePips = fc.constantFrom(0, 100, 500, 3_000, 30_000);

/** Amounts about a number of whole tokens: 10^from to 10^to of them, at most a hundredfold apart. */
const amountsOf = (from: number, to: number) => (shape: Curve) =>
  fc
    .tuple(
      fc.double({ min: from, max: to, noNaN: true }),
      fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 4, maxLength: 4 }),
    )
    .map(([size, spread]) => {
      const raw = (index: number, places: number) => {
        const exponent = Math.max(0, size + places + (spread[index] as number));
        const low = Math.max(0, Math.floor(exponent) - 12);
        return 1n + BigInt(Math.floor(10 ** (exponent - low))) * 10n ** BigInt(low);
      };
      return {
        curve: shape,
        reserve0: raw(0, shape.decimals0),
        reserve1: raw(1, shape.decimals1),
        in0: raw(2, shape.decimals0),
        in1: raw(3, shape.decimals1),
      };
    });
const anyPool = curve.chain(amountsOf(-6, 11));
/** What pools with a market hold: more than a whole token and a thousand units of each. */
const realPool = curve
  .map((shape) => ({ ...shape, decimals0: Math.max(6, shape.decimals0), decimals1: Math.max(6, shape.decimals1) }))
  .chain(amountsOf(2, 9));
const share = fc.constantFrom(1n, 3n, 10n, 1_000n, 10n ** 6n, 10n ** 9n);

type Pool = { curve: Curve; reserve0: bigint; reserve1: bigint; in0: bigint; in1: bigint };
const reservesOf = ({ reserve0, reserve1 }: Pool, fee: number): Reserves => ({ reserve0, reserve1, feePips: fee, k: null });
const swapOf = ({ in0, in1 }: Pool, zeroForOne: boolean, part: bigint): Swap => ({
  amountIn: 1n + (zeroForOne ? in0 : in1) / part,
  zeroForOne,
});
const heldOut = ({ reserve0, reserve1 }: Pool, zeroForOne: boolean) => (zeroForOne ? reserve1 : reserve0);

/** Reserves after a swap of which nothing but the fee left. */
const after = (reserves: Reserves, { amountIn, zeroForOne }: Swap, amountOut: bigint): Reserves => {
  const kept = amountIn - (amountIn * BigInt(reserves.feePips)) / 1_000_000n;
  const [change0, change1] = zeroForOne ? [kept, -amountOut] : [-amountOut, kept];
  return { ...reserves, reserve0: reserves.reserve0 + change0, reserve1: reserves.reserve1 + change1, k: null };
};

test.prop([anyPool, feePips, fc.boolean(), share])(
  "a pair never pays all it has, never lowers its k, and its swap passes what we quote",
  (pool, fee, zeroForOne, part) => {
    const reserves = reservesOf(pool, fee);
    const swap = swapOf(pool, zeroForOne, part);
    const amountOut = amountOutExactIn(pool.curve, reserves, swap);
    expect(amountOut >= 0n && amountOut < heldOut(pool, zeroForOne)).toBe(true);
    if (amountOut === 0n) return;
    expect(pays(pool.curve, reserves, swap, amountOut)).toBe(true);
    const then = after(reserves, swap, amountOut);
    expect(_k(pool.curve, then.reserve0, then.reserve1) >= _k(pool.curve, reserves.reserve0, reserves.reserve1)).toBe(true);
  },
);

test.prop([anyPool, feePips, fc.boolean(), share])("there and back returns no more than went in", (pool, fee, zeroForOne, part) => {
  const reserves = reservesOf(pool, fee);
  const swap = swapOf(pool, zeroForOne, part);
  const amountOut = amountOutExactIn(pool.curve, reserves, swap);
  fc.pre(amountOut > 0n);
  const back = amountOutExactIn(pool.curve, after(reserves, swap, amountOut), { amountIn: amountOut, zeroForOne: !zeroForOne });
  const kept = swap.amountIn - (swap.amountIn * BigInt(fee)) / 1_000_000n;
  // k does not fall, but in dust it is coarser than a unit.
  const grain = pool.curve.stable ? grainOf(pool, zeroForOne) : 0n;
  expect(back <= kept + grain).toBe(true);
});

/** How many raw units of the token that comes in k does not tell apart, generously: those within two of its last digits. */
function grainOf({ curve, reserve0, reserve1 }: Pool, zeroForOne: boolean): bigint {
  let grain = 1n;
  const k = (more: bigint) => (zeroForOne ? _k(curve, reserve0 + more, reserve1) : _k(curve, reserve0, reserve1 + more));
  while (k(grain) <= k(0n) + 2n) grain *= 2n;
  return grain;
}

test.prop([realPool, feePips, fc.boolean(), share])(
  "where there is a market, the swap pays what the view promises, or a unit less",
  (pool, fee, zeroForOne, part) => {
    const reserves = reservesOf(pool, fee);
    const swap = { zeroForOne, amountIn: swapOf(pool, zeroForOne, part).amountIn + 1_000_000n };
    let promised: bigint;
    try {
      promised = getAmountOut(pool.curve, reserves, swap);
    } catch (cause) {
      if (cause !== REVERTED) throw cause;
      return;
    }
    const short = promised - amountOutExactIn(pool.curve, reserves, swap);
    expect(short === 0n || (short === 1n && pool.curve.stable && pool.curve.variant !== "velodrome-v2")).toBe(true);
  },
);
