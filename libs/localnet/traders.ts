/**
 * The people whose trades move prices. They sell what they happen to have, in pools of every kind, and never look at a second pool: gaps between pools appear
 * and stay until somebody else closes them.
 *
 * What they do in a block follows from the seed, the block number and the state of its parent; `planTrades` and `planNewPool` are pure.
 */

import type { RpcClient } from "#libs/evm/rpc.ts";
import { type Address, asAddress } from "#libs/units/brand.ts";
import { invariant } from "#libs/units/invariant.ts";
import { HASTY_TRADERS, sign, TRADERS } from "./accounts.ts";
import type { TradeSource } from "./builder.ts";
import { type Bundle, noncesOf, ownBundle } from "./bundle.ts";
import { ALGEBRA_FEE_PIPS, decodeWords, encodeLoad, FEE_BPS, type LoadedMarket, marketInterface } from "./deploy.ts";
import { CHAIN_ID } from "./genesis.ts";
import { type ConcentratedDex, nativePricesApprox, type RecordedWeightedPool, type V2Dex, venueKey, virtualReserves } from "./market.ts";
import { type Random, randomFor } from "./random.ts";

/** Swaps in a block. At 150,000 gas each they fill about a sixth of its gas target. */
const TRADES_PER_BLOCK = { from: 10, to: 14 };
/** Pools with less on one side are traded by nobody: what would move them is not worth its gas. */
const DEPTH_MIN_WEI = 5e18;
/**
 * How much more often deep pools are traded: more, but less than in proportion, and no more beyond a depth at which single trades move nothing. Concentrated
 * pools of pegged tokens have virtual reserves of millions and would otherwise get all the trades.
 */
const DEPTH_EXPONENT = 0.5;
const DEPTH_WEIGHT_MAX_WEI = 3_000e18;
/**
 * Size of a swap as a share of the pool's depth on the selling side, log-normal. A share s moves the price by about 2 s. The median is small against any fee;
 * about one swap in six moves its price by more than two pools' fees together, which is what leaves a gap.
 */
const SHARE_MEDIAN = 0.003;
const SHARE_SIGMA = 1;
const SHARE_MAX = 0.02;
/** The largest swap, in wei: deep pools are not moved by single trades. */
const TRADE_MAX_WEI = 60e18;
/**
 * How strongly a displaced price turns the flow: at a log-distance d from where the pool started, selling back is 1 / (1 + exp(-2 k d)) likely. At k = 50 a pool
 * 2 % off sees seven sales in eight go back; it wanders, but not away.
 */
const PULL = 50;
/** A swap in a concentrated pool stops after this relative move of the square-root price: beyond it there may be no liquidity. */
const SQRT_PRICE_MOVE_MAX = { numerator: 985n, denominator: 1000n };

/** Every so many blocks somebody opens a pool. */
const NEW_POOL_EVERY_BLOCKS = 20;
const NEW_POOL_DEPTH_MIN_WEI = 20e18;

/** Wei per gas above the base fee, of those in a hurry: with a swap's gas more than the builder gets of all but the largest arbitrages. */
const HASTY_TIP_PER_GAS = 500_000_000_000n;

const SWAP_GAS_LIMIT = 600_000n;
const NEW_POOL_GAS_LIMIT = 8_000_000n;

/** A pool as traders know it: two tokens of one, where it has more. */
export interface TradedPool {
  readonly kind: "v2" | "v3" | "weighted";
  readonly address: Address;
  readonly token0: Address;
  readonly token1: Address;
  /** Of Algebra's pools the lowest: it moves. */
  readonly feePips: number;
  /** Of weighted pools. */
  readonly weighted?: { readonly poolId: string; readonly weight0Wad: bigint; readonly weight1Wad: bigint };
  /** Value of one side at the start, in wei, approximately. */
  readonly depthWeiApprox: number;
  /** log of token1 per token0 (raw units) at the start. */
  readonly logPriceAtStart: number;
}

/** State of the parent block: reserves (virtual ones for all but constant-product pairs) and, for concentrated pools, the price. */
export interface TradedPoolState {
  readonly reserve0: bigint;
  readonly reserve1: bigint;
  readonly sqrtPriceX96?: bigint;
}

export interface Trade {
  readonly pool: TradedPool;
  readonly zeroForOne: boolean;
  readonly amountIn: bigint;
  /** Of concentrated pools only. */
  readonly sqrtPriceLimitX96?: bigint;
}

/** Which pools are traded in a block: chosen before any state is read, so that only theirs has to be. */
export function choosePools(random: Random, pools: readonly TradedPool[]): TradedPool[] {
  const weights = pools.map((pool) => Math.min(pool.depthWeiApprox, DEPTH_WEIGHT_MAX_WEI) ** DEPTH_EXPONENT);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return Array.from({ length: random.integer(TRADES_PER_BLOCK.from, TRADES_PER_BLOCK.to) }, () => {
    let point = random.unit() * total;
    const index = weights.findIndex((weight) => {
      point -= weight;
      return point < 0;
    });
    return pools[index] ?? random.pick(pools);
  });
}

const logOf = (value: bigint): number => Math.log(Number(value));

export function planTrade(random: Random, pool: TradedPool, state: TradedPoolState): Trade | undefined {
  if (state.reserve0 === 0n || state.reserve1 === 0n) return undefined;
  const displacement = logOf(state.reserve1) - logOf(state.reserve0) - pool.logPriceAtStart;
  const zeroForOne = random.chance(1 / (1 + Math.exp(-2 * PULL * displacement)));
  const drawn = SHARE_MEDIAN * Math.exp(SHARE_SIGMA * random.normal());
  const share = Math.min(drawn, SHARE_MAX, TRADE_MAX_WEI / pool.depthWeiApprox);
  const reserveIn = zeroForOne ? state.reserve0 : state.reserve1;
  const amountIn = (reserveIn * BigInt(Math.round(share * 1e9))) / 1_000_000_000n;
  if (amountIn === 0n) return undefined;
  if (state.sqrtPriceX96 === undefined) return { pool, zeroForOne, amountIn };
  const { numerator, denominator } = SQRT_PRICE_MOVE_MAX;
  const sqrtPriceLimitX96 = zeroForOne ? (state.sqrtPriceX96 * numerator) / denominator : (state.sqrtPriceX96 * denominator) / numerator;
  return { pool, zeroForOne, amountIn, sqrtPriceLimitX96 };
}

export interface NewPool {
  readonly dex: V2Dex | ConcentratedDex;
  readonly token0: Address;
  readonly token1: Address;
  readonly reserve0: bigint;
  readonly reserve1: bigint;
  readonly feePips: number;
}

const V2_DEXES: readonly V2Dex[] = ["uniswap-v2", "pancake-v2", "swapr"];
/** Fee tiers that pools are opened in, and their tick spacing; Algebra has one of its own. */
const TICK_SPACING: Readonly<Record<ConcentratedDex, Readonly<Record<number, number>>>> = {
  "uniswap-v3": { 500: 10, 3000: 60, 10000: 200 },
  "pancake-v3": { 500: 10, 2500: 50, 10000: 200 },
  algebra: { [ALGEBRA_FEE_PIPS]: 60 },
};

const isV2 = (dex: NewPool["dex"]): dex is V2Dex => (V2_DEXES as readonly string[]).includes(dex);

/** Where a pool for the tokens of `like` could still be opened. */
export function openVenues(like: TradedPool, isTaken: (venue: string) => boolean): { dex: NewPool["dex"]; feePips: number }[] {
  const v2 = V2_DEXES.map((dex) => ({ dex, feePips: FEE_BPS[dex] * 100 }));
  const v3 = Object.entries(TICK_SPACING).flatMap(([dex, tiers]) =>
    Object.keys(tiers).map((feePips) => ({ dex: dex as ConcentratedDex, feePips: Number(feePips) })),
  );
  return [...v2, ...v3].filter(({ dex, feePips }) => !isTaken(venueKey(dex, like.token0, like.token1, feePips)));
}

/** Less on one side, in raw units, does not buy even what a constant-product pair burns of its first liquidity. */
const NEW_POOL_RESERVE_MIN = 1_000n;

/** A pool a twentieth to a quarter as deep as the one it imitates, at a price up to 1.5 % off. None where that one's price has left all liquidity behind. */
export function planNewPool(
  random: Random,
  like: TradedPool,
  state: TradedPoolState,
  venues: readonly { dex: NewPool["dex"]; feePips: number }[],
): NewPool | undefined {
  const venue = random.pick(venues);
  const share = 0.05 + 0.2 * random.unit();
  const offset = 1 + 0.015 * (2 * random.unit() - 1);
  const scaled = (reserve: bigint, factor: number): bigint => (reserve * BigInt(Math.round(factor * 1e9))) / 1_000_000_000n;
  const [reserve0, reserve1] = [scaled(state.reserve0, share), scaled(state.reserve1, share * offset)];
  if (reserve0 < NEW_POOL_RESERVE_MIN || reserve1 < NEW_POOL_RESERVE_MIN) return undefined;
  return { ...venue, token0: like.token0, token1: like.token1, reserve0, reserve1 };
}

/** Integer square root, rounded down. */
function sqrt(value: bigint): bigint {
  if (value < 2n) return value;
  let root = 1n << BigInt((value.toString(2).length + 1) >> 1);
  for (;;) {
    const next = (root + value / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}

/** Encodes the opening of a pool. A concentrated one gets a narrow and a wide position around its price. */
export function encodeNewPool(pool: NewPool, factories: Pick<LoadedMarket["contracts"], "v2Factories" | "v3Factories">): string {
  const { dex, token0, token1, feePips } = pool;
  if (isV2(dex)) {
    const spec = [factories.v2Factories[dex], token0, token1, pool.reserve0, pool.reserve1];
    return marketInterface().encodeFunctionData("loadPairs", [[spec]]);
  }
  const sqrtPriceX96 = sqrt((pool.reserve1 << 192n) / pool.reserve0);
  const liquidity = sqrt(pool.reserve0 * pool.reserve1);
  const spacing = TICK_SPACING[dex][feePips];
  invariant(spacing !== undefined, `${dex} has no tier ${feePips}`);
  const tick = Math.floor((2 * (Math.log(Number(sqrtPriceX96)) - 96 * Math.LN2)) / Math.log(1.0001));
  const around = (width: number): { tickLower: number; tickUpper: number } => {
    const tickLower = Math.floor((tick - width) / spacing) * spacing;
    return { tickLower, tickUpper: tickLower + Math.ceil((2 * width) / spacing) * spacing };
  };
  const positions = [
    { ...around(3_000), liquidity: liquidity / 2n },
    { ...around(12_000), liquidity: liquidity / 2n },
  ];
  return encodeLoad({ dex, token0, token1, feePips, sqrtPriceX96, positions }, factories.v3Factories);
}

/** Every two tokens of a weighted pool. */
function tokenPairsOf({
  tokens,
}: RecordedWeightedPool): (readonly [RecordedWeightedPool["tokens"][number], RecordedWeightedPool["tokens"][number]])[] {
  return tokens.flatMap((side0, index) => tokens.slice(index + 1).map((side1) => [side0, side1] as const));
}

/**
 * Reserves of a constant-product pair with the price that two tokens of a weighted pool have, and for small swaps the same change of it: 2·B·w' / (w + w'),
 * where w' is the weight of the other. Raw token units, rounded down.
 */
export function pairReserves(sides: { balance0: bigint; balance1: bigint; weight0Wad: bigint; weight1Wad: bigint }): {
  reserve0: bigint;
  reserve1: bigint;
} {
  const { balance0, balance1, weight0Wad, weight1Wad } = sides;
  const total = weight0Wad + weight1Wad;
  return { reserve0: (2n * balance0 * weight1Wad) / total, reserve1: (2n * balance1 * weight0Wad) / total };
}

/** The loaded pools worth trading, deepest first. */
export function tradedPools(loaded: LoadedMarket, native: Address): TradedPool[] {
  type Untold = Omit<TradedPool, "depthWeiApprox" | "logPriceAtStart"> & { readonly reserve0: bigint; readonly reserve1: bigint };
  const pairs = loaded.pairs.map(({ address, dex, token0, token1, reserve0, reserve1 }): Untold => {
    return { kind: "v2", address, token0, token1, feePips: FEE_BPS[dex] * 100, reserve0, reserve1 };
  });
  const pools = loaded.pools.map((pool): Untold => {
    const { address, dex, token0, token1 } = pool;
    return { kind: "v3", address, token0, token1, feePips: dex === "algebra" ? ALGEBRA_FEE_PIPS : pool.feePips, ...virtualReserves(pool) };
  });
  const weighted = loaded.weighted.flatMap(({ address, poolId, recorded }) =>
    tokenPairsOf(recorded).map(([side0, side1]): Untold => {
      const weights = { weight0Wad: BigInt(side0.weightWad), weight1Wad: BigInt(side1.weightWad) };
      const reserves = pairReserves({ balance0: BigInt(side0.balance), balance1: BigInt(side1.balance), ...weights });
      const sides = { token0: asAddress(side0.token), token1: asAddress(side1.token) };
      return { kind: "weighted", address, ...sides, feePips: recorded.swapFeePips, weighted: { poolId, ...weights }, ...reserves };
    }),
  );
  const all = [...pairs, ...pools, ...weighted].map(({ reserve0, reserve1, ...pool }) => {
    return { pool, sides: { token0: pool.token0, token1: pool.token1, reserve0: Number(reserve0), reserve1: Number(reserve1) } };
  });
  const prices = nativePricesApprox(
    native,
    all.map(({ sides }) => sides),
  );
  const traded = all.map(({ pool, sides: { reserve0, reserve1 } }): TradedPool => {
    const depthWeiApprox = Math.min(reserve0 * (prices.get(pool.token0) ?? 0), reserve1 * (prices.get(pool.token1) ?? 0));
    return { ...pool, depthWeiApprox, logPriceAtStart: Math.log(reserve1) - Math.log(reserve0) };
  });
  return traded.filter((pool) => pool.depthWeiApprox >= DEPTH_MIN_WEI).sort((a, b) => b.depthWeiApprox - a.depthWeiApprox);
}

/** Call data of `Market` for a swap. */
export function encodeSwap(
  {
    pool,
    zeroForOne,
    amountIn,
    sqrtPriceLimitX96,
  }: Pick<Trade, "zeroForOne" | "amountIn" | "sqrtPriceLimitX96"> & {
    readonly pool: Pick<TradedPool, "kind" | "address" | "token0" | "token1" | "feePips" | "weighted">;
  },
  { vault }: Pick<LoadedMarket["contracts"], "vault">,
): string {
  const abi = marketInterface();
  switch (pool.kind) {
    case "v2":
      return abi.encodeFunctionData("swapV2", [pool.address, zeroForOne, amountIn, pool.feePips / 100]);
    case "v3":
      return abi.encodeFunctionData("swapV3", [pool.address, zeroForOne, amountIn, sqrtPriceLimitX96]);
    case "weighted": {
      const [tokenIn, tokenOut] = zeroForOne ? [pool.token0, pool.token1] : [pool.token1, pool.token0];
      return abi.encodeFunctionData("swapVault", [vault, pool.weighted?.poolId, tokenIn, tokenOut, amountIn]);
    }
  }
}

const SELECTORS = {
  /** getPair(address,address) */ getPair: "0xe6a43905",
  /** getPool(address,address,uint24) */ getPool: "0x1698ee82",
  /** poolByPair(address,address) */ poolByPair: "0xd9a641e1",
} as const;

/** The shell: reads the chosen pools at the head, signs what was planned. */
export class Traders {
  readonly #rpc: RpcClient;
  readonly #loaded: LoadedMarket;
  readonly #seed: number;
  readonly #hasty: number;
  readonly #firstBlock: number;
  readonly #pools: readonly TradedPool[];
  readonly #takenAtStart: ReadonlySet<string>;

  /** `hasty`: share of the swaps that pay to come before everybody else; what others quoted on the head no longer holds in their pools. */
  constructor(options: { rpc: RpcClient; loaded: LoadedMarket; native: Address; seed: number; hasty?: number }) {
    this.#rpc = options.rpc;
    this.#loaded = options.loaded;
    this.#seed = options.seed;
    this.#hasty = options.hasty ?? 0;
    this.#firstBlock = options.loaded.blockNumber + 1;
    this.#pools = tradedPools(options.loaded, options.native);
    this.#takenAtStart = new Set([
      ...options.loaded.pairs.map((pair) => venueKey(pair.dex, pair.token0, pair.token1, 0)),
      ...options.loaded.pools.map((pool) => venueKey(pool.dex, pool.token0, pool.token1, pool.feePips)),
    ]);
  }

  get pools(): readonly TradedPool[] {
    return this.#pools;
  }

  /** For the block after the head: signed transactions, in order, and the bundles of those in a hurry. */
  readonly transactionsFor: TradeSource = async (blockNumber, branch) => {
    const random = randomFor(this.#seed, "trades", blockNumber, branch);
    const chosen = choosePools(random, this.#pools);
    const opens = blockNumber > this.#firstBlock && (blockNumber - this.#firstBlock) % NEW_POOL_EVERY_BLOCKS === 0;
    const like = opens ? random.pick(this.#pools.filter((pool) => pool.depthWeiApprox >= NEW_POOL_DEPTH_MIN_WEI)) : undefined;
    const states = await this.#read(like ? [...chosen, like] : chosen);
    const senders = this.#hasty > 0 ? [...TRADERS, ...HASTY_TRADERS] : TRADERS;
    const nonces = await noncesOf(
      this.#rpc,
      senders.map(({ address }) => address),
      "latest",
    );

    const market = this.#loaded.contracts.market;
    const raws: string[] = [];
    const bundles: Bundle[] = [];
    // Draws of their own: without hasty traders the others do what they always did.
    const haste = randomFor(this.#seed, "haste", blockNumber, branch);
    const hurry = (data: string): boolean => {
      const trader = haste.chance(this.#hasty) ? HASTY_TRADERS[bundles.length] : undefined;
      if (trader === undefined) return false;
      const nonce = nonces.get(trader.address) ?? 0;
      const fees = { maxPriorityFeePerGas: HASTY_TIP_PER_GAS };
      const signed = sign(trader, CHAIN_ID, { nonce, to: market, data, gasLimit: SWAP_GAS_LIMIT, ...fees });
      bundles.push(ownBundle({ ...signed, from: trader.address }, blockNumber));
      return true;
    };
    const send = (data: string, gasLimit: bigint): void => {
      const trader = random.pick(TRADERS);
      const nonce = nonces.get(trader.address) ?? 0;
      nonces.set(trader.address, nonce + 1);
      raws.push(sign(trader, CHAIN_ID, { nonce, to: market, data, gasLimit }).raw);
    };
    for (const [index, pool] of chosen.entries()) {
      const state = states[index];
      const trade = state && planTrade(random, pool, state);
      if (trade === undefined) continue;
      const data = encodeSwap(trade, this.#loaded.contracts);
      if (!hurry(data)) send(data, SWAP_GAS_LIMIT);
    }
    const likeState = states[chosen.length];
    if (like && likeState) {
      const venues = await this.#stillOpen(like);
      const opened = venues.length > 0 ? planNewPool(random, like, likeState, venues) : undefined;
      if (opened) send(encodeNewPool(opened, this.#loaded.contracts), NEW_POOL_GAS_LIMIT);
    }
    return { trades: raws, bundles };
  };

  /** Venues without a pool for these tokens, the chain asked about those that the load did not fill. */
  async #stillOpen(like: TradedPool): Promise<{ dex: NewPool["dex"]; feePips: number }[]> {
    const { v2Factories, v3Factories } = this.#loaded.contracts;
    const candidates = openVenues(like, (venue) => this.#takenAtStart.has(venue));
    const word = (value: string | number): string => (typeof value === "string" ? value.slice(2) : value.toString(16)).padStart(64, "0");
    const answers = await this.#rpc.batch<string>(
      candidates.map(({ dex, feePips }) => {
        const tokens = `${word(like.token0)}${word(like.token1)}`;
        const call = isV2(dex)
          ? { to: v2Factories[dex], data: `${SELECTORS.getPair}${tokens}` }
          : dex === "algebra"
            ? { to: v3Factories.algebra, data: `${SELECTORS.poolByPair}${tokens}` }
            : { to: v3Factories[dex], data: `${SELECTORS.getPool}${tokens}${word(feePips)}` };
        return { method: "eth_call", params: [call, "latest"] };
      }),
    );
    return candidates.filter((_, index) => BigInt(answers[index] ?? 0) === 0n);
  }

  async #read(pools: readonly TradedPool[]): Promise<TradedPoolState[]> {
    return readPoolStates(this.#rpc, this.#loaded.contracts, pools);
  }
}

/** Current states of the given pools, in their order. */
export async function readPoolStates(
  rpc: RpcClient,
  { market, vault }: Pick<LoadedMarket["contracts"], "market" | "vault">,
  pools: readonly Pick<TradedPool, "kind" | "address" | "token0" | "token1" | "weighted">[],
): Promise<TradedPoolState[]> {
  const abi = marketInterface();
  const addresses = (kind: TradedPool["kind"]): Address[] => pools.filter((pool) => pool.kind === kind).map(({ address }) => address);
  const weighted = pools.flatMap((pool) => (pool.weighted === undefined ? [] : [{ ...pool, poolId: pool.weighted.poolId }]));
  const calls = [
    abi.encodeFunctionData("pairStates", [addresses("v2")]),
    abi.encodeFunctionData("poolStates", [addresses("v3")]),
    abi.encodeFunctionData("vaultStates", [
      vault,
      weighted.map(({ poolId }) => poolId),
      weighted.map(({ token0 }) => token0),
      weighted.map(({ token1 }) => token1),
    ]),
  ];
  const answers = await rpc.batch<string>(calls.map((data) => ({ method: "eth_call", params: [{ to: market, data }, "latest"] })));
  const [pairWords = [], poolWords = [], vaultWords = []] = answers.map(decodeWords);
  const next = { v2: 0, v3: 0, weighted: 0 };
  return pools.map((pool) => {
    const index = next[pool.kind]++;
    if (pool.kind === "v3") {
      const [sqrtPriceX96 = 1n, , liquidity = 0n] = poolWords.slice(3 * index, 3 * index + 3);
      return { ...virtualReserves({ sqrtPriceX96, liquidity }), sqrtPriceX96 };
    }
    const [side0 = 0n, side1 = 0n] = (pool.kind === "v2" ? pairWords : vaultWords).slice(2 * index, 2 * index + 2);
    if (pool.weighted === undefined) return { reserve0: side0, reserve1: side1 };
    return pairReserves({ balance0: side0, balance1: side1, ...pool.weighted });
  });
}
