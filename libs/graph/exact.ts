import type { Edge } from "#libs/graph/market.ts";

/** A cycle's exact quote: what enters the first hop, what leaves it and enters the next, and so on; and the last less the first. */
export interface Exact {
  readonly amounts: readonly bigint[];
  /** Raw units of the token the cycle starts from, > 0. */
  readonly profit: bigint;
}

/** The exact quotes of a path for this input, the input first; null where a hop refuses. */
export function quoteAlong(edges: readonly Edge[], amountIn: bigint): bigint[] | null {
  const amounts = [amountIn];
  for (const { pool, indexIn, indexOut } of edges) {
    const amountOut = pool.family.quoteExactIn(pool.info, pool.state, {
      amountIn: amounts[amounts.length - 1] as bigint,
      indexIn,
      indexOut,
    });
    if (amountOut === 0n) return null;
    amounts.push(amountOut);
  }
  return amounts;
}

const profitOf = (amounts: readonly bigint[] | null): bigint =>
  amounts === null ? -1n : (amounts[amounts.length - 1] as bigint) - (amounts[0] as bigint);

/**
 * Where the float optimum is refused whole, the input is lowered by these shares: a token of few decimals rounds it past a pool's last tick, and a stable pair of
 * solidly's line refuses single inputs whose rounding breaks its own invariant.
 */
const LOWERED = [2 ** -24, 2 ** -20, 2 ** -16, 2 ** -13, 2 ** -10, 2 ** -8];

/** The exact quote at the float optimum, or a little below it where that is refused. Null when nothing is left of the profit. */
export function confirm(edges: readonly Edge[], guess: number, largest: bigint): Exact | null {
  const amountIn = BigInt(Math.floor(guess));
  const first = amountIn > largest ? largest : amountIn;
  let amounts = first > 0n ? quoteAlong(edges, first) : null;
  for (const share of LOWERED) {
    if (amounts !== null) break;
    const less = BigInt(Math.floor(Number(first) * (1 - share)));
    if (less > 0n) amounts = quoteAlong(edges, less);
  }
  const profit = profitOf(amounts);
  return amounts === null || profit <= 0n ? null : { amounts, profit };
}

/**
 * The float optimum is within about 1e-9 of the integer one, where profit is flat: a step of 2^-26 of the amount moves profit by less than 1e-15 of it. Steps go
 * from there to a single unit, by sixteenths; then the input is lowered to the least of the same output, and raised while that earns more, at most `UNIT_ROUNDS` times: short of
 * that bound, no unit more or less earns more.
 */
const REFINE_FROM = 26n;
const UNIT_ROUNDS = 64;

/** As `confirm`, then searched on integers around it: each try is a full exact quote of all hops. */
export function refine(edges: readonly Edge[], guess: number, largest: bigint): Exact | null {
  const confirmed = confirm(edges, guess, largest);
  if (confirmed === null) return null;
  let { amounts, profit } = confirmed;
  let amountIn = amounts[0] as bigint;
  // What is tried is often tried again at once: whether the output stays, and then to take it.
  let tried = amountIn;
  let answered: readonly bigint[] | null = amounts;
  const quote = (trial: bigint): readonly bigint[] | null => {
    if (trial !== tried) {
      tried = trial;
      answered = quoteAlong(edges, trial);
    }
    return answered;
  };
  const take = (trial: bigint): boolean => {
    if (trial <= 0n || trial > largest) return false;
    const quoted = quote(trial);
    if (quoted === null || profitOf(quoted) <= profit) return false;
    amounts = quoted;
    profit = profitOf(quoted);
    amountIn = trial;
    return true;
  };
  /** Lowers the input as far as the output stays: a token of few decimals on the way rounds many inputs to one output. */
  const trim = (): void => {
    let step = 1n;
    const stays = (trial: bigint) => profitOf(quote(trial)) - profit === amountIn - trial;
    while (step < amountIn && stays(amountIn - step)) {
      take(amountIn - step);
      step *= 2n;
    }
    for (; step > 0n; step /= 2n) if (step < amountIn && stays(amountIn - step)) take(amountIn - step);
  };
  for (let step = amountIn >> REFINE_FROM; step > 1n; step >>= 4n) take(amountIn + step) || take(amountIn - step);
  /** Raises it while that earns more, by steps that double and then halve: profit is concave but for the rounding. */
  const climb = (): boolean => {
    const before = amountIn;
    let step = 1n;
    while (take(amountIn + step)) step *= 2n;
    for (step /= 2n; step > 0n; step /= 2n) take(amountIn + step);
    return amountIn !== before;
  };
  for (let round = 0; round < UNIT_ROUNDS; round++) {
    trim();
    if (!climb()) break;
  }
  return { amounts, profit };
}
