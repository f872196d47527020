import { afterAll, beforeAll, expect, test } from "vitest";
import { holdings } from "#services/cli/report.ts";
import type { StatsView } from "#services/gateway/api.ts";
import { expectBooksInOrder } from "./books.ts";
import { System } from "./system.ts";

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

  const stats = (await (await fetch(`${system.gatewayUrl}/api/stats`)).json()) as StatsView;
  expect(stats.totalProfit, "the gateway's totals, rebuilt after its own death").toBe(report.profitWei);
  expect(stats.totalTrades).toBe(report.landed);
  expect(system.died).toEqual([]);
});
