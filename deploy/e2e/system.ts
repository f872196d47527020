import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Bus } from "#libs/actor/bus.ts";
import { freePort } from "#libs/actor/free-port.ts";
import { type LocalBroker, startLocalBroker, stopChild } from "#libs/actor/local-broker.ts";
import { loadSnapshot } from "#libs/actor/snapshots.ts";
import type { ChainConfig } from "#libs/chains/chain.ts";
import type { ActorSettings } from "#libs/chains/system-config.ts";
import { familyOf } from "#libs/dex/registry.ts";
import { readerAt } from "#libs/evm/chain-reader.ts";
import { RpcClient } from "#libs/evm/rpc.ts";
import { LocalnetProcess } from "#libs/localnet/client.ts";
import type { RivalRulesName } from "#libs/rivals/rules.ts";
import type { Address } from "#libs/units/brand.ts";
import { createKeystore } from "#libs/wallet/keystore.ts";
import type { AnyBody, BodyOf, StreamKey } from "#proto/subjects.ts";
import { lentStables } from "#services/cli/lent.ts";
import { infoOf } from "#services/fetcher/actor.ts";

const MAIN = fileURLToPath(new URL("../../services/cli/main.ts", import.meta.url));

export interface Actor {
  readonly name: string;
  child: ChildProcess;
}

/** The recorded market is followed whole, as under `up`. */
const WHOLE = { minTvlUsd: 0, minTvlNative: 0 };

/** A whole system as a deployment has it: real broker, real chain, each actor in its own process. */
export class System {
  readonly localnet: LocalnetProcess;
  readonly broker: LocalBroker;
  readonly bus: Bus;
  readonly client: RpcClient;
  readonly wallet: Address;
  /** What the configuration says of the solver. */
  readonly solver: { readonly startTokens: Awaited<ReturnType<typeof lentStables>> };
  readonly gatewayUrl: string;
  readonly actors = new Map<string, Actor>();
  readonly #directory: string;
  readonly #configFile: string;
  #stopping = false;
  /** Actors that ended although nobody killed them. */
  readonly died: string[] = [];

  private constructor(parts: {
    localnet: LocalnetProcess;
    broker: LocalBroker;
    bus: Bus;
    wallet: Address;
    solver: System["solver"];
    gatewayUrl: string;
    directory: string;
    configFile: string;
  }) {
    this.localnet = parts.localnet;
    this.broker = parts.broker;
    this.bus = parts.bus;
    this.wallet = parts.wallet;
    this.solver = parts.solver;
    this.gatewayUrl = parts.gatewayUrl;
    this.#directory = parts.directory;
    this.#configFile = parts.configFile;
    this.client = new RpcClient(parts.localnet.rpcUrl, "local");
  }

  get chain(): ChainConfig {
    return this.localnet.chain;
  }

  static async start(options: {
    readonly seed: number;
    readonly blockTimeMs: number;
    readonly mode?: "paper" | "live";
    readonly rivals?: RivalRulesName;
    /** In live mode. */
    readonly settings?: ActorSettings;
  }): Promise<System> {
    const directory = mkdtempSync(join(tmpdir(), "hs-e2e-"));
    const [broker, localnet] = await Promise.all([
      startLocalBroker({ directory: join(directory, "nats") }),
      LocalnetProcess.start({
        seed: options.seed,
        blockTimeMs: options.blockTimeMs,
        ...(options.rivals === undefined ? {} : { rivals: options.rivals }),
      }),
    ]);
    const password = "only play money is behind this";
    const keystore = await createKeystore(password, 2 ** 10);
    const wallet = { keystoreFile: join(directory, "wallet.json"), passwordFile: join(directory, "wallet.password") };
    writeFileSync(wallet.keystoreFile, keystore.json);
    writeFileSync(wallet.passwordFile, password);
    await localnet.fund(keystore.address, 100n * 10n ** 18n);
    await localnet.addOperator(keystore.address);
    const gatewayPort = await freePort();
    const configFile = join(directory, "config.json");
    const { executorContract, ...publicChain } = localnet.chain;
    const solver = { startTokens: await lentStables(localnet.rpcUrl, localnet.chain) };
    // In paper mode the chain is as a public one is: our contract is not there, and no wallet is needed.
    const section =
      options.mode === "paper"
        ? { rpc: [localnet.wsUrl], mode: "paper", admission: WHOLE, solver, definition: publicChain }
        : {
            rpc: [localnet.wsUrl],
            mode: "live",
            scorer: { ranking: "model" },
            solver,
            ...options.settings,
            wallet,
            admission: WHOLE,
            definition: { ...publicChain, executorContract },
          };
    writeFileSync(
      configFile,
      JSON.stringify({ nats: { servers: [broker.url] }, chains: { local: section }, gateway: { port: gatewayPort } }),
    );
    const bus = await Bus.connect({ servers: [broker.url], name: "e2e" });
    await bus.ensureStreams(["local"]);
    return new System({
      localnet,
      broker,
      bus,
      wallet: keystore.address,
      solver,
      gatewayUrl: `http://127.0.0.1:${gatewayPort}`,
      directory,
      configFile,
    });
  }

  /** Starts an actor's process: `fetcher:uniswap-v2` is the fetcher of that DEX. */
  spawn(name: string): void {
    const [actor, dex] = name.split(":") as [string, string | undefined];
    const args = [MAIN, "run", actor, "--chain", "local", "--config", this.#configFile, ...(dex === undefined ? [] : ["--dex", dex])];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"], env: { ...process.env, HS_LOG_LEVEL: "error" } });
    const entry = { name, child };
    this.actors.set(name, entry);
    child.once("exit", (code) => {
      if (!this.#stopping && this.actors.get(name)?.child === child) this.died.push(`${name} (exit ${code})`);
    });
  }

  spawnAll(): string[] {
    const names = [
      "watcher",
      ...this.chain.dexes.map(({ id }) => `fetcher:${id}`),
      "analyst",
      "solver",
      "scorer",
      "executor",
      "trainer",
      "gateway",
    ];
    for (const name of names) this.spawn(name);
    return names;
  }

  /** SIGKILL: no draining, no goodbye. */
  async kill(name: string): Promise<void> {
    const entry = this.actors.get(name) as Actor;
    this.actors.delete(name);
    const ended = new Promise((resolve) => entry.child.once("exit", resolve));
    entry.child.kill("SIGKILL");
    await ended;
  }

  async stopActor(name: string): Promise<void> {
    const entry = this.actors.get(name) as Actor;
    this.actors.delete(name);
    await stopChild(entry.child);
  }

  /** Waits until the processes say in their heartbeats that they are ready. */
  async untilReady(names: Iterable<string> = this.actors.keys()): Promise<void> {
    const wanted = [...names];
    await this.until(`ready: ${wanted.join(", ")}`, async () => {
      const ready = new Set<number>();
      for (const { body } of await this.read("CONTROL")) if (body.kind === "actor-heartbeat" && body.state === "ready") ready.add(body.pid);
      return wanted.every((name) => ready.has(this.actors.get(name)?.child.pid as number));
    });
  }

  async until(what: string, condition: () => Promise<boolean>, timeoutMs = 60_000): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!(await condition())) {
      if (Date.now() > deadline) throw new Error(`never came: ${what}${this.died.length > 0 ? `; died: ${this.died.join(", ")}` : ""}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  async read(stream: StreamKey): Promise<{ body: AnyBody; sequence: number; id: string }[]> {
    const found: { body: AnyBody; sequence: number; id: string }[] = [];
    for await (const message of this.bus.read(stream, stream === "CONTROL" || stream === "DEAD_LETTERS" ? null : "local")) {
      if (message === null) throw new Error(`undecodable message in ${stream}`);
      found.push({ body: message.body, sequence: message.meta.sequence, id: message.meta.id });
    }
    return found;
  }

  async bodies<Kind extends AnyBody["kind"]>(stream: StreamKey, kind: Kind): Promise<Extract<AnyBody, { kind: Kind }>[]> {
    return (await this.read(stream)).flatMap(({ body }) => (body.kind === kind ? [body as Extract<AnyBody, { kind: Kind }>] : []));
  }

  /** Waits for so many more blocks. */
  async blocks(count: number): Promise<void> {
    let left = count;
    await new Promise<void>((resolve) => {
      const end = this.localnet.onBlock(() => {
        if (--left > 0) return;
        end();
        resolve();
      });
    });
  }

  /** Trading stops, and everything under way comes to its end. */
  async settle(): Promise<void> {
    await this.localnet.stopTrading();
    await this.untilRanked();
    await this.stopActor("scorer");
    await new Promise((resolve) => setTimeout(resolve, 500));
    for (let blocks = 0; blocks < 10 && (await this.openExecutions()).size > 0; blocks++) {
      await this.localnet.mineBlock();
      await new Promise((resolve) => setTimeout(resolve, 700));
    }
    await this.untilReported();
  }

  /** The head's opportunities are ranked. */
  async untilRanked(): Promise<void> {
    await this.until("the head is ranked", async () => {
      const head = await this.client.send<{ hash: string }>("eth_getBlockByNumber", ["latest", false]);
      return (await this.bus.lastOf("opportunityScored", { chain: "local" }))?.body.blockHash === head.hash;
    });
  }

  /** Every DEX has reported the head. */
  async untilReported(): Promise<void> {
    await this.until("every DEX has reported the head", async () => {
      const head = await this.client.send<{ hash: string }>("eth_getBlockByNumber", ["latest", false]);
      const last = await Promise.all(this.chain.dexes.map(({ id }) => this.bus.lastOf("poolChanged", { chain: "local", dex: id })));
      return last.every((message) => message?.body.blockHash === head.hash);
    });
  }

  async openExecutions(): Promise<Set<string>> {
    const open = new Set<string>();
    for (const { body } of await this.read("MONEY")) {
      if (body.kind === "execution-planned" || body.kind === "execution-reorged") open.add(body.executionId);
      if (body.kind === "execution-failed" || body.kind === "execution-expired" || body.kind === "execution-landed")
        open.delete(body.executionId);
    }
    return open;
  }

  /**
   * The state of every pool as the streams tell it (newest snapshot, then every change since) beside what the chain says at its head. Returns how many pools
   * were compared and which differ.
   */
  async compareStates(): Promise<{ compared: number; different: string[] }> {
    const head = await this.client.send<{ hash: string; timestamp: string }>("eth_getBlockByNumber", ["latest", false]);
    const different: string[] = [];
    let compared = 0;
    for (const deployment of this.chain.dexes) {
      const family = familyOf(deployment.family);
      const announced = (await this.bus.lastOf("poolSnapshotted", { chain: "local", dex: deployment.id })) as {
        body: BodyOf<"poolSnapshotted">;
      };
      const snapshot = await loadSnapshot(this.bus, "local", announced.body.object);
      if (snapshot === null) throw new Error(`no snapshot ${announced.body.object}`);
      const pools = new Map(snapshot.pools.rows.map((row) => [row[0], { info: infoOf(row), state: family.created() }]));
      for (const row of snapshot.states.rows) family.applyRow(pools.get(row[0])?.state as object, row);
      for (const { body, sequence } of await this.read("MARKET")) {
        if (!("dex" in body) || body.dex !== deployment.id || sequence <= snapshot.causeSequence) continue;
        if (body.kind === "pool-discovered") {
          for (const row of body.pools.rows) if (!pools.has(row[0])) pools.set(row[0], { info: infoOf(row), state: family.created() });
        }
        if (body.kind !== "pool-changed" || body.causeSequence <= snapshot.causeSequence) continue;
        for (const row of body.states.rows) family.applyRow(pools.get(row[0])?.state as object, row);
        for (const address of body.removed) pools.delete(address);
      }
      const infos = [...pools.values()].map(({ info }) => info);
      const reader = readerAt(this.client, { multicall3: this.chain.multicall3, blockHash: head.hash });
      const truth = new Map<string, object>();
      for (const row of await family.read(reader, deployment, infos)) {
        const state = family.created();
        family.applyRow(state, row);
        truth.set(row[0], state);
      }
      // What moves without an event is held as it will be at the next block's time.
      const moving = infos.filter((info) => family.refresh?.needed(info, truth.get(info.pool) ?? family.created()));
      const next = Number(head.timestamp) + Math.max(1, Math.round(this.chain.blockTimeMs / 1_000));
      for (const row of (moving.length > 0 && (await family.refresh?.read(reader, deployment, moving, next))) || [])
        family.applyRow(truth.get(row[0]) ?? {}, row);
      for (const { info, state } of pools.values()) {
        compared++;
        const held = JSON.stringify(family.toRow(info, state));
        const read = truth.get(info.pool);
        const chain = read === undefined ? "nothing" : JSON.stringify(family.toRow(info, read));
        if (held !== chain) different.push(`${deployment.id} ${info.pool}: ${held} is ${chain} on the chain`);
      }
    }
    return { compared, different };
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all([...this.actors.values()].map(({ child }) => stopChild(child)));
    await this.client.close();
    await this.bus.close();
    await this.localnet.stop();
    await this.broker.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** How often each key occurs where it does not occur exactly once. */
export function notOnce(keys: readonly string[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return Object.fromEntries([...counts].filter(([, count]) => count !== 1));
}
