import type { BalancerCurve } from "#libs/dex/balancer-v2/curve.ts";
import { ceilDiv, divDown, divUp, fits, mulDown, ONE } from "#libs/dex/balancer-v2/fixed-point.ts";
import { calculateInvariantDown, calculateInvariantUp } from "#libs/dex/balancer-v2/stable-math.ts";
import type { PoolInfo, RowOf } from "#libs/dex/family.ts";

export type Info = PoolInfo<"balancer-v2">;
export type Row = RowOf<"balancer-v2">;

/** A change of the amplification parameter that is under way, as AmpUpdateStarted announced it: linear between two times (seconds). */
export interface Ramp {
  readonly startValue: bigint;
  readonly endValue: bigint;
  readonly startTime: bigint;
  readonly endTime: bigint;
}

export interface BalancerState {
  /** What the vault can pay out of the pool's tokens, and what asset managers hold of them: pools price with the sum. Empty until read. */
  cash: bigint[];
  managed: bigint[];
  /** 18 decimals; -1n until read. */
  swapFeePercentage: bigint;
  paused: boolean;
  /** 3 decimals, as it will be for the next swap; 0n in a weighted pool. */
  amp: bigint;
  ampMoves: boolean;
  /** Null where no ramp is under way, or where it began before we looked: then `ampMoves` tells, and the pool is not quoted until it ends. */
  ramp: Ramp | null;
  /** 18 decimals, by token, as the next swap will use them: cached by the pool or, where that has expired, the provider's. Empty where the pool knows no rates. */
  rates: bigint[];
  /** What follows from the facts alone, and from facts and state. */
  fixed: Fixed | null;
  derived: Derived | null;
  curve: BalancerCurve | null;
}

/** Facts in numbers. */
export interface Fixed {
  readonly weighted: boolean;
  /** Mathematics of the pools since 2022. */
  readonly recent: boolean;
  /** 10^(36 - decimals): 18 decimals and what the token lacks of them. */
  readonly scalingFactors: readonly bigint[];
  readonly weights: readonly bigint[];
  /** By indexIn · tokens + indexOut: weightIn.divDown(weightOut), and weightOut.divUp(weightIn). */
  readonly exponentsIn: readonly bigint[];
  readonly exponentsOut: readonly bigint[];
}

export interface Derived {
  readonly tradable: boolean;
  /** With rates. */
  readonly scalingFactors: readonly bigint[];
  /** Cash and managed, 18 decimals, in rate. Changed and put back during a calculation. */
  readonly balances: bigint[];
  /** Of stable pools; -1n where the contract reverts. */
  readonly invariant: bigint;
}

export const created = (): BalancerState => ({
  cash: [],
  managed: [],
  swapFeePercentage: -1n,
  paused: false,
  amp: 0n,
  ampMoves: false,
  ramp: null,
  rates: [],
  fixed: null,
  derived: null,
  curve: null,
});

export function fixedOf({ facts }: Info, state: BalancerState): Fixed {
  if (state.fixed !== null) return state.fixed;
  const weights = facts.weights.map(BigInt);
  const pairs = weights.flatMap((weightIn) => weights.map((weightOut) => ({ weightIn, weightOut })));
  state.fixed = {
    weighted: facts.kind === "weighted",
    recent: facts.maths === 2,
    scalingFactors: facts.decimals.map((decimals) => 10n ** BigInt(36 - decimals)),
    weights,
    exponentsIn: pairs.map(({ weightIn, weightOut }) => divDown(weightIn, weightOut)),
    exponentsOut: pairs.map(({ weightIn, weightOut }) => divUp(weightOut, weightIn)),
  };
  return state.fixed;
}

/** `_upscale`: rounds down. */
export const upscale = (amount: bigint, scalingFactor: bigint): bigint => (scalingFactor === ONE ? amount : mulDown(amount, scalingFactor));
export const downscaleDown = (amount: bigint, scalingFactor: bigint): bigint =>
  scalingFactor === ONE ? amount : (amount * ONE) / scalingFactor;
export const downscaleUp = (amount: bigint, scalingFactor: bigint): bigint =>
  scalingFactor === ONE ? amount : ceilDiv(amount * ONE, scalingFactor);

export function derivedOf(info: Info, state: BalancerState): Derived {
  if (state.derived !== null) return state.derived;
  const fixed = fixedOf(info, state);
  const { rates } = state;
  const scalingFactors =
    rates.length === 0 ? fixed.scalingFactors : fixed.scalingFactors.map((factor, index) => mulDown(factor, rates[index] as bigint));
  const balances = state.cash.map((cash, index) => upscale(cash + (state.managed[index] as bigint), scalingFactors[index] as bigint));
  const tradable = isLive(state) && balances.every((balance) => balance > 0n && fits(balance * ONE));
  const invariantOf = fixed.recent ? calculateInvariantDown : calculateInvariantUp;
  const invariant = tradable && !fixed.weighted ? invariantOf(state.amp, balances) : 0n;
  state.derived = { tradable: tradable && invariant >= 0n, scalingFactors, balances, invariant };
  return state.derived;
}

export function isLive(state: BalancerState): boolean {
  if (state.paused || state.swapFeePercentage < 0n || state.cash.length === 0 || (state.ampMoves && state.ramp === null)) return false;
  return state.rates.every((rate) => rate > 0n) && state.cash.every((cash, index) => cash + (state.managed[index] as bigint) > 0n);
}

/** StablePoolAmplification._getAmplificationParameter, at a time in seconds. */
export function ampAt({ startValue, endValue, startTime, endTime }: Ramp, time: bigint): bigint {
  if (time >= endTime) return endValue;
  const passed = time - startTime;
  const duration = endTime - startTime;
  // Divided apart by direction: the contract's division truncates the size of the change.
  return endValue > startValue
    ? startValue + ((endValue - startValue) * passed) / duration
    : startValue - ((startValue - endValue) * passed) / duration;
}

const texts = (values: readonly bigint[]): string[] => values.map(String);

export function balancesRow({ pool }: Info, { cash, managed }: BalancerState): Row {
  return [pool, texts(cash), texts(managed), null, null, null, []];
}

export function toRow({ pool }: Info, state: BalancerState): Row {
  const { cash, managed, swapFeePercentage, paused, rates } = state;
  const fee = swapFeePercentage < 0n ? null : swapFeePercentage.toString();
  return [pool, texts(cash), texts(managed), fee, paused, ampColumn(state), texts(rates)];
}

export function ampColumn({ amp, ampMoves, ramp }: BalancerState): Row[5] {
  return [amp.toString(), ampMoves, ramp === null ? [] : texts([ramp.startValue, ramp.endValue, ramp.startTime, ramp.endTime]), 0];
}

export function toChangeRow(info: Info, state: BalancerState, like: Row): Row {
  const [pool, cash, managed, fee, paused, amp, rates] = toRow(info, state);
  return [
    pool,
    like[1].length === 0 ? [] : cash,
    like[2].length === 0 ? [] : managed,
    like[3] === null ? null : fee,
    like[4] === null ? null : paused,
    like[5] === null ? null : amp,
    like[6].length === 0 ? [] : rates,
  ];
}

export function mergeUndo(earlier: Row, later: Row): Row {
  return [
    earlier[0],
    earlier[1].length === 0 ? later[1] : earlier[1],
    earlier[2].length === 0 ? later[2] : earlier[2],
    earlier[3] ?? later[3],
    earlier[4] ?? later[4],
    earlier[5] ?? later[5],
    earlier[6].length === 0 ? later[6] : earlier[6],
  ];
}

export function applyRow(state: BalancerState, [, cash, managed, fee, paused, amp, rates]: Row): void {
  if (cash.length > 0) state.cash = cash.map(BigInt);
  if (managed.length > 0) state.managed = managed.map(BigInt);
  if (fee !== null) state.swapFeePercentage = BigInt(fee);
  if (paused !== null) state.paused = paused;
  if (amp !== null) applyAmp(state, amp);
  if (rates.length > 0) state.rates = rates.map(BigInt);
  state.derived = null;
}

function applyAmp(state: BalancerState, [value, moves, ramp, time]: NonNullable<Row[5]>): void {
  // Something that a pool was seen to have at a time, rather than a state of ours: the pool does not tell its ramp, so the one we know stays.
  const seen = time > 0 && moves;
  if (!seen) {
    const [startValue, endValue, startTime, endTime] = ramp.map(BigInt);
    state.ramp =
      startValue === undefined || endValue === undefined || startTime === undefined || endTime === undefined
        ? null
        : { startValue, endValue, startTime, endTime };
  }
  state.ampMoves = moves;
  state.amp = seen && state.ramp !== null ? ampAt(state.ramp, BigInt(time)) : BigInt(value);
}
