import { type Bench, type MachineFacts, type Measurement, machineFacts } from "#libs/testkit/bench.ts";
import { UserError } from "#libs/units/invariant.ts";

/** A line per benchmark: the file beside the code that it times. */
const BENCHES: Readonly<Record<string, () => Promise<{ readonly bench: Bench }>>> = {
  codec: () => import("#proto/codec.bench.ts"),
  search: () => import("#libs/graph/search.bench.ts"),
  quotes: () => import("#libs/dex/quotes.bench.ts"),
};

export const BENCH_NAMES: readonly string[] = Object.keys(BENCHES);

export interface BenchReport {
  readonly bench: string;
  readonly about: string;
  /** Before the run. */
  readonly machine: MachineFacts;
  readonly measurements: readonly Measurement[];
}

/** Runs one benchmark and prints a table, or the report as JSON. Resolves to the exit code. Throws `UserError` for a name that there is none of. */
export async function runBench(name: string, options: { readonly json: boolean }): Promise<number> {
  const load = BENCHES[name];
  if (load === undefined) throw new UserError(`there is no benchmark ${name}`, `choose from ${BENCH_NAMES.join(", ")}`);
  const machine = machineFacts();
  const { bench } = await load();
  const report: BenchReport = { bench: name, about: bench.about, machine, measurements: await bench.run() };
  process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : tableOf(report));
  return 0;
}

function microseconds(value: number): string {
  if (value >= 1_000) return `${(value / 1_000).toFixed(2)} ms`;
  return `${value.toFixed(value < 10 ? 2 : 1)} µs`;
}

export function tableOf({ about, machine, measurements }: BenchReport): string {
  const header = ["", "p50", "p99", "min", "rate at p50", "rounds", ""];
  const rows = measurements.map(({ name, usP50, usP99, usMin, rounds, perRound, facts }) => [
    name,
    microseconds(usP50),
    microseconds(usP99),
    microseconds(usMin),
    perRound === undefined ? "" : `${Math.round((perRound.count / usP50) * 1e6).toLocaleString("en")} ${perRound.unit}/s`,
    rounds.toLocaleString("en"),
    Object.entries(facts ?? {})
      .map(([key, value]) => `${key} ${typeof value === "number" ? value.toLocaleString("en") : value}`)
      .join(", "),
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
  const { cpu, cores, node, commit, loadAverage1m } = machine;
  const busy = loadAverage1m > cores / 2 ? " (busy: expect better numbers on a quiet machine)" : "";
  return `${about}\n\n${lines.join("\n")}\n\n${cpu}, ${cores} cores, Node ${node}, commit ${commit}, load average ${loadAverage1m}${busy}\n`;
}
