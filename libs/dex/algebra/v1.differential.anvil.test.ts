import { Interface, keccak256 } from "ethers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DexDeployment } from "#libs/chains/chain.ts";
import { addressOf } from "#libs/contracts/testing.ts";
import { NO_SWAPS } from "#libs/dex/algebra/fees.ts";
import { algebra } from "#libs/dex/algebra/index.ts";
import {
  type AlgebraChain,
  bytecodeOf,
  Differential,
  logUniform,
  POOL,
  packageFolder,
  startAlgebraChain,
  type TestPool,
} from "#libs/dex/algebra/testing.ts";
import { randomFor } from "#libs/localnet/random.ts";
import { type Address, asAddress } from "#libs/units/brand.ts";
import { invariant } from "#libs/units/invariant.ts";
import type { LogRow } from "#proto/block/v1/observed.ts";

/** Another seed is another run: SEED=7 npx vitest run libs/dex/algebra */
const SEED = process.env.SEED ?? "1";
const ROUNDS = 42;
const QUOTES_PER_ROUND = 240;

/** Version 2.0.0 of @cryptoalgebra/core is what the protocol calls v1; 3.0.0 is another, with limit orders, that no DEX followed here runs. */
const CORE = packageFolder("algebra-v1-core");
/** PoolAddress.sol (@cryptoalgebra/periphery 1.0.0) */
const POOL_INIT_CODE_HASH = "6ec6c9c8091d160c0aa74b2b14ba9c1717e95093bd3ac085cee99a49aab294a4";
const Q96 = 2n ** 96n;

const SPACING = 60;
/** Which tokens, √price as a multiple of 2^96 in thousandths, and how many bits of liquidity. */
const POOLS = [
  { tokens: [0, 1], root: 1_000n, bits: [55, 75] },
  { tokens: [1, 2], root: 37n, bits: [30, 80] },
  // Next to the end of the price range, and deep.
  { tokens: [0, 2], root: 10n ** 19n, bits: [90, 100] },
] as const;

describe.skipIf(CORE === null)("Algebra v1, @cryptoalgebra/core 2.0.0 (skipped where the package is not installed)", () => {
  let on: AlgebraChain;
  let run: Differential;
  const random = randomFor("algebra v1 differential", SEED);

  beforeAll(async () => {
    on = await startAlgebraChain(3);
    const core = CORE as string;
    const artifact = (name: string) => `artifacts/contracts/${name}.sol/${name}.json`;
    const deployer = await on.deploy(core, artifact("AlgebraPoolDeployer"), []);
    const vault = asAddress(`0x${"5a".repeat(20)}`);
    // What is published was built for a coverage report: the same statements with counters between them, so that its pool has another hash than its factory
    // knows pools by.
    const hash = keccak256(bytecodeOf(core, artifact("AlgebraPool"))).slice(2);
    const factory = await on.deploy(core, artifact("AlgebraFactory"), [deployer, vault], (bytecode) =>
      bytecode.replace(POOL_INIT_CODE_HASH, hash),
    );
    const factoryAddress = await addressOf(factory);
    const encode = (name: string, args: readonly unknown[]) => factory.interface.encodeFunctionData(name, args);
    await on.mine([{ to: await addressOf(deployer), data: deployer.interface.encodeFunctionData("setFactory", [factoryAddress]) }]);
    const deployment: DexDeployment = {
      id: "algebra-v1-test",
      brand: "test",
      family: "algebra",
      variant: "algebra-v1",
      factory: factoryAddress,
      deployBlock: 0,
      verified: true,
      source: "this test",
    };
    const pools: TestPool[] = [];
    run = new Differential(on, deployment, pools, random);
    for (const { tokens, root, bits } of POOLS) {
      const pair = tokens.map((index) => on.tokens[index] as Address);
      const [created] = await on.mine([{ to: factoryAddress, data: encode("createPool", pair) }]);
      const log = created?.logs.find(
        ([address, topics]) => address === factoryAddress && topics[0] === algebra.topics(deployment).created[0],
      );
      invariant(log !== undefined, "a pool is announced");
      const address = algebra.decodeCreated(log as LogRow, deployment);
      invariant(typeof address === "string", "v1 announces an address");
      const [info] = await algebra.describe(await on.reader(), deployment, [address]);
      expect(info).toEqual({ pool: address, tokens: pair, facts: { tickSpacing: SPACING } });
      invariant(info !== null && info !== undefined, "the factory knows its pool");
      const pool: TestPool = { info, state: algebra.created(), spacing: SPACING, slides: false, stays: false, positions: new Map() };
      expect(algebra.isLive(pool.state)).toBe(false);
      pools.push(pool);
      const price = (root * Q96) / 1_000n;
      for (const mined of await on.mine([{ to: info.pool, data: POOL.encodeFunctionData("initialize", [price]) }])) run.follow(mined.logs);
      expect(pool.state.sqrtPriceX96).toBe(price);
      const first = Math.floor(pool.state.tick / SPACING);
      for (let index = 0; index < 25; index++) {
        const bottom = first + Math.round(random.normal() * 30);
        const plan = run.mintPlan(pool, bottom * SPACING, (bottom + random.integer(1, 60)) * SPACING, logUniform(random, bits[0], bits[1]));
        const [minted] = await on.mine([plan.transaction]);
        invariant(minted?.ok === true, "a position");
        plan.done();
        run.follow(minted.logs);
      }
    }
    // A share of the fee for the protocol moves no quote.
    const fees = new Interface(["function setCommunityFee(uint8 communityFee0, uint8 communityFee1)"]);
    const [set] = await on.mine([{ to: (pools[0] as TestPool).info.pool, data: fees.encodeFunctionData("setCommunityFee", [150, 50]) }]);
    invariant(set?.ok === true, "the owner sets community fees");
  }, 60_000);

  afterAll(() => on.stop());

  test(`seed ${SEED}: ${ROUNDS * QUOTES_PER_ROUND} quotes with the next block's fee equal what the pools do in it`, async () => {
    await run.run(ROUNDS, QUOTES_PER_ROUND);
    const { counts } = run;
    counts.fees.delete(NO_SWAPS);
    console.info(`algebra v1: ${JSON.stringify({ ...counts, fees: counts.fees.size })}, fees up to ${Math.max(...counts.fees)}`);
    expect(counts.quotes).toBe(ROUNDS * QUOTES_PER_ROUND);
    expect(counts.fees.size).toBeGreaterThan(10);
    expect(counts.feesMoved).toBeGreaterThan(10);
    expect(counts.executed).toBeGreaterThan(ROUNDS / 2);
    expect(counts.crossings).toBeGreaterThan(counts.quotes);
    expect(counts.verified).toBeGreaterThan(20);
  }, 120_000);
});
