import { expect, test } from "vitest";
import { CHAINS } from "#libs/chains/index.ts";
import type { PoolRow, StateRowOf } from "#proto/pool/v1/state.ts";
import type { Request } from "#services/solver/actor.ts";
import { dueBy, monotonicMs } from "#services/solver/limits.ts";
import { inParts, solverSpec } from "#services/solver/main.ts";

const OTHER = `0x${"e".repeat(40)}`;
const ETHER = 10n ** 18n;

test("a block's search that a newer one is asked for behind ends at once, and the newer one's does not", async () => {
  const spec = solverSpec({ chain: CHAINS.ethereum as NonNullable<typeof CHAINS.ethereum> });
  const { search } = spec.config;
  const pools = ["a", "b"].map((digit): PoolRow => [`0x${digit.repeat(40)}`, [search.startToken, OTHER], {}]);
  const rows = [100n, 103n].map(
    (other, index) => [pools[index]?.[0], `${100n * ETHER}`, `${other * ETHER}`, 3_000, 3_000] as StateRowOf<"uniswap-v2">,
  );
  const ask = (updates: Extract<Request, { call: "search" }>["updates"], blockNumber: number) =>
    spec.call?.(
      { call: "search", block: { blockNumber, blockHash: "0x" }, updates, search, lateDexes: [], gatedPools: [], gasPrice: 0n, plan: null },
      AbortSignal.timeout(60_000),
    );
  const asked = [ask([{ dex: "v2", family: "uniswap-v2", added: pools, rows, removed: [] }], 1), ask([], 2)];
  const [first, second] = (await Promise.all(asked)).map((reply) => (reply?.kind === "searched" ? reply.result : null));
  expect(first).toEqual({ cyclesFound: 0, isCutShort: true, candidates: [], ended: { after: 0, by: "newer-block" } });
  expect(second?.ended).toBeUndefined();
  // What the first did not come to is not lost.
  const reply = await ask([], 3);
  expect(reply).toMatchObject({ kind: "searched", result: { isCutShort: false, candidates: [{ hops: [{}, {}] }] } });
  await spec.close?.();
});

test("a search is over when its time is up, or as soon as a later one is asked for", () => {
  const latest = new Int32Array(new SharedArrayBuffer(4)).fill(5);
  const now = monotonicMs();
  expect(dueBy({ untilMs: null, turn: 5, latest })()).toBeNull();
  expect(dueBy({ untilMs: now + 60_000, turn: 5, latest })()).toBeNull();
  expect(dueBy({ untilMs: now, turn: 5, latest })()).toBe("deadline");
  latest[0] = 6;
  expect(dueBy({ untilMs: now, turn: 5, latest })()).toBe("newer-block");
});

test("a DEX of many pools is taken in part by part, whole and in order", async () => {
  const spec = solverSpec({ chain: CHAINS.ethereum as NonNullable<typeof CHAINS.ethereum> });
  const { search } = spec.config;
  const address = (prefix: string, index: number) => `0x${prefix}${index.toString(16).padStart(39, "0")}`;
  const count = 4_500;
  const added = Array.from(
    { length: count },
    (_, index): PoolRow => [address("a", index), [search.startToken, address("f", index >> 1)], {}],
  );
  const rows = added.map(([pool], index): StateRowOf<"uniswap-v2"> => {
    // The last two are apart; those before are taken out again, or at rest.
    const gap = index === count - 1 || index < 2 ? (index % 2) * 3 : 0;
    return [pool, `${100n * ETHER}`, `${BigInt(100 + gap) * ETHER}`, 3_000, 3_000];
  });
  const update = { dex: "v2", family: "uniswap-v2", added, rows, removed: [address("a", 0)] } as const;
  const parts = [...inParts([update], 2_000)];
  expect(parts.map((part) => part.added.length + part.rows.length)).toEqual([2_000, 2_000, 500, 2_000, 2_000, 500, 0]);
  expect([parts.flatMap((part) => part.added), parts.flatMap((part) => part.rows)]).toEqual([added, rows]);

  const signal = AbortSignal.timeout(60_000);
  expect(await spec.call?.({ call: "take-in", updates: [update] }, signal)).toEqual({ kind: "taken-in" });
  expect(await spec.call?.({ call: "prepare", updates: [], search, plan: null }, signal)).toEqual({ kind: "prepared" });
  const block = { blockNumber: 1, blockHash: "0x" };
  const asked = { call: "search", block, updates: [], search, lateDexes: [], gatedPools: [], gasPrice: 0n, plan: null } as const;
  const reply = await spec.call?.(asked, signal);
  const found = reply?.kind === "searched" ? reply.result.candidates.map(({ hops }) => hops.map(({ pool }) => pool)) : null;
  expect(found).toEqual([[address("a", count - 1), address("a", count - 2)]]);
  await spec.close?.();
});
