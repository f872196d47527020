import { Interface } from "ethers";
import fc from "fast-check";
import { emit, RANGES_SIGNATURES, rangesLogs, rangesPools, v3Conformance } from "#libs/dex/concentrated/conformance.ts";
import type { RangesState } from "#libs/dex/concentrated/ranges.ts";
import { type ConformanceSpec, FACTORY, POOL } from "#libs/dex/conformance.ts";
import { uniswapV3 } from "#libs/dex/uniswap-v3/index.ts";

const created = ["PoolCreated(address,address,uint24,int24,address)"];
const common = Object.values(RANGES_SIGNATURES);
const FACTORY_FEE = new Interface(["event FeeAdjustment(address pool, uint24 newFee)"]);
const POOL_FEE = new Interface(["event FeeAdjustment(uint24 oldFee, uint24 newFee)"]);
const INDEXED = new Interface([
  "event Mint(address sender, address indexed owner, uint256 index, int24 indexed lower, int24 indexed upper, uint128 amount, uint256 amount0, uint256 amount1)",
]);

/** Of Ramses V3, which has most of them. */
const other = fc
  .record({
    kind: fc.constantFrom("factory", "pool", "mint"),
    fee: fc.integer({ min: 0, max: 99_999 }),
    amount: fc.bigInt({ min: 1n, max: 2n ** 90n }),
  })
  .map(({ kind, fee, amount }) => {
    if (kind === "factory") return emit(FACTORY_FEE, "FeeAdjustment", [POOL, fee], FACTORY);
    if (kind === "pool") return emit(POOL_FEE, "FeeAdjustment", [3_000, fee]);
    return emit(INDEXED, "Mint", [FACTORY, FACTORY, 2n ** 200n + 7n, -12_000, 12_000, amount, 1n, 2n]);
  });

export const conformance: ConformanceSpec<"uniswap-v3", RangesState> = {
  family: uniswapV3,
  events: {
    "uniswap-v3": { created, state: common },
    "solidly-v3": { created, state: [...common, "SetFee(uint24,uint24)"] },
    "ramses-cl": { created, state: [...common, "FeeAdjustment(uint24,uint24)"] },
    "ramses-v3": {
      created,
      state: [
        ...common,
        "Mint(address,address,uint256,int24,int24,uint128,uint256,uint256)",
        "FeeAdjustment(uint24,uint24)",
        "FeeAdjustment(address,uint24)",
      ],
    },
  },
  variantOf: () => "ramses-v3",
  ...rangesPools<"uniswap-v3">([
    { tickSpacing: 1, fees: [100, 100] },
    { tickSpacing: 10, fees: [500, 500] },
    { tickSpacing: 60, fees: [3_000, 3_000] },
    { tickSpacing: 200, fees: [10_000, 10_000] },
    { tickSpacing: 60, fees: [0, 0] },
    { tickSpacing: 60, fees: [999_999, 999_999] },
  ]),
  logs: (subject) => rangesLogs("uniswap", subject, other),
  ...v3Conformance("uniswap"),
};
