import type { Report } from "#services/cli/report.ts";
import type { StatsView } from "#services/gateway/api.ts";

const REFRESH_MS = 1_000;
/** Without a terminal a line goes to a log: rarely. */
const LINE_EVERY_MS = 5_000;

const ether = (wei: string): string => {
  const negative = wei.startsWith("-");
  const digits = wei.replace("-", "").padStart(19, "0");
  return `${negative ? "-" : ""}${digits.slice(0, -18)}.${digits.slice(-18, -12)}`;
};
const ms = (value: number | null): string => (value === null ? "–" : `${Math.round(value)}`);

const BAR_WIDTH = 24;

/** What a person at the terminal sees: steps while it starts, then one line that is kept up to date. Writes to standard error; programs read standard output. */
export class LiveView {
  readonly #quiet: boolean;
  readonly #terminal = process.stderr.isTTY === true;
  #open = false;
  #lastStep = "";

  constructor(options: { readonly quiet: boolean }) {
    this.#quiet = options.quiet;
  }

  #line(text: string, keep: boolean): void {
    if (this.#quiet) return;
    if (this.#terminal) process.stderr.write(`\r\x1b[2K${text}${keep ? "\n" : ""}`);
    else if (keep) process.stderr.write(`${text}\n`);
    this.#open = this.#terminal && !keep;
  }

  /** On a terminal the steps of one stage share a line; elsewhere each stage is named once. */
  step(stage: string, note: string): void {
    const first = stage !== this.#lastStep;
    if (first && this.#open) this.#line("", true);
    this.#lastStep = stage;
    this.#line(`${stage.padEnd(10)} ${note}`, first && !this.#terminal);
  }

  /** A step with a bar. */
  progress(stage: string, note: string, done: number, total: number): void {
    const filled = total > 0 ? Math.round((BAR_WIDTH * Math.min(done, total)) / total) : 0;
    this.step(stage, `${"█".repeat(filled)}${"░".repeat(BAR_WIDTH - filled)} ${done}/${total} ${note}`);
  }

  ready(facts: {
    readonly dashboard: string;
    readonly api: string;
    readonly seconds: number;
    readonly chain: string;
    readonly mode: string;
  }): void {
    if (this.#open) this.#line("", true);
    this.#line(`ready      ${facts.chain}, ${facts.mode} mode, after ${facts.seconds.toFixed(1)} s`, true);
    this.#line(`dashboard  ${facts.dashboard}`, true);
    this.#line(`api        ${facts.api}/api/stats`, true);
  }

  /** Shows the gateway's figures until stopped. */
  follow(apiUrl: string, chain: string): () => void {
    let shownAtMs = 0;
    const show = async () => {
      const response = await fetch(`${apiUrl}/api/stats?chain=${chain}`).catch(() => null);
      if (response === null || !response.ok) return;
      const stats = (await response.json()) as StatsView;
      const keep = !this.#terminal && Date.now() - shownAtMs >= LINE_EVERY_MS;
      if (keep) shownAtMs = Date.now();
      const { funnel, latencyMs } = stats;
      const pools = stats.pools.reduce((sum, each) => sum + each.pools, 0);
      this.#line(
        `blocks ${stats.blocks} · pools ${pools} · cycles ${funnel.cycles} · opportunities ${funnel.opportunities} · bundles ${funnel.submitted} sent, ${funnel.landed} landed` +
          ` · profit ${stats.totalProfit === null ? "–" : ether(stats.totalProfit)} ${stats.nativeSymbol ?? ""}` +
          ` · block→bundle ${ms(latencyMs.blockToBundle.p50)}/${ms(latencyMs.blockToBundle.p99)} ms (p50/p99)`,
        keep,
      );
    };
    const timer = setInterval(() => void show(), REFRESH_MS);
    return () => clearInterval(timer);
  }

  report(report: Report): void {
    if (this.#open) this.#line("", true);
    const { latencyMs: latency } = report;
    this.#line(
      `${report.blocks} blocks, ${report.pools} pools of ${report.dexes} DEXes, ${report.cyclesFound} cycles, ${report.opportunities} opportunities`,
      true,
    );
    this.#line(`${report.bundlesSent} bundles sent, ${report.landed} landed, ${report.reverted} reverted, ${report.expired} expired`, true);
    this.#line(
      `profit ${ether(report.profitWei)} after gas; on the chain ${report.onChainProfitWei === null ? "nothing was sent" : ether(report.onChainProfitWei)}`,
      true,
    );
    this.#line(
      `block→cycle ${ms(latency.blockToCycle.p50)}/${ms(latency.blockToCycle.p99)} ms, block→bundle ${ms(latency.blockToBundle.p50)}/${ms(latency.blockToBundle.p99)} ms (p50/p99)`,
      true,
    );
  }

  problem(text: string): void {
    if (this.#open) process.stderr.write("\n");
    process.stderr.write(`problem: ${text}\n`);
    this.#open = false;
  }

  stop(): void {
    if (this.#open) process.stderr.write("\n");
    this.#open = false;
  }
}
