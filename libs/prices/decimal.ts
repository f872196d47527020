/** A double carries 15 to 17 digits; prices come out of a few multiplications, so twelve of them mean something. */
const DIGITS = 12;

/**
 * A float as a plain decimal string of at most twelve significant digits: no exponent, no zeros at the end. Correctly rounded, so the same float gives the
 * same text anywhere. Requires a finite number ≥ 0.
 */
export function decimalOf(value: number): string {
  if (value === 0) return "0";
  const [mantissa = "0", power = "0"] = value.toExponential(DIGITS - 1).split("e");
  const digits = mantissa.replace(".", "").replace(/0+$/, "");
  const point = Number(power) + 1;
  if (point <= 0) return `0.${"0".repeat(-point)}${digits}`;
  if (point >= digits.length) return digits.padEnd(point, "0");
  return `${digits.slice(0, point)}.${digits.slice(point)}`;
}
