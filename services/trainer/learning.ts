import { count, type Effect, type Publish, publish, type Received } from "#libs/actor/actor.ts";
import { lessonOf } from "#libs/ml/dataset.ts";
import type { ModelDistribution } from "#libs/ml/distribution.ts";
import { SCHEMA_HASH } from "#libs/ml/features.ts";
import { type MODEL_KEYS, type ModelStanding, NO_STANDING, standingAfter } from "#libs/ml/standing.ts";
import { DRIFT_LEVELS, type ModelChecked, type ModelTrained } from "#proto/model/v1/events.ts";
import type { OutcomeLabelled } from "#proto/outcome/v1/labelled.ts";
import { check, type DriftConfig, type RecentBlock, recentOf } from "#services/trainer/drift.ts";
import { isOver, judge, lastLookOf, observe, STAGES, type Stage, stageOf, type TrialConfig } from "#services/trainer/trial.ts";

export interface LearningConfig {
  /** Version of the model that the installation brings: champion until another is promoted. */
  readonly ownModel: string;
  readonly training: {
    /** Labelled blocks from one training to the next; a quarter of it where the champion has drifted. */
    readonly everyBlocks: number;
    /** New candidates of either outcome without which training is not worth its while. */
    readonly leastOfEach: number;
    /** Labels of so many blocks are trained on. */
    readonly windowBlocks: number;
    readonly seed: number;
  };
  readonly trial: TrialConfig;
  readonly drift: DriftConfig;
}

type At = Pick<OutcomeLabelled, "blockNumber" | "blockHash" | "observedAtMs">;

/** Where effects go: a list that may hold other requests as well. */
type Effects = Pick<Effect<LearningRequest>[], "push">;

/** Everything that decides what a training comes to. */
export interface TrainRequest {
  readonly call: "train";
  /** Message id of the labels that it was asked for on. */
  readonly causeId: string;
  readonly at: At;
  /** Labels of this block and later ones… */
  readonly firstBlock: number;
  /** …up to this sequence of DECISIONS. */
  readonly lastSequence: number;
  /** The champion: what is to be improved on. */
  readonly parent: string;
  readonly seed: number;
}

/** What a training process says at its end. */
export type TrainingResult =
  | ({ readonly ok: true } & Omit<
      ModelTrained,
      "kind" | "v" | "chainId" | "blockNumber" | "blockHash" | "observedAtMs" | "causeId" | "parent"
    >)
  | { readonly ok: false; readonly detail: string };

export type LearningRequest = TrainRequest | { readonly call: "load-distribution"; readonly version: string };
export type LearningReply =
  /** The child runs; it says by itself when it is done. */
  | { readonly kind: "training-begun" }
  | { readonly kind: "training-ended"; readonly request: TrainRequest; readonly result: TrainingResult }
  | { readonly kind: "distribution-loaded"; readonly version: string; readonly distribution: ModelDistribution | null };

type Said = Received<(typeof MODEL_KEYS)[number]>;

/**
 * What is learnt from labels, and what is done about it. A fold of outcome.labelled and of the events of models in the order in which the broker stored them: the
 * same streams give the same events. What it says comes back to it through the stream, and counts from there on.
 */
export interface Learning {
  standing: ModelStanding;
  stage: Stage | null;
  /** Of the champion's training. */
  distribution: { readonly version: string; readonly of: ModelDistribution | null } | null;
  /** Ids of the events that the stream holds: what has been said is not said again. */
  readonly said: Set<string>;
  /** Ids of the labels on which a training was asked for that has come to its end. */
  readonly answered: Set<string>;
  /** Labels since the last training was asked for. */
  fresh: { blocks: number; landed: number; lost: number };
  /** Asked for and not ended, as far as the streams tell; `isRunning`: by this process. */
  training: { readonly request: TrainRequest; isRunning: boolean } | null;
  recent: RecentBlock[];
  /** Newest labelled block. */
  lastBlock: number | null;
}

/** `distribution`: of the champion where no other has been promoted. */
export function noLearning(distribution: Learning["distribution"] = null): Learning {
  return {
    standing: NO_STANDING,
    stage: null,
    distribution,
    said: new Set(),
    answered: new Set(),
    fresh: { blocks: 0, landed: 0, lost: 0 },
    training: null,
    recent: [],
    lastBlock: null,
  };
}

interface Where {
  readonly chain: string;
  readonly chainId: number;
  readonly learning: LearningConfig;
}

export const isLearningReply = (reply: { readonly kind: string }): reply is LearningReply =>
  reply.kind === "training-begun" || reply.kind === "training-ended" || reply.kind === "distribution-loaded";

/** An event has come from the stream; its turn (`learnFromModel`) comes when all that was stored before it has been taken up. */
export function hear({ said, answered }: Learning, message: Said): void {
  said.add(message.meta.id);
  const { body } = message;
  const endsTraining = body.kind === "model-trained" || (body.kind === "model-rejected" && body.reason === "training-failed");
  if (endsTraining && body.causeId !== null) answered.add(body.causeId);
}

const championOf = ({ standing }: Learning, { learning }: Where): string => standing.champion ?? learning.ownModel;

const envelope = ({ blockNumber, blockHash, observedAtMs }: At, causeId: string, { chainId }: Where) =>
  ({ v: 1, chainId, blockNumber, blockHash, observedAtMs, causeId }) as const;

/** Publishes unless the stream has it. */
function say(learning: Learning, effect: Publish, effects: Effects): void {
  if (learning.said.has(effect.messageId)) return;
  effects.push(effect);
  const { body } = effect;
  if (body.kind === "model-trained") effects.push(count("modelTrainings", { result: "trained" }));
  else if (body.kind === "model-rejected" && body.reason === "training-failed") effects.push(count("modelTrainings", { result: "failed" }));
  else if (body.kind === "model-rejected" && body.reason === "too-few-outcomes")
    effects.push(count("modelTrainings", { result: "not-begun" }));
  else if (body.kind === "model-rejected") effects.push(count("modelDecisions", { event: "rejected" }));
  else if (body.kind === "model-promoted") effects.push(count("modelDecisions", { event: body.share < 1 ? "canary" : "promoted" }));
  else if (body.kind === "model-rolled-back") effects.push(count("modelDecisions", { event: "rolled-back" }));
}

/** Takes up an event of models. The version whose distribution has to be loaded before anything else is taken up; null for none. */
export function learnFromModel(learning: Learning, { body, meta }: Said, where: Where, effects: Effects): string | null {
  const before = { champion: championOf(learning, where), stage: learning.stage };
  learning.standing = standingAfter(learning.standing, body);
  const stage = stageOf(learning.standing, where.learning.ownModel, where.learning.trial.ranking, before.stage);
  learning.stage = stage;
  if (learning.training !== null && learning.answered.has(learning.training.request.causeId)) learning.training = null;
  if (body.kind === "model-trained" && stage?.challenger === body.version && body.microsPerRow > where.learning.trial.mostMicrosPerRow) {
    const detail = `${body.microsPerRow.toFixed(1)} µs a row, ${where.learning.trial.mostMicrosPerRow} are allowed`;
    if (stage !== null) stage.isDecided = true;
    const rejection = { kind: "model-rejected", version: body.version, reason: "too-slow", detail, evidence: null } as const;
    const { chain } = where;
    say(
      learning,
      publish("modelRejected", { chain }, `rejected:${chain}:${meta.id}`, { ...envelope(body, meta.id, where), ...rejection }),
      effects,
    );
  }
  supersede(learning, before.stage, { body, meta }, where, effects);
  showModels(before, { champion: championOf(learning, where), stage }, effects);
  if (body.kind === "model-checked") showCheck(body, effects);
  const champion = championOf(learning, where);
  if (learning.distribution?.version === champion) return null;
  effects.push({ type: "call", request: { call: "load-distribution", version: champion } });
  return champion;
}

/** A person has chosen otherwise while a model was on trial: it is said what became of it. */
function supersede(
  learning: Learning,
  before: Stage | null,
  { body, meta }: Pick<Said, "body" | "meta">,
  where: Where,
  effects: Effects,
): void {
  if (body.kind !== "model-promoted" && body.kind !== "model-rolled-back") return;
  if (body.by !== "operator" || before === null || before.kind === "probation" || body.version === before.challenger) return;
  const { champion, challenger } = learning.standing;
  if (champion === before.challenger || challenger === before.challenger) return;
  const rejection = {
    kind: "model-rejected",
    version: before.challenger,
    reason: "superseded",
    detail: `an operator chose otherwise: ${body.kind} ${body.version}`,
    evidence: null,
  } as const;
  const { chain } = where;
  say(
    learning,
    publish("modelRejected", { chain }, `rejected:${chain}:${meta.id}`, { ...envelope(body, meta.id, where), ...rejection }),
    effects,
  );
}

type Shown = { readonly champion: string; readonly stage: Stage | null };
const rolesOf = ({ champion, stage }: Shown): ReadonlyMap<string, readonly [version: string, role: string]> => {
  const roles: (readonly [version: string, role: string])[] = [[champion, "champion"]];
  if (stage !== null) roles.push([stage.challenger, ROLES[stage.kind]]);
  return new Map(roles.map((each) => [each.join(), each]));
};
const ROLES = { shadow: "challenger", canary: "canary", probation: "former" } as const satisfies Record<Stage["kind"], string>;

function showModels(before: Shown, now: Shown, effects: Effects): void {
  const [was, is] = [rolesOf(before), rolesOf(now)];
  for (const [key, [version, role]] of was) if (!is.has(key)) effects.push(count("modelInfo", { version, role }, 0));
  for (const [version, role] of is.values()) effects.push(count("modelInfo", { version, role }, 1));
  if (before.stage === now.stage) return;
  for (const stage of STAGES) if (stage !== now.stage?.kind) effects.push(count("modelTrialProgress", { stage }, 0));
}

/** Takes up what became of a block's candidates: counts, looks at the trial, checks the champion, asks for a training. */
export function learnFromLabels(
  learning: Learning,
  body: OutcomeLabelled,
  meta: Pick<Said["meta"], "id" | "sequence">,
  where: Where,
  effects: Effects,
): void {
  // Rows of another schema say nothing to today's models.
  if (body.featureSchema !== SCHEMA_HASH) return;
  const { fresh, stage } = learning;
  const previous = learning.lastBlock;
  learning.lastBlock = Math.max(previous ?? 0, body.blockNumber);
  fresh.blocks++;
  for (const label of body.labels) {
    const lesson = lessonOf(label);
    if (lesson !== null) fresh[lesson.landed ? "landed" : "lost"]++;
  }
  const recent = recentOf(body);
  if (recent !== null) learning.recent.push(recent);
  const { drift, trial } = where.learning;
  const oldest = learning.lastBlock - drift.windowBlocks;
  while ((learning.recent[0]?.blockNumber ?? Number.POSITIVE_INFINITY) <= oldest) learning.recent.shift();

  if (stage !== null) {
    observe(stage, body, trial.failingCosts);
    effects.push(count("modelTrialProgress", { stage: stage.kind }, Math.min(1, stage.pairs.blocks / lastLookOf(stage, trial))));
    lookAt(learning, stage, body, meta.id, where, effects);
  }
  // By the chain's numbers, so that it does not depend on where the stream was read from.
  const isDue = previous !== null && Math.floor(body.blockNumber / drift.everyBlocks) > Math.floor(previous / drift.everyBlocks);
  if (isDue) checkChampion(learning, body, meta.id, where, effects);
  askForTraining(learning, body, meta, where, effects);
}

function lookAt(learning: Learning, stage: Stage, at: At, causeId: string, where: Where, effects: Effects): void {
  const verdict = judge(stage, where.learning.trial);
  if (verdict === null) return;
  stage.isDecided = true;
  const { chain } = where;
  const shared = envelope(at, causeId, where);
  const { champion, challenger, kind } = stage;
  switch (verdict.kind) {
    case "promote": {
      const { share, evidence } = verdict;
      const promotion = { kind: "model-promoted", version: challenger, previous: champion, share, by: "gates", evidence } as const;
      say(learning, publish("modelPromoted", { chain, by: "gates" }, `promoted:${chain}:${causeId}`, { ...shared, ...promotion }), effects);
      return;
    }
    case "reject": {
      const { reason, detail, evidence } = verdict;
      const rejection = { kind: "model-rejected", version: challenger, reason, detail, evidence } as const;
      say(learning, publish("modelRejected", { chain }, `rejected:${chain}:${causeId}`, { ...shared, ...rejection }), effects);
      return;
    }
    case "roll-back": {
      const { detail, evidence } = verdict;
      // A canary gives its blocks to the champion; a champion on probation its place to the one before.
      const [version, to] = kind === "canary" ? [challenger, champion] : [champion, challenger];
      const back = { kind: "model-rolled-back", version, to, by: "gates", detail, evidence } as const;
      say(learning, publish("modelRolledBack", { chain, by: "gates" }, `rolled-back:${chain}:${causeId}`, { ...shared, ...back }), effects);
    }
  }
}

function checkChampion(learning: Learning, at: At, causeId: string, where: Where, effects: Effects): void {
  const version = championOf(learning, where);
  const own = learning.recent.filter(({ champion }) => champion === version);
  const distribution = learning.distribution?.version === version ? learning.distribution.of : null;
  const found = check(own, distribution, where.learning.drift);
  if (found === null) return;
  const { auc, ...checked } = found;
  const { chain } = where;
  const body = { ...envelope(at, causeId, where), kind: "model-checked", version, ...checked } as const;
  say(learning, publish("modelChecked", { chain }, `checked:${chain}:${causeId}`, body), effects);
  if (!Number.isNaN(auc)) effects.push(count("modelAuc", {}, auc));
}

function showCheck({ logLoss, ece, featurePsi, scorePsi, level }: ModelChecked, effects: Effects): void {
  effects.push(
    count("modelLogLoss", {}, logLoss),
    count("modelEce", {}, ece),
    count("modelPsiMax", { of: "features" }, Math.max(0, ...featurePsi)),
    count("modelPsiMax", { of: "landing" }, scorePsi),
    count("modelDrift", {}, DRIFT_LEVELS.indexOf(level)),
  );
}

function askForTraining(
  learning: Learning,
  at: At,
  { id, sequence }: Pick<Said["meta"], "id" | "sequence">,
  where: Where,
  effects: Effects,
): void {
  const { fresh, standing, answered } = learning;
  const { everyBlocks, leastOfEach, windowBlocks, seed } = where.learning.training;
  const isAnswered = answered.has(id);
  const every = standing.drift === "act" ? Math.ceil(everyBlocks / 4) : everyBlocks;
  const hasBoth = Math.min(fresh.landed, fresh.lost) >= leastOfEach;
  const isDue = fresh.blocks >= every && hasBoth;
  const isFree = learning.training === null && (learning.stage === null || isOver(learning.stage, where.learning.trial));
  // Said as often as a training would have come; what has been counted stays, so that the rarer end may come together.
  if (isFree && !hasBoth && fresh.blocks % every === 0) say(learning, notBegun(learning, at, id, where), effects);
  if (!isAnswered && !(isDue && isFree)) return;
  learning.fresh = { blocks: 0, landed: 0, lost: 0 };
  if (isAnswered && !(isDue && isFree)) return;
  const firstBlock = Math.max(0, at.blockNumber - windowBlocks + 1);
  const parent = championOf(learning, where);
  const { blockNumber, blockHash, observedAtMs } = at;
  const request = {
    call: "train",
    causeId: id,
    at: { blockNumber, blockHash, observedAtMs },
    firstBlock,
    lastSequence: sequence,
    parent,
    seed,
  } as const;
  learning.training = { request, isRunning: false };
}

function notBegun({ fresh }: Learning, at: At, causeId: string, where: Where): Publish {
  const { chain, learning } = where;
  const { leastOfEach } = learning.training;
  const detail = `not begun: of the candidates of ${fresh.blocks} blocks ${fresh.landed} landed and ${fresh.lost} did not, ${leastOfEach} of each are needed`;
  const rejection = { kind: "model-rejected", version: null, reason: "too-few-outcomes", detail, evidence: null } as const;
  return publish("modelRejected", { chain }, `not-begun:${chain}:${causeId}`, { ...envelope(at, causeId, where), ...rejection });
}

/** All that was stored has been taken up: a training that the streams hold no end of is begun. */
export function beginTraining({ training }: Learning, effects: Effects): void {
  if (training === null || training.isRunning) return;
  training.isRunning = true;
  effects.push({ type: "call", request: training.request });
}

export function learnFromReply(learning: Learning, reply: LearningReply, where: Where, effects: Effects): void {
  switch (reply.kind) {
    case "training-begun":
      return;
    case "distribution-loaded":
      learning.distribution = { version: reply.version, of: reply.distribution };
      return;
    case "training-ended":
      say(learning, endOf(reply, where), effects);
  }
}

function endOf({ request, result }: Extract<LearningReply, { kind: "training-ended" }>, where: Where): Publish {
  const { chain } = where;
  const shared = envelope(request.at, request.causeId, where);
  const id = `${chain}:${request.causeId}`;
  const isNew = result.ok && result.version !== request.parent;
  if (!isNew) {
    const detail = result.ok ? "it came to the champion itself" : result.detail;
    const rejection = { kind: "model-rejected", version: null, reason: "training-failed", detail, evidence: null } as const;
    return publish("modelRejected", { chain }, `training-failed:${id}`, { ...shared, ...rejection });
  }
  const { ok: _, ...model } = result;
  return publish("modelTrained", { chain }, `trained:${id}`, { ...shared, kind: "model-trained", parent: request.parent, ...model });
}
