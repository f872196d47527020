import { fc, test } from "@fast-check/vitest";
import { expect } from "vitest";
import { REPLAY_BLOCKS } from "#libs/history/history.ts";
import { RandomMarket, type Stored, World } from "#libs/history/testing.ts";
import { KEPT_BLOCKS } from "#services/trainer/actor.ts";
import { anyPace, feed, type Labelled } from "#services/trainer/testing.ts";

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
  "a label rests on what was said before the block it was made with: nothing that comes later changes it",
  (seed, cut) => {
    const market = new RandomMarket(seed).steps(40);
    const whole = feed(market.world).labelled;
    const [one] = whole.slice(cut);
    fc.pre(one !== undefined);
    const last = market.world.messages.findIndex(({ key, body }) => key === "blockObserved" && body.blockNumber === one.labelledAtBlock);
    // Where the block came twice, the label was made with the second.
    fc.pre(
      market.world.messages.findLastIndex(({ key, body }) => key === "blockObserved" && body.blockNumber === one.labelledAtBlock) === last,
    );
    const other = new World();
    other.messages.push(...market.world.messages.slice(0, last + 1));
    for (const [object, snapshot] of market.world.snapshots) other.snapshots.set(object, snapshot);
    // Only a block after it makes sure that all has come.
    const head = other.messages.at(-1)?.body as { blockNumber: number; epoch: number };
    const rest = new World();
    rest.clockMs = market.world.clockMs + 10_000;
    rest.block({ number: head.blockNumber + 1, epoch: head.epoch });
    const sequence = other.messages.filter(({ meta }) => meta.stream === "MARKET").length + 1;
    for (const message of rest.messages) other.messages.push({ ...message, meta: { ...message.meta, sequence } } as Stored);
    const again = feed(other).labelled.filter(({ messageId }) => messageId === one.messageId);
    expect(again).toEqual([one]);
  },
);

test("random markets have every outcome, and reasons not to know", () => {
  const outcomes = new Set<string>();
  for (const seed of [1, 2, 3])
    for (const { labels } of feed(new RandomMarket(seed).steps(120).world).labelled)
      for (const { outcome, next } of labels) for (const what of [outcome, next.because]) if (what !== null) outcomes.add(what);
  expect([...outcomes].sort()).toEqual(
    [
      ...["landed", "reverted", "failed", "outbid", "expired", "still-there", "vanished", "unknown"],
      ...["reorged", "dex-late", "own-trade", "not-watched"],
    ].sort(),
  );
});

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
  // The run was worth replaying: reorganisations, and re-quotes.
  expect(new Set(after.map(({ epoch }) => epoch)).size).toBeGreaterThan(1);
  expect(after.some(({ labels }) => labels.some(({ next }) => next.state === "there"))).toBe(true);
});
