import type { DexDeployment } from "#libs/chains/chain.ts";
import type { ChainReader, Family, PoolInfo, RangeCurve } from "#libs/dex/family.ts";
import { amountOutCall, askPairs } from "#libs/dex/solidly/ask.ts";
import { StableCurve } from "#libs/dex/solidly/curve.ts";
import { FEE_SOURCES, type FeeSource, feeCall, feePipsOf } from "#libs/dex/solidly/fees.ts";
import { amountOutExactIn, getAmountOut, keptOf, REVERTED, type Reserves, type Variant } from "#libs/dex/solidly/math.ts";
import { addressAt, addressOfTopic, addressWord, isWord, padWord, uintAt } from "#libs/evm/hex.ts";
import { type Address, asAddress } from "#libs/units/brand.ts";
import { invariant } from "#libs/units/invariant.ts";
import type { StateRowOf } from "#proto/pool/v1/state.ts";

type Info = PoolInfo<"solidly">;
type Row = StateRowOf<"solidly">;

export interface SolidlyState {
  reserve0: bigint;
  reserve1: bigint;
  /** 1e-6. Null while it is not known: before the first reading, and after an event that says "the default again" without saying what that is. */
  feePips: number | null;
  /** `_k` of the reserves, null until a quote needs it. */
  k: bigint | null;
  curve: RangeCurve | StableCurve | null;
}

const TOPICS = {
  /** PairCreated(address,address,bool,address,uint256) */
  pairCreated: "0xc4805696c66d7cf352fc1d6bb633ad5ee82f6cb577c453024b6e0eb8306c6fc9",
  /** PairCreated(address,address,bool,address,uint256,uint256) of Mute */
  pairCreatedWithFee: "0x25bc54a32c894b07fd47ed3cc4296ec7d97a974e5ebd17c9f5163afddaf107fa",
  /** PairCreated(address,address,address,uint256) of Ramses V3, which does not say whether a pair is stable */
  pairCreatedUnsaid: "0x0d3648bd0f6ba80134a33ba9275ac585d9d315f0ad8355cddefde31afa28d0e9",
  /** PoolCreated(address,address,bool,address,uint256) of Velodrome V2, with `stable` among the topics */
  poolCreated: "0x2128d88d14c80cb081c1252a5acff7a264671bf199ce226b53788fb26065005e",
  /** Sync(uint256,uint256) */
  sync: "0xcf2aa50876cdfbb541206f89af0ee78d44a2abf8d328e37fa4917f982149848a",
  /** Sync(uint112,uint112) of Ramses V3 */
  sync112: "0x1c411e9a96e071241c2f21f7726b17ae89e3cab4c78be50e062b03a9fffbbad1",
  /** SetCustomFee(address indexed pool, uint256 fee) of Velodrome's factory */
  setCustomFee: "0xae468ce586f9a87660fdffc1448cee942042c16ae2f02046b134b5224f31936b",
  /** SetPairFee(address indexed pair, uint256 indexed fee) of Ramses V3's factory */
  setPairFee: "0xc792b1e9d2b63c63a75f8146a0b5bd7f568bdd6a0b97b9c31d585398718d4c46",
  /** ChangeFee(uint256 pairFee, uint256 liqFee) of Mute's pairs */
  changeFee: "0x91e72fa36e0202be93e86c97a3d3d3497cf0a06cf859b14b616a304367835a8e",
} as const;

const SELECTORS = {
  /** metadata() */ metadata: "0x392f37e9",
  /** getReserves() */ getReserves: "0x0902f1ac",
  /** isPaused() */ isPaused: "0xb187bd26",
  /** getPair(address,address,bool) */ getPair: "0x6801cc30",
  /** getPool(address,address,bool) */ getPool: "0x79bc57d5",
  /** allPairsLength() */ allPairsLength: "0x574f2ba3",
  /** allPairs(uint256) */ allPairs: "0x1e3dd18b",
  /** allPoolsLength() */ allPoolsLength: "0xefde4e64",
  /** allPools(uint256) */ allPools: "0x41d1de97",
} as const;

/** SetCustomFee writes 0 for "the default" and this for "no fee". Source: PoolFactory.ZERO_FEE_INDICATOR. */
const ZERO_FEE_INDICATOR = 420n;

interface VariantFacts {
  readonly created: readonly string[];
  readonly state: readonly string[];
  readonly list: { readonly length: string; readonly at: string; readonly find: string };
  /** In the order in which they are tried. */
  readonly fees: readonly FeeSource[];
}

const PAIRS = { length: SELECTORS.allPairsLength, at: SELECTORS.allPairs, find: SELECTORS.getPair };
const VARIANT_FACTS: Record<Variant, VariantFacts> = {
  "solidly-v1": { created: [TOPICS.pairCreated], state: [TOPICS.sync], list: PAIRS, fees: Object.keys(FEE_SOURCES) as FeeSource[] },
  "velodrome-v2": {
    created: [TOPICS.poolCreated],
    state: [TOPICS.sync, TOPICS.setCustomFee],
    list: { length: SELECTORS.allPoolsLength, at: SELECTORS.allPools, find: SELECTORS.getPool },
    fees: ["factory.getFee(pair,stable)"],
  },
  "ramses-v3-legacy": {
    created: [TOPICS.pairCreatedUnsaid, TOPICS.pairCreated],
    state: [TOPICS.sync112, TOPICS.sync, TOPICS.setPairFee],
    list: PAIRS,
    fees: ["pair.fee()"],
  },
  mute: { created: [TOPICS.pairCreatedWithFee], state: [TOPICS.sync, TOPICS.changeFee], list: PAIRS, fees: ["pair.pairFee()"] },
};

function variantOf({ id, variant }: DexDeployment): Variant {
  invariant(variant in VARIANT_FACTS, `${id}: ${variant} is no variant of solidly`);
  return variant as Variant;
}

/** Of 10^n; null for anything else. */
function exponentOf(unit: bigint): number | null {
  const digits = unit.toString();
  return /^10*$/.test(digits) ? digits.length - 1 : null;
}

/**
 * Solidly and its forks: volatile and stable pairs of one factory, which pay fees out (or keep them) and carry none in their events. Which call a pair's fee comes
 * from, and with it the arithmetic, is proved against the pair's own `getAmountOut` before it is described. A default fee that an owner changes, and a factory
 * that is paused, come without an event: rare acts of governance, found when pools are read or verified again, not worth a request at every block.
 *
 * Sources: see math.ts and fees.ts; PoolFactory.sol of Velodrome V2, PairFactory.sol of Ramses V3.
 */
export const solidly: Family<"solidly", SolidlyState> = {
  id: "solidly",
  variants: Object.keys(VARIANT_FACTS),
  knownView: ({ variant }) =>
    variant === "velodrome-v2" ? { name: "allPoolsLength()", data: "0xefde4e64" } : { name: "allPairsLength()", data: "0x574f2ba3" },
  topics: (deployment) => VARIANT_FACTS[variantOf(deployment)],
  decodeCreated([, topics, data]) {
    return asAddress(addressAt(data, topics[0] === TOPICS.poolCreated || topics[0] === TOPICS.pairCreatedUnsaid ? 0 : 1));
  },
  async enumerate(reader, deployment, fromIndex) {
    const { length, at } = VARIANT_FACTS[variantOf(deployment)].list;
    const { factory } = deployment;
    const count = Number(uintAt(await reader.call(factory, length), 0));
    const indices = Array.from({ length: Math.max(0, count - fromIndex) }, (_, index) => BigInt(fromIndex + index));
    const answers = await reader.multicall(indices.map((index) => ({ target: factory, data: `${at}${padWord(index)}` })));
    return answers.map((answer, index): Address => {
      invariant(isWord(answer), `${factory}: pair ${indices[index]} of its list does not answer`);
      return asAddress(addressAt(answer, 0));
    });
  },
  async describe(reader, deployment, pools) {
    const answers = await reader.multicall(pools.map((target) => ({ target, data: SELECTORS.metadata })));
    const found = answers.map((answer, index) => (answer === null ? null : described(deployment, pools[index] as Address, answer)));
    const known = found.filter((each) => each !== null);
    const { find } = VARIANT_FACTS[variantOf(deployment)].list;
    const owned = await reader.multicall(
      known.map(({ tokens, stable }) => ({
        target: deployment.factory,
        data: `${find}${tokens.map(addressWord).join("")}${padWord(stable ? 1n : 0n)}`,
      })),
    );
    const own = known.filter(({ pool }, index) => isWord(owned[index]) && addressAt(owned[index], 0) === pool);
    const infos = new Map((await withFees(reader, deployment, own)).map((info) => [info.pool, info]));
    return pools.map((pool) => infos.get(pool) ?? null);
  },
  poolOf([address, topics], { factory }) {
    const [topic, pair] = topics;
    if (topic !== TOPICS.setCustomFee && topic !== TOPICS.setPairFee) return asAddress(address);
    return address === factory ? asAddress(addressOfTopic(pair as string)) : null;
  },
  created: () => ({ reserve0: 0n, reserve1: 0n, feePips: null, k: null, curve: null }),
  isLive: ({ reserve0, reserve1, feePips }) => reserve0 > 0n && reserve1 > 0n && feePips !== null,
  applyLog(info, state, [, topics, data]) {
    const undo = this.toRow(info, state);
    switch (topics[0]) {
      case TOPICS.setCustomFee: {
        const fee = uintAt(data, 0);
        state.feePips = fee === 0n ? null : fee === ZERO_FEE_INDICATOR ? 0 : Number(fee) * 100;
        break;
      }
      case TOPICS.setPairFee: {
        const fee = Number(topics[2]);
        state.feePips = fee === 0 ? null : fee;
        break;
      }
      case TOPICS.changeFee:
        state.feePips = Number(uintAt(data, 0)) * 100;
        break;
      default:
        state.reserve0 = uintAt(data, 0);
        state.reserve1 = uintAt(data, 1);
        state.k = null;
    }
    return undo;
  },
  applyRow(state, [, reserve0, reserve1, feePips]) {
    state.reserve0 = BigInt(reserve0);
    state.reserve1 = BigInt(reserve1);
    state.feePips = feePips;
    state.k = null;
  },
  toRow: ({ pool }, { reserve0, reserve1, feePips }) => [pool, reserve0.toString(), reserve1.toString(), feePips],
  toChangeRow(info, state) {
    return this.toRow(info, state);
  },
  mergeUndo: (earlier) => earlier,
  read,
  refresh: {
    needed: (_, { reserve0, feePips }) => feePips === null && reserve0 > 0n,
    read,
  },
  quoteExactIn({ facts }, state, { amountIn, indexIn }) {
    if (amountIn <= 0n || !this.isLive(state)) return 0n;
    return amountOutExactIn(facts, state as Reserves, { amountIn, zeroForOne: indexIn === 0 });
  },
  afterSwap(info, state, swap) {
    const amountOut = this.quoteExactIn(info, state, swap);
    if (amountOut === 0n) return null;
    const { reserve0, reserve1, feePips } = state;
    const kept = keptOf(info.facts, state as Reserves, swap.amountIn);
    const [after0, after1] = swap.indexIn === 0 ? [reserve0 + kept, reserve1 - amountOut] : [reserve0 - amountOut, reserve1 + kept];
    return [info.pool, after0.toString(), after1.toString(), feePips];
  },
  quotableAgain: () => true,
  holdings: (_, { reserve0, reserve1 }) => [reserve0, reserve1],
  curve({ facts }, state) {
    const { reserve0, reserve1 } = state;
    const feePips = state.feePips ?? 0;
    if (facts.stable) {
      const curve = state.curve?.kind === "smooth" ? state.curve : new StableCurve(facts.decimals0, facts.decimals1);
      curve.set(reserve0, reserve1, feePips);
      state.curve = curve;
      return curve;
    }
    const curve = state.curve?.kind === "ranges" ? state.curve : constantProduct();
    const [x, y] = [Number(reserve0), Number(reserve1)];
    curve.liquidity = Math.sqrt(x) * Math.sqrt(y);
    curve.sqrtPrice = Math.sqrt(y / x);
    curve.gamma[0] = curve.gamma[1] = 1 - feePips / 1e6;
    state.curve = curve;
    return curve;
  },
  /** What the division drops, and the unit that Ramses V3's pairs keep. */
  curveError: { relative: 1e-9, units: 2 },
  swapCall: (_, { indexIn }) => ({ form: "v2", zeroForOne: indexIn === 0 }),
  // Measured: 126,000 of a stable and 98,000 to 120,000 of a volatile pair of Aerodrome for a transaction of nothing but the swap, less its 22,000, with the tokens' way in.
  swapGas: ({ facts }) => (facts.stable ? 130_000 : 115_000),
  ask: (client, at, _, questions) => askPairs(client, at, questions),
};

function constantProduct(): RangeCurve {
  const none = new Float64Array(0);
  return {
    kind: "ranges",
    liquidity: 0,
    sqrtPrice: 0,
    gamma: [1, 1],
    sqrtTicks: none,
    liquidityNet: none,
    ticksBelow: 0,
    endless: true,
  };
}

interface Described {
  readonly pool: Address;
  readonly tokens: readonly Address[];
  readonly variant: Variant;
  readonly stable: boolean;
  readonly decimals0: number;
  readonly decimals1: number;
  readonly reserve0: bigint;
  readonly reserve1: bigint;
}

/** Of metadata(): dec0, dec1, r0, r1, st, t0, t1. */
function described(deployment: DexDeployment, pool: Address, metadata: string): Described | null {
  if (metadata.length < 2 + 7 * 64) return null;
  const [decimals0, decimals1] = [exponentOf(uintAt(metadata, 0)), exponentOf(uintAt(metadata, 1))];
  if (decimals0 === null || decimals1 === null) return null;
  return {
    pool,
    tokens: [asAddress(addressAt(metadata, 5)), asAddress(addressAt(metadata, 6))],
    variant: variantOf(deployment),
    stable: uintAt(metadata, 4) !== 0n,
    decimals0,
    decimals1,
    reserve0: uintAt(metadata, 2),
    reserve1: uintAt(metadata, 3),
  };
}

/** A factory and its pairs know the same calls, so a few pairs tell which of them are worth asking of all. */
const PAIRS_TRIED = 3;

async function feeAnswers(
  reader: ChainReader,
  factory: Address,
  pairs: readonly Described[],
  sources: readonly FeeSource[],
): Promise<(string | null)[][]> {
  const calls = pairs.flatMap(({ pool, stable }) => sources.map((source) => feeCall(source, factory, { pair: pool, stable })));
  const answers = await reader.multicall(calls);
  return pairs.map((_, index) => answers.slice(index * sources.length, (index + 1) * sources.length));
}

/** The first fee with which our arithmetic says what the pairs say, both ways. Of a pair without reserves, which says nothing, the first that answers. */
async function withFees(reader: ChainReader, deployment: DexDeployment, pairs: readonly Described[]): Promise<Info[]> {
  const { fees } = VARIANT_FACTS[variantOf(deployment)];
  const { factory } = deployment;
  const tried = fees.length === 1 ? [] : await feeAnswers(reader, factory, pairs.slice(0, PAIRS_TRIED), fees);
  const sources = fees.length === 1 ? fees : fees.filter((source, at) => tried.some((answers) => feePipsOf(source, answers[at]) !== null));
  const own = await feeAnswers(reader, factory, pairs, sources);
  const probes = (pair: Described) => [pair.reserve0, pair.reserve1].map((reserve, indexIn) => ({ amountIn: 1n + reserve / 10n, indexIn }));
  const said = await reader.multicall(
    pairs.flatMap((pair) => probes(pair).map(({ amountIn, indexIn }) => amountOutCall(pair, amountIn, indexIn))),
  );
  return pairs.flatMap((pair, index): Info[] => {
    const { pool, tokens, variant, stable, decimals0, decimals1, reserve0, reserve1 } = pair;
    const feeSource = sources.find((source, at) => {
      const feePips = feePipsOf(source, own[index]?.[at]);
      if (feePips === null) return false;
      if (reserve0 === 0n || reserve1 === 0n) return fees.length === 1 || feePips > 0;
      const reserves = { reserve0, reserve1, feePips, k: null };
      return probes(pair).every(({ amountIn, indexIn }) => {
        const answer = said[2 * index + indexIn];
        return saidBy(pair, reserves, amountIn, indexIn) === (isWord(answer) ? uintAt(answer, 0) : null);
      });
    });
    return feeSource === undefined ? [] : [{ pool, tokens, facts: { variant, stable, decimals0, decimals1, feeSource } }];
  });
}

function saidBy(pair: Described, reserves: Reserves, amountIn: bigint, indexIn: number): bigint | null {
  try {
    return getAmountOut(pair, reserves, { amountIn, zeroForOne: indexIn === 0 });
  } catch (cause) {
    if (cause === REVERTED) return null;
    throw cause;
  }
}

/** Reserves and fees. Of a factory that is paused no pair can be traded: none is live, as if it held nothing. */
async function read(reader: ChainReader, { factory }: DexDeployment, pools: readonly Info[]): Promise<Row[]> {
  const [isPaused, ...answers] = await reader.multicall([
    { target: factory, data: SELECTORS.isPaused },
    ...pools.flatMap(({ pool, facts }) => [
      { target: pool, data: SELECTORS.getReserves },
      feeCall(facts.feeSource, factory, { pair: pool, stable: facts.stable }),
    ]),
  ]);
  const paused = isWord(isPaused) && uintAt(isPaused, 0) !== 0n;
  return pools.flatMap(({ pool, facts }, index): Row[] => {
    const reserves = answers[2 * index];
    if (typeof reserves !== "string" || reserves.length < 130) return [];
    const feePips = feePipsOf(facts.feeSource, answers[2 * index + 1]);
    return [paused ? [pool, "0", "0", feePips] : [pool, uintAt(reserves, 0).toString(), uintAt(reserves, 1).toString(), feePips]];
  });
}
