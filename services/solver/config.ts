import type { ChainConfig, DexDeployment } from "#libs/chains/chain.ts";
import type { ChainSection } from "#libs/chains/system-config.ts";
import { MAX_GAS_ESTIMATE, MAX_TOKENS } from "#libs/contracts/plan.ts";
import { PRIORITY_FEE_PER_GAS } from "#libs/evm/gas-price.ts";
import { UserError } from "#libs/units/invariant.ts";
import type { Config } from "#services/solver/actor.ts";

export interface SolverSettings {
  readonly chain: ChainConfig;
  readonly solver?: ChainSection["solver"];
}

const ETHER = 10n ** 18n;
/** Three hops hold most of what there is to earn; the swaps of a whole plan add more than a fourth hop. */
const MAX_HOPS = 3;
/** Candidates sized exactly a block: the float search ranks them well, and each costs up to a millisecond of exact quotes. */
const MAX_CANDIDATES = 16;
/** A median storm's plan has ten swaps, one in ten of them thirty and more; gas and tokens bound it too. All of them fail when one does. */
const MAX_SWAPS = 32;
/** Some 100 ms of search: then what has been found is the answer. */
const MAX_VISITS = 1_000_000;
/** A DEX that takes longer than this is gone on without. Fetchers answer within some 5 ms. */
const LATE_DEX_MS = 250;
/** Below this no swap of any kind pays its gas at any price we have seen: it only keeps noise out of the exact stage. Native coin, smallest unit. */
const MIN_GROSS_PROFIT = 1e12;
/** Above what any cycle of ours has ever wanted; a lender that holds less makes the simulation fail, which is counted. */
const MAX_AMOUNT_IN = 1_000n * ETHER;

/**
 * A Balancer V2 vault locks itself while it lends: a swap in it would revert (BAL#400). Where it is the only lender its own pools cannot be part of a cycle.
 */
const isLocked = ({ factory }: DexDeployment, { flashLenders }: ChainConfig): boolean =>
  flashLenders.length > 0 && flashLenders.every(({ address }) => address === factory);

/** The options of a search for the tokens that cycles may begin in beside the wrapped native coin. */
function otherStarts({ wrappedNative, key }: ChainConfig, starts: NonNullable<ChainSection["solver"]>["startTokens"] = []) {
  const otherStarts = starts.map(({ token }) => token);
  const fault =
    new Set(otherStarts).size < starts.length ? "named twice" : otherStarts.includes(wrappedNative) ? "the wrapped native coin" : null;
  if (fault !== null)
    throw new UserError(
      `a token of chains.${key}.solver.startTokens is ${fault}`,
      "name each once; cycles begin in the wrapped native coin anyway",
    );
  return { otherStarts, maxAmountsIn: Object.fromEntries(starts.map(({ token, maxAmountIn }) => [token, BigInt(maxAmountIn)])) };
}

export function solverConfig({ chain, solver }: SolverSettings): Config {
  return {
    chain: chain.key,
    chainId: chain.chainId,
    dexes: chain.dexes.filter((dex) => !isLocked(dex, chain)).map(({ id }) => id),
    lateDexMs: solver?.lateDexMs ?? LATE_DEX_MS,
    deadlineMs: solver?.deadlineMs ?? null,
    maxSwaps: solver?.maxSwaps ?? MAX_SWAPS,
    maxTokens: MAX_TOKENS,
    maxGas: MAX_GAS_ESTIMATE,
    priorityFeePerGas: PRIORITY_FEE_PER_GAS,
    search: {
      startToken: chain.wrappedNative,
      maxHops: solver?.maxHops ?? MAX_HOPS,
      maxCandidates: solver?.maxCandidates ?? MAX_CANDIDATES,
      minGrossProfit: MIN_GROSS_PROFIT,
      maxAmountIn: MAX_AMOUNT_IN,
      maxVisits: solver?.maxVisits ?? MAX_VISITS,
      ...otherStarts(chain, solver?.startTokens),
    },
  };
}
