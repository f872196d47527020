import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Bus } from "#libs/actor/bus.ts";
import { type LocalBroker, startLocalBroker } from "#libs/actor/local-broker.ts";
import { fetchModel, saveModel } from "#libs/actor/models.ts";
import { InvariantError } from "#libs/units/invariant.ts";
import { packValue } from "#proto/codec.ts";

const VERSION = "0123456789abcdef";
let root: string;
let broker: LocalBroker;
let bus: Bus;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "hs-models-"));
  broker = await startLocalBroker({ directory: join(root, "nats") });
  bus = await Bus.connect({ servers: [broker.url], name: "models.test" });
  await bus.ensureStreams(["local", "other"]);
});
afterAll(async () => {
  await bus.close();
  await broker.stop();
  await rm(root, { recursive: true, force: true });
});

async function folderOf(version: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  const folder = join(await mkdtemp(join(root, "model-")), version);
  await mkdir(folder);
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  return folder;
}
const fetched = async (version: string, chain = "local") => fetchModel(bus, chain, version, await mkdtemp(join(root, "fetched-")));

/** Of more than one chunk of the object store, with every byte. */
const WEIGHTS = Uint8Array.from({ length: 400_000 }, (_, place) => (place * 7 + (place >> 8)) % 256);

test("a model comes out of the store as it went in, byte for byte, under its version", async () => {
  const folder = await folderOf(VERSION, { "model.onnx": WEIGHTS, "manifest.json": "{}\n", empty: "" });
  const bytes = await saveModel(bus, "local", folder);
  expect(bytes).toBeGreaterThan(WEIGHTS.length);
  const again = (await fetched(VERSION)) as string;
  expect(again.endsWith(`/${VERSION}`)).toBe(true);
  expect((await readdir(again)).sort()).toEqual(["empty", "manifest.json", "model.onnx"]);
  for (const name of await readdir(folder)) expect(await readFile(join(again, name)), name).toEqual(await readFile(join(folder, name)));
});

test("a version that is there stays as it is, and saving it again comes to the same size", async () => {
  const version = "1".repeat(16);
  const bytes = await saveModel(bus, "local", await folderOf(version, { "net.json": "first" }));
  expect(await saveModel(bus, "local", await folderOf(version, { "net.json": "later" }))).toBe(bytes);
  expect(await readFile(join((await fetched(version)) as string, "net.json"), "utf8")).toBe("first");
});

test("what is not there is null, and every chain has models of its own", async () => {
  expect(await fetched("f".repeat(16))).toBeNull();
  await saveModel(bus, "other", await folderOf("2".repeat(16), { a: "b" }));
  expect(await fetched("2".repeat(16))).toBeNull();
  expect(await fetched("2".repeat(16), "other")).not.toBeNull();
});

test("models stay when the streams and buckets are made sure of again", async () => {
  await saveModel(bus, "local", await folderOf("7".repeat(16), { a: "b" }));
  await bus.ensureStreams(["local", "other"]);
  expect(await fetched("7".repeat(16))).not.toBeNull();
});

test.each([
  ["no MessagePack", new TextEncoder().encode("nonsense"), "3".repeat(16)],
  ["no list", packValue({ a: 1 }), "4".repeat(16)],
  ["no files", packValue([["a", "text"]]), "5".repeat(16)],
  [
    "a file elsewhere",
    packValue([
      ["good", Uint8Array.of(1)],
      ["../evil", Uint8Array.of(1)],
    ]),
    "6".repeat(16),
  ],
])("an object that is no model is refused, and nothing is written: %s", async (_, payload, version) => {
  await (await bus.openModels("local")).putBlob({ name: version }, payload);
  const directory = await mkdtemp(join(root, "refused-"));
  await expect(fetchModel(bus, "local", version, directory)).rejects.toThrow(InvariantError);
  expect(await readdir(directory)).toEqual([]);
});
