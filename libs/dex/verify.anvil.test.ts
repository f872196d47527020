import { Interface } from "ethers";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { DexDeployment } from "#libs/chains/chain.ts";
import { addressOf, deployOurs, deployPublished } from "#libs/contracts/testing.ts";
import type { PoolInfo } from "#libs/dex/family.ts";
import { type DexTestChain, deploymentOf, startDexTestChain } from "#libs/dex/testing.ts";
import { largestPaid } from "#libs/dex/uniswap-v2/ask.ts";
import { uniswapV2 } from "#libs/dex/uniswap-v2/index.ts";
import { uniswapV3 } from "#libs/dex/uniswap-v3/index.ts";
import { identifyPool, type KnownPool, sizesOf, type Verification, type VerifyAt, verdictOf, verifyPool } from "#libs/dex/verify.ts";
import { balanceSlot } from "#libs/evm/balance-slot.ts";
import { toHex } from "#libs/evm/hex.ts";
import { RpcClient } from "#libs/evm/rpc.ts";
import { type Address, asAddress } from "#libs/units/brand.ts";
import { invariant } from "#libs/units/invariant.ts";

const CORE = "@uniswap/v3-core/artifacts/contracts";
const POOL = new Interface(["function mint(address recipient, int24 tickLower, int24 tickUpper, uint128 amount, bytes data)"]);
/** 1 : 2 000 between 18 and 6 decimals. */
const SQRT_PRICE_X96 = 3_543_191_142_285_914_205_922_034n;

let dex: DexTestChain;
let client: RpcClient;
let at: VerifyAt;
let multicall3: Address;
/** At their real fees. */
let deployments: readonly DexDeployment[];
const pools: Record<string, Address> = {};

const word = (address: string) => address.slice(2).padStart(64, "0");

async function toHead(): Promise<void> {
  const { hash } = await client.send<{ hash: string }>("eth_getBlockByNumber", ["latest", false]);
  at = { blockHash: hash, multicall3 };
}

beforeAll(async () => {
  dex = await startDexTestChain([18, 6, 8]);
  client = new RpcClient(dex.chain.url, "test");
  const { signer } = dex.chain;
  multicall3 = await addressOf(await deployOurs(signer, "Multicall3", []));
  const [token0, token1] = dex.tokens as [Address, Address];
  const made: DexDeployment[] = [];
  for (const [id, file, feeBps] of [
    ["uniswap-v2", "@uniswap/v2-core/build/UniswapV2Factory.json", 30],
    ["pancakeswap-v2", "@pancakeswap-libs/pancake-swap-core/build/PancakeFactory.json", 20],
  ] as const) {
    const factory = await addressOf(await deployPublished(signer, file, [dex.trader]));
    const deployment = deploymentOf("uniswap-v2", factory, { id, feeBps });
    made.push(deployment);
    const spec = { factory, token0, token1, reserve0: 123_456_789_012_345_678_901n, reserve1: 246_913_578_024n };
    const { logs } = await dex.send(dex.trader, dex.market.interface.encodeFunctionData("loadPairs", [[spec]]));
    const log = logs.find(([, topics]) => topics[0] === uniswapV2.topics(deployment).created[0]);
    invariant(log !== undefined, "no pair");
    pools[id] = (uniswapV2.decodeCreated(log, deployment) as PoolInfo).pool;
  }
  const factory = await addressOf(await deployPublished(signer, `${CORE}/UniswapV3Factory.sol/UniswapV3Factory.json`, []));
  const concentrated = deploymentOf("uniswap-v3", factory);
  made.push(concentrated);
  for (const [name, liquidities] of [
    ["uniswap-v3", [10n ** 15n, 10n ** 16n]],
    ["narrow", []],
  ] as const) {
    const fee = name === "narrow" ? 3_000 : 500;
    const load = dex.market.interface.encodeFunctionData("loadPool", [factory, token0, token1, fee, SQRT_PRICE_X96, "0x"]);
    const { logs } = await dex.send(dex.trader, load);
    const log = logs.find(([, topics]) => topics[0] === uniswapV3.topics(concentrated).created[0]);
    invariant(log !== undefined, "no pool");
    const {
      pool,
      facts: { tickSpacing },
    } = uniswapV3.decodeCreated(log, concentrated) as PoolInfo<"uniswap-v3">;
    pools[name] = pool;
    const tick = Math.floor(-200_311 / tickSpacing) * tickSpacing;
    const ranges =
      name === "narrow"
        ? [[tick - 50 * tickSpacing, tick + tickSpacing]]
        : [
            [-887_270, 887_270],
            [tick - 500, tick + 700],
          ];
    for (const [index, [lower, upper]] of (ranges as [number, number][]).entries()) {
      const minted = await dex.send(
        pool,
        POOL.encodeFunctionData("mint", [dex.trader, lower, upper, liquidities[index] ?? 10n ** 12n, `0x${word(token0)}${word(token1)}`]),
      );
      invariant(minted.ok, `no position ${lower} to ${upper}`);
    }
  }
  deployments = made;
  await toHead();
}, 60_000);

afterAll(async () => {
  await client.close();
  await dex.stop();
});

async function known(name: string): Promise<KnownPool> {
  const found = await identifyPool(client, at, pools[name] as Address, deployments);
  invariant(found.ok, `${name}: ${JSON.stringify(found)}`);
  return found.value;
}

async function verified(pool: KnownPool): Promise<Verification> {
  const result = await verifyPool(client, at, pool);
  invariant(result.ok, "not verified");
  return result.value;
}

test.each(["uniswap-v2", "pancakeswap-v2", "uniswap-v3"])(
  "%s: every quote is what the pool pays, both ways, from one unit to half its depth",
  async (name) => {
    const pool = await known(name);
    expect(pool.deployment.id).toBe(name);
    const { verdict, comparisons } = await verified(pool);
    expect(comparisons.filter(({ ours, chains }) => ours !== chains)).toEqual([]);
    expect(verdict).toBe("agrees");
    for (const indexIn of [0, 1]) {
      const paid = comparisons.filter((each) => each.indexIn === indexIn);
      expect(paid.length).toBeGreaterThan(5);
      expect(paid[0]?.amountIn).toBe(1n);
      expect(paid.at(-1)?.ours).toBeGreaterThan(10n ** 6n);
    }
  },
);

test("a pool that takes only part of the input pays nothing for the whole, and says so", async () => {
  const { verdict, comparisons } = await verified(await known("narrow"));
  expect(verdict).toBe("agrees");
  expect(comparisons.some(({ ours, chains }) => ours > 0n && chains === ours)).toBe(true);
  // The price is next to the upper end: token1 soon finds no more liquidity.
  expect(comparisons.at(-1)).toMatchObject({
    indexIn: 1,
    ours: 0n,
    chains: 0n,
    reason: expect.stringMatching(/^takes only \d+ of it$/),
  });
});

test("a wrong fee differs, and the pair's own amount is found to the unit", async () => {
  const wrong = deployments.map((each) => (each.id === "pancakeswap-v2" ? { ...each, feeBps: 25 } : each));
  const found = await identifyPool(client, at, pools["pancakeswap-v2"] as Address, wrong);
  invariant(found.ok, "not found");
  const { verdict, comparisons } = await verified(found.value);
  expect(verdict).toBe("differs");
  const right = new Map(
    (await verified(await known("pancakeswap-v2"))).comparisons.map((each) => [`${each.indexIn}/${each.amountIn}`, each.ours]),
  );
  for (const { indexIn, amountIn, chains } of comparisons) expect(chains).toBe(right.get(`${indexIn}/${amountIn}`));
  // We promise less than the pair pays: safe, but not exact.
  expect(comparisons.every(({ ours, chains }) => ours <= (chains as bigint))).toBe(true);
});

test("a token that keeps its balances elsewhere cannot be verified, which is not agreement", async () => {
  const [token0] = dex.tokens as [Address];
  const code = await client.send<string>("eth_getCode", [token0, "latest"]);
  // Answers every call with 2^80: no slot is read.
  await client.send("anvil_setCode", [token0, "0x6a010000000000000000000060005260206000f3"]);
  await client.send("anvil_mine", [toHex(1)]);
  await toHead();
  const { verdict, comparisons } = await verified(await known("uniswap-v2"));
  await client.send("anvil_setCode", [token0, code]);
  await client.send("anvil_mine", [toHex(1)]);
  await toHead();
  expect(verdict).toBe("unverified");
  expect(comparisons[0]).toMatchObject({ chains: null, reason: expect.stringContaining("cannot be verified") });
});

test("what is no pool, of no known factory, or unknown to its factory is told apart", async () => {
  const ask = (pool: Address, of = deployments) => identifyPool(client, at, pool, of);
  expect(await ask(asAddress(`0x${"9".repeat(40)}`))).toMatchObject({ ok: false, error: { code: "no-pool" } });
  expect(await ask(multicall3)).toMatchObject({ ok: false, error: { code: "no-pool" } });
  const pair = pools["uniswap-v2"] as Address;
  expect(await ask(pair, deployments.slice(1))).toMatchObject({
    ok: false,
    error: { code: "unknown-factory", factory: deployments[0]?.factory },
  });
  // The same code at another address, with the same storage: it names the factory, the factory does not name it.
  const impostor = asAddress(`0x${"7a".repeat(20)}`);
  await client.send("anvil_setCode", [impostor, await client.send("eth_getCode", [pair, "latest"])]);
  for (let slot = 5; slot <= 8; slot++)
    await client.send("anvil_setStorageAt", [impostor, toHex(slot), await client.send("eth_getStorageAt", [pair, toHex(slot), "latest"])]);
  await client.send("anvil_mine", [toHex(1)]);
  await toHead();
  expect(await ask(impostor)).toMatchObject({ ok: false, error: { code: "disowned", dex: "uniswap-v2" } });
});

test("balances are found where a mapping of WETH9 and of our token keeps them, and nowhere in what is no token", async () => {
  const weth = await addressOf(await deployPublished(dex.chain.signer, "@uniswap/v2-periphery/build/WETH9.json", []));
  await toHead();
  expect((await balanceSlot(client, at, weth, dex.trader))?.(dex.trader)).toMatch(/^0x[0-9a-f]{64}$/);
  expect((await balanceSlot(client, at, dex.tokens[0] as Address, dex.trader))?.(dex.trader)).toMatch(/^0x[0-9a-f]{64}$/);
  expect(await balanceSlot(client, at, multicall3, dex.trader)).toBeNull();
});

test("the largest amount is found from any guess, in two questions from the right one", async () => {
  for (const truth of [0n, 1n, 2n, 999n, 10n ** 30n])
    for (const guess of [0n, 1n, 3n, 998n, 999n, 1_000n, 10n ** 30n, 10n ** 31n]) {
      let asked = 0;
      const pays = async (amount: bigint) => {
        asked++;
        return amount <= truth;
      };
      expect(await largestPaid(pays, guess, 10n ** 32n), `${truth} from ${guess}`).toBe(truth);
      if (guess === truth) expect(asked).toBeLessThanOrEqual(2);
      expect(asked).toBeLessThanOrEqual(224);
    }
});

test("sizes go up from one unit to half, each once; one missing answer is no agreement, one that differs is a difference", () => {
  expect(sizesOf(10n ** 18n)).toEqual([1n, 10n ** 9n, 10n ** 12n, 10n ** 14n, 10n ** 15n, 10n ** 16n, 10n ** 17n, 5n * 10n ** 17n]);
  expect(sizesOf(30n)).toEqual([1n, 3n, 15n]);
  expect(sizesOf(0n)).toEqual([1n]);
  expect(verdictOf([{ ours: 1n, chains: 1n }])).toBe("agrees");
  expect(
    verdictOf([
      { ours: 1n, chains: 1n },
      { ours: 1n, chains: null },
    ]),
  ).toBe("unverified");
  expect(
    verdictOf([
      { ours: 1n, chains: null },
      { ours: 1n, chains: 0n },
    ]),
  ).toBe("differs");
});
