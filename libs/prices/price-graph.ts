import { grownFlags, grownFloats, grownInts } from "#libs/prices/columns.ts";

export interface PriceOptions {
  /** A vote with less depth than this moves nothing: raw units of the root token. */
  readonly minDepth: number;
}

/** Votes this close to the median agree with it: about the sum of two usual fees, within which nothing pulls pools together. */
export const AGREEMENT = 0.01;
/** Quarters of a power of two: so finely are widths told apart when tokens are put in order. */
const STEPS_PER_POWER = 4;
const HIGHEST_STEP = 1_024 * STEPS_PER_POWER;
const ROOT = 0;
const NONE = -1;

/**
 * Prices of all tokens of a chain in one root token (the wrapped native coin), from the pools alone. Float64, raw units of the root per raw unit of the token.
 * The root and the stable coins are anchors: of every other token the price in the anchor that it hangs on is kept (`relative`), so that a move of the native coin
 * against the dollar changes a handful of numbers and not half of them all.
 *
 * Tokens have an order: the widest first, where the width of a token is the depth of the best path from the root, and that of a path its shallowest pool. A
 * token's price comes from the pools that it shares with tokens before it in the order: each votes for its rate times that token's price, with the weight of
 * its own depth or that token's width, whichever is smaller; votes below `minDepth` are cut; the weighted median wins. So a price hangs on one pool, `rate`
 * away from one `parent`, and when other pools move, one multiplication renews it.
 *
 * A token votes again when a pool of its own has changed; the order is made anew only by `rebuild`, after which everything is a function of the pools alone.
 * Owned and changed in place by one actor. Typed arrays: a million pools are a hundred bytes each, and a pass over all tokens is some milliseconds.
 */
export class PriceGraph {
  readonly #options: PriceOptions;
  readonly #ids = new Map<string, number>();
  readonly tokens: string[] = [];

  readonly #anchorNames: readonly string[];
  /** By anchor: raw units of the root per raw unit of the anchor; 0: none. The root's is 1. */
  readonly anchorPrice: Float64Array;
  /** By token: its anchor's index, or NONE. */
  #anchorOf: Int32Array = new Int32Array(0);
  /** By token: raw units of the anchor that it hangs on per raw unit of the token, and that anchor's index. A price of 0: none. */
  relative: Float64Array = new Float64Array(0);
  group: Int32Array = new Int32Array(0);
  /** Depth behind the price, in raw units of the root: that of the widest vote. */
  width: Float64Array = new Float64Array(0);
  /** Weight of the votes within AGREEMENT of the median, and of all. */
  agreed: Float64Array = new Float64Array(0);
  voted: Float64Array = new Float64Array(0);
  /** The token that the winning vote starts from. */
  parent: Int32Array = new Int32Array(0);
  #rate: Float64Array = new Float64Array(0);
  #dirty: Uint8Array = new Uint8Array(0);
  /** First of the token's votes: a chain through #nextVote. */
  #firstVote: Int32Array = new Int32Array(0);

  /** Place in the order, or NONE. Up to the last `rebuild` a token's number is its place, so that a pass over them is one through memory. */
  #rank: Int32Array = new Int32Array(0);
  #inOrder = 0;
  /** Tokens that got their places since. */
  readonly #late: number[] = [];
  /** Tokens without a place, and those of their edges that have changed since the last attempt to find them one. */
  readonly #unplaced = new Map<number, Set<number>>();
  /** Before the first `rebuild` there is no order to find places in. */
  #built = false;

  #edges = 0;
  #tokenA: Int32Array = new Int32Array(0);
  #tokenB: Int32Array = new Int32Array(0);
  #edgeRate: Float64Array = new Float64Array(0);
  #depthA: Float64Array = new Float64Array(0);
  #depthB: Float64Array = new Float64Array(0);
  #nextVote: Int32Array = new Int32Array(0);
  /** True once the edge is in the chain of the later of its tokens. */
  #chained: Uint8Array = new Uint8Array(0);

  #votes: { price: number; weight: number; edge: number; from: number; rate: number }[] = [];

  /** Tokens whose relative price, anchor or width is another since the last `update`. After `rebuild` nothing of it counts: everything may be. */
  readonly moved: number[] = [];
  #hasMoved: Uint8Array = new Uint8Array(0);

  /** The root first. */
  constructor(anchors: readonly string[], options: PriceOptions) {
    this.#options = options;
    this.#anchorNames = anchors;
    this.anchorPrice = new Float64Array(anchors.length);
    for (const anchor of anchors) this.tokenId(anchor);
  }

  /** Raw units of the root per raw unit of the token; 0: none. */
  priceOf(token: number): number {
    return (this.relative[token] as number) * (this.anchorPrice[this.group[token] as number] as number);
  }

  get size(): number {
    return this.tokens.length;
  }

  /** The number of a token, given to it when it is first named. */
  tokenId(token: string): number {
    let id = this.#ids.get(token);
    if (id !== undefined) return id;
    id = this.tokens.length;
    this.#ids.set(token, id);
    this.tokens.push(token);
    const length = this.tokens.length;
    this.relative = grownFloats(this.relative, length);
    this.group = grownInts(this.group, length);
    this.#anchorOf = grownInts(this.#anchorOf, length);
    this.width = grownFloats(this.width, length);
    this.agreed = grownFloats(this.agreed, length);
    this.voted = grownFloats(this.voted, length);
    this.parent = grownInts(this.parent, length);
    this.#rate = grownFloats(this.#rate, length);
    this.#rank = grownInts(this.#rank, length);
    this.#firstVote = grownInts(this.#firstVote, length);
    this.#dirty = grownFlags(this.#dirty, length);
    this.#hasMoved = grownFlags(this.#hasMoved, length);
    this.#anchorOf[id] = this.#anchorNames.indexOf(token);
    this.#rank[id] = NONE;
    this.#firstVote[id] = NONE;
    this.parent[id] = NONE;
    if (id === ROOT) this.#placeRoot();
    return id;
  }

  idOf(token: string): number | undefined {
    return this.#ids.get(token);
  }

  #placeRoot(): void {
    this.#rank[ROOT] = 0;
    this.#inOrder = 1;
    this.#late.length = 0;
    this.anchorPrice[ROOT] = 1;
    this.relative[ROOT] = 1;
    this.group[ROOT] = ROOT;
    this.width[ROOT] = Number.POSITIVE_INFINITY;
    this.agreed[ROOT] = 1;
    this.voted[ROOT] = 1;
  }

  /** Tokens that have a place, in order. */
  get placed(): number {
    return this.#inOrder + this.#late.length;
  }

  tokenAt(place: number): number {
    return place < this.#inOrder ? place : (this.#late[place - this.#inOrder] as number);
  }

  /** A pair of tokens of a pool; says nothing until `setEdge`. */
  addEdge(tokenA: number, tokenB: number): number {
    const edge = this.#edges++;
    this.#tokenA = grownInts(this.#tokenA, this.#edges);
    this.#tokenB = grownInts(this.#tokenB, this.#edges);
    this.#edgeRate = grownFloats(this.#edgeRate, this.#edges);
    this.#depthA = grownFloats(this.#depthA, this.#edges);
    this.#depthB = grownFloats(this.#depthB, this.#edges);
    this.#nextVote = grownInts(this.#nextVote, this.#edges);
    this.#chained = grownFlags(this.#chained, this.#edges);
    this.#tokenA[edge] = tokenA;
    this.#tokenB[edge] = tokenB;
    return edge;
  }

  /** What the pool now says of the pair (`PairView`): units of b for one of a, and depths. Depths of 0 silence it. */
  setEdge(edge: number, rate: number, depthA: number, depthB: number): void {
    this.#edgeRate[edge] = rate;
    this.#depthA[edge] = depthA;
    this.#depthB[edge] = depthB;
    const a = this.#tokenA[edge] as number;
    const b = this.#tokenB[edge] as number;
    if (!this.#chain(edge)) {
      if (this.#built) for (const token of [a, b]) if (this.#rank[token] === NONE) this.#waitWith(token, edge);
      return;
    }
    this.#dirty[(this.#rank[a] as number) > (this.#rank[b] as number) ? a : b] = 1;
  }

  #waitWith(token: number, edge: number): void {
    const edges = this.#unplaced.get(token);
    if (edges === undefined) this.#unplaced.set(token, new Set([edge]));
    else edges.add(edge);
  }

  /** Puts an edge into the chain of the later of its tokens, once both have their places. */
  #chain(edge: number): boolean {
    if (this.#chained[edge] === 1) return true;
    const a = this.#tokenA[edge] as number;
    const b = this.#tokenB[edge] as number;
    const rankA = this.#rank[a] as number;
    const rankB = this.#rank[b] as number;
    if (rankA === NONE || rankB === NONE) return false;
    const later = rankA > rankB ? a : b;
    this.#nextVote[edge] = this.#firstVote[later] as number;
    this.#firstVote[later] = edge;
    this.#chained[edge] = 1;
    return true;
  }

  /** Renews all prices after `setEdge`: one pass in order, in which tokens whose pools changed vote again. */
  update(): void {
    for (const token of this.moved) this.#hasMoved[token] = 0;
    this.moved.length = 0;
    for (let token = 1; token < this.#inOrder; token++) this.#renew(token);
    for (const token of this.#late) this.#renew(token);
    this.#placeNew();
  }

  #renew(token: number): void {
    const from = this.parent[token] as number;
    const anchor = this.#anchorOf[token] as number;
    // A token whose parent has no price any more asks its other pools.
    if (this.#dirty[token] === 1 || (from !== NONE && this.priceOf(from) === 0)) {
      this.#dirty[token] = 0;
      this.#collectChained(token);
      const relative = this.relative[token] as number;
      const group = this.group[token] as number;
      const width = this.width[token] as number;
      this.#elect(token);
      if (relative !== this.relative[token] || group !== this.group[token] || width !== this.width[token]) this.#noteMove(token);
    } else if (anchor !== NONE && from !== NONE) {
      this.anchorPrice[anchor] = (this.#rate[token] as number) * this.priceOf(from);
    } else if (from !== NONE && this.#hasMoved[from] === 1) {
      this.#hang(token, from);
      this.#noteMove(token);
    }
  }

  #noteMove(token: number): void {
    this.#hasMoved[token] = 1;
    this.moved.push(token);
  }

  /** Sets a token's price from its parent's and the rate between them. */
  #hang(token: number, from: number): void {
    const rate = this.#rate[token] as number;
    const anchor = this.#anchorOf[token] as number;
    if (anchor === NONE) {
      this.relative[token] = rate * (this.relative[from] as number);
      this.group[token] = this.group[from] as number;
    } else {
      this.anchorPrice[anchor] = rate * this.priceOf(from);
      this.relative[token] = 1;
      this.group[token] = anchor;
    }
  }

  /** Gives places at the end of the order to tokens that can be priced by now. Their edges that have not changed lately join at the next `rebuild`. */
  #placeNew(): void {
    const queue = [...this.#unplaced.keys()];
    for (let at = 0; at < queue.length; at++) {
      const token = queue[at] as number;
      const edges = this.#unplaced.get(token);
      if (edges === undefined) continue;
      this.#votes.length = 0;
      for (const edge of edges) this.#collect(edge, token);
      if (this.#votes.length === 0) continue;
      this.#unplaced.delete(token);
      this.#rank[token] = this.placed;
      this.#late.push(token);
      this.#elect(token);
      this.#noteMove(token);
      for (const edge of edges) {
        this.#chain(edge);
        const other = this.#tokenA[edge] === token ? (this.#tokenB[edge] as number) : (this.#tokenA[edge] as number);
        // What lay behind this token may be within reach now.
        if (this.#unplaced.has(other)) queue.push(other);
      }
    }
    // Whoever found no vote tries again when a pool of theirs changes.
    this.#unplaced.clear();
  }

  #collectChained(token: number): void {
    this.#votes.length = 0;
    for (let edge = this.#firstVote[token] as number; edge !== NONE; edge = this.#nextVote[edge] as number) this.#collect(edge, token);
  }

  /** The vote of an edge for a token, if the token at its other end has a price and there is depth. */
  #collect(edge: number, token: number): void {
    const isA = this.#tokenA[edge] === token;
    const from = isA ? (this.#tokenB[edge] as number) : (this.#tokenA[edge] as number);
    if (this.#rank[from] === NONE) return;
    const priceFrom = this.priceOf(from);
    const depth = (isA ? this.#depthB[edge] : this.#depthA[edge]) as number;
    const weight = Math.min(depth * priceFrom, this.width[from] as number);
    if (!(weight >= this.#options.minDepth)) return;
    const edgeRate = this.#edgeRate[edge] as number;
    const rate = isA ? edgeRate : 1 / edgeRate;
    const price = rate * priceFrom;
    if (price > 0 && price < Number.POSITIVE_INFINITY) this.#votes.push({ price, weight, edge, from, rate });
  }

  /** The weighted median of the votes: the first at which half of the weight is reached. */
  #elect(token: number): void {
    const votes = this.#votes;
    let total = 0;
    let widest = 0;
    for (const { weight } of votes) {
      total += weight;
      if (weight > widest) widest = weight;
    }
    if (votes.length === 0) {
      const anchor = this.#anchorOf[token] as number;
      if (anchor !== NONE) this.anchorPrice[anchor] = 0;
      this.relative[token] = 0;
      this.width[token] = 0;
      this.agreed[token] = 0;
      this.voted[token] = 0;
      this.parent[token] = NONE;
      return;
    }
    if (votes.length > 1) votes.sort((left, right) => left.price - right.price || left.edge - right.edge);
    let sum = 0;
    let winner = votes[0] as (typeof votes)[number];
    for (const vote of votes) {
      sum += vote.weight;
      winner = vote;
      if (2 * sum >= total) break;
    }
    let agreed = 0;
    for (const { price, weight } of votes) if (Math.abs(price - winner.price) <= AGREEMENT * winner.price) agreed += weight;
    this.#rate[token] = winner.rate;
    this.parent[token] = winner.from;
    this.#hang(token, winner.from);
    this.width[token] = widest;
    this.agreed[token] = agreed;
    this.voted[token] = total;
  }

  /**
   * Makes the order anew: tokens by the width of their best path from the root, the widest first. Prices follow from the pools and from the order in which they
   * were added, and from nothing earlier. Gives every token a new number: the answer holds it at the place of its old one.
   */
  rebuild(): Int32Array {
    const count = this.tokens.length;
    const { offsets, edges } = this.#adjacency();
    this.#rank.fill(NONE, 0, count);
    this.#firstVote.fill(NONE, 0, count);
    for (const column of [this.relative, this.group, this.width, this.agreed, this.voted]) column.fill(0, 0, count);
    this.anchorPrice.fill(0);
    this.moved.length = 0;
    this.#hasMoved.fill(0, 0, count);
    this.parent.fill(NONE, 0, count);
    this.#dirty.fill(0, 0, count);
    this.#chained.fill(0, 0, this.#edges);
    this.#unplaced.clear();
    this.#placeRoot();

    const ordered = [ROOT];
    const best = new Float64Array(count);
    const steps: number[][] = [];
    let step = HIGHEST_STEP;
    const reach = (token: number) => {
      const priceOf = this.priceOf(token);
      const widthOf = this.width[token] as number;
      for (let at = offsets[token] as number; at < (offsets[token + 1] as number); at++) {
        const edge = edges[at] as number;
        const isA = this.#tokenA[edge] === token;
        const other = isA ? (this.#tokenB[edge] as number) : (this.#tokenA[edge] as number);
        if (this.#rank[other] !== NONE) continue;
        const depth = (isA ? this.#depthA[edge] : this.#depthB[edge]) as number;
        const width = Math.min(depth * priceOf, widthOf);
        if (!(width >= this.#options.minDepth) || width <= (best[other] as number)) continue;
        best[other] = width;
        const to = Math.min(step, stepOf(width));
        const list = steps[to];
        if (list === undefined) steps[to] = [other];
        else list.push(other);
      }
    };
    reach(ROOT);
    for (; step >= 0; step--) {
      const list = steps[step];
      if (list === undefined) continue;
      for (let at = 0; at < list.length; at++) {
        const token = list[at] as number;
        if (this.#rank[token] !== NONE) continue;
        this.#votes.length = 0;
        for (let index = offsets[token] as number; index < (offsets[token + 1] as number); index++)
          this.#collect(edges[index] as number, token);
        if (this.#votes.length === 0) continue;
        this.#elect(token);
        this.#rank[token] = ordered.length;
        ordered.push(token);
        reach(token);
      }
      steps[step] = [];
    }
    const renumbered = this.#renumber(ordered);
    this.#inOrder = ordered.length;
    this.#built = true;
    for (let edge = this.#edges - 1; edge >= 0; edge--) this.#chain(edge);
    return renumbered;
  }

  /** Numbers tokens by their places; those without one come after, in the order that they had. */
  #renumber(ordered: readonly number[]): Int32Array {
    const count = this.tokens.length;
    const renumbered = new Int32Array(count).fill(NONE);
    let next = 0;
    for (const token of ordered) renumbered[token] = next++;
    for (let token = 0; token < count; token++) if (renumbered[token] === NONE) renumbered[token] = next++;
    const permute = (column: Float64Array | Int32Array) => {
      const old = column.slice(0, count);
      for (let token = 0; token < count; token++) column[renumbered[token] as number] = old[token] as number;
    };
    const { relative, group, width, agreed, voted, parent } = this;
    for (const column of [relative, group, width, agreed, voted, parent, this.#rate, this.#rank, this.#anchorOf]) permute(column);
    for (let token = 0; token < count; token++) {
      const from = this.parent[token] as number;
      if (from !== NONE) this.parent[token] = renumbered[from] as number;
    }
    for (let edge = 0; edge < this.#edges; edge++) {
      this.#tokenA[edge] = renumbered[this.#tokenA[edge] as number] as number;
      this.#tokenB[edge] = renumbered[this.#tokenB[edge] as number] as number;
    }
    const names = [...this.tokens];
    for (let token = 0; token < count; token++) {
      const name = names[token] as string;
      this.tokens[renumbered[token] as number] = name;
      this.#ids.set(name, renumbered[token] as number);
    }
    return renumbered;
  }

  /** Edges by token, in the compressed form of a sparse matrix. */
  #adjacency(): { readonly offsets: Int32Array; readonly edges: Int32Array } {
    const offsets = new Int32Array(this.tokens.length + 1);
    const [tokenA, tokenB] = [this.#tokenA, this.#tokenB];
    for (let edge = 0; edge < this.#edges; edge++) {
      (offsets[(tokenA[edge] as number) + 1] as number)++;
      (offsets[(tokenB[edge] as number) + 1] as number)++;
    }
    for (let token = 0; token < this.tokens.length; token++) (offsets[token + 1] as number) += offsets[token] as number;
    const next = offsets.slice();
    const edges = new Int32Array(2 * this.#edges);
    for (let edge = 0; edge < this.#edges; edge++) {
      edges[(next[tokenA[edge] as number] as number)++] = edge;
      edges[(next[tokenB[edge] as number] as number)++] = edge;
    }
    return { offsets, edges };
  }
}

function stepOf(width: number): number {
  return Math.max(0, Math.min(HIGHEST_STEP, Math.floor(STEPS_PER_POWER * Math.log2(width))));
}
