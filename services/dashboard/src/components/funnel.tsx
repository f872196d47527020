import type { FunnelView } from "#services/gateway/api.ts";
import { count, percent } from "../format.ts";
import { Panel } from "./panel.tsx";

const STAGES = ["cycles", "candidates", "opportunities", "planned", "simulated", "submitted", "landed", "settled"] as const;

/** From cycles seen to trades settled, and why the others were not. */
export function Funnel({ funnel }: { funnel: FunnelView }) {
  const most = Math.max(1, ...STAGES.map((stage) => funnel[stage]));
  // Thousands of cycles to a handful of trades: by length alone the end of the funnel would not be seen.
  const width = (value: number) => (value === 0 ? 0 : Math.max(2, (100 * Math.log(1 + value)) / Math.log(1 + most)));
  const losses = [
    ...Object.entries(funnel.rejected),
    ...Object.entries(funnel.failed),
    ...(["expired", "reverted", "voided"] as const).map((name): [string, number] => [name, funnel[name]]),
  ].filter(([, value]) => value > 0);
  return (
    <Panel title="Funnel" area="funnel" note={<span className="muted">bars in log scale · share of the stage before</span>}>
      <ol className="funnel">
        {STAGES.map((stage, index) => {
          const before = STAGES[index - 1];
          const of = before === undefined ? 0 : funnel[before];
          return (
            <li key={stage}>
              <span className="funnel-name">{stage}</span>
              <span className="bar">
                <i style={{ width: `${width(funnel[stage])}%` }} />
              </span>
              <span className="number">{count(funnel[stage])}</span>
              <span className="number muted funnel-share">{of === 0 ? "" : percent(funnel[stage] / of, 0)}</span>
            </li>
          );
        })}
      </ol>
      <div className="losses">
        <h3>Stopped by</h3>
        {losses.length === 0 ? (
          <span className="muted">nothing yet</span>
        ) : (
          <ul>
            {losses
              .sort(([, a], [, b]) => b - a)
              .map(([reason, value]) => (
                <li key={reason}>
                  {reason} <b className="number">{count(value)}</b>
                </li>
              ))}
          </ul>
        )}
      </div>
    </Panel>
  );
}
