/** One chain with the whole market, shared by all cases of this file: they run in order and each leaves it usable. */

import { AbiCoder, Interface, type InterfaceAbi, id, keccak256, toUtf8Bytes, Wallet } from "ethers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { artifact } from "#libs/contracts/artifact.ts";
import { toHex } from "#libs/evm/hex.ts";
import { asAddress } from "#libs/units/brand.ts";
import { localAccount, sign, type UnsignedTransaction } from "./accounts.ts";
import { type BuiltBlock, baseFeeAfter, COINBASE } from "./builder.ts";
import { decodeWords, marketInterface } from "./deploy.ts";
import { CHAIN_ID } from "./genesis.ts";
import { type InProcessLocalnet, startLocalnet } from "./index.ts";
import { planMarket, recordedMarket } from "./market.ts";

const SYNC = id("Sync(uint112,uint112)");
const MINT_V3 = id("Mint(address,address,int24,int24,uint128,uint256,uint256)");
const ETHER = 10n ** 18n;

let net: InProcessLocalnet;

beforeAll(async () => {
  net = await startLocalnet({ seed: 11, blockTimeMs: 1000 });
}, 60_000);

afterAll(async () => {
  await net?.stop();
});

const call = (to: string, data: string): Promise<string> => net.rpc.send<string>("eth_call", [{ to, data }, "latest"]);

describe("the loaded chain", () => {
  it("has the recorded reserves in every pair", async () => {
    const { pairs } = planMarket(recordedMarket());
    expect(net.loaded.pairs).toHaveLength(pairs.length);
    const getReserves = { data: "0x0902f1ac" };
    const answers = await net.rpc.batch<string>(
      net.loaded.pairs.map(({ address }) => ({
        method: "eth_call",
        params: [{ to: address, ...getReserves }, toHex(net.loadedBlock)],
      })),
    );
    for (const [index, answer] of answers.entries()) {
      const recorded = net.loaded.pairs[index]?.recorded;
      expect([BigInt(answer.slice(0, 66)).toString(), BigInt(`0x${answer.slice(66, 130)}`).toString()]).toEqual([
        recorded?.reserve0,
        recorded?.reserve1,
      ]);
    }
  });

  it("has the recorded price, tick and every net liquidity in a sample of concentrated pools", async () => {
    const abi = marketInterface();
    const sample = net.loaded.pools.filter((_, index) => index % 12 === 0);
    expect(new Set(sample.map(({ dex }) => dex)).size).toBe(3);
    const states = decodeWords(
      await call(net.marketContract, abi.encodeFunctionData("poolStates", [sample.map(({ address }) => address)])),
    );
    for (const [index, pool] of sample.entries()) {
      const [sqrtPriceX96, tick = 0n] = states.slice(3 * index, 3 * index + 2);
      expect(sqrtPriceX96?.toString()).toBe(pool.recorded.sqrtPriceX96);
      expect(Number(BigInt.asIntN(24, tick))).toBe(pool.recorded.tick);
      const recorded = pool.recorded.ticks.filter(([, net]) => net !== "0");
      const ticks = recorded.map(([index]) => index);
      const nets = decodeWords(await call(net.marketContract, abi.encodeFunctionData("liquidityNets", [pool.address, ticks])));
      expect(nets.map((word) => BigInt.asIntN(256, word).toString())).toEqual(recorded.map(([, net]) => net));
    }
  });

  it("was loaded by transactions whose logs can be found", async () => {
    const logs = (topic: string) =>
      net.rpc.send<unknown[]>("eth_getLogs", [{ fromBlock: "0x0", toBlock: toHex(net.loadedBlock), topics: [topic] }]);
    expect(await logs(SYNC)).toHaveLength(net.loaded.pairs.length);
    expect(await logs(MINT_V3)).toHaveLength(net.loaded.pools.reduce((sum, pool) => sum + pool.positions.length, 0));
  });

  it("lends from a vault that holds the main tokens, and not from the one whose pools are traded", async () => {
    const [lender] = net.chain.flashLenders;
    const weth = await call(net.chain.wrappedNative, `0x70a08231${lender?.address.slice(2).padStart(64, "0")}`);
    expect(BigInt(weth) > 10_000n * ETHER).toBe(true);
    expect(net.chain.dexes.map(({ factory }) => factory)).not.toContain(lender?.address);
  });

  it("has every DEX of the plan, each with pools of its own contracts", async () => {
    expect(net.chain.dexes.map(({ id, family }) => [id, family])).toEqual([
      ["uniswap-v2", "uniswap-v2"],
      ["pancake-v2", "uniswap-v2"],
      ["swapr", "uniswap-v2"],
      ["uniswap-v3", "uniswap-v3"],
      ["pancake-v3", "pancake-v3"],
      ["algebra", "algebra"],
      ["balancer-v2", "balancer-v2"],
    ]);
    expect(net.poolCounts).toEqual({
      "uniswap-v2": 190,
      "pancake-v2": 96,
      swapr: 16,
      "uniswap-v3": 208,
      "pancake-v3": 62,
      algebra: 29,
      "balancer-v2": 12,
    });
    for (const { dex, address } of net.loaded.pools) {
      // factory()
      expect(asAddress(`0x${(await call(address, "0xc45a0155")).slice(-40)}`)).toBe(net.loaded.contracts.v3Factories[dex]);
    }
  });

  it("has the recorded balances and fee in every weighted pool", async () => {
    for (const { recorded, address, poolId } of net.loaded.weighted) {
      // getSwapFeePercentage(), getPoolTokens(bytes32)
      expect(BigInt(await call(address, "0x55c67628"))).toBe(BigInt(recorded.swapFeePips) * 10n ** 12n);
      const held = await call(net.loaded.contracts.vault, `0xf94d4668${poolId.slice(2)}`);
      const [tokens, balances] = AbiCoder.defaultAbiCoder().decode(["address[]", "uint256[]", "uint256"], held);
      const asRecorded = recorded.tokens.map(({ token, balance }) => [token, balance]);
      expect([...tokens].map((token, index) => [String(token).toLowerCase(), String(balances[index])])).toEqual(asRecorded);
    }
  });

  it("answers a Multicall3 at its usual address", async () => {
    expect(BigInt(await call(net.chain.multicall3, "0x42cbb15c"))).toBe(BigInt(net.builder.head.number));
  });
});

describe("traders", () => {
  it("trade on every DEX, with no transaction that fails", async () => {
    const poolsOf = new Map<string, string>(net.loaded.pools.map(({ address, dex }) => [address, dex]));
    for (const { address, dex } of net.loaded.pairs) poolsOf.set(address, dex);
    poolsOf.set(net.loaded.contracts.vault, "balancer-v2");
    const traded = new Set<string | undefined>();
    for (let count = 0; count < 12; count++) {
      const { number } = await net.mineBlock();
      const receipts = await net.rpc.send<{ status: string; logs: { address: string }[] }[]>("eth_getBlockReceipts", [toHex(number)]);
      expect(receipts.map(({ status }) => status)).toEqual(receipts.map(() => "0x1"));
      for (const { logs } of receipts) for (const { address } of logs) traded.add(poolsOf.get(address));
    }
    for (const { id: dex } of net.chain.dexes) expect(traded).toContain(dex);
  });
});

describe("Algebra's fee", () => {
  it("follows the price in the first swap of a block, up to one per cent", async () => {
    const plugin = new Interface(artifact("AlgebraFeePlugin").abi as InterfaceAbi);
    const pool = net.loaded.pools.find(({ dex, liquidity }) => dex === "algebra" && liquidity > 0n);
    if (pool === undefined) throw new Error("there is a pool with liquidity");
    // plugin()
    const address = `0x${(await call(pool.address, "0xef01df4f")).slice(-40)}`;
    const seen = async (): Promise<{ tick: bigint; fee: bigint }> => {
      const answer = await call(address, plugin.encodeFunctionData("seen", [pool.address]));
      const { tick, fee } = plugin.decodeFunctionResult("seen", answer);
      return { tick: BigInt(tick), fee: BigInt(fee) };
    };
    /** To this share of the square-root price, in a block of its own. */
    const swapTo = async (percent: bigint): Promise<void> => {
      const abi = marketInterface();
      const [sqrtPriceX96 = 0n] = decodeWords(await call(net.marketContract, abi.encodeFunctionData("poolStates", [[pool.address]])));
      const data = abi.encodeFunctionData("swapV3", [pool.address, percent < 100n, 1n << 120n, (sqrtPriceX96 * percent) / 100n]);
      const nonce = await nonceOf(net.owner.address);
      const { raw } = sign(localAccount("owner"), CHAIN_ID, { nonce, to: net.marketContract, data, gasLimit: 10_000_000n });
      await net.rpc.send("eth_sendRawTransaction", [raw]);
      await net.builder.buildBlock({ withTraders: false });
    };
    await swapTo(99n);
    const { tick: before } = await seen();
    await swapTo(110n);
    // One hundredth of the square root is some 200 ticks.
    const { tick, fee } = await seen();
    expect(Number(before - tick)).toBeGreaterThan(198);
    expect(Number(before - tick)).toBeLessThan(204);
    expect(fee).toBe(500n + 25n * (before - tick));
    await swapTo(91n);
    expect((await seen()).fee).toBe(10_000n);
  });
});

describe("blocks", () => {
  it("follow EIP-1559 exactly, and the base fee stays near the recorded one", async () => {
    let parent = await net.mineBlock();
    expect(parent.tradeCount).toBeGreaterThanOrEqual(9);
    for (let count = 0; count < 3; count++) {
      const block = await net.mineBlock();
      expect(block.baseFeePerGas).toBe(baseFeeAfter(parent));
      expect(Math.abs(Number(block.baseFeePerGas) / 15_189_175_884 - 1)).toBeLessThan(0.2);
      expect(block.timestamp).toBe(parent.timestamp + 1);
      parent = block;
    }
  });
});

const searcher = localAccount("test searcher");
const rival = localAccount("test rival");
const auth = new Wallet(localAccount("test relay signer").privateKey);

const nonceOf = async (address: string): Promise<number> =>
  Number(await net.rpc.send<string>("eth_getTransactionCount", [address, "latest"]));

/** Pays the block producer by a transfer. */
const payment = (nonce: number, valueWei: bigint): UnsignedTransaction => ({ nonce, gasLimit: 21_000n, to: COINBASE, value: valueWei });
/** Reverts: there is no pair at that address. */
const reverting = (nonce: number): UnsignedTransaction => {
  const data = marketInterface().encodeFunctionData("swapV2", [COINBASE, true, 1n, 30n]);
  return { nonce, gasLimit: 100_000n, to: net.marketContract, data };
};

async function post(
  body: string,
  header?: string,
): Promise<{ status: number; answer: { result?: Record<string, unknown>; error?: { message: string } } }> {
  const headers = { "content-type": "application/json", ...(header === undefined ? {} : { "x-flashbots-signature": header }) };
  const response = await fetch(net.relayUrl, { method: "POST", headers, body });
  return { status: response.status, answer: (await response.json()) as { result?: Record<string, unknown>; error?: { message: string } } };
}

async function relay(method: string, parameters: object): Promise<{ result?: Record<string, unknown>; error?: { message: string } }> {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params: [parameters] });
  const signature = await auth.signMessage(keccak256(toUtf8Bytes(body)));
  return (await post(body, `${auth.address}:${signature}`)).answer;
}

const nextBlock = (): string => toHex(net.builder.head.number + 1);
const transactionsOf = async (block: BuiltBlock): Promise<string[]> =>
  (await net.rpc.send<{ transactions: string[] }>("eth_getBlockByNumber", [toHex(block.number), false])).transactions;

describe("the relay", () => {
  beforeAll(async () => {
    await net.fund(searcher.address, 100n * ETHER);
    await net.fund(rival.address, 100n * ETHER);
  });

  it("refuses requests without a signature, with another's, and with one over another body", async () => {
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "eth_sendBundle", params: [{}] });
    const signature = await auth.signMessage(keccak256(toUtf8Bytes(body)));
    expect((await post(body)).status).toBe(401);
    expect((await post(body, `${COINBASE}:${signature}`)).status).toBe(401);
    expect((await post(`${body} `, `${auth.address}:${signature}`)).status).toBe(401);
    expect((await post(body, "nonsense")).status).toBe(401);
    expect((await post(body, `${auth.address}:${signature}`)).answer.error?.message).toMatch(/txs/);
  });

  it("says what is wrong with a bundle", async () => {
    const nonce = await nonceOf(searcher.address);
    const good = sign(searcher, CHAIN_ID, payment(nonce, 1n)).raw;
    const message = async (parameters: object) =>
      (await relay("eth_sendBundle", { txs: [good], blockNumber: nextBlock(), ...parameters })).error?.message;
    expect(await message({ blockNumber: toHex(net.builder.head.number) })).toMatch(/in the past/);
    expect(await message({ blockNumber: "0xffffff" })).toMatch(/ahead/);
    expect(await message({ txs: ["0x1234"] })).toMatch(/not a signed transaction/);
    expect(await message({ txs: [] })).toMatch(/non-empty/);
    expect(await message({ txs: [sign(searcher, 1, payment(nonce, 1n)).raw] })).toMatch(/signed for chain 1/);
    await relay("eth_sendBundle", { txs: [good], blockNumber: nextBlock() });
    await net.mineBlock();
    expect(await message({})).toMatch(/nonce too low/);
  });

  it("simulates a bundle: gas, payment, and a revert with its reason", async () => {
    const nonce = await nonceOf(searcher.address);
    const paying = { ...payment(nonce, 12_345n), maxPriorityFeePerGas: 1_000_000_000n };
    const txs = [sign(searcher, CHAIN_ID, paying).raw, sign(searcher, CHAIN_ID, reverting(nonce + 1)).raw];
    const { result } = await relay("eth_callBundle", { txs, blockNumber: nextBlock(), stateBlockNumber: "latest" });
    expect(result).toMatchObject({
      ethSentToCoinbase: "12345",
      gasFees: (21_000n * 1_000_000_000n).toString(),
      coinbaseDiff: "21000000012345",
    });
    const results = result?.results as Record<string, unknown>[];
    expect(results[0]).toMatchObject({ gasUsed: 21_000, value: "0x", gasPrice: "1000000000", ethSentToCoinbase: "12345" });
    expect(results[1]).toMatchObject({ error: "execution reverted" });
    const stale = await relay("eth_callBundle", { txs: [sign(searcher, CHAIN_ID, payment(nonce + 5, 1n)).raw], blockNumber: nextBlock() });
    expect(stale.error?.message).toMatch(/nonce too high/);
  });

  it("puts bundles at the top, the better payer first, above what came by the public pool", async () => {
    const nonce = await nonceOf(searcher.address);
    const poor = sign(searcher, CHAIN_ID, payment(nonce, ETHER / 100n));
    const rivalNonce = await nonceOf(rival.address);
    const first = sign(rival, CHAIN_ID, payment(rivalNonce, ETHER));
    const second = sign(rival, CHAIN_ID, payment(rivalNonce + 1, ETHER));
    const outsider = sign(localAccount("owner"), CHAIN_ID, payment(await nonceOf(net.owner.address), 1n));
    await net.rpc.send("eth_sendRawTransaction", [outsider.raw]);
    await relay("eth_sendBundle", { txs: [poor.raw], blockNumber: nextBlock() });
    await relay("eth_sendBundle", { txs: [first.raw, second.raw], blockNumber: nextBlock() });
    const block = await net.mineBlock();
    expect((await transactionsOf(block)).slice(0, 4)).toEqual([first.hash, second.hash, poor.hash, outsider.hash]);
    expect(block.bundles.map(({ fate }) => fate)).toEqual(["included", "included"]);
    expect(block.bundles[0]?.coinbaseDiff).toBe(2n * ETHER);
  });

  it("leaves a reverting bundle out, unless it said that it may revert", async () => {
    const nonce = await nonceOf(searcher.address);
    const bundle = [sign(searcher, CHAIN_ID, payment(nonce, ETHER)), sign(searcher, CHAIN_ID, reverting(nonce + 1))];
    const txs = bundle.map(({ raw }) => raw);
    const blockNumber = nextBlock();
    const { result } = await relay("eth_sendBundle", { txs, blockNumber });
    const without = await net.mineBlock();
    expect(without.bundles).toMatchObject([{ fate: "reverts" }]);
    expect(await transactionsOf(without)).not.toContain(bundle[0]?.hash);
    expect(await nonceOf(searcher.address)).toBe(nonce);
    const stats = await relay("flashbots_getBundleStatsV2", { bundleHash: result?.bundleHash, blockNumber });
    expect(stats.result).toMatchObject({ isSimulated: true, sealedByBuildersAt: [] });

    await relay("eth_sendBundle", { txs, blockNumber: nextBlock(), revertingTxHashes: [bundle[1]?.hash] });
    const withRevert = await net.mineBlock();
    expect((await transactionsOf(withRevert)).slice(0, 2)).toEqual(bundle.map(({ hash }) => hash));
  });

  it("takes the same bundle twice as one, and the worse of two that exclude each other not at all", async () => {
    const nonce = await nonceOf(searcher.address);
    const better = sign(searcher, CHAIN_ID, payment(nonce, ETHER));
    const worse = sign(searcher, CHAIN_ID, payment(nonce, ETHER / 2n));
    const blockNumber = nextBlock();
    const sent = [];
    for (const { raw } of [worse, better, better])
      sent.push((await relay("eth_sendBundle", { txs: [raw], blockNumber })).result?.bundleHash);
    expect(sent[1]).toBe(sent[2]);
    // One transaction: the hash of its hash.
    expect(sent[1]).toBe(keccak256(better.hash));
    const block = await net.mineBlock();
    expect(block.bundles).toMatchObject([
      { bundleHash: sent[1], fate: "included" },
      { bundleHash: sent[0], fate: "conflicts" },
    ]);
    expect((await transactionsOf(block))[0]).toBe(better.hash);
  });
});

describe("a reorg", () => {
  it("of depth 3 replaces three blocks by three others on the same ancestor, with other state", async () => {
    const nonce = await nonceOf(searcher.address);
    const bundleTransaction = sign(searcher, CHAIN_ID, payment(nonce, ETHER / 10n));
    await relay("eth_sendBundle", { txs: [bundleTransaction.raw], blockNumber: nextBlock() });
    const before: { hash: string; stateRoot: string; transactions: string[] }[] = [];
    const ancestor = net.builder.head;
    for (let count = 0; count < 3; count++) {
      const { number } = await net.mineBlock();
      before.push(await net.rpc.send("eth_getBlockByNumber", [toHex(number), false]));
    }
    const seen: number[] = [];
    const unsubscribe = net.onBlock(({ number }) => seen.push(number));
    const replaced = await net.reorg(3);
    unsubscribe();
    expect(seen).toEqual([1, 2, 3].map((offset) => ancestor.number + offset));
    expect(replaced.map(({ reorgDepth }) => reorgDepth)).toEqual([3, undefined, undefined]);

    const after: { hash: string; parentHash: string; stateRoot: string; transactions: string[] }[] = [];
    for (const { number } of replaced) after.push(await net.rpc.send("eth_getBlockByNumber", [toHex(number), false]));
    expect(after[0]?.parentHash).toBe(ancestor.hash);
    for (const [index, block] of after.entries()) {
      expect(block.hash).not.toBe(before[index]?.hash);
      expect(block.stateRoot).not.toBe(before[index]?.stateRoot);
    }
    const old = before.flatMap(({ transactions }) => transactions);
    const back = after.flatMap(({ transactions }) => transactions).filter((hash) => old.includes(hash));
    expect(back.length).toBeGreaterThan(0);
    expect(back.length).toBeLessThan(old.length);
    // The chain goes on: nonces were read anew.
    expect((await net.mineBlock()).tradeCount).toBeGreaterThanOrEqual(9);
  });
});
