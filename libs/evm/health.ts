/** Half-life of what an endpoint has done well and badly. */
const MEMORY_MS = 60_000;
/** Good answers that stand against the first fault. */
const PRIOR_GOOD = 10;
/** A fault keeps an endpoint away for so long, doubling with each that follows, up to the last. */
const FIRST_REST_MS = 1_000;
const LONGEST_REST_MS = 60_000;
/** A fault that nothing has followed says nothing any more after so long: nobody has asked again. */
const FAULT_STALE_MS = 300_000;
/** An answer that takes so long halves the score. */
const HALF_SCORE_MS = 250;
/** An estimate of the latency without a sample for so long says nothing any more: the endpoint is tried again. */
const LATENCY_STALE_MS = 30_000;
const LATENCY_WEIGHT = 0.1;
/** Latencies of a method that the 95th percentile is taken of, and how many there must be before it means anything. */
const SAMPLES = 128;
const SAMPLES_MIN = 20;
/** Sorting at every request would cost more than the percentile gains. */
const RECOMPUTE_EVERY = 16;

class Latencies {
  readonly #samples = new Float64Array(SAMPLES);
  #count = 0;
  #p95 = Number.POSITIVE_INFINITY;
  averageMs = 0;
  lastMs = 0;

  add(ms: number, nowMs: number): void {
    this.averageMs = this.#count === 0 || this.stale(nowMs) ? ms : this.averageMs + LATENCY_WEIGHT * (ms - this.averageMs);
    this.lastMs = nowMs;
    this.#samples[this.#count++ % SAMPLES] = ms;
    if (this.#count >= SAMPLES_MIN && (this.#count - SAMPLES_MIN) % RECOMPUTE_EVERY === 0) {
      const sorted = this.#samples.slice(0, Math.min(this.#count, SAMPLES)).sort();
      this.#p95 = sorted[Math.ceil(sorted.length * 0.95) - 1] as number;
    }
  }

  stale(nowMs: number): boolean {
    return nowMs - this.lastMs > LATENCY_STALE_MS;
  }

  get p95(): number | null {
    return this.#count < SAMPLES_MIN ? null : this.#p95;
  }
}

/** How well one endpoint answers: from faults, latency, and how far its head is behind the best one's. */
export class Health {
  #good = 0;
  #bad = 0;
  #atMs = Number.NEGATIVE_INFINITY;
  #faultsInARow = 0;
  #lastFaultMs = Number.NEGATIVE_INFINITY;
  #restUntilMs = Number.NEGATIVE_INFINITY;
  readonly #latencies = new Map<string, Latencies>();
  /** Blocks behind the furthest endpoint of the chain, where heads are compared. */
  behindBlocks = 0;
  /** Its head is so far behind that it answers for another time. */
  lagging = false;
  /** Its heads have differed from the others' for long. */
  disagreeing = false;

  succeeded(method: string, ms: number, nowMs: number): void {
    this.#age(nowMs);
    this.#good++;
    this.#faultsInARow = 0;
    this.#restUntilMs = Number.NEGATIVE_INFINITY;
    this.#latenciesOf(method).add(ms, nowMs);
  }

  /** Given up after so long because another was faster: it would have taken longer still. */
  abandoned(method: string, ms: number, nowMs: number): void {
    this.#latenciesOf(method).add(ms, nowMs);
  }

  failed(nowMs: number): void {
    this.#age(nowMs);
    this.#bad++;
    this.#faultsInARow++;
    this.#lastFaultMs = nowMs;
    this.#rest(nowMs);
  }

  /** Should be left alone after faults. The first request after the rest is a probe: until it is answered, others stay away. */
  resting(nowMs: number): boolean {
    return nowMs < this.#restUntilMs;
  }

  /** Its last word was a fault, not long ago. */
  failing(nowMs: number): boolean {
    return this.#faultsInARow > 0 && nowMs - this.#lastFaultMs < FAULT_STALE_MS;
  }

  /** Told that a request goes to it. */
  asked(nowMs: number): void {
    if (this.#faultsInARow > 0) this.#rest(nowMs);
  }

  /** Whether it may be trusted with what needs the newest block. */
  get current(): boolean {
    return !this.lagging && !this.disagreeing;
  }

  /** 0 to 1: the share of requests it answers, squared, halved for every quarter of a second that it takes. Without `method` the latency is left out. */
  score(nowMs: number, method?: string): number {
    this.#age(nowMs);
    const answers = (this.#good + PRIOR_GOOD) / (this.#good + this.#bad + PRIOR_GOOD);
    const latencies = method === undefined ? undefined : this.#latencies.get(method);
    const latencyMs = latencies === undefined || latencies.stale(nowMs) ? 0 : latencies.averageMs;
    return (answers * answers) / (1 + latencyMs / HALF_SCORE_MS);
  }

  /** 95th percentile of the method's latest latencies in milliseconds; null while there are too few. */
  p95(method: string): number | null {
    return this.#latencies.get(method)?.p95 ?? null;
  }

  #rest(nowMs: number): void {
    this.#restUntilMs = nowMs + Math.min(LONGEST_REST_MS, FIRST_REST_MS * 2 ** (this.#faultsInARow - 1));
  }

  #age(nowMs: number): void {
    const factor = this.#atMs === Number.NEGATIVE_INFINITY ? 1 : 0.5 ** ((nowMs - this.#atMs) / MEMORY_MS);
    this.#good *= factor;
    this.#bad *= factor;
    this.#atMs = nowMs;
  }

  #latenciesOf(method: string): Latencies {
    let found = this.#latencies.get(method);
    if (found === undefined) {
      found = new Latencies();
      this.#latencies.set(method, found);
    }
    return found;
  }
}
