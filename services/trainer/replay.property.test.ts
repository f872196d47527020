import { fc, test } from "@fast-check/vitest";
import { expect } from "vitest";
import { type Random, randomFrom } from "#libs/ml/random.ts";
import type { Candidate } from "#proto/cycle/v1/found.ts";
import { KEPT_BLOCKS } from "#services/trainer/actor.ts";
import { REPLAY_BLOCKS } from "#services/trainer/config.ts";
import { type At, anyPace, cycle, feed, type Labelled, plan, type Stored, TKN, USD, WETH, World } from "#services/trainer/testing.ts";

const E15 = 10n ** 15n;
const POOLS = [0x10, 0x11, 0x12, 0x13, 0x14] as const;

/** A market in which everything happens that the streams can tell, some of it late. */
class RandomMarket {
  readonly world = new World();
  readonly random: Random;
  #epoch = 0;
  #head: At = { number: 0 };
  /** Said after the next block: receipts take their time. */
  #late: ((next: At) => void)[] = [];

  constructor(seed: number) {
    this.random = randomFrom(seed);
  }

  chance = (share: number): boolean => this.random.unit() < share;
  #reserves = () =>
    POOLS.filter(() => this.chance(0.5)).map((pool) => [pool, BigInt(50 + this.random.below(50)) * 10n ** 18n, 150_000n] as const);

  #candidates(): Candidate[] {
    const { random } = this;
    const all = POOLS.flatMap((left) => POOLS.filter((right) => right !== left).map((right) => [left, right] as const));
    const singles = all
      .filter(() => this.chance(0.3))
      .map(([left, right]) => cycle(left * 256 + right, [left, right], BigInt(1 + random.below(40)) * E15));
    return singles.length > 1 && this.chance(0.5) ? [plan(1, singles.slice(0, 2)), ...singles] : singles;
  }

  step(): void {
    const { world, random } = this;
    if (this.#head.number > 3 && this.chance(0.05)) {
      const depth = 1 + random.below(2);
      const dropped = Array.from({ length: depth }, (_, index) => ({ ...this.#head, number: this.#head.number - depth + 1 + index }));
      const ancestor = { ...this.#head, number: this.#head.number - depth };
      world.reorg(ancestor, ++this.#epoch, dropped);
      this.#head = { number: ancestor.number, epoch: this.#epoch };
    }
    const at = { number: this.#head.number + 1, epoch: this.#epoch };
    const isFirst = this.#head.number === 0;
    this.#head = at;
    world.clockMs += 700;
    world.block(at, { baseFeePerGas: BigInt(1 + random.below(20)) * 10n ** 9n, gasUsed: random.below(30_000_000) });
    for (const say of this.#late.splice(0)) say(at);
    const sequence = world.messages.filter(({ meta }) => meta.stream === "MARKET").length;
    world.changed(at, sequence, this.#reserves());
    if (isFirst || at.number % 64 === 0)
      world.snapshot(
        at,
        sequence,
        POOLS.map((pool) => [pool, 60n * 10n ** 18n, 150_000n] as const),
      );
    if (this.chance(0.95)) this.#decide(at);
    const scope = isFirst || at.number % 256 === 0 ? "all" : "moved";
    if (this.chance(0.95) || scope === "all") {
      world.prices(at, { ...(scope === "all" ? { [WETH]: 1, [TKN]: 2 } : {}), [USD]: 0.0005 * (1 + random.unit()) }, scope);
      world.values(at, { [POOLS[random.below(POOLS.length)] as number]: 1 + random.below(500) }, scope);
    }
    if (this.chance(0.4)) {
      const [one, two] = [POOLS[random.below(5)] as number, POOLS[random.below(5)] as number];
      this.#late.push(() => world.arbitrage(at, cycle(0, [one, two], 1n).hops, this.chance(0.2)));
    }
  }

  #decide(at: At): void {
    const { world, random } = this;
    const candidates = this.#candidates();
    const found = world.found(at, candidates, {
      cyclesFound: candidates.length + (this.chance(0.3) ? 20 : 0),
      isCutShort: this.chance(0.05),
      lateDexes: this.chance(0.05) ? ["dex"] : [],
    });
    const score = () => {
      const ranking = world.scored(at, candidates, found, E15);
      const [best] = candidates;
      if (best === undefined) return;
      const executionId = world.planned(at, best, ranking, this.chance(0.8) ? "live" : "paper");
      if (this.chance(0.2)) return world.failed(at, best, executionId, "simulation-reverted");
      world.simulated(at, best, executionId);
      const lands = this.chance(0.5);
      this.#late.push((next) =>
        lands ? world.landed(next, best, executionId, this.chance(0.9) ? 1 : 0) : world.expired(next, best, executionId),
      );
    };
    if (this.chance(0.95)) score();
    else this.#late.push(score);
    random.unit();
  }

  steps(count: number): this {
    for (let step = 0; step < count; step++) this.step();
    return this;
  }
}

const byId = (labelled: readonly Labelled[]): Map<string, Labelled> => new Map(labelled.map((each) => [each.messageId, each]));
const seeds = fc.integer({ min: 0, max: 2 ** 31 - 1 });

test.prop([seeds, seeds], { numRuns: 30 })(
  "the labels are the same whatever pace the streams come at, and each is given once",
  (seed, pace) => {
    const { world } = new RandomMarket(seed).steps(40);
    const live = feed(world).labelled;
    expect(live.length).toBeGreaterThan(20);
    expect(byId(live).size).toBe(live.length);
    // In any order the last blocks may wait for a turn that does not come: what is said is the same.
    const other = feed(world, { pick: anyPace(pace) }).labelled;
    expect(other).toEqual(live.slice(0, other.length));
    expect(other.length).toBeGreaterThan(live.length - 5);
  },
);

test.prop([seeds, fc.integer({ min: 2, max: 20 })], { numRuns: 30 })(
  "a row reads nothing that came after it: it is the same when everything after its ranking is cut off, and when something else happens instead",
  (seed, number) => {
    const market = new RandomMarket(seed).steps(48);
    const whole = feed(market.world).labelled;
    const ranked = market.world.messages.findIndex(({ key, body }) => key === "opportunityScored" && body.blockNumber === number);
    fc.pre(ranked >= 0);
    const ranking = (market.world.messages[ranked] as Stored).body as { blockHash: string; epoch: number };
    const id = `labels:local:${ranking.blockHash}@${ranking.epoch}`;
    const rows = byId(whole)
      .get(id)
      ?.labels.map(({ cycleId, features }) => [cycleId, features]);
    expect(rows).toBeDefined();
    const before = market.world.messages.slice(0, ranked + 1);
    const head = before.findLast(({ key }) => key === "blockObserved" || key === "blockReorged") as Stored;
    for (const isQuiet of [true, false]) {
      const other = new World();
      other.messages.push(...before);
      for (const [object, snapshot] of market.world.snapshots) other.snapshots.set(object, snapshot);
      const rest = new World();
      rest.clockMs = market.world.clockMs;
      const { blockNumber, epoch } = head.body as { blockNumber: number; epoch: number };
      for (let next = blockNumber + 1; next < blockNumber + 10; next++) {
        const at = { number: next, epoch };
        rest.block(at);
        if (isQuiet) continue;
        rest.changed(
          at,
          1_000 + next,
          POOLS.map((pool) => [pool, 5n * 10n ** 18n, 900_000n] as const),
        );
        rest.decided(at, [cycle(7, [0x10, 0x11], 50n * E15)]);
        rest.prices(at, { [USD]: 5 }, "all");
        rest.values(at, { 16: 1 }, "all");
        rest.arbitrage(at, cycle(0, [0x10, 0x11], 1n).hops);
      }
      // Sequences go on where the others ended.
      for (const message of rest.messages) {
        const last = before.filter(({ meta }) => meta.stream === message.meta.stream).length;
        other.messages.push({ ...message, meta: { ...message.meta, sequence: message.meta.sequence + last } } as Stored);
      }
      const again = byId(feed(other).labelled).get(id);
      expect(again?.labels.map(({ cycleId, features }) => [cycleId, features])).toEqual(rows);
    }
  },
);

/** The streams with the labels that a trainer has published, each stored a moment after the block that it was made with. */
function withLabels(world: World, labelled: readonly Labelled[]): Stored[] {
  const told: Stored[] = [];
  const left = [...labelled];
  let head = 0;
  let sequence = 0;
  for (const message of world.messages) {
    if (message.key === "blockObserved") head = message.body.blockNumber;
    const isDecision = message.meta.stream === "DECISIONS";
    told.push(isDecision ? ({ ...message, meta: { ...message.meta, sequence: ++sequence } } as Stored) : message);
    while (left[0] !== undefined && left[0].labelledAtBlock < head) {
      const { messageId, ...body } = left.shift() as Labelled;
      const meta = { id: messageId, subject: "", stream: "DECISIONS" as const, sequence: ++sequence, storedAtMs: message.meta.storedAtMs };
      told.push({ type: "message", key: "outcomeLabelled", body, meta } as Stored);
    }
  }
  return told;
}

test("one that was gone for a while gives the labels that are missing, and none twice, each as if it had never been away", () => {
  const { world } = new RandomMarket(5).steps(KEPT_BLOCKS + REPLAY_BLOCKS + 250);
  const whole = feed(world).labelled;
  const gone = whole.length - 45;
  const before = whole.slice(0, gone);
  const labelFrom = (before.at(-1)?.blockNumber ?? 0) - KEPT_BLOCKS;
  // Whoever was there before began late itself: what it did not label then is not made up for now.
  const messages = withLabels(
    world,
    before.filter(({ blockNumber }) => blockNumber >= labelFrom),
  );
  const from = messages.find(({ key, body }) => key === "blockObserved" && body.blockNumber >= labelFrom - REPLAY_BLOCKS) as Stored;
  expect((from.body as { blockNumber: number }).blockNumber).toBeGreaterThan(50);
  const first = (stream: string) =>
    messages.find(({ meta }) => meta.stream === stream && meta.storedAtMs >= from.meta.storedAtMs)?.meta.sequence ?? 1;
  const sequences = { MARKET: first("MARKET"), DECISIONS: first("DECISIONS"), MONEY: first("MONEY") };
  const after = feed({ messages, snapshots: world.snapshots }, { pick: anyPace(3), start: { sequences, labelFrom } }).labelled;
  expect(after.map(({ messageId }) => messageId)).toEqual(whole.slice(gone, gone + after.length).map(({ messageId }) => messageId));
  expect(after.length).toBeGreaterThan(25);
  for (const again of after) expect(again, `block ${again.blockNumber}`).toEqual(byId(whole).get(again.messageId));
  // The run was worth replaying: reorganisations, and rows with everything that takes a hundred blocks to know.
  expect(new Set(after.map(({ epoch }) => epoch)).size).toBeGreaterThan(1);
  expect(after.some(({ labels }) => labels.some(({ features }) => features?.every((value) => value !== null)))).toBe(true);
});
