import { Contract, Interface, keccak256 } from "ethers";
import { describe, expect, test } from "vitest";
import { addressOf } from "#libs/contracts/testing.ts";
import { algebra } from "#libs/dex/algebra/index.ts";
import { artifactOf, deployOf, dialectOf, NODE_ARGS, packageFolder, specOf } from "#libs/dex/algebra/testing.ts";
import { governance, TICK_POOL, testAgainstContracts } from "#libs/dex/concentrated/testing.ts";
import { deploymentOf } from "#libs/dex/testing.ts";
import { addressAt } from "#libs/evm/hex.ts";
import { asAddress } from "#libs/units/brand.ts";
import { invariant } from "#libs/units/invariant.ts";

/** Version 2.0.0 of @cryptoalgebra/core is what the protocol calls v1; 3.0.0 is another, with limit orders, that no DEX followed here runs. */
const CORE = packageFolder("algebra-v1-core");
/** PoolAddress.sol (@cryptoalgebra/periphery 1.0.0) */
const POOL_INIT_CODE_HASH = "6ec6c9c8091d160c0aa74b2b14ba9c1717e95093bd3ac085cee99a49aab294a4";
const VAULT = `0x${"5a".repeat(20)}`;
/** For 60 kB of code. */
const CREATION_GAS = 30_000_000;
const POOL = new Interface(["function setCommunityFee(uint8 communityFee0, uint8 communityFee1)"]);

describe.skipIf(CORE === null)("Algebra v1, @cryptoalgebra/core 2.0.0 (skipped where the package is not installed)", () => {
  const market = testAgainstContracts({
    name: "algebra v1",
    size: { blocks: 100, quotes: 135, paid: 10_000 },
    nodeArgs: NODE_ARGS,
    async deploy(dex) {
      const { signer } = dex.chain;
      const core = CORE as string;
      const deployer = await deployOf(signer, artifactOf(core, "AlgebraPoolDeployer"), []);
      // What is published was built for a coverage report: the same statements with counters between them, so that its pool has another hash than its factory
      // knows pools by.
      const hash = keccak256(artifactOf(core, "AlgebraPool").bytecode).slice(2);
      const contract = await deployOf(signer, artifactOf(core, "AlgebraFactory"), [deployer, VAULT], (bytecode) =>
        bytecode.replace(POOL_INIT_CODE_HASH, hash),
      );
      const factory = await addressOf(contract);
      await governance(dex, deployer, "setFactory", [factory]);
      return {
        ...dialectOf("v1"),
        family: algebra,
        deployment: deploymentOf("algebra", factory, { variant: "algebra-v1" }),
        specs: [
          specOf([0, 1], 1_000n, [55, 75], { key: 0 }),
          specOf([1, 2], 37n, [30, 80], { key: 1 }),
          // Next to the end of the price range, and deep.
          specOf([0, 2], 10n ** 19n, [90, 100], { key: 2 }),
        ],
        async createPool(_, tokens, price) {
          const created = await dex.send(factory, contract.interface.encodeFunctionData("createPool", tokens), CREATION_GAS);
          const log = created.logs.find(([address]) => address === factory);
          invariant(log !== undefined, "a pool is announced");
          return [created, await dex.send(asAddress(addressAt(log[2], 0)), TICK_POOL.encodeFunctionData("initialize", [price]))];
        },
      };
    },
    // A share of the fee for the protocol moves no quote.
    async prepare({ dex, pools }) {
      for (const { info } of pools) await governance(dex, new Contract(info.pool, POOL), "setCommunityFee", [150, 50]);
    },
    seen: ({ counts }) => expect(counts.withoutLiquidity).toBeGreaterThan(0),
  });

  test("an hour later the pools say what they pay then", () => market().expectAnswered(3_600));
});
