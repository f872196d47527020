import type { ChainConfig } from "#libs/chains/chain.ts";
import { MEMORY_BLOCKS } from "#libs/ml/features.ts";
import type { Config } from "#services/trainer/actor.ts";

export interface TrainerSettings {
  readonly chain: ChainConfig;
}

/**
 * A bundle is for the next block; one that a reorganisation throws out is watched for four blocks more (the executor's COMEBACK_BLOCKS), and its end is in the stream
 * before the sixth. `open` executions in labels would show that this is too soon.
 */
const LABEL_AFTER_BLOCKS = 6;
/** Balancer V2 vaults, the only lenders, take nothing: their protocol fee on loans is zero. */
const LOAN_FEE_PIPS = 0n;

/** So many blocks before the first that gets labels are read: a whole set of prices (the analyst sends one every 256), then what features remember; and some to spare. */
export const REPLAY_BLOCKS = 256 + MEMORY_BLOCKS + 44;

export function trainerConfig({ chain }: TrainerSettings): Config {
  return {
    chain: chain.key,
    chainId: chain.chainId,
    dexes: chain.dexes.map(({ id }) => id),
    loanFeePips: LOAN_FEE_PIPS,
    labelAfterBlocks: LABEL_AFTER_BLOCKS,
  };
}
