import { type Contract, Interface } from "ethers";
import { expect, test } from "vitest";
import { addressOf } from "#libs/contracts/testing.ts";
import { governance, poolSpecs, type TestPool, TICK_POOL, testAgainstContracts, V3_DIALECT } from "#libs/dex/concentrated/testing.ts";
import { MAX_TICK } from "#libs/dex/concentrated/tick-math.ts";
import { V3_TOPICS } from "#libs/dex/concentrated/v3.ts";
import { slipstream } from "#libs/dex/slipstream/index.ts";
import { deploySlipstream } from "#libs/dex/slipstream/testing.ts";
import { deploymentOf, type SentTransaction } from "#libs/dex/testing.ts";
import type { Random } from "#libs/localnet/random.ts";
import type { Address } from "#libs/units/brand.ts";

/** The average's length in the dynamic module: half of it in slots is what a pool must remember. */
const SECONDS_AGO = 60;

const FACTORY = new Interface(["function createPool(address tokenA, address tokenB, int24 tickSpacing, uint160 sqrtPriceX96)"]);
const POOL = new Interface([
  "function setGaugeAndPositionManager(address gauge, address nft)",
  "function stake(int128 stakedLiquidityDelta, int24 tickLower, int24 tickUpper, bool positionUpdate)",
  "function increaseObservationCardinalityNext(uint16 observationCardinalityNext)",
  "function fee() view returns (uint24)",
  "function stakedLiquidity() view returns (uint128)",
  "function gaugeFees() view returns (uint128 token0, uint128 token1)",
]);

let factory: Contract;
let protocol: Contract;
let dynamicModule: Contract;
let customModule: Contract;

const act = (contract: Contract, name: string, ...args: unknown[]) => governance(market().dex, contract, name, args);
const asGauge = (pool: Address, name: string, args: readonly unknown[]) =>
  act(protocol, "execute", pool, POOL.encodeFunctionData(name, args));

/** What the protocol's managers and stakers do: modules come and go, fees change, liquidity is staked. None of it is an event of the pool. */
async function govern({ pool }: { readonly pool: Address }, random: Random): Promise<SentTransaction> {
  switch (random.integer(0, 6)) {
    case 0:
      return act(factory, "setSwapFeeModule", random.chance(0.8) ? dynamicModule : customModule);
    case 1:
      return act(customModule, "setCustomFee", pool, random.pick([0, 420, 1, 30_000]));
    case 2:
      return act(dynamicModule, "setCustomFee", pool, random.pick([0, 420, 77, 2_000]));
    case 3: {
      await act(dynamicModule, "setFeeCap", pool, random.pick([1, 900, 50_000]));
      return act(dynamicModule, "setScalingFactor", pool, random.pick([0n, 10n ** 5n, 10n ** 9n]));
    }
    case 4:
      return act(dynamicModule, "setSecondsAgo", random.pick([2, SECONDS_AGO, SECONDS_AGO * 10]));
    default:
      return stakeNew(pool);
  }
}

/** Liquidity around the price, staked: nobody burns it, as nobody burns what the gauge holds. */
async function stakeNew(address: Address): Promise<SentTransaction> {
  const { info, state } = market().pools.find((each) => each.info.pool === address) as TestPool;
  const spacing = info.facts.tickSpacing;
  const middle = Math.floor(state.tick / spacing);
  const end = Math.floor(MAX_TICK / spacing);
  const [lower, upper] = [Math.max(-end, middle - 40) * spacing, Math.min(end, middle + 40) * spacing];
  const liquidity = 2n ** 50n;
  const minted = await market().execute(address, TICK_POOL.encodeFunctionData("mint", [market().trader, lower, upper, liquidity, "0x"]));
  const staked = await asGauge(address, "stake", [liquidity, lower, upper, false]);
  return { ok: minted.ok && staked.ok, blockHash: staked.blockHash, logs: minted.logs };
}

const market = testAgainstContracts({
  name: "slipstream",
  size: { blocks: 125, quotes: 100, paid: 10_000 },
  async deploy(dex) {
    const { signer } = dex.chain;
    protocol = await deploySlipstream(signer, "Protocol", []);
    const implementation = await deploySlipstream(signer, "CLPool", []);
    factory = await deploySlipstream(signer, "CLFactory", [protocol, protocol, implementation]);
    for (const [spacing, fee] of [
      [10_000, 60_000],
      [10, 400],
      [60, 300],
    ] as const) {
      await governance(dex, factory, "enableTickSpacing", [spacing, fee]);
    }
    customModule = await deploySlipstream(signer, "CustomSwapFeeModule", [factory]);
    dynamicModule = await deploySlipstream(signer, "DynamicSwapFeeModule", [factory, 10n ** 6n, 30_000, [], []]);
    await governance(dex, dynamicModule, "setSecondsAgo", [SECONDS_AGO]);
    await governance(dex, factory, "setSwapFeeModule", [dynamicModule]);
    await governance(dex, protocol, "setAlive", [true]);
    const address = await addressOf(factory);
    const specs = poolSpecs({
      dense: { key: 1, spacing: 1 },
      fine: { key: 10, spacing: 10 },
      islands: { key: 50, spacing: 50 },
      wide: { key: 200, spacing: 200 },
      end: { key: 60, spacing: 60 },
      deep: { key: 10_000, spacing: 10_000 },
    });
    return {
      ...V3_DIALECT,
      family: slipstream,
      deployment: deploymentOf("slipstream", address),
      // The dynamic module asks for more the further the price is from its average.
      specs: specs.map((spec) => ({ ...spec, slides: true })),
      swapTopics: [V3_TOPICS.swap],
      createPool: async ({ key }, [token0, token1], sqrtPriceX96) => [
        await dex.send(address, FACTORY.encodeFunctionData("createPool", [token1, token0, key, sqrtPriceX96])),
      ],
      govern,
    };
  },
  async prepare(opened) {
    for (const { info } of opened.pools) {
      await asGauge(info.pool, "setGaugeAndPositionManager", [await addressOf(protocol), opened.dex.trader]);
      await opened.dex.send(info.pool, POOL.encodeFunctionData("increaseObservationCardinalityNext", [40]));
      opened.follow(await stakeNew(info.pool));
    }
  },
  /** The run has had staked liquidity, and a gauge that earned. */
  async seen({ dex, pools }) {
    const reader = await dex.readerAt();
    const ask = (name: string) => reader.multicall(pools.map(({ info }) => ({ target: info.pool, data: POOL.encodeFunctionData(name) })));
    expect((await ask("stakedLiquidity")).some((word) => BigInt(word ?? 0) > 0n)).toBe(true);
    expect((await ask("gaugeFees")).some((words) => BigInt((words ?? "0x0").slice(0, 66)) > 0n)).toBe(true);
  },
});

test("the fee of a coming block is what the pool takes in it, for each second of ten minutes", async () => {
  const {
    dex,
    pools,
    trader,
    protocol: { family, deployment },
  } = market();
  await act(factory, "setSwapFeeModule", dynamicModule);
  await act(dynamicModule, "setSecondsAgo", SECONDS_AGO);
  for (const [index, { info, state }] of pools.entries()) {
    await act(dynamicModule, "resetDynamicFee", info.pool);
    await act(dynamicModule, "setCustomFee", info.pool, 100 * index);
    const limit = (state.sqrtPriceX96 * 98n) / 100n;
    await market().execute(info.pool, TICK_POOL.encodeFunctionData("swap", [trader, true, 2n ** 120n, limit, "0x"]));
  }
  const reader = await dex.readerAt();
  const now = await market().timestamp();
  const seen = new Set<string>();
  for (let ahead = 1; ahead <= 600; ahead += ahead < 130 ? 1 : 47) {
    const rows = await family.refresh?.read(reader, deployment, market().infos(), now + ahead);
    const block = `0x${(await dex.chain.provider.getBlockNumber()).toString(16)}`;
    const answers = await Promise.all(
      market()
        .infos()
        .map(({ pool }) =>
          dex.chain.provider.send("eth_call", [
            { to: pool, data: POOL.encodeFunctionData("fee") },
            block,
            {},
            { time: `0x${(now + ahead).toString(16)}` },
          ]),
        ),
    );
    expect(rows?.map((row) => [row[4], row[5]])).toEqual(answers.map((answer) => [Number(answer), Number(answer)]));
    seen.add(answers.join());
  }
  expect(seen.size).toBeGreaterThan(20);
}, 60_000);
