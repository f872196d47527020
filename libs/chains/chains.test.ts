import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import type { ChainConfig } from "#libs/chains/chain.ts";
import { CHAINS, chainOf } from "#libs/chains/index.ts";
import { familyOf } from "#libs/dex/registry.ts";

const TOKEN = /^[a-z0-9][a-z0-9_-]*$/;
const ADDRESS = /^0x[0-9a-f]{40}$/;
const NO_CHAIN = new Set(["chain.ts", "index.ts", "system-config.ts"]);

const chains = Object.entries(CHAINS);
const repeated = (values: readonly (string | number)[]) => values.filter((value, index) => values.indexOf(value) !== index);
const addressesOf = ({ wrappedNative, multicall3, tokens, dexes, flashLenders }: ChainConfig) => [
  wrappedNative,
  multicall3,
  ...tokens.map(({ address }) => address),
  ...dexes.map(({ factory }) => factory),
  ...flashLenders.map(({ address }) => address),
];

test("every file of data is a chain in the table, under its own key", () => {
  const files = readdirSync(import.meta.dirname).filter(
    (file) => file.endsWith(".ts") && !file.endsWith(".test.ts") && !NO_CHAIN.has(file),
  );
  expect(chains.map(([key]) => `${key}.ts`).toSorted()).toEqual(files.toSorted());
  for (const [key, chain] of chains) expect(chain.key).toBe(key);
});

test("chain ids and keys are unique, and keys are subject tokens", () => {
  expect(repeated(chains.map(([, { chainId }]) => chainId))).toEqual([]);
  for (const [key] of chains) expect(key).toMatch(TOKEN);
});

test.each(chains)("%s: addresses are lower-case, and none stands for two things of a kind", (_, chain) => {
  for (const address of addressesOf(chain)) expect(address).toMatch(ADDRESS);
  expect(repeated(chain.tokens.map(({ address }) => address))).toEqual([]);
  expect(repeated(chain.tokens.map(({ symbol }) => symbol))).toEqual([]);
  expect(repeated(chain.dexes.map(({ factory }) => factory))).toEqual([]);
});

test.each(chains)("%s: DEXes, lenders and relays have ids of their own, fit for a subject", (_, { dexes, flashLenders, relays }) => {
  expect(dexes.length).toBeGreaterThan(0);
  for (const ids of [dexes.map(({ id }) => id), flashLenders.map(({ id }) => id), relays.map(({ name }) => name)]) {
    expect(repeated(ids)).toEqual([]);
    for (const id of ids) expect(id).toMatch(TOKEN);
  }
  for (const { url } of relays) expect(new URL(url).protocol).toBe("https:");
});

test.each(chains)(
  "%s: has a dollar of its own, and price feeds of tokens on its list, each with its source",
  (_, { tokens, priceFeeds = [] }) => {
    expect(tokens.some(({ stable }) => stable === true)).toBe(true);
    const listed = new Set(tokens.map(({ address }) => address));
    for (const { token, address, source } of priceFeeds) {
      expect(listed).toContain(token);
      expect(address).toMatch(ADDRESS);
      expect(source).not.toBe("");
    }
    expect(repeated(priceFeeds.map(({ token }) => token))).toEqual([]);
    expect(repeated(priceFeeds.map(({ address }) => address))).toEqual([]);
  },
);

test.each(chains)("%s: the wrapped native coin is one of its tokens, with 18 decimals", (_, { wrappedNative, tokens }) => {
  expect(tokens.find(({ address }) => address === wrappedNative)?.decimals).toBe(18);
});

test.each(chains)("%s: every DEX names a variant that its family has, and where its address comes from", (_, { dexes }) => {
  for (const { family, variant, source, brand } of dexes) {
    expect(familyOf(family).variants).toContain(variant);
    expect(source).not.toBe("");
    expect(brand).not.toBe("");
  }
});

test.each(chains)("%s: a fee is stated where pools do not carry it, and only there", (_, { dexes }) => {
  for (const { id, family, variant, feeBps } of dexes) {
    const isStated = family === "uniswap-v2" && (variant === "uniswap-v2" || variant === "echodex-v2");
    if (isStated) expect(feeBps, id).toBeGreaterThan(0);
    else expect(feeBps, id).toBeUndefined();
  }
});

test("there are over 200 deployments of over 60 brands, and the ones that two publishers agree on are followed unless others are named", () => {
  const all = chains.flatMap(([, { dexes }]) => dexes);
  expect(all.length).toBeGreaterThanOrEqual(200);
  expect(new Set(all.map(({ brand }) => brand)).size).toBeGreaterThanOrEqual(60);
  const section = { rpc: ["https://example.org"] };
  for (const [key, { dexes }] of chains) expect(chainOf(key, section).dexes).toEqual(dexes.filter(({ verified }) => verified));
  const unverified = CHAINS.arbitrum?.dexes.find(({ verified }) => !verified);
  expect(chainOf("arbitrum", { ...section, dexes: [unverified?.id ?? "none"] }).dexes).toEqual([unverified]);
  expect(() => chainOf("arbitrum", { ...section, dexes: ["atlantis"] })).toThrow(/no DEX of arbitrum/);
});
