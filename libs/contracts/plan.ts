/**
 * The executor's packed plan: what `Executor.execute` reads, byte for byte (layout in src/Executor.sol and README.md).
 *
 * Hand-written rather than through an ABI library: it runs between the decision and the signature, and a packed stream has no ABI anyway.
 */

import { type Address, asAddress } from "#libs/units/brand.ts";
import { invariant } from "#libs/units/invariant.ts";
import type { Hex } from "./artifact.ts";

/** One swap with its exact amounts in raw token units, as computed for one state of the chain. */
export interface SwapCommand {
  readonly kind: "uniswap-v2" | "uniswap-v3";
  readonly pool: Address;
  /** Must agree with the address order of the tokens, as it does in every pool of these families. */
  readonly zeroForOne: boolean;
  readonly tokenIn: Address;
  readonly tokenOut: Address;
  readonly amountIn: bigint;
  /** V2: exactly what is taken out. V3: the least that is accepted. */
  readonly amountOut: bigint;
}

export interface ExecutionPlan {
  /** 0x and 32 bytes; comes back in the `Executed` event. */
  readonly executionId: string;
  readonly loanToken: Address;
  readonly loanAmount: bigint;
  readonly swaps: readonly SwapCommand[];
  /** Raw units of the loan token that must remain after loan, loan fee and builder payment. */
  readonly minProfit: bigint;
  /** Wei to the block's coinbase; only when the loan token is the wrapped native coin. */
  readonly builderPayment: bigint;
  /** The last block in which the plan may be mined, as the chain's `block.number` counts (on Arbitrum that is the L1 block). */
  readonly validUntilBlock: bigint;
}

/** A swap as the stream tells it. What the stream does not carry (the tokens of a forwarded V2 swap, any tokenOut) is not guessed. */
export interface DecodedSwap {
  readonly kind: SwapCommand["kind"];
  readonly pool: Address;
  readonly zeroForOne: boolean;
  /** The token the executor pays; null when the previous swap sent its output straight to this pool. */
  readonly paidToken: Address | null;
  /** Of a forwarded V2 swap: what the previous swap sends. */
  readonly amountIn: bigint;
  readonly amountOut: bigint;
  /** Whether the output goes straight to the next swap's pool. */
  readonly forwards: boolean;
}

export interface DecodedPlan extends Omit<ExecutionPlan, "swaps"> {
  /** Tokens whose balance the executor watches; the loan token first. */
  readonly tokens: readonly Address[];
  readonly swaps: readonly DecodedSwap[];
}

/** `execute(bytes)`. */
const EXECUTE_SELECTOR = "09c5eabe";

const V3 = 1;
const ZERO_FOR_ONE = 2;
const FORWARD = 4;
const PAY = 8;
const TOKEN_INDEX_SHIFT = 4;

/** A table index has four bits. A plan that pays with more tokens than this would not fit a block's useful gas either. */
const MAX_TOKENS = 16;

const MAX_UINT64 = (1n << 64n) - 1n;
const MAX_UINT128 = (1n << 128n) - 1n;
/** Reserves of a V2 pair are uint112, so no amount of one swap can be larger. */
const MAX_UINT112 = (1n << 112n) - 1n;

const EXECUTION_ID = /^0x[0-9a-f]{64}$/;

function checkRange(name: string, value: bigint, least: bigint, most: bigint): void {
  invariant(value >= least && value <= most, `${name} out of range: ${value}, allowed ${least} to ${most}`);
}

/** Big-endian, left-padded, without 0x. The value was checked to fit. */
const uint = (value: bigint | number, bytes: number): string => value.toString(16).padStart(bytes * 2, "0");

function checkSwap(swap: SwapCommand, position: number): void {
  const most = swap.kind === "uniswap-v2" ? MAX_UINT112 : MAX_UINT128;
  checkRange(`swaps[${position}].amountIn`, swap.amountIn, 1n, most);
  checkRange(`swaps[${position}].amountOut`, swap.amountOut, 1n, most);
  invariant(swap.tokenIn !== swap.tokenOut, `swaps[${position}] swaps ${swap.tokenIn} for itself`);
  invariant(swap.zeroForOne === swap.tokenIn < swap.tokenOut, `swaps[${position}].zeroForOne contradicts the order of its tokens`);
}

/**
 * Whether this swap's output can go straight to the next pool, which saves a transfer.
 * Only where the next swap takes exactly it: what a V2 pair gets beyond its amountIn is lost to the pool.
 */
function forwardsTo(swap: SwapCommand, next: SwapCommand | undefined): boolean {
  return (
    next !== undefined &&
    next.kind === "uniswap-v2" &&
    next.tokenIn === swap.tokenOut &&
    next.amountIn === swap.amountOut &&
    next.pool !== swap.pool
  );
}

/**
 * Calldata of `Executor.execute`. Throws `InvariantError` when the plan cannot be what its author meant: an amount outside its field, a direction against
 * the token order, a swap that spends what no earlier swap (nor the loan) provides. It does not judge profit: the contract does, and a simulation before.
 */
export function encodeExecute(plan: ExecutionPlan): Hex {
  invariant(EXECUTION_ID.test(plan.executionId), `executionId is not 32 bytes of lower-case hex: ${plan.executionId}`);
  checkRange("validUntilBlock", plan.validUntilBlock, 0n, MAX_UINT64);
  checkRange("loanAmount", plan.loanAmount, 1n, MAX_UINT128);
  checkRange("minProfit", plan.minProfit, 0n, MAX_UINT128);
  checkRange("builderPayment", plan.builderPayment, 0n, MAX_UINT128);
  invariant(plan.swaps.length > 0, "plan without swaps");

  const tokens: Address[] = [plan.loanToken];
  const indexOf = (token: Address): number => {
    let index = tokens.indexOf(token);
    if (index < 0) index = tokens.push(token) - 1;
    invariant(index < MAX_TOKENS, `plan pays with more than ${MAX_TOKENS} tokens`);
    return index;
  };

  const available = new Map<Address, bigint>([[plan.loanToken, plan.loanAmount]]);
  let commands = "";
  let forwarded = false;
  for (const [position, swap] of plan.swaps.entries()) {
    checkSwap(swap, position);
    const have = available.get(swap.tokenIn) ?? 0n;
    invariant(swap.amountIn <= have, `swaps[${position}] spends ${swap.amountIn} of ${swap.tokenIn}, of which the plan has ${have}`);
    available.set(swap.tokenIn, have - swap.amountIn);
    available.set(swap.tokenOut, (available.get(swap.tokenOut) ?? 0n) + swap.amountOut);

    const forwards = forwardsTo(swap, plan.swaps[position + 1]);
    let flags = (swap.zeroForOne ? ZERO_FOR_ONE : 0) | (forwards ? FORWARD : 0);
    const pool = swap.pool.slice(2);
    if (swap.kind === "uniswap-v3") {
      flags |= V3 | (indexOf(swap.tokenIn) << TOKEN_INDEX_SHIFT);
      commands += uint(flags, 1) + pool + uint(swap.amountIn, 16) + uint(swap.amountOut, 16);
    } else if (forwarded) {
      commands += uint(flags, 1) + pool + uint(swap.amountOut, 16);
    } else {
      flags |= PAY | (indexOf(swap.tokenIn) << TOKEN_INDEX_SHIFT);
      commands += uint(flags, 1) + pool + uint(swap.amountOut, 16) + uint(swap.amountIn, 16);
    }
    forwarded = forwards;
  }

  const header =
    plan.executionId.slice(2) +
    uint(plan.validUntilBlock, 8) +
    uint(plan.loanAmount, 16) +
    uint(plan.minProfit, 16) +
    uint(plan.builderPayment, 16) +
    uint(tokens.length, 1);
  const body = header + tokens.map((token) => token.slice(2)).join("") + commands;
  // Padded to a whole word, at 4 gas a byte, so that every ABI decoder in the world can read our transactions.
  const padded = body.padEnd(Math.ceil(body.length / 64) * 64, "0");
  return `0x${EXECUTE_SELECTOR}${uint(0x20, 32)}${uint(body.length / 2, 32)}${padded}`;
}

/** Reads calldata back, for audits and tests. Throws `InvariantError` for anything the contract would call malformed. */
export function decodeExecute(calldata: string): DecodedPlan {
  invariant(/^0x([0-9a-f]{2})*$/i.test(calldata), "calldata is not hex");
  const hex = calldata.slice(2).toLowerCase();
  invariant(hex.startsWith(EXECUTE_SELECTOR + uint(0x20, 32)), "calldata is not a call of Executor.execute");
  const lengthAt = EXECUTE_SELECTOR.length + 64;
  const length = Number(BigInt(`0x0${hex.slice(lengthAt, lengthAt + 64)}`));
  const body = hex.slice(lengthAt + 64, lengthAt + 64 + length * 2);
  invariant(body.length === length * 2, "calldata is shorter than the plan it announces");

  let position = 0;
  const take = (bytes: number): string => {
    const text = body.slice(position, position + bytes * 2);
    invariant(text.length === bytes * 2, "plan is truncated");
    position += bytes * 2;
    return text;
  };
  const takeUint = (bytes: number): bigint => BigInt(`0x${take(bytes)}`);
  const takeAddress = (): Address => asAddress(`0x${take(20)}`);

  const executionId = `0x${take(32)}`;
  const validUntilBlock = takeUint(8);
  const loanAmount = takeUint(16);
  const minProfit = takeUint(16);
  const builderPayment = takeUint(16);
  const tokens = Array.from({ length: Number(takeUint(1)) }, takeAddress);
  const loanToken = tokens[0];
  invariant(loanToken !== undefined && loanAmount > 0n, "plan without a loan");

  const swaps: DecodedSwap[] = [];
  while (position < body.length) {
    const flags = Number(takeUint(1));
    const isV3 = (flags & V3) !== 0;
    const pays = isV3 || (flags & PAY) !== 0;
    const pool = takeAddress();
    const first = takeUint(16);
    const second = pays ? takeUint(16) : null;
    const paidToken = pays ? tokens[flags >> TOKEN_INDEX_SHIFT] : null;
    invariant(paidToken !== undefined, "plan pays with a token outside its table");
    const previous = swaps.at(-1);
    const sent = previous?.forwards ? previous.amountOut : 0n;
    swaps.push({
      kind: isV3 ? "uniswap-v3" : "uniswap-v2",
      pool,
      zeroForOne: (flags & ZERO_FOR_ONE) !== 0,
      paidToken,
      amountIn: isV3 ? first : (second ?? sent),
      amountOut: isV3 ? (second ?? 0n) : first,
      forwards: (flags & FORWARD) !== 0,
    });
  }
  invariant(swaps.at(-1)?.forwards !== true, "the last swap forwards to nobody");
  return { executionId, validUntilBlock, loanToken, loanAmount, minProfit, builderPayment, tokens, swaps };
}
