import { type Actor, count, type Effect, publish, type Received } from "#libs/actor/actor.ts";
import { branchOf } from "#libs/history/blocks.ts";
import { HISTORY_KEYS, History } from "#libs/history/history.ts";
import { MODEL_KEYS } from "#libs/ml/standing.ts";
import type { Outcome } from "#proto/outcome/v1/labelled.ts";
import type { PoolSnapshot } from "#proto/pool/v1/snapshotted.ts";
import type { BodyOf, SubjectKey } from "#proto/subjects.ts";
import {
  beginTraining,
  hear,
  isLearningReply,
  type Learning,
  type LearningConfig,
  type LearningReply,
  type LearningRequest,
  learnFromLabels,
  learnFromModel,
  learnFromReply,
  noLearning,
} from "#services/trainer/learning.ts";
import { Merge } from "#services/trainer/merge.ts";
import { type Attempt, type Awaited, labelOf } from "#services/trainer/outcome.ts";
import { PoolBook } from "#services/trainer/pools.ts";

/** What is read of each stream. Of DECISIONS, MONEY and MODELS everything: that all has come is seen by the last sequence. */
export const KEYS = {
  MARKET: [...HISTORY_KEYS.MARKET, "poolDiscovered", "poolSnapshotted"],
  DECISIONS: ["cycleFound", "opportunityScored", "outcomeLabelled"],
  MONEY: [
    "executionPlanned",
    "executionSimulated",
    "executionSubmitted",
    "executionLanded",
    "executionFailed",
    "executionExpired",
    "executionReorged",
    "tradeSettled",
  ],
  MODELS: MODEL_KEYS,
} as const satisfies Readonly<Record<string, readonly SubjectKey[]>>;
export type Keys = (typeof KEYS)[keyof typeof KEYS][number];
type Message = Received<Keys>;
type Ranking = BodyOf<"opportunityScored">;

export interface Config {
  readonly chain: string;
  readonly chainId: number;
  readonly dexes: readonly string[];
  /** Blocks after the ranking's with which its candidates get their labels. */
  readonly labelAfterBlocks: number;
  readonly learning: LearningConfig;
}

export type Request =
  | { readonly call: "load-snapshot"; readonly dex: string; readonly object: string }
  /** Last sequences of the streams, as of now. */
  | { readonly call: "read-ends" }
  | LearningRequest;
export type Reply =
  | { readonly kind: "snapshot-loaded"; readonly dex: string; readonly snapshot: PoolSnapshot | null }
  | ({ readonly kind: "ends-read" } & Ends)
  | LearningReply;

interface Ends {
  readonly decisions: number;
  readonly money: number;
  readonly models: number;
}

/** A ranking whose candidates wait for their labels. */
interface Pending {
  readonly id: string;
  readonly ranking: Ranking;
  readonly gasPrice: bigint;
  readonly candidates: readonly Awaited[];
}

/** Up to where the streams are to be worked through: everything that was stored before `beforeMs`, once the other streams have come as far as they were. */
interface Barrier {
  readonly beforeMs: number;
  ends: Ends | null;
}

export interface State {
  /** Rankings of earlier blocks are read for what later ones rest on, and get no labels. */
  readonly labelFrom: number;
  readonly merge: Merge<Message>;
  /** What is being loaded, a snapshot of pools or what is known of a model: nothing after its announcement is taken up before it is there. */
  loading: string | null;
  barrier: Barrier | null;
  /** A turn is set, or a block has come that needs one. */
  turn: "none" | "set" | "due";
  readonly history: History;
  readonly pools: PoolBook;
  /** Answers of the search by message id: what a ranking refers to. Oldest first. */
  readonly found: Map<string, BodyOf<"cycleFound">>;
  readonly pending: Map<string, Pending>;
  readonly attempts: Map<string, Attempt>;
  /** Message ids of the labels that the stream holds, with the block they are of. */
  readonly labelled: Map<string, number>;
  readonly learning: Learning;
}

/** `through`: sequences up to which nothing is read. `learning`: what is known before anything is. */
export function initialState(
  config: Config,
  through: { readonly DECISIONS: number; readonly MONEY: number },
  labelFrom: number,
  learning: Learning = noLearning(),
): State {
  return {
    labelFrom,
    merge: new Merge(through),
    loading: null,
    barrier: null,
    turn: "none",
    history: new History(),
    pools: new PoolBook(config.dexes),
    found: new Map(),
    pending: new Map(),
    attempts: new Map(),
    labelled: new Map(),
    learning,
  };
}

const TURN = "turn";
/** After a block this actor waits until its bundle is out, and what is waited with elsewhere (the analyst's 200 ms) as well: nobody waits for a label. */
const TURN_MS = 300;
/** Answers and executions are kept for so many blocks: as far as any label or reorganisation reaches back. */
export const KEPT_BLOCKS = 64;

/**
 * Says what became of each candidate. The three streams are worked through in the order in which the broker stored them, so that a row holds exactly what had been
 * said when its ranking was, and a replay gives the same labels whatever pace the streams come at.
 */
export const trainer: Actor<State, Config, Keys, Request, Reply> = {
  name: "trainer",
  decide(state, input, config) {
    const effects: Effect<Request>[] = [];
    if (input.type === "message") receive(state, input, effects);
    else if (input.type === "timer") {
      state.turn = "none";
      const beforeMs = state.merge.newestMs("MARKET");
      if (beforeMs !== null && state.barrier === null) {
        state.barrier = { beforeMs, ends: null };
        effects.push({ type: "call", request: { call: "read-ends" } });
      }
    } else if (input.reply.kind === "ends-read") {
      if (state.barrier !== null) state.barrier.ends = input.reply;
    } else if (isLearningReply(input.reply)) {
      learnFromReply(state.learning, input.reply, config, effects);
      if (input.reply.kind === "distribution-loaded") state.loading = null;
    } else {
      state.loading = null;
      // A snapshot that is gone already has a successor, whose announcement comes.
      if (input.reply.snapshot !== null) state.pools.load(input.reply.dex, input.reply.snapshot);
    }
    workThrough(state, config, effects);
    return { state, effects };
  },
};

/** Labels from before the streams are followed: what learning goes on from. Oldest first. */
export function remember(state: State, labels: readonly Received<"outcomeLabelled">[]): void {
  const through = state.merge.through("DECISIONS");
  for (const message of labels) if (message.meta.sequence <= through) receive(state, message, []);
  state.merge.skipTo("DECISIONS", through);
}

function receive(state: State, message: Message, effects: Effect<Request>[]): void {
  if (isModelMessage(message)) hear(state.learning, message);
  if (message.key === "outcomeLabelled") state.labelled.set(message.meta.id, message.body.blockNumber);
  // Of a block only the header counts here, and its logs are most of what waits.
  state.merge.push(message.key === "blockObserved" ? { ...message, body: { ...message.body, logs: [] } } : message);
  if (message.key !== "blockObserved" || state.turn !== "none") return;
  if (state.barrier !== null) state.turn = "due";
  else setTurn(state, effects);
}

type ModelMessage = Received<(typeof MODEL_KEYS)[number]>;
const isModelMessage = (message: Message): message is ModelMessage => message.meta.stream === "MODELS";

function setTurn(state: State, effects: Effect<Request>[]): void {
  state.turn = "set";
  effects.push({ type: "set-timer", name: TURN, delayMs: TURN_MS });
}

/** Takes up what lies before the barrier, once everything that does has come. */
function workThrough(state: State, config: Config, effects: Effect<Request>[]): void {
  const { barrier, merge } = state;
  if (barrier?.ends == null) return;
  const { decisions, money, models } = barrier.ends;
  if (merge.through("DECISIONS") < decisions || merge.through("MONEY") < money || merge.through("MODELS") < models) return;
  while (state.loading === null) {
    const message = merge.takeBefore(barrier.beforeMs);
    if (message === null) {
      state.barrier = null;
      beginTraining(state.learning, effects);
      if (state.turn === "due") setTurn(state, effects);
      return;
    }
    apply(state, message, config, effects);
  }
}

function apply(state: State, message: Message, config: Config, effects: Effect<Request>[]): void {
  if (isModelMessage(message)) {
    const version = learnFromModel(state.learning, message, config, effects);
    if (version !== null) state.loading = `model ${version}`;
    return;
  }
  const { pools } = state;
  if (message.key === "blockObserved") {
    requote(state, message.body.blockNumber - 1);
    label(state, message.body.blockNumber, config, effects);
  }
  state.history.apply(message.body);
  switch (message.key) {
    case "blockObserved":
      effects.push({ type: "finished-block", blockNumber: message.body.blockNumber });
      return;
    case "blockReorged":
    case "priceChanged":
    case "tvlChanged":
    case "arbitrageObserved":
    case "executionSubmitted":
      return;
    case "outcomeLabelled":
      learnFromLabels(state.learning, message.body, message.meta, config, effects);
      return;
    case "poolDiscovered":
      pools.discover(message.body);
      return;
    case "poolChanged":
      pools.report(message.body);
      return;
    case "poolSnapshotted":
      if (!pools.lacks(message.body.dex)) return;
      state.loading = message.body.dex;
      effects.push({ type: "call", request: { call: "load-snapshot", dex: message.body.dex, object: message.body.object } });
      return;
    case "cycleFound":
      state.found.set(message.meta.id, message.body);
      return;
    case "opportunityScored":
      take(state, message.body, message.meta.id, config);
      return;
    case "executionPlanned": {
      const { executionId, blockNumber, blockHash, cycleId, mode, causeId, candidate } = message.body;
      const planned = { executionId, blockNumber, blockHash, cycleId, mode, causeId, candidate };
      state.attempts.set(executionId, { planned, end: null, code: null, landed: null, settled: null });
      return;
    }
    default:
      follow(state, message.body);
  }
}

type Told = BodyOf<"executionSimulated" | "executionFailed" | "executionExpired" | "executionLanded" | "executionReorged" | "tradeSettled">;

function follow({ attempts }: State, body: Told): void {
  const attempt = attempts.get(body.executionId);
  if (attempt === undefined) return;
  switch (body.kind) {
    case "execution-simulated":
      return;
    case "execution-failed":
      attempt.end = "failed";
      attempt.code = body.code;
      return;
    case "execution-expired":
      attempt.end = "expired";
      return;
    case "execution-landed":
      attempt.landed = body;
      return;
    case "execution-reorged":
      if (attempt.landed?.blockHash !== body.blockHash) return;
      attempt.landed = null;
      attempt.settled = null;
      return;
    case "trade-settled":
      if (attempt.landed?.blockHash === body.blockHash) attempt.settled = body;
      return;
  }
}

/** Takes a ranking's candidates up, in its order: those that passed, then the others. */
function take(state: State, ranking: Ranking, id: string, config: Config): void {
  const gasPrice = BigInt(ranking.maxNextBaseFeePerGas) + BigInt(ranking.priorityFeePerGas);
  const ordered = [
    ...ranking.opportunities.map(({ cycleId, netProfit, evaluation }) => ({ cycleId, netProfit, rejected: null, evaluation })),
    ...ranking.rejected.map(({ cycleId, netProfit, reason, evaluation }) => ({ cycleId, netProfit, rejected: reason, evaluation })),
  ];
  state.history.blocks.setGasPrice(ranking, gasPrice);
  // Not there where the stream is read from between the two: what the candidates were is not known then.
  const found = state.found.get(ranking.causeId ?? "");
  const isSaid = state.pending.has(id) || state.labelled.has(labelsId(ranking, config));
  if (found === undefined || isSaid || ranking.blockNumber < state.labelFrom) return;
  const byId = new Map(found.candidates.map((candidate) => [candidate.cycleId, candidate]));
  const candidates = ordered.flatMap(({ cycleId, ...rest }, rank): Awaited[] => {
    const candidate = byId.get(cycleId);
    return candidate === undefined ? [] : [{ candidate, rank, requoted: null, ...rest }];
  });
  state.pending.set(id, { id, ranking, gasPrice, candidates });
}

/** A block is over, and pools are as it left them: what do the candidates of the block before pay now? */
function requote({ history: { blocks }, pools, pending }: State, blockNumber: number): void {
  const block = blocks.byNumber(blockNumber);
  const before = blocks.byNumber(blockNumber - 1);
  if (block === undefined || before === undefined) return;
  for (const { ranking, candidates } of pending.values()) {
    if (branchOf(ranking) !== before.branch) continue;
    for (const awaited of candidates) {
      const isKnown = pools.knows(awaited.candidate, block.branch);
      awaited.requoted = { branch: block.branch, isKnown, grossProfit: isKnown ? pools.requote(awaited.candidate) : null };
    }
  }
}

const labelsId = (ranking: Pick<Ranking, "blockHash" | "epoch">, { chain }: Config): string => `labels:${chain}:${branchOf(ranking)}`;

/** The chain has come to this block: rankings that are old enough get their labels, by all that was said before it. */
function label(state: State, blockNumber: number, config: Config, effects: Effect<Request>[]): void {
  const attempts = Map.groupBy(state.attempts.values(), ({ planned }) => planned.causeId);
  for (const [id, { ranking, gasPrice, candidates }] of state.pending) {
    if (ranking.blockNumber + config.labelAfterBlocks > blockNumber) continue;
    state.pending.delete(id);
    const { blockHash, epoch } = ranking;
    const labels = candidates.map((awaited) => {
      const own = (attempts.get(id) ?? []).filter(({ planned }) => planned.cycleId === awaited.candidate.cycleId);
      return labelOf(awaited, own, { blockHash, epoch, gasPrice }, state.history.blocks);
    });
    effects.push(
      publish("outcomeLabelled", { chain: config.chain }, labelsId(ranking, config), {
        kind: "outcome-labelled",
        v: 1,
        chainId: config.chainId,
        blockNumber: ranking.blockNumber,
        blockHash,
        observedAtMs: ranking.observedAtMs,
        causeId: id,
        epoch,
        featureSchema: ranking.featureSchema,
        champion: ranking.champion,
        challenger: ranking.challenger,
        ranking: ranking.ranking,
        explored: ranking.explored,
        labelledAtBlock: blockNumber,
        labels,
      }),
    );
    const counts = Map.groupBy(labels, ({ outcome }): Outcome => outcome);
    for (const [outcome, those] of counts) effects.push(count("labels", { outcome }, those.length));
  }
  forget(state, blockNumber - KEPT_BLOCKS);
}

/** Lets go of what no label will ask for. */
function forget({ found, attempts, labelled }: State, before: number): void {
  for (const [id, { blockNumber }] of found) if (blockNumber < before) found.delete(id);
  for (const [id, { planned }] of attempts) if (planned.blockNumber < before) attempts.delete(id);
  for (const [id, blockNumber] of labelled) if (blockNumber < before - KEPT_BLOCKS) labelled.delete(id);
}
