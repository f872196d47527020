/**
 * Whether a token can be traded as the mathematics of pools takes for granted: what is sent arrives, and can be sent back. Found by simulation on the pool that
 * holds it (src/TokenProbe.sol); a token that treats this pool or this moment differently is not found by it.
 */

import { Interface } from "ethers";
import { artifact } from "#libs/contracts/artifact.ts";
import { addressWord, isWord, toHex, uintAt } from "#libs/evm/hex.ts";
import { revertReason } from "#libs/evm/revert.ts";
import type { Rpc } from "#libs/evm/rpc.ts";
import { RpcError } from "#libs/evm/rpc-error.ts";
import type { Address } from "#libs/units/brand.ts";

export type TokenVerdict =
  | { readonly ok: true }
  /** `tax`: a transfer takes or adds something. `refused`: a transfer fails, as while paused or for the blacklisted. `rebase`: balances move with time alone. */
  | { readonly ok: false; readonly code: "tax" | "refused" | "rebase" | "no-balance" | "unreadable"; readonly detail: string };

/** A token, and a contract that holds some of it. */
export interface Holding {
  readonly token: Address;
  readonly holder: Address;
}

const PROBE = new Interface(["function probe(address token, uint256 amount)"]);
/** balanceOf(address) */
const BALANCE_OF = "0x70a08231";
/** Of what the holder has: large enough for limits on amounts to show, small enough for any pool. */
const SHARE = 100n;
/** Interest shows in a day. */
const LATER_SECONDS = 86_400;

async function answerOf(answer: Promise<string>): Promise<{ readonly data: string } | { readonly reason: string }> {
  try {
    return { data: await answer };
  } catch (cause) {
    const reverted = revertReason(cause);
    if (reverted === null) throw cause;
    return { reason: reverted.text };
  }
}

/** Throws what the node throws when it does not take state overrides. One that takes none of the block finds no interest. */
async function probe(
  client: Rpc,
  at: { readonly blockHash: string; readonly timestamp: number },
  { token, holder }: Holding,
): Promise<TokenVerdict> {
  const block = { blockHash: at.blockHash };
  const call = { to: token, data: `${BALANCE_OF}${addressWord(holder)}` };
  const [now, later] = await Promise.all([
    answerOf(client.send<string>("eth_call", [call, block])),
    answerOf(client.send<string>("eth_call", [call, block, {}, { time: toHex(at.timestamp + LATER_SECONDS) }])).catch((cause: unknown) => {
      if (cause instanceof RpcError) return { reason: cause.message };
      throw cause;
    }),
  ]);
  if (!("data" in now) || !isWord(now.data)) return { ok: false, code: "unreadable", detail: "balanceOf does not answer" };
  const held = uintAt(now.data, 0);
  if (held === 0n) return { ok: false, code: "no-balance", detail: `${holder} holds none` };
  if ("data" in later && isWord(later.data) && uintAt(later.data, 0) !== held)
    return { ok: false, code: "rebase", detail: `a balance of ${held} is ${uintAt(later.data, 0)} a day later` };
  const amount = held / SHARE > 0n ? held / SHARE : 1n;
  const said = await answerOf(
    client.send<string>("eth_call", [
      { to: holder, data: PROBE.encodeFunctionData("probe", [token, amount]) },
      block,
      { [holder]: { code: artifact("TokenProbe").deployedBytecode } },
    ]),
  );
  if ("reason" in said) return { ok: false, code: "refused", detail: said.reason };
  // The pool's own code answered.
  if (said.data.length < 2 + 4 * 64) return { ok: false, code: "unreadable", detail: "the node takes no state override" };
  const [paid, received, returned, arrived] = [0, 1, 2, 3].map((index) => uintAt(said.data, index)) as [bigint, bigint, bigint, bigint];
  if (paid === 0n) return { ok: false, code: "refused", detail: `a transfer of ${amount} out of the pool fails` };
  if (paid !== amount || received !== amount)
    return { ok: false, code: "tax", detail: `of ${amount} sent, ${paid} are taken and ${received} arrive` };
  if (returned === 0n) return { ok: false, code: "refused", detail: `a transfer of ${received} back into the pool fails` };
  if (returned !== received || arrived !== received)
    return { ok: false, code: "tax", detail: `of ${received} sent back, ${returned} are taken and ${arrived} arrive` };
  return { ok: true };
}

/** Verdicts in the order of the holdings. Throws what the node throws when it does not take state overrides. */
export const probeTokens = (
  client: Rpc,
  at: { readonly blockHash: string; readonly timestamp: number },
  holdings: readonly Holding[],
): Promise<TokenVerdict[]> => Promise.all(holdings.map((holding) => probe(client, at, holding)));
