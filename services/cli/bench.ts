import { type Bench, type BenchOptions, type Goal, type MachineFacts, type Measurement, machineFacts } from "#libs/testkit/bench.ts";
import { UserError } from "#libs/units/invariant.ts";

/** A line per benchmark: the file beside the code that it times. */
const BENCHES: Readonly<Record<string, () => Promise<{ readonly bench: Bench }>>> = {
  codec: () => import("#proto/codec.bench.ts"),
  search: () => import("#libs/graph/search.bench.ts"),
  "search-peers": () => import("#libs/graph/search-peers.bench.ts"),
  plan: () => import("#libs/graph/plan.bench.ts"),
  quotes: () => import("#libs/dex/quotes.bench.ts"),
  start: () => import("#services/cli/start.bench.ts"),
  "solver-start": () => import("#services/solver/solver-start.bench.ts"),
  tvl: () => import("#libs/prices/tvl.bench.ts"),
  block: () => import("#services/fetcher/block.bench.ts"),
  scorer: () => import("#libs/ml/scorer.bench.ts"),
  ranking: () => import("#services/cli/ranking.bench.ts"),
  "main-job": () => import("#services/cli/main-job.bench.ts"),
  "scorer-stream": () => import("#services/scorer/scorer-stream.bench.ts"),
};

/** Several in one run. */
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  pools: ["start", "block", "tvl", "quotes"],
};

export const BENCH_NAMES: readonly string[] = Object.keys(BENCHES);
export const GROUP_NAMES: readonly string[] = Object.keys(GROUPS);

export interface BenchReport {
  /** Before the run. */
  readonly machine: MachineFacts;
  readonly quick: boolean;
  readonly benches: readonly { readonly name: string; readonly about: string; readonly measurements: readonly Measurement[] }[];
  readonly goals: { readonly met: number; readonly missed: readonly string[] };
}

/** Throws `UserError` for a name that there is none of. */
export async function benchReport(name: string, options: BenchOptions): Promise<BenchReport> {
  const names = GROUPS[name] ?? (name in BENCHES ? [name] : []);
  if (names.length === 0)
    throw new UserError(`there is no benchmark ${name}`, `choose from ${[...BENCH_NAMES, ...GROUP_NAMES].join(", ")}`);
  const machine = machineFacts();
  const benches: BenchReport["benches"][number][] = [];
  for (const each of names) {
    const { bench } = await (BENCHES[each] as (typeof BENCHES)[string])();
    benches.push({ name: each, about: bench.about, measurements: await bench.run(options) });
  }
  const judged = benches.flatMap(({ measurements }) =>
    measurements.flatMap((each) => (each.goals ?? []).map((goal) => ({ ...goal, of: each.name }))),
  );
  const missed = judged.filter(({ met }) => !met).map((goal) => `${goal.of}: ${goalText(goal)}`);
  return { machine, quick: options.quick, benches, goals: { met: judged.length - missed.length, missed } };
}

/** Runs one benchmark, or several in one run, and prints tables, or the report as JSON. Resolves to the exit code: a missed goal is no failure. */
export async function runBench(name: string, options: BenchOptions & { readonly json: boolean }): Promise<number> {
  const report = await benchReport(name, options);
  process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : textOf(report));
  return 0;
}

function goalText({ what, limit, value, met }: Goal): string {
  if (what === "milliseconds" || what === "milliseconds at p99") {
    const most = `${what === "milliseconds" ? "" : "p99 "}< ${limit < 0.1 ? `${1_000 * limit} µs` : `${limit} ms`}`;
    return `${most} ${met ? "met" : `missed: ${microseconds(1_000 * value)}`}`;
  }
  const number = (amount: number) => (what === "a second" ? amount.toLocaleString("en", { maximumFractionDigits: 0 }) : amount.toFixed(1));
  const unit = what === "a second" ? "/s" : "×";
  return `≥ ${number(limit).replace(/\.0$/, "")}${unit} ${met ? "met" : `missed: ${number(value)}${unit}`}`;
}

function microseconds(value: number): string {
  if (value >= 1_000) return `${(value / 1_000).toFixed(2)} ms`;
  return `${value.toFixed(value < 10 ? 2 : 1)} µs`;
}

export function textOf({ machine, benches, goals: { met, missed } }: BenchReport): string {
  const { cpu, cores, node, commit, loadAverage1m } = machine;
  const busy = loadAverage1m > cores / 2 ? " (busy: expect better numbers on a quiet machine)" : "";
  const goals =
    met + missed.length === 0
      ? ""
      : `Goals, held against p50 where they name no other: ${met} met, ${missed.length} missed\n${missed.map((each) => `  ${each}\n`).join("")}\n`;
  const stated = `${cpu}, ${cores} cores, Node ${node}, commit ${commit}, load average ${loadAverage1m} before${busy}\n`;
  return `${benches.map((bench) => `${bench.name}: ${bench.about}\n\n${tableOf(bench.measurements)}\n\n`).join("")}${goals}${stated}`;
}

export function tableOf(measurements: readonly Measurement[]): string {
  const header = ["", "p50", "p99", "min", "rate at p50", "rounds", "peer's p50", "times ours", "goals", ""];
  const rows = measurements.map(({ name, usP50, usP99, usMin, rounds, perRound, facts, peer, goals = [] }) => [
    name,
    microseconds(usP50),
    microseconds(usP99),
    microseconds(usMin),
    perRound === undefined ? "" : `${Math.round((perRound.count / usP50) * 1e6).toLocaleString("en")} ${perRound.unit}/s`,
    rounds.toLocaleString("en"),
    peer === undefined ? "" : microseconds(peer.usP50),
    peer === undefined ? "" : `${peer.ratio.toFixed(1)}×`,
    goals.map(goalText).join(", "),
    [...(peer === undefined ? [] : [`beside ${peer.name}`]), ...factsOf(facts)].join(", "),
  ]);
  const all = [header, ...rows];
  const used = header.map((_, column) => all.some((row, index) => index > 0 && row[column] !== ""));
  const widths = header.map((_, column) => Math.max(...all.map((row) => (row[column] as string).length)));
  const lines = all.map((row) =>
    row
      .map((cell, column) =>
        column === 0 || column === header.length - 1 ? cell.padEnd(widths[column] as number) : cell.padStart(widths[column] as number),
      )
      .filter((_, column) => used[column])
      .join("  ")
      .trimEnd(),
  );
  return lines.join("\n");
}

function factsOf(facts: Measurement["facts"] = {}): string[] {
  return Object.entries(facts).map(([key, value]) => `${key} ${typeof value === "number" ? value.toLocaleString("en") : value}`);
}
