import type { Actor, Effect, Input, Meta, Publish, Received } from "#libs/actor/actor.ts";
import type { BodyOf, SubjectKey } from "#proto/subjects.ts";

/** Drives a pure core with plain objects: no broker, no node, no clock. */
export function drive<State, Config, Keys extends SubjectKey, Request extends { readonly call: string }, Reply>(
  actor: Actor<State, Config, Keys, Request, Reply>,
  config: Config,
  initial: State,
) {
  let state = initial;
  const all: Effect<Request>[] = [];
  return {
    get state() {
      return state;
    },
    /** Every effect since the start. */
    all,
    give(input: Input<Keys, Reply>): readonly Effect<Request>[] {
      const decision = actor.decide(state, input, config);
      state = decision.state;
      all.push(...decision.effects);
      return decision.effects;
    },
  };
}

export function received<Key extends SubjectKey>(
  key: Key,
  body: BodyOf<Key>,
  meta: Partial<Meta> & { readonly sequence: number },
): Received<Key> {
  return {
    type: "message",
    key,
    body,
    meta: { id: `${key}:${meta.sequence}`, subject: "", stream: "MARKET", storedAtMs: 0, ...meta },
  } as Received<Key>;
}

export const published = (effects: readonly Effect<unknown>[]): Publish[] => effects.filter((effect) => effect.type === "publish");
export const calls = <Request>(effects: readonly Effect<Request>[]): Request[] =>
  effects.flatMap((effect) => (effect.type === "call" ? [effect.request] : []));
