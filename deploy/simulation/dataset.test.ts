import { expect, test } from "vitest";
import { FEATURE_COUNT, FEATURES } from "#libs/ml/features.ts";
import type { Label, LabelledExecution, LabelledNext } from "#proto/outcome/v1/labelled.ts";
import { datasetOf, type Example, verdictOf } from "./dataset.ts";

const NEXT: LabelledNext = {
  state: "there",
  because: null,
  grossProfit: "900",
  netProfit: "700",
  rivals: 0,
  rival: null,
};
const LABEL: Label = {
  cycleId: "0000000000000001",
  cycles: 1,
  rank: 0,
  rejected: null,
  grossProfit: "1000",
  netProfit: "800",
  evaluation: { features: FEATURES.map(() => 1), champion: null, challenger: null },
  executions: [],
  next: NEXT,
  outcome: "still-there",
};
const sent = (end: LabelledExecution["end"], netProfit: string | null = null): LabelledExecution => ({
  executionId: `0x${"11".repeat(32)}`,
  mode: "live",
  end,
  code: null,
  landing:
    netProfit === null
      ? null
      : {
          blockNumber: 2,
          transactionHash: `0x${"22".repeat(32)}`,
          succeeded: true,
          gasUsed: 1,
          gasCost: "1",
          tip: null,
          profit: "900",
          netProfit,
          builderPayment: "0",
        },
});
const LANDED = { landed: 1, profitWei: 800 };
const LOST = { landed: 0, profitWei: Number.NaN };
const withAccuracy = (accuracy: number) => ({
  ...LABEL.evaluation,
  features: FEATURES.map(({ name }) => (name === "poolAccuracy" ? accuracy : 0)),
});

test.each<[string, Partial<Label>, unknown]>([
  ["what landed earned what was settled", { outcome: "landed", executions: [sent("landed", "750")] }, { landed: 1, profitWei: 750 }],
  ["what failed in simulation is lost", { outcome: "failed", executions: [sent("failed")] }, LOST],
  ["what was sent and did not come is lost, whatever became of the gap", { outcome: "expired", executions: [sent("expired")] }, LOST],
  ["what was mined and reverted is lost", { outcome: "reverted", executions: [sent("reverted")] }, LOST],
  ["what others took is lost", { outcome: "outbid" }, LOST],
  ["what stood untouched would have landed, for what it promised", {}, LANDED],
  ["what stood after somebody had traded in its direction would not have landed", { next: { ...NEXT, rivals: 1 } }, LOST],
  ["what went with somebody's arbitrage would not have landed", { outcome: "vanished", next: { ...NEXT, state: "gone", rivals: 1 } }, LOST],
  ["what went with nobody's is not known", { outcome: "vanished", next: { ...NEXT, state: "gone" } }, null],
  [
    "what another trade of ours took would have landed",
    { outcome: "unknown", next: { ...NEXT, state: "unknown", because: "own-trade" } },
    LANDED,
  ],
  [
    "what another trade of ours took behind somebody else is lost",
    { outcome: "unknown", next: { ...NEXT, state: "unknown", because: "own-trade", rivals: 2 } },
    LOST,
  ],
  ["what nobody watched is not known", { outcome: "unknown", next: { ...NEXT, state: "unknown", because: "not-watched" } }, null],
  [
    "what was ranked without having been seen says nothing",
    { evaluation: { ...LABEL.evaluation, features: null }, outcome: "landed", executions: [sent("landed", "750")] },
    null,
  ],
  ["what a reorganisation dropped is not known", { outcome: "unknown", next: { ...NEXT, state: "unknown", because: "reorged" } }, null],
  ["an unsent one through a pool that mostly failed is not known", { evaluation: withAccuracy(0.4) }, null],
  ["a sent one through such a pool is", { evaluation: withAccuracy(0.4), outcome: "failed", executions: [sent("failed")] }, LOST],
])("%s", (_, change, verdict) => {
  expect(verdictOf({ ...LABEL, ...change })).toEqual(verdict);
});

test("of what was not sent, every so many are kept, so that they are about as many as what was", () => {
  const example = (block: number, isSent: boolean): Example => ({
    block,
    label: {
      ...LABEL,
      evaluation: { ...LABEL.evaluation, features: FEATURES.map(({ name }) => (name === "poolAccuracy" ? 1 : block)) },
      ...(isSent ? { outcome: "landed", executions: [sent("landed", "750")] } : {}),
    },
  });
  const examples = Array.from({ length: 60 }, (_, block) => example(block, block % 6 === 5));
  const { blocks, landed, profitWei, promisedWei, rows } = datasetOf(examples);
  expect([...blocks].filter((block) => block % 6 === 5)).toHaveLength(10);
  expect(blocks).toHaveLength(20);
  expect([...blocks]).toEqual([...blocks].sort((left, right) => left - right));
  expect([...landed].every((each) => each === 1)).toBe(true);
  expect([...profitWei].map((wei, row) => [wei, promisedWei[row], rows[row * FEATURE_COUNT]])).toEqual(
    [...blocks].map((block) => [block % 6 === 5 ? 750 : 800, 800, block]),
  );
});
