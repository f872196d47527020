/** The StableSwap invariant and a swap along it, under the contracts' names. Sources are named at each function; amounts in raw units, `xp` scaled to 1e18. */

export const PRECISION = 10n ** 18n;
/** Fees are in 1e-10. */
export const FEE_DENOMINATOR = 10n ** 10n;
const MAX_UINT256 = 2n ** 256n - 1n;
const MAX_UINT128 = 2n ** 128n - 1n;
/** Rounds of Newton's method that the contracts allow themselves. */
const MAX_ROUNDS = 255;
/** What the functions here return where the contract would revert. */
export const REVERTS = -1n;

/**
 * Implementations whose rounding, or whose reasons to revert, differ.
 * - `2020`: A has no decimals, Newton's method may end without having converged (StableSwap3Pool.vy).
 * - `2021`: A in 1/100 (curve-contract SwapTemplateBase.vy and SwapTemplateMeta.vy, curve-factory Plain*Basic.vy, Plain*Optimized.vy, MetaUSD.vy).
 * - `ema`: `2021` with a price oracle, D_P divided by N^N at the end (curve-factory Plain2BasicEMA.vy).
 * - `ng`: fee that rises off the peg, oracles of price and D (CurveStableSwapNG.vy, CurveStableSwapMetaNG.vy).
 */
export type Lineage = "2020" | "2021" | "ema" | "ng";

/** What decides a swap, beside the amount. */
export interface Terms {
  readonly lineage: Lineage;
  /** Without what belongs to the admin, in the order of the coins. */
  readonly balances: readonly bigint[];
  /** From raw units to 1e18: rate · balance / 1e18. */
  readonly rates: readonly bigint[];
  /** A · n^(n−1), in the contract's own decimals: none in `2020`, 2 in the others. */
  readonly amp: bigint;
  readonly fee: bigint;
  /** `ng` only: at or below 1e10 the fee is flat. */
  readonly offpegFeeMultiplier: bigint;
}

/** Everything of a swap that no amount changes. */
export interface Solved {
  readonly terms: Terms;
  readonly xp: readonly bigint[];
  readonly D: bigint;
  /** Number of coins. */
  readonly N: bigint;
  readonly aPrecision: bigint;
  readonly Ann: bigint;
  /** D · A_PRECISION */
  readonly DA: bigint;
  /** Ann · N */
  readonly AnnN: bigint;
  /** D · A_PRECISION / Ann − D: `b − D` of get_y without the coins. */
  readonly bD: bigint;
}

/** A_PRECISION of a lineage. */
export const aPrecisionOf = (lineage: Lineage): bigint => (lineage === "2020" ? 1n : 100n);

/**
 * D of the invariant A·n^n·Σx + D = A·D·n^n + D^(n+1) / (n^n·Πx), within 1 of the equation's root. 0n for an empty pool, REVERTS where the contract would.
 * Source: get_D of each lineage.
 */
export function getD(xp: readonly bigint[], amp: bigint, lineage: Lineage): bigint {
  const N = BigInt(xp.length);
  const nPowN = N ** N;
  const aPrecision = aPrecisionOf(lineage);
  const divideLast = lineage === "ema" || lineage === "ng";
  let S = 0n;
  for (const x of xp) S += x;
  if (S === 0n) return 0n;
  const Ann = amp * N;
  const AnnS = Ann * S;
  if (AnnS > MAX_UINT256 || Ann < aPrecision) return REVERTS;
  let D = S;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    let D_P = D;
    for (const x of xp) {
      const product = D_P * D;
      if (x === 0n || product > MAX_UINT256) return REVERTS;
      D_P = divideLast ? product / x : product / (x * N);
    }
    if (divideLast) D_P /= nPowN;
    const Dprev = D;
    const numerator = (AnnS / aPrecision + D_P * N) * D;
    const linear = (Ann - aPrecision) * D;
    const denominator = linear / aPrecision + (N + 1n) * D_P;
    if (numerator > MAX_UINT256 || linear > MAX_UINT256 || denominator > MAX_UINT256 || denominator === 0n) return REVERTS;
    D = numerator / denominator;
    const change = D - Dprev;
    if (change <= 1n && change >= -1n) return D;
  }
  return lineage === "2020" ? D : REVERTS;
}

/** The invariant of these terms, solved once for all swaps; null where no swap is possible: nothing in the pool, or get_D reverts. */
export function solve(terms: Terms): Solved | null {
  const { balances, rates, amp, lineage } = terms;
  const xp: bigint[] = [];
  for (const [index, balance] of balances.entries()) {
    const product = balance * (rates[index] as bigint);
    if (product > MAX_UINT256) return null;
    xp.push(product / PRECISION);
  }
  const D = getD(xp, amp, lineage);
  if (D <= 0n) return null;
  const N = BigInt(xp.length);
  const aPrecision = aPrecisionOf(lineage);
  const Ann = amp * N;
  const DA = D * aPrecision;
  return { terms, xp, D, N, aPrecision, Ann, DA, AnnN: Ann * N, bD: DA / Ann - D };
}

/**
 * Balance of coin j (scaled) that keeps D, once coin i has `x`. REVERTS where the contract would.
 * Source: get_y of each lineage; all have the same.
 */
export function getY(solved: Solved, i: number, j: number, x: bigint): bigint {
  const { xp, D, N } = solved;
  let c = D;
  let bD = solved.bD;
  for (let k = 0; k < xp.length; k++) {
    if (k === j) continue;
    const xk = k === i ? x : (xp[k] as bigint);
    bD += xk;
    const product = c * D;
    if (product > MAX_UINT256) return REVERTS;
    c = product / (xk * N);
  }
  c *= solved.DA;
  if (c > MAX_UINT256) return REVERTS;
  c /= solved.AnnN;
  let y = D;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const yPrev = y;
    const numerator = y * y + c;
    const denominator = y + y + bD;
    if (numerator > MAX_UINT256 || denominator <= 0n) return REVERTS;
    y = numerator / denominator;
    const change = y - yPrev;
    if (change <= 1n && change >= -1n) return y;
  }
  return solved.terms.lineage === "2020" ? y : REVERTS;
}

/** Fee between two scaled balances, 1e-10. REVERTS where the contract would. Source: CurveStableSwapNG._dynamic_fee. */
export function dynamicFee(xpi: bigint, xpj: bigint, fee: bigint, offpegFeeMultiplier: bigint): bigint {
  if (offpegFeeMultiplier <= FEE_DENOMINATOR) return fee;
  const sum = xpi + xpj;
  const xps2 = sum * sum;
  const product = (offpegFeeMultiplier - FEE_DENOMINATOR) * 4n * xpi * xpj;
  if (xps2 > MAX_UINT256 || product > MAX_UINT256 || xps2 === 0n) return REVERTS;
  return (offpegFeeMultiplier * fee) / (product / xps2 + FEE_DENOMINATOR);
}

/**
 * Whether the pool can write its price and D down after the swap: an exchange whose oracle overflows reverts, though get_dy answers.
 * Source: _get_p, upkeep_oracles and pack_2 of CurveStableSwapNG; _get_p and save_p of Plain2BasicEMA.
 */
function oracleTakes(solved: Solved, i: number, j: number, x: bigint, y: bigint): boolean {
  const { xp, D, N, Ann, aPrecision, terms } = solved;
  const after = (k: number): bigint => (k === i ? x : k === j ? y : (xp[k] as bigint));
  let Dr = D / N ** N;
  for (let k = 0; k < xp.length; k++) {
    const product = Dr * D;
    if (after(k) === 0n || product > MAX_UINT256) return false;
    Dr = product / after(k);
  }
  const annX0 = Ann * after(0);
  const DrX0 = Dr * after(0);
  if (annX0 > MAX_UINT256 || DrX0 > MAX_UINT256) return false;
  const xp0A = annX0 / aPrecision;
  const denominator = xp0A + Dr;
  if (denominator === 0n) return false;
  for (let k = 1; k < xp.length; k++) {
    const numerator = PRECISION * (xp0A + DrX0 / after(k));
    if (numerator > MAX_UINT256) return false;
    if (terms.lineage === "ema" && numerator / denominator > MAX_UINT128) return false;
  }
  // D itself always fits into the 128 bits that pools keep of it: get_D has squared it.
  return true;
}

export interface Exchange {
  /** Out of the invariant before the fee, scaled to 1e18. */
  readonly gross: bigint;
  /** Scaled to 1e18. */
  readonly dyFee: bigint;
  /** What the trader gets: raw units, rounded down. */
  readonly amountOut: bigint;
}

/** A swap of `dx` raw units of coin i for coin j, as `exchange` computes it; null where that reverts. Requires dx > 0. Source: exchange of each lineage. */
export function exchange(solved: Solved, i: number, j: number, dx: bigint): Exchange | null {
  const { terms, xp } = solved;
  const scaled = dx * (terms.rates[i] as bigint);
  if (scaled > MAX_UINT256) return null;
  const x = (xp[i] as bigint) + scaled / PRECISION;
  const y = getY(solved, i, j, x);
  if (y === REVERTS) return null;
  const xpj = xp[j] as bigint;
  const gross = xpj - y - 1n;
  if (gross < 0n) return null;
  let fee = terms.fee;
  if (terms.lineage === "ng") {
    fee = dynamicFee(((xp[i] as bigint) + x) / 2n, (xpj + y) / 2n, fee, terms.offpegFeeMultiplier);
    if (fee === REVERTS) return null;
  }
  if ((terms.lineage === "ng" || terms.lineage === "ema") && !oracleTakes(solved, i, j, x, y)) return null;
  const feeProduct = gross * fee;
  if (feeProduct > MAX_UINT256) return null;
  const dyFee = feeProduct / FEE_DENOMINATOR;
  const product = (gross - dyFee) * PRECISION;
  const rate = terms.rates[j] as bigint;
  if (product > MAX_UINT256 || rate === 0n) return null;
  return { gross, dyFee, amountOut: product / rate };
}

/** What leaves coin j's balance for the admin in that swap: raw units, rounded down twice as the contract does. */
export function adminFeeOf(solved: Solved, j: number, { dyFee }: Exchange, adminFee: bigint): bigint {
  return (((dyFee * adminFee) / FEE_DENOMINATOR) * PRECISION) / (solved.terms.rates[j] as bigint);
}

/**
 * What `get_dy` answers where it takes the fee of raw units rather than of scaled ones (StableSwap3Pool.vy): up to a unit more than `exchange` pays, or less.
 * Null where it reverts.
 */
export function getDyFeeLast(solved: Solved, i: number, j: number, dx: bigint): bigint | null {
  const swap = exchange(solved, i, j, dx);
  if (swap === null) return null;
  const dy = (swap.gross * PRECISION) / (solved.terms.rates[j] as bigint);
  return dy - (solved.terms.fee * dy) / FEE_DENOMINATOR;
}

/** A at a moment (seconds), in the contract's decimals. Source: _A of all lineages. */
export function rampedA(
  ramp: { readonly A0: bigint; readonly A1: bigint; readonly t0: bigint; readonly t1: bigint },
  timestamp: bigint,
): bigint {
  const { A0, A1, t0, t1 } = ramp;
  if (timestamp >= t1) return A1;
  // Towards A0 both up and down: the contract has a branch for each, a bigint division rounds towards 0.
  return A0 + ((A1 - A0) * (timestamp - t0)) / (t1 - t0);
}
