import { fc, test } from "@fast-check/vitest";
import { expect } from "vitest";
import { EDGE, Market, NONE } from "#libs/graph/market.ts";
import { bytesOf, rebuild, rest, type SearchOptions, searchCycles } from "#libs/graph/search.ts";
import { marketOf, type PoolSpec, randomFrom, randomMarket } from "#libs/graph/testing.ts";

const steps = fc.array(fc.record({ pool: fc.nat(), act: fc.constantFrom("add", "remove", "rest", "search", "rebuild") }), {
  maxLength: 40,
});

const optionsFor = (startToken: string): SearchOptions => ({
  startToken,
  maxHops: 4,
  maxCandidates: 1_000,
  minGrossProfit: 1e14,
  maxAmountIn: 10n ** 21n,
});

/** Edges of a market by token and by pair, read from its tables. */
function tablesOf(market: Market, tokens: readonly string[]) {
  const nameOf = (id: number) => `${market.edges[id]?.pool.info.pool}:${market.edges[id]?.from}`;
  return tokens.map((from) => {
    const id = market.tokenId(from);
    if (id === NONE) return [];
    const row = [...market.edgesOut(id)].map(nameOf).sort();
    const pairs = tokens.map((to) => {
      const parallel: string[] = [];
      const other = market.tokenId(to);
      if (other === NONE) return parallel;
      for (let edge = market.firstBetween(id, other); edge !== NONE; edge = market.edgeTable[edge * EDGE.width + EDGE.parallel] as number)
        parallel.push(nameOf(edge));
      return parallel.sort();
    });
    return [row, pairs];
  });
}

test.prop([fc.integer(), steps], { numRuns: 150 })(
  "pools that come and go leave the tables, and what is found, of a market that has only those that stayed",
  (seed, story) => {
    const { tokens, pools } = randomMarket(randomFrom(seed), { tokens: 6, pools: 14 });
    const options = optionsFor(tokens[0]?.address as string);
    const market = new Market();
    const present = new Map<string, PoolSpec>();
    for (const { pool, act } of story) {
      const spec = pools[pool % pools.length] as PoolSpec;
      if (act === "add") {
        market.add(spec.dex, spec.family, spec.info);
        market.apply(spec.row);
        present.set(spec.info.pool, spec);
      } else if (act === "remove") {
        market.remove(spec.info.pool);
        present.delete(spec.info.pool);
      } else if (act === "rest") rest(market);
      else if (act === "rebuild") rebuild(market);
      else searchCycles(market, present.keys(), options);
    }
    const fresh = marketOf([...present.values()]);
    const names = tokens.map(({ address }) => address);
    const orNothing = (tables: ReturnType<typeof tablesOf>) => tables.filter((table) => table.flat(2).length > 0);
    expect(orNothing(tablesOf(market, names))).toEqual(orNothing(tablesOf(fresh, names)));
    const found = searchCycles(market, present.keys(), options);
    expect(found.candidates).toEqual(searchCycles(fresh, present.keys(), options).candidates);
    expect(bytesOf(market)).toBeGreaterThan(0);
  },
);
