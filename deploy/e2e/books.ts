import { expect } from "vitest";
import { makeReport, type Report } from "#services/cli/report.ts";
import { notOnce, type System } from "./system.ts";

/** Everything that has to hold however the run went: nothing lost, nothing twice, and the books equal the chain. Returns the run's report. */
export async function expectBooksInOrder(system: System, holdingsBefore: bigint): Promise<Report> {
  const blocks = await system.bodies("MARKET", "block-observed");
  expect(notOnce(blocks.map(({ blockHash, epoch }) => `${blockHash}@${epoch}`)), "each block observed once").toEqual({});
  for (let index = 1; index < blocks.length; index++) {
    const [before, after] = [blocks[index - 1], blocks[index]];
    if (before?.epoch === after?.epoch) expect(after?.parentHash, `block ${after?.blockNumber} follows its parent`).toBe(before?.blockHash);
  }

  for (const { id } of system.chain.dexes) {
    const changes = (await system.bodies("MARKET", "pool-changed")).filter(({ dex }) => dex === id);
    const reported = changes.filter(({ reason }) => reason !== "reorg").map(({ blockHash, epoch }) => `${blockHash}@${epoch}`);
    expect(notOnce(reported), `${id} reports each block once`).toEqual({});
    const from = blocks.findIndex(({ blockHash }) => blockHash === changes[0]?.blockHash);
    expect(reported, `${id} reports every block`).toEqual(blocks.slice(from).map(({ blockHash, epoch }) => `${blockHash}@${epoch}`));
  }

  const found = (await system.bodies("DECISIONS", "cycle-found")).map(({ blockHash, epoch }) => `${blockHash}@${epoch}`);
  const from = blocks.findIndex(({ blockHash, epoch }) => `${blockHash}@${epoch}` === found[0]);
  const ranked = (await system.bodies("DECISIONS", "opportunity-scored")).map(({ blockHash, epoch }) => `${blockHash}@${epoch}`);
  expect(notOnce(found), "each block searched once").toEqual({});
  expect(notOnce(ranked), "each block ranked once").toEqual({});
  // The blocks that settle the last executions come after the scorer has been stopped.
  expect(found, "every block searched").toEqual(blocks.slice(from).map(({ blockHash, epoch }) => `${blockHash}@${epoch}`));
  expect(new Set(ranked), "every searched block ranked").toEqual(new Set(found.slice(0, ranked.length)));

  const money = await system.read("MONEY");
  const ids = (kind: string) => money.flatMap(({ body }) => (body.kind === kind && "executionId" in body ? [body.executionId] : []));
  expect(notOnce(ids("execution-planned")), "each execution planned once").toEqual({});
  const reorged = ids("execution-reorged");
  const ends = [...ids("execution-landed"), ...ids("execution-failed"), ...ids("execution-expired")];
  expect(ends.length - reorged.length, "every execution has one end").toBe(ids("execution-planned").length);
  expect(ids("trade-settled").length, "each landing settled once").toBe(ids("execution-landed").length);

  const report = await makeReport({
    bus: system.bus,
    chain: system.chain,
    client: system.client,
    seed: null,
    measuredFrom: 0,
    earnings: { wallet: system.wallet, before: holdingsBefore },
  });
  expect(report.onChainProfitWei, "settled profit is what the balances say").toBe(report.profitWei);
  expect(
    report.trades.filter(({ onChain }) => !onChain),
    "every trade is on the chain",
  ).toEqual([]);
  const sent = Number(await system.client.send<string>("eth_getTransactionCount", [system.wallet, "latest"]));
  expect(report.landed + report.reverted, "every transaction of the wallet is in the books").toBe(sent);
  expect(report.reverted).toBe(0);
  expect(report.deadLetters).toBe(0);
  await expectTradesObserved(system, report);
  return report;
}

/** Nobody else trades in cycles on the local chain: the arbitrages that the analyst sees in the blocks' logs are our trades, each with its profit to the unit. */
async function expectTradesObserved(system: System, report: Report): Promise<void> {
  const settled = await system.bodies("MONEY", "trade-settled");
  const trades = report.trades.map(({ transactionHash, blockHash }) => {
    const trade = settled.find((each) => each.transactionHash === transactionHash && each.blockHash === blockHash);
    return [blockHash, transactionHash, (BigInt(trade?.profit ?? 0) + BigInt(trade?.builderPayment ?? 0)).toString(), true];
  });
  const observed = async () => {
    const reorgs = await system.bodies("MARKET", "block-reorged");
    const isVoid = ({ blockHash, epoch }: { readonly blockHash: string; readonly epoch: number }) =>
      reorgs.some((reorg) => reorg.epoch > epoch && reorg.dropped.some(([, hash]) => hash === blockHash));
    return (await system.bodies("MARKET", "arbitrage-observed")).flatMap((body) =>
      isVoid(body)
        ? []
        : body.arbitrages.map(({ transactionHash, grossProfit, ours }) => [body.blockHash, transactionHash, grossProfit, ours]),
    );
  };
  await system.until("every trade is observed", async () => (await observed()).length >= trades.length);
  expect((await observed()).sort(), "the arbitrages in the blocks are our trades").toEqual(trades.sort());
}
