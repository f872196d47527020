import { readFileSync } from "node:fs";
import { curveStableSwap } from "#libs/dex/curve-stableswap/index.ts";
import type { Lineage } from "#libs/dex/curve-stableswap/math.ts";
import { INFO, rowOfTerms } from "#libs/dex/curve-stableswap/testing.ts";
import { type Bench, type Measurement, time } from "#libs/testkit/bench.ts";

const PER_ROUND = 100;
const recorded = JSON.parse(readFileSync(new URL("./fixtures/recorded-answers.json", import.meta.url), "utf8")) as {
  readonly pools: readonly { readonly balances: readonly string[]; readonly rates: readonly string[]; readonly fee: number }[];
};

/** 3pool as recorded, and the same coins in pools of other lineages; inputs from a tenth to a ten thousandth of the balance, in all directions. */
function quotes(lineage: Lineage, fresh: boolean): Measurement {
  const [pool] = recorded.pools as [(typeof recorded.pools)[number]];
  const info = INFO({ lineage }, 3);
  const terms = {
    balances: pool.balances.map(BigInt),
    rates: pool.rates.map(BigInt),
    amp: lineage === "2020" ? 4_000n : 400_000n,
    fee: BigInt(pool.fee),
    offpegFeeMultiplier: lineage === "ng" ? 50_000_000_000n : 0n,
  };
  const row = rowOfTerms(info, terms, 5_000_000_000n);
  const state = curveStableSwap.created();
  curveStableSwap.applyRow(state, row);
  const swaps = Array.from({ length: 997 }, (_, index) => {
    const indexIn = index % 3;
    const indexOut = (indexIn + 1 + (index % 2)) % 3;
    return { indexIn, indexOut, amountIn: (terms.balances[indexIn] as bigint) / BigInt(10 + 10 * index) };
  });
  let next = 0;
  const name = `${lineage}, 3 coins${fresh ? ", the invariant solved anew for each" : ""}`;
  return time(name, { warmUp: 200, rounds: 1_000, perRound: { count: PER_ROUND, unit: "quotes" } }, () => {
    let answered = 0n;
    for (let index = 0; index < PER_ROUND; index++) {
      if (fresh) curveStableSwap.applyRow(state, row);
      answered += curveStableSwap.quoteExactIn(info, state, swaps[next++ % swaps.length] as (typeof swaps)[number]);
    }
    return answered;
  });
}

export const bench: Bench = {
  title: "curve-stableswap quotes",
  about: `Exact integer quotes of a pool with the balances of a recorded 3pool; a round is ${PER_ROUND} of them.`,
  run: () => [quotes("2020", false), quotes("2021", false), quotes("ema", false), quotes("ng", false), quotes("ng", true)],
};
