import { AMP_PRECISION } from "#libs/dex/balancer-v2/stable-math.ts";
import type { BalancerState, Derived, Fixed } from "#libs/dex/balancer-v2/state.ts";
import type { Direction, SmoothCurve } from "#libs/dex/family.ts";

/** What powUp adds to a power: 1e-14 of it and some last digits. Pools give that much less of the balance that goes out. */
const POW_RELATIVE_ERROR = 1e-14;
const POW_UNITS = 2e-18;
/** Fees are multiples of 1e-6 of an amount, so below this their fraction survives in float64 and can be rounded up as the pool does. */
const LARGEST_ROUNDED_FEE = 1e9;
const FRACTION = 5e-7;

const ONE = 1e18;
/** Cash and managed together are a uint112 in the vault. */
const MAX_BALANCE = 2n ** 112n - 1n;
/** Swaps larger than this share of a balance are refused by weighted pools. */
const MAX_IN_RATIO = 0.3;
/** Largest input of a stable pool that the formulas are used for: what the vault can hold is far above what anyone trades. */
const MAX_STABLE_IN_RATIO = 1_000;

/** As many as float64 has digits. */
const HALVINGS = 53;

/** Amount less fee, rounded as the pool rounds it while units count. */
function lessFee(amountIn: number, fee: number): number {
  const exact = amountIn * fee;
  if (exact > LARGEST_ROUNDED_FEE) return amountIn - exact;
  const nearest = Math.round(exact);
  return amountIn - (Math.abs(exact - nearest) < FRACTION ? nearest : Math.ceil(exact));
}

/**
 * A pool in float64. Weighted: balanceOut · (1 - (balanceIn / (balanceIn + in))^(weightIn/weightOut)), through log1p and expm1 so that small inputs keep their
 * digits. Stable: the new balance solves y² - B·y = c, with B falling by what comes in and c shrinking by balanceIn / (balanceIn + in); the difference of the two
 * roots is taken without subtracting them.
 */
export class BalancerCurve implements SmoothCurve {
  readonly kind = "smooth";
  #from: Derived | null = null;
  #weighted = false;
  #exactPowers = false;
  #tokens = 0;
  #fee = 0;
  #weights: number[] = [];
  /** 18 decimals in rate, and units of that per raw unit. */
  #balances: number[] = [];
  #scales: number[] = [];
  /** Of stable pools, by the token that goes out: B, c and 2y - B before the swap. */
  #b: number[] = [];
  #c: number[] = [];
  #root: number[] = [];

  /** What the vault can take and pay, raw units; infinite to pay where it holds the whole balance itself. */
  #room: number[] = [];
  #cash: number[] = [];

  update(fixed: Fixed, derived: Derived, { cash, managed, swapFeePercentage, amp }: BalancerState): void {
    if (this.#from === derived) return;
    this.#from = derived;
    const { balances, scalingFactors, invariant } = derived;
    this.#tokens = derived.tradable ? balances.length : 0;
    this.#weighted = fixed.weighted;
    this.#exactPowers = fixed.recent;
    this.#fee = Number(swapFeePercentage) / ONE;
    this.#weights = fixed.weights.map(Number);
    this.#balances = balances.map(Number);
    this.#scales = scalingFactors.map((factor) => Number(factor) / ONE);
    this.#room = cash.map((amount, index) => Number(MAX_BALANCE - amount - (managed[index] as bigint)));
    this.#cash = cash.map((amount, index) => (managed[index] === 0n ? Number.POSITIVE_INFINITY : Number(amount)));
    if (fixed.weighted || !derived.tradable) return;
    const sum = balances.reduce((total, balance) => total + balance, 0n);
    const ampTimesTotal = amp * BigInt(balances.length);
    const bs = balances.map((balance) => invariant - (invariant * AMP_PRECISION) / ampTimesTotal - (sum - balance));
    this.#b = bs.map(Number);
    this.#c = balances.map((balance, index) => Number(balance * (balance - (bs[index] as bigint))));
    this.#root = balances.map((balance, index) => Number(2n * balance - (bs[index] as bigint)));
  }

  amountOut(amountIn: number, { indexIn, indexOut }: Direction): number {
    if (this.#tokens === 0) return 0;
    const dx = lessFee(amountIn, this.#fee) * at(this.#scales, indexIn);
    const x = at(this.#balances, indexIn);
    if (this.#weighted) {
      const exponent = at(this.#weights, indexIn) / at(this.#weights, indexOut);
      const taken = -Math.expm1(-exponent * Math.log1p(dx / x));
      const error = this.#multiplies(exponent) ? 0 : (1 - taken) * POW_RELATIVE_ERROR + POW_UNITS;
      return Math.max(0, (taken - error) * at(this.#balances, indexOut)) / at(this.#scales, indexOut);
    }
    const b0 = at(this.#b, indexOut);
    const c0 = at(this.#c, indexOut);
    const b1 = b0 - dx;
    const root1 = Math.sqrt(b1 * b1 + (4 * c0 * x) / (x + dx));
    const dy = (dx / 2) * (1 + (b0 + b1 + (4 * c0) / (x + dx)) / (at(this.#root, indexOut) + root1));
    // The contract keeps a unit.
    return Math.max(0, dy - 1) / at(this.#scales, indexOut);
  }

  rate(amountIn: number, { indexIn, indexOut }: Direction): number {
    if (this.#tokens === 0) return 0;
    const dx = amountIn * (1 - this.#fee) * at(this.#scales, indexIn);
    const x = at(this.#balances, indexIn);
    const units = ((1 - this.#fee) * at(this.#scales, indexIn)) / at(this.#scales, indexOut);
    if (this.#weighted) {
      const exponent = at(this.#weights, indexIn) / at(this.#weights, indexOut);
      return ((units * at(this.#balances, indexOut) * exponent) / x) * (1 + dx / x) ** (-exponent - 1);
    }
    const b1 = at(this.#b, indexOut) - dx;
    const c1 = (at(this.#c, indexOut) * x) / (x + dx);
    const root1 = Math.sqrt(b1 * b1 + 4 * c1);
    // The root of both signs of B without cancelling.
    const y = b1 > 0 ? (b1 + root1) / 2 : (2 * c1) / (root1 - b1);
    return (units * (y + c1 / (x + dx))) / root1;
  }

  largestIn(direction: Direction): number {
    if (this.#tokens === 0) return 0;
    const { indexIn, indexOut } = direction;
    const balance = at(this.#balances, indexIn) / at(this.#scales, indexIn) / (1 - this.#fee);
    let largest = Math.min(balance * (this.#weighted ? MAX_IN_RATIO : MAX_STABLE_IN_RATIO), at(this.#room, indexIn));
    const cash = at(this.#cash, indexOut);
    if (this.amountOut(largest, direction) <= cash) return largest;
    // An asset manager has the rest.
    let least = 0;
    for (let round = 0; round < HALVINGS; round++) {
      const middle = (least + largest) / 2;
      if (this.amountOut(middle, direction) <= cash) least = middle;
      else largest = middle;
    }
    return least;
  }

  #multiplies(exponent: number): boolean {
    return this.#exactPowers && (exponent === 1 || exponent === 2 || exponent === 4);
  }
}

const at = (values: readonly number[], index: number): number => values[index] as number;
