import { type Block, type BlockMemory, stepsOf } from "#libs/history/blocks.ts";
import { cycleHops } from "#libs/ledger/profit-token.ts";
import type { ObservedArbitrage } from "#proto/arbitrage/v1/observed.ts";
import type { Candidate } from "#proto/cycle/v1/found.ts";
import type { Evaluation } from "#proto/opportunity/v1/scored.ts";
import type { Label, LabelledExecution, LabelledLanding, LabelledNext, LabelledRival, Outcome } from "#proto/outcome/v1/labelled.ts";
import type { BodyOf } from "#proto/subjects.ts";

/** One execution, as its events have told it so far. */
export interface Attempt {
  readonly planned: Pick<
    BodyOf<"executionPlanned">,
    "executionId" | "blockNumber" | "blockHash" | "cycleId" | "mode" | "causeId" | "candidate"
  >;
  end: "failed" | "expired" | null;
  code: string | null;
  landed: BodyOf<"executionLanded"> | null;
  settled: BodyOf<"tradeSettled"> | null;
}

/** A candidate of a ranking whose outcome is awaited. */
export interface Awaited {
  readonly candidate: Candidate;
  readonly rank: number;
  readonly rejected: string | null;
  /** Wei, as ranked. */
  readonly netProfit: string;
  readonly evaluation: Evaluation;
  /** What it would have paid on the states that the block after its own left; `grossProfit` null where a pool refused, or a state was not known. */
  requoted: Requoted | null;
}

export interface Requoted {
  readonly branch: string;
  /** Not known where a DEX of it had not reported that block. */
  readonly isKnown: boolean;
  readonly grossProfit: bigint | null;
}

function landingOf({ landed, settled }: Attempt, memory: BlockMemory): LabelledLanding | null {
  if (landed === null) return null;
  const baseFeePerGas = memory.byHash(landed.blockHash)?.baseFeePerGas ?? null;
  const price = BigInt(landed.effectiveGasPrice);
  const gasUsed = BigInt(landed.gasUsed);
  return {
    blockNumber: landed.blockNumber,
    transactionHash: landed.transactionHash,
    succeeded: landed.status === 1,
    gasUsed: landed.gasUsed,
    gasCost: (gasUsed * price).toString(),
    tip: baseFeePerGas === null ? null : (gasUsed * (price - baseFeePerGas)).toString(),
    profit: settled?.profit ?? null,
    netProfit: settled?.netProfit ?? null,
    builderPayment: settled?.builderPayment ?? null,
  };
}

function executionOf(attempt: Attempt, memory: BlockMemory): LabelledExecution {
  const { planned, end, code } = attempt;
  const landing = landingOf(attempt, memory);
  return {
    executionId: planned.executionId,
    mode: planned.mode,
    end: landing === null ? (end ?? "open") : landing.succeeded ? "landed" : "reverted",
    code,
    landing,
  };
}

/**
 * Arbitrages of others in a block through any pool of the candidate in its direction, and the first of them that took it: one through all of its pools, or of a plan one
 * that went through nothing but pools of the plan. Where the candidate sold what its cycle left is its own affair: another may keep it, or sell it elsewhere.
 */
function rivalsOf(
  candidate: Candidate,
  others: readonly ObservedArbitrage[],
): { readonly rivals: number; readonly rival: LabelledRival | null } {
  const own = new Set(stepsOf(cycleHops(candidate)));
  const isWithin = (inner: ReadonlySet<string>, outer: ReadonlySet<string>) => [...inner].every((step) => outer.has(step));
  let rivals = 0;
  let rival: LabelledRival | null = null;
  for (const { hops, transactionHash, token, grossProfit, gasCost, tip } of others) {
    const steps = new Set(stepsOf(hops));
    if (![...steps].some((step) => own.has(step))) continue;
    rivals++;
    if (rival === null && (isWithin(own, steps) || isWithin(steps, own))) rival = { transactionHash, token, grossProfit, gasCost, tip };
  }
  return { rivals, rival };
}

/** `next`: the block after the candidate's, of the branch that stands; null where there is none, or the candidate's own is not in it (`isDropped`). */
function nextOf({ candidate, requoted }: Awaited, gasPrice: bigint, next: Block | null, isDropped: boolean): LabelledNext {
  const nothing = { grossProfit: null, netProfit: null, ...rivalsOf(candidate, next?.others ?? []) };
  const unknown = (because: NonNullable<LabelledNext["because"]>): LabelledNext => ({ state: "unknown", because, ...nothing });
  if (isDropped) return unknown("reorged");
  if (next === null || requoted?.branch !== next.branch) return unknown("no-block");
  if (!requoted.isKnown) return unknown("dex-late");
  const { grossProfit } = requoted;
  const netProfit = grossProfit === null ? null : grossProfit - (next.gasPrice ?? gasPrice) * BigInt(candidate.gasEstimate);
  if (grossProfit !== null && netProfit !== null && netProfit > 0n)
    return { ...nothing, state: "there", because: null, grossProfit: `${grossProfit}`, netProfit: `${netProfit}` };
  if (stepsOf(candidate.hops).some((step) => next.ours.has(step))) return unknown("own-trade");
  if (!next.watched && nothing.rivals === 0) return unknown("not-watched");
  return {
    ...nothing,
    state: "gone",
    because: null,
    grossProfit: grossProfit?.toString() ?? null,
    netProfit: netProfit?.toString() ?? null,
  };
}

/** Codes that say something of the candidate: a late or refused bundle says something of us. */
const SIMULATED = new Set<string | null>([
  "simulation-reverted",
  "unprofitable-after-simulation",
] satisfies BodyOf<"executionFailed">["code"][]);

function outcomeOf(executions: readonly LabelledExecution[], next: LabelledNext): Outcome {
  const ends = (end: LabelledExecution["end"]) => executions.filter((execution) => execution.end === end);
  if (ends("landed").length > 0) return "landed";
  if (ends("reverted").length > 0) return "reverted";
  if (ends("failed").some(({ code }) => SIMULATED.has(code))) return "failed";
  if (next.rival !== null) return "outbid";
  if (ends("expired").some(({ mode }) => mode === "live")) return "expired";
  if (next.state === "there") return "still-there";
  return next.state === "gone" ? "vanished" : "unknown";
}

/** What became of a candidate, by everything that has been said up to now. `gasPrice`: that it was ranked with. */
export function labelOf(
  awaited: Awaited,
  attempts: readonly Attempt[],
  at: { readonly blockHash: string; readonly epoch: number; readonly gasPrice: bigint },
  memory: BlockMemory,
): Label {
  const { candidate, rank, rejected, netProfit, evaluation } = awaited;
  const own = memory.at(at);
  const next = own === undefined ? null : (memory.byNumber(own.number + 1) ?? null);
  const executions = attempts.map((attempt) => executionOf(attempt, memory));
  const labelledNext = nextOf(awaited, at.gasPrice, next, own === undefined);
  return {
    cycleId: candidate.cycleId,
    rank,
    rejected,
    grossProfit: candidate.grossProfit,
    netProfit,
    evaluation,
    executions,
    next: labelledNext,
    outcome: outcomeOf(executions, labelledNext),
  };
}
