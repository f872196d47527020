import { artifact } from "#libs/contracts/artifact.ts";
import type { PoolInfo } from "#libs/dex/family.ts";
import { balanceSlot } from "#libs/evm/balance-slot.ts";
import { addressWord, padWord, uintAt } from "#libs/evm/hex.ts";
import { revertReason } from "#libs/evm/revert.ts";
import type { Rpc } from "#libs/evm/rpc.ts";
import type { Address } from "#libs/units/brand.ts";

/** Swaps that pairs are made to do, or to refuse, in an `eth_call`: pairs that are paid first and then told what to pay (src/PairTrials.sol). */

interface At {
  readonly blockHash: string;
}

interface Asked {
  readonly info: Pick<PoolInfo, "pool" | "tokens">;
  readonly indexIn: number;
  readonly amountIn: bigint;
}

export interface Trial {
  readonly question: Asked;
  readonly amountOut: bigint;
}

export interface Trials {
  /** Of the tokens of a question those whose balances are not where we look. */
  hidden(question: Asked): readonly Address[];
  /** Why each trial is refused, null for one that passes. */
  run(trials: readonly Trial[]): Promise<(string | null)[]>;
}

/** run((address,address,uint256,uint256,uint256)[]) */
const RUN = "0x9fedf42b";
/** Who swaps, and has what it takes. Neither a token's contract nor a pair. */
const TRADER = `0x${"5a1e".repeat(10)}`;
/** Some 120,000 gas each: 12M, of the 50M that nodes allow a call. */
const TRIALS_PER_CALL = 100;
/** More than most pairs hold (uint112), and without the top bits that some tokens keep flags in. */
const PLENTY = 2n ** 113n;

export const hiddenReason = (tokens: readonly Address[]): string =>
  `cannot be verified: ${tokens.join(" and ")} keeps balances where we do not find them, or the node takes no state override`;

/** For swaps of these questions; looks for where their tokens keep balances first. */
export async function trialsOf(client: Rpc, at: At, questions: readonly Asked[]): Promise<Trials> {
  const tokens = [...new Set(questions.flatMap(({ info }) => info.tokens))];
  const slots = new Map(
    await Promise.all(tokens.map(async (token) => [token, (await balanceSlot(client, at, token, TRADER))?.(TRADER) ?? null] as const)),
  );
  return {
    hidden: ({ info }) => info.tokens.filter((token) => slots.get(token) === null),
    run: (trials) => tryAll(client, at, trials, slots),
  };
}

async function tryAll(
  client: Rpc,
  at: At,
  trials: readonly Trial[],
  slots: ReadonlyMap<string, string | null>,
): Promise<(string | null)[]> {
  if (trials.length > TRIALS_PER_CALL) {
    const [first, rest] = [trials.slice(0, TRIALS_PER_CALL), trials.slice(TRIALS_PER_CALL)];
    return [...(await tryAll(client, at, first, slots)), ...(await tryAll(client, at, rest, slots))];
  }
  if (trials.length === 0) return [];
  const overrides: Record<string, object> = { [TRADER]: { code: artifact("PairTrials").deployedBytecode } };
  const asked = trials.map(({ question: { info, indexIn, amountIn }, amountOut }) => {
    const tokenIn = info.tokens[indexIn] as string;
    overrides[tokenIn] = { stateDiff: { [slots.get(tokenIn) as string]: `0x${padWord(PLENTY)}` } };
    const [amount0Out, amount1Out] = indexIn === 0 ? [0n, amountOut] : [amountOut, 0n];
    return `${addressWord(info.pool)}${addressWord(tokenIn)}${[amountIn, amount0Out, amount1Out].map(padWord).join("")}`;
  });
  // By hand: a general encoder takes longer over a hundred of them than a node does.
  const data = `${RUN}${padWord(32n)}${padWord(BigInt(asked.length))}${asked.join("")}`;
  try {
    const answer = await client.send<string>("eth_call", [{ from: TRADER, to: TRADER, data }, { blockHash: at.blockHash }, overrides]);
    return refusalsOf(answer).map((refusal) => (refusal === "0x" ? null : wordsOf(refusal)));
  } catch (cause) {
    const reverted = revertReason(cause);
    if (reverted === null) throw cause;
    // One that eats all gas takes the others of its call with it.
    if (trials.length === 1) return [reverted.text];
    const middle = trials.length >> 1;
    return [...(await tryAll(client, at, trials.slice(0, middle), slots)), ...(await tryAll(client, at, trials.slice(middle), slots))];
  }
}

/** Elements of the only return value, a `bytes[]`: their places are counted from the word after its length. */
function refusalsOf(answer: string): string[] {
  return Array.from({ length: Number(uintAt(answer, 1)) }, (_, index) => {
    const at = 2 + Number(uintAt(answer, 2 + index)) / 32;
    const start = 2 + 64 * (at + 1);
    return `0x${answer.slice(start, start + 2 * Number(uintAt(answer, at)))}`;
  });
}

/** Error(string) */
const ERROR = "0x08c379a0";

function wordsOf(refusal: string): string {
  if (!refusal.startsWith(ERROR)) return refusal === "0x00" ? "refused without a reason" : refusal;
  const length = Number.parseInt(refusal.slice(74, 138), 16);
  // A token may write anything there, also what is no text.
  return Buffer.from(refusal.slice(138, 138 + 2 * length), "hex").toString();
}
