import type { FamilyId, PoolCurve, RowOf } from "#libs/dex/family.ts";
import { quoteAlong } from "#libs/graph/exact.ts";
import { type Edge, type Market, type MarketPool, marginalRate } from "#libs/graph/market.ts";
import { amountOutOf, areEntangled, isFullAlong, lastExcess, lastRate, MOST_HOPS, PathFinder, wasFull } from "#libs/graph/paths.ts";

/** Sell exactly this much of one token for as much as can be had of another. */
export interface SellOrder {
  readonly tokenIn: string;
  readonly tokenOut: string;
  /** Raw units, > 0. */
  readonly amountIn: bigint;
}

export interface RouteOptions {
  /** Swaps of a leg, at most: 1 to 4; 3 if not said. A fourth brings little where tokens have more than a few pools. */
  readonly maxHops?: number;
  /** Legs, at most; 4 if not said. With 1 the best single path. */
  readonly maxLegs?: number;
  /** Pools that no leg may use. */
  readonly without?: Iterable<MarketPool>;
  /** With a price of gas a leg has to earn more than its swaps cost. */
  readonly gas?: {
    /** Wei per gas. */
    readonly price: bigint;
    /** The wrapped native coin. */
    readonly token: string;
  };
}

export interface RouteHop {
  readonly edge: Edge;
  /** Raw units, as the contract is paid and pays. */
  readonly amountIn: bigint;
  readonly amountOut: bigint;
}

/** Swaps in a row from the token sold to the token bought. */
export interface Leg {
  readonly hops: readonly RouteHop[];
  readonly amountIn: bigint;
  readonly amountOut: bigint;
  /** Gas of its swaps, by the families' estimates. */
  readonly gas: number;
}

export interface Route {
  readonly tokenIn: string;
  readonly tokenOut: string;
  readonly amountIn: bigint;
  /** To the unit, if the legs are executed in this order, with nothing in between, on the states quoted. */
  readonly amountOut: bigint;
  readonly legs: readonly Leg[];
  /** Of all swaps; what a transaction costs by itself is not in it. */
  readonly gas: number;
  /** What that gas costs in raw units of the token bought, about. Null without a price of gas, and where no path leads from the native coin to the token. */
  readonly gasCost: number | null;
  /** Share of the output that size costs: against the rates of each pool's first unit, fees taken. 0 to 1; not rounded. */
  readonly priceImpact: number;
  /** Pools whose states the amounts rest on: those swapped in, and those that these look at. */
  readonly pools: readonly MarketPool[];
  /** The market's `changes` when this was quoted: while none of the pools has changed since, the amounts hold. */
  readonly changes: number;
}

const finders = new WeakMap<Market, PathFinder>();

function finderOf(market: Market): PathFinder {
  const known = finders.get(market);
  if (known !== undefined) return known;
  const finder = new PathFinder(market);
  finders.set(market, finder);
  return finder;
}

const HOPS = 3;
/** More legs than this seldom earn what their swaps cost. */
const LEGS = 4;
/** So much gas is sold for the token bought, to know what a unit of it costs: about a route's worth. */
const GAS_SAMPLE = 1_000_000n;

/**
 * The route that pays most, of at most `maxLegs` legs of at most `maxHops` swaps; null where none takes the whole amount. Also what a token is worth in another one:
 * with `maxLegs` 1, it is the best path for that amount.
 *
 * Without a price of gas never less than the best of all single paths pays, each pool once, to the unit. With one, that is so of what is left after gas, among the
 * best paths of each number of hops. Legs are chosen in float64: how near the best split they come is measured, not bounded (routes.property.test.ts, and
 * docs/benchmarks.md). Amounts are exact: each leg is quoted on the state that those before leave (`Family.afterSwap`).
 *
 * Depends on nothing but the market's state and the arguments; the market is left as it is.
 */
export function bestRoute(market: Market, order: SellOrder, options: RouteOptions = {}): Route | null {
  const { maxHops = HOPS, maxLegs = LEGS, without = [], gas } = options;
  const { tokenIn, tokenOut, amountIn } = order;
  const [from, to] = [market.tokenId(tokenIn), market.tokenId(tokenOut)];
  if (from < 0 || to < 0 || from === to || amountIn <= 0n) return null;
  const perGas = gas === undefined ? null : costOfGas(market, tokenOut, gas);
  const finder = finderOf(market);
  const task: Task = {
    market,
    finder,
    from,
    to,
    amountIn,
    maxHops: Math.min(maxHops, MOST_HOPS),
    perGas: perGas ?? 0,
    without: [...without],
  };
  finder.follow();
  for (const pool of task.without) finder.putAside(pool);
  const { single, first } = bestSingle(task);
  const split = maxLegs > 1 && first !== null ? bestSplit(task, first, maxLegs) : null;
  finder.reset();
  const best = single === null || (split !== null && netOf(split, task.perGas) > netOf(single, task.perGas)) ? split : single;
  if (best === null) return null;
  return {
    tokenIn,
    tokenOut,
    ...best,
    gasCost: perGas === null ? null : best.gas * perGas,
    priceImpact: impactOf(best),
    pools: poolsOf(market, best.legs),
    changes: market.changes,
  };
}

/** Raw units of the token that a unit of gas costs; null where no path leads from the native coin to it. */
function costOfGas(market: Market, token: string, { price, token: native }: NonNullable<RouteOptions["gas"]>): number | null {
  if (token === native) return Number(price);
  if (price === 0n) return 0;
  const sold = bestRoute(market, { tokenIn: native, tokenOut: token, amountIn: price * GAS_SAMPLE }, { maxLegs: 1, maxHops: 3 });
  return sold === null ? null : Number(sold.amountOut) / Number(GAS_SAMPLE);
}

interface Task {
  readonly market: Market;
  readonly finder: PathFinder;
  readonly from: number;
  readonly to: number;
  readonly amountIn: bigint;
  readonly maxHops: number;
  readonly perGas: number;
  readonly without: readonly MarketPool[];
}

type Executed = Pick<Route, "legs" | "amountIn" | "amountOut" | "gas">;

/** In whole units and what is left of one: of large amounts a double would not tell near-equal ones apart. */
function netOf({ amountOut, gas }: Executed, perGas: number): bigint {
  return amountOut - BigInt(Math.ceil(gas * perGas));
}

// ---- one path

/** The best single path, exactly, and the one to split: that of the floats, which may want more of a pool than it has. */
function bestSingle({ finder, from, to, amountIn, maxHops, perGas }: Task): { single: Executed | null; first: readonly Edge[] | null } {
  const size = Number(amountIn);
  const found = finder.search(from, to, size, maxHops);
  const [first = null] = found.toSorted((left, right) => right.amountOut - left.amountOut);
  let paths = finder.exactly(to, amountIn, maxHops, perGas === 0);
  // Where a pool is full, the path to it hides others that take the amount.
  if (first !== null && (paths.length === 0 || isFullAlong(first.edges, size))) {
    const taking = finder.takers(from, to, size, maxHops).map((edges) => ({ edges, amountOut: quoteAlong(edges, amountIn)?.at(-1) ?? 0n }));
    paths = [...paths, ...taking.filter(({ amountOut }) => amountOut > 0n)];
  }
  if (perGas === 0)
    paths = paths.toSorted((one, other) => (one.amountOut > other.amountOut ? -1 : one.amountOut < other.amountOut ? 1 : 0)).slice(0, 1);
  let single: Executed | null = null;
  for (const { edges } of paths) {
    const next = execute([{ edges, amountIn }]);
    if (next !== null && (single === null || netOf(next, perGas) > netOf(single, perGas))) single = next;
  }
  return { single, first: first === null ? null : first.edges };
}

// ---- several

/** A path with its share of the amount, in float64. */
interface FloatLeg {
  readonly edges: readonly Edge[];
  amount: number;
}

/** An edge in a split: what goes through it so far, what that brings, at which rate it ends; and how the first two move in the direction that is looked in. */
interface Slot {
  readonly edge: Edge;
  readonly curve: PoolCurve;
  /** Of the first unit. */
  readonly firstRate: number;
  flow: number;
  out: number;
  rate: number;
  turn: number;
}

/** Legs at work: amounts through shared pools add up. */
class Split {
  readonly legs: readonly FloatLeg[];
  readonly #slots: Slot[] = [];
  readonly #hops: readonly (readonly Slot[])[];
  /** Raw units of the token bought. */
  total = 0;
  /** d(total) in the direction of the last `run`. */
  slope = 0;
  /** Times that a pool is asked for more than it has. */
  overfull = 0;

  constructor(legs: readonly FloatLeg[]) {
    this.legs = legs;
    const slots = new Map<number, Slot>();
    this.#hops = legs.map(({ edges }) =>
      edges.map((edge) => {
        const known = slots.get(edge.id);
        if (known !== undefined) return known;
        const curve = edge.pool.curve as PoolCurve;
        const slot: Slot = { edge, curve, firstRate: marginalRate(curve, edge), flow: 0, out: 0, rate: 0, turn: 0 };
        slots.set(edge.id, slot);
        this.#slots.push(slot);
        return slot;
      }),
    );
  }

  /** All legs in order, with `step` more in the one and less in the other; and what a unit more of that step would bring. */
  run(more: number, less: number, step: number): number {
    for (const slot of this.#slots) {
      slot.flow = slot.out = slot.turn = 0;
      slot.rate = slot.firstRate;
    }
    this.total = this.slope = 0;
    this.overfull = 0;
    for (const [index, hops] of this.#hops.entries()) {
      let turn = index === more ? 1 : index === less ? -1 : 0;
      let amount = (this.legs[index] as FloatLeg).amount + turn * step;
      for (const slot of hops) {
        const [out, bend] = [slot.out, slot.rate * slot.turn];
        slot.flow += amount;
        slot.turn += turn;
        slot.out = amountOutOf(slot.curve, slot.edge, slot.flow);
        slot.rate = lastRate();
        if (wasFull()) {
          this.overfull++;
          const charge = CHARGE * slot.firstRate;
          const charged = slot.out - charge * lastExcess();
          if (charged > slot.out / 2) [slot.out, slot.rate] = [charged, -charge];
        }
        amount = slot.out - out;
        turn = slot.rate * slot.turn - bend;
      }
      this.total += amount;
      this.slope += turn;
    }
    return this.slope;
  }

  /** Whether a pool on the leg's way has hardly any room left. */
  fills(leg: FloatLeg): boolean {
    for (const { curve, edge, flow } of this.#hops[this.legs.indexOf(leg)] as readonly Slot[]) {
      amountOutOf(curve, edge, BRIM * flow);
      if (wasFull()) return true;
    }
    return false;
  }

  /** What goes through each edge. */
  *flows(): Generator<readonly [Edge, number]> {
    for (const { edge, flow } of this.#slots) yield [edge, flow];
  }

  /** Moves amounts between legs until a unit more brings the same in each that has any: the best shares, because each pool's curve is concave. */
  balance(): void {
    const { legs } = this;
    const whole = legs.reduce((sum, { amount }) => sum + amount, 0);
    for (let round = 0; round < BALANCING * legs.length; round++) {
      let [most, least] = [0, -1];
      let [highest, lowest] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
      for (const [index, { amount }] of legs.entries()) {
        const gained = this.run(index, -1, PROBE * whole);
        if (gained > highest) [most, highest] = [index, gained];
        if (amount === 0) continue;
        const lost = -this.run(-1, index, PROBE * amount);
        if (lost < lowest) [least, lowest] = [index, lost];
      }
      if (least < 0 || most === least || highest - lowest <= EVEN * Math.abs(highest)) break;
      if (!this.#exchange(most, least)) break;
    }
    this.run(-1, -1, 0);
  }

  /** The best amount to move from one leg to another, by the root of the slope (regula falsi, an end that stays twice counting half). */
  #exchange(more: number, less: number): boolean {
    const [gainer, giver] = [this.legs[more] as FloatLeg, this.legs[less] as FloatLeg];
    let [low, atLow] = [0, this.run(more, less, 0)];
    if (!(atLow > 0)) return false;
    let fullAtLow = this.overfull;
    let [high, atHigh] = [giver.amount, this.run(more, less, giver.amount)];
    let fullAtHigh = this.overfull;
    let stayed = 0;
    let step: number | null = atHigh >= 0 ? high : null;
    const enough = 0.1 * EVEN * atLow;
    for (let round = 0; step === null && round < NARROWING && high - low > NARROW * giver.amount; round++) {
      const next = round % 3 === 2 ? (low + high) / 2 : low + ((high - low) * atLow) / (atLow - atHigh);
      const slope = this.run(more, less, next);
      if (slope >= 0) {
        [low, atLow, fullAtLow] = [next, slope, this.overfull];
        if (stayed > 0) atHigh /= 2;
        stayed = 1;
      } else {
        [high, atHigh, fullAtHigh] = [next, slope, this.overfull];
        if (stayed < 0) atLow /= 2;
        stayed = -1;
      }
      if (Math.abs(slope) <= enough) step = next;
    }
    // Where the slope breaks off because a pool is full: the side where it is not, and a little more, because one unit too much is refused whole.
    step ??= fullAtHigh < fullAtLow ? Math.min(giver.amount, high * (1 + BACK_OFF)) : low * (1 - BACK_OFF);
    gainer.amount += step;
    giver.amount = step === giver.amount ? 0 : Math.max(0, giver.amount - step);
    return step > 0;
  }
}

/** Exchanges a leg, at most: a few are needed. */
const BALANCING = 12;
/** Slopes as near to each other as this are equal: what is left to gain is of the order of its square. */
const EVEN = 1e-7;
/** What a leg gains or loses by is asked this far ahead: at the brim of a pool the two differ. */
const PROBE = 1e-7;
const NARROWING = 120;
const NARROW = 1e-12;
/** What a pool is given beyond what it takes costs this share of its first rate, so that it is known which way out there is. */
const CHARGE = 1e-3;
const BACK_OFF = 1e-10;
/** A path is looked for by what it brings for these shares of the amount: the largest first, because a leg is dear. */
const CHUNKS = [1 / 3, 1 / 12, 1 / 48, 1e-4];
/** What is no more than this of the whole is no reason for a leg, gas or none. */
const WORTHWHILE = 1e-7;
/** Legs tried beyond those that a route may have: each time the least useful one goes. */
const EXCHANGES = 2;

/** The best split that is found by adding one path after another, best first, each time with all amounts balanced anew. */
function bestSplit(task: Task, first: readonly Edge[], maxLegs: number): Executed | null {
  const { amountIn, perGas } = task;
  let split = new Split([{ edges: first, amount: Number(amountIn) }]);
  split.run(-1, -1, 0);
  for (let round = 0; round < maxLegs + EXCHANGES; round++) {
    const longer = bestAddition(task, split);
    if (longer === null) break;
    const next = longer.legs.length > maxLegs ? withoutLeast(longer) : longer;
    if (!isBetter(next, split, perGas, WORTHWHILE)) break;
    split = next;
  }
  // A leg that seemed worth its gas before others came.
  while (perGas > 0 && split.legs.length > 1) {
    const shorter = withoutLeast(split);
    if (!isBetter(shorter, split, perGas, 0)) break;
    split = shorter;
  }
  // Floats that ask a unit too much of a pool are refused whole.
  for (; split.overfull === 0 && split.legs.length > 1; split = withoutLeast(split)) {
    const executed = execute(inUnits(split.legs, amountIn));
    if (executed !== null) return executed;
  }
  return null;
}

/** Taking the whole amount comes before paying more for it. */
function isBetter(one: Split, other: Split, perGas: number, margin: number): boolean {
  if (one.overfull > 0 !== other.overfull > 0) return other.overfull > 0;
  const gained = one.total - other.total - (perGas === 0 ? 0 : perGas * (gasOf(one) - gasOf(other)));
  return gained > margin * Math.abs(other.total);
}

/** The split with one more path, for as large a share as one is better for; null when no path brings more than a unit does now. */
function bestAddition({ market, finder, from, to, amountIn, maxHops, without }: Task, split: Split): Split | null {
  const size = Number(amountIn);
  finder.reset();
  for (const pool of without) finder.putAside(pool);
  putAsideEntangled(market, finder, split);
  let lowest = Number.POSITIVE_INFINITY;
  for (const index of split.legs.keys()) lowest = Math.min(lowest, split.run(index, -1, 0));
  for (const [edge, flow] of split.flows()) if (edge.pool.family.quotableAgain(edge.pool.info)) finder.put(edge, flow);
  const tried = new Set(split.legs.map(({ edges }) => keyOf(edges)));
  for (const share of CHUNKS) {
    const chunk = share * size;
    const floor = Math.max(0, lowest) * chunk * (1 + WORTHWHILE);
    const [found] = finder.search(from, to, chunk, maxHops, floor).sort((one, other) => other.amountOut - one.amountOut);
    if (found === undefined || !(found.amountOut > floor)) continue;
    const key = keyOf(found.edges);
    if (tried.has(key)) continue;
    tried.add(key);
    const legs = split.legs.map(({ edges, amount }) => ({ edges, amount: amount * (1 - share) }));
    const longer = new Split([...legs, { edges: found.edges, amount: chunk }]);
    longer.balance();
    if (isBetter(longer, split, 0, WORTHWHILE)) return inOrder(longer);
  }
  return null;
}

const keyOf = (edges: readonly Edge[]): string => edges.map(({ id }) => id).join();

/** Pools that may be swapped in once only, and those that rest on others in the split or others on them. */
function putAsideEntangled(market: Market, finder: PathFinder, split: Split): void {
  let hasLinks = false;
  for (const [edge] of split.flows()) {
    const { pool } = edge;
    finder.putAside(pool);
    hasLinks ||= pool.family.restsOn !== undefined;
  }
  if (!hasLinks) return;
  for (const pool of market.pools())
    for (const [edge] of split.flows()) if (pool !== edge.pool && areEntangled(pool, edge.pool)) finder.putAside(pool);
}

const NOTHING = 1e-12;
/** A pool that would be full with this much more. */
const BRIM = 1.01;

/**
 * Without the legs that nothing is left of, and those first that fill a pool: what legs before them take of a pool they share would otherwise come out of that, and
 * no exchange between two legs could make up for it.
 */
function inOrder(split: Split): Split {
  const whole = split.legs.reduce((sum, { amount }) => sum + amount, 0);
  const used = split.legs.filter(({ amount }) => amount > NOTHING * whole);
  const [filling, others] = [used.filter((leg) => split.fills(leg)), used.filter((leg) => !split.fills(leg))];
  const ordered = [...filling, ...others];
  if (ordered.length === split.legs.length && ordered.every((leg, index) => leg === split.legs[index])) return split;
  const next = new Split(ordered);
  next.balance();
  return next;
}

/** Without the leg that is missed least, its amount in the others. */
function withoutLeast(split: Split): Split {
  let best: Split | null = null;
  for (const dropped of split.legs) {
    const others = split.legs.filter((leg) => leg !== dropped);
    const kept = others.reduce((sum, { amount }) => sum + amount, 0);
    const legs = others.map((leg) => ({ ...leg, amount: leg.amount + (dropped.amount * leg.amount) / kept }));
    const trial = new Split(legs);
    trial.balance();
    if (best === null || isBetter(trial, best, 0, 0)) best = trial;
  }
  return best as Split;
}

/** Gas of the swaps of a split, by the families' estimates for about its amounts. */
function gasOf({ legs }: Split): number {
  let gas = 0;
  for (const { edges, amount } of legs) {
    let amountIn = amount;
    for (const edge of edges) {
      const { pool, indexIn, indexOut } = edge;
      gas += pool.family.swapGas(pool.info, pool.state, { amountIn: BigInt(Math.max(1, Math.floor(amountIn))), indexIn, indexOut });
      amountIn = amountOutOf(pool.curve as PoolCurve, edge, amountIn);
    }
  }
  return gas;
}

// ---- exact

interface UnitLeg {
  readonly edges: readonly Edge[];
  readonly amountIn: bigint;
}

/** Shares of a double's width of the whole amount; what rounding leaves goes to the last leg, which of all has room. */
function inUnits(legs: readonly FloatLeg[], amountIn: bigint): UnitLeg[] {
  const whole = legs.reduce((sum, { amount }) => sum + amount, 0);
  const amounts = legs.map(({ amount }) => (amountIn * BigInt(Math.floor((amount / whole) * 2 ** 52))) >> 52n);
  const last = amounts.length - 1;
  amounts[last] = (amounts[last] as bigint) + amountIn - amounts.reduce((sum, amount) => sum + amount, 0n);
  return legs.map(({ edges }, index) => ({ edges, amountIn: amounts[index] as bigint })).filter((leg) => leg.amountIn > 0n);
}

/**
 * The legs one after another, each on the states that those before leave, as the contracts compute them; null where a swap is refused. The states are as before
 * when this returns.
 */
function execute(legs: readonly UnitLeg[]): Executed | null {
  const undo: [MarketPool, RowOf<FamilyId>][] = [];
  const done: Leg[] = [];
  try {
    for (const [place, { edges, amountIn }] of legs.entries()) {
      const hops: RouteHop[] = [];
      let amount = amountIn;
      let gas = 0;
      for (const edge of edges) {
        const { pool, indexIn, indexOut } = edge;
        const { family, info, state } = pool;
        const swap = { amountIn: amount, indexIn, indexOut };
        const amountOut = family.quoteExactIn(info, state, swap);
        if (amountOut === 0n) return null;
        gas += family.swapGas(info, state, swap);
        hops.push({ edge, amountIn: amount, amountOut });
        if (legs.slice(place + 1).some((later) => later.edges.some((each) => each.pool === pool))) {
          const row = family.afterSwap(info, state, swap);
          if (row === null) return null;
          undo.push([pool, family.toChangeRow(info, state, row)]);
          family.applyRow(state, row);
        }
        amount = amountOut;
      }
      done.push({ hops, amountIn, amountOut: amount, gas });
    }
  } finally {
    for (const [{ family, state }, row] of undo.reverse()) family.applyRow(state, row);
  }
  const sum = (of: (leg: Leg) => bigint) => done.reduce((total, leg) => total + of(leg), 0n);
  return {
    legs: done,
    amountIn: sum((leg) => leg.amountIn),
    amountOut: sum((leg) => leg.amountOut),
    gas: done.reduce((total, leg) => total + leg.gas, 0),
  };
}

function impactOf({ legs, amountOut }: Executed): number {
  let unmoved = 0;
  for (const { hops, amountIn } of legs)
    unmoved += hops.reduce((amount, { edge }) => amount * marginalRate(edge.pool.curve as PoolCurve, edge), Number(amountIn));
  return unmoved > 0 ? Math.min(1, Math.max(0, 1 - Number(amountOut) / unmoved)) : 0;
}

function poolsOf(market: Market, legs: readonly Leg[]): MarketPool[] {
  const pools = new Set<MarketPool>();
  for (const { hops } of legs) {
    for (const { edge } of hops) {
      const { pool } = edge;
      pools.add(pool);
      for (const address of pool.family.restsOn?.(pool.info) ?? []) {
        const base = market.pool(address);
        if (base !== undefined) pools.add(base);
      }
    }
  }
  return [...pools];
}
