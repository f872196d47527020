import { fc, test } from "@fast-check/vitest";
import { expect } from "vitest";
import { gatewayConfig } from "#services/gateway/config.ts";
import { modelsView } from "#services/gateway/learning.ts";
import { contribute, emptyTotals } from "#services/gateway/ledger.ts";
import type { ReadMessage, ReadModel } from "#services/gateway/model.ts";
import { applyMessage, initialReadModel } from "#services/gateway/read-model.ts";
import { createScenario, TEST_CHAIN } from "#services/gateway/testing.ts";
import { healthView, opportunitiesView, profitView, rejectionsView, statsView, tradesView } from "#services/gateway/views.ts";

const START_MS = 1_790_000_000_000;
const NOW_MS = START_MS + 3_600_000;
const BLOCKS = 30;

const modelOf = (messages: readonly ReadMessage[], bounds = gatewayConfig()): ReadModel => {
  const model = initialReadModel({ chains: [{ config: TEST_CHAIN, mode: "live" }], bounds });
  for (const message of messages) applyMessage(model, message);
  return model;
};

/** Everything a reader can see, less what says how the messages came. */
const readingOf = (model: ReadModel) => {
  const { messages, ...stats } = statsView(model, NOW_MS);
  return {
    stats,
    total: messages.total,
    opportunities: opportunitiesView(model, { limit: 500 }),
    rejections: rejectionsView(model, { limit: 500 }),
    models: [...model.chains.values()].map((chain) => modelsView(chain, 500)),
    trades: tradesView(model, { limit: 1_000 }),
    health: healthView(model, { nowMs: NOW_MS, startedAtMs: START_MS, headLateAfterMs: 30_000, caughtUp: true }),
  };
};

const stormOf = (seed: number): ReadMessage[] => {
  const scenario = createScenario({ seed, startMs: START_MS, reorgShare: 0.3 });
  return Array.from({ length: BLOCKS }, (_, index) => [...scenario.nextBlock(), ...scenario.heartbeats(START_MS + index * 2_000)]).flat();
};

const seeds = fc.integer({ min: 1, max: 1_000_000 });
const shuffles = fc.array(fc.nat(), { minLength: 400, maxLength: 400 });

test.prop([seeds, shuffles], { numRuns: 15 })("redelivered messages change nothing, wherever they come again", (seed, places) => {
  const messages = stormOf(seed);
  const repeated = messages.flatMap((message, index) => {
    const earlier = messages[(places[index % places.length] ?? 0) % (index + 1)];
    return index % 3 === 0 && earlier !== undefined ? [message, earlier] : [message];
  });
  const model = modelOf(repeated);
  expect(readingOf(model)).toEqual(readingOf(modelOf(messages)));
  expect(model.duplicates).toBe(repeated.length - messages.length);
});

test.prop([seeds, shuffles], { numRuns: 15 })("messages that overtake one another lead to the same reading", (seed, places) => {
  const messages = stormOf(seed);
  const keyed = messages.map((message, index) => ({ message, place: index + ((places[index % places.length] ?? 0) % 60) }));
  const overtaken = keyed.sort((a, b) => a.place - b.place).map(({ message }) => message);
  expect(readingOf(modelOf(overtaken))).toEqual(readingOf(modelOf(messages)));
});

test.prop([seeds], { numRuns: 15 })("totals are the sum over the executions, and the curve ends at them", (seed) => {
  const model = modelOf(stormOf(seed));
  const chain = model.chains.get(TEST_CHAIN.key);
  if (chain === undefined) throw new Error("the chain is served");
  const sum = emptyTotals();
  for (const execution of [...chain.ledger.open.values(), ...chain.ledger.settled.values()])
    contribute(sum, execution, 1, TEST_CHAIN.wrappedNative);
  expect(chain.ledger.totals).toEqual(sum);

  const standing = tradesView(model, { limit: 1_000 }).filter(({ voided }) => !voided);
  const stats = statsView(model, NOW_MS);
  expect(stats.totalProfit).toBe(standing.reduce((total, { netProfitWei }) => total + BigInt(netProfitWei), 0n).toString());
  expect(stats.totalTrades).toBe(standing.length);
  expect(profitView(model)[0]?.points.at(-1)?.netProfit ?? "0").toBe(stats.totalProfit);
});

test.prop([seeds], { numRuns: 10 })("with small bounds the totals stay exact and the lists stay small", (seed) => {
  const scenario = createScenario({ seed, startMs: START_MS, reorgShare: 0 });
  const messages = Array.from({ length: 80 }, () => scenario.nextBlock()).flat();
  const bounds = {
    ...gatewayConfig(),
    opportunitiesKept: 20,
    rejectionsKept: 15,
    outcomesKept: 30,
    labelStretchesKept: 7,
    tradesKept: 10,
    executionsKept: 20,
    profitPointsKept: 8,
  };
  const small = modelOf(messages, bounds);
  expect(statsView(small, NOW_MS)).toEqual(statsView(modelOf(messages), NOW_MS));
  expect(opportunitiesView(small, { limit: 500 }).length).toBeLessThanOrEqual(20);
  expect(tradesView(small, { limit: 500 }).length).toBeLessThanOrEqual(10);
  expect(rejectionsView(small, { limit: 500 })).toHaveLength(15);
  const [models] = [...small.chains.values()].map((chain) => modelsView(chain, 500));
  expect(models?.labels.overTime.length).toBeLessThanOrEqual(7);
  const labelled = messages.flatMap(({ body }) => (body.kind === "outcome-labelled" ? body.labels : []));
  const counted = models?.labels.overTime.flatMap(({ byOutcome }) => Object.values(byOutcome)).reduce((sum, count) => sum + count, 0);
  expect(counted).toBe(labelled.length);
  expect(profitView(small)[0]?.points.length).toBeLessThanOrEqual(8);
});
