/**
 * Compares our exact quotes of a pool with what the pool itself does, at one block named by hash. Reads only: swaps are executed by `eth_call` and undone.
 * A family joins with a line in `JUDGES`.
 */

import { AbiCoder, keccak256 } from "ethers";
import type { DexDeployment } from "#libs/chains/chain.ts";
import { artifact } from "#libs/contracts/artifact.ts";
import type { FamilyId, PoolInfo } from "#libs/dex/family.ts";
import { familyOf } from "#libs/dex/registry.ts";
import { readerAt } from "#libs/evm/chain-reader.ts";
import { addressAt, int24Of, padWord, uintAt, wordAt } from "#libs/evm/hex.ts";
import { type Rpc, RpcError } from "#libs/evm/rpc.ts";
import { type Address, asAddress } from "#libs/units/brand.ts";
import { fail, ok, type Result } from "#libs/units/result.ts";

export interface VerifyAt {
  readonly blockHash: string;
  readonly multicall3: string;
}

export interface Comparison {
  readonly zeroForOne: boolean;
  readonly amountIn: bigint;
  /** Our quote. 0n: the pool cannot do this swap whole. */
  readonly ours: bigint;
  /** What the pool pays for exactly this input, 0n where it refuses or takes less. Null where it could not be made to say. */
  readonly chains: bigint | null;
  /** The pool's reason to refuse, or why there is no answer. */
  readonly reason: string | null;
}

/** `agrees`: every answer equals ours to the unit. One that differs is `differs`; one missing, with none that differs, is `unverified`. */
export type Verdict = "agrees" | "differs" | "unverified";

export interface Verification {
  readonly verdict: Verdict;
  readonly comparisons: readonly Comparison[];
}

export interface KnownPool {
  readonly deployment: DexDeployment;
  readonly info: PoolInfo;
}

export type VerifyFailure =
  | { readonly code: "no-pool"; readonly pool: Address }
  | { readonly code: "unknown-factory"; readonly pool: Address; readonly factory: Address }
  | { readonly code: "disowned"; readonly pool: Address; readonly factory: Address; readonly dex: string }
  | { readonly code: "no-judge"; readonly pool: Address; readonly family: FamilyId }
  | { readonly code: "not-live"; readonly pool: Address };

const SELECTORS = {
  /** factory() */ factory: "0xc45a0155",
  /** token0() */ token0: "0x0dfe1681",
  /** token1() */ token1: "0xd21220a7",
  /** fee() */ fee: "0xddca3f43",
  /** tickSpacing() */ tickSpacing: "0xd0c93a7c",
  /** getPair(address,address) */ getPair: "0xe6a43905",
  /** getPool(address,address,uint24) */ getPool: "0x1698ee82",
  /** balanceOf(address) */ balanceOf: "0x70a08231",
  /** swap(uint256,uint256,address,bytes) */ swapPair: "0x022c0d9f",
} as const;

const addressWord = (address: string): string => address.slice(2).toLowerCase().padStart(64, "0");
const isWord = (answer: string | null | undefined): answer is string => typeof answer === "string" && answer.length >= 66;

/** What the chain says of one swap. */
interface Said {
  readonly amountOut: bigint | null;
  readonly reason: string | null;
}

type Ask = (question: { readonly zeroForOne: boolean; readonly amountIn: bigint; readonly ours: bigint }) => Promise<Said>;

/** How the pools of a family are recognised, and made to say what they pay. */
interface Judge {
  /** The pool's own fee and spacing, of answers to `fee()` and `tickSpacing()`; null where it lacks what the family has. */
  facts(answers: { readonly fee: string | null; readonly tickSpacing: string | null }, deployment: DexDeployment): PoolFacts | null;
  /** Calldata that asks the factory for the pool of these tokens. */
  lookup(info: PoolInfo): string;
  asker(client: Rpc, at: VerifyAt, info: PoolInfo, row: readonly unknown[]): Promise<Ask>;
}

type PoolFacts = Pick<PoolInfo, "feePips" | "tickSpacing">;

const JUDGES: Partial<Readonly<Record<FamilyId, Judge>>> = {
  "uniswap-v2": {
    facts: (_, { feeBps }) => (feeBps === undefined ? null : { feePips: feeBps * 100, tickSpacing: 0 }),
    lookup: ({ token0, token1 }) => `${SELECTORS.getPair}${addressWord(token0)}${addressWord(token1)}`,
    asker: askPair,
  },
  "uniswap-v3": {
    facts: ({ fee, tickSpacing }) =>
      isWord(fee) && isWord(tickSpacing) ? { feePips: Number(uintAt(fee, 0)), tickSpacing: int24Of(wordAt(tickSpacing, 0)) } : null,
    lookup: ({ token0, token1, feePips }) => `${SELECTORS.getPool}${addressWord(token0)}${addressWord(token1)}${padWord(BigInt(feePips))}`,
    asker: async (client, at, info) => askConcentrated(client, at, info),
  },
};

/** The deployment that a pool belongs to, by its `factory()` and that factory's own word for it, and the pool's facts. */
export async function identifyPool(
  client: Rpc,
  at: VerifyAt,
  pool: Address,
  deployments: readonly DexDeployment[],
): Promise<Result<KnownPool, VerifyFailure>> {
  const reader = readerAt(client, at);
  const asked = [SELECTORS.factory, SELECTORS.token0, SELECTORS.token1, SELECTORS.fee, SELECTORS.tickSpacing];
  const [factoryWord, token0, token1, fee = null, tickSpacing = null] = await reader.multicall(
    asked.map((data) => ({ target: pool, data })),
  );
  if (!isWord(factoryWord) || !isWord(token0) || !isWord(token1)) return fail({ code: "no-pool", pool });
  const factory = asAddress(addressAt(factoryWord, 0));
  const deployment = deployments.find((each) => each.factory === factory);
  if (deployment === undefined) return fail({ code: "unknown-factory", pool, factory });
  const judge = JUDGES[deployment.family];
  if (judge === undefined) return fail({ code: "no-judge", pool, family: deployment.family });
  const facts = judge.facts({ fee, tickSpacing }, deployment);
  if (facts === null) return fail({ code: "no-pool", pool });
  const info = { pool, token0: asAddress(addressAt(token0, 0)), token1: asAddress(addressAt(token1, 0)), ...facts };
  const [owned] = await reader.multicall([{ target: factory, data: judge.lookup(info) }]);
  if (!isWord(owned) || addressAt(owned, 0) !== pool) return fail({ code: "disowned", pool, factory, dex: deployment.id });
  return ok({ deployment, info });
}

/** Shares of the depth that are asked about besides a single unit, as 1 / share: from dust to half of it. */
const DEPTH_DIVISORS = [10n ** 9n, 10n ** 6n, 10n ** 4n, 1_000n, 100n, 10n, 2n] as const;

/** 1 unit … half of the depth, ascending, each once. Depth is what the pool holds of the token that comes in. */
export function sizesOf(depth: bigint): bigint[] {
  return [...new Set([1n, ...DEPTH_DIVISORS.map((divisor) => depth / divisor)])].filter((size) => size > 0n);
}

/** Every size in both directions. `info` is believed: a fee in it that is not the pool's is what this finds. */
export async function verifyPool(client: Rpc, at: VerifyAt, { deployment, info }: KnownPool): Promise<Result<Verification, VerifyFailure>> {
  const judge = JUDGES[deployment.family];
  if (judge === undefined) return fail({ code: "no-judge", pool: info.pool, family: deployment.family });
  const family = familyOf(deployment.family);
  const reader = readerAt(client, at);
  const [row] = await family.read(reader, [info]);
  const state = family.created();
  if (row !== undefined) family.applyRow(state, row);
  if (row === undefined || !family.isLive(state)) return fail({ code: "not-live", pool: info.pool });
  const held = await reader.multicall(
    [info.token0, info.token1].map((target) => ({ target, data: `${SELECTORS.balanceOf}${addressWord(info.pool)}` })),
  );
  const ask = await judge.asker(client, at, info, row);
  const comparisons: Comparison[] = [];
  for (const [index, zeroForOne] of [true, false].entries()) {
    const balance = held[index];
    for (const amountIn of sizesOf(isWord(balance) ? uintAt(balance, 0) : 0n)) {
      const ours = family.quoteExactIn(info, state, { amountIn, zeroForOne });
      const { amountOut, reason } = await ask({ zeroForOne, amountIn, ours });
      comparisons.push({ zeroForOne, amountIn, ours, chains: amountOut, reason });
    }
  }
  return ok({ verdict: verdictOf(comparisons), comparisons });
}

export function verdictOf(comparisons: readonly Pick<Comparison, "ours" | "chains">[]): Verdict {
  if (comparisons.some(({ ours, chains }) => chains !== null && chains !== ours)) return "differs";
  return comparisons.some(({ chains }) => chains === null) ? "unverified" : "agrees";
}

/** The reason of a call that the EVM ended, null for a refusal of the node itself (limits, unknown block). Nodes do not agree on a code: 3 is the commonest. */
function revertReason(cause: unknown): { readonly text: string; readonly data: string } | null {
  if (!(cause instanceof RpcError)) return null;
  if (cause.code !== 3 && !/revert|invalid opcode|invalidfe/i.test(cause.message)) return null;
  const data = typeof cause.data === "string" && cause.data.startsWith("0x") ? cause.data : "";
  return { text: cause.message.replace(/^eth_call: (?:execution reverted(?:: )?)?/, "") || "reverted", data };
}

/** keccak256("NoReason()")[:4], of PoolVerifier.sol. */
const NO_REASON = keccak256(Buffer.from("NoReason()")).slice(0, 10);

/** The pool itself swaps for a contract that lives for the length of the call and does not pay: src/PoolVerifier.sol. */
function askConcentrated(client: Rpc, at: VerifyAt, { pool }: PoolInfo): Ask {
  const { bytecode } = artifact("PoolVerifier");
  return async ({ zeroForOne, amountIn }) => {
    const data = `${bytecode}${addressWord(pool)}${padWord(zeroForOne ? 1n : 0n)}${padWord(amountIn)}`;
    try {
      const answer = await client.send<string>("eth_call", [{ data }, { blockHash: at.blockHash }]);
      const taken = uintAt(answer, 0);
      return taken === amountIn ? { amountOut: uintAt(answer, 1), reason: null } : { amountOut: 0n, reason: `takes only ${taken} of it` };
    } catch (cause) {
      const reverted = revertReason(cause);
      if (reverted === null) throw cause;
      return reverted.data === NO_REASON || reverted.data === ""
        ? { amountOut: null, reason: "cannot be verified: the pool fails without a reason, as one does that runs out of gas" }
        : { amountOut: 0n, reason: reverted.text };
    }
  };
}

/** Who swaps, and gets what a pair pays in an `eth_call`. Neither token's contract nor the pair. */
const TRADER = `0x${"5a1e".repeat(10)}`;

/**
 * A pair pays whatever leaves its k: with balances overridden to its reserves and the input, `swap` passes for every amount up to the one that it pays, and for
 * none above. Needs to know where the tokens keep the pair's balances.
 */
async function askPair(client: Rpc, at: VerifyAt, info: PoolInfo, row: readonly unknown[]): Promise<Ask> {
  const reserves = [BigInt(row[1] as string), BigInt(row[2] as string)] as const;
  const slots = [await balanceSlot(client, at, info.token0, info.pool), await balanceSlot(client, at, info.token1, info.pool)] as const;
  const hidden = [info.token0, info.token1].filter((_, index) => slots[index] === null);
  if (hidden.length > 0) {
    const reason = `cannot be verified: ${hidden.join(" and ")} keeps balances where we do not find them, or the node takes no state override`;
    return async () => ({ amountOut: null, reason });
  }
  return async ({ zeroForOne, amountIn, ours }) => {
    const balances = zeroForOne ? [reserves[0] + amountIn, reserves[1]] : [reserves[0], reserves[1] + amountIn];
    const overrides: Record<string, object> = {};
    for (const [index, token] of [info.token0, info.token1].entries())
      overrides[token] = { stateDiff: { [slots[index] as string]: `0x${padWord(balances[index] as bigint)}` } };
    let reason = "";
    const pays = async (amountOut: bigint): Promise<boolean> => {
      const [amount0, amount1] = zeroForOne ? [0n, amountOut] : [amountOut, 0n];
      const data = `${SELECTORS.swapPair}${padWord(amount0)}${padWord(amount1)}${addressWord(TRADER)}${padWord(128n)}${padWord(0n)}`;
      try {
        await client.send("eth_call", [{ from: TRADER, to: info.pool, data }, { blockHash: at.blockHash }, overrides]);
        return true;
      } catch (cause) {
        const reverted = revertReason(cause);
        if (reverted === null) throw cause;
        reason = reverted.text;
        return false;
      }
    };
    const reserveOut = zeroForOne ? reserves[1] : reserves[0];
    const amountOut = await largestPaid(pays, ours, reserveOut);
    return { amountOut, reason: amountOut === 0n ? reason : null };
  };
}

/**
 * The largest amount that passes, 0n when not even one unit does. `pays` holds up to it and for none above (k falls with every unit paid). Two calls when the
 * guess is right; otherwise steps that double away from it, then halving: at most 2·112 calls, since reserves have 112 bits.
 */
export async function largestPaid(pays: (amount: bigint) => Promise<boolean>, guess: bigint, above: bigint): Promise<bigint> {
  const passes = async (amount: bigint) => amount <= 0n || (amount < above && (await pays(amount)));
  let low = guess;
  let high = guess;
  let step = 1n;
  if (await passes(guess)) {
    high = guess + 1n;
    while (await passes(high)) {
      low = high;
      step *= 2n;
      high += step;
    }
  } else {
    low = guess - 1n;
    while (!(await passes(low))) {
      high = low;
      step *= 2n;
      low -= step;
    }
  }
  if (low < 0n) low = 0n;
  while (high - low > 1n) {
    const middle = (low + high) / 2n;
    if (await passes(middle)) low = middle;
    else high = middle;
  }
  return low;
}

/** `mapping(address => uint256)` stands among the first variables in nearly all tokens; inherited ones push it down. */
const LAST_SLOT = 20;
/** Where OpenZeppelin's upgradeable ERC20 of version 5 keeps balances (ERC-7201, "openzeppelin.storage.ERC20"). */
const ERC7201_ERC20 = 0x52c63247e1f47db19d5ce0460030c497f067ca4cebf71ba98eeadabe20bace00n;
/** Told apart by their last bytes; not a balance that anyone has. Below 2^112, and without the top bit that some tokens keep a flag in. */
const MARK = 0x5eed5eed5eedn << 32n;

/**
 * The storage slot of `owner`'s balance, null when it is none of those that compilers give a mapping. One call: every candidate is overridden with a value of
 * its own, and `balanceOf` says which of them it reads.
 */
export async function balanceSlot(client: Rpc, at: VerifyAt, token: Address, owner: Address): Promise<string | null> {
  const encoder = AbiCoder.defaultAbiCoder();
  const mappings = [...Array.from({ length: LAST_SLOT + 1 }, (_, index) => BigInt(index)), ERC7201_ERC20];
  const candidates = mappings.flatMap((slot) => [
    keccak256(encoder.encode(["address", "uint256"], [owner, slot])),
    // Vyper hashes the slot first.
    keccak256(encoder.encode(["uint256", "address"], [slot, owner])),
  ]);
  const stateDiff = Object.fromEntries(candidates.map((slot, index) => [slot, `0x${padWord(MARK + BigInt(index))}`]));
  try {
    const call = { to: token, data: `${SELECTORS.balanceOf}${addressWord(owner)}` };
    const answer = await client.send<string>("eth_call", [call, { blockHash: at.blockHash }, { [token]: { stateDiff } }]);
    if (!isWord(answer)) return null;
    const index = uintAt(answer, 0) - MARK;
    return index >= 0n && index < BigInt(candidates.length) ? (candidates[Number(index)] as string) : null;
  } catch (cause) {
    if (cause instanceof RpcError) return null;
    throw cause;
  }
}
