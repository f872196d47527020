import { decimalOf } from "#libs/prices/decimal.ts";
import type { ArbitrageObserved, ObservedArbitrage } from "#proto/arbitrage/v1/observed.ts";
import type { PriceChanged, PriceRow } from "#proto/price/v1/changed.ts";
import type { TvlChanged } from "#proto/tvl/v1/changed.ts";
import type { ArbitrageView, PricesView, TvlView } from "#services/gateway/api.ts";
import type { ChainModel, ReadModelBounds } from "#services/gateway/model.ts";
import { tokenView } from "#services/gateway/token-view.ts";

/** What the analyst says of a chain: prices, values, arbitrages of anybody. Folded in the order of the stream, updated in place. */

interface Position {
  readonly epoch: number;
  readonly blockNumber: number;
  readonly blockHash: string;
}

export interface KnownArbitrage {
  readonly at: Position & { readonly observedAtMs: number };
  readonly arbitrage: ObservedArbitrage;
}

export interface MarketModel {
  prices: (Position & Pick<PriceChanged, "usdPerNative" | "depegged" | "feeds" | "lateDexes">) | null;
  /** By token, the longest unchanged first. */
  readonly priceRows: Map<string, { readonly row: PriceRow; readonly blockNumber: number }>;
  tvl: (Position & Pick<TvlChanged, "native" | "usd" | "dexes" | "lateDexes">) | null;
  /** By pool, the longest unchanged first. */
  readonly tvlRows: Map<string, { readonly row: TvlChanged["pools"][number]; readonly blockNumber: number }>;
  /** By transaction, block and first log, oldest first. */
  readonly arbitrages: Map<string, KnownArbitrage>;
}

export const emptyMarket = (): MarketModel => ({
  prices: null,
  priceRows: new Map(),
  tvl: null,
  tvlRows: new Map(),
  arbitrages: new Map(),
});

type Bounds = Pick<ReadModelBounds, "pricesKept" | "poolValuesKept" | "arbitragesKept">;

/** One that is set again counts as the newest; the oldest go beyond the bound. */
function setNewest<Key, Value>(map: Map<Key, Value>, key: Key, value: Value, kept: number): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > kept) map.delete(map.keys().next().value as Key);
}

export function applyPrices(market: MarketModel, body: PriceChanged, bounds: Bounds): void {
  const { epoch, blockNumber, blockHash, usdPerNative, depegged, feeds, lateDexes } = body;
  market.prices = { epoch, blockNumber, blockHash, usdPerNative, depegged, feeds, lateDexes };
  if (body.scope === "all") market.priceRows.clear();
  for (const row of body.rows) setNewest(market.priceRows, row[0], { row, blockNumber }, bounds.pricesKept);
  for (const token of body.gone) market.priceRows.delete(token);
}

export function applyTvl(market: MarketModel, body: TvlChanged, bounds: Bounds): void {
  const { epoch, blockNumber, blockHash, native, usd, dexes, lateDexes } = body;
  market.tvl = { epoch, blockNumber, blockHash, native, usd, dexes, lateDexes };
  if (body.scope === "all") market.tvlRows.clear();
  for (const row of body.pools) setNewest(market.tvlRows, row[0], { row, blockNumber }, bounds.poolValuesKept);
}

export function applyArbitrages(market: MarketModel, body: ArbitrageObserved, bounds: Bounds): void {
  const { epoch, blockNumber, blockHash, observedAtMs } = body;
  for (const arbitrage of body.arbitrages) {
    const key = `${arbitrage.transactionHash}@${blockHash}@${arbitrage.hops[0]?.logIndex ?? 0}`;
    setNewest(market.arbitrages, key, { at: { epoch, blockNumber, blockHash, observedAtMs }, arbitrage }, bounds.arbitragesKept);
  }
}

const times = (left: string, right: string) => decimalOf(Number(left) * Number(right));

/** Prices now: what a row holds, and the other number by the newest rate between the native coin and the dollar. The best known first. */
export function pricesView(chain: ChainModel, limit: number): PricesView | null {
  const { prices, priceRows } = chain.market;
  if (prices === null) return null;
  const { usdPerNative } = prices;
  const rows = [...priceRows.values()].sort(({ row: a }, { row: b }) => b[5] - a[5] || (a[0] < b[0] ? -1 : 1)).slice(0, limit);
  return {
    chain: chain.config.key,
    nativeSymbol: chain.config.nativeSymbol,
    blockNumber: prices.blockNumber,
    blockHash: prices.blockHash,
    usdPerNative,
    prices: rows.map(({ row: [token, , native, usd, holds, confidence], blockNumber }) => ({
      token: tokenView(chain, token),
      native: holds === "usd" && usd !== null && usdPerNative !== null ? decimalOf(Number(usd) / Number(usdPerNative)) : native,
      usd: usdPerNative === null ? null : holds === "usd" ? usd : times(native, usdPerNative),
      confidence,
      movedAtBlock: blockNumber,
    })),
    known: priceRows.size,
    depegged: prices.depegged.map(([token, usd]) => ({ token: tokenView(chain, token), usd })),
    feeds: prices.feeds.map(([token, usd, blockNumber, deviation]) => ({
      token: tokenView(chain, token),
      usd,
      readAtBlock: blockNumber,
      deviation,
    })),
    lateDexes: prices.lateDexes,
  };
}

/** Totals now, and pools as of the block that moved them last, the largest first. */
export function tvlView(chain: ChainModel, limit: number): TvlView | null {
  const { tvl, tvlRows } = chain.market;
  if (tvl === null) return null;
  const rows = [...tvlRows.values()]
    .sort(({ row: a }, { row: b }) => Number(b[2]) - Number(a[2]) || (a[0] < b[0] ? -1 : 1))
    .slice(0, limit);
  const { blockNumber, blockHash, native, usd, dexes, lateDexes } = tvl;
  return {
    chain: chain.config.key,
    nativeSymbol: chain.config.nativeSymbol,
    blockNumber,
    blockHash,
    native,
    usd,
    dexes,
    pools: rows.map(({ row: [pool, dex, poolNative, poolUsd], blockNumber: movedAtBlock }) => ({
      pool,
      dex,
      native: poolNative,
      usd: poolUsd,
      movedAtBlock,
    })),
    lateDexes,
  };
}

/** Newest block first, in the order of the block. Dropped: its block was, by a reorganisation. */
export function arbitragesView(chains: readonly ChainModel[], limit: number): ArbitrageView[] {
  return chains
    .flatMap((chain) => [...chain.market.arbitrages.values()].map((known) => ({ chain, ...known })))
    .sort(
      ({ at: a, arbitrage: x }, { at: b, arbitrage: y }) =>
        b.observedAtMs - a.observedAtMs || b.blockNumber - a.blockNumber || x.transactionIndex - y.transactionIndex,
    )
    .slice(0, limit)
    .map(({ chain, at, arbitrage }) => {
      const block = chain.blocks.get(at.blockHash);
      const { transactionHash, transactionIndex, from, to, ours, amountIn, grossProfit, grossProfitUsd, gasUsed, gasCost, tip } = arbitrage;
      return {
        chain: chain.config.key,
        blockNumber: at.blockNumber,
        blockHash: at.blockHash,
        observedAtMs: at.observedAtMs,
        dropped: block !== undefined && block.droppedEpoch > at.epoch,
        transactionHash,
        transactionIndex,
        from,
        to,
        ours,
        token: tokenView(chain, arbitrage.token),
        amountIn,
        grossProfit,
        grossProfitUsd,
        gasUsed,
        gasCost,
        tip,
        hops: arbitrage.hops.map((hop) => ({
          dex: hop.dex,
          pool: hop.pool,
          tokenIn: tokenView(chain, hop.tokenIn),
          tokenOut: tokenView(chain, hop.tokenOut),
          amountIn: hop.amountIn,
          amountOut: hop.amountOut,
        })),
      };
    });
}
