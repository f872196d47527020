import { spawnSync } from "node:child_process";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ChainConfig } from "#libs/chains/chain.ts";
import { RpcClient } from "#libs/evm/rpc.ts";
import { Refusal, startRpcServer } from "#libs/evm/testing.ts";
import { type Localnet, startLocalnet } from "#libs/localnet/index.ts";
import { asAddress } from "#libs/units/brand.ts";
import { type Check, chainChecks, doctorText, machineChecks } from "#services/cli/doctor.ts";

const MAIN = fileURLToPath(new URL("./main.ts", import.meta.url));
const hyperspeed = (...args: string[]) => spawnSync(process.execPath, [MAIN, ...args], { encoding: "utf8" });
const NOWHERE = asAddress(`0x${"9".repeat(40)}`);

let net: Localnet;
/** The local chain's clock is not ours. */
let headMs: number;
beforeAll(async () => {
  net = await startLocalnet({ seed: 1, blockTimeMs: 1_000, poolLimit: 20 });
  const client = new RpcClient(net.rpcUrl, "test");
  headMs = Number((await client.send<{ timestamp: string }>("eth_getBlockByNumber", ["latest", false])).timestamp) * 1_000;
});
afterAll(() => net.stop());

async function examined(chain: ChainConfig, url = net.rpcUrl, nowMs = headMs + 5_000): Promise<Check[]> {
  const client = new RpcClient(url, "test");
  const checks = await chainChecks(client, chain, nowMs);
  await client.close();
  return checks;
}
const problems = (checks: readonly Check[]) => checks.filter(({ ok }) => !ok);

test("a chain with all its contracts is well, over HTTP and WebSocket", async () => {
  const overHttp = await examined(net.chain);
  expect(problems(overHttp)).toEqual([]);
  const found = new Map(overHttp.map((check) => [check.name, check.found]));
  for (const { id } of net.chain.dexes) expect(found.has(`DEX ${id}`)).toBe(true);
  expect(found.get("head")).toMatch(/, 5 s old$/);
  expect(found.get("wrapped native")).toMatch(/^WETH with 18 decimals/);
  expect(found.get("new heads")).toMatch(/polled/);
  const overSocket = await examined(net.chain, net.wsUrl);
  expect(problems(overSocket)).toEqual([]);
  expect(overSocket.at(-1)?.found).toMatch(/subscription/);
});

test("an address without code, and one of another contract, are problems with what was expected", async () => {
  const [first, ...others] = net.chain.dexes;
  const concentrated = net.chain.dexes.find(({ family }) => family === "uniswap-v3");
  if (first === undefined || concentrated === undefined) throw new Error("a local chain without DEXes");
  const wrong: ChainConfig = {
    ...net.chain,
    multicall3: NOWHERE,
    dexes: [
      { ...first, factory: NOWHERE },
      ...others.map((dex) => (dex.id === concentrated.id ? { ...dex, factory: net.chain.multicall3 } : dex)),
    ],
    flashLenders: [{ id: "vault", kind: "balancer-v2", address: net.chain.wrappedNative }],
  };
  const found = problems(await examined(wrong));
  expect(found.map(({ name }) => name).sort()).toEqual(["DEX uniswap-v3", `DEX ${first.id}`, "Multicall3", "flash lender vault"].sort());
  expect(found.find(({ name }) => name === `DEX ${first.id}`)).toMatchObject({
    found: `no code at ${NOWHERE}`,
    expected: "code that answers allPairsLength()",
    remedy: expect.stringContaining("factory"),
  });
});

test("a head that is old is a problem", async () => {
  expect(problems(await examined(net.chain, net.rpcUrl, headMs + 61_000))).toMatchObject([
    { name: "head", found: expect.stringContaining("61 s old"), expected: "at most 60 s old" },
  ]);
});

test("the wrong chain, or no chain, ends the examination at once", async () => {
  expect(await examined({ ...net.chain, chainId: 1 })).toMatchObject([{ name: "chain id", ok: false, expected: "1" }]);
  expect(await examined(net.chain, "http://127.0.0.1:1")).toMatchObject([{ name: "chain id", ok: false, found: /no answer/ }]);
});

test("an endpoint that refuses block hashes and ignores overrides is told apart from one that is down", async () => {
  const server = await startRpcServer((method, params) => {
    if (method === "eth_chainId") return `0x${net.chain.chainId.toString(16)}`;
    if (method === "eth_getBlockByNumber") return { number: "0x1", hash: `0x${"a".repeat(64)}`, timestamp: "0x1" };
    if (method === "eth_call" && params.length === 3) return "0x";
    throw new Refusal("block hash not supported");
  });
  const checks = await examined(net.chain, server.url, 2_000);
  await server.close();
  const by = new Map(checks.map((check) => [check.name, check]));
  expect(by.get("eth_getLogs by block hash")).toMatchObject({ ok: false, remedy: expect.stringContaining("EIP-234") });
  expect(by.get("eth_call by block hash")).toMatchObject({ ok: false, found: expect.stringContaining("not supported") });
  expect(by.get("eth_call with state override")).toMatchObject({ ok: false, found: "the override was ignored" });
});

test("this machine has what the tests run on, and a taken port is said with the option that changes it", async () => {
  const holder = createServer();
  // Taken by us or, already, by somebody else.
  await new Promise<void>((resolve) => holder.once("error", () => resolve()).listen(3_000, "127.0.0.1", resolve));
  const checks = await machineChecks(process.cwd());
  holder.close();
  const by = new Map(checks.map((check) => [check.name, check]));
  expect(by.get("Node")).toMatchObject({ ok: true, found: process.versions.node });
  expect(by.get("nats-server")).toMatchObject({ ok: true, found: expect.stringMatching(/^2\.\d+\.\d+ at /) });
  expect(by.get("anvil")).toMatchObject({ ok: true, found: expect.stringMatching(/^\d+\.\d+\.\d+\S* at /) });
  expect(by.get("port 3000")).toMatchObject({
    ok: true,
    found: expect.stringContaining("taken; `up` takes and prints another one unless --dashboard-port"),
  });
  expect(by.get("disk")?.found).toMatch(/GiB free in/);
  expect(doctorText("this machine", checks)).toMatch(/ok +port 3000 +taken; /);
});

test("the command refuses an endpoint without a chain and a chain without an endpoint, and exits with 1 for a problem", () => {
  expect(hyperspeed("doctor", "--rpc", net.rpcUrl)).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(/for a chain\n {2}→ name it/),
  });
  expect(hyperspeed("doctor", "--chain", "base")).toMatchObject({ status: 2, stderr: expect.stringMatching(/no endpoint of base/) });
  expect(hyperspeed("doctor", "--chain", "atlantis", "--rpc", net.rpcUrl).stderr).toMatch(/choose one of ethereum/);
  const { status, stdout } = hyperspeed("doctor", "--chain", "base", "--rpc", net.rpcUrl, "--json");
  expect(status).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({ ok: false, checks: [{ name: "chain id", ok: false, expected: "8453" }] });
});
