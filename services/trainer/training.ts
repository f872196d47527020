import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { BusOptions } from "#libs/actor/bus.ts";
import { stopChild } from "#libs/actor/local-broker.ts";
import type { TrainingResult, TrainRequest } from "#services/trainer/learning.ts";

/** What the training process is told, as JSON on its standard input: no credential is in its arguments. */
export interface TrainingOrder {
  readonly broker: Pick<BusOptions, "servers" | "credentialsFile">;
  readonly chain: string;
  readonly request: TrainRequest;
}

const PROCESS = fileURLToPath(new URL("./train-process.ts", import.meta.url));
/** 100,000 rows take under a minute on an idle machine; at the lowest priority of a busy one many times that. */
const MOST_MS = 30 * 60_000;
const KEPT_OF_ERRORS = 2_000;

/** Trains in a process of its own. `done`: what it said; a failure where it ended without a word or took too long; null where it was stopped. */
export function startTraining(
  { servers, credentialsFile }: BusOptions,
  order: Omit<TrainingOrder, "broker">,
): { readonly done: Promise<TrainingResult | null>; stop(): Promise<void> } {
  const child: ChildProcess = spawn(process.execPath, [PROCESS], { stdio: ["pipe", "pipe", "pipe"] });
  let said = "";
  let errors = "";
  let isStopped = false;
  let isLate = false;
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    errors = (errors + text).slice(-KEPT_OF_ERRORS);
  });
  // A process that is gone already says so by its exit.
  child.stdin?.on("error", () => {});
  child.stdin?.end(JSON.stringify({ broker: { servers, credentialsFile }, ...order } satisfies TrainingOrder));
  const late = setTimeout(() => {
    isLate = true;
    child.kill("SIGKILL");
  }, MOST_MS);
  const done = new Promise<TrainingResult | null>((resolve) => {
    const end = (why: string, code: number | null = null) => {
      clearTimeout(late);
      if (isStopped) return resolve(null);
      const line = said.trim().split("\n").at(-1) ?? "";
      if (isLate) return resolve({ ok: false, detail: `not done after ${MOST_MS / 60_000} minutes` });
      if (code === 0) return resolve(JSON.parse(line) as TrainingResult);
      resolve({ ok: false, detail: `${why}: ${errors.trim().split("\n").at(-1) ?? ""}` });
    };
    child.once("error", (cause) => end(cause.message));
    child.once("close", (code, signal) => end(`the process ended with ${code ?? signal}`, code));
  });
  return {
    done,
    async stop() {
      isStopped = true;
      await stopChild(child);
    },
  };
}
