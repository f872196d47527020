/** The local chain in a process of its own, with the same shape as one in this process. */

import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Address } from "#libs/units/brand.ts";
import { InvariantError, UserError } from "#libs/units/invariant.ts";
import type { BuiltBlock, Localnet, LocalnetFacts, LocalnetOptions, LocalnetSettings } from "./index.ts";
import { type Command, type Fault, type Report, type Request, SETTINGS_VARIABLE } from "./protocol.ts";

/** The process has anvil to stop, which itself is given three seconds. */
const STOP_TIMEOUT_MS = 6_000;

const errorOf = ({ message, remedy }: Fault): Error =>
  remedy === undefined ? new InvariantError(message) : new UserError(message, remedy);

type Waiting = { readonly resolve: (result: unknown) => void; readonly reject: (error: Error) => void };

export class LocalnetProcess implements Localnet {
  readonly chain: LocalnetFacts["chain"];
  readonly rpcUrl: string;
  readonly wsUrl: string;
  readonly relayUrl: string;
  readonly loadedBlock: number;
  readonly firstTradingBlock: number;
  readonly owner: LocalnetFacts["owner"];
  readonly marketContract: Address;
  readonly rivals: LocalnetFacts["rivals"];
  readonly poolCounts: LocalnetFacts["poolCounts"];
  readonly leftOut: LocalnetFacts["leftOut"];
  readonly pid: number;

  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  readonly #waiting = new Map<number, Waiting>();
  readonly #listeners = new Set<(block: BuiltBlock) => void>();
  #nextId = 1;
  #stopping = false;
  #fault: ((fault: unknown) => void) | undefined;

  private constructor(child: ChildProcess, exited: Promise<void>, facts: LocalnetFacts) {
    this.#child = child;
    this.#exited = exited;
    this.chain = facts.chain;
    this.rpcUrl = facts.rpcUrl;
    this.wsUrl = facts.wsUrl;
    this.relayUrl = facts.relayUrl;
    this.loadedBlock = facts.loadedBlock;
    this.firstTradingBlock = facts.firstTradingBlock;
    this.owner = facts.owner;
    this.marketContract = facts.marketContract;
    this.rivals = facts.rivals;
    this.poolCounts = facts.poolCounts;
    this.leftOut = facts.leftOut;
    this.pid = child.pid ?? -1;
    child.on("message", (message: Report) => this.#receive(message));
    void exited.then(() => this.#ended(new InvariantError("the local chain's process ended by itself")));
  }

  /** Resolves when the market is loaded. Rejects with the process's own error when it cannot start. */
  static async start(options: LocalnetOptions): Promise<LocalnetProcess> {
    const { onProgress, signal, ...settings } = options;
    signal?.throwIfAborted();
    const child = fork(fileURLToPath(new URL("process.ts", import.meta.url)), [], {
      serialization: "advanced",
      // In a process group of its own: Ctrl-C in a terminal goes to the whole group, and the chain must outlive those who still have to drain.
      detached: true,
      // What the parent was told to load or debug with is none of the child's business.
      execArgv: [],
      env: { ...process.env, [SETTINGS_VARIABLE]: JSON.stringify(settings satisfies LocalnetSettings) },
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    const exited = new Promise<void>((resolve) => {
      child.once("exit", () => resolve());
      child.once("error", () => resolve());
    });
    const onAbort = (): void => void child.kill("SIGTERM");
    signal?.addEventListener("abort", onAbort);
    try {
      const facts = await new Promise<LocalnetFacts>((resolve, reject) => {
        child.on("message", (message: Report) => {
          if (message.kind === "progress") onProgress?.(message.progress);
          else if (message.kind === "ready") resolve(message.facts);
          else if (message.kind === "fault") reject(errorOf(message.fault));
        });
        child.once("error", reject);
        void exited.then(() =>
          reject(signal?.aborted ? signal.reason : new InvariantError("the local chain's process ended before it was ready")),
        );
      });
      child.removeAllListeners("message");
      return new LocalnetProcess(child, exited, facts);
    } catch (error) {
      child.kill("SIGTERM");
      await exited;
      throw error;
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }

  async addOperator(operator: Address): Promise<void> {
    await this.#call({ name: "addOperator", operator });
  }

  async fund(address: Address, amountWei: bigint): Promise<void> {
    await this.#call({ name: "fund", address, amountWei });
  }

  async startTrading(): Promise<void> {
    await this.#call({ name: "start" });
  }

  async stopTrading(): Promise<void> {
    await this.#call({ name: "stop" });
  }

  async mineBlock(): Promise<BuiltBlock> {
    return (await this.#call({ name: "mine" })) as BuiltBlock;
  }

  async reorg(depth: number): Promise<readonly BuiltBlock[]> {
    return (await this.#call({ name: "reorg", depth })) as readonly BuiltBlock[];
  }

  onBlock(listener: (block: BuiltBlock) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  onFault(listener: (fault: unknown) => void): void {
    this.#fault = listener;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    if (this.#child.connected) this.#child.disconnect();
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await this.#exited;
    clearTimeout(timer);
  }

  #call(command: Command): Promise<unknown> {
    if (this.#stopping || !this.#child.connected) return Promise.reject(new InvariantError("the local chain has ended"));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#child.send({ id, command } satisfies Request);
    });
  }

  #receive(message: Report): void {
    if (message.kind === "block") {
      for (const listener of this.#listeners) listener(message.block);
    } else if (message.kind === "reply") {
      const waiting = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      if (message.fault === undefined) waiting?.resolve(message.result);
      else waiting?.reject(errorOf(message.fault));
    } else if (message.kind === "fault") this.#ended(errorOf(message.fault));
  }

  #ended(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
    if (this.#stopping) return;
    this.#stopping = true;
    if (this.#fault === undefined) throw error;
    this.#fault(error);
  }
}
