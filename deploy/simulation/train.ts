import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { gunzipSync, gzipSync } from "node:zlib";
import { datasetOf, type LabelledBlock } from "#libs/ml/dataset.ts";
import { MEMORY_BLOCKS } from "#libs/ml/features.ts";
import { publishModel } from "#libs/ml/model-folder.ts";
import type { Dataset, TrainedModel } from "#libs/ml/train.ts";
import { findXgboost } from "#libs/ml/xgboost.ts";
import { LOCAL_LESSONS, type LocalRun, readRuns } from "./local.ts";
import { interleaved, type KeptRuns, LESSONS, lessonsOf, trainedOn } from "./ranking.ts";

/**
 * Learns from runs of the made market and of the local chain; with a folder the model is proven and written there (libs/ml/model-folder.ts):
 *
 *     node deploy/simulation/train.ts --local <folder> [--models <folder>] [--runs <folder>] [--parent <version>] [--xgboost]
 *
 * `--local`: the local chain's labels (local.ts makes them); without it the made market is all that is learnt from. `--runs` keeps what has been run of that
 * one, so that what was interrupted goes on. `--parent`: the version that it is to improve on, for the card. `--xgboost`: XGBoost's own library instead of the
 * built-in trees, where it is installed.
 */

const LOCAL_LIMITS = `The local chain (libs/localnet) is a real EVM with the protocols' own contracts, and the whole system runs on it: bundles come late,
simulations fail, blocks are built while the machine is busy. Its pools are recorded ones of Ethereum, some at other fees; its traders and
rivals are invented, the rivals as in the made market. Its rows are few beside the made market's, from seven seeds and at one gas price.

`;
const LIMITS = `No public chain was seen: how it ranks on one, only that chain's labels show. In the made market

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

function originOf(local: readonly Dataset[] | null): string {
  const { rules, byNetProfit, byModel, blocks } = LESSONS;
  const times = new Map<string, number>();
  for (const { name } of rules) times.set(name, (times.get(name) ?? 0) + 1);
  const shares = [...times].map(([name, count]) => `${(count * (byNetProfit.runs + byModel.runs)) / rules.length} of "${name}"`).join(", ");
  const ofMade =
    `Runs of the made market (deploy/simulation), no public chain; rivals with invented habits and with recorded ones, few and none: ${shares}; ` +
    `${byNetProfit.runs} runs of ${blocks} blocks ranked by net profit, ${byModel.runs} by a model of those; labels by the trainer's core`;
  return local === null ? ofMade : `${ofMade}; and ${ofLocal(local)}`;
}

/** The runs of the local chain, counted by what they are. */
function ofLocal(local: readonly Dataset[]): string {
  const count = (is: (run: LocalRun) => boolean) => LOCAL_LESSONS.filter(is).length;
  const rivals = [...new Set(LOCAL_LESSONS.map((run) => run.rivals))]
    .map((name) => `${count((run) => run.rivals === name)} with ${name === null ? "no rivals" : `"${name}"`}`)
    .join(", ");
  const rows = local.reduce((sum, { blocks }) => sum + blocks.length, 0);
  return (
    `${rows} rows of ${local.length} runs of the whole system on the local chain (deploy/simulation/local.ts): ${rivals}; ` +
    `${count(({ ranking }) => ranking === "proven")} ranked by net profit, ${count(({ ranking }) => ranking === "model")} by the model before; ` +
    "each stands whole between two runs of the made market, with block numbers between theirs"
  );
}

function told({ engine, metrics: { rows, auc, logLoss, ece, lift } }: TrainedModel): string {
  const errors = `AUC ${auc.toFixed(4)}, log-loss ${logLoss.toFixed(4)}, calibration error ${ece.toFixed(4)}`;
  return `${engine.trees} ${engine.version}: test window of ${rows} rows: ${errors}, lift ${(100 * lift.lift).toFixed(1)} %`;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      models: { type: "string" },
      runs: { type: "string" },
      local: { type: "string" },
      parent: { type: "string" },
      xgboost: { type: "boolean" },
    },
  });
  const xgboost = values.xgboost === true ? findXgboost() : null;
  if (values.xgboost === true && xgboost === null) throw new TypeError("XGBoost's library is not installed");
  const made = await lessonsOf(LESSONS, values.runs === undefined ? undefined : runsIn(values.runs));
  const local = values.local === undefined ? null : (await readRuns(values.local, LOCAL_LESSONS)).map(datasetOf);
  const dataset = local === null ? made : interleaved(made, local);
  const model = await trainedOn(dataset, LESSONS.seed, xgboost);
  console.log(`${dataset.blocks.length} rows to learn from; ${told(model)}`);
  if (values.models === undefined) return;
  const published = await publishModel(model, dataset, {
    root: values.models,
    name: "first",
    parent: values.parent ?? null,
    origin: originOf(local),
    limits: local === null ? LIMITS : LOCAL_LIMITS + LIMITS,
  });
  console.log(published.ok ? published.value.folder : JSON.stringify(published.error));
}

if (import.meta.main) {
  await main();
  // The training's runtime keeps threads.
  process.exit();
}
