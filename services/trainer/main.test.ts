import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Bus } from "#libs/actor/bus.ts";
import { type LocalBroker, startLocalBroker } from "#libs/actor/local-broker.ts";
import type { Follow } from "#libs/actor/run.ts";
import { ethereum } from "#libs/chains/ethereum.ts";
import { REPLAY_BLOCKS } from "#libs/history/history.ts";
import { World } from "#libs/history/testing.ts";
import { createLogger } from "#libs/telemetry/log.ts";
import { KEPT_BLOCKS } from "#services/trainer/actor.ts";
import { trainerSpec } from "#services/trainer/main.ts";

const directory = mkdtempSync(join(tmpdir(), "hs-trainer-"));
let broker: LocalBroker;
let bus: Bus;
beforeAll(async () => {
  broker = await startLocalBroker({ directory });
  bus = await Bus.connect({ servers: [broker.url], name: "trainer.test" });
});
afterAll(async () => {
  await bus.close();
  await broker.stop();
  rmSync(directory, { recursive: true });
});

async function begun(chain: string) {
  const spec = trainerSpec({ chain: { ...ethereum, key: chain, dexes: [] } });
  const { state, inputs } = await spec.boot({ bus, log: createLogger("fatal"), leaseEpoch: 1, signal: new AbortController().signal });
  const start = Object.fromEntries((inputs as Follow[]).map(({ stream, startSequence }) => [stream, startSequence]));
  return { start, labelFrom: state.labelFrom };
}

test("streams that are empty are read from their beginning", async () => {
  await bus.ensureStreams(["empty"]);
  expect(await begun("empty")).toEqual({ start: { MARKET: 1, DECISIONS: 1, MONEY: 1, MODELS: 1 }, labelFrom: 0 });
});

test("a return reads what its rows rest on, and no more: the three streams from one moment on", async () => {
  await bus.ensureStreams(["local"]);
  const world = new World();
  const last = KEPT_BLOCKS + REPLAY_BLOCKS + 100;
  // Two messages a block in MARKET, two in DECISIONS, with a reorganisation on the way.
  for (let number = 1; number <= last; number++) {
    if (number === 50) world.reorg({ number: 47 }, 1, [{ number: 48 }, { number: 49 }]);
    world.block({ number });
    world.prices({ number }, {});
    world.decided({ number }, []);
  }
  for (const { key, body, meta } of world.messages) {
    // As far apart as a chain's blocks are to the broker's clock.
    if (key === "blockObserved") await new Promise((resolve) => setTimeout(resolve, 2));
    await bus.publish(key, { chain: "local", scope: "moved" }, body as never, { messageId: meta.id, trace: null });
  }
  const blockAt = async (sequence: number) => (await bus.nextOf("blockObserved", { chain: "local" }, sequence))?.body.blockNumber;
  const rankedAt = async (sequence: number) => (await bus.nextOf("cycleFound", { chain: "local" }, sequence))?.body.blockNumber;

  // No labels yet: the head counts.
  const first = await begun("local");
  expect(first.labelFrom).toBe(last - KEPT_BLOCKS);
  expect(await blockAt(first.start.MARKET as number)).toBe(last - KEPT_BLOCKS - REPLAY_BLOCKS);
  expect(await rankedAt(first.start.DECISIONS as number)).toBe(last - KEPT_BLOCKS - REPLAY_BLOCKS);

  const body = {
    v: 1,
    chainId: 1,
    blockNumber: last - 30,
    blockHash: `0x${"ab".repeat(32)}`,
    observedAtMs: 1,
    causeId: null,
    epoch: 1,
  } as const;
  const labelled = {
    kind: "outcome-labelled",
    ...body,
    featureSchema: "0".repeat(64),
    champion: null,
    challenger: null,
    ranking: "net-profit",
    explored: false,
    labelledAtBlock: 1,
    labels: [],
  } as const;
  await bus.publish("outcomeLabelled", { chain: "local" }, { ...labelled, labels: [] }, { messageId: "labels", trace: null });
  const again = await begun("local");
  expect(again.labelFrom).toBe(last - 30 - KEPT_BLOCKS);
  expect(await blockAt(again.start.MARKET as number)).toBe(last - 30 - KEPT_BLOCKS - REPLAY_BLOCKS);
  expect(await rankedAt(again.start.DECISIONS as number)).toBe(last - 30 - KEPT_BLOCKS - REPLAY_BLOCKS);
  expect(again.start.MONEY).toBe(1);
});
