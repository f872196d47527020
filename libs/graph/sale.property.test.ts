import { fc, test } from "@fast-check/vitest";
import { expect } from "vitest";
import type { Edge, Market, MarketPool } from "#libs/graph/market.ts";
import { sold } from "#libs/graph/sale.ts";
import { cycleIdOf, findCycles, type SearchOptions, searchCycles } from "#libs/graph/search.ts";
import { exactAmounts, exactProfit, marketOf, randomFrom, randomMarket, roundingOf, type TestMarket } from "#libs/graph/testing.ts";
import { cycleHops, inProfitToken, profitTokenOf } from "#libs/ledger/profit-token.ts";
import type { Candidate, Hop } from "#proto/cycle/v1/found.ts";

const MIN_PROFIT = 1e14;
const HOPS = 3;
const SALE_HOPS = 2;
const markets = fc.record({
  seed: fc.integer(),
  tokens: fc.integer({ min: 3, max: 5 }),
  pools: fc.integer({ min: 4, max: 12 }),
});
/** Wei per gas: nothing, and up to what makes a swap cost a multiple of what is found. */
const gasPrices = fc.oneof(fc.constant(0n), fc.bigInt({ min: 1n, max: 10n ** 12n }));

const optionsFor = ({ tokens }: TestMarket, more: Partial<SearchOptions> = {}): SearchOptions => {
  const [startToken, ...otherStarts] = tokens.map(({ address }) => address) as [string, ...string[]];
  return { startToken, otherStarts, maxHops: HOPS, maxCandidates: 1_000, minGrossProfit: MIN_PROFIT, maxAmountIn: 10n ** 21n, ...more };
};

/** A market, and what a search of the whole finds in it. */
function searched(drawing: { readonly seed: number; readonly tokens: number; readonly pools: number }) {
  const described = randomMarket(randomFrom(drawing.seed), drawing);
  const market = marketOf(described.pools);
  const options = optionsFor(described);
  const everything = described.pools.map(({ info }) => info.pool);
  return { market, options, candidates: searchCycles(market, everything, options).candidates };
}

const edgesOf = (market: Market, hops: readonly Hop[]): Edge[] =>
  hops.map(({ pool, tokenIn, tokenOut }) =>
    (market.pool(pool) as MarketPool).edges.find(({ from, to }) => from === tokenIn && to === tokenOut),
  ) as Edge[];

/** Every path of one or two swaps through live pools that are not used. */
function* pathsOf(market: Market, from: string, to: string, used: ReadonlySet<MarketPool>): Generator<readonly Edge[]> {
  const all = [...market.pools()].filter((pool) => pool.live && !used.has(pool)).flatMap(({ edges }) => [...edges]);
  for (const first of all.filter((edge) => edge.from === from)) {
    if (first.to === to) yield [first];
    else for (const second of all) if (second.from === first.to && second.to === to && second.pool !== first.pool) yield [first, second];
  }
}

const gasOf = (edges: readonly Edge[], amounts: readonly bigint[]): number =>
  edges.reduce((sum, { pool: { family, info, state }, indexIn, indexOut }, place) => {
    return sum + family.swapGas(info, state, { amountIn: amounts[place] as bigint, indexIn, indexOut });
  }, 0);

test.prop([markets, gasPrices], { numRuns: 300 })(
  "what a cycle leaves is sold along the path that pays most, to the unit, through pools that the cycle does not use",
  (drawing, gasPrice) => {
    const { market, options, candidates } = searched(drawing);
    const profitToken = options.startToken;
    const all = sold(market, candidates, { profitToken, gasPrice });
    const byCycle = new Map(all.map((candidate) => [cycleIdOf(edgesOf(market, cycleHops(candidate))), candidate]));
    expect(new Set(all.map(({ cycleId }) => cycleId)).size).toBe(all.length);
    for (const unsold of candidates) {
      const found = byCycle.get(unsold.cycleId);
      if (unsold.token === profitToken) {
        expect(found).toEqual(unsold);
        continue;
      }
      const edges = edgesOf(market, unsold.hops);
      const surplus = BigInt(unsold.amountOut) - BigInt(unsold.amountIn);
      const quotes = [...pathsOf(market, unsold.token, profitToken, new Set(edges.map(({ pool }) => pool)))].flatMap((path) => {
        const amounts = exactAmounts(path, surplus);
        return amounts === null ? [] : [{ hops: path.length, out: amounts.at(-1) as bigint, gas: gasOf(path, amounts) }];
      });
      if (quotes.length === 0) {
        expect(found).toBeUndefined();
        continue;
      }
      const sale = edgesOf(market, found?.hops ?? []).slice(edges.length);
      const { gasEstimate, ...rest } = found as Candidate;
      const amounts = exactAmounts(sale, surplus) as bigint[];
      const { out, ...paid } = { out: amounts.at(-1) as bigint, gas: gasOf(sale, amounts) };
      expect(gasEstimate).toBe(unsold.gasEstimate + paid.gas);
      expect(rest).toMatchObject({ token: unsold.token, profitToken, amountIn: unsold.amountIn, amountOut: unsold.amountOut });
      expect(rest).toMatchObject({ grossProfit: `${out}`, cycleId: cycleIdOf([...edges, ...sale]) });
      expect(rest.hops.slice(0, edges.length)).toEqual(unsold.hops);
      expect(rest.hops.slice(edges.length).map((hop) => [hop.amountIn, hop.amountOut])).toEqual(
        sale.map((_, place) => [`${amounts[place]}`, `${amounts[place + 1]}`]),
      );
      expect(new Set(rest.hops.map(({ pool }) => pool)).size).toBe(rest.hops.length);
      // Of the paths of each length the one that pays most, and of those the one that leaves most.
      const net = (quote: { readonly out: bigint; readonly gas: number }) => quote.out - BigInt(quote.gas) * gasPrice;
      let shorter = 0n;
      for (let hops = 1; hops <= SALE_HOPS; hops++) {
        const [most] = quotes
          .filter((quote) => quote.hops === hops)
          // Of those that pay the same it need not be the one of least gas.
          .sort((one, other) => (one.out === other.out ? other.gas - one.gas : one.out > other.out ? -1 : 1));
        // A longer one that pays less is not always looked at: its gas would have to be less.
        if (most !== undefined && most.out > shorter) expect(net({ out, ...paid })).toBeGreaterThanOrEqual(net(most));
        if (most !== undefined && most.out > shorter) shorter = most.out;
      }
    }
    const profits = all.map(({ grossProfit }) => BigInt(grossProfit));
    expect(profits).toEqual(profits.toSorted((one, other) => (one > other ? -1 : one < other ? 1 : 0)));
  },
);

test.prop([markets], { numRuns: 100 })("an amount is worth as much in the profit token as the surplus is sold for, pro rata", (drawing) => {
  const { market, options, candidates } = searched(drawing);
  for (const candidate of sold(market, candidates, { profitToken: options.startToken, gasPrice: 0n })) {
    const surplus = BigInt(candidate.amountOut) - BigInt(candidate.amountIn);
    expect(profitTokenOf(candidate)).toBe(options.startToken);
    expect(inProfitToken(candidate, surplus)).toBe(BigInt(candidate.grossProfit));
    expect(inProfitToken(candidate, 0n)).toBe(0n);
    expect(inProfitToken(candidate, 3n * surplus)).toBe(3n * BigInt(candidate.grossProfit));
  }
});

test.prop([markets, fc.integer({ min: 1, max: 99 })], { numRuns: 200 })(
  "no more goes into a cycle than a lender has of its token, and as much as that earns",
  (drawing, percent) => {
    const described = randomMarket(randomFrom(drawing.seed), drawing);
    const market = marketOf(described.pools);
    const addresses = described.pools.map(({ info }) => info.pool);
    const { candidates } = searchCycles(market, addresses, optionsFor(described));
    const wanted = new Map<string, bigint>();
    for (const { token, amountIn } of candidates) {
      const most = wanted.get(token) ?? 0n;
      if (BigInt(amountIn) > most) wanted.set(token, BigInt(amountIn));
    }
    const maxAmountsIn = Object.fromEntries([...wanted].map(([token, most]) => [token, (most * BigInt(percent)) / 100n]));
    const limited = searchCycles(market, addresses, optionsFor(described, { maxAmountsIn })).candidates;
    // Nor do larger ones take the places of others before they are cut.
    const found = findCycles(market, addresses, optionsFor(described, { maxAmountsIn }), { floor: 0, capacity: 1_000, without: [] });
    for (const { edges, amountIn } of found.cycles)
      expect(amountIn).toBeLessThanOrEqual(Number(maxAmountsIn[edges[0]?.from as string] ?? 10n ** 21n) * (1 + 1e-9));
    const free = new Map(candidates.map((candidate) => [candidate.cycleId, candidate]));
    for (const { cycleId, token, amountIn, grossProfit, hops } of limited) {
      const limit = maxAmountsIn[token] as bigint;
      expect(BigInt(amountIn)).toBeLessThanOrEqual(limit);
      const edges = edgesOf(market, hops);
      const { value } = described.tokens.find(({ address }) => address === token) as { value: number };
      // Profit is concave: where more is wanted, all that there is earns most; else as much as without a limit is wanted.
      const best = BigInt(free.get(cycleId)?.amountIn ?? amountIn);
      const reference = exactProfit(edges, best < limit ? best : limit) ?? 0n;
      const rounding = roundingOf(edges, described.tokens);
      expect(Number(grossProfit) * value).toBeGreaterThanOrEqual(Number(reference) * value * (1 - 1e-6) - rounding);
    }
    // None is missing that earns well beyond the minimum within the limit.
    const kept = new Set(limited.map(({ cycleId }) => cycleId));
    for (const { cycleId, token, hops } of candidates) {
      const { value } = described.tokens.find(({ address }) => address === token) as { value: number };
      const limit = maxAmountsIn[token] as bigint;
      const edges = edgesOf(market, hops);
      const earned = limit > 0n ? Number(exactProfit(edges, limit) ?? 0n) * value : 0;
      if (earned > 1.5 * MIN_PROFIT + roundingOf(edges, described.tokens)) expect(kept).toContain(cycleId);
    }
  },
);
