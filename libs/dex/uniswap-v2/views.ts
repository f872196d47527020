import type { Question, Said } from "#libs/dex/family.ts";
import { readerAt } from "#libs/evm/chain-reader.ts";
import { addressWord, isWord, padWord, uintAt } from "#libs/evm/hex.ts";
import type { Rpc } from "#libs/evm/rpc.ts";

/** getAmountOut(uint256,address) */
const GET_AMOUNT_OUT = "0xf140a35a";

/** What pairs say themselves, of those that have such a view. */
export async function askViews(
  client: Rpc,
  at: { readonly blockHash: string; readonly multicall3: string },
  questions: readonly Question<"uniswap-v2">[],
): Promise<Said[]> {
  const answers = await readerAt(client, at).multicall(
    questions.map(({ info, amountIn, indexIn }) => ({
      target: info.pool,
      data: `${GET_AMOUNT_OUT}${padWord(amountIn)}${addressWord(info.tokens[indexIn] as string)}`,
    })),
  );
  return answers.map((answer) =>
    isWord(answer) ? { amountOut: uintAt(answer, 0), reason: null } : { amountOut: 0n, reason: "getAmountOut reverts" },
  );
}
