import { lessonOf } from "#libs/ml/dataset.ts";
import { FEATURES } from "#libs/ml/features.ts";
import { type ModelStanding, NO_STANDING, standingAfter } from "#libs/ml/standing.ts";
import type { Comparison, ModelChecked, ModelPromoted, ModelRejected, ModelRolledBack, ModelTrained } from "#proto/model/v1/events.ts";
import type { Evaluation, ModelScore, OpportunityScored } from "#proto/opportunity/v1/scored.ts";
import type { Label, Outcome, OutcomeLabelled } from "#proto/outcome/v1/labelled.ts";
import type { KnownModelView, ModelStandingView, ModelState, ModelsView } from "#services/gateway/api.ts";
import type { ChainModel, ReadModelBounds } from "#services/gateway/model.ts";

/**
 * What is known of a chain's models: who decides, how they do, what became of each. Updated in place. The reading does not depend on the order in
 * which messages arrive: what has an order is kept with its sequence, everything else are sums of whole numbers.
 */

type ModelLife = ModelTrained | ModelPromoted | ModelRejected | ModelRolledBack;
interface At<Body> {
  readonly sequence: number;
  readonly storedAtMs: number;
  readonly body: Body;
}

/** Probabilities and losses are summed in millionths: sums of doubles would depend on their order. */
const MILLION = 1_000_000;
const BINS = 10;
/** As libs/ml/metrics.ts: certainty beyond this counts as this. */
const LEAST_PROBABILITY = 1e-7;

interface Bin {
  count: number;
  landed: number;
  /** Millionths. */
  predicted: number;
}

/** A model's scores beside what became of the candidates. */
interface Track {
  readonly bins: readonly Bin[];
  /** Millionths. */
  lossSum: number;
}

interface PairTrack {
  candidates: number;
  landed: number;
  /** Millionths. */
  championLoss: number;
  challengerLoss: number;
}

interface Realised {
  sent: number;
  landed: number;
  settled: number;
  scored: number;
  promised: bigint;
  realised: bigint;
  foretold: bigint;
  realisedOfScored: bigint;
}

export interface LearningModel {
  /** What the messages that were forgotten come to. */
  base: ModelStanding;
  /** Messages about models without checks, in the order of their stream. */
  readonly life: At<ModelLife>[];
  /** The newest check of each model. */
  readonly checks: Map<string, At<ModelChecked>>;
  lastRanking: At<Pick<OpportunityScored, "blockNumber" | "ranking" | "unfit" | "champion" | "challenger">> | null;
  /** Champions that rankings named, with the sequence of the newest that did. */
  readonly championsRanked: Map<string, number>;
  rankedBlocks: number;
  readonly byRanking: Map<string, number>;
  readonly byUnfit: Map<string, number>;
  explored: number;
  readonly byOutcome: Map<string, number>;
  /** Blocks that a stretch is long: doubles whenever there would be too many. */
  stretchBlocks: number;
  /** By number of the stretch. */
  readonly stretches: Map<number, Map<string, number>>;
  /** Latest outcomes by cycleId@blockHash, oldest first. */
  readonly outcomes: Map<string, Outcome>;
  /** By version, the longest unused first. */
  readonly tracks: Map<string, Track>;
  /** By champion and challenger. */
  readonly pairs: Map<string, PairTrack>;
  readonly realised: Realised;
}

export const emptyLearning = (): LearningModel => ({
  base: NO_STANDING,
  life: [],
  checks: new Map(),
  lastRanking: null,
  championsRanked: new Map(),
  rankedBlocks: 0,
  byRanking: new Map(),
  byUnfit: new Map(),
  explored: 0,
  byOutcome: new Map(),
  stretchBlocks: 1,
  stretches: new Map(),
  outcomes: new Map(),
  tracks: new Map(),
  pairs: new Map(),
  realised: { sent: 0, landed: 0, settled: 0, scored: 0, promised: 0n, realised: 0n, foretold: 0n, realisedOfScored: 0n },
});

/** By the model that made the order, or by the champion where none did. */
export const decidersScore = (ranking: OpportunityScored["ranking"], { champion, challenger }: Evaluation): ModelScore | null =>
  ranking === "challenger" ? challenger : champion;

const increment = (counts: Map<string, number>, key: string, by = 1) => counts.set(key, (counts.get(key) ?? 0) + by);

/** The value under a key, made when it is missing and counted as the newest; the oldest goes beyond the bound. */
function newest<Value>(map: Map<string, Value>, key: string, make: () => Value, kept: number): Value {
  const value = map.get(key) ?? make();
  map.delete(key);
  map.set(key, value);
  if (map.size > kept) map.delete(map.keys().next().value ?? "");
  return value;
}

export function applyModelEvent(
  learning: LearningModel,
  body: ModelLife | ModelChecked,
  { sequence, storedAtMs }: { readonly sequence: number; readonly storedAtMs: number },
  bounds: Pick<ReadModelBounds, "modelEventsKept" | "modelsMeasured">,
): void {
  if (body.kind === "model-checked") {
    if ((learning.checks.get(body.version)?.sequence ?? -1) > sequence) return;
    newest(learning.checks, body.version, () => ({ sequence, storedAtMs, body }), bounds.modelsMeasured);
    learning.checks.set(body.version, { sequence, storedAtMs, body });
    return;
  }
  const { life } = learning;
  const after = life.findLastIndex((each) => each.sequence < sequence);
  life.splice(after + 1, 0, { sequence, storedAtMs, body });
  if (life.length <= bounds.modelEventsKept) return;
  const oldest = life.shift();
  if (oldest !== undefined) learning.base = standingAfter(learning.base, oldest.body);
}

/** Of the checks only each model's newest counts: what an earlier one said of the champion it said again, or a promotion made void. */
function standingOf({ base, life, checks }: LearningModel): ModelStanding {
  return [...life, ...checks.values()]
    .sort((a, b) => a.sequence - b.sequence)
    .reduce((standing, { body }) => standingAfter(standing, body), base);
}

export function standingView(learning: LearningModel): ModelStandingView {
  const { champion, challenger, canaryShare, challengerIsFormer, drift } = standingOf(learning);
  return { champion, challenger, canaryShare, challengerIsFormer, drift };
}

export function applyRanking(
  learning: LearningModel,
  body: OpportunityScored,
  sequence: number,
  bounds: Pick<ReadModelBounds, "modelsMeasured">,
): void {
  learning.rankedBlocks += 1;
  increment(learning.byRanking, body.ranking);
  if (body.unfit !== null) increment(learning.byUnfit, body.unfit);
  if (body.explored) learning.explored += 1;
  if (body.champion !== null) {
    const last = newest(learning.championsRanked, body.champion, () => sequence, bounds.modelsMeasured);
    learning.championsRanked.set(body.champion, Math.max(last, sequence));
  }
  if ((learning.lastRanking?.sequence ?? -1) > sequence) return;
  const { blockNumber, ranking, unfit, champion, challenger } = body;
  learning.lastRanking = { sequence, storedAtMs: 0, body: { blockNumber, ranking, unfit, champion, challenger } };
}

export function applyLabels(
  learning: LearningModel,
  body: OutcomeLabelled,
  bounds: Pick<ReadModelBounds, "outcomesKept" | "modelsMeasured" | "labelStretchesKept">,
): void {
  const stretch = stretchOf(learning, body.blockNumber);
  for (const label of body.labels) {
    increment(learning.byOutcome, label.outcome);
    increment(stretch, label.outcome);
    const id = `${label.cycleId}@${body.blockHash}`;
    newest(learning.outcomes, id, () => label.outcome, bounds.outcomesKept);
    addRealised(learning.realised, body.ranking, label);
    measure(learning, body, label, bounds.modelsMeasured);
  }
  if (learning.stretches.size > bounds.labelStretchesKept) widen(learning, bounds.labelStretchesKept);
}

function stretchOf({ stretches, stretchBlocks }: LearningModel, blockNumber: number): Map<string, number> {
  const place = Math.floor(blockNumber / stretchBlocks);
  const known = stretches.get(place) ?? new Map<string, number>();
  stretches.set(place, known);
  return known;
}

function widen(learning: LearningModel, kept: number): void {
  while (learning.stretches.size > kept) {
    const before = [...learning.stretches].map(([place, counts]) => ({ first: place * learning.stretchBlocks, counts }));
    learning.stretchBlocks *= 2;
    learning.stretches.clear();
    for (const { first, counts } of before) {
      const merged = stretchOf(learning, first);
      for (const [outcome, count] of counts) increment(merged, outcome, count);
    }
  }
}

/** Only what was sent where others could see and take it: elsewhere `expired` is the end of all. */
function addRealised(realised: Realised, ranking: OpportunityScored["ranking"], { executions, evaluation, netProfit }: Label): void {
  const sent = executions.filter(({ mode, end }) => mode === "live" && end !== "failed" && end !== "open");
  if (sent.length === 0) return;
  realised.sent += 1;
  const landing = sent.find(({ end }) => end === "landed")?.landing;
  if (landing === undefined || landing === null) return;
  realised.landed += 1;
  if (landing.netProfit === null) return;
  const settled = BigInt(landing.netProfit);
  realised.settled += 1;
  realised.promised += BigInt(netProfit);
  realised.realised += settled;
  const score = decidersScore(ranking, evaluation);
  if (score === null) return;
  realised.scored += 1;
  realised.foretold += BigInt(score.profit);
  realised.realisedOfScored += settled;
}

const lossOf = (probability: number, landed: boolean): number => {
  const bounded = Math.min(1 - LEAST_PROBABILITY, Math.max(LEAST_PROBABILITY, probability));
  return Math.round(-Math.log(landed ? bounded : 1 - bounded) * MILLION);
};

/** Each model by the score that it gave before anything was known, against what models learn from the label. */
function measure({ tracks, pairs }: LearningModel, body: OutcomeLabelled, label: Label, kept: number): void {
  const lesson = lessonOf(label);
  if (lesson === null) return;
  const { landed } = lesson;
  const scores = {
    champion: { version: body.champion, score: label.evaluation.champion },
    challenger: { version: body.challenger, score: label.evaluation.challenger },
  };
  for (const { version, score } of Object.values(scores)) {
    if (version === null || score === null) continue;
    const track = newest(tracks, version, emptyTrack, kept);
    const bin = track.bins[Math.min(BINS - 1, Math.floor(score.landing * BINS))] as Bin;
    bin.count += 1;
    bin.predicted += Math.round(score.landing * MILLION);
    if (landed) bin.landed += 1;
    track.lossSum += lossOf(score.landing, landed);
  }
  const { champion, challenger } = scores;
  if (champion.version === null || challenger.version === null || champion.score === null || challenger.score === null) return;
  const pair = newest(
    pairs,
    `${champion.version} ${challenger.version}`,
    () => ({ candidates: 0, landed: 0, championLoss: 0, challengerLoss: 0 }),
    kept,
  );
  pair.candidates += 1;
  if (landed) pair.landed += 1;
  pair.championLoss += lossOf(champion.score.landing, landed);
  pair.challengerLoss += lossOf(challenger.score.landing, landed);
}

const emptyTrack = (): Track => ({ bins: Array.from({ length: BINS }, () => ({ count: 0, landed: 0, predicted: 0 })), lossSum: 0 });

interface Entry {
  state: ModelState;
  detail: string;
  changedAtMs: number | null;
  training: KnownModelView["training"];
  evidence: Comparison | null;
}

/** What became of each model, by what is known of its life; oldest first. */
function entriesOf({ base, life }: LearningModel, own: string | null): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  const unknown = (): Entry => ({ state: "installed", detail: "", changedAtMs: null, training: null, evidence: null });
  if (own !== null) entries.set(own, unknown());
  const change = (version: string, changed: Partial<Entry>) => {
    const entry = entries.get(version) ?? unknown();
    entries.delete(version);
    entries.set(version, { ...entry, ...changed });
  };
  let standing = base;
  for (const { body, storedAtMs: changedAtMs } of life) {
    const before = standing;
    standing = standingAfter(before, body);
    // What the gates said in ignorance of an operator counts as little here as it does there.
    if (standing === before && (body.kind === "model-promoted" || body.kind === "model-rolled-back")) continue;
    switch (body.kind) {
      case "model-trained": {
        for (const [version, { state }] of entries)
          if (version !== body.version && (state === "trial" || state === "canary"))
            change(version, { state: "superseded", detail: "", changedAtMs });
        const { name, parent, engine, rows, landed, firstBlock, lastBlock, auc, logLoss, ece } = body;
        const training = { name, parent, engine, trainedAtMs: changedAtMs, rows, landed, firstBlock, lastBlock, auc, logLoss, ece };
        change(body.version, { state: "trial", detail: "", changedAtMs, training });
        break;
      }
      case "model-promoted":
        if (body.share === 1) {
          const before = body.previous ?? own;
          if (before !== null && before !== body.version) change(before, { state: "former", detail: "", changedAtMs });
        }
        change(body.version, {
          state: body.share < 1 ? "canary" : "champion",
          detail: body.by === "operator" ? "by an operator" : "",
          changedAtMs,
          evidence: body.evidence,
        });
        break;
      case "model-rejected":
        if (body.version === null) break;
        change(body.version, {
          state: body.reason === "superseded" ? "superseded" : "rejected",
          detail: body.detail === "" ? body.reason : `${body.reason}: ${body.detail}`,
          changedAtMs,
          evidence: body.evidence,
        });
        break;
      case "model-rolled-back": {
        if (entries.get(body.version)?.state === "champion") {
          const next = body.to ?? own;
          if (next !== null) change(next, { state: body.to === null ? "installed" : "champion", detail: "", changedAtMs });
        }
        const who = body.by === "operator" ? "by an operator" : "";
        change(body.version, {
          state: "rolled-back",
          detail: [who, body.detail].filter((part) => part !== "").join(": "),
          changedAtMs,
          evidence: body.evidence,
        });
      }
    }
  }
  return entries;
}

const recordOf = (counts: ReadonlyMap<string, number>): Record<string, number> =>
  Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));

const inMillionths = (sum: number, count: number): number => sum / count / MILLION;

function measuredView(track: Track | undefined): KnownModelView["measured"] {
  if (track === undefined) return null;
  const sum = (of: (bin: Bin) => number) => track.bins.reduce((total, bin) => total + of(bin), 0);
  const candidates = sum(({ count }) => count);
  return {
    candidates,
    landed: sum(({ landed }) => landed),
    logLoss: inMillionths(track.lossSum, candidates),
    meanPrediction: inMillionths(
      sum(({ predicted }) => predicted),
      candidates,
    ),
  };
}

/** What the installation brought has no message of its own: rankings name it as champion. */
function ownOf({ life, championsRanked }: LearningModel): string | null {
  const told = new Set(life.map(({ body }) => body.version));
  const [newestRanked] = [...championsRanked].filter(([version]) => !told.has(version)).sort(([, a], [, b]) => b - a);
  return newestRanked?.[0] ?? null;
}

/** `limit`: of the models. */
export function modelsView({ config, learning }: ChainModel, limit: number): ModelsView {
  const { life, checks, lastRanking, tracks, pairs, stretches, stretchBlocks, realised } = learning;
  const standing = standingView(learning);
  const own = ownOf(learning);
  const champion = standing.champion ?? own;
  const check = champion === null ? undefined : checks.get(champion);
  const track = champion === null ? undefined : tracks.get(champion);
  const { challenger } = standing;
  const entries = entriesOf(learning, own);
  const pair = challenger === null ? undefined : pairs.get(`${champion} ${challenger}`);
  return {
    chain: config.key,
    nativeSymbol: config.nativeSymbol,
    standing,
    own,
    lastRanking: lastRanking?.body ?? null,
    check: check === undefined ? null : checkView(check),
    trial:
      challenger === null
        ? null
        : {
            version: challenger,
            sinceMs: entries.get(challenger)?.changedAtMs ?? null,
            canaryShare: standing.canaryShare,
            isFormer: standing.challengerIsFormer,
            paired:
              pair === undefined
                ? null
                : {
                    candidates: pair.candidates,
                    landed: pair.landed,
                    championLogLoss: inMillionths(pair.championLoss, pair.candidates),
                    challengerLogLoss: inMillionths(pair.challengerLoss, pair.candidates),
                  },
            evidence: newestComparison(life, champion, challenger),
          },
    calibration:
      champion === null || track === undefined
        ? null
        : {
            version: champion,
            bins: track.bins.map(({ count, landed, predicted }, place) => ({
              from: place / BINS,
              to: (place + 1) / BINS,
              count,
              predicted: count === 0 ? null : inMillionths(predicted, count),
              observed: count === 0 ? null : landed / count,
            })),
          },
    labels: {
      byOutcome: recordOf(learning.byOutcome),
      overTime: [...stretches]
        .sort(([a], [b]) => a - b)
        .map(([place, counts]) => ({ firstBlock: place * stretchBlocks, blocks: stretchBlocks, byOutcome: recordOf(counts) })),
    },
    rankings: {
      blocks: learning.rankedBlocks,
      byRanking: recordOf(learning.byRanking),
      byUnfit: recordOf(learning.byUnfit),
      explored: learning.explored,
    },
    realised: {
      ...realised,
      promised: realised.promised.toString(),
      realised: realised.realised.toString(),
      foretold: realised.foretold.toString(),
      realisedOfScored: realised.realisedOfScored.toString(),
    },
    trainingFailures: life.flatMap(({ body, storedAtMs }) =>
      body.kind === "model-rejected" && body.version === null ? [{ atMs: storedAtMs, detail: body.detail }] : [],
    ),
    models: [...entries]
      .reverse()
      .slice(0, limit)
      .map(([version, entry]) => ({ version, ...entry, measured: measuredView(tracks.get(version)) })),
  };
}

function checkView({ body, storedAtMs }: At<ModelChecked>): ModelsView["check"] {
  const { version, level, blockNumber, blocks, candidates, landed, logLoss, ece, scorePsi, reasons } = body;
  return {
    version,
    level,
    atMs: storedAtMs,
    blockNumber,
    blocks,
    candidates,
    landed,
    logLoss,
    ece,
    scorePsi,
    featurePsi: body.featurePsi
      .map((psi, place) => ({ feature: FEATURES[place]?.name ?? `feature ${place}`, psi }))
      .sort((a, b) => b.psi - a.psi || (a.feature < b.feature ? -1 : 1)),
    reasons,
  };
}

/** Between these two, whichever of them was the champion then. */
function newestComparison(life: readonly At<ModelLife>[], champion: string | null, challenger: string): Comparison | null {
  const found = life.findLast(({ body }) => {
    if (body.kind === "model-trained" || body.evidence === null) return false;
    const { champion: one, challenger: other } = body.evidence;
    return (one === champion && other === challenger) || (one === challenger && other === champion);
  });
  return found === undefined || found.body.kind === "model-trained" ? null : found.body.evidence;
}
