import type { PoolInfo, Question, Said } from "#libs/dex/family.ts";
import { trialsOf } from "#libs/dex/pair-trials.ts";
import { readerAt } from "#libs/evm/chain-reader.ts";
import { addressWord, isWord, padWord, uintAt } from "#libs/evm/hex.ts";
import type { Rpc } from "#libs/evm/rpc.ts";

/** getAmountOut(uint256,address) */
const GET_AMOUNT_OUT = "0xf140a35a";
/** `getAmountOut` may promise a unit that `swap` refuses; more than that is another contract than we know. */
const UNITS_TRIED = [0n, 1n, 2n];

interface At {
  readonly blockHash: string;
  readonly multicall3: string;
}

export const amountOutCall = ({ pool, tokens }: Pick<PoolInfo, "pool" | "tokens">, amountIn: bigint, indexIn: number) => ({
  target: pool,
  data: `${GET_AMOUNT_OUT}${padWord(amountIn)}${addressWord(tokens[indexIn] as string)}`,
});

/**
 * A pair's own `getAmountOut`, and then the swap of that amount and of up to two units less: a paused factory, a fee that cannot be passed on or a k that falls
 * by rounding refuse what the view promises. Where a token hides its balances the view's word stands alone.
 */
export async function askPairs(client: Rpc, at: At, questions: readonly Question<"solidly">[]): Promise<Said[]> {
  const calls = questions.map(({ info, amountIn, indexIn }) => amountOutCall(info, amountIn, indexIn));
  const promised = (await readerAt(client, at).multicall(calls)).map((view) => (isWord(view) ? uintAt(view, 0) : null));
  const { hidden, run } = await trialsOf(client, at, questions);
  const trials = questions.flatMap((question, index) => {
    const amount = promised[index] ?? 0n;
    return hidden(question).length > 0
      ? []
      : UNITS_TRIED.map((less) => ({ question, amountOut: amount - less })).filter(({ amountOut }) => amountOut > 0n);
  });
  const refusals = await run(trials);
  const tried = new Map<Question<"solidly">, Said>();
  for (const [index, { question, amountOut }] of trials.entries()) {
    const refusal = refusals[index] ?? null;
    const before = tried.get(question);
    if (before === undefined || before.amountOut === 0n)
      tried.set(question, refusal === null ? { amountOut, reason: null } : { amountOut: 0n, reason: refusal });
  }
  return questions.map((question, index) => {
    const amountOut = promised[index] ?? null;
    if (amountOut === null) return { amountOut: 0n, reason: "getAmountOut reverts" };
    if (amountOut === 0n) return { amountOut, reason: "getAmountOut is 0" };
    return tried.get(question) ?? { amountOut, reason: null };
  });
}
