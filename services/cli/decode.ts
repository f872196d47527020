import { decode, unpackValue } from "#proto/codec.ts";

/** Bytes have no JSON form: base64, marked as such. */
const replacer = (_: string, value: unknown): unknown => {
  if (value instanceof Uint8Array) return { base64: Buffer.from(value).toString("base64") };
  return value;
};

/** Reads one message from standard input and prints it as JSON. Resolves to the exit code: 1 for what is no message, or not one of that subject. */
export async function decodeInput(subject: string | null): Promise<number> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  const payload = Buffer.concat(chunks);
  if (subject !== null) {
    const decoded = decode(subject, payload);
    if (!decoded.ok) {
      process.stderr.write(`hyperspeed: ${decoded.error.code}: ${decoded.error.detail}\n`);
      return 1;
    }
  }
  try {
    process.stdout.write(`${JSON.stringify(unpackValue(payload), replacer, 2)}\n`);
    return 0;
  } catch (cause) {
    process.stderr.write(`hyperspeed: not one MessagePack message: ${(cause as Error).message}\n`);
    return 1;
  }
}
