import { Interface } from "ethers";
import { afterEach, expect, test } from "vitest";
import type { Announcement, ChainReader, PoolInfo } from "#libs/dex/family.ts";
import { deploymentOf } from "#libs/dex/testing.ts";
import { uniswapV2 } from "#libs/dex/uniswap-v2/index.ts";
import { readerAt } from "#libs/evm/chain-reader.ts";
import { padWord } from "#libs/evm/hex.ts";
import { RpcClient } from "#libs/evm/rpc.ts";
import { RpcError } from "#libs/evm/rpc-error.ts";
import { Refusal, type RpcServer, startRpcServer } from "#libs/evm/testing.ts";
import { RetryableError } from "#libs/units/invariant.ts";
import { atHead, known, type Observed, readAt, unlessUnreadable } from "#services/fetcher/chain-port.ts";
import { addressOf, configOf, createdLog, hashOf, newPool } from "#services/fetcher/testing.ts";

const MULTICALL = new Interface([
  "function aggregate3(tuple(address target, bool allowFailure, bytes callData)[] calls) payable returns (tuple(bool success, bytes returnData)[] returnData)",
  "function getReserves() view returns (uint112 reserve0, uint112 reserve1, uint32 blockTimestampLast)",
]);
const multicall3 = addressOf(0xca11);
const config = configOf("uniswap-v2");
const pools = [0, 1, 2].map((index) => newPool("uniswap-v2", index).info);
const blockOf = (number: number): Observed => ({
  at: { blockNumber: number, blockHash: hashOf(number), epoch: 0, observedAtMs: 0, sequence: 100 + number },
  causeId: `block ${number}`,
});

const infosIn = (announced: readonly Announcement[]) =>
  announced.filter((each) => each !== null && typeof each !== "string") as PoolInfo<"uniswap-v2">[];

let server: RpcServer | null = null;
afterEach(async () => {
  await server?.close();
  server = null;
});

/** A node that knows the states of some blocks only; pool n is created in block 10·(n + 1) and holds [block, n]. */
async function serve(hasState: (blockNumber: number) => boolean) {
  server = await startRpcServer((method, params) => {
    if (method === "eth_getLogs") {
      const { fromBlock, toBlock } = params[0] as { fromBlock: string; toBlock: string };
      return pools.flatMap((info, index) => {
        const number = 10 * (index + 1);
        if (number < Number(fromBlock) || number > Number(toBlock)) return [];
        const [address, topics, data] = createdLog("uniswap-v2", info);
        return [{ address, topics, data, logIndex: "0x0", transactionIndex: "0x0", transactionHash: hashOf(number) }];
      });
    }
    const [call, { blockHash }] = params as [{ data: string }, { blockHash: string }];
    const number = Number(blockHash);
    if (!hasState(number)) throw new Refusal("missing trie node");
    const [calls] = MULTICALL.decodeFunctionData("aggregate3", call.data) as unknown as [{ target: string }[]];
    const answers = calls.map(({ target }) => {
      const index = pools.findIndex(({ pool }) => pool === target.toLowerCase());
      return [true, MULTICALL.encodeFunctionResult("getReserves", [number, index, 0])];
    });
    return MULTICALL.encodeFunctionResult("aggregate3", [answers]);
  });
  const client = new RpcClient(server.url, "test");
  return (observed: Observed, newest: readonly Observed[], from = 0) => {
    const coming = [...newest];
    const { deployment } = config;
    const options = { from, overlap: 5, observed, newest: async () => coming.shift() ?? null };
    return readAt(client, deployment, options, (announced, at) =>
      uniswapV2.read(readerAt(client, { multicall3, blockHash: at.blockHash }), deployment, infosIn(announced)),
    );
  };
}
const asked = (method: string) => server?.requests.filter((request) => request.method === method) ?? [];

test("finds the pools up to a block and reads their states at it", async () => {
  const read = await serve(() => true);
  const { announced, answer, observed } = await read(blockOf(25), []);
  expect(announced).toEqual(pools.slice(0, 2));
  expect(answer).toEqual([
    [pools[0]?.pool, "25", "0", 3_000, 3_000],
    [pools[1]?.pool, "25", "1", 3_000, 3_000],
  ]);
  expect(observed).toEqual(blockOf(25));
});

test("takes a pool whichever of its family's events announces it", async () => {
  const created = ["0x91ccaa7a278130b65168c3a0c8d3bcae84cf5e43704342bd3ec0b59e59c036db", hashOf(1), hashOf(2)];
  server = await startRpcServer((_, params) => {
    // A node takes the topics by their place; those of one place, in a list of their own, for alternatives.
    const { topics } = params[0] as { topics: readonly (string | readonly string[])[] };
    const isAsked = topics.every((alternatives, place) => [alternatives].flat().includes(created[place] as string));
    const at = { logIndex: "0x0", transactionIndex: "0x0", transactionHash: hashOf(9) };
    return isAsked ? [{ address: addressOf(7), topics: created, data: hashOf(3), ...at }] : [];
  });
  const client = new RpcClient(server.url, "test");
  const deployment = deploymentOf("algebra", addressOf(7), { variant: "algebra-integral" });
  const options = { from: 0, overlap: 5, observed: blockOf(25), newest: async () => null };
  const { announced } = await readAt(client, deployment, options, async () => null);
  expect(announced).toEqual([{ pool: addressOf(3), tokens: [addressOf(1), addressOf(2)], facts: { tickSpacing: 0 } }]);
});

test("looks no further back than it is asked to", async () => {
  const read = await serve(() => true);
  const { announced } = await read(blockOf(35), [], 15);
  expect(announced).toEqual(pools.slice(1));
});

test("a block whose state the node has let go of is left for the newest, with the pools that were created up to it", async () => {
  const read = await serve((number) => number > 30);
  const { announced, answer, observed } = await read(blockOf(25), [blockOf(200)]);
  expect(observed).toEqual(blockOf(200));
  expect(announced).toEqual(pools);
  expect(answer.map(([, block]) => block)).toEqual(["200", "200", "200"]);
  // What was looked through is not looked through again, but for what a reorganisation may have replaced.
  expect(asked("eth_getLogs").map(({ params }) => Number((params[0] as { fromBlock: string }).fromBlock))).toEqual([0, 20]);
});

test("with no newer block to turn to the fault is the shell's", async () => {
  const read = await serve(() => false);
  await expect(read(blockOf(25), [blockOf(25)])).rejects.toThrow(RetryableError);
  expect(asked("eth_call")).toHaveLength(1);
  await expect(read(blockOf(25), [])).rejects.toThrow(RetryableError);
});

test("a node that has no state at all is not asked for ever", async () => {
  const read = await serve(() => false);
  await expect(read(blockOf(25), [26, 27, 28, 29, 30, 31, 32].map(blockOf))).rejects.toThrow(RetryableError);
  expect(asked("eth_call").length).toBeLessThanOrEqual(4);
});

test("a factory's list counts as read once the facts of its pools are known, and is read on from a little before there", async () => {
  const asked: number[] = [];
  let broken = true;
  const reader: ChainReader = {
    call: async () => `0x${padWord(20n)}`,
    multicall: async (calls) => {
      if (!calls.some(({ data }) => data.startsWith("0x41d1de97"))) {
        if (broken) throw new Error("unreadable");
        return calls.map(() => null);
      }
      asked.push(calls.length);
      return calls.map((_, index) => `0x${padWord(BigInt(index + 1))}`);
    },
  };
  const listing = { read: 0 };
  const ask = () => known(reader, deploymentOf("slipstream", addressOf(0xfac7)), [null], listing);
  await expect(ask()).rejects.toThrow("unreadable");
  broken = false;
  await ask();
  await ask();
  expect(asked).toEqual([20, 20, 8]);
  expect(listing.read).toBe(20);
});

test("what the node has no state for is asked again, then at a newer block, then given up", async () => {
  const unreadable = new RpcError("eth_call", { code: -32_000, message: "missing trie node" });
  /** Answers from this attempt on. */
  const askFrom = (first: number) => {
    const asked: number[] = [];
    const ask = async (block: number) => {
      if (asked.push(block) < first) throw unreadable;
      return "answer";
    };
    return { asked, ask };
  };
  const { deployment } = config;
  const at = blockOf(1).at;
  expect(await unlessUnreadable(deployment, at, () => askFrom(1).ask(1), 0)).toBe("answer");
  const third = askFrom(3);
  expect(await unlessUnreadable(deployment, at, () => third.ask(1), 0)).toBe("answer");
  const never = askFrom(99);
  expect(await unlessUnreadable(deployment, at, () => never.ask(1), 0)).toBeNull();
  const fault = new RetryableError("rpc-unreachable", "no answer");
  await expect(unlessUnreadable(deployment, at, () => Promise.reject(fault), 0)).rejects.toBe(fault);

  let block = 0;
  const head = async () => blockOf(++block);
  const fifth = askFrom(5);
  expect(await atHead(deployment, head, ({ blockNumber }) => fifth.ask(blockNumber), 0)).toBe("answer");
  expect(fifth.asked).toEqual([1, 1, 1, 2, 2]);
  await expect(atHead(deployment, head, ({ blockNumber }) => never.ask(blockNumber), 0)).rejects.toMatchObject({
    code: "state-unreadable",
  });
  expect(block).toBe(6);
});
