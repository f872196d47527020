import { CREATED, MOVED, SELECTORS, TOKEN_EXCHANGE } from "#libs/dex/curve-stableswap/abi.ts";
import { describePools } from "#libs/dex/curve-stableswap/describe.ts";
import { FloatCurve } from "#libs/dex/curve-stableswap/float-curve.ts";
import { getDyAnswers, getDyData } from "#libs/dex/curve-stableswap/get-dy.ts";
import { adminFeeOf, type Exchange, exchange, type Solved, solve } from "#libs/dex/curve-stableswap/math.ts";
import { type Info, readRows, SETTLED, STALE } from "#libs/dex/curve-stableswap/read.ts";
import { emptyState, forget, rowOfState, type StableSwapState, setRow, solvedOf, termsOf } from "#libs/dex/curve-stableswap/state.ts";
import type { Family, Question, Said, SmoothCurve, SwapExactIn } from "#libs/dex/family.ts";
import { readerAt } from "#libs/evm/chain-reader.ts";
import { addressAt, intAt, isWord, padWord, uintAt } from "#libs/evm/hex.ts";
import { type Address, asAddress } from "#libs/units/brand.ts";
import { invariant } from "#libs/units/invariant.ts";
import type { LogRow } from "#proto/block/v1/observed.ts";

/** Of a pool with nothing in it. */
const NOTHING: SmoothCurve = { kind: "smooth", amountOut: () => 0, rate: () => 0, largestIn: () => 0 };

/** Whether what a swap costs moves with something that this pool emits no event of. */
const floats = ({ facts }: Info): boolean => facts.rates !== "fixed";

interface Exchanged extends Exchange {
  readonly solved: Solved;
}

/** Null where the pool does not do the exchange. */
function exchangeOf(info: Info, state: StableSwapState, { indexIn, indexOut, amountIn }: SwapExactIn): Exchanged | null {
  if (state.status === STALE || indexIn === indexOut || info.tokens[indexIn] === undefined || info.tokens[indexOut] === undefined)
    return null;
  const solved = solvedOf(info, state);
  const swap = solved === null ? null : exchange(solved, indexIn, indexOut, amountIn);
  return solved === null || swap === null ? null : { ...swap, solved };
}

/** What it leaves to the pool: the admin's part of the fee is not. */
function balancesAfter({ balances, adminFee }: StableSwapState, { indexIn, indexOut, amountIn }: SwapExactIn, swap: Exchanged): bigint[] {
  const paid = swap.amountOut + adminFeeOf(swap.solved, indexOut, swap, BigInt(adminFee));
  return balances.map((each, index) => (index === indexIn ? each + amountIn : index === indexOut ? each - paid : each));
}

/**
 * An exchange whose payment we compute to the unit is followed from the event: then the fee that goes to the admin, which no event tells, is known too. Any
 * other event (liquidity whose fee split is not in it, A, fees, a rate that moved) leaves the pool to be read again.
 */
function follow(info: Info, state: StableSwapState, [, topics, data]: LogRow): void {
  if (topics[0] === TOKEN_EXCHANGE) {
    const swap = { indexIn: Number(intAt(data, 0)), amountIn: uintAt(data, 1), indexOut: Number(intAt(data, 2)) };
    const exchanged = exchangeOf(info, state, swap);
    if (exchanged !== null && exchanged.amountOut === uintAt(data, 3)) {
      state.balances = balancesAfter(state, swap, exchanged);
      forget(state);
      return;
    }
  }
  state.status = STALE;
}

/**
 * Curve's pools on the StableSwap invariant: plain pools and metapools (the coin against the base pool's token) of the first registry, the factories and
 * StableSwap-NG. Pools of ether, of lending tokens and of rebasing tokens are refused.
 */
export const curveStableSwap: Family<"curve-stableswap", StableSwapState> = {
  id: "curve-stableswap",
  variants: ["stableswap-v1", "stableswap-ng"],

  knownView: () => ({ name: "pool_count()", data: SELECTORS["pool_count()"] }),
  topics: () => ({ created: Object.values(CREATED), state: Object.values(MOVED) }),
  decodeCreated: () => null,
  async enumerate(reader, { factory }, fromIndex) {
    const count = Number(uintAt(await reader.call(factory, SELECTORS["pool_count()"]), 0));
    const indices = Array.from({ length: Math.max(0, count - fromIndex) }, (_, index) => BigInt(fromIndex + index));
    const answers = await reader.multicall(
      indices.map((index) => ({ target: factory, data: `${SELECTORS["pool_list(uint256)"]}${padWord(index)}` })),
    );
    return answers.map((answer, index): Address => {
      invariant(isWord(answer), `${factory}: pool_list(${indices[index]}) does not answer`);
      return asAddress(addressAt(answer, 0));
    });
  },
  describe: describePools,

  poolOf: ([address]) => asAddress(address),
  created: emptyState,
  isLive: ({ balances, status }) => status !== STALE && balances.length > 0 && balances.every((balance) => balance > 0n),
  applyLog(info, state, log) {
    const undo = rowOfState(info, state);
    follow(info, state, log);
    return undo;
  },
  applyRow: setRow,
  toRow: rowOfState,
  toChangeRow: (info, state) => rowOfState(info, state),
  mergeUndo: (earlier) => earlier,
  read: (reader, _deployment, pools) => readRows(reader, pools, null),
  refresh: {
    needed: (info, { balances, status }) => balances.length > 0 && (status !== SETTLED || floats(info)),
    read: (reader, _deployment, pools, timestamp) => readRows(reader, pools, timestamp),
  },

  quoteExactIn: (info, state, swap) => (swap.amountIn <= 0n ? 0n : (exchangeOf(info, state, swap)?.amountOut ?? 0n)),
  /**
   * Balances without what the admin gets. What else an exchange writes is no part of a quote: the averages of EMA and NG pools, and the base pool's price that
   * a metapool of 2020 caches, which the rates have already. A swap in the base pool itself moves that price, and with it the metapool: this row knows of its
   * own swap only.
   */
  afterSwap(info, state, swap) {
    const exchanged = swap.amountIn <= 0n ? null : exchangeOf(info, state, swap);
    if (exchanged === null || exchanged.amountOut === 0n) return null;
    return rowOfState(info, { ...state, balances: balancesAfter(state, swap, exchanged) });
  },
  quotableAgain: () => true,
  restsOn: ({ facts: { basePool } }) => (basePool === undefined ? [] : [asAddress(basePool)]),
  holdings: (_info, { balances }) => [...balances],
  curve(info, state) {
    if (state.curve === undefined) {
      const solved = solvedOf(info, state);
      if (solved === null) return NOTHING;
      state.curve = new FloatCurve(solved);
    }
    return state.curve;
  },
  // A unit of the input that the contract rounds off costs as many units as the price is off its peg: measured to 610 where coins are 1 : 1,000 apart.
  curveError: { relative: 1e-9, units: 2_000 },

  swapCall: (_info, { indexIn, indexOut }) => ({ form: "curve", i: indexIn, j: indexOut }),
  // Orders of magnitude: Newton's method costs by the coin; a base pool's virtual price solves a second invariant, oracles are written and rates asked for.
  swapGas: ({ tokens, facts }) =>
    70_000 +
    15_000 * tokens.length +
    (facts.basePool === undefined ? 0 : 60_000) +
    (facts.lineage === "ng" ? 40_000 : 0) +
    (facts.rates === "stored" ? 20_000 : 0),

  async ask(client, at, _deployment, questions) {
    const answers = await readerAt(client, at).multicall(
      questions.map(({ info, indexIn, indexOut, amountIn }) => ({ target: info.pool, data: getDyData(indexIn, indexOut, amountIn) })),
    );
    return questions.map((question, index) => said(question, answers[index] ?? null));
  },
};

/**
 * get_dy does not always compute as exchange does: it may take the fee of raw units (which gives a unit more or less), or A in whole numbers. Where it answers
 * what it should by the row, invariant and fee agree, and the exchange computed from that row stands for the pool's.
 */
function said({ info, row, indexIn, indexOut, amountIn }: Question<"curve-stableswap">, answer: string | null): Said {
  if (!isWord(answer)) return { amountOut: 0n, reason: "get_dy reverts" };
  const theirs = uintAt(answer, 0);
  const terms = termsOf(info, row);
  const solved = solve(terms);
  if (solved !== null && getDyAnswers(terms, info.facts.view)(indexIn, indexOut, amountIn).includes(theirs))
    return { amountOut: exchange(solved, indexIn, indexOut, amountIn)?.amountOut ?? 0n, reason: null };
  return info.facts.view === "as-exchange"
    ? { amountOut: theirs, reason: null }
    : { amountOut: null, reason: `get_dy answers ${theirs}, which is not what our state makes of it` };
}
