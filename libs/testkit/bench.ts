import { execFileSync } from "node:child_process";
import { cpus, loadavg } from "node:os";

/** A benchmark is a file `x.bench.ts` beside the code that it times: it exports `bench`, which times real units of work and says what they were. */
export interface Bench {
  readonly title: string;
  /** What is timed, on which inputs. */
  readonly about: string;
  run(options: BenchOptions): Promise<readonly Measurement[]> | readonly Measurement[];
}

export interface BenchOptions {
  /** As little as shows that it runs: the times mean nothing. */
  readonly quick: boolean;
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
  /** The same work by somebody else's code, its rounds between ours. */
  readonly peer?: Peer;
  readonly goals?: readonly Goal[];
}

interface Peer {
  readonly name: string;
  /** Microseconds of one round, of as many units of work. */
  readonly usMin: number;
  readonly usP50: number;
  readonly usP99: number;
  /** Its median round by ours. */
  readonly ratio: number;
}

/** What the median round, or the 99th percentile of them, is held to. */
export interface Goal {
  readonly what: "milliseconds" | "milliseconds at p99" | "a second" | "times the peer";
  readonly limit: number;
  readonly value: number;
  readonly met: boolean;
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

function quantiles(times: Float64Array): Pick<Measurement, "usMin" | "usP50" | "usP99"> {
  times.sort();
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(share * times.length))] as number;
  return { usMin: at(0), usP50: at(0.5), usP99: at(0.99) };
}

function measurementOf(
  name: string,
  { rounds, perRound, facts }: Pick<TimingOptions<unknown>, "rounds" | "perRound" | "facts">,
  times: Float64Array,
): Measurement {
  return {
    name,
    rounds,
    ...quantiles(times),
    ...(perRound === undefined ? {} : { perRound }),
    ...(facts === undefined ? {} : { facts: facts() }),
  };
}

/** Whatever the work gave must not look unused to the engine. */
function use(kept: unknown): void {
  if (kept === Symbol.for("never")) throw new Error("never");
}

/** Times `work` round by round. A round should take at least some ten microseconds: the clock's own cost is about 0.1. */
export function time<Input>(name: string, options: TimingOptions<Input>, work: (input: Input) => unknown): Measurement {
  const { warmUp, rounds, prepare } = options;
  const times = new Float64Array(rounds);
  let kept: unknown;
  for (let round = -warmUp; round < rounds; round++) {
    const input = prepare?.(round + warmUp) as Input;
    const start = performance.now();
    kept = work(input);
    if (round >= 0) times[round] = (performance.now() - start) * 1_000;
  }
  use(kept);
  return measurementOf(name, options, times);
}

/** The same for work that waits for others: a node, a broker. */
export async function timeWaiting(
  name: string,
  options: Omit<TimingOptions<never>, "prepare" | "warmUp"> & {
    /** Clears up after each round, outside the time taken. */
    readonly after?: () => Promise<void>;
  },
  work: () => Promise<unknown>,
): Promise<Measurement> {
  const times = new Float64Array(options.rounds);
  for (let round = 0; round < options.rounds; round++) {
    const start = performance.now();
    use(await work());
    times[round] = (performance.now() - start) * 1_000;
    await options.after?.();
  }
  return measurementOf(name, options, times);
}

/** Rounds of either side in a row: few enough that both see the same machine, enough that neither works from the caches that the other has emptied. */
const TURN = 25;

/** Our work and a peer's, of as many units a round, in turns. */
export async function timeBeside(
  name: string,
  options: Omit<TimingOptions<never>, "prepare">,
  ours: () => unknown,
  peer: { readonly name: string; readonly work: () => unknown },
): Promise<Measurement> {
  const { warmUp, rounds } = options;
  const sides = [ours, peer.work].map((work) => ({ work, times: new Float64Array(rounds) }));
  for (let first = -warmUp; first < rounds; first += TURN) {
    for (const { work, times } of sides) {
      for (let round = first; round < Math.min(first + TURN, rounds); round++) {
        const start = performance.now();
        const kept = work();
        use(kept instanceof Promise ? await kept : kept);
        if (round >= 0) times[round] = (performance.now() - start) * 1_000;
      }
    }
  }
  const [own, other] = sides.map(({ times }) => times) as [Float64Array, Float64Array];
  const measured = measurementOf(name, options, own);
  const theirs = quantiles(other);
  return { ...measured, peer: { name: peer.name, ...theirs, ratio: theirs.usP50 / measured.usP50 } };
}

export interface Goals {
  readonly msMost?: number;
  /** Of the 99th percentile. */
  readonly msMostP99?: number;
  readonly perSecondLeast?: number;
  readonly timesPeerLeast?: number;
}

/** The measurement with what it was meant to reach. */
export function held(measured: Measurement, goals: Goals): Measurement {
  const { usP50, usP99, perRound, peer } = measured;
  const { msMost, msMostP99, perSecondLeast, timesPeerLeast } = goals;
  const all: Goal[] = [];
  if (msMost !== undefined) all.push({ what: "milliseconds", limit: msMost, value: usP50 / 1_000, met: usP50 / 1_000 < msMost });
  if (msMostP99 !== undefined)
    all.push({ what: "milliseconds at p99", limit: msMostP99, value: usP99 / 1_000, met: usP99 / 1_000 < msMostP99 });
  if (perSecondLeast !== undefined && perRound !== undefined) {
    const value = (perRound.count / usP50) * 1e6;
    all.push({ what: "a second", limit: perSecondLeast, value, met: value >= perSecondLeast });
  }
  if (timesPeerLeast !== undefined && peer !== undefined)
    all.push({ what: "times the peer", limit: timesPeerLeast, value: peer.ratio, met: peer.ratio >= timesPeerLeast });
  return { ...measured, goals: all };
}
