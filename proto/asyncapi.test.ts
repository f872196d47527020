import { readFileSync } from "node:fs";
import { Compile } from "typebox/compile";
import { expect, test } from "vitest";
import { ASYNCAPI_FILE, renderAsyncApi } from "#proto/asyncapi.ts";
import { REQUESTS, type RequestKey } from "#proto/requests.ts";
import { ACTORS, rowOfSubject, STREAMS, SUBJECTS, type SubjectKey } from "#proto/subjects.ts";

type Node = Record<string, unknown>;
interface Channel {
  address: string;
  messages: Record<string, { $ref: string }>;
  parameters?: Record<string, { $ref: string }>;
  "x-jetstream": Node;
}
interface Operation {
  action: string;
  channel: { $ref: string };
  messages: { $ref: string }[];
  tags: { name: string }[];
}

const text = readFileSync(ASYNCAPI_FILE, "utf8");
const document = JSON.parse(text) as Node & { channels: Record<string, Channel>; operations: Record<string, Operation> };
const keys = Object.keys(SUBJECTS) as SubjectKey[];

function resolve(reference: string): Node {
  let node: unknown = document;
  for (const part of reference.replace(/^#\//, "").split("/")) node = (node as Node | undefined)?.[part];
  if (typeof node !== "object" || node === null) throw new Error(`${reference} leads nowhere`);
  return node as Node;
}

function* nodesOf(value: unknown): Generator<Node> {
  if (typeof value !== "object" || value === null) return;
  yield value as Node;
  for (const item of Object.values(value)) yield* nodesOf(item);
}

/** The schema as it was before its shared parts were moved to components. */
function inlined(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inlined);
  if (typeof value !== "object" || value === null) return value;
  const { $ref } = value as { $ref?: string };
  if ($ref !== undefined) {
    const { description: _, ...schema } = resolve($ref);
    return inlined(schema);
  }
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, inlined(item)]));
}

test("the tracked document is what the table says", () => {
  expect(text).toBe(renderAsyncApi());
});

test("it is an AsyncAPI 3.0 document in which every reference leads somewhere", () => {
  expect(document).toMatchObject({ asyncapi: "3.0.0", info: { title: "Hyperspeed" }, defaultContentType: "application/msgpack" });
  const known = ["asyncapi", "id", "info", "servers", "defaultContentType", "channels", "operations", "components"];
  expect(Object.keys(document).filter((key) => !known.includes(key) && !key.startsWith("x-"))).toEqual([]);
  const references = [...nodesOf(document)].flatMap((node) => (typeof node.$ref === "string" ? [node.$ref] : []));
  expect(references.length).toBeGreaterThan(keys.length);
  for (const reference of references) resolve(reference);
});

test.each(keys)("row %s is a channel whose address leads back to it, with its parameters and its stream's limits", (key) => {
  const channel = document.channels[key];
  if (channel === undefined) throw new Error("no channel");
  const names = [...channel.address.matchAll(/\{([a-z]+)\}/g)].map(([, name]) => name);
  expect(Object.keys(channel.parameters ?? {})).toEqual(names);
  expect(rowOfSubject(channel.address.replaceAll(/[{}]/g, ""))).toBe(key);
  const { scope: _, suffix, ...limits } = STREAMS[SUBJECTS[key].stream];
  expect(channel["x-jetstream"]).toMatchObject(limits);
  expect(channel["x-jetstream"].stream).toMatch(new RegExp(`${suffix}$`));
});

test.each(keys)("row %s has one operation for its producer and each consumer, and no other", (key) => {
  const { producer, consumers } = SUBJECTS[key];
  const operations = Object.values(document.operations).filter(({ channel }) => channel.$ref === `#/channels/${key}`);
  const of = (action: string) => operations.filter((operation) => operation.action === action).map(({ tags }) => tags[0]?.name);
  expect(of("send")).toEqual(producer === "every actor" ? ACTORS : [producer]);
  expect(of("receive")).toEqual(consumers);
  const messages = Object.keys(document.channels[key]?.messages ?? {}).map((name) => `#/channels/${key}/messages/${name}`);
  for (const operation of operations) expect(operation.messages.map(({ $ref }) => $ref)).toEqual(messages);
});

test.each(keys)("row %s has a MessagePack message whose payload is its schema, and a validator takes it", (key) => {
  const [message] = Object.values(document.channels[key]?.messages ?? {}).map(({ $ref }) => resolve($ref));
  expect(message?.contentType).toBe("application/msgpack");
  const payload = inlined(message?.payload);
  expect(payload).toEqual(JSON.parse(JSON.stringify(SUBJECTS[key].schema)));
  const check = Compile(payload as Parameters<typeof Compile>[0]);
  expect(check.Check({ kind: message?.name })).toBe(false);
});

test.each(Object.keys(REQUESTS) as RequestKey[])("question %s is asked on its subject, answered, and both are their schemas", (key) => {
  const { subject, asks, answers, request, reply } = REQUESTS[key];
  const [asked, answered] = [document.channels[key], document.channels[`${key}Reply`]];
  expect(asked?.address).toBe(subject.replace("<chain>", "{chain}"));
  expect(answered?.address).toBeNull();
  const operations = Object.values(document.operations).filter(({ channel }) => channel.$ref === `#/channels/${key}`);
  expect(operations.map(({ action, tags }) => [action, tags[0]?.name])).toEqual([
    ...asks.map((actor) => ["send", actor]),
    ["receive", answers],
  ]);
  const payloads = [asked, answered].map((channel) =>
    Object.values(channel?.messages ?? {}).map(({ $ref }) => inlined(resolve($ref).payload)),
  );
  expect(payloads).toEqual([request, reply].map((schema) => [JSON.parse(JSON.stringify(schema))]));
});
