import { expect } from "vitest";
import { addressOf, deployOurs, deployPublished, publishedCode } from "#libs/contracts/testing.ts";
import { createByFee, governance, poolSpecs, testAgainstContracts, V3_DIALECT } from "#libs/dex/concentrated/testing.ts";
import { pancakeV3 } from "#libs/dex/pancake-v3/index.ts";
import { deploymentOf } from "#libs/dex/testing.ts";

const CORE = "@pancakeswap/v3-core/artifacts/contracts";
const SWAP = "0x19b47279256b2a23a1665c810c8d55a1758940ee09377d4f8d26497a3577dc83";

testAgainstContracts({
  name: "pancake-v3",
  size: { blocks: 125, quotes: 100, paid: 10_000 },
  async deploy(dex) {
    const { signer } = dex.chain;
    const deployer = await deployOurs(signer, "PancakeV3PoolDeployer", [publishedCode(`${CORE}/PancakeV3Pool.sol/PancakeV3Pool.json`)]);
    const contract = await deployPublished(signer, `${CORE}/PancakeV3Factory.sol/PancakeV3Factory.json`, [deployer]);
    const factory = await addressOf(contract);
    for (const [fee, spacing] of [
      [60_000, 10_000],
      [300, 60],
    ] as const) {
      await governance(dex, contract, "enableFeeAmount", [fee, spacing]);
    }
    return {
      ...V3_DIALECT,
      family: pancakeV3,
      deployment: deploymentOf("pancake-v3", factory),
      specs: poolSpecs({
        dense: { key: 100, spacing: 1 },
        fine: { key: 500, spacing: 10 },
        islands: { key: 2_500, spacing: 50 },
        wide: { key: 10_000, spacing: 200 },
        end: { key: 300, spacing: 60 },
        deep: { key: 60_000, spacing: 10_000 },
      }),
      swapTopics: [SWAP],
      createPool: createByFee(dex, factory),
      // From a hundredth to 40 % of each fee, or nothing.
      govern: ({ pool }, random) =>
        governance(dex, contract, "setFeeProtocol", [pool, random.pick([0, 1_000, 4_000]), random.pick([0, 3_300, 2_500])]),
    };
  },
  seen: ({ counts }) => expect(counts.withoutLiquidity).toBeGreaterThan(0),
});
