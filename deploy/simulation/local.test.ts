import { expect, test } from "vitest";
import type { LabelledBlock } from "#libs/ml/dataset.ts";
import { FEATURE_COUNT, SCHEMA_HASH } from "#libs/ml/features.ts";
import type { Kernel } from "#libs/ml/kernel.ts";
import { labelOf } from "#libs/ml/testing-labels.ts";
import { digestOf, LOCAL_LESSONS, LOCAL_UNSEEN } from "./local.ts";
import { measured } from "./measure-local.ts";

const ETHER = 1e18;
/** A block of candidates as [chance that the model gives it, promised, landed with]. */
const blockOf = (
  blockNumber: number,
  candidates: readonly (readonly [chance: number, promised: number, landed: number | null])[],
): LabelledBlock => ({
  featureSchema: SCHEMA_HASH,
  blockNumber,
  labels: candidates.map(([chance, promised, landed], rank) =>
    labelOf({
      rank,
      features: Array.from({ length: FEATURE_COUNT }, () => chance),
      netProfitWei: promised * ETHER,
      landedWei: landed === null ? null : landed * ETHER,
    }),
  ),
});

/** Says of a candidate what stands in its first column, and a coin each. */
const KERNEL = {
  score: (rows: Float32Array, count: number) =>
    Float32Array.from({ length: 3 * count }, (_, place) =>
      place % 3 === 0 ? (rows[Math.floor(place / 3) * FEATURE_COUNT] as number) : place % 3 === 1 ? 10 : 0,
    ),
} as unknown as Kernel;

test("what is measured: the model's first beside net profit's first, by what became of either", () => {
  const blocks = [
    // Net profit wants the first and gets nothing; the model the second, and gets one.
    blockOf(1, [
      [0.25, 3, null],
      [0.75, 1, 1],
    ]),
    // Both want the same.
    blockOf(2, [
      [0.75, 2, 2],
      [0.25, 1, null],
    ]),
    { ...blockOf(3, []), labels: [] },
  ];
  const { all, sent, blocks: compared, byNetProfit, byModel, apart } = measured(KERNEL, blocks);
  expect([compared, byNetProfit, byModel]).toEqual([2, 2 * ETHER, 3 * ETHER]);
  expect(apart?.mean).toBe(0.5 * ETHER);
  expect(all).toMatchObject({ rows: 4, landed: 0.5, predicted: 0.5, auc: 1, ece: 0.25 });
  expect(all.logLoss).toBeCloseTo(-Math.log(0.75), 6);
  expect(sent).toEqual(all);
});

test("a digest counts outcomes, of all and of what was sent, and the rows that are learnt from", () => {
  const [run] = LOCAL_LESSONS;
  const block = blockOf(1, [
    [0.5, 1, 1],
    [0.5, 1, null],
  ]);
  const unsent = {
    ...labelOf({ rank: 2, features: Array.from({ length: FEATURE_COUNT }, () => 0.5), netProfitWei: 1, landedWei: null }),
    executions: [],
  };
  expect(
    digestOf(run as NonNullable<typeof run>, [{ ...block, labels: [...block.labels, { ...unsent, outcome: "outbid" }] }], "00"),
  ).toEqual({
    ...run,
    candidates: 3,
    outcomes: { expired: 1, landed: 1, outbid: 1 },
    sent: { expired: 1, landed: 1 },
    rows: 3,
    landed: 1,
    sha256: "00",
  });
});

test("nothing that is learnt from is measured on", () => {
  const seeds = [...LOCAL_LESSONS, ...LOCAL_UNSEEN].map(({ seed }) => seed);
  expect(new Set(seeds).size).toBe(seeds.length);
});
