import type { Edge } from "#libs/graph/market.ts";

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

/** √price of the next initialised tick in the hop's direction; past the last one: the end of an endless curve, or the present price. */
function targetOf({ pool: { curve }, zeroForOne }: Edge, index: number): number {
  const tick = nextTick[index] as number;
  if (tick >= 0 && tick < curve.sqrtTicks.length) return curve.sqrtTicks[tick] as number;
  if (!curve.endless) return sqrtPrice[index] as number;
  return zeroForOne ? 0 : Number.POSITIVE_INFINITY;
}

/** Input, fee included, that moves the hop to its next tick. */
function capOf(edge: Edge, index: number): number {
  const target = targetOf(edge, index);
  const depth = liquidity[index] as number;
  const root = sqrtPrice[index] as number;
  const amount = edge.zeroForOne ? depth * (1 / target - 1 / root) : depth * (target - root);
  return Math.max(0, amount) / edge.pool.curve.gamma;
}

/** False past the last tick: the pool has nothing more to give. */
function hasTickAhead({ pool: { curve } }: Edge, index: number): boolean {
  const tick = nextTick[index] as number;
  return tick >= 0 && tick < curve.sqrtTicks.length;
}

/** Moves the hop over its next tick. */
function cross(edge: Edge, index: number): void {
  const { curve } = edge.pool;
  const tick = nextTick[index] as number;
  const net = curve.liquidityNet[tick] as number;
  sqrtPrice[index] = curve.sqrtTicks[tick] as number;
  liquidity[index] = Math.max(0, (liquidity[index] as number) + (edge.zeroForOne ? -net : net));
  nextTick[index] = tick + (edge.zeroForOne ? -1 : 1);
}

function consume({ pool: { curve }, zeroForOne }: Edge, index: number, amountIn: number): void {
  const moved = (curve.gamma * amountIn) / (liquidity[index] as number);
  sqrtPrice[index] = zeroForOne ? 1 / (1 / (sqrtPrice[index] as number) + moved) : (sqrtPrice[index] as number) + moved;
}

/**
 * The input that earns most and what it earns, in float64, raw units of the start token. Null when nothing is earned.
 *
 * Within the present ticks each hop is f(δ) = Rδ/(1 + qδ), and so is their composition aδ/(1 + cδ), whose profit is largest at δ* = (√a − 1)/c (Möbius
 * composition; for constant product see arXiv 2406.16600). Where δ* lies beyond the nearest tick, all hops move to that tick, the hop that met it
 * crosses, and the rest is sized from there: profit is concave, so the first δ* inside its ticks is the optimum.
 */
export function sizeCycle(edges: readonly Edge[], largest: number): { readonly amountIn: number; readonly profit: number } | null {
  for (let index = 0; index < edges.length; index++) {
    const { pool, zeroForOne } = edges[index] as Edge;
    liquidity[index] = pool.curve.liquidity;
    sqrtPrice[index] = pool.curve.sqrtPrice;
    nextTick[index] = zeroForOne ? pool.curve.ticksBelow - 1 : pool.curve.ticksBelow;
  }
  let amountIn = 0;
  let profit = 0;
  for (let crossings = 0; crossings < MAX_CROSSINGS; crossings++) {
    let a = 1;
    let c = 0;
    let limit = largest - amountIn;
    let limiting = -1;
    for (let index = 0; index < edges.length; index++) {
      const edge = edges[index] as Edge;
      const { gamma } = edge.pool.curve;
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
      const slope = depth > 0 ? (edge.zeroForOne ? (gamma * root) / depth : gamma / (root * depth)) : 0;
      c += a * slope;
      a *= edge.zeroForOne ? gamma * root * root : gamma / (root * root);
    }
    if (a <= 1) break;
    const best = c > 0 ? (Math.sqrt(a) - 1) / c : Number.POSITIVE_INFINITY;
    const step = Math.min(best, limit);
    amountIn = Math.min(amountIn + step, largest);
    // aδ/(1 + cδ) − δ, written without the difference of two near-equal amounts.
    profit += (step * (a - 1 - c * step)) / (1 + c * step);
    if (best <= limit || limiting === -1) break;
    if (!hasTickAhead(edges[limiting] as Edge, limiting)) {
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
        amount = edge.zeroForOne ? depth * (before - after) : depth * (1 / before - 1 / after);
      }
    }
    cross(edges[limiting] as Edge, limiting);
  }
  return profit > 0 && amountIn > 0 ? { amountIn, profit } : null;
}
