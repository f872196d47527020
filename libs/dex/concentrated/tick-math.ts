import { invariant } from "#libs/units/invariant.ts";

/** Source: v3-core TickMath.sol. The names are the contract's. */
export const MIN_TICK = -887_272;
export const MAX_TICK = 887_272;
export const MIN_SQRT_RATIO = 4_295_128_739n;
export const MAX_SQRT_RATIO = 1_461_446_703_485_210_103_287_273_052_203_988_822_378_723_970_342n;

/** sqrt(1.0001^-(2^i)) in Q128, i = 0 … 19, as in TickMath.getSqrtRatioAtTick. */
const FACTORS = [
  0xfffcb933bd6fad37aa2d162d1a594001n,
  0xfff97272373d413259a46990580e213an,
  0xfff2e50f5f656932ef12357cf3c7fdccn,
  0xffe5caca7e10e4e61c3624eaa0941cd0n,
  0xffcb9843d60f6159c9db58835c926644n,
  0xff973b41fa98c081472e6896dfb254c0n,
  0xff2ea16466c96a3843ec78b326b52861n,
  0xfe5dee046a99a2a811c461f1969c3053n,
  0xfcbe86c7900a88aedcffc83b479aa3a4n,
  0xf987a7253ac413176f2b074cf7815e54n,
  0xf3392b0822b70005940c7a398e4b70f3n,
  0xe7159475a2c29b7443b29c7fa6e889d9n,
  0xd097f3bdfd2022b8845ad8f792aa5825n,
  0xa9f746462d870fdf8a65dc1f90e061e5n,
  0x70d869a156d2a1b890bb3df62baf32f7n,
  0x31be135f97d08fd981231505542fcfa6n,
  0x9aa508b5b7a84e1c677de54f3e99bc9n,
  0x5d6af8dedb81196699c329225ee604n,
  0x2216e584f5fa1ea926041bedfe98n,
  0x48a170391f7dc42444e8fa2n,
] as const;
const MAX_UINT256 = 2n ** 256n - 1n;

const timesFactors = (ratio: bigint, absTick: number, bit: number, end: number): bigint => {
  let product = ratio;
  for (; bit < end; bit++) if ((absTick & (1 << bit)) !== 0) product = (product * (FACTORS[bit] as bigint)) >> 128n;
  return product;
};

/** The contract multiplies the factor of the lowest bit first and rounds each time: what the low half of the bits gives is the same for all ticks that share them. */
const LOW_BITS = FACTORS.length / 2;
const LOW_MASK = (1 << LOW_BITS) - 1;
const ofLowBits = Array.from({ length: LOW_MASK + 1 }, (_, bits) => timesFactors(1n << 128n, bits, 0, LOW_BITS));

function computeSqrtRatioAtTick(tick: number): bigint {
  invariant(Number.isInteger(tick) && tick >= MIN_TICK && tick <= MAX_TICK, `tick ${tick} out of range`);
  const absTick = Math.abs(tick);
  let ratio = timesFactors(ofLowBits[absTick & LOW_MASK] as bigint, absTick, LOW_BITS, FACTORS.length);
  if (tick > 0) ratio = MAX_UINT256 / ratio;
  // Q128.128 to Q128.96, rounded up as the contract does.
  return (ratio >> 32n) + ((ratio & 0xffffffffn) === 0n ? 0n : 1n);
}

/** A quote asks for the same few ticks again and again. Cleared when full: at about 100 bytes an entry this holds below 20 MB. */
const CACHE_ENTRIES = 200_000;
const cache = new Map<number, bigint>();

/** sqrt(1.0001^tick) · 2^96, equal to TickMath.getSqrtRatioAtTick. Throws `InvariantError` outside MIN_TICK … MAX_TICK. */
export function getSqrtRatioAtTick(tick: number): bigint {
  let ratio = cache.get(tick);
  if (ratio === undefined) {
    ratio = computeSqrtRatioAtTick(tick);
    if (cache.size >= CACHE_ENTRIES) cache.clear();
    cache.set(tick, ratio);
  }
  return ratio;
}

/** By tick from MIN_TICK on; 0 where it has not been asked for. 14 MB at most, as much as ticks are used. */
const floats = new Float64Array(MAX_TICK - MIN_TICK + 1);

/** `getSqrtRatioAtTick` / 2^96, rounded to float64: what curves are made of. Throws `InvariantError` outside MIN_TICK … MAX_TICK. */
export function sqrtPriceAtTick(tick: number): number {
  const known = floats[tick - MIN_TICK] ?? 0;
  if (known > 0) return known;
  const price = Number(computeSqrtRatioAtTick(tick)) / 2 ** 96;
  floats[tick - MIN_TICK] = price;
  return price;
}

const LOG_OF_STEP = Math.log(1.0001) / 2;

/**
 * The last tick whose price is at or below this one, equal to TickMath.getTickAtSqrtRatio. Throws `InvariantError` outside MIN_SQRT_RATIO … MAX_SQRT_RATIO - 1.
 *
 * The contract computes a logarithm and compares with the prices of the two ticks that it may be; floating point here only guesses where to compare.
 */
export function getTickAtSqrtRatio(sqrtPriceX96: bigint): number {
  invariant(sqrtPriceX96 >= MIN_SQRT_RATIO && sqrtPriceX96 < MAX_SQRT_RATIO, `price ${sqrtPriceX96} out of range`);
  const guess = Math.floor(Math.log(Number(sqrtPriceX96) / 2 ** 96) / LOG_OF_STEP);
  let tick = Math.min(MAX_TICK - 1, Math.max(MIN_TICK, guess));
  while (getSqrtRatioAtTick(tick) > sqrtPriceX96) tick--;
  while (getSqrtRatioAtTick(tick + 1) <= sqrtPriceX96) tick++;
  return tick;
}
