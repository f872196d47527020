import { Contract, Interface } from "ethers";
import { expect, test } from "vitest";
import { addressOf, deployPublished } from "#libs/contracts/testing.ts";
import { createByFee, governance, poolSpecs, testAgainstContracts, V3_DIALECT } from "#libs/dex/concentrated/testing.ts";
import { V3_TOPICS } from "#libs/dex/concentrated/v3.ts";
import { deploymentOf } from "#libs/dex/testing.ts";
import { uniswapV3 } from "#libs/dex/uniswap-v3/index.ts";
import { int24Of, intAt, uintAt, wordAt } from "#libs/evm/hex.ts";

const POOL = new Interface([
  "function setFeeProtocol(uint8 feeProtocol0, uint8 feeProtocol1)",
  "function slot0() view returns (uint160, int24, uint16, uint16, uint16, uint8, bool)",
  "function liquidity() view returns (uint128)",
  "function ticks(int24 tick) view returns (uint128, int128, uint256, uint256, int56, uint160, uint32, bool)",
]);

const market = testAgainstContracts({
  name: "uniswap-v3",
  size: { blocks: 125, quotes: 100, paid: 10_000 },
  async deploy(dex) {
    const file = "@uniswap/v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json";
    const contract = await deployPublished(dex.chain.signer, file, []);
    const factory = await addressOf(contract);
    // Beside those that the factory's constructor enables.
    for (const [fee, spacing] of [
      [100, 1],
      [300, 60],
      [60_000, 10_000],
    ] as const) {
      await governance(dex, contract, "enableFeeAmount", [fee, spacing]);
    }
    return {
      ...V3_DIALECT,
      family: uniswapV3,
      deployment: deploymentOf("uniswap-v3", factory),
      specs: poolSpecs({
        dense: { key: 100, spacing: 1 },
        fine: { key: 500, spacing: 10 },
        islands: { key: 3_000, spacing: 60 },
        wide: { key: 10_000, spacing: 200 },
        end: { key: 300, spacing: 60 },
        deep: { key: 60_000, spacing: 10_000 },
      }),
      swapTopics: [V3_TOPICS.swap],
      createPool: createByFee(dex, factory),
      govern: ({ pool }, random) =>
        governance(dex, new Contract(pool, POOL), "setFeeProtocol", [random.pick([0, 4, 10]), random.pick([0, 5, 7])]),
    };
  },
  seen: ({ counts }) => expect(counts.withoutLiquidity).toBeGreaterThan(0),
});

/** The lens reads what `read` reads; this asks the pools themselves. */
test("what was read and followed is what the pools' own getters say", async () => {
  const { dex, protocol } = market();
  const reader = await dex.readerAt();
  const rows = await protocol.family.read(reader, protocol.deployment, market().infos());
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
