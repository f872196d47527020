import type { Bus } from "#libs/actor/bus.ts";
import type { ActorSpec } from "#libs/actor/run.ts";
import { loadSnapshot, saveSnapshot } from "#libs/actor/snapshots.ts";
import type { PoolInfo } from "#libs/dex/family.ts";
import { familyOf } from "#libs/dex/registry.ts";
import { readerAt } from "#libs/evm/chain-reader.ts";
import { Endpoints } from "#libs/evm/endpoints.ts";
import type { Logger } from "#libs/telemetry/log.ts";
import { metrics } from "#libs/telemetry/metrics.ts";
import { InvariantError } from "#libs/units/invariant.ts";
import {
  type Config,
  envelope,
  fetcher,
  foundOf,
  type Reply,
  type Request,
  restore,
  type State,
  snapshotOf,
} from "#services/fetcher/actor.ts";
import { admit, type Observed, readAt } from "#services/fetcher/chain-port.ts";
import { type FetcherSettings, fetcherConfig } from "#services/fetcher/config.ts";

const BLOCK_POLL_MS = 50;
/** Pools in one discovery message. */
const DISCOVERED_BATCH = 500;

export function fetcherSpec(settings: FetcherSettings): ActorSpec<State, Config, "blockObserved" | "blockReorged", Request, Reply> {
  const config = fetcherConfig(settings);
  const { deployment } = config;
  const tokens = { chain: config.chain, dex: deployment.id };
  const client = new Endpoints(settings.rpc, config.chain, { purpose: "state" });
  let bus: Bus | null = null;

  async function newest(broker: Bus): Promise<Observed | null> {
    const observed = await broker.lastOf("blockObserved", { chain: config.chain });
    if (observed === null) return null;
    const { blockNumber, blockHash, epoch, observedAtMs } = observed.body;
    return { at: { blockNumber, blockHash, epoch, observedAtMs, sequence: observed.meta.sequence }, causeId: observed.meta.id };
  }
  // Tokens outside the chain's list may tax, rebase or pause: without a check of their behaviour they are kept out.
  const listed = new Set<string>(settings.chain.tokens.map(({ address }) => address));
  const admits = ({ tokens: traded }: PoolInfo) => traded.every((token) => listed.has(token));
  const reading = (broker: Bus) => ({
    overlap: config.journalBlocks,
    newest: () => newest(broker),
    multicall3: settings.chain.multicall3,
    admits,
  });

  /** First start: the pools from the factory's events, their states at the newest block that the stream has. */
  async function coldStart(log: Logger, signal: AbortSignal, broker: Bus): Promise<State> {
    let first = await newest(broker);
    while (first === null) {
      if (signal.aborted) throw new InvariantError("stopped before the first block");
      await new Promise((resolve) => setTimeout(resolve, BLOCK_POLL_MS));
      first = await newest(broker);
    }
    let saidAtMs = Date.now();
    const goal = first.at.blockNumber;
    const { pools, rows, observed } = await readAt(client.for("discovery"), deployment, {
      ...reading(broker),
      pools: [],
      from: deployment.deployBlock,
      observed: first,
      onProgress: (scannedTo) => {
        if (Date.now() - saidAtMs < 5_000) return;
        saidAtMs = Date.now();
        log.info({ scannedTo, of: goal }, "discovering pools");
      },
    });
    const { at: position, causeId } = observed;
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
        pools: foundOf(
          deployment.family,
          pools.filter(({ pool }) => readable.has(pool)),
        ),
        states: { family: deployment.family, rows } as Parameters<typeof restore>[0]["states"],
        arrivals: [],
        candidates: [],
        journal: [],
      },
      position.sequence,
      position.observedAtMs,
    );
    for (let start = 0; start < pools.length; start += DISCOVERED_BATCH) {
      const batch = foundOf(deployment.family, pools.slice(start, start + DISCOVERED_BATCH));
      await broker.publish(
        "poolDiscovered",
        tokens,
        { kind: "pool-discovered", ...envelope(config, position, causeId), dex: deployment.id, pools: batch },
        { messageId: `discovered:${config.chain}:${deployment.id}:${position.blockHash}:${position.epoch}:cold:${start}`, trace: null },
      );
    }
    const object = await saveSnapshot(broker, config.chain, snapshotOf(state, config));
    await broker.publish(
      "poolSnapshotted",
      tokens,
      {
        kind: "pool-snapshotted",
        ...envelope(config, position, causeId),
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
        return {
          kind: "snapshot-saved",
          object: saved.name,
          bytes: saved.bytes,
          pools: request.snapshot.pools.rows.length,
          at: request.at,
        };
      }
      const { multicall3 } = settings.chain;
      if (request.call === "admit") {
        const { announced, at } = request;
        const { blockHash } = at;
        return {
          kind: "admitted",
          announced,
          blockHash,
          ...(await admit(client, deployment, announced, { multicall3, blockHash, admits })),
        };
      }
      if (request.call === "refresh") {
        const { pools, timestamp, at } = request;
        const reader = readerAt(client, { multicall3, blockHash: at.blockHash });
        return { kind: "refreshed", rows: (await familyOf(deployment.family).refresh?.read(reader, deployment, pools, timestamp)) ?? [] };
      }
      const { pools, rows, observed } = await readAt(client.for("refresh"), deployment, {
        ...reading(bus as Bus),
        pools: request.pools,
        from: Math.max(deployment.deployBlock, request.since - config.journalBlocks),
        observed: { at: request.at, causeId: request.causeId },
      });
      return { kind: "reread", pools, rows, ...observed };
    },
    close: () => client.close(),
  };
}
