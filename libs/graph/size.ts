import type { RangeCurve } from "#libs/dex/family.ts";
import { type Edge, marginalRate } from "#libs/graph/market.ts";

/** Ticks a sizing may cross over all its hops: far more than any profitable cycle does, so that a broken pool cannot hold up a block. */
const MAX_CROSSINGS = 4_096;
const LONGEST = 8;

/**
 * Left in where a pool's last tick ends the trade: float64 places ticks and inputs to about 1e-12 of an amount, and one unit too much is refused whole.
 */
const BACK_OFF = 1e-9;

// The hops as they stand during a walk: module-level, so that sizing allocates nothing but its result.
const liquidity = new Float64Array(LONGEST);
const sqrtPrice = new Float64Array(LONGEST);
const nextTick = new Int32Array(LONGEST);
const curves: RangeCurve[] = [];

/** √price of the next initialised tick in the hop's direction; past the last one: the end of an endless curve, or the present price. */
function targetOf({ indexIn }: Edge, index: number): number {
  const curve = curves[index] as RangeCurve;
  const tick = nextTick[index] as number;
  if (tick >= 0 && tick < curve.sqrtTicks.length) return curve.sqrtTicks[tick] as number;
  if (!curve.endless) return sqrtPrice[index] as number;
  return indexIn === 0 ? 0 : Number.POSITIVE_INFINITY;
}

const gammaOf = ({ indexIn }: Edge, index: number): number => (curves[index] as RangeCurve).gamma[indexIn as 0 | 1];

/** Input, fee included, that moves the hop to its next tick. */
function capOf(edge: Edge, index: number): number {
  const target = targetOf(edge, index);
  const depth = liquidity[index] as number;
  const root = sqrtPrice[index] as number;
  const amount = edge.indexIn === 0 ? depth * (1 / target - 1 / root) : depth * (target - root);
  return Math.max(0, amount) / gammaOf(edge, index);
}

/** False past the last tick: the pool has nothing more to give. */
function hasTickAhead(index: number): boolean {
  const tick = nextTick[index] as number;
  return tick >= 0 && tick < (curves[index] as RangeCurve).sqrtTicks.length;
}

/** Moves the hop over its next tick. */
function cross({ indexIn }: Edge, index: number): void {
  const curve = curves[index] as RangeCurve;
  const tick = nextTick[index] as number;
  const net = curve.liquidityNet[tick] as number;
  sqrtPrice[index] = curve.sqrtTicks[tick] as number;
  liquidity[index] = Math.max(0, (liquidity[index] as number) + (indexIn === 0 ? -net : net));
  nextTick[index] = tick + (indexIn === 0 ? -1 : 1);
}

function consume(edge: Edge, index: number, amountIn: number): void {
  const moved = (gammaOf(edge, index) * amountIn) / (liquidity[index] as number);
  sqrtPrice[index] = edge.indexIn === 0 ? 1 / (1 / (sqrtPrice[index] as number) + moved) : (sqrtPrice[index] as number) + moved;
}

/** Sets a hop to the pool's present state. False for a curve that is not made of ranges. */
function start({ pool: { curve }, indexIn }: Edge, index: number): boolean {
  if (curve?.kind !== "ranges") return false;
  curves[index] = curve;
  liquidity[index] = curve.liquidity;
  sqrtPrice[index] = curve.sqrtPrice;
  nextTick[index] = indexIn === 0 ? curve.ticksBelow - 1 : curve.ticksBelow;
  return true;
}

export interface Size {
  readonly amountIn: number;
  readonly profit: number;
}

/** What `measure` answers with, each time anew. */
const measured = { amountIn: 0, profit: 0 };

function answer(amountIn: number, profit: number): Size | null {
  if (!(profit > 0 && amountIn > 0)) return null;
  measured.amountIn = amountIn;
  measured.profit = profit;
  return measured;
}

/** As `measure`, to keep. */
export function sizeCycle(edges: readonly Edge[], largest: number): Size | null {
  const size = measure(edges, largest);
  return size === null ? null : { ...size };
}

/**
 * The input that earns most and what it earns, in float64, raw units of the start token. Null when nothing is earned. The answer holds until the next call:
 * nothing is allocated.
 *
 * Within the present ticks each hop is f(δ) = Rδ/(1 + qδ), and so is their composition aδ/(1 + cδ), whose profit is largest at δ* = (√a − 1)/c (Möbius
 * composition; for constant product see arXiv 2406.16600). Where δ* lies beyond the nearest tick, all hops move to that tick, the hop that met it
 * crosses, and the rest is sized from there: profit is concave, so the first δ* inside its ticks is the optimum.
 */
export function measure(edges: readonly Edge[], largest: number): Size | null {
  for (let index = 0; index < edges.length; index++) if (!start(edges[index] as Edge, index)) return sizeNumerically(edges, largest);
  let amountIn = 0;
  let profit = 0;
  for (let crossings = 0; crossings < MAX_CROSSINGS; crossings++) {
    let a = 1;
    let c = 0;
    let limit = largest - amountIn;
    let limiting = -1;
    for (let index = 0; index < edges.length; index++) {
      const edge = edges[index] as Edge;
      const gamma = gammaOf(edge, index);
      const depth = liquidity[index] as number;
      const root = sqrtPrice[index] as number;
      // A stretch without liquidity is stepped over before anything is traded.
      const cap = depth > 0 ? capOf(edge, index) : 0;
      // Input of the cycle at which this hop's input reaches its cap.
      const reach = a <= c * cap ? Number.POSITIVE_INFINITY : cap / (a - c * cap);
      if (reach < limit) {
        limit = reach;
        limiting = index;
      }
      const slope = depth > 0 ? (edge.indexIn === 0 ? (gamma * root) / depth : gamma / (root * depth)) : 0;
      c += a * slope;
      a *= edge.indexIn === 0 ? gamma * root * root : gamma / (root * root);
    }
    if (a <= 1) break;
    const best = c > 0 ? (Math.sqrt(a) - 1) / c : Number.POSITIVE_INFINITY;
    const step = Math.min(best, limit);
    amountIn = Math.min(amountIn + step, largest);
    // aδ/(1 + cδ) − δ, written without the difference of two near-equal amounts.
    profit += (step * (a - 1 - c * step)) / (1 + c * step);
    if (best <= limit || limiting === -1) break;
    if (!hasTickAhead(limiting)) {
      profit -= amountIn * BACK_OFF * (a - 1);
      amountIn *= 1 - BACK_OFF;
      break;
    }
    if (step > 0) {
      let amount = step;
      for (let index = 0; index < edges.length; index++) {
        const edge = edges[index] as Edge;
        const before = sqrtPrice[index] as number;
        const depth = liquidity[index] as number;
        consume(edge, index, amount);
        const after = sqrtPrice[index] as number;
        amount = edge.indexIn === 0 ? depth * (before - after) : depth * (1 / before - 1 / after);
      }
    }
    cross(edges[limiting] as Edge, limiting);
  }
  return answer(amountIn, profit);
}

/** The hop's output for an input, and its marginal rate there; NaN for more than the pool takes. */
let marginal = 0;

function amountOutAlongRanges(edge: Edge, amountIn: number): number {
  start(edge, 0);
  const gamma = gammaOf(edge, 0);
  let left = amountIn;
  let out = 0;
  for (let crossings = 0; crossings < MAX_CROSSINGS; crossings++) {
    const depth = liquidity[0] as number;
    const before = sqrtPrice[0] as number;
    const cap = depth > 0 ? capOf(edge, 0) : 0;
    const step = Math.min(left, cap);
    if (step > 0) {
      consume(edge, 0, step);
      const after = sqrtPrice[0] as number;
      out += edge.indexIn === 0 ? depth * (before - after) : depth * (1 / before - 1 / after);
      left -= step;
    }
    if (left <= 0) {
      const root = sqrtPrice[0] as number;
      marginal = gamma * (edge.indexIn === 0 ? root * root : 1 / (root * root));
      return out;
    }
    if (!hasTickAhead(0)) return Number.NaN;
    cross(edge, 0);
  }
  return Number.NaN;
}

/** Profit of an input, and d(output)/d(input) of the whole cycle in `slope`; NaN for more than a pool takes, -∞ and a slope of ∞ where a hop rounds to nothing. */
let slope = 0;

function profitOf(edges: readonly Edge[], amountIn: number): number {
  let amount = amountIn;
  slope = 1;
  for (const edge of edges) {
    const { curve } = edge.pool;
    if (curve === null) return Number.NaN;
    if (curve.kind === "ranges") amount = amountOutAlongRanges(edge, amount);
    else {
      if (amount > curve.largestIn(edge)) return Number.NaN;
      marginal = curve.rate(amount, edge);
      amount = curve.amountOut(amount, edge);
    }
    slope *= marginal;
    if (Number.isNaN(amount)) return Number.NaN;
    if (amount <= 0) {
      slope = Number.POSITIVE_INFINITY;
      return Number.NEGATIVE_INFINITY;
    }
  }
  return amount - amountIn;
}

/** The search for the optimum ends this close to it, relative to the first distance: profit is flat there. */
const CLOSE = 1e-9;
/** The first input tried, as a share of what the smallest smooth pool takes. */
const FIRST_TRY = 1e-3;
/** A chain of ranges takes two or three steps, stable pools some six; where a pool's end has to be found by halving, some thirty. */
const MAX_STEPS = 64;

/**
 * As `measure`, for curves without a closed form: the input at which the marginal rates of the hops multiply to one. Newton's method by differences on
 * 1/√(product of the rates) − 1, which for constant products is a straight line (their product is a/(1 + cδ)²) and for other curves nearly one. Kept inside a
 * bracket; an end of it that has stayed twice counts half (Illinois), so that both close in.
 */
function sizeNumerically(edges: readonly Edge[], largest: number): Size | null {
  let product = 1;
  let scale = largest;
  for (const edge of edges) {
    const { curve } = edge.pool;
    if (curve === null) return null;
    if (curve.kind === "smooth") scale = Math.min(scale, (FIRST_TRY * curve.largestIn(edge)) / product);
    product *= marginalRate(curve, edge);
  }
  const atZero = 1 / Math.sqrt(product) - 1;
  if (!(atZero < 0) || !(scale > 0)) return null;
  let [low, atLow] = [0, atZero];
  /** Not a number at an end that has not been tried, or that some pool does not reach. */
  let [high, atHigh] = [largest, Number.NaN];
  let best = { amountIn: 0, profit: 0 };
  let stayed = 0;
  let next = scale;
  for (let step = 0; step < MAX_STEPS; step++) {
    const amountIn = next;
    const profit = profitOf(edges, amountIn);
    const value = Number.isNaN(profit) ? Number.NaN : 1 / Math.sqrt(slope) - 1;
    if (profit > best.profit) best = { amountIn, profit };
    if (!(value < Number.POSITIVE_INFINITY)) {
      [high, atHigh] = [amountIn, Number.NaN];
      next = halfway(low, high);
    } else if (value > 0) {
      [high, atHigh] = [amountIn, value];
      if (stayed > 0) atLow /= 2;
      stayed = 1;
      next = low + ((high - low) * atLow) / (atLow - atHigh);
    } else {
      const rise = (value - atLow) / (amountIn - low);
      [low, atLow] = [amountIn, value];
      if (stayed < 0) atHigh /= 2;
      stayed = -1;
      if (!Number.isNaN(atHigh)) next = low + ((high - low) * atLow) / (atLow - atHigh);
      else {
        const ahead = rise > 0 ? low - value / rise : high;
        next = ahead < high ? ahead : step === 0 || high < largest ? halfway(low, high) : high;
      }
    }
    if (Math.abs(value) <= CLOSE * -atZero || high - low <= CLOSE * high || low >= largest) break;
  }
  return answer(best.amountIn, best.profit);
}

/** In digits while the ends are far apart. */
const halfway = (low: number, high: number): number => (high > 16 * low && low > 0 ? Math.sqrt(low * high) : (low + high) / 2);
