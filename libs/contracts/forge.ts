/**
 * Runs the Solidity tests, offline, against up-to-date artifacts.
 *
 *   node libs/contracts/forge.ts                                  all tests
 *   node libs/contracts/forge.ts --match-contract Attack -vvv     any further arguments go to `forge test`
 */

import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { UserError } from "#libs/units/invariant.ts";
import { buildArtifacts } from "./build.ts";

const CONTRACTS = fileURLToPath(new URL(".", import.meta.url));
const MODULES = fileURLToPath(new URL("../../node_modules/", import.meta.url));

/** forge-std as v4-core ships it. */
const FORGE_STD = path.join(MODULES, "@uniswap/v4-core/lib/forge-std/src/");

/** The binary itself, out of the platform package: the launcher script beside it would be one more process. */
function forgeBinary(): string {
  return path.join(MODULES, "@foundry-rs", `forge-${process.platform}-${process.arch === "x64" ? "amd64" : process.arch}`, "bin", "forge");
}

export function runForge(args: readonly string[]): number {
  buildArtifacts();
  // Forge replays a counterexample it kept even when it came from sources that have changed since, and fails on it. It prints what it finds anyway.
  rmSync(path.join(CONTRACTS, "cache", "invariant"), { recursive: true, force: true });
  const run = spawnSync(forgeBinary(), ["test", "--root", CONTRACTS, "--remappings", `forge-std/=${FORGE_STD}`, ...args], {
    cwd: CONTRACTS,
    stdio: "inherit",
    // solc-wrapper.cjs is started through `env node`: it must find the Node that npm installed, not an older one.
    env: {
      ...process.env,
      PATH: `${path.join(MODULES, ".bin")}${path.delimiter}${process.env.PATH ?? ""}`,
      FOUNDRY_DISABLE_NIGHTLY_WARNING: "1",
    },
  });
  if (run.error !== undefined) throw new UserError(`cannot start forge: ${run.error.message}`, "run: npm install");
  return run.status ?? 1;
}

if (import.meta.main) process.exitCode = runForge(process.argv.slice(2));
