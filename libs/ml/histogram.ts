import { type Booster, baseMargin, type Objective, type Tree } from "#libs/ml/booster.ts";
import { invariant } from "#libs/units/invariant.ts";

/**
 * The built-in trainer of boosted trees: exact second-order boosting over histograms of at most 254 bins a feature, level by level, as XGBoost's `hist`
 * method does it (Chen and Guestrin 2016, equations 6 and 7; missing values: algorithm 3). The same rows and options give the same bytes: one thread,
 * no randomness.
 */
export interface BoosterOptions {
  readonly objective: Objective;
  readonly rounds: number;
  readonly depth: number;
  /** Learning rate. */
  readonly eta: number;
  /** L2 penalty on leaves. */
  readonly lambda: number;
  /** Least sum of second derivatives on either side of a split. */
  readonly minChildWeight: number;
  /** On the scale of the target. */
  readonly baseScore: number;
}

/** Rows in row order, `featureCount` float32 each, NaN where missing; infinite values are refused, as XGBoost does. */
export interface TrainingRows {
  readonly featureCount: number;
  readonly rows: Float32Array;
  readonly targets: Float32Array;
}

/** Bin 0 is for what is missing, the last for what is above all that was seen: 254 are left of a byte. */
const MISSING = 0;
const BINS = 254;
const STRIDE = 256;
const NONE = new Float64Array(0);
/** What is left of a sum when all of it has been taken away again: rounding. */
const NOTHING = 1e-9;
/** Rows that the cuts are taken from: quantiles of so many are within half a per cent of all. */
const CUT_SAMPLE = 50_000;

/** A cut above all values, where what is there and what is missing part. Source: XGBoost, common/hist_util. */
const above = (value: number) => Math.min(3.4e38, Math.fround(value + Math.abs(value) + 1e-5));

/** Cuts of a feature, ascending: a value belongs to the bin 1 + number of cuts that are not above it, so `value < cut[i]` holds exactly for bins ≤ i + 1. */
function cutsOf(values: Float32Array): Float32Array {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort();
  const cuts: number[] = [];
  const distinct: number[] = [];
  for (const value of sorted) if (value !== distinct.at(-1)) distinct.push(value);
  // Few values: a cut between each two. Many: one at every 254th part of the rows.
  const between = (low: number, high: number) => {
    const middle = Math.fround(low / 2 + high / 2);
    return middle > low ? middle : high;
  };
  const last = distinct.at(-1);
  if (last === undefined) return new Float32Array();
  if (distinct.length <= BINS) {
    for (let index = 1; index < distinct.length; index++) cuts.push(between(distinct[index - 1] as number, distinct[index] as number));
    return Float32Array.from([...cuts, above(last)]);
  }
  let below = 0;
  for (let bin = 1; bin < BINS; bin++) {
    const value = sorted[Math.floor((bin * sorted.length) / BINS)] as number;
    while ((distinct[below] as number) < value) below++;
    if (below === 0) continue;
    const cut = between(distinct[below - 1] as number, value);
    if (cut !== cuts.at(-1)) cuts.push(cut);
  }
  return Float32Array.from([...cuts, above(last)]);
}

function binOf(cuts: Float32Array, value: number): number {
  let low = 0;
  let high = cuts.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((cuts[middle] as number) <= value) low = middle + 1;
    else high = middle;
  }
  return low + 1;
}

/** A training set's bins, shared by the boosters that are trained on its rows. */
export interface Binned {
  readonly featureCount: number;
  readonly count: number;
  readonly cuts: readonly Float32Array[];
  /** Row by row, like the rows. */
  readonly bins: Uint8Array;
}

export function bin({ featureCount, rows }: Pick<TrainingRows, "featureCount" | "rows">): Binned {
  const count = rows.length / featureCount;
  invariant(Number.isInteger(count) && count > 0, "whole rows to train on");
  const step = Math.max(1, Math.ceil(count / CUT_SAMPLE));
  const bins = new Uint8Array(rows.length);
  const cuts: Float32Array[] = [];
  for (let feature = 0; feature < featureCount; feature++) {
    const sample = new Float32Array(Math.ceil(count / step));
    for (let index = 0; index < sample.length; index++) sample[index] = rows[index * step * featureCount + feature] as number;
    const own = cutsOf(sample);
    cuts.push(own);
    for (let at = feature; at < rows.length; at += featureCount) {
      const value = rows[at] as number;
      invariant(Number.isFinite(value) || Number.isNaN(value), "a feature to train on is finite or missing");
      bins[at] = Number.isNaN(value) ? MISSING : binOf(own, value);
    }
  }
  return { featureCount, count, cuts, bins };
}

interface Split {
  readonly gain: number;
  readonly feature: number;
  /** Index of the cut; rows in bins up to cut + 1 go left. */
  readonly cut: number;
  readonly defaultLeft: boolean;
}

interface Node {
  readonly id: number;
  /** Its rows: `order` from begin to end. */
  readonly begin: number;
  readonly end: number;
  readonly gradient: number;
  readonly hessian: number;
  /** Sums of gradient and hessian in turns, by feature and bin. */
  readonly histogram: Float64Array;
}

export function trainBooster(binned: Binned, targets: Float32Array, options: BoosterOptions, onRound: () => void = () => {}): Booster {
  const { featureCount, count, cuts, bins } = binned;
  const { objective, rounds, depth, eta, lambda, minChildWeight } = options;
  invariant(targets.length === count, "a target for each row");
  const logistic = objective === "binary:logistic";
  const baseScore = Math.fround(options.baseScore);
  const sums = new Float32Array(count).fill(baseMargin({ objective, baseScore }));
  const gradients = new Float32Array(count);
  const hessians = new Float32Array(count).fill(1);
  const order = new Uint32Array(count);
  const aside = new Uint32Array(count);
  const size = featureCount * STRIDE * 2;
  const spare: Float64Array[] = [];
  const histogram = () => spare.pop()?.fill(0) ?? new Float64Array(size);

  const collect = (into: Float64Array, begin: number, end: number) => {
    for (let at = begin; at < end; at++) {
      const row = order[at] as number;
      const gradient = gradients[row] as number;
      const hessian = hessians[row] as number;
      const from = row * featureCount;
      for (let feature = 0; feature < featureCount; feature++) {
        const cell = (feature * STRIDE + (bins[from + feature] as number)) << 1;
        into[cell] = (into[cell] as number) + gradient;
        into[cell + 1] = (into[cell + 1] as number) + hessian;
      }
    }
  };

  const least = Math.max(minChildWeight, NOTHING);
  const score = (gradient: number, hessian: number) => (gradient * gradient) / (hessian + lambda);

  const bestSplit = ({ histogram: cells, gradient, hessian }: Node): Split | null => {
    const parent = score(gradient, hessian);
    let best: Split | null = null;
    // Sums that are equal but for rounding are no gain.
    let bestGain = 1e-6;
    for (let feature = 0; feature < featureCount; feature++) {
      const first = (feature * STRIDE) << 1;
      const missingGradient = cells[first] as number;
      const missingHessian = cells[first + 1] as number;
      let leftGradient = 0;
      let leftHessian = 0;
      const own = (cuts[feature] as Float32Array).length;
      for (let cut = 0; cut < own; cut++) {
        const cell = first + ((cut + 1) << 1);
        leftGradient += cells[cell] as number;
        leftHessian += cells[cell + 1] as number;
        for (let side = 0; side < 2; side++) {
          const toLeft = side === 0;
          if (!toLeft && missingHessian < NOTHING) break;
          const left = toLeft ? leftHessian + missingHessian : leftHessian;
          const right = hessian - left;
          if (left < least || right < least) continue;
          const sum = toLeft ? leftGradient + missingGradient : leftGradient;
          const gain = score(sum, left) + score(gradient - sum, right) - parent;
          if (gain <= bestGain) continue;
          bestGain = gain;
          best = { gain, feature, cut, defaultLeft: toLeft };
        }
      }
    }
    return best;
  };

  /** Moves the rows that go left to the front, both sides in their order; gives the place where the right side begins. */
  const partition = ({ begin, end }: Node, { feature, cut, defaultLeft }: Split): number => {
    let left = begin;
    let others = 0;
    for (let at = begin; at < end; at++) {
      const row = order[at] as number;
      const own = bins[row * featureCount + feature] as number;
      if (own === MISSING ? defaultLeft : own <= cut + 1) order[left++] = row;
      else aside[others++] = row;
    }
    order.set(aside.subarray(0, others), left);
    return left;
  };

  const trees: Tree[] = [];
  for (let round = 0; round < rounds; round++) {
    let gradientSum = 0;
    let hessianSum = 0;
    for (let row = 0; row < count; row++) {
      order[row] = row;
      const margin = sums[row] as number;
      if (logistic) {
        const probability = 1 / (1 + Math.exp(-margin));
        gradients[row] = probability - (targets[row] as number);
        hessians[row] = Math.max(probability * (1 - probability), 1e-16);
      } else gradients[row] = margin - (targets[row] as number);
      gradientSum += gradients[row] as number;
      hessianSum += hessians[row] as number;
    }
    const nodes: { left: number; right: number; feature: number; value: number; defaultLeft: number; gain: number; hessian: number }[] = [];
    const leaf = (gradient: number, hessian: number) => {
      nodes.push({ left: -1, right: -1, feature: 0, value: 0 - (eta * gradient) / (hessian + lambda), defaultLeft: 0, gain: 0, hessian });
      return nodes.length - 1;
    };
    const whole = histogram();
    collect(whole, 0, count);
    let level: Node[] = [
      { id: leaf(gradientSum, hessianSum), begin: 0, end: count, gradient: gradientSum, hessian: hessianSum, histogram: whole },
    ];
    const settle = ({ id, begin, end }: Node) => {
      const value = Math.fround((nodes[id] as (typeof nodes)[number]).value);
      for (let at = begin; at < end; at++) sums[order[at] as number] = (sums[order[at] as number] as number) + value;
    };
    for (let at = 0; at < depth; at++) {
      const next: Node[] = [];
      for (const node of level) {
        const split = bestSplit(node);
        if (split === null) {
          settle(node);
          spare.push(node.histogram);
          continue;
        }
        const middle = partition(node, split);
        const cells = node.histogram;
        const first = (split.feature * STRIDE) << 1;
        let gradient = split.defaultLeft ? (cells[first] as number) : 0;
        let hessian = split.defaultLeft ? (cells[first + 1] as number) : 0;
        for (let bin = 1; bin <= split.cut + 1; bin++) {
          gradient += cells[first + (bin << 1)] as number;
          hessian += cells[first + (bin << 1) + 1] as number;
        }
        const record = nodes[node.id] as (typeof nodes)[number];
        record.left = leaf(gradient, hessian);
        record.right = leaf(node.gradient - gradient, node.hessian - hessian);
        record.feature = split.feature;
        record.value = (cuts[split.feature] as Float32Array)[split.cut] as number;
        record.defaultLeft = split.defaultLeft ? 1 : 0;
        record.gain = split.gain;
        // The last level needs no histograms; of two sides the smaller is counted, the other is what is left.
        const isLast = at + 1 === depth;
        const leftIsSmaller = middle - node.begin <= node.end - middle;
        const smaller = isLast ? NONE : histogram();
        if (isLast) spare.push(cells);
        else {
          if (leftIsSmaller) collect(smaller, node.begin, middle);
          else collect(smaller, middle, node.end);
          for (let cell = 0; cell < size; cell++) cells[cell] = (cells[cell] as number) - (smaller[cell] as number);
        }
        const side = (id: number, begin: number, end: number, isSmaller: boolean, sums: readonly [number, number]): Node => ({
          id,
          begin,
          end,
          gradient: sums[0],
          hessian: sums[1],
          histogram: isSmaller || isLast ? smaller : cells,
        });
        next.push(side(record.left, node.begin, middle, leftIsSmaller, [gradient, hessian]));
        next.push(side(record.right, middle, node.end, !leftIsSmaller, [node.gradient - gradient, node.hessian - hessian]));
      }
      level = next;
    }
    for (const node of level) settle(node);
    trees.push({
      left: Int32Array.from(nodes, (node) => node.left),
      right: Int32Array.from(nodes, (node) => node.right),
      feature: Int32Array.from(nodes, (node) => node.feature),
      value: Float32Array.from(nodes, (node) => node.value),
      defaultLeft: Uint8Array.from(nodes, (node) => node.defaultLeft),
      gain: Float32Array.from(nodes, (node) => node.gain),
      hessian: Float32Array.from(nodes, (node) => node.hessian),
    });
    onRound();
  }
  return { objective, baseScore, featureCount, trees };
}
