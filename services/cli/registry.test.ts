import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { CHAINS } from "#libs/chains/index.ts";
import { type Registry, registryOf, registryText } from "#services/cli/registry.ts";

const all = { chain: null, family: null };
const MAIN = fileURLToPath(new URL("./main.ts", import.meta.url));
const hyperspeed = (...args: string[]) => spawnSync(process.execPath, [MAIN, ...args], { encoding: "utf8" });

test("every deployment of every built-in chain is listed once, with its sources one by one", () => {
  const { deployments, totals } = registryOf(all);
  expect(deployments.map(({ chain, dex }) => `${chain}/${dex}`)).toEqual(
    Object.values(CHAINS).flatMap(({ key, dexes }) => dexes.map(({ id }) => `${key}/${id}`)),
  );
  expect(totals.deployments).toBe(deployments.length);
  expect(totals.chains).toBe(Object.keys(CHAINS).length);
  expect(Object.values(totals.byFamily).reduce((sum, count) => sum + count, 0)).toBe(deployments.length);
  const uniswap = deployments.find(({ chain, dex }) => chain === "ethereum" && dex === "uniswap-v2");
  expect(uniswap).toMatchObject({ chainId: 1, feeBps: 30, factory: "0x5c69bee701ef814a2b6a3edd4b1652cb9cc5aa6f", deployBlock: 10_000_834 });
  expect(uniswap?.sources.length).toBeGreaterThan(1);
});

test("a chain and a family narrow the list together", () => {
  const { deployments } = registryOf({ chain: "base", family: "uniswap-v3" });
  expect(deployments.length).toBeGreaterThan(0);
  for (const entry of deployments) expect(entry).toMatchObject({ chain: "base", family: "uniswap-v3", feeBps: null });
});

test("a chain or family that there is none of is refused with the ones there are", () => {
  expect(() => registryOf({ ...all, chain: "atlantis" })).toThrow(expect.objectContaining({ remedy: expect.stringContaining("ethereum") }));
  expect(() => registryOf({ ...all, chain: "toString" })).toThrow(/not built in/);
  expect(() => registryOf({ ...all, family: "curve-v9" })).toThrow(
    expect.objectContaining({ remedy: expect.stringContaining("uniswap-v2") }),
  );
});

test("the table says fees in per cent, where a pool carries its own, and ends with totals", () => {
  const text = registryText(registryOf({ chain: "ethereum", family: null }));
  expect(text).toMatch(/^chain +chain id +DEX +brand +family +variant +fee +followed +address +from block +sources\n/);
  expect(text).toMatch(/ethereum +1 +pancakeswap-v2 +PancakeSwap +uniswap-v2 +uniswap-v2 +0\.25 % +yes +0x1097053f/);
  expect(text).toMatch(/uniswap-v3 +Uniswap +uniswap-v3 +uniswap-v3 +by pool +yes/);
  expect(text).toMatch(/\n\n\d+ deployments of \d+ brands on 1 chain: \d+ uniswap-v2, /);
});

test("the command prints JSON for programs, and refuses in one line with a remedy", () => {
  const { stdout, status } = hyperspeed("registry", "--chain", "mantle", "--json");
  expect(status).toBe(0);
  expect((JSON.parse(stdout) as Registry).deployments.every(({ chain }) => chain === "mantle")).toBe(true);
  const refused = hyperspeed("registry", "--family", "order-book");
  expect(refused.status).toBe(2);
  expect(refused.stderr).toMatch(/no family order-book\n {2}→ choose one of .*uniswap-v2/);
});
