import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Bus } from "#libs/actor/bus.ts";
import { type LocalBroker, startLocalBroker } from "#libs/actor/local-broker.ts";
import { World } from "#libs/history/testing.ts";
import { ownModel } from "#libs/ml/installed.ts";
import { syntheticMarket } from "#libs/ml/testing.ts";
import { labelsFrom } from "#libs/ml/testing-labels.ts";
import { labelsOfFile, readSources } from "#services/cli/label-source.ts";
import { type Compared, historyOf, shownOf } from "#services/cli/model.ts";

const MAIN = fileURLToPath(new URL("./main.ts", import.meta.url));
const directory = mkdtempSync(join(tmpdir(), "hs-model-"));
let broker: LocalBroker;
let bus: Bus;
beforeAll(async () => {
  broker = await startLocalBroker({ directory: join(directory, "nats") });
  bus = await Bus.connect({ servers: [broker.url], name: "model.test" });
  await bus.ensureStreams(["local"]);
});
afterAll(async () => {
  await bus.close();
  await broker.stop();
  rmSync(directory, { recursive: true });
});

async function hyperspeed(...args: readonly string[]) {
  const child = spawn(process.execPath, [MAIN, ...args], { cwd: directory, env: { ...process.env, HS_LOG_LEVEL: "fatal" } });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, stdout, stderr, last: stderr.trim().split("\n").slice(-2) };
}

const linesOf = (rankings: ReturnType<typeof labelsFrom>): string =>
  rankings
    .map(({ labels, ...body }) => labels.map((label) => `${JSON.stringify({ chain: "local", ...body, ...label })}\n`).join(""))
    .join("");

test("from labels to a model that decides, and back", { timeout: 180_000 }, async () => {
  const market = syntheticMarket(9_000, 1);
  const rankings = labelsFrom(market, 1);
  const file = join(directory, "labels.jsonl");
  writeFileSync(file, linesOf(rankings));
  // Lines and stream hold the same.
  for (const body of rankings.slice(0, 40))
    await bus.publish("outcomeLabelled", { chain: "local" }, body, { messageId: `labels:${body.blockNumber}`, trace: null });
  const [streamed] = await readSources(["HS_LOCAL_DECISIONS"], broker.url);
  const pick = ({ featureSchema, blockNumber, labels }: (typeof rankings)[number]) => ({ featureSchema, blockNumber, labels });
  expect((streamed?.blocks ?? []).map((block) => pick(block as never))).toEqual(rankings.slice(0, 40).map(pick));
  expect((await labelsOfFile(file)).map((block) => ({ ...block, labels: block.labels.map(({ cycleId }) => cycleId) }))).toEqual(
    rankings.map((body) => ({ ...pick(body), labels: body.labels.map(({ cycleId }) => cycleId) })),
  );

  const trained = await hyperspeed("train", "--from", file, "--name", "school", "--seed", "5", "--json");
  expect(trained.code).toBe(0);
  const { folder, manifest } = JSON.parse(trained.stdout);
  expect(manifest).toMatchObject({ name: "school", data: { rows: 9_000, origin: `Labels of ${file}` }, options: { seed: 5 } });
  expect(readdirSync(join(directory, "models", "school"))).toEqual([basename(folder)]);
  const version = basename(folder);

  const installed = ownModel();
  const newer = join(directory, "newer.jsonl");
  writeFileSync(newer, linesOf(labelsFrom(syntheticMarket(2_000, 9), 1_000_000)));
  const compared = await hyperspeed("model", "compare", installed.folder, folder, "--from", newer, "--json");
  expect(compared).toMatchObject({ code: 0 });
  const { comparison, models } = JSON.parse(compared.stdout) as Compared;
  expect(comparison).toMatchObject({ champion: installed.version, challenger: version, candidates: 2_000 });
  expect(models[1]).toMatchObject({ version, blocksTrainedOn: 0 });
  expect(models[1]?.auc).toBeGreaterThan(0.65);

  const at = ["--chain", "local", "--nats", broker.url];
  // Nobody has seen a block of it.
  expect(await hyperspeed("model", "promote", folder, ...at)).toMatchObject({
    code: 2,
    last: [expect.stringMatching(/no block of local/), expect.any(String)],
  });
  const world = new World();
  world.block({ number: 7 });
  for (const { body, meta } of world.messages)
    await bus.publish("blockObserved", { chain: "local" }, body as never, { messageId: meta.id, trace: null });

  const stands = async () => shownOf("local", await historyOf(bus, "local"), installed.version, null);
  expect(await stands()).toMatchObject({
    champion: installed.version,
    challenger: null,
    models: [{ version: installed.version, fate: "champion" }],
  });
  expect(await hyperspeed("model", "rollback", ...at)).toMatchObject({ code: 2 });

  expect(await hyperspeed("model", "promote", folder, ...at, "--share", "0.25")).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/25 % of the blocks/),
  });
  expect(await stands()).toMatchObject({ champion: installed.version, challenger: version, canaryShare: 0.25 });
  expect(await hyperspeed("model", "rollback", ...at)).toMatchObject({ code: 0 });
  expect(await stands()).toMatchObject({ champion: installed.version, challenger: null });
  // It is in the store by now.
  expect(await hyperspeed("model", "promote", version, ...at)).toMatchObject({ code: 0 });
  expect(await stands()).toMatchObject({ champion: version, challenger: installed.version, canaryShare: 0 });
  expect(await hyperspeed("model", "promote", version, ...at)).toMatchObject({
    code: 2,
    last: [expect.stringMatching(/decides already/), expect.any(String)],
  });
  expect(await hyperspeed("model", "rollback", ...at, "--json")).toMatchObject({
    code: 0,
    stdout: `${JSON.stringify({ version, to: installed.version })}\n`,
  });
  expect(await stands()).toMatchObject({ champion: installed.version, models: [{ fate: "champion" }, { version, fate: "rolled back" }] });
  expect(JSON.parse((await hyperspeed("model", "show", ...at, "--json")).stdout)).toEqual(await stands());
  expect((await hyperspeed("model", "show", ...at)).stdout).toMatch(new RegExp(`decides    ${installed.version}`));
  expect((await hyperspeed("model", "show", version, ...at)).stdout).toMatch(new RegExp(`^model        school ${version}\n`));
});

test("what is wrong is said, with what to do", { timeout: 60_000 }, async () => {
  const file = join(directory, "bad.jsonl");
  writeFileSync(file, `${linesOf(labelsFrom(syntheticMarket(20, 1), 1))}{"chain":"local","blockNumber":"x"}\n`);
  const refusals: readonly (readonly [args: readonly string[], problem: RegExp])[] = [
    [["train", "--from", file], /bad\.jsonl, line 21, is no label: /],
    [["train", "--from", join(directory, "nowhere.jsonl")], /is no stream with labels/],
    [["train", "--from", "HS_LOCAL_DECISIONS"], /is a stream, and no server is named/],
    [["model", "show"], /neither a model nor a chain is named/],
    [["model", "show", "--chain", "local"], /belong together/],
    [["model", "show", "--chain", "mars", "--nats", broker.url], /holds nothing of chain mars/],
    [["model", "show", "f".repeat(16)], /is not the model of this installation/],
    [["model", "promote", "f".repeat(16), "--chain", "local", "--nats", broker.url], /the store of local has no model/],
  ];
  for (const [args, problem] of refusals)
    expect(await hyperspeed(...args)).toMatchObject({
      code: 2,
      stdout: "",
      last: [expect.stringMatching(problem), expect.stringMatching(/→/)],
    });
  writeFileSync(file, linesOf(labelsFrom(syntheticMarket(2_000, 1), 1)));
  expect(await hyperspeed("train", "--from", file)).toMatchObject({
    code: 2,
    last: [expect.stringMatching(/too few labels to train on/), expect.any(String)],
  });
  expect(await hyperspeed("model", "promote", "x", "--chain", "local", "--nats", broker.url, "--share", "2")).toMatchObject({ code: 2 });
});
