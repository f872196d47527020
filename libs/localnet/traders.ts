/**
 * The people whose trades move prices. They sell what they happen to have, in pools of every kind, and never look at a second pool: gaps between pools appear
 * and stay until somebody else closes them.
 *
 * What they do in a block follows from the seed, the block number and the state of its parent; `planTrades` and `planNewPool` are pure.
 */

import type { RpcClient } from "#libs/evm/rpc.ts";
import { type Address, asAddress } from "#libs/units/brand.ts";
import { sign, TRADERS } from "./accounts.ts";
import type { TradeSource } from "./builder.ts";
import { noncesOf } from "./bundle.ts";
import { decodeWords, FEE_BPS, type LoadedMarket, marketInterface, packPositions } from "./deploy.ts";
import { CHAIN_ID } from "./genesis.ts";
import { nativePricesApprox, type V2Dex, virtualReserves } from "./market.ts";
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

const SWAP_GAS_LIMIT = 600_000n;
const NEW_POOL_GAS_LIMIT = 8_000_000n;

/** A pool as traders know it. */
export interface TradedPool {
  readonly kind: "v2" | "v3";
  readonly address: Address;
  readonly token0: Address;
  readonly token1: Address;
  readonly feePips: number;
  /** Value of one side at the start, in wei, approximately. */
  readonly depthWeiApprox: number;
  /** log of token1 per token0 (raw units) at the start. */
  readonly logPriceAtStart: number;
}

/** State of the parent block: reserves (virtual ones for concentrated pools) and, for these, the price. */
export interface TradedPoolState {
  readonly reserve0: bigint;
  readonly reserve1: bigint;
  readonly sqrtPriceX96?: bigint;
}

export interface Trade {
  readonly pool: TradedPool;
  readonly zeroForOne: boolean;
  readonly amountIn: bigint;
  /** Absent for constant-product pairs. */
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
  readonly dex: V2Dex | "uniswap-v3";
  readonly token0: Address;
  readonly token1: Address;
  readonly reserve0: bigint;
  readonly reserve1: bigint;
  readonly feePips: number;
}

const V2_DEXES: readonly V2Dex[] = ["uniswap-v2", "pancake-v2", "swapr"];
const V3_TIERS = [500, 3_000, 10_000] as const;
const TICK_SPACING: Readonly<Record<(typeof V3_TIERS)[number], number>> = { 500: 10, 3000: 60, 10000: 200 };

/** Where a pool for the tokens of `like` could still be opened. */
export function openVenues(like: TradedPool, isTaken: (venue: string) => boolean): { dex: NewPool["dex"]; feePips: number }[] {
  const v2 = V2_DEXES.map((dex) => ({ dex, feePips: FEE_BPS[dex] * 100 }));
  const v3 = V3_TIERS.map((feePips) => ({ dex: "uniswap-v3" as const, feePips }));
  return [...v2, ...v3].filter(({ dex, feePips }) => !isTaken(venueKey(dex, like.token0, like.token1, feePips)));
}

/** Names a place at which there can be one pool only. */
export const venueKey = (dex: NewPool["dex"], token0: Address, token1: Address, feePips: number): string =>
  dex === "uniswap-v3" ? `${dex} ${token0} ${token1} ${feePips}` : `${dex} ${token0} ${token1}`;

/** A pool a twentieth to a quarter as deep as the one it imitates, at a price up to 1.5 % off. */
export function planNewPool(
  random: Random,
  like: TradedPool,
  state: TradedPoolState,
  venues: readonly { dex: NewPool["dex"]; feePips: number }[],
): NewPool {
  const venue = random.pick(venues);
  const share = 0.05 + 0.2 * random.unit();
  const offset = 1 + 0.015 * (2 * random.unit() - 1);
  const scaled = (reserve: bigint, factor: number): bigint => (reserve * BigInt(Math.round(factor * 1e9))) / 1_000_000_000n;
  return {
    ...venue,
    token0: like.token0,
    token1: like.token1,
    reserve0: scaled(state.reserve0, share),
    reserve1: scaled(state.reserve1, share * offset),
  };
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
export function encodeNewPool(pool: NewPool, factories: LoadedMarket["contracts"]): string {
  const abi = marketInterface();
  if (pool.dex !== "uniswap-v3") {
    const spec = [factories.v2Factories[pool.dex], pool.token0, pool.token1, pool.reserve0, pool.reserve1];
    return abi.encodeFunctionData("loadPairs", [[spec]]);
  }
  const sqrtPriceX96 = sqrt((pool.reserve1 << 192n) / pool.reserve0);
  const liquidity = sqrt(pool.reserve0 * pool.reserve1);
  const spacing = TICK_SPACING[pool.feePips as (typeof V3_TIERS)[number]];
  const tick = Math.floor((2 * (Math.log(Number(sqrtPriceX96)) - 96 * Math.LN2)) / Math.log(1.0001));
  const around = (width: number): { tickLower: number; tickUpper: number } => {
    const tickLower = Math.floor((tick - width) / spacing) * spacing;
    return { tickLower, tickUpper: tickLower + Math.ceil((2 * width) / spacing) * spacing };
  };
  const positions = [
    { ...around(3_000), liquidity: liquidity / 2n },
    { ...around(12_000), liquidity: liquidity / 2n },
  ];
  return abi.encodeFunctionData("loadPool", [
    factories.v3Factory,
    pool.token0,
    pool.token1,
    pool.feePips,
    sqrtPriceX96,
    packPositions(positions),
  ]);
}

/** The loaded pools worth trading, deepest first. */
export function tradedPools(loaded: LoadedMarket, native: Address): TradedPool[] {
  const all = [...loaded.pairs, ...loaded.pools].map((pool) => {
    const { reserve0, reserve1 } = "reserve0" in pool ? pool : virtualReserves(pool);
    const feePips = "feePips" in pool ? pool.feePips : FEE_BPS[pool.dex] * 100;
    const sides = { token0: pool.token0, token1: pool.token1, reserve0: Number(reserve0), reserve1: Number(reserve1) };
    return { kind: "reserve0" in pool ? ("v2" as const) : ("v3" as const), address: pool.address, feePips, sides };
  });
  const prices = nativePricesApprox(
    native,
    all.map(({ sides }) => sides),
  );
  const traded = all.map(({ kind, address, feePips, sides }): TradedPool => {
    const { token0, token1, reserve0, reserve1 } = sides;
    const depthWeiApprox = Math.min(reserve0 * (prices.get(token0) ?? 0), reserve1 * (prices.get(token1) ?? 0));
    return { kind, address, token0, token1, feePips, depthWeiApprox, logPriceAtStart: Math.log(reserve1) - Math.log(reserve0) };
  });
  return traded.filter((pool) => pool.depthWeiApprox >= DEPTH_MIN_WEI).sort((a, b) => b.depthWeiApprox - a.depthWeiApprox);
}

/** The shell: reads the chosen pools at the head, signs what was planned. */
export class Traders {
  readonly #rpc: RpcClient;
  readonly #loaded: LoadedMarket;
  readonly #seed: number;
  readonly #firstBlock: number;
  readonly #pools: readonly TradedPool[];
  readonly #takenAtStart: ReadonlySet<string>;
  readonly #abi = marketInterface();

  constructor(options: { rpc: RpcClient; loaded: LoadedMarket; native: Address; seed: number }) {
    this.#rpc = options.rpc;
    this.#loaded = options.loaded;
    this.#seed = options.seed;
    this.#firstBlock = options.loaded.blockNumber + 1;
    this.#pools = tradedPools(options.loaded, options.native);
    this.#takenAtStart = new Set([
      ...options.loaded.pairs.map((pair) => venueKey(pair.dex, pair.token0, pair.token1, 0)),
      ...options.loaded.pools.map((pool) => venueKey("uniswap-v3", pool.token0, pool.token1, pool.feePips)),
    ]);
  }

  get pools(): readonly TradedPool[] {
    return this.#pools;
  }

  /** Signed transactions for the block after the head, in order. */
  readonly transactionsFor: TradeSource = async (blockNumber, branch) => {
    const random = randomFor(this.#seed, "trades", blockNumber, branch);
    const chosen = choosePools(random, this.#pools);
    const opens = blockNumber > this.#firstBlock && (blockNumber - this.#firstBlock) % NEW_POOL_EVERY_BLOCKS === 0;
    const like = opens ? random.pick(this.#pools.filter((pool) => pool.depthWeiApprox >= NEW_POOL_DEPTH_MIN_WEI)) : undefined;
    const states = await this.#read(like ? [...chosen, like] : chosen);
    const nonces = await noncesOf(
      this.#rpc,
      TRADERS.map(({ address }) => address),
      "latest",
    );

    const market = this.#loaded.contracts.market;
    const raws: string[] = [];
    const send = (data: string, gasLimit: bigint): void => {
      const trader = random.pick(TRADERS);
      const nonce = nonces.get(trader.address) ?? 0;
      nonces.set(trader.address, nonce + 1);
      raws.push(sign(trader, CHAIN_ID, { nonce, to: market, data, gasLimit }).raw);
    };
    for (const [index, pool] of chosen.entries()) {
      const state = states[index];
      const trade = state && planTrade(random, pool, state);
      if (trade) send(this.#encode(trade), SWAP_GAS_LIMIT);
    }
    const likeState = states[chosen.length];
    if (like && likeState) {
      const venues = await this.#stillOpen(like);
      if (venues.length > 0) send(encodeNewPool(planNewPool(random, like, likeState, venues), this.#loaded.contracts), NEW_POOL_GAS_LIMIT);
    }
    return raws;
  };

  #encode({ pool, zeroForOne, amountIn, sqrtPriceLimitX96 }: Trade): string {
    return sqrtPriceLimitX96 === undefined
      ? this.#abi.encodeFunctionData("swapV2", [pool.address, zeroForOne, amountIn, pool.feePips / 100])
      : this.#abi.encodeFunctionData("swapV3", [pool.address, zeroForOne, amountIn, sqrtPriceLimitX96]);
  }

  /** Venues without a pool for these tokens, the chain asked about those that the load did not fill. */
  async #stillOpen(like: TradedPool): Promise<{ dex: NewPool["dex"]; feePips: number }[]> {
    const { v2Factories, v3Factory } = this.#loaded.contracts;
    const candidates = openVenues(like, (venue) => this.#takenAtStart.has(venue));
    const word = (value: string | number): string => (typeof value === "string" ? value.slice(2) : value.toString(16)).padStart(64, "0");
    const answers = await this.#rpc.batch<string>(
      candidates.map(({ dex, feePips }) => {
        // getPair(address,address) and getPool(address,address,uint24)
        const call =
          dex === "uniswap-v3"
            ? { to: v3Factory, data: `0x1698ee82${word(like.token0)}${word(like.token1)}${word(feePips)}` }
            : { to: v2Factories[dex], data: `0xe6a43905${word(like.token0)}${word(like.token1)}` };
        return { method: "eth_call", params: [call, "latest"] };
      }),
    );
    return candidates.filter((_, index) => BigInt(answers[index] ?? 0) === 0n);
  }

  async #read(pools: readonly TradedPool[]): Promise<TradedPoolState[]> {
    return readPoolStates(this.#rpc, this.#loaded.contracts.market, pools);
  }
}

/** Current states of the given pools, in their order. */
export async function readPoolStates(
  rpc: RpcClient,
  market: Address,
  pools: readonly Pick<TradedPool, "kind" | "address">[],
): Promise<TradedPoolState[]> {
  const abi = marketInterface();
  const addresses = (kind: TradedPool["kind"]): Address[] =>
    pools.filter((pool) => pool.kind === kind).map((pool) => asAddress(pool.address));
  const calls = [
    { method: "eth_call", params: [{ to: market, data: abi.encodeFunctionData("pairStates", [addresses("v2")]) }, "latest"] },
    { method: "eth_call", params: [{ to: market, data: abi.encodeFunctionData("poolStates", [addresses("v3")]) }, "latest"] },
  ];
  const [pairWords = [], poolWords = []] = (await rpc.batch<string>(calls)).map(decodeWords);
  let pair = 0;
  let pool = 0;
  return pools.map(({ kind }) => {
    if (kind === "v2") {
      const [reserve0 = 0n, reserve1 = 0n] = pairWords.slice(2 * pair, 2 * pair + 2);
      pair += 1;
      return { reserve0, reserve1 };
    }
    const [sqrtPriceX96 = 1n, , liquidity = 0n] = poolWords.slice(3 * pool, 3 * pool + 3);
    pool += 1;
    return { ...virtualReserves({ sqrtPriceX96, liquidity }), sqrtPriceX96 };
  });
}
