import type { Received } from "#libs/actor/actor.ts";
import { isCycle } from "#libs/history/blocks.ts";
import { datasetOf, type LabelledBlock, lessonOf } from "#libs/ml/dataset.ts";
import type { Ensemble } from "#libs/ml/ensemble.ts";
import { buildKernel } from "#libs/ml/kernel.ts";
import { ece } from "#libs/ml/metrics.ts";
import { type Dataset, DEFAULT_OPTIONS, type TrainedModel, trainEnsemble } from "#libs/ml/train.ts";
import type { Xgboost } from "#libs/ml/xgboost.ts";
import { invariant } from "#libs/units/invariant.ts";
import type { SubjectKey } from "#proto/subjects.ts";
import { RULES, type Rules } from "./rules.ts";
import { Simulation } from "./simulation.ts";

/** Runs of the simulation: some to learn from, and pairs that differ in nothing but the ranking. */

/** Most candidates that the solver names in a block, and a plan of several. */
const CAPACITY = 64;

/** Blocks of one run are told apart from another's by this much, so that runs follow each other in time. */
const RUN = 1_000_000;

export interface Run {
  readonly seed: number;
  readonly blocks: number;
  readonly labelled: readonly LabelledBlock[];
  readonly settledWei: bigint;
  readonly executions: number;
  readonly landed: number;
  /** Settled or paid for nothing: trades with a loss. */
  readonly reverted: number;
  /** Of the best single cycles of a block, by net profit, whose next block is known: how many, and how many a rival took. */
  readonly gaps: number;
  readonly gapsTaken: number;
}

export interface RunOptions {
  readonly seed: number;
  readonly rules: Rules;
  /** Null ranks by net profit. */
  readonly model: Ensemble | null;
  /** Share of blocks in which any candidate comes first: what is never tried is never learnt. */
  readonly explored: number;
}

/** A run that goes on block by block. */
export function begin({ seed, rules, model, explored }: RunOptions): { readonly step: () => void; readonly result: () => Run } {
  const labelled: LabelledBlock[] = [];
  const plans = new Set<string>();
  const run = { blocks: 0, settledWei: 0n, executions: 0, landed: 0, reverted: 0, gaps: 0, gapsTaken: 0 };
  const onMessage = ({ body }: Received<SubjectKey>): void => {
    if (body.kind === "cycle-found") for (const candidate of body.candidates) if (!isCycle(candidate)) plans.add(candidate.cycleId);
    if (body.kind === "execution-planned") run.executions++;
    if (body.kind === "execution-landed") run[body.status === 1 ? "landed" : "reverted"]++;
    if (body.kind === "trade-settled") run.settledWei += BigInt(body.netProfit);
    if (body.kind !== "outcome-labelled") return;
    const best = body.labels
      .filter(({ cycleId, rejected }) => !plans.has(cycleId) && rejected === null)
      .sort((left, right) => Number(BigInt(right.netProfit) - BigInt(left.netProfit)))[0];
    if (best !== undefined) {
      run.gaps++;
      if (best.next.rival !== null) run.gapsTaken++;
    }
    // What did not pass was not up for choice.
    labelled.push({
      featureSchema: body.featureSchema,
      blockNumber: seed * RUN + body.blockNumber,
      labels: body.labels.filter(({ rejected }) => rejected === null),
    });
  };
  const simulation = new Simulation({
    seed,
    rules,
    model: model === null ? null : buildKernel(model, { capacity: CAPACITY }),
    explored,
    labels: true,
    onMessage,
  });
  return {
    step: () => {
      simulation.step();
      run.blocks++;
    },
    result: () => ({ seed, labelled, ...run }),
  };
}

export function runOf({ blocks, ...options }: RunOptions & { readonly blocks: number }): Run {
  const { step, result } = begin(options);
  for (let block = 0; block < blocks; block++) step();
  return result();
}

export interface Lessons {
  /** Runs follow these in turn, over and over: every window of a training then has all of them. */
  readonly rules: readonly Rules[];
  /** First seed and number of runs that rank by net profit, and of those that rank by a model that has learnt from these. */
  readonly byNetProfit: { readonly firstSeed: number; readonly runs: number };
  readonly byModel: { readonly firstSeed: number; readonly runs: number };
  readonly blocks: number;
  /** Share of blocks in which any candidate comes first. */
  readonly explored: number;
  /** Of the training. */
  readonly seed: number;
}

/** Of six runs two with many rivals of an invented kind, two with recorded habits, one with few rivals and one with none. */
export const LESSONS: Lessons = {
  rules: [RULES.private, RULES.recorded, RULES.few, RULES.private, RULES.auction, RULES.alone],
  byNetProfit: { firstSeed: 1_001, runs: 30 },
  byModel: { firstSeed: 2_001, runs: 30 },
  blocks: 700,
  explored: 0.1,
  seed: 1,
};
/** Nothing was trained, chosen or looked at on these. */
export const UNSEEN = { seeds: [9_001, 9_002, 9_003, 9_004, 9_005], blocks: 1_200 } as const;

/** Where runs are kept, so that a training that is interrupted need not begin again. A name stands for what one version of this code makes. */
export interface KeptRuns {
  read(name: string): readonly LabelledBlock[] | null;
  write(name: string, labelled: readonly LabelledBlock[]): void;
}

export const NOTHING_KEPT: KeptRuns = { read: () => null, write: () => {} };

/**
 * What a model is to learn from, in two rounds: what was executed in the first follows from net profit, and a model trained on that alone is too sure of
 * what it would choose instead; in the second it is chosen by that model.
 */
export async function lessonsOf(lessons: Lessons, kept: KeptRuns = NOTHING_KEPT): Promise<Dataset> {
  const { rules: all, blocks, explored } = lessons;
  const round = (name: string, of: { readonly firstSeed: number; readonly runs: number }, model: Ensemble | null): LabelledBlock[] =>
    Array.from({ length: of.runs }, (_, index) => index).flatMap((index) => {
      const rules = all[index % all.length] as Rules;
      const seed = of.firstSeed + index;
      const run = `${name}-${rules.name}-${seed}`;
      const known = kept.read(run);
      if (known !== null) return known;
      const labelled = taught(runOf({ seed, rules, blocks, model, explored }).labelled);
      kept.write(run, labelled);
      return labelled;
    });
  const first = round("by-net-profit", lessons.byNetProfit, null);
  const { ensemble } = await trainedOn(datasetOf(first), lessons.seed);
  return datasetOf([...first, ...round("by-model", lessons.byModel, ensemble)]);
}

/**
 * Lessons of the made market and of runs of the local chain, in the order in which a training cuts them into windows: after every so many runs of the made
 * market one of the local chain, whole. So each window has both, and no run is in two of them but one that a window's edge parts, with the embargo between, as
 * ever.
 */
export function interleaved(made: Dataset, local: readonly Dataset[]): Dataset {
  const runs = [...new Set(Array.from(made.blocks, (block) => Math.floor(block / RUN)))];
  invariant(local.length <= runs.length, "a run of the made market for each of the local chain");
  const placed = local.map((dataset, place) => {
    const after = runs[Math.floor(((place + 0.5) * runs.length) / local.length)] as number;
    const shift = (after + 0.5) * RUN - (dataset.blocks[0] ?? 0);
    return { ...dataset, blocks: dataset.blocks.map((block) => block + shift) };
  });
  const order = [made, ...placed]
    .flatMap((dataset) => Array.from(dataset.blocks, (block, row) => ({ dataset, row, block })))
    .sort((left, right) => left.block - right.block);
  const { featureCount } = made;
  const rows = new Float32Array(order.length * featureCount);
  for (const [place, { dataset, row }] of order.entries())
    rows.set(dataset.rows.subarray(row * featureCount, (row + 1) * featureCount), place * featureCount);
  const column = (name: "blocks" | "landed" | "profitWei" | "promisedWei") => order.map(({ dataset, row }) => dataset[name][row] as number);
  return {
    featureCount,
    rows,
    blocks: Float64Array.from(column("blocks")),
    landed: Uint8Array.from(column("landed")),
    profitWei: Float64Array.from(column("profitWei")),
    promisedWei: Float64Array.from(column("promisedWei")),
  };
}

/** Labels that say something. */
const taught = (labelled: readonly LabelledBlock[]): LabelledBlock[] =>
  labelled.map((block) => ({ ...block, labels: block.labels.filter((label) => lessonOf(label) !== null) }));

export async function trainedOn(dataset: Dataset, seed: number, xgboost: Xgboost | null = null): Promise<TrainedModel> {
  const trained = await trainEnsemble(dataset, { ...DEFAULT_OPTIONS, xgboost, seed });
  invariant(trained.ok, JSON.stringify(trained));
  return trained.value;
}

export interface Calibration {
  readonly rows: number;
  readonly predicted: number;
  readonly landed: number;
  /** Expected calibration error, ten bins. */
  readonly ece: number;
}

export interface Comparison {
  readonly seed: number;
  readonly byNetProfit: Run;
  readonly byModel: Run;
  /** byModel ÷ byNetProfit − 1. */
  readonly lift: number;
}

/** Calibration of what was executed, or of everything that has a verdict. */
export function calibrationOf(runs: readonly Run[], which: "executed" | "labelled"): Calibration {
  const labels = runs.flatMap(({ labelled }) => labelled.flatMap((block) => block.labels));
  const pairs = labels.flatMap((label) => {
    const lesson = lessonOf(label);
    const score = label.evaluation.champion;
    return lesson === null || score === null || (which === "executed" && label.executions.length === 0)
      ? []
      : [{ predicted: score.landing, landed: lesson.landed ? 1 : 0 }];
  });
  const mean = (of: (pair: (typeof pairs)[number]) => number) => pairs.reduce((sum, pair) => sum + of(pair), 0) / pairs.length;
  return {
    rows: pairs.length,
    predicted: mean(({ predicted }) => predicted),
    landed: mean(({ landed }) => landed),
    ece: ece(
      pairs.map(({ predicted }) => predicted),
      pairs.map(({ landed }) => landed),
    ),
  };
}

/** Of several comparisons: what the model earned, all together, above net profit. */
export function liftOf(comparisons: readonly Comparison[]): number {
  const total = (arm: "byModel" | "byNetProfit") => Number(comparisons.reduce((sum, each) => sum + each[arm].settledWei, 0n));
  return total("byModel") / total("byNetProfit") - 1;
}

/** Both orders on the same seed: the same market, people and dice. */
export function compare(ensemble: Ensemble, of: { readonly seed: number; readonly rules: Rules; readonly blocks: number }): Comparison {
  const byNetProfit = runOf({ ...of, model: null, explored: 0 });
  const byModel = runOf({ ...of, model: ensemble, explored: 0 });
  return { seed: of.seed, byNetProfit, byModel, lift: Number(byModel.settledWei) / Number(byNetProfit.settledWei) - 1 };
}
