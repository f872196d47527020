/** Starts and stops the chain's process. */

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { UserError } from "#libs/units/invariant.ts";

/** Measured 50 to 160 ms on an idle machine; a loaded one gets sixty times that before we give up. */
const START_TIMEOUT_MS = 10_000;
/** A node that has not ended by then hangs; killing it earlier would leave its temporary files behind. */
const STOP_TIMEOUT_MS = 3_000;

/**
 * States of past blocks that can still be read or rolled back to. Each is a copy of some 15 MB with all pools loaded: without a bound an hour of one-second
 * blocks would take 50 GB. Blocks, receipts and logs are kept for all.
 */
const STATES_KEPT = 32;

export interface Anvil {
  readonly httpUrl: string;
  readonly wsUrl: string;
  readonly pid: number;
  /** Resolves when the process has ended, however it ended. */
  readonly exited: Promise<void>;
  stop(): Promise<void>;
}

/** The binary that npm installed for this platform, else the one on the PATH. Throws `UserError` when there is neither. */
export function anvilBinary(): string {
  const platform = process.platform === "win32" ? "win32" : process.platform;
  const architecture = process.arch === "x64" ? "amd64" : process.arch;
  const executable = process.platform === "win32" ? "anvil.exe" : "anvil";
  const packageName = `@foundry-rs/anvil-${platform}-${architecture}`;
  try {
    // The platform package is a dependency of the wrapper, so it is resolved from there: it need not be at the top of node_modules.
    const wrapper = createRequire(import.meta.url).resolve("@foundry-rs/anvil/package.json");
    const manifest = createRequire(wrapper).resolve(`${packageName}/package.json`);
    const binary = path.join(path.dirname(manifest), "bin", executable);
    if (existsSync(binary)) return binary;
  } catch {
    // Not installed by npm (omitted as a dev or optional dependency): the PATH is next.
  }
  for (const folder of (process.env.PATH ?? "").split(path.delimiter)) {
    const binary = path.join(folder, executable);
    if (folder !== "" && existsSync(binary)) return binary;
  }
  throw new UserError(
    `no anvil for ${process.platform} ${process.arch}`,
    "run: npm install --include=dev, or install Foundry and put anvil on the PATH",
  );
}

/**
 * One anvil without automatic mining, on the loopback interface. Its genesis file and the states it swaps out live in a temporary folder that ends with it.
 * With port 0 the system picks a free one.
 */
export async function startAnvil(options: {
  genesis: object;
  port: number;
  chainId: number;
  baseFeePerGas: bigint;
  gasLimit: bigint;
}): Promise<Anvil> {
  const binary = anvilBinary();
  const folder = await mkdtemp(path.join(tmpdir(), "hyperspeed-localnet-"));
  const genesisFile = path.join(folder, "genesis.json");
  await writeFile(genesisFile, JSON.stringify(options.genesis));
  const child = spawn(
    binary,
    [
      ...["--init", genesisFile, "--cache-path", path.join(folder, "states")],
      ...["--host", "127.0.0.1", "--port", String(options.port), "--chain-id", String(options.chainId), "--accounts", "0"],
      ...["--no-mining", "--order", "fifo", "--hardfork", "prague", "--prune-history", String(STATES_KEPT)],
      ...["--block-base-fee-per-gas", String(options.baseFeePerGas), "--gas-limit", String(options.gasLimit), "--no-request-size-limit"],
    ],
    // Its own process group: an interrupt typed at a terminal reaches us, and we end it in our order.
    { detached: true, stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, NO_COLOR: "1" } },
  );
  const endWithUs = (): void => {
    child.kill("SIGTERM");
  };
  process.once("exit", endWithUs);
  const exited = new Promise<void>((resolve) => {
    child.once("close", () => resolve());
    child.once("error", () => resolve());
  }).then(() => {
    process.off("exit", endWithUs);
    return rm(folder, { recursive: true, force: true });
  });

  let port: number;
  try {
    port = await listeningPort(child);
  } catch (cause) {
    await endProcess(child, exited);
    throw cause;
  }
  child.stdout?.resume();
  child.stderr?.resume();
  return {
    httpUrl: `http://127.0.0.1:${port}`,
    wsUrl: `ws://127.0.0.1:${port}`,
    pid: child.pid ?? -1,
    exited,
    stop: () => endProcess(child, exited),
  };
}

function listeningPort(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let output = "";
    const timer = setTimeout(
      () => done(new Error(`anvil did not start within ${START_TIMEOUT_MS} ms: ${output.slice(-500)}`)),
      START_TIMEOUT_MS,
    );
    const onOutput = (chunk: Buffer): void => {
      output += chunk.toString();
      const match = /Listening on 127\.0\.0\.1:(\d+)/.exec(output);
      if (match) done(Number(match[1]));
    };
    const onExit = (code: number | null): void => done(new Error(`anvil ended with code ${code}: ${output.trim().slice(-500)}`));
    const done = (outcome: number | Error): void => {
      clearTimeout(timer);
      child.stdout?.off("data", onOutput);
      child.stderr?.off("data", onOutput);
      child.off("exit", onExit);
      child.off("error", done);
      if (typeof outcome === "number") resolve(outcome);
      else reject(outcome);
    };
    child.stdout?.on("data", onOutput);
    child.stderr?.on("data", onOutput);
    child.once("exit", onExit);
    child.once("error", done);
  });
}

async function endProcess(child: ChildProcess, exited: Promise<void>): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(timer);
  }
  await exited;
}
