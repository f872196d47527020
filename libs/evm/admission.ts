import type { Clock } from "#libs/evm/clock.ts";
import { PRIORITY, type Purpose } from "#libs/evm/purpose.ts";
import { TokenBucket } from "#libs/evm/token-bucket.ts";
import { RetryableError } from "#libs/units/invariant.ts";

export interface RateLimits {
  readonly requestsPerSecond?: number | undefined;
  readonly unitsPerSecond?: number | undefined;
}

export interface Ask {
  readonly purpose: Purpose;
  readonly requests: number;
  readonly units: number;
  readonly signal?: AbortSignal | undefined;
}

/** More than a slow endpoint works off within MAX_WAIT_MS at 100 requests a second. */
const MAX_WAITING = 1_000;
/** As long as an answer may take: what waited longer belongs to a block that has passed. */
const MAX_WAIT_MS = 10_000;
/** A request overtakes those of the next lower priority that came up to so much earlier. So priority decides a burst and never starves what is below. */
const STEP_MS = 1_000;

interface Waiting extends Ask {
  /** Where it stands: its time of arrival, put back by its priority. */
  readonly key: number;
  readonly arrivedMs: number;
  readonly admit: () => void;
  readonly refuse: (cause: Error) => void;
}

/** Lets requests to one endpoint through no faster than it allows. The rest waits in a bounded queue, by priority. */
export class Admission {
  readonly #name: string;
  readonly #clock: Clock;
  readonly #requests: TokenBucket | null;
  readonly #units: TokenBucket | null;
  readonly #maxWaiting: number;
  /** In the order in which they will be let through. */
  readonly #waiting: Waiting[] = [];
  #pausedUntilMs = Number.NEGATIVE_INFINITY;
  #cancelTimer: (() => void) | null = null;

  constructor(name: string, limits: RateLimits, clock: Clock, maxWaiting = MAX_WAITING) {
    this.#name = name;
    this.#clock = clock;
    this.#requests = limits.requestsPerSecond === undefined ? null : new TokenBucket(limits.requestsPerSecond, clock.now());
    this.#units = limits.unitsPerSecond === undefined ? null : new TokenBucket(limits.unitsPerSecond, clock.now());
    this.#maxWaiting = maxWaiting;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  get pausedUntilMs(): number {
    return this.#pausedUntilMs;
  }

  /** Lets nothing through for so long: the endpoint asked for it. */
  pause(ms: number): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.#clock.now() + ms);
    if (this.#waiting.length > 0) this.#arm();
  }

  /** Whether so much would be let through now. */
  hasRoom(requests: number, units: number): boolean {
    return this.#waiting.length === 0 && this.#waitMs(requests, units, this.#clock.now()) === 0;
  }

  /** True and paid for when it may go now. For what is not worth waiting for. */
  tryAdmit(ask: Ask): boolean {
    if (!this.hasRoom(ask.requests, ask.units)) return false;
    this.#take(ask);
    return true;
  }

  /**
   * Undefined when it may go now, so that the usual case costs no turn of the event loop; else settles when it may. Rejects with `RetryableError`
   * `rpc-budget-exhausted` when it has waited too long, or the queue is full of what comes first.
   */
  admit(ask: Ask): Promise<void> | undefined {
    if (this.tryAdmit(ask)) return undefined;
    return new Promise<void>((resolve, reject) => {
      const arrivedMs = this.#clock.now();
      const onAbort = () => {
        this.#remove(waiting);
        reject(new RetryableError("rpc-aborted", `a request to ${this.#name} was given up while it waited`));
      };
      const waiting: Waiting = {
        ...ask,
        arrivedMs,
        key: arrivedMs + PRIORITY[ask.purpose] * STEP_MS,
        admit: () => {
          ask.signal?.removeEventListener("abort", onAbort);
          resolve();
        },
        refuse: (cause) => {
          ask.signal?.removeEventListener("abort", onAbort);
          reject(cause);
        },
      };
      if (ask.signal?.aborted) return onAbort();
      ask.signal?.addEventListener("abort", onAbort, { once: true });
      this.#insert(waiting);
      if (this.#waiting.length > this.#maxWaiting)
        this.#waiting.pop()?.refuse(this.#exhausted(`${this.#maxWaiting} requests wait already`));
      this.#arm();
    });
  }

  #exhausted(why: string): RetryableError {
    return new RetryableError("rpc-budget-exhausted", `the request rate of ${this.#name} is used up: ${why}`);
  }

  #waitMs(requests: number, units: number, nowMs: number): number {
    return Math.max(this.#pausedUntilMs - nowMs, this.#requests?.waitMs(requests, nowMs) ?? 0, this.#units?.waitMs(units, nowMs) ?? 0, 0);
  }

  #take(ask: Ask): void {
    this.#requests?.take(ask.requests);
    this.#units?.take(ask.units);
  }

  #insert(waiting: Waiting): void {
    let index = this.#waiting.length;
    while (index > 0 && (this.#waiting[index - 1] as Waiting).key > waiting.key) index--;
    this.#waiting.splice(index, 0, waiting);
  }

  #remove(waiting: Waiting): void {
    const index = this.#waiting.indexOf(waiting);
    if (index >= 0) this.#waiting.splice(index, 1);
    if (index === 0) this.#arm();
  }

  #arm(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    const first = this.#waiting[0];
    if (first === undefined) return;
    const nowMs = this.#clock.now();
    const oldestMs = this.#waiting.reduce((oldest, { arrivedMs }) => Math.min(oldest, arrivedMs), first.arrivedMs);
    const delayMs = Math.min(this.#waitMs(first.requests, first.units, nowMs), oldestMs + MAX_WAIT_MS - nowMs);
    this.#cancelTimer = this.#clock.after(Math.max(0, delayMs), () => this.#drain());
  }

  #drain(): void {
    const nowMs = this.#clock.now();
    for (const late of this.#waiting.filter(({ arrivedMs }) => nowMs - arrivedMs >= MAX_WAIT_MS)) {
      this.#waiting.splice(this.#waiting.indexOf(late), 1);
      late.refuse(this.#exhausted(`no turn within ${MAX_WAIT_MS} ms`));
    }
    for (
      let first = this.#waiting[0];
      first !== undefined && this.#waitMs(first.requests, first.units, nowMs) === 0;
      first = this.#waiting[0]
    ) {
      this.#waiting.shift();
      this.#take(first);
      first.admit();
    }
    this.#arm();
  }
}
