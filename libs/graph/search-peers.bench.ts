import { createRequire } from "node:module";
import type { FamilyId, RowOf } from "#libs/dex/family.ts";
import { arbitrageOptimum, routeOptimum } from "#libs/graph/convex-optimum.ts";
import { type Edge, type MarketPool, marginalRate } from "#libs/graph/market.ts";
import { bestRoute, type SellOrder } from "#libs/graph/routes.ts";
import { findCycles, type SearchOptions, searchCycles } from "#libs/graph/search.ts";
import { sizeCycle } from "#libs/graph/size.ts";
import { exactAmounts, exactProfit, largeMarket, marketOf, normal, type PoolSpec, type Random, randomFrom } from "#libs/graph/testing.ts";
import { type Bench, type Measurement, time, timeBeside } from "#libs/testkit/bench.ts";

const require = createRequire(import.meta.url);
const ETHER = 10n ** 18n;
const CHANGED = 50;
/** Of an order, and of a cycle's input where a peer has to be given one. */
const AMOUNT_IN = ETHER;

/** A package that whoever runs this may have installed; null otherwise. */
function loaded<Package>(name: string): Package | null {
  try {
    return require(name) as Package;
  } catch {
    return null;
  }
}

/** Ours alone, with what would bring the peer. */
const alone = (name: string, rounds: number, command: string, ours: () => unknown): Measurement =>
  time(name, { warmUp: Math.ceil(rounds / 4), rounds, facts: () => ({ peer: `not installed: ${command}` }) }, ours);

const inGwei = (amount: number) => Math.round(amount / 1e9);

/** A market at rest, and 50 constant products moved by half a per cent, every tenth of them by three: what all are asked about. */
function shakenMarket(size: number) {
  const { tokens, pools } = largeMarket(randomFrom(size), size);
  const random = randomFrom(1);
  const products = pools.filter(({ family }) => family === "uniswap-v2");
  const chosen = new Set<PoolSpec>();
  while (chosen.size < CHANGED) chosen.add(random.pick(products));
  const specs = pools.map((spec) => (chosen.has(spec) ? { ...spec, row: moved(spec.row as RowOf<"uniswap-v2">, random) } : spec));
  return { tokens: tokens.map(({ address }) => address), specs, market: marketOf(specs) };
}

function moved([pool, reserve0, reserve1, ...fees]: RowOf<"uniswap-v2">, random: Random): RowOf<FamilyId> {
  const root = BigInt(Math.round(Math.exp(0.5 * (random.unit() < 0.1 ? 0.03 : 0.005) * normal(random)) * 2 ** 40));
  return [pool, ((BigInt(reserve0) << 40n) / root).toString(), ((BigInt(reserve1) * root) >> 40n).toString(), ...fees];
}

type Shaken = ReturnType<typeof shakenMarket>;

// ---- one path from token to token

const ROUTE_HOPS = 3;
/** Equal parts that it routes one after another. */
const FLOWS = 100;

/** The parts of @sushiswap/tines that are used, as its declarations have them. */
interface Tines {
  readonly findSingleRouteExactIn: TinesFinder;
  readonly findMultiRouteExactIn: TinesFinder;
  readonly ConstantProductRPool: new (
    address: string,
    token0: TinesToken,
    token1: TinesToken,
    fee: number,
    reserve0: bigint,
    reserve1: bigint,
  ) => unknown;
  readonly UniV3Pool: new (
    address: string,
    token0: TinesToken,
    token1: TinesToken,
    fee: number,
    reserve0: bigint,
    reserve1: bigint,
    tick: number,
    liquidity: bigint,
    sqrtPriceX96: bigint,
    ticks: { readonly index: number; readonly DLiquidity: bigint }[],
  ) => unknown;
  readonly Graph: new (
    pools: unknown[],
    start: TinesToken,
    baseToken: TinesToken,
    gasPrice: number,
  ) => {
    findBestPathExactIn(
      from: TinesToken,
      to: TinesToken,
      amountIn: number,
    ): { readonly path: readonly { readonly pool: { readonly address: string } }[]; readonly output: number } | undefined;
    findBestRouteExactIn(from: TinesToken, to: TinesToken, amountIn: number, flows: number): TinesRoute;
    cleanTmpData(): void;
  };
}

type TinesFinder = (
  from: TinesToken,
  to: TinesToken,
  amountIn: bigint,
  pools: unknown[],
  baseToken: TinesToken,
  gasPrice: number,
  flows?: number,
) => TinesRoute;

interface TinesRoute {
  readonly status: string;
  readonly amountOutBI: bigint;
}

interface TinesToken {
  readonly name: string;
  readonly symbol: string;
  readonly address: string;
  readonly decimals: number;
}

/** Its pools, its graph of them, and its answers to an order. */
function tinesOf({ ConstantProductRPool, UniV3Pool, Graph, findSingleRouteExactIn, findMultiRouteExactIn }: Tines, shaken: Shaken) {
  const { specs, tokens, market } = shaken;
  const made = new Map(tokens.map((address) => [address, { name: address, symbol: address, address, decimals: 18 }]));
  const tokenOf = (address: string) => made.get(address) as TinesToken;
  const pools = specs.map(({ family, info, row }) => {
    const [token0, token1] = info.tokens.map(tokenOf) as [TinesToken, TinesToken];
    if (family === "uniswap-v2") {
      const [pool, reserve0, reserve1, feePips] = row as RowOf<"uniswap-v2">;
      return new ConstantProductRPool(pool, token0, token1, feePips / 1e6, BigInt(reserve0), BigInt(reserve1));
    }
    const [pool, sqrtPriceX96, tick, liquidity, feePips, , ticks] = row as RowOf<"uniswap-v3">;
    const source = market.pool(pool) as MarketPool;
    const [reserve0, reserve1] = source.family.holdings(source.info, source.state) as [bigint, bigint];
    const steps = ticks.map(([index, net]) => ({ index, DLiquidity: BigInt(net) }));
    return new UniV3Pool(pool, token0, token1, feePips / 1e6, reserve0, reserve1, tick, BigInt(liquidity), BigInt(sqrtPriceX96), steps);
  });
  const base = tokenOf(tokens[0] as string);
  const graph = new Graph(pools, base, base, 0);
  const sides = ({ tokenIn, tokenOut }: SellOrder) => [tokenOf(tokenIn), tokenOf(tokenOut)] as const;
  return {
    /** By the graph made before, as a path of ours. */
    path: (order: SellOrder): Edge[] | null => {
      const found = graph.findBestPathExactIn(...sides(order), Number(order.amountIn));
      if (found === undefined) return null;
      let at = order.tokenIn;
      return found.path.map(({ pool }) => {
        const edge = market.pool(pool.address)?.edges.find((each) => each.from === at) as Edge;
        at = edge.to;
        return edge;
      });
    },
    split: (order: SellOrder): TinesRoute => {
      graph.cleanTmpData();
      return graph.findBestRouteExactIn(...sides(order), Number(order.amountIn), FLOWS);
    },
    /** As the package is called: each call makes a graph of its own. */
    called: {
      single: (order: SellOrder) => findSingleRouteExactIn(...sides(order), order.amountIn, pools, base, 0),
      multi: (order: SellOrder) => findMultiRouteExactIn(...sides(order), order.amountIn, pools, base, 0, FLOWS),
    },
  };
}

/** Orders from one of the most traded tokens to any other. */
function ordersOf({ tokens }: Shaken, count: number): SellOrder[] {
  const random = randomFrom(2);
  return Array.from({ length: count }, () => {
    const from = random.integer(0, 7);
    const to = (from + random.integer(1, Math.min(400, tokens.length) - 1)) % tokens.length;
    return { tokenIn: tokens[from] as string, tokenOut: tokens[to] as string, amountIn: AMOUNT_IN };
  });
}

const paidBy = (edges: Edge[] | null, amountIn: bigint): bigint => (edges === null ? 0n : (exactAmounts(edges, amountIn)?.at(-1) ?? 0n));

/** Ratios of ours to theirs, each the exact answer of the pools, as facts. */
function ratiosOf(pairs: readonly (readonly [ours: bigint, theirs: bigint])[]) {
  const ratios = pairs.filter(([, theirs]) => theirs > 0n).map(([ours, theirs]) => Number((ours * 10n ** 9n) / theirs) / 1e9);
  const worse = pairs.filter(([ours, theirs]) => ours < theirs).length;
  const round = (value: number) => Math.round(1e6 * value) / 1e6;
  return {
    "ours by theirs, least": round(Math.min(...ratios)),
    mean: round(ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length),
    "ours worse": `${worse} of ${pairs.length}`,
  };
}

const TINES = "npm install --no-save @sushiswap/tines@1.0.11 viem@1.16.2";

async function routeBench(shaken: Shaken, size: number, rounds: number): Promise<Measurement[]> {
  const { market } = shaken;
  const orders = ordersOf(shaken, rounds);
  const path = (order: SellOrder) => bestRoute(market, order, { maxHops: ROUTE_HOPS, maxLegs: 1 });
  const split = (order: SellOrder) => bestRoute(market, order, { maxHops: ROUTE_HOPS });
  const names = { path: `${size} pools, one path, ≤ ${ROUTE_HOPS} hops`, split: `${size} pools, up to 4 legs, ≤ ${ROUTE_HOPS} hops` };
  const inTurn = (work: (order: SellOrder) => unknown) => {
    let round = 0;
    return () => work(orders[round++ % orders.length] as SellOrder);
  };
  const tines = loaded<Tines>("@sushiswap/tines");
  if (tines === null) return [alone(names.path, rounds, TINES, inTurn(path)), alone(names.split, rounds, TINES, inTurn(split))];
  const theirs = tinesOf(tines, shaken);
  const compared = orders.map((order) => {
    const edges = theirs.path(order);
    return { paid: [path(order)?.amountOut ?? 0n, paidBy(edges, AMOUNT_IN)] as const, isLonger: (edges?.length ?? 0) > ROUTE_HOPS };
  });
  const comparable = compared.filter(({ isLonger }) => !isLonger).map(({ paid }) => paid);
  const longer = compared.filter(({ isLonger }) => isLonger).map(({ paid }) => paid);
  const splits = orders.map((order) => [split(order)?.amountOut ?? 0n, theirs.split(order).amountOutBI] as const);
  const few = Math.ceil(rounds / 5);
  const beside = (name: string, count: number, facts: Facts, ours: () => unknown, peer: string, work: () => unknown) =>
    timeBeside(name, { warmUp: Math.ceil(count / 4), rounds: count, facts: () => facts }, ours, { name: `@sushiswap/tines ${peer}`, work });
  const pathFacts = {
    ...ratiosOf(comparable),
    "theirs of more hops": longer.length,
    "of these theirs better": longer.filter(([own, other]) => own < other).length,
  };
  return [
    await beside(names.path, rounds, pathFacts, inTurn(path), "findBestPathExactIn, graph built before", inTurn(theirs.path)),
    await beside(names.path, few, {}, inTurn(path), "findSingleRouteExactIn", inTurn(theirs.called.single)),
    await beside(
      names.split,
      few,
      ratiosOf(splits),
      inTurn(split),
      `findBestRouteExactIn, ${FLOWS} flows, graph built before`,
      inTurn(theirs.split),
    ),
    await beside(names.split, few, {}, inTurn(split), `findMultiRouteExactIn, ${FLOWS} flows`, inTurn(theirs.called.multi)),
  ];
}

type Facts = NonNullable<Measurement["facts"]>;

// ---- one cycle from the native coin

const optionsFor = ({ tokens: [startToken = ""] }: Shaken, maxHops: number): SearchOptions => ({
  startToken,
  maxHops,
  maxCandidates: 1,
  minGrossProfit: 1e12,
  maxAmountIn: 1_000n * ETHER,
});

async function cycleBench(shaken: Shaken, size: number, rounds: number): Promise<Measurement> {
  const { CurrencyAmount, Token } = require("@uniswap/sdk-core") as typeof import("@uniswap/sdk-core");
  const { Pair, Trade } = require("@uniswap/v2-sdk") as typeof import("@uniswap/v2-sdk");
  const specs = shaken.specs.filter(({ family }) => family === "uniswap-v2");
  const market = marketOf(specs);
  const made = new Map(shaken.tokens.map((address) => [address, new Token(1, address, 18)]));
  const tokenOf = (address: string) => made.get(address) as InstanceType<typeof Token>;
  const poolOf = new Map<unknown, string>();
  const pairs = specs.map(({ info, row }) => {
    const [pool, ...reserves] = row as RowOf<"uniswap-v2">;
    const [amount0, amount1] = info.tokens.map((token, side) => CurrencyAmount.fromRawAmount(tokenOf(token), reserves[side] as string));
    const pair = new Pair(amount0 as NonNullable<typeof amount0>, amount1 as NonNullable<typeof amount1>);
    poolOf.set(pair, pool);
    return pair;
  });
  const home = shaken.tokens[0] as string;
  const input = CurrencyAmount.fromRawAmount(tokenOf(home), AMOUNT_IN.toString());
  const options = optionsFor(shaken, 2);
  const all = specs.map(({ info }) => info.pool);
  const ours = () => searchCycles(market, all, options);
  const theirs = () => Trade.bestTradeExactIn(pairs, input, tokenOf(home), { maxHops: 2, maxNumResults: 1 })[0];
  const trade = theirs();
  let at = home;
  const edges = (trade?.route.pairs ?? []).map((pair) => {
    const edge = market.pool(poolOf.get(pair) as string)?.edges.find(({ from }) => from === at) as Edge;
    at = edge.to;
    return edge;
  });
  const [best] = ours().candidates;
  const ourProfit = BigInt(best?.grossProfit ?? 0);
  const atOne = edges.length === 0 ? 0n : (exactProfit(edges, AMOUNT_IN) ?? 0n);
  const sized = sizeCycle(edges, Number(options.maxAmountIn));
  const atBest = sized === null ? 0n : (exactProfit(edges, BigInt(Math.floor(sized.amountIn))) ?? 0n);
  const facts = {
    "our profit, gwei": inGwei(Number(ourProfit)),
    "theirs of one ether": inGwei(Number(atOne)),
    "theirs sized by us": inGwei(Number(atBest)),
    "ours worse": ourProfit < atBest ? "yes" : "no",
  };
  return timeBeside(
    `${size} pools, the ${specs.length} constant products, best cycle ≤ 2 hops`,
    { warmUp: 1, rounds, facts: () => facts },
    ours,
    {
      name: "@uniswap/v2-sdk bestTradeExactIn of one ether",
      work: theirs,
    },
  );
}

/** The parts of cytoscape that are used. */
type Cytoscape = (options: { readonly headless: true; readonly elements: readonly object[] }) => {
  nodes(): { readonly [index: number]: unknown };
  elements(): {
    bellmanFord(options: { readonly root: unknown; readonly weight: (edge: CytoscapeEdge) => number; readonly directed: true }): {
      readonly hasNegativeWeightCycle: boolean;
      readonly negativeWeightCycles: readonly { forEach(visit: (element: CytoscapeEdge) => void): void }[];
    };
  };
};

interface CytoscapeEdge {
  isEdge(): boolean;
  data(key: string): unknown;
}

const CYTOSCAPE = "npm install --no-save cytoscape@3.33.1";

async function negativeCycleBench(shaken: Shaken, size: number, rounds: number): Promise<Measurement> {
  const name = `${size} pools, one cycle that pays; ours the best of all, ≤ 3 hops`;
  const { market, tokens } = shaken;
  const all = [...market.pools()].map(({ info }) => info.pool);
  const options = { ...optionsFor(shaken, 3), otherStarts: tokens.slice(1, 20) };
  const ours = () => findCycles(market, all, options, { floor: 0, capacity: 1, without: [] }).cycles;
  const cytoscape = loaded<Cytoscape>("cytoscape");
  if (cytoscape === null) return alone(name, rounds, CYTOSCAPE, ours);
  const edges = [...market.pools()].flatMap((pool) => pool.edges);
  const weightOf = (edge: Edge) => (edge.pool.curve === null ? Number.POSITIVE_INFINITY : -Math.log(marginalRate(edge.pool.curve, edge)));
  const elements = [
    ...tokens.map((id) => ({ data: { id } })),
    ...edges.map((edge) => ({ data: { id: `e${edge.id}`, edge: edge.id, source: edge.from, target: edge.to, weight: weightOf(edge) } })),
  ];
  const graph = cytoscape({ headless: true, elements });
  const root = graph.nodes()[0];
  const theirs = () => graph.elements().bellmanFord({ root, weight: (edge) => edge.data("weight") as number, directed: true });
  const { negativeWeightCycles } = theirs();
  const profits = negativeWeightCycles.map((cycle) => {
    const along: Edge[] = [];
    cycle.forEach((element) => {
      if (element.isEdge()) along.push(market.edges[element.data("edge") as number] as Edge);
    });
    const start = along.findIndex(({ from }) => from === options.startToken);
    const turned = start < 0 ? along : [...along.slice(start), ...along.slice(0, start)];
    const isRing = turned.every((edge, index) => edge.to === turned[(index + 1) % turned.length]?.from);
    return start < 0 || !isRing || turned.length > 8 ? 0 : (sizeCycle(turned, Number(options.maxAmountIn))?.profit ?? 0);
  });
  const facts = {
    "our profit, gwei": inGwei(ours()[0]?.profit ?? 0),
    "cycles of theirs": negativeWeightCycles.length,
    "their best through the coin, sized by us": inGwei(Math.max(0, ...profits)),
  };
  return timeBeside(name, { warmUp: 1, rounds, facts: () => facts }, ours, {
    name: "cytoscape bellmanFord, graph built before",
    work: theirs,
  });
}

// ---- what all of it is measured against

const NEGLIGIBLE = 1e9;

function optimumBench(shaken: Shaken, size: number, rounds: number): Measurement[] {
  const { market, tokens } = shaken;
  const [home = "", second = "", third = ""] = tokens;
  const all = [...market.pools()].map(({ info }) => info.pool);
  const best = findCycles(market, all, optionsFor(shaken, 3), { floor: 0, capacity: 1, without: [] }).cycles[0]?.profit ?? 0;
  const cold = arbitrageOptimum(market, home, { negligible: NEGLIGIBLE });
  const warm = arbitrageOptimum(market, home, { negligible: NEGLIGIBLE, start: cold.prices });
  const order = { tokenIn: second, tokenOut: third, amountIn: Number(AMOUNT_IN) };
  const [path, split] = [1, 4].map(
    (maxLegs) => bestRoute(market, { ...order, amountIn: AMOUNT_IN }, { maxHops: ROUTE_HOPS, maxLegs })?.amountOut,
  );
  const route = routeOptimum(market, order);
  const free = routeOptimum(market, { ...order, amountIn: 0 });
  const factsOf = ({ bound, gap, iterations, evaluations, trades }: typeof cold) => ({
    "optimum, gwei": inGwei(bound),
    "gap, 1e-9": Math.round(1e10 * gap) / 10,
    steps: iterations,
    "pools asked, times": evaluations,
    trades: trades.length,
  });
  return [
    time(
      `${size} pools, convex optimum`,
      {
        warmUp: 3,
        rounds,
        facts: () => ({ ...factsOf(cold), "of it in the best cycle ≤ 3 hops, %": Math.round((1_000 * best) / cold.bound) / 10 }),
      },
      () => arbitrageOptimum(market, home, { negligible: NEGLIGIBLE }),
    ),
    time(`${size} pools, convex optimum from its own prices`, { warmUp: 3, rounds, facts: () => factsOf(warm) }, () =>
      arbitrageOptimum(market, home, { negligible: NEGLIGIBLE, start: cold.prices }),
    ),
    time(
      `${size} pools, optimal routing of an order`,
      {
        warmUp: 3,
        rounds,
        facts: () => ({
          "of it in the best path, %": Math.round((1e6 * Number(path ?? 0n)) / route.bound) / 1e4,
          "of it in four legs, %": Math.round((1e6 * Number(split ?? 0n)) / route.bound) / 1e4,
          "in arbitrage alone, %": Math.round((1e6 * free.value) / route.bound) / 1e4,
          "gap, 1e-9": Math.round(1e10 * route.gap) / 10,
          steps: route.iterations,
        }),
      },
      () => routeOptimum(market, order),
    ),
  ];
}

export const bench: Bench = {
  title: "search-peers",
  about:
    "Made markets with 50 pools moved, the whole of them searched, by us and by what others publish for the task, in turns; amounts paid by exact quotes of both answers. " +
    "Their graphs are built before. Then the convex optimum that quality is measured against.",
  async run({ quick }) {
    const measurements: Measurement[] = [];
    for (const size of quick ? [1_000] : [1_000, 10_000]) {
      const shaken = shakenMarket(size);
      measurements.push(...(await routeBench(shaken, size, quick ? 3 : size === 1_000 ? 100 : 25)));
      // Quadratic and worse: 20 seconds and more a round of the larger market.
      if (size === 1_000) {
        measurements.push(await cycleBench(shaken, size, quick ? 1 : 5));
        measurements.push(await negativeCycleBench(shaken, size, quick ? 1 : 5));
      }
      measurements.push(...optimumBench(shaken, size, quick ? 2 : size === 1_000 ? 40 : 12));
    }
    return measurements;
  },
};
