import type { Address } from "#libs/units/brand.ts";

/** A deployment of a DEX family on one chain. A fork is one of these, not code. */
export interface DexDeployment {
  /** Unique on its chain, lower-case kebab, no dots: it is a token of a subject (`hs.<chain>.pool.changed.<dex>`). */
  readonly id: string;
  readonly family: "uniswap-v2" | "uniswap-v3";
  readonly factory: Address;
  /** First block in which the factory can have created a pool: where discovery starts. */
  readonly deployBlock: number;
  /** Swap fee, 1e-4 units, of every pair of a uniswap-v2 family deployment. Absent for families whose pools carry their fee. */
  readonly feeBps?: number;
  /** Where the address comes from. */
  readonly source: string;
}

export interface FlashLender {
  readonly id: string;
  readonly kind: "balancer-v2";
  readonly address: Address;
}

export interface RelayEndpoint {
  readonly name: string;
  readonly url: string;
}

export interface TokenFacts {
  readonly address: Address;
  readonly symbol: string;
  readonly decimals: number;
}

/** All that the actors know of a chain before they ask it. Static data for public chains; written by the local chain for itself. */
export interface ChainConfig {
  /** Lower-case kebab, no dots: the second token of every subject. */
  readonly key: string;
  readonly chainId: number;
  readonly name: string;
  readonly nativeSymbol: string;
  readonly wrappedNative: Address;
  readonly multicall3: Address;
  readonly blockTimeMs: number;
  readonly tokens: readonly TokenFacts[];
  readonly dexes: readonly DexDeployment[];
  readonly flashLenders: readonly FlashLender[];
  readonly relays: readonly RelayEndpoint[];
  /** Our executor contract, once deployed. Paper mode needs none. */
  readonly executorContract?: Address;
}
