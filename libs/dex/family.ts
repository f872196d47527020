import type { DexDeployment } from "#libs/chains/chain.ts";
import type { Call } from "#libs/evm/multicall.ts";
import type { Rpc } from "#libs/evm/rpc.ts";
import type { Address } from "#libs/units/brand.ts";
import type { LogRow } from "#proto/block/v1/observed.ts";
import type { SwapCall } from "#proto/cycle/v1/found.ts";
import type { FactsOf, FamilyId, StateRowOf } from "#proto/pool/v1/state.ts";

export type { FamilyId } from "#proto/pool/v1/state.ts";

/** What never changes of a pool. */
export interface PoolInfo<Id extends FamilyId = FamilyId> {
  readonly pool: Address;
  /** In the pool's own order, which is also that of its indices; of most families ascending by address. */
  readonly tokens: readonly Address[];
  readonly facts: FactsOf<Id>;
}

/** The state of a pool as it crosses actors: absolute values, the pool's address first. */
export type RowOf<Id extends FamilyId> = StateRowOf<Id>;

/** A direction through a pool: indices into its tokens. */
export interface Direction {
  readonly indexIn: number;
  readonly indexOut: number;
}

export interface SwapExactIn extends Direction {
  /** Raw token units, > 0. */
  readonly amountIn: bigint;
}

export interface SwapExactOut extends Direction {
  /** Raw token units, > 0. */
  readonly amountOut: bigint;
}

export interface ChainReader {
  /**
   * eth_call at the block this reader is bound to. `to` null runs `data` as creation code. `timestamp`, in seconds, takes the place of the block's time; a node
   * that knows no block overrides refuses, or ignores it.
   */
  call(to: string | null, data: string, timestamp?: number): Promise<string>;
  /** Many small calls in as few requests as the node allows; null for one that failed. */
  multicall(calls: readonly Call[]): Promise<(string | null)[]>;
}

/**
 * A pool of two tokens whose price moves along ranges of constant liquidity, in float64: uniswap-v3 and its kin with the ticks around the price, and every
 * constant product, which is one range without end (L = √(x·y), √P = √(y/x)).
 */
export interface RangeCurve {
  readonly kind: "ranges";
  liquidity: number;
  sqrtPrice: number;
  /** 1 − fee, by the index of the token that comes in. */
  gamma: [number, number];
  /** √price at each initialised tick, ascending; empty for a constant product. */
  sqrtTicks: Float64Array;
  liquidityNet: Float64Array;
  /** Number of ticks at or below the present one. */
  ticksBelow: number;
  /** Price moves without end (constant product), rather than up to the last tick. */
  endless: boolean;
}

/** Any other concave curve, in float64: amounts in raw token units. */
export interface SmoothCurve {
  readonly kind: "smooth";
  amountOut(amountIn: number, direction: Direction): number;
  /** d(amountOut)/d(amountIn) at this input, fee included; at 0 the marginal rate. */
  rate(amountIn: number, direction: Direction): number;
  /** Inputs above this the pool does not take, or not in a way that these functions describe. */
  largestIn(direction: Direction): number;
}

export type PoolCurve = RangeCurve | SmoothCurve;

/** A pool that a log announces: whole where the event says all, its address where the chain has to be asked, null where not even that is in the event. */
export type Announcement<Id extends FamilyId = FamilyId> = PoolInfo<Id> | Address | null;

/** One swap that a pool is asked about, and our answer. */
export interface Question<Id extends FamilyId = FamilyId> extends SwapExactIn {
  readonly info: PoolInfo<Id>;
  /** The pool's state at the block of the question. */
  readonly row: RowOf<Id>;
  readonly ours: bigint;
}

/** What the chain says of one swap. */
export interface Said {
  /** What the pool pays for exactly this input, 0n where it refuses or takes less. Null where it could not be made to say. */
  readonly amountOut: bigint | null;
  /** The pool's reason to refuse, or why there is no answer. */
  readonly reason: string | null;
}

/**
 * All that the system knows of a kind of pool. A fork is a deployment (deployments.ts beside it), not code. I/O-free: reading goes through ChainReader.
 * `State` is owned and changed in place by one actor; rows are its absolute form on the wire (proto/pool/v1/state.ts).
 */
export interface Family<Id extends FamilyId, State> {
  readonly id: Id;
  /** The contract variants that deployments of this family name. */
  readonly variants: readonly string[];

  // ---- finding pools

  /** A view without arguments, or with those in `data`, that the deployment's main contract answers with a word: what a doctor asks it. */
  knownView(deployment: DexDeployment): { readonly name: string; readonly data: string };

  /** Topics that create a pool and topics that move one, for a deployment. */
  topics(deployment: DexDeployment): { readonly created: readonly string[]; readonly state: readonly string[] };
  /** A log with one of the `created` topics from the deployment's factory. */
  decodeCreated(log: LogRow, deployment: DexDeployment): Announcement<Id>;
  /** Addresses of the pools that the factory lists, from this index on, where it lists them. */
  enumerate?(reader: ChainReader, deployment: DexDeployment, fromIndex: number): Promise<readonly Address[]>;
  /** The facts of these addresses, asked of the pools and of the factory; null for one that is no pool of this deployment, or of a kind we have no exact mathematics for. */
  describe(reader: ChainReader, deployment: DexDeployment, pools: readonly Address[]): Promise<(PoolInfo<Id> | null)[]>;

  // ---- following them

  /** The pool that a log with one of the `state` topics moves; null for a log that comes from nobody this deployment listens to. */
  poolOf(log: LogRow, deployment: DexDeployment): Address | null;
  /** Who holds the tokens of the pools, where they do not themselves. */
  custodian?(deployment: DexDeployment): Address;
  /** The state of a pool of which nothing is known yet. */
  created(): State;
  /** False until the pool can be traded (reserves, price set). */
  isLive(state: State): boolean;
  /** Applies a log. Returns what undoes it: the same values before, in the form of a row. */
  applyLog(info: PoolInfo<Id>, state: State, log: LogRow): RowOf<Id>;
  /** Sets the values a row gives; values it leaves out (untouched ticks) stay. */
  applyRow(state: State, row: RowOf<Id>): void;
  /** The row that carries the whole of `state`. */
  toRow(info: PoolInfo<Id>, state: State): RowOf<Id>;
  /** The row that carries, at their present values, what `like` carries: applied later it puts them back. */
  toChangeRow(info: PoolInfo<Id>, state: State, like: RowOf<Id>): RowOf<Id>;
  /** Joins the undo rows of several changes of one pool: the earliest value of each field wins. */
  mergeUndo(earlier: RowOf<Id>, later: RowOf<Id>): RowOf<Id>;
  /** Full states of these pools at the reader's block. A pool that is not there at that block is left out, or given as not live. */
  read(reader: ChainReader, deployment: DexDeployment, pools: readonly PoolInfo<Id>[]): Promise<RowOf<Id>[]>;
  /** What moves without an event of its own (dynamic fees, rates, ramps), where anything does: read again at every block, for swaps in the next one. */
  readonly refresh?: {
    needed(info: PoolInfo<Id>, state: State): boolean;
    /** Rows for `applyRow`, at the reader's block as it will be at `timestamp` (seconds): the expected time of the next block. */
    read(reader: ChainReader, deployment: DexDeployment, pools: readonly PoolInfo<Id>[], timestamp: number): Promise<RowOf<Id>[]>;
  };

  // ---- pricing

  /** Exact amount out in raw token units, as the contract computes it, rounded down by it. 0n when the pool cannot do the swap whole. */
  quoteExactIn(info: PoolInfo<Id>, state: State, swap: SwapExactIn): bigint;
  /** Exact amount in for exactly this amount out, as the contract computes it, rounded up by it. 0n when the pool cannot do the swap whole. Absent where the protocol has none. */
  quoteExactOut?(info: PoolInfo<Id>, state: State, swap: SwapExactOut): bigint;
  /**
   * The row that, applied to `state`, makes it what the contract's storage is once exactly this swap is done, at the same block and time: what `applyLog` of
   * the swap's own logs gives. In the form of `toChangeRow`, without ticks. Null where `quoteExactIn` gives 0n. `state` stays as it is.
   */
  afterSwap(info: PoolInfo<Id>, state: State, swap: SwapExactIn): RowOf<Id> | null;
  /**
   * Whether a quote on the state after a swap is what a further swap of this pool pays in the same block. False where the pool may ask another fee of it, which
   * the state does not tell: then it is to be swapped once in a block.
   */
  quotableAgain(info: PoolInfo<Id>): boolean;
  /** Other pools whose swaps move what this one quotes, where there are any. */
  restsOn?(info: PoolInfo<Id>): readonly Address[];
  /**
   * What liquidity providers have in the pool of each token, raw units: the depth of its market, and what TVL counts. Uncollected fees are not in it. Exact where
   * the state holds balances, to 1e-9 where it has to be added up from ranges.
   */
  holdings(info: PoolInfo<Id>, state: State): readonly bigint[];
  /** The pool in float64, for search. The same object may come again, changed, at the next call. */
  curve(info: PoolInfo<Id>, state: State): PoolCurve;
  /**
   * How far `curve` may be off: amountOutApprox differs from the exact one by at most `relative` of it, plus `units` raw units of the token that goes out, plus what
   * as many units of the input are worth, fee not taken; while the input is below a tenth of what the pool holds of it. Held by the conformance suite.
   */
  readonly curveError: { readonly relative: number; readonly units: number };

  // ---- executing

  /** How our contract calls the pool: one of the forms that the executor knows. */
  swapCall(info: PoolInfo<Id>, direction: Direction): SwapCall;
  /** Gas that this swap adds to an execution through our contract: an estimate, for ranking and for gas limits. */
  swapGas(info: PoolInfo<Id>, state: State, swap: SwapExactIn): number;
  /** Where `swapGas` grows with the swap: of one within a range, and more for each initialised tick that is crossed; no swap costs less. */
  readonly gasOfRanges?: { readonly within: number; readonly tick: number };

  // ---- checking

  /**
   * Makes the chain itself say what these swaps pay, at this block: a quoter, a view of the pool, or a simulated swap. In as few requests as can be; answers in
   * the order of the questions. `timestamp`: as the block would be at that time (seconds), for states that `refresh` has brought there.
   */
  ask(
    client: Rpc,
    at: { readonly blockHash: string; readonly multicall3: string; readonly timestamp?: number },
    deployment: DexDeployment,
    questions: readonly Question<Id>[],
  ): Promise<Said[]>;
}
