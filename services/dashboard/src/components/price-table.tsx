import { useMemo } from "react";
import type { PricesView } from "#services/gateway/api.ts";
import { count, exactDecimal, shareOfOne, shortDecimal, signedPercent } from "../format.ts";
import { chainsWithoutDollar, type PriceRow, priceRows, type Reading } from "../market.ts";
import { Panel } from "./panel.tsx";
import { MissingDollars, ReadingNote, Unanswered } from "./reading.tsx";
import { type Column, ScrollTable } from "./scroll-table.tsx";

const columnsOf = ([symbol, ...others]: readonly string[]): Column[] => [
  { name: "Token" },
  { name: "USD", isRight: true, title: "US dollars for one whole token" },
  { name: symbol === undefined || others.length > 0 ? "Native" : symbol, isRight: true, title: "Native coins for one whole token" },
  { name: "Confidence", title: "How much depth agrees with the price, from 0 to 1" },
  { name: "Feed", isRight: true, title: "How far our price is from a price feed" },
];

export function PriceTable(props: { reading: Reading<unknown>; views: readonly PricesView[]; namesChain: boolean }) {
  const { reading, views, namesChain } = props;
  const rows = useMemo(() => priceRows(views), [views]);
  const symbols = [...new Set(views.map(({ nativeSymbol }) => nativeSymbol))];
  const known = views.reduce((sum, each) => sum + each.known, 0);
  const withoutDollar = chainsWithoutDollar(views);
  return (
    <Panel
      title="Prices"
      area="prices"
      note={
        <ReadingNote reading={reading} views={views}>
          {rows.length === 0 ? "" : `the ${count(rows.length)} surest of ${count(known)}`}
        </ReadingNote>
      }
    >
      {reading.answer === null ? (
        <Unanswered reading={reading} />
      ) : views.length === 0 ? (
        <p className="empty">No analyst has spoken here yet: it makes prices from the pools that are followed.</p>
      ) : rows.length === 0 ? (
        <p className="empty">No token has a price: no followed pool leads to {symbols.join(" or ")} with enough depth.</p>
      ) : (
        <ScrollTable name="Prices" columns={columnsOf(symbols)}>
          {rows.map((each) => (
            <tr key={`${each.chain} ${each.token.address}`}>
              <td title={`${each.token.address}, moved at block ${count(each.movedAtBlock)}`}>
                <span className="strong">{each.token.symbol}</span>
                {each.isDepegged ? <span className="chip warn off-peg">off peg</span> : null}
                {namesChain ? <span className="row-chain">{each.chain}</span> : null}
              </td>
              <td className="number right">
                {each.usd === null ? "–" : <span title={`$${exactDecimal(each.usd)}`}>${shortDecimal(each.usd)}</span>}
              </td>
              <td className="number right">
                <span title={`${exactDecimal(each.native)} ${each.nativeSymbol}`}>{shortDecimal(each.native)}</span>
                {symbols.length === 1 ? null : <span className="unit"> {each.nativeSymbol}</span>}
              </td>
              <td>
                <span className="confidence">
                  <span className="bar blue">
                    <i style={{ width: `${100 * each.confidence}%` }} />
                  </span>
                  <span className="number">{shareOfOne(each.confidence)}</span>
                </span>
              </td>
              <td className="number right">
                <Deviation feed={each.feed} />
              </td>
            </tr>
          ))}
        </ScrollTable>
      )}
      <MissingDollars
        chains={withoutDollar}
        namesChain={namesChain}
        nativeSymbols={views.filter(({ chain }) => withoutDollar.includes(chain)).map(({ nativeSymbol }) => nativeSymbol)}
      />
    </Panel>
  );
}

function Deviation({ feed }: { feed: PriceRow["feed"] }) {
  if (feed === null) return <span className="muted">–</span>;
  return (
    <span title={`The feed said $${exactDecimal(feed.usd)} at block ${count(feed.readAtBlock)}`}>{signedPercent(feed.deviation)}</span>
  );
}
