import { getSqrtRatioAtTick, MAX_TICK, MIN_TICK } from "#libs/dex/concentrated/tick-math.ts";
import type { FamilyId, PoolInfo, RowOf } from "#libs/dex/family.ts";
import type { Random } from "#libs/ml/random.ts";
import { type Address, asAddress } from "#libs/units/brand.ts";
import type { TickRow } from "#proto/pool/v1/state.ts";
import { between, drawsOf, pick } from "./random.ts";

/** A made market: tokens, and exact pools of them on several DEXes, at rest. */

export interface MadeToken {
  readonly address: Address;
  readonly decimals: number;
  /** Wei for its smallest unit. */
  readonly value: number;
}

export interface MadePool {
  readonly dex: string;
  readonly family: FamilyId;
  readonly info: PoolInfo;
  readonly row: RowOf<FamilyId>;
}

export interface MadeMarket {
  /** The wrapped native coin first, then the hubs, the first of which is a stable coin. */
  readonly tokens: readonly MadeToken[];
  readonly pools: readonly MadePool[];
}

interface MadeDex {
  readonly id: string;
  readonly family: "uniswap-v2" | "uniswap-v3" | "pancake-v3";
  /** Fee in 1e-6 and, of pools with ticks, their spacing. */
  readonly tiers: readonly (readonly [feePips: number, tickSpacing: number])[];
}

export const DEXES: readonly MadeDex[] = [
  { id: "alpha-v2", family: "uniswap-v2", tiers: [[3_000, 0]] },
  { id: "beta-v2", family: "uniswap-v2", tiers: [[2_500, 0]] },
  { id: "gamma-v2", family: "uniswap-v2", tiers: [[3_000, 0]] },
  {
    id: "alpha-v3",
    family: "uniswap-v3",
    tiers: [
      [500, 10],
      [3_000, 60],
      [10_000, 200],
    ],
  },
  {
    id: "beta-v3",
    family: "pancake-v3",
    tiers: [
      [500, 10],
      [2_500, 50],
    ],
  },
];

const addressOf = (kind: "a" | "b", index: number): Address => asAddress(`0x${kind}${index.toString(16).padStart(39, "0")}`);
const toBigInt = (value: number): bigint => BigInt(Math.max(1, Math.floor(value)));

/** Dollars for the native coin at the start. */
const NATIVE_USD = 2_500;
const HUBS = [
  { decimals: 18, native: 1 },
  { decimals: 6, native: 1 / NATIVE_USD },
  { decimals: 6, native: 1 / NATIVE_USD },
  { decimals: 8, native: 24 },
] as const;
const OTHERS = 24;

/** Depth of a side, native coins: of a hub's pool and of another's, median and deviation of the logarithm. */
const HUB_DEPTH = 900;
const DEPTH = 45;
const DEPTH_SIGMA = 0.9;

/** How far a price may be off its token's at the start, as a share of the pool's fee: nothing to earn. */
const AT_REST = 0.4;

export function madeMarket(seed: number): MadeMarket {
  const random = drawsOf(seed, 1);
  const tokens = [
    ...HUBS.map(({ decimals, native }) => ({ decimals, native })),
    ...Array.from({ length: OTHERS }, () => ({ decimals: random.unit() < 0.2 ? 6 : 18, native: 10 ** between(random, -5, -1) })),
  ].map(
    ({ decimals, native }, index): MadeToken => ({
      // In no order of rank: which side of a pool the native coin is on varies.
      address: addressOf("a", ((index + 1) * 2_654_435_761) % 2 ** 32),
      decimals,
      value: native * 10 ** (18 - decimals),
    }),
  );
  const pools: MadePool[] = [];
  const taken = new Set<string>();
  const open = (one: number, other: number, depth: number) => {
    const dex = pick(random, DEXES);
    const [feePips, tickSpacing] = pick(random, dex.tiers);
    const venue = `${Math.min(one, other)}:${Math.max(one, other)}:${dex.id}:${feePips}`;
    if (taken.has(venue)) return;
    taken.add(venue);
    pools.push(
      poolAtRest(random, dex, [tokens[one] as MadeToken, tokens[other] as MadeToken], { index: pools.length, depth, feePips, tickSpacing }),
    );
  };
  const repeat = (count: number, work: () => void) => {
    for (let left = count; left > 0; left--) work();
  };
  const depthOf = (median: number) => 1e18 * median * Math.exp(DEPTH_SIGMA * random.normal());
  for (const [one, other, count] of [
    [0, 1, 6],
    [0, 2, 4],
    [0, 3, 4],
    [1, 2, 3],
    [1, 3, 3],
  ] as const)
    repeat(count, () => open(one, other, depthOf(HUB_DEPTH)));
  for (let token = HUBS.length; token < tokens.length; token++) {
    repeat(2 + random.below(3), () => open(0, token, depthOf(DEPTH)));
    repeat(random.below(3), () => open(1 + random.below(3), token, depthOf(DEPTH / 2)));
    const other = HUBS.length + random.below(OTHERS);
    if (random.unit() < 0.3 && other !== token) open(token, other, depthOf(DEPTH / 3));
  }
  return { tokens, pools };
}

interface Shape {
  readonly index: number;
  /** Value of a side, wei. */
  readonly depth: number;
  readonly feePips: number;
  readonly tickSpacing: number;
}

function poolAtRest(
  random: Random,
  dex: MadeDex,
  pair: readonly [MadeToken, MadeToken],
  { index, depth, feePips, tickSpacing }: Shape,
): MadePool {
  const [one, other] = pair[0].address < pair[1].address ? pair : [pair[1], pair[0]];
  const pool = addressOf("b", index + 1);
  const tokens = [one.address, other.address];
  const price = (one.value / other.value) * Math.exp(between(random, -AT_REST, AT_REST) * (feePips / 1e6));
  if (dex.family === "uniswap-v2") {
    const reserves = [depth / one.value, (depth / one.value) * price].map((reserve) => toBigInt(reserve).toString()) as [string, string];
    return { dex: dex.id, family: dex.family, info: { pool, tokens, facts: {} }, row: [pool, ...reserves, feePips, feePips] };
  }
  return {
    dex: dex.id,
    family: dex.family,
    info: { pool, tokens, facts: { tickSpacing } },
    row: concentratedRow(random, { pool, price, liquidity: (depth / one.value) * Math.sqrt(price), feePips, tickSpacing }),
  };
}

/** A position over all prices and some around this one, so that prices move far but slowly: what providers have is three times as deep near the price. */
function concentratedRow(
  random: Random,
  of: {
    readonly pool: Address;
    readonly price: number;
    readonly liquidity: number;
    readonly feePips: number;
    readonly tickSpacing: number;
  },
): RowOf<"uniswap-v3"> {
  const { pool, price, liquidity, feePips, tickSpacing } = of;
  const sqrtPriceX96 = toBigInt(Math.sqrt(price) * 2 ** 96);
  let tick = Math.floor(Math.log(price) / Math.log(1.0001));
  while (getSqrtRatioAtTick(tick) > sqrtPriceX96) tick--;
  while (getSqrtRatioAtTick(tick + 1) <= sqrtPriceX96) tick++;
  const ticks = new Map<number, { net: bigint; gross: bigint }>();
  const put = (at: number, net: bigint, gross: bigint) => {
    const found = ticks.get(at) ?? { net: 0n, gross: 0n };
    ticks.set(at, { net: found.net + net, gross: found.gross + gross });
  };
  const position = (lower: number, upper: number, amount: number) => {
    const whole = toBigInt(amount);
    put(lower * tickSpacing, whole, whole);
    put(upper * tickSpacing, -whole, whole);
  };
  position(Math.ceil(MIN_TICK / tickSpacing), Math.floor(MAX_TICK / tickSpacing), liquidity);
  const present = Math.floor(tick / tickSpacing);
  for (let left = 2 + random.below(4); left > 0; left--) {
    const reach = 2 + Math.ceil(10 ** between(random, 2.3, 3.6) / tickSpacing);
    position(present - 1 - random.below(reach), present + 2 + random.below(reach), (liquidity * between(random, 0.5, 2)) / 2);
  }
  const rows = [...ticks]
    .filter(([, { gross }]) => gross > 0n)
    .sort(([left], [right]) => left - right)
    .map(([at, { net, gross }]): TickRow => [at, net.toString(), gross.toString()]);
  const active = rows.reduce((sum, [at, net]) => (at <= tick ? sum + BigInt(net) : sum), 0n);
  return [pool, sqrtPriceX96.toString(), tick, active.toString(), feePips, feePips, rows];
}
