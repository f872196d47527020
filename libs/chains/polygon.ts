import type { ChainFacts } from "#libs/chains/chain.ts";
import { asAddress } from "#libs/units/brand.ts";

export const polygon: ChainFacts = {
  key: "polygon",
  chainId: 137,
  name: "Polygon PoS",
  nativeSymbol: "POL",
  wrappedNative: asAddress("0x0d500b1d8e8ef31e21c99d1db9a6444d3adf1270"),
  multicall3: asAddress("0xca11bde05977b3631167028862be2a173976ca11"),
  blockTimeMs: 2000,
  tokens: [
    { symbol: "WPOL", decimals: 18, address: asAddress("0x0d500b1d8e8ef31e21c99d1db9a6444d3adf1270") },
    { symbol: "USDC", decimals: 6, stable: true, address: asAddress("0x3c499c542cef5e3811e1192ce70d8cc03d5c3359") },
    { symbol: "USDC.e", decimals: 6, stable: true, address: asAddress("0x2791bca1f2de4661ed88a30c99a7a9449aa84174") },
    { symbol: "USDT", decimals: 6, stable: true, address: asAddress("0xc2132d05d31c914a87c6611c10748aeb04b58e8f") },
    { symbol: "DAI", decimals: 18, stable: true, address: asAddress("0x8f3cf7ad23cd3cadbd9735aff958023239c6a063") },
    { symbol: "WETH", decimals: 18, address: asAddress("0x7ceb23fd6bc0add59e62ac25578270cff1b9f619") },
    { symbol: "WBTC", decimals: 8, address: asAddress("0x1bfd67037b42cf73acf2047067bd4f2c47d9bfd6") },
    { symbol: "LINK", decimals: 18, address: asAddress("0x53e0bca35ec356bd5dddfebbd1fc0fd03fabad39") },
    { symbol: "AAVE", decimals: 18, address: asAddress("0xd6df932a45c0f255f85145f286ea0b292b21c90b") },
  ],
  flashLenders: [{ id: "balancer-v2", kind: "balancer-v2", address: asAddress("0xba12222222228d8ba445958a75a0704d566bf2c8") }],
  relays: [],
  priceFeeds: [
    {
      token: asAddress("0x0d500b1d8e8ef31e21c99d1db9a6444d3adf1270"),
      address: asAddress("0xab594600376ec9fd91f8e885dadf0ce036862de0"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/polygon.json, MATIC / USD",
    },
    {
      token: asAddress("0x3c499c542cef5e3811e1192ce70d8cc03d5c3359"),
      address: asAddress("0xfe4a8cc5b5b2366c1b58bea3858e81843581b2f7"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/polygon.json, USDC / USD",
    },
    {
      token: asAddress("0xc2132d05d31c914a87c6611c10748aeb04b58e8f"),
      address: asAddress("0x0a6513e40db6eb1b165753ad52e80663aea50545"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/polygon.json, USDT / USD",
    },
    {
      token: asAddress("0x8f3cf7ad23cd3cadbd9735aff958023239c6a063"),
      address: asAddress("0x4746dec9e833a82ec7c2c1356372ccf2cfcd2f3d"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/polygon.json, DAI / USD",
    },
  ],
};
