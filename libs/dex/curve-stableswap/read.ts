import { SELECTORS } from "#libs/dex/curve-stableswap/abi.ts";
import { FEE_DENOMINATOR, rampedA } from "#libs/dex/curve-stableswap/math.ts";
import type { ChainReader, PoolInfo, RowOf } from "#libs/dex/family.ts";
import { isWord, padWord, uintAt } from "#libs/evm/hex.ts";
import type { Call } from "#libs/evm/multicall.ts";
import type { FactsOf } from "#proto/pool/v1/state.ts";

export type Info = PoolInfo<"curve-stableswap">;
export type Facts = FactsOf<"curve-stableswap">;
export type Row = RowOf<"curve-stableswap">;

/** How far a row can be relied upon: the events tell all that moves; A ramps, so that it holds for one block; an event moved the pool by an amount that it does not tell. */
export const SETTLED = 0;
export const RAMPING = 1;
export const STALE = 2;

/** Creation code that returns block.timestamp: TIMESTAMP PUSH1 0 MSTORE PUSH1 32 PUSH1 0 RETURN. */
const TIMESTAMP_CODE = "0x4260005260206000f3";
/** Seconds for which a metapool of 2020 keeps its base pool's virtual price. Source: SwapTemplateMeta.vy BASE_CACHE_EXPIRES. */
const BASE_CACHE_EXPIRES = 600n;
/** Seconds after the end of a ramp for which the pool is still read: the block after this one may come earlier than expected. */
const RAMP_MARGIN = 120n;

/** Items of a dynamic uint256 array; null where the answer is none. */
export function uintArray(answer: string | null | undefined): bigint[] | null {
  if (!isWord(answer) || answer.length < 130 || uintAt(answer, 0) !== 32n) return null;
  const length = Number(uintAt(answer, 1));
  if (answer.length < 130 + 64 * length) return null;
  return Array.from({ length }, (_, index) => uintAt(answer, 2 + index));
}

function callsOf({ pool, tokens, facts }: Info): Call[] {
  const own = (data: string): Call => ({ target: pool, data });
  const calls = [
    own(SELECTORS["fee()"]),
    own(SELECTORS["admin_fee()"]),
    own(SELECTORS["initial_A()"]),
    own(SELECTORS["future_A()"]),
    own(SELECTORS["initial_A_time()"]),
    own(SELECTORS["future_A_time()"]),
    ...tokens.map((_, index) => own(`${SELECTORS["balances(uint256)"]}${padWord(BigInt(index))}`)),
  ];
  if (facts.lineage === "ng") calls.push(own(SELECTORS["offpeg_fee_multiplier()"]));
  if (facts.rates === "stored") calls.push(own(SELECTORS["stored_rates()"]));
  if (facts.basePool !== undefined && facts.rates !== "stored")
    calls.push({ target: facts.basePool, data: SELECTORS["get_virtual_price()"] });
  if (facts.rates === "base-cached") calls.push(own(SELECTORS["base_virtual_price()"]), own(SELECTORS["base_cache_updated()"]));
  return calls;
}

/** The row of a pool from the answers to `callsOf`, for a swap at `timestamp`; null where one is missing. */
function rowOf({ pool, tokens, facts }: Info, answers: readonly (string | null)[], timestamp: bigint): Row | null {
  if (!answers.every(isWord)) return null;
  let next = 0;
  const answer = (): string => answers[next++] as string;
  const uint = (): bigint => uintAt(answer(), 0);
  const [fee, adminFee] = [uint(), uint()];
  if (fee > FEE_DENOMINATOR || adminFee > FEE_DENOMINATOR) return null;
  const ramp = { A0: uint(), A1: uint(), t0: uint(), t1: uint() };
  const balances = tokens.map(() => uint());
  const offpegFeeMultiplier = facts.lineage === "ng" ? uint() : 0n;
  let rates: readonly bigint[] | null = facts.multipliers.map(BigInt);
  if (facts.rates === "stored") rates = uintArray(answer());
  else if (facts.basePool !== undefined) {
    const current = uint();
    const cached = facts.rates === "base-cached" ? { price: uint(), updated: uint() } : null;
    rates = rates.with(-1, cached === null || timestamp > cached.updated + BASE_CACHE_EXPIRES ? current : cached.price);
  }
  if (rates?.length !== tokens.length) return null;
  const amp = rampedA(ramp, timestamp);
  const status = timestamp < ramp.t1 + RAMP_MARGIN ? RAMPING : SETTLED;
  return [
    pool,
    balances.map(String),
    rates.map(String),
    amp.toString(),
    Number(fee),
    Number(adminFee),
    offpegFeeMultiplier.toString(),
    status,
  ];
}

/** Rows of these pools at the reader's block, with A and cached prices as they are at `timestamp`: null for that block's own. Pools that do not answer are left out. */
export async function readRows(reader: ChainReader, pools: readonly Info[], timestamp: number | null): Promise<Row[]> {
  if (pools.length === 0) return [];
  const calls = pools.map(callsOf);
  const [answers, at] = await Promise.all([
    reader.multicall(calls.flat()),
    timestamp === null ? reader.call(null, TIMESTAMP_CODE).then((word) => uintAt(word, 0)) : BigInt(timestamp),
  ]);
  let start = 0;
  return pools.flatMap((info, index) => {
    const end = start + (calls[index] as Call[]).length;
    const row = rowOf(info, answers.slice(start, end), at);
    start = end;
    return row === null ? [] : [row];
  });
}
