import type { ChainConfig } from "#libs/chains/chain.ts";
import type { EndpointInput } from "#libs/evm/budget.ts";
import type { Config } from "#services/watcher/actor.ts";

export interface WatcherSettings {
  readonly chain: ChainConfig;
  /** In order of preference. */
  readonly rpc: readonly EndpointInput[];
  /** Endpoints that must agree on a head before it counts. Default 1. */
  readonly rpcQuorum?: number | undefined;
}

/** As many blocks as fetchers can undo from their journals, and more than any of our chains has reorganised. */
const REMEMBERED_BLOCKS = 128;

export function watcherConfig({ chain }: WatcherSettings): Config {
  return { chain: chain.key, chainId: chain.chainId, rememberedBlocks: REMEMBERED_BLOCKS };
}
