import { type Actor, count, type Effect, type Publish, publish, type Received } from "#libs/actor/actor.ts";
import type { DexDeployment } from "#libs/chains/chain.ts";
import type { Announcement, FamilyId, PoolCurve, PoolInfo, RowOf } from "#libs/dex/family.ts";
import { type AnyFamily, familyOf } from "#libs/dex/registry.ts";
import { type Address, asAddress } from "#libs/units/brand.ts";
import { invariant } from "#libs/units/invariant.ts";
import type { LogRow } from "#proto/block/v1/observed.ts";
import type { PoolSnapshot } from "#proto/pool/v1/snapshotted.ts";
import type { FoundPools, PoolStates } from "#proto/pool/v1/state.ts";
import type { BodyOf } from "#proto/subjects.ts";

type Row = RowOf<FamilyId>;

interface Pool {
  readonly info: PoolInfo;
  readonly state: object;
}

/** What undoes one block: the values its pools had before, and the pools that were taken up at it. */
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

interface Candidate {
  /** Stream sequence of the block after which its logs are kept. */
  readonly since: number;
  readonly logs: { readonly blockHash: string; readonly log: LogRow }[];
}

export interface State {
  /** Changed in place: this actor is the single owner. */
  readonly pools: Map<string, Pool>;
  readonly journal: JournalEntry[];
  position: Position;
  /** Of the last block, seconds. */
  timestamp: number;
  /** Block messages up to this sequence have been answered before a restart: they are applied again but not published again. */
  readonly answeredThrough: number;
  /** While states are read from the chain, block messages wait. Null when nothing is being read. */
  waiting: Received<"blockObserved" | "blockReorged">[] | null;
  /** The message whose block is applied but not published yet, because values that move without an event are being read. */
  refreshing: { readonly causeId: string } | null;
  /** What moves without an event may be elsewhere than here and than what was said of it: the next refresh says all that it finds. */
  unsure: boolean;
  /** Pools under admission, with their logs: a state read at one block is brought to the present one with them. */
  readonly candidates: Map<string, Candidate>;
  /** Whether pools are under admission that only the factory's list names. */
  listing: boolean;
  /** Announced before a restart and not decided on: asked about with the next block. */
  unasked: Announcement[];
  /** Known pools that hold too little to be followed, in the order in which they will be looked at again. */
  readonly small: Set<Address>;
  readonly quarantined: Map<string, { readonly code: string; readonly detail: string }>;
  /**
   * Taken out since the last message: the next one says so. Also pools taken up while answered blocks are applied again: answers came in another order before the
   * restart, so that they may be known, with what they were then, or not. They are told of anew.
   */
  departures: string[];
  blocksSinceCheck: number;
  blocksSinceReview: number;
  /** How many pools have been compared with the chain since the start, to go on with the next. */
  checked: number;
  /** How many of them were contradicted. */
  contradicted: number;
  /** Pools taken up and not yet told of: the next messages announce them. */
  arrivals: string[];
  blocksSinceSnapshot: number;
}

export interface Config {
  readonly chain: string;
  readonly chainId: number;
  readonly deployment: DexDeployment;
  /** Expected seconds from a block to the next. */
  readonly blockSeconds: number;
  readonly journalBlocks: number;
  readonly snapshotEveryBlocks: number;
  /** One pool is compared with the chain each time. */
  readonly checkEveryBlocks: number;
  /** How often pools that have become small leave, and small ones are looked at again. */
  readonly reviewEveryBlocks: number;
  /** Of whole pools in one message: more of them wait for the next. What a block changes comes on top. */
  readonly messageBytes: number;
  /** Quarantined pools that an operator lets back to admission. */
  readonly release: readonly string[];
}

/** What a followed pool holds, raw units of each token. */
export interface Holdings {
  readonly info: PoolInfo;
  readonly amounts: readonly bigint[];
  /** What it says of prices, null while it cannot be traded. Its own: read before the next block. */
  readonly curve: PoolCurve | null;
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
    }
  /** Pools that logs announced: which of them are to be followed, and their states at this block. */
  | { readonly call: "admit"; readonly announced: readonly Announcement[]; readonly at: Position }
  /** Whether these rows are what the chain has at this block, and their quotes what the pools pay. */
  | {
      readonly call: "check";
      readonly pools: readonly PoolInfo[];
      readonly rows: readonly Row[];
      readonly at: Position;
      readonly timestamp: number;
    }
  /** Which of the followed pools hold too little by now. */
  | { readonly call: "review"; readonly holdings: readonly Holdings[]; readonly at: Position }
  /** What moves without an event, at this block, as it will be at this time (seconds): the expected one of the next block. */
  | { readonly call: "refresh"; readonly pools: readonly PoolInfo[]; readonly at: Position; readonly timestamp: number };
export type Reply =
  | { readonly kind: "snapshot-saved"; readonly object: string; readonly bytes: number; readonly pools: number; readonly at: Position }
  /** All pools of the DEX at that block, and their states. */
  | {
      readonly kind: "reread";
      /** Of the pools that were asked for. */
      readonly rows: readonly Row[];
      /** What the blocks since announced. */
      readonly announced: readonly Announcement[];
      readonly at: Position;
      readonly causeId: string;
    }
  | {
      readonly kind: "admitted";
      readonly announced: readonly Announcement[];
      readonly pools: readonly PoolInfo[];
      readonly rows: readonly Row[];
      /** Announced, but not to be followed. */
      readonly refused: readonly Refusal[];
      /** The block of the states. */
      readonly at: Position;
    }
  /** The block is one that the node does not know, or whose state it has let go of. */
  | { readonly kind: "unreadable"; readonly announced: readonly Announcement[] }
  | { readonly kind: "checked"; readonly disagreeing: readonly Refusal[]; readonly at: Position }
  | { readonly kind: "reviewed"; readonly small: readonly Address[] }
  /** Null where a later block has come before the chain could be asked. */
  | { readonly kind: "refreshed"; readonly rows: readonly Row[] | null };

/** Why a pool is not traded. */
export interface Refusal {
  readonly pool: Address;
  /** Those of `PASSING` may pass: such pools are looked at again. */
  readonly code: string;
  readonly detail: string;
}

/** Rows are plain and written in one order. */
const isSame = (left: Row, right: Row): boolean => JSON.stringify(left) === JSON.stringify(right);

export const statesOf = (family: FamilyId, rows: readonly Row[]): PoolStates => ({ family, rows }) as PoolStates;
export const foundOf = (family: FamilyId, pools: readonly PoolInfo[]): FoundPools =>
  ({ family, rows: pools.map(({ pool, tokens, facts }) => [pool, [...tokens], facts]) }) as FoundPools;

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
    // Beyond the journal nothing could be undone: the last message is enough then, its parent is not ours and everything is read again.
    if (state.waiting.length >= config.journalBlocks) state.waiting.length = 0;
    state.waiting.push(message);
    return;
  }
  if (message.key === "blockObserved") observe(state, message, config, family, effects);
  else undo(state, message, config, family, effects);
}

function positionOf({ body, meta }: Received<"blockObserved" | "blockReorged">): Position {
  const { blockNumber, blockHash, epoch, observedAtMs } = body;
  return { blockNumber, blockHash, epoch, observedAtMs, sequence: meta.sequence };
}

function observe(state: State, message: Received<"blockObserved">, config: Config, family: AnyFamily, effects: Effect<Request>[]): void {
  const { body, meta } = message;
  const { deployment } = config;
  const position = positionOf(message);
  if (body.parentHash !== state.position.blockHash) {
    reread(state, position, meta.id, effects);
    return;
  }
  const entry: JournalEntry = { number: body.blockNumber, hash: body.blockHash, undo: new Map(), created: [] };
  const topics = family.topics(deployment);
  const announced: Announcement[] = state.unasked;
  state.unasked = [];
  for (const log of body.logs) {
    const topic = log[1][0] as string;
    if (log[0] === deployment.factory && topics.created.includes(topic)) {
      const announcement = family.decodeCreated(log, deployment);
      const address = addressIn(announcement);
      if (address !== null && (state.pools.has(address) || state.quarantined.has(address))) continue;
      // Also one that is being asked about: that was for another branch, on which it may not be.
      if (address !== null) keepLogs(state, address, position.sequence);
      else state.listing = true;
      announced.push(announcement);
    } else if (topics.state.includes(topic)) {
      const address = family.poolOf(log, deployment);
      if (address === null) continue;
      const pool = state.pools.get(address);
      if (pool === undefined) state.candidates.get(address)?.logs.push({ blockHash: body.blockHash, log });
      else {
        const refusal = follow(entry, pool, family, log);
        if (refusal !== null) takeOut(state, [refusal], position, config, effects);
      }
    }
  }
  state.journal.push(entry);
  if (state.journal.length > config.journalBlocks) state.journal.shift();
  state.position = position;
  state.timestamp = body.timestamp;
  if (announced.length > 0) effects.push({ type: "call", request: { call: "admit", announced, at: position } });
  const moving = movingAlone(state, family);
  if (moving.length === 0) {
    state.unsure = false;
    conclude(state, meta.id, config, family, effects);
    return;
  }
  state.waiting = [];
  state.refreshing = { causeId: meta.id };
  effects.push({
    type: "call",
    request: { call: "refresh", pools: moving, at: position, timestamp: body.timestamp + config.blockSeconds },
  });
}

/** Keeps the logs of a pool under admission, from the block of this stream sequence on. */
function keepLogs(state: State, address: string, since: number): void {
  if (!state.candidates.has(address)) state.candidates.set(address, { since, logs: [] });
}

export const addressIn = (announcement: Announcement): Address | null =>
  announcement === null || typeof announcement === "string" ? announcement : announcement.pool;

/** Notes in the journal how to undo a change. */
function change(entry: JournalEntry, { info }: Pool, family: AnyFamily, before: Row): void {
  const earlier = entry.undo.get(info.pool);
  entry.undo.set(info.pool, earlier === undefined ? before : family.mergeUndo(earlier, before));
}

/** Applies a log. One that contradicts the state says that this pool is none that we know: the others are followed as before. */
function follow(entry: JournalEntry, pool: Pool, family: AnyFamily, log: LogRow): Refusal | null {
  try {
    change(entry, pool, family, family.applyLog(pool.info, pool.state, log));
    return null;
  } catch (cause) {
    return { pool: pool.info.pool, code: "log", detail: `log ${log[3]} of block ${entry.hash}: ${(cause as Error).message}` };
  }
}

function movingAlone(state: State, { refresh }: AnyFamily): PoolInfo[] {
  if (refresh === undefined) return [];
  return [...state.pools.values()].filter((pool) => refresh.needed(pool.info, pool.state)).map(({ info }) => info);
}

/** Publishes what the block did. */
function conclude(state: State, causeId: string, config: Config, family: AnyFamily, effects: Effect<Request>[]): void {
  const touched = state.journal.at(-1)?.undo ?? new Map<string, Row>();
  // They have come since the refresh was asked for.
  const unread = new Set(state.arrivals);
  say(state, { causeId, reason: "block", touched, removed: [] }, config, family, effects);
  effects.push({ type: "finished-block", blockNumber: state.position.blockNumber });
  if (++state.blocksSinceSnapshot >= config.snapshotEveryBlocks) scheduleSnapshot(state, effects);
  if (++state.blocksSinceCheck >= config.checkEveryBlocks && !state.unsure) check(state, unread, config, family, effects);
  if (++state.blocksSinceReview >= config.reviewEveryBlocks) review(state, family, effects);
}

/** Has the next pool compared with the chain, as it stands after this block. */
function check(state: State, unread: ReadonlySet<string>, config: Config, family: AnyFamily, effects: Effect<Request>[]): void {
  state.blocksSinceCheck = 0;
  const pools = [...state.pools.values()];
  const pool = pools[state.checked++ % Math.max(1, pools.length)];
  if (pool === undefined || unread.has(pool.info.pool)) return;
  const { position: at, timestamp } = state;
  effects.push({
    type: "call",
    request: {
      call: "check",
      pools: [pool.info],
      rows: [family.toRow(pool.info, pool.state)],
      at,
      timestamp: timestamp + config.blockSeconds,
    },
  });
}

/** Small pools that are looked at again at a time: some seconds of a public endpoint's patience. */
const REVIEWED = 200;

/** Has those that have become small found out, and asks again about some that were. */
function review(state: State, family: AnyFamily, effects: Effect<Request>[]): void {
  state.blocksSinceReview = 0;
  const holdings = [...state.pools.values()].map(({ info, state: pool }) => {
    const curve = family.isLive(pool) ? family.curve(info, pool) : null;
    return { info, amounts: family.holdings(info, pool), curve };
  });
  effects.push({ type: "call", request: { call: "review", holdings, at: state.position } });
  const again = [...state.small].slice(0, REVIEWED);
  for (const address of again) {
    state.small.delete(address);
    keepLogs(state, address, state.position.sequence);
  }
  if (again.length > 0) effects.push({ type: "call", request: { call: "admit", announced: again, at: state.position } });
}

/** The pools taken up whole, as many as a message holds; the touched ones with what changed. */
function say(
  state: State,
  what: {
    readonly causeId: string;
    readonly reason: "block" | "reorg";
    readonly touched: ReadonlyMap<string, Row>;
    readonly removed: readonly string[];
  },
  config: Config,
  family: AnyFamily,
  effects: Effect<Request>[],
): void {
  const { position } = state;
  state.departures.push(...what.removed);
  // Who has come and gone is told by the first messages that go out.
  if (position.sequence <= state.answeredThrough) return;
  const removed = [...new Set(state.departures)];
  state.departures = [];
  const arrived = arrivalsFor(state, new Set(removed), config, family);
  if (arrived.length > 0) {
    const infos = arrived.map(({ info }) => info);
    effects.push(publishDiscovered(config, position, what.causeId, infos));
  }
  const untold = new Set([...state.arrivals, ...arrived.map(({ info }): string => info.pool)]);
  const rows = [
    ...arrived.map(({ row }) => row),
    ...[...what.touched]
      .filter(([address]) => state.pools.has(address) && !untold.has(address))
      .map(([address, before]) => changeRow(state, family, address, before)),
  ];
  effects.push(publishChanged(config, position, what.causeId, what.reason, rows, removed));
  if (arrived.length === 0 && removed.length === 0) return;
  effects.push(count("pools", { dex: config.deployment.id }, state.pools.size));
  // A fetcher that came back from before this would follow other pools than its readers know, and ones that were found wrong.
  scheduleSnapshot(state, effects);
}

/** Takes from those that wait to be told of as many as fit. One that this message says is gone comes back with the next. */
function arrivalsFor(
  state: State,
  removed: ReadonlySet<string>,
  { messageBytes }: Config,
  family: AnyFamily,
): { readonly info: PoolInfo; readonly row: Row }[] {
  const told: { readonly info: PoolInfo; readonly row: Row }[] = [];
  const waiting: string[] = [];
  let bytes = 0;
  for (const address of state.arrivals) {
    const pool = state.pools.get(address);
    if (pool === undefined) continue;
    if (removed.has(address) || bytes >= messageBytes) {
      waiting.push(address);
      continue;
    }
    const row = family.toRow(pool.info, pool.state);
    bytes += sizeOf(row);
    told.push({ info: pool.info, row });
  }
  state.arrivals = waiting;
  return told;
}

/** About what a row takes in a message, from above. */
const sizeOf = (row: Row): number => JSON.stringify(row).length;

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
  say(state, { causeId: message.meta.id, reason: "reorg", touched, removed: [...removed] }, config, family, effects);
  // Taken up at a state of a dropped block; the pool itself may be older than that.
  const announced = [...removed].map(asAddress);
  for (const address of announced) keepLogs(state, address, position.sequence);
  if (announced.length > 0) effects.push({ type: "call", request: { call: "admit", announced, at: position } });
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
  if (answered.kind === "admitted") admitted(state, answered, config, family, effects);
  else if (answered.kind === "unreadable") postpone(state, answered.announced);
  else if (answered.kind === "checked") quarantine(state, answered.disagreeing, answered.at, config, effects);
  else if (answered.kind === "reviewed") {
    for (const address of answered.small) if (leave(state, address)) state.small.add(address);
  } else if (answered.kind === "refreshed") refreshed(state, answered.rows, config, family, effects);
  else rereadDone(state, answered, config, family, effects);
}

function refreshed(state: State, rows: readonly Row[] | null, config: Config, family: AnyFamily, effects: Effect<Request>[]): void {
  const { refreshing } = state;
  const entry = state.journal.at(-1);
  invariant(refreshing !== null && entry !== undefined, "a refresh that nobody waits for");
  for (const row of rows ?? []) {
    const pool = state.pools.get(row[0]);
    if (pool === undefined) continue;
    const before = family.toChangeRow(pool.info, pool.state, row);
    if (isSame(before, row) && !state.unsure) continue;
    change(entry, pool, family, before);
    family.applyRow(pool.state, row);
  }
  state.refreshing = null;
  state.unsure = rows === null;
  conclude(state, refreshing.causeId, config, family, effects);
  resume(state, config, family, effects);
}

function rereadDone(
  state: State,
  answered: Extract<Reply, { kind: "reread" }>,
  config: Config,
  family: AnyFamily,
  effects: Effect<Request>[],
): void {
  const rows = new Map(answered.rows.map((row) => [row[0], row]));
  const changed: Row[] = [];
  const untold = new Set(state.arrivals);
  let bytes = 0;
  for (const [address, { info, state: held }] of state.pools) {
    const row = rows.get(address);
    if (row === undefined) {
      leave(state, asAddress(address));
      // It may be there again, or have been one that could not be read.
      state.small.add(asAddress(address));
      continue;
    }
    const heldRow = family.toRow(info, held);
    if (isSame(heldRow, row)) continue;
    const fresh = { info, state: family.created() };
    family.applyRow(fresh.state, row);
    state.pools.set(address, fresh);
    if (untold.has(address)) continue;
    if (bytes >= config.messageBytes) {
      // No room left: it is told of anew.
      state.departures.push(address);
      state.arrivals.push(address);
      continue;
    }
    const change = family.toChangeRow(info, fresh.state, family.mergeUndo(heldRow, row));
    bytes += sizeOf(change);
    changed.push(change);
  }
  state.journal.length = 0;
  state.position = answered.at;
  // Those under admission lack their logs now: they are asked about again, with what the blocks in between announced.
  const announced: Announcement[] = [...state.candidates.keys()].map(asAddress);
  for (const each of answered.announced) {
    const address = addressIn(each);
    if (address === null || !(state.pools.has(address) || state.quarantined.has(address) || state.candidates.has(address)))
      announced.push(each);
  }
  state.candidates.clear();
  for (const address of announced.map(addressIn))
    if (address !== null) keepLogs(state, address, answered.at.sequence);
    else state.listing = true;
  if (announced.length > 0) effects.push({ type: "call", request: { call: "admit", announced, at: answered.at } });
  if (answered.at.sequence > state.answeredThrough) {
    effects.push(publishChanged(config, answered.at, answered.causeId, "reread", changed, [...new Set(state.departures)]));
    state.departures = [];
  }
  effects.push(count("pools", { dex: config.deployment.id }, state.pools.size));
  effects.push({ type: "finished-block", blockNumber: answered.at.blockNumber });
  scheduleSnapshot(state, effects);
  resume(state, config, family, effects);
}

function resume(state: State, config: Config, family: AnyFamily, effects: Effect<Request>[]): void {
  const waiting = state.waiting ?? [];
  state.waiting = null;
  for (const message of waiting) receive(state, message, config, family, effects);
}

/** Takes up pools whose states were read at a block of ours: what happened to them since is applied, block by block, so that it can be undone. */
function admitted(
  state: State,
  answered: Extract<Reply, { kind: "admitted" }>,
  config: Config,
  family: AnyFamily,
  effects: Effect<Request>[],
): void {
  // Everything is being read again: the candidates are asked about once more after that.
  if (state.waiting !== null && state.refreshing === null) return;
  const { announced, pools } = answered;
  const { blockHash, sequence } = answered.at;
  const isHead = blockHash === state.position.blockHash;
  const at = state.journal.findLastIndex(({ hash }) => hash === blockHash);
  const isKept = (pool: Address) => sequence >= (state.candidates.get(pool)?.since ?? Number.POSITIVE_INFINITY);
  const rows = new Map(answered.rows.map((row) => [row[0], row]));
  const again: Address[] = [];
  const contradicted: Refusal[] = [];
  for (const info of pools) {
    const row = rows.get(info.pool);
    // A factory's list names those in quarantine too.
    if (row === undefined || state.pools.has(info.pool) || state.quarantined.has(info.pool)) continue;
    // Read at a block that was dropped meanwhile, or nobody kept the logs since: asked once more, from here.
    if (!isHead && (at < 0 || !isKept(info.pool))) {
      again.push(info.pool);
      continue;
    }
    const pool = { info, state: family.created() };
    family.applyRow(pool.state, row);
    const logs = state.candidates.get(info.pool)?.logs ?? [];
    let refusal: Refusal | null = null;
    for (const entry of isHead ? [] : state.journal.slice(at + 1))
      for (const { blockHash: of, log } of logs) if (of === entry.hash) refusal ??= follow(entry, pool, family, log);
    if (refusal !== null) {
      contradicted.push(refusal);
      continue;
    }
    state.pools.set(info.pool, pool);
    state.small.delete(info.pool);
    state.journal[at]?.created.push(info.pool);
    state.arrivals.push(info.pool);
    if (state.position.sequence <= state.answeredThrough) state.departures.push(info.pool);
  }
  for (const pool of [...announced, ...pools].map(addressIn)) {
    if (pool !== null) state.candidates.delete(pool);
    else state.listing = false;
  }
  for (const pool of again) keepLogs(state, pool, state.position.sequence);
  if (again.length > 0) effects.push({ type: "call", request: { call: "admit", announced: again, at: state.position } });
  const lasting: Refusal[] = contradicted;
  for (const refusal of answered.refused) {
    if (state.pools.has(refusal.pool)) continue;
    if (PASSING.has(refusal.code)) state.small.add(refusal.pool);
    else lasting.push(refusal);
  }
  effects.push(...judgements("refused", lasting, answered.at, config));
}

/** Asks about these at a later review. Those that a factory has yet to name are asked about with the next block. */
function postpone(state: State, announced: readonly Announcement[]): void {
  // Everything is being read again, and they are asked about once more after that.
  if (state.waiting !== null && state.refreshing === null) return;
  for (const address of announced.map(addressIn))
    if (address === null) state.unasked.push(null);
    else if (!state.pools.has(address) && state.candidates.delete(address)) state.small.add(address);
}

/** Reasons that time may take away. */
export const PASSING: ReadonlySet<string> = new Set(["small", "not-live", "token-no-balance"]);

/** Takes a pool out; the next message says so. False for one that is not held. */
function leave(state: State, address: Address): boolean {
  const held = state.pools.delete(address);
  const arrived = state.arrivals.indexOf(address);
  // Nobody has been told of it yet.
  if (arrived >= 0) state.arrivals.splice(arrived, 1);
  else if (held) state.departures.push(address);
  return held;
}

/** Contradicted pools from which on the whole DEX may be broken. */
const BROKEN_AT = 5;

/** Nothing is repaired in silence: a pool that is not what we held it for stays out until an operator says otherwise. */
function quarantine(state: State, disagreeing: readonly Refusal[], at: Position, config: Config, effects: Effect<Request>[]): void {
  const out = disagreeing.filter(({ pool }) => leave(state, pool));
  state.contradicted += out.length;
  // A DEX that is contradicted more often than not is none that we know. Those of before a restart do not count: nor do the checks that they were found in.
  if (out.length > 0 && state.contradicted >= BROKEN_AT && 2 * state.contradicted > state.checked)
    for (const { info } of [...state.pools.values()])
      if (leave(state, info.pool))
        out.push({ pool: info.pool, code: "dex", detail: "most pools of this DEX that were checked disagree with the chain" });
  takeOut(state, out, at, config, effects);
}

function takeOut(state: State, contradicted: readonly Refusal[], at: Position, config: Config, effects: Effect<Request>[]): void {
  for (const { pool, code, detail } of contradicted) {
    leave(state, pool);
    state.quarantined.set(pool, { code, detail: detail.slice(0, DETAIL_LENGTH) });
  }
  effects.push(...judgements("quarantined", contradicted, at, config));
  if (contradicted.length > 0) effects.push(count("poolsQuarantined", { dex: config.deployment.id }, state.quarantined.size));
}

/** Judgements in one message, and letters of each: reasons come from contracts, which may write anything. */
const JUDGED_BATCH = 500;
const DETAIL_LENGTH = 1_000;

/** As messages. */
export function judgements(
  verdict: "refused" | "quarantined",
  refusals: readonly Refusal[],
  at: Position,
  config: Config,
): (Publish & { readonly key: "poolJudged" })[] {
  const messages: (Publish & { readonly key: "poolJudged" })[] = [];
  for (let start = 0; start < refusals.length; start += JUDGED_BATCH) {
    const batch = refusals.slice(start, start + JUDGED_BATCH);
    messages.push({
      type: "publish",
      key: "poolJudged",
      tokens: { chain: config.chain, dex: config.deployment.id },
      messageId: `${verdict}:${config.chain}:${config.deployment.id}:${at.blockHash}:${at.epoch}:${batch[0]?.pool}`,
      body: {
        kind: "pool-judged",
        ...envelope(config, at, null),
        dex: config.deployment.id,
        verdict,
        rows: batch.map(({ pool, code, detail }) => [pool, code, detail.slice(0, DETAIL_LENGTH)]),
      },
    });
  }
  return messages;
}

function publishDiscovered(config: Config, position: Position, causeId: string, pools: readonly PoolInfo[]): Effect<Request> {
  const { id, family } = config.deployment;
  const body: BodyOf<"poolDiscovered"> = {
    kind: "pool-discovered",
    ...envelope(config, position, causeId),
    dex: id,
    pools: foundOf(family, pools),
  };
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
  rows: readonly Row[],
  removed: readonly string[],
): Effect<Request> {
  const { id, family } = config.deployment;
  const body: BodyOf<"poolChanged"> = {
    kind: "pool-changed",
    ...envelope(config, position, causeId),
    dex: id,
    reason,
    causeSequence: position.sequence,
    states: statesOf(family, rows),
    removed: [...removed],
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
    pools: foundOf(
      family.id,
      pools.map(({ info }) => info),
    ),
    states: statesOf(
      family.id,
      pools.map(({ info, state: pool }) => family.toRow(info, pool)),
    ),
    arrivals: [...state.arrivals],
    candidates: [...state.candidates.keys(), ...(state.listing ? [null] : [])],
    small: [...state.small],
    quarantined: [...state.quarantined].map(([pool, { code, detail }]) => [pool, code, detail]),
    journal: state.journal.map(({ number, hash, undo: before, created }) => ({
      number,
      hash,
      states: statesOf(family.id, [...before.values()]),
      created: [...created],
    })),
  };
}

/** A row of `FoundPools`. */
export const infoOf = ([pool, tokens, facts]: FoundPools["rows"][number]): PoolInfo => ({
  pool: asAddress(pool),
  tokens: tokens.map(asAddress),
  facts,
});

/** The state that a snapshot holds. `answeredThrough`: sequence of the last block message that the stream shows as answered. */
export function restore(
  snapshot: PoolSnapshot,
  answeredThrough: number,
  observedAtMs: number,
  { release }: Pick<Config, "release">,
): State {
  const family = familyOf(snapshot.states.family);
  const pools = new Map<string, Pool>();
  for (const row of snapshot.pools.rows) {
    const info = infoOf(row);
    pools.set(info.pool, { info, state: family.created() });
  }
  for (const row of snapshot.states.rows) {
    const pool = pools.get(row[0]);
    if (pool !== undefined) family.applyRow(pool.state, row);
  }
  const released = snapshot.quarantined.map(([pool]) => asAddress(pool)).filter((pool) => release.includes(pool));
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
    refreshing: null,
    unsure: true,
    candidates: new Map(
      [...snapshot.candidates, ...released].flatMap((address) => (address === null ? [] : [[address, { since: sequence, logs: [] }]])),
    ),
    listing: snapshot.candidates.includes(null),
    unasked: [...snapshot.candidates.map((address) => (address === null ? null : asAddress(address))), ...released],
    arrivals: [...snapshot.arrivals],
    small: new Set(snapshot.small.map(asAddress)),
    quarantined: new Map(
      snapshot.quarantined.filter(([pool]) => !release.includes(pool)).map(([pool, code, detail]) => [pool, { code, detail }]),
    ),
    departures: answeredThrough > sequence ? [...snapshot.arrivals] : [],
    blocksSinceCheck: 0,
    blocksSinceReview: 0,
    checked: 0,
    contradicted: 0,
    timestamp: 0,
    blocksSinceSnapshot: 0,
  };
}
