import { parseArgs } from "node:util";
import type { Ensemble } from "#libs/ml/ensemble.ts";
import { ownModel } from "#libs/ml/installed.ts";
import { describeFailure, openModel } from "#libs/ml/model-folder.ts";
import { calibrationOf, compare, liftOf, UNSEEN } from "./ranking.ts";
import { RULES, type Rules } from "./rules.ts";

/**
 * What ranking by a model is worth on seeds that nothing was trained on, beside ranking by net profit:
 *
 *     node deploy/simulation/measure.ts [--model <folder>] [--seeds 9001,9002] [--blocks 1200] <rules>…
 *
 * Without a folder: the model that is shipped.
 */

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const coins = (wei: bigint): string => (Number(wei) / 1e18).toFixed(4);

function measure(
  ensemble: Ensemble,
  rules: Rules,
  { seeds, blocks }: { readonly seeds: readonly number[]; readonly blocks: number },
): void {
  const comparisons = seeds.map((seed) => {
    const each = compare(ensemble, { seed, rules, blocks });
    const { byNetProfit, byModel, lift } = each;
    console.log(
      `${rules.name} ${seed}: by net profit ${coins(byNetProfit.settledWei)} (${byNetProfit.landed} of ${byNetProfit.executions} landed, ` +
        `rivals took ${percent(byNetProfit.gapsTaken / byNetProfit.gaps)} of the best gaps), ` +
        `by the model ${coins(byModel.settledWei)} (${byModel.landed} of ${byModel.executions}), lift ${percent(lift)}`,
    );
    return each;
  });
  const sum = (arm: "byNetProfit" | "byModel") => coins(comparisons.reduce((total, each) => total + each[arm].settledWei, 0n));
  console.log(`${rules.name}: by net profit ${sum("byNetProfit")}, by the model ${sum("byModel")}, lift ${percent(liftOf(comparisons))}`);
  for (const which of ["executed", "labelled"] as const) {
    const found = calibrationOf(
      comparisons.map(({ byModel }) => byModel),
      which,
    );
    const shares = `${percent(found.predicted)} predicted, ${percent(found.landed)} landed`;
    console.log(`${rules.name}, ${which}: ${found.rows} candidates, ${shares}, calibration error ${found.ece.toFixed(4)}`);
  }
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { model: { type: "string" }, seeds: { type: "string" }, blocks: { type: "string" } },
  });
  const unknown = positionals.filter((name) => !(name in RULES));
  if (positionals.length === 0 || unknown.length > 0)
    throw new TypeError(`${unknown.join(", ")}: choose from ${Object.keys(RULES).join(", ")}`);
  const opened = await openModel(values.model ?? ownModel().folder, { capacity: 1 });
  if (!opened.ok) throw new Error(describeFailure(opened.error));
  const seeds = values.seeds?.split(",").map(Number) ?? UNSEEN.seeds;
  const blocks = Number(values.blocks ?? UNSEEN.blocks);
  for (const name of positionals) measure(opened.value.ensemble, RULES[name as keyof typeof RULES], { seeds, blocks });
  await opened.value.reference.close();
}

if (import.meta.main) await main();
