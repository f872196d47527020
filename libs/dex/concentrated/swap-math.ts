import { getSqrtRatioAtTick, MAX_SQRT_RATIO, MAX_TICK, MIN_SQRT_RATIO, MIN_TICK } from "#libs/dex/concentrated/tick-math.ts";

const Q96_LESS_ONE = (1n << 96n) - 1n;
const Q256 = 1n << 256n;
const PIPS = 1_000_000n;
/** Where a swap without a limit of its own ends. */
const LOWEST = MIN_SQRT_RATIO + 1n;
const HIGHEST = MAX_SQRT_RATIO - 1n;

const divRoundingUp = (numerator: bigint, denominator: bigint): bigint => (numerator === 0n ? 0n : (numerator - 1n) / denominator + 1n);

/**
 * Source: SqrtPriceMath.getAmount0Delta (v3-core), liquidity unsigned. The contract divides by one price and then by the other, rounding both times the same way:
 * that is the division by their product, rounded once.
 */
function getAmount0Delta(sqrtRatioLower: bigint, sqrtRatioUpper: bigint, liquidity: bigint, roundUp: boolean): bigint {
  const numerator = (liquidity << 96n) * (sqrtRatioUpper - sqrtRatioLower);
  const denominator = sqrtRatioUpper * sqrtRatioLower;
  return roundUp ? divRoundingUp(numerator, denominator) : numerator / denominator;
}

/** Whether an amount is at least `getAmount0Delta`, rounded up, without the division. */
const coversAmount0 = (amount: bigint, sqrtRatioLower: bigint, sqrtRatioUpper: bigint, liquidity: bigint): boolean =>
  amount * (sqrtRatioUpper * sqrtRatioLower) >= (liquidity << 96n) * (sqrtRatioUpper - sqrtRatioLower);

/** Source: SqrtPriceMath.getAmount1Delta (v3-core), liquidity unsigned. */
function getAmount1Delta(sqrtRatioLower: bigint, sqrtRatioUpper: bigint, liquidity: bigint, roundUp: boolean): bigint {
  const product = liquidity * (sqrtRatioUpper - sqrtRatioLower);
  return (roundUp ? product + Q96_LESS_ONE : product) >> 96n;
}

/** Source: SqrtPriceMath.getNextSqrtPriceFromInput (v3-core). Rounds so that the price never moves further than the input pays for. */
function getNextSqrtPriceFromInput(sqrtPriceX96: bigint, liquidity: bigint, amountIn: bigint, zeroForOne: boolean): bigint {
  if (!zeroForOne) return sqrtPriceX96 + (amountIn << 96n) / liquidity;
  const numerator = liquidity << 96n;
  const product = amountIn * sqrtPriceX96;
  const denominator = numerator + product;
  // Above 2^256 the contract takes its other branch, which rounds differently. What is added is not negative, so the sum tells of the product too.
  if (denominator < Q256) return divRoundingUp(numerator * sqrtPriceX96, denominator);
  return divRoundingUp(numerator, numerator / sqrtPriceX96 + amountIn);
}

/** Source: SqrtPriceMath.getNextSqrtPriceFromOutput (v3-core), for an output that the liquidity up to the target can pay: then none of its checks fails. */
function getNextSqrtPriceFromOutput(sqrtPriceX96: bigint, liquidity: bigint, amountOut: bigint, zeroForOne: boolean): bigint {
  if (zeroForOne) return sqrtPriceX96 - divRoundingUp(amountOut << 96n, liquidity);
  const numerator = liquidity << 96n;
  return divRoundingUp(numerator * sqrtPriceX96, numerator - amountOut * sqrtPriceX96);
}

/** What a quote needs of a pool. Ticks sorted ascending, with `liquidityNet` beside them. */
export interface TickedPool {
  readonly sqrtPriceX96: bigint;
  readonly tick: number;
  readonly liquidity: bigint;
  readonly sortedTicks: readonly number[];
  readonly liquidityNet: readonly bigint[];
}

/** Index of the last tick ≤ `tick`, -1 if none. */
export function lastAtOrBelow(ticks: readonly number[], tick: number): number {
  let low = 0;
  let high = ticks.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ticks[middle] as number) <= tick) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/**
 * Where the contract's next step ends at the latest: the next initialised tick (`candidate`), or the border of the 256-bit word of its tick bitmap when that
 * comes before it. Source: TickBitmap.nextInitializedTickWithinOneWord and UniswapV3Pool.swap (v3-core).
 */
function nextTick(at: {
  readonly candidate: number | undefined;
  readonly tick: number;
  readonly tickSpacing: number;
  readonly zeroForOne: boolean;
}): number {
  const { candidate, tick, tickSpacing } = at;
  const compressed = Math.floor(tick / tickSpacing);
  if (at.zeroForOne) {
    const wordStart = (compressed >> 8) * 256 * tickSpacing;
    return candidate !== undefined && candidate >= wordStart ? candidate : Math.max(wordStart, MIN_TICK);
  }
  const wordEnd = (((compressed + 1) >> 8) * 256 + 255) * tickSpacing;
  return candidate !== undefined && candidate <= wordEnd ? candidate : Math.min(wordEnd, MAX_TICK);
}

export interface SwapResult {
  readonly amountOut: bigint;
  /** Less than the amount given when the pool ran out of liquidity before taking all. */
  readonly amountInUsed: bigint;
  readonly sqrtPriceX96: bigint;
  /**
   * As the contract keeps it; null where that is the tick of the price (getTickAtSqrtRatio), which takes longer to find than most that ask for a swap can use.
   */
  readonly tick: number | null;
  readonly liquidity: bigint;
  /** Steps of the contract's loop, and how many of them ended at an initialised tick: what the gas depends on. */
  readonly steps: number;
  readonly ticksCrossed: number;
}

/** What the loop does from one initialised tick to the next, whatever the amount: it only changes with the ticks. */
interface Stretch {
  readonly liquidity: bigint;
  /** Fee included. */
  readonly amountIn: bigint;
  readonly amountOut: bigint;
  readonly steps: number;
}

/** Stretches that swaps have gone all through, by the index of the tick that they lead to. */
interface Walked {
  readonly feePips: number;
  readonly tickSpacing: number;
  readonly down: Stretch[];
  readonly up: Stretch[];
}

/** By the ticks themselves, which are another list as soon as one changes. */
const walked = new WeakMap<readonly number[], Walked>();

function walkedOf(sortedTicks: readonly number[], feePips: number, tickSpacing: number): Walked {
  const known = walked.get(sortedTicks);
  if (known?.feePips === feePips && known.tickSpacing === tickSpacing) return known;
  const none: Walked = { feePips, tickSpacing, down: [], up: [] };
  walked.set(sortedTicks, none);
  return none;
}

/**
 * An exact-input swap up to the end of the price range, step by step as UniswapV3Pool.swap does it, amounts equal to the unit.
 *
 * The contract ends a step at the border of each 256-bit word of its tick bitmap also where no tick is initialised; amounts are rounded per step, so
 * the same borders are walked here, once: what all steps between two ticks take and pay is remembered while the ticks stay (`sortedTicks` must not be changed in
 * place). Sources: v3-core UniswapV3Pool.swap, SwapMath.computeSwapStep, TickBitmap.nextInitializedTickWithinOneWord.
 */
export function swapExactIn(
  pool: TickedPool,
  input: { readonly amountIn: bigint; readonly zeroForOne: boolean; readonly feePips: number; readonly tickSpacing: number },
): SwapResult {
  const { zeroForOne, tickSpacing } = input;
  const feeless = PIPS - BigInt(input.feePips);
  const limit = zeroForOne ? LOWEST : HIGHEST;
  const { sortedTicks, liquidityNet } = pool;
  let remaining = input.amountIn;
  let amountOut = 0n;
  let sqrtPrice = pool.sqrtPriceX96;
  let liquidity = pool.liquidity;
  let tick = pool.tick;
  /** The price lies where a step has left it on its way to the next tick. */
  let isBetween = false;
  let below = lastAtOrBelow(sortedTicks, tick);

  let steps = 0;
  let ticksCrossed = 0;
  let stretches: Stretch[] | null = null;
  /** Where the stretch under way began; before the first crossing there is none. */
  let [remainingBefore, amountOutBefore, stepsBefore] = [0n, 0n, 0];

  while (remaining !== 0n && sqrtPrice !== limit) {
    const ahead = zeroForOne ? below : below + 1;
    const candidate = sortedTicks[ahead];
    const known = stretches?.[ahead];
    const isKnown = known !== undefined && candidate !== undefined && known.liquidity === liquidity && remaining >= known.amountIn;
    let tickNext: number;
    let sqrtPriceNext: bigint;
    if (isKnown) {
      steps += known.steps;
      remaining -= known.amountIn;
      amountOut += known.amountOut;
      tickNext = candidate;
      sqrtPriceNext = getSqrtRatioAtTick(candidate);
      sqrtPrice = sqrtPriceNext;
    } else {
      steps++;
      tickNext = nextTick({ candidate, tick, tickSpacing, zeroForOne });
      sqrtPriceNext = getSqrtRatioAtTick(tickNext);
      const target = zeroForOne ? (sqrtPriceNext < limit ? limit : sqrtPriceNext) : sqrtPriceNext > limit ? limit : sqrtPriceNext;

      const remainingLessFee = (remaining * feeless) / PIPS;
      const isReached = zeroForOne
        ? coversAmount0(remainingLessFee, target, sqrtPrice, liquidity)
        : remainingLessFee >= getAmount1Delta(sqrtPrice, target, liquidity, true);
      const reached = isReached ? target : getNextSqrtPriceFromInput(sqrtPrice, liquidity, remainingLessFee, zeroForOne);
      amountOut += zeroForOne
        ? getAmount1Delta(reached, sqrtPrice, liquidity, false)
        : getAmount0Delta(sqrtPrice, reached, liquidity, false);
      if (isReached) {
        const amountIn = zeroForOne
          ? getAmount0Delta(target, sqrtPrice, liquidity, true)
          : getAmount1Delta(sqrtPrice, target, liquidity, true);
        // With the fee on top, rounded up: amountIn / (1 - fee).
        remaining -= divRoundingUp(amountIn * PIPS, feeless);
      } else {
        // A step that falls short of its target keeps all that is left as fee.
        remaining = 0n;
      }
      // A price that did not move keeps its tick, which may be one that it was left by.
      isBetween ||= reached !== sqrtPrice;
      sqrtPrice = reached;
    }

    if (sqrtPrice === sqrtPriceNext) {
      isBetween = false;
      if (tickNext === candidate) {
        // Without liquidity a stretch takes nothing, and whoever has nothing left does not go all through it.
        if (stretches !== null && !isKnown && liquidity > 0n)
          stretches[ahead] = {
            liquidity,
            amountIn: remainingBefore - remaining,
            amountOut: amountOut - amountOutBefore,
            steps: steps - stepsBefore,
          };
        const { down, up } = walkedOf(sortedTicks, input.feePips, tickSpacing);
        stretches = zeroForOne ? down : up;
        [remainingBefore, amountOutBefore, stepsBefore] = [remaining, amountOut, steps];
        const net = liquidityNet[ahead] as bigint;
        liquidity += zeroForOne ? -net : net;
        below += zeroForOne ? -1 : 1;
        ticksCrossed++;
      }
      tick = zeroForOne ? tickNext - 1 : tickNext;
    }
  }
  return {
    amountOut,
    amountInUsed: input.amountIn - remaining,
    sqrtPriceX96: sqrtPrice,
    tick: isBetween ? null : tick,
    liquidity,
    steps,
    ticksCrossed,
  };
}

export interface SwapOutResult {
  /** Fee included. */
  readonly amountIn: bigint;
  /** Less than the amount asked for when the pool ran out of liquidity before paying all. */
  readonly amountOutPaid: bigint;
  readonly sqrtPriceX96: bigint;
  readonly liquidity: bigint;
}

/** An exact-output swap up to the end of the price range, the contract's loop for a negative `amountSpecified`: the same sources as `swapExactIn`. */
export function swapExactOut(
  pool: TickedPool,
  input: { readonly amountOut: bigint; readonly zeroForOne: boolean; readonly feePips: number; readonly tickSpacing: number },
): SwapOutResult {
  const { zeroForOne, tickSpacing } = input;
  const feePips = BigInt(input.feePips);
  const limit = zeroForOne ? LOWEST : HIGHEST;
  const { sortedTicks, liquidityNet } = pool;
  let remaining = input.amountOut;
  let amountIn = 0n;
  let sqrtPrice = pool.sqrtPriceX96;
  let liquidity = pool.liquidity;
  let tick = pool.tick;
  let below = lastAtOrBelow(sortedTicks, tick);

  while (remaining !== 0n && sqrtPrice !== limit) {
    const candidate = sortedTicks[zeroForOne ? below : below + 1];
    const tickNext = nextTick({ candidate, tick, tickSpacing, zeroForOne });
    const sqrtPriceNext = getSqrtRatioAtTick(tickNext);
    const target = zeroForOne ? (sqrtPriceNext < limit ? limit : sqrtPriceNext) : sqrtPriceNext > limit ? limit : sqrtPriceNext;

    const outToTarget = zeroForOne
      ? getAmount1Delta(target, sqrtPrice, liquidity, false)
      : getAmount0Delta(sqrtPrice, target, liquidity, false);
    const reached = remaining >= outToTarget ? target : getNextSqrtPriceFromOutput(sqrtPrice, liquidity, remaining, zeroForOne);
    const stepIn = zeroForOne ? getAmount0Delta(reached, sqrtPrice, liquidity, true) : getAmount1Delta(sqrtPrice, reached, liquidity, true);
    amountIn += stepIn + divRoundingUp(stepIn * feePips, PIPS - feePips);
    // Rounding may take the price a unit further than the output needs; no more than asked is paid.
    remaining = reached === target && remaining > outToTarget ? remaining - outToTarget : 0n;
    sqrtPrice = reached;

    if (sqrtPrice === sqrtPriceNext) {
      if (tickNext === candidate) {
        const net = liquidityNet[zeroForOne ? below : below + 1] as bigint;
        liquidity += zeroForOne ? -net : net;
        below += zeroForOne ? -1 : 1;
      }
      tick = zeroForOne ? tickNext - 1 : tickNext;
    }
  }
  return { amountIn, amountOutPaid: input.amountOut - remaining, sqrtPriceX96: sqrtPrice, liquidity };
}
