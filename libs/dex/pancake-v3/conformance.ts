import { RANGES_SIGNATURES, rangesLogs, rangesPools, rangesSlack, rangesSurplus, swapLogAt } from "#libs/dex/concentrated/conformance.ts";
import { type RangesState, sortTicks } from "#libs/dex/concentrated/ranges.ts";
import { swapExactIn } from "#libs/dex/concentrated/swap-math.ts";
import type { ConformanceSpec } from "#libs/dex/conformance.ts";
import { pancakeV3 } from "#libs/dex/pancake-v3/index.ts";

const { initialize, mint, burn } = RANGES_SIGNATURES;

export const conformance: ConformanceSpec<"pancake-v3", RangesState> = {
  family: pancakeV3,
  events: {
    "pancake-v3": {
      created: ["PoolCreated(address,address,uint24,int24,address)"],
      state: [initialize, mint, burn, "Swap(address,address,int256,int256,uint160,uint128,int24,uint128,uint128)"],
    },
  },
  ...rangesPools<"pancake-v3">([
    { tickSpacing: 1, fees: [100, 100] },
    { tickSpacing: 10, fees: [500, 500] },
    { tickSpacing: 50, fees: [2_500, 2_500] },
    { tickSpacing: 200, fees: [10_000, 10_000] },
  ]),
  logs: (subject) => rangesLogs("pancake", subject, null),
  swapLog(info, state, swap, amountOut) {
    sortTicks(state);
    const input = {
      amountIn: swap.amountIn,
      zeroForOne: swap.indexIn === 0,
      feePips: state.feePips[0],
      tickSpacing: info.facts.tickSpacing,
    };
    return swapLogAt("pancake", state, swap, amountOut, swapExactIn(state, input).sqrtPriceX96);
  },
  invariantOf: rangesSurplus,
  slack: rangesSlack,
};
