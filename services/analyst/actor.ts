import { type Actor, count, type Effect, publish, type Received } from "#libs/actor/actor.ts";
import { type Arbitrage, arbitragesOf, legsOf, type Suspect, suspectsOf, unknownPools } from "#libs/arbitrages/arbitrages.ts";
import type { TokenGetters } from "#libs/arbitrages/swap-events.ts";
import type { PriceFeed } from "#libs/chains/chain.ts";
import { decimalOf } from "#libs/prices/decimal.ts";
import type { ObservedArbitrage } from "#proto/arbitrage/v1/observed.ts";
import type { PoolSnapshot } from "#proto/pool/v1/snapshotted.ts";
import type { PriceRow } from "#proto/price/v1/changed.ts";
import type { BodyOf } from "#proto/subjects.ts";
import type { AnalystMarket } from "#services/analyst/market.ts";

type Block = Received<"blockObserved">;

interface Dex {
  /** Holds a full state; before that it is not waited for. */
  loaded: boolean;
  loading: boolean;
  /** Block messages up to this stream sequence are in the state. */
  through: number;
  /** Hash and epoch of the last block it has reported. */
  reported: string;
  /** Missed a deadline, and is not waited for until it reports a head in time again. */
  late: boolean;
  /** Reports that came before its first snapshot. */
  readonly buffered: Received<"poolChanged" | "poolDiscovered">[];
}

/** A block whose swaps are being looked into: first the tokens of pools that nobody follows are asked for, then the receipts of what turned out to be arbitrages. */
interface Inspection {
  readonly block: Block;
  readonly suspects: readonly Suspect[];
  /** Null until all tokens are known. */
  arbitrages: readonly Arbitrage[] | null;
  notJudged: number;
}

/** What a feed said when it was last read. */
interface FeedAnswer {
  readonly usd: number;
  readonly blockNumber: number;
}

/** A block that the stream shows as answered before a restart. */
export type Answered = { readonly epoch: number; readonly blockNumber: number } | null;

export interface State {
  readonly market: AnalystMarket;
  readonly dexes: Map<string, Dex>;
  /**
   * What comes while snapshots are loaded, a second at most: it is taken in afterwards, in its order, so that a restart passes over no block and answers the same
   * however long the loading took.
   */
  held: Received<Keys>[];
  /** The newest block, until it is answered. */
  pending: Block | null;
  /** The branch of the block that was gone on with, while its deadline has not passed: a DEX that reports it now was in time after all. */
  inTime: string | null;
  /** The next block's prices come from nothing: at the start, after a reorganisation or a new DEX. */
  anew: boolean;
  /** Tokens of pools that nobody follows, as asked; null for one that does not say. Oldest first. */
  readonly foreignPools: Map<string, readonly string[] | null>;
  readonly inspections: Map<string, Inspection>;
  readonly feeds: Map<string, FeedAnswer>;
  readonly pricesAnswered: Answered;
  readonly arbitragesAnswered: Answered;
}

export interface Config {
  readonly chain: string;
  readonly chainId: number;
  readonly dexes: readonly string[];
  readonly wrappedNative: string;
  readonly stables: readonly string[];
  readonly executorContract: string | null;
  readonly priceFeeds: readonly PriceFeed[];
  /** How long a block waits for the DEXes that usually report in time. */
  readonly lateDexMs: number;
  /** Blocks whose number is a multiple of this get a whole set, made from nothing. */
  readonly wholeSetEveryBlocks: number;
  readonly feedsEveryBlocks: number;
  /** Least relative move that is worth a row. */
  readonly priceMove: number;
  readonly valueMove: number;
  /** Rows of a message. What does not fit comes with the next block. */
  readonly mostPrices: number;
  readonly mostValues: number;
  /** Pools that hold less are in the totals only. Raw native units. */
  readonly leastValue: number;
  readonly mostForeignPools: number;
  readonly mostTokensAsked: number;
  /** A stable coin further off a dollar than this is named. */
  readonly pegTolerance: number;
}

export type Keys = "blockObserved" | "blockReorged" | "poolChanged" | "poolDiscovered" | "poolSnapshotted";
export interface ForeignPool {
  readonly pool: string;
  readonly ask: TokenGetters;
  readonly tokens: number;
}
export type Request =
  | { readonly call: "load-snapshot"; readonly dex: string; readonly object: string }
  | { readonly call: "read-decimals"; readonly tokens: readonly string[]; readonly blockHash: string }
  | { readonly call: "read-feeds"; readonly feeds: readonly PriceFeed[]; readonly blockHash: string; readonly blockNumber: number }
  | { readonly call: "identify-pools"; readonly branch: string; readonly blockHash: string; readonly pools: readonly ForeignPool[] }
  | { readonly call: "read-receipts"; readonly branch: string; readonly blockHash: string; readonly transactions: readonly string[] };

export interface Receipt {
  readonly transactionHash: string;
  readonly from: string;
  readonly to: string | null;
  readonly gasUsed: number;
  readonly effectiveGasPrice: bigint;
  /** Wei paid for the data on the underlying chain; 0n where there is none. */
  readonly l1Fee: bigint;
}
export type Reply =
  | { readonly kind: "snapshot-loaded"; readonly dex: string; readonly snapshot: PoolSnapshot | null }
  | { readonly kind: "decimals-read"; readonly decimals: ReadonlyMap<string, number | null> }
  | { readonly kind: "feeds-read"; readonly blockNumber: number; readonly answers: ReadonlyMap<string, number> }
  | { readonly kind: "pools-identified"; readonly branch: string; readonly tokens: ReadonlyMap<string, readonly string[] | null> }
  /** Receipts null: the block is not on the chain any more. */
  | { readonly kind: "receipts-read"; readonly branch: string; readonly receipts: readonly Receipt[] | null };

export function initialState(
  config: Config,
  market: AnalystMarket,
  answered: { readonly prices: Answered; readonly arbitrages: Answered },
): State {
  const dexes = config.dexes.map((dex): [string, Dex] => [
    dex,
    { loaded: false, loading: false, through: 0, reported: "", late: false, buffered: [] },
  ]);
  return {
    market,
    dexes: new Map(dexes),
    held: [],
    pending: null,
    inTime: null,
    anew: true,
    foreignPools: new Map(),
    inspections: new Map(),
    feeds: new Map(),
    pricesAnswered: answered.prices,
    arbitragesAnswered: answered.arbitrages,
  };
}

const DEADLINE = "late-dex";
const TURN = "turn";
/** A complete block waits this long: valuing it takes up to 18 ms of the thread on which, in a process that hosts all actors, its bundle is planned and signed. */
const TURN_MS = 200;
const branchOf = ({ blockHash, epoch }: { blockHash: string; epoch: number }) => `${blockHash}@${epoch}`;
const isAnswered = (answered: Answered, { epoch, blockNumber }: { epoch: number; blockNumber: number }) =>
  answered !== null && (epoch < answered.epoch || (epoch === answered.epoch && blockNumber <= answered.blockNumber));

/** Prices, holdings and landed arbitrages of a chain, block by block, from the pools that the fetchers report and the logs of the block. */
export const analyst: Actor<State, Config, Keys, Request, Reply> = {
  name: "analyst",
  decide(state, input, config) {
    const effects: Effect<Request>[] = [];
    if (input.type === "message") hold(state, input, config, effects);
    else if (input.type === "reply") reply(state, input.reply, config, effects);
    else if (input.name === TURN) {
      if (isComplete(state)) release(state, config, effects);
    } else {
      missDeadline(state);
      release(state, config, effects);
      state.inTime = null;
    }
    return { state, effects };
  },
};

function hold(state: State, message: Received<Keys>, config: Config, effects: Effect<Request>[]): void {
  if (isLoading(state)) state.held.push(message);
  else receive(state, message, config, effects);
}

const isLoading = (state: State): boolean => [...state.dexes.values()].some(({ loading }) => loading);

function receive(state: State, message: Received<Keys>, config: Config, effects: Effect<Request>[]): void {
  switch (message.key) {
    case "blockObserved":
      // A block that is followed before it was complete is answered with what it has.
      release(state, config, effects);
      state.pending = message;
      effects.push({ type: "set-timer", name: DEADLINE, delayMs: config.lateDexMs });
      return;
    case "blockReorged":
      release(state, config, effects);
      // What hangs on what was chosen along the branch that is gone: chosen anew, from the pools as they are.
      state.anew = true;
      return;
    case "poolSnapshotted": {
      const dex = state.dexes.get(message.body.dex);
      if (dex === undefined || dex.loaded || dex.loading) return;
      dex.loading = true;
      effects.push({ type: "call", request: { call: "load-snapshot", dex: message.body.dex, object: message.body.object } });
      return;
    }
    case "poolDiscovered":
    case "poolChanged": {
      const dex = state.dexes.get(message.body.dex);
      if (dex === undefined) return;
      if (dex.loaded) report(state, dex, message);
      else dex.buffered.push(message);
      takeTurnIfComplete(state, effects);
      return;
    }
  }
}

function reply(state: State, answer: Reply, config: Config, effects: Effect<Request>[]): void {
  switch (answer.kind) {
    case "snapshot-loaded":
      adopt(state, answer, config, effects);
      return;
    case "decimals-read":
      state.market.setDecimals(answer.decimals);
      return;
    case "feeds-read":
      for (const [token, usd] of answer.answers) state.feeds.set(token, { usd, blockNumber: answer.blockNumber });
      return;
    case "pools-identified":
      for (const [pool, tokens] of answer.tokens) state.foreignPools.set(pool, tokens);
      judge(state, answer.branch, config, effects);
      // Afterwards: what this block needed is judged by now.
      for (const pool of state.foreignPools.keys()) {
        if (state.foreignPools.size <= config.mostForeignPools) break;
        state.foreignPools.delete(pool);
      }
      return;
    case "receipts-read":
      finish(state, answer, config, effects);
      return;
  }
}

function report(state: State, dex: Dex, message: Received<"poolChanged" | "poolDiscovered">): void {
  const { body } = message;
  if (body.kind === "pool-discovered") {
    state.market.add(body.dex, body.pools.family, body.pools.rows);
    return;
  }
  if (body.causeSequence <= dex.through) return;
  dex.through = body.causeSequence;
  dex.reported = branchOf(body);
  if (dex.reported === state.inTime) dex.late = false;
  state.market.apply(body.states.rows);
  state.market.remove(body.removed);
}

function adopt(
  state: State,
  { dex: id, snapshot }: Extract<Reply, { kind: "snapshot-loaded" }>,
  config: Config,
  effects: Effect<Request>[],
): void {
  const dex = state.dexes.get(id);
  if (dex === undefined) return;
  dex.loading = false;
  // A snapshot that is gone already has a successor, whose message comes.
  if (snapshot !== null) load(state, id, dex, snapshot);
  takeTurnIfComplete(state, effects);
  while (state.held.length > 0 && !isLoading(state)) receive(state, state.held.shift() as Received<Keys>, config, effects);
}

function load(state: State, id: string, dex: Dex, snapshot: PoolSnapshot): void {
  dex.loaded = true;
  dex.late = false;
  dex.through = snapshot.causeSequence;
  dex.reported = branchOf(snapshot);
  state.market.add(id, snapshot.pools.family, snapshot.pools.rows);
  state.market.apply(snapshot.states.rows);
  for (const message of dex.buffered.splice(0)) report(state, dex, message);
  state.anew = true;
}

/** A block that comes before its turn releases it. */
function takeTurnIfComplete(state: State, effects: Effect<Request>[]): void {
  if (isComplete(state)) effects.push({ type: "set-timer", name: TURN, delayMs: TURN_MS });
}

function isComplete(state: State): boolean {
  const { pending } = state;
  if (pending === null) return false;
  const branch = branchOf(pending.body);
  const loaded = [...state.dexes.values()].filter((dex) => dex.loaded);
  for (const dex of loaded) if (dex.reported === branch) dex.late = false;
  return loaded.length > 0 && loaded.every((dex) => dex.late || dex.reported === branch);
}

/** Only the deadline makes a DEX late: in a burst of blocks, or a reorganisation, none has had its time when the next block comes. */
function missDeadline(state: State): void {
  if (state.pending === null) return;
  const branch = branchOf(state.pending.body);
  for (const dex of state.dexes.values()) if (dex.reported !== branch) dex.late = true;
}

/** Answers the pending block with whatever has been reported; names the DEXes that have not reported it. */
function release(state: State, config: Config, effects: Effect<Request>[]): void {
  const block = state.pending;
  if (block === null) return;
  state.pending = null;
  state.inTime = branchOf(block.body);
  if ([...state.dexes.values()].every((dex) => !dex.loaded)) return;
  if (!isAnswered(state.pricesAnswered, block.body)) value(state, block, config, effects);
  if (!isAnswered(state.arbitragesAnswered, block.body)) inspect(state, block, config, effects);
  effects.push({ type: "finished-block", blockNumber: block.body.blockNumber });
}

function envelope(config: Config, { body, meta }: Block) {
  const { blockNumber, blockHash, observedAtMs, epoch } = body;
  return { v: 1 as const, chainId: config.chainId, blockNumber, blockHash, observedAtMs, causeId: meta.id, epoch };
}

/** Prices and values after a block. */
function value(state: State, block: Block, config: Config, effects: Effect<Request>[]): void {
  const { market } = state;
  const { blockNumber, blockHash } = block.body;
  const branch = branchOf(block.body);
  const anew = state.anew || blockNumber % config.wholeSetEveryBlocks === 0;
  state.anew = false;
  market.settle(anew);
  const scope = anew ? "all" : "moved";
  const lateDexes = [...state.dexes]
    .filter(([, { reported }]) => reported !== branch)
    .map(([id]) => id)
    .sort();
  const { usdPerNative } = market.prices;
  const usd = (native: number) => (usdPerNative > 0 ? decimalOf(native * usdPerNative) : null);

  const { prices, gone } = market.takePrices({ share: config.priceMove, most: config.mostPrices });
  const stables = config.stables.flatMap((token) => {
    const price = market.priceOf(token);
    return price === null || usdPerNative === 0 ? [] : [{ token, usd: price.usd }];
  });
  const feeds = [...state.feeds].flatMap(([token, feed]): BodyOf<"priceChanged">["feeds"] => {
    const price = market.priceOf(token);
    if (price === null || usdPerNative === 0) return [];
    return [[token, decimalOf(feed.usd), feed.blockNumber, price.usd / feed.usd - 1]];
  });
  const priceChanged: BodyOf<"priceChanged"> = {
    kind: "price-changed",
    ...envelope(config, block),
    scope,
    usdPerNative: usdPerNative > 0 ? decimalOf(usdPerNative) : null,
    columns: ["token", "decimals", "native", "usd", "holds", "confidence"],
    rows: prices.map(
      ({ token, native, holds, confidence }): PriceRow => [
        token,
        market.decimalsOf(token) as number,
        decimalOf(native),
        usd(native),
        holds,
        Math.round(confidence * 1e4) / 1e4,
      ],
    ),
    gone: [...gone],
    depegged: stables
      .filter((stable) => Math.abs(stable.usd - 1) > config.pegTolerance)
      .map((stable): [string, string] => [stable.token, decimalOf(stable.usd)]),
    feeds,
    lateDexes,
  };

  const totals = market.holdings.totals().map((total) => total / 1e18);
  const total = totals.reduce((sum, native) => sum + native, 0);
  const values = market.takeValues({ share: config.valueMove, most: config.mostValues, least: config.leastValue });
  const tvlChanged: BodyOf<"tvlChanged"> = {
    kind: "tvl-changed",
    ...envelope(config, block),
    scope,
    native: decimalOf(total),
    usd: usd(total),
    dexes: config.dexes.map((dex, index) => {
      const native = totals[index] as number;
      return { dex, pools: market.poolsOf(dex), native: decimalOf(native), usd: usd(native) };
    }),
    pools: values.map(({ slot, value: raw }) => {
      const native = raw / 1e18;
      return [market.holdings.pools[slot] as string, market.holdings.dexOf(slot), decimalOf(native), usd(native)];
    }),
    lateDexes,
  };
  const tokens = { chain: config.chain, scope };
  effects.push(
    publish("priceChanged", tokens, `prices:${config.chain}:${branch}`, priceChanged),
    publish("tvlChanged", tokens, `tvl:${config.chain}:${branch}`, tvlChanged),
    count("tokensPriced", {}, market.prices.graph.placed),
    count("usdPerNative", {}, usdPerNative),
  );
  for (const [index, dex] of config.dexes.entries()) effects.push(count("tvlNative", { dex }, totals[index] as number));
  for (const stable of stables) effects.push(count("stableUsd", { token: stable.token }, stable.usd));
  for (const [token, , , deviation] of feeds) effects.push(count("feedDeviation", { token }, deviation));

  const unknown = market.askDecimals(config.mostTokensAsked);
  if (unknown.length > 0) effects.push({ type: "call", request: { call: "read-decimals", tokens: unknown, blockHash } });
  if (config.priceFeeds.length > 0 && blockNumber % config.feedsEveryBlocks === 0)
    effects.push({ type: "call", request: { call: "read-feeds", feeds: config.priceFeeds, blockHash, blockNumber } });
}

const tokensOf = (state: State) => (pool: string) => state.market.tokensOf(pool) ?? state.foreignPools.get(pool);

/** Looks for arbitrages among the swaps of a block. */
function inspect(state: State, block: Block, config: Config, effects: Effect<Request>[]): void {
  const suspects = suspectsOf(block.body.logs);
  if (suspects.length === 0) return;
  const branch = branchOf(block.body);
  state.inspections.set(branch, { block, suspects, arbitrages: null, notJudged: 0 });
  const foreign: ForeignPool[] = [];
  for (const [pool, { ask, tokens }] of unknownPools(suspects, tokensOf(state))) {
    if (ask === null) state.foreignPools.set(pool, null);
    else foreign.push({ pool, ask, tokens });
  }
  if (foreign.length === 0) judge(state, branch, config, effects);
  else effects.push({ type: "call", request: { call: "identify-pools", branch, blockHash: block.body.blockHash, pools: foreign } });
}

function judge(state: State, branch: string, config: Config, effects: Effect<Request>[]): void {
  const inspection = state.inspections.get(branch);
  if (inspection === undefined) return;
  const arbitrages: Arbitrage[] = [];
  // The native coin first, then whatever is worth the most.
  const prefer = (token: string, amount: bigint) =>
    token === config.wrappedNative ? Number.NEGATIVE_INFINITY : -(state.market.nativeOf(token, amount) ?? 0);
  for (const suspect of inspection.suspects) {
    const legs = legsOf(suspect, tokensOf(state), config.wrappedNative);
    if (legs === null) inspection.notJudged++;
    else arbitrages.push(...arbitragesOf(suspect, legs, prefer));
  }
  if (inspection.notJudged > 0) effects.push(count("arbitragesNotJudged", {}, inspection.notJudged));
  if (arbitrages.length === 0) {
    state.inspections.delete(branch);
    return;
  }
  inspection.arbitrages = arbitrages;
  const transactions = [...new Set(arbitrages.map(({ transactionHash }) => transactionHash))];
  effects.push({
    type: "call",
    request: { call: "read-receipts", branch, blockHash: inspection.block.body.blockHash, transactions },
  });
}

function finish(
  state: State,
  { branch, receipts }: Extract<Reply, { kind: "receipts-read" }>,
  config: Config,
  effects: Effect<Request>[],
): void {
  const inspection = state.inspections.get(branch);
  state.inspections.delete(branch);
  if (inspection === undefined || inspection.arbitrages === null || receipts === null) return;
  const { block, arbitrages, notJudged } = inspection;
  const byHash = new Map(receipts.map((receipt) => [receipt.transactionHash, receipt]));
  const baseFeePerGas = BigInt(block.body.baseFeePerGas);
  const observed = arbitrages.flatMap((arbitrage) => {
    const receipt = byHash.get(arbitrage.transactionHash);
    return receipt === undefined ? [] : [observedOf(state, arbitrage, receipt, baseFeePerGas, config)];
  });
  if (observed.length === 0) return;
  effects.push(
    publish("arbitrageObserved", { chain: config.chain }, `arbitrages:${config.chain}:${branch}`, {
      kind: "arbitrage-observed",
      ...envelope(config, block),
      arbitrages: observed,
      notJudged,
    }),
  );
  const ours = observed.filter((each) => each.ours).length;
  if (ours > 0) effects.push(count("arbitragesObserved", { whose: "ours" }, ours));
  if (observed.length > ours) effects.push(count("arbitragesObserved", { whose: "others" }, observed.length - ours));
}

function observedOf(state: State, arbitrage: Arbitrage, receipt: Receipt, baseFeePerGas: bigint, config: Config): ObservedArbitrage {
  const { transactionHash, transactionIndex, token, amountIn, grossProfit, gains, hops } = arbitrage;
  const { from, to, gasUsed, effectiveGasPrice, l1Fee } = receipt;
  const usd = state.market.usdOf(token, grossProfit);
  return {
    transactionHash,
    transactionIndex,
    from,
    to,
    ours: to !== null && to === config.executorContract,
    token,
    amountIn: amountIn.toString(),
    grossProfit: grossProfit.toString(),
    grossProfitUsd: usd === null ? null : decimalOf(usd),
    gains: gains.map(([gained, amount]) => [gained, amount.toString()]),
    hops: hops.map((hop) => ({
      pool: hop.pool,
      dex: state.market.dexOf(hop.pool),
      tokenIn: hop.tokenIn,
      tokenOut: hop.tokenOut,
      amountIn: hop.amountIn.toString(),
      amountOut: hop.amountOut.toString(),
      logIndex: hop.logIndex,
    })),
    gasUsed,
    effectiveGasPrice: effectiveGasPrice.toString(),
    gasCost: (BigInt(gasUsed) * effectiveGasPrice + l1Fee).toString(),
    tip: (BigInt(gasUsed) * (effectiveGasPrice - baseFeePerGas)).toString(),
  };
}
