import type { ChainFacts } from "#libs/chains/chain.ts";
import { asAddress } from "#libs/units/brand.ts";

export const linea: ChainFacts = {
  key: "linea",
  chainId: 59144,
  name: "Linea",
  nativeSymbol: "ETH",
  wrappedNative: asAddress("0xe5d7c2a44ffddf6b295a15c148167daaaf5cf34f"),
  multicall3: asAddress("0xca11bde05977b3631167028862be2a173976ca11"),
  blockTimeMs: 2000,
  tokens: [
    { symbol: "WETH", decimals: 18, address: asAddress("0xe5d7c2a44ffddf6b295a15c148167daaaf5cf34f") },
    { symbol: "USDC", decimals: 6, stable: true, address: asAddress("0x176211869ca2b568f2a7d4ee941e073a821ee1ff") },
    { symbol: "USDT", decimals: 6, stable: true, address: asAddress("0xa219439258ca9da29e9cc4ce5596924745e12b93") },
    { symbol: "DAI", decimals: 18, stable: true, address: asAddress("0x4af15ec2a0bd43db75dd04e62faa3b8ef36b00d5") },
    { symbol: "WBTC", decimals: 8, address: asAddress("0x3aab2285ddcddad8edf438c1bab47e1a9d05a9b4") },
    { symbol: "wstETH", decimals: 18, address: asAddress("0xb5bedd42000b71fdde22d3ee8a79bd49a568fc8f") },
    { symbol: "ezETH", decimals: 18, address: asAddress("0x2416092f143378750bb29b79ed961ab195cceea5") },
    { symbol: "weETH", decimals: 18, address: asAddress("0x1bf74c010e6320bab11e2e5a532b5ac15e0b8aa6") },
  ],
  flashLenders: [],
  relays: [],
  priceFeeds: [
    {
      token: asAddress("0xe5d7c2a44ffddf6b295a15c148167daaaf5cf34f"),
      address: asAddress("0x3c6cd9cc7c7a4c2cf5a82734cd249d7d593354da"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/linea.json, ETH / USD",
    },
    {
      token: asAddress("0x176211869ca2b568f2a7d4ee941e073a821ee1ff"),
      address: asAddress("0xaadaa473c1bdf7317ec07c915680af29debfdcb5"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/linea.json, USDC / USD",
    },
    {
      token: asAddress("0xa219439258ca9da29e9cc4ce5596924745e12b93"),
      address: asAddress("0xefca2bbe0edd0e22b2e0d2f8248e99f4bef4a7db"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/linea.json, USDT / USD",
    },
    {
      token: asAddress("0x4af15ec2a0bd43db75dd04e62faa3b8ef36b00d5"),
      address: asAddress("0x5133d67c38afbdd02997c14abd8d83676b4e309a"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/linea.json, DAI / USD",
    },
  ],
};
