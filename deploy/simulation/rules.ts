import { CROWD, FEW, FIVE, type RivalRule } from "#libs/rivals/rules.ts";
import { bidding, RECORDED, RECORDED_RIVALS } from "./records.ts";
import type { TraderRules } from "./traders.ts";

/**
 * Hidden rules: what the market's other people do. They were fixed before any model was trained; which tokens a rival follows, its hours, and which pools fail are
 * drawn from the seed, so that a model can know them only by what has happened since the start of its run.
 */
export interface Rules {
  readonly name: string;
  readonly traders: TraderRules;
  readonly rivals: readonly RivalRule[];
  readonly failing: FailingRules;
  /** What becomes of a bundle that does not pay: builders leave it out, or it is mined and costs half its gas. */
  readonly reverts: "left-out" | "mined";
}

/** Pools that at times do not pay what their state says: an owner's fee for some callers, a transfer tax, an oracle that moves as a block begins. */
export interface FailingRules {
  /** Share of the pools with such times, and of these those whose failure a simulation on the head shows; the others fail only in the next block. */
  readonly share: number;
  readonly shown: number;
  /** Chance of a block to begin such a time, and to end it. */
  readonly begins: number;
  readonly ends: number;
  /** Chance of a swap to fail in such a time. */
  readonly fails: number;
}

const TRADERS: TraderRules = {
  calm: 3,
  storm: 9,
  stormBegins: 0.006,
  stormEnds: 0.02,
  shareMedian: 0.003,
  shareSigma: 1,
  stormShare: 1.3,
  hotWeight: 5,
  hotTokens: 4,
  hotBlocks: 150,
  wander: 0.0005,
  early: 0.1,
};

const FAILING: FailingRules = { share: 0.06, shown: 0.6, begins: 0.004, ends: 0.02, fails: 0.9 };

/**
 * Swaps as large as in recorded blocks. Worth wanders by 3.7 % a day: the median, over 178 pools with more than a million dollars, of the deviation of daily
 * prices (1.4826 times the median absolute change), May to September 2021. Source: nathan99sun/Uniswap-Arbitrage@ce371d3, Data/*.xlsx; of that set this figure
 * is all that is used. How many swaps a block has, storms and hot tokens are invented.
 */
const RECORDED_TRADERS: TraderRules = { ...TRADERS, shares: RECORDED.ethereum.swapShares, wander: 0.037 / Math.sqrt(7_200) };

export const RULES = {
  /** Private bundles: one that is not included costs nothing. Rivals take about a third of the best single gaps. */
  private: { name: "private", traders: TRADERS, rivals: FIVE, failing: FAILING, reverts: "left-out" },
  /** The same people on a chain without private bundles. */
  mined: { name: "mined", traders: TRADERS, rivals: FIVE, failing: FAILING, reverts: "mined" },
  /** More competition. */
  crowded: { name: "crowded", traders: TRADERS, rivals: CROWD, failing: FAILING, reverts: "left-out" },
  /** Every pool pays what its state says: what is left is what rivals do. */
  steady: { name: "steady", traders: TRADERS, rivals: FIVE, failing: { ...FAILING, share: 0 }, reverts: "left-out" },
  /** Little competition: one house and one that is late. */
  few: {
    name: "few",
    traders: TRADERS,
    rivals: FEW,
    failing: FAILING,
    reverts: "left-out",
  },
  /** The eleven contracts that were seen most on Arbitrum from April to August 2023, each with its delays and payments; failing pools are invented. */
  recorded: { name: "recorded", traders: RECORDED_TRADERS, rivals: RECORDED_RIVALS, failing: FAILING, reverts: "left-out" },
  /** The invented five with the delays and payments of Ethereum in 2021: two of five gaps are gone in the block that opens them. */
  auction: { name: "auction", traders: RECORDED_TRADERS, rivals: bidding(FIVE), failing: FAILING, reverts: "left-out" },
  /** Nobody else, and every pool pays what its state says. */
  alone: { name: "alone", traders: TRADERS, rivals: [], failing: { ...FAILING, share: 0 }, reverts: "left-out" },
} as const satisfies Readonly<Record<string, Rules>>;
