import type { ArbitrageView, ChainStats, ModelsView, PricesView, RejectionView, TokenView, TvlView } from "#services/gateway/api.ts";

/** What the tables of the market and of models show, from what the gateway answers. Pure. */

/** Of an endpoint: the latest answer, which stays when a later question fails, and what went wrong since. Both null: not answered yet. */
export interface Reading<Answer> {
  readonly answer: Answer | null;
  readonly answeredAtMs: number;
  readonly failure: string | null;
}

export interface Market {
  readonly prices: Reading<readonly PricesView[]>;
  readonly tvl: Reading<readonly TvlView[]>;
  readonly arbitrages: Reading<readonly ArbitrageView[]>;
  readonly rejections: Reading<readonly RejectionView[]>;
  readonly models: Reading<readonly ModelsView[]>;
}

const UNREAD = { answer: null, answeredAtMs: 0, failure: null } as const;
export const UNREAD_MARKET: Market = { prices: UNREAD, tvl: UNREAD, arbitrages: UNREAD, rejections: UNREAD, models: UNREAD };

export const answered = <Answer>(answer: Answer, nowMs: number): Reading<Answer> => ({ answer, answeredAtMs: nowMs, failure: null });
export const failed = <Answer>(reading: Reading<Answer>, failure: string): Reading<Answer> => ({ ...reading, failure });

export const ofChain = <Item extends { readonly chain: string }>(items: readonly Item[] | null, chain: string | null): readonly Item[] =>
  items?.filter((each) => chain === null || each.chain === chain) ?? [];

/** Decimals for sorting and bars: twelve digits are fewer than a double holds. */
const descending = (a: string, b: string): number => Number(b) - Number(a);

export interface DexRow {
  readonly chain: string;
  readonly dex: string;
  readonly family: string | null;
  /** Null: valued by the analyst, but not reported as followed. */
  readonly pools: number | null;
  readonly quarantined: number;
  /** Null until the analyst has valued it. */
  readonly tvl: { readonly native: string; readonly usd: string | null; readonly nativeSymbol: string; readonly pools: number } | null;
}

/**
 * Every DEX that is followed or valued, the largest first. Coins of different chains cannot be compared: those with dollars come first, then those
 * with native coins alone, then those without a value.
 */
export function dexRows(followed: ChainStats["pools"], values: readonly TvlView[]): DexRow[] {
  const rows = new Map<string, DexRow>();
  const keyOf = (chain: string, dex: string) => `${chain} ${dex}`;
  for (const { chain, dex, family, pools, quarantined } of followed)
    rows.set(keyOf(chain, dex), { chain, dex, family, pools, quarantined, tvl: null });
  for (const { chain, nativeSymbol, dexes } of values)
    for (const { dex, pools, native, usd } of dexes) {
      const row = rows.get(keyOf(chain, dex)) ?? { chain, dex, family: null, pools: null, quarantined: 0 };
      rows.set(keyOf(chain, dex), { ...row, tvl: { native, usd, nativeSymbol, pools } });
    }
  const rankOf = ({ tvl }: DexRow) => (tvl === null ? 2 : tvl.usd === null ? 1 : 0);
  return [...rows.values()].sort(
    (a, b) =>
      rankOf(a) - rankOf(b) ||
      descending(a.tvl?.usd ?? a.tvl?.native ?? "0", b.tvl?.usd ?? b.tvl?.native ?? "0") ||
      (b.pools ?? 0) - (a.pools ?? 0) ||
      (keyOf(a.chain, a.dex) < keyOf(b.chain, b.dex) ? -1 : 1),
  );
}

export interface PriceRow {
  readonly chain: string;
  readonly nativeSymbol: string;
  readonly token: TokenView;
  readonly native: string;
  readonly usd: string | null;
  readonly confidence: number;
  readonly movedAtBlock: number;
  readonly feed: PricesView["feeds"][number] | null;
  /** A stable coin that is away from a dollar. */
  readonly isDepegged: boolean;
}

/** The surest first, as the gateway gives them; of several chains side by side. */
export function priceRows(views: readonly PricesView[]): PriceRow[] {
  return views
    .flatMap(({ chain, nativeSymbol, prices, feeds, depegged }) => {
      const feedOf = new Map(feeds.map((feed) => [feed.token.address, feed]));
      const offPeg = new Set(depegged.map(({ token }) => token.address));
      return prices.map((price) => ({
        ...price,
        chain,
        nativeSymbol,
        feed: feedOf.get(price.token.address) ?? null,
        isDepegged: offPeg.has(price.token.address),
      }));
    })
    .sort((a, b) => b.confidence - a.confidence);
}

/** Chains, of those whose views these are, in which no stable coin has a price: their dollars are missing. */
export const chainsWithoutDollar = (views: readonly PricesView[]): string[] =>
  views.flatMap(({ chain, usdPerNative }) => (usdPerNative === null ? [chain] : []));

/** Hops in a row, each going on with what the one before paid out: one for a plain cycle, several where a way splits. */
export function runsOf<Hop extends { readonly tokenIn: TokenView; readonly tokenOut: TokenView }>(hops: readonly Hop[]): Hop[][] {
  const runs: Hop[][] = [];
  for (const hop of hops) {
    const run = runs.at(-1);
    if (run !== undefined && run.at(-1)?.tokenOut.address === hop.tokenIn.address) run.push(hop);
    else runs.push([hop]);
  }
  return runs;
}
