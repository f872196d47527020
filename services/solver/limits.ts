import type { EndedBy } from "#libs/graph/visits.ts";

/** When a search is to end. */
export interface Limits {
  /** By the machine's monotonic clock; null for never. */
  readonly untilMs: number | null;
  /** Its number, and that of the latest search that has been asked for: a block that a newer one waits behind is late anyway. */
  readonly turn: number;
  readonly latest: Int32Array<SharedArrayBuffer>;
}

/** The same for all threads of the process. */
export const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6;

/** Why the search is to end now. */
export const dueBy =
  ({ untilMs, turn, latest }: Limits) =>
  (): EndedBy | null =>
    Atomics.load(latest, 0) > turn ? "newer-block" : untilMs !== null && monotonicMs() >= untilMs ? "deadline" : null;
