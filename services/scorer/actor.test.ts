import { fc, test } from "@fast-check/vitest";
import { expect } from "vitest";
import { published, received } from "#libs/actor/testing.ts";
import { maxNextBaseFee } from "#libs/evm/gas-price.ts";
import { encode } from "#proto/codec.ts";
import type { Candidate } from "#proto/cycle/v1/found.ts";
import type { BodyOf } from "#proto/subjects.ts";
import { type Config, scorer } from "#services/scorer/actor.ts";

const GWEI = 10n ** 9n;
const config: Config = { priorityFeePerGas: 2n, minNetProfit: 1n };
const hash = `0x${"ab".repeat(32)}`;
const address = (index: number) => `0x${index.toString(16).padStart(40, "0")}`;

function candidate(index: number, grossProfit: bigint, gasEstimate: number): Candidate {
  const hop = (pool: number, tokenIn: number, tokenOut: number) => ({
    dex: "dex",
    family: "uniswap-v2" as const,
    pool: address(pool),
    call: { form: "v2" as const, zeroForOne: true },
    tokenIn: address(tokenIn),
    tokenOut: address(tokenOut),
    amountIn: "1",
    amountOut: "1",
  });
  return {
    cycleId: index.toString(16).padStart(16, "0"),
    token: address(1),
    amountIn: "1000",
    amountOut: (1_000n + grossProfit).toString(),
    grossProfit: grossProfit.toString(),
    gasEstimate,
    hops: [hop(10, 1, 2), hop(11, 2, 1)],
  };
}

function score(candidates: readonly Candidate[], options: { readonly baseFeePerGas?: bigint; readonly config?: Config } = {}) {
  const body: BodyOf<"cycleFound"> = {
    kind: "cycle-found",
    v: 1,
    chainId: 31337,
    blockNumber: 5,
    blockHash: hash,
    observedAtMs: 77,
    causeId: "block:…",
    epoch: 3,
    timestamp: 60,
    baseFeePerGas: (options.baseFeePerGas ?? 80n).toString(),
    dexes: ["dex"],
    lateDexes: [],
    cyclesFound: candidates.length,
    candidates: [...candidates],
  };
  const message = received("cycleFound", body, {
    sequence: 9,
    id: "cycles:local:0xab:3",
    subject: "hs.local.cycle.found",
    stream: "DECISIONS",
  });
  const { effects } = scorer.decide(null, message, options.config ?? config);
  const [said] = published(effects);
  expect(published(effects)).toHaveLength(1);
  return { effects, said, scored: said?.body as BodyOf<"opportunityScored"> };
}

test("each block's candidates become one message that carries on its block and names its cause", () => {
  const { said, effects } = score([candidate(1, 10_000n, 10)]);
  expect(said).toMatchObject({
    key: "opportunityScored",
    tokens: { chain: "local" },
    messageId: `opportunities:local:${hash}:3`,
    body: { blockNumber: 5, blockHash: hash, observedAtMs: 77, epoch: 3, causeId: "cycles:local:0xab:3", ranking: "net-profit" },
  });
  expect(() => encode("opportunityScored", said?.body as BodyOf<"opportunityScored">)).not.toThrow();
  expect(effects).toContainEqual({ type: "finished-block", blockNumber: 5 });
});

test("a block without candidates gets its message too", () => {
  expect(score([]).scored).toMatchObject({ opportunities: [], rejected: [] });
});

test("gas is counted at the most that the next base fee can be, plus the priority fee", () => {
  // 80 + 80/8 + 1, and 2 for the builder.
  const { scored } = score([candidate(1, 10_000n, 10)]);
  expect(scored.maxNextBaseFeePerGas).toBe("91");
  expect(scored.priorityFeePerGas).toBe("2");
  expect(scored.opportunities[0]).toMatchObject({ gasCost: "930", netProfit: "9070" });
});

test("the best net profit comes first, whatever the gross profits say", () => {
  const { scored } = score([candidate(1, 10_000n, 100), candidate(2, 9_000n, 10), candidate(3, 9_500n, 50)]);
  expect(scored.opportunities.map((each) => [Number(each.candidate.cycleId), each.rank, each.netProfit])).toEqual([
    [2, 0, "8070"],
    [3, 1, "4850"],
    [1, 2, "700"],
  ]);
});

test("candidates of the same net profit keep their order", () => {
  const { scored } = score([1, 2, 3].map((index) => candidate(index, 10_000n, 10)));
  expect(scored.opportunities.map((each) => Number(each.candidate.cycleId))).toEqual([1, 2, 3]);
});

test("what earns exactly the minimum passes, one wei less does not and says so", () => {
  const { scored, effects } = score([candidate(1, 931n, 10), candidate(2, 930n, 10), candidate(3, 1n, 10)]);
  expect(scored.opportunities.map((each) => Number(each.candidate.cycleId))).toEqual([1]);
  expect(scored.rejected).toEqual([
    { cycleId: "0000000000000002", reason: "below-minimum", netProfit: "0" },
    { cycleId: "0000000000000003", reason: "below-minimum", netProfit: "-929" },
  ]);
  expect(effects).toContainEqual({ type: "count", metric: "opportunities", labels: {}, value: 1 });
  expect(effects).toContainEqual({ type: "count", metric: "candidatesRejected", labels: { reason: "below-minimum" }, value: 2 });
});

test("amounts beyond 2^53 are counted to the last wei", () => {
  const gross = 123_456_789_012_345_678_901n;
  const { scored } = score([candidate(1, gross, 195_268)], { baseFeePerGas: 33n * GWEI + 1n });
  const gasCost = 195_268n * (33n * GWEI + 1n + (33n * GWEI + 1n) / 8n + 1n + 2n);
  expect(scored.opportunities[0]).toMatchObject({ gasCost: gasCost.toString(), netProfit: (gross - gasCost).toString() });
});

/** calcBaseFee of EIP-1559 for a full parent block (twice its target): the largest that follows. */
function fullBlockNext(parentBaseFee: bigint): bigint {
  const target = 15_000_000n;
  const delta = (parentBaseFee * target) / target / 8n;
  return parentBaseFee + (delta > 1n ? delta : 1n);
}

test.prop([fc.bigInt(0n, 10n ** 15n)])(
  "no next base fee is above the one counted on, and that is at most a wei too much",
  (baseFeePerGas) => {
    const most = maxNextBaseFee(baseFeePerGas);
    expect(most).toBeGreaterThanOrEqual(fullBlockNext(baseFeePerGas));
    expect(most - fullBlockNext(baseFeePerGas)).toBeLessThanOrEqual(1n);
  },
);

const candidates = fc
  .array(fc.tuple(fc.bigInt(0n, 10n ** 22n), fc.integer({ min: 21_000, max: 5_000_000 })), { maxLength: 16 })
  .map((pairs) => pairs.map(([grossProfit, gas], index) => candidate(index, grossProfit, gas)));

test.prop([candidates, fc.bigInt(0n, 10n ** 12n), fc.bigInt(-(10n ** 20n), 10n ** 20n)])(
  "every candidate is either ranked or rejected, ranked ones in order and worth the minimum",
  (given, baseFeePerGas, minNetProfit) => {
    const { scored } = score(given, { baseFeePerGas, config: { ...config, minNetProfit } });
    const seen = [...scored.opportunities.map((each) => each.candidate.cycleId), ...scored.rejected.map(({ cycleId }) => cycleId)];
    expect(seen.toSorted()).toEqual(given.map(({ cycleId }) => cycleId).toSorted());
    expect(scored.opportunities.map(({ rank }) => rank)).toEqual(scored.opportunities.map((_, index) => index));
    for (const [index, { candidate: each, gasCost, netProfit }] of scored.opportunities.entries()) {
      expect(BigInt(netProfit)).toBe(BigInt(each.grossProfit) - BigInt(gasCost));
      expect(BigInt(netProfit) >= minNetProfit).toBe(true);
      if (index > 0) expect(BigInt(netProfit) <= BigInt(scored.opportunities[index - 1]?.netProfit ?? 0)).toBe(true);
    }
    for (const { netProfit } of scored.rejected) expect(BigInt(netProfit) < minNetProfit).toBe(true);
  },
);

test.prop([candidates])("the same message gives the same bytes", (given) => {
  expect(encode("opportunityScored", score(given).scored)).toEqual(encode("opportunityScored", score(given).scored));
});
