import type { ChainConfig } from "#libs/chains/chain.ts";
import { asAddress } from "#libs/units/brand.ts";

export const avalanche: ChainConfig = {
  key: "avalanche",
  chainId: 43114,
  name: "Avalanche C-Chain",
  nativeSymbol: "AVAX",
  wrappedNative: asAddress("0xb31f66aa3c1e785363f0875a1b74e27b85fd66c7"),
  multicall3: asAddress("0xca11bde05977b3631167028862be2a173976ca11"),
  blockTimeMs: 1700,
  tokens: [
    { symbol: "WAVAX", decimals: 18, address: asAddress("0xb31f66aa3c1e785363f0875a1b74e27b85fd66c7") },
    { symbol: "USDC", decimals: 6, address: asAddress("0xb97ef9ef8734c71904d8002f8b6bc66dd9c48a6e") },
    { symbol: "USDC.e", decimals: 6, address: asAddress("0xa7d7079b0fead91f3e65f86e8915cb59c1a4c664") },
    { symbol: "USDT", decimals: 6, address: asAddress("0x9702230a8ea53601f5cd2dc00fdbc13d4df4a8c7") },
    { symbol: "USDT.e", decimals: 6, address: asAddress("0xc7198437980c041c805a1edcba50c1ce5db95118") },
    { symbol: "DAI.e", decimals: 18, address: asAddress("0xd586e7f844cea2f87f50152665bcbc2c279d8d70") },
    { symbol: "WETH.e", decimals: 18, address: asAddress("0x49d5c2bdffac6ce2bfdb6640f4f80f226bc10bab") },
    { symbol: "WBTC.e", decimals: 8, address: asAddress("0x50b7545627a5162f82a992c33b87adc75187b218") },
    { symbol: "BTC.b", decimals: 8, address: asAddress("0x152b9d0fdc40c096757f570a51e494bd4b943e50") },
    { symbol: "JOE", decimals: 18, address: asAddress("0x6e84a6216ea6dacc71ee8e6b0a5b7322eebc0fdd") },
    { symbol: "sAVAX", decimals: 18, address: asAddress("0x2b2c81e08f1af8835a78bb2a90ae924ace0ea4be") },
  ],
  dexes: [
    {
      id: "uniswap-v2",
      family: "uniswap-v2",
      factory: asAddress("0x9e5a52f57b3038f1b8eee45f28b3c1967e22799c"),
      deployBlock: 0,
      feeBps: 30,
      source:
        "npm:@paraswap/dex-lib@5.0.6:build/dex/uniswap-v2/config.js; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; Uniswap/contracts:deployments/json/43114.json; hummingbot/gateway:src/connectors/uniswap/uniswap.contracts.ts; DefiLlama/DefiLlama-Adapters:projects/uniswap-v2/index.js",
    },
    {
      id: "sushiswap-v2",
      family: "uniswap-v2",
      factory: asAddress("0xc35dadb65012ec5796536bd9864ed8773abc74c4"),
      deployBlock: 506190,
      feeBps: 30,
      source:
        "DefiLlama/dimension-adapters:factory/uniV2.ts; bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; messari/subgraphs:subgraphs/uniswap-forks/protocols/sushiswap/config/deployments/sushiswap-avalanche/configurations.json; Uniswap/contracts:deployments/json/43114.json",
    },
    {
      id: "trader-joe-v1",
      family: "uniswap-v2",
      factory: asAddress("0x9ad6c38be94206ca50bb0d90783181662f0cfa10"),
      deployBlock: 2486392,
      feeBps: 30,
      source:
        "DefiLlama/dimension-adapters:factory/uniV2.ts; npm:@paraswap/dex-lib@5.0.6:build/dex/uniswap-v2/config.js; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; messari/subgraphs:subgraphs/uniswap-forks/protocols/trader-joe/config/deployments/trader-joe-avalanche/configurations.json",
    },
    {
      id: "pangolin-v2",
      family: "uniswap-v2",
      factory: asAddress("0xefa94de7a4656d787667c749f7e1223d71e9fd88"),
      deployBlock: 56877,
      feeBps: 30,
      source:
        "npm:@paraswap/dex-lib@5.0.6:build/dex/uniswap-v2/config.js; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; messari/subgraphs:subgraphs/uniswap-forks/protocols/pangolin/config/deployments/pangolin-avalanche/configurations.json; DefiLlama/DefiLlama-Adapters:projects/pangolin/index.js",
    },
    {
      id: "arenadex-v2",
      family: "uniswap-v2",
      factory: asAddress("0xf16784dcaf838a3e16bef7711a62d12413c39bd1"),
      deployBlock: 0,
      feeBps: 30,
      source: "DefiLlama/DefiLlama-Adapters:registries/uniswapV2.js; npm:@paraswap/dex-lib@5.0.6:build/dex/uniswap-v2/config.js",
    },
    {
      id: "uniswap-v3",
      family: "uniswap-v3",
      factory: asAddress("0x740b1c1de25031c31ff4fc9a62f554a55cdc1bad"),
      deployBlock: 27832972,
      source:
        "npm:@paraswap/dex-lib@5.0.6:build/dex/uniswap-v3/config.js; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; Uniswap/contracts:deployments/json/43114.json; hummingbot/gateway:src/connectors/uniswap/uniswap.contracts.ts; DefiLlama/DefiLlama-Adapters:projects/uniswap/index.js",
    },
    {
      id: "sushiswap-v3",
      family: "uniswap-v3",
      factory: asAddress("0x3e603c14af37ebdad31709c4f848fc6ad5bec715"),
      deployBlock: 28186391,
      source:
        "bancorprotocol/fastlane-bot:fastlane_bot/data/multichain_addresses.csv; duneanalytics/spellbook:dbt_subprojects/dex/models/automated_trades/dex_mapping.sql; messari/subgraphs:subgraphs/uniswap-v3-forks/protocols/sushiswap-v3/config/deployments/sushiswap-v3-avalanche/configurations.json; DefiLlama/DefiLlama-Adapters:projects/sushiswap-v3/index.js; npm:sushi@4.2.1:config/features/sushiswap-v3.ts",
    },
  ],
  flashLenders: [{ id: "balancer-v2", kind: "balancer-v2", address: asAddress("0xba12222222228d8ba445958a75a0704d566bf2c8") }],
  relays: [],
};
