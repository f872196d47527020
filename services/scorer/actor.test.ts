import { fc, test as property } from "@fast-check/vitest";
import { describe, expect, test } from "vitest";
import { maxNextBaseFee } from "#libs/evm/gas-price.ts";
import { type At, between, blockHashOf, cycle, GWEI, type Reserves, WETH, World } from "#libs/history/testing.ts";
import { expectedValueWei, HEADS, toProfitScale } from "#libs/ml/ensemble.ts";
import { FEATURE_COUNT, FEATURES, SCHEMA_HASH } from "#libs/ml/features.ts";
import { buildKernel, type Kernel } from "#libs/ml/kernel.ts";
import { syntheticMarket, trained } from "#libs/ml/testing.ts";
import { encode } from "#proto/codec.ts";
import type { Candidate } from "#proto/cycle/v1/found.ts";
import type { Config } from "#services/scorer/actor.ts";
import { CONFIG, FIRST, OWN, type Ranking, SECOND, scorerOf } from "#services/scorer/testing.ts";

const AT: At = { number: 5, epoch: 3 };
const BY_NET_PROFIT: Config = { ...CONFIG, ranking: "net-profit" };

const candidate = (id: number, grossProfit: bigint, gasEstimate: number): Candidate => cycle(id, [10, 11], grossProfit, gasEstimate);
const ids = ({ opportunities }: Ranking): number[] => opportunities.map(({ cycleId }) => Number(`0x${cycleId}`));
const reasons = ({ rejected }: Ranking) => rejected.map(({ cycleId, reason }) => [Number(`0x${cycleId}`), reason]);

/** A model that says this of the first row, this of the second, …: probability of landing, profit in wei. */
function saying(...all: readonly (readonly [landing: number, profitWei: number])[]): Kernel {
  return {
    capacity: 256,
    bytes: { code: 0, model: 0 },
    score(rows, count) {
      expect(rows).toHaveLength(count * FEATURE_COUNT);
      return Float32Array.from(
        Array.from({ length: count }, (_, place) => {
          const [landing, profitWei] = all[place] ?? [0.5, 1e12];
          return [landing, toProfitScale(profitWei), 0];
        }).flat(),
      );
    },
  };
}
const GOOD_MODEL = saying();
const models = (own: Kernel | null, more: Readonly<Record<string, Kernel | null>> = {}) => new Map([[OWN, own], ...Object.entries(more)]);

/** A block's candidates, ranked. */
function rank(
  candidates: readonly Candidate[],
  options: { readonly baseFeePerGas?: bigint; readonly config?: Config; readonly own?: Kernel | null; readonly at?: At } = {},
) {
  const world = new World();
  const at = options.at ?? AT;
  world.block(at);
  world.found(at, candidates, { baseFeePerGas: options.baseFeePerGas ?? 80n });
  const core = scorerOf(options.config ?? BY_NET_PROFIT, { models: models(options.own ?? null) });
  const rankings = core.follow(world);
  expect(rankings).toHaveLength(1);
  return { scored: rankings[0] as Ranking, effects: core.driven.all };
}

describe("by net profit", () => {
  test("each block's candidates become one message that carries on its block and names its cause", () => {
    const { scored, effects } = rank([candidate(1, 10_000n, 10)]);
    expect(effects.filter(({ type }) => type === "publish")).toMatchObject([
      { key: "opportunityScored", tokens: { chain: "local" }, messageId: `opportunities:local:${blockHashOf(AT)}@3` },
    ]);
    expect(scored).toMatchObject({
      ...{ blockNumber: 5, blockHash: blockHashOf(AT), observedAtMs: 1_005_000, epoch: 3, causeId: `cycles:${blockHashOf(AT)}:3` },
      ...{ causeSequence: 1, ranking: "net-profit", unfit: null, explored: false, featureSchema: SCHEMA_HASH },
    });
    expect(effects).toContainEqual({ type: "finished-block", blockNumber: 5 });
  });

  test("a block without candidates gets its message too, also when a model decides", () => {
    expect(rank([]).scored).toMatchObject({ opportunities: [], rejected: [] });
    expect(rank([], { config: CONFIG, own: GOOD_MODEL }).scored).toMatchObject({ ranking: "champion", opportunities: [], rejected: [] });
  });

  test("gas is counted at the most that the next base fee can be, plus the priority fee", () => {
    // 80 + 80/8 + 1, and 2 for the builder.
    const { scored } = rank([candidate(1, 10_000n, 10)]);
    expect(scored.maxNextBaseFeePerGas).toBe("91");
    expect(scored.priorityFeePerGas).toBe("2");
    expect(scored.opportunities[0]).toMatchObject({ gasCost: "930", netProfit: "9070" });
  });

  test("the best net profit comes first, whatever the gross profits say", () => {
    const { scored } = rank([candidate(1, 10_000n, 100), candidate(2, 9_000n, 10), candidate(3, 9_500n, 50)]);
    expect(scored.opportunities.map((each) => [Number(each.cycleId), each.rank, each.netProfit])).toEqual([
      [2, 0, "8070"],
      [3, 1, "4850"],
      [1, 2, "700"],
    ]);
  });

  test("candidates of the same net profit keep their order", () => {
    expect(ids(rank([1, 2, 3].map((index) => candidate(index, 10_000n, 10))).scored)).toEqual([1, 2, 3]);
  });

  test("what earns exactly the minimum passes, one wei less does not and says so", () => {
    const { scored, effects } = rank([candidate(1, 931n, 10), candidate(2, 930n, 10), candidate(3, 1n, 10)]);
    expect(ids(scored)).toEqual([1]);
    expect(scored.rejected).toMatchObject([
      { cycleId: "0000000000000002", reason: "below-minimum", netProfit: "0" },
      { cycleId: "0000000000000003", reason: "below-minimum", netProfit: "-929" },
    ]);
    expect(effects).toContainEqual({ type: "count", metric: "opportunities", labels: {}, value: 1 });
    expect(effects).toContainEqual({ type: "count", metric: "candidatesRejected", labels: { reason: "below-minimum" }, value: 2 });
  });

  test("amounts beyond 2^53 are counted to the last wei", () => {
    const gross = 123_456_789_012_345_678_901n;
    const { scored } = rank([candidate(1, gross, 195_268)], { baseFeePerGas: 33n * GWEI + 1n });
    const gasCost = 195_268n * (33n * GWEI + 1n + (33n * GWEI + 1n) / 8n + 1n + 2n);
    expect(scored.opportunities[0]).toMatchObject({ gasCost: gasCost.toString(), netProfit: (gross - gasCost).toString() });
  });

  test("models score beside it and decide nothing, not even when they were refused", () => {
    const candidates = [candidate(1, 10_000n, 10), candidate(2, 9_000n, 10)];
    const { scored } = rank(candidates, { own: saying([0.1, -5e15], [0.9, 5e15]) });
    expect(ids(scored)).toEqual([1, 2]);
    expect(scored).toMatchObject({ ranking: "net-profit", champion: OWN });
    expect(BigInt(scored.opportunities[0]?.evaluation.champion?.value ?? 0)).toBeLessThan(0n);
    expect(ids(rank(candidates).scored)).toEqual([1, 2]);
  });

  /** calcBaseFee of EIP-1559 for a full parent block (twice its target): the largest that follows. */
  function fullBlockNext(parentBaseFee: bigint): bigint {
    const target = 15_000_000n;
    const delta = (parentBaseFee * target) / target / 8n;
    return parentBaseFee + (delta > 1n ? delta : 1n);
  }

  property.prop([fc.bigInt(0n, 10n ** 15n)])(
    "no next base fee is above the one counted on, and that is at most a wei too much",
    (baseFeePerGas) => {
      const most = maxNextBaseFee(baseFeePerGas);
      expect(most).toBeGreaterThanOrEqual(fullBlockNext(baseFeePerGas));
      expect(most - fullBlockNext(baseFeePerGas)).toBeLessThanOrEqual(1n);
    },
  );

  const candidates = fc
    .array(fc.tuple(fc.bigInt(0n, 10n ** 22n), fc.integer({ min: 21_000, max: 5_000_000 })), { maxLength: 16 })
    .map((pairs) => pairs.map(([grossProfit, gas], index) => candidate(index, grossProfit, gas)));

  property.prop([candidates, fc.bigInt(0n, 10n ** 12n), fc.bigInt(-(10n ** 20n), 10n ** 20n)])(
    "every candidate is either ranked or rejected, ranked ones in order and worth the minimum",
    (given, baseFeePerGas, minNetProfit) => {
      const { scored } = rank(given, { baseFeePerGas, config: { ...BY_NET_PROFIT, minNetProfit } });
      const seen = [...scored.opportunities.map((each) => each.cycleId), ...scored.rejected.map(({ cycleId }) => cycleId)];
      expect(seen.toSorted()).toEqual(given.map(({ cycleId }) => cycleId).toSorted());
      expect(scored.opportunities.map(({ rank: place }) => place)).toEqual(scored.opportunities.map((_, index) => index));
      for (const [index, { cycleId, gasCost, netProfit }] of scored.opportunities.entries()) {
        const grossProfit = given.find((each) => each.cycleId === cycleId)?.grossProfit ?? 0;
        expect(BigInt(netProfit)).toBe(BigInt(grossProfit) - BigInt(gasCost));
        expect(BigInt(netProfit) >= minNetProfit).toBe(true);
        if (index > 0) expect(BigInt(netProfit) <= BigInt(scored.opportunities[index - 1]?.netProfit ?? 0)).toBe(true);
      }
      for (const { netProfit } of scored.rejected) expect(BigInt(netProfit) < minNetProfit).toBe(true);
    },
  );

  property.prop([candidates])("the same messages give the same bytes", (given) => {
    expect(encode("opportunityScored", rank(given).scored)).toEqual(encode("opportunityScored", rank(given).scored));
  });
});

/** Net profits of 9,070, 8,070 and 7,070 wei, each for 930 wei of gas. */
const THREE = [candidate(1, 10_000n, 10), candidate(2, 9_000n, 10), candidate(3, 8_000n, 10)];

describe("by a model", () => {
  test("the value that it gives makes the order, and rows and scores are in the message", () => {
    const { scored } = rank(THREE, { config: CONFIG, own: saying([0.1, 9e15], [0.9, 8e15], [0.5, 7e15]) });
    expect(ids(scored)).toEqual([2, 3, 1]);
    expect(scored.opportunities.map((each) => each.rank)).toEqual([0, 1, 2]);
    expect(scored).toMatchObject({ ranking: "champion", champion: OWN, challenger: null, unfit: null });
    const [first] = scored.opportunities;
    const said = { landing: Math.fround(0.9), profit: Math.fround(toProfitScale(8e15)), spread: 0 };
    const value = Math.round(expectedValueWei(said, { failureCostWei: 0 }));
    expect(first?.evaluation.champion).toEqual({
      ...{ landing: said.landing, spread: 0 },
      ...{ profit: `${BigInt(Math.round(1e13 * Math.sinh(said.profit)))}`, value: `${BigInt(value)}` },
    });
    expect(Number(first?.evaluation.champion?.value) / (0.9 * 8e15)).toBeCloseTo(1, 5);
    expect(first?.evaluation.challenger).toBeNull();
    // The row is of the candidate's place by net profit, which is what the model was given.
    const column = FEATURES.findIndex(({ name }) => name === "rank");
    expect(scored.opportunities.map(({ evaluation }) => Math.round(Math.sinh(evaluation.features?.[column] ?? -1)))).toEqual([1, 2, 0]);
  });

  test("candidates of the same value keep the order of their net profits", () => {
    expect(ids(rank(THREE, { config: CONFIG, own: GOOD_MODEL }).scored)).toEqual([1, 2, 3]);
  });

  test("what it says is worth nothing, or less, does not pass; what earns too little does not either, whatever it says", () => {
    const own = saying([0.9, 0], [0.9, -1e15], [0.9, 1e15], [0.9, 9e18]);
    const { scored, effects } = rank([...THREE, candidate(4, 930n, 10)], { config: CONFIG, own });
    expect(ids(scored)).toEqual([3]);
    expect(reasons(scored)).toEqual([
      [1, "not-worth-the-risk"],
      [2, "not-worth-the-risk"],
      [4, "below-minimum"],
    ]);
    expect(scored.rejected.every(({ evaluation }) => evaluation.features !== null && evaluation.champion !== null)).toBe(true);
    expect(effects).toContainEqual({ type: "count", metric: "candidatesRejected", labels: { reason: "not-worth-the-risk" }, value: 2 });
  });

  test("where failing costs gas, a chance to fail is taken off", () => {
    // Half of 1,000 wei is below half of the gas, 930, by nothing; with nothing to lose it is worth 500.
    const own = saying([0.5, 900], [0.5, 1_000]);
    const two = THREE.slice(0, 2);
    expect(ids(rank(two, { config: CONFIG, own }).scored)).toEqual([2, 1]);
    expect(ids(rank(two, { config: { ...CONFIG, failingCosts: "gas" }, own }).scored)).toEqual([2]);
  });

  test("under drift a value has to be worth the gas once more", () => {
    const passes = (level: "stable" | "watch" | "act") => {
      const world = new World();
      world.checked({ number: 4 }, OWN, level);
      world.block(AT);
      world.found(AT, THREE, { baseFeePerGas: 80n });
      const core = scorerOf(CONFIG, { models: models(saying([1, 925], [1, 935], [1, 1e6])) });
      return ids(core.follow(world)[0] as Ranking);
    };
    expect(passes("stable")).toEqual([3, 2, 1]);
    expect(passes("watch")).toEqual([3, 2, 1]);
    expect(passes("act")).toEqual([3, 2]);
  });

  test("a trained model's scores come through its kernel, and its order is theirs", async () => {
    const { ensemble } = await trained(syntheticMarket(8_000, 4), { rounds: { landing: 16, profit: 8, spread: 8 } });
    const kernel = buildKernel(ensemble, { capacity: 64 });
    const candidates = Array.from({ length: 12 }, (_, index) =>
      cycle(index + 1, [0x10 + index, 0x30 + (index % 4)], BigInt(60 + ((index * 37) % 50)) * 10n ** 14n, 150_000 + 20_000 * (index % 5)),
    );
    const { scored } = rank(candidates, { config: CONFIG, own: kernel, baseFeePerGas: GWEI });
    const all = [...scored.opportunities, ...scored.rejected].map(({ evaluation }) => evaluation);
    expect(all).toHaveLength(12);
    const rows = Float32Array.from(all.flatMap(({ features }) => (features ?? []).map((value) => value ?? Number.NaN)));
    const scores = kernel.score(rows, all.length);
    for (const [place, { champion }] of all.entries())
      expect([champion?.landing, champion?.spread]).toEqual([scores[place * HEADS.length], scores[place * HEADS.length + 2]]);
    const values = scored.opportunities.map(({ evaluation }) => BigInt(evaluation.champion?.value ?? 0));
    expect(values.length).toBeGreaterThan(2);
    expect(values).toEqual(values.toSorted((left, right) => (left > right ? -1 : left < right ? 1 : 0)));
    expect(new Set(values).size).toBeGreaterThan(2);
  });
});

describe("no model that can be relied on: nothing passes, and the message says why", () => {
  const none = (scored: Ranking | undefined, unfit: string) => {
    expect(scored).toMatchObject({ ranking: "none", unfit, opportunities: [], explored: false });
    expect(reasons(scored as Ranking)).toEqual([1, 2, 3].map((id) => [id, "no-model"]));
  };

  test("refused", () => {
    const { scored, effects } = rank(THREE, { config: CONFIG, own: null });
    none(scored, "refused");
    // What had been seen is noted all the same: it is learnt from.
    expect(scored.rejected.every(({ evaluation }) => evaluation.features !== null && evaluation.champion === null)).toBe(true);
    expect(effects).toContainEqual({ type: "count", metric: "modelUnfit", labels: { reason: "refused" }, value: 1 });
  });

  test("stale: nothing has been said of it for longer than is allowed", () => {
    const ranked = (maxModelAgeMs: number) => {
      const world = new World();
      world.checked({ number: 4 }, OWN, "stable");
      world.block(AT);
      world.found(AT, THREE, { baseFeePerGas: 80n });
      return scorerOf({ ...CONFIG, maxModelAgeMs }, { models: models(GOOD_MODEL) }).follow(world)[0] as Ranking;
    };
    // A block is a second.
    expect(ranked(1_000)).toMatchObject({ ranking: "champion", unfit: null });
    none(ranked(999), "stale");
    expect(ranked(999).rejected[0]?.evaluation.champion).not.toBeNull();
  });

  test("no rows: the block has passed", () => {
    const world = new World();
    world.block(AT);
    world.block({ number: 6, epoch: 3 });
    world.found(AT, THREE, { baseFeePerGas: 80n });
    const core = scorerOf(CONFIG, { models: models(GOOD_MODEL) });
    const [late] = core.follow(world);
    none(late, "no-features");
    expect(late?.rejected[0]?.evaluation).toEqual({ features: null, champion: null, challenger: null });
    // By net profit it would pass all the same: the executor knows that it is late.
    const [byNetProfit] = scorerOf(BY_NET_PROFIT, { models: models(GOOD_MODEL) }).follow(world);
    expect(byNetProfit).toMatchObject({ ranking: "net-profit", opportunities: [{ evaluation: { features: null } }, {}, {}] });
  });

  test("no rows: the block was dropped", () => {
    const world = new World();
    world.block({ number: 5 });
    world.reorg({ number: 4 }, 1, [{ number: 5 }]);
    world.found({ number: 5 }, THREE, { baseFeePerGas: 80n });
    none(scorerOf(CONFIG, { models: models(GOOD_MODEL) }).follow(world)[0], "no-features");
  });
});

/** Blocks with candidates from this number on, ranked as they come. */
function blocks(core: ReturnType<typeof scorerOf>, world: World, from: number, count: number, candidates = THREE): Ranking[] {
  const told = world.messages.length;
  for (let number = from; number < from + count; number++) {
    world.block({ number });
    world.found({ number }, candidates, { baseFeePerGas: 80n });
  }
  return core.follow(world, told);
}

describe("models come and go", () => {
  /** What follows of the world's last message. */
  const say = (core: ReturnType<typeof scorerOf>, world: World, tell: () => void) => {
    const told = world.messages.length;
    tell();
    core.follow(world, told);
  };
  const [OWNS, FIRSTS, SECONDS] = [saying([0.9, 9e15]), saying([0.1, 1], [0.9, 9e15]), saying([0.1, 1], [0.1, 1], [0.9, 9e15])];

  test("a challenger scores beside the champion once it is there, and is let go of when it is rejected", () => {
    const world = new World();
    const core = scorerOf(CONFIG, { models: models(OWNS) });
    say(core, world, () => world.trained({ number: 1 }, FIRST));
    expect(core.asked()).toEqual([FIRST]);
    expect(blocks(core, world, 1, 1)[0]).toMatchObject({ ranking: "champion", champion: OWN, challenger: null });
    core.loaded(FIRST, FIRSTS);
    const [beside] = blocks(core, world, 2, 1);
    expect(beside).toMatchObject({ ranking: "champion", champion: OWN, challenger: FIRST });
    expect(ids(beside as Ranking)[0]).toBe(1);
    for (const { evaluation } of (beside?.opportunities ?? []).slice(0, 2)) {
      expect(evaluation.challenger).not.toBeNull();
      expect(evaluation.challenger?.value).not.toBe(evaluation.champion?.value);
    }
    say(core, world, () => world.rejected({ number: 2 }, FIRST));
    expect(blocks(core, world, 3, 1)[0]).toMatchObject({ ranking: "champion", champion: OWN, challenger: null });
    expect([...core.driven.state.models.keys()]).toEqual([OWN]);
    expect(core.asked()).toEqual([FIRST]);
  });

  test("a challenger that is refused scores nothing, and the champion goes on", () => {
    const world = new World();
    const core = scorerOf(CONFIG, { models: models(OWNS) });
    say(core, world, () => world.promoted({ number: 1 }, FIRST, null, 0.99));
    core.loaded(FIRST, null);
    for (const ranking of blocks(core, world, 1, 20))
      expect(ranking).toMatchObject({ ranking: "champion", champion: OWN, challenger: null });
    expect(core.asked()).toEqual([FIRST]);
  });

  test("by default net profit decides until a model has been promoted here, but for the blocks of a canary; the installed one scores for the record", () => {
    const world = new World();
    const core = scorerOf({ ...CONFIG, ranking: "proven" }, { models: models(OWNS) });
    const [first] = blocks(core, world, 1, 1);
    expect(first).toMatchObject({ ranking: "net-profit", champion: OWN, unfit: null });
    expect(first?.opportunities[0]?.evaluation.champion).not.toBeNull();
    say(core, world, () => world.promoted({ number: 1 }, FIRST, null, 0.5));
    core.loaded(FIRST, FIRSTS);
    expect(new Set(blocks(core, world, 2, 30).map(({ ranking }) => ranking))).toEqual(new Set(["net-profit", "challenger"]));
    say(core, world, () => world.promoted({ number: 31 }, FIRST, null, 1));
    expect(blocks(core, world, 32, 1)[0]).toMatchObject({ ranking: "champion", champion: FIRST });
    // Back to the installed one is back to net profit.
    say(core, world, () => world.rolledBack({ number: 33 }, FIRST, OWN));
    expect(blocks(core, world, 34, 1)[0]).toMatchObject({ ranking: "net-profit", champion: OWN });
  });

  test("a canary decides its share of the blocks, the same ones in every replay", () => {
    const decided = (share: number) => {
      const world = new World();
      const core = scorerOf(CONFIG, { models: models(OWNS) });
      say(core, world, () => world.promoted({ number: 1 }, FIRST, null, share));
      core.loaded(FIRST, FIRSTS);
      const all = blocks(core, world, 1, 400);
      for (const ranking of all) expect(ids(ranking)[0]).toBe(ranking.ranking === "challenger" ? 2 : 1);
      return all.filter(({ ranking }) => ranking === "challenger").map(({ blockNumber }) => blockNumber);
    };
    const quarter = decided(0.25);
    expect(quarter.length).toBeGreaterThan(70);
    expect(quarter.length).toBeLessThan(130);
    expect(decided(0.25)).toEqual(quarter);
    // A larger share keeps those of the smaller.
    const half = new Set(decided(0.5));
    expect(quarter.every((number) => half.has(number))).toBe(true);
    expect(half.size).toBeGreaterThan(150);
  });

  test("while a promoted model is on its way the one before goes on deciding; then it takes over, and the one before scores beside it", () => {
    const world = new World();
    const core = scorerOf(CONFIG, { models: models(OWNS) });
    say(core, world, () => world.promoted({ number: 1 }, FIRST, OWN));
    expect(core.asked()).toEqual([FIRST]);
    for (const before of blocks(core, world, 1, 3)) {
      expect(before).toMatchObject({ ranking: "champion", champion: OWN, challenger: null, unfit: null });
      expect(ids(before)[0]).toBe(1);
      expect(before.opportunities[0]?.evaluation.challenger).toBeNull();
    }
    core.loaded(FIRST, FIRSTS);
    const [after] = blocks(core, world, 4, 1);
    expect(after).toMatchObject({ ranking: "champion", champion: FIRST, challenger: OWN, unfit: null });
    expect(ids(after as Ranking)[0]).toBe(2);
    // Again: from one that is no longer needed to one that has not come.
    say(core, world, () => world.promoted({ number: 4 }, SECOND, FIRST));
    expect(blocks(core, world, 5, 1)[0]).toMatchObject({ champion: FIRST, challenger: null });
    core.loaded(SECOND, SECONDS);
    expect(blocks(core, world, 6, 1)[0]).toMatchObject({ champion: SECOND, challenger: FIRST });
    expect(core.asked()).toEqual([FIRST, SECOND]);
  });

  test("a promoted model that is refused: nothing is traded until another is", () => {
    const world = new World();
    const core = scorerOf(CONFIG, { models: models(OWNS) });
    say(core, world, () => world.promoted({ number: 1 }, FIRST, OWN));
    core.loaded(FIRST, null);
    expect(blocks(core, world, 1, 1)[0]).toMatchObject({
      ranking: "none",
      unfit: "refused",
      champion: null,
      challenger: OWN,
      opportunities: [],
    });
    say(core, world, () => world.rolledBack({ number: 1 }, FIRST, null));
    expect(blocks(core, world, 2, 1)[0]).toMatchObject({ ranking: "champion", champion: OWN, unfit: null });
    expect(core.asked()).toEqual([FIRST]);
  });

  test("promoted twice in a row: who is no longer wanted is let go of when it comes", () => {
    const world = new World();
    const core = scorerOf(CONFIG, { models: models(OWNS) });
    say(core, world, () => {
      world.promoted({ number: 1 }, FIRST, OWN);
      world.promoted({ number: 1 }, SECOND, OWN);
    });
    core.loaded(FIRST, FIRSTS);
    expect(blocks(core, world, 1, 1)[0]).toMatchObject({ champion: OWN });
    core.loaded(SECOND, SECONDS);
    expect(blocks(core, world, 2, 1)[0]).toMatchObject({ champion: SECOND, challenger: OWN });
    expect([...core.driven.state.models.keys()].sort()).toEqual([OWN, SECOND]);
  });

  test("the champion rolled back: the one before decides at once", () => {
    const world = new World();
    const core = scorerOf(CONFIG, { models: models(OWNS) });
    say(core, world, () => world.promoted({ number: 1 }, FIRST, null));
    core.loaded(FIRST, FIRSTS);
    say(core, world, () => world.promoted({ number: 1 }, SECOND, FIRST));
    core.loaded(SECOND, SECONDS);
    say(core, world, () => world.rolledBack({ number: 1 }, SECOND, FIRST));
    expect(blocks(core, world, 1, 1)[0]).toMatchObject({ ranking: "champion", champion: FIRST, challenger: null });
    expect(core.asked()).toEqual([FIRST, SECOND]);
  });

  test("the models that stand at the start are there at the start", () => {
    const standing = { champion: FIRST, challenger: SECOND, canaryShare: 0, challengerIsFormer: false, drift: null, caredAtMs: null };
    const beginning = { standing, modelsThrough: 7, models: models(OWNS, { [FIRST]: FIRSTS, [SECOND]: SECONDS }) };
    const core = scorerOf(CONFIG, beginning);
    const [first] = blocks(core, new World(), 1, 1);
    expect(first).toMatchObject({ ranking: "champion", champion: FIRST, challenger: SECOND, seen: { models: 7 } });
    expect(core.asked()).toEqual([]);
    expect(() => scorerOf(CONFIG, { standing, models: models(OWNS) })).toThrow(FIRST);
  });
});

describe("exploration", () => {
  test("in its share of the blocks the first place is drawn from all that pass; the others keep their order", () => {
    const world = new World();
    const own = saying([0.9, 9e15], [0.9, 8e15], [0.9, -1], [0.9, 7e15]);
    const core = scorerOf({ ...CONFIG, explorationShare: 0.3 }, { models: models(own) });
    const all = blocks(core, world, 1, 600, [...THREE, candidate(4, 7_000n, 10)]);
    const explored = all.filter((ranking) => ranking.explored);
    expect(explored.length).toBeGreaterThan(140);
    expect(explored.length).toBeLessThan(220);
    const orders = Map.groupBy(explored, (ranking) => ids(ranking).join());
    expect([...orders.keys()].sort()).toEqual(["1,2,4", "2,1,4", "4,1,2"]);
    for (const those of orders.values()) expect(those.length / explored.length).toBeCloseTo(1 / 3, 0);
    for (const ranking of all) {
      if (!ranking.explored) expect(ids(ranking)).toEqual([1, 2, 4]);
      expect(ranking.opportunities.map(({ rank: place }) => place)).toEqual([0, 1, 2]);
      expect(reasons(ranking)).toEqual([[3, "not-worth-the-risk"]]);
    }
  });

  test("not where it is off, where one passes, or where no model can be relied on", () => {
    const share = (explorationShare: number, own: Kernel | null, candidates = THREE) =>
      blocks(scorerOf({ ...CONFIG, explorationShare }, { models: models(own) }), new World(), 1, 40, candidates).filter(
        ({ explored }) => explored,
      ).length;
    expect(share(1, GOOD_MODEL)).toBe(40);
    expect(share(0, GOOD_MODEL)).toBe(0);
    expect(share(1, GOOD_MODEL, THREE.slice(0, 1))).toBe(0);
    expect(share(1, null)).toBe(0);
  });
});

describe("what had been seen", () => {
  const column = (name: string) => FEATURES.findIndex((feature) => feature.name === name);
  const [SOLD, BOUGHT]: readonly Reserves[] = [
    [0x10, 10n ** 21n, 2_040_000n * 10n ** 18n],
    [0x11, 10n ** 21n, 1_960_000n * 10n ** 18n],
  ] as const;
  const GOOD = between(1, SOLD as Reserves, BOUGHT as Reserves);

  test("the message says how far each stream had been read", () => {
    const world = new World();
    const core = scorerOf(CONFIG, { models: models(GOOD_MODEL) });
    world.block({ number: 1 });
    world.prices({ number: 1 }, { [WETH]: 1 }, "all");
    world.trained({ number: 1 }, FIRST);
    world.found({ number: 1 }, [GOOD]);
    world.planned({ number: 1 }, GOOD, "ranking");
    world.block({ number: 2 });
    world.found({ number: 2 }, [GOOD]);
    world.prices({ number: 2 }, {});
    expect(core.follow(world).map(({ seen }) => seen)).toEqual([
      { market: 2, money: 0, models: 1 },
      { market: 3, money: 1, models: 1 },
    ]);
  });

  test("an answer that comes before its block's own message waits for it", () => {
    const world = new World();
    world.block({ number: 1 });
    world.found({ number: 1 }, [GOOD]);
    world.found({ number: 2 }, [GOOD]);
    world.block({ number: 2 });
    const core = scorerOf(CONFIG, { models: models(GOOD_MODEL) });
    const said = world.messages.map((message) => core.give(message).map(({ blockNumber, unfit }) => [blockNumber, unfit]));
    expect(said).toEqual([[], [[1, null]], [], [[2, null]]]);
  });

  test("an answer about the other branch's block of that height does not wait less, nor longer", () => {
    const world = new World();
    world.block({ number: 5 });
    world.block({ number: 6 });
    // The new branch is ahead in its own stream.
    world.found({ number: 6, epoch: 1 }, [GOOD]);
    world.reorg({ number: 5 }, 1, [{ number: 6 }]);
    world.block({ number: 6, epoch: 1 });
    const core = scorerOf(CONFIG, { models: models(GOOD_MODEL) });
    expect(world.messages.map((message) => core.give(message).map(({ epoch, ranking }) => [epoch, ranking]))).toEqual([
      ...[[], [], [], [], [[1, "champion"]]],
    ]);
    // An answer about a dropped block is told at once, and keeps nobody waiting.
    const late = new World();
    late.block({ number: 5 });
    late.block({ number: 6 });
    late.reorg({ number: 4 }, 1, [{ number: 5 }, { number: 6 }]);
    late.found({ number: 6 }, [GOOD]);
    late.block({ number: 5, epoch: 1 });
    late.found({ number: 5, epoch: 1 }, [GOOD]);
    const other = scorerOf(CONFIG, { models: models(GOOD_MODEL) });
    expect(late.messages.map((message) => other.give(message).map(({ epoch, unfit }) => [epoch, unfit]))).toEqual([
      ...[[], [], [], [[0, "no-features"]], [], [[1, null]]],
    ]);
  });

  test("what executions say waits for its block too, and counts once it has come", () => {
    const accuracy = (tell: (world: World) => void) => {
      const world = new World();
      world.block({ number: 1 });
      tell(world);
      world.block({ number: 2 });
      world.block({ number: 3 });
      world.found({ number: 3 }, [GOOD]);
      const [scored] = scorerOf(CONFIG, { models: models(GOOD_MODEL) }).follow(world);
      expect(scored?.seen.money).toBe(world.messages.filter(({ meta }) => meta.stream === "MONEY").length);
      return scored?.opportunities[0]?.evaluation.features?.[column("poolAccuracy")];
    };
    const failed = (world: World, number: number) =>
      world.failed({ number }, GOOD, world.planned({ number }, GOOD, "ranking"), "simulation-reverted");
    expect(accuracy(() => {})).toBe(0.5);
    expect(accuracy((world) => failed(world, 1))).toBe(Math.fround(1 / 3));
    expect(accuracy((world) => failed(world, 2))).toBe(Math.fround(1 / 3));
  });

  test("nothing goes through a pool whose quotes were wrong three times and never right, while others are", () => {
    const scored = (wrong: number, right: number) => {
      const world = new World();
      const other = between(2, [0x12, 10n ** 21n, 2_040_000n * 10n ** 18n], [0x13, 10n ** 21n, 1_960_000n * 10n ** 18n]);
      for (let number = 1; number <= 6; number++) {
        world.block({ number });
        if (number <= wrong) world.failed({ number }, GOOD, world.planned({ number }, GOOD, "ranking"), "simulation-reverted");
        if (number <= right) world.simulated({ number }, other, world.planned({ number }, other, "ranking"));
      }
      world.found({ number: 6 }, [GOOD, other]);
      return scorerOf(CONFIG, { models: models(GOOD_MODEL) }).follow(world)[0] as Ranking;
    };
    expect(scored(3, 1)).toMatchObject({ phantoms: GOOD.hops.map(({ pool }) => pool).sort(), opportunities: [{}] });
    expect(ids(scored(3, 1))).toEqual([2]);
    expect(reasons(scored(3, 1))).toEqual([[1, "phantom"]]);
    for (const ranking of [scored(2, 1), scored(3, 0)]) {
      expect(ranking.phantoms).toEqual([]);
      expect(ids(ranking)).toHaveLength(2);
    }
  });

  test("a receipt in a block that no watcher has seen keeps nothing back for long", () => {
    const world = new World();
    world.block({ number: 1 });
    const id = world.planned({ number: 1 }, GOOD, "ranking");
    world.landed({ number: 2, epoch: 9 }, GOOD, id, 1, null);
    world.quiet(2, 12);
    world.found({ number: 13 }, [GOOD]);
    const [scored] = scorerOf(CONFIG, { models: models(GOOD_MODEL) }).follow(world);
    expect(scored?.seen.money).toBe(world.messages.filter(({ meta }) => meta.stream === "MONEY").length);
  });

  test("after a restart rankings that were published are made again in silence, and those that come after rest on them", () => {
    const world = new World();
    for (let number = 1; number <= 6; number++) {
      world.block({ number });
      world.found({ number }, number % 2 === 0 ? [GOOD] : []);
    }
    const whole = scorerOf(CONFIG, { models: models(GOOD_MODEL) }).follow(world);
    expect(whole).toHaveLength(6);
    const again = scorerOf(CONFIG, { models: models(GOOD_MODEL), scored: 4 }).follow(world);
    expect(again).toEqual(whole.slice(4));
    // Found in blocks 2 and 4, and gone a block later each time.
    expect(again[1]?.opportunities[0]?.evaluation.features?.[column("cycleVanished")]).toBe(1);
  });
});
