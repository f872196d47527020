/** Source: StableMath.sol (v2-pool-stable). Balances with 18 decimals and in rate; amplification with 3. -1n where the contract reverts. */

import { ceilDiv, fits } from "#libs/dex/balancer-v2/fixed-point.ts";

export const AMP_PRECISION = 1_000n;
/** Newton's method, as the contract bounds it. */
const MAX_ROUNDS = 255;

/** Of pools until 2022: `roundUp` is what their swaps ask for. */
export function calculateInvariantUp(amp: bigint, balances: readonly bigint[]): bigint {
  let sum = 0n;
  for (const balance of balances) sum += balance;
  if (sum === 0n) return 0n;
  const numTokens = BigInt(balances.length);
  const ampTimesTotal = amp * numTokens;
  let invariant = sum;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    let pD = (balances[0] as bigint) * numTokens;
    for (let index = 1; index < balances.length; index++) {
      const product = pD * (balances[index] as bigint) * numTokens;
      if (!fits(product)) return -1n;
      pD = ceilDiv(product, invariant);
    }
    const previous = invariant;
    const square = numTokens * invariant * invariant;
    const scaled = ampTimesTotal * sum * pD;
    const numerator = square + ceilDiv(scaled, AMP_PRECISION);
    if (!fits(scaled) || !fits(numerator)) return -1n;
    const denominator = (numTokens + 1n) * invariant + ((ampTimesTotal - AMP_PRECISION) * pD) / AMP_PRECISION;
    invariant = ceilDiv(numerator, denominator);
    const change = invariant - previous;
    if (change <= 1n && change >= -1n) return invariant;
  }
  return -1n;
}

/** Of pools since 2022: always rounds down. */
export function calculateInvariantDown(amp: bigint, balances: readonly bigint[]): bigint {
  let sum = 0n;
  for (const balance of balances) sum += balance;
  if (sum === 0n) return 0n;
  const numTokens = BigInt(balances.length);
  const ampTimesTotal = amp * numTokens;
  let invariant = sum;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    let dP = invariant;
    for (const balance of balances) {
      const product = dP * invariant;
      if (balance === 0n || !fits(product)) return -1n;
      dP = product / (balance * numTokens);
    }
    const previous = invariant;
    const numerator = ((ampTimesTotal * sum) / AMP_PRECISION + dP * numTokens) * invariant;
    if (!fits(numerator)) return -1n;
    invariant = numerator / (((ampTimesTotal - AMP_PRECISION) * invariant) / AMP_PRECISION + (numTokens + 1n) * dP);
    const change = invariant - previous;
    if (change <= 1n && change >= -1n) return invariant;
  }
  return -1n;
}

/** `_calcOutGivenIn`: rounds down. */
export function calcOutGivenIn(
  amp: bigint,
  balances: bigint[],
  indexIn: number,
  indexOut: number,
  amountIn: bigint,
  invariant: bigint,
): bigint {
  const balanceIn = balances[indexIn] as bigint;
  balances[indexIn] = balanceIn + amountIn;
  const finalBalanceOut = tokenBalance(amp, balances, invariant, indexOut);
  balances[indexIn] = balanceIn;
  return finalBalanceOut < 0n ? -1n : orRevert((balances[indexOut] as bigint) - finalBalanceOut - 1n);
}

/** `_calcInGivenOut`: rounds up. */
export function calcInGivenOut(
  amp: bigint,
  balances: bigint[],
  indexIn: number,
  indexOut: number,
  amountOut: bigint,
  invariant: bigint,
): bigint {
  const balanceOut = balances[indexOut] as bigint;
  if (amountOut > balanceOut) return -1n;
  balances[indexOut] = balanceOut - amountOut;
  const finalBalanceIn = tokenBalance(amp, balances, invariant, indexIn);
  balances[indexOut] = balanceOut;
  const amountIn = finalBalanceIn - (balances[indexIn] as bigint);
  return finalBalanceIn < 0n || amountIn < 0n ? -1n : amountIn + 1n;
}

const orRevert = (amount: bigint): bigint => (amount < 0n ? -1n : amount);

/** `_getTokenBalanceGivenInvariantAndAllOtherBalances`: rounds up. */
function tokenBalance(amp: bigint, balances: readonly bigint[], invariant: bigint, tokenIndex: number): bigint {
  if (invariant === 0n) return -1n;
  const numTokens = BigInt(balances.length);
  const ampTimesTotal = amp * numTokens;
  let sum = balances[0] as bigint;
  let pD = sum * numTokens;
  for (let index = 1; index < balances.length; index++) {
    const balance = balances[index] as bigint;
    const product = pD * balance * numTokens;
    if (!fits(product)) return -1n;
    pD = product / invariant;
    sum += balance;
  }
  const balance = balances[tokenIndex] as bigint;
  sum -= balance;
  const inv2 = invariant * invariant;
  if (pD === 0n || !fits(inv2)) return -1n;
  const c = ceilDiv(inv2, ampTimesTotal * pD) * AMP_PRECISION * balance;
  const b = sum + (invariant / ampTimesTotal) * AMP_PRECISION;
  const start = inv2 + c;
  if (!fits(start)) return -1n;
  const bLessInvariant = b - invariant;
  let y = ceilDiv(start, invariant + b);
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const previous = y;
    const numerator = y * y + c;
    const denominator = 2n * y + bLessInvariant;
    if (denominator <= 0n || !fits(numerator)) return -1n;
    y = ceilDiv(numerator, denominator);
    const change = y - previous;
    if (change <= 1n && change >= -1n) return y;
  }
  return -1n;
}
