import { decodeSwap, isSwap, type SwapEvent, type TokenGetters } from "#libs/arbitrages/swap-events.ts";
import type { LogRow } from "#proto/block/v1/observed.ts";

/** One swap of a transaction, with its tokens. Raw token units. */
export interface Leg {
  readonly pool: string;
  readonly tokenIn: string;
  readonly tokenOut: string;
  readonly amountIn: bigint;
  readonly amountOut: bigint;
  readonly logIndex: number;
}

/** The swaps of one transaction that could be an arbitrage: two at least, through two pools at least. */
export interface Suspect {
  readonly transactionHash: string;
  readonly transactionIndex: number;
  readonly swaps: readonly { readonly swap: SwapEvent; readonly logIndex: number }[];
}

export interface Arbitrage {
  readonly transactionHash: string;
  readonly transactionIndex: number;
  /** The token that the gain is in; where several came out ahead, the one that `prefer` puts first. */
  readonly token: string;
  /** What was paid into the first pools of the cycle, in `token`. */
  readonly amountIn: bigint;
  /** What came out above what went in, in `token`: before gas, builder payments and lending fees. > 0. */
  readonly grossProfit: bigint;
  /** All tokens that came out ahead, by address; none fell short. */
  readonly gains: readonly (readonly [token: string, amount: bigint])[];
  /** In the order of the path where the swaps form one closed path, in the order of the logs where they split. */
  readonly hops: readonly Leg[];
}

/** Native coins inside a pool and their wrapped form are one token to a trader: both are given under the wrapped one's address. */
const NATIVE_COINS = new Set(["0x0000000000000000000000000000000000000000", "0xeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"]);

/** Transactions of a block whose logs tell of swaps in two or more pools. Logs in the order of the block. */
export function suspectsOf(logs: readonly LogRow[]): Suspect[] {
  const byTransaction = new Map<number, { transactionHash: string; swaps: { swap: SwapEvent; logIndex: number }[] }>();
  for (const log of logs) {
    if (!isSwap(log)) continue;
    const swap = decodeSwap(log);
    if (swap === null) continue;
    const [, , , logIndex, transactionIndex, transactionHash] = log;
    const known = byTransaction.get(transactionIndex);
    if (known === undefined) byTransaction.set(transactionIndex, { transactionHash, swaps: [{ swap, logIndex }] });
    else known.swaps.push({ swap, logIndex });
  }
  const suspects: Suspect[] = [];
  for (const [transactionIndex, { transactionHash, swaps }] of byTransaction) {
    const first = swaps[0]?.swap.pool;
    if (swaps.some(({ swap }) => swap.pool !== first)) suspects.push({ transactionHash, transactionIndex, swaps });
  }
  return suspects;
}

/** Pools whose tokens one has to know to judge these transactions, and how to ask for them: null where it cannot be done. */
export function unknownPools(
  suspects: readonly Suspect[],
  tokensOf: (pool: string) => readonly string[] | null | undefined,
): Map<string, { readonly ask: TokenGetters | null; readonly tokens: number }> {
  const unknown = new Map<string, { ask: TokenGetters | null; tokens: number }>();
  for (const { swaps } of suspects) {
    for (const { swap } of swaps) {
      if (swap.tokens.kind !== "index" || tokensOf(swap.pool) !== undefined) continue;
      const tokens = 1 + Math.max(swap.tokens.indexIn, swap.tokens.indexOut);
      const known = unknown.get(swap.pool);
      unknown.set(swap.pool, { ask: swap.ask, tokens: Math.max(tokens, known?.tokens ?? 0) });
    }
  }
  return unknown;
}

/** The swaps with their tokens; null as soon as those of one pool are not known, for then nothing follows about the transaction. */
export function legsOf(
  { swaps }: Suspect,
  tokensOf: (pool: string) => readonly string[] | null | undefined,
  wrappedNative: string,
): Leg[] | null {
  const unwrapped = (token: string) => (NATIVE_COINS.has(token) ? wrappedNative : token);
  const legs: Leg[] = [];
  for (const { swap, logIndex } of swaps) {
    const { pool, amountIn, amountOut, tokens } = swap;
    const all = tokens.kind === "index" ? tokensOf(pool) : null;
    const tokenIn = tokens.kind === "index" ? all?.[tokens.indexIn] : tokens.tokenIn;
    const tokenOut = tokens.kind === "index" ? all?.[tokens.indexOut] : tokens.tokenOut;
    if (tokenIn === undefined || tokenOut === undefined) return null;
    const leg = { pool, tokenIn: unwrapped(tokenIn), tokenOut: unwrapped(tokenOut), amountIn, amountOut, logIndex };
    const before = legs[legs.length - 1];
    // One swap of a pool with bins is as many events as it crosses bins.
    if (before !== undefined && before.pool === pool && before.tokenIn === leg.tokenIn && swap.ask === "getTokenX")
      legs[legs.length - 1] = { ...before, amountIn: before.amountIn + amountIn, amountOut: before.amountOut + amountOut };
    else legs.push(leg);
  }
  return legs;
}

/**
 * The atomic arbitrages among the swaps of one transaction: groups of swaps linked by their tokens that leave no token short and at least one over. Whatever was
 * paid in was paid out by another of them before or after, so each group holds a cycle; where swaps nest (a pool that pays first and is paid by its callback), logs
 * come in the order of their ends, so no order is asked for. A trade that also spends or keeps a token of its own has one that falls short, and is none.
 *
 * `prefer` puts tokens in order where several came out ahead: lower is first.
 */
export function arbitragesOf(
  { transactionHash, transactionIndex }: Pick<Suspect, "transactionHash" | "transactionIndex">,
  legs: readonly Leg[],
  prefer: (token: string, amount: bigint) => number,
): Arbitrage[] {
  const found: Arbitrage[] = [];
  for (const group of linked(legs)) {
    const first = group[0] as Leg;
    if (group.every(({ pool }) => pool === first.pool)) continue;
    const net = new Map<string, bigint>();
    for (const { tokenIn, tokenOut, amountIn, amountOut } of group) {
      net.set(tokenIn, (net.get(tokenIn) ?? 0n) - amountIn);
      net.set(tokenOut, (net.get(tokenOut) ?? 0n) + amountOut);
    }
    const gains = [...net].filter(([, amount]) => amount > 0n).sort(([left], [right]) => (left < right ? -1 : 1));
    if (gains.length === 0 || [...net.values()].some((amount) => amount < 0n)) continue;
    const [token, grossProfit] = gains.toSorted((left, right) => prefer(...left) - prefer(...right))[0] as readonly [string, bigint];
    const amountIn = group.reduce((sum, leg) => (leg.tokenIn === token ? sum + leg.amountIn : sum), 0n);
    found.push({ transactionHash, transactionIndex, token, amountIn, grossProfit, gains, hops: closedPath(group, token) ?? group });
  }
  return found;
}

/** Swaps by what they are connected through: two swaps of one token belong together. In the order of their first logs. */
function linked(legs: readonly Leg[]): Leg[][] {
  const parent = new Map<string, string>();
  const rootOf = (token: string): string => {
    let at = token;
    for (let next = parent.get(at); next !== undefined && next !== at; next = parent.get(at)) at = next;
    return at;
  };
  for (const { tokenIn, tokenOut } of legs) {
    if (!parent.has(tokenIn)) parent.set(tokenIn, tokenIn);
    if (!parent.has(tokenOut)) parent.set(tokenOut, tokenOut);
    parent.set(rootOf(tokenIn), rootOf(tokenOut));
  }
  const groups = new Map<string, Leg[]>();
  for (const leg of legs) {
    const root = rootOf(leg.tokenIn);
    const group = groups.get(root);
    if (group === undefined) groups.set(root, [leg]);
    else group.push(leg);
  }
  return [...groups.values()];
}

/** All swaps as one walk that ends where it begins, earlier logs first where there is a choice; null where they split or join. Hierholzer's algorithm. */
function closedPath(legs: readonly Leg[], start: string): Leg[] | null {
  const balance = new Map<string, number>();
  const out = new Map<string, Leg[]>();
  for (const leg of [...legs].sort((left, right) => right.logIndex - left.logIndex)) {
    balance.set(leg.tokenIn, (balance.get(leg.tokenIn) ?? 0) + 1);
    balance.set(leg.tokenOut, (balance.get(leg.tokenOut) ?? 0) - 1);
    const known = out.get(leg.tokenIn);
    if (known === undefined) out.set(leg.tokenIn, [leg]);
    else known.push(leg);
  }
  if ([...balance.values()].some((difference) => difference !== 0) || !out.has(start)) return null;
  const path: Leg[] = [];
  const walk: { readonly token: string; readonly by: Leg | null }[] = [{ token: start, by: null }];
  while (walk.length > 0) {
    const here = walk[walk.length - 1] as (typeof walk)[number];
    const leg = out.get(here.token)?.pop();
    if (leg !== undefined) walk.push({ token: leg.tokenOut, by: leg });
    else {
      walk.pop();
      if (here.by !== null) path.unshift(here.by);
    }
  }
  return path.length === legs.length ? path : null;
}
