import { expect, test } from "vitest";
import { modelDistribution } from "#libs/ml/distribution.ts";
import { FEATURE_COUNT, FEATURES } from "#libs/ml/features.ts";
import { randomFrom } from "#libs/ml/random.ts";
import { labelled, labelOf, scoreOf } from "#libs/ml/testing-labels.ts";
import { check, type RecentBlock, recentOf } from "#services/trainer/drift.ts";

const config = { everyBlocks: 50, windowBlocks: 500, leastCandidates: 500 };
const MODEL = "1".repeat(16);

interface Market {
  readonly seed: number;
  /** Columns from the first on that have moved, by so much. */
  readonly moved?: number;
  readonly by?: number;
  /** What the model says where this is the chance. */
  readonly says?: (chance: number) => number;
  readonly chances?: (unit: number) => number;
}

function blocksOf({ seed, moved = 0, by = 1.5, says = (chance) => chance, chances = (unit) => unit }: Market, count = 300): RecentBlock[] {
  const random = randomFrom(seed);
  return Array.from({ length: count }, (_, block) => {
    const labels = Array.from({ length: 4 }, (_, rank) => {
      const chance = chances(random.unit());
      const features = Array.from({ length: FEATURE_COUNT }, (_, column) => random.normal() + (column < moved ? by : 0));
      const landedWei = random.unit() < chance ? 10 : null;
      return labelOf({ rank, features, netProfitWei: 10, landedWei }, { champion: scoreOf(says(chance), 10), challenger: null });
    });
    return recentOf(labelled(block, labels, { champion: MODEL })) as RecentBlock;
  });
}

function distributionOf(market: Market) {
  const rows = blocksOf(market).flatMap((block) => block.rows);
  return modelDistribution(
    Float32Array.from(rows.flatMap(({ features }) => features)),
    FEATURE_COUNT,
    rows.flatMap(({ landing }) => [landing, 0, 0]),
  );
}
const then = distributionOf({ seed: 1 });
const checked = (market: Market, distribution: typeof then | null = then) => check(blocksOf(market), distribution, config);

test("the same market with the same model is stable", () => {
  const found = checked({ seed: 2 });
  expect(found).toMatchObject({ level: "stable", blocks: 300, candidates: 1_200, reasons: [] });
  expect(found?.featurePsi).toHaveLength(FEATURE_COUNT);
  expect(found?.auc).toBeGreaterThan(0.8);
});

test("one feature that has moved is watched, and named; a quarter of them are another market", () => {
  const one = checked({ seed: 2, moved: 1 });
  expect(one?.level).toBe("watch");
  expect(one?.reasons).toEqual([expect.stringMatching(`^stability index of ${FEATURES[0]?.name} `)]);
  expect(checked({ seed: 2, moved: FEATURE_COUNT / 4 - 1 })?.level).toBe("watch");
  const many = checked({ seed: 2, moved: FEATURE_COUNT / 4 });
  expect(many?.level).toBe("act");
  expect(many?.reasons[0]).toBe(`${FEATURE_COUNT / 4} of ${FEATURE_COUNT} features are off`);
});

test("probabilities that have moved, right as they may be, are acted on", () => {
  const found = checked({ seed: 2, chances: (unit) => unit / 2 });
  expect(found?.level).toBe("act");
  expect(found?.scorePsi).toBeGreaterThan(0.25);
  expect(found?.ece).toBeLessThan(0.05);
});

test("probabilities that are wrong are acted on, also without a distribution of training", () => {
  const off = checked({ seed: 2, says: (chance) => 0.2 + 0.6 * chance ** 3 }, null);
  expect(off).toMatchObject({ level: "act", featurePsi: [], scorePsi: 0 });
  expect(off?.ece).toBeGreaterThan(0.1);
  expect(off?.reasons[0]).toMatch(/^calibration error 0\.2/);
});

test("foretelling worse than the share that lands is acted on", () => {
  expect(checked({ seed: 2, says: (chance) => 1 - chance })?.reasons.join()).toMatch(/of always saying 0\.5/);
});

test("nothing is said of too few", () => {
  expect(check(blocksOf({ seed: 2 }, 124), then, config)).toBeNull();
  expect(check(blocksOf({ seed: 2 }, 125), then, config)).not.toBeNull();
});

test("rows without features or a score are not the champion's", () => {
  const label = labelOf({ rank: 0, features: null, netProfitWei: 1, landedWei: 1 }, { champion: scoreOf(0.5, 1), challenger: null });
  expect(recentOf(labelled(1, [label], { champion: MODEL }))).toBeNull();
  expect(recentOf(labelled(1, [labelOf({ rank: 0, features: [1], netProfitWei: 1, landedWei: 1 })], {}))).toBeNull();
});
