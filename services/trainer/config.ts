import type { ChainConfig } from "#libs/chains/chain.ts";
import type { ChainSection } from "#libs/chains/system-config.ts";
import { DEFAULT_RANKING } from "#libs/ml/standing.ts";
import type { Config } from "#services/trainer/actor.ts";

export interface TrainerSettings {
  readonly chain: ChainConfig;
  readonly section?: Pick<ChainSection, "trainer" | "scorer"> | undefined;
}

/**
 * A bundle is for the next block; one that a reorganisation throws out is watched for four blocks more (the executor's COMEBACK_BLOCKS), and its end is in the stream
 * before the sixth. `open` executions in labels would show that this is too soon.
 */
const LABEL_AFTER_BLOCKS = 6;
/** Six hours of Ethereum. */
const TRAIN_EVERY_BLOCKS = 1_800;
/** As long as DECISIONS is kept: a week of Ethereum. */
const TRAIN_WINDOW_BLOCKS = 50_000;
/** Each of four windows needs 50 of either outcome (libs/ml/train.ts), the smallest is a tenth of the rows. */
const LEAST_OF_EACH = 500;
const FIRST_LOOK_BLOCKS = 250;
/** 250, 500, 1,000 and 2,000 blocks. */
const LOOKS = 4;
const CANARY_SHARE = 0.2;
const CANARY_BLOCKS = 100;
/** Ten minutes of Ethereum. */
const CHECK_EVERY_BLOCKS = 50;
const CHECK_WINDOW_BLOCKS = 500;
/** A calibration error of ten bins of fewer rows is mostly noise: at 500 it is 0.02 to 0.05 for a model that is right. */
const CHECK_LEAST_CANDIDATES = 500;
/** Twenty times what the kernel takes: a hundred candidates are a millisecond then. */
const MOST_MICROS_PER_ROW = 20;

export function trainerConfig({ chain, section }: TrainerSettings, ownModel: string): Config {
  const {
    trainEveryBlocks = TRAIN_EVERY_BLOCKS,
    trainWindowBlocks = TRAIN_WINDOW_BLOCKS,
    trainLeastOfEach = LEAST_OF_EACH,
    trialBlocks = FIRST_LOOK_BLOCKS,
    canaryShare = CANARY_SHARE,
    canaryBlocks = CANARY_BLOCKS,
    checkEveryBlocks = CHECK_EVERY_BLOCKS,
  } = section?.trainer ?? {};
  return {
    chain: chain.key,
    chainId: chain.chainId,
    dexes: chain.dexes.map(({ id }) => id),
    labelAfterBlocks: LABEL_AFTER_BLOCKS,
    learning: {
      ownModel,
      training: { everyBlocks: trainEveryBlocks, leastOfEach: trainLeastOfEach, windowBlocks: trainWindowBlocks, seed: 1 },
      trial: {
        firstLookBlocks: trialBlocks,
        looks: LOOKS,
        leastCandidates: 2 * trialBlocks,
        leastLanded: Math.ceil(trialBlocks / 5),
        eceSlack: 0.01,
        canaryShare,
        canaryBlocks,
        mostMicrosPerRow: MOST_MICROS_PER_ROW,
        // As the scorer counts (services/scorer/config.ts): nothing is sent that may revert in a block.
        failingCosts: "nothing",
        ranking: section?.scorer?.ranking ?? DEFAULT_RANKING,
        seed: 1,
      },
      drift: { everyBlocks: checkEveryBlocks, windowBlocks: CHECK_WINDOW_BLOCKS, leastCandidates: CHECK_LEAST_CANDIDATES },
    },
  };
}
