import WebSocket from "ws";
import { Budget, type EndpointInput } from "#libs/evm/budget.ts";
import type { Purpose } from "#libs/evm/purpose.ts";
import { RpcError } from "#libs/evm/rpc-error.ts";
import { metrics } from "#libs/telemetry/metrics.ts";
import { RetryableError, UserError } from "#libs/units/invariant.ts";

export { RpcError };

/** An answer later than this belongs to a block that has passed. */
const DEFAULT_TIMEOUT_MS = 10_000;
/** A subscription that announces nothing for so many polling intervals (five block times) may be dead: a lost network closes no socket. */
const SILENT_POLLS = 20;
const RECONNECT_MS = [100, 250, 500, 1_000, 2_000, 5_000] as const;

/** The endpoint answers, but wants to be asked less. */
export class RateLimitedError extends RetryableError {
  /** For how long it wants to be left alone, where it says so. */
  readonly retryAfterMs: number | null;
  constructor(message: string, retryAfterMs: number | null) {
    super("rpc-rate-limited", message);
    this.retryAfterMs = retryAfterMs;
  }
}

/** The answer to a batch that has more in it than the endpoint takes. */
class BatchTooLargeError extends Error {}

interface Answer {
  id?: number | null;
  result?: unknown;
  error?: { code: number; message: string; data?: unknown };
  method?: string;
  params?: { subscription: string; result: unknown };
}

export interface Call {
  readonly method: string;
  readonly params: readonly unknown[];
}

export interface HeadOptions {
  readonly pollMs: number;
  readonly onFault: (cause: Error) => void;
}

/** A chain to ask, through one endpoint or several. */
export interface Rpc {
  /** The node's answer as it wrote it. Transport faults throw `RetryableError`, refusals throw `RpcError`. */
  send<Result>(method: string, params?: readonly unknown[]): Promise<Result>;
  /** Many small reads at once, in as few requests as the endpoint takes. Answers in the order of the calls; throws for the first that was refused. */
  batch<Result>(calls: readonly Call[]): Promise<Result[]>;
  /** Calls back with each new head's header; returns how to stop. Heads may be announced twice or skipped: the caller walks parents. */
  followHeads(onHead: (header: unknown) => void, options: HeadOptions): () => void;
  /** Blocks that one eth_getLogs may ask for, where that is known. */
  readonly maxLogRange?: number;
  close(): Promise<void>;
}

export interface SendOptions {
  readonly signal?: AbortSignal | undefined;
  /** What the request is for, where it is not what the client is for. */
  readonly purpose?: Purpose | undefined;
}

/** Geth, Erigon, Nethermind, Besu, Reth: the endpoint does not have the block that is asked about. Another may. */
export const NO_SUCH_BLOCK =
  /(header|block|state).{0,40}not (found|available)|unknown block|missing trie node|not yet available|historical state/i;
/** What providers say instead of HTTP 429 where they answer in JSON, and nodes when a filter finds too much do not say. */
const RATE_LIMITED = /rate.?limit|too many requests|(requests?|units?|calls) per (second|minute|day)|request limit|throughput/i;
/** Geth, Nethermind, Besu, Erigon, jsonrpsee and providers: each in its own words, all with one of these. */
const TOO_LARGE = /batch|too (large|big)/i;
const PARALLEL_BATCHES = 4;

/**
 * A JSON-RPC client of one endpoint, over HTTP or WebSocket by its scheme. Answers come back as the node wrote them: hot paths have their own
 * codecs. Transport faults throw `RetryableError`, refusals throw `RpcError`. Every request is admitted by the endpoint's budget, paid for, and counted by
 * method, purpose and outcome.
 */
export class RpcClient implements Rpc {
  readonly url: string;
  readonly budget: Budget;
  readonly #purpose: Purpose;
  readonly #timeoutMs: number;
  readonly #clean: (text: string) => string;
  readonly #target: { readonly url: string; readonly headers: Readonly<Record<string, string>> };
  #socket: WebSocket | null = null;
  #opening: Promise<WebSocket> | null = null;
  #nextId = 1;
  readonly #waiting = new Map<number, { resolve: (answer: Answer) => void; reject: (cause: Error) => void }>();
  readonly #listeners = new Map<string, (result: unknown) => void>();

  constructor(
    endpoint: EndpointInput,
    chain: string,
    options: { readonly timeoutMs?: number; readonly purpose?: Purpose | undefined; readonly budget?: Budget } = {},
  ) {
    const config = typeof endpoint === "string" ? { url: endpoint } : endpoint;
    this.url = config.url;
    this.budget = options.budget ?? new Budget(chain, config);
    this.#purpose = options.purpose ?? "other";
    this.#timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.#clean = cleanerOf(config.url);
    this.#target = targetOf(config.url);
  }

  get maxLogRange(): number {
    return this.budget.maxLogRange;
  }

  async send<Result>(method: string, params: readonly unknown[] = [], options: SendOptions = {}): Promise<Result> {
    const purpose = options.purpose ?? this.#purpose;
    const turn = this.#turn([method], purpose, options.signal);
    if (turn !== undefined) await turn;
    return this.#sendNow(method, params, purpose, options.signal);
  }

  /** Undefined, and nothing sent, when the endpoint's rate is used up. */
  trySend<Result>(method: string, params: readonly unknown[], options: SendOptions = {}): Promise<Result> | undefined {
    const purpose = options.purpose ?? this.#purpose;
    const admitted = this.budget.admission.tryAdmit({ purpose, requests: 1, units: this.budget.unitsOf(method) });
    return admitted ? this.#sendNow(method, params, purpose, options.signal) : undefined;
  }

  /**
   * In JSON-RPC batches over HTTP, as large as the endpoint takes: one that it refuses as too large is halved, and so are all that follow. Over WebSocket one by
   * one without waiting for answers. The node may execute the calls in any order.
   */
  async batch<Result>(calls: readonly Call[], options: SendOptions = {}): Promise<Result[]> {
    const purpose = options.purpose ?? this.#purpose;
    if (this.url.startsWith("ws"))
      return Promise.all(calls.map(({ method, params }) => this.send<Result>(method, params, { ...options, purpose })));
    const answers = new Array<Result>(calls.length);
    const parts: { readonly from: number; readonly to: number }[] = [{ from: 0, to: calls.length }];
    const work = async () => {
      for (let part = parts.shift(); part !== undefined; part = parts.shift()) {
        const to = Math.min(part.to, part.from + this.budget.maxBatch);
        if (to < part.to) parts.unshift({ from: to, to: part.to });
        const { from } = part;
        if (to === from) continue;
        try {
          const found = await this.#batchOnce<Result>(calls.slice(from, to), purpose, options.signal);
          for (const [index, answer] of found.entries()) answers[from + index] = answer;
        } catch (cause) {
          if (!(cause instanceof BatchTooLargeError)) {
            parts.length = 0;
            throw cause;
          }
          this.budget.maxBatch = Math.max(1, Math.min(this.budget.maxBatch, Math.floor((to - from) / 2)));
          parts.unshift({ from, to });
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(PARALLEL_BATCHES, Math.ceil(calls.length / this.budget.maxBatch)) }, work));
    return answers;
  }

  /** Throws `BatchTooLargeError` for more than one call that is too much at once. */
  async #batchOnce<Result>(calls: readonly Call[], purpose: Purpose, signal: AbortSignal | undefined): Promise<Result[]> {
    const [first] = calls;
    // Some endpoints take no batches at all.
    if (calls.length === 1 && first !== undefined) return [await this.send<Result>(first.method, first.params, { purpose, signal })];
    const turn = this.#turn(
      calls.map(({ method }) => method),
      purpose,
      signal,
    );
    if (turn !== undefined) await turn;
    const firstId = this.#nextId;
    this.#nextId += calls.length;
    const body = JSON.stringify(calls.map(({ method, params }, index) => ({ jsonrpc: "2.0", id: firstId + index, method, params })));
    for (const { method } of calls) this.budget.charge(method, purpose);
    const startedMs = this.budget.clock.now();
    const outcomes = new Array<string>(calls.length).fill("fault");
    try {
      const said = await this.#post<Answer[] | Answer>("batch", body, signal);
      const wrong = Array.isArray(said)
        ? said.find(({ error }) => error !== undefined && TOO_LARGE.test(error.message))?.error
        : said.error;
      if (wrong !== undefined && TOO_LARGE.test(wrong.message)) throw new BatchTooLargeError(wrong.message);
      if (wrong !== undefined || !Array.isArray(said)) throw this.#refusal("batch", wrong ?? { code: -32_603, message: "no answers" });
      const answers = new Map(said.map((answer) => [answer.id, answer]));
      let failure: Error | null = null;
      const results = calls.map(({ method }, index) => {
        const answer = answers.get(firstId + index);
        if (answer === undefined) failure ??= new RetryableError("rpc-unanswered", `${method}: no answer in the batch`);
        else if (answer.error !== undefined) {
          const refusal = this.#refusal(method, answer.error);
          outcomes[index] = refusal instanceof RpcError ? "refused" : "limited";
          // One that is worth repeating stands for all: the caller repeats the whole.
          if (failure === null || (refusal instanceof RateLimitedError && failure instanceof RpcError)) failure = refusal;
        } else outcomes[index] = "ok";
        return answer?.result as Result;
      });
      if (failure !== null) throw failure;
      this.budget.succeeded("batch", this.budget.clock.now() - startedMs);
      return results;
    } catch (cause) {
      this.#observe("batch", cause, this.budget.clock.now() - startedMs, signal);
      throw cause;
    } finally {
      for (const [index, { method }] of calls.entries()) this.#count(method, purpose, outcomes[index] as string);
    }
  }

  /** Undefined when it may go now. */
  #turn(methods: readonly string[], purpose: Purpose, signal: AbortSignal | undefined): Promise<void> | undefined {
    const units = methods.reduce((sum, method) => sum + this.budget.unitsOf(method), 0);
    const turn = this.budget.admission.admit({ purpose, requests: methods.length, units, signal });
    if (turn === undefined) return undefined;
    const end = metrics.rpcWaitSeconds.startTimer({ chain: this.budget.chain, endpoint: this.budget.name, purpose });
    return turn.finally(end);
  }

  #count(method: string, purpose: Purpose, outcome: string): void {
    metrics.rpcRequests.inc({ chain: this.budget.chain, endpoint: this.budget.name, method, purpose, outcome });
  }

  async #sendNow<Result>(method: string, params: readonly unknown[], purpose: Purpose, signal: AbortSignal | undefined): Promise<Result> {
    this.budget.charge(method, purpose);
    const startedMs = this.budget.clock.now();
    let outcome = "ok";
    try {
      const answer = await this.#exchange(method, params, signal);
      if (answer.error !== undefined) throw this.#refusal(method, answer.error);
      this.budget.succeeded(method, this.budget.clock.now() - startedMs);
      return answer.result as Result;
    } catch (cause) {
      outcome = this.#observe(method, cause, this.budget.clock.now() - startedMs, signal);
      throw cause;
    } finally {
      metrics.rpcSeconds.observe(
        { chain: this.budget.chain, endpoint: this.budget.name, method },
        (this.budget.clock.now() - startedMs) / 1_000,
      );
      this.#count(method, purpose, outcome);
    }
  }

  /** What a failure says of the endpoint. */
  #observe(method: string, cause: unknown, ms: number, signal: AbortSignal | undefined): "refused" | "limited" | "abandoned" | "fault" {
    if (signal?.aborted) {
      this.budget.health.abandoned(method, ms, this.budget.clock.now());
      return "abandoned";
    }
    if (cause instanceof RpcError || cause instanceof BatchTooLargeError) {
      this.budget.succeeded(method, ms);
      return "refused";
    }
    if (cause instanceof RateLimitedError) {
      this.budget.limited(cause.retryAfterMs);
      return "limited";
    }
    this.budget.health.failed(this.budget.clock.now());
    return "fault";
  }

  #refusal(method: string, error: { code: number; message: string; data?: unknown }): RpcError | RateLimitedError {
    const message = this.#clean(String(error.message));
    return error.code === 429 || RATE_LIMITED.test(message)
      ? new RateLimitedError(`${method}: ${this.budget.name}: ${message}`, null)
      : new RpcError(method, { ...error, message });
  }

  async #exchange(method: string, params: readonly unknown[], signal?: AbortSignal): Promise<Answer> {
    const id = this.#nextId++;
    const request = JSON.stringify({ jsonrpc: "2.0", id, method, params });
    return this.url.startsWith("ws") ? this.#overSocket(id, method, request, signal) : this.#post<Answer>(method, request, signal);
  }

  async #post<Result>(method: string, body: string, signal?: AbortSignal): Promise<Result> {
    const timeout = AbortSignal.timeout(this.#timeoutMs);
    const { url, headers } = this.#target;
    try {
      const response = await fetch(url, {
        method: "POST",
        headers,
        body,
        signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
      });
      const text = await response.text();
      if (response.status === 429)
        throw new RateLimitedError(`${method}: HTTP 429 from ${originOf(this.url)}`, retryAfterMs(response.headers.get("retry-after")));
      if (response.status === 413 && method === "batch") throw new BatchTooLargeError("HTTP 413");
      if (!response.ok && !/^[{[]/.test(text))
        throw new RetryableError("rpc-http-status", `${method}: HTTP ${response.status} from ${originOf(this.url)}`);
      return JSON.parse(text) as Result;
    } catch (cause) {
      if (cause instanceof RetryableError || cause instanceof BatchTooLargeError) throw cause;
      throw this.#fault("rpc-unreachable", `${method}: no answer from ${originOf(this.url)}`, cause);
    }
  }

  /** Without the cause itself: what the runtime says of a request may have its URL in it. */
  #fault(code: string, what: string, cause: unknown): RetryableError {
    return new RetryableError(code, `${what}: ${this.#clean(reasonOf(cause))}`);
  }

  async #overSocket(id: number, method: string, body: string, signal?: AbortSignal): Promise<Answer> {
    const socket = await this.#open();
    return new Promise<Answer>((resolve, reject) => {
      const onAbort = () => this.#waiting.get(id)?.reject(new RetryableError("rpc-aborted", `${method}: given up`));
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new RetryableError("rpc-timeout", `${method}: no answer from ${originOf(this.url)} within ${this.#timeoutMs} ms`));
      }, this.#timeoutMs);
      const settle = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
        this.#waiting.delete(id);
      };
      this.#waiting.set(id, {
        resolve: (answer) => {
          settle();
          resolve(answer);
        },
        reject: (cause) => {
          settle();
          reject(cause);
        },
      });
      if (signal?.aborted) return onAbort();
      signal?.addEventListener("abort", onAbort, { once: true });
      socket.send(body);
    });
  }

  #open(): Promise<WebSocket> {
    if (this.#socket?.readyState === WebSocket.OPEN) return Promise.resolve(this.#socket);
    this.#opening ??= new Promise<WebSocket>((resolve, reject) => {
      const socket = new WebSocket(this.url, { handshakeTimeout: this.#timeoutMs, maxPayload: 256 * 1024 * 1024 });
      socket.once("open", () => {
        this.#socket = socket;
        this.#opening = null;
        resolve(socket);
      });
      socket.on("message", (text) => this.#onMessage(socket, String(text)));
      socket.once("error", (cause) => {
        this.#opening = null;
        reject(this.#fault("rpc-unreachable", `no connection to ${originOf(this.url)}`, cause));
      });
      socket.once("close", () => {
        this.#opening = null;
        const fault = new RetryableError("rpc-closed", `${originOf(this.url)} closed the connection`);
        for (const waiter of [...this.#waiting.values()]) waiter.reject(fault);
      });
    });
    return this.#opening;
  }

  #onMessage(socket: WebSocket, text: string): void {
    let answer: Answer;
    try {
      answer = JSON.parse(text) as Answer;
    } catch {
      // Whose answer it was cannot be told, so whatever waits on this socket starts again on another.
      socket.terminate();
      return;
    }
    if (answer.method === "eth_subscription" && answer.params !== undefined)
      this.#listeners.get(answer.params.subscription)?.(answer.params.result);
    else if (typeof answer.id === "number") this.#waiting.get(answer.id)?.resolve(answer);
  }

  /**
   * Calls back with each new head's header as the node announces it: by subscription over WebSocket, by polling over HTTP. Comes back by itself
   * after a lost connection, and then calls back with the present head. Heads may be announced twice or skipped: the caller walks parents.
   */
  followHeads(onHead: (header: unknown) => void, options: HeadOptions): () => void {
    let stopped = false;
    let timer: NodeJS.Timeout | undefined;
    let watch: NodeJS.Timeout | undefined;
    let faults = 0;
    let lastHeadMs = 0;
    let unsubscribe: () => void = () => {};
    // One attempt at a time: a lost socket is noticed by its closing and by whatever was asked over it.
    const again = (delayMs: number) => {
      clearTimeout(timer);
      if (!stopped) timer = setTimeout(run, delayMs);
    };
    const announce = (header: unknown) => {
      if (stopped) return;
      lastHeadMs = performance.now();
      onHead(header);
    };
    const purpose = { purpose: "heads" } as const;
    const ask = async () => announce(await this.send("eth_getBlockByNumber", ["latest", false], purpose));
    const follow = (subscription: string, socket: WebSocket) => {
      const silenceMs = SILENT_POLLS * options.pollMs;
      this.#listeners.set(subscription, (header) => {
        announce(header);
        // Providers bill each announcement too.
        this.budget.charge("eth_subscription", "heads");
      });
      watch = setInterval(() => {
        if (performance.now() - lastHeadMs < silenceMs) return;
        ask().catch((cause: Error) => {
          if (!stopped) options.onFault(cause);
          socket.terminate();
        });
      }, silenceMs);
      socket.once("close", () => {
        clearInterval(watch);
        this.#listeners.delete(subscription);
        again(RECONNECT_MS[0]);
      });
      unsubscribe = () => {
        this.#listeners.delete(subscription);
        if (socket.readyState === WebSocket.OPEN) this.send("eth_unsubscribe", [subscription], purpose).catch(() => {});
      };
    };
    const run = async () => {
      let socket: WebSocket | null = null;
      try {
        await ask();
        faults = 0;
        if (!this.url.startsWith("ws")) return again(options.pollMs);
        const subscription = await this.send<string>("eth_subscribe", ["newHeads"], purpose);
        socket = this.#socket;
        if (stopped || socket === null) return;
        follow(subscription, socket);
        // A head that came between the first answer and the subscription is caught by asking once more.
        await ask();
      } catch (cause) {
        if (stopped) return;
        options.onFault(cause as Error);
        again(RECONNECT_MS[Math.min(faults++, RECONNECT_MS.length - 1)] ?? 5_000);
        // What was subscribed on it would be announced beside what the next attempt subscribes.
        socket?.terminate();
      }
    };
    void run();
    return () => {
      stopped = true;
      clearTimeout(timer);
      clearInterval(watch);
      unsubscribe();
    };
  }

  async close(): Promise<void> {
    this.#socket?.close();
    this.#socket = null;
  }
}

/** Where an endpoint is, without the key that its path often carries. */
export function originOf(url: string): string {
  try {
    return new URL(url).origin;
  } catch {
    return "an endpoint that is no URL";
  }
}

function reasonOf(cause: unknown): string {
  const error = cause as Error & { cause?: { code?: unknown; message?: string }; code?: unknown };
  // Only words: the numeric code of a DOMException (a timeout is 23) says nothing to anybody.
  const code = [error.cause?.code, error.code].find((each) => typeof each === "string");
  return (code as string | undefined) ?? error.cause?.message ?? error.message;
}

/** Milliseconds of an HTTP Retry-After, in either of its forms (RFC 9110, 10.2.3). */
function retryAfterMs(header: string | null): number | null {
  if (header === null) return null;
  const seconds = Number(header);
  const ms = Number.isNaN(seconds) ? Date.parse(header) - Date.now() : seconds * 1_000;
  return Number.isNaN(ms) ? null : Math.max(0, ms);
}

/** Takes out of a text what of a URL may be a key: its user, its query, and the longer parts of its path. */
function cleanerOf(url: string): (text: string) => string {
  if (!URL.canParse(url)) return (text) => text.replaceAll(url, "…");
  const { pathname, searchParams, username, password } = new URL(url);
  const secrets = [...pathname.split("/").filter((part) => part.length >= 8), ...searchParams.values(), username, password].filter(
    (part) => part.length >= 4,
  );
  return (text) => secrets.reduce((cleaned, secret) => cleaned.replaceAll(secret, "…"), text);
}

/** fetch takes no user in a URL: it becomes the header that it stands for. */
function targetOf(url: string): { readonly url: string; readonly headers: Readonly<Record<string, string>> } {
  const headers = { "content-type": "application/json" };
  if (!URL.canParse(url)) return { url, headers };
  const parsed = new URL(url);
  if (parsed.username === "" && parsed.password === "") return { url, headers };
  const user = `${decodeURIComponent(parsed.username)}:${decodeURIComponent(parsed.password)}`;
  parsed.username = "";
  parsed.password = "";
  return { url: parsed.href, headers: { ...headers, authorization: `Basic ${Buffer.from(user).toString("base64")}` } };
}

/** Asks an endpoint who it is. Throws `UserError` for one that serves another chain, `RetryableError` for one that cannot be reached. */
export async function checkChainId(client: RpcClient, chain: { readonly key: string; readonly chainId: number }): Promise<void> {
  const answer = Number(await client.send<string>("eth_chainId"));
  if (answer !== chain.chainId) {
    throw new UserError(
      `chain ${chain.key} has chain id ${chain.chainId}, but ${originOf(client.url)} serves chain id ${answer}`,
      "give an endpoint of the right chain, or choose another --chain",
    );
  }
}
