import { fc, test } from "@fast-check/vitest";
import { expect } from "vitest";
import { confirm } from "#libs/graph/exact.ts";
import type { Edge } from "#libs/graph/market.ts";
import { sizeCycle } from "#libs/graph/size.ts";
import {
  bestByGoldenSection,
  exactProfit,
  marketOf,
  randomFrom,
  randomPool,
  randomTokens,
  roundingOf,
  smoothPool,
  type TestToken,
} from "#libs/graph/testing.ts";
import { type Address, asAddress } from "#libs/units/brand.ts";

const LARGEST = 1e21;

const rings = fc.record({ seed: fc.integer(), hops: fc.integer({ min: 2, max: 3 }) });

/** Two or three pools in a ring, in both directions; none where a pool has no liquidity at all. */
function ringOf({ seed, hops }: { readonly seed: number; readonly hops: number }) {
  const random = randomFrom(seed);
  const tokens = randomTokens(random, hops);
  const pools = tokens.map((token, index) =>
    randomPool(random, index, [token, tokens[(index + 1) % hops] as TestToken], random.between(-0.03, 0.03)),
  );
  const market = marketOf(pools);
  const edges = pools.map(({ info }, index): Edge => {
    const edge = market.pool(info.pool)?.edges.find(({ from }) => from === tokens[index]?.address);
    if (edge === undefined) throw new Error("a ring's pools lie between its tokens");
    return edge;
  });
  const backwards = edges.map((edge) => edge.pool.reverse(edge)).reverse();
  return { tokens, cycles: edges.every(({ pool }) => pool.live) ? [edges, backwards] : [] };
}

test.prop([rings], { numRuns: 400 })(
  "the size earns all but a hundred-thousandth of the best exact profit",
  (drawn) => {
    const { cycles, tokens } = ringOf(drawn);
    for (const edges of cycles) {
      const best = bestByGoldenSection(edges, LARGEST);
      const sized = sizeCycle(edges, LARGEST);
      const rounding = roundingOf(edges, tokens);
      const profit = sized === null ? 0n : exactProfit(edges, BigInt(Math.floor(sized.amountIn)));
      expect(Number(profit ?? -1n)).toBeGreaterThanOrEqual(best.profit * (1 - 1e-5) - rounding);
    }
  },
  60_000,
);

test.prop([rings], { numRuns: 400 })(
  "the profit it claims is what the exact quotes give, beyond rounding",
  (drawn) => {
    const { cycles, tokens } = ringOf(drawn);
    for (const edges of cycles) {
      const sized = sizeCycle(edges, LARGEST);
      if (sized === null) continue;
      const profit = exactProfit(edges, BigInt(Math.floor(sized.amountIn)));
      expect(Math.abs(Number(profit ?? -1n) - sized.profit)).toBeLessThanOrEqual(sized.profit * 1e-6 + roundingOf(edges, tokens));
    }
  },
  60_000,
);

test.prop([rings, fc.double({ min: 1e14, max: 1e21, noNaN: true })], { numRuns: 500 })(
  "no input above the largest is chosen, and a limit below the optimum is used up",
  (drawn, largest) => {
    const { cycles } = ringOf(drawn);
    for (const edges of cycles) {
      const free = sizeCycle(edges, 1e27);
      const limited = sizeCycle(edges, largest);
      expect(limited?.amountIn ?? 0).toBeLessThanOrEqual(largest);
      if (free === null) expect(limited).toBeNull();
      else expect((limited?.amountIn ?? 0) / Math.min(free.amountIn, largest)).toBeCloseTo(1, 8);
    }
  },
);

test("a cycle is sized though its smallest inputs come to nothing: a unit of WETH buys no unit of USDC", () => {
  const [usdc, weth] = ["0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48", "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"].map(asAddress) as [
    Address,
    Address,
  ];
  const [weighted, pair] = ["11", "22"].map((byte) => asAddress(`0x${byte.repeat(20)}`)) as [Address, Address];
  const half = (10n ** 18n / 2n).toString();
  const facts = {
    vault: pair,
    poolId: weighted.padEnd(66, "0"),
    kind: "weighted",
    maths: 1,
    decimals: [6, 18],
    weights: [half, half],
    bptIndex: -1,
    rateProviders: [],
  } as const;
  const market = marketOf([
    {
      dex: "balancer-v2",
      family: "balancer-v2",
      info: { pool: weighted, tokens: [usdc, weth], facts },
      row: [weighted, ["1900000000000", (10n ** 21n).toString()], ["0", "0"], "3000000000000000", false, ["0", false, [], 0], []],
    },
    {
      dex: "uniswap-v2",
      family: "uniswap-v2",
      info: { pool: pair, tokens: [usdc, weth], facts: {} },
      row: [pair, "1800000000000", (10n ** 21n).toString(), 3_000, 3_000],
    },
  ]);
  // USDC is dearer in the pair by 5.5 %.
  const edges = [weighted, pair].map((pool, hop) => market.pool(pool)?.edges.find(({ from }) => from === [weth, usdc][hop]) as Edge);
  const best = bestByGoldenSection(edges, LARGEST);
  const sized = sizeCycle(edges, LARGEST);
  expect(best.profit).toBeGreaterThan(1e17);
  expect(Number(exactProfit(edges, BigInt(Math.floor(sized?.amountIn ?? 0))) ?? -1n)).toBeGreaterThanOrEqual(best.profit * (1 - 1e-5));
});

/** Two to four pools in a ring, about half of them smooth, in the direction that pays if any does. */
const mixes = fc.record({ seed: fc.integer(), hops: fc.integer({ min: 2, max: 4 }) });

test.prop([mixes], { numRuns: 300, examples: [[{ seed: -1360599200, hops: 4 }], [{ seed: -1578606442, hops: 3 }]] })(
  "with stable and weighted pools the size earns 99.99 % of the best exact profit",
  ({ seed, hops }) => {
    const random = randomFrom(seed);
    const tokens = randomTokens(random, hops).map(({ address }, index) => ({
      address,
      value: index > 0 && random.unit() < 0.4 ? 1e12 : 1,
    }));
    const pools = tokens.map((token, index) => {
      const pair: [TestToken, TestToken] = [token, tokens[(index + 1) % hops] as TestToken];
      return index === 0 || random.unit() < 0.5
        ? smoothPool(random, index, pair)
        : randomPool(random, index, pair, random.between(-0.03, 0.03));
    });
    const market = marketOf(pools);
    const around = pools.map(
      ({ info }, index) => market.pool(info.pool)?.edges.find(({ from }) => from === tokens[index]?.address) as Edge,
    );
    if (!around.every(({ pool }) => pool.live)) return;
    const rounding = roundingOf(around, tokens);
    for (const edges of [around, around.map((edge) => edge.pool.reverse(edge)).reverse()]) {
      const best = bestByGoldenSection(edges, LARGEST);
      const sized = sizeCycle(edges, LARGEST);
      const exact = sized === null ? null : confirm(edges, sized.amountIn, BigInt(LARGEST));
      expect(Number(exact?.profit ?? 0n)).toBeGreaterThanOrEqual(best.profit * (1 - 1e-4) - rounding);
    }
  },
);
