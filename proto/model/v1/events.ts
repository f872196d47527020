import Type, { type Static } from "typebox";
import { Count, messageSchema } from "#proto/scalars.ts";

const nullable = <Schema extends Type.TSchema>(schema: Schema) => Type.Union([schema, Type.Null()]);

/** First 16 digits of the hash of what a model computes (libs/ml/model-folder.ts): the same model has the same version wherever it was trained. */
export const ModelVersion = Type.String({ pattern: "^[0-9a-f]{16}$" });
const Hash = Type.String({ pattern: "^[0-9a-f]{64}$" });

/** A mean with its 95 % interval by paired bootstrap over blocks. */
export const Interval = Type.Object({ mean: Type.Number(), low: Type.Number(), high: Type.Number() });
export type Interval = Static<typeof Interval>;

/** Who says that a model decides, or does no more: the trainer by its gates, or a person by `hyperspeed model`. Each has a subject of its own, so that each has one writer. */
export const MODEL_JUDGES = ["gates", "operator"] as const;
export type ModelJudge = (typeof MODEL_JUDGES)[number];

/** Two models, or a model and the order of net profit, on the same labelled candidates, each by what it said before anything was known. */
export const Comparison = Type.Object({
  champion: ModelVersion,
  challenger: ModelVersion,
  firstBlock: Count,
  lastBlock: Count,
  blocks: Count,
  candidates: Count,
  landed: Count,
  /** Logarithmic loss of landing, challenger less champion: below zero the challenger foretells better. */
  logLoss: Interval,
  /** Wei a block, challenger less champion: what the first of either order came to, by its label. */
  profit: Interval,
  /** Expected calibration errors. */
  eceChampion: Type.Number(),
  eceChallenger: Type.Number(),
  /**
   * The side that is no model's: while none of the chain's own has been promoted net profit decides, so what is compared is its order, with the share that has landed
   * so far as the probability of each. The version on that side is then the installed model's, which decided nothing. Absent: both are models.
   */
  netProfit: Type.Optional(Type.Enum(["champion", "challenger"])),
});
export type Comparison = Static<typeof Comparison>;

/** A model was trained, proven and stored: from here on it scores beside the champion and decides nothing. */
export const ModelTrained = messageSchema("model-trained", {
  name: Type.String(),
  version: ModelVersion,
  parent: nullable(ModelVersion),
  featureSchema: Hash,
  /** `libxgboost` or `built-in`, and its version. */
  engine: Type.String(),
  bytes: Count,
  rows: Count,
  landed: Count,
  firstBlock: Count,
  lastBlock: Count,
  /** On its own test window. */
  auc: Type.Number(),
  logLoss: Type.Number(),
  ece: Type.Number(),
  /** What a row takes in the kernel, microseconds, by the process that trained it. */
  microsPerRow: Type.Number({ minimum: 0 }),
});
export type ModelTrained = Static<typeof ModelTrained>;

/** A model decides: for a share of the blocks (a canary; the rest stays with the champion), or for all, and then it is the champion and the one before scores beside it. */
export const ModelPromoted = messageSchema("model-promoted", {
  version: ModelVersion,
  /** The champion before; null for the first. */
  previous: nullable(ModelVersion),
  share: Type.Number({ exclusiveMinimum: 0, maximum: 1 }),
  by: Type.Enum([...MODEL_JUDGES]),
  /** Null where an operator said so. */
  evidence: nullable(Comparison),
});
export type ModelPromoted = Static<typeof ModelPromoted>;

/**
 * A challenger was not good enough: it scores no more. Or, without a version, there is no new model: a training came to none (`training-failed`), or was not
 * begun because nearly all candidates had the same end (`too-few-outcomes`).
 */
export const ModelRejected = messageSchema("model-rejected", {
  version: nullable(ModelVersion),
  /** The gate that stopped it. */
  reason: Type.Enum([
    "no-gain-in-log-loss",
    "no-gain-in-profit",
    "worse-calibration",
    "too-slow",
    "training-failed",
    "too-few-outcomes",
    "superseded",
  ]),
  detail: Type.String(),
  evidence: nullable(Comparison),
});
export type ModelRejected = Static<typeof ModelRejected>;

/** The champion, or the canary, gives its place back. */
export const ModelRolledBack = messageSchema("model-rolled-back", {
  version: ModelVersion,
  /** Who decides from now on; null: the model that the installation brought. */
  to: nullable(ModelVersion),
  by: Type.Enum([...MODEL_JUDGES]),
  detail: Type.String(),
  evidence: nullable(Comparison),
});
export type ModelRolledBack = Static<typeof ModelRolledBack>;

export const DRIFT_LEVELS = ["stable", "watch", "act"] as const;
export type DriftLevel = (typeof DRIFT_LEVELS)[number];

/**
 * How the champion does on what has been labelled lately. `act`: rows or outcomes are no longer those that it was trained on, or its probabilities are off: limits are
 * tightened and a new model is asked for. Without such a message for a long time a model counts as stale.
 */
export const ModelChecked = messageSchema("model-checked", {
  version: ModelVersion,
  level: Type.Enum([...DRIFT_LEVELS]),
  blocks: Count,
  candidates: Count,
  landed: Count,
  logLoss: Type.Number(),
  ece: Type.Number(),
  /** Population stability index of each feature, in the order of the schema, and of the probability of landing; against the rows of training. */
  featurePsi: Type.Array(Type.Number()),
  scorePsi: Type.Number(),
  /** Why it is not `stable`, worst first. */
  reasons: Type.Array(Type.String()),
});
export type ModelChecked = Static<typeof ModelChecked>;
