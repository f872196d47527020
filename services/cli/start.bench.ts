import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Bus } from "#libs/actor/bus.ts";
import { freePort } from "#libs/actor/free-port.ts";
import { startLocalBroker } from "#libs/actor/local-broker.ts";
import { type RunningActor, runActor } from "#libs/actor/run.ts";
import type { DexDeployment } from "#libs/chains/chain.ts";
import type { SystemConfig } from "#libs/chains/system-config.ts";
import { familyOf } from "#libs/dex/registry.ts";
import { readerAt } from "#libs/evm/chain-reader.ts";
import { Endpoints } from "#libs/evm/endpoints.ts";
import { createLogger } from "#libs/telemetry/log.ts";
import { type Bench, held, type Measurement, timeWaiting } from "#libs/testkit/bench.ts";
import { type CrowdedChain, startCrowdedChain } from "#libs/testkit/crowded-chain.ts";
import { invariant } from "#libs/units/invariant.ts";
import type { BlockObserved } from "#proto/block/v1/observed.ts";
import { VERSION } from "#services/cli/version.ts";
import { known, listsQuicker, readAt } from "#services/fetcher/chain-port.ts";
import { ADMISSION } from "#services/fetcher/config.ts";
import { fetcherSpec } from "#services/fetcher/main.ts";

const FULL = { pairs: 5_000, pools: 1_000, rounds: 3 };
const TINY = { pairs: 12, pools: 4, rounds: 1 };
/** What a fetcher missed before it came back, at 12 seconds a block some minutes, and what happened in each. */
const MISSED = { blocks: 20, trades: 20 };
const HOST = "127.0.0.1";
const START_MS = 600_000;

/** As a fetcher starts: what the factory announced, or lists, and the states of all that at the same block. */
async function discover(
  crowd: CrowdedChain,
  deployment: DexDeployment,
  way: "events" | "list",
): Promise<{ readonly pools: number; readonly ticks: number }> {
  const { blockNumber, blockHash, epoch, observedAtMs } = await crowd.head();
  const observed = { at: { blockNumber, blockHash, epoch, observedAtMs, sequence: 1 }, causeId: "bench" };
  const client = new Endpoints([crowd.url], crowd.chain.key, { purpose: "state" });
  const reader = readerAt(client, { multicall3: crowd.chain.multicall3, blockHash });
  try {
    const from = way === "list" ? blockNumber : deployment.deployBlock;
    const { answer: infos } = await readAt(
      client.for("discovery"),
      deployment,
      { from, overlap: 0, observed, newest: async () => null },
      (announced) => known(reader, deployment, way === "list" ? [...announced, null] : announced, { read: 0 }),
    );
    const rows = await familyOf(deployment.family).read(reader, deployment, infos);
    invariant(rows.length === infos.length, `${rows.length} of ${infos.length} pools were read`);
    return { pools: rows.length, ticks: rows.reduce((sum, row) => sum + (row[6]?.length ?? 0), 0) };
  } finally {
    await client.close();
  }
}

async function discoverBench(
  crowd: CrowdedChain,
  family: string,
  way: "events" | "list",
  { pools, rounds }: { readonly pools: number; readonly rounds: number },
): Promise<Measurement> {
  const deployment = crowd.chain.dexes.find(({ id }) => id === family) as DexDeployment;
  const { blockNumber } = await crowd.head();
  const takes = listsQuicker(deployment, blockNumber) ? "list" : "events";
  let found = { pools: 0, ticks: 0 };
  const facts = () => ({ ...found, "a fetcher takes here": takes });
  return timeWaiting(`${family}, found by ${way} and read`, { rounds, perRound: { count: pools, unit: "pools" }, facts }, async () => {
    found = await discover(crowd, deployment, way);
    invariant(found.pools === pools, `${found.pools} of ${pools} pools were found`);
  });
}

/** A process of its own, as a pod runs it. */
async function fetcherProcess(file: string, port: number, dex: string): Promise<ChildProcess> {
  const main = fileURLToPath(new URL("./main.ts", import.meta.url));
  const child = spawn(process.execPath, [main, "run", "fetcher", "--chain", "local", "--config", file, "--dex", dex], {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, HS_LOG_LEVEL: "warn" },
  });
  const deadline = performance.now() + START_MS;
  for (;;) {
    invariant(child.exitCode === null && performance.now() < deadline, "the fetcher does not get ready");
    const ready = await fetch(`http://${HOST}:${port}/readyz`).then(
      (answer) => answer.ok,
      () => false,
    );
    if (ready) return child;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function end(child: ChildProcess): Promise<void> {
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  await exited;
}

/** A fetcher's process from its start until it is ready: the first time, and when it comes back after some blocks. */
async function processBench(crowd: CrowdedChain, { pairs, rounds }: typeof FULL): Promise<Measurement[]> {
  const directory = mkdtempSync(join(tmpdir(), "hyperspeed-bench-"));
  const broker = await startLocalBroker({ directory: join(directory, "nats") });
  const bus = await Bus.connect({ servers: [broker.url], name: "bench" });
  let child: ChildProcess | undefined;
  try {
    await bus.ensureStreams([crowd.chain.key]);
    const tokens = { chain: crowd.chain.key };
    const tell = (block: BlockObserved) =>
      bus.publish("blockObserved", tokens, block, { messageId: `block:${block.blockHash}`, trace: null });
    const dex = "uniswap-v2";
    const port = await freePort();
    const definition = crowd.chain as unknown as NonNullable<SystemConfig["chains"][string]["definition"]>;
    const config: SystemConfig = {
      nats: { servers: [broker.url] },
      chains: { [crowd.chain.key]: { rpc: [crowd.url], definition } },
      http: { host: HOST, port },
    };
    const file = join(directory, "config.json");
    writeFileSync(file, JSON.stringify(config));

    await tell(await crowd.head());
    const start = async () => {
      child = await fetcherProcess(file, port, dex);
    };
    const snapshot = async () => (await bus.lastOf("poolSnapshotted", { ...tokens, dex }))?.body;
    const stop = async () => {
      if (child !== undefined) await end(child);
      child = undefined;
    };
    const perRound = { count: pairs, unit: "pools" };
    const first = await timeWaiting(`${dex}, a process's first start`, { rounds: 1, perRound, after: stop }, start);
    const saved = await snapshot();
    invariant(saved?.pools === pairs, `${saved?.pools} of ${pairs} pools are followed`);
    for (let missed = 0; missed < MISSED.blocks; missed++) await tell(await crowd.trade(MISSED.trades));
    const facts = () => ({ "bytes of the snapshot": saved.bytes, "blocks missed": MISSED.blocks });
    const again = await timeWaiting(`${dex}, a process's restart from its snapshot`, { rounds, perRound, facts, after: stop }, start);
    let running: RunningActor | undefined;
    const inProcess = await timeWaiting(
      `${dex}, the restart without loading the program`,
      { rounds, perRound, facts, after: async () => running?.drain() },
      () =>
        new Promise<void>((resolve, reject) => {
          const deployment = crowd.chain.dexes.find(({ id }) => id === dex) as DexDeployment;
          const spec = fetcherSpec({ chain: crowd.chain, deployment, rpc: [crowd.url], rules: ADMISSION, release: [] });
          running = runActor({ ...spec, onReady: resolve }, { bus, log: createLogger("bench", "warn"), version: VERSION });
          running.done.catch(reject);
        }),
    );
    const last = (await bus.lastOf("poolChanged", { ...tokens, dex }))?.body.blockNumber;
    invariant(last === (await crowd.head()).blockNumber, `the fetcher has answered block ${last} last`);
    return [first, held(again, { msMost: 3_000 }), held(inProcess, { msMost: 3_000 })];
  } finally {
    if (child !== undefined && child.exitCode === null) await end(child);
    await bus.close();
    await broker.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

export const bench: Bench = {
  title: "start",
  about:
    `${FULL.pairs.toLocaleString("en")} pairs of Uniswap V2 and ${FULL.pools.toLocaleString("en")} pools of Uniswap V3, 32 ticks each, of the real factories on a node of this machine: found and read the way ` +
    "a fetcher does, and a fetcher's process from its start until it is ready, first with every pool judged, then from its snapshot in a real broker.",
  async run({ quick }) {
    const size = quick ? TINY : FULL;
    const { pairs, pools, rounds } = size;
    const crowd = await startCrowdedChain(size);
    try {
      return [
        held(await discoverBench(crowd, "uniswap-v2", "events", { pools: pairs, rounds }), { msMost: 10_000 }),
        await discoverBench(crowd, "uniswap-v2", "list", { pools: pairs, rounds }),
        held(await discoverBench(crowd, "uniswap-v3", "events", { pools, rounds }), { msMost: 20_000 }),
        ...(await processBench(crowd, size)),
      ];
    } finally {
      await crowd.stop();
    }
  },
};
