import type { Question, Said } from "#libs/dex/family.ts";
import { type BalanceSlot, balanceSlot } from "#libs/evm/balance-slot.ts";
import { addressWord, padWord } from "#libs/evm/hex.ts";
import { revertReason } from "#libs/evm/revert.ts";
import type { Rpc } from "#libs/evm/rpc.ts";

/** swap(uint256,uint256,address,bytes) */
const SWAP = "0x022c0d9f";
/** Who swaps, and gets what a pair pays in an `eth_call`. Neither token's contract nor the pair. */
const TRADER = `0x${"5a1e".repeat(10)}`;

interface At {
  readonly blockHash: string;
}

/**
 * A pair pays whatever leaves its k: with balances overridden to its reserves and the input, `swap` passes for every amount up to the one that it pays, and for
 * none above. Needs to know where the tokens keep the pair's balances.
 */
export async function askPairs(client: Rpc, at: At, questions: readonly Question<"uniswap-v2">[]): Promise<Said[]> {
  const slots = new Map<string, Promise<BalanceSlot | null>>();
  for (const { pool, tokens } of new Set(questions.map(({ info }) => info)))
    for (const token of tokens) if (!slots.has(token)) slots.set(token, balanceSlot(client, at, token, pool));
  return Promise.all(questions.map((question) => askOne(client, at, question, slots)));
}

async function askOne(
  client: Rpc,
  at: At,
  { info, row, indexIn, amountIn, ours }: Question<"uniswap-v2">,
  slots: ReadonlyMap<string, Promise<BalanceSlot | null>>,
): Promise<Said> {
  const slotOf = await Promise.all(info.tokens.map((token) => slots.get(token)));
  const hidden = info.tokens.filter((_, index) => !slotOf[index]);
  if (hidden.length > 0)
    return {
      amountOut: null,
      reason: `cannot be verified: ${hidden.join(" and ")} keeps balances where we do not find them, or the node takes no state override`,
    };
  const reserves = [BigInt(row[1]), BigInt(row[2])] as const;
  const overrides: Record<string, object> = {};
  for (const [index, token] of info.tokens.entries()) {
    const balance = (reserves[index] as bigint) + (index === indexIn ? amountIn : 0n);
    overrides[token] = { stateDiff: { [(slotOf[index] as BalanceSlot)(info.pool)]: `0x${padWord(balance)}` } };
  }
  let reason = "";
  const pays = async (amountOut: bigint): Promise<boolean> => {
    const [amount0, amount1] = indexIn === 0 ? [0n, amountOut] : [amountOut, 0n];
    const data = `${SWAP}${padWord(amount0)}${padWord(amount1)}${addressWord(TRADER)}${padWord(128n)}${padWord(0n)}`;
    try {
      await client.send("eth_call", [{ from: TRADER, to: info.pool, data }, { blockHash: at.blockHash }, overrides]);
      return true;
    } catch (cause) {
      const reverted = revertReason(cause);
      if (reverted === null) throw cause;
      reason = reverted.text;
      return false;
    }
  };
  const amountOut = await largestPaid(pays, ours, reserves[indexIn === 0 ? 1 : 0] as bigint);
  return { amountOut, reason: amountOut === 0n ? reason : null };
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
