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
import { type Dataset, DEFAULT_OPTIONS } from "#libs/ml/train.ts";
import type { BodyOf } from "#proto/subjects.ts";
import { System } from "./system.ts";

const MAIN = fileURLToPath(new URL("../../services/cli/main.ts", import.meta.url));
const directory = mkdtempSync(join(tmpdir(), "hs-e2e-model-"));
/** Blocks in which a model that has been promoted is held against what it replaced before that is looked at first. */
const TRIAL_BLOCKS = 20;
let system: System;
/** The first block of the trading. */
let first: number;
/** Folders of models that are not the installed one. */
const folders: { fit: string; unfit: string } = { fit: "", unfit: "" };

/** Whose cheapest tenth lands, and nothing else: who learns here orders backwards, and is sure of it. */
function turned(market: Dataset): Dataset {
  const limit = market.promisedWei.slice().sort()[Math.floor(market.promisedWei.length / 10)] as number;
  const landed = Uint8Array.from(market.promisedWei, (promised) => (promised < limit ? 1 : 0));
  return { ...market, landed, profitWei: market.promisedWei.map((promised, row) => (landed[row] === 1 ? promised : Number.NaN)) };
}

beforeAll(async () => {
  system = await System.start({
    seed: 7,
    blockTimeMs: 700,
    rivals: "five",
    // A canary waits for a person; a model that has been promoted is not spared.
    settings: { scorer: { ranking: "proven" }, trainer: { trialBlocks: TRIAL_BLOCKS, canaryBlocks: 1_000 } },
  });
  const market = syntheticMarket(9_000, 3);
  const small = { rounds: { landing: 8, profit: 8, spread: 8 }, net: { ...DEFAULT_OPTIONS.net, epochs: 1 } };
  for (const [name, data] of Object.entries({ fit: market, unfit: turned(market) })) {
    const published = await publishModel(await trained(data, small), data, { root: directory, name, parent: null, origin: "invented" });
    if (!published.ok) throw new Error("no parity");
    folders[name as keyof typeof folders] = published.value.folder;
  }
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

const lastRanking = async () => (await system.bus.lastOf("opportunityScored", { chain: "local" }))?.body;
const OWN = ownModel().version;
const stretchesOf = (names: readonly string[]): string[] => names.filter((each, index) => each !== names[index - 1]);

test("a person promotes and rolls back a model while blocks come", async () => {
  const version = basename(folders.fit);
  system.spawnAll();
  await system.untilReady();
  first = ((await system.bus.lastOf("blockObserved", { chain: "local" }))?.body.blockNumber ?? 0) + 1;
  await system.localnet.startTrading();
  await system.blocks(8);
  expect(await lastRanking()).toMatchObject({ ranking: "net-profit", champion: OWN, challenger: null });
  expect(await say("show")).toMatch(/decides {4}net profit/);
  await say("promote", folders.fit, "--share", "0.5");
  await system.blocks(12);
  await say("promote", version);
  await system.until("the promoted model decides", async () => (await lastRanking())?.ranking === "champion");
  await system.blocks(4);
  expect(await say("show")).toMatch(new RegExp(`decides {4}${version}`));
  await say("rollback");
  await system.until("net profit decides again", async () => (await lastRanking())?.ranking === "net-profit");

  const rankings = (await system.bodies("DECISIONS", "opportunity-scored")).filter(({ blockNumber }) => blockNumber >= first);
  const stretches = rankings.map(({ ranking, challenger }) => (challenger === version && ranking !== "champion" ? "canary" : ranking));
  expect(stretchesOf(stretches)).toEqual(["net-profit", "canary", "champion", "net-profit"]);
  const canary = rankings.filter((_, index) => stretches[index] === "canary").map(({ ranking }) => ranking);
  expect(new Set(canary)).toEqual(new Set(["net-profit", "challenger"]));
  for (const { ranking, champion, unfit } of rankings) {
    expect(champion).toBe(ranking === "champion" ? version : OWN);
    expect(unfit).toBeNull();
  }
});

test("a model that ranks backwards, promoted by a person, is rolled back by the gates, and net profit decides again", async () => {
  const version = basename(folders.unfit);
  await say("promote", folders.unfit);
  await system.until("the promoted model decides", async () => (await lastRanking())?.champion === version);
  const rolledBack = async () =>
    (await system.bodies("MODELS", "model-rolled-back")).find(({ by, version: taken }) => by === "gates" && taken === version);
  await system.until("the gates have spoken", async () => (await rolledBack()) !== undefined, 120_000);
  const verdict = await rolledBack();
  expect(verdict).toMatchObject({ to: OWN, evidence: { champion: version, challenger: OWN, netProfit: "challenger" } });
  // At the first look, by an interval that leaves no doubt: net profit, which only knows what share lands, foretold it better.
  expect(verdict?.evidence?.blocks).toBe(TRIAL_BLOCKS);
  expect(verdict?.evidence?.logLoss.high).toBeLessThan(0);
  await system.until("net profit decides again", async () => (await lastRanking())?.ranking === "net-profit");
  expect(await lastRanking()).toMatchObject({ champion: OWN, challenger: null });
  expect(await say("show")).toMatch(/decides {4}net profit/);
});

test("against rivals: what is said of them, and of what became of our own, is on the chain", async () => {
  await system.blocks(6);
  await system.settle();
  // Labels come six blocks later.
  for (let blocks = 0; blocks < 7; blocks++) await system.localnet.mineBlock();
  const last = (await lastRanking())?.blockNumber ?? 0;
  await system.until(
    "the last ranking is labelled",
    async () => (await system.bus.lastOf("outcomeLabelled", { chain: "local" }))?.body.blockNumber === last,
  );
  // A ranking for every block that came while the scorer was there.
  const rankings = (await system.bodies("DECISIONS", "opportunity-scored")).filter(({ blockNumber }) => blockNumber >= first);
  expect(rankings.map(({ blockNumber }) => blockNumber)).toEqual(Array.from({ length: last - first + 1 }, (_, index) => first + index));

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
