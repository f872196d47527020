import { readdirSync } from "node:fs";
import { expect, test, vi } from "vitest";
import { held, time, timeBeside } from "#libs/testkit/bench.ts";
import { BENCH_NAMES, type BenchReport, runBench, tableOf, textOf } from "#services/cli/bench.ts";

const root = new URL("../../", import.meta.url);

test("every benchmark file has its line", () => {
  const files = ["proto", "libs", "services"].flatMap((folder) =>
    readdirSync(new URL(folder, root), { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".bench.ts")),
  );
  expect(files.map((file) => file.replace(/^.*\//, "").replace(".bench.ts", "")).sort()).toEqual([...BENCH_NAMES].sort());
});

test("a benchmark that there is none of is refused with the ones there are", async () => {
  await expect(runBench("speed", { json: false, quick: true })).rejects.toMatchObject({ remedy: expect.stringContaining("search") });
});

test("rounds of warming up are not measured, and quantiles are in order", () => {
  const seen: number[] = [];
  const options = {
    warmUp: 2,
    rounds: 50,
    prepare: (round: number) => round,
    perRound: { count: 2, unit: "things" },
    facts: () => ({ bytes: 7 }),
  };
  const measured = time("counting", options, (round) => seen.push(round));
  expect(seen).toHaveLength(52);
  expect(measured.usMin).toBeLessThanOrEqual(measured.usP50);
  expect(measured.usP50).toBeLessThanOrEqual(measured.usP99);
  expect(tableOf([measured])).toMatch(/counting .*things\/s .*50 +bytes 7/);
});

test("both sides of a comparison do as many rounds, in turns, and goals are held against the median", async () => {
  const turns: string[] = [];
  const slower = () => {
    turns.push("peer");
    const until = performance.now() + 0.2;
    while (performance.now() < until);
  };
  const options = { warmUp: 2, rounds: 30, perRound: { count: 10, unit: "things" } };
  const measured = await timeBeside("ours", options, () => turns.push("ours"), { name: "theirs", work: async () => slower() });
  expect(turns.filter((side) => side === "ours")).toHaveLength(32);
  expect(turns.filter((side) => side === "peer")).toHaveLength(32);
  expect(turns.slice(0, 50)).toEqual([...Array(25).fill("ours"), ...Array(25).fill("peer")]);
  expect(measured.peer?.ratio).toBeCloseTo((measured.peer?.usP50 as number) / measured.usP50);
  const fast = { ...measured, usP50: 2_000, peer: { name: "theirs", usMin: 1, usP50: 6_000, usP99: 1, ratio: 3 } };
  expect(held(fast, { msMost: 2.5, perSecondLeast: 5_001, timesPeerLeast: 3 }).goals).toEqual([
    { what: "milliseconds", limit: 2.5, value: 2, met: true },
    { what: "a second", limit: 5_001, value: 5_000, met: false },
    { what: "times the peer", limit: 3, value: 3, met: true },
  ]);
});

test("a goal at the 99th percentile is not met by a good median", () => {
  const measured = held({ name: "one", rounds: 100, usMin: 1, usP50: 2, usP99: 6 }, { msMostP99: 0.005 });
  expect(measured.goals).toEqual([{ what: "milliseconds at p99", limit: 0.005, value: 0.006, met: false }]);
  expect(tableOf([measured])).toContain("p99 < 5 µs missed: 6.00 µs");
  expect(held({ ...measured, usP99: 4 }, { msMostP99: 0.005 }).goals).toMatchObject([{ met: true }]);
});

test("what was missed is said, and that the machine was busy", () => {
  const machine = { cpu: "x", cores: 2, node: "v24", commit: "abc", loadAverage1m: 3 };
  const measured = held({ name: "slow", rounds: 1, usMin: 5_000, usP50: 5_000, usP99: 5_000 }, { msMost: 4 });
  const text = textOf({
    machine,
    quick: false,
    benches: [{ name: "b", about: "What it is.", measurements: [measured] }],
    goals: { met: 1, missed: ["slow: < 4 ms"] },
  });
  expect(text).toMatch(/slow .*< 4 ms missed: 5.00 ms/);
  expect(text).toContain("1 met, 1 missed");
  expect(text).toContain("busy");
});

test("all of the pools' benchmarks run, on a chain and a broker of their own, and report what they held their goals against", async () => {
  const written: string[] = [];
  const write = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    written.push(String(text));
    return true;
  });
  try {
    expect(await runBench("pools", { json: true, quick: true })).toBe(0);
  } finally {
    write.mockRestore();
  }
  const report = JSON.parse(written.join("")) as BenchReport;
  expect(report.quick).toBe(true);
  expect(report.machine.cores).toBeGreaterThan(0);
  expect(report.benches.map(({ name }) => name)).toEqual(["start", "block", "tvl", "quotes"]);
  const measurements = report.benches.flatMap(({ measurements: each }) => each);
  for (const { name, usMin, usP50, rounds } of measurements) {
    expect(usMin, name).toBeGreaterThan(0);
    expect(usP50, name).toBeGreaterThanOrEqual(usMin);
    expect(rounds, name).toBeGreaterThan(0);
  }
  const goals = measurements.flatMap((each) => each.goals ?? []);
  expect(goals).toHaveLength(report.goals.met + report.goals.missed.length);
  expect(goals.length).toBeGreaterThan(15);
  // Beside each package: the answers were compared before the first round, or this would not have come so far.
  expect(new Set(measurements.flatMap(({ peer }) => (peer === undefined ? [] : [peer.name.split(" ")[0]])))).toEqual(
    new Set(["@uniswap/v2-sdk", "@uniswap/v3-sdk", "@balancer-labs/balancer-maths"]),
  );
}, 60_000);
