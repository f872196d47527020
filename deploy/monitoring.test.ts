import { createServer } from "node:http";
import { Counter, Gauge, Histogram } from "prom-client";
import { describe, expect, test } from "vitest";
import { collectProcessMetrics, metrics, registry } from "#libs/telemetry/metrics.ts";
import { checkDashboard, fillIn } from "./check-dashboards.ts";
import { staleCopies } from "./grafana/overview.ts";
import { ROWS, VARIABLES } from "./grafana/panels.ts";
import { hasPrometheus, startPrometheus } from "./prometheus/start.ts";

const panels = ROWS.flatMap(({ panels }) => panels);
const asked = new Set(
  [...panels.flatMap(({ queries }) => queries.map(({ expr }) => expr)), ...VARIABLES.map(({ metric }) => metric)]
    .join(" ")
    .match(/\bhs_[a-z0-9_]+/g)
    ?.map((name) => name.replace(/_(bucket|count|sum)$/, "")) ?? [],
);

describe("the overview dashboard", () => {
  test("asks for every metric of ours, and for none that does not exist", () => {
    const declared = Object.values(metrics).map((metric) => (metric as unknown as { name: string }).name);
    expect([...asked].sort()).toEqual(declared.sort());
  });

  test("only uses labels that the metric has", () => {
    const labels = new Map(
      Object.values(metrics).map((metric) => {
        const { name, labelNames } = metric as unknown as { name: string; labelNames: string[] };
        return [name, new Set([...labelNames, "le"])];
      }),
    );
    for (const { expr } of panels.flatMap(({ queries }) => queries)) {
      for (const [, name = "", matchers = ""] of expr.matchAll(/(hs_[a-z0-9_]+?)(?:_bucket|_count|_sum)?\{([^}]*)\}/g)) {
        for (const [, label = ""] of matchers.matchAll(/([a-z_]+)\s*[=!]/g))
          expect(labels.get(name)?.has(label), `${label} of ${name} in ${expr}`).toBe(true);
      }
    }
  });

  test("is written out as panels.ts says, with its copy in the chart", () => {
    expect(staleCopies()).toEqual([]);
  });

  test("has rows of full width at most, and titles that differ within a row", () => {
    for (const { panels } of ROWS) {
      expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length);
      let column = 0;
      for (const { width } of panels) {
        expect(width).toBeLessThanOrEqual(24);
        column = column + width > 24 ? width : column + width;
      }
    }
  });
});

test("what Grafana would fill in is filled in", () => {
  expect(fillIn('rate(a{chain=~"$chain"}[$__rate_interval]) / increase(b[$__range])', 60)).toBe(
    'rate(a{chain=~".*"}[30s]) / increase(b[60s])',
  );
});

/** A process that has everything the system reports, moving. */
function sampleEverything(turn: number): void {
  const values: Readonly<Record<string, string>> = { chain: "sample", actor: "watcher", kind: "block-observed", event: "landed" };
  for (const metric of Object.values(metrics)) {
    const { labelNames } = metric as unknown as { labelNames: string[] };
    const sets: Record<string, string>[] = [{}];
    if (labelNames.includes("actor"))
      sets.push({ actor: "solver", kind: "cycle-found" }, { actor: "executor", kind: "execution-submitted" });
    if (labelNames.includes("event")) sets.push(...["planned", "simulated", "submitted", "failed"].map((event) => ({ event })));
    if (labelNames.includes("outcome")) sets.push({ outcome: "fault" });
    for (const set of sets) {
      const labels = Object.fromEntries(labelNames.map((label) => [label, set[label] ?? values[label] ?? "sample"]));
      if (metric instanceof Counter) (metric as Counter).inc(labels, 1);
      else if (metric instanceof Gauge) (metric as Gauge).set(labels, turn);
      else if (metric instanceof Histogram) (metric as Histogram).observe(labels, 0.01);
    }
  }
}

test.skipIf(!hasPrometheus())(
  "a live Prometheus answers every question of the dashboard with data",
  async () => {
    collectProcessMetrics("0.0.0-test");
    let turn = 0;
    sampleEverything(turn);
    const moving = setInterval(() => sampleEverything(++turn), 200);
    const server = createServer(async (_, response) => response.end(await registry.metrics()));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const prometheus = await startPrometheus({ scrape: [`http://127.0.0.1:${port}/metrics`] });
    try {
      await prometheus.afterScrapes(5);
      const findings = await checkDashboard(prometheus.url, 10);
      expect(findings.filter(({ verdict }) => verdict !== "data")).toEqual([]);
      const rules = (await (await fetch(`${prometheus.url}/api/v1/rules`)).json()) as {
        data: { groups: { rules: { health: string; lastError?: string }[] }[] };
      };
      expect(rules.data.groups[0]?.rules.filter(({ health }) => health === "err")).toEqual([]);
    } finally {
      clearInterval(moving);
      await prometheus.stop();
      await new Promise((resolve) => server.close(resolve));
    }
  },
  60_000,
);
