/**
 * The arithmetic of Solidly pairs under the contracts' names, to the last unit, with the overflow checks of Solidity 0.8.
 *
 * Sources: Pair.sol of velodrome-finance/v1 (the code of nearly all forks), Pool.sol of Velodrome V2 and Aerodrome, Pair.sol of Ramses V3 ("legacy" pairs),
 * MuteSwitchPairDynamic.sol. Compared with contracts in differential.anvil.test.ts.
 */

import type { FactsOf } from "#proto/pool/v1/state.ts";

const WAD = 10n ** 18n;
const PIPS = 1_000_000n;
const MAX_UINT256 = 2n ** 256n - 1n;
const MAX_UINT112 = 2n ** 112n - 1n;
const MAX_STEPS = 255;
/** By number of decimals; no token that a pool could price has more than 77, where 10^n ends to fit a uint256. */
const POWERS_OF_TEN: readonly bigint[] = Array.from({ length: 78 }, (_, exponent) => 10n ** BigInt(exponent));

/** `velodrome-v2` closes in on y more carefully than the others; `ramses-v3-legacy` pays one unit less, and keeps fees and 112-bit reserves in the pair. */
export type Variant = FactsOf<"solidly">["variant"];

/** What the arithmetic needs to know of a pair; `stable`: x³y + y³x rather than x·y. */
export type Curve = Readonly<Pick<FactsOf<"solidly">, "variant" | "stable" | "decimals0" | "decimals1">>;

/** What a pair holds, net of fees, and takes. */
export interface Reserves {
  readonly reserve0: bigint;
  readonly reserve1: bigint;
  readonly feePips: number;
  /** `_k` of the reserves, once it was needed: whoever changes them sets it to null. */
  k: bigint | null;
}

export interface Swap {
  /** Raw token units, > 0. */
  readonly amountIn: bigint;
  readonly zeroForOne: boolean;
}

/** Thrown where the contract would revert. One object without a trace of its own: this is an answer, not a fault. */
export const REVERTED = new Error("reverted");

/** Sums and products that Solidity 0.8 would refuse. */
function checked(value: bigint): bigint {
  if (value < 0n || value > MAX_UINT256) throw REVERTED;
  return value;
}

function divided(numerator: bigint, denominator: bigint): bigint {
  if (denominator === 0n) throw REVERTED;
  return numerator / denominator;
}

/** 10^decimals, as pairs keep it in `decimals0` and `decimals1`. */
export function unitOf(decimals: number): bigint {
  const unit = POWERS_OF_TEN[decimals];
  if (unit === undefined) throw REVERTED;
  return unit;
}

/** An amount of 18 decimals and its powers, each scaled to as many: those of x stay through a search for y, and y² is needed twice in a step of it. */
export interface Powers {
  readonly value: bigint;
  readonly squared: bigint;
}
interface Cubed extends Powers {
  readonly cubed: bigint;
}

function powersOf(value: bigint): Powers {
  return { value, squared: checked(value * value) / WAD };
}

export function cubedOf(value: bigint): Cubed {
  const { squared } = powersOf(value);
  return { value, squared, cubed: checked(squared * value) / WAD };
}

/** x³y + y³x as (xy)(x² + y²): `_k` of scaled amounts, and `_f` of Velodrome. */
function kOf(x: Powers, y: Powers): bigint {
  return checked((checked(x.value * y.value) / WAD) * checked(x.squared + y.squared)) / WAD;
}

/** `_k` of raw amounts. */
export function _k({ stable, decimals0, decimals1 }: Curve, x: bigint, y: bigint): bigint {
  if (!stable) return checked(x * y);
  return kOf(powersOf(checked(x * WAD) / unitOf(decimals0)), powersOf(checked(y * WAD) / unitOf(decimals1)));
}

/** `_f` of Solidly: x·y³ + x³·y, rounded at other places than `_k`. */
export function _f(x: Cubed, y: Powers): bigint {
  return checked(checked(x.value * (checked(y.squared * y.value) / WAD)) / WAD + checked(x.cubed * y.value) / WAD);
}

/** Its derivative by y. */
export function _d(x: Cubed, y: Powers): bigint {
  return checked(checked(3n * x.value * y.squared) / WAD + x.cubed);
}

/** Newton's method as Solidly stops it: when a step is of one or nothing, and after 255 of them at what it has. All amounts with 18 decimals. */
export function _get_y(x0: bigint, xy: bigint, start: bigint): bigint {
  const x = cubedOf(x0);
  let y = start;
  for (let step = 0; step < MAX_STEPS; step++) {
    const at = powersOf(y);
    const k = _f(x, at);
    const dy = divided(checked((k < xy ? xy - k : k - xy) * WAD), _d(x, at));
    y = checked(k < xy ? y + dy : y - dy);
    if (dy <= 1n) return y;
  }
  return y;
}

/**
 * Newton's method as Velodrome V2 and Aerodrome stop it: at the least y that is not below the curve. Its test of the next y scales by the tokens' decimals once
 * more, which ends it at y + 1 for tokens of less than 18, and reverts where the scaled product overflows. (Later pools of Velodrome test without scaling: they
 * differ where this one reverts, at outputs of a unit or none.)
 */
export function _get_y_velodrome(curve: Curve, x0: bigint, xy: bigint, start: bigint): bigint {
  const x = cubedOf(x0);
  let y = start;
  for (let step = 0; step < MAX_STEPS; step++) {
    const at = powersOf(y);
    const k = kOf(x, at);
    let dy = divided(checked((k < xy ? xy - k : k - xy) * WAD), _d(x, at));
    if (k < xy) {
      if (dy === 0n) {
        if (_k(curve, x0, checked(y + 1n)) > xy) return y + 1n;
        dy = 1n;
      }
      y = checked(y + dy);
    } else {
      if (dy === 0n) {
        if (k === xy || kOf(x, powersOf(checked(y - 1n))) < xy) return y;
        dy = 1n;
      }
      y = checked(y - dy);
    }
  }
  throw REVERTED;
}

function kBefore(curve: Curve, reserves: Reserves): bigint {
  reserves.k ??= _k(curve, reserves.reserve0, reserves.reserve1);
  return reserves.k;
}

/** The fee is taken first, and rounded down. */
const feeOf = (amountIn: bigint, feePips: number): bigint => checked(amountIn * BigInt(feePips)) / PIPS;

/** `getAmountOut` of the pair. Throws `REVERTED` where it reverts. */
export function getAmountOut(curve: Curve, reserves: Reserves, swap: Swap): bigint {
  const amountOut = _getAmountOut(curve, reserves, { ...swap, amountIn: swap.amountIn - feeOf(swap.amountIn, reserves.feePips) });
  return curve.variant === "ramses-v3-legacy" ? checked(amountOut - 1n) : amountOut;
}

/** Of an input less the fee. */
function _getAmountOut(curve: Curve, reserves: Reserves, { amountIn, zeroForOne }: Swap): bigint {
  const { reserve0, reserve1 } = reserves;
  if (!curve.stable) {
    const [reserveA, reserveB] = zeroForOne ? [reserve0, reserve1] : [reserve1, reserve0];
    return divided(checked(amountIn * reserveB), checked(reserveA + amountIn));
  }
  const [unit0, unit1] = [unitOf(curve.decimals0), unitOf(curve.decimals1)];
  const xy = kBefore(curve, reserves);
  const [x, y] = [(reserve0 * WAD) / unit0, (reserve1 * WAD) / unit1];
  const [reserveA, reserveB] = zeroForOne ? [x, y] : [y, x];
  const [unitIn, unitOut] = zeroForOne ? [unit0, unit1] : [unit1, unit0];
  const x0 = checked(checked(amountIn * WAD) / unitIn + reserveA);
  const left = curve.variant === "velodrome-v2" ? _get_y_velodrome(curve, x0, xy, reserveB) : _get_y(x0, xy, reserveB);
  return checked(checked(reserveB - left) * unitOut) / WAD;
}

/** Whether `swap` pays this much for this input: the checks that it makes besides being paid. Throws `REVERTED` where its arithmetic does. */
export function pays(curve: Curve, reserves: Reserves, { amountIn, zeroForOne }: Swap, amountOut: bigint): boolean {
  const { variant } = curve;
  const { reserve0, reserve1, feePips } = reserves;
  const [reserveIn, reserveOut] = zeroForOne ? [reserve0, reserve1] : [reserve1, reserve0];
  const fee = feeOf(amountIn, feePips);
  if (variant === "ramses-v3-legacy") {
    if (amountOut > reserveOut || reserveIn + amountIn > MAX_UINT112) return false;
  } else {
    if (amountOut >= reserveOut) return false;
    // Velodrome V1 passes fees on to contracts that do not take nothing, and forks do not say whether they do as well.
    if (variant === "solidly-v1" && fee === 0n && feePips > 0) return false;
    // Fees are scaled for the index that they are shared out by.
    checked(fee * WAD);
  }
  const balanceIn = checked(reserveIn + amountIn - fee);
  const balanceOut = reserveOut - amountOut;
  const after = zeroForOne ? _k(curve, balanceIn, balanceOut) : _k(curve, balanceOut, balanceIn);
  return after >= kBefore(curve, reserves);
}

/** How many units `getAmountOut` of Solidly may be above what `swap` passes, in pools of so little that k is coarser than a unit of the token. */
const UNITS_TOO_MANY = 3n;

/** What stays in the pair of what came in: fees leave it, but for those of Ramses V3. */
export const keptOf = ({ variant }: Curve, { feePips }: Reserves, amountIn: bigint): bigint =>
  variant === "ramses-v3-legacy" ? amountIn : amountIn - feeOf(amountIn, feePips);

/**
 * What a pair pays for an input: `getAmountOut`, less a unit or more where the pair's own `swap` refuses that. 0n where it reverts. In pools of dust `swap` may
 * let more go than `getAmountOut` says; nobody who takes the pair's word gets it.
 */
export function amountOutExactIn(curve: Curve, reserves: Reserves, swap: Swap): bigint {
  try {
    const said = getAmountOut(curve, reserves, swap);
    for (let amountOut = said; amountOut > 0n && amountOut > said - UNITS_TOO_MANY; amountOut--) {
      if (pays(curve, reserves, swap, amountOut)) return amountOut;
    }
    return 0n;
  } catch (cause) {
    if (cause === REVERTED) return 0n;
    throw cause;
  }
}
