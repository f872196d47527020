import { type Actor, count, type Effect, publish, type Received } from "#libs/actor/actor.ts";
import type { DexDeployment } from "#libs/chains/chain.ts";
import type { FamilyId, PoolInfo, RowOf } from "#libs/dex/family.ts";
import { type AnyFamily, familyOf } from "#libs/dex/registry.ts";
import { invariant } from "#libs/units/invariant.ts";
import type { PoolSnapshot } from "#proto/pool/v1/snapshotted.ts";
import type { PoolRow, PoolStates } from "#proto/pool/v1/state.ts";
import type { BodyOf } from "#proto/subjects.ts";

type Row = RowOf<FamilyId>;

interface Pool {
  readonly info: PoolInfo;
  readonly state: object;
}

/** What undoes one block: the values its pools had before, and the pools it created. */
interface JournalEntry {
  readonly number: number;
  readonly hash: string;
  readonly undo: Map<string, Row>;
  readonly created: string[];
}

/** Where in the chain and in the stream a state stands. */
export interface Position {
  readonly blockNumber: number;
  readonly blockHash: string;
  readonly epoch: number;
  readonly observedAtMs: number;
  /** Stream sequence of the block message that led here. */
  readonly sequence: number;
}

export interface State {
  /** Changed in place: this actor is the single owner. */
  readonly pools: Map<string, Pool>;
  readonly journal: JournalEntry[];
  position: Position;
  /** Block messages up to this sequence have been answered before a restart: they are applied again but not published again. */
  readonly answeredThrough: number;
  /** While states are read from the chain again, block messages wait. Null when nothing is being read. */
  waiting: Received<"blockObserved" | "blockReorged">[] | null;
  blocksSinceSnapshot: number;
}

export interface Config {
  readonly chain: string;
  readonly chainId: number;
  readonly deployment: DexDeployment;
  readonly journalBlocks: number;
  readonly snapshotEveryBlocks: number;
  /** Whether a pool of these tokens is followed. */
  readonly admits: (pool: PoolInfo) => boolean;
}

export type Request =
  | { readonly call: "save-snapshot"; readonly snapshot: PoolSnapshot; readonly at: Position }
  /** `pools`: those known; ones created from `since` on are looked for. */
  | {
      readonly call: "reread";
      readonly pools: readonly PoolInfo[];
      readonly since: number;
      readonly at: Position;
      readonly causeId: string;
    };
export type Reply =
  | { readonly kind: "snapshot-saved"; readonly object: string; readonly bytes: number; readonly pools: number; readonly at: Position }
  /** All pools of the DEX at that block, and their states. */
  | {
      readonly kind: "reread";
      readonly pools: readonly PoolInfo[];
      readonly rows: readonly Row[];
      readonly at: Position;
      readonly causeId: string;
    };

export const statesOf = (family: FamilyId, rows: readonly Row[]): PoolStates => ({ family, rows }) as PoolStates;
export const poolRow = ({ pool, token0, token1, feePips, tickSpacing }: PoolInfo): PoolRow => [pool, token0, token1, feePips, tickSpacing];

export function envelope(config: { readonly chainId: number }, position: Position, causeId: string | null) {
  const { blockNumber, blockHash, observedAtMs, epoch } = position;
  return { v: 1 as const, chainId: config.chainId, blockNumber, blockHash, observedAtMs, causeId, epoch };
}

/** Keeps the pools of one DEX equal to the chain, block by block, and says what each block did to them. */
export const fetcher: Actor<State, Config, "blockObserved" | "blockReorged", Request, Reply> = {
  name: "fetcher",
  decide(state, input, config) {
    const family = familyOf(config.deployment.family);
    const effects: Effect<Request>[] = [];
    if (input.type === "message") receive(state, input, config, family, effects);
    else if (input.type === "reply") reply(state, input.reply, config, family, effects);
    else if (state.waiting === null)
      effects.push({ type: "call", request: { call: "save-snapshot", snapshot: snapshotOf(state, config, family), at: state.position } });
    return { state, effects };
  },
};

function receive(
  state: State,
  message: Received<"blockObserved" | "blockReorged">,
  config: Config,
  family: AnyFamily,
  effects: Effect<Request>[],
): void {
  if (message.meta.sequence <= state.position.sequence) return;
  if (state.waiting !== null) {
    state.waiting.push(message);
    return;
  }
  if (message.key === "blockObserved") observe(state, message, config, family, effects);
  else undo(state, message, config, family, effects);
}

function positionOf({ body, meta }: Received<"blockObserved" | "blockReorged">): Position {
  return {
    blockNumber: body.blockNumber,
    blockHash: body.blockHash,
    epoch: body.epoch,
    observedAtMs: body.observedAtMs,
    sequence: meta.sequence,
  };
}

function observe(state: State, message: Received<"blockObserved">, config: Config, family: AnyFamily, effects: Effect<Request>[]): void {
  const { body, meta } = message;
  const position = positionOf(message);
  if (body.parentHash !== state.position.blockHash) {
    reread(state, position, meta.id, effects);
    return;
  }
  const entry: JournalEntry = { number: body.blockNumber, hash: body.blockHash, undo: new Map(), created: [] };
  const discovered: PoolRow[] = [];
  for (const log of body.logs) {
    const [address, topics] = log;
    const topic = topics[0] as string;
    if (topic === family.topics.poolCreated && address === config.deployment.factory) {
      const info = family.decodePoolCreated(log, config.deployment);
      if (!config.admits(info) || state.pools.has(info.pool)) continue;
      state.pools.set(info.pool, { info, state: family.created() });
      entry.created.push(info.pool);
      discovered.push(poolRow(info));
      continue;
    }
    const pool = state.pools.get(address);
    if (pool === undefined || !family.topics.state.includes(topic)) continue;
    const before = family.applyLog(pool.info, pool.state, log);
    const earlier = entry.undo.get(address);
    entry.undo.set(address, earlier === undefined ? before : family.mergeUndo(earlier, before));
  }
  state.journal.push(entry);
  if (state.journal.length > config.journalBlocks) state.journal.shift();
  state.position = position;
  if (discovered.length > 0) {
    answer(state, position, effects, publishDiscovered(config, position, meta.id, discovered));
    effects.push(count("pools", { dex: config.deployment.id }, state.pools.size));
  }
  const rows = [...entry.undo].map(([address, before]) => changeRow(state, family, address, before));
  answer(state, position, effects, publishChanged(config, position, meta.id, "block", rows, []));
  effects.push({ type: "finished-block", blockNumber: body.blockNumber });
  if (++state.blocksSinceSnapshot >= config.snapshotEveryBlocks) scheduleSnapshot(state, effects);
}

function changeRow(state: State, family: AnyFamily, address: string, before: Row): Row {
  const pool = state.pools.get(address);
  invariant(pool !== undefined, `pool ${address} changed but is not held`);
  return family.toChangeRow(pool.info, pool.state, before);
}

/** Puts the states back to what they were at the common ancestor. */
function undo(state: State, message: Received<"blockReorged">, config: Config, family: AnyFamily, effects: Effect<Request>[]): void {
  const position = positionOf(message);
  const ancestor = state.journal.findLastIndex(({ hash }) => hash === position.blockHash);
  const reached = ancestor >= 0 || state.journal[0]?.number === position.blockNumber + 1;
  if (!reached && state.position.blockHash !== position.blockHash) {
    reread(state, position, message.meta.id, effects);
    return;
  }
  const touched = new Map<string, Row>();
  const removed = new Set<string>();
  for (const entry of state.journal.splice(ancestor + 1).reverse()) {
    for (const [address, before] of entry.undo) {
      const pool = state.pools.get(address);
      if (pool === undefined) continue;
      family.applyRow(pool.state, before);
      const earlier = touched.get(address);
      touched.set(address, earlier === undefined ? before : family.mergeUndo(before, earlier));
    }
    for (const address of entry.created) {
      state.pools.delete(address);
      removed.add(address);
    }
  }
  state.position = position;
  const rows = [...touched]
    .filter(([address]) => state.pools.has(address))
    .map(([address, before]) => changeRow(state, family, address, before));
  answer(state, position, effects, publishChanged(config, position, message.meta.id, "reorg", rows, [...removed]));
  if (removed.size > 0) effects.push(count("pools", { dex: config.deployment.id }, state.pools.size));
}

/** The stream has a gap, or a reorganisation reaches below the journal: the chain itself is asked. */
function reread(state: State, at: Position, causeId: string, effects: Effect<Request>[]): void {
  state.waiting = [];
  effects.push({
    type: "call",
    request: {
      call: "reread",
      pools: [...state.pools.values()].map(({ info }) => info),
      since: Math.min(at.blockNumber, state.position.blockNumber),
      at,
      causeId,
    },
  });
}

function reply(state: State, answered: Reply, config: Config, family: AnyFamily, effects: Effect<Request>[]): void {
  if (answered.kind === "snapshot-saved") {
    const { at } = answered;
    const body: BodyOf<"poolSnapshotted"> = {
      kind: "pool-snapshotted",
      ...envelope(config, at, null),
      dex: config.deployment.id,
      object: answered.object,
      pools: answered.pools,
      bytes: answered.bytes,
      causeSequence: at.sequence,
    };
    effects.push(
      publish(
        "poolSnapshotted",
        { chain: config.chain, dex: config.deployment.id },
        `snapshot:${config.chain}:${config.deployment.id}:${at.sequence}`,
        body,
      ),
    );
    return;
  }
  const states = new Map(answered.rows.map((row) => [row[0], row]));
  const removed = [...state.pools.keys()].filter((address) => !states.has(address));
  for (const address of removed) state.pools.delete(address);
  const changed: Row[] = [];
  const discovered: PoolRow[] = [];
  for (const info of answered.pools) {
    const row = states.get(info.pool);
    if (row === undefined) continue;
    const held = state.pools.get(info.pool);
    if (held === undefined) discovered.push(poolRow(info));
    const heldRow = family.toRow(info, held?.state ?? family.created());
    if (held !== undefined && JSON.stringify(heldRow) === JSON.stringify(row)) continue;
    const fresh = { info, state: family.created() };
    family.applyRow(fresh.state, row);
    state.pools.set(info.pool, fresh);
    changed.push(family.toChangeRow(info, fresh.state, family.mergeUndo(heldRow, row)));
  }
  state.journal.length = 0;
  state.position = answered.at;
  const waiting = state.waiting ?? [];
  state.waiting = null;
  if (discovered.length > 0) answer(state, answered.at, effects, publishDiscovered(config, answered.at, answered.causeId, discovered));
  answer(state, answered.at, effects, publishChanged(config, answered.at, answered.causeId, "reread", changed, removed));
  effects.push(count("pools", { dex: config.deployment.id }, state.pools.size));
  effects.push({ type: "finished-block", blockNumber: answered.at.blockNumber });
  scheduleSnapshot(state, effects);
  for (const message of waiting) receive(state, message, config, family, effects);
}

function answer(state: State, position: Position, effects: Effect<Request>[], effect: Effect<Request>): void {
  if (position.sequence > state.answeredThrough) effects.push(effect);
}

function publishDiscovered(config: Config, position: Position, causeId: string, rows: PoolRow[]): Effect<Request> {
  const { id, family } = config.deployment;
  const body: BodyOf<"poolDiscovered"> = { kind: "pool-discovered", ...envelope(config, position, causeId), dex: id, family, rows };
  return publish(
    "poolDiscovered",
    { chain: config.chain, dex: id },
    `discovered:${config.chain}:${id}:${position.blockHash}:${position.epoch}`,
    body,
  );
}

function publishChanged(
  config: Config,
  position: Position,
  causeId: string,
  reason: "block" | "reorg" | "reread",
  rows: Row[],
  removed: string[],
): Effect<Request> {
  const { id, family } = config.deployment;
  const body: BodyOf<"poolChanged"> = {
    kind: "pool-changed",
    ...envelope(config, position, causeId),
    dex: id,
    reason,
    causeSequence: position.sequence,
    states: statesOf(family, rows),
    removed,
  };
  return publish(
    "poolChanged",
    { chain: config.chain, dex: id },
    `changed:${config.chain}:${id}:${position.blockHash}:${position.epoch}:${reason}`,
    body,
  );
}

/** Snapshots wait until the block's decisions are out: writing down some hundred pools takes longer than finding a cycle in them. */
const SNAPSHOT_DELAY_MS = 400;

function scheduleSnapshot(state: State, effects: Effect<Request>[]): void {
  state.blocksSinceSnapshot = 0;
  effects.push({ type: "set-timer", name: "snapshot", delayMs: SNAPSHOT_DELAY_MS });
}

/** The whole state as plain rows: what a solver starts from, and what this actor comes back from. */
export function snapshotOf(state: State, config: Config, family: AnyFamily = familyOf(config.deployment.family)): PoolSnapshot {
  const pools = [...state.pools.values()];
  return {
    v: 1,
    dex: config.deployment.id,
    chainId: config.chainId,
    blockNumber: state.position.blockNumber,
    blockHash: state.position.blockHash,
    epoch: state.position.epoch,
    causeSequence: state.position.sequence,
    pools: pools.map(({ info }) => poolRow(info)),
    states: statesOf(
      family.id,
      pools.map(({ info, state: pool }) => family.toRow(info, pool)),
    ),
    journal: state.journal.map(({ number, hash, undo: before, created }) => ({
      number,
      hash,
      states: statesOf(family.id, [...before.values()]),
      created: [...created],
    })),
  };
}

export function infoOf([pool, token0, token1, feePips, tickSpacing]: PoolRow): PoolInfo {
  return { pool, token0, token1, feePips, tickSpacing } as PoolInfo;
}

/** The state that a snapshot holds. `answeredThrough`: sequence of the last block message that the stream shows as answered. */
export function restore(snapshot: PoolSnapshot, answeredThrough: number, observedAtMs: number): State {
  const family = familyOf(snapshot.states.family);
  const pools = new Map<string, Pool>();
  for (const row of snapshot.pools) {
    const info = infoOf(row);
    pools.set(info.pool, { info, state: family.created() });
  }
  for (const row of snapshot.states.rows) {
    const pool = pools.get(row[0]);
    if (pool !== undefined) family.applyRow(pool.state, row);
  }
  const { blockNumber, blockHash, epoch, causeSequence: sequence } = snapshot;
  return {
    pools,
    journal: snapshot.journal.map(({ number, hash, states, created }) => ({
      number,
      hash,
      undo: new Map(states.rows.map((row) => [row[0], row])),
      created: [...created],
    })),
    position: { blockNumber, blockHash, epoch, observedAtMs, sequence },
    answeredThrough,
    waiting: null,
    blocksSinceSnapshot: 0,
  };
}
