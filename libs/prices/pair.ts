import type { PoolCurve, RangeCurve, SmoothCurve } from "#libs/dex/family.ts";

/** Depth is what trades before the price has moved by this factor. */
const DEPTH_MOVE = 1.02;
const ROOT_OF_MOVE = Math.sqrt(DEPTH_MOVE);
/** Depth only weighs votes: halving the bracket so often leaves an error of 1e-4. */
const HALVINGS = 14;
/** From one raw unit to more than any token has: 16^25 = 2^100. */
const GROWTHS = 25;

/** What a pool says of two of its tokens, a and b, in raw units. Fees are no part of the rate. */
export interface PairView {
  /** Units of b worth one unit of a. */
  readonly rate: number;
  /** What trades before the price has moved 2 %, the smaller of both directions: in units of a and of b. 0 where nothing does. */
  readonly depthA: number;
  readonly depthB: number;
}

const NOTHING: PairView = { rate: 0, depthA: 0, depthB: 0 };

export function pairView(curve: PoolCurve, indexA: number, indexB: number): PairView {
  if (curve.kind === "smooth") return smoothPair(curve, indexA, indexB);
  const view = rangePair(curve);
  return indexA < indexB || view.rate === 0 ? view : { rate: 1 / view.rate, depthA: view.depthB, depthB: view.depthA };
}

function rangePair(curve: RangeCurve): PairView {
  const { sqrtPrice } = curve;
  // Between two positions there is a price, but none that anybody can trade at.
  if (!(sqrtPrice > 0) || !(curve.liquidity > 0)) return NOTHING;
  const [up0, up1] = between(curve, sqrtPrice * ROOT_OF_MOVE);
  const [down0, down1] = between(curve, sqrtPrice / ROOT_OF_MOVE);
  return { rate: sqrtPrice * sqrtPrice, depthA: Math.min(up0, down0), depthB: Math.min(up1, down1) };
}

/** What of each token the positions hold between the present √price and another. */
function between(curve: RangeCurve, target: number): [amount0: number, amount1: number] {
  const { sqrtTicks, liquidityNet } = curve;
  const up = target > curve.sqrtPrice;
  let { liquidity, sqrtPrice } = curve;
  let next = up ? curve.ticksBelow : curve.ticksBelow - 1;
  let amount0 = 0;
  let amount1 = 0;
  for (;;) {
    const inside = next >= 0 && next < sqrtTicks.length;
    if (!inside && !curve.endless) break;
    const tick = inside ? (sqrtTicks[next] as number) : target;
    const end = up ? Math.min(tick, target) : Math.max(tick, target);
    if (liquidity > 0) {
      amount0 += liquidity * Math.abs(1 / sqrtPrice - 1 / end);
      amount1 += liquidity * Math.abs(end - sqrtPrice);
    }
    if (end === target) break;
    sqrtPrice = end;
    liquidity += up ? (liquidityNet[next] as number) : -(liquidityNet[next] as number);
    next += up ? 1 : -1;
  }
  return [amount0, amount1];
}

function smoothPair(curve: SmoothCurve, indexA: number, indexB: number): PairView {
  const forth = { indexIn: indexA, indexOut: indexB };
  const back = { indexIn: indexB, indexOut: indexA };
  const rateForth = curve.rate(0, forth);
  const rateBack = curve.rate(0, back);
  if (!(rateForth > 0) || !(rateBack > 0)) return NOTHING;
  const inA = depthIn(curve, forth, rateForth);
  const inB = depthIn(curve, back, rateBack);
  if (!(inA > 0) || !(inB > 0)) return NOTHING;
  return {
    // The fee is in both rates alike, and in their quotient no longer.
    rate: Math.sqrt(rateForth / rateBack),
    depthA: Math.min(inA, curve.amountOut(inB, back)),
    depthB: Math.min(inB, curve.amountOut(inA, forth)),
  };
}

/** The input after which the marginal rate is 2 % worse, or the largest that the pool takes. */
function depthIn(curve: SmoothCurve, direction: { indexIn: number; indexOut: number }, rate: number): number {
  const most = curve.largestIn(direction);
  const worse = (amount: number) => curve.rate(amount, direction) * DEPTH_MOVE < rate;
  let low = 0;
  let high = 1;
  for (let growth = 0; growth < GROWTHS && high < most && !worse(high); growth++) {
    low = high;
    high *= 16;
  }
  high = Math.min(high, most);
  if (!worse(high)) return high;
  for (let halving = 0; halving < HALVINGS; halving++) {
    const middle = low === 0 ? high / 2 : Math.sqrt(low * high);
    if (worse(middle)) high = middle;
    else low = middle;
  }
  return low;
}
