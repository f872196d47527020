import { MEMORY_BLOCKS } from "#libs/ml/features.ts";
import type { BodyOf } from "#proto/subjects.ts";

/** The price of a token from a block on; `value` in what it holds, 0 where it has none. */
interface Point {
  readonly block: number;
  readonly value: number;
  readonly holds: "native" | "usd";
  readonly confidence: number;
}

/** Of one `price.changed`, dollars for a native coin; 0 where unknown. */
interface Moment {
  readonly block: number;
  readonly usdPerNative: number;
}

/** Changes that a volatility rests on, each from one `price.changed` to the next. */
const CHANGES = MEMORY_BLOCKS;
/** Messages kept beyond those, so that a reorganisation of so many blocks leaves enough. */
const SPARE = 32;

/** What tokens were worth over the last blocks, folded from `price.changed`. A reorganisation takes the dropped blocks off its end. */
export class PriceMemory {
  readonly #points = new Map<string, Point[]>();
  readonly #moments: Moment[] = [];
  /** Volatilities since the last message, by both tokens. */
  readonly #known = new Map<string, Map<string, number | null>>();

  apply({ blockNumber, scope, usdPerNative, rows, gone }: BodyOf<"priceChanged">): void {
    this.#known.clear();
    const at: Moment = { block: blockNumber, usdPerNative: usdPerNative === null ? 0 : Number(usdPerNative) };
    this.#moments.push(at);
    if (this.#moments.length > CHANGES + 1 + SPARE) this.#moments.shift();
    const void_ = { block: blockNumber, value: 0, holds: "native", confidence: 0 } as const;
    // A whole set: what is not in it, or in the messages after it, has no price.
    if (scope === "all") for (const points of this.#points.values()) if (points.at(-1)?.value !== 0) this.#append(points, void_);
    for (const token of gone) this.#append(this.#of(token), void_);
    for (const [token, , native, usd, holds, confidence] of rows) {
      const value = holds === "usd" && usd !== null ? Number(usd) : Number(native);
      this.#append(this.#of(token), { block: blockNumber, value, holds: usd === null ? "native" : holds, confidence });
    }
  }

  /** Back to what it was at this block. */
  rewind(block: number): void {
    this.#known.clear();
    while ((this.#moments.at(-1)?.block ?? 0) > block) this.#moments.pop();
    for (const [token, points] of this.#points) {
      while ((points.at(-1)?.block ?? 0) > block) points.pop();
      if (points.length === 0) this.#points.delete(token);
    }
  }

  /** In [0, 1]; null for a token that has no price. */
  confidence(token: string): number | null {
    const point = this.#points.get(token)?.at(-1);
    return point === undefined || point.value === 0 ? null : point.confidence;
  }

  /** Standard deviation of the logarithmic change of the two tokens' rate from block to block; null unless both had prices throughout. */
  volatility(token: string, other: string): number | null {
    const known = this.#known.get(token)?.get(other);
    if (known !== undefined) return known;
    const volatility = this.#volatilityOf(token, other);
    // Nested: of two texts a third would be made each time, longer than they are.
    for (const [one, two] of [
      [token, other],
      [other, token],
    ] as const) {
      const ofOne = this.#known.get(one) ?? new Map<string, number | null>();
      this.#known.set(one, ofOne.set(two, volatility));
    }
    return volatility;
  }

  #volatilityOf(token: string, other: string): number | null {
    const [ofToken, ofOther] = [this.#points.get(token), this.#points.get(other)];
    if (ofToken === undefined || ofOther === undefined || this.#moments.length <= CHANGES) return null;
    const [left, right] = [walk(ofToken), walk(ofOther)];
    let before = Number.NaN;
    let sum = 0;
    let squares = 0;
    for (const [index, moment] of this.#moments.slice(-CHANGES - 1).entries()) {
      const rate = Math.log(left(moment)) - Math.log(right(moment));
      if (!Number.isFinite(rate)) return null;
      if (index > 0) {
        sum += rate - before;
        squares += (rate - before) ** 2;
      }
      before = rate;
    }
    return Math.sqrt(Math.max(0, squares / CHANGES - (sum / CHANGES) ** 2));
  }

  #of(token: string): Point[] {
    let points = this.#points.get(token);
    if (points === undefined) {
      points = [];
      this.#points.set(token, points);
    }
    return points;
  }

  /** The newest point of a block wins; of those before the memory one is kept, which says what the price was when it began. */
  #append(points: Point[], point: Point): void {
    if (points.at(-1)?.block === point.block) points.pop();
    points.push(point);
    // Twice the memory: a reorganisation makes it reach further back.
    const oldest = point.block - 2 * CHANGES;
    while (points.length > 1 && (points[1] as Point).block <= oldest) points.shift();
  }
}

/** The price in native coins at one moment after another; 0 or NaN where there is none. */
function walk(points: readonly Point[]): (moment: Moment) => number {
  let next = 0;
  return ({ block, usdPerNative }) => {
    while (next < points.length && (points[next] as Point).block <= block) next++;
    const point = points[next - 1];
    if (point === undefined) return 0;
    return point.holds === "usd" ? point.value / usdPerNative : point.value;
  };
}
