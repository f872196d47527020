import { FEATURE_COUNT, SCHEMA_HASH } from "#libs/ml/features.ts";
import type { Dataset } from "#libs/ml/train.ts";
import type { Label, OutcomeLabelled } from "#proto/outcome/v1/labelled.ts";

/** What a label says to a model that is to foretell landing, and the profit that comes of it. */
export interface Lesson {
  readonly landed: boolean;
  /** Wei, net of gas; NaN where it is not known, or nothing landed. */
  readonly profitWei: number;
}

/**
 * What is learnt from a label; null where nothing can be: it is not known what became of the candidate, or what had been seen of it.
 *
 * Of a candidate that was sent, what happened counts. Of one that was not, what its transaction would have met: nobody took the cycle, and its swaps with the same
 * amounts still paid their gas a block later, so it would have landed, with what it paid then; or it was gone, and so would not have.
 */
export function lessonOf({ evaluation, executions, next, outcome }: Label): Lesson | null {
  if (evaluation.features === null) return null;
  const lost = { landed: false, profitWei: Number.NaN };
  switch (outcome) {
    case "landed": {
      const netProfit = executions.find(({ end }) => end === "landed")?.landing?.netProfit ?? null;
      return { landed: true, profitWei: netProfit === null ? Number.NaN : Number(netProfit) };
    }
    case "still-there":
      return { landed: true, profitWei: next.netProfit === null ? Number.NaN : Number(next.netProfit) };
    case "reverted":
    case "failed":
    case "outbid":
    case "expired":
    case "vanished":
      return lost;
    case "unknown":
      return null;
  }
}

/** What of an outcome.labelled is learnt from. */
export type LabelledBlock = Pick<OutcomeLabelled, "featureSchema" | "blockNumber" | "labels">;

/** The rows of labelled rankings in the order of their blocks, under today's schema: what was labelled under another is left out. */
export function datasetOf(rankings: Iterable<LabelledBlock>): Dataset {
  const learnt = [...rankings]
    .filter(({ featureSchema }) => featureSchema === SCHEMA_HASH)
    .flatMap(({ blockNumber, labels }) =>
      labels.flatMap((label) => {
        const lesson = lessonOf(label);
        return lesson === null ? [] : [{ blockNumber, label, lesson }];
      }),
    )
    .sort((left, right) => left.blockNumber - right.blockNumber);
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
