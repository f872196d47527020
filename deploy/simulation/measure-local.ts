import { parseArgs } from "node:util";
import { Pairs } from "#libs/ml/comparison.ts";
import { type LabelledBlock, lessonOf } from "#libs/ml/dataset.ts";
import { modelScoreAt } from "#libs/ml/ensemble.ts";
import { FEATURE_COUNT } from "#libs/ml/features.ts";
import { ownModel } from "#libs/ml/installed.ts";
import type { Kernel } from "#libs/ml/kernel.ts";
import { auc, ece, type Interval, logLoss, mean } from "#libs/ml/metrics.ts";
import { describeFailure, openKernel } from "#libs/ml/model-folder.ts";
import { labelsOfFile } from "#services/cli/label-source.ts";
import { fileOf, LOCAL_UNSEEN } from "./local.ts";

/**
 * What models say of runs of the local chain that they have not learnt from, beside what became of the candidates, and what their order would have brought by
 * these labels, beside the order of net profit:
 *
 *     node deploy/simulation/measure-local.ts --runs <folder> [--model <folder>]… [<file of labels>…]
 *
 * Without files: the unseen runs of local.ts. Without a model: the one that is shipped.
 */

const CAPACITY = 4_096;

export interface Said {
  readonly rows: number;
  /** Shares. */
  readonly landed: number;
  readonly predicted: number;
  readonly auc: number;
  readonly logLoss: number;
  readonly ece: number;
}

export interface Measured {
  /** Candidates whose outcome is known. */
  readonly all: Said;
  /** Those of them that were sent. */
  readonly sent: Said;
  /** Of the blocks in which it is known what became of either order's first: wei, and the difference a block with its 95 % interval. */
  readonly blocks: number;
  readonly byNetProfit: number;
  readonly byModel: number;
  readonly apart: Interval | null;
}

function saidOf(pairs: readonly { readonly landing: number; readonly landed: number }[]): Said {
  const [landings, landed] = [pairs.map(({ landing }) => landing), pairs.map((each) => each.landed)];
  return {
    rows: pairs.length,
    landed: mean(landed),
    predicted: mean(landings),
    auc: auc(landings, landed),
    logLoss: logLoss(landings, landed),
    ece: ece(landings, landed),
  };
}

export function measured(kernel: Kernel, labelled: readonly LabelledBlock[]): Measured {
  const pairs = new Pairs();
  const known: { readonly landing: number; readonly landed: number; readonly isSent: boolean }[] = [];
  for (const { blockNumber, labels } of labelled) {
    const own = labels.filter(({ evaluation }) => evaluation.features?.length === FEATURE_COUNT);
    if (own.length === 0) continue;
    const rows = Float32Array.from(own.flatMap(({ evaluation }) => (evaluation.features ?? []).map((value) => value ?? Number.NaN)));
    const scores = kernel.score(rows, own.length);
    const judged = own.map((label, place) => ({
      label,
      champion: pairs.byNetProfit(label),
      challenger: modelScoreAt(scores, place, { failureCostWei: 0 }),
    }));
    pairs.add(blockNumber, judged, "nothing");
    for (const { label, challenger } of judged) {
      const lesson = lessonOf(label);
      if (lesson === null) continue;
      known.push({
        landing: challenger.landing,
        landed: lesson.landed ? 1 : 0,
        isSent: label.executions.some(({ mode }) => mode === "live"),
      });
    }
  }
  const { champion, challenger } = pairs.brought;
  return {
    all: saidOf(known),
    sent: saidOf(known.filter(({ isSent }) => isSent)),
    blocks: pairs.profitBlocks,
    byNetProfit: champion,
    byModel: challenger,
    apart: pairs.compare("net profit", "model", 1)?.profit ?? null,
  };
}

const coins = (wei: number): string => (wei / 1e18).toFixed(4);
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

function inWords({ all, sent, blocks, byNetProfit, byModel, apart }: Measured): string {
  const said = ({ rows, landed, predicted, auc, logLoss, ece }: Said) =>
    `${rows} candidates, ${percent(predicted)} predicted, ${percent(landed)} landed, AUC ${auc.toFixed(4)}, log-loss ${logLoss.toFixed(4)}, ` +
    `calibration error ${ece.toFixed(4)}`;
  const interval = apart === null ? "" : `; a block ${coins(apart.mean)} (95 %: ${coins(apart.low)} to ${coins(apart.high)})`;
  return `  all: ${said(all)}
  sent: ${said(sent)}
  by labels, ${blocks} blocks: by net profit ${coins(byNetProfit)}, by the model ${coins(byModel)}, lift ${percent(byModel / byNetProfit - 1)}${interval}`;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { runs: { type: "string" }, model: { type: "string", multiple: true } },
  });
  const { runs } = values;
  if (positionals.length === 0 && runs === undefined)
    throw new TypeError("name the folder that keeps the runs (--runs), or files of labels");
  const files = positionals.length > 0 ? positionals : LOCAL_UNSEEN.map((run) => fileOf(runs as string, run));
  const sources: { readonly name: string; readonly blocks: readonly LabelledBlock[] }[] = [];
  for (const name of files) sources.push({ name, blocks: await labelsOfFile(name) });
  for (const folder of values.model ?? [ownModel().folder]) {
    const opened = await openKernel(folder, { capacity: CAPACITY });
    if (!opened.ok) throw new Error(describeFailure(opened.error));
    const { kernel, manifest } = opened.value;
    for (const { name, blocks } of sources) console.log(`${manifest.version} on ${name}\n${inWords(measured(kernel, blocks))}`);
    if (sources.length > 1)
      console.log(
        `${manifest.version} on all\n${inWords(
          measured(
            kernel,
            sources.flatMap((source) => source.blocks),
          ),
        )}`,
      );
  }
}

if (import.meta.main) await main();
