import { id as keccakOf } from "ethers";
import fc from "fast-check";
import { Check } from "typebox/value";
import { expect, test } from "vitest";
import type { DexDeployment } from "#libs/chains/chain.ts";
import type { Direction, Family, FamilyId, PoolCurve, PoolInfo, RangeCurve, RowOf, SwapExactIn } from "#libs/dex/family.ts";
import type { Edge, MarketPool } from "#libs/graph/market.ts";
import { sizeCycle } from "#libs/graph/size.ts";
import { type Address, asAddress } from "#libs/units/brand.ts";
import type { LogRow } from "#proto/block/v1/observed.ts";
import { SwapCall } from "#proto/cycle/v1/found.ts";
import { POOL_FAMILIES } from "#proto/pool/v1/state.ts";

/** What every pool family has to hold, whatever its pools are: run for all of them by conformance.test.ts. A family says what its pools are in its own conformance.ts. */

export interface Subject<Id extends FamilyId> {
  readonly info: PoolInfo<Id>;
  readonly row: RowOf<Id>;
}

/** numerator / denominator, denominator > 0: compared exactly. */
export type Fraction = readonly [numerator: bigint, denominator: bigint];

/**
 * Where the contract's own arithmetic breaks an order that the suite demands to the unit: by how many raw units it may. Each is a fact of the contract that a
 * family gives the reason of; what a family leaves out is 0.
 */
export interface Slack {
  /** Units out by which more in may pay less. */
  readonly order?: bigint;
  /** Units out by which two swaps may pay more than one of both inputs. */
  readonly parts?: bigint;
  /** Units in that a way there and back may gain. */
  readonly back?: bigint;
  /** Units out by which the same swap once more may pay more. */
  readonly again?: bigint;
  /** Units in that an exact output may cost more than the exact input that pays it. */
  readonly cost?: bigint;
  /** Units out that an exact output has to be short of what an exact input pays, to cost no more. */
  readonly short?: bigint;
  /** Units out that are missing of an exact output when its cost is put in as an exact input. */
  readonly bought?: bigint;
}

export interface ConformanceSpec<Id extends FamilyId, State> {
  readonly family: Family<Id, State>;
  /** Signatures of the events that each variant's deployments are followed by. */
  readonly events: Readonly<Record<string, { readonly created: readonly string[]; readonly state: readonly string[] }>>;
  /** The variant whose logs `logs` writes for this pool; the family's first where it is not told. */
  readonly variantOf?: (info: PoolInfo<Id>) => string;
  /** Pools that can be traded: all kinds, numbers of tokens and decimals, and values as extreme as the contracts allow. */
  readonly pools: fc.Arbitrary<Subject<Id>>;
  /** Of them those that `curveError` is stated for, where that is not all: float64 cannot hold everything that a pool can. */
  readonly markets?: fc.Arbitrary<Subject<Id>>;
  /** Pools that cannot: not yet, or no longer. */
  readonly idle: fc.Arbitrary<Subject<Id>>;
  /** What the pool's contracts could emit from this state on. */
  readonly logs: (subject: Subject<Id>) => fc.Arbitrary<readonly LogRow[]>;
  /** What the pool's contracts emit of this swap. */
  readonly swapLog: (info: PoolInfo<Id>, state: State, swap: SwapExactIn, amountOut: bigint) => LogRow;
  /**
   * Values that no swap may lower: k, D, a weighted product; or what the pool has beyond what it owes, of each token, where `moved` is what came in (positive) and
   * went out since the state was not this one.
   */
  readonly invariantOf: (info: PoolInfo<Id>, state: State, moved: readonly bigint[]) => readonly Fraction[];
  /** What the contract's own rounding makes of them, where it keeps that rather than the value itself. A swap may not go below the lesser of both. */
  readonly keeps?: (info: PoolInfo<Id>, state: State) => readonly Fraction[];
  readonly slack?: (info: PoolInfo<Id>, state: State, swap: SwapExactIn, amountOut: bigint) => Slack;
}

/** Another seed is another run: SEED=7 npx vitest run libs/dex/conformance.test.ts */
const SEED = Number(process.env.SEED ?? 1);
const RUNS = 250;
/** Sequences of logs are some dozen states each. */
const LOG_RUNS = 80;
/** Of the swaps asked for, at least this share must be paid: properties of swaps that all are refused say nothing. */
const PAID = 0.3;

export const FACTORY = asAddress(`0x${"fa".repeat(20)}`);
const STRANGER = asAddress(`0x${"5e".repeat(20)}`);

export const deploymentOf = (family: FamilyId, variant: string): DexDeployment => ({
  id: variant,
  brand: "conformance",
  family,
  variant,
  factory: FACTORY,
  deployBlock: 0,
  feeBps: 30,
  verified: true,
  source: "conformance",
});

export const POOL = asAddress(`0x${"aa".repeat(20)}`);
/** Ascending by address. */
export const tokensOf = (count: number): Address[] =>
  Array.from({ length: count }, (_, index) => asAddress(`0x${(index + 1).toString(16).padStart(40, "0")}`));

/** Evenly over the orders of magnitude from 2^lowest to 2^highest. */
export const magnitudes = (lowest: number, highest: number): fc.Arbitrary<bigint> =>
  fc
    .tuple(fc.integer({ min: lowest, max: highest - 1 }), fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }))
    .map(([bits, rest]) => 2n ** BigInt(bits) + (2n ** BigInt(bits) * rest) / 2n ** 32n);

/**
 * D of the StableSwap invariant Ann·S + D = Ann·D + D^(n+1) / (n^n·Πx), rounded down to a whole number and otherwise exact: Newton's method from above on a convex
 * function never passes the root. Requires Ann ≥ 1. Source: Egorov, StableSwap (2019).
 */
export function stableInvariant(xs: readonly bigint[], [ann, precision]: Fraction): bigint {
  const n = BigInt(xs.length);
  const sum = xs.reduce((total, x) => total + x, 0n);
  const product = xs.reduce((total, x) => total * x * n, 1n);
  for (let D = sum; ; ) {
    const power = precision * D ** n;
    const next = (n * power * D + ann * sum * product) / ((n + 1n) * power + (ann - precision) * product);
    if (next >= D) return D;
    D = next;
  }
}

/** An amount against what the pool holds of its token: a share of it, or a few units. */
type Size = { readonly units: bigint } | { readonly digits: bigint; readonly bits: number };
const size: fc.Arbitrary<Size> = fc.oneof(
  { weight: 1, arbitrary: fc.record({ units: fc.bigInt({ min: 1n, max: 1_000n }) }) },
  { weight: 5, arbitrary: fc.record({ digits: fc.bigInt({ min: 2_048n, max: 4_095n }), bits: fc.integer({ min: -40, max: 3 }) }) },
);
const amountOf = (held: bigint, of: Size): bigint => {
  if ("units" in of) return of.units;
  const amount = of.bits > 0 ? (held * of.digits) << BigInt(of.bits) : (held * of.digits) >> BigInt(-of.bits);
  return 1n + (amount >> 12n);
};

/** A direction in from each token, `step` decides to which other. */
function directionsOf(tokens: number, step: number): Direction[] {
  return Array.from({ length: tokens }, (_, indexIn) => ({ indexIn, indexOut: (indexIn + 1 + (step % (tokens - 1))) % tokens }));
}

/** Where it is sold at the same high price whatever the amount, a sizing takes as much of a pool as it may. */
const WORTH = 1e60;
const BUYER: RangeCurve = {
  kind: "ranges",
  liquidity: 1e300,
  sqrtPrice: Math.sqrt(WORTH),
  gamma: [1, 1],
  sqrtTicks: new Float64Array(0),
  liquidityNet: new Float64Array(0),
  ticksBelow: 0,
  endless: true,
};
const edgeOf = (curve: PoolCurve, direction: Direction): Edge =>
  ({ pool: { curve } as MarketPool, from: "", to: "", id: 0, ...direction }) satisfies Edge;

/** What the search makes of an input; NaN where it takes the pool not to take it all. Curves of ranges are walked by the search's own code. */
function approximate(curve: PoolCurve, amountIn: number, direction: Direction): number {
  if (curve.kind === "smooth") return amountIn > curve.largestIn(direction) ? Number.NaN : curve.amountOut(amountIn, direction);
  const sized = sizeCycle([edgeOf(curve, direction), edgeOf(BUYER, { indexIn: 0, indexOut: 1 })], amountIn);
  // Steps from tick to tick add up to the input but for their last digits; a pool that ends is left by a billionth.
  return sized === null || sized.amountIn < amountIn * (1 - 1e-12) ? Number.NaN : (sized.profit + amountIn) / WORTH;
}

const isBounded = (curve: PoolCurve): curve is RangeCurve => curve.kind === "ranges" && !curve.endless;

function ensure(holds: boolean, problem: () => string): void {
  if (!holds) throw new Error(problem());
}

export function conform<Id extends FamilyId, State>(id: Id, spec: ConformanceSpec<Id, State>): void {
  const { family } = spec;
  const variantOf = spec.variantOf ?? (() => family.variants[0] as string);

  const stateOf = (row: RowOf<Id>): State => {
    const state = family.created();
    family.applyRow(state, row);
    return state;
  };
  const check = <Value>(name: string, arbitrary: fc.Arbitrary<Value>, claim: (value: Value) => void, runs = RUNS): void =>
    test(name, () => fc.assert(fc.property(arbitrary, claim), { seed: SEED, numRuns: runs }));

  interface Swapped {
    readonly info: PoolInfo<Id>;
    readonly state: State;
    readonly swap: SwapExactIn;
    readonly amountOut: bigint;
    readonly more: bigint;
    readonly slack: Required<Slack>;
    quote(amountIn: bigint): bigint;
    /** The state after the swap, by its log. */
    after(): State;
  }

  /** Holds the claim of every swap that is paid, in a direction in from every token of every pool; two sizes a swap. */
  function checkSwaps(name: string, claim: (swapped: Swapped) => void, pools = spec.pools): void {
    test(name, () => {
      let [asked, paid] = [0, 0];
      const property = fc.property(pools, fc.nat({ max: 1_000 }), size, size, ({ info, row }, step, first, second) => {
        const state = stateOf(row);
        const held = family.holdings(info, state);
        for (const direction of directionsOf(info.tokens.length, step)) {
          const inHand = held[direction.indexIn] as bigint;
          const swap = { ...direction, amountIn: amountOf(inHand, first) };
          const amountOut = family.quoteExactIn(info, state, swap);
          asked++;
          if (amountOut === 0n) continue;
          paid++;
          claim({
            info,
            state,
            swap,
            amountOut,
            more: amountOf(inHand, second),
            slack: {
              order: 0n,
              parts: 0n,
              back: 0n,
              again: 0n,
              cost: 0n,
              short: 0n,
              bought: 0n,
              ...spec.slack?.(info, state, swap, amountOut),
            },
            quote: (amountIn) => family.quoteExactIn(info, state, { ...direction, amountIn }),
            after() {
              const then = stateOf(row);
              family.applyLog(info, then, spec.swapLog(info, then, swap, amountOut));
              return then;
            },
          });
        }
      });
      fc.assert(property, { seed: SEED, numRuns: RUNS });
      expect(paid).toBeGreaterThan(asked * PAID);
    });
  }

  test("every variant is followed by the hashes of its events' signatures, and known by a view", () => {
    expect(Object.keys(spec.events).toSorted()).toEqual([...family.variants].toSorted());
    for (const [variant, { created, state }] of Object.entries(spec.events)) {
      const deployment = deploymentOf(id, variant);
      const topics = family.topics(deployment);
      expect(new Set(topics.created)).toEqual(new Set(created.map(keccakOf)));
      expect(new Set(topics.state)).toEqual(new Set(state.map(keccakOf)));
      const view = family.knownView(deployment);
      expect(view.data.slice(0, 10)).toBe(keccakOf(view.name).slice(0, 10));
    }
  });

  check("rows are what the wire says they are, and give a state that gives them back", fc.oneof(spec.pools, spec.idle), ({ info, row }) => {
    expect(Check(POOL_FAMILIES[id].facts, info.facts)).toBe(true);
    expect(Check(POOL_FAMILIES[id].state, row)).toBe(true);
    const state = stateOf(row);
    const back = family.toRow(info, state);
    expect(back).toEqual(row);
    expect(Check(POOL_FAMILIES[id].state, back)).toBe(true);
    family.applyRow(state, back);
    expect(family.toRow(info, state)).toEqual(row);
  });

  check("a pool that can be traded is live, one that cannot pays nothing", fc.tuple(spec.pools, spec.idle), ([pool, idle]) => {
    const state = stateOf(pool.row);
    expect(family.isLive(state)).toBe(true);
    const held = family.holdings(pool.info, state);
    expect(held.length).toBe(pool.info.tokens.length);
    expect(held.every((amount) => amount >= 0n)).toBe(true);
    for (const direction of directionsOf(pool.info.tokens.length, 0)) {
      for (const amountIn of [0n, -1n]) expect(family.quoteExactIn(pool.info, state, { ...direction, amountIn })).toBe(0n);
      for (const amountOut of [0n, -1n]) expect(family.quoteExactOut?.(pool.info, state, { ...direction, amountOut }) ?? 0n).toBe(0n);
    }
    for (const nobody of [stateOf(idle.row), family.created()]) {
      expect(family.isLive(nobody)).toBe(false);
      for (const direction of directionsOf(idle.info.tokens.length, 0)) {
        expect(family.afterSwap(idle.info, nobody, { ...direction, amountIn: 10n ** 9n })).toBeNull();
        expect(family.quoteExactIn(idle.info, nobody, { ...direction, amountIn: 10n ** 9n })).toBe(0n);
        expect(family.quoteExactOut?.(idle.info, nobody, { ...direction, amountOut: 10n ** 3n }) ?? 0n).toBe(0n);
      }
    }
  });

  check("the executor knows how to call, and gas is counted", fc.tuple(spec.pools, size), ([{ info, row }, of]) => {
    const state = stateOf(row);
    const held = family.holdings(info, state);
    for (const direction of directionsOf(info.tokens.length, 0)) {
      const call = family.swapCall(info, direction);
      expect(Check(SwapCall, call)).toBe(true);
      if (call.form === "v2" || call.form === "v3") expect(call.zeroForOne).toBe(direction.indexIn === 0);
      if (call.form === "curve") expect([call.i, call.j]).toEqual([direction.indexIn, direction.indexOut]);
      const gas = family.swapGas(info, state, { ...direction, amountIn: amountOf(held[direction.indexIn] as bigint, of) });
      expect(Number.isSafeInteger(gas) && gas > 20_000).toBe(true);
    }
  });

  checkSwaps("more in is never less out", ({ swap, amountOut, more, slack, quote }) => {
    const most = quote(swap.amountIn + more);
    ensure(most === 0n || most + slack.order >= amountOut, () => `${swap.amountIn} pays ${amountOut}, ${more} more pay ${most}`);
  });

  checkSwaps("a swap pays no more than the pool holds", ({ info, state, swap, amountOut }) => {
    const held = family.holdings(info, state)[swap.indexOut] as bigint;
    // Added up from ranges in float64: what `holdings` says of itself.
    const rounding = isBounded(family.curve(info, state)) ? held / 10n ** 9n + 2n : 0n;
    ensure(amountOut <= held + rounding, () => `pays ${amountOut} of ${held}`);
  });

  check("a pool takes a swap whole or not at all", fc.tuple(spec.pools, fc.nat({ max: 1_000 })), ([{ info, row }, step]) => {
    const state = stateOf(row);
    for (const direction of directionsOf(info.tokens.length, step)) {
      // More than there is of any token: what ends pays nothing, what has no end not all that it has.
      const all = family.quoteExactIn(info, state, { ...direction, amountIn: 2n ** 250n });
      const held = family.holdings(info, state)[direction.indexOut] as bigint;
      ensure(isBounded(family.curve(info, state)) ? all === 0n : all < held, () => `2^250 pay ${all} of ${held}`);
      const cost = family.quoteExactOut?.(info, state, { ...direction, amountOut: 2n * held + 10n }) ?? 0n;
      ensure(cost === 0n, () => `more than ${held} cost ${cost}`);
    }
  });

  checkSwaps(
    "the state after a swap is what its log makes of it, comes as a change row, and is undone by one",
    ({ info, state, swap, after }) => {
      const before = family.toRow(info, state);
      const row = family.afterSwap(info, state, swap);
      // Asked, it changes nothing.
      expect(family.toRow(info, state)).toEqual(before);
      expect(row !== null && Check(POOL_FAMILIES[id].state, row)).toBe(true);
      if (row === null) return;
      const then = stateOf(before);
      family.quoteExactIn(info, then, swap);
      const undo = family.toChangeRow(info, then, row);
      family.applyRow(then, row);
      expect(family.toRow(info, then)).toEqual(family.toRow(info, after()));
      expect(family.toChangeRow(info, then, row)).toEqual(row);
      family.applyRow(then, undo);
      expect(family.toRow(info, then)).toEqual(before);
    },
  );

  checkSwaps("a swap that is refused leaves no state, and the same once more pays no more", ({ info, state, swap, amountOut, slack }) => {
    for (const amountIn of [0n, -1n, 2n ** 250n]) {
      const refused = { ...swap, amountIn };
      expect(family.afterSwap(info, state, refused) === null).toBe(family.quoteExactIn(info, state, refused) === 0n);
    }
    const then = stateOf(family.toRow(info, state));
    family.applyRow(then, family.afterSwap(info, state, swap) as RowOf<Id>);
    const again = family.quoteExactIn(info, then, swap);
    ensure(again <= amountOut + slack.again, () => `${swap.amountIn} pay ${amountOut}, then ${again}`);
  });

  checkSwaps("a swap lowers no invariant", ({ info, state, swap, amountOut, after }) => {
    const still = info.tokens.map(() => 0n);
    const moved = info.tokens.map((_, index) => (index === swap.indexIn ? swap.amountIn : index === swap.indexOut ? -amountOut : 0n));
    const before = spec.invariantOf(info, state, still);
    const kept = spec.keeps?.(info, state);
    const then = spec.invariantOf(info, after(), moved);
    const below = ([a, b]: Fraction, [c, d]: Fraction) => a * d < c * b;
    for (const [index, value] of then.entries()) {
      const [first, second] = [before[index] as Fraction, kept?.[index]];
      ensure(
        !below(value, first) || (second !== undefined && !below(value, second)),
        () => `invariant ${index} falls from ${first} (${second}) to ${value}`,
      );
    }
  });

  checkSwaps("there and back returns no more than went in", ({ info, swap, amountOut, slack, after }) => {
    const back = family.quoteExactIn(info, after(), { indexIn: swap.indexOut, indexOut: swap.indexIn, amountIn: amountOut });
    ensure(back <= swap.amountIn + slack.back, () => `${swap.amountIn} pay ${amountOut}, which pay ${back}`);
  });

  checkSwaps("one swap pays no less than the same in two", ({ info, swap, amountOut, more, slack, quote, after }) => {
    const whole = quote(swap.amountIn + more);
    if (whole === 0n) return;
    const then = family.quoteExactIn(info, after(), { ...swap, amountIn: more });
    ensure(amountOut + then <= whole + slack.parts, () => `${swap.amountIn} and ${more} pay ${amountOut} and ${then}, together ${whole}`);
  });

  if (family.quoteExactOut !== undefined) {
    checkSwaps(
      "an exact output costs no more than the input that pays it, and its cost buys it",
      ({ info, state, swap, amountOut, slack, quote }) => {
        const { indexIn, indexOut, amountIn } = swap;
        for (const wanted of [amountOut, amountOut - slack.short, 1n + amountOut / 3n]) {
          const cost = family.quoteExactOut?.(info, state, { indexIn, indexOut, amountOut: wanted }) ?? 0n;
          if (wanted + slack.short <= amountOut)
            ensure(cost <= amountIn + slack.cost, () => `${amountIn} pay ${amountOut}, of which ${wanted} cost ${cost}`);
          if (cost === 0n) {
            ensure(
              wanted <= 0n || wanted + slack.short > amountOut || slack.cost > 0n,
              () => `${amountIn} pay ${amountOut}, of which ${wanted} cannot be had`,
            );
            continue;
          }
          const bought = quote(cost);
          ensure(bought + slack.bought >= wanted, () => `${wanted} cost ${cost}, which pay ${bought}`);
        }
      },
    );
  }

  checkSwaps(
    "the search's curve is off by no more than the family says",
    ({ info, state, swap, more, quote }) => {
      const held = family.holdings(info, state)[swap.indexIn] as bigint;
      const { relative, units } = family.curveError;
      const curve = family.curve(info, state);
      for (const amountIn of [swap.amountIn, more]) {
        if (amountIn * 10n > held) continue;
        const exact = quote(amountIn);
        if (exact === 0n) continue;
        const approx = approximate(curve, Number(amountIn), swap);
        if (Number.isNaN(approx)) {
          // At the end of a pool a unit that is rounded off decides.
          const less = Number(amountIn) * (1 - relative) - units;
          ensure(less <= 0 || !Number.isNaN(approximate(curve, less, swap)), () => `${amountIn} of ${held} pay ${exact}, about nothing`);
          continue;
        }
        // A unit of the input is rounded off once the fee is taken.
        const price = approx / Number(amountIn) / (curve.kind === "ranges" ? (curve.gamma[swap.indexIn as 0 | 1] as number) : 1);
        const allowed = relative * Number(exact) + units * (1 + price);
        ensure(Math.abs(approx - Number(exact)) <= allowed, () => `${amountIn} of ${held} pay ${exact}, about ${approx}`);
      }
    },
    spec.markets,
  );

  checkSwaps(
    "the curve's rate is its slope, and falls",
    ({ info, state, swap, slack }) => {
      const curve = family.curve(info, state);
      if (curve.kind === "ranges") return;
      const amountIn = Number(swap.amountIn);
      const step = amountIn * 1e-3;
      if (amountIn + step > curve.largestIn(swap)) return;
      const [low, at, high] = [amountIn - step, amountIn, amountIn + step].map((each) => curve.amountOut(each, swap)) as [
        number,
        number,
        number,
      ];
      const [before, behind] = [(at - low) / step, (high - at) / step];
      const rate = curve.rate(amountIn, swap);
      // Between the slopes on either side, but for float64 and where curves round as the pool does: a unit of the input at either end of the step.
      const noise = Math.abs(rate) * (1e-6 + 2 / step) + (high * 1e-12) / step;
      const within = rate >= Math.min(before, behind) - noise && rate <= Math.max(before, behind) + noise;
      ensure(within, () => `rate ${rate} at ${amountIn}, slopes ${before} and ${behind}`);
      const rises = rate * 1e-9 + Number(slack.order) / amountIn;
      ensure(curve.rate(0, swap) + rises >= rate, () => `rate ${rate} at ${amountIn}, ${curve.rate(0, swap)} at the margin`);
    },
    spec.markets,
  );

  const followed = fc
    .oneof({ weight: 4, arbitrary: spec.pools }, { weight: 1, arbitrary: spec.idle })
    .chain((subject) => fc.record({ subject: fc.constant(subject), logs: spec.logs(subject), from: fc.nat({ max: 4 }), of: size }));

  check(
    "a pool's logs are found to be its own, and nobody else's are",
    followed,
    ({ subject: { info }, logs }) => {
      const deployment = deploymentOf(id, variantOf(info));
      const { state } = family.topics(deployment);
      for (const log of logs) {
        expect(state).toContain(log[1][0]);
        expect(family.poolOf(log, deployment)).toBe(info.pool);
        expect(family.poolOf([STRANGER, ...log.slice(1)] as unknown as LogRow, deployment)).not.toBe(info.pool);
      }
    },
    LOG_RUNS,
  );

  check(
    "logs are undone alone and together, and change rows carry what they change",
    followed,
    ({ subject: { info, row }, logs, from }) => {
      const state = stateOf(row);
      for (const log of logs.slice(0, from)) family.applyLog(info, state, log);
      const before = family.toRow(info, state);
      let merged: RowOf<Id> | null = null;
      for (const log of logs.slice(from)) {
        const last = family.toRow(info, state);
        const undo = family.applyLog(info, state, log);
        const now = family.toRow(info, state);
        expect(Check(POOL_FAMILIES[id].state, now) && Check(POOL_FAMILIES[id].state, undo)).toBe(true);
        const alone = stateOf(last);
        family.applyRow(alone, family.toChangeRow(info, state, undo));
        expect(family.toRow(info, alone)).toEqual(now);
        family.applyRow(alone, undo);
        expect(family.toRow(info, alone)).toEqual(last);
        merged = merged === null ? undo : family.mergeUndo(merged, undo);
      }
      if (merged === null) return;
      const now = family.toRow(info, state);
      const copy = stateOf(before);
      family.applyRow(copy, family.toChangeRow(info, state, merged));
      expect(family.toRow(info, copy)).toEqual(now);
      family.applyRow(copy, merged);
      expect(family.toRow(info, copy)).toEqual(before);
      family.applyRow(state, merged);
      expect(family.toRow(info, state)).toEqual(before);
    },
    LOG_RUNS,
  );

  check(
    "what is computed from a state forgets nothing that changed it",
    followed,
    ({ subject: { info, row }, logs, of }) => {
      const state = stateOf(row);
      for (const log of logs) {
        family.applyLog(info, state, log);
        const fresh = stateOf(family.toRow(info, state));
        const held = family.holdings(info, state);
        expect(family.holdings(info, fresh)).toEqual(held);
        for (const direction of directionsOf(info.tokens.length, 0)) {
          const amountIn = amountOf(held[direction.indexIn] ?? 10n ** 9n, of);
          const swap = { ...direction, amountIn };
          expect(family.quoteExactIn(info, state, swap)).toBe(family.quoteExactIn(info, fresh, swap));
          if (!family.isLive(state)) continue;
          const [ours, theirs] = [family.curve(info, state), family.curve(info, fresh)];
          expect(approximate(ours, Number(amountIn), direction)).toBe(approximate(theirs, Number(amountIn), direction));
        }
      }
      // A row forgets as a log does. Ticks that it leaves out stay.
      family.applyRow(state, row);
      const again = stateOf(family.toRow(info, state));
      for (const direction of directionsOf(info.tokens.length, 0)) {
        const swap = { ...direction, amountIn: amountOf(family.holdings(info, again)[direction.indexIn] as bigint, of) };
        expect(family.quoteExactIn(info, state, swap)).toBe(family.quoteExactIn(info, again, swap));
        if (!family.isLive(again)) continue;
        const [ours, theirs] = [family.curve(info, state), family.curve(info, again)];
        expect(approximate(ours, Number(swap.amountIn), direction)).toBe(approximate(theirs, Number(swap.amountIn), direction));
      }
    },
    LOG_RUNS,
  );
}
