import { expect, test } from "vitest";
import { probeTokens } from "#libs/dex/token-quality.ts";
import type { Rpc } from "#libs/evm/rpc.ts";
import { RpcError } from "#libs/evm/rpc-error.ts";
import { asAddress } from "#libs/units/brand.ts";

const token = asAddress(`0x${"70".repeat(20)}`);
const holder = asAddress(`0x${"b0".repeat(20)}`);
const words = (...values: number[]) => `0x${values.map((value) => value.toString(16).padStart(64, "0")).join("")}`;
const refusal = (message: string, code = -32_000) => new RpcError("eth_call", { code, message });

/** Balances now and a day later, and what the probe says: an answer or a refusal each. */
function probeOf(answers: { readonly now?: string | Error; readonly later?: string | Error; readonly probe?: string | Error }) {
  const { now = words(1_000), later = words(1_000), probe = words(10, 10, 10, 10) } = answers;
  const client = {
    send: async (_method: string, [, , state, block]: readonly [unknown, unknown, object?, object?]) => {
      const answer = block !== undefined ? later : state !== undefined ? probe : now;
      if (answer instanceof Error) throw answer;
      return answer;
    },
  } as unknown as Rpc;
  return probeTokens(client, { blockHash: words(1), timestamp: 1_000 }, [{ token, holder }]);
}

test("a token that burns all gas, or ends a call in another way than a revert, is refused like one that reverts", async () => {
  for (const message of [
    "out of gas",
    "EVM error: OutOfGas",
    "invalid jump destination",
    "stack limit reached 1024 (1023)",
    "execution aborted (timeout = 5s)",
  ]) {
    expect(await probeOf({ now: refusal(message) })).toMatchObject([{ code: "unreadable" }]);
    expect(await probeOf({ probe: refusal(message) })).toMatchObject([{ code: "refused", detail: message }]);
    expect(await probeOf({ later: refusal(message) })).toEqual([{ ok: true }]);
  }
});

test("what the node itself refuses is thrown, but for a block at another time", async () => {
  const unknown = refusal("header not found");
  await expect(probeOf({ now: unknown })).rejects.toBe(unknown);
  const overrides = refusal("too many arguments, want at most 2", -32_602);
  await expect(probeOf({ probe: overrides })).rejects.toBe(overrides);
  expect(await probeOf({ later: refusal("too many arguments, want at most 3", -32_602) })).toEqual([{ ok: true }]);
  await expect(probeOf({ later: new Error("no answer") })).rejects.toThrow("no answer");
});

test("an answer that is not the probe's is no verdict", async () => {
  for (const probe of ["0x", words(1)]) expect(await probeOf({ probe })).toMatchObject([{ code: "unreadable" }]);
});
