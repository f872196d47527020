import type { Bus } from "#libs/actor/bus.ts";
import type { OutcomeLabelled } from "#proto/outcome/v1/labelled.ts";

/** All labels of these sequences, oldest first. Throws for one that cannot be read: what is trained on would not be what was asked for. */
export async function readLabels(
  bus: Bus,
  chain: string,
  { firstSequence, lastSequence }: { readonly firstSequence: number; readonly lastSequence: number },
  onRead: (read: number) => void = () => {},
): Promise<OutcomeLabelled[]> {
  const labels: OutcomeLabelled[] = [];
  if (firstSequence > lastSequence) return labels;
  for await (const message of bus.read("DECISIONS", chain, firstSequence, ["outcomeLabelled"])) {
    if (message === null) throw new TypeError(`labels of ${chain} that cannot be decoded`);
    if (message.meta.sequence > lastSequence) break;
    if (message.body.kind === "outcome-labelled") labels.push(message.body);
    onRead(labels.length);
  }
  return labels;
}
