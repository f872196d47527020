import type { FamilyId, PoolInfo, RowOf } from "#libs/dex/family.ts";
import { type AnyFamily, familyOf } from "#libs/dex/registry.ts";
import { branchOf } from "#libs/history/blocks.ts";
import { profitTokenOf, saleStart } from "#libs/ledger/profit-token.ts";
import { asAddress } from "#libs/units/brand.ts";
import { InvariantError } from "#libs/units/invariant.ts";
import type { Candidate } from "#proto/cycle/v1/found.ts";
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
  /** The block that its last report was of. */
  branch: string;
  /** Reports that may be later than the snapshot that comes. */
  early: BodyOf<"poolChanged">[];
}

/** A snapshot is announced some blocks after the one it holds: reports of so many before its announcement are enough. */
const MOST_EARLY = 64;

/** The pools of a chain as the fetchers report them: their states, for what a candidate would pay later. */
export class PoolBook {
  readonly #pools = new Map<string, Pool>();
  readonly #dexes: Map<string, Dex>;

  constructor(dexes: readonly string[]) {
    this.#dexes = new Map(dexes.map((dex) => [dex, { through: null, branch: "", early: [] }]));
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
    dex.branch = branchOf(body);
    this.#apply(body.states.rows);
    for (const address of body.removed) this.#pools.delete(address);
  }

  /** Whether the states of all of a candidate's pools are known, as of this block. */
  knows({ hops }: Candidate, branch: string): boolean {
    return hops.every(({ dex, pool }) => this.#dexes.get(dex)?.branch === branch && this.#pools.has(pool));
  }

  /**
   * What the candidate's swaps would leave on the states as they are: raw units of its profit token, negative where they lose. What goes in of its token is as it was; every
   * other hop takes the same share of what there is of its token by then as it took before, rounded down: a sale all that the loan leaves. Null where a pool refuses, and
   * where a sale has nothing to sell.
   */
  requote(candidate: Candidate): bigint | null {
    const { token, hops } = candidate;
    const sale = saleStart(candidate);
    const undo: { readonly pool: Pool; readonly row: RowOf<FamilyId> }[] = [];
    const held = new Map<string, { planned: bigint; now: bigint }>();
    const heldOf = (of: string) => {
      const amounts = held.get(of) ?? { planned: 0n, now: 0n };
      held.set(of, amounts);
      return amounts;
    };
    let isPaid = true;
    for (const [place, { pool: address, tokenIn, tokenOut, amountIn, amountOut }] of hops.entries()) {
      const pool = this.#pools.get(address);
      if (pool === undefined) throw new InvariantError(`pool ${address} is not known`);
      const { family, info, state } = pool;
      const [from, to] = [heldOf(tokenIn), heldOf(tokenOut)];
      const planned = BigInt(amountIn);
      const isLoan = tokenIn === token && place < sale;
      const taken = isLoan || from.planned === 0n ? planned : (planned * from.now) / from.planned;
      const swap = {
        amountIn: taken,
        indexIn: info.tokens.indexOf(asAddress(tokenIn)),
        indexOut: info.tokens.indexOf(asAddress(tokenOut)),
      };
      const paid = taken > 0n && family.isLive(state) ? family.quoteExactIn(info, state, swap) : 0n;
      const row = paid === 0n ? null : family.afterSwap(info, state, swap);
      if (row === null) {
        isPaid = false;
        break;
      }
      undo.push({ pool, row: family.toChangeRow(info, state, row) });
      family.applyRow(state, row);
      from.planned -= planned;
      from.now -= taken;
      to.planned += BigInt(amountOut);
      to.now += paid;
    }
    for (const { pool, row } of undo.reverse()) pool.family.applyRow(pool.state, row);
    return isPaid ? heldOf(profitTokenOf(candidate)).now : null;
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
