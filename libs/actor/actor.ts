import type { CountedMetric } from "#libs/telemetry/metrics.ts";
import type { ActorName, BodyOf, StreamKey, SubjectKey } from "#proto/subjects.ts";

/** Where a message stands in the broker's log. */
export interface Meta {
  /** `Nats-Msg-Id`: derived from the inputs of whoever published it. */
  readonly id: string;
  readonly subject: string;
  readonly stream: StreamKey;
  readonly sequence: number;
  /** When the broker stored it, Unix milliseconds. */
  readonly storedAtMs: number;
}

export type Received<Keys extends SubjectKey> = {
  [Key in Keys]: { readonly type: "message"; readonly key: Key; readonly body: BodyOf<Key>; readonly meta: Meta };
}[Keys];

/** Everything that can happen to an actor. Time and the outside world come in as messages too. */
export type Input<Keys extends SubjectKey, Reply> =
  | Received<Keys>
  | { readonly type: "reply"; readonly reply: Reply }
  | { readonly type: "timer"; readonly name: string };

export type Publish = {
  [Key in SubjectKey]: {
    readonly type: "publish";
    readonly key: Key;
    readonly tokens: Readonly<Record<string, string>>;
    readonly body: BodyOf<Key>;
    /** Derived from the inputs: publishing twice stores once. */
    readonly messageId: string;
  };
}[SubjectKey];

export type Effect<Request> =
  | Publish
  /** Asks the world outside the bus; the answer comes back as a `reply` input. Started once the publishes before it are stored. */
  | { readonly type: "call"; readonly request: Request }
  /** Comes back as a `timer` input. Setting a timer again voids what its earlier setting said or would say. */
  | { readonly type: "set-timer"; readonly name: string; readonly delayMs: number }
  | { readonly type: "count"; readonly metric: CountedMetric; readonly labels: Readonly<Record<string, string>>; readonly value: number }
  /** This actor has finished with that block: shown in heartbeats and metrics. */
  | { readonly type: "finished-block"; readonly blockNumber: number };

export interface Decision<State, Request> {
  readonly state: State;
  readonly effects: readonly Effect<Request>[];
}

/** The pure core of an actor: same inputs in, same effects out. A large state may be changed in place by its single owner. */
export interface Actor<State, Config, Keys extends SubjectKey, Request extends { readonly call: string }, Reply> {
  readonly name: ActorName;
  decide(state: State, input: Input<Keys, Reply>, config: Config): Decision<State, Request>;
}

export function publish<Key extends SubjectKey>(
  key: Key,
  tokens: Readonly<Record<string, string>>,
  messageId: string,
  body: BodyOf<Key>,
): Publish {
  return { type: "publish", key, tokens, body, messageId } as Publish;
}

export const count = (metric: CountedMetric, labels: Readonly<Record<string, string>>, value = 1) =>
  ({ type: "count", metric, labels, value }) as const;
