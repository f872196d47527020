import { gasAwareOptimum } from "#libs/graph/convex-optimum.ts";
import { planCycles } from "#libs/graph/plan.ts";
import { blocksOf } from "#libs/graph/search.bench.ts";
import { GAS_BASE, rebuild, rest, type SearchOptions, searchCycles } from "#libs/graph/search.ts";
import { largeMarket, marketOf, randomFrom } from "#libs/graph/testing.ts";
import { type Bench, held, type Measurement, time } from "#libs/testkit/bench.ts";
import type { Candidate } from "#proto/cycle/v1/found.ts";

const SIZE = 10_000;
const GAS_PRICE = 3n * 10n ** 9n;
/** Two swaps cost more at this gas price. */
const MIN_PROFIT = 3e14;
const MAX_CYCLES = 16;
/** Milliseconds: search and plan together. */
const MOST = 5;

const gasCostOf = (gas: number): number => gas * Number(GAS_PRICE);

/** All cycles of a plan in one transaction, after its gas. */
const netOf = (cycles: readonly Candidate[]): number =>
  cycles.length === 0
    ? 0
    : cycles.reduce((sum, { grossProfit, gasEstimate }) => sum + Number(grossProfit) - gasCostOf(gasEstimate - GAS_BASE), 0) -
      gasCostOf(GAS_BASE);

function planBench(weather: "calm" | "storm", rounds: number): Measurement {
  const { tokens, pools } = largeMarket(randomFrom(SIZE), SIZE);
  const startToken = tokens[0]?.address as string;
  const options: SearchOptions = { startToken, maxHops: 4, maxCandidates: 4, minGrossProfit: MIN_PROFIT, maxAmountIn: 10n ** 21n };
  const market = marketOf(pools);
  const next = blocksOf(pools, weather, (row) => market.apply(row));
  searchCycles(market, [], options);
  rebuild(market);
  const costs = {
    of: ({ family, info, state }: Parameters<Parameters<typeof gasAwareOptimum>[2]["of"]>[0]) =>
      gasCostOf(family.swapGas(info, state, { amountIn: 1n, indexIn: 0, indexOut: 1 })),
    base: gasCostOf(GAS_BASE),
  };
  const sum = { planned: 0, best: 0, bound: 0, value: 0, cycles: 0 };
  let planned: readonly Candidate[] = [];
  let single = 0;
  const measure = () => {
    const { value, bound } = gasAwareOptimum(market, startToken, costs);
    sum.planned += Math.max(0, netOf(planned));
    sum.best += Math.max(0, single);
    sum.bound += bound;
    sum.value += value;
    sum.cycles += planned.length;
  };
  const measured = time(
    `${SIZE} pools, ≤ 4 hops, ${weather}: search and plan`,
    {
      warmUp: 1,
      rounds,
      prepare: (round) => {
        if (round > 0) measure();
        const { rows, changed } = next();
        rest(market);
        for (const row of rows) market.apply(row);
        return changed;
      },
      facts: () => ({
        "captured, % of the bound": Math.round((1_000 * sum.planned) / sum.bound) / 10,
        "% of the best plan known": Math.round((1_000 * sum.planned) / sum.value) / 10,
        "by the best cycle alone, % of the bound": Math.round((1_000 * sum.best) / sum.bound) / 10,
        "cycles a block": Math.round((10 * sum.cycles) / rounds) / 10,
      }),
    },
    (changed: readonly string[]) => {
      const search = searchCycles(market, changed, options);
      planned = planCycles(market, search, options, { maxCycles: MAX_CYCLES, maxTokens: 64, maxGas: 30_000_000, gasPrice: GAS_PRICE });
      single = netOf(search.candidates.slice(0, 1));
      return planned;
    },
  );
  return held(measured, { msMost: MOST, msMostP99: MOST });
}

export const bench: Bench = {
  title: "plan",
  about:
    `The cycles that one transaction takes one after another, of a made market in which 50 pools have moved, at 3 gwei: how long they take to find, and how much they earn of the ` +
    "gas-aware convex optimum, of which a bound and a plan are known.",
  run: ({ quick }) => (["calm", "storm"] as const).map((weather) => planBench(weather, quick ? 2 : 40)),
};
