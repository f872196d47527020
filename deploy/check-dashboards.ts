import { parseArgs } from "node:util";
import { type PanelSpec, ROWS, VARIABLES } from "./grafana/panels.ts";
import { startPrometheus } from "./prometheus/start.ts";

/**
 * Asks a live Prometheus every question of the dashboard: a query that fails, or finds nothing where something must be, is a fault of the
 * dashboard or of the system. `node deploy/check-dashboards.ts --prometheus http://127.0.0.1:9090 [--window 60]`, or with `--scrape
 * http://127.0.0.1:9464/metrics` to start a Prometheus for the occasion and let it scrape for the length of the window.
 */

export type Verdict = "data" | "empty" | "allowed" | "error";
export interface Finding {
  readonly panel: string;
  readonly expr: string;
  readonly verdict: Verdict;
  readonly detail: string;
}

/** What Grafana fills in before it asks. */
export function fillIn(expr: string, windowSeconds: number): string {
  return expr
    .replaceAll("$__rate_interval", `${Math.max(5, Math.ceil(windowSeconds / 2))}s`)
    .replaceAll("$__range", `${windowSeconds}s`)
    .replaceAll("$chain", ".*");
}

interface Answer {
  readonly status: string;
  readonly error?: string;
  readonly data?: { readonly result?: readonly { readonly values?: readonly (readonly [number, string])[] }[] } | readonly string[];
}

async function ask(prometheus: string, path: string, parameters: Readonly<Record<string, string>>): Promise<Answer> {
  const url = `${prometheus.replace(/\/$/, "")}${path}?${new URLSearchParams(parameters)}`;
  const answer = await fetch(url, { signal: AbortSignal.timeout(20_000) });
  return (await answer.json()) as Answer;
}

/** Every panel and variable query over the last `windowSeconds`. A curve of nothing but NaN is as empty as none. */
export async function checkDashboard(prometheus: string, windowSeconds: number): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const { name, metric, from } of VARIABLES) {
    const answer = await ask(prometheus, `/api/v1/label/${from}/values`, { "match[]": metric });
    const values = Array.isArray(answer.data) ? answer.data : [];
    const expr = `label_values(${metric}, ${from})`;
    if (answer.status !== "success") findings.push({ panel: `variable ${name}`, expr, verdict: "error", detail: answer.error ?? "" });
    else findings.push({ panel: `variable ${name}`, expr, verdict: values.length > 0 ? "data" : "empty", detail: values.join(", ") });
  }
  const end = Date.now() / 1_000;
  for (const panel of ROWS.flatMap((row): readonly PanelSpec[] => row.panels)) {
    for (const { expr } of panel.queries) {
      const answer = await ask(prometheus, "/api/v1/query_range", {
        query: fillIn(expr, windowSeconds),
        start: String(end - windowSeconds),
        end: String(end),
        step: String(Math.max(1, Math.floor(windowSeconds / 30))),
      });
      if (answer.status !== "success") {
        findings.push({ panel: panel.title, expr, verdict: "error", detail: answer.error ?? "no answer" });
        continue;
      }
      const result = answer.data !== undefined && "result" in answer.data ? (answer.data.result ?? []) : [];
      const series = result.filter(({ values = [] }) => values.some(([, value]) => value !== "NaN")).length;
      if (series > 0) findings.push({ panel: panel.title, expr, verdict: "data", detail: `${series} series` });
      else if (panel.emptyBecause !== undefined)
        findings.push({ panel: panel.title, expr, verdict: "allowed", detail: panel.emptyBecause });
      else findings.push({ panel: panel.title, expr, verdict: "empty", detail: result.length > 0 ? "only NaN" : "no series" });
    }
  }
  return findings;
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { prometheus: { type: "string" }, scrape: { type: "string", multiple: true }, window: { type: "string", default: "60" } },
  });
  const window = Number(values.window);
  if ((values.prometheus === undefined) === (values.scrape === undefined) || !Number.isInteger(window) || window < 1) {
    console.error("usage: node deploy/check-dashboards.ts (--prometheus URL | --scrape METRICS_URL…) [--window SECONDS]");
    process.exit(2);
  }
  const own = values.scrape === undefined ? null : await startPrometheus({ scrape: values.scrape });
  let findings: Finding[];
  try {
    await own?.afterScrapes(window);
    findings = await checkDashboard(own?.url ?? values.prometheus ?? "", window);
  } finally {
    await own?.stop();
  }
  for (const { panel, expr, verdict, detail } of findings) {
    const mark = { data: "ok   ", allowed: "none ", empty: "EMPTY", error: "ERROR" }[verdict];
    console.log(`${mark} ${panel}: ${detail}${verdict === "empty" || verdict === "error" ? `\n      ${expr}` : ""}`);
  }
  const failed = findings.filter(({ verdict }) => verdict === "empty" || verdict === "error").length;
  const allowed = findings.filter(({ verdict }) => verdict === "allowed").length;
  console.log(`${findings.length - failed} passed (${allowed} of them rightly empty), ${failed} failed`);
  process.exitCode = failed > 0 ? 1 : 0;
}
