import { expect, test } from "vitest";
import { decodeOnce } from "#libs/actor/decode-once.ts";
import { encode } from "#proto/codec.ts";
import type { BodyOf } from "#proto/subjects.ts";

const SUBJECT = "hs.local.pool.changed.uniswap-v2";
const address = (index: number) => `0x${index.toString(16).padStart(40, "0")}`;

function message(blockNumber: number, pools: number): Uint8Array {
  const body: BodyOf<"poolChanged"> = {
    kind: "pool-changed",
    v: 1,
    chainId: 1,
    blockNumber,
    blockHash: `0x${"ab".repeat(32)}`,
    observedAtMs: 1,
    causeId: null,
    dex: "uniswap-v2",
    epoch: 0,
    reason: "block",
    causeSequence: 1,
    states: { family: "uniswap-v2", rows: Array.from({ length: pools }, (_, index) => [address(index), "1", "2", 3_000, 3_000]) },
    removed: [],
  };
  return encode("poolChanged", body);
}
const bodyOf = (subject: string, payload: Uint8Array) => {
  const decoded = decodeOnce(subject, payload);
  return decoded.ok ? decoded.value.body : null;
};

test("the same bytes are the same body, whoever asks", () => {
  const payload = message(1, 100);
  const first = bodyOf(SUBJECT, payload);
  expect(first).toMatchObject({ kind: "pool-changed", blockNumber: 1 });
  expect(bodyOf(SUBJECT, Uint8Array.from(payload))).toBe(first);
  // Remembered by its bytes, not by the buffer that they came in.
  payload.fill(0);
  expect(bodyOf(SUBJECT, message(1, 100))).toBe(first);
});

test("other bytes of the same length, or under another subject, are their own", () => {
  const first = bodyOf(SUBJECT, message(1, 100));
  expect(bodyOf(SUBJECT, message(2, 100))).toMatchObject({ blockNumber: 2 });
  const elsewhere = bodyOf("hs.other.pool.changed.uniswap-v2", message(1, 100));
  expect(elsewhere).toEqual(first);
  expect(elsewhere).not.toBe(first);
});

test("what cannot be decoded says so each time, and little is kept", () => {
  const broken = message(3, 100).subarray(0, 3_000);
  expect(decodeOnce(SUBJECT, broken)).toMatchObject({ ok: false });
  expect(decodeOnce(SUBJECT, broken)).toMatchObject({ ok: false });
  const first = bodyOf(SUBJECT, message(10, 100));
  for (let block = 11; block < 30; block++) bodyOf(SUBJECT, message(block, 100));
  expect(bodyOf(SUBJECT, message(10, 100))).not.toBe(first);
});
