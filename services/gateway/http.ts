import { createServer, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import express, { type ErrorRequestHandler, type NextFunction, type Request, type Response } from "express";
import { rateLimit } from "express-rate-limit";
import helmet from "helmet";
import type { TObject } from "typebox";
import { Compile } from "typebox/compile";
import { type WebSocket, WebSocketServer } from "ws";
import { listen } from "#libs/actor/listen.ts";
import { invariant } from "#libs/units/invariant.ts";
import type { QuoteReply, QuoteRequest } from "#proto/quote/v1/quote.ts";
import { endpointsOf, type GatewayEvent, type HealthView, QuoteQuery, type QuoteView } from "#services/gateway/api.ts";
import type { GatewayConfig } from "#services/gateway/config.ts";
import { modelsView } from "#services/gateway/learning.ts";
import { arbitragesView, pricesView, tvlView } from "#services/gateway/market.ts";
import type { ReadModel } from "#services/gateway/model.ts";
import { openApiOf } from "#services/gateway/openapi.ts";
import {
  healthView,
  initialView,
  type ListQuery,
  opportunitiesView,
  profitView,
  quoteView,
  rejectionsView,
  selected,
  statsView,
  tradesView,
} from "#services/gateway/views.ts";

/** REST and WebSocket over a read model that someone else keeps up to date. Nothing here changes it, and nothing it answers can change anything else. */

/** Asks the solver of a chain; null where none answers in time. */
export type AskQuote = (chain: string, request: QuoteRequest) => Promise<QuoteReply | null>;

export interface GatewayServerOptions {
  readonly model: ReadModel;
  readonly config: GatewayConfig;
  /** Absent until there is a broker to ask through. */
  readonly askQuote?: AskQuote;
  /** Whether the streams have been read up to the present; the health is `starting` until then. */
  readonly isCaughtUp?: () => boolean;
  readonly nowMs?: () => number;
  readonly version?: string;
  /** Called for each defect that answered 500. */
  readonly onError?: (error: unknown) => void;
}

export interface GatewayServer {
  /** Throws `UserError` when the port is taken. */
  listen(): Promise<{ url: string; port: number }>;
  /** Sends to every client, at once. What `applyMessage` returned goes here. */
  broadcast(event: GatewayEvent): void;
  /** Lets pages of this origin read, beside those in the configuration: for a dashboard whose port is only known once it listens. */
  allowOrigin(origin: string): void;
  counters(): { readonly clients: number; readonly slowClientsDropped: number; readonly deadClientsRemoved: number };
  close(): Promise<void>;
}

const WEBSOCKET_PATH = "/ws";
/** Codes of RFC 6455 and its registry. */
const GOING_AWAY = 1001;
const TRY_AGAIN_LATER = 1013;
/** A dropped client has this long to take its close frame before its socket is cut. */
const CLOSE_GRACE_MS = 2_000;
/** Clients have nothing to say; whatever is longer than this closes them. */
const MAX_CLIENT_MESSAGE_BYTES = 1_024;

const LOOPBACK_NAMES = ["localhost", "127.0.0.1", "[::1]"];

/** A page on loopback has three spellings of one origin. */
function originsOf(origin: string): string[] {
  const { protocol, hostname, port } = new URL(origin);
  const names = LOOPBACK_NAMES.includes(hostname) ? LOOPBACK_NAMES : [hostname];
  return names.map((name) => new URL(`${protocol}//${name}${port === "" ? "" : `:${port}`}`).origin);
}

/** Query strings are text: what the schema calls an integer becomes one, all else stays for the check to judge. */
function parsedQuery(schema: TObject, query: Request["query"]): Record<string, unknown> {
  const types = schema.properties as Record<string, { type?: string; default?: unknown }>;
  const defaults = Object.entries(types).flatMap(([name, type]) => (type.default === undefined ? [] : [[name, type.default]]));
  const given = Object.entries(query).map(([name, value]) => {
    const isInteger = types[name]?.type === "integer" && typeof value === "string" && /^-?[0-9]{1,15}$/.test(value);
    return [name, isInteger ? Number(value) : value];
  });
  return { ...Object.fromEntries(defaults), ...Object.fromEntries(given) };
}

/** An answer that is none, with what to do about it. */
class Refusal extends Error {
  readonly code: 404 | 503;

  constructor(code: 404 | 503, message: string) {
    super(message);
    this.code = code;
  }
}

const REFUSALS: Readonly<Record<Extract<QuoteReply["answer"], { ok: false }>["reason"], readonly [404 | 503, string]>> = {
  "not-ready": [503, "the solver has not searched a block yet: ask again after the next one"],
  busy: [503, "the solver has too many questions at once, and blocks come first: ask again"],
  "unknown-token": [404, "no pool that may trade holds one of these tokens"],
  "no-route": [404, "no route of so many hops and legs takes the whole amount: try less, or more hops and legs"],
};

const quoteQuery = Compile(QuoteQuery);

async function quoted(model: ReadModel, askQuote: AskQuote | undefined, query: QuoteQuery): Promise<QuoteView> {
  const { chain: key, amountIn, maxHops = 3, maxLegs = 4, gasPrice = null } = query;
  const [tokenIn, tokenOut] = [query.tokenIn.toLowerCase(), query.tokenOut.toLowerCase()];
  const chain = model.chains.get(key);
  const request = { kind: "quote-request", v: 1, tokenIn, tokenOut, amountIn, maxHops, maxLegs, gasPrice } as const;
  const reply = (await askQuote?.(key, request)) ?? null;
  if (reply === null || chain === undefined) throw new Refusal(503, `the solver of ${key} does not answer: see /api/health`);
  if (!reply.answer.ok) throw new Refusal(...REFUSALS[reply.answer.reason]);
  return quoteView(chain, request, reply.answer);
}

export function createGatewayServer(options: GatewayServerOptions): GatewayServer {
  const { model, config } = options;
  const nowMs = options.nowMs ?? Date.now;
  const startedAtMs = nowMs();
  const origins = new Set(config.corsOrigins.flatMap(originsOf));
  const counters = { slowClientsDropped: 0, deadClientsRemoved: 0 };
  const health = (): HealthView =>
    healthView(model, {
      nowMs: nowMs(),
      startedAtMs,
      headLateAfterMs: config.headLateAfterMs,
      caughtUp: options.isCaughtUp?.() ?? true,
    });

  // A page elsewhere whose name was made to resolve to loopback would be let in by its browser: only loopback's own names may ask there.
  const isLoopback = LOOPBACK_NAMES.includes(config.host) || config.host === "::1";
  const isKnownHost = (request: IncomingMessage): boolean => {
    if (!isLoopback) return true;
    const name = (request.headers.host ?? "").replace(/:[0-9]+$/, "");
    return LOOPBACK_NAMES.includes(name);
  };

  const app = express();
  app.disable("x-powered-by");
  app.set("query parser", "simple");
  app.use(helmet({ crossOriginResourcePolicy: { policy: "cross-origin" } }));
  app.use((request: Request, response: Response, next: NextFunction) => {
    if (!isKnownHost(request)) {
      response.status(421).json({ error: "this gateway listens on loopback and answers to localhost only" });
      return;
    }
    response.vary("Origin");
    const { origin } = request.headers;
    if (origin !== undefined && origins.has(origin)) response.set("Access-Control-Allow-Origin", origin);
    next();
  });
  app.use(
    rateLimit({
      windowMs: 60_000,
      limit: config.rateLimitPerMinute,
      standardHeaders: "draft-8",
      legacyHeaders: false,
      message: { error: `more than ${config.rateLimitPerMinute} requests a minute` },
    }),
  );

  const endpoints = endpointsOf(config);
  const listQuery = (query: Record<string, unknown>) => query as unknown as ListQuery;
  const chainOf = (query: Record<string, unknown>) => query.chain as string | undefined;
  const answers: Record<keyof typeof endpoints, (query: Record<string, unknown>) => unknown> = {
    health,
    opportunities: (query) => opportunitiesView(model, listQuery(query)),
    trades: (query) => tradesView(model, listQuery(query)),
    stats: (query) => statsView(model, nowMs(), chainOf(query)),
    profit: (query) => profitView(model, chainOf(query)),
    prices: (query) => selected(model, chainOf(query)).flatMap((chain) => pricesView(chain, listQuery(query).limit) ?? []),
    tvl: (query) => selected(model, chainOf(query)).flatMap((chain) => tvlView(chain, listQuery(query).limit) ?? []),
    arbitrages: (query) => arbitragesView(selected(model, chainOf(query)), listQuery(query).limit),
    rejections: (query) => rejectionsView(model, listQuery(query)),
    models: (query) => selected(model, chainOf(query)).map((chain) => modelsView(chain, listQuery(query).limit)),
    quote: (query) => {
      invariant(quoteQuery.Check(query), "a query has been checked before it is answered");
      return quoted(model, options.askQuote, query);
    },
  };
  for (const name of Object.keys(endpoints) as (keyof typeof endpoints)[]) {
    const { path, query: schema } = endpoints[name];
    const check = Compile(schema as TObject);
    app.get(path, async (request: Request, response: Response) => {
      const query = parsedQuery(schema, request.query);
      const allowed = { ...schema.properties, ...("chain" in schema.properties ? { chain: { enum: [...model.chains.keys()] } } : {}) };
      if (!check.Check(query)) {
        const error = check.Errors(query)[0];
        const field = error?.instancePath.slice(1);
        const missing = error?.keyword === "required" ? error.params.requiredProperties : [];
        const wrong = field && field in schema.properties ? `${field} ${error?.message}` : `${field || "query"} is no parameter of ${path}`;
        response.status(400).json({ error: missing.length > 0 ? `${missing.join(", ")} must be given` : wrong, allowed });
        return;
      }
      const chain = chainOf(query);
      if (chain !== undefined && !model.chains.has(chain)) {
        response.status(400).json({ error: `chain ${chain} is not served here`, allowed });
        return;
      }
      response.set("Cache-Control", "no-store").json(await answers[name](query));
    });
  }
  const openApi = openApiOf(endpoints, options.version ?? "0.0.0");
  app.get("/api/openapi.json", (_: Request, response: Response) => {
    response.json(openApi);
  });
  const paths = [...Object.values(endpoints).map(({ path }) => path as string), "/api/openapi.json"];
  app.use((request: Request, response: Response) => {
    if (paths.includes(request.path))
      response
        .status(405)
        .set("Allow", "GET, HEAD")
        .json({ error: `${request.method} is not offered`, allowed: ["GET"] });
    else response.status(404).json({ error: `no ${request.path} here`, allowed: [...paths, WEBSOCKET_PATH] });
  });
  const answerError: ErrorRequestHandler = (error, _, response, next) => {
    if (error instanceof Refusal) {
      response.status(error.code).json({ error: error.message });
      return;
    }
    const isClientsFault = error instanceof Error && "status" in error && Number(error.status) >= 400 && Number(error.status) < 500;
    if (isClientsFault && !response.headersSent) {
      response.status(400).json({ error: "malformed request", allowed: paths });
      return;
    }
    options.onError?.(error);
    // What went wrong inside is for the log: a message may hold paths or values that are nobody's business.
    if (response.headersSent) next(error);
    else response.status(500).json({ success: false, error: "internal error" });
  };
  app.use(answerError);

  const server = createServer(app);
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_CLIENT_MESSAGE_BYTES });
  const alive = new WeakSet<WebSocket>();

  const refuse = (socket: Duplex, status: string): void => {
    socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  };
  server.on("upgrade", (request, socket, head) => {
    socket.on("error", () => socket.destroy());
    const { origin } = request.headers;
    if ((request.url ?? "").split("?")[0] !== WEBSOCKET_PATH) return refuse(socket, "404 Not Found");
    if (!isKnownHost(request)) return refuse(socket, "421 Misdirected Request");
    // Browsers send any page's WebSocket anywhere, without asking first: the origin is checked here. Clients that are no browser send none.
    if (origin !== undefined && !origins.has(origin)) return refuse(socket, "403 Forbidden");
    if (sockets.clients.size >= config.maxClients) return refuse(socket, "503 Service Unavailable");
    sockets.handleUpgrade(request, socket, head, (client) => sockets.emit("connection", client, request));
  });

  const drop = (client: WebSocket, code: number, reason: string): void => {
    client.close(code, reason);
    setTimeout(() => client.terminate(), CLOSE_GRACE_MS).unref();
  };
  const send = (client: WebSocket, text: string): void => {
    if (client.readyState !== client.OPEN) return;
    if (client.bufferedAmount > config.maxBufferedBytes) {
      counters.slowClientsDropped += 1;
      drop(client, TRY_AGAIN_LATER, "too slow");
      return;
    }
    client.send(text);
  };
  const broadcast = (event: GatewayEvent): void => {
    if (sockets.clients.size === 0) return;
    const text = JSON.stringify(event);
    for (const client of sockets.clients) send(client, text);
  };

  sockets.on("connection", (client: WebSocket) => {
    alive.add(client);
    client.on("pong", () => alive.add(client));
    client.on("error", () => client.terminate());
    const data = initialView(model, health(), { nowMs: nowMs(), listSize: config.initialListSize });
    send(client, JSON.stringify({ type: "initial", data } satisfies GatewayEvent));
  });

  let sentVersion = -1;
  const timers: NodeJS.Timeout[] = [];
  const startTimers = (): void => {
    timers.push(
      setInterval(() => {
        if (sockets.clients.size === 0) return;
        // Ages and silences grow without messages, totals do not.
        broadcast({ type: "health", data: health() });
        if (model.version === sentVersion) return;
        sentVersion = model.version;
        broadcast({ type: "stats", data: statsView(model, nowMs()) });
      }, config.statsIntervalMs),
      setInterval(() => {
        for (const client of sockets.clients) {
          if (!alive.delete(client)) {
            counters.deadClientsRemoved += 1;
            client.terminate();
          } else client.ping();
        }
      }, config.pingIntervalMs),
    );
  };

  return {
    listen: async () => {
      const bound = await listen(server, {
        host: config.host,
        port: config.port,
        what: "gateway",
        setting: "gateway.port in the configuration, or --api-port",
      });
      startTimers();
      return bound;
    },
    broadcast,
    allowOrigin: (origin) => {
      for (const spelling of originsOf(origin)) origins.add(spelling);
    },
    counters: () => ({ clients: sockets.clients.size, ...counters }),
    close: async () => {
      for (const timer of timers) clearInterval(timer);
      for (const client of sockets.clients) drop(client, GOING_AWAY, "the gateway is going away");
      sockets.close();
      if (!server.listening) return;
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
        setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS).unref();
      });
    },
  };
}
