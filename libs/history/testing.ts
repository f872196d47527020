/** Streams as a broker would hold them, told message by message. */

import type { Received } from "#libs/actor/actor.ts";
import { type Random, randomFrom } from "#libs/ml/random.ts";
import { encode } from "#proto/codec.ts";
import type { Candidate, Hop } from "#proto/cycle/v1/found.ts";
import type { Mode } from "#proto/execution/v1/events.ts";
import type { DriftLevel } from "#proto/model/v1/events.ts";
import { type Evaluation, NOT_EVALUATED, UNTAUGHT } from "#proto/opportunity/v1/scored.ts";
import type { PoolSnapshot } from "#proto/pool/v1/snapshotted.ts";
import { type BodyOf, type StreamKey, SUBJECTS, type SubjectKey } from "#proto/subjects.ts";

export const address = (value: number): `0x${string}` => `0x${value.toString(16).padStart(40, "0")}`;
export const hashOf = (text: string): `0x${string}` => `0x${Buffer.from(text).toString("hex").padStart(64, "0")}`;
export const WETH = address(0xe1);
export const [USD, TKN] = [address(0xc1), address(0xf1)];
export const WALLET = address(0xaa);
export const GWEI = 10n ** 9n;
export const BASE_FEE = 8n * GWEI;
export const PRIORITY_FEE = GWEI / 10n;

export const CHAIN_ID = 31_337;

export interface At {
  readonly number: number;
  readonly epoch?: number;
}
export const blockHashOf = ({ number, epoch = 0 }: At): string => hashOf(`block ${number}.${epoch}`);

/** One swap, WETH to USD or back unless other tokens are named. */
export const hop = (pool: number, tokenIn: string, tokenOut: string, amountIn: bigint, amountOut: bigint, dex = "dex"): Hop => ({
  dex,
  family: "uniswap-v2",
  pool: address(pool),
  call: { form: "v2", zeroForOne: true },
  tokenIn,
  tokenOut,
  amountIn: `${amountIn}`,
  amountOut: `${amountOut}`,
});

/** A V2 pool of WETH and USD. */
export type Reserves = readonly [pool: number, weth: bigint, usd: bigint];

/** What such a pool pays. Source: UniswapV2Library.getAmountOut. */
export const paid = (amountIn: bigint, reserveIn: bigint, reserveOut: bigint): bigint =>
  (amountIn * 997n * reserveOut) / (reserveIn * 1_000n + amountIn * 997n);

/** What comes back of WETH that is sold in one pool, and bought back in another. */
export const broughtBack = (amountIn: bigint, [, soldWeth, soldUsd]: Reserves, [, boughtWeth, boughtUsd]: Reserves): bigint =>
  paid(paid(amountIn, soldWeth, soldUsd), boughtUsd, boughtWeth);

/** The cycle through two pools, with the amounts that they pay. */
export function between(id: number, sold: Reserves, bought: Reserves, amountIn = 10n ** 18n): Candidate {
  const usd = paid(amountIn, sold[1], sold[2]);
  const grossProfit = broughtBack(amountIn, sold, bought) - amountIn;
  return {
    ...cycle(id, [sold[0], bought[0]], grossProfit),
    amountIn: `${amountIn}`,
    amountOut: `${amountIn + grossProfit}`,
    hops: [hop(sold[0], WETH, USD, amountIn, usd), hop(bought[0], USD, WETH, usd, amountIn + grossProfit)],
  };
}

/** Out of WETH through one pool, back through the other: amounts of which no pool knows. */
export function cycle(id: number, pools: readonly [number, number], grossProfit: bigint, gasEstimate = 200_000): Candidate {
  const amountIn = 10n ** 18n;
  return {
    cycleId: id.toString(16).padStart(16, "0"),
    token: WETH,
    amountIn: `${amountIn}`,
    amountOut: `${amountIn + grossProfit}`,
    grossProfit: `${grossProfit}`,
    gasEstimate,
    hops: [hop(pools[0], WETH, USD, amountIn, 2_000n), hop(pools[1], USD, WETH, 2_000n, amountIn + grossProfit)],
  };
}

/** Several cycles in one transaction. */
export function plan(id: number, cycles: readonly Candidate[]): Candidate {
  const grossProfit = cycles.reduce((sum, each) => sum + BigInt(each.grossProfit), 0n);
  const [first] = cycles as readonly [Candidate];
  return {
    ...first,
    cycleId: id.toString(16).padStart(16, "0"),
    amountOut: `${BigInt(first.amountIn) + grossProfit}`,
    grossProfit: `${grossProfit}`,
    gasEstimate: 350_000,
    hops: cycles.flatMap(({ hops }) => hops),
  };
}

export type Stored = Received<SubjectKey>;

interface FoundOptions {
  readonly cyclesFound?: number;
  readonly isCutShort?: boolean;
  readonly lateDexes?: string[];
  readonly baseFeePerGas?: bigint;
}

interface RankedOptions {
  /** Net profit below which a candidate is rejected, wei. */
  readonly minimum?: bigint;
  /** By cycle; none of the others. */
  readonly evaluations?: ReadonlyMap<string, Evaluation>;
  /** Wei per gas. */
  readonly maxNextBaseFeePerGas?: bigint;
  readonly featureSchema?: string;
  readonly champion?: string;
  readonly challenger?: string;
  readonly explored?: boolean;
}

/** What a chain's streams hold, in the order in which the broker stored it. */
export class World {
  readonly messages: Stored[] = [];
  readonly snapshots = new Map<string, PoolSnapshot>();
  readonly #sequences: Partial<Record<StreamKey, number>> = {};
  /** Sequence of the last block message, which fetchers answer, and what it was. */
  #cause = 0;
  #causeKey: SubjectKey = "blockObserved";
  clockMs = 1_000_000;

  say<Key extends SubjectKey>(key: Key, id: string, body: Omit<BodyOf<Key>, "kind" | "v" | "chainId">): string {
    const kind = key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const whole = { kind, v: 1, chainId: CHAIN_ID, ...body } as unknown as BodyOf<SubjectKey>;
    // What the tests say must be what could be said.
    encode(key, whole as never);
    const stream: StreamKey = SUBJECTS[key].stream;
    const sequence = (this.#sequences[stream] ?? 0) + 1;
    this.#sequences[stream] = sequence;
    if (key === "blockObserved" || key === "blockReorged") [this.#cause, this.#causeKey] = [sequence, key];
    const meta = { id, subject: "", stream, sequence, storedAtMs: this.clockMs++ };
    this.messages.push({ type: "message", key, body: whole, meta } as unknown as Stored);
    return id;
  }

  #at(at: At, causeId: string | null = null) {
    return {
      blockNumber: at.number,
      blockHash: blockHashOf(at),
      observedAtMs: 1_000_000 + at.number * 1_000,
      causeId,
      epoch: at.epoch ?? 0,
    };
  }

  block(at: At, header: { readonly baseFeePerGas?: bigint; readonly gasUsed?: number } = {}): void {
    this.clockMs = Math.max(this.clockMs, 1_000_000 + at.number * 1_000);
    this.say("blockObserved", `block:${blockHashOf(at)}:${at.epoch ?? 0}`, {
      ...this.#at(at),
      parentHash: hashOf("parent"),
      timestamp: at.number,
      baseFeePerGas: `${header.baseFeePerGas ?? BASE_FEE}`,
      gasUsed: header.gasUsed ?? 15_000_000,
      gasLimit: 30_000_000,
      logColumns: ["address", "topics", "data", "logIndex", "transactionIndex", "transactionHash"],
      logs: [],
    });
  }

  reorg(ancestor: At, epoch: number, dropped: readonly At[]): void {
    this.say("blockReorged", `reorg:${epoch}`, {
      ...this.#at(ancestor),
      epoch,
      dropped: dropped.map((at): [number, string] => [at.number, blockHashOf(at)]),
    });
  }

  /** Announces a snapshot of the DEX with these pools, as of the last block message, or of the one with this sequence. */
  snapshot(at: At, reserves: readonly Reserves[], causeSequence = this.#cause): void {
    const object = `dex.${causeSequence}`;
    const rows = reserves.map(([pool]): [string, string[], object] => [address(pool), [WETH, USD], {}]);
    this.snapshots.set(object, {
      v: 1,
      dex: "dex",
      ...this.#at(at),
      chainId: CHAIN_ID,
      causeSequence,
      pools: { family: "uniswap-v2", rows: rows as never },
      states: { family: "uniswap-v2", rows: rowsOf(reserves) },
      arrivals: [],
      candidates: [],
      small: [],
      quarantined: [],
      journal: [],
    } as unknown as PoolSnapshot);
    this.say("poolSnapshotted", `snapshot:${causeSequence}`, {
      ...this.#at(at),
      dex: "dex",
      object,
      pools: rows.length,
      bytes: 1,
      causeSequence,
    });
  }

  discovered(at: At, pools: readonly number[]): void {
    this.say("poolDiscovered", `discovered:${this.messages.length}`, {
      ...this.#at(at),
      dex: "dex",
      pools: { family: "uniswap-v2", rows: pools.map((pool): [string, string[], object] => [address(pool), [WETH, USD], {}]) as never },
    });
  }

  /** What the last block message, or the one with this sequence, did to pools: a reorganisation puts them back. */
  changed(
    at: At,
    reserves: readonly Reserves[],
    causeSequence = this.#cause,
    reason: "block" | "reorg" = this.#causeKey === "blockReorged" ? "reorg" : "block",
  ): void {
    this.say("poolChanged", `pools:${causeSequence}`, {
      ...this.#at(at),
      dex: "dex",
      reason,
      causeSequence,
      states: { family: "uniswap-v2", rows: rowsOf(reserves) },
      removed: [],
    });
  }

  /** Says later what the block of now did to pools. */
  nextReport(at: At, reserves: readonly Reserves[]): () => void {
    const cause = this.#cause;
    return () => this.changed(at, reserves, cause, "block");
  }

  prices(at: At, natives: Readonly<Record<string, number>>, scope: "all" | "moved" = "moved"): void {
    this.say("priceChanged", `prices:${blockHashOf(at)}:${at.epoch ?? 0}`, {
      ...this.#at(at),
      scope,
      usdPerNative: "2000",
      columns: ["token", "decimals", "native", "usd", "holds", "confidence"],
      rows: Object.entries(natives).map(([token, native]) => [token, 18, `${native}`, null, "native", token === WETH ? 1 : 0.5]),
      gone: [],
      depegged: [],
      feeds: [],
      lateDexes: [],
    });
  }

  values(at: At, natives: Readonly<Record<number, number>>, scope: "all" | "moved" = "moved"): void {
    this.say("tvlChanged", `tvl:${blockHashOf(at)}:${at.epoch ?? 0}`, {
      ...this.#at(at),
      scope,
      native: "1",
      usd: null,
      dexes: [],
      pools: Object.entries(natives).map(([pool, native]) => [address(Number(pool)), "dex", `${native}`, null]),
      lateDexes: [],
    });
  }

  arbitrage(at: At, hops: readonly Hop[], ours = false): string {
    const transactionHash = hashOf(`arbitrage ${at.number}.${this.messages.length}`);
    this.say("arbitrageObserved", `arbitrages:${blockHashOf(at)}:${at.epoch ?? 0}`, {
      ...this.#at(at),
      arbitrages: [
        {
          transactionHash,
          transactionIndex: 0,
          from: address(1),
          to: address(2),
          ours,
          token: WETH,
          amountIn: "1",
          grossProfit: "77",
          grossProfitUsd: null,
          gains: [],
          hops: hops.map(({ pool, dex, tokenIn, tokenOut, amountIn, amountOut }, logIndex) => ({
            pool,
            dex,
            tokenIn,
            tokenOut,
            amountIn,
            amountOut,
            logIndex,
          })),
          gasUsed: 100_000,
          effectiveGasPrice: `${BASE_FEE + 5n}`,
          gasCost: `${100_000n * (BASE_FEE + 5n)}`,
          tip: "500000",
        },
      ],
      notJudged: 0,
    });
    return transactionHash;
  }

  /** The search's answer and its ranking. Its id. */
  decided(
    at: At,
    candidates: readonly Candidate[],
    options: { readonly found?: FoundOptions; readonly ranked?: RankedOptions } = {},
  ): string {
    return this.scored(at, candidates, this.found(at, candidates, options.found), options.ranked);
  }

  found(at: At, candidates: readonly Candidate[], options: FoundOptions = {}): string {
    return this.say("cycleFound", `cycles:${blockHashOf(at)}:${at.epoch ?? 0}`, {
      ...this.#at(at),
      timestamp: at.number,
      baseFeePerGas: `${options.baseFeePerGas ?? BASE_FEE}`,
      dexes: ["dex"],
      lateDexes: options.lateDexes ?? [],
      cyclesFound: options.cyclesFound ?? candidates.length,
      ...(options.isCutShort ? { isCutShort: true } : {}),
      candidates: [...candidates],
    });
  }

  /** By net profit. */
  scored(at: At, candidates: readonly Candidate[], causeId: string, options: RankedOptions = {}): string {
    const { minimum = 1n, maxNextBaseFeePerGas = BASE_FEE, evaluations, ...rest } = options;
    const evaluationOf = ({ cycleId }: Candidate) => evaluations?.get(cycleId) ?? NOT_EVALUATED;
    const priced = candidates
      .map((candidate) => {
        const gasCost = BigInt(candidate.gasEstimate) * (maxNextBaseFeePerGas + PRIORITY_FEE);
        return { candidate, gasCost, netProfit: BigInt(candidate.grossProfit) - gasCost };
      })
      .sort((left, right) => (left.netProfit > right.netProfit ? -1 : 1));
    const passed = priced.filter(({ netProfit }) => netProfit >= minimum);
    return this.say("opportunityScored", `opportunities:${blockHashOf(at)}:${at.epoch ?? 0}`, {
      ...this.#at(at, causeId),
      causeSequence: 1,
      ...UNTAUGHT,
      maxNextBaseFeePerGas: `${maxNextBaseFeePerGas}`,
      priorityFeePerGas: `${PRIORITY_FEE}`,
      opportunities: passed.map(({ candidate, gasCost, netProfit }, rank) => ({
        cycleId: candidate.cycleId,
        gasCost: `${gasCost}`,
        netProfit: `${netProfit}`,
        rank,
        evaluation: evaluationOf(candidate),
      })),
      rejected: priced
        .filter((each) => !passed.includes(each))
        .map(({ candidate, netProfit }) => ({
          cycleId: candidate.cycleId,
          reason: "below-minimum",
          netProfit: `${netProfit}`,
          evaluation: evaluationOf(candidate),
        })),
      ...rest,
    });
  }

  #execution(at: At, candidate: Candidate, executionId: string) {
    const { epoch: _, ...envelope } = this.#at(at, `planned:${executionId}`);
    return { ...envelope, executionId, cycleId: candidate.cycleId, wallet: WALLET };
  }

  planned(at: At, candidate: Candidate, ranking: string, mode: Mode = "live"): string {
    const executionId = hashOf(`execution ${at.number}.${at.epoch ?? 0} ${candidate.cycleId.slice(-6)}`);
    this.say("executionPlanned", `planned:${executionId}`, {
      ...this.#execution(at, candidate, executionId),
      causeId: ranking,
      mode,
      leaseEpoch: 1,
      targetBlock: at.number + 1,
      contract: address(0xcc),
      calldata: "0x",
      nonce: 0,
      gasLimit: 1_000_000,
      maxFeePerGas: `${BASE_FEE}`,
      maxPriorityFeePerGas: "0",
      expectedNetProfit: "1",
      candidate,
    });
    return executionId;
  }

  simulated(at: At, candidate: Candidate, executionId: string): void {
    this.say("executionSimulated", `simulated:${executionId}`, {
      ...this.#execution(at, candidate, executionId),
      targetBlock: at.number + 1,
      nonce: 0,
      gasUsed: 150_000,
      transactionHash: hashOf("transaction"),
    });
  }

  failed(at: At, candidate: Candidate, executionId: string, code: BodyOf<"executionFailed">["code"]): void {
    this.say("executionFailed", `failed:${executionId}`, { ...this.#execution(at, candidate, executionId), code, detail: "" });
  }

  expired(at: At, candidate: Candidate, executionId: string): void {
    this.say("executionExpired", `expired:${executionId}`, { ...this.#execution(at, candidate, executionId), targetBlock: at.number });
  }

  /** In this block, for 150,000 gas at 3 wei above the base fee; settled with this profit where one is given. */
  landed(at: At, candidate: Candidate, executionId: string, status: 0 | 1 = 1, profit: bigint | null = 1_000n): void {
    const shared = { ...this.#execution(at, candidate, executionId), transactionHash: hashOf(`transaction ${at.number}`) };
    const effectiveGasPrice = BASE_FEE + 3n;
    this.say("executionLanded", `landed:${executionId}:${at.number}`, {
      ...shared,
      transactionIndex: 0,
      status,
      gasUsed: 150_000,
      effectiveGasPrice: `${effectiveGasPrice}`,
    });
    if (profit === null) return;
    const gasCost = 150_000n * effectiveGasPrice;
    this.say("tradeSettled", `settled:${executionId}:${at.number}`, {
      ...shared,
      contract: address(0xcc),
      token: WETH,
      loanAmount: candidate.amountIn,
      profit: `${profit}`,
      gasUsed: 150_000,
      effectiveGasPrice: `${effectiveGasPrice}`,
      gasCost: `${gasCost}`,
      builderPayment: "0",
      netProfit: `${profit - gasCost}`,
      transfers: [],
      candidate,
    });
  }

  reorgedOut(at: At, candidate: Candidate, executionId: string, epoch: number): void {
    this.say("executionReorged", `reorged:${executionId}:${epoch}`, {
      ...this.#execution(at, candidate, executionId),
      transactionHash: hashOf(`transaction ${at.number}`),
      epoch,
    });
  }

  #model(at: At, what: string) {
    const { epoch: _, ...envelope } = this.#at(at);
    return { id: `${what}:${at.number}:${this.messages.length}`, envelope };
  }

  trained(at: At, version: string, parent: string | null = null): void {
    const { id, envelope } = this.#model(at, "trained");
    const numbers = { bytes: 1, rows: 1, landed: 1, firstBlock: 1, lastBlock: 2, auc: 0.5, logLoss: 0.5, ece: 0.1, microsPerRow: 1 };
    const featureSchema = "0".repeat(64);
    this.say("modelTrained", id, { ...envelope, name: "local", version, parent, featureSchema, engine: "built-in 1", ...numbers });
  }

  promoted(at: At, version: string, previous: string | null, share = 1): void {
    const { id, envelope } = this.#model(at, "promoted");
    this.say("modelPromoted", id, { ...envelope, version, previous, share, by: "operator", evidence: null });
  }

  rejected(at: At, version: string): void {
    const { id, envelope } = this.#model(at, "rejected");
    this.say("modelRejected", id, { ...envelope, version, reason: "superseded", detail: "", evidence: null });
  }

  rolledBack(at: At, version: string, to: string | null): void {
    const { id, envelope } = this.#model(at, "rolled back");
    this.say("modelRolledBack", id, { ...envelope, version, to, by: "operator", detail: "", evidence: null });
  }

  checked(at: At, version: string, level: DriftLevel): void {
    const { id, envelope } = this.#model(at, "checked");
    const numbers = { blocks: 1, candidates: 1, landed: 1, logLoss: 0.5, ece: 0.1, featurePsi: [], scorePsi: 0 };
    this.say("modelChecked", id, { ...envelope, version, level, ...numbers, reasons: [] });
  }

  /** Blocks in which nothing happens but that somebody looked. */
  quiet(from: number, count: number, epoch = 0): void {
    for (let number = from; number < from + count; number++) {
      this.block({ number, epoch });
      this.prices({ number, epoch }, {});
    }
  }
}

const rowsOf = (reserves: readonly Reserves[]) =>
  reserves.map(([pool, weth, usd]) => [address(pool), `${weth}`, `${usd}`, 3_000, 3_000] as [string, string, string, number, number]);

const RANDOM_POOLS = [0x10, 0x11, 0x12, 0x13, 0x14] as const;
const ETHER = 10n ** 18n;

/** A market in which everything happens that the streams can tell, some of it late. */
export class RandomMarket {
  readonly world = new World();
  readonly random: Random;
  #epoch = 0;
  #head: At = { number: 0 };
  #reserves: Reserves[];
  /** As each block of the branch left them. */
  readonly #states = new Map<number, Reserves[]>();
  /** Said after the next block: receipts take their time. */
  #late: ((next: At) => void)[] = [];
  /** A DEX reports in order, the last block's only now and then after the next has come. */
  #lateReport: (() => void) | null = null;
  readonly #withRankings: boolean;

  constructor(seed: number, { withRankings = true }: { readonly withRankings?: boolean } = {}) {
    this.random = randomFrom(seed);
    this.#reserves = RANDOM_POOLS.map((pool): Reserves => [pool, 60n * ETHER, 120_000n * ETHER]);
    this.#withRankings = withRankings;
  }

  get head(): At {
    return this.#head;
  }

  chance = (share: number): boolean => this.random.unit() < share;

  /** Some pools change their price by up to 3 %. */
  #trade(): Reserves[] {
    const changed = this.#reserves
      .filter(() => this.chance(0.5))
      .map(([pool, weth, usd]): Reserves => [pool, weth, (usd * BigInt(9_700 + this.random.below(601))) / 10_000n]);
    this.#reserves = this.#reserves.map((reserves) => changed.find(([pool]) => pool === reserves[0]) ?? reserves);
    return changed;
  }

  #candidates(): Candidate[] {
    const singles = this.#reserves
      .flatMap((sold) => this.#reserves.map((bought) => [sold, bought] as const))
      .filter(([sold, bought]) => sold !== bought && broughtBack(ETHER / 10n, sold, bought) > ETHER / 10n && this.chance(0.9))
      .map(([sold, bought]) => between(sold[0] * 256 + bought[0], sold, bought, ETHER / 10n));
    return singles.length > 1 && this.chance(0.5) ? [plan(1, singles.slice(0, 2)), ...singles] : singles;
  }

  #reorganise(): void {
    this.#reportLate();
    const depth = 1 + this.random.below(2);
    const dropped = Array.from({ length: depth }, (_, index) => ({ ...this.#head, number: this.#head.number - depth + 1 + index }));
    const ancestor = { ...this.#head, number: this.#head.number - depth };
    this.world.reorg(ancestor, ++this.#epoch, dropped);
    this.#reserves = this.#states.get(ancestor.number) ?? this.#reserves;
    this.world.changed(ancestor, this.#reserves);
    this.#head = { number: ancestor.number, epoch: this.#epoch };
  }

  #reportLate(): void {
    this.#lateReport?.();
    this.#lateReport = null;
  }

  step(): void {
    const { world, random } = this;
    if (this.#head.number > 3 && this.chance(0.05)) this.#reorganise();
    const at = { number: this.#head.number + 1, epoch: this.#epoch };
    const isFirst = this.#head.number === 0;
    this.#head = at;
    world.clockMs += 700;
    world.block(at, { baseFeePerGas: BigInt(1 + random.below(20)) * GWEI, gasUsed: random.below(30_000_000) });
    this.#reportLate();
    for (const say of this.#late.splice(0)) say(at);
    const changed = this.#trade();
    this.#states.set(at.number, this.#reserves);
    if (isFirst || at.number % 64 === 0) world.snapshot(at, this.#reserves);
    this.#lateReport = world.nextReport(at, changed);
    if (this.chance(0.95)) this.#reportLate();
    if (this.chance(0.95)) this.#decide(at);
    const scope = isFirst || at.number % 256 === 0 ? "all" : "moved";
    if (this.chance(0.95) || scope === "all") {
      world.prices(at, { ...(scope === "all" ? { [WETH]: 1, [TKN]: 2 } : {}), [USD]: 0.0005 * (1 + random.unit()) }, scope);
      world.values(at, { [RANDOM_POOLS[random.below(RANDOM_POOLS.length)] as number]: 1 + random.below(500) }, scope);
    }
    if (this.chance(0.4)) {
      const [one, two] = [RANDOM_POOLS[random.below(5)] as number, RANDOM_POOLS[random.below(5)] as number];
      this.#late.push(() => world.arbitrage(at, cycle(0, [one, two], 1n).hops, this.chance(0.2)));
    }
  }

  #decide(at: At): void {
    const { world } = this;
    const candidates = this.#candidates();
    const found = world.found(at, candidates, {
      cyclesFound: candidates.length + (this.chance(0.3) ? 20 : 0),
      isCutShort: this.chance(0.05),
      lateDexes: this.chance(0.05) ? ["dex"] : [],
    });
    const act = () => {
      const ranking = this.#withRankings ? world.scored(at, candidates, found, { minimum: ETHER / 1_000n }) : "ranking";
      const [best] = candidates;
      if (best === undefined) return;
      const executionId = world.planned(at, best, ranking, this.chance(0.8) ? "live" : "paper");
      if (this.chance(0.2)) return world.failed(at, best, executionId, "simulation-reverted");
      world.simulated(at, best, executionId);
      const lands = this.chance(0.5);
      this.#late.push((next) =>
        lands ? world.landed(next, best, executionId, this.chance(0.9) ? 1 : 0) : world.expired(next, best, executionId),
      );
    };
    if (this.chance(0.95)) act();
    else this.#late.push(act);
  }

  steps(count: number): this {
    for (let step = 0; step < count; step++) this.step();
    return this;
  }
}
