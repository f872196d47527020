import type { OpportunityView } from "#services/gateway/api.ts";
import { count } from "../format.ts";
import { type DashboardState, statusOf } from "../state.ts";
import { CoinAmount, TokenAmount } from "./amount.tsx";
import { Panel } from "./panel.tsx";
import { Route } from "./route.tsx";
import { BlockCell, type Column, ScrollTable } from "./scroll-table.tsx";
import { Status } from "./status.tsx";

const COLUMNS: readonly Column[] = [
  { name: "#", isRight: true, title: "Rank within its block" },
  { name: "Block", isRight: true },
  { name: "Route" },
  { name: "Size", isRight: true },
  { name: "Gross", isRight: true },
  { name: "Gas", isRight: true },
  { name: "Net", isRight: true },
  { name: "Status" },
];

export function OpportunityTable(props: {
  opportunities: readonly OpportunityView[];
  heads: DashboardState["heads"];
  /** Whether rows of several chains stand side by side. */
  namesChain: boolean;
}) {
  const { opportunities, heads, namesChain } = props;
  return (
    <Panel
      title="Opportunities"
      area="opportunities"
      note={<span className="muted">newest block first, by net profit within it · the last {count(opportunities.length)}</span>}
    >
      {opportunities.length === 0 ? (
        <p className="empty">No opportunity yet. Every block is searched; those worth more than their gas come here.</p>
      ) : (
        <ScrollTable name="Opportunities" columns={COLUMNS}>
          {opportunities.map((each) => {
            const status = statusOf(each, heads);
            return (
              <tr key={each.id} className={status === "passed" || status === "dropped" || status === "expired" ? "faded" : ""}>
                <td className="number right muted">{each.rank + 1}</td>
                <BlockCell of={each} title={each.blockHash} namesChain={namesChain} />
                <td>
                  <Route hops={each.hops} />
                </td>
                <td className="number right">
                  <TokenAmount amount={each.flashloanAmount} token={each.token} />
                </td>
                <td className="number right">
                  <TokenAmount amount={each.grossProfit} token={{ ...each.token, symbol: "" }} />
                </td>
                <td className="number right muted" title={`${count(each.estimatedGas)} gas`}>
                  <CoinAmount wei={each.gasCost} symbol="" />
                </td>
                <td className="number right strong">
                  <CoinAmount wei={each.expectedProfit} symbol="" sign />
                </td>
                <td>
                  <Status status={status} detail={each.outcome} />
                </td>
              </tr>
            );
          })}
        </ScrollTable>
      )}
    </Panel>
  );
}
