import { randomFrom } from "#libs/ml/random.ts";
import { invariant } from "#libs/units/invariant.ts";

/** Labels are 0 and 1, predictions probabilities, unless said otherwise. All of these are exact for their input; only the bootstrap draws, from its seed. */

/** Area under the ROC curve: the chance that a positive outranks a negative, ties counting half (Mann and Whitney). NaN where either class is missing. */
export function auc(predictions: ArrayLike<number>, labels: ArrayLike<number>): number {
  const order = Array.from({ length: labels.length }, (_, index) => index).sort(
    (left, right) => (predictions[left] as number) - (predictions[right] as number),
  );
  let positives = 0;
  let ranks = 0;
  for (let from = 0; from < order.length; ) {
    let to = from;
    let own = 0;
    while (to < order.length && predictions[order[to] as number] === predictions[order[from] as number])
      own += labels[order[to++] as number] as number;
    ranks += own * ((from + to + 1) / 2);
    positives += own;
    from = to;
  }
  const negatives = order.length - positives;
  return (ranks - (positives * (positives + 1)) / 2) / (positives * negatives);
}

/** Certainty beyond this counts as this: one wrong certain answer must not make the mean infinite. */
const LEAST = 1e-7;

export function logLosses(predictions: ArrayLike<number>, labels: ArrayLike<number>): Float64Array {
  return Float64Array.from({ length: labels.length }, (_, index) => {
    const probability = Math.min(1 - LEAST, Math.max(LEAST, predictions[index] as number));
    return -Math.log(labels[index] === 1 ? probability : 1 - probability);
  });
}

export const mean = (values: ArrayLike<number>): number => {
  let sum = 0;
  for (let index = 0; index < values.length; index++) sum += values[index] as number;
  return sum / values.length;
};

export const logLoss = (predictions: ArrayLike<number>, labels: ArrayLike<number>): number => mean(logLosses(predictions, labels));

export interface CalibrationBin {
  readonly count: number;
  readonly predicted: number;
  readonly observed: number;
}

/** Mean prediction and share of positives in bins of equally many rows, in ascending order; no bin parts equal predictions. */
export function calibrationBins(predictions: ArrayLike<number>, labels: ArrayLike<number>, bins = 10): CalibrationBin[] {
  const order = Array.from({ length: labels.length }, (_, index) => index).sort(
    (left, right) => (predictions[left] as number) - (predictions[right] as number),
  );
  const result: CalibrationBin[] = [];
  for (let from = 0; from < order.length; ) {
    let to = Math.max(from + 1, Math.round(((result.length + 1) * order.length) / bins));
    while (to < order.length && predictions[order[to] as number] === predictions[order[to - 1] as number]) to++;
    const own = order.slice(from, to);
    const over = (values: ArrayLike<number>) => own.reduce((sum, index) => sum + (values[index] as number), 0) / own.length;
    result.push({ count: own.length, predicted: over(predictions), observed: over(labels) });
    from = to;
  }
  return result;
}

/** Expected calibration error: how far prediction and share of positives are apart in a bin, weighted by rows. */
export function ece(predictions: ArrayLike<number>, labels: ArrayLike<number>, bins = 10): number {
  const all = calibrationBins(predictions, labels, bins);
  return all.reduce((sum, { count, predicted, observed }) => sum + count * Math.abs(predicted - observed), 0) / labels.length;
}

export interface Interval {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

/** Mean of left − right over the same cases, with its 95 % interval: quantiles of the means of resampled cases (Efron's percentile bootstrap). */
export function pairedBootstrap(
  left: ArrayLike<number>,
  right: ArrayLike<number>,
  { seed, resamples = 1_000 }: { readonly seed: number; readonly resamples?: number },
): Interval {
  invariant(left.length === right.length && left.length > 0, "pairs to resample");
  const apart = Float64Array.from({ length: left.length }, (_, index) => (left[index] as number) - (right[index] as number));
  const random = randomFrom(seed);
  const means = Float64Array.from({ length: resamples }, () => {
    let sum = 0;
    for (let draw = 0; draw < apart.length; draw++) sum += apart[random.below(apart.length)] as number;
    return sum / apart.length;
  }).sort();
  const at = (share: number) => means[Math.min(resamples - 1, Math.floor(share * resamples))] as number;
  return { mean: mean(apart), low: at(0.025), high: at(0.975) };
}

export interface Lift {
  readonly blocks: number;
  /** What the best candidate of each block brought, wei, summed: by our order, and by the one it is compared with. */
  readonly ours: number;
  readonly baseline: number;
  /** ours ÷ baseline − 1; NaN where the baseline brought nothing. */
  readonly lift: number;
  /** ours − baseline in a block, wei. */
  readonly perBlock: Interval;
}

/**
 * What ranking by a score is worth beside ranking by another: of each block's candidates either order picks the first, if its score is above zero.
 * `gains`: what a candidate brought, or would have: its profit if it landed, less what it cost if not. Rows of a block stand together.
 */
export function profitLift(input: {
  readonly blocks: ArrayLike<number>;
  readonly gains: ArrayLike<number>;
  readonly scores: ArrayLike<number>;
  readonly baseline: ArrayLike<number>;
  readonly seed: number;
}): Lift {
  const { blocks, gains, scores, baseline, seed } = input;
  const ours: number[] = [];
  const others: number[] = [];
  for (let from = 0; from < blocks.length; ) {
    let to = from;
    let [best, other] = [-1, -1];
    for (; to < blocks.length && blocks[to] === blocks[from]; to++) {
      if ((scores[to] as number) > (best === -1 ? 0 : (scores[best] as number))) best = to;
      if ((baseline[to] as number) > (other === -1 ? 0 : (baseline[other] as number))) other = to;
    }
    ours.push(best === -1 ? 0 : (gains[best] as number));
    others.push(other === -1 ? 0 : (gains[other] as number));
    from = to;
  }
  const total = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);
  const [own, base] = [total(ours), total(others)];
  return {
    blocks: ours.length,
    ours: own,
    baseline: base,
    lift: base === 0 ? Number.NaN : own / base - 1,
    perBlock: pairedBootstrap(ours, others, { seed }),
  };
}
