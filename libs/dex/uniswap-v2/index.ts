import type { Family } from "#libs/dex/family.ts";
import { amountOutExactIn } from "#libs/dex/uniswap-v2/math.ts";
import { addressAt, addressOfTopic, uintAt } from "#libs/evm/hex.ts";
import { asAddress } from "#libs/units/brand.ts";
import { invariant } from "#libs/units/invariant.ts";

export interface V2State {
  reserve0: bigint;
  reserve1: bigint;
}

/** keccak256("PairCreated(address,address,address,uint256)") */
const PAIR_CREATED = "0x0d3648bd0f6ba80134a33ba9275ac585d9d315f0ad8355cddefde31afa28d0e9";
/** keccak256("Sync(uint112,uint112)") */
const SYNC = "0x1c411e9a96e071241c2f21f7726b17ae89e3cab4c78be50e062b03a9fffbbad1";
/** getReserves() */
const GET_RESERVES = "0x0902f1ac";
/** Reserves are uint112 in the pair: a swap that would lift one above is reverted by it. */
const MAX_RESERVE = 2n ** 112n - 1n;

/** Uniswap V2 and its forks with one fee per deployment. Sources: v2-core UniswapV2Pair.sol, UniswapV2Factory.sol. */
export const uniswapV2: Family<"uniswap-v2", V2State> = {
  id: "uniswap-v2",
  topics: { poolCreated: PAIR_CREATED, state: [SYNC] },
  decodePoolCreated([, topics, data], { feeBps }) {
    invariant(feeBps !== undefined, "a uniswap-v2 deployment states its fee");
    return {
      token0: asAddress(addressOfTopic(topics[1] as string)),
      token1: asAddress(addressOfTopic(topics[2] as string)),
      pool: asAddress(addressAt(data, 0)),
      feePips: feeBps * 100,
      tickSpacing: 0,
    };
  },
  created: () => ({ reserve0: 0n, reserve1: 0n }),
  isLive: (state) => state.reserve0 > 0n && state.reserve1 > 0n,
  applyLog(info, state, [, , data]) {
    const undo = this.toRow(info, state);
    state.reserve0 = uintAt(data, 0);
    state.reserve1 = uintAt(data, 1);
    return undo;
  },
  applyRow(state, [, reserve0, reserve1]) {
    state.reserve0 = BigInt(reserve0);
    state.reserve1 = BigInt(reserve1);
  },
  toRow: ({ pool }, { reserve0, reserve1 }) => [pool, reserve0.toString(), reserve1.toString()],
  toChangeRow(info, state) {
    return this.toRow(info, state);
  },
  mergeUndo: (earlier) => earlier,
  async read(reader, pools) {
    const answers = await reader.multicall(pools.map(({ pool }) => ({ target: pool, data: GET_RESERVES })));
    return pools.flatMap(({ pool }, index) => {
      const answer = answers[index];
      return typeof answer === "string" && answer.length >= 130
        ? [[pool, uintAt(answer, 0).toString(), uintAt(answer, 1).toString()] as [string, string, string]]
        : [];
    });
  },
  // Measured: V2→V2→V2 226,528 against V2→V2 176,093 (libs/contracts/README.md).
  swapGas: () => 51_000,
  quoteExactIn(info, state, { amountIn, zeroForOne }) {
    const reserveIn = zeroForOne ? state.reserve0 : state.reserve1;
    const reserveOut = zeroForOne ? state.reserve1 : state.reserve0;
    if (amountIn <= 0n || reserveIn === 0n || reserveOut === 0n || reserveIn + amountIn > MAX_RESERVE) return 0n;
    return amountOutExactIn({ amountIn, reserveIn, reserveOut, feePips: BigInt(info.feePips) });
  },
};
