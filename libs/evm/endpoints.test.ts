import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { freePort } from "#libs/actor/free-port.ts";
import { Endpoints } from "#libs/evm/endpoints.ts";
import { RpcError } from "#libs/evm/rpc.ts";
import { RetryableError } from "#libs/units/invariant.ts";

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
