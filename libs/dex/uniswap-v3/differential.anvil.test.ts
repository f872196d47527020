import { Contract, Interface } from "ethers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { addressOf, deployPublished } from "#libs/contracts/testing.ts";
import { governance, poolSpecs, RangesMarket, TICK_POOL } from "#libs/dex/concentrated/testing.ts";
import { V3_TOPICS } from "#libs/dex/concentrated/v3.ts";
import { type DexTestChain, startDexTestChain } from "#libs/dex/testing.ts";
import { uniswapV3 } from "#libs/dex/uniswap-v3/index.ts";
import { addressAt, int24Of, intAt, uintAt, wordAt } from "#libs/evm/hex.ts";
import { asAddress } from "#libs/units/brand.ts";
import { invariant } from "#libs/units/invariant.ts";

/** Another seed is another run: SEED=7 npx vitest run libs/dex/uniswap-v3 */
const SEED = process.env.SEED ?? "1";
const SIZE = { rounds: 15, steps: 6, quotes: 300 };
const QUOTES = SIZE.rounds * SIZE.quotes;

const CORE = "@uniswap/v3-core/artifacts/contracts";
const FACTORY = new Interface(["function createPool(address tokenA, address tokenB, uint24 fee)"]);
const POOL = new Interface([
  "function setFeeProtocol(uint8 feeProtocol0, uint8 feeProtocol1)",
  "function slot0() view returns (uint160, int24, uint16, uint16, uint16, uint8, bool)",
  "function liquidity() view returns (uint128)",
  "function ticks(int24 tick) view returns (uint128, int128, uint256, uint256, int56, uint160, uint32, bool)",
]);

let dex: DexTestChain;
let market: RangesMarket;

beforeAll(async () => {
  dex = await startDexTestChain([18, 6, 8]);
  const { signer } = dex.chain;
  const contract: Contract = await deployPublished(signer, `${CORE}/UniswapV3Factory.sol/UniswapV3Factory.json`, []);
  // Beside those that the factory's constructor enables.
  for (const [fee, spacing] of [
    [100, 1],
    [300, 60],
    [60_000, 10_000],
  ] as const) {
    await governance(dex, contract, "enableFeeAmount", [fee, spacing]);
  }
  const factory = await addressOf(contract);
  market = await RangesMarket.open(
    dex,
    {
      family: uniswapV3,
      deployment: {
        id: "uniswap",
        brand: "Uniswap",
        family: "uniswap-v3",
        variant: "uniswap-v3",
        factory,
        deployBlock: 0,
        verified: true,
        source: "test",
      },
      specs: poolSpecs({
        dense: { key: 100, spacing: 1 },
        fine: { key: 500, spacing: 10 },
        islands: { key: 3_000, spacing: 60 },
        wide: { key: 10_000, spacing: 200 },
        end: { key: 300, spacing: 60 },
        deep: { key: 60_000, spacing: 10_000 },
      }),
      swapTopic: V3_TOPICS.swap,
      async createPool({ key }, [token0, token1], sqrtPriceX96) {
        const created = await dex.send(factory, FACTORY.encodeFunctionData("createPool", [token1, token0, key]));
        const log = created.logs.find(([address]) => address === factory);
        invariant(log !== undefined, "a pool is announced");
        const pool = asAddress(addressAt(log[2], 1));
        return [created, await dex.send(pool, TICK_POOL.encodeFunctionData("initialize", [sqrtPriceX96]))];
      },
      async govern({ pool }, random) {
        const fees = [random.pick([0, 4, 10]), random.pick([0, 5, 7])];
        return governance(dex, new Contract(pool, POOL), "setFeeProtocol", fees);
      },
    },
    SEED,
  );
}, 60_000);

afterAll(() => dex.stop());

test(`seed ${SEED}: ${QUOTES} swaps, exact in and exact out, are what the pools do, while transactions are followed exactly`, async () => {
  await market.run(SIZE);
  const { counts } = market;
  console.info(`uniswap-v3 against contracts: ${JSON.stringify(counts)}`);
  expect(counts.exactIn + counts.exactOut).toBe(QUOTES);
  expect(counts.exactOut).toBeGreaterThan(QUOTES / 5);
  expect(counts.beyond).toBeGreaterThan(QUOTES / 50);
  expect(counts.crossings).toBeGreaterThan(QUOTES);
  expect(counts.swapsExecuted).toBeGreaterThan(3);
  expect(counts.governed).toBeGreaterThan(2);
  expect(counts.withoutLiquidity).toBeGreaterThan(0);
}, 120_000);

/** The lens reads what `read` reads; this asks the pools themselves. */
test("what was read and followed is what the pools' own getters say", async () => {
  const reader = await dex.readerAt();
  const rows = await uniswapV3.read(reader, market.protocol.deployment, market.infos());
  for (const [pool, sqrtPriceX96, tick, liquidity, , , ticks] of rows) {
    const calls = ["slot0", "liquidity"].map((name) => ({ target: pool, data: POOL.encodeFunctionData(name) }));
    const tickCalls = ticks.map(([at]) => ({ target: pool, data: POOL.encodeFunctionData("ticks", [at]) }));
    const [slot0, active, ...answers] = (await reader.multicall([...calls, ...tickCalls])) as [string, string, ...string[]];
    expect([sqrtPriceX96, tick, liquidity]).toEqual([uintAt(slot0, 0).toString(), int24Of(wordAt(slot0, 1)), uintAt(active, 0).toString()]);
    expect(ticks.map(([, net, gross]) => [net, gross])).toEqual(
      answers.map((data) => [intAt(data, 1).toString(), uintAt(data, 0).toString()]),
    );
  }
});

test("the factory's pools are described, others are not", () => market.expectDescribed());
test("the pools say of themselves what they pay, or that they take less", () => market.expectAnswered());
test("what is no pool is not live, and quotes nothing", () => market.expectNobody());
