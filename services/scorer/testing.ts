/** A scorer that is fed from streams. */

import type { Effect, Received } from "#libs/actor/actor.ts";
import { drive } from "#libs/actor/testing.ts";
import type { Stored, World } from "#libs/history/testing.ts";
import type { Kernel } from "#libs/ml/kernel.ts";
import { NO_STANDING } from "#libs/ml/standing.ts";
import { encode } from "#proto/codec.ts";
import type { BodyOf } from "#proto/subjects.ts";
import { type Beginning, type Config, initialState, KEYS, type Keys, type Request, scorer } from "#services/scorer/actor.ts";

/** The model that the installation brings, and two others. */
export const [OWN, FIRST, SECOND] = ["0".repeat(16), "1".repeat(16), "2".repeat(16)] as const;

export const CONFIG: Config = {
  chain: "local",
  priorityFeePerGas: 2n,
  minNetProfit: 1n,
  loanFeePips: 0n,
  ranking: "model",
  ownModel: OWN,
  maxModelAgeMs: 3_600_000,
  failingCosts: "nothing",
  riskAversion: 0,
  explorationShare: 0,
};

export type Ranking = BodyOf<"opportunityScored">;

const KEYS_OF: ReadonlySet<string> = new Set(Object.values(KEYS).flat());
export const isFollowed = ({ key }: Stored): boolean => KEYS_OF.has(key);

export function scorerOf(config: Config, beginning: Partial<Beginning> & Pick<Beginning, "models">) {
  const driven = drive(scorer, config, initialState(config, { scored: 0, standing: NO_STANDING, modelsThrough: 0, ...beginning }));
  /** Rankings among effects: what is published must be what can be. */
  const rankings = (effects: readonly Effect<Request>[]): Ranking[] =>
    effects.flatMap((effect) => {
      if (effect.type !== "publish" || effect.key !== "opportunityScored") return [];
      encode("opportunityScored", effect.body);
      return [effect.body];
    });
  return {
    driven,
    /** Gives one message, if a scorer follows such ones. */
    give: (message: Stored): Ranking[] => (isFollowed(message) ? rankings(driven.give(message as Received<Keys>)) : []),
    /** Gives all that a world has said, or what it has said since it had said so much. */
    follow(world: World, from = 0): Ranking[] {
      return world.messages.slice(from).flatMap((message) => this.give(message));
    },
    loaded: (version: string, kernel: Kernel | null): Ranking[] =>
      rankings(driven.give({ type: "reply", reply: { kind: "model-loaded", version, kernel } })),
    /** Models that have been asked for so far. */
    asked: (): string[] => driven.all.flatMap((effect) => (effect.type === "call" ? [effect.request.version] : [])),
  };
}
