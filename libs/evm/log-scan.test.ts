import { fc, test } from "@fast-check/vitest";
import { afterAll, beforeAll, expect } from "vitest";
import { scanLogs } from "#libs/evm/log-scan.ts";
import { RpcClient, RpcError } from "#libs/evm/rpc.ts";
import { Raw, Refusal, type RpcServer, startRpcServer } from "#libs/evm/testing.ts";
import { RetryableError } from "#libs/units/invariant.ts";

const FACTORY = `0x${"fa".repeat(20)}`;
const TOPIC = `0x${"70".repeat(32)}`;

let server: RpcServer;
let client: RpcClient;
/** What the node holds and puts up with in the present test. */
let blocksWithLogs: readonly number[] = [];
let mostBlocks = Number.POSITIVE_INFINITY;
let mostLogs = Number.POSITIVE_INFINITY;
let asked: { from: number; to: number }[] = [];
let broken = false;

beforeAll(async () => {
  server = await startRpcServer((_, [filter]) => {
    const { address, topics, fromBlock, toBlock } = filter as { address: string; topics: unknown; fromBlock: string; toBlock: string };
    expect([address, topics]).toEqual([FACTORY, [TOPIC]]);
    const [from, to] = [Number(fromBlock), Number(toBlock)];
    asked.push({ from, to });
    if (broken) return new Raw("busy", 503);
    const found = blocksWithLogs.filter((number) => number >= from && number <= to);
    if (to - from + 1 > mostBlocks) throw new Refusal("block range is too wide", -32_005);
    if (found.length > mostLogs) throw new Refusal("query returned more than allowed", -32_005);
    return found.map((number) => ({
      address: FACTORY.toUpperCase().replace("0X", "0x"),
      topics: [TOPIC],
      data: "0x",
      logIndex: "0x0",
      transactionIndex: "0x0",
      transactionHash: `0x${number.toString(16).padStart(64, "0")}`,
    }));
  });
  client = new RpcClient(server.url, "test");
});
afterAll(() => server.close());

function scan(fromBlock: number, toBlock: number, onProgress?: (scannedTo: number) => void) {
  asked = [];
  return scanLogs(client, { address: FACTORY, topics: [TOPIC], fromBlock, toBlock }, onProgress);
}
function node(options: {
  readonly logs?: readonly number[];
  readonly mostBlocks?: number;
  readonly mostLogs?: number;
  readonly broken?: boolean;
}) {
  blocksWithLogs = options.logs ?? [];
  mostBlocks = options.mostBlocks ?? Number.POSITIVE_INFINITY;
  mostLogs = options.mostLogs ?? Number.POSITIVE_INFINITY;
  broken = options.broken ?? false;
}
const numbers = (rows: Awaited<ReturnType<typeof scan>>) => rows.map(([, , , , , transactionHash]) => Number(transactionHash));

test("the range of a request grows while the node answers", async () => {
  node({});
  await scan(1, 200_000);
  expect(asked.map(({ from, to }) => to - from + 1)).toEqual([10_000, 20_000, 40_000, 80_000, 50_000]);
});

test("the range shrinks until the node answers, and what was refused is asked for again", async () => {
  node({ logs: [1, 999, 1_000, 1_001, 2_500], mostBlocks: 1_000 });
  expect(numbers(await scan(1, 2_500))).toEqual([1, 999, 1_000, 1_001, 2_500]);
  for (const { from, to } of asked.slice(-1)) expect(to - from + 1).toBeLessThanOrEqual(1_000);
  expect(asked.length).toBeLessThan(20);
});

test("a limit that stays costs few requests for nothing", async () => {
  node({ mostBlocks: 1_000 });
  await scan(1, 1_000_000);
  const refused = asked.filter(({ from, to }) => to - from + 1 > 1_000).length;
  // 1,000,000 blocks at the largest power of two below the limit that halving finds (625) are 1,600 requests.
  expect(asked.length - refused).toBe(1_600);
  expect(refused).toBeLessThan(50);
});

test("after a dense stretch the range grows again with every other request", async () => {
  node({ logs: Array.from({ length: 40 }, (_, index) => index + 1), mostLogs: 5 });
  await scan(1, 400_000);
  expect(asked.length).toBeLessThan(60);
});

test("a limit that is known is kept from the start", async () => {
  node({ mostBlocks: 700 });
  asked = [];
  const limited = new RpcClient({ url: server.url, maxLogRange: 700 }, "test");
  await scanLogs(limited, { address: FACTORY, topics: [TOPIC], fromBlock: 1, toBlock: 7_000 });
  expect(asked.map(({ from, to }) => to - from + 1)).toEqual(new Array(10).fill(700));
});

test("a node that refuses a single block is believed", async () => {
  node({ mostBlocks: 0 });
  await expect(scan(5, 100)).rejects.toThrow(RpcError);
  expect(asked.at(-1)).toEqual({ from: 5, to: 5 });
});

test("a fault is not a refusal: it is the shell's to repeat", async () => {
  node({ broken: true });
  await expect(scan(5, 100)).rejects.toThrow(RetryableError);
  expect(asked).toHaveLength(1);
});

test("progress is told, up to the end", async () => {
  node({});
  const told: number[] = [];
  await scan(1, 35_000, (scannedTo) => told.push(scannedTo));
  expect(told).toEqual([10_000, 30_000, 35_000]);
});

test("a stretch without blocks asks nothing", async () => {
  node({});
  expect(await scan(10, 9)).toEqual([]);
  expect(asked).toEqual([]);
});

test.prop(
  [
    fc.uniqueArray(fc.integer({ min: 1, max: 60_000 }), { maxLength: 30 }),
    fc.integer({ min: 700, max: 30_000 }),
    fc.integer({ min: 1, max: 5 }),
  ],
  {
    numRuns: 25,
  },
)("every log is found once, oldest first, whatever the node's limits", async (logs, blocks, most) => {
  const sorted = logs.toSorted((left, right) => left - right);
  node({ logs: sorted, mostBlocks: blocks, mostLogs: most });
  expect(numbers(await scan(1, 60_000))).toEqual(sorted);
});
