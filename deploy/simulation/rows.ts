import type { Received } from "#libs/actor/actor.ts";
import { extract, FEATURE_COUNT } from "#libs/ml/features.ts";
import type { PoolSnapshot } from "#proto/pool/v1/snapshotted.ts";
import type { BodyOf } from "#proto/subjects.ts";
import { KEYS, type Keys } from "#services/trainer/actor.ts";
import { type Block, BlockMemory, listingOf, stepsOf } from "#services/trainer/memory.ts";
import { PoolBook } from "#services/trainer/pools.ts";
import { PriceMemory } from "#services/trainer/prices.ts";

interface Found {
  readonly body: BodyOf<"cycleFound">;
  readonly storedAtMs: number;
}

/**
 * The rows of a ranking at the moment at which it is made, from the messages up to then: by the trainer's own memories, so that they are the rows that its labels
 * carry. Held against those in simulation.test.ts.
 */
export class Rows {
  readonly #blocks = new BlockMemory();
  readonly #prices = new PriceMemory();
  readonly #pools: PoolBook;
  readonly #snapshots: ReadonlyMap<string, PoolSnapshot>;
  readonly #planned = new Map<string, BodyOf<"executionPlanned">>();
  readonly #loanFeePips: bigint;
  #found: Found | null = null;

  constructor(dexes: readonly string[], snapshots: ReadonlyMap<string, PoolSnapshot>, loanFeePips: bigint) {
    this.#pools = new PoolBook(dexes);
    this.#snapshots = snapshots;
    this.#loanFeePips = loanFeePips;
  }

  static readonly keys: ReadonlySet<string> = new Set(Object.values(KEYS).flat());

  apply(message: Received<Keys>): void {
    const blocks = this.#blocks;
    switch (message.key) {
      case "blockObserved":
        blocks.add(message.body);
        return;
      case "poolChanged": {
        this.#pools.report(message.body);
        const block = blocks.at(message.body);
        for (const [pool] of message.body.states.rows) block?.changed.add(pool);
        return;
      }
      case "poolSnapshotted":
        this.#pools.load(message.body.dex, this.#snapshots.get(message.body.object) as PoolSnapshot);
        return;
      case "priceChanged": {
        const block = blocks.at(message.body);
        if (block !== undefined) block.watched = true;
        this.#prices.apply(message.body);
        return;
      }
      case "tvlChanged":
        blocks.setValues(message.body);
        return;
      case "arbitrageObserved": {
        const block = blocks.at(message.body);
        if (block !== undefined) block.others = message.body.arbitrages.filter(({ ours }) => !ours);
        return;
      }
      case "cycleFound": {
        this.#found = { body: message.body, storedAtMs: message.meta.storedAtMs };
        const block = blocks.at(message.body);
        if (block !== undefined) block.listing = listingOf(message.body);
        return;
      }
      case "executionPlanned":
        this.#planned.set(message.body.executionId, message.body);
        return;
      case "executionSimulated":
        this.#count(message.body.executionId, true);
        return;
      case "executionFailed":
        if (message.body.code === "simulation-reverted" || message.body.code === "unprofitable-after-simulation")
          this.#count(message.body.executionId, message.body.code !== "simulation-reverted");
        return;
      case "executionLanded": {
        const planned = this.#planned.get(message.body.executionId);
        if (message.body.status === 0 || planned === undefined) return;
        for (const step of stepsOf(planned.candidate.hops)) blocks.byHash(message.body.blockHash)?.ours.add(step);
        return;
      }
      default:
    }
  }

  /** FEATURE_COUNT numbers a candidate, in the order of the ranking. To be asked for once, before the ranking goes out. */
  of(ranking: BodyOf<"opportunityScored">): Float32Array {
    const found = this.#found as Found;
    const gasPrice = BigInt(ranking.maxNextBaseFeePerGas) + BigInt(ranking.priorityFeePerGas);
    const netProfits = new Map([
      ...ranking.opportunities.map(({ candidate, netProfit }) => [candidate.cycleId, netProfit] as const),
      ...ranking.rejected.map(({ cycleId, netProfit }) => [cycleId, netProfit] as const),
    ]);
    const block = this.#blocks.at(ranking) as Block;
    block.ranked = { gasPrice, netProfits };
    const context = {
      ...this.#blocks.contextOfHead(),
      gasPrice,
      loanFeePips: this.#loanFeePips,
      blockNumber: ranking.blockNumber,
      elapsedMs: Math.max(0, found.storedAtMs - found.body.observedAtMs),
      marginalRate: (pool: string, tokenIn: string, tokenOut: string) => this.#pools.marginalRate(pool, tokenIn, tokenOut),
      volatility: (token: string, other: string) => this.#prices.volatility(token, other),
      tokenConfidence: (token: string) => this.#prices.confidence(token),
    };
    const rows = new Float32Array(ranking.opportunities.length * FEATURE_COUNT);
    for (const [rank, { candidate }] of ranking.opportunities.entries())
      extract({ candidate, rank, cyclesFound: found.body.cyclesFound }, context, rows, rank * FEATURE_COUNT);
    // Plans are asked for by their simulations, in the same block or the next.
    for (const [id, { blockNumber }] of this.#planned) if (blockNumber < ranking.blockNumber - 8) this.#planned.delete(id);
    return rows;
  }

  #count(executionId: string, isRight: boolean): void {
    const planned = this.#planned.get(executionId);
    const block = planned === undefined ? undefined : this.#blocks.byHash(planned.blockHash);
    if (planned === undefined || block === undefined) return;
    for (const pool of new Set(planned.candidate.hops.map((hop) => hop.pool))) {
      const counted = block.simulations.get(pool) ?? { right: 0, all: 0 };
      block.simulations.set(pool, { right: counted.right + (isRight ? 1 : 0), all: counted.all + 1 });
    }
  }
}
