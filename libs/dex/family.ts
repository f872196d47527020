import type { Call } from "#libs/evm/multicall.ts";
import type { Address } from "#libs/units/brand.ts";
import type { LogRow } from "#proto/block/v1/observed.ts";
import type { PoolStates } from "#proto/pool/v1/state.ts";

export type FamilyId = PoolStates["family"];

/** Static facts of a pool. */
export interface PoolInfo {
  readonly pool: Address;
  readonly token0: Address;
  readonly token1: Address;
  /** Swap fee in 1e-6 units (3,000 = 0.3 %). */
  readonly feePips: number;
  /** 0 where the family has none. */
  readonly tickSpacing: number;
}

export type RowOf<Id extends FamilyId> = Extract<PoolStates, { family: Id }>["rows"][number];

export interface SwapInput {
  /** Raw token units, > 0. */
  readonly amountIn: bigint;
  readonly zeroForOne: boolean;
}

export interface ChainReader {
  /** eth_call at the block this reader is bound to. `to` null runs `data` as creation code. */
  call(to: string | null, data: string): Promise<string>;
  /** Many small calls in as few requests as the node allows; null for one that failed. */
  multicall(calls: readonly Call[]): Promise<(string | null)[]>;
}

/**
 * All that the system knows of a kind of pool. A fork is a deployment (libs/chains), not code. I/O-free: reading goes through ChainReader.
 * `State` is owned and changed in place by one actor; rows are its absolute form on the wire.
 */
export interface Family<Id extends FamilyId, State> {
  readonly id: Id;
  readonly topics: { readonly poolCreated: string; readonly state: readonly string[] };
  /** Facts of the pool that a factory's event announces. `feeBps` is that of the deployment, for families whose pools do not carry it. */
  decodePoolCreated(log: LogRow, deployment: { readonly feeBps?: number | undefined }): PoolInfo;
  /** State of a pool at its creation. */
  created(): State;
  /** False until the pool can be traded (reserves, price set). */
  isLive(state: State): boolean;
  /** Applies an event of the pool. Returns what undoes it: the same values before, in the form of a row. */
  applyLog(info: PoolInfo, state: State, log: LogRow): RowOf<Id>;
  /** Sets the values a row gives; values it leaves out (untouched ticks) stay. */
  applyRow(state: State, row: RowOf<Id>): void;
  /** The row that carries `state` over every tick. */
  toRow(info: PoolInfo, state: State): RowOf<Id>;
  /** The row that carries what `undo` would put back, at its present values. */
  toChangeRow(info: PoolInfo, state: State, undo: RowOf<Id>): RowOf<Id>;
  /** Joins the undo rows of several logs of one pool: the earliest value of each field wins. */
  mergeUndo(earlier: RowOf<Id>, later: RowOf<Id>): RowOf<Id>;
  /** Full states of these pools at the reader's block. A pool that is not there at that block is left out, or given as not live. */
  read(reader: ChainReader, pools: readonly PoolInfo[]): Promise<RowOf<Id>[]>;
  /** Exact amount out in raw token units, as the contract computes it, rounded down by it. 0n when the pool cannot do the swap whole. */
  quoteExactIn(info: PoolInfo, state: State, input: SwapInput): bigint;
  /** Gas that this swap adds to an execution through our contract: an estimate, for ranking and for gas limits. */
  swapGas(info: PoolInfo, state: State, input: SwapInput): number;
}
