import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Bench, held, type Measurement } from "#libs/testkit/bench.ts";
import { invariant } from "#libs/units/invariant.ts";
import type { Percentiles, Report } from "#services/cli/report.ts";

/** Of 240 samples the 99th percentile is the third largest. */
const BLOCKS = 240;
const BLOCK_TO_BUNDLE_MS = 150;

async function reportOf(blocks: number): Promise<Report> {
  const directory = mkdtempSync(join(tmpdir(), "hyperspeed-bench-"));
  try {
    const file = join(directory, "report.json");
    const program = fileURLToPath(new URL("./main.ts", import.meta.url));
    const run = ["up", "--blocks", String(blocks), "--block-time", "1s", "--report", file];
    const child = spawn(process.execPath, [program, ...run], { stdio: ["ignore", "ignore", "inherit"] });
    const [code] = await once(child, "exit");
    invariant(code === 0, `the run ended with exit code ${code}`);
    return JSON.parse(readFileSync(file, "utf8")) as Report;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const measurementOf = (name: string, { samples, min, p50, p99 }: Percentiles, facts: Measurement["facts"] = {}): Measurement => {
  invariant(min !== null && p50 !== null && p99 !== null, `${name}: nothing was measured`);
  return { name, rounds: samples, usMin: 1_000 * min, usP50: 1_000 * p50, usP99: 1_000 * p99, facts };
};

export const bench: Bench = {
  title: "main-job",
  about: `\`hyperspeed up --blocks ${BLOCKS} --block-time 1s\`, all actors in one process beside the broker and the chain, from the first block that came when all were ready: from a block's first sight to its cycles in the broker, and to the relay's acceptance of a bundle.`,
  async run({ quick }) {
    const { latencyMs, pools, landed, bundlesSent, reverted } = await reportOf(quick ? 3 : BLOCKS);
    return [
      measurementOf("block → cycle", latencyMs.blockToCycle),
      held(measurementOf("block → bundle", latencyMs.blockToBundle, { pools, sent: bundlesSent, landed, reverted }), {
        msMostP99: BLOCK_TO_BUNDLE_MS,
      }),
    ];
  },
};
