import { type FeatureContext, MEMORY_BLOCKS, TREND_BLOCKS } from "#libs/ml/features.ts";
import type { ObservedArbitrage } from "#proto/arbitrage/v1/observed.ts";
import type { Candidate, Hop } from "#proto/cycle/v1/found.ts";
import type { BodyOf } from "#proto/subjects.ts";

export const branchOf = ({ blockHash, epoch }: { readonly blockHash: string; readonly epoch: number }): string => `${blockHash}@${epoch}`;

/** One direction of a pool: what a cycle takes something out of. */
const stepOf = ({ pool, tokenIn }: { readonly pool: string; readonly tokenIn: string }): string => `${pool}:${tokenIn}`;
export const stepsOf = (hops: readonly Pick<Hop, "pool" | "tokenIn">[]): string[] => hops.map(stepOf);

/** Whether the candidate is one cycle: each hop takes what the one before it gives, and none but the first takes its token. Any other is a plan (libs/graph/plan.ts), or sells what its cycle leaves. */
export const isCycle = ({ token, hops }: Candidate): boolean =>
  hops.every(
    ({ tokenIn }, place) => tokenIn === (place === 0 ? token : hops[place - 1]?.tokenOut) && (tokenIn === token) === (place === 0),
  );

/**
 * What is kept of a candidate, once for all blocks that list it: most cycles come back. Of whole searches a hundred blocks would be so many objects that collecting the
 * garbage between them takes longer than a ranking, and what every block made anew would be moved by each collection.
 */
interface Listed {
  readonly cycleId: string;
  readonly gasEstimate: number;
  readonly isCycle: boolean;
  /** DEX, pool and token that goes in, hop by hop. */
  readonly route: readonly string[];
  /** Blocks that list it. */
  uses: number;
}
/** Places of a hop in a route. */
const ROUTE_HOP = 3;

/** The text, as one that holds on to no other: a field of a decoded message is a part of one as long as the message, and keeps all of it. ASCII. */
const ownText = (text: string): string => Buffer.from(text, "latin1").toString("latin1");

function listedOf(candidate: Candidate, known: Listed | undefined): Listed {
  const { gasEstimate, hops } = candidate;
  const isOne = isCycle(candidate);
  if (known?.gasEstimate === gasEstimate && known.isCycle === isOne && isRoute(known.route, hops)) return known;
  const route = hops.flatMap(({ dex, pool, tokenIn }) => [dex, pool, tokenIn].map(ownText));
  return { cycleId: ownText(candidate.cycleId), gasEstimate, isCycle: isOne, route, uses: 0 };
}

function isRoute(route: readonly string[], hops: readonly Hop[]): boolean {
  if (route.length !== ROUTE_HOP * hops.length) return false;
  let place = 0;
  for (const { dex, pool, tokenIn } of hops)
    if (route[place++] !== dex || route[place++] !== pool || route[place++] !== tokenIn) return false;
  return true;
}

/** The answer to a block's search. */
interface Listing {
  /** Of a cycle once. */
  readonly all: readonly Listed[];
  readonly isCutShort: boolean;
  readonly lateDexes: readonly string[];
  readonly gatedPools: readonly string[];
  /** It had no room for all cycles that were found. */
  readonly isFull: boolean;
  /** Least gross profit among its cycles; null where it has none. */
  readonly least: bigint | null;
}

function listingOf(body: BodyOf<"cycleFound">, known: ReadonlyMap<string, Listed>): Listing {
  const { candidates, cyclesFound, isCutShort = false, lateDexes, gatedPools = [] } = body;
  const byId = new Map<string, Listed>();
  let cycles = 0;
  let least: bigint | null = null;
  for (const candidate of candidates) {
    const listed = listedOf(candidate, known.get(candidate.cycleId));
    byId.set(listed.cycleId, listed);
    if (!listed.isCycle) continue;
    cycles++;
    const profit = BigInt(candidate.grossProfit);
    if (least === null || profit < least) least = profit;
  }
  return {
    all: [...byId.values()],
    isCutShort,
    lateDexes: lateDexes.map(ownText),
    gatedPools: gatedPools.map(ownText),
    isFull: cycles < cyclesFound,
    least,
  };
}

/**
 * Whether a candidate of the block before, which is not in a block's list, was gone by then. What is not in a list that was full is gone if even the least that is
 * listed earns less than `gasPrice` times its gas: it would not be worth its gas, which comes to the same. Not known where the search went without a DEX or a pool of
 * it, or was cut short, or the list was full, or it is a plan, or a cycle with a sale, of which every block may have its own.
 */
function isGone({ gasEstimate, isCycle, route }: Listed, gasPrice: bigint, listing: Listing): boolean {
  const { isCutShort, lateDexes, gatedPools, isFull, least } = listing;
  if (!isCycle || isCutShort) return false;
  if (lateDexes.length + gatedPools.length > 0)
    for (let place = 0; place < route.length; place += ROUTE_HOP)
      if (lateDexes.includes(route[place] as string) || gatedPools.includes(route[place + 1] as string)) return false;
  return !isFull || (least !== null && least < gasPrice * BigInt(gasEstimate));
}

/** Whether a trade that took these directions of pools went through it. */
function isCrossed({ route }: Listed, steps: ReadonlySet<string>): boolean {
  if (steps.size === 0) return false;
  for (let place = 0; place < route.length; place += ROUTE_HOP)
    if (steps.has(stepOf({ pool: route[place + 1] as string, tokenIn: route[place + 2] as string }))) return true;
  return false;
}

/** What is known of a block of the present branch. */
export interface Block {
  readonly number: number;
  readonly branch: string;
  readonly hash: string;
  readonly baseFeePerGas: bigint;
  readonly gasUsed: number;
  readonly gasLimit: number;
  /** Pools that it changed. */
  readonly changed: ReadonlySet<string>;
  /** Arbitrages of others in it. */
  readonly others: readonly ObservedArbitrage[];
  /** The analyst has looked at it. */
  readonly watched: boolean;
  /** Wei per gas that a trade on this block may have to pay; null until it is ranked. */
  readonly gasPrice: bigint | null;
  /** Directions of pools that trades of ours took in it. */
  readonly ours: ReadonlySet<string>;
}

interface Kept extends Block {
  readonly changed: Set<string>;
  others: readonly ObservedArbitrage[];
  watched: boolean;
  gasPrice: bigint | null;
  readonly ours: Set<string>;
  listing: Listing | null;
  /** Simulations on its state, by pool. */
  readonly simulations: Map<string, { right: number; all: number }>;
  /** Of its candidates those that were gone a block later without us, and those that were there. */
  gone: readonly Listed[];
  stayed: readonly Listed[];
}

/** Beyond the memory of the features: what labels that are still to be made look back to, and what a reorganisation may take off. */
const SPARE = 64;

/** A quote may miss once because somebody was faster, and a cycle's other pools are not to blame: three times, and never right, is the pool. */
const LEAST_FAILURES = 3;

interface PoolCounts {
  readonly taken: number;
  readonly right: number;
  readonly all: number;
}

/**
 * The last blocks of the branch that stands. A reorganisation takes the dropped ones off, and with them all that they said. What features ask of the last
 * MEMORY_BLOCKS is kept as sums, which a block joins when the next one comes and leaves when it is too old: a block's candidates ask for a few hundred.
 */
export class BlockMemory {
  readonly #blocks: Kept[] = [];
  readonly #byBranch = new Map<string, Kept>();
  /** Value of a pool, whole native coins, as the last `tvl.changed` has it. */
  readonly #values = new Map<string, number>();
  /** Blocks in which a pool changed, ascending. */
  readonly #changes = new Map<string, number[]>();
  /** What the blocks list, by cycle: as the last of them has it. */
  readonly #listed = new Map<string, Listed>();
  /** Sums over the window. */
  readonly #pools = new Map<string, PoolCounts>();
  readonly #cycles = new Map<string, { found: number; vanished: number }>();
  #rivals = 0;

  get head(): Block | undefined {
    return this.#blocks.at(-1);
  }

  /** Number of the oldest block that is kept; 0 where none is. */
  get oldest(): number {
    return this.#blocks[0]?.number ?? 0;
  }

  add(body: BodyOf<"blockObserved">): void {
    const block: Kept = {
      number: body.blockNumber,
      branch: branchOf(body),
      hash: body.blockHash,
      baseFeePerGas: BigInt(body.baseFeePerGas),
      gasUsed: body.gasUsed,
      gasLimit: body.gasLimit,
      changed: new Set(),
      others: [],
      watched: false,
      listing: null,
      gasPrice: null,
      ours: new Set(),
      simulations: new Map(),
      gone: [],
      stayed: [],
    };
    this.rewind(block.number - 1);
    // After a gap nothing that counts blocks would be right.
    if (this.head !== undefined && this.head.number !== block.number - 1) this.rewind(-1);
    const leaving = this.#blocks.at(-MEMORY_BLOCKS - 1);
    if (leaving !== undefined) this.#count(leaving, -1);
    const before = this.#blocks.at(-1);
    this.#blocks.push(block);
    if (before !== undefined) this.#count(before, 1);
    this.#byBranch.set(block.branch, block);
    if (this.#blocks.length > MEMORY_BLOCKS + SPARE) this.#drop(this.#blocks.shift() as Kept);
  }

  /** Only blocks up to this number stand. */
  rewind(number: number): void {
    while (this.#blocks.length > 0 && (this.head as Block).number > number) {
      // The block before it is the head now: out of the window, at whose other end an older one comes back.
      const before = this.#blocks.at(-2);
      if (before !== undefined) this.#count(before, -1);
      this.#drop(this.#blocks.pop() as Kept);
      const returning = this.#blocks.at(-MEMORY_BLOCKS - 1);
      if (returning !== undefined) this.#count(returning, 1);
      if (before !== undefined) Object.assign(before, { gone: [], stayed: [] } satisfies Partial<Kept>);
    }
  }

  /** A block of the branch that stands. */
  at(at: { readonly blockHash: string; readonly epoch: number }): Block | undefined {
    return this.#byBranch.get(branchOf(at));
  }

  byHash(hash: string): Block | undefined {
    return this.#blocks.findLast((block) => block.hash === hash);
  }

  byNumber(number: number): Block | undefined {
    return this.#kept(number);
  }

  setValues({ scope, pools }: BodyOf<"tvlChanged">): void {
    if (scope === "all") this.#values.clear();
    for (const [pool, , native] of pools) this.#values.set(pool, Number(native));
  }

  setChanged({ blockHash, epoch, states }: BodyOf<"poolChanged">): void {
    const block = this.#byBranch.get(branchOf({ blockHash, epoch }));
    if (block === undefined) return;
    for (const [pool] of states.rows) {
      if (block.changed.has(pool)) continue;
      block.changed.add(pool);
      const changes = this.#changes.get(pool) ?? [];
      this.#changes.set(pool, changes);
      // Reports may come a block late.
      const place = changes.findLastIndex((number) => number < block.number) + 1;
      changes.splice(place, 0, block.number);
    }
  }

  setWatched(at: { readonly blockHash: string; readonly epoch: number }): Block | undefined {
    const block = this.#byBranch.get(branchOf(at));
    if (block !== undefined) block.watched = true;
    return block;
  }

  setOthers(body: BodyOf<"arbitrageObserved">): void {
    this.#change(this.#byBranch.get(branchOf(body)), (block) => {
      block.others = body.arbitrages.filter(({ ours }) => !ours);
    });
  }

  setListing(body: BodyOf<"cycleFound">): void {
    const block = this.#byBranch.get(branchOf(body));
    if (block === undefined) return;
    const listing = listingOf(body, this.#listed);
    for (const listed of listing.all) {
      listed.uses++;
      this.#listed.set(listed.cycleId, listed);
    }
    this.#unlist(block);
    block.listing = listing;
    this.#judge(this.#kept(block.number - 1));
    this.#judge(block);
  }

  setGasPrice(at: { readonly blockHash: string; readonly epoch: number }, gasPrice: bigint): void {
    const block = this.#byBranch.get(branchOf(at));
    if (block === undefined) return;
    block.gasPrice = gasPrice;
    this.#judge(block);
  }

  addOurs(hash: string, steps: readonly string[]): void {
    const block = this.#blocks.findLast((each) => each.hash === hash);
    if (block === undefined) return;
    for (const step of steps) block.ours.add(step);
    this.#judge(this.#kept(block.number - 1));
  }

  addSimulation(hash: string, pools: Iterable<string>, isRight: boolean): void {
    this.#change(
      this.#blocks.findLast((each) => each.hash === hash),
      ({ simulations }) => {
        for (const pool of pools) {
          const counted = simulations.get(pool) ?? { right: 0, all: 0 };
          simulations.set(pool, { right: counted.right + (isRight ? 1 : 0), all: counted.all + 1 });
        }
      },
    );
  }

  /** What the blocks up to the head say of a candidate on it: all of the context but what tokens cost. Stands until the next message. */
  contextOfHead(): Pick<FeatureContext, "block" | "baseFeeBefore" | "rivalsPerBlock" | "pool" | "cycle"> {
    const head = this.head as Block;
    const before = this.byNumber(head.number - TREND_BLOCKS);
    return {
      block: { baseFeePerGas: head.baseFeePerGas, gasUsed: head.gasUsed, gasLimit: head.gasLimit },
      baseFeeBefore: before?.baseFeePerGas ?? null,
      // The head is still open: what became of it is not known.
      rivalsPerBlock: this.#blocks.length <= MEMORY_BLOCKS ? null : this.#rivals / MEMORY_BLOCKS,
      pool: (pool) => {
        const { taken, right, all } = this.#pools.get(pool) ?? NO_COUNTS;
        const changed = this.#changes.get(pool)?.at(-1);
        return {
          tvl: this.#values.get(pool) ?? null,
          changedAtBlock: changed === undefined || changed < head.number - MEMORY_BLOCKS ? null : changed,
          taken,
          simulations: { right, all },
        };
      },
      cycle: (cycleId) => this.#cycles.get(cycleId) ?? null,
    };
  }

  /**
   * Pools of which MEMORY_BLOCKS hold at least `LEAST_FAILURES` simulations and none that paid what had been quoted, in the order of their addresses. None while no
   * simulation pays at all: that says something of us, not of pools.
   */
  phantoms(): string[] {
    const counts = [...this.#pools];
    if (!counts.some(([, { right }]) => right > 0)) return [];
    return counts
      .filter(([, { right, all }]) => right === 0 && all >= LEAST_FAILURES)
      .map(([pool]) => pool)
      .sort();
  }

  #kept(number: number): Kept | undefined {
    return this.#blocks[number - this.oldest];
  }

  /** Between the head and what is too old. */
  #isInWindow({ number }: Block): boolean {
    const head = (this.head as Block).number;
    return number < head && number >= head - MEMORY_BLOCKS;
  }

  #change(block: Kept | undefined, change: (block: Kept) => void): void {
    if (block === undefined) return;
    const counts = this.#isInWindow(block);
    if (counts) this.#count(block, -1);
    change(block);
    if (counts) this.#count(block, 1);
  }

  /** Appearances of which it is known what became of them a block later: those that a trade of ours went through are not. */
  #judge(block: Kept | undefined): void {
    if (block === undefined) return;
    const next = this.#kept(block.number + 1);
    const gone: Listed[] = [];
    const stayed: Listed[] = [];
    if (block.listing !== null && next !== undefined && next.listing !== null) {
      const there = new Set(next.listing.all.map(({ cycleId }) => cycleId));
      for (const listed of block.listing.all) {
        if (there.has(listed.cycleId)) stayed.push(listed);
        else if (isGone(listed, block.gasPrice ?? 0n, next.listing) && !isCrossed(listed, next.ours)) gone.push(listed);
      }
    }
    this.#change(block, (each) => {
      each.gone = gone;
      each.stayed = stayed;
    });
  }

  /** Adds what a block says to the sums, or takes it off them. */
  #count({ others, simulations, gone, stayed }: Kept, sign: 1 | -1): void {
    const { length } = others;
    this.#rivals += sign * length;
    const add = (pool: string, more: PoolCounts) => {
      const counts = this.#pools.get(pool) ?? NO_COUNTS;
      const sum = { taken: counts.taken + sign * more.taken, right: counts.right + sign * more.right, all: counts.all + sign * more.all };
      if (sum.taken === 0 && sum.all === 0) this.#pools.delete(pool);
      else this.#pools.set(pool, sum);
    };
    for (const { hops } of others) for (const pool of new Set(hops.map((hop) => hop.pool))) add(pool, { ...NO_COUNTS, taken: 1 });
    for (const [pool, { right, all }] of simulations) add(pool, { taken: 0, right, all });
    for (const { cycleId } of gone) this.#countCycle(cycleId, sign, sign);
    for (const { cycleId } of stayed) this.#countCycle(cycleId, sign, 0);
  }

  #countCycle(cycleId: string, found: number, vanished: number): void {
    const counts = this.#cycles.get(cycleId);
    if (counts === undefined) this.#cycles.set(cycleId, { found, vanished });
    else if (counts.found + found === 0) this.#cycles.delete(cycleId);
    else {
      counts.found += found;
      counts.vanished += vanished;
    }
  }

  /** Lets go of a block that is in no sum. */
  #drop(block: Kept): void {
    this.#byBranch.delete(block.branch);
    this.#unlist(block);
    for (const pool of block.changed) {
      const changes = this.#changes.get(pool) as number[];
      changes.splice(changes.indexOf(block.number), 1);
      if (changes.length === 0) this.#changes.delete(pool);
    }
  }

  /** Forgets what no other block lists. */
  #unlist({ listing }: Kept): void {
    for (const listed of listing?.all ?? []) {
      listed.uses--;
      if (listed.uses === 0 && this.#listed.get(listed.cycleId) === listed) this.#listed.delete(listed.cycleId);
    }
  }
}

const NO_COUNTS: PoolCounts = { taken: 0, right: 0, all: 0 };
