import { fc, test } from "@fast-check/vitest";
import { expect } from "vitest";
import type { Market } from "#libs/graph/market.ts";
import type { SearchOptions } from "#libs/graph/search.ts";
import { exactAmounts, marketOf, randomFrom, randomMarket, roundingOf, type TestMarket } from "#libs/graph/testing.ts";
import { type RivalChoice, Rivals } from "./rivals.ts";
import { CROWD, FEW, FIVE, type RivalRule } from "./rules.ts";

const BASE_FEE = 10n ** 9n;
const BLOCKS = 8;
const seeds = fc.integer({ min: 1, max: 2 ** 31 - 1 });
const made = (seed: number): TestMarket => randomMarket(randomFrom(seed), { tokens: 6, pools: 24 });

/** Always there, wants anything, follows every token, takes all that it finds. */
const ANYTHING: RivalRule = {
  ...(FIVE[0] as RivalRule),
  name: "anything",
  families: ["uniswap-v2", "uniswap-v3"],
  maxHops: 3,
  minNetProfit: 1e14,
  reliability: 1,
  bundles: 4,
};

function choose(rules: readonly RivalRule[], { tokens, pools }: TestMarket, { seed = 1, shunned = "" } = {}) {
  const market: Market = marketOf(pools);
  const [first, ...others] = tokens.map(({ address }) => address) as [string, ...string[]];
  const search: SearchOptions = { startToken: first, maxHops: 3, maxCandidates: 0, minGrossProfit: 1e12, maxAmountIn: 10n ** 21n };
  const rivals = new Rivals(seed, rules, { hubs: [first], others, search });
  return Array.from({ length: BLOCKS }, (_, number): readonly RivalChoice[] => {
    // Nothing changes: what stands has stood since the first look.
    rivals.look(market, { number, changed: [] });
    return rivals.choices({ block: number + 1, baseFeePerGas: BASE_FEE, isShunned: ({ info }) => info.pool === shunned });
  });
}
const keyOf = ({ rival, place, cycle, amounts, tip }: RivalChoice) => [
  rival,
  place,
  cycle.edges.map(({ pool }) => pool.info.pool),
  amounts,
  tip,
];
const net = ({ amounts, gas }: RivalChoice) => Number((amounts.at(-1) as bigint) - (amounts[0] as bigint)) - gas * Number(BASE_FEE);

test.prop([seeds], { numRuns: 30 })(
  "a choice is exact, worth its gas and more, within its rule, and pays its share of what is left",
  (seed) => {
    const rules = [ANYTHING, ...FIVE, ...CROWD].map((rule) => ({ ...rule, minNetProfit: rule.minNetProfit / 1_000 }));
    const market = made(seed);
    for (const choices of choose(rules, market, { seed })) {
      for (const choice of choices) {
        const rule = rules[choice.rival] as RivalRule;
        const { edges } = choice.cycle;
        expect(exactAmounts(edges, choice.amounts[0] as bigint)).toEqual(choice.amounts);
        // What it goes by is in floating point, and an input that is refused whole is lowered a little.
        const rounding = 2 * roundingOf(edges, market.tokens) + 1e-6 * Number(choice.amounts[0]);
        expect(net(choice)).toBeGreaterThan(rule.minNetProfit - rounding);
        expect(Math.abs(choice.tip / rule.tipShare - net(choice))).toBeLessThan(rounding);
        expect(Number(choice.priorityFeePerGas) * choice.gas).toBeLessThanOrEqual(choice.tip * (1 + 1e-12));
        expect(choice.minProfit).toBe(BigInt(choice.gas) * (BASE_FEE + choice.priorityFeePerGas));
        expect(edges.length).toBeLessThanOrEqual(rule.maxHops);
        for (const { pool } of edges) expect(rule.families).toContain(pool.family.id);
      }
      for (const own of Map.groupBy(choices, ({ rival }) => rival).values()) {
        const pools = own.flatMap(({ cycle }) => cycle.edges.map(({ pool }) => pool.info.pool));
        expect(new Set(pools).size).toBe(pools.length);
        expect(own.map(({ place }) => place)).toEqual(own.map((_, place) => place));
        expect(own.length).toBeLessThanOrEqual((rules[own[0]?.rival ?? 0] as RivalRule).bundles);
      }
    }
  },
);

test.prop([seeds, seeds], { numRuns: 20 })("the same seed and market give the same choices", (seed, market) => {
  const once = choose(CROWD, made(market), { seed }).map((choices) => choices.map(keyOf));
  expect(choose(CROWD, made(market), { seed }).map((choices) => choices.map(keyOf))).toEqual(once);
});

/** Markets in which there is something to take. */
const worthwhile = seeds.filter((seed) => (choose([ANYTHING], made(seed))[0]?.length ?? 0) > 0);
const blocksWith = (blocks: readonly (readonly RivalChoice[])[]) =>
  blocks.flatMap((choices, block) => (choices.length > 0 ? [block + 1] : []));
const ALL = Array.from({ length: BLOCKS }, (_, block) => block + 1);

test.prop([worthwhile], { numRuns: 10 })("a rule's delay, hours, reliability, tokens and what is shunned hold", (seed) => {
  const market = made(seed);
  const of = (more: Partial<RivalRule>, options: Parameters<typeof choose>[2] = {}) => choose([{ ...ANYTHING, ...more }], market, options);
  expect(blocksWith(of({}))).toEqual(ALL);
  expect(blocksWith(of({ latency: 3 }))).toEqual(ALL.filter((block) => block > 3));
  const working = blocksWith(of({ duty: 0.5, period: 4 }));
  expect(working).toHaveLength(BLOCKS / 2);
  for (const block of working) expect(ALL.includes(block + 4) && !working.includes(block + 4)).toBe(false);
  expect(blocksWith(of({ reliability: 0 }))).toEqual([]);
  expect(blocksWith(of({ follows: 0 }))).toEqual([]);
  const shunned = of({})[0]?.[0]?.cycle.edges[0]?.pool.info.pool as string;
  for (const { cycle } of of({}, { shunned }).flat()) expect(cycle.edges.map(({ pool }) => pool.info.pool)).not.toContain(shunned);
});

test("one house and one that is late are few; a crowd sends oftener than the five", () => {
  expect(FEW.map(({ name }) => name)).toEqual(["majors", "late"]);
  for (const [index, rule] of CROWD.entries()) expect(rule.reliability).toBeGreaterThan((FIVE[index] as RivalRule).reliability);
});
