import { toHex } from "#libs/evm/hex.ts";
import { type Rpc, RpcError } from "#libs/evm/rpc.ts";
import type { LogRow } from "#proto/block/v1/observed.ts";

const FIRST_RANGE = 10_000;
const LARGEST_RANGE = 1_000_000;

/** A log as eth_getLogs and receipts give it. */
export interface RawLog {
  address: string;
  topics: string[];
  data: string;
  logIndex: string;
  transactionIndex: string;
  transactionHash: string;
}

export function logRow(log: RawLog): LogRow {
  return [
    log.address.toLowerCase(),
    log.topics,
    log.data,
    Number(log.logIndex),
    Number(log.transactionIndex),
    log.transactionHash.toLowerCase(),
  ];
}

/**
 * All logs of a filter over a long stretch of blocks, oldest first. The range of one request adapts: halved when the node refuses it, doubled when it
 * answers. Throws the node's `RpcError` when it refuses a single block.
 */
export async function scanLogs(
  client: Rpc,
  filter: {
    readonly address: string;
    readonly topics: readonly (string | readonly string[] | null)[];
    readonly fromBlock: number;
    readonly toBlock: number;
  },
  onProgress: (scannedTo: number) => void = () => {},
): Promise<LogRow[]> {
  const found: LogRow[] = [];
  let range = FIRST_RANGE;
  let from = filter.fromBlock;
  while (from <= filter.toBlock) {
    const to = Math.min(filter.toBlock, from + range - 1);
    try {
      const logs = await client.send<RawLog[]>("eth_getLogs", [
        { address: filter.address, topics: filter.topics, fromBlock: toHex(from), toBlock: toHex(to) },
      ]);
      for (const log of logs) found.push(logRow(log));
      from = to + 1;
      range = Math.min(LARGEST_RANGE, range * 2);
      onProgress(to);
    } catch (cause) {
      if (!(cause instanceof RpcError) || range === 1) throw cause;
      range = Math.max(1, Math.floor(range / 2));
    }
  }
  return found;
}
