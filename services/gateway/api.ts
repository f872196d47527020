import Type, { type Static } from "typebox";
import { AddressText, Count, Decimal, HashText, Int, Token, Uint } from "#proto/scalars.ts";

/**
 * What the gateway says, over REST and WebSocket: one schema a thing. Types, query validation and the OpenAPI document derive from these.
 * Amounts of the chain are decimal strings in the smallest unit. Times are Unix milliseconds.
 */

const Nullable = <Schema extends Type.TSchema>(schema: Schema) => Type.Union([schema, Type.Null()]);
const described = <Schema extends Type.TSchema>(schema: Schema, description: string): Schema => ({ ...schema, description });
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

export const OpportunityView = Type.Object({
  id: Type.String({ description: "cycleId@blockHash" }),
  timestamp: Count,
  chain: Token,
  blockNumber: Count,
  blockHash: HashText,
  cycleId: Type.String(),
  rank: Count,
  ranking: Type.String({ description: "How the order was made. `net-profit`: by net profit after gas; no model takes part yet." }),
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
  flashloanAmount: Uint,
  flashloanFee: described(Uint, 'Balancer V2 lends without a fee: "0"'),
  confidence: NotComputed("No model is there yet that would give a probability"),
  slippage: NotComputed("Amounts are exact for the state of `blockHash`, so none is expected"),
  marketImpact: NotComputed("Already inside the exact amounts of the hops"),
  status: Type.Enum([...OPPORTUNITY_STATUSES]),
  executionId: Nullable(HashText),
  outcome: Nullable(Type.String({ description: "Failure code and detail, where the execution failed" })),
});
export type OpportunityView = Static<typeof OpportunityView>;

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
  flashloanAmount: Uint,
  flashloanFee: Uint,
  marketImpact: NotComputed("Already inside the exact amounts of the hops"),
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
  | { readonly type: "profit"; readonly data: { readonly chain: string; readonly point: ProfitPoint } };
/** Everything that a WebSocket client may receive. */
export type GatewayEvent =
  | ModelEvent
  | { readonly type: "initial"; readonly data: InitialView }
  | { readonly type: "stats"; readonly data: StatsView }
  | { readonly type: "health"; readonly data: HealthView };

const chainQuery = Type.Optional(described(Token, "Only this chain"));
const limitQuery = (maximum: number) =>
  Type.Optional(Type.Integer({ minimum: 1, maximum, default: Math.min(maximum, 100), description: "At most so many, newest first" }));

export interface Endpoint {
  readonly path: string;
  readonly summary: string;
  readonly query: Type.TObject;
  readonly response: Type.TSchema;
}

/** The endpoints. `limits` are what the read model keeps: nobody can ask for more. */
export function endpointsOf(limits: {
  opportunitiesKept: number;
  tradesKept: number;
  pricesKept: number;
  poolValuesKept: number;
  arbitragesKept: number;
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
  } as const satisfies Record<string, Endpoint>;
}
