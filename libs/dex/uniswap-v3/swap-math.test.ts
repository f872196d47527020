import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { sortTicks } from "#libs/dex/concentrated/ranges.ts";
import { swapExactIn, swapExactOut } from "#libs/dex/concentrated/swap-math.ts";
import { towards } from "#libs/dex/testing.ts";
import { uniswapV3 } from "#libs/dex/uniswap-v3/index.ts";
import { vectorsFile } from "#libs/testkit/vectors.ts";
import { asAddress } from "#libs/units/brand.ts";
import type { TickRow } from "#proto/pool/v1/state.ts";

interface RecordedPool {
  readonly name: string;
  readonly pool: string;
  readonly feePips: number;
  readonly tickSpacing: number;
  readonly sqrtPriceX96: string;
  readonly tick: number;
  readonly liquidity: string;
  readonly ticks: TickRow[];
  readonly quotes: readonly { readonly zeroForOne: boolean; readonly amountIn: string; readonly amountOut: string }[];
  readonly quotesExactOut: readonly { readonly zeroForOne: boolean; readonly amountIn: string; readonly amountOut: string }[];
}

const file = new URL("./fixtures/onchain-quotes.json.gz", import.meta.url);
const { pools } = JSON.parse(gunzipSync(readFileSync(file)).toString()) as { pools: RecordedPool[] };

test.each(pools)("$name: $quotes.length and $quotesExactOut.length recorded answers of the quoter, to the unit", (recorded) => {
  const { pool, feePips, tickSpacing, sqrtPriceX96, tick, liquidity, ticks, quotes, quotesExactOut } = recorded;
  const token = asAddress(`0x${"01".repeat(20)}`);
  const info = { pool: asAddress(pool), tokens: [token, token], facts: { tickSpacing } };
  const state = uniswapV3.created();
  uniswapV3.applyRow(state, [info.pool, sqrtPriceX96, tick, liquidity, feePips, feePips, ticks]);
  sortTicks(state);
  for (const { zeroForOne, amountIn, amountOut } of quotes) {
    const input = { amountIn: BigInt(amountIn), ...towards(zeroForOne) };
    const ours = swapExactIn(state, { amountIn: input.amountIn, zeroForOne, feePips, tickSpacing });
    expect(ours.amountOut.toString()).toBe(amountOut);
    // The quoter says what a pool pays that cannot take all; a quote of ours is all or nothing.
    const isWhole = ours.amountInUsed === input.amountIn;
    expect(uniswapV3.quoteExactIn(info, state, input)).toBe(isWhole ? BigInt(amountOut) : 0n);
  }
  for (const { zeroForOne, amountIn, amountOut } of quotesExactOut) {
    const input = { amountOut: BigInt(amountOut), ...towards(zeroForOne) };
    const ours = swapExactOut(state, { amountOut: input.amountOut, zeroForOne, feePips, tickSpacing });
    expect(ours.amountIn.toString()).toBe(amountIn);
    expect(uniswapV3.quoteExactOut?.(info, state, input)).toBe(ours.amountOutPaid === input.amountOut ? BigInt(amountIn) : 0n);
  }
});

interface CorePool {
  readonly pool: string;
  readonly fee: number;
  readonly tickSpacing: number;
  readonly sqrtPriceX96: string;
  readonly positions: readonly { readonly tickLower: number; readonly tickUpper: number; readonly liquidity: string }[];
  readonly swaps: readonly {
    readonly case: string;
    readonly zeroForOne: boolean;
    readonly amountSpecified: string;
    readonly sqrtPriceLimitX96?: string;
    readonly expected:
      | { readonly swapError: string; readonly tickBefore: number }
      | { readonly amount0Delta: string; readonly amount1Delta: string; readonly tickBefore: number };
  }[];
}

/** The snapshots of v3-core's own tests (GPL since 2023): not ours to copy. */
const core = vectorsFile("uniswap-v3-core.json.gz");

test.skipIf(core === null)("v3-core's own snapshots, every swap without a price limit (HYPERSPEED_VECTORS names their folder)", () => {
  const recorded = JSON.parse(gunzipSync(readFileSync(core as string)).toString()) as { pools: CorePool[] };
  let compared = 0;
  for (const { fee, tickSpacing, sqrtPriceX96, positions, swaps } of recorded.pools) {
    const token = asAddress(`0x${"01".repeat(20)}`);
    const info = { pool: token, tokens: [token, token], facts: { tickSpacing } };
    for (const swap of swaps) {
      if (/to price/.test(swap.case) || swap.sqrtPriceLimitX96 !== undefined) continue;
      const { tickBefore } = swap.expected;
      const { amount0Delta, amount1Delta } = "swapError" in swap.expected ? { amount0Delta: "0", amount1Delta: "0" } : swap.expected;
      const ticks = new Map<number, [net: bigint, gross: bigint]>();
      let active = 0n;
      for (const { tickLower, tickUpper, liquidity } of positions) {
        for (const [tick, net] of [
          [tickLower, BigInt(liquidity)],
          [tickUpper, -BigInt(liquidity)],
        ] as const) {
          const [before, gross] = ticks.get(tick) ?? [0n, 0n];
          ticks.set(tick, [before + net, gross + BigInt(liquidity)]);
        }
        if (tickBefore >= tickLower && tickBefore < tickUpper) active += BigInt(liquidity);
      }
      const rows = [...ticks].map(([tick, [net, gross]]): TickRow => [tick, net.toString(), gross.toString()]);
      const state = uniswapV3.created();
      uniswapV3.applyRow(state, [token, sqrtPriceX96, tickBefore, active.toString(), fee, fee, rows]);
      const [deltaIn, deltaOut] = swap.zeroForOne ? [amount0Delta, amount1Delta] : [amount1Delta, amount0Delta];
      const [amountIn, amountOut, specified] = [BigInt(deltaIn), -BigInt(deltaOut), BigInt(swap.amountSpecified)];
      const isWhole = specified > 0n ? amountIn === specified : amountOut === -specified;
      const ours =
        specified > 0n
          ? uniswapV3.quoteExactIn(info, state, { amountIn: specified, ...towards(swap.zeroForOne) })
          : uniswapV3.quoteExactOut?.(info, state, { amountOut: -specified, ...towards(swap.zeroForOne) });
      expect(ours, swap.case).toBe(!isWhole ? 0n : specified > 0n ? amountOut : amountIn);
      compared++;
    }
  }
  expect(compared).toBe(64);
});
