import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Bus } from "#libs/actor/bus.ts";
import { collectBetweenBlocks } from "#libs/actor/collect.ts";
import { freePort, isPortFree } from "#libs/actor/free-port.ts";
import { type ProcessServer, serveProcess } from "#libs/actor/host.ts";
import { startLocalBroker, stopChild } from "#libs/actor/local-broker.ts";
import { type RunningActor, runActor } from "#libs/actor/run.ts";
import type { ChainConfig } from "#libs/chains/chain.ts";
import { chainOf } from "#libs/chains/index.ts";
import { parseSystemConfig, readActorSettings, type SystemConfig } from "#libs/chains/system-config.ts";
import { RpcClient } from "#libs/evm/rpc.ts";
import type { RivalRulesName } from "#libs/rivals/rules.ts";
import { createLogger } from "#libs/telemetry/log.ts";
import { collectProcessMetrics } from "#libs/telemetry/metrics.ts";
import { startTracing } from "#libs/telemetry/trace.ts";
import { InvariantError, UserError } from "#libs/units/invariant.ts";
import { createKeystore } from "#libs/wallet/keystore.ts";
import { warmUpCodec } from "#proto/codec.ts";
import { ACTORS, type ActorName } from "#proto/subjects.ts";
import { hostActors } from "#services/cli/hosting.ts";
import { lentStables } from "#services/cli/lent.ts";
import { LiveView } from "#services/cli/live-view.ts";
import { countOpen, holdings, makeReport, type Report, type ReportInput } from "#services/cli/report.ts";
import { VERSION } from "#services/cli/version.ts";
import { ensureDashboardBuilt } from "#services/dashboard/build.ts";
import { createDashboardServer } from "#services/dashboard/server.ts";

export interface UpOptions {
  readonly blocks: number | null;
  readonly seed: number;
  readonly blockTimeMs: number;
  /** Searchers that compete on the local chain; null: nobody does. */
  readonly rivals: RivalRulesName | null;
  /** A file with settings of the chain's actors; null: as they are by default. */
  readonly settings: string | null;
  readonly report: string | null;
  readonly processes: "one" | "each";
  /** A built-in chain with an endpoint, in paper mode; null for the local chain. */
  readonly remote: { readonly chain: string; readonly rpc: string; readonly mode: string } | null;
  readonly natsUrl: string | null;
  /** Null: the default, or a free one where that is taken. */
  readonly apiPort: number | null;
  readonly dashboardPort: number | null;
  readonly metricsPort: number;
  readonly keep: boolean;
  readonly json: boolean;
}

const DEFAULT_API_PORT = 3001;
const DEFAULT_DASHBOARD_PORT = 3000;
const HOST = "127.0.0.1";
const READY_MS = 120_000;
const DRAIN_MS = 30_000;
/** Gas for some ten thousand transactions. */
const WALLET_WEI = 100n * 10n ** 18n;
/** The local wallet guards play money: a low work factor opens it in milliseconds. */
const LOCAL_SCRYPT_N = 2 ** 10;

/** Ctrl-C, a supervisor, and a terminal that is closed. */
const STOP_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

type Cleanup = () => Promise<void>;

/** The actors of the run, in this process or each in its own. */
interface Actors {
  /** Every process id, this one's where all run in it. */
  readonly pids: readonly number[];
  states(): Promise<readonly (readonly [instance: string, ready: boolean])[]>;
  drain(names: readonly ActorName[]): Promise<void>;
  /** Rejects when one of them fails. */
  readonly failed: Promise<never>;
}

/** Starts everything, runs until N blocks have passed or it is told to stop, drains, reports. Resolves to the exit code. */
export async function up(options: UpOptions): Promise<number> {
  const directory = `.hyperspeed/run-${process.pid}`;
  const cleanups: Cleanup[] = [];
  const stopping = new AbortController();
  const onSignal = () => stopping.abort();
  for (const signal of STOP_SIGNALS) process.on(signal, onSignal);
  const view = new LiveView({ quiet: options.json });
  mkdirSync(directory, { recursive: true });
  cleanups.push(async () => {
    if (!options.keep) rmSync(directory, { recursive: true, force: true });
  });
  try {
    return await run(options, directory, cleanups, view, stopping.signal);
  } finally {
    view.stop();
    for (const cleanup of cleanups.reverse()) await cleanup();
    for (const signal of STOP_SIGNALS) process.off(signal, onSignal);
  }
}

async function portFor(chosen: number | null, fallback: number): Promise<number> {
  if (chosen !== null) return chosen;
  return (await isPortFree(fallback)) ? fallback : 0;
}

async function run(options: UpOptions, directory: string, cleanups: Cleanup[], view: LiveView, signal: AbortSignal): Promise<number> {
  const startedAtMs = Date.now();
  const settings = options.settings === null ? {} : readActorSettings(options.settings);
  view.step("dashboard", "building where its sources have changed");
  await ensureDashboardBuilt();
  view.step("broker", options.natsUrl ?? "starting nats-server");
  let natsUrl = options.natsUrl;
  if (natsUrl === null) {
    const broker = await startLocalBroker({ directory: `${directory}/nats` });
    cleanups.push(() => broker.stop());
    natsUrl = broker.url;
  }
  const market = options.remote === null ? await startMarket(options, directory, cleanups, view, signal) : remoteMarket(options.remote);
  const config = parseSystemConfig(
    {
      nats: { servers: [natsUrl] },
      chains: { [market.key]: { ...market.section, ...settings } },
      http: { host: HOST, port: options.metricsPort },
      gateway: { host: HOST, port: await portFor(options.apiPort, DEFAULT_API_PORT), corsOrigins: [] },
    },
    "of this run",
    process.env,
  );
  const chain = chainOf(market.key, config.chains[market.key] as SystemConfig["chains"][string]);
  const bus = await Bus.connect({ servers: [natsUrl], name: "hyperspeed up" });
  cleanups.push(() => bus.close());
  await bus.ensureStreams([chain.key]);
  const client = new RpcClient(market.rpcUrl, chain.key);
  cleanups.push(() => client.close());
  const earnings: ReportInput["earnings"] =
    market.wallet === null ? null : { wallet: market.wallet, before: await holdings(client, chain, market.wallet) };

  const page = await servePage(options, config, cleanups);
  view.step("actors", options.processes === "one" ? "starting in this process" : "starting, each in its own process");
  const actors = await (options.processes === "one" ? startInProcess : startProcesses)(config, chain, directory, bus, cleanups, page, view);
  await untilReady(actors, view, signal);
  view.ready({
    dashboard: page.dashboardUrl,
    api: page.apiUrl,
    seconds: (Date.now() - startedAtMs) / 1_000,
    chain: chain.name,
    mode: market.section.mode ?? "paper",
  });

  const measuredFrom = ((await bus.lastOf("blockObserved", { chain: chain.key }))?.body.blockNumber ?? 0) + 1;
  const reached = market.start === null ? new Promise<never>(() => {}) : market.start(options.blocks);
  const stopFollowing = view.follow(page.apiUrl, chain.key);
  await Promise.race([
    reached,
    actors.failed,
    new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true })),
  ]);

  view.step("draining", "no new work, everything under way is brought to its end");
  await settle(actors, bus, chain, market.drain);
  stopFollowing();
  const report = await makeReport({ bus, chain, client, seed: options.remote === null ? options.seed : null, measuredFrom, earnings });
  await actors.drain(ACTORS);
  view.report(report);
  if (options.json) process.stdout.write(`${JSON.stringify(report)}\n`);
  if (options.report !== null) writeFileSync(options.report, `${JSON.stringify(report, null, 2)}\n`);
  return verdict(report, view);
}

/** A run whose books do not agree with the chain has failed, whatever it earned. */
function verdict(report: Report, view: LiveView): number {
  const offChain = report.trades.filter(({ onChain }) => !onChain);
  if (offChain.length > 0) view.problem(`${offChain.length} settled trades are not on the chain as reported`);
  const differs = report.onChainProfitWei !== null && report.onChainProfitWei !== report.profitWei;
  if (differs) view.problem(`settled profit ${report.profitWei} wei differs from the chain's ${report.onChainProfitWei} wei`);
  return offChain.length > 0 || differs ? 1 : 0;
}

interface Market {
  readonly key: string;
  readonly section: SystemConfig["chains"][string];
  readonly rpcUrl: string;
  readonly wallet: Parameters<typeof holdings>[2] | null;
  /** Starts the blocks; settles after so many of them. Null on a chain that runs by itself. */
  readonly start: ((blocks: number | null) => Promise<void>) | null;
  /** Stops the trading, and makes one more block where an execution still waits for its own. */
  readonly drain: { stop(): Promise<void>; oneMore(): Promise<void> } | null;
}

function remoteMarket({ chain, rpc, mode }: NonNullable<UpOptions["remote"]>): Market {
  if (mode !== "paper")
    throw new UserError(
      `mode ${mode} needs a wallet and a contract`,
      "use --mode paper here, or put the chain into a configuration file and use `hyperspeed run`",
    );
  return { key: chain, section: { rpc: [rpc], mode: "paper" }, rpcUrl: rpc, wallet: null, start: null, drain: null };
}

async function startMarket(
  options: UpOptions,
  directory: string,
  cleanups: Cleanup[],
  view: LiveView,
  signal: AbortSignal,
): Promise<Market> {
  // The local chain's protocols are development dependencies, which an image that runs against public chains leaves out.
  const { LocalnetProcess } = await import("#libs/localnet/client.ts");
  const localnet = await LocalnetProcess.start({
    seed: options.seed,
    blockTimeMs: options.blockTimeMs,
    ...(options.rivals === null ? {} : { rivals: options.rivals }),
    signal,
    onProgress: ({ stage, done, total, note }) => view.step(stage, `${note} ${total > 0 ? `${done}/${total}` : ""}`),
  });
  cleanups.push(() => localnet.stop());
  const password = randomBytes(24).toString("hex");
  const keystore = await createKeystore(password, LOCAL_SCRYPT_N);
  const wallet = { keystoreFile: `${directory}/wallet.json`, passwordFile: `${directory}/wallet.password` };
  writeFileSync(wallet.keystoreFile, keystore.json, { mode: 0o600 });
  writeFileSync(wallet.passwordFile, password, { mode: 0o600 });
  await localnet.fund(keystore.address, WALLET_WEI);
  await localnet.addOperator(keystore.address);
  const { chain } = localnet;
  return {
    key: chain.key,
    section: {
      rpc: [localnet.wsUrl],
      mode: "live",
      wallet,
      // The recorded market is followed whole: it was chosen for its pools, small ones too.
      admission: { minTvlUsd: 0, minTvlNative: 0 },
      solver: { startTokens: await lentStables(localnet.rpcUrl, chain) },
      definition: chain as unknown as NonNullable<SystemConfig["chains"][string]["definition"]>,
    },
    rpcUrl: localnet.rpcUrl,
    wallet: keystore.address,
    async start(blocks) {
      let left = blocks ?? Number.POSITIVE_INFINITY;
      const done = new Promise<void>((resolve, reject) => {
        localnet.onFault(reject);
        localnet.onBlock(() => {
          if (--left === 0) localnet.stopTrading().then(resolve, reject);
        });
      });
      await localnet.startTrading();
      await done;
    },
    drain: {
      stop: () => localnet.stopTrading(),
      oneMore: async () => void (await localnet.mineBlock()),
    },
  };
}

interface Page {
  readonly apiUrl: string;
  readonly dashboardUrl: string;
  readonly apiPort: number;
}

/** The dashboard's server; the gateway's port is settled here too, because the page must know it. */
async function servePage(options: UpOptions, config: SystemConfig, cleanups: Cleanup[]): Promise<Page> {
  const apiPort = config.gateway?.port === 0 ? await freePort() : (config.gateway?.port as number);
  const apiUrl = `http://${HOST}:${apiPort}`;
  const server = createDashboardServer({ host: HOST, port: await portFor(options.dashboardPort, DEFAULT_DASHBOARD_PORT), apiUrl });
  const { url } = await server.listen();
  cleanups.push(() => server.close());
  return { apiUrl, dashboardUrl: url, apiPort };
}

function configFor(config: SystemConfig, page: Page): SystemConfig {
  return { ...config, gateway: { ...config.gateway, port: page.apiPort, corsOrigins: [new URL(page.dashboardUrl).origin] } };
}

async function startInProcess(
  config: SystemConfig,
  chain: ChainConfig,
  _directory: string,
  bus: Bus,
  cleanups: Cleanup[],
  page: Page,
  view: LiveView,
): Promise<Actors> {
  const log = createLogger("hyperspeed", process.env.HS_LOG_LEVEL ?? "warn");
  const flushTraces = await startTracing(VERSION);
  collectProcessMetrics(VERSION);
  warmUpCodec();
  const hosted = await hostActors({
    config: configFor(config, page),
    chains: [chain.key],
    actors: ACTORS,
    version: VERSION,
    onProgress: ({ dex, stage, done, total }) => view.progress("pools", `${dex}: ${stage}`, done, total),
  });
  await hosted.gateway?.listen();
  const running: RunningActor[] = hosted.specs.map((spec) => runActor(spec, { bus, log, version: VERSION }));
  const server: ProcessServer = await serveProcess({ host: HOST, port: config.http?.port ?? 0, bus, actors: running });
  const stopCollecting = collectBetweenBlocks(running);
  cleanups.push(async () => {
    stopCollecting();
    for (const actor of running) await actor.drain();
    await server.close();
    await flushTraces();
  });
  return {
    pids: [process.pid],
    states: async () => running.map((actor) => [actor.instance, actor.state() === "ready"] as const),
    async drain(names) {
      for (const actor of running) if (names.includes(actor.name)) await actor.drain();
    },
    failed: Promise.race(
      running.map(async (actor) => {
        await actor.done;
        return new Promise<never>(() => {});
      }),
    ),
  };
}

async function startProcesses(
  config: SystemConfig,
  chain: ChainConfig,
  directory: string,
  bus: Bus,
  cleanups: Cleanup[],
  page: Page,
): Promise<Actors> {
  const file = `${directory}/config.json`;
  // Each process takes a free port for its health and metrics: its own log line says which.
  writeFileSync(file, JSON.stringify({ ...configFor(config, page), http: { host: HOST, port: 0 } }), { mode: 0o600 });
  const main = fileURLToPath(new URL("./main.ts", import.meta.url));
  const wanted: readonly { readonly actor: ActorName; readonly dex?: string }[] = ACTORS.flatMap(
    (actor): { readonly actor: ActorName; readonly dex?: string }[] =>
      actor === "fetcher" ? chain.dexes.map(({ id }) => ({ actor, dex: id })) : [{ actor }],
  );
  const children: { readonly actor: ActorName; readonly child: ChildProcess }[] = wanted.map(({ actor, dex }) => {
    const args = [main, "run", actor, "--chain", chain.key, "--config", file, ...(dex === undefined ? [] : ["--dex", dex])];
    const child = spawn(process.execPath, args, {
      stdio: ["ignore", "ignore", "inherit"],
      // Ctrl-C goes to a whole process group; the actors are told by us, in order.
      detached: true,
      env: { ...process.env, HS_LOG_LEVEL: process.env.HS_LOG_LEVEL ?? "warn" },
    });
    return { actor, child };
  });
  let draining = false;
  cleanups.push(async () => {
    draining = true;
    await Promise.all(children.map(({ child }) => stopChild(child)));
  });
  return {
    pids: children.map(({ child }) => child.pid as number),
    async states() {
      const heartbeats = new Map<number, boolean>();
      for await (const message of bus.read("CONTROL", null))
        if (message?.body.kind === "actor-heartbeat") heartbeats.set(message.body.pid, message.body.state === "ready");
      return children.map(({ actor, child }) => [`${actor} (${child.pid})`, heartbeats.get(child.pid as number) === true] as const);
    },
    async drain(names) {
      draining = true;
      for (const name of names) await Promise.all(children.filter(({ actor }) => actor === name).map(({ child }) => stopChild(child)));
    },
    failed: new Promise<never>((_, reject) => {
      for (const { actor, child } of children) {
        child.once("exit", (code, killed) => {
          if (!draining) reject(new InvariantError(`the ${actor} process ended by itself (${killed ?? `exit code ${code}`})`));
        });
      }
    }),
  };
}

async function untilReady(actors: Actors, view: LiveView, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + READY_MS;
  const waiting = async () => {
    for (;;) {
      const states = await actors.states();
      const missing = states.filter(([, ready]) => !ready).map(([instance]) => instance);
      view.step("actors", `${states.length - missing.length}/${states.length} ready`);
      if (missing.length === 0) return;
      if (signal.aborted) throw new UserError("stopped while starting", "start it again");
      if (Date.now() > deadline)
        throw new UserError(`not ready after ${READY_MS / 1_000} s: ${missing.join(", ")}`, "look at their log with HS_LOG_LEVEL=info");
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  await Promise.race([waiting(), actors.failed]);
}

/** Nothing new is taken on, and what is open comes to its end: the last executions wait for a block that trading no longer brings. */
async function settle(actors: Actors, bus: Bus, chain: ChainConfig, drain: Market["drain"]): Promise<void> {
  await drain?.stop();
  const deadline = Date.now() + DRAIN_MS;
  const until = async (what: string, condition: () => Promise<boolean>) => {
    while (!(await condition())) {
      if (Date.now() > deadline) throw new InvariantError(`draining took longer than ${DRAIN_MS / 1_000} s: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  // The last block has come through when its opportunities are ranked.
  await until("the last block is not ranked", async () => {
    const [observed, scored] = [
      await bus.lastOf("blockObserved", { chain: chain.key }),
      await bus.lastOf("opportunityScored", { chain: chain.key }),
    ];
    return observed === null || (scored !== null && scored.body.blockHash === observed.body.blockHash);
  });
  await actors.drain(["scorer"]);
  if (drain === null) return;
  // An execution is planned within some 10 ms of the ranking; one that waits for its block gets one.
  await new Promise((resolve) => setTimeout(resolve, 300));
  await until("executions are still open", async () => {
    if ((await countOpen(bus, chain.key)) === 0) return true;
    await drain.oneMore();
    await new Promise((resolve) => setTimeout(resolve, 300));
    return (await countOpen(bus, chain.key)) === 0;
  });
}
