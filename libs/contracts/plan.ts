/**
 * The executor's packed plan: what `Executor.execute` reads, byte for byte (layout in src/Executor.sol and README.md).
 *
 * Hand-written rather than through an ABI library: it runs between the decision and the signature, and a packed stream has no ABI anyway.
 */

import { type Address, asAddress } from "#libs/units/brand.ts";
import { assertNever, invariant } from "#libs/units/invariant.ts";
import type { SwapCall } from "#proto/cycle/v1/found.ts";
import type { Hex } from "./artifact.ts";

/** One swap with its exact amounts in raw token units, as computed for one state of the chain. */
export interface SwapCommand {
  /** What is called, and how. `zeroForOne` must agree with the address order of the tokens, as it does in every pool with such calls. */
  readonly call: SwapCall;
  /** In a Balancer vault: the pool that `call.poolId` names. */
  readonly pool: Address;
  readonly tokenIn: Address;
  readonly tokenOut: Address;
  readonly amountIn: bigint;
  /** V2: exactly what is taken out. Others: the least that is accepted. */
  readonly amountOut: bigint;
}

export interface ExecutionPlan {
  /** 0x and 32 bytes; comes back in the `Executed` event. */
  readonly executionId: string;
  readonly loanToken: Address;
  readonly loanAmount: bigint;
  readonly swaps: readonly SwapCommand[];
  /** Whose balance rises by the profit: the loan token, where none is named, or one that a swap buys. No other may fall. */
  readonly profitToken?: Address;
  /** Raw units of the profit token that must remain after loan, loan fee and builder payment. */
  readonly minProfit: bigint;
  /** Wei to the block's coinbase; only when the profit token is the wrapped native coin. */
  readonly builderPayment: bigint;
  /** The last block in which the plan may be mined, as the chain's `block.number` counts (on Arbitrum that is the L1 block). */
  readonly validUntilBlock: bigint;
}

/** A swap as the stream tells it. What the stream does not carry (the tokens of a forwarded V2 swap, most a tokenOut) is not guessed. */
export interface DecodedSwap {
  readonly call: SwapCall;
  readonly pool: Address;
  /** The token the executor pays; null when the previous swap sent its output straight to this pool. */
  readonly paidToken: Address | null;
  /** Only a Balancer vault is told. */
  readonly tokenOut: Address | null;
  /** Of a forwarded V2 swap: what the previous swap sends. */
  readonly amountIn: bigint;
  readonly amountOut: bigint;
  /** Whether the output goes straight to the next swap's pool. */
  readonly forwards: boolean;
}

export interface DecodedPlan extends Omit<ExecutionPlan, "swaps"> {
  readonly profitToken: Address;
  /** Tokens whose balance the executor watches; the loan token first. */
  readonly tokens: readonly Address[];
  readonly swaps: readonly DecodedSwap[];
}

/** `execute(bytes)`. */
const EXECUTE_SELECTOR = "09c5eabe";

/** Forms of a command, the low three bits of its first byte. */
const V2_FORWARDED = 0;
const V2 = 1;
const V3 = 2;
const BALANCER_V2 = 3;
const CURVE = 4;
const FORM_MASK = 7;
/** Bit 3: the direction of a V2 or V3 swap; for Curve, indices of another type, which no `SwapCall` asks for. */
const ZERO_FOR_ONE = 8;
const UINT256_INDICES = 8;
const TOKEN_INDEX_SHIFT = 4;

/** A table index has four bits. A plan that pays with more tokens than this would not fit a block's useful gas either. */
export const MAX_TOKENS = 16;

/** No transaction may ask for more gas: EIP-7825. */
const TRANSACTION_GAS = 2 ** 24;
/** Well above the estimate, so that one that is short does not revert a good trade: unused gas costs nothing. */
const GAS_FACTOR = 2;
const GAS_ROOM = 200_000;
/** The largest estimate of a transaction that still gets all of that room. */
export const MAX_GAS_ESTIMATE = (TRANSACTION_GAS - GAS_ROOM) / GAS_FACTOR;

export const gasLimitOf = (gasEstimate: number): number => Math.min(GAS_FACTOR * gasEstimate + GAS_ROOM, TRANSACTION_GAS);

const MAX_UINT64 = (1n << 64n) - 1n;
const MAX_UINT128 = (1n << 128n) - 1n;
/** Coins of a Curve pool are counted in one byte; no pool has more than eight. */
const MAX_COIN = 255;

const ADDRESS = /^0x[0-9a-f]{40}$/;
const BYTES32 = /^0x[0-9a-f]{64}$/;

function checkRange(name: string, value: bigint, least: bigint, most: bigint): void {
  invariant(value >= least && value <= most, `${name} out of range: ${value}, allowed ${least} to ${most}`);
}

/** Big-endian, left-padded, without 0x. The value was checked to fit. */
const uint = (value: bigint | number, bytes: number): string => value.toString(16).padStart(bytes * 2, "0");

function checkSwap(swap: SwapCommand, position: number): void {
  const { call, pool, tokenIn, tokenOut } = swap;
  const name = `swaps[${position}]`;
  checkRange(`${name}.amountIn`, swap.amountIn, 1n, MAX_UINT128);
  checkRange(`${name}.amountOut`, swap.amountOut, 1n, MAX_UINT128);
  invariant(tokenIn !== tokenOut, `${name} swaps ${tokenIn} for itself`);
  if (call.form === "balancer-v2") {
    invariant(ADDRESS.test(call.vault), `${name}.call.vault is not an address: ${call.vault}`);
    invariant(BYTES32.test(call.poolId), `${name}.call.poolId is not 32 bytes of lower-case hex: ${call.poolId}`);
    invariant(call.poolId.startsWith(pool), `${name}.call.poolId is not of the pool ${pool}: ${call.poolId}`);
  } else if (call.form === "curve") {
    invariant(isCoin(call.i) && isCoin(call.j) && call.i !== call.j, `${name} swaps coin ${call.i} of ${pool} for coin ${call.j}`);
  } else {
    invariant(call.zeroForOne === tokenIn < tokenOut, `${name}.call.zeroForOne contradicts the order of its tokens`);
  }
}

const isCoin = (index: number): boolean => Number.isInteger(index) && index >= 0 && index <= MAX_COIN;

/** What tells whether a swap forwards: amounts as numbers or, in messages, as decimal text. */
type Forwardable = Readonly<
  Record<"pool" | "tokenIn" | "tokenOut", string> & Record<"amountIn" | "amountOut", bigint | string> & { call: SwapCall }
>;

/**
 * Whether this swap's output can go straight to the next pool, which saves a transfer. Curve pools pay their caller only.
 * Only where the next swap takes exactly it: what a V2 pair gets beyond its amountIn is lost to the pool.
 */
function forwardsTo(swap: Forwardable, next: Forwardable | undefined): boolean {
  return (
    next !== undefined &&
    next.call.form === "v2" &&
    swap.call.form !== "curve" &&
    next.tokenIn === swap.tokenOut &&
    next.amountIn === swap.amountOut &&
    next.pool !== swap.pool
  );
}

/** Tokens that the executor pays itself, and so has to name, the loan token first: what goes straight from pool to pool is not among them. */
export function paidTokens(loanToken: string, swaps: readonly Forwardable[]): ReadonlySet<string> {
  const paid = new Set([loanToken]);
  for (const [index, swap] of swaps.entries()) {
    const before = swaps[index - 1];
    if (before === undefined || !forwardsTo(before, swap)) paid.add(swap.tokenIn);
  }
  return paid;
}

/** The command's form and bit 3, whom it calls, and what follows its amounts. */
function callOf({ call, pool, tokenOut }: SwapCommand): { head: number; target: string; details: string } {
  switch (call.form) {
    case "v2":
      return { head: V2 | (call.zeroForOne ? ZERO_FOR_ONE : 0), target: pool, details: "" };
    case "v3":
      return { head: V3 | (call.zeroForOne ? ZERO_FOR_ONE : 0), target: pool, details: "" };
    case "balancer-v2":
      return { head: BALANCER_V2, target: call.vault, details: call.poolId.slice(2) + tokenOut.slice(2) };
    case "curve":
      return { head: CURVE, target: pool, details: uint(call.i, 1) + uint(call.j, 1) };
    default:
      return assertNever(call);
  }
}

/**
 * Calldata of `Executor.execute`. Throws `InvariantError` when the plan cannot be what its author meant: an amount outside its field, a direction against
 * the token order, a swap that spends what no earlier swap (nor the loan) provides, a profit in what no swap buys. It does not judge profit: the contract does, and a simulation before.
 */
export function encodeExecute(plan: ExecutionPlan): Hex {
  invariant(BYTES32.test(plan.executionId), `executionId is not 32 bytes of lower-case hex: ${plan.executionId}`);
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

    const { head, target, details } = callOf(swap);
    const amountOut = uint(swap.amountOut, 16);
    commands += forwarded
      ? uint((head & ~FORM_MASK) | V2_FORWARDED, 1) + target.slice(2) + amountOut
      : uint(head | (indexOf(swap.tokenIn) << TOKEN_INDEX_SHIFT), 1) + target.slice(2) + amountOut + uint(swap.amountIn, 16) + details;
    forwarded = forwardsTo(swap, plan.swaps[position + 1]);
  }

  const { profitToken = plan.loanToken } = plan;
  invariant(available.has(profitToken), `plan takes its profit in ${profitToken}, which no swap buys`);
  const profitIndex = indexOf(profitToken);
  const header =
    plan.executionId.slice(2) +
    uint(plan.validUntilBlock, 8) +
    uint(plan.loanAmount, 16) +
    uint(plan.minProfit, 16) +
    uint(plan.builderPayment, 16) +
    uint(profitIndex, 1) +
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
  const profitIndex = Number(takeUint(1));
  const tokens = Array.from({ length: Number(takeUint(1)) }, takeAddress);
  const loanToken = tokens[0];
  invariant(loanToken !== undefined && loanAmount > 0n, "plan without a loan");
  const profitToken = tokens[profitIndex];
  invariant(profitToken !== undefined, "plan takes its profit in a token outside its table");

  const swaps: DecodedSwap[] = [];
  while (position < body.length) {
    const head = Number(takeUint(1));
    const form = head & FORM_MASK;
    invariant(form <= CURVE, `plan with a command of no known form: ${form}`);
    const target = takeAddress();
    const amountOut = takeUint(16);
    if (form === V2_FORWARDED) {
      const previous = swaps.at(-1);
      invariant(previous?.call.form !== "curve", "a Curve pool forwards to nobody");
      const amountIn = previous?.amountOut ?? 0n;
      if (previous !== undefined) swaps[swaps.length - 1] = { ...previous, forwards: true };
      const call: SwapCall = { form: "v2", zeroForOne: (head & ZERO_FOR_ONE) !== 0 };
      swaps.push({ call, pool: target, paidToken: null, tokenOut: null, amountIn, amountOut, forwards: false });
      continue;
    }
    const amountIn = takeUint(16);
    const paidToken = tokens[head >> TOKEN_INDEX_SHIFT];
    invariant(paidToken !== undefined, "plan pays with a token outside its table");
    const shared = { pool: target, paidToken, tokenOut: null, amountIn, amountOut, forwards: false };
    if (form === BALANCER_V2) {
      const poolId = `0x${take(32)}`;
      const call: SwapCall = { form: "balancer-v2", vault: target, poolId };
      swaps.push({ ...shared, call, pool: asAddress(poolId.slice(0, 42)), tokenOut: takeAddress() });
    } else if (form === CURVE) {
      invariant((head & UINT256_INDICES) === 0, "a Curve pool with uint256 indices, which no call form says");
      const call: SwapCall = { form: "curve", i: Number(takeUint(1)), j: Number(takeUint(1)) };
      swaps.push({ ...shared, call });
    } else {
      const call: SwapCall = { form: form === V2 ? "v2" : "v3", zeroForOne: (head & ZERO_FOR_ONE) !== 0 };
      swaps.push({ ...shared, call });
    }
  }
  return { executionId, validUntilBlock, loanToken, loanAmount, profitToken, minProfit, builderPayment, tokens, swaps };
}
