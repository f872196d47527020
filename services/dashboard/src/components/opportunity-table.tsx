import type { OpportunityView } from "#services/gateway/api.ts";
import { count } from "../format.ts";
import { type DashboardState, statusOf } from "../state.ts";
import { CoinAmount, TokenAmount } from "./amount.tsx";
import { Panel } from "./panel.tsx";
import { Route } from "./route.tsx";
import { Status } from "./status.tsx";

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
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard (WCAG 2.1.1)
        <section className="scroll" tabIndex={0} aria-label="Opportunities, scrollable">
          <table>
            <thead>
              <tr>
                <th scope="col" className="right" title="Rank within its block">
                  #
                </th>
                <th scope="col" className="right">
                  Block
                </th>
                <th scope="col">Route</th>
                <th scope="col" className="right">
                  Size
                </th>
                <th scope="col" className="right">
                  Gross
                </th>
                <th scope="col" className="right">
                  Gas
                </th>
                <th scope="col" className="right">
                  Net
                </th>
                <th scope="col">Status</th>
              </tr>
            </thead>
            <tbody>
              {opportunities.map((each) => {
                const status = statusOf(each, heads);
                return (
                  <tr key={each.id} className={status === "passed" || status === "dropped" || status === "expired" ? "faded" : ""}>
                    <td className="number right muted">{each.rank + 1}</td>
                    <td className="number right" title={each.blockHash}>
                      {count(each.blockNumber)}
                      {namesChain ? <span className="row-chain">{each.chain}</span> : null}
                    </td>
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
            </tbody>
          </table>
        </section>
      )}
    </Panel>
  );
}
