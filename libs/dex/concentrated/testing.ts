/** For tests of tick-based families against their real contracts: pools with liquidity of many shapes, random acts on them, and every quote asked of the pools. */

import { AbiCoder, Contract, Interface } from "ethers";
import { expect } from "vitest";
import type { DexDeployment } from "#libs/chains/chain.ts";
import { addressOf, deployOurs } from "#libs/contracts/testing.ts";
import type { RangesState } from "#libs/dex/concentrated/ranges.ts";
import { MAX_SQRT_RATIO, MAX_TICK, MIN_SQRT_RATIO } from "#libs/dex/concentrated/tick-math.ts";
import type { ChainReader, Said } from "#libs/dex/family.ts";
import type { DexTestChain, SentTransaction } from "#libs/dex/testing.ts";
import { intAt, uintAt } from "#libs/evm/hex.ts";
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
    at: { readonly blockHash: string; readonly multicall3: string },
    deployment: DexDeployment,
    questions: readonly { info: RangesPoolInfo; row: RangesStateRow; indexIn: number; indexOut: number; amountIn: bigint; ours: bigint }[],
  ): Promise<Said[]>;
  quoteExactIn(info: RangesPoolInfo, state: RangesState, swap: { indexIn: number; indexOut: number; amountIn: bigint }): bigint;
  quoteExactOut?(info: RangesPoolInfo, state: RangesState, swap: { indexIn: number; indexOut: number; amountOut: bigint }): bigint;
}

/** Where liquidity lies, in tick spacings around the first price, or between the ends of the price range. */
export type Range = readonly [lower: number, upper: number] | "all";

export interface PoolSpec {
  /** Indices into the chain's tokens, ascending. */
  readonly tokens: readonly [number, number];
  /** What the protocol tells pools of the same tokens apart by: a fee or a tick spacing. */
  readonly key: number;
  readonly spacing: number;
  /** Raw amount of token1 for 2^64 of token0. */
  readonly price: bigint;
  readonly ranges: readonly Range[];
  /** How much liquidity lies in each range, in bits; 30 to 80 when not given. */
  readonly bits?: readonly [number, number];
}

export interface RangesProtocol {
  readonly family: RangesFamily;
  readonly deployment: DexDeployment;
  readonly specs: readonly PoolSpec[];
  /** The `Swap` topic of this protocol. */
  readonly swapTopic: string;
  /** Creates a pool, and initialises it where creation does not. */
  createPool(spec: PoolSpec, tokens: readonly [Address, Address], sqrtPriceX96: bigint): Promise<SentTransaction[]>;
  /** Something that only the protocol's owner does to a pool (fees). */
  govern(info: RangesPoolInfo, random: Random): Promise<SentTransaction>;
}

export interface TestPool {
  readonly info: RangesPoolInfo;
  readonly state: RangesState;
  /** Liquidity of our positions by `lower/upper`. */
  readonly positions: Map<string, bigint>;
}

export interface RunCounts {
  transactions: number;
  failed: number;
  events: number;
  exactIn: number;
  exactOut: number;
  /** Swaps asked for more than the pool takes or has. */
  beyond: number;
  crossings: number;
  refused: number;
  swapsExecuted: number;
  withoutLiquidity: number;
  governed: number;
}

const LOWEST_LIMIT = MIN_SQRT_RATIO + 1n;
const HIGHEST_LIMIT = MAX_SQRT_RATIO - 1n;
const Q96 = 2n ** 96n;
/** One eth_call: a quote that drains a pool of spacing 1 walks 3,500 words of its bitmap. */
const QUOTES_PER_CALL = 100;

/** The part of pools' interfaces that all these protocols kept. */
export const TICK_POOL = new Interface([
  "function initialize(uint160 sqrtPriceX96)",
  "function mint(address recipient, int24 tickLower, int24 tickUpper, uint128 amount, bytes data)",
  "function burn(int24 tickLower, int24 tickUpper, uint128 amount)",
  "function swap(address recipient, bool zeroForOne, int256 amountSpecified, uint160 sqrtPriceLimitX96, bytes data)",
  "function collect(address recipient, int24 tickLower, int24 tickUpper, uint128 amount0, uint128 amount1)",
]);

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

/** Pools of one protocol on a test chain, our picture of them, and the means to act on them and to compare. */
export class RangesMarket {
  readonly dex: DexTestChain;
  readonly protocol: RangesProtocol;
  readonly random: Random;
  readonly pools: TestPool[] = [];
  readonly counts: RunCounts = {
    transactions: 0,
    failed: 0,
    events: 0,
    exactIn: 0,
    exactOut: 0,
    beyond: 0,
    crossings: 0,
    refused: 0,
    swapsExecuted: 0,
    withoutLiquidity: 0,
    governed: 0,
  };
  readonly #byAddress = new Map<string, TestPool>();
  readonly #trader: Contract;
  /** Owns all positions but those of a test's own making. */
  readonly trader: Address;

  private constructor(dex: DexTestChain, protocol: RangesProtocol, trader: { contract: Contract; address: Address }, seed: string) {
    this.dex = dex;
    this.protocol = protocol;
    this.random = randomFor("ranges differential", protocol.deployment.id, seed);
    this.#trader = trader.contract;
    this.trader = trader.address;
  }

  /** Creates all pools with their liquidity, and follows them from their first event on. */
  static async open(dex: DexTestChain, protocol: RangesProtocol, seed: string): Promise<RangesMarket> {
    const contract = await deployOurs(dex.chain.signer, "TickTrader", []);
    const market = new RangesMarket(dex, protocol, { contract, address: await addressOf(contract) }, seed);
    for (const spec of protocol.specs) await market.#open(spec);
    return market;
  }

  async #open(spec: PoolSpec): Promise<void> {
    const { family, deployment } = this.protocol;
    const tokens = [this.dex.tokens[spec.tokens[0]], this.dex.tokens[spec.tokens[1]]] as [Address, Address];
    const sqrtPriceX96 = (sqrt(spec.price * 2n ** 64n) * Q96) / 2n ** 64n;
    const sent = await this.protocol.createPool(spec, tokens, sqrtPriceX96);
    const logs = sent.flatMap((each) => each.logs);
    const { created } = family.topics(deployment);
    const log = logs.find(([address, topics]) => address === deployment.factory && created.includes(topics[0] as string));
    invariant(sent.every(({ ok }) => ok) && log !== undefined, `no pool of key ${spec.key}`);
    const info = family.decodeCreated(log, deployment);
    invariant(info !== null && typeof info === "object", "the event says all");
    expect(info).toEqual({ pool: info.pool, tokens, facts: { tickSpacing: spec.spacing } });
    const state = family.created();
    expect(family.isLive(state)).toBe(false);
    // The fee is in no event of the pool: it comes with the first reading.
    const reader = await this.dex.readerAt();
    const [first] = await family.read(reader, deployment, [info]);
    family.applyRow(state, first as RangesStateRow);
    const pool: TestPool = { info, state, positions: new Map() };
    this.pools.push(pool);
    this.#byAddress.set(info.pool, pool);
    this.follow({ logs });
    expect(state.sqrtPriceX96).toBe(sqrtPriceX96);
    const [bitsFrom, bitsTo] = spec.bits ?? [30, 80];
    const middle = Math.round(state.tick / spec.spacing);
    const end = Math.floor(MAX_TICK / spec.spacing);
    for (const range of spec.ranges) {
      const [lower, upper] = range === "all" ? [-end, end] : [middle + range[0], middle + range[1]];
      const minted = await this.#mint(pool, lower * spec.spacing, upper * spec.spacing, logUniform(this.random, bitsFrom, bitsTo));
      invariant(minted.ok, `no position ${lower} to ${upper}`);
      this.follow(minted);
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
    return this.dex.send(this.trader, this.#trader.interface.encodeFunctionData("execute", [target, data]));
  }

  async #mint({ info, positions }: TestPool, lower: number, upper: number, amount: bigint): Promise<SentTransaction> {
    const sent = await this.execute(info.pool, TICK_POOL.encodeFunctionData("mint", [this.trader, lower, upper, amount, "0x"]));
    const key = `${lower}/${upper}`;
    if (sent.ok) positions.set(key, (positions.get(key) ?? 0n) + amount);
    return sent;
  }

  async #burn({ info, positions }: TestPool, key: string, amount: bigint): Promise<SentTransaction> {
    const [lower, upper] = key.split("/");
    const sent = await this.execute(info.pool, TICK_POOL.encodeFunctionData("burn", [lower, upper, amount]));
    expect(sent.ok, `burn of ${amount} in ${info.pool} ${key}`).toBe(true);
    const left = (positions.get(key) ?? 0n) - amount;
    if (left === 0n) positions.delete(key);
    else positions.set(key, left);
    return sent;
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
    for (const row of rows) {
      const pool = this.#byAddress.get(row[0]) as TestPool;
      undo.set(pool, family.toChangeRow(pool.info, pool.state, row));
      family.applyRow(pool.state, row);
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
    // Walking 3,500 words to the end of the range takes the node a while.
    if (info.facts.tickSpacing === 1 && !random.chance(0.02)) return logUniform(random, 0, Math.max(20, bits - 2));
    return kind < 0.92 ? logUniform(random, 20, Math.max(40, bits + 4)) : logUniform(random, 60, 120);
  }

  /** One thing that people do to pools. A swap within the liquidity there is has to do exactly what we say it will. */
  async act(): Promise<SentTransaction> {
    const { random, counts } = this;
    const pool = random.pick(this.pools);
    const { info, state, positions } = pool;
    const { tickSpacing } = info.facts;
    const kind = random.unit();
    counts.transactions++;
    if (kind < 0.2 || positions.size < 5) {
      const end = Math.floor(MAX_TICK / tickSpacing);
      const from = Math.floor(state.tick / tickSpacing) + Math.round(random.normal() * random.pick([2, 20, 300]));
      const lower = Math.max(-end, Math.min(end - 1, from));
      const upper = Math.min(end, lower + random.pick([1, 2, random.integer(1, 50), random.integer(1, 800)]));
      return this.#mint(pool, lower * tickSpacing, upper * tickSpacing, logUniform(random, 0, random.pick([50, 80])));
    }
    if (kind < 0.35) {
      const [key, liquidity] = random.pick([...positions]);
      const part = random.chance(0.2) ? 0n : 1n + (liquidity * BigInt(random.integer(0, 999))) / 1_000n;
      return this.#burn(pool, key, random.chance(0.4) ? liquidity : part);
    }
    if (kind < 0.4) {
      const most = 2n ** 128n - 1n;
      const [lower, upper] = random.pick([...positions.keys()]).split("/");
      return this.execute(info.pool, TICK_POOL.encodeFunctionData("collect", [this.trader, lower, upper, most, most]));
    }
    if (kind < 0.55) {
      counts.governed++;
      return this.protocol.govern(info, random);
    }
    return this.#swap(pool);
  }

  async #swap(pool: TestPool): Promise<SentTransaction> {
    const { random } = this;
    const { info, state } = pool;
    const zeroForOne = random.chance(0.5);
    const far = zeroForOne ? LOWEST_LIMIT : HIGHEST_LIMIT;
    const step = 10_000n + BigInt(random.integer(zeroForOne ? -2_000 : 1, zeroForOne ? -1 : 2_000));
    const wanted = (state.sqrtPriceX96 * step) / 10_000n;
    const close = wanted < LOWEST_LIMIT ? LOWEST_LIMIT : wanted > HIGHEST_LIMIT ? HIGHEST_LIMIT : wanted;
    const isExactIn = random.chance(0.7);
    // Most swaps stop near the price, so that the pool stays where its liquidity is; of the others some drain it.
    const limit = random.chance(0.3) ? far : close;
    const amount = this.#drawAmount(pool);
    const quote = this.#quote(pool, zeroForOne, isExactIn ? amount : -amount);
    const swap = [this.trader, zeroForOne, isExactIn ? amount : -amount, limit, "0x"];
    const sent = await this.execute(info.pool, TICK_POOL.encodeFunctionData("swap", swap));
    const log = sent.logs.find(([address, topics]) => address === info.pool && topics[0] === this.protocol.swapTopic);
    if (log === undefined || (limit !== far && uintAt(log[2], 2) === limit)) return sent;
    this.counts.swapsExecuted++;
    const [amountIn, amountOut] = zeroForOne ? [intAt(log[2], 0), -intAt(log[2], 1)] : [intAt(log[2], 1), -intAt(log[2], 0)];
    const isWhole = isExactIn ? amountIn === amount : amountOut === amount;
    expect(quote, `executed: ${amountIn} for ${amountOut}`).toBe(isWhole ? (isExactIn ? amountOut : amountIn) : 0n);
    return sent;
  }

  /** Our answer to `amountSpecified` as pools understand it: positive what comes in, negative what goes out. */
  #quote({ info, state }: TestPool, zeroForOne: boolean, amountSpecified: bigint): bigint {
    const direction = zeroForOne ? { indexIn: 0, indexOut: 1 } : { indexIn: 1, indexOut: 0 };
    const { family } = this.protocol;
    if (amountSpecified > 0n) return family.quoteExactIn(info, state, { ...direction, amountIn: amountSpecified });
    invariant(family.quoteExactOut !== undefined, "these protocols all swap for an exact output");
    return family.quoteExactOut(info, state, { ...direction, amountOut: -amountSpecified });
  }

  /** Random swaps in both directions and of both kinds, each against what the pool itself does. */
  async compareQuotes(count: number): Promise<void> {
    const { random, counts } = this;
    for (let done = 0; done < count; done += QUOTES_PER_CALL) {
      const asked = Array.from({ length: Math.min(QUOTES_PER_CALL, count - done) }, () => {
        const pool = random.pick(this.pools);
        const amount = this.#drawAmount(pool);
        return { pool, zeroForOne: random.chance(0.5), amountSpecified: random.chance(0.65) ? amount : -amount };
      });
      const questions = asked.map(({ pool, zeroForOne, amountSpecified }) => [pool.info.pool, zeroForOne, amountSpecified]);
      const reader = await this.dex.readerAt();
      const answer = await reader.call(this.trader, this.#trader.interface.encodeFunctionData("ask", [questions]));
      const [words] = AbiCoder.defaultAbiCoder().decode(["int256[]"], answer) as unknown as [bigint[]];
      for (const [index, { pool, zeroForOne, amountSpecified }] of asked.entries()) {
        const [amount0, amount1, after] = words.slice(3 * index, 3 * index + 3) as [bigint, bigint, bigint];
        const ours = this.#quote(pool, zeroForOne, amountSpecified);
        const row = this.protocol.family.toRow(pool.info, pool.state);
        const note = `${JSON.stringify(row)}, spacing ${pool.info.facts.tickSpacing}, zeroForOne ${zeroForOne}, ${amountSpecified}`;
        if (amountSpecified > 0n) counts.exactIn++;
        else counts.exactOut++;
        if (pool.state.liquidity === 0n) counts.withoutLiquidity++;
        if (after === 0n) counts.refused++;
        const [amountIn, amountOut] = zeroForOne ? [amount0, -amount1] : [amount1, -amount0];
        const isWhole = amountSpecified > 0n ? amountIn === amountSpecified : -amountOut === amountSpecified;
        if (!isWhole) counts.beyond++;
        expect(ours, note).toBe(isWhole ? (amountSpecified > 0n ? amountOut : amountIn) : 0n);
        const below = pool.state.sortedTicks.filter((tick) => tick <= pool.state.tick).length;
        const ratio = Number(after) / Number(pool.state.sqrtPriceX96);
        const tickAfter = after === 0n ? pool.state.tick : pool.state.tick + Math.round(Math.log(ratio * ratio) / Math.log(1.0001));
        counts.crossings += Math.abs(pool.state.sortedTicks.filter((tick) => tick <= tickAfter).length - below);
      }
    }
  }

  /** `read` at this block gives what following gave. A pool of spacing 1 takes the lens 18 million gas, so not all are read each time. */
  async expectRead(blockHash: string, pools: readonly TestPool[] = this.pools): Promise<void> {
    const { family, deployment } = this.protocol;
    const read = await family.read(
      await this.dex.readerAt(blockHash),
      deployment,
      pools.map(({ info }) => info),
    );
    expect(read).toEqual(pools.map(({ info, state }) => family.toRow(info, state)));
  }

  /** The factory's own pools are known and described, others are not. */
  async expectDescribed(): Promise<void> {
    const { family, deployment } = this.protocol;
    const reader = await this.dex.readerAt();
    const nobody = asAddress(`0x${"77".repeat(20)}`);
    const stranger = this.trader;
    const addresses = this.pools.map(({ info }) => info.pool);
    expect(await family.describe(reader, deployment, [nobody, ...addresses, stranger])).toEqual([null, ...this.infos(), null]);
    expect(await family.describe(reader, { ...deployment, factory: nobody }, addresses)).toEqual(addresses.map(() => null));
    if (family.enumerate !== undefined) {
      expect(await family.enumerate(reader, deployment, 0)).toEqual(addresses);
      expect(await family.enumerate(reader, deployment, 2)).toEqual(addresses.slice(2));
    }
  }

  /** `ask` makes each pool say what we say: amounts that it takes whole, and one that it does not. */
  async expectAnswered(): Promise<void> {
    const { family, deployment } = this.protocol;
    const rows = await family.read(await this.dex.readerAt(), deployment, this.infos());
    const questions = this.pools.flatMap(({ info }, index) => {
      const row = rows[index] as RangesStateRow;
      const state = family.created();
      family.applyRow(state, row);
      return [10n, 10n ** 6n, 10n ** 12n, 2n ** 200n].flatMap((amountIn) =>
        [0, 1].map((indexIn) => {
          const swap = { indexIn, indexOut: 1 - indexIn, amountIn };
          return { info, row, ...swap, ours: family.quoteExactIn(info, state, swap) };
        }),
      );
    });
    const client = new RpcClient(this.dex.chain.url, "test");
    const { hash } = (await this.dex.chain.provider.send("eth_getBlockByNumber", ["latest", false])) as { hash: string };
    const said = await family.ask(client, { blockHash: hash, multicall3: "0x" }, deployment, questions);
    await client.close();
    expect(said.map(({ amountOut }) => amountOut)).toEqual(questions.map(({ ours }) => ours));
  }

  /** What is no pool is left out or not live, and quotes nothing. */
  async expectNobody(): Promise<void> {
    const { family, deployment } = this.protocol;
    const nobody = asAddress(`0x${"77".repeat(20)}`);
    const info = (this.pools[0] as TestPool).info;
    const rows = await family.read(await this.dex.readerAt(), deployment, [{ ...info, pool: nobody }, info]);
    expect(rows.map(([pool]) => pool)).toEqual([nobody, info.pool]);
    const state = family.created();
    family.applyRow(state, rows[0] as RangesStateRow);
    expect(family.isLive(state)).toBe(false);
    expect(family.quoteExactIn(info, state, { indexIn: 0, indexOut: 1, amountIn: 10n ** 18n })).toBe(0n);
  }

  /** Rounds of quotes and random transactions, then all the way back, transaction by transaction, to what the chain still knows of the first block. */
  async run(size: { readonly rounds: number; readonly steps: number; readonly quotes: number }): Promise<void> {
    const { family, deployment } = this.protocol;
    const undos: Map<TestPool, RangesStateRow>[] = [await this.refresh(await this.timestamp())];
    const start = { rows: this.rows(), reader: await this.dex.readerAt() };
    for (let round = 0; round < size.rounds; round++) {
      await this.compareQuotes(size.quotes);
      for (let step = 0; step < size.steps; step++) {
        const timestamp = (await this.timestamp()) + this.random.integer(1, 40);
        await this.dex.chain.provider.send("evm_setNextBlockTimestamp", [timestamp]);
        undos.push(await this.refresh(timestamp));
        const sent = await this.act();
        if (!sent.ok) this.counts.failed++;
        const followed = this.follow(sent);
        undos.push(followed, await this.refresh(timestamp));
        await (step === size.steps - 1 ? this.expectRead(sent.blockHash) : this.expectRead(sent.blockHash, [...followed.keys()]));
      }
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
