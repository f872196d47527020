import type { Bus } from "#libs/actor/bus.ts";
import type { OutcomeLabelled } from "#proto/outcome/v1/labelled.ts";

/** Sequence of the first labels in DECISIONS that are of this block, or of a later one; of the next to come where there are none. */
export async function firstLabelFrom(bus: Bus, chain: string, blockNumber: number): Promise<number> {
  let low = await bus.firstSequence("DECISIONS", chain);
  let high = (await bus.lastSequence("DECISIONS", chain)) + 1;
  // Numbers rise but for reorganisations, whose labels may be a few to either side.
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const next = await bus.nextOf("outcomeLabelled", { chain }, middle);
    if (next === null || next.body.blockNumber >= blockNumber) high = middle;
    else low = next.meta.sequence + 1;
  }
  return low;
}

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
