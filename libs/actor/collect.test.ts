import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { collectBetweenBlocks, engineGc, QUIET_MS, QuietSpells } from "#libs/actor/collect.ts";

const LOOKS = QUIET_MS / 50;
/** What of so many looks, at which nothing changes, says that the spell is long enough. */
const looks = (spells: QuietSpells, handled: number, times: number, idle = true) =>
  Array.from({ length: times }, () => spells.look({ handled, idle }));

describe("a quiet spell", () => {
  test("is one in which nothing was handled for a while, and counts once", () => {
    const spells = new QuietSpells();
    expect(looks(spells, 5, LOOKS)).not.toContain(true);
    expect(looks(spells, 5, 20)).toEqual([true, ...new Array(19).fill(false)]);
  });

  test("is none while something is under way, and begins anew after it", () => {
    const spells = new QuietSpells();
    expect(looks(spells, 5, 20, false)).not.toContain(true);
    expect(looks(spells, 5, LOOKS - 1)).not.toContain(true);
    spells.look({ handled: 5, idle: false });
    expect(looks(spells, 5, LOOKS - 1)).not.toContain(true);
    expect(spells.look({ handled: 5, idle: true })).toBe(true);
  });

  test("is none where inputs come quicker than one lasts, though each look finds the actors idle", () => {
    const spells = new QuietSpells();
    expect(Array.from({ length: 50 }, (_, index) => spells.look({ handled: index, idle: true }))).not.toContain(true);
  });

  test("in which nothing has happened since the last is not worth another collection", () => {
    const spells = new QuietSpells();
    looks(spells, 5, 2 * LOOKS);
    looks(spells, 5, LOOKS, false);
    expect(looks(spells, 5, 2 * LOOKS)).not.toContain(true);
    expect(looks(spells, 6, 2 * LOOKS)).toContain(true);
  });
});

describe("the actors of a process", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("are waited for, all of them, and not watched any more once that is enough", () => {
    const busy = { handled: 4, idle: false };
    const idle = { handled: 3, idle: true };
    const kinds: string[] = [];
    const stop = collectBetweenBlocks([{ progress: () => idle }, { progress: () => busy }], ({ type }) => kinds.push(type));
    vi.advanceTimersByTime(1_000);
    expect(kinds).toEqual([]);
    busy.idle = true;
    vi.advanceTimersByTime(QUIET_MS);
    expect(kinds).toEqual(["minor"]);
    idle.handled++;
    vi.advanceTimersByTime(1_000);
    expect(kinds).toEqual(["minor", "minor"]);
    stop();
    idle.handled++;
    vi.advanceTimersByTime(1_000);
    expect(kinds.length).toBe(2);
  });

  test("have the engine's own collector", () => {
    const actor = { handled: 1, idle: true };
    const collections = vi.fn(engineGc());
    const stop = collectBetweenBlocks([{ progress: () => actor }], collections);
    vi.advanceTimersByTime(1_000);
    expect(collections).toHaveBeenCalledExactlyOnceWith({ type: "minor", execution: "sync" });
    stop();
  });
});
