import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import { afterEach, describe, expect, test } from "vitest";
import { freePort } from "#libs/actor/free-port.ts";
import { type EndpointConfig, type EndpointInput, sharedBudget } from "#libs/evm/budget.ts";
import { Endpoints } from "#libs/evm/endpoints.ts";
import { toHex } from "#libs/evm/hex.ts";
import { RpcError } from "#libs/evm/rpc.ts";
import { FakeClock, Raw, Refusal, type RpcServer, startRpcServer } from "#libs/evm/testing.ts";
import { registry } from "#libs/telemetry/metrics.ts";
import { RetryableError, UserError } from "#libs/units/invariant.ts";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

/** A node that answers every method with what `answer` gives at the time. */
async function node(
  answer: (method: string) => { result: unknown } | { error: { code: number; message: string } } | "silent",
): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { id, method } = JSON.parse(Buffer.concat(chunks).toString()) as { id: number; method: string };
      asked.push(method);
      const said = answer(method);
      if (said === "silent") response.destroy();
      else response.end(JSON.stringify({ jsonrpc: "2.0", id, ...said }));
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}
const rpcServers: RpcServer[] = [];
afterEach(async () => {
  for (const server of rpcServers.splice(0)) await server.close();
});
async function serve(answer: (method: string, params: readonly unknown[]) => unknown): Promise<RpcServer> {
  const server = await startRpcServer(answer);
  rpcServers.push(server);
  return server;
}
const never = () => new Promise(() => {});
async function hedgesWon(winner: string): Promise<number> {
  const line = (await registry.metrics())
    .split("\n")
    .find((each) => each.startsWith(`hs_rpc_hedges_total{chain="test",winner="${winner}"}`));
  return Number(line?.split(" ")[1] ?? 0);
}
const dead = async () => `http://127.0.0.1:${await freePort()}`;
const head = (number: number) => ({ result: { number: `0x${number.toString(16)}` } });

test("the first endpoint is asked as long as it answers", async () => {
  const [first, second] = [await node(() => ({ result: 1 })), await node(() => ({ result: 2 }))];
  const endpoints = new Endpoints([first.url, second.url], "test");
  expect(await endpoints.send("eth_x")).toBe(1);
  expect(second.asked).toEqual([]);
});

test("a fault moves on to the next, which is then asked first", async () => {
  let broken = true;
  const first = await node(() => (broken ? "silent" : { result: 1 }));
  const second = await node(() => ({ result: 2 }));
  const endpoints = new Endpoints([first.url, second.url], "test");
  expect(await endpoints.send("eth_x")).toBe(2);
  broken = false;
  expect(await endpoints.send("eth_x")).toBe(2);
  expect(first.asked.length).toBe(1);
});

test("a refusal is an answer and moves nothing", async () => {
  const first = await node(() => ({ error: { code: 3, message: "execution reverted" } }));
  const second = await node(() => ({ result: 2 }));
  const endpoints = new Endpoints([first.url, second.url], "test");
  await expect(endpoints.send("eth_call")).rejects.toThrow(RpcError);
  expect(second.asked).toEqual([]);
});

test("when all have failed the fault is the caller's, after each was asked once", async () => {
  const endpoints = new Endpoints([await dead(), await dead()], "test");
  await expect(endpoints.send("eth_x")).rejects.toThrow(RetryableError);
});

test("an endpoint of another chain is refused; one that is silent is told of while another answers", async () => {
  const right = await node(() => ({ result: "0x1" }));
  const faults: string[] = [];
  await new Endpoints([await dead(), right.url], "test").check({ key: "test", chainId: 1 }, (cause) => faults.push(cause.message));
  expect(faults).toEqual([expect.stringContaining("ECONNREFUSED")]);
  const wrong = await node(() => ({ result: "0x2" }));
  await expect(new Endpoints([right.url, wrong.url], "test").check({ key: "test", chainId: 1 }, () => {})).rejects.toThrow(
    "serves chain id 2",
  );
  await expect(new Endpoints([await dead(), await dead()], "test").check({ key: "test", chainId: 1 }, () => {})).rejects.toThrow("none of");
});

/** Endpoints whose time passes as the test says, and what is known of them. */
function clocked(endpoints: readonly EndpointInput[]) {
  const clock = new FakeClock();
  const made = new Endpoints(endpoints, "test", { clock });
  const slowAnswers = (url: string, method: string, ms: number) => {
    for (let count = 0; count < 40; count++) healthOf(url).succeeded(method, ms, clock.now());
  };
  /** Time passes until it is settled. */
  const settled = async <Result>(attempt: Promise<Result>): Promise<Result> => {
    let done = false;
    const mark = () => {
      done = true;
    };
    attempt.then(mark, mark);
    while (!done) {
      await later(1, null);
      clock.advance(10);
    }
    return attempt;
  };
  return { clock, endpoints: made, slowAnswers, settled };
}
const healthOf = (url: string) => sharedBudget("test", { url }).health;
const later = <Value>(ms: number, value: Value) => new Promise<Value>((resolve) => setTimeout(resolve, ms, value));
async function until(condition: () => boolean, what = "what was waited for"): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    if (tries > 1_000) throw new Error(`never came: ${what}`);
    await later(10, null);
  }
}

describe("which endpoint is asked", () => {
  test("not one that is slow while another is not, but one that is only a little slower", async () => {
    const [first, second] = [await serve(() => 1), await serve(() => 2)];
    const { endpoints, slowAnswers } = clocked([first.url, second.url]);
    slowAnswers(first.url, "eth_a", 200);
    slowAnswers(first.url, "eth_b", 900);
    for (const method of ["eth_a", "eth_b"]) slowAnswers(second.url, method, 20);
    expect(await endpoints.send("eth_a")).toBe(1);
    expect(await endpoints.send("eth_b")).toBe(2);
  });

  test("not one that lags or disagrees, unless the others fail", async () => {
    for (const flaw of ["lagging", "disagreeing"] as const) {
      let broken = false;
      const [first, second] = [await serve(() => 1), await serve(() => (broken ? new Raw("", 500) : 2))];
      const { endpoints } = clocked([first.url, second.url]);
      healthOf(first.url)[flaw] = true;
      expect(await endpoints.send("eth_x")).toBe(2);
      broken = true;
      expect(await endpoints.send("eth_x")).toBe(1);
    }
  });

  test("not one whose rate is used up while another has some left", async () => {
    const [first, second] = [await serve(() => 1), await serve(() => 2)];
    const { endpoints, clock } = clocked([{ url: first.url, requestsPerSecond: 2 }, second.url]);
    expect(await Promise.all([1, 2, 3, 4].map(() => endpoints.send("eth_x")))).toEqual([1, 1, 2, 2]);
    clock.advance(500);
    expect(await Promise.all([1, 2].map(() => endpoints.send("eth_x")))).toEqual([1, 2]);
  });

  test("another after a fault, and the first again after its rest, once it answers", async () => {
    let broken = true;
    const first = await serve(() => (broken ? new Raw("", 500) : 1));
    const second = await serve(() => 2);
    const { endpoints, clock } = clocked([first.url, second.url]);
    for (const [restMs, asked] of [
      [1_000, 1],
      [2_000, 2],
      [4_000, 3],
    ] as const) {
      for (let count = 0; count < 3; count++) expect(await endpoints.send("eth_x")).toBe(2);
      clock.advance(restMs - 1);
      expect(await endpoints.send("eth_x")).toBe(2);
      expect(first.requests).toHaveLength(asked);
      clock.advance(1);
    }
    broken = false;
    expect(await endpoints.send("eth_x")).toBe(1);
  });

  test("another after HTTP 429, and the limited one again after its pause", async () => {
    let limited = true;
    const first = await serve(() => (limited ? new Raw("", 429, { "retry-after": "2" }) : 1));
    const second = await serve(() => 2);
    const { endpoints, clock } = clocked([first.url, second.url]);
    expect(await endpoints.send("eth_x")).toBe(2);
    limited = false;
    clock.advance(1_999);
    expect(await endpoints.send("eth_x")).toBe(2);
    clock.advance(1);
    expect(await endpoints.send("eth_x")).toBe(1);
  });

  test("the same again after its pause when there is no other that answers", async () => {
    let refusals = 2;
    const only = await serve(() => (refusals-- > 0 ? new Raw("", 429, { "retry-after": "3" }) : 1));
    const { endpoints, settled } = clocked([only.url, await dead()]);
    expect(await settled(endpoints.send("eth_x"))).toBe(1);
    refusals = 99;
    await expect(settled(endpoints.send("eth_x"))).rejects.toMatchObject({ code: "rpc-rate-limited" });
    expect(only.requests).toHaveLength(3 + 3);
  });

  test("another where one does not have the block yet; when none has it, that is the answer", async () => {
    let has = true;
    const first = await serve((method) => {
      if (method === "eth_getBlockByHash") return null;
      throw new Refusal("header not found");
    });
    const second = await serve((method) => {
      if (has) return "0x2";
      if (method === "eth_getBlockByHash") return null;
      throw new Refusal("unknown block");
    });
    const endpoints = new Endpoints([first.url, second.url], "test");
    expect(await endpoints.send("eth_getBlockByHash", ["0x01", false])).toBe("0x2");
    expect(await endpoints.send("eth_call", [{}, { blockHash: "0x01" }])).toBe("0x2");
    has = false;
    expect(await endpoints.send("eth_getBlockByHash", ["0x01", false])).toBeNull();
    await expect(endpoints.send("eth_call", [{}, { blockHash: "0x01" }])).rejects.toMatchObject({
      name: "RpcError",
      message: "eth_call: header not found",
    });
    expect(healthOf(first.url).score(performance.now())).toBeGreaterThan(0.99);
  });

  test("a transaction that is not mined yet has no receipt anywhere: nobody else is asked", async () => {
    const [first, second] = [await serve(() => null), await serve(() => ({}))];
    expect(await new Endpoints([first.url, second.url], "test").send("eth_getTransactionReceipt", ["0x01"])).toBeNull();
    expect(second.requests).toEqual([]);
  });

  test("of two keys at one host each has its name", async () => {
    const server = await serve(() => new Raw("", 500));
    const endpoints = new Endpoints([`${server.url}/a-first-long-key`, `${server.url}/a-second-long-key`], "two-keys");
    await expect(endpoints.send("eth_x")).rejects.toThrow(RetryableError);
    const host = new URL(server.url).host;
    const lines = (await registry.metrics()).split("\n").filter((line) => line.startsWith('hs_rpc_endpoint_score{chain="two-keys"'));
    expect(lines.map((line) => line.match(/endpoint="([^"]*)"/)?.[1])).toEqual([host, `${host}#2`]);
  });
});

describe("logs over a range", () => {
  const filter = (blocks: number) => [{ fromBlock: "0x1", toBlock: toHex(blocks) }];

  test("are asked of an endpoint that takes so many blocks, whatever the order", async () => {
    const [narrow, wide] = [await serve(() => 1), await serve(() => 2)];
    const endpoints = new Endpoints(
      [
        { url: narrow.url, maxLogRange: 500 },
        { url: wide.url, maxLogRange: 10_000 },
      ],
      "test",
    );
    expect(endpoints.maxLogRange).toBe(10_000);
    expect(await endpoints.send("eth_getLogs", filter(500))).toBe(1);
    expect(await endpoints.send("eth_getLogs", filter(501))).toBe(2);
    expect(await endpoints.send("eth_getLogs", [{ blockHash: "0x01" }])).toBe(1);
  });

  test("are refused without a request where none takes so many", async () => {
    const only = await serve(() => 1);
    const endpoints = new Endpoints([{ url: only.url, maxLogRange: 500 }], "test");
    await expect(endpoints.send("eth_getLogs", filter(501))).rejects.toBeInstanceOf(RpcError);
    expect(only.requests).toEqual([]);
    expect(await endpoints.for("discovery").send("eth_getLogs", filter(500))).toBe(1);
  });
});

describe("a hedged read", () => {
  /** Two endpoints. The first answered in 50 ms so far, and now answers when the test says. */
  async function pair(second: (method: string) => unknown = () => 2, limits: Partial<EndpointConfig> = {}) {
    const open: ((answer: unknown) => void)[] = [];
    const servers = [await serve(() => new Promise((resolve) => open.push(resolve))), await serve(second)] as const;
    const { clock, endpoints, slowAnswers } = clocked([servers[0].url, { url: servers[1].url, ...limits }]);
    for (const method of ["eth_call", "eth_sendRawTransaction", "eth_getLogs"]) slowAnswers(servers[0].url, method, 50);
    return {
      clock,
      endpoints,
      first: servers[0],
      second: servers[1],
      async asked(count: number) {
        await until(() => servers[0].requests.length === count, `request ${count}`);
      },
      answer: (result: unknown) => {
        for (const resolve of open.splice(0)) resolve(result);
      },
    };
  }

  test("is answered by the second endpoint when the first takes longer than it did for 95 of 100", async () => {
    const { clock, first, second, endpoints, asked } = await pair();
    const before = await hedgesWon("second");
    const answer = endpoints.for("simulation").send("eth_call", ["x"]);
    await asked(1);
    clock.advance(49);
    await later(20, null);
    expect(second.requests).toEqual([]);
    clock.advance(1);
    expect(await answer).toBe(2);
    expect([first.requests, second.requests]).toEqual([[{ method: "eth_call", params: ["x"] }], [{ method: "eth_call", params: ["x"] }]]);
    expect(await hedgesWon("second")).toBe(before + 1);
    // Slow is no fault.
    expect(healthOf(first.url).failing(clock.now())).toBe(false);
  });

  test("does not ask a second endpoint when the first answers in time", async () => {
    const { clock, second, endpoints, asked, answer } = await pair();
    for (let count = 1; count <= 20; count++) {
      const answered = endpoints.send("eth_call");
      await asked(count);
      answer(1);
      expect(await answered).toBe(1);
      clock.advance(100);
    }
    await later(20, null);
    expect(second.requests).toEqual([]);
  });

  test("is given up at the endpoint that lost", async () => {
    const { clock, first, endpoints, asked } = await pair();
    const gone = new Promise<void>((resolve) => first.onGivenUp(resolve));
    const answer = endpoints.send("eth_call");
    await asked(1);
    clock.advance(50);
    expect(await answer).toBe(2);
    await gone;
  });

  test("takes the first's answer when the second only refuses", async () => {
    const before = await hedgesWon("first");
    const { clock, second, endpoints, asked, answer } = await pair(() => Promise.reject(new Refusal("the method does not exist", -32_601)));
    const answered = endpoints.send("eth_call");
    await asked(1);
    clock.advance(50);
    await until(() => second.requests.length === 1);
    await later(20, null);
    answer(1);
    expect(await answered).toBe(1);
    expect(await hedgesWon("first")).toBe(before + 1);
  });

  test("takes a refusal of the first as the answer it is", async () => {
    const { clock, second, endpoints, asked, answer } = await pair(never);
    const answered = endpoints.send("eth_call");
    await asked(1);
    clock.advance(50);
    await until(() => second.requests.length === 1);
    answer(new Raw('{"jsonrpc":"2.0","id":1,"error":{"code":3,"message":"execution reverted"}}'));
    await expect(answered).rejects.toBeInstanceOf(RpcError);
  });

  test("fails over as usual when both fail", async () => {
    const { clock, second, endpoints, asked, answer } = await pair(() => new Raw("", 500));
    const answered = endpoints.send("eth_call");
    await asked(1);
    clock.advance(50);
    await until(() => second.requests.length === 1);
    answer(new Raw("", 500));
    await expect(answered).rejects.toMatchObject({ code: "rpc-http-status" });
  });

  test("is no transaction, and nothing that can wait", async () => {
    const { clock, second, endpoints, asked, answer } = await pair();
    const sent = [endpoints.for("submission").send("eth_sendRawTransaction", ["0x"]), endpoints.for("discovery").send("eth_getLogs", [{}])];
    await asked(2);
    clock.advance(10_000);
    await later(50, null);
    answer(1);
    expect(await Promise.all(sent)).toEqual([1, 1]);
    expect(second.requests).toEqual([]);
  });

  test("is one of ten at most, after the first ten", async () => {
    const { clock, second, endpoints, asked, answer } = await pair(never);
    for (const [count, total] of [
      [40, 40],
      [55, 95],
      [4, 99],
    ] as const) {
      const sent = Array.from({ length: count }, () => endpoints.send("eth_call"));
      await asked(total);
      clock.advance(50);
      await later(50, null);
      answer(1);
      await Promise.all(sent);
    }
    expect(second.requests).toHaveLength(10 + 5);
  });

  test("does not wait for the second endpoint's rate", async () => {
    const { clock, second, endpoints, asked, answer } = await pair(() => 2, { requestsPerSecond: 1 });
    const sent = [endpoints.send("eth_call"), endpoints.send("eth_call")];
    await asked(2);
    clock.advance(50);
    expect(await sent[0]).toBe(2);
    answer(1);
    expect(await sent[1]).toBe(1);
    expect(second.requests).toHaveLength(1);
  });
});

test("a batch fails over as a whole", async () => {
  let broken = true;
  const first = await serve((_, [value]) => (broken ? new Raw("", 500) : value));
  const second = await serve((_, [value]) => `second ${value}`);
  const endpoints = new Endpoints([first.url, second.url], "test");
  const calls = [1, 2].map((value) => ({ method: "eth_getCode", params: [value] }));
  // A server that fails a whole batch, as a proxy does.
  first.refuseBatches(() => (broken ? new Raw("", 502) : null));
  expect(await endpoints.batch(calls)).toEqual(["second 1", "second 2"]);
  broken = false;
  expect(await new Endpoints([first.url], "test").batch(calls)).toEqual([1, 2]);
});

test("a batch goes to another endpoint where one lacks a block that it asks about", async () => {
  const first = await serve((_, [value]) => {
    if (value === 2) throw new Refusal("unknown block");
    return value;
  });
  const second = await serve((_, [value]) => `second ${value}`);
  const calls = [1, 2].map((value) => ({ method: "eth_getLogs", params: [value] }));
  expect(await clocked([first.url, second.url]).endpoints.batch(calls)).toEqual(["second 1", "second 2"]);
  await expect(clocked([first.url]).endpoints.batch(calls)).rejects.toBeInstanceOf(RpcError);
});

test("whatever the endpoints do, a read is answered rightly or fails as a fault: seeded", async () => {
  const random = xoroshiro128plus(Number(process.env.SEED ?? 1));
  const dice = (sides: number) => uniformInt(random, 0, sides - 1);
  const misbehave = async (_: string, [value]: readonly unknown[]) => {
    switch (dice(12)) {
      case 0:
        return new Raw("oops", 500);
      case 1:
        return new Raw("<html>", 200);
      case 2:
        return new Raw("", 429, { "retry-after": "0.01" });
      case 3:
        await later(30, null);
        return value;
      case 4:
        throw new Refusal("header not found");
      default:
        return value;
    }
  };
  const nodes = [await serve(misbehave), await serve(misbehave), await serve((_, [value]) => value)];
  const endpoints = new Endpoints([nodes[0]?.url, nodes[1]?.wsUrl, nodes[2]?.url] as string[], "test");
  const dropping = setInterval(() => nodes[1]?.dropSockets(), 15);
  try {
    for (let round = 0; round < 20; round++) {
      const asked = Array.from({ length: 20 }, (_, index) => round * 20 + index);
      expect(await Promise.all(asked.map((value) => endpoints.send("eth_call", [value])))).toEqual(asked);
    }
  } finally {
    clearInterval(dropping);
    await endpoints.close();
  }
});

describe("a quorum", () => {
  test.each([
    [2, 1],
    [2, 4],
    [0, 0],
  ])("of %s of %s endpoints is none", (quorum, count) => {
    const urls = Array.from({ length: count }, (_, index) => `http://127.0.0.1:${index + 1}`);
    expect(() => new Endpoints(urls, "test", { quorum })).toThrow(UserError);
  });

  test("announces a head when so many endpoints have it, and not what one alone has", async () => {
    const blocks = [1, 1, 1];
    const hashes = ["a", "a", "a"];
    const nodes = await Promise.all(
      blocks.map((_, index) =>
        serve(() => ({
          number: toHex(blocks[index] as number),
          hash: `${hashes[index]}${blocks[index]}`,
          parentHash: `a${(blocks[index] as number) - 1}`,
        })),
      ),
    );
    const endpoints = new Endpoints(
      nodes.map(({ url }) => url),
      "test",
      { quorum: 2 },
    );
    const heads: string[] = [];
    const faults: string[] = [];
    const stop = endpoints.followHeads((header) => heads.push((header as { hash: string }).hash), {
      pollMs: 10,
      onFault: (cause) => faults.push(cause.message),
    });
    await until(() => heads.includes("a1"));
    // One that sees blocks that nobody else has.
    hashes[0] = "z";
    blocks[0] = 2;
    const polls = nodes[0]?.requests.length ?? 0;
    await until(() => (nodes[0]?.requests.length ?? 0) > polls + 5);
    expect(heads).toEqual(["a1"]);
    blocks[1] = 2;
    blocks[2] = 2;
    await until(() => heads.includes("a2"));
    expect(heads).toEqual(["a1", "a2"]);
    // One that stays behind.
    blocks.splice(0, 3, 2, 400, 400);
    await until(() => heads.includes("a400") && healthOf(nodes[0]?.url as string).lagging);
    expect(healthOf(nodes[1]?.url as string).lagging).toBe(false);
    stop();
    expect(faults).toEqual([]);
  });
});

test("heads are taken from another endpoint when the followed one falls behind", async () => {
  const clock = new FakeClock();
  const numbers = [10, 10];
  const nodes = await Promise.all(
    numbers.map((_, index) =>
      serve((method) =>
        method === "eth_blockNumber" ? toHex(numbers[index] as number) : { number: toHex(numbers[index] as number), from: index },
      ),
    ),
  );
  const endpoints = new Endpoints(
    nodes.map(({ url }) => url),
    "test",
    { clock },
  );
  const from: number[] = [];
  const faults: string[] = [];
  const stop = endpoints.followHeads((header) => from.push((header as { from: number }).from), {
    pollMs: 200,
    onFault: (cause) => faults.push(cause.message),
  });
  /** While no request to the followed one is under way, which would seem to take as long. */
  const comparison = async () => {
    const heads = from.length;
    await until(() => from.length > heads, "a head");
    clock.advance(15_000);
  };
  numbers[1] = 11;
  await comparison();
  await until(() => (nodes[1]?.requests.length ?? 0) > 0, "a comparison");
  await later(300, null);
  // One head may have come from a hedge, if a request was under way when the clock jumped.
  expect(from.at(-1)).toBe(0);
  expect(faults).toEqual([]);
  numbers[1] = 200;
  await comparison();
  await until(() => from.includes(1), "a head of the second endpoint");
  expect(faults).toEqual([expect.stringMatching(/is 190 blocks behind/)]);
  // It has caught up: being preferred, it is followed again.
  numbers[0] = 200;
  await comparison();
  await until(() => from.at(-1) === 0, "a head of the first endpoint again");
  stop();
});

test("heads go on from the next endpoint when one is lost", async () => {
  let lost = false;
  const first = await node(() => (lost ? "silent" : head(7)));
  const second = await node(() => head(8));
  const endpoints = new Endpoints([first.url, second.url], "test");
  const heads: number[] = [];
  const faults: Error[] = [];
  const stop = endpoints.followHeads((header) => heads.push(Number((header as { number: string }).number)), {
    pollMs: 20,
    onFault: (cause) => faults.push(cause),
  });
  while (heads.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
  lost = true;
  while (!heads.includes(8)) await new Promise((resolve) => setTimeout(resolve, 5));
  stop();
  expect(heads[0]).toBe(7);
  expect(faults.length).toBe(1);
  const seen = heads.length;
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(heads.length).toBe(seen);
});
