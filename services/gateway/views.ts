import { profitTokenOf } from "#libs/ledger/profit-token.ts";
import type { ActorHeartbeat } from "#proto/actor/v1/heartbeat.ts";
import type { BlockObserved } from "#proto/block/v1/observed.ts";
import type { Hop } from "#proto/cycle/v1/found.ts";
import type { Evaluation, OpportunityScored } from "#proto/opportunity/v1/scored.ts";
import type { Quote, QuoteRequest } from "#proto/quote/v1/quote.ts";
import type {
  ActorView,
  BlockView,
  ChainStats,
  ChainView,
  FunnelView,
  HealthView,
  HopView,
  InitialView,
  LatencyView,
  OpportunityStatus,
  OpportunityView,
  ProfitCurve,
  QuoteView,
  RejectionView,
  StatsView,
  TradeView,
} from "#services/gateway/api.ts";
import { decidersScore } from "#services/gateway/learning.ts";
import { type Execution, executionOf, latestSettlement, slippageE12, slippageFraction, statusOf } from "#services/gateway/ledger.ts";
import type { ChainModel, KnownActor, KnownOpportunity, KnownRejection, ReadModel } from "#services/gateway/model.ts";
import { tokenView } from "#services/gateway/token-view.ts";

/** Reads the model and never changes it. What depends on time takes it as `nowMs`. */

function hopView(chain: ChainModel, hop: Hop): HopView {
  const { dex, family, pool, amountIn, amountOut } = hop;
  return { dex, family, pool, tokenIn: tokenView(chain, hop.tokenIn), tokenOut: tokenView(chain, hop.tokenOut), amountIn, amountOut };
}

export function quoteView(chain: ChainModel, { tokenIn, tokenOut, amountIn }: QuoteRequest, { ok: _, legs, ...quote }: Quote): QuoteView {
  return {
    chain: chain.config.key,
    tokenIn: tokenView(chain, tokenIn),
    tokenOut: tokenView(chain, tokenOut),
    amountIn,
    ...quote,
    legs: legs.map(({ hops, ...leg }) => ({ ...leg, hops: hops.map((hop) => hopView(chain, hop)) })),
  };
}

/** What the origin calls a pair: the first hop's tokens. */
function pairOf(hops: readonly HopView[]): string {
  const first = hops[0];
  return first === undefined ? "" : `${first.tokenIn.symbol}/${first.tokenOut.symbol}`;
}

export function blockView(chain: ChainModel, body: BlockObserved): BlockView {
  const { blockNumber, blockHash, observedAtMs, baseFeePerGas, epoch } = body;
  const timestamp = body.timestamp * 1_000;
  return { chain: chain.config.key, blockNumber, blockHash, timestamp, observedAtMs, baseFeePerGas, logs: body.logs.length, epoch };
}

/** An opportunity without an execution is open at its block's head, dropped when its block was, and has passed otherwise. */
function statusOfOpportunity(chain: ChainModel, opportunity: KnownOpportunity, execution: Execution | undefined): OpportunityStatus {
  if (execution !== undefined) return statusOf(execution);
  const { blockHash } = opportunity.body;
  const block = chain.blocks.get(blockHash);
  if (block !== undefined && block.droppedEpoch > block.observedEpoch) return "dropped";
  // Ahead of the head only while the block message, on another stream, is still on its way.
  return chain.head === null || blockHash === chain.head.blockHash || opportunity.body.blockNumber > chain.head.blockNumber
    ? "open"
    : "passed";
}

const WEI_PER_COIN = 1e18;

/** Null while what the search said of it has not been read. */
export function opportunityView(chain: ChainModel, opportunity: KnownOpportunity): OpportunityView | null {
  const { scored, body, candidate } = opportunity;
  if (candidate === null) return null;
  const executionId = chain.ledger.byOpportunity.get(opportunity.id);
  const execution = executionId === undefined ? undefined : executionOf(chain.ledger, executionId);
  const status = statusOfOpportunity(chain, opportunity, execution);
  const failure = status === "failed" ? execution?.failed?.fact : undefined;
  const hops = candidate.hops.map((hop) => hopView(chain, hop));
  const pools = candidate.hops.map(({ pool }) => pool);
  return {
    id: opportunity.id,
    timestamp: body.observedAtMs,
    chain: chain.config.key,
    blockNumber: body.blockNumber,
    blockHash: body.blockHash,
    cycleId: candidate.cycleId,
    rank: scored.rank,
    explored: body.explored && scored.rank === 0,
    pool1: pools[0] ?? "",
    pool2: pools[1] ?? "",
    pools,
    pair: pairOf(hops),
    hops,
    token: tokenView(chain, profitTokenOf(candidate)),
    expectedProfit: scored.netProfit,
    expectedProfitEth: Number(scored.netProfit) / WEI_PER_COIN,
    grossProfit: candidate.grossProfit,
    gasCost: scored.gasCost,
    estimatedGas: candidate.gasEstimate,
    loanToken: tokenView(chain, candidate.token),
    flashloanAmount: candidate.amountIn,
    flashloanFee: "0",
    ...modelSays(chain, opportunity.id, body.ranking, scored.evaluation),
    slippage: null,
    marketImpact: candidate.priceImpact ?? null,
    status,
    executionId: executionId ?? null,
    outcome: failure === undefined ? null : failure.detail === "" ? failure.code : `${failure.code}: ${failure.detail}`,
  };
}

function modelSays(chain: ChainModel, id: string, ranking: OpportunityScored["ranking"], evaluation: Evaluation) {
  const score = decidersScore(ranking, evaluation);
  return {
    ranking,
    confidence: score?.landing ?? null,
    expectedValue: score?.value ?? null,
    champion: evaluation.champion,
    challenger: evaluation.challenger,
    label: chain.learning.outcomes.get(id) ?? null,
  };
}

function rejectionView(chain: ChainModel, { id, rejected, body, candidate }: KnownRejection): RejectionView {
  return {
    id,
    timestamp: body.observedAtMs,
    chain: chain.config.key,
    blockNumber: body.blockNumber,
    blockHash: body.blockHash,
    cycleId: rejected.cycleId,
    reason: rejected.reason,
    unfit: body.unfit,
    netProfit: rejected.netProfit,
    hops: candidate?.hops.map((hop) => hopView(chain, hop)) ?? [],
    token: candidate === null ? null : tokenView(chain, profitTokenOf(candidate)),
    loanToken: candidate === null ? null : tokenView(chain, candidate.token),
    amountIn: candidate?.amountIn ?? null,
    grossProfit: candidate?.grossProfit ?? null,
    ...modelSays(chain, id, body.ranking, rejected.evaluation),
  };
}

/** Null for an execution that has not settled. */
export function tradeView(chain: ChainModel, execution: Execution): TradeView | null {
  const settlement = latestSettlement(execution);
  if (settlement === null) return null;
  const { fact: trade, voided, success, storedAtMs } = settlement;
  const submitted = execution.submitted?.fact;
  const hops = trade.candidate.hops.map((hop) => hopView(chain, hop));
  return {
    id: execution.id,
    opportunityId: execution.opportunityId ?? execution.id,
    timestamp: storedAtMs,
    chain: chain.config.key,
    blockNumber: trade.blockNumber,
    blockHash: trade.blockHash,
    transactionHash: trade.transactionHash,
    wallet: trade.wallet,
    pools: hops.map(({ pool }) => pool),
    pair: pairOf(hops),
    hops,
    success,
    voided,
    token: tokenView(chain, trade.token),
    profit: trade.profit,
    expectedProfit: trade.candidate.grossProfit,
    netProfitWei: trade.netProfit,
    actualSlippage: success ? slippageFraction(slippageE12(trade.candidate, trade, chain.config.wrappedNative)) : null,
    gasUsed: trade.gasUsed,
    effectiveGasPrice: trade.effectiveGasPrice,
    gasCost: trade.gasCost,
    builderPayment: trade.builderPayment,
    loanToken: tokenView(chain, trade.candidate.token),
    flashloanAmount: trade.loanAmount,
    flashloanFee: "0",
    marketImpact: trade.candidate.priceImpact ?? null,
    executionTime: submitted === undefined ? null : Math.max(0, submitted.submittedAtMs - submitted.observedAtMs),
    relay: submitted?.relay ?? null,
  };
}

export const selected = (model: ReadModel, chain?: string): ChainModel[] =>
  [...model.chains.values()].filter(({ config }) => chain === undefined || config.key === chain);

export interface ListQuery {
  readonly limit: number;
  readonly chain?: string | undefined;
}

/** Order by time, then by what every reader of the rows can see, so that a page that sorts what it was sent agrees with a fresh one. */
export function opportunitiesView(model: ReadModel, { limit, chain }: ListQuery): OpportunityView[] {
  const all = selected(model, chain).flatMap((each) => [...each.opportunities.values()].map((opportunity) => ({ each, opportunity })));
  all.sort(
    ({ opportunity: a }, { opportunity: b }) =>
      b.body.observedAtMs - a.body.observedAtMs || a.scored.rank - b.scored.rank || (b.id < a.id ? -1 : 1),
  );
  return all.slice(0, limit).flatMap(({ each, opportunity }) => opportunityView(each, opportunity) ?? []);
}

export function rejectionsView(model: ReadModel, { limit, chain }: ListQuery): RejectionView[] {
  const all = selected(model, chain).flatMap((each) => [...each.rejections.values()].map((rejection) => ({ each, rejection })));
  return all
    .sort(
      ({ rejection: a }, { rejection: b }) =>
        b.body.observedAtMs - a.body.observedAtMs || b.body.blockNumber - a.body.blockNumber || a.place - b.place || (b.id < a.id ? -1 : 1),
    )
    .slice(0, limit)
    .map(({ each, rejection }) => rejectionView(each, rejection));
}

export function tradesView(model: ReadModel, { limit, chain }: ListQuery): TradeView[] {
  const all = selected(model, chain).flatMap((each) => [...each.ledger.settled.values()].map((execution) => ({ each, execution })));
  return all
    .map((item) => ({ ...item, at: latestSettlement(item.execution) }))
    .sort((a, b) => (b.at?.storedAtMs ?? 0) - (a.at?.storedAtMs ?? 0) || (b.execution.id < a.execution.id ? -1 : 1))
    .slice(0, limit)
    .map(({ each, execution }) => tradeView(each, execution))
    .filter((trade) => trade !== null);
}

export function profitView(model: ReadModel, chain?: string): ProfitCurve[] {
  return selected(model, chain).map(({ config, profitPoints }) => ({
    chain: config.key,
    nativeSymbol: config.nativeSymbol,
    points: profitPoints,
  }));
}

/** Nearest-rank percentiles: every value shown was measured. */
function latencyView(samples: readonly number[]): LatencyView {
  const sorted = [...samples].sort((a, b) => a - b);
  const percentile = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? null;
  return { p50: percentile(0.5), p99: percentile(0.99), samples: sorted.length };
}

const total = <Item>(items: readonly Item[], of: (item: Item) => number): number => items.reduce((sum, item) => sum + of(item), 0);
const totalBigint = <Item>(items: readonly Item[], of: (item: Item) => bigint): bigint => items.reduce((sum, item) => sum + of(item), 0n);

function sumCounts(counts: readonly ReadonlyMap<string, number>[]): Record<string, number> {
  const sums = new Map<string, number>();
  for (const map of counts) for (const [key, value] of map) sums.set(key, (sums.get(key) ?? 0) + value);
  return Object.fromEntries([...sums].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function funnelView(chains: readonly ChainModel[]): FunnelView {
  const executions = (of: (totals: ChainModel["ledger"]["totals"]) => number) => total(chains, ({ ledger }) => of(ledger.totals));
  return {
    cycles: total(chains, ({ cycles }) => cycles),
    candidates: total(chains, ({ candidates }) => candidates),
    opportunities: total(chains, ({ opportunitiesScored }) => opportunitiesScored),
    planned: executions(({ planned }) => planned),
    simulated: executions(({ simulated }) => simulated),
    submitted: executions(({ submitted }) => submitted),
    landed: executions(({ landed }) => landed),
    settled: executions(({ settled }) => settled),
    reverted: executions(({ reverted }) => reverted),
    expired: executions(({ expired }) => expired),
    voided: executions(({ voided }) => voided),
    rejected: sumCounts(chains.map(({ rejected }) => rejected)),
    failed: sumCounts(chains.map(({ ledger }) => ledger.totals.failed)),
  };
}

function scopeStats(chains: readonly ChainModel[]): ChainStats {
  const totals = chains.map(({ ledger }) => ledger.totals);
  const symbols = new Set(chains.map(({ config }) => config.nativeSymbol));
  const oneCoin = symbols.size <= 1;
  const successful = total(totals, (each) => each.successful);
  const slippageSum = totalBigint(totals, (each) => each.slippageSumE12);
  return {
    totalTrades: total(totals, ({ settled }) => settled),
    successfulTrades: successful,
    totalProfit: oneCoin ? totalBigint(totals, ({ netProfitWei }) => netProfitWei).toString() : null,
    nativeSymbol: oneCoin ? ([...symbols][0] ?? null) : null,
    profitByToken: chains.flatMap((chain) =>
      [...chain.ledger.totals.profitByToken].map(([address, { profit, trades }]) => ({
        chain: chain.config.key,
        token: tokenView(chain, address),
        profit: profit.toString(),
        trades,
      })),
    ),
    avgSlippage: successful === 0 ? null : slippageFraction(slippageSum / BigInt(successful)),
    totalGasUsed: total(totals, ({ gasUsed }) => gasUsed),
    totalGasCost: oneCoin ? totalBigint(totals, ({ gasCostWei }) => gasCostWei).toString() : null,
    funnel: funnelView(chains),
    latencyMs: {
      blockToCycle: latencyView(chains.flatMap(({ blockToCycleMs }) => blockToCycleMs)),
      blockToBundle: latencyView(chains.flatMap(({ blockToBundleMs }) => blockToBundleMs)),
    },
    pools: chains.flatMap((chain) =>
      [...chain.pools]
        .map(([dex, { family, pools, quarantined, asOfBlock }]) => ({
          chain: chain.config.key,
          dex,
          family,
          pools,
          quarantined: quarantined.size,
          asOfBlock,
        }))
        .sort((a, b) => b.pools - a.pools || (a.dex < b.dex ? -1 : 1)),
    ),
    blocks: total(chains, ({ blocksObserved }) => blocksObserved),
    reorgs: total(chains, ({ reorgs }) => reorgs),
    deepestReorg: Math.max(0, ...chains.map(({ deepestReorg }) => deepestReorg)),
  };
}

export function statsView(model: ReadModel, nowMs: number, chain?: string): StatsView {
  const chains = selected(model, chain);
  return {
    timestamp: nowMs,
    ...scopeStats(chains),
    messages: { total: model.messages, duplicates: model.duplicates, byKind: sumCounts([model.messagesByKind]) },
    deadLetters: { total: model.deadLetters, byReason: sumCounts([model.deadLettersByReason]), recent: model.recentDeadLetters },
    byChain: Object.fromEntries(chains.map((each) => [each.config.key, scopeStats([each])])),
  };
}

const LATE_AFTER_INTERVALS = 2;
const GONE_AFTER_INTERVALS = 3;
/** A gone instance stays in view this long, as its last heartbeat does in the stream. */
const FORGET_SILENT_AFTER_MS = 3_600_000;

function actorHealth({ body, seenAtMs }: KnownActor, nowMs: number): ActorView["health"] {
  if (body.state === "stopped") return "stopped";
  const silentMs = nowMs - seenAtMs;
  if (silentMs > GONE_AFTER_INTERVALS * body.intervalMs) return "gone";
  return silentMs > LATE_AFTER_INTERVALS * body.intervalMs ? "late" : "alive";
}

/** An instance's name less its process, where it carries one: what a restarted instance shares with the one before it. */
const postOf = ({ instance, pid }: ActorHeartbeat): string =>
  instance.endsWith(`-${pid}`) ? instance.slice(0, -`-${pid}`.length) : instance;

/** Every instance heard of within the hour, except those that a later one at the same post has replaced. */
export function actorsView(model: ReadModel, nowMs: number): ActorView[] {
  const actors = [...model.actors.values()].filter(({ seenAtMs }) => nowMs - seenAtMs <= FORGET_SILENT_AFTER_MS);
  const latestAt = new Map<string, number>();
  for (const { body } of actors) latestAt.set(postOf(body), Math.max(body.startedAtMs, latestAt.get(postOf(body)) ?? 0));
  return actors
    .map((actor) => ({ actor, health: actorHealth(actor, nowMs) }))
    .filter(({ actor: { body }, health }) => (health !== "gone" && health !== "stopped") || body.startedAtMs === latestAt.get(postOf(body)))
    .map(({ actor: { body, seenAtMs }, health }) => ({
      instance: body.instance,
      actor: body.actor,
      post: postOf(body).replace(new RegExp(`^${body.actor}-?`), ""),
      chain: body.chain,
      state: body.state,
      health,
      version: body.version,
      startedAtMs: body.startedAtMs,
      lastSeenMs: seenAtMs,
      headBlock: body.headBlock,
      messagesConsumed: body.messagesConsumed,
      messagesPublished: body.messagesPublished,
      deadLetters: body.deadLetters,
    }))
    .sort((a, b) => (a.instance < b.instance ? -1 : 1));
}

function chainView({ config, mode, head, blocks }: ChainModel, nowMs: number): ChainView {
  const view = head === null ? null : (blocks.get(head.blockHash)?.view ?? null);
  return {
    chain: config.key,
    chainId: config.chainId,
    name: config.name,
    nativeSymbol: config.nativeSymbol,
    mode,
    blockTimeMs: config.blockTimeMs,
    head: view,
    headAgeMs: view === null ? null : Math.max(0, nowMs - view.observedAtMs),
  };
}

/** A head is late past ten block times: nine empty slots in a row are a fault, not chance. */
const HEAD_LATE_AFTER_BLOCKS = 10;

export function healthView(
  model: ReadModel,
  { nowMs, startedAtMs, headLateAfterMs, caughtUp }: { nowMs: number; startedAtMs: number; headLateAfterMs: number; caughtUp: boolean },
): HealthView {
  const chains = selected(model).map((chain) => chainView(chain, nowMs));
  const actors = actorsView(model, nowMs);
  const lateHeads = chains.filter(
    ({ headAgeMs, blockTimeMs }) => headAgeMs !== null && headAgeMs > Math.max(headLateAfterMs, HEAD_LATE_AFTER_BLOCKS * blockTimeMs),
  );
  const silent = actors.filter(({ health }) => health === "late" || health === "gone");
  const reasons = [
    ...(caughtUp ? [] : ["still reading the streams"]),
    ...chains.filter(({ head }) => head === null).map(({ chain }) => `no block of ${chain} yet`),
    ...lateHeads.map(({ chain, headAgeMs }) => `head of ${chain} is ${Math.round((headAgeMs ?? 0) / 1_000)} s old`),
    ...silent.map(({ instance, health }) => `${instance} is ${health}`),
  ];
  const starting = !caughtUp || (chains.length > 0 && chains.every(({ head }) => head === null));
  return {
    status: starting ? "starting" : reasons.length > 0 ? "degraded" : "ok",
    reasons,
    timestamp: nowMs,
    uptime: Math.max(0, nowMs - startedAtMs) / 1_000,
    chains,
    actors,
  };
}

export function initialView(model: ReadModel, health: HealthView, { nowMs, listSize }: { nowMs: number; listSize: number }): InitialView {
  return {
    health,
    stats: statsView(model, nowMs),
    opportunities: opportunitiesView(model, { limit: listSize }),
    trades: tradesView(model, { limit: listSize }),
    profitCurve: profitView(model),
  };
}
