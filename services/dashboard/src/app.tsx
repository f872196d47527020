import { useEffect, useMemo, useState, useSyncExternalStore } from "react";
import { ActorGrid } from "./components/actor-grid.tsx";
import { ArbitrageTable } from "./components/arbitrage-table.tsx";
import { DexTable } from "./components/dex-table.tsx";
import { Funnel } from "./components/funnel.tsx";
import { Header } from "./components/header.tsx";
import { Kpis } from "./components/kpis.tsx";
import { ModelTable } from "./components/model-table.tsx";
import { ModelsPanel } from "./components/models-panel.tsx";
import { OpportunityTable } from "./components/opportunity-table.tsx";
import { Panel } from "./components/panel.tsx";
import { PriceTable } from "./components/price-table.tsx";
import { ProfitPanel } from "./components/profit-panel.tsx";
import { StreamStrip } from "./components/stream-strip.tsx";
import { TradeTable } from "./components/trade-table.tsx";
import { useNow } from "./components/use-now.ts";
import type { Connection, Feed } from "./feed.ts";
import { age, clockTime } from "./format.ts";
import { ofChain } from "./market.ts";
import type { MarketFeed } from "./market-feed.ts";
import { statsOf } from "./state.ts";

export function App({ feed, marketFeed }: { feed: Feed; marketFeed: MarketFeed }) {
  const { connection, state } = useSyncExternalStore(feed.subscribe, feed.snapshot);
  const market = useSyncExternalStore(marketFeed.subscribe, marketFeed.snapshot);
  useEffect(() => feed.start(), [feed]);
  useEffect(() => marketFeed.start(), [marketFeed]);
  const [selected, setSelected] = useState<string | null>(null);
  const chains = state?.health.chains ?? [];
  // With one chain there is nothing to choose; with several, all of them until one is chosen.
  const chain = chains.length === 1 ? (chains[0]?.chain ?? null) : chains.some((each) => each.chain === selected) ? selected : null;

  useEffect(() => marketFeed.choose(chain), [marketFeed, chain]);
  // Something was said of a model: what stands is asked for at once.
  const modelChanges = state?.modelChanges ?? 0;
  useEffect(() => {
    if (modelChanges > 0) marketFeed.askNow();
  }, [marketFeed, modelChanges]);

  const opportunities = useMemo(
    () => state?.opportunities.filter((each) => chain === null || each.chain === chain) ?? [],
    [state?.opportunities, chain],
  );
  const trades = useMemo(() => state?.trades.filter((each) => chain === null || each.chain === chain) ?? [], [state?.trades, chain]);
  const prices = useMemo(() => ofChain(market.prices.answer, chain), [market.prices, chain]);
  const values = useMemo(() => ofChain(market.tvl.answer, chain), [market.tvl, chain]);
  const arbitrages = useMemo(() => ofChain(market.arbitrages.answer, chain), [market.arbitrages, chain]);

  const models = useMemo(() => ofChain(market.models.answer, chain), [market.models, chain]);
  const rejections = useMemo(() => ofChain(market.rejections.answer, chain), [market.rejections, chain]);

  if (state === null) return <Waiting connection={connection} />;
  const stats = statsOf(state, chain);
  const actors = state.health.actors.filter((each) => chain === null || each.chain === null || each.chain === chain);
  const paper = chains.length > 0 && chains.every(({ mode }) => mode === "paper");
  const namesChain = chain === null && chains.length > 1;
  return (
    <div className={connection.kind === "live" ? "page" : "page stale"}>
      <div className="top-bar">
        <Header state={state} connection={connection} chain={chain} onSelect={setSelected} />
        <DisconnectedBanner connection={connection} />
      </div>
      <main>
        <Kpis stats={stats} paper={paper} />
        <ProfitPanel curves={state.profitCurve} heads={state.heads} chain={chain} paper={paper} />
        <Funnel funnel={stats.funnel} />
        <OpportunityTable
          opportunities={opportunities}
          reading={market.rejections}
          rejections={rejections}
          heads={state.heads}
          namesChain={namesChain}
        />
        <TradeTable trades={trades} paper={paper} namesChain={namesChain} />
        <ModelsPanel reading={market.models} views={models} namesChain={namesChain} />
        <ModelTable reading={market.models} views={models} namesChain={namesChain} />
        <ArbitrageTable reading={market.arbitrages} arbitrages={arbitrages} hasAnalyst={prices.length > 0} namesChain={namesChain} />
        <PriceTable reading={market.prices} views={prices} namesChain={namesChain} />
        <DexTable pools={stats.pools} reading={market.tvl} values={values} namesChain={namesChain} />
        <ActorGrid actors={actors} nowMs={state.health.timestamp} />
      </main>
      <StreamStrip stats={stats} all={state.stats} />
    </div>
  );
}

function DisconnectedBanner({ connection }: { connection: Connection }) {
  const nowMs = useNow(500);
  if (connection.kind !== "disconnected") return null;
  return (
    <div className="banner" role="alert" data-testid="disconnected">
      <strong>Disconnected</strong> — {connection.reason}. Figures are as of {clockTime(connection.sinceMs)}.{" "}
      {connection.retryAtMs > nowMs ? `Trying again in ${age(connection.retryAtMs - nowMs)}.` : "Trying again…"}
    </div>
  );
}

function Waiting({ connection }: { connection: Connection }) {
  return (
    <div className="page">
      <DisconnectedBanner connection={connection} />
      <main className="waiting">
        <Panel title="Hyperspeed" area="waiting">
          <p className="empty" role="status">
            {connection.kind === "disconnected" ? "Waiting for the gateway. Is it running?" : "Connecting to the gateway…"}
          </p>
        </Panel>
      </main>
    </div>
  );
}
