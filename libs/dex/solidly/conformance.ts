import { id } from "ethers";
import fc from "fast-check";
import { type ConformanceSpec, FACTORY, magnitudes, POOL, type Subject, tokensOf } from "#libs/dex/conformance.ts";
import type { Direction } from "#libs/dex/family.ts";
import { type SolidlyState, solidly } from "#libs/dex/solidly/index.ts";
import { _k } from "#libs/dex/solidly/math.ts";
import { padWord } from "#libs/evm/hex.ts";
import type { LogRow } from "#proto/block/v1/observed.ts";

const VARIANTS = ["solidly-v1", "velodrome-v2", "ramses-v3-legacy", "mute"] as const;
const FEE_SOURCE = {
  "solidly-v1": "factory.getFee(stable)",
  "velodrome-v2": "factory.getFee(pair,stable)",
  "ramses-v3-legacy": "pair.fee()",
  mute: "pair.pairFee()",
} as const;
const PIPS = 1_000_000n;

const emit = (signature: string, topics: readonly bigint[], words: readonly bigint[], emitter: string = POOL): LogRow => [
  emitter,
  [id(signature), ...topics.map((topic) => `0x${padWord(topic)}`)],
  `0x${words.map(padWord).join("")}`,
  0,
  0,
  "0x",
];
const syncOf = (variant: string): string => (variant === "ramses-v3-legacy" ? "Sync(uint112,uint112)" : "Sync(uint256,uint256)");

type Facts = Subject<"solidly">["info"]["facts"];

/** More than a whole token of either, and 10^9 at most: an amount that is small against a unit has no price. */
function reservesOf({ stable, decimals0, decimals1 }: Facts): fc.Arbitrary<readonly [bigint, bigint]> {
  if (!stable) return fc.tuple(magnitudes(10, 110), magnitudes(10, 110));
  return fc
    .record({ tokens: magnitudes(20, 50), skew: magnitudes(14, 27) })
    .map(({ tokens, skew }) => [(tokens * 10n ** BigInt(decimals0)) >> 20n, (tokens * 10n ** BigInt(decimals1) * skew) >> 40n] as const);
}

const facts = fc
  .record({
    variant: fc.constantFrom(...VARIANTS),
    stable: fc.boolean(),
    decimals0: fc.constantFrom(6, 8, 18),
    decimals1: fc.constantFrom(6, 18),
  })
  .map((each): Facts => ({ ...each, feeSource: FEE_SOURCE[each.variant] }));
const fee = fc.constantFrom(0, 100, 500, 3_000, 30_000);

const subjects = (row: (facts: Facts) => fc.Arbitrary<readonly [bigint, bigint, number | null]>): fc.Arbitrary<Subject<"solidly">> =>
  facts.chain((known) =>
    row(known).map(([reserve0, reserve1, feePips]) => ({
      info: { pool: POOL, tokens: tokensOf(2), facts: known },
      row: [POOL, `${reserve0}`, `${reserve1}`, feePips],
    })),
  );

function logOf({ variant }: Facts): fc.Arbitrary<LogRow> {
  const amount = magnitudes(0, 110);
  const sync = fc.tuple(amount, amount).map((words) => emit(syncOf(variant), [], words));
  const units = fc.constantFrom(0n, 1n, 30n, 420n);
  if (variant === "velodrome-v2")
    return fc.oneof(
      sync,
      units.map((value) => emit("SetCustomFee(address,uint256)", [BigInt(POOL)], [value], FACTORY)),
    );
  if (variant === "ramses-v3-legacy")
    return fc.oneof(
      sync,
      units.map((value) => emit("SetPairFee(address,uint256)", [BigInt(POOL), value], [], FACTORY)),
    );
  if (variant === "mute")
    return fc.oneof(
      sync,
      units.map((value) => emit("ChangeFee(uint256,uint256)", [], [value, 1n])),
    );
  return sync;
}

export const conformance: ConformanceSpec<"solidly", SolidlyState> = {
  family: solidly,
  events: {
    "solidly-v1": { created: ["PairCreated(address,address,bool,address,uint256)"], state: ["Sync(uint256,uint256)"] },
    "velodrome-v2": {
      created: ["PoolCreated(address,address,bool,address,uint256)"],
      state: ["Sync(uint256,uint256)", "SetCustomFee(address,uint256)"],
    },
    "ramses-v3-legacy": {
      created: ["PairCreated(address,address,address,uint256)", "PairCreated(address,address,bool,address,uint256)"],
      state: ["Sync(uint112,uint112)", "Sync(uint256,uint256)", "SetPairFee(address,uint256)"],
    },
    mute: {
      created: ["PairCreated(address,address,bool,address,uint256,uint256)"],
      state: ["Sync(uint256,uint256)", "ChangeFee(uint256,uint256)"],
    },
  },
  variantOf: (info) => info.facts.variant,
  pools: subjects((known) => fc.tuple(reservesOf(known), fee).map(([reserves, feePips]) => [...reserves, feePips])),
  /** Empty, or with a fee that nobody knows until it is read. */
  idle: subjects((known) =>
    fc.oneof(
      fee.map((feePips) => [0n, 0n, feePips] as const),
      reservesOf(known).map((reserves) => [...reserves, null] as const),
    ),
  ),
  logs: ({ info }) => fc.array(logOf(info.facts), { minLength: 1, maxLength: 8 }),
  swapLog({ facts: { variant } }, { reserve0, reserve1, feePips }, { amountIn, indexIn }, amountOut) {
    // The fee leaves the pair, but for Ramses V3's.
    const kept = variant === "ramses-v3-legacy" ? amountIn : amountIn - (amountIn * BigInt(feePips ?? 0)) / PIPS;
    return emit(syncOf(variant), [], indexIn === 0 ? [reserve0 + kept, reserve1 - amountOut] : [reserve0 - amountOut, reserve1 + kept]);
  },
  /** k as the pair computes it: that is what its `swap` compares. */
  invariantOf: ({ facts: known }, { reserve0, reserve1 }) => [[_k(known, reserve0, reserve1), 1n]],
  slack(info, state, direction) {
    const { stable } = info.facts;
    // Newton's method ends a unit of 1e-18 apart, which is one of a token that has as many decimals. A fee is rounded down in each of two swaps.
    const newton = stable ? 1n : 0n;
    return { order: newton, again: 2n * newton, parts: 2n * newton + (state.feePips === 0 ? 0n : unitWorth(info, state, direction)) };
  },
};

/** What a unit of the token that comes in is worth at most of the other: at the margin. */
function unitWorth(info: Subject<"solidly">["info"], state: SolidlyState, direction: Direction): bigint {
  const curve = solidly.curve(info, state);
  // The unit is the fee's: none is taken of it.
  if (curve.kind === "smooth") return BigInt(Math.ceil(curve.rate(0, direction) / (1 - (state.feePips ?? 0) / 1e6)));
  const price = curve.sqrtPrice * curve.sqrtPrice;
  return BigInt(Math.ceil(direction.indexIn === 0 ? price : 1 / price));
}
