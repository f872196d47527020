import { FEATURE_COUNT, FEATURES } from "#libs/ml/features.ts";
import type { Dataset } from "#libs/ml/train.ts";
import type { Label } from "#proto/outcome/v1/labelled.ts";

/** A labelled candidate. Examples stand in the order of their blocks. */
export interface Example {
  readonly block: number;
  readonly label: Label;
}

export interface Verdict {
  /** 1: landed, or would have. */
  readonly landed: 0 | 1;
  /** Net profit in wei where it landed, NaN where that is not known. */
  readonly profitWei: number;
}

const LOST: Verdict = { landed: 0, profitWei: Number.NaN };

const POOL_ACCURACY = FEATURES.findIndex(({ name }) => name === "poolAccuracy");

/**
 * What a label says of landing; null where it says nothing. Of what was sent, what became of it. Of what was not sent: with exact amounts and no more than the usual tip it
 * comes behind whoever wants the same, and lands if nobody took anything out of its pools in its direction, for what it promised. Whether it stood there one block later
 * says less: a gap that somebody has taken half of still stands, but not for the amounts that were planned; and what is gone because ours took it would have landed.
 * Through a pool of which our simulations found more wrong than right, only what was sent says anything. Gone without anybody's arbitrage: a trade moved it, before or behind where the bundle would have stood.
 */
export function verdictOf({ outcome, executions, next, netProfit, evaluation: { features } }: Label): Verdict | null {
  if (features === null) return null;
  const accuracy = features[POOL_ACCURACY] ?? null;
  if (executions.length === 0 && accuracy !== null && accuracy < 0.5) return null;
  switch (outcome) {
    case "landed": {
      const settled = executions.find(({ end }) => end === "landed")?.landing?.netProfit;
      return { landed: 1, profitWei: settled == null ? Number.NaN : Number(settled) };
    }
    case "reverted":
    case "failed":
    case "outbid":
    case "expired":
      return LOST;
    case "still-there":
      return next.rivals > 0 ? LOST : { landed: 1, profitWei: Number(netProfit) };
    case "vanished":
      return next.rivals > 0 ? LOST : null;
    case "unknown":
      if (next.rivals > 0) return LOST;
      return next.because === "own-trade" ? { landed: 1, profitWei: Number(netProfit) } : null;
  }
}

/**
 * What was sent, and as many of those that were not, every so many of them: what was sent says what is true, and the others, ten times as many, do not know of quotes that do not hold.
 */
export function datasetOf(examples: readonly Example[]): Dataset {
  const all = examples.flatMap(({ block, label }) => {
    const verdict = verdictOf(label);
    return verdict === null
      ? []
      : [
          {
            block,
            features: label.evaluation.features ?? [],
            verdict,
            isSent: label.executions.length > 0,
            promised: Number(label.netProfit),
          },
        ];
  });
  const sent = all.filter(({ isSent }) => isSent).length;
  const every = Math.max(1, Math.floor((all.length - sent) / Math.max(1, sent)));
  let others = 0;
  const known = all.filter(({ isSent }) => isSent || others++ % every === 0);
  const rows = new Float32Array(known.length * FEATURE_COUNT);
  for (const [index, { features }] of known.entries())
    for (const [column, value] of features.entries()) rows[index * FEATURE_COUNT + column] = value ?? Number.NaN;
  return {
    featureCount: FEATURE_COUNT,
    rows,
    blocks: Float64Array.from(known, ({ block }) => block),
    landed: Uint8Array.from(known, ({ verdict }) => verdict.landed),
    profitWei: Float64Array.from(known, ({ verdict }) => verdict.profitWei),
    promisedWei: Float64Array.from(known, ({ promised }) => promised),
  };
}
