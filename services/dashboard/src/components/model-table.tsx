import type { ModelsView } from "#services/gateway/api.ts";
import { clockTime, count } from "../format.ts";
import type { Reading } from "../market.ts";
import { STATE_TONES, shortVersion } from "../models.ts";
import { Panel } from "./panel.tsx";
import { ReadingNote, Unanswered } from "./reading.tsx";
import { type Column, ScrollTable } from "./scroll-table.tsx";

const COLUMNS: readonly Column[] = [
  { name: "Model" },
  { name: "What became of it" },
  { name: "Since" },
  { name: "Trained on", isRight: true, title: "Rows of its training, and its blocks" },
  { name: "AUC", isRight: true, title: "Area under the ROC curve, on its own test window" },
  { name: "Log loss", isRight: true, title: "Of landing: on its own test window, and under it on labels that came later" },
  { name: "ECE", isRight: true, title: "Expected calibration error, on its own test window" },
];

type Row = ModelsView["models"][number] & { readonly chain: string };

export function ModelTable({
  reading,
  views,
  namesChain,
}: {
  reading: Reading<unknown>;
  views: readonly ModelsView[];
  namesChain: boolean;
}) {
  const rows: Row[] = views.flatMap(({ chain, models }) => models.map((model) => ({ ...model, chain })));
  return (
    <Panel
      title="Model history"
      area="model-history"
      note={<ReadingNote reading={reading}>{rows.length === 0 ? "" : "the last that anything was said of first"}</ReadingNote>}
    >
      {reading.answer === null ? (
        <Unanswered reading={reading} />
      ) : rows.length === 0 ? (
        <p className="empty">No model has been named yet: rankings name the one that the installation brought.</p>
      ) : (
        <ScrollTable name="Model history" columns={COLUMNS}>
          {rows.map((model) => (
            <ModelRow key={`${model.chain} ${model.version}`} model={model} namesChain={namesChain} />
          ))}
        </ScrollTable>
      )}
    </Panel>
  );
}

function ModelRow({ model, namesChain }: { model: Row; namesChain: boolean }) {
  const { chain, version, state, detail, changedAtMs, training, measured } = model;
  return (
    <tr>
      <td title={version}>
        <code className="who">{shortVersion(version)}</code>
        {namesChain ? <span className="row-chain">{chain}</span> : null}
      </td>
      <td className="reason">
        <span className={`chip ${STATE_TONES[state]}`}>{state}</span>
        {detail === "" ? null : <span className="row-chain">{detail}</span>}
      </td>
      <td className="number muted">{changedAtMs === null ? "–" : clockTime(changedAtMs)}</td>
      <td className="number right" title={training === null ? undefined : `${training.engine}, ${count(training.landed)} landed`}>
        {training === null ? "–" : count(training.rows)}
        {training === null ? null : (
          <span className="row-chain">
            #{count(training.firstBlock)}–{count(training.lastBlock)}
          </span>
        )}
      </td>
      <td className="number right">{training === null ? "–" : training.auc.toFixed(3)}</td>
      <td className="number right">
        {training === null ? "–" : training.logLoss.toFixed(3)}
        {measured === null ? null : (
          <span className="row-chain" title={`On ${count(measured.candidates)} labelled candidates that it had scored`}>
            live {measured.logLoss.toFixed(3)}
          </span>
        )}
      </td>
      <td className="number right">{training === null ? "–" : training.ece.toFixed(3)}</td>
    </tr>
  );
}
