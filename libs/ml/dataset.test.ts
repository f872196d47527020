import { describe, expect, test } from "vitest";
import { datasetOf, joined, lessonOf } from "#libs/ml/dataset.ts";
import { FEATURE_COUNT, FEATURES, SCHEMA_HASH } from "#libs/ml/features.ts";
import { type Label, OUTCOMES, type Outcome, type OutcomeLabelled } from "#proto/outcome/v1/labelled.ts";

const ROW: readonly (number | null)[] = Array.from({ length: FEATURE_COUNT }, (_, column) => (column % 5 === 4 ? null : column / 2));

function label(outcome: Outcome, options: { readonly first?: number; readonly isBlind?: boolean } & Partial<Label> = {}): Label {
  const { first = 0, isBlind = false, ...rest } = options;
  return {
    ...{ cycleId: "0".repeat(16), rank: 0, rejected: null, grossProfit: "900", netProfit: "700", executions: [] },
    evaluation: { features: isBlind ? null : [first, ...ROW.slice(1)], champion: null, challenger: null },
    next: { state: "unknown", because: "no-block", grossProfit: null, netProfit: null, rivals: 0, rival: null },
    outcome,
    ...rest,
  };
}
const execution = (end: "landed" | "failed", netProfit: string | null): Label["executions"][number] => ({
  ...{ executionId: `0x${"0".repeat(64)}`, mode: "live", end, code: null },
  landing:
    end !== "landed"
      ? null
      : {
          ...{ blockNumber: 1, transactionHash: `0x${"0".repeat(64)}`, succeeded: true, gasUsed: 1, gasCost: "1", tip: null, profit: null },
          ...{ netProfit, builderPayment: null },
        },
});
const there = (netProfit: string | null): Label["next"] => ({
  ...{ state: "there", because: null, grossProfit: "1", netProfit, rivals: 0, rival: null },
});
const ranking = (blockNumber: number, labels: Label[], featureSchema = SCHEMA_HASH) =>
  ({ blockNumber, labels, featureSchema }) as OutcomeLabelled;

describe("what is learnt from a label", () => {
  test("one that landed: what it brought, of the execution that did", () => {
    const executions = [execution("failed", null), execution("landed", "-41")];
    expect(lessonOf(label("landed", { executions, next: there("9") }))).toEqual({ landed: true, profitWei: -41 });
  });
  test("one that landed and was not settled: that it did", () => {
    expect(lessonOf(label("landed", { executions: [execution("landed", null)] }))).toEqual({ landed: true, profitWei: Number.NaN });
  });
  test("one that was not sent would have landed, for what it promised, unless an arbitrage of others went through its pools", () => {
    const taken = { ...there("512"), rivals: 1 };
    const lost = { landed: false, profitWei: Number.NaN };
    expect(lessonOf(label("still-there", { next: there("512") }))).toEqual({ landed: true, profitWei: 700 });
    expect(lessonOf(label("still-there", { next: taken }))).toEqual(lost);
    expect(lessonOf(label("vanished", { next: taken }))).toEqual(lost);
    // A trade moved it: before or behind where the bundle would have stood.
    expect(lessonOf(label("vanished"))).toBeNull();
    for (const because of ["own-trade", "dex-late"] as const) {
      const next = { ...there(null), state: "unknown", because } as const;
      expect(lessonOf(label("unknown", { next }))).toEqual({ landed: true, profitWei: 700 });
      expect(lessonOf(label("unknown", { next: { ...next, rivals: 2 } }))).toEqual(lost);
    }
  });
  test("through a pool whose quotes are more often wrong than right only what was sent says anything", () => {
    const column = FEATURES.findIndex(({ name }) => name === "poolAccuracy");
    const evaluation = { features: ROW.with(column, 0.4), champion: null, challenger: null };
    expect(lessonOf(label("still-there", { evaluation, next: there("512") }))).toBeNull();
    expect(lessonOf(label("failed", { evaluation, executions: [execution("failed", null)] }))).toMatchObject({ landed: false });
    expect(lessonOf(label("still-there", { evaluation: { ...evaluation, features: ROW.with(column, 0.5) } }))).toMatchObject({
      landed: true,
    });
  });
  test("what another gate than the model's has stopped was not up for choice", () => {
    for (const rejected of ["below-minimum", "phantom", "no-model"]) expect(lessonOf(label("outbid", { rejected }))).toBeNull();
    expect(lessonOf(label("outbid", { rejected: "not-worth-the-risk" }))).toMatchObject({ landed: false });
  });
  test.each(["reverted", "failed", "outbid", "expired"] as const)("%s: that it did not", (outcome) => {
    expect(lessonOf(label(outcome, { next: there("512") }))).toEqual({ landed: false, profitWei: Number.NaN });
  });
  test("nothing where it is not known what became of it, or what had been seen", () => {
    expect(lessonOf(label("unknown"))).toBeNull();
    for (const outcome of OUTCOMES) expect(lessonOf(label(outcome, { isBlind: true })), outcome).toBeNull();
  });
});

test("rows in the order of their blocks, those of a block in their own; what is missing is NaN", () => {
  const dataset = datasetOf([
    ranking(9, [label("expired", { first: 1, netProfit: "-5" })]),
    ranking(7, [label("still-there", { first: 2, next: there("40") }), label("unknown", { first: 3 }), label("outbid", { first: 4 })]),
    ranking(8, []),
  ]);
  expect([...dataset.blocks]).toEqual([7, 7, 9]);
  expect([...dataset.landed]).toEqual([1, 0, 0]);
  expect([...dataset.profitWei]).toEqual([700, Number.NaN, Number.NaN]);
  expect([...dataset.promisedWei]).toEqual([700, 700, -5]);
  expect(dataset.featureCount).toBe(FEATURE_COUNT);
  expect(dataset.rows).toHaveLength(3 * FEATURE_COUNT);
  for (const [place, first] of [2, 4, 1].entries())
    expect([...dataset.rows.subarray(place * FEATURE_COUNT, (place + 1) * FEATURE_COUNT)]).toEqual(
      [first, ...ROW.slice(1)].map((value) => value ?? Number.NaN),
    );
});

test("what was labelled under another schema is left out", () => {
  const dataset = datasetOf([ranking(1, [label("expired")], "f".repeat(64)), ranking(2, [label("expired")])]);
  expect([...dataset.blocks]).toEqual([2]);
});

test("where some were sent, there are about as many others: every so many of them", () => {
  const sent = label("expired", { first: 1, executions: [execution("failed", null)] });
  const others = Array.from({ length: 9 }, (_, index) => label("still-there", { first: 10 + index, next: there("1") }));
  const firstOf = ({ rows }: { rows: Float32Array }) =>
    Array.from({ length: rows.length / FEATURE_COUNT }, (_, place) => rows[place * FEATURE_COUNT]);
  expect(firstOf(datasetOf([ranking(1, [sent, ...others, sent])]))).toEqual([1, 10, 14, 18, 1]);
  expect(firstOf(datasetOf([ranking(1, others)]))).toHaveLength(9);
});

test("nothing comes of nothing", () => {
  expect(datasetOf([]).rows).toHaveLength(0);
});

test("several recordings follow one another with a gap: no two share a block, and the order within each stays", () => {
  const one = datasetOf([ranking(100, [label("expired", { first: 1 })]), ranking(103, [label("expired", { first: 2 })])]);
  const other = datasetOf([ranking(50, [label("still-there", { first: 3, next: there("6") }), label("expired", { first: 4 })])]);
  const both = joined([one, datasetOf([]), other], 10);
  const [first, second, ...rest] = both.blocks as unknown as [number, number, ...number[]];
  expect(second - first).toBe(3);
  expect(rest[0]).toBe(rest[1]);
  expect((rest[0] as number) - second).toBeGreaterThanOrEqual(10);
  expect(Array.from({ length: 4 }, (_, place) => both.rows[place * FEATURE_COUNT])).toEqual([1, 2, 3, 4]);
  expect([...both.landed]).toEqual([0, 0, 1, 0]);
  expect([...both.profitWei]).toEqual([Number.NaN, Number.NaN, 700, Number.NaN]);
  expect([...both.promisedWei]).toEqual([700, 700, 700, 700]);
});
