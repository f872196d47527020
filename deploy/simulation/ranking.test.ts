import { expect, test } from "vitest";
import { datasetOf, type LabelledBlock } from "#libs/ml/dataset.ts";
import { splitByTime } from "#libs/ml/split.ts";
import { syntheticMarket } from "#libs/ml/testing.ts";
import { labelsFrom } from "#libs/ml/testing-labels.ts";
import { DEFAULT_OPTIONS } from "#libs/ml/train.ts";
import { interleaved, type Lessons, lessonsOf } from "./ranking.ts";
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

test("a run of the local chain stands whole between two of the made market, every row with its own outcome, and no window has what another has", () => {
  const RUN = 1_000_000;
  const made = datasetOf([...Array(20).keys()].flatMap((run) => labelsFrom(syntheticMarket(300, run), (run + 1) * RUN)));
  const local = [...Array(5).keys()].map((run) => datasetOf(labelsFrom(syntheticMarket(200 + run, 100 + run), 12)));
  const both = interleaved(made, local);
  expect(both.blocks).toHaveLength(20 * 300 + 200 + 201 + 202 + 203 + 204);
  // After the third run of each four, in the order given.
  const between = (run: number) =>
    [...both.blocks.keys()].filter(
      (row) => Math.abs((both.blocks[row] as number) - (run + 0.5) * RUN) < 400_000 && (both.blocks[row] as number) >= (run + 0.5) * RUN,
    );
  const rowAt = ({ rows, featureCount }: Pick<typeof made, "rows" | "featureCount">, row: number) =>
    rows.slice(row * featureCount, (row + 1) * featureCount);
  for (const [place, own] of local.entries()) {
    const rows = between(3 + 4 * place);
    expect(rows).toHaveLength(200 + place);
    for (const [at, row] of rows.entries()) {
      expect(rowAt(both, row)).toEqual(rowAt(own, at));
      for (const column of ["landed", "profitWei", "promisedWei"] as const) expect(both[column][row]).toEqual(own[column][at]);
    }
  }
  const windows = Object.values(splitByTime(both.blocks, DEFAULT_OPTIONS.split));
  const edges = windows
    .slice(1)
    .map(({ begin }, index) => (both.blocks[begin] as number) - (both.blocks[(windows[index]?.end ?? 0) - 1] as number));
  for (const apart of edges) expect(apart).toBeGreaterThan(DEFAULT_OPTIONS.split.embargoBlocks);
});
