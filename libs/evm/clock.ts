/** Time as the budget's parts see it, so that tests decide how fast it passes. */
export interface Clock {
  /** Milliseconds, never backwards. */
  now(): number;
  /** Calls once, not before `delayMs` have passed; returns how to take that back. */
  after(delayMs: number, call: () => void): () => void;
}

export const monotonic: Clock = {
  now: () => performance.now(),
  after(delayMs, call) {
    const timer = setTimeout(call, delayMs);
    return () => clearTimeout(timer);
  },
};
