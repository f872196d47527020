declare const brand: unique symbol;
export type Brand<Base, Name extends string> = Base & { readonly [brand]: Name };

/** Lower-case, 0x-prefixed, 20 bytes. Made only by `asAddress`. */
export type Address = Brand<`0x${string}`, "Address">;
/** Lower-case, 0x-prefixed, 32 bytes: block and transaction hashes. Made only by `asHash`. */
export type Hash = Brand<`0x${string}`, "Hash">;
/** `${chainId}:${address}`: unique over all chains. Made only by `poolIdOf`. */
export type PoolId = Brand<string, "PoolId">;

const ADDRESS = /^0x[0-9a-f]{40}$/;
const HASH = /^0x[0-9a-f]{64}$/;

/** Parses any hex spelling of a 20-byte address. Throws `TypeError` for anything else. */
export function asAddress(text: string): Address {
  const lower = text.toLowerCase();
  if (!ADDRESS.test(lower)) throw new TypeError(`not a 20-byte address: ${text}`);
  return lower as Address;
}

/** Parses any hex spelling of a 32-byte hash. Throws `TypeError` for anything else. */
export function asHash(text: string): Hash {
  const lower = text.toLowerCase();
  if (!HASH.test(lower)) throw new TypeError(`not a 32-byte hash: ${text}`);
  return lower as Hash;
}

export function poolIdOf(chainId: number, pool: Address): PoolId {
  return `${chainId}:${pool}` as PoolId;
}
