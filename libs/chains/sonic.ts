import type { ChainFacts } from "#libs/chains/chain.ts";
import { asAddress } from "#libs/units/brand.ts";

export const sonic: ChainFacts = {
  key: "sonic",
  chainId: 146,
  name: "Sonic",
  nativeSymbol: "S",
  wrappedNative: asAddress("0x039e2fb66102314ce7b64ce5ce3e5183bc94ad38"),
  multicall3: asAddress("0xca11bde05977b3631167028862be2a173976ca11"),
  blockTimeMs: 630,
  tokens: [
    { symbol: "wS", decimals: 18, address: asAddress("0x039e2fb66102314ce7b64ce5ce3e5183bc94ad38") },
    { symbol: "USDC.e", decimals: 6, stable: true, address: asAddress("0x29219dd400f2bf60e5a23d13be72b486d4038894") },
    { symbol: "WETH", decimals: 18, address: asAddress("0x50c42deacd8fc9773493ed674b675be577f2634b") },
    { symbol: "stS", decimals: 18, address: asAddress("0xe5da20f15420ad15de0fa650600afc998bbe3955") },
    { symbol: "USDT", decimals: 6, stable: true, address: asAddress("0x6047828dc181963ba44974801ff68e538da5eaf9") },
    { symbol: "scUSD", decimals: 6, address: asAddress("0xd3dce716f3ef535c5ff8d041c1a41c3bd89b97ae") },
    { symbol: "scETH", decimals: 18, address: asAddress("0x3bce5cb273f0f148010bbea2470e7b5df84c7812") },
  ],
  flashLenders: [{ id: "balancer-v2", kind: "balancer-v2", address: asAddress("0xba12222222228d8ba445958a75a0704d566bf2c8") }],
  relays: [],
  priceFeeds: [
    {
      token: asAddress("0x039e2fb66102314ce7b64ce5ce3e5183bc94ad38"),
      address: asAddress("0xc76dfb89ff298145b417d221b2c747d84952e01d"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/sonic.json, S / USD",
    },
    {
      token: asAddress("0x6047828dc181963ba44974801ff68e538da5eaf9"),
      address: asAddress("0x76f4c040a792afb7f6dbadc7e30ca3eea140d216"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/sonic.json, USDT / USD",
    },
  ],
};
