import type { FamilyId, PoolInfo, RowOf } from "#libs/dex/family.ts";
import { type AnyFamily, familyOf } from "#libs/dex/registry.ts";
import { marginalRate } from "#libs/graph/market.ts";
import { asAddress } from "#libs/units/brand.ts";
import type { PoolSnapshot } from "#proto/pool/v1/snapshotted.ts";
import type { BodyOf } from "#proto/subjects.ts";

interface Pool {
  readonly family: AnyFamily;
  readonly info: PoolInfo;
  readonly state: object;
}

interface Dex {
  /** Block messages up to this stream sequence are in the state; null before the first snapshot. */
  through: number | null;
  /** Reports that may be later than the snapshot that comes. */
  early: BodyOf<"poolChanged">[];
}

/** A snapshot is announced some blocks after the one it holds: reports of so many before its announcement are enough. */
const MOST_EARLY = 64;

/** The pools of a chain as the fetchers report them: their states, for the rates that they would pay. */
export class PoolBook {
  readonly #pools = new Map<string, Pool>();
  readonly #dexes: Map<string, Dex>;

  constructor(dexes: readonly string[]) {
    this.#dexes = new Map(dexes.map((dex) => [dex, { through: null, early: [] }]));
  }

  /** Whether the DEX is followed here and has no full state yet. */
  lacks(dex: string): boolean {
    return this.#dexes.get(dex)?.through === null;
  }

  load(id: string, snapshot: PoolSnapshot): void {
    const dex = this.#dexes.get(id);
    if (dex === undefined) return;
    dex.through = snapshot.causeSequence;
    this.#add(snapshot.pools);
    this.#apply(snapshot.states.rows);
    for (const report of dex.early.splice(0)) this.report(report);
  }

  discover(body: BodyOf<"poolDiscovered">): void {
    if (this.#dexes.has(body.dex)) this.#add(body.pools);
  }

  report(body: BodyOf<"poolChanged">): void {
    const dex = this.#dexes.get(body.dex);
    if (dex === undefined) return;
    if (dex.through === null) {
      dex.early.push(body);
      if (dex.early.length > MOST_EARLY) dex.early.shift();
      return;
    }
    if (body.causeSequence <= dex.through) return;
    dex.through = body.causeSequence;
    this.#apply(body.states.rows);
    for (const address of body.removed) this.#pools.delete(address);
  }

  /** What the pool pays for very little, fee taken: raw units out per raw unit in. Null where it is not known, or pays nothing. */
  marginalRate(address: string, tokenIn: string, tokenOut: string): number | null {
    const pool = this.#pools.get(address);
    if (pool === undefined || !pool.family.isLive(pool.state)) return null;
    const { family, info, state } = pool;
    const [indexIn, indexOut] = [info.tokens.indexOf(asAddress(tokenIn)), info.tokens.indexOf(asAddress(tokenOut))];
    if (indexIn < 0 || indexOut < 0) return null;
    const rate = marginalRate(family.curve(info, state), { indexIn, indexOut });
    return rate > 0 && Number.isFinite(rate) ? rate : null;
  }

  #add({ family, rows }: PoolSnapshot["pools"]): void {
    const of = familyOf(family);
    for (const [pool, tokens, facts] of rows) {
      if (this.#pools.has(pool)) continue;
      const info: PoolInfo = { pool: asAddress(pool), tokens: tokens.map(asAddress), facts };
      this.#pools.set(pool, { family: of, info, state: of.created() });
    }
  }

  #apply(rows: readonly RowOf<FamilyId>[]): void {
    for (const row of rows) {
      const pool = this.#pools.get(row[0]);
      if (pool !== undefined) pool.family.applyRow(pool.state, row);
    }
  }
}
