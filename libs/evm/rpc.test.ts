import { inspect } from "node:util";
import { afterEach, describe, expect, test } from "vitest";
import { Budget, type EndpointConfig, sharedBudget } from "#libs/evm/budget.ts";
import { checkChainId, originOf, RpcClient, RpcError } from "#libs/evm/rpc.ts";
import { FakeClock, Raw, Refusal, type RpcServer, startRpcServer } from "#libs/evm/testing.ts";
import { registry } from "#libs/telemetry/metrics.ts";
import { RetryableError, UserError } from "#libs/units/invariant.ts";

const clients: RpcClient[] = [];
const servers: RpcServer[] = [];
const stops: (() => void)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) stop();
  for (const client of clients.splice(0)) await client.close();
  for (const server of servers.splice(0)) await server.close();
});

async function serve(answer: (method: string, params: readonly unknown[]) => unknown): Promise<RpcServer> {
  const server = await startRpcServer(answer);
  servers.push(server);
  return server;
}
function clientOf(url: string, timeoutMs = 2_000): RpcClient {
  const client = new RpcClient(url, "test", { timeoutMs });
  clients.push(client);
  return client;
}
const never = () => new Promise(() => {});
async function failureOf(attempt: Promise<unknown>): Promise<Error> {
  try {
    await attempt;
  } catch (cause) {
    return cause as Error;
  }
  throw new Error("it did not fail");
}
async function until(condition: () => boolean, what: string): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    if (tries > 300) throw new Error(`never came: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe.each(["http", "ws"] as const)("over %s", (scheme) => {
  const urlOf = (server: RpcServer) => (scheme === "http" ? server.url : server.wsUrl);

  test("gives the result as the node wrote it", async () => {
    const server = await serve((_, params) => ({ echo: params }));
    expect(await clientOf(urlOf(server)).send("eth_call", [{ to: "0x1" }, "latest"])).toEqual({ echo: [{ to: "0x1" }, "latest"] });
    expect(server.requests).toEqual([{ method: "eth_call", params: [{ to: "0x1" }, "latest"] }]);
  });

  test("gives each of many requests at once its own answer, whatever their order", async () => {
    const server = await serve(async (_, [delay]) => {
      await pause(delay as number);
      return delay;
    });
    const client = clientOf(urlOf(server));
    expect(await Promise.all([40, 5, 20, 1].map((delay) => client.send("wait", [delay])))).toEqual([40, 5, 20, 1]);
  });

  test("a refusal is an RpcError with the node's code and data, not a fault", async () => {
    const server = await serve(() => {
      throw new Refusal("execution reverted", 3, "0x08c379a0");
    });
    const failure = await failureOf(clientOf(urlOf(server)).send("eth_call"));
    expect(failure).toBeInstanceOf(RpcError);
    expect(failure).toMatchObject({ message: "eth_call: execution reverted", code: 3, data: "0x08c379a0" });
  });

  test("no answer in time is a fault that passes", async () => {
    const server = await serve(never);
    const failure = await failureOf(clientOf(urlOf(server), 100).send("eth_call"));
    expect(failure).toBeInstanceOf(RetryableError);
  });

  test("an answer that is no JSON is a fault that passes, and the next request works", async () => {
    let first = true;
    const server = await serve(() => {
      if (!first) return "0x1";
      first = false;
      return new Raw("<html>busy</html>");
    });
    const client = clientOf(urlOf(server), 60_000);
    expect(await failureOf(client.send("eth_chainId"))).toBeInstanceOf(RetryableError);
    expect(await client.send("eth_chainId")).toBe("0x1");
  });

  test("nobody listening is a fault that passes and does not tell the path, which often is a key", async () => {
    const server = await serve(() => null);
    const url = `${urlOf(server)}/v3/secret-key`;
    await server.close();
    const failure = await failureOf(clientOf(url).send("eth_chainId"));
    expect(failure).toBeInstanceOf(RetryableError);
    expect(failure.message).not.toContain("secret-key");
    expect(failure.message).toContain(new URL(url).host);
  });

  test("requests are counted by their outcome", async () => {
    const server = await serve((method) => {
      if (method === "refused") throw new Refusal("no");
      return 1;
    });
    const client = new RpcClient(urlOf(server), `counted-${scheme}`, { timeoutMs: 2_000 });
    clients.push(client);
    await client.send("fine");
    await failureOf(client.send("refused"));
    const text = await registry.metrics();
    const counted = text.split("\n").filter((line) => line.includes(`counted-${scheme}`) && line.includes("outcome"));
    expect(counted).toHaveLength(2);
    expect(counted.some((line) => line.includes('method="fine"') && line.includes('outcome="ok"') && line.endsWith(" 1"))).toBe(true);
    expect(counted.some((line) => line.includes('method="refused"') && line.includes('outcome="refused"') && line.endsWith(" 1"))).toBe(
      true,
    );
  });
});

test("an HTTP status without a JSON-RPC answer is a fault, one with an answer is that answer", async () => {
  const server = await serve((method) =>
    method === "plain" ? new Raw("Bad Gateway", 502) : new Raw('{"id":1,"error":{"code":-32000,"message":"no"}}', 500),
  );
  const client = clientOf(server.url);
  expect(await failureOf(client.send("plain"))).toMatchObject({ name: "RetryableError", code: "rpc-http-status" });
  expect(await failureOf(client.send("json"))).toMatchObject({ name: "RpcError", code: -32_000 });
});

test.each(["url", "wsUrl"] as const)("a request can be given up, and that says nothing against the endpoint: %s", async (url) => {
  const server = await serve(never);
  const client = clientOf(server[url], 60_000);
  const failure = await failureOf(client.send("eth_call", [], { signal: AbortSignal.timeout(50) }));
  expect(failure).toBeInstanceOf(RetryableError);
  expect(client.budget.score()).toBe(1);
  expect(await failureOf(client.send("eth_call", [], { signal: AbortSignal.abort() }))).toBeInstanceOf(RetryableError);
});

describe("a rate limit", () => {
  const clocked = (server: RpcServer, config: Partial<EndpointConfig> = {}) => {
    const clock = new FakeClock();
    const endpoint = { url: server.url, ...config };
    const client = new RpcClient(endpoint, "test", { timeoutMs: 2_000, budget: new Budget("test", endpoint, clock) });
    clients.push(client);
    return { clock, client };
  };

  test.each([
    ["HTTP 429 with seconds", () => new Raw("slow down", 429, { "retry-after": "7" }), 7_000],
    ["HTTP 429 without a word of how long", () => new Raw("slow down", 429), 1_000],
    ["HTTP 429 with an answer", () => new Raw('{"id":1,"error":{"code":-32005,"message":"x"}}', 429, { "retry-after": "2" }), 2_000],
    ["HTTP 429 that wants an hour gets a minute", () => new Raw("", 429, { "retry-after": "3600" }), 60_000],
    [
      "an error with code 429",
      () => Promise.reject(new Refusal("Your app has exceeded its compute units per second capacity.", 429)),
      1_000,
    ],
    ["an error with that code alone", () => Promise.reject(new Refusal("not now", 429)), 1_000],
    ["an error that says so", () => Promise.reject(new Refusal("daily request count exceeded, request rate limited", -32_005)), 1_000],
  ])("%s: a fault that passes, and nothing is sent until then", async (_, answer, pauseMs) => {
    let limited = true;
    const server = await serve(() => (limited ? answer() : "0x1"));
    const { clock, client } = clocked(server);
    expect(await failureOf(client.send("eth_call"))).toMatchObject({ name: "RetryableError", code: "rpc-rate-limited" });
    limited = false;
    clock.advance(pauseMs - 1);
    const next = client.send("eth_call");
    await pause(20);
    expect(server.requests).toHaveLength(1);
    clock.advance(1);
    expect(await next).toBe("0x1");
    expect(client.budget.score()).toBe(1);
  });

  test("limits in a row double the pause, an answer begins anew", async () => {
    let limited = true;
    const server = await serve(() => (limited ? new Raw("", 429) : "0x1"));
    const { clock, client } = clocked(server);
    for (const pauseMs of [1_000, 2_000, 4_000]) {
      const failure = failureOf(client.send("eth_call"));
      await failure;
      expect(client.budget.admission.pausedUntilMs - clock.now()).toBe(pauseMs);
      clock.advance(pauseMs);
    }
    limited = false;
    await client.send("eth_call");
    limited = true;
    await failureOf(client.send("eth_call"));
    expect(client.budget.admission.pausedUntilMs - clock.now()).toBe(1_000);
  });

  test("Retry-After may be a date", async () => {
    const server = await serve(() => new Raw("", 429, { "retry-after": new Date(Date.now() + 30_000).toUTCString() }));
    const { clock, client } = clocked(server);
    await failureOf(client.send("eth_call"));
    const pauseMs = client.budget.admission.pausedUntilMs - clock.now();
    expect(pauseMs).toBeGreaterThan(20_000);
    expect(pauseMs).toBeLessThanOrEqual(30_000);
  });

  test("a filter that finds too much is a refusal: it is no rate", async () => {
    const server = await serve(() => Promise.reject(new Refusal("query returned more than 10000 results", -32_005)));
    expect(await failureOf(clientOf(server.url).send("eth_getLogs"))).toMatchObject({ name: "RpcError", code: -32_005 });
  });

  test("of our own is kept: each request of a batch counts", async () => {
    const server = await serve((_, [value]) => value);
    const { clock, client } = clocked(server, { requestsPerSecond: 4 });
    expect(await client.batch([1, 2, 3, 4].map((value) => ({ method: "echo", params: [value] })))).toEqual([1, 2, 3, 4]);
    const next = client.send("echo", [5]);
    await pause(20);
    expect(server.requests).toHaveLength(4);
    clock.advance(250);
    expect(await next).toBe(5);
  });
});

describe("a batch", () => {
  const calls = (count: number) => Array.from({ length: count }, (_, value) => ({ method: "echo", params: [value] }));
  const values = (count: number) => Array.from({ length: count }, (_, value) => value);
  const echo = (_: string, [value]: readonly unknown[]) => value;
  async function batchServer(refuse: (calls: readonly { id: number }[]) => Raw | null, answer: Parameters<typeof serve>[0] = echo) {
    const server = await serve(answer);
    server.refuseBatches(refuse);
    return server;
  }

  test("is one request, answered in the order of the calls", async () => {
    const server = await batchServer(() => null);
    expect(await clientOf(server.url).batch(calls(7))).toEqual(values(7));
    expect(server.batches).toEqual([7]);
    expect(await clientOf(server.url).batch([])).toEqual([]);
    expect(server.batches).toEqual([7]);
  });

  test("is cut to the size that the configuration allows", async () => {
    const server = await batchServer(() => null);
    const client = new RpcClient({ url: server.url, maxBatch: 3 }, "test");
    expect(await client.batch(calls(10))).toEqual(values(10));
    // The last one alone needs no batch.
    expect(server.batches).toEqual([3, 3, 3]);
    expect(server.requests).toHaveLength(10);
  });

  test.each([
    ["HTTP 413", () => new Raw("Payload Too Large", 413)],
    [
      "an error instead of answers (Erigon)",
      () => new Raw('{"id":null,"error":{"code":-32000,"message":"batch limit 8 exceeded: 50 given"}}'),
    ],
    [
      "one error for the first call (Geth)",
      ([first]: readonly { id: number }[]) => new Raw(`[{"id":${first?.id},"error":{"code":-32600,"message":"batch too large"}}]`),
    ],
  ])("too large by %s is halved until it fits, and what follows has that size", async (_, refusal) => {
    const server = await batchServer((asked) => (asked.length > 8 ? refusal(asked) : null));
    const client = clientOf(server.url);
    expect(await client.batch(calls(50))).toEqual(values(50));
    expect(client.budget.maxBatch).toBe(6);
    const sizes = server.batches.length;
    expect(await client.batch(calls(50))).toEqual(values(50));
    expect(Math.max(...server.batches.slice(sizes))).toBe(6);
    expect(client.budget.score()).toBe(1);
  });

  test("that an endpoint does not take at all goes one by one", async () => {
    const server = await batchServer(() => new Raw('{"id":null,"error":{"code":-32600,"message":"batch requests are not supported"}}'));
    expect(await clientOf(server.url).batch(calls(5))).toEqual(values(5));
  });

  test("whose later answers are left out as too large (Geth) is asked in smaller ones", async () => {
    let most = 4;
    const server = await batchServer((asked) =>
      asked.length <= most
        ? null
        : new Raw(
            JSON.stringify(
              asked.map(({ id }, at) => (at < most ? { id, result: at } : { id, error: { code: -32_003, message: "response too large" } })),
            ),
          ),
    );
    expect(await clientOf(server.url).batch(calls(10))).toEqual(values(10));
    most = 10;
  });

  test("throws for the first call that was refused", async () => {
    const server = await batchServer(
      () => null,
      (_, [value]) => {
        if ((value as number) >= 2) throw new Refusal(`no ${value}`, -32_000);
        return value;
      },
    );
    expect(await failureOf(clientOf(server.url).batch(calls(4)))).toMatchObject({ name: "RpcError", message: "echo: no 2" });
  });

  test("with a call that nobody answers is a fault that passes", async () => {
    const server = await batchServer((asked) => new Raw(JSON.stringify(asked.slice(1).map(({ id }) => ({ id, result: 1 })))));
    expect(await failureOf(clientOf(server.url).batch(calls(3)))).toMatchObject({ name: "RetryableError", code: "rpc-unanswered" });
  });

  test("over WebSocket goes one by one, without waiting", async () => {
    const server = await batchServer(() => null);
    expect(await clientOf(server.wsUrl).batch(calls(20))).toEqual(values(20));
    expect([server.batches, server.requests.length, server.sockets.size]).toEqual([[], 20, 1]);
  });
});

describe("a key in the endpoint's URL", () => {
  const KEY = "k3y-0123456789abcdef";
  const urlsOf = (server: RpcServer) =>
    [server.url, server.wsUrl].flatMap((url) => [
      `${url}/v2/${KEY}`,
      `${url}/?apikey=${KEY}`,
      `${url.replace("://", `://user:${KEY}@`)}/rpc`,
    ]);

  test("is in no error, label or name, whatever goes wrong", async () => {
    const echoing = await serve((method) => {
      if (method === "refused") throw new Refusal(`project ${KEY} has no access`);
      if (method === "limited") throw new Refusal(`too many requests for ${KEY}`, 429);
      return method === "status" ? new Raw(`no ${KEY}`, 503) : new Raw(`not JSON: ${KEY}`);
    });
    const gone = await startRpcServer(() => null);
    const told: string[] = [];
    for (const server of [echoing, gone]) {
      for (const url of urlsOf(server)) {
        const client = new RpcClient(url, "secretive", { timeoutMs: 500 });
        clients.push(client);
        if (server === gone) await gone.close().catch(() => {});
        for (const method of server === gone ? ["any"] : ["refused", "status", "babble", "limited"]) {
          const failure = await failureOf(client.send(method));
          told.push(inspect(failure, { depth: 10 }), client.budget.name);
        }
      }
    }
    told.push(inspect(await failureOf(new RpcClient(`http://127.0.0.1:99999/${KEY}`, "secretive").send("any")), { depth: 10 }));
    expect(told.filter((text) => text.includes(KEY))).toEqual([]);
    expect(await registry.metrics()).not.toContain(KEY);
    expect(told.some((text) => text.includes("refused: project … has no access"))).toBe(true);
  });

  test("as a user's password is sent as the header that it stands for", async () => {
    const server = await serve(() => "0x1");
    expect(await clientOf(`${server.url.replace("://", "://us%40er:pass%20word@")}/rpc`).send("eth_chainId")).toBe("0x1");
    expect(server.authorizations).toEqual([`Basic ${Buffer.from("us@er:pass word").toString("base64")}`]);
  });
});

test("units are counted by method and purpose, at the endpoint's own prices", async () => {
  const server = await serve((_, [value]) => value ?? 1);
  const config = { url: server.url, name: "priced", unitsByMethod: { default: 5, eth_call: 26 }, pricePerMillionUnits: 0.4 };
  const client = new RpcClient(config, "paying", { purpose: "state", budget: sharedBudget("paying", config) });
  clients.push(client);
  await client.send("eth_call");
  await client.send("eth_call", [], { purpose: "simulation" });
  await client.batch([1, 2, 3].map((value) => ({ method: "eth_getCode", params: [value] })));
  const lines = (await registry.metrics()).split("\n").filter((line) => line.includes('chain="paying"'));
  const unitsOf = (method: string, purpose: string) =>
    lines.find((line) => line.startsWith("hs_rpc_units_total") && line.includes(`method="${method}",purpose="${purpose}"`))?.split(" ")[1];
  expect([unitsOf("eth_call", "state"), unitsOf("eth_call", "simulation"), unitsOf("eth_getCode", "state")]).toEqual(["26", "26", "15"]);
  const cost = lines.find((line) => line.startsWith('hs_rpc_cost_usd_per_day{chain="paying",endpoint="priced"}'));
  // 67 units in the first minute, a day has 1,440.
  expect(Number(cost?.split(" ")[1])).toBeCloseTo((67 * 1_440 * 0.4) / 1e6, 9);
});

test("a socket that closes fails what was waiting on it, at once, and the next request opens another", async () => {
  let hang = true;
  const server = await serve(() => (hang ? never() : "0x1"));
  const client = clientOf(server.wsUrl, 60_000);
  const waiting = [failureOf(client.send("one")), failureOf(client.send("two"))];
  await until(() => server.requests.length === 2, "both requests");
  server.dropSockets();
  for (const failure of await Promise.all(waiting)) expect(failure).toMatchObject({ name: "RetryableError", code: "rpc-closed" });
  hang = false;
  expect(await client.send("three")).toBe("0x1");
});

test("many requests share one socket", async () => {
  const server = await serve(() => 1);
  const client = clientOf(server.wsUrl);
  await Promise.all([1, 2, 3].map(() => client.send("eth_chainId")));
  expect(server.sockets.size).toBe(1);
});

describe("following heads", () => {
  /** A node whose head the test moves. */
  async function node(options: { readonly hangsOnceSubscribed?: boolean } = {}) {
    let head = 1;
    let hangs = false;
    let hangsOnceSubscribed = options.hangsOnceSubscribed ?? false;
    let failing = false;
    const server = await serve((method) => {
      if (failing) throw new Refusal("not now");
      if (method === "eth_subscribe") {
        if (hangsOnceSubscribed) hangs = true;
        hangsOnceSubscribed = false;
        return "0x5";
      }
      return hangs ? never() : { number: head };
    });
    return {
      server,
      mine(options: { readonly silently?: boolean } = {}) {
        head++;
        if (options.silently !== true) server.notify("0x5", { number: head });
      },
      hang: (now: boolean) => {
        hangs = now;
      },
      fail: (now: boolean) => {
        failing = now;
      },
      subscriptions: () => server.requests.filter(({ method }) => method === "eth_subscribe").length,
    };
  }
  function follow(client: RpcClient, pollMs = 20) {
    const heads: number[] = [];
    const faults: Error[] = [];
    const stop = client.followHeads((header) => heads.push((header as { number: number }).number), {
      pollMs,
      onFault: (cause) => faults.push(cause),
    });
    stops.push(stop);
    return { heads, faults, stop };
  }

  test("over HTTP polls for them", async () => {
    const chain = await node();
    const { heads } = follow(clientOf(chain.server.url));
    await until(() => heads.includes(1), "the present head");
    chain.mine({ silently: true });
    await until(() => heads.includes(2), "the next head");
    expect(chain.subscriptions()).toBe(0);
  });

  test("over HTTP says when the node is gone, and goes on once it is back", async () => {
    const chain = await node();
    const { heads, faults } = follow(clientOf(chain.server.url));
    await until(() => heads.length > 0, "a head");
    chain.fail(true);
    await until(() => faults.length > 0, "a fault");
    chain.fail(false);
    chain.mine({ silently: true });
    await until(() => heads.includes(2), "the head after the fault");
  });

  test("over WebSocket gives the present head at once, then each as it is announced", async () => {
    const chain = await node();
    const { heads } = follow(clientOf(chain.server.wsUrl), 5_000);
    await until(() => chain.server.requests.length === 3 && heads.length === 2, "the subscription");
    chain.mine();
    chain.mine();
    await until(() => heads.length === 4, "both heads");
    expect(heads).toEqual([1, 1, 2, 3]);
    expect(chain.server.requests.map(({ method }) => method)).toEqual(["eth_getBlockByNumber", "eth_subscribe", "eth_getBlockByNumber"]);
  });

  test("over WebSocket comes back after the server dropped the socket, with the head that was missed, and subscribed once", async () => {
    const chain = await node();
    const { heads } = follow(clientOf(chain.server.wsUrl), 5_000);
    await until(() => heads.length === 2, "the subscription");
    for (let drops = 1; drops <= 2; drops++) {
      chain.server.dropSockets();
      chain.mine({ silently: true });
      await until(() => heads.filter((head) => head === 1 + drops).length >= 2, `the head missed in drop ${drops}`);
    }
    await until(() => chain.subscriptions() === 3, "a subscription for each socket");
    chain.mine();
    await until(() => heads.includes(4), "the next announcement");
    expect(heads.filter((head) => head === 4)).toEqual([4]);
  });

  test("over WebSocket a socket dropped in the middle of subscribing is replaced by one, not two", async () => {
    const chain = await node({ hangsOnceSubscribed: true });
    follow(clientOf(chain.server.wsUrl), 5_000);
    // The request after the subscription is the one that does not come back.
    await until(() => chain.subscriptions() === 1, "the subscription");
    await until(() => chain.server.requests.length === 3, "the second question for the head");
    chain.hang(false);
    chain.server.dropSockets();
    await until(() => chain.subscriptions() >= 2, "another subscription");
    await pause(300);
    expect(chain.subscriptions()).toBe(2);
  });

  test("over WebSocket goes on asking while the server is away, ever more slowly", async () => {
    const chain = await node();
    const { faults } = follow(clientOf(chain.server.wsUrl), 5_000);
    await until(() => chain.subscriptions() === 1, "the subscription");
    await servers.splice(0)[0]?.close();
    await until(() => faults.length >= 2, "two failed attempts");
    expect(faults.every((fault) => fault instanceof RetryableError)).toBe(true);
  });

  test("over WebSocket asks for the head itself when the node announces nothing for long", async () => {
    const chain = await node();
    const { heads } = follow(clientOf(chain.server.wsUrl), 10);
    await until(() => heads.length >= 2, "the subscription");
    chain.mine({ silently: true });
    await until(() => heads.includes(2), "the head that was not announced");
  });

  test("over WebSocket leaves a socket that answers nothing any more", async () => {
    const chain = await node();
    const { heads } = follow(clientOf(chain.server.wsUrl, 100), 10);
    await until(() => heads.length >= 2, "the subscription");
    const dead = [...chain.server.sockets][0];
    chain.hang(true);
    await until(() => !chain.server.sockets.has(dead as never), "the dead socket to be left");
    chain.hang(false);
    chain.mine({ silently: true });
    await until(() => heads.includes(2), "the head over another socket");
  });

  test("what is answered after the stop is not announced any more", async () => {
    let release: (answer: object) => void = () => {};
    const server = await serve(
      () =>
        new Promise((resolve) => {
          release = resolve;
        }),
    );
    const { heads, faults, stop } = follow(clientOf(server.url));
    await until(() => server.requests.length === 1, "the question");
    stop();
    release({ number: 1 });
    await pause(100);
    expect([heads, faults, server.requests.length]).toEqual([[], [], 1]);
  });

  test.each(["url", "wsUrl"] as const)("stops when told to: %s", async (url) => {
    const chain = await node();
    const { heads, stop } = follow(clientOf(chain.server[url]));
    await until(() => heads.length >= 2, "heads");
    stop();
    await pause(50);
    const before = heads.length;
    chain.mine();
    await pause(100);
    expect(heads.length).toBe(before);
  });
});

describe("an endpoint", () => {
  test("of the right chain passes", async () => {
    const server = await serve(() => "0x2105");
    await checkChainId(clientOf(server.url), { key: "base", chainId: 8453 });
  });

  test("of another chain is refused with both ids", async () => {
    const server = await serve(() => "0x1");
    const failure = await failureOf(checkChainId(clientOf(server.url), { key: "base", chainId: 8453 }));
    expect(failure).toBeInstanceOf(UserError);
    expect(failure.message).toContain("8453");
    expect(failure.message).toContain("chain id 1");
  });

  test("is named without its path", () => {
    expect(originOf("https://node.example/v3/secret")).toBe("https://node.example");
    expect(originOf("not a url")).toBe("an endpoint that is no URL");
  });
});
