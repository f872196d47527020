import { Interface, toUtf8String } from "ethers";
import { artifact } from "#libs/contracts/artifact.ts";
import type { Question, Said } from "#libs/dex/family.ts";
import { type BalanceSlot, balanceSlot } from "#libs/evm/balance-slot.ts";
import { readerAt } from "#libs/evm/chain-reader.ts";
import { addressWord, isWord, padWord, uintAt } from "#libs/evm/hex.ts";
import { revertReason } from "#libs/evm/revert.ts";
import type { Rpc } from "#libs/evm/rpc.ts";

interface At {
  readonly blockHash: string;
}

interface Trial {
  readonly question: Question<"uniswap-v2">;
  readonly amountOut: bigint;
}

const TRIALS = new Interface(artifact("PairTrials").abi);
/** Who swaps, and has what it takes, in an `eth_call`. Neither a token's contract nor a pair. */
const TRADER = `0x${"5a1e".repeat(10)}`;
/** Some 120,000 gas each: 12M, of the 50M that nodes allow a call. */
const TRIALS_PER_CALL = 100;
/** More than any pair holds (uint112), and without the top bits that some tokens keep flags in. */
const PLENTY = 2n ** 113n;

/**
 * A pair pays whatever leaves its k: `swap` passes for every amount up to the one that it pays, and for none above. So ours is right when it passes and one unit
 * more does not: two trials, a hundred in a call (src/PairTrials.sol). Needs to know where the tokens keep balances.
 */
export async function askPairs(client: Rpc, at: At, questions: readonly Question<"uniswap-v2">[]): Promise<Said[]> {
  const tokens = [...new Set(questions.flatMap(({ info }) => info.tokens))];
  const slots = new Map(await Promise.all(tokens.map(async (token) => [token, await balanceSlot(client, at, token, TRADER)] as const)));
  const trials = (asked: readonly Trial[]) => tryAll(client, at, asked, slots);
  const hidden = ({ info }: Question<"uniswap-v2">) => info.tokens.filter((token) => slots.get(token) === null);
  const askable = questions.filter((question) => hidden(question).length === 0);
  const refusals = await trials(
    askable.flatMap((question) => [question.ours, question.ours + 1n].map((amountOut) => ({ question, amountOut }))),
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
      const [refusal] = await trials([{ question, amountOut }]);
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
        reason: `cannot be verified: ${hidden(question).join(" and ")} keeps balances where we do not find them, or the node takes no state override`,
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

/** Why each trial is refused, null for one that passes. */
async function tryAll(
  client: Rpc,
  at: At,
  trials: readonly Trial[],
  slots: ReadonlyMap<string, BalanceSlot | null>,
): Promise<(string | null)[]> {
  if (trials.length > TRIALS_PER_CALL) {
    const [first, rest] = [trials.slice(0, TRIALS_PER_CALL), trials.slice(TRIALS_PER_CALL)];
    return [...(await tryAll(client, at, first, slots)), ...(await tryAll(client, at, rest, slots))];
  }
  if (trials.length === 0) return [];
  const overrides: Record<string, object> = { [TRADER]: { code: artifact("PairTrials").deployedBytecode } };
  const asked = trials.map(({ question: { info, indexIn, amountIn }, amountOut }) => {
    const tokenIn = info.tokens[indexIn] as string;
    const slot = slots.get(tokenIn)?.(TRADER) as string;
    overrides[tokenIn] = { stateDiff: { [slot]: `0x${padWord(PLENTY)}` } };
    return [info.pool, tokenIn, amountIn, indexIn === 0 ? 0n : amountOut, indexIn === 0 ? amountOut : 0n];
  });
  const data = TRIALS.encodeFunctionData("run", [asked]);
  try {
    const answer = await client.send<string>("eth_call", [{ from: TRADER, to: TRADER, data }, { blockHash: at.blockHash }, overrides]);
    const [refusals] = TRIALS.decodeFunctionResult("run", answer) as unknown as [string[]];
    return refusals.map((refusal) => (refusal === "0x" ? null : wordsOf(refusal)));
  } catch (cause) {
    const reverted = revertReason(cause);
    if (reverted === null) throw cause;
    // One that eats all gas takes the others of its call with it.
    if (trials.length === 1) return [reverted.text];
    const middle = trials.length >> 1;
    return [...(await tryAll(client, at, trials.slice(0, middle), slots)), ...(await tryAll(client, at, trials.slice(middle), slots))];
  }
}

/** Error(string) */
const ERROR = "0x08c379a0";

function wordsOf(refusal: string): string {
  if (!refusal.startsWith(ERROR)) return refusal === "0x00" ? "refused without a reason" : refusal;
  const length = Number.parseInt(refusal.slice(74, 138), 16);
  return toUtf8String(`0x${refusal.slice(138, 138 + 2 * length)}`);
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
