import { getSqrtRatioAtTick, MAX_TICK, MIN_TICK } from "#libs/dex/concentrated/tick-math.ts";
import type { FamilyId, PoolInfo, RowOf } from "#libs/dex/family.ts";
import { type Edge, Market } from "#libs/graph/market.ts";
import { asAddress } from "#libs/units/brand.ts";
import type { TickRow } from "#proto/pool/v1/state.ts";

/** Random markets for tests, and what they are searched and sized by brute force with. Nothing here uses the code it is compared with. */

export interface Random {
  unit(): number;
  integer(from: number, to: number): number;
  between(from: number, to: number): number;
  pick<Item>(items: readonly Item[]): Item;
  shuffled<Item>(items: readonly Item[]): Item[];
}

/** mulberry32: small, seeded, good enough to draw test cases from. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  const unit = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const integer = (from: number, to: number) => from + Math.floor(unit() * (to - from + 1));
  return {
    unit,
    integer,
    between: (from, to) => from + unit() * (to - from),
    pick: (items) => items[integer(0, items.length - 1)] as (typeof items)[number],
    shuffled: (items) =>
      items
        .map((item) => [unit(), item] as const)
        .sort(([left], [right]) => left - right)
        .map(([, item]) => item),
  };
}

export interface PoolSpec {
  readonly dex: string;
  readonly family: FamilyId;
  readonly info: PoolInfo;
  readonly row: RowOf<FamilyId>;
}

export interface TestToken {
  readonly address: string;
  /** Worth of the smallest unit in smallest units of the first token. */
  readonly value: number;
}

const addressOf = (index: number, kind: "a" | "b") => asAddress(`0x${kind}${index.toString(16).padStart(39, "0")}`);

/** The first has 18 decimals and is what the others are valued in; of those some have 6. */
export function randomTokens(random: Random, count: number): TestToken[] {
  return Array.from({ length: count }, (_, index) => ({
    address: addressOf(index + 1, "a"),
    value: index === 0 ? 1 : 10 ** random.between(-3, 1) * (random.unit() < 0.3 ? 1e12 : 1),
  }));
}

const toBigInt = (value: number) => BigInt(Math.max(1, Math.floor(value)));
const FEES = [
  [100, 1],
  [500, 10],
  [3_000, 60],
  [10_000, 200],
] as const;

/**
 * A pool of two tokens, its price off by `dislocation` (a factor's logarithm), of any fee and kind; concentrated ones with gaps. `depth` in units of the first token,
 * where none is given any.
 */
export function randomPool(
  random: Random,
  index: number,
  tokens: readonly [TestToken, TestToken],
  dislocation: number,
  depth: number = 10 ** random.between(18, 22),
): PoolSpec {
  const [one, other] = tokens[0].address < tokens[1].address ? tokens : [tokens[1], tokens[0]];
  const pool = addressOf(index + 1, "b");
  const sides = { pool, tokens: [asAddress(one.address), asAddress(other.address)] };
  const price = (one.value / other.value) * Math.exp(dislocation);
  if (random.unit() < 0.5) {
    const feePips = random.pick([2_000, 2_500, 3_000]);
    const info = { ...sides, facts: {} };
    const reserve0 = toBigInt(depth / one.value);
    const reserve1 = toBigInt((depth / one.value) * price);
    return { dex: "v2", family: "uniswap-v2", info, row: [pool, reserve0.toString(), reserve1.toString(), feePips, feePips] };
  }
  const [feePips, tickSpacing] = random.pick(FEES);
  return {
    dex: "v3",
    family: "uniswap-v3",
    info: { ...sides, facts: { tickSpacing } },
    row: v3Row(random, { pool, price, depth0: depth / one.value, feePips, tickSpacing }),
  };
}

function tickAt(price: number, sqrtPriceX96: bigint): number {
  let tick = Math.floor(Math.log(price) / Math.log(1.0001));
  while (getSqrtRatioAtTick(tick) > sqrtPriceX96) tick--;
  while (getSqrtRatioAtTick(tick + 1) <= sqrtPriceX96) tick++;
  return tick;
}

interface Concentrated {
  readonly pool: string;
  readonly price: number;
  readonly depth0: number;
  readonly feePips: number;
  readonly tickSpacing: number;
}

function v3Row(random: Random, { pool, price, depth0, feePips, tickSpacing }: Concentrated): RowOf<"uniswap-v3"> {
  let sqrtPriceX96 = toBigInt(Math.sqrt(price) * 2 ** 96);
  let tick = tickAt(price, sqrtPriceX96);
  const present = Math.floor(tick / tickSpacing);
  const [lowest, highest] = [Math.ceil(MIN_TICK / tickSpacing), Math.floor(MAX_TICK / tickSpacing)];
  const ticks = new Map<number, { net: bigint; gross: bigint }>();
  const put = (at: number, net: bigint, gross: bigint) => {
    const found = ticks.get(at) ?? { net: 0n, gross: 0n };
    ticks.set(at, { net: found.net + net, gross: found.gross + gross });
  };
  for (let left = random.integer(1, 6); left > 0; left--) {
    const width = Math.ceil(10 ** random.between(0, 2.5));
    const from = present + random.integer(-width, Math.ceil(width / 4)) + (random.unit() < 0.3 ? random.integer(-5, 5) : 0);
    const lower = Math.max(lowest, Math.min(highest - 1, from)) * tickSpacing;
    const upper = Math.min(highest, lower / tickSpacing + width) * tickSpacing;
    const liquidity = toBigInt(depth0 * Math.sqrt(price) * 10 ** random.between(0, 2));
    put(lower, liquidity, liquidity);
    put(upper, -liquidity, liquidity);
  }
  const rows = [...ticks]
    .filter(([, { gross }]) => gross > 0n)
    .sort(([left], [right]) => left - right)
    .map(([at, { net, gross }]): TickRow => [at, net.toString(), gross.toString()]);
  // A swap that ends exactly on a tick: upwards the pool stands on it, downwards one below, at the same price.
  if (random.unit() < 0.15) {
    const boundary = random.pick(rows)[0];
    sqrtPriceX96 = getSqrtRatioAtTick(boundary);
    tick = random.unit() < 0.5 ? boundary : boundary - 1;
  }
  const liquidity = rows.reduce((sum, [at, net]) => (at <= tick ? sum + BigInt(net) : sum), 0n);
  return [pool, sqrtPriceX96.toString(), tick, liquidity.toString(), feePips, feePips, rows];
}

/**
 * A pool whose curve has no closed form for cycles: a solidly stable pair, a balancer weighted pool or a curve pool, of tokens whose whole units are worth the same.
 * Its balances are apart by a few per cent, so that it pays one way.
 */
export function smoothPool(
  random: Random,
  index: number,
  tokens: readonly [TestToken, TestToken],
  depth: number = 10 ** random.between(19, 22),
): PoolSpec {
  const [one, other] = tokens[0].address < tokens[1].address ? tokens : [tokens[1], tokens[0]];
  const pool = addressOf(index + 1, "b");
  const info = { pool, tokens: [asAddress(one.address), asAddress(other.address)] };
  const decimals = [one, other].map(({ value }) => 18 - Math.round(Math.log10(value)));
  const balances = [depth / one.value, (depth / other.value) * Math.exp(random.between(-0.05, 0.05))].map((balance) =>
    toBigInt(balance).toString(),
  );
  const feePips = random.pick([100, 400, 3_000]);
  switch (random.integer(0, 2)) {
    case 0: {
      const [decimals0, decimals1] = decimals as [number, number];
      const facts = { variant: "velodrome-v2", stable: true, decimals0, decimals1, feeSource: "factory.getFee(pair,stable)" } as const;
      return { dex: "solidly", family: "solidly", info: { ...info, facts }, row: [pool, ...(balances as [string, string]), feePips] };
    }
    case 1: {
      const weights = random
        .pick([
          [50, 50],
          [20, 80],
        ])
        .map((weight) => `${weight}${"0".repeat(16)}`);
      // Equal in worth by their weights.
      const weighted = balances.map((balance, side) => ((BigInt(balance) * BigInt(weights[side] as string)) / 10n ** 17n).toString());
      const facts = {
        vault: pool,
        poolId: `${pool}${"0".repeat(24)}`,
        kind: "weighted",
        maths: 2,
        decimals,
        weights,
        bptIndex: -1,
        rateProviders: [],
      } as const;
      const fee = (BigInt(feePips) * 10n ** 12n).toString();
      return {
        dex: "balancer",
        family: "balancer-v2",
        info: { ...info, facts },
        row: [pool, weighted, ["0", "0"], fee, false, ["0", false, [], 0], []],
      };
    }
    default: {
      const multipliers = decimals.map((places) => (10n ** BigInt(36 - places)).toString());
      const facts = { lineage: "2021", rates: "fixed", multipliers, view: "as-exchange" } as const;
      const amp = (random.integer(20, 2_000) * 100).toString();
      return {
        dex: "curve",
        family: "curve-stableswap",
        info: { ...info, facts },
        row: [pool, balances, multipliers, amp, feePips * 10_000, 0, "0", 0],
      };
    }
  }
}

export interface TestMarket {
  readonly tokens: readonly TestToken[];
  readonly pools: readonly PoolSpec[];
}

/** Prices scattered by about one per cent: wide enough for some cycles to pay their fees, narrow enough for most not to. */
export function randomMarket(random: Random, size: { readonly tokens: number; readonly pools: number }): TestMarket {
  const tokens = randomTokens(random, size.tokens);
  const scatter = () => 0.012 * (random.unit() + random.unit() + random.unit() - 1.5);
  const pools = Array.from({ length: size.pools }, (_, index) => {
    const first = random.unit() < 0.6 ? 0 : random.integer(0, tokens.length - 1);
    const second = (first + random.integer(1, tokens.length - 1)) % tokens.length;
    return randomPool(random, index, [tokens[first] as TestToken, tokens[second] as TestToken], scatter());
  });
  return { tokens, pools };
}

/** Standard normal, by Box and Muller. */
export const normal = (random: Random): number => Math.sqrt(-2 * Math.log(1 - random.unit())) * Math.cos(2 * Math.PI * random.unit());

/**
 * A market as large as a chain's, at rest: token degrees by a power law (the first token in every other pool), four fifths constant product, the rest with 8 to 32
 * positions about the price; no price further from the common one than its pool's fee. `dust` adds a share of stray pools on top, a fifth off the price and so
 * shallow that no two of them let anybody earn that profit.
 */
export function largeMarket(random: Random, pools: number, dust?: { readonly share: number; readonly profit: number }): TestMarket {
  const count = Math.ceil(0.6 * pools);
  const tokens = randomTokens(random, count).map(({ address, value }, index) => ({ address, value: index < 8 ? 1 : value }));
  /** Rank by a power law of exponent 1. */
  const ranked = () => Math.min(count - 1, Math.floor(count ** random.unit()) - 1);
  const specs = Array.from({ length: pools }, (_, index): PoolSpec => {
    const first = random.unit() < 0.5 ? 0 : ranked();
    // Every token has a pool at least.
    let second = index < count ? index : ranked();
    if (second === first) second = (first + 1 + random.integer(0, 6)) % count;
    const hubs = first < 8 && second < 8;
    const depth = 10 ** (18 + 1 + (hubs ? 2 : 0) + 0.7 * normal(random));
    return poolAtRest(random, index, [tokens[first] as TestToken, tokens[second] as TestToken], depth);
  });
  if (dust === undefined) return { tokens, pools: specs };
  const stray = Array.from({ length: Math.ceil(dust.share * pools) }, (_, index): PoolSpec => {
    const pair = [tokens[8 + ((7 * index) % (count - 8))] as TestToken, tokens[random.integer(0, 7)] as TestToken] as const;
    // Off by x, a pool of depth D earns about D·x²/4; two of them together not the minimum either.
    const depth = (random.between(0.1, 0.4) * dust.profit * 4) / 0.2 ** 2;
    return constantProduct(pools + index, pair, depth, random.pick([-0.2, 0.2]), 3_000);
  });
  return { tokens, pools: [...specs, ...stray] };
}

function constantProduct(
  index: number,
  [left, right]: readonly [TestToken, TestToken],
  depth: number,
  shift: number,
  feePips: number,
): PoolSpec {
  const [one, other] = left.address < right.address ? [left, right] : [right, left];
  const pool = addressOf(index + 1, "b");
  const reserves = [depth / one.value, (depth / other.value) * Math.exp(shift)].map((reserve) => toBigInt(reserve).toString());
  const info = { pool, tokens: [asAddress(one.address), asAddress(other.address)], facts: {} };
  return { dex: "v2", family: "uniswap-v2", info, row: [pool, reserves[0] as string, reserves[1] as string, feePips, feePips] };
}

function poolAtRest(random: Random, index: number, pair: readonly [TestToken, TestToken], depth: number): PoolSpec {
  if (random.unit() < 0.8) return constantProduct(index, pair, depth, random.between(-0.0014, 0.0014), 3_000);
  const [one, other] = pair[0].address < pair[1].address ? pair : [pair[1], pair[0]];
  const pool = addressOf(index + 1, "b");
  const [feePips, tickSpacing] = random.pick(FEES);
  const price = (one.value / other.value) * Math.exp(random.between(-0.45, 0.45) * (feePips / 1e6));
  const present = Math.floor(Math.log(price) / Math.log(1.0001) / tickSpacing);
  const ticks = new Map<number, { net: bigint; gross: bigint }>();
  const put = (at: number, net: bigint, gross: bigint) => {
    const found = ticks.get(at * tickSpacing) ?? { net: 0n, gross: 0n };
    ticks.set(at * tickSpacing, { net: found.net + net, gross: found.gross + gross });
  };
  const positions = random.integer(8, 32);
  for (let left = positions; left > 0; left--) {
    const reach = Math.ceil(10 ** random.between(2, 3.7) / tickSpacing);
    const liquidity = toBigInt(((depth / one.value) * Math.sqrt(price) * 4) / positions);
    put(present - random.integer(0, reach), liquidity, liquidity);
    put(present + 1 + random.integer(0, reach), -liquidity, liquidity);
  }
  const sqrtPriceX96 = toBigInt(Math.sqrt(price) * 2 ** 96);
  const tick = tickAt(price, sqrtPriceX96);
  const rows = [...ticks].filter(([, { gross }]) => gross > 0n).sort(([left], [right]) => left - right);
  const liquidity = rows.reduce((sum, [at, { net }]) => (at <= tick ? sum + net : sum), 0n);
  const info = { pool, tokens: [asAddress(one.address), asAddress(other.address)], facts: { tickSpacing } };
  const tickRows = rows.map(([at, { net, gross }]): TickRow => [at, net.toString(), gross.toString()]);
  return {
    dex: "v3",
    family: "uniswap-v3",
    info,
    row: [pool, sqrtPriceX96.toString(), tick, liquidity.toString(), feePips, feePips, tickRows],
  };
}

export function marketOf(pools: readonly PoolSpec[]): Market {
  const market = new Market();
  for (const { dex, family, info, row } of pools) {
    market.add(dex, family, info);
    market.apply(row);
  }
  return market;
}

/** Exact amounts after each hop, or null where a pool cannot take it whole. */
export function exactAmounts(edges: readonly Edge[], amountIn: bigint): bigint[] | null {
  const amounts = [amountIn];
  for (const { pool, indexIn, indexOut } of edges) {
    const amountOut = pool.family.quoteExactIn(pool.info, pool.state, { amountIn: amounts.at(-1) as bigint, indexIn, indexOut });
    if (amountOut === 0n) return null;
    amounts.push(amountOut);
  }
  return amounts;
}

/** Exact profit, or null where a pool cannot take the amount whole. */
export function exactProfit(edges: readonly Edge[], amountIn: bigint): bigint | null {
  if (amountIn <= 0n) return null;
  const amounts = exactAmounts(edges, amountIn);
  return amounts === null ? null : (amounts.at(-1) as bigint) - amountIn;
}

const GOLDEN = (Math.sqrt(5) - 1) / 2;

/** The best exact profit by golden section: profit is concave as far as the pools last, and nothing is had beyond. */
export function bestByGoldenSection(edges: readonly Edge[], largest: number): { readonly amountIn: number; readonly profit: number } {
  const profitAt = (amountIn: number) => {
    const profit = exactProfit(edges, BigInt(Math.floor(amountIn)));
    return profit === null ? Number.NEGATIVE_INFINITY : Number(profit);
  };
  let low = 0;
  let high = largest;
  let [left, right] = [high - GOLDEN * (high - low), low + GOLDEN * (high - low)];
  let [atLeft, atRight] = [profitAt(left), profitAt(right)];
  let best = { amountIn: 0, profit: 0 };
  while (high - low > 1 + high * 1e-10) {
    if (atLeft > best.profit) best = { amountIn: left, profit: atLeft };
    if (atRight > best.profit) best = { amountIn: right, profit: atRight };
    if (atLeft < atRight) {
      [low, left, atLeft] = [left, right, atRight];
      right = low + GOLDEN * (high - low);
      atRight = profitAt(right);
    } else {
      [high, right, atRight] = [right, left, atLeft];
      left = high - GOLDEN * (high - low);
      atLeft = profitAt(left);
    }
  }
  return best;
}

/** What the contracts' rounding can cost along a cycle, in units of its start: two units of each token and step, more than enough for these pools. */
export function roundingOf(edges: readonly Edge[], tokens: readonly TestToken[]): number {
  const worth = (address: string) => tokens.find((token) => token.address === address)?.value ?? 1;
  return edges.reduce((sum, { from, to }) => sum + 40 * (Math.max(1, worth(from)) + Math.max(1, worth(to))), 0);
}

/** All cycles of at most so many hops that pass the start token, from there: each pool once, each token once. */
export function* allCycles(market: Market, start: string, maxHops = 3): Generator<readonly Edge[]> {
  const edges = [...market.pools()].flatMap((pool) => pool.edges);
  const from = Map.groupBy(edges, (edge) => edge.from);
  function* extend(path: readonly Edge[]): Generator<readonly Edge[]> {
    for (const edge of from.get(path.at(-1)?.to ?? start) ?? []) {
      if (path.some(({ pool }) => pool === edge.pool)) continue;
      if (edge.to === start) {
        if (path.length > 0) yield [...path, edge];
      } else if (path.length + 1 < maxHops && !path.some(({ to }) => to === edge.to)) yield* extend([...path, edge]);
    }
  }
  yield* extend([]);
}
