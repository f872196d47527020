import type { ChainConfig } from "#libs/chains/chain.ts";
import type { ActorHeartbeat } from "#proto/actor/v1/heartbeat.ts";
import type { BlockObserved } from "#proto/block/v1/observed.ts";
import type { BlockReorged } from "#proto/block/v1/reorged.ts";
import type { CycleFound } from "#proto/cycle/v1/found.ts";
import type { Mode } from "#proto/execution/v1/events.ts";
import type { OpportunityScored } from "#proto/opportunity/v1/scored.ts";
import type { SubjectKey } from "#proto/subjects.ts";
import type { ModelEvent } from "#services/gateway/api.ts";
import { applyLabels, applyModelEvent, applyRanking, emptyLearning, standingView } from "#services/gateway/learning.ts";
import { applyExecution, type ExecutionEvent, emptyLedger, opportunityIdOf } from "#services/gateway/ledger.ts";
import { applyArbitrages, applyPrices, applyTvl, emptyMarket } from "#services/gateway/market.ts";
import type {
  ChainModel,
  DexPools,
  Head,
  KnownBlock,
  KnownOpportunity,
  MessageMeta,
  ReadMessage,
  ReadModel,
  ReadModelBounds,
  ReadModelOptions,
} from "#services/gateway/model.ts";
import { blockView, opportunityView, tradeView } from "#services/gateway/views.ts";

/**
 * The gateway's read model: a pure fold of the streams. The same messages give the same model, in whatever order the streams interleave and however
 * often a message comes. It is rebuilt from the streams at every start. Updated in place by its single owner; views.ts reads it.
 */

/** Redelivery comes within seconds; a message that comes this many messages late on one subject is taken for a repeat. */
const RECENT_IDS_KEPT = 4_096;
/** Deeper than any reorganisation that the watcher follows (128). */
const BLOCKS_KEPT = 256;
/** Several per actor, chain and DEX, with those of earlier processes; the stream itself keeps an hour of them. */
const ACTORS_KEPT = 512;
const DEAD_LETTERS_SHOWN = 20;
/** The ranking follows its search at once: some 64 blocks of 16 candidates. */
const CANDIDATES_KEPT = 1_024;

export function initialReadModel(options: ReadModelOptions): ReadModel {
  return {
    options,
    version: 0,
    chains: new Map(options.chains.map(({ config, mode }) => [config.key, initialChain(config, mode)])),
    actors: new Map(),
    seen: new Map(),
    messages: 0,
    duplicates: 0,
    messagesByKind: new Map(),
    deadLetters: 0,
    deadLettersByReason: new Map(),
    recentDeadLetters: [],
  };
}

function initialChain(config: ChainConfig, mode: Mode): ChainModel {
  return {
    config,
    mode,
    modeSequence: -1,
    tokens: new Map(config.tokens.map(({ address, symbol, decimals }) => [address, { address, symbol, decimals }])),
    head: null,
    blocks: new Map(),
    blocksObserved: 0,
    reorgs: 0,
    deepestReorg: 0,
    pools: new Map(),
    cycles: 0,
    candidates: 0,
    opportunitiesScored: 0,
    rejected: new Map(),
    opportunities: new Map(),
    rejections: new Map(),
    candidatesFound: new Map(),
    market: emptyMarket(),
    learning: emptyLearning(),
    ledger: emptyLedger(config.wrappedNative),
    profitPoints: [],
    blockToCycleMs: [],
    blockToBundleMs: [],
  };
}

/** Applies a message. Returns what changed, for WebSocket clients; nothing for a repeat or a chain that this gateway does not serve. */
export function applyMessage(model: ReadModel, { key, body, meta }: ReadMessage): ModelEvent[] {
  if (!isNew(model, key, meta)) {
    model.duplicates += 1;
    return [];
  }
  model.version += 1;
  model.messages += 1;
  increment(model.messagesByKind, key);

  if (body.kind === "actor-heartbeat") {
    applyHeartbeat(model, body, meta);
    return [];
  }
  if (body.kind === "message-buried") {
    const { payload: _, kind: __, v: ___, instance: ____, messageId: _____, deliveries: ______, ...shown } = body;
    model.deadLetters += 1;
    increment(model.deadLettersByReason, body.reason);
    model.recentDeadLetters.unshift(shown);
    model.recentDeadLetters.length = Math.min(model.recentDeadLetters.length, DEAD_LETTERS_SHOWN);
    return [];
  }

  const chain = model.chains.get(meta.subject.split(".")[1] ?? "");
  if (chain === undefined) return [];
  const { bounds } = model.options;
  switch (body.kind) {
    case "block-observed":
      return applyBlock(chain, body);
    case "block-reorged":
      return applyReorg(chain, body);
    case "pool-discovered": {
      const dex = dexPools(chain, body.dex);
      dex.family = body.pools.family;
      dex.asOfBlock = Math.max(dex.asOfBlock, body.blockNumber);
      if (meta.sequence > dex.snapshotSequence) {
        dex.pools += body.pools.rows.length;
        dex.discovered.set(meta.sequence, body.pools.rows.length);
      }
      return [];
    }
    case "pool-snapshotted": {
      const dex = dexPools(chain, body.dex);
      dex.asOfBlock = Math.max(dex.asOfBlock, body.blockNumber);
      if (meta.sequence > dex.snapshotSequence) {
        dex.snapshotSequence = meta.sequence;
        dex.pools = body.pools;
        for (const [sequence, pools] of dex.discovered) {
          if (sequence > meta.sequence) dex.pools += pools;
          else dex.discovered.delete(sequence);
        }
      }
      return [];
    }
    case "pool-judged":
      if (body.verdict === "quarantined") for (const [pool] of body.rows) dexPools(chain, body.dex).quarantined.add(pool);
      return [];
    case "pool-changed":
      return [];
    case "price-changed":
      applyPrices(chain.market, body, bounds);
      return [];
    case "tvl-changed":
      applyTvl(chain.market, body, bounds);
      return [];
    case "arbitrage-observed":
      applyArbitrages(chain.market, body, bounds);
      return [];
    case "cycle-found":
      pushBounded(chain.blockToCycleMs, Math.max(0, meta.storedAtMs - body.observedAtMs), bounds.latencyWindow);
      return applyFound(chain, body);
    case "opportunity-scored":
      applyRanking(chain.learning, body, meta.sequence, bounds);
      return applyScored(chain, body, bounds);
    case "outcome-labelled":
      applyLabels(chain.learning, body, bounds);
      return body.labels.flatMap(({ cycleId }): ModelEvent[] => {
        const opportunity = chain.opportunities.get(opportunityIdOf(cycleId, body.blockHash));
        return opportunity === undefined ? [] : opportunityEvent(chain, opportunity);
      });
    case "model-trained":
    case "model-promoted":
    case "model-rejected":
    case "model-rolled-back":
    case "model-checked": {
      applyModelEvent(chain.learning, body, meta, bounds);
      const { kind, version } = body;
      const standing = standingView(chain.learning);
      return [{ type: "model", data: { chain: chain.config.key, kind, version, atMs: meta.storedAtMs, standing } }];
    }
    default:
      return applyExecutionEvent(chain, body, meta, bounds);
  }
}

/** Exactly once: by id among the latest, by sequence before those. Per kind and stream, since kinds may be read at different paces. */
function isNew(model: ReadModel, key: SubjectKey, meta: MessageMeta): boolean {
  const place = `${meta.stream}/${key}`;
  let seen = model.seen.get(place);
  if (seen === undefined) {
    seen = { recent: new Map(), forgottenUpTo: -1 };
    model.seen.set(place, seen);
  }
  // A heartbeat is worth its time, whatever its id: an instance repeats none.
  const id = meta.id === "" ? `#${meta.sequence}` : meta.id;
  if (meta.sequence <= seen.forgottenUpTo || seen.recent.has(id)) return false;
  seen.recent.set(id, meta.sequence);
  if (seen.recent.size > RECENT_IDS_KEPT) {
    const oldest = seen.recent.entries().next().value;
    if (oldest !== undefined) {
      seen.recent.delete(oldest[0]);
      seen.forgottenUpTo = Math.max(seen.forgottenUpTo, oldest[1]);
    }
  }
  return true;
}

function applyHeartbeat(model: ReadModel, body: ActorHeartbeat, meta: MessageMeta): void {
  const known = model.actors.get(body.instance);
  if (known !== undefined && known.body.atMs > body.atMs) return;
  model.actors.delete(body.instance);
  model.actors.set(body.instance, { body, seenAtMs: meta.storedAtMs });
  // Map order is order of the last heartbeat, so the first is the longest silent.
  if (model.actors.size > ACTORS_KEPT) model.actors.delete(model.actors.keys().next().value ?? "");
}

function isAhead(head: Head | null, other: Head): boolean {
  return head === null || other.epoch > head.epoch || (other.epoch === head.epoch && other.blockNumber >= head.blockNumber);
}

function knownBlock(chain: ChainModel, blockHash: string, blockNumber: number): KnownBlock {
  let block = chain.blocks.get(blockHash);
  if (block === undefined) {
    block = { view: null, blockNumber, observedEpoch: -1, droppedEpoch: -1 };
    chain.blocks.set(blockHash, block);
    if (chain.blocks.size > BLOCKS_KEPT) chain.blocks.delete(chain.blocks.keys().next().value ?? "");
  }
  return block;
}

function applyBlock(chain: ChainModel, body: BlockObserved): ModelEvent[] {
  chain.blocksObserved += 1;
  const block = knownBlock(chain, body.blockHash, body.blockNumber);
  if (body.epoch >= block.observedEpoch) {
    block.observedEpoch = body.epoch;
    block.view = blockView(chain, body);
  }
  if (!isAhead(chain.head, body)) return [];
  chain.head = { epoch: body.epoch, blockNumber: body.blockNumber, blockHash: body.blockHash };
  return block.view === null ? [] : [{ type: "block", data: block.view }];
}

function applyReorg(chain: ChainModel, body: BlockReorged): ModelEvent[] {
  chain.reorgs += 1;
  chain.deepestReorg = Math.max(chain.deepestReorg, body.dropped.length);
  for (const [blockNumber, blockHash] of body.dropped) {
    const block = knownBlock(chain, blockHash, blockNumber);
    block.droppedEpoch = Math.max(block.droppedEpoch, body.epoch);
  }
  const ancestor: Head = { epoch: body.epoch, blockNumber: body.blockNumber, blockHash: body.blockHash };
  if (isAhead(chain.head, ancestor)) chain.head = ancestor;
  return droppedOpportunities(chain, new Set(body.dropped.map(([, hash]) => hash)));
}

function droppedOpportunities(chain: ChainModel, dropped: ReadonlySet<string>): ModelEvent[] {
  const touched = [...chain.opportunities.values()].filter(({ body }) => dropped.has(body.blockHash));
  return touched.flatMap((opportunity) => opportunityEvent(chain, opportunity));
}

/** None while it is not known what the opportunity is. */
function opportunityEvent(chain: ChainModel, opportunity: KnownOpportunity): ModelEvent[] {
  const data = opportunityView(chain, opportunity);
  return data === null ? [] : [{ type: "opportunity", data }];
}

function dexPools(chain: ChainModel, dex: string): DexPools {
  let pools = chain.pools.get(dex);
  if (pools === undefined) {
    pools = {
      family: chain.config.dexes.find(({ id }) => id === dex)?.family ?? null,
      pools: 0,
      quarantined: new Set(),
      asOfBlock: 0,
      snapshotSequence: -1,
      discovered: new Map(),
    };
    chain.pools.set(dex, pools);
  }
  return pools;
}

function applyFound(chain: ChainModel, body: CycleFound): ModelEvent[] {
  chain.cycles += body.cyclesFound;
  chain.candidates += body.candidates.length;
  const events: ModelEvent[] = [];
  for (const candidate of body.candidates) {
    const id = opportunityIdOf(candidate.cycleId, body.blockHash);
    const rejection = chain.rejections.get(id);
    if (rejection !== undefined) rejection.candidate = candidate;
    const opportunity = chain.opportunities.get(id);
    if (opportunity !== undefined) {
      opportunity.candidate = candidate;
      events.push(...opportunityEvent(chain, opportunity));
    }
    chain.candidatesFound.set(id, candidate);
  }
  dropOldest(chain.candidatesFound, CANDIDATES_KEPT);
  return events;
}

function dropOldest(map: Map<string, unknown>, kept: number): void {
  while (map.size > kept) map.delete(map.keys().next().value ?? "");
}

function applyScored(chain: ChainModel, body: OpportunityScored, bounds: ReadModelBounds): ModelEvent[] {
  chain.opportunitiesScored += body.opportunities.length;
  for (const { reason } of body.rejected) increment(chain.rejected, reason);
  const { blockNumber, blockHash, observedAtMs, ranking, unfit } = body;
  const events: ModelEvent[] = [];
  for (const scored of body.opportunities) {
    const id = opportunityIdOf(scored.cycleId, blockHash);
    const candidate = chain.candidatesFound.get(id) ?? null;
    const opportunity = { id, scored, candidate, body: { blockNumber, blockHash, observedAtMs, ranking, explored: body.explored } };
    chain.opportunities.set(id, opportunity);
    events.push(...opportunityEvent(chain, opportunity));
  }
  dropOldest(chain.opportunities, bounds.opportunitiesKept);
  for (const [place, rejected] of body.rejected.entries()) {
    const id = opportunityIdOf(rejected.cycleId, blockHash);
    const candidate = chain.candidatesFound.get(id) ?? null;
    chain.rejections.set(id, { id, rejected, place, candidate, body: { blockNumber, blockHash, observedAtMs, ranking, unfit } });
  }
  dropOldest(chain.rejections, bounds.rejectionsKept);
  return events;
}

function applyExecutionEvent(chain: ChainModel, event: ExecutionEvent, meta: MessageMeta, bounds: ReadModelBounds): ModelEvent[] {
  const netProfitBefore = chain.ledger.totals.netProfitWei;
  const settledBefore = chain.ledger.totals.settled;
  const execution = applyExecution(chain.ledger, event, meta, bounds);
  if (execution === null) return [];
  if (event.kind === "execution-planned" && meta.sequence > chain.modeSequence) {
    chain.mode = event.mode;
    chain.modeSequence = meta.sequence;
  }
  if (event.kind === "execution-submitted")
    pushBounded(chain.blockToBundleMs, Math.max(0, event.submittedAtMs - event.observedAtMs), bounds.latencyWindow);

  const events: ModelEvent[] = [];
  const opportunity = execution.opportunityId === null ? undefined : chain.opportunities.get(execution.opportunityId);
  if (opportunity !== undefined) events.push(...opportunityEvent(chain, opportunity));
  const trade = tradeView(chain, execution);
  if (trade !== null) events.push({ type: "trade", data: trade });
  const { totals } = chain.ledger;
  if (totals.netProfitWei !== netProfitBefore || totals.settled !== settledBefore) {
    const atMs = Math.max(meta.storedAtMs, chain.profitPoints.at(-1)?.atMs ?? 0);
    const point = { atMs, blockNumber: event.blockNumber, netProfit: totals.netProfitWei.toString() };
    chain.profitPoints = thinned([...chain.profitPoints, point], bounds.profitPointsKept);
    events.push({ type: "profit", data: { chain: chain.config.key, point } });
  }
  return events;
}

/** At the bound every second point goes, so the past gets coarser the older it is. First and last stay. */
export function thinned<Point>(points: Point[], kept: number): Point[] {
  if (points.length <= kept) return points;
  return points.filter((_, index) => index % 2 === 0 || index === points.length - 1);
}

function pushBounded(window: number[], value: number, kept: number): void {
  window.push(value);
  if (window.length > kept) window.shift();
}

function increment(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
