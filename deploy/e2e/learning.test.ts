import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ownModel } from "#libs/ml/installed.ts";
import { publishModel } from "#libs/ml/model-folder.ts";
import { syntheticMarket, trained } from "#libs/ml/testing.ts";
import { DEFAULT_OPTIONS } from "#libs/ml/train.ts";
import type { BodyOf } from "#proto/subjects.ts";
import { System } from "./system.ts";

const MAIN = fileURLToPath(new URL("../../services/cli/main.ts", import.meta.url));
const directory = mkdtempSync(join(tmpdir(), "hs-e2e-model-"));
let system: System;
let folder: string;
beforeAll(async () => {
  system = await System.start({
    seed: 7,
    blockTimeMs: 700,
    rivals: "five",
    // The gates wait: here a person speaks.
    settings: { scorer: { ranking: "proven" }, trainer: { canaryBlocks: 1_000 } },
  });
  const market = syntheticMarket(9_000, 3);
  const small = { rounds: { landing: 8, profit: 8, spread: 8 }, net: { ...DEFAULT_OPTIONS.net, epochs: 1 } };
  const published = await publishModel(await trained(market, small), market, {
    root: directory,
    name: "new",
    parent: null,
    origin: "invented",
  });
  if (!published.ok) throw new Error("no parity");
  folder = published.value.folder;
});
afterAll(async () => {
  await system.stop();
  rmSync(directory, { recursive: true });
});

const say = async (...args: readonly string[]): Promise<string> =>
  (await promisify(execFile)(process.execPath, [MAIN, "model", ...args, "--chain", "local", "--nats", system.broker.url])).stdout;

interface Mined {
  readonly hash: string;
  readonly to: string | null;
  readonly succeeded: boolean;
}

/** By block number, as the chain has it. */
async function minedBetween(first: number, last: number): Promise<Map<number, Mined[]>> {
  const blocks = new Map<number, Mined[]>();
  for (let number = first; number <= last; number++) {
    const block = await system.client.send<{ transactions: { hash: string; to: string | null }[] }>("eth_getBlockByNumber", [
      `0x${number.toString(16)}`,
      true,
    ]);
    const receipts = await Promise.all(
      block.transactions.map(({ hash }) => system.client.send<{ status: string }>("eth_getTransactionReceipt", [hash])),
    );
    blocks.set(
      number,
      block.transactions.map(({ hash, to }, index) => ({ hash, to, succeeded: receipts[index]?.status === "0x1" })),
    );
  }
  return blocks;
}

test("against rivals: what is said of them is on the chain, and a person promotes and rolls back a model while blocks come", async () => {
  system.spawnAll();
  await system.untilReady();
  const first = ((await system.bus.lastOf("blockObserved", { chain: "local" }))?.body.blockNumber ?? 0) + 1;
  await system.localnet.startTrading();
  const [OWN, NEW] = [ownModel().version, basename(folder)];
  const lastRanking = async () => (await system.bus.lastOf("opportunityScored", { chain: "local" }))?.body;

  await system.blocks(8);
  expect(await lastRanking()).toMatchObject({ ranking: "net-profit", champion: OWN, challenger: null });
  expect(await say("show")).toMatch(/decides {4}net profit/);
  await say("promote", folder, "--share", "0.5");
  await system.blocks(12);
  await say("promote", NEW);
  await system.until("the promoted model decides", async () => (await lastRanking())?.ranking === "champion");
  await system.blocks(4);
  expect(await say("show")).toMatch(new RegExp(`decides {4}${NEW}`));
  await say("rollback");
  await system.until("net profit decides again", async () => (await lastRanking())?.ranking === "net-profit");
  await system.blocks(6);
  await system.settle();
  // Labels come six blocks later.
  for (let blocks = 0; blocks < 7; blocks++) await system.localnet.mineBlock();
  const last = (await lastRanking())?.blockNumber ?? 0;
  await system.until(
    "the last ranking is labelled",
    async () => (await system.bus.lastOf("outcomeLabelled", { chain: "local" }))?.body.blockNumber === last,
  );

  // A ranking for every block that came while the scorer was there, each by one who stood, in the order of what was said.
  const rankings = (await system.bodies("DECISIONS", "opportunity-scored")).filter(({ blockNumber }) => blockNumber >= first);
  expect(rankings.map(({ blockNumber }) => blockNumber)).toEqual(Array.from({ length: last - first + 1 }, (_, index) => first + index));
  const stretches = rankings.map(({ ranking, challenger }) => (challenger === NEW && ranking !== "champion" ? "canary" : ranking));
  expect(stretches.filter((each, index) => each !== stretches[index - 1])).toEqual(["net-profit", "canary", "champion", "net-profit"]);
  const canary = rankings.filter((_, index) => stretches[index] === "canary").map(({ ranking }) => ranking);
  expect(new Set(canary)).toEqual(new Set(["net-profit", "challenger"]));
  for (const { ranking, champion, unfit } of rankings) {
    expect(champion).toBe(ranking === "champion" ? NEW : OWN);
    expect(unfit).toBeNull();
  }

  // Every arbitrage of a rival is seen, and nothing else is taken for one.
  const mined = await minedBetween(first, last + 1);
  const contracts = new Set<string | null>(system.localnet.rivals.map(({ contract }) => contract));
  const theirs = [...mined].flatMap(([number, all]) => all.filter(({ to }) => contracts.has(to)).map((each) => ({ number, ...each })));
  expect(theirs.length).toBeGreaterThan(10);
  expect(theirs.filter(({ succeeded }) => !succeeded)).toEqual([]);
  const seen = (await system.bodies("MARKET", "arbitrage-observed"))
    .filter(({ blockNumber }) => blockNumber >= first && blockNumber <= last + 1)
    .flatMap(({ blockNumber, arbitrages }) => arbitrages.map((each) => ({ blockNumber, ...each })));
  const placed = (number: number, hash: string) => `${number} ${hash}`;
  expect(
    new Set(seen.filter(({ to }) => contracts.has(to)).map(({ blockNumber, transactionHash }) => placed(blockNumber, transactionHash))),
  ).toEqual(new Set(theirs.map(({ number, hash }) => placed(number, hash))));
  const executor = system.chain.executorContract;
  expect(seen.filter(({ ours }) => ours).every(({ to }) => to === executor)).toBe(true);

  // Labels: what landed is in its block; what was outbid is not, and who was faster is, in the next block.
  const labelled = (await system.bodies("DECISIONS", "outcome-labelled")).flatMap(({ blockNumber, labels }) =>
    labels.map((label) => ({ blockNumber, label })),
  );
  const submitted = new Map(
    (await system.bodies("MONEY", "execution-submitted")).map(
      ({ executionId, transactionHash }) => [executionId, transactionHash] as const,
    ),
  );
  const inBlock = (number: number, hash: string | undefined) => mined.get(number)?.find((each) => each.hash === hash);
  type Outcome = BodyOf<"outcomeLabelled">["labels"][number]["outcome"];
  const sent = new Map<Outcome, number>();
  for (const { blockNumber, label } of labelled) {
    const { outcome, next, executions } = label;
    if (outcome === "outbid") expect(contracts).toContain(inBlock(blockNumber + 1, next.rival?.transactionHash)?.to);
    const own = executions.find(({ executionId }) => submitted.has(executionId));
    if (own === undefined) continue;
    sent.set(outcome, (sent.get(outcome) ?? 0) + 1);
    const onChain = inBlock(blockNumber + 1, submitted.get(own.executionId));
    if (outcome === "landed") expect(onChain).toMatchObject({ to: executor, succeeded: true });
    else expect(onChain).toBeUndefined();
  }
  expect(sent.get("landed")).toBeGreaterThan(2);
  expect([...sent.keys()].filter((outcome) => outcome !== "landed").length).toBeGreaterThan(0);
  expect(labelled.some(({ label }) => label.outcome === "outbid")).toBe(true);
  expect(system.died).toEqual([]);
});
