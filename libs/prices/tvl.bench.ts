import { randomFor } from "#libs/localnet/random.ts";
import { Holdings } from "#libs/prices/holdings.ts";
import { Prices } from "#libs/prices/prices.ts";
import { type Bench, type BenchOptions, held, time } from "#libs/testkit/bench.ts";

const STABLES = 4;
const ETHER = 1e18;
const FULL = { dexes: 300, poolsPerDex: 5_000, tokens: 500_000, changed: 300, blocks: 100, warmUp: 20 };
const TINY = { dexes: 3, poolsPerDex: 50, tokens: 60, changed: 3, blocks: 3, warmUp: 1 };

/** A chain larger than any: most pools pair a token with the native coin or a stable one, the rest two others. Depths from 0.001 to 10,000 coins. */
function build({ dexes: dexCount, poolsPerDex, tokens }: typeof FULL) {
  const random = randomFor("pools bench", 1);
  const tokenOf = (id: number) => `token-${id}`;
  const stables = Array.from({ length: STABLES }, (_, id) => ({ token: tokenOf(1 + id), decimals: 18 }));
  const prices = new Prices({ native: tokenOf(0), stables, minDepth: 1e15, halfTrustUsd: 1_000, halfTrustNative: 1 });
  const { graph } = prices;
  for (let id = 0; id < tokens; id++) graph.tokenId(tokenOf(id));
  const worth = Float64Array.from({ length: tokens }, (_, id) =>
    id === 0 ? 1 : id <= STABLES ? 1 / 3_000 : Math.exp(6 * random.normal()),
  );
  const dexes = Array.from({ length: dexCount }, (_, dex) => `dex-${dex}`);
  const holdings = new Holdings(graph, dexes);
  const edges: { readonly rate: number; readonly depthA: number; readonly depthB: number }[] = [];
  for (const dex of dexes) {
    for (let index = 0; index < poolsPerDex; index++) {
      const tokenA = random.integer(1 + STABLES, tokens - 1);
      const kind = random.unit();
      const tokenB = kind < 0.65 ? 0 : kind < 0.9 ? random.integer(1, STABLES) : random.integer(1 + STABLES, tokens - 1);
      const depth = 10 ** (random.unit() * 7 - 3) * ETHER;
      const rate = ((worth[tokenA] as number) / (worth[tokenB] as number)) * Math.exp(0.003 * random.normal());
      const spec = { rate, depthA: depth / (worth[tokenA] as number), depthB: depth / (worth[tokenB] as number) };
      graph.setEdge(graph.addEdge(tokenA, tokenB), spec.rate, spec.depthA, spec.depthB);
      edges.push(spec);
      const pool = `${dex}-${index}`;
      holdings.add(pool, dex, [tokenA, tokenB]);
      holdings.set(pool, [100 * spec.depthA, 100 * spec.depthB]);
    }
  }
  return { prices, holdings, edges };
}

export const bench: Bench = {
  title: "tvl",
  about:
    `A chain of ${FULL.dexes} DEXes with ${FULL.poolsPerDex.toLocaleString("en")} pools each and ${FULL.tokens.toLocaleString("en")} tokens, more than any has. One block: ` +
    `${FULL.changed} pools and the native coin against every stable coin changed; prices of all tokens, values of all pools and totals of all DEXes follow.`,
  run({ quick }: BenchOptions) {
    const size = quick ? TINY : FULL;
    const { warmUp, blocks: rounds } = size;
    const { prices, holdings, edges } = build(size);
    const { graph } = prices;
    const random = randomFor("pools bench, blocks", 1);
    const perRound = { count: edges.length, unit: "pools" };
    const reorder = () => {
      holdings.resum(graph.rebuild());
      prices.refresh();
      holdings.takeTouched();
    };
    // The deepest pools trade most, among them those between the native coin and the dollar, in every block.
    const anchors = graph.tokens.slice(0, 1 + STABLES).flatMap((token) => (token === "token-0" ? [] : [token]));
    const anchorEdges = anchors.map((token) => {
      const edge = { rate: 1 / 3_000, depthA: 1e7 * ETHER, depthB: (1e7 / 3_000) * ETHER };
      return { edge: graph.addEdge(graph.tokenId(token), graph.tokenId("token-0")), ...edge };
    });
    const block = () => {
      const drift = Math.exp(0.001 * random.normal());
      for (const { edge, rate, depthA, depthB } of anchorEdges) graph.setEdge(edge, rate * drift, depthA, depthB);
      for (let index = 0; index < size.changed; index++) {
        const slot = random.integer(0, edges.length - 1);
        const { rate, depthA, depthB } = edges[slot] as (typeof edges)[number];
        const factor = Math.exp(0.01 * random.normal());
        graph.setEdge(slot, rate * factor, depthA, depthB);
        holdings.set(holdings.pools[slot] as string, [100 * depthA * factor, (100 * depthB) / factor]);
      }
      graph.update();
      prices.refresh();
      holdings.revalue();
      const total = holdings.totals().reduce((sum, value) => sum + value, 0);
      return { total, touched: holdings.takeTouched().length };
    };
    let touched = 0;
    const facts = () => ({ "tokens with a price": graph.placed, "pools valued anew": Math.round(touched / (rounds + warmUp)) });
    const reordered = time("everything from nothing", { warmUp: 1, rounds: 5, perRound }, reorder);
    const blocks = time("a block", { warmUp, rounds, perRound, facts }, () => {
      touched += block().touched;
    });
    return [held(blocks, { msMost: 20 }), reordered];
  },
};
