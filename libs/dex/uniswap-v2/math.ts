const PIPS = 1_000_000n;

/**
 * Amount out of an exact-input swap against a constant-product pool.
 *
 * Raw token units. Rounds down, as the contract does, so it never promises more than the pool pays. Requires amountIn > 0 and both reserves > 0.
 * The fee is in 1e-6 units. A fork computes with its own base (1,000 or 10,000): the fraction is the same, so its floor is too.
 *
 * Source: UniswapV2Library.getAmountOut (v2-periphery) and the k check of UniswapV2Pair.swap (v2-core); compared with contracts in differential.anvil.test.ts.
 */
export function amountOutExactIn(input: {
  readonly amountIn: bigint;
  readonly reserveIn: bigint;
  readonly reserveOut: bigint;
  readonly feePips: bigint;
}): bigint {
  const amountInLessFee = input.amountIn * (PIPS - input.feePips);
  return (amountInLessFee * input.reserveOut) / (input.reserveIn * PIPS + amountInLessFee);
}

/**
 * Amount in of an exact-output swap against a constant-product pool.
 *
 * Raw token units. What the library says: the least input with the output asked for, rounded up, or one unit more where the division has no remainder. With it
 * the pair's `swap` passes; then one unit less would pass as well. Requires 0 < amountOut < reserveOut, reserveIn > 0 and a fee below 1.
 *
 * Source: UniswapV2Library.getAmountIn (v2-periphery); compared with contracts in differential.anvil.test.ts.
 */
export function amountInExactOut(input: {
  readonly amountOut: bigint;
  readonly reserveIn: bigint;
  readonly reserveOut: bigint;
  readonly feePips: bigint;
}): bigint {
  return (input.reserveIn * input.amountOut * PIPS) / ((input.reserveOut - input.amountOut) * (PIPS - input.feePips)) + 1n;
}
