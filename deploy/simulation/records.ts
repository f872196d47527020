import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { RivalRule } from "#libs/rivals/rules.ts";
import type { Recorded } from "./record.ts";

/** Rules from what has been recorded of searchers on real chains (data/recorded.json, made by record.ts). What is not in the records is marked as invented. */

export const RECORDED = JSON.parse(readFileSync(join(import.meta.dirname, "data", "recorded.json"), "utf8")) as Recorded;

/** Nobody here bids for what does not pay; on the chain, of whose records this is, a third of the arbitrages did. */
const LEAST_GAIN_TO_COST = 1;
/** Bundles of a rival in a block: invented. */
const BUNDLES = 3;
/** Hops that any search here looks at. */
const MOST_HOPS = 3;

const FAMILIES: Readonly<Record<string, readonly string[]>> = {
  "Uniswap V2": ["uniswap-v2"],
  "Uniswap V3": ["uniswap-v3", "pancake-v3"],
};

/** A rival for each contract that was seen often enough: its tokens, families, hops, delays, payments and least gain are its own. */
export const RECORDED_RIVALS: readonly RivalRule[] = RECORDED.arbitrum.contracts.map(
  ({ contract, arbitrages, tokenShare, protocols, mostHops, leastGainToCost, paidShares, delays }) => ({
    name: contract.slice(0, 10),
    families: protocols.flatMap((protocol) => FAMILIES[protocol] ?? []),
    maxHops: Math.min(MOST_HOPS, mostHops),
    follows: tokenShare,
    latency: 0,
    minNetProfit: 0,
    tipShare: 0,
    reliability: 1,
    bundles: BUNDLES,
    duty: 1,
    period: 1,
    habits: { delays, seen: arbitrages, paidShares, leastGainToCost: Math.max(LEAST_GAIN_TO_COST, leastGainToCost) },
  }),
);

/** The rivals given, which are invented, with the delays and payments of Ethereum's gas auctions. They send whenever they would: when, is recorded. */
export const bidding = (rivals: readonly RivalRule[]): readonly RivalRule[] =>
  rivals.map((rival) => ({
    ...rival,
    reliability: 1,
    habits: {
      delays: RECORDED.ethereum.delays,
      seen: null,
      paidShares: RECORDED.ethereum.paidShares,
      leastGainToCost: LEAST_GAIN_TO_COST,
    },
  }));
