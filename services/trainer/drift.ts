import { lessonOf } from "#libs/ml/dataset.ts";
import { type ModelDistribution, psiAgainst } from "#libs/ml/distribution.ts";
import { FEATURES } from "#libs/ml/features.ts";
import { auc, ece, logLoss, mean } from "#libs/ml/metrics.ts";
import type { DriftLevel, ModelChecked } from "#proto/model/v1/events.ts";
import type { OutcomeLabelled } from "#proto/outcome/v1/labelled.ts";

export interface DriftConfig {
  readonly everyBlocks: number;
  /** Labels of so many blocks are looked at. */
  readonly windowBlocks: number;
  /** Candidates with known outcome; with fewer nothing is said: a calibration error of ten bins is noise. */
  readonly leastCandidates: number;
}

/** What is kept of a block's labels to see how the champion does. */
export interface RecentBlock {
  readonly blockNumber: number;
  readonly champion: string;
  /** A row each: features with NaN where missing, probability of landing as it was said, outcome (null: not known). */
  readonly rows: readonly { readonly features: readonly number[]; readonly landing: number; readonly landed: 0 | 1 | null }[];
}

/** Null where no model had said anything. */
export function recentOf({ blockNumber, champion, labels }: OutcomeLabelled): RecentBlock | null {
  if (champion === null) return null;
  const rows = labels.flatMap((label) => {
    const { features, champion: score } = label.evaluation;
    if (features === null || score === null) return [];
    const lesson = lessonOf(label);
    return [
      {
        features: features.map((value) => value ?? Number.NaN),
        landing: score.landing,
        landed: lesson === null ? null : lesson.landed ? (1 as const) : (0 as const),
      },
    ];
  });
  return rows.length === 0 ? null : { blockNumber, champion, rows };
}

export type Check = Pick<
  ModelChecked,
  "level" | "blocks" | "candidates" | "landed" | "logLoss" | "ece" | "featurePsi" | "scorePsi" | "reasons"
> & {
  /** NaN where only one outcome was seen. */
  readonly auc: number;
};

/** Usual limits of the population stability index: below the first nothing, above the second something has to be done. */
const PSI_WATCH = 0.1;
const PSI_ACT = 0.25;
const ECE_WATCH = 0.05;
const ECE_ACT = 0.1;
/**
 * Gas price, base fee and fullness of blocks move with the hour, and a window of some hours always has some features off. One is worth watching; so many at once are
 * another market.
 */
const MOST_FEATURES_OFF = Math.ceil(FEATURES.length / 4);
const MOST_REASONS = 8;
/** The share that landed is known only afterwards, and to have known it is worth 1 ÷ (2 · candidates): a thousandth. Ten times that is no accident. */
const LOSS_SLACK = 0.01;

const LEVELS: readonly DriftLevel[] = ["stable", "watch", "act"];

/** How a champion does on these blocks; null where too little is known. Without a distribution of its training (an old model) features are not judged. */
export function check(
  blocks: readonly RecentBlock[],
  distribution: ModelDistribution | null,
  { leastCandidates }: DriftConfig,
): Check | null {
  const rows = blocks.flatMap((block) => block.rows);
  const known = rows.flatMap(({ landing, landed }) => (landed === null ? [] : [{ landing, landed }]));
  if (known.length < leastCandidates) return null;
  const [landings, landed] = [known.map((row) => row.landing), known.map((row) => row.landed)];
  const rate = mean(landed);
  const featurePsi = (distribution?.features ?? []).map((then, column) =>
    psiAgainst(
      then,
      rows.map(({ features }) => features[column] as number),
    ),
  );
  const scorePsi =
    distribution === null
      ? 0
      : psiAgainst(
          distribution.landing,
          rows.map(({ landing }) => landing),
        );
  const loss = logLoss(landings, landed);
  const calibration = ece(landings, landed);

  const found: { readonly level: 0 | 1 | 2; readonly weight: number; readonly reason: string }[] = [];
  const note = (reason: string, value: number, watch: number, act: number) => {
    const level = value > act ? 2 : value > watch ? 1 : 0;
    if (level > 0) found.push({ level, weight: value / watch, reason: `${reason} ${value.toFixed(3)}` });
  };
  note("calibration error", calibration, ECE_WATCH, ECE_ACT);
  note("stability index of the probability of landing", scorePsi, PSI_WATCH, PSI_ACT);
  const constant = logLoss(
    landed.map(() => rate),
    landed,
  );
  if (loss > constant + LOSS_SLACK)
    found.push({
      level: 2,
      weight: loss / constant,
      reason: `log-loss ${loss.toFixed(3)}, above ${constant.toFixed(3)} of always saying ${rate.toFixed(3)}`,
    });
  const off = featurePsi.filter((psi) => psi > PSI_ACT).length;
  if (off >= MOST_FEATURES_OFF) found.push({ level: 2, weight: off, reason: `${off} of ${FEATURES.length} features are off` });
  for (const [column, psi] of featurePsi.entries())
    note(`stability index of ${FEATURES[column]?.name ?? column}`, psi, PSI_WATCH, Number.POSITIVE_INFINITY);
  found.sort((left, right) => right.level - left.level || right.weight - left.weight);
  return {
    level: LEVELS[found[0]?.level ?? 0] as DriftLevel,
    blocks: blocks.length,
    candidates: known.length,
    landed: landed.filter((each) => each === 1).length,
    logLoss: loss,
    ece: calibration,
    auc: auc(landings, landed),
    featurePsi,
    scorePsi,
    reasons: found.slice(0, MOST_REASONS).map(({ reason }) => reason),
  };
}
