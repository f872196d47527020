import { decode as stockDecode } from "@msgpack/msgpack";
import { expect, test } from "vitest";
import { decode, encode } from "#proto/codec.ts";
import { type BodyOf, rowOfSubject, SUBJECTS, type SubjectKey, streamName, streamSubjects, subjectOf } from "#proto/subjects.ts";

const hash = (digit: string) => `0x${digit.repeat(64)}`;

const changed: BodyOf<"poolChanged"> = {
  kind: "pool-changed",
  v: 1,
  chainId: 31337,
  blockNumber: 17,
  blockHash: hash("a"),
  observedAtMs: 1_790_000_000_000,
  causeId: "block",
  dex: "uniswap-v2",
  epoch: 0,
  reason: "block",
  causeSequence: 12,
  states: { family: "uniswap-v2", rows: [[`0x${"1".repeat(40)}`, (2n ** 112n - 1n).toString(), "1", 3_000, 3_000]] },
  removed: [],
};

test("a message decodes to what was encoded, with amounts beyond 2^64 intact", () => {
  const decoded = decode("hs.local.pool.changed.uniswap-v2", encode("poolChanged", changed));
  expect(decoded).toEqual({ ok: true, value: { key: "poolChanged", body: changed } });
});

test("a stock MessagePack decoder reads a message without our code", () => {
  expect(stockDecode(encode("poolChanged", changed))).toEqual(changed);
});

test("a body that does not fit its schema is never encoded", () => {
  const broken = { ...changed, blockNumber: -1 };
  expect(() => encode("poolChanged", broken)).toThrow("/blockNumber");
});

test("what cannot be decoded says why", () => {
  const bytes = encode("poolChanged", changed);
  expect(decode("hs.local.unheard.of", bytes)).toMatchObject({ ok: false, error: { code: "unknown-subject" } });
  expect(decode("hs.local.cycle.found", bytes)).toMatchObject({
    ok: false,
    error: { code: "schema-mismatch", detail: expect.stringContaining("/") },
  });
  expect(decode("hs.local.cycle.found", bytes.subarray(0, 20))).toMatchObject({ ok: false, error: { code: "not-msgpack" } });
});

test("unknown fields are accepted, so schemas can grow", () => {
  const grown = encode("poolChanged", { ...changed, later: 1 } as typeof changed);
  expect(decode("hs.local.pool.changed.x", grown).ok).toBe(true);
});

test("every row has its own shape, and its subject leads back to it", () => {
  for (const key of Object.keys(SUBJECTS) as SubjectKey[]) {
    const subject = subjectOf(key, {
      chain: "base",
      dex: "uniswap-v3",
      scope: "all",
      wallet: "0xab",
      instance: "i",
      actor: "solver",
      by: "gates",
    });
    expect(rowOfSubject(subject)).toBe(key);
  }
});

test("a stream captures each of its rows and no row of another", () => {
  expect(streamName("MARKET", "polygon-zkevm")).toBe("HS_POLYGON_ZKEVM_MARKET");
  expect(streamSubjects("DECISIONS", "base")).toEqual(["hs.base.cycle.found", "hs.base.opportunity.scored", "hs.base.outcome.labelled"]);
  expect(() => subjectOf("poolChanged", { chain: "base", dex: "a.b" })).toThrow("<dex>");
});
