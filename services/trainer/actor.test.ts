import { describe, expect, test } from "vitest";
import {
  BASE_FEE,
  between,
  blockHashOf,
  broughtBack,
  GWEI,
  hop,
  PRIORITY_FEE,
  plan,
  type Reserves,
  TKN,
  USD,
  WETH,
  World,
} from "#libs/history/testing.ts";
import { FEATURE_COUNT } from "#libs/ml/features.ts";
import type { Candidate, Hop } from "#proto/cycle/v1/found.ts";
import type { Evaluation } from "#proto/opportunity/v1/scored.ts";
import type { Label } from "#proto/outcome/v1/labelled.ts";
import type { BodyOf } from "#proto/subjects.ts";
import { feed, type Labelled } from "#services/trainer/testing.ts";

const ETHER = 10n ** 18n;
const pool = (id: number, usd: bigint): Reserves => [id, 1_000n * ETHER, usd * ETHER];
/** Pools at block 10. */
const [A, B] = [pool(0x10, 2_040_000n), pool(0x11, 1_960_000n)];
const [C, D] = [pool(0x12, 2_030_000n), pool(0x13, 1_960_000n)];
const [E, F] = [pool(0x14, 2_000_000n), pool(0x15, 1_982_600n)];
const GAS_PRICE = BASE_FEE + PRIORITY_FEE;
const GAS_COST = 200_000n * GAS_PRICE;
/** Earns its gas many times. */
const GOOD = between(1, A, B);
const OTHER = between(2, C, D);
/** Does not pay its gas. */
const POOR = between(3, E, F);
/** As they were; with nothing left between A and B; with nothing left anywhere. */
const STAYS: readonly Reserves[] = [];
const GONE = [pool(0x10, 1_960_000n)];
const ALL_GONE = [...GONE, pool(0x12, 1_960_000n)];

/** Candidates of block 10, what happens then, and blocks enough for their labels. */
function story(
  candidates: readonly Candidate[],
  tell: (world: World, ranking: string) => void,
  options: { readonly lastBlock?: number; readonly evaluations?: ReadonlyMap<string, Evaluation> } = {},
) {
  const world = new World();
  world.block({ number: 9 });
  world.snapshot({ number: 9 }, [A, B, C, D, E, F]);
  world.prices({ number: 9 }, {});
  world.block({ number: 10 });
  world.changed({ number: 10 }, []);
  const evaluations = options.evaluations ?? new Map();
  const ranking = world.decided({ number: 10 }, candidates, { ranked: { evaluations } });
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
/** Block 11, in which this became of the pools. */
const follow = (world: World, reserves: readonly Reserves[], epoch = 0) => {
  world.block({ number: 11, epoch });
  world.changed({ number: 11, epoch }, reserves);
  world.prices({ number: 11, epoch }, {});
};

test("the pools of these tests pay what they are said to", () => {
  expect(BigInt(GOOD.grossProfit)).toBeGreaterThan(10n * GAS_COST);
  expect(BigInt(OTHER.grossProfit)).toBeGreaterThan(10n * GAS_COST);
  expect(BigInt(POOR.grossProfit)).toBeGreaterThan(0n);
  expect(BigInt(POOR.grossProfit)).toBeLessThan(GAS_COST);
  expect(broughtBack(ETHER, GONE[0] as Reserves, B)).toBeLessThan(ETHER);
});

test("every candidate of a ranking gets one label, ranked or rejected, in the order of the ranking, six blocks later", () => {
  const { labelled, effects } = story([POOR, OTHER, GOOD], (world) => follow(world, ALL_GONE));
  const message = of(labelled);
  expect(message).toMatchObject({
    messageId: `labels:local:${blockHashOf({ number: 10 })}@0`,
    blockHash: blockHashOf({ number: 10 }),
    epoch: 0,
    causeId: `opportunities:${blockHashOf({ number: 10 })}:0`,
    champion: null,
    challenger: null,
    explored: false,
    labelledAtBlock: 16,
  });
  expect(message.labels.map(({ cycleId, rank, rejected }) => [cycleId, rank, rejected])).toEqual([
    [GOOD.cycleId, 0, null],
    [OTHER.cycleId, 1, null],
    [POOR.cycleId, 2, "below-minimum"],
  ]);
  expect(effects).toContainEqual({ type: "count", metric: "labels", labels: { outcome: "vanished" }, value: 3 });
  expect(effects).toContainEqual({ type: "finished-block", blockNumber: 16 });
});

test("a ranking without candidates gets its message too, so that the place can be found again", () => {
  expect(of(story([], (world) => follow(world, ALL_GONE)).labelled).labels).toEqual([]);
});

test("no label before the sixth block after", () => {
  expect(story([GOOD], (world) => follow(world, ALL_GONE), { lastBlock: 15 }).labelled).toEqual([]);
});

describe("what became of an execution", () => {
  test("landed: profit, gas and tip, to the wei", () => {
    const { labelled } = story([GOOD, OTHER], (world, ranking) => {
      const id = world.planned({ number: 10 }, GOOD, ranking);
      world.simulated({ number: 10 }, GOOD, id);
      follow(world, GONE);
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
      follow(world, GONE);
      world.landed({ number: 11 }, GOOD, id, 1, null);
    });
    expect(labelOf(labelled, GOOD).executions[0]?.landing).toMatchObject({ succeeded: true, profit: null, netProfit: null });
  });

  test("reverted: what it cost", () => {
    const { labelled } = story([GOOD], (world, ranking) => {
      const id = world.planned({ number: 10 }, GOOD, ranking);
      follow(world, STAYS);
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
      follow(world, STAYS);
    });
    expect(labelOf(labelled, GOOD)).toMatchObject({ outcome: "failed", executions: [{ end: "failed", code: "simulation-reverted" }] });
  });

  test("what stopped on our side says nothing of the candidate", () => {
    const { labelled } = story([GOOD], (world, ranking) => {
      world.failed({ number: 10 }, GOOD, world.planned({ number: 10 }, GOOD, ranking), "relay-rejected");
      follow(world, STAYS);
    });
    expect(labelOf(labelled, GOOD)).toMatchObject({ outcome: "still-there", executions: [{ end: "failed", code: "relay-rejected" }] });
  });

  test("expired: sent, and not mined; outbid where somebody else took the cycle", () => {
    const sent = (world: World, ranking: string) => {
      const id = world.planned({ number: 10 }, GOOD, ranking);
      world.simulated({ number: 10 }, GOOD, id);
      follow(world, GONE);
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
      follow(world, STAYS);
      world.expired({ number: 11 }, GOOD, id);
    });
    expect(labelOf(labelled, GOOD)).toMatchObject({ outcome: "still-there", executions: [{ mode: "paper", end: "expired" }] });
  });

  test("an end that has not come by then is open", () => {
    const { labelled } = story([GOOD], (world, ranking) => {
      world.planned({ number: 10 }, GOOD, ranking);
      follow(world, GONE);
    });
    expect(labelOf(labelled, GOOD)).toMatchObject({ outcome: "vanished", executions: [{ end: "open" }] });
  });

  test("landed in a block that was dropped, and again in another: the last word counts, once", () => {
    const { labelled } = story([GOOD], (world, ranking) => {
      const id = world.planned({ number: 10 }, GOOD, ranking);
      follow(world, GONE);
      world.landed({ number: 11 }, GOOD, id, 1, 5n);
      world.reorg({ number: 10 }, 1, [{ number: 11 }]);
      world.reorgedOut({ number: 11 }, GOOD, id, 1);
      follow(world, GONE, 1);
      world.block({ number: 12, epoch: 1 });
      world.landed({ number: 12, epoch: 1 }, GOOD, id, 1, 7n);
    });
    expect(labelOf(labelled, GOOD).executions).toMatchObject([{ end: "landed", landing: { blockNumber: 12, profit: "7" } }]);
  });

  test("landed in a block that was dropped, and not again: expired", () => {
    const { labelled } = story([GOOD], (world, ranking) => {
      const id = world.planned({ number: 10 }, GOOD, ranking);
      follow(world, GONE);
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
      world.changed({ number: 11 }, STAYS);
      const ranking = world.decided({ number: 11 }, [GOOD]);
      world.planned({ number: 11 }, GOOD, ranking);
    });
    expect(labelOf(labelled, GOOD).executions).toEqual([]);
    expect(labelOf(labelled, GOOD, 11).executions).toHaveLength(1);
  });
});

describe("what became of the cycle by itself", () => {
  test("still there: what its swaps would have earned a block later, to the unit, at that block's price of gas", () => {
    const [a, b] = [pool(0x10, 2_030_000n), pool(0x11, 1_965_000n)];
    const { labelled } = story([GOOD], (world) => {
      follow(world, [a, b]);
      world.decided({ number: 11 }, [], { ranked: { maxNextBaseFeePerGas: 3n * GWEI } });
    });
    const grossProfit = broughtBack(ETHER, a, b) - ETHER;
    expect(grossProfit).not.toBe(BigInt(GOOD.grossProfit));
    expect(labelOf(labelled, GOOD)).toMatchObject({
      outcome: "still-there",
      next: {
        state: "there",
        because: null,
        grossProfit: `${grossProfit}`,
        netProfit: `${grossProfit - 200_000n * (3n * GWEI + PRIORITY_FEE)}`,
      },
    });
  });

  test("a block that has no ranking has the price of gas of the one before", () => {
    const { labelled } = story([GOOD], (world) => follow(world, STAYS));
    expect(labelOf(labelled, GOOD).next).toMatchObject({
      state: "there",
      grossProfit: GOOD.grossProfit,
      netProfit: `${BigInt(GOOD.grossProfit) - GAS_COST}`,
    });
  });

  test("vanished: what it still earns, or loses, is below its gas", () => {
    const { labelled } = story([GOOD, POOR], (world) => follow(world, GONE));
    const grossProfit = broughtBack(ETHER, GONE[0] as Reserves, B) - ETHER;
    expect(grossProfit).toBeLessThan(0n);
    expect(labelOf(labelled, GOOD)).toMatchObject({
      outcome: "vanished",
      next: { state: "gone", because: null, grossProfit: `${grossProfit}`, netProfit: `${grossProfit - GAS_COST}` },
    });
    expect(labelOf(labelled, POOR)).toMatchObject({ outcome: "vanished", next: { state: "gone", grossProfit: POOR.grossProfit } });
  });

  test("a wei more than its gas is still there, its gas exactly is not", () => {
    const outcome = (gasPrice: bigint) => {
      const exact = { ...GOOD, gasEstimate: 1 };
      const { labelled } = story([exact], (world) => {
        follow(world, STAYS);
        world.decided({ number: 11 }, [], { ranked: { maxNextBaseFeePerGas: gasPrice - PRIORITY_FEE } });
      });
      return labelOf(labelled, exact).next;
    };
    expect(outcome(BigInt(GOOD.grossProfit))).toMatchObject({ state: "gone", netProfit: "0" });
    expect(outcome(BigInt(GOOD.grossProfit) - 1n)).toMatchObject({ state: "there", netProfit: "1" });
  });

  test("a pool that no longer takes the swap: gone, and what it would have earned is not known", () => {
    const { labelled } = story([GOOD], (world) => follow(world, [[0x11, 0n, 0n]]));
    expect(labelOf(labelled, GOOD)).toMatchObject({ outcome: "vanished", next: { state: "gone", grossProfit: null, netProfit: null } });
  });

  test("a DEX of it that had not reported the next block when the one after it came: unknown", () => {
    const { labelled } = story([GOOD, OTHER], (world) => {
      world.block({ number: 11 });
      world.prices({ number: 11 }, {});
      const report = world.nextReport({ number: 11 }, GONE);
      world.block({ number: 12 });
      report();
    });
    expect(labelOf(labelled, GOOD)).toMatchObject({
      outcome: "unknown",
      next: { state: "unknown", because: "dex-late", grossProfit: null, netProfit: null },
    });
  });

  test("a pool that is not followed: unknown", () => {
    const stranger = between(5, pool(0x99, 2_040_000n), B);
    const { labelled } = story([stranger], (world) => follow(world, STAYS));
    expect(labelOf(labelled, stranger).next).toMatchObject({ state: "unknown", because: "dex-late" });
  });

  test("a pool that was discovered after the snapshot is known", () => {
    const late = pool(0x20, 2_040_000n);
    const candidate = between(5, late, B);
    const { labelled } = story([candidate], (world) => {
      world.block({ number: 11 });
      world.discovered({ number: 11 }, [0x20]);
      world.changed({ number: 11 }, [late]);
      world.prices({ number: 11 }, {});
    });
    expect(labelOf(labelled, candidate).next).toMatchObject({ state: "there", grossProfit: candidate.grossProfit });
  });

  test("outbid: others swapped in all of its pools, in its direction, in the next block", () => {
    let transactionHash = "";
    const { labelled } = story([GOOD], (world) => {
      follow(world, GONE);
      transactionHash = world.arbitrage({ number: 11 }, [hop(0x99, WETH, TKN, 1n, 1n), ...GOOD.hops]);
    });
    expect(labelOf(labelled, GOOD)).toMatchObject({
      outcome: "outbid",
      next: { state: "gone", rivals: 1, rival: { transactionHash, token: WETH, grossProfit: "77", tip: "500000" } },
    });
  });

  test("outbid by one that sold what the cycle leaves elsewhere, or kept it, and not by one through the sale's pool alone", () => {
    const [out, back] = GOOD.hops as [Hop, Hop];
    // The same two pools in the same directions, begun in dollars.
    const sold: Candidate = {
      ...GOOD,
      token: USD,
      profitToken: WETH,
      hops: [back, out, hop(0x12, USD, WETH, 100n, 1n)],
    };
    const outcome = (hops: readonly Hop[]) => {
      const { labelled } = story([sold], (world) => {
        follow(world, GONE);
        world.arbitrage({ number: 11 }, hops);
      });
      return labelOf(labelled, sold);
    };
    expect(outcome([back, out, hop(0x99, USD, WETH, 100n, 1n)])).toMatchObject({ outcome: "outbid", next: { rivals: 1 } });
    expect(outcome([back, out])).toMatchObject({ outcome: "outbid", next: { rivals: 1 } });
    expect(outcome([hop(0x12, USD, WETH, 1n, 1n), hop(0x99, WETH, USD, 1n, 2n)])).toMatchObject({
      outcome: "vanished",
      next: { rivals: 0 },
    });
  });

  test("not outbid by the other direction, by half of it, by ourselves, or a block later", () => {
    const outcome = (tell: (world: World) => void) => labelOf(story([GOOD], tell).labelled, GOOD);
    const back = [hop(0x11, WETH, USD, 1n, 1n), hop(0x10, USD, WETH, 1n, 2n)];
    const reverse = outcome((world) => {
      follow(world, GONE);
      world.arbitrage({ number: 11 }, back);
    });
    expect(reverse).toMatchObject({ outcome: "vanished", next: { rivals: 0, rival: null } });
    const half = outcome((world) => {
      follow(world, GONE);
      world.arbitrage({ number: 11 }, [GOOD.hops[0] as never, hop(0x77, USD, WETH, 1n, 2n)]);
    });
    expect(half).toMatchObject({ outcome: "vanished", next: { rivals: 1, rival: null } });
    const own = outcome((world) => {
      follow(world, GONE);
      world.arbitrage({ number: 11 }, GOOD.hops, true);
    });
    expect(own).toMatchObject({ outcome: "vanished", next: { rivals: 0 } });
    const later = outcome((world) => {
      follow(world, GONE);
      world.block({ number: 12 });
      world.arbitrage({ number: 12 }, GOOD.hops);
    });
    expect(later.outcome).toBe("vanished");
  });

  test("gone where a trade of ours went through its pools: nobody can tell; still there: that stands", () => {
    const sibling = between(4, A, D);
    const outcome = (reserves: readonly Reserves[]) => {
      const { labelled } = story([sibling, GOOD, OTHER], (world, ranking) => {
        const id = world.planned({ number: 10 }, sibling, ranking);
        follow(world, reserves);
        world.landed({ number: 11 }, sibling, id);
      });
      return labelOf(labelled, GOOD);
    };
    expect(outcome(GONE)).toMatchObject({ outcome: "unknown", next: { state: "unknown", because: "own-trade" } });
    expect(outcome(STAYS)).toMatchObject({ outcome: "still-there", next: { state: "there", because: null } });
  });

  test("gone in a block that nobody looked at for arbitrages: it may have been taken", () => {
    const unwatched = (reserves: readonly Reserves[], tell: (world: World) => void = () => {}) =>
      labelOf(
        story([GOOD], (world) => {
          world.block({ number: 11 });
          world.changed({ number: 11 }, reserves);
          tell(world);
        }).labelled,
        GOOD,
      );
    expect(unwatched(GONE)).toMatchObject({ outcome: "unknown", next: { state: "unknown", because: "not-watched" } });
    expect(unwatched(STAYS)).toMatchObject({ outcome: "still-there" });
    // Somebody did look who says who took it.
    expect(unwatched(GONE, (world) => world.arbitrage({ number: 11 }, GOOD.hops))).toMatchObject({ outcome: "outbid" });
  });

  test("its own block was dropped: nothing can be said of it, and its like on the new branch has its own label", () => {
    const { labelled } = story([GOOD], (world) => {
      world.reorg({ number: 9 }, 1, [{ number: 10 }]);
      world.changed({ number: 9 }, STAYS);
      world.block({ number: 10, epoch: 1 });
      world.changed({ number: 10, epoch: 1 }, STAYS);
      world.decided({ number: 10, epoch: 1 }, [OTHER]);
      follow(world, STAYS, 1);
    });
    const [dropped, stands] = labelled.filter(({ blockNumber }) => blockNumber === 10);
    expect(dropped).toMatchObject({ epoch: 0, labels: [{ cycleId: GOOD.cycleId, outcome: "unknown", next: { because: "reorged" } }] });
    expect(stands).toMatchObject({ epoch: 1, labels: [{ cycleId: OTHER.cycleId, outcome: "still-there" }] });
  });

  test("the next block was dropped: the one that stands tells", () => {
    const { labelled } = story([GOOD], (world) => {
      follow(world, STAYS);
      world.arbitrage({ number: 11 }, GOOD.hops);
      world.reorg({ number: 10 }, 1, [{ number: 11 }]);
      world.changed({ number: 10 }, STAYS);
      follow(world, GONE, 1);
    });
    expect(labelOf(labelled, GOOD)).toMatchObject({ outcome: "vanished", next: { state: "gone", rivals: 0 } });
  });

  test("the next block was dropped after it had been looked at, and the one that stands says otherwise", () => {
    const { labelled } = story([GOOD], (world) => {
      follow(world, GONE);
      world.block({ number: 12 });
      world.reorg({ number: 10 }, 1, [{ number: 11 }, { number: 12 }]);
      world.changed({ number: 10 }, [A, B]);
      follow(world, STAYS, 1);
    });
    expect(labelOf(labelled, GOOD)).toMatchObject({ outcome: "still-there", next: { grossProfit: GOOD.grossProfit } });
  });
});

describe("a plan", () => {
  const both = plan(8, [GOOD, OTHER]);
  test("there with what all of them would have earned", () => {
    const { labelled } = story([both, GOOD], (world) => follow(world, STAYS));
    expect(labelOf(labelled, both)).toMatchObject({
      outcome: "still-there",
      next: { state: "there", grossProfit: both.grossProfit },
    });
  });
  test("one of them gone: what is left counts, less what the other loses", () => {
    const { labelled } = story([both, GOOD], (world) => follow(world, GONE));
    const lost = broughtBack(ETHER, GONE[0] as Reserves, B) - ETHER;
    expect(labelOf(labelled, both).next).toMatchObject({ state: "there", grossProfit: `${BigInt(OTHER.grossProfit) + lost}` });
  });
  test("outbid when somebody took a part of it", () => {
    const { labelled } = story([both], (world) => {
      follow(world, GONE);
      world.arbitrage({ number: 11 }, GOOD.hops);
    });
    expect(labelOf(labelled, both).outcome).toBe("outbid");
  });
});

test("a label carries what had been seen of the candidate and what models said, and which; a draw is named", () => {
  const evaluation: Evaluation = {
    features: Array.from({ length: FEATURE_COUNT }, (_, column) => (column === 3 ? null : column)),
    champion: { landing: 0.5, profit: "-7", spread: 1, value: "-3" },
    challenger: null,
  };
  const world = new World();
  world.block({ number: 10 });
  const ranked = {
    evaluations: new Map([
      [GOOD.cycleId, evaluation],
      [POOR.cycleId, evaluation],
    ]),
    champion: "a".repeat(16),
    challenger: "b".repeat(16),
    featureSchema: "c".repeat(64),
    explored: true,
  };
  world.decided({ number: 10 }, [GOOD, OTHER, POOR], { ranked });
  world.quiet(11, 9);
  const message = of(feed(world).labelled);
  expect(message).toMatchObject({ champion: "a".repeat(16), challenger: "b".repeat(16), featureSchema: "c".repeat(64), explored: true });
  const none = { features: null, champion: null, challenger: null };
  expect(message.labels.map((label) => label.evaluation)).toEqual([evaluation, none, evaluation]);
});

test("a ranking whose answer is not in the streams gets no labels: what its rejected candidates were is not known", () => {
  const world = new World();
  world.block({ number: 10 });
  world.scored({ number: 10 }, [GOOD], "cycles:nowhere");
  world.quiet(11, 9);
  expect(feed(world).labelled).toEqual([]);
});

describe("states that come with a snapshot", () => {
  const [then, now] = [pool(0x10, 2_100_000n), A];
  /** What GOOD earns on block 11, by states that came as told. */
  const earned = (tell: (world: World) => void) => {
    const world = new World();
    world.block({ number: 8 });
    world.changed({ number: 8 }, [then]);
    world.block({ number: 9 });
    world.changed({ number: 9 }, [now]);
    tell(world);
    world.block({ number: 10 });
    world.changed({ number: 10 }, []);
    world.decided({ number: 10 }, [GOOD]);
    follow(world, []);
    world.quiet(12, 8);
    return labelOf(feed(world).labelled, GOOD).next;
  };
  test("changes after it are in", () => {
    // The messages of blocks 8 and 9 are the first and the third.
    expect(earned((world) => world.snapshot({ number: 8 }, [then, B], 1)).grossProfit).toBe(GOOD.grossProfit);
    expect(earned((world) => world.snapshot({ number: 9 }, [now, B], 3)).grossProfit).toBe(GOOD.grossProfit);
  });
  test("changes before it are not taken twice", () => {
    const world = new World();
    world.block({ number: 8 });
    world.changed({ number: 8 }, [then]);
    world.block({ number: 9 });
    world.snapshot({ number: 9 }, [now, B]);
    world.changed({ number: 9 }, []);
    world.block({ number: 10 });
    world.changed({ number: 10 }, []);
    world.decided({ number: 10 }, [GOOD]);
    follow(world, []);
    world.quiet(12, 8);
    expect(labelOf(feed(world).labelled, GOOD).next.grossProfit).toBe(GOOD.grossProfit);
  });
  test("an announcement of an object that is gone changes nothing: its successor's counts", () => {
    const next = earned((world) => {
      world.snapshot({ number: 8 }, [pool(0x10, 1n), pool(0x11, 1n)], 1);
      world.snapshots.clear();
      world.snapshot({ number: 9 }, [now, B], 3);
    });
    expect(next.grossProfit).toBe(GOOD.grossProfit);
  });
  test("only the first is loaded: later ones hold nothing that has not been reported", () => {
    const next = earned((world) => {
      world.snapshot({ number: 9 }, [now, B], 3);
      world.snapshot({ number: 9 }, [pool(0x10, 1n), pool(0x11, 1n)], 4);
    });
    expect(next.grossProfit).toBe(GOOD.grossProfit);
  });
  test("without any nothing is known", () => {
    expect(earned(() => {})).toMatchObject({ state: "unknown", because: "dex-late" });
  });
});

test("nothing is worked on while a block's bundle is under way: a turn is taken some 300 ms after it", () => {
  const { effects, timers } = story([GOOD], (world) => follow(world, STAYS));
  const settings = effects.filter((effect) => effect.type === "set-timer");
  expect(settings.every((effect) => effect.type === "set-timer" && effect.delayMs === 300)).toBe(true);
  expect(timers).toBe(12);
});
