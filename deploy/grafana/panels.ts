/** What the overview shows, as data: overview.ts makes Grafana's JSON of it, check-dashboards.ts asks a live Prometheus every question in it. */

export interface Query {
  readonly expr: string;
  readonly legend: string;
}

export interface PanelSpec {
  readonly title: string;
  readonly description: string;
  readonly kind: "lines" | "stat" | "bars";
  /** Grafana's unit id. */
  readonly unit: string;
  /** Of 24. */
  readonly width: number;
  readonly queries: readonly Query[];
  readonly stacked?: boolean;
  readonly logarithmic?: boolean;
  /** Value from which a stat turns red. */
  readonly redFrom?: number;
  /** Why it is no fault when this panel has no data: the check then accepts it. */
  readonly emptyBecause?: string;
}

export interface RowSpec {
  readonly title: string;
  readonly panels: readonly PanelSpec[];
}

const CHAIN = 'chain=~"$chain"';
/** Over the shown range, for totals; over the rate interval, for curves. */
const total = (metric: string, labels = CHAIN, by = "chain"): string => `sum by (${by}) (increase(${metric}{${labels}}[$__range]))`;
const rate = (metric: string, by: string, labels = CHAIN): string => `sum by (${by}) (rate(${metric}{${labels}}[$__rate_interval]))`;
const quantile = (q: number, histogram: string, by: string, labels = CHAIN): string =>
  `histogram_quantile(${q}, ${rate(`${histogram}_bucket`, `${by}, le`, labels)})`;
const event = (name: string): string => `${CHAIN}, event="${name}"`;

const FUNNEL: readonly Query[] = [
  { expr: total("hs_cycles_found_total"), legend: "{{chain}} 1 cycles found" },
  { expr: total("hs_candidates_total"), legend: "{{chain}} 2 candidates, exact" },
  { expr: total("hs_opportunities_total"), legend: "{{chain}} 3 opportunities" },
  { expr: total("hs_executions_total", event("planned")), legend: "{{chain}} 4 planned" },
  { expr: total("hs_executions_total", event("simulated")), legend: "{{chain}} 5 simulated" },
  { expr: total("hs_executions_total", event("submitted")), legend: "{{chain}} 6 submitted" },
  { expr: total("hs_executions_total", event("landed")), legend: "{{chain}} 7 landed" },
  { expr: total("hs_trades_settled_total"), legend: "{{chain}} 8 settled" },
];

const quantiles = (kind: string): readonly Query[] =>
  [0.5, 0.9, 0.99].map((q) => ({
    expr: quantile(q, "hs_actor_block_age_seconds", "chain", `${CHAIN}, kind="${kind}"`),
    legend: `{{chain}} p${q * 100}`,
  }));

export const ROWS: readonly RowSpec[] = [
  {
    title: "At a glance",
    panels: [
      {
        title: "Net profit",
        description: "Settled net profit since the executor's start, whole native coins.",
        kind: "stat",
        unit: "none",
        width: 5,
        queries: [{ expr: `max by (chain) (hs_net_profit_native{${CHAIN}})`, legend: "{{chain}}" }],
      },
      {
        title: "Landed",
        description: "Executions in a block, over the shown range.",
        kind: "stat",
        unit: "short",
        width: 4,
        queries: [{ expr: total("hs_executions_total", event("landed")), legend: "{{chain}}" }],
      },
      {
        title: "Submitted that landed",
        description: "Of the bundles handed to relays in the shown range.",
        kind: "stat",
        unit: "percentunit",
        width: 5,
        queries: [
          {
            expr: `${total("hs_executions_total", event("landed"))} / ${total("hs_executions_total", event("submitted"))}`,
            legend: "{{chain}}",
          },
        ],
      },
      {
        title: "Actors not ready",
        description: "Catching up, draining, or stuck.",
        kind: "stat",
        unit: "short",
        width: 3,
        redFrom: 1,
        queries: [{ expr: `sum(1 - hs_actor_ready{${CHAIN}})`, legend: "not ready" }],
      },
      {
        title: "Dead letters",
        description: "Messages buried in the shown range.",
        kind: "stat",
        unit: "short",
        width: 3,
        redFrom: 1,
        queries: [{ expr: `sum(increase(hs_actor_dead_letters_total{${CHAIN}}[$__range]))`, legend: "buried" }],
        emptyBecause: "a healthy run buries nothing, and the counter appears with its first message",
      },
      {
        title: "Versions running",
        description: "Processes by version; more than one line is a rollout under way.",
        kind: "stat",
        unit: "short",
        width: 4,
        queries: [{ expr: "count by (version) (hs_build_info)", legend: "{{version}}" }],
      },
    ],
  },
  {
    title: "Chain head",
    panels: [
      {
        title: "Head by actor",
        description: "Latest block each actor has finished with.",
        kind: "lines",
        unit: "none",
        width: 8,
        queries: [{ expr: `max by (actor, chain) (hs_actor_head_block{${CHAIN}})`, legend: "{{chain}} {{actor}}" }],
      },
      {
        title: "Blocks behind the watcher",
        description: "An actor that stays above 0 works on old state.",
        kind: "lines",
        unit: "short",
        width: 8,
        queries: [
          {
            expr: `max by (chain) (hs_actor_head_block{${CHAIN}, actor="watcher"}) - on (chain) group_right () max by (chain, actor) (hs_actor_head_block{${CHAIN}, actor!="watcher"})`,
            legend: "{{chain}} {{actor}}",
          },
        ],
      },
      {
        title: "Blocks per minute",
        description: "As the watchers publish them.",
        kind: "lines",
        unit: "short",
        width: 8,
        queries: [
          {
            expr: `60 * max by (chain) (rate(hs_actor_messages_published_total{${CHAIN}, actor="watcher", kind="block-observed"}[$__rate_interval]))`,
            legend: "{{chain}}",
          },
        ],
      },
      {
        title: "Age of the block when a message goes out (median)",
        description: "From the block's observation to the stored message, by kind: which hop takes the time.",
        kind: "lines",
        unit: "s",
        width: 12,
        logarithmic: true,
        queries: [{ expr: quantile(0.5, "hs_actor_block_age_seconds", "chain, actor, kind"), legend: "{{chain}} {{actor}} {{kind}}" }],
      },
      {
        title: "Reorganisations",
        description: "Per rate interval, and how many blocks they dropped.",
        kind: "lines",
        unit: "short",
        width: 12,
        queries: [
          { expr: `max by (chain) (increase(hs_reorgs_total{${CHAIN}}[$__rate_interval]))`, legend: "{{chain}} reorganisations" },
          { expr: quantile(0.9, "hs_reorg_depth_blocks", "chain"), legend: "{{chain}} depth p90" },
        ],
        emptyBecause: "a chain without reorganisations: the counter appears with the first one",
      },
    ],
  },
  {
    title: "Funnel",
    panels: [
      {
        title: "From cycle to settled trade",
        description: "Totals of the shown range. Where the bars shrink most is where candidates are lost.",
        kind: "bars",
        unit: "short",
        width: 12,
        queries: FUNNEL,
      },
      {
        title: "Rates",
        description: "The same steps per second.",
        kind: "lines",
        unit: "ops",
        width: 12,
        logarithmic: true,
        queries: [
          { expr: rate("hs_cycles_found_total", "chain"), legend: "{{chain}} cycles" },
          { expr: rate("hs_candidates_total", "chain"), legend: "{{chain}} candidates" },
          { expr: rate("hs_opportunities_total", "chain"), legend: "{{chain}} opportunities" },
          { expr: rate("hs_executions_total", "chain, event"), legend: "{{chain}} {{event}}" },
          { expr: rate("hs_trades_settled_total", "chain"), legend: "{{chain}} settled" },
        ],
      },
      {
        title: "Candidates rejected by the scorer",
        description: "By reason.",
        kind: "lines",
        unit: "ops",
        width: 12,
        stacked: true,
        queries: [{ expr: rate("hs_candidates_rejected_total", "chain, reason"), legend: "{{chain}} {{reason}}" }],
        emptyBecause: "no candidate was rejected yet: the counter appears with the first one",
      },
      {
        title: "Executions that failed before they were sent",
        description: "By code.",
        kind: "lines",
        unit: "ops",
        width: 12,
        stacked: true,
        queries: [{ expr: rate("hs_executions_total", "chain, code", event("failed")), legend: "{{chain}} {{code}}" }],
        emptyBecause: "no execution failed yet: the counter appears with the first one",
      },
    ],
  },
  {
    title: "Models",
    panels: [
      {
        title: "Blocks that no model could order",
        description: "Over the shown range, by the reason: nothing is traded in them. no-features passes by itself at a start.",
        kind: "stat",
        unit: "short",
        width: 4,
        redFrom: 1,
        queries: [{ expr: total("hs_model_blocks_total", `${CHAIN}, reason!="none"`, "chain, reason"), legend: "{{chain}} {{reason}}" }],
        emptyBecause: "a model could order every block",
      },
      {
        title: "Drift",
        description: "What the last check of the champion says: 0 stable, 1 watch, 2 act (limits are tightened, a training is asked for).",
        kind: "stat",
        unit: "none",
        width: 4,
        redFrom: 2,
        queries: [{ expr: `max by (chain) (hs_model_drift{${CHAIN}})`, legend: "{{chain}}" }],
        emptyBecause: "the champion has not been checked yet: that takes labelled blocks",
      },
      {
        title: "Models that score",
        description: "By their part. The champion decides; a canary decides a share of the blocks; challenger and former only score.",
        kind: "bars",
        unit: "none",
        width: 8,
        queries: [{ expr: `max by (chain, role, version) (hs_model_info{${CHAIN}}) > 0`, legend: "{{chain}} {{role}} {{version}}" }],
        emptyBecause: "the trainer has not read which models stand yet",
      },
      {
        title: "Trial",
        description: "How far the challenger's trial has come, by stage: shadow, canary, probation.",
        kind: "bars",
        unit: "percentunit",
        width: 8,
        queries: [{ expr: `max by (chain, stage) (hs_model_trial_progress{${CHAIN}})`, legend: "{{chain}} {{stage}}" }],
        emptyBecause: "no challenger is on trial",
      },
      {
        title: "Blocks ranked",
        description: "By what kept the model from deciding; none: nothing did.",
        kind: "lines",
        unit: "ops",
        width: 8,
        stacked: true,
        queries: [{ expr: rate("hs_model_blocks_total", "chain, reason"), legend: "{{chain}} {{reason}}" }],
      },
      {
        title: "How the champion foretells landing",
        description:
          "Over the labels of the last check: log loss and calibration error (lower is better), area under the ROC curve (higher is).",
        kind: "lines",
        unit: "none",
        width: 8,
        queries: [
          { expr: `max by (chain) (hs_model_log_loss{${CHAIN}})`, legend: "{{chain}} log loss" },
          { expr: `max by (chain) (hs_model_ece{${CHAIN}})`, legend: "{{chain}} calibration error" },
          { expr: `max by (chain) (hs_model_auc{${CHAIN}})`, legend: "{{chain}} AUC" },
        ],
        emptyBecause: "the champion has not been checked yet",
      },
      {
        title: "Population stability index, largest",
        description:
          "Against the rows of training, of the features and of the probability of landing. Below 0.10 stable, to 0.25 watch, above act.",
        kind: "lines",
        unit: "none",
        width: 8,
        queries: [{ expr: `max by (chain, of) (hs_model_psi_max{${CHAIN}})`, legend: "{{chain}} {{of}}" }],
        emptyBecause: "the champion has not been checked yet",
      },
      {
        title: "Trainings and what the gates decided",
        description: "Over the shown range.",
        kind: "bars",
        unit: "short",
        width: 12,
        queries: [
          { expr: total("hs_model_trainings_total", CHAIN, "chain, result"), legend: "{{chain}} training {{result}}" },
          { expr: total("hs_model_decisions_total", CHAIN, "chain, event"), legend: "{{chain}} {{event}}" },
        ],
        emptyBecause: "nothing has been trained yet: that takes labelled blocks",
      },
      {
        title: "What became of the candidates",
        description: "Ranked and rejected ones, by what the trainer saw of them in the blocks after.",
        kind: "lines",
        unit: "ops",
        width: 12,
        stacked: true,
        queries: [{ expr: rate("hs_labels_total", "chain, outcome"), legend: "{{chain}} {{outcome}}" }],
        emptyBecause: "no candidate is six blocks old yet, or none was found",
      },
    ],
  },
  {
    title: "Profit",
    panels: [
      {
        title: "Net profit since start",
        description: "Whole native coins, after gas and builder payment, as settled from the receipts.",
        kind: "lines",
        unit: "none",
        width: 12,
        queries: [{ expr: `max by (chain) (hs_net_profit_native{${CHAIN}})`, legend: "{{chain}}" }],
      },
      {
        title: "Trades settled per minute",
        description: "Landed transactions whose Transfer logs have been added up.",
        kind: "lines",
        unit: "short",
        width: 12,
        queries: [{ expr: `60 * ${rate("hs_trades_settled_total", "chain")}`, legend: "{{chain}}" }],
      },
    ],
  },
  {
    title: "Latency",
    panels: [
      {
        title: "Block to cycle",
        description: "From the block's observation to the solver's stored cycle-found.",
        kind: "lines",
        unit: "s",
        width: 12,
        queries: quantiles("cycle-found"),
      },
      {
        title: "Block to bundle",
        description: "From the block's observation to the executor's stored execution-submitted.",
        kind: "lines",
        unit: "s",
        width: 12,
        queries: quantiles("execution-submitted"),
      },
      {
        title: "Decide (p99)",
        description: "Time in the pure core, by actor and kind of input.",
        kind: "lines",
        unit: "s",
        width: 12,
        logarithmic: true,
        queries: [{ expr: quantile(0.99, "hs_actor_decide_seconds", "chain, actor, kind"), legend: "{{chain}} {{actor}} {{kind}}" }],
      },
      {
        title: "Calls to the outside (p99)",
        description: "RPC, relays, object store: by actor and call.",
        kind: "lines",
        unit: "s",
        width: 12,
        logarithmic: true,
        queries: [{ expr: quantile(0.99, "hs_actor_call_seconds", "chain, actor, call"), legend: "{{chain}} {{actor}} {{call}}" }],
      },
    ],
  },
  {
    title: "Prices and holdings",
    panels: [
      {
        title: "Value of the pools",
        description: "What liquidity providers have in them, at the analyst's prices.",
        kind: "lines",
        unit: "none",
        width: 12,
        stacked: true,
        queries: [{ expr: `max by (chain, dex) (hs_tvl_native{${CHAIN}})`, legend: "{{chain}} {{dex}}" }],
      },
      {
        title: "Tokens with a price",
        description: "Tokens that the pools give a price.",
        kind: "lines",
        unit: "none",
        width: 6,
        queries: [{ expr: `max by (chain) (hs_tokens_priced{${CHAIN}})`, legend: "{{chain}}" }],
      },
      {
        title: "Dollars for a native coin",
        description: "By what the chain's stable coins agree on; 0 where none has a price.",
        kind: "lines",
        unit: "currencyUSD",
        width: 6,
        queries: [{ expr: `max by (chain) (hs_usd_per_native{${CHAIN}})`, legend: "{{chain}}" }],
      },
      {
        title: "Stable coins",
        description: "Dollars for one of each: away from 1, it has left its peg.",
        kind: "lines",
        unit: "currencyUSD",
        width: 12,
        queries: [{ expr: `max by (chain, token) (hs_stable_usd{${CHAIN}})`, legend: "{{chain}} {{token}}" }],
        emptyBecause: "no stable coin of this chain has a price",
      },
      {
        title: "Away from price feeds",
        description: "(Our price − the feed's) ÷ the feed's.",
        kind: "lines",
        unit: "percentunit",
        width: 12,
        queries: [{ expr: `max by (chain, token) (hs_price_feed_deviation_ratio{${CHAIN}})`, legend: "{{chain}} {{token}}" }],
        emptyBecause: "the chain has no price feeds, or they were not read yet",
      },
      {
        title: "Arbitrages landed",
        description: "By us and by others, from the logs of the blocks.",
        kind: "lines",
        unit: "ops",
        width: 12,
        stacked: true,
        queries: [{ expr: rate("hs_arbitrages_observed_total", "chain, whose"), legend: "{{chain}} {{whose}}" }],
        emptyBecause: "nobody landed an arbitrage yet: the counter appears with the first one",
      },
      {
        title: "Transactions not judged",
        description: "Several swaps, but the tokens of a pool are not known.",
        kind: "lines",
        unit: "ops",
        width: 12,
        queries: [{ expr: rate("hs_arbitrages_not_judged_total", "chain"), legend: "{{chain}}" }],
        emptyBecause: "every transaction could be judged: the counter appears with the first one that could not",
      },
    ],
  },
  {
    title: "Pools and RPC",
    panels: [
      {
        title: "Pools per DEX",
        description: "Followed by the fetchers.",
        kind: "lines",
        unit: "short",
        width: 6,
        queries: [{ expr: `max by (chain, dex) (hs_pools{${CHAIN}})`, legend: "{{chain}} {{dex}}" }],
      },
      {
        title: "DEX conditions",
        description:
          "How each DEX stands with the solver: 0 fresh, 1 late, 2 stale (late for ten blocks; its pools are left out), 3 not loaded.",
        kind: "lines",
        unit: "short",
        width: 6,
        queries: [{ expr: `max by (chain, dex) (hs_dex_condition{${CHAIN}})`, legend: "{{chain}} {{dex}}" }],
      },
      {
        title: "Quarantined pools",
        description: "Contradicted by the chain and taken out, until admission.release lets them back.",
        kind: "lines",
        unit: "short",
        width: 6,
        queries: [{ expr: `max by (chain, dex) (hs_pools_quarantined{${CHAIN}})`, legend: "{{chain}} {{dex}}" }],
      },
      {
        title: "Phantom pools",
        description: "Their simulations never paid what was quoted of late: searches go without them.",
        kind: "lines",
        unit: "short",
        width: 6,
        queries: [{ expr: `max by (chain) (hs_phantom_pools{${CHAIN}})`, legend: "{{chain}}" }],
        emptyBecause: "no simulation has come back yet",
      },
      {
        title: "RPC requests",
        description: "By method.",
        kind: "lines",
        unit: "reqps",
        width: 6,
        stacked: true,
        queries: [{ expr: rate("hs_rpc_requests_total", "chain, method"), legend: "{{chain}} {{method}}" }],
      },
      {
        title: "RPC requests without an answer",
        description: "By endpoint, method and outcome; refused ones include calls that revert.",
        kind: "lines",
        unit: "reqps",
        width: 6,
        stacked: true,
        queries: [
          {
            expr: rate("hs_rpc_requests_total", "chain, endpoint, method, outcome", `${CHAIN}, outcome!="ok"`),
            legend: "{{chain}} {{endpoint}} {{method}} {{outcome}}",
          },
        ],
        emptyBecause: "every request was answered: the counter appears with the first that was not",
      },
      {
        title: "RPC time (p95)",
        description: "By endpoint and method.",
        kind: "lines",
        unit: "s",
        width: 6,
        logarithmic: true,
        queries: [
          { expr: quantile(0.95, "hs_rpc_request_seconds", "chain, endpoint, method"), legend: "{{chain}} {{endpoint}} {{method}}" },
        ],
      },
    ],
  },
  {
    title: "RPC budget",
    panels: [
      {
        title: "Cost of a day",
        description:
          "US dollars at the pace of the last hour (of the time since the start while shorter), for endpoints with pricePerMillionUnits; the processes added up.",
        kind: "stat",
        unit: "currencyUSD",
        width: 4,
        queries: [{ expr: `sum by (chain, endpoint) (hs_rpc_cost_usd_per_day{${CHAIN}})`, legend: "{{chain}} {{endpoint}}" }],
        emptyBecause: "no endpoint has a price",
      },
      {
        title: "Units by purpose",
        description: "What the requests cost by the endpoint's price list (1 each without one), per second: what the money goes into.",
        kind: "lines",
        unit: "short",
        width: 5,
        stacked: true,
        queries: [{ expr: rate("hs_rpc_units_total", "chain, endpoint, purpose"), legend: "{{chain}} {{endpoint}} {{purpose}}" }],
      },
      {
        title: "Endpoint score",
        description:
          "1: answers everything. 0: fails, lags, or disagrees about the head. As the process sees it that has most against it; only watchers compare heads.",
        kind: "lines",
        unit: "none",
        width: 5,
        queries: [{ expr: `min by (chain, endpoint) (hs_rpc_endpoint_score{${CHAIN}})`, legend: "{{chain}} {{endpoint}}" }],
      },
      {
        title: "Waiting for the rate",
        description: "Requests in the queue, and how long those waited that did (p95), by purpose.",
        kind: "lines",
        unit: "short",
        width: 5,
        queries: [
          { expr: `sum by (chain, endpoint) (hs_rpc_waiting{${CHAIN}})`, legend: "{{chain}} {{endpoint}} waiting" },
          { expr: quantile(0.95, "hs_rpc_wait_seconds", "chain, purpose"), legend: "{{chain}} {{purpose}} p95 (s)" },
        ],
        emptyBecause: "nothing had to wait: no endpoint has a rate limit that was reached",
      },
      {
        title: "Hedged reads",
        description: "Asked of a second endpoint because the first was slow, by who answered first.",
        kind: "lines",
        unit: "reqps",
        width: 5,
        queries: [{ expr: rate("hs_rpc_hedges_total", "chain, winner"), legend: "{{chain}} {{winner}}" }],
        emptyBecause: "one endpoint, or none that was slow",
      },
    ],
  },
  {
    title: "Actors",
    panels: [
      {
        title: "Ready",
        description: "1: caught up and not draining. Instances of an actor are added up.",
        kind: "lines",
        unit: "short",
        width: 6,
        queries: [{ expr: `sum by (chain, actor) (hs_actor_ready{${CHAIN}})`, legend: "{{chain}} {{actor}}" }],
      },
      {
        title: "Messages consumed",
        description: "Finished with, by actor and kind.",
        kind: "lines",
        unit: "ops",
        width: 6,
        queries: [{ expr: rate("hs_actor_messages_consumed_total", "chain, actor, kind"), legend: "{{chain}} {{actor}} {{kind}}" }],
      },
      {
        title: "Messages published",
        description: "Stored by the broker, by actor and kind.",
        kind: "lines",
        unit: "ops",
        width: 6,
        queries: [{ expr: rate("hs_actor_messages_published_total", "chain, actor, kind"), legend: "{{chain}} {{actor}} {{kind}}" }],
      },
      {
        title: "Dead letters by reason",
        description: "Undecodable. Their stream is HS_DEAD_LETTERS.",
        kind: "lines",
        unit: "short",
        width: 6,
        queries: [
          { expr: `sum by (chain, actor, reason) (hs_actor_dead_letters_total{${CHAIN}})`, legend: "{{chain}} {{actor}} {{reason}}" },
        ],
        emptyBecause: "a healthy run buries nothing, and the counter appears with its first message",
      },
    ],
  },
  {
    title: "Node runtime",
    panels: [
      {
        title: "CPU",
        description: "Cores in use, by process.",
        kind: "lines",
        unit: "short",
        width: 6,
        queries: [{ expr: 'rate(process_cpu_seconds_total{job="hyperspeed"}[$__rate_interval])', legend: "{{instance}} {{pod}}" }],
      },
      {
        title: "Memory",
        description: "Resident set, and the part of it that is JavaScript heap in use.",
        kind: "lines",
        unit: "bytes",
        width: 6,
        queries: [
          { expr: 'process_resident_memory_bytes{job="hyperspeed"}', legend: "{{instance}} {{pod}} resident" },
          { expr: 'nodejs_heap_size_used_bytes{job="hyperspeed"}', legend: "{{instance}} {{pod}} heap" },
        ],
      },
      {
        title: "Event loop lag (p99)",
        description: "Above some 50 ms, heartbeats and leases suffer too.",
        kind: "lines",
        unit: "s",
        width: 6,
        queries: [{ expr: 'nodejs_eventloop_lag_p99_seconds{job="hyperspeed"}', legend: "{{instance}} {{pod}}" }],
      },
      {
        title: "Garbage collection",
        description: "Share of the time spent in it.",
        kind: "lines",
        unit: "percentunit",
        width: 6,
        queries: [
          {
            expr: 'sum by (instance, pod) (rate(nodejs_gc_duration_seconds_sum{job="hyperspeed"}[$__rate_interval]))',
            legend: "{{instance}} {{pod}}",
          },
        ],
      },
    ],
  },
];

/** The template variables: name → the query of its values. */
export const VARIABLES: readonly { readonly name: string; readonly label: string; readonly metric: string; readonly from: string }[] = [
  { name: "chain", label: "Chain", metric: "hs_actor_ready", from: "chain" },
];
