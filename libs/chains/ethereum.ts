import type { ChainFacts } from "#libs/chains/chain.ts";
import { asAddress } from "#libs/units/brand.ts";

export const ethereum: ChainFacts = {
  key: "ethereum",
  chainId: 1,
  name: "Ethereum",
  nativeSymbol: "ETH",
  wrappedNative: asAddress("0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"),
  multicall3: asAddress("0xca11bde05977b3631167028862be2a173976ca11"),
  blockTimeMs: 12000,
  tokens: [
    { symbol: "WETH", decimals: 18, address: asAddress("0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2") },
    { symbol: "USDC", decimals: 6, stable: true, address: asAddress("0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48") },
    { symbol: "USDT", decimals: 6, stable: true, address: asAddress("0xdac17f958d2ee523a2206206994597c13d831ec7") },
    { symbol: "DAI", decimals: 18, stable: true, address: asAddress("0x6b175474e89094c44da98b954eedeac495271d0f") },
    { symbol: "WBTC", decimals: 8, address: asAddress("0x2260fac5e5542a773aa44fbcfedf7c193bc2c599") },
    { symbol: "cbBTC", decimals: 8, address: asAddress("0xcbb7c0000ab88b473b1f5afd9ef808440eed33bf") },
    { symbol: "wstETH", decimals: 18, address: asAddress("0x7f39c581f595b53c5cb19bd0b3f8da6c935e2ca0") },
    { symbol: "LINK", decimals: 18, address: asAddress("0x514910771af9ca656af840dff83e8264ecf986ca") },
    { symbol: "UNI", decimals: 18, address: asAddress("0x1f9840a85d5af5bf1d1762f925bdaddc4201f984") },
    { symbol: "AAVE", decimals: 18, address: asAddress("0x7fc66500c84a76ad7e9c93437bfc5ac33e2ddae9") },
    { symbol: "FRAX", decimals: 18, stable: true, address: asAddress("0x853d955acef822db058eb8505911ed77f175b99e") },
    { symbol: "crvUSD", decimals: 18, stable: true, address: asAddress("0xf939e0a03fb07f59a73314e73794be0e57ac1b4e") },
  ],
  flashLenders: [{ id: "balancer-v2", kind: "balancer-v2", address: asAddress("0xba12222222228d8ba445958a75a0704d566bf2c8") }],
  relays: [
    { name: "flashbots-relay", url: "https://relay.flashbots.net" },
    { name: "titan", url: "https://rpc.titanbuilder.xyz" },
    { name: "buildernet", url: "https://direct-us.buildernet.org" },
  ],
  priceFeeds: [
    {
      token: asAddress("0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"),
      address: asAddress("0x5f4ec3df9cbd43714fe2740f5e3616155c5b8419"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/ethereum.json, ETH / USD",
    },
    {
      token: asAddress("0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"),
      address: asAddress("0x8fffffd4afb6115b954bd326cbe7b4ba576818f6"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/ethereum.json, USDC / USD",
    },
    {
      token: asAddress("0xdac17f958d2ee523a2206206994597c13d831ec7"),
      address: asAddress("0x3e7d1eab13ad0104d2750b8863b489d65364e32d"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/ethereum.json, USDT / USD",
    },
    {
      token: asAddress("0x6b175474e89094c44da98b954eedeac495271d0f"),
      address: asAddress("0xaed0c38402a5d19df6e4c03f4e2dced6e29c1ee9"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/ethereum.json, DAI / USD",
    },
    {
      token: asAddress("0x853d955acef822db058eb8505911ed77f175b99e"),
      address: asAddress("0xb9e1e3a9feff48998e45fa90847ed4d467e8bcfd"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/ethereum.json, FRAX / USD",
    },
    {
      token: asAddress("0xf939e0a03fb07f59a73314e73794be0e57ac1b4e"),
      address: asAddress("0xeef0c605546958c1f899b6fb336c20671f9cd49f"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/ethereum.json, CRVUSD / USD",
    },
  ],
};
