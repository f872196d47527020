import { describe, expect, test } from "vitest";
import type { RangeCurve, SmoothCurve } from "#libs/dex/family.ts";
import { randomFor } from "#libs/localnet/random.ts";
import { decimalOf } from "#libs/prices/decimal.ts";
import { Holdings } from "#libs/prices/holdings.ts";
import { pairView } from "#libs/prices/pair.ts";
import { AGREEMENT, PriceGraph } from "#libs/prices/price-graph.ts";
import { Prices, powerOfTen, weightedMedian } from "#libs/prices/prices.ts";

const SEED = process.env.SEED ?? "1";
const MOVE = 1.02;

describe("what a curve says of a pair", () => {
  const constantProduct = (x: number, y: number): RangeCurve => ({
    kind: "ranges",
    liquidity: Math.sqrt(x) * Math.sqrt(y),
    sqrtPrice: Math.sqrt(y / x),
    gamma: [0.997, 0.997],
    sqrtTicks: new Float64Array(0),
    liquidityNet: new Float64Array(0),
    ticksBelow: 0,
    endless: true,
  });

  test("a constant product: the reserves' quotient, and 0.985 % of a side until 2 % are passed", () => {
    const view = pairView(constantProduct(5e20, 1e24), 0, 1);
    expect(view.rate).toBeCloseTo(2_000, 9);
    // Selling until the price has fallen by 1.02 takes √1.02 − 1 of the reserve, buying until it has risen gives 1 − 1/√1.02 of it.
    expect(view.depthA / 5e20).toBeCloseTo(1 - 1 / Math.sqrt(MOVE), 12);
    expect(view.depthB / 1e24).toBeCloseTo(1 - 1 / Math.sqrt(MOVE), 12);
  });

  test("the other way round it says the inverse", () => {
    const curve = constantProduct(3e9, 7e15);
    const [forth, back] = [pairView(curve, 0, 1), pairView(curve, 1, 0)];
    expect(forth.rate * back.rate).toBeCloseTo(1, 12);
    expect([back.depthA, back.depthB]).toEqual([forth.depthB, forth.depthA]);
  });

  test("a pool without liquidity at its price, or without a price, has no say", () => {
    const gap: RangeCurve = { ...constantProduct(1, 1), endless: false, liquidity: 0, sqrtPrice: 1 };
    expect(pairView(gap, 0, 1)).toEqual({ rate: 0, depthA: 0, depthB: 0 });
    expect(pairView({ ...gap, sqrtPrice: 0 }, 1, 0)).toEqual({ rate: 0, depthA: 0, depthB: 0 });
  });

  test("positions of a concentrated pool, in random places: the depth that their own formulas give", () => {
    const random = randomFor("range depth", SEED);
    let compared = 0;
    for (let round = 0; round < 200; round++) {
      const price = Math.exp(random.normal());
      const positions = Array.from({ length: random.integer(1, 40) }, () => {
        const lower = Math.exp(random.normal());
        return { lower, upper: lower * (1 + random.unit()), liquidity: 10 ** (random.unit() * 15 + 3) };
      });
      const nets = new Map<number, number>();
      for (const { lower, upper, liquidity } of positions) {
        nets.set(lower, (nets.get(lower) ?? 0) + liquidity);
        nets.set(upper, (nets.get(upper) ?? 0) - liquidity);
      }
      const ticks = [...nets.keys()].sort((left, right) => left - right);
      const curve: RangeCurve = {
        ...constantProduct(1, 1),
        endless: false,
        sqrtPrice: price,
        liquidity: positions.reduce((sum, each) => (each.lower <= price && price < each.upper ? sum + each.liquidity : sum), 0),
        sqrtTicks: Float64Array.from(ticks),
        liquidityNet: Float64Array.from(ticks, (tick) => nets.get(tick) as number),
        ticksBelow: ticks.filter((tick) => tick <= price).length,
      };
      const clamp = (at: number, { lower, upper }: { lower: number; upper: number }) => Math.min(Math.max(at, lower), upper);
      const root = Math.sqrt(MOVE);
      const within = positions.reduce((sum, each) => sum + each.liquidity * (clamp(price * root, each) - clamp(price, each)), 0);
      const below = positions.reduce((sum, each) => sum + each.liquidity * (clamp(price, each) - clamp(price / root, each)), 0);
      if (curve.liquidity <= 1) continue;
      compared++;
      expect(pairView(curve, 0, 1).depthB / Math.min(within, below)).toBeCloseTo(1, 6);
    }
    expect(compared).toBeGreaterThan(100);
  });

  test("any smooth curve: the rate without its fee, and the depth at which the marginal rate is 2 % worse", () => {
    const [x, y, fee] = [4e21, 1e13, 0.01];
    const reserves = [x, y];
    const curve: SmoothCurve = {
      kind: "smooth",
      amountOut(amountIn, { indexIn, indexOut }) {
        const paid = amountIn * (1 - fee);
        return ((reserves[indexOut] as number) * paid) / ((reserves[indexIn] as number) + paid);
      },
      rate(amountIn, { indexIn, indexOut }) {
        const [from, to] = [reserves[indexIn] as number, reserves[indexOut] as number];
        return ((1 - fee) * from * to) / (from + amountIn * (1 - fee)) ** 2;
      },
      largestIn: () => Number.POSITIVE_INFINITY,
    };
    const view = pairView(curve, 0, 1);
    expect(view.rate / (y / x)).toBeCloseTo(1, 12);
    expect(view.depthA / x).toBeCloseTo(1 - 1 / Math.sqrt(MOVE), 3);
    expect(view.depthB / y).toBeCloseTo(1 - 1 / Math.sqrt(MOVE), 3);
    const limited = pairView({ ...curve, largestIn: ({ indexIn }) => (reserves[indexIn] as number) / 1_000 }, 0, 1);
    expect(limited.depthA / x).toBeLessThan(0.001);
    expect(pairView({ ...curve, rate: () => 0 }, 0, 1)).toEqual({ rate: 0, depthA: 0, depthB: 0 });
  });
});

describe("decimal strings", () => {
  test.each([
    [0, "0"],
    [1, "1"],
    [1_500, "1500"],
    [0.1 + 0.2, "0.3"],
    [1 / 3, "0.333333333333"],
    [2 / 3e15, "0.000000000000000666666666667"],
    [1.5e21, "1500000000000000000000"],
    [123_456_789_012.345, "123456789012"],
    [1_234.5678, "1234.5678"],
    [9.999_999_999_999_9, "10"],
  ])("%d is %s", (value, text) => expect(decimalOf(value)).toBe(text));

  test("twelve digits of any size come back", () => {
    const random = randomFor("decimals", SEED);
    for (let round = 0; round < 2_000; round++) {
      const value = 10 ** (random.unit() * 80 - 40);
      const text = decimalOf(value);
      expect(text).toMatch(/^(0|[1-9][0-9]*)(\.[0-9]*[1-9])?$/);
      expect(Math.abs(Number(text) / value - 1)).toBeLessThan(1e-11);
    }
  });
});

test("a weighted median is the first value at which half of the weight is reached", () => {
  const votes = (...pairs: [number, number][]) => pairs.map(([value, weight]) => ({ value, weight }));
  expect(weightedMedian(votes([3, 1], [1, 1], [2, 1]))).toBe(2);
  expect(weightedMedian(votes([1, 1], [9, 10]))).toBe(9);
  expect(weightedMedian(votes([1, 5], [9, 5]))).toBe(1);
  expect(weightedMedian(votes([7, 0]))).toBe(0);
  expect(weightedMedian([])).toBe(0);
  expect([powerOfTen(0), powerOfTen(-18), powerOfTen(77)]).toEqual([1, 1e-18, 1e77]);
});

const OPTIONS = { minDepth: 1 };

interface Edge {
  readonly a: number;
  readonly b: number;
  rate: number;
  depthA: number;
  depthB: number;
}

/** A market in which every token is worth something, pools stand some per cent beside it, and some of the shallow ones are far off. */
function randomGraph(key: string, tokens: number, pools: number) {
  const random = randomFor("price graph", SEED, key);
  const worth = Array.from({ length: tokens }, (_, id) => (id === 0 ? 1 : Math.exp(3 * random.normal())));
  const edges: Edge[] = Array.from({ length: pools }, () => {
    const a = random.integer(0, tokens - 1);
    let b = random.chance(0.5) ? 0 : random.integer(0, tokens - 1);
    if (a === b) b = (a + 1) % tokens;
    return { a, b, rate: 0, depthA: 0, depthB: 0 };
  });
  const move = (edge: Edge) => {
    const depth = random.chance(0.1) ? 0 : 10 ** (6 * random.unit() - 0.5);
    const off = depth < 1_000 && random.chance(0.3) ? 3 * random.normal() : 0.01 * random.normal();
    edge.rate = ((worth[edge.a] as number) / (worth[edge.b] as number)) * Math.exp(off);
    edge.depthA = depth / (worth[edge.a] as number);
    edge.depthB = depth / (worth[edge.b] as number);
  };
  for (const edge of edges) move(edge);
  const name = (id: number) => `t${id}`;
  const anchors = [0, 1, 2].map(name);
  const graph = new PriceGraph(anchors, OPTIONS);
  for (const { a, b, ...says } of edges)
    graph.setEdge(graph.addEdge(graph.tokenId(name(a)), graph.tokenId(name(b))), says.rate, says.depthA, says.depthB);
  return { random, worth, edges, move, graph, name };
}

/** The definition, written down plainly: given everybody's place and the prices of those before, what does a token's election say? */
function electedPlainly(graph: PriceGraph, edges: readonly Edge[], name: (id: number) => string, token: string): number | null {
  const place = new Map(Array.from({ length: graph.placed }, (_, at) => [graph.tokens[graph.tokenAt(at)] as string, at]));
  const own = place.get(token);
  if (own === undefined) return null;
  const votes: { value: number; weight: number }[] = [];
  for (const { a, b, rate, depthA, depthB } of edges) {
    for (const [here, there, toThere, depth] of [
      [name(a), name(b), rate, depthB],
      [name(b), name(a), 1 / rate, depthA],
    ] as const) {
      const before = place.get(there);
      if (here !== token || before === undefined || before >= own) continue;
      const id = graph.idOf(there) as number;
      const weight = Math.min(depth * graph.priceOf(id), graph.width[id] as number);
      if (weight >= OPTIONS.minDepth) votes.push({ value: toThere * graph.priceOf(id), weight });
    }
  }
  return weightedMedian(votes);
}

describe("prices of a random market", () => {
  test.each(["a", "b", "c", "d"])(
    "market %s: every price is what its definition says, and the deep ones are close to what tokens are worth",
    (key) => {
      const { edges, graph, name, worth } = randomGraph(key, 60, 300);
      graph.rebuild();
      expect(graph.placed).toBeGreaterThan(50);
      let close = 0;
      for (let at = 1; at < graph.placed; at++) {
        const id = graph.tokenAt(at);
        const token = graph.tokens[id] as string;
        expect(graph.priceOf(id) / (electedPlainly(graph, edges, name, token) as number), token).toBeCloseTo(1, 12);
        if (Math.abs(graph.priceOf(id) / (worth[Number(token.slice(1))] as number) - 1) < 0.05) close++;
      }
      expect(close / graph.placed).toBeGreaterThan(0.7);
    },
  );

  test.each(["e", "f", "g"])(
    "market %s: a token is as wide as the best path to it, within the quarter of a power of two that the order tells apart",
    (key) => {
      const { graph, edges, name } = randomGraph(key, 60, 300);
      graph.rebuild();
      const best = new Map([[name(0), Number.POSITIVE_INFINITY]]);
      const priceOf = (token: string) => graph.priceOf(graph.idOf(token) as number);
      for (let round = 0; round < 60; round++) {
        for (const { a, b, depthA, depthB } of edges) {
          for (const [from, to, depth] of [
            [name(a), name(b), depthA],
            [name(b), name(a), depthB],
          ] as const) {
            const width = Math.min(depth * priceOf(from), best.get(from) ?? 0);
            if (width >= OPTIONS.minDepth && width > (best.get(to) ?? 0)) best.set(to, width);
          }
        }
      }
      for (let at = 1; at < graph.placed; at++) {
        const id = graph.tokenAt(at);
        const share = (graph.width[id] as number) / (best.get(graph.tokens[id] as string) as number);
        expect(share).toBeGreaterThan(2 ** -0.25);
        expect(share).toBeLessThanOrEqual(1);
      }
      expect(best.size).toBe(graph.placed);
    },
  );

  test.each(["h", "i", "j"])(
    "market %s: block by block, tokens whose pools moved are elected anew and all others follow their parents",
    (key) => {
      const { random, edges, move, graph, name } = randomGraph(key, 60, 300);
      graph.rebuild();
      const order = Array.from({ length: graph.placed }, (_, at) => graph.tokens[graph.tokenAt(at)] as string);
      const place = new Map(order.map((token, at) => [token, at]));
      const idOf = (token: string) => graph.idOf(token) as number;
      const hung = new Map(
        order.slice(1).map((token) => {
          const from = graph.tokens[graph.parent[idOf(token)] as number] as string;
          return [token, { from, rate: graph.priceOf(idOf(token)) / graph.priceOf(idOf(from)) }];
        }),
      );
      for (let block = 0; block < 40; block++) {
        const dirty = new Set<string>();
        for (let index = 0; index < 8; index++) {
          const at = random.integer(0, edges.length - 1);
          const edge = edges[at] as Edge;
          move(edge);
          graph.setEdge(at, edge.rate, edge.depthA, edge.depthB);
          const [placeA, placeB] = [place.get(name(edge.a)), place.get(name(edge.b))];
          if (placeA !== undefined && placeB !== undefined) dirty.add(order[Math.max(placeA, placeB)] as string);
        }
        graph.update();
        for (const token of order.slice(1)) {
          const price = graph.priceOf(idOf(token));
          const before = hung.get(token);
          if (dirty.has(token) || before === undefined || graph.priceOf(idOf(before.from)) === 0) {
            const elected = electedPlainly(graph, edges, name, token) as number;
            if (elected === 0) {
              expect(price, token).toBe(0);
              hung.delete(token);
              continue;
            }
            // Without a parent nobody asks until a pool of its own moves.
            if (before === undefined && !dirty.has(token)) continue;
            expect(price / elected, token).toBeCloseTo(1, 9);
            const from = graph.tokens[graph.parent[idOf(token)] as number] as string;
            hung.set(token, { from, rate: price / graph.priceOf(idOf(from)) });
          } else expect(price / (before.rate * graph.priceOf(idOf(before.from))), token).toBeCloseTo(1, 9);
        }
      }
    },
  );

  test("a rebuilt graph knows nothing of its past: two that came to the same pools along different ways agree but for ties", () => {
    const { random, edges, move, graph } = randomGraph("k", 60, 300);
    const fresh = randomGraph("k", 60, 300);
    graph.rebuild();
    for (let block = 0; block < 20; block++) {
      const at = random.integer(0, edges.length - 1);
      const edge = edges[at] as Edge;
      move(edge);
      graph.setEdge(at, edge.rate, edge.depthA, edge.depthB);
      graph.update();
    }
    for (const [at, { rate, depthA, depthB }] of edges.entries()) fresh.graph.setEdge(at, rate, depthA, depthB);
    graph.rebuild();
    fresh.graph.rebuild();
    const pricesOf = (each: PriceGraph) => edges.map(({ a }) => each.priceOf(each.idOf(`t${a}`) as number));
    const [left, right] = [pricesOf(graph), pricesOf(fresh.graph)];
    const differing = left.filter((price, at) => price !== right[at]).length;
    // Within a quarter of a power of two the order goes by number, and numbers differ by then: a token in such a tie may hang elsewhere.
    expect(differing / left.length).toBeLessThan(0.1);
  });
});

describe("by hand", () => {
  const build = (edges: readonly (readonly [string, string, number, number])[]) => {
    const graph = new PriceGraph(["eth", "usd"], OPTIONS);
    for (const [a, b, rate, depth] of edges) graph.setEdge(graph.addEdge(graph.tokenId(a), graph.tokenId(b)), rate, depth / rate, depth);
    graph.rebuild();
    return graph;
  };
  const price = (graph: PriceGraph, token: string) => graph.priceOf(graph.idOf(token) as number);

  test("a thin pool far off moves nothing, a deep one outvotes two shallow ones, and agreement says how much stood by the price", () => {
    const graph = build([
      ["x", "eth", 2, 1_000],
      ["x", "eth", 2.01, 600],
      ["x", "eth", 5, 300],
      ["x", "eth", 900, 0.5],
    ]);
    expect(price(graph, "x")).toBe(2);
    const id = graph.idOf("x") as number;
    expect([graph.agreed[id], graph.voted[id], graph.width[id]]).toEqual([1_600, 1_900, 1_000]);
    expect(AGREEMENT).toBe(0.01);
  });

  test("a path is as wide as its narrowest pool: deep pools behind a shallow one have a shallow vote", () => {
    const graph = build([
      ["scam", "eth", 1, 5],
      ["x", "scam", 100, 1_000_000],
      ["x", "eth", 1, 50],
    ]);
    expect(price(graph, "x")).toBe(1);
  });

  test("what hangs on a stable coin follows it without being touched, and a token whose parent is gone asks its other pools", () => {
    const graph = build([
      ["usd", "eth", 0.0005, 1_000],
      ["x", "usd", 10, 1e6],
      ["x", "eth", 0.0051, 3],
    ]);
    expect(price(graph, "x")).toBeCloseTo(0.005, 12);
    graph.setEdge(0, 0.0004, 1_000 / 0.0004, 1_000);
    graph.update();
    expect(graph.moved).toEqual([]);
    expect(price(graph, "x")).toBeCloseTo(0.004, 12);
    graph.setEdge(0, 0, 0, 0);
    graph.update();
    expect(price(graph, "usd")).toBe(0);
    expect(price(graph, "x")).toBe(0.0051);
    graph.setEdge(0, 0.0005, 2_000_000, 1_000);
    graph.update();
    expect(price(graph, "usd")).toBe(0.0005);
  });

  test("a token that comes later gets its place at the end, and so does what lies behind it, in whatever order they come", () => {
    const graph = build([["x", "eth", 2, 100]]);
    const [z, y, x] = ["z", "y", "x"].map((token) => graph.tokenId(token)) as [number, number, number];
    graph.setEdge(graph.addEdge(z, y), 3, 10, 30);
    graph.setEdge(graph.addEdge(y, x), 5, 10, 50);
    graph.update();
    expect([price(graph, "y"), price(graph, "z")]).toEqual([10, 30]);
    expect(graph.placed).toBe(4);
    expect(graph.moved.map((id) => graph.tokens[id])).toEqual(["y", "z"]);
  });
});

describe("dollars and trust", () => {
  const [E18, E6] = [1e18, 1e6];
  const market = (pools: readonly (readonly [string, number, number])[]) => {
    const stables = ["usdc", "usdt", "dai"].map((token) => ({ token, decimals: token === "dai" ? 18 : 6 }));
    const prices = new Prices({ native: "weth", stables, minDepth: 1e15, halfTrustUsd: 1_000, halfTrustNative: 1 });
    const { graph } = prices;
    for (const [token, perEth, depthEth] of pools) {
      const unit = token === "dai" ? E18 : E6;
      const edge = graph.addEdge(graph.tokenId("weth"), graph.tokenId(token));
      graph.setEdge(edge, (perEth * unit) / E18, depthEth * E18, depthEth * perEth * unit);
    }
    graph.rebuild();
    prices.refresh();
    return prices;
  };
  const usd = (prices: Prices, token: string) =>
    prices.native(prices.graph.idOf(token) as number, token === "dai" ? 18 : 6) * prices.usdPerNative;

  test("the dollar is what stable coins agree on; the one that left its peg shows it", () => {
    const prices = market([
      ["usdc", 2_000, 500],
      ["usdt", 2_002, 400],
      ["dai", 2_500, 300],
    ]);
    expect(prices.usdPerNative).toBeCloseTo(2_002, 9);
    expect(usd(prices, "usdc")).toBeCloseTo(1.001, 9);
    expect(usd(prices, "dai")).toBeCloseTo(0.8008, 9);
  });

  test("alone, a coin cannot be caught: it is the dollar; without any there is none", () => {
    expect(usd(market([["dai", 2_500, 300]]), "dai")).toBeCloseTo(1, 12);
    expect(market([]).usdPerNative).toBe(0);
  });

  test("confidence: one for the native coin, a half at 1,000 dollars of depth, less where pools disagree, none without a price", () => {
    const prices = market([["usdc", 2_000, 0.5]]);
    const of = (token: string) => prices.confidence(prices.graph.tokenId(token));
    expect(of("weth")).toBe(1);
    expect(of("usdc")).toBeCloseTo(0.5, 9);
    expect(of("nobody")).toBe(0);
    const torn = market([
      ["usdc", 2_000, 500],
      ["usdc", 3_000, 499],
    ]);
    expect(torn.confidence(torn.graph.idOf("usdc") as number)).toBeCloseTo(0.5, 2);
  });

  test("a native coin that is a stable coin itself has a vote, and no more than a vote", () => {
    const prices = new Prices({
      native: "wxdai",
      stables: [
        { token: "wxdai", decimals: 18 },
        { token: "usdc", decimals: 6 },
      ],
      minDepth: 1e15,
      halfTrustUsd: 1_000,
      halfTrustNative: 1,
    });
    const { graph } = prices;
    graph.setEdge(graph.addEdge(graph.tokenId("wxdai"), graph.tokenId("usdc")), 0.98e-12, 1e21, 1e9);
    graph.rebuild();
    prices.refresh();
    expect([0.98, 1]).toContainEqual(expect.closeTo(prices.usdPerNative, 12));
  });
});

describe("what pools hold", () => {
  test.each(["l", "m", "n"])("market %s: values and sums kept by differences are those of everything valued anew", (key) => {
    const { random, edges, move, graph, name } = randomGraph(key, 60, 300);
    const dexes = ["d0", "d1", "d2"];
    const holdings = new Holdings(graph, dexes);
    const balances = new Map<number, [number, number]>();
    const hold = (at: number) => {
      const { depthA, depthB } = edges[at] as Edge;
      const held: [number, number] = [depthA * 100 * random.unit(), depthB * 100 * random.unit()];
      balances.set(at, held);
      holdings.set(`p${at}`, held);
    };
    for (const [at, { a, b }] of edges.entries()) {
      holdings.add(`p${at}`, dexes[at % 3] as string, [graph.idOf(name(a)) as number, graph.idOf(name(b)) as number]);
      hold(at);
    }
    holdings.resum(graph.rebuild());
    const plainly = (at: number) => {
      const { a, b } = edges[at] as Edge;
      return [a, b].reduce((sum, token, index) => {
        const id = graph.idOf(name(token)) as number;
        const worth = (balances.get(at)?.[index] as number) * graph.priceOf(id);
        return sum + Math.min(worth, graph.priceOf(id) > 0 ? 1_000 * (graph.width[id] as number) : 0);
      }, 0);
    };
    const check = () => {
      const sums = [0, 0, 0];
      for (const at of edges.keys()) {
        const value = plainly(at);
        // A balance at its cap stays as valued until its token moves; the anchor may have moved meanwhile.
        expect(Math.abs(holdings.valueOf(holdings.slotOf(`p${at}`) as number) - value)).toBeLessThanOrEqual(1e-9 * value + 0.1 * value);
        (sums[at % 3] as number) += holdings.valueOf(at);
      }
      for (const [dex, total] of holdings.totals().entries()) expect(total / (sums[dex] as number)).toBeCloseTo(1, 9);
    };
    check();
    expect(holdings.takeTouched()).toHaveLength(300);
    for (let block = 0; block < 30; block++) {
      if (block === 15) {
        graph.setEdge(0, 0, 0, 0);
        holdings.set("p0", [0, 0]);
        balances.set(0, [0, 0]);
        holdings.resum(graph.rebuild());
      }
      for (let index = 0; index < 8; index++) {
        const at = random.integer(1, edges.length - 1);
        const edge = edges[at] as Edge;
        move(edge);
        graph.setEdge(at, edge.rate, edge.depthA, edge.depthB);
        hold(at);
      }
      graph.update();
      holdings.revalue();
      check();
    }
  });

  test("a token that only a shallow pool prices adds no more than a thousand times that depth", () => {
    const graph = new PriceGraph(["eth"], OPTIONS);
    const [scam, eth] = [graph.tokenId("scam"), graph.tokenId("eth")];
    graph.setEdge(graph.addEdge(scam, eth), 1, 5, 5);
    const holdings = new Holdings(graph, ["d"]);
    holdings.add("real", "d", [scam, eth]);
    holdings.add("fake", "d", [scam, scam]);
    holdings.set("real", [500, 500]);
    holdings.set("fake", [1e30, 1e30]);
    holdings.resum(graph.rebuild());
    expect(holdings.valueOf(0)).toBe(1_000);
    expect(holdings.valueOf(1)).toBe(10_000);
    expect(holdings.totals()).toEqual([11_000]);
    expect(() => holdings.add("lost", "nowhere", [eth])).toThrow("none of the DEXes");
  });
});
