import { expect, test } from "vitest";
import { Pairs, proceedsOf } from "#libs/ml/comparison.ts";
import { lessonOf } from "#libs/ml/dataset.ts";
import { labelOf, scoreOf } from "#libs/ml/testing-labels.ts";
import type { Label } from "#proto/outcome/v1/labelled.ts";

const [A, B] = ["a".repeat(16), "b".repeat(16)];
const row = (landedWei: number | null, netProfitWei = 100, rank = 0) => labelOf({ rank, features: [], netProfitWei, landedWei });
const unknown = (label: Label): Label => ({ ...label, outcome: "unknown", next: { ...label.next, state: "unknown", because: "no-block" } });

test("the difference is challenger less champion, in log-loss and in wei of what either would have sent first", () => {
  const pairs = new Pairs();
  for (let block = 0; block < 50; block++) {
    // The champion prefers what vanishes, the challenger what lands for 70 wei.
    pairs.add(
      block,
      [
        { label: row(null, 200), champion: scoreOf(0.9, 200), challenger: scoreOf(0.1, 200) },
        { label: row(70, 100, 1), champion: scoreOf(0.5, 100), challenger: scoreOf(0.9, 100) },
      ],
      "nothing",
    );
  }
  const comparison = pairs.compare(A, B, 1);
  const champion = (-Math.log(0.1) - Math.log(0.5)) / 2;
  const challenger = -Math.log(0.9);
  expect(comparison).toMatchObject({ champion: A, challenger: B, firstBlock: 0, lastBlock: 49, blocks: 50, candidates: 100, landed: 50 });
  // The same in every block, so the interval is a point.
  for (const at of ["mean", "low", "high"] as const) {
    expect(comparison?.logLoss[at]).toBeCloseTo(challenger - champion, 12);
    expect(comparison?.profit[at]).toBe(70);
  }
  expect(comparison?.eceChallenger).toBeCloseTo(0.1, 12);
  expect(comparison?.eceChampion).toBeCloseTo(0.7, 12);
});

test("a block whose first candidate's end is not known, by either order, says nothing of profit but of landing", () => {
  const pairs = new Pairs();
  const known = { label: row(70, 100, 1), champion: scoreOf(0.5, 100), challenger: scoreOf(0.5, 100) };
  pairs.add(1, [{ label: unknown(row(1, 200)), champion: scoreOf(0.9, 200), challenger: scoreOf(0.1, 200) }, known], "nothing");
  expect([pairs.blocks, pairs.profitBlocks, pairs.candidates]).toEqual([1, 0, 1]);
  expect(pairs.compare(A, B, 1)).toBeNull();
  // Not known, and first for nobody.
  pairs.add(2, [{ label: unknown(row(1, 200)), champion: scoreOf(0.1, 200), challenger: scoreOf(0.1, 200) }, known], "nothing");
  expect([pairs.blocks, pairs.profitBlocks]).toEqual([2, 1]);
});

test("nothing is sent that is worth nothing, or was below the least net profit", () => {
  const pairs = new Pairs();
  const poor = { ...row(70), rejected: "below-minimum" };
  pairs.add(
    1,
    [
      { label: poor, champion: scoreOf(0.9, 1_000), challenger: scoreOf(0.9, 1_000) },
      { label: row(50, 100, 1), champion: scoreOf(0.9, -5), challenger: scoreOf(0.9, 5) },
    ],
    "nothing",
  );
  expect(pairs.compare(A, B, 1)?.profit.mean).toBe(50);
});

test("nothing is sent that another gate than a model's has stopped", () => {
  const pairs = new Pairs();
  const phantom = { ...row(null, 300), rejected: "phantom" };
  const risky = { ...row(40, 200), rejected: "not-worth-the-risk" };
  const all = [phantom, risky, row(50, 100, 1)];
  pairs.add(
    1,
    all.map((label) => ({ label, champion: pairs.byNetProfit(label), challenger: scoreOf(0.5, label.rank === 1 ? 9 : 1) })),
    "nothing",
  );
  expect(pairs.compare(A, B, 1)?.profit.mean).toBe(50 - 40);
});

test("net profit says what is promised, and that as many land as have so far", () => {
  const pairs = new Pairs();
  expect(pairs.byNetProfit(row(70, 100))).toEqual({ landing: 1 / 2, value: "100" });
  const both = (label: Label) => ({ label, champion: scoreOf(0.5, 1), challenger: scoreOf(0.5, 1) });
  pairs.add(1, [both(row(70)), both(row(70)), both(row(null))], "nothing");
  expect(pairs.byNetProfit(row(null, -5))).toEqual({ landing: 3 / 5, value: "-5" });
});

test("what sending came to: what it paid, nothing or its gas where it was gone, what the revert cost, or not known", () => {
  expect(proceedsOf(row(70), "gas")).toBe(70);
  expect(proceedsOf(row(null, 5), "nothing")).toBe(0);
  // Gross profit in these labels: the net, and 10^15 for gas.
  expect(proceedsOf(row(null, 5), "gas")).toBe(-1e15);
  expect(proceedsOf(unknown(row(70)), "gas")).toBeNull();
  const reverted = {
    ...row(null),
    outcome: "reverted",
    executions: [{ executionId: "0x", mode: "live", end: "reverted", code: null, landing: { gasCost: "321" } }],
  } as unknown as Label;
  expect(lessonOf(reverted)).toMatchObject({ landed: false });
  expect(proceedsOf(reverted, "nothing")).toBe(-321);
});

test("of a long trial neighbours are resampled together: what only alternates between them is no spread", () => {
  const pairs = new Pairs();
  // 251 blocks make pairs of neighbours; the oldest is left over.
  for (let block = 0; block < 251; block++)
    pairs.add(
      block,
      [
        { label: row(block % 2 === 0 ? 40 : 60, 100), champion: scoreOf(0.5, -1), challenger: scoreOf(0.5, 100) },
        { label: row(50, 100, 1), champion: scoreOf(0.5, 100), challenger: scoreOf(0.5, -1) },
      ],
      "nothing",
    );
  expect(pairs.compare(A, B, 1)).toMatchObject({ blocks: 251, profit: { mean: 0, low: 0, high: 0 } });
});
