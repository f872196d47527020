import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { sortTicks } from "#libs/dex/concentrated/ranges.ts";
import { swapExactIn } from "#libs/dex/concentrated/swap-math.ts";
import { towards } from "#libs/dex/testing.ts";
import { uniswapV3 } from "#libs/dex/uniswap-v3/index.ts";
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
}

const file = new URL("./fixtures/onchain-quotes.json.gz", import.meta.url);
const { pools } = JSON.parse(gunzipSync(readFileSync(file)).toString()) as { pools: RecordedPool[] };

test.each(pools)("$name: $quotes.length recorded answers of the quoter, to the unit", (recorded) => {
  const { pool, feePips, tickSpacing, sqrtPriceX96, tick, liquidity, ticks, quotes } = recorded;
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
});
