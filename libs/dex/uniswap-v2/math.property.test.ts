import { fc, test } from "@fast-check/vitest";
import { expect } from "vitest";
import { amountInExactOut, amountOutExactIn } from "#libs/dex/uniswap-v2/math.ts";

const PIPS = 1_000_000n;
const uint112 = fc.oneof(
  fc.bigInt({ min: 1n, max: 2n ** 112n - 1n }),
  fc.bigInt({ min: 1n, max: 10n ** 9n }),
  fc.constantFrom(1n, 2n ** 112n - 1n),
);
/** All fees that fixed-fee forks of a base of 10,000 can have. */
const feePips = fc.integer({ min: 0, max: 9_999 }).map((bps) => BigInt(bps) * 100n);
const swap = fc.record({ amountIn: uint112, reserveIn: uint112, reserveOut: uint112, feePips });

test.prop([swap])("a swap neither drains the pair nor lowers k, and one unit more would", (input) => {
  const amountOut = amountOutExactIn(input);
  expect(amountOut < input.reserveOut).toBe(true);
  const k = input.reserveIn * input.reserveOut * PIPS;
  // As the pair computes it: the fee does not count towards k.
  const adjustedIn = input.reserveIn * PIPS + input.amountIn * (PIPS - input.feePips);
  expect(adjustedIn * (input.reserveOut - amountOut) >= k).toBe(true);
  expect(adjustedIn * (input.reserveOut - amountOut - 1n) < k).toBe(true);
});

test.prop([swap, uint112])(
  "the input of an exact output buys it, and two units less do not",
  ({ reserveIn, reserveOut, feePips: fee }, share) => {
    fc.pre(reserveOut > 1n);
    const amountOut = 1n + (share % (reserveOut - 1n));
    const amountIn = amountInExactOut({ amountOut, reserveIn, reserveOut, feePips: fee });
    expect(amountOutExactIn({ amountIn, reserveIn, reserveOut, feePips: fee }) >= amountOut).toBe(true);
    if (amountIn > 2n) expect(amountOutExactIn({ amountIn: amountIn - 2n, reserveIn, reserveOut, feePips: fee }) < amountOut).toBe(true);
  },
);

test.prop([swap, fc.constantFrom([1_000n, 997n], [1_000n, 998n], [10_000n, 9_975n], [10_000n, 9_970n] as const)])(
  "a fork's own base gives the same floor",
  ({ amountIn, reserveIn, reserveOut }, [base, kept]) => {
    const inLessFee = amountIn * (kept as bigint);
    const theirs = (inLessFee * reserveOut) / (reserveIn * (base as bigint) + inLessFee);
    const fee = PIPS - (PIPS * (kept as bigint)) / (base as bigint);
    expect(amountOutExactIn({ amountIn, reserveIn, reserveOut, feePips: fee })).toBe(theirs);
  },
);
