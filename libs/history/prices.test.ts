import { expect, test } from "vitest";
import { PriceMemory } from "#libs/history/prices.ts";
import { MEMORY_BLOCKS } from "#libs/ml/features.ts";
import type { BodyOf } from "#proto/subjects.ts";

type Row = readonly [token: string, native: number, usd?: number];
function said(blockNumber: number, rows: readonly Row[], options: Partial<BodyOf<"priceChanged">> = {}): BodyOf<"priceChanged"> {
  return {
    blockNumber,
    scope: "moved",
    usdPerNative: "2000",
    rows: rows.map(([token, native, usd]) => [
      token,
      18,
      `${native}`,
      usd === undefined ? null : `${usd}`,
      usd === undefined ? "native" : "usd",
      0.5,
    ]),
    gone: [],
    ...options,
  } as unknown as BodyOf<"priceChanged">;
}
/** A memory that is full: A moves by a factor of e to and fro, B stands still. */
function full(): PriceMemory {
  const memory = new PriceMemory();
  memory.apply(
    said(
      0,
      [
        ["a", 1],
        ["b", 7],
      ],
      { scope: "all" },
    ),
  );
  for (let block = 1; block <= MEMORY_BLOCKS; block++) memory.apply(said(block, [["a", block % 2 === 0 ? 1 : Math.E]]));
  return memory;
}

test("volatility is the deviation of the logarithmic change, the same either way round", () => {
  const memory = full();
  expect(memory.volatility("a", "b")).toBeCloseTo(1, 9);
  expect(memory.volatility("b", "a")).toBe(memory.volatility("a", "b"));
  expect(memory.volatility("b", "b")).toBe(0);
});

test("a trend is no volatility: the changes are all the same", () => {
  const memory = new PriceMemory();
  for (let block = 0; block <= MEMORY_BLOCKS; block++)
    memory.apply(said(block, [["a", 1.01 ** block], ...(block === 0 ? [["b", 1] as const] : [])]));
  expect(memory.volatility("a", "b")).toBeCloseTo(0, 6);
});

test("a price in dollars moves with what a native coin costs", () => {
  const memory = new PriceMemory();
  memory.apply(
    said(0, [
      ["n", 1],
      ["d", 0.0005, 1],
    ]),
  );
  for (let block = 1; block <= MEMORY_BLOCKS; block++) memory.apply(said(block, [], { usdPerNative: block % 2 === 0 ? "2000" : "4000" }));
  expect(memory.volatility("d", "n")).toBeCloseTo(Math.LN2, 9);
});

test("unknown until both had prices for as long, and again once one is gone", () => {
  const memory = new PriceMemory();
  memory.apply(said(0, [["a", 1]]));
  for (let block = 1; block <= MEMORY_BLOCKS; block++) memory.apply(said(block, block === 1 ? [["b", 1]] : []));
  expect(memory.volatility("a", "b")).toBeNull();
  memory.apply(said(MEMORY_BLOCKS + 1, []));
  expect(memory.volatility("a", "b")).toBe(0);
  memory.apply(said(MEMORY_BLOCKS + 2, [], { gone: ["b"] }));
  expect(memory.volatility("a", "b")).toBeNull();
  expect([memory.confidence("a"), memory.confidence("b"), memory.confidence("c")]).toEqual([0.5, null, null]);
});

test("a whole set makes every row before it void", () => {
  const memory = full();
  memory.apply(said(MEMORY_BLOCKS + 1, [["a", 1]], { scope: "all" }));
  expect([memory.confidence("a"), memory.confidence("b")]).toEqual([0.5, null]);
  // What did not fit follows with the next message.
  memory.apply(said(MEMORY_BLOCKS + 2, [["b", 7]]));
  expect(memory.confidence("b")).toBe(0.5);
});

test("a reorganisation takes back what the dropped blocks said", () => {
  const memory = full();
  const before = memory.volatility("a", "b");
  memory.apply(said(MEMORY_BLOCKS + 1, [["a", 1_000]], { gone: ["b"] }));
  memory.apply(said(MEMORY_BLOCKS + 2, [["c", 5]]));
  memory.rewind(MEMORY_BLOCKS);
  expect([memory.confidence("b"), memory.confidence("c")]).toEqual([0.5, null]);
  expect(memory.volatility("a", "b")).toBe(before);
});
