import { fc, test as property } from "@fast-check/vitest";
import { describe, expect, test } from "vitest";
import { Admission, type Ask } from "#libs/evm/admission.ts";
import { PRIORITY, type Purpose } from "#libs/evm/purpose.ts";
import { FakeClock } from "#libs/evm/testing.ts";
import { RetryableError } from "#libs/units/invariant.ts";

const SEED = Number(process.env.SEED ?? 1);
const ask = (purpose: Purpose, units = 1): Ask => ({ purpose, requests: 1, units });
/** Lets promises settle that have been decided. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

function setUp(limits: { requestsPerSecond?: number; unitsPerSecond?: number }, maxWaiting?: number) {
  const clock = new FakeClock();
  const admission = new Admission("node.example", limits, clock, maxWaiting);
  const admitted: string[] = [];
  const refused: { name: string; cause: RetryableError }[] = [];
  const request = (name: string, what: Ask) => {
    const turn = admission.admit(what);
    if (turn === undefined) admitted.push(name);
    else
      turn.then(
        () => admitted.push(name),
        (cause: RetryableError) => refused.push({ name, cause }),
      );
  };
  return { clock, admission, admitted, refused, request };
}

describe("an endpoint's admission", () => {
  test("without limits lets everything through at once, without a promise", () => {
    const { admission } = setUp({});
    for (let count = 0; count < 1_000; count++) expect(admission.admit(ask("discovery"))).toBeUndefined();
  });

  test("what waits goes by priority, and in its order within one", async () => {
    const { clock, admitted, request } = setUp({ requestsPerSecond: 1 });
    request("first", ask("discovery"));
    for (const purpose of ["discovery", "state", "heads", "simulation", "logs", "submission"] as const) request(purpose, ask(purpose));
    expect(admitted).toEqual(["first"]);
    clock.advance(10_000);
    await settle();
    expect(admitted).toEqual(["first", "simulation", "submission", "heads", "logs", "state", "discovery"]);
  });

  test("discovery gets its turn although heads never stop coming", async () => {
    const { clock, admitted, request } = setUp({ requestsPerSecond: 2 });
    for (let count = 0; count < 2; count++) request("burst", ask("heads"));
    request("discovery", ask("discovery"));
    // As many heads as the endpoint lets through: with priorities alone nothing else would ever go.
    for (let turn = 0; turn < 20 && !admitted.includes("discovery"); turn++) {
      request("head", ask("heads"));
      clock.advance(500);
      await settle();
    }
    expect(admitted).toContain("discovery");
  });

  test("a full queue refuses what comes last in it: not a submission because of discovery", async () => {
    const { clock, admitted, refused, request } = setUp({ requestsPerSecond: 1 }, 2);
    request("running", ask("heads"));
    request("discovery 1", ask("discovery"));
    request("discovery 2", ask("discovery"));
    request("discovery 3", ask("discovery"));
    request("submission", ask("submission"));
    await settle();
    expect(refused.map(({ name }) => name)).toEqual(["discovery 3", "discovery 2"]);
    expect(refused[0]?.cause).toBeInstanceOf(RetryableError);
    expect(refused[0]?.cause).toMatchObject({ code: "rpc-budget-exhausted", message: expect.stringContaining("node.example") });
    clock.advance(2_000);
    await settle();
    expect(admitted).toEqual(["running", "submission", "discovery 1"]);
  });

  test("what has waited too long is refused", async () => {
    const { clock, refused, request } = setUp({ requestsPerSecond: 0.05 });
    request("running", ask("heads"));
    request("late", ask("heads"));
    clock.advance(9_999);
    await settle();
    expect(refused).toEqual([]);
    clock.advance(1);
    await settle();
    expect(refused.map(({ name }) => name)).toEqual(["late"]);
  });

  test("units are limited beside requests, and a cost above one second's worth is paid off", async () => {
    const { clock, admitted, request } = setUp({ requestsPerSecond: 100, unitsPerSecond: 10 });
    request("dear", ask("logs", 25));
    request("cheap", ask("logs", 1));
    expect(admitted).toEqual(["dear"]);
    clock.advance(1_599);
    await settle();
    expect(admitted).toEqual(["dear"]);
    clock.advance(1);
    await settle();
    expect(admitted).toEqual(["dear", "cheap"]);
  });

  test("a pause holds everything, and the longer of two counts", async () => {
    const { clock, admission, admitted, request } = setUp({});
    admission.pause(3_000);
    admission.pause(1_000);
    expect(admission.tryAdmit(ask("submission"))).toBe(false);
    request("submission", ask("submission"));
    clock.advance(2_999);
    await settle();
    expect(admitted).toEqual([]);
    clock.advance(1);
    await settle();
    expect(admitted).toEqual(["submission"]);
  });

  test("what is given up leaves the queue", async () => {
    const { clock, admission, admitted, refused, request } = setUp({ requestsPerSecond: 1 });
    const abort = new AbortController();
    request("running", ask("heads"));
    request("given up", { ...ask("heads"), signal: abort.signal });
    request("next", ask("heads"));
    abort.abort();
    await settle();
    expect(refused).toMatchObject([{ name: "given up", cause: { code: "rpc-aborted" } }]);
    expect(admission.waiting).toBe(1);
    clock.advance(1_000);
    await settle();
    expect(admitted).toEqual(["running", "next"]);
    request("too late", { ...ask("heads"), signal: abort.signal });
    await settle();
    expect(refused.at(-1)).toMatchObject({ name: "too late" });
  });
});

test("when what stands first is given up, the next waits for its own cost alone", async () => {
  const { clock, admitted, request } = setUp({ requestsPerSecond: 10 });
  const abort = new AbortController();
  request("running", { ...ask("heads"), requests: 10 });
  request("dear", { ...ask("heads"), requests: 10, signal: abort.signal });
  request("cheap", ask("heads"));
  abort.abort();
  clock.advance(100);
  await settle();
  expect(admitted).toEqual(["running", "cheap"]);
});

const purposes = fc.constantFrom(...(Object.keys(PRIORITY) as Purpose[]));
const crowd = fc.array(
  fc.record({ afterMs: fc.nat(400), purpose: purposes, units: fc.integer({ min: 1, max: 30 }), requests: fc.integer({ min: 1, max: 5 }) }),
  { minLength: 1, maxLength: 150 },
);

property.prop([fc.integer({ min: 1, max: 20 }), fc.integer({ min: 5, max: 200 }), crowd], { seed: SEED, numRuns: 150 })(
  "never exceeds either rate; everyone is let through or refused, within the longest wait; nobody overtakes who came a second a priority later",
  async (requestsPerSecond, unitsPerSecond, asked) => {
    const clock = new FakeClock();
    const admission = new Admission("node.example", { requestsPerSecond, unitsPerSecond }, clock);
    const went: { index: number; atMs: number; cameMs: number }[] = [];
    const refused: { index: number; cause: RetryableError }[] = [];
    const came: number[] = [];
    for (const [index, { afterMs, purpose, units, requests }] of asked.entries()) {
      // In small steps, so that the time at which a promise settles is known well enough.
      for (let left = afterMs; left > 0; left -= 20) {
        clock.advance(Math.min(20, left));
        await Promise.resolve();
      }
      const cameMs = clock.now();
      came.push(cameMs);
      const turn = admission.admit({ purpose, units, requests });
      if (turn === undefined) went.push({ index, atMs: cameMs, cameMs });
      else
        turn.then(
          () => went.push({ index, atMs: clock.now(), cameMs }),
          (cause: RetryableError) => refused.push({ index, cause }),
        );
    }
    for (let left = 11_000; left > 0; left -= 20) {
      clock.advance(20);
      await Promise.resolve();
    }
    await settle();
    expect(went.length + refused.length).toBe(asked.length);
    expect(admission.waiting).toBe(0);
    for (const { cause } of refused) expect(cause.code).toBe("rpc-budget-exhausted");
    for (const { atMs, cameMs } of went) expect(atMs - cameMs).toBeLessThanOrEqual(10_000 + 20);
    const rates = [
      { perSecond: requestsPerSecond, of: ({ requests }: (typeof asked)[number]) => requests },
      { perSecond: unitsPerSecond, of: ({ units }: (typeof asked)[number]) => units },
    ];
    for (const { perSecond, of } of rates) {
      for (let from = 0; from < went.length; from++) {
        let sum = 0;
        for (let to = from; to < went.length; to++) {
          const cost = of(asked[went[to]?.index as number] as (typeof asked)[number]);
          sum += cost;
          const stretchMs = (went[to]?.atMs as number) - (went[from]?.atMs as number) + 20;
          expect(sum).toBeLessThanOrEqual(perSecond + (perSecond * stretchMs) / 1_000 + Math.max(0, cost - perSecond) + 1e-6);
        }
      }
    }
    const keyOf = (index: number) => (came[index] as number) + PRIORITY[asked[index]?.purpose as Purpose] * 1_000;
    // Who went first had the smaller key, unless the other had not come yet.
    for (const [place, later] of went.entries())
      for (const earlier of went.slice(0, place))
        if ((came[later.index] as number) < earlier.atMs) expect(keyOf(earlier.index)).toBeLessThanOrEqual(keyOf(later.index));
  },
);
