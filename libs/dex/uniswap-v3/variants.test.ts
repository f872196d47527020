import { Interface, id } from "ethers";
import { expect, test } from "vitest";
import type { DexDeployment } from "#libs/chains/chain.ts";
import { artifact } from "#libs/contracts/artifact.ts";
import type { ChainReader, PoolInfo } from "#libs/dex/family.ts";
import { uniswapV3 } from "#libs/dex/uniswap-v3/index.ts";
import { padWord } from "#libs/evm/hex.ts";
import { asAddress } from "#libs/units/brand.ts";
import type { LogRow } from "#proto/block/v1/observed.ts";
import type { RangesStateRow } from "#proto/pool/v1/state.ts";

const POOL = asAddress(`0x${"aa".repeat(20)}`);
const FACTORY = asAddress(`0x${"fa".repeat(20)}`);
const TOKENS = [asAddress(`0x${"01".repeat(20)}`), asAddress(`0x${"02".repeat(20)}`)];
const INFO: PoolInfo<"uniswap-v3"> = { pool: POOL, tokens: TOKENS, facts: { tickSpacing: 10 } };
const deploymentOf = (variant: string): DexDeployment => ({
  id: variant,
  brand: "",
  family: "uniswap-v3",
  variant,
  factory: FACTORY,
  deployBlock: 0,
  verified: true,
  source: "test",
});

/** As in SolidlyV3Pool, RamsesV2Pool, ProtocolActions and RamsesV3Factory; the indexed Mint as in Pharaoh's published ABI. */
const EVENTS = new Interface([
  "event SetFee(uint24 feeOld, uint24 feeNew)",
  "event Mint(address sender, address indexed owner, uint256 index, int24 indexed tickLower, int24 indexed tickUpper, uint128 amount, uint256 amount0, uint256 amount1)",
  "event Burn(address indexed owner, int24 indexed tickLower, int24 indexed tickUpper, uint128 amount, uint256 amount0, uint256 amount1)",
]);
const PAIR_FEE = new Interface(["event FeeAdjustment(uint24 oldFee, uint24 newFee)"]);
const FACTORY_FEE = new Interface(["event FeeAdjustment(address pool, uint24 newFee)"]);
const V3_MINT = new Interface([
  "event Mint(address sender, address indexed owner, int24 indexed tickLower, int24 indexed tickUpper, uint128 amount, uint256 amount0, uint256 amount1)",
]);

const logOf = (events: Interface, name: string, values: readonly unknown[], from: string = POOL): LogRow => {
  const { topics, data } = events.encodeEventLog(name, values);
  return [asAddress(from), topics, data, 0, 0, `0x${"00".repeat(32)}`];
};

const START: RangesStateRow = [
  POOL,
  (2n ** 96n).toString(),
  0,
  "1000",
  500,
  500,
  [
    [-10, "1000", "1000"],
    [10, "-1000", "1000"],
  ],
];
const started = () => {
  const state = uniswapV3.created();
  uniswapV3.applyRow(state, START);
  return state;
};

test("the topics of a variant are the hashes of its events", () => {
  const common = [
    id("Initialize(uint160,int24)"),
    id("Swap(address,address,int256,int256,uint160,uint128,int24)"),
    id("Mint(address,address,int24,int24,uint128,uint256,uint256)"),
    id("Burn(address,int24,int24,uint128,uint256,uint256)"),
  ];
  const state = (variant: string) => uniswapV3.topics(deploymentOf(variant)).state;
  expect(state("uniswap-v3")).toEqual(common);
  expect(state("solidly-v3")).toEqual([...common, id("SetFee(uint24,uint24)")]);
  expect(state("ramses-cl")).toEqual([...common, id("FeeAdjustment(uint24,uint24)")]);
  expect(state("ramses-v3")).toEqual([
    ...common,
    id("Mint(address,address,uint256,int24,int24,uint128,uint256,uint256)"),
    id("FeeAdjustment(uint24,uint24)"),
    id("FeeAdjustment(address,uint24)"),
  ]);
  expect(() => state("uniswap-v5")).toThrow("no variant uniswap-v5");
});

test.each([
  ["SetFee of Solidly V3", logOf(EVENTS, "SetFee", [500, 123])],
  ["FeeAdjustment of a pool", logOf(PAIR_FEE, "FeeAdjustment", [500, 123])],
  ["FeeAdjustment of a factory", logOf(FACTORY_FEE, "FeeAdjustment", [POOL, 123], FACTORY)],
])("%s changes the fee in both directions, and is undone", (_, log) => {
  expect(uniswapV3.poolOf(log, deploymentOf("ramses-v3"))).toBe(POOL);
  const state = started();
  const before = uniswapV3.quoteExactIn(INFO, state, { indexIn: 0, indexOut: 1, amountIn: 100_000n });
  const undo = uniswapV3.applyLog(INFO, state, log);
  expect(uniswapV3.toRow(INFO, state)).toEqual([...START.slice(0, 4), 123, 123, START[6]]);
  expect(before).toBe(0n); // the two ticks hold less than that
  uniswapV3.applyRow(state, undo);
  expect(uniswapV3.toRow(INFO, state)).toEqual(START);
});

test("a fee adjustment of some other factory is nobody's", () => {
  expect(uniswapV3.poolOf(logOf(FACTORY_FEE, "FeeAdjustment", [POOL, 123], TOKENS[0]), deploymentOf("ramses-v3"))).toBeNull();
});

test("a Mint with the position's index does what one without does", () => {
  const [indexed, plain] = [started(), started()];
  uniswapV3.applyLog(INFO, indexed, logOf(EVENTS, "Mint", [TOKENS[0], TOKENS[1], 2n ** 200n + 7n, -20, 30, 555n, 1n, 2n]));
  uniswapV3.applyLog(INFO, plain, logOf(V3_MINT, "Mint", [TOKENS[0], TOKENS[1], -20, 30, 555n, 1n, 2n]));
  expect(uniswapV3.toRow(INFO, indexed)).toEqual(uniswapV3.toRow(INFO, plain));
  expect(indexed.liquidity).toBe(1555n);
  uniswapV3.applyLog(INFO, indexed, logOf(EVENTS, "Burn", [TOKENS[1], -20, 30, 555n, 1n, 2n]));
  expect(uniswapV3.toRow(INFO, indexed)).toEqual(START);
});

/** What the lens answers for one pool without ticks (V3TickLens.sol). */
function lensAnswer(at: { readonly fee: number; readonly third: number; readonly words: number }): string {
  const bytes = (value: bigint | number, size: number) =>
    BigInt.asUintN(8 * size, BigInt(value))
      .toString(16)
      .padStart(2 * size, "0");
  const pool = [POOL, ...TOKENS].map((address) => address.slice(2)).join("");
  const price = bytes(at.fee, 3) + bytes(10, 3) + bytes(2n ** 96n, 20) + bytes(0, 3) + bytes(1000, 16);
  return `0x02000101000000${pool}${price}${bytes(at.third, 3)}${bytes(1, 3)}${bytes(at.words, 1)}${bytes(0, 2)}`;
}
const readerOf = (answer: string): ChainReader => ({
  call: async (_, data) => {
    expect(data.startsWith(artifact("V3TickLens").bytecode)).toBe(true);
    return answer;
  },
  multicall: async () => [],
});

test("the fee is where the variant keeps it: in Solidly V3 the third of four words of slot0, elsewhere what the pool says", async () => {
  const fee = async (variant: string, answer: Parameters<typeof lensAnswer>[0]) =>
    (await uniswapV3.read(readerOf(lensAnswer(answer)), deploymentOf(variant), [INFO]))[0]?.slice(1, 6);
  const price = (2n ** 96n).toString();
  expect(await fee("solidly-v3", { fee: 0xffffff, third: 77, words: 4 })).toEqual([price, 0, "1000", 77, 77]);
  expect(await fee("ramses-cl", { fee: 88, third: 5, words: 7 })).toEqual([price, 0, "1000", 88, 88]);
  expect(await fee("uniswap-v3", { fee: 99, third: 5, words: 7 })).toEqual([price, 0, "1000", 99, 99]);
  // A pool without any fee that we know how to read is not traded.
  expect(await fee("uniswap-v3", { fee: 0xffffff, third: 5, words: 7 })).toEqual(["0", 0, "0", 0, 0]);
  expect(await fee("solidly-v3", { fee: 88, third: 5, words: 7 })).toEqual(["0", 0, "0", 0, 0]);
});

test("pools are looked up under what their factory keeps them by, a changed fee notwithstanding", async () => {
  const asked: string[] = [];
  const reader = (own: string): ChainReader => ({
    call: async () => "0x",
    async multicall(calls) {
      return calls.map(({ target, data }) => {
        if (target === FACTORY) asked.push(data);
        if (target === FACTORY) return `0x${padWord(data === own ? BigInt(POOL) : 0n)}`;
        const answers: Record<string, bigint> = {
          [id("token0()").slice(0, 10)]: BigInt(TOKENS[0] as string),
          [id("token1()").slice(0, 10)]: BigInt(TOKENS[1] as string),
          [id("tickSpacing()").slice(0, 10)]: 10n,
          [id("fee()").slice(0, 10)]: 123n,
        };
        return `0x${padWord(answers[data] as bigint)}`;
      });
    },
  });
  const key = (signature: string, value: bigint) =>
    `${id(signature).slice(0, 10)}${TOKENS.map((token) => padWord(BigInt(token))).join("")}${padWord(value)}`;
  const describe = (variant: string, own: string) => uniswapV3.describe(reader(own), deploymentOf(variant), [POOL]);
  expect(await describe("uniswap-v3", key("getPool(address,address,uint24)", 123n))).toEqual([INFO]);
  expect(await describe("ramses-cl", key("getPool(address,address,uint24)", 500n))).toEqual([INFO]);
  expect(await describe("solidly-v3", key("getPool(address,address,int24)", 10n))).toEqual([INFO]);
  expect(await describe("ramses-v3", key("getPool(address,address,int24)", 10n))).toEqual([INFO]);
  expect(await describe("uniswap-v3", key("getPool(address,address,uint24)", 500n))).toEqual([null]);
  expect(asked).toHaveLength(1 + 7 + 1 + 1 + 1);
});
