import { fc, test } from "@fast-check/vitest";
import { expect } from "vitest";
import {
  getSqrtRatioAtTick,
  getTickAtSqrtRatio,
  MAX_SQRT_RATIO,
  MAX_TICK,
  MIN_SQRT_RATIO,
  MIN_TICK,
  sqrtPriceAtTick,
} from "#libs/dex/concentrated/tick-math.ts";
import { InvariantError } from "#libs/units/invariant.ts";

/** Source: v3-core test/TickMath.spec.ts and its snapshot. */
const KNOWN: readonly (readonly [tick: number, sqrtPriceX96: bigint])[] = [
  [MIN_TICK, 4_295_128_739n],
  [MIN_TICK + 1, 4_295_343_490n],
  [MAX_TICK - 1, 1_461_373_636_630_004_318_706_518_188_784_493_106_690_254_656_249n],
  [MAX_TICK, 1_461_446_703_485_210_103_287_273_052_203_988_822_378_723_970_342n],
  [0, 2n ** 96n],
  [50, 79_426_470_787_362_580_746_886_972_461n],
  [-50, 79_030_349_367_926_598_376_800_521_322n],
  [100, 79_625_275_426_524_748_796_330_556_128n],
  [-100, 78_833_030_112_140_176_575_862_854_579n],
  [250, 80_224_679_980_005_306_637_834_519_095n],
  [-250, 78_244_023_372_248_365_697_264_290_337n],
  [500, 81_233_731_461_783_161_732_293_370_115n],
  [-500, 77_272_108_795_590_369_356_373_805_297n],
  [1_000, 83_290_069_058_676_223_003_182_343_270n],
  [-1_000, 75_364_347_830_767_020_784_054_125_655n],
  [2_500, 89_776_708_723_587_163_891_445_672_585n],
  [-2_500, 69_919_044_979_842_180_277_688_105_136n],
  [3_000, 92_049_301_871_182_272_007_977_902_845n],
  [-3_000, 68_192_822_843_687_888_778_582_228_483n],
  [4_000, 96_768_528_593_268_422_080_558_758_223n],
  [-4_000, 64_867_181_785_621_769_311_890_333_195n],
  [5_000, 101_729_702_841_318_637_793_976_746_270n],
  [-5_000, 61_703_726_247_759_831_737_814_779_831n],
  [50_000, 965_075_977_353_221_155_028_623_082_916n],
  [-50_000, 6_504_256_538_020_985_011_912_221_507n],
  [150_000, 143_194_173_941_309_278_083_010_301_478_497n],
  [-150_000, 43_836_292_794_701_720_435_367_485n],
  [250_000, 21_246_587_762_933_397_357_449_903_968_194_344n],
  [-250_000, 295_440_463_448_801_648_376_846n],
  [500_000, 5_697_689_776_495_288_729_098_254_600_827_762_987_878n],
  [-500_000, 1_101_692_437_043_807_371n],
  [738_203, 847_134_979_253_254_120_489_401_328_389_043_031_315_994_541n],
  [-738_203, 7_409_801_140_451n],
];

test.each(KNOWN)("tick %i has v3-core's square-root price", (tick, sqrtPriceX96) => {
  expect(getSqrtRatioAtTick(tick)).toBe(sqrtPriceX96);
});

test("the ends of the range are the contract's constants, and there is nothing beyond", () => {
  expect([getSqrtRatioAtTick(MIN_TICK), getSqrtRatioAtTick(MAX_TICK)]).toEqual([MIN_SQRT_RATIO, MAX_SQRT_RATIO]);
  for (const tick of [MIN_TICK - 1, MAX_TICK + 1, 0.5, Number.NaN]) {
    expect(() => getSqrtRatioAtTick(tick)).toThrow(InvariantError);
    expect(() => sqrtPriceAtTick(tick)).toThrow(InvariantError);
  }
});

const tick = fc.oneof(fc.integer({ min: MIN_TICK, max: MAX_TICK - 1 }), fc.constantFrom(MIN_TICK, -1, 0, MAX_TICK - 1));

test.prop([tick])("a curve's price of a tick is the exact one in float64, the first time and from then on", (each) => {
  const exact = Number(getSqrtRatioAtTick(each)) / 2 ** 96;
  expect([sqrtPriceAtTick(each), sqrtPriceAtTick(each)]).toEqual([exact, exact]);
});

test.prop([tick])("each tick is a price of its own, above the one before", (lower) => {
  expect(getSqrtRatioAtTick(lower) < getSqrtRatioAtTick(lower + 1)).toBe(true);
});

test.prop([tick])("the price is 1.0001^tick as far as floating point tells", (each) => {
  const exact = Number(getSqrtRatioAtTick(each)) / 2 ** 96;
  // The lowest ratios are some 2^32 units, so rounding up by one unit is 2e-10 of them.
  expect(Math.abs(exact / 1.0001 ** (each / 2) - 1)).toBeLessThan(1e-9);
});

test.each(KNOWN.filter(([each]) => each < MAX_TICK))(
  "the tick of a price is %i from its own price up to the next tick's",
  (each, sqrtPriceX96) => {
    expect(getTickAtSqrtRatio(sqrtPriceX96)).toBe(each);
    if (each > MIN_TICK) expect(getTickAtSqrtRatio(sqrtPriceX96 - 1n)).toBe(each - 1);
  },
);

test.prop([tick, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })])("the tick of a price is the last at or below it", (each, part) => {
  const [low, next] = [getSqrtRatioAtTick(each), getSqrtRatioAtTick(each + 1)];
  for (const price of [low, low + (((next - low) * part) >> 64n), next - 1n]) expect(getTickAtSqrtRatio(price)).toBe(each);
});

test("no price beyond the ends of the range has a tick, the last one included", () => {
  expect([getTickAtSqrtRatio(MIN_SQRT_RATIO), getTickAtSqrtRatio(MAX_SQRT_RATIO - 1n)]).toEqual([MIN_TICK, MAX_TICK - 1]);
  for (const price of [0n, MIN_SQRT_RATIO - 1n, MAX_SQRT_RATIO]) expect(() => getTickAtSqrtRatio(price)).toThrow(InvariantError);
});
