import { type Actor, count, type Effect, publish, type Received } from "#libs/actor/actor.ts";
import { extract, FEATURE_COUNT, type FeatureContext, SCHEMA_HASH } from "#libs/ml/features.ts";
import type { Outcome } from "#proto/outcome/v1/labelled.ts";
import type { PoolSnapshot } from "#proto/pool/v1/snapshotted.ts";
import type { BodyOf, SubjectKey } from "#proto/subjects.ts";
import { type Block, BlockMemory, branchOf, listingOf, stepsOf } from "#services/trainer/memory.ts";
import { Merge } from "#services/trainer/merge.ts";
import { type Attempt, type Awaited, labelOf } from "#services/trainer/outcome.ts";
import { PoolBook } from "#services/trainer/pools.ts";
import { PriceMemory } from "#services/trainer/prices.ts";

/** What is read of each stream. Of DECISIONS and MONEY everything: that all has come is seen by the last sequence. */
export const KEYS = {
  MARKET: [
    "blockObserved",
    "blockReorged",
    "poolDiscovered",
    "poolChanged",
    "poolSnapshotted",
    "priceChanged",
    "tvlChanged",
    "arbitrageObserved",
  ],
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
} as const satisfies Readonly<Record<string, readonly SubjectKey[]>>;
export type Keys = (typeof KEYS)[keyof typeof KEYS][number];
type Message = Received<Keys>;
type Ranking = BodyOf<"opportunityScored">;

export interface Config {
  readonly chain: string;
  readonly chainId: number;
  readonly dexes: readonly string[];
  /** What the lender takes of the borrowed amount, in 1e-6. */
  readonly loanFeePips: bigint;
  /** Blocks after the ranking's with which its candidates get their labels. */
  readonly labelAfterBlocks: number;
}

export type Request =
  | { readonly call: "load-snapshot"; readonly dex: string; readonly object: string }
  /** Last sequences of the streams, as of now. */
  | { readonly call: "read-ends" };
export type Reply =
  | { readonly kind: "snapshot-loaded"; readonly dex: string; readonly snapshot: PoolSnapshot | null }
  | { readonly kind: "ends-read"; readonly decisions: number; readonly money: number };

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
  ends: { readonly decisions: number; readonly money: number } | null;
}

export interface State {
  /** Rankings of earlier blocks are read for what later ones rest on, and get no labels. */
  readonly labelFrom: number;
  readonly merge: Merge<Message>;
  /** The snapshot that is being loaded: nothing after its announcement is taken up before it is there. */
  loading: string | null;
  barrier: Barrier | null;
  /** A turn is set, or a block has come that needs one. */
  turn: "none" | "set" | "due";
  readonly blocks: BlockMemory;
  readonly prices: PriceMemory;
  readonly pools: PoolBook;
  /** Answers of the search by message id, with the time at which they were stored: what a ranking refers to. Oldest first. */
  readonly found: Map<string, { readonly body: BodyOf<"cycleFound">; readonly storedAtMs: number }>;
  readonly pending: Map<string, Pending>;
  readonly attempts: Map<string, Attempt>;
  /** Message ids of the labels that the stream holds, with the block they are of. */
  readonly labelled: Map<string, number>;
}

/** `through`: sequences up to which nothing is read. */
export function initialState(config: Config, through: { readonly DECISIONS: number; readonly MONEY: number }, labelFrom: number): State {
  return {
    labelFrom,
    merge: new Merge(through),
    loading: null,
    barrier: null,
    turn: "none",
    blocks: new BlockMemory(),
    prices: new PriceMemory(),
    pools: new PoolBook(config.dexes),
    found: new Map(),
    pending: new Map(),
    attempts: new Map(),
    labelled: new Map(),
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
    } else {
      state.loading = null;
      // A snapshot that is gone already has a successor, whose announcement comes.
      if (input.reply.snapshot !== null) state.pools.load(input.reply.dex, input.reply.snapshot);
    }
    workThrough(state, config, effects);
    return { state, effects };
  },
};

function receive(state: State, message: Message, effects: Effect<Request>[]): void {
  if (message.key === "outcomeLabelled") state.labelled.set(message.meta.id, message.body.blockNumber);
  // Of a block only the header counts here, and its logs are most of what waits.
  state.merge.push(message.key === "blockObserved" ? { ...message, body: { ...message.body, logs: [] } } : message);
  if (message.key !== "blockObserved" || state.turn !== "none") return;
  if (state.barrier !== null) state.turn = "due";
  else setTurn(state, effects);
}

function setTurn(state: State, effects: Effect<Request>[]): void {
  state.turn = "set";
  effects.push({ type: "set-timer", name: TURN, delayMs: TURN_MS });
}

/** Takes up what lies before the barrier, once everything that does has come. */
function workThrough(state: State, config: Config, effects: Effect<Request>[]): void {
  const { barrier, merge } = state;
  if (barrier?.ends == null || merge.through("DECISIONS") < barrier.ends.decisions || merge.through("MONEY") < barrier.ends.money) return;
  while (state.loading === null) {
    const message = merge.takeBefore(barrier.beforeMs);
    if (message === null) {
      state.barrier = null;
      if (state.turn === "due") setTurn(state, effects);
      return;
    }
    apply(state, message, config, effects);
  }
}

function apply(state: State, message: Message, config: Config, effects: Effect<Request>[]): void {
  const { blocks, prices, pools } = state;
  switch (message.key) {
    case "blockObserved":
      label(state, message.body.blockNumber, config, effects);
      blocks.add(message.body);
      effects.push({ type: "finished-block", blockNumber: message.body.blockNumber });
      return;
    case "blockReorged":
      blocks.rewind(message.body.blockNumber);
      prices.rewind(message.body.blockNumber);
      return;
    case "poolDiscovered":
      pools.discover(message.body);
      return;
    case "poolChanged": {
      pools.report(message.body);
      if (message.body.reason !== "block") return;
      const block = blocks.at(message.body);
      for (const [pool] of message.body.states.rows) block?.changed.add(pool);
      return;
    }
    case "poolSnapshotted":
      if (!pools.lacks(message.body.dex)) return;
      state.loading = message.body.dex;
      effects.push({ type: "call", request: { call: "load-snapshot", dex: message.body.dex, object: message.body.object } });
      return;
    case "priceChanged": {
      const block = blocks.at(message.body);
      if (block === undefined) return;
      block.watched = true;
      prices.apply(message.body);
      return;
    }
    case "tvlChanged":
      blocks.setValues(message.body);
      return;
    case "arbitrageObserved": {
      const block = blocks.at(message.body);
      if (block !== undefined) block.others = message.body.arbitrages.filter(({ ours }) => !ours);
      return;
    }
    case "cycleFound": {
      state.found.set(message.meta.id, { body: message.body, storedAtMs: message.meta.storedAtMs });
      const block = blocks.at(message.body);
      if (block !== undefined) block.listing = listingOf(message.body);
      return;
    }
    case "opportunityScored":
      take(state, message.body, message.meta.id, config);
      return;
    case "outcomeLabelled":
    case "executionSubmitted":
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

function follow({ attempts, blocks }: State, body: Told): void {
  const attempt = attempts.get(body.executionId);
  if (attempt === undefined) return;
  switch (body.kind) {
    case "execution-simulated":
      countSimulation(blocks.byHash(attempt.planned.blockHash), attempt, true);
      return;
    case "execution-failed":
      attempt.end = "failed";
      attempt.code = body.code;
      // One that ran, but not for what its gas costs, paid what was quoted.
      if (body.code === "simulation-reverted" || body.code === "unprofitable-after-simulation")
        countSimulation(blocks.byHash(attempt.planned.blockHash), attempt, body.code !== "simulation-reverted");
      return;
    case "execution-expired":
      attempt.end = "expired";
      return;
    case "execution-landed":
      attempt.landed = body;
      if (body.status === 1) for (const step of stepsOf(attempt.planned.candidate.hops)) blocks.byHash(body.blockHash)?.ours.add(step);
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

function countSimulation(block: Block | undefined, { planned }: Attempt, isRight: boolean): void {
  if (block === undefined) return;
  for (const pool of new Set(planned.candidate.hops.map((hop) => hop.pool))) {
    const counted = block.simulations.get(pool) ?? { right: 0, all: 0 };
    block.simulations.set(pool, { right: counted.right + (isRight ? 1 : 0), all: counted.all + 1 });
  }
}

/** Takes a ranking's candidates up, with the rows that they have at this moment. */
function take(state: State, ranking: Ranking, id: string, config: Config): void {
  const gasPrice = rank(state, ranking);
  // Not there where the stream is read from between the two: what the rejected candidates were is not known then.
  const found = state.found.get(ranking.causeId ?? "");
  const isSaid = state.pending.has(id) || state.labelled.has(labelsId(ranking, config));
  if (found === undefined || isSaid || ranking.blockNumber < state.labelFrom) return;
  const byId = new Map(found.body.candidates.map((candidate) => [candidate.cycleId, candidate]));
  const isLate = state.blocks.head?.branch !== branchOf(ranking);
  const context = isLate ? null : contextOf(state, found, gasPrice, config);
  const row = new Float32Array(FEATURE_COUNT);
  const ordered = [
    ...ranking.opportunities.map(({ candidate, netProfit }) => ({ candidate, netProfit, rejected: null })),
    ...ranking.rejected.map(({ cycleId, netProfit, reason }) => ({ candidate: byId.get(cycleId), netProfit, rejected: reason })),
  ];
  const candidates = ordered.flatMap(({ candidate, netProfit, rejected }, place): Awaited[] => {
    if (candidate === undefined) return [];
    let features: (number | null)[] | null = null;
    if (context !== null) {
      extract({ candidate, rank: place, cyclesFound: found.body.cyclesFound }, context, row);
      features = Array.from(row, (value) => (Number.isNaN(value) ? null : value));
    }
    return [{ candidate, rank: place, rejected, netProfit, features }];
  });
  state.pending.set(id, { id, ranking, gasPrice, candidates });
}

/** Notes what a block's candidates were worth. Returns the price of gas that they were ranked with. */
function rank({ blocks }: State, ranking: Ranking): bigint {
  const gasPrice = BigInt(ranking.maxNextBaseFeePerGas) + BigInt(ranking.priorityFeePerGas);
  const block = blocks.at(ranking);
  const netProfits = new Map([
    ...ranking.opportunities.map(({ candidate, netProfit }) => [candidate.cycleId, netProfit] as const),
    ...ranking.rejected.map(({ cycleId, netProfit }) => [cycleId, netProfit] as const),
  ]);
  if (block !== undefined) block.ranked = { gasPrice, netProfits };
  return gasPrice;
}

function contextOf(
  { blocks, prices, pools }: State,
  found: { readonly body: BodyOf<"cycleFound">; readonly storedAtMs: number },
  gasPrice: bigint,
  config: Config,
): FeatureContext {
  return {
    ...blocks.contextOfHead(),
    gasPrice,
    loanFeePips: config.loanFeePips,
    blockNumber: found.body.blockNumber,
    // The broker's clock and the watcher's: where they differ, by so much.
    elapsedMs: Math.max(0, found.storedAtMs - found.body.observedAtMs),
    marginalRate: (pool, tokenIn, tokenOut) => pools.marginalRate(pool, tokenIn, tokenOut),
    volatility: (token, other) => prices.volatility(token, other),
    tokenConfidence: (token) => prices.confidence(token),
  };
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
      return labelOf(awaited, own, { blockHash, epoch, gasPrice }, state.blocks);
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
        featureSchema: SCHEMA_HASH,
        model: null,
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
  for (const [id, { body }] of found) if (body.blockNumber < before) found.delete(id);
  for (const [id, { planned }] of attempts) if (planned.blockNumber < before) attempts.delete(id);
  for (const [id, blockNumber] of labelled) if (blockNumber < before - KEPT_BLOCKS) labelled.delete(id);
}
