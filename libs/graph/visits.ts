/** Why the searches of a block were ended: their time was up, or a newer block was waiting. */
export type EndedBy = "deadline" | "newer-block";

export interface Ended {
  /** Edges that the block's searches had looked at by then, all together. */
  readonly after: number;
  readonly by: EndedBy;
}

/** Edges looked at between two looks at the clock: 50 to 300 µs. */
const AT_ONCE = 4_096;

/**
 * The edges that the searches of one block look at, all together. Whatever clock ends them, `ended` says after how many edges: searches of the same block that
 * are given it end at the same edge.
 */
export class Visits {
  readonly #due: (count: number) => EndedBy | null;
  readonly #most: number;
  readonly #atOnce: number;
  #count = 0;
  #ended: Ended | null = null;

  /** `due`: why they are to end now, asked after every so many edges; or the end of an earlier run. */
  constructor(due: (() => EndedBy | null) | Ended, atOnce = AT_ONCE) {
    this.#atOnce = atOnce;
    this.#due = typeof due === "function" ? due : (count) => (count >= due.after ? due.by : null);
    this.#most = typeof due === "function" ? Number.POSITIVE_INFINITY : due.after;
  }

  /** How many edges may be looked at before the next call; 0 when it is over. What is not used is to be given back. */
  take(wanted: number): number {
    if (this.isOver) return 0;
    const taken = Math.min(wanted, this.#atOnce, this.#most - this.#count);
    this.#count += taken;
    return taken;
  }

  giveBack(unused: number): void {
    this.#count -= unused;
  }

  /** Whether what is still to come is to be left out. Once it is, it stays so. */
  get isOver(): boolean {
    if (this.#ended === null) {
      const by = this.#due(this.#count);
      if (by !== null) this.#ended = { after: this.#count, by };
    }
    return this.#ended !== null;
  }

  get ended(): Ended | null {
    return this.#ended;
  }
}
