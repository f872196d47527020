import type { ChainReader } from "#libs/dex/family.ts";
import { addressAt, addressWord, int24Of, intAt, isWord, padWord, uintAt, wordAt } from "#libs/evm/hex.ts";
import type { Call } from "#libs/evm/multicall.ts";
import type { Address } from "#libs/units/brand.ts";
import type { RangesStateRow } from "#proto/pool/v1/state.ts";

/**
 * The fee that a Slipstream pool will take at a coming time. A pool asks its factory, and that a module, for the fee at each swap; the dynamic module makes it
 * of how far the tick is from its average over some minutes, so it moves as time passes, without an event.
 */

const SELECTORS = {
  /** swapFeeModule() */ swapFeeModule: "0x23c43a51",
  /** tickSpacingToFee(int24) */ tickSpacingToFee: "0x380dc1c2",
  /** secondsAgo() */ secondsAgo: "0x633dd145",
  /** defaultScalingFactor() */ defaultScalingFactor: "0xba743e38",
  /** defaultFeeCap() */ defaultFeeCap: "0xdcf4eb27",
  /** dynamicFeeConfig(address) */ dynamicFeeConfig: "0x5bb525ff",
  /** fee() */ fee: "0xddca3f43",
  /** slot0() */ slot0: "0x3850c7bd",
  /** liquidity() */ liquidity: "0x1a686502",
  /** observe(uint32[]) */ observe: "0x883bdbfd",
} as const;

/** Creation code that returns block.timestamp: TIMESTAMP, PUSH1 0, MSTORE, PUSH1 32, PUSH1 0, RETURN. */
const TIMESTAMP_CODE = "0x4260005260206000f3";

/** Source: DynamicSwapFeeModule.sol, its constants. */
const MIN_SECONDS_AGO = 2;
const ZERO_FEE_INDICATOR = 420n;
const SCALING_PRECISION = 1_000_000n;

interface Module {
  readonly secondsAgo: number;
  readonly defaultScalingFactor: bigint;
  readonly defaultFeeCap: bigint;
}

interface Oracle {
  readonly tick: number;
  readonly cardinality: number;
  /** Sum of tick · seconds up to two moments, `secondsAgo` apart; null where the pool's memory does not reach back as far. */
  readonly cumulatives: readonly [earlier: bigint, now: bigint] | null;
}

export interface FeeConfig {
  readonly baseFee: bigint;
  readonly feeCap: bigint;
  readonly scalingFactor: bigint;
  /** The fee until a pool's first trade in a block, where its module has one. Null where it has none. */
  readonly initialFee: bigint | null;
}

/** Source: DynamicSwapFeeModule._getDynamicFee. Divisions towards zero, as Solidity's of signed numbers. */
export function dynamicPart({ tick, cardinality, cumulatives }: Oracle, secondsAgo: number, scalingFactor: bigint): bigint {
  if (cardinality < Math.floor(secondsAgo / MIN_SECONDS_AGO) || cumulatives === null) return 0n;
  const average = BigInt.asIntN(24, (cumulatives[1] - cumulatives[0]) / BigInt(secondsAgo));
  const delta = BigInt.asIntN(24, BigInt(tick) - average);
  return ((delta < 0n ? -delta : delta) * scalingFactor) / SCALING_PRECISION;
}

/** Source: DynamicSwapFeeModule.getFee for a sender without a discount; `spacingFee` is the factory's for the pool's tick spacing. */
export function feeOf(
  config: FeeConfig,
  module: Module,
  spacingFee: bigint,
  oracle: Oracle,
): { readonly first: bigint; readonly later: bigint } {
  if (config.baseFee === ZERO_FEE_INDICATOR) return { first: 0n, later: 0n };
  const base = config.baseFee === 0n ? spacingFee : config.baseFee;
  const [factor, cap] =
    config.scalingFactor === 0n ? [module.defaultScalingFactor, module.defaultFeeCap] : [config.scalingFactor, config.feeCap];
  const total = base + dynamicPart(oracle, module.secondsAgo, factor);
  const later = total < cap ? total : cap;
  if (config.initialFee === null) return { first: later, later };
  return { first: config.initialFee === 0n ? base : config.initialFee === ZERO_FEE_INDICATOR ? 0n : config.initialFee, later };
}

/** dynamicFeeConfig(pool): (baseFee, feeCap, scalingFactor), in later modules followed by (initialFeeEnabled, initialFee). */
function configOf(answer: string): FeeConfig {
  const hasInitialFee = answer.length >= 2 + 5 * 64 && uintAt(answer, 3) === 1n;
  return {
    baseFee: uintAt(answer, 0),
    feeCap: uintAt(answer, 1),
    scalingFactor: uintAt(answer, 2),
    initialFee: hasInitialFee ? uintAt(answer, 4) : null,
  };
}

const encodeObserve = (secondsAgos: readonly number[]): string =>
  `${SELECTORS.observe}${[32, secondsAgos.length, ...secondsAgos].map((value) => padWord(BigInt(value))).join("")}`;

/** observe: two arrays, the first of which begins where word 0 says. */
function cumulativesOf(answer: string | null | undefined): readonly [bigint, bigint] | null {
  if (!isWord(answer)) return null;
  const at = Number(uintAt(answer, 0)) / 32 + 1;
  return [intAt(answer, at), intAt(answer, at + 1)];
}

async function moduleOf(
  reader: ChainReader,
  factory: string,
): Promise<{ readonly address: string; readonly dynamic: Module | null } | null> {
  const address = addressAt(await reader.call(factory, SELECTORS.swapFeeModule), 0);
  if (BigInt(address) === 0n) return null;
  const asked = [SELECTORS.secondsAgo, SELECTORS.defaultScalingFactor, SELECTORS.defaultFeeCap];
  const answers = await reader.multicall(asked.map((data) => ({ target: address, data })));
  if (!answers.every(isWord)) return { address, dynamic: null };
  const [secondsAgo, defaultScalingFactor, defaultFeeCap] = answers.map((answer) => uintAt(answer as string, 0)) as [
    bigint,
    bigint,
    bigint,
  ];
  return { address, dynamic: { secondsAgo: Number(secondsAgo), defaultScalingFactor, defaultFeeCap } };
}

interface FeePool {
  readonly pool: Address;
  readonly facts: { readonly tickSpacing: number };
}

/**
 * Rows without ticks, whose fee is that of the first swap of a block at `timestamp`. A pool that does not answer is left out.
 *
 * Of a module without a memory (none, or the custom one) the fee is what the pool says at the reader's block. The dynamic module is computed ahead; where what
 * we compute for the reader's own block is not what the pool says there, the module is of a kind we do not know, and the pool's word is all there is.
 * Discounts that a module gives to single senders are not ours.
 */
export async function rowsWithFeeAt(
  reader: ChainReader,
  factory: string,
  pools: readonly FeePool[],
  timestamp: number,
): Promise<RangesStateRow[]> {
  const heads = await readAll(reader, pools, [
    ({ pool }) => ({ target: pool, data: SELECTORS.fee }),
    ({ pool }) => ({ target: pool, data: SELECTORS.slot0 }),
    ({ pool }) => ({ target: pool, data: SELECTORS.liquidity }),
  ]);
  const module = await moduleOf(reader, factory);
  const ahead =
    module?.dynamic == null ? null : await feesAhead(reader, factory, { address: module.address, ...module.dynamic }, pools, timestamp);
  return pools.flatMap(({ pool }, index): RangesStateRow[] => {
    const [fee, slot0, liquidity] = heads[index] as (string | null)[];
    if (!isWord(fee) || !isWord(slot0) || !isWord(liquidity)) return [];
    const said = uintAt(fee, 0);
    const feePips = Number(ahead?.[index]?.(slot0, said) ?? said);
    return [[pool, uintAt(slot0, 0).toString(), int24Of(wordAt(slot0, 1)), uintAt(liquidity, 0).toString(), feePips, feePips, []]];
  });
}

/** For each pool what makes its coming fee of slot0 and of its fee at the reader's block; null where its module does not answer. */
async function feesAhead(
  reader: ChainReader,
  factory: string,
  module: Module & { readonly address: string },
  pools: readonly FeePool[],
  timestamp: number,
): Promise<(((slot0: string, said: bigint) => bigint) | null)[]> {
  const now = Number(uintAt(await reader.call(null, TIMESTAMP_CODE), 0));
  const { secondsAgo } = module;
  const ahead = Math.max(0, timestamp - now);
  const spacings = [...new Set(pools.map(({ facts }) => facts.tickSpacing))];
  const spacingFees = await readAll(reader, spacings, [
    (spacing) => ({ target: factory, data: `${SELECTORS.tickSpacingToFee}${padWord(BigInt(spacing))}` }),
  ]);
  const answers = await readAll(reader, pools, [
    ({ pool }) => ({ target: module.address, data: `${SELECTORS.dynamicFeeConfig}${addressWord(pool)}` }),
    ({ pool }) => ({ target: pool, data: encodeObserve([secondsAgo, 0]) }),
    // What will be so long ago at `timestamp` is so much less long ago now; nothing happens in between.
    ({ pool }) => ({ target: pool, data: encodeObserve([Math.max(0, secondsAgo - ahead), 0]) }),
  ]);
  return pools.map(({ facts }, index) => {
    const [config, observedNow, observedAhead] = answers[index] as (string | null)[];
    const [spacingFee] = spacingFees[spacings.indexOf(facts.tickSpacing)] as (string | null)[];
    if (!isWord(config) || !isWord(spacingFee)) return null;
    return (slot0, said) => {
      const at = { tick: int24Of(wordAt(slot0, 1)), cardinality: Number(uintAt(slot0, 3)) };
      const feeWith = (cumulatives: Oracle["cumulatives"]) =>
        feeOf(configOf(config), module, uintAt(spacingFee, 0), { ...at, cumulatives });
      const { first, later } = feeWith(cumulativesOf(observedNow));
      const isKnown = said === first || said === later;
      return isKnown ? feeWith(cumulativesAhead(cumulativesOf(observedAhead), at.tick, { ahead, secondsAgo })).first : said;
    };
  });
}

/** The answers to the same calls for each of many, in their order. */
async function readAll<Each>(
  reader: ChainReader,
  many: readonly Each[],
  calls: readonly ((each: Each) => Call)[],
): Promise<(string | null)[][]> {
  const answers = await reader.multicall(many.flatMap((each) => calls.map((call) => call(each))));
  return many.map((_, index) => answers.slice(calls.length * index, calls.length * (index + 1)));
}

/** The two sums as they will be, when the tick stays what it is: each second adds it once more. */
function cumulativesAhead(
  observed: readonly [bigint, bigint] | null,
  tick: number,
  { ahead, secondsAgo }: { readonly ahead: number; readonly secondsAgo: number },
): readonly [bigint, bigint] | null {
  if (observed === null) return null;
  const [earlier, now] = observed;
  const beyond = Math.max(0, ahead - secondsAgo);
  return [earlier + BigInt(tick * beyond), now + BigInt(tick * ahead)];
}
