import { CROWD, FEW, FIVE, type RivalRule } from "#libs/rivals/rules.ts";
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
} as const satisfies Readonly<Record<string, Rules>>;
