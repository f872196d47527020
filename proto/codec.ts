import { Packr, Unpackr } from "msgpackr";
import type { Static, TSchema } from "typebox";
import { Compile } from "typebox/compile";
import { type AnyBody, type BodyOf, rowOfSubject, SUBJECTS, type SubjectKey } from "#proto/subjects.ts";

/** Plain maps and arrays only: no records, no extension types, so that every stock MessagePack decoder reads them (docs/adr/0004). */
const packr = new Packr({ useRecords: false, moreTypes: false, variableMapSize: true });
const unpackr = new Unpackr({ useRecords: false, moreTypes: false });

type Check = ReturnType<typeof Compile>;
const checks = new WeakMap<TSchema, Check>();

function checkOf(schema: TSchema): Check {
  let check = checks.get(schema);
  if (check === undefined) {
    check = Compile(schema);
    checks.set(schema, check);
  }
  return check;
}

/** Compiles the validators of all rows, so that the first message does not pay for it (about 1 ms each). */
export function warmUpCodec(): void {
  for (const { schema } of Object.values(SUBJECTS)) checkOf(schema);
}

export type Decoded<Value = { key: SubjectKey; body: AnyBody }> = { ok: true; value: Value } | { ok: false; error: DecodeFailure };
export type DecodeFailure = { code: "unknown-subject" | "not-msgpack" | "schema-mismatch"; detail: string };

function firstErrorOf(check: Check, value: unknown): string {
  const error = check.Errors(value)[0];
  return error === undefined ? "does not match" : `${error.instancePath || "/"} ${error.message}`;
}

/** Body → MessagePack. Throws `TypeError` when the body does not match its row's schema: a producer's defect, never sent. */
export function encode<Key extends SubjectKey>(key: Key, body: BodyOf<Key>): Uint8Array {
  return encodeAs(key, SUBJECTS[key].schema, body);
}

/** As `encode`, for what is no message of a stream. */
export function encodeAs(name: string, schema: TSchema, value: unknown): Uint8Array {
  const check = checkOf(schema);
  if (!check.Check(value)) throw new TypeError(`${name}: ${firstErrorOf(check, value)}`);
  return packr.pack(value);
}

/** MessagePack → body, checked against the schema of the row that the subject belongs to. */
export function decode(subject: string, payload: Uint8Array): Decoded {
  const key = rowOfSubject(subject);
  if (key === undefined) return { ok: false, error: { code: "unknown-subject", detail: subject } };
  const decoded = decodeAs(SUBJECTS[key].schema, payload);
  return decoded.ok ? { ok: true, value: { key, body: decoded.value as AnyBody } } : decoded;
}

/** As `decode`, for what is no message of a stream. */
export function decodeAs<Schema extends TSchema>(schema: Schema, payload: Uint8Array): Decoded<Static<Schema>> {
  let value: unknown;
  try {
    value = unpackr.unpack(payload);
  } catch (cause) {
    return { ok: false, error: { code: "not-msgpack", detail: String(cause) } };
  }
  const check = checkOf(schema);
  if (!check.Check(value)) return { ok: false, error: { code: "schema-mismatch", detail: firstErrorOf(check, value) } };
  return { ok: true, value: value as Static<Schema> };
}

/** Any MessagePack value, unchecked: for objects in the object store and for looking at foreign payloads. */
export const packValue = (value: unknown): Uint8Array => packr.pack(value);
export const unpackValue = (payload: Uint8Array): unknown => unpackr.unpack(payload);
