import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type Contract, Interface } from "ethers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { addressOf, deployOurs, deployPublished } from "#libs/contracts/testing.ts";
import { governance, poolSpecs, RangesMarket, TICK_POOL } from "#libs/dex/concentrated/testing.ts";
import { pancakeV3 } from "#libs/dex/pancake-v3/index.ts";
import { type DexTestChain, startDexTestChain } from "#libs/dex/testing.ts";
import { asAddress } from "#libs/units/brand.ts";
import { invariant } from "#libs/units/invariant.ts";

/** Another seed is another run: SEED=7 npx vitest run libs/dex/pancake-v3 */
const SEED = process.env.SEED ?? "1";
const SIZE = { rounds: 12, steps: 5, quotes: 350 };
const QUOTES = SIZE.rounds * SIZE.quotes;

const CORE = "@pancakeswap/v3-core/artifacts/contracts";
const SWAP = "0x19b47279256b2a23a1665c810c8d55a1758940ee09377d4f8d26497a3577dc83";
const FACTORY = new Interface(["function createPool(address tokenA, address tokenB, uint24 fee)"]);

let dex: DexTestChain;
let market: RangesMarket;

beforeAll(async () => {
  dex = await startDexTestChain([18, 6, 8]);
  const { signer } = dex.chain;
  const poolArtifact = createRequire(import.meta.url).resolve(`${CORE}/PancakeV3Pool.sol/PancakeV3Pool.json`);
  const { bytecode } = JSON.parse(readFileSync(poolArtifact, "utf8")) as { bytecode: string };
  const deployer = await deployOurs(signer, "PancakeV3PoolDeployer", [bytecode]);
  const factoryContract: Contract = await deployPublished(signer, `${CORE}/PancakeV3Factory.sol/PancakeV3Factory.json`, [deployer]);
  for (const [fee, spacing] of [
    [60_000, 10_000],
    [300, 60],
  ] as const)
    await governance(dex, factoryContract, "enableFeeAmount", [fee, spacing]);
  const factory = await addressOf(factoryContract);
  market = await RangesMarket.open(
    dex,
    {
      family: pancakeV3,
      deployment: {
        id: "pancake",
        brand: "PancakeSwap",
        family: "pancake-v3",
        variant: "pancake-v3",
        factory,
        deployBlock: 0,
        verified: true,
        source: "test",
      },
      specs: poolSpecs({
        dense: { key: 100, spacing: 1 },
        fine: { key: 500, spacing: 10 },
        islands: { key: 2_500, spacing: 50 },
        wide: { key: 10_000, spacing: 200 },
        end: { key: 300, spacing: 60 },
        deep: { key: 60_000, spacing: 10_000 },
      }),
      swapTopic: SWAP,
      async createPool({ key }, [token0, token1], sqrtPriceX96) {
        const created = await dex.send(factory, FACTORY.encodeFunctionData("createPool", [token1, token0, key]));
        const log = created.logs.find(([address]) => address === factory);
        invariant(log !== undefined, "a pool is announced");
        const pool = asAddress(`0x${log[2].slice(-40)}`);
        return [created, await dex.send(pool, TICK_POOL.encodeFunctionData("initialize", [sqrtPriceX96]))];
      },
      // From a hundredth to 40 % of each fee, or nothing.
      async govern({ pool }, random) {
        const fees = [random.pick([0, 1_000, 4_000]), random.pick([0, 3_300, 2_500])];
        return governance(dex, factoryContract, "setFeeProtocol", [pool, ...fees]);
      },
    },
    SEED,
  );
}, 60_000);

afterAll(() => dex.stop());

test(`seed ${SEED}: ${QUOTES} swaps, exact in and exact out, are what the pools do, while transactions are followed exactly`, async () => {
  await market.run(SIZE);
  const { counts } = market;
  console.info(`pancake-v3 against contracts: ${JSON.stringify(counts)}`);
  expect(counts.exactIn + counts.exactOut).toBe(QUOTES);
  expect(counts.exactOut).toBeGreaterThan(QUOTES / 5);
  expect(counts.beyond).toBeGreaterThan(QUOTES / 50);
  expect(counts.crossings).toBeGreaterThan(QUOTES);
  expect(counts.swapsExecuted).toBeGreaterThan(3);
  expect(counts.governed).toBeGreaterThan(2);
  expect(counts.withoutLiquidity).toBeGreaterThan(0);
}, 120_000);

test("the factory's pools are described, others are not", () => market.expectDescribed());
test("the pools say of themselves what they pay, or that they take less", () => market.expectAnswered());
test("what is no pool is not live, and quotes nothing", () => market.expectNobody());
