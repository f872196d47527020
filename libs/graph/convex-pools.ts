import type { Direction, RangeCurve, SmoothCurve } from "#libs/dex/family.ts";

/**
 * Pools as a dual method sees them: given a price for every token, the trade that earns most at those prices, alone. Float64, raw token units; each pool starts
 * from its present state and trades once.
 *
 * Source: Diamandis, Resnick, Chitra, Angeris, "An efficient algorithm for optimal routing through constant function market makers", arXiv 2302.04938, section 3.
 */
export abstract class ConvexPool {
  /** By number in the problem. */
  readonly tokens: readonly number[];
  /** What the last prices made the pool pay (> 0) and take (< 0) of each of its tokens, fee included. */
  readonly net: Float64Array;
  /**
   * For each pair of its tokens, (0,1), (0,2), …, (1,2), …: worth that would flow more per unit of the logarithm of their relative price. The second derivative of
   * the trade's worth, as a graph Laplacian.
   */
  readonly stiffness: Float64Array;
  /** False when the last prices gave no trade: `net` is all zero. */
  active = false;

  constructor(tokens: readonly number[]) {
    this.tokens = tokens;
    this.net = new Float64Array(tokens.length);
    this.stiffness = new Float64Array((tokens.length * (tokens.length - 1)) / 2);
  }

  /** Sets `net`, `stiffness` and `active`, and returns what the trade earns at these prices: 0 when nothing. */
  abstract arbitrage(prices: Float64Array): number;

  /** The most that any trade earns at these prices: what a bound may rest on. Differs from `arbitrage` only where that is smoothed. */
  most(prices: Float64Array): number {
    return this.arbitrage(prices);
  }

  /** Units of the second token that one of the first is worth here, about the middle of bid and ask; by their places in `tokens`. Not a number where unknown. */
  abstract midPrice(first: number, second: number): number;

  /** About what the pool has of a token: whose price to believe first. */
  abstract depth(place: number): number;
}

/** A trade that must not cross a tick ends this share of the price short of it: more than rounding moves it, less than anybody would miss. */
const SHORT_OF_TICK = 1e-11;

/**
 * Two tokens along ranges of constant liquidity; a constant product is one without end. In closed form from tick to tick. Where crossing a tick costs something
 * the trade that is left with most after that is chosen among those that end at the price wanted or at a tick before it.
 */
export class RangesPool extends ConvexPool {
  readonly #curve: RangeCurve;
  /** Worth that each tick crossed costs. What `arbitrage` returns is after it. */
  tickCost = 0;
  /** Ticks that a trade may cross. */
  limit = Number.POSITIVE_INFINITY;
  /** Ticks that the last trade crosses. */
  crossings = 0;

  constructor(tokens: readonly [number, number], curve: RangeCurve) {
    super(tokens);
    this.#curve = curve;
  }

  arbitrage(prices: Float64Array): number {
    const { gamma, sqrtPrice } = this.#curve;
    const price0 = prices[this.tokens[0] as number] as number;
    const price1 = prices[this.tokens[1] as number] as number;
    const present = sqrtPrice * sqrtPrice * price1;
    if (gamma[0] * present > price0) return this.#down(price1, Math.sqrt(price0 / (price1 * gamma[0])));
    if (gamma[1] * price0 > present) return this.#up(price0, Math.sqrt((price0 * gamma[1]) / price1));
    if (this.active) {
      this.active = false;
      this.net[0] = 0;
      this.net[1] = 0;
      this.stiffness[0] = 0;
      this.crossings = 0;
    }
    return 0;
  }

  /** Token 0 comes in until its marginal price is what it costs outside. Sums of products, no differences of near-equal amounts. */
  #down(price1: number, target: number): number {
    const { gamma, sqrtPrice, sqrtTicks, liquidityNet, endless, ticksBelow } = this.#curve;
    const { tickCost, limit } = this;
    let { liquidity } = this.#curve;
    let root = sqrtPrice;
    let [amountIn, amountOut, value] = [0, 0, 0];
    let [most, mostIn, mostOut, mostCrossings] = [Number.NEGATIVE_INFINITY, 0, 0, 0];
    let reached = false;
    let crossings = 0;
    for (let tick = ticksBelow - 1; ; tick--) {
      const isLast = crossings === limit;
      const end = tick >= 0 ? (sqrtTicks[tick] as number) * (isLast ? 1 + SHORT_OF_TICK : 1) : endless ? 0 : root;
      reached = end <= target && (tick >= 0 || endless);
      const stop = reached ? target : end;
      if (liquidity > 0 && stop < root) {
        amountIn += (liquidity * (root - stop)) / (root * stop);
        amountOut += liquidity * (root - stop);
        value += liquidity * (root - stop) * (1 - (target * target) / (root * stop));
      }
      root = stop;
      if (reached || tick < 0 || isLast) break;
      if (tickCost > 0 && price1 * value - tickCost * crossings > most)
        [most, mostIn, mostOut, mostCrossings] = [price1 * value - tickCost * crossings, amountIn, amountOut, crossings];
      liquidity -= liquidityNet[tick] as number;
      crossings++;
    }
    const worth = price1 * value - tickCost * crossings;
    if (worth < most) [amountIn, amountOut, crossings, reached] = [mostIn, mostOut, mostCrossings, false];
    this.active = true;
    this.crossings = crossings;
    this.net[0] = -amountIn / gamma[0];
    this.net[1] = amountOut;
    this.stiffness[0] = reached ? Math.max(0, (price1 * liquidity * target) / 2) : 0;
    return Math.max(worth, most);
  }

  #up(price0: number, target: number): number {
    const { gamma, sqrtPrice, sqrtTicks, liquidityNet, endless, ticksBelow } = this.#curve;
    const { tickCost, limit } = this;
    let { liquidity } = this.#curve;
    let root = sqrtPrice;
    let [amountIn, amountOut, value] = [0, 0, 0];
    let [most, mostIn, mostOut, mostCrossings] = [Number.NEGATIVE_INFINITY, 0, 0, 0];
    let reached = false;
    let crossings = 0;
    for (let tick = ticksBelow; ; tick++) {
      const isLast = crossings === limit;
      const isTick = tick < sqrtTicks.length;
      const end = isTick ? (sqrtTicks[tick] as number) * (isLast ? 1 - SHORT_OF_TICK : 1) : endless ? Number.POSITIVE_INFINITY : root;
      reached = end >= target && (isTick || endless);
      const stop = reached ? target : end;
      if (liquidity > 0 && stop > root) {
        amountIn += liquidity * (stop - root);
        amountOut += (liquidity * (stop - root)) / (root * stop);
        value += liquidity * (stop - root) * (1 / (root * stop) - 1 / (target * target));
      }
      root = stop;
      if (reached || !isTick || isLast) break;
      if (tickCost > 0 && price0 * value - tickCost * crossings > most)
        [most, mostIn, mostOut, mostCrossings] = [price0 * value - tickCost * crossings, amountIn, amountOut, crossings];
      liquidity += liquidityNet[tick] as number;
      crossings++;
    }
    const worth = price0 * value - tickCost * crossings;
    if (worth < most) [amountIn, amountOut, crossings, reached] = [mostIn, mostOut, mostCrossings, false];
    this.active = true;
    this.crossings = crossings;
    this.net[0] = amountOut;
    this.net[1] = -amountIn / gamma[1];
    this.stiffness[0] = reached ? Math.max(0, (price0 * liquidity) / (2 * target)) : 0;
    return Math.max(worth, most);
  }

  midPrice(first: number): number {
    const price = this.#curve.sqrtPrice ** 2;
    return first === 0 ? price : 1 / price;
  }

  depth(place: number): number {
    const { liquidity, sqrtPrice } = this.#curve;
    return place === 0 ? liquidity / sqrtPrice : liquidity * sqrtPrice;
  }
}

/** Within a panel of its table a rate falls by no more than this share, so that a polynomial of degree 11 is as good as the rate itself. */
const PANEL_FALL = 0.25;
const FIRST_PANEL = 1e-3;
/** Nodes and weights of the Gauss-Legendre rule of six points, for half of the interval from −1 to 1. */
const NODES = [0.2386191860831969, 0.6612093864662645, 0.932469514203152] as const;
const WEIGHTS = [0.467913934572691, 0.3607615730481386, 0.17132449237917] as const;
const CLOSE = 1e-15;
const MAX_STEPS = 60;

/** How far the price must fall short of a flat rate for a smoothed trade to be as deep as the pool, seen from where it was last: 1 %. */
const SMOOTHING = 1e-2;

/**
 * One direction of any other curve, by its rate: the input at which the marginal rate is the price, by secants on 1/√rate, which for constant products is a
 * straight line. What it pays is the integral of the rate: the curve's own amount has the contract's rounding in it, steps that no derivative knows of.
 *
 * A rate that hardly falls, or not at all (stable pools about their balance, constant sums), leaves the dual with a corner at which prices do not tell how much to
 * trade. So a quadratic around the last trade is taken off, and `recentre` moves it there until it takes nothing any more (proximal point algorithm).
 *
 * Up to `largestIn` only: a pool that takes more than its curve describes may pay more.
 *
 * Of a pool with two tokens at most one direction trades at any prices. With more tokens each pair stands alone, as if it had the pool to itself, which can only
 * pay more: what is worked out is then a bound from above, and trades of one pool in several pairs together may get less.
 */
export class SmoothPool extends ConvexPool {
  readonly #curve: SmoothCurve;
  readonly #direction: Direction;
  readonly #largest: number;
  readonly #middle: number;
  // Inputs, the rates at them, and the integral up to them: as far as has been needed.
  readonly #inputs = [0];
  readonly #rates: number[];
  readonly #paid = [0];
  #width: number;
  readonly #slope: number;
  #centre = 0;

  constructor(tokens: readonly [number, number], curve: SmoothCurve, direction: Direction) {
    super(tokens);
    this.#curve = curve;
    this.#direction = direction;
    this.#largest = curve.largestIn(direction);
    const rate = this.#rate(0);
    this.#rates = [rate];
    this.#width = FIRST_PANEL * this.#largest;
    const back = curve.rate(0, { indexIn: direction.indexOut, indexOut: direction.indexIn });
    this.#middle = back > 0 ? Math.sqrt(rate / back) : rate;
    this.#slope = (SMOOTHING * rate) / this.depth(0);
  }

  /** Centres the smoothing where the last trade was. */
  recentre(): void {
    this.#centre = -(this.net[0] as number);
  }

  arbitrage(prices: Float64Array): number {
    return this.#trade(prices, this.#slope, this.#centre);
  }

  override most(prices: Float64Array): number {
    return this.#trade(prices, 0, 0);
  }

  #trade(prices: Float64Array, slope: number, centre: number): number {
    const priceIn = prices[this.tokens[0] as number] as number;
    const priceOut = prices[this.tokens[1] as number] as number;
    const price = priceIn / priceOut;
    const isNothing = !((this.#rates[0] as number) + slope * centre > price) || !(this.#largest > 0);
    if (isNothing && centre === 0) {
      this.active = false;
      this.net.fill(0);
      this.stiffness[0] = 0;
      return 0;
    }
    const panel = isNothing ? 0 : this.#panelOf(price, slope, centre);
    const isAll = panel === this.#inputs.length - 1;
    const amountIn = isNothing ? 0 : isAll ? this.#largest : this.#inputAt(price, panel, slope, centre);
    const paid = (this.#paid[panel] as number) + (isAll ? 0 : this.#integral(this.#inputs[panel] as number, amountIn));
    const amountOut = paid - (slope * (amountIn - centre) ** 2) / 2;
    this.active = true;
    this.net[0] = -amountIn;
    this.net[1] = amountOut;
    this.stiffness[0] = isAll || isNothing ? 0 : (priceIn * price) / (slope + this.#fallAt(amountIn, panel));
    const value = priceOut * amountOut - priceIn * amountIn;
    return centre === 0 ? Math.max(0, value) : value;
  }

  midPrice(first: number): number {
    return first === 0 ? this.#middle : 1 / this.#middle;
  }

  /** What halves the rate, or all that it takes. */
  depth(place: number): number {
    const panel = this.#panelOf((this.#rates[0] as number) / 2, 0, 0);
    const input = this.#inputs[panel] as number;
    return place === 0 ? input : input * this.#middle;
  }

  #rate(amountIn: number): number {
    return this.#curve.rate(amountIn, this.#direction);
  }

  #integral(from: number, to: number): number {
    const [middle, half] = [(from + to) / 2, (to - from) / 2];
    let sum = 0;
    for (let node = 0; node < NODES.length; node++) {
      const off = half * (NODES[node] as number);
      sum += (WEIGHTS[node] as number) * (this.#rate(middle - off) + this.#rate(middle + off));
    }
    return half * sum;
  }

  /** The panel in which the rate, less the smoothing, falls to the price: the last input whose rate is above it. */
  #panelOf(price: number, slope: number, centre: number): number {
    const [inputs, rates] = [this.#inputs, this.#rates];
    const isAbove = (panel: number) => (rates[panel] as number) - slope * ((inputs[panel] as number) - centre) > price;
    while (isAbove(rates.length - 1) && (inputs[inputs.length - 1] as number) < this.#largest) this.#extend();
    let [low, high] = [0, rates.length - 1];
    if (isAbove(high)) return high;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (isAbove(middle)) low = middle;
      else high = middle;
    }
    return low;
  }

  #extend(): void {
    const from = this.#inputs.at(-1) as number;
    const rate = this.#rates.at(-1) as number;
    for (;;) {
      const to = Math.min(from + this.#width, this.#largest);
      const next = this.#rate(to);
      if (next < (1 - PANEL_FALL) * rate && this.#width > CLOSE * this.#largest) {
        this.#width /= 2;
        continue;
      }
      this.#paid.push((this.#paid.at(-1) as number) + this.#integral(from, to));
      this.#inputs.push(to);
      // Where a curve ends its rate may come out as rounding has it: it does not rise.
      this.#rates.push(Math.min(next, rate));
      this.#width *= 2;
      return;
    }
  }

  /** −d(rate)/d(input), by a difference over a step that rounding does not show in. */
  #fallAt(amountIn: number, panel: number): number {
    const step = 1e-3 * (this.#inputs[panel + 1] as number);
    const [from, to] = [Math.max(0, amountIn - step), Math.min(this.#largest, amountIn + step)];
    return Math.max(0, (this.#rate(from) - this.#rate(to)) / (to - from));
  }

  #inputAt(price: number, panel: number, slope: number, centre: number): number {
    const goal = 1 / Math.sqrt(price);
    const missing = (amountIn: number) =>
      1 / Math.sqrt(Math.max(this.#rate(amountIn) - slope * (amountIn - centre), Number.MIN_VALUE)) - goal;
    let [low, high] = [this.#inputs[panel] as number, this.#inputs[panel + 1] as number];
    let [atLow, atHigh] = [missing(low), missing(high)];
    let stayed = 0;
    let next = low;
    for (let step = 0; step < MAX_STEPS && high - low > CLOSE * high; step++) {
      const secant = low + ((high - low) * atLow) / (atLow - atHigh);
      next = secant > low && secant < high ? secant : (low + high) / 2;
      const value = missing(next);
      if (Math.abs(value) <= CLOSE * goal) break;
      if (value > 0) {
        [high, atHigh] = [next, value];
        if (stayed > 0) atLow /= 2;
        stayed = 1;
      } else {
        [low, atLow] = [next, value];
        if (stayed < 0) atHigh /= 2;
        stayed = -1;
      }
    }
    return next;
  }
}

/**
 * Any number of tokens held in constant weights, traded in any combination at once: ∏ (reserve + gamma·in − out)^weight stays. In closed form up to one
 * piecewise linear equation in one unknown, the logarithm of the multiplier. No limit on what it takes, which Balancer's vault has.
 */
export class WeightedPool extends ConvexPool {
  readonly #reserves: readonly number[];
  readonly #weights: readonly number[];
  readonly #gamma: number;

  constructor(tokens: readonly number[], reserves: readonly number[], weights: readonly number[], gamma: number) {
    super(tokens);
    this.#reserves = reserves;
    const sum = weights.reduce((total, weight) => total + weight, 0);
    this.#weights = weights.map((weight) => weight / sum);
    this.#gamma = gamma;
  }

  arbitrage(prices: Float64Array): number {
    const worths = this.#reserves.map((reserve, place) =>
      Math.log((reserve * (prices[this.tokens[place] as number] as number)) / (this.#weights[place] as number)),
    );
    const fee = -Math.log(this.#gamma);
    /** Sum over tokens of the logarithm of reserve after by before, weighted: rises with the multiplier, and is 0 at the trade. */
    const growth = (multiplier: number) =>
      this.#weights.reduce((sum, weight, place) => sum + weight * this.#change(worths, fee, multiplier, place), 0);
    const corners = [...worths, ...worths.map((worth) => worth + fee)].sort((left, right) => left - right);
    const above = corners.findIndex((corner) => growth(corner) >= 0);
    const [left, right] = [corners[Math.max(0, above - 1)] as number, corners[above] as number];
    const [atLeft, atRight] = [growth(left), growth(right)];
    const multiplier = atRight > atLeft ? left - ((right - left) * atLeft) / (atRight - atLeft) : right;
    let value = 0;
    this.active = false;
    for (let place = 0; place < this.tokens.length; place++) {
      const change = (this.#reserves[place] as number) * Math.expm1(this.#change(worths, fee, multiplier, place));
      this.net[place] = change > 0 ? -change / this.#gamma : -change;
      if (change !== 0) this.active = true;
      value += (prices[this.tokens[place] as number] as number) * (this.net[place] as number);
    }
    this.#setStiffness(Math.exp(multiplier));
    return Math.max(0, value);
  }

  #change(worths: readonly number[], fee: number, multiplier: number, place: number): number {
    const worth = worths[place] as number;
    return Math.max(0, multiplier - worth - fee) + Math.min(0, multiplier - worth);
  }

  #setStiffness(multiplier: number): void {
    const moving = this.#weights.map((weight, place) => (this.net[place] === 0 ? 0 : weight));
    const sum = moving.reduce((total, weight) => total + weight, 0);
    let pair = 0;
    for (let first = 0; first < moving.length; first++)
      for (let second = first + 1; second < moving.length; second++)
        this.stiffness[pair++] = sum > 0 ? (multiplier * (moving[first] as number) * (moving[second] as number)) / sum : 0;
  }

  midPrice(first: number, second: number): number {
    const worth = (place: number) => (this.#weights[place] as number) / (this.#reserves[place] as number);
    return worth(first) / worth(second);
  }

  depth(place: number): number {
    return this.#reserves[place] as number;
  }
}
