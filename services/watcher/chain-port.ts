import { bloomHas } from "#libs/evm/bloom.ts";
import { toHex } from "#libs/evm/hex.ts";
import { logRow, type RawLog } from "#libs/evm/log-scan.ts";
import { NO_SUCH_BLOCK, type Rpc, RpcError } from "#libs/evm/rpc.ts";
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

/** Blocks whose logs are asked for in one batch when several are missing: below the 25 MB answers that Geth allows. */
const LOGS_BATCH = 16;

export interface BranchOptions {
  readonly topics: readonly string[];
  readonly maxBlocks: number;
  readonly onLost?: (reason: string) => void;
  /** How the endpoint gives logs, as it turned out: kept from call to call. */
  readonly logs: LogSource;
}
export interface LogSource {
  /** False for an endpoint that refuses eth_getLogs by block hash: it is asked by number, and what it says is compared with the header. */
  byHash: boolean;
  readonly onByNumber?: (reason: string) => void;
}

/** Walks from the tip back to a known block and reads each block's logs, so that header and logs are of one block. */
export async function fetchBranch(client: Rpc, request: Request, options: BranchOptions): Promise<Reply> {
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
    for (let start = 0; start < headers.length; start += LOGS_BATCH) {
      const some = headers.slice(start, start + LOGS_BATCH);
      for (const [index, logs] of (await fetchLogs(client, some, options)).entries())
        blocks.push({ header: withoutBloom(some[index] as HeaderWithBloom), logs });
    }
    const ancestor = (headers[0] as Header).parentHash;
    return { kind: "branch-fetched", ancestor: known.has(ancestor) ? ancestor : null, blocks, atMs: request.atMs };
  } catch (cause) {
    if (!(cause instanceof RpcError || cause instanceof OtherBlockError)) throw cause;
    options.onLost?.(cause.message);
    return { kind: "branch-lost" };
  }
}

/** Logs came of another block than the one asked for: it was replaced meanwhile. */
class OtherBlockError extends Error {}

function withoutBloom({ logsBloom: _, ...header }: HeaderWithBloom): Header {
  return header;
}

interface BlockLog extends RawLog {
  blockHash: string;
}

/** Logs of each block, in the order of the headers. */
async function fetchLogs(client: Rpc, headers: readonly HeaderWithBloom[], options: BranchOptions): Promise<LogRow[][]> {
  const found = await askLogs(client, headers, options);
  const all: LogRow[][] = [];
  for (const [index, header] of headers.entries()) {
    const logs = found[index] as BlockLog[];
    // Some nodes take no notice of a block hash that they do not understand and give another block's logs.
    const stray = logs.find(({ blockHash }) => blockHash !== header.hash && blockHash.toLowerCase() !== header.hash);
    if (stray !== undefined) throw new OtherBlockError(`logs of block ${header.number} ${header.hash} came from ${stray.blockHash}`);
    const complete = logs.length > 0 || !mayHaveLogs(header, options) ? logs : await logsOfReceipts(client, header, options.topics);
    all.push(complete.map(logRow).sort(byLogIndex));
  }
  return all;
}

/** By hash; by number where the endpoint refuses that but answers this. A refusal of both, or of a block that it does not have, is the caller's. */
async function askLogs(client: Rpc, headers: readonly HeaderWithBloom[], { topics, logs }: BranchOptions): Promise<BlockLog[][]> {
  const ask = async (byHash: boolean): Promise<BlockLog[][]> => {
    const calls = headers.map(({ hash, number }) => {
      const block = byHash ? { blockHash: hash } : { fromBlock: toHex(number), toBlock: toHex(number) };
      return { method: "eth_getLogs", params: [{ ...block, topics: [topics] }] };
    });
    const [only] = calls;
    return calls.length === 1 && only !== undefined ? [await client.send<BlockLog[]>(only.method, only.params)] : client.batch(calls);
  };
  if (!logs.byHash) return ask(false);
  try {
    return await ask(true);
  } catch (cause) {
    if (!(cause instanceof RpcError) || NO_SUCH_BLOCK.test(cause.message)) throw cause;
    const found = await ask(false).catch(() => Promise.reject(cause));
    logs.byHash = false;
    logs.onByNumber?.(cause.message);
    return found;
  }
}

/** Whether "no logs" needs a second opinion. Without logs the header's bloom filter is all that ties the answer to this very block. */
function mayHaveLogs({ logsBloom }: HeaderWithBloom, { topics, logs }: BranchOptions): boolean {
  if (logsBloom === undefined) return !logs.byHash;
  return topics.some((topic) => bloomHas(logsBloom, topic));
}

/** Some nodes answer "no logs" for a block whose logs they have not indexed yet, or give by number what another block has: receipts of the hash settle it. */
async function logsOfReceipts(client: Rpc, header: HeaderWithBloom, topics: readonly string[]): Promise<BlockLog[]> {
  const receipts = await client.send<{ logs: BlockLog[] }[] | null>("eth_getBlockReceipts", [header.hash]);
  if (receipts === null)
    throw new RetryableError("receipts-missing", `block ${header.number}: the node has neither logs nor receipts of it yet`);
  return receipts.flatMap((receipt) => receipt.logs).filter((log) => topics.includes(log.topics[0] ?? ""));
}
