import { createHash } from "node:crypto";
import { inProfitToken, saleStart } from "#libs/ledger/profit-token.ts";
import type { Candidate, Hop } from "#proto/cycle/v1/found.ts";

/**
 * What a model sees of a candidate. THE order of the rows: a model is trained and served on one schema, and `SCHEMA_HASH` says which. Whatever is
 * written here is part of the hash, meanings included: a feature that comes to mean something else makes another schema.
 */
export interface Feature {
  readonly name: string;
  /** Of the quantity, before the transformation. */
  readonly unit: string;
  readonly meaning: string;
  /** The message that it rests on. */
  readonly source: string;
  /** `asinh`: of the quantity in its unit: a logarithm for what is large, signed, and zero for zero. Trees do not mind, the net does. */
  readonly transform: "none" | "asinh";
  /** Of the transformed value; what is beyond counts as the bound. */
  readonly least: number;
  readonly most: number;
  /** When it is NaN; null where it is always known. */
  readonly missing: string | null;
}

/** Amounts of the native coin: a millionth. asinh of 10^12 of them is 28.3. */
const MICRO_WEI = 1e12;
const MICRO = "10^12 wei";
const AMOUNT = { unit: MICRO, transform: "asinh", least: -45, most: 45, missing: null } as const;
const SHARE = { unit: "share", transform: "none", least: 0, most: 1 } as const;

/** Blocks over which the base fee's trend is taken. */
export const TREND_BLOCKS = 8;
/** Blocks that an actor looks back for rivals, volatility and its own hits: about 20 minutes of Ethereum, so that a quiet hour does not judge a busy one. */
export const MEMORY_BLOCKS = 100;

export const FEATURES = [
  {
    name: "hops",
    unit: "swaps",
    meaning: "Swaps of the cycle",
    source: "cycle.found",
    transform: "none",
    least: 2,
    most: 5,
    missing: null,
  },
  {
    name: "families",
    unit: "families",
    meaning: "Different pool families among the hops",
    source: "cycle.found",
    transform: "none",
    least: 1,
    most: 5,
    missing: null,
  },
  { name: "grossProfit", meaning: "What comes out above what goes in", source: "cycle.found", ...AMOUNT },
  { name: "netProfit", meaning: "Gross profit less gas cost and loan fee", source: "cycle.found, block.observed", ...AMOUNT },
  {
    name: "gas",
    unit: "10^5 gas",
    meaning: "Estimated gas of the whole transaction",
    source: "cycle.found",
    transform: "none",
    least: 0,
    most: 300,
    missing: null,
  },
  {
    name: "gasPrice",
    unit: "gwei",
    meaning: "The most that a unit of gas may cost in the next block: base fee and priority fee",
    source: "cycle.found",
    transform: "asinh",
    least: 0,
    most: 20,
    missing: null,
  },
  { name: "gasCost", meaning: "gas × gasPrice", source: "cycle.found", ...AMOUNT },
  { name: "loanFee", meaning: "What the lender takes for the amount that goes in", source: "cycle.found, configuration", ...AMOUNT },
  { name: "amountIn", meaning: "What goes into the first swap", source: "cycle.found", ...AMOUNT },
  {
    name: "amountToDepth",
    unit: "1/1000",
    meaning: "amountIn ÷ value of the thinnest pool of the cycle",
    source: "cycle.found, tvl.changed",
    transform: "asinh",
    least: 0,
    most: 20,
    missing: "the value of a pool is not known",
  },
  {
    name: "priceImpact",
    unit: "1e-4",
    meaning: "1 − (what the hops pay per unit ÷ what they would pay for very little, fees taken)",
    source: "cycle.found",
    transform: "asinh",
    least: -1,
    most: 10.5,
    missing: "the marginal rate of a hop is not known",
  },
  {
    name: "thinnestTvl",
    unit: "native coins",
    meaning: "Value of the thinnest pool of the cycle",
    source: "tvl.changed",
    transform: "asinh",
    least: 0,
    most: 30,
    missing: "the value of a pool is not known",
  },
  {
    name: "stateAge",
    unit: "blocks",
    meaning: "Blocks since any pool of the cycle last changed: 0 for one that this block opened",
    source: "pool.changed",
    transform: "asinh",
    least: 0,
    most: 20,
    missing: `no pool of the cycle has changed within ${MEMORY_BLOCKS} blocks`,
  },
  {
    name: "volatility",
    unit: "1e-4",
    meaning: `Standard deviation of the block-to-block logarithmic price change over ${MEMORY_BLOCKS} blocks, of the pair of the cycle that moves most`,
    source: "price.changed",
    transform: "asinh",
    least: 0,
    most: 12,
    missing: "no pair of the cycle has prices for as long",
  },
  {
    name: "cycleVanished",
    ...SHARE,
    meaning: `Share of the last ${MEMORY_BLOCKS} blocks' appearances of this cycle that were gone a block later without a trade of ours`,
    source: "cycle.found, trade.settled",
    missing: "the cycle has not appeared before",
  },
  {
    name: "poolsTaken",
    unit: "arbitrages",
    meaning: `Arbitrages of others through a pool of the cycle within ${MEMORY_BLOCKS} blocks, of the pool that had most`,
    source: "arbitrage.observed",
    transform: "asinh",
    least: 0,
    most: 12,
    missing: "no pool of the cycle is followed",
  },
  {
    name: "rivals",
    unit: "arbitrages a block",
    meaning: `Arbitrages that others landed, a block, over ${MEMORY_BLOCKS} blocks`,
    source: "arbitrage.observed",
    transform: "asinh",
    least: 0,
    most: 10,
    missing: "fewer blocks have been seen",
  },
  {
    name: "baseFeeTrend",
    unit: "1",
    meaning: `Logarithm of the base fee over that of ${TREND_BLOCKS} blocks before`,
    source: "block.observed",
    transform: "none",
    least: -2,
    most: 2,
    missing: "fewer blocks have been seen, or a base fee is zero",
  },
  {
    name: "blockFullness",
    ...SHARE,
    meaning: "Gas used by the block ÷ its limit",
    source: "block.observed",
    missing: "the block itself has not been seen",
  },
  {
    name: "timeInBlock",
    unit: "seconds",
    meaning: "From the block's first sight to the message with the candidates",
    source: "cycle.found",
    transform: "asinh",
    least: 0,
    most: 6,
    missing: "a replay without receive times",
  },
  {
    name: "tokenConfidence",
    ...SHARE,
    meaning: "Confidence in the price of the cycle's least trusted token",
    source: "price.changed",
    missing: "a token has no price",
  },
  {
    name: "poolAccuracy",
    ...SHARE,
    meaning: `Of ${MEMORY_BLOCKS} blocks' simulations through a pool of the cycle the share that paid what we had quoted, of the pool with the least; (right + 1) ÷ (all + 2)`,
    source: "execution.*",
    missing: null,
  },
  {
    name: "rank",
    unit: "place",
    meaning: "Place in the block's candidates by net profit, 0 is best",
    source: "cycle.found",
    transform: "asinh",
    least: 0,
    most: 8,
    missing: null,
  },
  {
    name: "cyclesInBlock",
    unit: "cycles",
    meaning: "Profitable cycles that the search saw in this block",
    source: "cycle.found",
    transform: "asinh",
    least: 0,
    most: 20,
    missing: null,
  },
] as const satisfies readonly Feature[];

export type FeatureName = (typeof FEATURES)[number]["name"];
export const FEATURE_COUNT: number = FEATURES.length;

/** The schema as it lies beside a model. */
export function featuresJson(): string {
  return `${JSON.stringify({ format: 1, features: FEATURES }, null, 2)}\n`;
}

/** SHA-256 of `featuresJson`. */
export const SCHEMA_HASH: string = createHash("sha256").update(featuresJson()).digest("hex");

/** What has been seen of the market when a block's candidates are scored: an actor fills it from the messages it has read, and from nothing else. */
export interface FeatureContext {
  /** Wei per gas that the trade may have to pay. */
  readonly gasPrice: bigint;
  /** What the lender takes of the borrowed amount, in 1e-6. */
  readonly loanFeePips: bigint;
  readonly blockNumber: number;
  /** From the first sight of the block to its candidates, milliseconds; null in a replay without receive times. */
  readonly elapsedMs: number | null;
  /** Null where the block's own message has not been read. */
  readonly block: { readonly baseFeePerGas: bigint; readonly gasUsed: number; readonly gasLimit: number } | null;
  /** Wei per gas, TREND_BLOCKS earlier. */
  readonly baseFeeBefore: bigint | null;
  /** Arbitrages of others, a block. */
  readonly rivalsPerBlock: number | null;
  pool(pool: string): PoolContext | null;
  /** Standard deviation of the logarithmic price change from block to block. */
  volatility(token: string, other: string): number | null;
  /** In [0, 1]. */
  tokenConfidence(token: string): number | null;
  /** How often the cycle has been found, and how often it was gone a block later without us. */
  cycle(cycleId: string): { readonly found: number; readonly vanished: number } | null;
}

export interface PoolContext {
  /** Whole native coins. */
  readonly tvl: number | null;
  readonly changedAtBlock: number | null;
  /** Arbitrages of others through it. */
  readonly taken: number;
  /** Simulations of ours through it, and those that paid what we had quoted. */
  readonly simulations: { readonly right: number; readonly all: number };
}

export interface CandidateInBlock {
  readonly candidate: Candidate;
  /** By net profit, 0 is best. */
  readonly rank: number;
  /** Of the message: profitable cycles that the search saw. */
  readonly cyclesFound: number;
}

/** The lesser of two; null if either is not known. */
const lesser = (left: number | null, right: number | null | undefined): number | null =>
  left === null || right === null || right === undefined ? null : Math.min(left, right);

/** The greater of two, or the one that is known. */
const greater = (left: number | null, right: number | null | undefined): number | null =>
  right === null || right === undefined ? left : left === null ? right : Math.max(left, right);

interface AlongHops {
  readonly families: number;
  readonly thinnestTvl: number | null;
  readonly lastChange: number | null;
  readonly volatility: number | null;
  readonly taken: number | null;
  readonly confidence: number | null;
  readonly accuracy: number | null;
}

/** What the hops have most or least of, in one pass: hundreds of candidates a block go through here. */
function alongHops(candidate: Candidate, context: FeatureContext): AlongHops {
  const { hops } = candidate;
  const sale = saleStart(candidate);
  let families = 0;
  let thinnestTvl: number | null = Number.POSITIVE_INFINITY;
  let lastChange: number | null = null;
  let volatility: number | null = null;
  let taken: number | null = null;
  let confidence: number | null = Number.POSITIVE_INFINITY;
  let accuracy: number | null = Number.POSITIVE_INFINITY;
  for (let place = 0; place < hops.length; place++) {
    const { family, pool: address, tokenIn, tokenOut } = hops[place] as Hop;
    let before = 0;
    while (before < place && hops[before]?.family !== family) before++;
    if (before === place) families++;
    const pool = context.pool(address);
    // What goes in goes through the cycle's own pools; the sale has only what is left.
    if (place < sale) thinnestTvl = lesser(thinnestTvl, pool?.tvl);
    lastChange = greater(lastChange, pool?.changedAtBlock);
    volatility = greater(volatility, context.volatility(tokenIn, tokenOut));
    taken = greater(taken, pool?.taken);
    confidence = lesser(confidence, context.tokenConfidence(tokenIn));
    const right = pool?.simulations.right ?? 0;
    accuracy = lesser(accuracy, (right + 1) / ((pool?.simulations.all ?? 0) + 2));
  }
  return { families, thinnestTvl, lastChange, volatility, taken, confidence, accuracy };
}

/** Amounts are of the native coin, in which all profits are: of another start token, its worth at the rate at which the candidate sells it. */
function quantities(
  { candidate, rank, cyclesFound }: CandidateInBlock,
  context: FeatureContext,
): Readonly<Record<FeatureName, number | null>> {
  const amountIn = inProfitToken(candidate, BigInt(candidate.amountIn));
  const grossProfit = BigInt(candidate.grossProfit);
  const gasCost = BigInt(candidate.gasEstimate) * context.gasPrice;
  const loanFee = (amountIn * context.loanFeePips + 999_999n) / 1_000_000n;
  const micro = (wei: bigint) => Number(wei) / MICRO_WEI;
  const { families, thinnestTvl, lastChange, volatility, taken, confidence, accuracy } = alongHops(candidate, context);
  const { hops } = candidate;
  const seen = context.cycle(candidate.cycleId);
  const { block, baseFeeBefore } = context;
  const hasTrend = block !== null && baseFeeBefore !== null && block.baseFeePerGas > 0n && baseFeeBefore > 0n;
  return {
    hops: hops.length,
    families,
    grossProfit: micro(grossProfit),
    netProfit: micro(grossProfit - gasCost - loanFee),
    gas: candidate.gasEstimate / 1e5,
    gasPrice: Number(context.gasPrice) / 1e9,
    gasCost: micro(gasCost),
    loanFee: micro(loanFee),
    amountIn: micro(amountIn),
    amountToDepth: thinnestTvl === null || thinnestTvl <= 0 ? null : (Number(amountIn) / 1e18 / thinnestTvl) * 1_000,
    priceImpact: candidate.priceImpact === undefined ? null : candidate.priceImpact * 1e4,
    thinnestTvl,
    stateAge: lastChange === null ? null : context.blockNumber - lastChange,
    volatility: volatility === null ? null : volatility * 1e4,
    cycleVanished: seen === null || seen.found === 0 ? null : seen.vanished / seen.found,
    poolsTaken: taken,
    rivals: context.rivalsPerBlock,
    baseFeeTrend: hasTrend ? Math.log(Number(block.baseFeePerGas) / Number(baseFeeBefore)) : null,
    blockFullness: block === null || block.gasLimit === 0 ? null : block.gasUsed / block.gasLimit,
    timeInBlock: context.elapsedMs === null ? null : context.elapsedMs / 1_000,
    tokenConfidence: confidence,
    poolAccuracy: accuracy,
    rank,
    cyclesInBlock: cyclesFound,
  };
}

/** A quantity as it stands in a row: transformed, within its bounds, NaN where it is missing. */
export function featureValue({ transform, least, most }: Feature, quantity: number | null): number {
  if (quantity === null || Number.isNaN(quantity)) return Number.NaN;
  return Math.min(most, Math.max(least, transform === "asinh" ? Math.asinh(quantity) : quantity));
}

const COLUMNS = FEATURES.map(({ name }) => name);

/**
 * The candidate's row, FEATURE_COUNT float32 in the order of FEATURES, written to `rows` from `start` on. Same candidate and context, same row: what
 * was logged with a decision is what the decision rested on.
 */
export function extract(candidate: CandidateInBlock, context: FeatureContext, rows: Float32Array, start = 0): void {
  const known = quantities(candidate, context);
  for (let column = 0; column < FEATURE_COUNT; column++)
    rows[start + column] = featureValue(FEATURES[column] as Feature, known[COLUMNS[column] as FeatureName]);
}
