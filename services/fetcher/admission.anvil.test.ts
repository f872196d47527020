import { afterAll, beforeAll, expect, test } from "vitest";
import type { ChainConfig, DexDeployment } from "#libs/chains/chain.ts";
import { addressOf, deployOurs, deployPublished } from "#libs/contracts/testing.ts";
import type { PoolInfo } from "#libs/dex/family.ts";
import { type DexTestChain, deploymentOf, startDexTestChain } from "#libs/dex/testing.ts";
import { uniswapV2 } from "#libs/dex/uniswap-v2/index.ts";
import { readerAt } from "#libs/evm/chain-reader.ts";
import { addressWord, toHex } from "#libs/evm/hex.ts";
import { RpcClient } from "#libs/evm/rpc.ts";
import { type Address, asAddress } from "#libs/units/brand.ts";
import { invariant } from "#libs/units/invariant.ts";
import type { StateRowOf } from "#proto/pool/v1/state.ts";
import { Admission } from "#services/fetcher/admission.ts";

const ETHER = 10n ** 18n;
/** OddToken.sol: Oddity.TaxesEveryone. */
const TAXES_EVERYONE = 1;

let dex: DexTestChain;
let client: RpcClient;
let chain: ChainConfig;
let deployment: DexDeployment;
let native: Address;
let dollar: Address;
const pools = {} as Record<"native/dollar" | "deep" | "small" | "taxed" | "empty", PoolInfo<"uniswap-v2">>;

const at = async () => {
  const head = await client.send<{ hash: string; timestamp: string }>("eth_getBlockByNumber", ["latest", false]);
  return { blockHash: head.hash, timestamp: Number(head.timestamp) };
};
const readAll = async (infos: readonly PoolInfo<"uniswap-v2">[]): Promise<StateRowOf<"uniswap-v2">[]> =>
  uniswapV2.read(readerAt(client, { multicall3: chain.multicall3, ...(await at()) }), deployment, infos);

async function pairOf(tokenA: Address, tokenB: Address, amountA: bigint, amountB: bigint): Promise<PoolInfo<"uniswap-v2">> {
  const [token0, token1] = [tokenA, tokenB].toSorted() as [Address, Address];
  const [reserve0, reserve1] = token0 === tokenA ? [amountA, amountB] : [amountB, amountA];
  const spec = { factory: deployment.factory, token0, token1, reserve0, reserve1 };
  const { ok, logs } = await dex.send(dex.trader, dex.market.interface.encodeFunctionData("loadPairs", [[spec]]));
  const log = logs.find(([address]) => address === deployment.factory);
  invariant(ok && log !== undefined, "no pair");
  return uniswapV2.decodeCreated(log, deployment) as PoolInfo<"uniswap-v2">;
}

beforeAll(async () => {
  dex = await startDexTestChain([18, 6, 18, 18]);
  client = new RpcClient(dex.chain.url, "test");
  const { signer } = dex.chain;
  const factory = await addressOf(await deployPublished(signer, "@uniswap/v2-core/build/UniswapV2Factory.json", [dex.trader]));
  deployment = deploymentOf("uniswap-v2", factory, { feeBps: 30 });
  const [first, second, third, fourth] = dex.tokens as [Address, Address, Address, Address];
  [native, dollar] = [first, second];
  chain = {
    key: "test",
    chainId: 31_337,
    name: "Test",
    nativeSymbol: "ETH",
    wrappedNative: native,
    multicall3: await addressOf(await deployOurs(signer, "Multicall3", [])),
    blockTimeMs: 1_000,
    tokens: [
      { address: native, symbol: "WETH", decimals: 18 },
      { address: dollar, symbol: "USD", decimals: 18, stable: true },
    ],
    dexes: [deployment],
    flashLenders: [],
    relays: [],
  };
  // 2,000 dollars a coin: all of the dollar's decimals are as good as 18 here.
  pools["native/dollar"] = await pairOf(native, dollar, 100n * ETHER, 200_000n * ETHER);
  pools.deep = await pairOf(native, third, 10n * ETHER, 5n * ETHER);
  pools.small = await pairOf(dollar, third, 40n * ETHER, ETHER / 100n);
  // A pair that takes its taxed token from what it is given: made by hand, as a factory does not mind.
  const pair = asAddress(`0x${"7a".repeat(20)}`);
  const odd = await addressOf(await deployOurs(signer, "OddToken", [TAXES_EVERYONE, pair, 1_000n * ETHER]));
  const [token0, token1] = [native, odd].toSorted() as [Address, Address];
  await client.send("anvil_setCode", [pair, await client.send("eth_getCode", [pools.deep.pool, "latest"])]);
  const word = (value: bigint) => `0x${value.toString(16).padStart(64, "0")}`;
  const half = 1_000n * ETHER;
  for (const [slot, value] of [
    [5, BigInt(factory)],
    [6, BigInt(token0)],
    [7, BigInt(token1)],
    [8, (half << 112n) | half],
    [12, 1n],
  ] as const)
    await client.send("anvil_setStorageAt", [pair, toHex(slot), word(value)]);
  await dex.mint(native, pair, half);
  pools.taxed = { pool: pair, tokens: [token0, token1], facts: {} };
  const created = await dex.send(factory, `0xc9c65396${[third, fourth].map(addressWord).join("")}`);
  pools.empty = uniswapV2.decodeCreated(created.logs[0] as (typeof created.logs)[number], deployment) as PoolInfo<"uniswap-v2">;
}, 60_000);

afterAll(async () => {
  await client.close();
  await dex.stop();
});

const admission = (rules = { minTvlUsd: 10_000, minTvlNative: 5 }, of = deployment) => new Admission(client, chain, of, rules);

test("deep pools of sound tokens are admitted with their states; the others are refused for what they lack", async () => {
  const infos = Object.values(pools);
  const { admitted, rows, refused } = await admission().judge(infos, await at());
  expect(admitted).toEqual([pools["native/dollar"], pools.deep]);
  expect(rows).toEqual(await readAll([pools["native/dollar"], pools.deep]));
  expect(refused.map(({ pool, code }) => [pool, code]).toSorted()).toEqual(
    [
      [pools.small.pool, "small"],
      [pools.taxed.pool, "token-tax"],
      [pools.empty.pool, "not-live"],
    ].toSorted(),
  );
});

test("a token is asked of who holds most of it, and of somebody else where that is nobody", async () => {
  const holders: string[] = [];
  const listening = {
    send: (method: string, params: readonly unknown[] = []) => {
      const [call, , overrides] = params as [{ to?: string }?, unknown?, object?];
      if (method === "eth_call" && call?.to !== undefined && call.to in (overrides ?? {})) holders.push(call.to);
      return client.send(method, params);
    },
  } as typeof client;
  const rules = { minTvlUsd: 10_000, minTvlNative: 5 };
  await new Admission(listening, chain, deployment, rules).judge([pools["native/dollar"], pools.deep], await at());
  expect(holders.filter((holder) => holder === pools["native/dollar"].pool)).toHaveLength(2);

  // It says 1,000 of each and has none.
  const hollow = { ...pools.taxed, pool: asAddress(`0x${"7b".repeat(20)}`), tokens: pools.deep.tokens };
  await client.send("anvil_setCode", [hollow.pool, await client.send("eth_getCode", [pools.deep.pool, "latest"])]);
  for (const slot of [5, 6, 7, 8, 12]) {
    const of = slot === 8 ? pools.taxed.pool : pools.deep.pool;
    await client.send("anvil_setStorageAt", [hollow.pool, toHex(slot), await client.send("eth_getStorageAt", [of, toHex(slot), "latest"])]);
  }
  const judge = admission();
  expect((await judge.judge([hollow], await at())).refused.map(({ code }) => code)).toEqual(["token-no-balance"]);
  expect((await judge.judge([pools.deep], await at())).admitted).toEqual([pools.deep]);
});

test("what counts as small is a matter of the rules, in coins where no stable coin has a price", async () => {
  const infos = [pools["native/dollar"], pools.deep, pools.small];
  expect((await admission({ minTvlUsd: 0, minTvlNative: 0 }).judge(infos, await at())).admitted).toEqual(infos);
  expect((await admission({ minTvlUsd: 300_000, minTvlNative: 0 }).judge(infos, await at())).admitted).toEqual([pools["native/dollar"]]);
  // Alone, the pool has no dollar in it: 20 coins on both sides.
  const alone = (minTvlNative: number) => admission({ minTvlUsd: 10 ** 12, minTvlNative });
  expect((await alone(19).judge([pools.deep], await at())).admitted).toEqual([pools.deep]);
  expect((await alone(21).judge([pools.deep], await at())).refused[0]?.code).toBe("small");
});

test("a followed pool is small below half of what a new one needs", async () => {
  const judge = admission({ minTvlUsd: 300_000, minTvlNative: 0 });
  await judge.learn([pools["native/dollar"], pools.deep], await at());
  const info = pools["native/dollar"];
  const [row] = await readAll([info]);
  const state = uniswapV2.created();
  uniswapV2.applyRow(state, row as StateRowOf<"uniswap-v2">);
  const whole = uniswapV2.holdings(info, state);
  const curve = uniswapV2.curve(info, state);
  const ordered = (share: bigint) => [{ info, amounts: whole.map((amount) => (amount * share) / 100n), curve }];
  expect(judge.small(ordered(100n))).toEqual([]);
  expect(judge.small(ordered(40n))).toEqual([]);
  expect(judge.small(ordered(36n))).toEqual([pools["native/dollar"].pool]);
});

test("a pool whose quotes are not the chain's is refused", async () => {
  const { admitted, refused } = await admission(undefined, { ...deployment, feeBps: 25 }).judge([pools["native/dollar"]], await at());
  expect(admitted).toEqual([]);
  expect(refused).toEqual([
    { pool: pools["native/dollar"].pool, code: "quote", detail: expect.stringMatching(/we say \d+, the pool \d+/) },
  ]);
});

test("a check agrees with a right state, and names one that is not the chain's, or a pool that is gone", async () => {
  const judge = admission();
  const infos = [pools["native/dollar"], pools.deep];
  const rows = await readAll(infos);
  expect(await judge.check(infos, rows, await at())).toEqual([]);
  const [first, second] = rows as [StateRowOf<"uniswap-v2">, StateRowOf<"uniswap-v2">];
  const wrong: StateRowOf<"uniswap-v2"> = [first[0], (BigInt(first[1]) + 1n).toString(), first[2], first[3], first[4]];
  expect(await judge.check(infos, [wrong, second], await at())).toEqual([
    { pool: first[0], code: "state", detail: expect.stringContaining(wrong[1]) },
  ]);
  const gone = { ...pools.deep, pool: asAddress(`0x${"99".repeat(20)}`) };
  const held: typeof second = [gone.pool, second[1], second[2], second[3], second[4]];
  expect(await judge.check([gone], [held], await at())).toEqual([expect.objectContaining({ pool: gone.pool, code: "gone" })]);
  // Drained, and we know it.
  expect(await judge.check([pools.empty], [[pools.empty.pool, "0", "0", second[3], second[4]]], await at())).toEqual([]);
});
