/**
 * Unsigned numbers with 18 decimals. Source: FixedPoint.sol and Math.sol (v2-solidity-utils), whose names these are. A contract reverts where a product passes
 * 2^256: callers whose numbers can come near it ask `fits`.
 */

import { pow } from "#libs/dex/balancer-v2/log-exp-math.ts";

export const ONE = 10n ** 18n;
const TWO = 2n * ONE;
const FOUR = 4n * ONE;
const MAX_POW_RELATIVE_ERROR = 10_000n;
const MAX_UINT256 = 2n ** 256n - 1n;

export const fits = (value: bigint): boolean => value <= MAX_UINT256;
export const mulDown = (a: bigint, b: bigint): bigint => (a * b) / ONE;
export const mulUp = (a: bigint, b: bigint): bigint => ceilDiv(a * b, ONE);
export const divDown = (a: bigint, b: bigint): bigint => (a * ONE) / b;
export const divUp = (a: bigint, b: bigint): bigint => ceilDiv(a * ONE, b);
/** Math.divUp. */
export const ceilDiv = (a: bigint, b: bigint): bigint => (a === 0n ? 0n : (a - 1n) / b + 1n);

/**
 * x^y, rounded up by the largest error that `pow` can have. `exactPowers`: pools since 2022 multiply where y is 1, 2 or 4, those before do not. -1n where the
 * contract reverts.
 */
export function powUp(x: bigint, y: bigint, exactPowers: boolean): bigint {
  if (exactPowers) {
    if (y === ONE) return x;
    if (y === TWO) return mulUp(x, x);
    if (y === FOUR) {
      const square = mulUp(x, x);
      return mulUp(square, square);
    }
  }
  const raw = pow(x, y);
  return raw < 0n ? -1n : raw + mulUp(raw, MAX_POW_RELATIVE_ERROR) + 1n;
}
