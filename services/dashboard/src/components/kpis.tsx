import type { ReactNode } from "react";
import type { ChainStats } from "#services/gateway/api.ts";
import { count, exactUnits, milliseconds, percent, shortUnits, signed, WEI_DECIMALS } from "../format.ts";
import { toneOf } from "./amount.tsx";

function Kpi(props: {
  label: string;
  value: ReactNode;
  unit?: string;
  tone?: string;
  title?: string;
  testId: string;
  children: ReactNode;
}) {
  return (
    <div className="kpi" data-testid={props.testId}>
      <div className="kpi-label">{props.label}</div>
      <div className={`kpi-value ${props.tone ?? ""}`} title={props.title}>
        {props.value}
        {props.unit === undefined ? null : <span className="kpi-unit"> {props.unit}</span>}
      </div>
      <div className="kpi-note">{props.children}</div>
    </div>
  );
}

export function Kpis({ stats, paper }: { stats: ChainStats; paper: boolean }) {
  const { funnel, latencyMs, totalProfit, nativeSymbol } = stats;
  const symbol = nativeSymbol ?? "";
  const cyclesPerBlock = stats.blocks === 0 ? 0 : funnel.cycles / stats.blocks;
  return (
    <section className="kpis" aria-label="Key figures">
      <Kpi
        testId="kpi-profit"
        label="Net profit"
        value={totalProfit === null ? "–" : signed(shortUnits(totalProfit, WEI_DECIMALS, 5), totalProfit)}
        unit={symbol}
        tone={totalProfit === null ? "flat" : toneOf(totalProfit)}
        title={totalProfit === null ? "Chains with different coins: choose one" : `${exactUnits(totalProfit, WEI_DECIMALS)} ${symbol}`}
      >
        {paper
          ? "paper mode sends nothing"
          : stats.totalGasCost === null
            ? "choose a chain: coins differ"
            : `after ${shortUnits(stats.totalGasCost, WEI_DECIMALS, 4)} ${symbol} gas`}
      </Kpi>
      <Kpi testId="kpi-trades" label="Trades landed" value={count(stats.totalTrades)}>
        {stats.totalTrades === 0
          ? `${count(funnel.submitted)} submitted`
          : `${percent(stats.successfulTrades / stats.totalTrades)} succeeded · ${percent(stats.totalTrades / Math.max(1, funnel.submitted), 0)} of sent`}
      </Kpi>
      <Kpi testId="kpi-opportunities" label="Opportunities" value={count(funnel.opportunities)}>
        of {count(funnel.candidates)} candidates
      </Kpi>
      <Kpi testId="kpi-cycles" label="Cycles found" value={count(funnel.cycles)}>
        {cyclesPerBlock.toFixed(1)} a block · {count(stats.blocks)} blocks
      </Kpi>
      <Latency testId="kpi-cycle-latency" label="Block → cycles" latency={latencyMs.blockToCycle} />
      <Latency
        testId="kpi-bundle-latency"
        label="Block → bundle"
        latency={latencyMs.blockToBundle}
        empty={paper ? "paper mode sends none" : "none sent yet"}
      />
    </section>
  );
}

function Latency(props: { testId: string; label: string; latency: ChainStats["latencyMs"]["blockToCycle"]; empty?: string }) {
  const { p50, p99, samples } = props.latency;
  return (
    <Kpi
      testId={props.testId}
      label={props.label}
      value={
        <>
          {milliseconds(p50)}
          <span className="kpi-second"> / {milliseconds(p99)}</span>
        </>
      }
      unit="ms"
      title="From the block seen: median / 99th percentile"
    >
      {samples === 0 ? (props.empty ?? "nothing yet") : `p50 / p99 of the last ${count(samples)}`}
    </Kpi>
  );
}
