import { id } from "ethers";
import fc from "fast-check";
import { balancerV2 } from "#libs/dex/balancer-v2/index.ts";
import { AMP_PRECISION } from "#libs/dex/balancer-v2/stable-math.ts";
import { type BalancerState, derivedOf, type Info, type Row } from "#libs/dex/balancer-v2/state.ts";
import { type ConformanceSpec, FACTORY, magnitudes, POOL, type Subject, stableInvariant, tokensOf } from "#libs/dex/conformance.ts";
import { padWord } from "#libs/evm/hex.ts";
import { invariant } from "#libs/units/invariant.ts";
import type { LogRow } from "#proto/block/v1/observed.ts";

/** The deployment's factory is the vault. */
const VAULT = FACTORY;
const POOL_ID = `${POOL}${"0".repeat(20)}00c0`;
const NO_PROVIDER = `0x${"0".repeat(40)}`;
const WAD = 10n ** 18n;
const PERCENT = 10n ** 16n;

type Facts = Info["facts"];

const numbers = <Value>(length: number, each: fc.Arbitrary<Value>) => fc.array(each, { minLength: length, maxLength: length });
const fee = fc.oneof(magnitudes(40, 56), fc.constantFrom(10n ** 12n, 10n ** 17n));
const places = fc.constantFrom(0, 2, 6, 8, 18, 18);

const rowOf = (cash: readonly bigint[], managed: readonly bigint[], swapFee: bigint, amp: bigint, rates: readonly bigint[]): Row => [
  POOL,
  cash.map(String),
  managed.map(String),
  `${swapFee}`,
  false,
  [`${amp}`, false, [], 0],
  rates.map(String),
];

const factsOf = (kind: Facts["kind"], maths: 1 | 2, decimals: readonly number[], more: Partial<Facts>): Facts => ({
  vault: VAULT,
  poolId: POOL_ID,
  kind,
  maths,
  decimals: [...decimals],
  weights: [],
  bptIndex: -1,
  rateProviders: [],
  ...more,
});

/** Whole tokens, 1 to 10^9 of them, with a fraction; of pools without decimals at least a thousand. */
const balanceOf = (decimals: number, spread: fc.Arbitrary<bigint>) =>
  spread.map((tokens) => (decimals === 0 ? 1_000n : 1n) + ((tokens * 10n ** BigInt(decimals)) >> 20n));

/** Percents that add up to a hundred, none below the least that pools allow. */
const weightsOf = (count: number) =>
  numbers(count, fc.integer({ min: 0, max: 1_000 })).map((shares) => {
    const total = shares.reduce((sum, share) => sum + share, 1);
    const percents = shares.map((share) => 1 + Math.floor((share * (100 - count)) / total));
    percents[0] = (percents[0] as number) + 100 - percents.reduce((sum, percent) => sum + percent, 0);
    return percents.map((percent) => `${BigInt(percent) * PERCENT}`);
  });

const weighted: fc.Arbitrary<Subject<"balancer-v2">> = fc.integer({ min: 2, max: 8 }).chain((count) =>
  fc
    .record({ maths: fc.constantFrom(1, 2), decimals: numbers(count, places), weights: weightsOf(count), swapFee: fee })
    .chain(({ maths, decimals, weights, swapFee }) =>
      fc
        .tuple(
          fc.tuple(...decimals.map((each) => balanceOf(each, magnitudes(20, 50)))),
          numbers(count, fc.constantFrom(0n, 0n, 0n, 3n, 10n ** 6n)),
        )
        .map(([cash, managed]) => ({
          info: { pool: POOL, tokens: tokensOf(count), facts: factsOf("weighted", maths as 1 | 2, decimals, { weights }) },
          row: rowOf(cash, managed, swapFee, 0n, []),
        })),
    ),
);

const stable: fc.Arbitrary<Subject<"balancer-v2">> = fc.integer({ min: 2, max: 5 }).chain((count) =>
  fc
    .record({
      kind: fc.constantFrom("stable", "meta-stable", "composable-stable"),
      maths: fc.constantFrom(1, 2),
      decimals: numbers(count, places),
      swapFee: fee,
      amp: fc.oneof(fc.integer({ min: 1, max: 5_000 }), fc.constantFrom(1, 200, 5_000)),
      rates: numbers(count, fc.bigInt({ min: WAD, max: (WAD * 12n) / 10n })),
      depth: magnitudes(24, 50),
      bptIndex: fc.integer({ min: 0, max: count }),
    })
    .chain(({ kind, maths, decimals, swapFee, amp, rates, depth, bptIndex }) =>
      // Within a factor of 64 of each other.
      fc
        .tuple(
          ...decimals.map((each) =>
            balanceOf(
              each,
              magnitudes(14, 20).map((part) => (depth * part) >> 20n),
            ),
          ),
        )
        .map((cash) => {
          const rated = kind !== "stable";
          const providers = tokensOf(count).map((token, index) => (index === 0 ? NO_PROVIDER : token));
          const more = { bptIndex: kind === "composable-stable" ? bptIndex : -1, rateProviders: rated ? providers : [] };
          const facts = factsOf(kind as Facts["kind"], maths as 1 | 2, decimals, more);
          const none = cash.map(() => 0n);
          return {
            info: { pool: POOL, tokens: tokensOf(count), facts },
            row: rowOf(cash, none, swapFee, BigInt(amp) * AMP_PRECISION, rated ? rates : []),
          };
        }),
    ),
);

const pools = fc.oneof(weighted, stable);

const topicOf = (address: string): string => `0x${address.slice(2).padStart(64, "0")}`;
const words = (...values: readonly bigint[]): string => `0x${values.map((value) => padWord(BigInt.asUintN(256, value))).join("")}`;
const ofVault = (signature: string, topics: readonly string[], data: string): LogRow => [
  VAULT,
  [id(signature), POOL_ID, ...topics],
  data,
  0,
  0,
  "0x",
];
const ofPool = (signature: string, data: string, topics: readonly string[] = []): LogRow => [
  POOL,
  [id(signature), ...topics],
  data,
  0,
  0,
  "0x",
];

const SWAP = "Swap(bytes32,address,address,uint256,uint256)";
const CHANGED = "PoolBalanceChanged(bytes32,address,address[],int256[],uint256[])";
const MANAGED = "PoolBalanceManaged(bytes32,address,address,int256,int256)";

function logsOf({ info: { tokens, facts }, row }: Subject<"balancer-v2">): fc.Arbitrary<LogRow> {
  const { kind, bptIndex } = facts;
  const amount = magnitudes(0, 60);
  /** Of what the vault holds at first, so little that a few of them leave some. */
  const part = (value: bigint, index: number) => value % (1n + BigInt(row[1][index] as string) / 16n);
  const index = fc.nat({ max: tokens.length - 1 });
  const tokenTopic = (at: number) => topicOf(tokens[at] as string);
  const all = [
    fc
      .tuple(index, index, amount, amount)
      .map(([from, to, amountIn, amountOut]) => ofVault(SWAP, [tokenTopic(from), tokenTopic(to)], words(amountIn, part(amountOut, to)))),
    fc.tuple(numbers(tokens.length, amount), numbers(tokens.length, fc.bigInt({ min: 0n, max: 1n }))).map(([deltas, fees]) => {
      const count = BigInt(tokens.length);
      const at = (array: bigint) => 96n + array * 32n * (count + 1n);
      return ofVault(
        CHANGED,
        [topicOf(POOL)],
        words(at(0n), at(1n), at(2n), count, ...tokens.map(BigInt), count, ...deltas, count, ...fees),
      );
    }),
    fc
      .tuple(index, amount)
      .map(([at, moved]) => ofVault(MANAGED, [topicOf(POOL), tokenTopic(at)], words(-part(moved, at), part(moved, at)))),
    amount.map((value) => ofPool("SwapFeePercentageChanged(uint256)", words(value))),
    fc.boolean().map((paused) => ofPool("PausedStateChanged(bool)", words(paused ? 1n : 0n))),
  ];
  if (kind === "weighted") return fc.oneof(...all);
  all.push(
    amount.map((value) => ofPool("AmpUpdateStopped(uint256)", words(AMP_PRECISION + value))),
    fc
      .tuple(amount, amount)
      .map(([from, to]) =>
        ofPool("AmpUpdateStarted(uint256,uint256,uint256,uint256)", words(AMP_PRECISION + from, AMP_PRECISION + to, 1_000n, 100_000n)),
      ),
  );
  const rate = fc.bigInt({ min: WAD, max: 2n * WAD });
  if (kind === "meta-stable")
    all.push(fc.tuple(index, rate).map(([at, value]) => ofPool("PriceRateCacheUpdated(address,uint256)", words(value), [tokenTopic(at)])));
  if (kind === "composable-stable") {
    // By its place in the vault, where the pool's own token stands among the others.
    const place = fc.nat({ max: tokens.length }).filter((at) => at !== bptIndex);
    all.push(
      fc.tuple(place, rate).map(([at, value]) => ofPool("TokenRateCacheUpdated(uint256,uint256)", words(value), [words(BigInt(at))])),
    );
  }
  return fc.oneof(...all);
}

/** Balances in rate with 36 decimals, exactly: the pool's own 18 round down. */
const exactBalances = ({ facts }: Info, { cash, managed, rates }: BalancerState): bigint[] =>
  cash.map(
    (each, index) => (each + (managed[index] as bigint)) * 10n ** BigInt(18 - (facts.decimals[index] as number)) * (rates[index] ?? WAD),
  );

export const conformance: ConformanceSpec<"balancer-v2", BalancerState> = {
  family: balancerV2,
  events: {
    "balancer-v2": {
      created: ["PoolRegistered(bytes32,address,uint8)"],
      state: [
        SWAP,
        CHANGED,
        MANAGED,
        "SwapFeePercentageChanged(uint256)",
        "PausedStateChanged(bool)",
        "AmpUpdateStarted(uint256,uint256,uint256,uint256)",
        "AmpUpdateStopped(uint256)",
        "TokenRateCacheUpdated(uint256,uint256)",
        "PriceRateCacheUpdated(address,uint256)",
      ],
    },
  },
  pools,
  /** Paused, without a token, or with an amplification that moves nobody knows how. */
  idle: fc.tuple(pools, fc.constantFrom("paused", "empty", "ramp")).map(([{ info, row }, why]): Subject<"balancer-v2"> => {
    const [pool, cash, managed, swapFee, , amp, rates] = row;
    if (why === "paused") return { info, row: [pool, cash, managed, swapFee, true, amp, rates] };
    const none = cash.map(() => "0");
    if (why === "empty" || amp === null) return { info, row: [pool, none, none, swapFee, false, amp, rates] };
    return { info, row: [pool, cash, managed, swapFee, false, [amp[0], true, [], 0], rates] };
  }),
  logs: (subject) => fc.array(logsOf(subject), { minLength: 1, maxLength: 8 }),
  swapLog: ({ tokens }, _, { indexIn, indexOut, amountIn }, amountOut) =>
    ofVault(SWAP, [topicOf(tokens[indexIn] as string), topicOf(tokens[indexOut] as string)], words(amountIn, amountOut)),
  /** The product of all balances to their weights in percent; D. */
  invariantOf(info, state) {
    const { kind, weights } = info.facts;
    if (kind === "weighted") {
      const totals = state.cash.map((each, index) => each + (state.managed[index] as bigint));
      return [[totals.reduce((product, total, index) => product * total ** (BigInt(weights[index] as string) / PERCENT), 1n), 1n]];
    }
    const balances = exactBalances(info, state);
    return [[stableInvariant(balances, [state.amp * BigInt(balances.length), AMP_PRECISION]), WAD]];
  },
  /** Of a stable pool the D that it has computed itself. */
  keeps: (info, state) => (info.facts.kind === "weighted" ? [] : [[derivedOf(info, state).invariant, 1n]]),
  slack(info, state, swap, amountOut) {
    const { indexIn, indexOut, amountIn } = swap;
    const held = state.cash.map((each, index) => each + (state.managed[index] as bigint));
    const [balanceIn, balanceOut] = [held[indexIn] as bigint, held[indexOut] as bigint];
    // Either way round a power is taken to the pool's favour by 1e-14 of it and more (LogExpMath). Outputs end at 0.3 of a balance, whatever the input.
    if (info.facts.kind === "weighted") {
      const [powerIn, powerOut] = [3n + balanceIn / 10n ** 13n, 3n + balanceOut / 10n ** 13n];
      return { parts: powerOut, again: powerOut, cost: powerIn, bought: powerOut };
    }
    // A balance is the root y of y² + (b − D)·y = c, and c is rounded up before it is multiplied by AMP_PRECISION and the balance (StableMath
    // ._getTokenBalanceGivenInvariantAndAllOtherBalances): y is too high by at most that over 2y + b − D, which is more than y. Once for each quote.
    const { scalingFactors } = derivedOf(info, state);
    const rawUnits = (index: number, scaled: number) => 2 + (scaled * 1e18) / Number(scalingFactors[index]);
    // What the first of two swaps leaves as its fee moves the curve under the second.
    const feeIn = Number(amountIn * state.swapFeePercentage) / 1e18;
    const tooMuchIn = rawUnits(indexIn, Number(AMP_PRECISION));
    const tooLittleOut = rawUnits(indexOut, (Number(AMP_PRECISION) * Number(balanceOut)) / Number(balanceOut - amountOut));
    const curve = balancerV2.curve(info, state);
    invariant(curve.kind === "smooth", "a smooth curve");
    const [margin, rate] = [curve.rate(0, swap), curve.rate(Number(amountIn), swap)];
    return {
      parts: BigInt(Math.ceil(2 * tooLittleOut + (tooMuchIn + feeIn) * margin)),
      again: BigInt(Math.ceil(2 * tooLittleOut + tooMuchIn * margin)),
      cost: BigInt(Math.ceil(tooMuchIn + tooLittleOut / rate)),
      bought: BigInt(Math.ceil(tooLittleOut + tooMuchIn * rate)),
    };
  },
};
