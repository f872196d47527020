import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freePort } from "#libs/actor/free-port.ts";
import { type LocalBroker, startLocalBroker } from "#libs/actor/local-broker.ts";
import { startTestChain, type TestChain } from "#libs/contracts/testing.ts";
import { encode } from "#proto/codec.ts";

const MAIN = fileURLToPath(new URL("./main.ts", import.meta.url));
const directory = mkdtempSync(join(tmpdir(), "hs-cli-"));
let chain: TestChain;
let broker: LocalBroker;

beforeAll(async () => {
  [chain, broker] = await Promise.all([startTestChain(), startLocalBroker({ directory: join(directory, "nats") })]);
});
afterAll(async () => {
  await chain.stop();
  await broker.stop();
  rmSync(directory, { recursive: true });
});

interface Outcome {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

async function hyperspeed(args: readonly string[], input?: Uint8Array): Promise<Outcome> {
  const child = spawn(process.execPath, [MAIN, ...args], { cwd: directory, env: { ...process.env, HS_LOG_LEVEL: "fatal" } });
  const stdout: Buffer[] = [];
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  child.stdin.end(input);
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, stdout: Buffer.concat(stdout), stderr };
}

/** One line that says what is wrong, one that says what to do, and no stack. */
function expectRefusal(outcome: Outcome, problem: RegExp, remedy: RegExp): void {
  const lines = outcome.stderr.trim().split("\n").slice(-2);
  expect(lines[0]).toMatch(problem);
  expect(lines[1]).toMatch(remedy);
  expect(outcome.stderr).not.toContain("    at ");
  expect(outcome.code).toBe(2);
}

function configFile(config: object): string {
  const file = join(directory, `config-${Math.random()}.json`);
  writeFileSync(file, JSON.stringify(config));
  return file;
}

/** A chain as `run` wants it, with an endpoint. */
const section = (rpc: string, chainId = 31_337) => ({
  rpc: [rpc],
  definition: {
    key: "test",
    chainId,
    name: "Test",
    nativeSymbol: "ETH",
    wrappedNative: `0x${"1".repeat(40)}`,
    multicall3: `0x${"2".repeat(40)}`,
    blockTimeMs: 1_000,
    tokens: [],
    dexes: [
      {
        id: "uniswap-v2",
        brand: "Uniswap",
        family: "uniswap-v2",
        variant: "uniswap-v2",
        factory: `0x${"3".repeat(40)}`,
        deployBlock: 0,
        feeBps: 30,
        verified: true,
        source: "test",
      },
    ],
    flashLenders: [{ id: "vault", kind: "balancer-v2", address: `0x${"4".repeat(40)}` }],
    relays: [],
  },
});
const run = (config: object, actor = "watcher") => hyperspeed(["run", actor, "--config", configFile(config)]);

test("an endpoint that does not answer is named with what to do", async () => {
  const port = await freePort();
  const outcome = await run({ nats: { servers: [broker.url] }, chains: { test: section(`http://127.0.0.1:${port}`) } });
  expectRefusal(outcome, /chain test: .*no answer from http:\/\/127\.0\.0\.1:\d+: ECONNREFUSED/, /start the node or correct the RPC URL/);
});

test("an endpoint of another chain is refused", async () => {
  const outcome = await run({ nats: { servers: [broker.url] }, chains: { test: section(chain.url, 1) } });
  expectRefusal(outcome, /chain test has chain id 1, but .* serves chain id 31337/, /right chain/);
});

test.each([
  ["that is too old", "2.9.10", 8_388_608, /is version 2\.9\.10; 2\.11 or newer is needed/, /upgrade it/],
  ["that takes small messages only", "2.12.0", 1_048_576, /at most 1048576 bytes/, /set max_payload: 8MB/],
])("a NATS server %s is refused", async (_, version, payload, problem, remedy) => {
  const old: Server = createServer((socket) => {
    socket.on("error", () => {});
    socket.write(`INFO {"server_id":"A","version":"${version}","proto":1,"headers":true,"max_payload":${payload},"jetstream":true}\r\n`);
    socket.on("data", (data) => {
      if (data.toString().includes("PING")) socket.write("PONG\r\n");
    });
  });
  await new Promise<void>((resolve) => old.listen(0, "127.0.0.1", resolve));
  const url = `nats://127.0.0.1:${(old.address() as AddressInfo).port}`;
  const outcome = await run({ nats: { servers: [url] }, chains: { test: section(chain.url) } });
  old.close();
  expectRefusal(outcome, problem, remedy);
});

test("no NATS server at all is said", async () => {
  const port = await freePort();
  const outcome = await hyperspeed(["up", "--chain", "ethereum", "--rpc", chain.url, "--nats", `nats://127.0.0.1:${port}`]);
  expectRefusal(outcome, /no NATS server answers at/, /start one/);
});

test("a port in use is named with the flag that changes it", async () => {
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
  const { port } = holder.address() as AddressInfo;
  const outcome = await run({ nats: { servers: [broker.url] }, chains: { test: section(chain.url) }, gateway: { port } }, "gateway");
  holder.close();
  expectRefusal(outcome, new RegExp(`port .*${port}.*(in use|taken)`), /another/);
});

test("a malformed configuration names the field", async () => {
  expectRefusal(
    await run({ nats: { servers: [broker.url] }, chains: { test: { ...section(chain.url), rpc: [] } } }),
    /malformed configuration .*\/chains\/test\/rpc/,
    /correct that field/,
  );
  expectRefusal(await run({ nats: { servers: [broker.url] }, chain: {} }), /malformed configuration/, /correct that field/);
  expectRefusal(await run({ nats: { servers: ["env:HS_NOT_SET"] }, chains: {} }), /HS_NOT_SET, which is not set/, /set HS_NOT_SET/);
  expectRefusal(await hyperspeed(["run", "watcher", "--config", "/nowhere.yaml"]), /cannot read configuration/, /--config FILE/);
});

test("settings of a run are read before anything is started, and hold nothing but what actors go by", async () => {
  const file = join(directory, "settings.yaml");
  expectRefusal(await hyperspeed(["up", "--settings", "/nowhere.yaml"]), /cannot read configuration/, /--settings FILE/);
  writeFileSync(file, "scorer: { ranking: never }");
  expectRefusal(await hyperspeed(["up", "--settings", file]), /malformed configuration .*\/scorer\/ranking/, /correct that field/);
  writeFileSync(file, "trainer: { trialBlocks: 20 }\nmode: paper");
  expectRefusal(await hyperspeed(["up", "--settings", file]), /malformed configuration .*\(mode\)/, /correct that field/);
});

test("an unknown actor, chain or option is said with what there is", async () => {
  expectRefusal(
    await run({ nats: { servers: [broker.url] }, chains: { test: section(chain.url) } }, "oracle"),
    /no actor oracle/,
    /watcher, fetcher/,
  );
  expectRefusal(await hyperspeed(["up", "--chain", "atlantis", "--rpc", chain.url]), /chain atlantis is not built in/, /ethereum/);
  expectRefusal(await hyperspeed(["up", "--chain", "ethereum"]), /--chain and --rpc belong together/, /give both/);
  const remote = ["up", "--chain", "ethereum", "--rpc", chain.url];
  expectRefusal(await hyperspeed([...remote, "--rivals", "five"]), /--rivals is for the local chain/, /leave it out/);
  const outcome = await hyperspeed(["up", "--blocks", "none"]);
  expect(outcome.stderr).toMatch(/a whole number from 1/);
  expect(outcome.code).toBe(2);
});

test("live mode without a wallet is refused before anything starts", async () => {
  const outcome = await run({ nats: { servers: [broker.url] }, chains: { test: { ...section(chain.url), mode: "live" } } }, "executor");
  expectRefusal(outcome, /mode live needs a wallet/, /wallet create/);
});

test("decode prints a message as JSON, and says what does not fit its subject", async () => {
  const message = encode("actorHeartbeat", {
    kind: "actor-heartbeat",
    v: 1,
    actor: "watcher",
    instance: "w",
    chain: null,
    state: "ready",
    version: "0",
    pid: 1,
    startedAtMs: 1,
    atMs: 2,
    intervalMs: 1_000,
    headBlock: null,
    messagesConsumed: 0,
    messagesPublished: 0,
    deadLetters: 0,
  });
  const decoded = await hyperspeed(["decode", "--subject", "hs.global.actor.heartbeat.w"], message);
  expect(JSON.parse(decoded.stdout.toString())).toMatchObject({ kind: "actor-heartbeat", instance: "w" });
  expect(decoded.code).toBe(0);
  const wrong = await hyperspeed(["decode", "--subject", "hs.local.cycle.found"], message);
  expect(wrong.stderr).toContain("schema-mismatch");
  expect(wrong.code).toBe(1);
});

test("a wallet is made encrypted and never overwritten", async () => {
  const passwordFile = join(directory, "password");
  writeFileSync(passwordFile, "correct horse battery\n");
  const keystore = join(directory, "wallet.json");
  const made = await hyperspeed(["wallet", "create", "--out", keystore, "--password-file", passwordFile]);
  expect(made.stdout.toString()).toMatch(/^0x[0-9a-f]{40}\n$/);
  const stored = JSON.parse(readFileSync(keystore, "utf8")) as { Crypto: { kdf: string; kdfparams: { n: number } } };
  expect(stored.Crypto.kdf).toBe("scrypt");
  expect(stored.Crypto.kdfparams.n).toBe(2 ** 17);
  expectRefusal(
    await hyperspeed(["wallet", "create", "--out", keystore, "--password-file", passwordFile]),
    /cannot write/,
    /does not exist yet/,
  );
});
