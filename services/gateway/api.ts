import Type, { type Static } from "typebox";
import { Comparison, DRIFT_LEVELS, ModelVersion } from "#proto/model/v1/events.ts";
import { ModelScore, REJECTIONS, UNFIT } from "#proto/opportunity/v1/scored.ts";
import { OUTCOMES } from "#proto/outcome/v1/labelled.ts";
import { AddressText, Count, Decimal, HashText, Int, Token, Uint } from "#proto/scalars.ts";

/**
 * What the gateway says, over REST and WebSocket: one schema a thing. Types, query validation and the OpenAPI document derive from these.
 * Amounts of the chain are decimal strings in the smallest unit. Times are Unix milliseconds.
 */

const Nullable = <Schema extends Type.TSchema>(schema: Schema) => Type.Union([schema, Type.Null()]);
const described = <Schema extends Type.TSchema>(schema: Schema, description: string): Schema => ({ ...schema, description });
const MarketImpact = Nullable(
  Type.Number({
    description: "Share that its own size costs, beside the marginal rates; inside the exact amounts. Null where a rate is not known",
  }),
);
/** A field of the origin's API that this system does not compute: always null, never a made-up number. */
const NotComputed = (description: string) => Type.Null({ description });

export const TokenView = Type.Object({
  address: AddressText,
  symbol: Type.String({ description: "Shortened address where the symbol is not known" }),
  decimals: Nullable(Count),
});
export type TokenView = Static<typeof TokenView>;

export const HopView = Type.Object({
  dex: Token,
  family: Type.String(),
  pool: AddressText,
  tokenIn: TokenView,
  tokenOut: TokenView,
  amountIn: Uint,
  amountOut: Uint,
});
export type HopView = Static<typeof HopView>;

export const OPPORTUNITY_STATUSES = [
  "open",
  "passed",
  "dropped",
  "planned",
  "simulated",
  "submitted",
  "landed",
  "reverted",
  "settled",
  "voided",
  "failed",
  "expired",
] as const;
export type OpportunityStatus = (typeof OPPORTUNITY_STATUSES)[number];

/** What models said of a candidate, and what has been said since of what became of it. */
const ModelSays = {
  ranking: Type.String({
    description:
      "Who made the order: `champion`, `challenger`: by the value that this model gives; `net-profit`: net profit after gas; " +
      "`none`: a model was to and could not",
  }),
  confidence: Nullable(
    Type.Number({
      minimum: 0,
      maximum: 1,
      description: "Probability of landing, by the model that made the order, or by the champion where none did; null without a score",
    }),
  ),
  expectedValue: Nullable(described(Int, "By the same model, what executing it is worth: landing or not, profit and risk weighed, wei")),
  champion: Nullable(ModelScore),
  challenger: Nullable(ModelScore),
  label: Nullable(Type.Enum([...OUTCOMES], { description: "What became of it, by the trainer; null until it has been said" })),
};

export const OpportunityView = Type.Object({
  id: Type.String({ description: "cycleId@blockHash" }),
  timestamp: Count,
  chain: Token,
  blockNumber: Count,
  blockHash: HashText,
  cycleId: Type.String(),
  rank: Count,
  explored: Type.Boolean({ description: "First of its block by a draw among those that passed, not by its worth" }),
  pool1: AddressText,
  pool2: AddressText,
  pools: Type.Array(AddressText),
  pair: Type.String(),
  hops: Type.Array(HopView),
  token: TokenView,
  expectedProfit: described(Int, "Net of gas, wei"),
  expectedProfitEth: Type.Number({ description: "The same in whole coins, rounded to a double: for display only" }),
  grossProfit: described(Uint, "Before gas, smallest units of `token`"),
  gasCost: Uint,
  estimatedGas: Count,
  loanToken: described(TokenView, "Another than `token` where what the cycle leaves of it is sold for that"),
  flashloanAmount: described(Uint, "Smallest units of `loanToken`"),
  flashloanFee: described(Uint, 'Balancer V2 lends without a fee: "0"'),
  ...ModelSays,
  slippage: NotComputed("Amounts are exact for the state of `blockHash`, so none is expected"),
  marketImpact: MarketImpact,
  status: Type.Enum([...OPPORTUNITY_STATUSES]),
  executionId: Nullable(HashText),
  outcome: Nullable(Type.String({ description: "Failure code and detail, where the execution failed" })),
});
export type OpportunityView = Static<typeof OpportunityView>;

/** A candidate that a gate of the ranking stopped. */
export const RejectionView = Type.Object({
  id: Type.String({ description: "cycleId@blockHash" }),
  timestamp: Count,
  chain: Token,
  blockNumber: Count,
  blockHash: HashText,
  cycleId: Type.String(),
  reason: Type.Enum([...REJECTIONS], {
    description:
      "`below-minimum`: net profit below the least that is wanted; `phantom`: through a pool that never paid what was quoted of late; `not-worth-the-risk`: by the model failing costs more than landing brings; " +
      "`no-model`: no model could decide",
  }),
  unfit: Nullable(Type.Enum([...UNFIT], { description: "Where no model could decide: why" })),
  netProfit: described(Int, "Net of gas, wei"),
  hops: Type.Array(HopView, { description: "Empty where the candidate itself is no longer known" }),
  token: Nullable(TokenView),
  loanToken: Nullable(TokenView),
  amountIn: Nullable(described(Uint, "Smallest units of `loanToken`")),
  grossProfit: Nullable(described(Uint, "Before gas, smallest units of `token`")),
  ...ModelSays,
});
export type RejectionView = Static<typeof RejectionView>;

export const TradeView = Type.Object({
  id: Type.String({ description: "executionId" }),
  opportunityId: Type.String({ description: "cycleId@blockHash of the opportunity, or the execution's id where its plan is not known" }),
  timestamp: Type.Integer({ minimum: 0, description: "When the settlement was stored" }),
  chain: Token,
  blockNumber: Count,
  blockHash: HashText,
  transactionHash: HashText,
  wallet: AddressText,
  pools: Type.Array(AddressText),
  pair: Type.String(),
  hops: Type.Array(HopView),
  success: Type.Boolean({ description: "The transaction ran to its end on chain; a reverted one did not" }),
  voided: Type.Boolean({ description: "Its block was dropped by a reorganisation and it has not landed again: counts in no total" }),
  token: TokenView,
  profit: described(Int, "What stayed in our contract, smallest units of `token`"),
  expectedProfit: described(Uint, "Gross profit of the candidate, smallest units of `token`"),
  netProfitWei: Int,
  actualSlippage: Nullable(
    Type.Number({
      description:
        "(expected amount out − settled amount out, builder payment added back) ÷ expected amount out; negative when it settled better; null when it reverted",
    }),
  ),
  gasUsed: Count,
  effectiveGasPrice: Uint,
  gasCost: Uint,
  builderPayment: Uint,
  loanToken: TokenView,
  flashloanAmount: described(Uint, "Smallest units of `loanToken`"),
  flashloanFee: Uint,
  marketImpact: MarketImpact,
  executionTime: Nullable(Type.Integer({ minimum: 0, description: "Milliseconds from the block seen to the bundle handed to a relay" })),
  relay: Nullable(Token),
});
export type TradeView = Static<typeof TradeView>;

export const LatencyView = Type.Object({ p50: Nullable(Type.Number()), p99: Nullable(Type.Number()), samples: Count });
export type LatencyView = Static<typeof LatencyView>;

export const FunnelView = Type.Object({
  cycles: Count,
  candidates: Count,
  opportunities: Count,
  planned: Count,
  simulated: Count,
  submitted: Count,
  landed: Count,
  settled: Count,
  reverted: Count,
  expired: Count,
  voided: Count,
  rejected: Type.Record(Type.String(), Count),
  failed: Type.Record(Type.String(), Count),
});
export type FunnelView = Static<typeof FunnelView>;

const ScopeStats = {
  totalTrades: Type.Integer({ minimum: 0, description: "Settled and not voided" }),
  successfulTrades: Count,
  totalProfit: Nullable(described(Int, "Net of gas, wei. Null over chains whose native coins differ: see byChain")),
  nativeSymbol: Nullable(Type.String()),
  profitByToken: Type.Array(Type.Object({ chain: Token, token: TokenView, profit: Int, trades: Count })),
  avgSlippage: Nullable(Type.Number()),
  totalGasUsed: Count,
  totalGasCost: Nullable(Uint),
  funnel: FunnelView,
  latencyMs: Type.Object({ blockToCycle: LatencyView, blockToBundle: LatencyView }),
  pools: Type.Array(
    Type.Object({ chain: Token, dex: Token, family: Nullable(Type.String()), pools: Count, quarantined: Count, asOfBlock: Count }),
  ),
  blocks: Count,
  reorgs: Count,
  deepestReorg: Count,
};
export const ChainStats = Type.Object(ScopeStats);
export type ChainStats = Static<typeof ChainStats>;

export const BuriedView = Type.Object({
  actor: Token,
  reason: Type.String(),
  detail: Type.String(),
  subject: Type.String(),
  stream: Type.String(),
  sequence: Count,
  atMs: Count,
});
export type BuriedView = Static<typeof BuriedView>;

export const StatsView = Type.Object({
  timestamp: Count,
  ...ScopeStats,
  messages: Type.Object({ total: Count, duplicates: Count, byKind: Type.Record(Type.String(), Count) }),
  deadLetters: Type.Object({ total: Count, byReason: Type.Record(Type.String(), Count), recent: Type.Array(BuriedView) }),
  byChain: Type.Record(Type.String(), ChainStats),
});
export type StatsView = Static<typeof StatsView>;

export const ActorView = Type.Object({
  instance: Token,
  actor: Token,
  post: Type.String({ description: "What tells the instances of an actor apart, less the process; may be empty" }),
  chain: Nullable(Token),
  state: Type.String(),
  health: Type.Union([Type.Literal("alive"), Type.Literal("late"), Type.Literal("gone"), Type.Literal("stopped")], {
    description: "alive: heard within 2 of its intervals; late: within 3; gone: beyond; stopped: said goodbye",
  }),
  version: Type.String(),
  startedAtMs: Count,
  lastSeenMs: Count,
  headBlock: Nullable(Count),
  messagesConsumed: Count,
  messagesPublished: Count,
  deadLetters: Count,
});
export type ActorView = Static<typeof ActorView>;

export const BlockView = Type.Object({
  chain: Token,
  blockNumber: Count,
  blockHash: HashText,
  timestamp: Type.Integer({ minimum: 0, description: "Of the header, Unix milliseconds" }),
  observedAtMs: Count,
  baseFeePerGas: Uint,
  logs: Count,
  epoch: Count,
});
export type BlockView = Static<typeof BlockView>;

export const ChainView = Type.Object({
  chain: Token,
  chainId: Count,
  name: Type.String(),
  nativeSymbol: Type.String(),
  mode: Type.Union([Type.Literal("paper"), Type.Literal("simulate"), Type.Literal("live")]),
  blockTimeMs: Count,
  head: Nullable(BlockView),
  headAgeMs: Nullable(Count),
});
export type ChainView = Static<typeof ChainView>;

export const HealthView = Type.Object({
  status: Type.Union([Type.Literal("ok"), Type.Literal("degraded"), Type.Literal("starting")]),
  reasons: Type.Array(Type.String({ description: "Why it is not ok" })),
  timestamp: Count,
  uptime: Type.Number({ description: "Seconds since this gateway started" }),
  chains: Type.Array(ChainView),
  actors: Type.Array(ActorView),
});
export type HealthView = Static<typeof HealthView>;

export const ProfitPoint = Type.Object({
  atMs: Count,
  blockNumber: Count,
  netProfit: described(Int, "Cumulative, wei"),
});
export type ProfitPoint = Static<typeof ProfitPoint>;

export const ProfitCurve = Type.Object({ chain: Token, nativeSymbol: Type.String(), points: Type.Array(ProfitPoint) });
export type ProfitCurve = Static<typeof ProfitCurve>;

const InDollars = Nullable(described(Decimal, "US dollars, by what the chain's stable coins agree on; null where none has a price"));
const OfBlock = { chain: Token, nativeSymbol: Type.String(), blockNumber: Count, blockHash: HashText };
const LateDexes = Type.Array(Token, { description: "DEXes whose pools had not been reported for this block: their last states stand" });

export const PricesView = Type.Object({
  ...OfBlock,
  usdPerNative: Nullable(Decimal),
  prices: Type.Array(
    Type.Object({
      token: TokenView,
      native: described(Decimal, "Native coins for one whole token"),
      usd: InDollars,
      confidence: Type.Number({ minimum: 0, maximum: 1, description: "How much depth agrees with it: libs/prices/README.md" }),
      movedAtBlock: Count,
    }),
  ),
  known: Type.Integer({ minimum: 0, description: "Tokens with a price that this gateway holds" }),
  depegged: Type.Array(Type.Object({ token: TokenView, usd: Decimal })),
  feeds: Type.Array(
    Type.Object({
      token: TokenView,
      usd: Decimal,
      readAtBlock: Count,
      deviation: Type.Number({ description: "(our price − feed) ÷ feed" }),
    }),
  ),
  lateDexes: LateDexes,
});
export type PricesView = Static<typeof PricesView>;

export const TvlView = Type.Object({
  ...OfBlock,
  native: described(Decimal, "What liquidity providers have in all pools, native coins"),
  usd: InDollars,
  dexes: Type.Array(Type.Object({ dex: Token, pools: Count, native: Decimal, usd: InDollars })),
  pools: Type.Array(Type.Object({ pool: AddressText, dex: Token, native: Decimal, usd: InDollars, movedAtBlock: Count })),
  lateDexes: LateDexes,
});
export type TvlView = Static<typeof TvlView>;

export const ArbitrageView = Type.Object({
  chain: Token,
  blockNumber: Count,
  blockHash: HashText,
  observedAtMs: Count,
  dropped: Type.Boolean({ description: "Its block was dropped by a reorganisation" }),
  transactionHash: HashText,
  transactionIndex: Count,
  from: AddressText,
  to: Nullable(AddressText),
  ours: Type.Boolean({ description: "Sent to our executor contract" }),
  token: TokenView,
  amountIn: Uint,
  grossProfit: described(Uint, "Before gas, payments to the builder and lending fees, smallest units of `token`"),
  grossProfitUsd: InDollars,
  gasUsed: Count,
  gasCost: described(Uint, "Wei"),
  tip: described(Int, "Priority fee, wei; what a contract pays the builder itself is not in it"),
  hops: Type.Array(
    Type.Object({ dex: Nullable(Token), pool: Type.String(), tokenIn: TokenView, tokenOut: TokenView, amountIn: Uint, amountOut: Uint }),
  ),
});
export type ArbitrageView = Static<typeof ArbitrageView>;

export const MODEL_STATES = ["installed", "trial", "canary", "champion", "former", "rejected", "rolled-back", "superseded"] as const;
export type ModelState = (typeof MODEL_STATES)[number];

export const KnownModelView = Type.Object({
  version: ModelVersion,
  state: Type.Enum([...MODEL_STATES], {
    description:
      "`installed`: champion until another is promoted; `trial`: scores and decides nothing; `canary`: decides a share of the blocks; " +
      "`former`: champion before; `superseded`: a later one took its trial",
  }),
  detail: Type.String({ description: "Why it was rejected or rolled back; may be empty" }),
  changedAtMs: Nullable(Type.Integer({ minimum: 0, description: "When it came to its state; null where nothing has been said of it" })),
  training: Nullable(
    Type.Object({
      name: Type.String(),
      parent: Nullable(ModelVersion),
      engine: Type.String(),
      trainedAtMs: Count,
      rows: Count,
      landed: Count,
      firstBlock: Count,
      lastBlock: Count,
      auc: Type.Number(),
      logLoss: Type.Number(),
      ece: Type.Number(),
    }),
  ),
  measured: Nullable(
    Type.Object(
      {
        candidates: Type.Integer({ minimum: 0, description: "Labelled candidates that it had scored before anything was known of them" }),
        landed: Type.Integer({ minimum: 0, description: "Of them: landed, or would have" }),
        logLoss: Type.Number(),
        meanPrediction: Type.Number({ description: "Mean probability of landing that it gave" }),
      },
      { description: "By the labels that this gateway has read; null without any" },
    ),
  ),
  evidence: Nullable(described(Comparison, "The comparison that its last change rests on")),
});
export type KnownModelView = Static<typeof KnownModelView>;

export const ModelStandingView = Type.Object({
  champion: Nullable(described(ModelVersion, "Null: the model that the installation brought")),
  challenger: Nullable(ModelVersion),
  canaryShare: Type.Number({ description: "Share of the blocks that the challenger decides" }),
  challengerIsFormer: Type.Boolean({ description: "The challenger is the champion before" }),
  drift: Nullable(Type.Enum([...DRIFT_LEVELS])),
});
export type ModelStandingView = Static<typeof ModelStandingView>;

const CountsByName = Type.Record(Type.String(), Count);

export const ModelsView = Type.Object({
  chain: Token,
  nativeSymbol: Type.String(),
  standing: ModelStandingView,
  own: Nullable(Type.String({ description: "The model that the installation brought, once a ranking has named it" })),
  lastRanking: Nullable(
    Type.Object(
      {
        blockNumber: Count,
        ranking: Type.String(),
        unfit: Nullable(Type.Enum([...UNFIT])),
        champion: Nullable(Type.String()),
        challenger: Nullable(Type.String()),
      },
      { description: "Who made the order of the newest ranked block, with the models that were loaded there" },
    ),
  ),
  check: Nullable(
    Type.Object(
      {
        version: ModelVersion,
        level: Type.Enum([...DRIFT_LEVELS]),
        atMs: Count,
        blockNumber: Count,
        blocks: Count,
        candidates: Count,
        landed: Count,
        logLoss: Type.Number(),
        ece: Type.Number(),
        scorePsi: Type.Number(),
        featurePsi: Type.Array(Type.Object({ feature: Type.String(), psi: Type.Number() }), { description: "Largest first" }),
        reasons: Type.Array(Type.String()),
      },
      { description: "The newest check of the champion" },
    ),
  ),
  trial: Nullable(
    Type.Object({
      version: ModelVersion,
      sinceMs: Nullable(Count),
      canaryShare: Type.Number(),
      isFormer: Type.Boolean(),
      paired: Nullable(
        Type.Object(
          { candidates: Count, landed: Count, championLogLoss: Type.Number(), challengerLogLoss: Type.Number() },
          { description: "Labelled candidates that both had scored, as this gateway has read them; a mean, without an interval" },
        ),
      ),
      evidence: Nullable(described(Comparison, "The newest comparison of the two that the trainer has published")),
    }),
  ),
  calibration: Nullable(
    Type.Object(
      {
        version: Type.String(),
        bins: Type.Array(
          Type.Object({
            from: Type.Number(),
            to: Type.Number(),
            count: Count,
            predicted: Nullable(Type.Number({ description: "Mean probability that was given; null in an empty bin" })),
            observed: Nullable(Type.Number({ description: "Share that landed, or would have" })),
          }),
        ),
      },
      { description: "Of the champion, on labelled candidates: ten bins of the probability of landing" },
    ),
  ),
  labels: Type.Object({
    byOutcome: CountsByName,
    overTime: Type.Array(Type.Object({ firstBlock: Count, blocks: Count, byOutcome: CountsByName }), {
      description: "Oldest first; a stretch gets longer as blocks go on, so that their number stays bounded",
    }),
  }),
  rankings: Type.Object({
    blocks: Count,
    byRanking: CountsByName,
    byUnfit: described(CountsByName, "Blocks that no model could order, by the reason"),
    explored: Type.Integer({ minimum: 0, description: "Blocks whose first place was drawn" }),
  }),
  realised: Type.Object(
    {
      sent: Type.Integer({ minimum: 0, description: "Labelled candidates that were sent in live mode" }),
      landed: Count,
      settled: Type.Integer({ minimum: 0, description: "Of the landed: those whose profit is known; the amounts are of these" }),
      promised: described(Int, "Net profit as ranked, wei"),
      realised: described(Int, "Net profit as settled, wei"),
      scored: Type.Integer({
        minimum: 0,
        description: "Of the settled: those that the model which made the order had scored, or the champion where none did",
      }),
      foretold: described(Int, "Net profit given landing as that model foretold it, of the scored ones, wei"),
      realisedOfScored: described(Int, "Net profit as settled, of the scored ones, wei"),
    },
    { description: "Expected and realised profit of what was executed" },
  ),
  trainingFailures: Type.Array(Type.Object({ atMs: Count, detail: Type.String() }), {
    description: "Trainings that came to no model, or were not begun for want of one of the outcomes; oldest first",
  }),
  models: Type.Array(KnownModelView, { description: "Newest first" }),
});
export type ModelsView = Static<typeof ModelsView>;

/** A message about a model came. */
export interface ModelChangeView {
  readonly chain: string;
  readonly kind: string;
  /** Null for a training that came to no model. */
  readonly version: string | null;
  readonly atMs: number;
  readonly standing: ModelStandingView;
}

export interface InitialView {
  readonly health: HealthView;
  readonly stats: StatsView;
  readonly opportunities: readonly OpportunityView[];
  readonly trades: readonly TradeView[];
  readonly profitCurve: readonly ProfitCurve[];
}

/** What a message changed, for WebSocket clients. */
export type ModelEvent =
  | { readonly type: "block"; readonly data: BlockView }
  | { readonly type: "opportunity"; readonly data: OpportunityView }
  | { readonly type: "trade"; readonly data: TradeView }
  | { readonly type: "model"; readonly data: ModelChangeView }
  | { readonly type: "profit"; readonly data: { readonly chain: string; readonly point: ProfitPoint } };
/** Everything that a WebSocket client may receive. */
export type GatewayEvent =
  | ModelEvent
  | { readonly type: "initial"; readonly data: InitialView }
  | { readonly type: "stats"; readonly data: StatsView }
  | { readonly type: "health"; readonly data: HealthView };

export const QuoteView = Type.Object({
  chain: Token,
  blockNumber: Count,
  blockHash: described(HashText, "The block whose states were quoted"),
  tokenIn: TokenView,
  tokenOut: TokenView,
  amountIn: Uint,
  amountOut: described(Uint, "To the unit, if the legs are executed in this order on those states, with nothing in between"),
  gas: described(Count, "Of all swaps, by estimate; what a transaction costs by itself is not in it"),
  gasCost: Nullable(Type.Number({ description: "What that gas costs in smallest units of `tokenOut`, about; null without `gasPrice`" })),
  priceImpact: Type.Number({ description: "Share of the output that size costs, beside the rates of each pool's first unit, fees taken" }),
  legs: Type.Array(Type.Object({ amountIn: Uint, amountOut: Uint, gas: Count, hops: Type.Array(HopView) })),
});
export type QuoteView = Static<typeof QuoteView>;

const AnyAddress = (description: string) => Type.String({ pattern: "^0x[0-9a-fA-F]{40}$", description });
/** A question that somebody else answers. */
export const QuoteQuery = Type.Object(
  {
    chain: described(Token, "On this chain"),
    tokenIn: AnyAddress("Token sold"),
    tokenOut: AnyAddress("Token bought"),
    amountIn: described(Uint, "Smallest units of `tokenIn`"),
    maxHops: Type.Optional(Type.Integer({ minimum: 1, maximum: 4, default: 3, description: "Swaps of a leg, at most" })),
    maxLegs: Type.Optional(Type.Integer({ minimum: 1, maximum: 8, default: 4, description: "Legs, at most; 1 for a single path" })),
    gasPrice: Type.Optional(described(Uint, "Wei: with it a leg has to earn more than its swaps cost")),
  },
  { additionalProperties: false },
);
export type QuoteQuery = Static<typeof QuoteQuery>;

const chainQuery = Type.Optional(described(Token, "Only this chain"));
const limitQuery = (maximum: number) =>
  Type.Optional(Type.Integer({ minimum: 1, maximum, default: Math.min(maximum, 100), description: "At most so many, newest first" }));

export interface Endpoint {
  readonly path: string;
  readonly summary: string;
  readonly query: Type.TObject;
  readonly response: Type.TSchema;
  /** Answers 404 and 503 too: somebody else is asked. */
  readonly refusals?: true;
}

/** The endpoints. `limits` are what the read model keeps: nobody can ask for more. */
export function endpointsOf(limits: {
  opportunitiesKept: number;
  tradesKept: number;
  pricesKept: number;
  poolValuesKept: number;
  arbitragesKept: number;
  rejectionsKept: number;
  modelEventsKept: number;
}) {
  const strict = { additionalProperties: false };
  return {
    health: {
      path: "/api/health",
      summary: "Is it alive: heads of the chains, and every actor that sends heartbeats",
      query: Type.Object({}, strict),
      response: HealthView,
    },
    opportunities: {
      path: "/api/opportunities",
      summary: "Scored candidates, newest block first, best first within a block",
      query: Type.Object({ limit: limitQuery(limits.opportunitiesKept), chain: chainQuery }, strict),
      response: Type.Array(OpportunityView),
    },
    trades: {
      path: "/api/trades",
      summary: "Settled trades, newest first, with those that a reorganisation voided",
      query: Type.Object({ limit: limitQuery(limits.tradesKept), chain: chainQuery }, strict),
      response: Type.Array(TradeView),
    },
    stats: {
      path: "/api/stats",
      summary: "Totals over everything the streams hold, the funnel, latencies and pools",
      query: Type.Object({ chain: chainQuery }, strict),
      response: StatsView,
    },
    profit: {
      path: "/api/profit",
      summary: "Cumulative net profit of each chain, thinned to a bounded number of points",
      query: Type.Object({ chain: chainQuery }, strict),
      response: Type.Array(ProfitCurve),
    },
    prices: {
      path: "/api/prices",
      summary: "What tokens are worth, from the pools alone, the surest first; a chain comes once its analyst has spoken",
      query: Type.Object({ limit: limitQuery(limits.pricesKept), chain: chainQuery }, strict),
      response: Type.Array(PricesView),
    },
    tvl: {
      path: "/api/tvl",
      summary: "What pools hold, by DEX, and the largest of them",
      query: Type.Object({ limit: limitQuery(limits.poolValuesKept), chain: chainQuery }, strict),
      response: Type.Array(TvlView),
    },
    arbitrages: {
      path: "/api/arbitrages",
      summary: "Atomic arbitrages that anybody landed, newest block first",
      query: Type.Object({ limit: limitQuery(limits.arbitragesKept), chain: chainQuery }, strict),
      response: Type.Array(ArbitrageView),
    },
    rejections: {
      path: "/api/rejections",
      summary: "Candidates that a gate of the ranking stopped, newest block first, best net profit first within a block",
      query: Type.Object({ limit: limitQuery(limits.rejectionsKept), chain: chainQuery }, strict),
      response: Type.Array(RejectionView),
    },
    models: {
      path: "/api/models",
      summary: "Which models score and decide, how they do on what was labelled, and what became of each; `limit` is of `models`",
      query: Type.Object({ limit: limitQuery(limits.modelEventsKept), chain: chainQuery }, strict),
      response: Type.Array(ModelsView),
    },
    quote: {
      path: "/api/quote",
      summary: "What an amount of one token is in another, sold over the pools that the solver searches; 404 where no route takes it",
      query: QuoteQuery,
      response: QuoteView,
      refusals: true,
    },
  } as const satisfies Record<string, Endpoint>;
}
