import { join } from "node:path";
import { publishModel } from "#libs/ml/model-folder.ts";
import { calibrationOf, compare, LESSONS, learn, liftOf, UNSEEN } from "./ranking.ts";
import { RULES, type Rules } from "./rules.ts";

/**
 * Learns from runs of the made market and says what that is worth on seeds it has not seen: node deploy/simulation/train.ts [rules, else private] [folder for the model]
 *
 * With a folder the model is proven and written there (libs/ml/model-folder.ts).
 */

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const coins = (wei: bigint): string => (Number(wei) / 1e18).toFixed(4);

async function main([name = "private", root]: readonly string[]): Promise<void> {
  if (!(name in RULES)) throw new TypeError(`no rules ${name}: choose from ${Object.keys(RULES).join(", ")}`);
  const rules: Rules = RULES[name as keyof typeof RULES];
  const { model, dataset } = await learn(rules, LESSONS);
  const { rows, auc, ece } = model.metrics;
  console.log(
    `${name}: ${dataset.blocks.length} rows to learn from; test window of ${rows}: AUC ${auc.toFixed(3)}, calibration error ${ece.toFixed(3)}`,
  );
  const comparisons = UNSEEN.seeds.map((seed) => {
    const each = compare(model.ensemble, { seed, rules, blocks: UNSEEN.blocks });
    const { byNetProfit, byModel, lift } = each;
    console.log(
      `seed ${seed}: by net profit ${coins(byNetProfit.settledWei)} (${byNetProfit.landed} of ${byNetProfit.executions} landed, ` +
        `rivals took ${percent(byNetProfit.gapsTaken / byNetProfit.gaps)} of the best gaps), ` +
        `by the model ${coins(byModel.settledWei)} (${byModel.landed} of ${byModel.executions}), lift ${percent(lift)}`,
    );
    return each;
  });
  console.log(`${name}: lift ${percent(liftOf(comparisons))}`);
  for (const which of ["executed", "labelled"] as const) {
    const {
      rows: count,
      predicted,
      landed,
      ece: error,
    } = calibrationOf(
      comparisons.map(({ byModel }) => byModel),
      which,
    );
    console.log(
      `${which}: ${count} candidates, ${percent(predicted)} predicted, ${percent(landed)} landed, calibration error ${error.toFixed(4)}`,
    );
  }
  if (root === undefined) return;
  const { byNetProfit, byModel, blocks } = LESSONS;
  const origin =
    `Runs of the made market with rivals (deploy/simulation, rules "${name}"), no real chain: ${byNetProfit.runs} of ${blocks} blocks ranked by net profit, ` +
    `${byModel.runs} by a model of those; labels by the trainer's core`;
  const published = await publishModel(model, dataset, { root, name: "first", parent: null, origin });
  console.log(published.ok ? join(published.value.folder) : JSON.stringify(published.error));
}

if (import.meta.main) {
  await main(process.argv.slice(2));
  // The training's runtime keeps threads.
  process.exit();
}
