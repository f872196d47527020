import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { Interface } from "ethers";
import { expect, test } from "vitest";
import type { PoolInfo } from "#libs/dex/family.ts";
import { towards } from "#libs/dex/testing.ts";
import { uniswapV3 } from "#libs/dex/uniswap-v3/index.ts";
import { vectorsFile } from "#libs/testkit/vectors.ts";
import { asAddress } from "#libs/units/brand.ts";
import { invariant } from "#libs/units/invariant.ts";
import type { TickRow } from "#proto/pool/v1/state.ts";

/** A pool of Ethereum, event by event: WBTC/WETH 0.3 %, blocks 16731553 to 16763087. Not ours to copy. */
const FILE = "../v3-replay/wbtc-weth-3000-16731553-16763087.json.gz";

const EVENTS = new Interface([
  "event Swap(address indexed sender, address indexed recipient, int256 amount0, int256 amount1, uint160 sqrtPriceX96, uint128 liquidity, int24 tick)",
  "event Mint(address sender, address indexed owner, int24 indexed tickLower, int24 indexed tickUpper, uint128 amount, uint256 amount0, uint256 amount1)",
  "event Burn(address indexed owner, int24 indexed tickLower, int24 indexed tickUpper, uint128 amount, uint256 amount0, uint256 amount1)",
]);
const NOBODY = `0x${"01".repeat(20)}`;

interface Recorded {
  readonly pool: string;
  readonly before: {
    readonly sqrtPriceX96: string;
    readonly tick: number;
    readonly liquidity: string;
    readonly ticks: Readonly<Record<string, { readonly liquidityNet: string; readonly liquidityGross: string }>>;
  };
  readonly events: readonly {
    readonly event: "swap" | "mint" | "burn";
    readonly amount?: string;
    readonly amount0: string;
    readonly amount1: string;
    readonly tickLower?: number;
    readonly tickUpper?: number;
    readonly sqrtPriceX96?: string;
    readonly liquidity?: string;
    readonly tick?: number;
  }[];
}

const file = vectorsFile(FILE);

test.skipIf(file === null)("every recorded swap of a pool's month follows from the events before it (needs HYPERSPEED_VECTORS)", () => {
  const { pool, before, events } = JSON.parse(gunzipSync(readFileSync(file as string)).toString()) as Recorded;
  const info: PoolInfo<"uniswap-v3"> = {
    pool: asAddress(pool),
    tokens: [asAddress(`0x${"01".repeat(20)}`), asAddress(`0x${"02".repeat(20)}`)],
    facts: { tickSpacing: 60 },
  };
  const state = uniswapV3.created();
  const ticks = Object.entries(before.ticks).map(([tick, at]): TickRow => [Number(tick), at.liquidityNet, at.liquidityGross]);
  // Only ticks around the price were recorded. What ends beyond them lies between here; no swap went so far.
  const below = BigInt(before.liquidity) - ticks.reduce((sum, [tick, net]) => (tick <= before.tick ? sum + BigInt(net) : sum), 0n);
  const above = below + ticks.reduce((sum, [, net]) => sum + BigInt(net), 0n);
  ticks.push([-887_220, below.toString(), below.toString()], [299_340, (-above).toString(), above.toString()]);
  uniswapV3.applyRow(state, [pool, before.sqrtPriceX96, before.tick, before.liquidity, 3_000, 3_000, ticks]);
  const counts = { exactIn: 0, exactOut: 0, limited: 0 };
  for (const each of events) {
    const values =
      each.event === "swap"
        ? [NOBODY, NOBODY, each.amount0, each.amount1, each.sqrtPriceX96, each.liquidity, each.tick]
        : [...(each.event === "mint" ? [NOBODY] : []), NOBODY, each.tickLower, each.tickUpper, each.amount, each.amount0, each.amount1];
    if (each.event === "swap") {
      const zeroForOne = BigInt(each.amount0) > 0n;
      const [amountIn, amountOut] = zeroForOne
        ? [BigInt(each.amount0), -BigInt(each.amount1)]
        : [BigInt(each.amount1), -BigInt(each.amount0)];
      invariant(uniswapV3.quoteExactOut !== undefined, "ranges quote both ways");
      if (uniswapV3.quoteExactIn(info, state, { amountIn, ...towards(zeroForOne) }) === amountOut) counts.exactIn++;
      else if (uniswapV3.quoteExactOut(info, state, { amountOut, ...towards(zeroForOne) }) === amountIn) counts.exactOut++;
      else counts.limited++;
    }
    const { topics, data } = EVENTS.encodeEventLog(each.event[0]?.toUpperCase() + each.event.slice(1), values);
    uniswapV3.applyLog(info, state, [pool, topics, data, 0, 0, `0x${"00".repeat(32)}`]);
  }
  // One (block 16748471) stopped at a price that its sender had set.
  expect(counts.exactIn + counts.exactOut + counts.limited).toBe(725);
  expect(counts.limited).toBeLessThanOrEqual(1);
});
