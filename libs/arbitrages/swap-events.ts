import { addressAt, addressOfTopic, intAt, uintAt, wordAt } from "#libs/evm/hex.ts";
import type { LogRow } from "#proto/block/v1/observed.ts";

/** Which of its tokens a pool was paid and which it paid: by index where the event leaves their names to the pool. */
export type SwapTokens =
  | { readonly kind: "index"; readonly indexIn: number; readonly indexOut: number }
  | { readonly kind: "address"; readonly tokenIn: string; readonly tokenOut: string };

/** A swap as its log tells it. Raw token units, both > 0. */
export interface SwapEvent {
  /** The pool: the log's address, or for a singleton the id that its event names. */
  readonly pool: string;
  /** How to ask the pool for its tokens when nobody knows them; null where it cannot be asked. */
  readonly ask: TokenGetters | null;
  readonly tokens: SwapTokens;
  readonly amountIn: bigint;
  readonly amountOut: bigint;
}

/** Views that name a pool's tokens. */
export type TokenGetters = "token0" | "coins" | "getTokenX";

type Decoder = (log: LogRow) => SwapEvent | null;

const BITS_128 = (1n << 128n) - 1n;

/** Of two amounts from the pool's side (positive: paid in). Null where the pool was not paid one and paid the other: a flash loan, or nothing. */
function signed(pool: string, ask: TokenGetters | null, amount0: bigint, amount1: bigint): SwapEvent | null {
  if (amount0 > 0n && amount1 < 0n)
    return { pool, ask, tokens: { kind: "index", indexIn: 0, indexOut: 1 }, amountIn: amount0, amountOut: -amount1 };
  if (amount1 > 0n && amount0 < 0n)
    return { pool, ask, tokens: { kind: "index", indexIn: 1, indexOut: 0 }, amountIn: amount1, amountOut: -amount0 };
  return null;
}

function named(pool: string, tokenIn: string, tokenOut: string, amountIn: bigint, amountOut: bigint): SwapEvent | null {
  return amountIn > 0n && amountOut > 0n ? { pool, ask: null, tokens: { kind: "address", tokenIn, tokenOut }, amountIn, amountOut } : null;
}

/** amount0In, amount1In, amount0Out, amount1Out from word 0 on: what was paid in and out again of one token is a flash loan and cancels out. */
const inAndOut: Decoder = ([address, , data]) =>
  signed(address, "token0", uintAt(data, 0) - uintAt(data, 2), uintAt(data, 1) - uintAt(data, 3));

/** int256 amount0, int256 amount1, from the pool's side. */
const fromPool: Decoder = ([address, , data]) => signed(address, "token0", intAt(data, 0), intAt(data, 1));

/** int128 amount0, int128 amount1, from the caller's side: the opposite sign; the pool is named by its id. Its tokens are in its key, which no view gives. */
const fromCaller: Decoder = ([, topics, data]) => signed(topics[1] as string, null, -intAt(data, 0), -intAt(data, 1));

/** sold_id, tokens_sold, bought_id, tokens_bought. */
const exchange: Decoder = ([address, , data]) => {
  const [amountIn, amountOut] = [uintAt(data, 1), uintAt(data, 3)];
  const tokens = { kind: "index", indexIn: Number(uintAt(data, 0)), indexOut: Number(uintAt(data, 2)) } as const;
  return amountIn > 0n && amountOut > 0n ? { pool: address, ask: "coins", tokens, amountIn, amountOut } : null;
};

/** uint24 id, bytes32 amountsIn, bytes32 amountsOut, …: each the amount of Y above that of X, 128 bits each. One event a bin. */
const bin: Decoder = ([address, , data]) => {
  const [paidIn, paidOut] = [uintAt(data, 1), uintAt(data, 2)];
  return signed(address, "getTokenX", (paidIn & BITS_128) - (paidOut & BITS_128), (paidIn >> 128n) - (paidOut >> 128n));
};

/** fromToken, toToken, fromAmount, toAmount, … */
const dodoSwap: Decoder = ([address, , data]) => named(address, addressAt(data, 0), addressAt(data, 1), uintAt(data, 2), uintAt(data, 3));

/** Balancer V2: the pool is the first 20 bytes of its id. */
const vaultSwap: Decoder = ([, topics, data]) =>
  named(
    (topics[1] as string).slice(0, 42),
    addressOfTopic(topics[2] as string),
    addressOfTopic(topics[3] as string),
    uintAt(data, 0),
    uintAt(data, 1),
  );

const vaultSwapV3: Decoder = ([, topics, data]) =>
  named(
    addressOfTopic(topics[1] as string),
    addressOfTopic(topics[2] as string),
    addressOfTopic(topics[3] as string),
    uintAt(data, 0),
    uintAt(data, 1),
  );

interface Row {
  readonly signature: string;
  readonly topic: string;
  readonly decode: Decoder;
}

/** Every swap event that is known, by the first topic. A topic says what happened whoever emitted it, so pools that nobody follows are seen too. */
export const SWAP_EVENTS: readonly Row[] = [
  /** Uniswap V2 and its forks, Solidly, Camelot V2, SyncSwap. */
  {
    signature: "Swap(address,uint256,uint256,uint256,uint256,address)",
    topic: "0xd78ad95fa46c994b6551d0da85fc275fe613ce37657fb8d5e3d130840159d822",
    decode: inAndOut,
  },
  /** Velodrome V2, Aerodrome. */
  {
    signature: "Swap(address,address,uint256,uint256,uint256,uint256)",
    topic: "0xb3e2773606abfd36b5bd91394b3a54d1398336c65005baf7bf7a05efeffaf75b",
    decode: inAndOut,
  },
  /** EchoDEX. */
  {
    signature: "Swap(address,uint256,uint256,uint256,uint256,address,uint256,uint256)",
    topic: "0x86704a214f4a8dc5b63516fb3282dfac8cc9aec7417cfa5a1444feafffcdd31e",
    decode: inAndOut,
  },
  /** KyberSwap Classic. */
  {
    signature: "Swap(address,uint256,uint256,uint256,uint256,address,uint256)",
    topic: "0x606ecd02b3e3b4778f8e97b2e03351de14224efaa5fa64e62200afc9395c2499",
    decode: inAndOut,
  },
  /** SmarDex. */
  {
    signature: "Swap(address,address,int256,int256)",
    topic: "0xa4228e1eb11eb9b31069d9ed20e7af9a010ca1a02d4855cee54e08e188fcc32c",
    decode: fromPool,
  },
  /** Uniswap V3, Slipstream, Ramses, Algebra 1. */
  {
    signature: "Swap(address,address,int256,int256,uint160,uint128,int24)",
    topic: "0xc42079f94a6350d7e6235f29174924f928cc2ac818eb64fed8004e115fbcca67",
    decode: fromPool,
  },
  /** PancakeSwap V3. */
  {
    signature: "Swap(address,address,int256,int256,uint160,uint128,int24,uint128,uint128)",
    topic: "0x19b47279256b2a23a1665c810c8d55a1758940ee09377d4f8d26497a3577dc83",
    decode: fromPool,
  },
  /** Algebra Integral. */
  {
    signature: "Swap(address,address,int256,int256,uint160,uint128,int24,uint24,uint24)",
    topic: "0x121cb44ee54098b1a04743c487e7460d8dd429b27f88b1f4d4767396e1a59f79",
    decode: fromPool,
  },
  /** Uniswap V4. */
  {
    signature: "Swap(bytes32,address,int128,int128,uint160,uint128,int24,uint24)",
    topic: "0x40e9cecb9f5f1f1c5b9c97dec2917b7ee92e57ba5563708daca94dd84ad7112f",
    decode: fromCaller,
  },
  /** PancakeSwap Infinity, concentrated and bins. */
  {
    signature: "Swap(bytes32,address,int128,int128,uint160,uint128,int24,uint24,uint16)",
    topic: "0x04206ad2b7c0f463bff3dd4f33c5735b0f2957a351e4f79763a4fa9e775dd237",
    decode: fromCaller,
  },
  {
    signature: "Swap(bytes32,address,int128,int128,uint24,uint24,uint16)",
    topic: "0x3e8aae37f890eb1f9d63dd4d2062f3f0be757848a0f0760e4f3e53dad556e861",
    decode: fromCaller,
  },
  /** Balancer V2. */
  {
    signature: "Swap(bytes32,address,address,uint256,uint256)",
    topic: "0x2170c741c41531aec20e7c107c24eecfdd15e69c9bb0a8dd37b1840b9e0b207b",
    decode: vaultSwap,
  },
  /** Balancer V3. */
  {
    signature: "Swap(address,address,address,uint256,uint256,uint256,uint256)",
    topic: "0x0874b2d545cb271cdbda4e093020c452328b24af12382ed62c4d00f5c26709db",
    decode: vaultSwapV3,
  },
  /** Curve stableswap: plain and its next generation. */
  {
    signature: "TokenExchange(address,int128,uint256,int128,uint256)",
    topic: "0x8b3e96f2b889fa771c53c981b40daf005f63f637f1869f707052d15a3dd97140",
    decode: exchange,
  },
  /** Curve cryptoswap, and its next generation. */
  {
    signature: "TokenExchange(address,uint256,uint256,uint256,uint256)",
    topic: "0xb2e76ae99761dc136e598d4a629bb347eccb9532a5f8bbd72e18467c3c34cc98",
    decode: exchange,
  },
  {
    signature: "TokenExchange(address,uint256,uint256,uint256,uint256,uint256,uint256)",
    topic: "0x143f1f8e861fbdeddd5b46e844b7d3ac7b86a122f36e8c463859ee6811b1f29c",
    decode: exchange,
  },
  /** Liquidity Book 2.1 and 2.2. */
  {
    signature: "Swap(address,address,uint24,bytes32,bytes32,uint24,bytes32,bytes32)",
    topic: "0xad7d6f97abf51ce18e17a38f4d70e975be9c0708474987bb3e26ad21bd93ca70",
    decode: bin,
  },
  /** DODO. */
  {
    signature: "DODOSwap(address,address,uint256,uint256,address,address)",
    topic: "0xc2c0245e056d5fb095f04cd6373bc770802ebd1e6c918eb78fdef843cdb37b0f",
    decode: dodoSwap,
  },
];

const BY_TOPIC = new Map(SWAP_EVENTS.map(({ topic, decode }) => [topic, decode]));

/** The topics whose logs a watcher has to ask for, so that arbitrages of others are seen. */
export const SWAP_TOPICS: readonly string[] = SWAP_EVENTS.map(({ topic }) => topic);

export const isSwap = ([, topics]: LogRow): boolean => BY_TOPIC.has(topics[0] ?? "");

/** The swap that a log tells of. Null for any other log, and for a swap event without an exchange (a flash loan, amounts of nothing). */
export function decodeSwap(log: LogRow): SwapEvent | null {
  const decode = BY_TOPIC.get(log[1][0] ?? "");
  // A log that carries the topic of another event's signature by chance or malice may be shorter than it has to be.
  if (decode === undefined || wordAt(log[2], 1).length < 64) return null;
  try {
    return decode(log);
  } catch {
    return null;
  }
}
