import { fc, test as property } from "@fast-check/vitest";
import { expect, test } from "vitest";
import { splitByTime, WINDOWS } from "#libs/ml/split.ts";

const SHARES = { validate: 0.1, calibrate: 0.15, test: 0.15 };

property.prop([fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 40, maxLength: 400 }), fc.integer({ min: 0, max: 12 })])(
  "windows follow each other, no block is in two, and the embargo lies between them",
  (steps, embargoBlocks) => {
    let block = 100;
    const blocks = steps.map((step) => (block += step));
    const windows = splitByTime(blocks, { ...SHARES, embargoBlocks });
    for (const [place, name] of WINDOWS.entries()) {
      const { begin, end } = windows[name];
      expect(begin).toBeLessThanOrEqual(end);
      const next = WINDOWS[place + 1];
      if (next === undefined) expect(end).toBe(blocks.length);
      else {
        expect(end).toBeLessThanOrEqual(windows[next].begin);
        if (end > begin && windows[next].begin < blocks.length)
          expect((blocks[windows[next].begin] as number) - (blocks[end - 1] as number)).toBeGreaterThan(embargoBlocks);
      }
    }
    expect(windows.fit.begin).toBe(0);
  },
);

test("shares are of the rows", () => {
  const blocks = Array.from({ length: 1_000 }, (_, row) => row);
  expect(splitByTime(blocks, { ...SHARES, embargoBlocks: 5 })).toEqual({
    fit: { begin: 0, end: 595 },
    validate: { begin: 600, end: 695 },
    calibrate: { begin: 700, end: 845 },
    test: { begin: 850, end: 1_000 },
  });
});

test("rows out of order are refused: a split by time would mean nothing", () => {
  expect(() => splitByTime([1, 3, 2, 4], { ...SHARES, embargoBlocks: 0 })).toThrow("order");
});
