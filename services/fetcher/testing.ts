/** Worlds for tests of the fetcher: pools as their contracts define them, the logs that these would emit, and chains of blocks of both. */

import { Interface } from "ethers";
import type { Received } from "#libs/actor/actor.ts";
import { received } from "#libs/actor/testing.ts";
import type { FamilyId, PoolInfo, RowOf } from "#libs/dex/family.ts";
import { deploymentOf } from "#libs/dex/testing.ts";
import { type Address, asAddress } from "#libs/units/brand.ts";
import type { LogRow } from "#proto/block/v1/observed.ts";
import type { TickRow } from "#proto/pool/v1/state.ts";
import type { Config, State } from "#services/fetcher/actor.ts";
import { foundOf, restore } from "#services/fetcher/actor.ts";

const EVENTS = new Interface([
  "event PairCreated(address indexed token0, address indexed token1, address pair, uint256 count)",
  "event Sync(uint112 reserve0, uint112 reserve1)",
  "event PoolCreated(address indexed token0, address indexed token1, uint24 indexed fee, int24 tickSpacing, address pool)",
  "event Initialize(uint160 sqrtPriceX96, int24 tick)",
  "event Swap(address indexed sender, address indexed recipient, int256 amount0, int256 amount1, uint160 sqrtPriceX96, uint128 liquidity, int24 tick)",
  "event Mint(address sender, address indexed owner, int24 indexed tickLower, int24 indexed tickUpper, uint128 amount, uint256 amount0, uint256 amount1)",
  "event Burn(address indexed owner, int24 indexed tickLower, int24 indexed tickUpper, uint128 amount, uint256 amount0, uint256 amount1)",
]);

export const addressOf = (value: number): Address => asAddress(`0x${value.toString(16).padStart(40, "0")}`);
export const hashOf = (value: number): string => `0x${value.toString(16).padStart(64, "0")}`;

export const FACTORY = addressOf(0xfac7);
export const TOKENS = [1, 2, 3, 4].map((index) => addressOf(0x70000 + index)) as [Address, Address, Address, Address];
const NOBODY = addressOf(0x99);
const SPACING = 60;
const FEE: Readonly<Partial<Record<FamilyId, number>>> = { "uniswap-v2": 3_000, "uniswap-v3": 500 };

export function configOf(family: FamilyId, options: Partial<Config> = {}): Config {
  const deployment = deploymentOf(family, FACTORY, { id: "dex", feeBps: 30 });
  return {
    chain: "local",
    chainId: 31337,
    deployment,
    journalBlocks: 8,
    snapshotEveryBlocks: 1_000,
    blockSeconds: 12,
    checkEveryBlocks: 1_000,
    reviewEveryBlocks: 1_000,
    messageBytes: 1_000_000,
    release: [],
    ...options,
  };
}

export function log(name: string, address: string, values: readonly unknown[]): LogRow {
  const { topics, data } = EVENTS.encodeEventLog(name, values);
  return [address, topics as string[], data, 0, 0, hashOf(0)];
}

export function createdLog(family: FamilyId, { pool, tokens }: PoolInfo, factory: string = FACTORY): LogRow {
  return family === "uniswap-v2"
    ? log("PairCreated", factory, [...tokens, pool, 1])
    : log("PoolCreated", factory, [...tokens, FEE[family], SPACING, pool]);
}

interface Position {
  readonly lower: number;
  readonly upper: number;
  readonly amount: bigint;
}
/** A pool by its contract's own account: reserves, or a price and the positions in it. */
export interface PoolFacts {
  readonly info: PoolInfo;
  readonly reserves: readonly [bigint, bigint];
  readonly sqrtPriceX96: bigint;
  readonly tick: number;
  readonly positions: readonly Position[];
}
export type Pools = ReadonlyMap<string, PoolFacts>;

const activeLiquidity = ({ positions, tick }: PoolFacts): bigint =>
  positions.reduce((sum, { lower, upper, amount }) => (lower <= tick && tick < upper ? sum + amount : sum), 0n);

/** What a reader of the contracts would be told. */
export function rowOf(family: FamilyId, facts: PoolFacts): RowOf<FamilyId> {
  const { info, reserves, sqrtPriceX96, tick, positions } = facts;
  const fee = FEE[family] as number;
  if (family === "uniswap-v2") return [info.pool, reserves[0].toString(), reserves[1].toString(), fee, fee];
  const ends = [...new Set(positions.flatMap(({ lower, upper }) => [lower, upper]))].sort((left, right) => left - right);
  const ticks = ends.flatMap((end): TickRow[] => {
    const at = positions.filter(({ lower, upper }) => lower === end || upper === end);
    const gross = at.reduce((sum, { amount }) => sum + amount, 0n);
    const net = at.reduce((sum, { lower, amount }) => (lower === end ? sum + amount : sum - amount), 0n);
    return gross === 0n ? [] : [[end, net.toString(), gross.toString()]];
  });
  return [info.pool, sqrtPriceX96.toString(), tick, activeLiquidity(facts).toString(), fee, fee, ticks];
}

export const rowsOf = (family: FamilyId, pools: Pools): RowOf<FamilyId>[] =>
  byAddress([...pools.values()].map((facts) => rowOf(family, facts)));
export const byAddress = <Row extends { readonly 0: string }>(rows: readonly Row[]): Row[] =>
  rows.toSorted((left, right) => (left[0] < right[0] ? -1 : 1));

export function newPool(family: FamilyId, index: number): PoolFacts {
  const [token0, token1] = [TOKENS[index % 3] as Address, TOKENS[3]];
  const facts = family === "uniswap-v2" ? {} : { tickSpacing: SPACING };
  const info = { pool: addressOf(0xb0000 + index), tokens: [token0, token1], facts } as PoolInfo;
  return { info, reserves: [0n, 0n], sqrtPriceX96: 0n, tick: 0, positions: [] };
}

/** One thing that happens in a block. The numbers say to which pool and how much; any numbers do. */
export interface Happening {
  readonly kind: "create" | "trade" | "add" | "take";
  readonly which: number;
  readonly low: number;
  readonly high: number;
  readonly amount: number;
}

/** What the happening does to the pools, and the logs that tell of it. */
function happen(
  family: FamilyId,
  before: Pools,
  { kind, which, low, high, amount }: Happening,
): { readonly pools: Pools; readonly logs: LogRow[] } {
  const pools = new Map(before);
  if (kind === "create" || pools.size === 0) {
    const facts = newPool(family, which % 12);
    if (pools.has(facts.info.pool)) return { pools, logs: [] };
    const logs = [createdLog(family, facts.info)];
    if (family === "uniswap-v3" && amount % 2 === 0) {
      logs.push(log("Initialize", facts.info.pool, [BigInt(amount) + 5n, low]));
      pools.set(facts.info.pool, { ...facts, sqrtPriceX96: BigInt(amount) + 5n, tick: low });
    } else pools.set(facts.info.pool, facts);
    return { pools, logs };
  }
  const facts = [...pools.values()][which % pools.size] as PoolFacts;
  const { pool } = facts.info;
  const set = (changes: Partial<PoolFacts>) => {
    const changed = { ...facts, ...changes };
    pools.set(pool, changed);
    return changed;
  };
  if (family === "uniswap-v2") {
    const { reserves } = set({ reserves: [BigInt(amount) + 1n, BigInt(Math.abs(low)) * 10n ** 18n + 1n] });
    return { pools, logs: [log("Sync", pool, reserves)] };
  }
  if (kind === "trade") {
    const changed = set({ sqrtPriceX96: BigInt(amount) + 7n, tick: low });
    return { pools, logs: [log("Swap", pool, [NOBODY, NOBODY, 1, -1, changed.sqrtPriceX96, activeLiquidity(changed), changed.tick])] };
  }
  const lower = Math.min(low, high) * SPACING;
  const upper = (Math.max(low, high) + 1) * SPACING;
  if (kind === "add") {
    set({ positions: [...facts.positions, { lower, upper, amount: BigInt(amount) + 1n }] });
    return { pools, logs: [log("Mint", pool, [NOBODY, NOBODY, lower, upper, amount + 1, 1, 1])] };
  }
  const position = facts.positions[low < 0 ? 0 : facts.positions.length - 1];
  // Collecting fees: a burn of nothing.
  if (position === undefined) return { pools, logs: [log("Burn", pool, [NOBODY, lower, upper, 0, 0, 0])] };
  const taken = high % 2 === 0 ? position.amount : position.amount / 2n;
  const left = { ...position, amount: position.amount - taken };
  set({ positions: [...facts.positions.filter((each) => each !== position), ...(left.amount > 0n ? [left] : [])] });
  return { pools, logs: [log("Burn", pool, [NOBODY, position.lower, position.upper, taken, 0, 0])] };
}

export interface Block {
  readonly number: number;
  readonly hash: string;
  readonly parent: Block | null;
  readonly logs: readonly LogRow[];
  /** The pools after it. */
  readonly pools: Pools;
}

/** Blocks that grow on one another, and the messages that tell of them. */
export class World {
  readonly family: FamilyId;
  head: Block;
  epoch = 0;
  sequence = 100;
  #blocks = 0;

  constructor(family: FamilyId, pools: readonly PoolFacts[]) {
    this.family = family;
    this.head = {
      number: 10,
      hash: hashOf(0xb10c),
      parent: null,
      logs: [],
      pools: new Map(pools.map((facts) => [facts.info.pool as string, facts])),
    };
  }

  /** A block on the head, which becomes the head. `more`: logs that do nothing to our pools. */
  mine(happenings: readonly Happening[], more: readonly LogRow[] = []): Block {
    const logs: LogRow[] = [...more];
    let { pools } = this.head;
    for (const each of happenings) {
      const after = happen(this.family, pools, each);
      pools = after.pools;
      logs.push(...after.logs);
    }
    this.head = { number: this.head.number + 1, hash: hashOf(0xb10c00 + ++this.#blocks), parent: this.head, logs, pools };
    return this.head;
  }

  observed(block: Block = this.head): Received<"blockObserved"> {
    return received(
      "blockObserved",
      {
        kind: "block-observed",
        v: 1,
        chainId: 31337,
        blockNumber: block.number,
        blockHash: block.hash,
        observedAtMs: 1_000 * block.number,
        causeId: null,
        parentHash: block.parent?.hash ?? hashOf(1),
        epoch: this.epoch,
        timestamp: 12 * block.number,
        baseFeePerGas: "1",
        gasUsed: 1,
        gasLimit: 2,
        logColumns: ["address", "topics", "data", "logIndex", "transactionIndex", "transactionHash"],
        logs: [...block.logs],
      },
      { sequence: ++this.sequence },
    );
  }

  /** The last `depth` blocks are dropped. */
  reorg(depth: number): Received<"blockReorged"> {
    const dropped: [number, string][] = [];
    for (let left = depth; left > 0 && this.head.parent !== null; left--) {
      dropped.unshift([this.head.number, this.head.hash]);
      this.head = this.head.parent;
    }
    const { number, hash } = this.head;
    return received(
      "blockReorged",
      {
        kind: "block-reorged",
        v: 1,
        chainId: 31337,
        blockNumber: number,
        blockHash: hash,
        observedAtMs: 1_000 * number,
        causeId: null,
        epoch: ++this.epoch,
        dropped,
      },
      { sequence: ++this.sequence },
    );
  }

  /** A fetcher that stands at the head. */
  state(answeredThrough = this.sequence): State {
    const { number, hash, pools } = this.head;
    const infos = [...pools.values()].map(({ info }) => info);
    return restore(
      {
        v: 1,
        dex: "dex",
        chainId: 31337,
        blockNumber: number,
        blockHash: hash,
        epoch: this.epoch,
        causeSequence: this.sequence,
        pools: foundOf(this.family, infos),
        states: { family: this.family, rows: rowsOf(this.family, pools) } as Parameters<typeof restore>[0]["states"],
        arrivals: [],
        candidates: [],
        small: [],
        quarantined: [],
        journal: [],
      },
      answeredThrough,
      1_000 * number,
      { release: [] },
    );
  }
}
