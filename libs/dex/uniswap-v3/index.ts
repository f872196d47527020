import { readTicks } from "#libs/contracts/tick-lens.ts";
import type { Family } from "#libs/dex/family.ts";
import { swapExactIn } from "#libs/dex/uniswap-v3/swap-math.ts";
import { addressAt, addressOfTopic, int24Of, uintAt, wordAt } from "#libs/evm/hex.ts";
import { asAddress } from "#libs/units/brand.ts";
import { InvariantError, invariant } from "#libs/units/invariant.ts";
import type { TickRow, V3StateRow } from "#proto/pool/v1/state.ts";

interface Tick {
  net: bigint;
  gross: bigint;
}

export interface V3State {
  sqrtPriceX96: bigint;
  tick: number;
  liquidity: bigint;
  readonly ticks: Map<number, Tick>;
  /** Ticks ascending and their liquidityNet, rebuilt when a tick has come, gone or changed. */
  sortedTicks: number[];
  liquidityNet: bigint[];
  ticksChanged: boolean;
}

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

/**
 * A swap within one tick takes about 64,000 (measured: V3→V3 204,500, libs/contracts/README.md). A step reads a cold word of the bitmap (2,100) and
 * computes; crossing writes a tick's four slots, two of them warm afterwards. Checked against eth_estimateGas in runs on the local chain.
 */
const GAS_OF_SWAP = 58_000;
const GAS_OF_STEP = 6_000;
const GAS_OF_CROSSING = 26_000;

function setTick(state: V3State, tick: number, net: bigint, gross: bigint): void {
  if (gross === 0n) state.ticks.delete(tick);
  else state.ticks.set(tick, { net, gross });
  state.ticksChanged = true;
}

function tickRow(state: V3State, tick: number): TickRow {
  const found = state.ticks.get(tick);
  return [tick, (found?.net ?? 0n).toString(), (found?.gross ?? 0n).toString()];
}

function moveLiquidity(state: V3State, lower: number, upper: number, amount: bigint): void {
  const low = state.ticks.get(lower) ?? { net: 0n, gross: 0n };
  const high = state.ticks.get(upper) ?? { net: 0n, gross: 0n };
  invariant(low.gross + amount >= 0n && high.gross + amount >= 0n, `ticks ${lower}, ${upper}: more liquidity burnt than was there`);
  setTick(state, lower, low.net + amount, low.gross + amount);
  setTick(state, upper, high.net - amount, high.gross + amount);
  if (state.tick >= lower && state.tick < upper) state.liquidity += amount;
}

export function sortTicks(state: V3State): void {
  if (!state.ticksChanged) return;
  state.sortedTicks = [...state.ticks.keys()].sort((left, right) => left - right);
  state.liquidityNet = state.sortedTicks.map((tick) => (state.ticks.get(tick) as Tick).net);
  state.ticksChanged = false;
}

/** Uniswap V3 and forks with its events and fee. Source: v3-core UniswapV3Pool.sol, UniswapV3Factory.sol. Protocol fees do not move quotes. */
export const uniswapV3: Family<"uniswap-v3", V3State> = {
  id: "uniswap-v3",
  topics: { poolCreated: POOL_CREATED, state: [INITIALIZE, SWAP, MINT, BURN] },
  decodePoolCreated([, topics, data]) {
    return {
      token0: asAddress(addressOfTopic(topics[1] as string)),
      token1: asAddress(addressOfTopic(topics[2] as string)),
      feePips: Number.parseInt((topics[3] as string).slice(-6), 16),
      tickSpacing: int24Of(wordAt(data, 0)),
      pool: asAddress(addressAt(data, 1)),
    };
  },
  created: () => ({ sqrtPriceX96: 0n, tick: 0, liquidity: 0n, ticks: new Map(), sortedTicks: [], liquidityNet: [], ticksChanged: false }),
  isLive: (state) => state.sqrtPriceX96 > 0n && state.ticks.size > 0,
  applyLog(info, state, [, topics, data]) {
    const before: V3StateRow = [info.pool, state.sqrtPriceX96.toString(), state.tick, state.liquidity.toString(), []];
    switch (topics[0]) {
      case INITIALIZE:
        state.sqrtPriceX96 = uintAt(data, 0);
        state.tick = int24Of(wordAt(data, 1));
        return before;
      case SWAP:
        state.sqrtPriceX96 = uintAt(data, 2);
        state.liquidity = uintAt(data, 3);
        state.tick = int24Of(wordAt(data, 4));
        return before;
      case MINT:
      case BURN: {
        const lower = int24Of(topics[2] as string);
        const upper = int24Of(topics[3] as string);
        const amount = topics[0] === MINT ? uintAt(data, 1) : -uintAt(data, 0);
        before[4] = [tickRow(state, lower), tickRow(state, upper)];
        // A burn of nothing collects fees.
        if (amount !== 0n) moveLiquidity(state, lower, upper, amount);
        return before;
      }
      default:
        throw new InvariantError(`uniswap-v3: no state event ${topics[0]}`);
    }
  },
  applyRow(state, [, sqrtPriceX96, tick, liquidity, ticks]) {
    state.sqrtPriceX96 = BigInt(sqrtPriceX96);
    state.tick = tick;
    state.liquidity = BigInt(liquidity);
    for (const [index, net, gross] of ticks) setTick(state, index, BigInt(net), BigInt(gross));
  },
  toRow(info, state) {
    sortTicks(state);
    return [
      info.pool,
      state.sqrtPriceX96.toString(),
      state.tick,
      state.liquidity.toString(),
      state.sortedTicks.map((tick) => tickRow(state, tick)),
    ];
  },
  toChangeRow: (info, state, undo) => [
    info.pool,
    state.sqrtPriceX96.toString(),
    state.tick,
    state.liquidity.toString(),
    undo[4].map(([tick]) => tickRow(state, tick)),
  ],
  mergeUndo(earlier, later) {
    const known = new Set(earlier[4].map(([tick]) => tick));
    return [earlier[0], earlier[1], earlier[2], earlier[3], [...earlier[4], ...later[4].filter(([tick]) => !known.has(tick))]];
  },
  async read(reader, pools) {
    const states = await readTicks(
      pools.map(({ pool }) => pool),
      (data) => reader.call(null, data),
    );
    return states.map(({ pool, sqrtPriceX96, tick, liquidity, ticks }) => [
      pool,
      sqrtPriceX96.toString(),
      tick,
      liquidity.toString(),
      ticks.map((each): TickRow => [each.tick, each.liquidityNet.toString(), each.liquidityGross.toString()]),
    ]);
  },
  swapGas(info, state, { amountIn, zeroForOne }) {
    sortTicks(state);
    const { steps, ticksCrossed } = swapExactIn(state, { amountIn, zeroForOne, feePips: info.feePips, tickSpacing: info.tickSpacing });
    return GAS_OF_SWAP + steps * GAS_OF_STEP + ticksCrossed * GAS_OF_CROSSING;
  },
  quoteExactIn(info, state, { amountIn, zeroForOne }) {
    if (amountIn <= 0n || state.sqrtPriceX96 === 0n) return 0n;
    sortTicks(state);
    const { amountOut, amountInUsed } = swapExactIn(state, { amountIn, zeroForOne, feePips: info.feePips, tickSpacing: info.tickSpacing });
    return amountInUsed === amountIn ? amountOut : 0n;
  },
};
