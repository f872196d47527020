import { fc, test } from "@fast-check/vitest";
import { expect } from "vitest";
import { leafOf, margins } from "#libs/ml/booster.ts";
import { bin, trainBooster } from "#libs/ml/histogram.ts";

/** Few rows and few values: ties, constant columns and missing values all come up. */
const rowsOf = fc.integer({ min: 1, max: 3 }).chain((featureCount) =>
  fc.array(
    fc.record({
      features: fc.tuple(...Array.from({ length: featureCount }, () => fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constant(Number.NaN)))),
      target: fc.integer({ min: -4, max: 4 }),
    }),
    { minLength: 2, maxLength: 24 },
  ),
);

interface Row {
  readonly features: readonly number[];
  readonly target: number;
}

/** The gain of the best split of all rows, by trying every threshold and both sides for what is missing. Chen and Guestrin 2016, equation 7. */
function bestGain(rows: readonly Row[], lambda: number, minChildWeight: number): number {
  const score = (own: readonly Row[]) => own.reduce((sum, { target }) => sum - target, 0) ** 2 / (own.length + lambda);
  let best = 0;
  for (let feature = 0; feature < (rows[0] as Row).features.length; feature++) {
    const values = [...new Set(rows.map(({ features }) => features[feature] as number).filter((value) => !Number.isNaN(value)))];
    for (const threshold of values) {
      for (const missingLeft of [false, true]) {
        const goesLeft = ({ features }: Row) => (Number.isNaN(features[feature]) ? missingLeft : (features[feature] as number) < threshold);
        const [left, right] = [rows.filter(goesLeft), rows.filter((row) => !goesLeft(row))];
        if (Math.min(left.length, right.length) < Math.max(1, minChildWeight)) continue;
        best = Math.max(best, score(left) + score(right) - score(rows));
      }
    }
  }
  return best;
}

test.prop([rowsOf, fc.constantFrom(0, 1, 3), fc.constantFrom(0, 1, 2)])(
  "the first split is the best there is, and each leaf is the shrunken mean of its rows",
  (rows, lambda, minChildWeight) => {
    const featureCount = (rows[0] as Row).features.length;
    const flat = Float32Array.from(rows.flatMap(({ features }) => features));
    const targets = Float32Array.from(rows, ({ target }) => target);
    const eta = 0.5;
    const booster = trainBooster(bin({ featureCount, rows: flat }), targets, {
      objective: "reg:squarederror",
      rounds: 1,
      depth: 1,
      eta,
      lambda,
      minChildWeight,
      baseScore: 0,
    });
    const [tree] = booster.trees;
    if (tree === undefined) throw new Error("a tree");
    const best = bestGain(rows, lambda, minChildWeight);
    const gain = tree.left[0] === -1 ? 0 : (tree.gain[0] as number);
    expect(gain).toBeCloseTo(best, 3);
    const leaves = rows.map((_, row) => leafOf(tree, flat, row * featureCount));
    for (const [row, leaf] of leaves.entries()) {
      const own = rows.filter((_, other) => leaves[other] === leaf);
      expect(own.length).toBeGreaterThanOrEqual(minChildWeight);
      expect(margins(booster, flat)[row]).toBeCloseTo((eta * own.reduce((sum, { target }) => sum + target, 0)) / (own.length + lambda), 4);
    }
  },
);

test.prop([rowsOf, fc.constantFrom(2, 4)])(
  "more rounds never fit worse, no tree is deeper than allowed, and the same again gives the same",
  (rows, depth) => {
    const featureCount = (rows[0] as Row).features.length;
    const flat = Float32Array.from(rows.flatMap(({ features }) => features));
    const targets = Float32Array.from(rows, ({ target }) => (target > 0 ? 1 : 0));
    const options = { objective: "binary:logistic", rounds: 6, depth, eta: 0.3, lambda: 1, minChildWeight: 0, baseScore: 0.4 } as const;
    const booster = trainBooster(bin({ featureCount, rows: flat }), targets, options);
    expect(trainBooster(bin({ featureCount, rows: flat }), targets, options)).toEqual(booster);
    const loss = (rounds: number) => {
      const own = margins({ ...booster, trees: booster.trees.slice(0, rounds) }, flat);
      return own.reduce((sum, margin, row) => sum + Math.log1p(Math.exp(targets[row] === 1 ? -margin : margin)), 0);
    };
    for (let rounds = 1; rounds <= options.rounds; rounds++) expect(loss(rounds)).toBeLessThanOrEqual(loss(rounds - 1) + 1e-5);
    for (const { left } of booster.trees) expect(left.length).toBeLessThan(2 ** (depth + 1));
  },
);
