import { RANGES_SIGNATURES, rangesLogs, rangesPools, rangesSlack, rangesSurplus, swapLogAt } from "#libs/dex/concentrated/conformance.ts";
import { type RangesState, sortTicks } from "#libs/dex/concentrated/ranges.ts";
import { swapExactIn } from "#libs/dex/concentrated/swap-math.ts";
import type { ConformanceSpec } from "#libs/dex/conformance.ts";
import { slipstream } from "#libs/dex/slipstream/index.ts";

export const conformance: ConformanceSpec<"slipstream", RangesState> = {
  family: slipstream,
  events: { slipstream: { created: ["PoolCreated(address,address,int24,address)"], state: Object.values(RANGES_SIGNATURES) } },
  // A module may set any fee up to 10 % (CLFactory.getSwapFee).
  ...rangesPools<"slipstream">([
    { tickSpacing: 1, fees: [100, 100] },
    { tickSpacing: 50, fees: [417, 417] },
    { tickSpacing: 100, fees: [0, 0] },
    { tickSpacing: 200, fees: [3_000, 3_000] },
    { tickSpacing: 2_000, fees: [100_000, 100_000] },
  ]),
  logs: (subject) => rangesLogs("uniswap", subject, null),
  swapLog(info, state, swap, amountOut) {
    sortTicks(state);
    const input = {
      amountIn: swap.amountIn,
      zeroForOne: swap.indexIn === 0,
      feePips: state.feePips[0],
      tickSpacing: info.facts.tickSpacing,
    };
    return swapLogAt("uniswap", state, swap, amountOut, swapExactIn(state, input).sqrtPriceX96);
  },
  invariantOf: rangesSurplus,
  slack: rangesSlack,
};
