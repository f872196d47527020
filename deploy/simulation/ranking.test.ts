import { expect, test } from "vitest";
import type { LabelledBlock } from "#libs/ml/dataset.ts";
import { syntheticMarket } from "#libs/ml/testing.ts";
import { labelsFrom } from "#libs/ml/testing-labels.ts";
import { type Lessons, lessonsOf } from "./ranking.ts";
import { RULES } from "./rules.ts";

const LESSONS: Lessons = {
  rules: [RULES.private, RULES.alone],
  byNetProfit: { firstSeed: 1, runs: 3 },
  byModel: { firstSeed: 7, runs: 2 },
  blocks: 1_000_000,
  explored: 0,
  seed: 1,
};

test("lessons are runs of all rules in turn, in the order of their seeds, and none that is kept is run again", async () => {
  const market = syntheticMarket(3_000, 5);
  const asked: string[] = [];
  const kept = {
    // A run of a million blocks would be noticed.
    read: (name: string): readonly LabelledBlock[] => {
      asked.push(name);
      return labelsFrom(market, Number(name.split("-").at(-1)) * 1_000_000);
    },
    write: () => expect.unreachable(),
  };
  const dataset = await lessonsOf(LESSONS, kept);
  expect(asked).toEqual([
    "by-net-profit-private-1",
    "by-net-profit-alone-2",
    "by-net-profit-private-3",
    "by-model-private-7",
    "by-model-alone-8",
  ]);
  expect(dataset.blocks).toHaveLength(5 * 3_000);
  expect([...new Set(Array.from(dataset.blocks, (block) => Math.floor(block / 1_000_000)))]).toEqual([1, 2, 3, 7, 8]);
});
