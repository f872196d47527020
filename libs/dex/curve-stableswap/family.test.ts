import { expect, test } from "vitest";
import type { DexDeployment } from "#libs/chains/chain.ts";
import { CREATED, MOVED, TOKEN_EXCHANGE } from "#libs/dex/curve-stableswap/abi.ts";
import { curveStableSwap } from "#libs/dex/curve-stableswap/index.ts";
import { exchange, type Lineage, solve, type Terms } from "#libs/dex/curve-stableswap/math.ts";
import { type Info, RAMPING, type Row, SETTLED, STALE } from "#libs/dex/curve-stableswap/read.ts";
import {
  addressOf,
  answer,
  arrayAnswer,
  FakeChain,
  INFO,
  type PoolSpec,
  poolContract,
  rowOfTerms,
  textAnswer,
} from "#libs/dex/curve-stableswap/testing.ts";
import type { Question } from "#libs/dex/family.ts";
import { encodeAggregate3 } from "#libs/evm/multicall.ts";
import type { Rpc } from "#libs/evm/rpc.ts";
import { type Address, asAddress } from "#libs/units/brand.ts";
import { invariant } from "#libs/units/invariant.ts";
import type { LogRow } from "#proto/block/v1/observed.ts";

const FACTORY = addressOf(0xfac);
const POOL = addressOf(0xc0);
const BASE = addressOf(0xba5e);
const [BASIC, BALANCES, OPTIMIZED, META, META_BALANCES] = [0xa0, 0xa1, 0xa3, 0xb0, 0xb1].map(addressOf) as [
  Address,
  Address,
  Address,
  Address,
  Address,
];
const DEPLOYMENT: DexDeployment = {
  id: "curve",
  brand: "Curve",
  family: "curve-stableswap",
  variant: "stableswap-v1",
  factory: FACTORY,
  deployBlock: 1,
  verified: true,
  source: "test",
};
/** Tokens with 18, 6, 6 and 18 decimals. */
const TOKENS = [0x10, 0x11, 0x12, 0x13].map(addressOf);
const DECIMALS = [18n, 6n, 6n, 18n] as const;
const ETHER = asAddress("0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE");
const PLACES_18 = [0x20, 0x21, 0x22].map(addressOf);
const E18 = 10n ** 18n;

/** Lopsided enough for every rounding to show. */
const BALANCES_OF = [
  31_415_926_535_897_932_384_626_433n,
  27_182_818_284_590n,
  16_180_339_887_498n,
  14_142_135_623_730_950_488_016_887n,
] as const;

function termsOf(lineage: Lineage, coins: number): Terms {
  return {
    lineage,
    balances: BALANCES_OF.slice(0, coins),
    rates: DECIMALS.slice(0, coins).map((places) => 10n ** (36n - places)),
    amp: lineage === "2020" ? 4_000n : 40_000n,
    fee: 1_500_000n,
    offpegFeeMultiplier: lineage === "ng" ? 20_000_000_000n : 0n,
  };
}

const spec = (lineage: Lineage, coins: number, more: Partial<PoolSpec> = {}): PoolSpec => ({
  terms: termsOf(lineage, coins),
  tokens: TOKENS.slice(0, coins),
  ...more,
});

/** A chain with tokens and this pool; a factory that knows it as an implementation of its first kind, unless it is said to be another, or a registry (null). */
function chainWith(
  pool: PoolSpec,
  factory: { implementation?: Address | null; basePool?: Address; assetTypes?: readonly bigint[] } = {},
): FakeChain {
  const chain = new FakeChain();
  for (const [index, token] of TOKENS.entries()) chain.contracts.set(token, { "decimals()": answer(DECIMALS[index] as bigint) });
  for (const token of [...PLACES_18, ETHER]) chain.contracts.set(token, { "decimals()": answer(18n) });
  chain.contracts.set(POOL, poolContract(pool));
  chain.contracts.set(BASE, { "get_virtual_price()": answer(1_040_000_000_000_000_000n) });
  const { implementation = factory.basePool === undefined ? BASIC : META, basePool, assetTypes } = factory;
  chain.contracts.set(FACTORY, {
    "pool_count()": answer(3n),
    "pool_list(uint256)": (index) => answer(addressOf(0xc0 + Number(index))),
    ...(implementation === null
      ? {}
      : { "get_implementation_address(address)": answer(implementation), "get_base_pool(address)": answer(basePool ?? 0n) }),
    "plain_implementations(uint256,uint256)": (_, which) => answer([BASIC, BALANCES, addressOf(0xa2), OPTIMIZED][Number(which)] ?? 0n),
    "metapool_implementations(address)": answer(META, META_BALANCES, ...Array.from({ length: 8 }, () => 0n)),
    ...(assetTypes === undefined ? {} : { "get_pool_asset_types(address)": arrayAnswer(assetTypes) }),
  });
  return chain;
}

async function describe(...given: Parameters<typeof chainWith>): Promise<Info | null> {
  const [info] = await curveStableSwap.describe(chainWith(...given), DEPLOYMENT, [POOL]);
  return info ?? null;
}

test("announcements carry no address: the factory's list is read from where it was left", async () => {
  expect(curveStableSwap.topics(DEPLOYMENT)).toEqual({ created: Object.values(CREATED), state: Object.values(MOVED) });
  const log: LogRow = [FACTORY, [Object.values(CREATED)[0] as string], "0x", 0, 0, `0x${"00".repeat(32)}`];
  expect(curveStableSwap.decodeCreated(log, DEPLOYMENT)).toBeNull();
  const chain = chainWith(spec("2021", 2));
  expect(await chain.call(FACTORY, curveStableSwap.knownView(DEPLOYMENT).data)).toBe(answer(3n));
  expect(await curveStableSwap.enumerate?.(chain, DEPLOYMENT, 1)).toEqual([0xc1, 0xc2].map(addressOf));
  expect(await curveStableSwap.enumerate?.(chain, DEPLOYMENT, 3)).toEqual([]);
});

test("plain pools are told by what they answer", async () => {
  expect(await describe(spec("2020", 3, { view: "fee-last" }), { implementation: null })).toEqual({
    pool: POOL,
    tokens: TOKENS.slice(0, 3),
    facts: { lineage: "2020", rates: "fixed", multipliers: [E18, 10n ** 30n, 10n ** 30n].map(String), view: "fee-last" },
  });
  const factory = await describe(spec("2021", 4));
  expect(factory?.facts).toEqual({
    lineage: "2021",
    rates: "fixed",
    multipliers: [E18, 10n ** 30n, 10n ** 30n, E18].map(String),
    view: "as-exchange",
  });
  expect((await describe(spec("2021", 2), { implementation: OPTIMIZED }))?.facts.lineage).toBe("2021");
  expect((await describe(spec("ema", 2)))?.facts.lineage).toBe("ema");
});

test("StableSwap-NG: rates that never change where the factory calls every coin plain, rates that are asked for where one has an oracle or is a vault", async () => {
  const plain = await describe(spec("ng", 3), { assetTypes: [0n, 0n, 0n] });
  expect(plain?.facts).toEqual({ lineage: "ng", rates: "fixed", multipliers: termsOf("ng", 3).rates.map(String), view: "as-exchange" });
  for (const type of [1n, 3n]) expect((await describe(spec("ng", 3), { assetTypes: [0n, type, 0n] }))?.facts.rates).toBe("stored");
  const meta = await describe(spec("ng", 2, { also: { "BASE_POOL()": answer(BASE) } }), { assetTypes: [0n, 0n] });
  expect(meta?.facts).toMatchObject({ rates: "stored", basePool: BASE });
});

/** Coin and base pool's token. */
const metaTerms: Terms = { ...termsOf("2021", 2), balances: [BALANCES_OF[0], BALANCES_OF[3]], rates: [E18, 1_040_000_000_000_000_000n] };
const metaSpec: PoolSpec = { terms: metaTerms, tokens: [TOKENS[0], TOKENS[3]] as Address[] };

test("metapools before NG: the base pool by the factory's word or by the pool's own, its price as it is or as the pool keeps it for ten minutes", async () => {
  const ofFactory = await describe(metaSpec, { basePool: BASE });
  expect(ofFactory?.facts).toEqual({
    lineage: "2021",
    rates: "base",
    basePool: BASE,
    multipliers: [E18, E18].map(String),
    view: "as-exchange",
  });
  const kept = {
    "base_pool()": answer(BASE),
    "base_virtual_price()": answer(1_039_999_999_999_999_999n),
    "base_cache_updated()": answer(1_699_999_400n),
  };
  const cached = { ...metaSpec, terms: { ...metaTerms, rates: [E18, 1_039_999_999_999_999_999n] }, also: kept };
  const ofRegistry = await describe(cached, { implementation: null });
  expect(ofRegistry?.facts).toMatchObject({ rates: "base-cached", basePool: BASE });

  // Ten minutes after it was kept the price still holds; a second later it does not.
  const chain = chainWith(cached, { implementation: null });
  const ratesAt = async (timestamp: number) =>
    (await curveStableSwap.refresh?.read(chain, DEPLOYMENT, [ofRegistry as Info], timestamp))?.[0]?.[2];
  expect(await ratesAt(1_700_000_000)).toEqual([`${E18}`, "1039999999999999999"]);
  expect(await ratesAt(1_700_000_001)).toEqual([`${E18}`, "1040000000000000000"]);
});

/** Balances at which the two orders of division in get_D end a unit apart, as they do at one state in nine. */
const TELLING: Omit<Terms, "lineage"> = {
  balances: [78_205_242_900_000_826_693_353n, 23_519_442_800_000_613_302_003n, 7_667_791_740_363_429_414n],
  rates: [E18, E18, E18],
  amp: 15_917n,
  fee: 1_500_000n,
  offpegFeeMultiplier: 0n,
};

test("where the pool's own answers tell the order of divisions in get_D, they decide, not what it looks like", async () => {
  for (const [lineage, looks] of [
    ["ema", { "ma_exp_time()": null }],
    ["2021", { "ma_exp_time()": answer(866n) }],
    ["ema", {}],
    ["2021", {}],
  ] as const) {
    const found = await describe({ terms: { ...TELLING, lineage }, tokens: PLACES_18, also: looks });
    expect(found?.facts.lineage).toBe(lineage);
  }
});

test.each<[string, PoolSpec, Parameters<typeof chainWith>[1]?]>([
  ["of ether", spec("2021", 2, { tokens: [ETHER, TOKENS[1] as Address] })],
  ["with another invariant", spec("2021", 3, { also: { "gamma()": answer(1n) } })],
  ["of lending tokens", spec("2021", 3, { also: { "underlying_coins(uint256)": answer(TOKENS[0] as Address) } })],
  ["with an off-peg fee but no rates (Aave's)", spec("2021", 3, { also: { "offpeg_fee_multiplier()": answer(20_000_000_000n) } })],
  [
    "with rates but no off-peg fee (oracles of the first factory)",
    spec("2021", 2, { also: { "stored_rates()": arrayAnswer([E18, E18]) } }),
  ],
  ["that takes its balances from the tokens", spec("2021", 2), { implementation: BALANCES }],
  ["of a metapool that does", metaSpec, { basePool: BASE, implementation: META_BALANCES }],
  ["that the factory does not know", spec("2021", 2), { implementation: addressOf(0) }],
  ["with nothing in it, so that it cannot be tried", { ...spec("2021", 2), terms: { ...termsOf("2021", 2), balances: [0n, 0n] } }],
  [
    "with so little in it that every trial reverts",
    { ...spec("2021", 2), terms: { ...TELLING, lineage: "2021", balances: [1n, 1n] }, tokens: PLACES_18.slice(0, 2) },
  ],
  ["that answers get_dy with nothing", spec("2021", 2, { also: { "get_dy(int128,int128,uint256)": null } })],
  ["that pays a unit more", spec("2021", 2, { also: { "get_dy(int128,int128,uint256)": (...words) => plusOne(spec("2021", 2), words) } })],
  ["of a token without decimals", spec("2021", 2, { tokens: [TOKENS[0] as Address, addressOf(0x99)] })],
  ["NG, with a rebasing token", spec("ng", 2), { assetTypes: [0n, 2n] }],
  ["NG, of a factory that tells no asset types", spec("ng", 2)],
  ["NG, of an unknown version", spec("ng", 2, { also: { "version()": textAnswer("v8.0.0") } }), { assetTypes: [0n, 0n] }],
  ["NG, that claims another number of coins", spec("ng", 2, { also: { "N_COINS()": answer(3n) } }), { assetTypes: [0n, 0n] }],
  ["that asks for more than all", { ...spec("2021", 2), terms: { ...termsOf("2021", 2), fee: 10n ** 10n + 1n } }],
  ["of one coin twice", spec("2021", 2, { tokens: [TOKENS[0] as Address, TOKENS[0] as Address] })],
])("a pool %s is refused", async (_, pool, factory) => {
  expect(await describe(pool, factory)).toBeNull();
});

function plusOne(pool: PoolSpec, words: readonly bigint[]): string | null {
  const quote = poolContract(pool)["get_dy(int128,int128,uint256)"];
  invariant(typeof quote === "function", "a pool quotes");
  const paid = quote(...words);
  return paid === null ? null : answer(BigInt(paid) + 1n);
}

test("an NG pool is known before it has liquidity, and a contract that is none is told apart from those beside it", async () => {
  const empty = { ...spec("ng", 2), terms: { ...termsOf("ng", 2), balances: [0n, 0n] } };
  expect((await describe(empty, { assetTypes: [0n, 0n] }))?.facts.lineage).toBe("ng");
  const chain = chainWith(spec("2021", 2));
  const found = await curveStableSwap.describe(chain, DEPLOYMENT, [addressOf(0x404), POOL, TOKENS[0] as Address]);
  expect(found.map((info) => info?.pool ?? null)).toEqual([null, POOL, null]);
});

test("a ramp: A as it will be in the next block, until it has certainly ended", async () => {
  const ramp = { A0: 40_000n, A1: 80_000n, t0: 1_699_990_000n, t1: 1_700_010_000n };
  const chain = chainWith({ ...spec("2021", 2, { ramp }), terms: { ...termsOf("2021", 2), amp: 60_000n } });
  const info = (await curveStableSwap.describe(chain, DEPLOYMENT, [POOL]))[0] as Info;
  const [row] = await curveStableSwap.read(chain, DEPLOYMENT, [info]);
  expect([row?.[3], row?.[7]]).toEqual(["60000", RAMPING]);
  const at = async (timestamp: number) => {
    const next = (await curveStableSwap.refresh?.read(chain, DEPLOYMENT, [info], timestamp))?.[0];
    return [next?.[3], next?.[7]];
  };
  expect(await at(1_700_000_012)).toEqual(["60024", RAMPING]);
  expect(await at(1_700_010_000)).toEqual(["80000", RAMPING]);
  expect(await at(1_700_010_120)).toEqual(["80000", SETTLED]);

  const state = curveStableSwap.created();
  expect(curveStableSwap.refresh?.needed(info, state)).toBe(false);
  curveStableSwap.applyRow(state, row as Row);
  expect(curveStableSwap.refresh?.needed(info, state)).toBe(true);
  curveStableSwap.applyRow(state, (row as Row).with(7, SETTLED) as Row);
  expect(curveStableSwap.refresh?.needed(info, state)).toBe(false);
  expect(curveStableSwap.refresh?.needed({ ...info, facts: { ...info.facts, rates: "stored" } }, state)).toBe(true);
});

test("a pool that does not answer is left out, the others are read", async () => {
  const chain = chainWith(spec("ng", 3), { assetTypes: [0n, 1n, 0n] });
  const info = (await curveStableSwap.describe(chain, DEPLOYMENT, [POOL]))[0] as Info;
  const gone = { ...info, pool: addressOf(0x404) };
  expect(await curveStableSwap.read(chain, DEPLOYMENT, [gone, info])).toEqual([rowOfTerms(info, termsOf("ng", 3), 5_000_000_000n)]);
  expect(await curveStableSwap.read(chain, DEPLOYMENT, [])).toEqual([]);
});

test("liquidity, fees and A leave a pool to be read again: the events do not tell all of it", () => {
  const info = INFO({ lineage: "2021" }, 2);
  const row = rowOfTerms(info, termsOf("2021", 2), 5_000_000_000n);
  for (const topic of Object.values(MOVED)) {
    if (topic === TOKEN_EXCHANGE) continue;
    const state = curveStableSwap.created();
    curveStableSwap.applyRow(state, row);
    expect(curveStableSwap.isLive(state)).toBe(true);
    const log: LogRow = [info.pool, [topic], answer(1n, 2n, 3n, 4n), 0, 0, `0x${"00".repeat(32)}`];
    expect(curveStableSwap.applyLog(info, state, log)).toEqual(row);
    expect(curveStableSwap.toRow(info, state)).toEqual(row.with(7, STALE));
    expect(curveStableSwap.isLive(state)).toBe(false);
    expect(curveStableSwap.refresh?.needed(info, state)).toBe(true);
  }
  const state = curveStableSwap.created();
  expect(curveStableSwap.isLive(state)).toBe(false);
  expect(curveStableSwap.quoteExactIn(info, state, { amountIn: 1n, indexIn: 0, indexOut: 1 })).toBe(0n);
});

/** A node with this chain behind its multicall contract. */
function nodeOf(chain: FakeChain): Rpc {
  return {
    async send(_method: string, parameters: readonly { readonly data: string }[]) {
      const asked = questionsOf.get((parameters[0] as { data: string }).data);
      invariant(asked !== undefined, "only what was asked");
      const answers = await chain.multicall(asked);
      const tuples = answers.map((each) => {
        const bytes = (each ?? "0x").slice(2);
        return `${answer(each === null ? 0n : 1n, 64n, BigInt(bytes.length / 2)).slice(2)}${bytes.padEnd(64 * Math.ceil(bytes.length / 64), "0")}`;
      });
      let offset = 32 * tuples.length;
      const heads = tuples.map((tuple) => {
        const at = offset;
        offset += tuple.length / 2;
        return BigInt(at);
      });
      return `${answer(32n, BigInt(tuples.length), ...heads)}${tuples.join("")}`;
    },
  } as unknown as Rpc;
}
const questionsOf = new Map<string, { readonly target: string; readonly data: string }[]>();

async function ask(
  pool: PoolSpec,
  given: Parameters<typeof chainWith>[1],
  swaps: readonly { indexIn: number; indexOut: number; amountIn: bigint }[],
) {
  const chain = chainWith(pool, given);
  const info = (await curveStableSwap.describe(chain, DEPLOYMENT, [POOL]))[0] as Info;
  const row = (await curveStableSwap.read(chain, DEPLOYMENT, [info]))[0] as Row;
  const state = curveStableSwap.created();
  curveStableSwap.applyRow(state, row);
  const questions = swaps.map(
    (swap): Question<"curve-stableswap"> => ({ info, row, ...swap, ours: curveStableSwap.quoteExactIn(info, state, swap) }),
  );
  const calls = questions.map(({ indexIn, indexOut, amountIn }) => ({
    target: POOL,
    data: `0x5e0d443f${answer(BigInt(indexIn), BigInt(indexOut), amountIn).slice(2)}`,
  }));
  questionsOf.set(encodeAggregate3(calls), calls);
  const said = await curveStableSwap.ask(nodeOf(chain), { blockHash: `0x${"01".repeat(32)}`, multicall3: FACTORY }, DEPLOYMENT, questions);
  return { said: said.map(({ amountOut }) => amountOut), ours: questions.map(({ ours }) => ours), row, chain };
}

const ASKED = [1n, 10n ** 9n, 10n ** 18n, 10n ** 23n, 10n ** 26n].map((amountIn) => ({ indexIn: 0, indexOut: 1, amountIn }));

test("the chain's word: get_dy, or what it says of exchange where it rounds otherwise; reverts are no payment", async () => {
  for (const [pool, given] of [
    [spec("2021", 3), {}],
    [spec("2020", 3, { view: "fee-last" }), { implementation: null }],
    [spec("ng", 3), { assetTypes: [0n, 0n, 0n] }],
  ] as const) {
    const { said, ours } = await ask(pool, given, [...ASKED, { indexIn: 0, indexOut: 1, amountIn: 2n ** 250n }]);
    expect(said).toEqual(ours);
    expect(ours.filter((amount) => amount > 0n).length).toBe(3);
  }
});

test("a pool that answers otherwise than its state says is not made to agree", async () => {
  for (const [pool, given, unknown] of [
    [spec("2021", 3), {}, false],
    [spec("2020", 3, { view: "fee-last" }), { implementation: null }, true],
  ] as const) {
    const chain = chainWith(pool, given);
    const info = (await curveStableSwap.describe(chain, DEPLOYMENT, [POOL]))[0] as Info;
    const row = (await curveStableSwap.read(chain, DEPLOYMENT, [info]))[0] as Row;
    const question = { info, row, indexIn: 0, indexOut: 1, amountIn: E18, ours: 1n };
    chain.contracts.set(POOL, { "get_dy(int128,int128,uint256)": answer(999_000n) });
    const calls = [{ target: POOL, data: `0x5e0d443f${answer(0n, 1n, E18).slice(2)}` }];
    questionsOf.set(encodeAggregate3(calls), calls);
    const [said] = await curveStableSwap.ask(nodeOf(chain), { blockHash: `0x${"01".repeat(32)}`, multicall3: FACTORY }, DEPLOYMENT, [
      question,
    ]);
    expect(said?.amountOut).toBe(unknown ? null : 999_000n);
  }
});

test("while A ramps, the view of NG answers with A in whole numbers and is still understood", async () => {
  const ramp = { A0: 10_000n, A1: 60_000n, t0: 1_699_990_000n, t1: 1_700_010_001n };
  const amp = 10_000n + (50_000n * 10_000n) / 20_001n;
  expect(amp % 100n).not.toBe(0n);
  const ramping = { ...spec("ng", 2, { ramp }), terms: { ...termsOf("ng", 2), amp } };
  // CurveStableSwapNGViews 1.2.0: amp = A() * A_PRECISION.
  const view = solve({ ...ramping.terms, amp: (amp / 100n) * 100n });
  invariant(view !== null, "the view solves it");
  const viewed = (...[i, j, dx]: readonly bigint[]): string | null => {
    const swap = exchange(view, Number(i), Number(j), dx as bigint);
    return swap === null ? null : answer(swap.amountOut);
  };
  const { said, ours } = await ask({ ...ramping, also: { "get_dy(int128,int128,uint256)": viewed } }, { assetTypes: [0n, 0n] }, ASKED);
  expect(said).toEqual(ours);
});

test("gas grows with coins and with what is asked of other contracts; the call is exchange(i, j)", () => {
  const [plain, meta] = [INFO({ lineage: "2021" }, 2), INFO({ lineage: "ng", rates: "stored", basePool: BASE }, 2)];
  const swap = { amountIn: 1n, indexIn: 1, indexOut: 0 };
  const state = curveStableSwap.created();
  expect(curveStableSwap.swapGas(meta, state, swap)).toBeGreaterThan(curveStableSwap.swapGas(plain, state, swap));
  expect(curveStableSwap.swapCall(plain, swap)).toEqual({ form: "curve", i: 1, j: 0 });
});
