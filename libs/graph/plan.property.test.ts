import { fc, test } from "@fast-check/vitest";
import { expect } from "vitest";
import { getSqrtRatioAtTick } from "#libs/dex/concentrated/tick-math.ts";
import type { RowOf } from "#libs/dex/family.ts";
import type { MarketPool } from "#libs/graph/market.ts";
import { joinCycles, planCycles } from "#libs/graph/plan.ts";
import { GAS_BASE, type SearchOptions, searchCycles } from "#libs/graph/search.ts";
import { marketOf, type PoolSpec, randomFrom, randomMarket } from "#libs/graph/testing.ts";
import { type Address, asAddress } from "#libs/units/brand.ts";
import type { TickRow } from "#proto/pool/v1/state.ts";

const markets = fc.record({ seed: fc.integer(), tokens: fc.integer({ min: 2, max: 5 }), pools: fc.integer({ min: 3, max: 12 }) });
const gasPrice = 10n ** 9n;
const LIMITS = { maxCycles: 6, maxTokens: 16, maxGas: 8_000_000, gasPrice };

function planOf(
  { seed, ...size }: { readonly seed: number; readonly tokens: number; readonly pools: number },
  madeOf: (pools: readonly PoolSpec[]) => readonly PoolSpec[] = (pools) => pools,
) {
  const { tokens, pools: drawn } = randomMarket(randomFrom(seed), size);
  const pools = madeOf(drawn);
  const market = marketOf(pools);
  const options: SearchOptions = {
    startToken: tokens[0]?.address as string,
    maxHops: 3,
    maxCandidates: 8,
    minGrossProfit: 1e13,
    maxAmountIn: 10n ** 21n,
  };
  const addresses = pools.map(({ info }) => info.pool);
  const search = searchCycles(market, addresses, options);
  return { pools, market, options, addresses, search, cycles: planCycles(market, search, options, LIMITS) };
}

test.prop([markets], { numRuns: 150 })("executed one after another the cycles give what they promise, to the unit", (drawn) => {
  const { pools, search, cycles } = planOf(drawn);
  const market = marketOf(pools);
  expect(cycles[0]).toEqual(
    search.candidates[0] !== undefined &&
      BigInt(search.candidates[0].grossProfit) > BigInt(search.candidates[0].gasEstimate - GAS_BASE) * gasPrice
      ? search.candidates[0]
      : undefined,
  );
  for (const { hops, amountIn, amountOut, grossProfit } of cycles) {
    expect(hops[0]?.amountIn).toBe(amountIn);
    expect(hops.at(-1)?.amountOut).toBe(amountOut);
    expect(BigInt(amountOut) - BigInt(amountIn)).toBe(BigInt(grossProfit));
    for (const [index, hop] of hops.entries()) {
      if (index > 0) expect(hop.amountIn).toBe(hops[index - 1]?.amountOut);
      const { family, info, state } = market.pool(hop.pool) as MarketPool;
      const swap = {
        amountIn: BigInt(hop.amountIn),
        indexIn: info.tokens.indexOf(asAddress(hop.tokenIn)),
        indexOut: info.tokens.indexOf(asAddress(hop.tokenOut)),
      };
      expect(family.quoteExactIn(info, state, swap).toString()).toBe(hop.amountOut);
      const row = family.afterSwap(info, state, swap);
      if (row !== null) market.apply(row);
    }
  }
});

test.prop([markets], { numRuns: 150 })("planning leaves the market as it was, and what the next search finds", (drawn) => {
  const { pools, market, options, addresses, search } = planOf(drawn);
  for (const { family, info, row } of pools) {
    const pool = market.pool(info.pool) as MarketPool;
    const fresh = marketOf([{ dex: "", family, info, row }]).pool(info.pool) as MarketPool;
    expect(pool.family.toRow(pool.info, pool.state)).toEqual(fresh.family.toRow(fresh.info, fresh.state));
  }
  expect(searchCycles(market, addresses, options).candidates).toEqual(search.candidates);
});

/** Of three kinds of ranges, two of which may ask another fee of a second swap in a block. */
const withSlidingFees = (pools: readonly PoolSpec[]): PoolSpec[] =>
  pools.map((spec, index) => {
    if (spec.family !== "uniswap-v3" || index % 3 === 0) return spec;
    if (index % 3 === 1) return { ...spec, dex: "slipstream", family: "slipstream" };
    return { ...spec, dex: "integral", family: "algebra", info: { ...spec.info, facts: { tickSpacing: 0 } } };
  });

test.prop([markets], { numRuns: 150 })("a pool whose fee may be another at its second swap is used once", (drawn) => {
  const { cycles, market } = planOf(drawn, withSlidingFees);
  const uses = Map.groupBy(
    cycles.flatMap(({ hops }) => hops),
    ({ pool }) => pool,
  );
  for (const [address, hops] of uses) {
    const { family, info } = market.pool(address) as MarketPool;
    if (!family.quotableAgain(info)) expect(hops).toHaveLength(1);
  }
});

test.prop([markets], { numRuns: 100 })(
  "a plan ends before its transaction would take more gas, or pay with more tokens, than it may",
  (drawn) => {
    const { market, search, options, cycles } = planOf(drawn);
    if (cycles.length < 2) return;
    const { gasEstimate } = joinCycles(cycles);
    const within = (limits: Partial<typeof LIMITS>) => planCycles(market, search, options, { ...LIMITS, ...limits });
    expect(within({ maxGas: gasEstimate })).toEqual(cycles);
    expect(within({ maxGas: gasEstimate - 1 })).toEqual(cycles.slice(0, -1));
    const tokens = new Set(cycles.flatMap(({ hops }) => hops.map(({ tokenIn }) => tokenIn)));
    expect(within({ maxTokens: tokens.size })).toEqual(cycles);
    expect(within({ maxTokens: tokens.size - 1 }).length).toBeLessThan(cycles.length);
  },
);

test.prop([markets], { numRuns: 100 })("each cycle earns its own gas, and one more earns more together than the best alone", (drawn) => {
  const { cycles } = planOf(drawn);
  for (const { grossProfit, gasEstimate } of cycles) expect(BigInt(grossProfit)).toBeGreaterThan(BigInt(gasEstimate - GAS_BASE) * gasPrice);
  if (cycles.length < 2) return;
  const joined = joinCycles(cycles);
  const net = (candidate: { readonly grossProfit: string; readonly gasEstimate: number }) =>
    BigInt(candidate.grossProfit) - BigInt(candidate.gasEstimate) * gasPrice;
  expect(net(joined)).toBeGreaterThan(net(cycles[0] as (typeof cycles)[number]));
  expect(BigInt(joined.amountOut) - BigInt(joined.amountIn)).toBe(BigInt(joined.grossProfit));
  for (const { amountIn } of cycles) expect(BigInt(amountIn)).toBeLessThanOrEqual(BigInt(joined.amountIn));
});

/** A deep pool of ranges that is off the price of two pairs: the best plan trades through it twice. */
test.each(["uniswap-v3", "slipstream"] as const)("a pool of %s is used again only where its quotes hold after a swap", (family) => {
  const [home, other] = ["11", "22"].map((byte) => asAddress(`0x${byte.repeat(20)}`)) as [Address, Address];
  const [off, ...pairs] = ["aa", "bb", "cc"].map((byte) => asAddress(`0x${byte.repeat(20)}`)) as [Address, Address, Address];
  const tokens = [home, other];
  const liquidity = (10n ** 24n).toString();
  const ticks: TickRow[] = [
    [-60_000, liquidity, liquidity],
    [60_000, `-${liquidity}`, liquidity],
  ];
  // A price of e^0.05: tick 500.
  const row = [off, (getSqrtRatioAtTick(500) + 1n).toString(), 500, liquidity, 500, 500, ticks] as const;
  const market = marketOf([
    { dex: "off", family, info: { pool: off, tokens, facts: { tickSpacing: 60 } }, row: [...row] },
    ...pairs.map((pool) => ({
      dex: "pairs",
      family: "uniswap-v2" as const,
      info: { pool, tokens, facts: {} },
      row: [pool, (10n ** 21n).toString(), (10n ** 21n).toString(), 3_000, 3_000] as RowOf<"uniswap-v2">,
    })),
  ]);
  const options = { startToken: home, maxHops: 2, maxCandidates: 4, minGrossProfit: 1e15, maxAmountIn: 10n ** 24n };
  const search = searchCycles(market, [off, ...pairs], options);
  const cycles = planCycles(market, search, options, LIMITS);
  const uses = cycles.filter(({ hops }) => hops.some(({ pool }) => pool === off)).length;
  expect(uses).toBe(family === "slipstream" ? 1 : 2);
});
