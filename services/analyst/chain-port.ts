import type { PriceFeed } from "#libs/chains/chain.ts";
import type { ChainReader } from "#libs/dex/family.ts";
import { addressAt, intAt, isWord, padWord, uintAt } from "#libs/evm/hex.ts";
import type { Rpc } from "#libs/evm/rpc.ts";
import type { ForeignPool, Receipt } from "#services/analyst/actor.ts";

const SELECTORS = {
  /** decimals() */ decimals: "0x313ce567",
  /** token0() */ token0: "0x0dfe1681",
  /** token1() */ token1: "0xd21220a7",
  /** coins(uint256) */ coins: "0xc6610657",
  /** getTokenX() */ getTokenX: "0x05e8746d",
  /** getTokenY() */ getTokenY: "0xda10610c",
  /** latestRoundData() */ latestRoundData: "0xfeaf968c",
} as const;

/** A token may answer any number; none that means something has more. */
const MOST_DECIMALS = 77n;

/** How many decimals tokens say they have; null for one that does not say, or nothing sensible. */
export async function readDecimals(reader: ChainReader, tokens: readonly string[]): Promise<Map<string, number | null>> {
  const answers = await reader.multicall(tokens.map((target) => ({ target, data: SELECTORS.decimals })));
  return new Map(
    tokens.map((token, index) => {
      const answer = answers[index];
      const decimals = isWord(answer) ? uintAt(answer, 0) : null;
      return [token, decimals === null || decimals > MOST_DECIMALS ? null : Number(decimals)];
    }),
  );
}

function gettersOf({ ask, tokens }: ForeignPool): string[] {
  if (ask === "token0") return [SELECTORS.token0, SELECTORS.token1];
  if (ask === "getTokenX") return [SELECTORS.getTokenX, SELECTORS.getTokenY];
  return Array.from({ length: tokens }, (_, index) => `${SELECTORS.coins}${padWord(BigInt(index))}`);
}

/** The tokens of pools that nobody follows; null for one that does not name all that were asked for. */
export async function readTokens(reader: ChainReader, pools: readonly ForeignPool[]): Promise<Map<string, readonly string[] | null>> {
  const asked = pools.map(gettersOf);
  const answers = await reader.multicall(
    asked.flatMap((getters, index) => getters.map((data) => ({ target: (pools[index] as ForeignPool).pool, data }))),
  );
  let at = 0;
  return new Map(
    pools.map(({ pool }, index) => {
      const own = answers.slice(at, at + (asked[index] as string[]).length);
      at += own.length;
      return [pool, own.every(isWord) ? own.map((answer) => addressAt(answer, 0)) : null];
    }),
  );
}

/**
 * What feeds say, dollars by token. Left out: one that does not answer, or answers nothing above 0. Source: AggregatorV3Interface.latestRoundData and decimals.
 */
export async function readFeeds(reader: ChainReader, feeds: readonly PriceFeed[]): Promise<Map<string, number>> {
  const answers = await reader.multicall(
    feeds.flatMap(({ address }) => [SELECTORS.latestRoundData, SELECTORS.decimals].map((data) => ({ target: address, data }))),
  );
  const said = new Map<string, number>();
  for (const [index, { token }] of feeds.entries()) {
    const [round, decimals] = answers.slice(2 * index, 2 * index + 2);
    // roundId, answer, startedAt, updatedAt, answeredInRound.
    if (typeof round !== "string" || round.length < 2 + 5 * 64 || !isWord(decimals) || uintAt(decimals, 0) > MOST_DECIMALS) continue;
    const answer = intAt(round, 1);
    if (answer > 0n) said.set(token, Number(answer) / Number(`1e${uintAt(decimals, 0)}`));
  }
  return said;
}

interface RawReceipt {
  readonly transactionHash: string;
  readonly blockHash: string;
  readonly from: string;
  readonly to: string | null;
  readonly gasUsed: string;
  readonly effectiveGasPrice: string;
  /** OP-stack chains and Scroll: wei for the data on Ethereum. */
  readonly l1Fee?: string;
}

/** Receipts of these transactions of one block; null when the chain has them in another block by now, or nowhere. */
export async function readReceipts(client: Rpc, blockHash: string, transactions: readonly string[]): Promise<Receipt[] | null> {
  const raws = await client.batch<RawReceipt | null>(transactions.map((hash) => ({ method: "eth_getTransactionReceipt", params: [hash] })));
  const receipts: Receipt[] = [];
  for (const raw of raws) {
    if (raw === null || raw.blockHash.toLowerCase() !== blockHash) return null;
    receipts.push({
      transactionHash: raw.transactionHash.toLowerCase(),
      from: raw.from.toLowerCase(),
      to: raw.to?.toLowerCase() ?? null,
      gasUsed: Number(raw.gasUsed),
      effectiveGasPrice: BigInt(raw.effectiveGasPrice),
      l1Fee: BigInt(raw.l1Fee ?? 0),
    });
  }
  return receipts;
}
