import { fc, test } from "@fast-check/vitest";
import { describe, expect } from "vitest";
import { calls, published } from "#libs/actor/testing.ts";
import { decodeExecute } from "#libs/contracts/plan.ts";
import type { BodyOf } from "#proto/subjects.ts";
import { executionIdOf, fold, initialState, type Request } from "#services/executor/actor.ts";
import {
  addressOf,
  Bench,
  bodyOf,
  CONTRACT,
  candidateOf,
  executedLog,
  hashOf,
  kindsOf,
  receiptIn,
  soldCandidateOf,
  soldTradeLogs,
  type TestBlock,
  tradeLogs,
  transactionOf,
  transferLog,
  USD,
  WALLET,
  WETH,
  withdrawalLog,
} from "#services/executor/testing.ts";

const blockOf = (number: number, branch = ""): TestBlock => ({ number, hash: hashOf(`${number}${branch}`) });
const [B10, B11, B12, B13] = [10, 11, 12, 13].map((number) => blockOf(number)) as [TestBlock, TestBlock, TestBlock, TestBlock];

describe("the life of an execution", () => {
  test("planned, simulated, submitted, landed and settled", () => {
    const bench = new Bench();
    bench.block(B10);
    const planned = bodyOf(published(bench.rank(B10)), "execution-planned");
    expect(planned).toMatchObject({
      blockNumber: 10,
      blockHash: B10.hash,
      observedAtMs: 10_000,
      causeId: `opportunities:${B10.hash}:0`,
      mode: "live",
      leaseEpoch: 4,
      targetBlock: 11,
      contract: CONTRACT,
      nonce: 7,
      gasLimit: 500_000,
      maxFeePerGas: "12",
      maxPriorityFeePerGas: "2",
      expectedNetProfit: "8200000",
      cycleId: candidateOf(1).cycleId,
    });
    const simulated = bench.simulates({ gasUsed: 123_456 });
    expect(bodyOf(published(simulated), "execution-simulated")).toMatchObject({
      targetBlock: 11,
      nonce: 7,
      gasUsed: 123_456,
      transactionHash: transactionOf(planned.executionId),
    });
    expect(calls(simulated)).toEqual([{ call: "submit", executionId: planned.executionId, targetBlock: 11 }]);
    const submitted = bodyOf(published(bench.relays({ accepted: ["relay"] })), "execution-submitted");
    expect(submitted).toMatchObject({ relay: "relay", bundleHash: hashOf("bundle relay"), submittedAtMs: 5, targetBlock: 11 });
    const asked = calls(bench.block(B11));
    expect(asked).toEqual([
      {
        call: "read-receipt",
        executionId: planned.executionId,
        transactionHash: transactionOf(planned.executionId),
        at: { blockNumber: 11, blockHash: B11.hash, observedAtMs: 11_000, epoch: 0 },
      },
    ]);
    const landed = published(bench.receipt(receiptIn(B11)));
    expect(landed.map(({ messageId }) => messageId)).toEqual([
      `landed:${planned.executionId}:${B11.hash}:0`,
      `settled:${planned.executionId}:${B11.hash}:0`,
    ]);
    expect(bodyOf(landed, "execution-landed")).toMatchObject({
      blockNumber: 11,
      blockHash: B11.hash,
      status: 1,
      gasUsed: 140_000,
      effectiveGasPrice: "10",
      causeId: `planned:${planned.executionId}`,
      observedAtMs: 10_000,
    });
    expect(bodyOf(landed, "trade-settled")).toMatchObject({
      token: WETH,
      loanAmount: "1000",
      profit: "10000000",
      gasCost: "1400000",
      netProfit: "8600000",
      builderPayment: "0",
      transfers: [[WETH, "10000000"]],
    });
    expect(bench.core.state).toMatchObject({ nonce: 8, netProfit: 8_600_000n });
    expect(bench.core.state.open.size).toBe(0);
    expect(bench.story()).toEqual(["planned", "simulated", "submitted", "landed", "settled"]);
  });

  test("its calldata is the plan of its candidate, valid for its target block, reverting below its gas", () => {
    const bench = new Bench();
    const { calldata, executionId } = bodyOf(published(bench.rank(B10)), "execution-planned");
    expect(decodeExecute(calldata)).toMatchObject({
      executionId,
      validUntilBlock: 11n,
      loanToken: WETH,
      loanAmount: 1_000n,
      minProfit: 1_800_000n,
      builderPayment: 0n,
      swaps: [
        { pool: addressOf(0xb001), amountIn: 1_000n, amountOut: 500n },
        { pool: addressOf(0xb101), amountIn: 500n, amountOut: 10_001_000n },
      ],
    });
  });

  test("of a cycle that borrows another token the profit is what its sale left of the native coin, in the plan and in the books", () => {
    const bench = new Bench();
    bench.block(B10);
    const { calldata, executionId } = bodyOf(published(bench.rank(B10, [soldCandidateOf(1)])), "execution-planned");
    expect(decodeExecute(calldata)).toMatchObject({ loanToken: USD, loanAmount: 500n, profitToken: WETH, minProfit: 1_800_000n });
    expect(decodeExecute(calldata).tokens).toEqual([USD, WETH]);
    bench.simulates({ gasUsed: 123_456 });
    bench.relays({ accepted: ["relay"] });
    bench.block(B11);
    const logs = [...soldTradeLogs(9_000_000n), executedLog(executionId, WETH, 9_000_000n, 0n)];
    expect(bodyOf(published(bench.receipt(receiptIn(B11, { logs }))), "trade-settled")).toMatchObject({
      token: WETH,
      loanAmount: "500",
      profit: "9000000",
      gasCost: "1400000",
      netProfit: "7600000",
      transfers: [[WETH, "9000000"]],
    });
  });

  test("without a receipt in its target block it is expired, and the nonce is used again", () => {
    const bench = new Bench();
    const { executionId } = bench.send(B10);
    bench.block(B11);
    const effects = bench.receipt(null);
    expect(bodyOf(published(effects), "execution-expired")).toMatchObject({ blockNumber: 11, blockHash: B11.hash, targetBlock: 11 });
    expect(published(effects)[0]?.messageId).toBe(`expired:${executionId}:${B11.hash}:0`);
    expect(bench.send(B12).nonce).toBe(7);
  });

  test("mined but reverted it has landed, and its gas is a loss", () => {
    const bench = new Bench();
    bench.send(B10);
    bench.block(B11);
    const said = published(bench.receipt(receiptIn(B11, { status: 0, logs: [], gasUsed: 50_000 })));
    expect(bodyOf(said, "execution-landed").status).toBe(0);
    expect(bodyOf(said, "trade-settled")).toMatchObject({ profit: "0", netProfit: "-500000", transfers: [] });
    expect(bench.core.state.nonce).toBe(8);
  });

  test("a relay's acceptance is an event each", () => {
    const bench = new Bench();
    bench.block(B10);
    bench.rank(B10);
    bench.simulates();
    const said = published(bench.relays({ accepted: ["one", "two"], refused: ["three: no"] }));
    expect(said.map(({ body }) => (body as BodyOf<"executionSubmitted">).relay)).toEqual(["one", "two"]);
    expect(new Set(said.map(({ messageId }) => messageId)).size).toBe(2);
  });

  test("the events of every step are counted", () => {
    const bench = new Bench();
    bench.send(B10);
    const counted = bench.core.all.flatMap((effect) => (effect.type === "count" ? [effect.labels] : []));
    expect(counted).toEqual(["planned", "simulated", "submitted"].map((event) => ({ event, code: "" })));
  });
});

describe("a ranking", () => {
  test("of a block that has passed is not tried", () => {
    const bench = new Bench();
    bench.block(B11);
    expect(published(bench.rank(B10))).toEqual([]);
  });

  test("of a sibling of the head is not tried", () => {
    const bench = new Bench();
    bench.block(B10);
    expect(published(bench.rank(blockOf(10, "other")))).toEqual([]);
  });

  test("of a block that was dropped is not tried, also when what replaced it is not longer yet", () => {
    const bench = new Bench();
    bench.block(B10);
    bench.block(B11);
    bench.reorg(B10, [B11]);
    bench.nonce(7);
    expect(published(bench.rank(B11, undefined, 0))).toEqual([]);
    expect(bench.story()).toEqual([]);
  });

  test("that is ahead of the head is tried: the two streams do not wait for each other", () => {
    const bench = new Bench();
    bench.block(B10);
    expect(kindsOf(bench.rank(B11))).toEqual(["execution-planned"]);
    expect(kindsOf(bench.block(B11))).toEqual([]);
  });

  test("without opportunities leads to nothing", () => {
    const bench = new Bench();
    bench.block(B10);
    expect(bench.rank(B10, [])).toEqual([]);
  });

  test("of a search that was not read leads to nothing: it was there before this executor", () => {
    const bench = new Bench();
    bench.block(B10);
    bench.rank(B10);
    const { message } = bench.core.state.ranked ?? {};
    expect(message?.body.opportunities).toHaveLength(1);
    const late = new Bench();
    late.block(B10);
    if (message !== undefined) expect(late.give(message)).toEqual([]);
    // And the next that it has read is tried.
    expect(kindsOf(late.rank(B11))).toEqual(["execution-planned"]);
  });

  test("of an earlier block that comes after a later one's does not take its place", () => {
    const bench = new Bench();
    bench.block(B10);
    bench.rank(B11, [candidateOf(1), candidateOf(2)]);
    bench.rank(B10, [candidateOf(3)]);
    expect(bodyOf(published(bench.simulates({ fails: "reverted" })), "execution-planned").cycleId).toBe(candidateOf(2).cycleId);
  });

  test("that comes a second time is not tried again from its start", () => {
    const bench = new Bench();
    bench.block(B10);
    bench.rank(B10);
    bench.simulates({ fails: "reverted" });
    expect(bench.rank(B10)).toEqual([]);
  });

  test("is tried with the next best after a failed simulation, three times at most", () => {
    const bench = new Bench();
    bench.block(B10);
    bench.rank(
      B10,
      [1, 2, 3, 4].map((index) => candidateOf(index)),
    );
    for (let tries = 0; tries < 3; tries++) bench.simulates({ fails: "Insufficient" });
    expect(bench.asked).toEqual([]);
    expect(bench.story()).toEqual(["planned", "failed", "planned", "failed", "planned", "failed"]);
    const failed = bench.stored.flatMap(({ body }) => (body.kind === "execution-failed" ? [body] : []));
    expect(failed.map(({ code, detail, cycleId }) => [code, detail, cycleId])).toEqual(
      [1, 2, 3].map((index) => ["simulation-reverted", "Insufficient", candidateOf(index).cycleId]),
    );
    expect(bench.core.state.nonce).toBe(7);
  });

  test("is not tried further once an attempt has been simulated well", () => {
    const bench = new Bench();
    bench.send(B10, [candidateOf(1), candidateOf(2)]);
    expect(bench.asked).toEqual([]);
    expect(bench.story()).toEqual(["planned", "simulated", "submitted"]);
  });
});

describe("one transaction at a time", () => {
  test("the next plan waits for the outcome of the last, and uses the nonce after it", () => {
    const bench = new Bench();
    bench.send(B10);
    bench.block(B11);
    expect(bench.rank(B11, [candidateOf(2)])).toEqual([]);
    const effects = bench.receipt(receiptIn(B11));
    expect(kindsOf(effects)).toEqual(["execution-landed", "trade-settled", "execution-planned"]);
    expect(bodyOf(published(effects), "execution-planned")).toMatchObject({ nonce: 8, cycleId: candidateOf(2).cycleId, targetBlock: 12 });
  });

  test("the next plan uses the same nonce when the last came to nothing", () => {
    const bench = new Bench();
    bench.send(B10);
    bench.block(B11);
    bench.rank(B11, [candidateOf(2)]);
    expect(bodyOf(published(bench.receipt(null)), "execution-planned").nonce).toBe(7);
  });

  test("a ranking that was waiting when the next block came is given up", () => {
    const bench = new Bench();
    bench.send(B10);
    bench.block(B11);
    bench.rank(B11, [candidateOf(2)]);
    bench.block(B12);
    expect(kindsOf(bench.receipt(receiptIn(B11)))).toEqual(["execution-landed", "trade-settled"]);
  });

  test("nothing is planned while the nonce is not known", () => {
    const bench = new Bench({}, initialState(null));
    bench.block(B10);
    expect(published(bench.rank(B10))).toEqual([]);
    expect(bodyOf(published(bench.nonce(3)), "execution-planned").nonce).toBe(3);
  });
});

describe("what can go wrong before sending", () => {
  test("gas that eats the profit", () => {
    const bench = new Bench();
    bench.block(B10);
    bench.rank(B10, [candidateOf(1, 1_680_000n)]);
    // 140,000 gas at 12 wei is all of it.
    const said = published(bench.simulates({ gasUsed: 140_000 }));
    expect(bodyOf(said, "execution-failed").code).toBe("unprofitable-after-simulation");
    expect(bench.asked).toEqual([]);
  });

  test("all relays refuse: the nonce is read again before the next best is tried", () => {
    const bench = new Bench();
    bench.block(B10);
    bench.rank(B10, [candidateOf(1), candidateOf(2)]);
    bench.simulates();
    const effects = bench.relays({ refused: ["one: nonce too low", "two: no"] });
    expect(bodyOf(published(effects), "execution-failed")).toMatchObject({ code: "relay-rejected", detail: "one: nonce too low; two: no" });
    expect(kindsOf(effects)).toEqual(["execution-failed"]);
    expect(bodyOf(published(bench.nonce(9)), "execution-planned")).toMatchObject({ nonce: 9, cycleId: candidateOf(2).cycleId });
  });

  test("a relay that did not answer may have taken the bundle: it is looked for in its block", () => {
    const bench = new Bench();
    bench.block(B10);
    bench.rank(B10, [candidateOf(1), candidateOf(2)]);
    bench.simulates();
    expect(published(bench.relays({ refused: ["one: no"], unanswered: ["two: timeout"] }))).toEqual([]);
    expect(bench.core.state.nonce).toBe(7);
    bench.block(B11);
    expect(kindsOf(bench.receipt(receiptIn(B11)))).toEqual(["execution-landed", "trade-settled"]);
  });

  test("a relay that did not answer, and nothing in the block: expired", () => {
    const bench = new Bench();
    bench.block(B10);
    bench.rank(B10);
    bench.simulates();
    bench.relays({ unanswered: ["one: timeout"] });
    bench.block(B11);
    expect(kindsOf(bench.receipt(null))).toEqual(["execution-expired"]);
  });

  test("its block comes before its simulation is done: stale, and the simulation's answer is nobody's", () => {
    const bench = new Bench();
    bench.block(B10);
    bench.rank(B10);
    expect(bodyOf(published(bench.block(B11)), "execution-failed")).toMatchObject({ code: "stale", blockNumber: 11 });
    expect(bench.simulates()).toEqual([]);
    expect(bench.core.state.open.size).toBe(0);
  });

  test("a very long reason is cut", () => {
    const bench = new Bench();
    bench.block(B10);
    bench.rank(B10);
    expect(bodyOf(published(bench.simulates({ fails: "x".repeat(10_000) })), "execution-failed").detail).toHaveLength(500);
  });
});

describe("a reorganisation", () => {
  function landed() {
    const bench = new Bench();
    const { executionId } = bench.send(B10);
    bench.block(B11);
    bench.receipt(receiptIn(B11));
    return { bench, executionId };
  }

  test("voids what landed in a dropped block, and the nonce is read again", () => {
    const { bench, executionId } = landed();
    const effects = bench.reorg(B10, [B11]);
    expect(published(effects).map(({ messageId }) => messageId)).toEqual([`reorged:${executionId}:${B11.hash}:1`]);
    expect(bodyOf(published(effects), "execution-reorged")).toMatchObject({ blockHash: B11.hash, blockNumber: 11, epoch: 1 });
    expect(bench.core.state.nonce).toBeNull();
    expect(calls(effects)).toEqual([{ call: "read-nonce" }]);
    expect(bench.core.state.netProfit, "what it settled is void").toBe(0n);
  });

  test("leaves what landed below it alone", () => {
    const { bench } = landed();
    bench.block(B12);
    expect(published(bench.reorg(B11, [B12]))).toEqual([]);
    expect(bench.core.state.netProfit).toBe(8_600_000n);
  });

  test("a transaction that comes back has landed again, under other ids, also in the very same block", () => {
    const { bench } = landed();
    bench.reorg(B10, [B11]);
    bench.nonce(7);
    const other = blockOf(11, "other");
    bench.block(other);
    expect(published(bench.receipt(null))).toEqual([]);
    bench.reorg(B10, [other]);
    bench.nonce(7);
    bench.block(B11);
    expect(kindsOf(bench.receipt(receiptIn(B11)))).toEqual(["execution-landed", "trade-settled"]);
    expect(bench.story()).toEqual(["planned", "simulated", "submitted", "landed", "settled", "reorged", "landed", "settled"]);
    expect(bench.core.state).toMatchObject({ nonce: 8, netProfit: 8_600_000n });
  });

  test("a transaction that does not come back is given up after some blocks", () => {
    const { bench } = landed();
    bench.reorg(B10, [B11]);
    bench.nonce(7);
    for (const number of [11, 12, 13, 14]) {
      bench.block(blockOf(number, "other"));
      expect(kindsOf(bench.receipt(null))).toEqual([]);
    }
    bench.block(blockOf(15, "other"));
    expect(kindsOf(bench.receipt(null))).toEqual(["execution-expired"]);
    expect(bench.core.state.open.size).toBe(0);
  });

  test("a transaction that is only watched does not hold up new ones", () => {
    const { bench } = landed();
    bench.reorg(B10, [B11]);
    bench.nonce(7);
    bench.block(blockOf(11, "other"));
    bench.receipt(null);
    const next = blockOf(12, "other");
    bench.block(next);
    expect(kindsOf(bench.rank(next, [candidateOf(2)]))).toEqual(["execution-planned"]);
  });

  test("an answer from before it is not believed: the block it tells of is gone", () => {
    const bench = new Bench();
    bench.send(B10);
    bench.block(B11);
    bench.reorg(B10, [B11]);
    bench.nonce(7);
    expect(published(bench.receipt(receiptIn(B11)))).toEqual([]);
    const other = blockOf(11, "other");
    bench.block(other);
    expect(bodyOf(published(bench.receipt(receiptIn(other))), "execution-landed").blockHash).toBe(other.hash);
  });

  test("the same opportunity on the same block observed again is another execution", () => {
    const bench = new Bench();
    bench.block(B10);
    bench.rank(B10);
    bench.simulates({ fails: "reverted" });
    const other = blockOf(10, "other");
    bench.reorg(blockOf(9), [B10]);
    bench.nonce(7);
    bench.block(other);
    bench.reorg(blockOf(9), [other]);
    bench.nonce(7);
    bench.block(B10);
    bench.rank(B10);
    bench.simulates();
    expect(bench.story()).toEqual(["planned", "failed", "planned", "simulated"]);
  });
});

describe("modes", () => {
  test("paper signs nothing, sends nothing, and every execution that simulated well expires", () => {
    const bench = new Bench({ mode: "paper" });
    bench.block(B10);
    bench.rank(B10);
    expect(bodyOf(published(bench.simulates()), "execution-simulated").transactionHash).toBeNull();
    expect(kindsOf(bench.block(B11))).toEqual(["execution-expired"]);
    expect(bench.asked).toEqual([]);
    expect(new Set(calls(bench.core.all).map(({ call }) => call))).toEqual(new Set(["simulate"]));
  });

  test("simulate signs, but sends nothing and asks for no receipt", () => {
    const bench = new Bench({ mode: "simulate" });
    bench.block(B10);
    bench.rank(B10);
    expect(bodyOf(published(bench.simulates()), "execution-simulated").transactionHash).not.toBeNull();
    expect(kindsOf(bench.block(B11))).toEqual(["execution-expired"]);
    expect(new Set(calls(bench.core.all).map(({ call }) => call))).toEqual(new Set(["simulate"]));
  });
});

describe("settlement", () => {
  const settle = (logs: ReturnType<typeof tradeLogs>) => {
    const bench = new Bench();
    const { executionId } = bench.send(B10);
    bench.block(B11);
    return bodyOf(published(bench.receipt(receiptIn(B11, { logs: [...logs, executedLog(executionId, WETH, 5n, 300n)] }))), "trade-settled");
  };

  test("the profit is what the logs left, and coins unwrapped for the builder are not ours any more", () => {
    expect(settle([...tradeLogs(5_000_000n), withdrawalLog(WETH, CONTRACT, 300n)])).toMatchObject({
      profit: "4999700",
      builderPayment: "300",
      netProfit: (4_999_700n - 1_400_000n).toString(),
    });
  });

  test("dust of other tokens is told, not counted", () => {
    const dust = addressOf(0xd057);
    expect(settle([...tradeLogs(5_000_000n), transferLog(dust, WALLET, CONTRACT, 3n)])).toMatchObject({
      profit: "5000000",
      transfers: [
        [WETH, "5000000"],
        [dust, "3"],
      ],
    });
  });
});

describe("folding", () => {
  test("a reorganisation of another block than the one it landed in changes nothing", () => {
    const bench = new Bench();
    const { executionId } = bench.send(B10);
    bench.block(B11);
    bench.receipt(receiptIn(B11));
    const landed = bench.rebuilt();
    const reorged = bodyOf(published(bench.reorg(B10, [B11])), "execution-reorged");
    expect(fold(landed, { ...reorged, blockHash: B12.hash }, bench.config)).toBe(landed);
    expect(fold(landed, reorged, bench.config).landed.has(executionId)).toBe(false);
  });

  test("a settlement told twice counts once", () => {
    const bench = new Bench();
    bench.send(B10);
    bench.block(B11);
    const settled = bodyOf(published(bench.receipt(receiptIn(B11))), "trade-settled");
    expect(fold(bench.core.state, settled, bench.config).netProfit).toBe(8_600_000n);
  });

  test("landed executions are kept for as long as they can be dropped", () => {
    const bench = new Bench({ reorgBlocks: 2 });
    for (const number of [10, 12, 14]) {
      bench.send(blockOf(number));
      bench.block(blockOf(number + 1));
      bench.receipt(receiptIn(blockOf(number + 1)));
    }
    expect([...bench.core.state.landed.values()].map(({ blockNumber }) => blockNumber)).toEqual([13, 15]);
    expect(bench.core.state.netProfit).toBe(3n * 8_600_000n);
  });
});

test("an execution's id tells apart everything that makes it another", () => {
  const id = executionIdOf(WALLET, { blockHash: B10.hash, epoch: 0 }, "a");
  expect(id).toMatch(/^0x[0-9a-f]{64}$/);
  expect(executionIdOf(WALLET, { blockHash: B10.hash, epoch: 0 }, "a")).toBe(id);
  const others = [
    executionIdOf(CONTRACT, { blockHash: B10.hash, epoch: 0 }, "a"),
    executionIdOf(WALLET, { blockHash: B11.hash, epoch: 0 }, "a"),
    executionIdOf(WALLET, { blockHash: B10.hash, epoch: 1 }, "a"),
    executionIdOf(WALLET, { blockHash: B10.hash, epoch: 0 }, "b"),
  ];
  expect(new Set([id, ...others]).size).toBe(5);
});

describe("a restart", () => {
  test("between landing and settling: the trade is settled at the next block, once", () => {
    const bench = new Bench();
    bench.send(B10);
    bench.block(B11);
    bench.receipt(receiptIn(B11));
    // Killed before the last event was stored.
    bench.stored.splice(bench.story().indexOf("settled"));
    const again = new Bench({}, { ...bench.rebuilt(), nonce: 8 });
    again.block(B11);
    again.block(B12);
    const settled = published(again.receipt(receiptIn(B11)));
    expect(settled.map(({ body }) => body.kind)).toEqual(["trade-settled"]);
    expect(published(again.receipt(receiptIn(B11)))).toEqual([]);
    again.block(B13);
    expect(again.asked).toEqual([]);
    expect(again.core.state.netProfit).toBe(8_600_000n);
  });

  test("with a transaction out: it is looked for, and lands or expires", () => {
    const bench = new Bench();
    const { executionId } = bench.send(B10);
    const again = new Bench({}, { ...bench.rebuilt(), nonce: 7 });
    again.block(B10);
    expect(again.asked).toEqual([]);
    again.block(B11);
    expect(bodyOf(published(again.receipt(receiptIn(B11))), "execution-landed").executionId).toBe(executionId);
  });

  test("in the middle of a simulation: stale when the block comes", () => {
    const bench = new Bench();
    bench.rank(B10);
    const again = new Bench({}, bench.rebuilt());
    expect(kindsOf(again.block(B11))).toEqual(["execution-failed"]);
  });
});

/** What happens around an executor, in any order. Numbers choose among what is there. */
type Step = { readonly do: "block" | "rank" | "answer" | "reorg" | "restart" | "back"; readonly pick: number };
const storyOf = (...more: readonly { readonly weight: number; readonly arbitrary: fc.Arbitrary<Step["do"]> }[]) =>
  fc.array(
    fc.record({
      do: fc.oneof(
        { weight: 4, arbitrary: fc.constant("block" as const) },
        { weight: 4, arbitrary: fc.constant("rank" as const) },
        { weight: 12, arbitrary: fc.constant("answer" as const) },
        { weight: 1, arbitrary: fc.constant("reorg" as const) },
        { weight: 1, arbitrary: fc.constant("back" as const) },
        ...more,
      ),
      pick: fc.nat(1_000),
    }),
    { maxLength: 80 },
  );
const story = storyOf();
const storyWithRestarts = storyOf({ weight: 1, arbitrary: fc.constant("restart" as const) });

/** A chain in which transactions that were sent land or do not, as the numbers say. */
function live(steps: readonly Step[]) {
  const bench = new Bench();
  let chain: TestBlock[] = [blockOf(10)];
  /** Branches that were left, newest last. */
  const left: { readonly length: number; readonly blocks: readonly TestBlock[] }[] = [];
  /** Block in which a transaction is, by its hash, on the present branch. */
  const mined = new Map<string, TestBlock>();
  const ranked = new Set<string>();
  let count = 0;
  bench.block(chain[0] as TestBlock);
  const drop = (depth: number) => {
    const keep = Math.max(1, chain.length - depth);
    const dropped = chain.slice(keep);
    if (dropped.length === 0) return;
    left.push({ length: keep, blocks: dropped });
    chain = chain.slice(0, keep);
    for (const [transaction, block] of mined) if (dropped.includes(block)) mined.delete(transaction);
    bench.reorg(chain.at(-1) as TestBlock, dropped);
  };
  for (const { do: what, pick } of steps) {
    const head = chain.at(-1) as TestBlock;
    if (what === "block") {
      const block = blockOf(head.number + 1, `-${++count}`);
      chain.push(block);
      // At most one transaction of the wallet for its nonce: the one that was planned first.
      const [first] = [...bench.core.state.open.values()].filter(
        ({ stage, transactionHash }) => stage === "submitted" && !mined.has(transactionHash ?? ""),
      );
      if (first?.transactionHash != null && pick % 3 > 0) mined.set(first.transactionHash, block);
      bench.block(block);
    } else if (what === "rank") {
      // The stream holds one ranking of a block and epoch, and a restarted executor takes only new ones.
      if (ranked.has(`${head.hash}@${bench.epoch}`)) continue;
      ranked.add(`${head.hash}@${bench.epoch}`);
      bench.rank(
        head,
        [1, 2].map((index) => candidateOf(1 + ((pick + index) % 5))),
      );
    } else if (what === "reorg") drop(1 + (pick % 3));
    else if (what === "restart") bench.restart(7 + mined.size, bench.story().at(-1) === "settled" ? pick % 2 : 0);
    else if (what === "back") {
      const branch = left.pop();
      if (branch === undefined || branch.length > chain.length) continue;
      drop(chain.length - branch.length);
      left.pop();
      for (const block of branch.blocks) {
        chain.push(block);
        bench.block(block);
      }
    } else answer(bench, mined, pick);
  }
  // To the end of everything under way.
  for (let blocks = 0; blocks < 8; blocks++) {
    while (bench.asked.length > 0) answer(bench, mined, 0);
    const block = blockOf((chain.at(-1) as TestBlock).number + 1, `-${++count}`);
    chain.push(block);
    bench.block(block);
  }
  while (bench.asked.length > 0) answer(bench, mined, 0);
  return { bench, mined };
}

function answer(bench: Bench, mined: ReadonlyMap<string, TestBlock>, pick: number): void {
  const request: Request | undefined = bench.asked[pick % Math.max(1, bench.asked.length)];
  if (request === undefined) return;
  // The chosen one first.
  bench.asked = [request, ...bench.asked.filter((each) => each !== request)];
  if (request.call === "simulate") bench.simulates(pick % 4 === 1 ? { fails: "reverted" } : {});
  else if (request.call === "submit")
    bench.relays(
      pick % 5 === 1 ? { refused: ["relay: no"] } : pick % 5 === 2 ? { unanswered: ["relay: timeout"] } : { accepted: ["relay"] },
    );
  else if (request.call === "read-nonce") bench.nonce(7 + mined.size);
  else {
    const block = mined.get(request.transactionHash);
    bench.receipt(block === undefined ? null : receiptIn(block));
  }
}

describe("whatever happens", () => {
  test.prop([story], { numRuns: 1_000 })("its stream tells all that it knows: folding it gives what living through it gave", (steps) => {
    const { bench } = live(steps);
    const { open, landed, netProfit } = bench.core.state;
    const rebuilt = bench.rebuilt();
    expect([...rebuilt.open]).toEqual([...open]);
    expect([...rebuilt.landed]).toEqual([...landed]);
    expect(rebuilt.netProfit).toBe(netProfit);
  });

  test.prop([story], { numRuns: 1_000 })("nothing is said twice, and no two events share an id", (steps) => {
    const { bench } = live(steps);
    const said = published(bench.core.all);
    expect(new Set(said.map(({ messageId }) => messageId)).size).toBe(said.length);
  });

  test.prop([storyWithRestarts], { numRuns: 1_000 })(
    "in the end, whatever crashed, every execution has one end, and the books are what the chain has",
    (steps) => {
      const { bench, mined } = live(steps);
      expect(bench.core.state.open.size).toBe(0);
      const count = (kind: string) => bench.story().filter((each) => each === kind).length;
      expect(count("landed") + count("failed") + count("expired") - count("reorged")).toBe(count("planned"));
      expect(count("settled")).toBe(count("landed"));
      expect(bench.core.state.netProfit).toBe(BigInt(mined.size) * 8_600_000n);
      expect(new Set([...bench.core.state.landed.values()].map(({ transactionHash }) => transactionHash))).toEqual(new Set(mined.keys()));
    },
  );

  test.prop([story], { numRuns: 1_000 })("never two plans at once for one nonce in one block", (steps) => {
    const { bench } = live(steps);
    const undecided = new Map<string, BodyOf<"executionPlanned">>();
    for (const { body } of bench.stored) {
      if (body.kind === "execution-planned") {
        for (const other of undecided.values()) expect(other.targetBlock).toBeLessThan(body.targetBlock);
        undecided.set(body.executionId, body);
      } else if (body.kind === "execution-landed" || body.kind === "execution-failed" || body.kind === "execution-expired")
        undecided.delete(body.executionId);
    }
  });
});
