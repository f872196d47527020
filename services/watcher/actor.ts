import { type Actor, count, type Effect, publish } from "#libs/actor/actor.ts";
import { LOG_COLUMNS, type LogRow } from "#proto/block/v1/observed.ts";
import type { BodyOf } from "#proto/subjects.ts";

export interface Header {
  readonly number: number;
  readonly hash: string;
  readonly parentHash: string;
  /** Seconds. */
  readonly timestamp: number;
  readonly baseFeePerGas: string;
  readonly gasUsed: number;
  readonly gasLimit: number;
}

export interface FetchedBlock {
  readonly header: Header;
  readonly logs: readonly LogRow[];
}

export interface State {
  readonly epoch: number;
  /** The chain as published, oldest first; its last entry is the head. At most `config.rememberedBlocks`. */
  readonly published: readonly Readonly<{ number: number; hash: string }>[];
  readonly fetching: boolean;
  /** The newest head announced while a fetch was under way. */
  readonly waiting: { readonly header: Header; readonly atMs: number } | null;
}

export interface Config {
  readonly chain: string;
  readonly chainId: number;
  /** A reorganisation deeper than this is not followed block by block: fetchers see the gap and read again. */
  readonly rememberedBlocks: number;
}

export type Request = { readonly call: "fetch-branch"; readonly tip: Header; readonly known: readonly string[]; readonly atMs: number };
export type Reply =
  | { readonly kind: "head-announced"; readonly header: Header; readonly atMs: number }
  /** Blocks from just after a known one (`ancestor`) to the tip, oldest first; ancestor null when the walk ended before it met one. */
  | { readonly kind: "branch-fetched"; readonly ancestor: string | null; readonly blocks: readonly FetchedBlock[]; readonly atMs: number }
  /** The tip vanished while it was fetched. */
  | { readonly kind: "branch-lost" };

export const initialState: State = { epoch: 0, published: [], fetching: false, waiting: null };

/** The part of the state that the stream itself tells, message by message: how a restarted watcher finds its place. */
export function remember(state: State, body: BodyOf<"blockObserved"> | BodyOf<"blockReorged">, config: Config): State {
  if (body.kind === "block-reorged") {
    const ancestor = state.published.findIndex(({ hash }) => hash === body.blockHash);
    return { ...state, epoch: body.epoch, published: state.published.slice(0, ancestor + 1) };
  }
  return {
    ...state,
    epoch: body.epoch,
    published: [...state.published, { number: body.blockNumber, hash: body.blockHash }].slice(-config.rememberedBlocks),
  };
}

/** Turns announced heads into an unbroken sequence of blocks with their logs, and reorganisations into one message each. */
export const watcher: Actor<State, Config, never, Request, Reply> = {
  name: "watcher",
  decide(state, input, config) {
    if (input.type !== "reply") return { state, effects: [] };
    const { reply } = input;
    switch (reply.kind) {
      case "head-announced":
        return state.fetching ? { state: { ...state, waiting: reply }, effects: [] } : follow(state, reply);
      case "branch-lost": {
        const idle = { ...state, fetching: false, waiting: null };
        return state.waiting === null ? { state: idle, effects: [] } : follow(idle, state.waiting);
      }
      case "branch-fetched": {
        const extended = extend(state, reply, config);
        const idle = { ...extended.state, fetching: false, waiting: null };
        const next = state.waiting === null ? { state: idle, effects: [] } : follow(idle, state.waiting);
        return { state: next.state, effects: [...extended.effects, ...next.effects] };
      }
    }
  },
};

function follow(state: State, { header, atMs }: { readonly header: Header; readonly atMs: number }) {
  if (state.published.some(({ hash }) => hash === header.hash)) return { state, effects: [] };
  const request: Request = { call: "fetch-branch", tip: header, known: state.published.map(({ hash }) => hash), atMs };
  return { state: { ...state, fetching: true }, effects: [{ type: "call", request } as const] };
}

function extend(
  state: State,
  branch: Extract<Reply, { kind: "branch-fetched" }>,
  config: Config,
): { state: State; effects: Effect<Request>[] } {
  const effects: Effect<Request>[] = [];
  let current = state;
  const tokens = { chain: config.chain };
  const ancestorIndex = state.published.findIndex(({ hash }) => hash === branch.ancestor);
  const ancestor = state.published[ancestorIndex];
  const dropped = ancestor === undefined ? [] : state.published.slice(ancestorIndex + 1);
  if (ancestor !== undefined && dropped.length > 0) {
    const body: BodyOf<"blockReorged"> = {
      kind: "block-reorged",
      v: 1,
      chainId: config.chainId,
      blockNumber: ancestor.number,
      blockHash: ancestor.hash,
      observedAtMs: branch.atMs,
      causeId: null,
      epoch: state.epoch + 1,
      dropped: dropped.map(({ number, hash }) => [number, hash]),
    };
    effects.push(
      publish("blockReorged", tokens, `reorg:${config.chain}:${body.epoch}:${ancestor.hash}`, body),
      count("reorgs", {}),
      count("reorgDepth", {}, dropped.length),
    );
    current = remember(current, body, config);
  }
  for (const { header, logs } of branch.blocks) {
    const body: BodyOf<"blockObserved"> = {
      kind: "block-observed",
      v: 1,
      chainId: config.chainId,
      blockNumber: header.number,
      blockHash: header.hash,
      observedAtMs: branch.atMs,
      causeId: null,
      parentHash: header.parentHash,
      epoch: current.epoch,
      timestamp: header.timestamp,
      baseFeePerGas: header.baseFeePerGas,
      gasUsed: header.gasUsed,
      gasLimit: header.gasLimit,
      logColumns: [...LOG_COLUMNS],
      logs: [...logs],
    };
    effects.push(publish("blockObserved", tokens, `block:${config.chain}:${header.hash}:${current.epoch}`, body), {
      type: "finished-block",
      blockNumber: header.number,
    });
    current = remember(current, body, config);
  }
  return { state: current, effects };
}
