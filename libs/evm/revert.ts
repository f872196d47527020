import { RpcError } from "#libs/evm/rpc-error.ts";

/** The reason of a call that the EVM ended, null for a refusal of the node itself (limits, unknown block). Nodes do not agree on a code: 3 is the commonest. */
export function revertReason(cause: unknown): { readonly text: string; readonly data: string } | null {
  if (!(cause instanceof RpcError)) return null;
  if (cause.code !== 3 && !/revert|invalid opcode|invalidfe/i.test(cause.message)) return null;
  const data = typeof cause.data === "string" && cause.data.startsWith("0x") ? cause.data : "";
  return { text: cause.message.replace(/^eth_call: (?:execution reverted(?:: )?)?/, "") || "reverted", data };
}
