import type { DexDeployment } from "#libs/chains/chain.ts";
import type { V3PoolTicks } from "#libs/contracts/tick-lens.ts";
import { askConcentrated } from "#libs/dex/concentrated/ask.ts";
import { applyLiquidity, type RangesState, rangesFamily, undoOf } from "#libs/dex/concentrated/ranges.ts";
import { applyV3Log, decodeV3PoolCreated, describeV3Pools, type PoolKey, readV3Pools, V3_TOPICS } from "#libs/dex/concentrated/v3.ts";
import type { Family } from "#libs/dex/family.ts";
import { addressAt, int24Of, uintAt } from "#libs/evm/hex.ts";
import { asAddress } from "#libs/units/brand.ts";
import { invariant } from "#libs/units/invariant.ts";

/** keccak256("SetFee(uint24,uint24)"): the fee before and after. */
const SET_FEE = "0x0eb63f4a36d6bdeee05aa00020a97d80c3e84f1b5b3ebf345fb67262e62b0f33";
/** keccak256("FeeAdjustment(uint24,uint24)"): the fee before and after, from the pool. */
const FEE_ADJUSTMENT = "0x0cba87189055d3b5ab05c96fbd641bc766576c9e7cf0d195bdfb58a0c6a6df24";
/** keccak256("FeeAdjustment(address,uint24)"): the pool and its fee, from the factory. */
const FACTORY_FEE_ADJUSTMENT = "0xe4accbaee82fb833ac207d4c4454c5a04e85f5e1e9a20a9e2c98e54e8706ff2b";
/** keccak256("Mint(address,address,uint256,int24,int24,uint128,uint256,uint256)"): Uniswap's event with the position's index after the sender. */
const MINT_INDEXED = "0xd78218c0d304e8893cb3200abe394bbc8d5b7804d9c51f236df9fdcf481d02d3";

interface Variant {
  /** Topics beside those that all variants have. */
  readonly topics: readonly string[];
  /** What the factory tells pools of the same tokens apart by. */
  readonly key: PoolKey;
  /** Fees that pools begin with, where the key is a fee that changes afterwards. */
  readonly firstFees?: readonly bigint[];
  /** Where the present fee is, when not where the lens looks for it. */
  readonly feePips?: (read: V3PoolTicks) => number | null;
}

const VARIANTS: Readonly<Record<string, Variant>> = {
  "uniswap-v3": { topics: [], key: "fee" },
  /** The fee is the third of four words of slot0, and a fee setter changes it. Source: SolidlyV3Pool.sol, SolidlyV3Factory.sol. */
  "solidly-v3": {
    topics: [SET_FEE],
    key: "tickSpacing",
    feePips: ({ slot, sqrtPriceX96 }) => (slot.words === 4 || sqrtPriceX96 === 0n ? slot.third : null),
  },
  /** The factory changes the fee, which currentFee() says. Source: RamsesV2Pool.sol, RamsesV2Factory.sol; boosted liquidity divides rewards, not swaps. */
  "ramses-cl": { topics: [FEE_ADJUSTMENT], key: "fee", firstFees: [50n, 100n, 250n, 500n, 3_000n, 10_000n] },
  /** Source: RamsesV3Pool.sol, ProtocolActions.setFee, RamsesV3Factory.setFee: pool and factory each announce a new fee. */
  "ramses-v3": { topics: [MINT_INDEXED, FEE_ADJUSTMENT, FACTORY_FEE_ADJUSTMENT], key: "tickSpacing" },
};

function variantOf({ id, variant }: DexDeployment): Variant {
  const found = VARIANTS[variant];
  invariant(found !== undefined, `${id}: uniswap-v3 has no variant ${variant}`);
  return found;
}

/**
 * Uniswap V3 and forks with its events, or nearly. All variants swap by the same mathematics at one fee, read once at the start of a swap; protocol fees are a
 * part of that fee and move no quote. Source: v3-core UniswapV3Pool.sol, UniswapV3Factory.sol.
 */
export const uniswapV3: Family<"uniswap-v3", RangesState> = {
  ...rangesFamily,
  id: "uniswap-v3",
  variants: Object.keys(VARIANTS),
  knownView: () => ({ name: "owner()", data: "0x8da5cb5b" }),
  topics: (deployment) => ({
    created: [V3_TOPICS.poolCreated],
    state: [V3_TOPICS.initialize, V3_TOPICS.swap, V3_TOPICS.mint, V3_TOPICS.burn, ...variantOf(deployment).topics],
  }),
  decodeCreated: decodeV3PoolCreated,
  describe(reader, deployment, pools) {
    const { key, firstFees } = variantOf(deployment);
    return describeV3Pools(reader, deployment.factory, pools, key, firstFees);
  },
  poolOf([address, topics, data], { factory }) {
    if (topics[0] !== FACTORY_FEE_ADJUSTMENT) return asAddress(address);
    return address === factory ? asAddress(addressAt(data, 0)) : null;
  },
  applyLog(info, state, log) {
    const [, topics, data] = log;
    switch (topics[0]) {
      case SET_FEE:
      case FEE_ADJUSTMENT:
      case FACTORY_FEE_ADJUSTMENT: {
        const before = undoOf(info, state);
        const fee = Number(uintAt(data, 1));
        state.feePips[0] = fee;
        state.feePips[1] = fee;
        return before;
      }
      case MINT_INDEXED:
        return applyLiquidity(info, state, {
          lower: int24Of(topics[2] as string),
          upper: int24Of(topics[3] as string),
          amount: uintAt(data, 2),
        });
      default:
        return applyV3Log(info, state, log);
    }
  },
  read: (reader, deployment, pools) => readV3Pools(reader, pools, variantOf(deployment).feePips),
  ask: (client, at, _, questions) => askConcentrated(client, at, questions),
};
