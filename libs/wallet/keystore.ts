import { readFileSync } from "node:fs";
import { concat, encryptKeystoreJson, keccak256, toUtf8Bytes, Wallet } from "ethers";
import { type Address, asAddress, asHash, type Hash } from "#libs/units/brand.ts";
import { UserError } from "#libs/units/invariant.ts";

export interface TransactionRequest {
  readonly chainId: number;
  readonly nonce: number;
  readonly to: Address;
  readonly data: `0x${string}`;
  readonly gasLimit: bigint;
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
}

/** Signs and never shows its key. Signatures are deterministic (RFC 6979): the same request always gives the same bytes. */
export interface Signer {
  readonly address: Address;
  /** EIP-1559 transaction. */
  sign(request: TransactionRequest): Promise<{ readonly raw: `0x${string}`; readonly hash: Hash }>;
  /** Searcher identity towards relays: a key of its own, derived from the wallet's, that never holds funds. */
  readonly identity: { readonly address: Address; signMessage(text: string): Promise<string> };
}

function signerOf(wallet: Wallet): Signer {
  const identity = new Wallet(keccak256(concat([wallet.privateKey, toUtf8Bytes("hyperspeed relay identity")])));
  return {
    address: asAddress(wallet.address),
    async sign({ chainId, nonce, to, data, gasLimit, maxFeePerGas, maxPriorityFeePerGas }) {
      const raw = await wallet.signTransaction({
        type: 2,
        chainId,
        nonce,
        to,
        data,
        value: 0n,
        gasLimit,
        maxFeePerGas,
        maxPriorityFeePerGas,
      });
      return { raw: raw as `0x${string}`, hash: asHash(keccak256(raw)) };
    },
    identity: { address: asAddress(identity.address), signMessage: (text) => identity.signMessage(text) },
  };
}

/** Opens an encrypted keystore (Web3 secret storage, scrypt). Throws `UserError` for a missing file or a wrong password. */
export async function openKeystore(options: { readonly keystoreFile: string; readonly passwordFile: string }): Promise<Signer> {
  const read = (file: string, what: string) => {
    try {
      return readFileSync(file, "utf8");
    } catch (cause) {
      throw new UserError(
        `cannot read the ${what} ${file}: ${(cause as Error).message}`,
        "correct wallet.keystoreFile and wallet.passwordFile in the configuration",
        { cause },
      );
    }
  };
  const keystore = read(options.keystoreFile, "keystore");
  // The first line, as where the keystore is made (`wallet create`): an editor's empty last line is not part of it.
  const password = read(options.passwordFile, "password file").split(/\r?\n/)[0] ?? "";
  try {
    return signerOf((await Wallet.fromEncryptedJson(keystore, password)) as Wallet);
  } catch (cause) {
    throw new UserError(
      `keystore ${options.keystoreFile} does not open: ${(cause as Error).message}`,
      "check that the password file belongs to this keystore",
      { cause },
    );
  }
}

/** Encrypts a new random key. `scryptN` is the work factor: 2^17 for anything of value. */
export async function createKeystore(password: string, scryptN = 2 ** 17): Promise<{ readonly address: Address; readonly json: string }> {
  const wallet = new Wallet(Wallet.createRandom().privateKey);
  return {
    address: asAddress(wallet.address),
    json: await encryptKeystoreJson({ address: wallet.address, privateKey: wallet.privateKey }, password, { scrypt: { N: scryptN } }),
  };
}
