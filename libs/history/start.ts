import type { Bus } from "#libs/actor/bus.ts";
import { REPLAY_BLOCKS } from "#libs/history/history.ts";

/** Sequence of the first block message in MARKET that may be of this block, or of a later one; the first that is there where the stream begins later. */
async function sequenceOfBlock(bus: Bus, chain: string, blockNumber: number): Promise<number> {
  let low = await bus.firstSequence("MARKET", chain);
  let high = (await bus.lastSequence("MARKET", chain)) + 1;
  // Numbers rise but for reorganisations, which are shallow beside what is read to spare.
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const next = await bus.nextOf("blockObserved", { chain }, middle);
    if (next === null || next.body.blockNumber >= blockNumber) high = middle;
    else low = next.meta.sequence + 1;
  }
  return low;
}

export type Start = Readonly<Record<"MARKET" | "DECISIONS" | "MONEY", number>>;

/** Sequences from which the streams are read so that the history of this block is whole. */
export async function historyStart(bus: Bus, chain: string, blockNumber: number): Promise<Start> {
  const market = await sequenceOfBlock(bus, chain, blockNumber - REPLAY_BLOCKS);
  const first = await bus.nextOf("blockObserved", { chain }, market);
  const at = async (stream: "DECISIONS" | "MONEY") =>
    first === null ? bus.firstSequence(stream, chain) : bus.sequenceAt(stream, chain, first.meta.storedAtMs);
  return { MARKET: market, DECISIONS: await at("DECISIONS"), MONEY: await at("MONEY") };
}
