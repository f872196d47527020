import { AbiCoder, concat, getBytes, solidityPacked } from "ethers";
import { describe, expect, test } from "vitest";
import { asAddress } from "#libs/units/brand.ts";
import { InvariantError } from "#libs/units/invariant.ts";
import { artifact } from "./artifact.ts";
import {
  decodeTickLensAnswer,
  decodeTickLensResult,
  encodeTickLensCall,
  MAX_POOLS_PER_CALL,
  readTicks,
  tickStateProblem,
  type V3PoolTicks,
} from "./tick-lens.ts";

const poolA = asAddress(`0x${"aa".repeat(20)}`);
const poolB = asAddress(`0x${"bb".repeat(20)}`);

/** A pool with one position over [-20, 10) and one over [-10, 10). */
const state: V3PoolTicks = {
  pool: poolA,
  token0: asAddress(`0x${"01".repeat(20)}`),
  token1: asAddress(`0x${"02".repeat(20)}`),
  feePips: 500,
  tickSpacing: 10,
  sqrtPriceX96: (1n << 159n) + 12345n,
  tick: -7,
  liquidity: (1n << 127n) + 5n,
  slot: { third: 1, fourth: 2 ** 24 - 2, words: 7 },
  ticks: [
    { tick: -20, liquidityNet: 5n, liquidityGross: 5n },
    { tick: -10, liquidityNet: 1n << 126n, liquidityGross: 1n << 126n },
    { tick: -8, liquidityNet: 1n << 126n, liquidityGross: 1n << 126n },
    { tick: 10, liquidityNet: -(1n << 127n) - 5n + (1n << 127n), liquidityGross: (1n << 128n) - 1n },
  ],
};

/** The answer as the contract writes it, packed by ethers. */
function answerOf(pools: readonly V3PoolTicks[], nextSlot: number | null = null): string {
  const head = solidityPacked(["uint8", "uint16", "uint8", "int24"], [2, pools.length, nextSlot === null ? 1 : 0, nextSlot ?? 0]);
  const records = pools.map((pool) =>
    concat([
      solidityPacked(
        ["address", "address", "address", "uint24", "int24", "uint160", "int24", "uint128", "uint24", "uint24", "uint8", "uint16"],
        [
          pool.pool,
          pool.token0,
          pool.token1,
          pool.feePips ?? 0xffffff,
          pool.tickSpacing,
          pool.sqrtPriceX96,
          pool.tick,
          pool.liquidity,
          pool.slot.third,
          pool.slot.fourth,
          pool.slot.words,
          pool.ticks.length,
        ],
      ),
      ...pool.ticks.map((tick) => solidityPacked(["int24", "int128", "uint128"], [tick.tick, tick.liquidityNet, tick.liquidityGross])),
    ]),
  );
  return concat([head, ...records]);
}

describe("encodeTickLensCall", () => {
  test("is the creation code followed by ABI-encoded arguments", () => {
    const args = AbiCoder.defaultAbiCoder().encode(["address[]", "int24", "uint8"], [[poolA, poolB], -123, 3]);
    expect(encodeTickLensCall([poolA, poolB], "globalState-list", -123)).toBe(concat([artifact("V3TickLens").bytecode, args]));
  });

  test("stays within the limit of creation code at the most pools", () => {
    const pools = Array.from({ length: MAX_POOLS_PER_CALL }, () => poolA);
    expect(getBytes(encodeTickLensCall(pools)).length).toBeLessThan(49_152);
    expect(() => encodeTickLensCall([...pools, poolA])).toThrow(InvariantError);
    expect(() => encodeTickLensCall([])).toThrow(InvariantError);
    expect(() => encodeTickLensCall([poolA], "slot0", 2 ** 23)).toThrow("not an int24");
  });
});

describe("decoding", () => {
  test("reads every field at its extremes", () => {
    const extreme: V3PoolTicks = {
      ...state,
      pool: poolB,
      feePips: null,
      slot: { third: 2 ** 24 - 1, fourth: 0, words: 255 },
      tickSpacing: 16383,
      tick: -887272,
      sqrtPriceX96: (1n << 160n) - 1n,
      liquidity: (1n << 128n) - 1n,
      ticks: [
        { tick: -887272, liquidityNet: -(1n << 127n), liquidityGross: 1n },
        { tick: 887272, liquidityNet: (1n << 127n) - 1n, liquidityGross: (1n << 128n) - 1n },
      ],
    };
    expect(decodeTickLensResult(answerOf([state, extreme]))).toEqual([state, extreme]);
    expect(decodeTickLensAnswer(answerOf([state], -321))).toEqual({ pools: [state], nextSlot: -321 });
    expect(decodeTickLensResult(answerOf([]))).toEqual([]);
  });

  test("refuses every truncation, and anything too long", () => {
    const whole = answerOf([state, { ...state, ticks: [] }]);
    for (let length = 0; length < whole.length; length++)
      expect(() => decodeTickLensAnswer(whole.slice(0, length))).toThrow(InvariantError);
    expect(() => decodeTickLensAnswer(`${whole}00`)).toThrow("1 bytes too many");
    expect(() => decodeTickLensAnswer(`0x01${whole.slice(4)}`)).toThrow("version");
    expect(() => decodeTickLensAnswer(`${whole.slice(0, -2)}zz`)).toThrow("not hex");
    expect(() => decodeTickLensResult(answerOf([state], 5))).toThrow("ends within a pool");
  });
});

describe("readTicks", () => {
  test("joins pages that end between two ticks of a pool", async () => {
    const other = { ...state, pool: poolB };
    const pages = [
      answerOf([{ ...state, ticks: state.ticks.slice(0, 2) }], -1),
      answerOf([{ ...state, ticks: state.ticks.slice(2, 3) }], 1),
      answerOf([{ ...state, ticks: state.ticks.slice(3) }]),
      answerOf([{ ...other, ticks: [] }], -2),
      answerOf([other]),
    ];
    const asked: string[] = [];
    const read = await readTicks([poolA, poolB], async (data) => {
      asked.push(data);
      return pages.shift() ?? "0x";
    });
    expect(read).toEqual([state, other]);
    expect(asked).toEqual([
      encodeTickLensCall([poolA, poolB]),
      encodeTickLensCall([poolA, poolB], "slot0", -1),
      encodeTickLensCall([poolA, poolB], "slot0", 1),
      encodeTickLensCall([poolB]),
      encodeTickLensCall([poolB], "slot0", -2),
    ]);
  });

  test("refuses pages of two different states", async () => {
    const pages = [answerOf([{ ...state, ticks: [] }], 0), answerOf([{ ...state, liquidity: 1n }])];
    await expect(readTicks([poolA], async () => pages.shift() ?? "0x")).rejects.toThrow("must read one block");
  });

  test("refuses an answer for another pool, an empty one, and one without progress", async () => {
    await expect(readTicks([poolB], async () => answerOf([state]))).rejects.toThrow(`asked for ${poolB}`);
    await expect(readTicks([poolA], async () => answerOf([]))).rejects.toThrow("too little gas");
    await expect(readTicks([poolA], async () => answerOf([{ ...state, ticks: [] }], 3))).rejects.toThrow("too little gas");
    await expect(readTicks([poolA], async () => "0x")).rejects.toThrow("no answer");
  });
});

describe("tickStateProblem", () => {
  const sound: V3PoolTicks = {
    ...state,
    liquidity: 12n,
    ticks: [
      { tick: -20, liquidityNet: 5n, liquidityGross: 5n },
      { tick: -10, liquidityNet: 7n, liquidityGross: 9n },
      { tick: 10, liquidityNet: -12n, liquidityGross: 12n },
    ],
  };
  const [lower, middle, upper] = sound.ticks as [(typeof sound.ticks)[0], (typeof sound.ticks)[0], (typeof sound.ticks)[0]];

  test("finds nothing in a sound pool", () => {
    expect(tickStateProblem(sound)).toBeNull();
    expect(tickStateProblem({ ...sound, tick: -11, liquidity: 5n })).toBeNull();
    expect(tickStateProblem({ ...sound, ticks: [], liquidity: 0n })).toBeNull();
  });

  test.each([
    ["not an initialised", { ...sound, sqrtPriceX96: 0n }],
    ["out of order", { ...sound, ticks: [middle, lower, upper] }],
    ["off its spacing", { ...sound, ticks: [{ ...lower, tick: -21 }, middle, upper] }],
    ["but empty", { ...sound, ticks: [{ ...lower, liquidityNet: 0n, liquidityGross: 0n }, middle, upper] }],
    ["exceeds gross", { ...sound, ticks: [lower, { ...middle, liquidityGross: 6n }, upper] }],
    ["not to zero", { ...sound, ticks: [lower, middle, { ...upper, liquidityNet: -11n }] }],
    ["the pool says", { ...sound, liquidity: 11n }],
  ])("says: %s", (problem, pool) => {
    expect(tickStateProblem(pool)).toContain(problem);
  });
});
