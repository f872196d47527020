import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";

export const HOW_TO_INSTALL = "apt-get update && apt-get install -y --no-install-recommends prometheus";

/** Longer than Prometheus needs to open an empty database on a busy machine. */
const START_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 10_000;

export interface Prometheus {
  readonly url: string;
  readonly pid: number;
  /** Waits until every target was scraped so many times. The first scrape comes some 5 s after the start: discovery runs at that pace. */
  afterScrapes(times: number): Promise<void>;
  /** Ends the process that was started here, and removes its folder. */
  stop(): Promise<void>;
}

/** Is a Prometheus binary on PATH? */
export function hasPrometheus(binary: "prometheus" | "promtool" = "prometheus"): boolean {
  try {
    execFileSync(binary, ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => (typeof address === "object" && address !== null ? resolve(address.port) : reject(new Error("no port"))));
    });
  });
}

/** Starts a Prometheus on a free loopback port that scrapes these URLs as job `hyperspeed` and evaluates our rules. */
export async function startPrometheus(options: {
  /** `http://host:port/path` of each metrics endpoint. */
  readonly scrape: readonly string[];
  readonly scrapeIntervalSeconds?: number;
}): Promise<Prometheus> {
  if (!hasPrometheus()) throw new Error(`no prometheus on PATH: ${HOW_TO_INSTALL}`);
  const folder = mkdtempSync(join(tmpdir(), "hyperspeed-prometheus-"));
  const interval = `${options.scrapeIntervalSeconds ?? 1}s`;
  const targets = options.scrape.map((text) => new URL(text));
  writeFileSync(
    join(folder, "prometheus.yml"),
    stringify({
      global: { scrape_interval: interval, scrape_timeout: interval, evaluation_interval: interval },
      rule_files: ["rules.yml"],
      scrape_configs: targets.map((url, index) => ({
        job_name: `hyperspeed-${index}`,
        scheme: url.protocol.slice(0, -1),
        metrics_path: url.pathname === "/" ? "/metrics" : url.pathname,
        static_configs: [{ targets: [url.host] }],
        relabel_configs: [{ target_label: "job", replacement: "hyperspeed" }],
      })),
    }),
  );
  cpSync(join(import.meta.dirname, "rules.yml"), join(folder, "rules.yml"));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(
    "prometheus",
    [
      `--config.file=${join(folder, "prometheus.yml")}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--log.level=warn",
    ],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  let log = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    log = `${log}${chunk.toString()}`.slice(-4_000);
  });
  const stop = async (): Promise<void> => {
    await end(child);
    rmSync(folder, { recursive: true, force: true });
  };
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!(await answers(`${url}/-/ready`))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      await stop();
      throw new Error(`prometheus did not start: ${log.trim() || `not ready within ${START_TIMEOUT_MS} ms`}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return {
    url,
    pid: child.pid ?? 0,
    stop,
    async afterScrapes(times) {
      const query = `count(count_over_time(up[1h]) >= ${times}) == ${targets.length}`;
      const late = Date.now() + START_TIMEOUT_MS + times * 1_000 * (options.scrapeIntervalSeconds ?? 1);
      for (;;) {
        const answer = await fetch(`${url}/api/v1/query?${new URLSearchParams({ query })}`);
        const { data } = (await answer.json()) as { data?: { result?: unknown[] } };
        if ((data?.result?.length ?? 0) > 0) return;
        if (Date.now() > late) throw new Error(`prometheus did not scrape ${options.scrape.join(", ")} ${times} times in time`);
        await new Promise((resolve) => setTimeout(resolve, 250));
      }
    },
  };
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(1_000) })).ok;
  } catch {
    return false;
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill("SIGTERM");
  const late = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
  await exited;
  clearTimeout(late);
}
