/** Amounts stay bigint to the last digit: what is cut for display is cut in decimal text, and the full number is there to show beside it. */

/** `1234567`, 6 → `1.234567`: exact, without trailing zeros. */
export function exactUnits(amount: string, decimals: number): string {
  const value = BigInt(amount);
  const digits = (value < 0n ? -value : value).toString().padStart(decimals + 1, "0");
  const whole = digits.slice(0, digits.length - decimals);
  const fraction = digits.slice(digits.length - decimals).replace(/0+$/, "");
  return `${value < 0n ? "−" : ""}${grouped(whole)}${fraction === "" ? "" : `.${fraction}`}`;
}

const grouped = (whole: string): string => whole.replace(/\B(?=(\d{3})+$)/g, ",");

/**
 * Cut to so many decimals, toward zero, so that no profit is shown that is not there. What is not zero but smaller than the last decimal shown
 * says so: `<0.0001`.
 */
export function shortUnits(amount: string, decimals: number, shown: number): string {
  const value = BigInt(amount);
  const magnitude = value < 0n ? -value : value;
  const places = Math.min(shown, decimals);
  const cut = magnitude / 10n ** BigInt(decimals - places);
  const sign = value < 0n ? "−" : "";
  if (cut === 0n && magnitude > 0n) return `${sign}<0.${"0".repeat(Math.max(0, places - 1))}1`;
  const digits = cut.toString().padStart(places + 1, "0");
  const whole = grouped(digits.slice(0, digits.length - places));
  return `${sign}${whole}${places === 0 ? "" : `.${digits.slice(digits.length - places)}`}`;
}

/** About five significant digits, whatever the size: 3 decimals of thousands, 8 of dust. */
export function compactUnits(amount: string, decimals: number): string {
  const magnitude = BigInt(amount.replace("-", ""));
  const wholeDigits = (magnitude / 10n ** BigInt(decimals)).toString().length;
  return shortUnits(amount, decimals, magnitude >= 10n ** BigInt(decimals) ? Math.max(0, 5 - wholeDigits) : 5);
}

/** Below this many zeros after the point a number is written with an exponent: nobody counts more of them. */
const ZEROS_SHOWN = 3;

/**
 * A decimal string, as prices and values come, cut toward zero in its text: five significant digits, or all of the whole part where that is longer.
 * `3119.987` → `3,119.9`, `0.00032051` → `0.00032051`, `0.000000004137` → `4.1370e−9`.
 */
export function shortDecimal(text: string, significant = 5): string {
  const [whole = "0", fraction = ""] = text.split(".");
  if (whole !== "0") {
    const places = Math.max(0, significant - whole.length);
    return `${grouped(whole)}${places === 0 ? "" : `.${fraction.slice(0, places).padEnd(places, "0")}`}`;
  }
  const zeros = fraction.search(/[1-9]/);
  if (zeros < 0) return "0";
  const digits = fraction.slice(zeros, zeros + significant).padEnd(significant, "0");
  return zeros <= ZEROS_SHOWN ? `0.${"0".repeat(zeros)}${digits}` : `${digits[0]}.${digits.slice(1)}e−${zeros + 1}`;
}

/** `exactDecimal("1234.5")` → `1,234.5`: every digit that there is. */
export function exactDecimal(text: string): string {
  const [whole = "0", fraction] = text.split(".");
  return fraction === undefined ? grouped(whole) : `${grouped(whole)}.${fraction}`;
}

/** With its sign always, for profit and loss. */
export const signed = (text: string, amount: string): string => (BigInt(amount) > 0n ? `+${text}` : text);

export const WEI_DECIMALS = 18;
const GWEI_DECIMALS = 9;
export const gwei = (wei: string): string => shortUnits(wei, GWEI_DECIMALS, 2);

/** For drawing only: a pixel is coarser than a double. */
export const approximateCoins = (wei: string): number => Number(BigInt(wei) / 10n ** 9n) / 1e9;

export const count = (value: number): string => grouped(value.toString());

export const shortHash = (hash: string): string => `${hash.slice(0, 6)}…${hash.slice(-4)}`;

/** `0.4 s`, `12 s`, `3 min`, `2 h`. */
export function age(ms: number): string {
  const seconds = Math.max(0, ms) / 1_000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3_600)} h`;
}

export const milliseconds = (ms: number | null): string =>
  ms === null ? "–" : ms < 10_000 ? `${Math.round(ms)}` : `${Math.round(ms / 1_000)}k`;

export const percent = (share: number, digits = 1): string => `${(share * 100).toFixed(digits)} %`;

/** With its sign, unless nothing is left of it: `+0.12 %`, `−3.40 %`, `0.00 %`. */
export function signedPercent(share: number, digits = 2): string {
  const text = percent(Math.abs(share), digits);
  return text === percent(0, digits) ? text : `${share < 0 ? "−" : "+"}${text}`;
}

/** A share cut, not rounded, to two decimals: only what is whole says 1.00. */
export const shareOfOne = (share: number): string => share.toFixed(6).slice(0, 4);

/** An axis label as fine as its ticks lie apart. */
export function tickTime(seconds: number, apartSeconds: number): string {
  const date = new Date(seconds * 1_000);
  if (apartSeconds >= 86_400) return date.toLocaleDateString("en-GB", { day: "numeric", month: "short" });
  return date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", ...(apartSeconds < 60 ? { second: "2-digit" } : {}) });
}

export const clockTime = (ms: number): string =>
  new Date(ms).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
