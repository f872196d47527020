import { Interface } from "ethers";
import { describe, expect, test } from "vitest";
import type { DexDeployment } from "#libs/chains/chain.ts";
import { feeExplaining, NO_SWAPS, readHeads } from "#libs/dex/algebra/fees.ts";
import { algebra } from "#libs/dex/algebra/index.ts";
import { calculateSwap } from "#libs/dex/algebra/price-movement-math.ts";
import { decodeSwapsAnswer, encodeSwapsCall } from "#libs/dex/algebra/swaps.ts";
import { getSqrtRatioAtTick, MAX_SQRT_RATIO, MIN_SQRT_RATIO } from "#libs/dex/concentrated/tick-math.ts";
import { padWord } from "#libs/evm/hex.ts";
import { type Address, asAddress } from "#libs/units/brand.ts";
import type { LogRow } from "#proto/block/v1/observed.ts";

const POOL = asAddress(`0x${"aa".repeat(20)}`);
const FACTORY = asAddress(`0x${"fa".repeat(20)}`);
const TOKENS = [asAddress(`0x${"01".repeat(20)}`), asAddress(`0x${"02".repeat(20)}`)] as const;
const INFO = { pool: POOL, tokens: TOKENS, facts: { tickSpacing: 0 } };
const Q96 = 2n ** 96n;

const FACTORY_EVENTS = new Interface([
  "event Pool(address indexed token0, address indexed token1, address pool)",
  "event CustomPool(address indexed deployer, address indexed token0, address indexed token1, address pool)",
]);
const EVENTS = new Interface([
  "event Initialize(uint160 price, int24 tick)",
  "event Mint(address sender, address indexed owner, int24 indexed bottomTick, int24 indexed topTick, uint128 liquidityAmount, uint256 amount0, uint256 amount1)",
  "event Burn(address indexed owner, int24 indexed bottomTick, int24 indexed topTick, uint128 liquidityAmount, uint256 amount0, uint256 amount1)",
  "event Swap(address indexed sender, address indexed recipient, int256 amount0, int256 amount1, uint160 price, uint128 liquidity, int24 tick)",
  "event Fee(uint16 fee)",
]);
const INTEGRAL_EVENTS = new Interface([
  "event Swap(address indexed sender, address indexed recipient, int256 amount0, int256 amount1, uint160 price, uint128 liquidity, int24 tick, uint24 overrideFee, uint24 pluginFee)",
  "event Burn(address indexed owner, int24 indexed bottomTick, int24 indexed topTick, uint128 liquidityAmount, uint256 amount0, uint256 amount1, uint24 pluginFee)",
]);
const DIRECTIONAL_EVENTS = new Interface(["event Fee(uint16 feeZto, uint16 feeOtz)"]);

const logOf = (events: Interface, name: string, values: readonly unknown[], from: Address = POOL): LogRow => {
  const { topics, data } = events.encodeEventLog(name, values);
  return [from, topics, data, 0, 0, `0x${"00".repeat(32)}`];
};
const deploymentOf = (variant: string): DexDeployment => ({
  id: "test",
  brand: "test",
  family: "algebra",
  variant,
  factory: FACTORY,
  deployBlock: 0,
  verified: true,
  source: "this test",
});

function started() {
  const state = algebra.created();
  algebra.applyLog(INFO, state, logOf(EVENTS, "Initialize", [Q96, 0]));
  algebra.applyLog(INFO, state, logOf(EVENTS, "Mint", [POOL, POOL, -600, 600, 10n ** 21n, 0n, 0n]));
  return state;
}

describe("announcements", () => {
  test("an older pool has to be asked what a bit of its table stands for", () => {
    const log = logOf(FACTORY_EVENTS, "Pool", [...TOKENS, POOL], FACTORY);
    for (const variant of ["algebra-v1", "algebra-v1.9", "algebra-v1.9-directional"]) {
      expect(algebra.topics(deploymentOf(variant)).created).toEqual([log[1][0]]);
      expect(algebra.decodeCreated(log, deploymentOf(variant))).toBe(POOL);
    }
  });

  test("Integral announces whole pools, also of custom deployers", () => {
    const custom = logOf(FACTORY_EVENTS, "CustomPool", [`0x${"dd".repeat(20)}`, ...TOKENS, POOL], FACTORY);
    const plain = logOf(FACTORY_EVENTS, "Pool", [...TOKENS, POOL], FACTORY);
    for (const variant of ["algebra-integral-1.0", "algebra-integral", "algebra-integral-unknown"]) {
      const deployment = deploymentOf(variant);
      expect(algebra.topics(deployment).created).toEqual([plain[1][0], custom[1][0]]);
      expect(algebra.decodeCreated(plain, deployment)).toEqual(INFO);
      expect(algebra.decodeCreated(custom, deployment)).toEqual(INFO);
    }
  });
});

describe("logs", () => {
  test("each version's own topics are followed, and no others", () => {
    const topic = (events: Interface, name: string) => events.getEvent(name)?.topicHash;
    const common = ["Initialize", "Swap", "Mint", "Burn"].map((name) => topic(EVENTS, name));
    const fee = topic(EVENTS, "Fee");
    const stateOf = (variant: string) => new Set(algebra.topics(deploymentOf(variant)).state);
    expect(stateOf("algebra-v1")).toEqual(new Set([...common, fee]));
    expect(stateOf("algebra-v1.9")).toEqual(new Set([...common, fee]));
    expect(stateOf("algebra-v1.9-directional")).toEqual(new Set([...common, topic(DIRECTIONAL_EVENTS, "Fee")]));
    const more = [topic(INTEGRAL_EVENTS, "Swap"), topic(INTEGRAL_EVENTS, "Burn")];
    expect(stateOf("algebra-integral")).toEqual(new Set([...common, fee, ...more]));
  });

  test("one fee holds for both directions, two for one each, and both can be undone", () => {
    const state = started();
    const undo = algebra.applyLog(INFO, state, logOf(EVENTS, "Fee", [500]));
    expect(state.feePips).toEqual([500, 500]);
    algebra.applyLog(INFO, state, logOf(DIRECTIONAL_EVENTS, "Fee", [700, 900]));
    expect(state.feePips).toEqual([700, 900]);
    algebra.applyRow(state, undo);
    expect(state.feePips).toEqual([0, 0]);
  });

  test("the longer events of Integral say the same in their first words", () => {
    const [older, newer] = [started(), started()];
    const swap = [POOL, POOL, 5n, -4n, (Q96 * 101n) / 100n, 77n, 199];
    algebra.applyLog(INFO, older, logOf(EVENTS, "Swap", swap));
    algebra.applyLog(INFO, newer, logOf(INTEGRAL_EVENTS, "Swap", [...swap, 3_000, 100]));
    const burn = [POOL, -600, 600, 10n ** 20n, 0n, 0n];
    algebra.applyLog(INFO, older, logOf(EVENTS, "Burn", burn));
    algebra.applyLog(INFO, newer, logOf(INTEGRAL_EVENTS, "Burn", [...burn, 100]));
    expect(algebra.toRow(INFO, newer)).toEqual(algebra.toRow(INFO, older));
    expect(older.ticks.get(600)).toEqual({ net: -9n * 10n ** 20n, gross: 9n * 10n ** 20n });
  });
});

describe("quotes", () => {
  test("a direction that the pool refuses, or in which no fee explains it, pays nothing", () => {
    const state = started();
    state.feePips = [NO_SWAPS, 3_000];
    expect(algebra.quoteExactIn(INFO, state, { amountIn: 10n ** 15n, indexIn: 0, indexOut: 1 })).toBe(0n);
    expect(algebra.quoteExactOut?.(INFO, state, { amountOut: 10n ** 15n, indexIn: 0, indexOut: 1 })).toBe(0n);
    expect(algebra.quoteExactIn(INFO, state, { amountIn: 10n ** 15n, indexIn: 1, indexOut: 0 })).toBeGreaterThan(0n);
  });

  test("steps end where the table's rows end, and nowhere between ticks without a table", () => {
    const state = {
      sqrtPriceX96: Q96,
      tick: 0,
      liquidity: 10n ** 24n,
      sortedTicks: [-60_000, 60_000],
      liquidityNet: [10n ** 24n, -(10n ** 24n)],
    };
    const steps = (tickSpacing: number) => {
      const { steps: count, price } = calculateSwap(state, { amountRequired: 10n ** 24n, zeroToOne: true, fee: 100, tickSpacing });
      expect(price > getSqrtRatioAtTick(-15_360) && price < getSqrtRatioAtTick(-13_824)).toBe(true);
      return count;
    };
    expect(steps(0)).toBe(1);
    // From tick 0, which begins a row, one step to stand at it, then rows of 256 · 60 and of 256 ticks.
    expect(steps(60)).toBe(2);
    expect(steps(1)).toBe(2 + Math.floor(13_863 / 256));
  });
});

describe("fees", () => {
  const range = { sqrtPriceX96: Q96, tick: 0, liquidity: 10n ** 21n, sortedTicks: [-600, 600], liquidityNet: [10n ** 21n, -(10n ** 21n)] };
  const didWith = (fee: number, amountRequired: bigint) => {
    const { amountIn, amountOut, price } = calculateSwap(range, { amountRequired, zeroToOne: true, fee, tickSpacing: 0 });
    const answer = { kind: "called-back" as const, amount0: amountIn, amount1: -amountOut, after: { price, third: 0, fourth: 0 } };
    return { zeroToOne: true, amountRequired, answer };
  };

  test("a pool that does what no fee explains is not quoted", () => {
    const swap = didWith(3_000, 10n ** 15n);
    expect(feeExplaining(range, [swap])).toBe(3_000);
    const price = swap.answer.after.price + 1n;
    expect(feeExplaining(range, [{ ...swap, answer: { ...swap.answer, after: { price, third: 0, fourth: 0 } } }])).toBe(NO_SWAPS);
    // Different fees for different sizes: no one of them is the pool's.
    expect(feeExplaining(range, [swap, didWith(4_000, 10n ** 16n)])).toBe(NO_SWAPS);
  });

  test("where several fees explain it the highest is taken", () => {
    expect(feeExplaining(range, [didWith(2_500, 1_000n)])).toBe(3_000);
  });

  test("refusals say nothing of the fee", () => {
    const refused = { ...didWith(9_000, 10n ** 15n), answer: { ...didWith(9_000, 10n ** 15n).answer, kind: "refused" as const } };
    expect(feeExplaining(range, [didWith(3_000, 10n ** 15n), refused])).toBe(3_000);
  });
});

describe("answers of AlgebraSwaps.sol", () => {
  const WORDS = 13;
  /** A v1.9 pool with fees of 700 and 900, told in the callback of either swap. */
  const answered = (timestamp: bigint, words: bigint) => {
    const one = [1n, 5n, -4n, Q96, 700n, 900n, words, Q96, 0n, 100n, 200n, 10n ** 18n, 0n];
    expect(one.length).toBe(WORDS);
    return `0x${[timestamp, ...one, ...one].map((value) => padWord(BigInt.asUintN(256, value))).join("")}`;
  };

  test("of a pool with two fees each direction has its own, of one with one fee both have it", async () => {
    const call = (words: bigint) => () => Promise.resolve(answered(1_000n, words));
    expect(await readHeads(call(8n), [POOL], 1_000)).toEqual([
      { pool: POOL, price: Q96, tick: 0, liquidity: 10n ** 18n, fees: [700, 900] },
    ]);
    expect((await readHeads(call(7n), [POOL], 1_000))[0]?.fees).toEqual([700, 700]);
    // Nobody knows a version with nine words.
    expect((await readHeads(call(9n), [POOL], 1_000))[0]?.fees).toEqual([NO_SWAPS, NO_SWAPS]);
  });

  test("at the end of all prices a pool with one fee takes the one way what it takes the other, at any other price a refusal is a refusal", async () => {
    const refusing = (first: "down" | "up", price: bigint, words: bigint) => {
      const refused = [0n, 0n, 0n, 0n, 0n, 0n, words, price, 0n, 100n, 200n, 10n ** 18n, 0n];
      const taken = [1n, 5n, -4n, Q96, 700n, 900n, words, price, 0n, 100n, 200n, 10n ** 18n, 0n];
      const answers = first === "down" ? [...refused, ...taken] : [...taken, ...refused];
      const data = `0x${[1_000n, ...answers].map((value) => padWord(BigInt.asUintN(256, value))).join("")}`;
      return readHeads(() => Promise.resolve(data), [POOL], 1_000).then(([head]) => head?.fees);
    };
    const [lowest, highest] = [MIN_SQRT_RATIO + 1n, MAX_SQRT_RATIO - 1n];
    expect(await refusing("down", lowest, 7n)).toEqual([700, 700]);
    expect(await refusing("up", highest, 7n)).toEqual([700, 700]);
    expect(await refusing("down", highest, 7n)).toEqual([NO_SWAPS, 700]);
    expect(await refusing("up", lowest, 7n)).toEqual([700, NO_SWAPS]);
    expect(await refusing("down", Q96, 7n)).toEqual([NO_SWAPS, 700]);
    expect(await refusing("down", lowest, 8n)).toEqual([NO_SWAPS, 900]);
  });

  test("swaps that ran at another time than was asked for are no answer", async () => {
    const call = () => Promise.resolve(answered(1_000n, 7n));
    await expect(readHeads(call, [POOL], 1_012)).rejects.toThrow("swaps ran at 1000, not at 1012");
    expect((await readHeads(call, [POOL], null)).length).toBe(1);
  });

  test("an answer of another length is refused", () => {
    expect(() => decodeSwapsAnswer(answered(1n, 7n), 1)).toThrow("expected");
  });

  test("a question is two words behind the creation code", () => {
    const call = encodeSwapsCall([{ pool: POOL, zeroToOne: true, amountRequired: -5n }]);
    const words = `${padWord(32n)}${padWord(1n)}${"1".padStart(24, "0")}${POOL.slice(2)}${padWord(2n ** 256n - 5n)}`;
    expect(call.endsWith(words)).toBe(true);
  });
});
