import { afterAll, beforeAll, expect, test } from "vitest";
import { holdings } from "#services/cli/report.ts";
import type { StatsView } from "#services/gateway/api.ts";
import { expectBooksInOrder } from "./books.ts";
import { notOnce, System } from "./system.ts";

let system: System;
beforeAll(async () => {
  system = await System.start({ seed: 7, blockTimeMs: 1_000 });
});
afterAll(() => system.stop());

test("killing any actor in the middle and starting it again loses and repeats nothing", async () => {
  const before = await holdings(system.client, system.chain, system.wallet);
  const names = system.spawnAll();
  await system.untilReady();
  await system.localnet.startTrading();
  for (const name of names) {
    await system.blocks(2);
    await system.kill(name);
    // Long enough for a block to come while it is gone.
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    system.spawn(name);
    await system.untilReady([name]);
  }
  await system.blocks(3);
  await system.settle();

  const report = await expectBooksInOrder(system, before);
  expect(report.landed).toBeGreaterThanOrEqual(5);
  const { compared, different } = await system.compareStates();
  expect(different).toEqual([]);
  expect(compared).toBeGreaterThanOrEqual(600);

  // Each ranking that is old enough has its labels, once.
  const labelled = await system.bodies("DECISIONS", "outcome-labelled");
  expect(notOnce(labelled.map(({ causeId }) => causeId ?? ""))).toEqual({});
  const through = Math.max(...labelled.map(({ blockNumber }) => blockNumber));
  const ranked = (await system.bodies("DECISIONS", "opportunity-scored")).filter(({ blockNumber }) => blockNumber <= through);
  expect(labelled.map(({ blockHash }) => blockHash).sort()).toEqual(ranked.map(({ blockHash }) => blockHash).sort());
  expect(labelled.length).toBeGreaterThan(names.length);
  expect(labelled.some(({ labels }) => labels.some(({ outcome }) => outcome === "landed"))).toBe(true);

  const stats = (await (await fetch(`${system.gatewayUrl}/api/stats`)).json()) as StatsView;
  expect(stats.totalProfit, "the gateway's totals, rebuilt after its own death").toBe(report.profitWei);
  expect(stats.totalTrades).toBe(report.landed);
  expect(system.died).toEqual([]);
});
