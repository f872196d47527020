import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HEADS, largestDistance, TOLERANCE } from "#libs/ml/ensemble.ts";
import { FEATURE_COUNT } from "#libs/ml/features.ts";
import { openModel, publishModel } from "#libs/ml/model-folder.ts";
import { scoreInBatches } from "#libs/ml/parity.ts";
import { openScorePool } from "#libs/ml/score-pool.ts";
import { type SyntheticMarket, syntheticMarket, trained } from "#libs/ml/testing.ts";
import { DEFAULT_OPTIONS, type TrainedModel } from "#libs/ml/train.ts";
import { findXgboost, type Xgboost } from "#libs/ml/xgboost.ts";
import { type Bench, held, type Measurement, time, timeWaiting } from "#libs/testkit/bench.ts";
import { invariant } from "#libs/units/invariant.ts";

const ROWS = 102_400;
const CORES = 2;

async function training(
  name: string,
  market: SyntheticMarket,
  xgboost: Xgboost | null,
): Promise<{ measured: Measurement; model: TrainedModel }> {
  let model: TrainedModel | undefined;
  const facts = () => ({
    AUC: Number(model?.metrics.auc.toFixed(4)),
    "log-loss": Number(model?.metrics.logLoss.toFixed(4)),
    "calibration error": Number(model?.metrics.ece.toFixed(4)),
  });
  const perRound = { count: market.blocks.length, unit: "rows" };
  const measured = await timeWaiting(name, { rounds: 1, perRound, facts }, async () => {
    model = await trained(market, { xgboost });
  });
  invariant(model !== undefined, "a model was trained");
  return { measured: held(measured, { msMost: 15_000 }), model };
}

export const bench: Bench = {
  title: "scorer",
  about:
    `An ensemble of ${Object.values(DEFAULT_OPTIONS.rounds).join(" + ")} trees of depth ${DEFAULT_OPTIONS.trees.depth} and a net ${FEATURE_COUNT} → ${DEFAULT_OPTIONS.net.hidden.join(" → ")} → ${HEADS.length}: ` +
    "probability of landing, profit and spread are one prediction. Rows of an invented market, all different: repeating a few would flatter what learns its branches.",
  async run({ quick }) {
    const market = syntheticMarket(quick ? 8_000 : ROWS, 1);
    const count = market.blocks.length;
    const scale = (rounds: number) => (quick ? 2 : rounds);
    const results: Measurement[] = [];
    const builtIn = await training("training, built-in trees", market, null);
    results.push(builtIn.measured);
    const xgboost = findXgboost();
    if (xgboost !== null) results.push((await training(`training, XGBoost ${xgboost.version}, one thread`, market, xgboost)).measured);

    const root = mkdtempSync(join(tmpdir(), "hyperspeed-bench-models-"));
    try {
      const published = await publishModel(builtIn.model, market, {
        root,
        name: "bench",
        parent: null,
        origin: "An invented market, seed 1",
      });
      invariant(published.ok, "a model whose evaluators agree");
      const { folder, manifest } = published.value;
      const opened = await openModel(folder, { capacity: 1 });
      invariant(opened.ok, "a model that opens");
      const { kernel, reference } = opened.value;
      const one = time(
        "kernel, one row",
        {
          warmUp: scale(100_000),
          rounds: quick ? 100 : ROWS,
          prepare: (round) => market.rows.subarray((round % count) * FEATURE_COUNT, ((round % count) + 1) * FEATURE_COUNT),
          facts: () => ({ "code bytes": kernel.bytes.code, "model bytes": kernel.bytes.model }),
        },
        (row) => kernel.score(row, 1),
      );
      results.push(held(one, { msMostP99: 0.005 }));
      results.push(
        await timeWaiting("opening the model, proven by its golden rows", { rounds: scale(10) }, async () => {
          const again = await openModel(folder, { capacity: 1 });
          if (again.ok) await again.value.reference.close();
        }),
      );

      const pool = openScorePool(folder, { threads: CORES });
      try {
        const perRound = { count, unit: "rows" };
        const expected = await reference.score(market.rows);
        for (const [evaluator, perSecondLeast, rounds] of [
          ["kernel", 1_200_000, 60],
          ["onnxruntime", 350_000, 20],
        ] as const) {
          // Warms up, and is what is timed: the same scores.
          for (let warm = 0; warm < 2; warm++)
            invariant(largestDistance(await pool.score(evaluator, market.rows), expected) <= TOLERANCE, "the scores of the reference");
          const facts = () => ({ "distance of kernel and onnxruntime": manifest.parity.onnxToKernel.toExponential(1) });
          const measured = await timeWaiting(`${evaluator}, ${CORES} threads, all rows`, { rounds: scale(rounds), perRound, facts }, () =>
            pool.score(evaluator, market.rows),
          );
          results.push(held(measured, { perSecondLeast }));
        }
      } finally {
        await pool.close();
      }
      const wide = await openModel(folder, { capacity: 4_096 });
      invariant(wide.ok, "a model that opens");
      results.push(
        time("kernel, this thread, all rows", { warmUp: 2, rounds: scale(30), perRound: { count, unit: "rows" } }, () =>
          scoreInBatches(wide.value.kernel, market.rows, FEATURE_COUNT),
        ),
      );
      await wide.value.reference.close();
      await reference.close();
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
    return results;
  },
};
