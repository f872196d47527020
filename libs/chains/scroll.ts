import type { ChainConfig } from "#libs/chains/chain.ts";
import { asAddress } from "#libs/units/brand.ts";

export const scroll: ChainConfig = {
  key: "scroll",
  chainId: 534352,
  name: "Scroll",
  nativeSymbol: "ETH",
  wrappedNative: asAddress("0x5300000000000000000000000000000000000004"),
  multicall3: asAddress("0xca11bde05977b3631167028862be2a173976ca11"),
  blockTimeMs: 3000,
  tokens: [
    { symbol: "WETH", decimals: 18, address: asAddress("0x5300000000000000000000000000000000000004") },
    { symbol: "USDC", decimals: 6, address: asAddress("0x06efdbff2a14a7c8e15944d1f4a48f9f95f663a4") },
    { symbol: "USDT", decimals: 6, address: asAddress("0xf55bec9cafdbe8730f096aa55dad6d22d44099df") },
    { symbol: "DAI", decimals: 18, address: asAddress("0xca77eb3fefe3725dc33bccb54edefc3d9f764f97") },
    { symbol: "WBTC", decimals: 8, address: asAddress("0x3c1bca5a656e69edcd0d4e36bebb3fcdaca60cf1") },
    { symbol: "wstETH", decimals: 18, address: asAddress("0xf610a9dfb7c89644979b4a0f27063e9e7d7cda32") },
    { symbol: "SCR", decimals: 18, address: asAddress("0xd29687c813d741e2f938f4ac377128810e217b1b") },
    { symbol: "weETH", decimals: 18, address: asAddress("0x01f0a31698c4d065659b9bdc21b3610292a1c506") },
  ],
  dexes: [
    {
      id: "sushiswap-v2",
      family: "uniswap-v2",
      factory: asAddress("0xb45e53277a7e0f1d35f2a77160e91e25507f1763"),
      deployBlock: 0,
      feeBps: 30,
      source:
        "duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; npm:sushi@4.2.1:config/features/sushiswap-v2.ts; 1delta-DAO/contracts-delegation:scripts/_create/dex/uniV2.ts",
    },
    {
      id: "uniswap-v3",
      family: "uniswap-v3",
      factory: asAddress("0x70c62c8b8e801124a4aa81ce07b637a3e83cb919"),
      deployBlock: 1367,
      source:
        "duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; DefiLlama/DefiLlama-Adapters:projects/uniswap/index.js; npm:sushi@4.2.1:config/features/uniswap-v3.ts; 1delta-DAO/contracts-delegation:scripts/_create/dex/uniV3.ts",
    },
    {
      id: "sushiswap-v3",
      family: "uniswap-v3",
      factory: asAddress("0x46b3fdf7b5cde91ac049936bf0bdb12c5d22202e"),
      deployBlock: 82522,
      source:
        "bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; DefiLlama/DefiLlama-Adapters:projects/sushiswap-v3/index.js; npm:sushi@4.2.1:config/features/sushiswap-v3.ts; 1delta-DAO/contracts-delegation:scripts/_create/dex/uniV3.ts",
    },
  ],
  flashLenders: [],
  relays: [],
};
