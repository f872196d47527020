import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Transaction } from "ethers";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { Bus } from "#libs/actor/bus.ts";
import { ethereum } from "#libs/chains/ethereum.ts";
import { Raw, Refusal, type RpcServer, startRpcServer } from "#libs/evm/testing.ts";
import { asAddress } from "#libs/units/brand.ts";
import { createKeystore } from "#libs/wallet/keystore.ts";
import { executorSpec } from "#services/executor/main.ts";
import { UNREACHABLE_NONCE } from "#services/executor/practice.ts";

/** What an executor asks of the world before it is ready. */

const directory = mkdtempSync(join(tmpdir(), "hs-executor-"));
const wallet = { keystoreFile: join(directory, "wallet.json"), passwordFile: join(directory, "wallet.password") };
let node: RpcServer;
let relay: RpcServer;
let relayAnswer: () => unknown;

beforeAll(async () => {
  writeFileSync(wallet.keystoreFile, (await createKeystore("secret", 2)).json);
  writeFileSync(wallet.passwordFile, "secret");
});
afterAll(() => rmSync(directory, { recursive: true }));
beforeEach(async () => {
  node = await startRpcServer((method) => {
    if (method === "eth_chainId") return "0x1";
    if (method === "eth_getTransactionCount") return "0x7";
    if (method === "eth_getBlockByNumber") return { number: "0x64", hash: `0x${"ab".repeat(32)}`, timestamp: "0x4b0" };
    throw new Refusal("execution reverted", 3, "0x");
  });
  relayAnswer = () => {
    throw new Refusal("nonce too high");
  };
  relay = await startRpcServer(() => relayAnswer());
});
afterEach(async () => {
  await node.close();
  await relay.close();
});

/** An empty broker: what it is asked to publish would be no function. */
const bus = { read: async function* () {}, lastSequence: async () => 0 } as unknown as Bus;

async function boot(mode: "simulate" | "live") {
  const spec = await executorSpec({
    chain: { ...ethereum, dexes: [], executorContract: asAddress(`0x${"c0".repeat(20)}`), relays: [{ name: "relay", url: relay.url }] },
    rpc: [node.url],
    mode,
    wallet,
  });
  const booted = await spec.boot({ bus, log: pino({ level: "silent" }), leaseEpoch: 1, signal: new AbortController().signal });
  await spec.close?.();
  return booted;
}

test("an executor that practises asks the relay to simulate, never to send, and only what can never be mined", async () => {
  const { state } = await boot("live");
  expect(relay.requests.length).toBeGreaterThan(3);
  expect(new Set(relay.requests.map(({ method }) => method))).toEqual(new Set(["eth_callBundle"]));
  const transactions = relay.requests.flatMap(({ params }) => (params[0] as { txs: string[] }).txs.map((raw) => Transaction.from(raw)));
  expect(new Set(transactions.map(({ nonce }) => nonce))).toEqual(new Set([UNREACHABLE_NONCE]));
  expect(node.requests.map(({ method }) => method)).not.toContain("eth_sendRawTransaction");
  // Nothing of it is left.
  expect(state).toMatchObject({ nonce: 7, head: null, ranked: null });
  expect(state.open.size).toBe(0);
});

test("whoever only simulates shows the relay no signed transaction in practice either", async () => {
  await boot("simulate");
  expect(relay.requests).toEqual([]);
  expect(node.requests.map(({ method }) => method)).toContain("eth_call");
});

test("a relay that gives no answer is no reason not to start", async () => {
  relayAnswer = () => new Raw("<html>", 502);
  expect((await boot("live")).state.nonce).toBe(7);
});
