import { paidTokens } from "#libs/contracts/plan.ts";
import { type Flow, LocalMarket, type SwapCosts, swapCostsAt } from "#libs/graph/convex-plan.ts";
import { hopOf } from "#libs/graph/hop.ts";
import type { Edge, Market, MarketPool } from "#libs/graph/market.ts";
import { cycleIdOf, GAS_BASE, type SearchOptions, type Standing } from "#libs/graph/search.ts";
import type { Candidate, Hop } from "#proto/cycle/v1/found.ts";

export interface PlanOptions {
  /** Swaps in a plan, at most: all of them fail when one does. */
  readonly maxSwaps: number;
  /** Wei per gas: a swap is in the plan where it adds more than its own gas costs. Profits are in wei of the wrapped native coin. */
  readonly gasPrice: bigint;
  /** Tokens that the executor pays its swaps with, at most: what its contract can name. */
  readonly maxTokens: number;
  /** By estimate, of the whole transaction. */
  readonly maxGas: number;
}

/**
 * The pools of so many of the best cycles are taken in, and of what has moved so many pools. More of either is slower and hardly better
 * (docs/benchmarks.md).
 */
const CYCLES = 64;
const SEEDS = 64;
/** Where the choice may be further from the best than this share of what it earns, another beginning is tried. */
const DOUBTFUL = 0.1;
/** A plan that cannot be executed as it is, or not within its limits, is mended so many times. */
const REPAIRS = 8;

/**
 * The swaps that one transaction makes of a block, instead of a single cycle: any flow from the start token back to it, through every pool at most once,
 * with paths that part and meet. Which pools, and how much through each, is the optimum after gas over the pools of the best cycles and around those that
 * have changed (`LocalMarket`); in whole units it is quoted as the contracts compute it, on the block's state, each swap paid from what those before it have
 * left.
 *
 * `candidates` and `standing`: what the block's search found and left; cycles that start from another token have no part in it. Null where nothing earns more
 * after gas than the best candidate from the start token alone.
 */
export function planSwaps(
  market: Market,
  { candidates, standing }: { readonly candidates: readonly Candidate[]; readonly standing: Standing },
  changed: Iterable<string>,
  { startToken, maxAmountIn }: SearchOptions,
  options: PlanOptions,
  without: ReadonlySet<MarketPool> = new Set(),
): Candidate | null {
  const local = localMarketOf(market, standing, changed, { startToken, without, costs: swapCostsAt(options.gasPrice) });
  const net = ({ grossProfit, gasEstimate }: Candidate) => BigInt(grossProfit) - BigInt(gasEstimate) * options.gasPrice;
  let least = 0n;
  for (const candidate of candidates) if (candidate.token === startToken && net(candidate) > least) least = net(candidate);
  const planned = executableOf(local, startToken, options, Number(least + BigInt(GAS_BASE) * options.gasPrice));
  return planned !== null && BigInt(planned.amountIn) <= maxAmountIn && net(planned) > least ? planned : null;
}

function localMarketOf(
  market: Market,
  { cycles }: Standing,
  changed: Iterable<string>,
  { startToken, without, costs }: { readonly startToken: string; readonly without: ReadonlySet<MarketPool>; readonly costs: SwapCosts },
): LocalMarket {
  const local = new LocalMarket(market, startToken, costs, without);
  const best = cycles.filter(({ edges: [first] }) => first?.from === startToken).slice(0, CYCLES);
  for (const { edges } of best) for (const edge of edges) local.add(edge);
  local.seed(poolsAt(market, changed), SEEDS);
  local.begin();
  local.improve();
  const [first] = best;
  if (first !== undefined && local.gap > DOUBTFUL * local.net) local.improveFrom(first.edges);
  return local;
}

function* poolsAt(market: Market, addresses: Iterable<string>): Generator<MarketPool> {
  for (const address of addresses) {
    const pool = market.pool(address);
    if (pool?.live) yield pool;
  }
}

/** The optimum in whole units, less what keeps it from being executed as quoted. Null where it does not earn more than `least`, gas paid. */
function executableOf(local: LocalMarket, startToken: string, options: PlanOptions, least: number): Candidate | null {
  for (let repair = 0; repair <= REPAIRS && local.net > least; repair++) {
    const flows = local.flows();
    if (flows.length === 0) return null;
    const unfit = unfitOf(flows, startToken);
    if (unfit.length === 0) {
      const { swaps, refused } = quoted(flows, startToken);
      if (refused !== null) unfit.push(refused);
      else {
        const candidate = candidateOf(swaps, startToken);
        const excess = excessOf(candidate, flows, options);
        if (excess.length === 0) return candidate;
        unfit.push(...excess);
      }
    }
    local.ban(unfit.map(({ edge }) => edge));
    local.improve();
  }
  return null;
}

const addsLess = (one: Flow, other: Flow): number => one.adds - other.adds || one.edge.id - other.edge.id;

/**
 * Swaps that must be given up for the others to execute as quoted, one each time: of a pool that is swapped in twice, or quotes by another pool that is
 * (`restsOn`); what leads nowhere; and in a circle of trades that feed each other without the start token, for which nobody would lend the first.
 */
function unfitOf(flows: readonly Flow[], startToken: string): Flow[] {
  const byPool = Map.groupBy(flows, ({ edge }) => edge.pool.info.pool as string);
  for (const same of byPool.values()) if (same.length > 1) return [...same].sort(addsLess).slice(0, 1);
  const resting = flows.find(({ edge: { pool } }) => pool.family.restsOn?.(pool.info).some((base) => byPool.has(base)));
  if (resting !== undefined) return [resting];
  const [out, into] = [Map.groupBy(flows, ({ edge }) => edge.from), Map.groupBy(flows, ({ edge }) => edge.to)];
  const stuck = flows.filter(({ edge: { from, to } }) => (to !== startToken && !out.has(to)) || (from !== startToken && !into.has(from)));
  if (stuck.length > 0) return stuck;
  const waiting = new Map([...into].map(([token, each]) => [token, each.length]));
  const ready = [startToken];
  const reached = new Set<Flow>();
  for (const token of ready) {
    for (const flow of out.get(token) ?? []) {
      reached.add(flow);
      const { to } = flow.edge;
      waiting.set(to, (waiting.get(to) as number) - 1);
      if (waiting.get(to) === 0 && to !== startToken) ready.push(to);
    }
  }
  // Of what was not reached, what leads out of the circle is not to blame.
  let circle = flows.filter((flow) => !reached.has(flow));
  for (let before = -1; circle.length !== before; ) {
    before = circle.length;
    const within = new Set(circle.map(({ edge }) => edge.from));
    circle = circle.filter(({ edge }) => within.has(edge.to));
  }
  return circle.sort(addsLess).slice(0, 1);
}

/** A swap with its exact amounts. */
interface Swap {
  readonly edge: Edge;
  readonly amountIn: bigint;
  readonly amountOut: bigint;
}

/** By these shares all is lowered where a pool refuses: at its last tick a unit may be one too many. What that costs is the square of it. */
const LOWERED = [0, 2 ** -24, 2 ** -16, 2 ** -10];

/** `sequenced`, a little lower where it has to be; the flow that is refused even so. */
function quoted(flows: readonly Flow[], startToken: string): Sequence {
  let sequence: Sequence = { swaps: [], refused: null };
  for (const share of LOWERED) {
    sequence = sequenced(flows, startToken, 1 - share);
    if (sequence.refused === null) break;
  }
  return sequence;
}

interface Sequence {
  readonly swaps: readonly Swap[];
  readonly refused: Flow | null;
}

/**
 * The flows in an order in which each is paid from what those before have left, in whole units: what there is of a token is shared out as in the optimum,
 * the last taking the rest, so that nothing is left over. A way is followed to where it parts or has to wait before the next is begun, because a swap may
 * pay the next one's pool directly. Ends at the first that a pool refuses. Of flows without a circle.
 */
function sequenced(flows: readonly Flow[], startToken: string, scale: number): Sequence {
  const out = Map.groupBy(flows, ({ edge }) => edge.from);
  const waiting = new Map<string, number>();
  for (const { edge } of flows) waiting.set(edge.to, (waiting.get(edge.to) ?? 0) + 1);
  const have = new Map<string, bigint>();
  const swaps: Swap[] = [];
  const spend = (token: string): Flow | null => {
    // One that would cross a tick with more is given its own, and the largest takes the rest.
    const shares = (out.get(token) ?? []).toSorted(
      (one, other) => Number(other.isCapped) - Number(one.isCapped) || one.amountIn - other.amountIn || one.edge.id - other.edge.id,
    );
    let wanted = shares.reduce((sum, { amountIn }) => sum + amountIn, 0);
    for (const [index, flow] of shares.entries()) {
      const { edge } = flow;
      const left = have.get(token) ?? 0n;
      const isRest = token !== startToken && index === shares.length - 1;
      const share = token === startToken ? scale * flow.amountIn : Number(left) * Math.min(1, flow.amountIn / wanted);
      const amountIn = isRest ? left : BigInt(Math.floor(share));
      wanted -= flow.amountIn;
      if (amountIn <= 0n || (token !== startToken && amountIn > left)) return flow;
      const { pool, indexIn, indexOut, to } = edge;
      const amountOut = pool.family.quoteExactIn(pool.info, pool.state, { amountIn, indexIn, indexOut });
      if (amountOut === 0n) return flow;
      swaps.push({ edge, amountIn, amountOut });
      have.set(token, left - amountIn);
      have.set(to, (have.get(to) ?? 0n) + amountOut);
      const missing = (waiting.get(to) as number) - 1;
      waiting.set(to, missing);
      const refused = missing === 0 && to !== startToken ? spend(to) : null;
      if (refused !== null) return refused;
    }
    return null;
  };
  return { refused: spend(startToken), swaps };
}

/** Swaps that execute one after another as a candidate: one loan, large enough at every moment. */
function candidateOf(swaps: readonly Swap[], startToken: string): Candidate {
  let [balance, least] = [0n, 0n];
  let gasEstimate = GAS_BASE;
  const hops: Hop[] = [];
  for (const { edge, amountIn, amountOut } of swaps) {
    const { pool, indexIn, indexOut, from, to } = edge;
    if (from === startToken) balance -= amountIn;
    if (balance < least) least = balance;
    if (to === startToken) balance += amountOut;
    gasEstimate += pool.family.swapGas(pool.info, pool.state, { amountIn, indexIn, indexOut });
    hops.push(hopOf(edge, amountIn, amountOut));
  }
  return {
    cycleId: cycleIdOf(swaps.map(({ edge }) => edge)),
    token: startToken,
    amountIn: (-least).toString(),
    amountOut: (balance - least).toString(),
    // Below nothing only where the optimum was none: the caller compares, and takes no such plan.
    grossProfit: balance.toString(),
    gasEstimate,
    hops,
  };
}

/** What to give up of a plan beyond its limits: all swaps of the tokens whose swaps add least. */
function excessOf(candidate: Candidate, flows: readonly Flow[], { maxSwaps, maxTokens, maxGas }: PlanOptions): Flow[] {
  const { hops, token: startToken, gasEstimate } = candidate;
  const tokens = paidTokens(startToken, hops).size - maxTokens;
  const perSwap = (gasEstimate - GAS_BASE) / hops.length;
  const swaps = Math.max(hops.length - maxSwaps, Math.ceil((gasEstimate - maxGas) / perSwap));
  const given = new Set<Flow>();
  if (tokens <= 0 && swaps <= 0) return [];
  const byToken = Map.groupBy(
    flows.flatMap((flow) => [flow.edge.from, flow.edge.to].filter((token) => token !== startToken).map((token) => ({ token, flow }))),
    ({ token }) => token,
  );
  const addedBy = (token: string) => (byToken.get(token) ?? []).reduce((sum, { flow }) => sum + flow.adds, 0);
  const order = [...byToken.keys()].sort((one, other) => addedBy(one) - addedBy(other) || (one < other ? -1 : 1));
  for (const [index, token] of order.entries()) {
    if (index >= tokens && given.size >= swaps) break;
    for (const { flow } of byToken.get(token) as { flow: Flow }[]) given.add(flow);
  }
  return [...given];
}
