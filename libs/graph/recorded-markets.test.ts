import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { PoolCurve, RowOf } from "#libs/dex/family.ts";
import type { Edge, Market } from "#libs/graph/market.ts";
import { marginalRate } from "#libs/graph/market.ts";
import { cycleIdOf, findCycles } from "#libs/graph/search.ts";
import { bestByGoldenSection, exactProfit, marketOf, type PoolSpec } from "#libs/graph/testing.ts";
import { recordedPools } from "#libs/testkit/recorded-pools.ts";
import { vectorsFile } from "#libs/testkit/vectors.ts";
import { asAddress } from "#libs/units/brand.ts";
import type { FactsOf } from "#proto/pool/v1/state.ts";

/** Profits are counted in raw units of the wrapped native coin. */
const MIN_PROFIT = 1e15;
/** Of the minimum: closer to it than this a cycle may be on either side. */
const BAND = 1e-6;
const LARGEST = 10n ** 27n;
/** What a constant product is taken to ask where nobody knows: most do. */
const USUAL_FEE_BPS = 30;

interface Snapshot {
  readonly wrappedNative: string;
  readonly dexes: Readonly<Record<string, { readonly feeBps: number | null }>>;
  readonly pairs: readonly {
    readonly dex: string;
    readonly pair: string;
    readonly token0: string;
    readonly token1: string;
    readonly reserve0: string;
    readonly reserve1: string;
  }[];
}

function specsOf({ dexes, pairs }: Snapshot): PoolSpec[] {
  return pairs.map(({ dex, pair, token0, token1, reserve0, reserve1 }) => {
    const pool = asAddress(pair);
    const feePips = 100 * (dexes[dex]?.feeBps ?? USUAL_FEE_BPS);
    const row: RowOf<"uniswap-v2"> = [pool, reserve0, reserve1, feePips, feePips];
    return { dex, family: "uniswap-v2", info: { pool, tokens: [asAddress(token0), asAddress(token1)], facts: {} }, row };
  });
}

/** Cycles from the coin, each pool and token once, along which a first unit comes back as more. */
function* gainingCycles(market: Market, home: string, maxHops: number): Generator<readonly Edge[]> {
  const out = new Map<string, { readonly edge: Edge; readonly rate: number }[]>();
  const back = new Map<string, number>();
  for (const { edges, curve } of market.pools()) {
    for (const edge of edges) {
      const rate = curve === null ? 0 : marginalRate(curve as PoolCurve, edge);
      if (!(rate > 0)) continue;
      if (edge.to === home) back.set(edge.from, Math.max(back.get(edge.from) ?? 0, rate));
      const known = out.get(edge.from);
      if (known === undefined) out.set(edge.from, [{ edge, rate }]);
      else known.push({ edge, rate });
    }
  }
  const path: Edge[] = [];
  function* extend(token: string, gain: number): Generator<readonly Edge[]> {
    for (const { edge, rate } of out.get(token) ?? []) {
      const { to, pool } = edge;
      if (to !== home && (path.length + 2 > maxHops || path.some((before) => before.to === to))) continue;
      if (path.some((before) => before.pool === pool)) continue;
      // With one hop left only the best way home could still gain.
      if (to !== home && path.length + 2 === maxHops && gain * rate * (back.get(to) ?? 0) <= 1) continue;
      path.push(edge);
      if (to !== home) yield* extend(to, gain * rate);
      else if (path.length > 1 && gain * rate > 1) yield [...path];
      path.pop();
    }
  }
  yield* extend(home, 1);
}

/** What a cycle of constant products earns at best: the composition of γyδ/(x + γδ) is aδ/(1 + cδ), which is δ + (√a − 1)²/c at its best. From the reserves, not from curves. */
function bestOfProducts(edges: readonly Edge[]): number {
  let [a, c] = [1, 0];
  for (const { pool, indexIn } of edges) {
    const { reserve0, reserve1, feePips } = pool.state as {
      readonly reserve0: bigint;
      readonly reserve1: bigint;
      readonly feePips: readonly [number, number];
    };
    const [x, y] = (indexIn === 0 ? [reserve0, reserve1] : [reserve1, reserve0]).map(Number) as [number, number];
    const gamma = 1 - (feePips[indexIn as 0 | 1] as number) / 1e6;
    c += (a * gamma) / x;
    a *= (gamma * y) / x;
  }
  return a <= 1 ? 0 : (Math.sqrt(a) - 1) ** 2 / c;
}

/** Inputs of fewer raw units of the coin may round to nothing in tokens of few decimals. */
const SURELY_COUNTS = 1e13;

/**
 * What a cycle earns at best by the contracts' own arithmetic. Profit is concave and its slope begins at the rate less one, so it reaches the minimum at no less than p, the
 * minimum by that slope; where nothing is earned at p, or p is more than a pool takes, nothing is beyond.
 */
function bestOfContracts(edges: readonly Edge[]): number {
  const rate = edges.reduce((product, edge) => product * marginalRate(edge.pool.curve as PoolCurve, edge), 1);
  const least = MIN_PROFIT / (rate - 1);
  if (least > SURELY_COUNTS && (exactProfit(edges, BigInt(Math.floor(least))) ?? 0n) <= 0n) return 0;
  return bestByGoldenSection(edges, 1e22).profit;
}

/** Differences between the search and brute force, and how many cycles both have. */
function compare(specs: readonly PoolSpec[], home: string, maxHops: number, best: (edges: readonly Edge[]) => number) {
  const market = marketOf(specs);
  const all = specs.map(({ info }) => info.pool);
  const options = { startToken: home, maxHops, maxCandidates: 1, minGrossProfit: MIN_PROFIT, maxAmountIn: LARGEST };
  const { cycles, isCutShort } = findCycles(market, all, options, { floor: 0, capacity: 2_000_000, without: [] });
  const found = new Set(cycles.map(({ edges }) => cycleIdOf(edges)));
  const missing: string[] = [];
  const invented: string[] = [];
  let same = 0;
  for (const edges of gainingCycles(market, home, maxHops)) {
    const profit = best(edges);
    const id = cycleIdOf(edges);
    const has = found.delete(id);
    if (has && profit > MIN_PROFIT * (1 - BAND)) same++;
    else if (has) invented.push(`${id}: ${profit}`);
    else if (profit > MIN_PROFIT * (1 + BAND)) missing.push(`${id}: ${profit}`);
  }
  return { isCutShort, same, missing, invented: [...invented, ...found] };
}

const SNAPSHOTS = ["avalanche-2022-06-19", "fantom-2022-06-29", "ethereum-2020-09"];

/** Peter-Brad/uniswap-skim-v2@b12a1ff (Unlicense), ccyanxyz/uniswap-arbitrage-analysis@1593133 (no licence file): not copied. */
for (const name of SNAPSHOTS) {
  const file = vectorsFile(`${name}.json.gz`);
  describe.skipIf(file === null)(name, () => {
    test.for([2, 3, 4])("the cycles of at most %i hops that earn the minimum are those of brute force", { timeout: 600_000 }, (maxHops) => {
      const snapshot = JSON.parse(gunzipSync(readFileSync(file as string)).toString("utf8")) as Snapshot;
      const { same, ...differences } = compare(specsOf(snapshot), snapshot.wrappedNative, maxHops, bestOfProducts);
      expect(differences).toEqual({ isCutShort: false, missing: [], invented: [] });
      expect(same).toBeGreaterThan(0);
    });
  });
}

/** The auction's pools of Balancer V2 (data/README.md): what its weighted and stable pools hold, and how they price. */
interface BalancerPools {
  readonly decimals: Readonly<Record<string, number>>;
  readonly weighted: readonly (readonly [
    pool: string,
    feeWad: string,
    tokens: readonly (readonly [token: string, balance: string, weightWad: string])[],
  ])[];
  readonly stable: readonly (readonly [
    pool: string,
    feeWad: string,
    amplification: string,
    tokens: readonly (readonly [token: string, balance: string, scalingRate: string])[],
  ])[];
}

const WAD = 10n ** 18n;

/** The stable ones first. */
function balancerPools(): PoolSpec[] {
  const file = new URL("./data/ethereum-auction-7400681-balancer.json.gz", import.meta.url);
  const { decimals, weighted, stable } = JSON.parse(gunzipSync(readFileSync(file)).toString("utf8")) as BalancerPools;
  const infoOf = (
    address: string,
    held: readonly (readonly [string, ...unknown[]])[],
    more: Pick<FactsOf<"balancer-v2">, "kind" | "weights">,
  ) => {
    const pool = asAddress(address);
    const tokens = held.map(([token]) => asAddress(token));
    const places = tokens.map((token) => decimals[token] as number);
    const facts = {
      vault: pool,
      poolId: `${pool}${"0".repeat(24)}`,
      maths: 2,
      decimals: places,
      bptIndex: -1,
      rateProviders: [],
      ...more,
    } as const;
    return { pool, tokens, facts };
  };
  const none = (held: readonly unknown[]) => held.map(() => "0");
  return [
    ...stable.map(([address, fee, amplification, held]): PoolSpec => {
      const info = infoOf(address, held, { kind: "meta-stable", weights: [] });
      const balances = held.map(([, balance]) => balance);
      // A balance counts as balance · 1e18 / scalingRate; the pool scales by its decimals and multiplies by the rate.
      const rates = held.map(([token, , scaling]) => (WAD * WAD) / (BigInt(scaling) * 10n ** BigInt(18 - (decimals[token] as number))));
      const amp = (1_000n * BigInt(amplification)).toString();
      return {
        dex: "balancer",
        family: "balancer-v2",
        info,
        row: [info.pool, balances, none(held), fee, false, [amp, false, [], 0], rates.map(String)],
      };
    }),
    ...weighted.map(([address, fee, held]): PoolSpec => {
      const info = infoOf(address, held, { kind: "weighted", weights: held.map(([, , weight]) => weight) });
      const balances = held.map(([, balance]) => balance);
      return { dex: "balancer", family: "balancer-v2", info, row: [info.pool, balances, none(held), fee, false, ["0", false, [], 0], []] };
    }),
  ];
}

/** Brute force of all of them takes minutes: run where the other recorded sets are, too. */
const COMPLETE = (process.env.HYPERSPEED_VECTORS ?? "") !== "";

describe("601 pools of Ethereum at one moment, constant products and ranges", () => {
  test.for(COMPLETE ? [2, 3, 4] : [2, 3])(
    "the cycles of at most %i hops that earn the minimum are those of brute force",
    { timeout: 600_000 },
    (maxHops) => {
      const { startToken, pools } = recordedPools();
      const { same, ...differences } = compare(pools, startToken, maxHops, bestOfContracts);
      expect(differences).toEqual({ isCutShort: false, missing: [], invented: [] });
      expect(same).toBeGreaterThan(0);
    },
  );
});

describe("the same and the stable and weighted pools of that moment, of up to eight tokens", () => {
  test.for([
    [2, 192],
    [3, COMPLETE ? 192 : 24],
  ] as const)(
    "the cycles of at most %i hops through any, %i of these among them, are those of brute force",
    { timeout: 600_000 },
    ([maxHops, count]) => {
      const { startToken, pools } = recordedPools();
      const { same, ...differences } = compare([...pools, ...balancerPools().slice(0, count)], startToken, maxHops, bestOfContracts);
      expect(differences).toEqual({ isCutShort: false, missing: [], invented: [] });
      expect(same).toBeGreaterThan(0);
    },
  );
});
