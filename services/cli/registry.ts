import type { ChainConfig, DexDeployment } from "#libs/chains/chain.ts";
import { CHAINS } from "#libs/chains/index.ts";
import { FAMILIES } from "#libs/dex/registry.ts";
import { UserError } from "#libs/units/invariant.ts";
import { textTable } from "#services/cli/table.ts";

/** One deployment as `registry --json` prints it. */
export interface RegistryEntry {
  readonly chain: string;
  readonly chainId: number;
  readonly dex: string;
  readonly brand: string;
  readonly family: DexDeployment["family"];
  readonly variant: string;
  /** Two publishers agree on the address: followed unless a configuration names others. */
  readonly verified: boolean;
  /** Null where each pool carries its own fee. */
  readonly feeBps: number | null;
  readonly factory: string;
  /** Where discovery starts; 0 where no source says. */
  readonly deployBlock: number;
  /** Publishers that name this factory on this chain. */
  readonly sources: readonly string[];
}

export interface Registry {
  readonly deployments: readonly RegistryEntry[];
  readonly totals: {
    readonly chains: number;
    readonly deployments: number;
    readonly brands: number;
    readonly byFamily: Readonly<Record<string, number>>;
  };
}

/** Deployments of the built-in chains, all or those of one chain or family. Throws `UserError` for one that there is none of. */
export function registryOf(
  only: { readonly chain: string | null; readonly family: string | null },
  chains: Readonly<Record<string, ChainConfig>> = CHAINS,
): Registry {
  if (only.chain !== null && !Object.hasOwn(chains, only.chain))
    throw new UserError(`chain ${only.chain} is not built in`, `choose one of ${Object.keys(chains).join(", ")}`);
  if (only.family !== null && !Object.hasOwn(FAMILIES, only.family))
    throw new UserError(`there is no family ${only.family}`, `choose one of ${Object.keys(FAMILIES).join(", ")}`);
  const deployments = Object.values(chains)
    .filter(({ key }) => only.chain === null || key === only.chain)
    .flatMap((chain) =>
      chain.dexes
        .filter(({ family }) => only.family === null || family === only.family)
        .map((dex) => ({
          chain: chain.key,
          chainId: chain.chainId,
          dex: dex.id,
          brand: dex.brand,
          family: dex.family,
          variant: dex.variant,
          verified: dex.verified,
          feeBps: dex.feeBps ?? null,
          factory: dex.factory,
          deployBlock: dex.deployBlock,
          sources: dex.source.split("; "),
        })),
    );
  const byFamily: Record<string, number> = {};
  for (const { family } of deployments) byFamily[family] = (byFamily[family] ?? 0) + 1;
  return {
    deployments,
    totals: {
      chains: new Set(deployments.map(({ chain }) => chain)).size,
      deployments: deployments.length,
      brands: new Set(deployments.map(({ brand }) => brand)).size,
      byFamily,
    },
  };
}

const plural = (count: number, thing: string): string => `${count} ${thing}${count === 1 ? "" : "s"}`;

export function registryText({ deployments, totals }: Registry): string {
  const header = ["chain", "chain id", "DEX", "brand", "family", "variant", "fee", "followed", "address", "from block", "sources"];
  const rows = deployments.map((entry) => [
    entry.chain,
    String(entry.chainId),
    entry.dex,
    entry.brand,
    entry.family,
    entry.variant,
    entry.feeBps === null ? "by pool" : `${(entry.feeBps / 100).toFixed(2)} %`,
    entry.verified ? "yes" : "if named",
    entry.factory,
    entry.deployBlock === 0 ? "unknown" : String(entry.deployBlock),
    String(entry.sources.length),
  ]);
  const families = Object.entries(totals.byFamily).map(([family, count]) => `${count} ${family}`);
  const listed = families.length === 0 ? "" : `: ${families.join(", ")}`;
  return `${textTable(header, rows, ["chain id", "fee", "from block", "sources"])}\n${plural(totals.deployments, "deployment")} of ${plural(totals.brands, "brand")} on ${plural(totals.chains, "chain")}${listed}\n`;
}

export function printRegistry(options: { readonly chain: string | null; readonly family: string | null; readonly json: boolean }): void {
  const registry = registryOf(options);
  process.stdout.write(options.json ? `${JSON.stringify(registry)}\n` : registryText(registry));
}
