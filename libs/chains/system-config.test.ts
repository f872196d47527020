import { expect, test } from "vitest";
import { parseSystemConfig } from "#libs/chains/system-config.ts";

const parse = (rpc: unknown, more: object = {}) =>
  parseSystemConfig({ nats: { servers: ["nats://127.0.0.1:4222"] }, chains: { base: { rpc, ...more } } }, "test", {
    KEYED: "https://provider.example/secret-key",
  });

test("an endpoint is a URL, or an object with what is known of it, from the environment or not", () => {
  const known = {
    url: "env:KEYED",
    name: "provider-a",
    requestsPerSecond: 2.5,
    unitsPerSecond: 500,
    unitsByMethod: { default: 20, eth_call: 26 },
    pricePerMillionUnits: 0.45,
    maxBatch: 100,
    maxLogRange: 10_000,
  };
  const { base } = parse(["wss://node.example", known], { rpcQuorum: 2 }).chains;
  expect(base?.rpc).toEqual(["wss://node.example", { ...known, url: "https://provider.example/secret-key" }]);
  expect(base?.rpcQuorum).toBe(2);
});

test.each([
  ["a scheme that is none", ["ftp://secret-key"], /rpc\/0 must match pattern/],
  ["a misspelt field", [{ url: "env:KEYED", requestPerSecond: 3 }], /rpc\/0 must not have additional properties \(requestPerSecond\)/],
  ["a rate of nothing", ["https://a.example", { url: "env:KEYED", requestsPerSecond: 0 }], /rpc\/1\/requestsPerSecond must be > 0/],
  ["a name that could be a URL", [{ url: "env:KEYED", name: "https://a/key" }], /rpc\/0\/name must match pattern/],
  ["no endpoint at all", [], /rpc must not have fewer than 1 items/],
])("%s is refused by its field, without a word of the key", (_, rpc, message) => {
  expect(() => parse(rpc)).toThrow(message);
  expect(() => parse(rpc)).not.toThrow(/secret-key/);
});
