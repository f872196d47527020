import { keccak256 } from "ethers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { familyOf } from "#libs/dex/registry.ts";
import { readerAt } from "#libs/evm/chain-reader.ts";
import { toHex } from "#libs/evm/hex.ts";
import { type BuiltBlock, baseFeeAfter } from "./builder.ts";
import { type InProcessLocalnet, startLocalnet } from "./index.ts";
import { PoolWatch } from "./pool-watch.ts";

const SETTINGS = { seed: 7, blockTimeMs: 1_000, poolLimit: 160, rivals: "five" } as const;
/** Somebody opens a pool in the 21st. */
const BLOCKS = 22;

interface Mined {
  readonly from: string;
  readonly to: string | null;
  readonly hash: string;
  readonly status: string;
  readonly maxPriorityFeePerGas: string;
}

async function minedIn(net: InProcessLocalnet, number: number): Promise<Mined[]> {
  const block = await net.rpc.send<{ transactions: Omit<Mined, "status">[] }>("eth_getBlockByNumber", [toHex(number), true]);
  const receipts = await net.rpc.batch<{ status: string }>(
    block.transactions.map(({ hash }) => ({ method: "eth_getTransactionReceipt", params: [hash] })),
  );
  return block.transactions.map((transaction, index) => ({ ...transaction, status: receipts[index]?.status ?? "" }));
}

/** What differs between the states that somebody holds and those of the chain's head. */
async function differences(net: InProcessLocalnet, watch: PoolWatch): Promise<string[]> {
  const { head } = net.builder;
  const next = await net.builder.contextFor(head.number + 1);
  const different: string[] = [];
  for (const deployment of net.chain.dexes) {
    const family = familyOf(deployment.family);
    const pools = [...watch.market.pools()].filter(({ dex }) => dex === deployment.id);
    const reader = readerAt(net.rpc, { multicall3: net.chain.multicall3, blockHash: head.hash });
    const infos = pools.map(({ info }) => info);
    const truth = new Map<string, object>();
    for (const row of await family.read(reader, deployment, infos)) {
      const state = family.created();
      family.applyRow(state, row);
      truth.set(row[0], state);
    }
    for (const row of (await family.refresh?.read(reader, deployment, infos, next.timestamp)) ?? [])
      family.applyRow(truth.get(row[0]) ?? {}, row);
    for (const { info, state } of pools) {
      const [held, there] = [state, truth.get(info.pool) ?? family.created()].map((each) => JSON.stringify(family.toRow(info, each)));
      if (held !== there) different.push(`${deployment.id} ${info.pool}: ${held} is ${there}`);
    }
  }
  return different;
}

let net: InProcessLocalnet;
const blocks: BuiltBlock[] = [];
let watch: PoolWatch;
beforeAll(async () => {
  net = await startLocalnet(SETTINGS);
  watch = new PoolWatch(net.rpc, net.chain);
  for (let block = 0; block < BLOCKS; block++) {
    const { head } = net.builder;
    await watch.follow(head, (await net.builder.contextFor(head.number + 1)).timestamp);
    blocks.push(await net.mineBlock());
  }
}, 120_000);
afterAll(() => net?.stop());

describe("a chain with rivals", () => {
  it("is watched exactly: all pools, new ones too, as the chain has them", async () => {
    const { head } = net.builder;
    const changed = await watch.follow(head, (await net.builder.contextFor(head.number + 1)).timestamp);
    expect(changed.length).toBeGreaterThan(0);
    const loaded = net.loaded.pairs.length + net.loaded.pools.length + net.loaded.weighted.length;
    expect(watch.market.size).toBe(loaded + 1);
    expect(await differences(net, watch)).toEqual([]);
  });

  it("mines their arbitrages at the top, best payer first, and none that fails", async () => {
    const contracts = new Set<string>(net.rivals.map(({ contract }) => contract));
    let landed = 0;
    for (const { number, bundles } of blocks) {
      const mined = await minedIn(net, number);
      const theirs = mined.filter(({ to }) => to !== null && contracts.has(to));
      for (const transaction of theirs) expect(transaction).toMatchObject({ status: "0x1" });
      // A bundle of one transaction is named by the hash of its hash. What a trader's swap pays changes with what came before it, an arbitrage's does not.
      const paid = theirs.map(({ hash }) => bundles.find(({ bundleHash }) => bundleHash === keccak256(hash))?.coinbaseDiff ?? -1n);
      expect(paid).toEqual(paid.toSorted((left, right) => (left < right ? 1 : left > right ? -1 : 0)));
      const included = bundles.filter(({ fate }) => fate === "included");
      // Whatever is not a bundle stands below all that are.
      expect(mined.findLastIndex(({ to }) => to !== null && contracts.has(to))).toBeLessThan(included.length);
      landed += theirs.length;
    }
    expect(landed).toBeGreaterThanOrEqual(BLOCKS / 4);
  });

  it("leaves out what a better bundle has made worthless, and nothing else of theirs", () => {
    const fates = Map.groupBy(
      blocks.flatMap(({ bundles }) => bundles),
      ({ fate }) => fate,
    );
    expect([...fates.keys()].filter((fate) => fate !== "included" && fate !== "conflicts")).toEqual([]);
    expect(fates.get("conflicts")?.length).toBeGreaterThan(0);
  });

  it("has more than one kind of rival at work, each with senders of its own", async () => {
    const senders = new Map(net.rivals.flatMap(({ name, senders: own }) => own.map((sender) => [sender as string, name] as const)));
    expect(senders.size).toBe(net.rivals.reduce((sum, { senders: own }) => sum + own.length, 0));
    const names = new Set<string | undefined>();
    for (const { number } of blocks) for (const { from, to } of await minedIn(net, number)) if (to !== null) names.add(senders.get(from));
    names.delete(undefined);
    expect(names.size).toBeGreaterThanOrEqual(3);
  });

  it("keeps the base fee by EIP-1559", () => {
    for (const [index, block] of blocks.entries()) {
      const parent = blocks[index - 1];
      if (parent !== undefined) expect(block.baseFeePerGas).toBe(baseFeeAfter(parent));
    }
  });

  it("goes on after a reorganisation: what they send can be executed", async () => {
    await net.reorg(3);
    const after = [await net.mineBlock(), await net.mineBlock(), await net.mineBlock(), await net.mineBlock()];
    const fates = after.flatMap(({ bundles }) => bundles.map(({ fate }) => fate));
    expect(fates).toContain("included");
    expect(fates.filter((fate) => fate !== "included" && fate !== "conflicts")).toEqual([]);
  });
});

it("has the same rivals for the same seed, transaction for transaction", { timeout: 120_000 }, async () => {
  const again = await startLocalnet(SETTINGS);
  try {
    const sent = (block: BuiltBlock) => block.bundles.map(({ bundleHash, fate, coinbaseDiff }) => [bundleHash, fate, coinbaseDiff]);
    for (const block of blocks.slice(0, 6)) expect(sent(await again.mineBlock())).toEqual(sent(block));
  } finally {
    await again.stop();
  }
});
