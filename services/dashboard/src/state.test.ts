import { expect, test } from "vitest";
import type { GatewayEvent, InitialView, OpportunityView, TradeView } from "#services/gateway/api.ts";
import { gatewayConfig } from "#services/gateway/config.ts";
import { applyMessage, initialReadModel } from "#services/gateway/read-model.ts";
import { createScenario } from "#services/gateway/testing.ts";
import { healthView, initialView } from "#services/gateway/views.ts";
import { applyEvent, type DashboardState, statsOf, statusOf } from "./state.ts";

const START_MS = 1_790_000_000_000;

function market() {
  const scenario = createScenario({ seed: 3, startMs: START_MS, reorgShare: 0.1 });
  const model = initialReadModel({ chains: [{ config: scenario.chain, mode: "live" }], bounds: gatewayConfig() });
  const next = (): GatewayEvent[] => scenario.nextBlock().flatMap((message) => applyMessage(model, message));
  const initial = (): InitialView => {
    const nowMs = START_MS + 200_000;
    const health = healthView(model, { nowMs, startedAtMs: START_MS, headLateAfterMs: 30_000, caughtUp: true });
    return initialView(model, health, { nowMs, listSize: 150 });
  };
  return { next, initial };
}

const folded = (state: DashboardState | null, events: readonly GatewayEvent[]): DashboardState => {
  const after = events.reduce<DashboardState | null>((current, event) => applyEvent(current, event, START_MS + 200_000), state);
  if (after === null) throw new Error("an initial message came first");
  return after;
};

test("following the events shows what a fresh page would show", () => {
  const { next, initial } = market();
  for (let block = 0; block < 20; block += 1) next();
  let state = folded(null, [{ type: "initial", data: initial() }]);
  for (let block = 0; block < 40; block += 1) state = folded(state, next());
  const fresh = folded(null, [{ type: "initial", data: initial() }]);
  expect(state.heads).toEqual(fresh.heads);
  expect(state.profitCurve).toEqual(fresh.profitCurve);
  expect(state.trades.map(({ id, voided }) => ({ id, voided }))).toEqual(fresh.trades.map(({ id, voided }) => ({ id, voided })));
  const shown = ({ opportunities, heads }: DashboardState) =>
    opportunities.map((each) => ({ id: each.id, label: each.label, status: statusOf(each, heads) }));
  expect(shown(state)).toEqual(shown(fresh));
  expect(shown(state).some(({ label }) => label !== null)).toBe(true);
  expect([state.modelChanges > 3, fresh.modelChanges]).toEqual([true, 0]);
});

test("nothing is shown before the first full message", () => {
  const { next, initial } = market();
  expect(next().reduce<DashboardState | null>((state, event) => applyEvent(state, event, 0), null)).toBeNull();
  expect(folded(null, [{ type: "initial", data: initial() }]).clockOffsetMs).toBe(0);
});

test("lists stay bounded, however long the page is open", () => {
  const { initial } = market();
  const many = Array.from({ length: 500 }, (_, index) => index);
  const state = folded(null, [
    { type: "initial", data: initial() },
    ...many.map((index): GatewayEvent => ({ type: "opportunity", data: { id: `${index}`, timestamp: index, rank: 0 } as OpportunityView })),
    ...many.map((index): GatewayEvent => ({ type: "trade", data: { id: `${index}`, timestamp: index } as TradeView })),
  ]);
  expect(state.opportunities).toHaveLength(150);
  expect(state.trades[0]?.id).toBe("499");
  expect(state.trades).toHaveLength(150);
});

test("statistics are those of the chosen chain", () => {
  const { next, initial } = market();
  next();
  const state = folded(null, [{ type: "initial", data: initial() }]);
  expect(statsOf(state, "local").blocks).toBe(1);
  expect(statsOf(state, null)).toBe(state.stats);
});

test("a message of a newer gateway is passed over", () => {
  const { initial } = market();
  const state = folded(null, [{ type: "initial", data: initial() }]);
  expect(applyEvent(state, { type: "weather", data: {} } as unknown as GatewayEvent, 0)).toBe(state);
});
