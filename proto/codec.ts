import { Packr, Unpackr } from "msgpackr";
import { Compile } from "typebox/compile";
import { type AnyBody, type BodyOf, rowOfSubject, SUBJECTS, type SubjectKey } from "#proto/subjects.ts";

/** Plain maps and arrays only: no records, no extension types, so that every stock MessagePack decoder reads them (docs/adr/0004). */
const packr = new Packr({ useRecords: false, moreTypes: false, variableMapSize: true });
const unpackr = new Unpackr({ useRecords: false, moreTypes: false });

type Check = ReturnType<typeof Compile>;
const checks = new Map<SubjectKey, Check>();

function checkOf(key: SubjectKey): Check {
  let check = checks.get(key);
  if (check === undefined) {
    check = Compile(SUBJECTS[key].schema);
    checks.set(key, check);
  }
  return check;
}

/** Compiles the validators of all rows, so that the first message does not pay for it (about 1 ms each). */
export function warmUpCodec(): void {
  for (const key of Object.keys(SUBJECTS) as SubjectKey[]) checkOf(key);
}

export type Decoded = { ok: true; value: { key: SubjectKey; body: AnyBody } } | { ok: false; error: DecodeFailure };
export type DecodeFailure = { code: "unknown-subject" | "not-msgpack" | "schema-mismatch"; detail: string };

function firstErrorOf(check: Check, value: unknown): string {
  const error = check.Errors(value)[0];
  return error === undefined ? "does not match" : `${error.instancePath || "/"} ${error.message}`;
}

/** Body → MessagePack. Throws `TypeError` when the body does not match its row's schema: a producer's defect, never sent. */
export function encode<Key extends SubjectKey>(key: Key, body: BodyOf<Key>): Uint8Array {
  const check = checkOf(key);
  if (!check.Check(body)) throw new TypeError(`${key}: ${firstErrorOf(check, body)}`);
  return packr.pack(body);
}

/** MessagePack → body, checked against the schema of the row that the subject belongs to. */
export function decode(subject: string, payload: Uint8Array): Decoded {
  const key = rowOfSubject(subject);
  if (key === undefined) return { ok: false, error: { code: "unknown-subject", detail: subject } };
  let value: unknown;
  try {
    value = unpackr.unpack(payload);
  } catch (cause) {
    return { ok: false, error: { code: "not-msgpack", detail: String(cause) } };
  }
  const check = checkOf(key);
  if (!check.Check(value)) return { ok: false, error: { code: "schema-mismatch", detail: firstErrorOf(check, value) } };
  return { ok: true, value: { key, body: value as AnyBody } };
}

/** Any MessagePack value, unchecked: for objects in the object store and for looking at foreign payloads. */
export const packValue = (value: unknown): Uint8Array => packr.pack(value);
export const unpackValue = (payload: Uint8Array): unknown => unpackr.unpack(payload);
