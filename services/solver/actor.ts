import { type Actor, count, type Effect, publish, type Received } from "#libs/actor/actor.ts";
import { maxNextBaseFee } from "#libs/evm/gas-price.ts";
import type { PlanOptions } from "#libs/graph/plan.ts";
import type { SearchOptions } from "#libs/graph/search.ts";
import type { PoolSnapshot } from "#proto/pool/v1/snapshotted.ts";
import type { BodyOf } from "#proto/subjects.ts";
import type { BlockResult, SearchedBlock, Update } from "#services/solver/kernel.ts";

type Block = Received<"blockObserved">;

interface Dex {
  /** Holds a full state; before that it is not waited for. */
  loaded: boolean;
  loading: boolean;
  /** Has a snapshot that is still to come: the kernel practises once all of these are in. */
  expected: boolean;
  /** Block messages up to this stream sequence are in the state. */
  through: number;
  /** Hash and epoch of the last block it has reported. */
  reported: string;
  /** Missed a deadline, and is not waited for until it reports a head in time again. */
  late: boolean;
  /** Blocks in a row that went on without it. */
  blocksWithout: number;
  /** As last counted. */
  condition: number;
  /** Reports that came while the snapshot was loading. */
  readonly buffered: Received<"poolChanged" | "poolDiscovered">[];
}

export interface State {
  readonly dexes: Map<string, Dex>;
  /** The newest block, until its search is asked for. */
  pending: Block | null;
  /** The branch of the block that was gone on with, while its deadline has not passed: a DEX that reports it now was in time after all. */
  inTime: string | null;
  /** What the kernel has not been told yet. */
  updates: Update[];
  /** The kernel has taken in a DEX that it has not practised on. */
  unpractised: boolean;
  /** Blocks whose search is under way, oldest first, with the DEXes they had. */
  readonly searching: {
    readonly block: Block;
    readonly dexes: string[];
    readonly lateDexes: string[];
    readonly gatedPools: readonly string[];
  }[];
  /** Pools that searches go without, as the last ranking has them. */
  gatedPools: readonly string[];
  /** The last block that the stream shows as answered before a restart. */
  readonly answered: { readonly epoch: number; readonly blockNumber: number } | null;
}

export interface Config {
  readonly chain: string;
  readonly chainId: number;
  /** All DEXes of the chain. */
  readonly dexes: readonly string[];
  readonly search: SearchOptions;
  /** Swaps that one candidate may make, at most: with no more than a cycle has, there are only cycles. Tokens that it may pay with; and gas, by estimate. */
  readonly maxSwaps: number;
  readonly maxTokens: number;
  readonly maxGas: number;
  /** Wei per gas that an execution pays above the base fee. */
  readonly priorityFeePerGas: bigint;
  /** How long a block waits for the DEXes that usually report in time. */
  readonly lateDexMs: number;
  /** What has been found so long after a search was asked for is the answer; null without a bound in time. */
  readonly deadlineMs: number | null;
}

export type Keys = "opportunityScored" | "blockObserved" | "blockReorged" | "poolChanged" | "poolDiscovered" | "poolSnapshotted";
export type Request =
  /** Takes a whole DEX in, so that no block pays for it. More will come, so nothing is practised yet. */
  | { readonly call: "take-in"; readonly updates: readonly Update[] }
  /** The same where no more are expected, or where a block is to be searched: with practice, so that no block pays for that. */
  | { readonly call: "prepare"; readonly updates: readonly Update[]; readonly search: SearchOptions; readonly plan: PlanOptions | null }
  | { readonly call: "load-snapshot"; readonly dex: string; readonly object: string }
  | {
      readonly call: "search";
      readonly block: SearchedBlock;
      readonly updates: readonly Update[];
      readonly search: SearchOptions;
      readonly lateDexes: readonly string[];
      readonly gatedPools: readonly string[];
      /** Wei. */
      readonly gasPrice: bigint;
      readonly plan: PlanOptions | null;
    };
export type Reply =
  | { readonly kind: "taken-in" | "prepared" }
  | { readonly kind: "snapshot-loaded"; readonly dex: string; readonly snapshot: PoolSnapshot | null }
  | { readonly kind: "searched"; readonly result: BlockResult };

/** Values of the metric: how a DEX stands with the solver. Stale: late for so long that it will hardly come by itself. */
const CONDITION = { fresh: 0, late: 1, stale: 2, loading: 3 } as const;
const STALE_AFTER_BLOCKS = 10;

/** `snapshotted`: the DEXes that have a snapshot, which the stream will announce. */
export function initialState(
  config: Config,
  answered: State["answered"],
  {
    gatedPools = [],
    snapshotted = [],
  }: { readonly gatedPools?: readonly string[] | undefined; readonly snapshotted?: readonly string[] } = {},
): State {
  const dexes = config.dexes.map((dex): [string, Dex] => [
    dex,
    {
      loaded: false,
      loading: false,
      expected: snapshotted.includes(dex),
      through: 0,
      reported: "",
      late: false,
      blocksWithout: 0,
      condition: CONDITION.loading,
      buffered: [],
    },
  ]);
  return { dexes: new Map(dexes), pending: null, inTime: null, updates: [], unpractised: false, searching: [], gatedPools, answered };
}

const DEADLINE = "late-dex";
const branchOf = ({ blockHash, epoch }: { blockHash: string; epoch: number }) => `${blockHash}@${epoch}`;

/** Gathers a block's pool changes from all DEXes and asks the kernel for the cycles in them: one CycleFound a block, in order. */
export const solver: Actor<State, Config, Keys, Request, Reply> = {
  name: "solver",
  decide(state, input, config) {
    const effects: Effect<Request>[] = [];
    if (input.type === "message") receive(state, input, config, effects);
    else if (input.type === "timer") {
      missDeadline(state);
      release(state, config, effects);
      state.inTime = null;
    } else if (input.reply.kind === "snapshot-loaded") adopt(state, input.reply, config, effects);
    else if (input.reply.kind === "searched") finish(state, input.reply.result, config, effects);
    return { state, effects };
  },
};

function receive(state: State, message: Received<Keys>, config: Config, effects: Effect<Request>[]): void {
  switch (message.key) {
    case "blockObserved":
      // A block that is followed before it was complete is answered with what it has.
      release(state, config, effects);
      state.pending = message;
      effects.push({ type: "set-timer", name: DEADLINE, delayMs: config.lateDexMs });
      return;
    case "opportunityScored":
      state.gatedPools = message.body.phantoms;
      return;
    case "blockReorged":
      release(state, config, effects);
      return;
    case "poolSnapshotted": {
      const dex = state.dexes.get(message.body.dex);
      if (dex === undefined || dex.loaded || dex.loading) return;
      dex.loading = true;
      dex.expected = true;
      effects.push({ type: "call", request: { call: "load-snapshot", dex: message.body.dex, object: message.body.object } });
      return;
    }
    case "poolDiscovered":
    case "poolChanged": {
      const dex = state.dexes.get(message.body.dex);
      if (dex === undefined) return;
      if (dex.loaded) report(state, dex, message);
      else dex.buffered.push(message);
      releaseIfComplete(state, config, effects);
      return;
    }
  }
}

function report(state: State, dex: Dex, message: Received<"poolChanged" | "poolDiscovered">): void {
  if (message.key === "poolDiscovered") {
    const { dex: id, pools } = message.body;
    state.updates.push({ dex: id, family: pools.family, added: pools.rows, rows: [], removed: [] });
    return;
  }
  const { body } = message;
  if (body.causeSequence <= dex.through) return;
  dex.through = body.causeSequence;
  dex.reported = branchOf(body);
  if (dex.reported === state.inTime) dex.late = false;
  if (body.states.rows.length > 0 || body.removed.length > 0) {
    state.updates.push({ dex: body.dex, family: body.states.family, added: [], rows: body.states.rows, removed: body.removed });
  }
}

function adopt(
  state: State,
  { dex: id, snapshot }: Extract<Reply, { kind: "snapshot-loaded" }>,
  config: Config,
  effects: Effect<Request>[],
): void {
  const dex = state.dexes.get(id);
  if (dex === undefined) return;
  dex.loading = false;
  dex.expected = false;
  // A snapshot that is gone already has a successor, whose message comes; the others do not wait for it.
  if (snapshot === null) {
    if (state.unpractised && !isAnyExpected(state)) prepare(state, config, effects);
    return;
  }
  dex.loaded = true;
  dex.late = false;
  dex.through = snapshot.causeSequence;
  dex.reported = branchOf(snapshot);
  state.updates.push({ dex: id, family: snapshot.states.family, added: snapshot.pools.rows, rows: snapshot.states.rows, removed: [] });
  for (const message of dex.buffered.splice(0)) report(state, dex, message);
  state.unpractised = true;
  if (isAnyExpected(state)) effects.push({ type: "call", request: { call: "take-in", updates: takeUpdates(state) } });
  else prepare(state, config, effects);
  releaseIfComplete(state, config, effects);
}

const isAnyExpected = ({ dexes }: State): boolean => [...dexes.values()].some(({ expected }) => expected);

/** Practising takes seconds for a large market, and each time all of it: so once, behind the last DEX, and not with each. */
function prepare(state: State, config: Config, effects: Effect<Request>[]): void {
  state.unpractised = false;
  const plan = planOptions(config, config.priorityFeePerGas);
  effects.push({ type: "call", request: { call: "prepare", updates: takeUpdates(state), search: config.search, plan } });
}

function takeUpdates(state: State): Update[] {
  const { updates } = state;
  state.updates = [];
  return updates;
}

function releaseIfComplete(state: State, config: Config, effects: Effect<Request>[]): void {
  const { pending } = state;
  if (pending === null) return;
  const branch = branchOf(pending.body);
  const loaded = [...state.dexes.values()].filter((dex) => dex.loaded);
  for (const dex of loaded) if (dex.reported === branch) dex.late = false;
  if (loaded.length > 0 && loaded.every((dex) => dex.late || dex.reported === branch)) release(state, config, effects);
}

/** Only the deadline makes a DEX late: in a burst of blocks, or a reorganisation, none has had its time when the next block comes. */
function missDeadline(state: State): void {
  if (state.pending === null) return;
  const branch = branchOf(state.pending.body);
  for (const dex of state.dexes.values()) if (dex.reported !== branch) dex.late = true;
}

/** Hands the pending block to the kernel with whatever has been reported; names the DEXes that have not reported it. */
function release(state: State, config: Config, effects: Effect<Request>[]): void {
  const block = state.pending;
  if (block === null) return;
  state.pending = null;
  const { answered } = state;
  // Applied, but answered already before a restart: the kernel gets its updates with the next search.
  if (
    answered !== null &&
    (block.body.epoch < answered.epoch || (block.body.epoch === answered.epoch && block.body.blockNumber <= answered.blockNumber))
  )
    return;
  const branch = branchOf(block.body);
  state.inTime = branch;
  const dexes: string[] = [];
  const lateDexes: string[] = [];
  for (const [id, dex] of [...state.dexes].sort(([left], [right]) => (left < right ? -1 : 1))) {
    const isFresh = dex.loaded && dex.reported === branch;
    (isFresh ? dexes : lateDexes).push(id);
    dex.blocksWithout = isFresh ? 0 : dex.blocksWithout + 1;
    const condition = isFresh
      ? CONDITION.fresh
      : !dex.loaded
        ? CONDITION.loading
        : dex.blocksWithout >= STALE_AFTER_BLOCKS
          ? CONDITION.stale
          : CONDITION.late;
    if (condition !== dex.condition) effects.push(count("dexCondition", { dex: id }, condition));
    dex.condition = condition;
  }
  const { gatedPools } = state;
  state.searching.push({ block, dexes, lateDexes, gatedPools });
  // A DEX that is expected may never come.
  if (state.unpractised) prepare(state, config, effects);
  const updates = takeUpdates(state);
  const gasPrice = maxNextBaseFee(BigInt(block.body.baseFeePerGas)) + config.priorityFeePerGas;
  const { blockNumber, blockHash } = block.body;
  const search = { updates, search: config.search, lateDexes, gatedPools, gasPrice, plan: planOptions(config, gasPrice) };
  effects.push({ type: "call", request: { call: "search", block: { blockNumber, blockHash }, ...search } });
}

/** Gas at what the scorer will count it at. */
const planOptions = ({ search, maxSwaps, maxTokens, maxGas }: Config, gasPrice: bigint): PlanOptions | null =>
  maxSwaps > search.maxHops ? { maxSwaps, maxTokens, maxGas, gasPrice } : null;

function finish(state: State, result: BlockResult, config: Config, effects: Effect<Request>[]): void {
  const search = state.searching.shift();
  if (search === undefined) return;
  const { body, meta } = search.block;
  const found: BodyOf<"cycleFound"> = {
    kind: "cycle-found",
    v: 1,
    chainId: config.chainId,
    blockNumber: body.blockNumber,
    blockHash: body.blockHash,
    observedAtMs: body.observedAtMs,
    causeId: meta.id,
    epoch: body.epoch,
    timestamp: body.timestamp,
    baseFeePerGas: body.baseFeePerGas,
    dexes: search.dexes,
    lateDexes: search.lateDexes,
    ...(search.gatedPools.length > 0 ? { gatedPools: [...search.gatedPools] } : {}),
    cyclesFound: result.cyclesFound,
    ...(result.isCutShort ? { isCutShort: true } : {}),
    ...(result.ended === undefined ? {} : { ended: result.ended }),
    candidates: result.candidates,
  };
  effects.push(
    publish("cycleFound", { chain: config.chain }, `cycles:${config.chain}:${body.blockHash}:${body.epoch}`, found),
    count("cyclesFound", {}, result.cyclesFound),
    count("candidates", {}, result.candidates.length),
    { type: "finished-block", blockNumber: body.blockNumber },
  );
}
