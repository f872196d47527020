import { expect, test } from "vitest";
import { LOG_COLUMNS } from "#proto/block/v1/observed.ts";
import { NOT_EVALUATED, UNTAUGHT } from "#proto/opportunity/v1/scored.ts";
import type { PoolRow } from "#proto/pool/v1/state.ts";
import type { BodyOf } from "#proto/subjects.ts";
import type { ModelEvent } from "#services/gateway/api.ts";
import { gatewayConfig } from "#services/gateway/config.ts";
import type { ReadMessage, ReadModel } from "#services/gateway/model.ts";
import { applyMessage, initialReadModel, thinned } from "#services/gateway/read-model.ts";
import { createScenario, TEST_CHAIN } from "#services/gateway/testing.ts";
import { healthView, opportunitiesView, profitView, statsView, tradesView } from "#services/gateway/views.ts";

const START_MS = 1_790_000_000_000;
const hash = (text: string) => `0x${text.padStart(64, "0")}`;
const EXECUTION = hash("e");
const POOL = [`0x${"1".repeat(40)}`, `0x${"2".repeat(40)}`] as const;
const WETH = { address: TEST_CHAIN.wrappedNative };
const USDC = { address: TEST_CHAIN.tokens[1]?.address ?? "" };

/** Messages by hand, with the sequences of their streams. */
function bench(changes: Partial<BodyOf<"tradeSettled">["candidate"]> = {}) {
  const model = initialReadModel({ chains: [{ config: TEST_CHAIN, mode: "paper" }], bounds: gatewayConfig() });
  const scenario = createScenario({ seed: 1, startMs: START_MS });
  const envelope = (blockNumber: number, blockHash = hash(`b${blockNumber}`)) => ({
    chainId: TEST_CHAIN.chainId,
    blockNumber,
    blockHash,
    observedAtMs: START_MS + blockNumber * 1_000,
    causeId: null,
  });
  const candidate: BodyOf<"tradeSettled">["candidate"] = {
    cycleId: "00000000000000aa",
    token: WETH.address,
    amountIn: "1000000",
    amountOut: "1002000",
    grossProfit: "2000",
    gasEstimate: 250_000,
    hops: [
      {
        dex: "uniswap-v2",
        family: "uniswap-v2",
        pool: POOL[0],
        call: { form: "v2", zeroForOne: true },
        tokenIn: WETH.address,
        tokenOut: USDC.address,
        amountIn: "1000000",
        amountOut: "3000",
      },
      {
        dex: "uniswap-v3",
        family: "uniswap-v3",
        pool: POOL[1],
        call: { form: "v2", zeroForOne: false },
        tokenIn: USDC.address,
        tokenOut: WETH.address,
        amountIn: "3000",
        amountOut: "1002000",
      },
    ],
    ...changes,
  };
  const ids = { executionId: EXECUTION, cycleId: candidate.cycleId, wallet: `0x${"a".repeat(40)}` };
  let count = 0;
  const make: typeof scenario.message = (key, body, place) => scenario.message(key, body, place);
  const id = (text: string) => ({ id: `${text}:${count++}`, atMs: START_MS + 5_000 + count });
  const messages = {
    block: (blockNumber: number, epoch = 0, blockHash = hash(`b${blockNumber}`)) =>
      make(
        "blockObserved",
        {
          kind: "block-observed",
          v: 1,
          ...envelope(blockNumber, blockHash),
          parentHash: hash("0"),
          epoch,
          timestamp: 1_790_000_000 + blockNumber,
          baseFeePerGas: "7",
          gasUsed: 1,
          gasLimit: 2,
          logColumns: [...LOG_COLUMNS],
          logs: [],
        },
        id("block"),
      ),
    blockReorged: (ancestor: number, epoch: number, dropped: [number, string][]) =>
      make("blockReorged", { kind: "block-reorged", v: 1, ...envelope(ancestor), epoch, dropped }, id("reorg")),
    found: (blockNumber: number) =>
      make(
        "cycleFound",
        {
          kind: "cycle-found",
          v: 1,
          ...envelope(blockNumber),
          epoch: 0,
          timestamp: 1_790_000_000 + blockNumber,
          baseFeePerGas: "7",
          dexes: [],
          lateDexes: [],
          cyclesFound: 1,
          candidates: [candidate],
        },
        id("found"),
      ),
    scored: (blockNumber: number) =>
      make(
        "opportunityScored",
        {
          kind: "opportunity-scored",
          v: 1,
          ...envelope(blockNumber),
          epoch: 0,
          causeSequence: 1,
          ...UNTAUGHT,
          maxNextBaseFeePerGas: "8",
          priorityFeePerGas: "1",
          opportunities: [{ cycleId: candidate.cycleId, gasCost: "500", netProfit: "1500", rank: 0, evaluation: NOT_EVALUATED }],
          rejected: [{ cycleId: "00000000000000bb", reason: "below-minimum", netProfit: "-3", evaluation: NOT_EVALUATED }],
        },
        id("scored"),
      ),
    planned: (blockNumber: number) =>
      make(
        "executionPlanned",
        {
          kind: "execution-planned",
          v: 1,
          ...envelope(blockNumber),
          ...ids,
          mode: "live",
          leaseEpoch: 1,
          targetBlock: blockNumber + 1,
          contract: `0x${"c".repeat(40)}`,
          calldata: "0x",
          nonce: 0,
          gasLimit: 500_000,
          maxFeePerGas: "9",
          maxPriorityFeePerGas: "0",
          expectedNetProfit: "1500",
          candidate,
        },
        id("planned"),
      ),
    simulated: (blockNumber: number) =>
      make(
        "executionSimulated",
        {
          kind: "execution-simulated",
          v: 1,
          ...envelope(blockNumber),
          ...ids,
          targetBlock: 11,
          nonce: 0,
          gasUsed: 1,
          transactionHash: hash("f"),
        },
        id("simulated"),
      ),
    submitted: (blockNumber: number, submittedAfterMs: number) =>
      make(
        "executionSubmitted",
        {
          kind: "execution-submitted",
          v: 1,
          ...envelope(blockNumber),
          ...ids,
          targetBlock: blockNumber + 1,
          transactionHash: hash("f"),
          relay: "local",
          bundleHash: hash("d"),
          submittedAtMs: envelope(blockNumber).observedAtMs + submittedAfterMs,
        },
        id("submitted"),
      ),
    landed: (blockNumber: number, status: 0 | 1 = 1, blockHash = hash(`b${blockNumber}`)) =>
      make(
        "executionLanded",
        {
          kind: "execution-landed",
          v: 1,
          ...envelope(blockNumber, blockHash),
          ...ids,
          transactionHash: hash("f"),
          transactionIndex: 0,
          status,
          gasUsed: 200_000,
          effectiveGasPrice: "1",
        },
        id("landed"),
      ),
    failed: (blockNumber: number) =>
      make(
        "executionFailed",
        { kind: "execution-failed", v: 1, ...envelope(blockNumber), ...ids, code: "simulation-reverted", detail: "K" },
        id("failed"),
      ),
    reorged: (blockNumber: number, epoch: number) =>
      make(
        "executionReorged",
        { kind: "execution-reorged", v: 1, ...envelope(blockNumber), ...ids, transactionHash: hash("f"), epoch },
        id("reorged"),
      ),
    settled: (blockNumber: number, netProfit: string, blockHash = hash(`b${blockNumber}`)) =>
      make(
        "tradeSettled",
        {
          kind: "trade-settled",
          v: 1,
          ...envelope(blockNumber, blockHash),
          ...ids,
          contract: `0x${"c".repeat(40)}`,
          transactionHash: hash("f"),
          token: WETH.address,
          loanAmount: "1000000",
          profit: "1500",
          gasUsed: 200_000,
          effectiveGasPrice: "1",
          gasCost: "200000",
          builderPayment: "298",
          netProfit,
          transfers: [],
          candidate,
        },
        id("settled"),
      ),
    heartbeat: (instance: string, atMs: number, state: "ready" | "stopped" = "ready") =>
      make(
        "actorHeartbeat",
        {
          kind: "actor-heartbeat",
          v: 1,
          actor: "solver",
          instance,
          chain: "local",
          state,
          version: "0",
          pid: Number(instance.split("-").at(-1)) || 77,
          startedAtMs: atMs - 1_000,
          atMs,
          intervalMs: 1_000,
          headBlock: 3,
          messagesConsumed: 1,
          messagesPublished: 2,
          deadLetters: 0,
        },
        { id: `${instance}:${atMs}`, atMs },
      ),
    make,
    id,
    envelope,
  };
  const apply = (...all: ReadMessage[]): ModelEvent[] => all.flatMap((message) => applyMessage(model, message));
  return { model, messages, apply };
}

const funnelOf = (model: ReadModel) => statsView(model, START_MS).funnel;
const totalProfit = (model: ReadModel) => statsView(model, START_MS).totalProfit;
const health = (model: ReadModel, nowMs: number) =>
  healthView(model, { nowMs, startedAtMs: START_MS, headLateAfterMs: 30_000, caughtUp: true });

test("an execution's life moves its opportunity's status and the funnel", () => {
  const { model, messages, apply } = bench();
  const status = () => opportunitiesView(model, { limit: 1 })[0]?.status;
  apply(messages.block(10), messages.found(10), messages.scored(10));
  expect(status()).toBe("open");
  apply(messages.planned(10));
  expect(status()).toBe("planned");
  apply(messages.simulated(10), messages.submitted(10, 21));
  expect(status()).toBe("submitted");
  apply(messages.block(11), messages.landed(11));
  expect(status()).toBe("landed");
  const events = apply(messages.settled(11, "1300"));
  expect(events.map(({ type }) => type)).toEqual(["opportunity", "trade", "profit"]);
  expect(status()).toBe("settled");
  expect(funnelOf(model)).toMatchObject({
    opportunities: 1,
    planned: 1,
    simulated: 1,
    submitted: 1,
    landed: 1,
    settled: 1,
    rejected: { "below-minimum": 1 },
  });
  expect(tradesView(model, { limit: 5 })[0]).toMatchObject({
    executionTime: 21,
    success: true,
    voided: false,
    opportunityId: `00000000000000aa@${hash("b10")}`,
    pair: "WETH/USDC",
  });
});

test("an opportunity that nobody executed passes with its block", () => {
  const { model, messages, apply } = bench();
  apply(messages.block(10), messages.found(10), messages.scored(10), messages.block(11));
  expect(opportunitiesView(model, { limit: 1 })[0]?.status).toBe("passed");
});

test("an opportunity of a dropped block is dropped, and open again when the block comes back", () => {
  const { model, messages, apply } = bench();
  apply(messages.block(9), messages.block(10), messages.found(10), messages.scored(10));
  const events = apply(messages.blockReorged(9, 1, [[10, hash("b10")]]));
  expect(events).toMatchObject([{ type: "opportunity", data: { status: "dropped" } }]);
  apply(messages.block(10, 1, hash("c10")));
  apply(messages.blockReorged(9, 2, [[10, hash("c10")]]), messages.block(10, 2));
  expect(opportunitiesView(model, { limit: 1 })[0]?.status).toBe("open");
  expect(statsView(model, START_MS)).toMatchObject({ reorgs: 2, deepestReorg: 1 });
});

test("a reorganisation sets the head back to a lower block", () => {
  const { model, messages, apply } = bench();
  apply(messages.block(9), messages.block(10), messages.blockReorged(9, 1, [[10, hash("b10")]]));
  expect(health(model, START_MS).chains[0]?.head?.blockNumber).toBe(9);
});

test("slippage is what is missing from the promise, with the builder's payment added back", () => {
  const { model, messages, apply } = bench();
  apply(messages.settled(11, "1300"));
  // Promised 2000, kept 1500, paid the builder 298: 202 of 1002000 are missing.
  expect(tradesView(model, { limit: 1 })[0]?.actualSlippage).toBeCloseTo(202 / 1_002_000, 12);
  expect(statsView(model, START_MS).avgSlippage).toBeCloseTo(202 / 1_002_000, 12);
});

test("of a cycle that borrows another token the profit is in the native coin, and what it promised is worth what its surplus is sold for", () => {
  const sold = { token: USDC.address, profitToken: WETH.address, amountIn: "1000000", amountOut: "1004000", grossProfit: "2000" };
  const { model, messages, apply } = bench(sold);
  apply(messages.block(10), messages.found(10), messages.scored(10), messages.settled(11, "1300"));
  expect(opportunitiesView(model, { limit: 1 })[0]).toMatchObject({
    token: WETH,
    grossProfit: "2000",
    loanToken: USDC,
    flashloanAmount: "1000000",
  });
  // Half a unit of the coin for each of the other: promised 2000 of 502000, 202 of which are missing.
  expect(tradesView(model, { limit: 1 })[0]).toMatchObject({ token: WETH, loanToken: USDC, expectedProfit: "2000" });
  expect(tradesView(model, { limit: 1 })[0]?.actualSlippage).toBeCloseTo(202 / 502_000, 12);
});

test("a dropped block voids its trade until it settles again, even in the same block", () => {
  const { model, messages, apply } = bench();
  apply(messages.planned(10), messages.landed(11), messages.settled(11, "1300"));
  expect(totalProfit(model)).toBe("1300");
  apply(messages.reorged(11, 1));
  expect(statsView(model, START_MS)).toMatchObject({
    totalProfit: "0",
    totalTrades: 0,
    profitByToken: [],
    funnel: { voided: 1, settled: 0, landed: 0 },
  });
  expect(tradesView(model, { limit: 1 })[0]).toMatchObject({ voided: true });
  apply(messages.settled(12, "1100"));
  expect(totalProfit(model)).toBe("1100");
  apply(messages.reorged(12, 2), messages.settled(11, "1300"));
  expect(statsView(model, START_MS)).toMatchObject({ totalProfit: "1300", totalTrades: 1, funnel: { voided: 0 } });
  expect(profitView(model)[0]?.points.map(({ netProfit }) => netProfit)).toEqual(["1300", "0", "1100", "0", "1300"]);
});

test("a trade published again under another id counts once", () => {
  const { model, messages, apply } = bench();
  apply(messages.settled(11, "1300"), messages.settled(11, "1300"));
  expect(statsView(model, START_MS)).toMatchObject({ totalProfit: "1300", totalTrades: 1 });
});

test("a redelivered settlement does not undo its voiding", () => {
  const { model, messages, apply } = bench();
  const settled = messages.settled(11, "1300");
  const reorged = messages.reorged(11, 1);
  apply(settled, reorged, { ...settled, meta: { ...settled.meta, id: "lost" } });
  expect(totalProfit(model)).toBe("0");
});

test("a settlement that overtook its own repeat stays the later one", () => {
  const { model, messages, apply } = bench();
  const [first, reorged, again] = [messages.settled(11, "1300"), messages.reorged(11, 1), messages.settled(11, "1300")];
  apply(again, reorged, first);
  expect(totalProfit(model)).toBe("1300");
});

test("a reverted transaction is a trade that failed and cost its gas", () => {
  const { model, messages, apply } = bench();
  apply(messages.landed(11, 0), messages.settled(11, "-200000"));
  expect(statsView(model, START_MS)).toMatchObject({
    totalTrades: 1,
    successfulTrades: 0,
    totalProfit: "-200000",
    avgSlippage: null,
    funnel: { reverted: 1 },
  });
});

test("a failure is counted by its code", () => {
  const { model, messages, apply } = bench();
  apply(messages.found(10), messages.scored(10), messages.planned(10), messages.failed(10));
  expect(funnelOf(model).failed).toEqual({ "simulation-reverted": 1 });
  expect(opportunitiesView(model, { limit: 1 })[0]).toMatchObject({ status: "failed", outcome: "simulation-reverted: K" });
});

test("latency is taken from the block's first sight to the bundle", () => {
  const { model, messages, apply } = bench();
  apply(messages.submitted(10, 21));
  expect(statsView(model, START_MS).latencyMs.blockToBundle).toEqual({ p50: 21, p99: 21, samples: 1 });
});

test("a plan says the mode that the executor really runs in", () => {
  const { model, messages, apply } = bench();
  expect(health(model, START_MS).chains[0]?.mode).toBe("paper");
  apply(messages.planned(10));
  expect(health(model, START_MS).chains[0]?.mode).toBe("live");
});

test("an actor is alive, then late, then gone by its own interval", () => {
  const { model, messages, apply } = bench();
  apply(messages.heartbeat("solver-local-0-1", START_MS));
  const at = (afterMs: number) => health(model, START_MS + afterMs).actors[0]?.health;
  expect([at(2_000), at(2_001), at(3_000), at(3_001)]).toEqual(["alive", "late", "late", "gone"]);
  expect(health(model, START_MS + 3_600_001).actors).toEqual([]);
});

test("an instance that was replaced or stopped makes nothing degraded", () => {
  const { model, messages, apply } = bench();
  apply(messages.block(1), messages.heartbeat("solver-local-0-1", START_MS), messages.heartbeat("solver-local-1-1", START_MS, "stopped"));
  expect(health(model, START_MS + 10_000).status).toBe("degraded");
  apply(messages.heartbeat("solver-local-0-2", START_MS + 10_000));
  expect(health(model, START_MS + 10_000)).toMatchObject({
    status: "ok",
    actors: [{ instance: "solver-local-0-2" }, { health: "stopped" }],
  });
});

test("instances whose names differ only in their last word are told apart", () => {
  const { model, messages, apply } = bench();
  apply(messages.heartbeat("solver-local-v2", START_MS), messages.heartbeat("solver-local-v3", START_MS + 10_000));
  expect(health(model, START_MS + 10_000).actors).toMatchObject([
    { post: "local-v2", health: "gone" },
    { post: "local-v3", health: "alive" },
  ]);
});

test("health is starting before the first block and degraded when the head is old", () => {
  const { model, messages, apply } = bench();
  expect(health(model, START_MS).status).toBe("starting");
  apply(messages.block(1));
  expect(health(model, START_MS + 2_000).status).toBe("ok");
  expect(health(model, START_MS + 60_000)).toMatchObject({ status: "degraded", reasons: ["head of local is 59 s old"] });
});

test("pools are the latest snapshot and what was discovered after it", () => {
  const { model, messages, apply } = bench();
  const row = (n: number): PoolRow<"uniswap-v3"> => [`0x${`${n}`.padStart(40, "0")}`, [WETH.address, USDC.address], { tickSpacing: 60 }];
  const discovered = (...ns: number[]) =>
    messages.make(
      "poolDiscovered",
      {
        kind: "pool-discovered",
        v: 1,
        ...messages.envelope(1),
        dex: "uniswap-v3",
        epoch: 0,
        pools: { family: "uniswap-v3", rows: ns.map(row) },
      },
      messages.id("discovered"),
    );
  const snapshot = (pools: number) =>
    messages.make(
      "poolSnapshotted",
      {
        kind: "pool-snapshotted",
        v: 1,
        ...messages.envelope(2),
        dex: "uniswap-v3",
        epoch: 0,
        object: "o",
        pools,
        bytes: 1,
        causeSequence: 1,
      },
      messages.id("snapshot"),
    );
  const [first, second, third] = [discovered(1, 2), snapshot(2), discovered(3)];
  apply(third, second, first, second);
  expect(statsView(model, START_MS).pools).toEqual([
    { chain: "local", dex: "uniswap-v3", family: "uniswap-v3", pools: 3, quarantined: 0, asOfBlock: 2 },
  ]);
});

test("dead letters are counted by reason and shown without their payload", () => {
  const { model, messages, apply } = bench();
  const buried: BodyOf<"messageBuried"> = {
    kind: "message-buried",
    v: 1,
    actor: "solver",
    instance: "solver-local-0-1",
    reason: "undecodable",
    detail: "/kind",
    subject: "hs.local.pool.changed.x",
    stream: "HS_LOCAL_MARKET",
    sequence: 4,
    messageId: "x",
    deliveries: 1,
    atMs: START_MS,
    payload: new Uint8Array([1]),
  };
  apply(messages.make("messageBuried", buried, messages.id("buried")));
  const { deadLetters } = statsView(model, START_MS);
  expect(deadLetters).toMatchObject({ total: 1, byReason: { undecodable: 1 } });
  expect(deadLetters.recent[0]).not.toHaveProperty("payload");
});

test("thinning keeps the first and the last point", () => {
  expect(thinned([1, 2, 3, 4, 5], 4)).toEqual([1, 3, 5]);
  expect(thinned([1, 2, 3, 4, 5, 6], 5)).toEqual([1, 3, 5, 6]);
});
