import { Compile } from "typebox/compile";
import { expect, test } from "vitest";
import { FEATURE_COUNT, FEATURES } from "#libs/ml/features.ts";
import type { Candidate } from "#proto/cycle/v1/found.ts";
import type { Comparison } from "#proto/model/v1/events.ts";
import type { Evaluation, ModelScore, OpportunityScored } from "#proto/opportunity/v1/scored.ts";
import type { Label, LabelledExecution } from "#proto/outcome/v1/labelled.ts";
import type { BodyOf, SubjectKey } from "#proto/subjects.ts";
import { ModelsView, OpportunityView, RejectionView } from "#services/gateway/api.ts";
import { gatewayConfig } from "#services/gateway/config.ts";
import { modelsView } from "#services/gateway/learning.ts";
import type { ChainModel } from "#services/gateway/model.ts";
import { applyMessage, initialReadModel } from "#services/gateway/read-model.ts";
import { TEST_CHAIN } from "#services/gateway/testing.ts";
import { opportunitiesView, rejectionsView } from "#services/gateway/views.ts";

const OWN = "0".repeat(16);
const [A, B, C] = ["a".repeat(16), "b".repeat(16), "c".repeat(16)] as const;
const hash = (blockNumber: number) => `0x${blockNumber}`.padEnd(66, "0");
const ADDRESS = `0x${"1".repeat(40)}`;

function start(options: Parameters<typeof gatewayConfig>[0] = {}) {
  const model = initialReadModel({ chains: [{ config: TEST_CHAIN, mode: "live" }], bounds: gatewayConfig(options) });
  const chain = model.chains.get(TEST_CHAIN.key) as ChainModel;
  let sequence = 0;
  const give = <Key extends SubjectKey>(key: Key, body: BodyOf<Key>, place?: number) => {
    sequence = place ?? sequence + 1;
    const meta = { id: `${key}:${sequence}`, stream: key.startsWith("model") ? "MODELS" : "DECISIONS", sequence };
    return applyMessage(model, { key, body, meta: { ...meta, subject: `hs.${TEST_CHAIN.key}.x.y`, storedAtMs: sequence * 1_000 } });
  };
  const view = (limit = 100) => {
    const models = modelsView(chain, limit);
    expect(Compile(ModelsView).Errors(models)).toEqual([]);
    return models;
  };
  return { model, give, view };
}

const at = (blockNumber: number) => ({
  v: 1 as const,
  chainId: 1,
  blockNumber,
  blockHash: hash(blockNumber),
  observedAtMs: 1_000 * blockNumber,
  causeId: null,
});

const trained = (version: string): BodyOf<"modelTrained"> => ({
  kind: "model-trained",
  ...at(1),
  name: "ensemble",
  version,
  parent: null,
  featureSchema: "0".repeat(64),
  engine: "built-in",
  bytes: 1,
  rows: 1_000,
  landed: 100,
  firstBlock: 1,
  lastBlock: 900,
  auc: 0.8,
  logLoss: 0.3,
  ece: 0.02,
  microsPerRow: 1,
});
const comparison = (champion: string, challenger: string): Comparison => ({
  champion,
  challenger,
  firstBlock: 1,
  lastBlock: 9,
  blocks: 9,
  candidates: 20,
  landed: 5,
  logLoss: { mean: -0.1, low: -0.2, high: -0.05 },
  profit: { mean: 1, low: 0.5, high: 2 },
  eceChampion: 0.1,
  eceChallenger: 0.05,
});
const promoted = (version: string, previous: string | null, share: number, champion: string): BodyOf<"modelPromoted"> => ({
  kind: "model-promoted",
  ...at(1),
  version,
  previous,
  share,
  by: "gates",
  evidence: comparison(champion, version),
});
const rolledBack = (version: string, to: string | null): BodyOf<"modelRolledBack"> => ({
  kind: "model-rolled-back",
  ...at(1),
  version,
  to,
  by: "operator",
  detail: "too bold",
  evidence: null,
});
const rejected = (version: string | null): BodyOf<"modelRejected"> => ({
  kind: "model-rejected",
  ...at(1),
  version,
  reason: "no-gain-in-log-loss",
  detail: "+0.01",
  evidence: null,
});
const checked = (version: string, level: "stable" | "act", reasons: string[] = []): BodyOf<"modelChecked"> => ({
  kind: "model-checked",
  ...at(7),
  version,
  level,
  blocks: 10,
  candidates: 30,
  landed: 9,
  logLoss: 0.4,
  ece: 0.1,
  featurePsi: Array.from({ length: FEATURE_COUNT }, (_, place) => (place === 5 ? 0.31 : 0)),
  scorePsi: 0.02,
  reasons,
});

const score = (landing: number, profit = "0"): ModelScore => ({ landing, profit, spread: 1, value: `${Math.round(landing * 1_000)}` });
const evaluation = (champion: ModelScore | null, challenger: ModelScore | null = null): Evaluation => ({
  features: Array.from({ length: FEATURE_COUNT }, () => null),
  champion,
  challenger,
});
const hop = (tokenIn: string, tokenOut: string, amountIn: string, amountOut: string): Candidate["hops"][number] => ({
  dex: "uniswap-v2",
  family: "uniswap-v2",
  pool: ADDRESS,
  call: { form: "v2", zeroForOne: true },
  tokenIn,
  tokenOut,
  amountIn,
  amountOut,
});
const candidate = (cycleId: string): Candidate => ({
  cycleId,
  token: TEST_CHAIN.wrappedNative,
  amountIn: "100",
  amountOut: "107",
  grossProfit: "7",
  gasEstimate: 10,
  hops: [hop(TEST_CHAIN.wrappedNative, ADDRESS, "100", "5"), hop(ADDRESS, TEST_CHAIN.wrappedNative, "5", "107")],
});
const found = (blockNumber: number, cycleIds: readonly string[]): BodyOf<"cycleFound"> => ({
  kind: "cycle-found",
  ...at(blockNumber),
  epoch: 0,
  timestamp: 1,
  baseFeePerGas: "1",
  dexes: [],
  lateDexes: [],
  cyclesFound: cycleIds.length,
  candidates: cycleIds.map(candidate),
});
const ranking = (blockNumber: number, body: Partial<OpportunityScored>): BodyOf<"opportunityScored"> => ({
  kind: "opportunity-scored",
  ...at(blockNumber),
  epoch: 0,
  causeSequence: 1,
  ranking: "champion",
  champion: OWN,
  challenger: null,
  unfit: null,
  explored: false,
  featureSchema: "0".repeat(64),
  seen: { market: 0, money: 0, models: 0 },
  phantoms: [],
  maxNextBaseFeePerGas: "1",
  priorityFeePerGas: "1",
  opportunities: [],
  rejected: [],
  ...body,
});
const scored = (cycleId: string, rank: number, ofIt: Evaluation) => ({
  cycleId,
  gasCost: "2",
  netProfit: "5",
  rank,
  evaluation: ofIt,
});
const label = (outcome: Label["outcome"], ofIt: Evaluation, more: Partial<Label> = {}): Label => ({
  cycleId: "1".repeat(16),
  rank: 0,
  rejected: null,
  grossProfit: "7",
  netProfit: "5",
  evaluation: ofIt,
  executions: [],
  next: { state: "gone", because: null, grossProfit: null, netProfit: null, rivals: 0, rival: null },
  outcome,
  ...more,
});
const labelled = (blockNumber: number, labels: Label[], challenger: string | null = null): BodyOf<"outcomeLabelled"> => ({
  kind: "outcome-labelled",
  ...at(blockNumber),
  epoch: 0,
  featureSchema: "0".repeat(64),
  champion: OWN,
  challenger,
  ranking: "champion",
  explored: false,
  labelledAtBlock: blockNumber + 6,
  labels,
});
const sent = (end: LabelledExecution["end"], netProfit: string | null, mode: LabelledExecution["mode"] = "live"): LabelledExecution => ({
  executionId: hash(1),
  mode,
  end,
  code: null,
  landing:
    end === "landed" || end === "reverted"
      ? {
          blockNumber: 2,
          transactionHash: hash(2),
          succeeded: end === "landed",
          gasUsed: 1,
          gasCost: "1",
          tip: null,
          profit: netProfit,
          netProfit,
          builderPayment: null,
        }
      : null,
});

const states = (view: ModelsView) => Object.fromEntries(view.models.map(({ version, state }) => [version, state]));

test("the model that the installation brought is champion until another is promoted", () => {
  const { give, view } = start();
  expect(view()).toMatchObject({ own: null, models: [], standing: { champion: null }, calibration: null, check: null, trial: null });
  give("opportunityScored", ranking(1, {}));
  expect(view()).toMatchObject({
    own: OWN,
    lastRanking: { ranking: "champion", champion: OWN },
    models: [{ version: OWN, state: "installed" }],
  });
  give("modelTrained", trained(A));
  give("modelPromoted", promoted(A, null, 1, OWN));
  give("opportunityScored", ranking(2, { champion: A }));
  expect(view()).toMatchObject({ own: OWN, standing: { champion: A } });
  expect(states(view())).toEqual({ [A]: "champion", [OWN]: "former" });
});

test("each model's state follows what is said of it", () => {
  const { give, view } = start();
  give("opportunityScored", ranking(1, {}));
  give("modelTrained", trained(A));
  expect(states(view())).toEqual({ [A]: "trial", [OWN]: "installed" });
  give("modelPromoted", promoted(A, null, 0.1, OWN));
  expect(view()).toMatchObject({ trial: { version: A, canaryShare: 0.1, sinceMs: 3_000, evidence: { champion: OWN, challenger: A } } });
  expect(states(view())).toMatchObject({ [A]: "canary" });
  give("modelTrained", trained(B));
  expect(states(view())).toMatchObject({ [A]: "superseded", [B]: "trial" });
  give("modelRejected", rejected(B));
  expect(view()).toMatchObject({ trial: null, models: [{ version: B, state: "rejected", detail: "no-gain-in-log-loss: +0.01" }, {}, {}] });
  give("modelTrained", trained(A));
  give("modelPromoted", promoted(A, null, 1, OWN));
  give("modelTrained", trained(C));
  give("modelPromoted", promoted(C, A, 1, A));
  expect(view()).toMatchObject({
    standing: { champion: C, challenger: A, challengerIsFormer: true },
    trial: { version: A, isFormer: true },
  });
  expect(states(view())).toEqual({ [C]: "champion", [A]: "former", [B]: "rejected", [OWN]: "former" });
  give("modelRolledBack", rolledBack(C, A));
  expect(states(view())).toMatchObject({ [C]: "rolled-back", [A]: "champion" });
  expect(view(1).models).toMatchObject([{ version: C, detail: "by an operator: too bold" }]);
});

test("what the gates said in ignorance of an operator changes no state; a failed training is told apart", () => {
  const { give, view } = start();
  give("modelTrained", trained(A));
  give("modelTrained", trained(B));
  give("modelPromoted", promoted(A, null, 1, OWN));
  expect(states(view())).toEqual({ [A]: "superseded", [B]: "trial" });
  give("modelRejected", { ...rejected(null), reason: "training-failed", detail: "exit code 1" });
  expect(view()).toMatchObject({ trainingFailures: [{ atMs: 4_000, detail: "exit code 1" }], standing: { challenger: B } });
  expect(view().models).toHaveLength(2);
});

test("a message that another overtook counts in its place", () => {
  const { give, view } = start();
  give("modelTrained", trained(A), 1);
  give("modelRejected", rejected(A), 3);
  give("modelPromoted", promoted(A, null, 0.1, OWN), 2);
  expect(states(view())).toEqual({ [A]: "rejected" });
  give("modelChecked", checked(B, "act"), 6);
  give("modelChecked", checked(B, "stable"), 5);
  give("modelTrained", trained(B), 4);
  give("modelPromoted", promoted(B, null, 1, OWN), 4.5);
  expect(view().standing).toMatchObject({ champion: B, drift: "act" });
});

test("what is forgotten of old models still says who stands", () => {
  const { give, view } = start({ modelEventsKept: 2 });
  give("modelTrained", trained(A));
  give("modelPromoted", promoted(A, null, 1, OWN));
  for (const version of [B, C]) {
    give("modelTrained", trained(version));
    give("modelRejected", rejected(version));
  }
  expect(view()).toMatchObject({ standing: { champion: A, challenger: null } });
});

test("the newest check of the champion is shown, its features by name, the most moved first", () => {
  const { give, view } = start();
  give("opportunityScored", ranking(1, {}));
  give("modelChecked", checked(OWN, "stable"));
  give("modelChecked", checked(OWN, "act", ["a feature has moved"]));
  const { check, standing } = view();
  expect(standing.drift).toBe("act");
  expect(check?.featurePsi[0]).toEqual({ feature: FEATURES[5]?.name, psi: 0.31 });
  expect(check?.featurePsi).toHaveLength(FEATURE_COUNT);
  expect(check).toMatchObject({
    level: "act",
    atMs: 3_000,
    reasons: ["a feature has moved"],
  });
  give("modelTrained", trained(A));
  give("modelPromoted", promoted(A, null, 1, OWN));
  expect(view()).toMatchObject({ check: null, standing: { drift: null } });
});

test("blocks are counted by who ordered them, and by why no model could", () => {
  const { give, view } = start();
  give("opportunityScored", ranking(1, { explored: true }));
  give("opportunityScored", ranking(2, { ranking: "challenger" }));
  give("opportunityScored", ranking(3, { ranking: "none", unfit: "stale", champion: null }));
  expect(view().rankings).toEqual({ blocks: 3, byRanking: { challenger: 1, champion: 1, none: 1 }, byUnfit: { stale: 1 }, explored: 1 });
  expect(view().lastRanking).toMatchObject({ blockNumber: 3, ranking: "none", unfit: "stale" });
});

test("calibration and loss are of labelled candidates that teach something, by the score of their time", () => {
  const { give, view } = start();
  give("opportunityScored", ranking(1, {}));
  give("modelTrained", trained(A));
  give(
    "outcomeLabelled",
    labelled(
      1,
      [
        label("landed", evaluation(score(0.9), score(0.8))),
        label("still-there", evaluation(score(0.95), score(0.9))),
        label("failed", evaluation(score(0.92))),
        label("outbid", evaluation(score(0.1))),
        label("unknown", evaluation(score(0.5))),
        label("vanished", { ...evaluation(score(0.5)), features: null }),
        label("vanished", evaluation(null)),
        label("expired", evaluation(score(1))),
      ],
      A,
    ),
  );
  const { calibration, models, trial } = view();
  expect(calibration?.bins.map(({ count }) => count)).toEqual([0, 1, 0, 0, 0, 0, 0, 0, 0, 4]);
  expect(calibration?.bins[9]?.predicted).toBeCloseTo((0.9 + 0.95 + 0.92 + 1) / 4, 6);
  expect(calibration?.bins[9]?.observed).toBe(0.5);
  expect(calibration?.bins[0]).toEqual({ from: 0, to: 0.1, count: 0, predicted: null, observed: null });
  const own = models.find(({ version }) => version === OWN)?.measured;
  expect(own).toMatchObject({ candidates: 5, landed: 2 });
  // −ln of what each gave to what happened; 1 for what did not happen counts as 1 − 1e-7.
  const losses = [-Math.log(0.9), -Math.log(0.95), -Math.log(0.08), -Math.log(0.9), -Math.log(1e-7)];
  expect(own?.logLoss).toBeCloseTo(losses.reduce((sum, loss) => sum + loss, 0) / 5, 5);
  expect(trial?.paired).toMatchObject({ candidates: 2, landed: 2 });
  expect(trial?.paired?.championLogLoss).toBeCloseTo(-(Math.log(0.9) + Math.log(0.95)) / 2, 5);
  expect(trial?.paired?.challengerLogLoss).toBeCloseTo(-(Math.log(0.8) + Math.log(0.9)) / 2, 5);
});

test("labels are counted by outcome, and over stretches that double before they are too many", () => {
  const { give, view } = start({ labelStretchesKept: 4 });
  const one = evaluation(null);
  for (let block = 100; block < 104; block += 1) give("outcomeLabelled", labelled(block, [label("vanished", one)]));
  expect(view().labels.overTime.map(({ firstBlock, blocks }) => [firstBlock, blocks])).toEqual([
    [100, 1],
    [101, 1],
    [102, 1],
    [103, 1],
  ]);
  give("outcomeLabelled", labelled(104, [label("outbid", one), label("vanished", one)]));
  expect(view().labels).toEqual({
    byOutcome: { outbid: 1, vanished: 5 },
    overTime: [
      { firstBlock: 100, blocks: 2, byOutcome: { vanished: 2 } },
      { firstBlock: 102, blocks: 2, byOutcome: { vanished: 2 } },
      { firstBlock: 104, blocks: 2, byOutcome: { outbid: 1, vanished: 1 } },
    ],
  });
});

test("expected and realised profit are of what was sent in live mode, and settled", () => {
  const { give, view } = start();
  const foretold = evaluation(score(0.9, "40"));
  give(
    "outcomeLabelled",
    labelled(1, [
      label("landed", foretold, { netProfit: "50", executions: [sent("landed", "30")] }),
      label("landed", evaluation(null), { netProfit: "20", executions: [sent("landed", "21")] }),
      label("landed", foretold, { netProfit: "99", executions: [sent("landed", null)] }),
      label("expired", foretold, { executions: [sent("expired", null)] }),
      label("expired", foretold, { executions: [sent("expired", null, "paper")] }),
      label("failed", foretold, { executions: [sent("failed", null)] }),
      label("reverted", foretold, { executions: [sent("reverted", "-3")] }),
    ]),
  );
  expect(view().realised).toEqual({
    sent: 5,
    landed: 3,
    settled: 2,
    promised: "70",
    realised: "51",
    scored: 1,
    foretold: "40",
    realisedOfScored: "30",
  });
});

test("an opportunity says what the model that ordered it gives, and later what became of it", () => {
  const { model, give } = start();
  const opportunities = [scored("1".repeat(16), 0, evaluation(score(0.2), score(0.7)))];
  give("cycleFound", found(1, ["1".repeat(16)]));
  give("opportunityScored", ranking(1, { ranking: "challenger", challenger: A, explored: true, opportunities }));
  const read = () => opportunitiesView(model, { limit: 10 });
  // One that overtakes the search it is of waits for it.
  expect(give("opportunityScored", ranking(2, { ranking: "net-profit", opportunities }))).toEqual([]);
  expect(read()).toMatchObject([{ blockNumber: 1 }]);
  expect(give("cycleFound", found(2, ["1".repeat(16)]))).toMatchObject([{ type: "opportunity", data: { blockNumber: 2 } }]);
  expect(Compile(OpportunityView).Errors(read()[0])).toEqual([]);
  expect(read()).toMatchObject([
    { blockNumber: 2, ranking: "net-profit", confidence: 0.2, expectedValue: "200", explored: false, label: null },
    { blockNumber: 1, ranking: "challenger", confidence: 0.7, expectedValue: "700", explored: true, champion: { landing: 0.2 } },
  ]);
  const events = give("outcomeLabelled", labelled(1, [label("outbid", evaluation(null))]));
  expect(events).toMatchObject([{ type: "opportunity", data: { blockNumber: 1, label: "outbid" } }]);
  expect(read().map((each) => each.label)).toEqual([null, "outbid"]);
});

test("a rejected candidate is completed with what the search said of it, whichever came first", () => {
  const { model, give } = start();
  const [first, second] = ["1".repeat(16), "2".repeat(16)];
  give("cycleFound", found(1, [first]));
  const stop = (cycleId: string, reason: "below-minimum" | "no-model") => ({
    cycleId,
    reason,
    netProfit: "-3",
    evaluation: evaluation(score(0.4)),
  });
  give("opportunityScored", ranking(1, { rejected: [stop(first, "below-minimum")] }));
  give("opportunityScored", ranking(2, { ranking: "none", unfit: "refused", rejected: [stop(second, "no-model")] }));
  const read = () => rejectionsView(model, { limit: 10 });
  expect(read()).toMatchObject([
    { blockNumber: 2, reason: "no-model", unfit: "refused", hops: [], token: null, confidence: 0.4 },
    { blockNumber: 1, reason: "below-minimum", unfit: null, hops: [{ dex: "uniswap-v2" }, {}], token: { symbol: "WETH" }, netProfit: "-3" },
  ]);
  for (const each of read()) expect(Compile(RejectionView).Errors(each)).toEqual([]);
  give("cycleFound", found(2, [second]));
  expect(read()[0]).toMatchObject({ hops: [{ dex: "uniswap-v2" }, {}], amountIn: "100", grossProfit: "7" });
});
