import type { ChainFacts } from "#libs/chains/chain.ts";
import { asAddress } from "#libs/units/brand.ts";

export const zksync: ChainFacts = {
  key: "zksync",
  chainId: 324,
  name: "ZKsync Era",
  nativeSymbol: "ETH",
  wrappedNative: asAddress("0x5aea5775959fbc2557cc8789bc1bf90a239d9a91"),
  multicall3: asAddress("0xf9cda624fbc7e059355ce98a31693d299facd963"),
  blockTimeMs: 200,
  tokens: [
    { symbol: "WETH", decimals: 18, address: asAddress("0x5aea5775959fbc2557cc8789bc1bf90a239d9a91") },
    { symbol: "USDC", decimals: 6, address: asAddress("0x1d17cbcf0d6d143135ae902365d2e5e2a16538d4") },
    { symbol: "USDC.e", decimals: 6, address: asAddress("0x3355df6d4c9c3035724fd0e3914de96a5a83aaf4") },
    { symbol: "USDT", decimals: 6, address: asAddress("0x493257fd37edb34451f62edf8d2a0c418852ba4c") },
    { symbol: "WBTC", decimals: 8, address: asAddress("0xbbeb516fb02a01611cbbe0453fe3c580d7281011") },
    { symbol: "ZK", decimals: 18, address: asAddress("0x5a7d6b2f92c77fad6ccabd7ee0624e64907eaf3e") },
    { symbol: "wstETH", decimals: 18, address: asAddress("0x703b52f2b28febcb60e1372858af5b18849fe867") },
    { symbol: "DAI", decimals: 18, address: asAddress("0x4b9eb6c0b6ea15176bbf62841c6b2a8a398cb656") },
  ],
  flashLenders: [],
  relays: [],
};
