import { id } from "ethers";
import fc from "fast-check";
import { type ConformanceSpec, magnitudes, POOL, type Subject, stableInvariant, tokensOf } from "#libs/dex/conformance.ts";
import { CREATED, MOVED } from "#libs/dex/curve-stableswap/abi.ts";
import { curveStableSwap } from "#libs/dex/curve-stableswap/index.ts";
import { aPrecisionOf, FEE_DENOMINATOR, PRECISION, type Solved } from "#libs/dex/curve-stableswap/math.ts";
import type { Info, Row } from "#libs/dex/curve-stableswap/read.ts";
import { type StableSwapState, solvedOf } from "#libs/dex/curve-stableswap/state.ts";
import { padWord } from "#libs/evm/hex.ts";
import type { LogRow } from "#proto/block/v1/observed.ts";

const LINEAGES = ["2020", "2021", "ema", "ng"] as const;
const EXCHANGE = "TokenExchange(address,int128,uint256,int128,uint256)";
const SETTLED = 0;
const STALE = 2;

const emit = (signature: string, ...words: readonly bigint[]): LogRow => [
  POOL,
  [id(signature), `0x${padWord(BigInt(POOL))}`],
  `0x${words.map((word) => padWord(BigInt.asUintN(256, word))).join("")}`,
  0,
  0,
  "0x",
];

const numbers = <Value>(length: number, each: fc.Arbitrary<Value>) => fc.array(each, { minLength: length, maxLength: length });

/** 2 to 8 coins of any decimals, from a few tokens to billions, up to 1 : 64 apart, A from 1 to 10,000, all lineages; rates fixed, or about 1. */
const pools: fc.Arbitrary<Subject<"curve-stableswap">> = fc
  .record({
    lineage: fc.constantFrom(...LINEAGES),
    coins: fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 2, max: 4 }) }, { weight: 1, arbitrary: fc.integer({ min: 5, max: 8 }) }),
    tokens: magnitudes(24, 52),
    A: fc.oneof(fc.bigInt({ min: 1n, max: 10_000n }), fc.constantFrom(1n, 100n, 10_000n)),
    fee: fc.integer({ min: 0, max: 100_000_000 }),
    adminFee: fc.constantFrom(0, 5_000_000_000, 10_000_000_000),
    offpeg: fc.constantFrom(0n, 1n, 2n, 5n, 20n),
    view: fc.constantFrom("as-exchange", "fee-last"),
    moving: fc.boolean(),
  })
  .chain(({ lineage, coins, tokens, A, fee, adminFee, offpeg, view, moving }) =>
    fc
      .record({
        decimals: numbers(coins, fc.constantFrom(2n, 6n, 8n, 18n, 18n)),
        parts: numbers(coins, magnitudes(14, 20)),
        drift: numbers(coins, fc.bigInt({ min: -(10n ** 17n), max: 10n ** 17n })),
      })
      .map(({ decimals, parts, drift }): Subject<"curve-stableswap"> => {
        const multipliers = decimals.map((places) => 10n ** (36n - places));
        const rates = multipliers.map((each, index) => (moving ? (each * (PRECISION + (drift[index] as bigint))) / PRECISION : each));
        const balances = parts.map((part, index) => ((tokens * part * 10n ** (decimals[index] as bigint)) >> 40n) + 1_000n);
        const facts: Info["facts"] = {
          lineage,
          rates: moving ? "stored" : "fixed",
          multipliers: multipliers.map(String),
          view: view as "as-exchange",
        };
        const multiplier = lineage === "ng" ? offpeg * FEE_DENOMINATOR : 0n;
        const row: Row = [
          POOL,
          balances.map(String),
          rates.map(String),
          `${A * aPrecisionOf(lineage)}`,
          fee,
          adminFee,
          `${multiplier}`,
          SETTLED,
        ];
        return { info: { pool: POOL, tokens: tokensOf(coins), facts }, row };
      }),
  );

/** Exchanges as the pool would do them one after the other; now and then one that paid something else, or another event, after which it has to be read again. */
function logs({ info, row }: Subject<"curve-stableswap">): fc.Arbitrary<readonly LogRow[]> {
  const step = fc.record({
    from: fc.nat({ max: 7 }),
    over: fc.nat({ max: 6 }),
    share: magnitudes(0, 20),
    off: fc.oneof({ weight: 9, arbitrary: fc.constant(0n) }, { weight: 1, arbitrary: fc.constant(1n) }),
    other: fc.oneof(
      { weight: 9, arbitrary: fc.constant(null) },
      {
        weight: 1,
        arbitrary: fc.constantFrom(
          "RampA(uint256,uint256,uint256,uint256)",
          "RemoveLiquidityOne(address,uint256,uint256)",
          "ApplyNewFee(uint256)",
        ),
      },
    ),
  });
  return fc.array(step, { minLength: 1, maxLength: 6 }).map((steps) => {
    const state = curveStableSwap.created();
    curveStableSwap.applyRow(state, row);
    return steps.map(({ from, over, share, off, other }) => {
      const indexIn = from % info.tokens.length;
      const indexOut = (indexIn + 1 + (over % (info.tokens.length - 1))) % info.tokens.length;
      const amountIn = 1n + (((state.balances[indexIn] ?? 1n) * share) >> 20n);
      const paid = curveStableSwap.quoteExactIn(info, state, { indexIn, indexOut, amountIn });
      const log = other === null ? emit(EXCHANGE, BigInt(indexIn), amountIn, BigInt(indexOut), paid + off) : emit(other, 1n, 2n, 3n, 4n);
      curveStableSwap.applyLog(info, state, log);
      return log;
    });
  });
}

/** What rounding down `c · D / (x · N)` coin by coin loses at most: what one division drops, the next ones enlarge. */
const dropped = (xs: readonly bigint[], { D, N }: Solved): bigint => xs.reduce((lost, x) => (lost * D) / (x * N) + 2n, 0n);

export const conformance: ConformanceSpec<"curve-stableswap", StableSwapState> = {
  family: curveStableSwap,
  events: Object.fromEntries(
    curveStableSwap.variants.map((variant) => [variant, { created: Object.keys(CREATED), state: Object.keys(MOVED) }]),
  ),
  pools,
  /** To be read again, or with a coin that is not there. */
  idle: fc.tuple(pools, fc.boolean()).map(([{ info, row }, stale]): Subject<"curve-stableswap"> => {
    const [pool, balances, rates, amp, fee, adminFee, offpeg] = row;
    return { info, row: [pool, stale ? balances : balances.map(() => "0"), rates, amp, fee, adminFee, offpeg, stale ? STALE : SETTLED] };
  }),
  logs,
  swapLog: (_, __, { indexIn, indexOut, amountIn }, amountOut) => emit(EXCHANGE, BigInt(indexIn), amountIn, BigInt(indexOut), amountOut),
  /** D of all balances, with 36 decimals, without what the admin takes of the fee. */
  invariantOf(info, { balances, rates, amp }) {
    const exact = balances.map((balance, index) => balance * (rates[index] as bigint));
    return [[stableInvariant(exact, [amp * BigInt(balances.length), aPrecisionOf(info.facts.lineage)]), PRECISION]];
  },
  /** The D that the pool has computed itself, less what its divisions drop. */
  keeps(info, state) {
    const solved = solvedOf(info, state);
    return solved === null ? [] : [[solved.D - dropped(solved.xp, solved), 1n]];
  },
  slack(_, { rates, fee, offpegFeeMultiplier }, { indexIn, indexOut }, amountOut) {
    // Newton's method ends a unit of 1e-18 apart. Off the peg a fee rises with the size of a swap, on all of it; and what is kept as fee stays in the coin that
    // goes out, where a second swap gets some of it.
    const [unitIn, unit] = [indexIn, indexOut].map((index) => 1n + PRECISION / (rates[index] as bigint)) as [bigint, bigint];
    const rises = offpegFeeMultiplier > FEE_DENOMINATOR;
    const most = 1n + (amountOut * BigInt(fee) * (rises ? offpegFeeMultiplier : FEE_DENOMINATOR)) / FEE_DENOMINATOR ** 2n;
    // And towards the peg it falls from one swap to the next.
    const less = rises ? unit + most : unit;
    return { back: unitIn, order: less, again: less, parts: 2n * unit + most };
  },
};
