/** For tests of whatever talks to a node: a real server on a loopback port, over HTTP and WebSocket, whose answers the test writes. */

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import type { Clock } from "#libs/evm/clock.ts";

/** A clock that stands until the test moves it. */
export class FakeClock implements Clock {
  #nowMs = 0;
  #timers: { readonly atMs: number; readonly call: () => void }[] = [];

  now(): number {
    return this.#nowMs;
  }

  after(delayMs: number, call: () => void): () => void {
    const timer = { atMs: this.#nowMs + delayMs, call };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Timers that are due meanwhile run at their time, the earliest first. */
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      const next = this.#timers.toSorted((left, right) => left.atMs - right.atMs)[0];
      if (next === undefined || next.atMs > untilMs) break;
      this.#timers = this.#timers.filter((other) => other !== next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.call();
    }
    this.#nowMs = untilMs;
  }
}

/** Thrown by a test's answer: the node understands and refuses. */
export class Refusal extends Error {
  readonly code: number;
  readonly data: unknown;
  constructor(message: string, code = -32_000, data?: unknown) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

/** Returned by a test's answer: these very bytes instead of JSON-RPC. */
export class Raw {
  readonly text: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  constructor(text: string, status = 200, headers: Readonly<Record<string, string>> = {}) {
    this.text = text;
    this.status = status;
    this.headers = headers;
  }
}

export interface RpcServer {
  readonly url: string;
  readonly wsUrl: string;
  /** Every request so far, oldest first. */
  readonly requests: { readonly method: string; readonly params: readonly unknown[] }[];
  /** How many calls each HTTP batch had. */
  readonly batches: readonly number[];
  /** The authorization header of each HTTP request. */
  readonly authorizations: readonly (string | undefined)[];
  readonly sockets: ReadonlySet<WebSocket>;
  /** Tells every socket about an event of a subscription. */
  notify(subscription: string, result: unknown): void;
  /** From now on: what a batch is refused with, if it is. */
  refuseBatches(refusal: (calls: readonly RawRequest[]) => Raw | null): void;
  /** Calls when a client has hung up on a request that was not answered. */
  onGivenUp(call: () => void): void;
  /** Cuts every connection without a goodbye. */
  dropSockets(): void;
  close(): Promise<void>;
}

interface RawRequest {
  readonly id: number;
  readonly method: string;
  readonly params: readonly unknown[];
}

export async function startRpcServer(answer: (method: string, params: readonly unknown[]) => unknown): Promise<RpcServer> {
  let refuseBatch: (calls: readonly RawRequest[]) => Raw | null = () => null;
  let givenUp: () => void = () => {};
  const requests: { method: string; params: readonly unknown[] }[] = [];
  const batches: number[] = [];
  const authorizations: (string | undefined)[] = [];
  async function respond(text: string): Promise<Raw> {
    const asked = JSON.parse(text) as RawRequest | RawRequest[];
    if (!Array.isArray(asked)) return respondTo(asked);
    batches.push(asked.length);
    const refusal = refuseBatch(asked);
    if (refusal !== null) return refusal;
    const answers = await Promise.all(asked.map(respondTo));
    // In any order: the ids say which is whose.
    return new Raw(
      `[${answers
        .map(({ text }) => text)
        .toReversed()
        .join(",")}]`,
    );
  }
  async function respondTo({ id, method, params }: RawRequest): Promise<Raw> {
    requests.push({ method, params });
    try {
      const result = await answer(method, params);
      return result instanceof Raw ? result : new Raw(JSON.stringify({ jsonrpc: "2.0", id, result }));
    } catch (cause) {
      const { message, code, data } = cause as Refusal;
      return new Raw(JSON.stringify({ jsonrpc: "2.0", id, error: { code, message, data } }));
    }
  }
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    authorizations.push(request.headers.authorization);
    response.on("close", () => {
      if (!response.writableEnded) givenUp();
    });
    const { text, status, headers } = await respond(body);
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(text);
  });
  const sockets = new Set<WebSocket>();
  const webSockets = new WebSocketServer({ server });
  webSockets.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("message", async (data) => socket.send((await respond(String(data))).text));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const dropSockets = () => {
    for (const socket of sockets) socket.terminate();
  };
  return {
    url: `http://127.0.0.1:${port}`,
    wsUrl: `ws://127.0.0.1:${port}`,
    requests,
    batches,
    authorizations,
    sockets,
    notify(subscription, result) {
      for (const socket of sockets)
        socket.send(JSON.stringify({ jsonrpc: "2.0", method: "eth_subscription", params: { subscription, result } }));
    },
    refuseBatches(refusal) {
      refuseBatch = refusal;
    },
    onGivenUp(call) {
      givenUp = call;
    },
    dropSockets,
    async close() {
      dropSockets();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
