import { SELECTORS } from "#libs/dex/curve-stableswap/abi.ts";
import { aPrecisionOf, exchange, getDyFeeLast, solve, type Terms } from "#libs/dex/curve-stableswap/math.ts";
import type { Facts } from "#libs/dex/curve-stableswap/read.ts";
import { padWord } from "#libs/evm/hex.ts";

export const getDyData = (i: number, j: number, dx: bigint): string =>
  `${SELECTORS["get_dy(int128,int128,uint256)"]}${padWord(BigInt(i))}${padWord(BigInt(j))}${padWord(dx)}`;

/**
 * What a pool on these terms may answer to get_dy, null for a revert. More than one: the view contract of `ng` computes with A in whole numbers
 * (CurveStableSwapNGViews 1.2.0), exchange with all of A, which is not the same while A ramps.
 */
export function getDyAnswers(terms: Terms, view: Facts["view"]): (i: number, j: number, dx: bigint) => (bigint | null)[] {
  const part = terms.amp % aPrecisionOf(terms.lineage);
  const amps = terms.lineage === "ng" && part !== 0n ? [terms.amp, terms.amp - part] : [terms.amp];
  const solved = amps.map((amp) => solve({ ...terms, amp }));
  return (i, j, dx) =>
    solved.map((each) => {
      if (each === null) return null;
      return view === "fee-last" ? getDyFeeLast(each, i, j, dx) : (exchange(each, i, j, dx)?.amountOut ?? null);
    });
}
