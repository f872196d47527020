import { FEATURE_COUNT, FEATURES, SCHEMA_HASH } from "#libs/ml/features.ts";
import type { Dataset } from "#libs/ml/train.ts";
import type { Rejection } from "#proto/opportunity/v1/scored.ts";
import type { Label, OutcomeLabelled } from "#proto/outcome/v1/labelled.ts";

/** What a label says to a model that is to foretell landing, and the profit that comes of it. */
export interface Lesson {
  readonly landed: boolean;
  /** Wei, net of gas; NaN where it is not known, or nothing landed. */
  readonly profitWei: number;
}

const LOST: Lesson = { landed: false, profitWei: Number.NaN };
const POOL_ACCURACY = FEATURES.findIndex(({ name }) => name === "poolAccuracy");
/** Of a pool with less, our simulations found more wrong than right. */
const LEAST_ACCURACY = 0.5;

/** Whether what became of it came of sending it: on paper nothing is sent. */
const wasSent = ({ executions }: Label): boolean => executions.some(({ mode }) => mode === "live");

/**
 * What is learnt from a label; null where nothing can be: it is not known what became of the candidate, or what had been seen of it.
 *
 * Of what was sent, what became of it. Of what was not: with exact amounts and no more than the usual tip it comes behind whoever wants the same, and would have landed, for
 * what it promised, if no arbitrage of others took anything out of its pools in its direction. Whether it still stood there says less: a gap that somebody has taken half of
 * still stands, but not for the amounts that were planned; and what is gone because ours took it would have landed. (Measured against candidates that were sent by
 * chance: docs/benchmarks.md, ranking.) Gone without anybody's arbitrage: a trade moved it, before or behind where the bundle would have stood. Through a pool whose quotes are more
 * often wrong than right, only what was sent says anything; and what another gate than the model's has stopped was not up for choice.
 */
export function lessonOf(label: Label): Lesson | null {
  const { evaluation, executions, next, outcome, netProfit, rejected } = label;
  if (evaluation.features === null) return null;
  if (rejected !== null && rejected !== ("not-worth-the-risk" satisfies Rejection)) return null;
  const accuracy = evaluation.features[POOL_ACCURACY] ?? null;
  if (executions.length === 0 && accuracy !== null && accuracy < LEAST_ACCURACY) return null;
  const promised = next.rivals > 0 ? LOST : { landed: true, profitWei: Number(netProfit) };
  switch (outcome) {
    case "landed": {
      const settled = executions.find(({ end }) => end === "landed")?.landing?.netProfit ?? null;
      return { landed: true, profitWei: settled === null ? Number.NaN : Number(settled) };
    }
    case "reverted":
    case "failed":
    case "outbid":
    case "expired":
      return LOST;
    case "still-there":
      return promised;
    case "vanished":
      return next.rivals > 0 ? LOST : null;
    case "unknown":
      // Who traded in the next block is known all the same.
      return next.because === "own-trade" || next.because === "dex-late" ? promised : null;
  }
}

/** What of an outcome.labelled is learnt from. */
export type LabelledBlock = Pick<OutcomeLabelled, "featureSchema" | "blockNumber" | "labels">;

/**
 * The rows of labelled rankings in the order of their blocks, under today's schema: what was labelled under another is left out. Where some were sent, of the others every so many,
 * so that there are about as many: what was sent says what is true, and the others, ten times as many, know nothing of quotes that do not hold.
 */
export function datasetOf(rankings: Iterable<LabelledBlock>): Dataset {
  const known = [...rankings]
    .filter(({ featureSchema }) => featureSchema === SCHEMA_HASH)
    .flatMap(({ blockNumber, labels }) =>
      labels.flatMap((label) => {
        const lesson = lessonOf(label);
        return lesson === null ? [] : [{ blockNumber, label, lesson }];
      }),
    )
    .sort((left, right) => left.blockNumber - right.blockNumber);
  const sent = known.filter(({ label }) => wasSent(label)).length;
  const every = sent === 0 ? 1 : Math.max(1, Math.floor((known.length - sent) / sent));
  let others = 0;
  const learnt = known.filter(({ label }) => wasSent(label) || others++ % every === 0);
  const rows = new Float32Array(learnt.length * FEATURE_COUNT);
  for (const [place, { label }] of learnt.entries())
    for (const [column, value] of (label.evaluation.features ?? []).entries()) rows[place * FEATURE_COUNT + column] = value ?? Number.NaN;
  return {
    featureCount: FEATURE_COUNT,
    rows,
    blocks: Float64Array.from(learnt, ({ blockNumber }) => blockNumber),
    landed: Uint8Array.from(learnt, ({ lesson }) => (lesson.landed ? 1 : 0)),
    profitWei: Float64Array.from(learnt, ({ lesson }) => lesson.profitWei),
    promisedWei: Float64Array.from(learnt, ({ label }) => Number(label.netProfit)),
  };
}

/** Several recordings as one, each after the one before with `gapBlocks` between: rows of two never share a block. */
export function joined(datasets: readonly Dataset[], gapBlocks: number): Dataset {
  let next = 0;
  const blocks = datasets.map((dataset) => {
    const first = dataset.blocks[0] ?? 0;
    const shifted = dataset.blocks.map((block) => next + block - first);
    next = (shifted.at(-1) ?? next) + gapBlocks;
    return shifted;
  });
  const float64 = (parts: readonly Float64Array[]) => Float64Array.from(parts.flatMap((part) => [...part]));
  return {
    featureCount: FEATURE_COUNT,
    rows: Float32Array.from(datasets.flatMap(({ rows }) => [...rows])),
    blocks: float64(blocks),
    landed: Uint8Array.from(datasets.flatMap(({ landed }) => [...landed])),
    profitWei: float64(datasets.map(({ profitWei }) => profitWei)),
    promisedWei: float64(datasets.map(({ promisedWei }) => promisedWei)),
  };
}
