import { expect, test } from "vitest";
import { dynamicPart, type FeeConfig, feeOf } from "#libs/dex/slipstream/fees.ts";

/** What the dynamic module does where no compiled module is at hand: the later one, with a fee of its own for the first swap of a block. Values by hand from its source. */
const MODULE = { secondsAgo: 600, defaultScalingFactor: 2_000_000n, defaultFeeCap: 5_000n };
const CONFIG: FeeConfig = { baseFee: 100n, feeCap: 900n, scalingFactor: 0n, initialFee: null };
/** The tick was 40 on average over ten minutes, and is 100. */
const ORACLE = { tick: 100, cardinality: 300, cumulatives: [0n, 24_000n] as const };

test("the fee grows with the distance from the average, up to the cap that goes with its factor", () => {
  expect(feeOf(CONFIG, MODULE, 500n, ORACLE)).toEqual({ first: 220n, later: 220n });
  expect(feeOf({ ...CONFIG, baseFee: 0n }, MODULE, 500n, ORACLE).first).toBe(620n);
  expect(feeOf({ ...CONFIG, scalingFactor: 10_000_000n }, MODULE, 500n, ORACLE).first).toBe(700n);
  expect(feeOf({ ...CONFIG, scalingFactor: 100_000_000n }, MODULE, 500n, ORACLE).first).toBe(900n);
  expect(feeOf({ ...CONFIG, baseFee: 420n, initialFee: 7n }, MODULE, 500n, ORACLE)).toEqual({ first: 0n, later: 0n });
});

test("an average is rounded towards zero, and a pool that does not remember far enough has none", () => {
  const factor = 1_000_000n;
  expect(dynamicPart({ ...ORACLE, tick: 0, cumulatives: [0n, -1_199n] }, 600, factor)).toBe(1n);
  expect(dynamicPart({ ...ORACLE, tick: -3, cumulatives: [1_000n, 0n] }, 600, factor)).toBe(2n);
  expect(dynamicPart({ ...ORACLE, cardinality: 299 }, 600, factor)).toBe(0n);
  expect(dynamicPart({ ...ORACLE, cumulatives: null }, 600, factor)).toBe(0n);
});

test("the first swap of a block takes the initial fee where there is one: itself, the base fee for 0, nothing for 420", () => {
  const first = (initialFee: bigint) => feeOf({ ...CONFIG, initialFee }, MODULE, 500n, ORACLE);
  expect(first(33n)).toEqual({ first: 33n, later: 220n });
  expect(first(0n)).toEqual({ first: 100n, later: 220n });
  expect(first(420n)).toEqual({ first: 0n, later: 220n });
});
