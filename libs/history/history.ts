import { BlockMemory, branchOf, stepsOf } from "#libs/history/blocks.ts";
import { PriceMemory } from "#libs/history/prices.ts";
import { type CandidateInBlock, extract, FEATURE_COUNT, type FeatureContext, MEMORY_BLOCKS } from "#libs/ml/features.ts";
import type { AnyBody, BodyOf, SubjectKey } from "#proto/subjects.ts";

/** What a history is made of, stream by stream. */
export const HISTORY_KEYS = {
  MARKET: ["blockObserved", "blockReorged", "poolChanged", "priceChanged", "tvlChanged", "arbitrageObserved"],
  DECISIONS: ["cycleFound"],
  MONEY: ["executionPlanned", "executionSimulated", "executionFailed", "executionLanded"],
} as const satisfies Readonly<Record<string, readonly SubjectKey[]>>;

/** So many blocks before the first that a row is wanted of are read: a whole set of prices (the analyst sends one every 256), then what features remember; and some to spare. */
export const REPLAY_BLOCKS = 256 + MEMORY_BLOCKS + 44;

/** What a message says of the block that it is about; those of MONEY name no epoch. */
export interface About {
  readonly blockNumber: number;
  readonly blockHash: string;
  readonly epoch?: number;
}

/** A receipt may name a block that no watcher has seen: what is about one so far behind the head is not kept back for it. */
const LOST_BLOCKS = 8;

interface Planned {
  readonly blockNumber: number;
  readonly blockHash: string;
  readonly hops: BodyOf<"executionPlanned">["candidate"]["hops"];
}

/** What has been seen of a chain: folded from its streams, and all that rows of features rest on. Same messages in the same order, same rows. */
export class History {
  readonly blocks = new BlockMemory();
  readonly prices = new PriceMemory();
  readonly #planned = new Map<string, Planned>();
  /** Blocks whose own message has been read, also those that have been dropped since: numbers by branch, and by hash alone. */
  readonly #read = new Map<string, number>();

  /** Takes a message up. Those that say nothing here are passed over. */
  apply(body: AnyBody): void {
    const { blocks, prices } = this;
    switch (body.kind) {
      case "block-observed":
        blocks.add(body);
        for (const key of [branchOf(body), body.blockHash]) {
          this.#read.delete(key);
          this.#read.set(key, body.blockNumber);
        }
        this.#forget(blocks.oldest);
        return;
      case "block-reorged":
        blocks.rewind(body.blockNumber);
        prices.rewind(body.blockNumber);
        return;
      case "pool-changed":
        if (body.reason === "block") blocks.setChanged(body);
        return;
      case "price-changed":
        if (blocks.setWatched(body) !== undefined) prices.apply(body);
        return;
      case "tvl-changed":
        blocks.setValues(body);
        return;
      case "arbitrage-observed":
        blocks.setOthers(body);
        return;
      case "cycle-found":
        blocks.setListing(body);
        return;
      case "execution-planned":
        this.#planned.set(body.executionId, { blockNumber: body.blockNumber, blockHash: body.blockHash, hops: body.candidate.hops });
        return;
      case "execution-simulated":
        this.#countSimulation(body.executionId, true);
        return;
      case "execution-failed":
        // One that ran, but not for what its gas costs, paid what was quoted.
        if (body.code === "simulation-reverted" || body.code === "unprofitable-after-simulation")
          this.#countSimulation(body.executionId, body.code !== "simulation-reverted");
        return;
      case "execution-landed": {
        const planned = this.#planned.get(body.executionId);
        if (planned !== undefined && body.status === 1) blocks.addOurs(body.blockHash, stepsOf(planned.hops));
        return;
      }
    }
  }

  /**
   * Whether the own message of the block that this is about has been read, or will not come: what is said of a block before that is kept back, for streams come each at
   * its own pace. By the block itself: another of its height says nothing.
   */
  hasRead({ blockNumber, blockHash, epoch }: About): boolean {
    const { head, oldest } = this.blocks;
    if (this.#read.has(epoch === undefined ? blockHash : branchOf({ blockHash, epoch })) || blockNumber < oldest) return true;
    return epoch === undefined && head !== undefined && blockNumber + LOST_BLOCKS <= head.number;
  }

  /** What has been seen when a block's candidates are ranked. Null where that block is not the head: a row would hold what came later, or miss the block itself. */
  contextOf(
    found: BodyOf<"cycleFound">,
    { gasPrice, loanFeePips, storedAtMs }: Pick<FeatureContext, "gasPrice" | "loanFeePips"> & { readonly storedAtMs: number },
  ): FeatureContext | null {
    if (this.blocks.head?.branch !== branchOf(found)) return null;
    return {
      ...this.blocks.contextOfHead(),
      gasPrice,
      loanFeePips,
      blockNumber: found.blockNumber,
      // The broker's clock and the watcher's: where they differ, by so much.
      elapsedMs: Math.max(0, storedAtMs - found.observedAtMs),
      volatility: (token, other) => this.prices.volatility(token, other),
      tokenConfidence: (token) => this.prices.confidence(token),
    };
  }

  #countSimulation(executionId: string, isRight: boolean): void {
    const planned = this.#planned.get(executionId);
    if (planned !== undefined) this.blocks.addSimulation(planned.blockHash, new Set(planned.hops.map((hop) => hop.pool)), isRight);
  }

  #forget(before: number): void {
    for (const [id, { blockNumber }] of this.#planned) {
      // Oldest first.
      if (blockNumber >= before) break;
      this.#planned.delete(id);
    }
    for (const [key, number] of this.#read) {
      if (number >= before) break;
      this.#read.delete(key);
    }
  }
}

/** The rows of some candidates of a block, FEATURE_COUNT float32 each. */
export function rowsOf(candidates: readonly CandidateInBlock[], context: FeatureContext): Float32Array {
  const rows = new Float32Array(candidates.length * FEATURE_COUNT);
  for (const [place, candidate] of candidates.entries()) extract(candidate, context, rows, place * FEATURE_COUNT);
  return rows;
}

/** A row as messages carry it: null for what was missing. */
export function featuresOf(rows: Float32Array, place: number): (number | null)[] {
  const features: (number | null)[] = [];
  for (let at = place * FEATURE_COUNT; at < (place + 1) * FEATURE_COUNT; at++) {
    const value = rows[at] as number;
    features.push(Number.isNaN(value) ? null : value);
  }
  return features;
}
