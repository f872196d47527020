import type { RangeCurve } from "#libs/dex/family.ts";
import { type Edge, marginalRate } from "#libs/graph/market.ts";

/** Ticks a sizing may cross over all its hops: far more than any profitable cycle does, so that a broken pool cannot hold up a block. */
const MAX_CROSSINGS = 4_096;
const LONGEST = 8;

/**
 * Left in where a pool's last tick ends the trade: float64 places ticks and inputs to about 1e-12 of an amount, and one unit too much is refused whole.
 */
const BACK_OFF = 1e-9;

// The hops as they stand during a walk: module-level, so that sizing allocates nothing but its result. Prices are counted so that they rise with what comes in,
// p = √price for token 1 and 1/√price for token 0. Then either way an input δ moves p by γδ/L and is paid L·(1/p − 1/p′), and what is divided by is kept inverted.
const liquidity = new Float64Array(LONGEST);
const gamma = new Float64Array(LONGEST);
/** γ/L; 0 where there is no liquidity. */
const movedByUnit = new Float64Array(LONGEST);
const price = new Float64Array(LONGEST);
const inverse = new Float64Array(LONGEST);
/** The price at the next initialised tick; past the last one ∞ for an endless curve, or the present price. */
const target = new Float64Array(LONGEST);
const nextTick = new Int32Array(LONGEST);
const isUp = new Uint8Array(LONGEST);
const curves: RangeCurve[] = [];

/** Sets a hop to the pool's present state. False for a curve that is not made of ranges. */
function start({ pool: { curve }, indexIn }: Edge, index: number): boolean {
  if (curve?.kind !== "ranges") return false;
  const up = indexIn === 1;
  const inverted = 1 / curve.sqrtPrice;
  curves[index] = curve;
  gamma[index] = curve.gamma[up ? 1 : 0];
  isUp[index] = up ? 1 : 0;
  price[index] = up ? curve.sqrtPrice : inverted;
  inverse[index] = up ? inverted : curve.sqrtPrice;
  nextTick[index] = up ? curve.ticksBelow : curve.ticksBelow - 1;
  setLiquidity(index, curve.liquidity);
  aim(index, curve);
  return true;
}

function setLiquidity(index: number, amount: number): void {
  liquidity[index] = amount;
  movedByUnit[index] = amount > 0 ? (gamma[index] as number) / amount : 0;
}

function aim(index: number, { sqrtTicks, endless }: RangeCurve): void {
  const tick = nextTick[index] as number;
  if (tick < 0 || tick >= sqrtTicks.length) target[index] = endless ? Number.POSITIVE_INFINITY : (price[index] as number);
  else target[index] = isUp[index] === 1 ? (sqrtTicks[tick] as number) : 1 / (sqrtTicks[tick] as number);
}

/** Input, fee included, that moves the hop to its next tick. A stretch without liquidity is stepped over before anything is traded. */
function capOf(index: number): number {
  const slowed = movedByUnit[index] as number;
  return slowed > 0 ? Math.max(0, (target[index] as number) - (price[index] as number)) / slowed : 0;
}

/** False past the last tick: the pool has nothing more to give. */
function hasTickAhead(index: number): boolean {
  const tick = nextTick[index] as number;
  return tick >= 0 && tick < (curves[index] as RangeCurve).sqrtTicks.length;
}

/** Moves the hop over its next tick. */
function cross(index: number): void {
  const curve = curves[index] as RangeCurve;
  const tick = nextTick[index] as number;
  const net = curve.liquidityNet[tick] as number;
  const root = curve.sqrtTicks[tick] as number;
  const up = isUp[index] === 1;
  price[index] = target[index] as number;
  inverse[index] = up ? 1 / root : root;
  nextTick[index] = tick + (up ? 1 : -1);
  setLiquidity(index, Math.max(0, (liquidity[index] as number) + (up ? net : -net)));
  aim(index, curve);
}

/** Takes the input in, and says what it pays: L·(1/p − 1/p′) = γδ/(pp′), which keeps its digits where δ is too small to move p in float64. */
function swap(index: number, amountIn: number): number {
  const before = inverse[index] as number;
  const now = (price[index] as number) + amountIn * (movedByUnit[index] as number);
  price[index] = now;
  inverse[index] = 1 / now;
  return (gamma[index] as number) * amountIn * before * (inverse[index] as number);
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
 * The input that earns most and what it earns, in float64, raw units of the start token. Null when nothing is earned, or as soon as no input up to `most` can earn
 * `least`. The answer holds until the next call: nothing is allocated.
 *
 * Within the present ticks each hop is f(δ) = Rδ/(1 + qδ), and so is their composition aδ/(1 + cδ), whose profit is largest at δ* = (√a − 1)/c (Möbius
 * composition; for constant product see arXiv 2406.16600). Where δ* lies beyond the nearest tick, all hops move to that tick, the hop that met it
 * crosses, and the rest is sized from there: profit is concave, so the first δ* inside its ticks is the optimum, and what is still to come earns no more a unit
 * than the first of it.
 */
export function measure(edges: readonly Edge[], largest: number, least = 0, most = Number.POSITIVE_INFINITY): Size | null {
  const hops = edges.length;
  for (let index = 0; index < hops; index++) if (!start(edges[index] as Edge, index)) return sizeNumerically(edges, largest);
  let amountIn = 0;
  let profit = 0;
  for (let crossings = 0; crossings < MAX_CROSSINGS; crossings++) {
    let a = 1;
    let c = 0;
    let limit = largest - amountIn;
    let limiting = -1;
    for (let index = 0; index < hops; index++) {
      const cap = capOf(index);
      // Input of the cycle at which this hop's input reaches its cap.
      const reach = a <= c * cap ? Number.POSITIVE_INFINITY : cap / (a - c * cap);
      if (reach < limit) {
        limit = reach;
        limiting = index;
      }
      const inverted = inverse[index] as number;
      c += a * (movedByUnit[index] as number) * inverted;
      a *= (gamma[index] as number) * inverted * inverted;
    }
    if (a <= 1) break;
    if (profit + (a - 1) * (most - amountIn) < least) return null;
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
      for (let index = 0; index < hops; index++) amount = swap(index, amount);
    }
    cross(limiting);
  }
  return answer(amountIn, profit);
}

/** The hop's output for an input, and its marginal rate there; NaN for more than the pool takes. */
let marginal = 0;

function amountOutAlongRanges(edge: Edge, amountIn: number): number {
  start(edge, 0);
  let left = amountIn;
  let out = 0;
  for (let crossings = 0; crossings < MAX_CROSSINGS; crossings++) {
    const step = Math.min(left, capOf(0));
    if (step > 0) {
      out += swap(0, step);
      left -= step;
    }
    if (left <= 0) {
      marginal = (gamma[0] as number) * (inverse[0] as number) ** 2;
      return out;
    }
    if (!hasTickAhead(0)) return Number.NaN;
    cross(0);
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
