import { setTimeout as sleep } from "node:timers/promises";
import type { Bus } from "#libs/actor/bus.ts";
import type { ActorSpec } from "#libs/actor/run.ts";
import { loadSnapshot, saveSnapshot } from "#libs/actor/snapshots.ts";
import type { PoolInfo } from "#libs/dex/family.ts";
import { familyOf } from "#libs/dex/registry.ts";
import { readerAt } from "#libs/evm/chain-reader.ts";
import { Endpoints } from "#libs/evm/endpoints.ts";
import type { Logger } from "#libs/telemetry/log.ts";
import { metrics } from "#libs/telemetry/metrics.ts";
import { InvariantError, RetryableError } from "#libs/units/invariant.ts";
import {
  addressIn,
  type Config,
  envelope,
  fetcher,
  foundOf,
  judgements,
  PASSING,
  type Position,
  type Refusal,
  type Reply,
  type Request,
  restore,
  type State,
  snapshotOf,
  statesOf,
} from "#services/fetcher/actor.ts";
import { Admission } from "#services/fetcher/admission.ts";
import {
  atHead,
  known,
  type Listing,
  listsQuicker,
  type Observed,
  readAt,
  readable,
  unlessUnreadable,
} from "#services/fetcher/chain-port.ts";
import { type FetcherSettings, fetcherConfig, type StartProgress } from "#services/fetcher/config.ts";

const BLOCK_POLL_MS = 50;
/** Pools in one discovery message. */
const DISCOVERED_BATCH = 500;
/** Pools judged at one block: some seconds of a public endpoint. */
const JUDGED_TOGETHER = 200;
const SAY_EVERY_MS = 5_000;
/** A block that was observed so long ago is hardly the newest: worth finding out before the chain is asked about it. */
const PASSED_MS = 10_000;

/** What judges pools that are followed waits until the block's decisions are out, as snapshots do. */
const UNHURRIED_MS = 300;
const unhurried = (signal: AbortSignal) => sleep(UNHURRIED_MS, undefined, { signal });

const chunksOf = <Item>(items: readonly Item[], size: number): Item[][] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, index) => items.slice(index * size, (index + 1) * size));

function countedBy(refused: readonly Refusal[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { code } of refused) counts[code] = (counts[code] ?? 0) + 1;
  return counts;
}

/** To the log now and then, and to who asked at once. */
function teller(log: Logger, dex: string, tell: (progress: StartProgress) => void = () => {}) {
  let saidAtMs = Date.now();
  return (stage: StartProgress["stage"], done: number, total: number) => {
    tell({ dex, stage, done, total });
    if (Date.now() - saidAtMs < SAY_EVERY_MS) return;
    saidAtMs = Date.now();
    log.info({ done, total }, `${stage} pools`);
  };
}

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
  const admission = new Admission(client.for("verification"), settings.chain, deployment, settings.rules);
  const family = familyOf(deployment.family);
  const listing: Listing = { read: 0 };
  const readerOf = ({ blockHash }: Position) => readerAt(client, { multicall3: settings.chain.multicall3, blockHash });
  const reading = (broker: Bus) => ({ overlap: config.journalBlocks, newest: () => newest(broker) });

  async function head(broker: Bus): Promise<Observed> {
    const observed = await newest(broker);
    if (observed === null) throw new InvariantError("the stream has lost its blocks");
    return observed;
  }

  /** First start: what the factory announced or lists, those of it that are fit to trade, and their states at the newest block that the stream has. */
  async function coldStart(log: Logger, signal: AbortSignal, broker: Bus): Promise<State> {
    while ((await newest(broker)) === null) {
      if (signal.aborted) throw new InvariantError("stopped before the first block");
      await new Promise((resolve) => setTimeout(resolve, BLOCK_POLL_MS));
    }
    const say = teller(log, deployment.id, settings.onProgress);
    const first = await head(broker);
    const found = await readAt(
      client.for("discovery"),
      deployment,
      {
        ...reading(broker),
        from: listsQuicker(deployment, first.at.blockNumber) ? first.at.blockNumber : deployment.deployBlock,
        observed: first,
        onProgress: (scannedTo) => say("discovering", scannedTo - deployment.deployBlock, first.at.blockNumber - deployment.deployBlock),
      },
      (announced, at) =>
        known(readerOf(at), deployment, listsQuicker(deployment, at.blockNumber) ? [...announced, null] : announced, listing),
    );
    // In pieces, each at a block of its own: all of them may take longer than a node keeps a state.
    const chunks = chunksOf(found.answer, JUDGED_TOGETHER);
    for (const chunk of chunks)
      await atHead(
        deployment,
        () => head(broker),
        (at) => admission.learn(chunk, at),
      );
    const admitted: PoolInfo[] = [];
    const refused: Refusal[] = [];
    for (const [index, chunk] of chunks.entries()) {
      const judgement = await atHead(
        deployment,
        () => head(broker),
        (at) => admission.judge(chunk, at),
      );
      admitted.push(...judgement.admitted);
      refused.push(...judgement.refused);
      say("judging", Math.min((index + 1) * JUDGED_TOGETHER, found.answer.length), found.answer.length);
    }
    const last = await readAt(
      client,
      deployment,
      { ...reading(broker), from: found.observed.at.blockNumber + 1, observed: await head(broker) },
      (_, at) => family.read(readerOf(at), deployment, admitted),
    );
    const { at: position, causeId } = last.observed;
    const alive = new Set(last.answer.map((row) => row[0]));
    const pools = admitted.filter(({ pool }) => alive.has(pool));
    const state = restore(
      {
        v: 1,
        dex: deployment.id,
        chainId: config.chainId,
        blockNumber: position.blockNumber,
        blockHash: position.blockHash,
        epoch: position.epoch,
        causeSequence: position.sequence,
        pools: foundOf(deployment.family, pools),
        states: statesOf(deployment.family, last.answer),
        arrivals: [],
        candidates: last.announced.map(addressIn),
        small: refused.filter(({ code }) => PASSING.has(code)).map(({ pool }) => pool),
        quarantined: [],
        journal: [],
      },
      position.sequence,
      position.observedAtMs,
      config,
    );
    for (const [index, chunk] of chunksOf(pools, DISCOVERED_BATCH).entries())
      await broker.publish(
        "poolDiscovered",
        tokens,
        { kind: "pool-discovered", ...envelope(config, position, causeId), dex: deployment.id, pools: foundOf(deployment.family, chunk) },
        { messageId: `discovered:${config.chain}:${deployment.id}:${position.blockHash}:${position.epoch}:cold:${index}`, trace: null },
      );
    const lasting = refused.filter(({ code }) => !PASSING.has(code));
    if (refused.length > 0) log.info({ followed: pools.length, refused: countedBy(refused) }, "pools judged");
    for (const { key, tokens: subject, body, messageId } of judgements("refused", lasting, position, config))
      await broker.publish(key, subject, body, { messageId, trace: null });
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
    return restore(snapshot, Math.max(answered, snapshot.causeSequence), last.body.observedAtMs, config);
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
      metrics.poolsQuarantined.set({ chain: config.chain, dex: deployment.id }, state.quarantined.size);
      return {
        state,
        inputs: [
          {
            stream: "MARKET",
            chain: config.chain,
            keys: ["blockObserved", "blockReorged"],
            tokens: { chain: config.chain },
            startSequence: state.position.sequence + 1,
          },
        ],
      };
    },
    async call(request, signal): Promise<Reply> {
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
      const { at } = request;
      switch (request.call) {
        case "admit": {
          const { announced } = request;
          // What of a list could not be judged is to be listed again.
          let listed = listing;
          const judgement = await unlessUnreadable(deployment, at, async () => {
            listed = { ...listing };
            return admission.judge(await known(readerOf(at), deployment, announced, listed), at);
          });
          if (judgement === null) return { kind: "unreadable", announced };
          listing.read = Math.max(listing.read, listed.read);
          return { kind: "admitted", announced, pools: judgement.admitted, rows: judgement.rows, refused: judgement.refused, at };
        }
        case "refresh": {
          const { pools, timestamp } = request;
          const reader = readerAt(client.for("refresh"), { multicall3: settings.chain.multicall3, blockHash: at.blockHash });
          const hasPassed = async () => ((await newest(bus as Bus))?.at.sequence ?? 0) > at.sequence;
          // After a time away there are many such blocks, and full nodes keep the states of the last 128.
          if (Date.now() - at.observedAtMs > PASSED_MS && (await hasPassed())) return { kind: "refreshed", rows: null };
          try {
            const ask = async () => (await family.refresh?.read(reader, deployment, pools, timestamp)) ?? [];
            return { kind: "refreshed", rows: await readable(deployment, at.blockHash, ask) };
          } catch (cause) {
            if (cause instanceof RetryableError && cause.code === "state-unreadable" && (await hasPassed()))
              return { kind: "refreshed", rows: null };
            throw cause;
          }
        }
        case "check": {
          const { pools, rows, timestamp } = request;
          await unhurried(signal);
          const disagreeing = await unlessUnreadable(deployment, at, () => admission.check(pools, rows, { ...at, timestamp }));
          return { kind: "checked", disagreeing: disagreeing ?? [], at };
        }
        case "review":
          await unhurried(signal);
          return { kind: "reviewed", small: admission.small(request.holdings) };
        case "reread": {
          const { announced, answer, observed } = await readAt(
            client,
            deployment,
            {
              ...reading(bus as Bus),
              from: Math.max(deployment.deployBlock, request.since - config.journalBlocks),
              observed: { at, causeId: request.causeId },
            },
            (_, position) => family.read(readerOf(position), deployment, request.pools),
          );
          return { kind: "reread", rows: answer, announced, ...observed };
        }
      }
    },
    close: () => client.close(),
  };
}
