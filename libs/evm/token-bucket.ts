/**
 * A rate with some room for bursts: holds one second's worth and is full at first, so in any t seconds at most `perSecond` × (t + 1) are taken. A cost above
 * one second's worth is granted when the bucket is full and paid off afterwards.
 */
export class TokenBucket {
  readonly #perSecond: number;
  #tokens: number;
  #atMs: number;

  constructor(perSecond: number, nowMs: number) {
    this.#perSecond = perSecond;
    this.#tokens = this.#capacity;
    this.#atMs = nowMs;
  }

  get #capacity(): number {
    // Below one a second the bucket must still hold the one that is granted every so many seconds.
    return Math.max(1, this.#perSecond);
  }

  /** Milliseconds until `cost` is there; 0 for now. */
  waitMs(cost: number, nowMs: number): number {
    this.#refill(nowMs);
    const missing = Math.min(cost, this.#capacity) - this.#tokens;
    // Sums of fractions miss by some 1e-12; without tolerance that would cost a millisecond each time.
    return missing <= 1e-9 ? 0 : Math.ceil((missing * 1_000) / this.#perSecond);
  }

  /** Only after `waitMs` of the same cost was 0. */
  take(cost: number): void {
    this.#tokens -= cost;
  }

  #refill(nowMs: number): void {
    this.#tokens = Math.min(this.#capacity, this.#tokens + ((nowMs - this.#atMs) * this.#perSecond) / 1_000);
    this.#atMs = nowMs;
  }
}
