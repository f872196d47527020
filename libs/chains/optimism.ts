import type { ChainFacts } from "#libs/chains/chain.ts";
import { asAddress } from "#libs/units/brand.ts";

export const optimism: ChainFacts = {
  key: "optimism",
  chainId: 10,
  name: "OP Mainnet",
  nativeSymbol: "ETH",
  wrappedNative: asAddress("0x4200000000000000000000000000000000000006"),
  multicall3: asAddress("0xca11bde05977b3631167028862be2a173976ca11"),
  blockTimeMs: 2000,
  tokens: [
    { symbol: "WETH", decimals: 18, address: asAddress("0x4200000000000000000000000000000000000006") },
    { symbol: "USDC", decimals: 6, stable: true, address: asAddress("0x0b2c639c533813f4aa9d7837caf62653d097ff85") },
    { symbol: "USDC.e", decimals: 6, stable: true, address: asAddress("0x7f5c764cbc14f9669b88837ca1490cca17c31607") },
    { symbol: "USDT", decimals: 6, stable: true, address: asAddress("0x94b008aa00579c1307b0ef2c499ad98a8ce58e58") },
    { symbol: "DAI", decimals: 18, stable: true, address: asAddress("0xda10009cbd5d07dd0cecc66161fc93d7c9000da1") },
    { symbol: "WBTC", decimals: 8, address: asAddress("0x68f180fcce6836688e9084f035309e29bf0a2095") },
    { symbol: "wstETH", decimals: 18, address: asAddress("0x1f32b1c2345538c0c6f582fcb022739c4a194ebb") },
    { symbol: "OP", decimals: 18, address: asAddress("0x4200000000000000000000000000000000000042") },
    { symbol: "VELO", decimals: 18, address: asAddress("0x9560e827af36c94d2ac33a39bce1fe78631088db") },
    { symbol: "LINK", decimals: 18, address: asAddress("0x350a791bfc2c21f9ed5d10980dad2e2638ffa7f6") },
    { symbol: "SNX", decimals: 18, address: asAddress("0x8700daec35af8ff88c16bdf0418774cb3d7599b4") },
  ],
  flashLenders: [{ id: "balancer-v2", kind: "balancer-v2", address: asAddress("0xba12222222228d8ba445958a75a0704d566bf2c8") }],
  relays: [],
  priceFeeds: [
    {
      token: asAddress("0x4200000000000000000000000000000000000006"),
      address: asAddress("0x13e3ee699d1909e989722e753853ae30b17e08c5"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/optimism.json, ETH / USD",
    },
    {
      token: asAddress("0x0b2c639c533813f4aa9d7837caf62653d097ff85"),
      address: asAddress("0x16a9fa2fda030272ce99b29cf780dfa30361e0f3"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/optimism.json, USDC / USD",
    },
    {
      token: asAddress("0x94b008aa00579c1307b0ef2c499ad98a8ce58e58"),
      address: asAddress("0xecef79e109e997bca29c1c0897ec9d7b03647f5e"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/optimism.json, USDT / USD",
    },
    {
      token: asAddress("0xda10009cbd5d07dd0cecc66161fc93d7c9000da1"),
      address: asAddress("0x8dba75e83da73cc766a7e5a0ee71f656bab470d6"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/optimism.json, DAI / USD",
    },
  ],
};
