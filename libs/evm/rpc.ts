import WebSocket from "ws";
import { metrics } from "#libs/telemetry/metrics.ts";
import { RetryableError, UserError } from "#libs/units/invariant.ts";

/** An answer later than this belongs to a block that has passed. */
const DEFAULT_TIMEOUT_MS = 10_000;
/** A subscription that announces nothing for so many polling intervals (five block times) may be dead: a lost network closes no socket. */
const SILENT_POLLS = 20;
const RECONNECT_MS = [100, 250, 500, 1_000, 2_000, 5_000] as const;

/** The node understood the request and refused it: reverted calls, unknown blocks, bad parameters. */
export class RpcError extends Error {
  override name = "RpcError";
  readonly code: number;
  readonly data: unknown;
  constructor(method: string, error: { code: number; message: string; data?: unknown }) {
    super(`${method}: ${error.message}`);
    this.code = error.code;
    this.data = error.data;
  }
}

interface Answer {
  id?: number;
  result?: unknown;
  error?: { code: number; message: string; data?: unknown };
  method?: string;
  params?: { subscription: string; result: unknown };
}

export interface HeadOptions {
  readonly pollMs: number;
  readonly onFault: (cause: Error) => void;
}

/** A chain to ask, through one endpoint or several. */
export interface Rpc {
  /** The node's answer as it wrote it. Transport faults throw `RetryableError`, refusals throw `RpcError`. */
  send<Result>(method: string, params?: readonly unknown[]): Promise<Result>;
  /** Calls back with each new head's header; returns how to stop. Heads may be announced twice or skipped: the caller walks parents. */
  followHeads(onHead: (header: unknown) => void, options: HeadOptions): () => void;
  close(): Promise<void>;
}

/**
 * A JSON-RPC client of one endpoint, over HTTP or WebSocket by its scheme. Answers come back as the node wrote them: hot paths have their own
 * codecs. Transport faults throw `RetryableError`, refusals throw `RpcError`. Every request is counted by method and outcome.
 */
export class RpcClient implements Rpc {
  readonly url: string;
  readonly #chain: string;
  readonly #timeoutMs: number;
  #socket: WebSocket | null = null;
  #opening: Promise<WebSocket> | null = null;
  #nextId = 1;
  readonly #waiting = new Map<number, { resolve: (answer: Answer) => void; reject: (cause: Error) => void }>();
  readonly #listeners = new Map<string, (result: unknown) => void>();

  constructor(url: string, chain: string, options: { readonly timeoutMs?: number } = {}) {
    this.url = url;
    this.#chain = chain;
    this.#timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  }

  async send<Result>(method: string, params: readonly unknown[] = [], signal?: AbortSignal): Promise<Result> {
    const labels = { chain: this.#chain, method };
    const end = metrics.rpcSeconds.startTimer(labels);
    let outcome = "fault";
    try {
      const answer = await this.#exchange(method, params, signal);
      if (answer.error !== undefined) {
        outcome = "refused";
        throw new RpcError(method, answer.error);
      }
      outcome = "ok";
      return answer.result as Result;
    } finally {
      end();
      metrics.rpcRequests.inc({ ...labels, outcome });
    }
  }

  /** Answers in the order of the calls, over HTTP only. The node may execute them in any order. Throws for the first that was refused. */
  async batch<Result>(calls: readonly { readonly method: string; readonly params: readonly unknown[] }[]): Promise<Result[]> {
    if (calls.length === 0) return [];
    const firstId = this.#nextId;
    this.#nextId += calls.length;
    const body = JSON.stringify(calls.map(({ method, params }, index) => ({ jsonrpc: "2.0", id: firstId + index, method, params })));
    const answers = new Map((await this.#post<Answer[]>("batch", body)).map((answer) => [answer.id, answer]));
    return calls.map(({ method }, index) => {
      const answer = answers.get(firstId + index);
      const outcome = answer === undefined ? "fault" : answer.error === undefined ? "ok" : "refused";
      metrics.rpcRequests.inc({ chain: this.#chain, method, outcome });
      if (answer === undefined) throw new RetryableError("rpc-unanswered", `${method}: no answer in the batch`);
      if (answer.error !== undefined) throw new RpcError(method, answer.error);
      return answer.result as Result;
    });
  }

  async #exchange(method: string, params: readonly unknown[], signal?: AbortSignal): Promise<Answer> {
    const id = this.#nextId++;
    const request = JSON.stringify({ jsonrpc: "2.0", id, method, params });
    return this.url.startsWith("ws") ? this.#overSocket(id, method, request) : this.#post<Answer>(method, request, signal);
  }

  async #post<Result>(method: string, body: string, signal?: AbortSignal): Promise<Result> {
    const timeout = AbortSignal.timeout(this.#timeoutMs);
    try {
      const response = await fetch(this.url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body,
        signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
      });
      const text = await response.text();
      if (!response.ok && !/^[{[]/.test(text))
        throw new RetryableError("rpc-http-status", `${method}: HTTP ${response.status} from ${originOf(this.url)}`);
      return JSON.parse(text) as Result;
    } catch (cause) {
      if (cause instanceof RetryableError) throw cause;
      throw new RetryableError("rpc-unreachable", `${method}: no answer from ${originOf(this.url)}: ${reasonOf(cause)}`, { cause });
    }
  }

  async #overSocket(id: number, method: string, body: string): Promise<Answer> {
    const socket = await this.#open();
    return new Promise<Answer>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new RetryableError("rpc-timeout", `${method}: no answer from ${originOf(this.url)} within ${this.#timeoutMs} ms`));
      }, this.#timeoutMs);
      const settle = () => {
        clearTimeout(timer);
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
        reject(new RetryableError("rpc-unreachable", `no connection to ${originOf(this.url)}: ${reasonOf(cause)}`, { cause }));
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
    else if (answer.id !== undefined) this.#waiting.get(answer.id)?.resolve(answer);
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
    const ask = async () => announce(await this.send("eth_getBlockByNumber", ["latest", false]));
    const follow = (subscription: string, socket: WebSocket) => {
      const silenceMs = SILENT_POLLS * options.pollMs;
      this.#listeners.set(subscription, announce);
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
        if (socket.readyState === WebSocket.OPEN) this.send("eth_unsubscribe", [subscription]).catch(() => {});
      };
    };
    const run = async () => {
      let socket: WebSocket | null = null;
      try {
        await ask();
        faults = 0;
        if (!this.url.startsWith("ws")) return again(options.pollMs);
        const subscription = await this.send<string>("eth_subscribe", ["newHeads"]);
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
