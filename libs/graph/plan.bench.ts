import { MAX_GAS_ESTIMATE, MAX_TOKENS } from "#libs/contracts/plan.ts";
import { gasAwareOptimum } from "#libs/graph/convex-optimum.ts";
import { swapCostsAt } from "#libs/graph/convex-plan.ts";
import { planSwaps } from "#libs/graph/plan.ts";
import { blocksOf } from "#libs/graph/search.bench.ts";
import { GAS_BASE, rebuild, rest, type SearchOptions, searchCycles } from "#libs/graph/search.ts";
import { largeMarket, marketOf, randomFrom } from "#libs/graph/testing.ts";
import { type Bench, held, type Measurement, time } from "#libs/testkit/bench.ts";
import type { Candidate } from "#proto/cycle/v1/found.ts";

const SIZE = 10_000;
const GAS_PRICE = 3n * 10n ** 9n;
/** Two swaps cost more at this gas price. */
const MIN_PROFIT = 3e14;
/** What a transaction can hold: a message's swaps, the executor's tokens, and gas. */
const LIMITS = { maxSwaps: 80, maxTokens: MAX_TOKENS, maxGas: MAX_GAS_ESTIMATE, gasPrice: GAS_PRICE };
/** The service practises too before its first block. */
const WARM_UP = 20;
/** Milliseconds: search and plan together. */
const MOST = 5;

const gasCostOf = (gas: number): number => gas * Number(GAS_PRICE);

/** After the gas of its transaction; nothing, where that is more. */
const netOf = (candidate: Candidate | undefined): number =>
  candidate === undefined ? 0 : Math.max(0, Number(candidate.grossProfit) - gasCostOf(candidate.gasEstimate));

function planBench(weather: "calm" | "storm", rounds: number): Measurement {
  const { tokens, pools } = largeMarket(randomFrom(SIZE), SIZE);
  const startToken = tokens[0]?.address as string;
  const options: SearchOptions = { startToken, maxHops: 4, maxCandidates: 4, minGrossProfit: MIN_PROFIT, maxAmountIn: 10n ** 21n };
  const market = marketOf(pools);
  const next = blocksOf(pools, weather, (row) => market.apply(row));
  searchCycles(market, [], options);
  rebuild(market);
  const costs = { ...swapCostsAt(GAS_PRICE), base: gasCostOf(GAS_BASE) };
  const sum = { planned: 0, single: 0, bound: 0, best: 0, swaps: 0 };
  let planned = 0;
  let swaps = 0;
  let single = 0;
  const measure = () => {
    const { value, bound } = gasAwareOptimum(market, startToken, costs);
    sum.planned += planned;
    sum.single += single;
    sum.bound += bound;
    sum.best += Math.max(value, planned);
    sum.swaps += swaps;
  };
  const measured = time(
    `${SIZE} pools, ≤ 4 hops, ${weather}: search and plan`,
    {
      warmUp: WARM_UP,
      rounds,
      prepare: (round) => {
        if (round > WARM_UP) measure();
        const { rows, changed } = next();
        rest(market);
        for (const row of rows) market.apply(row);
        return changed;
      },
      facts: () => ({
        "captured, % of the bound": Math.round((1_000 * sum.planned) / sum.bound) / 10,
        "% of the best plan known": Math.round((1_000 * sum.planned) / sum.best) / 10,
        "by the best cycle alone, % of the bound": Math.round((1_000 * sum.single) / sum.bound) / 10,
        "swaps a block": Math.round((10 * sum.swaps) / rounds) / 10,
      }),
    },
    (changed: readonly string[]) => {
      const search = searchCycles(market, changed, options);
      const [best] = search.candidates;
      const plan = planSwaps(market, search, changed, options, LIMITS) ?? best;
      planned = netOf(plan);
      swaps = planned > 0 ? (plan?.hops.length ?? 0) : 0;
      single = netOf(best);
      return plan;
    },
  );
  return held(measured, { msMost: MOST, msMostP99: MOST });
}

export const bench: Bench = {
  title: "plan",
  about:
    "The swaps that one transaction makes of a made market in which 50 pools have moved, at 3 gwei: how long they take to find, and how much they earn of the " +
    "gas-aware convex optimum, of which a bound and a plan are known.",
  run: ({ quick }) => (["calm", "storm"] as const).map((weather) => planBench(weather, quick ? 2 : 40)),
};
