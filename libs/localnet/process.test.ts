import { id } from "ethers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { toHex } from "#libs/evm/hex.ts";
import { RpcClient } from "#libs/evm/rpc.ts";
import { TRADERS } from "./accounts.ts";
import { LocalnetProcess } from "./client.ts";
import type { LocalnetProgress } from "./index.ts";

const SETTINGS = { blockTimeMs: 100, poolLimit: 30 };

/** The first so many blocks' trades, by hash. */
async function trades(net: LocalnetProcess, blocks: number): Promise<string[]> {
  const rpc = new RpcClient(net.rpcUrl, "local");
  const hashes: string[] = [];
  for (let count = 0; count < blocks; count++) {
    const { number } = await net.mineBlock();
    const block = await rpc.send<{ transactions: { from: string; hash: string }[] }>("eth_getBlockByNumber", [toHex(number), true]);
    const traders = new Set<string>(TRADERS.map(({ address }) => address));
    hashes.push(...block.transactions.filter(({ from }) => traders.has(from)).map(({ hash }) => hash));
  }
  return hashes;
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

describe("a local chain in its own process", () => {
  const progress: LocalnetProgress[] = [];
  let net: LocalnetProcess;

  beforeAll(async () => {
    net = await LocalnetProcess.start({ ...SETTINGS, seed: 5, onProgress: (event) => progress.push(event) });
  }, 60_000);

  afterAll(async () => {
    await net?.stop();
  });

  it("tells its progress and what it is", () => {
    expect([...new Set(progress.map(({ stage }) => stage))]).toEqual(["chain", "contracts", "market", "ready"]);
    expect(net.chain.dexes.map(({ id }) => id)).toEqual([
      ...["uniswap-v2", "pancake-v2", "swapr", "uniswap-v3"],
      ...["pancake-v3", "algebra", "balancer-v2"],
    ]);
    expect(net.chain.relays[0]?.url).toBe(net.relayUrl);
  });

  it("makes the same trades for the same seed, and others for another", async () => {
    const others = await Promise.all([5, 6].map((seed) => LocalnetProcess.start({ ...SETTINGS, seed })));
    try {
      const [mine, same, different] = await Promise.all([net, ...others].map((each) => trades(each, 5)));
      expect(mine?.length).toBeGreaterThan(40);
      expect(same).toEqual(mine);
      expect(different).not.toEqual(mine);
    } finally {
      await Promise.all(others.map((other) => other.stop()));
    }
  }, 60_000);

  it("has a new pool after every twenty blocks of trading", async () => {
    const rpc = new RpcClient(net.rpcUrl, "local");
    for (let head = 0; head < net.firstTradingBlock + 20; ) head = (await net.mineBlock()).number;
    const created = await rpc.send<{ blockNumber: string }[]>("eth_getLogs", [
      {
        address: net.chain.dexes.map(({ factory }) => factory),
        fromBlock: toHex(net.loadedBlock + 1),
        toBlock: "latest",
        topics: [
          [
            id("PairCreated(address,address,address,uint256)"),
            id("PoolCreated(address,address,uint24,int24,address)"),
            id("Pool(address,address,address)"),
          ],
        ],
      },
    ]);
    expect(created.map(({ blockNumber }) => Number(blockNumber))).toEqual([net.firstTradingBlock + 20]);
  });

  it("builds blocks by itself while trading, and none after", async () => {
    const seen: number[] = [];
    const unsubscribe = net.onBlock(({ number }) => seen.push(number));
    await net.startTrading();
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await net.stopTrading();
    expect(seen.length).toBeGreaterThan(3);
    const count = seen.length;
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(seen).toHaveLength(count);
    unsubscribe();
  });

  it("funds accounts, names an operator and reorganises on request", async () => {
    const rpc = new RpcClient(net.rpcUrl, "local");
    const stranger = TRADERS[0]?.address ?? net.owner.address;
    const before = BigInt(await rpc.send<string>("eth_getBalance", [net.owner.address, "latest"]));
    await net.fund(net.owner.address, 7n);
    expect(BigInt(await rpc.send<string>("eth_getBalance", [net.owner.address, "latest"]))).toBe(before + 7n);
    const executor = net.chain.executorContract;
    if (executor !== undefined) {
      await net.addOperator(stranger);
      // isOperator(address)
      const data = `0x6d70f7ae${stranger.slice(2).padStart(64, "0")}`;
      expect(BigInt(await rpc.send<string>("eth_call", [{ to: executor, data }, "latest"]))).toBe(1n);
    }
    expect(await net.reorg(2)).toHaveLength(2);
    await expect(net.reorg(1_000)).rejects.toThrow(/remembered/);
  });

  it("leaves nothing running when it is stopped", async () => {
    const other = await LocalnetProcess.start({ ...SETTINGS, seed: 1, poolLimit: 2 });
    await other.stop();
    expect(isAlive(other.pid)).toBe(false);
    await expect(fetch(other.rpcUrl)).rejects.toThrow();
  }, 60_000);

  it("tells why it cannot start", async () => {
    await expect(LocalnetProcess.start({ seed: 0.5, blockTimeMs: 1000 })).rejects.toThrow(/seed is not an integer/);
  });
});
