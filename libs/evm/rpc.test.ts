import { afterEach, describe, expect, test } from "vitest";
import { checkChainId, originOf, RpcClient, RpcError } from "#libs/evm/rpc.ts";
import { Raw, Refusal, type RpcServer, startRpcServer } from "#libs/evm/testing.ts";
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
    method === "plain" ? new Raw("Too Many Requests", 429) : new Raw('{"id":1,"error":{"code":-32005,"message":"limit"}}', 429),
  );
  const client = clientOf(server.url);
  expect(await failureOf(client.send("plain"))).toMatchObject({ name: "RetryableError", code: "rpc-http-status" });
  expect(await failureOf(client.send("json"))).toMatchObject({ name: "RpcError", code: -32_005 });
});

test("a request can be given up", async () => {
  const server = await serve(never);
  const failure = await failureOf(clientOf(server.url).send("eth_call", [], AbortSignal.timeout(50)));
  expect(failure).toBeInstanceOf(RetryableError);
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
