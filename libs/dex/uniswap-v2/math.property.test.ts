import { fc, test } from "@fast-check/vitest";
import { expect } from "vitest";
import { deploymentOf } from "#libs/dex/testing.ts";
import { uniswapV2 } from "#libs/dex/uniswap-v2/index.ts";
import { amountInExactOut, amountOutExactIn } from "#libs/dex/uniswap-v2/math.ts";
import { asAddress } from "#libs/units/brand.ts";
import type { LogRow } from "#proto/block/v1/observed.ts";
import type { StateRowOf } from "#proto/pool/v1/state.ts";

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

test.prop([swap, uint112])("more in is never less out", (input, more) => {
  const amountOut = amountOutExactIn(input);
  expect(amountOutExactIn({ ...input, amountIn: input.amountIn + more }) >= amountOut).toBe(true);
});

test.prop([swap])("there and back returns no more than went in", (input) => {
  const amountOut = amountOutExactIn(input);
  fc.pre(amountOut > 0n);
  const back = amountOutExactIn({
    ...input,
    amountIn: amountOut,
    reserveIn: input.reserveOut - amountOut,
    reserveOut: input.reserveIn + input.amountIn,
  });
  expect(back <= input.amountIn).toBe(true);
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

test.prop([swap, uint112])("one swap pays no less than the same in two", (input, second) => {
  const first = amountOutExactIn(input);
  const then = { ...input, amountIn: second, reserveIn: input.reserveIn + input.amountIn, reserveOut: input.reserveOut - first };
  expect(first + amountOutExactIn(then) <= amountOutExactIn({ ...input, amountIn: input.amountIn + second })).toBe(true);
});

test.prop([swap, fc.constantFrom([1_000n, 997n], [1_000n, 998n], [10_000n, 9_975n], [10_000n, 9_970n] as const)])(
  "a fork's own base gives the same floor",
  ({ amountIn, reserveIn, reserveOut }, [base, kept]) => {
    const inLessFee = amountIn * (kept as bigint);
    const theirs = (inLessFee * reserveOut) / (reserveIn * (base as bigint) + inLessFee);
    const fee = PIPS - (PIPS * (kept as bigint)) / (base as bigint);
    expect(amountOutExactIn({ amountIn, reserveIn, reserveOut, feePips: fee })).toBe(theirs);
  },
);

const INFO = {
  pool: asAddress(`0x${"aa".repeat(20)}`),
  tokens: [asAddress(`0x${"01".repeat(20)}`), asAddress(`0x${"02".repeat(20)}`)],
  facts: {},
};
const word = (value: bigint) => value.toString(16).padStart(64, "0");
const sync = fc
  .tuple(uint112, uint112)
  .map(
    ([reserve0, reserve1]): LogRow => [
      INFO.pool,
      [...uniswapV2.topics(deploymentOf("uniswap-v2", INFO.pool)).state],
      `0x${word(reserve0)}${word(reserve1)}`,
      0,
      0,
      "0x",
    ],
  );

test.prop([fc.array(sync, { minLength: 1, maxLength: 8 }), fc.nat({ max: 7 })])(
  "logs are undone alone and together, and rows carry what they change",
  (logs, from) => {
    const state = uniswapV2.created();
    for (const log of logs.slice(0, from)) uniswapV2.applyLog(INFO, state, log);
    const before = uniswapV2.toRow(INFO, state);
    let merged: StateRowOf<"uniswap-v2"> | null = null;
    for (const log of logs.slice(from)) {
      const last = uniswapV2.toRow(INFO, state);
      const undo = uniswapV2.applyLog(INFO, state, log);
      expect(undo).toEqual(last);
      merged = merged === null ? undo : uniswapV2.mergeUndo(merged, undo);
    }
    if (merged === null) return;
    const after = uniswapV2.toRow(INFO, state);
    const copy = uniswapV2.created();
    uniswapV2.applyRow(copy, before);
    uniswapV2.applyRow(copy, uniswapV2.toChangeRow(INFO, state, merged));
    expect(uniswapV2.toRow(INFO, copy)).toEqual(after);
    uniswapV2.applyRow(copy, merged);
    expect(uniswapV2.toRow(INFO, copy)).toEqual(before);
  },
);
