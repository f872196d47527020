import { PRECISION, type Solved } from "#libs/dex/curve-stableswap/math.ts";
import type { Direction, SmoothCurve } from "#libs/dex/family.ts";

/**
 * The pool in float64, in closed form: with the other coins fixed the invariant is a quadratic in y, so the change of y has a root formula. It is solved for
 * the change, not for y, so that small swaps lose nothing to cancellation.
 */
export class FloatCurve implements SmoothCurve {
  readonly kind = "smooth";
  readonly #xp: readonly number[];
  readonly #scale: readonly number[];
  readonly #D: number;
  /** Σxp + D / Ann − D: `y + b − D` at the present balances. */
  readonly #slack: number;
  readonly #fee: number;
  /** offpeg_fee_multiplier as a fraction; 1 for a flat fee. */
  readonly #multiplier: number;

  constructor({ xp, D, bD, terms }: Solved) {
    let S = 0n;
    for (const x of xp) S += x;
    this.#xp = xp.map(Number);
    this.#scale = terms.rates.map((rate) => Number(rate) / Number(PRECISION));
    this.#D = Number(D);
    // Subtracted exactly: near the peg the sum and D agree in all digits that a double has.
    this.#slack = Number(S + bD);
    this.#fee = Number(terms.fee) / 1e10;
    this.#multiplier = terms.lineage === "ng" ? Math.max(1, Number(terms.offpegFeeMultiplier) / 1e10) : 1;
  }

  amountOut(amountIn: number, { indexIn, indexOut }: Direction): number {
    const { dy, x, y } = this.#move(amountIn, indexIn, indexOut);
    return (dy * (1 - this.#feeAt(x, y).fee)) / (this.#scale[indexOut] as number);
  }

  rate(amountIn: number, { indexIn, indexOut }: Direction): number {
    const { dy, x, y, slope } = this.#move(amountIn, indexIn, indexOut);
    const { fee, byX, byY } = this.#feeAt(x, y);
    const perScaled = slope * (1 - fee) - dy * (byX / 2 - (byY * slope) / 2);
    return (perScaled * (this.#scale[indexIn] as number)) / (this.#scale[indexOut] as number);
  }

  /** As much as the whole pool is worth: beyond it the last units of the other coin cost more than anyone has. */
  largestIn({ indexIn }: Direction): number {
    return this.#D / (this.#scale[indexIn] as number);
  }

  /** Scaled amount out before the fee, its derivative, and the means of both coins' balances before and after. */
  #move(amountIn: number, indexIn: number, indexOut: number): { dy: number; slope: number; x: number; y: number } {
    const u = amountIn * (this.#scale[indexIn] as number);
    const x0 = this.#xp[indexIn] as number;
    const y0 = this.#xp[indexOut] as number;
    const x1 = x0 + u;
    // y² + (b − D)·y = c before the swap; after it b grows by u and c shrinks by x0 / x1. Both in terms of dy: dy² − p·dy + q = 0.
    const c = y0 * this.#slack;
    const p = y0 + this.#slack + u;
    const q = u * (y0 + c / x1);
    const root = Math.sqrt(p * p - 4 * q);
    const dy = (2 * q) / (p + root);
    const slope = (y0 + (c / x1) * (x0 / x1) - dy) / root;
    return { dy, slope, x: x0 + u / 2, y: y0 - dy / 2 };
  }

  #feeAt(x: number, y: number): { fee: number; byX: number; byY: number } {
    const m = this.#multiplier;
    if (m === 1) return { fee: this.#fee, byX: 0, byY: 0 };
    const sum = x + y;
    const ratio = (4 * x * y) / (sum * sum);
    const denominator = (m - 1) * ratio + 1;
    const fee = (m * this.#fee) / denominator;
    const byRatio = (-fee * (m - 1)) / denominator;
    const steep = (4 * (y - x)) / (sum * sum * sum);
    return { fee, byX: byRatio * steep * y, byY: -byRatio * steep * x };
  }
}
