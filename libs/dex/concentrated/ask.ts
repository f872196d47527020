import { keccak256 } from "ethers";
import { artifact } from "#libs/contracts/artifact.ts";
import type { Said } from "#libs/dex/family.ts";
import { addressWord, padWord, uintAt } from "#libs/evm/hex.ts";
import { revertReason } from "#libs/evm/revert.ts";
import type { Rpc } from "#libs/evm/rpc.ts";

/** keccak256("NoReason()")[:4], of PoolVerifier.sol. */
const NO_REASON = keccak256(Buffer.from("NoReason()")).slice(0, 10);

interface Asked {
  readonly info: { readonly pool: string };
  readonly indexIn: number;
  readonly amountIn: bigint;
}

/** The pool itself swaps for a contract that lives for the length of the call and does not pay: src/PoolVerifier.sol. */
async function askOne(client: Rpc, at: { readonly blockHash: string }, { info, indexIn, amountIn }: Asked): Promise<Said> {
  const data = `${artifact("PoolVerifier").bytecode}${addressWord(info.pool)}${padWord(indexIn === 0 ? 1n : 0n)}${padWord(amountIn)}`;
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
}

/** What pools with Uniswap V3's `swap` pay, whatever their callback is called. */
export const askConcentrated = (client: Rpc, at: { readonly blockHash: string }, questions: readonly Asked[]): Promise<Said[]> =>
  Promise.all(questions.map((question) => askOne(client, at, question)));
