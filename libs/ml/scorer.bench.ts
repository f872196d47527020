import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HEADS, largestDistance, TOLERANCE } from "#libs/ml/ensemble.ts";
import { type CandidateInBlock, extract, FEATURE_COUNT, type FeatureContext } from "#libs/ml/features.ts";
import { openModel, publishModel } from "#libs/ml/model-folder.ts";
import { scoreInBatches } from "#libs/ml/parity.ts";
import { openScorePool } from "#libs/ml/score-pool.ts";
import { type SyntheticMarket, syntheticMarket, trained } from "#libs/ml/testing.ts";
import { DEFAULT_OPTIONS, type TrainedModel } from "#libs/ml/train.ts";
import { findXgboost, type Xgboost } from "#libs/ml/xgboost.ts";
import { type Bench, held, type Measurement, time, timeWaiting } from "#libs/testkit/bench.ts";
import { invariant } from "#libs/units/invariant.ts";
import type { Hop } from "#proto/cycle/v1/found.ts";

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

const address = (kind: string, index: number) => `0x${kind}${index.toString(16).padStart(39, "0")}` as Hop["pool"];

/** Candidates of a block, of three hops each, and what an actor would have seen of their pools. */
function blockOf(candidates: number): { readonly all: readonly CandidateInBlock[]; readonly context: FeatureContext } {
  const hop = (index: number, place: number): Hop => ({
    dex: "some",
    family: place === 0 ? "uniswap-v2" : "uniswap-v3",
    pool: address("b", index * 3 + place),
    call: { form: "v2", zeroForOne: true },
    tokenIn: address("a", place),
    tokenOut: address("a", (place + 1) % 3),
    amountIn: String(10n ** 18n + BigInt(index)),
    amountOut: String(10n ** 18n + BigInt(index * 7)),
  });
  const all = Array.from({ length: candidates }, (_, index) => ({
    candidate: {
      cycleId: index.toString(16).padStart(16, "0"),
      token: address("a", 0),
      amountIn: String(10n ** 18n + BigInt(index)),
      amountOut: String(1_004n * 10n ** 15n),
      grossProfit: String(4n * 10n ** 15n),
      gasEstimate: 300_000,
      hops: [0, 1, 2].map((place) => hop(index, place)),
    },
    rank: index,
    cyclesFound: 3_717,
  }));
  const pools = new Map(
    all
      .flatMap(({ candidate: { hops } }) => hops)
      .map(({ pool }, index) => [pool as string, { tvl: index + 1, changedAtBlock: 990, taken: index, simulations: { right: 1, all: 1 } }]),
  );
  const context: FeatureContext = {
    gasPrice: 5n * 10n ** 9n,
    loanFeePips: 0n,
    blockNumber: 1_000,
    elapsedMs: 40,
    block: { baseFeePerGas: 4n * 10n ** 9n, gasUsed: 18_000_000, gasLimit: 30_000_000 },
    baseFeeBefore: 2n * 10n ** 9n,
    rivalsPerBlock: 1.5,
    pool: (pool) => pools.get(pool) ?? null,
    volatility: () => 0.002,
    tokenConfidence: () => 0.9,
    cycle: () => ({ found: 8, vanished: 6 }),
  };
  return { all, context };
}

export const bench: Bench = {
  title: "scorer",
  about:
    `An ensemble of ${Object.values(DEFAULT_OPTIONS.rounds).join(" + ")} trees of depth ${DEFAULT_OPTIONS.trees.depth} and a net ` +
    `${FEATURE_COUNT} → ${DEFAULT_OPTIONS.net.hidden.join(" → ")} → ${HEADS.length}: probability of landing, profit and spread are one prediction. ` +
    "Rows of an invented market, all different: repeating a few would flatter what learns its branches.",
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
      const { all, context } = blockOf(16);
      const block = new Float32Array(all.length * FEATURE_COUNT);
      const wide = await openModel(folder, { capacity: 4_096 });
      invariant(wide.ok, "a model that opens");
      results.push(
        time(`${all.length} candidates of 3 hops: features, kernel`, { warmUp: scale(20_000), rounds: scale(20_000) }, () => {
          for (const [place, candidate] of all.entries()) extract(candidate, context, block, place * FEATURE_COUNT);
          return wide.value.kernel.score(block, all.length);
        }),
      );
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
