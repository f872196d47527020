import Type, { type Static, type TUnsafe } from "typebox";
import { AddressText, Count, HashText, Int, Uint } from "#proto/scalars.ts";

/** A tick of a pool with ranges: tick, liquidityNet, liquidityGross. */
export const TickRow = Type.Tuple([Type.Integer(), Int, Uint]);
export type TickRow = Static<typeof TickRow>;

/** Pools whose price moves along ranges: uniswap-v3 and its kin. */
const RangesState = Type.Tuple([AddressText, Uint, Type.Integer(), Uint, Count, Count, Type.Array(TickRow)]);
const RANGES_COLUMNS = [
  "pool",
  "sqrtPriceX96",
  "tick",
  "liquidity",
  "feePips0",
  "feePips1",
  "ticks (in a change those touched; a liquidityGross of 0 removes one)",
];
export type RangesStateRow = Static<typeof RangesState>;

/**
 * THE table of pool families: what never changes of a pool (`facts`), and its absolute state: a positional row under `columns`, the pool first. Amounts in raw
 * token units, fees in 1e-6 (pips), by the token that comes in. A change carries what changed where `columns` says so; a snapshot carries everything.
 */
export const POOL_FAMILIES = {
  "uniswap-v2": {
    facts: Type.Object({}),
    columns: ["pool", "reserve0", "reserve1", "feePips0", "feePips1"],
    state: Type.Tuple([AddressText, Uint, Uint, Count, Count]),
  },
  /** Decimals of the tokens; where the pair's fee is read (libs/dex/solidly/fees.ts). A fee of null is not known at this moment. */
  solidly: {
    facts: Type.Object({
      variant: Type.Enum(["solidly-v1", "velodrome-v2", "ramses-v3-legacy", "mute"]),
      stable: Type.Boolean(),
      decimals0: Count,
      decimals1: Count,
      feeSource: Type.Enum([
        "factory.getFee(pair,stable)",
        "factory.getRealFee(pair)",
        "factory.getRealFee(pair)/1e18",
        "factory.getPairFee(pair,stable)",
        "factory.getFee(pair)",
        "factory.pairFee(pair)",
        "pair.fee()",
        "pair.pairFee()",
        "pair.feeRatio()",
        "factory.getFee(stable)",
      ]),
    }),
    columns: ["pool", "reserve0", "reserve1", "feePips"],
    state: Type.Tuple([AddressText, Uint, Uint, Type.Union([Count, Type.Null()])]),
  },
  "uniswap-v3": { facts: Type.Object({ tickSpacing: Count }), columns: RANGES_COLUMNS, state: RangesState },
  "pancake-v3": { facts: Type.Object({ tickSpacing: Count }), columns: RANGES_COLUMNS, state: RangesState },
  slipstream: { facts: Type.Object({ tickSpacing: Count }), columns: RANGES_COLUMNS, state: RangesState },
  /** `tickSpacing`: what a bit of the tick table stands for; 0 where swaps go from tick to tick without one. */
  algebra: { facts: Type.Object({ tickSpacing: Count }), columns: RANGES_COLUMNS, state: RangesState },
  /**
   * Fees in 1e-10. `lineage`: which implementation's rounding (libs/dex/curve-stableswap/math.ts). `multipliers`: 10^(36 − decimals), or the rates that never
   * change. `rates`: whether they do, and with what. `view`: how the pool's get_dy rounds.
   */
  "curve-stableswap": {
    facts: Type.Object({
      lineage: Type.Union([Type.Literal("2020"), Type.Literal("2021"), Type.Literal("ema"), Type.Literal("ng")]),
      rates: Type.Union([Type.Literal("fixed"), Type.Literal("stored"), Type.Literal("base"), Type.Literal("base-cached")]),
      basePool: Type.Optional(AddressText),
      multipliers: Type.Array(Uint),
      view: Type.Union([Type.Literal("as-exchange"), Type.Literal("fee-last")]),
    }),
    columns: [
      "pool",
      "balances",
      "rates",
      "amp",
      "fee",
      "adminFee",
      "offpegFeeMultiplier",
      "status (0 settled, 1 A ramps, 2 stale: to be read again)",
    ],
    state: Type.Tuple([AddressText, Type.Array(Uint), Type.Array(Uint), Uint, Count, Count, Uint, Count]),
  },
  /**
   * `maths` 1: pools made before 2022, 2: since. Weights and fee with 18 decimals, amplification with 3, rates with 18. `bptIndex`: place of the pool's own token
   * in the vault, which is not among the tokens here; -1 where it holds none. `rateProviders`: by token, the zero address where it has none; empty where the kind
   * knows no rates.
   */
  "balancer-v2": {
    facts: Type.Object({
      vault: AddressText,
      poolId: HashText,
      kind: Type.Enum(["weighted", "stable", "meta-stable", "composable-stable"]),
      maths: Type.Union([Type.Literal(1), Type.Literal(2)]),
      decimals: Type.Array(Count),
      weights: Type.Array(Uint),
      bptIndex: Type.Integer({ minimum: -1 }),
      rateProviders: Type.Array(AddressText),
    }),
    columns: [
      "pool",
      "cash (of this and what follows a change carries what changed: empty or null is left out)",
      "managed",
      "swapFeePercentage",
      "paused",
      "amp [value, moves, ramp (start value, end value, start time, end time; empty where unknown), seconds at which it was seen (0 for a value of ours)]",
      "rates",
    ],
    state: Type.Tuple([
      AddressText,
      Type.Array(Uint),
      Type.Array(Uint),
      Type.Union([Uint, Type.Null()]),
      Type.Union([Type.Boolean(), Type.Null()]),
      Type.Union([Type.Tuple([Uint, Type.Boolean(), Type.Array(Uint), Count]), Type.Null()]),
      Type.Array(Uint),
    ]),
  },
} as const;

type Families = typeof POOL_FAMILIES;
export type FamilyId = keyof Families;
export const FAMILY_IDS = Object.keys(POOL_FAMILIES) as FamilyId[];
export const FamilyName = Type.Enum(FAMILY_IDS);
export type FactsOf<Id extends FamilyId> = Static<Families[Id]["facts"]>;
export type StateRowOf<Id extends FamilyId> = Static<Families[Id]["state"]>;

/** Curve's registry has pools of 8, a Balancer vault allows 50. */
const PoolTokens = Type.Array(AddressText, { minItems: 2, maxItems: 50 });

/** What never changes of a pool, positional: pool, tokens in the pool's own order, facts of its family. */
export type PoolRow<Id extends FamilyId = FamilyId> = [pool: string, tokens: string[], facts: FactsOf<Id>];

/** The states of pools of one family: a union on `family`. */
export type PoolStates = { [Id in FamilyId]: { family: Id; rows: StateRowOf<Id>[] } }[FamilyId];
export const PoolStates = Type.Union(
  FAMILY_IDS.map((family) => Type.Object({ family: Type.Literal(family), rows: Type.Array(POOL_FAMILIES[family].state) })),
) as unknown as TUnsafe<PoolStates>;

/** Pools of one family, as they are found: a union on `family`. */
export type FoundPools = { [Id in FamilyId]: { family: Id; rows: PoolRow<Id>[] } }[FamilyId];
export const FoundPools = Type.Union(
  FAMILY_IDS.map((family) =>
    Type.Object({
      family: Type.Literal(family),
      rows: Type.Array(Type.Tuple([AddressText, PoolTokens, POOL_FAMILIES[family].facts])),
    }),
  ),
) as unknown as TUnsafe<FoundPools>;
