import { expect, test } from "vitest";
import { calls, drive, published, received } from "#libs/actor/testing.ts";
import { v2Swap, v3Swap } from "#libs/arbitrages/testing.ts";
import type { ChainConfig } from "#libs/chains/chain.ts";
import { padWord } from "#libs/evm/hex.ts";
import { asAddress } from "#libs/units/brand.ts";
import type { LogRow } from "#proto/block/v1/observed.ts";
import { encode } from "#proto/codec.ts";
import type { PoolSnapshot } from "#proto/pool/v1/snapshotted.ts";
import type { BodyOf } from "#proto/subjects.ts";
import { type Answered, analyst, type Config, initialState, type Receipt, type Request } from "#services/analyst/actor.ts";
import { readDecimals, readFeeds, readTokens } from "#services/analyst/chain-port.ts";
import { analystConfig, pricesOptions } from "#services/analyst/config.ts";
import { AnalystMarket } from "#services/analyst/market.ts";

const address = (start: string) => asAddress(`0x${start}`.padEnd(42, "0"));
const hash = (text: string) => `0x${Buffer.from(text).toString("hex").padEnd(64, "0")}`;
const [WETH, USDC, DAI, TKN, ODD] = [address("e1"), address("c1"), address("d1"), address("f1"), address("0dd")];
const [P, Q, R, S] = [address("11"), address("12"), address("13"), address("21")];
const FEED = address("feed");
const OURS = address("ab");

const chain: ChainConfig = {
  key: "test",
  chainId: 7,
  name: "Test",
  nativeSymbol: "ETH",
  wrappedNative: WETH,
  multicall3: address("ca11"),
  blockTimeMs: 1_000,
  tokens: [
    { address: WETH, symbol: "WETH", decimals: 18 },
    { address: USDC, symbol: "USDC", decimals: 6, stable: true },
    { address: DAI, symbol: "DAI", decimals: 18, stable: true },
    { address: TKN, symbol: "TKN", decimals: 8 },
  ],
  dexes: ["one", "two"].map((id) => ({
    id,
    brand: id,
    family: "uniswap-v2",
    variant: "uniswap-v2",
    factory: address(`fac${id === "one" ? 1 : 2}`),
    deployBlock: 0,
    verified: true,
    source: "test",
  })),
  flashLenders: [],
  relays: [],
  executorContract: OURS,
};
const E18 = 10n ** 18n;

type Reserves = readonly [pool: string, reserve0: bigint, reserve1: bigint];
const rows = (reserves: readonly Reserves[]) =>
  reserves.map(([pool, a, b]) => [pool, a.toString(), b.toString(), 3_000, 3_000] as [string, string, string, number, number]);

/** DEX one: USDC/WETH at 2,000, DAI/WETH at 2,000, TKN/WETH at 0.5. DEX two: TKN/USDC at 1,000. */
const POOLS = {
  one: [
    [P, [USDC, WETH], [2_000_000n * 10n ** 6n, 1_000n * E18]],
    [Q, [DAI, WETH], [1_600_000n * E18, 800n * E18]],
    [R, [TKN, WETH], [200n * 10n ** 8n, 100n * E18]],
  ],
  two: [[S, [TKN, USDC], [50n * 10n ** 8n, 50_000n * 10n ** 6n]]],
} as const;

/** What a fetcher keeps for itself in a snapshot. */
const PRIVATE = { arrivals: [], candidates: [], small: [], quarantined: [] };

function snapshotOf(dex: "one" | "two", causeSequence: number): PoolSnapshot {
  return {
    v: 1,
    dex,
    chainId: 7,
    blockNumber: 9,
    blockHash: hash("block 9"),
    epoch: 0,
    causeSequence,
    pools: { family: "uniswap-v2", rows: POOLS[dex].map(([pool, tokens]) => [pool, [...tokens], {}]) },
    states: { family: "uniswap-v2", rows: rows(POOLS[dex].map(([pool, , [a, b]]) => [pool, a, b] as const)) },
    journal: [],
    ...PRIVATE,
  };
}

interface At {
  readonly number: number;
  readonly epoch?: number;
  readonly sequence: number;
}
const at = ({ number, epoch = 0 }: At) => ({
  v: 1 as const,
  chainId: 7,
  blockNumber: number,
  blockHash: hash(`block ${number}${epoch === 0 ? "" : `.${epoch}`}`),
  observedAtMs: 1_000 * number,
  causeId: null,
  epoch,
});
const block = (where: At, logs: readonly LogRow[] = []) =>
  received(
    "blockObserved",
    {
      kind: "block-observed",
      ...at(where),
      parentHash: hash("parent"),
      timestamp: where.number,
      baseFeePerGas: "10",
      gasUsed: 0,
      gasLimit: 30_000_000,
      logColumns: ["address", "topics", "data", "logIndex", "transactionIndex", "transactionHash"],
      logs: [...logs],
    },
    { sequence: where.sequence },
  );
const changed = (dex: string, where: At, reserves: readonly Reserves[] = [], reason: "block" | "reorg" = "block") =>
  received(
    "poolChanged",
    {
      kind: "pool-changed",
      ...at(where),
      dex,
      reason,
      causeSequence: where.sequence,
      states: { family: "uniswap-v2", rows: rows(reserves) },
      removed: [],
    },
    { sequence: where.sequence },
  );

function start(options: Partial<Config> = {}, answered: { prices: Answered; arbitrages: Answered } = { prices: null, arbitrages: null }) {
  const config = { ...analystConfig({ chain }), ...options };
  const decimals = new Map(chain.tokens.map((token) => [token.address as string, token.decimals]));
  const market = new AnalystMarket(pricesOptions(chain), config.dexes, decimals);
  const driven = drive(analyst, config, initialState(config, market, answered));
  const turn = () => driven.give({ type: "timer", name: "turn" });
  /** What a complete block waits for comes at once. */
  const give: typeof driven.give = (input) => {
    const effects = driven.give(input);
    return effects.some((effect) => effect.type === "set-timer" && effect.name === "turn") ? [...effects, ...turn()] : effects;
  };
  const core = {
    all: driven.all,
    give,
    get state() {
      return driven.state;
    },
  };
  const load = (dex: "one" | "two") => {
    const [call] = calls(
      core.give(
        received(
          "poolSnapshotted",
          { kind: "pool-snapshotted", ...at({ number: 9, sequence: 5 }), dex, object: `${dex}.5`, pools: 1, bytes: 1, causeSequence: 5 },
          { sequence: 6 },
        ),
      ),
    );
    expect(call).toEqual({ call: "load-snapshot", dex, object: `${dex}.5` });
    return core.give({ type: "reply", reply: { kind: "snapshot-loaded", dex, snapshot: snapshotOf(dex, 5) } });
  };
  const whole = (where: At, ones: readonly Reserves[] = [], twos: readonly Reserves[] = [], logs: readonly LogRow[] = []) => [
    ...core.give(block(where, logs)),
    ...core.give(changed("one", where, ones)),
    ...core.give(changed("two", where, twos)),
  ];
  return { core, driven, turn, config, load, whole };
}

const said = <Key extends "priceChanged" | "tvlChanged" | "arbitrageObserved">(
  key: Key,
  effects: Parameters<typeof published>[0],
): BodyOf<Key>[] =>
  published(effects).flatMap((effect) => {
    if (effect.key !== key) return [];
    // Whatever is published must be what its schema says.
    encode(effect.key, effect.body as never);
    return [effect.body as BodyOf<Key>];
  });
const rowsOf = (body: BodyOf<"priceChanged"> | undefined) =>
  Object.fromEntries((body?.rows ?? []).map(([token, , native, usd]) => [token, [native, usd]]));

test("a whole set first, then what has moved; nothing where nothing has", () => {
  const { load, whole } = start();
  load("one");
  load("two");
  const first = whole({ number: 10, sequence: 10 });
  const [prices] = said("priceChanged", first);
  expect(prices).toMatchObject({ scope: "all", blockNumber: 10, usdPerNative: "2000", depegged: [], gone: [], lateDexes: [] });
  expect(rowsOf(prices)).toEqual({
    [WETH]: ["1", "2000"],
    [USDC]: ["0.0005", "1"],
    [DAI]: ["0.0005", "1"],
    [TKN]: ["0.5", "1000"],
  });
  const [tvl] = said("tvlChanged", first);
  expect(tvl).toMatchObject({
    scope: "all",
    native: "3850",
    usd: "7700000",
    dexes: [
      { dex: "one", pools: 3, native: "3800", usd: "7600000" },
      { dex: "two", pools: 1, native: "50", usd: "100000" },
    ],
  });
  expect(new Map(tvl?.pools.map(([pool, , native]) => [pool, native]))).toEqual(
    new Map([
      [P, "2000"],
      [Q, "1600"],
      [R, "200"],
      [S, "50"],
    ]),
  );
  expect(published(first).map(({ tokens }) => tokens)).toEqual([
    { chain: "test", scope: "all" },
    { chain: "test", scope: "all" },
  ]);

  const calm = whole({ number: 11, sequence: 20 });
  expect(said("priceChanged", calm)).toMatchObject([{ scope: "moved", rows: [], gone: [] }]);
  expect(said("tvlChanged", calm)).toMatchObject([{ scope: "moved", pools: [] }]);

  // TKN's deep pool doubles the token's price; the shallow one against USDC does not outvote it.
  const moved = whole({ number: 12, sequence: 30 }, [[R, 141n * 10n ** 8n, 141n * E18]]);
  expect(rowsOf(said("priceChanged", moved)[0])).toEqual({ [TKN]: ["1", "2000"] });
  expect(
    said("tvlChanged", moved)[0]
      ?.pools.map(([pool, , native]) => [pool, native])
      .sort(),
  ).toEqual([
    [R, "282"],
    [S, "75"],
  ]);
});

test("a stable coin that leaves its peg is named, and the dollar stays with the others", () => {
  const { load, whole } = start();
  load("one");
  load("two");
  whole({ number: 10, sequence: 10 });
  const effects = whole({ number: 11, sequence: 20 }, [[Q, 1_600_000n * E18, 720n * E18]]);
  const [prices] = said("priceChanged", effects);
  expect(prices).toMatchObject({ usdPerNative: "2000", depegged: [[DAI, "0.9"]] });
  expect(rowsOf(prices)).toEqual({ [DAI]: ["0.00045", "0.9"] });
});

test("a DEX that is late is named and gone on without; one that has never loaded is not waited for", () => {
  const { core, load } = start();
  load("one");
  core.give(block({ number: 10, sequence: 10 }));
  const effects = core.give(changed("one", { number: 10, sequence: 10 }));
  expect(said("priceChanged", effects)).toMatchObject([{ lateDexes: ["two"] }]);
  load("two");
  core.give(block({ number: 11, sequence: 20 }));
  expect(published(core.give(changed("one", { number: 11, sequence: 20 })))).toEqual([]);
  const late = core.give({ type: "timer", name: "late-dex" });
  // A DEX that has come in makes the set whole again.
  expect(said("priceChanged", late)).toMatchObject([{ scope: "all", lateDexes: ["two"] }]);
  core.give(block({ number: 12, sequence: 30 }));
  expect(said("priceChanged", core.give(changed("one", { number: 12, sequence: 30 })))).toMatchObject([{ lateDexes: ["two"] }]);
  // The next block takes the one before along, complete or not.
  const fresh = start();
  fresh.load("one");
  fresh.load("two");
  fresh.core.give(block({ number: 10, sequence: 10 }));
  expect(said("priceChanged", fresh.core.give(block({ number: 11, sequence: 20 })))).toMatchObject([
    { blockNumber: 10, lateDexes: ["one", "two"] },
  ]);
});

test("a complete block waits its turn, which what follows takes from it", () => {
  const { core, driven, turn, load } = start();
  load("one");
  load("two");
  const where = { number: 10, sequence: 10 };
  for (const input of [block(where), changed("one", where), changed("two", where)]) expect(published(driven.give(input))).toEqual([]);
  const next = block({ number: 11, sequence: 20 });
  expect(said("priceChanged", driven.give(next))).toMatchObject([{ blockNumber: 10, lateDexes: [] }]);
  // The turn of the block before: this one is not complete.
  expect(turn()).toEqual([]);
  core.give(changed("one", { number: 11, sequence: 20 }));
  expect(said("priceChanged", core.give(changed("two", { number: 11, sequence: 20 })))).toMatchObject([{ blockNumber: 11, lateDexes: [] }]);
  expect(turn()).toEqual([]);
});

test("what comes while a snapshot is loaded is answered afterwards: a restart passes over no block, however long loading takes", () => {
  const loadedAt = (blocksBefore: number) => {
    const { core } = start();
    const snapshotted = (dex: "one" | "two") =>
      core.give(
        received(
          "poolSnapshotted",
          { kind: "pool-snapshotted", ...at({ number: 9, sequence: 5 }), dex, object: `${dex}.5`, pools: 1, bytes: 1, causeSequence: 5 },
          { sequence: 6 },
        ),
      );
    snapshotted("one");
    let waiting = true;
    for (let number = 10; number < 20; number++) {
      if (number - 10 === blocksBefore) {
        core.give({ type: "reply", reply: { kind: "snapshot-loaded", dex: "one", snapshot: snapshotOf("one", 5) } });
        waiting = false;
      }
      core.give(block({ number, sequence: number * 10 }));
      core.give(changed("one", { number, sequence: number * 10 }, [[R, BigInt(200 + number) * 10n ** 8n, 100n * E18]]));
      if (waiting) expect(published(core.all)).toEqual([]);
    }
    return published(core.all).map(({ messageId }) => messageId);
  };
  expect(loadedAt(0)).toHaveLength(20);
  expect(loadedAt(5)).toEqual(loadedAt(0));
});

test("a reorganisation puts prices back with the pools, in a whole set under the new epoch", () => {
  const { core, load, whole } = start();
  load("one");
  load("two");
  whole({ number: 10, sequence: 10 });
  whole({ number: 11, sequence: 20 }, [[R, 141n * 10n ** 8n, 141n * E18]]);
  const reorg = { number: 10, epoch: 1, sequence: 30 };
  core.give(
    received(
      "blockReorged",
      { kind: "block-reorged", ...at({ ...reorg, epoch: 0 }), epoch: 1, dropped: [[11, hash("block 11")]] },
      { sequence: 30 },
    ),
  );
  core.give(changed("one", { ...reorg }, [[R, 200n * 10n ** 8n, 100n * E18]], "reorg"));
  core.give(changed("two", { ...reorg }, [], "reorg"));
  const again = whole({ number: 11, epoch: 1, sequence: 40 });
  expect(said("priceChanged", again)).toMatchObject([{ scope: "all", epoch: 1, blockNumber: 11 }]);
  expect(rowsOf(said("priceChanged", again)[0])).toMatchObject({ [TKN]: ["0.5", "1000"] });
  const ids = core.all.flatMap((effect) => (effect.type === "publish" && effect.key === "priceChanged" ? [effect.messageId] : []));
  expect(new Set(ids).size).toBe(ids.length);
});

test("rows that do not fit come with the next blocks, each once", () => {
  const { load, whole } = start({ mostPrices: 1, mostValues: 1 });
  load("one");
  load("two");
  const tokens: string[] = [];
  const pools: string[] = [];
  for (let number = 10; number < 15; number++) {
    const effects = whole({ number, sequence: number * 10 });
    tokens.push(...(said("priceChanged", effects)[0]?.rows ?? []).map(([token]) => token));
    pools.push(...(said("tvlChanged", effects)[0]?.pools ?? []).map(([pool]) => pool));
  }
  expect(tokens.sort()).toEqual([WETH, USDC, DAI, TKN].sort());
  expect(pools.sort()).toEqual([P, Q, R, S].sort());
});

test("the same inputs give the same bytes, and blocks that the stream shows as answered are not answered again", () => {
  const run = (answered: Answered) => {
    const { core, load, whole } = start({}, { prices: answered, arbitrages: null });
    load("one");
    load("two");
    for (let number = 10; number < 30; number++)
      whole({ number, sequence: number * 10 }, [[R, BigInt(200 + (number % 7)) * 10n ** 8n, BigInt(100 + (number % 5)) * E18]]);
    return published(core.all).map(
      ({ key, body, messageId }) => [messageId, Buffer.from(encode(key, body as never)).toString("base64")] as const,
    );
  };
  const first = run(null);
  expect(run(null)).toEqual(first);
  expect(first).toHaveLength(40);
  const resumed = run({ epoch: 0, blockNumber: 24 });
  expect(resumed.map(([messageId]) => messageId)).toEqual(first.slice(30).map(([messageId]) => messageId));
});

const TX = hash("tx");
const place = (logIndex: number, transactionIndex = 4, transactionHash = TX) => ({ logIndex, transactionIndex, transactionHash });
/** WETH → TKN in R, TKN → USDC in S, USDC → WETH in P, with 1,000 wei over. */
const cycle = (end: bigint): LogRow[] => [
  v2Swap(R, [0n, E18, 198_000_000n, 0n], place(1)),
  v2Swap(S, [198_000_000n, 0n, 0n, 2_010_000_000n], place(2)),
  v2Swap(P, [2_010_000_000n, 0n, 0n, end], place(5)),
];
const receipt = (changes: Partial<Receipt> = {}): Receipt => ({
  transactionHash: TX,
  from: address("f0"),
  to: OURS,
  gasUsed: 200_000,
  effectiveGasPrice: 13n,
  l1Fee: 0n,
  ...changes,
});

test("an arbitrage in the block's logs: its path, its profit to the unit, gas and tip from its receipt", () => {
  const { core, load, whole } = start();
  load("one");
  load("two");
  const effects = whole({ number: 10, sequence: 10 }, [], [], cycle(E18 + 1_000n));
  const branch = `${hash("block 10")}@0`;
  expect(calls<Request>(effects)).toEqual([{ call: "read-receipts", branch, blockHash: hash("block 10"), transactions: [TX] }]);
  const answer = core.give({ type: "reply", reply: { kind: "receipts-read", branch, receipts: [receipt({ l1Fee: 7n })] } });
  const [observed] = said("arbitrageObserved", answer);
  expect(observed).toMatchObject({
    blockNumber: 10,
    epoch: 0,
    notJudged: 0,
    arbitrages: [
      {
        transactionHash: TX,
        transactionIndex: 4,
        ours: true,
        token: WETH,
        amountIn: E18.toString(),
        grossProfit: "1000",
        grossProfitUsd: "0.000000000002",
        gains: [[WETH, "1000"]],
        gasCost: "2600007",
        tip: "600000",
        hops: [
          { pool: R, dex: "one", tokenIn: WETH, tokenOut: TKN, logIndex: 1 },
          { pool: S, dex: "two", tokenIn: TKN, tokenOut: USDC, logIndex: 2 },
          { pool: P, dex: "one", tokenIn: USDC, tokenOut: WETH, logIndex: 5 },
        ],
      },
    ],
  });
  expect(core.state.inspections.size).toBe(0);
  // Without a wei over it is a trade.
  expect(calls(whole({ number: 11, sequence: 20 }, [], [], cycle(E18)))).toEqual([]);
});

test("tokens of a pool that nobody follows are asked for once; a transaction is not judged while they are not known", () => {
  const foreign = address("99");
  const logs = [v2Swap(R, [0n, E18, 198_000_000n, 0n], place(1)), v3Swap(foreign, 198_000_000n, -(E18 + 5n), place(3))];
  const { core, load, whole } = start();
  load("one");
  load("two");
  const [asked] = calls<Request>(whole({ number: 10, sequence: 10 }, [], [], logs));
  const branch = `${hash("block 10")}@0`;
  expect(asked).toEqual({
    call: "identify-pools",
    branch,
    blockHash: hash("block 10"),
    pools: [{ pool: foreign, ask: "token0", tokens: 2 }],
  });
  const judged = core.give({ type: "reply", reply: { kind: "pools-identified", branch, tokens: new Map([[foreign, [TKN, WETH]]]) } });
  expect(calls<Request>(judged)).toMatchObject([{ call: "read-receipts", transactions: [TX] }]);
  const [observed] = said(
    "arbitrageObserved",
    core.give({ type: "reply", reply: { kind: "receipts-read", branch, receipts: [receipt({ to: null })] } }),
  );
  expect(observed?.arbitrages).toMatchObject([{ ours: false, grossProfit: "5", hops: [{ dex: "one" }, { dex: null }] }]);
  expect(calls<Request>(whole({ number: 11, sequence: 20 }, [], [], logs))).toMatchObject([{ call: "read-receipts" }]);

  const silent = start();
  silent.load("one");
  silent.load("two");
  silent.whole({ number: 10, sequence: 10 }, [], [], logs);
  const nothing = silent.core.give({ type: "reply", reply: { kind: "pools-identified", branch, tokens: new Map([[foreign, null]]) } });
  expect(nothing).toEqual([{ type: "count", metric: "arbitragesNotJudged", labels: {}, value: 1 }]);
});

test("a block that is gone when its receipts are asked for says nothing, and one that was answered before a restart is not looked into", () => {
  const { core, load, whole } = start();
  load("one");
  load("two");
  whole({ number: 10, sequence: 10 }, [], [], cycle(E18 + 1n));
  expect(core.give({ type: "reply", reply: { kind: "receipts-read", branch: `${hash("block 10")}@0`, receipts: null } })).toEqual([]);
  expect(core.state.inspections.size).toBe(0);

  const resumed = start({}, { prices: { epoch: 0, blockNumber: 20 }, arbitrages: { epoch: 0, blockNumber: 10 } });
  resumed.load("one");
  resumed.load("two");
  expect(calls(resumed.whole({ number: 10, sequence: 10 }, [], [], cycle(E18 + 1n)))).toEqual([]);
  // Killed between a block's prices and the receipts of its arbitrages: they are asked for again.
  expect(calls(resumed.whole({ number: 11, sequence: 20 }, [], [], cycle(E18 + 1n)))).toMatchObject([{ call: "read-receipts" }]);
});

test("feeds are read every few blocks and compared with our price; unknown decimals are asked once, and again where nothing came back", () => {
  const feeds = [{ token: WETH, address: FEED, source: "test" }];
  const { core, load, whole } = start({ priceFeeds: feeds, feedsEveryBlocks: 2 });
  load("one");
  load("two");
  const [asked, ...others] = calls<Request>(whole({ number: 10, sequence: 10 }));
  expect(others).toEqual([]);
  expect(asked).toEqual({ call: "read-feeds", feeds, blockHash: hash("block 10"), blockNumber: 10 });
  core.give({ type: "reply", reply: { kind: "feeds-read", blockNumber: 10, answers: new Map([[WETH, 1_600]]) } });
  const next = whole({ number: 11, sequence: 20 });
  expect(calls(next)).toEqual([]);
  expect(said("priceChanged", next)[0]?.feeds).toEqual([[WETH, "1600", 10, 0.25]]);

  const T = address("99");
  core.give(
    received(
      "poolDiscovered",
      {
        kind: "pool-discovered",
        ...at({ number: 12, sequence: 30 }),
        dex: "one",
        pools: { family: "uniswap-v2", rows: [[T, [ODD, WETH], {}]] },
      },
      { sequence: 31 },
    ),
  );
  const odd = whole({ number: 12, sequence: 30 }, [[T, 4_000n, 10n * E18]]);
  const wanted = { call: "read-decimals", tokens: [ODD], blockHash: hash("block 12") };
  expect(calls<Request>(odd)).toContainEqual(wanted);
  expect(rowsOf(said("priceChanged", odd)[0])).toEqual({});
  expect(calls(whole({ number: 13, sequence: 40 }))).toEqual([]);
  core.give({ type: "reply", reply: { kind: "decimals-read", decimals: new Map() } });
  expect(calls<Request>(whole({ number: 15, sequence: 50 }))).toContainEqual({ ...wanted, blockHash: hash("block 15") });
  core.give({ type: "reply", reply: { kind: "decimals-read", decimals: new Map([[ODD, 2]]) } });
  expect(rowsOf(said("priceChanged", whole({ number: 17, sequence: 60 }))[0])).toEqual({ [ODD]: ["0.25", "500"] });
});

test("what contracts answer: decimals, tokens of pools by kind, feeds; nothing from those that do not", async () => {
  const answers = new Map<string, string>();
  const reader = {
    call: async () => "0x",
    multicall: async (asked: readonly { readonly target: string; readonly data: string }[]) =>
      asked.map(({ target, data }) => answers.get(`${target}${data}`) ?? null),
  };
  const word = (value: bigint) => padWord(BigInt.asUintN(256, value));
  const of = (token: string) => `0x${word(BigInt(token))}`;
  answers.set(`${TKN}0x313ce567`, `0x${word(8n)}`).set(`${ODD}0x313ce567`, `0x${word(500n)}`);
  expect(await readDecimals(reader, [TKN, ODD, DAI])).toEqual(
    new Map<string, number | null>([
      [TKN, 8],
      [ODD, null],
      [DAI, null],
    ]),
  );

  answers.set(`${P}0x0dfe1681`, of(USDC)).set(`${P}0xd21220a7`, of(WETH));
  answers.set(`${Q}0x05e8746d`, of(DAI)).set(`${Q}0xda10610c`, of(WETH));
  for (const [index, token] of [DAI, USDC, TKN].entries()) answers.set(`${R}0xc6610657${word(BigInt(index))}`, of(token));
  const tokens = await readTokens(reader, [
    { pool: P, ask: "token0", tokens: 2 },
    { pool: R, ask: "coins", tokens: 3 },
    { pool: S, ask: "coins", tokens: 2 },
    { pool: Q, ask: "getTokenX", tokens: 2 },
  ]);
  expect([...tokens]).toEqual([
    [P, [USDC, WETH]],
    [R, [DAI, USDC, TKN]],
    [S, null],
    [Q, [DAI, WETH]],
  ]);

  const round = (answer: bigint) => `0x${[1n, answer, 5n, 6n, 1n].map(word).join("")}`;
  const feed = (start: string) => ({ token: address(start), address: address(`${start}0`), source: "test" });
  answers.set(`${feed("a1").address}0xfeaf968c`, round(123_456_789n)).set(`${feed("a1").address}0x313ce567`, `0x${word(8n)}`);
  answers.set(`${feed("a2").address}0xfeaf968c`, round(-1n)).set(`${feed("a2").address}0x313ce567`, `0x${word(8n)}`);
  expect(await readFeeds(reader, [feed("a1"), feed("a2"), feed("a3")])).toEqual(new Map([[address("a1"), 1.23456789]]));
});
