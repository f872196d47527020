import Type, { type Static } from "typebox";
import { Count, Token } from "#proto/scalars.ts";

/** An actor instance says that it lives. Last one per instance is kept; an instance silent for three intervals is gone. */
export const ActorHeartbeat = Type.Object({
  kind: Type.Literal("actor-heartbeat"),
  v: Type.Literal(1),
  actor: Token,
  /** Unique among running instances: `<actor>-<chain>-<key>-<process>`. */
  instance: Token,
  chain: Type.Union([Token, Type.Null()]),
  state: Type.Union([Type.Literal("starting"), Type.Literal("ready"), Type.Literal("draining"), Type.Literal("stopped")]),
  version: Type.String(),
  pid: Count,
  startedAtMs: Count,
  atMs: Count,
  intervalMs: Count,
  /** Latest block the actor has finished with; null before the first. */
  headBlock: Type.Union([Count, Type.Null()]),
  messagesConsumed: Count,
  messagesPublished: Count,
  deadLetters: Count,
});
export type ActorHeartbeat = Static<typeof ActorHeartbeat>;
