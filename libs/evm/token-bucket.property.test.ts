import { fc, test } from "@fast-check/vitest";
import { expect } from "vitest";
import { TokenBucket } from "#libs/evm/token-bucket.ts";

const SEED = Number(process.env.SEED ?? 1);
const arrivals = fc.array(fc.record({ afterMs: fc.nat(700), cost: fc.integer({ min: 1, max: 60 }) }), { minLength: 1, maxLength: 120 });

test.prop([fc.double({ min: 0.2, max: 50, noNaN: true }), arrivals], { seed: SEED, numRuns: 300 })(
  "what is taken in any stretch is at most one second's worth and the rate, and what one cost exceeds it by",
  (perSecond, asked) => {
    const bucket = new TokenBucket(perSecond, 0);
    const taken: { atMs: number; cost: number }[] = [];
    let nowMs = 0;
    for (const { afterMs, cost } of asked) {
      nowMs += afterMs;
      nowMs += bucket.waitMs(cost, nowMs);
      expect(bucket.waitMs(cost, nowMs)).toBe(0);
      bucket.take(cost);
      taken.push({ atMs: nowMs, cost });
    }
    const capacity = Math.max(1, perSecond);
    for (let from = 0; from < taken.length; from++) {
      let sum = 0;
      for (let to = from; to < taken.length; to++) {
        const { atMs, cost } = taken[to] as { atMs: number; cost: number };
        sum += cost;
        const allowed = capacity + (perSecond * (atMs - (taken[from] as { atMs: number }).atMs)) / 1_000;
        expect(sum).toBeLessThanOrEqual(allowed + Math.max(0, cost - capacity) + 1e-6);
      }
    }
  },
);

test.prop([fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 200 })], { seed: SEED })(
  "whoever takes as soon as he may gets the whole rate",
  (perSecond, count) => {
    const bucket = new TokenBucket(perSecond, 0);
    let nowMs = 0;
    for (let taken = 0; taken < count; taken++) {
      nowMs += bucket.waitMs(1, nowMs);
      bucket.take(1);
    }
    // Each wait is rounded up to a millisecond.
    expect(nowMs).toBeLessThanOrEqual((Math.max(0, count - perSecond) * 1_000) / perSecond + count);
  },
);
