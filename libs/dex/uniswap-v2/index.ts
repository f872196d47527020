import type { DexDeployment } from "#libs/chains/chain.ts";
import type { Family, RangeCurve, SwapExactIn } from "#libs/dex/family.ts";
import { askPairs, askViews } from "#libs/dex/uniswap-v2/ask.ts";
import { amountInExactOut, amountOutExactIn } from "#libs/dex/uniswap-v2/math.ts";
import { addressAt, addressOfTopic, addressWord, isWord, padWord, uintAt } from "#libs/evm/hex.ts";
import type { Call } from "#libs/evm/multicall.ts";
import { type Address, asAddress } from "#libs/units/brand.ts";
import { invariant } from "#libs/units/invariant.ts";
import type { StateRowOf } from "#proto/pool/v1/state.ts";

export interface V2State {
  reserve0: bigint;
  reserve1: bigint;
  /** Fee in 1e-6, by the index of the token that comes in. `STABLE` and the fee while a pair of Camelot is not a constant product. */
  feePips: [number, number];
  readonly curve: RangeCurve;
}

/** keccak256("PairCreated(address,address,address,uint256)") */
const PAIR_CREATED = "0x0d3648bd0f6ba80134a33ba9275ac585d9d315f0ad8355cddefde31afa28d0e9";
/** keccak256("Sync(uint112,uint112)") */
const SYNC = "0x1c411e9a96e071241c2f21f7726b17ae89e3cab4c78be50e062b03a9fffbbad1";
/** keccak256("FeePercentUpdated(uint16,uint16)") */
const FEE_PERCENT_UPDATED = "0xa4877b8ecb5a00ba277e4bceeeb187a669e7113649774dfbea05c259ce27f17b";
/** keccak256("SetStableSwap(bool,bool)") */
const SET_STABLE_SWAP = "0xb6a86710bde53aa7fb1b3856279e2af5b476d53e2dd0902cf17a0911b5a43a8b";
const SELECTORS = {
  /** getReserves() */ getReserves: "0x0902f1ac",
  /** token0() */ token0: "0x0dfe1681",
  /** token1() */ token1: "0xd21220a7",
  /** getPair(address,address) */ getPair: "0xe6a43905",
  /** allPairsLength() */ allPairsLength: "0x574f2ba3",
  /** allPairs(uint256) */ allPairs: "0x1e3dd18b",
  /** swapFee() */ swapFee: "0x54cf2aeb",
  /** getPairFees(address) */ getPairFees: "0x4c2fc06f",
  /** stableSwap() */ stableSwap: "0x9e548b7f",
} as const;
/** Reserves are uint112 in the pair: a swap that would lift one above is reverted by it. */
const MAX_RESERVE = 2n ** 112n - 1n;
const NO_TICKS = new Float64Array(0);

const PIPS = 1_000_000;
/** On top of the fee of a pair that follows another curve: more than everything, so nothing can be traded, and the fee is there when the pair turns back. */
const STABLE = PIPS;
/** Camelot's FEE_DENOMINATOR is 100,000. */
const PIPS_PER_CAMELOT_UNIT = 10;

/** Where the fee of a variant's pairs is: in its deployment, or in the answer of a call that means everything at `whole`. */
type FeePlace = "deployment" | "reserves" | { readonly call: (factory: Address, pair: Address) => Call; readonly whole: bigint };

const swapFeeOf = (whole: bigint): FeePlace => ({ call: (_, target) => ({ target, data: SELECTORS.swapFee }), whole });

/**
 * Per-pair fees change without an event, by an owner's hand once in a long while: they are read with the reserves and whenever a pair is read again. Asking for
 * every pair's fee at every block would cost as much as reading all reserves.
 *
 * Fraxswap is not among them: its long-term orders move reserves with time and without an event.
 *
 * Sources: UniswapV2Pair.sol; CamelotPair.sol; DXswapPair.sol; of Biswap, Nomiswap and MDEX, whose pairs are V2's but for the fee, the calls that their routers make.
 */
const VARIANTS: Readonly<Record<string, FeePlace>> = {
  "uniswap-v2": "deployment",
  /** Only its Swap event differs, which is not needed. */
  "echodex-v2": "deployment",
  "camelot-v2": "reserves",
  biswap: swapFeeOf(1_000n),
  nomiswap: swapFeeOf(1_000n),
  swapr: swapFeeOf(10_000n),
  mdex: { call: (factory, pair) => ({ target: factory, data: `${SELECTORS.getPairFees}${addressWord(pair)}` }), whole: 10_000n },
};

function feePlaceOf({ id, variant }: DexDeployment): FeePlace {
  const place = VARIANTS[variant];
  invariant(place !== undefined, `${id}: ${variant} is no variant of uniswap-v2`);
  return place;
}

/** Uniswap V2 and its forks: constant products of two reserves that `Sync` states whole. */
export const uniswapV2: Family<"uniswap-v2", V2State> = {
  id: "uniswap-v2",
  variants: Object.keys(VARIANTS),
  knownView: () => ({ name: "allPairsLength()", data: SELECTORS.allPairsLength }),
  topics: (deployment) => ({
    created: [PAIR_CREATED],
    state: feePlaceOf(deployment) === "reserves" ? [SYNC, FEE_PERCENT_UPDATED, SET_STABLE_SWAP] : [SYNC],
  }),
  decodeCreated: ([, topics, data]) => ({
    pool: asAddress(addressAt(data, 0)),
    tokens: [asAddress(addressOfTopic(topics[1] as string)), asAddress(addressOfTopic(topics[2] as string))],
    facts: {},
  }),
  async enumerate(reader, { factory }, fromIndex) {
    const count = Number(uintAt(await reader.call(factory, SELECTORS.allPairsLength), 0));
    const indices = Array.from({ length: Math.max(0, count - fromIndex) }, (_, index) => BigInt(fromIndex + index));
    const answers = await reader.multicall(indices.map((index) => ({ target: factory, data: `${SELECTORS.allPairs}${padWord(index)}` })));
    return answers.map((answer, index): Address => {
      invariant(isWord(answer), `${factory}: allPairs(${indices[index]}) does not answer`);
      return asAddress(addressAt(answer, 0));
    });
  },
  async describe(reader, deployment, pools) {
    const { factory } = deployment;
    const mayBeStable = feePlaceOf(deployment) === "reserves";
    const selectors = [SELECTORS.token0, SELECTORS.token1, ...(mayBeStable ? [SELECTORS.stableSwap] : [])];
    const answers = await reader.multicall(pools.flatMap((target) => selectors.map((data) => ({ target, data }))));
    const found = pools.map((pool, index) => {
      const [token0, token1, stable] = answers.slice(selectors.length * index, selectors.length * (index + 1));
      if (!isWord(token0) || !isWord(token1)) return null;
      if (mayBeStable && !isNo(stable)) return null;
      return { pool, tokens: [asAddress(addressAt(token0, 0)), asAddress(addressAt(token1, 0))], facts: {} };
    });
    const known = found.filter((each) => each !== null);
    const owned = await reader.multicall(
      known.map(({ tokens }) => ({ target: factory, data: `${SELECTORS.getPair}${tokens.map(addressWord).join("")}` })),
    );
    const own = new Set(known.filter(({ pool }, index) => isWord(owned[index]) && addressAt(owned[index], 0) === pool));
    return found.map((each) => (each !== null && own.has(each) ? each : null));
  },
  poolOf: ([address]) => asAddress(address),
  created: () => ({
    reserve0: 0n,
    reserve1: 0n,
    feePips: [0, 0],
    curve: {
      kind: "ranges",
      liquidity: 0,
      sqrtPrice: 0,
      gamma: [1, 1],
      sqrtTicks: NO_TICKS,
      liquidityNet: NO_TICKS,
      ticksBelow: 0,
      endless: true,
    },
  }),
  isLive: ({ reserve0, reserve1, feePips }) => reserve0 > 0n && reserve1 > 0n && feePips[0] < STABLE,
  applyLog(info, state, [, topics, data]) {
    const undo = this.toRow(info, state);
    const [topic] = topics;
    if (topic === SYNC) {
      state.reserve0 = uintAt(data, 0);
      state.reserve1 = uintAt(data, 1);
    } else {
      const { feePips } = state;
      const [fee0, fee1] = topic === FEE_PERCENT_UPDATED ? camelotFees(data, 0) : [feePips[0] % STABLE, feePips[1] % STABLE];
      const stable = topic === SET_STABLE_SWAP ? uintAt(data, 1) !== 0n : feePips[0] >= STABLE;
      setFees(state, stable ? [STABLE + fee0, STABLE + fee1] : [fee0, fee1]);
    }
    return undo;
  },
  applyRow(state, [, reserve0, reserve1, feePips0, feePips1]) {
    state.reserve0 = BigInt(reserve0);
    state.reserve1 = BigInt(reserve1);
    setFees(state, [feePips0, feePips1]);
  },
  toRow: ({ pool }, { reserve0, reserve1, feePips }) => [pool, reserve0.toString(), reserve1.toString(), feePips[0], feePips[1]],
  toChangeRow(info, state) {
    return this.toRow(info, state);
  },
  mergeUndo: (earlier) => earlier,
  async read(reader, deployment, pools) {
    const place = feePlaceOf(deployment);
    const asked = (pool: Address): Call[] => {
      const reserves = { target: pool, data: SELECTORS.getReserves };
      if (place === "deployment") return [reserves];
      return [reserves, place === "reserves" ? { target: pool, data: SELECTORS.stableSwap } : place.call(deployment.factory, pool)];
    };
    const answers = await reader.multicall(pools.flatMap(({ pool }) => asked(pool)));
    const width = place === "deployment" ? 1 : 2;
    return pools.flatMap(({ pool }, index): StateRowOf<"uniswap-v2">[] => {
      const [reserves, more] = answers.slice(width * index, width * (index + 1));
      if (typeof reserves !== "string" || reserves.length < 130) return [];
      const fees = feesOf(deployment, place, reserves, more);
      return fees === null ? [] : [[pool, uintAt(reserves, 0).toString(), uintAt(reserves, 1).toString(), ...fees]];
    });
  },
  quoteExactIn: (_, state, swap) => amountOutOf(state, swap),
  /**
   * What came in stays whole, fee included: pairs pay the protocol's share in shares of theirs. Camelot's pay some of it to whom a swap names as referrer: ours
   * names none.
   */
  afterSwap({ pool }, state, swap) {
    const amountOut = amountOutOf(state, swap);
    if (amountOut === 0n) return null;
    const { reserve0, reserve1, feePips } = state;
    const [after0, after1] =
      swap.indexIn === 0 ? [reserve0 + swap.amountIn, reserve1 - amountOut] : [reserve0 - amountOut, reserve1 + swap.amountIn];
    return [pool, after0.toString(), after1.toString(), feePips[0], feePips[1]];
  },
  quotableAgain: () => true,
  quoteExactOut(_, { reserve0, reserve1, feePips }, { amountOut, indexIn }) {
    const reserveIn = indexIn === 0 ? reserve0 : reserve1;
    const reserveOut = indexIn === 0 ? reserve1 : reserve0;
    const fee = feePips[indexIn as 0 | 1];
    if (amountOut <= 0n || reserveIn === 0n || amountOut >= reserveOut || fee >= STABLE) return 0n;
    const amountIn = amountInExactOut({ amountOut, reserveIn, reserveOut, feePips: BigInt(fee) });
    return reserveIn + amountIn > MAX_RESERVE ? 0n : amountIn;
  },
  holdings: (_, { reserve0, reserve1 }) => [reserve0, reserve1],
  curve(_, { curve, reserve0, reserve1, feePips }) {
    const [x, y] = [Number(reserve0), Number(reserve1)];
    curve.liquidity = Math.sqrt(x) * Math.sqrt(y);
    curve.sqrtPrice = Math.sqrt(y / x);
    curve.gamma[0] = 1 - feePips[0] / 1e6;
    curve.gamma[1] = 1 - feePips[1] / 1e6;
    return curve;
  },
  curveError: { relative: 1e-9, units: 1 },
  swapCall: (_, { indexIn }) => ({ form: "v2", zeroForOne: indexIn === 0 }),
  // Measured: V2→V2→V2 226,528 against V2→V2 176,093 (libs/contracts/README.md).
  swapGas: () => 51_000,
  // Camelot's pairs round their fee down apart, so `swap` may let go a little more than they say themselves; what they say is what we quote.
  ask: (client, at, deployment, questions) => (feePlaceOf(deployment) === "reserves" ? askViews : askPairs)(client, at, questions),
};

/** 0n where the pair does not do the swap. */
function amountOutOf({ reserve0, reserve1, feePips }: V2State, { amountIn, indexIn }: SwapExactIn): bigint {
  const reserveIn = indexIn === 0 ? reserve0 : reserve1;
  const reserveOut = indexIn === 0 ? reserve1 : reserve0;
  const fee = feePips[indexIn as 0 | 1];
  if (amountIn <= 0n || reserveIn === 0n || reserveOut === 0n || fee >= STABLE || reserveIn + amountIn > MAX_RESERVE) return 0n;
  return amountOutExactIn({ amountIn, reserveIn, reserveOut, feePips: BigInt(fee) });
}

function setFees(state: V2State, [fee0, fee1]: readonly [number, number]): void {
  state.feePips[0] = fee0;
  state.feePips[1] = fee1;
}

const isNo = (answer: string | null | undefined): boolean => isWord(answer) && uintAt(answer, 0) === 0n;

/** token0FeePercent and token1FeePercent, from this word on. */
const camelotFees = (data: string, word: number): [number, number] => [
  Number(uintAt(data, word)) * PIPS_PER_CAMELOT_UNIT,
  Number(uintAt(data, word + 1)) * PIPS_PER_CAMELOT_UNIT,
];

/** Null where the pair does not say its fee, or one that is everything or finer than we count. */
function feesOf(
  { id, feeBps }: DexDeployment,
  place: FeePlace,
  reserves: string,
  more: string | null | undefined,
): [number, number] | null {
  if (place === "deployment") {
    invariant(feeBps !== undefined, `${id}: its deployment states the fee`);
    return [feeBps * 100, feeBps * 100];
  }
  if (place === "reserves") {
    if (reserves.length < 2 + 4 * 64 || !isWord(more)) return null;
    const [fee0, fee1] = camelotFees(reserves, 2);
    return isNo(more) ? [fee0, fee1] : [STABLE + fee0, STABLE + fee1];
  }
  if (!isWord(more)) return null;
  const pips = uintAt(more, 0) * BigInt(PIPS);
  if (pips % place.whole !== 0n || pips >= place.whole * BigInt(PIPS)) return null;
  return [Number(pips / place.whole), Number(pips / place.whole)];
}
