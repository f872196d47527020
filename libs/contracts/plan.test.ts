import { Interface, id } from "ethers";
import { describe, expect, test } from "vitest";
import { asAddress } from "#libs/units/brand.ts";
import { InvariantError } from "#libs/units/invariant.ts";
import { artifact } from "./artifact.ts";
import { decodeExecute, type ExecutionPlan, encodeExecute, type SwapCommand } from "./plan.ts";

const address = (digit: string) => asAddress(`0x${digit.repeat(40)}`);
const [weth, usd, dai] = [address("1"), address("2"), address("3")];
const [pairA, pairB, poolA, poolB] = [address("a"), address("b"), address("c"), address("d")];

function swap(kind: "v2" | "v3", pool: string, tokenIn: string, tokenOut: string, amountIn: bigint, amountOut: bigint): SwapCommand {
  return {
    kind: kind === "v2" ? "uniswap-v2" : "uniswap-v3",
    pool: asAddress(pool),
    zeroForOne: tokenIn < tokenOut,
    tokenIn: asAddress(tokenIn),
    tokenOut: asAddress(tokenOut),
    amountIn,
    amountOut,
  };
}

function planOf(swaps: SwapCommand[], changes: Partial<ExecutionPlan> = {}): ExecutionPlan {
  return {
    executionId: id("plan"),
    loanToken: weth,
    loanAmount: 1000n,
    swaps,
    minProfit: 5n,
    builderPayment: 0n,
    validUntilBlock: 77n,
    ...changes,
  };
}

const v2v2 = [swap("v2", pairA, weth, usd, 1000n, 2000n), swap("v2", pairB, usd, weth, 2000n, 1010n)];

describe("encodeExecute", () => {
  test("is an ABI call of execute(bytes) that any decoder reads", () => {
    const contract = new Interface(JSON.stringify(artifact("Executor").abi));
    const calldata = encodeExecute(planOf(v2v2));
    const [bytes] = contract.decodeFunctionData("execute", calldata);
    expect(contract.encodeFunctionData("execute", [bytes])).toBe(calldata);
  });

  test("lays out a V2 to V2 plan as documented, with the output forwarded", () => {
    const contract = new Interface(JSON.stringify(artifact("Executor").abi));
    const [bytes] = contract.decodeFunctionData("execute", encodeExecute(planOf(v2v2, { builderPayment: 3n })));
    const word = (value: number, size: number) => value.toString(16).padStart(size * 2, "0");
    expect(bytes).toBe(
      [
        id("plan"),
        word(77, 8),
        word(1000, 16),
        word(5, 16),
        word(3, 16),
        "01",
        weth.slice(2),
        "0e", // zeroForOne, forward, pay with token 0
        pairA.slice(2),
        word(2000, 16),
        word(1000, 16),
        "00", // already paid, output to the executor
        pairB.slice(2),
        word(1010, 16),
      ].join(""),
    );
  });

  test("watches every token it pays with, and names it by index", () => {
    const decoded = decodeExecute(
      encodeExecute(planOf([swap("v2", pairA, weth, usd, 1000n, 2000n), swap("v3", poolA, usd, weth, 2000n, 1010n)])),
    );
    expect(decoded.tokens).toEqual([weth, usd]);
    expect(decoded.swaps).toMatchObject([
      { paidToken: weth, forwards: false },
      { paidToken: usd, forwards: false },
    ]);
  });

  test("forwards from V3 into V2, but never into V3", () => {
    const decoded = decodeExecute(
      encodeExecute(
        planOf([
          swap("v3", poolA, weth, usd, 1000n, 2000n),
          swap("v2", pairA, usd, dai, 2000n, 3000n),
          swap("v3", poolB, dai, weth, 3000n, 1010n),
        ]),
      ),
    );
    expect(decoded.swaps.map((decodedSwap) => decodedSwap.forwards)).toEqual([true, false, false]);
  });

  test("does not forward when the next swap takes only part", () => {
    const split = [
      swap("v2", pairA, weth, usd, 1000n, 2000n),
      swap("v2", pairB, usd, weth, 1500n, 800n),
      swap("v3", poolA, usd, weth, 500n, 300n),
    ];
    const decoded = decodeExecute(encodeExecute(planOf(split)));
    expect(decoded.swaps.map((decodedSwap) => decodedSwap.paidToken)).toEqual([weth, usd, usd]);
  });

  test("accepts several cycles of one loan", () => {
    const second = [swap("v3", poolA, weth, dai, 400n, 900n), swap("v3", poolB, dai, weth, 900n, 410n)];
    const decoded = decodeExecute(
      encodeExecute(planOf([...v2v2.map((s, i) => ({ ...s, ...(i === 0 ? { amountIn: 600n } : {}) })), ...second])),
    );
    expect(decoded.swaps).toHaveLength(4);
  });

  const broken: [string, ExecutionPlan, string][] = [
    ["no swaps", planOf([]), "without swaps"],
    ["no loan", planOf(v2v2, { loanAmount: 0n }), "loanAmount out of range"],
    ["a loan beyond 128 bits", planOf(v2v2, { loanAmount: 1n << 128n }), "loanAmount out of range"],
    ["a negative profit", planOf(v2v2, { minProfit: -1n }), "minProfit out of range"],
    ["a builder payment beyond 128 bits", planOf(v2v2, { builderPayment: 1n << 128n }), "builderPayment out of range"],
    ["a block beyond 64 bits", planOf(v2v2, { validUntilBlock: 1n << 64n }), "validUntilBlock out of range"],
    ["a short execution id", planOf(v2v2, { executionId: "0x12" }), "executionId"],
    ["an amount of nothing", planOf([swap("v2", pairA, weth, usd, 1000n, 0n)]), "swaps[0].amountOut out of range"],
    ["a V2 amount beyond reserves", planOf([swap("v2", pairA, weth, usd, 1000n, 1n << 112n)]), "swaps[0].amountOut out of range"],
    ["a direction against the token order", planOf([{ ...swap("v2", pairA, weth, usd, 1n, 1n), zeroForOne: false }]), "zeroForOne"],
    ["a token swapped for itself", planOf([swap("v2", pairA, weth, weth, 1n, 1n)]), "for itself"],
    ["spending more than was borrowed", planOf([swap("v2", pairA, weth, usd, 1001n, 1n)]), "of which the plan has 1000"],
    ["spending what nothing provides", planOf([swap("v2", pairA, usd, weth, 1n, 1n)]), "of which the plan has 0"],
  ];
  test.each(broken)("refuses %s", (_, plan, message) => {
    expect(() => encodeExecute(plan)).toThrow(InvariantError);
    expect(() => encodeExecute(plan)).toThrow(message);
  });

  test("refuses to pay with more tokens than the table can index", () => {
    const tokens = Array.from({ length: 17 }, (_, i) => asAddress(`0x${(i + 1).toString(16).padStart(40, "0")}`));
    const swaps = tokens.slice(1).map((token, i) => swap("v3", poolA, tokens[i] ?? "", token, 1000n, 1000n));
    const [loanToken] = tokens;
    if (loanToken === undefined) throw new Error("no token");
    expect(decodeExecute(encodeExecute(planOf(swaps, { loanToken }))).tokens).toHaveLength(16);
    const back = swap("v3", poolA, tokens[16] ?? "", loanToken, 1000n, 1000n);
    expect(() => encodeExecute(planOf([...swaps, back], { loanToken }))).toThrow("more than 16 tokens");
  });
});

describe("decodeExecute", () => {
  test.each([
    ["other calls", `0x12345678${"0".repeat(128)}`],
    ["half bytes", "0x123"],
    ["truncated plans", encodeExecute(planOf(v2v2)).slice(0, -64)],
    ["nothing", "0x"],
  ])("refuses %s", (_, calldata) => {
    expect(() => decodeExecute(calldata)).toThrow(InvariantError);
  });
});
