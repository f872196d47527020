import type { Actor, Input, Received } from "#libs/actor/actor.ts";
import type { ChainConfig } from "#libs/chains/chain.ts";
import { decodeExecute } from "#libs/contracts/plan.ts";
import { familyOf } from "#libs/dex/registry.ts";
import type { MarketPool } from "#libs/graph/market.ts";
import type { Kernel } from "#libs/ml/kernel.ts";
import { NO_STANDING } from "#libs/ml/standing.ts";
import { GAS_SHARE } from "#libs/rivals/rivals.ts";
import { asAddress } from "#libs/units/brand.ts";
import { invariant } from "#libs/units/invariant.ts";
import type { Candidate } from "#proto/cycle/v1/found.ts";
import type { PoolSnapshot } from "#proto/pool/v1/snapshotted.ts";
import { type BodyOf, type StreamKey, SUBJECTS, type SubjectKey, subjectOf } from "#proto/subjects.ts";
import * as analyst from "#services/analyst/actor.ts";
import { analystConfig, pricesOptions } from "#services/analyst/config.ts";
import { AnalystMarket } from "#services/analyst/market.ts";
import * as executor from "#services/executor/actor.ts";
import { COMEBACK_BLOCKS, REORG_BLOCKS } from "#services/executor/config.ts";
import * as scorer from "#services/scorer/actor.ts";
import { scorerConfig } from "#services/scorer/config.ts";
import * as solver from "#services/solver/actor.ts";
import { solverConfig } from "#services/solver/config.ts";
import { Kernel as SearchKernel } from "#services/solver/kernel.ts";
import * as trainer from "#services/trainer/actor.ts";
import { trainerConfig } from "#services/trainer/config.ts";
import { BLOCK_SECONDS, type Bundle, CHAIN_ID, Chain } from "./chain.ts";
import { DEXES, type MadeMarket, madeMarket } from "./market.ts";
import { drawsOf } from "./random.ts";
import { Rivals } from "./rivals.ts";
import type { FailingRules, Rules } from "./rules.ts";
import { TRADER, Traders } from "./traders.ts";

/**
 * A chain, a market with rivals, and the actors that trade on it: the real cores of solver, scorer, executor, analyst and trainer, fed with the messages that the
 * streams would hold. Nothing of the rules reaches them but by what happens. Same seed, rules and ranking: same messages.
 */

const CHAIN = "made";
/** Version of the model under test, as the scorer knows it. */
const MODEL = "under-test";
export const WALLET = asAddress(`0x${"aa".repeat(20)}`);
export const CONTRACT = asAddress(`0x${"cc".repeat(20)}`);
const LENDER = asAddress(`0x${"ba".repeat(20)}`);
/** 2026-01-01, milliseconds. */
const START_MS = 1_767_225_600_000;
/** From a block's sight to its pools' states and to the cycles in it, milliseconds: what the main job measures (docs/benchmarks.md). */
const POOLS_MS = 15;
const SEARCH_MS = 5;

/** Bundles of a block. */
export interface Tally {
  readonly rivalBundles: number;
  readonly rivalLandings: number;
  /** Blocks that the gaps had stood which these took. */
  readonly stood: readonly number[];
}

interface Host {
  readonly keys: ReadonlySet<string>;
  deliver(message: Received<SubjectKey>): void;
  fire(timer: string): void;
}

export interface SimulationOptions {
  readonly seed: number;
  readonly rules: Rules;
  /** Null ranks by net profit. */
  readonly model: Kernel | null;
  /** Share of blocks whose first place is drawn from all that pass. */
  readonly explored: number;
  /** Without a trainer nothing is labelled, and a block takes a fifth less. */
  readonly labels: boolean;
  /** Every message, as it is stored. */
  readonly onMessage?: (message: Received<SubjectKey>) => void;
}

/** Pools that at times do not pay what their state says. */
class Failing {
  readonly #seed: number;
  readonly #rules: FailingRules;
  readonly #pools: { readonly address: string; readonly isShown: boolean; fails: boolean }[] = [];
  readonly #now = new Map<string, { readonly isShown: boolean }>();

  constructor(seed: number, rules: FailingRules, { pools }: MadeMarket) {
    this.#seed = seed;
    this.#rules = rules;
    const random = drawsOf(seed, 40);
    for (const { info } of pools) {
      const [fails, shown] = [random.unit(), random.unit()];
      if (fails < rules.share) this.#pools.push({ address: info.pool, isShown: shown < rules.shown, fails: false });
    }
  }

  begin(block: number): void {
    const random = drawsOf(this.#seed, 41, block);
    this.#now.clear();
    for (const pool of this.#pools) {
      const drawn = random.unit();
      pool.fails = pool.fails ? drawn >= this.#rules.ends : drawn < this.#rules.begins;
      if (pool.fails) this.#now.set(pool.address, pool);
    }
  }

  has(address: string): boolean {
    return this.#now.has(address);
  }

  /** Whether swaps in these pools fail; in a simulation only those fail that a simulation shows. */
  refuses(pools: Iterable<string>, at: { readonly block: number; readonly where: "simulation" | "block" }): boolean {
    const random = drawsOf(this.#seed, at.where === "block" ? 43 : 42, at.block);
    for (const pool of new Set(pools)) {
      const failing = this.#now.get(pool);
      if (failing !== undefined && (at.where === "block" || failing.isShown) && random.unit() < this.#rules.fails) return true;
    }
    return false;
  }
}

export class Simulation {
  readonly chain: Chain;
  readonly market: MadeMarket;
  readonly config: ChainConfig;
  readonly #options: SimulationOptions;
  readonly #traders: Traders;
  readonly #rivals: Rivals;
  readonly #failing: Failing;
  readonly #hosts: Host[] = [];
  readonly #analyst: Host;
  readonly #trainer: Host | null;
  readonly #snapshots = new Map<string, PoolSnapshot>();
  readonly #sequences = new Map<StreamKey, number>();
  readonly #waiting: (() => void)[] = [];
  #clockMs = START_MS;
  /** What the relay has been given for the next block. */
  #submitted: Bundle | null = null;
  readonly #simulated = new Map<string, Bundle>();
  tally: Tally = { rivalBundles: 0, rivalLandings: 0, stood: [] };

  constructor(options: SimulationOptions) {
    const { seed, rules } = options;
    this.#options = options;
    this.market = madeMarket(seed);
    this.chain = new Chain(seed, this.market);
    this.config = chainConfig(this.market);
    this.#traders = new Traders(seed, rules.traders, this.market);
    this.#failing = new Failing(seed, rules.failing, this.market);
    const search = solverConfig({ chain: this.config }).search;
    const tokens = this.market.tokens.map(({ address }) => address);
    this.#rivals = new Rivals(seed, rules.rivals, { hubs: tokens.slice(0, 4), others: tokens.slice(4), search });
    this.#hostSolver();
    this.#hostScorer();
    this.#hostExecutor();
    this.#analyst = this.#hostAnalyst();
    this.#trainer = options.labels ? this.#hostTrainer() : null;
    this.#boot();
  }

  /** Lets a block come and everybody act on it. */
  step(): void {
    const { chain } = this;
    const traders = this.#traders;
    const { seed, rules } = this.#options;
    const number = chain.head.number + 1;
    chain.open();
    const { early, late } = traders.begin(number);
    this.#failing.begin(number);
    const random = drawsOf(seed, 11, number);
    const trade = (count: number) => {
      for (let each = 0; each < count; each++) {
        const planned = traders.plan(random, chain);
        if (planned !== null) chain.trade(planned.pool, TRADER, planned.zeroForOne, planned.amountIn);
      }
    };
    // What is sent rests on the head, as everybody saw it.
    const isShunned = ({ info }: MarketPool) => this.#failing.has(info.pool);
    const sent: { readonly tip: number; readonly stood: number; readonly bundle: Bundle; readonly isOurs: boolean }[] = this.#rivals
      .bundles(chain, isShunned)
      .map((each) => ({ ...each, isOurs: false }));
    const own = this.#submitted;
    if (own !== null) sent.push({ tip: own.gas * Number(own.priorityFeePerGas), stood: 0, bundle: own, isOurs: true });
    sent.sort((left, right) => right.tip - left.tip);
    trade(early);
    const taken: number[] = [];
    for (const { stood, bundle, isOurs } of sent) {
      const isRefused =
        isOurs &&
        this.#failing.refuses(
          bundle.steps.map(({ pool }) => pool),
          { block: number, where: "block" },
        );
      if (chain.include(bundle, rules.reverts, isRefused) && !isOurs) taken.push(stood);
    }
    this.#submitted = null;
    trade(late);
    const backruns = [...this.#rivals.backruns(chain, isShunned)].sort((left, right) => right.tip - left.tip);
    for (const { stood, bundle } of backruns) if (chain.include(bundle, "left-out")) taken.push(stood);
    const rivalBundles = sent.length - (own === null ? 0 : 1) + backruns.length;
    this.tally = { rivalBundles, rivalLandings: taken.length, stood: taken };
    chain.seal(this.#otherGas(number));
    this.#rivals.look(chain);
    this.#tell();
  }

  /** Gas of all that happens beside this market: demand that wanders, falls where gas is dear, and rises in storms. */
  #otherGas(number: number): number {
    const random = drawsOf(this.#options.seed, 12, number);
    const dear = Math.log(Number(this.chain.head.baseFeePerGas) / 6e9);
    const share = 0.46 + 0.15 * random.normal() - 0.1 * dear + (this.#traders.isStorm ? 0.1 : 0);
    return Math.round(this.chain.head.gasLimit * Math.min(1, Math.max(0, share)));
  }

  // ---- messages

  #say<Key extends SubjectKey>(key: Key, tokens: Readonly<Record<string, string>>, id: string, body: BodyOf<Key>): number {
    const { stream } = SUBJECTS[key];
    const sequence = (this.#sequences.get(stream) ?? 0) + 1;
    this.#sequences.set(stream, sequence);
    const meta = { id, subject: subjectOf(key, tokens), stream, sequence, storedAtMs: this.#clockMs++ };
    const message = { type: "message", key, body, meta } as unknown as Received<SubjectKey>;
    this.#options.onMessage?.(message);
    for (const host of this.#hosts) if (host.keys.has(key)) this.#waiting.push(() => host.deliver(message));
    return sequence;
  }

  #settle(): void {
    for (let work = this.#waiting.shift(); work !== undefined; work = this.#waiting.shift()) work();
  }

  /** Runs a core: what it publishes is stored and delivered, what it asks is answered. */
  #host<State, Config, Keys extends SubjectKey, Request extends { readonly call: string }, Reply>(
    actor: Actor<State, Config, Keys, Request, Reply>,
    config: Config,
    initial: State,
    keys: readonly Keys[],
    answer: (request: Request) => Reply,
  ): Host {
    let state = initial;
    const give = (input: Input<Keys, Reply>): void => {
      const decision = actor.decide(state, input, config);
      state = decision.state;
      for (const effect of decision.effects) {
        if (effect.type === "publish") this.#say(effect.key, effect.tokens, effect.messageId, effect.body as never);
        else if (effect.type === "call") {
          const { request } = effect;
          this.#waiting.push(() => give({ type: "reply", reply: answer(request) }));
        }
      }
    };
    const host: Host = {
      keys: new Set(keys),
      deliver: (message) => give(message as Received<Keys>),
      fire: (name) => {
        this.#waiting.push(() => give({ type: "timer", name }));
        this.#settle();
      },
    };
    this.#hosts.push(host);
    return host;
  }

  #envelope(causeId: string | null) {
    const { number, hash } = this.chain.head;
    const at = { blockNumber: number, blockHash: hash, observedAtMs: START_MS + number * BLOCK_SECONDS * 1_000 };
    return { v: 1 as const, chainId: CHAIN_ID, ...at, causeId, epoch: 0 };
  }

  #observed(): { readonly id: string; readonly sequence: number } {
    const { number, hash, parentHash, timestamp, baseFeePerGas, gasUsed, gasLimit, logs } = this.chain.head;
    const id = `block:${CHAIN}:${hash}:0`;
    this.#clockMs = Math.max(this.#clockMs, START_MS + number * BLOCK_SECONDS * 1_000);
    const sequence = this.#say("blockObserved", { chain: CHAIN }, id, {
      kind: "block-observed",
      ...this.#envelope(null),
      parentHash,
      timestamp,
      baseFeePerGas: baseFeePerGas.toString(),
      gasUsed,
      gasLimit,
      logColumns: ["address", "topics", "data", "logIndex", "transactionIndex", "transactionHash"],
      logs: [...logs],
    });
    return { id, sequence };
  }

  /** All that is said of the head: by watcher and fetchers here, by the cores of the others. */
  #tell(): void {
    const { id, sequence } = this.#observed();
    this.#settle();
    this.#clockMs += POOLS_MS;
    for (const { id: dex, family } of DEXES) {
      const rows = this.chain.head.changed.get(dex) ?? [];
      this.#say("poolChanged", { chain: CHAIN, dex }, `pools:${CHAIN}:${dex}:${this.chain.head.hash}:0`, {
        kind: "pool-changed",
        ...this.#envelope(id),
        dex,
        reason: "block",
        causeSequence: sequence,
        states: { family, rows: [...rows] } as BodyOf<"poolChanged">["states"],
        removed: [],
      });
    }
    this.#settle();
    this.#clockMs = Math.max(this.#clockMs, START_MS + this.chain.head.number * BLOCK_SECONDS * 1_000 + 200);
    this.#analyst.fire("turn");
    this.#clockMs = Math.max(this.#clockMs, START_MS + this.chain.head.number * BLOCK_SECONDS * 1_000 + 300);
    this.#trainer?.fire("turn");
  }

  /** The first block, with all pools as snapshots. */
  #boot(): void {
    const { id, sequence } = this.#observed();
    for (const { id: dex, family } of DEXES) {
      const pools = this.market.pools.filter((pool) => pool.dex === dex);
      const object = `${dex}.0`;
      const at = this.#envelope(id);
      this.#snapshots.set(object, {
        v: 1,
        dex,
        chainId: CHAIN_ID,
        blockNumber: at.blockNumber,
        blockHash: at.blockHash,
        epoch: 0,
        causeSequence: sequence,
        pools: { family, rows: pools.map(({ info }) => [info.pool, [...info.tokens], info.facts]) },
        states: { family, rows: pools.map(({ row }) => row) },
        arrivals: [],
        candidates: [],
        small: [],
        quarantined: [],
        journal: [],
      } as unknown as PoolSnapshot);
      this.#say("poolSnapshotted", { chain: CHAIN, dex }, `snapshot:${CHAIN}:${dex}:${sequence}`, {
        kind: "pool-snapshotted",
        ...at,
        dex,
        object,
        pools: pools.length,
        bytes: 1,
        causeSequence: sequence,
      });
    }
    this.#settle();
    this.#rivals.look(this.chain);
    this.#analyst.fire("turn");
  }

  #snapshotOf = (request: { readonly dex: string; readonly object: string }) => ({
    kind: "snapshot-loaded" as const,
    dex: request.dex,
    snapshot: this.#snapshots.get(request.object) ?? null,
  });

  // ---- actors

  #hostSolver(): void {
    const config = solverConfig({ chain: this.config });
    const kernel = new SearchKernel();
    this.#host(
      solver.solver,
      config,
      solver.initialState(config, null),
      ["blockObserved", "blockReorged", "poolChanged", "poolDiscovered", "poolSnapshotted"],
      (request): solver.Reply => {
        if (request.call === "load-snapshot") return this.#snapshotOf(request);
        if (request.call === "take-in") {
          kernel.takeIn(request.updates);
          return { kind: "taken-in" };
        }
        kernel.update(request.updates);
        if (request.call === "prepare") {
          kernel.practise(request.search, request.plan);
          return { kind: "prepared" };
        }
        const { lateDexes, gatedPools, gasPrice } = request;
        const result = kernel.search(request.search, { lateDexes, gatedPools, gasPrice }, request.plan);
        kernel.rest(request.search);
        this.#clockMs += SEARCH_MS;
        return { kind: "searched", result };
      },
    );
  }

  #hostScorer(): void {
    const { model, explored, rules } = this.#options;
    const section = { mode: "live", scorer: { ranking: model === null ? "net-profit" : "model", explorationShare: explored } } as const;
    const config: scorer.Config = {
      ...scorerConfig({ chain: this.config, section }, MODEL),
      failingCosts: rules.reverts === "mined" ? "gas" : "nothing",
    };
    this.#host(
      scorer.scorer,
      config,
      scorer.initialState(config, { scored: 0, standing: NO_STANDING, modelsThrough: 0, models: new Map([[MODEL, model]]) }),
      Object.values(scorer.KEYS).flat() as scorer.Keys[],
      ({ version }): scorer.Reply => ({ kind: "model-loaded", version, kernel: null }),
    );
  }

  #hostExecutor(): void {
    const config: executor.Config = {
      chain: CHAIN,
      chainId: CHAIN_ID,
      mode: "live",
      wallet: WALLET,
      contract: CONTRACT,
      wrappedNative: this.config.wrappedNative,
      leaseEpoch: 1,
      blockSeconds: BLOCK_SECONDS,
      reorgBlocks: REORG_BLOCKS,
      comebackBlocks: COMEBACK_BLOCKS,
    };
    let nonce = 0;
    this.#host(
      executor.executor,
      config,
      executor.initialState(0),
      ["blockObserved", "blockReorged", "cycleFound", "opportunityScored"],
      (request): executor.Reply => {
        switch (request.call) {
          case "simulate":
            return this.#simulate(request.planned);
          case "submit": {
            const bundle = this.#simulated.get(request.executionId);
            invariant(bundle !== undefined && this.#submitted === null, "one bundle a block, simulated before");
            this.#submitted = bundle;
            const accepted = [{ relay: "made", bundleHash: bundle.transactionHash, atMs: this.#clockMs }];
            return { kind: "submitted", executionId: request.executionId, accepted, refused: [], unanswered: [] };
          }
          case "read-receipt": {
            const receipt = this.chain.head.receipts.get(request.transactionHash);
            if (receipt !== undefined) nonce++;
            this.#simulated.delete(request.executionId);
            return {
              kind: "receipt-read",
              executionId: request.executionId,
              at: request.at,
              receipt:
                receipt === undefined
                  ? null
                  : {
                      blockNumber: this.chain.head.number,
                      blockHash: this.chain.head.hash,
                      transactionIndex: receipt.transactionIndex,
                      status: receipt.status,
                      gasUsed: receipt.gasUsed,
                      effectiveGasPrice: receipt.effectiveGasPrice.toString(),
                      logs: receipt.transfers,
                    },
            };
          }
          case "read-nonce":
            return { kind: "nonce-read", nonce };
        }
      },
    );
  }

  /** Runs the very calldata on the head. */
  #simulate(planned: BodyOf<"executionPlanned">): executor.Reply {
    const { executionId, candidate } = planned;
    const bundle = bundleOf(planned);
    const isRefused = this.#failing.refuses(
      bundle.steps.map(({ pool }) => pool),
      { block: this.chain.head.number, where: "simulation" },
    );
    if (isRefused) return { kind: "simulated", executionId, ok: false, detail: "SwapPaidLess" };
    invariant(this.chain.wouldPay(bundle), `${candidate.cycleId} does not pay on the state that it was quoted on`);
    this.#simulated.set(executionId, bundle);
    return { kind: "simulated", executionId, ok: true, gasUsed: bundle.gas, transactionHash: bundle.transactionHash };
  }

  #hostAnalyst(): Host {
    const config = analystConfig({ chain: this.config });
    const decimals = new Map(this.config.tokens.map((token) => [token.address as string, token.decimals]));
    const market = new AnalystMarket(pricesOptions(this.config), config.dexes, decimals);
    return this.#host(
      analyst.analyst,
      config,
      analyst.initialState(config, market, { prices: null, arbitrages: null }),
      ["blockObserved", "blockReorged", "poolChanged", "poolDiscovered", "poolSnapshotted"],
      (request): analyst.Reply => {
        switch (request.call) {
          case "load-snapshot":
            return this.#snapshotOf(request);
          case "read-receipts": {
            const receipts = request.transactions.flatMap((hash) => this.chain.head.receipts.get(hash) ?? []);
            return { kind: "receipts-read", branch: request.branch, receipts: receipts.map((receipt) => ({ ...receipt, l1Fee: 0n })) };
          }
          default:
            throw new TypeError(`a made market leaves nothing to ask: ${request.call}`);
        }
      },
    );
  }

  #hostTrainer(): Host {
    const own = trainerConfig({ chain: this.config }, MODEL);
    // It labels here. What is learnt from the labels is up to whoever runs this: a model that changed on the way could not be compared.
    const { training, drift } = own.learning;
    const never = Number.MAX_SAFE_INTEGER;
    const config = {
      ...own,
      learning: { ...own.learning, training: { ...training, everyBlocks: never }, drift: { ...drift, everyBlocks: never } },
    };
    const keys = Object.values(trainer.KEYS).flat() as trainer.Keys[];
    return this.#host(
      trainer.trainer,
      config,
      trainer.initialState(config, { DECISIONS: 0, MONEY: 0 }, 0),
      keys,
      (request): trainer.Reply => {
        if (request.call === "load-snapshot") return this.#snapshotOf(request);
        invariant(request.call === "read-ends", `a trainer that only labels asks for nothing else: ${request.call}`);
        const last = (stream: StreamKey) => this.#sequences.get(stream) ?? 0;
        return { kind: "ends-read", decisions: last("DECISIONS"), money: last("MONEY"), models: last("MODELS") };
      },
    );
  }
}

/** What the calldata of a plan asks of the chain. */
function bundleOf({ calldata, contract, candidate, executionId, maxPriorityFeePerGas }: BodyOf<"executionPlanned">): Bundle {
  const { swaps, profitToken, minProfit } = decodeExecute(calldata);
  return {
    contract: asAddress(contract),
    sender: WALLET,
    profitToken,
    minProfit,
    steps: swaps.map(({ call, pool, amountIn, amountOut, forwards }) => {
      invariant(call.form === "v2" || call.form === "v3", "pairs and pools with ranges only");
      return { pool, zeroForOne: call.zeroForOne, amountIn, amountOut, forwards };
    }),
    gas: gasOf(candidate),
    priorityFeePerGas: BigInt(maxPriorityFeePerGas),
    transactionHash: executionId,
  };
}

const gasOf = ({ gasEstimate }: Candidate): number => Math.round(GAS_SHARE * gasEstimate);

function chainConfig({ tokens, pools }: MadeMarket): ChainConfig {
  const [native, stable, otherStable] = tokens as readonly [MadeMarket["tokens"][number], ...MadeMarket["tokens"]];
  invariant(native !== undefined && pools.length > 0, "a market");
  return {
    key: CHAIN,
    chainId: CHAIN_ID,
    name: "Made",
    nativeSymbol: "ETH",
    wrappedNative: native.address,
    multicall3: asAddress(`0x${"ca".repeat(20)}`),
    blockTimeMs: BLOCK_SECONDS * 1_000,
    tokens: tokens.map(({ address, decimals }, index) => ({
      address,
      symbol: `T${index}`,
      decimals,
      ...(address === stable?.address || address === otherStable?.address ? { stable: true as const } : {}),
    })),
    flashLenders: [{ id: "lender", kind: "balancer-v2", address: LENDER }],
    relays: [{ name: "made", url: "http://127.0.0.1" }],
    executorContract: CONTRACT,
    dexes: DEXES.map(({ id, family }, index) => ({
      id,
      brand: id,
      family,
      variant: familyOf(family).variants[0] as string,
      factory: asAddress(`0x${"fa".repeat(19)}${(16 + index).toString(16)}`),
      deployBlock: 0,
      verified: true,
      source: "made",
    })),
  };
}
