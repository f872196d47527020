import { type Booster, importance, margins, onGrid, writeBooster } from "#libs/ml/booster.ts";
import { platt, spreadFactor, straightLine } from "#libs/ml/calibrate.ts";
import {
  COVERAGE,
  type Ensemble,
  expectedValueWei,
  HEADS,
  type Head,
  type Mix,
  scoreByDefinition,
  sigmoid,
  toProfitScale,
} from "#libs/ml/ensemble.ts";
import { type BoosterOptions, bin, trainBooster } from "#libs/ml/histogram.ts";
import { auc, type CalibrationBin, calibrationBins, ece, type Lift, logLoss, mean, profitLift } from "#libs/ml/metrics.ts";
import { forward, standardise } from "#libs/ml/net.ts";
import { type NetOptions, trainNet } from "#libs/ml/net-trainer.ts";
import { type SplitOptions, splitByTime, type Window, type Windows } from "#libs/ml/split.ts";
import type { Xgboost } from "#libs/ml/xgboost.ts";
import { invariant } from "#libs/units/invariant.ts";
import { fail, ok, type Result } from "#libs/units/result.ts";

/**
 * Candidates with what became of them, in the order of their blocks. Only rows whose outcome is known; executed or not (what was not sent is judged by
 * simulation).
 */
export interface Dataset {
  readonly featureCount: number;
  /** `featureCount` float32 a row, NaN where missing. */
  readonly rows: Float32Array;
  readonly blocks: Float64Array;
  /** 1: landed, or would have. */
  readonly landed: Uint8Array;
  /** Net profit in wei of those that landed; NaN where it is not known. */
  readonly profitWei: Float64Array;
  /** Net profit in wei as it was promised: the order that the model is compared with. */
  readonly promisedWei: Float64Array;
}

type TreeOptions = Omit<BoosterOptions, "objective" | "baseScore" | "rounds">;

export interface TrainingOptions {
  /** XGBoost itself, or null for the built-in trainer. */
  readonly xgboost: Xgboost | null;
  readonly seed: number;
  readonly split: SplitOptions;
  readonly trees: TreeOptions;
  readonly rounds: Readonly<Record<Head, number>>;
  readonly net: Omit<NetOptions, "seed">;
  /** What a bundle costs that does not land, wei. Private bundles that are not included cost nothing. */
  readonly failureCostWei: number;
}

/** 128 trees of depth 5 and a small net: of the shapes tried, the one whose kernel answers in a microsecond; larger ones gained a thousandth of AUC. */
export const DEFAULT_OPTIONS: Omit<TrainingOptions, "xgboost" | "seed"> = {
  split: { validate: 0.1, calibrate: 0.15, test: 0.15, embargoBlocks: 8 },
  trees: { depth: 5, eta: 0.15, lambda: 1, minChildWeight: 5 },
  rounds: { landing: 64, profit: 32, spread: 32 },
  net: { hidden: [64, 32], epochs: 10, batch: 512, learningRate: 3e-3 },
  failureCostWei: 0,
};

export interface TestMetrics {
  readonly rows: number;
  readonly landingRate: number;
  readonly auc: number;
  readonly aucTreesOnly: number;
  readonly aucNetOnly: number;
  /** Of ranking candidates by what they promise. */
  readonly aucPromisedProfit: number;
  readonly logLoss: number;
  /** Of always answering the share that landed in the rows that were fitted. */
  readonly logLossConstant: number;
  readonly ece: number;
  readonly profitRows: number;
  /** Root mean squared error on the profit scale, and of always answering the fitted mean. */
  readonly profitError: number;
  readonly profitErrorConstant: number;
  /** Share of landings that ended within the spread; meant to be `COVERAGE`. */
  readonly coverage: number;
  readonly lift: Lift;
}

export interface TrainedModel {
  readonly ensemble: Ensemble;
  readonly engine: { readonly trees: "libxgboost" | "built-in"; readonly version: string };
  /** The boosters as XGBoost files, leaves rounded (booster.ts, onGrid). `profit` and `spread` answer in standard deviations of what they were trained on. */
  readonly boosterJson: Readonly<Record<Head, string>>;
  readonly options: Omit<TrainingOptions, "xgboost">;
  readonly windows: Windows;
  readonly validationLosses: readonly number[];
  readonly metrics: TestMetrics;
  readonly plots: {
    readonly calibration: readonly CalibrationBin[];
    /** Shares of the loss that the landing trees save, by feature. */
    readonly importance: Float64Array;
    /** What the best share of candidates brought, of all that landings brought: by our order and by promised profit. */
    readonly gains: readonly { readonly share: number; readonly ours: number; readonly promised: number }[];
  };
}

export type TrainingFailure =
  | { readonly code: "too-few-rows"; readonly window: string; readonly rows: number; readonly needed: number }
  | { readonly code: "one-class-only"; readonly window: string; readonly landed: number; readonly rows: number };

/** A window needs as many of either outcome: with fewer, a calibrated probability is a guess. */
const LEAST_OF_EACH = 50;

/** Version of the built-in trainer: another number when the same rows come to give another model. */
export const BUILT_IN_VERSION = "1";

interface Scale {
  readonly centre: number;
  readonly deviation: number;
}

function scaleOf(values: Float32Array): Scale {
  const centre = mean(values);
  const deviation = Math.sqrt(mean(values.map((value) => (value - centre) ** 2)));
  return { centre, deviation: deviation > 1e-9 ? deviation : 1 };
}

const toScale = (values: Float32Array, { centre, deviation }: Scale) => values.map((value) => (value - centre) / deviation);

const indices = ({ begin, end }: Window) => Array.from({ length: end - begin }, (_, index) => begin + index);

function gather(rows: Float32Array, featureCount: number, chosen: readonly number[]): Float32Array {
  const result = new Float32Array(chosen.length * featureCount);
  for (const [place, row] of chosen.entries())
    result.set(rows.subarray(row * featureCount, (row + 1) * featureCount), place * featureCount);
  return result;
}

/** The share of the trees, in twentieths, that lowers the loss most on rows neither part was fitted on. */
function shareOf(trees: Float64Array, nets: Float64Array, lossOf: (margins: Float64Array) => number): number {
  let best = { share: 1, loss: Number.POSITIVE_INFINITY };
  for (let step = 0; step <= 20; step++) {
    const share = step / 20;
    const loss = lossOf(trees.map((margin, row) => share * margin + (1 - share) * (nets[row] as number)));
    if (loss < best.loss) best = { share, loss };
  }
  return best.share;
}

/** How far a training has got, part by part: rounds of trees, epochs of the net, evaluators that have been compared. */
export type TrainingProgress = (part: "trees" | "net" | "proof", done: number, of: number) => void;

export async function trainEnsemble(
  dataset: Dataset,
  options: TrainingOptions,
  onProgress: TrainingProgress = () => {},
): Promise<Result<TrainedModel, TrainingFailure>> {
  const { featureCount, rows, blocks, landed, profitWei } = dataset;
  const { xgboost, seed } = options;
  const count = blocks.length;
  invariant(rows.length === count * featureCount && landed.length === count && profitWei.length === count, "columns of one length");
  const windows = splitByTime(blocks, options.split);
  const windowRows = Object.fromEntries(Object.entries(windows).map(([name, window]) => [name, indices(window)])) as Record<
    keyof Windows,
    number[]
  >;
  const settled = (chosen: readonly number[]) => chosen.filter((row) => landed[row] === 1 && !Number.isNaN(profitWei[row]));
  for (const [window, own] of Object.entries(windowRows)) {
    const positive = own.filter((row) => landed[row] === 1).length;
    if (Math.min(positive, own.length - positive) < LEAST_OF_EACH)
      return fail({ code: "one-class-only", window, landed: positive, rows: own.length });
    const known = settled(own).length;
    if (known < LEAST_OF_EACH) return fail({ code: "too-few-rows", window, rows: known, needed: LEAST_OF_EACH });
  }
  const fitRows = windowRows.fit;
  if (fitRows.length < options.net.batch)
    return fail({ code: "too-few-rows", window: "fit", rows: fitRows.length, needed: options.net.batch });

  const { landing: landingRounds, profit: profitRounds, spread: spreadRounds } = options.rounds;
  // Profit is fitted twice: once on a half, for the spread.
  const allRounds = landingRounds + 2 * profitRounds + spreadRounds;
  let rounds = 0;
  const onRound = () => onProgress("trees", ++rounds, allRounds);
  const boosterJson: Partial<Record<Head, string>> = {};
  const boost = (head: Head | null, chosen: readonly number[], targets: Float32Array, baseScore: number): Booster => {
    const own: BoosterOptions = {
      ...options.trees,
      rounds: options.rounds[head ?? "profit"],
      objective: head === "landing" ? "binary:logistic" : "reg:squarederror",
      baseScore,
    };
    const ownRows = gather(rows, featureCount, chosen);
    const rough =
      xgboost === null
        ? trainBooster(bin({ featureCount, rows: ownRows }), targets, own, onRound)
        : xgboost.train({ featureCount, rows: ownRows, targets }, own, onRound).booster;
    const booster = onGrid(rough);
    if (head !== null) boosterJson[head] = writeBooster(booster);
    return booster;
  };

  // Probability of landing.
  const rate = mean(fitRows.map((row) => landed[row] as number));
  const landing = boost(
    "landing",
    fitRows,
    Float32Array.from(fitRows, (row) => landed[row] as number),
    rate,
  );

  // Profit given landing, in standard deviations.
  const profits = (chosen: readonly number[]) => Float32Array.from(chosen, (row) => toProfitScale(profitWei[row] as number));
  const profitRows = settled(fitRows);
  const profitScale = scaleOf(profits(profitRows));
  const profit = boost("profit", profitRows, toScale(profits(profitRows), profitScale), 0);

  // Its spread: how far off a model is that has seen only the first half, on the second half and on the rows to validate on.
  const firstHalf = profitRows.slice(0, profitRows.length >> 1);
  const half = boost(null, firstHalf, toScale(profits(firstHalf), profitScale), 0);
  const errorsOf = (chosen: readonly number[]) => {
    const answers = margins(half, gather(rows, featureCount, chosen));
    return toScale(profits(chosen), profitScale).map((target, place) => Math.abs(target - (answers[place] as number)));
  };
  const halfEnds = (blocks[firstHalf.at(-1) as number] as number) + options.split.embargoBlocks;
  const spreadRows = profitRows.filter((row) => (blocks[row] as number) > halfEnds);
  if (spreadRows.length < LEAST_OF_EACH)
    return fail({ code: "too-few-rows", window: "fit", rows: spreadRows.length, needed: LEAST_OF_EACH });
  const spreadErrors = errorsOf(spreadRows);
  const spreadScale = scaleOf(spreadErrors);
  const spread = boost("spread", spreadRows, toScale(spreadErrors, spreadScale), 0);

  // The net learns the same three, each from the rows that know it.
  const netRows = (window: Window, errorRows: readonly number[]) => {
    const targets = new Float32Array((window.end - window.begin) * HEADS.length).fill(Number.NaN);
    const put = (chosen: readonly number[], head: Head, values: Float32Array) => {
      for (const [place, row] of chosen.entries())
        targets[(row - window.begin) * HEADS.length + HEADS.indexOf(head)] = values[place] as number;
    };
    const all = indices(window);
    put(
      all,
      "landing",
      Float32Array.from(all, (row) => landed[row] as number),
    );
    put(settled(all), "profit", toScale(profits(settled(all)), profitScale));
    put(errorRows, "spread", toScale(errorsOf(errorRows), spreadScale));
    return { featureCount, rows: rows.slice(window.begin * featureCount, window.end * featureCount), targets };
  };
  const validation = netRows(windows.validate, settled(windowRows.validate));
  const { net, validationLosses } = await trainNet(
    netRows(windows.fit, spreadRows),
    validation,
    ["logistic", "number", "number"],
    {
      ...options.net,
      seed,
    },
    (epoch) => onProgress("net", epoch, options.net.epochs),
  );
  const boosters = { landing, profit, spread };

  /** Margins of some rows by the trees and by the net. */
  const parts = (head: Head, chosen: readonly number[]) => {
    const own = gather(rows, featureCount, chosen);
    const nets = forward(net, standardise(net, own));
    return {
      trees: margins(boosters[head], own),
      nets: Float64Array.from(chosen, (_, place) => nets[place * HEADS.length + HEADS.indexOf(head)] as number),
    };
  };
  const validationTargets = (head: Head, chosen: readonly number[]) =>
    chosen.map((row) => validation.targets[(row - windows.validate.begin) * HEADS.length + HEADS.indexOf(head)] as number);
  const squaredError = (answers: ArrayLike<number>, targets: readonly number[]) =>
    mean(targets.map((target, row) => ((answers[row] as number) - target) ** 2));
  const shareFor = (head: Head, chosen: readonly number[]) => {
    const { trees, nets } = parts(head, chosen);
    const targets = validationTargets(head, chosen);
    return shareOf(trees, nets, (mixed) => (head === "landing" ? logLoss(mixed.map(sigmoid), targets) : squaredError(mixed, targets)));
  };
  const shares: Record<Head, number> = {
    landing: shareFor("landing", windowRows.validate),
    profit: shareFor("profit", settled(windowRows.validate)),
    spread: shareFor("spread", settled(windowRows.validate)),
  };
  const mixedOf = (head: Head, chosen: readonly number[]) => {
    const { trees, nets } = parts(head, chosen);
    return trees.map((margin, row) => shares[head] * margin + (1 - shares[head]) * (nets[row] as number));
  };

  // Calibrated on a window that none of this has seen.
  const calibrateRows = windowRows.calibrate;
  const calibrateSettled = settled(calibrateRows);
  const landingLine = platt(
    mixedOf("landing", calibrateRows),
    calibrateRows.map((row) => landed[row] as number),
  );
  const profitTargets = profits(calibrateSettled);
  const profitMixed = mixedOf("profit", calibrateSettled);
  const profitLine = straightLine(profitMixed, profitTargets);
  const profitErrors = profitTargets.map((target, row) =>
    Math.abs(target - (profitLine.scale * (profitMixed[row] as number) + profitLine.offset)),
  );
  const unit = profitScale.deviation;
  const rawSpreads = mixedOf("spread", calibrateSettled).map((mixed) => unit * (spreadScale.centre + spreadScale.deviation * mixed));
  const factor = spreadFactor(profitErrors, rawSpreads, COVERAGE) ?? 1;
  const mixes: Record<Head, Mix> = {
    landing: { treeShare: shares.landing, ...landingLine },
    profit: { treeShare: shares.profit, ...profitLine },
    spread: { treeShare: shares.spread, scale: factor * unit * spreadScale.deviation, offset: factor * unit * spreadScale.centre },
  };
  const ensemble: Ensemble = { featureCount, boosters, net, mixes };

  const testRows = windowRows.test;
  const labels = testRows.map((row) => landed[row] as number);
  const scores = scoreByDefinition(ensemble, gather(rows, featureCount, testRows));
  const column = (head: Head) => testRows.map((_, place) => scores[place * HEADS.length + HEADS.indexOf(head)] as number);
  const [landings, expectations, spreads] = [column("landing"), column("profit"), column("spread")];
  const testSettled = testRows.flatMap((row, place) => (landed[row] === 1 && !Number.isNaN(profitWei[row]) ? [place] : []));
  const errors = testSettled.map(
    (place) => (expectations[place] as number) - toProfitScale(profitWei[testRows[place] as number] as number),
  );
  const constantErrors = testSettled.map((place) => profitScale.centre - toProfitScale(profitWei[testRows[place] as number] as number));
  const values = testRows.map((_, place) =>
    expectedValueWei(
      { landing: landings[place] as number, profit: expectations[place] as number, spread: spreads[place] as number },
      { failureCostWei: options.failureCostWei },
    ),
  );
  const promised = testRows.map((row) => dataset.promisedWei[row] as number);
  const gains = testRows.map((row, place) => {
    if (landed[row] !== 1) return -options.failureCostWei;
    const known = profitWei[row] as number;
    return Number.isNaN(known) ? (promised[place] as number) : known;
  });
  const { trees, nets } = parts("landing", testRows);
  const metrics: TestMetrics = {
    rows: testRows.length,
    landingRate: mean(labels),
    auc: auc(landings, labels),
    aucTreesOnly: auc(trees, labels),
    aucNetOnly: auc(nets, labels),
    aucPromisedProfit: auc(promised, labels),
    logLoss: logLoss(landings, labels),
    logLossConstant: logLoss(
      labels.map(() => rate),
      labels,
    ),
    ece: ece(landings, labels),
    profitRows: testSettled.length,
    profitError: Math.sqrt(mean(errors.map((error) => error ** 2))),
    profitErrorConstant: Math.sqrt(mean(constantErrors.map((error) => error ** 2))),
    coverage: mean(errors.map((error, index) => (Math.abs(error) <= (spreads[testSettled[index] as number] as number) ? 1 : 0))),
    lift: profitLift({ blocks: testRows.map((row) => blocks[row] as number), gains, scores: values, baseline: promised, seed }),
  };
  const { xgboost: _, ...stated } = options;
  return ok({
    ensemble,
    engine: xgboost === null ? { trees: "built-in", version: BUILT_IN_VERSION } : { trees: "libxgboost", version: xgboost.version },
    boosterJson: boosterJson as Record<Head, string>,
    options: stated,
    windows,
    validationLosses,
    metrics,
    plots: { calibration: calibrationBins(landings, labels), importance: importance(landing), gains: gainsCurve(gains, values, promised) },
  });
}

/** Of all that landings brought, what the best twentieth, tenth, … of candidates would have brought. */
function gainsCurve(gains: readonly number[], ours: readonly number[], promised: readonly number[]): TrainedModel["plots"]["gains"] {
  const cumulated = (scores: readonly number[]) => {
    const order = gains.map((_, index) => index).sort((left, right) => (scores[right] as number) - (scores[left] as number));
    let sum = 0;
    return order.map((index) => {
      sum += Math.max(0, gains[index] as number);
      return sum;
    });
  };
  const [own, other] = [cumulated(ours), cumulated(promised)];
  const all = own.at(-1) || 1;
  return Array.from({ length: 21 }, (_, step) => {
    const last = Math.round((step / 20) * gains.length) - 1;
    return { share: step / 20, ours: (own[last] ?? 0) / all, promised: (other[last] ?? 0) / all };
  });
}
