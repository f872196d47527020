import { createHash } from "node:crypto";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Bus } from "#libs/actor/bus.ts";
import { type LocalBroker, startLocalBroker } from "#libs/actor/local-broker.ts";
import { saveModel } from "#libs/actor/models.ts";
import { type Follow, type RunningActor, runActor } from "#libs/actor/run.ts";
import { ethereum } from "#libs/chains/ethereum.ts";
import { REPLAY_BLOCKS } from "#libs/history/history.ts";
import { type At, cycle, type Stored, World } from "#libs/history/testing.ts";
import { toOnnx } from "#libs/ml/export.ts";
import { ownModel } from "#libs/ml/installed.ts";
import { publishModel } from "#libs/ml/model-folder.ts";
import { syntheticMarket, trained, withOneLeafMoved } from "#libs/ml/testing.ts";
import { DEFAULT_OPTIONS } from "#libs/ml/train.ts";
import { createLogger } from "#libs/telemetry/log.ts";
import type { BodyOf } from "#proto/subjects.ts";
import { scorerSpec } from "#services/scorer/main.ts";

type Ranking = BodyOf<"opportunityScored">;
const log = createLogger("scorer.test", "silent");
const INSTALLED = ownModel().version;
let root: string;
let broker: LocalBroker;
let bus: Bus;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "hs-scorer-"));
  broker = await startLocalBroker({ directory: join(root, "nats") });
  bus = await Bus.connect({ servers: [broker.url], name: "scorer.test" });
  await bus.ensureStreams(["local", "empty", "long"]);
});
afterAll(async () => {
  await bus.close();
  await broker.stop();
  await rm(root, { recursive: true, force: true });
});

const specOf = (chain: string) =>
  scorerSpec({ chain: { ...ethereum, key: chain, dexes: [] }, section: { mode: "live", scorer: { ranking: "model" } } });

/** Stores what a world has said since it had said so much. */
async function tell(world: World, chain: string, from = 0): Promise<void> {
  for (const { key, body, meta } of world.messages.slice(from) as Stored[])
    await bus.publish(key, { chain, scope: "moved", dex: "dex", by: "gates" }, body as never, { messageId: meta.id, trace: null });
}

async function begun(chain: string) {
  const { state, inputs } = await specOf(chain).boot({ bus, log, leaseEpoch: 1, signal: new AbortController().signal });
  return { state, start: Object.fromEntries((inputs as Follow[]).map(({ stream, startSequence }) => [stream, startSequence])) };
}

test("streams that are empty are read from their beginning, and the installed model is there", async () => {
  const { state, start } = await begun("empty");
  expect(start).toEqual({ MODELS: 1, MARKET: 1, DECISIONS: 1, MONEY: 1 });
  expect([...state.models.keys()]).toEqual([INSTALLED]);
  expect(state.models.get(INSTALLED)).not.toBe("refused");
});

test("a return reads what its rows rest on, and ranks what has no ranking yet", async () => {
  const world = new World();
  const last = REPLAY_BLOCKS + 60;
  for (let number = 1; number <= last; number++) {
    world.block({ number });
    world.found({ number }, []);
    world.prices({ number }, {});
  }
  for (const { key, body, meta } of world.messages) {
    // As far apart as a chain's blocks are to the broker's clock.
    if (key === "blockObserved") await new Promise((resolve) => setTimeout(resolve, 2));
    await bus.publish(key, { chain: "long", scope: "moved" }, body as never, { messageId: meta.id, trace: null });
  }
  const blockAt = async (sequence: number) => (await bus.nextOf("blockObserved", { chain: "long" }, sequence))?.body.blockNumber;
  const foundAt = async (sequence: number) => (await bus.nextOf("cycleFound", { chain: "long" }, sequence))?.body.blockNumber;
  const first = await begun("long");
  expect(await blockAt(first.start.MARKET as number)).toBe(last - REPLAY_BLOCKS);
  expect(await foundAt(first.start.DECISIONS as number)).toBe(last - REPLAY_BLOCKS);
  expect(first.state.scoredThrough).toBe(0);

  // Its last ranking is of 20 blocks before the head.
  const before = new World();
  before.scored({ number: last - 20 }, [], "cycles");
  const [message] = before.messages;
  const body = { ...(message?.body as Ranking), causeSequence: last - 20 };
  await bus.publish("opportunityScored", { chain: "long" }, body, { messageId: "ranking", trace: null });
  const again = await begun("long");
  expect(again.state.scoredThrough).toBe(last - 20);
  expect(await blockAt(again.start.MARKET as number)).toBe(last - 20 - REPLAY_BLOCKS);
  expect(await foundAt(again.start.DECISIONS as number)).toBe(last - 20 - REPLAY_BLOCKS);
});

test("models come out of the store, proven; one that is not what it says trades nothing; a restart stands where it stood", async () => {
  const market = syntheticMarket(12_000, 2);
  const model = await trained(market, { rounds: { landing: 8, profit: 8, spread: 8 }, net: { ...DEFAULT_OPTIONS.net, epochs: 1 } });
  const published = await publishModel(model, market, {
    root: join(root, "models"),
    name: "local",
    parent: null,
    origin: "An invented market",
  });
  if (!published.ok) throw new Error(published.error.code);
  const { folder, manifest } = published.value;
  await saveModel(bus, "local", folder);
  /** The same model under another name, with this done to its landing trees. */
  const stored = async (version: string, change: (text: string) => string) => {
    const other = join(root, version);
    await cp(folder, other, { recursive: true });
    const file = join(other, "landing.xgb.json");
    await writeFile(file, change(await readFile(file, "utf8")));
    await saveModel(bus, "local", other);
    return version;
  };
  const corrupted = await stored("c".repeat(16), (text) => text.replace(/\d/, (digit) => `${(Number(digit) + 1) % 10}`));
  const misnamed = await stored("d".repeat(16), (text) => text);
  // Every checksum is right, and the kernel gives the golden scores: that onnxruntime has another model shows only when it is asked.
  const twofold = "b".repeat(16);
  const onnx = toOnnx(withOneLeafMoved(model.ensemble, 0.5), {});
  await cp(folder, join(root, twofold), { recursive: true });
  await writeFile(join(root, twofold, "model.onnx"), onnx);
  const files = { ...manifest.files, "model.onnx": createHash("sha256").update(onnx).digest("hex") };
  await writeFile(join(root, twofold, "manifest.json"), JSON.stringify({ ...manifest, version: twofold, files }));
  await saveModel(bus, "local", join(root, twofold));
  const nonsense = "e".repeat(16);
  await (await bus.openModels("local")).putBlob({ name: nonsense }, new TextEncoder().encode("nonsense"));
  const missing = "f".repeat(16);

  const world = new World();
  const candidates = [cycle(1, [0x10, 0x11], 16n * 10n ** 15n), cycle(2, [0x12, 0x13], 12n * 10n ** 15n)];
  let number = 0;
  /** The next block and its ranking. */
  const ranked = async (): Promise<Ranking> => {
    const from = world.messages.length;
    const at: At = { number: ++number };
    world.block(at);
    world.found(at, candidates);
    await tell(world, "local", from);
    for (let tries = 0; tries < 400; tries++) {
      const last = await bus.lastOf("opportunityScored", { chain: "local" });
      if (last?.body.blockNumber === number) return last.body;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`never ranked: block ${number}`);
  };
  const say = async (tellIt: () => void) => {
    const from = world.messages.length;
    tellIt();
    await tell(world, "local", from);
  };
  /** Block by block until what was promoted is settled; meanwhile the one before goes on. */
  const handedOver = async (isOver: (ranking: Ranking) => boolean, before: string | null): Promise<Ranking> => {
    for (let blocks = 0; blocks < 300; blocks++) {
      const ranking = await ranked();
      if (isOver(ranking)) return ranking;
      expect(ranking).toMatchObject({ champion: before, ranking: before === null ? "none" : "champion" });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error("never handed over");
  };
  const started = async (): Promise<RunningActor> => {
    const actor = runActor(specOf("local"), { bus, log, version: "test" });
    actor.done.catch(() => {});
    while (actor.state() === "starting") await new Promise((resolve) => setTimeout(resolve, 20));
    return actor;
  };

  let actor = await started();
  try {
    expect(await ranked()).toMatchObject({ ranking: "champion", champion: INSTALLED, challenger: null, unfit: null });
    // observedAtMs of a promotion is its block's: a model of this market's time is not stale.
    await say(() => world.promoted({ number }, manifest.version, INSTALLED));
    const over = await handedOver(({ champion }) => champion === manifest.version, INSTALLED);
    expect(over).toMatchObject({ ranking: "champion", challenger: INSTALLED, unfit: null });
    expect(over.seen.models).toBe(1);

    for (const version of [corrupted, misnamed, twofold, nonsense, missing]) {
      await say(() => world.promoted({ number }, version, manifest.version));
      const refused = await handedOver(({ unfit }) => unfit !== null, manifest.version);
      expect(refused, version).toMatchObject({ ranking: "none", unfit: "refused", champion: null, opportunities: [] });
      expect(refused.rejected.map(({ reason }) => reason)).toEqual(["no-model", "no-model"]);
      if (version === missing) break;
      await say(() => world.rolledBack({ number }, version, manifest.version));
      await handedOver(({ champion }) => champion === manifest.version, null);
    }

    await actor.drain();
    actor = await started();
    expect(await ranked()).toMatchObject({ ranking: "none", unfit: "refused", challenger: manifest.version });
    await say(() => world.rolledBack({ number }, missing, null));
    await handedOver(({ champion }) => champion === INSTALLED, null);
  } finally {
    await actor.drain();
  }
  // Each block once, in order.
  const blocks: number[] = [];
  for await (const message of bus.read("DECISIONS", "local"))
    if (message?.key === "opportunityScored") blocks.push((message.body as Ranking).blockNumber);
  expect(blocks).toEqual(Array.from({ length: number }, (_, index) => index + 1));
}, 120_000);
