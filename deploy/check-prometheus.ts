import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { HOW_TO_INSTALL, hasPrometheus } from "./prometheus/start.ts";

/** promtool over everything in deploy/prometheus: rules with every lint fatal, their tests, both scrape configurations. */

const CHECKS: readonly (readonly string[])[] = [
  ["check", "rules", "--lint=all", "--lint-fatal", "rules.yml"],
  ["test", "rules", "rules.test.yml"],
  ["check", "config", "prometheus.yml"],
  ["check", "config", "prometheus.compose.yml"],
];

if (!hasPrometheus("promtool")) {
  console.error(`no promtool on PATH: ${HOW_TO_INSTALL}`);
  process.exit(1);
}
let failed = 0;
for (const args of CHECKS) {
  try {
    execFileSync("promtool", args, { cwd: join(import.meta.dirname, "prometheus"), stdio: "pipe", encoding: "utf8" });
    console.log(`ok    promtool ${args.join(" ")}`);
  } catch (failure) {
    failed++;
    const { stdout = "", stderr = "" } = failure as { stdout?: string; stderr?: string };
    console.log(`FAIL  promtool ${args.join(" ")}\n${`${stdout}${stderr}`.trim().replaceAll(/^/gm, "      ")}`);
  }
}
console.log(`${CHECKS.length - failed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
