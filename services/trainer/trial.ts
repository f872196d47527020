import { type FailingCosts, Pairs } from "#libs/ml/comparison.ts";
import { isNetProfits, type ModelStanding, type RankingChoice } from "#libs/ml/standing.ts";
import type { Comparison, ModelRejected } from "#proto/model/v1/events.ts";
import type { OutcomeLabelled } from "#proto/outcome/v1/labelled.ts";

export interface TrialConfig {
  /** Compared blocks at the first look; each look after it takes twice as many. */
  readonly firstLookBlocks: number;
  readonly looks: number;
  /** No judgement on fewer. */
  readonly leastCandidates: number;
  readonly leastLanded: number;
  /** By so much a challenger's calibration error may be the larger. */
  readonly eceSlack: number;
  readonly canaryShare: number;
  /** Blocks that the canary decides before it decides all. */
  readonly canaryBlocks: number;
  /** Of a kernel's row. */
  readonly mostMicrosPerRow: number;
  readonly failingCosts: FailingCosts;
  /** Who makes the order: what a new model has to be better than. */
  readonly ranking: RankingChoice;
  /** Of the bootstrap. */
  readonly seed: number;
}

/**
 * - `shadow`: a challenger scores and decides nothing
 * - `canary`: it decides a share of the blocks
 * - `probation`: it decides, and the champion before scores beside it
 */
export const STAGES = ["shadow", "canary", "probation"] as const;
export type StageKind = (typeof STAGES)[number];

/** Two models side by side, or one and the order of net profit that decides in the installed one's place, from the event that put them there on. */
export interface Stage {
  readonly kind: StageKind;
  readonly champion: string;
  readonly challenger: string;
  readonly share: number;
  /** The side for which net profit stands, because its model decides nothing: the champion's, or of a probation that of the one before. Null: two models. */
  readonly netProfit: "champion" | "challenger" | null;
  readonly pairs: Pairs;
  /** Labelled blocks since it began, comparable or not. */
  blocks: number;
  /** Looks taken. */
  looks: number;
  /** Something was decided, and is on its way. */
  isDecided: boolean;
}

export type Verdict =
  | { readonly kind: "promote"; readonly share: number; readonly evidence: Comparison }
  | {
      readonly kind: "reject";
      readonly reason: Exclude<ModelRejected["reason"], "training-failed" | "too-few-outcomes" | "superseded">;
      readonly detail: string;
      readonly evidence: Comparison | null;
    }
  /** The canary, or the champion on probation, gives its place back. */
  | { readonly kind: "roll-back"; readonly detail: string; readonly evidence: Comparison | null };

/** The stage that a standing means; the one before where it is the same. Null where nothing is compared. */
export function stageOf(standing: ModelStanding, ownModel: string, ranking: RankingChoice, before: Stage | null): Stage | null {
  const { challenger, challengerIsFormer, canaryShare } = standing;
  const champion = standing.champion ?? ownModel;
  if (challenger === null || challenger === champion) return null;
  const kind = challengerIsFormer ? "probation" : canaryShare > 0 ? "canary" : "shadow";
  if (before?.kind === kind && before.champion === champion && before.challenger === challenger && before.share === canaryShare)
    return before;
  const [side, old] = kind === "probation" ? (["challenger", challenger] as const) : (["champion", champion] as const);
  const netProfit = isNetProfits(old, ownModel, ranking) ? side : null;
  return { kind, champion, challenger, share: canaryShare, netProfit, pairs: new Pairs(), blocks: 0, looks: 0, isDecided: false };
}

/** Takes a block's labels up. A canary is judged by the blocks that it decided: by what happened, not by what would have. */
export function observe(stage: Stage, body: OutcomeLabelled, failingCosts: FailingCosts): void {
  if (body.labels.length === 0) return;
  stage.blocks++;
  const { netProfit, pairs } = stage;
  // Where net profit stands for a model, it is of no consequence whether that one can be scored.
  if (netProfit !== "champion" && body.champion !== stage.champion) return;
  if (netProfit !== "challenger" && body.challenger !== stage.challenger) return;
  if (stage.kind === "canary" && body.ranking !== "challenger") return;
  const judged = body.labels.flatMap((label) => {
    if (label.evaluation.features === null) return [];
    const by = (side: "champion" | "challenger") => (side === netProfit ? pairs.byNetProfit(label) : label.evaluation[side]);
    const [champion, challenger] = [by("champion"), by("challenger")];
    return champion === null || challenger === null ? [] : [{ label, champion, challenger }];
  });
  stage.pairs.add(body.blockNumber, judged, failingCosts);
}

/** Blocks at which a stage is looked at last. */
export function lastLookOf({ kind }: Pick<Stage, "kind">, { firstLookBlocks, looks, canaryBlocks }: TrialConfig): number {
  return kind === "canary" ? canaryBlocks : firstLookBlocks * 2 ** (looks - 1);
}

/**
 * A stage that gets no blocks to compare in so many times as many labelled ones (a model that the scorer refuses; a canary whose draws do not come) has failed:
 * nothing may stay on trial for good.
 */
const PATIENCE = 4;

/** A probation ends by itself: both models have been compared for as long as is looked. */
export function isOver(stage: Stage | null, config: TrialConfig): boolean {
  if (stage === null) return true;
  const last = lastLookOf(stage, config);
  return stage.kind === "probation" && (stage.pairs.blocks >= last || stage.blocks >= last * PATIENCE);
}

/** Clearly to the challenger's disadvantage: a whole interval says so. */
const isClearlyWorse = ({ logLoss, profit }: Comparison): boolean => logLoss.low > 0 || profit.high < 0;
const isClearlyBetter = ({ logLoss, profit }: Comparison): boolean => logLoss.high < 0 || profit.low > 0;

const inWords = ({ logLoss, profit, eceChampion, eceChallenger, blocks, netProfit }: Comparison): string => {
  const interval = ({ mean, low, high }: Comparison["logLoss"]) =>
    `${mean.toPrecision(3)} (${low.toPrecision(3)} to ${high.toPrecision(3)})`;
  const against = netProfit === undefined ? "" : " against net profit";
  return `over ${blocks} blocks${against}: log-loss ${interval(logLoss)}, wei a block ${interval(profit)}, calibration ${eceChallenger.toFixed(3)} for ${eceChampion.toFixed(3)}`;
};

/**
 * Calibration error that a model shows by chance whose probabilities are right: the mean of |N(0, p(1 − p) ÷ rows of a bin)| over ten bins, with the share that lands
 * for p, which is the most that it can be.
 */
function eceByChance({ candidates, landed }: Comparison): number {
  const rate = landed / candidates;
  return Math.sqrt(((2 / Math.PI) * rate * (1 - rate) * 10) / candidates);
}

/** The first gate that a comparison does not pass; null where it passes all. */
export function gateOf(comparison: Comparison, { eceSlack }: TrialConfig): Extract<Verdict, { kind: "reject" }>["reason"] | null {
  if (comparison.logLoss.high >= 0) return "no-gain-in-log-loss";
  if (comparison.profit.low <= 0) return "no-gain-in-profit";
  return comparison.eceChallenger > Math.max(comparison.eceChampion, eceByChance(comparison)) + eceSlack ? "worse-calibration" : null;
}

function compareIn({ champion, challenger, netProfit, pairs }: Stage, { seed }: TrialConfig): Comparison | null {
  const comparison = pairs.compare(champion, challenger, seed);
  return comparison === null || netProfit === null ? comparison : { ...comparison, netProfit };
}

/**
 * What is to be done about a stage now; null for nothing yet. Looks double (250, 500, 1,000, … blocks): who looks at every block until the interval suits finds
 * a gain by chance.
 */
export function judge(stage: Stage, config: TrialConfig): Verdict | null {
  if (stage.isDecided || isOver(stage, config)) return null;
  const { kind } = stage;
  const compare = () => compareIn(stage, config);
  const { pairs } = stage;
  const last = lastLookOf(stage, config);
  const limit = (kind === "canary" ? last / stage.share : last) * PATIENCE;
  if (stage.blocks >= limit && kind !== "probation") {
    const detail = `${pairs.blocks} blocks to compare in ${stage.blocks} labelled ones`;
    const evidence = compare();
    return kind === "canary"
      ? { kind: "roll-back", detail, evidence }
      : { kind: "reject", reason: "no-gain-in-log-loss", detail, evidence };
  }
  const next = kind === "canary" ? config.canaryBlocks : config.firstLookBlocks * 2 ** stage.looks;
  if (pairs.blocks < next) return null;
  stage.looks++;
  const isLast = next >= last;
  const comparison = compare();
  const isEnough = comparison !== null && comparison.candidates >= config.leastCandidates && comparison.landed >= config.leastLanded;
  if (!isEnough) {
    const detail = `${pairs.candidates} candidates, ${pairs.landed} landed, ${pairs.profitBlocks} blocks with both ends known: too few to judge by`;
    if (!isLast || kind === "probation") return null;
    return kind === "canary"
      ? { kind: "roll-back", detail, evidence: comparison }
      : { kind: "reject", reason: "no-gain-in-log-loss", detail, evidence: comparison };
  }
  const detail = inWords(comparison);
  switch (kind) {
    case "shadow": {
      const reason = gateOf(comparison, config);
      if (reason === null) return { kind: "promote", share: config.canaryShare, evidence: comparison };
      return isLast || isClearlyWorse(comparison) ? { kind: "reject", reason, detail, evidence: comparison } : null;
    }
    case "canary":
      return isClearlyWorse(comparison)
        ? { kind: "roll-back", detail, evidence: comparison }
        : { kind: "promote", share: 1, evidence: comparison };
    case "probation":
      // Here the challenger is the champion of before.
      return isClearlyBetter(comparison) ? { kind: "roll-back", detail, evidence: comparison } : null;
  }
}
