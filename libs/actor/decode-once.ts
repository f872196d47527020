import { type Decoded, decode } from "#proto/codec.ts";

/** Below this decoding costs less than remembering. */
const LEAST_BYTES = 2_048;
/** Actors of a process are a few messages apart; a block of a busy chain takes some megabytes as an object. */
const MOST_KEPT = 8;

interface Kept {
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly decoded: Decoded;
}

/** The latest last. */
const kept: Kept[] = [];

/**
 * Decodes a payload, or gives what it was decoded to a moment ago: in a process that hosts many actors each of them receives every block (8 ms for 1,500 logs). They
 * share the body then, which nobody may change: messages are facts.
 */
export function decodeOnce(subject: string, payload: Uint8Array): Decoded {
  if (payload.length < LEAST_BYTES) return decode(subject, payload);
  const known = kept.find(
    (each) => each.subject === subject && each.payload.length === payload.length && Buffer.compare(each.payload, payload) === 0,
  );
  if (known !== undefined) return known.decoded;
  const decoded = decode(subject, payload);
  // A copy: the buffer belongs to the client, and `slice` of a Buffer is only a view.
  kept.push({ subject, payload: new Uint8Array(payload), decoded });
  if (kept.length > MOST_KEPT) kept.shift();
  return decoded;
}
