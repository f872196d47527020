/** Compares our exact quotes of pools with what the pools themselves do, at one block named by hash. Reads only: swaps are executed by `eth_call` and undone. */

import type { DexDeployment } from "#libs/chains/chain.ts";
import type { PoolInfo, Said, SwapExactIn } from "#libs/dex/family.ts";
import { familyOf } from "#libs/dex/registry.ts";
import { readerAt } from "#libs/evm/chain-reader.ts";
import { addressAt, isWord } from "#libs/evm/hex.ts";
import type { Rpc } from "#libs/evm/rpc.ts";
import { type Address, asAddress } from "#libs/units/brand.ts";
import { fail, ok, type Result } from "#libs/units/result.ts";

export interface VerifyAt {
  readonly blockHash: string;
  readonly multicall3: string;
}

export interface Comparison extends SwapExactIn {
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

export type IdentifyFailure =
  | { readonly code: "no-pool"; readonly pool: Address }
  | { readonly code: "unknown-factory"; readonly pool: Address; readonly factory: Address }
  | { readonly code: "disowned"; readonly pool: Address; readonly factory: Address; readonly dex: string };
export type VerifyFailure = IdentifyFailure | { readonly code: "not-live"; readonly pool: Address };

/** factory() */
const FACTORY = "0xc45a0155";

/** The deployment that a pool belongs to, by that deployment's own word for it, and the pool's facts. */
export async function identifyPool(
  client: Rpc,
  at: VerifyAt,
  pool: Address,
  deployments: readonly DexDeployment[],
): Promise<Result<KnownPool, IdentifyFailure>> {
  const reader = readerAt(client, at);
  const [answer] = await reader.multicall([{ target: pool, data: FACTORY }]);
  const factory = isWord(answer) ? asAddress(addressAt(answer, 0)) : null;
  const named = deployments.filter((deployment) => deployment.factory === factory);
  // Pools of a vault or a registry name no factory: whoever keeps such lists is asked.
  for (const deployment of named.length > 0 ? named : deployments) {
    const [info] = await familyOf(deployment.family).describe(reader, deployment, [pool]);
    if (info) return ok({ deployment, info });
  }
  if (factory === null) return fail({ code: "no-pool", pool });
  const [first] = named;
  return fail(first === undefined ? { code: "unknown-factory", pool, factory } : { code: "disowned", pool, factory, dex: first.id });
}

/** Shares of the depth that are asked about besides a single unit, as 1 / share: from dust to half of it. */
const DEPTH_DIVISORS = [10n ** 9n, 10n ** 6n, 10n ** 4n, 1_000n, 100n, 10n, 2n] as const;

/** 1 unit … half of the depth, ascending, each once. Depth is what the pool holds of the token that comes in. */
export function sizesOf(depth: bigint): bigint[] {
  return [...new Set([1n, ...DEPTH_DIVISORS.map((divisor) => depth / divisor)])].filter((size) => size > 0n);
}

/** Every size in every direction. */
export async function verifyPool(client: Rpc, at: VerifyAt, { deployment, info }: KnownPool): Promise<Result<Verification, VerifyFailure>> {
  const family = familyOf(deployment.family);
  const reader = readerAt(client, at);
  const [row] = await family.read(reader, deployment, [info]);
  const state = family.created();
  if (row !== undefined) family.applyRow(state, row);
  if (row === undefined || !family.isLive(state)) return fail({ code: "not-live", pool: info.pool });
  const held = family.holdings(info, state);
  const questions = info.tokens.flatMap((_, indexIn) =>
    info.tokens.flatMap((__, indexOut) => {
      if (indexIn === indexOut) return [];
      return sizesOf(held[indexIn] ?? 0n).map((amountIn) => {
        const swap = { amountIn, indexIn, indexOut };
        return { info, row, ...swap, ours: family.quoteExactIn(info, state, swap) };
      });
    }),
  );
  const said = await family.ask(client, at, deployment, questions);
  const comparisons = questions.map(({ amountIn, indexIn, indexOut, ours }, index): Comparison => {
    const { amountOut, reason } = said[index] as Said;
    return { amountIn, indexIn, indexOut, ours, chains: amountOut, reason };
  });
  return ok({ verdict: verdictOf(comparisons), comparisons });
}

export function verdictOf(comparisons: readonly Pick<Comparison, "ours" | "chains">[]): Verdict {
  if (comparisons.some(({ ours, chains }) => chains !== null && chains !== ours)) return "differs";
  return comparisons.some(({ chains }) => chains === null) ? "unverified" : "agrees";
}
