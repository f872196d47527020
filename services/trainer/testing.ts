/** Streams as a broker would hold them, and a trainer that is fed from them at any pace. */

import type { Effect, Received } from "#libs/actor/actor.ts";
import { drive } from "#libs/actor/testing.ts";
import { randomFrom } from "#libs/ml/random.ts";
import { encode } from "#proto/codec.ts";
import type { Candidate, Hop } from "#proto/cycle/v1/found.ts";
import type { Mode } from "#proto/execution/v1/events.ts";
import { NOT_EVALUATED } from "#proto/opportunity/v1/scored.ts";
import type { PoolSnapshot } from "#proto/pool/v1/snapshotted.ts";
import { type BodyOf, type StreamKey, SUBJECTS, type SubjectKey } from "#proto/subjects.ts";
import { type Config, initialState, type Keys, type Reply, type Request, trainer } from "#services/trainer/actor.ts";

export const address = (value: number): `0x${string}` => `0x${value.toString(16).padStart(40, "0")}`;
export const hashOf = (text: string): `0x${string}` => `0x${Buffer.from(text).toString("hex").padStart(64, "0")}`;
export const WETH = address(0xe1);
export const [USD, TKN] = [address(0xc1), address(0xf1)];
export const WALLET = address(0xaa);
export const GWEI = 10n ** 9n;
export const BASE_FEE = 8n * GWEI;
const PRIORITY_FEE = GWEI / 10n;

export const config: Config = { chain: "local", chainId: 31_337, dexes: ["dex"], labelAfterBlocks: 6 };

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

/** Out of WETH through one pool, back through the other. */
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

export type Stored = Received<Keys>;
type Bodies = { readonly [Key in Keys]: BodyOf<Key> };

export class World {
  readonly messages: Stored[] = [];
  readonly snapshots = new Map<string, PoolSnapshot>();
  readonly #sequences: Partial<Record<StreamKey, number>> = {};
  clockMs = 1_000_000;

  say<Key extends Keys>(key: Key, id: string, body: Omit<Bodies[Key], "kind" | "v" | "chainId">): string {
    const kind = key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const whole = { kind, v: 1, chainId: config.chainId, ...body } as unknown as BodyOf<SubjectKey>;
    // What the tests say must be what could be said.
    encode(key, whole as never);
    const stream: StreamKey = SUBJECTS[key].stream;
    const sequence = (this.#sequences[stream] ?? 0) + 1;
    this.#sequences[stream] = sequence;
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

  /** Announces a snapshot of the DEX: V2 pools of WETH and USD with these reserves, as of this block message. */
  snapshot(at: At, causeSequence: number, reserves: readonly (readonly [pool: number, weth: bigint, usd: bigint])[]): void {
    const object = `dex.${causeSequence}`;
    const rows = reserves.map(([pool]): [string, string[], object] => [address(pool), [WETH, USD], {}]);
    this.snapshots.set(object, {
      v: 1,
      dex: "dex",
      ...this.#at(at),
      chainId: config.chainId,
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

  changed(at: At, causeSequence: number, reserves: readonly (readonly [pool: number, weth: bigint, usd: bigint])[]): void {
    this.say("poolChanged", `pools:${blockHashOf(at)}:${at.epoch ?? 0}`, {
      ...this.#at(at),
      dex: "dex",
      reason: "block",
      causeSequence,
      states: { family: "uniswap-v2", rows: rowsOf(reserves) },
      removed: [],
    });
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

  /** The search's answer and its ranking; both ids. `minimum`: net profit below which a candidate is rejected, wei. */
  decided(
    at: At,
    candidates: readonly Candidate[],
    options: {
      readonly cyclesFound?: number;
      readonly isCutShort?: boolean;
      readonly lateDexes?: string[];
      readonly minimum?: bigint;
    } = {},
  ): string {
    return this.scored(at, candidates, this.found(at, candidates, options), options.minimum);
  }

  found(
    at: At,
    candidates: readonly Candidate[],
    options: { readonly cyclesFound?: number; readonly isCutShort?: boolean; readonly lateDexes?: string[] } = {},
  ): string {
    return this.say("cycleFound", `cycles:${blockHashOf(at)}:${at.epoch ?? 0}`, {
      ...this.#at(at),
      timestamp: at.number,
      baseFeePerGas: `${BASE_FEE}`,
      dexes: ["dex"],
      lateDexes: options.lateDexes ?? [],
      cyclesFound: options.cyclesFound ?? candidates.length,
      ...(options.isCutShort ? { isCutShort: true } : {}),
      candidates: [...candidates],
    });
  }

  scored(at: At, candidates: readonly Candidate[], causeId: string, minimum = 1n): string {
    const priced = candidates
      .map((candidate) => {
        const gasCost = BigInt(candidate.gasEstimate) * (BASE_FEE + PRIORITY_FEE);
        return { candidate, gasCost, netProfit: BigInt(candidate.grossProfit) - gasCost };
      })
      .sort((left, right) => (left.netProfit > right.netProfit ? -1 : 1));
    const passed = priced.filter(({ netProfit }) => netProfit >= minimum);
    return this.say("opportunityScored", `opportunities:${blockHashOf(at)}:${at.epoch ?? 0}`, {
      ...this.#at(at, causeId),
      causeSequence: 1,
      ranking: "net-profit",
      champion: null,
      challenger: null,
      unfit: null,
      explored: false,
      featureSchema: "0".repeat(64),
      seen: { market: 0, money: 0 },
      maxNextBaseFeePerGas: `${BASE_FEE}`,
      priorityFeePerGas: `${PRIORITY_FEE}`,
      opportunities: passed.map(({ candidate, gasCost, netProfit }, rank) => ({
        candidate,
        gasCost: `${gasCost}`,
        netProfit: `${netProfit}`,
        rank,
        evaluation: NOT_EVALUATED,
      })),
      rejected: priced
        .filter((each) => !passed.includes(each))
        .map(({ candidate, netProfit }) => ({
          cycleId: candidate.cycleId,
          reason: "below-minimum",
          netProfit: `${netProfit}`,
          evaluation: NOT_EVALUATED,
        })),
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

  /** Blocks in which nothing happens but that somebody looked. */
  quiet(from: number, count: number, epoch = 0): void {
    for (let number = from; number < from + count; number++) {
      this.block({ number, epoch });
      this.prices({ number, epoch }, {});
    }
  }
}

const rowsOf = (reserves: readonly (readonly [pool: number, weth: bigint, usd: bigint])[]) =>
  reserves.map(([pool, weth, usd]) => [address(pool), `${weth}`, `${usd}`, 3_000, 3_000] as [string, string, string, number, number]);

export type Labelled = BodyOf<"outcomeLabelled"> & { readonly messageId: string };

/** Where a trainer begins to read. */
export interface Start {
  /** First message of each stream that is delivered. */
  readonly sequences?: Partial<Readonly<Record<StreamKey, number>>>;
  readonly labelFrom?: number;
}

/**
 * Feeds a trainer the streams, each in its own order. `pick` chooses the stream that the next message comes from, of those that have one left, and whether a timer
 * that is set fires first. Each answer about the streams' ends is what a broker would say that has stored everything up to the newest message delivered.
 */
export function feed(
  world: Pick<World, "messages" | "snapshots">,
  { pick = live(), start = {} }: { readonly pick?: Pick_; readonly start?: Start } = {},
): { readonly labelled: Labelled[]; readonly effects: readonly Effect<Request>[]; readonly timers: number } {
  const streams = (["MARKET", "DECISIONS", "MONEY"] as const).map((stream) => {
    const first = start.sequences?.[stream] ?? 1;
    return { stream, waiting: world.messages.filter(({ meta }) => meta.stream === stream && meta.sequence >= first), next: 0 };
  });
  const through = { DECISIONS: (start.sequences?.DECISIONS ?? 1) - 1, MONEY: (start.sequences?.MONEY ?? 1) - 1 };
  const driven = drive(trainer, config, initialState(config, through, start.labelFrom ?? 0));
  let newestMs = 0;
  let timer = false;
  let timers = 0;
  const lastOf = (stream: StreamKey) =>
    world.messages.reduce(
      (last, { meta }) => (meta.stream === stream && meta.storedAtMs <= newestMs ? Math.max(last, meta.sequence) : last),
      0,
    );
  const act = (effects: readonly Effect<Request>[]): void => {
    for (const effect of effects) {
      if (effect.type === "set-timer") timer = true;
      if (effect.type !== "call") continue;
      const { request } = effect;
      const answer: Reply =
        request.call === "read-ends"
          ? { kind: "ends-read", decisions: lastOf("DECISIONS"), money: lastOf("MONEY") }
          : { kind: "snapshot-loaded", dex: request.dex, snapshot: world.snapshots.get(request.object) ?? null };
      act(driven.give({ type: "reply", reply: answer }));
    }
  };
  const fire = () => {
    timer = false;
    timers++;
    act(driven.give({ type: "timer", name: "turn" }));
  };
  for (;;) {
    const left = streams.filter(({ waiting, next }) => next < waiting.length);
    if (left.length === 0) break;
    const { from, fires } = pick(left.map(({ waiting, next }) => (waiting[next] as Stored).meta.storedAtMs));
    if (fires && timer) fire();
    const queue = left[from] as (typeof left)[number];
    const message = queue.waiting[queue.next++] as Stored;
    newestMs = Math.max(newestMs, message.meta.storedAtMs);
    act(driven.give(message));
  }
  while (timer) fire();
  const labelled = driven.all.flatMap((effect): Labelled[] => {
    if (effect.type !== "publish" || effect.key !== "outcomeLabelled") return [];
    encode("outcomeLabelled", effect.body);
    return [{ ...effect.body, messageId: effect.messageId }];
  });
  return { labelled, effects: driven.all, timers };
}

type Pick_ = (storedAtMs: readonly number[]) => { readonly from: number; readonly fires: boolean };

/** As a live system: each message as it is stored, and the timer where nothing is stored for as long. */
export function live(): Pick_ {
  let lastMs = Number.POSITIVE_INFINITY;
  return (storedAtMs) => {
    const nextMs = Math.min(...storedAtMs);
    const fires = nextMs - lastMs >= 300;
    lastMs = nextMs;
    return { from: storedAtMs.indexOf(nextMs), fires };
  };
}

/** Any pace. */
export function anyPace(seed: number): Pick_ {
  const random = randomFrom(seed);
  return (storedAtMs) => ({ from: random.below(storedAtMs.length), fires: random.unit() < 0.05 });
}
