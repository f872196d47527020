import { fc, test as property } from "@fast-check/vitest";
import { describe, expect, test } from "vitest";
import { blocksBehind, type Head, HeadQuorum, toleratedLag } from "#libs/evm/head-quorum.ts";

const SEED = Number(process.env.SEED ?? 1);
/** Block `number` of a branch that leaves branch a after its first `fork` blocks. */
const on =
  (branch: string, fork: number) =>
  (number: number): Head => {
    const name = (height: number) => `${height > fork ? branch : "a"}${height}`;
    return { number, hash: name(number), parentHash: name(number - 1) };
  };
const a = on("a", 0);

describe("a head counts", () => {
  test("when as many endpoints as asked for have announced it, once", () => {
    const quorum = new HeadQuorum(2, 3);
    expect(quorum.saw(0, a(5), 0)).toBeNull();
    expect(quorum.saw(0, a(5), 0)).toBeNull();
    expect(quorum.saw(1, a(5), 0)).toEqual(a(5));
    expect(quorum.saw(2, a(5), 0)).toBeNull();
  });

  test("when the others have skipped it and announce its child", () => {
    const quorum = new HeadQuorum(2, 2);
    expect(quorum.saw(0, a(5), 0)).toBeNull();
    expect(quorum.saw(1, a(6), 0)).toEqual(a(5));
    expect(quorum.saw(0, a(7), 0)).toEqual(a(6));
  });

  test("again on another branch when enough endpoints follow the reorganisation", () => {
    const b = on("b", 5);
    const quorum = new HeadQuorum(2, 3);
    for (const endpoint of [0, 1, 2]) quorum.saw(endpoint, a(6), 0);
    expect(quorum.saw(0, b(6), 0)).toBeNull();
    expect(quorum.saw(1, b(6), 0)).toEqual(b(6));
    // One goes back and forth: its latest word counts alone.
    expect(quorum.saw(1, a(6), 0)).toEqual(a(6));
  });

  test("never when only one says so, however often and far ahead", () => {
    const z = on("z", 0);
    const quorum = new HeadQuorum(2, 3);
    for (let number = 1_000; number < 2_000; number++) expect(quorum.saw(0, z(number), number)).toBeNull();
    expect(quorum.saw(1, a(7), 3_000)).toBeNull();
    expect(quorum.saw(2, a(7), 3_000)).toEqual(a(7));
  });
});

test("an endpoint disagrees after half a minute of other hashes, and no longer once it has the same", () => {
  const b = on("b", 5);
  const quorum = new HeadQuorum(2, 3);
  for (let number = 6; number <= 35; number++) {
    for (const endpoint of [0, 1]) quorum.saw(endpoint, a(number), number * 1_000);
    quorum.saw(2, b(number), number * 1_000);
    expect(quorum.disagrees(2, number * 1_000)).toBe(false);
  }
  expect(quorum.disagrees(2, 36_000)).toBe(true);
  expect(quorum.disagrees(0, 36_000)).toBe(false);
  quorum.saw(2, a(35), 37_000);
  expect(quorum.disagrees(2, 37_000)).toBe(false);
});

test("one that leads a fork that the others follow later has not disagreed for long", () => {
  const b = on("b", 5);
  const quorum = new HeadQuorum(2, 3);
  for (const endpoint of [0, 1, 2]) quorum.saw(endpoint, a(6), 0);
  quorum.saw(2, b(6), 1_000);
  for (const endpoint of [0, 1]) quorum.saw(endpoint, b(6), 2_000);
  for (const endpoint of [0, 1, 2]) expect(quorum.disagrees(endpoint, 60_000)).toBe(false);
});

test("how far behind: of the furthest of two, of the second furthest of more", () => {
  expect(blocksBehind([100, 90])).toEqual([0, 10]);
  expect(blocksBehind([1_000_000, 100, 97])).toEqual([0, 0, 3]);
  expect(blocksBehind([null, 100, 90])).toEqual([0, 0, 10]);
  expect(blocksBehind([null, null])).toEqual([0, 0]);
});

test("three seconds are tolerated, and two blocks of a slow chain", () => {
  expect([12_000, 2_000, 1_000, 250].map(toleratedLag)).toEqual([2, 2, 3, 12]);
});

property.prop(
  [
    fc.integer({ min: 3, max: 7 }),
    fc.array(fc.record({ endpoint: fc.nat(6), number: fc.integer({ min: 1, max: 12 }), branch: fc.constantFrom("a", "b", "c") }), {
      maxLength: 200,
    }),
  ],
  { seed: SEED, numRuns: 300 },
)("what counts has the latest words of a majority behind it, and nothing counts twice in a row", (endpoints, words) => {
  const needed = Math.floor(endpoints / 2) + 1;
  const quorum = new HeadQuorum(needed, endpoints);
  const latest = new Map<number, Map<number, string>>();
  const last = new Map<number, string>();
  const say = (endpoint: number, number: number, hash: string) => latest.set(number, (latest.get(number) ?? new Map()).set(endpoint, hash));
  for (const { endpoint: chosen, number, branch } of words) {
    const endpoint = chosen % endpoints;
    const head = on(branch, 4)(number);
    say(endpoint, number - 1, head.parentHash);
    say(endpoint, number, head.hash);
    const counts = quorum.saw(endpoint, head, 0);
    if (counts === null) continue;
    const behind = [...(latest.get(counts.number) ?? [])].filter(([, hash]) => hash === counts.hash).length;
    expect(behind).toBeGreaterThanOrEqual(needed);
    expect(last.get(counts.number)).not.toBe(counts.hash);
    last.set(counts.number, counts.hash);
  }
});
