/**
 * Natural powers in fixed point, as pools compute them: each division truncates where the contract's does. Source: LogExpMath.sol (v2-solidity-utils), whose
 * names these are. Where the contract divides twice in a row by positive numbers we divide once by their product, which truncates to the same integer; a
 * series ends where a term has become zero, since all later ones are too.
 */

const ONE_18 = 10n ** 18n;
const ONE_20 = 10n ** 20n;
const ONE_36 = 10n ** 36n;
const LN_36_LOWER_BOUND = ONE_18 - 10n ** 17n;
const LN_36_UPPER_BOUND = ONE_18 + 10n ** 17n;
const MAX_NATURAL_EXPONENT = 130n * ONE_18;
const MIN_NATURAL_EXPONENT = -41n * ONE_18;
const MILD_EXPONENT_BOUND = 2n ** 254n / ONE_20;

/** x_n = 2^(7 - n) and a_n = e^(x_n). The first two of the a_n have no decimals, x_0 and x_1 have 18; all others have 20. */
const x0 = 128_000_000_000_000_000_000n;
const a0 = 38_877_084_059_945_950_922_200_000_000_000_000_000_000_000_000_000_000_000n;
const x1 = 64_000_000_000_000_000_000n;
const a1 = 6_235_149_080_811_616_882_910_000_000n;
const A0_18 = a0 * ONE_18;
const A1_18 = a1 * ONE_18;
const X = [
  3_200_000_000_000_000_000_000n,
  1_600_000_000_000_000_000_000n,
  800_000_000_000_000_000_000n,
  400_000_000_000_000_000_000n,
  200_000_000_000_000_000_000n,
  100_000_000_000_000_000_000n,
  50_000_000_000_000_000_000n,
  25_000_000_000_000_000_000n,
  12_500_000_000_000_000_000n,
  6_250_000_000_000_000_000n,
] as const;
const A = [
  7_896_296_018_268_069_516_100_000_000_000_000n,
  888_611_052_050_787_263_676_000_000n,
  298_095_798_704_172_827_474_000n,
  5_459_815_003_314_423_907_810n,
  738_905_609_893_065_022_723n,
  271_828_182_845_904_523_536n,
  164_872_127_070_012_814_685n,
  128_402_541_668_774_148_407n,
  113_314_845_306_682_631_683n,
  106_449_445_891_785_942_956n,
] as const;
/** `exp` leaves out the last two. */
const EXP_TERMS = 8;
/** Divisors of the Taylor terms 2 to 12: 20 decimals and n. */
const TAYLOR = Array.from({ length: 11 }, (_, index) => ONE_20 * BigInt(index + 2));
const LN_36_DIVISORS = [3n, 5n, 7n, 9n, 11n, 13n, 15n] as const;
const LN_DIVISORS = [3n, 5n, 7n, 9n, 11n] as const;

/** x^y of two unsigned numbers with 18 decimals. -1n where the contract reverts: arguments or ln(x)·y out of bounds. */
export function pow(x: bigint, y: bigint): bigint {
  if (y === 0n) return ONE_18;
  if (x === 0n) return 0n;
  if (x >> 255n !== 0n || y >= MILD_EXPONENT_BOUND) return -1n;
  const logxTimesY = LN_36_LOWER_BOUND < x && x < LN_36_UPPER_BOUND ? (ln36(x) * y) / ONE_36 : (ln(x) * y) / ONE_18;
  if (logxTimesY < MIN_NATURAL_EXPONENT || logxTimesY > MAX_NATURAL_EXPONENT) return -1n;
  return exp(logxTimesY);
}

/** e^x, 18 decimals, for x between -41 and 130. */
export function exp(x: bigint): bigint {
  if (x < 0n) return ONE_36 / exp(-x);
  let rest = x;
  let firstAN = 1n;
  if (rest >= x0) {
    rest -= x0;
    firstAN = a0;
  } else if (rest >= x1) {
    rest -= x1;
    firstAN = a1;
  }
  rest *= 100n;
  let product = ONE_20;
  if (rest >= (X[EXP_TERMS - 1] as bigint)) {
    for (let index = 0; index < EXP_TERMS; index++) {
      const xn = X[index] as bigint;
      if (rest >= xn) {
        rest -= xn;
        product = product === ONE_20 ? (A[index] as bigint) : (product * (A[index] as bigint)) / ONE_20;
      }
    }
  }
  let term = rest;
  let seriesSum = ONE_20 + term;
  for (let index = 0; index < 11; index++) {
    term = (term * rest) / (TAYLOR[index] as bigint);
    if (term === 0n) break;
    seriesSum += term;
  }
  if (firstAN === 1n) return product === ONE_20 ? seriesSum / 100n : (product * seriesSum) / (ONE_20 * 100n);
  return (((product * seriesSum) / ONE_20) * firstAN) / 100n;
}

/** Natural logarithm of a number with 18 decimals, to 18 decimals. */
function ln(x: bigint): bigint {
  if (x < ONE_18) return -ln(ONE_36 / x);
  let a = x;
  let sum = 0n;
  if (a >= A0_18) {
    a /= a0;
    sum += x0;
  }
  if (a >= A1_18) {
    a /= a1;
    sum += x1;
  }
  sum *= 100n;
  a *= 100n;
  for (let index = 0; index < A.length; index++) {
    const an = A[index] as bigint;
    if (a >= an) {
      a = (a * ONE_20) / an;
      sum += X[index] as bigint;
    }
  }
  const z = ((a - ONE_20) * ONE_20) / (a + ONE_20);
  const zSquared = (z * z) / ONE_20;
  let num = z;
  let seriesSum = num;
  for (let index = 0; index < LN_DIVISORS.length; index++) {
    num = (num * zSquared) / ONE_20;
    if (num === 0n) break;
    seriesSum += num / (LN_DIVISORS[index] as bigint);
  }
  return (sum + seriesSum * 2n) / 100n;
}

/** Natural logarithm of a number with 18 decimals between 0.9 and 1.1, to 36 decimals. */
function ln36(x: bigint): bigint {
  // ((x - 1) · 10^36) / (x + 1), numerator and denominator both shortened by 10^18.
  const z = ((x - ONE_18) * ONE_36) / (x + ONE_18);
  const zSquared = (z * z) / ONE_36;
  let num = z;
  let seriesSum = num;
  for (let index = 0; index < LN_36_DIVISORS.length; index++) {
    num = (num * zSquared) / ONE_36;
    if (num === 0n) break;
    seriesSum += num / (LN_36_DIVISORS[index] as bigint);
  }
  return seriesSum * 2n;
}
