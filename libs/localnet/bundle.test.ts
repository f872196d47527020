import { expect, test } from "vitest";
import { sign, TRADERS } from "./accounts.ts";
import { parseTransaction } from "./bundle.ts";

const [one, two] = TRADERS as [(typeof TRADERS)[number], (typeof TRADERS)[number]];

test("a transaction is read once and then known, each by its own bytes", () => {
  const first = sign(one, 1, { nonce: 1, gasLimit: 21_000n, to: two.address });
  const second = sign(two, 1, { nonce: 1, gasLimit: 21_000n, to: one.address });
  const parsed = parseTransaction(first.raw);
  expect(parsed).toMatchObject({ raw: first.raw, hash: first.hash, from: one.address });
  expect(parseTransaction(second.raw)).toMatchObject({ raw: second.raw, hash: second.hash, from: two.address });
  expect(parseTransaction(first.raw)).toBe(parsed);
});

test("only the last transactions are kept", () => {
  const first = sign(one, 1, { nonce: 1, gasLimit: 21_000n, to: two.address });
  const parsed = parseTransaction(first.raw);
  for (let nonce = 2; nonce < 2 + 256; nonce++) parseTransaction(sign(one, 1, { nonce, gasLimit: 21_000n, to: two.address }).raw);
  const again = parseTransaction(first.raw);
  expect(again).not.toBe(parsed);
  expect(again).toMatchObject({ hash: first.hash, from: one.address });
});

test("what is not signed, or no transaction, is none every time", () => {
  for (const raw of ["0x", "0x1234", "0x1234"]) expect(parseTransaction(raw)).toBeUndefined();
});
