import type { Random } from "#libs/ml/random.ts";
import { drawsOf, quantileOf } from "#libs/ml/random.ts";
import { type Address, asAddress } from "#libs/units/brand.ts";
import type { Chain } from "./chain.ts";
import type { MadeMarket, MadeToken } from "./market.ts";

/**
 * The people whose trades move prices: as those of the local chain (libs/localnet/traders.ts), they sell what they have and never look at a second pool. On top of that
 * the market has calm and stormy phases, pairs that everybody trades for a while, and tokens whose worth wanders.
 */

export interface TraderRules {
  /** Swaps in a block, about: when calm, and in a storm. */
  readonly calm: number;
  readonly storm: number;
  /** Chance of a block to begin a storm, and to end one. */
  readonly stormBegins: number;
  readonly stormEnds: number;
  /** Of a swap, on the pool's depth; log-normal. A share s moves the price by about 2 s. */
  readonly shareMedian: number;
  readonly shareSigma: number;
  /** Quantiles of the shares, instead of the log-normal ones. */
  readonly shares?: readonly number[];
  /** Storms trade larger by this factor. */
  readonly stormShare: number;
  /** How much more often a hot token's pools are traded, how many tokens are hot, and for how many blocks. */
  readonly hotWeight: number;
  readonly hotTokens: number;
  readonly hotBlocks: number;
  /** Deviation of a token's worth from block to block, on the logarithm. */
  readonly wander: number;
  /** Share of the swaps that pay enough to come before all arbitrages of the block. */
  readonly early: number;
}

const SHARE_MAX = 0.02;
const TRADE_MAX_WEI = 20e18;
const DEPTH_EXPONENT = 0.5;
/** At a log-distance d from what a token is worth, selling back is 1 / (1 + exp(-2 k d)) likely. */
const PULL = 50;

export const TRADER: Address = asAddress(`0x${"77".repeat(20)}`);

export interface Trade {
  readonly pool: string;
  readonly zeroForOne: boolean;
  readonly amountIn: bigint;
}

export class Traders {
  readonly #seed: number;
  readonly #rules: TraderRules;
  readonly #tokens: ReadonlyMap<string, MadeToken>;
  /** Logarithm of what a token is worth now over what it was worth at the start; stable coins and the native coin stay. */
  readonly #worth = new Map<string, number>();
  #isStorm = false;
  #hot: ReadonlySet<string> = new Set();

  constructor(seed: number, rules: TraderRules, { tokens }: MadeMarket) {
    this.#seed = seed;
    this.#rules = rules;
    this.#tokens = new Map(tokens.map((token) => [token.address, token]));
  }

  get isStorm(): boolean {
    return this.#isStorm;
  }

  /** The mood of a block, and those of its trades that come first. */
  begin(block: number): { readonly early: number; readonly late: number } {
    const { calm, storm, stormBegins, stormEnds, hotTokens, hotBlocks, wander, early } = this.#rules;
    const random = drawsOf(this.#seed, 10, block);
    this.#isStorm = this.#isStorm ? random.unit() >= stormEnds : random.unit() < stormBegins;
    const tokens = [...this.#tokens.keys()];
    if (block % hotBlocks === 1)
      this.#hot = new Set(Array.from({ length: hotTokens }, () => tokens[4 + random.below(tokens.length - 4)] as string));
    for (const token of tokens.slice(3))
      this.#worth.set(token, (this.#worth.get(token) ?? 0) + (this.#isStorm ? 2 : 1) * wander * random.normal());
    const mean = this.#isStorm ? storm : calm;
    const count = Math.round(mean / 2 + mean * random.unit());
    let first = 0;
    for (let each = 0; each < count; each++) if (random.unit() < early) first++;
    return { early: first, late: count - first };
  }

  /** Some trades on the state as it is: each is planned when it is its turn. */
  plan(random: Random, chain: Chain): Trade | null {
    const pools = [...chain.market.pools()];
    const weights = pools.map((pool) => {
      const weight = Math.min(this.#depth(pool), 3_000e18) ** DEPTH_EXPONENT;
      return pool.info.tokens.some((token) => this.#hot.has(token)) ? weight * this.#rules.hotWeight : weight;
    });
    let point = random.unit() * weights.reduce((sum, weight) => sum + weight, 0);
    let chosen = 0;
    for (; chosen < pools.length - 1; chosen++) {
      point -= weights[chosen] as number;
      if (point < 0) break;
    }
    const pool = pools[chosen];
    const curve = pool?.curve;
    if (pool === undefined || curve?.kind !== "ranges") return null;
    const [one, other] = pool.info.tokens.map((token) => this.#tokens.get(token)) as [MadeToken, MadeToken];
    const fair = Math.log(one.value / other.value) + (this.#worth.get(one.address) ?? 0) - (this.#worth.get(other.address) ?? 0);
    const zeroForOne = random.unit() < 1 / (1 + Math.exp(-2 * PULL * (2 * Math.log(curve.sqrtPrice) - fair)));
    const { shares, shareMedian, shareSigma, stormShare } = this.#rules;
    const usual = shares === undefined ? shareMedian * Math.exp(shareSigma * random.normal()) : quantileOf(shares, random.unit());
    const drawn = (this.#isStorm ? stormShare : 1) * usual;
    // What has been recorded has its own largest.
    const share = Math.min(drawn, shares === undefined ? SHARE_MAX : drawn, TRADE_MAX_WEI / this.#depth(pool));
    const reserveIn = zeroForOne ? curve.liquidity / curve.sqrtPrice : curve.liquidity * curve.sqrtPrice;
    const amountIn = BigInt(Math.floor(reserveIn * share));
    return amountIn === 0n ? null : { pool: pool.info.pool, zeroForOne, amountIn };
  }

  /** Value of a side as the curve has it, wei. */
  #depth({ curve, info }: { readonly curve: unknown; readonly info: { readonly tokens: readonly string[] } }): number {
    const { liquidity, sqrtPrice } = curve as { liquidity: number; sqrtPrice: number };
    return (liquidity / sqrtPrice) * (this.#tokens.get(info.tokens[0] as string) as MadeToken).value;
  }
}
