import type { ChainConfig } from "#libs/chains/chain.ts";
import type { ActorHeartbeat } from "#proto/actor/v1/heartbeat.ts";
import type { Candidate } from "#proto/cycle/v1/found.ts";
import type { Mode } from "#proto/execution/v1/events.ts";
import type { OpportunityScored, Scored } from "#proto/opportunity/v1/scored.ts";
import type { AnyBody, SubjectKey } from "#proto/subjects.ts";
import type { BlockView, BuriedView, ProfitPoint, TokenView } from "#services/gateway/api.ts";
import type { GatewayConfig } from "#services/gateway/config.ts";
import type { LearningModel } from "#services/gateway/learning.ts";
import type { Ledger } from "#services/gateway/ledger.ts";
import type { MarketModel } from "#services/gateway/market.ts";

/** The shape of the read model, which read-model.ts builds and views.ts reads. */

export interface MessageMeta {
  /** Message id as published; empty when the publisher gave none. */
  readonly id: string;
  readonly stream: string;
  readonly sequence: number;
  readonly subject: string;
  /** When the broker stored it. */
  readonly storedAtMs: number;
}

export interface ReadMessage {
  readonly key: SubjectKey;
  readonly body: AnyBody;
  readonly meta: MessageMeta;
}

export type ReadModelBounds = Pick<
  GatewayConfig,
  | "opportunitiesKept"
  | "tradesKept"
  | "executionsKept"
  | "profitPointsKept"
  | "latencyWindow"
  | "pricesKept"
  | "poolValuesKept"
  | "arbitragesKept"
  | "rejectionsKept"
  | "outcomesKept"
  | "modelEventsKept"
  | "modelsMeasured"
  | "labelStretchesKept"
>;

export interface ReadModelOptions {
  readonly chains: readonly { readonly config: ChainConfig; readonly mode: Mode }[];
  readonly bounds: ReadModelBounds;
}

/** The position of the head: after a reorganisation a lower block of a later epoch is the newer one. */
export interface Head {
  readonly epoch: number;
  readonly blockNumber: number;
  readonly blockHash: string;
}

export interface KnownBlock {
  /** Null while only its dropping is known. */
  view: BlockView | null;
  readonly blockNumber: number;
  /** Epoch it was last observed in, and last dropped in; -1 for never. */
  observedEpoch: number;
  droppedEpoch: number;
}

export interface KnownOpportunity {
  readonly id: string;
  readonly scored: Scored;
  readonly body: Pick<OpportunityScored, "blockNumber" | "blockHash" | "observedAtMs" | "ranking" | "explored">;
  /** A ranking names its candidates only: the rest is what the search said of them. Null where that has not been read. */
  candidate: Candidate | null;
}

export interface KnownRejection {
  readonly id: string;
  readonly rejected: OpportunityScored["rejected"][number];
  /** Place in its message. */
  readonly place: number;
  readonly body: Pick<OpportunityScored, "blockNumber" | "blockHash" | "observedAtMs" | "ranking" | "unfit">;
  /** As an opportunity's. */
  candidate: Candidate | null;
}

export interface DexPools {
  family: string | null;
  pools: number;
  /** Taken out because the chain contradicted them. */
  quarantined: Set<string>;
  asOfBlock: number;
  /** Sequence of the snapshot that `pools` starts from: what was discovered before lies inside it. */
  snapshotSequence: number;
  /** Discoveries whose snapshot has not come: sequence → pools. */
  readonly discovered: Map<number, number>;
}

export interface ChainModel {
  readonly config: ChainConfig;
  mode: Mode;
  modeSequence: number;
  readonly tokens: ReadonlyMap<string, TokenView>;
  head: Head | null;
  /** Latest blocks by hash, oldest first. */
  readonly blocks: Map<string, KnownBlock>;
  blocksObserved: number;
  reorgs: number;
  deepestReorg: number;
  readonly pools: Map<string, DexPools>;
  cycles: number;
  candidates: number;
  opportunitiesScored: number;
  readonly rejected: Map<string, number>;
  /** By id, oldest first. */
  readonly opportunities: Map<string, KnownOpportunity>;
  /** By id, oldest first. */
  readonly rejections: Map<string, KnownRejection>;
  /** Latest candidates of the search by cycleId@blockHash, oldest first: what rejections are completed with. */
  readonly candidatesFound: Map<string, Candidate>;
  readonly market: MarketModel;
  readonly learning: LearningModel;
  readonly ledger: Ledger;
  profitPoints: ProfitPoint[];
  readonly blockToCycleMs: number[];
  readonly blockToBundleMs: number[];
}

/** Which messages were applied: exact, although bounded. */
export interface Seen {
  /** Latest ids → sequence, oldest first. */
  readonly recent: Map<string, number>;
  /** Highest sequence ever pushed out of `recent`: anything up to it has been applied. */
  forgottenUpTo: number;
}

export interface KnownActor {
  readonly body: ActorHeartbeat;
  readonly seenAtMs: number;
}

export interface ReadModel {
  readonly options: ReadModelOptions;
  /** Grows with every message applied, so that a reader knows whether anything changed. */
  version: number;
  readonly chains: ReadonlyMap<string, ChainModel>;
  readonly actors: Map<string, KnownActor>;
  readonly seen: Map<string, Seen>;
  messages: number;
  duplicates: number;
  readonly messagesByKind: Map<string, number>;
  deadLetters: number;
  readonly deadLettersByReason: Map<string, number>;
  readonly recentDeadLetters: BuriedView[];
}
