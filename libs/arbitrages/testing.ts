import { SWAP_EVENTS } from "#libs/arbitrages/swap-events.ts";
import { padWord } from "#libs/evm/hex.ts";
import type { LogRow } from "#proto/block/v1/observed.ts";

/** Makes the logs that pools emit, from amounts: what the decoder has to give back. */

const topicOf = (signature: string): string => {
  const found = SWAP_EVENTS.find((event) => event.signature === signature);
  if (found === undefined) throw new TypeError(`no swap event ${signature}`);
  return found.topic;
};
const word = (value: bigint) => padWord(BigInt.asUintN(256, value));
const topicOfAddress = (address: string) => `0x${address.slice(2).padStart(64, "0")}`;
const TRADER = topicOfAddress(`0x${"77".repeat(20)}`);

export interface Place {
  readonly logIndex: number;
  readonly transactionIndex: number;
  readonly transactionHash: string;
}

const log = (address: string, topics: string[], words: readonly bigint[], place: Place): LogRow => [
  address,
  topics,
  `0x${words.map(word).join("")}`,
  place.logIndex,
  place.transactionIndex,
  place.transactionHash,
];

/** amount0In, amount1In, amount0Out, amount1Out. */
export const v2Swap = (pool: string, amounts: readonly [bigint, bigint, bigint, bigint], place: Place): LogRow =>
  log(pool, [topicOf("Swap(address,uint256,uint256,uint256,uint256,address)"), TRADER, TRADER], amounts, place);

/** From the pool's side: positive is paid in. */
export const v3Swap = (pool: string, amount0: bigint, amount1: bigint, place: Place): LogRow =>
  log(
    pool,
    [topicOf("Swap(address,address,int256,int256,uint160,uint128,int24)"), TRADER, TRADER],
    [amount0, amount1, 1n << 96n, 1n, 0n],
    place,
  );

export const v4Swap = (poolId: string, amount0: bigint, amount1: bigint, place: Place): LogRow =>
  log(
    `0x${"44".repeat(20)}`,
    [topicOf("Swap(bytes32,address,int128,int128,uint160,uint128,int24,uint24)"), poolId, TRADER],
    [-amount0, -amount1, 1n << 96n, 1n, 0n, 500n],
    place,
  );

export const vaultSwap = (pool: string, tokens: readonly [string, string], amounts: readonly [bigint, bigint], place: Place): LogRow =>
  log(
    "0xba12222222228d8ba445958a75a0704d566bf2c8",
    [
      topicOf("Swap(bytes32,address,address,uint256,uint256)"),
      `${pool}${"00".repeat(11)}01`,
      topicOfAddress(tokens[0]),
      topicOfAddress(tokens[1]),
    ],
    amounts,
    place,
  );

export const curveExchange = (pool: string, sold: readonly [number, bigint], bought: readonly [number, bigint], place: Place): LogRow =>
  log(
    pool,
    [topicOf("TokenExchange(address,int128,uint256,int128,uint256)"), TRADER],
    [BigInt(sold[0]), sold[1], BigInt(bought[0]), bought[1]],
    place,
  );

/** Amounts of X and Y. */
export const binSwap = (pool: string, paidIn: readonly [bigint, bigint], paidOut: readonly [bigint, bigint], place: Place): LogRow =>
  log(
    pool,
    [topicOf("Swap(address,address,uint24,bytes32,bytes32,uint24,bytes32,bytes32)"), TRADER, TRADER],
    [8_388_608n, paidIn[0] + (paidIn[1] << 128n), paidOut[0] + (paidOut[1] << 128n), 0n, 0n, 0n],
    place,
  );
