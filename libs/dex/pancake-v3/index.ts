import { askConcentrated } from "#libs/dex/concentrated/ask.ts";
import { type RangesState, rangesFamily } from "#libs/dex/concentrated/ranges.ts";
import { applyV3Log, decodeV3PoolCreated, describeV3Pools, readV3Pools, V3_TOPICS } from "#libs/dex/concentrated/v3.ts";
import type { Family } from "#libs/dex/family.ts";
import { asAddress } from "#libs/units/brand.ts";

/** keccak256("Swap(address,address,int256,int256,uint160,uint128,int24,uint128,uint128)"): the protocol's fees after what Uniswap's event has. */
const SWAP = "0x19b47279256b2a23a1665c810c8d55a1758940ee09377d4f8d26497a3577dc83";

/**
 * PancakeSwap V3 and its forks: Uniswap V3's mathematics to the letter, another `Swap` event, and callbacks of their own names.
 *
 * Protocol fees are taken out of the fee of a step after its amounts are known, so they move no quote; nor does the liquidity-mining pool that `swap` calls
 * before and while it crosses ticks, unless it reverts. Source: @pancakeswap/v3-core PancakeV3Pool.sol, PancakeV3Factory.sol.
 */
export const pancakeV3: Family<"pancake-v3", RangesState> = {
  ...rangesFamily,
  id: "pancake-v3",
  variants: ["pancake-v3"],
  knownView: () => ({ name: "owner()", data: "0x8da5cb5b" }),
  topics: () => ({ created: [V3_TOPICS.poolCreated], state: [V3_TOPICS.initialize, SWAP, V3_TOPICS.mint, V3_TOPICS.burn] }),
  decodeCreated: decodeV3PoolCreated,
  describe: (reader, { factory }, pools) => describeV3Pools(reader, factory, pools, "fee"),
  poolOf: ([address]) => asAddress(address),
  applyLog: (info, state, log) => applyV3Log(info, state, log, SWAP),
  read: (reader, _, pools) => readV3Pools(reader, pools),
  ask: (client, at, _, questions) => askConcentrated(client, at, questions),
};
