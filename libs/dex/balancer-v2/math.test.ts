import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { id } from "ethers";
import { expect, test } from "vitest";
import { STATE_TOPICS } from "#libs/dex/balancer-v2/events.ts";
import { divDown, divUp, powUp } from "#libs/dex/balancer-v2/fixed-point.ts";
import { balancerV2 } from "#libs/dex/balancer-v2/index.ts";
import { pow } from "#libs/dex/balancer-v2/log-exp-math.ts";
import * as stable from "#libs/dex/balancer-v2/stable-math.ts";
import { ampAt, type Info, type Row } from "#libs/dex/balancer-v2/state.ts";
import * as weighted from "#libs/dex/balancer-v2/weighted-math.ts";
import type { ChainReader } from "#libs/dex/family.ts";
import { deploymentOf } from "#libs/dex/testing.ts";
import { padWord } from "#libs/evm/hex.ts";
import { randomFor } from "#libs/localnet/random.ts";
import { asAddress } from "#libs/units/brand.ts";
import type { LogRow } from "#proto/block/v1/observed.ts";

function fixture<Content>(file: string): Content {
  return JSON.parse(gunzipSync(readFileSync(new URL(`./fixtures/${file}`, import.meta.url))).toString()) as Content;
}

interface RecordedPool {
  readonly name: string;
  readonly pool: string;
  readonly poolId: string;
  readonly tokens: readonly string[];
  readonly decimals: readonly number[];
  readonly balances: readonly string[];
  readonly swapFeePercentage: string;
  readonly weights: readonly string[];
  readonly amp: string;
  readonly rates: readonly string[];
  readonly bptIndex: number;
  readonly quotes: readonly {
    readonly given: "in" | "out";
    readonly i: number;
    readonly j: number;
    readonly amount: string;
    readonly answer: string;
  }[];
}

const VAULT = asAddress("0xba12222222228d8ba445958a75a0704d566bf2c8");
const { pools } = fixture<{ pools: RecordedPool[] }>("onchain-quotes.json.gz");

/** As the pool would be described, without its own token. */
function asPool(recorded: RecordedPool): { readonly info: Info; readonly row: Row; readonly indexOf: (index: number) => number } {
  const { bptIndex } = recorded;
  const kept = <Item>(items: readonly Item[]): Item[] => items.filter((_, index) => index !== bptIndex);
  const balances = kept(recorded.balances);
  const info: Info = {
    pool: asAddress(recorded.pool),
    tokens: kept(recorded.tokens).map(asAddress),
    facts: {
      vault: VAULT,
      poolId: recorded.poolId,
      kind: recorded.weights.length > 0 ? "weighted" : bptIndex < 0 ? "meta-stable" : "composable-stable",
      maths: bptIndex < 0 ? 1 : 2,
      decimals: kept(recorded.decimals),
      weights: [...recorded.weights],
      bptIndex,
      rateProviders: [],
    },
  };
  const row: Row = [
    info.pool,
    balances,
    balances.map(() => "0"),
    recorded.swapFeePercentage,
    false,
    [recorded.amp, false, [], 0],
    kept(recorded.rates),
  ];
  return { info, row, indexOf: (index) => (bptIndex >= 0 && index > bptIndex ? index - 1 : index) };
}

test.each(pools)("$name: $quotes.length recorded answers of the pool, to the unit", (recorded) => {
  const { info, row, indexOf } = asPool(recorded);
  const state = balancerV2.created();
  balancerV2.applyRow(state, row);
  const ours = recorded.quotes.map(({ given, i, j, amount }) => {
    const direction = { indexIn: indexOf(i), indexOut: indexOf(j) };
    return given === "in"
      ? balancerV2.quoteExactIn(info, state, { ...direction, amountIn: BigInt(amount) })
      : balancerV2.quoteExactOut?.(info, state, { ...direction, amountOut: BigInt(amount) });
  });
  expect(ours.map(String)).toEqual(recorded.quotes.map(({ answer }) => answer));
});

const { cases } = fixture<{ cases: { fn: string; args: string[]; result: string }[] }>("functions.json.gz");
const big = (text: string | undefined): bigint => BigInt(text as string);
const list = (text: string | undefined): bigint[] => (text as string).slice(1, -1).split(",").map(BigInt);

/** Recorded under names of another port; weights as they were given there. */
const FUNCTIONS: Readonly<Record<string, (args: readonly string[]) => bigint>> = {
  fp_pow_up: ([x, y]) => powUp(big(x), big(y), true),
  lm_pow: ([x, y]) => pow(big(x), big(y)),
  wm_out_given_in: ([balanceIn, weightIn, balanceOut, weightOut, amount]) =>
    weighted.calcOutGivenIn(big(balanceIn), big(balanceOut), divDown(big(weightIn), big(weightOut)), big(amount), false),
  wm_in_given_out: ([balanceIn, weightIn, balanceOut, weightOut, amount]) =>
    weighted.calcInGivenOut(big(balanceIn), big(balanceOut), divUp(big(weightOut), big(weightIn)), big(amount), false),
  sm_invariant_d_p: ([amp, balances]) => stable.calculateInvariantDown(big(amp), list(balances)),
  sm_invariant_p_d_up: ([amp, balances]) => stable.calculateInvariantUp(big(amp), list(balances)),
  sm_out_given_in: ([amp, balances, i, j, amount, invariant]) =>
    stable.calcOutGivenIn(big(amp), list(balances), Number(i), Number(j), big(amount), big(invariant)),
  sm_in_given_out: ([amp, balances, i, j, amount, invariant]) =>
    stable.calcInGivenOut(big(amp), list(balances), Number(i), Number(j), big(amount), big(invariant)),
};

test(`${cases.length} recorded results of single functions`, () => {
  expect(cases.map(({ fn, args }) => FUNCTIONS[fn]?.(args).toString())).toEqual(cases.map(({ result }) => result));
});

test("topics are the hashes of their signatures", () => {
  const signatures = [
    "Swap(bytes32,address,address,uint256,uint256)",
    "PoolBalanceChanged(bytes32,address,address[],int256[],uint256[])",
    "PoolBalanceManaged(bytes32,address,address,int256,int256)",
    "SwapFeePercentageChanged(uint256)",
    "PausedStateChanged(bool)",
    "AmpUpdateStarted(uint256,uint256,uint256,uint256)",
    "AmpUpdateStopped(uint256)",
    "TokenRateCacheUpdated(uint256,uint256)",
    "PriceRateCacheUpdated(address,uint256)",
  ];
  expect(STATE_TOPICS).toEqual(signatures.map(id));
  expect(balancerV2.topics(deploymentOf("balancer-v2", VAULT)).created).toEqual([id("PoolRegistered(bytes32,address,uint8)")]);
});

test("a log of a vault that is not the deployment's moves nothing, whatever id it names", () => {
  const { info } = asPool(pools[0] as RecordedPool);
  const deployment = deploymentOf("balancer-v2", VAULT);
  const log = (address: string, ...topics: string[]): LogRow => [address, topics, "0x", 0, 0, `0x${"00".repeat(32)}`];
  const swap = id("Swap(bytes32,address,address,uint256,uint256)");
  const other = asAddress(`0x${"ee".repeat(20)}`);
  expect(balancerV2.poolOf(log(VAULT, swap, info.facts.poolId), deployment)).toBe(info.pool);
  expect(balancerV2.poolOf(log(other, swap, info.facts.poolId), deployment)).toBeNull();
  expect(balancerV2.poolOf(log(info.pool, id("AmpUpdateStopped(uint256)")), deployment)).toBe(info.pool);
  // The vault's own pause carries no pool.
  expect(balancerV2.poolOf(log(VAULT, id("PausedStateChanged(bool)")), deployment)).toBeNull();
  const registered = log(VAULT, id("PoolRegistered(bytes32,address,uint8)"), info.facts.poolId);
  expect(balancerV2.decodeCreated(registered, deployment)).toBe(info.pool);
});

test("a composable pool names its tokens by their places in the vault, where its own stands among them", () => {
  const { info, row } = asPool(pools.find(({ bptIndex }) => bptIndex === 1) as RecordedPool);
  const state = balancerV2.created();
  balancerV2.applyRow(state, row);
  const update = (index: bigint, rate: bigint) => {
    const topics = [id("TokenRateCacheUpdated(uint256,uint256)"), `0x${padWord(index)}`];
    return balancerV2.applyLog(info, state, [info.pool, topics, `0x${padWord(rate)}`, 0, 0, ""]);
  };
  update(0n, 11n);
  const undo = update(2n, 22n);
  expect(state.rates).toEqual([11n, 22n]);
  balancerV2.applyRow(state, undo);
  expect(state.rates).toEqual([11n, BigInt(row[6][1] as string)]);
});

test("an amplification that moves is quoted from the ramp that was announced, and not at all from one that began unseen", () => {
  const { info, row } = asPool(pools.find(({ name }) => name === "wsteth_weth") as RecordedPool);
  const state = balancerV2.created();
  balancerV2.applyRow(state, row);
  const quote = () => balancerV2.quoteExactIn(info, state, { amountIn: 10n ** 16n, indexIn: 0, indexOut: 1 });
  const before = quote();
  const seen = (amp: string, time: number): Row => [info.pool, [], [], null, null, [amp, true, [], time], []];
  balancerV2.applyRow(state, seen("50000", 1_000));
  expect(balancerV2.isLive(state)).toBe(false);
  expect(quote()).toBe(0n);
  balancerV2.applyRow(state, row);
  expect(quote()).toBe(before);
  const data = `0x${[50_000n, 100_000n, 1_000n, 101_000n].map(padWord).join("")}`;
  const undo = balancerV2.applyLog(info, state, [info.pool, [id("AmpUpdateStarted(uint256,uint256,uint256,uint256)")], data, 0, 0, ""]);
  expect(quote()).toBe(before);
  // The chain tells the value of a block; the next one's follows from the ramp.
  balancerV2.applyRow(state, seen("50000", 51_001));
  expect(state.amp).toBe(75_000n);
  expect(quote()).not.toBe(before);
  balancerV2.applyRow(state, undo);
  expect(balancerV2.toRow(info, state)).toEqual(row);
});

test("a ramp truncates the size of its change in either direction, and ends where it ends", () => {
  const up = { startValue: 10n, endValue: 20n, startTime: 0n, endTime: 7n };
  const down = { ...up, startValue: 20n, endValue: 10n };
  expect([0n, 1n, 6n, 7n, 8n].map((time) => ampAt(up, time))).toEqual([10n, 11n, 18n, 20n, 20n]);
  expect([0n, 1n, 6n, 7n, 8n].map((time) => ampAt(down, time))).toEqual([20n, 19n, 12n, 10n, 10n]);
});

test("quotes nothing that the vault would refuse", () => {
  const { info, row } = asPool(pools[0] as RecordedPool);
  const [balance0, balance1] = row[1].map(BigInt) as [bigint, bigint];
  const state = balancerV2.created();
  const quoteIn = (amountIn: bigint) => balancerV2.quoteExactIn(info, state, { amountIn, indexIn: 0, indexOut: 1 });
  const quoteOut = (amountOut: bigint) => balancerV2.quoteExactOut?.(info, state, { amountOut, indexIn: 0, indexOut: 1 });
  expect(quoteIn(10n ** 18n)).toBe(0n); // not read yet
  balancerV2.applyRow(state, row);
  expect(quoteIn(10n ** 18n)).toBeGreaterThan(0n);
  expect(quoteIn(0n)).toBe(0n);
  expect(quoteIn(balance0 / 2n)).toBe(0n); // BAL#304
  expect(quoteOut((balance1 * 3n) / 10n)).toBeGreaterThan(0n);
  expect(quoteOut((balance1 * 3n) / 10n + 1n)).toBe(0n); // BAL#305
  expect(balancerV2.quoteExactIn(info, state, { amountIn: 10n ** 18n, indexIn: 1, indexOut: 1 })).toBe(0n);
  expect(balancerV2.quoteExactIn(info, state, { amountIn: 10n ** 18n, indexIn: 0, indexOut: 2 })).toBe(0n);
  // Nearly all of the second token with an asset manager: priced with all of it, paid with what is there.
  balancerV2.applyRow(state, [
    info.pool,
    [balance0.toString(), (10n ** 14n).toString()],
    ["0", (balance1 - 10n ** 14n).toString()],
    null,
    null,
    null,
    [],
  ]);
  expect(quoteIn(10n ** 18n)).toBe(0n);
  expect(quoteIn(10n ** 16n)).toBeGreaterThan(0n);
  expect(quoteOut(10n ** 14n)).toBeGreaterThan(0n);
  expect(quoteOut(10n ** 14n + 1n)).toBe(0n);
  balancerV2.applyRow(state, row);
  balancerV2.applyRow(state, [info.pool, [], [], null, true, null, []]);
  expect(quoteIn(10n ** 18n)).toBe(0n);
});

test("whatever contracts answer that call themselves pools, describing them goes on", async () => {
  const random = randomFor("balancer-v2 nonsense", process.env.SEED ?? "1");
  const word = () => random.pick([0n, 1n, 2n, 32n, 1_000n, 10n ** 18n, 2n ** 255n, BigInt(random.integer(0, 1_000))]);
  const encode = (...values: bigint[]) => `0x${values.map(padWord).join("")}`;
  const nonsense = () => {
    const kind = random.unit();
    if (kind < 0.3) return null;
    // An array of two, or some words.
    return kind < 0.6 ? encode(32n, 2n, word(), word()) : encode(...Array.from({ length: random.integer(0, 5) }, word));
  };
  const selectorOf = (signature: string) => id(signature).slice(0, 10);
  const honest = new Map<string, (target: string, data: string) => string | null>([
    [selectorOf("getPoolId()"), (target) => `${target}${"0".repeat(24)}`],
    [selectorOf("getVault()"), () => encode(BigInt(VAULT))],
    [selectorOf("getSwapEnabled()"), () => null],
    [selectorOf("getGradualWeightUpdateParams()"), () => null],
    [selectorOf("getPool(bytes32)"), (_, data) => encode(BigInt(`0x${data.slice(10, 50)}`), 2n)],
    [selectorOf("getPoolTokens(bytes32)"), () => encode(96n, 192n, 1n, 2n, 0xaan, 0xbbn, 2n, 10n ** 20n, 10n ** 20n)],
    [selectorOf("getPoolTokenInfo(bytes32,address)"), () => encode(10n ** 20n, 0n, 1n, 0n)],
    [selectorOf("decimals()"), () => encode(18n)],
  ]);
  const queries = { count: 0 };
  honest.set("0xf84d066e", () => {
    queries.count++;
    return random.chance(0.5) ? null : encode(32n, 2n, word(), word());
  });
  const reader: ChainReader = {
    call: async () => encode(1n),
    multicall: async (calls) => calls.map(({ target, data }) => (honest.get(data.slice(0, 10)) ?? nonsense)(target, data)),
  };
  const addresses = Array.from({ length: 5_000 }, (_, index) => asAddress(`0x${(index + 1).toString(16).padStart(40, "0")}`));
  const described = await balancerV2.describe(reader, deploymentOf("balancer-v2", VAULT), addresses);
  expect(described.map((each) => each?.pool ?? null)).toEqual(addresses.map(() => null));
  // Some came as far as being asked for proof.
  expect(queries.count).toBeGreaterThan(20);
});
