/**
 * The block producer: collects bundles, keeps those that work and orders them by what they pay, lets the traders follow, and has the chain mine exactly that.
 *
 * A block is, from top to bottom: bundles, transactions from the public pool, the traders' swaps, and one transaction that stands for the rest of a block.
 */

import { toHex } from "#libs/evm/hex.ts";
import { type RpcClient, RpcError } from "#libs/evm/rpc.ts";
import { type Address, asAddress, asHash, type Hash } from "#libs/units/brand.ts";
import { InvariantError, invariant } from "#libs/units/invariant.ts";
import { CROWD, sign } from "./accounts.ts";
import {
  type BlockContext,
  type Bundle,
  type BundleTransaction,
  checkExecutable,
  hasForbiddenRevert,
  noncesOf,
  parseTransaction,
  type Simulation,
  simulate,
} from "./bundle.ts";
import { marketInterface } from "./deploy.ts";
import { CHAIN_ID, GENESIS_TIMESTAMP } from "./genesis.ts";
import { randomFor } from "./random.ts";

/** Ethereum's when the market was recorded. */
export const BLOCK_GAS_LIMIT = 30_000_000n;
/** Who is paid for blocks. Nobody has the key: the balance only ever grows. */
export const COINBASE = asAddress("0x00000000000000000000000000000000b0bb1e00");

/** A builder does not look at more for one block; each costs two simulations of a few milliseconds. */
const BUNDLES_PER_BLOCK_MAX = 64;
/** Bundles for blocks further ahead are refused. The Flashbots relay's limit is of the same order. */
export const BUNDLE_BLOCKS_AHEAD_MAX = 25;
/** Blocks that a reorg can reach back, and whose transactions are therefore remembered. */
const REORG_DEPTH_MAX = 16;
/** Filling takes some 15 ms, so a stranger's transaction in the middle of it is rare and one in the middle of every attempt a flood: then it goes as it is. */
const POOL_FILLS_MAX = 3;
/** Bundle fates are remembered for this many blocks, for flashbots_getBundleStatsV2. */
const FATES_KEPT_BLOCKS = 256;

/** EIP-1559: the gas target is half the limit, and the base fee changes by at most an eighth. */
const ELASTICITY = 2n;
const BASE_FEE_CHANGE_DENOMINATOR = 8n;
/** Spread of the base fee's step from block to block, its largest step, and how much of the distance to the recorded gas price a step makes good. */
const BASE_FEE_STEP = 0.012;
const BASE_FEE_STEP_MAX = 0.04;
const BASE_FEE_PULL = 0.05;

/** Gas of `Market.restOfBlock` besides what it is told to use up. */
const REST_OVERHEAD_GAS = 24_000n;
/** What a swap of a trader uses on average. An estimate: it only steers how full a block gets. */
const TRADE_GAS = 150_000n;

/**
 * How likely a removed bundle, and a removed trade, is in the new branch again. Bundles less: another builder had not been sent all of them. A dropped trade
 * takes its sender's later ones with it, so most must be kept for some to be left after a few blocks.
 */
const REORG_KEEP_BUNDLE = 0.6;
const REORG_KEEP_TRADE = 0.9;

export type BundleFate = "waiting" | "included" | "reverts" | "not-executable" | "out-of-time" | "conflicts";

export interface BundleRecord {
  readonly bundle: Bundle;
  readonly receivedAt: Date;
  simulatedAt: Date | undefined;
  consideredAt: Date | undefined;
  sealedAt: Date | undefined;
  fate: BundleFate;
}

export interface Head {
  readonly number: number;
  readonly hash: Hash;
  readonly timestamp: number;
  readonly baseFeePerGas: bigint;
  readonly gasUsed: bigint;
}

export interface BuiltBlock extends Head {
  readonly transactionCount: number;
  /** Bundles that aimed at this block, best payer first among the included ones. */
  readonly bundles: readonly { readonly bundleHash: Hash; readonly fate: BundleFate; readonly coinbaseDiff: bigint }[];
  readonly tradeCount: number;
  /** Set on the first block of a new branch: how many blocks it replaces with those that follow. */
  readonly reorgDepth?: number;
}

/** The traders' side of a block, given the parent's state: signed transactions, and bundles of those who are in a hurry. */
export type TradeSource = (
  blockNumber: number,
  branch: number,
) => Promise<{ readonly trades: readonly string[]; readonly bundles: readonly Bundle[] }>;

/** What competing searchers send for the block after this head, seconds: its timestamp. */
export type RivalSource = (next: {
  readonly head: Head;
  readonly branch: number;
  readonly timestamp: number;
  readonly baseFeePerGas: bigint;
}) => Promise<readonly Bundle[]>;

/** What a block was made of, apart from the filling, so that a reorg can make another one of it. */
interface Ingredients {
  readonly number: number;
  readonly bundles: readonly Bundle[];
  readonly publicTransactions: readonly string[];
  readonly trades: readonly string[];
}

/** What was sent to the node for a block. */
interface FilledPool {
  /** In order. */
  readonly placed: readonly Hash[];
  readonly sent: ReadonlySet<string>;
  readonly included: readonly BundleRecord[];
  readonly payments: ReadonlyMap<Hash, Simulation>;
  readonly accepted: { readonly publicTransactions: readonly string[]; readonly trades: readonly string[] };
}

export class Builder {
  readonly #rpc: RpcClient;
  readonly #seed: number;
  readonly #market: Address;
  readonly #recordedBaseFee: bigint;
  readonly #secondsPerBlock: number;
  readonly #trades: TradeSource;
  #rivals: RivalSource = async () => [];
  readonly #marketAbi = marketInterface();

  #head: Head;
  #firstBlock: number;
  #branch = 0;
  #crowdNonce = 0;
  #turn: Promise<unknown> = Promise.resolve();
  readonly #records = new Map<number, Map<Hash, BundleRecord>>();
  #history: Ingredients[] = [];
  readonly #listeners = new Set<(block: BuiltBlock) => void>();

  private constructor(options: BuilderOptions, head: Head) {
    this.#rpc = options.rpc;
    this.#seed = options.seed;
    this.#market = options.market;
    this.#recordedBaseFee = options.recordedBaseFee;
    this.#secondsPerBlock = Math.max(1, Math.ceil(options.blockTimeMs / 1000));
    this.#trades = options.trades;
    this.#head = head;
    this.#firstBlock = head.number + 1;
  }

  /** Takes over a loaded chain: from here on blocks have the ordinary gas limit, and the first one has the recorded base fee. */
  static async takeOver(options: BuilderOptions): Promise<Builder> {
    await options.rpc.send("evm_setBlockGasLimit", [toHex(BLOCK_GAS_LIMIT)]);
    await options.rpc.send("anvil_setCoinbase", [COINBASE]);
    await options.rpc.send("anvil_setNextBlockBaseFeePerGas", [toHex(options.recordedBaseFee)]);
    return new Builder(options, await readHead(options.rpc));
  }

  get head(): Head {
    return this.#head;
  }

  /** How many reorganisations there have been. */
  get branch(): number {
    return this.#branch;
  }

  get firstBlock(): number {
    return this.#firstBlock;
  }

  onBlock(listener: (block: BuiltBlock) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Takes a bundle for a coming block. The same bundle again changes nothing and is not an error. */
  addBundle(bundle: Bundle): BundleRecord {
    const records = this.#records.get(bundle.blockNumber) ?? new Map<Hash, BundleRecord>();
    this.#records.set(bundle.blockNumber, records);
    const known = records.get(bundle.bundleHash);
    if (known !== undefined) return known;
    const record: BundleRecord = {
      bundle,
      receivedAt: new Date(),
      simulatedAt: undefined,
      consideredAt: undefined,
      sealedAt: undefined,
      fate: "waiting",
    };
    records.set(bundle.bundleHash, record);
    return record;
  }

  bundleRecord(bundleHash: Hash, blockNumber: number): BundleRecord | undefined {
    return this.#records.get(blockNumber)?.get(bundleHash);
  }

  /** The block that a simulation of a bundle pretends to be in. The base fee is that of the next block. */
  async contextFor(blockNumber: number, overrides: { timestamp?: number; stateBlock?: string } = {}): Promise<BlockContext> {
    return {
      stateBlock: overrides.stateBlock ?? "latest",
      number: blockNumber,
      timestamp: overrides.timestamp ?? this.#timestampOf(blockNumber),
      baseFeePerGas: await this.#nextBaseFee(),
      coinbase: COINBASE,
    };
  }

  /** Builds the next block. Calls wait for each other, so blocks and reorgs never interleave. */
  buildBlock(options: { withTraders: boolean } = { withTraders: true }): Promise<BuiltBlock> {
    return this.#exclusively(async () => {
      const number = this.#head.number + 1;
      const publicTransactions = await this.#takePublicPool();
      const { trades, bundles } = options.withTraders ? await this.#trades(number, this.#branch) : { trades: [], bundles: [] };
      // Everybody's bundles rest on the head; who asked last is of no advantage.
      const rivals = options.withTraders ? await this.#rivals(await this.#next()) : [];
      for (const bundle of [...bundles, ...rivals]) this.addBundle(bundle);
      const candidates = [...(this.#records.get(number)?.values() ?? [])].slice(0, BUNDLES_PER_BLOCK_MAX);
      return this.#assemble({ number, candidates, publicTransactions, trades });
    });
  }

  /**
   * Replaces the last `depth` blocks by as many others. Some of the removed bundles and trades are in the new blocks, at the same heights and in the same
   * order, others are not; a sender's transaction never returns without those before it. What came from the public pool returns. Nobody announces this to anyone: subscribers see new heads of
   * known heights with other parents, as on any chain.
   */
  reorg(depth: number): Promise<readonly BuiltBlock[]> {
    return this.#exclusively(async () => {
      const removed = this.#history.slice(-depth);
      invariant(depth >= 1 && removed.length === depth, `cannot replace ${depth} blocks: ${this.#history.length} are remembered`);
      this.#branch += 1;
      this.#history = this.#history.slice(0, -depth);
      const waiting = await this.#takePublicPool();
      await this.#rpc.send("anvil_rollback", [depth]);
      this.#head = await readHead(this.#rpc);
      this.#crowdNonce = Number(await this.#rpc.send<string>("eth_getTransactionCount", [CROWD.address, "latest"]));
      // anvil goes on from the base fee of the removed branch; a chain goes on from the parent's.
      await this.#rpc.send("anvil_setNextBlockBaseFeePerGas", [toHex(baseFeeAfter(this.#head))]);

      const random = randomFor(this.#seed, "reorg", this.#branch);
      const blocked = new Set<Address>();
      const keep = (raw: string): boolean => {
        const from = parseTransaction(raw)?.from;
        if (from === undefined || blocked.has(from)) return false;
        if (random.chance(REORG_KEEP_TRADE)) return true;
        blocked.add(from);
        return false;
      };
      const built: BuiltBlock[] = [];
      for (const ingredients of removed) {
        const records = this.#records.get(ingredients.number);
        const candidates = ingredients.bundles.flatMap((bundle) => {
          const record = records?.get(bundle.bundleHash);
          return record !== undefined && random.chance(REORG_KEEP_BUNDLE) ? [record] : [];
        });
        for (const record of records?.values() ?? []) record.fate = "waiting";
        // What stood in the public pool stands there again.
        const publicTransactions = built.length === 0 ? [...ingredients.publicTransactions, ...waiting] : ingredients.publicTransactions;
        const trades = ingredients.trades.filter(keep);
        const marks = built.length === 0 ? { reorgDepth: depth } : {};
        built.push(await this.#assemble({ number: ingredients.number, candidates, publicTransactions, trades, ...marks }));
      }
      return built;
    });
  }

  /** From the next block on these compete for it. */
  admit(rivals: RivalSource): void {
    this.#rivals = rivals;
  }

  async #next(): Promise<Parameters<RivalSource>[0]> {
    const { timestamp, baseFeePerGas } = await this.contextFor(this.#head.number + 1);
    return { head: this.#head, branch: this.#branch, timestamp, baseFeePerGas };
  }

  /** Resolves when what is being built now is done. */
  async idle(): Promise<void> {
    await this.#turn;
  }

  #exclusively<Value>(work: () => Promise<Value>): Promise<Value> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  async #assemble(input: {
    number: number;
    candidates: readonly BundleRecord[];
    publicTransactions: readonly string[];
    trades: readonly string[];
    reorgDepth?: number;
  }): Promise<BuiltBlock> {
    const { number, trades } = input;
    const context = await this.contextFor(number);
    let { candidates, publicTransactions } = input;
    let filled = await this.#fillPool({ candidates, publicTransactions, trades, context });
    // Who sends to the public pool just now would be above or between our transactions: put in order once more, with theirs below the bundles. Whoever comes
    // after the last look is at the bottom, where it does no harm.
    for (let attempt = 1; attempt < POOL_FILLS_MAX && filled.placed.length !== (await this.#poolSize()); attempt++) {
      const strangers = (await this.#takePublicPool()).filter((raw) => !filled.sent.has(raw));
      candidates = candidates.filter((record) => record.fate !== "not-executable");
      publicTransactions = [...publicTransactions, ...strangers];
      filled = await this.#fillPool({ candidates, publicTransactions, trades, context });
    }
    const { placed, included, payments, accepted } = filled;

    await this.#rpc.send("evm_setNextBlockTimestamp", [context.timestamp]);
    await this.#rpc.send("evm_mine");
    const mined = await this.#rpc.send<RawBlock>("eth_getBlockByNumber", ["latest", false]);
    this.#head = headOf(mined);
    invariant(this.#head.number === number, `block ${number} was built, but the chain is at ${this.#head.number}`);
    this.#crowdNonce += 1;
    if (!placed.every((hash) => mined.transactions.includes(hash))) {
      // Whatever did not fit is gone: nothing is left behind that could surprise a later block.
      await this.#rpc.send("anvil_dropAllTransactions");
      this.#crowdNonce = Number(await this.#rpc.send<string>("eth_getTransactionCount", [CROWD.address, "latest"]));
    }

    const sealedAt = new Date();
    for (const record of included) {
      // Another transaction of the same sender and nonce may have taken a place at the last moment.
      const isMined = record.bundle.transactions.every(({ hash }) => mined.transactions.includes(hash));
      record.fate = isMined ? "included" : "conflicts";
      if (isMined) record.sealedAt = sealedAt;
    }
    this.#remember({ number, bundles: input.candidates.map(({ bundle }) => bundle), ...accepted });
    const block: BuiltBlock = {
      ...this.#head,
      transactionCount: mined.transactions.length,
      bundles: [...included, ...input.candidates.filter((record) => !included.includes(record))].map(({ bundle: { bundleHash }, fate }) => {
        return { bundleHash, fate, coinbaseDiff: payments.get(bundleHash)?.coinbaseDiff ?? 0n };
      }),
      tradeCount: accepted.trades.length,
      ...(input.reorgDepth === undefined ? {} : { reorgDepth: input.reorgDepth }),
    };
    for (const listener of this.#listeners) listener(block);
    return block;
  }

  /** Selects the bundles and sends everything to the node in the order in which it shall be mined. */
  async #fillPool(input: {
    candidates: readonly BundleRecord[];
    publicTransactions: readonly string[];
    trades: readonly string[];
    context: BlockContext;
  }): Promise<FilledPool> {
    const { context } = input;
    const { included, payments } = await this.#selectBundles(input.candidates, context);
    const placed: Hash[] = [];
    const sent = new Set<string>();
    for (const record of included) {
      // One by one: anvil keeps the order of arrival (--order fifo), and executes the calls of a batch in any order.
      const raws = record.bundle.transactions.map(({ raw }) => raw);
      if ((await this.#offer(raws, placed)).length === raws.length) for (const raw of raws) sent.add(raw);
      else {
        // The node sees a fault that the simulation does not (say, a gas limit it never allows): the others are placed again without this one.
        record.fate = "not-executable";
        await this.#rpc.send("anvil_dropAllTransactions");
        return this.#fillPool({ ...input, candidates: input.candidates.filter((candidate) => candidate !== record) });
      }
    }
    const bundleGas = [...payments.values()].reduce((sum, simulation) => sum + simulation.gasUsed, 0n);
    const accepted = {
      publicTransactions: await this.#offer(input.publicTransactions, placed),
      trades: await this.#offer(input.trades, placed),
    };
    const othersGas = bundleGas + TRADE_GAS * BigInt(accepted.publicTransactions.length + accepted.trades.length);
    const rest = this.#restOfBlock(context.number, context.baseFeePerGas, othersGas);
    placed.push(asHash(await this.#rpc.send<string>("eth_sendRawTransaction", [rest])));
    for (const raw of [...accepted.publicTransactions, ...accepted.trades, rest]) sent.add(raw);
    return { placed, sent, included, payments, accepted };
  }

  async #poolSize(): Promise<number> {
    return Number((await this.#rpc.send<{ pending: string }>("txpool_status")).pending);
  }

  /** Each alone first, to learn what it pays; then on top of the better ones, dropping what no longer works there. */
  async #selectBundles(
    candidates: readonly BundleRecord[],
    context: BlockContext,
  ): Promise<{ included: BundleRecord[]; payments: Map<Hash, Simulation> }> {
    const payments = new Map<Hash, Simulation>();
    if (candidates.length === 0) return { included: [], payments };
    const senders = candidates.flatMap(({ bundle }) => bundle.transactions.map(({ from }) => from));
    const nonces = await noncesOf(this.#rpc, senders, "latest");
    const now = new Date();

    const paying: { record: BundleRecord; coinbaseDiff: bigint }[] = [];
    for (const record of candidates) {
      const { bundle } = record;
      record.consideredAt = now;
      if ((bundle.minTimestamp ?? 0) > context.timestamp || (bundle.maxTimestamp ?? Number.POSITIVE_INFINITY) < context.timestamp) {
        record.fate = "out-of-time";
        continue;
      }
      if (checkExecutable(bundle.transactions, nonces, context.baseFeePerGas) !== undefined) {
        record.fate = "not-executable";
        continue;
      }
      const simulation = await simulate(this.#rpc, bundle.transactions, context);
      record.simulatedAt = new Date();
      if (!simulation.ok) record.fate = "not-executable";
      else if (hasForbiddenRevert(bundle, simulation.value.transactions)) record.fate = "reverts";
      else paying.push({ record, coinbaseDiff: simulation.value.coinbaseDiff });
    }
    // Stable: of two that pay the same, the one that came first goes first.
    paying.sort((a, b) => (a.coinbaseDiff === b.coinbaseDiff ? 0 : a.coinbaseDiff > b.coinbaseDiff ? -1 : 1));

    const included: BundleRecord[] = [];
    let onTop: BundleTransaction[] = [];
    let gas = 0n;
    for (const { record } of paying) {
      const transactions = [...onTop, ...record.bundle.transactions];
      record.fate = "conflicts";
      if (checkExecutable(transactions, nonces, context.baseFeePerGas) !== undefined) continue;
      const simulation = await simulate(this.#rpc, transactions, context);
      if (!simulation.ok) continue;
      const own = simulation.value.transactions.slice(onTop.length);
      // Half the block is enough for bundles; the rest keeps room for everybody else.
      const fits = transactions.every(({ parsed }, index) => {
        const before = simulation.value.transactions.slice(0, index).reduce((sum, { gasUsed }) => sum + gasUsed, 0n);
        return before + parsed.gasLimit <= BLOCK_GAS_LIMIT;
      });
      if (!fits || hasForbiddenRevert(record.bundle, own) || simulation.value.gasUsed > BLOCK_GAS_LIMIT / ELASTICITY) continue;
      const sum = (of: (result: (typeof own)[number]) => bigint): bigint => own.reduce((total, result) => total + of(result), 0n);
      payments.set(record.bundle.bundleHash, {
        transactions: own,
        gasUsed: sum((r) => r.gasUsed),
        coinbaseDiff: sum((r) => r.coinbaseDiff),
      });
      included.push(record);
      onTop = transactions;
      gas = simulation.value.gasUsed;
    }
    invariant(gas <= BLOCK_GAS_LIMIT, "bundles fit into a block");
    return { included, payments };
  }

  /** Sends what may be refused; what is refused (used nonce, no money) is left out. Returns what was taken. */
  async #offer(raws: readonly string[], placed: Hash[]): Promise<string[]> {
    const accepted: string[] = [];
    for (const raw of raws) {
      try {
        placed.push(asHash(await this.#rpc.send<string>("eth_sendRawTransaction", [raw])));
        accepted.push(raw);
      } catch (error) {
        if (!(error instanceof RpcError)) throw error;
      }
    }
    return accepted;
  }

  /** Empties the node's pool of what others sent to it, so that bundles can go first. Unsigned (impersonated) transactions cannot be sent again: none are used. */
  async #takePublicPool(): Promise<string[]> {
    if ((await this.#poolSize()) === 0) return [];
    const content = await this.#rpc.send<{ pending: Record<string, Record<string, { hash: string }>> }>("txpool_content");
    const hashes = Object.values(content.pending).flatMap((byNonce) => {
      const entries = Object.entries(byNonce).sort(([a], [b]) => Number(a) - Number(b));
      return entries.map(([, transaction]) => transaction.hash);
    });
    const raws = await this.#rpc.batch<string>(hashes.map((hash) => ({ method: "eth_getRawTransactionByHash", params: [hash] })));
    await this.#rpc.batch(hashes.map((hash) => ({ method: "anvil_dropTransaction", params: [hash] })));
    return raws;
  }

  /**
   * A transaction that makes the block as full as the base fee's next step asks for. So the base fee follows EIP-1559 to the letter, as anyone predicting it
   * assumes, and still walks gently around the recorded one: by as much gas as the seed says.
   */
  #restOfBlock(number: number, baseFeePerGas: bigint, othersGas: bigint): string {
    const random = randomFor(this.#seed, "base fee", number, this.#branch);
    const pull = BASE_FEE_PULL * Math.log(Number(this.#recordedBaseFee) / Number(baseFeePerGas));
    const step = Math.max(-BASE_FEE_STEP_MAX, Math.min(BASE_FEE_STEP_MAX, pull + BASE_FEE_STEP * random.normal()));
    const target = Number(BLOCK_GAS_LIMIT / ELASTICITY);
    const wanted = BigInt(Math.round(target * (1 + Number(BASE_FEE_CHANGE_DENOMINATOR) * step)));
    const amount = wanted > othersGas + REST_OVERHEAD_GAS ? wanted - othersGas - REST_OVERHEAD_GAS : 0n;
    const data = this.#marketAbi.encodeFunctionData("restOfBlock", [amount]);
    // EIP-150 keeps back a 64th of the gas from the inner call.
    const gasLimit = (amount * 64n) / 63n + 2n * REST_OVERHEAD_GAS;
    return sign(CROWD, CHAIN_ID, { nonce: this.#crowdNonce, to: this.#market, data, gasLimit }).raw;
  }

  async #nextBaseFee(): Promise<bigint> {
    const history = await this.#rpc.send<{ baseFeePerGas: string[] }>("eth_feeHistory", ["0x1", "latest", []]);
    const next = history.baseFeePerGas.at(-1);
    if (next === undefined) throw new InvariantError("eth_feeHistory has no next base fee");
    return BigInt(next);
  }

  #timestampOf(number: number): number {
    return GENESIS_TIMESTAMP + number * this.#secondsPerBlock;
  }

  #remember(ingredients: Ingredients): void {
    this.#history = [...this.#history, ingredients].slice(-REORG_DEPTH_MAX);
    for (const blockNumber of this.#records.keys())
      if (blockNumber < ingredients.number - FATES_KEPT_BLOCKS) this.#records.delete(blockNumber);
  }
}

export interface BuilderOptions {
  readonly rpc: RpcClient;
  readonly seed: number;
  readonly market: Address;
  readonly recordedBaseFee: bigint;
  readonly blockTimeMs: number;
  readonly trades: TradeSource;
}

interface RawBlock {
  readonly number: string;
  readonly hash: string;
  readonly timestamp: string;
  readonly baseFeePerGas: string;
  readonly gasUsed: string;
  readonly transactions: readonly string[];
}

const headOf = (block: RawBlock): Head => ({
  number: Number(block.number),
  hash: asHash(block.hash),
  timestamp: Number(block.timestamp),
  baseFeePerGas: BigInt(block.baseFeePerGas),
  gasUsed: BigInt(block.gasUsed),
});

const readHead = async (rpc: RpcClient): Promise<Head> => headOf(await rpc.send<RawBlock>("eth_getBlockByNumber", ["latest", false]));

/** EIP-1559: base fee of the block after `parent`, for a gas limit of BLOCK_GAS_LIMIT. Rounds as the specification does. */
export function baseFeeAfter(parent: Pick<Head, "baseFeePerGas" | "gasUsed">): bigint {
  const target = BLOCK_GAS_LIMIT / ELASTICITY;
  if (parent.gasUsed === target) return parent.baseFeePerGas;
  if (parent.gasUsed > target) {
    const delta = (parent.baseFeePerGas * (parent.gasUsed - target)) / target / BASE_FEE_CHANGE_DENOMINATOR;
    return parent.baseFeePerGas + (delta > 0n ? delta : 1n);
  }
  return parent.baseFeePerGas - (parent.baseFeePerGas * (target - parent.gasUsed)) / target / BASE_FEE_CHANGE_DENOMINATOR;
}
