/** For tests of whatever talks to a node: a real server on a loopback port, over HTTP and WebSocket, whose answers the test writes. */

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";

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
  constructor(text: string, status = 200) {
    this.text = text;
    this.status = status;
  }
}

export interface RpcServer {
  readonly url: string;
  readonly wsUrl: string;
  /** Every request so far, oldest first. */
  readonly requests: { readonly method: string; readonly params: readonly unknown[] }[];
  readonly sockets: ReadonlySet<WebSocket>;
  /** Tells every socket about an event of a subscription. */
  notify(subscription: string, result: unknown): void;
  /** Cuts every connection without a goodbye. */
  dropSockets(): void;
  close(): Promise<void>;
}

export async function startRpcServer(answer: (method: string, params: readonly unknown[]) => unknown): Promise<RpcServer> {
  const requests: RpcServer["requests"] = [];
  async function respond(text: string): Promise<Raw> {
    const { id, method, params } = JSON.parse(text) as { id: number; method: string; params: unknown[] };
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
    const { text, status } = await respond(body);
    response.writeHead(status, { "content-type": "application/json" });
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
    sockets,
    notify(subscription, result) {
      for (const socket of sockets)
        socket.send(JSON.stringify({ jsonrpc: "2.0", method: "eth_subscription", params: { subscription, result } }));
    },
    dropSockets,
    async close() {
      dropSockets();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
