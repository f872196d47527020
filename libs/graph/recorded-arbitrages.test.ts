import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { RowOf } from "#libs/dex/family.ts";
import { familyOf } from "#libs/dex/registry.ts";
import { quoteAlong, refine } from "#libs/graph/exact.ts";
import type { Edge, Market } from "#libs/graph/market.ts";
import { cycleIdOf, findCycles, type SearchOptions, searchCycles } from "#libs/graph/search.ts";
import { marketOf, type PoolSpec } from "#libs/graph/testing.ts";
import { asAddress } from "#libs/units/brand.ts";
import type { TickRow } from "#proto/pool/v1/state.ts";

/** Of Uniswap V2 and its forks on Ethereum in 2020 and 2021: all recorded swaps keep to it. */
const FEE_PIPS = 3_000;
const MIN_PROFIT = 1e15;
const LARGEST = 10n ** 22n;

/** What the file holds, and how the concentrated pools' states were told from their swaps: data/README.md. */
interface Concentrated {
  readonly pool: string;
  readonly tokens: readonly [string, string];
  readonly feePips: number;
  readonly tickSpacing: number;
  readonly sqrtPriceX96: string;
  readonly tick: number;
  readonly liquidity: string;
  readonly ticks: readonly (readonly [tick: number, liquidityNet: string])[];
  /** What went in (positive) and came out of each token in the block's swaps, from the arbitrage on. */
  readonly swaps: readonly (readonly [amount0: string, amount1: string])[];
}

interface Arbitrage {
  readonly block: number;
  readonly transaction: string;
  readonly gross: string;
  readonly pairs: readonly (readonly [pair: string, token0: string, token1: string, reserve0: string, reserve1: string])[];
  readonly concentrated?: readonly Concentrated[];
  /** In the order of the cycle, from the start token. */
  readonly hops: readonly { readonly pool: string; readonly tokenIn: string; readonly amountIn: string; readonly amountOut: string }[];
}

const { startToken, arbitrages } = JSON.parse(
  gunzipSync(readFileSync(new URL("./data/ethereum-arbitrages.json.gz", import.meta.url))).toString("utf8"),
) as { readonly startToken: string; readonly arbitrages: readonly Arbitrage[] };

/** What some of them left in the pools, by hop: they asked for less than the pool would have paid. */
const LEFT: Readonly<Record<string, readonly bigint[]>> = {
  "0xff37cd33b58efec6d4d3aae393ea14a042cce790aa22f710a7b1452dcf9063a6": [8n, 0n],
  "0x4b34b6ede2866ac0f5ad03648505258049b3a15d23c25bf65f9cf1c26b526644": [4n, 0n, 0n],
  "0xd02b3e5286e7f474e59ba7f71c921812ac2f1bfd469feaa803d5ee66b1c9aa56": [5_341_468n, 10_000n],
};

function specOfConcentrated({ pool, tokens, tickSpacing, feePips, sqrtPriceX96, tick, liquidity, ticks }: Concentrated): PoolSpec {
  const rows = ticks.map(([at, net]): TickRow => [at, net, net.replace("-", "")]);
  const info = { pool: asAddress(pool), tokens: tokens.map(asAddress), facts: { tickSpacing } };
  return {
    dex: "uniswap-v3",
    family: "uniswap-v3",
    info,
    row: [info.pool, sqrtPriceX96, tick, liquidity, feePips, feePips, rows],
  };
}

/** The pools of the block as they stood just before the transaction: pairs that it has swapped in, with their reserves, and the concentrated ones that are told. */
function specsOf({ pairs, concentrated = [] }: Arbitrage): PoolSpec[] {
  return [
    ...pairs.map(([pair, token0, token1, reserve0, reserve1]): PoolSpec => {
      const pool = asAddress(pair);
      const info = { pool, tokens: [asAddress(token0), asAddress(token1)], facts: {} };
      return { dex: "v2", family: "uniswap-v2", info, row: [pool, reserve0, reserve1, FEE_PIPS, FEE_PIPS] };
    }),
    ...concentrated.map(specOfConcentrated),
  ];
}

const routeOf = (market: Market, { hops }: Arbitrage): Edge[] =>
  hops.map(({ pool, tokenIn }) => market.pool(pool)?.edges.find(({ from }) => from === tokenIn) as Edge);

const optionsFor = ({ hops }: Arbitrage): SearchOptions => ({
  startToken,
  maxHops: Math.max(4, hops.length),
  maxCandidates: 64,
  minGrossProfit: MIN_PROFIT,
  maxAmountIn: LARGEST,
});

describe.each(arbitrages)("block $block, $transaction", (arbitrage) => {
  const { concentrated = [], hops, transaction, gross } = arbitrage;
  const specs = specsOf(arbitrage);
  const market = marketOf(specs);
  const route = routeOf(market, arbitrage);
  const left = LEFT[transaction] ?? hops.map(() => 0n);

  test.each(concentrated)("the state of $pool gives its swaps of the block to the unit", ({ swaps, ...pool }) => {
    const { info, row } = specOfConcentrated({ ...pool, swaps });
    const family = familyOf("uniswap-v3");
    const state = family.created();
    family.applyRow(state, row);
    for (const amounts of swaps) {
      const [indexIn, indexOut] = amounts[0].startsWith("-") ? [1, 0] : [0, 1];
      const swap = { amountIn: BigInt(amounts[indexIn] as string), indexIn, indexOut };
      expect(-family.quoteExactIn(info, state, swap)).toBe(BigInt(amounts[indexOut] as string));
      family.applyRow(state, family.afterSwap(info, state, swap) as RowOf<"uniswap-v3">);
    }
  });

  test("each hop is quoted to the unit, and their route with their input earns what they earned", () => {
    const over = route.map(({ pool, indexIn, indexOut }, hop) => {
      const { amountIn, amountOut } = hops[hop] as Arbitrage["hops"][number];
      return pool.family.quoteExactIn(pool.info, pool.state, { amountIn: BigInt(amountIn), indexIn, indexOut }) - BigInt(amountOut);
    });
    expect(over).toEqual(left);
    const amounts = quoteAlong(route, BigInt(hops[0]?.amountIn as string)) as bigint[];
    const earned = (amounts.at(-1) as bigint) - (amounts[0] as bigint);
    if (left.every((amount) => amount === 0n)) expect(earned).toBe(BigInt(gross));
    else expect(earned).toBeGreaterThanOrEqual(BigInt(gross));
  });

  test("the search finds their cycle with an input that earns at least as much, and has nothing worse at the top", () => {
    const addresses = specs.map(({ info }) => info.pool);
    const options = optionsFor(arbitrage);
    const { cycles } = findCycles(market, addresses, options, { floor: 0, capacity: 10_000, without: [] });
    const found = cycles.find(({ edges }) => cycleIdOf(edges) === cycleIdOf(route));
    const refined = refine(found?.edges as Edge[], found?.amountIn as number, LARGEST);
    expect(refined?.profit).toBeGreaterThanOrEqual(BigInt(gross));
    const { candidates } = searchCycles(market, addresses, options);
    expect(BigInt(candidates[0]?.grossProfit as string)).toBeGreaterThanOrEqual(BigInt(gross));
  });
});

test("the two arbitrages of block 12914944 that were published", () => {
  const grosses = arbitrages.filter(({ block }) => block === 12_914_944).map(({ gross }) => gross);
  expect(grosses).toEqual(["53560707941943273628", "750005273675102326"]);
});
