import Type, { type Static } from "typebox";
import { FamilyName } from "#proto/pool/v1/state.ts";
import { AddressText, Count, HashText, messageSchema, Token, Uint } from "#proto/scalars.ts";

/** How the executor contract calls a pool (libs/contracts/plan.ts): the form of the call, and what it needs beside the tokens and amounts. */
export const SwapCall = Type.Union([
  /** Tokens are sent first, then `swap(uint256,uint256,address,bytes)`. */
  Type.Object({ form: Type.Literal("v2"), zeroForOne: Type.Boolean() }),
  /** `swap(address,bool,int256,uint160,bytes)`, which calls back to be paid. */
  Type.Object({ form: Type.Literal("v3"), zeroForOne: Type.Boolean() }),
  /** `swap` of a Balancer V2 vault. */
  Type.Object({ form: Type.Literal("balancer-v2"), vault: AddressText, poolId: HashText }),
  /** `exchange(int128,int128,uint256,uint256)`. */
  Type.Object({ form: Type.Literal("curve"), i: Count, j: Count }),
]);
export type SwapCall = Static<typeof SwapCall>;

/** One swap of a cycle with its exact amounts (raw token units), as the contract will compute them on the state of this block. */
export const Hop = Type.Object({
  dex: Token,
  family: FamilyName,
  pool: AddressText,
  call: SwapCall,
  tokenIn: AddressText,
  tokenOut: AddressText,
  amountIn: Uint,
  amountOut: Uint,
});
export type Hop = Static<typeof Hop>;

/** Hash of all hops' pools and directions from the start token on: the same cycle has the same id in every block. One whose surplus is sold has another for every path of the sale. */
export const CycleId = Type.String({ pattern: "^[0-9a-f]{16}$" });

/**
 * A cycle sized exactly: start with `amountIn` of `token`, end with `amountOut` of it. Or several in one transaction, whose ways may part and meet: with
 * `amountIn` to begin with, each swap is paid from what is there. Or a cycle whose surplus, `amountOut` less `amountIn`, is sold for the profit token by the hops
 * behind it, from the last that takes `token` on.
 */
export const Candidate = Type.Object({
  cycleId: CycleId,
  /** Borrowed, and paid back. */
  token: AddressText,
  amountIn: Uint,
  amountOut: Uint,
  /** What the surplus is sold for; absent where it stays as it is. The solver's candidates all earn the wrapped native coin. */
  profitToken: Type.Optional(AddressText),
  /** Before gas, in smallest units of the profit token: of `token` where none is named. */
  grossProfit: Uint,
  /** Gas of the whole transaction, estimated from the families of the hops. */
  gasEstimate: Count,
  /** In the order in which they execute, each paid from what those before it have left, and quoted on the pools as they leave them. */
  hops: Type.Array(Hop, { minItems: 2, maxItems: 80 }),
  /** 1 − the product over all hops of amountOut ÷ (amountIn · marginal rate on this block's state): the share that its own size costs. Absent where a rate is not known. */
  priceImpact: Type.Optional(Type.Number()),
});
export type Candidate = Static<typeof Candidate>;

/**
 * All sized candidates of one block, best gross profit first. Published for every block, also with none.
 *
 * The states that they rest on are told by `blockHash`, `epoch` and `dexes`: each pool of a DEX in `dexes` is as after the one `pool.changed` with which that DEX
 * reported this block on this branch (absolute rows, on top of its snapshot and the reports before), and pools of any other DEX are in no candidate. So a candidate
 * carries no version of its own.
 */
export const CycleFound = messageSchema("cycle-found", {
  epoch: Count,
  timestamp: Count,
  baseFeePerGas: Uint,
  /** DEXes whose state of this block was in, and those whose was late: a replay takes the same decision from the same list. */
  dexes: Type.Array(Token),
  lateDexes: Type.Array(Token),
  /** Pools that the search went without: what they promise was never paid (OpportunityScored, `phantoms`). */
  gatedPools: Type.Optional(Type.Array(AddressText)),
  /**
   * Cycles that earn the least wanted in the float search, as far as the solver keeps them: the same market gives the same candidates, not always the
   * same number here.
   */
  cyclesFound: Count,
  /** The search ended at its bound of work, or was ended (`ended`): there may be better cycles. */
  isCutShort: Type.Optional(Type.Boolean()),
  /** Time was up, or a newer block waited, when the search had looked at so many edges: nothing more was looked for, no plan either. A replay ends at the same edge. */
  ended: Type.Optional(Type.Object({ after: Count, by: Type.Union([Type.Literal("deadline"), Type.Literal("newer-block")]) })),
  candidates: Type.Array(Candidate),
});
export type CycleFound = Static<typeof CycleFound>;
