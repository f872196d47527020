import type { ChainFacts } from "#libs/chains/chain.ts";
import { asAddress } from "#libs/units/brand.ts";

export const base: ChainFacts = {
  key: "base",
  chainId: 8453,
  name: "Base",
  nativeSymbol: "ETH",
  wrappedNative: asAddress("0x4200000000000000000000000000000000000006"),
  multicall3: asAddress("0xca11bde05977b3631167028862be2a173976ca11"),
  blockTimeMs: 2000,
  tokens: [
    { symbol: "WETH", decimals: 18, address: asAddress("0x4200000000000000000000000000000000000006") },
    { symbol: "USDC", decimals: 6, stable: true, address: asAddress("0x833589fcd6edb6e08f4c7c32d4f71b54bda02913") },
    { symbol: "USDbC", decimals: 6, stable: true, address: asAddress("0xd9aaec86b65d86f6a7b5b1b0c42ffa531710b6ca") },
    { symbol: "DAI", decimals: 18, stable: true, address: asAddress("0x50c5725949a6f0c72e6c4a641f24049a917db0cb") },
    { symbol: "cbETH", decimals: 18, address: asAddress("0x2ae3f1ec7f1f5012cfeab0185bfc7aa3cf0dec22") },
    { symbol: "cbBTC", decimals: 8, address: asAddress("0xcbb7c0000ab88b473b1f5afd9ef808440eed33bf") },
    { symbol: "wstETH", decimals: 18, address: asAddress("0xc1cba3fcea344f92d9239c08c0568f6f2f0ee452") },
    { symbol: "AERO", decimals: 18, address: asAddress("0x940181a94a35a4569e4529a3cdfb74e38fd98631") },
    { symbol: "USDT", decimals: 6, stable: true, address: asAddress("0xfde4c96c8593536e31f229ea8f37b2ada2699bb2") },
  ],
  flashLenders: [{ id: "balancer-v2", kind: "balancer-v2", address: asAddress("0xba12222222228d8ba445958a75a0704d566bf2c8") }],
  relays: [],
  priceFeeds: [
    {
      token: asAddress("0x4200000000000000000000000000000000000006"),
      address: asAddress("0x71041dddad3595f9ced3dccfbe3d1f4b0a16bb70"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/base.json, ETH / USD",
    },
    {
      token: asAddress("0x833589fcd6edb6e08f4c7c32d4f71b54bda02913"),
      address: asAddress("0x7e860098f58bbfc8648a4311b374b1d669a2bc6b"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/base.json, USDC / USD",
    },
    {
      token: asAddress("0x50c5725949a6f0c72e6c4a641f24049a917db0cb"),
      address: asAddress("0x591e79239a7d679378ec8c847e5038150364c78f"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/base.json, DAI / USD",
    },
    {
      token: asAddress("0xfde4c96c8593536e31f229ea8f37b2ada2699bb2"),
      address: asAddress("0xf19d560eb8d2adf07bd6d13ed03e1d11215721f9"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/base.json, USDT / USD",
    },
  ],
};
