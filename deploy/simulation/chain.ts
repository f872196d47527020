import { createHash } from "node:crypto";
import { id } from "ethers";
import type { FamilyId, RowOf } from "#libs/dex/family.ts";
import { padWord } from "#libs/evm/hex.ts";
import { Market, type MarketPool } from "#libs/graph/market.ts";
import type { Address } from "#libs/units/brand.ts";
import { invariant } from "#libs/units/invariant.ts";
import type { LogRow } from "#proto/block/v1/observed.ts";
import type { MadeMarket } from "./market.ts";

/** A chain of blocks over a made market: exact states, balances of everybody, the logs and receipts that a node would show. */

export const CHAIN_ID = 31_337;
export const BLOCK_SECONDS = 12;
const GAS_LIMIT = 30_000_000;
export const GWEI = 10n ** 9n;
const FIRST_BASE_FEE = 6n * GWEI;
/** 2026-01-01. */
const FIRST_TIMESTAMP = 1_767_225_600;
/** A swap through a router. */
export const TRADE_GAS = 130_000;

/** A step of an atomic transaction, in the form that our contract's calldata has (libs/contracts/plan.ts). */
export interface Step {
  readonly pool: string;
  readonly zeroForOne: boolean;
  readonly amountIn: bigint;
  /** What is taken out of a constant product, and the least that is accepted from others. */
  readonly amountOut: bigint;
  /** The output goes straight to the next step's pool, which takes all of it. */
  readonly forwards: boolean;
}

export interface Bundle {
  readonly contract: Address;
  readonly sender: Address;
  /** Must have risen by `minProfit`; no other may have fallen. */
  readonly profitToken: string;
  readonly minProfit: bigint;
  readonly steps: readonly Step[];
  readonly gas: number;
  /** Wei per gas above the base fee. */
  readonly priorityFeePerGas: bigint;
  readonly transactionHash: string;
}

export interface Receipt {
  readonly transactionHash: string;
  readonly transactionIndex: number;
  readonly from: Address;
  readonly to: Address;
  readonly status: 0 | 1;
  readonly gasUsed: number;
  readonly effectiveGasPrice: bigint;
  /** Transfers from and to the contract: what a settlement reads. */
  readonly transfers: readonly { readonly address: string; readonly topics: readonly string[]; readonly data: string }[];
}

export interface Block {
  readonly number: number;
  readonly hash: string;
  readonly parentHash: string;
  readonly timestamp: number;
  readonly baseFeePerGas: bigint;
  readonly gasUsed: number;
  readonly gasLimit: number;
  readonly logs: readonly LogRow[];
  /** Of arbitrages, landed or mined and reverted. */
  readonly receipts: ReadonlyMap<string, Receipt>;
  /** By DEX: the rows of what changed. */
  readonly changed: ReadonlyMap<string, readonly RowOf<FamilyId>[]>;
}

const TOPICS = {
  sync: id("Sync(uint112,uint112)"),
  v2: id("Swap(address,uint256,uint256,uint256,uint256,address)"),
  v3: id("Swap(address,address,int256,int256,uint160,uint128,int24)"),
  pancake: id("Swap(address,address,int256,int256,uint160,uint128,int24,uint128,uint128)"),
  transfer: id("Transfer(address,address,uint256)"),
} as const;

const word = (value: bigint): string => padWord(BigInt.asUintN(256, value));
const topicOf = (address: string): string => `0x${"0".repeat(24)}${address.slice(2)}`;

/** A swap that has been done, until it is known whether its transaction stands. */
interface Done {
  readonly pool: MarketPool;
  readonly undo: RowOf<FamilyId>;
  readonly row: RowOf<FamilyId>;
  readonly from: string;
  readonly to: string;
  /** `from` is the pool before, which has sent it. */
  readonly isForwarded: boolean;
  readonly tokenIn: string;
  readonly tokenOut: string;
  readonly amountIn: bigint;
  readonly amountOut: bigint;
  readonly zeroForOne: boolean;
}

export class Chain {
  readonly market = new Market();
  readonly #seed: number;
  /** Raw units by holder and token, from zero: what pools were given at the start is not in it. Sums to zero for each token. */
  readonly #balances = new Map<string, bigint>();
  head: Block;
  /** The block that is being built. */
  #number = 0;
  #baseFee = FIRST_BASE_FEE;
  #gas = 0;
  #transactions = 0;
  #logs: LogRow[] = [];
  #receipts = new Map<string, Receipt>();
  #touched = new Map<MarketPool, RowOf<FamilyId>>();

  constructor(seed: number, { pools }: MadeMarket) {
    this.#seed = seed;
    for (const { dex, family, info, row } of pools) {
      this.market.add(dex, family, info);
      this.market.apply(row);
    }
    this.head = {
      number: 0,
      hash: this.#hash("block", 0),
      parentHash: this.#hash("block", -1),
      timestamp: FIRST_TIMESTAMP,
      baseFeePerGas: FIRST_BASE_FEE,
      gasUsed: GAS_LIMIT / 2,
      gasLimit: GAS_LIMIT,
      logs: [],
      receipts: new Map(),
      changed: new Map(),
    };
  }

  #hash(...what: readonly (string | number)[]): string {
    return `0x${createHash("sha256")
      .update(`${this.#seed}:${what.join(":")}`)
      .digest("hex")}`;
  }

  balanceOf(holder: string, token: string): bigint {
    return this.#balances.get(`${holder}:${token}`) ?? 0n;
  }

  /** Changes of all balances since the start, by token: of a token none is made or lost. */
  totals(): Map<string, bigint> {
    const totals = new Map<string, bigint>();
    for (const [key, amount] of this.#balances) {
      const token = key.split(":")[1] as string;
      totals.set(token, (totals.get(token) ?? 0n) + amount);
    }
    return totals;
  }

  /** Of the block that is being built. */
  get baseFeePerGas(): bigint {
    return this.#baseFee;
  }

  /** Pools whose states the block that is being built has changed so far. */
  get touched(): Iterable<string> {
    return [...this.#touched.keys()].map(({ info }) => info.pool);
  }

  /** Opens the next block: its base fee follows from the head's fullness. Source: EIP-1559. */
  open(): void {
    const { baseFeePerGas, gasUsed, gasLimit, number } = this.head;
    const target = BigInt(gasLimit / 2);
    const apart = BigInt(gasUsed) - target;
    const moved = (baseFeePerGas * (apart < 0n ? -apart : apart)) / target / 8n;
    this.#baseFee = apart < 0n ? baseFeePerGas - moved : baseFeePerGas + (apart > 0n && moved < 1n ? 1n : moved);
    this.#number = number + 1;
    this.#gas = 0;
    this.#transactions = 0;
    this.#logs = [];
    this.#receipts = new Map();
    this.#touched = new Map();
  }

  /** Somebody sells. False where the pool cannot do the swap whole. */
  trade(address: string, trader: Address, zeroForOne: boolean, amountIn: bigint): boolean {
    const done = this.#swap({ pool: address, zeroForOne, amountIn, amountOut: 0n, forwards: false }, trader, trader, null);
    if (done === null) return false;
    const place = this.#transactions++;
    this.#gas += TRADE_GAS;
    this.#stand([done], this.#hash("trade", this.#number, place), place);
    return true;
  }

  /** Whether the steps, all or none, leave the contract at least so much; nothing changes. */
  wouldPay(bundle: Omit<Bundle, "transactionHash" | "priorityFeePerGas">): boolean {
    const done = this.#run(bundle);
    if (done === null) return false;
    for (const { undo } of done.toReversed()) this.market.apply(undo);
    return true;
  }

  /** Builders leave a bundle out that reverts; without them (`mined`) it stands in the block all the same, and costs its gas. */
  include(bundle: Bundle, reverts: "left-out" | "mined", isRefused = false): boolean {
    const done = isRefused ? null : this.#run(bundle);
    if (done === null && reverts === "left-out") return false;
    const place = this.#transactions++;
    const { transactionHash, contract, sender } = bundle;
    // It stops about half-way.
    const gasUsed = done === null ? Math.round(bundle.gas / 2) : bundle.gas;
    const effectiveGasPrice = this.#baseFee + bundle.priorityFeePerGas;
    this.#gas += gasUsed;
    this.#move(sender, "native", -BigInt(gasUsed) * effectiveGasPrice);
    this.#move("chain", "native", BigInt(gasUsed) * effectiveGasPrice);
    if (done !== null) this.#stand(done, transactionHash, place);
    this.#receipts.set(transactionHash, {
      transactionHash,
      transactionIndex: place,
      from: sender,
      to: contract,
      status: done === null ? 0 : 1,
      gasUsed,
      effectiveGasPrice,
      transfers: (done ?? []).flatMap(({ from, to, pool, tokenIn, tokenOut, amountIn, amountOut }) => [
        ...(from === contract ? [transferLog(tokenIn, from, pool.info.pool, amountIn)] : []),
        ...(to === contract ? [transferLog(tokenOut, pool.info.pool, to, amountOut)] : []),
      ]),
    });
    return done !== null;
  }

  /** Closes the block. `otherGas`: of transactions that are none of this market's. */
  seal(otherGas: number): Block {
    const { hash: parentHash, timestamp } = this.head;
    const changed = new Map<string, RowOf<FamilyId>[]>();
    for (const [pool, like] of this.#touched) {
      const rows = changed.get(pool.dex) ?? [];
      rows.push(pool.family.toChangeRow(pool.info, pool.state, like));
      changed.set(pool.dex, rows);
    }
    this.head = {
      number: this.#number,
      hash: this.#hash("block", parentHash, this.#transactions, this.#logs.map(([, , data]) => data).join()),
      parentHash,
      timestamp: timestamp + BLOCK_SECONDS,
      baseFeePerGas: this.#baseFee,
      gasUsed: Math.min(GAS_LIMIT, this.#gas + otherGas),
      gasLimit: GAS_LIMIT,
      logs: this.#logs,
      receipts: this.#receipts,
      changed,
    };
    return this.head;
  }

  #run({ contract, steps, profitToken, minProfit }: Pick<Bundle, "contract" | "steps" | "profitToken" | "minProfit">): Done[] | null {
    const done: Done[] = [];
    const held = new Map<string, bigint>();
    const move = (token: string, amount: bigint) => held.set(token, (held.get(token) ?? 0n) + amount);
    let forwarded: Done | null = null;
    for (const [index, step] of steps.entries()) {
      const to = step.forwards ? (steps[index + 1] as Step).pool : contract;
      const swap: Done | null = this.#swap(step, contract, to, forwarded);
      if (swap === null) break;
      done.push(swap);
      if (forwarded === null) move(swap.tokenIn, -swap.amountIn);
      if (!step.forwards) move(swap.tokenOut, swap.amountOut);
      forwarded = step.forwards ? swap : null;
    }
    const isShort = [...held].some(([token, amount]) => amount < (token === profitToken ? minProfit : 0n));
    if (done.length === steps.length && !isShort) return done;
    for (const { undo } of done.toReversed()) this.market.apply(undo);
    return null;
  }

  /** Does a swap, logs and balances left aside. Null where the pool refuses, or pays less than is asked. */
  #swap(step: Step, payer: string, to: string, before: Done | null): Done | null {
    const { pool: address, zeroForOne, amountOut: asked } = step;
    const amountIn = before?.amountOut ?? step.amountIn;
    const pool = this.market.pool(address);
    invariant(pool !== undefined, `${address}: no such pool`);
    const { family, info, state } = pool;
    const [indexIn, indexOut] = zeroForOne ? [0, 1] : [1, 0];
    const swap = { amountIn, indexIn, indexOut } as const;
    const quoted = family.quoteExactIn(info, state, swap);
    if (quoted === 0n || quoted < asked) return null;
    // A pair pays what it is asked for, and keeps what it could have paid beyond.
    const isPair = family.id === "uniswap-v2" && asked > 0n;
    const amountOut = isPair ? asked : quoted;
    const row = isPair
      ? pairAfter(state as unknown as PairState, address, zeroForOne, amountIn, amountOut)
      : family.afterSwap(info, state, swap);
    invariant(row !== null, `${address}: a swap that is quoted has a state after it`);
    const undo = family.toChangeRow(info, state, row);
    this.market.apply(row);
    const [tokenIn, tokenOut] = [info.tokens[indexIn] as string, info.tokens[indexOut] as string];
    const from = before?.pool.info.pool ?? payer;
    return { pool, undo, row, from, to, isForwarded: before !== null, tokenIn, tokenOut, amountIn, amountOut, zeroForOne };
  }

  #move(holder: string, token: string, amount: bigint): void {
    const key = `${holder}:${token}`;
    this.#balances.set(key, (this.#balances.get(key) ?? 0n) + amount);
  }

  /** Writes down what has been done: balances and logs. */
  #stand(done: readonly Done[], transactionHash: string, transactionIndex: number): void {
    for (const each of done) {
      const { pool, row, from, to, isForwarded, tokenIn, tokenOut, amountIn, amountOut } = each;
      this.#touched.set(pool, row);
      // What the pool before forwarded is there already.
      if (!isForwarded) {
        this.#move(from, tokenIn, -amountIn);
        this.#move(pool.info.pool, tokenIn, amountIn);
      }
      this.#move(pool.info.pool, tokenOut, -amountOut);
      this.#move(to, tokenOut, amountOut);
      for (const [topics, words] of swapLogs(each))
        this.#logs.push([pool.info.pool, topics, `0x${words.map(word).join("")}`, this.#logs.length, transactionIndex, transactionHash]);
    }
  }
}

interface PairState {
  readonly reserve0: bigint;
  readonly reserve1: bigint;
  readonly feePips: readonly [number, number];
}

function pairAfter(
  { reserve0, reserve1, feePips }: PairState,
  address: string,
  zeroForOne: boolean,
  amountIn: bigint,
  amountOut: bigint,
): RowOf<"uniswap-v2"> {
  const [after0, after1] = zeroForOne ? [reserve0 + amountIn, reserve1 - amountOut] : [reserve0 - amountOut, reserve1 + amountIn];
  return [address, after0.toString(), after1.toString(), feePips[0], feePips[1]];
}

const transferLog = (token: string, from: string, to: string, amount: bigint) => ({
  address: token,
  topics: [TOPICS.transfer, topicOf(from), topicOf(to)],
  data: `0x${word(amount)}`,
});

function swapLogs({ pool: { family }, row, from, to, zeroForOne, amountIn, amountOut }: Done): [string[], bigint[]][] {
  const parties = [topicOf(from), topicOf(to)];
  if (family.id === "uniswap-v2") {
    const [, reserve0, reserve1] = row as RowOf<"uniswap-v2">;
    const amounts = zeroForOne ? [amountIn, 0n, 0n, amountOut] : [0n, amountIn, amountOut, 0n];
    return [
      [[TOPICS.sync], [BigInt(reserve0), BigInt(reserve1)]],
      [[TOPICS.v2, ...parties], amounts],
    ];
  }
  const [, sqrtPriceX96, tick, liquidity] = row as RowOf<"uniswap-v3">;
  const amounts = zeroForOne ? [amountIn, -amountOut] : [-amountOut, amountIn];
  const after = [...amounts, BigInt(sqrtPriceX96), BigInt(liquidity), BigInt(tick)];
  return family.id === "pancake-v3"
    ? [
        [
          [TOPICS.pancake, ...parties],
          [...after, 0n, 0n],
        ],
      ]
    : [[[TOPICS.v3, ...parties], after]];
}
