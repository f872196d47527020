import { artifact } from "#libs/contracts/artifact.ts";
import { addressWord, int24Of, intAt, padWord, uintAt, wordAt } from "#libs/evm/hex.ts";
import type { Address } from "#libs/units/brand.ts";
import { InvariantError, invariant } from "#libs/units/invariant.ts";

/** Swaps that the pools themselves execute, unpaid and undone, within an `eth_call`: src/AlgebraSwaps.sol, which says what each word means. */

export interface SwapQuestion {
  readonly pool: Address;
  readonly zeroToOne: boolean;
  /** Exact input when positive, exact output when negative, raw token units. 0n: the smallest input that tells the fee. */
  readonly amountRequired: bigint;
}

export interface SwapAnswer {
  /** `not-asked` only where nothing but the fee was asked for, and the pool has a fixed one. */
  readonly kind: "called-back" | "refused" | "not-asked";
  /** What the pool takes (positive) and pays (negative), raw token units. 0n unless it called back. */
  readonly amount0: bigint;
  readonly amount1: bigint;
  /** globalState() once the swap is computed: its price, and its third and fourth word. */
  readonly after: GlobalState;
  readonly before: GlobalState & { readonly tick: number; readonly liquidity: bigint };
  /** The swap of an Integral pool went past an initialised tick. Of others never said. */
  readonly crossed: boolean;
  /** Words of globalState(): 6 Integral, 7 v1 and v1.9, 8 v1.9 with a fee for each direction; 0 for no Algebra pool. */
  readonly words: number;
  /** Why the pool refuses; empty where it gives no reason, as one that runs out of gas. */
  readonly reason: string;
}

interface GlobalState {
  readonly price: bigint;
  readonly third: number;
  readonly fourth: number;
}

const WORDS_OF_ANSWER = 13;
const KINDS = ["refused", "called-back", "not-asked"] as const;
/** A swap of dust takes below 400,000 gas, one through many ticks some millions: with 50 million, which public nodes grant a call, there is room. */
const QUESTIONS_PER_CALL = 30;
/** Error(string) */
const ERROR = "08c379a0";
const MAX_REASON_BYTES = 128n;

/** Creation code to be called with no `to`. */
export function encodeSwapsCall(questions: readonly SwapQuestion[]): string {
  let data = artifact("AlgebraSwaps").bytecode + padWord(32n) + padWord(BigInt(questions.length));
  for (const { pool, zeroToOne, amountRequired } of questions) {
    data += `${zeroToOne ? "1".padStart(24, "0") : "0".repeat(24)}${addressWord(pool).slice(24)}${padWord(BigInt.asUintN(256, amountRequired))}`;
  }
  return data;
}

/** The block time (seconds) that the swaps saw, and what came of them, in the order of the questions. Throws `InvariantError` for another number of answers. */
export function decodeSwapsAnswer(
  answer: string,
  questions: number,
): { readonly timestamp: number; readonly answers: readonly SwapAnswer[] } {
  const length = 2 + 64 * (1 + questions * WORDS_OF_ANSWER);
  invariant(answer.length === length, `algebra: an answer of ${answer.length} digits to ${questions} questions, expected ${length}`);
  return {
    timestamp: Number(uintAt(answer, 0)),
    answers: Array.from({ length: questions }, (_, index) => decodeAnswer(answer, 1 + index * WORDS_OF_ANSWER)),
  };
}

function decodeAnswer(answer: string, first: number): SwapAnswer {
  const number = (word: number) => Number(uintAt(answer, first + word));
  const kind = KINDS[number(0)];
  if (kind === undefined) throw new InvariantError(`algebra: no kind of answer: ${number(0)}`);
  const calledBack = kind === "called-back";
  return {
    kind,
    amount0: calledBack ? intAt(answer, first + 1) : 0n,
    amount1: calledBack ? intAt(answer, first + 2) : 0n,
    after: calledBack
      ? { price: uintAt(answer, first + 3), third: number(4), fourth: number(5) }
      : { price: uintAt(answer, first + 7), third: number(9), fourth: number(10) },
    crossed: number(12) === 1,
    words: number(6),
    before: {
      price: uintAt(answer, first + 7),
      tick: int24Of(wordAt(answer, first + 8)),
      third: number(9),
      fourth: number(10),
      liquidity: uintAt(answer, first + 11),
    },
    reason: kind === "refused" ? reasonAt(answer, first + 1) : "",
  };
}

/** The text of an `Error(string)`, anything else as hex. */
function reasonAt(answer: string, first: number): string {
  const length = uintAt(answer, first);
  const bytes = answer.slice(
    2 + 64 * (first + 1),
    2 + 64 * (first + 1) + 2 * Number(length < MAX_REASON_BYTES ? length : MAX_REASON_BYTES),
  );
  if (!bytes.startsWith(ERROR) || bytes.length < 8 + 128) return bytes === "" ? "" : `0x${bytes}`;
  return Buffer.from(bytes.slice(8 + 128), "hex")
    .toString("utf8")
    .replace(/\0+$/, "");
}

/** In as few calls as the rules for a call's answer and a node's gas allow, one after the other. `call` performs an `eth_call` without `to`. */
export async function askSwaps(
  call: (data: string) => Promise<string>,
  questions: readonly SwapQuestion[],
): Promise<{ readonly timestamps: ReadonlySet<number>; readonly answers: readonly SwapAnswer[] }> {
  const timestamps = new Set<number>();
  const answers: SwapAnswer[] = [];
  for (let start = 0; start < questions.length; start += QUESTIONS_PER_CALL) {
    const batch = questions.slice(start, start + QUESTIONS_PER_CALL);
    const decoded = decodeSwapsAnswer(await call(encodeSwapsCall(batch)), batch.length);
    timestamps.add(decoded.timestamp);
    answers.push(...decoded.answers);
  }
  return { timestamps, answers };
}
