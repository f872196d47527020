import { poolOfId } from "#libs/dex/balancer-v2/events.ts";
import { queryCall, queryResult, sendQueries } from "#libs/dex/balancer-v2/query.ts";
import { quoteExactIn } from "#libs/dex/balancer-v2/quote.ts";
import { AMP_PRECISION } from "#libs/dex/balancer-v2/stable-math.ts";
import { applyRow, created, type Info, type Row } from "#libs/dex/balancer-v2/state.ts";
import type { ChainReader } from "#libs/dex/family.ts";
import { addressAt, addressWord, isWord, uintAt } from "#libs/evm/hex.ts";
import type { Call } from "#libs/evm/multicall.ts";
import { revertReason } from "#libs/evm/revert.ts";
import { RpcError } from "#libs/evm/rpc-error.ts";
import { type Address, asAddress } from "#libs/units/brand.ts";

const SELECTORS = {
  /** getPoolId() */ getPoolId: "0x38fff2d0",
  /** getVault() */ getVault: "0x8d928af8",
  /** version() */ version: "0x54fd4d50",
  /** getNormalizedWeights() */ getNormalizedWeights: "0xf89f27ed",
  /** getAmplificationParameter() */ getAmplificationParameter: "0x6daccffa",
  /** getScalingFactors() */ getScalingFactors: "0x1dd746ea",
  /** getRateProviders() */ getRateProviders: "0x238a2d59",
  /** getBptIndex() */ getBptIndex: "0x82687a56",
  /** getLastJoinExitData() */ getLastJoinExitData: "0x3c975d51",
  /** getOracleMiscData() */ getOracleMiscData: "0x1ed4eddc",
  /** getSwapEnabled() */ getSwapEnabled: "0x47bc4d92",
  /** getGradualWeightUpdateParams() */ getGradualWeightUpdateParams: "0x7beed220",
  /** getPool(bytes32) */ getPool: "0xf6c00927",
  /** getPoolTokens(bytes32) */ getPoolTokens: "0xf94d4668",
  /** getPoolTokenInfo(bytes32,address) */ getPoolTokenInfo: "0xb05f8e48",
  /** decimals() */ decimals: "0x313ce567",
  /** getPausedState() */ getPausedState: "0x1c0de051",
  /** getSwapFeePercentage() */ getSwapFeePercentage: "0x55c67628",
  /** getTokenRateCache(address) */ getTokenRateCache: "0x7f1260d1",
  /** getPriceRateCache(address) */ getPriceRateCache: "0xb867ee5a",
  /** getRate() */ getRate: "0x679aefce",
} as const;

/** What a pool is asked to tell its kind, in the order of the answers. */
const QUESTIONS = [
  "getPoolId",
  "getVault",
  "version",
  "getNormalizedWeights",
  "getAmplificationParameter",
  "getScalingFactors",
  "getRateProviders",
  "getBptIndex",
  "getLastJoinExitData",
  "getOracleMiscData",
  "getSwapEnabled",
  "getGradualWeightUpdateParams",
] as const;
type Question = (typeof QUESTIONS)[number];

/** Creation code that returns the block's time: TIMESTAMP, MSTORE at 0, RETURN of 32 bytes. */
const TIMESTAMP_CODE = "0x4260005260206000f3";
const ZERO_ADDRESS = `0x${"00".repeat(20)}`;
const WAD = 10n ** 18n;
const ONE = WAD.toString();
const MAX_STABLE_TOKENS = 5;
const MAX_DECIMALS = 18;
/** Dynamic fees, circuit breakers, weights that move: pools of which we have no mathematics answer one of these. */
const FOREIGN = ["getSwapEnabled", "getGradualWeightUpdateParams"] as const;

interface Candidate {
  readonly pool: Address;
  readonly poolId: string;
  readonly kind: Info["facts"]["kind"];
  /** The mathematics that pools with these functions have. */
  readonly maths: 1 | 2;
  readonly weights: readonly string[];
  readonly bptIndex: number;
  /** In the vault's order, as the pool gives them; empty where it has none. */
  readonly rateProviders: readonly string[];
  /** A pool says what it is: needed where nothing else can be asked. */
  readonly named: boolean;
}

/** Pools are anybody's contracts: what they answer is measured before it is read. */
const hasWords = (answer: string | null, count: number): answer is string => answer !== null && answer.length >= 2 + 64 * count;

/** The elements of the only return value, an array of words; none where they are not all there. */
function wordsOf(answer: string): string[] {
  const count = hasWords(answer, 2) ? Number(uintAt(answer, 1)) : 0;
  if (!hasWords(answer, 2 + count)) return [];
  return Array.from({ length: count }, (_, index) => answer.slice(130 + 64 * index, 194 + 64 * index));
}

const uintsOf = (answer: string): string[] => wordsOf(answer).map((word) => BigInt(`0x${word}`).toString());
const addressesOf = (answer: string): Address[] => wordsOf(answer).map((word) => asAddress(`0x${word.slice(24)}`));

/** Pools since 2023 give a JSON text, with the name of their contract in it; "" for those that give none or another. */
function nameOf(version: string | null): string {
  if (!hasWords(version, 2)) return "";
  const text = Buffer.from(version.slice(130, 130 + 2 * Number(uintAt(version, 1))), "hex").toString();
  return /"name":"(\w+)"/.exec(text)?.[1] ?? "";
}

/** The kind that a pool's functions tell, null for any that we have no exact mathematics for. */
function candidateOf(pool: Address, vault: Address, answerTo: (question: Question) => string | null): Candidate | null {
  const [getPoolId, getVault] = [answerTo("getPoolId"), answerTo("getVault")];
  const [getNormalizedWeights, getAmplificationParameter] = [answerTo("getNormalizedWeights"), answerTo("getAmplificationParameter")];
  const [getRateProviders, getBptIndex] = [answerTo("getRateProviders"), answerTo("getBptIndex")];
  const has = (question: Question) => isWord(answerTo(question));
  if (!isWord(getPoolId) || !isWord(getVault) || addressAt(getVault, 0) !== vault || FOREIGN.some(has)) return null;
  const poolId = getPoolId.slice(0, 66);
  if (poolOfId(poolId) !== pool) return null;
  const name = nameOf(answerTo("version"));
  const common = { pool, poolId, weights: [], bptIndex: -1, rateProviders: [], named: name !== "" };
  const isNamed = (expected: string) => !has("version") || name === expected;
  if (isWord(getNormalizedWeights)) {
    if (isWord(getAmplificationParameter) || isWord(getBptIndex) || !isNamed("WeightedPool")) return null;
    return { ...common, kind: "weighted", maths: has("getScalingFactors") ? 2 : 1, weights: uintsOf(getNormalizedWeights) };
  }
  if (!isWord(getAmplificationParameter)) return null;
  if (isWord(getBptIndex)) {
    // Without the second it is a phantom pool, which these replaced.
    if (!isWord(getRateProviders) || !has("getLastJoinExitData") || !isNamed("ComposableStablePool")) return null;
    const rateProviders = addressesOf(getRateProviders);
    return { ...common, kind: "composable-stable", maths: 2, bptIndex: Number(uintAt(getBptIndex, 0)), rateProviders };
  }
  if (isWord(getRateProviders)) {
    if (!has("getOracleMiscData") || !isNamed("MetaStablePool")) return null;
    return { ...common, kind: "meta-stable", maths: 1, rateProviders: addressesOf(getRateProviders) };
  }
  return isNamed("StablePool") ? { ...common, kind: "stable", maths: has("getScalingFactors") ? 2 : 1 } : null;
}

/**
 * Anyone may register anything with a vault, also what burns all gas of a call and takes the others' answers with it: then each half is asked by itself, and in
 * the end the culprit alone, which is none of our pools.
 */
export async function describe(reader: ChainReader, vault: Address, pools: readonly Address[]): Promise<(Info | null)[]> {
  try {
    return await describeTogether(reader, vault, pools);
  } catch (cause) {
    const ended = cause instanceof RpcError && (revertReason(cause) !== null || /gas/i.test(cause.message));
    if (!ended) throw cause;
    if (pools.length <= 1) return pools.map(() => null);
    const half = pools.length >> 1;
    return [...(await describe(reader, vault, pools.slice(0, half))), ...(await describe(reader, vault, pools.slice(half)))];
  }
}

/**
 * Asked in four rounds: functions that tell a pool's kind; its tokens, of the vault; their decimals; and, where it can trade, what the vault says of a few swaps:
 * a pool whose answers are not ours to the unit is none of these kinds, whatever its functions are called. One that cannot trade yet has to say its name.
 */
async function describeTogether(reader: ChainReader, vault: Address, pools: readonly Address[]): Promise<(Info | null)[]> {
  const told = await reader.multicall(pools.flatMap((pool) => QUESTIONS.map((question) => ({ target: pool, data: SELECTORS[question] }))));
  const candidates = pools.map((pool, index) => {
    const own = new Map(QUESTIONS.map((question, at) => [question, told[index * QUESTIONS.length + at] ?? null]));
    return candidateOf(pool, vault, (question) => own.get(question) ?? null);
  });
  const known = candidates.filter((each) => each !== null);
  const registered = await reader.multicall(
    known.flatMap(({ poolId }) =>
      [SELECTORS.getPool, SELECTORS.getPoolTokens].map((data) => ({ target: vault, data: `${data}${poolId.slice(2)}` })),
    ),
  );
  const listed = known.map(({ pool }, index): readonly Address[] | null => {
    const [owner, list] = registered.slice(2 * index, 2 * index + 2);
    if (!isWord(owner) || addressAt(owner, 0) !== pool || !isWord(list)) return null;
    const start = Number(uintAt(list, 0)) / 32;
    return Array.from({ length: Number(uintAt(list, start)) }, (_, at) => asAddress(addressAt(list, start + 1 + at)));
  });
  const tokens = [...new Set(listed.flatMap((each) => each ?? []))];
  const decimals = await reader.multicall(tokens.map((target) => ({ target, data: SELECTORS.decimals })));
  const decimalsOf = new Map(tokens.map((token, index) => [token, isWord(decimals[index]) ? Number(uintAt(decimals[index], 0)) : -1]));
  const infos = known.flatMap((candidate, index) => {
    const info = infoOf(candidate, vault, listed[index] ?? null, decimalsOf);
    return info === null ? [] : [{ info, named: candidate.named }];
  });
  const proven = await prove(reader, vault, infos);
  return pools.map((pool) => proven.get(pool) ?? null);
}

function infoOf(
  candidate: Candidate,
  vault: Address,
  registered: readonly Address[] | null,
  decimalsOf: ReadonlyMap<Address, number>,
): Info | null {
  if (registered === null) return null;
  const { pool, poolId, kind, maths, weights, bptIndex, rateProviders } = candidate;
  if (bptIndex >= 0 && registered[bptIndex] !== pool) return null;
  const tokens = registered.filter((_, index) => index !== bptIndex);
  const decimals = tokens.map((token) => decimalsOf.get(token) ?? -1);
  if (tokens.length < 2 || decimals.some((places) => !(places >= 0 && places <= MAX_DECIMALS))) return null;
  if (kind === "weighted" ? weights.length !== tokens.length || weights.includes("0") : tokens.length > MAX_STABLE_TOKENS) return null;
  if (rateProviders.length > 0 && rateProviders.length !== registered.length) return null;
  const own = rateProviders.filter((_, index) => index !== bptIndex);
  // Rates of one that never change are none to ask for.
  const providers = own.every((provider) => provider === ZERO_ADDRESS) ? [] : own;
  return { pool, tokens, facts: { vault, poolId, kind, maths, decimals, weights: [...weights], bptIndex, rateProviders: providers } };
}

/** Shares of a balance that a pool is asked about, one on either side of where the logarithm changes its series (a tenth). */
const PROOF_SHARES = [1_000n, 7n] as const;

async function prove(
  reader: ChainReader,
  vault: Address,
  infos: readonly { readonly info: Info; readonly named: boolean }[],
): Promise<Map<Address, Info>> {
  const rows = await read(
    reader,
    vault,
    infos.map(({ info }) => info),
  );
  const rowOf = new Map(rows.map((row) => [row[0], row]));
  const proven = new Map<Address, Info>();
  const asked: { readonly info: Info; readonly swap: { amountIn: bigint; indexIn: number; indexOut: number } }[] = [];
  for (const { info, named } of infos) {
    const row = rowOf.get(info.pool);
    if (row === undefined) continue;
    const [, cash, managed] = row;
    if (cash.some((amount, index) => amount === "0" && managed[index] === "0") || row[4]) {
      if (named) proven.set(info.pool, info);
      continue;
    }
    const last = info.tokens.length - 1;
    for (const share of PROOF_SHARES) {
      for (const [indexIn, indexOut] of [
        [0, last],
        [last, 0],
      ] as const) {
        asked.push({ info, swap: { amountIn: BigInt(cash[indexIn] as string) / share, indexIn, indexOut } });
      }
    }
  }
  const answers = await sendQueries(
    reader,
    asked.map(({ info, swap }) => queryCall(vault, info, swap)),
  );
  for (let start = 0; start < asked.length; start += 2 * PROOF_SHARES.length) {
    const { info } = asked[start] as (typeof asked)[number];
    const swaps = asked.slice(start, start + 2 * PROOF_SHARES.length);
    const chains = swaps.map((_, index) => queryResult(answers[start + index] ?? null));
    const other: Info = { ...info, facts: { ...info.facts, maths: info.facts.maths === 1 ? 2 : 1 } };
    // A fork may have taken the mathematics from another moment of the same repository.
    const right = [info, other].find((each) => {
      const state = created();
      applyRow(state, still(rowOf.get(info.pool) as Row));
      return swaps.every(({ swap }, index) => quoteExactIn(each, state, swap) === chains[index]);
    });
    if (right !== undefined && chains.some((amount) => amount > 0n)) proven.set(info.pool, right);
  }
  return proven;
}

/** At the block of the question an amplification that moves is as good as one that does not. */
function still([pool, cash, managed, fee, paused, amp, rates]: Row): Row {
  return [pool, cash, managed, fee, paused, amp === null ? null : [amp[0], false, [], 0], rates];
}

/** Calls and, by their position, the answers: read as they were asked. */
class Asking {
  readonly calls: Call[] = [];
  #answers: readonly (string | null)[] = [];
  /** Returns how to read the answer. */
  ask(target: string, data: string): () => string | null {
    const index = this.calls.push({ target, data }) - 1;
    return () => this.#answers[index] ?? null;
  }
  async send(reader: ChainReader): Promise<void> {
    this.#answers = await reader.multicall(this.calls);
  }
}

/** What moves without an event: amplification, rates, and a pause that ends by itself. Null while the answer is missing. */
function askMoving(asking: Asking, { pool, tokens, facts }: Info): (time: number) => Pick<Moving, "paused" | "amp" | "rates"> | null {
  const paused = asking.ask(pool, SELECTORS.getPausedState);
  const amp = facts.kind === "weighted" ? null : asking.ask(pool, SELECTORS.getAmplificationParameter);
  const composable = facts.kind === "composable-stable";
  const rates = facts.rateProviders.map((provider, index) => {
    if (provider === ZERO_ADDRESS) return null;
    const cache = composable ? SELECTORS.getTokenRateCache : SELECTORS.getPriceRateCache;
    return {
      cached: asking.ask(pool, `${cache}${addressWord(tokens[index] as string)}`),
      provided: asking.ask(provider, SELECTORS.getRate),
    };
  });
  /** rate, old rate, duration, expires in composable pools; rate, duration, expires in meta-stable ones. */
  const expiresWord = composable ? 3 : 2;
  return (time) => {
    const [pausedState, ampState] = [paused(), amp === null ? null : amp()];
    if (!isWord(pausedState) || (amp !== null && (!hasWords(ampState, 2) || uintAt(ampState, 0) < AMP_PRECISION))) return null;
    const moves = ampState !== null && uintAt(ampState, 1) === 1n;
    return {
      paused: uintAt(pausedState, 0) === 1n,
      amp: [ampState === null ? "0" : uintAt(ampState, 0).toString(), moves, [], moves ? time : 0],
      rates: rates.map((rate) => {
        if (rate === null) return ONE;
        const cached = rate.cached();
        // A cache that is not there and a provider that does not answer both make the swap fail: a rate of 0 is not quoted.
        if (!hasWords(cached, expiresWord + 1)) return "0";
        if (BigInt(time) <= uintAt(cached, expiresWord)) return uintAt(cached, 0).toString();
        const provided = rate.provided();
        return isWord(provided) ? uintAt(provided, 0).toString() : "0";
      }),
    };
  };
}

interface Moving {
  readonly paused: boolean;
  readonly amp: NonNullable<Row[5]>;
  readonly rates: string[];
}

/** Time matters for what expires or moves. */
const blockTime = async (reader: ChainReader): Promise<number> => Number(uintAt(await reader.call(null, TIMESTAMP_CODE), 0));

export async function read(reader: ChainReader, vault: Address, pools: readonly Info[]): Promise<Row[]> {
  if (pools.length === 0) return [];
  const asking = new Asking();
  const vaultPaused = asking.ask(vault, SELECTORS.getPausedState);
  const asked = pools.map((info) => ({
    info,
    balances: info.tokens.map((token) =>
      asking.ask(vault, `${SELECTORS.getPoolTokenInfo}${info.facts.poolId.slice(2)}${addressWord(token)}`),
    ),
    fee: asking.ask(info.pool, SELECTORS.getSwapFeePercentage),
    moving: askMoving(asking, info),
  }));
  await asking.send(reader);
  const time = pools.every(({ facts }) => facts.kind === "weighted") ? 0 : await blockTime(reader);
  const stopped = isPaused(vaultPaused());
  return asked.flatMap(({ info, balances, fee, moving }): Row[] => {
    const [words, feeWord, now] = [balances.map((answer) => answer()), fee(), moving(time)];
    if (!words.every(isWord) || !isWord(feeWord) || uintAt(feeWord, 0) >= WAD || now === null) return [];
    const column = (word: number) => words.map((answer) => uintAt(answer, word).toString());
    return [[info.pool, column(0), column(1), uintAt(feeWord, 0).toString(), now.paused || stopped, now.amp, now.rates]];
  });
}

/** For swaps at `timestamp`, seconds. A provider is asked at the reader's block: one that accrues by the second is a block old where the cache has expired. */
export async function readMoving(reader: ChainReader, vault: Address, pools: readonly Info[], timestamp: number): Promise<Row[]> {
  if (pools.length === 0) return [];
  const asking = new Asking();
  const vaultPaused = asking.ask(vault, SELECTORS.getPausedState);
  const asked = pools.map((info) => ({ info, moving: askMoving(asking, info) }));
  await asking.send(reader);
  const stopped = isPaused(vaultPaused());
  return asked.flatMap(({ info, moving }): Row[] => {
    const now = moving(timestamp);
    return now === null ? [] : [[info.pool, [], [], null, now.paused || stopped, now.amp, now.rates]];
  });
}

const isPaused = (answer: string | null): boolean => isWord(answer) && uintAt(answer, 0) === 1n;
