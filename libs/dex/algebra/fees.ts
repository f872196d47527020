import { readTicks } from "#libs/contracts/tick-lens.ts";
import { calculateSwap } from "#libs/dex/algebra/price-movement-math.ts";
import { askSwaps, type SwapAnswer, type SwapQuestion } from "#libs/dex/algebra/swaps.ts";
import type { TickedPool } from "#libs/dex/concentrated/swap-math.ts";
import { MAX_SQRT_RATIO, MIN_SQRT_RATIO } from "#libs/dex/concentrated/tick-math.ts";
import type { Address } from "#libs/units/brand.ts";
import { invariant } from "#libs/units/invariant.ts";

/** A pool without its ticks, with the fees that its swaps pay at the time asked about, in 1e-6, by the index of the token that comes in. */
export interface PoolHead {
  readonly pool: Address;
  readonly price: bigint;
  readonly tick: number;
  readonly liquidity: bigint;
  readonly fees: readonly [number, number];
}

/** A fee at which no pool swaps: of a direction that the pool refuses, or in which it does what no fee explains. */
export const NO_SWAPS = 1_000_000;

/** Words of globalState() and of what they are characteristic. */
export const WORDS = { integral: 6, oneFee: 7, directional: 8 } as const;

type Call = (data: string) => Promise<string>;

/**
 * 2^0, 2^4 … 2^124: together they tell the fee of a pool whose price lies where there is no liquidity, or at the edge of a range. Asked eight at a time, from the
 * smallest up to the first that tell: a large one goes through all ticks there are, and 32 of these take more gas than a node grants a call.
 */
const INPUTS = Array.from({ length: 4 }, (_, call) => Array.from({ length: 8 }, (_, index) => 1n << BigInt(4 * (8 * call + index))));

/**
 * The fees of these pools, by a swap of each in either direction. What is no initialised Algebra pool is left out.
 *
 * v1 and v1.9 recompute the fee in the first swap of a new block time, from averages that include what the swaps of the last block moved and no view gives
 * (AlgebraPool._calculateSwapAndLock: _writeTimepoint, _getNewFee); they keep it in globalState(). Integral leaves it to a plugin, which sets `lastFee`, or
 * overrides it for this one swap, or adds to it (SwapCalculation._calculateSwap: overrideFee, pluginFee): the price that the swap leaves tells which.
 *
 * `timestamp`, in seconds, is what the swaps must have seen as the time of their block: throws `InvariantError` when a node ran them at another time, as one
 * does that ignores block overrides. Null for the time of the block that `call` names.
 */
export async function readHeads(call: Call, pools: readonly Address[], timestamp: number | null): Promise<PoolHead[]> {
  const ask = async (questions: readonly SwapQuestion[]): Promise<readonly SwapAnswer[]> => {
    const { timestamps, answers } = await askSwaps(call, questions);
    for (const seen of timestamps)
      invariant(timestamp === null || seen === timestamp, `algebra: swaps ran at ${seen}, not at ${timestamp}`);
    return answers;
  };
  const answers = await ask(
    pools.flatMap((pool) => [
      { pool, zeroToOne: true, amountRequired: 0n },
      { pool, zeroToOne: false, amountRequired: 0n },
    ]),
  );
  const heads: PoolHead[] = [];
  for (const [index, pool] of pools.entries()) {
    const [down, up] = [answers[2 * index], answers[2 * index + 1]] as [SwapAnswer, SwapAnswer];
    const { price, tick, liquidity } = down.before;
    if (price === 0n) continue;
    const fees: [number | null, number | null] = [feeOf(down, true), feeOf(up, false)];
    // Beyond the last price all is refused, until somebody has swapped the other way: then for the one fee that such a pool has.
    if (up.words === WORDS.oneFee && down.kind === "refused" && price === MIN_SQRT_RATIO + 1n) fees[0] = fees[1];
    if (down.words === WORDS.oneFee && up.kind === "refused" && price === MAX_SQRT_RATIO - 1n) fees[1] = fees[0];
    const whole = fees.includes(null) ? await readWhole(call, pool) : null;
    const feeAt = async (zeroToOne: boolean): Promise<number> => {
      const fee = fees[zeroToOne ? 0 : 1] as number | null;
      if (fee !== null || whole === null) return fee ?? NO_SWAPS;
      const swaps: Asked[] = [];
      for (const inputs of INPUTS) {
        const questions = inputs.map((amountRequired) => ({ pool, zeroToOne, amountRequired }));
        const more = await ask(questions);
        swaps.push(...questions.map((question, at) => ({ ...question, answer: more[at] as SwapAnswer })));
        const { lowest, highest } = feesOfAll(whole, swaps);
        if (lowest >= highest) break;
      }
      return feeExplaining(whole, swaps);
    };
    heads.push({ pool, price, tick, liquidity, fees: [await feeAt(true), await feeAt(false)] });
  }
  return heads;
}

/** Null where the fee is not to be told from this one swap. */
function feeOf(answer: SwapAnswer, zeroToOne: boolean): number | null {
  const { kind, words, after, before, crossed } = answer;
  if (kind === "not-asked") return after.third;
  if (kind === "refused") return NO_SWAPS;
  if (words === WORDS.oneFee) return after.third;
  if (words === WORDS.directional) return zeroToOne ? after.third : after.fourth;
  if (words !== WORDS.integral) return NO_SWAPS;
  // Swaps of this size rarely leave their range, so that its ticks need not be known. Without liquidity the size tells nothing.
  const { price: sqrtPriceX96, tick, liquidity } = before;
  if (liquidity === 0n || crossed) return null;
  const range = { sqrtPriceX96, tick, liquidity, sortedTicks: [], liquidityNet: [] };
  const asked = { zeroToOne, amountRequired: zeroToOne ? answer.amount0 : answer.amount1, answer };
  const usual = calculateSwap(range, { ...asked, fee: after.third, tickSpacing: 0 });
  if (usual.whole && usual.price === after.price) return after.third;
  const fees = feesExplaining(range, asked);
  return fees !== null && fees.lowest === fees.highest ? fees.lowest : null;
}

interface Asked {
  readonly zeroToOne: boolean;
  /** An exact input. */
  readonly amountRequired: bigint;
  readonly answer: Pick<SwapAnswer, "kind" | "amount0" | "amount1" | "after">;
}

/**
 * The fee with which a pool does of these swaps what it did; the highest, where there are several, as of a pool that a few units drain. `NO_SWAPS` when there
 * is none: what the pool does then is not what we compute.
 */
export function feeExplaining(pool: TickedPool, swaps: readonly Asked[]): number {
  const { lowest, highest } = feesOfAll(pool, swaps);
  return lowest <= highest ? highest : NO_SWAPS;
}

/** The fees that explain all of these swaps; none where the lowest is above the highest. */
function feesOfAll(pool: TickedPool, swaps: readonly Asked[]): { readonly lowest: number; readonly highest: number } {
  let [lowest, highest] = [0, NO_SWAPS - 1];
  for (const swap of swaps) {
    // A swap that is refused for its size says nothing of the fee.
    if (swap.answer.kind !== "called-back") continue;
    const fees = feesExplaining(pool, swap);
    if (fees === null) return { lowest: NO_SWAPS, highest: 0 };
    lowest = Math.max(lowest, fees.lowest);
    highest = Math.min(highest, fees.highest);
  }
  return { lowest, highest };
}

/** All fees with which a pool does of a swap what it did, null if there is none. */
function feesExplaining(pool: TickedPool, swap: Asked): { readonly lowest: number; readonly highest: number } | null {
  const { zeroToOne, amountRequired, answer } = swap;
  const taken = zeroToOne ? answer.amount0 : answer.amount1;
  /** The more is taken as fee the less the price moves, and the more it takes to get to the end of all prices. */
  const excess = (fee: number): bigint => {
    const { price, amountIn } = calculateSwap(pool, { amountRequired, zeroToOne, fee, tickSpacing: 0 });
    if (price === answer.after.price) return amountIn - taken;
    return zeroToOne ? price - answer.after.price : answer.after.price - price;
  };
  const lowest = firstFee((fee) => excess(fee) >= 0n);
  const highest = firstFee((fee) => excess(fee) > 0n) - 1;
  return lowest <= highest ? { lowest, highest } : null;
}

/** The lowest fee of which this holds, of a claim that holds of all above as well; `NO_SWAPS` if of none. */
function firstFee(holds: (fee: number) => boolean): number {
  let low = 0;
  let high = NO_SWAPS;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

async function readWhole(call: Call, pool: Address): Promise<TickedPool> {
  const [read] = await readTicks([pool], call, "globalState-list");
  invariant(read !== undefined, `algebra: no answer about ${pool}`);
  const { sqrtPriceX96, tick, liquidity, ticks } = read;
  return {
    sqrtPriceX96,
    tick,
    liquidity,
    sortedTicks: ticks.map((each) => each.tick),
    liquidityNet: ticks.map(({ liquidityNet }) => liquidityNet),
  };
}
