import { useState } from "react";
import type { OpportunityView, RejectionView } from "#services/gateway/api.ts";
import { count, exactUnits, shareOfOne, shortUnits, WEI_DECIMALS } from "../format.ts";
import type { Reading } from "../market.ts";
import { unfitMeans } from "../models.ts";
import { type DashboardState, statusOf } from "../state.ts";
import { CoinAmount, TokenAmount } from "./amount.tsx";
import { Panel } from "./panel.tsx";
import { ReadingNote, Unanswered } from "./reading.tsx";
import { Route } from "./route.tsx";
import { BlockCell, type Column, ScrollTable } from "./scroll-table.tsx";
import { Status } from "./status.tsx";

const LANDING: Column = { name: "Lands", isRight: true, title: "Probability of landing, by the model that made the order" };
const VALUE: Column = {
  name: "Value",
  isRight: true,
  title: "What executing it is worth by that model: landing or not, profit and risk weighed",
};
const PASSED: readonly Column[] = [
  { name: "#", isRight: true, title: "Rank within its block" },
  { name: "Block", isRight: true },
  { name: "Route" },
  { name: "Size", isRight: true },
  { name: "Gross", isRight: true, title: "Before gas, which stands under it" },
  { name: "Net", isRight: true },
  LANDING,
  VALUE,
  { name: "Status" },
];
const REJECTED: readonly Column[] = [
  { name: "Block", isRight: true },
  { name: "Route" },
  { name: "Size", isRight: true },
  { name: "Gross", isRight: true },
  { name: "Net", isRight: true },
  LANDING,
  VALUE,
  { name: "Stopped by" },
];

export function OpportunityTable(props: {
  opportunities: readonly OpportunityView[];
  reading: Reading<unknown>;
  rejections: readonly RejectionView[];
  heads: DashboardState["heads"];
  /** Whether rows of several chains stand side by side. */
  namesChain: boolean;
}) {
  const { opportunities, reading, rejections, heads, namesChain } = props;
  const [list, setList] = useState<"passed" | "rejected">("passed");
  return (
    <Panel
      title="Opportunities"
      area="opportunities"
      note={
        <>
          {list === "passed" ? (
            <span className="muted">newest block first, in the order of the ranking · the last {count(opportunities.length)}</span>
          ) : (
            <ReadingNote reading={reading}>newest block first · the last {count(rejections.length)}</ReadingNote>
          )}
          <span className="segmented">
            {(["passed", "rejected"] as const).map((each) => (
              <button key={each} type="button" aria-pressed={list === each} onClick={() => setList(each)}>
                {each}
              </button>
            ))}
          </span>
        </>
      }
    >
      {list === "passed" ? (
        <Passed opportunities={opportunities} heads={heads} namesChain={namesChain} />
      ) : (
        <Rejected reading={reading} rejections={rejections} namesChain={namesChain} />
      )}
    </Panel>
  );
}

function Passed(props: { opportunities: readonly OpportunityView[]; heads: DashboardState["heads"]; namesChain: boolean }) {
  if (props.opportunities.length === 0)
    return <p className="empty">No opportunity yet. Every block is searched; those worth more than their gas come here.</p>;
  return (
    <ScrollTable name="Opportunities" columns={PASSED}>
      {props.opportunities.map((each) => {
        const status = statusOf(each, props.heads);
        return (
          <tr key={each.id} className={status === "passed" || status === "dropped" || status === "expired" ? "faded" : ""}>
            <td
              className="number right muted"
              title={each.explored ? "First by a draw, so that outcomes are not only of what models prefer" : undefined}
            >
              {each.rank + 1}
              {each.explored ? <span className="row-chain">drawn</span> : null}
            </td>
            <BlockCell of={each} title={each.blockHash} namesChain={props.namesChain} />
            <td>
              <Route hops={each.hops} />
            </td>
            <td className="number right">
              <TokenAmount amount={each.flashloanAmount} token={each.loanToken} />
            </td>
            <td className="number right">
              <TokenAmount amount={each.grossProfit} token={{ ...each.token, symbol: "" }} />
              <span className="row-chain" title={`${exactUnits(each.gasCost, WEI_DECIMALS)}, ${count(each.estimatedGas)} gas`}>
                gas {shortUnits(each.gasCost, WEI_DECIMALS, 5)}
              </span>
            </td>
            <td className="number right strong">
              <CoinAmount wei={each.expectedProfit} symbol="" sign />
            </td>
            <ScoreCells of={each} />
            <td>
              <Status status={status} detail={each.outcome} />
              {each.label === null ? null : <span className="row-chain became">{each.label}</span>}
            </td>
          </tr>
        );
      })}
    </ScrollTable>
  );
}

function Rejected({
  reading,
  rejections,
  namesChain,
}: {
  reading: Reading<unknown>;
  rejections: readonly RejectionView[];
  namesChain: boolean;
}) {
  if (reading.answer === null) return <Unanswered reading={reading} />;
  if (rejections.length === 0) return <p className="empty">No candidate has been rejected.</p>;
  return (
    <ScrollTable name="Rejected candidates" columns={REJECTED}>
      {rejections.map((each) => (
        <tr key={each.id}>
          <BlockCell of={each} title={each.blockHash} namesChain={namesChain} />
          <td>{each.hops.length === 0 ? <span className="muted">no longer known</span> : <Route hops={each.hops} />}</td>
          <td className="number right">
            {each.loanToken === null || each.amountIn === null ? "–" : <TokenAmount amount={each.amountIn} token={each.loanToken} />}
          </td>
          <td className="number right">
            {each.token === null || each.grossProfit === null ? (
              "–"
            ) : (
              <TokenAmount amount={each.grossProfit} token={{ ...each.token, symbol: "" }} />
            )}
          </td>
          <td className="number right strong">
            <CoinAmount wei={each.netProfit} symbol="" sign />
          </td>
          <ScoreCells of={each} />
          <td>
            <span
              className={`chip ${each.reason === "no-model" ? "bad" : "idle"}`}
              title={each.unfit === null ? undefined : unfitMeans(each.unfit)}
            >
              {each.unfit ?? each.reason}
            </span>
            {each.label === null ? null : <span className="row-chain became">{each.label}</span>}
          </td>
        </tr>
      ))}
    </ScrollTable>
  );
}

function ScoreCells({ of }: { of: Pick<OpportunityView, "confidence" | "expectedValue" | "ranking" | "champion" | "challenger"> }) {
  const { confidence, expectedValue, ranking, champion, challenger } = of;
  const title = [
    `order by ${ranking}`,
    ...(champion === null ? [] : [`champion ${champion.landing.toFixed(4)}, ${exactUnits(champion.value, WEI_DECIMALS)}`]),
    ...(challenger === null ? [] : [`challenger ${challenger.landing.toFixed(4)}, ${exactUnits(challenger.value, WEI_DECIMALS)}`]),
  ].join("\n");
  return (
    <>
      <td className="number right" title={title}>
        {confidence === null ? "–" : shareOfOne(confidence)}
      </td>
      <td className="number right">{expectedValue === null ? "–" : <CoinAmount wei={expectedValue} symbol="" />}</td>
    </>
  );
}
