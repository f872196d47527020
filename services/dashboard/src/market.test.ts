import { expect, test } from "vitest";
import type { ChainStats, PricesView, TvlView } from "#services/gateway/api.ts";
import { gatewayConfig } from "#services/gateway/config.ts";
import { arbitragesView, pricesView, tvlView } from "#services/gateway/market.ts";
import { applyMessage, initialReadModel } from "#services/gateway/read-model.ts";
import { createScenario } from "#services/gateway/testing.ts";
import { selected, statsView } from "#services/gateway/views.ts";
import { answered, chainsWithoutDollar, dexRows, failed, ofChain, priceRows, runsOf, UNREAD_MARKET } from "./market.ts";

const START_MS = 1_790_000_000_000;

function seeded() {
  const scenario = createScenario({ seed: 3, startMs: START_MS, reorgShare: 0.1 });
  const model = initialReadModel({ chains: [{ config: scenario.chain, mode: "live" }], bounds: gatewayConfig() });
  for (let block = 0; block < 60; block += 1) for (const message of scenario.nextBlock()) applyMessage(model, message);
  const [chain] = selected(model);
  const prices = chain === undefined ? null : pricesView(chain, 100);
  const tvl = chain === undefined ? null : tvlView(chain, 1);
  if (chain === undefined || prices === null || tvl === null) throw new Error("the analyst has spoken");
  return { stats: statsView(model, START_MS), prices, tvl, arbitrages: arbitragesView([chain], 100) };
}

const followed = (chain: string, dex: string, pools: number): ChainStats["pools"][number] => ({
  chain,
  dex,
  family: "uniswap-v2",
  pools,
  quarantined: 0,
  asOfBlock: 1,
});
const values = (chain: string, nativeSymbol: string, dexes: TvlView["dexes"]): TvlView => ({
  chain,
  nativeSymbol,
  blockNumber: 1,
  blockHash: `0x${"1".repeat(64)}`,
  native: "0",
  usd: null,
  dexes,
  pools: [],
  lateDexes: [],
});

test("of a seeded market every DEX has its pools and its value, the largest first", () => {
  const { stats, tvl } = seeded();
  const rows = dexRows(stats.pools, [tvl]);
  expect(rows.map(({ dex, pools }) => [dex, pools]).sort()).toEqual(stats.pools.map(({ dex, pools }) => [dex, pools]).sort());
  const usd = rows.map((row) => Number(row.tvl?.usd));
  expect(usd).toEqual(usd.toSorted((a, b) => b - a));
  expect(rows.find(({ dex }) => dex === "sushiswap")?.quarantined).toBe(1);
});

test("what has dollars comes before what has native coins alone, and that before what has no value", () => {
  const rows = dexRows(
    [followed("b", "unvalued", 900), followed("b", "also-unvalued", 901), followed("a", "small", 1)],
    [
      values("a", "ETH", [
        { dex: "small", pools: 1, native: "0.01", usd: "9.5" },
        { dex: "large", pools: 1, native: "9", usd: "10000" },
      ]),
      values("c", "BNB", [
        { dex: "small", pools: 1, native: "99", usd: null },
        { dex: "large", pools: 1, native: "1000000", usd: null },
      ]),
    ],
  );
  expect(rows.map(({ chain, dex, pools }) => [chain, dex, pools])).toEqual([
    ["a", "large", null],
    ["a", "small", 1],
    ["c", "large", null],
    ["c", "small", null],
    ["b", "also-unvalued", 901],
    ["b", "unvalued", 900],
  ]);
});

test("a price stands beside its own feed, and a stable coin off its peg is marked", () => {
  const { prices } = seeded();
  const rows = priceRows([prices]);
  expect(rows.filter(({ feed }) => feed !== null).map(({ token, feed }) => [token.symbol, feed?.token.symbol])).toEqual([
    ["WETH", "WETH"],
    ["USDC", "USDC"],
    ["WBTC", "WBTC"],
  ]);
  expect(rows.filter(({ isDepegged }) => isDepegged).map(({ token }) => token.symbol)).toEqual(["DAI"]);
});

test("prices of several chains stand side by side, the surest first, each with the feeds of its own chain", () => {
  const { prices } = seeded();
  const other: PricesView = { ...prices, chain: "other", usdPerNative: null, feeds: [], depegged: [] };
  const rows = priceRows([other, prices]);
  expect(rows.map(({ confidence }) => confidence)).toEqual(rows.map(({ confidence }) => confidence).toSorted((a, b) => b - a));
  expect(rows.some(({ chain, feed, isDepegged }) => chain === "other" && (feed !== null || isDepegged))).toBe(false);
  expect(chainsWithoutDollar([prices, other])).toEqual(["other"]);
  expect(ofChain([prices, other], "other")).toEqual([other]);
  expect(ofChain([prices, other], null)).toHaveLength(2);
  expect(ofChain(null, "other")).toEqual([]);
});

test("a plain cycle is one run, a split way one for each part, and no hop is lost", () => {
  const { arbitrages } = seeded();
  const runs = arbitrages.map(({ hops }) => runsOf(hops));
  expect(runs.map((each) => each.flat())).toEqual(arbitrages.map(({ hops }) => hops));
  expect(new Set(runs.map(({ length }) => length))).toEqual(new Set([1, 2]));
  for (const run of runs.flat())
    expect(run.slice(1).map(({ tokenIn }) => tokenIn)).toEqual(run.slice(0, -1).map(({ tokenOut }) => tokenOut));
  expect(runsOf([])).toEqual([]);
});

test("a failed question leaves the last answer and its time; the next answer clears the failure", () => {
  expect(failed(UNREAD_MARKET.prices, "down")).toEqual({ answer: null, answeredAtMs: 0, failure: "down" });
  const reading = failed(answered([1], 5), "down");
  expect(reading).toEqual({ answer: [1], answeredAtMs: 5, failure: "down" });
  expect(answered([2], 6)).toEqual({ answer: [2], answeredAtMs: 6, failure: null });
});
