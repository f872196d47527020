import type { ChainConfig } from "#libs/chains/chain.ts";
import type { ChainSection } from "#libs/chains/system-config.ts";
import { PRIORITY_FEE_PER_GAS } from "#libs/evm/gas-price.ts";
import { DEFAULT_RANKING } from "#libs/ml/standing.ts";
import type { Config } from "#services/scorer/actor.ts";

export interface ScorerSettings {
  readonly chain: ChainConfig;
  readonly section: Pick<ChainSection, "minNetProfitWei" | "scorer" | "mode">;
}

/** Balancer V2 vaults, the only lenders, take nothing: their protocol fee on loans is zero. */
const LOAN_FEE_PIPS = 0n;
const HOUR_MS = 3_600_000;
/** Of the blocks of a run that spends nothing: one in twenty shows what would have become of another candidate. */
const EXPLORATION_SHARE = 0.05;

export function scorerConfig({ chain, section }: ScorerSettings, ownModel: string): Config {
  const { ranking = DEFAULT_RANKING, maxModelAgeHours = 168, riskAversion = 0, explorationShare } = section.scorer ?? {};
  return {
    chain: chain.key,
    priorityFeePerGas: PRIORITY_FEE_PER_GAS,
    minNetProfit: BigInt(section.minNetProfitWei ?? "1"),
    loanFeePips: LOAN_FEE_PIPS,
    ranking,
    ownModel,
    maxModelAgeMs: maxModelAgeHours * HOUR_MS,
    // Nothing is sent that may revert in a block, so a trade that does not land costs nothing.
    failingCosts: "nothing",
    riskAversion,
    explorationShare: explorationShare ?? (section.mode === "live" ? 0 : EXPLORATION_SHARE),
  };
}
