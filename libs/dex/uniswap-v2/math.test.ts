import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { id } from "ethers";
import { expect, test } from "vitest";
import type { ChainReader } from "#libs/dex/family.ts";
import { deploymentOf, towards } from "#libs/dex/testing.ts";
import { DEPLOYMENTS } from "#libs/dex/uniswap-v2/deployments.ts";
import { uniswapV2, type V2State } from "#libs/dex/uniswap-v2/index.ts";
import { amountOutExactIn } from "#libs/dex/uniswap-v2/math.ts";
import type { Call } from "#libs/evm/multicall.ts";
import type { Rpc } from "#libs/evm/rpc.ts";
import { asAddress } from "#libs/units/brand.ts";
import type { StateRowOf } from "#proto/pool/v1/state.ts";

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

const FACTORY = asAddress(`0x${"fa".repeat(20)}`);
const word = (value: bigint | number) => value.toString(16).padStart(64, "0");
/** A chain that answers calls by their selector. */
const saying = (answers: Record<string, string>): ChainReader => ({
  call: () => Promise.reject(new Error("not asked")),
  multicall: (calls) => Promise.resolve(calls.map(({ data }) => answers[data.slice(0, 10)] ?? null)),
});
const selector = (signature: string) => id(signature).slice(0, 10);
const RESERVES = { [selector("getReserves()")]: `0x${word(1_000n)}${word(2_000n)}${word(9)}` };

test.each([
  ["biswap", "swapFee()", 2n, 2_000],
  ["nomiswap", "swapFee()", 1n, 1_000],
  ["swapr", "swapFee()", 25n, 2_500],
  ["mdex", "getPairFees(address)", 30n, 3_000],
])("a fee of %s comes from %s", async (variant, signature, answer, pips) => {
  const deployment = deploymentOf("uniswap-v2", FACTORY, { variant });
  const asked: Call[] = [];
  const reader = saying({ ...RESERVES, [selector(signature)]: `0x${word(answer)}` });
  const listening: ChainReader = {
    ...reader,
    multicall(calls) {
      asked.push(...calls);
      return reader.multicall(calls);
    },
  };
  expect(await uniswapV2.read(listening, deployment, [POOL])).toEqual([[POOL.pool, "1000", "2000", pips, pips]]);
  expect(asked.at(-1)).toEqual(
    variant === "mdex"
      ? { target: FACTORY, data: `${selector(signature)}${word(BigInt(POOL.pool))}` }
      : { target: POOL.pool, data: selector(signature) },
  );
  // Neither a pair that says no fee nor one that takes all is read as something to trade with.
  expect(await uniswapV2.read(saying(RESERVES), deployment, [POOL])).toEqual([]);
  expect(await uniswapV2.read(saying({ ...RESERVES, [selector(signature)]: `0x${word(10_000n)}` }), deployment, [POOL])).toEqual([]);
});

test("pairs of Camelot have a fee for each side, and are closed while they follow another curve", async () => {
  const deployment = deploymentOf("uniswap-v2", FACTORY, { variant: "camelot-v2" });
  const reserves = { [selector("getReserves()")]: `0x${word(10n ** 20n)}${word(10n ** 21n)}${word(300)}${word(500)}` };
  const chain = (stable: bigint) =>
    saying({
      ...reserves,
      [selector("stableSwap()")]: `0x${word(stable)}`,
      [selector("token0()")]: `0x${word(BigInt(POOL.tokens[0] as string))}`,
      [selector("token1()")]: `0x${word(BigInt(POOL.tokens[1] as string))}`,
      [selector("getPair(address,address)")]: `0x${word(BigInt(POOL.pool))}`,
    });
  expect(await uniswapV2.describe(chain(0n), deployment, [POOL.pool])).toEqual([POOL]);
  expect(await uniswapV2.describe(chain(1n), deployment, [POOL.pool])).toEqual([null]);
  const [row] = await uniswapV2.read(chain(0n), deployment, [POOL]);
  expect(row).toEqual([POOL.pool, (10n ** 20n).toString(), (10n ** 21n).toString(), 3_000, 5_000]);

  const state = uniswapV2.created();
  const apply = (signature: string, words: bigint[]) => {
    expect(uniswapV2.topics(deployment).state).toContain(id(signature));
    const before = uniswapV2.toRow(POOL, state);
    expect(uniswapV2.applyLog(POOL, state, [POOL.pool, [id(signature)], `0x${words.map(word).join("")}`, 0, 0, "0x"])).toEqual(before);
    return [uniswapV2.isLive(state), ...state.feePips];
  };
  uniswapV2.applyRow(state, row as StateRowOf<"uniswap-v2">);
  const quote = (zeroForOne: boolean) => uniswapV2.quoteExactIn(POOL, state, { amountIn: 10n ** 18n, ...towards(zeroForOne) });
  // As CamelotPair._getAmountOut counts, with its denominator of 100,000.
  expect(quote(true)).toBe((99_700n * 10n ** 18n * 10n ** 21n) / (10n ** 20n * 100_000n + 99_700n * 10n ** 18n));
  expect(quote(false)).toBe((99_500n * 10n ** 18n * 10n ** 20n) / (10n ** 21n * 100_000n + 99_500n * 10n ** 18n));
  expect(apply("FeePercentUpdated(uint16,uint16)", [100n, 2_000n])).toEqual([true, 1_000, 20_000]);
  expect(apply("SetStableSwap(bool,bool)", [0n, 1n])[0]).toBe(false);
  expect([quote(true), uniswapV2.quoteExactOut?.(POOL, state, { amountOut: 1n, ...towards(true) })]).toEqual([0n, 0n]);
  expect(apply("Sync(uint112,uint112)", [10n ** 19n, 10n ** 19n])[0]).toBe(false);
  expect(apply("FeePercentUpdated(uint16,uint16)", [40n, 50n])[0]).toBe(false);
  expect(await uniswapV2.read(chain(1n), deployment, [POOL])).toSatisfy(([stable]: StateRowOf<"uniswap-v2">[]) => {
    const read = uniswapV2.created();
    uniswapV2.applyRow(read, stable as StateRowOf<"uniswap-v2">);
    return !uniswapV2.isLive(read);
  });
  expect(apply("SetStableSwap(bool,bool)", [1n, 0n])).toEqual([true, 400, 500]);
});

test("what Camelot's pairs say themselves is asked of them", async () => {
  const client = {
    send: () => Promise.resolve(`0x${word(32)}${word(1)}${word(32)}${word(1)}${word(64)}${word(32)}${word(77)}`),
  } as unknown as Rpc;
  const deployment = deploymentOf("uniswap-v2", FACTORY, { variant: "camelot-v2" });
  const question = { info: POOL, row: uniswapV2.toRow(POOL, stateOf(1_000n, 1_000n)), amountIn: 9n, indexIn: 0, indexOut: 1, ours: 0n };
  const said = await uniswapV2.ask(client, { blockHash: "0x", multicall3: FACTORY }, deployment, [question]);
  expect(said).toEqual([{ amountOut: 77n, reason: null }]);
});

test("every deployment is of a variant that is known, and states its fee where its pairs do not", () => {
  const deployments = Object.values(DEPLOYMENTS).flat();
  expect(deployments.length).toBeGreaterThan(50);
  for (const { id: name, variant, feeBps } of deployments) {
    expect(uniswapV2.variants, name).toContain(variant);
    expect(feeBps !== undefined, name).toBe(["uniswap-v2", "echodex-v2"].includes(variant));
  }
});
