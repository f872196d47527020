import { askConcentrated } from "#libs/dex/concentrated/ask.ts";
import { type RangesState, rangesFamily } from "#libs/dex/concentrated/ranges.ts";
import { applyV3Log, describeV3Pools, readV3Pools, V3_TOPICS } from "#libs/dex/concentrated/v3.ts";
import type { Family } from "#libs/dex/family.ts";
import { rowsWithFeeAt } from "#libs/dex/slipstream/fees.ts";
import { addressAt, addressOfTopic, int24Of, isWord, padWord, uintAt } from "#libs/evm/hex.ts";
import { type Address, asAddress } from "#libs/units/brand.ts";
import { invariant } from "#libs/units/invariant.ts";

/** keccak256("PoolCreated(address,address,int24,address)") */
const POOL_CREATED = "0xab0d57f0df537bb25e80245ef7748fa62353808c54d6e528a9dd20887aed9ac2";

const SELECTORS = {
  /** swapFeeModule() */ swapFeeModule: "0x23c43a51",
  /** allPoolsLength() */ allPoolsLength: "0xefde4e64",
  /** allPools(uint256) */ allPools: "0x41d1de97",
} as const;

/**
 * Slipstream, the concentrated pools of Velodrome and Aerodrome: Uniswap V3's mathematics, pools told apart by tick spacing, a fee that the factory's module
 * decides anew at each swap (fees.ts).
 *
 * Who stakes liquidity and what unstaked liquidity pays (`unstakedFee`) only divides the fee among providers: `liquidity` and `liquidityNet` hold the staked
 * part too, and no amount depends on it. Pools of factories without `swapFeeModule` may have hooks that take from the output: they are refused.
 * Source: slipstream CLPool.swap and calculateFees, CLFactory.getSwapFee.
 */
export const slipstream: Family<"slipstream", RangesState> = {
  ...rangesFamily,
  id: "slipstream",
  variants: ["slipstream"],
  knownView: () => ({ name: "owner()", data: "0x8da5cb5b" }),
  topics: () => ({ created: [POOL_CREATED], state: [V3_TOPICS.initialize, V3_TOPICS.swap, V3_TOPICS.mint, V3_TOPICS.burn] }),
  // `PoolCreated(address indexed token0, address indexed token1, int24 indexed tickSpacing, address pool)`
  decodeCreated: ([, topics, data]) => ({
    pool: asAddress(addressAt(data, 0)),
    tokens: [asAddress(addressOfTopic(topics[1] as string)), asAddress(addressOfTopic(topics[2] as string))],
    facts: { tickSpacing: int24Of(topics[3] as string) },
  }),
  async enumerate(reader, { factory }, fromIndex) {
    const count = Number(uintAt(await reader.call(factory, SELECTORS.allPoolsLength), 0));
    const indices = Array.from({ length: Math.max(0, count - fromIndex) }, (_, index) => BigInt(fromIndex + index));
    const answers = await reader.multicall(indices.map((index) => ({ target: factory, data: `${SELECTORS.allPools}${padWord(index)}` })));
    return answers.map((answer, index): Address => {
      invariant(isWord(answer), `${factory}: allPools(${indices[index]}) does not answer`);
      return asAddress(addressAt(answer, 0));
    });
  },
  async describe(reader, { factory }, pools) {
    const [module] = await reader.multicall([{ target: factory, data: SELECTORS.swapFeeModule }]);
    return isWord(module) ? describeV3Pools(reader, factory, pools, "tickSpacing") : pools.map(() => null);
  },
  poolOf: ([address]) => asAddress(address),
  applyLog: (info, state, log) => applyV3Log(info, state, log),
  read: (reader, _, pools) => readV3Pools(reader, pools),
  // Whether a pool's fee moves is for the factory's module to say, and the factory may be given another one.
  refresh: {
    needed: (_, state) => rangesFamily.isLive(state),
    read: (reader, { factory }, pools, timestamp) => rowsWithFeeAt(reader, factory, pools, timestamp),
  },
  /**
   * A module looks at the tick that the swap before has left (DynamicSwapFeeModule._getDynamicFee), and at whether there was one in this block: the fee of a
   * second swap is not in the state. Nor is whether the module is of that kind. `afterSwap` is exact all the same: pools keep no fee.
   */
  quotableAgain: () => false,
  ask: (client, at, _, questions) => askConcentrated(client, at, questions),
};
