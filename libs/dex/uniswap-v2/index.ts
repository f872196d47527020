import type { DexDeployment } from "#libs/chains/chain.ts";
import type { Family, RangeCurve } from "#libs/dex/family.ts";
import { askPairs } from "#libs/dex/uniswap-v2/ask.ts";
import { amountOutExactIn } from "#libs/dex/uniswap-v2/math.ts";
import { addressAt, addressOfTopic, addressWord, isWord, padWord, uintAt } from "#libs/evm/hex.ts";
import { type Address, asAddress } from "#libs/units/brand.ts";
import { invariant } from "#libs/units/invariant.ts";
import type { StateRowOf } from "#proto/pool/v1/state.ts";

export interface V2State {
  reserve0: bigint;
  reserve1: bigint;
  /** Fee in 1e-6, by the index of the token that comes in. */
  feePips: [number, number];
  readonly curve: RangeCurve;
}

/** keccak256("PairCreated(address,address,address,uint256)") */
const PAIR_CREATED = "0x0d3648bd0f6ba80134a33ba9275ac585d9d315f0ad8355cddefde31afa28d0e9";
/** keccak256("Sync(uint112,uint112)") */
const SYNC = "0x1c411e9a96e071241c2f21f7726b17ae89e3cab4c78be50e062b03a9fffbbad1";
const SELECTORS = {
  /** getReserves() */ getReserves: "0x0902f1ac",
  /** token0() */ token0: "0x0dfe1681",
  /** token1() */ token1: "0xd21220a7",
  /** getPair(address,address) */ getPair: "0xe6a43905",
  /** allPairsLength() */ allPairsLength: "0x574f2ba3",
  /** allPairs(uint256) */ allPairs: "0x1e3dd18b",
} as const;
/** Reserves are uint112 in the pair: a swap that would lift one above is reverted by it. */
const MAX_RESERVE = 2n ** 112n - 1n;
const NO_TICKS = new Float64Array(0);

/** Of a fixed-fee deployment. */
function feeOf({ id, feeBps }: DexDeployment): number {
  invariant(feeBps !== undefined, `${id}: a uniswap-v2 deployment states its fee`);
  return feeBps * 100;
}

/** Uniswap V2 and its forks with one fee per deployment. Sources: v2-core UniswapV2Pair.sol, UniswapV2Factory.sol. */
export const uniswapV2: Family<"uniswap-v2", V2State> = {
  id: "uniswap-v2",
  variants: ["uniswap-v2"],
  topics: () => ({ created: [PAIR_CREATED], state: [SYNC] }),
  decodeCreated: ([, topics, data]) => ({
    pool: asAddress(addressAt(data, 0)),
    tokens: [asAddress(addressOfTopic(topics[1] as string)), asAddress(addressOfTopic(topics[2] as string))],
    facts: {},
  }),
  async enumerate(reader, { factory }, fromIndex) {
    const count = Number(uintAt(await reader.call(factory, SELECTORS.allPairsLength), 0));
    const indices = Array.from({ length: Math.max(0, count - fromIndex) }, (_, index) => BigInt(fromIndex + index));
    const answers = await reader.multicall(indices.map((index) => ({ target: factory, data: `${SELECTORS.allPairs}${padWord(index)}` })));
    return answers.map((answer, index): Address => {
      invariant(isWord(answer), `${factory}: allPairs(${indices[index]}) does not answer`);
      return asAddress(addressAt(answer, 0));
    });
  },
  async describe(reader, { factory }, pools) {
    const answers = await reader.multicall(
      pools.flatMap((pool) => [SELECTORS.token0, SELECTORS.token1].map((data) => ({ target: pool, data }))),
    );
    const found = pools.map((pool, index) => {
      const [token0, token1] = answers.slice(2 * index, 2 * index + 2);
      if (!isWord(token0) || !isWord(token1)) return null;
      return { pool, tokens: [asAddress(addressAt(token0, 0)), asAddress(addressAt(token1, 0))], facts: {} };
    });
    const known = found.filter((each) => each !== null);
    const owned = await reader.multicall(
      known.map(({ tokens }) => ({ target: factory, data: `${SELECTORS.getPair}${tokens.map(addressWord).join("")}` })),
    );
    const own = new Set(known.filter(({ pool }, index) => isWord(owned[index]) && addressAt(owned[index], 0) === pool));
    return found.map((each) => (each !== null && own.has(each) ? each : null));
  },
  poolOf: ([address]) => asAddress(address),
  created: () => ({
    reserve0: 0n,
    reserve1: 0n,
    feePips: [0, 0],
    curve: {
      kind: "ranges",
      liquidity: 0,
      sqrtPrice: 0,
      gamma: [1, 1],
      sqrtTicks: NO_TICKS,
      liquidityNet: NO_TICKS,
      ticksBelow: 0,
      endless: true,
    },
  }),
  isLive: (state) => state.reserve0 > 0n && state.reserve1 > 0n,
  applyLog(info, state, [, , data]) {
    const undo = this.toRow(info, state);
    state.reserve0 = uintAt(data, 0);
    state.reserve1 = uintAt(data, 1);
    return undo;
  },
  applyRow(state, [, reserve0, reserve1, feePips0, feePips1]) {
    state.reserve0 = BigInt(reserve0);
    state.reserve1 = BigInt(reserve1);
    state.feePips[0] = feePips0;
    state.feePips[1] = feePips1;
  },
  toRow: ({ pool }, { reserve0, reserve1, feePips }) => [pool, reserve0.toString(), reserve1.toString(), feePips[0], feePips[1]],
  toChangeRow(info, state) {
    return this.toRow(info, state);
  },
  mergeUndo: (earlier) => earlier,
  async read(reader, deployment, pools) {
    const feePips = feeOf(deployment);
    const answers = await reader.multicall(pools.map(({ pool }) => ({ target: pool, data: SELECTORS.getReserves })));
    return pools.flatMap(({ pool }, index): StateRowOf<"uniswap-v2">[] => {
      const answer = answers[index];
      return typeof answer === "string" && answer.length >= 130
        ? [[pool, uintAt(answer, 0).toString(), uintAt(answer, 1).toString(), feePips, feePips]]
        : [];
    });
  },
  quoteExactIn(_, { reserve0, reserve1, feePips }, { amountIn, indexIn }) {
    const reserveIn = indexIn === 0 ? reserve0 : reserve1;
    const reserveOut = indexIn === 0 ? reserve1 : reserve0;
    if (amountIn <= 0n || reserveIn === 0n || reserveOut === 0n || reserveIn + amountIn > MAX_RESERVE) return 0n;
    return amountOutExactIn({ amountIn, reserveIn, reserveOut, feePips: BigInt(feePips[indexIn as 0 | 1]) });
  },
  holdings: (_, { reserve0, reserve1 }) => [reserve0, reserve1],
  curve(_, { curve, reserve0, reserve1, feePips }) {
    const [x, y] = [Number(reserve0), Number(reserve1)];
    curve.liquidity = Math.sqrt(x) * Math.sqrt(y);
    curve.sqrtPrice = Math.sqrt(y / x);
    curve.gamma[0] = 1 - feePips[0] / 1e6;
    curve.gamma[1] = 1 - feePips[1] / 1e6;
    return curve;
  },
  curveError: { relative: 1e-9, units: 1 },
  swapCall: (_, { indexIn }) => ({ form: "v2", zeroForOne: indexIn === 0 }),
  // Measured: V2→V2→V2 226,528 against V2→V2 176,093 (libs/contracts/README.md).
  swapGas: () => 51_000,
  ask: (client, at, _, questions) => askPairs(client, at, questions),
};
