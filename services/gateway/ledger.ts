import { inProfitToken } from "#libs/ledger/profit-token.ts";
import type { Candidate } from "#proto/cycle/v1/found.ts";
import type {
  ExecutionExpired,
  ExecutionFailed,
  ExecutionLanded,
  ExecutionPlanned,
  ExecutionReorged,
  ExecutionSimulated,
  ExecutionSubmitted,
} from "#proto/execution/v1/events.ts";
import type { TradeSettled } from "#proto/trade/v1/settled.ts";
import type { OpportunityStatus } from "#services/gateway/api.ts";

/**
 * The executions of one chain and their totals.
 *
 * All events of an execution lie in one stream, so their stream sequences say which is later, whatever order they arrive in. An execution's record
 * keeps the latest sequence of each fact, and totals are the sum of what each record contributes: adding a message twice, or late, changes nothing.
 */

export type ExecutionEvent =
  | ExecutionPlanned
  | ExecutionSimulated
  | ExecutionSubmitted
  | ExecutionLanded
  | ExecutionFailed
  | ExecutionExpired
  | ExecutionReorged
  | TradeSettled;

interface At<Fact> {
  readonly sequence: number;
  readonly storedAtMs: number;
  readonly fact: Fact;
}

export interface Execution {
  readonly id: string;
  readonly cycleId: string;
  readonly wallet: string;
  /** cycleId@blockHash of the opportunity; null until the plan is known. */
  opportunityId: string | null;
  lastBlock: number;
  latest: { readonly sequence: number; readonly kind: ExecutionEvent["kind"] };
  planned: At<ExecutionPlanned> | null;
  simulated: boolean;
  submitted: At<ExecutionSubmitted> | null;
  failed: At<ExecutionFailed> | null;
  /** By block hash, as are settlements and voids: a reorganisation may move a transaction from block to block, and back. */
  readonly landings: Map<string, At<ExecutionLanded>>;
  readonly settlements: Map<string, At<TradeSettled>>;
  readonly voids: Map<string, number>;
}

export interface TokenTotal {
  profit: bigint;
  trades: number;
}

export interface Totals {
  planned: number;
  simulated: number;
  submitted: number;
  landed: number;
  reverted: number;
  settled: number;
  successful: number;
  expired: number;
  voided: number;
  readonly failed: Map<string, number>;
  netProfitWei: bigint;
  gasUsed: number;
  gasCostWei: bigint;
  /** Sum over successful trades, in 1e-12 of the expected amount out. */
  slippageSumE12: bigint;
  readonly profitByToken: Map<string, TokenTotal>;
}

export interface Ledger {
  readonly wrappedNative: string;
  /** Not settled yet, oldest first. */
  readonly open: Map<string, Execution>;
  /** Settled at least once, oldest first. */
  readonly settled: Map<string, Execution>;
  readonly byOpportunity: Map<string, string>;
  readonly totals: Totals;
  /** Highest block of an execution that was forgotten for room: what is not known and not later than this is a repeat. */
  forgottenUpToBlock: number;
}

export const emptyTotals = (): Totals => ({
  planned: 0,
  simulated: 0,
  submitted: 0,
  landed: 0,
  reverted: 0,
  settled: 0,
  successful: 0,
  expired: 0,
  voided: 0,
  failed: new Map(),
  netProfitWei: 0n,
  gasUsed: 0,
  gasCostWei: 0n,
  slippageSumE12: 0n,
  profitByToken: new Map(),
});

export const emptyLedger = (wrappedNative: string): Ledger => ({
  wrappedNative,
  open: new Map(),
  settled: new Map(),
  byOpportunity: new Map(),
  totals: emptyTotals(),
  forgottenUpToBlock: -1,
});

export const executionOf = (ledger: Ledger, id: string): Execution | undefined => ledger.settled.get(id) ?? ledger.open.get(id);

export const opportunityIdOf = (cycleId: string, blockHash: string): string => `${cycleId}@${blockHash}`;

function latestOf<Fact>(facts: ReadonlyMap<string, At<Fact>>): At<Fact> | null {
  let latest: At<Fact> | null = null;
  for (const at of facts.values()) if (latest === null || at.sequence > latest.sequence) latest = at;
  return latest;
}

/** The latest of its kind, unless its block was dropped after it. */
function standing<Fact extends { blockHash: string }>(facts: ReadonlyMap<string, At<Fact>>, voids: Execution["voids"]): At<Fact> | null {
  const latest = latestOf(facts);
  return latest !== null && latest.sequence > (voids.get(latest.fact.blockHash) ?? -1) ? latest : null;
}

export const standingSettlement = (execution: Execution): At<TradeSettled> | null => standing(execution.settlements, execution.voids);
const standingLanding = (execution: Execution): At<ExecutionLanded> | null => standing(execution.landings, execution.voids);

/** The settlement to show: the latest, and whether it counts. */
export function latestSettlement(execution: Execution): (At<TradeSettled> & { voided: boolean; success: boolean }) | null {
  const latest = latestOf(execution.settlements);
  if (latest === null) return null;
  const success = execution.landings.get(latest.fact.blockHash)?.fact.status !== 0;
  return { ...latest, success, voided: standingSettlement(execution) === null };
}

export function statusOf(execution: Execution): OpportunityStatus {
  const settlement = standingSettlement(execution);
  if (settlement !== null) return execution.landings.get(settlement.fact.blockHash)?.fact.status === 0 ? "reverted" : "settled";
  const landing = standingLanding(execution);
  if (landing !== null) return landing.fact.status === 0 ? "reverted" : "landed";
  switch (execution.latest.kind) {
    case "execution-planned":
      return "planned";
    case "execution-simulated":
      return "simulated";
    case "execution-submitted":
      return "submitted";
    case "execution-failed":
      return "failed";
    case "execution-expired":
      return "expired";
    // Landed or settled, and no longer standing.
    default:
      return "voided";
  }
}

const SLIPPAGE_SCALE = 10n ** 12n;

/**
 * By how much less came out than the candidate promised, in 1e-12 of the amount promised; negative when more did. Both in the profit token: what the cycle itself
 * promised of another is worth what its surplus is sold for. What the builder was paid out of the trade came out too, so it is added back where the trade's token is
 * the coin that builders are paid in.
 */
export function slippageE12(candidate: Candidate, settled: TradeSettled, wrappedNative: string): bigint {
  const builderPayment = settled.token === wrappedNative ? BigInt(settled.builderPayment) : 0n;
  const missing = BigInt(candidate.grossProfit) - BigInt(settled.profit) - builderPayment;
  const promised = inProfitToken(candidate, BigInt(candidate.amountOut));
  return promised === 0n ? 0n : (missing * SLIPPAGE_SCALE) / promised;
}

export const slippageFraction = (e12: bigint): number => Number(e12) / Number(SLIPPAGE_SCALE);

function count(counts: Map<string, number>, key: string, by: 1 | -1): void {
  const now = (counts.get(key) ?? 0) + by;
  if (now === 0) counts.delete(key);
  else counts.set(key, now);
}

/** Adds what an execution contributes to the totals, or takes it away again. */
export function contribute(totals: Totals, execution: Execution, by: 1 | -1, wrappedNative: string): void {
  const settlement = standingSettlement(execution);
  const status = statusOf(execution);
  if (execution.planned !== null) totals.planned += by;
  if (execution.simulated) totals.simulated += by;
  if (execution.submitted !== null) totals.submitted += by;
  if (settlement !== null || standingLanding(execution) !== null) totals.landed += by;
  if (status === "reverted") totals.reverted += by;
  if (status === "expired") totals.expired += by;
  if (status === "voided") totals.voided += by;
  if (status === "failed") count(totals.failed, execution.failed?.fact.code ?? "unknown", by);
  if (settlement === null) return;

  const trade = settlement.fact;
  const sign = BigInt(by);
  totals.settled += by;
  totals.netProfitWei += sign * BigInt(trade.netProfit);
  totals.gasUsed += by * trade.gasUsed;
  totals.gasCostWei += sign * BigInt(trade.gasCost);
  if (status === "settled") {
    totals.successful += by;
    totals.slippageSumE12 += sign * slippageE12(trade.candidate, trade, wrappedNative);
  }
  const token = totals.profitByToken.get(trade.token) ?? { profit: 0n, trades: 0 };
  token.profit += sign * BigInt(trade.profit);
  token.trades += by;
  if (token.trades === 0) totals.profitByToken.delete(trade.token);
  else totals.profitByToken.set(trade.token, token);
}

const later = <Fact>(known: At<Fact> | null | undefined, next: At<Fact>): At<Fact> =>
  known !== null && known !== undefined && known.sequence > next.sequence ? known : next;

function record(execution: Execution, event: ExecutionEvent, sequence: number, storedAtMs: number): void {
  execution.lastBlock = Math.max(execution.lastBlock, event.blockNumber);
  if (sequence > execution.latest.sequence) execution.latest = { sequence, kind: event.kind };
  switch (event.kind) {
    case "execution-planned":
      execution.planned = later(execution.planned, { sequence, storedAtMs, fact: event });
      execution.opportunityId = opportunityIdOf(execution.planned.fact.cycleId, execution.planned.fact.blockHash);
      return;
    case "execution-simulated":
      execution.simulated = true;
      return;
    case "execution-submitted":
      execution.submitted = later(execution.submitted, { sequence, storedAtMs, fact: event });
      return;
    case "execution-failed":
      execution.failed = later(execution.failed, { sequence, storedAtMs, fact: event });
      return;
    case "execution-expired":
      return;
    case "execution-landed":
      execution.landings.set(event.blockHash, later(execution.landings.get(event.blockHash), { sequence, storedAtMs, fact: event }));
      return;
    case "trade-settled":
      execution.settlements.set(event.blockHash, later(execution.settlements.get(event.blockHash), { sequence, storedAtMs, fact: event }));
      return;
    case "execution-reorged":
      execution.voids.set(event.blockHash, Math.max(execution.voids.get(event.blockHash) ?? -1, sequence));
      return;
  }
}

/** Drops the oldest beyond the bound. Their totals stay counted. */
function forget(ledger: Ledger, from: Map<string, Execution>, kept: number): void {
  while (from.size > kept) {
    const oldest = from.values().next().value;
    if (oldest === undefined) return;
    from.delete(oldest.id);
    ledger.forgottenUpToBlock = Math.max(ledger.forgottenUpToBlock, oldest.lastBlock);
    if (oldest.opportunityId !== null && ledger.byOpportunity.get(oldest.opportunityId) === oldest.id)
      ledger.byOpportunity.delete(oldest.opportunityId);
  }
}

/** Applies an event. Returns its execution, or null for a repeat about an execution that was forgotten long ago. */
export function applyExecution(
  ledger: Ledger,
  event: ExecutionEvent,
  at: { sequence: number; storedAtMs: number },
  bounds: { executionsKept: number; tradesKept: number },
): Execution | null {
  const known = executionOf(ledger, event.executionId);
  if (known === undefined && event.blockNumber <= ledger.forgottenUpToBlock) return null;
  const execution: Execution = known ?? {
    id: event.executionId,
    cycleId: event.cycleId,
    wallet: event.wallet,
    opportunityId: null,
    lastBlock: event.blockNumber,
    latest: { sequence: -1, kind: event.kind },
    planned: null,
    simulated: false,
    submitted: null,
    failed: null,
    landings: new Map(),
    settlements: new Map(),
    voids: new Map(),
  };
  if (known !== undefined) contribute(ledger.totals, execution, -1, ledger.wrappedNative);
  record(execution, event, at.sequence, at.storedAtMs);
  contribute(ledger.totals, execution, 1, ledger.wrappedNative);

  if (execution.opportunityId !== null) ledger.byOpportunity.set(execution.opportunityId, execution.id);
  if (execution.settlements.size > 0) {
    ledger.open.delete(execution.id);
    ledger.settled.set(execution.id, execution);
    forget(ledger, ledger.settled, bounds.tradesKept);
  } else {
    ledger.open.set(execution.id, execution);
    forget(ledger, ledger.open, bounds.executionsKept);
  }
  return execution;
}
