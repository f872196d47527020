import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ChainConfig } from "#libs/chains/chain.ts";
import { familyOf } from "#libs/dex/registry.ts";
import { scanLogs } from "#libs/evm/log-scan.ts";
import { RpcClient } from "#libs/evm/rpc.ts";
import { type Localnet, startLocalnet } from "#libs/localnet/index.ts";
import { type Address, asAddress } from "#libs/units/brand.ts";
import { reportPool, reportText } from "#services/cli/verify.ts";

/** Several commands one after the other, each a process of its own, on a busy machine. */
const COMMANDS_MS = 60_000;
const MAIN = fileURLToPath(new URL("./main.ts", import.meta.url));
const directory = mkdtempSync(join(tmpdir(), "hs-verify-"));
let net: Localnet;
let client: RpcClient;
/** A pool of each DEX that has one. */
const poolOf = new Map<string, Address>();

beforeAll(async () => {
  net = await startLocalnet({ seed: 1, blockTimeMs: 1_000, poolLimit: 40 });
  client = new RpcClient(net.rpcUrl, "test");
  for (const dex of net.chain.dexes) {
    const family = familyOf(dex.family);
    const [log] = await scanLogs(client, {
      address: dex.factory,
      topics: [...family.topics(dex).created],
      fromBlock: 0,
      toBlock: net.loadedBlock,
    });
    const announced = log === undefined ? null : family.decodeCreated(log, dex);
    if (announced !== null) poolOf.set(dex.id, typeof announced === "string" ? announced : announced.pool);
  }
});
afterAll(async () => {
  await client.close();
  await net.stop();
  rmSync(directory, { recursive: true });
});

function configFile(chain: ChainConfig): string {
  const file = join(directory, "hyperspeed.json");
  writeFileSync(
    file,
    JSON.stringify({ nats: { servers: ["nats://127.0.0.1:4222"] }, chains: { [chain.key]: { rpc: [net.rpcUrl], definition: chain } } }),
  );
  return file;
}
/** Not the synchronous form: the chain's own output has to be read meanwhile, or it stops. */
async function verify(...args: string[]): Promise<{ readonly status: number | null; readonly stdout: string; readonly stderr: string }> {
  const child = spawn(process.execPath, [MAIN, "verify", "pool", ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const status = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { status, stdout, stderr };
}

test("a recorded pool of each DEX agrees with its contract", async () => {
  expect([...poolOf.keys()]).toEqual(expect.arrayContaining(["uniswap-v2", "uniswap-v3"]));
  for (const [dex, pool] of poolOf) {
    const report = await reportPool(client, net.chain, pool);
    expect(report.known.deployment.id).toBe(dex);
    expect(report.verdict, reportText(report, net.chain)).toBe("agrees");
    expect(report.comparisons.length).toBeGreaterThan(10);
  }
});

test(
  "the command prints a table and a verdict, and exits with 0 when all agree and with 1 for a wrong fee",
  async () => {
    const pool = poolOf.get("uniswap-v2") as Address;
    const right = await verify(net.chain.key, pool, "--config", configFile(net.chain));
    expect(right.stderr).toBe("");
    expect(right.status).toBe(0);
    expect(right.stdout).toMatch(/^0x[0-9a-f]{40} on \S+: uniswap-v2 \(uniswap-v2\), \S+\/\S+\nblock \d+ 0x[0-9a-f]{64}/);
    expect(right.stdout).toMatch(/swap +size +ours +chain's +difference/);
    expect(right.stdout).toMatch(/\nagrees: /);
    const dexes = net.chain.dexes.map((dex) => (dex.id === "uniswap-v2" ? { ...dex, feeBps: 20 } : dex));
    const wrong = await verify(net.chain.key, pool, "--config", configFile({ ...net.chain, dexes }), "--rpc", net.rpcUrl, "--json");
    expect(wrong.status).toBe(1);
    const report = JSON.parse(wrong.stdout) as { verdict: string; comparisons: { difference: string }[] };
    expect(report.verdict).toBe("differs");
    // A lower fee promises more than the pair pays.
    expect(report.comparisons.some(({ difference }) => BigInt(difference) > 0n)).toBe(true);
  },
  COMMANDS_MS,
);

test(
  "what is no address, no pool, no known chain or not that chain is refused with what to do",
  async () => {
    const file = configFile(net.chain);
    const pool = poolOf.get("uniswap-v2") as Address;
    expect(await verify("ethereum", "0x12", "--rpc", net.rpcUrl)).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/no address\n {2}→ give/),
    });
    expect(await verify(net.chain.key, asAddress(`0x${"9".repeat(40)}`), "--config", file)).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/is no pool on .*\n {2}→ /),
    });
    expect(await verify("atlantis", pool, "--rpc", net.rpcUrl)).toMatchObject({ status: 2, stderr: expect.stringMatching(/not built in/) });
    expect(await verify("ethereum", pool, "--rpc", net.rpcUrl)).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/serves chain id/),
    });
    const foreign = { ...net.chain, dexes: net.chain.dexes.filter(({ id }) => id !== "uniswap-v2") };
    expect((await verify(net.chain.key, pool, "--config", configFile(foreign))).stderr).toMatch(
      /factory is 0x.* none of .*deployments\n {2}→ see/,
    );
  },
  COMMANDS_MS,
);
