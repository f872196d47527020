import { readTicks } from "#libs/contracts/tick-lens.ts";
import { askConcentrated } from "#libs/dex/concentrated/ask.ts";
import { applyBurn, applyInitialize, applyMint, applySwap, type RangesState, rangesFamily } from "#libs/dex/concentrated/ranges.ts";
import type { Family } from "#libs/dex/family.ts";
import { addressAt, addressOfTopic, addressWord, int24Of, isWord, padWord, uintAt, wordAt } from "#libs/evm/hex.ts";
import { asAddress } from "#libs/units/brand.ts";
import { InvariantError } from "#libs/units/invariant.ts";
import type { RangesStateRow, TickRow } from "#proto/pool/v1/state.ts";

/** keccak256("PoolCreated(address,address,uint24,int24,address)") */
const POOL_CREATED = "0x783cca1c0412dd0d695e784568c96da2e9c22ff989357a2e8b1d9b2b4e6b7118";
/** keccak256("Initialize(uint160,int24)") */
const INITIALIZE = "0x98636036cb66a9c19a37435efc1e90142190214e8abeb821bdba3f2990dd4c95";
/** keccak256("Swap(address,address,int256,int256,uint160,uint128,int24)") */
const SWAP = "0xc42079f94a6350d7e6235f29174924f928cc2ac818eb64fed8004e115fbcca67";
/** keccak256("Mint(address,address,int24,int24,uint128,uint256,uint256)") */
const MINT = "0x7a53080ba414158be7ec69b987b5fb7d07dee101fe85488f0853ae16239d0bde";
/** keccak256("Burn(address,int24,int24,uint128,uint256,uint256)") */
const BURN = "0x0c396cd989a39f4459b5fa1aed6a9a8dcdbc45908acfd67e028cd568da98982c";

const SELECTORS = {
  /** token0() */ token0: "0x0dfe1681",
  /** token1() */ token1: "0xd21220a7",
  /** fee() */ fee: "0xddca3f43",
  /** tickSpacing() */ tickSpacing: "0xd0c93a7c",
  /** getPool(address,address,uint24) */ getPool: "0x1698ee82",
} as const;

/** Uniswap V3 and forks with its events and fee. Source: v3-core UniswapV3Pool.sol, UniswapV3Factory.sol. Protocol fees do not move quotes. */
export const uniswapV3: Family<"uniswap-v3", RangesState> = {
  ...rangesFamily,
  id: "uniswap-v3",
  variants: ["uniswap-v3"],
  topics: () => ({ created: [POOL_CREATED], state: [INITIALIZE, SWAP, MINT, BURN] }),
  decodeCreated: ([, topics, data]) => ({
    pool: asAddress(addressAt(data, 1)),
    tokens: [asAddress(addressOfTopic(topics[1] as string)), asAddress(addressOfTopic(topics[2] as string))],
    facts: { tickSpacing: int24Of(wordAt(data, 0)) },
  }),
  async describe(reader, { factory }, pools) {
    const asked = [SELECTORS.token0, SELECTORS.token1, SELECTORS.tickSpacing, SELECTORS.fee];
    const answers = await reader.multicall(pools.flatMap((pool) => asked.map((data) => ({ target: pool, data }))));
    const found = pools.map((pool, index) => {
      const words = answers.slice(asked.length * index, asked.length * (index + 1));
      if (!words.every(isWord)) return null;
      const [token0, token1, tickSpacing, fee] = words as [string, string, string, string];
      const tokens = [asAddress(addressAt(token0, 0)), asAddress(addressAt(token1, 0))];
      return { info: { pool, tokens, facts: { tickSpacing: int24Of(wordAt(tickSpacing, 0)) } }, fee: uintAt(fee, 0) };
    });
    const known = found.filter((each) => each !== null);
    const owned = await reader.multicall(
      known.map(({ info: { tokens }, fee }) => ({
        target: factory,
        data: `${SELECTORS.getPool}${tokens.map(addressWord).join("")}${padWord(fee)}`,
      })),
    );
    const own = new Set(known.filter(({ info }, index) => isWord(owned[index]) && addressAt(owned[index], 0) === info.pool));
    return found.map((each) => (each !== null && own.has(each) ? each.info : null));
  },
  poolOf: ([address]) => asAddress(address),
  applyLog(info, state, log) {
    switch (log[1][0]) {
      case INITIALIZE:
        return applyInitialize(info, state, log);
      case SWAP:
        return applySwap(info, state, log);
      case MINT:
        return applyMint(info, state, log);
      case BURN:
        return applyBurn(info, state, log);
      default:
        throw new InvariantError(`uniswap-v3: no state event ${log[1][0]}`);
    }
  },
  async read(reader, _, pools) {
    const states = await readTicks(
      pools.map(({ pool }) => pool),
      (data) => reader.call(null, data),
    );
    return states.map(
      ({ pool, sqrtPriceX96, tick, liquidity, feePips, ticks }): RangesStateRow => [
        pool,
        sqrtPriceX96.toString(),
        tick,
        liquidity.toString(),
        feePips ?? 0,
        feePips ?? 0,
        ticks.map((each): TickRow => [each.tick, each.liquidityNet.toString(), each.liquidityGross.toString()]),
      ],
    );
  },
  ask: (client, at, _, questions) => askConcentrated(client, at, questions),
};
