import { divUp, mulUp, ONE } from "#libs/dex/balancer-v2/fixed-point.ts";
import * as stable from "#libs/dex/balancer-v2/stable-math.ts";
import {
  type BalancerState,
  balancesRow,
  derivedOf,
  downscaleDown,
  downscaleUp,
  fixedOf,
  type Info,
  type Row,
  upscale,
} from "#libs/dex/balancer-v2/state.ts";
import * as weighted from "#libs/dex/balancer-v2/weighted-math.ts";
import type { SwapExactIn, SwapExactOut } from "#libs/dex/family.ts";

/** Cash and managed together are a uint112 in the vault: BalanceAllocation.toBalance. */
const MAX_BALANCE = 2n ** 112n - 1n;

/** Sources: BasePool._subtractSwapFeeAmount, BaseGeneralPool._swapGivenIn, BaseMinimalSwapInfoPool.onSwap; what the vault can pay and hold: BalanceAllocation. */
export function quoteExactIn(info: Info, state: BalancerState, { amountIn, indexIn, indexOut }: SwapExactIn): bigint {
  const { tradable, scalingFactors, balances, invariant } = derivedOf(info, state);
  if (!tradable || amountIn <= 0n || !(indexIn in balances && indexOut in balances) || indexIn === indexOut) return 0n;
  if ((state.cash[indexIn] as bigint) + (state.managed[indexIn] as bigint) + amountIn > MAX_BALANCE) return 0n;
  const fixed = fixedOf(info, state);
  const given = upscale(amountIn - mulUp(amountIn, state.swapFeePercentage), scalingFactors[indexIn] as bigint);
  const scaled = fixed.weighted
    ? weighted.calcOutGivenIn(
        balances[indexIn] as bigint,
        balances[indexOut] as bigint,
        fixed.exponentsIn[indexIn * balances.length + indexOut] as bigint,
        given,
        fixed.recent,
      )
    : stable.calcOutGivenIn(state.amp, balances, indexIn, indexOut, given, invariant);
  if (scaled <= 0n) return 0n;
  const amountOut = downscaleDown(scaled, scalingFactors[indexOut] as bigint);
  return amountOut > (state.cash[indexOut] as bigint) ? 0n : amountOut;
}

/** Sources: BasePool._addSwapFeeAmount, BaseGeneralPool._swapGivenOut. */
export function quoteExactOut(info: Info, state: BalancerState, { amountOut, indexIn, indexOut }: SwapExactOut): bigint {
  const { tradable, scalingFactors, balances, invariant } = derivedOf(info, state);
  if (!tradable || amountOut <= 0n || !(indexIn in balances && indexOut in balances) || indexIn === indexOut) return 0n;
  if (amountOut > (state.cash[indexOut] as bigint)) return 0n;
  const fixed = fixedOf(info, state);
  const given = upscale(amountOut, scalingFactors[indexOut] as bigint);
  const scaled = fixed.weighted
    ? weighted.calcInGivenOut(
        balances[indexIn] as bigint,
        balances[indexOut] as bigint,
        fixed.exponentsOut[indexIn * balances.length + indexOut] as bigint,
        given,
        fixed.recent,
      )
    : stable.calcInGivenOut(state.amp, balances, indexIn, indexOut, given, invariant);
  if (scaled <= 0n) return 0n;
  const amountIn = divUp(downscaleUp(scaled, scalingFactors[indexIn] as bigint), ONE - state.swapFeePercentage);
  return (state.cash[indexIn] as bigint) + (state.managed[indexIn] as bigint) + amountIn > MAX_BALANCE ? 0n : amountIn;
}

/**
 * The vault's balances after it, both whole, as a change of them carries them. The fee stays in the pool, and what of it is due to the protocol leaves with the
 * next join or exit only. Sources: PoolBalances and Swaps of the vault; the caches of rates that a swap renews have their new rates in `state` already.
 */
export function afterSwap(info: Info, state: BalancerState, swap: SwapExactIn): Row | null {
  const amountOut = quoteExactIn(info, state, swap);
  if (amountOut === 0n) return null;
  const cash = state.cash.map((each, index) => each + (index === swap.indexIn ? swap.amountIn : index === swap.indexOut ? -amountOut : 0n));
  return balancesRow(info, { ...state, cash });
}
