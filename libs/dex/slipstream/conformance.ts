import { RANGES_SIGNATURES, rangesLogs, rangesPools, v3Conformance } from "#libs/dex/concentrated/conformance.ts";
import type { RangesState } from "#libs/dex/concentrated/ranges.ts";
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
  ...v3Conformance("uniswap"),
};
