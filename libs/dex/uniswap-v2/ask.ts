import type { Question, Said } from "#libs/dex/family.ts";
import { hiddenReason, type Trial, trialsOf } from "#libs/dex/pair-trials.ts";
import { readerAt } from "#libs/evm/chain-reader.ts";
import { addressWord, isWord, padWord, uintAt } from "#libs/evm/hex.ts";
import type { Rpc } from "#libs/evm/rpc.ts";

interface At {
  readonly blockHash: string;
}

/**
 * A pair pays whatever leaves its k: `swap` passes for every amount up to the one that it pays, and for none above. So ours is right when it passes and one unit
 * more does not: two trials, a hundred in a call (src/PairTrials.sol). Needs to know where the tokens keep balances.
 */
export async function askPairs(client: Rpc, at: At, questions: readonly Question<"uniswap-v2">[]): Promise<Said[]> {
  const { hidden, run } = await trialsOf(client, at, questions);
  const askable = questions.filter((question) => hidden(question).length === 0);
  const refusals = await run(
    askable.flatMap((question) => [question.ours, question.ours + 1n].map((amountOut): Trial => ({ question, amountOut }))),
  );
  const said = new Map<Question<"uniswap-v2">, Said>();
  for (const [index, question] of askable.entries()) {
    const [ours, more] = [refusals[2 * index] ?? null, refusals[2 * index + 1] ?? null];
    // Pairs refuse to pay nothing: of a quote of 0 the second trial alone speaks.
    if ((ours === null || question.ours === 0n) && more !== null) {
      said.set(question, { amountOut: question.ours, reason: question.ours === 0n ? more : null });
      continue;
    }
    let reason = "";
    const pays = async (amountOut: bigint): Promise<boolean> => {
      const [refusal] = await run([{ question, amountOut }]);
      if (refusal !== null && refusal !== undefined) reason = refusal;
      return refusal === null;
    };
    const amountOut = await largestPaid(pays, question.ours, BigInt(question.row[question.indexOut === 0 ? 1 : 2]));
    said.set(question, { amountOut, reason: amountOut === 0n ? reason : null });
  }
  return questions.map(
    (question) =>
      said.get(question) ?? {
        amountOut: null,
        reason: hiddenReason(hidden(question)),
      },
  );
}

/** getAmountOut(uint256,address) */
const GET_AMOUNT_OUT = "0xf140a35a";

/** What pairs say of themselves, where they have a view for it. */
export async function askViews(
  client: Rpc,
  at: At & { readonly multicall3: string },
  questions: readonly Question<"uniswap-v2">[],
): Promise<Said[]> {
  const calls = questions.map(({ info, amountIn, indexIn }) => ({
    target: info.pool,
    data: `${GET_AMOUNT_OUT}${padWord(amountIn)}${addressWord(info.tokens[indexIn] as string)}`,
  }));
  const answers = await readerAt(client, at).multicall(calls);
  return answers.map((answer) =>
    isWord(answer) ? { amountOut: uintAt(answer, 0), reason: null } : { amountOut: 0n, reason: "getAmountOut reverts" },
  );
}

/**
 * The largest amount that passes, 0n when not even one unit does. `pays` holds up to it and for none above (k falls with every unit paid). Two calls when the
 * guess is right; otherwise steps that double away from it, then halving: at most 2·112 calls, since reserves have 112 bits.
 */
export async function largestPaid(pays: (amount: bigint) => Promise<boolean>, guess: bigint, above: bigint): Promise<bigint> {
  const passes = async (amount: bigint) => amount <= 0n || (amount < above && (await pays(amount)));
  let low = guess;
  let high = guess;
  let step = 1n;
  if (await passes(guess)) {
    high = guess + 1n;
    while (await passes(high)) {
      low = high;
      step *= 2n;
      high += step;
    }
  } else {
    low = guess - 1n;
    while (!(await passes(low))) {
      high = low;
      step *= 2n;
      low -= step;
    }
  }
  if (low < 0n) low = 0n;
  while (high - low > 1n) {
    const middle = (low + high) / 2n;
    if (await passes(middle)) low = middle;
    else high = middle;
  }
  return low;
}
