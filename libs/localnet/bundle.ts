/** Bundles: what makes one valid, what it does when simulated, and what it pays. */

import { keccak256, Transaction } from "ethers";
import { toHex } from "#libs/evm/hex.ts";
import { type RpcClient, RpcError } from "#libs/evm/rpc.ts";
import { type Address, asAddress, asHash, type Hash } from "#libs/units/brand.ts";
import { fail, ok, type Result } from "#libs/units/result.ts";
import { MULTICALL3 } from "./genesis.ts";

/** Limits of the Flashbots relay (docs.flashbots.net, JSON-RPC endpoints): transactions and bytes in one bundle. */
const TRANSACTIONS_MAX = 100;
const BYTES_MAX = 300_000;

export interface BundleTransaction {
  readonly raw: string;
  readonly hash: Hash;
  readonly from: Address;
  readonly parsed: Transaction;
}

export interface Bundle {
  /** keccak256 of the concatenated transaction hashes, as the Flashbots relay computes it. */
  readonly bundleHash: Hash;
  readonly transactions: readonly BundleTransaction[];
  readonly blockNumber: number;
  readonly minTimestamp: number | undefined;
  readonly maxTimestamp: number | undefined;
  readonly revertingTxHashes: ReadonlySet<string>;
}

export type BundleFailure =
  | { readonly code: "malformed-parameters"; readonly message: string }
  | { readonly code: "malformed-transaction"; readonly message: string }
  | { readonly code: "wrong-chain"; readonly message: string }
  | { readonly code: "nonce-mismatch"; readonly message: string }
  | { readonly code: "fee-below-base-fee"; readonly message: string }
  | { readonly code: "not-executable"; readonly message: string };

export interface BundleParameters {
  readonly txs?: unknown;
  readonly blockNumber?: unknown;
  readonly minTimestamp?: unknown;
  readonly maxTimestamp?: unknown;
  readonly revertingTxHashes?: unknown;
}

const isHex = (value: unknown): value is string => typeof value === "string" && /^0x[0-9a-fA-F]*$/.test(value);

function optionalSeconds(value: unknown): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0 ? value : undefined;
}

const bundleHashOf = (transactions: readonly BundleTransaction[]): Hash =>
  asHash(keccak256(`0x${transactions.map(({ hash }) => hash.slice(2)).join("")}`));

/** One transaction of the chain's own people for one block, as if it had come through the relay. */
export function ownBundle({ raw, hash, from }: { raw: string; hash: string; from: Address }, blockNumber: number): Bundle {
  const transactions = [{ raw, hash: asHash(hash), from, parsed: Transaction.from(raw) }];
  return {
    bundleHash: bundleHashOf(transactions),
    transactions,
    blockNumber,
    minTimestamp: undefined,
    maxTimestamp: undefined,
    revertingTxHashes: new Set(),
  };
}

/** Reads the parameter object of eth_sendBundle and eth_callBundle. */
export function parseBundle(parameters: BundleParameters, chainId: number): Result<Bundle, BundleFailure> {
  const malformed = (message: string) => fail({ code: "malformed-parameters", message } as const);
  const { txs, blockNumber, minTimestamp, maxTimestamp, revertingTxHashes = [] } = parameters;
  if (!Array.isArray(txs) || txs.length === 0) return malformed("txs must be a non-empty array of signed transactions");
  if (txs.length > TRANSACTIONS_MAX) return malformed(`a bundle has at most ${TRANSACTIONS_MAX} transactions`);
  if (!isHex(blockNumber) || blockNumber.length < 3) return malformed("blockNumber must be a hex quantity");
  if (!Array.isArray(revertingTxHashes) || !revertingTxHashes.every(isHex))
    return malformed("revertingTxHashes must be an array of hashes");

  const transactions: BundleTransaction[] = [];
  let bytes = 0;
  for (const [index, raw] of txs.entries()) {
    const transaction = isHex(raw) ? parseTransaction(raw) : undefined;
    if (transaction === undefined) return fail({ code: "malformed-transaction", message: `txs[${index}] is not a signed transaction` });
    if (transaction.parsed.chainId !== BigInt(chainId)) {
      const message = `txs[${index}] is signed for chain ${transaction.parsed.chainId}, this is chain ${chainId}`;
      return fail({ code: "wrong-chain", message });
    }
    bytes += (transaction.raw.length - 2) / 2;
    transactions.push(transaction);
  }
  if (bytes > BYTES_MAX) return malformed(`a bundle has at most ${BYTES_MAX} bytes`);
  return ok({
    bundleHash: bundleHashOf(transactions),
    transactions,
    blockNumber: Number(blockNumber),
    minTimestamp: optionalSeconds(minTimestamp),
    maxTimestamp: optionalSeconds(maxTimestamp),
    revertingTxHashes: new Set(revertingTxHashes.map((hash) => hash.toLowerCase())),
  });
}

/** A bundle is simulated, sent and thrown out by a reorganisation: the same transaction comes several times within a few blocks. */
const PARSED_KEPT = 256;
const parsedBefore = new Map<string, BundleTransaction>();

/** Undefined for what is no signed transaction. Recovering a sender takes milliseconds, so the last ones are remembered. */
export function parseTransaction(raw: string): BundleTransaction | undefined {
  const known = parsedBefore.get(raw);
  if (known !== undefined) return known;
  try {
    const parsed = Transaction.from(raw);
    const { from, hash } = parsed;
    if (from === null || hash === null) return undefined;
    const transaction = { raw, hash: asHash(hash), from: asAddress(from), parsed };
    parsedBefore.set(raw, transaction);
    for (const old of [...parsedBefore.keys()].slice(0, -PARSED_KEPT)) parsedBefore.delete(old);
    return transaction;
  } catch {
    return undefined;
  }
}

/** The block for which a simulation pretends. */
export interface BlockContext {
  readonly stateBlock: string;
  readonly number: number;
  readonly timestamp: number;
  readonly baseFeePerGas: bigint;
  readonly coinbase: Address;
}

export interface SimulatedTransaction {
  readonly hash: Hash;
  readonly ok: boolean;
  readonly gasUsed: bigint;
  readonly returnData: string;
  /** All that the block's producer gains: priority fee and direct payment. */
  readonly coinbaseDiff: bigint;
  readonly priorityFee: bigint;
}

export interface Simulation {
  readonly transactions: readonly SimulatedTransaction[];
  readonly gasUsed: bigint;
  readonly coinbaseDiff: bigint;
}

/** Wei per gas above the base fee that a transaction offers. Undefined when it does not even cover the base fee. */
export function priorityFeePerGas(transaction: Transaction, baseFeePerGas: bigint): bigint | undefined {
  const maxFee = transaction.maxFeePerGas ?? transaction.gasPrice ?? 0n;
  if (maxFee < baseFeePerGas) return undefined;
  const maxPriority = transaction.maxPriorityFeePerGas ?? maxFee;
  return maxPriority < maxFee - baseFeePerGas ? maxPriority : maxFee - baseFeePerGas;
}

/** Checks what a simulation would not: anvil's eth_simulateV1 takes any nonce. `nonces` is what each sender's next nonce must be. */
export function checkExecutable(
  transactions: readonly BundleTransaction[],
  nonces: ReadonlyMap<Address, number>,
  baseFeePerGas: bigint,
): BundleFailure | undefined {
  const next = new Map(nonces);
  for (const { parsed, from, hash } of transactions) {
    const expected = next.get(from) ?? 0;
    if (parsed.nonce !== expected) {
      const relation = parsed.nonce < expected ? "low" : "high";
      return {
        code: "nonce-mismatch",
        message: `nonce too ${relation}: address ${from}, tx: ${parsed.nonce} state: ${expected}; txhash ${hash}`,
      };
    }
    next.set(from, expected + 1);
    if (priorityFeePerGas(parsed, baseFeePerGas) === undefined) {
      const maxFee = parsed.maxFeePerGas ?? parsed.gasPrice ?? 0n;
      const message = `max fee per gas less than block base fee: address ${from}, maxFeePerGas: ${maxFee}, baseFee: ${baseFeePerGas}; txhash ${hash}`;
      return { code: "fee-below-base-fee", message };
    }
  }
  return undefined;
}

export async function noncesOf(rpc: RpcClient, senders: Iterable<Address>, block: string): Promise<Map<Address, number>> {
  const unique = [...new Set(senders)];
  const counts = await rpc.batch<string>(unique.map((sender) => ({ method: "eth_getTransactionCount", params: [sender, block] })));
  return new Map(unique.map((sender, index) => [sender, Number(counts[index])]));
}

interface SimulatedCall {
  readonly returnData: string;
  readonly gasUsed: string;
  readonly status: string;
}

/** Multicall3.getEthBalance(address). */
const GET_ETH_BALANCE = "0x4d2301cc";
const NOBODY = "0x0000000000000000000000000000000000000000";

/**
 * Runs transactions in order on a block's state. Between them the producer's balance is read, so what each pays is measured, not inferred: priority fees and
 * transfers to the coinbase alike.
 */
export async function simulate(
  rpc: RpcClient,
  transactions: readonly BundleTransaction[],
  context: BlockContext,
): Promise<Result<Simulation, BundleFailure>> {
  const balanceOfCoinbase = {
    from: NOBODY,
    to: MULTICALL3,
    data: `${GET_ETH_BALANCE}${context.coinbase.slice(2).padStart(64, "0")}`,
    gas: "0xea60",
  };
  const calls = [balanceOfCoinbase, ...transactions.flatMap(({ parsed, from }) => [callOf(parsed, from), balanceOfCoinbase])];
  const blockOverrides = {
    number: toHex(context.number),
    time: toHex(context.timestamp),
    baseFeePerGas: toHex(context.baseFeePerGas),
    feeRecipient: context.coinbase,
  };
  let answers: readonly SimulatedCall[] | undefined;
  try {
    const request = { blockStateCalls: [{ blockOverrides, calls }], validation: true };
    answers = (await rpc.send<{ calls: SimulatedCall[] }[]>("eth_simulateV1", [request, context.stateBlock]))[0]?.calls;
  } catch (error) {
    if (error instanceof RpcError) return fail({ code: "not-executable", message: error.message });
    throw error;
  }
  const balanceAfter = (index: number): bigint => BigInt(answers?.[2 * index]?.returnData ?? 0);
  const results = transactions.map(({ hash, parsed }, index): SimulatedTransaction => {
    const call = answers?.[2 * index + 1];
    const gasUsed = BigInt(call?.gasUsed ?? 0);
    return {
      hash,
      ok: call?.status === "0x1",
      gasUsed,
      returnData: call?.returnData ?? "0x",
      coinbaseDiff: balanceAfter(index + 1) - balanceAfter(index),
      priorityFee: gasUsed * (priorityFeePerGas(parsed, context.baseFeePerGas) ?? 0n),
    };
  });
  const sum = (of: (result: SimulatedTransaction) => bigint): bigint => results.reduce((total, result) => total + of(result), 0n);
  return ok({ transactions: results, gasUsed: sum((r) => r.gasUsed), coinbaseDiff: sum((r) => r.coinbaseDiff) });
}

function callOf(transaction: Transaction, from: Address): object {
  const { to, data, value, nonce, gasLimit, maxFeePerGas, maxPriorityFeePerGas, gasPrice, accessList } = transaction;
  const fees =
    maxFeePerGas === null
      ? { gasPrice: toHex(gasPrice ?? 0n) }
      : { maxFeePerGas: toHex(maxFeePerGas), maxPriorityFeePerGas: toHex(maxPriorityFeePerGas ?? 0n) };
  return {
    from,
    ...(to === null ? {} : { to }),
    data,
    value: toHex(value),
    nonce: toHex(nonce),
    gas: toHex(gasLimit),
    ...fees,
    ...(accessList === null || accessList.length === 0 ? {} : { accessList }),
  };
}

/** A revert that its bundle did not allow. */
export const hasForbiddenRevert = (bundle: Bundle, simulated: readonly SimulatedTransaction[]): boolean =>
  simulated.some(({ ok: succeeded, hash }) => !succeeded && !bundle.revertingTxHashes.has(hash));
