import { FEATURE_COUNT } from "#libs/ml/features.ts";
import type { Dataset } from "#libs/ml/train.ts";
import type { Label } from "#proto/outcome/v1/labelled.ts";

/** A labelled candidate with the row that it was ranked by. Rows in the order of blocks. */
export interface Example {
  readonly block: number;
  readonly row: Float32Array;
  readonly label: Label;
  readonly blockHash: string;
}

export interface Verdict {
  /** 1: landed, or would have. */
  readonly landed: 0 | 1;
  /** Net profit in wei where it landed, NaN where that is not known. */
  readonly profitWei: number;
}

const LOST: Verdict = { landed: 0, profitWei: Number.NaN };

/**
 * What a label says of landing; null where it says nothing. Of what was sent, what became of it. Of what was not: taken or gone, it would not have landed; still there a
 * block later whole, it would have, for what it would have earned then.
 */
export function verdictOf({ outcome, executions, next }: Label): Verdict | null {
  switch (outcome) {
    case "landed": {
      const settled = executions.find(({ end }) => end === "landed")?.landing?.netProfit;
      return { landed: 1, profitWei: settled == null ? Number.NaN : Number(settled) };
    }
    case "reverted":
    case "failed":
    case "outbid":
    case "expired":
    case "vanished":
      return LOST;
    case "still-there":
      return next.state === "there" ? { landed: 1, profitWei: next.netProfit === null ? Number.NaN : Number(next.netProfit) } : null;
    case "unknown":
      return null;
  }
}

export function datasetOf(examples: readonly Example[]): Dataset {
  const known = examples.flatMap(({ block, row, label }) => {
    const verdict = verdictOf(label);
    return verdict === null ? [] : [{ block, row, verdict, promised: Number(label.netProfit) }];
  });
  const rows = new Float32Array(known.length * FEATURE_COUNT);
  for (const [index, { row }] of known.entries()) rows.set(row, index * FEATURE_COUNT);
  return {
    featureCount: FEATURE_COUNT,
    rows,
    blocks: Float64Array.from(known, ({ block }) => block),
    landed: Uint8Array.from(known, ({ verdict }) => verdict.landed),
    profitWei: Float64Array.from(known, ({ verdict }) => verdict.profitWei),
    promisedWei: Float64Array.from(known, ({ promised }) => promised),
  };
}
