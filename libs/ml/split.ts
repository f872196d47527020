import { invariant } from "#libs/units/invariant.ts";

/** Rows from `begin` up to, not including, `end`. */
export interface Window {
  readonly begin: number;
  readonly end: number;
}

export const WINDOWS = ["fit", "validate", "calibrate", "test"] as const;
export type Windows = Readonly<Record<(typeof WINDOWS)[number], Window>>;

export interface SplitOptions {
  /** Shares of the rows; the rest is to fit on. */
  readonly validate: number;
  readonly calibrate: number;
  readonly test: number;
  /** Blocks between the last of a window and the first of the next: at least as many as an outcome takes to be known. */
  readonly embargoBlocks: number;
}

/**
 * Rows in the order of time, oldest first: fit | embargo | validate | embargo | calibrate | embargo | test. A model is judged on what came after all that it
 * has seen, as in use. A block is never parted; what the embargo swallows is taken off the earlier window.
 */
export function splitByTime(blocks: ArrayLike<number>, { validate, calibrate, test, embargoBlocks }: SplitOptions): Windows {
  const count = blocks.length;
  for (let row = 1; row < count; row++)
    invariant((blocks[row - 1] as number) <= (blocks[row] as number), "rows in the order of their blocks");
  const startOf = (share: number) => {
    let row = Math.min(count, Math.round((1 - share) * count));
    while (row > 0 && row < count && blocks[row - 1] === blocks[row]) row--;
    return row;
  };
  const starts = [0, startOf(validate + calibrate + test), startOf(calibrate + test), startOf(test), count];
  const windowAt = (index: number): Window => {
    const begin = starts[index] as number;
    const next = starts[index + 1] as number;
    let end = next;
    if (next < count) while (end > begin && (blocks[end - 1] as number) + embargoBlocks >= (blocks[next] as number)) end--;
    return { begin, end };
  };
  return { fit: windowAt(0), validate: windowAt(1), calibrate: windowAt(2), test: windowAt(3) };
}
