import { expect, test } from "vitest";
import type { ModelsView } from "#services/gateway/api.ts";
import { gatewayConfig } from "#services/gateway/config.ts";
import { modelsView } from "#services/gateway/learning.ts";
import type { ChainModel } from "#services/gateway/model.ts";
import { initialReadModel } from "#services/gateway/read-model.ts";
import { TEST_CHAIN } from "#services/gateway/testing.ts";
import { calibrationPoints, columnsOf, decider, viewToShow } from "./models.ts";

const empty = (): ModelsView => {
  const model = initialReadModel({ chains: [{ config: TEST_CHAIN, mode: "live" }], bounds: gatewayConfig() });
  return modelsView([...model.chains.values()][0] as ChainModel, 10);
};
const ranked = (lastRanking: Partial<NonNullable<ModelsView["lastRanking"]>>, canaryShare = 0): ModelsView => ({
  ...empty(),
  standing: { ...empty().standing, canaryShare },
  lastRanking: { blockNumber: 7, ranking: "champion", unfit: null, champion: "a".repeat(16), challenger: null, ...lastRanking },
});

test("who decides is said by the newest ranking, and that nothing passes when nobody can", () => {
  expect(decider(empty())).toMatchObject({ name: "nobody yet", tone: "idle" });
  expect(decider(ranked({}))).toEqual({ name: "aaaaaaaa", detail: "the champion", tone: "good" });
  expect(decider(ranked({ ranking: "challenger", challenger: "b".repeat(16) }, 0.1))).toEqual({
    name: "bbbbbbbb",
    detail: "the challenger, in 10 % of the blocks",
    tone: "busy",
  });
  expect(decider(ranked({ ranking: "net-profit" }))).toMatchObject({ name: "net profit", detail: "models score and decide nothing" });
  expect(decider(ranked({ ranking: "net-profit", champion: null }))).toMatchObject({ detail: "no model scores" });
  expect(decider(ranked({ ranking: "none", unfit: "stale" }))).toEqual({
    name: "nobody",
    detail: "nothing passes: nothing has been heard of it for too long; is the trainer running?",
    tone: "bad",
  });
});

test("columns of labels stand side by side with gaps where there were none, the highest at full height", () => {
  const overTime = [
    { firstBlock: 10, blocks: 2, byOutcome: { vanished: 1, landed: 1 } },
    { firstBlock: 16, blocks: 2, byOutcome: { outbid: 4 } },
  ];
  const columns = columnsOf({ byOutcome: {}, overTime });
  expect(columns.map(({ firstBlock, total }) => [firstBlock, total])).toEqual([
    [10, 2],
    [12, 0],
    [14, 0],
    [16, 4],
  ]);
  expect(columns[0]?.parts.map(({ outcome, count, share }) => [outcome, count, share])).toEqual([
    ["landed", 1, 0.25],
    ["vanished", 1, 0.25],
  ]);
  expect(columns[3]?.parts).toMatchObject([{ share: 1 }]);
  expect(columnsOf({ byOutcome: {}, overTime: [] })).toEqual([]);
});

test("a year without labels does not become a column a block", () => {
  const far = [10, 2_600_000].map((firstBlock) => ({ firstBlock, blocks: 1, byOutcome: { landed: 1 } }));
  expect(columnsOf({ byOutcome: {}, overTime: far }).length).toBeLessThanOrEqual(400);
});

test("empty bins are no points of the calibration", () => {
  const bin = { from: 0, to: 0.1, count: 3, predicted: 0.05, observed: 0.1 };
  const calibration = { version: "a".repeat(16), bins: [bin, { from: 0.1, to: 0.2, count: 0, predicted: null, observed: null }] };
  expect(calibrationPoints({ ...empty(), calibration })).toEqual([bin]);
  expect(calibrationPoints(empty())).toEqual([]);
});

test("of several chains one that has been ranked is shown", () => {
  const [silent, spoken] = [
    { ...empty(), chain: "silent" },
    { ...ranked({}), chain: "spoken" },
  ];
  expect(viewToShow([silent, spoken])?.chain).toBe("spoken");
  expect(viewToShow([silent])?.chain).toBe("silent");
  expect(viewToShow([])).toBeUndefined();
});
