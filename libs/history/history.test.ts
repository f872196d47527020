import { describe, expect, test } from "vitest";
import { branchOf } from "#libs/history/blocks.ts";
import { featuresOf, History, rowsOf } from "#libs/history/history.ts";
import {
  type At,
  BASE_FEE,
  blockHashOf,
  cycle,
  GWEI,
  hop,
  PRIORITY_FEE,
  type Stored,
  TKN,
  USD,
  WETH,
  World,
} from "#libs/history/testing.ts";
import { FEATURES, type FeatureName, MEMORY_BLOCKS } from "#libs/ml/features.ts";
import type { Candidate } from "#proto/cycle/v1/found.ts";

const GAS_PRICE = BASE_FEE + PRIORITY_FEE;
/** Earns ten times its gas: 200,000 at 8.1 gwei are 1.62e15. */
const GOOD: Candidate = { ...cycle(1, [0x10, 0x11], 16n * 10n ** 15n), priceImpact: 0.0125 };
const OTHER = cycle(2, [0x12, 0x13], 12n * 10n ** 15n);
/** Does not pay its gas. */
const POOR = cycle(3, [0x14, 0x15], 10n ** 15n);

type Quantities = Record<FeatureName, number | null>;

/** Quantities of a row, by name: null where missing. */
function quantities(features: readonly (number | null)[]): Quantities {
  return Object.fromEntries(
    FEATURES.map(({ name, transform }, column) => {
      const value = features[column] ?? null;
      return [name, value === null ? null : transform === "asinh" ? Math.sinh(value) : value];
    }),
  ) as Quantities;
}

/** Takes messages up as they were stored, and ranks each answer as it comes: rows by branch, in the order of the candidates; null where there are none. */
function ranked(messages: readonly Stored[], loanFeePips = 0n): ReadonlyMap<string, Quantities[] | null> {
  const history = new History();
  const all = new Map<string, Quantities[] | null>();
  for (const { body, meta } of messages) {
    history.apply(body);
    if (body.kind !== "cycle-found") continue;
    const context = history.contextOf(body, { gasPrice: GAS_PRICE, loanFeePips, storedAtMs: meta.storedAtMs });
    const candidates = body.candidates.map((candidate, rank) => ({ candidate, rank, cyclesFound: body.cyclesFound }));
    const rows = context === null ? null : rowsOf(candidates, context);
    all.set(branchOf(body), rows === null ? null : candidates.map((_, place) => quantities(featuresOf(rows, place))));
    history.blocks.setGasPrice(body, GAS_PRICE);
  }
  return all;
}
/** Of the block's first candidate. */
function rowAt(messages: readonly Stored[], at: At, place = 0): Quantities {
  const row = ranked(messages).get(branchOf({ blockHash: blockHashOf(at), epoch: at.epoch ?? 0 }))?.[place];
  expect(row).toBeDefined();
  return row as Quantities;
}

test("a row holds what had been said when its candidate was ranked, by hand", () => {
  const world = new World();
  world.block({ number: 1 });
  world.prices({ number: 1 }, { [WETH]: 1, [USD]: 0.0005, [TKN]: 3 }, "all");
  world.values({ number: 1 }, { 16: 200, 17: 100 }, "all");
  for (let number = 2; number <= 105; number++) {
    world.block({ number }, { baseFeePerGas: number <= 97 ? BASE_FEE / 2n : BASE_FEE, gasUsed: number === 105 ? 27_000_000 : 1 });
    // 0x11 changes in block 80, 0x10 in 104.
    if (number === 80) world.changed({ number }, [[0x11, 1n, 1n]]);
    if (number === 104) world.changed({ number }, [[0x10, 1n, 1n]]);
    // Seen twice: the first time gone a block later, the second time still there in block 105.
    const candidates = number === 100 || number === 104 ? [GOOD] : [];
    if (number === 105) world.clockMs += 40;
    world.found({ number }, number === 105 ? [GOOD, OTHER, POOR] : candidates, { cyclesFound: number === 105 ? 120 : candidates.length });
    if (number === 100) world.simulated({ number }, GOOD, world.planned({ number }, GOOD, "ranking", "paper"));
    if (number === 104) world.failed({ number }, GOOD, world.planned({ number }, GOOD, "ranking", "paper"), "simulation-reverted");
    world.prices({ number }, { [USD]: number % 2 === 0 ? 0.0005 : 0.00055 });
    if (number % 10 === 0)
      world.arbitrage(
        { number },
        number === 60 || number === 70 ? GOOD.hops : [hop(0x55, WETH, USD, 1n, 1n), hop(0x56, USD, WETH, 1n, 2n)],
      );
  }
  const row = rowAt(world.messages, { number: 105 });
  const expected: Partial<Record<FeatureName, number | null>> = {
    hops: 2,
    families: 1,
    grossProfit: 16_000,
    netProfit: 16_000 - 1_620,
    gas: 2,
    gasPrice: 8.1,
    gasCost: 1_620,
    loanFee: 0,
    amountIn: 1e6,
    amountToDepth: 10,
    priceImpact: 125,
    thinnestTvl: 100,
    stateAge: 1,
    // The rate goes up and down by ln 1.1 in turn: of 100 changes as many up as down.
    volatility: Math.log(1.1) * 1e4,
    cycleVanished: 0.5,
    poolsTaken: 2,
    // Blocks 5 to 104 have ten of them.
    rivals: 0.1,
    baseFeeTrend: Math.LN2,
    blockFullness: 0.9,
    tokenConfidence: 0.5,
    // One right, one wrong.
    poolAccuracy: 0.5,
    rank: 0,
    cyclesInBlock: 120,
  };
  for (const [name, value] of Object.entries(expected)) {
    if (value === 0) expect(row[name as FeatureName], name).toBe(0);
    else expect((row[name as FeatureName] ?? Number.NaN) / (value as number), name).toBeCloseTo(1, 4);
  }
  expect(row.timeInBlock).toBeGreaterThanOrEqual(0.04);
  expect(row.timeInBlock).toBeLessThan(0.05);
  expect(FEATURES.map(({ name }) => name).sort()).toEqual([...Object.keys(expected), "timeInBlock"].sort());
  expect(rowAt(world.messages, { number: 105 }, 2).rank).toBeCloseTo(2, 5);
});

test("a lender's fee is in the row, rounded up", () => {
  const world = new World();
  world.block({ number: 10 });
  world.found({ number: 10 }, [GOOD]);
  const [row] = [...ranked(world.messages, 500n).values()][0] ?? [];
  expect(row?.loanFee).toBeCloseTo(500, 2);
  expect(row?.netProfit).toBeCloseTo(16_000 - 1_620 - 500, 1);
});

test("what has not been seen is missing", () => {
  const world = new World();
  world.block({ number: 10 });
  // The solver did not know a marginal rate.
  world.found({ number: 10 }, [OTHER]);
  const row = rowAt(world.messages, { number: 10 });
  expect(FEATURES.filter(({ name }) => row[name] === null).map(({ name }) => name)).toEqual([
    ...[
      "amountToDepth",
      "priceImpact",
      "thinnestTvl",
      "stateAge",
      "volatility",
      "cycleVanished",
      "rivals",
      "baseFeeTrend",
      "tokenConfidence",
    ],
  ]);
});

test("rivals are counted once a hundred blocks have been seen", () => {
  const world = new World();
  world.quiet(1, MEMORY_BLOCKS);
  world.arbitrage({ number: 1 }, GOOD.hops);
  world.found({ number: MEMORY_BLOCKS }, [GOOD]);
  world.quiet(MEMORY_BLOCKS + 1, 1);
  world.found({ number: MEMORY_BLOCKS + 1 }, [GOOD]);
  world.quiet(MEMORY_BLOCKS + 2, 1);
  world.found({ number: MEMORY_BLOCKS + 2 }, [GOOD]);
  const rivals = [0, 1, 2].map((more) => rowAt(world.messages, { number: MEMORY_BLOCKS + more }).rivals);
  expect(rivals[0]).toBeNull();
  expect(rivals[1]).toBeCloseTo(0.01, 6);
  expect(rivals[2]).toBe(0);
});

describe("a block that is not the head has no rows", () => {
  test("it has passed", () => {
    const world = new World();
    world.block({ number: 10 });
    world.block({ number: 11 });
    world.found({ number: 10 }, [GOOD]);
    world.found({ number: 11 }, [GOOD]);
    expect([...ranked(world.messages).values()].map((rows) => rows === null)).toEqual([true, false]);
  });
  test("it has not come, or was dropped, or is another of the same height", () => {
    const world = new World();
    world.block({ number: 9 });
    world.found({ number: 10 }, [GOOD]);
    world.block({ number: 10 });
    world.reorg({ number: 9 }, 1, [{ number: 10 }]);
    world.found({ number: 10 }, [GOOD]);
    world.block({ number: 10, epoch: 1 });
    world.found({ number: 10 }, [GOOD]);
    expect([...ranked(world.messages).values()]).toEqual([null]);
  });
});

test("prices of a block that was dropped are in no row of the new branch", () => {
  const confidence = (isDropped: boolean) => {
    const world = new World();
    world.block({ number: 9 });
    world.prices({ number: 9 }, { [WETH]: 1 }, "all");
    world.block({ number: 10 });
    world.prices({ number: 10 }, { [USD]: 0.0005 });
    if (isDropped) world.reorg({ number: 9 }, 1, [{ number: 10 }]);
    const at = { number: isDropped ? 10 : 11, epoch: isDropped ? 1 : 0 };
    world.block(at);
    world.found(at, [GOOD]);
    return rowAt(world.messages, at).tokenConfidence;
  };
  expect(confidence(false)).toBe(0.5);
  expect(confidence(true)).toBeNull();
});

test("prices that are said of a dropped block after it was dropped count for nothing", () => {
  const world = new World();
  world.block({ number: 9 });
  world.prices({ number: 9 }, { [WETH]: 1 }, "all");
  world.block({ number: 10 });
  world.reorg({ number: 9 }, 1, [{ number: 10 }]);
  world.prices({ number: 10 }, { [USD]: 0.0005 });
  world.block({ number: 10, epoch: 1 });
  world.found({ number: 10, epoch: 1 }, [GOOD]);
  expect(rowAt(world.messages, { number: 10, epoch: 1 }).tokenConfidence).toBeNull();
});

test("a reorganisation's states are no changes: pools are as old as the blocks that stand say", () => {
  const world = new World();
  for (const number of [7, 8, 9]) world.block({ number });
  world.changed({ number: 9 }, [[0x10, 1n, 1n]]);
  world.reorg({ number: 8 }, 1, [{ number: 9 }]);
  world.changed({ number: 8 }, [[0x10, 2n, 2n]]);
  world.block({ number: 9, epoch: 1 });
  world.found({ number: 9, epoch: 1 }, [GOOD]);
  expect(rowAt(world.messages, { number: 9, epoch: 1 }).stateAge).toBeNull();
});

describe("cycles that vanish", () => {
  const vanished = (tell: (world: World) => void) => {
    const world = new World();
    tell(world);
    return rowAt(world.messages, { number: 10 }).cycleVanished;
  };
  /** Blocks 7 to 10 with these candidates. */
  const told = (lists: readonly (readonly Candidate[])[], options: Parameters<World["found"]>[2] = {}) =>
    vanished((world) => {
      for (const [index, candidates] of lists.entries()) {
        world.block({ number: 7 + index });
        world.found({ number: 7 + index }, candidates, index === 1 ? options : {});
      }
    });
  const BOTH = { ...GOOD, cycleId: "f".repeat(16), hops: [...GOOD.hops, ...OTHER.hops] };

  test("gone after one appearance, there after the other", () => expect(told([[GOOD], [], [GOOD], [GOOD]])).toBe(0.5));
  test("within a candidate of several it is there", () => expect(told([[GOOD], [BOTH], [], [GOOD]])).toBe(0));
  test("a candidate of several is there while one of its cycles is", () => expect(told([[BOTH], [OTHER], [], [BOTH]])).toBe(0));
  test("where the next list is cut short, full, or without its DEX, nothing is known of the appearance", () => {
    expect(told([[GOOD], [], [], [GOOD]], { isCutShort: true })).toBeNull();
    expect(told([[GOOD], [OTHER], [], [GOOD]], { cyclesFound: 9 })).toBeNull();
    expect(told([[GOOD], [], [], [GOOD]], { lateDexes: ["dex"] })).toBeNull();
    expect(told([[GOOD], [], [], [GOOD]], { lateDexes: ["another"] })).toBe(1);
  });
  test("a full list whose least earns less than this one's gas has no room for it either way", () => {
    expect(told([[GOOD], [OTHER, POOR], [], [GOOD]], { cyclesFound: 9 })).toBe(1);
  });
  test("a block that was not searched tells nothing", () => {
    const told = vanished((world) => {
      for (const number of [7, 8, 9, 10]) {
        world.block({ number });
        if (number !== 8) world.found({ number }, [GOOD]);
      }
    });
    expect(told).toBe(0);
  });
  test("one that was gone when a trade of ours had gone through it has not vanished, whether that is said before the next list or after", () => {
    for (const isLate of [true, false]) {
      const share = (status: 0 | 1 | null) =>
        vanished((world) => {
          let executionId = "";
          for (const number of [7, 8, 9, 10]) {
            world.block({ number });
            const land = () => status !== null && number === 8 && world.landed({ number }, GOOD, executionId, status);
            if (!isLate) land();
            world.found({ number }, number === 8 ? [] : [GOOD]);
            if (isLate) land();
            if (number === 7) executionId = world.planned({ number }, GOOD, "ranking");
          }
        });
      expect(share(null)).toBe(0.5);
      expect(share(0)).toBe(0.5);
      expect(share(1)).toBe(0);
    }
  });
  test("what a dropped block's list said is void", () => {
    const told = vanished((world) => {
      world.block({ number: 7 });
      world.found({ number: 7 }, [GOOD]);
      world.block({ number: 8 });
      world.found({ number: 8 }, []);
      world.reorg({ number: 7 }, 1, [{ number: 8 }]);
      for (const number of [8, 9]) {
        world.block({ number, epoch: 1 });
        world.found({ number, epoch: 1 }, [GOOD]);
      }
      world.block({ number: 10 });
      world.found({ number: 10 }, [GOOD]);
    });
    expect(told).toBe(0);
  });
});

describe("simulations", () => {
  const accuracy = (tell: (world: World, executionId: string) => void) => {
    const world = new World();
    world.block({ number: 9 });
    tell(world, world.planned({ number: 9 }, GOOD, "ranking"));
    world.block({ number: 10 });
    world.found({ number: 10 }, [GOOD]);
    return rowAt(world.messages, { number: 10 }).poolAccuracy;
  };
  test("right, wrong, and right but not worth its gas", () => {
    expect(accuracy(() => {})).toBe(0.5);
    expect(accuracy((world, id) => world.simulated({ number: 9 }, GOOD, id))).toBeCloseTo(2 / 3, 6);
    expect(accuracy((world, id) => world.failed({ number: 9 }, GOOD, id, "simulation-reverted"))).toBeCloseTo(1 / 3, 6);
    expect(accuracy((world, id) => world.failed({ number: 9 }, GOOD, id, "unprofitable-after-simulation"))).toBeCloseTo(2 / 3, 6);
  });
  test("what stopped on our side says nothing of pools", () => {
    expect(accuracy((world, id) => world.failed({ number: 9 }, GOOD, id, "relay-rejected"))).toBe(0.5);
  });
  test("those on the head itself are not in its rows", () => {
    const world = new World();
    world.block({ number: 10 });
    world.failed({ number: 10 }, GOOD, world.planned({ number: 10 }, GOOD, "ranking"), "simulation-reverted");
    world.arbitrage({ number: 10 }, GOOD.hops);
    world.found({ number: 10 }, [GOOD]);
    const row = rowAt(world.messages, { number: 10 });
    expect([row.poolAccuracy, row.poolsTaken]).toEqual([0.5, 0]);
  });
});

test("whether a block's own message has been read: by the block, not by its height; what is long past is not waited for", () => {
  const history = new History();
  const world = new World();
  const read = (at: At, isMoney = false) =>
    history.hasRead({ blockNumber: at.number, blockHash: blockHashOf(at), ...(isMoney ? {} : { epoch: at.epoch ?? 0 }) });
  const told = (tell: () => void) => {
    const from = world.messages.length;
    tell();
    for (const { body } of world.messages.slice(from)) history.apply(body);
  };
  expect(read({ number: 1 })).toBe(false);
  told(() => world.quiet(100, 3));
  expect([99, 100, 102, 103].map((number) => read({ number }))).toEqual([true, true, true, false]);
  expect(read({ number: 102, epoch: 1 })).toBe(false);
  told(() => world.reorg({ number: 101 }, 1, [{ number: 102 }]));
  expect(read({ number: 102 })).toBe(true);
  expect([read({ number: 102, epoch: 1 }), read({ number: 102, epoch: 1 }, true)]).toEqual([false, false]);
  told(() => world.quiet(102, 8, 1));
  // A receipt names no epoch: eight blocks on it is not waited for any more. An answer of the search is: its block comes.
  expect([read({ number: 101, epoch: 7 }, true), read({ number: 102, epoch: 7 }, true), read({ number: 101, epoch: 7 })]).toEqual([
    ...[true, false, false],
  ]);
  told(() => world.quiet(110, 300, 1));
  expect([read({ number: 102, epoch: 7 }), read({ number: 102 })]).toEqual([true, true]);
});

test("the base fee's trend is over eight blocks", () => {
  const world = new World();
  for (let number = 1; number <= 12; number++) world.block({ number }, { baseFeePerGas: number <= 4 ? GWEI : 2n * GWEI });
  world.found({ number: 12 }, [GOOD]);
  world.block({ number: 13 }, { baseFeePerGas: 2n * GWEI });
  world.found({ number: 13 }, [GOOD]);
  expect(rowAt(world.messages, { number: 12 }).baseFeeTrend).toBeCloseTo(Math.LN2, 6);
  expect(rowAt(world.messages, { number: 13 }).baseFeeTrend).toBe(0);
});

test("a pool's last change is known for a hundred blocks", () => {
  const age = (head: number) => {
    const world = new World();
    world.block({ number: 1 });
    world.changed({ number: 1 }, [[0x10, 1n, 1n]]);
    world.quiet(2, head - 1);
    world.found({ number: head }, [GOOD]);
    return rowAt(world.messages, { number: head }).stateAge;
  };
  expect(age(101)).toBeCloseTo(100, 3);
  expect(age(102)).toBeNull();
});
