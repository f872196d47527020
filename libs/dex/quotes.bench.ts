import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import type { RangesState } from "#libs/dex/concentrated/ranges.ts";
import { swapExactIn } from "#libs/dex/concentrated/swap-math.ts";
import type { FamilyId, PoolInfo, RowOf, SwapExactIn } from "#libs/dex/family.ts";
import { type AnyFamily, familyOf } from "#libs/dex/registry.ts";
import type { PoolSpec } from "#libs/graph/testing.ts";
import { recordedMarket } from "#libs/localnet/market.ts";
import { type Bench, type BenchOptions, held, type Measurement, time, timeBeside } from "#libs/testkit/bench.ts";
import { balancerQuote, type PeerQuote, v2Quote, v3Quote, v3Steps } from "#libs/testkit/peers.ts";
import { recordedPools } from "#libs/testkit/recorded-pools.ts";
import { type Address, asAddress } from "#libs/units/brand.ts";
import { invariant } from "#libs/units/invariant.ts";

/** A swap that a pool is asked about, ready to be asked. */
interface Asked {
  readonly family: AnyFamily;
  readonly info: PoolInfo;
  readonly row: RowOf<FamilyId>;
  readonly state: object;
  readonly swap: SwapExactIn;
}

function heldPool(family: FamilyId, info: PoolInfo, row: RowOf<FamilyId>): Omit<Asked, "swap"> {
  const of = familyOf(family);
  const state = of.created();
  of.applyRow(state, row);
  return { family: of, info, row, state };
}

const quote = ({ family, info, state, swap }: Asked): bigint => family.quoteExactIn(info, state, swap);

const BOTH = [
  { indexIn: 0, indexOut: 1 },
  { indexIn: 1, indexOut: 0 },
] as const;

interface Timing extends BenchOptions {
  /** Quotes in a round. */
  readonly perRound: number;
}

const roundsOf = ({ quick }: BenchOptions) => (quick ? { warmUp: 1, rounds: 3 } : { warmUp: 100, rounds: 400 });

/** Goes through the list, round after round. */
function inTurn<Item>(items: readonly Item[], perRound: number, work: (item: Item) => unknown): () => unknown {
  invariant(items.length > 0, "nothing to ask");
  let next = 0;
  return () => {
    let kept: unknown;
    for (let index = 0; index < perRound; index++) {
      kept = work(items[next] as Item);
      next = next + 1 === items.length ? 0 : next + 1;
    }
    return kept;
  };
}

function inTurnAsync<Item>(items: readonly Item[], perRound: number, work: (item: Item) => Promise<unknown>): () => Promise<unknown> {
  let next = 0;
  return async () => {
    let kept: unknown;
    for (let index = 0; index < perRound; index++) kept = await work(items[next++ % items.length] as Item);
    return kept;
  };
}

function alone(name: string, asked: readonly Asked[], { perRound, ...options }: Timing, facts = {}): Measurement {
  for (const each of asked) invariant(quote(each) > 0n, `${name}: no quote of ${each.info.pool}`);
  const counted = { perRound: { count: perRound, unit: "quotes" }, facts: () => ({ "different quotes": asked.length, ...facts }) };
  return time(name, { ...roundsOf(options), ...counted }, inTurn(asked, perRound, quote));
}

interface Peer<Answer> {
  readonly name: string;
  readonly quotes: readonly PeerQuote<Answer>[];
  /** How far its answers may be from ours, as a share. Absent: not at all. */
  readonly within?: number;
}

/** Ours beside a peer's, which must give the same numbers. */
async function beside<Answer>(
  name: string,
  asked: readonly Asked[],
  peer: Peer<Answer>,
  { perRound, ...options }: Timing,
  facts: Readonly<Record<string, number | string>> = {},
): Promise<Measurement> {
  let furthest = 0;
  for (const [index, { ask, amountOut }] of peer.quotes.entries()) {
    const ours = quote(asked[index] as Asked);
    const theirs = amountOut(await ask());
    invariant(ours > 0n, `${name}: no quote of ${asked[index]?.info.pool}`);
    if (ours === theirs) continue;
    furthest = Math.max(furthest, Math.abs(Number(theirs - ours)) / Number(ours));
    invariant(furthest <= (peer.within ?? 0), `${name}: ${peer.name} says ${theirs}, we say ${ours}`);
  }
  const agreement = peer.within === undefined ? "every unit" : furthest.toExponential(1);
  const counted = {
    perRound: { count: perRound, unit: "quotes" },
    facts: () => ({ "different quotes": asked.length, "both say the same, to": agreement, ...facts }),
  };
  const isAsync = peer.quotes[0]?.ask() instanceof Promise;
  const work = isAsync
    ? inTurnAsync(peer.quotes, perRound, ({ ask }) => ask() as Promise<unknown>)
    : inTurn(peer.quotes, perRound, ({ ask }) => ask());
  return timeBeside(name, { ...roundsOf(options), ...counted }, inTurn(asked, perRound, quote), { name: peer.name, work });
}

const mean = (values: readonly number[]) => Math.round((10 * values.reduce((sum, value) => sum + value, 0)) / values.length) / 10;

// ---- constant products

function v2(pools: readonly PoolSpec[], options: BenchOptions): Promise<Measurement> {
  const asked = pools.flatMap(({ family, info, row }): Asked[] => {
    const [, reserve0, reserve1, feePips] = row as RowOf<"uniswap-v2">;
    if (family !== "uniswap-v2" || feePips !== 3_000) return [];
    const pool = heldPool(family, info, row);
    return BOTH.map((direction, index) => ({
      ...pool,
      swap: { ...direction, amountIn: BigInt([reserve0, reserve1][index] as string) / 1_000n },
    }));
  });
  const sized = asked.filter((each) => quote(each) > 0n).slice(0, options.quick ? 10 : 400);
  const quotes = sized.map(({ info, row, swap }) => v2Quote(info, row as RowOf<"uniswap-v2">, swap));
  return beside("uniswap-v2", sized, { name: "@uniswap/v2-sdk Pair.getOutputAmount", quotes }, { ...options, perRound: 100 });
}

// ---- ranges

const TICKS_CROSSED = 10;

const wayOf = ({ info, state, swap }: Asked) => {
  const { feePips } = state as RangesState;
  const { tickSpacing } = (info as PoolInfo<"uniswap-v3">).facts;
  const zeroForOne = swap.indexIn === 0;
  return swapExactIn(state as RangesState, { amountIn: swap.amountIn, zeroForOne, feePips: feePips[swap.indexIn as 0 | 1], tickSpacing });
};

/** Inputs from 2^100 down, until the pool takes one whole and it fits. */
function largest(pool: Omit<Asked, "swap">, direction: (typeof BOTH)[number], fits: (asked: Asked) => boolean): Asked[] {
  for (let bits = 100; bits >= 20; bits -= 4) {
    const asked = { ...pool, swap: { ...direction, amountIn: 1n << BigInt(bits) } };
    if (quote(asked) >= 1_000_000n && fits(asked)) return [asked];
  }
  return [];
}

/** By halves: crossings only grow with the input. Not those that leave the pool's last liquidity behind. */
function crossingTen(pool: Omit<Asked, "swap">, direction: (typeof BOTH)[number]): Asked[] {
  let [low, high] = [0n, 1n << 110n];
  while (low + 1n < high) {
    const asked = { ...pool, swap: { ...direction, amountIn: (low + high) / 2n } };
    const { ticksCrossed, liquidity } = wayOf(asked);
    if (ticksCrossed === TICKS_CROSSED && liquidity > 0n) return quote(asked) > 0n ? [asked] : [];
    if (ticksCrossed < TICKS_CROSSED) low = asked.swap.amountIn;
    else high = asked.swap.amountIn;
  }
  return [];
}

/** Swaps of recorded pools that end in their first step, and those that cross so many ticks. */
function rangeSwaps(pools: readonly PoolSpec[], { quick }: BenchOptions): { readonly within: Asked[]; readonly crossing: Asked[] } {
  const ranges = pools.filter(({ family }) => family === "uniswap-v3").slice(0, quick ? 20 : undefined);
  const all = ranges.flatMap(({ family, info, row }) => BOTH.map((direction) => ({ pool: heldPool(family, info, row), direction })));
  return {
    within: all.flatMap(({ pool, direction }) => largest(pool, direction, (asked) => wayOf(asked).steps === 1)),
    crossing: all.flatMap(({ pool, direction }) => crossingTen(pool, direction)),
  };
}

function stepsOf(asked: readonly Asked[]): Record<string, number> {
  return {
    "steps a quote": mean(asked.map((each) => wayOf(each).steps)),
    "ticks crossed": mean(asked.map((each) => wayOf(each).ticksCrossed)),
  };
}

/** The steps that such quotes take: ours with all that a quote does around them, the peer's alone. */
async function v3Step(asked: readonly Asked[], options: BenchOptions): Promise<Measurement> {
  const steps: Awaited<ReturnType<typeof v3Steps>>[number][] = [];
  for (const each of asked) {
    const ofQuote = await v3Steps(v3QuoteOf(each));
    const amountOut = ofQuote.reduce((sum, step) => sum + step.amountOut(step.ask()), 0n);
    invariant(amountOut === quote(each), `${each.info.pool}: the steps are not those of the quote`);
    steps.push(...ofQuote);
  }
  // All of them in each round: both sides do the same.
  return timeBeside(
    "uniswap-v3, a step of these",
    { ...roundsOf(options), perRound: { count: steps.length, unit: "steps" } },
    inTurn(asked, asked.length, quote),
    { name: "@uniswap/v3-sdk SwapMath.computeSwapStep", work: inTurn(steps, steps.length, ({ ask }) => ask()) },
  );
}

const v3QuoteOf = ({ info, row, swap }: Asked) => v3Quote(info as PoolInfo<"uniswap-v3">, row as RowOf<"uniswap-v3">, swap);

async function v3(swaps: ReturnType<typeof rangeSwaps>, options: BenchOptions): Promise<Measurement[]> {
  const peerOf = (asked: readonly Asked[]) => ({ name: "@uniswap/v3-sdk Pool.getOutputAmount", quotes: asked.map(v3QuoteOf) });
  const { within, crossing } = swaps;
  return [
    held(await beside("uniswap-v3, within a tick", within, peerOf(within), { ...options, perRound: 100 }, stepsOf(within)), {
      perSecondLeast: 500_000,
      timesPeerLeast: 15,
    }),
    held(await beside("uniswap-v3, 10 ticks crossed", crossing, peerOf(crossing), { ...options, perRound: 20 }, stepsOf(crossing)), {
      perSecondLeast: 60_000,
      timesPeerLeast: 15,
    }),
    held(await v3Step(crossing.slice(0, 10), options), { timesPeerLeast: 8 }),
  ];
}

/** The same pools as Algebra Integral would hold them: its ticks are a list, so that no step ends between two of them. */
function algebra({ within, crossing }: ReturnType<typeof rangeSwaps>, options: BenchOptions): Measurement[] {
  const asAlgebra = (asked: readonly Asked[]) =>
    asked.map(({ info, row, swap }) => ({ ...heldPool("algebra", { ...info, facts: { tickSpacing: 0 } }, row), swap }));
  return [
    alone("algebra, within a tick", asAlgebra(within), { ...options, perRound: 100 }),
    alone("algebra, 10 ticks crossed", asAlgebra(crossing), { ...options, perRound: 20 }),
  ];
}

// ---- curves of other shapes

const fixture = (path: string) => new URL(path, import.meta.url);
const addressOf = (number: number): Address => asAddress(`0x${number.toString(16).padStart(40, "0")}`);

/** Every direction, inputs from a tenth to a ten thousandth of what the pool holds. */
function swapsOf(balances: readonly string[], count: number): SwapExactIn[] {
  return Array.from({ length: count }, (_, index) => {
    const indexIn = index % balances.length;
    const indexOut = (indexIn + 1 + (Math.floor(index / balances.length) % (balances.length - 1))) % balances.length;
    return { indexIn, indexOut, amountIn: BigInt(balances[indexIn] as string) / BigInt(10 + 10 * index) };
  });
}

/** Aerodrome's DOLA/USDbC as recorded. */
function solidly(options: BenchOptions): Measurement[] {
  const { pools } = JSON.parse(gunzipSync(readFileSync(fixture("solidly/fixtures/onchain-quotes.json.gz"))).toString()) as {
    readonly pools: readonly {
      readonly stable: boolean;
      readonly feeBps: number;
      readonly decimals: readonly [number, number];
      readonly reserve0: string;
      readonly reserve1: string;
    }[];
  };
  const recorded = pools.find(({ stable }) => stable);
  invariant(recorded, "a stable pair is recorded");
  const { reserve0, reserve1, feeBps } = recorded;
  const [decimals0, decimals1] = recorded.decimals;
  return (["velodrome-v2", "solidly-v1"] as const).map((variant) => {
    const facts = { variant, stable: true, decimals0, decimals1, feeSource: "factory.getFee(pair,stable)" } as const;
    const info: PoolInfo<"solidly"> = { pool: addressOf(0x50), tokens: [addressOf(1), addressOf(2)], facts };
    const pool = heldPool("solidly", info, [info.pool, reserve0, reserve1, feeBps * 100]);
    const asked = swapsOf([reserve0, reserve1], 1_000).map((swap) => ({ ...pool, swap }));
    return alone(`solidly, stable (${variant})`, asked, { ...options, perRound: 50 });
  });
}

/** 3pool as recorded, and the same coins in pools of other lineages. */
function curve(options: BenchOptions): Measurement[] {
  const { pools } = JSON.parse(readFileSync(fixture("curve-stableswap/fixtures/recorded-answers.json"), "utf8")) as {
    readonly pools: readonly { readonly balances: readonly string[]; readonly rates: readonly string[]; readonly fee: number }[];
  };
  const [recorded] = pools;
  invariant(recorded, "3pool is recorded");
  const { balances, rates, fee } = recorded;
  return (["2020", "2021", "ema", "ng"] as const).map((lineage) => {
    const info: PoolInfo<"curve-stableswap"> = {
      pool: addressOf(0xc0),
      tokens: [1, 2, 3].map(addressOf),
      facts: { lineage, rates: "fixed", multipliers: [...rates], view: "as-exchange" },
    };
    const amp = lineage === "2020" ? "4000" : "400000";
    const multiplier = lineage === "ng" ? "50000000000" : "0";
    const pool = heldPool("curve-stableswap", info, [info.pool, [...balances], [...rates], amp, fee, 5_000_000_000, multiplier, 0]);
    const asked = swapsOf(balances, 997).map((swap) => ({ ...pool, swap }));
    const measured = alone(`curve-stableswap, 3 coins (${lineage})`, asked, { ...options, perRound: 100 });
    return held(measured, { perSecondLeast: 100_000 });
  });
}

const WAD = 10n ** 18n;
/** Exponents that pools since 2022 multiply out rather than take logarithms for. */
const MULTIPLIED = new Set([WAD, 2n * WAD, 4n * WAD]);

const balancerInfo = (tokens: readonly Address[], facts: Pick<PoolInfo<"balancer-v2">["facts"], "kind" | "decimals" | "weights">) =>
  ({
    pool: addressOf(0xba),
    tokens,
    facts: { vault: addressOf(0xbb), poolId: `0x${"ba".repeat(32)}`, maths: 2, bptIndex: -1, rateProviders: [], ...facts },
  }) satisfies PoolInfo<"balancer-v2">;

/** Those recorded pools, between tokens of 18 decimals (version 3 takes the fee after scaling, version 2 before), for which there is a power to be taken. */
function weighted(options: BenchOptions): Promise<Measurement> {
  const market = recordedMarket();
  const decimals = new Map(market.tokens.map((token) => [token.address, token.decimals]));
  const asked = market.weighted.flatMap(({ swapFeePips, tokens }): Asked[] => {
    const info = balancerInfo(
      tokens.map(({ token }) => asAddress(token)),
      {
        kind: "weighted",
        decimals: tokens.map(({ token }) => decimals.get(token) as number),
        weights: tokens.map(({ weightWad }) => weightWad),
      },
    );
    const balances = tokens.map(({ balance }) => balance);
    const fee = (BigInt(swapFeePips) * 10n ** 12n).toString();
    const pool = heldPool("balancer-v2", info, [info.pool, balances, balances.map(() => "0"), fee, false, ["0", false, [], 0], []]);
    const [weights, places] = [info.facts.weights.map(BigInt), info.facts.decimals];
    return swapsOf(balances, 60)
      .filter(({ indexIn: i, indexOut: o }) => places[i] === 18 && places[o] === 18)
      .filter(({ indexIn: i, indexOut: o }) => !MULTIPLIED.has(((weights[i] as bigint) * WAD) / (weights[o] as bigint)))
      .map((swap) => ({ ...pool, swap }));
  });
  return besideBalancer("balancer-v2, weighted", asked, undefined, options);
}

/** The coins of 3pool in a pool of version 2, of amplification 2,000. Version 3 keeps three more digits within its method: hence another last digit. */
function stable(options: BenchOptions): Promise<Measurement> {
  const { pools } = JSON.parse(readFileSync(fixture("curve-stableswap/fixtures/recorded-answers.json"), "utf8")) as {
    readonly pools: readonly { readonly balances: readonly string[] }[];
  };
  const balances = [...(pools[0]?.balances ?? [])];
  const info = balancerInfo([1, 2, 3].map(addressOf), { kind: "stable", decimals: [18, 6, 6], weights: [] });
  const row: RowOf<"balancer-v2"> = [info.pool, balances, balances.map(() => "0"), "400000000000000", false, ["2000000", false, [], 0], []];
  const pool = heldPool("balancer-v2", info, row);
  const asked = swapsOf(balances, 300).map((swap) => ({ ...pool, swap }));
  return besideBalancer("balancer-v2, stable of 3", asked, 1e-9, options);
}

function besideBalancer(name: string, asked: readonly Asked[], within: number | undefined, options: BenchOptions): Promise<Measurement> {
  const quotes = asked.map(({ info, row, swap }) => balancerQuote(info as PoolInfo<"balancer-v2">, row as RowOf<"balancer-v2">, swap));
  const peer = { name: "@balancer-labs/balancer-maths Vault.swap", quotes, ...(within === undefined ? {} : { within }) };
  return beside(name, asked, peer, { ...options, perRound: 50 });
}

export const bench: Bench = {
  title: "quotes",
  about:
    "Exact integer quotes as the contracts compute them, one core, beside what the protocols publish for it: the same swaps, whose answers are compared first, in " +
    "turns. Of ranges, what lies between two ticks is remembered by us once a swap has gone through it. Pools as recorded on Ethereum and Base; no package of Curve's, Solidly's or Algebra's own is at hand.",
  async run(options) {
    const { pools } = recordedPools();
    const swaps = rangeSwaps(pools, options);
    return [
      held(await v2(pools, options), { perSecondLeast: 3_000_000, timesPeerLeast: 20 }),
      ...(await v3(swaps, options)),
      ...algebra(swaps, options),
      ...solidly(options),
      ...curve(options),
      held(await weighted(options), { perSecondLeast: 60_000, timesPeerLeast: 10 }),
      held(await stable(options), { timesPeerLeast: 10 }),
    ];
  },
};
