import Type, { type Static } from "typebox";
import { AddressText, Count, Int, Uint } from "#proto/scalars.ts";

/** Static facts of a pool, positional: pool, token0, token1, fee (1e-6 units), tick spacing (0 where the family has none). */
export const POOL_COLUMNS = ["pool", "token0", "token1", "feePips", "tickSpacing"] as const;
export const PoolRow = Type.Tuple([AddressText, AddressText, AddressText, Count, Count]);
export type PoolRow = Static<typeof PoolRow>;

/** Absolute state of a uniswap-v2 pool: pool, reserve0, reserve1 (raw token units). */
export const V2_STATE_COLUMNS = ["pool", "reserve0", "reserve1"] as const;
export const V2StateRow = Type.Tuple([AddressText, Uint, Uint]);
export type V2StateRow = Static<typeof V2StateRow>;

/**
 * Absolute state of a uniswap-v3 pool: pool, sqrtPriceX96, tick, active liquidity, and ticks as [tick, liquidityNet, liquidityGross].
 * In a change only the ticks that the block touched are listed; a liquidityGross of "0" removes the tick. In a snapshot all are.
 */
export const V3_STATE_COLUMNS = ["pool", "sqrtPriceX96", "tick", "liquidity", "ticks"] as const;
export const TickRow = Type.Tuple([Type.Integer(), Int, Uint]);
export type TickRow = Static<typeof TickRow>;
export const V3StateRow = Type.Tuple([AddressText, Uint, Type.Integer(), Uint, Type.Array(TickRow)]);
export type V3StateRow = Static<typeof V3StateRow>;

/** The states of pools of one family: a union on `family`. */
export const PoolStates = Type.Union([
  Type.Object({ family: Type.Literal("uniswap-v2"), rows: Type.Array(V2StateRow) }),
  Type.Object({ family: Type.Literal("uniswap-v3"), rows: Type.Array(V3StateRow) }),
]);
export type PoolStates = Static<typeof PoolStates>;
