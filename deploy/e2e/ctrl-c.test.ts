import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import type { Report } from "#services/cli/report.ts";

const directory = mkdtempSync(join(tmpdir(), "hs-ctrl-c-"));
afterAll(() => rmSync(directory, { recursive: true }));
const MAIN = fileURLToPath(new URL("../../services/cli/main.ts", import.meta.url));

/** Command lines of running processes that contain this. */
function left(text: string): string[] {
  return readdirSync("/proc").flatMap((pid) => {
    if (!/^[0-9]+$/.test(pid)) return [];
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
      return command.includes(text) ? [command] : [];
    } catch {
      // Ended while we looked.
      return [];
    }
  });
}

test("Ctrl-C, which a terminal sends to the whole process group, drains, accounts and leaves nothing running", async () => {
  const report = join(directory, "report.json");
  const child = spawn(
    process.execPath,
    [MAIN, "up", "--block-time", "500ms", "--processes", "each", "--report", report, "--api-port", "0", "--dashboard-port", "0"],
    {
      cwd: directory,
      stdio: ["ignore", "ignore", "pipe"],
      detached: true,
    },
  );
  let said = "";
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  await new Promise<void>((resolve, reject) => {
    child.stderr?.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      if (/blocks [2-9]/.test(said)) resolve();
    });
    void ended.then(() => reject(new Error(said)));
  });
  process.kill(-(child.pid as number), "SIGINT");
  expect(await ended, said).toBe(0);
  const account = JSON.parse(readFileSync(report, "utf8")) as Report;
  expect(account.blocks).toBeGreaterThan(0);
  expect(account.onChainProfitWei).toBe(account.profitWei);
  expect(readdirSync(join(directory, ".hyperspeed"))).toEqual([]);
  expect(left(directory)).toEqual([]);
  expect(left(`run-${child.pid}`)).toEqual([]);
}, 90_000);
