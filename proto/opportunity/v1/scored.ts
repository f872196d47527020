import Type, { type Static } from "typebox";
import { CycleId } from "#proto/cycle/v1/found.ts";
import { AddressText, Count, Int, messageSchema, Uint } from "#proto/scalars.ts";

const nullable = <Schema extends Type.TSchema>(schema: Schema) => Type.Union([schema, Type.Null()]);

/** What a model says of a candidate (libs/ml/ensemble.ts). */
export const ModelScore = Type.Object({
  /** Probability of landing. */
  landing: Type.Number({ minimum: 0, maximum: 1 }),
  /** Expected net profit if it lands, wei. */
  profit: Int,
  /** Half of the interval around the profit that holds four of five, on the model's own scale. */
  spread: Type.Number({ minimum: 0 }),
  /** landing · profit − (1 − landing) · cost of failing − what the risk is held to cost, wei: the order of the ranking. */
  value: Int,
});
export type ModelScore = Static<typeof ModelScore>;

/** What had been seen of a candidate when it was ranked, and what the models made of it. */
export const Evaluation = Type.Object({
  /** Under the message's `featureSchema`, null for what was missing; null altogether for a block that had passed, or whose own message had not come yet. */
  features: nullable(Type.Array(nullable(Type.Number()))),
  champion: nullable(ModelScore),
  challenger: nullable(ModelScore),
});
export type Evaluation = Static<typeof Evaluation>;

/** Of a candidate that nobody has looked at. */
export const NOT_EVALUATED: Evaluation = { features: null, champion: null, challenger: null };

/** What a ranking by net profit says of models where none was asked and no stream had been read. */
export const UNTAUGHT = {
  ranking: "net-profit",
  champion: null,
  challenger: null,
  unfit: null,
  explored: false,
  featureSchema: "0".repeat(64),
  seen: { market: 0, money: 0, models: 0 },
  phantoms: [] as string[],
} as const;

export const Scored = Type.Object({
  /** Of a candidate of the CycleFound that the ranking is of: what it is stands there (`causeId`, `causeSequence`), and is not said twice. */
  cycleId: CycleId,
  /** gasEstimate times the most that the next base fee can be, plus the priority fee, wei. */
  gasCost: Uint,
  /** grossProfit less gasCost, wei. */
  netProfit: Int,
  /** 0 is best. */
  rank: Count,
  evaluation: Evaluation,
});
export type Scored = Static<typeof Scored>;

/**
 * Gates of the ranking.
 * - `below-minimum`: net profit below the least that is wanted
 * - `phantom`: it goes through a pool of `phantoms`
 * - `not-worth-the-risk`: by the model, failing costs more than landing brings
 * - `no-model`: a model is to decide and none can be relied on (`unfit` says why)
 */
export const REJECTIONS = ["below-minimum", "phantom", "not-worth-the-risk", "no-model"] as const;
export type Rejection = (typeof REJECTIONS)[number];

/** Why the model that should decide does not. */
export const UNFIT = ["refused", "stale", "no-features"] as const;
export type Unfit = (typeof UNFIT)[number];

/** How an order was made. `net-profit`: net profit after gas, no model. `champion`, `challenger`: by the `value` that this model gives. `none`: a model was to decide and none could; nothing passes. */
export const Ranking = Type.Enum(["net-profit", "champion", "challenger", "none"]);

/** Candidates of one block in the order in which they deserve execution. One message for each CycleFound, also with none left. */
export const OpportunityScored = messageSchema("opportunity-scored", {
  epoch: Count,
  /** Sequence of the CycleFound in its stream. */
  causeSequence: Count,
  ranking: Ranking,
  /** Versions of the models whose scores are in the evaluations; null where there is none. */
  champion: nullable(Type.String()),
  challenger: nullable(Type.String()),
  unfit: nullable(Type.Enum([...UNFIT])),
  /** In this block the first place went to a candidate drawn from all that passed, so that outcomes are not only of what models prefer. */
  explored: Type.Boolean(),
  /** SHA-256 of the feature schema (libs/ml/features.ts). */
  featureSchema: Type.String({ pattern: "^[0-9a-f]{64}$" }),
  /** Sequences through which the streams had been read: with them, and nothing later, rows and order come out the same again. */
  seen: Type.Object({ market: Count, money: Count, models: Count }),
  /** Base fee per gas that the next block may have at most (EIP-1559: 12.5 % above this one's), wei. */
  maxNextBaseFeePerGas: Uint,
  /** Paid to the builder above the base fee, wei per gas: the executor sends what was counted on. */
  priorityFeePerGas: Uint,
  /**
   * Pools whose promises were never kept of late (libs/history/blocks.ts): profitable at rest, broken, taxed. Nothing goes through them, and searches go without them, until
   * the simulations that said so are forgotten.
   */
  phantoms: Type.Array(AddressText),
  opportunities: Type.Array(Scored),
  /** Candidates that did not pass, with the gate that stopped them, best net profit first. */
  rejected: Type.Array(Type.Object({ cycleId: CycleId, reason: Type.Enum([...REJECTIONS]), netProfit: Int, evaluation: Evaluation })),
});
export type OpportunityScored = Static<typeof OpportunityScored>;
