import type { TradeView } from "#services/gateway/api.ts";
import { clockTime, count, milliseconds, percent } from "../format.ts";
import { CoinAmount, TokenAmount } from "./amount.tsx";
import { Panel } from "./panel.tsx";
import { Route } from "./route.tsx";
import { Status } from "./status.tsx";
import { TransactionHash } from "./transaction-hash.tsx";

export function TradeTable({ trades, paper, namesChain }: { trades: readonly TradeView[]; paper: boolean; namesChain: boolean }) {
  return (
    <Panel title="Trades" area="trades" note={<span className="muted">newest first · the last {count(trades.length)}</span>}>
      {trades.length === 0 ? (
        <p className="empty">{paper ? "Paper mode plans and simulates, but sends nothing." : "No trade has settled yet."}</p>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard (WCAG 2.1.1)
        <section className="scroll" tabIndex={0} aria-label="Trades, scrollable">
          <table>
            <thead>
              <tr>
                <th scope="col">Transaction</th>
                <th scope="col" className="right">
                  Block
                </th>
                <th scope="col">Route</th>
                <th scope="col" className="right" title="What stayed in our contract, before gas">
                  Profit
                </th>
                <th scope="col" className="right">
                  Gas
                </th>
                <th scope="col" className="right" title="After gas">
                  Net
                </th>
                <th scope="col" className="right" title="From the block seen to the bundle sent">
                  Latency
                </th>
                <th scope="col">Status</th>
              </tr>
            </thead>
            <tbody>
              {trades.map((each) => (
                <tr key={each.id} className={each.voided ? "faded struck" : ""}>
                  <td>
                    <TransactionHash hash={each.transactionHash} />
                  </td>
                  <td className="number right" title={`${each.blockHash}, ${clockTime(each.timestamp)}`}>
                    {count(each.blockNumber)}
                    {namesChain ? <span className="row-chain">{each.chain}</span> : null}
                  </td>
                  <td>
                    <Route hops={each.hops} />
                  </td>
                  <td
                    className="number right amount"
                    title={each.actualSlippage === null ? undefined : `${percent(each.actualSlippage, 4)} less than expected`}
                  >
                    <TokenAmount amount={each.profit} token={each.token} sign />
                  </td>
                  <td className="number right muted amount" title={`${count(each.gasUsed)} gas`}>
                    <CoinAmount wei={each.gasCost} symbol="" />
                  </td>
                  <td className="number right strong amount">
                    <CoinAmount wei={each.netProfitWei} symbol="" sign />
                  </td>
                  <td className="number right">
                    {milliseconds(each.executionTime)} <span className="unit">ms</span>
                  </td>
                  <td>
                    <Status status={each.voided ? "voided" : each.success ? "settled" : "reverted"} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </Panel>
  );
}
