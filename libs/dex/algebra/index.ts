import { readTicks, type TickLayout, tickStateProblem } from "#libs/contracts/tick-lens.ts";
import { readHeads, WORDS } from "#libs/dex/algebra/fees.ts";
import { calculateSwap, type SwapResult } from "#libs/dex/algebra/price-movement-math.ts";
import { askSwaps } from "#libs/dex/algebra/swaps.ts";
import {
  applyBurn,
  applyInitialize,
  applyMint,
  applySwap,
  type RangesState,
  rangesFamily,
  rowAfter,
  sortTicks,
  undoOf,
} from "#libs/dex/concentrated/ranges.ts";
import type { Family, PoolInfo, SwapExactIn } from "#libs/dex/family.ts";
import { readerAt } from "#libs/evm/chain-reader.ts";
import { addressAt, addressOfTopic, addressWord, isWord, uintAt } from "#libs/evm/hex.ts";
import { asAddress } from "#libs/units/brand.ts";
import { InvariantError } from "#libs/units/invariant.ts";
import type { RangesStateRow, TickRow } from "#proto/pool/v1/state.ts";

/** Sources: IAlgebraFactory.sol, IAlgebraPoolEvents.sol of the versions named. */
const TOPICS = {
  /** keccak256("Pool(address,address,address)") */
  pool: "0x91ccaa7a278130b65168c3a0c8d3bcae84cf5e43704342bd3ec0b59e59c036db",
  /** keccak256("CustomPool(address,address,address,address)"), Integral */
  customPool: "0x8a5f030f5fc13b04a1e4ef7c47177e3d76b0e80e1d9be9843db37caa5b7b9b8f",
  /** keccak256("Initialize(uint160,int24)") */
  initialize: "0x98636036cb66a9c19a37435efc1e90142190214e8abeb821bdba3f2990dd4c95",
  /** keccak256("Swap(address,address,int256,int256,uint160,uint128,int24)") */
  swap: "0xc42079f94a6350d7e6235f29174924f928cc2ac818eb64fed8004e115fbcca67",
  /** keccak256("Swap(address,address,int256,int256,uint160,uint128,int24,uint24,uint24)"), some of Integral 1.2: with the fees of this swap */
  swapWithFees: "0x121cb44ee54098b1a04743c487e7460d8dd429b27f88b1f4d4767396e1a59f79",
  /** keccak256("Mint(address,address,int24,int24,uint128,uint256,uint256)") */
  mint: "0x7a53080ba414158be7ec69b987b5fb7d07dee101fe85488f0853ae16239d0bde",
  /** keccak256("Burn(address,int24,int24,uint128,uint256,uint256)") */
  burn: "0x0c396cd989a39f4459b5fa1aed6a9a8dcdbc45908acfd67e028cd568da98982c",
  /** keccak256("Burn(address,int24,int24,uint128,uint256,uint256,uint24)"), some of Integral 1.2 */
  burnWithFee: "0x932214d4a69c27c086643126ed97c32681da179064c678836c173f99bd13ca01",
  /** keccak256("Fee(uint16)") */
  fee: "0x598b9f043c813aa6be3426ca60d1c65d17256312890be5118dab55b0775ebe2a",
  /** keccak256("Fee(uint16,uint16)"), v1.9 with a fee for each direction */
  fees: "0x8a89de70856bccec096661388f305b9a75f5f65cb0d8a0e1e803c39dabedb57f",
} as const;

const SELECTORS = {
  /** token0() */ token0: "0x0dfe1681",
  /** token1() */ token1: "0xd21220a7",
  /** globalState() */ globalState: "0xe76c01e4",
  /** maxLiquidityPerTick() */ maxLiquidityPerTick: "0x70cf754a",
  /** poolByPair(address,address) */ poolByPair: "0xd9a641e1",
} as const;

const INTEGRAL = ["algebra-integral-1.0", "algebra-integral", "algebra-integral-unknown"];
const DIRECTIONAL = "algebra-v1.9-directional";

/** type(uint128).max / ((MAX_TICK - MIN_TICK) / 60), of v1 (Constants.sol): its spacing is a constant, and a bit of its table stands for 60 ticks. */
const MAX_LIQUIDITY_OF_SPACING_60 = 11_505_743_598_341_114_571_880_798_222_544_994n;

/** `facts.tickSpacing` is that of the tick table, not the one positions have to keep: v1.9 has a bit for each tick, so that the other can be changed. */
const TABLE = { v1: 60, v19: 1, integral: 0 } as const;

const layoutOf = (tableSpacing: number): TickLayout =>
  tableSpacing === TABLE.integral ? "globalState-list" : tableSpacing === TABLE.v19 ? "globalState-every-tick" : "globalState";

const wordsOf = (variant: string): number =>
  INTEGRAL.includes(variant) ? WORDS.integral : variant === DIRECTIONAL ? WORDS.directional : WORDS.oneFee;

type Info = PoolInfo<"algebra">;

function swapOf(info: Info, state: RangesState, indexIn: number, amountRequired: bigint): SwapResult {
  sortTicks(state);
  const { tickSpacing } = info.facts;
  return calculateSwap(state, { amountRequired, zeroToOne: indexIn === 0, fee: state.feePips[indexIn as 0 | 1], tickSpacing });
}

/** Null where the pool does not do all of it, or pays nothing for it. */
function wholeSwapOf(info: Info, state: RangesState, { amountIn, indexIn }: SwapExactIn): SwapResult | null {
  if (amountIn <= 0n || state.sqrtPriceX96 === 0n) return null;
  const result = swapOf(info, state, indexIn, amountIn);
  return result.whole && result.amountOut > 0n ? result : null;
}

/**
 * Measured on Integral 1.2 through a callee that pays by transferFrom: 105,000 for a swap within a range of a pool without plugin, 165,000 to 175,000 with one
 * that writes its oracle, 31,000 to 44,000 more for each tick crossed. v1 writes its oracle likewise; what is published of it cannot be measured.
 */
const GAS_OF_SWAP = 120_000;
const GAS_OF_STEP = 4_000;
const GAS_OF_CROSSING = 32_000;

/**
 * Algebra: ranges of liquidity as in Uniswap V3, one pool a pair (Integral: and those of custom deployers), and a fee that moves with volatility.
 *
 * The fee is no part of any event until it has been paid: it is recomputed in the first swap of a new block time. `read` gives what a swap pays at the time of
 * the reader's block, `refresh` what it pays at the time of the next (fees.ts); between them, logs give what was paid last. Community fees are a share of the
 * fee and move no quote. A plugin whose fee depends on the size of the swap or on who swaps has no single fee: `ask` tells such a pool by its answers.
 *
 * Sources: @cryptoalgebra/core 2.0.0 (v1), @cryptoalgebra/integral-core 1.0 to 1.2; cryptoalgebra/AlgebraV1.9 for v1.9.
 */
export const algebra: Family<"algebra", RangesState> = {
  ...rangesFamily,
  id: "algebra",
  variants: ["algebra-v1", "algebra-v1.9", DIRECTIONAL, ...INTEGRAL],
  knownView: () => ({ name: "owner()", data: "0x8da5cb5b" }),
  topics({ variant }) {
    const { initialize, swap, mint, burn } = TOPICS;
    if (!INTEGRAL.includes(variant)) {
      return { created: [TOPICS.pool], state: [initialize, swap, mint, burn, variant === DIRECTIONAL ? TOPICS.fees : TOPICS.fee] };
    }
    const state = [initialize, swap, TOPICS.swapWithFees, mint, burn, TOPICS.burnWithFee, TOPICS.fee];
    return { created: [TOPICS.pool, TOPICS.customPool], state };
  },
  decodeCreated([, topics, data], { variant }) {
    const pool = asAddress(addressAt(data, 0));
    // What a bit of the table stands for is not in the event.
    if (!INTEGRAL.includes(variant)) return pool;
    const tokens = topics.slice(topics[0] === TOPICS.customPool ? 2 : 1).map((topic) => asAddress(addressOfTopic(topic)));
    return { pool, tokens, facts: { tickSpacing: TABLE.integral } };
  },
  /** Pools of custom deployers are known from their event alone: the factory tells nobody whose they are. */
  async describe(reader, { factory, variant }, pools) {
    const asked = [SELECTORS.token0, SELECTORS.token1, SELECTORS.globalState, SELECTORS.maxLiquidityPerTick];
    const answers = await reader.multicall(pools.flatMap((pool) => asked.map((data) => ({ target: pool, data }))));
    const found = pools.map((pool, index): Info | null => {
      const [token0, token1, globalState, most] = answers.slice(asked.length * index, asked.length * (index + 1));
      if (!isWord(token0) || !isWord(token1) || !isWord(globalState) || !isWord(most)) return null;
      const words = (globalState.length - 2) / 64;
      if (words !== wordsOf(variant)) return null;
      const older = uintAt(most, 0) === MAX_LIQUIDITY_OF_SPACING_60 ? TABLE.v1 : TABLE.v19;
      const tickSpacing = words === WORDS.integral ? TABLE.integral : older;
      return { pool, tokens: [asAddress(addressAt(token0, 0)), asAddress(addressAt(token1, 0))], facts: { tickSpacing } };
    });
    const known = found.filter((each) => each !== null);
    const owned = await reader.multicall(
      known.map(({ tokens }) => ({ target: factory, data: `${SELECTORS.poolByPair}${tokens.map(addressWord).join("")}` })),
    );
    const own = new Set(known.filter(({ pool }, index) => isWord(owned[index]) && addressAt(owned[index], 0) === pool));
    return found.map((each) => (each !== null && own.has(each) ? each : null));
  },
  poolOf: ([address]) => asAddress(address),
  applyLog(info, state, log) {
    const [, topics, data] = log;
    switch (topics[0]) {
      case TOPICS.initialize:
        return applyInitialize(info, state, log);
      case TOPICS.swap:
      case TOPICS.swapWithFees:
        return applySwap(info, state, log);
      case TOPICS.mint:
        return applyMint(info, state, log);
      case TOPICS.burn:
      case TOPICS.burnWithFee:
        return applyBurn(info, state, log);
      case TOPICS.fee:
      case TOPICS.fees: {
        const before = undoOf(info, state);
        state.feePips[0] = Number(uintAt(data, 0));
        state.feePips[1] = Number(uintAt(data, topics[0] === TOPICS.fees ? 1 : 0));
        return before;
      }
      default:
        throw new InvariantError(`algebra: no state event ${topics[0]}`);
    }
  },
  async read(reader, { variant }, pools) {
    const call = (data: string) => reader.call(null, data);
    const heads = new Map(
      (
        await readHeads(
          call,
          pools.map(({ pool }) => pool),
          null,
        )
      ).map((head) => [head.pool, head]),
    );
    const rows: RangesStateRow[] = [];
    for (const tableSpacing of new Set(pools.map(({ facts }) => facts.tickSpacing))) {
      const alike = pools.filter(({ facts }) => facts.tickSpacing === tableSpacing).map(({ pool }) => pool);
      for (const read of await readTicks(alike, call, layoutOf(tableSpacing))) {
        const head = heads.get(read.pool);
        // Ticks that contradict the liquidity were read by the rules of another version. Which spacing positions keep may have changed since they were made.
        const wrong = read.slot.words !== wordsOf(variant) || tickStateProblem({ ...read, tickSpacing: 1 }) !== null;
        if (head === undefined || wrong) {
          rows.push([read.pool, "0", 0, "0", 0, 0, []]);
          continue;
        }
        const ticks = read.ticks.map((each): TickRow => [each.tick, each.liquidityNet.toString(), each.liquidityGross.toString()]);
        rows.push([read.pool, head.price.toString(), head.tick, head.liquidity.toString(), head.fees[0], head.fees[1], ticks]);
      }
    }
    return rows;
  },
  refresh: {
    needed: (_, state) => rangesFamily.isLive(state),
    async read(reader, _, pools, timestamp) {
      const heads = await readHeads(
        (data) => reader.call(null, data, timestamp),
        pools.map(({ pool }) => pool),
        timestamp,
      );
      return heads.map(
        ({ pool, price, tick, liquidity, fees }): RangesStateRow => [
          pool,
          price.toString(),
          tick,
          liquidity.toString(),
          fees[0],
          fees[1],
          [],
        ],
      );
    },
  },
  quoteExactIn: (info, state, swap) => wholeSwapOf(info, state, swap)?.amountOut ?? 0n,
  afterSwap(info, state, swap) {
    const result = wholeSwapOf(info, state, swap);
    return result === null ? null : rowAfter(info, state, { ...result, sqrtPriceX96: result.price });
  },
  /**
   * v1 and v1.9 decide the fee with the first timepoint of a block time, and all swaps of the block pay it. A plugin of Integral may decide anew at each swap,
   * as one with a sliding fee does, and the facts do not tell whose plugin a pool has.
   */
  quotableAgain: ({ facts }) => facts.tickSpacing !== TABLE.integral,
  quoteExactOut(info, state, { amountOut, indexIn }) {
    if (amountOut <= 0n || state.sqrtPriceX96 === 0n) return 0n;
    const { whole, amountIn } = swapOf(info, state, indexIn, -amountOut);
    return whole ? amountIn : 0n;
  },
  swapGas(info, state, { amountIn, indexIn }: SwapExactIn) {
    const { steps, ticksCrossed } = swapOf(info, state, indexIn, amountIn);
    return GAS_OF_SWAP + steps * GAS_OF_STEP + ticksCrossed * GAS_OF_CROSSING;
  },
  gasOfRanges: { within: GAS_OF_SWAP + GAS_OF_STEP, tick: GAS_OF_STEP + GAS_OF_CROSSING },
  /** At the time of the block, which is what `read` gives the fee for; of states that `refresh` has changed, at the time that it was asked for. */
  async ask(client, at: { readonly blockHash: string; readonly multicall3: string; readonly timestamp?: number }, _, questions) {
    const { call } = readerAt(client, at);
    const { answers } = await askSwaps(
      (data) => call(null, data, at.timestamp),
      questions.map(({ info, indexIn, amountIn }) => ({ pool: info.pool, zeroToOne: indexIn === 0, amountRequired: amountIn })),
    );
    return answers.map(({ kind, amount0, amount1, reason }, index) => {
      const { indexIn, amountIn } = questions[index] as SwapExactIn;
      if (kind === "refused") {
        return reason === ""
          ? { amountOut: null, reason: "cannot be verified: the pool fails without a reason" }
          : { amountOut: 0n, reason };
      }
      const [taken, paid] = indexIn === 0 ? [amount0, -amount1] : [amount1, -amount0];
      return taken === amountIn ? { amountOut: paid, reason: null } : { amountOut: 0n, reason: `takes only ${taken} of it` };
    });
  },
};
