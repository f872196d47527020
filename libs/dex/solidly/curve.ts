import type { Direction, SmoothCurve } from "#libs/dex/family.ts";

/** In float64 a step this small against the amount is its last. */
const CLOSE = 1e-15;
/** Doubling precision from one digit takes four; each is a dozen multiplications. */
const MAX_STEPS = 12;

/**
 * A stable pair in float64: x³y + y³x stays, amounts scaled by the tokens' decimals. What goes out is solved for itself, not as the difference of two reserves,
 * so that small amounts keep their digits: with X = x + a and what is paid d, a·((3x² + 3xa + a²)·y + y³) = d·(X³ + X·(3y² − 3yd + d²)).
 */
export class StableCurve implements SmoothCurve {
  readonly kind = "smooth";
  /** Reserves in whole tokens. */
  readonly #reserves: [number, number] = [0, 0];
  readonly #units: [number, number];
  #fee = 0;

  constructor(decimals0: number, decimals1: number) {
    this.#units = [10 ** decimals0, 10 ** decimals1];
  }

  set(reserve0: bigint, reserve1: bigint, feePips: number): void {
    this.#reserves[0] = Number(reserve0) / this.#units[0];
    this.#reserves[1] = Number(reserve1) / this.#units[1];
    this.#fee = feePips / 1e6;
  }

  amountOut(amountIn: number, { indexIn, indexOut }: Direction): number {
    const [x, y] = [this.#reserves[indexIn as 0 | 1], this.#reserves[indexOut as 0 | 1]];
    return this.#paid(x, y, this.#kept(amountIn, indexIn)) * this.#units[indexOut as 0 | 1];
  }

  rate(amountIn: number, { indexIn, indexOut }: Direction): number {
    const [x, y] = [this.#reserves[indexIn as 0 | 1], this.#reserves[indexOut as 0 | 1]];
    const kept = this.#kept(amountIn, indexIn);
    const [atX, atY] = [x + kept, y - this.#paid(x, y, kept)];
    // dy/dx along the curve.
    const slope = (atY * (3 * atX * atX + atY * atY)) / (atX * (atX * atX + 3 * atY * atY));
    return ((1 - this.#fee) * slope * this.#units[indexOut as 0 | 1]) / this.#units[indexIn as 0 | 1];
  }

  /** The curve has no end; what is above this is worth less than the last digit of the reserve. */
  largestIn({ indexIn }: Direction): number {
    return this.#reserves[indexIn as 0 | 1] * this.#units[indexIn as 0 | 1] * 1e4;
  }

  /** Whole tokens of an input less its fee. */
  #kept(amountIn: number, indexIn: number): number {
    return (amountIn * (1 - this.#fee)) / this.#units[indexIn as 0 | 1];
  }

  /** Newton's method from below on a concave function: it never passes the root. */
  #paid(x: number, y: number, a: number): number {
    const X = x + a;
    const owed = a * ((3 * x * x + 3 * x * a + a * a) * y + y * y * y);
    const cubed = X * X * X;
    let d = owed / (cubed + 3 * X * y * y);
    for (let step = 0; step < MAX_STEPS; step++) {
      const left = y - d;
      const change = (owed - d * (cubed + X * (3 * y * y - 3 * y * d + d * d))) / (cubed + 3 * X * left * left);
      d += change;
      if (Math.abs(change) <= CLOSE * d) break;
    }
    return d;
  }
}
