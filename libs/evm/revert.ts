import { RpcError } from "#libs/evm/rpc-error.ts";

/** How nodes say that the EVM ended a call, where they do not say that it reverted. */
const ENDED =
  /revert|invalid ?opcode|invalidfe|out ?of ?gas|(invalid|bad) ?jump|stack ?(over|under)flow|stack limit|write protection|return ?data|gas uint64 overflow|execution aborted/i;

/** The reason of a call that the EVM ended, null for a refusal of the node itself (limits, unknown block). Nodes do not agree on a code: 3 is the commonest. */
export function revertReason(cause: unknown): { readonly text: string; readonly data: string } | null {
  if (!(cause instanceof RpcError)) return null;
  if (cause.code !== 3 && !ENDED.test(cause.message)) return null;
  const data = typeof cause.data === "string" && cause.data.startsWith("0x") ? cause.data : "";
  return { text: cause.message.replace(/^eth_call: (?:execution reverted(?:: )?)?/, "") || "reverted", data };
}
