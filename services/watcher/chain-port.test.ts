import { AbiCoder, id, keccak256 } from "ethers";
import { afterEach, describe, expect, test } from "vitest";
import { RpcClient } from "#libs/evm/rpc.ts";
import { Refusal, type RpcServer, startRpcServer } from "#libs/evm/testing.ts";
import { RetryableError } from "#libs/units/invariant.ts";
import type { Reply } from "#services/watcher/actor.ts";
import { fetchBranch, type LogSource, parseHeader } from "#services/watcher/chain-port.ts";

const SYNC = id("Sync(uint112,uint112)");
const SWAP = id("Swap(address,address,int256,int256,uint160,uint128,int24)");
const OTHER = id("Approval(address,address,uint256)");
const EMPTY_BLOOM = `0x${"0".repeat(512)}`;

interface Log {
  readonly address: string;
  readonly topics: readonly string[];
  readonly data: string;
  readonly logIndex: string;
  readonly transactionIndex: string;
  readonly transactionHash: string;
}
interface Block {
  readonly header: Readonly<Record<string, string>>;
  readonly logs: readonly Log[];
}

const hashOf = (name: string) => `0x${Buffer.from(name).toString("hex").padStart(64, "0")}`;
const log = (topic: string, index: number): Log => ({
  address: "0xAbCdEf0000000000000000000000000000000001",
  topics: [topic],
  data: AbiCoder.defaultAbiCoder().encode(["uint256"], [index]),
  logIndex: `0x${index.toString(16)}`,
  transactionIndex: "0x2",
  transactionHash: `0x${"AB".repeat(32)}`,
});

/** The logs bloom of these topics, by the yellow paper: three 11-bit numbers out of each topic's hash. */
function bloomOf(topics: readonly string[]): string {
  let bits = 0n;
  for (const topic of topics) {
    const hash = keccak256(topic).slice(2);
    for (const at of [0, 4, 8]) bits |= 1n << (BigInt(`0x${hash.slice(at, at + 4)}`) & 2047n);
  }
  return `0x${bits.toString(16).padStart(512, "0")}`;
}

function block(number: number, name: string, parent: string, logs: readonly Log[] = []): Block {
  const header = {
    number: `0x${number.toString(16)}`,
    hash: hashOf(name),
    parentHash: hashOf(parent),
    timestamp: "0x64",
    baseFeePerGas: "0x3b9aca00",
    gasUsed: "0x5208",
    gasLimit: "0x1c9c380",
    logsBloom: bloomOf(logs.map(({ topics }) => topics[0] as string)),
  };
  return { header, logs };
}

let server: RpcServer | null = null;
let byNumberSaid: string[] = [];
afterEach(async () => {
  byNumberSaid = [];
  await server?.close();
  server = null;
});

interface NodeOptions {
  /** Hashes of blocks whose logs it does not have yet. */
  readonly unindexed?: readonly string[];
  /** Whether it has receipts. */
  readonly withReceipts?: boolean;
  /** What it says to eth_getLogs by block hash. */
  readonly refusesHash?: string;
  /** Refuses eth_getLogs by number too. */
  readonly refusesNumber?: boolean;
  /** By number it has this block in place of the first of that height. */
  readonly canonical?: Block;
}

/** A node with these blocks. */
async function serve(blocks: readonly Block[], options: NodeOptions = {}) {
  const byHash = new Map(blocks.map((each) => [each.header.hash, each]));
  server = await startRpcServer((method, params) => {
    if (method === "eth_getBlockByHash") return byHash.get(params[0] as string)?.header ?? null;
    if (method === "eth_getBlockReceipts") {
      if (options.withReceipts === false) return null;
      return [{ logs: byHash.get(params[0] as string)?.logs ?? [] }, { logs: [] }];
    }
    const { blockHash, fromBlock, toBlock, topics } = params[0] as Record<"blockHash" | "fromBlock" | "toBlock", string> & {
      topics: string[][];
    };
    if (blockHash !== undefined && options.refusesHash !== undefined) throw new Refusal(options.refusesHash, -32_602);
    if (blockHash === undefined && options.refusesNumber) throw new Refusal("no logs by number either", -32_602);
    expect(fromBlock).toBe(toBlock);
    const byNumber = [...(options.canonical === undefined ? [] : [options.canonical]), ...blocks];
    const found = blockHash === undefined ? byNumber.find(({ header }) => header.number === fromBlock) : byHash.get(blockHash);
    if (found === undefined) throw new Refusal("unknown block");
    if (options.unindexed?.includes(found.header.hash as string)) return [];
    // Backwards: a node may answer in any order.
    return found.logs
      .filter(({ topics: [topic] }) => topics[0]?.includes(topic as string))
      .map((each) => ({ ...each, blockHash: found.header.hash }))
      .toReversed();
  });
  const logs: LogSource = { byHash: true, onByNumber: (reason) => byNumberSaid.push(reason) };
  const client = new RpcClient(server.url, "test");
  return (tip: Block, known: readonly string[], maxBlocks = 10, onLost: (reason: string) => void = () => {}): Promise<Reply> =>
    fetchBranch(
      client,
      { call: "fetch-branch", tip: parseHeader(tip.header), known: known.map(hashOf), atMs: 77 },
      { topics: [SYNC, SWAP], maxBlocks, onLost, logs },
    );
}

const fetched = (reply: Reply) => {
  expect(reply.kind).toBe("branch-fetched");
  return reply as Extract<Reply, { kind: "branch-fetched" }>;
};
const methods = () => server?.requests.map(({ method }) => method) ?? [];

test("walks back to a known block and gives each block's logs in their order in the block", async () => {
  const a = block(1, "a", "genesis");
  const b = block(2, "b", "a", [log(SYNC, 0), log(OTHER, 1), log(SWAP, 2), log(SYNC, 10)]);
  const c = block(3, "c", "b", [log(SYNC, 0)]);
  const fetch = await serve([a, b, c]);
  const reply = fetched(await fetch(c, ["genesis", "a"]));
  expect(reply.ancestor).toBe(hashOf("a"));
  expect(reply.atMs).toBe(77);
  expect(reply.blocks.map(({ header }) => header)).toEqual(
    [b, c].map(({ header }) => ({
      number: Number(header.number),
      hash: header.hash,
      parentHash: header.parentHash,
      timestamp: 100,
      baseFeePerGas: "1000000000",
      gasUsed: 21_000,
      gasLimit: 30_000_000,
    })),
  );
  expect(reply.blocks[0]?.logs.map(([, topics, , logIndex]) => [topics[0], logIndex])).toEqual([
    [SYNC, 0],
    [SWAP, 2],
    [SYNC, 10],
  ]);
  expect(reply.blocks[0]?.logs[0]).toEqual([
    "0xabcdef0000000000000000000000000000000001",
    [SYNC],
    log(SYNC, 0).data,
    0,
    2,
    `0x${"ab".repeat(32)}`,
  ]);
});

test("asks for logs by block hash, so that they are of the very block that the header is of", async () => {
  const a = block(1, "a", "genesis", [log(SYNC, 0)]);
  const fetch = await serve([a]);
  await fetch(a, ["genesis"]);
  expect(server?.requests).toEqual([{ method: "eth_getLogs", params: [{ blockHash: hashOf("a"), topics: [[SYNC, SWAP]] }] }]);
});

test("logs of several missing blocks are asked for in one batch, each by its hash", async () => {
  const blocks = ["a", "b", "c"].map((name, index) => block(index + 1, name, ["genesis", "a", "b"][index] as string, [log(SYNC, index)]));
  const fetch = await serve(blocks);
  const reply = fetched(await fetch(blocks[2] as Block, ["genesis"]));
  expect(reply.blocks.map(({ logs: [first] }) => first?.[3])).toEqual([0, 1, 2]);
  expect(server?.batches).toEqual([3]);
});

describe("a node that gives no logs by block hash", () => {
  const refusesHash = "invalid params: blockHash is not supported";
  const byNumberOf = (number: number) => ({
    method: "eth_getLogs",
    params: [{ fromBlock: `0x${number.toString(16)}`, toBlock: `0x${number.toString(16)}`, topics: [[SYNC, SWAP]] }],
  });

  test("is asked by number, from then on at once; it is said once", async () => {
    const a = block(1, "a", "genesis", [log(SYNC, 0)]);
    const b = block(2, "b", "a", [log(OTHER, 0), log(SWAP, 1)]);
    const fetch = await serve([a, b], { refusesHash });
    expect(fetched(await fetch(a, ["genesis"])).blocks[0]?.logs.map(([, [topic]]) => topic)).toEqual([SYNC]);
    expect(fetched(await fetch(b, ["a"])).blocks[0]?.logs.map(([, [topic]]) => topic)).toEqual([SWAP]);
    expect(server?.requests.slice(1)).toEqual([byNumberOf(1), byNumberOf(2)]);
    expect(byNumberSaid).toEqual([`eth_getLogs: ${refusesHash}`]);
  });

  test("and by number has another block's logs: the branch is lost, not mixed", async () => {
    const a = block(1, "a", "genesis", [log(SYNC, 0)]);
    const sibling = block(1, "sibling", "genesis", [log(SYNC, 0), log(SWAP, 1)]);
    const fetch = await serve([a], { refusesHash, canonical: sibling });
    const reasons: string[] = [];
    expect(await fetch(a, ["genesis"], 10, (reason) => reasons.push(reason))).toEqual({ kind: "branch-lost" });
    expect(reasons).toEqual([expect.stringContaining(`came from ${hashOf("sibling")}`)]);
  });

  test("and by number has a sibling without logs: the receipts of the hash say what the block has", async () => {
    const a = block(1, "a", "genesis", [log(SYNC, 3)]);
    const fetch = await serve([a], { refusesHash, canonical: block(1, "sibling", "genesis") });
    expect(fetched(await fetch(a, ["genesis"])).blocks[0]?.logs.map(([, , , logIndex]) => logIndex)).toEqual([3]);
    expect(methods()).toEqual(["eth_getLogs", "eth_getLogs", "eth_getBlockReceipts"]);
  });

  test("and has a block without ours: the header's bloom filter is proof enough", async () => {
    const a = block(1, "a", "genesis", [log(OTHER, 0)]);
    const fetch = await serve([a], { refusesHash });
    expect(fetched(await fetch(a, ["genesis"])).blocks[0]?.logs).toEqual([]);
    expect(methods()).toEqual(["eth_getLogs", "eth_getLogs"]);
  });

  test("and gives no bloom filter: no logs by number need the receipts", async () => {
    const { logsBloom: _, ...header } = block(1, "a", "genesis").header;
    const a = { header, logs: [] };
    const fetch = await serve([a], { refusesHash });
    expect(fetched(await fetch(a, ["genesis"])).blocks[0]?.logs).toEqual([]);
    expect(methods()).toEqual(["eth_getLogs", "eth_getLogs", "eth_getBlockReceipts"]);
  });

  test("nor by number: the branch is lost, with what it said to the hash, and the hash is tried again", async () => {
    const a = block(1, "a", "genesis", [log(SYNC, 0)]);
    const fetch = await serve([a], { refusesHash, refusesNumber: true });
    const reasons: string[] = [];
    for (let time = 0; time < 2; time++)
      expect(await fetch(a, ["genesis"], 10, (reason) => reasons.push(reason))).toEqual({ kind: "branch-lost" });
    expect(new Set(reasons)).toEqual(new Set([`eth_getLogs: ${refusesHash}`]));
    expect(byNumberSaid).toEqual([]);
  });
});

test("a node that takes no notice of the block hash gives nobody another block's logs", async () => {
  const a = block(1, "a", "genesis", [log(SYNC, 0)]);
  server = await startRpcServer(() => [{ ...log(SYNC, 0), blockHash: hashOf("latest") }]);
  const reply = await fetchBranch(
    new RpcClient(server.url, "test"),
    { call: "fetch-branch", tip: parseHeader(a.header), known: [hashOf("genesis")], atMs: 77 },
    { topics: [SYNC, SWAP], maxBlocks: 10, logs: { byHash: true } },
  );
  expect(reply).toEqual({ kind: "branch-lost" });
});

test("with nothing known the tip alone is the branch", async () => {
  const c = block(3, "c", "b", [log(SYNC, 0)]);
  const fetch = await serve([c]);
  const reply = fetched(await fetch(c, []));
  expect(reply.ancestor).toBeNull();
  expect(reply.blocks.map(({ header }) => header.hash)).toEqual([hashOf("c")]);
});

test("gives up walking at its bound and says that it met no known block", async () => {
  const names = Array.from({ length: 6 }, (_, index) => `n${index}`);
  const blocks = names.map((name, index) => block(index + 10, name, names[index - 1] ?? "unknown"));
  const fetch = await serve(blocks);
  const reply = fetched(await fetch(blocks[5] as Block, ["elsewhere"], 3));
  expect(reply.ancestor).toBeNull();
  expect(reply.blocks.map(({ header }) => header.number)).toEqual([13, 14, 15]);
});

test("stops at the chain's first block", async () => {
  const genesis = block(0, "genesis", "");
  const a = block(1, "a", "genesis");
  const fetch = await serve([genesis, a]);
  const reply = fetched(await fetch(a, ["elsewhere"]));
  expect(reply.blocks.map(({ header }) => header.number)).toEqual([0, 1]);
});

test("a parent that the node does not have means that the branch is lost", async () => {
  const c = block(3, "c", "b");
  const fetch = await serve([c]);
  const reasons: string[] = [];
  expect(await fetch(c, ["a"], 10, (reason) => reasons.push(reason))).toEqual({ kind: "branch-lost" });
  expect(reasons).toEqual([expect.stringContaining("parent of 3")]);
});

test("a block that the node refuses logs of means that the branch is lost", async () => {
  const gone = block(3, "gone", "a", [log(SYNC, 0)]);
  const fetch = await serve([]);
  const reasons: string[] = [];
  expect(await fetch(gone, ["a"], 10, (reason) => reasons.push(reason))).toEqual({ kind: "branch-lost" });
  expect(reasons).toEqual(["eth_getLogs: unknown block"]);
});

test("no logs although the bloom filter has one of ours: the receipts say", async () => {
  const a = block(1, "a", "genesis", [log(OTHER, 0), log(SWAP, 1), log(SYNC, 2)]);
  const fetch = await serve([a], { unindexed: [hashOf("a")] });
  const reply = fetched(await fetch(a, ["genesis"]));
  expect(methods()).toEqual(["eth_getLogs", "eth_getBlockReceipts"]);
  expect(reply.blocks[0]?.logs.map(([, topics, , logIndex]) => [topics[0], logIndex])).toEqual([
    [SWAP, 1],
    [SYNC, 2],
  ]);
});

test("no logs and a bloom filter without ours: nobody asks for receipts", async () => {
  const a = block(1, "a", "genesis", [log(OTHER, 0)]);
  expect(a.header.logsBloom).not.toBe(EMPTY_BLOOM);
  const fetch = await serve([a]);
  expect(fetched(await fetch(a, ["genesis"])).blocks[0]?.logs).toEqual([]);
  expect(methods()).toEqual(["eth_getLogs"]);
});

test("neither logs nor receipts yet is a fault that passes, never an empty block", async () => {
  const a = block(1, "a", "genesis", [log(SYNC, 0)]);
  const fetch = await serve([a], { unindexed: [hashOf("a")], withReceipts: false });
  await expect(fetch(a, ["genesis"])).rejects.toThrow(RetryableError);
});

test("a node that is gone is a fault that passes", async () => {
  const a = block(1, "a", "genesis");
  const fetch = await serve([a]);
  await server?.close();
  await expect(fetch(a, ["genesis"])).rejects.toThrow(RetryableError);
});

test("a header from before EIP-1559 has a base fee of nothing", () => {
  const { baseFeePerGas: _, ...header } = block(1, "a", "genesis").header;
  expect(parseHeader(header)).toMatchObject({ baseFeePerGas: "0" });
});
