/** Blocks from a gap's opening to its taking, as they were counted. */
export interface Delays {
  /** So many times nothing was found that had opened it. */
  readonly none: number;
  readonly counts: readonly (readonly [blocks: number, times: number])[];
}

/** What has been recorded of searchers. */
export interface Habits {
  readonly delays: Delays;
  /**
   * How often it was seen, where `delays` are its own: of those that could take a gap, one is drawn by this and comes after its delay. A record is of whoever was first, so that several
   * that came each after its own would be faster than what has been recorded. Null where `delays` are of whoever was first: all come after the same.
   */
  readonly seen: number | null;
  /** Quantiles of what is paid for gas and tip, as a share of the gain. */
  readonly paidShares: readonly number[];
  /** Nothing is sent that gains less than so many times its gas at the base fee. */
  readonly leastGainToCost: number;
}

/** A kind of searcher. What it sees and wants is fixed here and drawn from the seed: nobody else is told. */
export interface RivalRule {
  readonly name: string;
  readonly families: readonly string[];
  readonly maxHops: number;
  /** Share of the tokens that it follows beside the hubs. */
  readonly follows: number;
  /** Blocks that a gap must have stood before its bundle for it comes. */
  readonly latency: number;
  /** After gas, before its tip: wei. */
  readonly minNetProfit: number;
  /** Of the net profit, to the builder. */
  readonly tipShare: number;
  /** Chance that it sends what it has found. */
  readonly reliability: number;
  /** Bundles in a block, at most. */
  readonly bundles: number;
  /** It works `duty` of each `period` blocks, from an offset of its own; a duty of 1 never rests. */
  readonly duty: number;
  readonly period: number;
  /** Instead of `latency` and `tipShare`, where they are drawn from records. */
  readonly habits?: Habits;
}

const ETHER = 1e18;
/** Pools that have been there for years; Algebra's and Balancer's only those know who look for them. */
const USUAL = ["uniswap-v2", "uniswap-v3", "pancake-v3"];
const ALL = [...USUAL, "algebra", "balancer-v2"];
const ALWAYS = { duty: 1, period: 1 };

/** Five kinds of searchers with reaches that overlap. */
export const FIVE: readonly RivalRule[] = [
  // Bots of the first kind there was: two pairs, any token, thin margins.
  {
    name: "pairs",
    families: ["uniswap-v2"],
    maxHops: 2,
    follows: 1,
    latency: 0,
    minNetProfit: 0.001 * ETHER,
    tipShare: 0.6,
    reliability: 0.5,
    bundles: 2,
    ...ALWAYS,
  },
  // A house that knows the large tokens and some others, in all usual pools.
  {
    name: "majors",
    families: USUAL,
    maxHops: 3,
    follows: 0.25,
    latency: 0,
    minNetProfit: 0.003 * ETHER,
    tipShare: 0.8,
    reliability: 0.6,
    bundles: 3,
    ...ALWAYS,
  },
  // Anything large, by day.
  {
    name: "large",
    families: ALL,
    maxHops: 3,
    follows: 1,
    latency: 0,
    minNetProfit: 0.05 * ETHER,
    tipShare: 0.9,
    reliability: 0.7,
    bundles: 2,
    duty: 0.6,
    period: 500,
  },
  // Slow, with what the others leave.
  {
    name: "late",
    families: ALL,
    maxHops: 3,
    follows: 0.5,
    latency: 3,
    minNetProfit: 0.001 * ETHER,
    tipShare: 0.3,
    reliability: 0.4,
    bundles: 1,
    ...ALWAYS,
  },
  // Pools with ranges only, for some hours.
  {
    name: "ranges",
    families: ["uniswap-v3", "pancake-v3"],
    maxHops: 3,
    follows: 0.5,
    latency: 0,
    minNetProfit: 0.001 * ETHER,
    tipShare: 0.7,
    reliability: 0.6,
    bundles: 2,
    duty: 0.4,
    period: 400,
  },
];

/** The same five, quicker to send and following more. */
export const CROWD: readonly RivalRule[] = FIVE.map((rule) => ({
  ...rule,
  reliability: Math.min(0.9, rule.reliability * 1.4),
  follows: Math.min(1, rule.follows * 1.5),
  minNetProfit: rule.minNetProfit / 2,
}));

/** One house, and one that is late. */
export const FEW: readonly RivalRule[] = FIVE.filter(({ name }) => name === "majors" || name === "late");

/** By the name that a user gives. */
export const RIVAL_RULES = { few: FEW, five: FIVE, crowd: CROWD } as const satisfies Readonly<Record<string, readonly RivalRule[]>>;
export type RivalRulesName = keyof typeof RIVAL_RULES;
