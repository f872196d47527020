import { afterAll, beforeAll, expect, test } from "vitest";
import type { Effect, Meta, Received } from "#libs/actor/actor.ts";
import { loadSnapshot } from "#libs/actor/snapshots.ts";
import { calls, drive, published, received } from "#libs/actor/testing.ts";
import { FEATURES, type FeatureName } from "#libs/ml/features.ts";
import { ownModel } from "#libs/ml/installed.ts";
import { describeFailure, openKernel } from "#libs/ml/model-folder.ts";
import { NO_STANDING } from "#libs/ml/standing.ts";
import { encode } from "#proto/codec.ts";
import type { AnyBody, BodyOf, StreamKey, SubjectKey } from "#proto/subjects.ts";
import { initialState as initialScorer, KEYS as SCORER_KEYS, type Keys as ScorerKeys, scorer } from "#services/scorer/actor.ts";
import { scorerConfig } from "#services/scorer/config.ts";
import { initialState, type Keys, type Request, solver } from "#services/solver/actor.ts";
import { solverConfig } from "#services/solver/config.ts";
import solve, { quote, rest } from "#services/solver/worker.ts";
import {
  initialState as initialTrainer,
  KEYS,
  type Reply as TrainerReply,
  type Request as TrainerRequest,
  trainer,
} from "#services/trainer/actor.ts";
import { trainerConfig } from "#services/trainer/config.ts";
import { System } from "./system.ts";

let system: System;
beforeAll(async () => {
  system = await System.start({ seed: 13, blockTimeMs: 1_000 });
});
afterAll(() => system.stop());

interface Stored {
  readonly key: SubjectKey;
  readonly body: AnyBody;
  readonly meta: Meta;
}

async function recorded(stream: StreamKey): Promise<Stored[]> {
  const found: Stored[] = [];
  for await (const message of system.bus.read(stream, "local")) if (message !== null) found.push(message);
  return found;
}

const branchOf = ({ blockHash, epoch }: { readonly blockHash: string; readonly epoch: number }) => `${blockHash}@${epoch}`;
const base64 = (payload: Uint8Array) => Buffer.from(payload).toString("base64");

/**
 * The market's stream through the solver's core and kernel again. What the stream does not hold is taken from the recorded decisions: a DEX was there in time
 * if they say so, and the deadline passed where the broker's clock says so, or where they name a DEX as late.
 */
async function replaySolver(
  market: readonly Stored[],
  decisions: ReadonlyMap<string, BodyOf<"cycleFound">>,
): Promise<BodyOf<"cycleFound">[]> {
  const config = solverConfig({ chain: system.chain, solver: system.solver });
  const core = drive(solver, config, initialState(config, null));
  const answers: BodyOf<"cycleFound">[] = [];
  /** Snapshots that were asked for; when each came is known from the first block that had its DEX. */
  let loading: { readonly dex: string; readonly object: string }[] = [];
  let deadlineMs = Number.POSITIVE_INFINITY;

  function act(effects: readonly Effect<Request>[]): void {
    for (const effect of published(effects)) if (effect.key === "cycleFound") answers.push(effect.body as BodyOf<"cycleFound">);
    for (const request of calls(effects)) {
      if (request.call === "load-snapshot") loading.push(request);
      else {
        const block = core.state.searching[0]?.block.body;
        const ended = block === undefined ? undefined : decisions.get(branchOf(block))?.ended;
        const result = solve(structuredClone({ ...request, ...(ended === undefined ? {} : { ended }) }));
        if (request.call !== "take-in") rest(structuredClone(request.search));
        const prepared = { kind: request.call === "take-in" ? "taken-in" : "prepared" } as const;
        act(core.give({ type: "reply", reply: result === null ? prepared : { kind: "searched", result: structuredClone(result) } }));
      }
    }
  }
  const decisionOnPending = () => (core.state.pending === null ? undefined : decisions.get(branchOf(core.state.pending.body)));

  /** Snapshots that came before the pending block was searched, then, with none pending, all others. */
  async function adoptSnapshots(): Promise<void> {
    const decision = decisionOnPending();
    const due = loading.filter(({ dex }) => core.state.pending === null || decision?.dexes.includes(dex));
    loading = loading.filter((request) => !due.includes(request));
    for (const { dex, object } of due)
      act(core.give({ type: "reply", reply: { kind: "snapshot-loaded", dex, snapshot: await loadSnapshot(system.bus, "local", object) } }));
  }

  function passDeadline(next: Stored | null): void {
    const decision = decisionOnPending();
    const missing = decision?.dexes.some((dex) => core.state.dexes.get(dex)?.reported !== branchOf(decision));
    const fromLate = next !== null && "dex" in next.body && decision?.lateDexes.includes(next.body.dex);
    if (missing || !(fromLate || (next?.meta.storedAtMs ?? Number.POSITIVE_INFINITY) >= deadlineMs)) return;
    deadlineMs = Number.POSITIVE_INFINITY;
    act(core.give({ type: "timer", name: "late-dex" }));
  }

  for (const message of market) {
    passDeadline(message);
    await adoptSnapshots();
    if (message.key === "blockObserved") {
      const decision = decisions.get(branchOf(message.body as BodyOf<"blockObserved">));
      // The solver was not there yet.
      if (decision === undefined) continue;
      // The broker's clock is not the solver's: by some milliseconds a report of the block before may have been in time there, and too late here.
      for (const id of decision.dexes) {
        const dex = core.state.dexes.get(id);
        if (dex !== undefined) dex.late = false;
      }
      deadlineMs = message.meta.storedAtMs + config.lateDexMs;
    }
    act(core.give({ type: "message", ...message } as Received<Keys>));
    // The rankings come at a pace of their own: what the last one before this search called phantoms is in its answer.
    if (message.key === "blockObserved") {
      const phantoms = decisionOnPending()?.gatedPools ?? [];
      act(core.give(received("opportunityScored", { phantoms } as BodyOf<"opportunityScored">, { sequence: 0 })));
    }
    await adoptSnapshots();
  }
  passDeadline(null);
  return answers;
}

/** Each ranking again from what it says had been read, and nothing later. */
async function replayScorer(
  streams: Readonly<Record<"MODELS" | "MARKET" | "MONEY", readonly Stored[]>>,
  found: readonly Stored[],
  scored: readonly { readonly body: BodyOf<"opportunityScored"> }[],
): Promise<BodyOf<"opportunityScored">[]> {
  const { version, folder } = ownModel();
  const opened = await openKernel(folder, { capacity: 256 });
  if (!opened.ok) throw new Error(describeFailure(opened.error));
  const config = scorerConfig({ chain: system.chain, section: { mode: "live", scorer: { ranking: "model" } } }, version);
  const beginning = { scored: 0, standing: NO_STANDING, modelsThrough: 0, models: new Map([[version, opened.value.kernel]]) };
  const core = drive(scorer, config, initialScorer(config, beginning));
  const place = { MODELS: 0, MARKET: 0, MONEY: 0 };
  const through = (stream: keyof typeof streams, sequence: number) => {
    for (; (streams[stream][place[stream]]?.meta.sequence ?? Number.POSITIVE_INFINITY) <= sequence; place[stream]++) {
      const message = streams[stream][place[stream]] as Stored;
      if ((SCORER_KEYS[stream] as readonly string[]).includes(message.key))
        core.give({ type: "message", ...message } as Received<ScorerKeys>);
    }
  };
  return scored.map(({ body }) => {
    through("MODELS", body.seen.models);
    through("MARKET", body.seen.market);
    through("MONEY", body.seen.money);
    const cause = found.find(({ meta }) => meta.sequence === body.causeSequence);
    const effects = core.give({ type: "message", ...cause } as Received<"cycleFound">);
    // No model is trained in so short a run.
    expect(calls(core.all)).toEqual([]);
    return published(effects)[0]?.body as BodyOf<"opportunityScored">;
  });
}

async function answerToTrainer(request: TrainerRequest): Promise<TrainerReply> {
  switch (request.call) {
    case "read-ends":
      return { kind: "ends-read", decisions: 0, money: 0, models: 0 };
    case "load-snapshot":
      return { kind: "snapshot-loaded", dex: request.dex, snapshot: await loadSnapshot(system.bus, "local", request.object) };
    default:
      throw new Error(`${request.call}: no model is trained in so short a run`);
  }
}

/** All streams through the trainer's core again, one after the other: nothing tells it at what pace they came. */
async function replayTrainer(messages: readonly Stored[]): Promise<ReadonlyMap<string, BodyOf<"outcomeLabelled">>> {
  const config = trainerConfig({ chain: system.chain, section: { scorer: { ranking: "model" } } }, ownModel().version);
  const core = drive(trainer, config, initialTrainer(config, { DECISIONS: 0, MONEY: 0 }, 0));
  let isTurn = false;
  async function act(effects: readonly Effect<TrainerRequest>[]): Promise<void> {
    for (const effect of effects) if (effect.type === "set-timer") isTurn = true;
    for (const request of calls(effects)) await act(core.give({ type: "reply", reply: await answerToTrainer(request) }));
  }
  for (const message of messages) await act(core.give({ type: "message", ...message } as Parameters<typeof core.give>[0]));
  while (isTurn) {
    isTurn = false;
    await act(core.give({ type: "timer", name: "turn" }));
  }
  const labels = published(core.all).filter(({ key }) => key === "outcomeLabelled");
  return new Map(labels.map(({ messageId, body }) => [messageId, body as BodyOf<"outcomeLabelled">]));
}

test("replaying the recorded market gives every decision again, byte for byte", async () => {
  system.spawnAll();
  await system.untilReady();
  // The snapshots that the solver has asked for are in before the first block comes.
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  await system.localnet.startTrading();
  await system.blocks(3);
  // One fetcher stands still for longer than the solver waits for it.
  const slow = system.actors.get(`fetcher:${system.chain.dexes.at(-1)?.id}`)?.child;
  slow?.kill("SIGSTOP");
  await system.blocks(1);
  await new Promise((resolve) => setTimeout(resolve, 600));
  slow?.kill("SIGCONT");
  await system.blocks(3);
  await system.localnet.reorg(2);
  await system.blocks(4);
  await system.localnet.stopTrading();
  await system.untilRanked();

  const decided = await recorded("DECISIONS");
  const market = await recorded("MARKET");
  const found = decided.filter(({ key }) => key === "cycleFound") as (Stored & { body: BodyOf<"cycleFound"> })[];
  const scored = decided.filter(({ key }) => key === "opportunityScored") as (Stored & { body: BodyOf<"opportunityScored"> })[];

  const replayed = await replaySolver(market, new Map(found.map(({ body }) => [branchOf(body), body])));
  expect(replayed.map(branchOf)).toEqual(found.map(({ body }) => branchOf(body)));
  for (const [index, { body }] of found.entries()) {
    const again = replayed[index] as BodyOf<"cycleFound">;
    expect(again, `cycles of block ${body.blockNumber} in epoch ${body.epoch}`).toEqual(body);
    expect(base64(encode("cycleFound", again))).toBe(base64(encode("cycleFound", body)));
  }

  // The same market is quoted the same: what the running solver answers, and what the replayed one does.
  const { wrappedNative: native, tokens } = system.chain;
  const tokenOut = tokens.find(({ symbol }) => symbol === "USDC")?.address as string;
  const ofBoth = { kind: "quote-request", v: 1, tokenIn: native, tokenOut, amountIn: `${50n * 10n ** 18n}` } as const;
  const request = { ...ofBoth, maxHops: 3, maxLegs: 4, gasPrice: "1000000000" };
  const quoted = await system.bus.ask("quote", "local", request, 5_000);
  expect(quoted?.answer).toMatchObject({ ok: true, blockHash: found.at(-1)?.body.blockHash });
  expect(quoted?.answer).toEqual(structuredClone(quote({ request, native })));

  const ranked = await replayScorer({ MODELS: await recorded("MODELS"), MARKET: market, MONEY: await recorded("MONEY") }, found, scored);
  for (const [index, { body }] of scored.entries()) {
    const again = ranked[index] as BodyOf<"opportunityScored">;
    expect(again, `ranking of block ${body.blockNumber} in epoch ${body.epoch}`).toEqual(body);
    expect(base64(encode("opportunityScored", again))).toBe(base64(encode("opportunityScored", body)));
  }
  // Models decided, on rows that hold something of each stream.
  expect(scored.filter(({ body }) => body.ranking === "champion").length).toBeGreaterThanOrEqual(10);
  const rows = scored.flatMap(({ body }) => [...body.opportunities, ...body.rejected].map(({ evaluation }) => evaluation));
  const known = (name: FeatureName) => rows.some(({ features }) => features?.[FEATURES.findIndex((each) => each.name === name)] != null);
  for (const name of ["priceImpact", "thinnestTvl", "stateAge", "tokenConfidence", "cycleVanished"] as const)
    expect(known(name), name).toBe(true);
  expect(rows.some(({ champion }) => champion !== null)).toBe(true);
  expect(scored.at(-1)?.body.seen.money).toBeGreaterThan(0);

  // The run was worth replaying.
  expect(scored.map(({ body }) => body.causeSequence)).toEqual(found.map(({ meta }) => meta.sequence));
  expect(found.length).toBeGreaterThanOrEqual(12);
  expect(found.filter(({ body }) => body.candidates.length > 0).length).toBeGreaterThanOrEqual(6);
  expect(found.some(({ body }) => body.lateDexes.length > 0)).toBe(true);
  expect(new Set(found.map(({ body }) => body.epoch)).size).toBe(2);

  const labelled = decided.filter(({ key }) => key === "outcomeLabelled") as (Stored & { body: BodyOf<"outcomeLabelled"> })[];
  const streams = [await recorded("MONEY"), decided, market].flat();
  const again = await replayTrainer(
    streams.filter(
      ({ key, meta }) => key !== "outcomeLabelled" && (KEYS[meta.stream as keyof typeof KEYS] as readonly string[]).includes(key),
    ),
  );
  for (const { body, meta } of labelled)
    expect(again.get(meta.id), `labels of block ${body.blockNumber} in epoch ${body.epoch}`).toEqual(body);
  expect(labelled.length).toBeGreaterThanOrEqual(4);
  expect(labelled.some(({ body }) => body.labels.some(({ outcome }) => outcome === "landed"))).toBe(true);
});
