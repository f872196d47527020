import type { ChainConfig } from "#libs/chains/chain.ts";
import type { ChainSection } from "#libs/chains/system-config.ts";
import type { Config } from "#services/scorer/actor.ts";

export interface ScorerSettings {
  readonly chain: ChainConfig;
  readonly section: Pick<ChainSection, "minNetProfitWei">;
}

const GWEI = 10n ** 9n;
/** What an execution pays the block's builder beside the base fee. */
const PRIORITY_FEE_PER_GAS = GWEI / 10n;

export function scorerConfig({ section }: ScorerSettings): Config {
  return { priorityFeePerGas: PRIORITY_FEE_PER_GAS, minNetProfit: BigInt(section.minNetProfitWei ?? "1") };
}
