/** Source: WeightedMath.sol (v2-pool-weighted). Amounts and balances with 18 decimals; -1n where the contract reverts. */

import { divUp, mulDown, mulUp, ONE, powUp } from "#libs/dex/balancer-v2/fixed-point.ts";

/** Swaps may not be larger than this share of a balance. */
const MAX_IN_RATIO = 3n * 10n ** 17n;
const MAX_OUT_RATIO = 3n * 10n ** 17n;

/** `exponent` is weightIn.divDown(weightOut). Rounds down. */
export function calcOutGivenIn(balanceIn: bigint, balanceOut: bigint, exponent: bigint, amountIn: bigint, exactPowers: boolean): bigint {
  // An empty pool: the contract divides by zero.
  if (amountIn > mulDown(balanceIn, MAX_IN_RATIO) || balanceIn === 0n) return -1n;
  const power = powUp(divUp(balanceIn, balanceIn + amountIn), exponent, exactPowers);
  if (power < 0n) return -1n;
  return power < ONE ? mulDown(balanceOut, ONE - power) : 0n;
}

/** `exponent` is weightOut.divUp(weightIn). Rounds up. */
export function calcInGivenOut(balanceIn: bigint, balanceOut: bigint, exponent: bigint, amountOut: bigint, exactPowers: boolean): bigint {
  if (amountOut > mulDown(balanceOut, MAX_OUT_RATIO) || balanceOut === 0n) return -1n;
  const power = powUp(divUp(balanceOut, balanceOut - amountOut), exponent, exactPowers);
  return power < ONE ? -1n : mulUp(balanceIn, power - ONE);
}
