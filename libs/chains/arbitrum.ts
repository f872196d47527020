import type { ChainFacts } from "#libs/chains/chain.ts";
import { asAddress } from "#libs/units/brand.ts";

export const arbitrum: ChainFacts = {
  key: "arbitrum",
  chainId: 42161,
  name: "Arbitrum One",
  nativeSymbol: "ETH",
  wrappedNative: asAddress("0x82af49447d8a07e3bd95bd0d56f35241523fbab1"),
  multicall3: asAddress("0xca11bde05977b3631167028862be2a173976ca11"),
  blockTimeMs: 250,
  tokens: [
    { symbol: "WETH", decimals: 18, address: asAddress("0x82af49447d8a07e3bd95bd0d56f35241523fbab1") },
    { symbol: "USDC", decimals: 6, stable: true, address: asAddress("0xaf88d065e77c8cc2239327c5edb3a432268e5831") },
    { symbol: "USDC.e", decimals: 6, stable: true, address: asAddress("0xff970a61a04b1ca14834a43f5de4533ebddb5cc8") },
    { symbol: "USDT", decimals: 6, stable: true, address: asAddress("0xfd086bc7cd5c481dcc9c85ebe478a1c0b69fcbb9") },
    { symbol: "DAI", decimals: 18, stable: true, address: asAddress("0xda10009cbd5d07dd0cecc66161fc93d7c9000da1") },
    { symbol: "WBTC", decimals: 8, address: asAddress("0x2f2a2543b76a4166549f7aab2e75bef0aefc5b0f") },
    { symbol: "wstETH", decimals: 18, address: asAddress("0x5979d7b546e38e414f7e9822514be443a4800529") },
    { symbol: "ARB", decimals: 18, address: asAddress("0x912ce59144191c1204e64559fe8253a0e49e6548") },
    { symbol: "LINK", decimals: 18, address: asAddress("0xf97f4df75117a78c1a5a0dbb814af92458539fb4") },
    { symbol: "GMX", decimals: 18, address: asAddress("0xfc5a1a6eb076a2c7ad06ed22c90d7e710e35ad0a") },
  ],
  flashLenders: [{ id: "balancer-v2", kind: "balancer-v2", address: asAddress("0xba12222222228d8ba445958a75a0704d566bf2c8") }],
  relays: [],
  priceFeeds: [
    {
      token: asAddress("0x82af49447d8a07e3bd95bd0d56f35241523fbab1"),
      address: asAddress("0x639fe6ab55c921f74e7fac1ee960c0b6293ba612"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/arbitrum.json, ETH / USD",
    },
    {
      token: asAddress("0xaf88d065e77c8cc2239327c5edb3a432268e5831"),
      address: asAddress("0x50834f3163758fcc1df9973b6e91f0f0f0434ad3"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/arbitrum.json, USDC / USD",
    },
    {
      token: asAddress("0xfd086bc7cd5c481dcc9c85ebe478a1c0b69fcbb9"),
      address: asAddress("0x3f3f5df88dc9f13eac63df89ec16ef6e7e25dde7"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/arbitrum.json, USDT / USD",
    },
    {
      token: asAddress("0xda10009cbd5d07dd0cecc66161fc93d7c9000da1"),
      address: asAddress("0xc5c8e77b397e531b8ec06bfb0048328b30e9ecfb"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/arbitrum.json, DAI / USD",
    },
  ],
};
