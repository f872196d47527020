import type { DexDeployment } from "#libs/chains/chain.ts";
import type { Announcement, ChainReader, FamilyId, PoolInfo, RowOf } from "#libs/dex/family.ts";
import { familyOf } from "#libs/dex/registry.ts";
import { readerAt } from "#libs/evm/chain-reader.ts";
import { scanLogs } from "#libs/evm/log-scan.ts";
import { type Rpc, RpcError } from "#libs/evm/rpc.ts";
import { RetryableError } from "#libs/units/invariant.ts";
import type { Position } from "#services/fetcher/actor.ts";

/** What the factory's events of a stretch of blocks announce, oldest first. */
async function announcements(
  client: Rpc,
  deployment: DexDeployment,
  blocks: { readonly from: number; readonly to: number },
  onProgress?: (scannedTo: number) => void,
): Promise<Announcement[]> {
  const family = familyOf(deployment.family);
  const logs = await scanLogs(
    client,
    { address: deployment.factory, topics: [...family.topics(deployment).created], fromBlock: blocks.from, toBlock: blocks.to },
    onProgress,
  );
  return logs.map((log) => family.decodeCreated(log, deployment));
}

/** The facts of announced pools: from the announcement where it says all, else from the chain. */
async function known(reader: ChainReader, deployment: DexDeployment, announced: readonly Announcement[]): Promise<PoolInfo[]> {
  const family = familyOf(deployment.family);
  const whole = announced.filter((each) => each !== null && typeof each !== "string");
  const addresses = new Set(announced.filter((each) => typeof each === "string"));
  // An event without an address: whatever the factory lists.
  if (announced.includes(null)) for (const pool of (await family.enumerate?.(reader, deployment, 0)) ?? []) addresses.add(pool);
  const described = addresses.size === 0 ? [] : await family.describe(reader, deployment, [...addresses]);
  return [...whole, ...described.filter((info) => info !== null)];
}

/** Full states at one block. Throws `RetryableError` with code `state-unreadable` for a block that the node knows no longer, or whose state it has let go of. */
async function readStates(
  client: Rpc,
  deployment: DexDeployment,
  pools: readonly PoolInfo[],
  at: { readonly multicall3: string; readonly blockHash: string },
): Promise<RowOf<FamilyId>[]> {
  try {
    return await familyOf(deployment.family).read(readerAt(client, at), deployment, pools);
  } catch (cause) {
    if (cause instanceof RpcError)
      throw new RetryableError("state-unreadable", `${deployment.id} at ${at.blockHash}: ${cause.message}`, { cause });
    throw cause;
  }
}

/** A block as the stream has it, and the id of the message that says so. */
export interface Observed {
  readonly at: Position;
  readonly causeId: string;
}

/** Newer blocks that are tried before the fault is the caller's: a search that takes long needs one. */
const MOST_MOVES = 3;

/**
 * All pools of a DEX and their full states at one block: the one asked for, or the newest of the stream where the node has none of its state any more. Full
 * nodes keep the states of 128 blocks, and the search for pools, or the time that this process was down, may well be longer.
 */
export async function readAt(
  client: Rpc,
  deployment: DexDeployment,
  options: {
    /** Known already. */
    readonly pools: readonly PoolInfo[];
    /** Others are looked for from this block on. */
    readonly from: number;
    /** Blocks that may since have been replaced: they are looked through again. */
    readonly overlap: number;
    readonly observed: Observed;
    /** The newest block of the stream. */
    readonly newest: () => Promise<Observed | null>;
    readonly multicall3: string;
    readonly admits: (pool: PoolInfo) => boolean;
    readonly onProgress?: (scannedTo: number) => void;
  },
): Promise<{ readonly pools: readonly PoolInfo[]; readonly rows: readonly RowOf<FamilyId>[]; readonly observed: Observed }> {
  const pools = new Map(options.pools.map((info) => [info.pool, info]));
  let { from, observed } = options;
  for (let moves = 0; ; moves++) {
    const { blockNumber, blockHash } = observed.at;
    const announced = await announcements(client, deployment, { from, to: blockNumber }, options.onProgress);
    try {
      const reader = readerAt(client, { multicall3: options.multicall3, blockHash });
      for (const info of await known(reader, deployment, announced))
        if (!pools.has(info.pool) && options.admits(info)) pools.set(info.pool, info);
      const rows = await readStates(client, deployment, [...pools.values()], { multicall3: options.multicall3, blockHash });
      return { pools: [...pools.values()], rows, observed };
    } catch (cause) {
      if (!(cause instanceof RetryableError) || cause.code !== "state-unreadable" || moves === MOST_MOVES) throw cause;
      const newest = await options.newest();
      if (newest === null || newest.at.sequence <= observed.at.sequence) throw cause;
      from = Math.max(from, blockNumber - options.overlap);
      observed = newest;
    }
  }
}

/** Which of the announced pools are to be followed, and their states at that block. */
export async function admit(
  client: Rpc,
  deployment: DexDeployment,
  announced: readonly Announcement[],
  options: { readonly multicall3: string; readonly blockHash: string; readonly admits: (pool: PoolInfo) => boolean },
): Promise<{ readonly pools: readonly PoolInfo[]; readonly rows: readonly RowOf<FamilyId>[] }> {
  const pools = (await known(readerAt(client, options), deployment, announced)).filter(options.admits);
  return { pools, rows: pools.length === 0 ? [] : await readStates(client, deployment, pools, options) };
}
