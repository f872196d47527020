import { type Booster, margins } from "#libs/ml/booster.ts";
import { forward, type Net, standardise } from "#libs/ml/net.ts";
import { invariant } from "#libs/units/invariant.ts";
import type { ModelScore } from "#proto/opportunity/v1/scored.ts";

/**
 * What the ensemble says of a candidate:
 * - `landing`: probability that it lands if it is sent;
 * - `profit`: its net profit if it lands, on the profit scale (below);
 * - `spread`: half the width, on that scale, of the interval around `profit` in which four of five landings end (COVERAGE).
 */
export const HEADS = ["landing", "profit", "spread"] as const;
export type Head = (typeof HEADS)[number];
export const COVERAGE = 0.8;

/** Profits are learnt as asinh(wei ÷ this): a logarithm for what matters, linear and signed around zero. */
export const PROFIT_UNIT_WEI = 1e13;
export const toProfitScale = (wei: number): number => Math.asinh(wei / PROFIT_UNIT_WEI);

/** Standard deviations in half an interval of COVERAGE of a normal distribution. */
const DEVIATIONS = 1.2815515655446004;

/**
 * Expected net profit in wei, given landing: the mean of sinh over a normal distribution around `profit`, sinh(m)·exp(s² ÷ 2), with the deviation that
 * `spread` states. The spread is capped, so that a model that knows nothing does not promise fortunes.
 */
export function expectedProfitWei(profit: number, spread: number): number {
  const deviation = Math.min(spread / DEVIATIONS, 1);
  return PROFIT_UNIT_WEI * Math.sinh(profit) * Math.exp(deviation ** 2 / 2);
}

/**
 * p · profit − (1 − p) · what a failure costs, in wei: what candidates are ranked by. `riskAversion` takes so many standard deviations of the outcome off: of the
 * chance that it fails as well as of the profit's spread; 0 ranks by the mean alone.
 */
export function expectedValueWei(
  { landing, profit, spread }: Readonly<Record<Head, number>>,
  { failureCostWei, riskAversion = 0 }: { readonly failureCostWei: number; readonly riskAversion?: number },
): number {
  const expected = expectedProfitWei(profit, spread);
  const value = landing * expected - (1 - landing) * failureCostWei;
  if (riskAversion === 0) return value;
  const deviation = Math.min(spread / DEVIATIONS, 1);
  const square = expected ** 2 * Math.exp(deviation ** 2);
  const variance = landing * square + (1 - landing) * failureCostWei ** 2 - value ** 2;
  return value - riskAversion * Math.sqrt(Math.max(0, variance));
}

/** What an evaluator's scores say of a row, as messages carry it: amounts in whole wei. */
export function modelScoreAt(scores: Float32Array, row: number, worth: Parameters<typeof expectedValueWei>[1]): ModelScore {
  const of = (head: Head) => scores[row * HEADS.length + HEADS.indexOf(head)] as number;
  const [landing, profit, spread] = [of("landing"), of("profit"), of("spread")];
  const wei = (amount: number) => BigInt(Math.round(amount)).toString();
  return {
    landing,
    profit: wei(expectedProfitWei(profit, spread)),
    spread,
    value: wei(expectedValueWei({ landing, profit, spread }, worth)),
  };
}

/** How a head's two margins become one, and that one calibrated: scale · (treeShare · trees + (1 − treeShare) · net) + offset. */
export interface Mix {
  readonly treeShare: number;
  readonly scale: number;
  readonly offset: number;
}

export interface Ensemble {
  readonly featureCount: number;
  readonly boosters: Readonly<Record<Head, Booster>>;
  /** Outputs in the order of HEADS. */
  readonly net: Net;
  readonly mixes: Readonly<Record<Head, Mix>>;
}

/** The mix as every evaluator computes it: trees · a + (net · b + c), each step rounded to float32. */
export function factorsOf({ treeShare, scale, offset }: Mix): readonly [trees: number, net: number, offset: number] {
  return [Math.fround(treeShare * scale), Math.fround((1 - treeShare) * scale), Math.fround(offset)];
}

export const sigmoid = (margin: number): number => 1 / (1 + Math.exp(-margin));

/** A head's answer from its calibrated margin. */
export function answerOf(head: Head, margin: number): number {
  if (head === "landing") return sigmoid(margin);
  return head === "spread" ? Math.max(0, margin) : margin;
}

/**
 * Scores of rows, HEADS by row, by the definition: slow, and what the fast evaluators are compared with. Sums of leaves and of the net are exact in
 * float32 (booster.ts, net.ts), so that only the mix rounds, and it does so the same way everywhere.
 */
export function scoreByDefinition({ featureCount, boosters, net, mixes }: Ensemble, rows: Float32Array): Float64Array {
  const count = rows.length / featureCount;
  invariant(Number.isInteger(count), "whole rows");
  const nets = forward(net, standardise(net, rows));
  const scores = new Float64Array(count * HEADS.length);
  for (const [column, head] of HEADS.entries()) {
    const trees = margins(boosters[head], rows);
    const [a, b, c] = factorsOf(mixes[head]);
    for (let row = 0; row < count; row++) {
      const at = row * HEADS.length + column;
      const own = Math.fround(Math.fround(Math.fround(nets[at] as number) * b) + c);
      scores[at] = answerOf(head, Math.fround(Math.fround(Math.fround(trees[row] as number) * a) + own));
    }
  }
  return scores;
}

/** How far two scores are apart: absolutely up to one, relatively above. The limit under which two evaluators count as equal is TOLERANCE. */
export function distance(left: number, right: number): number {
  if (Object.is(left, right)) return 0;
  const apart = Math.abs(left - right) / Math.max(1, Math.abs(right));
  return Number.isNaN(apart) ? Number.POSITIVE_INFINITY : apart;
}
export const TOLERANCE = 1e-6;

export function largestDistance(left: ArrayLike<number>, right: ArrayLike<number>): number {
  invariant(left.length === right.length, "as many scores");
  let largest = 0;
  for (let at = 0; at < left.length; at++) largest = Math.max(largest, distance(left[at] as number, right[at] as number));
  return largest;
}
