import { execFileSync } from "node:child_process";
import { cpus, loadavg } from "node:os";

/** A benchmark is a file `x.bench.ts` beside the code that it times: it exports `bench`, which times real units of work and says what they were. */
export interface Bench {
  readonly title: string;
  /** What is timed, on which inputs. */
  readonly about: string;
  run(): Promise<readonly Measurement[]> | readonly Measurement[];
}

export interface Measurement {
  readonly name: string;
  readonly rounds: number;
  /** Microseconds of one round. */
  readonly usMin: number;
  readonly usP50: number;
  readonly usP99: number;
  /** Units of work in a round, where a rate says more than a time. */
  readonly perRound?: { readonly count: number; readonly unit: string };
  /** What else there is to say of it: sizes, counts. */
  readonly facts?: Readonly<Record<string, number | string>>;
}

export interface MachineFacts {
  readonly cpu: string;
  readonly cores: number;
  readonly node: string;
  /** Commit of the sources, with `+` where they have been changed since. */
  readonly commit: string;
  /** Average number of runnable processes over the last minute: above the number of cores, times are those of a busy machine. */
  readonly loadAverage1m: number;
}

function git(...args: string[]): string {
  try {
    return execFileSync("git", args, { encoding: "utf8", cwd: import.meta.dirname, stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return "";
  }
}

export function machineFacts(): MachineFacts {
  const changed = git("status", "--porcelain", "--untracked-files=no", "--", ":/proto", ":/libs", ":/services") !== "";
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: cpus().length,
    node: process.version,
    commit: `${git("rev-parse", "--short", "HEAD") || "unknown"}${changed ? "+" : ""}`,
    loadAverage1m: Math.round((loadavg()[0] ?? 0) * 100) / 100,
  };
}

export interface TimingOptions<Input> {
  /** Rounds that only warm up: the engine optimises after some thousand calls. */
  readonly warmUp: number;
  readonly rounds: number;
  /** Makes a round's input, outside the time taken. */
  readonly prepare?: (round: number) => Input;
  readonly perRound?: Measurement["perRound"];
  readonly facts?: () => NonNullable<Measurement["facts"]>;
}

/** Times `work` round by round. A round should take at least some ten microseconds: the clock's own cost is about 0.1. */
export function time<Input>(name: string, options: TimingOptions<Input>, work: (input: Input) => unknown): Measurement {
  const { warmUp, rounds, prepare, perRound, facts } = options;
  const times = new Float64Array(rounds);
  let kept: unknown;
  for (let round = -warmUp; round < rounds; round++) {
    const input = prepare?.(round + warmUp) as Input;
    const start = performance.now();
    kept = work(input);
    if (round >= 0) times[round] = (performance.now() - start) * 1_000;
  }
  // Whatever the work gave must not look unused to the engine.
  if (kept === Symbol.for("never")) throw new Error("never");
  times.sort();
  const at = (share: number) => times[Math.min(rounds - 1, Math.floor(share * rounds))] as number;
  return {
    name,
    rounds,
    usMin: at(0),
    usP50: at(0.5),
    usP99: at(0.99),
    ...(perRound === undefined ? {} : { perRound }),
    ...(facts === undefined ? {} : { facts: facts() }),
  };
}
