import type { ChainConfig } from "#libs/chains/chain.ts";
import { asAddress } from "#libs/units/brand.ts";

export const blast: ChainConfig = {
  key: "blast",
  chainId: 81457,
  name: "Blast",
  nativeSymbol: "ETH",
  wrappedNative: asAddress("0x4300000000000000000000000000000000000004"),
  multicall3: asAddress("0xca11bde05977b3631167028862be2a173976ca11"),
  blockTimeMs: 2000,
  tokens: [
    { symbol: "WETH", decimals: 18, address: asAddress("0x4300000000000000000000000000000000000004") },
    { symbol: "USDB", decimals: 18, address: asAddress("0x4300000000000000000000000000000000000003") },
    { symbol: "WBTC", decimals: 8, address: asAddress("0xf7bc58b8d8f97adc129cfc4c9f45ce3c0e1d2692") },
    { symbol: "BLAST", decimals: 18, address: asAddress("0xb1a5700fa2358173fe465e6ea4ff52e36e88e2ad") },
    { symbol: "ezETH", decimals: 18, address: asAddress("0x2416092f143378750bb29b79ed961ab195cceea5") },
    { symbol: "USDe", decimals: 18, address: asAddress("0x5d3a1ff2b6bab83b63cd9ad0787074081a52ef34") },
    { symbol: "weETH", decimals: 18, address: asAddress("0x04c0599ae5a44757c0af6f9ec3b93da8976c150a") },
  ],
  dexes: [
    {
      id: "uniswap-v2",
      family: "uniswap-v2",
      factory: asAddress("0x5c346464d33f90babaf70db6388507cc889c1070"),
      deployBlock: 0,
      feeBps: 30,
      source:
        "duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; Uniswap/contracts:deployments/json/81457.json; hummingbot/gateway:src/connectors/uniswap/uniswap.contracts.ts; DefiLlama/dimension-adapters:dexs/uniswap-v2.ts; npm:sushi@4.2.1:config/features/uniswap-v2.ts",
    },
    {
      id: "sushiswap-v2",
      family: "uniswap-v2",
      factory: asAddress("0x42fa929fc636e657ac568c0b5cf38e203b67ac2b"),
      deployBlock: 0,
      feeBps: 30,
      source:
        "DefiLlama/dimension-adapters:factory/uniV2.ts; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; npm:sushi@4.2.1:config/features/sushiswap-v2.ts; 1delta-DAO/contracts-delegation:scripts/_create/dex/uniV2.ts",
    },
    {
      id: "thruster-v2-30bps",
      family: "uniswap-v2",
      factory: asAddress("0xb4a7d971d0adea1c73198c97d7ab3f9ce4aafa13"),
      deployBlock: 0,
      feeBps: 30,
      source:
        "DefiLlama/dimension-adapters:factory/uniV2.ts; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; sushi-labs/sushiswap:packages/sushi/src/router/liquidity-providers/ThrusterV2.ts",
    },
    {
      id: "thruster-v2-100bps",
      family: "uniswap-v2",
      factory: asAddress("0x37836821a2c03c171fb1a595767f4a16e2b93fc4"),
      deployBlock: 0,
      feeBps: 100,
      source:
        "duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; DefiLlama/DefiLlama-Adapters:projects/thruster-fi-v2/index.js; sushi-labs/sushiswap:packages/sushi/src/router/liquidity-providers/ThrusterV2.ts",
    },
    {
      id: "uniswap-v3",
      family: "uniswap-v3",
      factory: asAddress("0x792edade80af5fc680d96a2ed80a44247d2cf6fd"),
      deployBlock: 400903,
      source:
        "duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; Uniswap/contracts:deployments/json/81457.json; hummingbot/gateway:src/connectors/uniswap/uniswap.contracts.ts; DefiLlama/DefiLlama-Adapters:projects/uniswap/index.js; npm:sushi@4.2.1:config/features/uniswap-v3.ts",
    },
    {
      id: "sushiswap-v3",
      family: "uniswap-v3",
      factory: asAddress("0x7680d4b43f3d1d54d6cfeeb2169463bfa7a6cf0d"),
      deployBlock: 284122,
      source:
        "DefiLlama/DefiLlama-Adapters:projects/sushiswap-v3/index.js; npm:sushi@4.2.1:config/features/sushiswap-v3.ts; 1delta-DAO/contracts-delegation:scripts/_create/dex/uniV3.ts",
    },
  ],
  flashLenders: [],
  relays: [],
};
