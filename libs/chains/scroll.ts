import type { ChainFacts } from "#libs/chains/chain.ts";
import { asAddress } from "#libs/units/brand.ts";

export const scroll: ChainFacts = {
  key: "scroll",
  chainId: 534352,
  name: "Scroll",
  nativeSymbol: "ETH",
  wrappedNative: asAddress("0x5300000000000000000000000000000000000004"),
  multicall3: asAddress("0xca11bde05977b3631167028862be2a173976ca11"),
  blockTimeMs: 3000,
  tokens: [
    { symbol: "WETH", decimals: 18, address: asAddress("0x5300000000000000000000000000000000000004") },
    { symbol: "USDC", decimals: 6, stable: true, address: asAddress("0x06efdbff2a14a7c8e15944d1f4a48f9f95f663a4") },
    { symbol: "USDT", decimals: 6, stable: true, address: asAddress("0xf55bec9cafdbe8730f096aa55dad6d22d44099df") },
    { symbol: "DAI", decimals: 18, stable: true, address: asAddress("0xca77eb3fefe3725dc33bccb54edefc3d9f764f97") },
    { symbol: "WBTC", decimals: 8, address: asAddress("0x3c1bca5a656e69edcd0d4e36bebb3fcdaca60cf1") },
    { symbol: "wstETH", decimals: 18, address: asAddress("0xf610a9dfb7c89644979b4a0f27063e9e7d7cda32") },
    { symbol: "SCR", decimals: 18, address: asAddress("0xd29687c813d741e2f938f4ac377128810e217b1b") },
    { symbol: "weETH", decimals: 18, address: asAddress("0x01f0a31698c4d065659b9bdc21b3610292a1c506") },
  ],
  flashLenders: [],
  relays: [],
  priceFeeds: [
    {
      token: asAddress("0x5300000000000000000000000000000000000004"),
      address: asAddress("0x6bf14cb0a831078629d993fdebcb182b21a8774c"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/scroll.json, ETH / USD",
    },
    {
      token: asAddress("0x06efdbff2a14a7c8e15944d1f4a48f9f95f663a4"),
      address: asAddress("0x43d12fb3afcad5347fa764eeab105478337b7200"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/scroll.json, USDC / USD",
    },
    {
      token: asAddress("0xf55bec9cafdbe8730f096aa55dad6d22d44099df"),
      address: asAddress("0xf376a91ae078927eb3686d6010a6f1482424954e"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/scroll.json, USDT / USD",
    },
    {
      token: asAddress("0xca77eb3fefe3725dc33bccb54edefc3d9f764f97"),
      address: asAddress("0x203322e1d15eb3dff541a5af0288d951c4a8d3ea"),
      source: "Chainlink, npm:@chainlink/mcp-server@0.0.1-alpha.17:data/feeds/scroll.json, DAI / USD",
    },
  ],
};
