import { toHex } from "#libs/evm/hex.ts";
import type { Rpc } from "#libs/evm/rpc.ts";
import { RpcError } from "#libs/evm/rpc-error.ts";
import type { LogRow } from "#proto/block/v1/observed.ts";

const FIRST_RANGE = 10_000;
const LARGEST_RANGE = 1_000_000;
/**
 * After a refusal the range stays below what was refused for the first number of requests: it may have been a dense stretch. Every time that it is refused again
 * this doubles, up to the second: then it is the node's limit for good, and each attempt at more is a request for nothing.
 */
const PATIENCE = { least: 2, most: 64 } as const;

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
 * answers, but not soon again to what was refused. Throws the node's `RpcError` when it refuses a single block.
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
  const largest = Math.min(LARGEST_RANGE, client.maxLogRange ?? LARGEST_RANGE);
  let ceiling = largest;
  let patience: number = PATIENCE.least;
  let atCeiling = 0;
  let lifted = false;
  let range = Math.min(FIRST_RANGE, largest);
  let from = filter.fromBlock;
  while (from <= filter.toBlock) {
    const to = Math.min(filter.toBlock, from + range - 1);
    try {
      const logs = await client.send<RawLog[]>("eth_getLogs", [
        { address: filter.address, topics: filter.topics, fromBlock: toHex(from), toBlock: toHex(to) },
      ]);
      for (const log of logs) found.push(logRow(log));
      from = to + 1;
      if (range === ceiling && lifted) {
        lifted = false;
        patience = PATIENCE.least;
      }
      if (range === ceiling && ceiling < largest && ++atCeiling >= patience) {
        ceiling = Math.min(largest, ceiling * 2);
        atCeiling = 0;
        lifted = true;
      }
      range = Math.min(ceiling, range * 2);
      onProgress(to);
    } catch (cause) {
      if (!(cause instanceof RpcError) || to === from) throw cause;
      range = Math.max(1, Math.floor(Math.min(range, to - from + 1) / 2));
      ceiling = range;
      if (lifted) patience = Math.min(PATIENCE.most, patience * 2);
      lifted = false;
      atCeiling = 0;
    }
  }
  return found;
}
