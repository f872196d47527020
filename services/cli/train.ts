import { resolve } from "node:path";
import { datasetOf, joined } from "#libs/ml/dataset.ts";
import { type Manifest, publishModel } from "#libs/ml/model-folder.ts";
import { DEFAULT_OPTIONS, type TrainingFailure, type TrainingProgress, trainEnsemble } from "#libs/ml/train.ts";
import { findXgboost } from "#libs/ml/xgboost.ts";
import { UserError } from "#libs/units/invariant.ts";
import { readSources } from "#services/cli/label-source.ts";
import { LiveView } from "#services/cli/live-view.ts";

export interface TrainOptions {
  readonly from: readonly string[];
  readonly natsUrl: string | null;
  readonly out: string;
  readonly name: string;
  readonly seed: number;
  readonly parent: string | null;
  readonly json: boolean;
}

/** Blocks between two sources: more than any window's embargo. */
const GAP_BLOCKS = 1_000;
const UNITS = { trees: "rounds", net: "epochs", proof: "evaluators compared" } as const satisfies Record<
  Parameters<TrainingProgress>[0],
  string
>;

function tooLittle(failure: TrainingFailure): UserError {
  const what =
    failure.code === "too-few-rows"
      ? `${failure.rows} rows of known profit to ${failure.window}, ${failure.needed} are needed`
      : `${failure.landed} of ${failure.rows} candidates landed in the part to ${failure.window}; 50 of either outcome are needed`;
  return new UserError(
    `too few labels to train on: ${what}`,
    "collect more (`hyperspeed labels … | wc -l` counts them), or add sources with --from",
  );
}

const short = (value: number): string => (Number.isFinite(value) ? String(Number(value.toPrecision(4))) : "–");
const coins = (wei: number): string => short(wei / 1e18);

/** The main lines of a model's card. */
export function manifestText({ name, version, parent, engine, data, metrics, parity }: Manifest): string {
  const { lift } = metrics;
  const lines: readonly (readonly [string, string])[] = [
    ["model", `${name} ${version}${parent === null ? "" : `, to improve on ${parent}`}`],
    [
      "trees by",
      engine.trees === "libxgboost" ? `XGBoost ${engine.version}` : `the built-in trainer, version ${engine.version} (not XGBoost)`,
    ],
    ["trained on", `${data.rows} candidates of blocks ${data.firstBlock} to ${data.lastBlock}, ${data.landed} landed; ${data.origin}`],
    ["judged on", `the last ${metrics.rows} of them, which it has not seen`],
    ["AUC", `${short(metrics.auc)} (of promised net profit ${short(metrics.aucPromisedProfit)})`],
    ["log-loss", `${short(metrics.logLoss)} (always the same share: ${short(metrics.logLossConstant)})`],
    ["calibration", `off by ${short(metrics.ece)} on average`],
    [
      "brings",
      `${coins(lift.ours)} coins over ${lift.blocks} blocks, by net profit ${coins(lift.baseline)} (${short(lift.lift * 100)} %; a block ${coins(lift.perBlock.mean)}, 95 %: ${coins(lift.perBlock.low)} to ${coins(lift.perBlock.high)})`,
    ],
    [
      "proven on",
      `${parity.rows + parity.adversarialRows} rows: evaluators differ by ${short(Math.max(parity.trainerToOnnx, parity.trainerToKernel, parity.onnxToKernel))} at most`,
    ],
  ];
  return lines.map(([what, value]) => `${what.padEnd(12)} ${value}\n`).join("");
}

/** Trains a model on labels and writes its folder. Prints where it is, and what a person should know of it. */
export async function train(options: TrainOptions): Promise<void> {
  const { from, natsUrl, name, seed, parent, json } = options;
  const root = resolve(options.out);
  const view = new LiveView({ quiet: json });
  const sources = await readSources(from, natsUrl, (source, read) => {
    if (read % 100 === 0) view.step("labels", `${read} of ${source}`);
  });
  const datasets = sources.map(({ blocks }) => datasetOf(blocks));
  const dataset = datasets.length === 1 ? (datasets[0] as (typeof datasets)[number]) : joined(datasets, GAP_BLOCKS);
  view.step(
    "labels",
    `${sources.reduce((sum, { blocks }) => sum + blocks.length, 0)} blocks, ${dataset.blocks.length} candidates with known outcome`,
  );
  const onProgress: TrainingProgress = (part, done, of) => view.progress(part, UNITS[part], done, of);
  const trained = await trainEnsemble(dataset, { ...DEFAULT_OPTIONS, xgboost: findXgboost(), seed }, onProgress);
  if (!trained.ok) throw tooLittle(trained.error);
  const origin = `Labels of ${sources.map((source) => source.name).join(", ")}`;
  const published = await publishModel(trained.value, dataset, { root, name, parent, origin }, onProgress);
  if (!published.ok) throw new Error(`the model's evaluators differ, so it was not written: ${JSON.stringify(published.error.parity)}`);
  const { folder, manifest, microsPerRow } = published.value;
  view.stop();
  if (json) process.stdout.write(`${JSON.stringify({ folder, microsPerRow, manifest })}\n`);
  else
    process.stdout.write(
      `${manifestText(manifest)}${"kernel".padEnd(12)} ${microsPerRow.toFixed(2)} µs a row here\n${"folder".padEnd(12)} ${folder}\n`,
    );
}
