import { Compile } from "typebox/compile";
import { expect, test } from "vitest";
import type { BodyOf, SubjectKey } from "#proto/subjects.ts";
import { ArbitrageView, PricesView, TvlView } from "#services/gateway/api.ts";
import { gatewayConfig } from "#services/gateway/config.ts";
import { arbitragesView, pricesView, tvlView } from "#services/gateway/market.ts";
import type { ChainModel } from "#services/gateway/model.ts";
import { applyMessage, initialReadModel } from "#services/gateway/read-model.ts";
import { TEST_CHAIN } from "#services/gateway/testing.ts";

const address = (start: string) => `0x${start}`.padEnd(42, "0");
const hash = (start: string) => `0x${start}`.padEnd(66, "0");
const [A, B, C] = [address("a"), address("b"), address("c")];

function start(options: Parameters<typeof gatewayConfig>[0] = {}) {
  const model = initialReadModel({ chains: [{ config: TEST_CHAIN, mode: "live" }], bounds: gatewayConfig(options) });
  const chain = model.chains.get(TEST_CHAIN.key) as ChainModel;
  let sequence = 0;
  const give = <Key extends SubjectKey>(key: Key, body: BodyOf<Key>) => {
    sequence += 1;
    const meta = { id: `${key}:${sequence}`, stream: "MARKET", sequence, subject: `hs.${TEST_CHAIN.key}.x.y`, storedAtMs: sequence };
    return applyMessage(model, { key, body, meta });
  };
  return { model, chain, give };
}

const at = (blockNumber: number, epoch = 0) => ({
  v: 1 as const,
  chainId: 1,
  blockNumber,
  blockHash: hash(`${blockNumber}${epoch}`),
  observedAtMs: 1_000 * blockNumber,
  causeId: null,
  epoch,
});
const prices = (blockNumber: number, body: Partial<BodyOf<"priceChanged">>): BodyOf<"priceChanged"> => ({
  kind: "price-changed",
  ...at(blockNumber),
  scope: "moved",
  usdPerNative: "2000",
  columns: ["token", "decimals", "native", "usd", "holds", "confidence"],
  rows: [],
  gone: [],
  depegged: [],
  feeds: [],
  lateDexes: [],
  ...body,
});
const values = (blockNumber: number, body: Partial<BodyOf<"tvlChanged">>): BodyOf<"tvlChanged"> => ({
  kind: "tvl-changed",
  ...at(blockNumber),
  scope: "moved",
  native: "30",
  usd: "60000",
  dexes: [{ dex: "one", pools: 2, native: "30", usd: "60000" }],
  pools: [],
  lateDexes: [],
  ...body,
});

test("a row keeps the number it holds, and the other follows the newest dollar", () => {
  const { chain, give } = start();
  expect(pricesView(chain, 10)).toBeNull();
  give(
    "priceChanged",
    prices(1, {
      scope: "all",
      rows: [
        [A, 18, "0.5", "1000", "native", 0.9],
        [B, 6, "0.001", "2", "usd", 0.95],
        [C, 18, "7", "14000", "native", 0.1],
      ],
    }),
  );
  give("priceChanged", prices(2, { usdPerNative: "2500", gone: [C], depegged: [[B, "0.98"]], feeds: [[A, "1200", 2, 0.04]] }));
  const view = pricesView(chain, 10);
  expect(Compile(PricesView).Check(view)).toBe(true);
  expect(view?.prices.map(({ token, native, usd, movedAtBlock }) => [token.address, native, usd, movedAtBlock])).toEqual([
    [B, "0.0008", "2", 1],
    [A, "0.5", "1250", 1],
  ]);
  expect(view).toMatchObject({ blockNumber: 2, usdPerNative: "2500", known: 2, depegged: [{ usd: "0.98" }], feeds: [{ deviation: 0.04 }] });
  expect(pricesView(chain, 1)?.prices).toHaveLength(1);

  give("priceChanged", prices(3, { usdPerNative: null, scope: "all", rows: [[A, 18, "0.6", null, "native", 1]] }));
  expect(pricesView(chain, 10)?.prices.map(({ native, usd }) => [native, usd])).toEqual([["0.6", null]]);
});

test("totals are of the newest block, pools of the block that moved them; a whole set voids what was before; both are bounded", () => {
  const { chain, give } = start({ poolValuesKept: 2, pricesKept: 2 });
  give(
    "tvlChanged",
    values(1, {
      scope: "all",
      pools: [
        [A, "one", "10", "20000"],
        [B, "one", "20", "40000"],
      ],
    }),
  );
  give("tvlChanged", values(2, { native: "31", pools: [[A, "one", "11", "22000"]] }));
  const view = tvlView(chain, 10);
  expect(Compile(TvlView).Check(view)).toBe(true);
  expect(view).toMatchObject({ blockNumber: 2, native: "31" });
  expect(view?.pools.map(({ pool, native, movedAtBlock }) => [pool, native, movedAtBlock])).toEqual([
    [B, "20", 1],
    [A, "11", 2],
  ]);
  give("tvlChanged", values(3, { pools: [[C, "one", "5", "10000"]] }));
  expect(tvlView(chain, 10)?.pools.map(({ pool }) => pool)).toEqual([A, C]);
  give("tvlChanged", values(4, { scope: "all", pools: [[B, "one", "1", "2000"]] }));
  expect(tvlView(chain, 10)?.pools.map(({ pool }) => pool)).toEqual([B]);
  for (const token of [A, B, C]) give("priceChanged", prices(5, { rows: [[token, 18, "1", "2000", "native", 1]] }));
  expect(pricesView(chain, 10)?.known).toBe(2);
});

test("arbitrages: newest block first, dropped ones marked, the same one once", () => {
  const { chain, give } = start({ arbitragesKept: 3 });
  const observed = (blockNumber: number, epoch: number, transaction: string): BodyOf<"arbitrageObserved"> => ({
    kind: "arbitrage-observed",
    ...at(blockNumber, epoch),
    notJudged: 0,
    arbitrages: [
      {
        transactionHash: hash(transaction),
        transactionIndex: 2,
        from: A,
        to: null,
        ours: false,
        token: B,
        amountIn: "100",
        grossProfit: "3",
        grossProfitUsd: "0.5",
        gains: [[B, "3"]],
        hops: [{ pool: C, dex: null, tokenIn: B, tokenOut: A, amountIn: "100", amountOut: "90", logIndex: 7 }],
        gasUsed: 21_000,
        effectiveGasPrice: "5",
        gasCost: "105000",
        tip: "21000",
      },
    ],
  });
  give("arbitrageObserved", observed(1, 0, "aa"));
  give("arbitrageObserved", observed(2, 0, "bb"));
  give("arbitrageObserved", observed(2, 0, "bb"));
  give("blockReorged", { kind: "block-reorged", ...at(1), epoch: 1, dropped: [[2, at(2).blockHash]] });
  give("arbitrageObserved", observed(2, 1, "bb"));
  const view = arbitragesView([chain], 10);
  expect(view.every((each) => Compile(ArbitrageView).Check(each))).toBe(true);
  expect(view.map(({ blockHash, transactionHash, dropped }) => [blockHash, transactionHash, dropped])).toEqual([
    [at(2, 0).blockHash, hash("bb"), true],
    [at(2, 1).blockHash, hash("bb"), false],
    [at(1, 0).blockHash, hash("aa"), false],
  ]);
  give("arbitrageObserved", observed(3, 1, "cc"));
  expect(arbitragesView([chain], 10)).toHaveLength(3);
  expect(arbitragesView([chain], 1).map(({ transactionHash }) => transactionHash)).toEqual([hash("cc")]);
});
