import { expect, test } from "vitest";
import { searchCycles } from "#libs/graph/search.ts";
import { invariant } from "#libs/units/invariant.ts";
import { type Bundle, Chain } from "./chain.ts";
import { madeMarket } from "./market.ts";
import { rivalContract } from "./rivals.ts";
import { TRADER } from "./traders.ts";

/** A chain on which somebody has just sold a twentieth of a pair's reserve, and the best cycle through what that opened. */
function chainWithGap(): { readonly chain: Chain; readonly bundle: Bundle; readonly profit: bigint } {
  const market = madeMarket(3);
  const chain = new Chain(3, market);
  const [native] = market.tokens;
  invariant(native !== undefined, "a native coin");
  const pair = market.pools.find(({ family, info }) => family === "uniswap-v2" && info.tokens.includes(native.address));
  invariant(pair !== undefined, "a pair of the native coin");
  chain.open();
  chain.trade(pair.info.pool, TRADER, true, BigInt(pair.row[1] as string) / 20n);
  chain.seal(0);
  const options = { startToken: native.address, maxHops: 3, maxCandidates: 1, minGrossProfit: 1e12, maxAmountIn: 10n ** 21n };
  const [best] = searchCycles(chain.market, [pair.info.pool], options).candidates;
  invariant(best !== undefined, "a cycle");
  const steps = best.hops.map(({ pool, call, amountIn, amountOut }) => ({
    pool,
    zeroForOne: "zeroForOne" in call && call.zeroForOne,
    amountIn: BigInt(amountIn),
    amountOut: BigInt(amountOut),
    forwards: false,
  }));
  const profit = BigInt(best.grossProfit);
  const contract = rivalContract(0);
  const transactionHash = `0x${"11".repeat(32)}`;
  const bundle = {
    contract,
    sender: TRADER,
    profitToken: native.address,
    minProfit: profit,
    steps,
    gas: 300_000,
    priorityFeePerGas: 1n,
    transactionHash,
  };
  return { chain, bundle, profit };
}

const statesOf = ({ market }: Chain) => [...market.pools()].map(({ family, info, state }) => family.toRow(info, state));

test("a bundle leaves its contract exactly its profit, and a wei more is not had", () => {
  const { chain, bundle, profit } = chainWithGap();
  const before = statesOf(chain);
  chain.open();
  expect(chain.include({ ...bundle, minProfit: profit + 1n }, "left-out")).toBe(false);
  expect(statesOf(chain)).toEqual(before);
  expect(chain.wouldPay(bundle)).toBe(true);
  expect(statesOf(chain)).toEqual(before);
  expect(chain.include(bundle, "left-out")).toBe(true);
  expect(chain.balanceOf(bundle.contract, bundle.profitToken)).toBe(profit);
  expect(statesOf(chain)).not.toEqual(before);
});

test("who comes second to the same gap gets nothing, and pays for it only where reverts are mined", () => {
  for (const reverts of ["left-out", "mined"] as const) {
    const { chain, bundle, profit } = chainWithGap();
    const second = { ...bundle, contract: rivalContract(1), sender: rivalContract(2), transactionHash: `0x${"22".repeat(32)}` };
    chain.open();
    expect([chain.include(bundle, reverts), chain.include(second, reverts)]).toEqual([true, false]);
    const { receipts } = chain.seal(0);
    expect(chain.balanceOf(bundle.contract, bundle.profitToken)).toBe(profit);
    expect(chain.balanceOf(second.contract, bundle.profitToken)).toBe(0n);
    const price = chain.baseFeePerGas + 1n;
    expect(chain.balanceOf(second.sender, "native")).toBe(reverts === "mined" ? -150_000n * price : 0n);
    expect(receipts.get(second.transactionHash)?.status).toBe(reverts === "mined" ? 0 : undefined);
  }
});

test("the base fee moves by an eighth at most, with the fullness of the block before", () => {
  const chain = new Chain(4, madeMarket(4));
  const feeAfter = (gas: number): bigint => {
    chain.open();
    chain.seal(gas);
    const { baseFeePerGas } = chain.head;
    chain.open();
    return (chain.baseFeePerGas * 1_000n) / baseFeePerGas;
  };
  expect([feeAfter(30_000_000), feeAfter(15_000_000), feeAfter(0)]).toEqual([1_125n, 1_000n, 875n]);
});
