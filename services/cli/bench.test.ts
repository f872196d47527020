import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { time } from "#libs/testkit/bench.ts";
import { BENCH_NAMES, runBench, tableOf } from "#services/cli/bench.ts";

const root = new URL("../../", import.meta.url);

test("every benchmark file has its line", () => {
  const files = ["proto", "libs", "services"].flatMap((folder) =>
    readdirSync(new URL(folder, root), { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".bench.ts")),
  );
  expect(files.map((file) => file.replace(/^.*\//, "").replace(".bench.ts", "")).sort()).toEqual([...BENCH_NAMES].sort());
});

test("a benchmark that there is none of is refused with the ones there are", async () => {
  await expect(runBench("speed", { json: false })).rejects.toMatchObject({ remedy: expect.stringContaining("search") });
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
  const machine = { cpu: "x", cores: 2, node: "v24", commit: "abc", loadAverage1m: 3 };
  const table = tableOf({ bench: "b", about: "What it is.", machine, measurements: [measured] });
  expect(table).toMatch(/counting .*things\/s .*50 {2}bytes 7/);
  expect(table).toContain("busy");
});
