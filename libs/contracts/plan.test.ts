import { Interface, id } from "ethers";
import { describe, expect, test } from "vitest";
import { asAddress } from "#libs/units/brand.ts";
import { InvariantError } from "#libs/units/invariant.ts";
import type { SwapCall } from "#proto/cycle/v1/found.ts";
import { artifact } from "./artifact.ts";
import { decodeExecute, type ExecutionPlan, encodeExecute, gasLimitOf, MAX_GAS_ESTIMATE, type SwapCommand } from "./plan.ts";

const address = (digit: string) => asAddress(`0x${digit.repeat(40)}`);
const [weth, usd, dai] = [address("1"), address("2"), address("3")];
const [pairA, pairB, poolA, poolB] = [address("a"), address("b"), address("c"), address("d")];

const poolId = `${poolA}0002000000000000000000ff`;
const vault = address("e");

function swap(form: SwapCall["form"], pool: string, tokenIn: string, tokenOut: string, amountIn: bigint, amountOut: bigint): SwapCommand {
  const calls: Record<SwapCall["form"], SwapCall> = {
    v2: { form: "v2", zeroForOne: tokenIn < tokenOut },
    v3: { form: "v3", zeroForOne: tokenIn < tokenOut },
    "balancer-v2": { form: "balancer-v2", vault, poolId },
    curve: { form: "curve", i: 2, j: 0 },
  };
  return {
    call: calls[form],
    pool: asAddress(pool),
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

const word = (value: number, size: number) => value.toString(16).padStart(size * 2, "0");

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
    expect(bytes).toBe(
      [
        id("plan"),
        word(77, 8),
        word(1000, 16),
        word(5, 16),
        word(3, 16),
        "00", // profit in token 0
        "01",
        weth.slice(2),
        "09", // V2, zeroForOne, paid with token 0
        pairA.slice(2),
        word(2000, 16),
        word(1000, 16),
        "00", // V2, paid by the swap before it
        pairB.slice(2),
        word(1010, 16),
      ].join(""),
    );
  });

  test("lays out V3, Balancer and Curve swaps as documented", () => {
    const swaps = [
      swap("v3", poolB, weth, usd, 1000n, 2000n),
      swap("balancer-v2", poolA, usd, dai, 2000n, 3000n),
      swap("curve", poolB, dai, weth, 3000n, 1010n),
    ];
    const calldata = encodeExecute(planOf(swaps));
    expect(calldata).toContain(
      [
        ["03", weth.slice(2), usd.slice(2), dai.slice(2)],
        ["0a", poolB.slice(2), word(2000, 16), word(1000, 16)],
        ["13", vault.slice(2), word(3000, 16), word(2000, 16), poolId.slice(2), dai.slice(2)],
        ["24", poolB.slice(2), word(1010, 16), word(3000, 16), "02", "00"],
      ]
        .flat()
        .join(""),
    );
    expect(decodeExecute(calldata).swaps.map((decoded) => decoded.call)).toEqual(swaps.map((command) => command.call));
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

  test("forwards from a Balancer vault, but never from Curve, nor into either", () => {
    const decoded = decodeExecute(
      encodeExecute(
        planOf([
          swap("v2", pairB, weth, usd, 1000n, 2000n),
          swap("balancer-v2", poolA, usd, dai, 2000n, 3000n),
          swap("v2", pairA, dai, usd, 3000n, 2000n),
          swap("curve", poolB, usd, dai, 2000n, 3000n),
          swap("v2", pairB, dai, weth, 3000n, 1010n),
        ]),
      ),
    );
    expect(decoded.swaps.map((decodedSwap) => decodedSwap.forwards)).toEqual([false, true, false, false, false]);
    expect(decoded.swaps.map((decodedSwap) => decodedSwap.paidToken)).toEqual([weth, usd, null, usd, dai]);
  });

  const sold = [...v2v2, swap("v3", poolA, weth, dai, 10n, 20n)];

  test("takes the profit in a token that a swap buys, which joins the table behind those that are paid with", () => {
    const calldata = encodeExecute(planOf(sold, { profitToken: dai, builderPayment: 0n }));
    expect(calldata).toContain([word(0, 16), "01", "02", weth.slice(2), dai.slice(2), "09"].join(""));
    expect(decodeExecute(calldata)).toMatchObject({ loanToken: weth, profitToken: dai, tokens: [weth, dai] });
  });

  test("takes it in the loan token where nothing else is said", () => {
    expect(decodeExecute(encodeExecute(planOf(sold))).profitToken).toBe(weth);
    expect(encodeExecute(planOf(sold, { profitToken: weth }))).toBe(encodeExecute(planOf(sold)));
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

  test("does not forward from a pair to itself", () => {
    const there = [swap("v2", pairA, weth, usd, 1000n, 2000n), swap("v2", pairA, usd, weth, 2000n, 990n)];
    expect(decodeExecute(encodeExecute(planOf(there))).swaps.map((decoded) => decoded.paidToken)).toEqual([weth, usd]);
  });

  test("accepts several cycles of one loan", () => {
    const second = [swap("v3", poolA, weth, dai, 400n, 900n), swap("v3", poolB, dai, weth, 900n, 410n)];
    const decoded = decodeExecute(
      encodeExecute(planOf([...v2v2.map((s, i) => ({ ...s, ...(i === 0 ? { amountIn: 600n } : {}) })), ...second])),
    );
    expect(decoded.swaps).toHaveLength(4);
  });

  const as = (call: SwapCall): SwapCommand => ({ ...swap("v2", poolA, weth, usd, 1n, 1n), call });
  const broken: [string, ExecutionPlan, string][] = [
    ["no swaps", planOf([]), "without swaps"],
    ["no loan", planOf(v2v2, { loanAmount: 0n }), "loanAmount out of range"],
    ["a loan beyond 128 bits", planOf(v2v2, { loanAmount: 1n << 128n }), "loanAmount out of range"],
    ["a negative profit", planOf(v2v2, { minProfit: -1n }), "minProfit out of range"],
    ["a builder payment beyond 128 bits", planOf(v2v2, { builderPayment: 1n << 128n }), "builderPayment out of range"],
    ["a block beyond 64 bits", planOf(v2v2, { validUntilBlock: 1n << 64n }), "validUntilBlock out of range"],
    ["a short execution id", planOf(v2v2, { executionId: "0x12" }), "executionId"],
    ["an amount of nothing", planOf([swap("v2", pairA, weth, usd, 1000n, 0n)]), "swaps[0].amountOut out of range"],
    ["an amount beyond 128 bits", planOf([swap("v2", pairA, weth, usd, 1000n, 1n << 128n)]), "swaps[0].amountOut out of range"],
    ["a direction against the token order", planOf([as({ form: "v2", zeroForOne: false })]), "zeroForOne"],
    ["the same in a V3 pool", planOf([as({ form: "v3", zeroForOne: false })]), "zeroForOne"],
    ["a pool id of another pool", planOf([swap("balancer-v2", poolB, weth, usd, 1n, 1n)]), "not of the pool"],
    ["a short pool id", planOf([as({ form: "balancer-v2", vault, poolId: poolA })]), "poolId is not 32 bytes"],
    ["a vault that is no address", planOf([as({ form: "balancer-v2", vault: "0x", poolId })]), "vault is not an address"],
    ["a coin swapped for itself", planOf([as({ form: "curve", i: 1, j: 1 })]), "swaps coin 1"],
    ["a coin beyond a byte", planOf([as({ form: "curve", i: 256, j: 1 })]), "swaps coin 256"],
    ["a coin before the first", planOf([as({ form: "curve", i: 0, j: -1 })]), "for coin -1"],
    ["a coin between two", planOf([as({ form: "curve", i: 0.5, j: 1 })]), "swaps coin 0.5"],
    ["a token swapped for itself", planOf([swap("v2", pairA, weth, weth, 1n, 1n)]), "for itself"],
    ["spending more than was borrowed", planOf([swap("v2", pairA, weth, usd, 1001n, 1n)]), "of which the plan has 1000"],
    ["a profit in what no swap buys", planOf(v2v2, { profitToken: dai }), "which no swap buys"],
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
    // Nor to take its profit in one more.
    expect(() => encodeExecute(planOf(swaps, { loanToken, profitToken: asAddress(tokens[16] ?? "") }))).toThrow("more than 16 tokens");
  });
});

/** A Curve swap with another first byte, and with more behind it. */
function recoded(head: string, more = "", profitIndex = "00"): string {
  const contract = new Interface(JSON.stringify(artifact("Executor").abi));
  const [bytes] = contract.decodeFunctionData("execute", encodeExecute(planOf([swap("curve", poolA, weth, usd, 1000n, 1010n)])));
  const at = (byte: number) => 2 + 2 * byte;
  expect(bytes.slice(at(88), at(90)) + bytes.slice(at(110), at(111))).toBe("000104");
  return contract.encodeFunctionData("execute", [
    bytes.slice(0, at(88)) + profitIndex + bytes.slice(at(89), at(110)) + head + bytes.slice(at(111)) + more,
  ]);
}

describe("decodeExecute", () => {
  test.each([
    ["other calls", `0x12345678${"0".repeat(128)}`, "not a call"],
    ["half bytes", "0x123", "not hex"],
    ["truncated plans", encodeExecute(planOf(v2v2)).slice(0, -64), "shorter"],
    ["nothing", "0x", "not a call"],
    ["commands of no known form", recoded("05"), "no known form"],
    ["a Curve pool of uint256 indices", recoded("0c"), "uint256 indices"],
    ["a token outside the table", recoded("14"), "outside its table"],
    ["a profit token outside the table", recoded("04", "", "01"), "profit in a token outside its table"],
    ["a forwarded swap behind a Curve pool", recoded("04", `00${pairA.slice(2)}${word(1, 16)}`), "forwards to nobody"],
  ])("refuses %s", (_, calldata, message) => {
    expect(() => decodeExecute(calldata)).toThrow(InvariantError);
    expect(() => decodeExecute(calldata)).toThrow(message);
  });
});

test("a gas limit leaves room above the estimate, and none is above what a transaction may ask for", () => {
  expect(gasLimitOf(150_000)).toBe(500_000);
  // EIP-7825
  expect(gasLimitOf(MAX_GAS_ESTIMATE)).toBe(16_777_216);
  expect(gasLimitOf(MAX_GAS_ESTIMATE + 1)).toBe(16_777_216);
});
