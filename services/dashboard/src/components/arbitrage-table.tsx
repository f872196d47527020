import type { ArbitrageView } from "#services/gateway/api.ts";
import { clockTime, count, exactDecimal, shortDecimal, shortHash } from "../format.ts";
import type { Reading } from "../market.ts";
import { CoinAmount, TokenAmount } from "./amount.tsx";
import { Panel } from "./panel.tsx";
import { ReadingNote, Unanswered } from "./reading.tsx";
import { Route } from "./route.tsx";
import { BlockCell, type Column, GasCell, ScrollTable } from "./scroll-table.tsx";
import { Status } from "./status.tsx";
import { TransactionHash } from "./transaction-hash.tsx";

const COLUMNS: readonly Column[] = [
  { name: "Block", isRight: true },
  { name: "Who", title: "The contract that was called" },
  { name: "Route" },
  { name: "Gross", isRight: true, title: "Before gas and payments to the builder" },
  { name: "Gas", isRight: true },
  { name: "Tip", isRight: true, title: "Priority fee; what a contract pays the builder itself is not in it" },
  { name: "Transaction" },
];

export function ArbitrageTable(props: {
  reading: Reading<unknown>;
  arbitrages: readonly ArbitrageView[];
  /** Whether the analyst has said anything: without it nobody looks. */
  hasAnalyst: boolean;
  namesChain: boolean;
}) {
  const { reading, arbitrages, hasAnalyst, namesChain } = props;
  const ours = arbitrages.filter((each) => each.ours).length;
  return (
    <Panel
      title="Arbitrages landed by anybody"
      area="arbitrages"
      note={
        <ReadingNote reading={reading}>
          {arbitrages.length === 0 ? "" : `newest block first · the last ${count(arbitrages.length)}, ${count(ours)} ours`}
        </ReadingNote>
      }
    >
      {reading.answer === null ? (
        <Unanswered reading={reading} />
      ) : arbitrages.length === 0 ? (
        <p className="empty">
          {hasAnalyst
            ? "Nobody has landed an arbitrage in the blocks that the analyst has seen."
            : "No analyst has spoken here yet: it reads every block for arbitrages."}
        </p>
      ) : (
        <ScrollTable name="Arbitrages landed by anybody" columns={COLUMNS}>
          {arbitrages.map((each) => (
            <tr key={keyOf(each)} className={each.dropped ? "faded struck" : each.ours ? "ours" : ""}>
              <BlockCell of={each} title={`${each.blockHash}, ${clockTime(each.observedAtMs)}`} namesChain={namesChain} />
              <td title={`From ${each.from}${each.to === null ? ", creating a contract" : ` to ${each.to}`}`}>
                {each.ours ? <span className="chip good">ours</span> : <code className="who">{shortHash(each.to ?? each.from)}</code>}
                {each.dropped ? <Status status="dropped" detail="Its block was dropped by a reorganisation" /> : null}
              </td>
              <td>
                <Route hops={each.hops} />
              </td>
              <td className="number right strong amount">
                <TokenAmount amount={each.grossProfit} token={each.token} />
                {each.grossProfitUsd === null ? null : (
                  <span className="row-chain" title={`$${exactDecimal(each.grossProfitUsd)}`}>
                    ${shortDecimal(each.grossProfitUsd)}
                  </span>
                )}
              </td>
              <GasCell gas={each.gasUsed} cost={each.gasCost} />
              <td className="number right muted amount">
                <CoinAmount wei={each.tip} symbol="" />
              </td>
              <td>
                <TransactionHash hash={each.transactionHash} />
              </td>
            </tr>
          ))}
        </ScrollTable>
      )}
    </Panel>
  );
}

/** A transaction may hold several, and may land again in another block. */
const keyOf = ({ transactionHash, blockHash, hops }: ArbitrageView): string =>
  `${transactionHash}@${blockHash}@${hops.map(({ pool, amountIn }) => `${pool} ${amountIn}`).join()}`;
