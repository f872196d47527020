import type { DexDeployment } from "#libs/chains/chain.ts";
import type { FamilyId, PoolInfo, RowOf } from "#libs/dex/family.ts";
import { familyOf } from "#libs/dex/registry.ts";
import { readerAt } from "#libs/evm/chain-reader.ts";
import { scanLogs } from "#libs/evm/log-scan.ts";
import { type Rpc, RpcError } from "#libs/evm/rpc.ts";
import { RetryableError } from "#libs/units/invariant.ts";

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

/** Full states at one block. A block that the node no longer knows is a passing fault: its successor comes as a message. */
export async function readStates(
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
