import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Bus } from "#libs/actor/bus.ts";
import { type LocalBroker, startLocalBroker } from "#libs/actor/local-broker.ts";
import { cycle, World } from "#libs/history/testing.ts";
import { chainOfStream, exportLabels } from "#services/cli/labels.ts";
import { feed } from "#services/trainer/testing.ts";

const directory = mkdtempSync(join(tmpdir(), "hs-labels-"));
let broker: LocalBroker;
let bus: Bus;
beforeAll(async () => {
  broker = await startLocalBroker({ directory: join(directory, "nats") });
  bus = await Bus.connect({ servers: [broker.url], name: "labels.test" });
  await bus.ensureStreams(["local", "polygon-zkevm"]);
});
afterAll(async () => {
  await bus.close();
  await broker.stop();
  rmSync(directory, { recursive: true });
});

test("a stream's name says its chain, and anything else is refused", () => {
  expect(chainOfStream("HS_LOCAL_DECISIONS")).toBe("local");
  expect(chainOfStream("HS_POLYGON_ZKEVM_DECISIONS")).toBe("polygon-zkevm");
  for (const name of ["HS_LOCAL_MARKET", "local", "HS_DECISIONS", "hs_local_decisions"]) expect(() => chainOfStream(name)).toThrow(name);
});

test("a line for each candidate, in the order of the streams and of the rankings", async () => {
  const world = new World();
  const [best, next] = [cycle(1, [0x10, 0x11], 16n * 10n ** 15n), cycle(2, [0x12, 0x13], 12n * 10n ** 15n)];
  for (const [number, candidates] of [[10, [next, best]] as const, [11, []] as const, [12, [best]] as const]) {
    world.block({ number });
    world.decided({ number }, candidates);
  }
  world.quiet(13, 9);
  const { labelled } = feed(world);
  for (const { messageId, ...body } of labelled) await bus.publish("outcomeLabelled", { chain: "local" }, body, { messageId, trace: null });
  // What else is in the stream is none of them.
  const found = world.messages.find(({ key }) => key === "cycleFound");
  await bus.publish("cycleFound", { chain: "local" }, found?.body as never, { messageId: "found", trace: null });

  const out = join(directory, "labels.jsonl");
  expect(await exportLabels({ from: ["HS_POLYGON_ZKEVM_DECISIONS", "HS_LOCAL_DECISIONS"], natsUrl: broker.url, out })).toBe(3);
  const lines = readFileSync(out, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  const expected = labelled.flatMap(({ blockNumber, featureSchema, labels }) =>
    labels.map((label) => ({ chain: "local", blockNumber, featureSchema, ...label })),
  );
  expect(lines).toMatchObject(expected);
  expect(lines.map(({ blockNumber, cycleId }) => [blockNumber, cycleId])).toEqual([
    [10, best.cycleId],
    [10, next.cycleId],
    [12, best.cycleId],
  ]);
});

test("a replay begins at the first message of a time or of a block", async () => {
  const first = await bus.nextOf("outcomeLabelled", { chain: "local" }, 1);
  expect(first?.body.blockNumber).toBe(10);
  const second = await bus.nextOf("outcomeLabelled", { chain: "local" }, (first?.meta.sequence ?? 0) + 1);
  expect(second?.body.blockNumber).toBe(11);
  expect(await bus.nextOf("blockObserved", { chain: "local" }, 1)).toBeNull();
  expect(await bus.firstSequence("DECISIONS", "local")).toBe(1);
  expect(await bus.sequenceAt("DECISIONS", "local", (first?.meta.storedAtMs ?? 0) - 1_000)).toBe(1);
  expect(await bus.sequenceAt("DECISIONS", "local", Date.now() + 60_000)).toBe(5);
  expect(await bus.sequenceAt("MONEY", "local", 0)).toBe(1);
});
