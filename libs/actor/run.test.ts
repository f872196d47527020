import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "@nats-io/transport-node";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { Actor, Effect } from "#libs/actor/actor.ts";
import { publish } from "#libs/actor/actor.ts";
import { Bus, FencedError } from "#libs/actor/bus.ts";
import { acquireLease } from "#libs/actor/lease.ts";
import { type LocalBroker, startLocalBroker } from "#libs/actor/local-broker.ts";
import { type ActorSpec, type RunningActor, runActor } from "#libs/actor/run.ts";
import { RetryableError } from "#libs/units/invariant.ts";
import { UNTAUGHT } from "#proto/opportunity/v1/scored.ts";
import { type BodyOf, LEASE_TTL_MS } from "#proto/subjects.ts";

const log = pino({ level: "silent" });
const directory = mkdtempSync(join(tmpdir(), "hs-run-"));
let broker: LocalBroker;
let bus: Bus;
let chain = "";
let chains = 0;
const running: RunningActor[] = [];

beforeAll(async () => {
  broker = await startLocalBroker({ directory });
  bus = await Bus.connect({ servers: [broker.url], name: "test" });
});
afterAll(async () => {
  await bus.close();
  await broker.stop();
  rmSync(directory, { recursive: true });
});
beforeEach(async () => {
  chain = `t${++chains}`;
  await bus.ensureStreams([chain]);
});
afterEach(async () => {
  for (const actor of running.splice(0)) await actor.drain();
});

const hash = (value: number) => `0x${value.toString(16).padStart(64, "0")}`;
const cycle = (blockNumber: number): BodyOf<"cycleFound"> => ({
  kind: "cycle-found",
  v: 1,
  chainId: 1,
  blockNumber,
  blockHash: hash(blockNumber),
  observedAtMs: Date.now(),
  causeId: null,
  epoch: 0,
  timestamp: blockNumber,
  baseFeePerGas: "1",
  dexes: [],
  lateDexes: [],
  cyclesFound: 0,
  candidates: [],
});
const opportunity = (found: BodyOf<"cycleFound">, causeId: string): BodyOf<"opportunityScored"> => ({
  kind: "opportunity-scored",
  v: 1,
  chainId: 1,
  blockNumber: found.blockNumber,
  blockHash: found.blockHash,
  observedAtMs: found.observedAtMs,
  causeId,
  epoch: 0,
  causeSequence: 1,
  ...UNTAUGHT,
  maxNextBaseFeePerGas: "1",
  priorityFeePerGas: "0",
  opportunities: [],
  rejected: [],
});

type Echo = Actor<
  number,
  { fail: (block: number) => void },
  "cycleFound",
  { call: "look"; block: number },
  { kind: "looked"; block: number }
>;
const echo: Echo = {
  name: "scorer",
  decide(state, input, config) {
    if (input.type !== "message") return { state, effects: [] };
    config.fail(input.body.blockNumber);
    const effects: Effect<never>[] = [
      publish("opportunityScored", { chain }, `opp:${input.body.blockHash}`, opportunity(input.body, input.meta.id)),
    ];
    return { state: state + 1, effects };
  },
};

function start(
  spec: Partial<
    ActorSpec<number, { fail: (block: number) => void }, "cycleFound", { call: "look"; block: number }, { kind: "looked"; block: number }>
  >,
): RunningActor {
  const actor = runActor(
    {
      actor: echo,
      config: { fail: () => {} },
      chain,
      instance: `scorer-${chain}`,
      boot: async () => ({
        state: 0,
        inputs: [{ stream: "DECISIONS", chain, keys: ["cycleFound"], tokens: { chain }, startSequence: 1 }],
      }),
      ...spec,
    },
    { bus, log, version: "test" },
  );
  running.push(actor);
  return actor;
}

async function stored<Key extends "opportunityScored" | "messageBuried">(
  key: Key,
  stream: "DECISIONS" | "DEAD_LETTERS",
): Promise<BodyOf<Key>[]> {
  const found: BodyOf<Key>[] = [];
  for await (const message of bus.read(stream, stream === "DEAD_LETTERS" ? null : chain)) {
    if (message?.key === key) found.push(message.body as BodyOf<Key>);
  }
  return found;
}

async function until(condition: () => Promise<boolean> | boolean, what: string): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`never came: ${what}`);
}

const put = (body: BodyOf<"cycleFound">, id = `c:${body.blockHash}`) =>
  bus.publish("cycleFound", { chain }, body, { messageId: id, trace: { traceId: "a".repeat(32), spanId: "b".repeat(16) } });

test("one message in gives one message out, with its cause and its trace", async () => {
  start({});
  await put(cycle(1));
  await until(async () => (await stored("opportunityScored", "DECISIONS")).length === 1, "the answer");
  const last = await bus.lastOf("opportunityScored", { chain });
  expect(last?.body.causeId).toBe(`c:${hash(1)}`);
  const raw = await connect({ servers: broker.url });
  const { jetstreamManager } = await import("@nats-io/jetstream");
  const message = await (await jetstreamManager(raw)).streams.getMessage(`HS_${chain.toUpperCase()}_DECISIONS`, {
    last_by_subj: `hs.${chain}.opportunity.scored`,
  });
  expect(message?.header.get("traceparent")).toMatch(/^00-a{32}-[0-9a-f]{16}-01$/);
  await raw.close();
});

test("an actor has something to do until the calls that its inputs led to are answered", async () => {
  let answer: () => void = () => {};
  const answered = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const looking: Echo = {
    name: "scorer",
    decide: (state, input) => ({
      state,
      effects: input.type === "message" ? [{ type: "call", request: { call: "look", block: input.body.blockNumber } }] : [],
    }),
  };
  const actor = start({ actor: looking, call: ({ block }) => answered.then(() => ({ kind: "looked", block })) });
  await until(() => actor.state() === "ready", "ready");
  expect(actor.progress()).toEqual({ handled: 0, idle: true });
  await put(cycle(1));
  await until(() => actor.progress().handled === 1, "the message");
  expect(actor.progress().idle).toBe(false);
  answer();
  await until(() => actor.progress().handled === 2, "the reply");
  expect(actor.progress()).toEqual({ handled: 2, idle: true });
});

test("a message that is delivered twice is answered once", async () => {
  await put(cycle(1));
  start({ instance: "one" });
  start({ instance: "two" });
  await put(cycle(2));
  await until(async () => (await stored("opportunityScored", "DECISIONS")).length >= 2, "both answers");
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect((await stored("opportunityScored", "DECISIONS")).map((body) => body.blockNumber)).toEqual([1, 2]);
});

test("what cannot be decoded is buried with its bytes and reason, and the next message is dealt with", async () => {
  const before = (await stored("messageBuried", "DEAD_LETTERS")).length;
  const raw = await connect({ servers: broker.url });
  const { jetstream } = await import("@nats-io/jetstream");
  await jetstream(raw).publish(`hs.${chain}.cycle.found`, "nonsense");
  await put(cycle(2));
  start({});
  await until(
    async () =>
      (await stored("messageBuried", "DEAD_LETTERS")).length > before && (await stored("opportunityScored", "DECISIONS")).length === 1,
    "the burial and the answer",
  );
  const [buried] = (await stored("messageBuried", "DEAD_LETTERS")).slice(before);
  expect(buried).toMatchObject({ actor: "scorer", reason: "undecodable", sequence: 1 });
  expect(Buffer.from(buried?.payload ?? []).toString()).toBe("nonsense");
  await raw.close();
});

test("a core that throws ends its actor: nothing is skipped, and nothing of that message is stored", async () => {
  const actor = start({
    config: {
      fail: (block) => {
        if (block === 2) throw new Error("no luck");
      },
    },
  });
  for (const block of [1, 2, 3]) await put(cycle(block));
  await expect(actor.done).rejects.toThrow("no luck");
  expect((await stored("opportunityScored", "DECISIONS")).map((body) => body.blockNumber)).toEqual([1]);
  // Who comes after it begins where it is told to, and goes on.
  start({});
  await until(async () => (await stored("opportunityScored", "DECISIONS")).length === 3, "the others");
});

test("of two instances with one lease only one is active, and the other follows at once when it drains", async () => {
  const first = start({ instance: "first", lease: `scorer.${chain}` });
  await until(() => first.state() === "ready", "the first");
  const second = start({ instance: "second", lease: `scorer.${chain}` });
  await new Promise((resolve) => setTimeout(resolve, LEASE_TTL_MS + 500));
  expect([first.state(), second.state()]).toEqual(["ready", "starting"]);
  await first.drain();
  await until(() => second.state() === "ready", "the second");
}, 15_000);

test("a holder that vanishes is followed when its lease has run out, with a higher epoch", async () => {
  const leases = await bus.openLeases();
  const dead = await leases.create("vanished", "dead");
  const lease = await acquireLease(bus, { name: "vanished", holder: "next", onLost: () => {}, signal: new AbortController().signal });
  expect(lease.epoch).toBeGreaterThan(dead);
  await lease.release();
}, 15_000);

test("a fenced instance that was overtaken ends instead of writing", async () => {
  const actor = start({ instance: "stale", lease: `scorer.${chain}` });
  await put(cycle(1));
  await until(async () => (await stored("opportunityScored", "DECISIONS")).length === 1, "its first answer");
  await bus.publish("opportunityScored", { chain }, opportunity(cycle(9), "usurper"), { messageId: "usurper", trace: null });
  await put(cycle(2));
  await expect(actor.done).rejects.toThrow(FencedError);
  expect((await stored("opportunityScored", "DECISIONS")).map((body) => body.blockNumber)).toEqual([1, 9]);
});

test("a call that fails for a passing reason is repeated, and its reply comes back as input", async () => {
  let tries = 0;
  const looked: number[] = [];
  start({
    actor: {
      name: "scorer",
      decide(state, input) {
        if (input.type === "reply") looked.push(input.reply.block);
        return {
          state,
          effects: input.type === "message" ? [{ type: "call", request: { call: "look", block: input.body.blockNumber } }] : [],
        };
      },
    },
    call: async (request) => {
      if (++tries < 3) throw new RetryableError("busy", "not now");
      return { kind: "looked", block: request.block };
    },
  });
  await put(cycle(7));
  await until(() => looked.length === 1, "the reply");
  expect(looked).toEqual([7]);
});

test("draining finishes what was delivered and answers nothing later", async () => {
  const actor = start({});
  for (let block = 1; block <= 50; block++) await put(cycle(block));
  await until(async () => (await stored("opportunityScored", "DECISIONS")).length > 0, "the first answer");
  await actor.drain();
  const after = (await stored("opportunityScored", "DECISIONS")).length;
  await put(cycle(99));
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect((await stored("opportunityScored", "DECISIONS")).length).toBe(after);
  expect(actor.state()).toBe("stopped");
});

test("a timer that fired while another message was dealt with is void once that message sets it again", async () => {
  for (let block = 1; block <= 2; block++) await put(cycle(block));
  const fired: number[] = [];
  let seen = 0;
  start({
    actor: {
      name: "scorer",
      decide(state, input) {
        if (input.type === "timer") fired.push(seen);
        if (input.type !== "message") return { state, effects: [] };
        seen = input.body.blockNumber;
        const answer = publish("opportunityScored", { chain }, `opp:${input.body.blockHash}`, opportunity(input.body, input.meta.id));
        // The publish takes longer than the first timer, which so fires with the second message before it in the queue.
        return { state, effects: [{ type: "set-timer", name: "deadline", delayMs: seen === 1 ? 0 : 60 }, answer] };
      },
    },
  });
  await until(() => fired.length > 0, "the timer");
  await new Promise((resolve) => setTimeout(resolve, 150));
  expect(fired).toEqual([2]);
});

test("a question is answered by whoever is there, and by nobody in time or where nobody is", async () => {
  const request = { kind: "quote-request", v: 1, tokenIn: `0x${"1".repeat(40)}`, tokenOut: `0x${"2".repeat(40)}`, amountIn: "5" } as const;
  const question = { ...request, maxHops: 1, maxLegs: 1, gasPrice: null };
  expect(await bus.ask("quote", "nobody", question, 1_000)).toBeNull();
  const failures: string[] = [];
  const reply = { kind: "quote-reply", v: 1, answer: { ok: false, reason: "no-route" } } as const;
  const answers = [async () => reply, async () => Promise.reject(new Error("out of order"))];
  const stop = bus.answer(
    "quote",
    "asked",
    async (asked) => {
      expect(asked).toEqual(question);
      return (answers.shift() as (typeof answers)[number])();
    },
    ({ message }) => failures.push(message),
  );
  expect(await bus.ask("quote", "asked", question, 5_000)).toEqual(reply);
  expect(await bus.ask("quote", "asked", question, 200)).toBeNull();
  expect(failures).toEqual(["out of order"]);
  await stop();
  expect(await bus.ask("quote", "asked", question, 5_000)).toBeNull();
});

test("where to begin at a time is never past what is stored while that is being asked", async () => {
  for (let number = 1; number <= 20; number++) {
    const beginning = bus.sequenceAt("DECISIONS", chain, Date.now());
    // Behind the first question that this takes.
    const stored = bus.publish("cycleFound", { chain }, cycle(number), { messageId: `late:${number}`, trace: null });
    expect(await beginning).toBeLessThanOrEqual(await stored);
  }
});
