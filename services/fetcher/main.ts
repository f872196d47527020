import type { Bus } from "#libs/actor/bus.ts";
import type { ActorSpec } from "#libs/actor/run.ts";
import { loadSnapshot, saveSnapshot } from "#libs/actor/snapshots.ts";
import { Endpoints } from "#libs/evm/endpoints.ts";
import type { Logger } from "#libs/telemetry/log.ts";
import { metrics } from "#libs/telemetry/metrics.ts";
import { InvariantError } from "#libs/units/invariant.ts";
import {
  type Config,
  envelope,
  fetcher,
  type Position,
  poolRow,
  type Reply,
  type Request,
  restore,
  type State,
  snapshotOf,
} from "#services/fetcher/actor.ts";
import { discover, readStates } from "#services/fetcher/chain-port.ts";
import { type FetcherSettings, fetcherConfig } from "#services/fetcher/config.ts";

const BLOCK_POLL_MS = 50;
/** Pools in one discovery message. */
const DISCOVERED_BATCH = 500;

export function fetcherSpec(settings: FetcherSettings): ActorSpec<State, Config, "blockObserved" | "blockReorged", Request, Reply> {
  const config = fetcherConfig(settings);
  const { deployment } = config;
  const tokens = { chain: config.chain, dex: deployment.id };
  const client = new Endpoints(settings.rpc, config.chain);
  let bus: Bus | null = null;

  /** First start: the pools from the factory's events, their states at the newest block that the stream has. */
  async function coldStart(log: Logger, signal: AbortSignal, broker: Bus): Promise<State> {
    let observed = await broker.lastOf("blockObserved", { chain: config.chain });
    while (observed === null) {
      if (signal.aborted) throw new InvariantError("stopped before the first block");
      await new Promise((resolve) => setTimeout(resolve, BLOCK_POLL_MS));
      observed = await broker.lastOf("blockObserved", { chain: config.chain });
    }
    const { body, meta } = observed;
    const position: Position = {
      blockNumber: body.blockNumber,
      blockHash: body.blockHash,
      epoch: body.epoch,
      observedAtMs: body.observedAtMs,
      sequence: meta.sequence,
    };
    let saidAtMs = Date.now();
    const pools = await discover(client, deployment, { from: deployment.deployBlock, to: body.blockNumber }, config.admits, (scannedTo) => {
      if (Date.now() - saidAtMs < 5_000) return;
      saidAtMs = Date.now();
      log.info({ scannedTo, of: body.blockNumber }, "discovering pools");
    });
    const rows = await readStates(client, deployment, pools, { multicall3: settings.chain.multicall3, blockHash: body.blockHash });
    const readable = new Set(rows.map((row) => row[0]));
    const state = restore(
      {
        v: 1,
        dex: deployment.id,
        chainId: config.chainId,
        blockNumber: position.blockNumber,
        blockHash: position.blockHash,
        epoch: position.epoch,
        causeSequence: position.sequence,
        pools: pools.filter(({ pool }) => readable.has(pool)).map(poolRow),
        states: { family: deployment.family, rows } as Parameters<typeof restore>[0]["states"],
        journal: [],
      },
      meta.sequence,
      position.observedAtMs,
    );
    for (let start = 0; start < pools.length; start += DISCOVERED_BATCH) {
      const batch = pools.slice(start, start + DISCOVERED_BATCH).map(poolRow);
      await broker.publish(
        "poolDiscovered",
        tokens,
        { kind: "pool-discovered", ...envelope(config, position, meta.id), dex: deployment.id, family: deployment.family, rows: batch },
        { messageId: `discovered:${config.chain}:${deployment.id}:${position.blockHash}:${position.epoch}:cold:${start}`, trace: null },
      );
    }
    const object = await saveSnapshot(broker, config.chain, snapshotOf(state, config));
    await broker.publish(
      "poolSnapshotted",
      tokens,
      {
        kind: "pool-snapshotted",
        ...envelope(config, position, meta.id),
        dex: deployment.id,
        object: object.name,
        pools: state.pools.size,
        bytes: object.bytes,
        causeSequence: position.sequence,
      },
      { messageId: `snapshot:${config.chain}:${deployment.id}:${position.sequence}`, trace: null },
    );
    return state;
  }

  async function warmStart(broker: Bus, log: Logger): Promise<State | null> {
    const last = await broker.lastOf("poolSnapshotted", tokens);
    if (last === null) return null;
    const snapshot = await loadSnapshot(broker, config.chain, last.body.object);
    if (snapshot === null) {
      log.warn({ object: last.body.object }, "snapshot is gone, starting from the chain");
      return null;
    }
    const answered = (await broker.lastOf("poolChanged", tokens))?.body.causeSequence ?? 0;
    return restore(snapshot, Math.max(answered, snapshot.causeSequence), last.body.observedAtMs);
  }

  return {
    actor: fetcher,
    config,
    chain: config.chain,
    instance: `fetcher-${config.chain}-${deployment.id}`,
    lease: `fetcher.${config.chain}.${deployment.id}`,
    async boot(context) {
      bus = context.bus;
      await client.check(settings.chain, (cause) => context.log.warn({ cause: cause.message }, "endpoint does not answer"));
      const state = (await warmStart(context.bus, context.log)) ?? (await coldStart(context.log, context.signal, context.bus));
      metrics.pools.set({ chain: config.chain, dex: deployment.id }, state.pools.size);
      return {
        state,
        inputs: [
          {
            mode: "follow",
            stream: "MARKET",
            chain: config.chain,
            keys: ["blockObserved", "blockReorged"],
            tokens: { chain: config.chain },
            startSequence: state.position.sequence + 1,
          },
        ],
      };
    },
    async call(request): Promise<Reply> {
      if (request.call === "save-snapshot") {
        const saved = await saveSnapshot(bus as Bus, config.chain, request.snapshot);
        return { kind: "snapshot-saved", object: saved.name, bytes: saved.bytes, pools: request.snapshot.pools.length, at: request.at };
      }
      const { at } = request;
      const known = new Set(request.pools.map(({ pool }) => pool));
      const found = await discover(
        client,
        deployment,
        { from: Math.max(deployment.deployBlock, request.since - config.journalBlocks), to: at.blockNumber },
        config.admits,
      );
      const pools = [...request.pools, ...found.filter(({ pool }) => !known.has(pool))];
      const rows = await readStates(client, deployment, pools, { multicall3: settings.chain.multicall3, blockHash: at.blockHash });
      return { kind: "reread", pools, rows, at, causeId: request.causeId };
    },
    close: () => client.close(),
  };
}
