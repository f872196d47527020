import { createReadStream, existsSync } from "node:fs";
import { createInterface } from "node:readline";
import Type from "typebox";
import { Compile } from "typebox/compile";
import { Bus } from "#libs/actor/bus.ts";
import { readLabels } from "#libs/history/labels.ts";
import type { LabelledBlock } from "#libs/ml/dataset.ts";
import { SCHEMA_HASH } from "#libs/ml/features.ts";
import { UserError } from "#libs/units/invariant.ts";
import { Label, OutcomeLabelled } from "#proto/outcome/v1/labelled.ts";
import { chainOfStream } from "#services/cli/labels.ts";

const { blockNumber, blockHash, epoch, featureSchema } = OutcomeLabelled.properties;
const Line = Type.Object({ ...Label.properties, chain: Type.String(), blockNumber, blockHash, epoch, featureSchema });
const line = Compile(Line);

/** Labels of one chain, or of one file, oldest first. */
export interface LabelSource {
  readonly name: string;
  readonly blocks: readonly LabelledBlock[];
}

/** Lines as `hyperspeed labels` writes them: those of a block stand together. Throws `UserError` that names the first line that is none. */
export async function labelsOfFile(path: string, onRead: (read: number) => void = () => {}): Promise<LabelledBlock[]> {
  const blocks: { featureSchema: string; blockNumber: number; labels: Label[] }[] = [];
  let place = "";
  let number = 0;
  for await (const text of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
    number++;
    if (text.trim() === "") continue;
    let given: unknown;
    try {
      given = JSON.parse(text);
    } catch {
      // Said below, with its number.
    }
    if (!line.Check(given)) {
      const error = line.Errors(given)[0];
      throw new UserError(
        `${path}, line ${number}, is no label: ${error?.instancePath} ${error?.message}`,
        "write the file with `hyperspeed labels`",
      );
    }
    const own = [given.chain, given.blockHash, given.epoch].join();
    if (own !== place) blocks.push({ featureSchema: given.featureSchema, blockNumber: given.blockNumber, labels: [] });
    place = own;
    blocks.at(-1)?.labels.push(given);
    onRead(number);
  }
  return blocks;
}

/**
 * Reads labels from DECISIONS streams, which need a broker, and from files. Those under another feature schema than today's are left out: today's models say nothing of
 * them. Throws `UserError` for a source that is not there, or where nothing is left.
 */
export async function readSources(
  from: readonly string[],
  natsUrl: string | null,
  onRead: (source: string, read: number) => void = () => {},
): Promise<LabelSource[]> {
  const names = from.flatMap((each) => each.split(",")).filter((name) => name !== "");
  const chains = new Map(names.filter((name) => !existsSync(name)).map((name) => [name, chainOfStream(name)]));
  const [stream] = chains.keys();
  if (stream !== undefined && natsUrl === null)
    throw new UserError(
      `${stream} is a stream, and no server is named`,
      "say where it is with --nats URL, or name a file of labels that exists",
    );
  const bus = natsUrl === null || chains.size === 0 ? null : await Bus.connect({ servers: [natsUrl], name: "hyperspeed labels" });
  try {
    const sources: LabelSource[] = [];
    for (const name of names) {
      const chain = chains.get(name);
      const tell = (read: number) => onRead(name, read);
      const all =
        chain === undefined
          ? await labelsOfFile(name, tell)
          : await readLabels(
              bus as Bus,
              chain,
              { firstSequence: 1, lastSequence: await (bus as Bus).lastSequence("DECISIONS", chain) },
              tell,
            );
      const blocks = all.filter((block) => block.featureSchema === SCHEMA_HASH);
      if (blocks.length === 0)
        throw new UserError(
          all.length === 0 ? `${name} holds no labels` : `${name} holds ${all.length} blocks of labels, all under another feature schema`,
          "let a trainer run beside the system until it has labelled some blocks (`hyperspeed run trainer`)",
        );
      sources.push({ name, blocks });
    }
    return sources;
  } finally {
    await bus?.close();
  }
}
