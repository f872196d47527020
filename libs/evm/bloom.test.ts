import { fc, test } from "@fast-check/vitest";
import { keccak256, toUtf8Bytes } from "ethers";
import { expect } from "vitest";
import { bloomHas } from "#libs/evm/bloom.ts";

/** An M3:2048 filter written bit by bit from the yellow paper (section 4.3.1): bit n of the filter is bit n mod 8 of byte 255 − ⌊n/8⌋. */
function bloomOf(topics: readonly string[]): string {
  const bytes = Buffer.alloc(256);
  for (const topic of topics) {
    const hash = Buffer.from(keccak256(topic).slice(2), "hex");
    for (const at of [0, 2, 4]) {
      const bit = hash.readUInt16BE(at) % 2048;
      bytes[255 - Math.floor(bit / 8)] = (bytes[255 - Math.floor(bit / 8)] as number) | (1 << (bit % 8));
    }
  }
  return `0x${bytes.toString("hex")}`;
}

// The words of go-ethereum's TestBloom (core/types/bloom9_test.go).
test("the words that were put in are found, others are not", () => {
  const bloom = bloomOf(["testtest", "test", "hallo", "other"].map((text) => `0x${Buffer.from(toUtf8Bytes(text)).toString("hex")}`));
  const has = (text: string) => bloomHas(bloom, `0x${Buffer.from(toUtf8Bytes(text)).toString("hex")}`);
  expect(["testtest", "test", "hallo", "other"].map(has)).toEqual([true, true, true, true]);
  expect(["tes", "lo"].map(has)).toEqual([false, false]);
});

const topic = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => `0x${Buffer.from(bytes).toString("hex")}`);

test.prop([fc.array(topic, { maxLength: 40 })])("whatever was put in is found", (topics) => {
  const bloom = bloomOf(topics);
  for (const each of topics) expect(bloomHas(bloom, each)).toBe(true);
});

test.prop([topic])("an empty filter has nothing, a full one everything", (each) => {
  expect(bloomHas(`0x${"0".repeat(512)}`, each)).toBe(false);
  expect(bloomHas(`0x${"f".repeat(512)}`, each)).toBe(true);
});

test("a filter of a hundred topics is wrong about few others", () => {
  const bloom = bloomOf(Array.from({ length: 100 }, (_, index) => keccak256(`0x${index.toString(16).padStart(4, "0")}`)));
  const wrong = Array.from({ length: 2_000 }, (_, index) => keccak256(`0xff${index.toString(16).padStart(4, "0")}`)).filter((each) =>
    bloomHas(bloom, each),
  );
  // (300/2048)³ is 0.3 %.
  expect(wrong.length).toBeLessThan(20);
});
