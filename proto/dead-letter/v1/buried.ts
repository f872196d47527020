import Type, { type Static } from "typebox";
import { Count, Token } from "#proto/scalars.ts";

/** A message that could not be decoded, with its bytes and the reason, so that it can be looked at and redriven. */
export const MessageBuried = Type.Object({
  kind: Type.Literal("message-buried"),
  v: Type.Literal(1),
  actor: Token,
  instance: Token,
  reason: Type.Literal("undecodable"),
  detail: Type.String(),
  subject: Type.String(),
  stream: Type.String(),
  sequence: Count,
  messageId: Type.String(),
  deliveries: Count,
  atMs: Count,
  /** The message as it came. */
  payload: Type.Unsafe<Uint8Array>({ description: "MessagePack bin: the message as it came" }),
});
export type MessageBuried = Static<typeof MessageBuried>;
