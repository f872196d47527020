import { describe, expect, test } from "vitest";
import { randomFrom } from "#libs/ml/random.ts";
import { type ModelStanding, NO_STANDING } from "#libs/ml/standing.ts";
import { labelled, labelOf, scoreOf } from "#libs/ml/testing-labels.ts";
import type { Comparison } from "#proto/model/v1/events.ts";
import { gateOf, isOver, judge, observe, type Stage, stageOf, type TrialConfig, type Verdict } from "#services/trainer/trial.ts";

const [OWN, NEW] = ["0".repeat(16), "1".repeat(16)];
const config: TrialConfig = {
  firstLookBlocks: 40,
  looks: 3,
  leastCandidates: 80,
  leastLanded: 10,
  eceSlack: 0.01,
  canaryShare: 0.25,
  canaryBlocks: 20,
  mostMicrosPerRow: 20,
  failingCosts: "nothing",
  ranking: "model",
  seed: 1,
};
const trial: ModelStanding = { ...NO_STANDING, challenger: NEW };
const stage = (standing: ModelStanding) => stageOf(standing, OWN, "model", null) as Stage;

type Says = (chance: number, random: ReturnType<typeof randomFrom>) => number;
const right: Says = (chance) => chance;
const wrong: Says = (chance) => 1 - chance;
const vague: Says = () => 0.5;

/** Blocks of four candidates that bring 100 wei each, if they land; what the two say of their chances. */
function run(
  of: Stage,
  [champion, challenger]: readonly [Says, Says],
  { blocks = 1_000, seed = 1, ranking = "champion" as "champion" | "challenger" } = {},
) {
  const random = randomFrom(seed);
  for (let block = 1; block <= blocks; block++) {
    const labels = Array.from({ length: 4 }, (_, rank) => {
      const chance = random.unit();
      const landedWei = random.unit() < chance ? 100 : null;
      return labelOf(
        { rank, features: [], netProfitWei: 100 - rank, landedWei },
        { champion: scoreOf(champion(chance, random), 100_000), challenger: scoreOf(challenger(chance, random), 100_000) },
      );
    });
    observe(of, labelled(block, labels, { champion: of.champion, challenger: of.challenger, ranking }), "nothing");
    const verdict = judge(of, config);
    if (verdict !== null) return { verdict, block };
  }
  return { verdict: null, block: blocks };
}
const said = ({ verdict, block }: { readonly verdict: Verdict | null; readonly block: number }) => ({ ...verdict, block });

describe("what a standing means", () => {
  test("nobody beside the champion, or the champion itself: nothing is compared", () => {
    expect(stageOf(NO_STANDING, OWN, "model", null)).toBeNull();
    expect(stageOf({ ...NO_STANDING, challenger: OWN }, OWN, "model", null)).toBeNull();
  });
  test("a challenger that only scores, one that decides a share, the champion of before", () => {
    expect(stage(trial)).toMatchObject({ kind: "shadow", champion: OWN, challenger: NEW });
    expect(stage({ ...trial, canaryShare: 0.2 })).toMatchObject({ kind: "canary", share: 0.2 });
    expect(stage({ ...trial, champion: NEW, challenger: OWN, challengerIsFormer: true })).toMatchObject({
      kind: "probation",
      champion: NEW,
    });
  });
  test("a stage goes on while it is the same, and begins anew when anything is another", () => {
    const before = stage(trial);
    expect(stageOf({ ...trial, drift: "watch", caredAtMs: 5 }, OWN, "model", before)).toBe(before);
    expect(stageOf({ ...trial, canaryShare: 0.2 }, OWN, "model", before)).not.toBe(before);
    expect(stageOf({ ...trial, champion: "2".repeat(16) }, OWN, "model", before)).not.toBe(before);
  });
});

describe("in the shadow", () => {
  test("one that foretells better and brings more becomes a canary at the first look, not before", () => {
    const { verdict, block } = run(stage(trial), [vague, right]);
    expect(verdict).toMatchObject({
      kind: "promote",
      share: 0.25,
      evidence: { champion: OWN, challenger: NEW, blocks: 40, candidates: 160 },
    });
    expect(block).toBe(40);
  });
  test("one that is clearly worse is rejected at the first look", () => {
    expect(said(run(stage(trial), [right, wrong]))).toMatchObject({ kind: "reject", reason: "no-gain-in-log-loss", block: 40 });
  });
  test("one that is as good has every look, and is rejected at the last", () => {
    expect(said(run(stage(trial), [right, right]))).toMatchObject({
      kind: "reject",
      reason: "no-gain-in-log-loss",
      block: 160,
      evidence: { blocks: 160 },
    });
  });
  test("better probabilities that bring no more do not pass", () => {
    // The same order by value, since what is expected makes up for the probability.
    const squared: Says = (chance) => chance ** 3;
    expect(said(run(stage(trial), [squared, right]))).toMatchObject({ kind: "reject", reason: "no-gain-in-profit", block: 160 });
  });
  test("blocks of other models count as time, not as evidence", () => {
    const of = stage(trial);
    for (let block = 1; block < 160 * 4; block++) {
      observe(of, labelled(block, [labelOf({ rank: 0, features: [], netProfitWei: 1, landedWei: 1 })], { champion: OWN }), "nothing");
      expect(judge(of, config)).toBeNull();
    }
    observe(of, labelled(640, [labelOf({ rank: 0, features: [], netProfitWei: 1, landedWei: 1 })], { champion: OWN }), "nothing");
    expect(judge(of, config)).toMatchObject({ kind: "reject", detail: "0 blocks to compare in 640 labelled ones" });
  });
  test("what has been decided is not decided again", () => {
    const of = stage(trial);
    run(of, [vague, right]);
    of.isDecided = true;
    expect(judge(of, config)).toBeNull();
  });
});

describe("as a canary", () => {
  const canary = { ...trial, canaryShare: 0.25 };
  test("only blocks that it decided count; it holds while it is not clearly worse", () => {
    expect(run(stage(canary), [right, right], { blocks: 79 })).toMatchObject({ verdict: null });
    expect(said(run(stage(canary), [right, right], { ranking: "challenger" }))).toMatchObject({ kind: "promote", share: 1, block: 20 });
  });
  test("one that is clearly worse where it decides gives its blocks back", () => {
    expect(said(run(stage(canary), [right, wrong], { ranking: "challenger" }))).toMatchObject({ kind: "roll-back", block: 20 });
  });
  test("one that never gets to decide has failed", () => {
    expect(said(run(stage(canary), [right, right]))).toMatchObject({ kind: "roll-back", block: 320, evidence: null });
  });
});

describe("while net profit decides", () => {
  const proven = (standing: ModelStanding) => stageOf(standing, OWN, "proven", null) as Stage;
  test("it stands for the installed model, in a probation for the one before, and for no model of the chain's own", () => {
    expect(proven(trial).netProfit).toBe("champion");
    expect(proven({ ...trial, champion: OWN }).netProfit).toBe("champion");
    expect(proven({ ...trial, champion: "2".repeat(16) }).netProfit).toBeNull();
    const promoted = { ...trial, champion: NEW, challengerIsFormer: true };
    expect(proven({ ...promoted, challenger: OWN }).netProfit).toBe("challenger");
    expect(proven({ ...promoted, challenger: "2".repeat(16) }).netProfit).toBeNull();
    expect(stageOf({ ...trial, champion: "2".repeat(16) }, OWN, "net-profit", null)?.netProfit).toBe("champion");
  });
  test("a challenger has to be better than it, however bad the installed model is", () => {
    // The first by net profit is what the challenger would send too, and it knows nothing of landing.
    const byRank: Says = () => 0.5;
    expect(said(run(stage(trial), [wrong, byRank]))).toMatchObject({ kind: "promote" });
    expect(said(run(proven(trial), [wrong, byRank]))).toMatchObject({
      kind: "reject",
      reason: "no-gain-in-log-loss",
      block: 160,
      evidence: { champion: OWN, challenger: NEW, netProfit: "champion" },
    });
    expect(said(run(proven(trial), [wrong, right]))).toMatchObject({ kind: "promote", block: 40, evidence: { netProfit: "champion" } });
  });
  test("that the installed model cannot be scored is of no consequence", () => {
    const of = proven(trial);
    const label = labelOf({ rank: 0, features: [], netProfitWei: 1, landedWei: 1 }, { champion: null, challenger: scoreOf(0.5, 1) });
    observe(of, labelled(1, [label], { champion: null, challenger: NEW }), "nothing");
    expect(of.pairs.blocks).toBe(1);
    observe(of, labelled(2, [label], { champion: null, challenger: "2".repeat(16) }), "nothing");
    expect(of.pairs.blocks).toBe(1);
  });
  test("a promoted model that turns out worse gives its place back to it", () => {
    const probation = { ...trial, champion: NEW, challenger: OWN, challengerIsFormer: true };
    expect(said(run(proven(probation), [wrong, vague]))).toMatchObject({ kind: "roll-back", evidence: { netProfit: "challenger" } });
  });
});

describe("on probation", () => {
  const probation: ModelStanding = { ...trial, champion: NEW, challenger: OWN, challengerIsFormer: true };
  test("the champion before comes back when it is clearly better", () => {
    expect(said(run(stage(probation), [wrong, right]))).toMatchObject({ kind: "roll-back", block: 40 });
  });
  test("it ends by itself", () => {
    const of = stage(probation);
    expect(isOver(of, config)).toBe(false);
    expect(run(of, [right, right], { blocks: 160 }).verdict).toBeNull();
    expect(isOver(of, config)).toBe(true);
  });
});

test("gates, one by one", () => {
  const good: Comparison = {
    champion: OWN,
    challenger: NEW,
    firstBlock: 1,
    lastBlock: 2,
    blocks: 2,
    candidates: 100_000,
    landed: 50_000,
    logLoss: { mean: -0.1, low: -0.2, high: -0.01 },
    profit: { mean: 10, low: 1, high: 20 },
    eceChampion: 0.02,
    eceChallenger: 0.03,
  };
  expect(gateOf(good, config)).toBeNull();
  expect(gateOf({ ...good, logLoss: { ...good.logLoss, high: 0 } }, config)).toBe("no-gain-in-log-loss");
  expect(gateOf({ ...good, profit: { ...good.profit, low: 0 } }, config)).toBe("no-gain-in-profit");
  expect(gateOf({ ...good, eceChallenger: 0.0301 }, config)).toBe("worse-calibration");
  // By chance a calibrated model shows 0.126 on 100 candidates, half of them landed: √(2 ÷ π · 0.25 · 10 ÷ 100).
  const few = { ...good, candidates: 100, landed: 50 };
  expect(gateOf({ ...few, eceChallenger: 0.136 }, config)).toBeNull();
  expect(gateOf({ ...few, eceChallenger: 0.137 }, config)).toBe("worse-calibration");
});
