import { request as httpRequest } from "node:http";
import { Compile } from "typebox/compile";
import { afterEach, expect, test } from "vitest";
import { WebSocket } from "ws";
import type { QuoteReply } from "#proto/quote/v1/quote.ts";
import { endpointsOf, type GatewayEvent } from "#services/gateway/api.ts";
import { type GatewayConfig, gatewayConfig } from "#services/gateway/config.ts";
import { type AskQuote, createGatewayServer, type GatewayServer } from "#services/gateway/http.ts";
import { applyMessage, initialReadModel } from "#services/gateway/read-model.ts";
import { createScenario, TEST_CHAIN } from "#services/gateway/testing.ts";

const START_MS = 1_790_000_000_000;
const DASHBOARD = "http://127.0.0.1:8081";
/** What JSON.parse gives: the schemas are checked by a test of their own. */
type Json = ReturnType<typeof JSON.parse>;
const opened: { close(): unknown }[] = [];

afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each.close();
});

async function start(options: Partial<GatewayConfig> = {}, blocks = 30, askQuote?: AskQuote) {
  const config = gatewayConfig({ port: 0, corsOrigins: [DASHBOARD], ...options });
  const model = initialReadModel({ chains: [{ config: TEST_CHAIN, mode: "live" }], bounds: config });
  const scenario = createScenario({ seed: 7, startMs: START_MS, reorgShare: 0.1 });
  const server = createGatewayServer({ model, config, nowMs: () => START_MS + 60_000, version: "0.1.0", ...(askQuote && { askQuote }) });
  const advance = () => {
    for (const message of scenario.nextBlock()) for (const event of applyMessage(model, message)) server.broadcast(event);
  };
  for (let block = 0; block < blocks; block += 1) advance();
  for (const message of scenario.heartbeats(START_MS + 59_000)) applyMessage(model, message);
  const { url } = await server.listen();
  opened.push(server);
  const get = async (path: string, init?: RequestInit) => {
    const response = await fetch(`${url}${path}`, init);
    return { status: response.status, headers: response.headers, body: (await response.json()) as Json };
  };
  return { model, config, server, url, get, advance };
}

function connect(url: string, headers: Record<string, string> = { origin: DASHBOARD }) {
  const socket = new WebSocket(`${url.replace("http", "ws")}/ws`, { headers });
  opened.push({ close: () => socket.terminate() });
  const events: GatewayEvent[] = [];
  const waiting: (() => void)[] = [];
  socket.on("message", (data) => {
    events.push(JSON.parse(data.toString()) as GatewayEvent);
    for (const wake of waiting.splice(0)) wake();
  });
  const closed = new Promise<number>((resolve) => {
    socket.on("close", (code) => resolve(code));
  });
  const refused = new Promise<string>((resolve) => {
    socket.on("error", (error) => resolve(error.message));
  });
  const next = async <Type extends GatewayEvent["type"]>(type: Type): Promise<Extract<GatewayEvent, { type: Type }>> => {
    for (;;) {
      const found = events.find((event) => event.type === type);
      if (found !== undefined) return found as Extract<GatewayEvent, { type: Type }>;
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
      });
    }
  };
  return { socket, events, closed, refused, next };
}

test("every endpoint answers what its schema says", async () => {
  const { get, config } = await start();
  const { quote: _, ...own } = endpointsOf(config);
  for (const { path, response } of Object.values(own)) {
    const { status, body } = await get(path);
    expect(status, path).toBe(200);
    expect(Compile(response).Errors(body), path).toEqual([]);
  }
});

test("opportunities and trades come newest first, with a limit and a chain", async () => {
  const { get } = await start();
  const { body: opportunities } = await get("/api/opportunities?limit=5&chain=local");
  expect(opportunities).toHaveLength(5);
  expect(opportunities[0].blockNumber).toBeGreaterThanOrEqual(opportunities[4].blockNumber);
  expect(opportunities[0]).toMatchObject({ flashloanFee: "0", slippage: null, ranking: "champion" });
  const { body: trades } = await get("/api/trades?limit=2");
  expect(trades).toHaveLength(2);
  expect(trades[0].timestamp).toBeGreaterThanOrEqual(trades[1].timestamp);
});

test("rejected candidates come with their gate and way, models with a limit of their own", async () => {
  const { get } = await start();
  const { body: rejections } = await get("/api/rejections?limit=3&chain=local");
  expect(rejections).toHaveLength(3);
  for (const each of rejections) {
    expect(each.reason).toMatch(/^(below-minimum|not-worth-the-risk|no-model)$/);
    expect(each.hops.length).toBeGreaterThan(1);
    expect(BigInt(each.grossProfit)).toBeGreaterThan(BigInt(each.netProfit));
  }
  const { body: models } = await get("/api/models?limit=1");
  expect(models).toMatchObject([{ chain: "local", models: [{ state: "rejected" }], own: "c0ffee0000000000" }]);
  expect((await get("/api/models?limit=0")).status).toBe(400);
});

test("health says ok, with the head and each actor", async () => {
  const { get } = await start();
  const { body } = await get("/api/health");
  expect(body).toMatchObject({ status: "ok", chains: [{ chain: "local", mode: "live" }] });
  expect(body.actors).toHaveLength(9);
});

test.each([
  ["/api/trades?limit=0", "limit"],
  ["/api/trades?limit=1001", "limit"],
  ["/api/trades?limit=ten", "limit"],
  ["/api/trades?limit=1&limit=2", "limit"],
  ["/api/trades?chain=base", "chain base"],
  ["/api/stats?chain=A*", "chain"],
  ["/api/stats?limit=5", "limit is no parameter"],
])("%s is answered 400 with what is allowed", async (path, problem) => {
  const { get } = await start({}, 1);
  const { status, body } = await get(path);
  expect(status).toBe(400);
  expect(body.error).toContain(problem);
  expect(body.allowed).toHaveProperty("chain");
});

test("unknown paths are 404 and other methods 405, in JSON", async () => {
  const { get } = await start({}, 1);
  expect(await get("/api/wallet")).toMatchObject({ status: 404, body: { error: expect.stringContaining("/api/wallet") } });
  expect(await get("/api/stats", { method: "POST" })).toMatchObject({ status: 405, body: { allowed: ["GET"] } });
  expect(await get("/api/%ff")).toMatchObject({ status: 404 });
});

test("a defect answers 500 without saying what is inside", async () => {
  const { get, model } = await start({}, 1);
  (model as { chains: unknown }).chains = null;
  expect(await get("/api/stats")).toMatchObject({ status: 500, body: { success: false, error: "internal error" } });
});

test("the OpenAPI document lists every endpoint with its parameters", async () => {
  const { get, config } = await start({}, 1);
  const { body } = await get("/api/openapi.json");
  expect(body.openapi).toBe("3.1.0");
  expect(Object.keys(body.paths)).toEqual(Object.values(endpointsOf(config)).map(({ path }) => path));
  expect(body.paths["/api/trades"].get.parameters.map(({ name }: { name: string }) => name)).toEqual(["limit", "chain"]);
});

test("only the dashboard's origin may read across origins, in any spelling of loopback", async () => {
  const { get, server } = await start({}, 1);
  const allowed = async (origin: string) => (await get("/api/stats", { headers: { origin } })).headers.get("access-control-allow-origin");
  expect(await allowed(DASHBOARD)).toBe(DASHBOARD);
  expect(await allowed("http://localhost:8081")).toBe("http://localhost:8081");
  expect(await allowed("http://localhost:9999")).toBeNull();
  server.allowOrigin("http://localhost:9999");
  expect(await allowed("http://127.0.0.1:9999")).toBe("http://127.0.0.1:9999");
});

test("a name that was made to resolve to loopback is refused", async () => {
  const { url } = await start({}, 1);
  const status = await new Promise<number | undefined>((resolve, reject) => {
    httpRequest(`${url}/api/stats`, { headers: { host: "evil.example" } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .on("error", reject)
      .end();
  });
  expect(status).toBe(421);
});

test("requests beyond the limit are answered 429", async () => {
  const { get } = await start({ rateLimitPerMinute: 2 }, 1);
  await get("/api/stats");
  await get("/api/stats");
  expect(await get("/api/stats")).toMatchObject({ status: 429, body: { error: "more than 2 requests a minute" } });
});

test("answers carry security headers and say nothing of the server", async () => {
  const { headers } = await (await start({}, 1)).get("/api/stats");
  expect(headers.get("content-security-policy")).toContain("default-src 'self'");
  expect(headers.get("x-content-type-options")).toBe("nosniff");
  expect(headers.get("x-powered-by")).toBeNull();
});

test("a port that is taken is the user's to free", async () => {
  const { url } = await start({}, 1);
  const second = createGatewayServer({
    model: initialReadModel({ chains: [], bounds: gatewayConfig() }),
    config: gatewayConfig({ port: Number(new URL(url).port) }),
  });
  await expect(second.listen()).rejects.toMatchObject({ name: "UserError", remedy: expect.stringContaining("gateway.port") });
});

test("a WebSocket client gets everything at first, then what changes", async () => {
  const { url, advance } = await start({ statsIntervalMs: 20 });
  const client = connect(url);
  const { data } = await client.next("initial");
  expect(data.trades.length).toBeGreaterThan(0);
  expect(data.profitCurve[0]?.points.at(-1)?.netProfit).toBe(data.stats.totalProfit);
  for (let block = 0; block < 5; block += 1) advance();
  expect((await client.next("block")).data.blockNumber).toBeGreaterThan(data.health.chains[0]?.head?.blockNumber ?? 0);
  await client.next("opportunity");
  await client.next("trade");
  await client.next("profit");
  // One may have been sent between the initial message and the new blocks.
  const latestBlocks = () => client.events.findLast((event) => event.type === "stats")?.data.blocks;
  await expect.poll(latestBlocks).toBeGreaterThan(data.stats.blocks);
  expect((await client.next("health")).data.status).toBe("ok");
});

test("a message about a model is sent on at once, with who stands", async () => {
  const { url, advance } = await start({}, 3);
  const client = connect(url);
  await client.next("initial");
  advance();
  expect(await client.next("model")).toMatchObject({
    data: {
      chain: "local",
      kind: "model-trained",
      standing: { champion: null, challenger: expect.stringMatching(/^5eed/), canaryShare: 0 },
    },
  });
});

test("stats are sent no more often than their interval", async () => {
  const { url, advance } = await start({ statsIntervalMs: 100 });
  const client = connect(url);
  await client.next("initial");
  const until = performance.now() + 350;
  while (performance.now() < until) {
    advance();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const count = client.events.filter(({ type }) => type === "stats").length;
  expect(count).toBeGreaterThan(0);
  expect(count).toBeLessThanOrEqual(4);
});

test("a page of another origin gets no WebSocket, a client that is no browser does", async () => {
  const { url } = await start({}, 1);
  expect(await connect(url, { origin: "http://evil.example" }).refused).toContain("403");
  expect((await connect(url, {}).next("initial")).type).toBe("initial");
  expect(await connect(`${url}//`).refused).toContain("404");
});

test("clients beyond the bound are refused", async () => {
  const { url } = await start({ maxClients: 1 }, 1);
  await connect(url).next("initial");
  expect(await connect(url).refused).toContain("503");
});

test("a client that answers no ping is removed", async () => {
  const { url, server } = await start({ pingIntervalMs: 30 }, 1);
  const deaf = connect(url);
  await deaf.next("initial");
  deaf.socket.pong = () => undefined;
  await deaf.closed;
  await expect.poll(() => server.counters()).toMatchObject({ clients: 0, deadClientsRemoved: 1 });
});

test("a client that does not read is dropped with 1013", async () => {
  const { url, server, model } = await start({ maxBufferedBytes: 64 * 1024, pingIntervalMs: 60_000 });
  const slow = connect(url);
  await slow.next("initial");
  slow.socket.pause();
  const flood = async (server: GatewayServer) => {
    const block = { type: "block", data: [...(model.chains.get("local")?.blocks.values() ?? [])][0]?.view } as GatewayEvent;
    const large = { ...block, padding: "x".repeat(1024 * 1024) };
    for (let sent = 0; sent < 64 && server.counters().slowClientsDropped === 0; sent += 1) {
      server.broadcast(large);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await flood(server);
  expect(server.counters().slowClientsDropped).toBe(1);
  slow.socket.resume();
  expect(await slow.closed).toBe(1013);
});

test("closing says so to clients and frees the port", async () => {
  const { url, server } = await start({}, 1);
  const client = connect(url);
  await client.next("initial");
  await server.close();
  expect(await client.closed).toBe(1001);
  await expect(fetch(`${url}/api/stats`)).rejects.toThrow();
});

test("a quote is asked of the solver, and told with its tokens' names", async () => {
  const { wrappedNative: weth, key } = TEST_CHAIN;
  const usdc = TEST_CHAIN.tokens.find(({ symbol }) => symbol === "USDC")?.address as string;
  const asked: unknown[] = [];
  const hop = { dex: "uniswap-v2", family: "uniswap-v2", pool: `0x${"ab".repeat(20)}`, call: { form: "v2", zeroForOne: true } } as const;
  const amounts = { amountIn: "10", amountOut: "30000" };
  const answer: QuoteReply["answer"] = {
    ...{ ok: true, blockNumber: 9, blockHash: `0x${"9".repeat(64)}`, amountOut: "30000", gas: 90_000, gasCost: null, priceImpact: 0.01 },
    legs: [{ ...amounts, gas: 90_000, hops: [{ ...hop, ...amounts, tokenIn: weth, tokenOut: usdc }] }],
  };
  let reply: QuoteReply | null = { kind: "quote-reply", v: 1, answer };
  const { get, config } = await start({}, 1, async (chain, request) => {
    asked.push([chain, request]);
    return reply;
  });
  const path = `/api/quote?chain=${key}&tokenIn=0x${weth.slice(2).toUpperCase()}&tokenOut=${usdc}&amountIn=10`;
  const { status, body } = await get(`${path}&maxLegs=2`);
  expect(status).toBe(200);
  expect(Compile(endpointsOf(config).quote.response).Errors(body)).toEqual([]);
  expect(body).toMatchObject({
    chain: key,
    tokenOut: { symbol: "USDC" },
    amountOut: "30000",
    legs: [{ hops: [{ tokenOut: { symbol: "USDC" } }] }],
  });
  const request = { kind: "quote-request", v: 1, tokenIn: weth, tokenOut: usdc, amountIn: "10", maxHops: 3, maxLegs: 2, gasPrice: null };
  expect(asked).toEqual([[key, request]]);

  reply = { kind: "quote-reply", v: 1, answer: { ok: false, reason: "no-route" } };
  expect(await get(path)).toMatchObject({ status: 404, body: { error: expect.stringContaining("try less") } });
  reply = null;
  expect(await get(path)).toMatchObject({ status: 503, body: { error: expect.stringContaining("does not answer") } });
  expect(await get(`/api/quote?chain=${key}&tokenIn=${weth}`)).toMatchObject({
    status: 400,
    body: { error: "tokenOut, amountIn must be given" },
  });
  expect(await get(path.replace("amountIn=10", "amountIn=1.5"))).toMatchObject({
    status: 400,
    body: { error: expect.stringContaining("amountIn") },
  });
  expect(await get(path.replace(`chain=${key}`, "chain=moon"))).toMatchObject({ status: 400 });
});
