import { Dual } from "#libs/graph/convex-optimum.ts";
import { type ConvexPool, RangesPool, SmoothPool } from "#libs/graph/convex-pools.ts";
import { EDGE, type Edge, type Market, type MarketPool, NONE, TOKEN } from "#libs/graph/market.ts";

/** In units of the start token. */
export interface SwapCosts {
  /** Of a swap in this pool that crosses no tick. */
  of(pool: MarketPool): number;
  /** Of each tick that it crosses. */
  tick(pool: MarketPool): number;
}

/** What swaps cost at the least at a gas price in wei; without one, as if it were a wei, which keeps dust out. */
export function swapCostsAt(gasPrice: bigint): SwapCosts {
  const price = Math.max(1, Number(gasPrice));
  return {
    of: ({ family, info, state }) =>
      price * (family.gasOfRanges?.within ?? family.swapGas(info, state, { amountIn: 1n, indexIn: 0, indexOut: 1 })),
    tick: ({ family }) => price * (family.gasOfRanges?.tick ?? 0),
  };
}

/** A swap of the optimum, in raw units. */
export interface Flow {
  readonly edge: Edge;
  readonly amountIn: number;
  /** It ends where it does because it must not cross a tick: not to be given more. */
  readonly isCapped: boolean;
  /** What it adds to the whole at the prices, after what it costs. */
  readonly adds: number;
}

interface Local {
  readonly edges: readonly [Edge, Edge];
  readonly convex: ConvexPool;
  readonly cost: number;
  readonly tickCost: number;
  /** Ticks that it may cross; `UNUSED` where it takes no part. */
  limit: number;
  isBanned: boolean;
}

interface Parallel {
  readonly edge: Edge;
  readonly from: number;
  readonly to: number;
  /** Marginal rates there and back, after fee. */
  readonly rate: number;
  readonly rateBack: number;
}

/** Pools that are used otherwise together, and what that adds at the prices. */
interface Move {
  gap: number;
  readonly changes: { readonly local: Local; readonly limit: number }[];
}

const UNUSED = -1;
/** A problem of more pools is not one of a few milliseconds any more. A storm's block has 100 to 200 of them. */
const MOST_POOLS = 400;
/** All pools of a token that has no more than so many are taken in beside one that has moved. */
const FEW_POOLS = 32;
/**
 * What using a pool costs comes in within so much of the mean cost about where its trade earns it: narrower takes more steps, and is no better to start
 * from.
 */
const TOLL_WIDTH = 0.3;
const TOLL_STEPS = 12;
const TOLL_TOLERANCE = 1e-4;
/**
 * Trying is enough to tell more from less: what is missing of a token moves what is left by the square of it. A choice that was not brought down to there looks
 * better than it is, and each after it worse.
 */
const TRY = { tolerance: 1e-4, steps: 60 } as const;
const LAST = { tolerance: 1e-7, steps: 60 } as const;
/** Units of the start token: less is nothing, as long as that has 18 decimals. */
const NEGLIGIBLE = 1e9;
const REPRICINGS = 12;
/** Steps taken in search of better choices, at most: one that is no better mostly takes two. */
const STEPS = 200;
/** Of a swap's cost: a change that adds less at best is not tried. */
const WORTH_TRYING = 0.02;
/** A pool as deep as any earns its cost only from a shift of some 1e-4 on: four times its cost by its depth is the square of that. */
const STILL = 1e-4;
/** Between the same two tokens so many pools come in at once. */
const BEST_PARALLELS = 3;

const crossingsOf = ({ convex }: Local): number => (convex instanceof RangesPool ? convex.crossings : 0);

const byAddress = (one: Edge, other: Edge): number =>
  one.pool === other.pool
    ? one.indexIn - other.indexIn || one.indexOut - other.indexOut
    : one.pool.info.pool < other.pool.info.pool
      ? -1
      : 1;

/** A price in float64, by the number of the token. */
const priceIn = ({ tokenFloats }: Market, token: number): number => tokenFloats[token * TOKEN.floats + TOKEN.price] as number;

/**
 * The optimum after gas over a few pools of a market: which of them to use, which ticks to cross, how much each takes. Float64, from the market's states as
 * they are when pools are added. Prices begin as the search's tables have them.
 *
 * By choosing pools the problem is combinatorial; with the choice made it is convex, and its dual (convex-optimum.ts) is down in some ten evaluations. Its
 * prices say what any other choice can add at most: a pool that earns its cost there and is not used, one that is and does not, one tick more or less. So
 * only where there is such a gap anything is tried, the sum of gaps is how far the choice may be from the best over these pools, and mostly it soon is
 * nothing.
 */
export class LocalMarket {
  readonly #market: Market;
  readonly #costs: SwapCosts;
  readonly #without: ReadonlySet<MarketPool>;
  readonly #locals: Local[] = [];
  readonly #byEdge = new Map<number, Local>();
  /** Numbers in the market of the tokens here, and back; the start token is 0. */
  readonly #tokens: number[] = [];
  readonly #numbers = new Map<number, number>();
  readonly #poolsOf: Local[][] = [];
  #prices = new Float64Array(64);
  readonly #parallels: Parallel[] = [];
  /** Tokens whose pools to those before them stand in `#parallels`, but for pairs in `#unread`. */
  #met = 0;
  #unread: (readonly [number, number])[] = [];
  #dual: Dual | null = null;
  #stepsLeft = STEPS;
  #net = 0;
  #gap = 0;

  constructor(market: Market, startToken: string, costs: SwapCosts, without: ReadonlySet<MarketPool>) {
    this.#market = market;
    this.#costs = costs;
    this.#without = without;
    this.#numberOf(market.tokenId(startToken));
  }

  /** What the choice earns, gas paid. */
  get net(): number {
    return this.#net;
  }

  /** No other choice of these pools earns more than this above it, but for what rounding and steps not taken leave. */
  get gap(): number {
    return this.#gap;
  }

  get size(): number {
    return this.#locals.length;
  }

  /** Takes the edge's pool in. Null where it cannot trade, or one of its tokens has no price. */
  add(edge: Edge): Local | null {
    const { pool } = edge;
    const { curve } = pool;
    const back = pool.reverse(edge);
    const first = curve?.kind === "smooth" || edge.indexIn < edge.indexOut ? edge : back;
    const known = this.#byEdge.get(first.id);
    if (known !== undefined) return known;
    if (curve === null || this.#without.has(pool) || this.#locals.length >= MOST_POOLS) return null;
    const { edgeTable } = this.#market;
    const [from, to] = [EDGE.from, EDGE.to].map((column) => edgeTable[first.id * EDGE.width + column] as number) as [number, number];
    if (!(priceIn(this.#market, from) > 0 && priceIn(this.#market, to) > 0)) return null;
    const tokens = [this.#numberOf(from), this.#numberOf(to)] as const;
    const convex = curve.kind === "ranges" ? new RangesPool(tokens, curve) : new SmoothPool(tokens, curve, first);
    const [cost, tickCost] = [this.#costs.of(pool), this.#costs.tick(pool)];
    const local: Local = { edges: [first, first === edge ? back : edge], convex, cost, tickCost, limit: UNUSED, isBanned: false };
    this.#byEdge.set(first.id, local);
    for (const token of tokens) (this.#poolsOf[token] as Local[]).push(local);
    this.#locals.push(local);
    return local;
  }

  #numberOf(token: number): number {
    const known = this.#numbers.get(token);
    if (known !== undefined) return known;
    const number = this.#tokens.push(token) - 1;
    this.#numbers.set(token, number);
    this.#poolsOf.push([]);
    if (number === this.#prices.length) {
      const longer = new Float64Array(2 * number);
      longer.set(this.#prices);
      this.#prices = longer;
    }
    this.#prices[number] = number === 0 ? 1 : priceIn(this.#market, token);
    return number;
  }

  /** Numbers pools and tokens in the order of the pools' addresses: so that sums, and with them the last unit, depend on nothing but which pools there are. */
  #sort(): void {
    const edges = this.#locals.map(({ edges: [first] }) => first).sort(byAddress);
    const start = this.#tokens[0] as number;
    this.#locals.length = 0;
    this.#tokens.length = 0;
    this.#poolsOf.length = 0;
    this.#byEdge.clear();
    this.#numbers.clear();
    this.#numberOf(start);
    for (const edge of edges) this.add(edge);
  }

  /** Takes back the last pool that was added. */
  #forget(local: Local): void {
    this.#locals.pop();
    for (const token of local.convex.tokens) (this.#poolsOf[token] as Local[]).pop();
    this.#byEdge.delete(local.edges[0].id);
  }

  /**
   * Of pools that have moved, those whose trade alone would earn its cost at the prices from before, the best first, at most so many; with them what else
   * trades a token of theirs, where that is little. Other pools have nothing to add at those prices, as long as they are at rest.
   */
  seed(moved: Iterable<MarketPool>, most: number): void {
    const seeds: { readonly edge: Edge; readonly gain: number }[] = [];
    for (const pool of moved) {
      for (const edge of pool.edges) {
        if (pool.curve?.kind !== "smooth" && edge.indexIn > edge.indexOut) continue;
        const count = this.#locals.length;
        const local = this.add(edge);
        if (local === null) continue;
        const gain = this.#ideal(local);
        if (gain > 0) seeds.push({ edge, gain });
        if (this.#locals.length > count) this.#forget(local);
      }
    }
    seeds.sort((one, other) => other.gain - one.gain || (one.edge.pool.info.pool < other.edge.pool.info.pool ? -1 : 1));
    const { edges, edgeTable, tokenTable } = this.#market;
    for (const { edge } of seeds.slice(0, most)) {
      this.add(edge);
      for (const column of [EDGE.from, EDGE.to]) {
        const token = edgeTable[edge.id * EDGE.width + column] as number;
        if ((tokenTable[token * TOKEN.width + TOKEN.rowLength] as number) > FEW_POOLS) continue;
        for (const id of this.#market.edgesOut(token)) {
          this.add(edges[id] as Edge);
          if (edges[id]?.pool.curve?.kind === "smooth") this.add(edges[edgeTable[id * EDGE.width + EDGE.back] as number] as Edge);
        }
      }
    }
  }

  /** The dual of all pools here, from the prices; each pool at its own place. */
  #dualOfAll(): Dual {
    if (this.#dual?.values.length === this.#locals.length) return this.#dual;
    const worth = new Float64Array(this.#tokens.length);
    worth[0] = 1;
    const problem = { tokenCount: worth.length, pools: this.#locals.map(({ convex }) => convex), worth };
    this.#dual = new Dual(problem, this.#prices.slice(0, worth.length));
    return this.#dual;
  }

  /** Prices at which what all pools together could add after their cost is about least (Lagrangian relaxation); used is from now on what is worth it there. */
  relax(): void {
    if (this.#locals.length === 0) return;
    const dual = this.#dualOfAll();
    dual.use(this.#locals.map((_, place) => place));
    const costs = Float64Array.from(this.#locals, ({ cost }) => cost);
    const mean = Math.max(1, costs.reduce((sum, cost) => sum + cost, 0) / costs.length);
    for (const { convex, tickCost } of this.#locals) {
      if (!(convex instanceof RangesPool)) continue;
      convex.limit = Number.POSITIVE_INFINITY;
      convex.tickCost = tickCost;
    }
    dual.minimise(TOLL_TOLERANCE, TOLL_TOLERANCE * mean, { costs, width: TOLL_WIDTH * mean }, TOLL_STEPS);
    this.#prices.set(dual.prices);
    for (const local of this.#locals) local.limit = this.#ideal(local) > 0 ? crossingsOf(local) : UNUSED;
  }

  /** What a pool would add at the prices, used as is best and its cost paid; how many ticks that crosses stands in the pool then. */
  #ideal({ convex, cost, tickCost, isBanned }: Local): number {
    if (isBanned) return UNUSED;
    if (convex instanceof RangesPool) {
      convex.limit = Number.POSITIVE_INFINITY;
      convex.tickCost = tickCost;
    }
    return convex.most(this.#prices) - cost;
  }

  /** What it adds at the prices as it is used. */
  #actual(local: Local): number {
    const { convex, cost, tickCost, limit } = local;
    if (limit === UNUSED) return 0;
    if (convex instanceof RangesPool) {
      convex.limit = limit;
      convex.tickCost = 0;
    }
    const value = convex.most(this.#prices);
    return convex.active ? value - cost - tickCost * crossingsOf(local) : 0;
  }

  /**
   * Pools in use that no others in use join to the start token are not used any more: what they earn among themselves nobody can take home, so the dual would take
   * the prices of their tokens down to nothing, and at such prices any other pool seems worth using.
   */
  #dropUnreached(): void {
    const reached = new Uint8Array(this.#tokens.length);
    reached[0] = 1;
    let waiting = this.#locals.filter(({ limit }) => limit !== UNUSED);
    for (let before = -1; waiting.length !== before; ) {
      before = waiting.length;
      waiting = waiting.filter(({ convex: { tokens } }) => {
        if (!tokens.some((token) => reached[token] === 1)) return true;
        for (const token of tokens) reached[token] = 1;
        return false;
      });
    }
    for (const local of waiting) local.limit = UNUSED;
  }

  /** The pools in use at their best together: what they earn, cost paid. */
  #solve({ tolerance, steps }: { readonly tolerance: number; readonly steps: number }, least = Number.NEGATIVE_INFINITY): number {
    this.#dropUnreached();
    const dual = this.#dualOfAll();
    const used: number[] = [];
    for (let place = 0; place < this.#locals.length; place++) {
      const { convex, limit } = this.#locals[place] as Local;
      if (limit === UNUSED) continue;
      used.push(place);
      if (!(convex instanceof RangesPool)) continue;
      convex.limit = limit;
      convex.tickCost = 0;
    }
    dual.use(used);
    const netOf = (): number => {
      let net = 0;
      for (const place of used) {
        const local = this.#locals[place] as Local;
        if (local.convex.active) net += (dual.values[place] as number) - local.cost - local.tickCost * crossingsOf(local);
      }
      return net;
    };
    // The dual comes from above: what is below the least by now stays below it.
    this.#stepsLeft -= 1 + dual.minimise(tolerance, NEGLIGIBLE, null, steps, () => netOf() <= least);
    return netOf();
  }

  /** 1 for the start token and all that pools in use trade. */
  #usedTokens(): Uint8Array {
    const used = new Uint8Array(this.#tokens.length);
    used[0] = 1;
    for (const { limit, convex } of this.#locals) if (limit !== UNUSED) for (const token of convex.tokens) used[token] = 1;
    return used;
  }

  /** A token that no pool in use trades has the price at which opening it adds least: what its pools then pay of it is what they take. */
  #repriceUnused(used: Uint8Array): void {
    const prices = this.#prices;
    for (const [token, locals] of this.#poolsOf.entries()) {
      if (used[token] === 1 || locals.length < 2) continue;
      let [low, high] = [Number.POSITIVE_INFINITY, 0];
      for (const { convex } of locals) {
        const place = convex.tokens[0] === token ? 0 : 1;
        const price = (prices[convex.tokens[1 - place] as number] as number) * convex.midPrice(place, 1 - place);
        if (!(price > 0)) continue;
        low = Math.min(low, price);
        high = Math.max(high, price);
      }
      for (let step = 0; step < REPRICINGS && high > low; step++) {
        const price = Math.sqrt(low * high);
        prices[token] = price;
        let flow = 0;
        for (const local of locals) {
          const { convex } = local;
          if (this.#ideal(local) > 0) flow += convex.net[convex.tokens[0] === token ? 0 : 1] as number;
        }
        if (flow === 0) break;
        if (flow > 0) high = price;
        else low = price;
      }
    }
  }

  /** What could be used otherwise, best first: single pools between tokens that are traded, and all that opening a token takes. Sets the gap. */
  #moves(): Move[] {
    const used = this.#usedTokens();
    this.#repriceUnused(used);
    const moves: Move[] = [];
    const openings = new Map<number, Move>();
    this.#gap = 0;
    for (const local of this.#locals) {
      const actual = this.#actual(local);
      const ideal = this.#ideal(local);
      const limit = ideal > 0 ? crossingsOf(local) : UNUSED;
      const gap = Math.max(0, ideal) - actual;
      if (limit === local.limit || !(gap > 0)) continue;
      this.#gap += gap;
      const unused = local.convex.tokens.find((token) => used[token] === 0);
      if (unused === undefined) {
        if (gap >= WORTH_TRYING * local.cost) moves.push({ gap, changes: [{ local, limit }] });
        continue;
      }
      const opening = openings.get(unused) ?? { gap: 0, changes: [] };
      openings.set(unused, opening);
      opening.gap += gap;
      opening.changes.push({ local, limit });
    }
    for (const opening of openings.values()) if (opening.changes.length > 1) moves.push(opening);
    return moves.sort((one, other) => other.gap - one.gap);
  }

  /** Uses pools otherwise as long as that earns more, and then takes in what else between the tokens is worth its cost at the prices. */
  improve(): void {
    this.#improveChoice();
    while (this.#stepsLeft > 0 && this.#takeInParallels(Number.POSITIVE_INFINITY) > 0) this.#improveChoice();
  }

  #improveChoice(): void {
    if (this.#locals.length === 0) return;
    let net = this.#solve(TRY);
    const dual = this.#dualOfAll();
    const isBetterWith = (changes: Move["changes"]): boolean => {
      const before = this.#locals.map(({ limit }) => limit);
      for (const { local, limit } of changes) local.limit = limit;
      const next = this.#solve(TRY, net * (1 + 1e-9) + NEGLIGIBLE);
      if (next > net * (1 + 1e-9) + NEGLIGIBLE) {
        net = next;
        return true;
      }
      for (const [index, local] of this.#locals.entries()) local.limit = before[index] as number;
      dual.restore();
      return false;
    };
    for (let isBetter = true; isBetter; ) {
      isBetter = false;
      this.#prices.set(dual.prices);
      const moves = this.#moves();
      dual.keep();
      // Most do not feel each other: all at once, or half of them, before one by one.
      for (let count = moves.length; count > 1 && this.#stepsLeft > 0 && !isBetter; count >>= 1)
        isBetter = isBetterWith(moves.slice(0, count).flatMap(({ changes }) => changes));
      for (const { changes } of moves) {
        if (isBetter || this.#stepsLeft <= 0) break;
        isBetter = isBetterWith(changes);
      }
    }
    this.#net = net;
  }

  /** Starts again from these edges alone, where that ends with more. */
  improveFrom(edges: readonly Edge[]): void {
    const [before, net, gap] = [this.#locals.map(({ limit }) => limit), this.#net, this.#gap];
    for (const local of this.#locals)
      local.limit = !local.isBanned && local.edges.some((edge) => edges.includes(edge)) ? Number.POSITIVE_INFINITY : UNUSED;
    this.#improveChoice();
    if (this.#net > net) return;
    for (const [index, local] of this.#locals.entries()) local.limit = before[index] ?? UNUSED;
    this.#net = net;
    this.#gap = gap;
  }

  /** Takes in pools between the tokens here that would earn their cost at the prices: of each pair and direction the best so many. Returns how many. */
  #takeInParallels(most: number): number {
    for (; this.#met < this.#tokens.length; this.#met++) this.#meet(this.#met);
    this.#readMoved();
    const prices = this.#prices;
    const gaining = new Map<number, { readonly edge: Edge; readonly gain: number }[]>();
    for (const { edge, from, to, rate, rateBack } of this.#parallels) {
      const [priceFrom, priceTo] = [prices[from] as number, prices[to] as number];
      const isForth = rate * priceTo > priceFrom;
      if (!isForth && rateBack * priceFrom <= priceTo) continue;
      const [excess, worthOut] = isForth ? [(rate * priceTo) / priceFrom, priceTo] : [(rateBack * priceFrom) / priceTo, priceFrom];
      const taken = isForth ? edge : edge.pool.reverse(edge);
      // What a constant product of that depth would earn: for the order only.
      const { curve } = edge.pool;
      const reserve =
        curve?.kind === "ranges"
          ? taken.indexOut === 1
            ? curve.liquidity * curve.sqrtPrice
            : curve.liquidity / curve.sqrtPrice
          : 1 / worthOut;
      const gain = worthOut * reserve * (1 - 1 / Math.sqrt(excess)) ** 2;
      const key = 2 * (from * this.#tokens.length + to) + (isForth ? 1 : 0);
      const known = gaining.get(key);
      if (known === undefined) gaining.set(key, [{ edge: taken, gain }]);
      else known.push({ edge: taken, gain });
    }
    const chosen = [...gaining.values()].flatMap((list) =>
      list.length > most ? list.sort((one, other) => other.gain - one.gain || byAddress(one.edge, other.edge)).slice(0, most) : list,
    );
    let count = 0;
    for (const { edge } of chosen.sort((one, other) => byAddress(one.edge, other.edge))) {
      const before = this.#locals.length;
      const local = this.add(edge);
      if (local === null || this.#locals.length === before) continue;
      if (this.#ideal(local) > 0) count++;
      else this.#forget(local);
    }
    return count;
  }

  /** `relax`, with parallels of what is traded then, and again. */
  begin(): void {
    this.#sort();
    this.relax();
    if (this.#locals.length > 0 && this.#takeInParallels(BEST_PARALLELS) > 0) this.relax();
  }

  /** Reads the pools between a token and those that came before it; between two that trade with many only notes that they are to be read. */
  #meet(number: number): void {
    const { edgeTable, tokenTable } = this.#market;
    const token = this.#tokens[number] as number;
    if ((tokenTable[token * TOKEN.width + TOKEN.rowLength] as number) >= number) {
      for (let to = 0; to < number; to++) this.#unread.push([number, to]);
      return;
    }
    for (const id of this.#market.edgesOut(token)) {
      const to = this.#numbers.get(edgeTable[id * EDGE.width + EDGE.to] as number);
      if (to !== undefined && to < number) this.#read(id, number, to);
    }
  }

  /** Between two tokens whose relative price is what it was no pool at rest has anything to add: they are read once it has moved. */
  #readMoved(): void {
    const { edgeTable } = this.#market;
    const shiftOf = (number: number) => (this.#prices[number] as number) / priceIn(this.#market, this.#tokens[number] as number);
    const shifts = Float64Array.from(this.#tokens, (_, number) => shiftOf(number));
    this.#unread = this.#unread.filter(([from, to]) => {
      if (Math.abs((shifts[from] as number) / (shifts[to] as number) - 1) < STILL) return true;
      let id = this.#market.firstBetween(this.#tokens[from] as number, this.#tokens[to] as number);
      for (; id !== NONE; id = edgeTable[id * EDGE.width + EDGE.parallel] as number) this.#read(id, from, to);
      return false;
    });
  }

  #read(id: number, from: number, to: number): void {
    const edge = this.#market.edges[id] as Edge;
    const { curve, live } = edge.pool;
    if (curve === null || !live) return;
    if (curve.kind === "smooth") {
      const [rate, rateBack] = [curve.rate(0, edge), curve.rate(0, edge.pool.reverse(edge))];
      this.#parallels.push({ edge, from, to, rate, rateBack });
      return;
    }
    const { gamma, sqrtPrice } = curve;
    const [rate0, rate1] = [gamma[0] * sqrtPrice ** 2, gamma[1] / sqrtPrice ** 2];
    const [rate, rateBack] = edge.indexIn === 0 ? [rate0, rate1] : [rate1, rate0];
    this.#parallels.push({ edge, from, to, rate, rateBack });
  }

  /** Never to be used again, in no direction. */
  ban(edges: readonly Edge[]): void {
    for (const local of this.#locals) {
      if (!edges.includes(local.edges[0]) && !edges.includes(local.edges[1])) continue;
      local.isBanned = true;
      local.limit = UNUSED;
    }
  }

  /** The swaps of the pools in use. */
  flows(): Flow[] {
    if (this.#locals.length === 0) return [];
    this.#solve(LAST);
    this.#prices.set(this.#dualOfAll().prices);
    return this.#locals.flatMap((local) => {
      const { convex, edges, limit } = local;
      if (limit === UNUSED || !convex.active) return [];
      const into = (convex.net[0] as number) < 0 ? 0 : 1;
      const [amountIn, isCapped] = [-(convex.net[into] as number), convex.stiffness[0] === 0];
      return [{ edge: edges[into], amountIn, isCapped, adds: this.#actual(local) }];
    });
  }
}
