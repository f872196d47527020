import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { startLocalBroker } from "#libs/actor/local-broker.ts";
import { datasetOf, type LabelledBlock } from "#libs/ml/dataset.ts";
import type { RankingChoice } from "#libs/ml/standing.ts";
import type { RivalRulesName } from "#libs/rivals/rules.ts";
import { labelsOfFile } from "#services/cli/label-source.ts";
import { exportLabels } from "#services/cli/labels.ts";

/**
 * Labels of runs of the whole system on the local chain (libs/localnet): what the first model learns from beside the made market, and is measured on.
 *
 *     node deploy/simulation/local.ts --runs <folder>
 *
 * A run whose file is in the folder is not run again; in the end the digest of all is written (data/local-runs.json). Runs are real, so the same seed gives the
 * same market but not the same bytes: which block a bundle is late for depends on the machine.
 */

export interface LocalRun {
  /** Null: nobody competes. */
  readonly rivals: RivalRulesName | null;
  readonly seed: number;
  readonly blocks: number;
  /** `model`: the one that was installed then decides from the first block on. */
  readonly ranking: Extract<RankingChoice, "proven" | "model">;
  /** Share of the blocks whose first place is drawn. */
  readonly explored: number;
  readonly blockTimeMs: number;
}

const lesson = (rivals: LocalRun["rivals"], seed: number, ranking: LocalRun["ranking"]): LocalRun => ({
  rivals,
  seed,
  ranking,
  blocks: 250,
  explored: 0.3,
  blockTimeMs: 700,
});

/** Learnt from, in this order: by the shares of the windows the first four are fitted on, and one each is validated, calibrated and tested on. */
export const LOCAL_LESSONS: readonly LocalRun[] = [
  lesson("five", 2_101, "proven"),
  lesson("crowd", 2_103, "model"),
  lesson("few", 2_102, "proven"),
  lesson(null, 2_107, "proven"),
  lesson("few", 2_105, "model"),
  lesson("crowd", 2_106, "proven"),
  lesson("five", 2_104, "model"),
];

const unseen = (rivals: LocalRun["rivals"], seed: number): LocalRun => ({ ...lesson(rivals, seed, "proven"), explored: 0.1 });

/** Nothing is learnt from these, nor chosen by them. */
export const LOCAL_UNSEEN: readonly LocalRun[] = [
  unseen("five", 2_201),
  unseen("crowd", 2_202),
  unseen("few", 2_203),
  { ...unseen(null, 2_204), blocks: 150 },
];

export const fileOf = (folder: string, { rivals, seed }: Pick<LocalRun, "rivals" | "seed">): string =>
  join(folder, `${rivals ?? "alone"}-${seed}.jsonl`);

const MAIN = fileURLToPath(new URL("../../services/cli/main.ts", import.meta.url));
const DIGEST = fileURLToPath(new URL("data/local-runs.json", import.meta.url));

/** Runs it, and writes the labels of all its candidates as `hyperspeed labels` does. */
async function record(run: LocalRun, file: string): Promise<void> {
  const { rivals, seed, blocks, ranking, explored, blockTimeMs } = run;
  const directory = mkdtempSync(join(tmpdir(), "hs-local-run-"));
  const broker = await startLocalBroker({ directory: join(directory, "nats") });
  try {
    const settings = join(directory, "settings.json");
    writeFileSync(settings, JSON.stringify({ scorer: { ranking, explorationShare: explored } }));
    const options = {
      ...(rivals === null ? {} : { rivals }),
      seed,
      blocks,
      "block-time": `${blockTimeMs}ms`,
      settings,
      nats: broker.url,
      "api-port": 0,
      "dashboard-port": 0,
      report: join(directory, "report.json"),
    };
    const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const child = spawn(process.execPath, [MAIN, "up", ...args], { stdio: ["ignore", "ignore", "inherit"] });
    const [code] = (await once(child, "exit")) as [number | null];
    if (code !== 0) throw new Error(`the run of seed ${seed} ended with ${code}`);
    await exportLabels({ from: ["HS_LOCAL_DECISIONS"], natsUrl: broker.url, out: `${file}.part` });
    renameSync(`${file}.part`, file);
  } finally {
    await broker.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Said of a run's labels, so that another's may be held against it. */
export interface RunDigest extends LocalRun {
  readonly candidates: number;
  /** By outcome, of all that were labelled and of those that were sent. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly sent: Readonly<Record<string, number>>;
  /** Rows that are learnt from, and how many of these landed. */
  readonly rows: number;
  readonly landed: number;
  /** Of the file of labels. */
  readonly sha256: string;
}

function counted(names: Iterable<string>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of [...names].sort()) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

export function digestOf(run: LocalRun, labelled: readonly LabelledBlock[], sha256: string): RunDigest {
  const labels = labelled.flatMap((block) => block.labels);
  const { blocks, landed } = datasetOf(labelled);
  return {
    ...run,
    candidates: labels.length,
    outcomes: counted(labels.map(({ outcome }) => outcome)),
    sent: counted(labels.filter(({ executions }) => executions.some(({ mode }) => mode === "live")).map(({ outcome }) => outcome)),
    rows: blocks.length,
    landed: landed.reduce((sum, each) => sum + each, 0),
    sha256,
  };
}

/** The labels that a folder holds of these runs. A run that it does not hold is an error. */
export async function readRuns(folder: string, runs: readonly LocalRun[]): Promise<readonly (readonly LabelledBlock[])[]> {
  return Promise.all(runs.map((run) => labelsOfFile(fileOf(folder, run))));
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { runs: { type: "string" } } });
  if (values.runs === undefined) throw new TypeError("name the folder that keeps the runs: --runs <folder>");
  mkdirSync(values.runs, { recursive: true });
  const digests: RunDigest[] = [];
  for (const run of [...LOCAL_LESSONS, ...LOCAL_UNSEEN]) {
    const file = fileOf(values.runs, run);
    if (!existsSync(file)) await record(run, file);
    const digest = digestOf(run, await labelsOfFile(file), createHash("sha256").update(readFileSync(file)).digest("hex"));
    console.log(JSON.stringify(digest));
    digests.push(digest);
  }
  writeFileSync(DIGEST, `${JSON.stringify(digests, null, 2)}\n`);
}

if (import.meta.main) await main();
