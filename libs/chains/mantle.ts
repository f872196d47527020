import type { ChainFacts } from "#libs/chains/chain.ts";
import { asAddress } from "#libs/units/brand.ts";

export const mantle: ChainFacts = {
  key: "mantle",
  chainId: 5000,
  name: "Mantle",
  nativeSymbol: "MNT",
  wrappedNative: asAddress("0x78c1b0c915c4faa5fffa6cabf0219da63d7f4cb8"),
  multicall3: asAddress("0xca11bde05977b3631167028862be2a173976ca11"),
  blockTimeMs: 2000,
  tokens: [
    { symbol: "WMNT", decimals: 18, address: asAddress("0x78c1b0c915c4faa5fffa6cabf0219da63d7f4cb8") },
    { symbol: "USDC", decimals: 6, stable: true, address: asAddress("0x09bc4e0d864854c6afb6eb9a9cdf58ac190d0df9") },
    { symbol: "USDT", decimals: 6, stable: true, address: asAddress("0x201eba5cc46d216ce6dc03f6a759e8e766e956ae") },
    { symbol: "WETH", decimals: 18, address: asAddress("0xdeaddeaddeaddeaddeaddeaddeaddeaddead1111") },
    { symbol: "mETH", decimals: 18, address: asAddress("0xcda86a272531e8640cd7f1a92c01839911b90bb0") },
    { symbol: "USDe", decimals: 18, address: asAddress("0x5d3a1ff2b6bab83b63cd9ad0787074081a52ef34") },
    { symbol: "FBTC", decimals: 8, address: asAddress("0xc96de26018a54d51c097160568752c4e3bd6c364") },
  ],
  flashLenders: [],
  relays: [],
  priceFeeds: [
    {
      token: asAddress("0x78c1b0c915c4faa5fffa6cabf0219da63d7f4cb8"),
      address: asAddress("0xd97f20bebed74e8144134c4b148fe93417dd0f96"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/mantle.json, MNT / USD",
    },
    {
      token: asAddress("0x09bc4e0d864854c6afb6eb9a9cdf58ac190d0df9"),
      address: asAddress("0x22b422cecb0d4bd5aff3ea999b048fa17f5263bd"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/mantle.json, USDC / USD",
    },
    {
      token: asAddress("0x201eba5cc46d216ce6dc03f6a759e8e766e956ae"),
      address: asAddress("0xd86048d5e4fe96157ce03ae519a9045bedaa6551"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/mantle.json, USDT / USD",
    },
  ],
};
