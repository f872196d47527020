import { afterAll, beforeAll, expect, test } from "vitest";
import { addressOf, deployOurs } from "#libs/contracts/testing.ts";
import { type DexTestChain, startDexTestChain } from "#libs/dex/testing.ts";
import { probeTokens } from "#libs/dex/token-quality.ts";
import { RpcClient } from "#libs/evm/rpc.ts";
import { type Address, asAddress } from "#libs/units/brand.ts";

/** In the order of OddToken.sol. */
const ODDITIES = ["returns nothing", "taxes everyone", "taxes sales", "paused", "refuses sales", "earns interest"] as const;
const POOL = asAddress(`0x${"b0".repeat(20)}`);
const AMOUNT = 10n ** 24n;

let dex: DexTestChain;
let client: RpcClient;
let at: { blockHash: string; timestamp: number };
const tokens = new Map<string, Address>();

beforeAll(async () => {
  dex = await startDexTestChain([18]);
  client = new RpcClient(dex.chain.url, "test");
  for (const [index, oddity] of ODDITIES.entries())
    tokens.set(oddity, await addressOf(await deployOurs(dex.chain.signer, "OddToken", [index, POOL, AMOUNT])));
  const [plain] = dex.tokens as [Address];
  await dex.mint(plain, POOL, AMOUNT);
  tokens.set("plain", plain);
  const head = await client.send<{ hash: string; timestamp: string }>("eth_getBlockByNumber", ["latest", false]);
  at = { blockHash: head.hash, timestamp: Number(head.timestamp) };
}, 60_000);

afterAll(async () => {
  await client.close();
  await dex.stop();
});

const verdictOf = async (name: string, holder: Address = POOL) =>
  (await probeTokens(client, at, [{ token: tokens.get(name) as Address, holder }]))[0];

test("a plain token passes, with or without a return value, and nothing of the probe stays", async () => {
  expect(await verdictOf("plain")).toEqual({ ok: true });
  expect(await verdictOf("returns nothing")).toEqual({ ok: true });
  expect(await client.send("eth_getCode", [POOL, "latest"])).toBe("0x");
});

test.each([
  ["taxes everyone", "tax", /^of 10000000000000000000000 sent, 10000000000000000000000 are taken and 9900000000000000000000 arrive$/],
  ["taxes sales", "tax", /^of 10000000000000000000000 sent back, .* and 9900000000000000000000 arrive$/],
  ["paused", "refused", /out of the pool fails$/],
  ["refuses sales", "refused", /back into the pool fails$/],
  ["earns interest", "rebase", /a day later$/],
])("a token that %s is found out", async (name, code, detail) => {
  expect(await verdictOf(name)).toEqual({ ok: false, code, detail: expect.stringMatching(detail) });
});

test("a pool that holds none proves nothing, and what is no token is said to be none", async () => {
  expect(await verdictOf("plain", asAddress(`0x${"b1".repeat(20)}`))).toMatchObject({ ok: false, code: "no-balance" });
  tokens.set("nothing", asAddress(`0x${"b2".repeat(20)}`));
  expect(await verdictOf("nothing")).toMatchObject({ ok: false, code: "unreadable" });
});
