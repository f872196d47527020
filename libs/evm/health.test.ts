import { describe, expect, test } from "vitest";
import { Health } from "#libs/evm/health.ts";
import { Spend } from "#libs/evm/spend.ts";

describe("an endpoint's health", () => {
  test("is best before anything is known, and worse with every share of faults", () => {
    const health = new Health();
    expect(health.score(0)).toBe(1);
    let before = 1;
    for (let faults = 1; faults <= 5; faults++) {
      health.failed(0);
      expect(health.score(0)).toBeLessThan(before);
      before = health.score(0);
    }
    // Ten good ones are assumed: (10 / 15)².
    expect(health.score(0)).toBeCloseTo(4 / 9, 12);
  });

  test("forgets faults by half each minute", () => {
    const health = new Health();
    for (let faults = 0; faults < 10; faults++) health.failed(0);
    expect(health.score(0)).toBeCloseTo(0.25, 12);
    expect(health.score(60_000)).toBeCloseTo((10 / 15) ** 2, 12);
  });

  test("a slow method halves its score at a quarter of a second, and says nothing of another method", () => {
    const health = new Health();
    health.succeeded("eth_call", 250, 0);
    expect(health.score(0, "eth_call")).toBeCloseTo(0.5, 12);
    expect(health.score(0, "eth_getLogs")).toBe(1);
    expect(health.score(0)).toBe(1);
  });

  test("a latency of long ago says nothing any more", () => {
    const health = new Health();
    health.succeeded("eth_call", 2_000, 0);
    expect(health.score(30_000, "eth_call")).toBeLessThan(0.2);
    expect(health.score(30_001, "eth_call")).toBe(1);
    health.succeeded("eth_call", 10, 40_000);
    expect(health.score(40_000, "eth_call")).toBeCloseTo(1 / (1 + 10 / 250), 12);
  });

  test("rests after a fault, twice as long after each in a row, at most a minute; an answer ends it", () => {
    const health = new Health();
    let nowMs = 0;
    for (const restMs of [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]) {
      health.failed(nowMs);
      expect(health.resting(nowMs + restMs - 1)).toBe(true);
      nowMs += restMs;
      expect(health.resting(nowMs)).toBe(false);
    }
    health.failed(nowMs);
    health.succeeded("eth_call", 1, nowMs);
    expect(health.resting(nowMs)).toBe(false);
    health.failed(nowMs);
    expect(health.resting(nowMs + 1_000)).toBe(false);
  });

  test("fails from a fault to the next answer, or until the fault is five minutes old", () => {
    const health = new Health();
    expect(health.failing(0)).toBe(false);
    health.failed(0);
    expect(health.failing(299_999)).toBe(true);
    expect(health.failing(300_000)).toBe(false);
    health.failed(300_000);
    health.succeeded("eth_call", 1, 300_001);
    expect(health.failing(300_002)).toBe(false);
  });

  test("one probe at a time after the rest", () => {
    const health = new Health();
    health.failed(0);
    health.asked(1_000);
    expect(health.resting(1_000)).toBe(true);
    const well = new Health();
    well.succeeded("eth_call", 1, 0);
    well.asked(0);
    expect(well.resting(0)).toBe(false);
  });

  test("the 95th percentile is of the latest answers, and unknown while there are few", () => {
    const health = new Health();
    for (let count = 1; count <= 19; count++) health.succeeded("eth_call", count, 0);
    expect(health.p95("eth_call")).toBeNull();
    health.succeeded("eth_call", 20, 0);
    expect(health.p95("eth_call")).toBe(19);
    for (let count = 0; count < 144; count++) health.succeeded("eth_call", 100, 0);
    expect(health.p95("eth_call")).toBe(100);
    expect(health.p95("eth_getLogs")).toBeNull();
  });

  test("a request that was given up counts as at least as slow as that", () => {
    const health = new Health();
    for (let count = 0; count < 20; count++) health.abandoned("eth_call", 500, 0);
    expect(health.p95("eth_call")).toBe(500);
    expect(health.score(0)).toBe(1);
  });
});

describe("a day's cost", () => {
  const HOUR = 3_600_000;
  test("is what the last hour spent, times 24", () => {
    const spend = new Spend(0);
    for (let minute = 0; minute < 240; minute++) spend.add(100, minute * 60_000);
    expect(spend.unitsPerDay(4 * HOUR - 1)).toBeCloseTo(144_000, -2);
  });

  test("extrapolates from the time since the start while that is shorter, but from no less than a minute", () => {
    const spend = new Spend(5_000);
    spend.add(10, 5_000);
    expect(spend.unitsPerDay(5_000)).toBe(14_400);
    expect(spend.unitsPerDay(65_000)).toBe(14_400);
    expect(spend.unitsPerDay(605_000)).toBe(1_440);
  });

  test("falls to nothing an hour after the last request", () => {
    const spend = new Spend(0);
    spend.add(1_000, 0);
    expect(spend.unitsPerDay(HOUR - 1)).toBeGreaterThan(0);
    expect(spend.unitsPerDay(HOUR)).toBe(0);
    spend.add(1, 3 * HOUR);
    expect(spend.unitsPerDay(3 * HOUR)).toBeCloseTo((1 * 86_400_000) / (59 * 60_000), 6);
  });
});
