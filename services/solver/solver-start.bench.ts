import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Bus } from "#libs/actor/bus.ts";
import { startLocalBroker } from "#libs/actor/local-broker.ts";
import { type RunningActor, runActor } from "#libs/actor/run.ts";
import { saveSnapshot } from "#libs/actor/snapshots.ts";
import type { ChainConfig } from "#libs/chains/chain.ts";
import { CHAINS } from "#libs/chains/index.ts";
import { largeMarket, type PoolSpec, randomFrom } from "#libs/graph/testing.ts";
import { createLogger } from "#libs/telemetry/log.ts";
import { type Bench, held, timeWaiting } from "#libs/testkit/bench.ts";
import { asAddress } from "#libs/units/brand.ts";
import { invariant } from "#libs/units/invariant.ts";
import type { PoolSnapshot } from "#proto/pool/v1/snapshotted.ts";
import { solverSpec } from "#services/solver/main.ts";

const POOLS = 100_000;
const QUICK_POOLS = 500;
const ROUNDS = 5;
const GOAL_MS = 5_000;
const FAMILIES = ["uniswap-v2", "uniswap-v3"] as const;
const ethereum = CHAINS.ethereum as ChainConfig;
const AT = { blockNumber: 1, blockHash: `0x${"1".repeat(64)}`, epoch: 0 } as const;

function snapshotOf(family: (typeof FAMILIES)[number], pools: readonly PoolSpec[]): PoolSnapshot {
  const own = pools.filter((pool) => pool.family === family);
  return {
    ...{ v: 1, dex: family, chainId: ethereum.chainId, ...AT, causeSequence: 0 },
    pools: { family, rows: own.map(({ info }) => [info.pool, [...info.tokens], info.facts]) } as PoolSnapshot["pools"],
    states: { family, rows: own.map(({ row }) => row) } as PoolSnapshot["states"],
    ...{ arrivals: [], candidates: [], small: [], quarantined: [], journal: [] },
  };
}

export const bench: Bench = {
  title: "solver-start",
  about:
    "A solver that comes back, from its boot until its thread has taken in all pools and has practised: two snapshots in a real broker, read, checked, handed to the thread. " +
    "A made market: four fifths constant product, the others with 8 to 32 positions each. The program is loaded already; broker and solver share the machine.",
  async run({ quick }) {
    const size = quick ? QUICK_POOLS : POOLS;
    const { tokens, pools } = largeMarket(randomFrom(size), size);
    const chain = {
      ...ethereum,
      wrappedNative: asAddress(tokens[0]?.address as string),
      dexes: ethereum.dexes.filter(({ id }) => (FAMILIES as readonly string[]).includes(id)),
    };
    invariant(chain.dexes.length === FAMILIES.length, "the chain has both DEXes");
    const directory = mkdtempSync(join(tmpdir(), "hyperspeed-bench-"));
    const broker = await startLocalBroker({ directory: join(directory, "nats") });
    const bus = await Bus.connect({ servers: [broker.url], name: "bench" });
    try {
      await bus.ensureStreams([chain.key]);
      let bytes = 0;
      for (const family of FAMILIES) {
        const snapshot = snapshotOf(family, pools);
        const saved = await saveSnapshot(bus, chain.key, snapshot);
        bytes += saved.bytes;
        const { v, dex, chainId, causeSequence } = snapshot;
        const body = { v, dex, chainId, ...AT, causeSequence, observedAtMs: 0, causeId: null, object: saved.name, bytes: saved.bytes };
        const told = { kind: "pool-snapshotted", ...body, pools: snapshot.pools.rows.length } as const;
        await bus.publish("poolSnapshotted", { chain: chain.key, dex }, told, { messageId: `snapshot:${dex}`, trace: null });
      }
      const calls: string[] = [];
      let running: RunningActor | undefined;
      const measured = await timeWaiting(
        `${size.toLocaleString("en")} pools of two DEXes, until practised`,
        {
          rounds: quick ? 1 : ROUNDS,
          perRound: { count: size, unit: "pools" },
          facts: () => ({ "bytes of the snapshots": bytes, calls: calls.splice(0).join(" ") }),
          after: async () => running?.drain(),
        },
        () =>
          new Promise<void>((resolve, reject) => {
            // Without the lease: a machine busy with other work may not get round to renewing it while a snapshot is read, which is no measurement.
            const { lease: _, ...spec } = solverSpec({ chain });
            calls.length = 0;
            running = runActor(
              {
                ...spec,
                async call(request, signal) {
                  calls.push(request.call);
                  const reply = await spec.call?.(request, signal);
                  invariant(reply !== undefined, "a solver answers its calls");
                  if (reply.kind === "prepared") resolve();
                  return reply;
                },
              },
              { bus, log: createLogger("bench", "warn"), version: "bench" },
            );
            running.done.catch(reject);
          }),
      );
      return [held(measured, { msMost: GOAL_MS })];
    } finally {
      await bus.close();
      await broker.stop();
      rmSync(directory, { recursive: true, force: true });
    }
  },
};
