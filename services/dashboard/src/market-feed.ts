import type { ArbitrageView, ModelsView, PricesView, RejectionView, TvlView } from "#services/gateway/api.ts";
import { answered, failed, type Market, type Reading, UNREAD_MARKET } from "./market.ts";

/** The gateway pushes no prices. A page asks 60 times a minute: twenty pages behind one address stay within the gateway's limit. */
const PAUSE_MS = 5_000;
/** What comes later says nothing of now, and holds up the next question. */
const TIMEOUT_MS = 8_000;

/** As many rows as a person reads; the gateway keeps the rest. Of the pools of /api/tvl none is shown, only the totals. */
const PATHS = {
  prices: "/api/prices?limit=100",
  tvl: "/api/tvl?limit=1",
  arbitrages: "/api/arbitrages?limit=100",
  rejections: "/api/rejections?limit=100",
  models: "/api/models?limit=50",
} as const satisfies Record<keyof Market, string>;

/** Asks the gateway for prices, values, arbitrages, rejections and models again and again, for as long as the page is there and seen. */
export class MarketFeed {
  #market: Market = UNREAD_MARKET;
  #listeners = new Set<() => void>();
  #chain: string | null = null;
  #ask = (): void => {};

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  snapshot = (): Market => this.#market;

  /** Asks for the arbitrages and rejections of one chain, or of all: the latest of all may hold none of a quiet chain. */
  choose(chain: string | null): void {
    if (chain === this.#chain) return;
    this.#chain = chain;
    this.#publish({ ...this.#market, arbitrages: UNREAD_MARKET.arbitrages, rejections: UNREAD_MARKET.rejections });
    this.#ask();
  }

  /** Asks now instead of at the end of the pause. */
  askNow(): void {
    this.#ask();
  }

  start(): () => void {
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isAsking = false;
    // A page in the background asks nothing; it asks at once when it is seen again.
    const ask = async () => {
      if (isAsking || document.hidden) return;
      clearTimeout(timer);
      isAsking = true;
      const chain = this.#chain;
      await this.#refresh(chain, stop.signal);
      isAsking = false;
      if (!stop.signal.aborted) timer = setTimeout(() => void ask(), chain === this.#chain ? PAUSE_MS : 0);
    };
    this.#ask = () => void ask();
    document.addEventListener("visibilitychange", () => void ask(), { signal: stop.signal });
    void ask();
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }

  async #refresh(chain: string | null, stopped: AbortSignal): Promise<void> {
    const late = AbortSignal.timeout(TIMEOUT_MS);
    const signal = AbortSignal.any([stopped, late]);
    // Read again each time: a dashboard that was set up anew may point elsewhere.
    const base = await json("/config.json", signal).then(
      (config) => new URL((config as { apiUrl: string }).apiUrl, window.location.href),
      () => null,
    );
    const read = async <Answer>(before: Reading<Answer>, path: string): Promise<Reading<Answer>> => {
      if (base === null) return failed(before, "this page's server does not answer");
      try {
        return answered((await json(new URL(path, base), signal)) as Answer, Date.now());
      } catch (error) {
        if (error instanceof Refused) return failed(before, `the gateway answered ${error.status}`);
        return failed(before, late.aborted ? "the gateway takes too long" : "the gateway does not answer");
      }
    };
    const { prices, tvl, arbitrages, rejections, models } = this.#market;
    const ofChain = chain === null ? "" : `&chain=${encodeURIComponent(chain)}`;
    const market = await Promise.all([
      read<readonly PricesView[]>(prices, PATHS.prices),
      read<readonly TvlView[]>(tvl, PATHS.tvl),
      read<readonly ArbitrageView[]>(arbitrages, `${PATHS.arbitrages}${ofChain}`),
      read<readonly RejectionView[]>(rejections, `${PATHS.rejections}${ofChain}`),
      read<readonly ModelsView[]>(models, PATHS.models),
    ]);
    if (stopped.aborted) return;
    // Another chain was chosen meanwhile: its own answers come next.
    const isAsked = chain === this.#chain;
    this.#publish({
      prices: market[0],
      tvl: market[1],
      arbitrages: isAsked ? market[2] : this.#market.arbitrages,
      rejections: isAsked ? market[3] : this.#market.rejections,
      models: market[4],
    });
  }

  #publish(market: Market): void {
    this.#market = market;
    for (const listener of this.#listeners) listener();
  }
}

class Refused extends Error {
  readonly status: number;
  constructor(status: number) {
    super(`status ${status}`);
    this.status = status;
  }
}

async function json(url: string | URL, signal: AbortSignal): Promise<unknown> {
  const response = await fetch(url, { cache: "no-store", signal });
  if (!response.ok) throw new Refused(response.status);
  return response.json();
}
