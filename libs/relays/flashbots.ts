import { id } from "ethers";
import type { RelayEndpoint } from "#libs/chains/chain.ts";
import { toHex } from "#libs/evm/hex.ts";
import { fail, ok, type Result } from "#libs/units/result.ts";
import type { Signer } from "#libs/wallet/keystore.ts";

/** A bundle that is not with the relay by then misses its block on any chain that has relays. */
const REQUEST_MS = 3_000;
const HASH = /^0x[0-9a-f]{64}$/;

export interface Bundle {
  readonly transactions: readonly `0x${string}`[];
  readonly targetBlock: number;
}
/** `refused`: the relay said no. `unreachable`: it said nothing that can be understood, so it may have the bundle or not. */
export type RelayFailure = { readonly code: "unreachable" | "refused"; readonly detail: string };

async function request<Answer extends { readonly bundleHash: string }>(
  relay: RelayEndpoint,
  signer: Signer,
  method: string,
  params: unknown,
): Promise<Result<Answer, RelayFailure>> {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params: [params] });
  // The relay recovers the searcher's identity from a signature over the hash of the body. Source: docs.flashbots.net, "Authentication".
  const signature = `${signer.identity.address}:${await signer.identity.signMessage(id(body))}`;
  try {
    const response = await fetch(relay.url, {
      method: "POST",
      headers: { "content-type": "application/json", "x-flashbots-signature": signature },
      body,
      signal: AbortSignal.timeout(REQUEST_MS),
    });
    const text = await response.text();
    const answer = JSON.parse(text) as { result?: Partial<Answer> | null; error?: { message?: string } | string };
    if (answer.error !== undefined) {
      const detail = typeof answer.error === "string" ? answer.error : (answer.error?.message ?? `HTTP ${response.status}`);
      return fail({ code: "refused", detail: `${relay.name}: ${detail}` });
    }
    const bundleHash = answer.result?.bundleHash?.toLowerCase() ?? "";
    if (!HASH.test(bundleHash))
      return fail({ code: "unreachable", detail: `${relay.name}: HTTP ${response.status} with neither a bundle hash nor an error` });
    return ok({ ...(answer.result as Answer), bundleHash });
  } catch (cause) {
    return fail({ code: "unreachable", detail: `${relay.name}: ${(cause as Error).message}` });
  }
}

/** eth_sendBundle: the transactions in this order at the top of exactly this block, or not at all. Answers with the bundle's hash. */
export async function sendBundle(
  relay: RelayEndpoint,
  signer: Signer,
  bundle: Bundle,
): Promise<Result<{ readonly bundleHash: string }, RelayFailure>> {
  return request(relay, signer, "eth_sendBundle", { txs: bundle.transactions, blockNumber: toHex(bundle.targetBlock) });
}

export interface CallBundleResult {
  readonly bundleHash: string;
  readonly totalGasUsed: number;
  readonly results: readonly { readonly txHash: string; readonly gasUsed: number; readonly error?: string; readonly revert?: string }[];
}

/** eth_callBundle: what the relay's own node makes of the bundle on the state of the block before. */
export async function callBundle(relay: RelayEndpoint, signer: Signer, bundle: Bundle): Promise<Result<CallBundleResult, RelayFailure>> {
  return request(relay, signer, "eth_callBundle", {
    txs: bundle.transactions,
    blockNumber: toHex(bundle.targetBlock),
    stateBlockNumber: "latest",
  });
}
