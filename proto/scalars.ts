import Type, { type TProperties } from "typebox";

/** Unsigned integer of the chain (amount, price, wei) as a decimal string: exact in every language, readable in any JSON view. See docs/adr/0004. */
export const Uint = Type.String({ pattern: "^[0-9]{1,78}$" });
/** Signed integer of the chain as a decimal string. */
export const Int = Type.String({ pattern: "^-?[0-9]{1,78}$" });
/** A fraction as a plain decimal string: no exponent, no zeros at the end. */
export const Decimal = Type.String({ pattern: "^(0|[1-9][0-9]*)(\\.[0-9]*[1-9])?$", maxLength: 400 });
export const AddressText = Type.String({ pattern: "^0x[0-9a-f]{40}$" });
export const HashText = Type.String({ pattern: "^0x[0-9a-f]{64}$" });
export const HexData = Type.String({ pattern: "^0x([0-9a-f]{2})*$" });
/** A block number, count or time that stays below 2^53. */
export const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
/** A subject token: lower-case, no dots, wildcards or spaces. */
export const Token = Type.String({ pattern: "^[a-z0-9][a-z0-9_-]*$" });

/**
 * What every message carries. `blockNumber` and `blockHash` name the block that the fact belongs to; `observedAtMs` is when our
 * watcher first saw that block (Unix milliseconds), copied along the whole chain of causes so that any message tells its age.
 * `causeId` is the id of the message that led to this one, null where the cause lies outside the bus.
 */
const envelope = {
  chainId: Count,
  blockNumber: Count,
  blockHash: HashText,
  observedAtMs: Count,
  causeId: Type.Union([Type.String(), Type.Null()]),
};

/** A message schema: `kind` names the fact, `v` its version. Unknown fields are accepted, so that schemas may grow. */
export function messageSchema<Kind extends string, Properties extends TProperties>(kind: Kind, properties: Properties) {
  return Type.Object({ kind: Type.Literal(kind), v: Type.Literal(1), ...envelope, ...properties });
}
