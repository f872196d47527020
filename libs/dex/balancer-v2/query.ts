import type { Info } from "#libs/dex/balancer-v2/state.ts";
import type { ChainReader, Question, Said, SwapExactIn } from "#libs/dex/family.ts";
import { readerAt } from "#libs/evm/chain-reader.ts";
import { addressWord, intAt, isWord, padWord } from "#libs/evm/hex.ts";
import type { Call } from "#libs/evm/multicall.ts";
import { revertReason } from "#libs/evm/revert.ts";
import type { Rpc } from "#libs/evm/rpc.ts";
import type { Address } from "#libs/units/brand.ts";

/** queryBatchSwap(uint8,(bytes32,uint256,uint256,uint256,bytes)[],address[],(address,bool,address,bool)) */
const QUERY_BATCH_SWAP = "0xf84d066e";
/** A query takes up to 300,000 gas, and nodes allow a call 50 million or less. */
const QUERIES_PER_CALL = 100;

/** Heads: kind (given in), where swaps and assets begin, the four words of funds. One swap from asset 0 to asset 1, without user data. */
const HEAD = [0n, 224n, 480n, 0n, 0n, 0n, 0n].map(padWord).join("");
const SWAPS = [1n, 32n].map(padWord).join("");
const SWAP_REST = [0n, 1n].map(padWord).join("");
const USER_DATA = [160n, 0n].map(padWord).join("");

/** Runs the swap inside the vault and reverts it: Swaps.queryBatchSwap. Not a view, but does for `eth_call`, also through a multicall. */
export function queryCall(vault: Address, { tokens, facts }: Info, { amountIn, indexIn, indexOut }: SwapExactIn): Call {
  const swap = `${SWAPS}${facts.poolId.slice(2)}${SWAP_REST}${padWord(amountIn)}${USER_DATA}`;
  const assets = `${padWord(2n)}${addressWord(tokens[indexIn] as string)}${addressWord(tokens[indexOut] as string)}`;
  return { target: vault, data: `${QUERY_BATCH_SWAP}${HEAD}${swap}${assets}` };
}

/** What the vault would pay: minus the change of the second asset. 0n where it refused. */
export const queryResult = (answer: string | null): bigint => (isWord(answer) ? -intAt(answer, 3) : 0n);

/** Few enough to a call that all their swaps fit into its gas. */
export async function sendQueries(reader: ChainReader, calls: readonly Call[]): Promise<(string | null)[]> {
  const answers: (string | null)[] = [];
  for (let start = 0; start < calls.length; start += QUERIES_PER_CALL)
    answers.push(...(await reader.multicall(calls.slice(start, start + QUERIES_PER_CALL))));
  return answers;
}

export async function askVault(
  client: Rpc,
  at: { readonly blockHash: string; readonly multicall3: string },
  vault: Address,
  questions: readonly Question<"balancer-v2">[],
): Promise<Said[]> {
  const calls = questions.map((question) => queryCall(vault, question.info, question));
  const answers = await sendQueries(readerAt(client, at), calls);
  const said: Said[] = [];
  for (const [index, { ours }] of questions.entries()) {
    const amountOut = queryResult(answers[index] ?? null);
    if (amountOut > 0n) said.push({ amountOut, reason: null });
    // Where we agree that there is nothing to be had, the vault's reason is not worth a request.
    else if (ours === 0n) said.push({ amountOut: 0n, reason: "the vault refuses it or pays nothing" });
    else said.push({ amountOut: 0n, reason: await reasonOf(client, at.blockHash, calls[index] as Call) });
  }
  return said;
}

async function reasonOf(client: Rpc, blockHash: string, { target, data }: Call): Promise<string> {
  try {
    await client.send("eth_call", [{ to: target, data }, { blockHash }]);
    return "pays nothing";
  } catch (cause) {
    const reverted = revertReason(cause);
    if (reverted === null) throw cause;
    return reverted.text;
  }
}
