import type { Ensemble } from "#libs/ml/ensemble.ts";
import { ownModel } from "#libs/ml/installed.ts";
import { openModel } from "#libs/ml/model-folder.ts";
import { type Bench, type Measurement, time } from "#libs/testkit/bench.ts";
import { invariant } from "#libs/units/invariant.ts";
import { begin, calibrationOf, type Run, runOf, UNSEEN } from "../../deploy/simulation/ranking.ts";
import { RULES } from "../../deploy/simulation/rules.ts";

const QUICK_BLOCKS = 12;
const RULE_SET = RULES.private;

const rounded = (value: number, places: number): number => Number(value.toFixed(places));
const coins = (runs: readonly Run[]): number => Number(runs.reduce((sum, { settledWei }) => sum + settledWei, 0n)) / 1e18;

/** What a run by the model earned, and how much more than the same by net profit. */
function earned(byModel: readonly Run[], byNetProfit: readonly Run[]): Record<string, number | string> {
  const [ours, others] = [coins(byModel), coins(byNetProfit)];
  return {
    "coins by net profit": rounded(others, 4),
    "by the model": rounded(ours, 4),
    lift: others > 0 ? `${(100 * (ours / others - 1)).toFixed(1)} %` : "none",
  };
}

async function shipped(): Promise<Ensemble> {
  const opened = await openModel(ownModel().folder, { capacity: 1 });
  invariant(opened.ok, "the shipped model opens");
  await opened.value.reference.close();
  return opened.value.ensemble;
}

export const bench: Bench = {
  title: "Ranking with rivals",
  about: `a block of the made market (deploy/simulation, rules "${RULE_SET.name}") through the cores of solver, scorer, executor, analyst and trainer, ranked by the \
model that is shipped, on seeds that it has not seen; beside it what the same seeds earn ranked by net profit`,
  async run({ quick }) {
    const blocks = quick ? QUICK_BLOCKS : UNSEEN.blocks;
    const seeds = quick ? UNSEEN.seeds.slice(0, 1) : UNSEEN.seeds;
    const ensemble = await shipped();
    const byNetProfit = seeds.map((seed) => runOf({ seed, rules: RULE_SET, blocks, model: null, explored: 0 }));
    const byModel: Run[] = [];
    const measured = seeds.map((seed, index): Measurement => {
      const { step, result } = begin({ seed, rules: RULE_SET, model: ensemble, explored: 0 });
      const facts = () => earned([byModel[index] as Run], [byNetProfit[index] as Run]);
      const timed = time(`a block, seed ${seed}`, { warmUp: 0, rounds: blocks, perRound: { count: 1, unit: "blocks" } }, step);
      byModel.push(result());
      return { ...timed, facts: facts() };
    });
    // So few blocks have no labels yet.
    if (quick) return measured;
    const last = measured.at(-1) as Measurement;
    const errors = (["executed", "labelled"] as const).map((which) => {
      const { rows, ece } = calibrationOf(byModel, which);
      return [`calibration error, ${rows} ${which}`, rounded(ece, 4)] as const;
    });
    return [
      ...measured.slice(0, -1),
      { ...last, facts: { ...last.facts, "all seeds": earned(byModel, byNetProfit).lift as string, ...Object.fromEntries(errors) } },
    ];
  },
};
