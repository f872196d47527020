import { fc, test } from "@fast-check/vitest";
import { expect } from "vitest";
import { type Address, asAddress } from "#libs/units/brand.ts";
import type { SwapCall } from "#proto/cycle/v1/found.ts";
import { decodeExecute, type ExecutionPlan, encodeExecute, type SwapCommand } from "./plan.ts";

const address: fc.Arbitrary<Address> = fc
  .bigInt({ min: 1n, max: (1n << 160n) - 1n })
  .map((value) => asAddress(`0x${value.toString(16).padStart(40, "0")}`));
const amount = (bits: bigint) => fc.oneof(fc.bigInt({ min: 1n, max: (1n << bits) - 1n }), fc.constantFrom(1n, (1n << bits) - 1n));

const FORMS = ["v2", "v3", "balancer-v2", "curve"] as const;
const coins = fc.uniqueArray(fc.nat({ max: 255 }), { minLength: 2, maxLength: 2 });
const step = fc.record({
  form: fc.constantFrom(...FORMS),
  pool: address,
  vault: address,
  poolNonce: fc.bigInt({ min: 0n, max: (1n << 96n) - 1n }),
  coins,
  to: fc.nat(),
  part: fc.boolean(),
  amountOut: amount(128n),
});

function callOf(
  { form, pool, vault, poolNonce, coins: [i = 0, j = 1] }: typeof step extends fc.Arbitrary<infer Step> ? Step : never,
  zeroForOne: boolean,
): SwapCall {
  if (form === "balancer-v2") return { form, vault, poolId: pool + poolNonce.toString(16).padStart(24, "0") };
  return form === "curve" ? { form, i, j } : { form, zeroForOne };
}

/** Routes as a solver makes them: each swap takes what the one before gave, all or part of it, through at most ten tokens. */
const plan: fc.Arbitrary<ExecutionPlan> = fc
  .record({
    tokens: fc.uniqueArray(address, { minLength: 2, maxLength: 10 }),
    steps: fc.array(step, { minLength: 1, maxLength: 12 }),
    loanAmount: amount(128n),
    profit: fc.nat(),
    minProfit: fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }),
    builderPayment: fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }),
    validUntilBlock: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
    executionId: fc.bigInt({ min: 0n, max: (1n << 256n) - 1n }),
  })
  .map(({ tokens, steps, executionId, profit, ...rest }) => {
    const loanToken = tokens[0] as Address;
    let tokenIn = loanToken;
    let have = rest.loanAmount;
    const swaps: SwapCommand[] = steps.map((next) => {
      const others = tokens.filter((token) => token !== tokenIn);
      const tokenOut = others[next.to % others.length] as Address;
      const command: SwapCommand = {
        call: callOf(next, tokenIn < tokenOut),
        pool: next.pool,
        tokenIn,
        tokenOut,
        amountIn: next.part ? have / 2n || 1n : have,
        amountOut: next.amountOut,
      };
      [tokenIn, have] = [tokenOut, next.amountOut];
      return command;
    });
    const held = [loanToken, ...swaps.map(({ tokenOut }) => tokenOut)];
    const profitToken = held[profit % held.length] as Address;
    return { ...rest, executionId: `0x${executionId.toString(16).padStart(64, "0")}`, loanToken, profitToken, swaps };
  });

test.prop([plan])("what was encoded is decoded, swap by swap", (original) => {
  const { swaps, tokens, ...header } = decodeExecute(encodeExecute(original));
  const { swaps: expected, ...expectedHeader } = original;
  expect(header).toEqual(expectedHeader);
  expect(tokens[0]).toBe(original.loanToken);
  expect(tokens).toContain(original.profitToken);
  expect(new Set(tokens).size).toBe(tokens.length);
  expect(swaps).toHaveLength(expected.length);
  for (const [i, swap] of swaps.entries()) {
    const { call, pool, amountIn, amountOut } = swap;
    const { tokenIn, tokenOut, ...exact } = expected[i] as SwapCommand;
    expect({ call, pool, amountIn, amountOut }).toEqual(exact);
    expect(swap.tokenOut).toBe(call.form === "balancer-v2" ? tokenOut : null);
    // A swap is paid by the executor, out of the right token, or by the swap before it, never both and never neither.
    const before = swaps[i - 1]?.forwards === true;
    expect(swap.paidToken).toBe(before ? null : tokenIn);
    if (swap.forwards) expect([call.form === "curve", swaps[i + 1]?.call.form]).toEqual([false, "v2"]);
  }
});

test.prop([plan])("the same plan is the same bytes, a whole number of words behind the selector", (original) => {
  const calldata = encodeExecute(original);
  expect(encodeExecute(structuredClone(original))).toBe(calldata);
  expect((calldata.length - 2 - 8) % 64).toBe(0);
});

test.prop([plan, fc.nat()])("a plan cut short is refused, not misread", (original, cut) => {
  const calldata = encodeExecute(original);
  const shorter = calldata.slice(0, 2 + 2 * (cut % 136));
  expect(() => decodeExecute(shorter)).toThrow();
});
