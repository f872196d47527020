import { type ReactNode, useEffect, useMemo, useRef, useState } from "react";
import uPlot from "uplot";
import type { ModelsView } from "#services/gateway/api.ts";
import { count, percent, shareOfOne, shortUnits, WEI_DECIMALS } from "../format.ts";
import type { Reading } from "../market.ts";
import {
  type CalibrationPoint,
  calibrationPoints,
  columnsOf,
  DRIFT_TONES,
  decider,
  OUTCOME_TONES,
  shortVersion,
  unfitMeans,
  viewToShow,
} from "../models.ts";
import { Panel } from "./panel.tsx";
import { ReadingNote, Unanswered } from "./reading.tsx";

export function ModelsPanel({
  reading,
  views,
  namesChain,
}: {
  reading: Reading<unknown>;
  views: readonly ModelsView[];
  namesChain: boolean;
}) {
  const view = viewToShow(views);
  return (
    <Panel
      title={`Models${namesChain && view !== undefined ? ` · ${view.chain}` : ""}`}
      area="models"
      note={
        <ReadingNote reading={reading}>
          {view === undefined
            ? ""
            : `${count(view.rankings.blocks)} blocks ranked, ${count(view.rankings.explored)} with a drawn first place`}
        </ReadingNote>
      }
    >
      {view === undefined ? (
        <Unanswered reading={reading} />
      ) : (
        <div className="models">
          <Standing view={view} />
          <Calibration view={view} />
          <Labels view={view} />
        </div>
      )}
    </Panel>
  );
}

function Fact({ name, children, testId }: { name: string; children: ReactNode; testId?: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd data-testid={testId}>{children}</dd>
    </div>
  );
}

function Version({ version }: { version: string }) {
  return (
    <code className="who" title={version}>
      {shortVersion(version)}
    </code>
  );
}

function Standing({ view }: { view: ModelsView }) {
  const { standing, own, check, trial, rankings, realised, nativeSymbol, trainingFailures } = view;
  const now = decider(view);
  const champion = standing.champion ?? own;
  const others = Object.entries(rankings.byRanking).sort(([, a], [, b]) => b - a);
  const failure = trainingFailures.at(-1);
  return (
    <dl className="facts">
      <Fact name="Decides now" testId="decider">
        <span className={`chip ${now.tone}`}>{now.name}</span> <span className="muted">{now.detail}</span>
      </Fact>
      <Fact name="Champion" testId="champion">
        {champion === null ? <span className="muted">not named yet</span> : <Version version={champion} />}
        {standing.champion === null ? <span className="muted"> brought by the installation</span> : null}
      </Fact>
      <Fact name="Challenger" testId="challenger">
        {trial === null ? (
          <span className="muted">none on trial</span>
        ) : (
          <>
            <Version version={trial.version} />{" "}
            <span className="muted">
              {trial.isFormer
                ? "the champion before, scores for comparison"
                : trial.canaryShare > 0
                  ? `canary: decides ${percent(trial.canaryShare, 0)} of the blocks`
                  : "on trial: scores and decides nothing"}
            </span>
            {trial.paired === null ? null : (
              <span className="fact-more">
                log loss {trial.paired.challengerLogLoss.toFixed(3)} beside {trial.paired.championLogLoss.toFixed(3)} of the champion, on{" "}
                {count(trial.paired.candidates)} candidates that both scored
              </span>
            )}
            {trial.evidence === null ? null : (
              <span className="fact-more" title="Challenger less champion, mean and 95 % interval, as the trainer compared them">
                by the trainer{trial.evidence.netProfit === undefined ? "" : ", net profit for the installed model"}, over{" "}
                {count(trial.evidence.blocks)} blocks: log loss {interval(trial.evidence.logLoss)}
              </span>
            )}
          </>
        )}
      </Fact>
      <Fact name="Drift" testId="drift">
        {check === null ? (
          <span className="muted">not checked yet</span>
        ) : (
          <>
            <span className={`chip ${DRIFT_TONES[check.level]}`}>{check.level}</span>{" "}
            <span className="muted">
              #{count(check.blockNumber)} · {count(check.candidates)} candidates of {count(check.blocks)} blocks
            </span>
            {check.reasons.map((reason) => (
              <span key={reason} className="fact-more warning">
                {reason}
              </span>
            ))}
            <span className="fact-more" title={check.featurePsi.map(({ feature, psi }) => `${feature} ${psi.toFixed(3)}`).join("\n")}>
              log loss {check.logLoss.toFixed(3)} · calibration error {check.ece.toFixed(3)} · PSI of the score {check.scorePsi.toFixed(3)}
              {check.featurePsi[0] === undefined
                ? ""
                : ` · most moved ${check.featurePsi[0].feature} ${check.featurePsi[0].psi.toFixed(3)}`}
            </span>
          </>
        )}
      </Fact>
      <Fact name="Blocks by" testId="rankings">
        {others.length === 0 ? <span className="muted">none yet</span> : null}
        {others.map(([ranking, blocks]) => (
          <span key={ranking} className="fact-part">
            {ranking} <b className="number strong">{count(blocks)}</b>
          </span>
        ))}
        {Object.entries(rankings.byUnfit).map(([reason, blocks]) => (
          <span key={reason} className="fact-more warning" title={unfitMeans(reason)}>
            no model in {count(blocks)}: {reason}
          </span>
        ))}
      </Fact>
      <Fact name="Sent" testId="realised">
        {realised.sent === 0 ? (
          <span className="muted">nothing labelled that was sent</span>
        ) : (
          <>
            <b className="number strong">{count(realised.landed)}</b> <span className="muted">of</span>{" "}
            <b className="number strong">{count(realised.sent)}</b> <span className="muted">labelled landed</span>
            <span className="fact-more">
              ranked at {shortUnits(realised.promised, WEI_DECIMALS, 4)}, settled {shortUnits(realised.realised, WEI_DECIMALS, 4)}{" "}
              {nativeSymbol}
            </span>
            {realised.scored === 0 ? null : (
              <span className="fact-more">
                of {count(realised.scored)} scored: foretold {shortUnits(realised.foretold, WEI_DECIMALS, 4)}, settled{" "}
                {shortUnits(realised.realisedOfScored, WEI_DECIMALS, 4)}
              </span>
            )}
          </>
        )}
      </Fact>
      {failure === undefined ? null : (
        <Fact name="Trainings" testId="training-failures">
          <span className="warning">
            {count(trainingFailures.length)} came to nothing, the last: {failure.detail}
          </span>
        </Fact>
      )}
    </dl>
  );
}

const interval = ({ mean, low, high }: { mean: number; low: number; high: number }): string =>
  `${signedNumber(mean)} (${signedNumber(low)} to ${signedNumber(high)})`;
const signedNumber = (value: number): string => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(4)}`;

function Calibration({ view }: { view: ModelsView }) {
  const points = useMemo(() => calibrationPoints(view), [view]);
  const [hovered, setHovered] = useState<number | null>(null);
  const shown = hovered === null ? undefined : points[hovered];
  const total = points.reduce((sum, point) => sum + point.count, 0);
  return (
    <figure className="calibration">
      <figcaption>
        <b className="strong">Calibration</b>{" "}
        <span className="muted" data-testid="calibration-readout">
          {shown === undefined
            ? `landing foretold and seen, champion, ${count(total)} labelled`
            : `${shareOfOne(shown.from)}–${shareOfOne(shown.to)}: foretold ${shareOfOne(shown.predicted)}, seen ${shareOfOne(shown.observed)}, ${count(shown.count)} candidates`}
        </span>
      </figcaption>
      {points.length === 0 ? (
        <p className="empty">No label of a candidate that the champion has scored yet: they come six blocks after the ranking.</p>
      ) : (
        <CalibrationPlot points={points} onHover={setHovered} />
      )}
    </figure>
  );
}

const COLOURS = { point: "#5ea8ff", diagonal: "#4a5a70", grid: "#1a222e", text: "#8494a8" };
const FONT = '11px Inter, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", "DejaVu Sans Condensed", sans-serif';
/** Of the bin with the most candidates, and of one with almost none, CSS pixels. */
const [LARGEST, SMALLEST] = [9, 2.5];

function CalibrationPlot({ points, onHover }: { points: readonly CalibrationPoint[]; onHover: (index: number | null) => void }) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(points);
  latest.current = points;
  // The diagonal needs its ends; the points have none there.
  const data = useMemo<uPlot.AlignedData>(() => {
    const x = [0, ...points.map(({ predicted }) => predicted), 1];
    return [x, x, [null, ...points.map(({ observed }) => observed), null]];
  }, [points]);
  const first = useRef(data);
  first.current = data;

  useEffect(() => {
    const element = host.current;
    if (element === null) return;
    const axis = {
      stroke: COLOURS.text,
      font: FONT,
      grid: { stroke: COLOURS.grid, width: 1 },
      ticks: { show: false },
      splits: [0, 0.2, 0.4, 0.6, 0.8, 1],
      values: (_: uPlot, ticks: number[]) => ticks.map((tick) => tick.toFixed(1)),
    };
    const made = new uPlot(
      {
        width: element.clientWidth,
        height: element.clientHeight,
        legend: { show: false },
        padding: [10, 12, 0, 0],
        cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
        scales: { x: { time: false, range: [0, 1] }, y: { range: [0, 1] } },
        axes: [
          { ...axis, size: 30 },
          { ...axis, size: 36 },
        ],
        series: [
          {},
          { stroke: COLOURS.diagonal, width: 1, dash: [4, 4], points: { show: false } },
          { stroke: COLOURS.point, width: 1, points: { show: false } },
        ],
        hooks: {
          setCursor: [
            ({ cursor }) => {
              const index = (cursor.idx ?? 0) - 1;
              onHover(cursor.idx == null || index < 0 || index >= latest.current.length ? null : index);
            },
          ],
          draw: [
            (self) => {
              const most = Math.max(1, ...latest.current.map((point) => point.count));
              const { ctx } = self;
              ctx.save();
              ctx.fillStyle = COLOURS.point;
              for (const { predicted, observed, count: candidates } of latest.current) {
                const radius = SMALLEST + (LARGEST - SMALLEST) * Math.sqrt(candidates / most);
                ctx.beginPath();
                ctx.arc(self.valToPos(predicted, "x", true), self.valToPos(observed, "y", true), radius * devicePixelRatio, 0, 2 * Math.PI);
                ctx.fill();
              }
              ctx.restore();
            },
          ],
        },
      },
      first.current,
      element,
    );
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: element.clientHeight }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [onHover]);

  useEffect(() => plot.current?.setData(data), [data]);

  const label = points
    .map(({ predicted, observed, count: candidates }) => `${shareOfOne(predicted)} foretold, ${shareOfOne(observed)} seen of ${candidates}`)
    .join("; ");
  return (
    <div
      className="calibration-plot"
      ref={host}
      role="img"
      aria-label={`Calibration: ${label}`}
      data-points={points.length}
      data-testid="calibration-plot"
    />
  );
}

function Labels({ view }: { view: ModelsView }) {
  const { byOutcome } = view.labels;
  const total = Object.values(byOutcome).reduce((sum, each) => sum + each, 0);
  const columns = columnsOf(view.labels);
  const [first, last] = [columns[0], columns.at(-1)];
  return (
    <figure className="labels" data-testid="labels">
      <figcaption>
        <b className="strong">What became of candidates</b> <span className="muted">{count(total)} labels</span>
      </figcaption>
      {first === undefined || last === undefined ? (
        <p className="empty">Nothing has been labelled yet. The trainer says what became of each candidate six blocks later.</p>
      ) : (
        <>
          <div
            className="columns"
            role="img"
            aria-label={`Labels by outcome from block ${first.firstBlock} to ${last.firstBlock + last.blocks - 1}`}
            data-columns={columns.length}
          >
            {columns.map(({ firstBlock, blocks, total: labels, parts }) => (
              <div
                key={firstBlock}
                title={`#${count(firstBlock)}${blocks > 1 ? ` and ${count(blocks - 1)} more` : ""}: ${count(labels)}\n${parts
                  .map(({ outcome, count: each }) => `${outcome} ${count(each)}`)
                  .join("\n")}`}
              >
                {parts.map(({ outcome, colour, share }) => (
                  <i key={outcome} style={{ height: `${share * 100}%`, background: colour }} />
                ))}
              </div>
            ))}
          </div>
          <div className="columns-axis muted number">
            <span>#{count(first.firstBlock)}</span>
            <span>
              {count(first.blocks)} {first.blocks === 1 ? "block" : "blocks"} a column
            </span>
            <span>#{count(last.firstBlock + last.blocks - 1)}</span>
          </div>
          <ul className="outcomes">
            {OUTCOME_TONES.map(([outcome, colour]) => (
              <li key={outcome} className={(byOutcome[outcome] ?? 0) === 0 ? "muted" : ""}>
                <i className="swatch" style={{ background: colour }} aria-hidden="true" />
                <span>{outcome}</span>
                <b className="number strong">{count(byOutcome[outcome] ?? 0)}</b>
                <span className="muted number outcome-share">{percent((byOutcome[outcome] ?? 0) / total)}</span>
              </li>
            ))}
          </ul>
        </>
      )}
    </figure>
  );
}
