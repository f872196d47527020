import { lastAtOrBelow, type TickedPool } from "#libs/dex/concentrated/swap-math.ts";
import { getSqrtRatioAtTick, MAX_SQRT_RATIO, MAX_TICK, MIN_SQRT_RATIO, MIN_TICK } from "#libs/dex/concentrated/tick-math.ts";

/**
 * Swaps of Algebra pools, amounts equal to the unit. The names are the contracts'. Sources: AlgebraPool._calculateSwapAndLock (v1), SwapCalculation.sol
 * (Integral), PriceMovementMath.sol, TokenDeltaMath.sol, TickTable.sol; compared with v1 and Integral in the anvil tests.
 *
 * A step rounds as one of Uniswap V3 does. Where the steps end differs: v1 stops at the ends of each row of its tick table, as V3 does; Integral keeps its
 * ticks in a list and goes from one initialised tick to the next.
 */

const Q96 = 1n << 96n;
const Q256 = 1n << 256n;
const FEE_DENOMINATOR = 1_000_000n;
const BITS_OF_ROW = 256;

const divRoundingUp = (numerator: bigint, denominator: bigint): bigint => (numerator + denominator - 1n) / denominator;

function getToken0Delta(priceLower: bigint, priceUpper: bigint, liquidity: bigint, roundUp: boolean): bigint {
  const numerator = (liquidity << 96n) * (priceUpper - priceLower);
  return roundUp ? divRoundingUp(divRoundingUp(numerator, priceUpper), priceLower) : numerator / priceUpper / priceLower;
}

function getToken1Delta(priceLower: bigint, priceUpper: bigint, liquidity: bigint, roundUp: boolean): bigint {
  const product = liquidity * (priceUpper - priceLower);
  return roundUp ? divRoundingUp(product, Q96) : product / Q96;
}

function getNewPriceAfterInput(price: bigint, liquidity: bigint, input: bigint, zeroToOne: boolean): bigint {
  if (!zeroToOne) return price + (input << 96n) / liquidity;
  const liquidityShifted = liquidity << 96n;
  const product = input * price;
  // Above 2^256 the contract takes its other branch, which rounds differently.
  if (liquidityShifted + product < Q256) return divRoundingUp(liquidityShifted * price, liquidityShifted + product);
  return divRoundingUp(liquidityShifted, liquidityShifted / price + input);
}

/** Null where the contract reverts. */
function getNewPriceAfterOutput(price: bigint, liquidity: bigint, output: bigint, zeroToOne: boolean): bigint | null {
  if (zeroToOne) {
    const quotient = divRoundingUp(output << 96n, liquidity);
    return price > quotient ? price - quotient : null;
  }
  const liquidityShifted = liquidity << 96n;
  const product = output * price;
  return product < Q256 && liquidityShifted > product ? divRoundingUp(liquidityShifted * price, liquidityShifted - product) : null;
}

export interface SwapInput {
  /** Raw token units: the exact input when positive, the exact output when negative; not 0. */
  readonly amountRequired: bigint;
  readonly zeroToOne: boolean;
  /** In 1e-6. A pool refuses to swap for a million or more. */
  readonly fee: number;
  /** What a bit of the tick table stands for, in ticks; 0 for a pool that goes from tick to tick without one. */
  readonly tickSpacing: number;
}

export interface SwapResult {
  /** Raw token units, fee included. */
  readonly amountIn: bigint;
  readonly amountOut: bigint;
  /** The pool did all of `amountRequired`: neither ran out of liquidity nor refused. */
  readonly whole: boolean;
  readonly price: bigint;
  /**
   * As the contract keeps it; null where that is the tick of the price (getTickAtSqrtRatio), which takes longer to find than most that ask for a swap can use.
   */
  readonly tick: number | null;
  readonly liquidity: bigint;
  /** Steps of the contract's loop, and how many of them ended at an initialised tick: what the gas depends on. */
  readonly steps: number;
  readonly ticksCrossed: number;
}

/** A swap up to the end of the price range. */
export function calculateSwap(pool: TickedPool, input: SwapInput): SwapResult {
  const { zeroToOne, tickSpacing } = input;
  const fee = BigInt(input.fee);
  const feeless = FEE_DENOMINATOR - fee;
  const exactInput = input.amountRequired > 0n;
  const limit = zeroToOne ? MIN_SQRT_RATIO + 1n : MAX_SQRT_RATIO - 1n;
  const rowTicks = BITS_OF_ROW * tickSpacing;
  const { sortedTicks, liquidityNet } = pool;
  let price = pool.sqrtPriceX96;
  let liquidity = pool.liquidity;
  let tick = pool.tick;
  /** The price lies where a step has left it on its way to the next tick. */
  let isBetween = false;
  let below = lastAtOrBelow(sortedTicks, tick);
  /** What is left to take, or to pay. */
  let remaining = exactInput ? input.amountRequired : -input.amountRequired;
  let calculated = 0n;
  let steps = 0;
  let ticksCrossed = 0;

  while (remaining !== 0n && price !== limit && feeless > 0n) {
    steps++;
    const index = zeroToOne ? below : below + 1;
    const initialized = sortedTicks[index];
    let nextTick = initialized ?? (zeroToOne ? MIN_TICK : MAX_TICK);
    if (tickSpacing !== 0) {
      const compressed = Math.floor(tick / tickSpacing);
      if (zeroToOne) nextTick = Math.max(nextTick, Math.floor(compressed / BITS_OF_ROW) * rowTicks);
      else nextTick = Math.min(nextTick, (Math.floor((compressed + 1) / BITS_OF_ROW) * BITS_OF_ROW + BITS_OF_ROW - 1) * tickSpacing);
    }
    const nextTickPrice = getSqrtRatioAtTick(nextTick);
    const target = zeroToOne === nextTickPrice < limit ? limit : nextTickPrice;

    // PriceMovementMath.movePriceTowardsTarget. A step that falls short of its target is the last one: it takes what is left as fee, or pays what is left.
    let resultPrice: bigint | null = target;
    if (exactInput) {
      const amountAfterFee = (remaining * feeless) / FEE_DENOMINATOR;
      const step = zeroToOne ? getToken0Delta(target, price, liquidity, true) : getToken1Delta(price, target, liquidity, true);
      if (amountAfterFee < step) {
        resultPrice = getNewPriceAfterInput(price, liquidity, amountAfterFee, zeroToOne);
        remaining = 0n;
      } else {
        remaining -= step + divRoundingUp(step * fee, feeless);
      }
      calculated += zeroToOne ? getToken1Delta(resultPrice, price, liquidity, false) : getToken0Delta(price, resultPrice, liquidity, false);
    } else {
      const step = zeroToOne ? getToken1Delta(target, price, liquidity, false) : getToken0Delta(price, target, liquidity, false);
      if (remaining < step) {
        resultPrice = getNewPriceAfterOutput(price, liquidity, remaining, zeroToOne);
        if (resultPrice === null) break;
        remaining = 0n;
      } else {
        remaining -= step;
      }
      const spent = zeroToOne ? getToken0Delta(resultPrice, price, liquidity, true) : getToken1Delta(price, resultPrice, liquidity, true);
      calculated += spent + divRoundingUp(spent * fee, feeless);
    }

    // A price that did not move keeps its tick, which may be one that it was left by.
    isBetween ||= resultPrice !== price;
    price = resultPrice;
    if (price === nextTickPrice) {
      isBetween = false;
      if (nextTick === initialized) {
        const net = liquidityNet[index] as bigint;
        liquidity += zeroToOne ? -net : net;
        below += zeroToOne ? -1 : 1;
        ticksCrossed++;
      }
      tick = zeroToOne ? nextTick - 1 : nextTick;
    }
  }
  const required = (exactInput ? input.amountRequired : -input.amountRequired) - remaining;
  return {
    amountIn: exactInput ? required : calculated,
    amountOut: exactInput ? calculated : required,
    whole: remaining === 0n,
    price,
    tick: isBetween ? null : tick,
    liquidity,
    steps,
    ticksCrossed,
  };
}
