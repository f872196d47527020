import type { ChainFacts } from "#libs/chains/chain.ts";
import { asAddress } from "#libs/units/brand.ts";

export const bsc: ChainFacts = {
  key: "bsc",
  chainId: 56,
  name: "BNB Smart Chain",
  nativeSymbol: "BNB",
  wrappedNative: asAddress("0xbb4cdb9cbd36b01bd1cbaebf2de08d9173bc095c"),
  multicall3: asAddress("0xca11bde05977b3631167028862be2a173976ca11"),
  blockTimeMs: 750,
  tokens: [
    { symbol: "WBNB", decimals: 18, address: asAddress("0xbb4cdb9cbd36b01bd1cbaebf2de08d9173bc095c") },
    { symbol: "USDT", decimals: 18, stable: true, address: asAddress("0x55d398326f99059ff775485246999027b3197955") },
    { symbol: "USDC", decimals: 18, stable: true, address: asAddress("0x8ac76a51cc950d9822d68b83fe1ad97b32cd580d") },
    { symbol: "BUSD", decimals: 18, stable: true, address: asAddress("0xe9e7cea3dedca5984780bafc599bd69add087d56") },
    { symbol: "FDUSD", decimals: 18, stable: true, address: asAddress("0xc5f0f7b66764f6ec8c8dff7ba683102295e16409") },
    { symbol: "ETH", decimals: 18, address: asAddress("0x2170ed0880ac9a755fd29b2688956bd959f933f8") },
    { symbol: "BTCB", decimals: 18, address: asAddress("0x7130d2a12b9bcbfae4f2634d864a1ee1ce3ead9c") },
    { symbol: "CAKE", decimals: 18, address: asAddress("0x0e09fabb73bd3ade0a17ecc321fd13a19e81ce82") },
    { symbol: "DAI", decimals: 18, stable: true, address: asAddress("0x1af3f329e8be154074d8769d1ffa4ee058b1dbc3") },
  ],
  flashLenders: [],
  relays: [],
  priceFeeds: [
    {
      token: asAddress("0xbb4cdb9cbd36b01bd1cbaebf2de08d9173bc095c"),
      address: asAddress("0x0567f2323251f0aab15c8dfb1967e4e8a7d42aee"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/bnb-chain.json, BNB / USD",
    },
    {
      token: asAddress("0x55d398326f99059ff775485246999027b3197955"),
      address: asAddress("0xb97ad0e74fa7d920791e90258a6e2085088b4320"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/bnb-chain.json, USDT / USD",
    },
    {
      token: asAddress("0x8ac76a51cc950d9822d68b83fe1ad97b32cd580d"),
      address: asAddress("0x51597f405303c4377e36123cbc172b13269ea163"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/bnb-chain.json, USDC / USD",
    },
    {
      token: asAddress("0xe9e7cea3dedca5984780bafc599bd69add087d56"),
      address: asAddress("0xcbb98864ef56e9042e7d2efef76141f15731b82f"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/bnb-chain.json, BUSD / USD",
    },
    {
      token: asAddress("0xc5f0f7b66764f6ec8c8dff7ba683102295e16409"),
      address: asAddress("0x390180e80058a8499930f0c13963ad3e0d86bfc9"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/bnb-chain.json, FDUSD / USD",
    },
    {
      token: asAddress("0x1af3f329e8be154074d8769d1ffa4ee058b1dbc3"),
      address: asAddress("0x132d3c0b1d2cea0bc552588063bdbb210fdeecfa"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/bnb-chain.json, DAI / USD",
    },
  ],
};
