import { id } from "ethers";
import fc from "fast-check";
import { type ConformanceSpec, magnitudes, POOL, tokensOf } from "#libs/dex/conformance.ts";
import { uniswapV2, type V2State } from "#libs/dex/uniswap-v2/index.ts";
import { padWord } from "#libs/evm/hex.ts";
import type { LogRow } from "#proto/block/v1/observed.ts";

const CREATED = ["PairCreated(address,address,address,uint256)"];
const PLAIN = { created: CREATED, state: ["Sync(uint112,uint112)"] };
const CAMELOT = [...PLAIN.state, "FeePercentUpdated(uint16,uint16)", "SetStableSwap(bool,bool)"];

const INFO = { pool: POOL, tokens: tokensOf(2), facts: {} };
const emit = (signature: string, ...words: readonly bigint[]): LogRow => [
  POOL,
  [id(signature)],
  `0x${words.map(padWord).join("")}`,
  0,
  0,
  "0x",
];

const reserve = fc.oneof({ weight: 8, arbitrary: magnitudes(10, 110) }, { weight: 1, arbitrary: fc.constantFrom(1n, 2n ** 112n - 1n) });
/** Camelot's in 1e-5, one a direction; of all others in 1e-4 or 1e-3. */
const feePips = fc.oneof(
  fc.constantFrom(0, 2_500, 3_000),
  fc.integer({ min: 0, max: 99_999 }).map((units) => units * 10),
);
const STABLE = 1_000_000;

const sync = fc.tuple(reserve, reserve).map((reserves) => emit("Sync(uint112,uint112)", ...reserves));
const log = fc.oneof(
  { weight: 3, arbitrary: sync },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.bigInt({ min: 0n, max: 2_000n }), fc.bigInt({ min: 0n, max: 2_000n }))
      .map((fees) => emit("FeePercentUpdated(uint16,uint16)", ...fees)),
  },
  { weight: 1, arbitrary: fc.boolean().map((stable) => emit("SetStableSwap(bool,bool)", stable ? 0n : 1n, stable ? 1n : 0n)) },
);

export const conformance: ConformanceSpec<"uniswap-v2", V2State> = {
  family: uniswapV2,
  events: {
    ...Object.fromEntries(uniswapV2.variants.map((variant) => [variant, PLAIN])),
    "camelot-v2": { created: CREATED, state: CAMELOT },
  },
  variantOf: () => "camelot-v2",
  pools: fc
    .tuple(reserve, reserve, feePips, feePips)
    .map(([reserve0, reserve1, fee0, fee1]) => ({ info: INFO, row: [POOL, `${reserve0}`, `${reserve1}`, fee0, fee1] })),
  /** Not yet filled, or on Camelot's other curve. */
  idle: fc.oneof(
    feePips.map((fee) => ({ info: INFO, row: [POOL, "0", "0", fee, fee] as [string, string, string, number, number] })),
    fc.tuple(reserve, reserve, feePips).map(([reserve0, reserve1, fee]) => ({
      info: INFO,
      row: [POOL, `${reserve0}`, `${reserve1}`, STABLE + fee, STABLE + fee] as [string, string, string, number, number],
    })),
  ),
  logs: () => fc.array(log, { minLength: 1, maxLength: 8 }),
  swapLog(_, { reserve0, reserve1 }, { amountIn, indexIn }, amountOut) {
    const reserves = indexIn === 0 ? [reserve0 + amountIn, reserve1 - amountOut] : [reserve0 - amountOut, reserve1 + amountIn];
    return emit("Sync(uint112,uint112)", ...reserves);
  },
  /** k */
  invariantOf: (_, { reserve0, reserve1 }) => [[reserve0 * reserve1, 1n]],
  /** UniswapV2Library.getAmountIn adds a unit also to what needs no rounding. */
  slack: () => ({ cost: 1n }),
};
