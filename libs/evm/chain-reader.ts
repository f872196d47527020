import type { ChainReader } from "#libs/dex/family.ts";
import { toHex } from "#libs/evm/hex.ts";
import { type Call, decodeAggregate3, encodeAggregate3 } from "#libs/evm/multicall.ts";
import type { Rpc } from "#libs/evm/rpc.ts";

/** Calls in one aggregate3: below the 10 MB body and 50M gas that public nodes allow with room to spare. */
const MULTICALL_BATCH = 500;

/** Reads a chain at one block, named by hash: an answer of a reorganised block is a refusal, never another block's state. */
export function readerAt(client: Rpc, options: { readonly multicall3: string; readonly blockHash: string }): ChainReader {
  const block = { blockHash: options.blockHash };
  const call = (to: string | null, data: string, timestamp?: number): Promise<string> => {
    const parameters: unknown[] = [to === null ? { data } : { to, data }, block];
    // State overrides come before those of the block.
    if (timestamp !== undefined) parameters.push({}, { time: toHex(timestamp) });
    return client.send("eth_call", parameters);
  };
  return {
    call,
    async multicall(calls: readonly Call[]) {
      const answers: (string | null)[] = [];
      for (let start = 0; start < calls.length; start += MULTICALL_BATCH) {
        const batch = calls.slice(start, start + MULTICALL_BATCH);
        answers.push(...decodeAggregate3(await call(options.multicall3, encodeAggregate3(batch)), batch.length));
      }
      return answers;
    },
  };
}
