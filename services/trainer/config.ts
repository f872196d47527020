import type { ChainConfig } from "#libs/chains/chain.ts";
import type { Config } from "#services/trainer/actor.ts";

export interface TrainerSettings {
  readonly chain: ChainConfig;
}

/**
 * A bundle is for the next block; one that a reorganisation throws out is watched for four blocks more (the executor's COMEBACK_BLOCKS), and its end is in the stream
 * before the sixth. `open` executions in labels would show that this is too soon.
 */
const LABEL_AFTER_BLOCKS = 6;
export function trainerConfig({ chain }: TrainerSettings): Config {
  return {
    chain: chain.key,
    chainId: chain.chainId,
    dexes: chain.dexes.map(({ id }) => id),
    labelAfterBlocks: LABEL_AFTER_BLOCKS,
  };
}
