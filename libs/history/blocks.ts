import { type FeatureContext, MEMORY_BLOCKS, type PoolContext, TREND_BLOCKS } from "#libs/ml/features.ts";
import type { ObservedArbitrage } from "#proto/arbitrage/v1/observed.ts";
import type { Candidate, Hop } from "#proto/cycle/v1/found.ts";
import type { BodyOf } from "#proto/subjects.ts";

export const branchOf = ({ blockHash, epoch }: { readonly blockHash: string; readonly epoch: number }): string => `${blockHash}@${epoch}`;

/** One direction of a pool: what a cycle takes something out of. */
const stepOf = ({ pool, tokenIn }: Pick<Hop, "pool" | "tokenIn">): string => `${pool}:${tokenIn}`;
export const stepsOf = (hops: readonly Pick<Hop, "pool" | "tokenIn">[]): string[] => hops.map(stepOf);

/** The cycles that a candidate consists of: each begins where the candidate's token goes in (libs/graph/plan.ts). */
export function cyclesOf({ token, hops }: Candidate): Hop[][] {
  const cycles: Hop[][] = [];
  for (const hop of hops) {
    if (hop.tokenIn === token || cycles.length === 0) cycles.push([]);
    cycles.at(-1)?.push(hop);
  }
  return cycles;
}

/** The same cycle has the same key in every block. */
const keyOf = (cycle: readonly Hop[]): string => cycle.map(({ pool, tokenIn, tokenOut }) => `${pool}:${tokenIn}>${tokenOut}`).join();

/** The answer to a block's search, looked up by cycle. */
export interface Listing {
  readonly body: BodyOf<"cycleFound">;
  readonly byId: ReadonlyMap<string, Candidate>;
  /** Single cycles, also those within a candidate of several. */
  readonly cycles: ReadonlySet<string>;
  /** It had no room for all cycles that were found. */
  readonly isFull: boolean;
  /** Least gross profit among its single cycles; null where it has none. */
  readonly least: bigint | null;
}

export function listingOf(body: BodyOf<"cycleFound">): Listing {
  const parts = body.candidates.map((candidate) => cyclesOf(candidate).map(keyOf));
  const singles = body.candidates.filter((_, index) => parts[index]?.length === 1).map(({ grossProfit }) => BigInt(grossProfit));
  const least = singles.reduce<bigint | null>((low, profit) => (low === null || profit < low ? profit : low), null);
  return {
    body,
    byId: new Map(body.candidates.map((candidate) => [candidate.cycleId, candidate])),
    cycles: new Set(parts.flat()),
    isFull: singles.length < body.cyclesFound,
    least,
  };
}

export type Presence =
  | { readonly state: "there" | "in-part" | "gone" }
  | { readonly state: "unknown"; readonly because: "dex-late" | "cut-short" | "list-full" };

/**
 * Whether a candidate of the block before is in a block's list. What is not in a list that was full is gone as well if even the least that is listed earns less
 * than `gasCost`: it would not be worth its gas, which comes to the same.
 */
export function presenceOf(candidate: Candidate, gasCost: bigint, { body, byId, cycles, isFull, least }: Listing): Presence {
  if (byId.has(candidate.cycleId)) return { state: "there" };
  if (cyclesOf(candidate).some((cycle) => cycles.has(keyOf(cycle)))) return { state: "in-part" };
  if (candidate.hops.some(({ dex }) => body.lateDexes.includes(dex))) return { state: "unknown", because: "dex-late" };
  if (body.isCutShort === true) return { state: "unknown", because: "cut-short" };
  return !isFull || (least !== null && least < gasCost) ? { state: "gone" } : { state: "unknown", because: "list-full" };
}

/** Of a ranking: what later blocks are held against. */
export interface Ranked {
  /** Wei per gas that a trade on this block may have to pay. */
  readonly gasPrice: bigint;
  readonly netProfits: ReadonlyMap<string, string>;
}

/** What is known of a block of the present branch. */
export interface Block {
  readonly number: number;
  readonly branch: string;
  readonly hash: string;
  readonly baseFeePerGas: bigint;
  readonly gasUsed: number;
  readonly gasLimit: number;
  /** Pools that it changed. */
  readonly changed: Set<string>;
  /** Arbitrages of others in it. */
  others: readonly ObservedArbitrage[];
  /** The analyst has looked at it. */
  watched: boolean;
  listing: Listing | null;
  ranked: Ranked | null;
  /** Directions of pools that trades of ours took in it. */
  readonly ours: Set<string>;
  /** Simulations on its state, by pool. */
  readonly simulations: Map<string, { right: number; all: number }>;
}

/** Beyond the memory of the features: what labels that are still to be made look back to, and what a reorganisation may take off. */
const SPARE = 64;

/** The last blocks of the branch that stands. A reorganisation takes the dropped ones off, and with them all that they said. */
export class BlockMemory {
  readonly #blocks: Block[] = [];
  readonly #byBranch = new Map<string, Block>();
  /** Value of a pool, whole native coins, as the last `tvl.changed` has it. */
  readonly #values = new Map<string, number>();

  get head(): Block | undefined {
    return this.#blocks.at(-1);
  }

  /** Number of the oldest block that is kept; 0 where none is. */
  get oldest(): number {
    return this.#blocks[0]?.number ?? 0;
  }

  add(body: BodyOf<"blockObserved">): void {
    const block: Block = {
      number: body.blockNumber,
      branch: branchOf(body),
      hash: body.blockHash,
      baseFeePerGas: BigInt(body.baseFeePerGas),
      gasUsed: body.gasUsed,
      gasLimit: body.gasLimit,
      changed: new Set(),
      others: [],
      watched: false,
      listing: null,
      ranked: null,
      ours: new Set(),
      simulations: new Map(),
    };
    this.rewind(block.number - 1);
    // After a gap nothing that counts blocks would be right.
    if (this.head !== undefined && this.head.number !== block.number - 1) this.rewind(-1);
    this.#blocks.push(block);
    this.#byBranch.set(block.branch, block);
    if (this.#blocks.length > MEMORY_BLOCKS + SPARE) this.#byBranch.delete(this.#blocks.shift()?.branch as string);
  }

  /** Only blocks up to this number stand. */
  rewind(number: number): void {
    while (this.#blocks.length > 0 && (this.head as Block).number > number) this.#byBranch.delete(this.#blocks.pop()?.branch as string);
  }

  /** A block of the branch that stands. */
  at(at: { readonly blockHash: string; readonly epoch: number }): Block | undefined {
    return this.#byBranch.get(branchOf(at));
  }

  byHash(hash: string): Block | undefined {
    return this.#blocks.findLast((block) => block.hash === hash);
  }

  byNumber(number: number): Block | undefined {
    return this.#blocks[number - (this.#blocks[0]?.number ?? 0)];
  }

  setValues({ scope, pools }: BodyOf<"tvlChanged">): void {
    if (scope === "all") this.#values.clear();
    for (const [pool, , native] of pools) this.#values.set(pool, Number(native));
  }

  /** What the blocks up to the head say of a candidate on it: all of the context but what tokens cost. */
  contextOfHead(): Pick<FeatureContext, "block" | "baseFeeBefore" | "rivalsPerBlock" | "pool" | "cycle"> {
    const head = this.head as Block;
    const before = this.byNumber(head.number - TREND_BLOCKS);
    /** Those whose outcome can be known: the head is still open. */
    const past = this.#blocks.slice(-MEMORY_BLOCKS - 1, -1);
    const rivals = past.reduce((sum, { others }) => sum + others.length, 0);
    const known = new Map<string, PoolContext>();
    return {
      block: { baseFeePerGas: head.baseFeePerGas, gasUsed: head.gasUsed, gasLimit: head.gasLimit },
      baseFeeBefore: before?.baseFeePerGas ?? null,
      rivalsPerBlock: past.length < MEMORY_BLOCKS ? null : rivals / MEMORY_BLOCKS,
      pool: (pool) => {
        let context = known.get(pool);
        if (context === undefined) {
          context = this.#poolOf(pool, past);
          known.set(pool, context);
        }
        return context;
      },
      cycle: (cycleId) => this.#historyOf(cycleId, past),
    };
  }

  #poolOf(pool: string, past: readonly Block[]): PoolContext {
    const simulations = { right: 0, all: 0 };
    let taken = 0;
    for (const block of past) {
      const counted = block.simulations.get(pool);
      simulations.right += counted?.right ?? 0;
      simulations.all += counted?.all ?? 0;
      taken += block.others.filter(({ hops }) => hops.some((hop) => hop.pool === pool)).length;
    }
    const recent = [...past, this.head as Block];
    return {
      tvl: this.#values.get(pool) ?? null,
      changedAtBlock: recent.findLast(({ changed }) => changed.has(pool))?.number ?? null,
      taken,
      simulations,
    };
  }

  /** Appearances of which it is known what became of them a block later: those that a trade of ours went through are not. */
  #historyOf(cycleId: string, past: readonly Block[]): { readonly found: number; readonly vanished: number } | null {
    let found = 0;
    let vanished = 0;
    for (const { number, listing, ranked } of past) {
      const candidate = listing?.byId.get(cycleId);
      const next = this.byNumber(number + 1);
      if (candidate === undefined || next === undefined || next.listing === null) continue;
      const gasPrice = next.ranked?.gasPrice ?? ranked?.gasPrice ?? 0n;
      const { state } = presenceOf(candidate, gasPrice * BigInt(candidate.gasEstimate), next.listing);
      if (state === "unknown") continue;
      if (state === "gone" && stepsOf(candidate.hops).some((step) => next.ours.has(step))) continue;
      found++;
      if (state === "gone") vanished++;
    }
    return found === 0 ? null : { found, vanished };
  }
}
