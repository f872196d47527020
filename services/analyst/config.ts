import type { ChainConfig } from "#libs/chains/chain.ts";
import type { PricesOptions } from "#libs/prices/prices.ts";
import type { Config } from "#services/analyst/actor.ts";

/** A DEX that takes longer than this is gone on without. Fetchers answer within some 5 ms. */
const LATE_DEX_MS = 250;
/** A whole set goes out so often: what a new reader has to read at most, and how long a token may hang on a pool that others have outgrown. */
const WHOLE_SET_EVERY_BLOCKS = 256;
/** Chainlink's feeds of large tokens move by 0.5 %, some minutes apart at the most busy: every fifth block misses nothing of it. */
const FEEDS_EVERY_BLOCKS = 5;
/** A tenth of a per cent: below every fee but the very lowest, and so below what pools of one token differ by. */
const PRICE_MOVE = 0.001;
const VALUE_MOVE = 0.01;
/** Rows of some 110 bytes: half a megabyte, where the broker takes one. */
const MOST_PRICES = 4_000;
const MOST_VALUES = 3_000;
/** A tenth of a native coin: below it a pool is in the totals and in no row. Raw units. */
const LEAST_VALUE = 1e17;
/** Tokens of foreign pools that are remembered: some megabytes. */
const MOST_FOREIGN_POOLS = 20_000;
/** One multicall's worth. */
const MOST_TOKENS_ASKED = 500;
/** Half a per cent: stable coins stand within a tenth of one in calm times. */
const PEG_TOLERANCE = 0.005;
/** A thousandth of a native coin traded moves such a pool by 2 %: no price worth the name. Raw units. */
const MIN_DEPTH = 1e15;
/** Depth at which an undisputed price deserves half of its trust. */
const HALF_TRUST_USD = 1_000;
const HALF_TRUST_NATIVE = 1;

export interface AnalystSettings {
  readonly chain: ChainConfig;
}

export function analystConfig({ chain }: AnalystSettings): Config {
  return {
    chain: chain.key,
    chainId: chain.chainId,
    dexes: chain.dexes.map(({ id }) => id),
    wrappedNative: chain.wrappedNative,
    stables: chain.tokens.filter(({ stable }) => stable === true).map(({ address }) => address),
    executorContract: chain.executorContract ?? null,
    priceFeeds: chain.priceFeeds ?? [],
    lateDexMs: LATE_DEX_MS,
    wholeSetEveryBlocks: WHOLE_SET_EVERY_BLOCKS,
    feedsEveryBlocks: FEEDS_EVERY_BLOCKS,
    priceMove: PRICE_MOVE,
    valueMove: VALUE_MOVE,
    mostPrices: MOST_PRICES,
    mostValues: MOST_VALUES,
    leastValue: LEAST_VALUE,
    mostForeignPools: MOST_FOREIGN_POOLS,
    mostTokensAsked: MOST_TOKENS_ASKED,
    pegTolerance: PEG_TOLERANCE,
  };
}

export function pricesOptions(chain: ChainConfig): PricesOptions {
  return {
    native: chain.wrappedNative,
    stables: chain.tokens.filter(({ stable }) => stable === true).map(({ address, decimals }) => ({ token: address, decimals })),
    minDepth: MIN_DEPTH,
    halfTrustUsd: HALF_TRUST_USD,
    halfTrustNative: HALF_TRUST_NATIVE,
  };
}
