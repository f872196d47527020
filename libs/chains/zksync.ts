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
    { symbol: "USDC", decimals: 6, stable: true, address: asAddress("0x1d17cbcf0d6d143135ae902365d2e5e2a16538d4") },
    { symbol: "USDC.e", decimals: 6, stable: true, address: asAddress("0x3355df6d4c9c3035724fd0e3914de96a5a83aaf4") },
    { symbol: "USDT", decimals: 6, stable: true, address: asAddress("0x493257fd37edb34451f62edf8d2a0c418852ba4c") },
    { symbol: "WBTC", decimals: 8, address: asAddress("0xbbeb516fb02a01611cbbe0453fe3c580d7281011") },
    { symbol: "ZK", decimals: 18, address: asAddress("0x5a7d6b2f92c77fad6ccabd7ee0624e64907eaf3e") },
    { symbol: "wstETH", decimals: 18, address: asAddress("0x703b52f2b28febcb60e1372858af5b18849fe867") },
    { symbol: "DAI", decimals: 18, stable: true, address: asAddress("0x4b9eb6c0b6ea15176bbf62841c6b2a8a398cb656") },
  ],
  flashLenders: [],
  relays: [],
  priceFeeds: [
    {
      token: asAddress("0x5aea5775959fbc2557cc8789bc1bf90a239d9a91"),
      address: asAddress("0x6d41d1dc818112880b40e26bd6fd347e41008eda"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/zksync.json, ETH / USD",
    },
    {
      token: asAddress("0x1d17cbcf0d6d143135ae902365d2e5e2a16538d4"),
      address: asAddress("0x1824d297c6d6d311a204495277b63e943c2d376e"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/zksync.json, USDC / USD",
    },
    {
      token: asAddress("0x493257fd37edb34451f62edf8d2a0c418852ba4c"),
      address: asAddress("0xb615075979ae1836b476f651f1eb79f0cd3956a9"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/zksync.json, USDT / USD",
    },
    {
      token: asAddress("0x4b9eb6c0b6ea15176bbf62841c6b2a8a398cb656"),
      address: asAddress("0x5d336664b5d7a332cd256bf68cbf2270c6202fc6"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/zksync.json, DAI / USD",
    },
  ],
};
