import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { gunzipSync, gzipSync } from "node:zlib";
import type { LabelledBlock } from "#libs/ml/dataset.ts";
import { MEMORY_BLOCKS } from "#libs/ml/features.ts";
import { publishModel } from "#libs/ml/model-folder.ts";
import type { TrainedModel } from "#libs/ml/train.ts";
import { findXgboost } from "#libs/ml/xgboost.ts";
import { type KeptRuns, LESSONS, lessonsOf, trainedOn } from "./ranking.ts";

/**
 * Learns from runs of the made market; with a folder the model is proven and written there (libs/ml/model-folder.ts):
 *
 *     node deploy/simulation/train.ts [--models <folder>] [--runs <folder>] [--xgboost]
 *
 * `--runs` keeps what has been run, so that what was interrupted goes on. `--xgboost`: XGBoost's own library instead of the built-in trees, where it is
 * installed.
 */

const LIMITS = `No real chain was seen: how it ranks on one, only that chain's labels show. In the market that it learnt from

- **recorded** are: how many blocks pass from a swap that opens a gap to the arbitrage that takes it, by contract on Arbitrum (2023) and by whoever
  was first on Ethereum (2021); which share of the gain is paid; from which gain on a contract comes, its hops, families, and its share of the tokens;
  how large swaps are for their pool; how far prices wander in a day. Origins and licences: deploy/simulation/README.md;
- **invented** are: the pools and their depth, how many swaps a block has, storms and hot tokens, the five rivals of "private" and "few" altogether,
  who of several comes first (by tip), how many gaps nobody wants (records hold only what was taken), pools that do not pay what they show, the base
  fee, and that bundles which do not pay cost nothing;
- **left out** are: reorganisations, late DEXes, relays that refuse, liquidity that comes and goes, mempools, transfer taxes and every family but
  pairs and pools with ranges.

In the first ${MEMORY_BLOCKS} blocks on a chain it does not know how many rivals there are (feature \`rivals\` is missing), and judges by what was
taken from the candidate's own pools.

Gaps above a coin were rare, and trees answer no more than they were taught: it promises less of them than they pay, so that where such gaps decide,
ranking by it is worth little.

The test window has all rules in it. What it earned there is mostly what "alone" brings, where either order gets nearly everything: what ranking is
worth where there are rivals stands in docs/benchmarks.md, by rules.`;

function runsIn(folder: string): KeptRuns {
  mkdirSync(folder, { recursive: true });
  const fileOf = (name: string) => join(folder, `${name}.json.gz`);
  return {
    read: (name) =>
      existsSync(fileOf(name)) ? (JSON.parse(gunzipSync(readFileSync(fileOf(name))).toString("utf8")) as LabelledBlock[]) : null,
    write: (name, labelled) => {
      writeFileSync(`${fileOf(name)}.part`, gzipSync(JSON.stringify(labelled), { level: 1 }));
      renameSync(`${fileOf(name)}.part`, fileOf(name));
      console.error(name);
    },
  };
}

function originOf(): string {
  const { rules, byNetProfit, byModel, blocks } = LESSONS;
  const times = new Map<string, number>();
  for (const { name } of rules) times.set(name, (times.get(name) ?? 0) + 1);
  const shares = [...times].map(([name, count]) => `${(count * (byNetProfit.runs + byModel.runs)) / rules.length} of "${name}"`).join(", ");
  return (
    `Runs of the made market (deploy/simulation), no real chain; rivals with invented habits and with recorded ones, few and none: ${shares}; ` +
    `${byNetProfit.runs} runs of ${blocks} blocks ranked by net profit, ${byModel.runs} by a model of those; labels by the trainer's core`
  );
}

function told({ engine, metrics: { rows, auc, logLoss, ece, lift } }: TrainedModel): string {
  const errors = `AUC ${auc.toFixed(4)}, log-loss ${logLoss.toFixed(4)}, calibration error ${ece.toFixed(4)}`;
  return `${engine.trees} ${engine.version}: test window of ${rows} rows: ${errors}, lift ${(100 * lift.lift).toFixed(1)} %`;
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { models: { type: "string" }, runs: { type: "string" }, xgboost: { type: "boolean" } } });
  const xgboost = values.xgboost === true ? findXgboost() : null;
  if (values.xgboost === true && xgboost === null) throw new TypeError("XGBoost's library is not installed");
  const dataset = await lessonsOf(LESSONS, values.runs === undefined ? undefined : runsIn(values.runs));
  const model = await trainedOn(dataset, LESSONS.seed, xgboost);
  console.log(`${dataset.blocks.length} rows to learn from; ${told(model)}`);
  if (values.models === undefined) return;
  const published = await publishModel(model, dataset, {
    root: values.models,
    name: "first",
    parent: null,
    origin: originOf(),
    limits: LIMITS,
  });
  console.log(published.ok ? published.value.folder : JSON.stringify(published.error));
}

if (import.meta.main) {
  await main();
  // The training's runtime keeps threads.
  process.exit();
}
