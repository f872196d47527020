/** For the tests of this family: pools by their numbers, and a chain that answers as Curve's contracts do. */

import { SELECTORS } from "#libs/dex/curve-stableswap/abi.ts";
import { getDyAnswers } from "#libs/dex/curve-stableswap/get-dy.ts";
import type { Terms } from "#libs/dex/curve-stableswap/math.ts";
import type { Facts, Info, Row } from "#libs/dex/curve-stableswap/read.ts";
import type { ChainReader } from "#libs/dex/family.ts";
import { padWord, uintAt } from "#libs/evm/hex.ts";
import { type Address, asAddress } from "#libs/units/brand.ts";

export const addressOf = (number: number): Address => asAddress(`0x${number.toString(16).padStart(40, "0")}`);

export const INFO = (facts: Partial<Facts> & Pick<Facts, "lineage">, coins: number): Info => ({
  pool: addressOf(0xc0),
  tokens: Array.from({ length: coins }, (_, index) => addressOf(0x10 + index)),
  facts: { rates: "fixed", multipliers: Array.from({ length: coins }, () => `${10n ** 18n}`), view: "as-exchange", ...facts },
});

export const rowOfTerms = ({ pool }: Info, terms: Omit<Terms, "lineage">, adminFee: bigint): Row => [
  pool,
  terms.balances.map(String),
  terms.rates.map(String),
  terms.amp.toString(),
  Number(terms.fee),
  Number(adminFee),
  terms.offpegFeeMultiplier.toString(),
  0,
];

export const word = (value: bigint | Address): string => (typeof value === "bigint" ? padWord(value) : value.slice(2).padStart(64, "0"));
export const answer = (...words: readonly (bigint | Address)[]): string => `0x${words.map(word).join("")}`;
export const arrayAnswer = (items: readonly bigint[]): string => answer(32n, BigInt(items.length), ...items);
export const textAnswer = (text: string): string =>
  `${answer(32n, BigInt(text.length))}${Buffer.from(text).toString("hex").padEnd(64, "0")}`;

type Signature = keyof typeof SELECTORS;
/** What a contract answers to its functions: fixed, or by the words that follow the selector. What it has not, reverts. */
export type Contract = Partial<Record<Signature, string | ((...words: readonly bigint[]) => string | null)>>;

/** A chain of such contracts at one block. */
export class FakeChain implements ChainReader {
  readonly contracts = new Map<Address, Contract>();
  timestamp = 1_700_000_000n;

  async call(to: string | null, data: string): Promise<string> {
    if (to === null) return answer(this.timestamp);
    const answered = this.#answer(to, data);
    if (answered === null) throw new Error(`${to} reverts on ${data.slice(0, 10)}`);
    return answered;
  }

  async multicall(calls: readonly { readonly target: string; readonly data: string }[]): Promise<(string | null)[]> {
    return calls.map(({ target, data }) => this.#answer(target, data));
  }

  #answer(to: string, data: string): string | null {
    const contract = this.contracts.get(asAddress(to));
    const found = Object.entries(SELECTORS).find(([, selector]) => data.startsWith(selector));
    const answered = contract?.[found?.[0] as Signature];
    if (typeof answered !== "function") return answered ?? null;
    const words = `0x${data.slice(10)}`;
    return answered(...Array.from({ length: (data.length - 10) / 64 }, (_, index) => uintAt(words, index)));
  }
}

export interface PoolSpec {
  readonly terms: Terms;
  readonly tokens: readonly Address[];
  readonly view?: Facts["view"];
  readonly adminFee?: bigint;
  /** Of A, in the contract's decimals; steady at terms.amp where there is none. */
  readonly ramp?: { readonly A0: bigint; readonly A1: bigint; readonly t0: bigint; readonly t1: bigint };
  /** What else it answers, or null for what it does not. */
  readonly also?: Readonly<Partial<Record<Signature, Contract[Signature] | null>>>;
}

/** A contract that answers as a pool on these terms: what its lineage has, and no more. */
export function poolContract({ terms, tokens, view = "as-exchange", adminFee = 5_000_000_000n, ramp, also = {} }: PoolSpec): Contract {
  const { lineage, amp, balances, rates, fee, offpegFeeMultiplier } = terms;
  const { A0, A1, t0, t1 } = ramp ?? { A0: amp, A1: amp, t0: 0n, t1: 0n };
  const quote = getDyAnswers(terms, view);
  const contract: Contract = {
    "coins(uint256)": (index) => (tokens[Number(index)] === undefined ? null : answer(tokens[Number(index)] as Address)),
    "balances(uint256)": (index) => (balances[Number(index)] === undefined ? null : answer(balances[Number(index)] as bigint)),
    "fee()": answer(fee),
    "admin_fee()": answer(adminFee),
    "initial_A()": answer(A0),
    "future_A()": answer(A1),
    "initial_A_time()": answer(t0),
    "future_A_time()": answer(t1),
    "get_dy(int128,int128,uint256)": (i, j, dx) => {
      const paid = quote(Number(i), Number(j), dx as bigint).at(-1) ?? null;
      return paid === null ? null : answer(paid);
    },
  };
  if (lineage !== "2020") contract["A_precise()"] = answer(amp);
  if (lineage === "ema" || lineage === "ng") contract["ma_exp_time()"] = answer(866n);
  if (lineage === "ng") {
    contract["offpeg_fee_multiplier()"] = answer(offpegFeeMultiplier);
    contract["stored_rates()"] = arrayAnswer(rates);
    contract["N_COINS()"] = answer(BigInt(tokens.length));
    contract["version()"] = textAnswer("v7.0.0");
  }
  const given = Object.entries(also).filter(([, answered]) => answered !== null && answered !== undefined);
  const without = new Set(Object.entries(also).flatMap(([name, answered]) => (answered === null ? [name] : [])));
  return Object.fromEntries([...Object.entries(contract).filter(([name]) => !without.has(name)), ...given]);
}
