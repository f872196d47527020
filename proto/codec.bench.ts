import { Packr } from "msgpackr";
import { type Bench, type Measurement, time } from "#libs/testkit/bench.ts";
import { decode, encode } from "#proto/codec.ts";
import type { Candidate } from "#proto/cycle/v1/found.ts";
import type { BodyOf } from "#proto/subjects.ts";

const ROUNDS = 3_000;
const WARM_UP = 2_000;
const POOLS = 20;
const CANDIDATES = 16;

/** How an amount stands on the wire, and how it comes back as a bigint: both are paid for in every message. */
interface AmountForm {
  readonly name: string;
  write(amount: bigint): unknown;
  read(form: unknown): bigint;
}

const AMOUNTS: readonly AmountForm[] = [
  { name: "decimal strings", write: (amount) => amount.toString(), read: (form) => BigInt(form as string) },
  { name: "hex strings", write: (amount) => `0x${amount.toString(16)}`, read: (form) => BigInt(form as string) },
  {
    name: "big-endian bytes",
    write(amount) {
      const hex = amount.toString(16);
      return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
    },
    read: (form) => BigInt(`0x${Buffer.from(form as Uint8Array).toString("hex")}`),
  },
];

const address = (index: number): string =>
  `0x${(0xfeedn * 2n ** 144n + BigInt(index) * 0x9e3779b97f4a7c15n).toString(16).padStart(40, "0")}`;
/** Reserves as pools have them: some 20 digits. */
const POOL_STATES = Array.from({ length: POOLS }, (_, index) => ({
  pool: address(index),
  reserve0: 10n ** 18n * BigInt(1_000 + 37 * index) + 123_456_789_012_345_678n,
  reserve1: 10n ** 21n * BigInt(1_700 + 61 * index) + 987_654_321_098_765_432_109n,
}));

const packr = new Packr({ useRecords: false, moreTypes: false, variableMapSize: true });
interface Shape {
  readonly name: string;
  row(pool: string, reserve0: unknown, reserve1: unknown): unknown;
  fields(row: unknown): readonly [string, unknown, unknown];
}
const POSITIONAL: Shape = {
  name: "positional rows",
  row: (pool, reserve0, reserve1) => [pool, reserve0, reserve1],
  fields: (row) => row as [string, unknown, unknown],
};
const MAPS: Shape = {
  name: "map rows",
  row: (pool, reserve0, reserve1) => ({ pool, reserve0, reserve1 }),
  fields: (row) => Object.values(row as Record<string, unknown>) as [string, unknown, unknown],
};

interface Format {
  readonly name: string;
  pack(value: unknown): Uint8Array;
  unpack(bytes: Uint8Array): unknown;
}
const MSGPACK: Format = { name: "msgpack", pack: (value) => packr.pack(value), unpack: (bytes) => packr.unpack(bytes) };
const JSON_TEXT: Format = {
  name: "json",
  pack: (value) => Buffer.from(JSON.stringify(value)),
  unpack: (bytes) => JSON.parse(Buffer.from(bytes).toString()),
};

const HASH = `0x${"8f3a".repeat(16)}`;
const envelope = {
  v: 1 as const,
  chainId: 1,
  blockNumber: 17_921_000,
  blockHash: HASH,
  observedAtMs: 1_790_000_000_000,
  causeId: `block:ethereum:${HASH}:0`,
};

function compare(format: Format, shape: Shape, amounts: AmountForm): Measurement[] {
  const write = () =>
    format.pack({
      kind: "pool-changed",
      ...envelope,
      dex: "uniswap-v2",
      rows: POOL_STATES.map(({ pool, reserve0, reserve1 }) => shape.row(pool, amounts.write(reserve0), amounts.write(reserve1))),
    });
  const read = (bytes: Uint8Array) => {
    let sum = 0n;
    for (const row of (format.unpack(bytes) as { rows: unknown[] }).rows) {
      const [, reserve0, reserve1] = shape.fields(row);
      sum += amounts.read(reserve0) + amounts.read(reserve1);
    }
    return sum;
  };
  const bytes = write();
  const expected = POOL_STATES.reduce((sum, { reserve0, reserve1 }) => sum + reserve0 + reserve1, 0n);
  if (read(bytes) !== expected) throw new Error(`${format.name}, ${shape.name}, ${amounts.name}: what was written is not what is read`);
  const options = { warmUp: WARM_UP, rounds: ROUNDS, facts: () => ({ bytes: bytes.length }) };
  const name = `${format.name}, ${shape.name}, ${amounts.name}`;
  return [time(`${name}: write`, options, write), time(`${name}: read`, options, () => read(bytes))];
}

function candidate(index: number): Candidate {
  const hop = (at: number) => ({
    dex: at === 1 ? "uniswap-v3" : "uniswap-v2",
    family: at === 1 ? ("uniswap-v3" as const) : ("uniswap-v2" as const),
    pool: address(index * 3 + at),
    call: { form: "v2" as const, zeroForOne: at % 2 === 0 },
    tokenIn: address(900 + at),
    tokenOut: address(901 + at),
    amountIn: "1234567890123456789",
    amountOut: "987654321098765432109",
  });
  return {
    cycleId: index.toString(16).padStart(16, "0"),
    token: address(900),
    amountIn: "1234567890123456789",
    amountOut: "1240000000000000000",
    grossProfit: "5432109876543211",
    gasEstimate: 210_000,
    hops: [hop(0), hop(1), hop(2)],
  };
}

/** What an actor pays for a message of ours: checked against its schema on both sides. */
function ours(): Measurement[] {
  const changed: BodyOf<"poolChanged"> = {
    kind: "pool-changed",
    ...envelope,
    dex: "uniswap-v2",
    epoch: 0,
    reason: "block",
    causeSequence: 4_711,
    states: {
      family: "uniswap-v2",
      rows: POOL_STATES.map(({ pool, reserve0, reserve1 }) => [pool, reserve0.toString(), reserve1.toString(), 3_000, 3_000]),
    },
    removed: [],
  };
  const found: BodyOf<"cycleFound"> = {
    kind: "cycle-found",
    ...envelope,
    epoch: 0,
    timestamp: 1_790_000_000,
    baseFeePerGas: "15190000000",
    dexes: ["uniswap-v2", "uniswap-v3"],
    lateDexes: [],
    cyclesFound: 400,
    candidates: Array.from({ length: CANDIDATES }, (_, index) => candidate(index)),
  };
  const both = <Key extends "poolChanged" | "cycleFound">(name: string, subject: string, key: Key, body: BodyOf<Key>) => {
    const bytes = encode(key, body);
    const options = { warmUp: WARM_UP, rounds: ROUNDS, facts: () => ({ bytes: bytes.length }) };
    return [
      time(`${name}: encode, checked`, options, () => encode(key, body)),
      time(`${name}: decode, checked`, options, () => decode(subject, bytes)),
    ];
  };
  return [
    ...both(`pool-changed, ${POOLS} pools`, "hs.ethereum.pool.changed.uniswap-v2", "poolChanged", changed),
    ...both(`cycle-found, ${CANDIDATES} candidates of 3 hops`, "hs.ethereum.cycle.found", "cycleFound", found),
  ];
}

export const bench: Bench = {
  title: "codec",
  about: `One message with the states of ${POOLS} pools, from bigints to bytes (write) and back (read), in each form considered (docs/adr/0004); then our codec with its schema checks.`,
  run: () => [
    ...AMOUNTS.flatMap((amounts) => compare(MSGPACK, POSITIONAL, amounts)),
    ...compare(MSGPACK, MAPS, AMOUNTS[0] as AmountForm),
    ...compare(JSON_TEXT, POSITIONAL, AMOUNTS[0] as AmountForm),
    ...compare(JSON_TEXT, MAPS, AMOUNTS[0] as AmountForm),
    ...ours(),
  ],
};
