import { expect, test } from "vitest";
import { writeBooster } from "#libs/ml/booster.ts";
import { expectedProfitWei, expectedValueWei, HEADS, PROFIT_UNIT_WEI, scoreByDefinition, toProfitScale } from "#libs/ml/ensemble.ts";
import { toOnnx } from "#libs/ml/export.ts";
import { auc, ece } from "#libs/ml/metrics.ts";
import { randomFrom } from "#libs/ml/random.ts";
import { syntheticMarket, trained, withShuffledOutcomes } from "#libs/ml/testing.ts";
import { DEFAULT_OPTIONS, trainEnsemble } from "#libs/ml/train.ts";
import { findXgboost } from "#libs/ml/xgboost.ts";

const market = syntheticMarket(30_000, 1);
const SMALL = { rounds: { landing: 16, profit: 8, spread: 8 }, net: { ...DEFAULT_OPTIONS.net, epochs: 2 } };

test("it finds most of what there is to find, calibrated, and brings more than the promised profit does", async () => {
  const { metrics, windows } = await trained(market);
  const rows = { begin: windows.test.begin, end: windows.test.end };
  const best = auc(market.chances.subarray(rows.begin, rows.end), market.landed.subarray(rows.begin, rows.end));
  expect(metrics.auc).toBeGreaterThan(best - 0.03);
  expect(metrics.auc).toBeLessThan(best + 0.01);
  expect(metrics.logLoss).toBeLessThan(metrics.logLossConstant - 0.05);
  expect(metrics.ece).toBeLessThan(0.03);
  expect(metrics.profitError).toBeLessThan(metrics.profitErrorConstant / 2);
  expect(Math.abs(metrics.coverage - 0.8)).toBeLessThan(0.06);
  expect(metrics.lift.lift).toBeGreaterThan(0.05);
  expect(metrics.lift.perBlock.low).toBeGreaterThan(0);
});

test("with outcomes dealt out at random nothing is found", async () => {
  const { metrics } = await trained(withShuffledOutcomes(market, 2), SMALL);
  expect(Math.abs(metrics.auc - 0.5)).toBeLessThan(0.03);
  expect(metrics.logLoss).toBeGreaterThan(metrics.logLossConstant - 0.003);
});

test("what comes later does not reach what is fitted, mixed or calibrated", async () => {
  const { ensemble, windows } = await trained(market, SMALL);
  const { begin } = windows.test;
  const random = randomFrom(3);
  const rows = market.rows.map((value, at) => (at < begin * market.featureCount ? value : random.normal()));
  const landed = market.landed.map((value, row) => (row < begin ? value : row % 2));
  const profitWei = market.profitWei.map((value, row) => (row < begin ? value : row));
  const other = await trained({ ...market, rows, landed, profitWei }, SMALL);
  expect(other.ensemble).toEqual(ensemble);
});

test("the same rows and seed give the same bytes; another seed, another net", async () => {
  const one = await trained(market, SMALL);
  const two = await trained(market, SMALL);
  expect(Buffer.from(toOnnx(two.ensemble, {})).equals(toOnnx(one.ensemble, {}))).toBe(true);
  expect(two.boosterJson).toEqual(one.boosterJson);
  const other = await trained(market, { ...SMALL, seed: 2 });
  expect(other.boosterJson).toEqual(one.boosterJson);
  expect(other.ensemble.net).not.toEqual(one.ensemble.net);
  for (const head of HEADS) expect(writeBooster(one.ensemble.boosters[head])).toBe(one.boosterJson[head]);
});

test("calibration undoes a shift that the fitted rows did not show", async () => {
  // From the calibration window on a third as many land.
  const { windows } = await trained(market, SMALL);
  const random = randomFrom(8);
  const landed = market.landed.map((value, row) => (row < windows.calibrate.begin || random.unit() < 0.33 ? value : 0));
  const { metrics, ensemble } = await trained({ ...market, landed }, SMALL);
  expect(metrics.ece).toBeLessThan(0.03);
  const uncalibrated = { ...ensemble, mixes: { ...ensemble.mixes, landing: { ...ensemble.mixes.landing, scale: 1, offset: 0 } } };
  const { begin, end } = windows.test;
  const scores = scoreByDefinition(uncalibrated, market.rows.subarray(begin * market.featureCount, end * market.featureCount));
  const landings = Array.from({ length: end - begin }, (_, row) => scores[row * HEADS.length] as number);
  expect(ece(landings, landed.subarray(begin, end))).toBeGreaterThan(0.1);
});

test("too little to learn or to judge by is a failure that says what was missing", async () => {
  const options = { ...DEFAULT_OPTIONS, ...SMALL, xgboost: null, seed: 1 };
  const few = syntheticMarket(600, 1);
  expect(await trainEnsemble(few, options)).toMatchObject({ ok: false, error: { code: "one-class-only" } });
  const never = { ...market, landed: new Uint8Array(market.landed.length) };
  expect(await trainEnsemble(never, options)).toMatchObject({ ok: false, error: { code: "one-class-only", window: "fit", landed: 0 } });
  const unknown = { ...market, profitWei: market.profitWei.map(() => Number.NaN) };
  expect(await trainEnsemble(unknown, options)).toMatchObject({ ok: false, error: { code: "too-few-rows", window: "fit", rows: 0 } });
});

test.skipIf(findXgboost() === null)("with XGBoost the ensemble is as good, and says who trained it", async () => {
  const xgboost = findXgboost();
  const theirs = await trained(market, { ...SMALL, xgboost });
  const ours = await trained(market, SMALL);
  expect(theirs.engine).toEqual({ trees: "libxgboost", version: xgboost?.version });
  expect(ours.engine.trees).toBe("built-in");
  expect(Math.abs(theirs.metrics.auc - ours.metrics.auc)).toBeLessThan(0.01);
});

test("expected profit is the mean over the spread, and expected value sets it against failing", () => {
  const random = randomFrom(6);
  // Half an interval of four fifths is 1.28 standard deviations.
  const [centre, deviation] = [toProfitScale(5e14), 0.4];
  let sum = 0;
  for (let draw = 0; draw < 200_000; draw++) sum += PROFIT_UNIT_WEI * Math.sinh(centre + deviation * random.normal());
  const expected = expectedProfitWei(centre, deviation * 1.2816);
  expect(expected / (sum / 200_000)).toBeCloseTo(1, 2);
  expect(expectedProfitWei(toProfitScale(5e14), 0)).toBeCloseTo(5e14, -3);
  expect(expectedProfitWei(centre, 50)).toBe(expectedProfitWei(centre, 1.2815515655446004));
  const score = { landing: 0.25, profit: toProfitScale(8e14), spread: 0 };
  expect(expectedValueWei(score, { failureCostWei: 1e14 })).toBeCloseTo(0.25 * 8e14 - 0.75 * 1e14, -3);
});
