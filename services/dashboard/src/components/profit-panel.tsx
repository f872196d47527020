import { useEffect, useMemo, useRef, useState } from "react";
import uPlot from "uplot";
import type { ProfitCurve } from "#services/gateway/api.ts";
import { approximateCoins, clockTime, count, shortUnits, signed, tickTime, WEI_DECIMALS } from "../format.ts";
import type { DashboardState } from "../state.ts";
import { toneOf } from "./amount.tsx";
import { Panel } from "./panel.tsx";

type Axis = "time" | "block";

interface Point {
  readonly x: number;
  readonly atMs: number;
  readonly blockNumber: number;
  readonly netProfit: string;
}

/** Starts at zero and reaches to the head, so that a quiet hour looks quiet. */
function pointsOf(curve: ProfitCurve | undefined, axis: Axis, head: DashboardState["heads"][string] | undefined): Point[] {
  const first = curve?.points[0];
  const last = curve?.points.at(-1);
  if (curve === undefined || first === undefined || last === undefined) return [];
  const known = [
    { atMs: first.atMs - 1_000, blockNumber: first.blockNumber - 1, netProfit: "0" },
    ...curve.points,
    ...(head === undefined ? [] : [{ atMs: head.observedAtMs, blockNumber: head.blockNumber, netProfit: last.netProfit }]),
  ];
  // A reorganisation settles at a lower block than before: the curve goes on where it is, it does not run backwards.
  let x = Number.NEGATIVE_INFINITY;
  return known.map((point) => {
    x = Math.max(x, axis === "time" ? point.atMs / 1_000 : point.blockNumber);
    return { ...point, x };
  });
}

export function ProfitPanel(props: {
  curves: readonly ProfitCurve[];
  heads: DashboardState["heads"];
  chain: string | null;
  paper: boolean;
}) {
  const [axis, setAxis] = useState<Axis>("time");
  const [hovered, setHovered] = useState<number | null>(null);
  const { curves, heads } = props;
  // Coins of different chains do not add up: with all chains selected, the curve of the one that earned last.
  const curve = useMemo(
    () =>
      props.chain === null
        ? curves.toSorted((a, b) => (b.points.at(-1)?.atMs ?? 0) - (a.points.at(-1)?.atMs ?? 0))[0]
        : curves.find(({ chain }) => chain === props.chain),
    [curves, props.chain],
  );
  const head = curve === undefined ? undefined : heads[curve.chain];
  const points = useMemo(() => pointsOf(curve, axis, head), [curve, axis, head]);
  const shown = (hovered === null ? undefined : points[hovered]) ?? points.at(-1);
  const symbol = curve?.nativeSymbol ?? "";

  return (
    <Panel
      title={`Cumulative net profit${symbol === "" ? "" : `, ${symbol}`}${curves.length > 1 && curve !== undefined ? ` · ${curve.chain}` : ""}`}
      area="profit"
      note={
        <>
          {shown === undefined ? null : (
            <span className="readout" data-testid="profit-readout">
              #{count(shown.blockNumber)} · {clockTime(shown.atMs)} ·{" "}
              <b className={toneOf(shown.netProfit)}>
                {signed(shortUnits(shown.netProfit, WEI_DECIMALS, 5), shown.netProfit)} {symbol}
              </b>
            </span>
          )}
          <span className="segmented">
            {(["time", "block"] as const).map((each) => (
              <button key={each} type="button" aria-pressed={axis === each} onClick={() => setAxis(each)}>
                by {each}
              </button>
            ))}
          </span>
        </>
      }
    >
      {points.length === 0 ? (
        <p className="empty">{props.paper ? "Paper mode sends nothing, so nothing is earned." : "Nothing has settled yet."}</p>
      ) : (
        <Plot points={points} axis={axis} symbol={symbol} onHover={setHovered} />
      )}
    </Panel>
  );
}

const COLOURS = {
  line: "#2fd39a",
  fillTop: "rgba(47, 211, 154, 0.28)",
  fillBottom: "rgba(47, 211, 154, 0)",
  grid: "#1a222e",
  text: "#8494a8",
};
const FONT = '11px Inter, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", "DejaVu Sans Condensed", sans-serif';

function Plot({
  points,
  axis,
  symbol,
  onHover,
}: {
  points: readonly Point[];
  axis: Axis;
  symbol: string;
  onHover: (index: number | null) => void;
}) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const data = useMemo<uPlot.AlignedData>(
    () => [points.map(({ x }) => x), points.map(({ netProfit }) => approximateCoins(netProfit))],
    [points],
  );
  const latest = useRef(data);
  latest.current = data;

  useEffect(() => {
    const element = host.current;
    if (element === null) return;
    const stepped = uPlot.paths.stepped?.({ align: 1 });
    const style = { size: 36, stroke: COLOURS.text, font: FONT, grid: { stroke: COLOURS.grid, width: 1 }, ticks: { show: false } };
    const options: uPlot.Options = {
      width: element.clientWidth,
      height: element.clientHeight,
      legend: { show: false },
      padding: [12, 16, 0, 0],
      cursor: { y: false, points: { size: 8, fill: COLOURS.line }, drag: { x: true, y: false } },
      scales: { x: { time: axis === "time" } },
      axes: [
        axis === "time"
          ? { ...style, values: (_, ticks, __, ___, apart) => ticks.map((tick) => tickTime(tick, apart)) }
          : { ...style, values: (_, ticks) => ticks.map((tick) => (Number.isInteger(tick) ? count(tick) : "")), space: 90 },
        { ...style, size: 64 },
      ],
      series: [
        {},
        {
          label: symbol,
          stroke: COLOURS.line,
          width: 2,
          points: { show: false },
          ...(stepped === undefined ? {} : { paths: stepped }),
          fill: (self) => {
            const gradient = self.ctx.createLinearGradient(0, self.bbox.top, 0, self.bbox.top + self.bbox.height);
            gradient.addColorStop(0, COLOURS.fillTop);
            gradient.addColorStop(1, COLOURS.fillBottom);
            return gradient;
          },
        },
      ],
      hooks: { setCursor: [({ cursor }) => onHover(cursor.idx ?? null)] },
    };
    const made = new uPlot(options, latest.current, element);
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: element.clientHeight }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [axis, symbol, onHover]);

  useEffect(() => plot.current?.setData(data), [data]);

  const last = points.at(-1);
  const label =
    last === undefined
      ? ""
      : `Cumulative net profit, now ${shortUnits(last.netProfit, WEI_DECIMALS, 5)} ${symbol} at block ${last.blockNumber}`;
  return <div className="plot" ref={host} role="img" aria-label={label} data-points={points.length} data-testid="profit-plot" />;
}
