import { arbitrum } from "#libs/chains/arbitrum.ts";
import { avalanche } from "#libs/chains/avalanche.ts";
import { base } from "#libs/chains/base.ts";
import { blast } from "#libs/chains/blast.ts";
import { bsc } from "#libs/chains/bsc.ts";
import type { ChainConfig, ChainFacts, DexDeployment } from "#libs/chains/chain.ts";
import { ethereum } from "#libs/chains/ethereum.ts";
import { gnosis } from "#libs/chains/gnosis.ts";
import { linea } from "#libs/chains/linea.ts";
import { mantle } from "#libs/chains/mantle.ts";
import { optimism } from "#libs/chains/optimism.ts";
import { polygon } from "#libs/chains/polygon.ts";
import { scroll } from "#libs/chains/scroll.ts";
import { sonic } from "#libs/chains/sonic.ts";
import type { ChainSection } from "#libs/chains/system-config.ts";
import { zksync } from "#libs/chains/zksync.ts";
import { deploymentsOn } from "#libs/dex/deployments.ts";
import { type Address, asAddress } from "#libs/units/brand.ts";
import { UserError } from "#libs/units/invariant.ts";

/** A line per chain. */
const FACTS: readonly ChainFacts[] = [
  ethereum,
  optimism,
  bsc,
  polygon,
  base,
  arbitrum,
  avalanche,
  gnosis,
  linea,
  scroll,
  zksync,
  sonic,
  mantle,
  blast,
];

/** The built-in chains by key, with every deployment that is known there. */
export const CHAINS: Readonly<Record<string, ChainConfig>> = Object.fromEntries(
  FACTS.map((facts) => [facts.key, { ...facts, dexes: deploymentsOn(facts.key) }]),
);

/** The facts of a configured chain: its own definition or the built-in one, with the section's DEXes, contract and relays put in. Throws `UserError` for an unknown chain. */
export function chainOf(key: string, section: ChainSection): ChainConfig {
  const base = section.definition === undefined ? CHAINS[key] : (section.definition as unknown as ChainConfig);
  if (base === undefined) {
    throw new UserError(
      `chain ${key} is not built in`,
      `choose one of ${Object.keys(CHAINS).join(", ")}, or give chains.${key}.definition in the configuration`,
    );
  }
  if (base.key !== key) throw new UserError(`chains.${key}.definition has key ${base.key}`, "give both the same key");
  const contract: Address | undefined =
    section.executorContract === undefined ? base.executorContract : asAddress(section.executorContract);
  return {
    ...base,
    dexes: followed(base, section),
    relays: section.relays ?? base.relays,
    ...(contract === undefined ? {} : { executorContract: contract }),
  };
}

/** Those that the section names, or all whose address two publishers agree on. */
function followed({ key, dexes }: ChainConfig, section: ChainSection): readonly DexDeployment[] {
  if (section.dexes === undefined) return dexes.filter(({ verified }) => verified);
  return section.dexes.map((id) => {
    const found = dexes.find((dex) => dex.id === id);
    if (found === undefined)
      throw new UserError(
        `chains.${key}.dexes names ${id}, which is no DEX of ${key}`,
        `choose among those that \`hyperspeed registry --chain ${key}\` lists`,
      );
    return found;
  });
}
