import type { ChainReader } from "#libs/dex/family.ts";
import { toHex } from "#libs/evm/hex.ts";
import { type Call, decodeAggregate3, encodeAggregate3 } from "#libs/evm/multicall.ts";
import { revertReason } from "#libs/evm/revert.ts";
import type { Rpc } from "#libs/evm/rpc.ts";
import { RpcError } from "#libs/evm/rpc-error.ts";

/** Calls in one aggregate3: below the 10 MB body and 50M gas that public nodes allow with room to spare. */
const MULTICALL_BATCH = 500;

/** How nodes refuse a call for what it costs them, besides ending it. */
const TOO_MUCH = /too (large|big)|exceed|time(d)? ?out/i;

const isTooMuch = (cause: unknown): boolean => revertReason(cause) !== null || (cause instanceof RpcError && TOO_MUCH.test(cause.message));

/** Reads a chain at one block, named by hash: an answer of a reorganised block is a refusal, never another block's state. */
export function readerAt(client: Rpc, options: { readonly multicall3: string; readonly blockHash: string }): ChainReader {
  const block = { blockHash: options.blockHash };
  const call = (to: string | null, data: string, timestamp?: number): Promise<string> => {
    const parameters: unknown[] = [to === null ? { data } : { to, data }, block];
    // State overrides come before those of the block.
    if (timestamp !== undefined) parameters.push({}, { time: toHex(timestamp) });
    return client.send("eth_call", parameters);
  };
  /** A contract that burns all gas, or answers without end, takes the others of its batch with it: halves are asked until it is alone. */
  async function aggregate(calls: readonly Call[]): Promise<(string | null)[]> {
    try {
      return decodeAggregate3(await call(options.multicall3, encodeAggregate3(calls)), calls.length);
    } catch (cause) {
      if (!isTooMuch(cause)) throw cause;
      if (calls.length === 1) return [null];
      const middle = calls.length >> 1;
      return [...(await aggregate(calls.slice(0, middle))), ...(await aggregate(calls.slice(middle)))];
    }
  }
  return {
    call,
    async multicall(calls: readonly Call[]) {
      const answers: (string | null)[] = [];
      for (let start = 0; start < calls.length; start += MULTICALL_BATCH)
        answers.push(...(await aggregate(calls.slice(start, start + MULTICALL_BATCH))));
      return answers;
    },
  };
}
