import { createHash } from "node:crypto";
import { featuresOf, rowsOf } from "#libs/history/history.ts";
import { modelScoreAt } from "#libs/ml/ensemble.ts";
import type { CandidateInBlock, FeatureContext } from "#libs/ml/features.ts";
import type { Kernel } from "#libs/ml/kernel.ts";
import type { Candidate } from "#proto/cycle/v1/found.ts";
import type { Evaluation, ModelScore, Rejection } from "#proto/opportunity/v1/scored.ts";

/** A candidate with its price. */
export interface Priced {
  readonly candidate: Candidate;
  /** Wei. */
  readonly gasCost: bigint;
  readonly netProfit: bigint;
}

/** Best net profit first; those of the same keep their order. */
export function priced(candidates: readonly Candidate[], gasPrice: bigint): Priced[] {
  const all = candidates.map((candidate) => {
    const gasCost = BigInt(candidate.gasEstimate) * gasPrice;
    return { candidate, gasCost, netProfit: BigInt(candidate.grossProfit) - gasCost };
  });
  return all.sort((left, right) => (left.netProfit > right.netProfit ? -1 : left.netProfit < right.netProfit ? 1 : 0));
}

/** How values are made of what a model says. */
export interface Worth {
  /** What a candidate that does not land costs: nothing where bundles are private and reverts are not mined, its gas where they are. */
  readonly failingCosts: "nothing" | "gas";
  /** Standard deviations of the outcome that are taken off its mean. */
  readonly riskAversion: number;
}

export interface Models {
  readonly champion: Kernel | null;
  readonly challenger: Kernel | null;
}

/** What had been seen of the candidates, in their order, and what the models say. Without a context nothing had. */
export function evaluate(
  candidates: readonly Priced[],
  cyclesFound: number,
  context: FeatureContext | null,
  { champion, challenger }: Models,
  worth: Worth,
): Evaluation[] {
  if (context === null) return candidates.map(() => ({ features: null, champion: null, challenger: null }));
  const rows = rowsOf(
    candidates.map(({ candidate }, rank): CandidateInBlock => ({ candidate, rank, cyclesFound })),
    context,
  );
  const champions = scoresOf(champion, rows, candidates, worth);
  const challengers = scoresOf(challenger, rows, candidates, worth);
  return candidates.map((_, place) => ({
    features: featuresOf(rows, place),
    champion: champions?.[place] ?? null,
    challenger: challengers?.[place] ?? null,
  }));
}

function scoresOf(kernel: Kernel | null, rows: Float32Array, candidates: readonly Priced[], worth: Worth): ModelScore[] | null {
  if (kernel === null || candidates.length === 0) return null;
  const scores = kernel.score(rows, candidates.length);
  return candidates.map(({ gasCost }, place) =>
    modelScoreAt(scores, place, { failureCostWei: worth.failingCosts === "gas" ? Number(gasCost) : 0, riskAversion: worth.riskAversion }),
  );
}

/** In [0, 1), decided by the block and what it is for: the same block draws the same in every replay. */
export function drawOf(purpose: string, { blockHash, epoch }: { readonly blockHash: string; readonly epoch: number }): number {
  return createHash("sha256").update(`${purpose}:${blockHash}:${epoch}`).digest().readUInt32BE(0) / 2 ** 32;
}

export type By = "net-profit" | "champion" | "challenger";

export interface Evaluated extends Priced {
  readonly evaluation: Evaluation;
}

/** Why a candidate is not passed on; null where it is. `cautious`: the champion is off, so that a value has to be worth its gas once more. */
export function gateOf(
  { candidate, netProfit, gasCost, evaluation }: Evaluated,
  by: By,
  {
    minNetProfit,
    phantoms,
    cautious,
  }: { readonly minNetProfit: bigint; readonly phantoms: ReadonlySet<string>; readonly cautious: boolean },
): Rejection | null {
  if (netProfit < minNetProfit) return "below-minimum";
  if (phantoms.size > 0 && candidate.hops.some(({ pool }) => phantoms.has(pool))) return "phantom";
  if (by === "net-profit") return null;
  const value = BigInt(evaluation[by]?.value ?? 0);
  return value <= (cautious ? gasCost : 0n) ? "not-worth-the-risk" : null;
}

/** Best first: by net profit as they come, or by the value that a model gives; those of the same keep their order. */
export function inOrder(candidates: readonly Evaluated[], by: By): Evaluated[] {
  if (by === "net-profit") return [...candidates];
  const worthOf = ({ evaluation }: Evaluated) => BigInt(evaluation[by]?.value ?? 0);
  return candidates
    .map((candidate) => ({ candidate, value: worthOf(candidate) }))
    .sort((left, right) => (left.value > right.value ? -1 : left.value < right.value ? 1 : 0))
    .map(({ candidate }) => candidate);
}
