import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { curveStableSwap } from "#libs/dex/curve-stableswap/index.ts";
import {
  exchange,
  FEE_DENOMINATOR,
  getD,
  getDyFeeLast,
  getY,
  type Lineage,
  PRECISION,
  REVERTS,
  rampedA,
  type Solved,
  solve,
  type Terms,
} from "#libs/dex/curve-stableswap/math.ts";
import { INFO, rowOfTerms } from "#libs/dex/curve-stableswap/testing.ts";
import { vectorsFile } from "#libs/testkit/vectors.ts";
import { invariant } from "#libs/units/invariant.ts";

interface RecordedPool {
  readonly name: string;
  readonly lineage: Lineage;
  readonly view: "as-exchange" | "fee-last";
  readonly balances: readonly string[];
  readonly rates: readonly string[];
  readonly amp: string;
  readonly fee: number;
  readonly adminFee: number;
  readonly lpSupply: string;
  readonly getDy: readonly { readonly i: number; readonly j: number; readonly dx: string; readonly dy: string }[];
  readonly calcTokenAmount: readonly { readonly i: number; readonly amount: string; readonly minted: string }[];
}
type RecordedFunction = { readonly xp: readonly string[]; readonly amp: string; readonly result: string } & (
  | { readonly fn: "get_D" }
  | { readonly fn: "get_y"; readonly i: number; readonly j: number; readonly x: string }
);
const recorded = JSON.parse(readFileSync(new URL("./fixtures/recorded-answers.json", import.meta.url), "utf8")) as {
  readonly pools: readonly RecordedPool[];
  readonly functions: readonly RecordedFunction[];
};

function solved(terms: Terms): Solved {
  const found = solve(terms);
  invariant(found !== null, "no invariant");
  return found;
}

const termsOf = ({ lineage, balances, rates, amp, fee }: RecordedPool): Terms => ({
  lineage,
  balances: balances.map(BigInt),
  rates: rates.map(BigInt),
  amp: BigInt(amp),
  fee: BigInt(fee),
  offpegFeeMultiplier: 0n,
});

test.each(recorded.pools)("$name: $getDy.length recorded answers of get_dy, to the unit", (pool) => {
  const curve = solved(termsOf(pool));
  const ours = pool.getDy.map(({ i, j, dx }) =>
    pool.view === "fee-last" ? getDyFeeLast(curve, i, j, BigInt(dx)) : (exchange(curve, i, j, BigInt(dx))?.amountOut ?? null),
  );
  expect(ours.map(String)).toEqual(pool.getDy.map(({ dy }) => dy));
});

test("3pool promises in get_dy a unit more than it pays, in 6 of 27 recorded answers", () => {
  const surplus = recorded.pools
    .filter(({ lineage }) => lineage === "2020")
    .flatMap((pool) => {
      const curve = solved(termsOf(pool));
      return pool.getDy.map(({ i, j, dx, dy }) => BigInt(dy) - (exchange(curve, i, j, BigInt(dx))?.amountOut as bigint));
    });
  expect(surplus.length).toBe(27);
  expect(surplus.filter((units) => units === 1n).length).toBe(6);
  expect(surplus.filter((units) => units === 0n).length).toBe(21);
});

test.each(recorded.pools)(
  "$name: after each of $getDy.length recorded exchanges the pool has what the curve leaves it and the fee that stays",
  (pool) => {
    const terms = termsOf(pool);
    const info = INFO({ lineage: pool.lineage, view: pool.view }, terms.balances.length);
    const state = curveStableSwap.created();
    curveStableSwap.applyRow(state, rowOfTerms(info, terms, BigInt(pool.adminFee)));
    const curve = solved(terms);
    for (const { i, j, dx } of pool.getDy) {
      const row = curveStableSwap.afterSwap(info, state, { indexIn: i, indexOut: j, amountIn: BigInt(dx) });
      invariant(row !== null, "a recorded exchange");
      const balances = row[1].map(BigInt);
      expect(balances.with(j, 0n)).toEqual(terms.balances.with(i, (terms.balances[i] as bigint) + BigInt(dx)).with(j, 0n));
      const [rateIn, rateOut] = [terms.rates[i] as bigint, terms.rates[j] as bigint];
      const y = getY(curve, i, j, (curve.xp[i] as bigint) + (BigInt(dx) * rateIn) / PRECISION);
      const fee = ((curve.xp[j] as bigint) - y) * BigInt(pool.fee);
      const stays = (fee * (FEE_DENOMINATOR - BigInt(pool.adminFee))) / FEE_DENOMINATOR ** 2n;
      // Payment and admin's part are each rounded down to raw units, behind the one of 1e-18 that the contract keeps.
      const kept = ((balances[j] as bigint) * rateOut) / PRECISION - y - stays;
      expect(kept >= 0n && kept <= 2n * (rateOut / PRECISION) + 3n, `${i} → ${j}, ${dx}: ${kept} more than y and fee`).toBe(true);
    }
  },
);

/** D before and after a deposit, by the share of the supply that calc_token_amount gives for it. Source: StableSwap3Pool.calc_token_amount. */
test("3pool: 5 recorded answers of calc_token_amount follow from get_D", () => {
  const pool = recorded.pools[0] as RecordedPool;
  const terms = termsOf(pool);
  const D0 = solved(terms).D;
  const minted = pool.calcTokenAmount.map(({ i, amount }) => {
    const balances = terms.balances.map((balance, index) => (index === i ? balance + BigInt(amount) : balance));
    return ((solved({ ...terms, balances }).D - D0) * BigInt(pool.lpSupply)) / D0;
  });
  expect(minted.map(String)).toEqual(pool.calcTokenAmount.map((each) => each.minted));
  expect(minted.length).toBe(5);
});

test.each(recorded.functions)("a recorded result of $fn: $result", (each) => {
  const xp = each.xp.map(BigInt);
  const rates = xp.map(() => 10n ** 18n);
  for (const lineage of ["2021", "ema", "ng"] as const) {
    const curve = solved({ lineage, balances: xp, rates, amp: BigInt(each.amp), fee: 0n, offpegFeeMultiplier: 0n });
    expect((each.fn === "get_D" ? curve.D : getY(curve, each.i, each.j, BigInt(each.x))).toString()).toBe(each.result);
  }
});

interface Table {
  readonly from: string;
  readonly state: {
    readonly address: string;
    readonly reserves: readonly string[];
    readonly tokens: readonly { readonly address: string; readonly decimals: number }[];
    readonly extra: Readonly<Record<string, string>> & { readonly RateMultipliers?: readonly string[] };
  };
  readonly quotes: readonly { readonly in: string; readonly amountIn: string; readonly out: string; readonly amountOut: string }[];
}
const tables = vectorsFile("curve-pool-tables.json.gz");

/** Their repository states no licence: read where they are, if anywhere. Quotes through a base pool are not this family's. */
test.skipIf(tables === null)(
  "tables of plain pools, NG pools and NG metapools (set HYPERSPEED_VECTORS to the folder that has them)",
  () => {
    const pools = (JSON.parse(gunzipSync(readFileSync(tables as string)).toString()) as Table[]).filter(
      ({ from }) => !from.includes("tricrypto"),
    );
    const counts: Record<string, number> = {};
    for (const { from, state, quotes } of pools) {
      const { extra, tokens, reserves } = state;
      const kind = from.split("/")[1] as string;
      const curve = solved({
        lineage: kind === "plain" ? "2021" : "ng",
        balances: reserves.slice(0, tokens.length).map(BigInt),
        rates: (extra.RateMultipliers ?? tokens.map(({ decimals }) => 10n ** BigInt(36 - decimals))).map(BigInt),
        amp: BigInt((extra.FutureA ?? extra.futureA) as string),
        fee: BigInt((extra.SwapFee ?? extra.swapFee) as string),
        offpegFeeMultiplier: BigInt(extra.OffpegFeeMultiplier ?? 0),
      });
      for (const quote of quotes) {
        const [i, j] = [quote.in, quote.out].map((token) => tokens.findIndex(({ address }) => address === token)) as [number, number];
        if (i < 0 || j < 0) continue;
        expect(exchange(curve, i, j, BigInt(quote.amountIn))?.amountOut.toString(), `${state.address} ${quote.amountIn}`).toBe(
          quote.amountOut,
        );
        counts[kind] = (counts[kind] ?? 0) + 1;
      }
    }
    expect(counts).toEqual({ plain: 255, "stable-ng": 6, "stable-meta-ng": 8 });
  },
);

const E18 = 10n ** 18n;
const LINEAGES = ["2020", "2021", "ema", "ng"] as const;
const balanced = (lineage: Lineage, balances: readonly bigint[]): Terms => ({
  lineage,
  balances,
  rates: balances.map(() => E18),
  amp: lineage === "2020" ? 100n : 10_000n,
  fee: 4_000_000n,
  offpegFeeMultiplier: 20_000_000_000n,
});

test("a balanced pool's D is the sum of its coins, an empty one's is nothing, and one without a coin reverts", () => {
  for (const lineage of LINEAGES) {
    expect(getD([10n ** 24n, 10n ** 24n, 10n ** 24n], 10_000n, lineage)).toBe(3n * 10n ** 24n);
    expect(solve(balanced(lineage, [0n, 0n]))).toBeNull();
    expect(solve(balanced(lineage, [10n ** 24n, 0n]))).toBeNull();
    expect(solve(balanced(lineage, [2n ** 255n, 2n ** 255n]))).toBeNull();
  }
});

test("what overflows a uint256 on its way is no swap", () => {
  for (const lineage of LINEAGES) {
    const curve = solved(balanced(lineage, [10n ** 24n, 10n ** 24n]));
    expect(exchange(curve, 0, 1, 2n ** 256n / E18 + 1n)).toBeNull(); // dx · rate
    // One unit, or less than a unit: what the invariant gives beyond its own unit of caution.
    expect(exchange(curve, 0, 1, 1n)?.amountOut ?? 0n).toBe(0n);
  }
});

/** y is the last unit; gross = xp − y − 1. A pool with an oracle cannot write such a price down, one without pays it. */
test("nobody drains a pool: pools pay less than they hold, those with an oracle refuse when its price would not fit", () => {
  const huge = 10n ** 58n;
  for (const lineage of ["2020", "2021"] as const) {
    const paid = exchange(solved(balanced(lineage, [10n ** 24n, 10n ** 24n])), 0, 1, huge)?.amountOut as bigint;
    expect(paid < 10n ** 24n).toBe(true);
    expect(paid > 9n * 10n ** 23n).toBe(true);
  }
  for (const lineage of ["ema", "ng"] as const) {
    const curve = solved(balanced(lineage, [10n ** 24n, 10n ** 24n]));
    expect(exchange(curve, 0, 1, huge)).toBeNull();
    expect(exchange(curve, 0, 1, 10n ** 25n)).not.toBeNull();
  }
});

/** Found by search: one of the two coins is gone, and the price beyond what a pool can write down. */
test("an EMA pool keeps its price in 128 bits, NG caps it", () => {
  const terms = { balances: [10n ** 17n, 77_146_014_470_091n], rates: [E18, E18], amp: 1_115_932n, fee: 0n, offpegFeeMultiplier: 0n };
  expect(exchange(solved({ ...terms, lineage: "ema" }), 0, 1, 10n ** 23n)).toBeNull();
  expect(exchange(solved({ ...terms, lineage: "ng" }), 0, 1, 10n ** 23n)).not.toBeNull();
});

/** Down to a few units, but not to none: dividing by y comes before dividing by x, and what is in between does not fit. */
test("an oracle that overflows on its way refuses a swap that the invariant allows", () => {
  const terms = { ...balanced("2021", [10n ** 26n, 10n ** 26n]), fee: 0n };
  const left = 10n ** 26n - (exchange(solved(terms), 1, 0, 3n * 10n ** 37n)?.amountOut as bigint);
  expect(left > 1n && left < 50n).toBe(true);
  for (const lineage of ["ema", "ng"] as const) {
    expect(exchange(solved({ ...terms, lineage }), 1, 0, 3n * 10n ** 37n)).toBeNull();
    expect(exchange(solved({ ...terms, lineage }), 0, 1, 3n * 10n ** 30n)).not.toBeNull();
  }
});

test("where Newton's method goes round in circles, 3pool takes where it is after 255 rounds, all others revert", () => {
  const lopsided = [71_439n, 1n];
  expect(getD(lopsided, 5n, "2020") > 0n).toBe(true);
  expect(getD(lopsided, 500n, "2021")).toBe(REVERTS);
});

test("A ramps in a straight line, rounded towards where it comes from", () => {
  const up = { A0: 1_000n, A1: 2_000n, t0: 100n, t1: 400n };
  expect([99n + 1n, 101n, 250n, 399n, 400n, 9_999n].map((at) => rampedA(up, at))).toEqual([1_000n, 1_003n, 1_500n, 1_996n, 2_000n, 2_000n]);
  const down = { ...up, A0: 2_000n, A1: 1_000n };
  expect([100n, 101n, 250n, 399n, 400n].map((at) => rampedA(down, at))).toEqual([2_000n, 1_997n, 1_500n, 1_004n, 1_000n]);
  expect(rampedA({ A0: 0n, A1: 500n, t0: 0n, t1: 0n }, 7n)).toBe(500n);
});
