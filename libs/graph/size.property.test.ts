import { fc, test } from "@fast-check/vitest";
import { expect } from "vitest";
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
  type TestToken,
} from "#libs/graph/testing.ts";

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
