import { describe, expect, test } from "vitest";
import { FEATURES, type FeatureName, SCHEMA_HASH } from "#libs/ml/features.ts";
import type { Candidate } from "#proto/cycle/v1/found.ts";
import type { Label } from "#proto/outcome/v1/labelled.ts";
import type { BodyOf } from "#proto/subjects.ts";
import { BASE_FEE, blockHashOf, cycle, feed, GWEI, hop, type Labelled, plan, TKN, USD, WETH, World } from "#services/trainer/testing.ts";

/** Earns ten times its gas: 200,000 at 8.1 gwei are 1.62e15. */
const GOOD = cycle(1, [0x10, 0x11], 16n * 10n ** 15n);
const OTHER = cycle(2, [0x12, 0x13], 12n * 10n ** 15n);
/** Does not pay its gas. */
const POOR = cycle(3, [0x14, 0x15], 10n ** 15n);

/** Candidates of block 10, what happens then, and blocks enough for their labels. */
function story(
  candidates: readonly Candidate[],
  tell: (world: World, ranking: string) => void,
  options: { readonly lastBlock?: number } = {},
) {
  const world = new World();
  world.block({ number: 10 });
  const ranking = world.decided({ number: 10 }, candidates);
  world.prices({ number: 10 }, {});
  tell(world, ranking);
  const head = world.messages.findLast(({ key }) => key === "blockObserved")?.body as BodyOf<"blockObserved">;
  const { blockNumber, epoch } = head;
  world.quiet(blockNumber + 1, (options.lastBlock ?? 20) - blockNumber, epoch);
  return { world, ...feed(world) };
}
const of = (labelled: readonly Labelled[], blockNumber = 10): Labelled => {
  const those = labelled.filter((each) => each.blockNumber === blockNumber);
  expect(those).toHaveLength(1);
  return those[0] as Labelled;
};
const labelOf = (labelled: readonly Labelled[], { cycleId }: Candidate, blockNumber = 10): Label =>
  of(labelled, blockNumber).labels.find((label) => label.cycleId === cycleId) as Label;
/** Block 11 with this answer of the search. */
const answer = (world: World, ...rest: Parameters<World["decided"]> extends [unknown, ...infer Rest] ? Rest : never) => {
  world.block({ number: 11 });
  world.decided({ number: 11 }, ...rest);
  world.prices({ number: 11 }, {});
};

test("every candidate of a ranking gets one label, ranked or rejected, in the order of the ranking, six blocks later", () => {
  const { labelled, effects } = story([POOR, OTHER, GOOD], (world) => answer(world, []));
  const message = of(labelled);
  expect(message).toMatchObject({
    messageId: `labels:local:${blockHashOf({ number: 10 })}@0`,
    blockHash: blockHashOf({ number: 10 }),
    epoch: 0,
    causeId: `opportunities:${blockHashOf({ number: 10 })}:0`,
    featureSchema: SCHEMA_HASH,
    model: null,
    labelledAtBlock: 16,
  });
  expect(message.labels.map(({ cycleId, rank, rejected, score, cycles }) => [cycleId, rank, rejected, score, cycles])).toEqual([
    [GOOD.cycleId, 0, null, null, 1],
    [OTHER.cycleId, 1, null, null, 1],
    [POOR.cycleId, 2, "below-minimum", null, 1],
  ]);
  expect(effects).toContainEqual({ type: "count", metric: "labels", labels: { outcome: "vanished" }, value: 3 });
  expect(effects).toContainEqual({ type: "finished-block", blockNumber: 16 });
});

test("a ranking without candidates gets its message too, so that the place can be found again", () => {
  expect(of(story([], (world) => answer(world, [])).labelled).labels).toEqual([]);
});

test("no label before the sixth block after", () => {
  expect(story([GOOD], (world) => answer(world, []), { lastBlock: 15 }).labelled).toEqual([]);
});

describe("what became of an execution", () => {
  test("landed: profit, gas and tip, to the wei", () => {
    const { labelled } = story([GOOD, OTHER], (world, ranking) => {
      const id = world.planned({ number: 10 }, GOOD, ranking);
      world.simulated({ number: 10 }, GOOD, id);
      answer(world, [OTHER]);
      world.landed({ number: 11 }, GOOD, id, 1, 123_456n);
    });
    const gasCost = 150_000n * (BASE_FEE + 3n);
    const label = labelOf(labelled, GOOD);
    expect(label.outcome).toBe("landed");
    expect(label.executions).toMatchObject([
      {
        mode: "live",
        end: "landed",
        code: null,
        landing: {
          blockNumber: 11,
          succeeded: true,
          gasUsed: 150_000,
          gasCost: `${gasCost}`,
          tip: "450000",
          profit: "123456",
          netProfit: `${123_456n - gasCost}`,
          builderPayment: "0",
        },
      },
    ]);
    expect(labelOf(labelled, OTHER)).toMatchObject({ outcome: "still-there", executions: [] });
  });

  test("landed, but not settled: its profit is not known", () => {
    const { labelled } = story([GOOD], (world, ranking) => {
      const id = world.planned({ number: 10 }, GOOD, ranking);
      answer(world, []);
      world.landed({ number: 11 }, GOOD, id, 1, null);
    });
    expect(labelOf(labelled, GOOD).executions[0]?.landing).toMatchObject({ succeeded: true, profit: null, netProfit: null });
  });

  test("reverted: what it cost", () => {
    const { labelled } = story([GOOD], (world, ranking) => {
      const id = world.planned({ number: 10 }, GOOD, ranking);
      answer(world, [GOOD]);
      world.landed({ number: 11 }, GOOD, id, 0, 0n);
    });
    expect(labelOf(labelled, GOOD)).toMatchObject({
      outcome: "reverted",
      executions: [{ end: "reverted", landing: { succeeded: false, gasCost: `${150_000n * (BASE_FEE + 3n)}` } }],
      next: { state: "there" },
    });
  });

  test("failed: the simulation did not pay what was quoted", () => {
    const { labelled } = story([GOOD], (world, ranking) => {
      world.failed({ number: 10 }, GOOD, world.planned({ number: 10 }, GOOD, ranking), "simulation-reverted");
      answer(world, [GOOD]);
    });
    expect(labelOf(labelled, GOOD)).toMatchObject({ outcome: "failed", executions: [{ end: "failed", code: "simulation-reverted" }] });
  });

  test("what stopped on our side says nothing of the candidate", () => {
    const { labelled } = story([GOOD], (world, ranking) => {
      world.failed({ number: 10 }, GOOD, world.planned({ number: 10 }, GOOD, ranking), "relay-rejected");
      answer(world, [GOOD]);
    });
    expect(labelOf(labelled, GOOD)).toMatchObject({ outcome: "still-there", executions: [{ end: "failed", code: "relay-rejected" }] });
  });

  test("expired: sent, and not mined; outbid where somebody else took the cycle", () => {
    const sent = (world: World, ranking: string) => {
      const id = world.planned({ number: 10 }, GOOD, ranking);
      world.simulated({ number: 10 }, GOOD, id);
      answer(world, []);
      world.expired({ number: 11 }, GOOD, id);
    };
    expect(labelOf(story([GOOD], sent).labelled, GOOD)).toMatchObject({ outcome: "expired", executions: [{ end: "expired" }] });
    const { labelled } = story([GOOD], (world, ranking) => {
      sent(world, ranking);
      world.arbitrage({ number: 11 }, GOOD.hops);
    });
    expect(labelOf(labelled, GOOD).outcome).toBe("outbid");
  });

  test("on paper nothing was sent: what became of the cycle by itself counts", () => {
    const { labelled } = story([GOOD], (world, ranking) => {
      const id = world.planned({ number: 10 }, GOOD, ranking, "paper");
      world.simulated({ number: 10 }, GOOD, id);
      answer(world, [GOOD]);
      world.expired({ number: 11 }, GOOD, id);
    });
    expect(labelOf(labelled, GOOD)).toMatchObject({ outcome: "still-there", executions: [{ mode: "paper", end: "expired" }] });
  });

  test("an end that has not come by then is open", () => {
    const { labelled } = story([GOOD], (world, ranking) => {
      world.planned({ number: 10 }, GOOD, ranking);
      answer(world, []);
    });
    expect(labelOf(labelled, GOOD)).toMatchObject({ outcome: "vanished", executions: [{ end: "open" }] });
  });

  test("landed in a block that was dropped, and again in another: the last word counts, once", () => {
    const { labelled } = story([GOOD], (world, ranking) => {
      const id = world.planned({ number: 10 }, GOOD, ranking);
      answer(world, []);
      world.landed({ number: 11 }, GOOD, id, 1, 5n);
      world.reorg({ number: 10 }, 1, [{ number: 11 }]);
      world.reorgedOut({ number: 11 }, GOOD, id, 1);
      world.block({ number: 11, epoch: 1 });
      world.decided({ number: 11, epoch: 1 }, []);
      world.block({ number: 12, epoch: 1 });
      world.landed({ number: 12, epoch: 1 }, GOOD, id, 1, 7n);
    });
    expect(labelOf(labelled, GOOD).executions).toMatchObject([{ end: "landed", landing: { blockNumber: 12, profit: "7" } }]);
  });

  test("landed in a block that was dropped, and not again: expired", () => {
    const { labelled } = story([GOOD], (world, ranking) => {
      const id = world.planned({ number: 10 }, GOOD, ranking);
      answer(world, []);
      world.landed({ number: 11 }, GOOD, id);
      world.reorg({ number: 10 }, 1, [{ number: 11 }]);
      world.reorgedOut({ number: 11 }, GOOD, id, 1);
      world.block({ number: 11, epoch: 1 });
      world.expired({ number: 11, epoch: 1 }, GOOD, id);
    });
    expect(labelOf(labelled, GOOD)).toMatchObject({ outcome: "expired", executions: [{ end: "expired", landing: null }] });
  });

  test("executions of the same cycle on another block are not its own", () => {
    const { labelled } = story([GOOD], (world) => {
      world.block({ number: 11 });
      const ranking = world.decided({ number: 11 }, [GOOD]);
      world.planned({ number: 11 }, GOOD, ranking);
    });
    expect(labelOf(labelled, GOOD).executions).toEqual([]);
    expect(labelOf(labelled, GOOD, 11).executions).toHaveLength(1);
  });
});

describe("what became of the cycle by itself", () => {
  test("still there: what it would have earned a block later", () => {
    const later = cycle(1, [0x10, 0x11], 9n * 10n ** 15n);
    const { labelled } = story([GOOD], (world) => answer(world, [OTHER, later]));
    expect(labelOf(labelled, GOOD)).toMatchObject({
      outcome: "still-there",
      next: {
        state: "there",
        because: null,
        grossProfit: `${9n * 10n ** 15n}`,
        netProfit: `${9n * 10n ** 15n - 200_000n * (BASE_FEE + GWEI / 10n)}`,
        leastListed: null,
      },
    });
  });

  test("still there, but not ranked: the net profit is not known", () => {
    const { labelled } = story([GOOD], (world) => {
      world.block({ number: 11 });
      world.found({ number: 11 }, [GOOD]);
    });
    expect(labelOf(labelled, GOOD).next).toMatchObject({ state: "there", grossProfit: GOOD.grossProfit, netProfit: null });
  });

  test("vanished: not in a list that had room", () => {
    const { labelled } = story([GOOD], (world) => answer(world, [OTHER]));
    expect(labelOf(labelled, GOOD)).toMatchObject({ outcome: "vanished", next: { state: "gone", because: null, grossProfit: null } });
  });

  test("a full list: unknown while the least of it earns more than this one's gas, vanished when it earns less", () => {
    const full = story([GOOD], (world) => answer(world, [OTHER], { cyclesFound: 30 })).labelled;
    expect(labelOf(full, GOOD)).toMatchObject({
      outcome: "unknown",
      next: { state: "unknown", because: "list-full", leastListed: OTHER.grossProfit },
    });
    const deep = story([GOOD], (world) => answer(world, [OTHER, POOR], { cyclesFound: 30 })).labelled;
    expect(labelOf(deep, GOOD)).toMatchObject({ outcome: "vanished", next: { state: "gone", leastListed: POOR.grossProfit } });
  });

  test("a full list whose cycles all came to nothing tells nothing", () => {
    const { labelled } = story([GOOD], (world) => answer(world, [], { cyclesFound: 30 }));
    expect(labelOf(labelled, GOOD).next).toMatchObject({ state: "unknown", because: "list-full", leastListed: null });
  });

  test("a search that was cut short, or went without a DEX of the cycle, or did not happen, tells nothing", () => {
    const because = (tell: (world: World) => void) => labelOf(story([GOOD], tell).labelled, GOOD).next.because;
    expect(because((world) => answer(world, [], { isCutShort: true }))).toBe("cut-short");
    expect(because((world) => answer(world, [], { lateDexes: ["dex"] }))).toBe("dex-late");
    expect(because((world) => answer(world, [], { lateDexes: ["another"] }))).toBe(null);
    expect(because((world) => world.quiet(11, 1))).toBe("no-answer");
  });

  test("outbid: others swapped in all of its pools, in its direction, in the next block", () => {
    let transactionHash = "";
    const { labelled } = story([GOOD], (world) => {
      answer(world, []);
      transactionHash = world.arbitrage({ number: 11 }, [hop(0x99, WETH, TKN, 1n, 1n), ...GOOD.hops]);
    });
    expect(labelOf(labelled, GOOD)).toMatchObject({
      outcome: "outbid",
      next: { state: "gone", rivals: 1, rival: { transactionHash, token: WETH, grossProfit: "77", tip: "500000" } },
    });
  });

  test("not outbid by the other direction, by half of it, by ourselves, or a block later", () => {
    const outcome = (tell: (world: World) => void) => labelOf(story([GOOD], tell).labelled, GOOD);
    const back = [hop(0x11, WETH, USD, 1n, 1n), hop(0x10, USD, WETH, 1n, 2n)];
    const reverse = outcome((world) => {
      answer(world, []);
      world.arbitrage({ number: 11 }, back);
    });
    expect(reverse).toMatchObject({ outcome: "vanished", next: { rivals: 0, rival: null } });
    const half = outcome((world) => {
      answer(world, []);
      world.arbitrage({ number: 11 }, [GOOD.hops[0] as never, hop(0x77, USD, WETH, 1n, 2n)]);
    });
    expect(half).toMatchObject({ outcome: "vanished", next: { rivals: 1, rival: null } });
    const own = outcome((world) => {
      answer(world, []);
      world.arbitrage({ number: 11 }, GOOD.hops, true);
    });
    expect(own).toMatchObject({ outcome: "vanished", next: { rivals: 0 } });
    const later = outcome((world) => {
      answer(world, []);
      world.block({ number: 12 });
      world.arbitrage({ number: 12 }, GOOD.hops);
    });
    expect(later.outcome).toBe("vanished");
  });

  test("gone where a trade of ours went through its pools: nobody can tell", () => {
    const sibling = plan(9, [cycle(4, [0x10, 0x19], 17n * 10n ** 15n)]);
    const { labelled } = story([sibling, GOOD], (world, ranking) => {
      const id = world.planned({ number: 10 }, sibling, ranking);
      answer(world, []);
      world.landed({ number: 11 }, sibling, id);
    });
    expect(labelOf(labelled, GOOD)).toMatchObject({ outcome: "unknown", next: { state: "unknown", because: "own-trade" } });
  });

  test("gone from a block that nobody looked at for arbitrages: it may have been taken", () => {
    const { labelled } = story([GOOD], (world) => {
      world.block({ number: 11 });
      world.decided({ number: 11 }, []);
    });
    expect(labelOf(labelled, GOOD)).toMatchObject({ outcome: "unknown", next: { because: "not-watched" } });
  });

  test("its own block was dropped: nothing can be said of it, and its like on the new branch has its own label", () => {
    const { labelled } = story([GOOD], (world) => {
      world.reorg({ number: 9 }, 1, [{ number: 10 }]);
      world.block({ number: 10, epoch: 1 });
      world.decided({ number: 10, epoch: 1 }, [OTHER]);
      world.block({ number: 11, epoch: 1 });
      world.decided({ number: 11, epoch: 1 }, [OTHER]);
      world.prices({ number: 11, epoch: 1 }, {});
    });
    const [dropped, stands] = labelled.filter(({ blockNumber }) => blockNumber === 10);
    expect(dropped).toMatchObject({ epoch: 0, labels: [{ cycleId: GOOD.cycleId, outcome: "unknown", next: { because: "reorged" } }] });
    expect(stands).toMatchObject({ epoch: 1, labels: [{ cycleId: OTHER.cycleId, outcome: "still-there" }] });
  });

  test("the next block was dropped: the one that stands tells", () => {
    const { labelled } = story([GOOD], (world) => {
      answer(world, [GOOD]);
      world.arbitrage({ number: 11 }, GOOD.hops);
      world.reorg({ number: 10 }, 1, [{ number: 11 }]);
      world.block({ number: 11, epoch: 1 });
      world.decided({ number: 11, epoch: 1 }, []);
      world.prices({ number: 11, epoch: 1 }, {});
    });
    expect(labelOf(labelled, GOOD)).toMatchObject({ outcome: "vanished", next: { state: "gone", rivals: 0 } });
  });
});

describe("several cycles in one candidate", () => {
  const both = plan(8, [GOOD, OTHER]);
  test("there as a whole, with what it would have earned", () => {
    const { labelled } = story([both, GOOD], (world) => answer(world, [both, GOOD]));
    expect(labelOf(labelled, both)).toMatchObject({
      cycles: 2,
      outcome: "still-there",
      next: { state: "there", grossProfit: both.grossProfit },
    });
  });
  test("there in part: no profit of the whole is known", () => {
    const { labelled } = story([both, GOOD], (world) => answer(world, [OTHER]));
    expect(labelOf(labelled, both)).toMatchObject({
      outcome: "still-there",
      next: { state: "in-part", grossProfit: null, netProfit: null },
    });
    // A cycle within the next block's plan is there as well.
    const within = story([OTHER], (world) => answer(world, [both])).labelled;
    expect(labelOf(within, OTHER).next.state).toBe("in-part");
  });
  test("outbid when somebody took one of its cycles", () => {
    const { labelled } = story([both], (world) => {
      answer(world, []);
      world.arbitrage({ number: 11 }, OTHER.hops);
    });
    expect(labelOf(labelled, both).outcome).toBe("outbid");
  });
  test("room in the next list is counted by single cycles: the plan beside them takes none", () => {
    const { labelled } = story([POOR, GOOD], (world) => answer(world, [both, GOOD, OTHER], { cyclesFound: 2 }));
    expect(labelOf(labelled, POOR).next.state).toBe("gone");
  });
});

/** Quantities of a row, by name: null where missing. */
function quantities(label: Label): Record<FeatureName, number | null> {
  return Object.fromEntries(
    FEATURES.map(({ name, transform }, column) => {
      const value = label.features?.[column] ?? null;
      return [name, value === null ? null : transform === "asinh" ? Math.sinh(value) : value];
    }),
  ) as Record<FeatureName, number | null>;
}

describe("the row of a candidate", () => {
  test("holds what had been said when it was ranked, by hand", () => {
    const world = new World();
    // Pools 0x10 and 0x11 as the snapshot has them; 0x10 changes in block 104.
    world.block({ number: 1 });
    world.snapshot({ number: 1 }, 1, [
      [0x10, 100n * 10n ** 18n, 200_000n],
      [0x11, 50n * 10n ** 18n, 90_000n],
    ]);
    world.prices({ number: 1 }, { [WETH]: 1, [USD]: 0.0005, [TKN]: 3 }, "all");
    world.values({ number: 1 }, { 16: 200, 17: 100 }, "all");
    let ranking = "";
    let executionId = "";
    for (let number = 2; number <= 105; number++) {
      world.block({ number }, { baseFeePerGas: number <= 97 ? BASE_FEE / 2n : BASE_FEE, gasUsed: number === 105 ? 27_000_000 : 1 });
      if (number === 104) world.changed({ number }, 104, [[0x10, 100n * 10n ** 18n, 220_000n]]);
      // Seen twice: the first time gone a block later, the second time still there in block 105.
      const candidates = number === 100 || number === 104 || number === 105 ? [GOOD] : [];
      if (number === 105) world.clockMs += 40;
      const scored = world.decided({ number }, number === 105 ? [OTHER, POOR, GOOD] : candidates, {
        cyclesFound: number === 105 ? 120 : candidates.length,
      });
      if (number === 100) {
        ranking = scored;
        executionId = world.planned({ number }, GOOD, ranking, "paper");
        world.simulated({ number }, GOOD, executionId);
      }
      if (number === 104) world.failed({ number }, GOOD, world.planned({ number }, GOOD, scored, "paper"), "simulation-reverted");
      world.prices({ number }, { [USD]: number % 2 === 0 ? 0.0005 : 0.00055 });
      if (number % 10 === 0)
        world.arbitrage(
          { number },
          number === 60 || number === 70 ? GOOD.hops : [hop(0x55, WETH, USD, 1n, 1n), hop(0x56, USD, WETH, 1n, 2n)],
        );
    }
    world.quiet(106, 8);
    const label = labelOf(feed(world).labelled, GOOD, 105);
    const row = quantities(label);
    const impact = (amountIn: number, paid: number, rate: number) => paid / amountIn / rate;
    const share = impact(1e18, 2_000, (220_000 / 1e20) * 0.997) * impact(2_000, 1e18 + 16e15, (5e19 / 90_000) * 0.997);
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
      priceImpact: Math.sinh(Math.min(10.5, Math.max(-1, Math.asinh((1 - share) * 1e4)))),
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
    expect(quantities(labelOf(feed(world).labelled, POOR, 105)).rank).toBeCloseTo(2, 5);
  });

  test("what has not been seen is missing", () => {
    const row = quantities(labelOf(story([GOOD], (world) => answer(world, [])).labelled, GOOD));
    const missing = FEATURES.filter(({ name }) => row[name] === null).map(({ name }) => name);
    expect(missing).toEqual([
      "amountToDepth",
      "priceImpact",
      "thinnestTvl",
      "stateAge",
      "volatility",
      "cycleVanished",
      "rivals",
      "baseFeeTrend",
      "tokenConfidence",
    ]);
  });

  test("a ranking that comes after the next block has no rows: nobody acts on it", () => {
    const world = new World();
    world.block({ number: 10 });
    const found = world.found({ number: 10 }, [GOOD]);
    world.block({ number: 11 });
    world.scored({ number: 10 }, [GOOD], found);
    world.decided({ number: 11 }, [GOOD]);
    world.quiet(12, 9);
    const { labelled } = feed(world);
    expect(labelOf(labelled, GOOD)).toMatchObject({ features: null, outcome: "still-there" });
    expect(labelOf(labelled, GOOD, 11).features).not.toBeNull();
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
      world.decided(at, [GOOD]);
      world.quiet(at.number + 1, 9, at.epoch);
      return quantities(labelOf(feed(world).labelled, GOOD, at.number)).tokenConfidence;
    };
    expect(confidence(false)).toBe(0.5);
    expect(confidence(true)).toBeNull();
  });

  test("a ranking that comes after its block was dropped has no rows", () => {
    const world = new World();
    world.block({ number: 10 });
    const found = world.found({ number: 10 }, [GOOD]);
    world.reorg({ number: 9 }, 1, [{ number: 10 }]);
    world.scored({ number: 10 }, [GOOD], found);
    world.quiet(10, 10, 1);
    expect(labelOf(feed(world).labelled, GOOD)).toMatchObject({ features: null, outcome: "unknown", next: { because: "reorged" } });
  });

  test("a cycle that was gone when a trade of ours had gone through it has not vanished", () => {
    const share = (isOurs: boolean) => {
      const world = new World();
      let executionId = "";
      for (const number of [7, 8, 9, 10]) {
        world.block({ number });
        if (number === 8 && isOurs) world.landed({ number }, GOOD, executionId);
        const ranking = world.decided({ number }, number === 8 ? [] : [GOOD]);
        if (number === 7 && isOurs) executionId = world.planned({ number }, GOOD, ranking);
      }
      world.quiet(11, 9);
      return quantities(labelOf(feed(world).labelled, GOOD)).cycleVanished;
    };
    // Of blocks 7 and 9: gone after the first, there after the second.
    expect(share(false)).toBe(0.5);
    expect(share(true)).toBe(0);
  });

  test("a pool's state that comes with a snapshot is the state of its time: changes after it are in, those before it are not taken twice", () => {
    const rate = (tell: (world: World) => void) => {
      const world = new World();
      world.block({ number: 8 });
      world.changed({ number: 8 }, 1, [[0x10, 70n * 10n ** 18n, 200_000n]]);
      world.block({ number: 9 });
      world.changed({ number: 9 }, 2, [[0x10, 100n * 10n ** 18n, 150_000n]]);
      tell(world);
      world.block({ number: 10 });
      world.decided({ number: 10 }, [GOOD]);
      world.quiet(11, 9);
      return quantities(labelOf(feed(world).labelled, GOOD)).priceImpact;
    };
    const pools = (weth: bigint, usd: bigint) => [[0x10, weth, usd] as const, [0x11, 50n * 10n ** 18n, 90_000n] as const];
    const now = rate((world) => world.snapshot({ number: 9 }, 2, pools(100n * 10n ** 18n, 150_000n)));
    expect(now).not.toBeNull();
    expect(rate((world) => world.snapshot({ number: 8 }, 1, pools(70n * 10n ** 18n, 200_000n)))).toBe(now);
    // A report from before the snapshot does not put the pool back.
    const world = new World();
    world.block({ number: 8 });
    world.changed({ number: 8 }, 1, [[0x10, 70n * 10n ** 18n, 200_000n]]);
    world.block({ number: 10 });
    world.snapshot({ number: 9 }, 2, pools(100n * 10n ** 18n, 150_000n));
    world.decided({ number: 10 }, [GOOD]);
    world.quiet(11, 9);
    expect(quantities(labelOf(feed(world).labelled, GOOD)).priceImpact).toBe(now);
    // An older announcement, of an object that is gone, changes nothing.
    const gone = rate((world) => {
      world.snapshot({ number: 8 }, 1, pools(1n, 1n));
      world.snapshots.clear();
      world.snapshot({ number: 9 }, 2, pools(100n * 10n ** 18n, 150_000n));
    });
    expect(gone).toBe(now);
    expect(rate(() => {})).toBeNull();
  });
});

test("nothing is worked on while a block's bundle is under way: a turn is taken some 300 ms after it", () => {
  const { effects, timers } = story([GOOD], (world) => answer(world, []));
  const settings = effects.filter((effect) => effect.type === "set-timer");
  expect(settings.every((effect) => effect.type === "set-timer" && effect.delayMs === 300)).toBe(true);
  expect(timers).toBe(11);
});
