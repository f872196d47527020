import { id } from "ethers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { encodeExecute } from "#libs/contracts/plan.ts";
import { addressOf, deployOurs, deployPublished, method, startTestChain, type TestChain } from "#libs/contracts/testing.ts";
import { bloomHas } from "#libs/evm/bloom.ts";
import { padWord } from "#libs/evm/hex.ts";
import { RpcClient } from "#libs/evm/rpc.ts";
import type { RelayFailure } from "#libs/relays/flashbots.ts";
import { type Address, asAddress } from "#libs/units/brand.ts";
import type { Result } from "#libs/units/result.ts";
import { PAPER_CONTRACT, PAPER_WALLET, paperOverride, readReceipt, type StateOverride, simulate } from "#services/executor/chain-port.ts";

/** Against a real node: what it makes of our override, our calls and our receipts. */

const VAULT = asAddress(`0x${"5a".repeat(20)}`);
let chain: TestChain;
let client: RpcClient;
let weth: Address;
let override: StateOverride;
let head: { blockHash: string; blockNumber: number; timestamp: number };

beforeAll(async () => {
  chain = await startTestChain();
  client = new RpcClient(chain.url, "test");
  weth = await addressOf(await deployPublished(chain.signer, "@uniswap/v2-periphery/build/WETH9.json", []));
  override = await paperOverride(client, VAULT, weth);
  await chain.provider.send("evm_mine", []);
  const block = await client.send<{ hash: string; number: string; timestamp: string }>("eth_getBlockByNumber", ["latest", false]);
  head = { blockHash: block.hash, blockNumber: Number(block.number), timestamp: Number(block.timestamp) + 12 };
});
afterAll(async () => {
  await client.close();
  await chain.stop();
});

const call = (from: Address, data: string, with_: StateOverride | undefined = override) =>
  simulate(client, { from, to: PAPER_CONTRACT, data, gas: 1_000_000 }, head, null, with_);
/** `execute` with a plan that is shorter than any plan can be. */
const MALFORMED = `${id("execute(bytes)").slice(0, 10)}${padWord(32n)}${padWord(1n)}${"ff".padEnd(64, "0")}`;

describe("paper mode's contract", () => {
  test("takes the paper wallet for its operator: a bad plan is refused for being one", async () => {
    expect(await call(PAPER_WALLET, MALFORMED)).toEqual({ ok: false, detail: "MalformedPlan()" });
  });

  test("takes nobody else for its operator", async () => {
    const other = asAddress(`0x${"66".repeat(20)}`);
    const outcome = await call(other, MALFORMED);
    expect(outcome).toMatchObject({ ok: false });
    if (!outcome.ok) expect(outcome.detail.toLowerCase()).toBe(`notoperator(${other})`);
  });

  test("is there by the override only, and nothing of it stays", async () => {
    expect(await call(PAPER_WALLET, MALFORMED, {})).toMatchObject({ ok: true });
    expect(await client.send("eth_getCode", [PAPER_CONTRACT, "latest"])).toBe("0x");
  });

  test("knows the vault and the wrapped coin that it was made with", async () => {
    const read = (signature: string) =>
      client.send<string>("eth_call", [{ to: PAPER_CONTRACT, data: id(signature).slice(0, 10) }, "latest", override]);
    expect(await read("vault()")).toBe(`0x${VAULT.slice(2).padStart(64, "0")}`);
    expect(await read("wrappedNative()")).toBe(`0x${weth.slice(2).padStart(64, "0")}`);
  });

  test("runs at the time of the next block, gas included", async () => {
    /** Reverts at any other time: TIMESTAMP, PUSH4, EQ, PUSH1 13, JUMPI, PUSH0, PUSH0, REVERT, JUMPDEST, STOP. */
    const only = (time: number) => ({ [PAPER_CONTRACT]: { code: `0x4263${time.toString(16).padStart(8, "0")}14600d575f5ffd5b00` } });
    expect(await call(PAPER_WALLET, "0x", only(head.timestamp))).toMatchObject({ ok: true });
    expect(await call(PAPER_WALLET, "0x", only(head.timestamp - 12))).toMatchObject({ ok: false });
  });

  test("refuses a plan whose block has passed, in words", async () => {
    const plan = encodeExecute({
      executionId: `0x${"01".repeat(32)}`,
      loanToken: weth,
      loanAmount: 1n,
      swaps: [
        {
          call: { form: "v2", zeroForOne: weth < VAULT },
          pool: VAULT,
          tokenIn: weth,
          tokenOut: VAULT,
          amountIn: 1n,
          amountOut: 1n,
        },
      ],
      minProfit: 0n,
      builderPayment: 0n,
      validUntilBlock: 0n,
    });
    const outcome = await call(PAPER_WALLET, plan);
    expect(outcome).toMatchObject({ ok: false });
    if (!outcome.ok) expect(outcome.detail).toMatch(/^PlanExpired\(0, \d+\)$/);
  });
});

describe("a simulation", () => {
  const deposit = () => ({ from: asAddress(chain.signer.address), to: weth, data: "0xd0e30db0", gas: 100_000 });
  const relaySays = (answer: Result<{ bundleHash: string; totalGasUsed: number; results: object[] }, RelayFailure>) => () =>
    Promise.resolve(answer as never);

  test("takes its gas from the relay where that has simulated too", async () => {
    const answer = relaySays({ ok: true, value: { bundleHash: "0x", totalGasUsed: 12_345, results: [{ gasUsed: 12_345 }] } });
    expect(await simulate(client, deposit(), head, answer)).toEqual({ ok: true, gasUsed: 12_345 });
  });

  test("estimates its gas where the relay does not say", async () => {
    const outcome = await simulate(client, deposit(), head, relaySays({ ok: false, error: { code: "refused", detail: "no" } }));
    expect(outcome).toMatchObject({ ok: true });
    if (outcome.ok) expect(outcome.gasUsed).toBeGreaterThan(21_000);
    expect(await simulate(client, deposit(), head, null)).toEqual(outcome);
  });

  test("that the relay sees revert has failed", async () => {
    const answer = relaySays({ ok: true, value: { bundleHash: "0x", totalGasUsed: 1, results: [{ gasUsed: 1, revert: "K" }] } });
    expect(await simulate(client, deposit(), head, answer)).toEqual({ ok: false, detail: "the relay's simulation reverts: K" });
  });

  test("on a block that the node does not have is an answer, not a fault", async () => {
    const outcome = await simulate(client, deposit(), { ...head, blockHash: `0x${"ab".repeat(32)}` }, null);
    expect(outcome.ok).toBe(false);
  });
});

describe("a transaction of the chain", () => {
  test("is found by its hash with what it did, one that is not there is not", async () => {
    const token = await deployOurs(chain.signer, "LocalToken", []);
    const sent = await method(token, "mint")(VAULT, 5n);
    const { hash, blockNumber, blockHash, gasUsed } = await sent.wait();
    expect(await readReceipt(client, hash)).toMatchObject({
      blockNumber,
      blockHash,
      status: 1,
      transactionIndex: 0,
      gasUsed: Number(gasUsed),
      effectiveGasPrice: expect.stringMatching(/^[1-9][0-9]*$/),
      logs: [expect.objectContaining({ topics: [id("Transfer(address,address,uint256)"), padTopic(0n), padTopic(BigInt(VAULT))] })],
    });
    expect(await readReceipt(client, `0x${"ab".repeat(32)}`)).toBeNull();
  });

  test("leaves its topics in the block's bloom filter, as the node writes it", async () => {
    const token = await deployOurs(chain.signer, "LocalToken", []);
    const { blockHash } = await (await method(token, "mint")(VAULT, 5n)).wait();
    const { logsBloom } = await client.send<{ logsBloom: string }>("eth_getBlockByHash", [blockHash, false]);
    expect(bloomHas(logsBloom, id("Transfer(address,address,uint256)"))).toBe(true);
    expect(bloomHas(logsBloom, padTopic(BigInt(VAULT)))).toBe(true);
    expect(bloomHas(logsBloom, id("Sync(uint112,uint112)"))).toBe(false);
  });
});

const padTopic = (value: bigint): string => `0x${padWord(value)}`;

describe("a node's heads over WebSocket", () => {
  test("come as they are mined, and a refusal carries the revert's data", async () => {
    const socket = new RpcClient(chain.url.replace("http", "ws"), "test");
    const heads: number[] = [];
    const stop = socket.followHeads((header) => heads.push(Number((header as { number: string }).number)), {
      pollMs: 5_000,
      onFault: () => {},
    });
    try {
      for (let tries = 0; heads.length < 2 && tries < 200; tries++) await new Promise((resolve) => setTimeout(resolve, 10));
      const before = heads.at(-1) as number;
      await chain.provider.send("evm_mine", []);
      for (let tries = 0; heads.at(-1) === before && tries < 200; tries++) await new Promise((resolve) => setTimeout(resolve, 10));
      expect(heads.at(-1)).toBe(before + 1);
      const request = { from: chain.signer.address, to: PAPER_CONTRACT, data: MALFORMED };
      await expect(socket.send("eth_call", [request, "latest", override])).rejects.toMatchObject({
        name: "RpcError",
        data: expect.stringContaining(id("NotOperator(address)").slice(0, 10)),
      });
    } finally {
      stop();
      await socket.close();
    }
  });
});
