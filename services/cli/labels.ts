import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { Bus } from "#libs/actor/bus.ts";
import { UserError } from "#libs/units/invariant.ts";
import { STREAMS, streamName } from "#proto/subjects.ts";

export interface LabelsOptions {
  /** Names of DECISIONS streams, such as HS_BASE_DECISIONS. */
  readonly from: readonly string[];
  readonly natsUrl: string;
  /** Null: standard output. */
  readonly out: string | null;
}

/** The chain that a DECISIONS stream is of. Throws `UserError` for any other name. */
export function chainOfStream(name: string): string {
  const match = /^HS_([A-Z0-9_]+)_DECISIONS$/.exec(name);
  const chain = match?.[1]?.toLowerCase().replaceAll("_", "-");
  if (chain === undefined || streamName("DECISIONS", chain) !== name)
    throw new UserError(`${name} is no stream with labels`, `name one as HS_<CHAIN>_${STREAMS.DECISIONS.suffix}`);
  return chain;
}

/** Writes a line of JSON for each labelled candidate, oldest first, stream by stream. Resolves to how many. */
export async function exportLabels({ from, natsUrl, out }: LabelsOptions): Promise<number> {
  const chains = from.map(chainOfStream);
  const bus = await Bus.connect({ servers: [natsUrl], name: "hyperspeed labels" });
  const file = out === null ? process.stdout : createWriteStream(out);
  let lines = 0;
  try {
    for (const chain of chains) {
      for await (const message of bus.read("DECISIONS", chain, 1, ["outcomeLabelled"])) {
        if (message?.body.kind !== "outcome-labelled") continue;
        const { kind: _, v: __, chainId: ___, causeId: ____, labels, ...ranking } = message.body;
        for (const label of labels) {
          lines++;
          const line = { chain, ...ranking, ...label };
          if (!file.write(`${JSON.stringify(line)}\n`)) await once(file, "drain");
        }
      }
    }
  } finally {
    if (file !== process.stdout) {
      file.end();
      await once(file, "close");
    }
    await bus.close();
  }
  return lines;
}
