import { createRequire } from "node:module";
import type { FamilyId, PoolCurve, RowOf } from "#libs/dex/family.ts";
import { arbitrageOptimum, routeOptimum } from "#libs/graph/convex-optimum.ts";
import { EDGE, type Edge, type Market, type MarketPool, marginalRate, NONE } from "#libs/graph/market.ts";
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

/** Float amount out; 0 where the pool does not take it whole. */
function amountOutOf(curve: PoolCurve, { indexIn, indexOut }: Edge, amountIn: number): number {
  if (curve.kind === "smooth")
    return amountIn > curve.largestIn({ indexIn, indexOut }) ? 0 : curve.amountOut(amountIn, { indexIn, indexOut });
  const isDown = indexIn === 0;
  const { sqrtTicks, liquidityNet } = curve;
  let { liquidity, sqrtPrice: root } = curve;
  let left = amountIn * curve.gamma[indexIn as 0 | 1];
  let out = 0;
  for (let tick = isDown ? curve.ticksBelow - 1 : curve.ticksBelow; ; tick += isDown ? -1 : 1) {
    const isTick = tick >= 0 && tick < sqrtTicks.length;
    const end = isTick ? (sqrtTicks[tick] as number) : curve.endless ? (isDown ? 0 : Number.POSITIVE_INFINITY) : root;
    if (liquidity > 0) {
      const reached = isDown ? 1 / (1 / root + left / liquidity) : root + left / liquidity;
      const isLast = isDown ? reached >= end : reached <= end;
      const stop = isLast ? reached : end;
      out += isDown ? liquidity * (root - stop) : liquidity * (1 / root - 1 / stop);
      if (isLast) return out;
      left -= isDown ? liquidity * (1 / stop - 1 / root) : liquidity * (stop - root);
    }
    if (!isTick) return 0;
    root = end;
    liquidity += (liquidityNet[tick] as number) * (isDown ? -1 : 1);
  }
}

/**
 * The path of at most three hops that pays most for the amount, in float64: per hop the most that can be had of each token. A stand-in for a route finder: with it
 * only this function changes.
 */
function bestPath(market: Market, tokenIn: number, tokenOut: number, amountIn: number): Edge[] | null {
  let amounts = new Map([[tokenIn, amountIn]]);
  let best: { readonly amount: number; readonly edges: Edge[] } | null = null;
  const came: Map<number, Edge>[] = [];
  const sources = new Set<number>();
  for (const edge of edgesFrom(market, tokenOut)) sources.add(market.tokenId(edge.to));
  for (let hop = 1; hop <= ROUTE_HOPS; hop++) {
    const next = new Map<number, number>();
    const by = new Map<number, Edge>();
    for (const [from, amount] of amounts) {
      if (from === tokenOut) continue;
      // The last hop ends where the order does, the one before it next to there.
      for (const edge of hop === ROUTE_HOPS ? edgesBetween(market, from, tokenOut) : edgesFrom(market, from)) {
        const to = market.tokenId(edge.to);
        if (to === tokenIn || (hop === ROUTE_HOPS - 1 && to !== tokenOut && !sources.has(to))) continue;
        const out = edge.pool.curve === null ? 0 : amountOutOf(edge.pool.curve, edge, amount);
        if (!(out > (next.get(to) ?? 0))) continue;
        next.set(to, out);
        by.set(to, edge);
      }
    }
    came.push(by);
    const out = next.get(tokenOut);
    if (out !== undefined && out > (best?.amount ?? 0)) best = { amount: out, edges: pathBack(market, came, tokenOut) };
    amounts = next;
  }
  return best?.edges ?? null;
}

function* edgesFrom(market: Market, token: number): Generator<Edge> {
  for (const id of market.edgesOut(token)) yield market.edges[id] as Edge;
}

function* edgesBetween(market: Market, from: number, to: number): Generator<Edge> {
  for (let id = market.firstBetween(from, to); id !== NONE; id = market.edgeTable[id * EDGE.width + EDGE.parallel] as number)
    yield market.edges[id] as Edge;
}

function pathBack(market: Market, came: readonly Map<number, Edge>[], tokenOut: number): Edge[] {
  const edges: Edge[] = [];
  let token = tokenOut;
  for (const by of came.toReversed()) {
    const edge = by.get(token) as Edge;
    edges.unshift(edge);
    token = market.tokenId(edge.from);
  }
  return edges;
}

/** The parts of @sushiswap/tines that are used, as its declarations have them. */
interface Tines {
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
  };
}

interface TinesToken {
  readonly name: string;
  readonly symbol: string;
  readonly address: string;
  readonly decimals: number;
}

function tinesGraph({ ConstantProductRPool, UniV3Pool, Graph }: Tines, { specs, tokens, market }: Shaken) {
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
  const graph = new Graph(pools, tokenOf(tokens[0] as string), tokenOf(tokens[0] as string), 0);
  return (from: string, to: string, amountIn: number): Edge[] | null => {
    const found = graph.findBestPathExactIn(tokenOf(from), tokenOf(to), amountIn);
    if (found === undefined) return null;
    let at = from;
    return found.path.map(({ pool }) => {
      const edge = market.pool(pool.address)?.edges.find((each) => each.from === at) as Edge;
      at = edge.to;
      return edge;
    });
  };
}

/** Orders from one of the most traded tokens to any other. */
function ordersOf({ tokens }: Shaken, count: number): { readonly from: string; readonly to: string }[] {
  const random = randomFrom(2);
  return Array.from({ length: count }, () => {
    const from = random.integer(0, 7);
    const to = (from + random.integer(1, Math.min(400, tokens.length) - 1)) % tokens.length;
    return { from: tokens[from] as string, to: tokens[to] as string };
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

async function routeBench(shaken: Shaken, size: number, rounds: number): Promise<Measurement> {
  const name = `${size} pools, one path from token to token, ≤ ${ROUTE_HOPS} hops`;
  const { market } = shaken;
  const orders = ordersOf(shaken, rounds);
  const ours = ({ from, to }: (typeof orders)[number]) => bestPath(market, market.tokenId(from), market.tokenId(to), Number(AMOUNT_IN));
  let [round, theirRound] = [0, 0];
  const next = (index: number) => orders[index % orders.length] as (typeof orders)[number];
  const tines = loaded<Tines>("@sushiswap/tines");
  if (tines === null) return alone(name, rounds, TINES, () => ours(next(round++)));
  const ask = tinesGraph(tines, shaken);
  const theirs = ({ from, to }: (typeof orders)[number]) => ask(from, to, Number(AMOUNT_IN));
  const answers = orders.map((order) => {
    const path = theirs(order);
    return { paid: [paidBy(ours(order), AMOUNT_IN), paidBy(path, AMOUNT_IN)] as const, isLonger: (path?.length ?? 0) > ROUTE_HOPS };
  });
  const comparable = answers.filter(({ isLonger }) => !isLonger).map(({ paid }) => paid);
  return timeBeside(
    name,
    {
      warmUp: Math.ceil(rounds / 4),
      rounds,
      facts: () => ({ ...ratiosOf(comparable), "left out, as theirs has more hops": answers.length - comparable.length }),
    },
    () => ours(next(round++)),
    { name: "@sushiswap/tines findBestPathExactIn, graph built before", work: () => theirs(next(theirRound++)) },
  );
}

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
  const path = bestPath(market, market.tokenId(second), market.tokenId(third), Number(AMOUNT_IN));
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
          "of it in the best path, %": Math.round((1e6 * Number(paidBy(path, AMOUNT_IN))) / route.bound) / 1e4,
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
      measurements.push(await routeBench(shaken, size, quick ? 3 : size === 1_000 ? 100 : 25));
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
