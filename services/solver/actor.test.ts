import { describe, expect, test } from "vitest";
import type { Effect, Received } from "#libs/actor/actor.ts";
import { calls, drive, published, received } from "#libs/actor/testing.ts";
import { UNTAUGHT } from "#proto/opportunity/v1/scored.ts";
import type { PoolSnapshot } from "#proto/pool/v1/snapshotted.ts";
import type { FoundPools, StateRowOf } from "#proto/pool/v1/state.ts";
import type { BodyOf } from "#proto/subjects.ts";
import { type Config, initialState, type Keys, type Reply, type Request, type State, solver } from "#services/solver/actor.ts";
import type { BlockResult } from "#services/solver/kernel.ts";

const config: Config = {
  chain: "local",
  chainId: 31337,
  // Not in the order of the alphabet: messages name them sorted.
  dexes: ["two", "one"],
  search: { startToken: "0x", maxHops: 3, maxCandidates: 16, minGrossProfit: 1, maxAmountIn: 1n },
  maxSwaps: 32,
  priorityFeePerGas: 10n ** 8n,
  maxTokens: 16,
  maxGas: 8_000_000,
  lateDexMs: 250,
  deadlineMs: null,
};

const hashOf = (name: string) => `0x${Buffer.from(name).toString("hex").padStart(64, "0")}`;
const poolOf = (index: number) => `0x${index.toString(16).padStart(40, "0")}`;
type Row = StateRowOf<"uniswap-v2">;
const row = (pool: number, reserve: number): Row => [poolOf(pool), reserve.toString(), "1", 3_000, 3_000];
const NOTHING: BlockResult = { cyclesFound: 0, isCutShort: false, candidates: [] };

type Effects = readonly Effect<Request>[];
const searches = (effects: Effects) => calls(effects).filter((request) => request.call === "search");
const prepares = (effects: Effects) => calls(effects).filter((request) => request.call === "prepare");
const timersSet = (effects: Effects) => effects.filter((effect) => effect.type === "set-timer");
const found = (effects: Effects) => published(effects).map(({ body }) => body as BodyOf<"cycleFound">);
/** What the kernel is told of states: pool and first reserve. */
const rowsIn = (updates: Extract<Request, { call: "search" }>["updates"]) =>
  updates.flatMap(({ rows }) => rows.map((each) => [Number(each[0]), Number(each[1])]));

/** A solver, and the stream that it follows. */
function start(
  options: { readonly loaded?: readonly string[]; readonly answered?: State["answered"]; readonly snapshotted?: readonly string[] } = {},
) {
  const core = drive(solver, config, initialState(config, options.answered ?? null, { snapshotted: options.snapshotted ?? [] }));
  let sequence = 0;
  const blocks = new Map<string, Received<"blockObserved">>();
  const envelope = (block: Received<"blockObserved">) => ({
    v: 1 as const,
    chainId: 31337,
    blockNumber: block.body.blockNumber,
    blockHash: block.body.blockHash,
    observedAtMs: block.body.observedAtMs,
    causeId: block.meta.id,
    epoch: block.body.epoch,
  });
  const stream = {
    core,
    get sequence() {
      return sequence;
    },
    block(name: string, number: number, epoch = 0): Effects {
      const body: BodyOf<"blockObserved"> = {
        kind: "block-observed",
        v: 1,
        chainId: 31337,
        blockNumber: number,
        blockHash: hashOf(name),
        observedAtMs: number * 1_000,
        causeId: null,
        parentHash: hashOf("?"),
        epoch,
        timestamp: number * 12,
        baseFeePerGas: "7",
        gasUsed: 1,
        gasLimit: 2,
        logColumns: ["address", "topics", "data", "logIndex", "transactionIndex", "transactionHash"],
        logs: [],
      };
      const message = received("blockObserved", body, { sequence: ++sequence });
      blocks.set(name, message);
      return core.give(message);
    },
    reorg(to: string, number: number, epoch: number): Effects {
      return core.give(
        received(
          "blockReorged",
          {
            kind: "block-reorged",
            v: 1,
            chainId: 31337,
            blockNumber: number,
            blockHash: hashOf(to),
            observedAtMs: 0,
            causeId: null,
            epoch,
            dropped: [[number + 1, hashOf("dropped")]],
          },
          { sequence: ++sequence },
        ),
      );
    },
    /** A DEX reports a block. */
    report(dex: string, name: string, rows: readonly Row[] = [], removed: readonly string[] = []): Effects {
      const block = blocks.get(name) as Received<"blockObserved">;
      const body: BodyOf<"poolChanged"> = {
        kind: "pool-changed",
        ...envelope(block),
        dex,
        reason: "block",
        causeSequence: block.meta.sequence,
        states: { family: "uniswap-v2", rows: [...rows] },
        removed: [...removed],
      };
      return core.give(received("poolChanged", body, { sequence: ++sequence }));
    },
    discover(dex: string, name: string, pool: number): Effects {
      const block = blocks.get(name) as Received<"blockObserved">;
      const pools: FoundPools = { family: "uniswap-v2", rows: [[poolOf(pool), [poolOf(1), poolOf(2)], {}]] };
      return core.give(received("poolDiscovered", { kind: "pool-discovered", ...envelope(block), dex, pools }, { sequence: ++sequence }));
    },
    announce(dex: string, name: string, object = `${dex}.object`): Effects {
      const block = blocks.get(name) as Received<"blockObserved">;
      return core.give(
        received(
          "poolSnapshotted",
          { kind: "pool-snapshotted", ...envelope(block), dex, object, pools: 1, bytes: 1, causeSequence: block.meta.sequence },
          { sequence: ++sequence },
        ),
      );
    },
    snapshot(dex: string, name: string, rows: readonly Row[]): PoolSnapshot {
      const { body, meta } = blocks.get(name) as Received<"blockObserved">;
      return {
        v: 1,
        dex,
        chainId: 31337,
        blockNumber: body.blockNumber,
        blockHash: body.blockHash,
        epoch: body.epoch,
        causeSequence: meta.sequence,
        pools: { family: "uniswap-v2", rows: rows.map(([pool]) => [pool, [poolOf(1), poolOf(2)], {}]) },
        states: { family: "uniswap-v2", rows: [...rows] },
        arrivals: [],
        candidates: [],
        small: [],
        quarantined: [],
        journal: [],
      };
    },
    load(dex: string, snapshot: PoolSnapshot | null): Effects {
      return core.give({ type: "reply", reply: { kind: "snapshot-loaded", dex, snapshot } });
    },
    ranked: (phantoms: string[]): Effects =>
      core.give(
        received(
          "opportunityScored",
          {
            kind: "opportunity-scored",
            v: 1,
            chainId: 31337,
            blockNumber: 1,
            blockHash: hashOf("ranked"),
            observedAtMs: 0,
            causeId: null,
            epoch: 0,
            causeSequence: 1,
            ...UNTAUGHT,
            maxNextBaseFeePerGas: "1",
            priorityFeePerGas: "1",
            phantoms,
            opportunities: [],
            rejected: [],
          },
          { sequence: 1, stream: "DECISIONS" },
        ),
      ),
    deadline: (): Effects => core.give({ type: "timer", name: "late-dex" }),
    answer: (result: BlockResult = NOTHING): Effects => core.give({ type: "reply", reply: { kind: "searched", result } satisfies Reply }),
  };
  if (options.loaded !== undefined) {
    stream.block("before", 9);
    for (const dex of options.loaded) stream.load(dex, stream.snapshot(dex, "before", []));
    while (core.state.searching.length > 0) stream.answer();
  }
  return stream;
}

describe("a block", () => {
  test("is searched without the pools that the last ranking calls phantoms, and its answer names them", () => {
    const stream = start({ loaded: ["one", "two"] });
    stream.ranked([poolOf(7)]);
    stream.block("a", 10);
    stream.report("two", "a");
    const [search] = searches(stream.report("one", "a"));
    expect(search).toMatchObject({ gatedPools: [poolOf(7)] });
    // What comes while it is under way counts from the next block on.
    stream.ranked([]);
    expect(found(stream.answer())[0]).toMatchObject({ gatedPools: [poolOf(7)] });
    stream.block("b", 11);
    stream.report("two", "b");
    expect(searches(stream.report("one", "b"))).toMatchObject([{ gatedPools: [] }]);
    expect(found(stream.answer())[0]).not.toHaveProperty("gatedPools");
  });

  test("is searched once every DEX has reported it, with what they reported, and answered with one message", () => {
    const stream = start({ loaded: ["one", "two"] });
    expect(timersSet(stream.block("a", 10))).toEqual([{ type: "set-timer", name: "late-dex", delayMs: 250 }]);
    expect(searches(stream.report("two", "a", [row(7, 70)]))).toEqual([]);
    const [search] = searches(stream.report("one", "a", [row(8, 80)]));
    expect(search).toMatchObject({ search: config.search, lateDexes: [] });
    expect(rowsIn(search?.updates ?? [])).toEqual([
      [7, 70],
      [8, 80],
    ]);
    const candidate = { cycleId: "0123456789abcdef" } as BlockResult["candidates"][number];
    const effects = stream.answer({ cyclesFound: 5, isCutShort: true, candidates: [candidate], ended: { after: 7, by: "deadline" } });
    expect(published(effects)).toEqual([
      {
        type: "publish",
        key: "cycleFound",
        tokens: { chain: "local" },
        messageId: `cycles:local:${hashOf("a")}:0`,
        body: {
          kind: "cycle-found",
          v: 1,
          chainId: 31337,
          blockNumber: 10,
          blockHash: hashOf("a"),
          observedAtMs: 10_000,
          causeId: "blockObserved:2",
          epoch: 0,
          timestamp: 120,
          baseFeePerGas: "7",
          dexes: ["one", "two"],
          lateDexes: [],
          cyclesFound: 5,
          isCutShort: true,
          ended: { after: 7, by: "deadline" },
          candidates: [candidate],
        },
      },
    ]);
    expect(effects).toContainEqual({ type: "finished-block", blockNumber: 10 });
  });

  test("that nothing happened in is answered too", () => {
    const stream = start({ loaded: ["one", "two"] });
    stream.block("a", 10);
    stream.report("one", "a");
    const [search] = searches(stream.report("two", "a"));
    expect(search?.updates).toEqual([]);
    expect(found(stream.answer())).toHaveLength(1);
  });

  test("is waited for by the DEXes that hold a state only", () => {
    const stream = start({ loaded: ["one"] });
    stream.block("a", 10);
    const [search] = searches(stream.report("one", "a"));
    expect(search).toMatchObject({ lateDexes: ["two"] });
    expect(found(stream.answer())[0]).toMatchObject({ dexes: ["one"], lateDexes: ["two"] });
  });

  test("that another follows before it is complete is answered with what it has, and in order", () => {
    const stream = start({ loaded: ["one", "two"] });
    stream.block("a", 10);
    stream.report("one", "a", [row(7, 70)]);
    const [first] = searches(stream.block("b", 11));
    expect(rowsIn(first?.updates ?? [])).toEqual([[7, 70]]);
    stream.report("two", "a", [row(8, 80)]);
    stream.report("one", "b", [row(7, 71)]);
    const [second] = searches(stream.report("two", "b", [row(8, 81)]));
    expect(rowsIn(second?.updates ?? [])).toEqual([
      [8, 80],
      [7, 71],
      [8, 81],
    ]);
    const answers = [...found(stream.answer()), ...found(stream.answer())];
    expect(answers.map(({ blockNumber, dexes, lateDexes }) => [blockNumber, dexes, lateDexes])).toEqual([
      [10, ["one"], ["two"]],
      [11, ["one", "two"], []],
    ]);
  });

  test("in a burst of blocks is not late: the last of them waits for all DEXes", () => {
    const stream = start({ loaded: ["one", "two"] });
    const effects = [...stream.block("a", 10), ...stream.block("b", 11), ...stream.block("c", 12)];
    expect(searches(effects)).toHaveLength(2);
    for (const name of ["a", "b", "c"]) stream.report("one", name);
    stream.report("two", "a");
    expect(searches(stream.report("two", "b"))).toEqual([]);
    expect(searches(stream.report("two", "c"))).toHaveLength(1);
    const answers = [...found(stream.answer()), ...found(stream.answer()), ...found(stream.answer())];
    expect(answers.map(({ dexes }) => dexes)).toEqual([[], [], ["one", "two"]]);
  });

  test("without any DEX that holds a state is answered at its deadline", () => {
    const stream = start();
    expect(searches(stream.block("a", 10))).toEqual([]);
    expect(searches(stream.deadline())).toHaveLength(1);
    expect(found(stream.answer())[0]).toMatchObject({ dexes: [], lateDexes: ["one", "two"] });
  });
});

describe("a DEX that is late", () => {
  function withLate() {
    const stream = start({ loaded: ["one", "two"] });
    stream.block("a", 10);
    stream.report("one", "a", [row(7, 70)]);
    const [search] = searches(stream.deadline());
    return { stream, search };
  }

  test("is gone on without at the deadline", () => {
    const { stream, search } = withLate();
    expect(rowsIn(search?.updates ?? [])).toEqual([[7, 70]]);
    expect(search?.lateDexes).toEqual(["two"]);
    expect(found(stream.answer())[0]).toMatchObject({ blockNumber: 10, dexes: ["one"], lateDexes: ["two"] });
  });

  test("is not waited for in the next block", () => {
    const { stream } = withLate();
    stream.block("b", 11);
    expect(searches(stream.report("one", "b"))).toHaveLength(1);
  });

  test("is not waited for again after a report that came late", () => {
    const { stream } = withLate();
    stream.report("two", "a", [row(8, 80)]);
    stream.block("b", 11);
    const [search] = searches(stream.report("one", "b"));
    expect(search?.lateDexes).toEqual(["two"]);
    // What it said late is not lost.
    expect(rowsIn(search?.updates ?? [])).toEqual([[8, 80]]);
  });

  test("is waited for again once it has reported a block before its deadline", () => {
    const { stream } = withLate();
    stream.block("b", 11);
    stream.report("one", "b");
    stream.report("two", "b");
    stream.block("c", 12);
    expect(searches(stream.report("one", "c"))).toEqual([]);
    expect(searches(stream.report("two", "c"))).toHaveLength(1);
  });

  test("is waited for again once it has reported before the others, too", () => {
    const { stream } = withLate();
    stream.block("b", 11);
    stream.report("two", "b");
    expect(searches(stream.report("one", "b"))).toMatchObject([{ lateDexes: [] }]);
    stream.block("c", 12);
    expect(searches(stream.report("one", "c"))).toEqual([]);
  });

  test("stays late while it reports after the deadline", () => {
    const { stream } = withLate();
    stream.block("b", 11);
    stream.report("one", "b");
    stream.deadline();
    stream.report("two", "b");
    stream.block("c", 12);
    expect(searches(stream.report("one", "c"))).toHaveLength(1);
  });

  test("like all the others is not gone on without: the first to report has the next block searched", () => {
    const stream = start({ loaded: ["one", "two"] });
    stream.block("a", 10);
    stream.deadline();
    expect(searches(stream.block("b", 11))).toEqual([]);
    expect(searches(stream.report("one", "b"))).toMatchObject([{ lateDexes: ["two"] }]);
    stream.report("two", "b");
    stream.block("c", 12);
    stream.report("one", "c");
    expect(searches(stream.report("two", "c"))).toMatchObject([{ lateDexes: [] }]);
  });
});

describe("the snapshot of a DEX", () => {
  test("is loaded once, however often one is announced", () => {
    const stream = start();
    stream.block("a", 10);
    expect(calls(stream.announce("one", "a"))).toEqual([{ call: "load-snapshot", dex: "one", object: "one.object" }]);
    expect(calls(stream.announce("one", "a", "newer"))).toEqual([]);
    stream.load("one", stream.snapshot("one", "a", []));
    expect(calls(stream.announce("one", "a", "newest"))).toEqual([]);
    expect(calls(stream.announce("unknown", "a"))).toEqual([]);
  });

  test("is taken in with the changes that came while it was loaded: those after it, not those it has", () => {
    const stream = start();
    stream.block("a", 10);
    stream.report("one", "a", [row(7, 70)]);
    stream.block("b", 11);
    stream.announce("one", "b");
    stream.report("one", "b", [row(7, 71)]);
    stream.block("c", 12);
    stream.report("one", "c", [row(7, 72)]);
    const effects = stream.load("one", stream.snapshot("one", "b", [row(7, 71)]));
    const [prepare] = prepares(effects);
    expect(prepare?.updates[0]).toMatchObject({ dex: "one", family: "uniswap-v2", added: [[poolOf(7), [poolOf(1), poolOf(2)], {}]] });
    expect(rowsIn(prepare?.updates ?? [])).toEqual([
      [7, 71],
      [7, 72],
    ]);
    expect(stream.core.state.dexes.get("one")?.buffered, "nothing is kept that has been taken in").toEqual([]);
    // The last buffered report was of the pending block.
    expect(searches(effects)).toHaveLength(1);
    expect(calls(effects).map(({ call }) => call)).toEqual(["prepare", "search"]);
  });

  test("older than all that was reported since brings its DEX up to the head", () => {
    const stream = start();
    for (const [index, name] of ["a", "b", "c"].entries()) {
      stream.block(name, 10 + index);
      if (name === "a") stream.announce("one", "a");
      stream.report("one", name, [row(7, 70 + index)]);
    }
    const [prepare] = prepares(stream.load("one", stream.snapshot("one", "a", [row(7, 70)])));
    expect(rowsIn(prepare?.updates ?? [])).toEqual([
      [7, 70],
      [7, 71],
      [7, 72],
    ]);
    stream.report("one", "c", [row(7, 99)]);
    expect(stream.core.state.updates).toEqual([]);
  });

  test("newer than what comes after it is not set back", () => {
    const stream = start();
    stream.block("a", 10);
    stream.block("b", 11);
    stream.load("one", stream.snapshot("one", "b", [row(7, 71)]));
    stream.report("one", "a", [row(7, 70)]);
    expect(stream.core.state.updates).toEqual([]);
    stream.block("c", 12);
    const [search] = searches(stream.report("one", "c", [row(7, 72)]));
    expect(rowsIn(search?.updates ?? [])).toEqual([[7, 72]]);
  });

  test("that is gone is waited for in its successor, and nothing reported meanwhile is lost", () => {
    const stream = start();
    stream.block("a", 10);
    stream.announce("one", "a", "gone");
    stream.block("b", 11);
    stream.report("one", "b", [row(7, 71)]);
    expect(stream.load("one", null)).toEqual([]);
    expect(calls(stream.announce("one", "a", "next"))).toEqual([{ call: "load-snapshot", dex: "one", object: "next" }]);
    expect(rowsIn(prepares(stream.load("one", stream.snapshot("one", "a", [row(7, 70)])))[0]?.updates ?? [])).toEqual([
      [7, 70],
      [7, 71],
    ]);
  });

  test("makes its DEX one that is waited for, also when blocks before it had to go on without", () => {
    const stream = start({ loaded: ["one"] });
    stream.block("a", 10);
    stream.deadline();
    stream.block("b", 11);
    stream.report("one", "b");
    stream.load("two", stream.snapshot("two", "b", []));
    stream.block("c", 12);
    stream.report("one", "c");
    expect(searches(stream.report("two", "c"))).toMatchObject([{ lateDexes: [] }]);
  });
});

describe("practice", () => {
  const kinds = (effects: Effects) => calls(effects).map(({ call }) => call);

  /** Snapshots are of the block before the head, which no DEX has reported. */
  function behind(options: Parameters<typeof start>[0] = {}) {
    const stream = start(options);
    stream.block("a", 10);
    stream.block("head", 11);
    return stream;
  }

  test("waits for all DEXes that had a snapshot, and is done once, with whatever has come meanwhile", () => {
    const stream = behind({ snapshotted: ["one", "two"] });
    const taken = stream.load("one", stream.snapshot("one", "a", [row(7, 70)]));
    expect(kinds(taken)).toEqual(["take-in"]);
    expect(calls(taken)[0]).toMatchObject({ updates: [{ dex: "one", rows: [row(7, 70)] }] });
    stream.report("two", "a", [row(8, 80)]);
    const effects = stream.load("two", stream.snapshot("two", "a", [row(8, 80)]));
    expect(kinds(effects)).toEqual(["prepare"]);
    expect(rowsIn(prepares(effects)[0]?.updates ?? [])).toEqual([[8, 80]]);
    expect(prepares(stream.core.all)).toHaveLength(1);
  });

  test("waits for a DEX whose snapshot has been asked for since", () => {
    const stream = behind();
    stream.announce("two", "a");
    expect(kinds(stream.load("one", stream.snapshot("one", "a", [])))).toEqual(["take-in"]);
    expect(kinds(stream.load("two", stream.snapshot("two", "a", [])))).toEqual(["prepare"]);
  });

  test("comes before the first block that is searched, and again behind the DEX that came too late for that", () => {
    const stream = behind({ snapshotted: ["one", "two"] });
    expect(kinds(stream.load("one", stream.snapshot("one", "a", [row(7, 70)])))).toEqual(["take-in"]);
    const effects = stream.report("one", "head", [row(7, 71)]);
    expect(kinds(effects)).toEqual(["prepare", "search"]);
    // The kernel practises on the block's states: nothing is left to tell it with the search.
    expect(calls(effects).map((request) => "updates" in request && rowsIn(request.updates))).toEqual([[[7, 71]], []]);
    expect(kinds(stream.deadline())).toEqual([]);
    expect(kinds(stream.load("two", stream.snapshot("two", "head", [])))).toEqual(["prepare"]);
  });

  test("waits no longer for a snapshot that is gone", () => {
    const stream = behind({ snapshotted: ["one", "two"] });
    stream.announce("two", "a");
    stream.load("one", stream.snapshot("one", "a", []));
    expect(kinds(stream.load("two", null))).toEqual(["prepare"]);
    expect(kinds(stream.announce("two", "a", "next"))).toEqual(["load-snapshot"]);
    expect(kinds(stream.load("two", null)), "nothing has come that was not practised on").toEqual([]);
  });

  test("is not done for blocks that were answered before a restart", () => {
    const stream = behind({ snapshotted: ["one", "two"], answered: { epoch: 0, blockNumber: 11 } });
    stream.load("one", stream.snapshot("one", "a", []));
    expect(kinds(stream.report("one", "head"))).toEqual([]);
    expect(kinds(stream.deadline())).toEqual([]);
    expect(prepares(stream.core.all)).toEqual([]);
  });
});

test("a pool that was discovered is told to the kernel before its first state, and one that is no more is taken out", () => {
  const stream = start({ loaded: ["one", "two"] });
  stream.block("a", 10);
  stream.discover("one", "a", 5);
  stream.report("one", "a", [row(5, 50)], [poolOf(4)]);
  const [search] = searches(stream.report("two", "a"));
  expect(search?.updates).toEqual([
    { dex: "one", family: "uniswap-v2", added: [[poolOf(5), [poolOf(1), poolOf(2)], {}]], rows: [], removed: [] },
    { dex: "one", family: "uniswap-v2", added: [], rows: [row(5, 50)], removed: [poolOf(4)] },
  ]);
});

test("a plan counts gas at the most that the next block's can cost, priority fee included", () => {
  const stream = start({ loaded: ["one", "two"] });
  stream.block("a", 10);
  stream.report("one", "a", []);
  const [search] = searches(stream.report("two", "a", []));
  // Base fee 7: an eighth more is 7 in whole wei, and the rule adds one.
  expect(search).toMatchObject({ plan: { gasPrice: 8n + config.priorityFeePerGas } });
});

test("a pool that is no more is taken out although no other changed", () => {
  const stream = start({ loaded: ["one", "two"] });
  stream.block("a", 10);
  stream.report("one", "a", [], [poolOf(4)]);
  expect(searches(stream.report("two", "a"))[0]?.updates).toMatchObject([{ removed: [poolOf(4)] }]);
});

test("a DEX that is not of this chain is nobody's", () => {
  const stream = start({ loaded: ["one", "two"] });
  stream.block("a", 10);
  expect(stream.report("three", "a", [row(1, 1)])).toEqual([]);
  expect(stream.core.state.updates).toEqual([]);
});

test("a report delivered twice is taken once", () => {
  const stream = start({ loaded: ["one", "two"] });
  stream.block("a", 10);
  stream.report("one", "a", [row(7, 70)]);
  stream.report("one", "a", [row(7, 70)]);
  const [search] = searches(stream.report("two", "a"));
  expect(rowsIn(search?.updates ?? [])).toEqual([[7, 70]]);
});

describe("after a restart", () => {
  test("blocks that were answered are applied, not searched, and the first new one has all their changes", () => {
    const stream = start({ answered: { epoch: 0, blockNumber: 11 } });
    stream.block("a", 10);
    stream.load("one", stream.snapshot("one", "a", []));
    stream.load("two", stream.snapshot("two", "a", []));
    stream.block("b", 11);
    stream.report("one", "b", [row(7, 71)]);
    const before = stream.report("two", "b");
    stream.block("c", 12);
    stream.report("one", "c", [row(7, 72)]);
    const [search] = searches(stream.report("two", "c"));
    expect(searches(before)).toEqual([]);
    expect(rowsIn(search?.updates ?? [])).toEqual([
      [7, 71],
      [7, 72],
    ]);
    expect(found(stream.answer()).map(({ blockNumber }) => blockNumber)).toEqual([12]);
    expect(searches(stream.core.all)).toHaveLength(1);
  });

  test("a block of a later epoch is new although a higher one was answered", () => {
    const stream = start({ answered: { epoch: 1, blockNumber: 11 } });
    stream.block("a", 10, 1);
    stream.load("one", stream.snapshot("one", "a", []));
    stream.load("two", stream.snapshot("two", "a", []));
    stream.reorg("a", 10, 2);
    stream.block("b", 11, 2);
    stream.report("one", "b");
    expect(searches(stream.report("two", "b"))).toHaveLength(1);
  });

  test("an answered block of an earlier epoch is not searched although it is higher", () => {
    const stream = start({ answered: { epoch: 1, blockNumber: 10 } });
    stream.block("a", 12, 0);
    stream.load("one", stream.snapshot("one", "a", []));
    stream.load("two", stream.snapshot("two", "a", []));
    expect(stream.core.state.pending).toBeNull();
    expect(searches(stream.core.all)).toEqual([]);
  });
});

describe("a reorganisation", () => {
  test("has the pending block answered with what it has, and its states go into the next search", () => {
    const stream = start({ loaded: ["one", "two"] });
    stream.block("a", 10);
    stream.report("one", "a", [row(7, 70)]);
    expect(searches(stream.reorg("before", 9, 1))).toHaveLength(1);
    stream.block("x", 10, 1);
    stream.report("one", "x", [row(7, 77)]);
    const [search] = searches(stream.report("two", "x"));
    expect(search).toMatchObject({ lateDexes: [] });
    expect(rowsIn(search?.updates ?? [])).toEqual([[7, 77]]);
    const answers = [...found(stream.answer()), ...found(stream.answer())];
    expect(answers.map(({ blockHash, epoch, lateDexes }) => [blockHash, epoch, lateDexes])).toEqual([
      [hashOf("a"), 0, ["two"]],
      [hashOf("x"), 1, []],
    ]);
  });

  test("back to a block that was answered has it answered again, under another id", () => {
    const stream = start({ loaded: ["one", "two"] });
    for (const epoch of [0, 1]) {
      stream.block("a", 10, epoch);
      stream.report("one", "a");
      stream.report("two", "a");
      stream.answer();
    }
    const ids = published(stream.core.all).map(({ messageId }) => messageId);
    expect(ids.slice(-2)).toEqual([`cycles:local:${hashOf("a")}:0`, `cycles:local:${hashOf("a")}:1`]);
  });
});

test("an answer that nothing was asked for is nothing", () => {
  expect(start().answer()).toEqual([]);
  const keys: Keys[] = ["blockObserved", "blockReorged", "poolChanged", "poolDiscovered", "poolSnapshotted"];
  expect(keys).toHaveLength(5);
});
