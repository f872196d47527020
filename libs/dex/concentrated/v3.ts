import { readTicks, type V3PoolTicks } from "#libs/contracts/tick-lens.ts";
import { applyBurn, applyInitialize, applyMint, applySwap, type RangesState } from "#libs/dex/concentrated/ranges.ts";
import type { ChainReader } from "#libs/dex/family.ts";
import { addressAt, addressOfTopic, addressWord, int24Of, isWord, padWord, uintAt, wordAt } from "#libs/evm/hex.ts";
import { type Address, asAddress } from "#libs/units/brand.ts";
import { InvariantError } from "#libs/units/invariant.ts";
import type { LogRow } from "#proto/block/v1/observed.ts";
import type { RangesStateRow, TickRow } from "#proto/pool/v1/state.ts";

/** What Uniswap V3 and its forks have in common beyond their mathematics: events, views, and how a factory keeps its pools. */

/** Source: v3-core IUniswapV3Factory.sol, IUniswapV3PoolEvents.sol. */
export const V3_TOPICS = {
  /** keccak256("PoolCreated(address,address,uint24,int24,address)") */
  poolCreated: "0x783cca1c0412dd0d695e784568c96da2e9c22ff989357a2e8b1d9b2b4e6b7118",
  /** keccak256("Initialize(uint160,int24)") */
  initialize: "0x98636036cb66a9c19a37435efc1e90142190214e8abeb821bdba3f2990dd4c95",
  /** keccak256("Swap(address,address,int256,int256,uint160,uint128,int24)") */
  swap: "0xc42079f94a6350d7e6235f29174924f928cc2ac818eb64fed8004e115fbcca67",
  /** keccak256("Mint(address,address,int24,int24,uint128,uint256,uint256)") */
  mint: "0x7a53080ba414158be7ec69b987b5fb7d07dee101fe85488f0853ae16239d0bde",
  /** keccak256("Burn(address,int24,int24,uint128,uint256,uint256)") */
  burn: "0x0c396cd989a39f4459b5fa1aed6a9a8dcdbc45908acfd67e028cd568da98982c",
} as const;

const SELECTORS = {
  /** token0() */ token0: "0x0dfe1681",
  /** token1() */ token1: "0xd21220a7",
  /** fee() */ fee: "0xddca3f43",
  /** tickSpacing() */ tickSpacing: "0xd0c93a7c",
} as const;

/** The function of the factory that knows its pools, by what tells pools of the same two tokens apart. */
const GET_POOL = {
  /** getPool(address,address,uint24) */ fee: "0x1698ee82",
  /** getPool(address,address,int24) */ tickSpacing: "0x28af8d0b",
} as const;
export type PoolKey = keyof typeof GET_POOL;

interface V3PoolInfo {
  readonly pool: Address;
  readonly tokens: readonly Address[];
  readonly facts: { readonly tickSpacing: number };
}

/** `PoolCreated(address indexed token0, address indexed token1, uint24 indexed fee, int24 tickSpacing, address pool)` */
export const decodeV3PoolCreated = ([, topics, data]: LogRow): V3PoolInfo => ({
  pool: asAddress(addressAt(data, 1)),
  tokens: [asAddress(addressOfTopic(topics[1] as string)), asAddress(addressOfTopic(topics[2] as string))],
  facts: { tickSpacing: int24Of(wordAt(data, 0)) },
});

/** The events that all of them have, `Swap` under the topic given. Throws `InvariantError` for any other. */
export function applyV3Log(info: V3PoolInfo, state: RangesState, log: LogRow, swapTopic: string = V3_TOPICS.swap): RangesStateRow {
  switch (log[1][0]) {
    case swapTopic:
      return applySwap(info, state, log);
    case V3_TOPICS.mint:
      return applyMint(info, state, log);
    case V3_TOPICS.burn:
      return applyBurn(info, state, log);
    case V3_TOPICS.initialize:
      return applyInitialize(info, state, log);
    default:
      throw new InvariantError(`${info.pool}: no state event ${log[1][0]}`);
  }
}

/**
 * What the pools say of themselves, null for one that the factory does not know under its tokens and key. Where a pool's fee may have changed since the
 * factory took it for its key, `firstFees` are the fees that pools begin with.
 */
export async function describeV3Pools(
  reader: ChainReader,
  factory: string,
  pools: readonly Address[],
  key: PoolKey,
  firstFees: readonly bigint[] = [],
): Promise<(V3PoolInfo | null)[]> {
  const asked = [SELECTORS.token0, SELECTORS.token1, SELECTORS.tickSpacing, ...(key === "fee" ? [SELECTORS.fee] : [])];
  const answers = await reader.multicall(pools.flatMap((pool) => asked.map((data) => ({ target: pool, data }))));
  const found = pools.map((pool, index) => {
    const words = answers.slice(asked.length * index, asked.length * (index + 1));
    if (!words.every(isWord)) return null;
    const [token0, token1, tickSpacing, fee] = words as [string, string, string, string?];
    const tokens = [asAddress(addressAt(token0, 0)), asAddress(addressAt(token1, 0))];
    return {
      info: { pool, tokens, facts: { tickSpacing: int24Of(wordAt(tickSpacing, 0)) } },
      keys: [uintAt(fee ?? tickSpacing, 0), ...firstFees],
    };
  });
  const known = found.filter((each) => each !== null);
  const owned = await reader.multicall(
    known.flatMap(({ info: { tokens }, keys }) =>
      keys.map((value) => ({ target: factory, data: `${GET_POOL[key]}${tokens.map(addressWord).join("")}${padWord(value)}` })),
    ),
  );
  const perPool = 1 + firstFees.length;
  const own = new Set(
    known.filter(({ info }, index) =>
      owned.slice(perPool * index, perPool * (index + 1)).some((answer) => isWord(answer) && addressAt(answer, 0) === info.pool),
    ),
  );
  return found.map((each) => (each !== null && own.has(each) ? each.info : null));
}

/** Whole pools through the lens. One that is not there, or whose fee `feePips` does not know, is given as not live. */
export async function readV3Pools(
  reader: ChainReader,
  pools: readonly { readonly pool: Address }[],
  feePips: (read: V3PoolTicks) => number | null = (read) => read.feePips,
): Promise<RangesStateRow[]> {
  const states = await readTicks(
    pools.map(({ pool }) => pool),
    (data) => reader.call(null, data),
  );
  return states.map((read): RangesStateRow => {
    const fee = feePips(read);
    if (fee === null) return [read.pool, "0", 0, "0", 0, 0, []];
    const ticks = read.ticks.map((each): TickRow => [each.tick, each.liquidityNet.toString(), each.liquidityGross.toString()]);
    return [read.pool, read.sqrtPriceX96.toString(), read.tick, read.liquidity.toString(), fee, fee, ticks];
  });
}
