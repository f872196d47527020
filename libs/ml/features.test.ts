import { fc, test as property } from "@fast-check/vitest";
import { expect, test } from "vitest";
import { extract, FEATURE_COUNT, FEATURES, type FeatureContext, type FeatureName, featuresJson, SCHEMA_HASH } from "#libs/ml/features.ts";
import type { Candidate, Hop } from "#proto/cycle/v1/found.ts";

const [WETH, USDC] = [`0x${"a".repeat(40)}`, `0x${"b".repeat(40)}`];
const [POOL1, POOL2] = [`0x${"1".repeat(40)}`, `0x${"2".repeat(40)}`];
const hop = (pool: string, family: Hop["family"], tokens: readonly [string, string], amounts: readonly [bigint, bigint]): Hop => ({
  dex: "some",
  family,
  pool: pool as Hop["pool"],
  call: { form: "v2", zeroForOne: true },
  tokenIn: tokens[0] as Hop["tokenIn"],
  tokenOut: tokens[1] as Hop["tokenOut"],
  amountIn: String(amounts[0]),
  amountOut: String(amounts[1]),
});
const ETHER = 10n ** 18n;
const candidate: Candidate = {
  cycleId: "0123456789abcdef",
  token: WETH as Candidate["token"],
  amountIn: String(2n * ETHER),
  amountOut: String(2n * ETHER + 4n * 10n ** 15n),
  grossProfit: String(4n * 10n ** 15n),
  gasEstimate: 300_000,
  priceImpact: 1 - 0.98 * 0.99,
  hops: [
    hop(POOL1, "uniswap-v2", [WETH, USDC], [2n * ETHER, 6_000_000_000n]),
    hop(POOL2, "uniswap-v3", [USDC, WETH], [6_000_000_000n, 2n * ETHER + 4n * 10n ** 15n]),
  ],
};
const context: FeatureContext = {
  gasPrice: 5n * 10n ** 9n,
  loanFeePips: 500n,
  blockNumber: 1_000,
  elapsedMs: 40,
  block: { baseFeePerGas: 4_000_000_000n, gasUsed: 18_000_000, gasLimit: 30_000_000 },
  baseFeeBefore: 2_000_000_000n,
  rivalsPerBlock: 1.5,
  pool: (pool) =>
    pool === POOL1
      ? { tvl: 40, changedAtBlock: 990, taken: 3, simulations: { right: 9, all: 10 } }
      : { tvl: 500, changedAtBlock: 997, taken: 7, simulations: { right: 0, all: 0 } },
  volatility: () => 0.002,
  tokenConfidence: (token) => (token === WETH ? 1 : 0.75),
  cycle: () => ({ found: 8, vanished: 6 }),
};
const nothing: FeatureContext = {
  ...context,
  elapsedMs: null,
  block: null,
  baseFeeBefore: null,
  rivalsPerBlock: null,
  pool: () => null,
  volatility: () => null,
  tokenConfidence: () => null,
  cycle: () => null,
};

function rowOf(own: Candidate, seen: FeatureContext, rank = 3): Record<FeatureName, number> {
  const rows = new Float32Array(FEATURE_COUNT);
  extract({ candidate: own, rank, cyclesFound: 120 }, seen, rows);
  return Object.fromEntries(FEATURES.map(({ name }, column) => [name, rows[column]])) as Record<FeatureName, number>;
}

test("each feature is what its schema says, by hand", () => {
  const row = rowOf(candidate, context);
  const quantity = Object.fromEntries(
    FEATURES.map(({ name, transform }) => [name, transform === "asinh" ? Math.sinh(row[name]) : row[name]]),
  ) as Record<FeatureName, number>;
  const expected: Record<FeatureName, number> = {
    hops: 2,
    families: 2,
    grossProfit: 4_000,
    // 4e15 − 300,000 · 5 gwei − 0.05 % of 2 coins
    netProfit: 4_000 - 1_500 - 1_000,
    gas: 3,
    gasPrice: 5,
    gasCost: 1_500,
    loanFee: 1_000,
    amountIn: 2e6,
    amountToDepth: 50,
    priceImpact: (1 - 0.98 * 0.99) * 1e4,
    thinnestTvl: 40,
    stateAge: 3,
    volatility: 20,
    cycleVanished: 0.75,
    poolsTaken: 7,
    rivals: 1.5,
    baseFeeTrend: Math.LN2,
    blockFullness: 0.6,
    timeInBlock: 0.04,
    tokenConfidence: 0.75,
    poolAccuracy: 0.5,
    rank: 3,
    cyclesInBlock: 120,
  };
  for (const { name } of FEATURES) expect(quantity[name] / expected[name], name).toBeCloseTo(1, 4);
});

test("what has not been seen is missing exactly where the schema allows it", () => {
  const { priceImpact: _, ...bare } = candidate;
  const row = rowOf(bare, nothing);
  for (const { name, missing } of FEATURES) expect(Number.isNaN(row[name]), name).toBe(missing !== null);
});

test("of a cycle that starts in another token amounts are worth what its surplus is sold for, and the sale's pool is not what it goes through", () => {
  // 6,000 dollars that earn 12, sold for the 0.004 coins that the cycle of above earns, in a third pool that hardly holds anything.
  const SALE = `0x${"3".repeat(40)}`;
  const sold: Candidate = {
    ...candidate,
    token: USDC as Candidate["token"],
    profitToken: WETH as Candidate["token"],
    amountIn: "6000000000",
    amountOut: "6012000000",
    hops: [
      hop(POOL1, "uniswap-v2", [USDC, WETH], [6_000_000_000n, 2n * ETHER]),
      hop(POOL2, "uniswap-v3", [WETH, USDC], [2n * ETHER, 6_012_000_000n]),
      hop(SALE, "uniswap-v2", [USDC, WETH], [12_000_000n, 4n * 10n ** 15n]),
    ],
  };
  const seen = (pool: string) =>
    pool === SALE ? { tvl: 1, changedAtBlock: null, taken: 0, simulations: { right: 9, all: 10 } } : context.pool(pool);
  const row = rowOf(sold, { ...context, pool: seen });
  const native = rowOf(candidate, context);
  expect(row).toEqual({ ...native, hops: 3 });
});

const amount = fc.bigInt({ min: 1n, max: 10n ** 30n });
property.prop([
  amount,
  amount,
  fc.nat({ max: 10 ** 8 }),
  amount,
  fc.double({ min: 0, max: 1e12, noNaN: true }),
  fc.nat(),
  fc.nat({ max: 2_000 }),
])(
  "every value is within the bounds of its feature, or missing",
  (amountIn, grossProfit, gasEstimate, gasPrice, tvl, rank, changedAtBlock) => {
    const own = { ...candidate, amountIn: String(amountIn), grossProfit: String(grossProfit), gasEstimate, priceImpact: tvl };
    const pool = () => ({ tvl, changedAtBlock, taken: rank, simulations: { right: rank, all: rank } });
    const row = rowOf(own, { ...context, gasPrice, pool, rivalsPerBlock: tvl, volatility: () => tvl }, rank);
    for (const { name, least, most } of FEATURES) {
      if (Number.isNaN(row[name])) continue;
      expect(row[name], name).toBeGreaterThanOrEqual(least);
      expect(row[name], name).toBeLessThanOrEqual(most);
    }
  },
);

test("the schema has each name once, and another meaning is another schema", () => {
  expect(new Set(FEATURES.map(({ name }) => name)).size).toBe(FEATURE_COUNT);
  expect(JSON.parse(featuresJson()).features).toHaveLength(FEATURE_COUNT);
  expect(SCHEMA_HASH).toMatch(/^[0-9a-f]{64}$/);
});

test("a row is written where it is wanted, and nowhere else", () => {
  const rows = new Float32Array(3 * FEATURE_COUNT).fill(-99);
  extract({ candidate, rank: 0, cyclesFound: 1 }, context, rows, FEATURE_COUNT);
  expect(rows.subarray(0, FEATURE_COUNT).every((value) => value === -99)).toBe(true);
  expect(rows.subarray(FEATURE_COUNT, 2 * FEATURE_COUNT).includes(-99)).toBe(false);
  expect(rows.subarray(2 * FEATURE_COUNT).every((value) => value === -99)).toBe(true);
});
