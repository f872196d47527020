import { fc, test as property } from "@fast-check/vitest";
import { describe, expect, test } from "vitest";
import {
  address,
  between,
  blockHashOf,
  broughtBack,
  hop,
  paid,
  plan,
  type Reserves,
  type Stored,
  USD,
  WETH,
  World,
} from "#libs/history/testing.ts";
import type { Candidate } from "#proto/cycle/v1/found.ts";
import type { BodyOf } from "#proto/subjects.ts";
import { PoolBook } from "#services/trainer/pools.ts";

const ETHER = 10n ** 18n;
const pool = (id: number, usd: bigint): Reserves => [id, 1_000n * ETHER, usd * ETHER];
const [A, B, C] = [pool(0x10, 2_040_000n), pool(0x11, 1_960_000n), pool(0x12, 1_970_000n)];
const BRANCH = `${blockHashOf({ number: 2 })}@0`;

/** A book that knows these pools, as of block 2. */
function bookOf(reserves: readonly Reserves[], tell: (world: World) => void = () => {}): PoolBook {
  const world = new World();
  world.block({ number: 1 });
  world.snapshot({ number: 1 }, reserves);
  world.block({ number: 2 });
  world.changed({ number: 2 }, []);
  tell(world);
  const book = new PoolBook(["dex"]);
  for (const { key, body } of world.messages as Stored[]) {
    if (key === "poolSnapshotted" && book.lacks("dex"))
      book.load("dex", world.snapshots.get((body as BodyOf<"poolSnapshotted">).object) as never);
    if (key === "poolChanged") book.report(body as BodyOf<"poolChanged">);
    if (key === "poolDiscovered") book.discover(body as BodyOf<"poolDiscovered">);
  }
  return book;
}

/** What each of some probes pays: as long as it is the same, so are the states. */
const probes = [between(90, A, B), between(91, B, C), between(92, C, A)].map((candidate) => ({ ...candidate, cycleId: "probe" }));
const statesOf = (book: PoolBook) => probes.map((probe) => book.requote(probe));

describe("a re-quote", () => {
  test("is what the pools pay, to the unit, whatever the candidate says that they paid", () => {
    const then = between(1, pool(0x10, 2_100_000n), pool(0x11, 1_900_000n), 3n * ETHER + 7n);
    expect(bookOf([A, B]).requote(then)).toBe(broughtBack(3n * ETHER + 7n, A, B) - (3n * ETHER + 7n));
  });

  test("is negative where it loses", () => {
    const profit = bookOf([A, B]).requote(between(1, pool(0x11, 2_100_000n), pool(0x10, 1_900_000n)));
    expect(profit).toBe(broughtBack(ETHER, B, A) - ETHER);
    expect(profit).toBeLessThan(0n);
  });

  test("of several cycles takes each on the pools as those before it leave them", () => {
    // The second sells where the first has sold already.
    const both = plan(1, [between(2, A, B), between(3, A, C)]);
    const usd = paid(ETHER, A[1], A[2]);
    const after: Reserves = [A[0], A[1] + ETHER, A[2] - usd];
    const expected = broughtBack(ETHER, A, B) + broughtBack(ETHER, after, C) - 2n * ETHER;
    expect(bookOf([A, B, C]).requote(both)).toBe(expected);
    expect(expected).toBeLessThan(broughtBack(ETHER, A, B) + broughtBack(ETHER, A, C) - 2n * ETHER);
  });

  test("of a plan whose ways part takes the same shares of what there is, all of it in the last", () => {
    const usd = paid(ETHER, A[1], A[2]);
    // A third of the dollars goes through B, what is left through C; then as planned there are 2,000 of them.
    const parted: Candidate = {
      ...between(1, A, B),
      hops: [hop(0x10, WETH, USD, ETHER, 2_000n), hop(0x11, USD, WETH, 666n, 1n), hop(0x12, USD, WETH, 1_334n, 1n)],
    };
    const first = (usd * 666n) / 2_000n;
    const expected = paid(first, B[2], B[1]) + paid(usd - first, C[2], C[1]) - ETHER;
    expect(bookOf([A, B, C]).requote(parted)).toBe(expected);
  });

  test("of a cycle that goes through a pool twice too", () => {
    // There and back through the same pool pays its fee twice, and moves its price back.
    const usd = paid(ETHER, A[1], A[2]);
    const back = paid(usd, A[2] - usd, A[1] + ETHER);
    const twice: Candidate = { ...between(1, A, B), hops: [hop(0x10, WETH, USD, ETHER, 1n), hop(0x10, USD, WETH, 1n, 1n)] };
    expect(bookOf([A, B]).requote(twice)).toBe(back - ETHER);
  });

  /** Dollars for coins in B and back in A, what is left of them for coins in C. Amounts are as planned on other states. */
  const sold = (dollars: bigint): Candidate => ({
    ...between(1, A, B),
    token: USD,
    profitToken: WETH,
    amountIn: `${dollars}`,
    amountOut: `${dollars + 100n}`,
    grossProfit: "1",
    hops: [hop(0x11, USD, WETH, dollars, 1n), hop(0x10, WETH, USD, 1n, dollars + 100n), hop(0x12, USD, WETH, 100n, 1n)],
  });

  test("of a cycle that starts in another token sells what it leaves now, all of it, and counts what that brings", () => {
    const dollars = 2_000n * ETHER;
    const left = paid(paid(dollars, B[2], B[1]), A[1], A[2]) - dollars;
    expect(left).toBeGreaterThan(100n);
    expect(bookOf([A, B, C]).requote(sold(dollars))).toBe(paid(left, C[2], C[1]));
  });

  test("is null where a sale has nothing left to sell", () => {
    // The other way round the cycle loses; at the same prices it earns nothing.
    expect(bookOf([pool(0x10, 1_960_000n), pool(0x11, 2_040_000n), C]).requote(sold(ETHER))).toBeNull();
  });

  test("leaves the states as they were: of one that pays, of one through a pool twice, of one that a later hop refuses", () => {
    const book = bookOf([A, B, C, [0x13, 0n, 0n]]);
    const before = statesOf(book);
    const refused = {
      ...between(4, A, B),
      hops: [...between(2, A, B).hops, hop(0x10, WETH, USD, ETHER, 1n), hop(0x13, USD, WETH, 1n, 1n)],
    };
    expect(book.requote(plan(1, [between(2, A, B), between(3, A, C)]))).not.toBeNull();
    expect(book.requote(refused)).toBeNull();
    expect(statesOf(book)).toEqual(before);
  });

  test("is null where a pool pays nothing", () => {
    expect(bookOf([A, [0x11, 0n, 0n]]).requote(between(1, A, B))).toBeNull();
    // So little in that nothing comes out.
    expect(bookOf([A, [0x11, 1n, 10n ** 30n]]).requote(between(1, A, B))).toBeNull();
  });

  const reserves = fc.tuple(fc.bigInt(10n ** 15n, 10n ** 24n), fc.bigInt(10n ** 15n, 10n ** 27n));
  property.prop([reserves, reserves, fc.bigInt(10n ** 9n, 10n ** 21n)])(
    "agrees with the pair's formula, and is the same again",
    (one, other, amountIn) => {
      const [sold, bought]: Reserves[] = [[0x10, ...one] as const, [0x11, ...other] as const];
      const book = bookOf([sold, bought] as Reserves[]);
      const candidate = { ...between(1, A, B), hops: [hop(0x10, WETH, USD, amountIn, 1n), hop(0x11, USD, WETH, 1n, 1n)] };
      const back = broughtBack(amountIn, sold as Reserves, bought as Reserves);
      const expected = back === 0n ? null : back - amountIn;
      expect(book.requote(candidate)).toBe(expected);
      expect(book.requote(candidate)).toBe(expected);
    },
  );
});

describe("what is known", () => {
  const GOOD = between(1, A, B);
  test("pools whose DEX has reported that block, and that block alone", () => {
    const book = bookOf([A, B]);
    expect([book.knows(GOOD, BRANCH), book.knows(GOOD, `${blockHashOf({ number: 1 })}@0`)]).toEqual([true, false]);
    expect(book.knows(between(2, A, C), BRANCH)).toBe(false);
    expect(book.knows({ ...GOOD, hops: GOOD.hops.map((each) => ({ ...each, dex: "another" })) }, BRANCH)).toBe(false);
  });

  test("not a pool that was removed", () => {
    const book = bookOf([A, B], (world) => {
      world.block({ number: 3 });
      world.changed({ number: 3 }, []);
      (world.messages.at(-1) as Extract<Stored, { key: "poolChanged" }>).body.removed.push(address(0x11));
    });
    expect(book.knows({ ...GOOD, hops: GOOD.hops.slice(0, 1) }, `${blockHashOf({ number: 3 })}@0`)).toBe(true);
    expect(book.knows(GOOD, `${blockHashOf({ number: 3 })}@0`)).toBe(false);
    expect(() => book.requote(GOOD)).toThrow(address(0x11));
  });

  test("a reorganisation's states count as of the ancestor", () => {
    const book = bookOf([A, B], (world) => {
      world.block({ number: 3 });
      world.changed({ number: 3 }, [pool(0x10, 1n)]);
      world.reorg({ number: 2 }, 1, [{ number: 3 }]);
      world.changed({ number: 2 }, [A]);
    });
    expect(book.knows(GOOD, BRANCH)).toBe(true);
    expect(book.requote(GOOD)).toBe(broughtBack(ETHER, A, B) - ETHER);
  });
});
