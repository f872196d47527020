import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { id } from "ethers";
import { expect, test } from "vitest";
import { FEE_SOURCES, type FeeSource, feeCall, feePipsOf } from "#libs/dex/solidly/fees.ts";
import { solidly } from "#libs/dex/solidly/index.ts";
import {
  _d,
  _f,
  _get_y,
  _get_y_velodrome,
  _k,
  amountOutExactIn,
  type Curve,
  cubedOf,
  getAmountOut,
  pays,
  type Variant,
} from "#libs/dex/solidly/math.ts";
import { deploymentOf } from "#libs/dex/testing.ts";
import { padWord } from "#libs/evm/hex.ts";
import { asAddress } from "#libs/units/brand.ts";
import type { LogRow } from "#proto/block/v1/observed.ts";

const WAD = 10n ** 18n;
const POOL = asAddress(`0x${"aa".repeat(20)}`);
const FACTORY = asAddress(`0x${"fa".repeat(20)}`);
const TOKENS = [asAddress(`0x${"01".repeat(20)}`), asAddress(`0x${"02".repeat(20)}`)];

function fixture<Content>(file: string): Content {
  return JSON.parse(gunzipSync(readFileSync(new URL(`./fixtures/${file}`, import.meta.url))).toString()) as Content;
}

const curveOf = (variant: Variant, stable = true, decimals0 = 18, decimals1 = 18): Curve => ({ variant, stable, decimals0, decimals1 });
const infoOf = (curve: Curve, feeSource: FeeSource = "factory.getFee(pair,stable)") => ({
  pool: POOL,
  tokens: TOKENS,
  facts: { ...curve, feeSource },
});

interface RecordedPool {
  readonly name: string;
  readonly stable: boolean;
  readonly feeBps: number;
  readonly decimals: readonly [number, number];
  readonly reserve0: string;
  readonly reserve1: string;
  readonly quotes: readonly { readonly zeroForOne: boolean; readonly amountIn: string; readonly amountOut: string }[];
}

test.each(fixture<{ pools: RecordedPool[] }>("onchain-quotes.json.gz").pools)(
  "$name: $quotes.length recorded answers of the pool, to the unit",
  ({ stable, feeBps, decimals, reserve0, reserve1, quotes }) => {
    const info = infoOf(curveOf("velodrome-v2", stable, ...decimals));
    const state = solidly.created();
    solidly.applyRow(state, [POOL, reserve0, reserve1, feeBps * 100]);
    const ours = quotes.map(({ amountIn, zeroForOne }) =>
      solidly
        .quoteExactIn(info, state, { amountIn: BigInt(amountIn), indexIn: zeroForOne ? 0 : 1, indexOut: zeroForOne ? 1 : 0 })
        .toString(),
    );
    expect(ours).toEqual(quotes.map(({ amountOut }) => amountOut));
  },
);

const functions = fixture<Record<string, string[][]>>("functions.json.gz");
const whole = (variant: Variant, stable: boolean) => (args: readonly bigint[]) => {
  const [amountIn, indexIn, reserve0, reserve1, ...rest] = args as [bigint, bigint, bigint, bigint, ...bigint[]];
  const [decimals0, decimals1] = stable ? rest.splice(0, 2).map(Number) : [18, 18];
  const [fee, of] = rest as [bigint, bigint];
  const reserves = { reserve0, reserve1, feePips: Number((fee * 1_000_000n) / of), k: null };
  return getAmountOut(curveOf(variant, stable, decimals0, decimals1), reserves, { amountIn, zeroForOne: indexIn === 0n });
};
const scaled = (args: readonly bigint[]) => curveOf("velodrome-v2", true, Number(args.at(-2)), Number(args.at(-1)));

test.each<[string, (args: bigint[]) => bigint]>([
  ["d", ([x, y]) => _d(cubedOf(x as bigint), cubedOf(y as bigint))],
  ["f", ([x, y]) => _f(cubedOf(x as bigint), cubedOf(y as bigint))],
  ["getY", ([x, xy, y]) => _get_y(x as bigint, xy as bigint, y as bigint)],
  ["getYVelodrome", (args) => _get_y_velodrome(scaled(args), args[0] as bigint, args[1] as bigint, args[2] as bigint)],
  ["fVelodrome", ([x, y]) => _k(curveOf("velodrome-v2"), x as bigint, y as bigint)],
  ["volatile", whole("solidly-v1", false)],
  ["stable", whole("solidly-v1", true)],
  ["stableVelodrome", whole("velodrome-v2", true)],
])("recorded values of %s", (name, ours) => {
  const recorded = functions[name] as string[][];
  expect(recorded.length).toBeGreaterThanOrEqual(10);
  expect(recorded.map((row) => ours(row.slice(0, -1).map(BigInt)).toString())).toEqual(recorded.map((row) => row.at(-1)));
});

test("the two ends of Newton's method differ, and each variant has its own", () => {
  const reserves = { reserve0: 1_860_989n * 10n ** 12n, reserve1: 4_464_090n * 10n ** 12n, feePips: 100, k: null };
  const swap = { amountIn: 281n, zeroForOne: true };
  expect(getAmountOut(curveOf("solidly-v1"), reserves, swap)).toBe(323n);
  expect(getAmountOut(curveOf("mute"), reserves, swap)).toBe(323n);
  expect(getAmountOut(curveOf("velodrome-v2"), reserves, swap)).toBeLessThan(323n);
  expect(getAmountOut(curveOf("ramses-v3-legacy"), reserves, swap)).toBe(322n);
});

test("a unit that the view promises and the swap refuses is not promised on", () => {
  const reserves = { reserve0: 1_860_989n * 10n ** 12n, reserve1: 4_464_090n * 10n ** 12n, feePips: 0, k: null };
  const curve = curveOf("mute");
  const swap = { amountIn: 281n, zeroForOne: true };
  const promised = getAmountOut(curve, reserves, swap);
  expect(pays(curve, reserves, swap, promised)).toBe(false);
  expect(amountOutExactIn(curve, reserves, swap)).toBe(promised - 1n);
});

test("quotes nothing that a pair would refuse", () => {
  const quote = (variant: Variant, stable: boolean, reserves: readonly [bigint, bigint], amountIn: bigint, feePips = 3_000) => {
    const state = solidly.created();
    solidly.applyRow(state, [POOL, reserves[0].toString(), reserves[1].toString(), feePips]);
    return solidly.quoteExactIn(infoOf(curveOf(variant, stable)), state, { amountIn, indexIn: 0, indexOut: 1 });
  };
  const even = [1_000n * WAD, 1_000n * WAD] as const;
  expect(quote("velodrome-v2", true, even, 0n)).toBe(0n);
  expect(quote("velodrome-v2", false, [10n ** 6n, 10n], 10n)).toBe(0n); // pays less than a unit
  expect(quote("velodrome-v2", false, [0n, 0n], 10n)).toBe(0n);
  expect(quote("velodrome-v2", true, [2n * 10n ** 28n, 2n * 10n ** 28n], WAD)).toBe(0n); // k overflows
  expect(quote("velodrome-v2", false, [2n ** 127n, 2n ** 127n], 2n ** 200n)).toBe(0n); // so does the product of the balances
  // Ramses keeps reserves in 112 bits, and only those after the swap count.
  const full = [2n ** 112n - 2_000n, WAD * WAD] as const;
  expect(quote("ramses-v3-legacy", false, full, 1_999n)).toBeGreaterThan(0n);
  expect(quote("ramses-v3-legacy", false, full, 2_000n)).toBe(0n);
  expect(quote("velodrome-v2", false, full, 2_000n)).toBeGreaterThan(0n);
  // An input whose fee rounds to nothing: Velodrome V1 may refuse it, its successor does not.
  expect(quote("solidly-v1", false, even, 333n)).toBe(0n);
  expect(quote("solidly-v1", false, even, 334n)).toBeGreaterThan(0n);
  expect(quote("velodrome-v2", false, even, 333n)).toBe(332n);
});

test("a fee is asked where its pair asks it, and counted in what that means", () => {
  const pair = { pair: POOL, stable: true };
  for (const source of Object.keys(FEE_SOURCES) as FeeSource[]) {
    const [, of, name, takes] = /^(factory|pair)\.(\w+)\(([\w,]*)\)/.exec(source) as unknown as [string, string, string, string];
    const signature = `${name}(${takes.replace("pair", "address").replace("stable", "bool")})`;
    const { target, data } = feeCall(source, FACTORY, pair);
    expect(data.slice(0, 10), source).toBe(id(signature).slice(0, 10));
    expect(data.length).toBe(10 + 64 * takes.split(",").filter(Boolean).length);
    expect(target).toBe(of === "factory" ? FACTORY : POOL);
  }
  const word = (value: bigint) => `0x${padWord(value)}`;
  expect(feePipsOf("factory.getFee(stable)", word(30n))).toBe(3_000);
  expect(feePipsOf("pair.fee()", word(30n))).toBe(30);
  expect(feePipsOf("factory.getRealFee(pair)/1e18", word(2n * 10n ** 14n))).toBe(200);
  expect(feePipsOf("factory.getRealFee(pair)/1e18", word(30n))).toBeNull(); // finer than we count: another scale
  expect(feePipsOf("factory.getRealFee(pair)", word(2n * 10n ** 14n))).toBeNull(); // more than all
  expect(feePipsOf("pair.fee()", null)).toBeNull();
  expect(feePipsOf("pair.fee()", "0x")).toBeNull();
});

const log = (address: string, topics: readonly string[], words: readonly bigint[]): LogRow => [
  address,
  [...topics],
  `0x${words.map(padWord).join("")}`,
  0,
  0,
  "0x",
];
const topicOf = (address: string) => `0x${padWord(BigInt(address))}`;

test("pools are found in what each variant's factory says", () => {
  const decode = (variant: Variant, signature: string, words: bigint[], more: string[] = []) => {
    const deployment = deploymentOf("solidly", FACTORY, { variant });
    const topic = id(signature);
    expect(solidly.topics(deployment).created).toContain(topic);
    return solidly.decodeCreated(log(FACTORY, [topic, ...TOKENS.map(topicOf), ...more], words), deployment);
  };
  const pool = BigInt(POOL);
  expect(decode("solidly-v1", "PairCreated(address,address,bool,address,uint256)", [1n, pool, 7n])).toBe(POOL);
  expect(decode("mute", "PairCreated(address,address,bool,address,uint256,uint256)", [0n, pool, 7n, 30n])).toBe(POOL);
  expect(decode("ramses-v3-legacy", "PairCreated(address,address,address,uint256)", [pool, 7n])).toBe(POOL);
  expect(decode("velodrome-v2", "PoolCreated(address,address,bool,address,uint256)", [pool, 7n], [`0x${padWord(1n)}`])).toBe(POOL);
});

test("fees follow the events of pairs and factories, and are read again where those do not say them", () => {
  const follow = (variant: Variant, row: LogRow) => {
    const deployment = deploymentOf("solidly", FACTORY, { variant });
    const info = infoOf(curveOf(variant));
    const state = solidly.created();
    solidly.applyRow(state, [POOL, "1000", "2000", 500]);
    expect(solidly.topics(deployment).state).toContain(row[1][0]);
    expect(solidly.poolOf(row, deployment)).toBe(POOL);
    const undo = solidly.applyLog(info, state, row);
    expect(undo).toEqual([POOL, "1000", "2000", 500]);
    expect(solidly.refresh?.needed(info, state)).toBe(!solidly.isLive(state));
    return solidly.toRow(info, state);
  };
  const custom = (fee: bigint) => log(FACTORY, [id("SetCustomFee(address,uint256)"), topicOf(POOL)], [fee]);
  expect(follow("velodrome-v2", custom(100n))).toEqual([POOL, "1000", "2000", 10_000]);
  expect(follow("velodrome-v2", custom(420n))).toEqual([POOL, "1000", "2000", 0]);
  expect(follow("velodrome-v2", custom(0n))).toEqual([POOL, "1000", "2000", null]);
  const pairFee = (fee: bigint) => log(FACTORY, [id("SetPairFee(address,uint256)"), topicOf(POOL), `0x${padWord(fee)}`], []);
  expect(follow("ramses-v3-legacy", pairFee(2_500n))).toEqual([POOL, "1000", "2000", 2_500]);
  expect(follow("ramses-v3-legacy", pairFee(0n))).toEqual([POOL, "1000", "2000", null]);
  expect(follow("mute", log(POOL, [id("ChangeFee(uint256,uint256)")], [250n, 9n]))).toEqual([POOL, "1000", "2000", 25_000]);
  expect(follow("ramses-v3-legacy", log(POOL, [id("Sync(uint112,uint112)")], [5n, 6n]))).toEqual([POOL, "5", "6", 500]);
  expect(follow("solidly-v1", log(POOL, [id("Sync(uint256,uint256)")], [5n, 6n]))).toEqual([POOL, "5", "6", 500]);
  const stranger = log(`0x${"cc".repeat(20)}`, [id("SetCustomFee(address,uint256)"), topicOf(POOL)], [1n]);
  expect(solidly.poolOf(stranger, deploymentOf("solidly", FACTORY, { variant: "velodrome-v2" }))).toBeNull();
});
