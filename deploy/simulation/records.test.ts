import { describe, expect, test } from "vitest";
import { quantileOf, randomFrom } from "#libs/ml/random.ts";
import { delayOf } from "#libs/rivals/rivals.ts";
import { RECORDED, RECORDED_RIVALS } from "./records.ts";

describe("a delay", () => {
  const delays = {
    none: 1,
    counts: [
      [0, 2],
      [3, 1],
    ] as const,
  };

  test("comes as often as it was counted", () => {
    expect([0, 0.49, 0.5, 0.74, 0.75, 0.99].map((share) => delayOf(delays, share))).toEqual([
      0,
      0,
      3,
      3,
      Number.POSITIVE_INFINITY,
      Number.POSITIVE_INFINITY,
    ]);
  });

  test("drawn of Ethereum's record has its shares", () => {
    const { delays: recorded } = RECORDED.ethereum;
    const random = randomFrom(1);
    const draws = Array.from({ length: 20_000 }, () => delayOf(recorded, random.unit()));
    const all = recorded.counts.reduce((sum, [, times]) => sum + times, recorded.none);
    for (const [blocks, times] of recorded.counts.slice(0, 4))
      expect(draws.filter((draw) => draw === blocks).length / draws.length).toBeCloseTo(times / all, 1);
    expect(draws.filter((draw) => draw === Number.POSITIVE_INFINITY).length / draws.length).toBeCloseTo(recorded.none / all, 1);
  });
});

test("a quantile lies between its neighbours in the table", () => {
  expect([0, 0.25, 0.5, 0.625, 1].map((share) => quantileOf([1, 2, 6], share))).toEqual([1, 1.5, 2, 3, 6]);
});

test("recorded rivals are what was seen of them, and bid for nothing that costs more than it gains", () => {
  expect(RECORDED_RIVALS).toHaveLength(RECORDED.arbitrum.contracts.length);
  for (const { families, maxHops, follows, habits } of RECORDED_RIVALS) {
    expect(families.length).toBeGreaterThan(0);
    expect(maxHops).toBeGreaterThanOrEqual(2);
    expect(maxHops).toBeLessThanOrEqual(3);
    expect(follows).toBeGreaterThan(0);
    expect(follows).toBeLessThan(1);
    expect(habits?.leastGainToCost).toBeGreaterThanOrEqual(1);
    expect(habits?.paidShares.every((share, place, all) => share < 1 && share >= (all[place - 1] ?? 0))).toBe(true);
  }
});
