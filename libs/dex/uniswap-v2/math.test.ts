import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { towards } from "#libs/dex/testing.ts";
import { uniswapV2, type V2State } from "#libs/dex/uniswap-v2/index.ts";
import { amountOutExactIn } from "#libs/dex/uniswap-v2/math.ts";
import { asAddress } from "#libs/units/brand.ts";

const MAX_RESERVE = 2n ** 112n - 1n;
const POOL = {
  pool: asAddress(`0x${"aa".repeat(20)}`),
  tokens: [asAddress(`0x${"01".repeat(20)}`), asAddress(`0x${"02".repeat(20)}`)],
  facts: {},
};

function stateOf(reserve0: bigint, reserve1: bigint, feePips = 3_000): V2State {
  const state = uniswapV2.created();
  uniswapV2.applyRow(state, [POOL.pool, reserve0.toString(), reserve1.toString(), feePips, feePips]);
  return state;
}

function fixture<Content>(file: string): Content {
  return JSON.parse(gunzipSync(readFileSync(new URL(`./fixtures/${file}`, import.meta.url))).toString()) as Content;
}

/** Source: v2-core test/UniswapV2Pair.spec.ts, swapTestCases: whole tokens in, reserve in, reserve out; wei out. */
test.each([
  [1n, 5n, 10n, 1_662_497_915_624_478_906n],
  [1n, 10n, 5n, 453_305_446_940_074_565n],
  [2n, 5n, 10n, 2_851_015_155_847_869_602n],
  [2n, 10n, 5n, 831_248_957_812_239_453n],
  [1n, 10n, 10n, 906_610_893_880_149_131n],
  [1n, 100n, 100n, 987_158_034_397_061_298n],
  [1n, 1_000n, 1_000n, 996_006_981_039_903_216n],
])("pays what v2-core's own test cases state: %i into %i/%i", (amountIn, reserveIn, reserveOut, amountOut) => {
  const wei = 10n ** 18n;
  const input = { amountIn: amountIn * wei, reserveIn: reserveIn * wei, reserveOut: reserveOut * wei, feePips: 3_000n };
  expect(amountOutExactIn(input)).toBe(amountOut);
});

test("quotes nothing that the pair would refuse", () => {
  const state = stateOf(MAX_RESERVE - 1_000n, 10n ** 18n);
  const quote = (amountIn: bigint) => uniswapV2.quoteExactIn(POOL, state, { amountIn, ...towards(true) });
  expect(quote(1_000n)).toBe(0n); // pays less than a unit
  expect(uniswapV2.quoteExactIn(POOL, { ...state, reserve1: MAX_RESERVE }, { amountIn: 1_000n, ...towards(true) })).toBeGreaterThan(0n);
  expect(uniswapV2.quoteExactIn(POOL, { ...state, reserve1: MAX_RESERVE }, { amountIn: 1_001n, ...towards(true) })).toBe(0n); // past uint112
  expect(quote(0n)).toBe(0n);
  expect(uniswapV2.quoteExactIn(POOL, uniswapV2.created(), { amountIn: 1_000n, ...towards(true) })).toBe(0n);
});

interface RecordedPair {
  readonly name: string;
  readonly feeBps: number;
  readonly reserve0: string;
  readonly reserve1: string;
  readonly quotes: readonly { readonly zeroForOne: boolean; readonly amountIn: string; readonly amountOut: string }[];
}
const { pools } = fixture<{ pools: RecordedPair[] }>("onchain-quotes.json.gz");

test.each(pools)("$name: $quotes.length recorded answers of the router, to the unit", ({ feeBps, reserve0, reserve1, quotes }) => {
  const state = stateOf(BigInt(reserve0), BigInt(reserve1), feeBps * 100);
  const ours = quotes.map(({ amountIn, zeroForOne }) =>
    uniswapV2.quoteExactIn(POOL, state, { amountIn: BigInt(amountIn), ...towards(zeroForOne) }),
  );
  expect(ours.map(String)).toEqual(quotes.map(({ amountOut }) => amountOut));
});

type RecordedSwap = Readonly<Record<"amount0In" | "amount1In" | "amount0Out" | "amount1Out" | "reserve0" | "reserve1", string>>;
const { swaps } = fixture<{ swaps: RecordedSwap[] }>("ethereum-swaps.json.gz");

/** Routers ask for what getAmountOut gives; who asks for a round number gets less than was to be had. Nobody got more. */
test(`${swaps.length} swaps of Ethereum took what we compute or less, and 241 exactly that`, () => {
  const counts = { equal: 0, less: 0, bothIn: 0 };
  for (const swap of swaps) {
    const [in0, in1, out0, out1] = [BigInt(swap.amount0In), BigInt(swap.amount1In), BigInt(swap.amount0Out), BigInt(swap.amount1Out)];
    const state = stateOf(BigInt(swap.reserve0), BigInt(swap.reserve1));
    if (in0 > 0n && in1 > 0n) {
      // The condition of UniswapV2Pair.swap itself.
      const adjusted0 = (state.reserve0 + in0 - out0) * 1_000n - in0 * 3n;
      const adjusted1 = (state.reserve1 + in1 - out1) * 1_000n - in1 * 3n;
      expect(adjusted0 * adjusted1 >= state.reserve0 * state.reserve1 * 1_000_000n).toBe(true);
      counts.bothIn++;
      continue;
    }
    const zeroForOne = in0 > 0n;
    const amountOut = uniswapV2.quoteExactIn(POOL, state, { amountIn: zeroForOne ? in0 : in1, ...towards(zeroForOne) });
    const taken = zeroForOne ? out1 : out0;
    expect(taken <= amountOut).toBe(true);
    counts[taken === amountOut ? "equal" : "less"]++;
  }
  expect(counts).toEqual({ equal: 241, less: 21, bothIn: 21 });
});
