import type { ChainConfig, DexDeployment } from "#libs/chains/chain.ts";
import type { EndpointInput } from "#libs/evm/budget.ts";
import type { Config } from "#services/fetcher/actor.ts";

export interface FetcherSettings {
  readonly chain: ChainConfig;
  readonly deployment: DexDeployment;
  /** In order of preference. */
  readonly rpc: readonly EndpointInput[];
}

/** Deeper reorganisations are read again from the chain. No chain of ours has reorganised deeper. */
const JOURNAL_BLOCKS = 128;
/** A restart replays at most so many blocks (some milliseconds each); a snapshot costs tens of milliseconds off the hot path. */
const SNAPSHOT_EVERY_BLOCKS = 64;

export function fetcherConfig({ chain, deployment }: FetcherSettings): Config {
  return {
    chain: chain.key,
    chainId: chain.chainId,
    deployment,
    journalBlocks: JOURNAL_BLOCKS,
    snapshotEveryBlocks: SNAPSHOT_EVERY_BLOCKS,
    blockSeconds: Math.max(1, Math.round(chain.blockTimeMs / 1_000)),
  };
}
