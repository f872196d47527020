import type { ChainFacts } from "#libs/chains/chain.ts";
import { asAddress } from "#libs/units/brand.ts";

export const avalanche: ChainFacts = {
  key: "avalanche",
  chainId: 43114,
  name: "Avalanche C-Chain",
  nativeSymbol: "AVAX",
  wrappedNative: asAddress("0xb31f66aa3c1e785363f0875a1b74e27b85fd66c7"),
  multicall3: asAddress("0xca11bde05977b3631167028862be2a173976ca11"),
  blockTimeMs: 1700,
  tokens: [
    { symbol: "WAVAX", decimals: 18, address: asAddress("0xb31f66aa3c1e785363f0875a1b74e27b85fd66c7") },
    { symbol: "USDC", decimals: 6, stable: true, address: asAddress("0xb97ef9ef8734c71904d8002f8b6bc66dd9c48a6e") },
    { symbol: "USDC.e", decimals: 6, stable: true, address: asAddress("0xa7d7079b0fead91f3e65f86e8915cb59c1a4c664") },
    { symbol: "USDT", decimals: 6, stable: true, address: asAddress("0x9702230a8ea53601f5cd2dc00fdbc13d4df4a8c7") },
    { symbol: "USDT.e", decimals: 6, stable: true, address: asAddress("0xc7198437980c041c805a1edcba50c1ce5db95118") },
    { symbol: "DAI.e", decimals: 18, stable: true, address: asAddress("0xd586e7f844cea2f87f50152665bcbc2c279d8d70") },
    { symbol: "WETH.e", decimals: 18, address: asAddress("0x49d5c2bdffac6ce2bfdb6640f4f80f226bc10bab") },
    { symbol: "WBTC.e", decimals: 8, address: asAddress("0x50b7545627a5162f82a992c33b87adc75187b218") },
    { symbol: "BTC.b", decimals: 8, address: asAddress("0x152b9d0fdc40c096757f570a51e494bd4b943e50") },
    { symbol: "JOE", decimals: 18, address: asAddress("0x6e84a6216ea6dacc71ee8e6b0a5b7322eebc0fdd") },
    { symbol: "sAVAX", decimals: 18, address: asAddress("0x2b2c81e08f1af8835a78bb2a90ae924ace0ea4be") },
  ],
  flashLenders: [{ id: "balancer-v2", kind: "balancer-v2", address: asAddress("0xba12222222228d8ba445958a75a0704d566bf2c8") }],
  relays: [],
  priceFeeds: [
    {
      token: asAddress("0xb31f66aa3c1e785363f0875a1b74e27b85fd66c7"),
      address: asAddress("0x0a77230d17318075983913bc2145db16c7366156"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/avalanche.json, AVAX / USD",
    },
    {
      token: asAddress("0xb97ef9ef8734c71904d8002f8b6bc66dd9c48a6e"),
      address: asAddress("0xf096872672f44d6eba71458d74fe67f9a77a23b9"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/avalanche.json, USDC / USD",
    },
    {
      token: asAddress("0x9702230a8ea53601f5cd2dc00fdbc13d4df4a8c7"),
      address: asAddress("0xebe676ee90fe1112671f19b6b7459bc678b67e8a"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/avalanche.json, USDT / USD",
    },
  ],
};
