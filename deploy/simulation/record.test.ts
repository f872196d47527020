import { expect, test } from "vitest";
import { type Arbitrage, delaysOf, quantiles, recordedOf, type Trigger, type WholeBlock } from "./record.ts";

const WETH = "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2";

const trigger = (arbHash: string, blocksApart: number | null, more: Partial<Trigger> = {}): Trigger => ({
  chain: "arbitrum",
  arbHash,
  arbTxIndex: 5,
  openedTxIndex: 3,
  blocksApart,
  ...more,
});

const arbitrage = (to: string, index: number, more: Partial<Arbitrage> = {}): Arbitrage => ({
  hash: `${to}-${index}`,
  block: index,
  to,
  gainEth: 4,
  costEth: 1,
  cycles: [
    {
      swaps: [
        { protocol: "Uniswap V2", pool: `${to}-pool-${index % 4}`, tokenIn: "native" },
        { protocol: "Uniswap V3", pool: "everybody's", tokenIn: `token-${index % 2}` },
      ],
    },
  ],
  ...more,
});

const times = <Item>(count: number, item: (index: number) => Item): Item[] => Array.from({ length: count }, (_, index) => item(index));

/** A pair's swap of the native coin, `reserve` and `amountIn` in whole coins. */
const swap = (hash: string, pool: string, reserve: number, amountIn: number, ok = true) =>
  ({
    hash,
    pool,
    kind: "v2",
    ok,
    token0: WETH,
    token1: "other",
    amount0In: BigInt(amountIn * 1e18).toString(),
    amount1In: "0",
    reserve0Before: BigInt(reserve * 1e18).toString(),
    reserve1Before: "1000",
  }) as const;

const NOTHING = { triggers: [trigger("none", 1)], arbitrages: [arbitrage("a", 0)], blocks: [], bundles: [] };
const recorded = (records: Partial<Parameters<typeof recordedOf>[0]>) => recordedOf({ ...NOTHING, ...records });

test("quantiles are values that were seen, from the least to the most", () => {
  expect(quantiles([5, 1, 4, 2, 3], 4)).toEqual([1, 2, 3, 4, 5]);
  expect(quantiles([10, 20], 4)).toEqual([10, 10, 20, 20, 20]);
});

test("delays are counted by blocks, those without an opening for themselves", () => {
  const delays = delaysOf([3, 1, null, 1, 0, null].map((blocksApart) => ({ blocksApart })));
  expect(delays).toEqual({
    none: 2,
    counts: [
      [0, 1],
      [1, 2],
      [3, 1],
    ],
  });
});

test("a contract that was seen often is described by its own arbitrages and their own delays; one that was not is left out", () => {
  const own = times(20, (index) => arbitrage("often", index, index < 5 ? { gainEth: 1, costEth: 2 } : {}));
  const { arbitrum } = recorded({
    arbitrages: [...own, ...times(19, (index) => arbitrage("seldom", index))],
    triggers: [trigger("often-1", 2), trigger("often-2", 2), trigger("seldom-1", 7), trigger("often-3", null)],
  });
  expect(arbitrum).toMatchObject({ arbitrages: 39, hops: { 2: 39 } });
  expect(arbitrum.contracts).toHaveLength(1);
  expect(arbitrum.contracts[0]).toMatchObject({
    contract: "often",
    arbitrages: 20,
    tokens: 3,
    tokenShare: 1,
    pools: 5,
    protocols: ["Uniswap V2", "Uniswap V3"],
    mostHops: 2,
    // A quarter of them gained half of what they cost.
    leastGainToCost: 0.5,
    delays: { none: 1, counts: [[2, 2]] },
  });
  // Those that paid more than they gained say nothing of bids.
  expect(new Set(arbitrum.contracts[0]?.paidShares)).toEqual(new Set([0.25]));
});

test("what is not known of a gain is not taken for none", () => {
  const { arbitrum } = recorded({ arbitrages: [arbitrage("a", 0), arbitrage("a", 1, { gainEth: null })] });
  expect(new Set(arbitrum.gainEth)).toEqual(new Set([4]));
});

test("of Ethereum's delays those right behind the opening are told", () => {
  const ethereum = { chain: "ethereum", openedTxIndex: 4 };
  const { ethereum: found } = recorded({
    triggers: [trigger("a", 0, ethereum), trigger("b", 0, { ...ethereum, arbTxIndex: 9 }), trigger("c", 1, ethereum)],
  });
  expect(found).toMatchObject({
    directlyBehind: 1,
    delays: {
      none: 0,
      counts: [
        [0, 2],
        [1, 1],
      ],
    },
  });
});

test("shares of a pool are of swaps that were done, in deep pairs, and by nobody who closed a cycle", () => {
  const block: WholeBlock = {
    baseFeePerGas: "10",
    transactions: [
      { hash: "0xa", gasUsed: 100_000, effectiveGasPrice: "30" },
      { hash: "0xb", gasUsed: 100_000, effectiveGasPrice: "10" },
    ],
    swaps: [
      swap("0x1", "deep", 100, 2),
      swap("0x2", "shallow", 10, 2),
      swap("0x3", "deep", 100, 5, false),
      swap("0xa", "deep", 100, 7),
      swap("0xa", "elsewhere", 100, 9),
    ],
    cycles: [
      { hash: "0xa", swapIndexes: [3, 4], net: { [WETH]: "4000000" } },
      { hash: "0xb", swapIndexes: [], net: { [WETH]: "4000000" } },
    ],
  };
  const { ethereum } = recorded({ blocks: [block] });
  expect(ethereum).toMatchObject({ swaps: 1, openerShares: [0.02] });
  expect(new Set(ethereum.swapShares)).toEqual(new Set([0.02]));
  // Of the two, one paid no more than the base fee: what it paid otherwise is not known.
  expect(ethereum.paidShares).toEqual([0.75]);
});

test("bundles are counted where they paid", () => {
  const fee = (fees: bigint, transfer: bigint) => ({ bundleFeesWei: fees, bundleCoinbaseTransferWei: transfer });
  const { ethereum } = recorded({ bundles: [[fee(0n, 0n), fee(10n ** 18n, 2n * 10n ** 18n)]] });
  expect(ethereum.bundles).toEqual([{ blocks: 2, withBundles: 1, paidEth: times(21, () => 3) }]);
});
