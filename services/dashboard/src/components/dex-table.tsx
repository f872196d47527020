import { useMemo } from "react";
import type { ChainStats, TvlView } from "#services/gateway/api.ts";
import { count, exactDecimal, shortDecimal } from "../format.ts";
import { type DexRow, dexRows, type Reading } from "../market.ts";
import { Panel } from "./panel.tsx";
import { MissingDollars, ReadingNote } from "./reading.tsx";
import { type Column, ScrollTable } from "./scroll-table.tsx";

const COLUMNS: readonly Column[] = [
  { name: "DEX" },
  { name: "Family" },
  { name: "Pools", isRight: true, title: "Pools that are followed" },
  { name: "Quarantined", isRight: true, title: "Taken out because the chain contradicted them" },
  { name: "TVL", isRight: true, title: "What liquidity providers have in its pools, at the analyst's prices" },
];

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
        <ScrollTable name="DEXes" columns={COLUMNS}>
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
        </ScrollTable>
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
