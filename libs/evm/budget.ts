import { Admission } from "#libs/evm/admission.ts";
import { type Clock, monotonic } from "#libs/evm/clock.ts";
import { Health } from "#libs/evm/health.ts";
import type { Purpose } from "#libs/evm/purpose.ts";
import { Spend } from "#libs/evm/spend.ts";
import { beforeScrape, metrics } from "#libs/telemetry/metrics.ts";

/** One endpoint of a chain, as the configuration has it (chains.<key>.rpc). */
export interface EndpointConfig {
  readonly url: string;
  /** What metrics and logs call it. Default: the URL's host, for paths and queries hold keys. */
  readonly name?: string | undefined;
  readonly requestsPerSecond?: number | undefined;
  readonly unitsPerSecond?: number | undefined;
  /** Units (the provider's word: compute units, credits) that a call of a method costs; `default` for those not listed. Default: 1. */
  readonly unitsByMethod?: Readonly<Record<string, number>> | undefined;
  /** US dollars. */
  readonly pricePerMillionUnits?: number | undefined;
  /** Calls in one JSON-RPC batch. */
  readonly maxBatch?: number | undefined;
  /** Blocks in one eth_getLogs. */
  readonly maxLogRange?: number | undefined;
}

/** As the configuration has it: a URL alone, or with what is known of it. */
export type EndpointInput = string | EndpointConfig;

/** What the stricter of the common nodes take (Erigon: 100; Geth: 1,000). */
const DEFAULT_MAX_BATCH = 100;
/** A rate limit that does not say for how long: doubling with each that follows without an answer in between. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

/** Where an endpoint is, without the key that its path, query or user often carries. */
export function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : "no-url";
}

/** What this process may ask of one endpoint, what it has asked, and how well that was answered. */
export class Budget {
  readonly chain: string;
  readonly name: string;
  readonly clock: Clock;
  readonly admission: Admission;
  readonly health = new Health();
  readonly maxLogRange: number;
  /** Falls when the endpoint refuses a batch as too large. */
  maxBatch: number;
  readonly #config: EndpointConfig;
  readonly #spend: Spend;
  #limitsInARow = 0;

  constructor(chain: string, config: EndpointConfig, clock: Clock = monotonic) {
    this.chain = chain;
    this.name = config.name ?? hostOf(config.url);
    this.clock = clock;
    this.#config = config;
    this.admission = new Admission(this.name, config, clock);
    this.#spend = new Spend(clock.now());
    this.maxBatch = config.maxBatch ?? DEFAULT_MAX_BATCH;
    this.maxLogRange = config.maxLogRange ?? Number.POSITIVE_INFINITY;
  }

  unitsOf(method: string): number {
    const units = this.#config.unitsByMethod;
    return units === undefined ? 1 : (units[method] ?? units.default ?? 1);
  }

  /** What was sent is paid for, whatever the answer. */
  charge(method: string, purpose: Purpose): void {
    const units = this.unitsOf(method);
    this.#spend.add(units, this.clock.now());
    metrics.rpcUnits.inc({ chain: this.chain, endpoint: this.name, method, purpose }, units);
  }

  succeeded(method: string, ms: number): void {
    this.#limitsInARow = 0;
    this.health.succeeded(method, ms, this.clock.now());
  }

  /** The endpoint wants less. `retryAfterMs`: for how long, where it says so. */
  limited(retryAfterMs: number | null): void {
    const pauseMs = retryAfterMs ?? FIRST_PAUSE_MS * 2 ** this.#limitsInARow;
    this.#limitsInARow++;
    this.admission.pause(Math.min(LONGEST_PAUSE_MS, pauseMs));
  }

  /** 0 while it fails or its heads cannot be trusted, else as `Health.score`. */
  score(): number {
    const nowMs = this.clock.now();
    return this.health.current && !this.health.failing(nowMs) ? this.health.score(nowMs) : 0;
  }

  costUsdPerDay(): number | null {
    const price = this.#config.pricePerMillionUnits;
    return price === undefined ? null : (this.#spend.unitsPerDay(this.clock.now()) * price) / 1e6;
  }
}

/** A provider counts by key, not by actor: all clients of an endpoint in this process share what it allows. */
const shared = new Map<string, Budget>();

export function sharedBudget(chain: string, config: EndpointConfig, clock: Clock = monotonic): Budget {
  const key = `${chain} ${config.url}`;
  let found = shared.get(key);
  if (found === undefined) {
    found = new Budget(chain, config, clock);
    shared.set(key, found);
  }
  return found;
}

beforeScrape(() => {
  for (const budget of shared.values()) {
    const labels = { chain: budget.chain, endpoint: budget.name };
    metrics.rpcEndpointScore.set(labels, budget.score());
    metrics.rpcWaiting.set(labels, budget.admission.waiting);
    const cost = budget.costUsdPerDay();
    if (cost !== null) metrics.rpcCostUsdPerDay.set(labels, cost);
  }
});
