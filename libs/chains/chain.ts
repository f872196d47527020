import type { Address } from "#libs/units/brand.ts";
import type { FamilyId } from "#proto/pool/v1/state.ts";

/** A deployment of a DEX family on one chain. A fork is one of these, not code. */
export interface DexDeployment {
  /** Unique on its chain, lower-case kebab, no dots: it is a token of a subject (`hs.<chain>.pool.changed.<dex>`). */
  readonly id: string;
  readonly brand: string;
  readonly family: FamilyId;
  /** Which of the family's contract variants it is: they differ in events, or in where a fee is read. */
  readonly variant: string;
  /** The contract that makes the pools or keeps their list: factory, vault or registry. */
  readonly factory: Address;
  /** First block in which the factory can have created a pool: where discovery starts. */
  readonly deployBlock: number;
  /** Swap fee, 1e-4 units, of every pair, where one fee holds for the deployment. */
  readonly feeBps?: number;
  /** At least two publishers agree on the address. Others are off until a configuration names them. */
  readonly verified: boolean;
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
  /** Means to be worth one US dollar: what the chain's dollar is taken from. */
  readonly stable?: true;
}

/** A Chainlink price feed (AggregatorV3Interface) in US dollars: something to compare our prices with, never a source of them. */
export interface PriceFeed {
  /** The token that it prices; the wrapped native coin for the native one. */
  readonly token: Address;
  /** The proxy, which stays when the aggregator behind it is replaced. */
  readonly address: Address;
  /** Where the address comes from. */
  readonly source: string;
}

/** All that the actors know of a chain before they ask it, but its DEXes. Static data for public chains; written by the local chain for itself. */
export interface ChainFacts {
  /** Lower-case kebab, no dots: the second token of every subject. */
  readonly key: string;
  readonly chainId: number;
  readonly name: string;
  readonly nativeSymbol: string;
  readonly wrappedNative: Address;
  readonly multicall3: Address;
  readonly blockTimeMs: number;
  readonly tokens: readonly TokenFacts[];
  readonly flashLenders: readonly FlashLender[];
  readonly relays: readonly RelayEndpoint[];
  readonly priceFeeds?: readonly PriceFeed[];
  /** Our executor contract, once deployed. Paper mode needs none. */
  readonly executorContract?: Address;
}

export interface ChainConfig extends ChainFacts {
  /** Of a built-in chain all that are known; of a configured one those that are followed. */
  readonly dexes: readonly DexDeployment[];
}
