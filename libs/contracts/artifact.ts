/** Compiled contracts, as `build.ts` writes them into `artifacts/` and git keeps them: nobody needs a compiler to run the system. */

import { existsSync, readFileSync } from "node:fs";
import { UserError } from "#libs/units/invariant.ts";

export type Hex = `0x${string}`;

/** One value of an ABI tuple or argument list, as solc prints it. */
export interface AbiParameter {
  readonly name: string;
  readonly type: string;
  readonly internalType?: string;
  readonly indexed?: boolean;
  readonly components?: readonly AbiParameter[];
}

/** One function, event, error or constructor, as solc prints it. Ethers takes the list as it is. */
export interface AbiEntry {
  readonly type: "constructor" | "function" | "event" | "error" | "fallback" | "receive";
  readonly name?: string;
  readonly inputs?: readonly AbiParameter[];
  readonly outputs?: readonly AbiParameter[];
  readonly stateMutability?: "pure" | "view" | "nonpayable" | "payable";
  readonly anonymous?: boolean;
}

export interface ContractArtifact {
  readonly contractName: string;
  readonly abi: readonly AbiEntry[];
  /** Creation code, to which ABI-encoded constructor arguments are appended. */
  readonly bytecode: Hex;
  /** Runtime code with immutables still zero: for size checks, not for comparing with a deployed contract. */
  readonly deployedBytecode: Hex;
  /** Compiler version with its commit, e.g. `0.8.37+commit.…`. */
  readonly compiler: string;
  readonly settings: Readonly<Record<string, unknown>>;
  /** Over the source and everything it imports, in path order: two artifacts with the same hash come from the same text. */
  readonly sourceSha256: string;
}

export const ARTIFACTS_URL = new URL("artifacts/", import.meta.url);

const loaded = new Map<string, ContractArtifact>();

/** The compiled contract of that name. Throws `UserError` when it was never built; read once per process. */
export function artifact(name: string): ContractArtifact {
  const known = loaded.get(name);
  if (known !== undefined) return known;
  const file = new URL(`${name}.json`, ARTIFACTS_URL);
  if (!existsSync(file)) throw new UserError(`no compiled contract ${name}`, "run: node libs/contracts/build.ts");
  const parsed = JSON.parse(readFileSync(file, "utf8")) as ContractArtifact;
  loaded.set(name, parsed);
  return parsed;
}
