import { fc, test } from "@fast-check/vitest";
import { id } from "ethers";
import { expect } from "vitest";
import { balancerV2 } from "#libs/dex/balancer-v2/index.ts";
import { calculateInvariantDown, calculateInvariantUp } from "#libs/dex/balancer-v2/stable-math.ts";
import { type BalancerState, derivedOf, type Info, type Row } from "#libs/dex/balancer-v2/state.ts";
import { padWord } from "#libs/evm/hex.ts";
import { asAddress } from "#libs/units/brand.ts";
import { invariant } from "#libs/units/invariant.ts";
import type { LogRow } from "#proto/block/v1/observed.ts";

const VAULT = asAddress(`0x${"ba".repeat(20)}`);
const POOL = asAddress(`0x${"aa".repeat(20)}`);
const POOL_ID = `${POOL}${"0".repeat(24)}`;
const TOKENS = [1, 2, 3].map((number) => asAddress(`0x${String(number).padStart(40, "0")}`));
const WAD = 10n ** 18n;

interface Setup {
  readonly info: Info;
  readonly state: BalancerState;
}

function setup(facts: Partial<Info["facts"]>, balances: readonly bigint[], fee: bigint, amp: bigint, rates: readonly bigint[]): Setup {
  const count = balances.length;
  const info: Info = {
    pool: POOL,
    tokens: TOKENS.slice(0, count),
    facts: {
      vault: VAULT,
      poolId: POOL_ID,
      kind: "stable",
      maths: 2,
      decimals: TOKENS.slice(0, count).map(() => 18),
      weights: [],
      bptIndex: -1,
      rateProviders: [],
      ...facts,
    },
  };
  const state = balancerV2.created();
  balancerV2.applyRow(state, row(info, balances, fee, amp, rates));
  return { info, state };
}

const row = ({ pool }: Info, balances: readonly bigint[], fee: bigint, amp: bigint, rates: readonly bigint[]): Row => [
  pool,
  balances.map(String),
  balances.map(() => "0"),
  fee.toString(),
  false,
  [amp.toString(), false, [], 0],
  rates.map(String),
];

const maths = fc.constantFrom(1 as const, 2 as const);
const fee = fc.bigInt({ min: 10n ** 12n, max: 10n ** 17n });
const decimals = fc.constantFrom(0, 6, 8, 18);
/** Whole tokens with a fraction, of some decimals. */
const amountOf = (places: number, most: number) =>
  fc
    .tuple(fc.nat({ max: most }), fc.nat({ max: 999_999 }))
    .map(([tokens, rest]) => ((BigInt(tokens + 1) * 10n ** 6n + BigInt(rest)) * 10n ** BigInt(places)) / 10n ** 6n);

const weightedSetup = fc
  .tuple(
    maths,
    fee,
    fc.constantFrom([50, 30, 20], [1, 2, 97], [80, 10, 10], [40, 40, 20], [25, 25, 50]),
    fc.tuple(decimals, decimals, decimals),
  )
  .chain(([version, swapFee, percents, places]) =>
    fc.tuple(...places.map((each) => amountOf(each, 10 ** 7))).map((balances) => {
      const weights = percents.map((percent) => (BigInt(percent) * 10n ** 16n).toString());
      return setup({ kind: "weighted", maths: version, decimals: places, weights }, balances, swapFee, 0n, []);
    }),
  );
const stableSetup = fc
  .tuple(
    maths,
    fee,
    fc.integer({ min: 1, max: 5_000 }),
    fc.tuple(decimals, decimals, decimals),
    fc.array(fc.bigInt({ min: WAD / 2n, max: 2n * WAD }), { minLength: 3, maxLength: 3 }),
  )
  .chain(([version, swapFee, amp, places, rates]) =>
    fc
      .tuple(...places.map((each) => amountOf(each, 10 ** 5)))
      .map((balances) => setup({ kind: "meta-stable", maths: version, decimals: places }, balances, swapFee, BigInt(amp) * 1_000n, rates)),
  );
const direction = fc.constantFrom({ indexIn: 0, indexOut: 1 }, { indexIn: 2, indexOut: 0 }, { indexIn: 1, indexOut: 2 });
/** In 1e-6 of the balance. */
const part = fc.integer({ min: 1, max: 290_000 });

const shareOf = (amount: bigint | undefined, millionths: number): bigint => 1n + ((amount as bigint) * BigInt(millionths)) / 1_000_000n;
const exactOut = (pool: Setup, swap: { amountOut: bigint; indexIn: number; indexOut: number }): bigint => {
  const amountIn = balancerV2.quoteExactOut?.(pool.info, pool.state, swap);
  invariant(amountIn !== undefined, "the family quotes exact outputs");
  return amountIn;
};
const pools = fc.oneof(weightedSetup, stableSetup);

test.prop([pools, direction, part, part])(
  "more in is never less out, and never more than the pool holds",
  ({ info, state }, way, first, second) => {
    const held = state.cash[way.indexIn];
    const less = balancerV2.quoteExactIn(info, state, { ...way, amountIn: shareOf(held, Math.min(first, second)) });
    const more = balancerV2.quoteExactIn(info, state, { ...way, amountIn: shareOf(held, Math.max(first, second)) });
    expect(less <= more).toBe(true);
    expect(more < (state.cash[way.indexOut] as bigint)).toBe(true);
  },
);

test.prop([pools, direction, part])("what an output costs pays at least that output less what rounding takes", (pool, way, share) => {
  const { info, state } = pool;
  const amountIn = shareOf(state.cash[way.indexIn], share);
  const amountOut = balancerV2.quoteExactIn(info, state, { ...way, amountIn });
  if (amountOut === 0n) return;
  const cost = exactOut(pool, { ...way, amountOut });
  // Neither way round is in the taker's favour: the same output never costs more than was given, but for the margins that the pool's powers and roots take twice.
  const again = cost === 0n ? 0n : balancerV2.quoteExactIn(info, state, { ...way, amountIn: cost });
  const steps = (state.cash[way.indexOut] as bigint) / 10n ** 11n + 2n;
  if (cost > 0n) expect(again >= amountOut - steps || again === 0n).toBe(true);
});

test.prop([pools, direction, part])("there and back again leaves no gain", ({ info, state }, way, share) => {
  const amountIn = shareOf(state.cash[way.indexIn], share);
  const amountOut = balancerV2.quoteExactIn(info, state, { ...way, amountIn });
  if (amountOut === 0n) return;
  const after = balancerV2.created();
  balancerV2.applyRow(after, balancerV2.toRow(info, state));
  balancerV2.applyLog(info, after, swapLog(way, amountIn, amountOut));
  const back = balancerV2.quoteExactIn(info, after, { indexIn: way.indexOut, indexOut: way.indexIn, amountIn: amountOut });
  expect(back <= amountIn).toBe(true);
});

test.prop([stableSetup, direction, part])(
  "a swap lowers a stable pool's invariant by no more than that one's own rounding",
  ({ info, state }, way, share) => {
    const amountIn = shareOf(state.cash[way.indexIn], share);
    const amountOut = balancerV2.quoteExactIn(info, state, { ...way, amountIn });
    if (amountOut === 0n) return;
    const before = calculateInvariantDown(state.amp, derivedOf(info, state).balances);
    balancerV2.applyLog(info, state, swapLog(way, amountIn, amountOut));
    const after = calculateInvariantDown(state.amp, derivedOf(info, state).balances);
    if (before >= 0n && after >= 0n) expect(after >= before - before / 10n ** 7n - 1n).toBe(true);
  },
);

test.prop([stableSetup])("both ages of the invariant agree but for rounding", ({ info, state }) => {
  const { balances } = derivedOf(info, state);
  const [up, down] = [calculateInvariantUp(state.amp, balances), calculateInvariantDown(state.amp, balances)];
  // Of very uneven balances neither needs to converge.
  if (up < 0n || down < 0n) return;
  expect(up - down <= down / 10n ** 7n + 2n && down - up <= down / 10n ** 7n + 2n).toBe(true);
});

test.prop([pools, direction, part])("the curve's rate is its slope, and falls with the input", ({ info, state }, way, share) => {
  const curve = balancerV2.curve(info, state);
  invariant(curve.kind === "smooth", "a smooth curve");
  if (!derivedOf(info, state).tradable) {
    expect([curve.amountOut(1e6, way), curve.rate(0, way), curve.largestIn(way)]).toEqual([0, 0, 0]);
    return;
  }
  const amountIn = Number(state.cash[way.indexIn]) * (share / 2_000_000 + 0.001);
  const step = amountIn * 1e-4;
  if (step < 1e4) return; // units of the fee's rounding show
  const slope = (curve.amountOut(amountIn + step, way) - curve.amountOut(amountIn - step, way)) / (2 * step);
  const rate = curve.rate(amountIn, way);
  expect(Math.abs(slope - rate)).toBeLessThanOrEqual(rate * 1e-4);
  expect(curve.rate(amountIn + step, way)).toBeLessThan(rate);
  expect(curve.rate(0, way)).toBeGreaterThan(rate);
});

const topic = (signature: string) => id(signature);
const addressTopic = (address: string) => `0x${address.slice(2).padStart(64, "0")}`;
const words = (...values: bigint[]) => `0x${values.map((value) => padWord(BigInt.asUintN(256, value))).join("")}`;

function swapLog({ indexIn, indexOut }: { indexIn: number; indexOut: number }, amountIn: bigint, amountOut: bigint): LogRow {
  const topics = [
    topic("Swap(bytes32,address,address,uint256,uint256)"),
    POOL_ID,
    ...[indexIn, indexOut].map((index) => addressTopic(TOKENS[index] as string)),
  ];
  return [VAULT, topics, words(amountIn, amountOut), 0, 0, "0x"];
}

const amount = fc.bigInt({ min: 1n, max: 10n ** 9n });
const log = fc.oneof(
  fc.tuple(direction, amount, amount).map(([way, amountIn, amountOut]) => swapLog(way, amountIn, amountOut)),
  fc.array(fc.bigInt({ min: 1n, max: 10n ** 9n }), { minLength: 3, maxLength: 3 }).map((deltas): LogRow => {
    const topics = [topic("PoolBalanceChanged(bytes32,address,address[],int256[],uint256[])"), POOL_ID, addressTopic(POOL)];
    const data = words(96n, 224n, 352n, 3n, ...TOKENS.map(BigInt), 3n, ...deltas, 3n, 1n, 0n, 2n);
    return [VAULT, topics, data, 0, 0, "0x"];
  }),
  fc.tuple(fc.nat({ max: 2 }), amount).map(([index, moved]): LogRow => {
    const topics = [
      topic("PoolBalanceManaged(bytes32,address,address,int256,int256)"),
      POOL_ID,
      addressTopic(POOL),
      addressTopic(TOKENS[index] as string),
    ];
    return [VAULT, topics, words(-moved, moved), 0, 0, "0x"];
  }),
  amount.map((value): LogRow => [POOL, [topic("SwapFeePercentageChanged(uint256)")], words(value), 0, 0, "0x"]),
  fc.boolean().map((paused): LogRow => [POOL, [topic("PausedStateChanged(bool)")], words(paused ? 1n : 0n), 0, 0, "0x"]),
  amount.map((value): LogRow => [POOL, [topic("AmpUpdateStopped(uint256)")], words(value), 0, 0, "0x"]),
  fc.tuple(amount, amount).map(([from, to]): LogRow => {
    return [POOL, [topic("AmpUpdateStarted(uint256,uint256,uint256,uint256)")], words(from, to, 1_000n, 100_000n), 0, 0, "0x"];
  }),
  fc.tuple(fc.nat({ max: 2 }), amount).map(([index, rate]): LogRow => {
    return [POOL, [topic("PriceRateCacheUpdated(address,uint256)"), addressTopic(TOKENS[index] as string)], words(rate), 0, 0, "0x"];
  }),
);

test.prop([stableSetup, fc.array(log, { minLength: 1, maxLength: 8 }), fc.nat({ max: 7 })])(
  "logs are undone alone and together, and rows carry what they change",
  ({ info, state }, logs, from) => {
    for (const each of logs.slice(0, from)) balancerV2.applyLog(info, state, each);
    const before = balancerV2.toRow(info, state);
    let merged: Row | null = null;
    for (const each of logs.slice(from)) {
      const last = balancerV2.toRow(info, state);
      const undo = balancerV2.applyLog(info, state, each);
      const undone = balancerV2.created();
      balancerV2.applyRow(undone, balancerV2.toRow(info, state));
      balancerV2.applyRow(undone, undo);
      expect(balancerV2.toRow(info, undone)).toEqual(last);
      merged = merged === null ? undo : balancerV2.mergeUndo(merged, undo);
    }
    if (merged === null) return;
    const after = balancerV2.toRow(info, state);
    const copy = balancerV2.created();
    balancerV2.applyRow(copy, before);
    balancerV2.applyRow(copy, balancerV2.toChangeRow(info, state, merged));
    expect(balancerV2.toRow(info, copy)).toEqual(after);
    balancerV2.applyRow(copy, merged);
    expect(balancerV2.toRow(info, copy)).toEqual(before);
  },
);

test.prop([pools, fc.array(log, { minLength: 1, maxLength: 4 }), direction, part])(
  "a quote after logs is that of a state read afresh",
  ({ info, state }, logs, way, share) => {
    const quote = (each: BalancerState) =>
      balancerV2.quoteExactIn(info, each, { ...way, amountIn: shareOf(each.cash[way.indexIn], share) });
    quote(state);
    for (const each of logs) balancerV2.applyLog(info, state, each);
    const fresh = balancerV2.created();
    balancerV2.applyRow(fresh, balancerV2.toRow(info, state));
    expect(quote(state)).toBe(quote(fresh));
  },
);
