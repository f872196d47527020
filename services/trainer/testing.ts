/** A trainer that is fed from streams at any pace. */

import type { Effect, Received } from "#libs/actor/actor.ts";
import { drive } from "#libs/actor/testing.ts";
import { ethereum } from "#libs/chains/ethereum.ts";
import { CHAIN_ID, type Stored, type World } from "#libs/history/testing.ts";
import { randomFrom } from "#libs/ml/random.ts";
import { encode } from "#proto/codec.ts";
import type { BodyOf, StreamKey } from "#proto/subjects.ts";
import { type Config, initialState, type Keys, type Reply, type Request, trainer } from "#services/trainer/actor.ts";
import { trainerConfig } from "#services/trainer/config.ts";
import type { Learning } from "#services/trainer/learning.ts";

export const config: Config = {
  ...trainerConfig({ chain: { ...ethereum, key: "local", chainId: CHAIN_ID, dexes: [] } }, "0".repeat(16)),
  dexes: ["dex"],
};

export type Labelled = BodyOf<"outcomeLabelled"> & { readonly messageId: string };

/** Where a trainer begins to read. */
export interface Start {
  /** First message of each stream that is delivered. */
  readonly sequences?: Partial<Readonly<Record<StreamKey, number>>>;
  readonly labelFrom?: number;
}

/**
 * Feeds a trainer the streams, each in its own order. `pick` chooses the stream that the next message comes from, of those that have one left, and whether a timer
 * that is set fires first. Each answer about the streams' ends is what a broker would say that has stored everything up to the newest message delivered.
 */
export function feed(
  world: Pick<World, "messages" | "snapshots">,
  {
    pick = live(),
    start = {},
    learning,
    by = config,
  }: { readonly pick?: Pick_; readonly start?: Start; readonly learning?: Learning; readonly by?: Config } = {},
): { readonly labelled: Labelled[]; readonly effects: readonly Effect<Request>[]; readonly timers: number } {
  const streams = (["MARKET", "DECISIONS", "MONEY", "MODELS"] as const).map((stream) => {
    const first = start.sequences?.[stream] ?? 1;
    return { stream, waiting: world.messages.filter(({ meta }) => meta.stream === stream && meta.sequence >= first), next: 0 };
  });
  const through = { DECISIONS: (start.sequences?.DECISIONS ?? 1) - 1, MONEY: (start.sequences?.MONEY ?? 1) - 1 };
  const driven = drive(trainer, by, initialState(by, through, start.labelFrom ?? 0, learning));
  let newestMs = 0;
  let timer = false;
  let timers = 0;
  const lastOf = (stream: StreamKey) =>
    world.messages.reduce(
      (last, { meta }) => (meta.stream === stream && meta.storedAtMs <= newestMs ? Math.max(last, meta.sequence) : last),
      0,
    );
  const act = (effects: readonly Effect<Request>[]): void => {
    for (const effect of effects) {
      if (effect.type === "set-timer") timer = true;
      if (effect.type !== "call") continue;
      const { request } = effect;
      const answer: Reply =
        request.call === "read-ends"
          ? { kind: "ends-read", decisions: lastOf("DECISIONS"), money: lastOf("MONEY"), models: lastOf("MODELS") }
          : request.call === "train"
            ? { kind: "training-begun" }
            : request.call === "load-distribution"
              ? { kind: "distribution-loaded", version: request.version, distribution: null }
              : { kind: "snapshot-loaded", dex: request.dex, snapshot: world.snapshots.get(request.object) ?? null };
      act(driven.give({ type: "reply", reply: answer }));
    }
  };
  const fire = () => {
    timer = false;
    timers++;
    act(driven.give({ type: "timer", name: "turn" }));
  };
  for (;;) {
    const left = streams.filter(({ waiting, next }) => next < waiting.length);
    if (left.length === 0) break;
    const { from, fires } = pick(left.map(({ waiting, next }) => (waiting[next] as Stored).meta.storedAtMs));
    if (fires && timer) fire();
    const queue = left[from] as (typeof left)[number];
    const message = queue.waiting[queue.next++] as Stored;
    newestMs = Math.max(newestMs, message.meta.storedAtMs);
    act(driven.give(message as Received<Keys>));
  }
  while (timer) fire();
  const labelled = driven.all.flatMap((effect): Labelled[] => {
    if (effect.type !== "publish" || effect.key !== "outcomeLabelled") return [];
    encode("outcomeLabelled", effect.body);
    return [{ ...effect.body, messageId: effect.messageId }];
  });
  return { labelled, effects: driven.all, timers };
}

type Pick_ = (storedAtMs: readonly number[]) => { readonly from: number; readonly fires: boolean };

/** As a live system: each message as it is stored, and the timer where nothing is stored for as long. */
export function live(): Pick_ {
  let lastMs = Number.POSITIVE_INFINITY;
  return (storedAtMs) => {
    const nextMs = Math.min(...storedAtMs);
    const fires = nextMs - lastMs >= 300;
    lastMs = nextMs;
    return { from: storedAtMs.indexOf(nextMs), fires };
  };
}

/** Any pace. */
export function anyPace(seed: number): Pick_ {
  const random = randomFrom(seed);
  return (storedAtMs) => ({ from: random.below(storedAtMs.length), fires: random.unit() < 0.05 });
}
