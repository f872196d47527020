import { fc, test } from "@fast-check/vitest";
import { describe, expect } from "vitest";
import type { Effect, Publish } from "#libs/actor/actor.ts";
import { calls, drive, published } from "#libs/actor/testing.ts";
import type { FamilyId, PoolInfo, RowOf } from "#libs/dex/family.ts";
import { familyOf } from "#libs/dex/registry.ts";
import { encode, packValue, unpackValue } from "#proto/codec.ts";
import type { PoolSnapshot } from "#proto/pool/v1/snapshotted.ts";
import type { BodyOf } from "#proto/subjects.ts";
import { type Config, fetcher, type infoOf, type Reply, type Request, restore, type State, snapshotOf } from "#services/fetcher/actor.ts";
import {
  addressOf,
  type Block,
  byAddress,
  configOf,
  createdLog,
  type Happening,
  log,
  newPool,
  type PoolFacts,
  rowsOf,
  World,
} from "#services/fetcher/testing.ts";

const changedIn = (effects: readonly Effect<Request>[]) =>
  published(effects).flatMap(({ body }) => (body.kind === "pool-changed" ? [body] : []));
const discoveredIn = (effects: readonly Effect<Request>[]) =>
  published(effects).flatMap(({ body }) => (body.kind === "pool-discovered" ? [body] : []));
const timersIn = (effects: readonly Effect<Request>[]) => effects.filter(({ type }) => type === "set-timer");

/** The states as this fetcher holds them, as rows by address. */
function held(state: State, family: FamilyId): RowOf<FamilyId>[] {
  return byAddress([...state.pools.values()].map(({ info, state: pool }) => familyOf(family).toRow(info, pool)));
}

/** What the chain says of all pools at a block: the answer to a request to read again. */
function readAgain(family: FamilyId, request: Extract<Request, { call: "reread" }>, block: Block): Reply {
  const asked = new Set(request.pools.map(({ pool }): string => pool));
  const rows = rowsOf(family, block.pools);
  return {
    kind: "reread",
    rows: rows.filter((row) => asked.has(row[0])),
    announced: [...block.pools.values()].map(({ info }) => info).filter(({ pool }) => !asked.has(pool)),
    at: request.at,
    causeId: request.causeId,
  };
}

/** Everything that was announced and is there at the block. */
function admitAll(family: FamilyId, { announced, at }: Extract<Request, { call: "admit" }>, block: Block): Reply {
  const pools = announced.flatMap((each) => block.pools.get(typeof each === "string" ? each : (each?.pool ?? "")) ?? []);
  return {
    kind: "admitted",
    announced,
    pools: pools.map(({ info }) => info),
    rows: rowsOf(family, new Map(pools.map((facts) => [facts.info.pool, facts]))),
    refused: [],
    at,
  };
}

const sync = (facts: PoolFacts, reserve0: bigint, reserve1: bigint) => log("Sync", facts.info.pool, [reserve0, reserve1]);

describe("the logs of a block", () => {
  const a: PoolFacts = { ...newPool("uniswap-v2", 0), reserves: [10n, 20n] };
  const b: PoolFacts = { ...newPool("uniswap-v2", 1), reserves: [30n, 40n] };
  const config = configOf("uniswap-v2");
  const start = () => {
    const world = new World("uniswap-v2", [a, b]);
    return { world, core: drive(fetcher, config, world.state()) };
  };

  test("become one message with the absolute states after it", () => {
    const { world, core } = start();
    world.mine([], [sync(a, 1n, 2n), sync(b, 3n, 4n), sync(a, 5n, 6n)]);
    const message = world.observed();
    const effects = core.give(message);
    expect(published(effects)).toEqual([
      {
        type: "publish",
        key: "poolChanged",
        tokens: { chain: "local", dex: "dex" },
        messageId: `changed:local:dex:${world.head.hash}:0:block`,
        body: {
          kind: "pool-changed",
          v: 1,
          chainId: 31337,
          blockNumber: 11,
          blockHash: world.head.hash,
          observedAtMs: 11_000,
          causeId: message.meta.id,
          epoch: 0,
          dex: "dex",
          reason: "block",
          causeSequence: message.meta.sequence,
          states: {
            family: "uniswap-v2",
            rows: [
              [a.info.pool, "5", "6", 3_000, 3_000],
              [b.info.pool, "3", "4", 3_000, 3_000],
            ],
          },
          removed: [],
        },
      },
    ]);
    expect(effects).toContainEqual({ type: "finished-block", blockNumber: 11 });
  });

  test("that change nothing of ours give an empty message", () => {
    const { world, core } = start();
    world.mine([]);
    const [changed] = changedIn(core.give(world.observed()));
    expect(changed?.states.rows).toEqual([]);
    expect(changed?.removed).toEqual([]);
  });

  test("of pools that are not held are passed over, as are events that are not the family's", () => {
    const { world, core } = start();
    const stranger = newPool("uniswap-v2", 7);
    world.mine([], [sync(stranger, 1n, 2n), log("Initialize", a.info.pool, [1, 1])]);
    expect(changedIn(core.give(world.observed()))[0]?.states.rows).toEqual([]);
  });

  /** Answers an admission as of its block, taking in everything that was announced. */
  const take = (core: ReturnType<typeof start>["core"], effects: readonly Effect<Request>[], block: Block) => {
    const [request] = calls(effects) as [Extract<Request, { call: "admit" }>];
    return core.give({ type: "reply", reply: admitAll("uniswap-v2", request, block) });
  };

  test("announce a pool: it is asked about, and told of with the next block, with what that block did to it", () => {
    const { world, core } = start();
    const fresh = newPool("uniswap-v2", 2);
    const created = world.mine([{ kind: "create", which: 2, low: 0, high: 0, amount: 0 }]);
    const effects = core.give(world.observed());
    expect(calls(effects)).toEqual([{ call: "admit", announced: [fresh.info], at: core.state.position }]);
    expect(discoveredIn(effects)).toEqual([]);
    expect(published(take(core, effects, created))).toEqual([]);
    world.mine([], [sync(fresh, 7n, 8n)]);
    const next = core.give(world.observed());
    expect(published(next).map(({ key }) => key)).toEqual(["poolDiscovered", "poolChanged"]);
    expect(discoveredIn(next)[0]).toMatchObject({
      dex: "dex",
      pools: { family: "uniswap-v2", rows: [[fresh.info.pool, fresh.info.tokens, {}]] },
    });
    expect(changedIn(next)[0]?.states.rows).toEqual([[fresh.info.pool, "7", "8", 3_000, 3_000]]);
    expect(next).toContainEqual({ type: "count", metric: "pools", labels: { dex: "dex" }, value: 3 });
  });

  test("of a pool under admission are applied once it is taken up, also when the answer is late or of a dropped block", () => {
    const { world, core } = start();
    const fresh = newPool("uniswap-v2", 2);
    const created = world.mine([{ kind: "create", which: 2, low: 0, high: 0, amount: 0 }]);
    const asked = core.give(world.observed());
    world.mine([], [sync(fresh, 7n, 8n)]);
    core.give(world.observed());
    take(core, asked, created);
    expect(held(core.state, "uniswap-v2").at(-1)).toEqual([fresh.info.pool, "7", "8", 3_000, 3_000]);
    // Undone with its block: what is left is the state it was taken up at.
    const undone = core.give(world.reorg(1));
    expect(changedIn(undone)[0]?.states.rows).toEqual([[fresh.info.pool, "0", "0", 3_000, 3_000]]);
    // Taken up in a block that is dropped: removed, and asked about again.
    const dropped = core.give(world.reorg(1));
    expect(changedIn(dropped)[0]?.removed).toEqual([fresh.info.pool]);
    expect(calls(dropped)).toEqual([{ call: "admit", announced: [fresh.info.pool], at: core.state.position }]);
  });

  test("of a pool that is refused are passed over, then as before", () => {
    const { world, core } = start();
    const fresh = newPool("uniswap-v2", 2);
    world.mine([{ kind: "create", which: 2, low: 0, high: 0, amount: 0 }]);
    const [request] = calls(core.give(world.observed())) as [Extract<Request, { call: "admit" }>];
    const { announced, at } = request;
    core.give({ type: "reply", reply: { kind: "admitted", announced, pools: [], rows: [], refused: [], at } });
    world.mine([], [sync(fresh, 7n, 8n)]);
    const effects = core.give(world.observed());
    expect(discoveredIn(effects)).toEqual([]);
    expect(changedIn(effects)[0]?.states.rows).toEqual([]);
    expect(core.state.pools.size).toBe(2);
    expect(core.state.candidates.size).toBe(0);
  });

  test("of pools that an answer for a dropped block takes up are kept on; what it refuses is not asked about again", () => {
    const { world, core } = start();
    const [fresh, small] = [newPool("uniswap-v2", 2), newPool("uniswap-v2", 3)];
    const created = world.mine([2, 3].map((which) => ({ kind: "create" as const, which, low: 0, high: 0, amount: 0 })));
    const [request] = calls(core.give(world.observed())) as [Extract<Request, { call: "admit" }>];
    core.give(world.reorg(1));
    const reply = admitAll("uniswap-v2", { ...request, announced: [fresh.info] }, created) as Extract<Reply, { kind: "admitted" }>;
    const refused = [{ pool: small.info.pool, code: "small", detail: "" }];
    const effects = core.give({ type: "reply", reply: { ...reply, announced: request.announced, refused } });
    expect(calls(effects)).toEqual([{ call: "admit", announced: [fresh.info.pool], at: core.state.position }]);
    expect([...core.state.candidates.keys()]).toEqual([fresh.info.pool]);
    expect([...core.state.small]).toEqual([small.info.pool]);
  });

  test("of another factory announce nothing to us", () => {
    const { world, core } = start();
    const fresh = newPool("uniswap-v2", 2);
    world.mine([], [createdLog("uniswap-v2", fresh.info, addressOf(0xbad)), sync(fresh, 7n, 8n)]);
    const effects = core.give(world.observed());
    expect(discoveredIn(effects)).toEqual([]);
    expect(changedIn(effects)[0]?.states.rows).toEqual([]);
  });

  test("that announce a pool which is held already leave its state alone", () => {
    const { world, core } = start();
    world.mine([], [createdLog("uniswap-v2", a.info)]);
    const effects = core.give(world.observed());
    expect(discoveredIn(effects)).toEqual([]);
    expect(held(core.state, "uniswap-v2")[0]).toEqual([a.info.pool, "10", "20", 3_000, 3_000]);
  });

  test("delivered again are ignored", () => {
    const { world, core } = start();
    world.mine([], [sync(a, 1n, 2n)]);
    const message = world.observed();
    core.give(message);
    expect(core.give(message)).toEqual([]);
  });
});

describe("a gap in the stream", () => {
  const a: PoolFacts = { ...newPool("uniswap-v2", 0), reserves: [10n, 20n] };
  const b: PoolFacts = { ...newPool("uniswap-v2", 1), reserves: [30n, 40n] };
  const config = configOf("uniswap-v2");

  test("has the chain read again at the block after it, and blocks that come meanwhile applied afterwards", () => {
    const world = new World("uniswap-v2", [a, b]);
    const core = drive(fetcher, config, world.state());
    const missed: Happening = { kind: "trade", which: 0, low: 3, high: 0, amount: 70 };
    world.mine([missed, { ...missed, kind: "create", which: 4 }]);
    const after = world.mine([]);
    const message = world.observed();
    const [request] = calls(core.give(message)) as [Extract<Request, { call: "reread" }>];
    expect(request).toMatchObject({
      call: "reread",
      since: 10,
      at: { blockHash: after.hash, sequence: message.meta.sequence },
      causeId: message.meta.id,
    });
    expect(request.pools).toEqual([a.info, b.info]);
    world.mine([{ ...missed, which: 1, amount: 99 }]);
    expect(core.give(world.observed())).toEqual([]);

    const effects = core.give({ type: "reply", reply: readAgain("uniswap-v2", request, after) });
    const [reread, next] = changedIn(effects);
    expect(reread).toMatchObject({ reason: "reread", blockHash: after.hash, causeSequence: message.meta.sequence });
    // The pool that nothing happened to is not among them.
    expect(reread?.states.rows.map((row) => row[0])).toEqual([a.info.pool]);
    // What the blocks in between announced is asked about like any other.
    expect(calls(effects)).toEqual([expect.objectContaining({ call: "admit", announced: [newPool("uniswap-v2", 4).info] })]);
    expect(next).toMatchObject({ reason: "block", blockHash: world.head.hash });
    expect(held(core.state, "uniswap-v2")).toEqual(rowsOf("uniswap-v2", new Map([...world.head.pools].slice(0, 2))));
    expect(timersIn(effects)).toHaveLength(1);
  });

  test("may be answered as of a later block: those up to it are not applied again, those after it are", () => {
    const world = new World("uniswap-v2", [a, b]);
    const core = drive(fetcher, config, world.state());
    const trade: Happening = { kind: "trade", which: 0, low: 3, high: 0, amount: 70 };
    world.mine([trade]);
    world.mine([{ ...trade, amount: 71 }]);
    const [request] = calls(core.give(world.observed())) as [Extract<Request, { call: "reread" }>];
    const later = world.mine([{ ...trade, amount: 72 }]);
    const message = world.observed();
    core.give(message);
    world.mine([{ ...trade, which: 1, amount: 73 }]);
    core.give(world.observed());
    const at = { ...request.at, blockNumber: later.number, blockHash: later.hash, sequence: message.meta.sequence };
    const effects = core.give({ type: "reply", reply: readAgain("uniswap-v2", { ...request, at, causeId: message.meta.id }, later) });
    expect(changedIn(effects).map(({ reason, blockHash }) => [reason, blockHash])).toEqual([
      ["reread", later.hash],
      ["block", world.head.hash],
    ]);
    expect(held(core.state, "uniswap-v2")).toEqual(rowsOf("uniswap-v2", world.head.pools));
  });

  test("takes pools out that the chain has no more", () => {
    const world = new World("uniswap-v2", [a, b]);
    const core = drive(fetcher, config, world.state());
    world.mine([]);
    world.mine([]);
    const [request] = calls(core.give(world.observed())) as [Extract<Request, { call: "reread" }>];
    const reply = readAgain("uniswap-v2", request, world.head) as Extract<Reply, { kind: "reread" }>;
    const [changed] = changedIn(
      core.give({ type: "reply", reply: { ...reply, rows: reply.rows.filter((row) => row[0] !== b.info.pool) } }),
    );
    expect(changed?.removed).toEqual([b.info.pool]);
    expect(held(core.state, "uniswap-v2").map((row) => row[0])).toEqual([a.info.pool]);
  });

  test("is not written into a snapshot", () => {
    const world = new World("uniswap-v2", [a]);
    const core = drive(fetcher, config, world.state());
    world.mine([]);
    world.mine([]);
    core.give(world.observed());
    expect(core.give({ type: "timer", name: "snapshot" })).toEqual([]);
  });
});

describe("a reorganisation", () => {
  const a: PoolFacts = { ...newPool("uniswap-v2", 0), reserves: [10n, 20n] };
  const config = configOf("uniswap-v2");

  test("puts states back and says which", () => {
    const world = new World("uniswap-v2", [a]);
    const core = drive(fetcher, config, world.state());
    world.mine([], [sync(a, 1n, 2n)]);
    core.give(world.observed());
    world.mine([], [sync(a, 3n, 4n)]);
    core.give(world.observed());
    world.mine([], [sync(a, 5n, 6n)]);
    core.give(world.observed());
    const message = world.reorg(2);
    const effects = core.give(message);
    expect(changedIn(effects)).toEqual([
      expect.objectContaining({
        reason: "reorg",
        blockHash: world.head.hash,
        blockNumber: 11,
        epoch: 1,
        causeId: message.meta.id,
        causeSequence: message.meta.sequence,
        states: { family: "uniswap-v2", rows: [[a.info.pool, "1", "2", 3_000, 3_000]] },
        removed: [],
      }),
    ]);
    expect(published(effects)[0]?.messageId).toBe(`changed:local:dex:${world.head.hash}:1:reorg`);
  });

  test("back to where the journal begins is still undone from it", () => {
    const world = new World("uniswap-v2", [a]);
    const core = drive(fetcher, configOf("uniswap-v2", { journalBlocks: 3 }), world.state());
    for (const value of [1n, 2n, 3n, 4n]) {
      world.mine([], [sync(a, value, value)]);
      core.give(world.observed());
    }
    const effects = core.give(world.reorg(3));
    expect(calls(effects)).toEqual([]);
    expect(changedIn(effects)[0]?.states.rows).toEqual([[a.info.pool, "1", "1", 3_000, 3_000]]);
  });

  test("deeper than the journal has the chain read again at the ancestor", () => {
    const world = new World("uniswap-v2", [a]);
    const core = drive(fetcher, configOf("uniswap-v2", { journalBlocks: 3 }), world.state());
    for (const value of [1, 2, 3, 4]) {
      world.mine([{ kind: "trade", which: 0, low: value, high: 0, amount: value }]);
      core.give(world.observed());
    }
    const message = world.reorg(4);
    const effects = core.give(message);
    const [request] = calls(effects) as [Extract<Request, { call: "reread" }>];
    expect(request).toMatchObject({ call: "reread", since: 10, at: { blockHash: world.head.hash, epoch: 1 } });
    expect(published(effects)).toEqual([]);
    expect(changedIn(core.give({ type: "reply", reply: readAgain("uniswap-v2", request, world.head) }))[0]?.states.rows).toEqual([
      [a.info.pool, "10", "20", 3_000, 3_000],
    ]);
  });

  test("back to where a fetcher without a journal stands undoes nothing and reads nothing", () => {
    const world = new World("uniswap-v2", [a]);
    const core = drive(fetcher, config, world.state());
    const effects = core.give(world.reorg(0));
    expect(calls(effects)).toEqual([]);
    expect(changedIn(effects)[0]).toMatchObject({ reason: "reorg", states: { rows: [] } });
  });

  test("the same block observed again after it is answered under another id", () => {
    const world = new World("uniswap-v2", [a]);
    const core = drive(fetcher, config, world.state());
    const block = world.mine([], [sync(a, 1n, 2n)]);
    core.give(world.observed());
    core.give(world.reorg(1));
    core.give(world.observed(block));
    const ids = published(core.all).map(({ messageId }) => messageId);
    expect(ids).toHaveLength(3);
    expect(new Set(ids).size).toBe(3);
  });
});

describe("what moves without an event", () => {
  const info: PoolInfo = { pool: addressOf(0xb0000), tokens: [addressOf(0x70001), addressOf(0x70002)], facts: { tickSpacing: 60 } };
  const row = (feePips: number): RowOf<"slipstream"> => [
    info.pool,
    "79228162514264337593543950336",
    0,
    "5",
    feePips,
    feePips,
    [
      [-60, "5", "5"],
      [60, "-5", "5"],
    ],
  ];
  const fee = (feePips: number): Reply => ({
    kind: "refreshed",
    rows: [[...row(feePips).slice(0, 6), []] as unknown as RowOf<"slipstream">],
  });
  const start = (options: Partial<Config> = {}) => {
    const world = new World("slipstream", []);
    const state = world.state();
    const core = drive(fetcher, configOf("slipstream", options), state);
    const pool = familyOf("slipstream").created();
    familyOf("slipstream").applyRow(pool, row(100));
    state.pools.set(info.pool, { info, state: pool });
    return {
      core,
      /** A block, and what the refresh for it answers. */
      mine(answer: Reply) {
        world.mine([]);
        expect(calls(core.give(world.observed()))).toEqual([expect.objectContaining({ call: "refresh", pools: [info] })]);
        return core.give({ type: "reply", reply: answer });
      },
    };
  };
  const feesIn = (effects: readonly Effect<Request>[]) => changedIn(effects).flatMap(({ states }) => states.rows.map((each) => each[4]));

  test("is read at each block, and said when it has moved", () => {
    const { mine } = start();
    mine(fee(100));
    expect(feesIn(mine(fee(200)))).toEqual([200]);
    expect(feesIn(mine(fee(200)))).toEqual([]);
  });

  test("is said in any case where it may have moved unseen: after a start, and after a block that passed unread", () => {
    const { mine } = start();
    expect(feesIn(mine(fee(100)))).toEqual([100]);
    const passed = mine({ kind: "refreshed", rows: null });
    expect(changedIn(passed)).toHaveLength(1);
    expect(feesIn(passed)).toEqual([]);
    expect(feesIn(mine(fee(100)))).toEqual([100]);
    expect(feesIn(mine(fee(100)))).toEqual([]);
  });

  test("is not held against the chain where it was not read", () => {
    const { mine, core } = start({ checkEveryBlocks: 1 });
    expect(calls(mine({ kind: "refreshed", rows: null }))).toEqual([]);
    core.state.arrivals.push(info.pool);
    expect(calls(mine(fee(100)))).toEqual([]);
    expect(calls(mine(fee(100)))).toEqual([expect.objectContaining({ call: "check" })]);
  });
});

describe("a message", () => {
  const pools = Array.from({ length: 8 }, (_, index) => ({ ...newPool("uniswap-v2", index), reserves: [10n, 20n] as const }));
  const addresses = pools.map(({ info }): string => info.pool);
  const told = (effects: readonly Effect<Request>[]) =>
    changedIn(effects).map(({ states, removed }) => [states.rows.map((row) => row[0]), removed]);

  test("holds no more than the broker takes: pools wait for the next to be announced, or are told of anew after all was read again", () => {
    const world = new World("uniswap-v2", pools);
    const rowBytes = JSON.stringify(rowsOf("uniswap-v2", world.head.pools)[0]).length;
    const core = drive(fetcher, configOf("uniswap-v2", { messageBytes: 3 * rowBytes }), world.state());
    world.mine([]);
    world.mine(pools.map((_, which) => ({ kind: "trade" as const, which, low: 5, high: 0, amount: 999 })));
    const [request] = calls(core.give(world.observed())) as [Extract<Request, { call: "reread" }>];
    expect(told(core.give({ type: "reply", reply: readAgain("uniswap-v2", request, world.head) }))).toEqual([
      [addresses.slice(0, 3), addresses.slice(3)],
    ]);
    const next = (happenings: readonly Happening[] = []) => {
      world.mine(happenings);
      return core.give(world.observed());
    };
    // Of one that waits nothing is said.
    const effects = next([{ kind: "trade", which: 7, low: 6, high: 0, amount: 1 }]);
    expect(told(effects)).toEqual([[addresses.slice(3, 6), []]]);
    expect(discoveredIn(effects)[0]?.pools.rows.map(([pool]) => pool)).toEqual(addresses.slice(3, 6));
    expect(told(next())).toEqual([[addresses.slice(6), []]]);
    expect(told(next())).toEqual([[[], []]]);
  });

  test("after a restart says anew who came in blocks that were answered: it may be known, as it was then, or not at all", () => {
    const world = new World("uniswap-v2", pools.slice(0, 2));
    const core = drive(fetcher, configOf("uniswap-v2"), world.state(world.sequence + 2));
    const next = (happenings: readonly Happening[] = []) => {
      world.mine(happenings);
      return core.give(world.observed());
    };
    const [request] = calls(next([{ kind: "create", which: 2, low: 0, high: 0, amount: 0 }])) as [Extract<Request, { call: "admit" }>];
    core.give({ type: "reply", reply: admitAll("uniswap-v2", request, world.head) });
    const { pool } = newPool("uniswap-v2", 2).info;
    expect(told(next())).toEqual([]);
    expect(told(next())).toEqual([[[], [pool]]]);
    expect(told(next())).toEqual([[[pool], []]]);
  });

  test("never says that a pool comes and goes: one that left comes back with the next", () => {
    const world = new World("uniswap-v2", pools.slice(0, 2));
    const core = drive(fetcher, configOf("uniswap-v2"), world.state());
    const [a] = pools as [PoolFacts];
    core.give({ type: "reply", reply: { kind: "reviewed", small: [a.info.pool] } });
    const listed = { announced: [a.info.pool], pools: [a.info], rows: rowsOf("uniswap-v2", new Map([[a.info.pool, a]])), refused: [] };
    core.give({ type: "reply", reply: { kind: "admitted", ...listed, at: core.state.position } });
    world.mine([]);
    expect(told(core.give(world.observed()))).toEqual([[[], [a.info.pool]]]);
    world.mine([]);
    expect(told(core.give(world.observed()))).toEqual([[[a.info.pool], []]]);
  });
});

describe("pools that are not to be traded", () => {
  const a: PoolFacts = { ...newPool("uniswap-v2", 0), reserves: [10n, 20n] };
  const b: PoolFacts = { ...newPool("uniswap-v2", 1), reserves: [30n, 40n] };
  const judgedIn = (effects: readonly Effect<Request>[]) =>
    published(effects).flatMap(({ body }) => (body.kind === "pool-judged" ? [body] : []));
  const start = (options: Partial<Config>) => {
    const world = new World("uniswap-v2", [a, b]);
    return { world, core: drive(fetcher, configOf("uniswap-v2", options), world.state()) };
  };

  test("one after the other is compared with the chain, as it stands after the block", () => {
    const { world, core } = start({ checkEveryBlocks: 2 });
    const checked = [1, 2, 3, 4, 5, 6].flatMap((value) => {
      world.mine([], [sync(a, BigInt(value), 1n)]);
      return calls(core.give(world.observed()));
    });
    expect(checked).toEqual([
      expect.objectContaining({ call: "check", pools: [a.info], rows: [[a.info.pool, "2", "1", 3_000, 3_000]], timestamp: 12 * 12 + 12 }),
      expect.objectContaining({ call: "check", pools: [b.info], rows: [[b.info.pool, "30", "40", 3_000, 3_000]] }),
      expect.objectContaining({ call: "check", pools: [a.info], rows: [[a.info.pool, "6", "1", 3_000, 3_000]] }),
    ]);
  });

  test("one that the chain contradicts is named, leaves with the next block, and does not come back by itself", () => {
    const { world, core } = start({});
    const disagreeing = [{ pool: a.info.pool, code: "quote", detail: "we say 2, the pool 1" }];
    const effects = core.give({ type: "reply", reply: { kind: "checked", disagreeing, at: core.state.position } });
    expect(judgedIn(effects)).toEqual([
      expect.objectContaining({ verdict: "quarantined", rows: [[a.info.pool, "quote", "we say 2, the pool 1"]] }),
    ]);
    expect(effects).toContainEqual({ type: "count", metric: "poolsQuarantined", labels: { dex: "dex" }, value: 1 });
    world.mine([], [sync(a, 5n, 5n), createdLog("uniswap-v2", a.info)]);
    const next = core.give(world.observed());
    expect(changedIn(next)[0]).toMatchObject({ removed: [a.info.pool], states: { rows: [] } });
    // A restart from before this would let it back.
    expect(timersIn(next)).toEqual([expect.objectContaining({ name: "snapshot" })]);
    expect(calls(next)).toEqual([]);
    const snapshot = snapshotOf(core.state, configOf("uniswap-v2"));
    expect(restore(snapshot, 0, 0, { release: [] }).quarantined.get(a.info.pool)).toEqual({
      code: "quote",
      detail: "we say 2, the pool 1",
    });

    // The factory's list has it still.
    const listed = { announced: [null], pools: [a.info], rows: rowsOf("uniswap-v2", new Map([[a.info.pool, a]])), refused: [] };
    core.give({ type: "reply", reply: { kind: "admitted", ...listed, at: core.state.position } });
    expect(core.state.pools.has(a.info.pool)).toBe(false);

    // An operator lets it go: it is asked about like a new one.
    const released = drive(fetcher, configOf("uniswap-v2"), restore(snapshot, 0, 0, { release: [a.info.pool] }));
    world.mine([]);
    expect(calls(released.give(world.observed()))).toEqual([expect.objectContaining({ call: "admit", announced: [a.info.pool] })]);
  });

  test("one whose log contradicts its state leaves; the others are followed on", () => {
    const [first, second] = [0, 1].map((index) => ({
      ...newPool("uniswap-v3", index),
      sqrtPriceX96: 5n,
      positions: [{ lower: -60, upper: 60, amount: 5n }],
    }));
    const world = new World("uniswap-v3", [first, second] as PoolFacts[]);
    const core = drive(fetcher, configOf("uniswap-v3"), world.state());
    const burn = log("Burn", first?.info.pool as string, [addressOf(9), -60, 60, 6, 0, 0]);
    world.mine([{ kind: "trade", which: 1, low: 1, high: 0, amount: 7 }], [burn, burn]);
    const effects = core.give(world.observed());
    expect(judgedIn(effects)).toEqual([
      expect.objectContaining({ verdict: "quarantined", rows: [[first?.info.pool, "log", expect.stringContaining(world.head.hash)]] }),
    ]);
    expect(changedIn(effects)[0]).toMatchObject({
      removed: [first?.info.pool],
      states: { rows: [[second?.info.pool, "14", 1, "5", 500, 500, []]] },
    });
  });

  test("all of a DEX leave when most of those that were checked are contradicted", () => {
    const pools = Array.from({ length: 8 }, (_, index) => ({ ...newPool("uniswap-v2", index), reserves: [10n, 20n] as const }));
    const world = new World("uniswap-v2", pools);
    const core = drive(fetcher, configOf("uniswap-v2", { checkEveryBlocks: 1 }), world.state());
    for (const { info } of pools.slice(0, 5)) {
      world.mine([]);
      core.give(world.observed());
      expect(core.state.pools.size).toBe(8 - core.state.quarantined.size);
      core.give({
        type: "reply",
        reply: { kind: "checked", disagreeing: [{ pool: info.pool, code: "quote", detail: "" }], at: core.state.position },
      });
    }
    expect(core.state.pools.size).toBe(0);
    expect([...core.state.quarantined.values()].map(({ code }) => code)).toEqual([...Array(5).fill("quote"), ...Array(3).fill("dex")]);
  });

  test("those quarantined before a restart take nothing else with them", () => {
    const { world, core } = start({ checkEveryBlocks: 1 });
    for (let index = 2; index < 8; index++) core.state.quarantined.set(addressOf(0xb0000 + index), { code: "quote", detail: "" });
    world.mine([]);
    core.give(world.observed());
    core.give({ type: "reply", reply: { kind: "checked", disagreeing: [], at: core.state.position } });
    expect(core.state.pools.size).toBe(2);
    const disagreeing = [{ pool: a.info.pool, code: "quote", detail: "" }];
    core.give({ type: "reply", reply: { kind: "checked", disagreeing, at: core.state.position } });
    expect([...core.state.pools.keys()]).toEqual([b.info.pool]);
  });

  test("one that has become small leaves, and is asked about again at a later review", () => {
    const { world, core } = start({ reviewEveryBlocks: 2 });
    const mine = () => {
      world.mine([]);
      return core.give(world.observed());
    };
    mine();
    const [review] = calls(mine()) as [Extract<Request, { call: "review" }>];
    expect(review.holdings).toMatchObject([
      { info: a.info, amounts: [10n, 20n] },
      { info: b.info, amounts: [30n, 40n] },
    ]);
    core.give({ type: "reply", reply: { kind: "reviewed", small: [a.info.pool] } });
    expect(changedIn(mine())[0]?.removed).toEqual([a.info.pool]);
    const later = calls(mine());
    expect(later).toEqual([
      expect.objectContaining({ call: "review", holdings: [expect.objectContaining({ info: b.info, amounts: [30n, 40n] })] }),
      expect.objectContaining({ call: "admit", announced: [a.info.pool] }),
    ]);
    // It has grown: taken up like any other.
    core.give({ type: "reply", reply: admitAll("uniswap-v2", later[1] as Extract<Request, { call: "admit" }>, world.head) });
    expect(changedIn(mine())[0]?.states.rows).toEqual([[a.info.pool, "10", "20", 3_000, 3_000]]);
    expect(core.state.small.size).toBe(0);
  });

  test("ones that are refused are named, but for those that time may change, which are kept for later", () => {
    const { world, core } = start({});
    world.mine([2, 3, 4].map((which) => ({ kind: "create" as const, which, low: 0, high: 0, amount: 0 })));
    const [request] = calls(core.give(world.observed())) as [Extract<Request, { call: "admit" }>];
    const { announced, at } = request;
    const refused = ["small", "not-live", "token-tax"].map((code, index) => ({
      pool: newPool("uniswap-v2", 2 + index).info.pool,
      code,
      detail: code,
    }));
    const effects = core.give({ type: "reply", reply: { kind: "admitted", announced, pools: [], rows: [], refused, at } });
    expect(judgedIn(effects).flatMap(({ verdict, rows }) => rows.map(([pool, code]) => [verdict, pool, code]))).toEqual([
      ["refused", refused[2]?.pool, "token-tax"],
    ]);
    expect([...core.state.small]).toEqual(refused.slice(0, 2).map(({ pool }) => pool));
  });
});

test("pools under admission at a block that cannot be read wait for the next review, a list that cannot be read for the next block", () => {
  const world = new World("uniswap-v2", []);
  const core = drive(fetcher, configOf("uniswap-v2", { reviewEveryBlocks: 2 }), world.state());
  world.mine([{ kind: "create", which: 2, low: 0, high: 0, amount: 0 }]);
  const [{ announced }] = calls(core.give(world.observed())) as [Extract<Request, { call: "admit" }>];
  core.give({ type: "reply", reply: { kind: "unreadable", announced: [...announced, null] } });
  expect(core.state.candidates.size).toBe(0);
  world.mine([]);
  expect(calls(core.give(world.observed()))).toEqual([
    expect.objectContaining({ call: "admit", announced: [null] }),
    expect.objectContaining({ call: "review" }),
    expect.objectContaining({ call: "admit", announced: [newPool("uniswap-v2", 2).info.pool] }),
  ]);
});

test("reasons are cut to what a message can hold", () => {
  const refused = [{ pool: addressOf(1), code: "token-refused", detail: "x".repeat(10_000) }];
  const core = drive(fetcher, configOf("uniswap-v2"), new World("uniswap-v2", []).state());
  const reply: Reply = { kind: "admitted", announced: [], pools: [], rows: [], refused, at: core.state.position };
  const [judged] = published(core.give({ type: "reply", reply }));
  expect(judged?.body).toMatchObject({ rows: [[addressOf(1), "token-refused", "x".repeat(1_000)]] });
});

describe("snapshots", () => {
  const a: PoolFacts = { ...newPool("uniswap-v2", 0), reserves: [10n, 20n] };

  test("are due every so many blocks, a moment after the block's message", () => {
    const world = new World("uniswap-v2", [a]);
    const core = drive(fetcher, configOf("uniswap-v2", { snapshotEveryBlocks: 2 }), world.state());
    const due = [1, 2, 3, 4].map(() => {
      world.mine([]);
      return timersIn(core.give(world.observed())).length;
    });
    expect(due).toEqual([0, 1, 0, 1]);
  });

  test("are saved as of the last block, and announced as of the block they were taken at", () => {
    const world = new World("uniswap-v2", [a]);
    const core = drive(fetcher, configOf("uniswap-v2"), world.state());
    world.mine([], [sync(a, 1n, 2n)]);
    const message = world.observed();
    core.give(message);
    const [request] = calls(core.give({ type: "timer", name: "snapshot" })) as [Extract<Request, { call: "save-snapshot" }>];
    expect(request.snapshot).toMatchObject({
      dex: "dex",
      blockNumber: 11,
      blockHash: world.head.hash,
      causeSequence: message.meta.sequence,
      pools: { family: "uniswap-v2", rows: [[a.info.pool, a.info.tokens, {}]] },
      states: { family: "uniswap-v2", rows: [[a.info.pool, "1", "2", 3_000, 3_000]] },
      journal: [
        {
          number: 11,
          hash: world.head.hash,
          states: { family: "uniswap-v2", rows: [[a.info.pool, "10", "20", 3_000, 3_000]] },
          created: [],
        },
      ],
    });
    const taken = world.head;
    world.mine([]);
    core.give(world.observed());
    const [said] = published(
      core.give({ type: "reply", reply: { kind: "snapshot-saved", object: "dex.1", bytes: 5, pools: 1, at: request.at } }),
    );
    expect(said?.messageId).toBe(`snapshot:local:dex:${message.meta.sequence}`);
    expect(said?.body).toMatchObject({
      kind: "pool-snapshotted",
      blockHash: taken.hash,
      causeSequence: message.meta.sequence,
      object: "dex.1",
      pools: 1,
      bytes: 5,
    });
    expect(() => encode("poolSnapshotted", said?.body as BodyOf<"poolSnapshotted">)).not.toThrow();
  });
});

const happening: fc.Arbitrary<Happening> = fc.record({
  kind: fc.constantFrom("create" as const, "trade" as const, "add" as const, "take" as const),
  which: fc.nat(11),
  low: fc.integer({ min: -9, max: 9 }),
  high: fc.integer({ min: -9, max: 9 }),
  amount: fc.nat(1_000_000),
});
type Step =
  | { readonly do: "block" | "lost" | "again"; readonly happenings: readonly Happening[] }
  | { readonly do: "reorg"; readonly depth: number }
  | { readonly do: "answer" };
const blockStep = fc.record({ do: fc.constant("block" as const), happenings: fc.array(happening, { maxLength: 6 }) });
const reorgStep = fc.record({ do: fc.constant("reorg" as const), depth: fc.integer({ min: 1, max: 12 }) });
/** Blocks and reorganisations, some of them deeper than the journal; blocks that get lost, and ones delivered twice; answers that take their time. */
const story: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: blockStep },
    { weight: 2, arbitrary: reorgStep },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constantFrom("lost" as const, "again" as const), happenings: fc.array(happening, { maxLength: 6 }) }),
    },
    { weight: 4, arbitrary: fc.record({ do: fc.constant("answer" as const) }) },
  ),
  { maxLength: 40 },
);
const families = fc.constantFrom<FamilyId>("uniswap-v2", "uniswap-v3");

/** A fetcher that follows a world, and a reader of its messages who knows nothing else. */
class Follower {
  readonly core: ReturnType<typeof drive<State, Config, "blockObserved" | "blockReorged", Request, Reply>>;
  readonly family: FamilyId;
  readonly reader = new Map<string, object>();
  asked: Extract<Request, { call: "reread" | "admit" }>[] = [];

  constructor(world: World, state: State = world.state(), messageBytes = 1_000_000) {
    this.family = world.family;
    this.core = drive(fetcher, configOf(world.family, { messageBytes }), state);
    for (const [address, { info, state: pool }] of state.pools) this.#set(address, familyOf(this.family).toRow(info, pool));
  }

  #set(address: string, row: RowOf<FamilyId>): void {
    const family = familyOf(this.family);
    const pool = this.reader.get(address) ?? family.created();
    family.applyRow(pool, row);
    this.reader.set(address, pool);
  }

  give(input: Parameters<typeof this.core.give>[0]): readonly Effect<Request>[] {
    const effects = this.core.give(input);
    for (const request of calls(effects)) if (request.call === "reread" || request.call === "admit") this.asked.push(request);
    for (const message of published(effects)) this.hear(message);
    return effects;
  }

  /** As the solver does: a pool that it has already stays as it is. */
  hear({ key, body }: Publish): void {
    // Every message is one that can be sent.
    encode(key, body as never);
    if (body.kind === "pool-discovered")
      for (const [pool] of body.pools.rows) if (!this.reader.has(pool)) this.reader.set(pool, familyOf(this.family).created());
    if (body.kind !== "pool-changed") return;
    for (const row of body.states.rows) {
      expect(this.reader.has(row[0]), "a pool is announced before it is told of").toBe(true);
      this.#set(row[0], row);
    }
    for (const address of body.removed) this.reader.delete(address);
  }

  answer(blocks: ReadonlyMap<string, Block>): void {
    const request = this.asked.shift();
    if (request === undefined) return;
    const block = blocks.get(request.at.blockHash) as Block;
    this.give({
      type: "reply",
      reply: request.call === "admit" ? admitAll(this.family, request, block) : readAgain(this.family, request, block),
    });
  }

  read(): RowOf<FamilyId>[] {
    const rows = [...this.reader].map(([address, pool]) =>
      familyOf(this.family).toRow({ pool: address } as ReturnType<typeof infoOf>, pool),
    );
    return byAddress(rows);
  }
}

/** Lives through a story; `eachStep` sees every message before it is given. */
function live(
  family: FamilyId,
  steps: readonly Step[],
  eachStep: (given: { readonly follower: Follower; readonly message: Parameters<Follower["give"]>[0] }) => void = () => {},
) {
  const pools = [0, 1, 2].map((index) => newPool(family, index));
  const world = new World(family, pools);
  const follower = new Follower(world);
  const blocks = new Map<string, Block>([[world.head.hash, world.head]]);
  const give = (message: Parameters<Follower["give"]>[0]) => {
    eachStep({ follower, message });
    follower.give(message);
  };
  for (const step of steps) {
    if (step.do === "answer") {
      follower.answer(blocks);
      continue;
    }
    if (step.do === "reorg") {
      if (world.head.parent !== null) give(world.reorg(step.depth));
      continue;
    }
    blocks.set(world.mine(step.happenings).hash, world.head);
    if (step.do === "lost") continue;
    const message = world.observed();
    give(message);
    if (step.do === "again") give(message);
  }
  // The end of the story is told: what was taken up last is announced with the block after it.
  for (let left = 2; left > 0; left--) {
    blocks.set(world.mine([]).hash, world.head);
    give(world.observed());
    while (follower.asked.length > 0) follower.answer(blocks);
  }
  return { world, follower, blocks };
}

describe("whatever happens", () => {
  test.prop([families, story])(
    "the states held are those of the contracts, and so are those that a reader of the messages has",
    (family, steps) => {
      const { world, follower } = live(family, steps);
      expect(held(follower.core.state, family)).toEqual(rowsOf(family, world.head.pools));
      expect(follower.read()).toEqual(rowsOf(family, world.head.pools));
      expect(follower.core.state.journal.length).toBeLessThanOrEqual(8);
      const ids = published(follower.core.all).map(({ messageId }) => messageId);
      expect(new Set(ids).size, "each message has an id of its own").toBe(ids.length);
    },
  );

  test.prop([families, fc.array(blockStep, { minLength: 1, maxLength: 8 }), fc.nat()])(
    "undoing blocks leaves what there was before them",
    (family, steps, chosen) => {
      const depth = 1 + (chosen % steps.length);
      const { world, follower, blocks } = live(family, steps.slice(0, -1));
      follower.give(world.reorg(depth));
      expect(follower.asked.every(({ call }) => call === "admit")).toBe(true);
      while (follower.asked.length > 0) follower.answer(blocks);
      blocks.set(world.mine([]).hash, world.head);
      follower.give(world.observed());
      expect(held(follower.core.state, family)).toEqual(rowsOf(family, world.head.pools));
      expect(follower.read()).toEqual(rowsOf(family, world.head.pools));
      expect([...follower.core.state.pools.keys()].toSorted()).toEqual([...world.head.pools.keys()].toSorted());
    },
  );

  test.prop([families, story, fc.nat(), fc.nat()])(
    "a fetcher that comes back from a snapshot says nothing of what was answered before, and its readers miss nothing",
    (family, steps, chosen, later) => {
      type Given = { readonly message: Parameters<Follower["give"]>[0]; readonly before: number };
      const given: Given[] = [];
      const snapshots: { readonly at: number; readonly bytes: Uint8Array }[] = [];
      const { follower, blocks, world } = live(family, steps, ({ follower: { core }, message }) => {
        if (core.state.waiting === null) snapshots.push({ at: given.length, bytes: packValue(snapshotOf(core.state, configOf(family))) });
        given.push({ message, before: core.all.length });
      });
      const { at, bytes } = snapshots[chosen % snapshots.length] as (typeof snapshots)[number];
      const snapshot = unpackValue(bytes) as PoolSnapshot;
      const answeredThrough = snapshot.causeSequence + (later % 5);

      const said = (effects: readonly Effect<Request>[]): Publish[] =>
        published(effects).filter(
          ({ body }) => (body as { causeSequence?: number }).causeSequence !== undefined || body.kind === "pool-discovered",
        );
      const replay = (through: number) => {
        const again = new Follower(new World(family, []), restore(snapshot, through, 1_000 * snapshot.blockNumber, configOf(family)));
        for (const { message } of given.slice(at)) {
          again.give(message);
          while (again.asked.length > 0) again.answer(blocks);
        }
        return again;
      };
      const afterwards = (one: Follower) =>
        [1, 2, 3, 4, 5, 6].flatMap(() => {
          world.mine([]);
          return one.give(world.observed());
        });
      const again = replay(answeredThrough);
      expect(held(again.core.state, family)).toEqual(held(follower.core.state, family));

      const everything = replay(snapshot.causeSequence);
      const sequences = new Map(
        given.map(({ message }) => ["meta" in message ? message.meta.id : "", "meta" in message ? message.meta.sequence : 0]),
      );
      const sequenceOf = ({ body }: Publish) => sequences.get((body as { causeId: string }).causeId) as number;
      expect(said(again.core.all).every((message) => sequenceOf(message) > answeredThrough)).toBe(true);
      const rest = (effects: readonly Effect<Request>[]) => effects.filter(({ type }) => type === "call" || type === "finished-block");
      expect(rest(again.core.all)).toEqual(rest(everything.core.all));

      // Who was told by the one before up to there, and then by this one.
      const reader = new Follower(new World(family, []), restore(snapshot, 0, 0, configOf(family)));
      for (const message of said(everything.core.all)) if (sequenceOf(message) <= answeredThrough) reader.hear(message);
      for (const message of said(again.core.all)) reader.hear(message);
      for (const message of said(afterwards(again))) reader.hear(message);
      expect(reader.read()).toEqual(held(again.core.state, family));

      // Answers that were not late: word for word what the one that was never stopped said.
      const isPrompt = (step: Step) =>
        step.do === "answer" || ("happenings" in step && !step.happenings.some(({ kind }) => kind === "create"));
      if (steps.every((step) => step.do !== "lost" && isPrompt(step))) {
        expect(said(everything.core.all)).toEqual(said(follower.core.all.slice(given[at]?.before)));
      }
    },
  );
});
