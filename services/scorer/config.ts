import type { ChainConfig } from "#libs/chains/chain.ts";
import type { ChainSection } from "#libs/chains/system-config.ts";
import { PRIORITY_FEE_PER_GAS } from "#libs/evm/gas-price.ts";
import type { Config } from "#services/scorer/actor.ts";

export interface ScorerSettings {
  readonly chain: ChainConfig;
  readonly section: Pick<ChainSection, "minNetProfitWei">;
}

export function scorerConfig({ section }: ScorerSettings): Config {
  return { priorityFeePerGas: PRIORITY_FEE_PER_GAS, minNetProfit: BigInt(section.minNetProfitWei ?? "1") };
}
