/**
 * The subject table as an AsyncAPI 3.0 document, for readers and tools that know nothing of this code.
 *
 *   node proto/asyncapi.ts            # writes proto/asyncapi.json
 *   node proto/asyncapi.ts --check    # fails when the tracked file is not what the table says
 */
import { readFileSync, writeFileSync } from "node:fs";
import type { TSchema } from "typebox";
import { ObservedArbitrage, ObservedHop } from "#proto/arbitrage/v1/observed.ts";
import { LOG_COLUMNS, LogRow } from "#proto/block/v1/observed.ts";
import { Candidate, Hop, SwapCall } from "#proto/cycle/v1/found.ts";
import { Scored } from "#proto/opportunity/v1/scored.ts";
import { FAMILY_IDS, type FamilyId, FoundPools, POOL_FAMILIES, PoolStates, TickRow } from "#proto/pool/v1/state.ts";
import { PRICE_COLUMNS, PriceRow } from "#proto/price/v1/changed.ts";
import { REQUESTS, type RequestKey } from "#proto/requests.ts";
import { AddressText, Count, Decimal, HashText, HexData, Int, Token, Uint } from "#proto/scalars.ts";
import { ACTORS, type ActorName, STREAMS, type StreamKey, SUBJECTS, type SubjectKey } from "#proto/subjects.ts";

export const ASYNCAPI_FILE = new URL("asyncapi.json", import.meta.url);

const columnsOf = (family: FamilyId) => `${family}: ${POOL_FAMILIES[family].columns.join(", ")}.`;
const positional = (columns: readonly string[]) => `Positional: ${columns.join(", ")}.`;

/** Schemas that several messages share: written once under components, with what their type alone does not say. */
const SHARED: readonly (readonly [name: string, schema: TSchema, description: string])[] = [
  ["Uint", Uint, "Unsigned integer of the chain (amount, price, wei) as a decimal string."],
  ["Int", Int, "Signed integer of the chain as a decimal string."],
  ["Decimal", Decimal, "A fraction as a plain decimal string: no exponent, no zeros at the end. Twelve significant digits mean something."],
  ["Address", AddressText, "20 bytes, lower case."],
  ["Hash", HashText, "32 bytes, lower case."],
  ["HexData", HexData, "Bytes, lower case."],
  ["Count", Count, "A block number, count or Unix time in milliseconds, below 2^53."],
  ["Token", Token, "What one token of a subject may be."],
  ["LogRow", LogRow, positional(LOG_COLUMNS)],
  ["TickRow", TickRow, "Positional: tick, liquidityNet, liquidityGross. A liquidityGross of 0 removes the tick."],
  ["PoolStates", PoolStates, `Absolute states of pools of one family, positional. ${FAMILY_IDS.map(columnsOf).join(" ")}`],
  ["FoundPools", FoundPools, "Pools of one family, positional: pool, tokens in the pool's own order, what else never changes of it."],
  ["SwapCall", SwapCall, "How the executor contract calls a pool."],
  ["Hop", Hop, "One swap of a cycle with its exact amounts."],
  ["Candidate", Candidate, "A cycle, sized exactly."],
  ["PriceRow", PriceRow, positional(PRICE_COLUMNS)],
  ["ObservedHop", ObservedHop, "One swap of a landed cycle, by its log."],
  ["ObservedArbitrage", ObservedArbitrage, "An atomic arbitrage that somebody landed."],
  ["Scored", Scored, "A candidate with what it costs and is worth."],
];

const PARAMETERS: Readonly<Record<string, string>> = {
  chain: "Key of the chain (libs/chains), such as base.",
  dex: "Id of the DEX on that chain, such as uniswap-v3.",
  wallet: "Address of the executing wallet, lower case: one writer per subject.",
  by: "Who says it of a model, `gates` (the trainer) or `operator`: one writer per subject.",
  instance: "Name of the running instance.",
  scope: "`all` for a whole set, `moved` for what has moved since the message before.",
  actor: "Name of the actor that buried the message.",
};

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
type JsonObject = { readonly [key: string]: Json };

const plain = (schema: TSchema): JsonObject => JSON.parse(JSON.stringify(schema)) as JsonObject;
const names = new Map(SHARED.map(([name, schema]) => [JSON.stringify(schema), name]));

/** The schema with every shared part below its root replaced by a reference. */
function withReferences(value: Json, isRoot = true): Json {
  const name = isRoot ? undefined : names.get(JSON.stringify(value));
  if (name !== undefined) return { $ref: `#/components/schemas/${name}` };
  if (Array.isArray(value)) return value.map((item) => withReferences(item, false));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withReferences(item, false)]));
}

const pascal = (text: string): string => text.replaceAll(/(?:^|[-.])([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
const messageName = (key: SubjectKey): string => pascal(plain(SUBJECTS[key].schema.properties.kind).const as string);
const templateOf = (subject: string): string => subject.replaceAll(/<([a-z]+)>/g, "{$1}");
const tokensOf = (key: SubjectKey): string[] => [...SUBJECTS[key].subject.matchAll(/<([a-z]+)>/g)].map(([, token]) => token as string);
export const streamPattern = (key: StreamKey): string =>
  STREAMS[key].scope === "global" ? `HS_${STREAMS[key].suffix}` : `HS_<CHAIN>_${STREAMS[key].suffix}`;

function channelOf(key: SubjectKey): JsonObject {
  const { stream, says } = SUBJECTS[key];
  const { scope: _, suffix: __, ...limits } = STREAMS[stream];
  const tokens = tokensOf(key);
  return {
    address: templateOf(SUBJECTS[key].subject),
    title: messageName(key),
    description: `${says}. Stored in ${streamPattern(stream)}.`,
    messages: { [messageName(key)]: { $ref: `#/components/messages/${messageName(key)}` } },
    ...(tokens.length === 0
      ? {}
      : { parameters: Object.fromEntries(tokens.map((token) => [token, { $ref: `#/components/parameters/${token}` }])) }),
    "x-jetstream": { stream: streamPattern(stream), ...limits },
  };
}

function operationsOf(key: SubjectKey): [string, JsonObject][] {
  const { producer, consumers } = SUBJECTS[key];
  const message = messageName(key);
  const operation = (action: "send" | "receive", actor: ActorName): [string, JsonObject] => [
    `${actor}${action === "send" ? "Sends" : "Receives"}${message}`,
    {
      action,
      channel: { $ref: `#/channels/${key}` },
      messages: [{ $ref: `#/channels/${key}/messages/${message}` }],
      tags: [{ name: actor }],
    },
  ];
  const producers = producer === "every actor" ? ACTORS : [producer];
  return [...producers.map((actor) => operation("send", actor)), ...consumers.map((actor) => operation("receive", actor))];
}

/** Questions and answers are in no stream: each has a channel for the one, and for the other whatever subject the asker gives. */
const requestMessages = (key: RequestKey) => [`${pascal(key)}Request`, `${pascal(key)}Reply`] as const;

function requestChannels(key: RequestKey): [string, JsonObject][] {
  const { subject, says } = REQUESTS[key];
  const [asked, answered] = requestMessages(key);
  const message = (name: string) => ({ [name]: { $ref: `#/components/messages/${name}` } });
  return [
    [
      key,
      {
        address: templateOf(subject),
        title: asked,
        description: `Asks ${says}. NATS request and reply, in no stream.`,
        messages: message(asked),
        parameters: { chain: { $ref: "#/components/parameters/chain" } },
      },
    ],
    [`${key}Reply`, { address: null, title: answered, description: "To the reply subject of the request.", messages: message(answered) }],
  ];
}

function requestOperations(key: RequestKey): [string, JsonObject][] {
  const { asks, answers } = REQUESTS[key];
  const operation = { channel: { $ref: `#/channels/${key}` }, reply: { channel: { $ref: `#/channels/${key}Reply` } } };
  return [
    ...asks.map((actor): [string, JsonObject] => [`${actor}Asks${pascal(key)}`, { action: "send", ...operation, tags: [{ name: actor }] }]),
    [`${answers}Answers${pascal(key)}`, { action: "receive", ...operation, tags: [{ name: answers }] }],
  ];
}

export function asyncApi(version: string): JsonObject {
  const keys = Object.keys(SUBJECTS) as SubjectKey[];
  const requests = Object.keys(REQUESTS) as RequestKey[];
  const questions = requests.flatMap((key) => {
    const [asked, answered] = requestMessages(key);
    return [
      { name: asked, schema: REQUESTS[key].request, summary: `Asks ${REQUESTS[key].says}` },
      { name: answered, schema: REQUESTS[key].reply, summary: `Says ${REQUESTS[key].says}` },
    ];
  });
  return {
    asyncapi: "3.0.0",
    info: {
      title: "Hyperspeed",
      version,
      description:
        "All that crosses an actor boundary, on NATS JetStream. A message is one MessagePack map; its schema says what the map holds. " +
        "Delivery is at least once and in stream order; ids derive from what a message was made of, so a repeat is stored once. " +
        "Schemas only grow: unknown fields are accepted. Generated by proto/asyncapi.ts from proto/subjects.ts.",
      license: { name: "MIT" },
    },
    defaultContentType: "application/msgpack",
    servers: {
      nats: {
        host: "{host}",
        protocol: "nats",
        description: "NATS 2.11 or newer with JetStream",
        variables: { host: { default: "127.0.0.1:4222" } },
      },
    },
    channels: Object.fromEntries([...keys.map((key): [string, JsonObject] => [key, channelOf(key)]), ...requests.flatMap(requestChannels)]),
    operations: Object.fromEntries([...keys.flatMap(operationsOf), ...requests.flatMap(requestOperations)]),
    components: {
      messages: Object.fromEntries([
        ...keys.map((key): [string, JsonObject] => [
          messageName(key),
          {
            name: plain(SUBJECTS[key].schema.properties.kind).const as string,
            title: messageName(key),
            summary: SUBJECTS[key].says,
            contentType: "application/msgpack",
            headers: { $ref: "#/components/schemas/Headers" },
            payload: { $ref: `#/components/schemas/${messageName(key)}` },
          },
        ]),
        ...questions.map(({ name, schema, summary }): [string, JsonObject] => [
          name,
          {
            name: plain(schema.properties.kind).const as string,
            title: name,
            summary,
            contentType: "application/msgpack",
            payload: { $ref: `#/components/schemas/${name}` },
          },
        ]),
      ]),
      parameters: Object.fromEntries(Object.entries(PARAMETERS).map(([token, description]) => [token, { description }])),
      schemas: {
        Headers: {
          type: "object",
          required: ["Nats-Msg-Id"],
          properties: {
            "Nats-Msg-Id": { type: "string", description: "Derived from the inputs of the decision that published this." },
            traceparent: { type: "string", description: "W3C trace context of the work that published this." },
          },
        },
        ...Object.fromEntries(
          SHARED.map(([name, schema, description]) => [name, { description, ...(withReferences(plain(schema)) as JsonObject) }]),
        ),
        ...Object.fromEntries(keys.map((key) => [messageName(key), withReferences(plain(SUBJECTS[key].schema))])),
        ...Object.fromEntries(questions.map(({ name, schema }) => [name, withReferences(plain(schema))])),
      },
    },
  };
}

export function renderAsyncApi(): string {
  const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };
  return `${JSON.stringify(asyncApi(version), null, 2)}\n`;
}

if (import.meta.main) {
  const text = renderAsyncApi();
  if (!process.argv.includes("--check")) writeFileSync(ASYNCAPI_FILE, text);
  else if (readFileSync(ASYNCAPI_FILE, "utf8") !== text) {
    console.error("proto/asyncapi.json is not what proto/subjects.ts says: run node proto/asyncapi.ts and commit it");
    process.exitCode = 1;
  }
}
