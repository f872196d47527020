/** For tests against the real contracts: pools, people who use them, and time that passes as a test wants it to. */

import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Contract, ContractFactory, getCreateAddress, Interface, type InterfaceAbi } from "ethers";
import { expect } from "vitest";
import type { DexDeployment } from "#libs/chains/chain.ts";
import { addressOf, deployOurs, startTestChain, type TestChain } from "#libs/contracts/testing.ts";
import { algebra } from "#libs/dex/algebra/index.ts";
import { calculateSwap, type SwapResult } from "#libs/dex/algebra/price-movement-math.ts";
import { askSwaps, type SwapAnswer, type SwapQuestion } from "#libs/dex/algebra/swaps.ts";
import { type RangesState, sortTicks } from "#libs/dex/concentrated/ranges.ts";
import { MAX_SQRT_RATIO, MAX_TICK, MIN_SQRT_RATIO } from "#libs/dex/concentrated/tick-math.ts";
import type { ChainReader, PoolInfo } from "#libs/dex/family.ts";
import { sizesOf, verifyPool } from "#libs/dex/verify.ts";
import { readerAt } from "#libs/evm/chain-reader.ts";
import { intAt, toHex, uintAt } from "#libs/evm/hex.ts";
import { RpcClient } from "#libs/evm/rpc.ts";
import type { Random } from "#libs/localnet/random.ts";
import { type Address, asAddress } from "#libs/units/brand.ts";
import { invariant } from "#libs/units/invariant.ts";
import type { LogRow } from "#proto/block/v1/observed.ts";
import type { RangesStateRow } from "#proto/pool/v1/state.ts";

const MODULES = fileURLToPath(new URL("../../../node_modules/", import.meta.url));
/** A folder like node_modules, with packages that are not installed here. */
const MORE_MODULES = process.env.HYPERSPEED_PACKAGES;

/** Folder of a published package, null when it is not there. */
export function packageFolder(name: string): string | null {
  const folders = [MODULES, ...(MORE_MODULES === undefined ? [] : [MORE_MODULES])].map((modules) => path.join(modules, name));
  return folders.find((folder) => existsSync(path.join(folder, "package.json"))) ?? null;
}

const LOWEST_LIMIT = MIN_SQRT_RATIO + 1n;
const HIGHEST_LIMIT = MAX_SQRT_RATIO - 1n;
const TRANSACTION_GAS = 100_000_000;

const TOKEN = new Interface(["function mint(address to, uint256 amount)", "function approve(address spender, uint256 amount)"]);
export const POOL = new Interface([
  "function initialize(uint160 price)",
  "function tickSpacing() view returns (int24)",
  "function globalState() view returns (uint160 price, int24 tick)",
  "function burn(int24 bottomTick, int24 topTick, uint128 amount)",
  "function burn(int24 bottomTick, int24 topTick, uint128 amount, bytes data)",
  "function collect(address recipient, int24 bottomTick, int24 topTick, uint128 amount0, uint128 amount1)",
]);
/** TestAlgebraCallee.sol (integral-core): pays for whoever sent the transaction. v1 has the same callbacks. */
const CALLEE = new Interface([
  "function mint(address pool, address recipient, int24 bottomTick, int24 topTick, uint128 amount)",
  "function swapExact0For1(address pool, uint256 amount, address recipient, uint160 limit)",
  "function swapExact1For0(address pool, uint256 amount, address recipient, uint160 limit)",
  "function swap0ForExact1(address pool, uint256 amount, address recipient, uint160 limit)",
  "function swap1ForExact0(address pool, uint256 amount, address recipient, uint160 limit)",
]);

export interface Transaction {
  readonly to: Address;
  readonly data: string;
}

interface Receipt {
  readonly status: string;
  readonly gasUsed: string;
  readonly logs: readonly {
    address: string;
    topics: string[];
    data: string;
    logIndex: string;
    transactionIndex: string;
    transactionHash: string;
  }[];
}

export interface Mined {
  readonly ok: boolean;
  readonly gasUsed: number;
  readonly logs: readonly LogRow[];
}

export interface AlgebraChain {
  readonly chain: TestChain;
  readonly client: RpcClient;
  readonly multicall3: Address;
  readonly trader: Address;
  readonly callee: Address;
  /** Ascending by address; the trader has plenty of each. */
  readonly tokens: readonly Address[];
  /** Time of the head, seconds. */
  now(): number;
  /** One block with these transactions, at this time or the next second. */
  mine(transactions: readonly Transaction[], timestamp?: number): Promise<readonly Mined[]>;
  reader(): Promise<ChainReader>;
  headHash(): Promise<string>;
  /** `edit` changes the creation code. */
  deploy(folder: string, file: string, args: readonly unknown[], edit?: (bytecode: string) => string): Promise<Contract>;
  stop(): Promise<void>;
}

export async function startAlgebraChain(tokenCount: number): Promise<AlgebraChain> {
  // v1 was built for size limits that no longer bind those who deploy it here: its pool is 60 kB unoptimised.
  const chain = await startTestChain(["--gas-limit", "30000000000", "--disable-code-size-limit", "--timestamp", "1700000000"]);
  const { provider, signer, url } = chain;
  const client = new RpcClient(url, "test");
  const trader = asAddress(await signer.getAddress());
  const multicall3 = await addressOf(await deployOurs(signer, "Multicall3", []));
  const tokens: Address[] = [];
  for (let index = 0; index < tokenCount; index++) tokens.push(await addressOf(await deployOurs(signer, "LocalToken", [])));
  tokens.sort();
  const deploy = async (
    folder: string,
    file: string,
    args: readonly unknown[],
    edit = (bytecode: string) => bytecode,
  ): Promise<Contract> => {
    const { abi, bytecode } = JSON.parse(readFileSync(path.join(folder, file), "utf8")) as { abi: InterfaceAbi; bytecode: string };
    const contract = await new ContractFactory(abi, edit(bytecode), signer).deploy(...args);
    await contract.waitForDeployment();
    return new Contract(await contract.getAddress(), abi, signer);
  };
  const integral = packageFolder("@cryptoalgebra/integral-core");
  invariant(integral !== null, "@cryptoalgebra/integral-core is not installed");
  const callee = await addressOf(await deploy(integral, "artifacts/contracts/test/TestAlgebraCallee.sol/TestAlgebraCallee.json", []));
  let head = await provider.send("eth_getBlockByNumber", ["latest", false]);
  await provider.send("evm_setAutomine", [false]);

  const mine = async (transactions: readonly Transaction[], timestamp = Number(head.timestamp) + 1): Promise<readonly Mined[]> => {
    const hashes: string[] = [];
    for (const { to, data } of transactions) {
      hashes.push(
        await client.send("eth_sendTransaction", [{ from: trader, to, data, gas: toHex(TRANSACTION_GAS), gasPrice: "0x77359400" }]),
      );
    }
    await client.send("evm_setNextBlockTimestamp", [timestamp]);
    await client.send("evm_mine", []);
    head = await client.send("eth_getBlockByNumber", ["latest", false]);
    invariant(Number(head.timestamp) === timestamp, "the block has the time it was given");
    const mined: Mined[] = [];
    for (const hash of hashes) {
      const receipt = await client.send<Receipt>("eth_getTransactionReceipt", [hash]);
      const logs = receipt.logs.map(
        (log): LogRow => [
          asAddress(log.address),
          log.topics,
          log.data,
          Number(log.logIndex),
          Number(log.transactionIndex),
          log.transactionHash,
        ],
      );
      mined.push({ ok: receipt.status === "0x1", gasUsed: Number(receipt.gasUsed), logs });
    }
    return mined;
  };
  await client.send("anvil_setBalance", [trader, toHex(10n ** 30n)]);
  for (const token of tokens) {
    await mine([
      { to: token, data: TOKEN.encodeFunctionData("mint", [trader, 1n << 200n]) },
      { to: token, data: TOKEN.encodeFunctionData("approve", [callee, (1n << 256n) - 1n]) },
    ]);
  }
  return {
    chain,
    client,
    multicall3,
    trader,
    callee,
    tokens,
    now: () => Number(head.timestamp),
    mine,
    headHash: async () => head.hash,
    reader: async () => readerAt(client, { multicall3, blockHash: head.hash }),
    async deploy(...parameters) {
      await provider.send("evm_setAutomine", [true]);
      const contract = await deploy(...parameters);
      await provider.send("evm_setAutomine", [false]);
      head = await provider.send("eth_getBlockByNumber", ["latest", false]);
      return contract;
    },
    async stop() {
      await client.close();
      await chain.stop();
    },
  };
}

export function bytecodeOf(folder: string, file: string): string {
  return (JSON.parse(readFileSync(path.join(folder, file), "utf8")) as { bytecode: string }).bytecode;
}

/** The address of the contract that the trader deploys after `others` others. */
export async function futureAddress({ chain, trader }: AlgebraChain, others: number): Promise<string> {
  return getCreateAddress({ from: trader, nonce: (await chain.provider.getTransactionCount(trader)) + others });
}

export interface TestPool {
  readonly info: PoolInfo<"algebra">;
  readonly state: RangesState;
  /** That positions have to keep. */
  readonly spacing: number;
  /** Its plugin overrides the fee anew at each swap, from the price that the one before has left. */
  readonly slides: boolean;
  /** Its price is kept from the ends of its range, where a million units are more than it takes. */
  readonly stays: boolean;
  /** Liquidity of the trader's positions by `bottom/top`. */
  readonly positions: Map<string, bigint>;
}

/** Uniform in its logarithm, between two powers of two. */
export function logUniform(random: Random, bitsFrom: number, bitsTo: number): bigint {
  const bits = bitsFrom + random.unit() * (bitsTo - bitsFrom);
  const top = 2n ** BigInt(Math.floor(bits));
  return top + (top * BigInt(Math.floor(random.unit() * 2 ** 32))) / 2n ** 32n;
}

const SWAPS = new Set([
  "0xc42079f94a6350d7e6235f29174924f928cc2ac818eb64fed8004e115fbcca67",
  "0x121cb44ee54098b1a04743c487e7460d8dd429b27f88b1f4d4767396e1a59f79",
]);
const isSwap = ([, topics]: LogRow): boolean => SWAPS.has(topics[0] as string);

/** Seconds between blocks: the next ones, an hour, and so long that the oracle's window of a day is left behind. */
const PAUSES = [1, 1, 2, 12, 12, 13, 60, 600, 3_600, 20_000, 86_399, 86_401, 200_000];

export interface Counts {
  quotes: number;
  exactOut: number;
  refused: number;
  unfilled: number;
  crossings: number;
  swaps: number;
  /** Of these swaps those compared with what was computed before; the others stopped at a limit. */
  executed: number;
  failed: number;
  blocks: number;
  /** Quotes whose fee is another than what the pool had last, so that nothing but `refresh` could know it. */
  feesMoved: number;
  fees: Set<number>;
  /** Answers that `ask` gave, as verification at run time does. */
  verified: number;
}

/** Pools of one deployment, followed by their logs, and asked at every step what they would do in the next block. */
export class Differential {
  readonly counts: Counts = {
    quotes: 0,
    exactOut: 0,
    refused: 0,
    unfilled: 0,
    crossings: 0,
    swaps: 0,
    executed: 0,
    failed: 0,
    blocks: 0,
    feesMoved: 0,
    fees: new Set(),
    verified: 0,
  };
  readonly #undos: Map<TestPool, RangesStateRow>[] = [];
  readonly pools: readonly TestPool[];
  readonly on: AlgebraChain;
  readonly deployment: DexDeployment;
  readonly #random: Random;

  constructor(on: AlgebraChain, deployment: DexDeployment, pools: readonly TestPool[], random: Random) {
    this.on = on;
    this.deployment = deployment;
    this.pools = pools;
    this.#random = random;
  }

  rows(): RangesStateRow[] {
    return this.pools.map(({ info, state }) => algebra.toRow(info, state));
  }

  infos(): PoolInfo<"algebra">[] {
    return this.pools.map(({ info }) => info);
  }

  /** Applies logs. Each row that undoes one is tried at once, and so is the row that carries the change. */
  follow(logs: readonly LogRow[]): void {
    const topics = new Set(algebra.topics(this.deployment).state);
    const undo = new Map<TestPool, RangesStateRow>();
    for (const log of logs) {
      const pool = this.pools.find(({ info }) => info.pool === log[0]);
      if (pool === undefined || !topics.has(log[1][0] as string)) continue;
      const { info, state } = pool;
      const before = algebra.toRow(info, state);
      const row = algebra.applyLog(info, state, log);
      const copy = algebra.created();
      algebra.applyRow(copy, before);
      algebra.applyRow(copy, algebra.toChangeRow(info, state, row));
      expect(algebra.toRow(info, copy)).toEqual(algebra.toRow(info, state));
      algebra.applyRow(copy, row);
      expect(algebra.toRow(info, copy)).toEqual(before);
      const earlier = undo.get(pool);
      undo.set(pool, earlier === undefined ? row : algebra.mergeUndo(earlier, row));
    }
    this.#undos.push(undo);
  }

  /** All the way back to the first state, block by block. */
  undoAll(): void {
    for (const undo of this.#undos.toReversed()) for (const [{ state }, row] of undo) algebra.applyRow(state, row);
  }

  /** The state that logs gave equals what is read, but for the fee, which `read` gives as a swap pays it now. */
  async compareRead(): Promise<void> {
    const read = await algebra.read(await this.on.reader(), this.deployment, this.infos());
    const withoutFees = (rows: readonly RangesStateRow[]) =>
      rows.map(([pool, price, tick, liquidity, , , ticks]) => [pool, price, tick, liquidity, ticks]);
    expect(withoutFees(read)).toEqual(withoutFees(this.rows()));
  }

  /** The fees that the next block's swaps pay, if it comes at this time. */
  async refresh(timestamp: number): Promise<void> {
    const { refresh } = algebra;
    invariant(refresh !== undefined, "fees move without events");
    const rows = await refresh.read(await this.on.reader(), this.deployment, this.infos(), timestamp);
    const undo = new Map<TestPool, RangesStateRow>();
    for (const row of rows) {
      const pool = this.pools.find(({ info }) => info.pool === row[0]);
      invariant(pool !== undefined, "rows of the pools asked about");
      const { info, state } = pool;
      undo.set(pool, algebra.toChangeRow(info, state, row));
      if (row[4] !== state.feePips[0] || row[5] !== state.feePips[1]) this.counts.feesMoved++;
      const before = algebra.toRow(info, state);
      algebra.applyRow(state, row);
      const after = algebra.toRow(info, state);
      this.counts.fees.add(row[4]).add(row[5]);
      // Logs and chain agree on all but the fee.
      expect([...after.slice(0, 4), after[6]]).toEqual([...before.slice(0, 4), before[6]]);
    }
    this.#undos.push(undo);
  }

  #amount({ state }: TestPool): bigint {
    const random = this.#random;
    const kind = random.unit();
    if (kind < 0.1) return BigInt(random.integer(1, 3));
    if (kind < 0.4) return logUniform(random, 0, 60);
    if (kind < 0.95) return logUniform(random, 20, Math.max(40, state.liquidity.toString(2).length + 4));
    return logUniform(random, 60, 120);
  }

  expected({ info, state }: TestPool, indexIn: 0 | 1, amountRequired: bigint): SwapResult {
    sortTicks(state);
    const { tickSpacing } = info.facts;
    return calculateSwap(state, { amountRequired, zeroToOne: indexIn === 0, fee: state.feePips[indexIn], tickSpacing });
  }

  /** Random swaps, both ways and both kinds, against what the pools do in a block at that time. */
  async compareQuotes(count: number, timestamp: number): Promise<void> {
    const random = this.#random;
    const asked = Array.from({ length: count }, () => {
      const pool = random.pick(this.pools);
      const amount = this.#amount(pool);
      return { pool, indexIn: random.chance(0.5) ? (0 as const) : (1 as const), amountRequired: random.chance(0.7) ? amount : -amount };
    });
    const reader = await this.on.reader();
    const { answers, timestamps } = await askSwaps(
      (data) => reader.call(null, data, timestamp),
      asked.map(({ pool, indexIn, amountRequired }): SwapQuestion => ({ pool: pool.info.pool, zeroToOne: indexIn === 0, amountRequired })),
    );
    expect([...timestamps]).toEqual([timestamp]);
    for (const [index, question] of asked.entries()) this.#compareQuote(question, answers[index] as SwapAnswer);
  }

  #compareQuote(
    { pool, indexIn, amountRequired }: { readonly pool: TestPool; readonly indexIn: 0 | 1; readonly amountRequired: bigint },
    answer: SwapAnswer,
  ): void {
    const { info, state } = pool;
    const { counts } = this;
    const direction = { indexIn, indexOut: 1 - indexIn };
    const exactOut = amountRequired < 0n;
    const quote = exactOut
      ? algebra.quoteExactOut?.(info, state, { ...direction, amountOut: -amountRequired })
      : algebra.quoteExactIn(info, state, { ...direction, amountIn: amountRequired });
    const note = `${JSON.stringify(algebra.toRow(info, state))}, ${indexIn} in, ${amountRequired}: ${answer.kind} ${answer.reason}`;
    counts.quotes++;
    if (exactOut) counts.exactOut++;
    if (answer.kind === "refused") {
      counts.refused++;
      expect(quote, note).toBe(0n);
      return;
    }
    const [taken, paid] = indexIn === 0 ? [answer.amount0, -answer.amount1] : [answer.amount1, -answer.amount0];
    const ours = this.expected(pool, indexIn, amountRequired);
    counts.crossings += ours.ticksCrossed;
    expect({ amountIn: ours.amountIn, amountOut: ours.amountOut, price: ours.price }, note).toEqual({
      amountIn: taken,
      amountOut: paid,
      price: answer.after.price,
    });
    const whole = exactOut ? paid === -amountRequired : taken === amountRequired;
    if (!whole) counts.unfilled++;
    expect(quote, note).toBe(!whole ? 0n : exactOut ? taken : paid);
  }

  /** Some transactions, mined at that time; every swap among them does what was computed before. */
  async block(count: number, timestamp: number): Promise<void> {
    const planned = Array.from({ length: count }, () => this.#act());
    const mined = await this.on.mine(
      planned.map(({ transaction }) => transaction),
      timestamp,
    );
    const touched = new Set<TestPool>();
    for (const [index, { ok, logs }] of mined.entries()) {
      const { pool, swap, done } = planned[index] as Plan;
      if (ok) done();
      else this.counts.failed++;
      const log = logs.find(isSwap);
      if (swap !== null && log !== undefined) {
        this.counts.swaps++;
        const expected = this.expected(pool, swap.indexIn, swap.amountRequired);
        const [, , data] = log;
        const [taken, paid] = swap.indexIn === 0 ? [intAt(data, 0), -intAt(data, 1)] : [intAt(data, 1), -intAt(data, 0)];
        const stopped = uintAt(data, 2) === swap.limit;
        if (!stopped && !(pool.slides && touched.has(pool))) {
          this.counts.executed++;
          expect({
            amountIn: expected.amountIn,
            amountOut: expected.amountOut,
            price: expected.price,
            liquidity: expected.liquidity,
          }).toEqual({
            amountIn: taken,
            amountOut: paid,
            price: uintAt(data, 2),
            liquidity: uintAt(data, 3),
          });
        }
      }
      this.follow(logs);
      touched.add(pool);
    }
    this.counts.blocks++;
  }

  #act(): Plan {
    const random = this.#random;
    const pool = random.pick(this.pools);
    const { info, state, positions, spacing } = pool;
    const kind = random.unit();
    if (kind < 0.2 || positions.size < 3) {
      const end = Math.floor(MAX_TICK / spacing);
      const from = Math.floor(state.tick / spacing) + Math.round(random.normal() * random.pick([2, 20, 200]));
      const bottom = Math.max(-end, Math.min(end - 1, from));
      const top = Math.min(end, bottom + random.pick([1, 2, random.integer(1, 50), random.integer(1, 400)]));
      return this.mintPlan(pool, bottom * spacing, top * spacing, logUniform(random, 0, random.pick([50, 80])));
    }
    if (kind < 0.35) {
      const [key, liquidity] = random.pick([...positions]);
      const amount = random.chance(0.4) ? liquidity : random.chance(0.2) ? 0n : 1n + (liquidity * BigInt(random.integer(0, 999))) / 1_000n;
      return this.burnPlan(pool, key, amount);
    }
    const indexIn = random.chance(0.5) ? 0 : 1;
    const far = indexIn === 0 ? LOWEST_LIMIT : HIGHEST_LIMIT;
    const step = 10_000n + BigInt(random.integer(indexIn === 0 ? -2_000 : 1, indexIn === 0 ? -1 : 2_000));
    const wanted = (state.sqrtPriceX96 * step) / 10_000n;
    const near = wanted < LOWEST_LIMIT ? LOWEST_LIMIT : wanted > HIGHEST_LIMIT ? HIGHEST_LIMIT : wanted;
    // Most stop near the price, so that the pool stays where its liquidity is.
    const limit = !pool.stays && random.chance(0.2) ? far : near;
    const exactOut = random.chance(0.25);
    const amount = this.#amount(pool);
    const names = exactOut ? (["swap0ForExact1", "swap1ForExact0"] as const) : (["swapExact0For1", "swapExact1For0"] as const);
    const data = CALLEE.encodeFunctionData(names[indexIn], [info.pool, amount, this.on.trader, limit]);
    return {
      transaction: { to: this.on.callee, data },
      pool,
      swap: { indexIn, amountRequired: exactOut ? -amount : amount, limit },
      done: () => {},
    };
  }

  mintPlan(pool: TestPool, bottom: number, top: number, amount: bigint): Plan {
    const { info, positions } = pool;
    const key = `${bottom}/${top}`;
    const data = CALLEE.encodeFunctionData("mint", [info.pool, this.on.trader, bottom, top, amount]);
    return {
      transaction: { to: this.on.callee, data },
      pool,
      swap: null,
      done: () => positions.set(key, (positions.get(key) ?? 0n) + amount),
    };
  }

  burnPlan(pool: TestPool, key: string, amount: bigint): Plan {
    const { info, positions } = pool;
    const ticks = key.split("/");
    const isIntegral = info.facts.tickSpacing === 0;
    const data = isIntegral
      ? POOL.encodeFunctionData("burn(int24,int24,uint128,bytes)", [...ticks, amount, "0x"])
      : POOL.encodeFunctionData("burn(int24,int24,uint128)", [...ticks, amount]);
    return {
      transaction: { to: info.pool, data },
      pool,
      swap: null,
      done: () => {
        const left = (positions.get(key) ?? 0n) - amount;
        if (left === 0n) positions.delete(key);
        else positions.set(key, left);
      },
    };
  }

  /** Rounds of: know the next block's fees, ask, mine it; then all the way back. */
  async run(rounds: number, quotesPerRound: number): Promise<void> {
    const start = this.rows();
    this.#undos.length = 0;
    for (let round = 0; round < rounds; round++) {
      const timestamp = this.on.now() + this.#random.pick(PAUSES);
      await this.refresh(timestamp);
      await this.compareQuotes(quotesPerRound, timestamp);
      await this.block(this.#random.integer(1, 4), timestamp);
      if (round % 5 === 4) await this.compareRead();
    }
    await this.compareVerified();
    this.undoAll();
    expect(this.rows()).toEqual(start);
  }

  /** What `read` says of the head, with the fee of its own time, and what the pools say of it when asked, as verification asks them. */
  async compareVerified(): Promise<void> {
    const { client, multicall3 } = this.on;
    const at = { blockHash: await this.on.headHash(), multicall3 };
    for (const { info } of this.pools) {
      const verified = await verifyPool(client, at, { deployment: this.deployment, info });
      // A pool that has been drained holds nothing to ask about.
      if (verified.ok) expect(verified.value.comparisons.filter(({ ours, chains }) => ours !== chains)).toEqual([]);
      else expect(verified.error.code).toBe("not-live");
      if (verified.ok) this.counts.verified += verified.value.comparisons.length;
    }
    // And an hour later, asked for that time.
    const timestamp = this.on.now() + 3_600;
    await this.refresh(timestamp);
    const questions = this.pools.flatMap(({ info, state }) =>
      [0, 1].flatMap((indexIn) =>
        sizesOf(algebra.holdings(info, state)[indexIn] ?? 0n).map((amountIn) => {
          const swap = { info, amountIn, indexIn, indexOut: 1 - indexIn };
          return { ...swap, row: algebra.toRow(info, state), ours: algebra.quoteExactIn(info, state, swap) };
        }),
      ),
    );
    const then = { ...at, timestamp };
    const said = await algebra.ask(client, then, this.deployment, questions);
    expect(said.map(({ amountOut }) => amountOut)).toEqual(questions.map(({ ours }) => ours));
    this.counts.verified += said.length;
  }
}

interface Plan {
  readonly transaction: Transaction;
  readonly pool: TestPool;
  readonly swap: { readonly indexIn: 0 | 1; readonly amountRequired: bigint; readonly limit: bigint } | null;
  readonly done: () => void;
}
