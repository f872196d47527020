import type { Static, TSchema } from "typebox";
import { ActorHeartbeat } from "#proto/actor/v1/heartbeat.ts";
import { ArbitrageObserved } from "#proto/arbitrage/v1/observed.ts";
import { BlockObserved } from "#proto/block/v1/observed.ts";
import { BlockReorged } from "#proto/block/v1/reorged.ts";
import { CycleFound } from "#proto/cycle/v1/found.ts";
import { MessageBuried } from "#proto/dead-letter/v1/buried.ts";
import {
  ExecutionExpired,
  ExecutionFailed,
  ExecutionLanded,
  ExecutionPlanned,
  ExecutionReorged,
  ExecutionSimulated,
  ExecutionSubmitted,
} from "#proto/execution/v1/events.ts";
import { ModelChecked, ModelPromoted, ModelRejected, ModelRolledBack, ModelTrained } from "#proto/model/v1/events.ts";
import { OpportunityScored } from "#proto/opportunity/v1/scored.ts";
import { OutcomeLabelled } from "#proto/outcome/v1/labelled.ts";
import { PoolChanged } from "#proto/pool/v1/changed.ts";
import { PoolDiscovered } from "#proto/pool/v1/discovered.ts";
import { PoolJudged } from "#proto/pool/v1/judged.ts";
import { PoolSnapshotted } from "#proto/pool/v1/snapshotted.ts";
import { PriceChanged } from "#proto/price/v1/changed.ts";
import { TradeSettled } from "#proto/trade/v1/settled.ts";
import { TvlChanged } from "#proto/tvl/v1/changed.ts";

/** This file is the only place that names subjects, streams and buckets. Everything else refers to its rows. */

export type ActorName = "watcher" | "fetcher" | "analyst" | "solver" | "scorer" | "executor" | "trainer" | "gateway";
export const ACTORS: readonly ActorName[] = ["watcher", "fetcher", "analyst", "solver", "scorer", "executor", "trainer", "gateway"];

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const MEBIBYTE = 1024 * 1024;

export interface StreamDefinition {
  /** `chain`: one stream per chain, `HS_<CHAIN>_<suffix>`. `global`: one for the system, `HS_<suffix>`. */
  readonly scope: "chain" | "global";
  readonly suffix: string;
  readonly maxAgeMs: number;
  readonly maxBytes: number;
  /** Keep only so many messages per subject; -1 keeps all. */
  readonly maxPerSubject: number;
  /** Longer than the longest retry horizon of a publisher, so that a repeat is always recognised. */
  readonly duplicateWindowMs: number;
  /** On a cluster: replicas of the stream. A single server has one whatever this says. */
  readonly replicas: 1 | 3;
}

/** MONEY belongs on servers with `sync_interval: always` (docs/adr/0002). */
export const STREAMS = {
  MARKET: {
    scope: "chain",
    suffix: "MARKET",
    maxAgeMs: 6 * HOUR,
    maxBytes: 2048 * MEBIBYTE,
    maxPerSubject: -1,
    duplicateWindowMs: 10 * MINUTE,
    replicas: 1,
  },
  DECISIONS: {
    scope: "chain",
    suffix: "DECISIONS",
    maxAgeMs: 7 * DAY,
    maxBytes: 2048 * MEBIBYTE,
    maxPerSubject: -1,
    duplicateWindowMs: 10 * MINUTE,
    replicas: 1,
  },
  MONEY: {
    scope: "chain",
    suffix: "MONEY",
    maxAgeMs: 0,
    maxBytes: 2048 * MEBIBYTE,
    maxPerSubject: -1,
    duplicateWindowMs: 30 * MINUTE,
    replicas: 3,
  },
  /** What became of models: kept for good, a few a day. */
  MODELS: {
    scope: "chain",
    suffix: "MODELS",
    maxAgeMs: 0,
    maxBytes: 256 * MEBIBYTE,
    maxPerSubject: -1,
    duplicateWindowMs: 30 * MINUTE,
    replicas: 3,
  },
  CONTROL: {
    scope: "global",
    suffix: "CONTROL",
    maxAgeMs: HOUR,
    maxBytes: 64 * MEBIBYTE,
    maxPerSubject: 1,
    duplicateWindowMs: 2 * MINUTE,
    replicas: 1,
  },
  DEAD_LETTERS: {
    scope: "global",
    suffix: "DEAD_LETTERS",
    maxAgeMs: 14 * DAY,
    maxBytes: 256 * MEBIBYTE,
    maxPerSubject: -1,
    duplicateWindowMs: 10 * MINUTE,
    replicas: 3,
  },
} as const satisfies Record<string, StreamDefinition>;
export type StreamKey = keyof typeof STREAMS;

export interface SubjectRow<Schema extends TSchema = TSchema> {
  /** `<chain>` and the keys in angle brackets are tokens filled in by `subjectOf`. */
  readonly subject: string;
  readonly schema: Schema;
  readonly stream: StreamKey;
  readonly producer: ActorName | "every actor";
  readonly consumers: readonly ActorName[];
  readonly says: string;
}

const row = <Schema extends TSchema>(definition: SubjectRow<Schema>): SubjectRow<Schema> => definition;

/** THE table: subject → schema → stream (→ retention, above) → producer → consumers. */
export const SUBJECTS = {
  blockObserved: row({
    subject: "hs.<chain>.block.observed",
    schema: BlockObserved,
    stream: "MARKET",
    producer: "watcher",
    consumers: ["fetcher", "analyst", "solver", "executor", "scorer", "trainer", "gateway"],
    says: "a block with its logs",
  }),
  blockReorged: row({
    subject: "hs.<chain>.block.reorged",
    schema: BlockReorged,
    stream: "MARKET",
    producer: "watcher",
    consumers: ["fetcher", "analyst", "solver", "executor", "scorer", "trainer", "gateway"],
    says: "the head was replaced back to an ancestor",
  }),
  poolDiscovered: row({
    subject: "hs.<chain>.pool.discovered.<dex>",
    schema: PoolDiscovered,
    stream: "MARKET",
    producer: "fetcher",
    consumers: ["analyst", "solver", "trainer", "gateway"],
    says: "a DEX holds these pools",
  }),
  poolChanged: row({
    subject: "hs.<chain>.pool.changed.<dex>",
    schema: PoolChanged,
    stream: "MARKET",
    producer: "fetcher",
    consumers: ["analyst", "solver", "scorer", "trainer"],
    says: "the pools of a DEX after a block",
  }),
  poolJudged: row({
    subject: "hs.<chain>.pool.judged.<dex>",
    schema: PoolJudged,
    stream: "MARKET",
    producer: "fetcher",
    consumers: ["gateway"],
    says: "pools that are not traded, and why",
  }),
  poolSnapshotted: row({
    subject: "hs.<chain>.pool.snapshotted.<dex>",
    schema: PoolSnapshotted,
    stream: "MARKET",
    producer: "fetcher",
    consumers: ["fetcher", "analyst", "solver", "trainer", "gateway"],
    says: "a full state lies in the object store",
  }),
  priceChanged: row({
    subject: "hs.<chain>.price.changed.<scope>",
    schema: PriceChanged,
    stream: "MARKET",
    producer: "analyst",
    consumers: ["scorer", "trainer", "gateway"],
    says: "what tokens are worth after a block",
  }),
  tvlChanged: row({
    subject: "hs.<chain>.tvl.changed.<scope>",
    schema: TvlChanged,
    stream: "MARKET",
    producer: "analyst",
    consumers: ["scorer", "trainer", "gateway"],
    says: "what pools hold after a block",
  }),
  arbitrageObserved: row({
    subject: "hs.<chain>.arbitrage.observed",
    schema: ArbitrageObserved,
    stream: "MARKET",
    producer: "analyst",
    consumers: ["scorer", "trainer", "gateway"],
    says: "arbitrages that somebody landed in a block",
  }),
  cycleFound: row({
    subject: "hs.<chain>.cycle.found",
    schema: CycleFound,
    stream: "DECISIONS",
    producer: "solver",
    consumers: ["scorer", "trainer", "gateway"],
    says: "all sized candidates of a block",
  }),
  opportunityScored: row({
    subject: "hs.<chain>.opportunity.scored",
    schema: OpportunityScored,
    stream: "DECISIONS",
    producer: "scorer",
    consumers: ["executor", "solver", "trainer", "gateway"],
    says: "candidates in order of worth",
  }),
  outcomeLabelled: row({
    subject: "hs.<chain>.outcome.labelled",
    schema: OutcomeLabelled,
    stream: "DECISIONS",
    producer: "trainer",
    consumers: ["trainer", "gateway"],
    says: "what became of each candidate of a ranking",
  }),
  modelTrained: row({
    subject: "hs.<chain>.model.trained",
    schema: ModelTrained,
    stream: "MODELS",
    producer: "trainer",
    consumers: ["scorer", "trainer", "gateway"],
    says: "a model was trained and scores beside the champion",
  }),
  modelPromoted: row({
    subject: "hs.<chain>.model.promoted.<by>",
    schema: ModelPromoted,
    stream: "MODELS",
    producer: "trainer",
    consumers: ["scorer", "trainer", "gateway"],
    says: "a model decides",
  }),
  modelRejected: row({
    subject: "hs.<chain>.model.rejected",
    schema: ModelRejected,
    stream: "MODELS",
    producer: "trainer",
    consumers: ["scorer", "trainer", "gateway"],
    says: "a challenger was not good enough",
  }),
  modelRolledBack: row({
    subject: "hs.<chain>.model.rolled-back.<by>",
    schema: ModelRolledBack,
    stream: "MODELS",
    producer: "trainer",
    consumers: ["scorer", "trainer", "gateway"],
    says: "a model gives its place back",
  }),
  modelChecked: row({
    subject: "hs.<chain>.model.checked",
    schema: ModelChecked,
    stream: "MODELS",
    producer: "trainer",
    consumers: ["scorer", "trainer", "gateway"],
    says: "how the champion does on what was labelled",
  }),
  executionPlanned: row({
    subject: "hs.<chain>.execution.planned.<wallet>",
    schema: ExecutionPlanned,
    stream: "MONEY",
    producer: "executor",
    consumers: ["executor", "scorer", "trainer", "gateway"],
    says: "a transaction was made for an opportunity",
  }),
  executionSimulated: row({
    subject: "hs.<chain>.execution.simulated.<wallet>",
    schema: ExecutionSimulated,
    stream: "MONEY",
    producer: "executor",
    consumers: ["executor", "scorer", "trainer", "gateway"],
    says: "its bytes ran well on the head",
  }),
  executionSubmitted: row({
    subject: "hs.<chain>.execution.submitted.<wallet>",
    schema: ExecutionSubmitted,
    stream: "MONEY",
    producer: "executor",
    consumers: ["executor", "trainer", "gateway"],
    says: "a relay took the bundle",
  }),
  executionLanded: row({
    subject: "hs.<chain>.execution.landed.<wallet>",
    schema: ExecutionLanded,
    stream: "MONEY",
    producer: "executor",
    consumers: ["executor", "scorer", "trainer", "gateway"],
    says: "it is in a block",
  }),
  executionFailed: row({
    subject: "hs.<chain>.execution.failed.<wallet>",
    schema: ExecutionFailed,
    stream: "MONEY",
    producer: "executor",
    consumers: ["executor", "scorer", "trainer", "gateway"],
    says: "it stopped before it was sent",
  }),
  executionExpired: row({
    subject: "hs.<chain>.execution.expired.<wallet>",
    schema: ExecutionExpired,
    stream: "MONEY",
    producer: "executor",
    consumers: ["executor", "trainer", "gateway"],
    says: "its block came without it",
  }),
  executionReorged: row({
    subject: "hs.<chain>.execution.reorged.<wallet>",
    schema: ExecutionReorged,
    stream: "MONEY",
    producer: "executor",
    consumers: ["executor", "trainer", "gateway"],
    says: "the block it landed in was dropped",
  }),
  tradeSettled: row({
    subject: "hs.<chain>.trade.settled.<wallet>",
    schema: TradeSettled,
    stream: "MONEY",
    producer: "executor",
    consumers: ["executor", "trainer", "gateway"],
    says: "what a landed transaction earned",
  }),
  actorHeartbeat: row({
    subject: "hs.global.actor.heartbeat.<instance>",
    schema: ActorHeartbeat,
    stream: "CONTROL",
    producer: "every actor",
    consumers: ["gateway"],
    says: "an instance lives",
  }),
  messageBuried: row({
    subject: "hs.global.dead-letter.buried.<actor>",
    schema: MessageBuried,
    stream: "DEAD_LETTERS",
    producer: "every actor",
    consumers: ["gateway"],
    says: "a message that nothing could be done with",
  }),
} as const;

export type SubjectKey = keyof typeof SUBJECTS;
export type BodyOf<Key extends SubjectKey> = Static<(typeof SUBJECTS)[Key]["schema"]>;
export type AnyBody = BodyOf<SubjectKey>;

const TOKEN = /^[a-z0-9][a-z0-9_-]*$/;

/** Fills a row's tokens. Throws `TypeError` for a missing token or one that a subject cannot carry. */
export function subjectOf(key: SubjectKey, tokens: Readonly<Record<string, string>>): string {
  return SUBJECTS[key].subject.replaceAll(/<([a-z]+)>/g, (_, name: string) => {
    const token = tokens[name];
    if (token === undefined || !TOKEN.test(token))
      throw new TypeError(`subject ${SUBJECTS[key].subject} needs <${name}> as lower-case letters, digits, - or _, got ${token}`);
    return token;
  });
}

/** The filter that matches a row on one chain with any key, or with any chain when none is given. */
export function filterOf(key: SubjectKey, tokens: Readonly<Record<string, string>> = {}): string {
  return SUBJECTS[key].subject.replaceAll(/<([a-z]+)>/g, (_, name: string) => (tokens[name] === undefined ? "*" : tokens[name]));
}

const ROWS_BY_SHAPE = new Map<string, SubjectKey>(
  Object.entries(SUBJECTS).map(([key, { subject }]) => [shapeOf(subject), key as SubjectKey]),
);

/** `hs.base.pool.changed.x` and `hs.<chain>.pool.changed.<dex>` have one shape: entity, event and number of tokens. */
function shapeOf(subject: string): string {
  const tokens = subject.split(".");
  return `${tokens[2]}.${tokens[3]}.${tokens.length}`;
}

/** The row that a concrete subject belongs to, or undefined for a subject that this version does not know. */
export function rowOfSubject(subject: string): SubjectKey | undefined {
  return subject.startsWith("hs.") ? ROWS_BY_SHAPE.get(shapeOf(subject)) : undefined;
}

export function streamName(key: StreamKey, chain: string | null): string {
  const { scope, suffix } = STREAMS[key];
  if (scope === "global") return `HS_${suffix}`;
  if (chain === null) throw new TypeError(`stream ${suffix} exists per chain`);
  return `HS_${chain.toUpperCase().replaceAll("-", "_")}_${suffix}`;
}

/** All subjects a stream captures. */
export function streamSubjects(key: StreamKey, chain: string | null): string[] {
  const own = Object.entries(SUBJECTS).filter(([, { stream }]) => stream === key);
  return own.map(([rowKey]) => filterOf(rowKey as SubjectKey, chain === null ? {} : { chain }));
}

/** Object store bucket with the pool snapshots of a chain. */
export const snapshotBucket = (chain: string): string => `hs_${chain}_snapshots`;
/** Object store bucket with the models of a chain, by version. */
export const modelBucket = (chain: string): string => `hs_${chain}_models`;
/** KV bucket of leases; a lease that is not renewed within LEASE_TTL_MS disappears from it. */
export const LEASE_BUCKET = "hs_leases";
export const LEASE_TTL_MS = 3_000;
