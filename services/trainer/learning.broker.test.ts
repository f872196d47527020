import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Bus, type StoredMessage } from "#libs/actor/bus.ts";
import { type LocalBroker, startLocalBroker } from "#libs/actor/local-broker.ts";
import { fetchModel } from "#libs/actor/models.ts";
import { runActor } from "#libs/actor/run.ts";
import { ethereum } from "#libs/chains/ethereum.ts";
import { DISTRIBUTION_FILE, readDistribution } from "#libs/ml/distribution.ts";
import { FEATURE_COUNT } from "#libs/ml/features.ts";
import { openKernel } from "#libs/ml/model-folder.ts";
import { NO_STANDING, standingAfter } from "#libs/ml/standing.ts";
import { syntheticMarket } from "#libs/ml/testing.ts";
import { labelsFrom, scoreOf } from "#libs/ml/testing-labels.ts";
import { createLogger } from "#libs/telemetry/log.ts";
import type { BodyOf } from "#proto/subjects.ts";
import type { TrainingResult, TrainRequest } from "#services/trainer/learning.ts";
import { trainerSpec } from "#services/trainer/main.ts";
import { startTraining } from "#services/trainer/training.ts";

const directory = mkdtempSync(join(tmpdir(), "hs-learning-"));
let broker: LocalBroker;
let bus: Bus;
beforeAll(async () => {
  broker = await startLocalBroker({ directory });
  bus = await Bus.connect({ servers: [broker.url], name: "learning.broker.test" });
});
afterAll(async () => {
  await bus.close();
  await broker.stop();
  rmSync(directory, { recursive: true });
});

const until = async (what: () => Promise<boolean> | boolean): Promise<void> => {
  for (const endMs = Date.now() + 60_000; !(await what()); ) {
    expect(Date.now()).toBeLessThan(endMs);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};

test("a training in a process of its own: the same order gives the same model, another range another; it is stored whole", {
  timeout: 180_000,
}, async () => {
  await bus.ensureStreams(["school"]);
  for (const body of labelsFrom(syntheticMarket(9_000, 1), 1))
    await bus.publish("outcomeLabelled", { chain: "school" }, body, { messageId: `labels:${body.blockNumber}`, trace: null });
  const last = (await bus.lastOf("outcomeLabelled", { chain: "school" })) as StoredMessage<"outcomeLabelled">;
  const { blockNumber, blockHash, observedAtMs } = last.body;
  const request: TrainRequest = {
    call: "train",
    causeId: "labels",
    at: { blockNumber, blockHash, observedAtMs },
    firstBlock: 0,
    lastSequence: last.meta.sequence,
    parent: "0".repeat(16),
    seed: 3,
  };
  const outcome = (changed: Partial<TrainRequest> = {}) =>
    startTraining(bus.options, { chain: "school", request: { ...request, ...changed } }).done as Promise<TrainingResult>;
  const first = await outcome();
  expect(first).toMatchObject({ ok: true, name: "school", rows: 9_000, firstBlock: 1, lastBlock: blockNumber });
  if (!first.ok) return;
  expect(first.auc).toBeGreaterThan(0.6);
  expect(first.microsPerRow).toBeGreaterThan(0);

  const folder = await fetchModel(bus, "school", first.version, directory);
  const opened = await openKernel(folder as string, { capacity: 8 });
  expect(opened).toMatchObject({
    ok: true,
    value: { manifest: { version: first.version, parent: "0".repeat(16), files: { [DISTRIBUTION_FILE]: expect.any(String) } } },
  });
  expect((await readDistribution(folder as string))?.features).toHaveLength(FEATURE_COUNT);

  const [again, less, few] = await Promise.all([outcome(), outcome({ firstBlock: 100 }), outcome({ lastSequence: 20 })]);
  expect(again).toMatchObject({ ok: true, version: first.version, auc: first.auc, logLoss: first.logLoss });
  expect(less).toMatchObject({ ok: true, firstBlock: 100 });
  expect((less as { version?: string }).version).not.toBe(first.version);
  expect(few).toEqual({ ok: false, detail: expect.stringMatching(/^too few/) });
});

test("a training that is stopped says nothing, one whose broker is gone says so", { timeout: 60_000 }, async () => {
  const request = {
    call: "train",
    causeId: "",
    at: { blockNumber: 1, blockHash: "", observedAtMs: 1 },
    firstBlock: 0,
    lastSequence: 1,
    parent: "",
    seed: 1,
  } as const;
  const stopped = startTraining(bus.options, { chain: "school", request });
  await stopped.stop();
  expect(await stopped.done).toBeNull();
  const lost = startTraining({ ...bus.options, servers: ["nats://127.0.0.1:1"] }, { chain: "school", request });
  expect(await lost.done).toEqual({ ok: false, detail: expect.stringMatching(/^the process ended with 1/) });
});

test("trainer and operator both have their say: neither is refused for what the other has said", { timeout: 60_000 }, async () => {
  const chain = "local";
  await bus.ensureStreams([chain]);
  const NEW = "1".repeat(16);
  const config = { trainEveryBlocks: 10_000, trialBlocks: 20, canaryBlocks: 10, checkEveryBlocks: 10 };
  const spec = trainerSpec({ chain: { ...ethereum, key: chain, dexes: [] }, section: { trainer: config } });
  const OWN = spec.config.learning.ownModel;
  const market = syntheticMarket(4_000, 1);
  let standing = NO_STANDING;
  const rankings = labelsFrom(market, 1, (row) => {
    const [chance, promised] = [market.chances[row] as number, Math.abs(market.promisedWei[row] as number)];
    return { champion: scoreOf(0.5, promised), challenger: scoreOf(chance, promised) };
  });
  let block = 0;
  const say = async (count: number) => {
    for (let place = 0; place < count; place++) {
      const body = {
        ...(rankings[block++] as BodyOf<"outcomeLabelled">),
        champion: standing.champion ?? OWN,
        challenger: standing.challenger,
      };
      const ranking = standing.canaryShare > 0 ? "challenger" : "champion";
      await bus.publish("outcomeLabelled", { chain }, { ...body, ranking }, { messageId: `labels:${block}`, trace: null });
    }
    // What was stored before a block is taken up some time after it.
    await new Promise((resolve) => setTimeout(resolve, 5));
    const { blockNumber, blockHash, observedAtMs } = rankings[block] as BodyOf<"outcomeLabelled">;
    await bus.publish(
      "blockObserved",
      { chain },
      {
        ...{ kind: "block-observed", v: 1, chainId: 1, blockNumber, blockHash, observedAtMs, causeId: null, epoch: 0 },
        ...{ parentHash: blockHash, timestamp: 1, baseFeePerGas: "1", gasUsed: 1, gasLimit: 2 },
        ...{ logColumns: ["address", "topics", "data", "logIndex", "transactionIndex", "transactionHash"], logs: [] },
      } as BodyOf<"blockObserved">,
      { messageId: `block:${block}`, trace: null },
    );
  };
  const events = async () => {
    const all = [];
    for await (const message of bus.read("MODELS", chain)) if (message !== null) all.push(message);
    standing = all.reduce((before, { body }) => standingAfter(before, body), NO_STANDING);
    return all.map(({ body }) => body).filter(({ kind }) => kind !== "model-checked");
  };
  const heard = async (count: number) => {
    await until(async () => (await events()).length >= count);
    return (await events()).slice(count - 1).map((body) => ("by" in body ? `${body.kind} by ${body.by}` : body.kind));
  };
  const envelope = { v: 1, chainId: 1, blockNumber: 1, blockHash: `0x${"0".repeat(64)}`, observedAtMs: 1, causeId: null } as const;
  const operator = async (version: string, share: number, id: string) => {
    const body = { ...envelope, kind: "model-promoted", version, previous: OWN, share, by: "operator", evidence: null } as const;
    await bus.publish("modelPromoted", { chain, by: "operator" }, body, { messageId: id, trace: null });
  };

  const running = runActor(spec, { bus, log: createLogger("fatal"), version: "test" });
  try {
    await until(() => running.state() === "ready");
    // The operator makes a canary of a model, the gates promote it, the operator goes back to a canary of it, and the gates have their say again.
    await operator(NEW, 0.5, "first");
    expect(await heard(1)).toEqual(["model-promoted by operator"]);
    await say(30);
    expect(await heard(2)).toEqual(["model-promoted by gates"]);
    expect(standing).toMatchObject({ champion: NEW, challenger: OWN, challengerIsFormer: true });
    const back = { ...envelope, kind: "model-rolled-back", version: NEW, to: OWN, by: "operator", detail: "", evidence: null } as const;
    await bus.publish("modelRolledBack", { chain, by: "operator" }, back, { messageId: "back", trace: null });
    await operator(NEW, 0.5, "second");
    expect(await heard(4)).toEqual(["model-promoted by operator"]);
    await say(30);
    expect(await heard(5)).toEqual(["model-promoted by gates"]);
    expect(running.state()).toBe("ready");
  } finally {
    await running.drain();
  }
  await running.done;
  // Another trainer goes on from what the stream says, and says nothing twice.
  const next = runActor(trainerSpec({ chain: { ...ethereum, key: chain, dexes: [] }, section: { trainer: config } }), {
    bus,
    log: createLogger("fatal"),
    version: "test",
  });
  try {
    await until(() => next.state() === "ready");
    const before = await bus.lastSequence("MODELS", chain);
    await say(1);
    await until(() => next.progress().handled > 0 && next.progress().idle);
    await new Promise((resolve) => setTimeout(resolve, 800));
    expect(await bus.lastSequence("MODELS", chain)).toBe(before);
  } finally {
    await next.drain();
  }
});
