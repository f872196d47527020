import { RANGES_SIGNATURES, rangesLogs, rangesPools, v3Conformance } from "#libs/dex/concentrated/conformance.ts";
import type { RangesState } from "#libs/dex/concentrated/ranges.ts";
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
  ...v3Conformance("pancake"),
};
