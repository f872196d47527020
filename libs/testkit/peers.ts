/**
 * What the protocols themselves publish for pricing swaps, for benchmarks to stand beside: nothing that is shipped loads it. Quotes are asked for as these
 * packages document it, with all that can be prepared prepared before.
 */

import { createRequire } from "node:module";
import type { PoolInfo, RowOf, SwapExactIn } from "#libs/dex/family.ts";
import { invariant } from "#libs/units/invariant.ts";

// Not imported: the ES modules of Uniswap's packages name files without their endings, which Node does not resolve.
const require = createRequire(import.meta.url);
const { CurrencyAmount, Token } = require("@uniswap/sdk-core") as typeof import("@uniswap/sdk-core");
const { Pair } = require("@uniswap/v2-sdk") as typeof import("@uniswap/v2-sdk");
const { Pool, SwapMath, Tick, TickListDataProvider } = require("@uniswap/v3-sdk") as typeof import("@uniswap/v3-sdk");
const { Vault } = require("@balancer-labs/balancer-maths") as typeof import("@balancer-labs/balancer-maths");

/** One swap of one pool. */
export interface PeerQuote<Answer = unknown> {
  /** What is timed. */
  ask(): Answer;
  /** What it says, raw units. */
  amountOut(answer: Awaited<Answer>): bigint;
}

const CHAIN_ID = 1;
type Pairing = readonly [InstanceType<typeof Token>, InstanceType<typeof Token>];
const tokensOf = ({ tokens }: PoolInfo): Pairing => tokens.map((address) => new Token(CHAIN_ID, address, 18)) as unknown as Pairing;

/** `Pair.getOutputAmount` of @uniswap/v2-sdk, told that the tokens take no fee of their own. It knows Uniswap's 0.3 % only. */
export function v2Quote(info: PoolInfo, [pool, reserve0, reserve1, feePips]: RowOf<"uniswap-v2">, { amountIn, indexIn }: SwapExactIn) {
  invariant(feePips === 3_000, `${pool}: no fee of Uniswap's`);
  const tokens = tokensOf(info);
  const pair = new Pair(CurrencyAmount.fromRawAmount(tokens[0], reserve0), CurrencyAmount.fromRawAmount(tokens[1], reserve1));
  const input = CurrencyAmount.fromRawAmount(tokens[indexIn as 0 | 1], amountIn.toString());
  return {
    ask: () => pair.getOutputAmount(input, false),
    amountOut: ([output]: ReturnType<typeof pair.getOutputAmount>) => BigInt(output.quotient.toString()),
  };
}

/** `Pool.getOutputAmount` of @uniswap/v3-sdk, which is asynchronous: its ticks may come from anywhere. Here they come from a list. */
export function v3Quote(info: PoolInfo<"uniswap-v3">, row: RowOf<"uniswap-v3">, { amountIn, indexIn }: SwapExactIn) {
  const [, sqrtPriceX96, tick, liquidity, feePips, , ticks] = row;
  const tokens = tokensOf(info);
  const list = ticks.map(([index, liquidityNet, liquidityGross]) => new Tick({ index, liquidityNet, liquidityGross }));
  const provider = new TickListDataProvider(list, info.facts.tickSpacing);
  const pool = new Pool(tokens[0], tokens[1], feePips, sqrtPriceX96, liquidity, tick, provider);
  const input = CurrencyAmount.fromRawAmount(tokens[indexIn as 0 | 1], amountIn.toString());
  return {
    ask: () => pool.getOutputAmount(input),
    amountOut: ([output]: Awaited<ReturnType<typeof pool.getOutputAmount>>) => BigInt(output.quotient.toString()),
  };
}

/** The steps of such a quote's loop, each as the call of `SwapMath.computeSwapStep` that the package makes for it. */
export async function v3Steps(quote: { ask(): Promise<unknown> }): Promise<PeerQuote<ReturnType<typeof SwapMath.computeSwapStep>>[]> {
  const { computeSwapStep } = SwapMath;
  const calls: Parameters<typeof computeSwapStep>[] = [];
  SwapMath.computeSwapStep = (...call) => {
    calls.push(call);
    return computeSwapStep(...call);
  };
  try {
    await quote.ask();
  } finally {
    SwapMath.computeSwapStep = computeSwapStep;
  }
  return calls.map((call) => ({ ask: () => computeSwapStep(...call), amountOut: ([, , out]) => BigInt(out.toString()) }));
}

const GIVEN_IN = 0;
const vault = new Vault();

/**
 * `Vault.swap` of @balancer-labs/balancer-maths, which @balancer/sdk computes swaps with. It is the mathematics of vault version 3: weighted pools round as those
 * of version 2 do, stable ones a little finer.
 */
export function balancerQuote(info: PoolInfo<"balancer-v2">, row: RowOf<"balancer-v2">, { amountIn, indexIn, indexOut }: SwapExactIn) {
  const { kind, decimals, weights } = info.facts;
  const [, cash, , swapFee, , amp] = row;
  const scalingFactors = decimals.map((each) => 10n ** BigInt(18 - each));
  const pool = {
    poolAddress: info.pool,
    tokens: [...info.tokens],
    scalingFactors,
    tokenRates: decimals.map(() => 10n ** 18n),
    balancesLiveScaled18: cash.map((balance, index) => BigInt(balance) * (scalingFactors[index] as bigint)),
    swapFee: BigInt(swapFee ?? 0),
    aggregateSwapFee: 0n,
    totalSupply: 10n ** 24n,
    supportsUnbalancedLiquidity: true,
    ...(kind === "weighted"
      ? { poolType: "WEIGHTED" as const, weights: weights.map(BigInt) }
      : { poolType: "STABLE" as const, amp: BigInt(amp?.[0] ?? 0) }),
  };
  const swap = {
    amountRaw: amountIn,
    tokenIn: info.tokens[indexIn] as string,
    tokenOut: info.tokens[indexOut] as string,
    swapKind: GIVEN_IN,
  };
  return { ask: () => vault.swap(swap, pool), amountOut: (answer: bigint) => answer };
}
