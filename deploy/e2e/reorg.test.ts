import { afterAll, beforeAll, expect, test } from "vitest";
import { holdings } from "#services/cli/report.ts";
import { expectBooksInOrder } from "./books.ts";
import { System } from "./system.ts";

let system: System;
beforeAll(async () => {
  system = await System.start({ seed: 11, blockTimeMs: 1_000 });
});
afterAll(() => system.stop());

test("a reorganisation of depth 3 in the middle leaves every pool's state, and every trade, as the chain has it", async () => {
  const before = await holdings(system.client, system.chain, system.wallet);
  system.spawnAll();
  await system.untilReady();
  await system.localnet.startTrading();
  await system.blocks(8);
  await system.localnet.reorg(3);
  await system.blocks(6);
  await system.settle();

  const reorgs = await system.bodies("MARKET", "block-reorged");
  expect(reorgs.map(({ dropped }) => dropped.length)).toEqual([3]);
  const { compared, different } = await system.compareStates();
  expect(different).toEqual([]);
  expect(compared).toBeGreaterThanOrEqual(600);
  await expectBooksInOrder(system, before);
  expect(system.died).toEqual([]);
});
