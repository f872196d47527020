import type { PoolInfo, Question, Said } from "#libs/dex/family.ts";
import { type BalanceSlot, balanceSlot } from "#libs/evm/balance-slot.ts";
import { readerAt } from "#libs/evm/chain-reader.ts";
import { addressWord, isWord, padWord, uintAt } from "#libs/evm/hex.ts";
import { revertReason } from "#libs/evm/revert.ts";
import type { Rpc } from "#libs/evm/rpc.ts";

/** getAmountOut(uint256,address) */
export const GET_AMOUNT_OUT = "0xf140a35a";
/** swap(uint256,uint256,address,bytes) */
const SWAP = "0x022c0d9f";
/** Who swaps, and gets what a pair pays in an `eth_call`. Neither token's contract nor the pair. */
const TRADER = `0x${"5a1e".repeat(10)}`;
/** `getAmountOut` may promise a unit that `swap` refuses; more than that is another contract than we know. */
const UNITS_TRIED = 3n;

interface At {
  readonly blockHash: string;
  readonly multicall3: string;
}

export const amountOutCall = ({ pool, tokens }: Pick<PoolInfo, "pool" | "tokens">, amountIn: bigint, indexIn: number) => ({
  target: pool,
  data: `${GET_AMOUNT_OUT}${padWord(amountIn)}${addressWord(tokens[indexIn] as string)}`,
});

/**
 * A pair's own `getAmountOut`, all in one request, and then the swap of that amount with balances overridden to the reserves and the input: a paused factory, a
 * fee that cannot be passed on or a k that falls by rounding refuse what the view promises. Where a token hides its balances the view's word stands alone.
 */
export async function askPairs(client: Rpc, at: At, questions: readonly Question<"solidly">[]): Promise<Said[]> {
  const views = await readerAt(client, at).multicall(
    questions.map(({ info, amountIn, indexIn }) => amountOutCall(info, amountIn, indexIn)),
  );
  const slots = new Map<string, Promise<BalanceSlot | null>>();
  for (const { pool, tokens } of new Set(questions.map(({ info }) => info)))
    for (const token of tokens) if (!slots.has(token)) slots.set(token, balanceSlot(client, at, token, pool));
  return Promise.all(
    questions.map(async (question, index): Promise<Said> => {
      const view = views[index];
      if (!isWord(view)) return { amountOut: 0n, reason: "getAmountOut reverts" };
      const slotOf = await Promise.all(question.info.tokens.map((token) => slots.get(token) as Promise<BalanceSlot | null>));
      return slotOf.includes(null)
        ? { amountOut: uintAt(view, 0), reason: null }
        : swapped(client, at, question, uintAt(view, 0), slotOf as BalanceSlot[]);
    }),
  );
}

async function swapped(
  client: Rpc,
  at: At,
  { info, row, indexIn, amountIn }: Question<"solidly">,
  promised: bigint,
  slotOf: readonly BalanceSlot[],
): Promise<Said> {
  if (promised === 0n) return { amountOut: 0n, reason: "getAmountOut is 0" };
  const overrides: Record<string, object> = {};
  for (const [index, token] of info.tokens.entries()) {
    const balance = BigInt(row[index === 0 ? 1 : 2]) + (index === indexIn ? amountIn : 0n);
    overrides[token] = { stateDiff: { [(slotOf[index] as BalanceSlot)(info.pool)]: `0x${padWord(balance)}` } };
  }
  let reason = "";
  for (let amountOut = promised; amountOut > 0n && amountOut > promised - UNITS_TRIED; amountOut--) {
    const [amount0, amount1] = indexIn === 0 ? [0n, amountOut] : [amountOut, 0n];
    const data = `${SWAP}${padWord(amount0)}${padWord(amount1)}${addressWord(TRADER)}${padWord(128n)}${padWord(0n)}`;
    try {
      await client.send("eth_call", [{ from: TRADER, to: info.pool, data }, { blockHash: at.blockHash }, overrides]);
      return { amountOut, reason: null };
    } catch (cause) {
      const reverted = revertReason(cause);
      if (reverted === null) throw cause;
      reason = reverted.text;
    }
  }
  return { amountOut: 0n, reason };
}
