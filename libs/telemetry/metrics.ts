import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

/** One registry a process. Every metric of the system is declared here, with its labels, so that dashboards have one list to follow. */
export const registry = new Registry();

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
  rpcRequests: counter("hs_rpc_requests_total", "JSON-RPC requests to a chain", ["chain", "method", "outcome"]),
  rpcSeconds: histogram("hs_rpc_request_seconds", "Time of a JSON-RPC request", ["chain", "method"]),
  pools: gauge("hs_pools", "Pools a fetcher follows", ["chain", "dex"]),
  reorgs: counter("hs_reorgs_total", "Reorganisations seen", ["chain"]),
  reorgDepth: histogram("hs_reorg_depth_blocks", "Blocks dropped by a reorganisation", ["chain"], [1, 2, 3, 5, 8, 16, 32, 64, 128]),
  cyclesFound: counter("hs_cycles_found_total", "Cycles profitable before gas in the float search", ["chain"]),
  candidates: counter("hs_candidates_total", "Cycles sized and confirmed exactly", ["chain"]),
  opportunities: counter("hs_opportunities_total", "Candidates worth executing", ["chain"]),
  candidatesRejected: counter("hs_candidates_rejected_total", "Candidates a scorer stopped", ["chain", "reason"]),
  executions: counter("hs_executions_total", "Events of executions; code only for failed ones", ["chain", "event", "code"]),
  tradesSettled: counter("hs_trades_settled_total", "Trades settled from their Transfer logs", ["chain"]),
  netProfit: gauge("hs_net_profit_native", "Settled net profit since start, whole native coins", ["chain"]),
  buildInfo: gauge("hs_build_info", "1, with the version as a label", ["version"]),
} as const;

/** Metrics that a pure core may move through a `count` effect. */
export type CountedMetric =
  | "pools"
  | "reorgs"
  | "reorgDepth"
  | "cyclesFound"
  | "candidates"
  | "opportunities"
  | "candidatesRejected"
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
