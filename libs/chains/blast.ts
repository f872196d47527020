import type { ChainFacts } from "#libs/chains/chain.ts";
import { asAddress } from "#libs/units/brand.ts";

export const blast: ChainFacts = {
  key: "blast",
  chainId: 81457,
  name: "Blast",
  nativeSymbol: "ETH",
  wrappedNative: asAddress("0x4300000000000000000000000000000000000004"),
  multicall3: asAddress("0xca11bde05977b3631167028862be2a173976ca11"),
  blockTimeMs: 2000,
  tokens: [
    { symbol: "WETH", decimals: 18, address: asAddress("0x4300000000000000000000000000000000000004") },
    { symbol: "USDB", decimals: 18, stable: true, address: asAddress("0x4300000000000000000000000000000000000003") },
    { symbol: "WBTC", decimals: 8, address: asAddress("0xf7bc58b8d8f97adc129cfc4c9f45ce3c0e1d2692") },
    { symbol: "BLAST", decimals: 18, address: asAddress("0xb1a5700fa2358173fe465e6ea4ff52e36e88e2ad") },
    { symbol: "ezETH", decimals: 18, address: asAddress("0x2416092f143378750bb29b79ed961ab195cceea5") },
    { symbol: "USDe", decimals: 18, address: asAddress("0x5d3a1ff2b6bab83b63cd9ad0787074081a52ef34") },
    { symbol: "weETH", decimals: 18, address: asAddress("0x04c0599ae5a44757c0af6f9ec3b93da8976c150a") },
  ],
  flashLenders: [],
  relays: [],
};
