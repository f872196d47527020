import { type ConvexPool, RangesPool, SmoothPool } from "#libs/graph/convex-pools.ts";
import type { Edge, Market, MarketPool } from "#libs/graph/market.ts";

/**
 * What all pools together allow, at best: tokens out for tokens in, all trades chosen at once, split over any number of pools and hops. What search and routing
 * are measured against; far too slow and too idealised to trade by.
 *
 * Maximise the worth of what is left over, no token falling short. The Lagrangian of that falls apart into one small problem a pool: at given prices, earn most
 * (convex-pools.ts). Any prices bound the optimum from above; the lowest bound is the optimum. It is found by Newton's method on the logarithms of the prices: the
 * Hessian is a graph Laplacian, solved by preconditioned conjugate gradients, and prices stay at or above what tokens are worth outside (projection). From below it
 * is bounded by the trades at those prices, cut back until no token is missing. The two bounds hold whatever the method did: their distance is what it left open.
 *
 * Source: arXiv 2302.04938 (dual, its decomposition); Bertsekas, "Projected Newton methods for optimization problems with simple constraints" (1982).
 */
export interface Problem {
  readonly tokenCount: number;
  readonly pools: readonly ConvexPool[];
  /** What a unit of each token left over is worth; 0 for most. */
  readonly worth: Float64Array;
  /** Units of each token that are there to begin with. */
  readonly endowment?: Float64Array | undefined;
}

export interface Optimum {
  /**
   * Worth of what is left over by `trades`, a plan in which no token is short by more than 1e-7 of what passes of it, most by none; what is short is charged at
   * twice its price. Bound from below.
   */
  readonly value: number;
  /** Bound from above. */
  readonly bound: number;
  /** Their distance by the upper one. */
  readonly gap: number;
  /** By token; of one that nobody can price, 0. A start for a problem like this one. */
  readonly prices: Float64Array;
  readonly trades: readonly PoolTrade[];
  readonly iterations: number;
  /** How often all pools were asked. */
  readonly evaluations: number;
}

export interface PoolTrade {
  readonly pool: ConvexPool;
  /** Of each of the pool's tokens, > 0 what it pays, < 0 what it takes. */
  readonly net: Float64Array;
  /** What the trade earns at the prices. */
  readonly worth: number;
}

export interface SolveOptions {
  /** Worth of what is missing or too much at the prices by the value of the dual: when to stop. */
  readonly tolerance?: number;
  /** Worth below which nothing matters: another reason to stop. Without it a market with nothing to earn is solved for the last crumb. */
  readonly negligible?: number;
  readonly start?: Float64Array | undefined;
}

const TOLERANCE = 1e-10;
/** A handful are needed; a market full of broken pools some dozens. */
const ITERATIONS = 200;
const RECENTRINGS = 60;
/** Prices move by a factor of e at most in one step. */
const LONGEST_STEP = 1;
/** Of what a pool resisted, this much is expected of it after it has come to rest. */
const FADING = 0.3;
const FORGOTTEN = 1e-9;
const DAMPING = 1e-4;
/** Each with the stiffness that those before have met, and after the first few with more damping: which ends in a step so short that it must succeed. */
const ATTEMPTS = 28;
const UNDAMPED = 4;
/** So many steps that the value says nothing of may leave no less missing than one before; then that one is the answer. */
const STALLED = 12;
/** Sufficient decrease (Armijo). */
const DECREASE = 1e-4;
const CG_STEPS = 80;
/** What rounding leaves in the dual's value, by the worth of what passes. */
const NOISE = 1e-15;

/** What using a pool costs, smoothed: from nothing to all of it within some `width` about where the trade earns its cost. */
interface Toll {
  readonly costs: Float64Array;
  readonly width: number;
}

/** The dual of a problem, and what it takes to step down it. */
export class Dual {
  readonly problem: Problem;
  /** Tokens that anybody can price. */
  readonly nodes: Int32Array;
  /** Prices to begin with, and the logarithm of what they have been multiplied with: a double resolves it the finer the less they move. */
  readonly #base: Float64Array;
  readonly logPrices: Float64Array;
  readonly prices: Float64Array;
  readonly #floors: Float64Array;
  /** Worth, at the prices, of what is left over (> 0) or missing of each token: the gradient by the logarithm of its price. */
  readonly surplus: Float64Array;
  readonly values: Float64Array;
  /** Places of the pools that take part, and the tokens that anything can become of then. */
  #parts: readonly number[];
  #touched: Int32Array;
  readonly #firstPairs: Int32Array;
  /** Worth that passes through the pools. */
  turnover = 0;
  evaluations = 0;
  #toll: Toll | null = null;
  /** What the toll makes of trades that earn nothing. */
  #atNothing = new Float64Array(0);

  /**
   * Laplacian, by pair of a pool's tokens: the stiffness that was met last, fading where a pool has come to rest. A step that runs into pools at rest is so taken
   * again with their resistance known, for the tokens that they hold only; without it one such pool would shorten the step of all.
   */
  readonly #pairFrom: Int32Array;
  readonly #pairTo: Int32Array;
  readonly #stiffness: Float64Array;
  readonly #stiff: Int32Array;
  readonly #moving: Int32Array;
  readonly #gradient: Float64Array;
  readonly #atRest: Float64Array;
  readonly #diagonal: Float64Array;
  readonly #isFree: Uint8Array;
  readonly #step: Float64Array;
  readonly #residual: Float64Array;
  readonly #direction: Float64Array;
  readonly #product: Float64Array;
  readonly #tried: Float64Array;
  readonly #best: Float64Array;
  readonly #kept: Float64Array;
  /** The last step was too small for the value to tell whether it was good: what is missing has to. */
  #isBlind = false;

  constructor(problem: Problem, start: Float64Array | undefined) {
    const { tokenCount, worth } = problem;
    const prices = firstPrices(problem, start);
    const pools = problem.pools.filter(({ tokens }) => tokens.every((token) => (prices[token] as number) > 0));
    this.problem = { ...problem, pools };
    const used = new Set(pools.flatMap(({ tokens }) => tokens));
    for (let token = 0; token < tokenCount; token++) if ((worth[token] as number) > 0) used.add(token);
    this.nodes = Int32Array.from(used).sort();
    this.prices = prices;
    this.#base = prices.slice();
    this.logPrices = new Float64Array(tokenCount);
    this.#floors = worth.map((floor, token) => Math.log(floor / (prices[token] as number)));
    const vector = () => new Float64Array(tokenCount);
    [this.surplus, this.#atRest, this.#diagonal, this.#step, this.#residual] = [vector(), vector(), vector(), vector(), vector()];
    [this.#direction, this.#product, this.#tried, this.#gradient] = [vector(), vector(), vector(), vector()];
    this.#best = vector();
    this.#kept = vector();
    this.#isFree = new Uint8Array(tokenCount);
    this.#moving = new Int32Array(tokenCount);
    this.values = new Float64Array(pools.length);
    this.#parts = pools.map((_, index) => index);
    this.#touched = this.nodes;
    let pairCount = 0;
    this.#firstPairs = Int32Array.from(pools, ({ stiffness }) => {
      pairCount += stiffness.length;
      return pairCount - stiffness.length;
    });
    const pairs = pools.flatMap(({ tokens }) => tokens.flatMap((from, first) => tokens.slice(first + 1).map((to) => [from, to] as const)));
    this.#pairFrom = Int32Array.from(pairs, ([from]) => from);
    this.#pairTo = Int32Array.from(pairs, ([, to]) => to);
    this.#stiffness = new Float64Array(pairs.length);
    this.#stiff = new Int32Array(pairs.length);
    for (const pool of pools) {
      for (const [place, token] of pool.tokens.entries()) {
        const depth = pool.depth(place);
        if (depth > 0 && depth < Number.POSITIVE_INFINITY) this.#atRest[token] = (this.#atRest[token] as number) + depth;
      }
    }
  }

  /** From now on only these pools take part, by their places. */
  use(places: readonly number[]): void {
    this.#parts = places;
    const { pools, worth } = this.problem;
    const used = new Set(places.flatMap((place) => (pools[place] as ConvexPool).tokens));
    for (const token of this.nodes) if ((worth[token] as number) > 0) used.add(token);
    this.#touched = Int32Array.from(used).sort();
    this.surplus.fill(0);
    this.values.fill(0);
  }

  /** The dual's value at `logPrices`, with its gradient and Hessian. */
  evaluate(): number {
    const { logPrices, prices, surplus, values } = this;
    const nodes = this.#touched;
    const { pools, endowment } = this.problem;
    this.evaluations++;
    let total = 0;
    for (const token of nodes) {
      prices[token] = (this.#base[token] as number) * Math.exp(logPrices[token] as number);
      surplus[token] = endowment?.[token] ?? 0;
    }
    this.turnover = 0;
    for (const index of this.#parts) {
      const pool = pools[index] as ConvexPool;
      const firstPair = this.#firstPairs[index] as number;
      const value = pool.arbitrage(prices);
      values[index] = value;
      if (!pool.active) continue;
      const { tokens, net } = pool;
      let share = 1;
      let bend = 0;
      if (this.#toll === null) total += value;
      else {
        const { costs, width } = this.#toll;
        const gain = (value - (costs[index] as number)) / width;
        const tail = Math.exp(-Math.abs(gain));
        share = (gain > 0 ? 1 : tail) / (1 + tail);
        bend = (share * (1 - share)) / width;
        total += width * (Math.max(0, gain) + Math.log1p(tail) - (this.#atNothing[index] as number));
      }
      for (let place = 0; place < tokens.length; place++) {
        const token = tokens[place] as number;
        surplus[token] = (surplus[token] as number) + share * (net[place] as number);
      }
      this.turnover += Math.abs((prices[tokens[0] as number] as number) * (net[0] as number));
      this.#stiffen(pool, firstPair, share, bend);
    }
    for (const token of nodes) {
      total += (endowment?.[token] ?? 0) * (prices[token] as number);
      surplus[token] = (surplus[token] as number) * (prices[token] as number);
    }
    return total;
  }

  #stiffen({ tokens, net, stiffness }: ConvexPool, firstPair: number, share: number, bend: number): void {
    let place = 0;
    for (let first = 0; first < tokens.length; first++) {
      for (let second = first + 1; second < tokens.length; second++, place++) {
        let weight = share * (stiffness[place] as number);
        if (bend > 0) {
          const [from, to] = [tokens[first] as number, tokens[second] as number];
          const flows = (net[first] as number) * (net[second] as number) * (this.prices[from] as number) * (this.prices[to] as number);
          weight += bend * Math.max(0, -flows);
        }
        this.#stiffness[firstPair + place] = Math.max(weight, this.#stiffness[firstPair + place] as number);
      }
    }
  }

  #fade(): void {
    for (let pair = 0; pair < this.#stiffness.length; pair++) {
      const from = this.#pairFrom[pair] as number;
      const weight = this.#stiffness[pair] as number;
      const isFelt = weight > FORGOTTEN * (this.#atRest[from] as number) * (this.prices[from] as number);
      this.#stiffness[pair] = isFelt ? FADING * weight : 0;
    }
  }

  /** Worth of what is missing of any token, or too much of one whose price could fall. */
  #imbalance(): number {
    let sum = 0;
    for (const token of this.#touched) if (this.#isFree[token] === 1) sum += Math.abs(this.surplus[token] as number);
    return sum;
  }

  #markFree(): void {
    for (const token of this.#touched) {
      const isHeld = (this.logPrices[token] as number) <= (this.#floors[token] as number) && (this.surplus[token] as number) >= 0;
      this.#isFree[token] = isHeld ? 0 : 1;
    }
  }

  /** Goes down to where it is as low as can be told, or until `isEnough`, which is asked after each step. Returns the steps taken. */
  minimise(tolerance: number, negligible: number, toll: Toll | null = null, most = ITERATIONS, isEnough?: () => boolean): number {
    this.#toll = toll;
    if (toll !== null) this.#atNothing = toll.costs.map((cost) => Math.log1p(Math.exp(-cost / toll.width)));
    // Pools at rest resist nothing until a price has left their fees behind, and then with all they have: a share of that is held against each step, less as
    // long as steps are good.
    let damping = DAMPING;
    this.#stiffness.fill(0);
    let value = this.evaluate();
    this.#isBlind = false;
    let least = Number.POSITIVE_INFINITY;
    let stalled = 0;
    let iteration = 0;
    for (; iteration < most; iteration++) {
      this.#markFree();
      const imbalance = this.#imbalance();
      if (imbalance <= Math.max(tolerance * Math.abs(value), negligible)) return iteration;
      if (!this.#isBlind || imbalance < 0.9 * least) {
        least = imbalance;
        stalled = 0;
        this.#best.set(this.logPrices);
      } else if (++stalled > STALLED) break;
      this.#keepPoint();
      const closeness = Math.min(0.3, Math.sqrt(imbalance / this.turnover));
      let next: number | null = null;
      for (let attempt = 0; attempt < ATTEMPTS && next === null; attempt++) {
        this.#solve(damping, closeness);
        next = this.#tryStep(value);
        if (next === null && attempt >= UNDAMPED) damping *= 10;
      }
      if (next === null) break;
      damping = Math.max(1e-12, damping / 10);
      // Where the value does not tell of steps that overshoot, all resistance met is kept.
      if (!this.#isBlind) this.#fade();
      value = next;
      if (isEnough?.()) return iteration + 1;
    }
    this.logPrices.set(this.#best);
    this.evaluate();
    return iteration;
  }

  /** Remembers the prices, for `restore`. */
  keep(): void {
    this.#kept.set(this.logPrices);
  }

  restore(): void {
    this.logPrices.set(this.#kept);
  }

  #keepPoint(): void {
    for (const token of this.#touched) {
      this.#tried[token] = this.logPrices[token] as number;
      this.#gradient[token] = this.surplus[token] as number;
    }
  }

  /** (Laplacian + damping) step = −surplus, on the free tokens. */
  #solve(damping: number, tolerance: number): void {
    const [diagonal, step, residual] = [this.#diagonal, this.#step, this.#residual];
    const [direction, product, isFree] = [this.#direction, this.#product, this.#isFree];
    for (const token of this.#touched) diagonal[token] = 0;
    let pairs = 0;
    for (let pair = 0; pair < this.#stiffness.length; pair++) {
      const weight = this.#stiffness[pair] as number;
      if (weight === 0) continue;
      this.#stiff[pairs++] = pair;
      const from = this.#pairFrom[pair] as number;
      const to = this.#pairTo[pair] as number;
      diagonal[from] = (diagonal[from] as number) + weight;
      diagonal[to] = (diagonal[to] as number) + weight;
    }
    // Read once: this is where the time goes.
    const [stiff, pairFrom, pairTo, stiffness] = [this.#stiff, this.#pairFrom, this.#pairTo, this.#stiffness];
    let energy = 0;
    let count = 0;
    for (const token of this.#touched) {
      step[token] = 0;
      direction[token] = 0;
      const missing = -(this.#gradient[token] as number);
      if (isFree[token] === 0 || (missing === 0 && diagonal[token] === 0)) continue;
      this.#moving[count++] = token;
      diagonal[token] =
        (diagonal[token] as number) + damping * (this.#atRest[token] as number) * (this.prices[token] as number) + Number.MIN_VALUE;
      residual[token] = missing;
      direction[token] = missing / (diagonal[token] as number);
      energy += missing * (direction[token] as number);
    }
    const moving = this.#moving.subarray(0, count);
    const enough = energy * tolerance * tolerance;
    for (let round = 0; round < CG_STEPS && energy > enough && energy > 0; round++) {
      for (const token of moving) product[token] = (diagonal[token] as number) * (direction[token] as number);
      for (let index = 0; index < pairs; index++) {
        const pair = stiff[index] as number;
        const from = pairFrom[pair] as number;
        const to = pairTo[pair] as number;
        const weight = stiffness[pair] as number;
        product[from] = (product[from] as number) - weight * (direction[to] as number);
        product[to] = (product[to] as number) - weight * (direction[from] as number);
      }
      let curvature = 0;
      for (const token of moving) curvature += (direction[token] as number) * (product[token] as number);
      if (!(curvature > 0)) break;
      const length = energy / curvature;
      let next = 0;
      for (const token of moving) {
        step[token] = (step[token] as number) + length * (direction[token] as number);
        residual[token] = (residual[token] as number) - length * (product[token] as number);
        next += (residual[token] as number) ** 2 / (diagonal[token] as number);
      }
      const keep = next / energy;
      energy = next;
      for (const token of moving) {
        direction[token] = (residual[token] as number) / (diagonal[token] as number) + keep * (direction[token] as number);
      }
    }
  }

  /** The value after the step if it falls enough, as far as rounding lets that be seen. Null otherwise. */
  #tryStep(value: number): number | null {
    const { logPrices } = this;
    const nodes = this.#touched;
    let longest = 0;
    for (const token of nodes) longest = Math.max(longest, Math.abs(this.#step[token] as number));
    const length = Math.min(1, LONGEST_STEP / longest);
    const noise = NOISE * (this.turnover + Math.abs(value));
    // The dual grows in proportion to all prices, which its Hessian does not see: they are lowered together until one is at what its token is worth.
    let excess = Number.POSITIVE_INFINITY;
    for (const token of nodes) {
      const floor = this.#floors[token] as number;
      const to = Math.max(floor, (this.#tried[token] as number) + length * (this.#step[token] as number));
      logPrices[token] = to;
      excess = Math.min(excess, to - floor);
    }
    let slope = 0;
    for (const token of nodes) {
      logPrices[token] = (logPrices[token] as number) - excess;
      slope += ((logPrices[token] as number) - (this.#tried[token] as number)) * (this.#gradient[token] as number);
    }
    const next = this.evaluate();
    if (!(slope <= 0) || next > value + DECREASE * slope + noise) return null;
    this.#isBlind = -slope <= noise;
    return next;
  }
}

/** Prices to begin with: the worth of tokens that have one, and from token to token what the deepest pool says, in as few hops as can be. */
function firstPrices({ tokenCount, pools, worth }: Problem, start: Float64Array | undefined): Float64Array {
  const prices = new Float64Array(tokenCount);
  let frontier: number[] = [];
  for (let token = 0; token < tokenCount; token++) {
    const price = Math.max(worth[token] as number, start?.[token] ?? 0);
    if (!(price > 0)) continue;
    prices[token] = price;
    frontier.push(token);
  }
  if (pools.every(({ tokens }) => tokens.every((token) => (prices[token] as number) > 0))) return prices;
  const poolsOf = new Map<number, [ConvexPool, number][]>();
  for (const pool of pools) {
    for (const [place, token] of pool.tokens.entries()) {
      const known = poolsOf.get(token);
      if (known === undefined) poolsOf.set(token, [[pool, place]]);
      else known.push([pool, place]);
    }
  }
  // A pool whose price stands in a gap has no depth, and a price.
  const deepest = new Float64Array(tokenCount).fill(-1);
  while (frontier.length > 0) {
    const found: [token: number, price: number][] = [];
    for (const from of frontier) {
      for (const [pool, place] of poolsOf.get(from) ?? []) {
        const depth = pool.depth(place) * (prices[from] as number);
        for (const [other, token] of pool.tokens.entries()) {
          if ((prices[token] as number) > 0 || !(depth > (deepest[token] as number))) continue;
          const price = (prices[from] as number) * pool.midPrice(other, place);
          if (!(price > 0 && price < Number.POSITIVE_INFINITY)) continue;
          deepest[token] = depth;
          found.push([token, price]);
        }
      }
    }
    frontier = [];
    for (const [token, price] of found.reverse()) {
      if ((prices[token] as number) > 0) continue;
      prices[token] = price;
      frontier.push(token);
    }
  }
  return prices;
}

type Plan = Pick<Optimum, "trades" | "value">;

/** Of what passes of a token, this much may be missing by rounding. */
const SHORT = 1e-12;
const SWEEPS = 20;
/** Of what passes, this little can be bought by trading a little more of something else: at its price and a trifle. */
const BUYABLE = 1e-7;
const SURCHARGE = 2;

/**
 * The trades at the dual's prices as a plan: cut back until no token is short. A trade cut in proportion is still one that the pool does, because a pool's
 * trades are a convex set with the empty one in it. What is short is taken from trades that lead to a token of worth by the fewest hops, so that nothing else
 * falls short for it but what is on the way there. Where trades feed each other in a circle that does not end: what little is short then is charged at twice its
 * price.
 */
function planOf({ problem: { pools, tokenCount, worth, endowment }, nodes, prices }: Dual): Plan {
  const shares = new Float64Array(pools.length);
  const left = new Float64Array(tokenCount);
  const passing = new Float64Array(tokenCount);
  const takers = new Map<number, number[]>();
  const givers = new Map<number, number[]>();
  for (const token of nodes) left[token] = passing[token] = endowment?.[token] ?? 0;
  for (const [index, { active, tokens, net }] of pools.entries()) {
    if (!active) continue;
    shares[index] = 1;
    for (const [place, token] of tokens.entries()) {
      const amount = net[place] as number;
      if (amount === 0) continue;
      left[token] = (left[token] as number) + amount;
      passing[token] = (passing[token] as number) + Math.abs(amount);
      const side = amount < 0 ? takers : givers;
      const known = side.get(token);
      if (known === undefined) side.set(token, [index]);
      else known.push(index);
    }
  }
  /** Hops to a token of worth along the trades. */
  const hops = new Int32Array(tokenCount).fill(tokenCount);
  const queue = [...nodes].filter((token) => (worth[token] as number) > 0);
  for (const token of queue) hops[token] = 0;
  for (const token of queue) {
    for (const giver of givers.get(token) ?? []) {
      const { tokens, net } = pools[giver] as ConvexPool;
      for (const [place, source] of tokens.entries()) {
        if (!((net[place] as number) < 0) || (hops[source] as number) < tokenCount) continue;
        hops[source] = (hops[token] as number) + 1;
        queue.push(source);
      }
    }
  }
  const hopsAfter = (index: number) => {
    const { tokens, net } = pools[index] as ConvexPool;
    return tokens.reduce(
      (least, token, place) => ((net[place] as number) > 0 ? Math.min(least, hops[token] as number) : least),
      tokenCount,
    );
  };
  for (const each of takers.values()) each.sort((one, other) => hopsAfter(one) - hopsAfter(other));
  const order = [...takers.keys()].sort((one, other) => (hops[other] as number) - (hops[one] as number));
  const isShort = (token: number) => (left[token] as number) < -SHORT * (passing[token] as number);
  for (let sweep = 0; sweep < SWEEPS && order.some(isShort); sweep++) {
    for (const token of order) {
      for (const index of takers.get(token) as number[]) {
        if (!isShort(token)) break;
        const { tokens, net } = pools[index] as ConvexPool;
        const taken = -(net[tokens.indexOf(token)] as number);
        const cut = Math.min(shares[index] as number, -(left[token] as number) / taken);
        shares[index] = (shares[index] as number) - cut;
        for (const [place, each] of tokens.entries()) left[each] = (left[each] as number) - cut * (net[place] as number);
      }
    }
  }
  for (const token of nodes) passing[token] = endowment?.[token] ?? 0;
  for (const [index, { tokens, net }] of pools.entries())
    for (const [place, token] of tokens.entries())
      passing[token] = (passing[token] as number) + (shares[index] as number) * Math.abs(net[place] as number);
  const worthOf = (token: number) => {
    const amount = left[token] as number;
    return amount >= 0 ? (worth[token] as number) * amount : SURCHARGE * (prices[token] as number) * amount;
  };
  const nothing = nodes.reduce((sum, token) => sum + (worth[token] as number) * (endowment?.[token] ?? 0), 0);
  const isPossible = order.every((token) => (left[token] as number) >= -BUYABLE * (passing[token] as number));
  const value = isPossible ? nodes.reduce((sum, token) => sum + worthOf(token), 0) : nothing;
  // Doing nothing is always a plan.
  if (!(value > nothing)) return { trades: [], value: nothing };
  const trades = pools.flatMap((pool, index) => {
    const share = shares[index] as number;
    if (share === 0) return [];
    const net = pool.net.map((amount) => share * amount);
    return [{ pool, net, worth: pool.tokens.reduce((sum, token, at) => sum + (prices[token] as number) * (net[at] as number), 0) }];
  });
  return { trades, value };
}

const boundOf = ({ problem: { pools, endowment }, nodes, prices }: Dual): number =>
  pools.reduce((sum, pool) => sum + pool.most(prices), 0) +
  nodes.reduce((sum, token) => sum + (prices[token] as number) * (endowment?.[token] ?? 0), 0);

/** The optimum of a problem, between a bound and a plan. Deterministic. */
export function optimumOf(problem: Problem, { tolerance = TOLERANCE, negligible = 0, start }: SolveOptions = {}): Optimum {
  const dual = new Dual(problem, start);
  const smooth = dual.problem.pools.filter((pool) => pool instanceof SmoothPool);
  let iterations = dual.minimise(tolerance, negligible);
  let bound = boundOf(dual);
  let plan = planOf(dual);
  for (let round = 0; round < RECENTRINGS && smooth.length > 0 && bound - plan.value > Math.max(tolerance * bound, negligible); round++) {
    dual.evaluate();
    for (const pool of smooth) pool.recentre();
    iterations += dual.minimise(tolerance, negligible);
    bound = Math.min(bound, boundOf(dual));
    dual.evaluate();
    const next = planOf(dual);
    if (next.value > plan.value) plan = next;
  }
  const gap = bound > 0 ? Math.max(0, (bound - plan.value) / bound) : 0;
  return { ...plan, bound, gap, prices: dual.prices, iterations, evaluations: dual.evaluations };
}

/** A trade of the optimum, as the pool would be called. */
export interface MarketTrade {
  readonly edge: Edge;
  /** Raw token units. */
  readonly amountIn: number;
  readonly amountOut: number;
  /** What it earns at the prices, in units of the token that the optimum counts in. */
  readonly worth: number;
}

export interface MarketOptimum extends Omit<Optimum, "trades"> {
  readonly trades: readonly MarketTrade[];
}

/** The market's pools for the dual, with the pool that each stands for. Good until the market changes. */
interface MarketPools {
  readonly pools: readonly ConvexPool[];
  readonly sources: ReadonlyMap<ConvexPool, MarketPool>;
}

/**
 * Pools that can be part of a trade that ends where it is worth something: a token that only one pool has is left out of it, unless it is among `ends`. Which
 * also keeps a pool of several tokens from trading with itself by way of such a token.
 */
function poolsOf(market: Market, ends: readonly number[]): MarketPools {
  const live = [...market.pools()].filter(({ live, curve }) => live && curve !== null);
  const tokensOf = new Map(live.map((pool) => [pool, new Set(pool.info.tokens.map((token) => market.tokenId(token)))]));
  const havers = new Map<number, Set<MarketPool>>();
  for (const [pool, tokens] of tokensOf) for (const token of tokens) havers.set(token, (havers.get(token) ?? new Set()).add(pool));
  const lonely = [...havers.keys()].filter((token) => havers.get(token)?.size === 1 && !ends.includes(token));
  for (const token of lonely) {
    for (const pool of havers.get(token) as Set<MarketPool>) {
      const tokens = tokensOf.get(pool) as Set<number>;
      tokens.delete(token);
      if (tokens.size !== 1) continue;
      const [last] = tokens as Set<number>;
      tokens.clear();
      havers.get(last as number)?.delete(pool);
      if (havers.get(last as number)?.size === 1 && !ends.includes(last as number)) lonely.push(last as number);
    }
  }
  const sources = new Map<ConvexPool, MarketPool>();
  for (const [pool, tokens] of tokensOf) {
    const { curve, edges } = pool;
    if (tokens.size < 2 || curve === null) continue;
    const ids = pool.info.tokens.map((token) => market.tokenId(token));
    if (curve.kind === "ranges") sources.set(new RangesPool(ids as [number, number], curve), pool);
    else
      for (const { indexIn, indexOut } of edges) {
        const pair = [ids[indexIn] as number, ids[indexOut] as number] as const;
        if (pair.every((token) => tokens.has(token))) sources.set(new SmoothPool(pair, curve, { indexIn, indexOut }), pool);
      }
  }
  return { pools: [...sources.keys()], sources };
}

function tradesOf(market: Market, { sources }: MarketPools, trades: readonly PoolTrade[]): MarketTrade[] {
  return trades.map(({ pool, net, worth }) => {
    const [into, out] = (net[0] as number) < 0 ? [0, 1] : [1, 0];
    const source = sources.get(pool) as MarketPool;
    const [from, to] = [pool.tokens[into], pool.tokens[out]];
    const edge = source.edges.find((each) => market.tokenId(each.from) === from && market.tokenId(each.to) === to) as Edge;
    return { edge, amountIn: -(net[into] as number), amountOut: net[out] as number, worth };
  });
}

function vectorOf(market: Market, token: number, value: number): Float64Array {
  const vector = new Float64Array(market.tokenCount);
  vector[token] = value;
  return vector;
}

/**
 * The most of `token` that all pools together let anybody earn without bringing anything, raw units, before gas. Over pools of two tokens the bound is that of
 * trading each pool once; over smooth pools of several it may be higher (`SmoothPool`). Trading a pool several times, with its fees left in it in between, earns
 * less in one direction; back and forth it could earn a trifle more, of the order of fee × fee.
 */
export function arbitrageOptimum(market: Market, token: string, options: SolveOptions = {}): MarketOptimum {
  const id = market.tokenId(token);
  const known = poolsOf(market, [id]);
  const optimum = optimumOf({ tokenCount: market.tokenCount, pools: known.pools, worth: vectorOf(market, id, 1) }, options);
  return { ...optimum, trades: tradesOf(market, known, optimum.trades) };
}

export interface Order {
  readonly tokenIn: string;
  readonly tokenOut: string;
  /** Raw units. */
  readonly amountIn: number;
}

/**
 * The most of `tokenOut` that `amountIn` of `tokenIn` brings, split over any pools, paths and cycles. Whatever arbitrage there is, is in it, also where no route
 * from one to the other passes: in a market with free money, not what a route finder can be held to alone. With `amountIn` 0 it is that money by itself.
 */
export function routeOptimum(market: Market, { tokenIn, tokenOut, amountIn }: Order, options: SolveOptions = {}): MarketOptimum {
  const [from, to] = [market.tokenId(tokenIn), market.tokenId(tokenOut)];
  const known = poolsOf(market, [from, to]);
  const problem = {
    tokenCount: market.tokenCount,
    pools: known.pools,
    worth: vectorOf(market, to, 1),
    endowment: vectorOf(market, from, amountIn),
  };
  const optimum = optimumOf(problem, options);
  return { ...optimum, trades: tradesOf(market, known, optimum.trades) };
}

/** In units of the token that the optimum counts in. */
export interface GasCosts {
  /** Of trading with this pool at all. */
  of(pool: MarketPool): number;
  /** Of each tick that a trade crosses; left out, nothing. */
  tick?(pool: MarketPool): number;
  /** Of the transaction: once, if anything is traded. */
  readonly base: number;
}

export interface GasAwareOptimum {
  /** What `trades` earn after the gas of every pool that they use, and `costs.base`: somebody could do that. Bound from below of the best that anybody can. */
  readonly value: number;
  /** Bound from above: no trades, of these pools and at these costs, earn more after gas. */
  readonly bound: number;
  readonly trades: readonly MarketTrade[];
  /** The same without gas. */
  readonly gross: MarketOptimum;
  /** How many problems were solved. */
  readonly solved: number;
}

/** Widths of the toll, by the mean cost of a pool: wide to come near, narrow to be exact. */
const WIDTHS = [1, 0.3, 0.1, 0.03, 0.01, 0.003];
/** Where ticks cost something too the dual has corners at which steps go on and on. */
const TOLL_STEPS = 30;
/** Pools that become worth using once others are dropped are tried so many times. */
const ROUNDS = 4;
/** In a group of at most so many pools every one is tried; in a larger one those that earn less than their gas at the prices. */
const SMALL_GROUP = 12;

/**
 * The optimum after gas. That each used pool costs something makes the problem combinatorial: what is given is a plan and a bound.
 *
 * The plan: the pools that are worth their gas at the prices of the bound, and the optimum without gas. Either falls into groups of pools that share tokens
 * other than the one counted in. In each, pools are dropped one by one, the group solved again, and left out if more remains after gas; a group that does not
 * pay for itself goes as a whole. Then all pools but the dropped ones are solved once more, until nothing new comes in. The best plan met is given.
 *
 * The bound: the dual with max(0, earned − gas) for each pool is one for any prices (Lagrangian relaxation; of non-convex sets it is above the optimum, or
 * equal). It is lowest at a corner, approached by smoothing the maximum more and more narrowly; the lowest value met, unsmoothed, is given.
 */
export function gasAwareOptimum(market: Market, token: string, costs: GasCosts, options: SolveOptions = {}): GasAwareOptimum {
  const id = market.tokenId(token);
  const known = poolsOf(market, [id]);
  const worth = vectorOf(market, id, 1);
  const costOf = new Map(known.pools.map((pool) => [pool, costs.of(known.sources.get(pool) as MarketPool)]));
  const tickCostOf = new Map(known.pools.map((pool) => [pool, costs.tick?.(known.sources.get(pool) as MarketPool) ?? 0]));
  const problemOf = (pools: readonly ConvexPool[]): Problem => ({ tokenCount: market.tokenCount, pools, worth });
  let solved = 0;
  const solve = (pools: readonly ConvexPool[], start: Float64Array | undefined): Optimum => {
    solved++;
    return optimumOf(problemOf(pools), { ...options, start });
  };
  const gasOf = ({ pool }: PoolTrade) =>
    (costOf.get(pool) as number) + (pool instanceof RangesPool ? pool.crossings * (tickCostOf.get(pool) as number) : 0);
  /** Of what was solved last: pools remember how many ticks their trade crosses. */
  const netOf = ({ value, trades }: Optimum) => value - trades.reduce((sum, trade) => sum + gasOf(trade), 0);

  const gross = solve(known.pools, options.start);
  const grossTrades = tradesOf(market, known, gross.trades);
  const setTickCosts = (costOfPool: (pool: ConvexPool) => number) => {
    for (const pool of known.pools) if (pool instanceof RangesPool) pool.tickCost = costOfPool(pool);
  };
  setTickCosts((pool) => tickCostOf.get(pool) as number);
  const relaxed = gasBound(problemOf(known.pools), costOf, gross.prices, options.negligible);
  setTickCosts(() => 0);
  let plan: Plan = { value: 0, trades: [] };
  const consider = (whole: Optimum): readonly PoolTrade[] => {
    const used = whole.trades.map(({ pool }) => pool);
    const groups = groupsOf(used, id).map((pools) => thinned(pools, whole.prices, solve, netOf, costOf));
    const trades = groups.flatMap((group) => group.trades);
    const value = groups.reduce((sum, group) => sum + group.value, 0);
    if (value > plan.value) plan = { value, trades };
    return trades;
  };
  for (const pools of relaxed.worthwhile) if (plan.value < relaxed.bound * (1 - TOLERANCE)) consider(solve(pools, gross.prices));
  const dropped = new Set<ConvexPool>();
  let whole = gross;
  for (let round = 0; round < ROUNDS && plan.value < relaxed.bound * (1 - TOLERANCE); round++) {
    const kept = new Set(consider(whole).map(({ pool }) => pool));
    const before = dropped.size;
    for (const { pool } of whole.trades) if (!kept.has(pool)) dropped.add(pool);
    if (dropped.size === before) break;
    whole = solve(
      known.pools.filter((pool) => !dropped.has(pool)),
      whole.prices,
    );
  }
  const value = plan.value - costs.base;
  return {
    value: Math.max(0, value),
    bound: Math.max(0, value, relaxed.bound - costs.base),
    trades: value > 0 ? tradesOf(market, known, plan.trades) : [],
    gross: { ...gross, trades: grossTrades },
    solved,
  };
}

/** Pools connected by tokens other than this one: at given prices of it they do not feel each other. */
function groupsOf(pools: readonly ConvexPool[], token: number): ConvexPool[][] {
  const parents = new Map<number, number>();
  const rootOf = (node: number): number => {
    const parent = parents.get(node) ?? node;
    if (parent === node) return node;
    const root = rootOf(parent);
    parents.set(node, root);
    return root;
  };
  for (const { tokens } of pools) {
    const [first, ...others] = tokens.filter((each) => each !== token);
    for (const other of others) parents.set(rootOf(other), rootOf(first as number));
  }
  return [...Map.groupBy(pools, ({ tokens }) => rootOf(tokens.find((each) => each !== token) as number)).values()];
}

type Solve = (pools: readonly ConvexPool[], start: Float64Array) => Optimum;

/** The group without pools that are not worth their gas. */
function thinned(
  group: readonly ConvexPool[],
  prices: Float64Array,
  solve: Solve,
  netOf: (optimum: Optimum) => number,
  costOf: ReadonlyMap<ConvexPool, number>,
): Plan {
  let best = solve(group, prices);
  let value = netOf(best);
  const spare = ({ pool, worth }: PoolTrade) => worth - (costOf.get(pool) as number);
  for (let isBetter = true; isBetter; ) {
    isBetter = false;
    const doubtful = best.trades.filter((trade) => best.trades.length <= SMALL_GROUP || spare(trade) < 0);
    for (const { pool } of doubtful.sort((one, other) => spare(one) - spare(other))) {
      if (!best.trades.some((trade) => trade.pool === pool)) continue;
      const without = solve(
        best.trades.flatMap((trade) => (trade.pool === pool ? [] : [trade.pool])),
        best.prices,
      );
      if (netOf(without) <= value) continue;
      [best, value, isBetter] = [without, netOf(without), true];
    }
  }
  return value > 0 ? { value, trades: best.trades } : { value: 0, trades: [] };
}

interface Relaxed {
  /** No trades earn more than this after the pools' gas. */
  readonly bound: number;
  /** Pools that earn about their gas or more at the prices of each width: where a plan may be. */
  readonly worthwhile: readonly (readonly ConvexPool[])[];
}

function gasBound(problem: Problem, costOf: ReadonlyMap<ConvexPool, number>, start: Float64Array, negligible = 0): Relaxed {
  const dual = new Dual(problem, start);
  const { pools } = dual.problem;
  const costs = Float64Array.from(pools, (pool) => costOf.get(pool) as number);
  const mean = costs.reduce((sum, cost) => sum + cost, 0) / Math.max(1, costs.length);
  const here = () => pools.reduce((sum, pool, index) => sum + Math.max(0, pool.most(dual.prices) - (costs[index] as number)), 0);
  let bound = here();
  const worthwhile: ConvexPool[][] = [];
  for (const width of WIDTHS) {
    if (bound === 0 || mean === 0) break;
    dual.minimise(1e-7, negligible, { costs, width: width * mean }, TOLL_STEPS);
    bound = Math.min(bound, here());
    worthwhile.push(pools.filter((_, index) => (dual.values[index] as number) > (costs[index] as number) * (1 - 4 * width)));
  }
  return { bound, worthwhile };
}
