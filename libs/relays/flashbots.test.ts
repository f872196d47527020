import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { id, verifyMessage, Wallet } from "ethers";
import { afterEach, expect, test } from "vitest";
import { callBundle, sendBundle } from "#libs/relays/flashbots.ts";
import { asAddress } from "#libs/units/brand.ts";
import type { Signer } from "#libs/wallet/keystore.ts";

const searcher = new Wallet(`0x${"11".repeat(32)}`);
const identity = { address: asAddress(searcher.address), signMessage: (text: string) => searcher.signMessage(text) };
const signer: Signer = {
  address: asAddress(`0x${"22".repeat(20)}`),
  sign: () => Promise.reject(new Error("a relay client signs no transactions")),
  identity,
};
const BUNDLE = { transactions: ["0x02aa", "0x02bb"] as const, targetBlock: 17 };
const BUNDLE_HASH = `0x${"33".repeat(32)}`;

let server: Server | null = null;
const received: { headers: IncomingHttpHeaders; body: string }[] = [];
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = null;
  received.length = 0;
});

/** A relay that answers with this text, or as it likes. */
async function relay(answer: string | ((response: ServerResponse) => void), status = 200) {
  const listening = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    received.push({ headers: request.headers, body });
    if (typeof answer === "string") response.writeHead(status, { "content-type": "application/json" }).end(answer);
    else answer(response);
  });
  server = listening;
  await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
  return { name: "relay", url: `http://127.0.0.1:${(listening.address() as AddressInfo).port}` };
}
const accepted = JSON.stringify({ jsonrpc: "2.0", id: 1, result: { bundleHash: BUNDLE_HASH } });

test("a bundle is sent for exactly one block, its transactions in order", async () => {
  const to = await relay(accepted);
  expect(await sendBundle(to, signer, BUNDLE)).toEqual({ ok: true, value: { bundleHash: BUNDLE_HASH } });
  expect(JSON.parse(received[0]?.body ?? "")).toEqual({
    jsonrpc: "2.0",
    id: 1,
    method: "eth_sendBundle",
    params: [{ txs: ["0x02aa", "0x02bb"], blockNumber: "0x11" }],
  });
});

test("a bundle's hash is given in lower case, as everywhere", async () => {
  const to = await relay(JSON.stringify({ result: { bundleHash: `0x${"AB".repeat(32)}` } }));
  expect(await sendBundle(to, signer, BUNDLE)).toEqual({ ok: true, value: { bundleHash: `0x${"ab".repeat(32)}` } });
});

test("the header lets the relay recover the searcher's identity from the body", async () => {
  const to = await relay(accepted);
  await sendBundle(to, signer, BUNDLE);
  const [address, signature] = String(received[0]?.headers["x-flashbots-signature"]).split(":") as [string, string];
  expect(address).toBe(identity.address);
  expect(asAddress(verifyMessage(id(received[0]?.body ?? ""), signature))).toBe(identity.address);
  expect(asAddress(verifyMessage(id(`${received[0]?.body} `), signature))).not.toBe(identity.address);
  expect(received[0]?.headers["content-type"]).toBe("application/json");
});

test("a bundle is simulated on the state before its block", async () => {
  const value = { bundleHash: BUNDLE_HASH, totalGasUsed: 150_000, results: [{ txHash: `0x${"44".repeat(32)}`, gasUsed: 150_000 }] };
  const to = await relay(JSON.stringify({ id: 1, result: value }));
  expect(await callBundle(to, signer, BUNDLE)).toEqual({ ok: true, value });
  expect(JSON.parse(received[0]?.body ?? "")).toMatchObject({
    method: "eth_callBundle",
    params: [{ txs: ["0x02aa", "0x02bb"], blockNumber: "0x11", stateBlockNumber: "latest" }],
  });
});

test.each([
  ["an error object", '{"id":1,"error":{"code":-32000,"message":"nonce too low"}}', 200, "relay: nonce too low"],
  ["an error in words", '{"error":"unsupported"}', 400, "relay: unsupported"],
  ["an error without words", '{"error":{}}', 403, "relay: HTTP 403"],
])("%s is a refusal in the relay's words", async (_, answer, status, detail) => {
  expect(await sendBundle(await relay(answer, status), signer, BUNDLE)).toEqual({ ok: false, error: { code: "refused", detail } });
});

test.each([
  ["text that is no JSON", "<html>Bad gateway</html>", 502],
  ["nothing", "", 200],
  ["JSON that is no answer", "null", 200],
  ["an answer without a result", '{"jsonrpc":"2.0","id":1}', 200],
  ["an empty result", '{"id":1,"result":null}', 200],
  ["a result without the bundle's hash", '{"id":1,"result":{}}', 200],
  ["a hash that is none", '{"id":1,"result":{"bundleHash":"nil"}}', 200],
])("%s says nothing: the bundle may be with the relay or not", async (_, answer, status) => {
  const result = await sendBundle(await relay(answer, status), signer, BUNDLE);
  expect(result).toMatchObject({ ok: false, error: { code: "unreachable" } });
  if (!result.ok) expect(result.error.detail).toMatch(/^relay: ./);
});

test("a relay that is gone is unreachable", async () => {
  const to = await relay(accepted);
  server?.close();
  expect(await sendBundle(to, signer, BUNDLE)).toMatchObject({ ok: false, error: { code: "unreachable" } });
});

test("a relay that cuts the connection is unreachable", async () => {
  const to = await relay((response) => response.destroy());
  expect(await sendBundle(to, signer, BUNDLE)).toMatchObject({ ok: false, error: { code: "unreachable" } });
});

test("a relay that does not answer is given up before the block it is too late for", async () => {
  const to = await relay(() => {});
  const startedAtMs = performance.now();
  expect(await sendBundle(to, signer, BUNDLE)).toMatchObject({ ok: false, error: { code: "unreachable" } });
  expect(performance.now() - startedAtMs).toBeLessThan(4_000);
});
