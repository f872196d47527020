import { bloomHas } from "#libs/evm/bloom.ts";
import { logRow, type RawLog } from "#libs/evm/log-scan.ts";
import { type Rpc, RpcError } from "#libs/evm/rpc.ts";
import { RetryableError } from "#libs/units/invariant.ts";
import type { LogRow } from "#proto/block/v1/observed.ts";
import type { FetchedBlock, Header, Reply, Request } from "#services/watcher/actor.ts";

interface RawHeader {
  number: string;
  hash: string;
  parentHash: string;
  timestamp: string;
  baseFeePerGas?: string;
  gasUsed: string;
  gasLimit: string;
  logsBloom?: string;
}
export interface HeaderWithBloom extends Header {
  readonly logsBloom: string | undefined;
}

export function parseHeader(raw: unknown): HeaderWithBloom {
  const header = raw as RawHeader;
  return {
    number: Number(header.number),
    hash: header.hash.toLowerCase(),
    parentHash: header.parentHash.toLowerCase(),
    timestamp: Number(header.timestamp),
    baseFeePerGas: BigInt(header.baseFeePerGas ?? 0).toString(),
    gasUsed: Number(header.gasUsed),
    gasLimit: Number(header.gasLimit),
    logsBloom: header.logsBloom,
  };
}

const byLogIndex = (left: LogRow, right: LogRow) => left[3] - right[3];

/** Walks from the tip back to a known block and reads each block's logs by its hash, so that header and logs are of one block. */
export async function fetchBranch(
  client: Rpc,
  request: Request,
  options: { readonly topics: readonly string[]; readonly maxBlocks: number; readonly onLost?: (reason: string) => void },
): Promise<Reply> {
  const known = new Set(request.known);
  const headers: HeaderWithBloom[] = [request.tip as HeaderWithBloom];
  try {
    for (;;) {
      const oldest = headers[0] as HeaderWithBloom;
      // With nothing published yet the tip is where the story begins.
      if (known.size === 0 || known.has(oldest.parentHash) || headers.length >= options.maxBlocks || oldest.number === 0) break;
      const parent = await client.send<unknown>("eth_getBlockByHash", [oldest.parentHash, false]);
      if (parent === null) {
        options.onLost?.(`the node has no block ${oldest.parentHash}, parent of ${oldest.number}`);
        return { kind: "branch-lost" };
      }
      headers.unshift(parseHeader(parent));
    }
    const blocks: FetchedBlock[] = [];
    for (const header of headers) blocks.push({ header: withoutBloom(header), logs: await fetchLogs(client, header, options.topics) });
    const ancestor = (headers[0] as Header).parentHash;
    return { kind: "branch-fetched", ancestor: known.has(ancestor) ? ancestor : null, blocks, atMs: request.atMs };
  } catch (cause) {
    if (!(cause instanceof RpcError)) throw cause;
    options.onLost?.(cause.message);
    return { kind: "branch-lost" };
  }
}

function withoutBloom({ logsBloom: _, ...header }: HeaderWithBloom): Header {
  return header;
}

async function fetchLogs(client: Rpc, header: HeaderWithBloom, topics: readonly string[]): Promise<LogRow[]> {
  let logs = await client.send<RawLog[]>("eth_getLogs", [{ blockHash: header.hash, topics: [topics] }]);
  const { logsBloom } = header;
  // Some nodes answer "no logs" for a block whose logs they have not indexed yet. The header's bloom filter tells; receipts settle it.
  if (logs.length === 0 && logsBloom !== undefined && topics.some((topic) => bloomHas(logsBloom, topic))) {
    const receipts = await client.send<{ logs: RawLog[] }[] | null>("eth_getBlockReceipts", [header.hash]);
    if (receipts === null)
      throw new RetryableError("receipts-missing", `block ${header.number}: the node has neither logs nor receipts of it yet`);
    logs = receipts.flatMap((receipt) => receipt.logs).filter((log) => topics.includes(log.topics[0] ?? ""));
  }
  return logs.map(logRow).sort(byLogIndex);
}
