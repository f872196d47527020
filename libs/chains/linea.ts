import type { ChainConfig } from "#libs/chains/chain.ts";
import { asAddress } from "#libs/units/brand.ts";

export const linea: ChainConfig = {
  key: "linea",
  chainId: 59144,
  name: "Linea",
  nativeSymbol: "ETH",
  wrappedNative: asAddress("0xe5d7c2a44ffddf6b295a15c148167daaaf5cf34f"),
  multicall3: asAddress("0xca11bde05977b3631167028862be2a173976ca11"),
  blockTimeMs: 2000,
  tokens: [
    { symbol: "WETH", decimals: 18, address: asAddress("0xe5d7c2a44ffddf6b295a15c148167daaaf5cf34f") },
    { symbol: "USDC", decimals: 6, address: asAddress("0x176211869ca2b568f2a7d4ee941e073a821ee1ff") },
    { symbol: "USDT", decimals: 6, address: asAddress("0xa219439258ca9da29e9cc4ce5596924745e12b93") },
    { symbol: "DAI", decimals: 18, address: asAddress("0x4af15ec2a0bd43db75dd04e62faa3b8ef36b00d5") },
    { symbol: "WBTC", decimals: 8, address: asAddress("0x3aab2285ddcddad8edf438c1bab47e1a9d05a9b4") },
    { symbol: "wstETH", decimals: 18, address: asAddress("0xb5bedd42000b71fdde22d3ee8a79bd49a568fc8f") },
    { symbol: "ezETH", decimals: 18, address: asAddress("0x2416092f143378750bb29b79ed961ab195cceea5") },
    { symbol: "weETH", decimals: 18, address: asAddress("0x1bf74c010e6320bab11e2e5a532b5ac15e0b8aa6") },
  ],
  dexes: [
    {
      id: "sushiswap-v2",
      family: "uniswap-v2",
      factory: asAddress("0xfbc12984689e5f15626bad03ad60160fe98b303c"),
      deployBlock: 0,
      feeBps: 30,
      source:
        "DefiLlama/dimension-adapters:factory/uniV2.ts; npm:sushi@4.2.1:config/features/sushiswap-v2.ts; 1delta-DAO/contracts-delegation:scripts/_create/dex/uniV2.ts",
    },
    {
      id: "pancakeswap-v2",
      family: "uniswap-v2",
      factory: asAddress("0x02a84c1b3bbd7401a5f7fa98a384ebc70bb5749e"),
      deployBlock: 0,
      feeBps: 25,
      source:
        "duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; npm:@pancakeswap/v3-sdk@3.10.2:dist/constants.d.ts; DefiLlama/dimension-adapters:dexs/pancakeswap-v2.ts; npm:sushi@4.2.1:config/features/pancakeswap-v2.ts; 1delta-DAO/contracts-delegation:scripts/_create/dex/uniV2.ts",
    },
    {
      id: "secta-v2",
      family: "uniswap-v2",
      factory: asAddress("0x8ad39bf99765e24012a28beb0d444de612903c43"),
      deployBlock: 2388856,
      feeBps: 25,
      source:
        "DefiLlama/DefiLlama-Adapters:registries/uniswapV2.js; bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql",
    },
    {
      id: "uniswap-v3",
      family: "uniswap-v3",
      factory: asAddress("0x31fafd4889fa1269f7a13a66ee0fb458f27d72a9"),
      deployBlock: 25247,
      source:
        "DefiLlama/DefiLlama-Adapters:registries/uniswapV3.js; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; Uniswap/contracts:deployments/json/59144.json; npm:sushi@4.2.1:config/features/uniswap-v3.ts; 1delta-DAO/contracts-delegation:scripts/_create/dex/uniV3.ts",
    },
    {
      id: "sushiswap-v3",
      family: "uniswap-v3",
      factory: asAddress("0xc35dadb65012ec5796536bd9864ed8773abc74c4"),
      deployBlock: 53256,
      source:
        "duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; DefiLlama/dimension-adapters:dexs/sushiswap-v3.ts; npm:sushi@4.2.1:config/features/sushiswap-v3.ts; 1delta-DAO/contracts-delegation:scripts/_create/dex/uniV3.ts",
    },
  ],
  flashLenders: [],
  relays: [],
};
