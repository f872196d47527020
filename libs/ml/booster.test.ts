import { expect, test } from "vitest";
import { type Booster, baseMargin, margins, onGrid, readBooster, writeBooster } from "#libs/ml/booster.ts";
import { bin, trainBooster } from "#libs/ml/histogram.ts";
import { adversarialRows } from "#libs/ml/parity.ts";
import { randomFrom, shuffle } from "#libs/ml/random.ts";
import { randomEnsemble, syntheticMarket } from "#libs/ml/testing.ts";
import { findXgboost, type Xgboost } from "#libs/ml/xgboost.ts";

const OPTIONS = { rounds: 12, depth: 5, eta: 0.3, lambda: 1, minChildWeight: 1 } as const;
const market = syntheticMarket(6_000, 3);
const { rows, featureCount } = market;
const binned = bin({ featureCount, rows });
const labels = Float32Array.from(market.landed);
const landing = trainBooster(binned, labels, { ...OPTIONS, objective: "binary:logistic", baseScore: 0.3 });
const number = trainBooster(
  binned,
  labels.map((label) => 5 * label - 7),
  { ...OPTIONS, objective: "reg:squarederror", baseScore: -4.5 },
);
const xgboost = findXgboost();

test.each([
  ["log-odds", landing],
  ["numbers", number],
])("a booster of %s is the same after it was written and read", (_, booster) => {
  expect(readBooster(writeBooster(booster))).toEqual(booster);
});

test("a base score means a probability for log-odds, and may stand in brackets", () => {
  const bracketed = writeBooster(landing).replace(/"base_score":"([^"]*)"/, '"base_score":"[$1]"');
  expect(readBooster(bracketed)).toEqual(landing);
  expect(baseMargin(landing)).toBeCloseTo(Math.log(0.3 / 0.7), 6);
  expect(baseMargin(number)).toBe(-4.5);
});

test("what is no tree of ours is refused", () => {
  const json = writeBooster(landing);
  expect(() => readBooster(json.replace('"gbtree"', '"gblinear"'))).toThrow("gblinear");
  expect(() => readBooster(json.replace("binary:logistic", "rank:pairwise"))).toThrow("rank:pairwise");
  // A child that comes before its parent would be walked in circles.
  expect(() => readBooster(json.replace('"left_children":[1,', '"left_children":[0,'))).toThrow("children");
  expect(() => readBooster(json.replace('"split_indices":[', '"split_indices":[99,'))).toThrow();
});

test("leaves on the grid add up to the same in any order, and moved by next to nothing", () => {
  const gridded = onGrid(landing);
  const random = randomFrom(7);
  const before = margins(landing, rows);
  const after = margins(gridded, rows);
  expect(Math.max(...after.map((margin, row) => Math.abs(margin - (before[row] as number))))).toBeLessThan(1e-4);
  const base = baseMargin(gridded);
  for (let row = 0; row < 200; row++) {
    const one = rows.subarray(row * featureCount, (row + 1) * featureCount);
    const leaves = gridded.trees
      .map((tree) => margins({ ...gridded, trees: [tree] } as Booster, one)[0] as number)
      .map((sum) => sum - base);
    const sums = Array.from({ length: 5 }, () =>
      shuffle([...leaves], random).reduce((sum, leaf) => Math.fround(sum + Math.fround(leaf)), 0),
    );
    expect(new Set(sums).size).toBe(1);
  }
});

test.skipIf(xgboost === null)("XGBoost itself answers the same from our file, on ordinary and hard rows", () => {
  for (const booster of [landing, number, onGrid(landing)]) {
    const hard = adversarialRows({ ...randomEnsemble(1), boosters: { landing: booster, profit: booster, spread: booster } }, 1);
    // It refuses infinite features when it is asked, as at training.
    for (const each of [rows, hard.map((value) => (Number.isFinite(value) ? value : Number.NaN))]) {
      const theirs = (xgboost as Xgboost).margins(writeBooster(booster), each, featureCount);
      const ours = margins(booster, each);
      const worst = ours.reduce(
        (most, margin, row) => Math.max(most, Math.abs(margin - (theirs[row] as number)) / Math.max(1, Math.abs(margin))),
        0,
      );
      expect(worst).toBeLessThan(1e-6);
    }
  }
});

test.skipIf(xgboost === null)("what XGBoost has trained is read as it answers, and our trainer finds as much as it does", () => {
  const options = { ...OPTIONS, objective: "binary:logistic", baseScore: 0.3 } as const;
  const library = xgboost as Xgboost;
  const { booster, json } = library.train({ featureCount, rows, targets: labels }, options);
  const theirs = library.margins(json, rows, featureCount);
  const ours = margins(booster, rows);
  expect(Math.max(...ours.map((margin, row) => Math.abs(margin - (theirs[row] as number)) / Math.max(1, Math.abs(margin))))).toBeLessThan(
    1e-6,
  );
  const loss = (all: ArrayLike<number>) =>
    Array.from(labels).reduce((sum, label, row) => sum + Math.log1p(Math.exp((label === 1 ? -1 : 1) * (all[row] as number))), 0) /
    labels.length;
  expect(loss(margins(landing, rows))).toBeLessThan(loss(theirs) * 1.01);
});
