import type { ChainConfig, DexDeployment } from "#libs/chains/chain.ts";
import type { EndpointInput } from "#libs/evm/budget.ts";
import type { Config } from "#services/fetcher/actor.ts";
import type { AdmissionRules } from "#services/fetcher/admission.ts";

export interface FetcherSettings {
  readonly chain: ChainConfig;
  readonly deployment: DexDeployment;
  /** In order of preference. */
  readonly rpc: readonly EndpointInput[];
  readonly rules: AdmissionRules;
  /** Quarantined pools that may be taken up again. */
  readonly release: readonly string[];
  /** Told how the first start is getting on. */
  readonly onProgress?: (progress: StartProgress) => void;
}

/** Blocks searched for pools, or pools judged, of a DEX. */
export interface StartProgress {
  readonly dex: string;
  readonly stage: "discovering" | "judging";
  readonly done: number;
  readonly total: number;
}

/** Deeper reorganisations are read again from the chain. No chain of ours has reorganised deeper. */
const JOURNAL_BLOCKS = 128;
/** A restart replays at most so many blocks (some milliseconds each); a snapshot costs tens of milliseconds off the hot path. */
const SNAPSHOT_EVERY_BLOCKS = 64;

/** Half of the largest message that our brokers take (deploy/nats). A pool with ranges is some ten kilobytes. */
const MESSAGE_BYTES = 4_000_000;

/** A check is a dozen calls: one pool a minute and DEX is some 17,000 calls a day. */
const CHECK_EVERY_MS = 60_000;
/** What a pool holds changes slowly; looking at 200 small ones again is a few hundred calls. */
const REVIEW_EVERY_MS = 1_800_000;

/** What a pool must hold to be followed, unless the configuration says otherwise: less pays no gas. */
export const ADMISSION: AdmissionRules = { minTvlUsd: 10_000, minTvlNative: 5 };

export function fetcherConfig({ chain, deployment, release }: FetcherSettings): Config {
  return {
    chain: chain.key,
    chainId: chain.chainId,
    deployment,
    journalBlocks: JOURNAL_BLOCKS,
    snapshotEveryBlocks: SNAPSHOT_EVERY_BLOCKS,
    checkEveryBlocks: Math.ceil(CHECK_EVERY_MS / chain.blockTimeMs),
    reviewEveryBlocks: Math.ceil(REVIEW_EVERY_MS / chain.blockTimeMs),
    messageBytes: MESSAGE_BYTES,
    release,
    blockSeconds: Math.max(1, Math.round(chain.blockTimeMs / 1_000)),
  };
}
