/** Accounts of the local chain. Their keys come from public words: they are worth nothing anywhere else. */

import { computeAddress, id, SigningKey, Transaction } from "ethers";
import { type Address, asAddress } from "#libs/units/brand.ts";

export interface LocalAccount {
  readonly address: Address;
  readonly privateKey: `0x${string}`;
  readonly signingKey: SigningKey;
}

export function localAccount(name: string): LocalAccount {
  const privateKey = id(`hyperspeed local chain, ${name}`) as `0x${string}`;
  return { address: asAddress(computeAddress(privateKey)), privateKey, signingKey: new SigningKey(privateKey) };
}

/** Deploys the protocols and loads the market. */
export const DEPLOYER = localAccount("deployer");
/** Owns the executor contract. */
export const OWNER = localAccount("owner");
/** Sends what stands for the rest of a block. */
export const CROWD = localAccount("crowd");
/** As many as trade at once: their transactions of one block need no order among each other. */
export const TRADERS: readonly LocalAccount[] = Array.from({ length: 8 }, (_, index) => localAccount(`trader ${index}`));
/** In a hurry: each sends at most one transaction a block, to the builder directly. As many as a block has trades. */
export const HASTY_TRADERS: readonly LocalAccount[] = Array.from({ length: 14 }, (_, index) => localAccount(`hasty trader ${index}`));

/** Far above any base fee of the local chain, so that no transaction of its own is ever priced out. */
export const GENEROUS_FEE_PER_GAS = 1_000_000_000_000n;

export interface UnsignedTransaction {
  readonly nonce: number;
  readonly gasLimit: bigint;
  readonly maxFeePerGas?: bigint;
  readonly maxPriorityFeePerGas?: bigint;
  /** Absent: contract creation. */
  readonly to?: string;
  readonly data?: string;
  readonly value?: bigint;
}

/** Deterministic: the same fields and key give the same bytes (RFC 6979). */
export function sign(account: LocalAccount, chainId: number, unsigned: UnsignedTransaction): { raw: string; hash: string } {
  const transaction = Transaction.from({
    type: 2,
    chainId,
    nonce: unsigned.nonce,
    gasLimit: unsigned.gasLimit,
    maxFeePerGas: unsigned.maxFeePerGas ?? GENEROUS_FEE_PER_GAS,
    maxPriorityFeePerGas: unsigned.maxPriorityFeePerGas ?? 0n,
    to: unsigned.to ?? null,
    data: unsigned.data ?? "0x",
    value: unsigned.value ?? 0n,
  });
  transaction.signature = account.signingKey.sign(transaction.unsignedHash);
  return { raw: transaction.serialized, hash: transaction.hash ?? "" };
}
