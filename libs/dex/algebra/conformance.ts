import { Interface } from "ethers";
import fc from "fast-check";
import { algebra } from "#libs/dex/algebra/index.ts";
import { calculateSwap, type SwapResult } from "#libs/dex/algebra/price-movement-math.ts";
import {
  emit,
  RANGES_SIGNATURES,
  rangesLogs,
  rangesPools,
  rangesSlack,
  rangesSurplus,
  swapLogAt,
} from "#libs/dex/concentrated/conformance.ts";
import { type RangesState, sortTicks } from "#libs/dex/concentrated/ranges.ts";
import type { ConformanceSpec } from "#libs/dex/conformance.ts";
import type { PoolInfo, SwapExactIn } from "#libs/dex/family.ts";

const common = Object.values(RANGES_SIGNATURES);
const older = { created: ["Pool(address,address,address)"], state: [...common, "Fee(uint16)"] };
const integral = {
  created: ["Pool(address,address,address)", "CustomPool(address,address,address,address)"],
  state: [
    ...common,
    "Swap(address,address,int256,int256,uint160,uint128,int24,uint24,uint24)",
    "Burn(address,int24,int24,uint128,uint256,uint256,uint24)",
    "Fee(uint16)",
  ],
};
const DIRECTIONAL = "algebra-v1.9-directional";
const FEE = new Interface(["event Fee(uint16 fee)"]);
const FEES = new Interface(["event Fee(uint16 feeZto, uint16 feeOtz)"]);
const BURN = new Interface([
  "event Burn(address indexed owner, int24 indexed bottomTick, int24 indexed topTick, uint128 liquidityAmount, uint256 amount0, uint256 amount1, uint24 pluginFee)",
]);

function walked({ facts: { tickSpacing } }: PoolInfo<"algebra">, state: RangesState, { amountIn, indexIn }: SwapExactIn): SwapResult {
  sortTicks(state);
  return calculateSwap(state, { amountRequired: amountIn, zeroToOne: indexIn === 0, fee: state.feePips[indexIn as 0 | 1], tickSpacing });
}

const fee = fc.integer({ min: 0, max: 65_535 });

export const conformance: ConformanceSpec<"algebra", RangesState> = {
  family: algebra,
  events: {
    "algebra-v1": older,
    "algebra-v1.9": older,
    [DIRECTIONAL]: { ...older, state: [...common, "Fee(uint16,uint16)"] },
    "algebra-integral-1.0": integral,
    "algebra-integral": integral,
    "algebra-integral-unknown": integral,
  },
  variantOf: ({ facts }) => (facts.tickSpacing === 0 ? "algebra-integral" : facts.tickSpacing === 1 ? DIRECTIONAL : "algebra-v1"),
  // v1, v1.9 with a fee for each direction, Integral; the last in which a swap one way is refused (fees.ts).
  ...rangesPools<"algebra">([
    { tickSpacing: 60, fees: [500, 500] },
    { tickSpacing: 60, fees: [15_000, 15_000] },
    { tickSpacing: 1, grid: 60, fees: [100, 65_535] },
    { tickSpacing: 1, grid: 1, fees: [3_000, 0] },
    { tickSpacing: 0, grid: 60, fees: [500, 500] },
    { tickSpacing: 0, grid: 5, fees: [3_000, 100] },
    { tickSpacing: 0, grid: 200, fees: [3_000, 1_000_000] },
  ]),
  logs: (subject) => {
    const { tickSpacing } = subject.info.facts;
    const one = fee.map((value) => emit(FEE, "Fee", [value]));
    const two = fc.tuple(fee, fee).map((values) => emit(FEES, "Fee", values));
    const nothingBurnt = fee.map((value) => emit(BURN, "Burn", [subject.info.pool, -120, 120, 0n, 1n, 1n, value]));
    return rangesLogs("uniswap", subject, tickSpacing === 1 ? two : tickSpacing === 0 ? fc.oneof(one, nothingBurnt) : one);
  },
  swapLog: (info, state, swap, amountOut) => swapLogAt("uniswap", info, state, swap, amountOut, walked(info, state, swap).price),
  invariantOf: rangesSurplus,
  slack: (info, state, swap) => rangesSlack(state, swap, walked(info, state, swap)),
};
