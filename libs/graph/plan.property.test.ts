import { fc, test } from "@fast-check/vitest";
import { expect } from "vitest";
import { paidTokens } from "#libs/contracts/plan.ts";
import { getSqrtRatioAtTick } from "#libs/dex/concentrated/tick-math.ts";
import type { RowOf } from "#libs/dex/family.ts";
import { gasAwareOptimum, type MarketTrade } from "#libs/graph/convex-optimum.ts";
import { swapCostsAt } from "#libs/graph/convex-plan.ts";
import type { MarketPool } from "#libs/graph/market.ts";
import { type PlanOptions, planSwaps } from "#libs/graph/plan.ts";
import { GAS_BASE, type SearchOptions, searchCycles } from "#libs/graph/search.ts";
import { marketOf, normal, type PoolSpec, randomFrom, randomPool, randomTokens, smoothPool, type TestToken } from "#libs/graph/testing.ts";
import { type Address, asAddress } from "#libs/units/brand.ts";
import type { Candidate } from "#proto/cycle/v1/found.ts";
import type { TickRow } from "#proto/pool/v1/state.ts";

interface Drawing {
  readonly seed: number;
  readonly tokens: number;
  readonly pools: number;
}

const markets = fc.record({ seed: fc.integer(), tokens: fc.integer({ min: 2, max: 6 }), pools: fc.integer({ min: 3, max: 16 }) });
const gasPrice = 10n ** 9n;
const LIMITS: PlanOptions = { maxSwaps: 80, maxTokens: 16, maxGas: 8_000_000, gasPrice };
/** Least that a search looks for: less than any two swaps cost. */
const MIN_PROFIT = 5e13;

/** Constant products and ranges with gaps, some of them far off the price, and curves between tokens that are worth the same. */
function drawn({ seed, tokens: count, pools }: Drawing): { readonly tokens: readonly TestToken[]; readonly pools: readonly PoolSpec[] } {
  const random = randomFrom(seed);
  const tokens = randomTokens(random, count).map((token, index) => (index % 2 === 0 ? { ...token, value: index === 2 ? 1e12 : 1 } : token));
  const stable = tokens.filter((_, index) => index % 2 === 0);
  const pairFrom = (some: readonly TestToken[]) => random.shuffled(some).slice(0, 2) as [TestToken, TestToken];
  const specs = Array.from({ length: pools }, (_, index) => {
    if (stable.length > 1 && random.unit() < 0.2) return smoothPool(random, index, pairFrom(stable));
    return randomPool(random, index, pairFrom(tokens), normal(random) * (random.unit() < 0.1 ? 0.1 : 0.01));
  });
  return { tokens, pools: specs };
}

function planOf({ tokens, pools }: ReturnType<typeof drawn>, limits: Partial<PlanOptions> = {}) {
  const market = marketOf(pools);
  const options: SearchOptions = {
    startToken: tokens[0]?.address as string,
    maxHops: 4,
    maxCandidates: 8,
    minGrossProfit: MIN_PROFIT,
    maxAmountIn: 10n ** 24n,
  };
  const addresses = pools.map(({ info }) => info.pool);
  const search = searchCycles(market, addresses, options);
  const plan = planSwaps(market, search, addresses, options, { ...LIMITS, ...limits });
  return { market, options, addresses, search, plan };
}

const netOf = ({ grossProfit, gasEstimate }: Candidate): bigint => BigInt(grossProfit) - BigInt(gasEstimate) * gasPrice;

test.prop([markets], { numRuns: 300 })("executed one after another the swaps give what the plan promises, to the unit", (drawing) => {
  const { tokens, pools } = drawn(drawing);
  const { plan } = planOf({ tokens, pools });
  if (plan === null) return;
  const market = marketOf(pools);
  const balances = new Map<string, bigint>([[plan.token, BigInt(plan.amountIn)]]);
  const balanceOf = (token: string) => balances.get(token) ?? 0n;
  let least = BigInt(plan.amountIn);
  let gas = GAS_BASE;
  for (const { pool: address, tokenIn, tokenOut, amountIn, amountOut } of plan.hops) {
    const { family, info, state } = market.pool(address) as MarketPool;
    const [indexIn, indexOut] = [tokenIn, tokenOut].map((token) => info.tokens.indexOf(asAddress(token))) as [number, number];
    const swap = { amountIn: BigInt(amountIn), indexIn, indexOut };
    expect(family.quoteExactIn(info, state, swap).toString()).toBe(amountOut);
    gas += family.swapGas(info, state, swap);
    const row = family.afterSwap(info, state, swap);
    if (row !== null) market.apply(row);
    balances.set(tokenIn, balanceOf(tokenIn) - BigInt(amountIn));
    balances.set(tokenOut, balanceOf(tokenOut) + BigInt(amountOut));
    expect(balanceOf(tokenIn)).toBeGreaterThanOrEqual(0n);
    if (balanceOf(plan.token) < least) least = balanceOf(plan.token);
  }
  expect(balanceOf(plan.token).toString()).toBe(plan.amountOut);
  expect(BigInt(plan.amountOut) - BigInt(plan.amountIn)).toBe(BigInt(plan.grossProfit));
  expect(gas).toBe(plan.gasEstimate);
  // The loan is no larger than it has to be, and nothing of what is bought is left over.
  expect(least).toBe(0n);
  for (const [token, left] of balances) if (token !== plan.token) expect(left).toBe(0n);
  expect(new Set(plan.hops.map(({ pool }) => pool)).size).toBe(plan.hops.length);
});

test.prop([markets], { numRuns: 150 })("a plan earns more than the best cycle alone, and no more than is possible", (drawing) => {
  const { search, plan, market, options } = planOf(drawn(drawing));
  if (plan === null) return;
  for (const candidate of search.candidates) expect(netOf(plan)).toBeGreaterThan(netOf(candidate));
  expect(netOf(plan)).toBeGreaterThan(0n);
  const { bound } = gasAwareOptimum(market, options.startToken, costs, { negligible: 1e9 });
  expect(Number(netOf(plan))).toBeLessThanOrEqual(bound * (1 + 1e-6) + 1e9);
});

const costs = { ...swapCostsAt(gasPrice), base: Number(gasPrice) * GAS_BASE };

/** Whether trades feed each other without the start token: somebody who had all tokens could take them, nobody with one loan. */
function hasCircle(trades: readonly MarketTrade[], startToken: string): boolean {
  let left = trades.filter(({ edge }) => edge.to !== startToken);
  for (let before = -1; left.length !== before; ) {
    before = left.length;
    const sources = new Set(left.map(({ edge }) => edge.from));
    left = left.filter(({ edge }) => sources.has(edge.to));
  }
  return left.length > 0;
}

/** A choice of pools is not proven the best: how much is missing over many markets says whether it is good. */
test("hardly anything is missing of the best plan known, where that can be executed", () => {
  let [captured, count] = [0, 0];
  for (let seed = 0; seed < 300; seed++) {
    const { search, plan, market, options } = planOf(drawn({ seed, tokens: 2 + (seed % 5), pools: 4 + (seed % 12) }));
    const { value, trades } = gasAwareOptimum(market, options.startToken, costs, { negligible: 1e9 });
    if (hasCircle(trades, options.startToken)) continue;
    const net = Math.max(0, ...[plan, ...search.candidates].map((each) => (each === null ? 0 : Number(netOf(each)))));
    if (Math.max(value, net) === 0) continue;
    // Each market counts the same: some hold a million times what others do.
    captured += net / Math.max(value, net);
    count++;
  }
  expect(count).toBeGreaterThan(90);
  expect(captured / count).toBeGreaterThan(0.99);
}, 60_000);

test.prop([markets], { numRuns: 100 })("planning leaves the market as it was, and what the next search finds", (drawing) => {
  const { tokens, pools } = drawn(drawing);
  const { market, options, addresses, search } = planOf({ tokens, pools });
  for (const { dex, family, info, row } of pools) {
    const pool = market.pool(info.pool) as MarketPool;
    const fresh = marketOf([{ dex, family, info, row }]).pool(info.pool) as MarketPool;
    expect(pool.family.toRow(pool.info, pool.state)).toEqual(fresh.family.toRow(fresh.info, fresh.state));
  }
  expect(searchCycles(market, addresses, options).candidates).toEqual(search.candidates);
});

test.prop([markets], { numRuns: 100 })("a plan takes no more swaps, gas or tokens than it may", (drawing) => {
  const described = drawn(drawing);
  const { plan } = planOf(described);
  if (plan === null) return;
  const paid = (candidate: Candidate) => paidTokens(candidate.token, candidate.hops).size;
  expect(planOf(described, { maxSwaps: plan.hops.length, maxGas: plan.gasEstimate, maxTokens: paid(plan) }).plan).toEqual(plan);
  const fewer = planOf(described, { maxSwaps: plan.hops.length - 1 }).plan;
  if (fewer !== null) expect(fewer.hops.length).toBeLessThan(plan.hops.length);
  const cheaper = planOf(described, { maxGas: plan.gasEstimate - 1 }).plan;
  if (cheaper !== null) expect(cheaper.gasEstimate).toBeLessThan(plan.gasEstimate);
  const narrower = planOf(described, { maxTokens: paid(plan) - 1 }).plan;
  if (narrower !== null) expect(paid(narrower)).toBeLessThan(paid(plan));
});

const [home, other, third] = ["11", "22", "33"].map((byte) => asAddress(`0x${byte.repeat(20)}`)) as [Address, Address, Address];
const addressOf = (byte: string) => asAddress(`0x${byte.repeat(20)}`);
const pair = (byte: string, tokens: readonly Address[], reserves: readonly [bigint, bigint]): PoolSpec => ({
  dex: "pairs",
  family: "uniswap-v2",
  info: { pool: addressOf(byte), tokens, facts: {} },
  row: [addressOf(byte), reserves[0].toString(), reserves[1].toString(), 3_000, 3_000] as RowOf<"uniswap-v2">,
});
const ETHER = 10n ** 18n;
const asTokens = (...addresses: readonly Address[]): TestToken[] => addresses.map((address) => ({ address, value: 1 }));

/** A deep pool of ranges that is off the price of two pairs: one swap in it, then the way parts. */
test("a flow is split over parallel pools", () => {
  const off = addressOf("aa");
  const liquidity = (10n ** 24n).toString();
  const ticks: TickRow[] = [
    [-60_000, liquidity, liquidity],
    [60_000, `-${liquidity}`, liquidity],
  ];
  // A price of e^0.05: tick 500.
  const row = [off, (getSqrtRatioAtTick(500) + 1n).toString(), 500, liquidity, 500, 500, ticks] as const;
  const { plan } = planOf({
    tokens: asTokens(home, other),
    pools: [
      { dex: "off", family: "uniswap-v3", info: { pool: off, tokens: [home, other], facts: { tickSpacing: 60 } }, row: [...row] },
      pair("bb", [home, other], [1_000n * ETHER, 1_000n * ETHER]),
      pair("cc", [home, other], [1_000n * ETHER, 1_000n * ETHER]),
    ],
  });
  expect(plan?.hops.map(({ pool }) => pool).toSorted()).toEqual([off, addressOf("bb"), addressOf("cc")]);
  expect(plan?.hops[0]?.pool).toBe(off);
});

/** Two pools of the same pair at odds, and one thin way from the start token: to trade between them one would have to hold what nobody lends. */
test("trades that feed each other in a circle are not planned", () => {
  const { plan } = planOf({
    tokens: asTokens(home, other, third),
    pools: [
      pair("aa", [other, third], [1_000n * ETHER, 1_000n * ETHER]),
      pair("bb", [other, third], [1_000n * ETHER, 1_100n * ETHER]),
      pair("cc", [home, other], [1_000n * ETHER, 1_000n * ETHER]),
    ],
  });
  expect(plan).toBeNull();
});
