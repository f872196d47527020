import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

const updates: (() => void)[] = [];
/** For gauges that are worked out when somebody looks: called before each scrape. */
export function beforeScrape(update: () => void): void {
  updates.push(update);
}

class ScrapedRegistry extends Registry {
  override metrics(): Promise<string> {
    for (const update of updates) update();
    return super.metrics();
  }
}

/** One registry a process. Every metric of the system is declared here, with its labels, so that dashboards have one list to follow. */
export const registry = new ScrapedRegistry();

/** 0.5 ms to 8 s: a JetStream hop is 0.1 ms, a block time some seconds. */
const LATENCY_BUCKETS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2, 4, 8];

const counter = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) =>
  new Counter({ name, help, labelNames, registers: [registry] });
const gauge = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) =>
  new Gauge({ name, help, labelNames, registers: [registry] });
const histogram = <Label extends string>(name: string, help: string, labelNames: readonly Label[], buckets = LATENCY_BUCKETS) =>
  new Histogram({ name, help, labelNames, buckets, registers: [registry] });

export const metrics = {
  messagesConsumed: counter("hs_actor_messages_consumed_total", "Messages an actor has finished with", ["actor", "chain", "kind"]),
  messagesPublished: counter("hs_actor_messages_published_total", "Messages the broker has stored for an actor", [
    "actor",
    "chain",
    "kind",
  ]),
  deadLetters: counter("hs_actor_dead_letters_total", "Messages buried because nothing could be done with them", [
    "actor",
    "chain",
    "reason",
  ]),
  decideSeconds: histogram("hs_actor_decide_seconds", "Time in an actor's pure core", ["actor", "chain", "kind"]),
  callSeconds: histogram("hs_actor_call_seconds", "Time of an actor's call to the world outside the bus", ["actor", "chain", "call"]),
  ready: gauge("hs_actor_ready", "1 when the actor has caught up and is not draining", ["actor", "chain"]),
  headBlock: gauge("hs_actor_head_block", "Latest block the actor has dealt with", ["actor", "chain"]),
  blockAgeSeconds: histogram("hs_actor_block_age_seconds", "From the block's observation to the actor's stored message", [
    "actor",
    "chain",
    "kind",
  ]),
  rpcRequests: counter("hs_rpc_requests_total", "JSON-RPC requests to a chain, each call of a batch by itself", [
    "chain",
    "endpoint",
    "method",
    "purpose",
    "outcome",
  ]),
  rpcSeconds: histogram("hs_rpc_request_seconds", "Time of a JSON-RPC request", ["chain", "endpoint", "method"]),
  rpcWaitSeconds: histogram("hs_rpc_wait_seconds", "Time that a request waited for its turn where the endpoint's rate was used up", [
    "chain",
    "endpoint",
    "purpose",
  ]),
  rpcWaiting: gauge("hs_rpc_waiting", "Requests that wait for their turn", ["chain", "endpoint"]),
  rpcHedges: counter(
    "hs_rpc_hedges_total",
    "Reads asked of a second endpoint because the first was slow, by which of them answered first",
    ["chain", "winner"],
  ),
  rpcEndpointScore: gauge(
    "hs_rpc_endpoint_score",
    "1 for an endpoint that answers everything, 0 for one that fails, lags, or disagrees about the head",
    ["chain", "endpoint"],
  ),
  rpcUnits: counter("hs_rpc_units_total", "Units that requests cost by the endpoint's price list (unitsByMethod; 1 each without one)", [
    "chain",
    "endpoint",
    "method",
    "purpose",
  ]),
  rpcCostUsdPerDay: gauge(
    "hs_rpc_cost_usd_per_day",
    "What a day costs at the pace of the last hour: units of the last 60 minutes (of the time since the start while shorter, at least one minute) × 24 h / that time × pricePerMillionUnits. Of this process alone; only endpoints with a price",
    ["chain", "endpoint"],
  ),
  pools: gauge("hs_pools", "Pools a fetcher follows", ["chain", "dex"]),
  dexCondition: gauge(
    "hs_dex_condition",
    "How a DEX stands with the solver: 0 fresh, 1 late, 2 stale (late for ten blocks), 3 not loaded",
    ["chain", "dex"],
  ),
  poolsQuarantined: gauge("hs_pools_quarantined", "Pools taken out because the chain contradicted their state or quotes", ["chain", "dex"]),
  tokensPriced: gauge("hs_tokens_priced", "Tokens that the pools give a price", ["chain"]),
  tvlNative: gauge("hs_tvl_native", "Value of the pools, whole native coins", ["chain", "dex"]),
  usdPerNative: gauge("hs_usd_per_native", "Dollars for a native coin, by what the stable coins agree on", ["chain"]),
  stableUsd: gauge("hs_stable_usd", "Dollars for a stable coin", ["chain", "token"]),
  feedDeviation: gauge("hs_price_feed_deviation_ratio", "(Our price − the feed's) ÷ the feed's", ["chain", "token"]),
  arbitragesObserved: counter("hs_arbitrages_observed_total", "Atomic arbitrages landed on the chain", ["chain", "whose"]),
  arbitragesNotJudged: counter("hs_arbitrages_not_judged_total", "Transactions with several swaps of which a pool's tokens are not known", [
    "chain",
  ]),
  reorgs: counter("hs_reorgs_total", "Reorganisations seen", ["chain"]),
  reorgDepth: histogram("hs_reorg_depth_blocks", "Blocks dropped by a reorganisation", ["chain"], [1, 2, 3, 5, 8, 16, 32, 64, 128]),
  cyclesFound: counter("hs_cycles_found_total", "Cycles profitable before gas in the float search", ["chain"]),
  candidates: counter("hs_candidates_total", "Cycles sized and confirmed exactly", ["chain"]),
  opportunities: counter("hs_opportunities_total", "Candidates worth executing", ["chain"]),
  modelUnfit: counter("hs_model_blocks_total", "Blocks ranked, by what kept the model from deciding (none: nothing did)", [
    "chain",
    "reason",
  ]),
  phantomPools: gauge("hs_phantom_pools", "Pools whose simulations never paid what was quoted of late: searches go without them", [
    "chain",
  ]),
  modelInfo: gauge(
    "hs_model_info",
    "1 for a model that scores now, by its part (champion, challenger, canary, former); 0 for one that no longer does",
    ["chain", "version", "role"],
  ),
  modelAuc: gauge("hs_model_auc", "Area under the ROC curve of landing, champion, over the labels of the last check", ["chain"]),
  modelLogLoss: gauge("hs_model_log_loss", "Logarithmic loss of landing, champion, over the labels of the last check", ["chain"]),
  modelEce: gauge("hs_model_ece", "Expected calibration error of landing, champion, over the labels of the last check", ["chain"]),
  modelPsiMax: gauge(
    "hs_model_psi_max",
    "Largest population stability index against the rows of training, of the features or of the probability of landing",
    ["chain", "of"],
  ),
  modelDrift: gauge("hs_model_drift", "What the last check of the champion says: 0 stable, 1 watch, 2 act", ["chain"]),
  modelTrialProgress: gauge(
    "hs_model_trial_progress",
    "Blocks compared ÷ the most that the stage takes (shadow, canary, probation); 0 where there is none",
    ["chain", "stage"],
  ),
  modelTrainings: counter(
    "hs_model_trainings_total",
    "Trainings, by how they ended (trained, failed), or that too few of one outcome had come to begin one (not-begun)",
    ["chain", "result"],
  ),
  modelDecisions: counter("hs_model_decisions_total", "What the gates decided about models: canary, promoted, rejected, rolled-back", [
    "chain",
    "event",
  ]),
  candidatesRejected: counter("hs_candidates_rejected_total", "Candidates a scorer stopped", ["chain", "reason"]),
  labels: counter("hs_labels_total", "Candidates of which it was said what became of them", ["chain", "outcome"]),
  executions: counter("hs_executions_total", "Events of executions; code only for failed ones", ["chain", "event", "code"]),
  tradesSettled: counter("hs_trades_settled_total", "Trades settled from their Transfer logs", ["chain"]),
  netProfit: gauge("hs_net_profit_native", "Settled net profit since start, whole native coins", ["chain"]),
  buildInfo: gauge("hs_build_info", "1, with the version as a label", ["version"]),
} as const;

/** Metrics that a pure core may move through a `count` effect. */
export type CountedMetric =
  | "tokensPriced"
  | "tvlNative"
  | "usdPerNative"
  | "stableUsd"
  | "feedDeviation"
  | "arbitragesObserved"
  | "arbitragesNotJudged"
  | "pools"
  | "poolsQuarantined"
  | "dexCondition"
  | "reorgs"
  | "reorgDepth"
  | "cyclesFound"
  | "candidates"
  | "opportunities"
  | "modelUnfit"
  | "phantomPools"
  | "modelInfo"
  | "modelAuc"
  | "modelLogLoss"
  | "modelEce"
  | "modelPsiMax"
  | "modelDrift"
  | "modelTrialProgress"
  | "modelTrainings"
  | "modelDecisions"
  | "candidatesRejected"
  | "labels"
  | "executions"
  | "tradesSettled"
  | "netProfit";

let defaultsOn = false;
/** Node's own process metrics; once a process. */
export function collectProcessMetrics(version: string): void {
  if (defaultsOn) return;
  defaultsOn = true;
  collectDefaultMetrics({ register: registry });
  metrics.buildInfo.set({ version }, 1);
}
