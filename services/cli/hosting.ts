import type { ActorSpec } from "#libs/actor/run.ts";
import type { ChainConfig } from "#libs/chains/chain.ts";
import { chainOf } from "#libs/chains/index.ts";
import type { ChainSection, SystemConfig } from "#libs/chains/system-config.ts";
import { UserError } from "#libs/units/invariant.ts";
import { ACTORS, type ActorName } from "#proto/subjects.ts";
import { analystSpec } from "#services/analyst/main.ts";
import { executorSpec } from "#services/executor/main.ts";
import { ADMISSION, type StartProgress } from "#services/fetcher/config.ts";
import { fetcherSpec } from "#services/fetcher/main.ts";
import { type GatewaySpec, gatewaySpec } from "#services/gateway/main.ts";
import { scorerSpec } from "#services/scorer/main.ts";
import { solverSpec } from "#services/solver/main.ts";
import { trainerSpec } from "#services/trainer/main.ts";
import { watcherSpec } from "#services/watcher/main.ts";

/** An actor whose types are its own business: the shell only needs it whole. */
// biome-ignore lint/suspicious/noExplicitAny: each spec is checked where it is made; a list of them has no common type arguments
export type AnyActorSpec = ActorSpec<any, any, any, any, any>;

export interface HostedActors {
  readonly specs: readonly AnyActorSpec[];
  readonly gateway: GatewaySpec | null;
}

export interface HostOptions {
  readonly config: SystemConfig;
  /** Chains to host per-chain actors for. */
  readonly chains: readonly string[];
  readonly actors: readonly ActorName[];
  /** Only this DEX's fetcher; all of the chain when absent. */
  readonly dex?: string | undefined;
  readonly version: string;
  /** Told how the fetchers' first start is getting on. */
  readonly onProgress?: (progress: StartProgress) => void;
}

export function parseActors(names: readonly string[]): ActorName[] {
  for (const name of names) {
    if (!ACTORS.includes(name as ActorName)) throw new UserError(`there is no actor ${name}`, `choose from ${ACTORS.join(", ")}`);
  }
  return ACTORS.filter((name) => names.includes(name));
}

function sectionOf(config: SystemConfig, key: string): { readonly chain: ChainConfig; readonly section: ChainSection } {
  const section = config.chains[key];
  if (section === undefined)
    throw new UserError(
      `the configuration has no chain ${key}`,
      `add chains.${key}, or choose one of ${Object.keys(config.chains).join(", ")}`,
    );
  return { chain: chainOf(key, section), section };
}

/** Makes the specs of the chosen actors, producers first: the order in which they are drained. */
export async function hostActors(options: HostOptions): Promise<HostedActors> {
  const specs: AnyActorSpec[] = [];
  const perChain = options.chains.map((key) => sectionOf(options.config, key));
  const progress = options.onProgress === undefined ? {} : { onProgress: options.onProgress };
  const wants = (name: ActorName) => options.actors.includes(name);
  for (const { chain, section } of perChain)
    if (wants("watcher")) specs.push(watcherSpec({ chain, rpc: section.rpc, rpcQuorum: section.rpcQuorum }));
  for (const { chain, section } of perChain) {
    if (!wants("fetcher")) continue;
    const deployments = chain.dexes.filter(({ id }) => options.dex === undefined || id === options.dex);
    if (deployments.length === 0)
      throw new UserError(`chain ${chain.key} has no DEX ${options.dex}`, `choose one of ${chain.dexes.map(({ id }) => id).join(", ")}`);
    for (const deployment of deployments) {
      const { release = [], ...rules } = section.admission ?? {};
      specs.push(fetcherSpec({ chain, deployment, rpc: section.rpc, rules: { ...ADMISSION, ...rules }, release, ...progress }));
    }
  }
  for (const { chain, section } of perChain) if (wants("analyst")) specs.push(analystSpec({ chain, rpc: section.rpc }));
  for (const { chain, section } of perChain) if (wants("solver")) specs.push(solverSpec({ chain, solver: section.solver }));
  for (const { chain, section } of perChain) if (wants("scorer")) specs.push(scorerSpec({ chain, section }));
  for (const { chain, section } of perChain) {
    if (wants("executor"))
      specs.push(
        await executorSpec({
          chain,
          rpc: section.rpc,
          mode: section.mode ?? "paper",
          ...(section.wallet === undefined ? {} : { wallet: section.wallet }),
        }),
      );
  }
  for (const { chain, section } of perChain) if (wants("trainer")) specs.push(trainerSpec({ chain, section }));
  let gateway: GatewaySpec | null = null;
  if (wants("gateway")) {
    const all = Object.keys(options.config.chains).map((key) => sectionOf(options.config, key));
    gateway = gatewaySpec({
      chains: all.map(({ chain, section }) => ({ config: chain, mode: section.mode ?? "paper" })),
      options: options.config.gateway ?? {},
      version: options.version,
    });
    specs.push(gateway.spec);
  }
  return { specs, gateway };
}
