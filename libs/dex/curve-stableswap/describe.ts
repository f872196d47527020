import type { DexDeployment } from "#libs/chains/chain.ts";
import { SELECTORS } from "#libs/dex/curve-stableswap/abi.ts";
import { getDyAnswers, getDyData } from "#libs/dex/curve-stableswap/get-dy.ts";
import { solve } from "#libs/dex/curve-stableswap/math.ts";
import { type Facts, type Info, type Row, readRows, uintArray } from "#libs/dex/curve-stableswap/read.ts";
import { termsOf } from "#libs/dex/curve-stableswap/state.ts";
import type { ChainReader } from "#libs/dex/family.ts";
import { addressAt, addressWord, isWord, padWord, uintAt } from "#libs/evm/hex.ts";
import type { Call } from "#libs/evm/multicall.ts";
import { type Address, asAddress } from "#libs/units/brand.ts";

const ETHER = "0xeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee";
const ZERO = `0x${"0".repeat(40)}`;
/** Coins of a plain pool at most: of `ng`, and of those before it (whose events name the number). */
const MAX_COINS = 8;
const MAX_COINS_BEFORE_NG = 4;
/** asset_types of CurveStableSwapNG: 0 plain, 1 oracle, 2 rebasing, 3 ERC4626. */
const PLAIN = 0n;
const REBASING = 2n;
/** Versions of CurveStableSwapNG whose source has been read. */
const KNOWN_NG = /^v[67]\./;
/**
 * Of plain_implementations: 0 is Basic and 3 Optimized; 1 takes balances from the tokens (rebasing), 2 trades ether. Of metapools too the first keeps its own
 * balances and the second does not. Source: curve-factory scripts/deploy.py, scripts/deploy_templates.py.
 */
const STATIC_PLAIN = [0n, 3n] as const;

const POOL_CALLS = [
  "fee()",
  "admin_fee()",
  "future_A()",
  "A_precise()",
  "offpeg_fee_multiplier()",
  "stored_rates()",
  "N_COINS()",
  "version()",
  "ma_exp_time()",
  "BASE_POOL()",
  "base_pool()",
  "base_virtual_price()",
  "gamma()",
] as const satisfies readonly (keyof typeof SELECTORS)[];
const FACTORY_CALLS = ["get_implementation_address(address)", "get_base_pool(address)", "get_pool_asset_types(address)"] as const;

type Answers = (string | null)[];
type Word = (typeof POOL_CALLS)[number] | (typeof FACTORY_CALLS)[number] | "underlying_coins(uint256)";

/** What is known of a pool before its tokens, its implementation and its answers to trial quotes are. */
interface Draft {
  readonly pool: Address;
  readonly tokens: readonly Address[];
  readonly facts: Omit<Facts, "multipliers" | "view">;
  /** Of a factory that keeps one for each pool. */
  readonly implementation: string | null;
  /** Only `ng` with plain tokens: what stored_rates answers, now and always. */
  readonly storedRates: readonly bigint[] | null;
}

function callsAbout(pool: Address, factory: Address): Call[] {
  return [
    ...Array.from({ length: MAX_COINS }, (_, index) => ({ target: pool, data: `${SELECTORS["coins(uint256)"]}${padWord(BigInt(index))}` })),
    ...POOL_CALLS.map((name) => ({ target: pool, data: SELECTORS[name] })),
    ...FACTORY_CALLS.map((name) => ({ target: factory, data: `${SELECTORS[name]}${addressWord(pool)}` })),
    { target: pool, data: `${SELECTORS["underlying_coins(uint256)"]}${padWord(0n)}` },
  ];
}

const addressOf = (answer: string | null | undefined): Address | null =>
  isWord(answer) && addressAt(answer, 0) !== ZERO ? asAddress(addressAt(answer, 0)) : null;

function textOf(answer: string | null): string {
  if (!isWord(answer) || answer.length < 130) return "";
  return Buffer.from(answer.slice(130, 130 + 2 * Number(uintAt(answer, 1))), "hex").toString();
}

/** What a pool is by what it answers; null for a kind that we have no exact mathematics for, or cannot tell. */
function draftOf(pool: Address, answers: Answers): Draft | null {
  const word = new Map<Word, string | null>(
    [...POOL_CALLS, ...FACTORY_CALLS, "underlying_coins(uint256)" as const].map((name, index) => [
      name,
      answers[MAX_COINS + index] ?? null,
    ]),
  );
  const has = (name: Word): boolean => isWord(word.get(name));
  const coins = answers.slice(0, MAX_COINS).map(addressOf);
  const tokens = coins.slice(0, coins.indexOf(null) === -1 ? MAX_COINS : coins.indexOf(null)) as Address[];
  if (tokens.length < 2 || new Set(tokens).size !== tokens.length || tokens.includes(asAddress(ETHER))) return null;
  // gamma: another invariant. underlying_coins: lending pools, whose rates move with the lender.
  if (!has("fee()") || !has("admin_fee()") || !has("future_A()") || has("gamma()") || has("underlying_coins(uint256)")) return null;
  const implementation = has("get_implementation_address(address)")
    ? addressAt(word.get("get_implementation_address(address)") as string, 0)
    : null;

  if (has("offpeg_fee_multiplier()") && has("stored_rates()") && has("N_COINS()")) {
    const types = uintArray(word.get("get_pool_asset_types(address)"));
    const storedRates = uintArray(word.get("stored_rates()"));
    if (types === null || types.length === 0 || types.includes(REBASING) || storedRates?.length !== tokens.length) return null;
    if (uintAt(word.get("N_COINS()") as string, 0) !== BigInt(tokens.length) || !KNOWN_NG.test(textOf(word.get("version()") ?? null)))
      return null;
    const basePool = addressOf(word.get("BASE_POOL()"));
    if (basePool !== null) return { pool, tokens, facts: { lineage: "ng", rates: "stored", basePool }, implementation: null, storedRates };
    const rates = types.every((type) => type === PLAIN) ? "fixed" : "stored";
    return { pool, tokens, facts: { lineage: "ng", rates }, implementation: null, storedRates };
  }
  // One without the other: lending pools of Aave, and pools of the first factory with rate oracles.
  if (has("offpeg_fee_multiplier()") || has("stored_rates()") || tokens.length > MAX_COINS_BEFORE_NG) return null;
  const lineage = !has("A_precise()") ? "2020" : has("ma_exp_time()") ? "ema" : "2021";
  const basePool = addressOf(word.get("base_pool()")) ?? addressOf(word.get("get_base_pool(address)"));
  if (basePool === null) return { pool, tokens, facts: { lineage, rates: "fixed" }, implementation, storedRates: null };
  if (tokens.length !== 2) return null;
  const rates = has("base_virtual_price()") ? "base-cached" : "base";
  return { pool, tokens, facts: { lineage, rates, basePool }, implementation, storedRates: null };
}

/** The implementations that a factory says keep their own balances, for pools like these: those of rebasing tokens answer alike, but move without events. */
async function staticImplementations(
  reader: ChainReader,
  factory: Address,
  drafts: readonly Draft[],
): Promise<(draft: Draft) => readonly string[]> {
  const asked = new Map<string, Call[]>();
  const keyOf = ({ tokens, facts }: Draft): string => facts.basePool ?? `${tokens.length}`;
  for (const draft of drafts) {
    if (draft.implementation === null || asked.has(keyOf(draft))) continue;
    const { basePool } = draft.facts;
    const data =
      basePool !== undefined
        ? [`${SELECTORS["metapool_implementations(address)"]}${addressWord(basePool)}`]
        : STATIC_PLAIN.map(
            (which) => `${SELECTORS["plain_implementations(uint256,uint256)"]}${padWord(BigInt(draft.tokens.length))}${padWord(which)}`,
          );
    asked.set(
      keyOf(draft),
      data.map((each) => ({ target: factory, data: each })),
    );
  }
  const answers = await reader.multicall([...asked.values()].flat());
  const known = new Map<string, string[]>();
  let next = 0;
  for (const [key, calls] of asked)
    known.set(
      key,
      calls.flatMap(() => addressOf(answers[next++]) ?? []),
    );
  return (draft) => known.get(keyOf(draft)) ?? [];
}

/** 10^(36 − decimals) of each token, null where one does not tell or has more than 18. Source: rate_multipliers of every pool. */
async function multipliersOf(reader: ChainReader, drafts: readonly Draft[]): Promise<Map<string, bigint | null>> {
  const tokens = [...new Set(drafts.flatMap((draft) => draft.tokens))];
  const answers = await reader.multicall(tokens.map((target) => ({ target, data: SELECTORS["decimals()"] })));
  return new Map(
    tokens.map((token, index) => {
      const answer = answers[index];
      const decimals = isWord(answer) ? uintAt(answer, 0) : 99n;
      return [token, decimals <= 18n ? 10n ** (36n - decimals) : null];
    }),
  );
}

/** Parts of a pool's balance to try, and for each coin the next one to get. */
const TRIALS = [3n, 97n, 10_007n, 1_000_003n] as const;

/**
 * The facts under which our mathematics gives every answer of the pool's own get_dy, on swaps of all sizes; null where none do. A pool with nothing in it says
 * nothing: only `ng`, whose versions are known, passes without. Where both lineages of 2021 agree at the present balances, the pool's oracle has told which it is.
 */
function factsThatAgree({ info, row, trials }: Tried, answers: Answers): Facts | null {
  const { facts } = info;
  if (solve(termsOf(info, row)) === null) return facts.lineage === "ng" ? facts : null;
  const theirs = answers.map((answer) => (isWord(answer) ? uintAt(answer, 0) : null));
  if (theirs.every((each) => each === null)) return null;
  const lineages =
    facts.lineage === "2021" ? (["2021", "ema"] as const) : facts.lineage === "ema" ? (["ema", "2021"] as const) : [facts.lineage];
  for (const lineage of lineages) {
    for (const view of ["as-exchange", "fee-last"] as const) {
      const candidate = { ...facts, lineage, view };
      const ours = getDyAnswers(termsOf({ ...info, facts: candidate }, row), view);
      if (trials.every(({ i, j, dx }, index) => ours(i, j, dx).includes(theirs[index] ?? null))) return candidate;
    }
  }
  return null;
}

interface Tried {
  readonly info: Info;
  readonly row: Row;
  readonly trials: readonly { readonly i: number; readonly j: number; readonly dx: bigint }[];
}

function trialsOf({ tokens }: Info, row: Row): Tried["trials"] {
  return tokens.flatMap((_, i) => TRIALS.map((part) => ({ i, j: (i + 1) % tokens.length, dx: BigInt(row[1][i] as string) / part + 1n })));
}

export async function describePools(reader: ChainReader, { factory }: DexDeployment, pools: readonly Address[]): Promise<(Info | null)[]> {
  const calls = pools.map((pool) => callsAbout(pool, factory));
  const answers = await reader.multicall(calls.flat());
  const each = MAX_COINS + POOL_CALLS.length + FACTORY_CALLS.length + 1;
  const drafts = pools.flatMap((pool, index) => draftOf(pool, answers.slice(index * each, (index + 1) * each)) ?? []);
  const [implementationsOf, multipliers] = await Promise.all([
    staticImplementations(reader, factory, drafts),
    multipliersOf(reader, drafts),
  ]);

  const infos = drafts.flatMap((draft): Info[] => {
    if (draft.implementation !== null && !implementationsOf(draft).includes(draft.implementation)) return [];
    const ofTokens = draft.tokens.map((token) => multipliers.get(token) ?? null);
    const rates = draft.facts.rates === "fixed" && draft.storedRates !== null ? draft.storedRates : ofTokens;
    if (rates.some((rate) => rate === null)) return [];
    const facts: Facts = { ...draft.facts, multipliers: rates.map(String), view: "as-exchange" };
    return [{ pool: draft.pool, tokens: draft.tokens, facts }];
  });
  const rows = new Map((await readRows(reader, infos, null)).map((row) => [row[0], row]));
  const tried = infos.flatMap((info): Tried[] => {
    const row = rows.get(info.pool);
    return row === undefined ? [] : [{ info, row, trials: trialsOf(info, row) }];
  });
  const quotes = await reader.multicall(
    tried.flatMap(({ info, trials }) => trials.map(({ i, j, dx }) => ({ target: info.pool, data: getDyData(i, j, dx) }))),
  );
  const found = new Map<Address, Info>();
  let start = 0;
  for (const each of tried) {
    const facts = factsThatAgree(each, quotes.slice(start, start + each.trials.length));
    start += each.trials.length;
    if (facts !== null) found.set(each.info.pool, { ...each.info, facts });
  }
  return pools.map((pool) => found.get(pool) ?? null);
}
