import type { Bus } from "#libs/actor/bus.ts";
import { REPLAY_BLOCKS } from "#libs/history/history.ts";
import { SUBJECTS } from "#proto/subjects.ts";

/** Sequence of the first message of this kind that may be of this block, or of a later one; of the first that is there where the stream begins later, of the next to come where there is none. */
export async function sequenceOfBlock(
  bus: Bus,
  key: "blockObserved" | "outcomeLabelled",
  chain: string,
  blockNumber: number,
): Promise<number> {
  const { stream } = SUBJECTS[key];
  let low = await bus.firstSequence(stream, chain);
  let high = (await bus.lastSequence(stream, chain)) + 1;
  // Numbers rise but for reorganisations, which are shallow beside what is read to spare.
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const next = await bus.nextOf(key, { chain }, middle);
    if (next === null || next.body.blockNumber >= blockNumber) high = middle;
    else low = next.meta.sequence + 1;
  }
  return low;
}

export type Start = Readonly<Record<"MARKET" | "DECISIONS" | "MONEY", number>>;

/** Sequences from which the streams are read so that the history of this block is whole. */
export async function historyStart(bus: Bus, chain: string, blockNumber: number): Promise<Start> {
  const market = await sequenceOfBlock(bus, "blockObserved", chain, blockNumber - REPLAY_BLOCKS);
  const first = await bus.nextOf("blockObserved", { chain }, market);
  const at = async (stream: "DECISIONS" | "MONEY") =>
    first === null ? bus.firstSequence(stream, chain) : bus.sequenceAt(stream, chain, first.meta.storedAtMs);
  return { MARKET: market, DECISIONS: await at("DECISIONS"), MONEY: await at("MONEY") };
}
