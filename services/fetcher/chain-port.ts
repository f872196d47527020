import type { DexDeployment } from "#libs/chains/chain.ts";
import type { FamilyId, PoolInfo, RowOf } from "#libs/dex/family.ts";
import { familyOf } from "#libs/dex/registry.ts";
import { readerAt } from "#libs/evm/chain-reader.ts";
import { scanLogs } from "#libs/evm/log-scan.ts";
import { type Rpc, RpcError } from "#libs/evm/rpc.ts";
import { RetryableError } from "#libs/units/invariant.ts";
import type { Position } from "#services/fetcher/actor.ts";

/** Pools that the factory has announced in a stretch of blocks, oldest first. */
export async function discover(
  client: Rpc,
  deployment: DexDeployment,
  blocks: { readonly from: number; readonly to: number },
  admits: (pool: PoolInfo) => boolean,
  onProgress?: (scannedTo: number) => void,
): Promise<PoolInfo[]> {
  const family = familyOf(deployment.family);
  const logs = await scanLogs(
    client,
    { address: deployment.factory, topics: [family.topics.poolCreated], fromBlock: blocks.from, toBlock: blocks.to },
    onProgress,
  );
  return logs.map((log) => family.decodePoolCreated(log, deployment)).filter(admits);
}

/** Full states at one block. Throws `RetryableError` with code `state-unreadable` for a block that the node knows no longer, or whose state it has let go of. */
async function readStates(
  client: Rpc,
  deployment: DexDeployment,
  pools: readonly PoolInfo[],
  at: { readonly multicall3: string; readonly blockHash: string },
): Promise<RowOf<FamilyId>[]> {
  try {
    return await familyOf(deployment.family).read(readerAt(client, at), pools);
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
    for (const info of await discover(client, deployment, { from, to: blockNumber }, options.admits, options.onProgress))
      if (!pools.has(info.pool)) pools.set(info.pool, info);
    try {
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
