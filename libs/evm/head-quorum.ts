/** A block as an endpoint announces it. */
export interface Head {
  readonly number: number;
  readonly hash: string;
  readonly parentHash: string;
}

/** Heights that votes are kept for: deeper reorganisations begin again from the new branch. */
const REMEMBERED_HEIGHTS = 128;
/** Endpoints that see a block a moment earlier or later, or follow a reorganisation, agree again well within this. */
const DISAGREE_MS = 30_000;
/** Behind by less is the time that a block takes around the world. */
const LAG_MS = 3_000;
const LAG_BLOCKS_MIN = 2;

/** Blocks that an endpoint may be behind before it counts as lagging. */
export function toleratedLag(blockTimeMs: number): number {
  return Math.max(LAG_BLOCKS_MIN, Math.ceil(LAG_MS / blockTimeMs));
}

/**
 * How far each endpoint is behind. Compared with the furthest, or the second furthest of three and more: one that announces blocks that do not exist must not
 * make laggards of all others. Null: not known.
 */
export function blocksBehind(heights: readonly (number | null)[]): number[] {
  const known = heights.filter((height) => height !== null).toSorted((left, right) => right - left);
  const best = known[known.length >= 3 ? 1 : 0] ?? 0;
  return heights.map((height) => (height === null ? 0 : Math.max(0, best - height)));
}

/**
 * Decides which heads count: those that `quorum` endpoints agree on, each with its latest word on that height. An announced head speaks for its parent too, so
 * endpoints that skip blocks agree all the same. Pure.
 */
export class HeadQuorum<Announced extends Head> {
  readonly #quorum: number;
  /** Height → endpoint → the hash it last had there. */
  readonly #votes = new Map<number, Map<number, string>>();
  readonly #accepted = new Map<number, string>();
  /** The latest announcement of each height, for the case that what makes it count comes later. */
  readonly #announced = new Map<number, Announced>();
  readonly #disagreesSinceMs: (number | null)[];
  readonly #heights: (number | null)[];
  #highest = 0;

  constructor(quorum: number, endpoints: number) {
    this.#quorum = quorum;
    this.#disagreesSinceMs = new Array<number | null>(endpoints).fill(null);
    this.#heights = new Array<number | null>(endpoints).fill(null);
  }

  /** The newest head that counts from now on, if any does: this one, or the one before it that somebody announced. */
  saw(endpoint: number, head: Announced, nowMs: number): Announced | null {
    this.#heights[endpoint] = head.number;
    this.#announced.set(head.number, head);
    const parentCounts = this.#vote(endpoint, head.number - 1, head.parentHash, nowMs);
    const counts = this.#vote(endpoint, head.number, head.hash, nowMs);
    const parent = this.#announced.get(head.number - 1);
    this.#forget();
    if (counts) return head;
    return parentCounts && parent?.hash === head.parentHash ? parent : null;
  }

  /** Its heads have differed from those that count for long, without one in between that was the same. */
  disagrees(endpoint: number, nowMs: number): boolean {
    const since = this.#disagreesSinceMs[endpoint] ?? null;
    return since !== null && nowMs - since >= DISAGREE_MS;
  }

  blocksBehind(): number[] {
    return blocksBehind(this.#heights);
  }

  #vote(endpoint: number, height: number, hash: string, nowMs: number): boolean {
    let votes = this.#votes.get(height);
    if (votes === undefined) {
      votes = new Map();
      this.#votes.set(height, votes);
    }
    votes.set(endpoint, hash);
    let agreeing = 0;
    for (const other of votes.values()) if (other === hash) agreeing++;
    const counts = agreeing >= this.#quorum && this.#accepted.get(height) !== hash;
    if (counts) {
      this.#accepted.set(height, hash);
      this.#highest = Math.max(this.#highest, height);
      for (const voter of votes.keys()) this.#compare(voter, height, nowMs);
    } else this.#compare(endpoint, height, nowMs);
    return counts;
  }

  #compare(endpoint: number, height: number, nowMs: number): void {
    const accepted = this.#accepted.get(height);
    if (accepted === undefined) return;
    const agrees = this.#votes.get(height)?.get(endpoint) === accepted;
    this.#disagreesSinceMs[endpoint] = agrees ? null : (this.#disagreesSinceMs[endpoint] ?? nowMs);
  }

  /** Also what lies impossibly far ahead: as many heights are kept as come last. */
  #forget(): void {
    for (const height of this.#votes.keys()) {
      if (this.#votes.size <= 2 * REMEMBERED_HEIGHTS && height > this.#highest - REMEMBERED_HEIGHTS) continue;
      this.#votes.delete(height);
      this.#accepted.delete(height);
      this.#announced.delete(height);
    }
  }
}
