import { fc, test } from "@fast-check/vitest";
import { expect } from "vitest";
import { TOKEN_EXCHANGE } from "#libs/dex/curve-stableswap/abi.ts";
import { curveStableSwap } from "#libs/dex/curve-stableswap/index.ts";
import { aPrecisionOf, exchange, getY, type Lineage, type Solved, solve, type Terms } from "#libs/dex/curve-stableswap/math.ts";
import type { Row } from "#libs/dex/curve-stableswap/read.ts";
import { answer, INFO, rowOfTerms } from "#libs/dex/curve-stableswap/testing.ts";
import type { LogRow } from "#proto/block/v1/observed.ts";

/** Another seed is another run: SEED=7 npx vitest run libs/dex/curve-stableswap */
fc.configureGlobal({ numRuns: 3_000, seed: Number(process.env.SEED ?? 1) });

const E18 = 10n ** 18n;
const E10 = 10n ** 10n;
const lineages = fc.constantFrom<Lineage>("2020", "2021", "ema", "ng");
/** Whole coins, uniform in the number of digits: from one to a hundred billion. */
const coins = fc
  .tuple(fc.bigInt({ min: 100n, max: 999n }), fc.integer({ min: 0, max: 9 }))
  .map(([digits, places]) => (digits * 10n ** BigInt(places)) / 100n + 1n);
/** Of one pool: never more than 1 : 1,000 apart, as pools that are traded are. */
const scales = (length: number) => fc.array(fc.bigInt({ min: 1_000n, max: 1_000_000n }), { minLength: length, maxLength: length });

/** Pools of 2 to 8 coins with 0 to 18 decimals and rates about 1. */
const pools = fc
  .record({
    lineage: lineages,
    coins: fc.integer({ min: 2, max: 8 }),
    depth: coins,
    A: fc.bigInt({ min: 1n, max: 10_000n }),
    fee: fc.bigInt({ min: 0n, max: 100_000_000n }),
  })
  .chain(({ lineage, coins: length, depth, A, fee }) =>
    fc
      .record({
        scale: scales(length),
        decimals: fc.array(fc.constantFrom(2n, 6n, 8n, 18n), { minLength: length, maxLength: length }),
        drift: fc.array(fc.bigInt({ min: -(10n ** 17n), max: 10n ** 17n }), { minLength: length, maxLength: length }),
        offpegFeeMultiplier: fc.constantFrom(0n, E10, 2n * E10, 5n * E10, 20n * E10),
      })
      .map(
        ({ scale, decimals, drift, offpegFeeMultiplier }): Terms => ({
          lineage,
          balances: scale.map((part, index) => (depth * part * 10n ** (decimals[index] as bigint)) / 10_000n + 1n),
          rates: decimals.map((places, index) => ((E18 + (drift[index] as bigint)) * 10n ** (36n - places)) / E18),
          amp: A * aPrecisionOf(lineage),
          fee,
          offpegFeeMultiplier,
        }),
      ),
  );
/** Pools of a few units, where every unit of rounding shows. */
const dust = fc
  .record({
    lineage: lineages,
    balances: fc.array(fc.bigInt({ min: 50n, max: 50_000n }), { minLength: 2, maxLength: 4 }),
    A: fc.bigInt({ min: 1n, max: 500n }),
  })
  .map(
    ({ lineage, balances, A }): Terms => ({
      lineage,
      balances,
      rates: balances.map(() => E18),
      amp: A * aPrecisionOf(lineage),
      fee: 0n,
      offpegFeeMultiplier: 0n,
    }),
  );
/** A direction and an input, as a share of the pool's balance: 1e-12 to 100 times it. */
const swaps = fc.record({
  from: fc.nat({ max: 7 }),
  step: fc.integer({ min: 1, max: 7 }),
  digits: fc.bigInt({ min: 1n, max: 9_999n }),
  places: fc.integer({ min: 0, max: 13 }),
});
type Swap = typeof swaps extends fc.Arbitrary<infer Each> ? Each : never;

function directed({ balances }: Pick<Terms, "balances">, { from, step, digits, places }: Swap): { i: number; j: number; dx: bigint } {
  const i = from % balances.length;
  const j = (i + 1 + ((step - 1) % (balances.length - 1))) % balances.length;
  return { i, j, dx: ((balances[i] as bigint) * digits * 10n ** BigInt(places)) / 10n ** 15n + 1n };
}

function solved(terms: Terms): Solved {
  const found = solve(terms);
  fc.pre(found !== null);
  return found as Solved;
}

/**
 * The invariant itself, exactly: Ann·S + D − Ann·D − D^(n+1)/(n^n·Πx), times A_PRECISION·n^n·Πx so that it is whole. Positive below the root in D, and above the root in
 * any x. Source: Curve's StableSwap paper (Egorov 2019), with the contracts' Ann = A·n^n (their A holds n^(n−1) already).
 */
function invariantAt(xp: readonly bigint[], D: bigint, { Ann, aPrecision }: Solved): bigint {
  const N = BigInt(xp.length);
  const product = xp.reduce((all, x) => all * x * N, 1n);
  const S = xp.reduce((sum, x) => sum + x, 0n);
  return (Ann * (S - D) + aPrecision * D) * product - aPrecision * D ** (N + 1n);
}

/** The most that is lost when `c · D / (x · N)` is rounded down for each of these coins in turn: what one division drops, the next ones enlarge. */
const dropped = (xs: readonly bigint[], { D, N }: Solved): bigint => xs.reduce((lost, x) => (lost * D) / (x * N) + 2n, 0n);

/** Units by which get_D may miss: the two in which Newton's method ends, and what its product dropped. A coin more or less in D_P is less than one in D. */
const slackOfD = (curve: Solved): bigint => 2n + dropped(curve.xp, curve);

test.prop([fc.oneof(pools, dust)])("D is the root of the invariant, but for what the contract's divisions drop", (terms) => {
  const curve = solved(terms);
  const slack = slackOfD(curve);
  expect(invariantAt(curve.xp, curve.D - slack, curve) > 0n).toBe(true);
  expect(invariantAt(curve.xp, curve.D + slack, curve) < 0n).toBe(true);
});

test.prop([fc.oneof(pools, dust), swaps])(
  "y is the root of the invariant at this D, but for what the contract's divisions drop",
  (terms, swap) => {
    const curve = solved(terms);
    const { i, j, dx } = directed(terms, swap);
    const x = (curve.xp[i] as bigint) + (dx * (terms.rates[i] as bigint)) / E18;
    const y = getY(curve, i, j, x);
    const after = (other: bigint) => curve.xp.map((each, k) => (k === i ? x : k === j ? other : each));
    const steepness = 2n * y + curve.bD + after(0n).reduce((sum, each) => sum + each, 0n);
    const droppedOfC =
      (dropped(
        after(0n).filter((_, k) => k !== j),
        curve,
      ) *
        curve.DA) /
        curve.AnnN +
      1n;
    const slack = 3n + droppedOfC / steepness;
    expect(invariantAt(after(y + slack), curve.D, curve) > 0n).toBe(true);
    if (y > slack) expect(invariantAt(after(y - slack), curve.D, curve) < 0n).toBe(true);
  },
);

const log = (pool: string, topic: string, ...words: readonly bigint[]): LogRow => [
  pool,
  [topic, `0x${"0".repeat(64)}`],
  answer(...words),
  0,
  0,
  `0x${"ab".repeat(32)}`,
];

test.prop([pools, fc.bigInt({ min: 0n, max: E10 / 2n }), fc.array(swaps, { minLength: 1, maxLength: 6 }), fc.nat({ max: 5 })])(
  "exchanges are followed from their events: in comes dx, out go the payment and the admin's part of the fee; undo and change rows put back",
  (terms, adminFee, all, from) => {
    const info = INFO({ lineage: terms.lineage }, terms.balances.length);
    const state = curveStableSwap.created();
    curveStableSwap.applyRow(state, rowOfTerms(info, terms, adminFee));
    const balances = [...terms.balances];
    let before: Row | null = null;
    let merged: Row | null = null;
    for (const [index, swap] of all.entries()) {
      const { i, j, dx } = directed({ balances }, swap);
      // The steps of StableSwap.exchange once more, from y on, on balances of our own.
      const curve = solve({ ...terms, balances: [...balances] });
      const taken = curve === null ? null : exchange(curve, i, j, dx);
      if (curve === null || taken === null) return;
      const rate = terms.rates[j] as bigint;
      const dyAdminFee = (((taken.dyFee * adminFee) / E10) * E18) / rate;
      if (index >= from) before ??= curveStableSwap.toRow(info, state);
      const last = curveStableSwap.toRow(info, state);
      const planned = curveStableSwap.afterSwap(info, state, { indexIn: i, indexOut: j, amountIn: dx });
      expect(curveStableSwap.toRow(info, state)).toEqual(last);
      const undo = curveStableSwap.applyLog(info, state, log(info.pool, TOKEN_EXCHANGE, BigInt(i), dx, BigInt(j), taken.amountOut));
      expect(undo).toEqual(last);
      if (index >= from) merged = merged === null ? undo : curveStableSwap.mergeUndo(merged, undo);
      balances[i] = (balances[i] as bigint) + dx;
      balances[j] = (balances[j] as bigint) - taken.amountOut - dyAdminFee;
      const then = rowOfTerms(info, { ...terms, balances }, adminFee);
      expect(curveStableSwap.toRow(info, state)).toEqual(then);
      // Quoted before it was sent. What pays nothing is followed, and never sent.
      expect(planned).toEqual(taken.amountOut === 0n ? null : then);
      expect(curveStableSwap.refresh?.needed(info, state)).toBe(false);
    }
    if (merged === null || before === null) return;
    const after = curveStableSwap.toRow(info, state);
    const copy = curveStableSwap.created();
    curveStableSwap.applyRow(copy, before);
    curveStableSwap.applyRow(copy, curveStableSwap.toChangeRow(info, state, merged));
    expect(curveStableSwap.toRow(info, copy)).toEqual(after);
    curveStableSwap.applyRow(copy, merged);
    expect(curveStableSwap.toRow(info, copy)).toEqual(before);
  },
);

test.prop([pools, swaps, fc.constantFrom(-1n, 1n)])(
  "an exchange that paid something else leaves the pool untraded until it is read again",
  (terms, swap, off) => {
    const info = INFO({ lineage: terms.lineage }, terms.balances.length);
    const state = curveStableSwap.created();
    const row = rowOfTerms(info, terms, E10 / 2n);
    curveStableSwap.applyRow(state, row);
    const { i, j, dx } = directed(terms, swap);
    const paid = curveStableSwap.quoteExactIn(info, state, { amountIn: dx, indexIn: i, indexOut: j });
    fc.pre(paid + off >= 0n);
    const undo = curveStableSwap.applyLog(info, state, log(info.pool, TOKEN_EXCHANGE, BigInt(i), dx, BigInt(j), paid + off));
    expect(curveStableSwap.isLive(state)).toBe(false);
    expect(curveStableSwap.refresh?.needed(info, state)).toBe(true);
    expect(curveStableSwap.quoteExactIn(info, state, { amountIn: dx, indexIn: i, indexOut: j })).toBe(0n);
    curveStableSwap.applyRow(state, undo);
    expect(curveStableSwap.toRow(info, state)).toEqual(row);
    expect(curveStableSwap.quoteExactIn(info, state, { amountIn: dx, indexIn: i, indexOut: j })).toBe(paid);
  },
);
