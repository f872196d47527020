/**
 * The tests that every family with ranges passes against its protocol's own contracts: pools with liquidity of many shapes, random acts on them, every quote
 * asked of the pools. A family's own test says how its protocol is deployed and spoken to (`testAgainstContracts`), and what else its run has to have seen.
 */

import { Contract, Interface } from "ethers";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { DexDeployment } from "#libs/chains/chain.ts";
import { artifact } from "#libs/contracts/artifact.ts";
import { addressOf, deployOurs } from "#libs/contracts/testing.ts";
import { type RangesState, sortTicks } from "#libs/dex/concentrated/ranges.ts";
import { swapExactIn, swapExactOut } from "#libs/dex/concentrated/swap-math.ts";
import { getSqrtRatioAtTick, MAX_SQRT_RATIO, MAX_TICK, MIN_SQRT_RATIO } from "#libs/dex/concentrated/tick-math.ts";
import { decodeV3PoolCreated } from "#libs/dex/concentrated/v3.ts";
import type { ChainReader, Said } from "#libs/dex/family.ts";
import { type DexTestChain, type SentTransaction, startDexTestChain, towards } from "#libs/dex/testing.ts";
import { sizesOf } from "#libs/dex/verify.ts";
import { addressWord, intAt, padWord, uintAt } from "#libs/evm/hex.ts";
import { type Rpc, RpcClient } from "#libs/evm/rpc.ts";
import { type Random, randomFor } from "#libs/localnet/random.ts";
import { type Address, asAddress } from "#libs/units/brand.ts";
import { invariant } from "#libs/units/invariant.ts";
import type { LogRow } from "#proto/block/v1/observed.ts";
import type { RangesStateRow } from "#proto/pool/v1/state.ts";

export interface RangesPoolInfo {
  readonly pool: Address;
  readonly tokens: readonly Address[];
  readonly facts: { readonly tickSpacing: number };
}

/** What these tests need of a family of pools with ranges, whichever it is. */
export interface RangesFamily {
  topics(deployment: DexDeployment): { readonly created: readonly string[]; readonly state: readonly string[] };
  decodeCreated(log: LogRow, deployment: DexDeployment): RangesPoolInfo | Address | null;
  describe(reader: ChainReader, deployment: DexDeployment, pools: readonly Address[]): Promise<(RangesPoolInfo | null)[]>;
  enumerate?(reader: ChainReader, deployment: DexDeployment, fromIndex: number): Promise<readonly Address[]>;
  poolOf(log: LogRow, deployment: DexDeployment): Address | null;
  created(): RangesState;
  isLive(state: RangesState): boolean;
  applyLog(info: RangesPoolInfo, state: RangesState, log: LogRow): RangesStateRow;
  applyRow(state: RangesState, row: RangesStateRow): void;
  toRow(info: RangesPoolInfo, state: RangesState): RangesStateRow;
  toChangeRow(info: RangesPoolInfo, state: RangesState, like: RangesStateRow): RangesStateRow;
  mergeUndo(earlier: RangesStateRow, later: RangesStateRow): RangesStateRow;
  read(reader: ChainReader, deployment: DexDeployment, pools: readonly RangesPoolInfo[]): Promise<RangesStateRow[]>;
  readonly refresh?: {
    needed(info: RangesPoolInfo, state: RangesState): boolean;
    read(reader: ChainReader, deployment: DexDeployment, pools: readonly RangesPoolInfo[], timestamp: number): Promise<RangesStateRow[]>;
  };
  ask(
    client: Rpc,
    at: { readonly blockHash: string; readonly multicall3: string; readonly timestamp?: number },
    deployment: DexDeployment,
    questions: readonly { info: RangesPoolInfo; row: RangesStateRow; indexIn: number; indexOut: number; amountIn: bigint; ours: bigint }[],
  ): Promise<Said[]>;
  holdings(info: RangesPoolInfo, state: RangesState): readonly bigint[];
  quoteExactIn(info: RangesPoolInfo, state: RangesState, swap: { indexIn: number; indexOut: number; amountIn: bigint }): bigint;
  quoteExactOut?(info: RangesPoolInfo, state: RangesState, swap: { indexIn: number; indexOut: number; amountOut: bigint }): bigint;
  afterSwap(info: RangesPoolInfo, state: RangesState, swap: { indexIn: number; indexOut: number; amountIn: bigint }): RangesStateRow | null;
  quotableAgain(info: RangesPoolInfo): boolean;
}

/** Where liquidity lies, in tick spacings around the first price, or between the ends of the price range. */
export type Range = readonly [lower: number, upper: number] | "all";

export interface PoolSpec {
  /** Indices into the chain's tokens, ascending. */
  readonly tokens: readonly [number, number];
  /** What the protocol tells pools of the same tokens apart by: a fee, a tick spacing, a plugin. */
  readonly key: number;
  /** That positions keep. */
  readonly spacing: number;
  /** `facts.tickSpacing`, where it is not what positions keep. */
  readonly table?: number;
  /** Raw amount of token1 for 2^64 of token0. */
  readonly price: bigint;
  readonly ranges: readonly Range[];
  /** How much liquidity lies in each range, in bits; 30 to 80 when not given. */
  readonly bits?: readonly [number, number];
  /** The fee follows the price, so that it is known of the first swap of a block only. */
  readonly slides?: boolean;
  /** All prices keep some liquidity, and swaps keep the price from their ends. */
  readonly stays?: boolean;
}

/** Positive what comes in, negative what goes out, as pools understand it. */
export interface Swap {
  readonly zeroForOne: boolean;
  readonly amountSpecified: bigint;
}

/** Raw token units, fee included, of what the pool takes and pays, also where that is not all that was specified. */
export interface SwapDone {
  readonly amountIn: bigint;
  readonly amountOut: bigint;
  readonly sqrtPriceX96: bigint;
}

/** How a protocol's pools are spoken to, and our computation of all that one of their swaps does. */
export interface RangesDialect {
  mint(owner: Address, lower: number, upper: number, amount: bigint): string;
  burn(lower: number, upper: number, amount: bigint): string;
  compute(info: RangesPoolInfo, state: RangesState, swap: Swap): SwapDone & { readonly liquidity: bigint };
  /** What the pools themselves do in a block of that time, up to the end of the price range; null where one refuses. */
  ask(market: RangesMarket, swaps: readonly (Swap & { readonly pool: Address })[], timestamp: number): Promise<(SwapDone | null)[]>;
}

export interface RangesProtocol extends RangesDialect {
  readonly family: RangesFamily;
  readonly deployment: DexDeployment;
  readonly specs: readonly PoolSpec[];
  /** Its `Swap`s: both amounts, the price and the liquidity after it are their first words. */
  readonly swapTopics: readonly string[];
  /** Seconds that blocks may be apart. */
  readonly pauses: readonly number[];
  /** Creates a pool, and initialises it where creation does not. */
  createPool(spec: PoolSpec, tokens: readonly [Address, Address], sqrtPriceX96: bigint): Promise<SentTransaction[]>;
  /** Something that only the protocol's owner does to a pool (fees). */
  govern?(info: RangesPoolInfo, random: Random): Promise<SentTransaction>;
}

export interface TestPool {
  readonly info: RangesPoolInfo;
  readonly state: RangesState;
  readonly spec: PoolSpec;
  /** Liquidity of our positions by `lower/upper`. */
  readonly positions: Map<string, bigint>;
}

/** What people do to a pool, planned before the block that it is mined in. */
interface Plan {
  readonly pool: TestPool;
  readonly data: string;
  readonly swap: (Swap & { readonly limit: bigint }) | null;
  /** Keeps the books of positions once it has happened. */
  readonly done: () => void;
}

export interface RunSize {
  readonly blocks: number;
  /** Asked before each block. */
  readonly quotes: number;
  /** Of all these, how many at least are paid whole. */
  readonly paid: number;
}

export class RunCounts {
  blocks = 0;
  transactions = 0;
  failed = 0;
  events = 0;
  exactIn = 0;
  exactOut = 0;
  /** Swaps asked for more than the pool takes or has. */
  beyond = 0;
  crossings = 0;
  refused = 0;
  /** Swaps mined that did not stop at a limit of their own: each does what was computed before. */
  swapsExecuted = 0;
  /**
   * Of these the exact inputs taken whole: each leaves the state that was computed before. And of these again those after another swap of the block in the same
   * pool.
   */
  planned = 0;
  again = 0;
  withoutLiquidity = 0;
  governed = 0;
  /** Fees that are another in the next block than what the pool had last, so that nothing but `refresh` could know them. */
  feesMoved = 0;
  readonly fees = new Set<number>();
}

const LOWEST_LIMIT = MIN_SQRT_RATIO + 1n;
const HIGHEST_LIMIT = MAX_SQRT_RATIO - 1n;
const Q96 = 2n ** 96n;
/** One eth_call: a quote that drains a pool of spacing 1 walks 3,500 words of its bitmap. */
const QUOTES_PER_CALL = 100;
/** How many swaps of a pool of spacing 1 may go to the end of its prices: 3,500 words of its bitmap take the node a while. */
const DRAINED_SLOWLY = 0.02;
/** A pool of spacing 1 takes the lens 18 million gas: all are read after each of so many blocks, those that something happened to after each. */
const BLOCKS_PER_READING = 6;
/** Exact inputs without a limit of their own, in each block. */
const PLAIN_SWAPS = 2;
/** Of the liquidity of a pool that stays, from one end of the prices to the other: what is never burnt. */
const STAYING = 2n ** 40n;
const NOBODY = asAddress(`0x${"77".repeat(20)}`);

/** The part of pools' interfaces that all these protocols kept. */
export const TICK_POOL = new Interface([
  "function initialize(uint160 sqrtPriceX96)",
  "function mint(address recipient, int24 tickLower, int24 tickUpper, uint128 amount, bytes data)",
  "function burn(int24 tickLower, int24 tickUpper, uint128 amount)",
  "function swap(address recipient, bool zeroForOne, int256 amountSpecified, uint160 sqrtPriceLimitX96, bytes data)",
  "function collect(address recipient, int24 tickLower, int24 tickUpper, uint128 amount0, uint128 amount1)",
]);
const TRADER = new Interface(artifact("TickTrader").abi);
const ASK = TRADER.getFunction("ask")?.selector;

/** Of Uniswap V3 and those that kept its pools' functions, whatever their callbacks are called. */
export const V3_DIALECT: RangesDialect & Pick<RangesProtocol, "pauses"> = {
  pauses: Array.from({ length: 40 }, (_, index) => index + 1),
  mint: (owner, lower, upper, amount) => TICK_POOL.encodeFunctionData("mint", [owner, lower, upper, amount, "0x"]),
  burn: (lower, upper, amount) => TICK_POOL.encodeFunctionData("burn", [lower, upper, amount]),
  compute({ facts: { tickSpacing } }, state, { zeroForOne, amountSpecified }) {
    sortTicks(state);
    const pool = { zeroForOne, feePips: state.feePips[zeroForOne ? 0 : 1], tickSpacing };
    if (amountSpecified > 0n) {
      const { amountInUsed, ...swap } = swapExactIn(state, { ...pool, amountIn: amountSpecified });
      return { ...swap, amountIn: amountInUsed };
    }
    const { amountOutPaid, ...swap } = swapExactOut(state, { ...pool, amountOut: -amountSpecified });
    return { ...swap, amountOut: amountOutPaid };
  },
  async ask({ dex, trader }, swaps, timestamp) {
    const reader = await dex.readerAt();
    // By hand: for so many, a general encoder takes longer than some pools do.
    const questions = swaps.map(
      ({ pool, zeroForOne, amountSpecified }) =>
        `${addressWord(pool)}${padWord(zeroForOne ? 1n : 0n)}${padWord(BigInt.asUintN(256, amountSpecified))}`,
    );
    const answer = await reader.call(trader, `${ASK}${padWord(32n)}${padWord(BigInt(swaps.length))}${questions.join("")}`, timestamp);
    expect(uintAt(answer, 1)).toBe(BigInt(3 * swaps.length));
    return swaps.map(({ zeroForOne }, index) => {
      const [amount0, amount1, sqrtPriceX96] = [2, 3, 4].map((word) => intAt(answer, 3 * index + word)) as [bigint, bigint, bigint];
      return sqrtPriceX96 === 0n ? null : doneOf({ amount0, amount1, sqrtPriceX96 }, zeroForOne);
    });
  },
};

/** A pool's own account of a swap: of each token what it takes, negative what it pays. */
export const doneOf = (
  { amount0, amount1, sqrtPriceX96 }: { readonly amount0: bigint; readonly amount1: bigint; readonly sqrtPriceX96: bigint },
  zeroForOne: boolean,
): SwapDone => ({
  sqrtPriceX96,
  ...(zeroForOne ? { amountIn: amount0, amountOut: -amount1 } : { amountIn: amount1, amountOut: -amount0 }),
});

/** Ranges around the first price. */
export function near(count: number, spread: number, width: number): Range[] {
  const draw = randomFor("ranges", count, spread, width);
  return Array.from({ length: count }, () => {
    const lower = Math.round(draw.normal() * spread);
    return [lower, lower + draw.integer(1, width)] as const;
  });
}

/** The first price lies in a gap, and there are more gaps on either side. */
export const ISLANDS: readonly Range[] = [
  [-900, -898],
  [-400, -370],
  [-398, -397],
  [-60, -40],
  [3, 5],
  [40, 70],
  [45, 46],
  [300, 320],
  [1_000, 1_002],
];

function sqrt(value: bigint): bigint {
  let root = 2n ** BigInt(Math.ceil(value.toString(2).length / 2));
  for (;;) {
    const next = (root + value / root) / 2n;
    if (next >= root) return root;
    root = next;
  }
}

/** Uniform in its logarithm, between two powers of two. */
export function logUniform(random: Random, bitsFrom: number, bitsTo: number): bigint {
  const bits = bitsFrom + random.unit() * (bitsTo - bitsFrom);
  const top = 2n ** BigInt(Math.floor(bits));
  return top + (top * BigInt(Math.floor(random.unit() * 2 ** 32))) / 2n ** 32n;
}

/**
 * A transaction of the account that deployed everything, and so governs it. Throws when it reverts. Sent and mined in one request: ethers' `wait` never returns
 * for a transaction that is mined while it begins to listen.
 */
export async function governance(dex: DexTestChain, contract: Contract, name: string, args: readonly unknown[]): Promise<SentTransaction> {
  const { provider, signer } = dex.chain;
  const values = await Promise.all(args.map((value) => (value instanceof Contract ? addressOf(value) : value)));
  const transaction = {
    from: signer.address,
    to: await addressOf(contract),
    data: contract.interface.encodeFunctionData(name, values),
    gas: "0x989680",
  };
  const { status, blockHash } = (await provider.send("eth_sendTransactionSync", [transaction])) as { status: string; blockHash: string };
  invariant(status === "0x1", `${name}(${args.join()}) reverts`);
  // None of it is an event of a pool.
  return { ok: true, blockHash, logs: [] };
}

const FACTORY = new Interface(["function createPool(address tokenA, address tokenB, uint24 fee)"]);

/** Of factories that keep Uniswap V3's `createPool`. */
export const createByFee =
  (dex: DexTestChain, factory: Address): RangesProtocol["createPool"] =>
  async ({ key }, [token0, token1], sqrtPriceX96) => {
    const created = await dex.send(factory, FACTORY.encodeFunctionData("createPool", [token1, token0, key]));
    const log = created.logs.find(([address]) => address === factory);
    invariant(log !== undefined, "a pool is announced");
    return [created, await dex.send(decodeV3PoolCreated(log).pool, TICK_POOL.encodeFunctionData("initialize", [sqrtPriceX96]))];
  };

/** Pools of one protocol on a test chain, our picture of them, and the means to act on them and to compare. */
export class RangesMarket {
  readonly dex: DexTestChain;
  readonly protocol: RangesProtocol;
  readonly random: Random;
  readonly pools: TestPool[] = [];
  readonly counts = new RunCounts();
  readonly #byAddress = new Map<string, TestPool>();
  /** Owns all positions but those of a test's own making. */
  readonly trader: Address;

  private constructor(dex: DexTestChain, protocol: RangesProtocol, trader: Address, seed: string) {
    this.dex = dex;
    this.protocol = protocol;
    this.random = randomFor("ranges differential", protocol.deployment.variant, protocol.deployment.id, seed);
    this.trader = trader;
  }

  /** Creates all pools with their liquidity, and follows them from their first event on. */
  static async open(dex: DexTestChain, protocol: RangesProtocol, seed: string): Promise<RangesMarket> {
    const trader = await addressOf(await deployOurs(dex.chain.signer, "TickTrader", []));
    const market = new RangesMarket(dex, protocol, trader, seed);
    for (const spec of protocol.specs) await market.#open(spec);
    return market;
  }

  async #open(spec: PoolSpec): Promise<void> {
    const { family, deployment } = this.protocol;
    const { spacing, stays, table = spacing } = spec;
    const tokens = [this.dex.tokens[spec.tokens[0]], this.dex.tokens[spec.tokens[1]]] as [Address, Address];
    const sqrtPriceX96 = (sqrt(spec.price * 2n ** 64n) * Q96) / 2n ** 64n;
    const sent = await this.protocol.createPool(spec, tokens, sqrtPriceX96);
    const logs = sent.flatMap((each) => each.logs);
    const { created } = family.topics(deployment);
    const log = logs.find(([address, topics]) => address === deployment.factory && created.includes(topics[0] as string));
    invariant(sent.every(({ ok }) => ok) && log !== undefined, `no pool of key ${spec.key}`);
    const reader = await this.dex.readerAt();
    const announced = family.decodeCreated(log, deployment);
    const info = typeof announced === "string" ? (await family.describe(reader, deployment, [announced]))[0] : announced;
    invariant(info !== null && info !== undefined, "the event says all, or the factory knows its pool");
    expect(info).toEqual({ pool: info.pool, tokens, facts: { tickSpacing: table } });
    const state = family.created();
    expect(family.isLive(state)).toBe(false);
    // The fee is in no event of the pool: it comes with the first reading.
    const [first] = await family.read(reader, deployment, [info]);
    family.applyRow(state, first as RangesStateRow);
    const pool: TestPool = { info, state, spec, positions: new Map() };
    this.pools.push(pool);
    this.#byAddress.set(info.pool, pool);
    this.follow({ logs });
    expect(state.sqrtPriceX96).toBe(sqrtPriceX96);
    const [bitsFrom, bitsTo] = spec.bits ?? [30, 80];
    const middle = Math.round(state.tick / spacing);
    const end = Math.floor(MAX_TICK / spacing);
    if (stays === true) this.follow(await this.#sure(pool, this.protocol.mint(this.trader, -end * spacing, end * spacing, STAYING)));
    for (const range of spec.ranges) {
      const [lower, upper] = range === "all" ? [-end, end] : [middle + range[0], middle + range[1]];
      const plan = this.#mint(pool, lower * spacing, upper * spacing, logUniform(this.random, bitsFrom, bitsTo));
      this.follow(await this.#sure(pool, plan.data));
      plan.done();
    }
    expect(family.isLive(state)).toBe(true);
  }

  rows(): RangesStateRow[] {
    return this.pools.map(({ info, state }) => this.protocol.family.toRow(info, state));
  }

  infos(): RangesPoolInfo[] {
    return this.pools.map(({ info }) => info);
  }

  /** From the contract that provides all liquidity and trades. */
  execute(target: Address, data: string): Promise<SentTransaction> {
    return this.dex.send(this.trader, TRADER.encodeFunctionData("execute", [target, data]));
  }

  async #sure({ info }: TestPool, data: string): Promise<SentTransaction> {
    const sent = await this.execute(info.pool, data);
    invariant(sent.ok, `${info.pool} refuses ${data}`);
    return sent;
  }

  #mint(pool: TestPool, lower: number, upper: number, amount: bigint): Plan {
    const key = `${lower}/${upper}`;
    const done = () => pool.positions.set(key, (pool.positions.get(key) ?? 0n) + amount);
    return { pool, data: this.protocol.mint(this.trader, lower, upper, amount), swap: null, done };
  }

  #burn(pool: TestPool, key: string, amount: bigint): Plan {
    const [lower, upper] = key.split("/").map(Number) as [number, number];
    const done = () => {
      const left = (pool.positions.get(key) ?? 0n) - amount;
      if (left === 0n) pool.positions.delete(key);
      else pool.positions.set(key, left);
    };
    return { pool, data: this.protocol.burn(lower, upper, amount), swap: null, done };
  }

  /** Applies the logs of a transaction to the pools. Each row that undoes one is tried at once, and so is the row that carries the change. */
  follow({ logs }: Pick<SentTransaction, "logs">): Map<TestPool, RangesStateRow> {
    const { family, deployment } = this.protocol;
    const { state: topics } = family.topics(deployment);
    const undo = new Map<TestPool, RangesStateRow>();
    for (const log of logs) {
      if (!topics.includes(log[1][0] as string)) continue;
      const address = family.poolOf(log, deployment);
      const pool = address === null ? undefined : this.#byAddress.get(address);
      if (pool === undefined) continue;
      const { info, state } = pool;
      const before = family.toRow(info, state);
      const row = family.applyLog(info, state, log);
      const after = family.toRow(info, state);
      const copy = family.created();
      family.applyRow(copy, before);
      family.applyRow(copy, family.toChangeRow(info, state, row));
      expect(family.toRow(info, copy)).toEqual(after);
      family.applyRow(copy, row);
      expect(family.toRow(info, copy)).toEqual(before);
      const earlier = undo.get(pool);
      undo.set(pool, earlier === undefined ? row : family.mergeUndo(earlier, row));
      this.counts.events++;
    }
    return undo;
  }

  /** What moves without events, as it will be at `timestamp`. Returns what undoes it. */
  async refresh(timestamp: number): Promise<Map<TestPool, RangesStateRow>> {
    const { family, deployment } = this.protocol;
    const undo = new Map<TestPool, RangesStateRow>();
    if (family.refresh === undefined) return undo;
    const moving = this.pools.filter(({ info, state }) => family.refresh?.needed(info, state));
    const rows = await family.refresh.read(
      await this.dex.readerAt(),
      deployment,
      moving.map(({ info }) => info),
      timestamp,
    );
    expect(rows.length).toBe(moving.length);
    for (const row of rows) {
      const pool = this.#byAddress.get(row[0]) as TestPool;
      const { info, state } = pool;
      undo.set(pool, family.toChangeRow(info, state, row));
      const before = family.toRow(info, state);
      family.applyRow(state, row);
      const after = family.toRow(info, state);
      if (after[4] !== before[4] || after[5] !== before[5]) this.counts.feesMoved++;
      this.counts.fees.add(after[4]).add(after[5]);
      // Logs and chain agree on all but the fee.
      expect([after.slice(0, 4), after[6]]).toEqual([before.slice(0, 4), before[6]]);
    }
    return undo;
  }

  /** A size worth asking: from 1 unit over what the pool's liquidity is made for to far more than it holds. */
  #drawAmount({ info, state }: TestPool): bigint {
    const { random } = this;
    const kind = random.unit();
    if (kind < 0.1) return BigInt(random.integer(1, 3));
    if (kind < 0.45) return logUniform(random, 0, 60);
    const bits = state.liquidity.toString(2).length;
    if (info.facts.tickSpacing === 1 && !random.chance(DRAINED_SLOWLY)) return logUniform(random, 0, Math.max(20, bits - 2));
    return kind < 0.92 ? logUniform(random, 20, Math.max(40, bits + 4)) : logUniform(random, 60, 120);
  }

  /** One thing that people do to pools. */
  #plan(): Plan {
    const { random } = this;
    const pool = random.pick(this.pools);
    const { state, positions, spec } = pool;
    const kind = random.unit();
    if (kind < 0.25 || positions.size < 5) {
      const end = Math.floor(MAX_TICK / spec.spacing);
      const from = Math.floor(state.tick / spec.spacing) + Math.round(random.normal() * random.pick([2, 20, 300]));
      const lower = Math.max(-end, Math.min(end - 1, from));
      const upper = Math.min(end, lower + random.pick([1, 2, random.integer(1, 50), random.integer(1, 800)]));
      return this.#mint(pool, lower * spec.spacing, upper * spec.spacing, logUniform(random, 0, random.pick([50, 80])));
    }
    if (kind < 0.4) {
      const [key, liquidity] = random.pick([...positions]);
      const part = random.chance(0.2) ? 0n : 1n + (liquidity * BigInt(random.integer(0, 999))) / 1_000n;
      return this.#burn(pool, key, random.chance(0.4) ? liquidity : part);
    }
    if (kind < 0.45) {
      const most = 2n ** 128n - 1n;
      const [lower, upper] = random.pick([...positions.keys()]).split("/");
      const data = TICK_POOL.encodeFunctionData("collect", [this.trader, lower, upper, most, most]);
      return { pool, data, swap: null, done: () => {} };
    }
    return this.#swap(pool);
  }

  #swap(pool: TestPool): Plan {
    const { random } = this;
    const { info, state, spec, positions } = pool;
    // Most swaps stop at the latest where somebody has a position, so that the pool is where its liquidity is; of the others some drain it.
    const [lower, upper] = random
      .pick([...positions.keys()])
      .split("/")
      .map(Number) as [number, number];
    const near = getSqrtRatioAtTick(random.integer(lower, upper - 1)) + BigInt(random.integer(1, 1_000));
    const isFar = spec.stays !== true && random.chance(info.facts.tickSpacing === 1 ? DRAINED_SLOWLY : 0.3);
    const zeroForOne = isFar ? random.chance(0.5) : near < state.sqrtPriceX96;
    const limit = isFar ? (zeroForOne ? LOWEST_LIMIT : HIGHEST_LIMIT) : near;
    const amount = this.#drawAmount(pool);
    const amountSpecified = random.chance(0.7) ? amount : -amount;
    const data = TICK_POOL.encodeFunctionData("swap", [this.trader, zeroForOne, amountSpecified, limit, "0x"]);
    return { pool, data, swap: { zeroForOne, amountSpecified, limit }, done: () => {} };
  }

  /** Of no more than a hundredth of what the pool holds, where that is not next to nothing. */
  #plainSwap(pool: TestPool): Plan {
    const { random } = this;
    const zeroForOne = random.chance(0.5);
    const held = this.protocol.family.holdings(pool.info, pool.state)[zeroForOne ? 0 : 1] as bigint;
    const amountSpecified = logUniform(random, 4, Math.max(12, held.toString(2).length - 7));
    const limit = zeroForOne ? LOWEST_LIMIT : HIGHEST_LIMIT;
    const data = TICK_POOL.encodeFunctionData("swap", [this.trader, zeroForOne, amountSpecified, limit, "0x"]);
    return { pool, data, swap: { zeroForOne, amountSpecified, limit }, done: () => {} };
  }

  /** A few transactions in one block, or what the protocol's owner does. Swaps within their limits do exactly what is computed before. Returns undo rows. */
  async #block(timestamp: number): Promise<Map<TestPool, RangesStateRow>[]> {
    const { random, counts, protocol } = this;
    counts.blocks++;
    if (protocol.govern !== undefined && random.chance(0.15)) {
      counts.governed++;
      counts.transactions++;
      await this.dex.chain.provider.send("evm_setNextBlockTimestamp", [timestamp]);
      return [this.follow(await protocol.govern(random.pick(this.pools).info, random))];
    }
    const plans = Array.from({ length: random.integer(1, 3) }, () => this.#plan());
    for (let more = 0; more < PLAIN_SWAPS; more++) {
      const free = this.pools.filter((pool) => pool.spec.slides !== true || !plans.some((plan) => plan.pool === pool));
      const before = plans.at(-1)?.pool;
      const again = more > 0 && before !== undefined && free.includes(before) && random.chance(0.5);
      plans.push(this.#plainSwap(again ? before : random.pick(free)));
    }
    const mined = await this.dex.mine(
      plans.map(({ pool, data }) => ({ to: this.trader, data: TRADER.encodeFunctionData("execute", [pool.info.pool, data]) })),
      timestamp,
    );
    const swapped = new Set<TestPool>();
    return mined.map((sent, index) => {
      const plan = plans[index] as Plan;
      counts.transactions++;
      if (sent.ok) plan.done();
      else counts.failed++;
      const { pool, swap } = plan;
      if (swap === null) return this.follow(sent);
      const isFirst = !swapped.has(pool);
      swapped.add(pool);
      const planned = pool.spec.slides === true && !isFirst ? null : this.#compareExecuted(pool, swap, sent);
      const undo = this.follow(sent);
      if (planned !== null) {
        expect(protocol.family.toChangeRow(pool.info, pool.state, planned)).toEqual(planned);
        counts.planned++;
        if (!isFirst) counts.again++;
      }
      return undo;
    });
  }

  /** Returns what the state has to be after it, where it is an exact input that the pool takes whole. */
  #compareExecuted({ info, state }: TestPool, swap: Swap & { readonly limit: bigint }, { logs }: SentTransaction): RangesStateRow | null {
    const log = logs.find(([address, topics]) => address === info.pool && this.protocol.swapTopics.includes(topics[0] as string));
    if (log === undefined) return null;
    const [amount0, amount1, sqrtPriceX96, liquidity] = [intAt(log[2], 0), intAt(log[2], 1), uintAt(log[2], 2), uintAt(log[2], 3)];
    const isOwnLimit = swap.limit !== LOWEST_LIMIT && swap.limit !== HIGHEST_LIMIT;
    if (isOwnLimit && sqrtPriceX96 === swap.limit) return null;
    this.counts.swapsExecuted++;
    const { amountIn, amountOut, ...after } = this.protocol.compute(info, state, swap);
    expect({ amountIn, amountOut, sqrtPriceX96: after.sqrtPriceX96, liquidity: after.liquidity }).toEqual({
      ...doneOf({ amount0, amount1, sqrtPriceX96 }, swap.zeroForOne),
      liquidity,
    });
    if (swap.amountSpecified < 0n) return null;
    const planned = this.protocol.family.afterSwap(info, state, { ...towards(swap.zeroForOne), amountIn: swap.amountSpecified });
    expect(planned === null).toBe(amountIn < swap.amountSpecified || amountOut === 0n);
    return planned;
  }

  #quote({ info, state }: TestPool, { zeroForOne, amountSpecified }: Swap): bigint {
    const { family } = this.protocol;
    if (amountSpecified > 0n) return family.quoteExactIn(info, state, { ...towards(zeroForOne), amountIn: amountSpecified });
    invariant(family.quoteExactOut !== undefined, "these protocols all swap for an exact output");
    return family.quoteExactOut(info, state, { ...towards(zeroForOne), amountOut: -amountSpecified });
  }

  /** Random swaps in both directions and of both kinds, each against what the pool itself does in a block of that time. */
  async compareQuotes(count: number, timestamp: number): Promise<void> {
    for (let done = 0; done < count; done += QUOTES_PER_CALL) {
      const asked = Array.from({ length: Math.min(QUOTES_PER_CALL, count - done) }, () => {
        const pool = this.random.pick(this.pools);
        const amount = this.#drawAmount(pool);
        const swap: Swap = { zeroForOne: this.random.chance(0.5), amountSpecified: this.random.chance(0.65) ? amount : -amount };
        return { pool, swap };
      });
      const questions = asked.map(({ pool, swap }) => ({ pool: pool.info.pool, ...swap }));
      const answers = await this.protocol.ask(this, questions, timestamp);
      expect(answers.length).toBe(asked.length);
      for (const [index, { pool, swap }] of asked.entries()) this.#compareQuote(pool, swap, answers[index] as SwapDone | null);
    }
  }

  #compareQuote(pool: TestPool, swap: Swap, theirs: SwapDone | null): void {
    const { info, state } = pool;
    const { counts } = this;
    const { zeroForOne, amountSpecified } = swap;
    const isExactIn = amountSpecified > 0n;
    const row = this.protocol.family.toRow(info, state);
    const note = `${JSON.stringify(row)}, spacing ${info.facts.tickSpacing}, zeroForOne ${zeroForOne}, ${amountSpecified}`;
    if (isExactIn) counts.exactIn++;
    else counts.exactOut++;
    if (state.liquidity === 0n) counts.withoutLiquidity++;
    if (theirs === null) counts.refused++;
    else {
      const { amountIn, amountOut, sqrtPriceX96 } = this.protocol.compute(info, state, swap);
      expect({ amountIn, amountOut, sqrtPriceX96 }, note).toEqual(theirs);
    }
    const isWhole = theirs !== null && (isExactIn ? theirs.amountIn : -theirs.amountOut) === amountSpecified;
    if (!isWhole) counts.beyond++;
    expect(this.#quote(pool, swap), note).toBe(!isWhole ? 0n : isExactIn ? theirs.amountOut : theirs.amountIn);
    // Counted by the pool's own price, not by our steps.
    const ratio = theirs === null ? 1 : Number(theirs.sqrtPriceX96) / Number(state.sqrtPriceX96);
    const tickAfter = state.tick + Math.round(Math.log(ratio * ratio) / Math.log(1.0001));
    const upTo = (tick: number) => state.sortedTicks.filter((each) => each <= tick).length;
    counts.crossings += Math.abs(upTo(tickAfter) - upTo(state.tick));
  }

  /** `read` at the head gives what following gave. */
  async expectRead(pools: readonly TestPool[] = this.pools): Promise<void> {
    const { family, deployment } = this.protocol;
    const read = await family.read(
      await this.dex.readerAt(),
      deployment,
      pools.map(({ info }) => info),
    );
    const byPool = new Map(read.map((row) => [row[0], row]));
    expect(pools.map(({ info }) => byPool.get(info.pool))).toEqual(pools.map(({ info, state }) => family.toRow(info, state)));
  }

  /** The factory's own pools are known and described, others are not. */
  async expectDescribed(): Promise<void> {
    const { family, deployment } = this.protocol;
    const reader = await this.dex.readerAt();
    const stranger = this.trader;
    const addresses = this.pools.map(({ info }) => info.pool);
    expect(await family.describe(reader, deployment, [NOBODY, ...addresses, stranger])).toEqual([null, ...this.infos(), null]);
    expect(await family.describe(reader, { ...deployment, factory: NOBODY }, addresses)).toEqual(addresses.map(() => null));
    if (family.enumerate !== undefined) {
      expect(await family.enumerate(reader, deployment, 0)).toEqual(addresses);
      expect(await family.enumerate(reader, deployment, 2)).toEqual(addresses.slice(2));
    }
  }

  /** `ask`, as verification uses it, makes pools say what we say, of amounts that they take whole and of one that none does, `ahead` seconds after the head. */
  async expectAnswered(ahead = 0): Promise<void> {
    const { family, deployment } = this.protocol;
    const reader = await this.dex.readerAt();
    const timestamp = (await this.timestamp()) + ahead;
    const states = new Map<string, RangesState>(this.infos().map(({ pool }) => [pool, family.created()]));
    const rows = await family.read(reader, deployment, this.infos());
    const later = ahead === 0 ? [] : await family.refresh?.read(reader, deployment, this.infos(), timestamp);
    for (const row of [...rows, ...(later ?? [])]) family.applyRow(states.get(row[0]) as RangesState, row);
    const questions = this.infos().flatMap((info) => {
      const state = states.get(info.pool) as RangesState;
      const row = family.toRow(info, state);
      return family.holdings(info, state).flatMap((held, indexIn) =>
        [...sizesOf(held), 2n ** 200n].map((amountIn) => {
          const swap = { indexIn, indexOut: 1 - indexIn, amountIn };
          return { info, row, ...swap, ours: family.quoteExactIn(info, state, swap) };
        }),
      );
    });
    const client = new RpcClient(this.dex.chain.url, "test");
    const { hash } = (await this.dex.chain.provider.send("eth_getBlockByNumber", ["latest", false])) as { hash: string };
    const at = { blockHash: hash, multicall3: "0x", ...(ahead === 0 ? {} : { timestamp }) };
    const said = await family.ask(client, at, deployment, questions);
    await client.close();
    expect(said.map(({ amountOut }) => amountOut)).toEqual(questions.map(({ ours }) => ours));
    expect(questions.filter(({ ours }) => ours > 0n).length).toBeGreaterThan(questions.length / 4);
  }

  /** What is no pool is left out or not live, and quotes nothing. */
  async expectNobody(): Promise<void> {
    const { family, deployment } = this.protocol;
    const info = (this.pools[0] as TestPool).info;
    const rows = await family.read(await this.dex.readerAt(), deployment, [{ ...info, pool: NOBODY }, info]);
    expect(rows.map(([pool]) => pool)).toEqual([NOBODY, info.pool]);
    const state = family.created();
    family.applyRow(state, rows[0] as RangesStateRow);
    expect(family.isLive(state)).toBe(false);
    expect(family.quoteExactIn(info, state, { indexIn: 0, indexOut: 1, amountIn: 10n ** 18n })).toBe(0n);
  }

  /**
   * Block by block: the fees of the next one, quotes for it, what happens in it. Then all the way back, transaction by transaction, to what the chain still
   * knows of the first block.
   */
  async run({ blocks, quotes }: Omit<RunSize, "paid">): Promise<void> {
    const { family, deployment } = this.protocol;
    const undos: Map<TestPool, RangesStateRow>[] = [await this.refresh(await this.timestamp())];
    const start = { rows: this.rows(), reader: await this.dex.readerAt() };
    for (let block = 1; block <= blocks; block++) {
      const timestamp = (await this.timestamp()) + this.random.pick(this.protocol.pauses);
      undos.push(await this.refresh(timestamp));
      await this.compareQuotes(quotes, timestamp);
      const followed = await this.#block(timestamp);
      undos.push(...followed, await this.refresh(await this.timestamp()));
      const touched = new Set(followed.flatMap((undo) => [...undo.keys()]));
      await this.expectRead(block % BLOCKS_PER_READING === 0 ? this.pools : [...touched]);
    }
    const [first, ...rest] = undos;
    for (const undo of rest.toReversed()) for (const [{ state }, row] of undo) family.applyRow(state, row);
    expect(this.rows()).toEqual(start.rows);
    expect(await family.read(start.reader, deployment, this.infos())).toEqual(start.rows);
    for (const [{ state }, row] of first ?? []) family.applyRow(state, row);
  }

  async timestamp(): Promise<number> {
    const { timestamp } = (await this.dex.chain.provider.send("eth_getBlockByNumber", ["latest", false])) as { timestamp: string };
    return Number(timestamp);
  }
}

/** Pools of each shape, for a protocol whose keys and spacings are these. */
export function poolSpecs(
  kinds: { readonly [Kind in "dense" | "fine" | "islands" | "wide" | "end" | "deep"]?: { key: number; spacing: number } },
): PoolSpec[] {
  const { dense, fine, islands, wide, end, deep } = kinds;
  const specs: (PoolSpec | null)[] = [
    dense === undefined ? null : { tokens: [0, 1], ...dense, price: 2n ** 64n, ranges: near(40, 150, 400) },
    fine === undefined ? null : { tokens: [0, 1], ...fine, price: 2_000n * 2n ** 24n, ranges: [...near(30, 60, 200), "all"] },
    islands === undefined ? null : { tokens: [1, 2], ...islands, price: 31_337n * 2n ** 64n, ranges: ISLANDS },
    wide === undefined ? null : { tokens: [0, 2], ...wide, price: 3n * 2n ** 64n, ranges: [...near(20, 30, 100), "all"] },
    // Next to the end of the price range.
    end === undefined ? null : { tokens: [0, 2], ...end, price: 2n ** 190n, ranges: near(15, 10, 100) },
    // Steps so long and liquidity so deep that amount times price passes 2^256, where the contract takes another formula.
    deep === undefined ? null : { tokens: [1, 2], ...deep, price: 2n ** 190n, ranges: ["all"], bits: [117, 119] },
  ];
  return specs.filter((spec) => spec !== null);
}

/** Another seed is another run: SEED=7 npx vitest run libs/dex */
const SEED = process.env.SEED ?? "1";

export interface Differential {
  readonly name: string;
  readonly size: RunSize;
  /** Tokens to trade, by their decimals; three when not given. */
  readonly decimals?: readonly number[];
  readonly nodeArgs?: readonly string[];
  deploy(dex: DexTestChain): Promise<RangesProtocol>;
  /** What happens to the pools before the run. */
  prepare?(market: RangesMarket): Promise<void>;
  /** What the run must have seen, besides what all runs do. */
  seen?(market: RangesMarket): Promise<void> | void;
}

/** Returns the market once the tests run. */
export function testAgainstContracts({ name, size, decimals = [18, 6, 8], nodeArgs = [], ...own }: Differential): () => RangesMarket {
  let dex: DexTestChain;
  let market: RangesMarket;
  const quotes = size.blocks * size.quotes;

  beforeAll(async () => {
    // Time passes as the seed says, so that fees which follow it are the same in every run.
    dex = await startDexTestChain(decimals, ["--timestamp", "1700000000", ...nodeArgs]);
    await dex.chain.provider.send("anvil_setBlockTimestampInterval", [1]);
    market = await RangesMarket.open(dex, await own.deploy(dex), SEED);
    await own.prepare?.(market);
  }, 60_000);

  afterAll(() => dex.stop());

  test(`${name}, seed ${SEED}: ${quotes} swaps, in and out, are what the pools do in the next of ${size.blocks} blocks, all followed exactly`, async () => {
    await market.run(size);
    const { counts, protocol } = market;
    console.info(`${name} against contracts: ${JSON.stringify({ ...counts, fees: counts.fees.size })}`);
    expect(counts.exactIn + counts.exactOut).toBe(quotes);
    expect(counts.exactOut).toBeGreaterThan(quotes / 5);
    expect(counts.beyond).toBeGreaterThan(quotes / 50);
    expect(quotes - counts.beyond).toBeGreaterThanOrEqual(size.paid);
    expect(counts.crossings).toBeGreaterThan(quotes);
    expect(counts.events).toBeGreaterThan(size.blocks);
    // A position of no liquidity, or burnt by another transaction of the same block.
    expect(counts.failed).toBeLessThan(counts.transactions / 20);
    expect(counts.swapsExecuted).toBeGreaterThan(size.blocks / 5);
    expect(counts.planned).toBeGreaterThan(size.blocks * 1.5);
    if (market.pools.some(({ spec }) => spec.slides !== true)) expect(counts.again).toBeGreaterThan(size.blocks / 5);
    // Those of which no more than the first swap of a block is compared.
    for (const { info, spec } of market.pools) if (spec.slides === true) expect(protocol.family.quotableAgain(info)).toBe(false);
    if (protocol.govern !== undefined) expect(counts.governed).toBeGreaterThan(size.blocks / 20);
    if (protocol.family.refresh !== undefined) {
      expect(counts.feesMoved).toBeGreaterThan(5);
      expect(counts.fees.size).toBeGreaterThan(5);
    }
    await own.seen?.(market);
  }, 120_000);

  test(`${name}: the factory's pools are described, others are not`, () => market.expectDescribed());
  test(`${name}: the pools say of themselves what they pay, or that they take less`, () => market.expectAnswered());
  test(`${name}: what is no pool is not live, and quotes nothing`, () => market.expectNobody());
  return () => market;
}
