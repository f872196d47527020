import type { TradeView } from "#services/gateway/api.ts";
import { clockTime, count, milliseconds, percent } from "../format.ts";
import { CoinAmount, TokenAmount } from "./amount.tsx";
import { Panel } from "./panel.tsx";
import { Route } from "./route.tsx";
import { BlockCell, type Column, GasCell, ScrollTable } from "./scroll-table.tsx";
import { Status } from "./status.tsx";
import { TransactionHash } from "./transaction-hash.tsx";

const COLUMNS: readonly Column[] = [
  { name: "Transaction" },
  { name: "Block", isRight: true },
  { name: "Route" },
  { name: "Profit", isRight: true, title: "What stayed in our contract, before gas" },
  { name: "Gas", isRight: true },
  { name: "Net", isRight: true, title: "After gas" },
  { name: "Latency", isRight: true, title: "From the block seen to the bundle sent" },
  { name: "Status" },
];

export function TradeTable({ trades, paper, namesChain }: { trades: readonly TradeView[]; paper: boolean; namesChain: boolean }) {
  return (
    <Panel title="Trades" area="trades" note={<span className="muted">newest first · the last {count(trades.length)}</span>}>
      {trades.length === 0 ? (
        <p className="empty">{paper ? "Paper mode plans and simulates, but sends nothing." : "No trade has settled yet."}</p>
      ) : (
        <ScrollTable name="Trades" columns={COLUMNS}>
          {trades.map((each) => (
            <tr key={each.id} className={each.voided ? "faded struck" : ""}>
              <td>
                <TransactionHash hash={each.transactionHash} />
              </td>
              <BlockCell of={each} title={`${each.blockHash}, ${clockTime(each.timestamp)}`} namesChain={namesChain} />
              <td>
                <Route hops={each.hops} />
              </td>
              <td
                className="number right amount"
                title={each.actualSlippage === null ? undefined : `${percent(each.actualSlippage, 4)} less than expected`}
              >
                <TokenAmount amount={each.profit} token={each.token} sign />
              </td>
              <GasCell gas={each.gasUsed} cost={each.gasCost} />
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
        </ScrollTable>
      )}
    </Panel>
  );
}
