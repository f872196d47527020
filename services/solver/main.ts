import { setImmediate } from "node:timers/promises";
import { Piscina } from "piscina";
import type { Bus } from "#libs/actor/bus.ts";
import type { ActorSpec } from "#libs/actor/run.ts";
import { loadSnapshot } from "#libs/actor/snapshots.ts";
import { sharedInts } from "#libs/graph/shared.ts";
import { packValue } from "#proto/codec.ts";
import type { QuoteReply, QuoteRequest } from "#proto/quote/v1/quote.ts";
import { type Config, initialState, type Keys, type Reply, type Request, type State, solver } from "#services/solver/actor.ts";
import { type SolverSettings, solverConfig } from "#services/solver/config.ts";
import type { BlockResult, Update } from "#services/solver/kernel.ts";
import { type Limits, monotonicMs } from "#services/solver/limits.ts";

/** Pools of a snapshot that are handed to the thread at once. All of a large DEX at once would take this thread, which has to keep its lease, for seconds. */
const POOLS_AT_ONCE = 2_000;

/** The same, in order, in updates of so many pools at most. */
export function* inParts(updates: readonly Update[], atOnce: number): Generator<Update> {
  for (const { added, rows, removed, ...of } of updates) {
    for (let at = 0; at < added.length; at += atOnce) yield { ...of, added: added.slice(at, at + atOnce), rows: [], removed: [] };
    for (let at = 0; at < rows.length; at += atOnce) yield { ...of, added: [], rows: rows.slice(at, at + atOnce), removed: [] };
    if (removed.length > 0) yield { ...of, added: [], rows: [], removed };
  }
}

/** Each takes a millisecond or some of the thread that blocks wait for. */
const QUOTES_AT_ONCE = 4;

export function solverSpec(settings: SolverSettings): ActorSpec<State, Config, Keys, Request, Reply> {
  const config = solverConfig(settings);
  const tokens = { chain: config.chain };
  // One thread that never ends: the market lives in it.
  const pool = new Piscina({
    filename: new URL("./worker.ts", import.meta.url).href,
    minThreads: 1,
    maxThreads: 1,
    idleTimeout: Number.POSITIVE_INFINITY,
  });
  let bus: Bus | null = null;
  /** The thread has nothing to do. */
  let done: Promise<void> = Promise.resolve();
  const latest = sharedInts(1);
  const limits = (): Limits => ({
    untilMs: config.deadlineMs === null ? null : monotonicMs() + config.deadlineMs,
    turn: Atomics.add(latest, 0, 1) + 1,
    latest,
  });
  /** While the thread takes one part in, the next is packed. */
  async function takeIn(updates: readonly Update[]): Promise<void> {
    let before: Promise<unknown> = Promise.resolve();
    for (const part of inParts(updates, POOLS_AT_ONCE)) {
      const packed = new Uint8Array(packValue([part]));
      await before;
      before = pool.run({ call: "take-in", packed }, { transferList: [packed.buffer] });
      // A failure is the next part's, or the end's, to throw.
      before.catch(() => {});
      await setImmediate();
    }
    await before;
  }
  async function prepare(request: Extract<Request, { call: "take-in" | "prepare" }>): Promise<null> {
    await takeIn(request.updates);
    if (request.call === "prepare") await pool.run({ ...request, updates: [] });
    return null;
  }
  let quotes = 0;
  async function quote(request: QuoteRequest): Promise<QuoteReply> {
    if (quotes >= QUOTES_AT_ONCE) return { kind: "quote-reply", v: 1, answer: { ok: false, reason: "busy" } };
    quotes++;
    try {
      const answer: QuoteReply["answer"] = await pool.run({ request, native: config.search.startToken }, { name: "quote" });
      return { kind: "quote-reply", v: 1, answer };
    } finally {
      quotes--;
    }
  }
  return {
    actor: solver,
    config,
    chain: config.chain,
    instance: `solver-${config.chain}`,
    lease: `solver.${config.chain}`,
    async boot(context) {
      bus = context.bus;
      const end = await bus.lastSequence("MARKET", config.chain);
      const snapshots = await Promise.all(config.dexes.map((dex) => context.bus.lastOf("poolSnapshotted", { chain: config.chain, dex })));
      // From the oldest of the snapshots on everything is replayed; with none yet, from here.
      const startSequence = Math.min(
        end + 1,
        ...snapshots.flatMap((snapshot) => (snapshot === null ? [] : [Math.min(snapshot.meta.sequence, snapshot.body.causeSequence + 1)])),
      );
      const [last, ranked] = await Promise.all([bus.lastOf("cycleFound", tokens), bus.lastOf("opportunityScored", tokens)]);
      const answered = last === null ? null : { epoch: last.body.epoch, blockNumber: last.body.blockNumber };
      return {
        state: initialState(config, answered, {
          gatedPools: ranked?.body.phantoms,
          snapshotted: config.dexes.filter((_, index) => snapshots[index] !== null),
        }),
        inputs: [
          {
            stream: "MARKET",
            chain: config.chain,
            keys: ["blockObserved", "blockReorged", "poolChanged", "poolDiscovered", "poolSnapshotted"],
            tokens,
            startSequence,
          },
          {
            stream: "DECISIONS",
            chain: config.chain,
            keys: ["opportunityScored"],
            tokens,
            startSequence: (ranked?.meta.sequence ?? (await bus.lastSequence("DECISIONS", config.chain))) + 1,
          },
        ],
      };
    },
    async source(_, log) {
      return (bus as Bus).answer("quote", config.chain, quote, (cause) => log.warn({ cause: cause.message }, "quote not answered"));
    },
    async call(request): Promise<Reply> {
      if (request.call === "load-snapshot")
        return { kind: "snapshot-loaded", dex: request.dex, snapshot: await loadSnapshot(bus as Bus, config.chain, request.object) };
      // One task at a time: piscina does not promise that those it holds start in the order in which they came. The rest stands behind its search and before whatever is asked
      // next, so that a replay can do the same: how many cycles stand, and what a search that is cut short still finds, depends on it.
      const search = request.call === "search" ? { ...request, limits: limits() } : null;
      const answer = done.then((): Promise<BlockResult | null> => (request.call === "search" ? pool.run(search) : prepare(request)));
      // A failure shows in the next search.
      done = answer
        .then(() => (request.call === "take-in" ? null : pool.run(request.search, { name: "rest" })))
        .then(
          () => {},
          () => {},
        );
      const result = await answer;
      if (result !== null) return { kind: "searched", result };
      return { kind: request.call === "take-in" ? "taken-in" : "prepared" };
    },
    async close() {
      // Piscina throws at a task that ends when it has been destroyed.
      await done;
      await pool.destroy();
    },
  };
}
