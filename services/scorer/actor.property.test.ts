import { fc, test } from "@fast-check/vitest";
import { expect } from "vitest";
import { RandomMarket, type Stored, type World } from "#libs/history/testing.ts";
import { FEATURE_COUNT } from "#libs/ml/features.ts";
import { buildKernel, type Kernel } from "#libs/ml/kernel.ts";
import { type Random, randomFrom } from "#libs/ml/random.ts";
import { randomEnsemble } from "#libs/ml/testing.ts";
import { encode } from "#proto/codec.ts";
import type { StreamKey } from "#proto/subjects.ts";
import type { Config } from "#services/scorer/actor.ts";
import { CONFIG, FIRST, isFollowed, OWN, type Ranking, SECOND, scorerOf } from "#services/scorer/testing.ts";

/** Models of random shape; the last is refused. */
const REFUSED = "3".repeat(16);
const KERNELS: ReadonlyMap<string, Kernel | null> = new Map([
  ...[OWN, FIRST, SECOND].map((version, seed) => [version, buildKernel(randomEnsemble(seed + 1), { capacity: 64 })] as const),
  [REFUSED, null],
]);
const OWN_ONLY = new Map([[OWN, KERNELS.get(OWN) as Kernel]]);
const config: Config = { ...CONFIG, priorityFeePerGas: 10n ** 8n, explorationShare: 0.3, maxModelAgeMs: 5_000 };

const STREAMS = ["MODELS", "MARKET", "DECISIONS", "MONEY"] as const satisfies readonly StreamKey[];
const seeds = fc.integer({ min: 0, max: 2 ** 31 - 1 });
const base64 = (ranking: Ranking) => Buffer.from(encode("opportunityScored", ranking)).toString("base64");

/** A random market with models that come and go. */
function marketOf(seed: number, steps: number): World {
  const market = new RandomMarket(seed, { withRankings: false });
  const { world, random } = market;
  const versions = [FIRST, FIRST, SECOND, SECOND, OWN, REFUSED, REFUSED];
  const anyVersion = () => versions[random.below(versions.length)] as string;
  for (let step = 0; step < steps; step++) {
    market.step();
    const at = market.head;
    if (market.chance(0.04)) world.trained(at, anyVersion());
    if (market.chance(0.1)) world.promoted(at, anyVersion(), market.chance(0.5) ? OWN : FIRST, market.chance(0.3) ? 1 : 0.5);
    if (market.chance(0.04)) world.rolledBack(at, anyVersion(), market.chance(0.5) ? null : FIRST);
    if (market.chance(0.2)) world.checked(at, anyVersion(), market.chance(0.3) ? "act" : "stable");
  }
  return world;
}

const inStreams = (messages: readonly Stored[]): Stored[][] =>
  STREAMS.map((stream) => messages.filter((message) => message.meta.stream === stream && isFollowed(message)));

/** A model that came, how far MODELS had been read by then, and how many rankings had been published. */
interface Arrival {
  readonly version: string;
  readonly models: number;
  readonly rankings: number;
}

/** Gives the streams, each in its own order: as they were stored, or in spells in which now one is ahead, now another. Models come when they come. */
function atAnyPace(core: ReturnType<typeof scorerOf>, messages: readonly Stored[], random: Random) {
  const streams = inStreams(messages).map((waiting) => ({ waiting, next: 0, weight: 1 }));
  const rankings: Ranking[] = [];
  const arrivals: Arrival[] = [];
  const arrive = (): void => {
    const version = core.asked()[arrivals.length] as string;
    arrivals.push({ version, models: core.driven.state.seen.models, rankings: rankings.length });
    rankings.push(...core.loaded(version, KERNELS.get(version) ?? null));
  };
  let isLive = true;
  for (;;) {
    const left = streams.flatMap((stream) => {
      const message = stream.waiting[stream.next];
      return message === undefined ? [] : [{ stream, message, place: isLive ? message.meta.storedAtMs : random.unit() / stream.weight }];
    });
    if (left.length === 0) break;
    const { stream, message } = left.reduce((first, other) => (other.place < first.place ? other : first));
    stream.next++;
    rankings.push(...core.give(message));
    if (arrivals.length < core.asked().length && random.unit() < 0.2) arrive();
    if (random.unit() > 0.05) continue;
    isLive = random.unit() < 0.6;
    for (const each of streams) each.weight = random.unit() ** 3;
  }
  while (arrivals.length < core.asked().length) arrive();
  return { rankings, arrivals };
}

test.prop([seeds, seeds], { numRuns: 25 })(
  "a ranking comes out the same byte for byte from the streams as far as it says that they had been read",
  (seed, pace) => {
    const { messages } = marketOf(seed, 30);
    const { rankings, arrivals } = atAnyPace(scorerOf(config, { models: OWN_ONLY }), messages, randomFrom(pace));
    const founds = messages.filter(({ key }) => key === "cycleFound");
    expect(rankings.map(({ causeSequence }) => causeSequence)).toEqual(founds.map(({ meta }) => meta.sequence));

    const again = scorerOf(config, { models: OWN_ONLY });
    const [models, market, decisions, money] = inStreams(messages) as [Stored[], Stored[], Stored[], Stored[]];
    const through = (stream: Stored[], sequence: number) => {
      while ((stream[0]?.meta.sequence ?? Number.POSITIVE_INFINITY) <= sequence) expect(again.give(stream.shift() as Stored)).toEqual([]);
    };
    for (const [place, ranking] of rankings.entries()) {
      while ((arrivals[0]?.rankings ?? Number.POSITIVE_INFINITY) <= place) {
        const { version, models: sequence } = arrivals.shift() as Arrival;
        through(models, sequence);
        expect(again.loaded(version, KERNELS.get(version) ?? null)).toEqual([]);
      }
      through(models, ranking.seen.models);
      through(market, ranking.seen.market);
      through(money, ranking.seen.money);
      const [replayed] = again.give(decisions.shift() as Stored);
      expect(replayed).toEqual(ranking);
      expect(base64(replayed as Ranking)).toBe(base64(ranking));
    }
  },
);

test.prop([seeds, seeds], { numRuns: 12 })("what comes later is ranked the same whatever pace the streams came at before", (seed, pace) => {
  const {
    world: { messages },
    head,
  } = new RandomMarket(seed, { withRankings: false }).steps(135);
  const cut = messages.findIndex(({ key, body }) => key === "blockObserved" && body.blockNumber === head.number - 14);
  const [before, after] = [messages.slice(0, cut), messages.slice(cut)];
  const live = scorerOf(config, { models: OWN_ONLY });
  for (const message of before) live.give(message);
  const other = scorerOf(config, { models: OWN_ONLY });
  atAnyPace(other, before, randomFrom(pace));
  const told = (core: ReturnType<typeof scorerOf>) => after.flatMap((message) => core.give(message));
  const rankings = told(live);
  expect(told(other).map(base64)).toEqual(rankings.map(base64));
  expect(rankings.length).toBeGreaterThan(5);
  expect(rankings.some(({ ranking }) => ranking === "champion")).toBe(true);
});

test("random markets are worth replaying: every kind of ranking, late ones, and rows with everything that takes a hundred blocks to know", () => {
  const kinds = new Set<string>();
  let isFull = false;
  for (const seed of [1, 2, 3, 4]) {
    const core = scorerOf(config, { models: OWN_ONLY });
    for (const ranking of atAnyPace(core, marketOf(seed, 140).messages, randomFrom(seed)).rankings) {
      kinds.add(ranking.unfit ?? ranking.ranking);
      if (ranking.explored) kinds.add("explored");
      for (const { reason } of ranking.rejected) kinds.add(reason);
      const { features } = ranking.opportunities[0]?.evaluation ?? {};
      // All but the price impact, which only the solver knows, and the fee of a loan.
      isFull ||= (features ?? []).filter((value) => value !== null).length >= FEATURE_COUNT - 1;
    }
  }
  expect([...kinds].sort()).toEqual([
    ...["below-minimum", "challenger", "champion", "explored", "no-features", "no-model", "not-worth-the-risk", "refused", "stale"],
  ]);
  expect(isFull).toBe(true);
});
