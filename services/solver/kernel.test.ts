import { fc, test } from "@fast-check/vitest";
import { describe, expect } from "vitest";
import type { RowOf } from "#libs/dex/family.ts";
import type { SearchOptions } from "#libs/graph/search.ts";
import { type PoolSpec, randomFrom, randomMarket } from "#libs/graph/testing.ts";
import { type EndedBy, Visits } from "#libs/graph/visits.ts";
import type { Candidate } from "#proto/cycle/v1/found.ts";
import type { PoolRow, StateRowOf } from "#proto/pool/v1/state.ts";
import type { QuoteRequest } from "#proto/quote/v1/quote.ts";
import { Kernel, type Update } from "#services/solver/kernel.ts";

const WETH = `0x${"1".repeat(40)}`;
const OTHER = `0x${"2".repeat(40)}`;
const THIRD = `0x${"3".repeat(40)}`;
const ETHER = 10n ** 18n;

const options: SearchOptions = { startToken: WETH, maxHops: 3, maxCandidates: 1, minGrossProfit: 1e12, maxAmountIn: 1_000n * ETHER };

const pair = (digit: string, token: string): PoolRow => [`0x${digit.repeat(40)}`, [WETH, token], {}];
const reserves = (digit: string, weth: bigint, token: bigint) =>
  [`0x${digit.repeat(40)}`, weth.toString(), token.toString(), 3_000, 3_000] as StateRowOf<"uniswap-v2">;
const v2 = (added: Update["added"], rows: Update["rows"], removed: string[] = []): Update => ({
  dex: "v2",
  family: "uniswap-v2",
  added,
  rows,
  removed,
});

/** Two pairs of pools, apart from each other, each with a gap of 3 and 2 per cent. */
const two = v2(
  [pair("a", OTHER), pair("b", OTHER), pair("c", THIRD), pair("d", THIRD)],
  [
    reserves("a", 100n * ETHER, 100n * ETHER),
    reserves("b", 100n * ETHER, 103n * ETHER),
    reserves("c", 100n * ETHER, 100n * ETHER),
    reserves("d", 100n * ETHER, 102n * ETHER),
  ],
);
const poolsOf = (kernel: Kernel) => kernel.search(options).candidates.map(({ hops }) => hops.map(({ pool }) => pool.slice(2, 3)).join(""));

describe("a quote", () => {
  const at = { blockNumber: 7, blockHash: `0x${"7".repeat(64)}` };
  const ask = (amountIn: bigint, more: Partial<QuoteRequest> = {}): QuoteRequest => ({
    ...{ kind: "quote-request", v: 1, tokenIn: OTHER, tokenOut: THIRD, maxHops: 2, maxLegs: 1, gasPrice: null },
    ...{ amountIn: `${amountIn}`, ...more },
  });
  const kernel = new Kernel();
  kernel.update([two]);

  test("is of the block that was searched last, through its best pools, to the unit", () => {
    expect(kernel.quote(ask(ETHER), WETH)).toEqual({ ok: false, reason: "not-ready" });
    kernel.search(options, {}, null, at);
    const single = kernel.quote(ask(ETHER), WETH);
    // x·y = k with 0.3 % (UniswapV2Library.getAmountOut), in the pool that has most of the token sold to spare, then in the one that pays most for the coin.
    const outOf = (amountIn: bigint, reserveIn: bigint, reserveOut: bigint) =>
      (amountIn * 997n * reserveOut) / (reserveIn * 1000n + amountIn * 997n);
    const weth = outOf(ETHER, 100n * ETHER, 100n * ETHER);
    const third = outOf(weth, 100n * ETHER, 102n * ETHER);
    expect(single).toMatchObject({ ok: true, ...at, amountOut: `${third}`, gasCost: null });
    expect(single.ok && single.legs.map(({ hops }) => hops.map(({ pool, amountOut }) => [pool.slice(2, 3), amountOut]))).toEqual([
      [
        ["a", `${weth}`],
        ["d", `${third}`],
      ],
    ]);
    // Of so much several legs get more.
    const [one, several] = [1, 4].map((maxLegs) => kernel.quote(ask(50n * ETHER, { maxLegs, gasPrice: "1" }), WETH));
    expect(one?.ok && several?.ok && BigInt(several.amountOut) > BigInt(one.amountOut) && several.legs.length > 1).toBe(true);
    expect(several?.ok && several.gasCost).toBeGreaterThan(0);
  });

  test("leaves out what the search left out, and says why there is none", () => {
    kernel.search(options, { gatedPools: [`0x${"d".repeat(40)}`] }, null, at);
    const answer = kernel.quote(ask(ETHER), WETH);
    expect(answer.ok && answer.legs[0]?.hops.map(({ pool }) => pool.slice(2, 3))).toEqual(["a", "c"]);
    expect(kernel.quote(ask(ETHER, { tokenIn: `0x${"9".repeat(40)}` }), WETH)).toEqual({ ok: false, reason: "unknown-token" });
    expect(kernel.quote(ask(ETHER, { maxHops: 1 }), WETH)).toEqual({ ok: false, reason: "no-route" });
  });

  test("changes nothing: the next search is as it would be", () => {
    const [asked, not] = [new Kernel(), new Kernel()];
    for (const each of [asked, not]) {
      each.update([two]);
      each.search(options, {}, null, at);
    }
    asked.quote(ask(50n * ETHER, { maxLegs: 4, gasPrice: "1" }), WETH);
    const next = [v2([], [reserves("b", 100n * ETHER, 110n * ETHER), reserves("d", 90n * ETHER, 110n * ETHER)])];
    for (const each of [asked, not]) each.update(next);
    expect(asked.search(options)).toEqual(not.search(options));
  });
});

describe("a search whose time is up", () => {
  const isOver = (by: EndedBy) => new Visits({ after: 0, by });

  test("answers with what stands, and says so; what it did not come to is found behind it", () => {
    const kernel = new Kernel();
    kernel.update([two]);
    expect(poolsOf(kernel)).toEqual(["ba"]);
    kernel.update([v2([], [reserves("c", 104n * ETHER, 100n * ETHER)])]);
    const found = kernel.search(options, {}, null, null, isOver("deadline"));
    expect(found).toMatchObject({ isCutShort: true, ended: { after: 0, by: "deadline" } });
    expect(found.candidates.map(({ hops }) => hops[0]?.pool.slice(2, 3))).toEqual(["b"]);
    kernel.rest(options);
    expect(kernel.search(options)).toMatchObject({ isCutShort: false, candidates: [{ hops: [{ pool: `0x${"d".repeat(40)}` }, {}] }] });
  });

  test("because a newer block waits, leaves no work before that one", () => {
    const kernel = new Kernel();
    kernel.update([two]);
    expect(kernel.search(options, {}, null, null, isOver("newer-block")).candidates).toEqual([]);
    kernel.rest(options);
    expect(kernel.search(options, {}, null, null, isOver("deadline")).candidates).toEqual([]);
    kernel.rest(options);
    expect(poolsOf(kernel)).toEqual(["ba"]);
  });

  test("makes no plan", () => {
    const plan = { maxSwaps: 12, maxTokens: 16, maxGas: 10_000_000, gasPrice: 1n };
    const kernel = new Kernel();
    kernel.update([two]);
    const whole = kernel.search(options, {}, plan);
    expect(whole.candidates.map(({ hops }) => hops.length)).toEqual([4, 2]);
    expect(kernel.search(options, {}, plan, null, isOver("deadline")).candidates).toEqual(whole.candidates.slice(1));
  });
});

describe("a cycle that begins in another token", () => {
  const outOf = (amountIn: bigint, reserveIn: bigint, reserveOut: bigint) =>
    (amountIn * 997n * reserveOut) / (reserveIn * 1000n + amountIn * 997n);
  const inOther: PoolRow[] = ["a", "b"].map((digit) => [`0x${digit.repeat(40)}`, [OTHER, THIRD], {}]);
  /** A gap of 3 per cent between two tokens, and pools that sell either for the native coin. */
  const gap = v2(
    [...inOther, pair("c", OTHER), pair("d", OTHER), pair("e", THIRD)],
    [
      reserves("a", 100n * ETHER, 100n * ETHER),
      reserves("b", 100n * ETHER, 103n * ETHER),
      reserves("c", 1_000n * ETHER, 2_000n * ETHER),
      reserves("d", 1_000n * ETHER, 2_010n * ETHER),
      reserves("e", 1_000n * ETHER, 2_000n * ETHER),
    ],
  );
  // Two hops: none leads through the native coin.
  const starts: SearchOptions = { ...options, maxHops: 2, maxCandidates: 8, otherStarts: [OTHER, THIRD] };
  const soldBy = (search: SearchOptions, more: Parameters<Kernel["search"]>[1] = {}) => {
    const kernel = new Kernel();
    kernel.update([gap]);
    return kernel.search(search, more).candidates;
  };

  test("earns the native coin: what it leaves is sold in the pool that pays most", () => {
    const [found, ...others] = soldBy(starts);
    expect(others.map(({ token, profitToken }) => [token, profitToken])).not.toContainEqual([OTHER, WETH]);
    const { hops, amountIn, amountOut, grossProfit } = found as Candidate;
    expect(found).toMatchObject({ token: OTHER, profitToken: WETH });
    expect(hops.map(({ pool }) => pool.slice(2, 3)).join("")).toBe("bac");
    const third = outOf(BigInt(amountIn), 100n * ETHER, 103n * ETHER);
    expect(amountOut).toBe(`${outOf(third, 100n * ETHER, 100n * ETHER)}`);
    expect(grossProfit).toBe(`${outOf(BigInt(amountOut) - BigInt(amountIn), 2_000n * ETHER, 1_000n * ETHER)}`);
    expect(hops.at(-1)).toMatchObject({ amountIn: `${BigInt(amountOut) - BigInt(amountIn)}`, amountOut: grossProfit });
  });

  test("is no candidate where no lender lends its tokens", () => {
    expect(soldBy({ ...starts, otherStarts: [] })).toEqual([]);
    expect(soldBy({ ...starts, maxAmountsIn: { [OTHER]: 0n } })).toEqual([]);
  });

  test("begins with no more than the lender has, and sells through no pool that is late or gated", () => {
    const limited = soldBy({ ...starts, maxAmountsIn: { [OTHER]: ETHER / 10n } });
    expect(limited[0]).toMatchObject({ token: OTHER, amountIn: `${ETHER / 10n}` });
    const gated = soldBy(starts, { gatedPools: [`0x${"c".repeat(40)}`] });
    expect(gated[0]?.hops.at(-1)?.pool).toBe(`0x${"d".repeat(40)}`);
  });

  test("stands beside the plan, which begins in the native coin", () => {
    const kernel = new Kernel();
    kernel.update([gap, v2([pair("f", OTHER)], [reserves("f", 1_000n * ETHER, 2_100n * ETHER)])]);
    const plan = { maxSwaps: 12, maxTokens: 16, maxGas: 10_000_000, gasPrice: 1n };
    const { candidates } = kernel.search({ ...starts, maxHops: 3 }, { gasPrice: 1n }, plan);
    expect(candidates[0]?.profitToken).toBeUndefined();
    expect(candidates[0]?.hops.length).toBeGreaterThan(3);
    expect(candidates.some(({ token, profitToken }) => token === OTHER && profitToken === WETH)).toBe(true);
    expect(candidates.every(({ token, profitToken }) => (profitToken ?? token) === WETH)).toBe(true);
    const profits = candidates.slice(1).map(({ grossProfit }) => BigInt(grossProfit));
    expect(profits).toEqual(profits.toSorted((one, other) => (one > other ? -1 : one < other ? 1 : 0)));
  });
});

describe("an opportunity", () => {
  test("that nobody took is found again in the next block", () => {
    const kernel = new Kernel();
    kernel.update([two]);
    const first = kernel.search(options);
    expect(first.candidates).toHaveLength(1);
    expect(kernel.search(options)).toEqual(first);
    expect(kernel.search(options)).toEqual(first);
  });

  test("that was not among the candidates comes up once the better one is gone", () => {
    const kernel = new Kernel();
    kernel.update([two]);
    expect(poolsOf(kernel)).toEqual(["ba"]);
    kernel.update([v2([], [reserves("b", 100n * ETHER, 100n * ETHER)])]);
    expect(poolsOf(kernel)).toEqual(["dc"]);
  });

  test("that was taken, or whose pool is gone, is found no more", () => {
    const kernel = new Kernel();
    kernel.update([two]);
    kernel.search(options);
    kernel.update([v2([], [reserves("b", 100n * ETHER, 100n * ETHER)], [`0x${"d".repeat(40)}`])]);
    expect(poolsOf(kernel)).toEqual([]);
    kernel.update([v2([pair("d", THIRD)], [reserves("d", 100n * ETHER, 102n * ETHER)])]);
    expect(poolsOf(kernel)).toEqual(["dc"]);
  });

  test("in a DEX that was late comes back with it, though nothing has changed since", () => {
    const kernel = new Kernel();
    kernel.update([two]);
    expect(kernel.search(options, { lateDexes: ["v2"] }).candidates).toEqual([]);
    expect(poolsOf(kernel)).toEqual(["ba"]);
    expect(kernel.search(options, { lateDexes: ["v2"] }).candidates).toEqual([]);
    expect(kernel.search(options, { lateDexes: ["v2"] }).candidates).toEqual([]);
    expect(poolsOf(kernel)).toEqual(["ba"]);
  });

  test("through a pool that is gated comes back with it, and no search goes through it meanwhile", () => {
    const kernel = new Kernel();
    kernel.update([two]);
    const gatedPools = [`0x${"b".repeat(40)}`, "0xunknown"];
    const gated = () => kernel.search(options, { gatedPools }).candidates.map(({ hops }) => hops[0]?.pool.slice(2, 3));
    expect(gated()).toEqual(["d"]);
    kernel.rest(options);
    expect(gated()).toEqual(["d"]);
    expect(poolsOf(kernel)).toEqual(["ba"]);
  });

  test("is quoted on no states that came in after it, before those have been searched", () => {
    const kernel = new Kernel();
    kernel.update([two]);
    kernel.search(options, {}, null, { blockNumber: 7, blockHash: "0x" });
    const request = { kind: "quote-request", v: 1, tokenIn: WETH, tokenOut: OTHER, amountIn: "1000", maxHops: 1, maxLegs: 1 } as const;
    expect(kernel.quote({ ...request, gasPrice: null }, WETH)).toMatchObject({ ok: true, blockNumber: 7 });
    kernel.takeIn([v2([], [reserves("a", 1n * ETHER, 100n * ETHER)])]);
    expect(kernel.quote({ ...request, gasPrice: null }, WETH)).toEqual({ ok: false, reason: "not-ready" });
  });

  test("is no other for practice before it", () => {
    const practised = new Kernel();
    practised.update([two]);
    practised.practise(options);
    const fresh = new Kernel();
    fresh.update([two]);
    expect(practised.search(options)).toEqual(fresh.search(options));
  });
});

const updateOf = (specs: readonly PoolSpec[], adding: boolean): Update[] =>
  specs.map(({ dex, family, info, row }) => ({
    dex,
    family,
    added: adding ? [[info.pool, [...info.tokens], info.facts]] : [],
    rows: [row],
    removed: [],
  }));

const blocks = fc.array(
  fc.record({
    changes: fc.array(fc.tuple(fc.nat(), fc.double({ min: 0.99, max: 1.01, noNaN: true })), { maxLength: 3 }),
    late: fc.constantFrom([], [], ["v2"], ["v3"]),
    /** Places of pools. */
    gated: fc.array(fc.nat({ max: 8 }), { maxLength: 2 }),
  }),
  { maxLength: 8 },
);

/** The specs of these pools after a move: a pair's price moved by the factor; a concentrated pool said to have changed, though it has not. */
function move(current: PoolSpec[], changes: readonly (readonly [number, number])[]): PoolSpec[] {
  return changes.map(([index, factor]) => {
    const at = index % current.length;
    const spec = current[at] as PoolSpec;
    const [pool, first, ...rest] = spec.row as RowOf<"uniswap-v2" | "uniswap-v3">;
    const scaled = spec.family === "uniswap-v2" ? (BigInt(first) * BigInt(Math.round(factor * 1e9))) / 1_000_000_000n : BigInt(first);
    current[at] = { ...spec, row: [pool, scaled.toString(), ...rest] as unknown as PoolSpec["row"] };
    return current[at] as PoolSpec;
  });
}

test.prop([fc.integer(), blocks], { numRuns: 150 })(
  "block after block a kernel finds what one that starts afresh would find",
  (seed, story) => {
    const { tokens, pools } = randomMarket(randomFrom(seed), { tokens: 4, pools: 9 });
    const search = { ...options, startToken: tokens[0]?.address as string, maxCandidates: 4 };
    const kernel = new Kernel();
    kernel.update(updateOf(pools, true));
    kernel.search(search);
    const current = [...pools];
    for (const { changes, late, gated } of story) {
      kernel.update(updateOf(move(current, changes), false));
      const fresh = new Kernel();
      fresh.update(updateOf(current, true));
      const leftOut = { lateDexes: late, gatedPools: gated.map((place) => (current[place] as PoolSpec).row[0]) };
      expect(kernel.search(search, leftOut).candidates).toEqual(fresh.search(search, leftOut).candidates);
    }
  },
);

const storms = fc.array(
  fc.record({
    changes: fc.array(fc.tuple(fc.nat(), fc.double({ min: 0.97, max: 1.03, noNaN: true })), { maxLength: 25 }),
    late: fc.constantFrom([], [], ["v2"], ["v3"]),
    /** Places of pools. */
    gated: fc.array(fc.nat({ max: 8 }), { maxLength: 2 }),
    rests: fc.boolean(),
  }),
  { minLength: 4, maxLength: 8 },
);

test.prop([fc.integer(), storms], { numRuns: 30 })(
  "a kernel that practised on each DEX as it came finds what one finds that practised once, behind the last, and leaves the same",
  (seed, story) => {
    const { tokens, pools } = randomMarket(randomFrom(seed), { tokens: 4, pools: 30 });
    const search = { ...options, startToken: tokens[0]?.address as string, maxHops: 4, maxCandidates: 16 };
    const plan = { maxSwaps: 12, maxTokens: 16, maxGas: 10_000_000, gasPrice: 1n };
    const [often, once] = [new Kernel(), new Kernel()];
    for (const dex of new Set(pools.map((each) => each.dex))) {
      const updates = updateOf(
        pools.filter((each) => each.dex === dex),
        true,
      );
      often.update(updates);
      often.practise(search, plan);
      often.rest(search);
      once.takeIn(updates);
    }
    once.practise(search, plan);
    once.rest(search);
    const current = [...pools];
    for (const { changes, late } of [{ changes: [], late: [] }, ...story]) {
      const updates = updateOf(move(current, changes), false);
      const [one, other] = [often, once].map((kernel) => {
        kernel.update(updates);
        const result = kernel.search(search, { lateDexes: late }, plan);
        kernel.rest(search);
        return result;
      });
      expect(other).toEqual(one);
    }
  },
);

test.prop([fc.integer(), storms], { numRuns: 30 })(
  "also where more cycles earn something than are kept, whether it rests between blocks or not",
  (seed, story) => {
    const { tokens, pools } = randomMarket(randomFrom(seed), { tokens: 4, pools: 45 });
    const search = { ...options, startToken: tokens[0]?.address as string, maxCandidates: 16 };
    const kernel = new Kernel();
    kernel.update(updateOf(pools, true));
    kernel.search(search);
    const current = [...pools];
    for (const { changes, late, gated, rests } of story) {
      if (rests) kernel.rest(search);
      kernel.update(updateOf(move(current, changes), false));
      const fresh = new Kernel();
      fresh.update(updateOf(current, true));
      const leftOut = { lateDexes: late, gatedPools: gated.map((place) => (current[place] as PoolSpec).row[0]) };
      expect(kernel.search(search, leftOut).candidates).toEqual(fresh.search(search, leftOut).candidates);
    }
  },
);

const ends = fc.option(fc.record({ asks: fc.nat({ max: 60 }), by: fc.constantFrom<EndedBy>("deadline", "newer-block") }), { nil: null });

test.prop([fc.integer(), storms, fc.array(ends, { minLength: 8, maxLength: 8 })], { numRuns: 30 })(
  "a kernel that is told where the searches of another one were ended finds the same in every block, and leaves the same",
  (seed, story, endings) => {
    const { tokens, pools } = randomMarket(randomFrom(seed), { tokens: 4, pools: 30 });
    const search = { ...options, startToken: tokens[0]?.address as string, maxHops: 4, maxCandidates: 16 };
    const plan = { maxSwaps: 12, maxTokens: 16, maxGas: 10_000_000, gasPrice: 1n };
    const [first, again] = [new Kernel(), new Kernel()];
    for (const kernel of [first, again]) kernel.update(updateOf(pools, true));
    const current = [...pools];
    for (const [index, { changes, late }] of [{ changes: [], late: [] }, ...story].entries()) {
      const updates = updateOf(move(current, changes), false);
      for (const kernel of [first, again]) kernel.update(updates);
      const ending = endings[index % endings.length] ?? null;
      let asked = 0;
      const clock = new Visits(() => (ending !== null && asked++ >= ending.asks ? ending.by : null), 7);
      const result = first.search(search, { lateDexes: late }, plan, null, clock);
      expect(again.search(search, { lateDexes: late }, plan, null, new Visits(result.ended ?? (() => null)))).toEqual(result);
      for (const kernel of [first, again]) kernel.rest(search);
    }
  },
);

test.prop([fc.integer(), storms], { numRuns: 30 })(
  "whether a late report came before the search that went without its DEX, or after, makes no difference once the DEX is back",
  (seed, story) => {
    const { tokens, pools } = randomMarket(randomFrom(seed), { tokens: 4, pools: 45 });
    const search = { ...options, startToken: tokens[0]?.address as string, maxCandidates: 16 };
    const plan = { maxSwaps: 12, maxTokens: 16, maxGas: 10_000_000, gasPrice: 1n };
    const kernels = [new Kernel(), new Kernel()] as const;
    for (const kernel of kernels) {
      kernel.update(updateOf(pools, true));
      kernel.search(search);
      kernel.rest(search);
    }
    const current = [...pools];
    for (const { changes, late } of story) {
      const updates = updateOf(move(current, changes), false);
      const isLate = ({ dex }: Update) => (late as readonly string[]).includes(dex);
      for (const [place, kernel] of kernels.entries()) {
        kernel.update(updates.filter((update) => place === 0 || !isLate(update)));
        kernel.search(search, { lateDexes: late }, plan);
        kernel.rest(search);
        kernel.update(updates.filter((update) => place === 1 && isLate(update)));
      }
      const [one, other] = kernels.map((kernel) => kernel.search(search, {}, plan));
      expect(other).toEqual(one);
      for (const kernel of kernels) kernel.rest(search);
    }
  },
);
