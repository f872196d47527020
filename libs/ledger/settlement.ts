import { addressOfTopic, uintAt } from "#libs/evm/hex.ts";

/** keccak256("Transfer(address,address,uint256)") */
const TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef";
/** keccak256("Withdrawal(address,uint256)"): a wrapped coin unwrapped by its holder, which emits no Transfer (WETH9). */
const WITHDRAWAL = "0x7fcf532c15f0a6db0bd6d0e038bea71d30d808c7d98cb3bf7268a95bf5081b65";

export interface ReceiptLog {
  readonly address: string;
  readonly topics: readonly string[];
  readonly data: string;
}

/** How the token balances of `holder` changed, read from the logs of one transaction. Raw token units; tokens that came out even are left out. */
export function balanceChanges(logs: readonly ReceiptLog[], holder: string): Map<string, bigint> {
  const changes = new Map<string, bigint>();
  const move = (token: string, amount: bigint) => changes.set(token, (changes.get(token) ?? 0n) + amount);
  for (const { address, topics, data } of logs) {
    const token = address.toLowerCase();
    if (topics[0] === TRANSFER && topics.length === 3) {
      const amount = uintAt(data, 0);
      if (addressOfTopic(topics[1] as string) === holder) move(token, -amount);
      if (addressOfTopic(topics[2] as string) === holder) move(token, amount);
    } else if (topics[0] === WITHDRAWAL && topics.length === 2 && addressOfTopic(topics[1] as string) === holder) {
      move(token, -uintAt(data, 0));
    }
  }
  for (const [token, change] of changes) if (change === 0n) changes.delete(token);
  return changes;
}

/** keccak256("Executed(bytes32,address,uint256,uint256)"), our contract's account of a trade: executionId indexed, token indexed, profit, builderPayment. */
const EXECUTED = "0x0d5c355dbbc9704bf64ba59d2aa11f1dfe9bd9c4522f48f1e560aff37957d658";

/** What the contract itself says it earned; null when the transaction has no such event (it reverted). */
export function executedEvent(
  logs: readonly ReceiptLog[],
  contract: string,
): { readonly executionId: string; readonly token: string; readonly profit: bigint; readonly builderPayment: bigint } | null {
  const log = logs.find(({ address, topics }) => address.toLowerCase() === contract && topics[0] === EXECUTED);
  if (log === undefined) return null;
  return {
    executionId: log.topics[1] as string,
    token: addressOfTopic(log.topics[2] as string),
    profit: uintAt(log.data, 0),
    builderPayment: uintAt(log.data, 1),
  };
}
