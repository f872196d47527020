import type { Received } from "#libs/actor/actor.ts";
import { type Ensemble, expectedValueWei, HEADS } from "#libs/ml/ensemble.ts";
import { FEATURE_COUNT } from "#libs/ml/features.ts";
import { buildKernel } from "#libs/ml/kernel.ts";
import { ece } from "#libs/ml/metrics.ts";
import type { BodyOf, SubjectKey } from "#proto/subjects.ts";
import { type Example, verdictOf } from "./dataset.ts";
import { drawsOf } from "./random.ts";
import type { Rules } from "./rules.ts";
import { type Order, Simulation } from "./simulation.ts";

/** Runs of the simulation: some to learn from, and pairs that differ in nothing but the ranking. */

/** Blocks of one run are told apart from another's by this much, so that runs follow each other in time. */
const RUN = 1_000_000;

/** What a model says of a candidate. */
interface Score {
  readonly landing: number;
  readonly valueWei: number;
}

export interface Run {
  readonly seed: number;
  readonly blocks: number;
  readonly examples: readonly Example[];
  readonly settledWei: bigint;
  readonly executions: number;
  readonly landed: number;
  /** Settled or paid for nothing: trades with a loss. */
  readonly reverted: number;
  /** Of the best single cycles of a block, by net profit, whose next block is known: how many, and how many a rival took. */
  readonly gaps: number;
  readonly gapsTaken: number;
  /** Scores by block hash and cycle, where the ranking has them. */
  readonly scores: ReadonlyMap<string, Score>;
}

const placeOf = (blockHash: string, cycleId: string): string => `${blockHash}:${cycleId}`;

/** An order, but for a share of the blocks in which any candidate comes first: what is never tried is never learnt. */
export const exploring =
  (seed: number, share: number, base: Order | null): Order =>
  (ranking, rows) => {
    const places = base === null ? ranking.opportunities.map((_, place) => place) : base(ranking, rows);
    const random = drawsOf(seed, 50, ranking.blockNumber);
    if (places.length < 2 || random.unit() >= share) return places;
    const first = places[random.below(places.length)] as number;
    return [first, ...places.filter((place) => place !== first)];
  };

export function runOf(of: {
  readonly seed: number;
  readonly rules: Rules;
  readonly blocks: number;
  readonly order: Order | null;
  readonly scores?: ReadonlyMap<string, Score>;
}): Run {
  const rows = new Map<string, Float32Array>();
  const examples: Example[] = [];
  const run = { settledWei: 0n, executions: 0, landed: 0, reverted: 0, gaps: 0, gapsTaken: 0 };
  const onMessage = ({ body }: Received<SubjectKey>): void => {
    if (body.kind === "execution-planned") run.executions++;
    if (body.kind === "execution-landed") body.status === 1 ? run.landed++ : run.reverted++;
    if (body.kind === "trade-settled") run.settledWei += BigInt(body.netProfit);
    if (body.kind !== "outcome-labelled") return;
    const best = body.labels
      .filter(({ cycles, rejected }) => cycles === 1 && rejected === null)
      .sort((left, right) => Number(BigInt(right.netProfit) - BigInt(left.netProfit)))[0];
    if (best !== undefined) {
      run.gaps++;
      if (best.next.rival !== null) run.gapsTaken++;
    }
    for (const label of body.labels) {
      const place = placeOf(body.blockHash, label.cycleId);
      const row = rows.get(place);
      rows.delete(place);
      if (row !== undefined) examples.push({ block: of.seed * RUN + body.blockNumber, row, label, blockHash: body.blockHash });
    }
  };
  const simulation = new Simulation({
    seed: of.seed,
    rules: of.rules,
    order: of.order,
    labels: true,
    onMessage,
    onRows: ({ blockHash, opportunities }, all) => {
      for (const [place, { candidate }] of opportunities.entries())
        rows.set(placeOf(blockHash, candidate.cycleId), all.slice(place * FEATURE_COUNT, (place + 1) * FEATURE_COUNT));
    },
  });
  for (let block = 0; block < of.blocks; block++) simulation.step();
  return { seed: of.seed, blocks: of.blocks, examples, ...run, scores: of.scores ?? new Map() };
}

/** Most candidates that the solver names in a block, and a plan of several. */
const CAPACITY = 64;

/** Orders by what a model expects of each candidate. Where reverts are mined, one that does not land costs half of its gas, and what is worth nothing is not sent. */
export function expecting(ensemble: Ensemble, { reverts }: Rules): { readonly order: Order; readonly scores: ReadonlyMap<string, Score> } {
  const kernel = buildKernel(ensemble, { capacity: CAPACITY });
  const scores = new Map<string, Score>();
  const order: Order = ({ blockHash, opportunities }: BodyOf<"opportunityScored">, rows) => {
    if (opportunities.length === 0) return [];
    const answers = kernel.score(rows, opportunities.length);
    const values = opportunities.map(({ candidate, gasCost }, place) => {
      const [landing, profit, spread] = HEADS.map((_, head) => answers[place * HEADS.length + head] as number) as [number, number, number];
      const failureCostWei = reverts === "mined" ? Number(gasCost) / 2 : 0;
      const valueWei = expectedValueWei({ landing, profit, spread }, { failureCostWei });
      scores.set(placeOf(blockHash, candidate.cycleId), { landing, valueWei });
      return valueWei;
    });
    return opportunities
      .map((_, place) => place)
      .filter((place) => (values[place] as number) > 0)
      .sort((left, right) => (values[right] as number) - (values[left] as number) || left - right);
  };
  return { order, scores };
}

export interface Calibration {
  readonly rows: number;
  readonly predicted: number;
  readonly landed: number;
  /** Expected calibration error, ten bins. */
  readonly ece: number;
}

export interface Comparison {
  readonly seed: number;
  readonly byNetProfit: Run;
  readonly byModel: Run;
  /** byModel ÷ byNetProfit − 1. */
  readonly lift: number;
}

/** Calibration of what was executed, or of everything that has a verdict. */
export function calibrationOf(runs: readonly Run[], which: "executed" | "labelled"): Calibration {
  const pairs = runs.flatMap(({ examples, scores }) =>
    examples.flatMap(({ label, blockHash }) => {
      const verdict = verdictOf(label);
      const score = scores.get(placeOf(blockHash, label.cycleId));
      return verdict === null || score === undefined || (which === "executed" && label.executions.length === 0)
        ? []
        : [{ predicted: score.landing, landed: verdict.landed }];
    }),
  );
  const mean = (of: (pair: (typeof pairs)[number]) => number) => pairs.reduce((sum, pair) => sum + of(pair), 0) / pairs.length;
  return {
    rows: pairs.length,
    predicted: mean(({ predicted }) => predicted),
    landed: mean(({ landed }) => landed),
    ece: ece(
      pairs.map(({ predicted }) => predicted),
      pairs.map(({ landed }) => landed),
    ),
  };
}

/** Both orders on the same seed: the same market, people and dice. */
export function compare(ensemble: Ensemble, of: { readonly seed: number; readonly rules: Rules; readonly blocks: number }): Comparison {
  const byNetProfit = runOf({ ...of, order: null });
  const byModel = runOf({ ...of, ...expecting(ensemble, of.rules) });
  return { seed: of.seed, byNetProfit, byModel, lift: Number(byModel.settledWei) / Number(byNetProfit.settledWei) - 1 };
}
