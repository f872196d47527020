import type { ChainConfig } from "#libs/chains/chain.ts";
import { CHAINS, chainOf } from "#libs/chains/index.ts";
import { readSystemConfig } from "#libs/chains/system-config.ts";
import { UserError } from "#libs/units/invariant.ts";

export interface ChainChoice {
  readonly chain: ChainConfig;
  readonly rpcUrl: string;
}

/**
 * The chain that a command names, and the endpoint to ask: `--rpc`, else the first that the configuration has for it. Throws `UserError` for a chain that is
 * neither configured nor built in, and where no endpoint is given.
 */
export function chosenChain(given: { readonly chain: string; readonly rpc: string | null; readonly config: string | null }): ChainChoice {
  const chains = given.config === null ? {} : readSystemConfig(given.config).chains;
  const section = Object.hasOwn(chains, given.chain) ? chains[given.chain] : undefined;
  if (section === undefined && !Object.hasOwn(CHAINS, given.chain)) {
    const known = [...new Set([...Object.keys(chains), ...Object.keys(CHAINS)])];
    throw new UserError(
      `chain ${given.chain} is not built in${given.config === null ? "" : `, nor in ${given.config}`}`,
      `choose one of ${known.join(", ")}, or define it in a configuration (--config FILE, chains.${given.chain}.definition)`,
    );
  }
  const first = section?.rpc[0];
  const rpcUrl = given.rpc ?? (typeof first === "object" ? first.url : first);
  if (rpcUrl === undefined)
    throw new UserError(
      `no endpoint of ${given.chain} to ask`,
      "give one with --rpc URL, or a configuration that has one with --config FILE",
    );
  if (!/^(https?|wss?):\/\//.test(rpcUrl))
    throw new UserError(`${rpcUrl} is no endpoint`, "give a URL that begins with http, https, ws or wss");
  return { chain: chainOf(given.chain, section ?? { rpc: [rpcUrl] }), rpcUrl };
}
