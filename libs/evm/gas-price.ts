/** The most that the base fee can be in the next block: an eighth above this one's. Source: EIP-1559, BASE_FEE_MAX_CHANGE_DENOMINATOR. Wei per gas. */
export function maxNextBaseFee(baseFeePerGas: bigint): bigint {
  return baseFeePerGas + baseFeePerGas / 8n + 1n;
}

const GWEI = 10n ** 9n;
/** What an execution pays the block's builder beside the base fee, wei per gas. */
export const PRIORITY_FEE_PER_GAS = GWEI / 10n;
