import type { FloatCurve } from "#libs/dex/curve-stableswap/float-curve.ts";
import { type Solved, solve, type Terms } from "#libs/dex/curve-stableswap/math.ts";
import type { Info, Row } from "#libs/dex/curve-stableswap/read.ts";

export interface StableSwapState {
  /** Raw units without what belongs to the admin, in the order of the coins. */
  balances: bigint[];
  rates: readonly bigint[];
  amp: bigint;
  /** 1e-10 */
  fee: number;
  /** Share of the fee, 1e-10. */
  adminFee: number;
  offpegFeeMultiplier: bigint;
  /** SETTLED, RAMPING or STALE. */
  status: number;
  /** The invariant of the above, once somebody asked; undefined when it has to be solved, null where it cannot. */
  solved: Solved | null | undefined;
  curve: FloatCurve | undefined;
}

export const emptyState = (): StableSwapState => ({
  balances: [],
  rates: [],
  amp: 0n,
  fee: 0,
  adminFee: 0,
  offpegFeeMultiplier: 0n,
  status: 0,
  solved: undefined,
  curve: undefined,
});

/** After any change: what was solved is solved no more. */
export function forget(state: StableSwapState): void {
  state.solved = undefined;
  state.curve = undefined;
}

export function setRow(state: StableSwapState, [, balances, rates, amp, fee, adminFee, offpegFeeMultiplier, status]: Row): void {
  state.balances = balances.map(BigInt);
  state.rates = rates.map(BigInt);
  state.amp = BigInt(amp);
  state.fee = fee;
  state.adminFee = adminFee;
  state.offpegFeeMultiplier = BigInt(offpegFeeMultiplier);
  state.status = status;
  forget(state);
}

export function rowOfState({ pool }: Info, { balances, rates, amp, fee, adminFee, offpegFeeMultiplier, status }: StableSwapState): Row {
  return [pool, balances.map(String), rates.map(String), amp.toString(), fee, adminFee, offpegFeeMultiplier.toString(), status];
}

export function termsOf({ facts }: Info, row: Row): Terms {
  const state = emptyState();
  setRow(state, row);
  return { ...state, lineage: facts.lineage, fee: BigInt(state.fee) };
}

/** The invariant of a state, solved when first asked for. Null where no swap is possible. */
export function solvedOf({ facts }: Info, state: StableSwapState): Solved | null {
  if (state.solved === undefined) {
    const { balances, rates, amp, fee, offpegFeeMultiplier } = state;
    state.solved = solve({ lineage: facts.lineage, balances: [...balances], rates, amp, fee: BigInt(fee), offpegFeeMultiplier });
  }
  return state.solved;
}
