import { useMemo } from "react";
import type { ChainStats, TvlView } from "#services/gateway/api.ts";
import { count, exactDecimal, shortDecimal } from "../format.ts";
import { type DexRow, dexRows, type Reading } from "../market.ts";
import { Panel } from "./panel.tsx";
import { MissingDollars, ReadingNote } from "./reading.tsx";

export function DexTable(props: {
  pools: ChainStats["pools"];
  reading: Reading<unknown>;
  values: readonly TvlView[];
  namesChain: boolean;
}) {
  const { pools, reading, values, namesChain } = props;
  const rows = useMemo(() => dexRows(pools, values), [pools, values]);
  const total = pools.reduce((sum, each) => sum + each.pools, 0);
  const inCoins = values.filter(({ usd }) => usd === null);
  return (
    <Panel
      title="DEXes"
      area="dexes"
      note={
        <ReadingNote reading={reading} views={values}>
          {count(total)} pools
        </ReadingNote>
      }
    >
      {rows.length === 0 ? (
        <p className="empty">No pool discovered yet.</p>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard (WCAG 2.1.1)
        <section className="scroll" tabIndex={0} aria-label="DEXes, scrollable">
          <table>
            <thead>
              <tr>
                <th scope="col">DEX</th>
                <th scope="col">Family</th>
                <th scope="col" className="right" title="Pools that are followed">
                  Pools
                </th>
                <th scope="col" className="right" title="Taken out because the chain contradicted them">
                  Quarantined
                </th>
                <th scope="col" className="right" title="What liquidity providers have in its pools, at the analyst's prices">
                  TVL
                </th>
              </tr>
            </thead>
            <tbody>
              {rows.map((each) => (
                <tr key={`${each.chain} ${each.dex}`}>
                  <td className="strong">
                    {each.dex}
                    {namesChain ? <span className="row-chain">{each.chain}</span> : null}
                  </td>
                  <td className="muted">{each.family ?? "–"}</td>
                  <td className="number right">{each.pools === null ? "–" : count(each.pools)}</td>
                  <td className={each.quarantined > 0 ? "number right warning" : "number right muted"}>{count(each.quarantined)}</td>
                  <td className="number right strong">
                    <Tvl tvl={each.tvl} isRead={reading.answer !== null || reading.failure !== null} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
      {rows.length > 0 && reading.answer !== null && values.length === 0 ? (
        <p className="panel-foot">No analyst has spoken here yet: it says what the pools hold.</p>
      ) : null}
      <MissingDollars
        chains={inCoins.map(({ chain }) => chain)}
        namesChain={namesChain}
        nativeSymbols={inCoins.map(({ nativeSymbol }) => nativeSymbol)}
      />
    </Panel>
  );
}

function Tvl({ tvl, isRead }: { tvl: DexRow["tvl"]; isRead: boolean }) {
  if (tvl === null) return <span className="muted">{isRead ? "–" : "…"}</span>;
  const native = `${exactDecimal(tvl.native)} ${tvl.nativeSymbol} in ${count(tvl.pools)} pools`;
  if (tvl.usd !== null) return <span title={`$${exactDecimal(tvl.usd)}, ${native}`}>${shortDecimal(tvl.usd)}</span>;
  return (
    <span title={native}>
      {shortDecimal(tvl.native)} <span className="unit">{tvl.nativeSymbol}</span>
    </span>
  );
}
