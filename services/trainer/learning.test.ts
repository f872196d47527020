import { expect, test } from "vitest";
import type { Publish, Received } from "#libs/actor/actor.ts";
import { calls, drive } from "#libs/actor/testing.ts";
import { type Stored, World } from "#libs/history/testing.ts";
import { randomFrom } from "#libs/ml/random.ts";
import { type ModelStanding, NO_STANDING, standingAfter } from "#libs/ml/standing.ts";
import { labelled, labelOf, scoreOf } from "#libs/ml/testing-labels.ts";
import { encode } from "#proto/codec.ts";
import type { BodyOf } from "#proto/subjects.ts";
import { type Config, initialState, type Keys, remember, trainer } from "#services/trainer/actor.ts";
import { type Learning, noLearning, type TrainingResult, type TrainRequest } from "#services/trainer/learning.ts";
import { anyPace, config as base, feed } from "#services/trainer/testing.ts";

const OWN = base.learning.ownModel;
const version = (number: number) => number.toString(16).padStart(16, "0");

const config: Config = {
  ...base,
  learning: {
    ownModel: OWN,
    training: { everyBlocks: 40, leastOfEach: 20, windowBlocks: 100, seed: 7 },
    trial: {
      ...base.learning.trial,
      firstLookBlocks: 20,
      looks: 3,
      leastCandidates: 40,
      leastLanded: 5,
      canaryShare: 0.5,
      canaryBlocks: 10,
    },
    drift: { everyBlocks: 20, windowBlocks: 50, leastCandidates: 100 },
  },
};

type Says = (chance: number) => number;
const VAGUE: Says = () => 0.5;
const RIGHT: Says = (chance) => chance;
const WRONG: Says = (chance) => 1 - chance;

interface Script {
  readonly seed?: number;
  readonly blocks: number;
  /** What a model says of chances, by its version. */
  readonly models: Readonly<Record<string, Says>>;
  /** What comes of the nth training. */
  readonly trainings: readonly TrainingResult[];
  /** Blocks from the request to the answer. */
  readonly trainingTakes?: number;
  /** Chance to land of a candidate with this chance by its row. Default: that. */
  readonly truth?: Says;
  /** What an operator says before a block. */
  readonly operator?: Readonly<Record<number, (world: World) => void>>;
}

const trainedTo = (number: number, microsPerRow = 1): TrainingResult => ({
  ok: true,
  name: "local",
  version: version(number),
  featureSchema: "0".repeat(64),
  engine: "built-in 1",
  bytes: 1,
  rows: 1,
  landed: 1,
  firstBlock: 1,
  lastBlock: 2,
  auc: 0.8,
  logLoss: 0.4,
  ece: 0.02,
  microsPerRow,
});

/**
 * A trainer beside a broker that stores what it says of models, and a scorer that scores by what stands: labels of four candidates a block. Labels are said by the
 * world, not by the trainer: rankings would be most of the test.
 */
function live({ seed = 1, blocks, models, trainings, trainingTakes = 5, truth = RIGHT, operator = {} }: Script) {
  const world = new World();
  const random = randomFrom(seed);
  const driven = drive(trainer, config, initialState(config, { DECISIONS: 0, MONEY: 0 }, 0, noLearning({ version: OWN, of: null })));
  const requests: TrainRequest[] = [];
  const decided: string[] = [];
  let standing: ModelStanding = NO_STANDING;
  let delivered = 0;
  const lastOf = (stream: string) => world.messages.filter(({ meta }) => meta.stream === stream).length;
  const due: { readonly atBlock: number; readonly request: TrainRequest }[] = [];
  const give = (input: Parameters<typeof driven.give>[0], block: number): void => {
    for (const effect of driven.give(input)) {
      if (effect.type === "publish") {
        if (effect.key === "outcomeLabelled") continue;
        decided.push(bytesOf(effect));
        world.say(effect.key, effect.messageId, effect.body as never);
      }
      if (effect.type !== "call") continue;
      const { request } = effect;
      if (request.call === "train") {
        requests.push(request);
        due.push({ atBlock: block + trainingTakes, request });
      } else if (request.call === "read-ends")
        give({ type: "reply", reply: { kind: "ends-read", decisions: lastOf("DECISIONS"), money: 0, models: lastOf("MODELS") } }, block);
      else if (request.call === "load-distribution")
        give({ type: "reply", reply: { kind: "distribution-loaded", version: request.version, distribution: null } }, block);
    }
  };
  const deliver = (block: number) => {
    while (delivered < world.messages.length) {
      const message = world.messages[delivered++] as Stored;
      if (message.meta.stream === "MODELS") standing = standingAfter(standing, message.body);
      give(message as Received<Keys>, block);
    }
  };
  for (let number = 1; number <= blocks; number++) {
    operator[number]?.(world);
    world.block({ number });
    const champion = standing.champion ?? OWN;
    const { challenger } = standing;
    const labels = Array.from({ length: 4 }, (_, rank) => {
      const chance = random.unit();
      const landedWei = random.unit() < truth(chance) ? 100 : null;
      const says = (model: string | null) => (model === null ? null : scoreOf((models[model] ?? VAGUE)(chance), 100_000));
      return labelOf(
        { rank, features: Array(24).fill(chance), netProfitWei: 100 - rank, landedWei },
        { champion: says(champion), challenger: says(challenger) },
      );
    });
    const ranking = challenger !== null && random.unit() < standing.canaryShare ? "challenger" : "champion";
    const { kind: _, v: __, chainId: ___, ...body } = labelled(number, labels, { champion, challenger, ranking });
    world.say("outcomeLabelled", `labels:${number}`, body);
    deliver(number);
    for (const { request } of due.filter(({ atBlock }) => atBlock === number)) {
      const result = trainings[requests.indexOf(request)] ?? { ok: false, detail: "no more" };
      give({ type: "reply", reply: { kind: "training-ended", request, result } }, number);
    }
    give({ type: "timer", name: "turn" }, number);
    deliver(number);
  }
  const events = world.messages.flatMap(({ key, body }) => (body.kind.startsWith("model-") ? [{ key, body }] : [])) as {
    readonly body: BodyOf<"modelTrained" | "modelPromoted" | "modelRejected" | "modelRolledBack" | "modelChecked">;
  }[];
  return { world, requests, decided, standing, events: events.map(({ body }) => body), driven };
}

const bytesOf = ({ key, body }: Publish): string => Buffer.from(encode(key, body as never)).toString("base64");

const told = (events: ReturnType<typeof live>["events"]) =>
  events.flatMap((body) => {
    switch (body.kind) {
      case "model-checked":
        return [];
      case "model-promoted":
        return [`${body.blockNumber} promoted ${Number.parseInt(body.version, 16)} ${body.share} by ${body.by}`];
      case "model-rejected":
        return [`${body.blockNumber} rejected ${body.version === null ? "none" : Number.parseInt(body.version, 16)} ${body.reason}`];
      case "model-rolled-back":
        return [`${body.blockNumber} back to ${body.to === null ? "none" : Number.parseInt(body.to, 16)} by ${body.by}`];
      default:
        return [`${body.blockNumber} trained ${Number.parseInt(body.version, 16)}`];
    }
  });

/** From the first labels to a new champion. */
const GOOD: Script = { blocks: 260, models: { [version(1)]: RIGHT }, trainings: [trainedTo(1), trainedTo(2)] };

test("a training, a trial in the shadow, a canary, a promotion; the former champion stays beside it, and then the next is trained", () => {
  const { events, requests, standing } = live(GOOD);
  const story = told(events);
  expect(story.slice(0, 3)).toEqual([
    "40 trained 1",
    expect.stringMatching(/ promoted 1 0\.5 by gates$/),
    expect.stringMatching(/ promoted 1 1 by gates$/),
  ]);
  expect(story[3]).toMatch(/ trained 2$/);
  expect(standing.champion).toBe(version(1));
  expect(requests[0]).toEqual({
    call: "train",
    causeId: "labels:40",
    at: { blockNumber: 40, blockHash: expect.any(String), observedAtMs: 1_040_000 },
    firstBlock: 0,
    lastSequence: 40,
    parent: OWN,
    seed: 7,
  });
  // The second is asked for when the probation is over, and is to improve on the first.
  const promotedAt = events.find((body) => body.kind === "model-promoted" && body.share === 1)?.blockNumber as number;
  expect(requests[1]?.parent).toBe(version(1));
  expect(requests[1]?.at.blockNumber).toBeGreaterThan(promotedAt + 80);
  expect(requests[1]?.firstBlock).toBe((requests[1]?.at.blockNumber as number) - 99);
  for (const body of events)
    encode(`model${body.kind.slice(6).replaceAll(/(^|-)./g, (part) => part.slice(-1).toUpperCase())}` as "modelTrained", body as never);
});

test("one challenger at a time: none is trained while one is on trial", () => {
  const { requests, events } = live({ ...GOOD, models: {}, blocks: 160 });
  const rejectedAt = events.find(({ kind }) => kind === "model-rejected")?.blockNumber as number;
  // As good as the champion: every look is taken, 20, 40 and 80 blocks.
  expect(told(events)[1]).toMatch(/ rejected 1 no-gain-in-log-loss$/);
  expect(rejectedAt).toBeGreaterThan(120);
  expect(requests.map(({ at }) => at.blockNumber)).toEqual([40, expect.toSatisfy((block: number) => block > rejectedAt)]);
});

test("a training that fails is said, and tried again after as many labels", () => {
  const { events, requests } = live({ blocks: 90, models: {}, trainings: [{ ok: false, detail: "too few rows" }] });
  expect(events.find(({ kind }) => kind === "model-rejected")).toMatchObject({
    version: null,
    reason: "training-failed",
    detail: "too few rows",
    blockNumber: 40,
  });
  expect(requests.map(({ at }) => at.blockNumber)).toEqual([40, 80]);
});

test("a training that comes to the champion itself has failed", () => {
  expect(told(live({ blocks: 60, models: {}, trainings: [trainedTo(0)] }).events)).toEqual(["40 rejected none training-failed"]);
});

test("where all candidates have the same end nothing is trained, and it is said why, as often as a training would have come", () => {
  const { events, requests } = live({ blocks: 125, models: { [OWN]: () => 1 }, trainings: [], truth: () => 1 });
  expect(requests).toEqual([]);
  const said = (blocks: number) =>
    `not begun: of the candidates of ${blocks} blocks ${4 * blocks} landed and 0 did not, 20 of each are needed`;
  expect(events.filter(({ kind }) => kind !== "model-checked")).toMatchObject(
    [40, 80, 120].map((blockNumber) => ({
      kind: "model-rejected",
      reason: "too-few-outcomes",
      version: null,
      blockNumber,
      detail: said(blockNumber),
    })),
  );
});

test("one that is too slow is rejected before its trial", () => {
  expect(told(live({ ...GOOD, blocks: 60, trainings: [trainedTo(1, 21)] }).events)).toEqual(["40 trained 1", "40 rejected 1 too-slow"]);
});

test("a champion that drifts is said to, and a training comes sooner", () => {
  const { events, requests } = live({ blocks: 101, models: { [OWN]: WRONG }, trainings: [] });
  const checks = events.filter((body) => body.kind === "model-checked");
  expect(checks.map(({ blockNumber }) => blockNumber)).toEqual([40, 60, 80, 100]);
  expect(checks[0]).toMatchObject({ version: OWN, level: "act", blocks: 40, candidates: 160 });
  expect(checks[1]).toMatchObject({ blocks: 50, candidates: 200 });
  // The first is asked for when its labels are there; from the first check on every 10 blocks are enough, with 20 of either outcome.
  expect(requests.map(({ at }) => at.blockNumber).slice(0, 2)).toEqual([40, expect.toSatisfy((block: number) => block < 70)]);
});

test("a champion that turns out worse than the one before gives its place back", () => {
  const { events, standing } = live({
    blocks: 39,
    models: { [OWN]: RIGHT, [version(5)]: WRONG },
    trainings: [],
    operator: { 10: (world) => world.promoted({ number: 9 }, version(5), OWN) },
  });
  expect(told(events)).toEqual(["9 promoted 5 1 by operator", expect.stringMatching(/ back to 0 by gates$/)]);
  expect(standing.champion).toBe(OWN);
});

test("an operator who promotes another ends a trial, and it is said", () => {
  const { events } = live({ ...GOOD, blocks: 60, operator: { 50: (world) => world.promoted({ number: 49 }, version(9), OWN) } });
  expect(told(events)).toEqual(["40 trained 1", "49 promoted 9 1 by operator", "49 rejected 1 superseded"]);
});

test("what the gates said without having heard the operator does not count", () => {
  const said = live(GOOD).events.find((body) => body.kind === "model-promoted") as BodyOf<"modelPromoted">;
  const trial = { ...NO_STANDING, challenger: version(1) };
  expect(standingAfter(trial, said).canaryShare).toBe(0.5);
  const operator = { ...said, by: "operator", version: version(9), previous: OWN, share: 1, evidence: null } as const;
  const after = standingAfter(trial, operator);
  expect(standingAfter(after, said)).toBe(after);
});

/** Says everything that it decides, also what the stream has. */
function deaf(): Learning {
  const said = new Set<string>();
  said.has = () => false;
  return { ...noLearning({ version: OWN, of: null }), said };
}

test("the same streams give the same events at whatever pace they come, to the byte", () => {
  const script = { ...GOOD, operator: { 210: (world: World) => world.rolledBack({ number: 209 }, version(1), OWN) } };
  const { world, decided } = live(script);
  // How a training ended is told by the process that trained.
  const kinds = (all: readonly string[]) => all.filter((each) => !Buffer.from(each, "base64").includes("model-trained"));
  expect(kinds(decided).length).toBeGreaterThan(8);
  for (const seed of [1, 2, 3]) {
    // The last of the streams, that of models, behind all others: what is decided waits for it.
    const random = randomFrom(seed);
    const last = (waiting: readonly number[]) => ({ from: random.below(Math.max(1, waiting.length - 1)), fires: random.unit() < 0.05 });
    const { effects } = feed(world, { pick: seed === 3 ? last : anyPace(seed), learning: deaf(), by: config });
    const again = effects.flatMap((effect) => (effect.type === "publish" && effect.key.startsWith("model") ? [bytesOf(effect)] : []));
    expect(again).toEqual(kinds(decided));
  }
});

/** Begins again from what the streams hold, with these labels; one block more comes, without labels, so that all that was stored before it is taken up. */
function back(stored: readonly Stored[], stop: number, earlier: readonly Received<"outcomeLabelled">[]) {
  const begun = initialState(config, { DECISIONS: stop, MONEY: 0 }, 0, noLearning({ version: OWN, of: null }));
  remember(begun, earlier);
  const driven = drive(trainer, config, begun);
  const next = new World();
  next.clockMs = 1e9;
  next.block({ number: stop + 1 });
  const said = stored.filter(({ meta }) => meta.stream === "MODELS");
  for (const message of [...said, ...next.messages]) driven.give(message as Received<Keys>);
  driven.give({ type: "timer", name: "turn" });
  driven.give({ type: "reply", reply: { kind: "ends-read", decisions: stop, money: 0, models: said.length } });
  let loads = 0;
  for (; driven.state.loading !== null; loads++) {
    const version = driven.state.loading.replace("model ", "");
    driven.give({ type: "reply", reply: { kind: "distribution-loaded", version, distribution: null } });
  }
  return { driven, loads };
}

test("one that comes back says nothing again, stands where it stood, and asks again for a training that had not ended", () => {
  const whole = live({ ...GOOD, blocks: 250 });
  const { messages } = whole.world;
  for (let stop = 30; stop < 250; stop += 7) {
    // Killed behind these labels: the stream holds what was stored until then.
    const at = messages.findIndex(({ meta }) => meta.id === `labels:${stop}`) + 1;
    const stored = messages.slice(0, at);
    const labels = stored.filter((message): message is Received<"outcomeLabelled"> => message.key === "outcomeLabelled");
    const { driven, loads } = back(stored, stop, labels);
    const effects = driven.all;
    expect(loads).toBe(driven.state.learning.standing.champion === null ? 0 : 1);
    // What it had decided on the last two labels, or would have, but not stored yet: they are taken up one block later. And nothing else.
    const known = new Set(stored.map(({ meta }) => meta.id));
    const missing = messages.filter(
      ({ meta, body }) => !known.has(meta.id) && "causeId" in body && [`labels:${stop - 1}`, `labels:${stop}`].includes(body.causeId ?? ""),
    );
    const late = missing.filter(({ key }) => key === "modelChecked" || key === "modelPromoted" || key === "modelRolledBack");
    expect(effects.flatMap((effect) => (effect.type === "publish" ? [effect.messageId] : []))).toEqual(late.map(({ meta }) => meta.id));
    const isEnded = (id: string) => stored.some(({ body, key }) => key === "modelTrained" && "causeId" in body && body.causeId === id);
    const open = whole.requests.filter(({ at: { blockNumber }, causeId }) => blockNumber <= stop && !isEnded(causeId));
    expect(calls(effects).filter(({ call }) => call === "train")).toEqual(open);
    expect(driven.state.learning.standing).toEqual(stored.reduce((standing, { body }) => standingAfter(standing, body), NO_STANDING));

    // Labels from before the last training, but for what a check looks back on, change nothing.
    const trainedAt = (stored.findLast(({ key }) => key === "modelTrained")?.body as BodyOf<"modelTrained"> | undefined)?.blockNumber ?? 0;
    const { windowBlocks } = config.learning.drift;
    const least = back(
      stored,
      stop,
      labels.filter(({ body }) => body.blockNumber >= trainedAt - windowBlocks),
    ).driven.state.learning;
    const { fresh, stage, recent, training } = driven.state.learning;
    expect({ fresh: least.fresh, training: least.training, recent: least.recent }).toEqual({ fresh, training, recent });
    expect([least.stage?.kind, least.stage?.pairs.blocks, least.stage?.looks]).toEqual([stage?.kind, stage?.pairs.blocks, stage?.looks]);
  }
});

test("one training at a time, however long it takes", () => {
  const { requests } = live({ blocks: 200, models: {}, trainings: [{ ok: false, detail: "" }], trainingTakes: 90 });
  expect(requests.map(({ at }) => at.blockNumber)).toEqual([40, 132]);
});
